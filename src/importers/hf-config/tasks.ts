/** What a class name under `architectures` says about the model's head. */
import type { Task } from "../../models/family.js";

const SUFFIXES: readonly (readonly [string, Task])[] = [
  ["ForCausalLM", "causal-lm"],
  ["LMHeadModel", "causal-lm"],
  ["ForMaskedLM", "masked-lm"],
  ["ForPreTraining", "pretraining"],
  ["ForSequenceClassification", "sequence-classification"],
  ["ForTokenClassification", "token-classification"],
  ["ForQuestionAnswering", "question-answering"],
  ["ForSpeechSeq2Seq", "speech-seq2seq"],
  ["ForConditionalGeneration", "seq2seq"],
  ["ForSeq2SeqLM", "seq2seq"],
  ["MTModel", "seq2seq"],
  ["ForImageClassification", "image-classification"],
  ["ForCTC", "ctc"],
  ["Model", "base"],
];

/** The task of the first class that is named; null when none is, or it is of another kind. */
export function taskOf(architectures: unknown): Task | null {
  const [first] = Array.isArray(architectures) ? architectures : [];
  if (typeof first !== "string") return null;
  return SUFFIXES.find(([suffix]) => first.endsWith(suffix))?.[1] ?? null;
}
