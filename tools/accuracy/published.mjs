/**
 * Peaks and fits that others measured on real GPUs, by source, beside what Plimsoll says.
 *
 * Reads    corpus/vision/timm_fits.csv, corpus/vision/measurements.jsonl, corpus/llm/measurements.jsonl
 * Ignores  rows of completeness below 3 (something of the step has to be guessed)
 * Untrue   a head of another size stands in for the published one; `assumes` says so
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { estimate, InputError } from "../../dist/index.js";
import { readCsv } from "./csv.mjs";
import { LANGUAGE, whyNotLanguage } from "./language.mjs";
import { openRun, reservedOfFirst } from "./nanotron.mjs";

/** @import { Fit, ImportedModel, LanguageStep, LeftOut, Measured, Models, NanotronRun, Options, Published, PublishedRow } from "./types.js" */

/** Batches that timm's benchmark tries, from the largest down: timm/utils/decay_batch.py, decay_batch_step. */
const LADDER = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
/** What the card of that table reported, bytes (corpus/vision/README.md). */
const CARD_BYTES = 25_447_170_048;
/** One kind of PyTorch's rows; older ones are the same table on older versions. */
const TIMM_TORCH = "1.12";
/**
 * timm's benchmark.py of 2022-07: train step, autocast to float16 without a GradScaler, no fused attention yet,
 * cudnn.benchmark, and zero_grad() as PyTorch 1.12 has it, which fills gradients with zeros.
 * @type {Options}
 */
const TIMM_STEP = {
  precision: "amp-fp16",
  optimizer: "sgd:momentum=0.9,nesterov=true",
  attention: "eager",
  zeroGrad: "keep",
  cudnn: "benchmark",
  gpu: "RTX 3090",
};

/**
 * Names of 2022 held the weights too, and sometimes their image size; they say nothing about the architecture.
 * timm, register_model_deprecations of each model file.
 * @type {readonly [pattern: RegExp, replacement: string][]}
 */
const WEIGHTS_IN_NAME = [
  [/_(ns|ap|in22ft1k|in21ft1k|miil)$/, ""],
  [/^(gluon|tv|ssl|swsl|ig)_(?=resne|senet|inception)/, ""],
  [/^(ens_)?adv_|^tf_(?=inception)/, ""],
  [/_v1b$/, ""],
  [/_v1(?=[cds]$)/, ""],
];

/**
 * @param {string} shared
 * @param {Models} models
 * @returns {Promise<Published>}
 */
export async function readPublished(shared, models) {
  /** @type {LeftOut[]} */
  const left = [];
  const fits = await timmFits(join(shared, "corpus/vision/timm_fits.csv"), models, left);
  const files = ["vision", "llm"].map((folder) => join(shared, "corpus", folder, "measurements.jsonl"));
  const measured = await measuredPeaks(files.flatMap(readRows), models, left);
  measured.push(...(await nanotronRuns(join(shared, "corpus/llm/nanotron_runs.csv"), models, left)));
  for (const [file, reason] of TABLES) {
    const path = join(shared, "corpus/llm", file);
    if (!existsSync(path)) continue;
    left.push({
      source: `llm/${file}`,
      reason,
      rows: readFileSync(path, "utf8").trimEnd().split("\n").length - 1,
    });
  }
  return { fits, measured, left };
}

/**
 * Tables that are not compared at all.
 * @type {readonly [file: string, reason: string][]}
 */
const TABLES = [
  ["liger_all_benchmark_data.csv", "single kernels, no step"],
  ["liger_a100_all_benchmark_data.csv", "single kernels, no step"],
  ["liger_h100_all_benchmark_data.csv", "single kernels, no step"],
  ["liger_all_benchmark_data_cutedsl.csv", "single kernels, no step"],
  ["liger_all_benchmark_data_cutile.csv", "single kernels, no step"],
  ["liger_all_benchmark_data_megatron.csv", "single kernels, no step"],
];

/**
 * Two-sided rows: the batch fits and the next rung of the ladder does not.
 * @param {string} file
 * @param {Models} models
 * @param {LeftOut[]} left
 * @returns {Promise<Fit[]>}
 */
async function timmFits(file, models, left) {
  if (!existsSync(file)) return [];
  /** @type {Fit[]} */
  const fits = [];
  let unknown = 0;
  let rigid = 0;
  const rows = readCsv(readFileSync(file, "utf8"));
  for (const { model: name = "", img_size, batch_fit, nhwc, torch, batch_oom_next, flags } of rows) {
    if (torch !== TIMM_TORCH || batch_oom_next === "" || flags !== "") continue;
    const model = await timmModel(name, models);
    if (!model) {
      unknown++;
      continue;
    }
    const layout = nhwc === "True" ? "nhwc" : "nchw";
    const size = Number(img_size);
    const measured = Number(batch_fit);
    try {
      const predicted = largestRung(model, {
        ...TIMM_STEP,
        ...(layout === "nhwc" && { channelsLast: true }),
        ...(imageOf(model) !== size && { image: [size, size] }),
      });
      const rungs = LADDER.indexOf(predicted) - LADDER.indexOf(measured);
      fits.push({ model: name, layout, measured, predicted, rungs });
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      rigid++;
    }
  }
  const source = "timm, fits";
  if (unknown > 0) left.push({ source, reason: "no exported file and not in the catalogue", rows: unknown });
  if (rigid > 0)
    left.push({ source, reason: "recorded at one image size, measured at another", rows: rigid });
  return fits;
}

/**
 * @param {string} name
 * @param {Models} models
 */
async function timmModel(name, models) {
  const plain = WEIGHTS_IN_NAME.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    name,
  );
  const names = [name, plain, plain.replace(/_(384|448)$/, "")];
  for (const one of names) {
    // the catalogue's first: it was recorded at two image sizes
    const model = (await models.catalogued(`timm/${one}`)) ?? (await models.named(`timm/${one}`));
    if (model) return model;
  }
  return null;
}

/**
 * Height of the image the model was exported with.
 * @param {ImportedModel} model
 */
function imageOf(model) {
  const inputs = model.bind({}).graph.values.filter(({ role }) => role === "input");
  return inputs.find(({ spec }) => spec.shape.length === 4)?.spec.shape[2];
}

/**
 * The largest rung that fits, 0 when none does. More memory for a larger batch is taken for granted.
 * @param {ImportedModel} model
 * @param {Options} options
 */
function largestRung(model, options) {
  let low = -1;
  let high = LADDER.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    const batch = LADDER[middle] ?? 1;
    const fits = estimate(model, { ...options, batch }).peak.deviceTotalBytes <= CARD_BYTES;
    if (fits) low = middle;
    else high = middle;
  }
  return LADDER[low] ?? 0;
}

/**
 * @param {string} file
 * @returns {PublishedRow[]}
 */
function readRows(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Loaders make every batch anew. */
const LOADED = { freshInputs: true };
const SMALL_HEAD =
  "a head of 1,000 classes for one of 10; neither GPU nor PyTorch version is stated: A100, 2.14";
/** @type {Options} */
const VIT_L = { ...LOADED, gpu: "A100", batch: 64, optimizer: "adam" };
/** @type {Options} */
const VIT_H = { ...LOADED, gpu: "RTX 4070 Ti SUPER", batch: 8, precision: "amp-bf16", compile: true };

/**
 * Published rows whose model the library has: id → the step they measured.
 * @type {Readonly<Record<string, { model: string, what: string, assumes: string, options: Options }>>}
 */
// biome-ignore format: one line per row
const STEPS = {
  "openmmlab-mmaction-0116": { model: "torchvision/resnet101", what: "TSN, ResNet-101, 16 clips of 5 frames, fp32", assumes: "a head of 1,000 classes for one of 313; V100", options: { ...LOADED, gpu: "V100-32GB", batch: 80, optimizer: "sgd:momentum=0.9", clipGrad: true, zeroGrad: "keep" } },
  "rasbt-memopt-001": { model: "torchvision/vit_l_16", what: "ViT-L/16, fp32, Adam, batch 64", assumes: SMALL_HEAD, options: VIT_L },
  "rasbt-memopt-002": { model: "torchvision/vit_l_16", what: "the same through Lightning Fabric", assumes: SMALL_HEAD, options: VIT_L },
  "rasbt-memopt-004": { model: "torchvision/vit_l_16", what: "ViT-L/16, bfloat16, Adam, batch 64", assumes: SMALL_HEAD, options: { ...VIT_L, precision: "bf16" } },
  "rasbt-memopt-006": { model: "torchvision/vit_l_16", what: "ViT-L/16, bfloat16, Adam, 4 x batch 4", assumes: SMALL_HEAD, options: { ...VIT_L, precision: "bf16", batch: 4, accumulate: 4 } },
  "rasbt-memopt-007": { model: "torchvision/vit_l_16", what: "ViT-L/16, bfloat16, SGD, 4 x batch 4", assumes: SMALL_HEAD, options: { ...VIT_L, precision: "bf16", batch: 4, accumulate: 4, optimizer: "sgd" } },
  "torchao-lowbit-001": { model: "timm/vit_huge_patch14_224", what: "ViT-H/14, amp-bf16, compiled, AdamW fused, batch 8", assumes: "no head for one of 45 classes", options: { ...VIT_H, optimizer: "adamw:fused" } },
  "torchao-lowbit-004": { model: "timm/vit_huge_patch14_224", what: "ViT-H/14, amp-bf16, compiled, AdamW in FP8, batch 8", assumes: "no head for one of 45 classes", options: { ...VIT_H, optimizer: "torchao-adamwfp8" } },
};

/**
 * Counters that our figures answer, as the collections spell them. Active memory is what is allocated where no block waits
 * for another stream, as on one GPU.
 * @type {Readonly<Record<string, Measured["figure"]>>}
 */
const METRICS = {
  max_memory_allocated: "allocated",
  max_memory_active: "active",
  max_memory_reserved: "reserved",
};

/**
 * @param {readonly PublishedRow[]} rows
 * @param {Models} models
 * @param {LeftOut[]} left
 * @returns {Promise<Measured[]>}
 */
async function measuredPeaks(rows, models, left) {
  /** @type {Measured[]} */
  const measured = [];
  /** @type {Map<string, LeftOut>} */
  const reasons = new Map();
  for (const row of rows) {
    if (row.completeness !== 3 || row.kind === "timm-fits") continue;
    const step = STEPS[row.id] ?? LANGUAGE[row.id];
    const figure = METRICS[row.metric];
    const model = step && (await modelOf(step, models));
    if (step && figure && model && row.value_bytes !== null) {
      const { peak } = estimate(model, step.options);
      const ours = figure === "reserved" ? peak.reservedBytes : peak.allocatedBytes;
      const { what, assumes } = step;
      measured.push({ id: row.id, source: row.source, what, assumes, figure, pair: [ours, row.value_bytes] });
      continue;
    }
    const source = row.source.replace(/ \(.*/, "");
    const reason = !step ? whyNot(row) : !model ? "its model is not in the catalogue" : outcome(model, step);
    const key = `${source}: ${reason}`;
    reasons.set(key, { source, reason, rows: (reasons.get(key)?.rows ?? 0) + 1 });
  }
  left.push(...reasons.values());
  return measured;
}

/**
 * @param {{ model: string } | LanguageStep} step
 * @param {Models} models
 */
function modelOf(step, models) {
  if ("model" in step) return models.named(step.model);
  return "config" in step ? models.config(step.config) : models.named(step.named);
}

/**
 * A run that stopped has no figure; whether we say that it fits is told instead.
 * @param {ImportedModel} model
 * @param {{ options: Options }} step
 */
function outcome(model, { options }) {
  const { machine } = estimate(model, options);
  const fits = machine?.verdict !== "does-not-fit";
  return `ran out of memory, which has no figure: we say ${fits ? "that it fits" : "so too"}`;
}

/** Every so-manyth run that succeeded or ran out of memory is compared; all of them by tools/compare-nanotron.mjs. */
const EVERY = 16;

/**
 * @param {string} file
 * @param {Models} models
 * @param {LeftOut[]} left
 * @returns {Promise<Measured[]>}
 */
async function nanotronRuns(file, models, left) {
  if (!existsSync(file)) return [];
  const all = /** @type {NanotronRun[]} */ (/** @type {unknown} */ (readCsv(readFileSync(file, "utf8"))));
  const runs = all.filter(({ status }) => status !== "Other");
  const source = "llm/nanotron_runs.csv";
  /** @type {Measured[]} */
  const measured = [];
  /** @type {Record<string, number>} */
  const reasons = { "it ended otherwise, without a figure": all.length - runs.length };
  for (const [i, run] of runs.entries()) {
    if (i % EVERY > 0) continue;
    const { model, options } = await openRun(run, models);
    if (run.status === "OOM") {
      const reason = outcome(model, { options });
      reasons[reason] = (reasons[reason] ?? 0) + 1;
      continue;
    }
    const ours = reservedOfFirst(estimate(model, options));
    measured.push({
      id: run.name,
      source: "nanotron_runs.csv",
      what: `dp ${run.dp}, tp ${run.tp}, pp ${run.pp}, batch ${run.mbs}, ZeRO ${run.zero_stage}`,
      assumes: "memory that collectives use is free again at once",
      figure: "reserved",
      pair: [ours, Number(run["Mem Res (GB)"]) * 1024 ** 3],
    });
  }
  reasons[`one in ${EVERY} is compared`] = runs.length - Math.ceil(runs.length / EVERY);
  for (const [reason, rows] of Object.entries(reasons)) left.push({ source, reason, rows });
  return measured;
}

/**
 * Sources of vision rows and what their models have that no file of ours has.
 * @type {readonly [start: string, reason: string][]}
 */
const KINDS = [
  ["openmmlab:mmseg", "heads of mmsegmentation on its own backbones"],
  ["openmmlab:mmaction", "video models of mmaction2"],
  ["openmmlab:", "detectors: heads and losses whose sizes depend on the boxes"],
  ["detectron2", "detectors: heads and losses whose sizes depend on the boxes"],
  ["yolo", "YOLO models of ultralytics"],
  ["gnn", "graph networks"],
  ["speech-loss", "a transducer loss without a model"],
  ["optimizer-ablation", "optimizers whose states live on the host"],
];

/** @param {PublishedRow} row */
function whyNot(row) {
  const { id, kind, num_gpus, quantization, lora } = row;
  const language = whyNotLanguage(row);
  if (language) return language;
  const vision = KINDS.find(([start]) => kind.startsWith(start))?.[1];
  if (vision) return vision;
  if (id.startsWith("torchao")) return "an optimizer that the library does not have (lpmm)";
  if (quantization) return "quantized weights";
  if (lora) return "adapters";
  return (num_gpus ?? 1) > 1 ? "several GPUs" : "language models made from a config";
}
