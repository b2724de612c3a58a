/** Recorded training steps as the options that ask Plimsoll for the same step; what it cannot express says why. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** @import { Options, Recorded, RecordedCase, RecordedSpec, Results } from "./types.js" */

/**
 * Settings of a recorded case that this release does not compute, with the reason shown in the report.
 * @type {readonly [(spec: RecordedSpec) => unknown, string][]}
 */
const UNSUPPORTED = [[(spec) => spec.steps !== undefined && spec.steps < 3, "fewer than three steps"]];

/** Why a case is left out whose model was not exported; the catalogue may still have it. */
export const NO_FILE = "no exported file";

/**
 * Every recorded case under `oracle`, with its result, its model file (or none) and why it is left out (or null).
 * @param {string} oracle
 * @param {string} models
 * @param {Results} results
 * @returns {RecordedCase[]}
 */
export function readCases(oracle, models, results) {
  return listCases(oracle, results).flatMap(({ name, group }) => {
    const file = join(oracle, results, `${name}.json`);
    if (!existsSync(file)) return [];
    /** @type {Recorded} */
    const recorded = JSON.parse(readFileSync(file, "utf8"));
    if (!recorded.ok) return [];
    const { spec } = recorded;
    const model = join(
      models,
      `${spec.source === "file" ? "custom" : spec.source}__${spec.model ?? spec.file}.pt2`,
    );
    const { config, options } = expressedCase(recorded, results);
    const unsupported = UNSUPPORTED.find(([test]) => test(spec))?.[1] ?? inventedWorkspaces(recorded);
    const why = unsupported ?? (config !== null || existsSync(model) ? null : NO_FILE);
    return [{ name, group: group ?? groupOf(recorded), recorded, model, config, why, options }];
  });
}

/**
 * The options that ask for a recorded step, and the configuration of a model that is made from one.
 * @param {Recorded} recorded
 * @param {Results} results
 */
export function expressedCase(recorded, results) {
  return { config: configOf(recorded.spec), options: optionsOf(recorded, results) };
}

/**
 * Names of the cases. cases.jsonl has those recorded in one go; the other folders only have their files.
 * @param {string} oracle
 * @param {Results} results
 * @returns {{ name: string, group?: string }[]}
 */
function listCases(oracle, results) {
  if (results === "results" || results === "results-cudnn") {
    const lines = readFileSync(join(oracle, "cases.jsonl"), "utf8").trim().split("\n");
    return lines.map((line) => JSON.parse(line)).filter(({ result }) => result !== undefined);
  }
  const folder = join(oracle, results);
  return (existsSync(folder) ? readdirSync(folder) : []) // recordings from before these folders
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => ({ name: file.slice(0, -".json".length) }));
}

/**
 * For cases without a group: kind of model and precision.
 * @param {Recorded} recorded
 */
function groupOf({ spec }) {
  const kind = { transformers: "transformers", file: "custom" }[spec.source] ?? "vision";
  return `${kind}-${spec.mode ?? "fp32"}`;
}

/**
 * How the convolutions of a folder were planned. Compiled steps were recorded without workspaces.
 * @satisfies {Record<Results, NonNullable<Options["cudnn"]>>}
 */
const PLANS = /** @type {const} */ ({
  results: "no-workspace",
  "results-cudnn": "default",
  "results-compile": "no-workspace",
  "results-benchmark": "benchmark",
});

/** @param {Recorded} recorded */
function inventedWorkspaces({ cudnn_ws }) {
  return cudnn_ws && cudnn_ws !== "0" ? "invented workspaces" : undefined;
}

/**
 * @param {Recorded} recorded
 * @param {Results} results
 * @returns {Options}
 */
function optionsOf({ spec, gpu, alloc_conf }, results) {
  const { name, ...settings } =
    typeof spec.optimizer === "string" ? { name: spec.optimizer } : (spec.optimizer ?? { name: "adam" });
  const optimizer = [name, Object.entries(settings).map(([key, value]) => `${key}=${value}`)]
    .flat()
    .filter(Boolean);
  return {
    batch: spec.batch,
    gpu,
    ...(alloc_conf && { allocatorConf: alloc_conf }),
    cudnn: PLANS[results],
    ...(results === "results-compile" && { compile: true }),
    ...(spec.inference
      ? { mode: "inference" }
      : {
          optimizer:
            optimizer.length > 1
              ? `${optimizer[0]}:${optimizer.slice(1).join(",")}`
              : (optimizer[0] ?? "adam"),
        }),
    ...(spec.ema && { ema: true }),
    ...(spec.optimizer_in_backward && { optimizerInBackward: true }),
    ...(spec.grad_accum && { accumulate: spec.grad_accum }),
    ...(spec.mode && { precision: precisionOf(spec) }),
    ...(spec.channels_last && { channelsLast: true }),
    ...(spec.clip_grad && { clipGrad: true }),
    ...(spec.fresh_inputs && { freshInputs: true }),
    ...(spec.sdpa && { attention: spec.sdpa }),
    ...(spec.offload && { offload: "activations" }),
    ...(spec.validate && { validate: true }),
    ...(spec.ckpt && { checkpointing: "full" }),
    ...(spec.ac && { checkpointing: CHECKPOINTS[spec.ac] }),
    ...(spec.set_to_none === false && { zeroGrad: "keep" }),
    ...(spec.zero_grad === "start" && { zeroGrad: "at-start" }),
    ...meshOf(spec),
    ...zeroOf(spec),
    ...imageOf(spec),
    ...textOf(spec),
    ...(spec.loss_kind && { loss: spec.loss_kind }),
    ...(spec.quantize && { quantize: quantizationOf(spec) }),
    ...(spec.lora && { lora: adaptersOf(spec.lora) }),
    ...(spec.frozen && { freeze: spec.frozen.map((prefix) => `${prefix}*`) }),
  };
}

/** What torchtitan's policies are called here. */
const CHECKPOINTS = /** @type {const} */ ({ titan: "selective=2", full: "full" });

/** Recipes of torchao under our names. */
const FLOAT8 = /** @type {const} */ ({ tensorwise: "fp8", rowwise: "fp8-rowwise" });

/**
 * @param {RecordedSpec} spec
 * @returns {NonNullable<Options["precision"]>}
 */
function precisionOf({ mode, float8 }) {
  return float8 ? FLOAT8[float8] : (mode ?? "fp32");
}

/**
 * Several GPUs. The recorder shards the root after forward too, and says how large a bucket is.
 * @param {RecordedSpec} spec
 * @returns {Options}
 */
function meshOf({ dist }) {
  if (!dist) return {};
  const { kind, world, tp = 1, replicate = 1, mp, reshard_after_forward = true } = dist;
  if (kind === "tp") return { parallel: `tp=${world}` };
  if (kind.startsWith("fsdp2")) {
    const policy = `reshard=${reshard_after_forward}${mp === "bf16" ? ",params=bf16,reduce=fp32" : ""}`;
    return { parallel: `dp=${replicate},fsdp=${world / replicate / tp},tp=${tp}`, fsdp: policy };
  }
  if (kind === "fsdp1") {
    const strategy = (dist.strategy ?? "FULL_SHARD").toLowerCase().replaceAll("_", "-");
    const types = mp === "bf16" ? ",params=bf16,reduce=fp32" : "";
    return { parallel: `fsdp=${world}`, fsdp: `version=1,strategy=${strategy}${types}` };
  }
  return {
    parallel: `dp=${world}`,
    bucketMb: dist.bucket_cap_mb ?? 25,
    ...(dist.gradient_as_bucket_view && { bucketView: true }),
    ...(kind === "zero1" && { shardedOptimizer: true }),
  };
}

/**
 * DeepSpeed's engine, by what its configuration says.
 * @param {RecordedSpec} spec
 * @returns {Options}
 */
function zeroOf({ ds }) {
  if (!ds) return {};
  const { stage = 0, offload_optimizer, offload_param, ...given } = ds.config.zero_optimization ?? {};
  const gradients = ds.config.data_types?.grad_accum_dtype;
  const offload = [offload_optimizer && "optimizer", offload_param && "parameters"].filter(Boolean);
  const options = Object.entries(given).map(([key, value]) => `${key}=${value}`);
  return {
    zero: stage,
    parallel: `dp=${ds.world}`,
    ...(options.length > 0 && { deepspeed: options.join(",") }),
    ...(gradients && { gradients }),
    ...(offload.length > 0 && { offload: offload.join(",") }),
    ...(ds.config.gradient_clipping && { clipGrad: true }),
  };
}

/**
 * @param {RecordedSpec} spec
 * @returns {Options}
 */
function imageOf({ input_shape: [, height, width] = [] }) {
  return height === undefined || width === undefined ? {} : { image: [height, width] };
}

/** Tasks under the names the recorder gives them. */
const TASKS = {
  "seq-cls": "sequence-classification",
  "token-cls": "token-classification",
  qa: "question-answering",
  "image-cls": "image-classification",
  clip: "contrastive",
};

/**
 * Sizes and settings of models that transformers makes: lengths, the head, how attention is written, a padding mask.
 * @param {RecordedSpec} spec
 * @returns {Options}
 */
function textOf({ config, task = "causal-lm", seq, tgt_seq, attn, attention_mask, batch, count_labels }) {
  if (!config) return {};
  const shape = {
    ...(attention_mask && seq !== undefined && { attention_mask: [batch, seq] }),
    ...(tgt_seq !== undefined && { labels: [batch, tgt_seq] }),
    ...(task === "ctc" && !count_labels && { labels: [batch, 0] }), // the recorder's device reads zeros: no label counts
  };
  return {
    task: Object.hasOwn(TASKS, task) ? TASKS[/** @type {keyof typeof TASKS} */ (task)] : task,
    ...(seq !== undefined && { sequence: seq }),
    ...(attn === "eager" && { attention: "eager" }),
    ...(Object.keys(shape).length > 0 && { shape }),
  };
}

/** @param {RecordedSpec} spec */
function quantizationOf({ quantize, double_quant, prepare }) {
  return [quantize, double_quant === false && "double=false", prepare === false && "prepare=false"]
    .filter(Boolean)
    .join(",");
}

/** @param {NonNullable<RecordedSpec["lora"]>} lora */
function adaptersOf({ r, lora_dropout, target_modules, use_dora }) {
  const dora = use_dora ? ",dora=true" : "";
  const targets = typeof target_modules === "string" ? target_modules : target_modules.join("+");
  return `rank=${r},dropout=${lora_dropout},targets=${targets}${dora}`;
}

/**
 * The config.json of a model that transformers or a reference implementation makes from one, else null.
 * @param {RecordedSpec} spec
 */
function configOf({ config }) {
  return config ? JSON.stringify(config) : null;
}

/**
 * The layer spec of a hand-written perceptron, with an activation between its layers; of no other network.
 * @param {RecordedSpec} spec
 */
export function layerSpecOf({ factory, dims, act = "ReLU" }) {
  const [first, ...widths] = dims ?? [];
  if (factory !== "mlp" || first === undefined) return null;
  const layers = widths.flatMap((width, i) => [
    `  - dense: ${width}`,
    ...(i < widths.length - 1 ? [`  - ${act.toLowerCase()}`] : []),
  ]);
  const head = ["schema: plimsoll/spec@1", "name: mlp", `input: { vector: ${first} }`, "layers:"];
  return [...head, ...layers, "loss: cross-entropy", ""].join("\n");
}
