/** What an importer gives back: a model whose open sizes are still open. */
import type { Diagnostic } from "../base/complaint.js";
import type { Graph, TracedProgram } from "../ir/graph.js";
import type { Framework } from "../ir/setup.js";

/** Values for the sizes a file leaves open; a missing one takes the file's own. */
export interface Bindings {
  readonly batch?: number;
  readonly sequence?: number;
  /** Height and width of image inputs. */
  readonly image?: readonly [number, number];
  /** Full shapes of named inputs. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  /** For models that are drawn rather than read: the head, its classes, the channels of images. */
  readonly task?: string;
  readonly classes?: number;
  readonly imageChannels?: number;
  /** Drawn models have their loss inside when they train, and write attention out when told so. */
  readonly mode?: "train" | "inference";
  readonly attention?: string;
  /** Ranks that share out the matrices of layers. */
  readonly tensorRanks?: number;
  /** A loss over hidden states and the head instead of logits. */
  readonly loss?: string;
  /** Blocks are computed again in backward: some models' code asks. */
  readonly checkpointing?: boolean;
  /** Of models whose layers choose their types themselves: Keras' dtype policy. */
  readonly precision?: string;
}

/** Settings that only some models take. */
export type ModelSetting = "sequence" | "task" | "classes" | "imageChannels" | "loss";

export interface TransformerBlocks {
  readonly layers: number;
  /** Elements of a token. */
  readonly width: number;
  readonly heads: number;
}

export interface ImportedModel {
  readonly kind: "model";
  readonly name: string;
  /** What the user gave: a file name or a catalogue name. */
  readonly source: string;
  readonly format: string;
  /** The framework whose operations the graph is made of; absent: PyTorch's. */
  readonly framework?: Framework;
  /** Of programs that JAX traced: a function whose gradient is taken, or a whole step. */
  readonly program?: TracedProgram["kind"];
  /** Which of its arguments are taken for parameters, in words. */
  readonly parameters?: string;
  /** The batch the file was made with; used when the user names none. */
  readonly batch: number;
  /** Which of the settings that only some models take this one does; absent: none. */
  readonly takes?: readonly ModelSetting[];
  /** Of a stack of transformer blocks: what closed forms ask for. */
  readonly blocks?: TransformerBlocks;
  /** It can be drawn as one of several ranks that share out the matrices of layers. */
  readonly takesTensorRanks?: boolean;
  /** Tokens per sample when the user names none, for a model that has them. */
  readonly sequence?: number;
  /** The forward pass at these sizes. Throws InputError when the model cannot take them. */
  bind(bindings: Bindings): { readonly graph: Graph; readonly diagnostics: readonly Diagnostic[] };
}
