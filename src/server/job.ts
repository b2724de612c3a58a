/** One question as plain data, so that it can travel to a worker, and its answer. */
import { checkOptions } from "../check-options.js";
import { InputError } from "../complaints.js";
import {
  type CatalogueFiles,
  type Complaint,
  type ImportedModel,
  readModel,
  readRecording,
} from "../index.js";
import { renderJson } from "../present/index.js";
import { type Operation, OPERATIONS, type OperationName } from "./operations.js";

export interface JobFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A name of the catalogue, or a file's bytes. */
export type JobModel =
  | { readonly kind: "name"; readonly name: string }
  | ({ readonly kind: "file" } & JobFile);

export interface Job {
  readonly operation: OperationName;
  readonly model: JobModel;
  /** What was measured, for operations that take it; null: figures alone. */
  readonly recording: JobFile | null;
  /** Settings as people write them; not checked yet. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** The report's JSON, or what is wrong with the question. */
export type Outcome =
  | { readonly kind: "answer"; readonly json: string }
  | { readonly kind: "complaint"; readonly complaint: Complaint };

export type RunJob = (job: Job) => Promise<Outcome>;

/** Models by name that stay read: their graphs are warm. */
const KEPT = 16;

/** Answers in this thread. Throws what is a bug. */
export function createRunner(catalogue: CatalogueFiles): RunJob {
  const known = new Map<string, ImportedModel>();
  const read = async (model: JobModel): Promise<ImportedModel> => {
    if (model.kind === "file") return readModel(model.bytes, { name: model.name });
    const before = known.get(model.name);
    const found = before ?? (await readModel(model.name, { catalogue }));
    known.delete(model.name);
    known.set(model.name, found); // the one asked for last goes last
    const [oldest] = known.keys();
    if (known.size > KEPT && oldest !== undefined) known.delete(oldest);
    return found;
  };
  return async ({ operation, model, recording, settings }) => {
    try {
      const row: Operation = OPERATIONS[operation];
      const own = Object.keys(row.beside ?? {});
      const is = (mine: boolean) => Object.entries(settings).filter(([key]) => own.includes(key) === mine);
      const options = checkOptions(Object.fromEntries(is(false)), (key) => `setup › ${key}`);
      const measured = recording && (await readRecording(recording.bytes, { name: recording.name }));
      const asked = { ...options, ...Object.fromEntries(is(true)) };
      const report = row.answer(await read(model), asked, measured);
      return { kind: "answer", json: renderJson(report) };
    } catch (error) {
      if (error instanceof InputError) return { kind: "complaint", complaint: error.complaint };
      throw error;
    }
  };
}
