/** What a plan's time goes to, in words, the largest cost first. */
import { type Shares, sumOf, type Weighed } from "./weigh-layout.js";

const WORDS: Readonly<Record<Exclude<keyof Shares, "compute">, string>> = {
  recompute: "computing activations again",
  tensor: "all-reduces of tensor parallelism",
  data: "gathers and reductions that compute does not hide",
  pipeline: "activations between stages",
  bubble: "the pipeline's bubble",
  optimizer: "the optimizer's traffic",
  host: "traffic to and from the host",
};

/** Below this share nothing is said. */
const LEAST = 0.005;

export function whyOf({ shares }: Pick<Weighed, "shares">): string[] {
  const total = sumOf(shares);
  const percent = (seconds: number) => `${Math.max(1, Math.round((100 * seconds) / total))} %`;
  const costs = (Object.keys(WORDS) as (keyof typeof WORDS)[]) // keys of a literal
    .filter((name) => shares[name] >= LEAST * total)
    .sort((a, b) => shares[b] - shares[a])
    .map((name) => `${percent(shares[name])} ${WORDS[name]}`);
  return [`${percent(shares.compute)} forward and backward`, ...costs];
}
