/**
 * What other tools and rules say about the recorded steps, beside what Plimsoll says.
 *
 * Reads    counts of the model (parameters, layer outputs), as `plimsoll by-hand MODEL` takes them
 * Ignores  tools that run the step (PyTorch's MemTracker, xMem, profilers): no formula states their answer; what they
 *          report about themselves is quoted from the list of peers
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { byHand, explain } from "../../dist/index.js";
import { readCsv } from "./csv.mjs";
import { scoreOf } from "./figures.mjs";

/** @import { Claim, Compared, ImportedModel, Peer, PeerCount, PeerRow, Recorded, RecordedCase } from "./types.js" */

const GiB = 1024 ** 3;
const DEEPSPEED =
  "https://deepspeed.readthedocs.io/en/latest/memory.html, runtime/zero (no offload, total_gpus = 1)";
const isSixteenBit = (/** @type {PeerCount} */ { precision }) => precision !== "fp32";

/**
 * A rule that the library itself shows (`plimsoll by-hand`), found by how its name begins.
 * @type {(start: string, formula: string) => Peer}
 */
function ofLibrary(start, formula) {
  const one = { activations: 1, parameterLayerActivations: 1, parameters: 1, inputElements: 1, batch: 1 };
  const { name = start, source = "" } = byHand(one).rules.find((rule) => rule.name.startsWith(start)) ?? {};
  return {
    name,
    formula,
    source,
    bytes: (count) => byHand(handCount(count)).rules.find((rule) => rule.name === name)?.bytes,
  };
}

/** @param {PeerCount} count */
function handCount({
  activations,
  parameterLayerActivations,
  parameters,
  inputElements,
  batch,
  bytesPerElement,
}) {
  return { activations, parameterLayerActivations, parameters, inputElements, batch, bytesPerElement };
}

/**
 * Add a rule here. Letters as in types.d.ts: P parameters, A outputs of all layers for one sample, Aw those of layers
 * with parameters, I one sample, B batch, e bytes of an element, k optimizer states.
 * @type {readonly Peer[]}
 */
// biome-ignore format: one line per rule
const PEERS = [
  ofLibrary("CS231n",            "e (A + 3 P + B I)"),
  ofLibrary("the question's",    "e (A + 3 P + B I + B A)"),
  ofLibrary("the thread's",      "e (2 B A + 3 P + B I)"),
  ofLibrary("backward is",       "3 e (B A + P + B I)"),
  ofLibrary("torchsummary",      "e (B I + 2 B A + P)"),
  ofLibrary("torchinfo",         "e (B I + 2 B Aw + P)"),
  ofLibrary("Keras",             "e (B A + P)"),
  ofLibrary("accelerate",        "4 e P"),
  { name: "accelerate estimate-memory, float16", formula: "4 B x max(P, 1.5 P, 2 P)", source: "https://github.com/huggingface/accelerate, commands/estimate.py (estimate_training_usage, float16; peak of its four moments)", bytes: (count) => (isSixteenBit(count) ? 8 * count.parameters : undefined) },
  ofLibrary("16 bytes",          "16 B x P"),
  ofLibrary("18 bytes",          "18 B x P"),
  { name: "DeepSpeed estimate_zero2_model_states_mem_needs", formula: "4 P + 16 P", source: DEEPSPEED, bytes: ({ parameters }) => 20 * parameters },
  { name: "DeepSpeed estimate_zero3_model_states_mem_needs", formula: "18 P + 4 x parameters of the largest layer", source: DEEPSPEED, bytes: ({ parameters, largestLayerParameters }) => 18 * parameters + 4 * largestLayerParameters },
  { name: "model states alone", formula: "parameters + gradients + optimizer states, as they are", source: "ZeRO, Rajbhandari et al. 2020, section 3.1 (arXiv:1910.02054): the part of memory that does not depend on the batch", bytes: ({ stateBytes }) => stateBytes },
  { name: "How_Much_VRAM", formula: "1.2 e (B A + B I + P + P + k P) + 0.2 GiB", source: "https://github.com/AlexBodner/How_Much_VRAM, scripts/modelMemoryCalculation.js (gradients and weights in one precision)", bytes: ({ bytesPerElement: e, batch, activations, inputElements, parameters, optimizerStates: k }) => 1.2 * e * (batch * (activations + inputElements) + (2 + k) * parameters) + 0.2 * GiB },
];

/** Groups of recorded steps that every rule claims to speak about: training, one GPU, no checkpoints. */
const GROUPS = new Set(["vision-fp32", "vision-amp", "vision-bf16"]);

/** @param {string} group */
export function isPeerGroup(group) {
  return GROUPS.has(group);
}

/**
 * Counts of a model at the size of `options`, for one sample.
 * @param {ImportedModel} model
 * @param {RecordedCase["options"]} options
 */
function countModel(model, { image }) {
  const { layers, alive, model: about } = explain(model, image ? { image } : {});
  const outputs = layers.map((layer) => ({
    elements: layer.activationsPerSample ?? 0,
    own: layer.parameterCount,
  }));
  const inputs = alive.filter(({ category, shape }) => category === "inputs" && shape.length > 1);
  /** @type {(list: readonly number[]) => number} */
  const sum = (list) => list.reduce((total, value) => total + value, 0);
  return {
    activations: sum(outputs.map(({ elements }) => elements)),
    parameterLayerActivations: sum(outputs.filter(({ own }) => own > 0).map(({ elements }) => elements)),
    parameters: about.parameterCount,
    largestLayerParameters: Math.max(0, ...outputs.map(({ own }) => own)),
    inputElements: sum(inputs.map(({ shape }) => shape.slice(1).reduce((all, size) => all * size, 1))),
  };
}

/** Errors of every rule on the cases it is given. */
export class PeerScores {
  /** @type {Map<string, ReturnType<typeof countModel>>} */
  #counts = new Map();
  /** @type {{ name: string, precision: string, ours: Errors, theirs: (Errors | undefined)[] }[]} */
  #cases = [];

  /**
   * @param {RecordedCase} one
   * @param {ImportedModel} model
   * @param {Pick<Compared, "pairs">} compared
   */
  add({ name, model: path, recorded, options }, model, { pairs }) {
    const key = `${path} ${options.image ?? ""}`;
    const counts = this.#counts.get(key) ?? countModel(model, options);
    this.#counts.set(key, counts);
    const precision = options.precision ?? "fp32";
    /** @type {PeerCount} */
    const count = {
      ...counts,
      batch: recorded.spec.batch,
      bytesPerElement: precision === "bf16" || precision === "fp16" ? 2 : 4, // autocast leaves the module in float32
      precision,
      optimizerStates: Math.round((recorded.optimizer_state?.bytes ?? 0) / recorded.params.bytes),
      stateBytes:
        recorded.params.bytes + (recorded.grads?.bytes ?? 0) + (recorded.optimizer_state?.bytes ?? 0),
    };
    const ours = errorsOf(recorded, pairs["peakAllocatedBytes"]?.[0], pairs["reservedBytes"]?.[0]);
    if (!ours) return;
    const theirs = PEERS.map(({ bytes }) => errorsOf(recorded, bytes(count), bytes(count)));
    this.#cases.push({ name, precision: precision.replace(/-.*/, ""), ours, theirs });
  }

  /**
   * Plimsoll's row, then the others by their median error.
   * @returns {PeerRow[]}
   */
  rows() {
    const ours = this.#cases.map((one) => ({ ...one, errors: one.ours }));
    /** @type {Omit<Peer, "bytes">} */
    const plimsoll = {
      name: "**Plimsoll**",
      formula: "the walk through the step",
      source: "ARCHITECTURE.md",
    };
    const others = PEERS.map((peer, i) =>
      row(
        peer,
        this.#cases.flatMap((one) => (one.theirs[i] ? [{ ...one, errors: one.theirs[i] }] : [])),
      ),
    );
    return [row(plimsoll, ours), ...others.sort((a, b) => a.allocated.median - b.allocated.median)].filter(
      ({ cases }) => cases > 0,
    );
  }
}

/** @typedef {{ allocated: number, reserved: number }} Errors Relative. */

/**
 * @param {Recorded} recorded
 * @param {number | undefined} allocated
 * @param {number | undefined} reserved
 * @returns {Errors | undefined}
 */
function errorsOf({ steps, max_memory_reserved }, allocated, reserved) {
  const peak = steps.at(-1)?.peak_allocated;
  if (allocated === undefined || reserved === undefined || !peak) return undefined;
  return {
    allocated: Math.abs(allocated / peak - 1),
    reserved: Math.abs(reserved / max_memory_reserved - 1),
  };
}

/**
 * @param {Omit<Peer, "bytes">} peer
 * @param {readonly { name: string, precision: string, ours: Errors, errors: Errors }[]} cases
 * @returns {PeerRow}
 */
function row({ name, formula, source }, cases) {
  const precisions = [...new Set(cases.map(({ precision }) => precision))];
  return {
    name,
    formula,
    source,
    cases: cases.length,
    allocated: scoreOf(cases.map(({ errors }) => errors.allocated)),
    reserved: scoreOf(cases.map(({ errors }) => errors.reserved)),
    nearer: cases.filter(({ ours, errors }) => errors.allocated < ours.allocated).map((one) => one.name),
    byPrecision: Object.fromEntries(
      precisions.map((precision) => [
        precision,
        scoreOf(cases.filter((one) => one.precision === precision).map(({ errors }) => errors.allocated))
          .median,
      ]),
    ),
  };
}

/** Systems of the list of peers that answer the same question for the same kind of model. */
const CLAIMS = [
  "DNNMem",
  "SchedTune",
  "DNNPerf",
  "LLMem",
  "VeritasEst",
  "xMem",
  "GPUMemNet",
  "MemTracker (torch)",
];

/**
 * What those systems report about themselves, each on data of its own.
 * @param {string} shared
 * @returns {Claim[]}
 */
export function readClaims(shared) {
  const file = join(shared, "corpus/peers/features.csv");
  if (!existsSync(file)) return [];
  const rows = readCsv(readFileSync(file, "utf8"));
  return CLAIMS.flatMap((name) => {
    const claim = rows.find(({ system }) => system === name)?.["reported_accuracy"];
    return claim ? [{ system: name, claim }] : [];
  });
}
