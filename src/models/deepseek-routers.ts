/**
 * How DeepSeek's models choose experts for a token: scores in float32, the best of them or of the best groups.
 *
 * Source  transformers 5.18, models/deepseek_v2/modeling_deepseek_v2.py DeepseekV2TopkRouter;
 *         deepseek_v3/modeling_deepseek_v3.py DeepseekV3TopkRouter
 */
import type { ValueId } from "../ir/graph.js";
import type { Routing } from "./blocks/mixture.js";
import { badValue } from "./complaints.js";
import type { Config } from "./config.js";
import type { Frame } from "./frame.js";
import type { Layer, Module } from "./module.js";

const top = (f: Frame, self: ValueId, k: number) =>
  f.ops("topk", { self }, { k, dim: -1 }) as [ValueId, ValueId];

/** Experts of each group. */
function groupsOf(config: Config): { readonly groups: number; readonly each: number; readonly best: number } {
  const groups = config.count("n_group");
  config.atMost("topk_group", groups, "n_group");
  return {
    groups,
    each: config.share(config.count("n_routed_experts"), groups, "n_group", "n_routed_experts"),
    best: config.count("topk_group"),
  };
}

/** Softmax over all experts; `topk_method` says whether only those of the best groups are looked at. */
export function softmaxRouter(m: Module, config: Config): Layer<[ValueId], Routing> {
  const width = config.count("hidden_size");
  const count = config.count("n_routed_experts");
  const perToken = config.count("num_experts_per_tok");
  const method = config.text("topk_method");
  if (method !== "greedy" && method !== "group_limited_greedy")
    throw badValue(config.source, "topk_method", "greedy or group_limited_greedy", method);
  const limits = method === "greedy" ? null : groupsOf(config);
  const weight = m.parameter("weight", [count, width]);
  return m.layer("DeepseekV2TopkRouter", (f, x: ValueId) => {
    const rows = f.set("hidden_states", f.view(x, [-1, width]));
    const input = f.to(rows, "float32");
    const product = f.op("linear", { input, weight: f.to(weight, "float32"), bias: null });
    const logits = f.set("router_logits", product);
    let scores = f.set("scores", f.apply("softmax", logits, { dim: -1, dtype: "float32" }));
    if (limits) scores = f.set("scores", ofBestGroups(f, scores, limits));
    const [best, chosen] = top(f, scores, perToken);
    f.set("topk_indices", chosen);
    f.set("topk_weights", best);
    return { logits, weights: f.set("topk_weights", f.scale(best, 1)), experts: chosen };
  });
}

/** Scores of other groups than the best are made zero. [T, E] */
function ofBestGroups(
  f: Frame,
  scores: ValueId,
  { groups, each, best }: ReturnType<typeof groupsOf>,
): ValueId {
  const [most] = f.ops("maxDim", { self: f.view(scores, [-1, groups, each]) }, { dim: -1 }) as [ValueId];
  const groupScores = f.set("group_scores", most);
  const index = f.set("group_idx", top(f, groupScores, best)[1]);
  const mask = f.set("group_mask", f.op("create", { self: groupScores }));
  f.op("scatter", { self: mask, index }, { dim: 1, value: 1, inPlace: true });
  const wide = f.expand(f.unsqueeze(mask, -1), [-1, groups, each]);
  const kept = f.set("score_mask", f.reshape(wide, [-1, groups * each]));
  const hidden = f.apply("bitwiseNot", f.to(kept, "bool"));
  return f.op("maskedFill", { self: scores, mask: hidden }, { value: 0 });
}

/** The best groups of experts first, then the best experts in them. */
export function groupedRouter(m: Module, config: Config): Layer<[ValueId], Routing> {
  const width = config.count("hidden_size");
  const count = config.count("n_routed_experts");
  const perToken = config.count("num_experts_per_tok");
  const { groups, each, best } = groupsOf(config);
  const normalizes = config.flag("norm_topk_prob");
  const weight = m.parameter("weight", [count, width]);
  const correction = m.buffer("e_score_correction_bias", [count]);
  return m.layer("DeepseekV3TopkRouter", (f, x: ValueId) => {
    const rows = f.set("hidden_states", f.view(x, [-1, width]));
    const input = f.to(rows, "float32");
    const product = f.op("linear", { input, weight: f.to(weight, "float32"), bias: null });
    const logits = f.set("router_logits", product);
    const scores = f.set("scores", f.apply("sigmoid", logits));
    let choice = f.set("scores_for_choice", f.add(scores, correction));
    const [two] = top(f, f.view(choice, [-1, groups, each]), 2);
    const groupScores = f.set("group_scores", f.apply("sum", two, { dim: [-1], keepdim: false }));
    const groupIndex = f.set("group_idx", top(f, groupScores, best)[1]);
    const groupMask = f.set("group_mask", f.op("create", { self: groupScores }));
    f.op("scatter", { self: groupMask, index: groupIndex }, { dim: 1, value: 1, inPlace: true });
    const wide = f.expand(f.unsqueeze(groupMask, -1), [-1, groups, each]);
    const mask = f.set("score_mask", f.reshape(wide, [-1, count]));
    const hidden = f.apply("bitwiseNot", f.to(mask, "bool"));
    choice = f.set("scores_for_choice", f.op("maskedFill", { self: choice, mask: hidden }, { value: -1 }));
    const chosen = f.set("topk_indices", top(f, choice, perToken)[1]);
    let weights = f.set("topk_weights", f.op("gather", { self: scores, index: chosen }, { dim: 1 }));
    if (normalizes) {
      const sum = f.apply("sum", weights, { dim: [-1], keepdim: true });
      const other = f.set("denominator", f.op("add", { self: sum }, { other: 1e-20 }));
      weights = f.set("topk_weights", f.op("div", { self: weights, other }, { inPlace: true }));
    }
    return { logits, weights: f.set("topk_weights", f.scale(weights, 1)), experts: chosen };
  });
}
