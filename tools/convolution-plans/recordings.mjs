/**
 * Recorded plans of cuDNN as problems with the scratch they take: the rows of `workspaces.csv.gz` and of further files
 * with the same first columns.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { problemOf } from "../../dist/frameworks/pytorch/convolution-workspace/problem.js";

/** @import { DType } from "../../dist/base/dtype.js" */
/** @import { Problem } from "../../dist/frameworks/pytorch/convolution-workspace/problem.js" */
/**
 * @typedef {object} Recording
 * @property {string} table the tree that decides it
 * @property {string} shape what the problem is whatever GPU, type and direction
 * @property {string} family channels, groups and window: problems of a family are held out together
 * @property {Problem} problem
 * @property {number} scratch bytes that the first plan takes
 * @property {number} deterministic the same among deterministic plans; NaN where it was not recorded
 */

/** @type {Readonly<Record<string, string>>} */
const CAPABILITY = {
  V100: "7.0",
  T4: "7.5",
  A100: "8.0",
  RTX3090: "8.6",
  RTX4090: "8.9",
  H100: "9.0",
  B200: "10.0",
  RTX5090: "12.0",
};
/** GPUs that are the same to cuDNN as one above. */
const SAME = new Set(["RTX3060", "A100-40"]);
const DIRECTIONS = /** @type {const} */ ({
  fwd: "forward",
  dgrad: "input gradient",
  wgrad: "weight gradient",
});

/**
 * @param {string} file
 * @returns {Recording[]}
 */
export function readRecordings(file) {
  const raw = readFileSync(file);
  const lines = (file.endsWith(".gz") ? gunzipSync(raw) : raw).toString("utf8").trim().split("\n");
  const names = /** @type {string} */ (lines.shift()).split(",");
  const recordings = [];
  for (const line of lines) {
    const cells = line.split(",");
    const row = Object.fromEntries(names.map((name, i) => [name, cells[i] ?? ""]));
    const recording = row["first_ws"] === "" || SAME.has(row["gpu"] ?? "") ? null : recordingOf(row);
    if (!recording) continue;
    recordings.push(recording);
    const [table, scratch] = [`${recording.table} largest`, Number(row["all_max"])];
    if (row["all_max"]) recordings.push({ ...recording, table, scratch, deterministic: Number.NaN });
  }
  return recordings;
}

/**
 * @param {Readonly<Record<string, string | undefined>>} row
 * @returns {Recording | null}
 */
function recordingOf(row) {
  const capability = CAPABILITY[row["gpu"] ?? ""];
  const size = (/** @type {string} */ name) => Number(row[name]);
  const [N, C, K, R, S, G] = ["N", "C", "K", "R", "S", "groups"].map(size);
  const [sh, sw, ph, pw, dh, dw] = ["sh", "sw", "ph", "pw", "dh", "dw"].map(size);
  if (N === undefined || C === undefined || K === undefined || R === undefined || S === undefined || !G)
    return null;
  const layout = row["layout"] === "NHWC" ? "nhwc" : "nchw";
  // PyTorch runs these with kernels of its own, some in float16 excepted
  const depthwise = G > 1 && G === C && layout === "nchw";
  if (capability === undefined || (depthwise && row["dtype"] !== "fp16")) return null;
  const old = Number(capability) < 8;
  const kind = old && row["dtype"] === "tf32" ? "fp32" : row["dtype"];
  if (old && kind === "bf16") return null;
  /** @type {DType} */
  const dtype = kind === "fp16" ? "float16" : kind === "bf16" ? "bfloat16" : "float32";
  const out = (
    /** @type {"H" | "W"} */ side,
    /** @type {number[]} */ [kernel = 1, stride = 1, pad = 0, dilation = 1],
  ) => Math.floor((size(side) + 2 * pad - dilation * (kernel - 1) - 1) / stride) + 1;
  const spec = (/** @type {number[]} */ shape) => ({
    shape,
    strides: [],
    dtype,
  });
  const direction = DIRECTIONS[/** @type {keyof typeof DIRECTIONS} */ (row["dir"])];
  const problem = problemOf(direction, {
    input: spec([N, C, size("H"), size("W")]),
    weight: spec([K, C / G, R, S]),
    output: spec([N, K, out("H", [R, sh, ph, dh].map(Number)), out("W", [S, sw, pw, dw].map(Number))]),
    stride: [Number(sh), Number(sw)],
    padding: [Number(ph), Number(pw)],
    groups: G,
    transposed: false,
    channelsLast: layout === "nhwc",
  });
  return {
    table: `${capability} ${kind} ${layout} ${direction}${depthwise ? " depthwise" : ""}`,
    shape: [N, C, size("H"), size("W"), K, R, S, sh, sw, ph, pw, dh, dw, G].join(" "),
    family: [C, K, R, S, G].join(" "),
    problem,
    scratch: size("first_ws"),
    deterministic: row["deterministic_ws"] ? size("deterministic_ws") : Number.NaN,
  };
}
