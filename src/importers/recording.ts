/** What a reader of recordings gives back. */
import type { Diagnostic } from "../base/complaint.js";
import type { Recording } from "../ir/recording.js";

export interface ImportedRecording extends Recording {
  readonly kind: "recording";
  /** The file's name. */
  readonly source: string;
  readonly format: string;
  readonly diagnostics: readonly Diagnostic[];
}
