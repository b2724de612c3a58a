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

/** Waits for what stands in the open tab, as it is for the question now. */
async function panelSettled(on: Page = page): Promise<void> {
  await on.waitForFunction(() => {
    const panel = document.querySelector("#panel");
    return panel && !panel.querySelector("[aria-busy='true']") && !/Computing/.test(panel.textContent ?? "");
  });
}

/** Waits for the answer to what the page asks now. */
async function settled(on: Page): Promise<void> {
  await on.waitForSelector("main [aria-busy='false'] [data-figure='device total']");
}

async function open(query: string, on: Page = page): Promise<void> {
  await on.goto(`${url}/${query}`);
  await settled(on);
}

/** As a person drops a file: with a real event of the browser. */
async function drop(where: string, name: string, content: Uint8Array): Promise<void> {
  const file = await page.evaluateHandle(
    ([called, base64]) => {
      const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
      const dropped = new DataTransfer();
      dropped.items.add(new File([bytes], called));
      return dropped;
    },
    [name, Buffer.from(content).toString("base64")] as const,
  );
  await page.locator(where).first().dispatchEvent("drop", { dataTransfer: file });
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

  it("takes files of every format, and says of them what HTTP says", { timeout: 90 * SECONDS }, async () => {
    await open("?model=torchvision/alexnet&batch=2");
    const config = { model_type: "gpt2", n_embd: 64, n_layer: 2, n_head: 2, vocab_size: 100 };
    const made = Buffer.from(JSON.stringify(config));
    for (const [name, content] of [
      ["lenet.pt2", readFileSync("test/fixtures/lenet.pt2")],
      ["grayscale-cnn.yaml", readFileSync("examples/grayscale-cnn.yaml")],
      ["lenet5.json", readFileSync("test/fixtures/keras/lenet5.json")],
      ["config-only.h5", readFileSync("test/fixtures/keras/config-only.h5")],
      ["images.opset17.onnx", readFileSync("src/importers/onnx/fixtures/images.opset17.onnx")],
      ["config.json", made],
    ] as const) {
      const form = new FormData();
      form.set("model", new File([content], name));
      form.set("setup", JSON.stringify({ batch: 2 }));
      const answer = await (await fetch(`${url}/v1/estimate`, { method: "POST", body: form })).json();
      expect(answer.model?.parameterCount, `${name}: ${answer.detail}`).toBeGreaterThan(0);
      await drop("fieldset", name, content);
      await page.waitForFunction(
        ([model, bytes]) =>
          document.querySelector("main [aria-busy='false'] h2")?.textContent?.startsWith(model) &&
          document.querySelector("[data-figure='allocated']")?.getAttribute("data-bytes") === bytes,
        [answer.model.name, String(answer.peak.allocatedBytes)] as const,
      );
    }
  });

  it("gives its figures and its picture away", { timeout: 60 * SECONDS }, async () => {
    const query = "?model=torchvision/resnet18&batch=8&gpu=RTX-3060-12GB";
    await open(query);
    await page.locator("#tab-export").click();
    await panelSettled();
    const taken = async (name: string): Promise<Buffer> => {
      const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.locator("#panel").getByRole("button", { name, exact: true }).click(),
      ]);
      return readFileSync(await download.path());
    };
    expect((await taken("JSON")).toString()).toBe(await (await fetch(`${url}/v1/estimate${query}`)).text());
    expect((await taken("Markdown")).toString()).toContain("| allocated |");
    expect((await taken("SVG")).toString()).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    expect((await taken("PNG")).subarray(1, 4).toString()).toBe("PNG");
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
    await page.locator("#batch-slider").fill("32");
    await page.waitForFunction(() => document.querySelector(".verdict")?.textContent?.includes("not fit"));
    await page.locator("#batch-slider").fill("6");
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

  it("says which devices take it at which batch", { timeout: 60 * SECONDS }, async () => {
    await open("?model=torchvision/resnet18&batch=32&gpu=RTX-3060-12GB");
    await page.locator("#tab-gpus").click();
    await page.waitForSelector("#panel td");
    expect(await page.locator("#panel tbody tr").count()).toBeGreaterThan(20);
    expect(await page.locator("#panel").innerText()).toContain("at batch 32");
  });

  describe("the step over time", () => {
    const timeline = () => page.locator("#timeline");
    const span = async () =>
      Promise.all(
        ["data-from", "data-to", "data-moment"].map((name) => timeline().getAttribute(name).then(Number)),
      );
    const until = (name: string, value: number) =>
      page.waitForSelector(`#timeline[${name}='${value}']`, { state: "attached" });
    let [count, peak] = [0, 0];

    it("begins with all of it, at the peak, and names what is alive", { timeout: 60 * SECONDS }, async () => {
      await open("?model=torchvision/resnet18&batch=32&gpu=RTX-3060-12GB");
      await page.locator("#tab-picture").click();
      await page.waitForSelector("#timeline svg");
      [, count = 0, peak = 0] = await span();
      expect(count).toBeGreaterThan(100);
      const alive = page.locator(".alive");
      expect(await alive.innerText()).toContain("the peak");
      expect(await alive.locator("li").count()).toBe(12);
      expect(await page.locator(".timeline .pin").innerText()).toContain("peak");
    });

    it("is walked and zoomed by keys", { timeout: 40 * SECONDS }, async () => {
      await timeline().focus();
      await page.keyboard.press("Home");
      await until("data-moment", 0);
      await page.keyboard.press("ArrowRight");
      await until("data-moment", 1);
      expect(await timeline().getAttribute("aria-valuetext")).toContain("moment 2 of");
      const first = await page.locator(".alive h3").innerText();
      await page.keyboard.press("p");
      await until("data-moment", peak);
      expect(await page.locator(".alive h3").innerText()).not.toBe(first);
      await page.keyboard.press("+");
      await page.waitForFunction(
        (all) =>
          Number(document.querySelector<HTMLElement>("#timeline")?.dataset["to"]) -
            Number(document.querySelector<HTMLElement>("#timeline")?.dataset["from"]) <
          all,
        count,
      );
      const [from = 0, to = 0] = await span();
      expect(to - from).toBe(Math.round(count / 2));
      expect(peak >= from && peak < to).toBe(true);
      await page.keyboard.press("0");
      await until("data-to", count);
    });

    it("is zoomed by wheel and by dragging over a stretch, and hovered", {
      timeout: 40 * SECONDS,
    }, async () => {
      await timeline().scrollIntoViewIfNeeded();
      const box = await timeline().boundingBox();
      if (!box) throw new Error("no timeline");
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      await page.mouse.move(x, y);
      await page.waitForFunction((middle) => {
        const at = Number(document.querySelector<HTMLElement>("#timeline")?.dataset["moment"]);
        return Math.abs(at - middle) < middle / 5;
      }, count / 2);
      const [, , hovered = 0] = await span();
      expect(await page.locator(".alive h3").innerText()).toContain(
        `moment ${(hovered + 1).toLocaleString("en")} `,
      );
      await page.mouse.wheel(0, -100);
      await page.waitForFunction(
        (all) =>
          Number(document.querySelector<HTMLElement>("#timeline")?.dataset["to"]) -
            Number(document.querySelector<HTMLElement>("#timeline")?.dataset["from"]) <
          all,
        count,
      );
      await page.getByRole("button", { name: "All of the step" }).click();
      await until("data-to", count);
      await page.mouse.move(x, y);
      await page.mouse.down();
      await page.mouse.move(x + box.width / 8, y, { steps: 3 });
      await page.mouse.up();
      await page.waitForFunction(
        (all) => Number(document.querySelector<HTMLElement>("#timeline")?.dataset["to"]) < all,
        count,
      );
      const [from = 0, to = 0] = await span();
      expect(from).toBeGreaterThan(count / 3);
      expect(to - from).toBeLessThan(count / 4);
    });
  });

  it("sets what was measured beside the answer", { timeout: 60 * SECONDS }, async () => {
    await open("?model=torchvision/alexnet&batch=2");
    const sent: string[] = [];
    page.on("request", (request) => {
      if (request.method() !== "GET") sent.push(request.url());
    });
    await page.locator("input[type=file]").first().setInputFiles("test/fixtures/lenet.pt2");
    await page.waitForFunction(() => document.querySelector("main h2")?.textContent?.startsWith("lenet"));
    await page.locator("input[aria-label='Batch, as a number']").fill("16");
    await settled(page);
    await page.locator("#tab-measured").click();
    for (const [file, format, what] of [
      ["lenet_trace.json.gz", "profiler-trace", "module"],
      ["lenet_snapshot.pickle.gz", "memory-snapshot", "group"],
    ] as const) {
      await page.locator("#recording").setInputFiles(`test/fixtures/recordings/${file}`);
      await page.waitForFunction(
        (name) => document.querySelector("#panel strong")?.textContent === name,
        file,
      );
      await panelSettled();
      const form = new FormData();
      form.set("model", new File([readFileSync("test/fixtures/lenet.pt2")], "lenet.pt2"));
      form.set("recording", new File([readFileSync(`test/fixtures/recordings/${file}`)], file));
      form.set("setup", JSON.stringify({ batch: 16 }));
      const report = await (await fetch(`${url}/v1/compare`, { method: "POST", body: form })).json();
      expect(report.recording.format).toBe(format);
      const cell = page.locator("[data-measured='figure allocated']");
      expect(Number(await cell.getAttribute("data-bytes"))).toBe(report.measured.allocatedBytes);
      expect(await page.locator(`[data-measured^='${what} ']`).count()).toBeGreaterThan(1);
      expect(await page.locator(".differences li").count()).toBe(report.largestDifferences.length);
    }
    await drop("label.drop", "no.json", Buffer.from("no"));
    await page.waitForSelector("#panel .wrong");
    expect(await page.locator("#panel .wrong").innerText()).toContain("expected");
    // dropped as a model it is taken for what it is, and the model stays
    await drop(
      "fieldset",
      "lenet_trace.json.gz",
      readFileSync("test/fixtures/recordings/lenet_trace.json.gz"),
    );
    await page.waitForSelector("[data-measured='figure allocated']");
    expect(await page.locator("main h2").innerText()).toContain("lenet");
    expect(sent).toEqual([]);
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
    const queries = models.flatMap((model) => setups.map((setup) => `?model=${model}&batch=2${setup}`));
    const differing = await page.evaluate(async (asked) => {
      const figure = (name: string) =>
        Number(document.querySelector(`[data-figure='${name}']`)?.getAttribute("data-bytes"));
      const wrong: object[] = [];
      for (const query of asked) {
        history.pushState(null, "", query);
        dispatchEvent(new PopStateEvent("popstate"));
        const answer = await (await fetch(`./v1/estimate${query}`)).json();
        const expected = [
          answer.peak.allocatedBytes,
          answer.peak.reservedBytes,
          answer.peak.deviceTotalBytes,
        ];
        const isThere = () => document.querySelector("main [aria-busy='false'] [data-figure='device total']");
        do await new Promise((drawn) => requestAnimationFrame(drawn));
        while (!isThere());
        const shown = [figure("allocated"), figure("reserved"), figure("device total")];
        if (String(shown) !== String(expected)) wrong.push({ query, shown, expected });
      }
      return wrong;
    }, queries);
    expect(queries).toHaveLength(50);
    expect(differing).toEqual([]);
  });

  it("has no serious finding of axe, in light and dark, in every tab", {
    timeout: 120 * SECONDS,
  }, async () => {
    const axe = readFileSync(
      createRequire(resolve("web/package.json")).resolve("axe-core/axe.min.js"),
      "utf8",
    );
    await open("?model=torchvision/resnet18&batch=8&gpu=RTX-3060-12GB");
    await page.evaluate(axe);
    const check = async (selector: string, rules: readonly string[] | null): Promise<string[]> =>
      page.evaluate(
        async ([where, only]) => {
          interface Axe {
            run(where: string, options: object): Promise<{ violations: Violation[] }>;
          }
          interface Violation {
            readonly id: string;
            readonly impact: string;
            readonly nodes: readonly { readonly html: string }[];
          }
          const { axe: run } = globalThis as unknown as { axe: Axe }; // as: it was just put there
          const { violations } = await run.run(where, only ? { runOnly: only } : {});
          return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
        },
        [selector, rules] as const,
      );
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      expect(await check("body", null), scheme).toEqual([]);
      for (const tab of await page.getByRole("tab").all()) {
        await tab.click();
        await panelSettled();
        // what the colours do not change was seen in the light
        const found = await check("#panel", scheme === "light" ? null : ["color-contrast"]);
        expect(found, `${scheme} ${await tab.innerText()}`).toEqual([]);
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
  });

  it("fits 360 px, a laptop and 4K; pictures are kept", { timeout: 60 * SECONDS }, async () => {
    await open("?model=torchvision/resnet50&batch=256&gpu=RTX-4090-24GB");
    for (const [width, height] of [
      [360, 740],
      [1280, 900],
      [3840, 2160],
    ] as const) {
      await page.setViewportSize({ width, height });
      await page.locator("#tab-peak").click();
      await page.waitForSelector("[data-figure='largest']");
      await panelSettled();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.screenshot({ path: `${PICTURES}/page-${width}.png`, fullPage: true });
      await page.locator("#tab-picture").click();
      await page.waitForSelector("#timeline svg");
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
      await page.screenshot({ path: `${PICTURES}/timeline-${width}.png`, fullPage: true });
    }
  });

  it("had no error on the way", () => {
    expect(problems).toEqual([]);
  });
});
