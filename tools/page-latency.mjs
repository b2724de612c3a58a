/**
 * How soon the page answers a slider: from the input event to the frame that shows the new figures, in a real browser.
 *
 * usage: npm run build && node tools/page-latency.mjs [--moves 30] [MODEL …]
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { findBrowser } from "./find-browser.mjs";

/** Where the slider is dragged back and forth, as its stops. */
const QUESTIONS = {
  "torchvision/resnet50": { low: 12, high: 28, settings: "batch=16&gpu=RTX-4090-24GB" },
  "hf/meta-llama/Llama-3.1-405B": {
    low: 1,
    high: 12,
    settings: "batch=2&gpu=H100-80GB&precision=bf16&sequence=1024&checkpointing=full",
  },
};

/** Between two moves: a hand that drags over one stop after the other. */
const PAUSE_MILLISECONDS = 30;

const { values, positionals } = parseArgs({
  options: { moves: { type: "string", default: "30" } },
  allowPositionals: true,
});
const { chromium } = createRequire(resolve("web/package.json"))("playwright");
const executablePath = findBrowser();
if (!executablePath) throw new Error("no Chromium: see tools/find-browser.mjs");

const server = spawn(process.execPath, ["dist/cli/main.js", "serve", "--port", "0"], {
  stdio: ["ignore", "pipe", "ignore"],
});
const url = await new Promise((found) => createInterface(server.stdout).once("line", found));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  for (const [model, { low, high, settings }] of Object.entries(QUESTIONS)) {
    if (positionals.length > 0 && !positionals.includes(model)) continue;
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(`${url}/?model=${model}&${settings}`);
    await page.waitForSelector("main [aria-busy='false'] [data-figure='device total']", { timeout: 120_000 });
    await page.waitForSelector("[data-figure='largest']", { timeout: 120_000 });
    /** @type {{ total: number, took: number | null }[]} */
    const found = await page.evaluate(measureIn(Number(values.moves), low, high));
    await page.close();
    const ahead = found.filter(({ took }) => took === null).length;
    console.log(
      `${model}: ${found.length} moves, input event to painted ${words(found.map(({ total }) => total))}; ${ahead} were answered ahead, the engine took ${words(found.flatMap(({ took }) => took ?? []))} for the others`,
    );
  }
} finally {
  await browser.close();
  server.kill("SIGTERM");
}

/** @param {number[]} list */
function words(list) {
  const sorted = list.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ share) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
  return `best ${at(0)} ms, median ${at(0.5)} ms, nine in ten ${at(0.9)} ms`;
}

/** Runs in the page, hence text. @param {number} moves @param {number} low @param {number} high */
function measureIn(moves, low, high) {
  return `(async () => {
    const slider = document.getElementById("batch-slider");
    const figure = document.querySelector("[data-figure='device total']");
    const painted = () => new Promise((done) => requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => done(performance.now());
      port2.postMessage(null);
    }));
    const found = [];
    let [at, step] = [Number(slider.value), 1];
    for (let i = 0; i < ${moves}; i++) {
      if (at + step > ${high} || at + step < ${low}) step = -step;
      at += step;
      await painted();
      const start = performance.now();
      const end = await new Promise((done) => {
        const watch = new MutationObserver(() => {
          watch.disconnect();
          void painted().then(done);
        });
        watch.observe(figure, { attributes: true, attributeFilter: ["data-bytes"] });
        slider.value = String(at);
        slider.dispatchEvent(new Event("input", { bubbles: true }));
      });
      const told = document.querySelector(".took").textContent;
      const took = told.includes("ahead") ? null : Number(/[\\d.]+/.exec(told)[0]);
      found.push({ total: end - start, took });
      await new Promise((done) => setTimeout(done, ${PAUSE_MILLISECONDS})); // as a hand would
    }
    return found;
  })()`;
}
