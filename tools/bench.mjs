/**
 * `npm run bench`: how long the command and the library take, beside a bare `node -e 0` of the same run.
 *
 * usage: node tools/bench.mjs [--check] [--rounds N]
 * `--check` fails when a median is over its budget. Commands are run in turns, so that load hits all of them alike.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { estimate, readModel } from "../dist/index.js";

const MODEL = "test/fixtures/models/resnet50.pt2";
const COMMANDS = [
  { name: "node -e 0", args: ["-e", "0"] },
  { name: "plimsoll --version", args: ["dist/cli/main.js", "--version"], budget: 25 },
  {
    name: "plimsoll estimate resnet50.pt2 --json",
    args: ["dist/cli/main.js", "estimate", MODEL, "--json"],
    budget: 150,
  },
];
const WARM_BUDGET = 2;
const WARM_UP_SECONDS = 2;
const WARM_RUNS = 300;

const { values } = parseArgs({
  options: { check: { type: "boolean" }, rounds: { type: "string", default: "15" } },
});
/** @param {readonly number[]} times */
const median = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

/** @param {number} rounds */
function timeCommands(rounds) {
  /** @type {number[][]} */
  const times = COMMANDS.map(() => []);
  for (let round = 0; round < rounds; round++) {
    COMMANDS.forEach(({ name, args }, i) => {
      const start = performance.now();
      const { status } = spawnSync(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
      times[i]?.push(performance.now() - start);
      if (status !== 0) throw new Error(`${name} ended with ${status}`);
    });
  }
  return times.map(median);
}

/**
 * Milliseconds of a question that was asked before, and of one at a batch that was not.
 * @param {boolean} anew
 */
async function timeWarmEstimate(anew) {
  const model = await readModel(new Uint8Array(readFileSync(MODEL)), { name: "resnet50.pt2" });
  let batch = 32;
  const ask = () => estimate(model, { batch: anew ? ++batch : batch, optimizer: "adamw" });
  for (const until = performance.now() + WARM_UP_SECONDS * 1000; performance.now() < until; ) ask();
  /** @type {number[]} */
  const times = [];
  for (let run = 0; run < WARM_RUNS; run++) {
    const start = performance.now();
    ask();
    times.push(performance.now() - start);
  }
  return median(times);
}

const [bare = 1, ...rest] = timeCommands(Number(values.rounds));
console.log(
  `node -e 0                                ${bare.toFixed(1)} ms  (medians of ${values.rounds} rounds)`,
);
/** @type {string[]} */
const over = [];
rest.forEach((time, i) => {
  const { name, budget = 0 } = COMMANDS[i + 1] ?? { name: "" };
  const extra = time - bare;
  const figures = `${time.toFixed(1)} ms  ${(time / bare).toFixed(2)}x  +${extra.toFixed(1)} ms`;
  console.log(`${name.padEnd(40)} ${figures}  (budget +${budget} ms)`);
  if (extra > budget) over.push(name);
});
const warm = await timeWarmEstimate(false);
console.log(`${"warm estimate of ResNet-50".padEnd(40)} ${warm.toFixed(2)} ms  (budget ${WARM_BUDGET} ms)`);
const anew = await timeWarmEstimate(true);
console.log(`${"  at a batch not asked before".padEnd(40)} ${anew.toFixed(2)} ms`);
if (warm > WARM_BUDGET) over.push("warm estimate");
if (values.check && over.length > 0) {
  console.error(`over budget: ${over.join(", ")}`);
  process.exitCode = 1;
}
