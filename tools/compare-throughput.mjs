/**
 * Sets the planner's time model beside published throughputs on H100s:
 *   PLIMSOLL_SHARED=… node tools/compare-throughput.mjs
 * nanotron's table of runs (tokens a second), and rows of torchtitan's benchmarks (docs/PLANS.md names them). The model is a roofline,
 * so measured times are longer; what matters is whether the order within one model, cluster and global batch is right.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readModel } from "../dist/index.js";
import { linksOf } from "../dist/hardware/links.js";
import { throughputOf } from "../dist/hardware/throughput.js";
import { rankFacts } from "../dist/plan-facts.js";
import { weighLayout } from "../dist/report/plan/weigh-layout.js";

const GPU = "H100-80GB";
const throughput = throughputOf(GPU);
const links = linksOf(GPU);
/** @type {Map<string, ReturnType<typeof rankFacts>>} */
const known = new Map();

/** @param {object} config @param {number} sequence @param {number} tp */
async function factsOf(config, sequence, tp) {
  const key = JSON.stringify([config, sequence, tp]);
  const before = known.get(key);
  if (before) return before;
  const model = await readModel(new TextEncoder().encode(JSON.stringify(config)), { name: "config.json" });
  const made = rankFacts({ model, options: { sequence, gpu: GPU }, throughput }, tp);
  known.set(key, made);
  return made;
}

/** @param {object} config @param {number} sequence @param {import("../dist/report/plan/layout.js").Layout} layout */
async function secondsOf(config, sequence, layout) {
  const { dp, fsdp, tp, pp } = layout.mesh;
  const gpus = dp * fsdp * tp * pp;
  const facts = await factsOf(config, sequence, tp);
  if (facts instanceof Error) return null;
  const cluster = { gpus, ...links, perNode: Math.min(gpus, links.perNode), throughput };
  return weighLayout(layout, facts, cluster).seconds;
}

/** @param {number[]} list @param {number} share */
const quantile = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(share * (list.length - 1))] ?? 0;

/** @param {number[]} list */
function ranks(list) {
  const order = list.map((_, i) => i).sort((a, b) => (list[a] ?? 0) - (list[b] ?? 0));
  const out = new Array(list.length).fill(0);
  for (const [rank, i] of order.entries()) out[i] = rank;
  return out;
}

/** @param {number[]} a @param {number[]} b */
function spearman(a, b) {
  const [x, y] = [ranks(a), ranks(b)];
  const sum = x.reduce((total, rank, i) => total + (rank - y[i]) ** 2, 0);
  return 1 - (6 * sum) / (a.length * (a.length ** 2 - 1));
}

const HEAD = { model_type: "llama", vocab_size: 128256, num_key_value_heads: 8 };
const L8B = {
  ...HEAD,
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
};
const L70B = {
  ...HEAD,
  hidden_size: 8192,
  intermediate_size: 28672,
  num_hidden_layers: 80,
  num_attention_heads: 64,
};
/** @type {[string, object, import("../dist/report/plan/layout.js").Layout, number][]} */
const TITAN = [
  [
    "8B, 8 GPUs, FSDP 8, batch 2, selective",
    L8B,
    {
      way: "fsdp",
      mesh: { dp: 1, fsdp: 8, tp: 1, pp: 1 },
      batch: 2,
      accumulate: 1,
      checkpointing: "selective=2",
    },
    5762,
  ],
  [
    "8B, 128 GPUs, FSDP 128, batch 2, selective",
    L8B,
    {
      way: "fsdp",
      mesh: { dp: 1, fsdp: 128, tp: 1, pp: 1 },
      batch: 2,
      accumulate: 1,
      checkpointing: "selective=2",
    },
    5605,
  ],
  [
    "8B, 64 GPUs, FSDP 8, TP 8, batch 12, selective, compiled",
    L8B,
    {
      way: "fsdp",
      mesh: { dp: 1, fsdp: 8, tp: 8, pp: 1 },
      batch: 12,
      accumulate: 1,
      checkpointing: "selective=2",
    },
    4378,
  ],
  [
    "70B, 256 GPUs, FSDP 32, TP 8, batch 16, full, compiled",
    L70B,
    { way: "fsdp", mesh: { dp: 1, fsdp: 32, tp: 8, pp: 1 }, batch: 16, accumulate: 1, checkpointing: "full" },
    597.3,
  ],
];
for (const [name, config, layout, measured] of TITAN) {
  const { dp, fsdp, tp, pp } = layout.mesh;
  const seconds = (await secondsOf(config, 8192, layout)) ?? Number.NaN;
  const said = (8192 * layout.batch * layout.accumulate * dp * fsdp) / seconds / (dp * fsdp * tp * pp);
  console.log(
    `${name}: measured ${measured}, roofline ${said.toFixed(0)} tokens/s a GPU, measured over roofline ${(measured / said).toFixed(2)}`,
  );
}

const [head = "", ...lines] = readFileSync(
  join(process.env["PLIMSOLL_SHARED"] ?? "../shared", "corpus/llm/nanotron_runs.csv"),
  "utf8",
)
  .trim()
  .split("\n");
const columns = head.split(",");
/** @type {Map<string, { said: number, measured: number }[]>} */
const groups = new Map();
/** @type {number[]} */
const ratios = [];
let skipped = 0;
/** nanotron's examples/config of these sizes have 8192 wide MLPs at 2048, 8B's 14336; parameters tell the width. */
for (const line of lines) {
  const cells = Object.fromEntries(line.split(",").map((cell, i) => [columns[i], cell]));
  const at = (/** @type {string} */ name) => Number(cells[name]);
  const [hidden, layers, vocab] = [at("hidden_size"), at("num_layers"), at("vocab_size")];
  const [dp, tp, pp] = [at("dp"), at("tp"), at("pp")];
  const tied = cells["tie_word_embeddings"] === "True";
  const kv = at("num_kv_heads");
  if (cells["status"] !== "Success" || !(at("tok/s/gpu") > 0) || !(layers > 0)) {
    skipped++;
    continue;
  }
  const attention = hidden * hidden * (2 + (2 * kv) / at("num_heads"));
  const rest =
    at("Total Params Numeric") * 1e9 - vocab * hidden * (tied && pp === 1 ? 1 : 2) - layers * attention;
  const width = Math.round(rest / layers / (3 * hidden) / 512) * 512;
  const config = {
    model_type: "llama",
    hidden_size: hidden,
    intermediate_size: width,
    num_hidden_layers: layers,
    num_attention_heads: at("num_heads"),
    num_key_value_heads: kv,
    vocab_size: vocab,
    tie_word_embeddings: tied,
  };
  const layout = /** @type {const} */ ({
    way: at("zero_stage") > 0 && dp > 1 ? "megatron-sharded" : "megatron",
    mesh: { dp, fsdp: 1, tp, pp },
    batch: at("mbs"),
    accumulate: at("batch_accum"),
    checkpointing: "none",
  });
  const said =
    width > 0 && (layers % pp === 0 || (layers + 2) % pp === 0)
      ? await secondsOf(config, at("seq_len"), layout)
      : null;
  if (said === null) {
    skipped++;
    continue;
  }
  const measured = (at("seq_len") * at("mbs") * at("batch_accum") * dp) / (at("tok/s/gpu") * dp * tp * pp);
  ratios.push(measured / said);
  const key = [hidden, layers, dp * tp * pp, at("seq_len"), at("gbs")].join(" ");
  groups.set(key, [...(groups.get(key) ?? []), { said, measured }]);
}
console.log(
  `nanotron: ${ratios.length} runs, ${skipped} left out; measured over roofline: 10 % ${quantile(ratios, 0.1).toFixed(2)}, median ${quantile(ratios, 0.5).toFixed(2)}, 90 % ${quantile(ratios, 0.9).toFixed(2)}, least ${quantile(ratios, 0).toFixed(2)}`,
);
const large = [...groups.values()].filter((runs) => runs.length >= 8);
const orders = large.map((runs) =>
  spearman(
    runs.map((r) => r.said),
    runs.map((r) => r.measured),
  ),
);
const lost = large.map((runs) => {
  const chosen = [...runs].sort((a, b) => a.said - b.said)[0];
  return (chosen?.measured ?? 0) / Math.min(...runs.map((r) => r.measured));
});
const among = large.filter((runs) => {
  const best = [...runs].sort((a, b) => a.measured - b.measured)[0];
  const place = [...runs].sort((a, b) => a.said - b.said).indexOf(best ?? { said: 0, measured: 0 });
  return place < 5;
}).length;
console.log(
  `${large.length} groups of at least 8 runs of one model, cluster and global batch (${large.flat().length} runs): rank correlation median ${quantile(orders, 0.5).toFixed(2)}, 10 % ${quantile(orders, 0.1).toFixed(2)}; the measured best is among our first five in ${among}; our first takes ${quantile(lost, 0.5).toFixed(2)} of the measured best's time in the median, ${quantile(lost, 0.9).toFixed(2)} at 90 %`,
);
