/**
 * Published runs of nanotron (2024-11 to 2025-02): what each one measured, as a configuration and options.
 *
 * Spec     corpus/llm/nanotron_runs.csv, corpus/llm/README.md: reserved memory is a peak on rank 0, which is on the first stage; GB is
 *          GiB; a run out of memory has no figure
 * Source   nanotron 9055c664 (2025-01): models/base.py (build_model: blocks by compute cost), models/llama.py (get_block_compute_costs)
 * Untrue   runs out of memory do not say their key heads and whether embeddings are tied: as successful ones of their width do
 */

/** @import { EstimateReport, ImportedModel, Models, NanotronRun, Options } from "./types.js" */

/**
 * By width: inner width (scaling_benchmarks.py, as the parameter counts have it), key heads and ties of successful runs.
 * @type {Readonly<Record<string, { inner: number, keyHeads: number, tied: boolean }>>}
 */
const WIDTHS = {
  2048: { inner: 8192, keyHeads: 32, tied: true },
  3072: { inner: 8192, keyHeads: 32, tied: true },
  4096: { inner: 14336, keyHeads: 32, tied: false },
  8192: { inner: 28672, keyHeads: 64, tied: false },
  16384: { inner: 53248, keyHeads: 128, tied: false },
};

/**
 * Blocks of every stage: a stage is full once the costs so far pass its share; until the fix of 2025-01, reaching it was not enough.
 * @param {{ layers: number, width: number, inner: number, vocabulary: number, stages: number, fixed: boolean }} sizes
 */
export function stagesOf({ layers, width, inner, vocabulary, stages, fixed }) {
  const block = 4 * width ** 2 + 3 * inner * width;
  const costs = [0, ...Array(layers).fill(block), 0, vocabulary * width]; // embedding, blocks, norm, head
  const total = costs.reduce((sum, cost) => sum + cost, 0);
  const counts = Array(stages).fill(0);
  let [at, sum] = [0, 0];
  costs.forEach((cost, i) => {
    sum += cost;
    if (i >= 1 && i <= layers) counts[at]++;
    const share = (total * (at + 1)) / stages;
    if (i < costs.length - 1 && at < stages - 1 && (fixed ? sum >= share : sum > share)) at++;
  });
  return counts.slice(0, at + 1);
}

/**
 * The run as we are asked about it.
 * @param {NanotronRun} run
 * @returns {{ config: string, options: Options }}
 */
export function expressedRun(run) {
  const width = WIDTHS[run.hidden_size];
  if (!width) throw new Error(`no inner width for ${run.hidden_size}`);
  const [dp, tp, pp, layers, vocabulary] = [run.dp, run.tp, run.pp, run.num_layers, run.vocab_size].map(
    Number,
  );
  const grouped = /gqa(\d+)/.exec(run.name)?.[1];
  const config = {
    model_type: "nanotron_llama",
    hidden_size: Number(run.hidden_size),
    intermediate_size: width.inner,
    num_hidden_layers: layers,
    num_attention_heads: Number(run.num_heads),
    num_key_value_heads: Number(run.num_kv_heads || grouped || width.keyHeads),
    vocab_size: vocabulary,
    tie_word_embeddings: run.tie_word_embeddings === "" ? width.tied : run.tie_word_embeddings === "True",
  };
  const stages = stagesOf({
    layers: layers ?? 0,
    width: config.hidden_size,
    inner: width.inner,
    vocabulary: vocabulary ?? 0,
    stages: pp ?? 1,
    fixed: run.after_pp_fix === "True",
  });
  const sharded = run.zero_stage === "1" && dp !== 1;
  return {
    config: JSON.stringify(config),
    options: {
      batch: Number(run.mbs),
      sequence: Number(run.seq_len),
      accumulate: Number(run.batch_accum) || 1,
      gpu: "H100-80GB",
      precision: "bf16",
      masterWeights: "nanotron",
      optimizer: "adamw:fused",
      clipGrad: true,
      parallel: `dp=${dp},tp=${tp},pp=${stages.length}`,
      ...(stages.length > 1 && { stageBlocks: stages.join(",") }),
      ...(sharded && { shardedOptimizer: true }),
    },
  };
}

/**
 * What rank 0 reserves: the first stage.
 * @param {EstimateReport} report
 */
export function reservedOfFirst({ stages, peak }) {
  return stages?.[0]?.reservedBytes ?? peak.reservedBytes;
}

/**
 * @param {NanotronRun} run
 * @param {Models} models
 * @returns {Promise<{ model: ImportedModel, options: Options }>}
 */
export async function openRun(run, models) {
  const { config, options } = expressedRun(run);
  const model = await models.config(config);
  return { model, options };
}
