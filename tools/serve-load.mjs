/**
 * How `plimsoll serve` stands load: a steady rate of ResNet-50 estimates, then many mixed requests of which one in twenty is
 * hostile, then SIGTERM under load. Prints figures; ends with 1 when a promise is broken.
 *
 * usage: node tools/serve-load.mjs [--seconds 10] [--rate 500] [--mixed 10000]
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "10" },
    rate: { type: "string", default: "500" },
    mixed: { type: "string", default: "10000" },
  },
});
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
const LENET = readFileSync("test/fixtures/lenet.pt2");
/** @type {string[]} */
const broken = [];

/**
 * @param {string} url
 * @param {{ method?: string, body?: Buffer | string, headers?: Record<string, string> }} [init]
 * @returns {Promise<{ status: number, text: string }>}
 */
function ask(url, { method = "GET", body, headers = {} } = {}) {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent, method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", reject);
    });
    call.on("error", reject);
    call.end(body);
  });
}

async function start() {
  const child = spawn(process.execPath, ["dist/cli/main.js", "serve", "--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [url] = await new Promise((resolve) =>
    createInterface(child.stdout).once("line", (line) => resolve([line])),
  );
  return { child, url: String(url) };
}

/** @param {number} pid */
const rss = (pid) =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;

/** @param {readonly number[]} times @param {number} share */
const quantile = (times, share) => times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;

/** @param {string} url */
async function steadyRate(url) {
  const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
  const question = `${url}/v1/estimate?model=torchvision/resnet50&batch=32&gpu=a100`;
  await ask(question);
  /** @type {number[]} */
  const times = [];
  /** @type {Promise<void>[]} */
  const all = [];
  const begin = performance.now();
  for (let sent = 0; sent < rate * seconds; ) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - begin) / 1000) * rate));
    for (; sent < due; sent++) {
      const from = performance.now();
      all.push(
        ask(question).then(({ status }) => {
          times.push(performance.now() - from);
          if (status !== 200) broken.push(`estimate answered ${status}`);
        }),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(all);
  const took = (performance.now() - begin) / 1000;
  console.log(
    `ResNet-50: ${(times.length / took).toFixed(0)} requests/s, p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms`,
  );
}

const MODELS = [
  "torchvision/resnet18",
  "torchvision/mobilenet_v2",
  "timm/vit_tiny_patch16_224",
  "hf/openai-community/gpt2",
];
const json = { "content-type": "application/json" };
const bytes = { "content-type": "application/octet-stream" };
const deep = `{"model":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`;
/** @type {readonly ((url: string, i: number) => ReturnType<typeof ask>)[]} */
const HOSTILE = [
  (url) => ask(`${url}/v1/estimate`, { method: "POST", body: "{", headers: json }),
  (url) => ask(`${url}/v1/estimate`, { method: "POST", body: deep, headers: json }),
  (url, i) =>
    ask(`${url}/v1/estimate?name=x.pt2`, {
      method: "POST",
      body: LENET.subarray(0, (i * 37) % LENET.length),
      headers: bytes,
    }),
  (url) => ask(`${url}/v1/estimate?model=torchvision/resnet18&batch=99999999999999`),
  (url) => ask(`${url}/v1/estimate?model=${"../".repeat(200)}etc/passwd`),
  (url, i) => ask(`${url}/v1/nothing${i}`),
  (url) =>
    ask(`${url}/v1/estimate`, {
      method: "POST",
      body: "schema: plimsoll/spec@1\nlayers: [" + "[".repeat(5000),
      headers: bytes,
    }),
];

/** @param {number} i */
function hostile(i) {
  const kind = HOSTILE[Math.floor(i / 20) % HOSTILE.length];
  if (!kind) throw new Error("there is one of every kind");
  return kind;
}

/** @param {string} url @param {number} pid */
async function mixed(url, pid) {
  const total = Number(values.mixed);
  const counts = { good: 0, hostile: 0 };
  let at = 0;
  let early = 0;
  const worker = async () => {
    for (let i = at++; i < total; i = at++) {
      if (i === Math.floor(total / 4)) early = rss(pid);
      const isHostile = i % 20 === 7;
      const { status, text } = isHostile
        ? await hostile(i)(url, i)
        : await ask(`${url}/v1/estimate?model=${MODELS[i % MODELS.length]}&batch=${1 + (i % 50)}`);
      if (isHostile) {
        counts.hostile++;
        if (status < 400 || status > 499 || !text.includes('"hint"'))
          broken.push(`hostile request ${i} got ${status}`);
      } else {
        counts.good++;
        if (status !== 200) broken.push(`request ${i} got ${status}: ${text.slice(0, 200)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  const late = rss(pid);
  console.log(
    `mixed: ${counts.good} good, ${counts.hostile} hostile; RSS ${early.toFixed(0)} MiB at a quarter, ${late.toFixed(0)} MiB at the end`,
  );
  if (late > early * 1.1) broken.push(`RSS grew by ${((late / early - 1) * 100).toFixed(0)} %`);
}

/** @param {string} url @param {import("node:child_process").ChildProcess} child */
async function endUnderLoad(url, child) {
  const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  let lost = 0;
  let answered = 0;
  const all = Array.from({ length: 200 }, (_, i) =>
    ask(`${url}/v1/estimate?model=torchvision/resnet50&batch=${100 + i}`).then(
      ({ status }) => (status === 200 ? answered++ : lost++),
      // a connection that was refused was never accepted
      (error) => (error.code === "ECONNREFUSED" ? 0 : lost++),
    ),
  );
  await new Promise((resolve) => setTimeout(resolve, 100));
  child.kill("SIGTERM");
  await Promise.all(all);
  console.log(`SIGTERM under load: ${answered} answered, ${lost} lost, exit code ${await ended}`);
  if (lost > 0) broken.push(`${lost} accepted requests were lost`);
}

const { child, url } = await start();
await steadyRate(url);
await mixed(url, child.pid ?? 0);
await endUnderLoad(url, child);
for (const line of [...new Set(broken)].slice(0, 8)) console.error(`broken: ${line}`);
process.exitCode = broken.length > 0 ? 1 : 0;
agent.destroy();
