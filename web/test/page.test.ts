/** The page in a real browser, served as people serve it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../tools/find-browser.mjs";
import { isBuilt } from "../../test/run-cli.js";

const CLI = "dist/cli/main.js";
const SECONDS = 1000;
/** Pictures of the page, for people to look at. */
const PICTURES = "dist/review";
const browserFile = findBrowser();
const isReady = isBuilt && browserFile !== null;
const because = isReady ? "" : " (skipped: needs dist/ and Chromium, see tools/find-browser.mjs)";

let server: ChildProcess;
let url = "";
let browser: Browser;
let context: BrowserContext;
let page: Page;
const problems: string[] = [];

beforeAll(async () => {
  if (!isReady) return;
  mkdirSync(PICTURES, { recursive: true });
  server = spawn(process.execPath, [CLI, "serve", "--port", "0"], { stdio: ["ignore", "pipe", "ignore"] });
  const output = createInterface(server.stdout as NodeJS.ReadableStream); // as: stdio says pipe
  url = await new Promise((found) => output.once("line", found));
  browser = await chromium.launch({ executablePath: browserFile ?? "", args: ["--no-sandbox"] });
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
  page.on("pageerror", ({ message }) => problems.push(message));
  page.on("console", (message) => {
    if (message.type() === "error") problems.push(message.text());
  });
}, 60 * SECONDS);

afterAll(async () => {
  await browser?.close();
  server?.kill("SIGKILL");
});

/** Waits for the answer to what the page asks now. */
async function settled(on: Page): Promise<void> {
  await on.waitForSelector("main [aria-busy='false'] [data-figure='device total']");
}

async function open(query: string, on: Page = page): Promise<void> {
  await on.goto(`${url}/${query}`);
  await settled(on);
}

/** As `open`, without loading the page again: as the back button does. */
async function go(query: string): Promise<void> {
  await page.evaluate(async (address) => {
    history.pushState(null, "", address);
    dispatchEvent(new PopStateEvent("popstate"));
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
  }, query);
  await settled(page);
}

const figure = (name: string, on: Page = page): Promise<number> =>
  on.locator(`[data-figure='${name}']`).getAttribute("data-bytes").then(Number);
const verdict = (): Promise<string> => page.locator(".verdict").innerText();

interface Answer {
  readonly peak: {
    readonly allocatedBytes: number;
    readonly reservedBytes: number;
    readonly deviceTotalBytes: number;
  };
  readonly atPeak: Readonly<Record<string, number>>;
}
const overHttp = async (query: string): Promise<Answer> => (await fetch(`${url}/v1/estimate${query}`)).json();

describe.skipIf(!isReady)(`the page${because}`, () => {
  it("picks a model by keyboard alone", { timeout: 40 * SECONDS }, async () => {
    await open("?model=torchvision/alexnet&batch=4");
    await page.locator(".skip").focus();
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press("Tab");
      if ((await page.evaluate(() => document.activeElement?.id)) === "search") break;
    }
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("search");
    await page.keyboard.type("resnet18");
    await page.waitForSelector("#name-0");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector("main h2")?.textContent?.includes("resnet18"));
    await settled(page);
    const chosen =
      new URL(page.url()).searchParams.get("model") ?? (await page.locator(".chosen strong").innerText());
    const answer = await overHttp(`?model=${chosen}&batch=4`);
    expect(await figure("allocated")).toBe(answer.peak.allocatedBytes);
    await page.locator("#tab-peak").focus();
    await page.keyboard.press("ArrowRight");
    expect(await page.locator("#tab-picture").getAttribute("aria-selected")).toBe("true");
  });

  it("takes files of every format", { timeout: 40 * SECONDS }, async () => {
    const files = [
      ["test/fixtures/lenet.pt2", 61_706],
      ["examples/grayscale-cnn.yaml", 19_072_984],
    ] as const;
    for (const [file, parameters] of files) {
      await open("?model=torchvision/alexnet&batch=8");
      await page.locator("input[type=file]").setInputFiles(file);
      await page.waitForFunction(
        (count) => document.querySelector("main h2")?.textContent?.includes(count),
        parameters.toLocaleString("en"),
      );
    }
    await open("?model=torchvision/alexnet&batch=1");
    const config = JSON.stringify({
      model_type: "gpt2",
      n_embd: 64,
      n_layer: 2,
      n_head: 2,
      vocab_size: 100,
      n_positions: 1024,
    });
    await page
      .locator("input[type=file]")
      .setInputFiles({ name: "config.json", mimeType: "application/json", buffer: Buffer.from(config) });
    await page.waitForFunction(
      () => document.querySelector("main h2")?.textContent?.startsWith("config") ?? false,
    );
  });

  it("marks a mistake in a spec at its line, and answers when it is mended", {
    timeout: 40 * SECONDS,
  }, async () => {
    await open("?model=torchvision/alexnet&batch=8");
    await page.getByRole("button", { name: "Write a network" }).click();
    await settled(page);
    const good = await page.locator("#spec").inputValue();
    await page.locator("#spec").fill(good.replace("maxpool: 2", "maxpol: 2"));
    await page.waitForSelector(".lines li.bad");
    expect(await page.locator("#spec-problem").innerText()).toContain("maxpool");
    expect(await page.locator(".wrong").innerText()).toContain("expected");
    await page.locator("#spec").fill(good);
    await page.waitForSelector(".wrong", { state: "detached" });
  });

  it("slides the batch across the load line", { timeout: 40 * SECONDS }, async () => {
    await open("?model=torchvision/resnet50&batch=8&gpu=RTX-3060-12GB");
    expect(await verdict()).toContain("Fits");
    await page.locator("#batch-slider").fill("10");
    await page.waitForFunction(() => document.querySelector(".verdict")?.textContent?.includes("not fit"));
    await page.locator("#batch-slider").fill("3");
    await page.waitForFunction(() => document.querySelector(".verdict")?.textContent?.includes("Fits"));
  });

  it("applies advice with one click, and takes it back", { timeout: 60 * SECONDS }, async () => {
    await open("?model=torchvision/resnet50&batch=256&gpu=RTX-3060-12GB");
    expect(await verdict()).toContain("not fit");
    const before = await figure("device total");
    await page.locator("#tab-advice").click();
    await page.getByRole("button", { name: "Apply all" }).click();
    await page.waitForFunction(() => /fits|tight/i.test(document.querySelector(".verdict")?.className ?? ""));
    await page.getByRole("button", { name: "Undo the last change" }).click();
    await page.waitForFunction(() => document.querySelector(".verdict")?.textContent?.includes("not fit"));
    expect(await figure("device total")).toBe(before);
  });

  it("draws the step, and which devices take it", { timeout: 60 * SECONDS }, async () => {
    await open("?model=torchvision/resnet18&batch=32&gpu=RTX-3060-12GB");
    await page.locator("#tab-picture").click();
    await page.waitForSelector("#panel .picture svg");
    await page.locator("#tab-gpus").click();
    await page.waitForSelector("#panel td");
    expect(await page.locator("#panel tbody tr").count()).toBeGreaterThan(20);
  });

  it("has everything in its address, for others and for the back button", {
    timeout: 60 * SECONDS,
  }, async () => {
    await open("?model=torchvision/resnet18&batch=8&gpu=A100-80GB");
    await page.getByLabel("Precision").selectOption("amp-bf16");
    await page.waitForFunction(() => location.search.includes("precision=amp-bf16"));
    await settled(page);
    const allocated = await figure("allocated");
    const fresh = await browser.newContext();
    const other = await fresh.newPage();
    await other.goto(page.url());
    await settled(other);
    expect(await figure("allocated", other)).toBe(allocated);
    await fresh.close();
    await page.goBack();
    await page.waitForFunction(
      (before) => document.querySelector("[data-figure='allocated']")?.getAttribute("data-bytes") !== before,
      String(allocated),
    );
    expect(await page.getByLabel("Precision").inputValue()).toBe("");
  });

  it("shares a spec in the address", { timeout: 40 * SECONDS }, async () => {
    await open("?model=torchvision/alexnet&batch=8");
    await page.locator("input[type=file]").setInputFiles("examples/grayscale-cnn.yaml");
    await page.waitForFunction(() => location.hash.startsWith("#s="));
    const fresh = await browser.newContext();
    const other = await fresh.newPage();
    await other.goto(page.url());
    await settled(other);
    expect(await other.locator("main h2").innerText()).toContain("19,072,984");
    await fresh.close();
  });

  it("works without a network once it was there", { timeout: 60 * SECONDS }, async () => {
    const own = await browser.newContext();
    const offline = await own.newPage();
    await offline.goto(`${url}/?model=torchvision/resnet18&batch=8`);
    await settled(offline);
    await offline.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await offline.reload(); // the worker sees the catalogue's file
    await settled(offline);
    await own.setOffline(true);
    await offline.reload();
    await settled(offline);
    expect(await figure("allocated", offline)).toBeGreaterThan(0);
    await own.close();
  });

  it("says what HTTP says, for 50 models and setups", { timeout: 120 * SECONDS }, async () => {
    await open("?model=torchvision/alexnet&batch=1");
    const models = [
      "torchvision/resnet18",
      "torchvision/mobilenet_v2",
      "torchvision/alexnet",
      "timm/vit_tiny_patch16_224",
      "hf/openai-community/gpt2",
    ];
    const setups = [
      "",
      "&optimizer=sgd",
      "&precision=amp-bf16",
      "&precision=bf16",
      "&mode=inference",
      "&accumulate=2",
      "&gpu=A100-80GB",
      "&zeroGrad=keep",
      "&step=first",
      "&optimizer=adam:fused",
    ];
    for (const model of models)
      for (const setup of setups) {
        const query = `?model=${model}&batch=2${setup}`;
        await go(query);
        const { peak } = await overHttp(query);
        expect(
          [await figure("allocated"), await figure("reserved"), await figure("device total")],
          query,
        ).toEqual([peak.allocatedBytes, peak.reservedBytes, peak.deviceTotalBytes]);
      }
  });

  it("has no serious finding of axe, in light and dark, in every tab", {
    timeout: 90 * SECONDS,
  }, async () => {
    const axe = readFileSync(
      createRequire(resolve("web/package.json")).resolve("axe-core/axe.min.js"),
      "utf8",
    );
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      await open("?model=torchvision/resnet18&batch=8&gpu=RTX-3060-12GB");
      await page.evaluate(axe);
      for (const tab of await page.getByRole("tab").all()) {
        await tab.click();
        await page.waitForFunction(
          () => !document.querySelector("#panel")?.textContent?.includes("Computing"),
        );
        const found = await page.evaluate(async () => {
          const { violations } = await (
            globalThis as unknown as {
              axe: {
                run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
              };
            }
          ).axe.run(); // axe was just put there
          return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
        });
        expect(found, `${scheme} ${await tab.innerText()}`).toEqual([]);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
  });

  it("fits 360 px, a laptop and 4K; pictures are kept", { timeout: 60 * SECONDS }, async () => {
    for (const [width, height] of [
      [360, 740],
      [1280, 900],
      [3840, 2160],
    ] as const) {
      await page.setViewportSize({ width, height });
      await open("?model=torchvision/resnet50&batch=256&gpu=RTX-4090-24GB");
      await page.waitForTimeout(1500);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.screenshot({ path: `${PICTURES}/page-${width}.png`, fullPage: true });
    }
  });

  it("had no error on the way", () => {
    expect(problems).toEqual([]);
  });
});
