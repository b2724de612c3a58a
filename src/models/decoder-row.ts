/** What a row of the table of decoder-only families says (decoders.ts), and how its conditions are read. */
import type { AttentionStyle } from "./blocks/decoder-attention.js";
import type { plainMlp } from "./blocks/mlp.js";
import type { MixtureStyle } from "./blocks/mixture.js";
import type { NormKind } from "./blocks/norm.js";
import type { Config } from "./config.js";

/** How the two halves of a block and their norms follow each other. */
export type Order =
  /** x += attn(norm(x)); x += mlp(norm(x)) */
  | "sequential"
  /** attn(n) + mlp(n) + x, n = norm(x) */
  | "parallel"
  /** x + attn(n) + mlp(n), n = norm(x) */
  | "beside"
  /** x += norm(attn(norm(x))); x += norm(mlp(norm(x))) */
  | "sandwich"
  /** As sandwich, with GLM's names. */
  | "glm-sandwich"
  /** x += norm(attn(x)); x += norm(mlp(x)) */
  | "post";

export interface DecoderRow {
  /** Prefix of the classes' names. */
  readonly kind: string;
  readonly norm: NormKind;
  readonly order: Order | ((config: Config) => Order);
  readonly attention?: AttentionStyle & {
    readonly qkvBias?: boolean | string;
    readonly outBias?: boolean | string;
    /** A flag that norms of queries and keys depend on. */
    readonly qkNormIf?: string;
  };
  readonly mlp: "gated" | "fused-gated" | { readonly plain: Parameters<typeof plainMlp>[3] };
  readonly mlpBias?: boolean | string;
  readonly activation?: string;
  /**
   * Layers that look back only so far: all of them; those that `layer_types` names, with what is taken where it is not
   * there: none but for Qwen's keys, every other, all but every n-th.
   */
  readonly window?: "all" | "layers" | "every-other" | { readonly pattern: number };
  /** Share of a head that is rotated, where the file does not say. */
  readonly rotated?: number;
  /** Layers whose heads are not rotated: those without a window, or those that a list of zeros and ones names. */
  readonly unrotated?: "full" | "full-of-mixed" | "listed";
  /** Angles for each kind of layer. */
  readonly anglesPerType?: boolean;
  /** What embeddings and branches are multiplied with. */
  readonly scales?: "gemma" | "granite";
  /** Dropouts of a block's branches and of the embeddings, by key. */
  readonly dropouts?: { readonly branch?: string; readonly embedding?: string; readonly output?: string };
  /** Experts in place of the feed-forward block, by the configuration's keys. */
  readonly mixture?: {
    readonly experts: string;
    readonly inner: string;
    readonly normalizes: boolean | string;
    readonly scores: MixtureStyle["scores"];
    readonly routerFirst?: boolean;
    readonly shared?: string;
    /** Name of the block in a layer, defined after the norms, with a router of that name. */
    readonly late?: { readonly name: string; readonly router: string; readonly kind: string };
  };
  /** The norm after the last layer has another name. */
  readonly finalNorm?: string;
  readonly headBias?: boolean;
  /** Logits are multiplied with `logit_scale`. */
  readonly scalesLogits?: boolean;
}

/** A row's condition: fixed, or the key that says it. */
export function said(config: Config, condition: boolean | string | undefined): boolean {
  return typeof condition === "string" ? config.flag(condition) : condition === true;
}

/** Whether layer `i` looks back only `sliding_window` tokens. */
export function windowed(config: Config, { window }: DecoderRow, i: number): boolean {
  if (!window || !config.has("sliding_window")) return false;
  if (window === "all") return true;
  const types = config.list("layer_types");
  if (types) return types[i] === "sliding_attention";
  if (window === "every-other") return (i + 1) % 2 !== 0;
  if (typeof window === "object") return (i + 1) % patternOf(config, window.pattern) !== 0;
  return config.flag("use_sliding_window") && i >= config.number("max_window_layers", 0);
}

/** `sliding_window_pattern` as older files have it: a number. */
function patternOf(config: Config, otherwise: number): number {
  return typeof config.value("sliding_window_pattern") === "number"
    ? config.count("sliding_window_pattern")
    : otherwise;
}

/** Whether positions turn the heads of layer `i`. */
export function rotates(config: Config, row: DecoderRow, i: number): boolean {
  if (row.unrotated === undefined) return true;
  if (row.unrotated === "full") return windowed(config, row, i);
  if (row.unrotated === "full-of-mixed") return !config.has("sliding_window") || windowed(config, row, i);
  const listed = config.list("no_rope_layers");
  if (listed) return listed[i] !== 0 && listed[i] !== false;
  return (i + 1) % config.count("no_rope_layer_interval", 4) !== 0;
}
