/** The page's state: the question, its answer, and the address that has both. */
import { effect, signal } from "@preact/signals";
import type { Complaint } from "plimsoll";
import { startAnalysis } from "./analysis/client.js";
import { startMore } from "./analysis/more.js";
import type { Figures, More, MoreName } from "./analysis/protocol.js";
import { batchesAround } from "./batch-stops.js";
import { type Asked, FIRST, fromAddress, type Question, type Settings, toAddress } from "./question.js";

export const question = signal<Question>(fromAddress(location.search, location.hash) ?? FIRST);
export const report = signal<Figures | null>(null);
export const complaint = signal<Complaint | null>(null);
export const bug = signal<string | null>(null);
export const isComputing = signal(true);
/** Milliseconds that the engine took; null: the answer was there before it was asked for. */
export const took = signal<number | null>(0);
/** What was measured of the run, to be set beside the answer. It stays on this machine. */
export const recording = signal<File | null>(null);

export const setting = (name: string): string => question.value.settings[name] ?? "";

/** Fields that were emptied are not settings. */
export function change(name: string, value: string): void {
  const { [name]: _, ...rest } = question.value.settings;
  question.value = { ...question.value, settings: value === "" ? rest : { ...rest, [name]: value } };
}

/** Several settings at once; an empty one is taken away. */
export function changeAll(changes: Readonly<Record<string, string>>): void {
  const settings = Object.fromEntries(
    Object.entries({ ...question.value.settings, ...changes }).filter(([, value]) => value !== ""),
  );
  question.value = { ...question.value, settings };
}

/** Exactly these settings, as they were before a change. */
export function restore(settings: Settings): void {
  question.value = { ...question.value, settings };
}

/** Settings that only one kind of model takes do not follow to another. */
const OF_ONE_MODEL = ["image", "sequence", "shape", "task", "classes", "imageChannels", "lora", "freeze"];
/** The model before the last one that was chosen: a recording that was dropped in its place gives it back. */
let chosenBefore: Question | null = null;

export function choose(model: Asked): void {
  chosenBefore = question.value;
  const settings = Object.fromEntries(
    Object.entries(question.value.settings).filter(([name]) => !OF_ONE_MODEL.includes(name)),
  );
  question.value = { model, settings };
}

/** Answers of the model as it is set, at other batches. */
const ahead = new Map<string, Figures>();
const MOST_AHEAD = 12;
const batchOf = ({ settings }: Question): string => settings["batch"] ?? "1";

const analysis = startAnalysis((told) => {
  switch (told.kind) {
    case "estimate":
      show(told.report, told.took);
      break;
    case "ahead":
      if (isAlike(told.question, question.peek())) ahead.set(batchOf(told.question), told.report);
      break;
    case "complaint":
      if (told.complaint.code === "model/recording" && takeAsRecording()) break;
      complaint.value = told.complaint;
      isComputing.value = false;
      break;
    case "bug":
      bug.value = told.message;
      isComputing.value = false;
  }
});

function show(figures: Figures, milliseconds: number | null): void {
  report.value = figures;
  took.value = milliseconds;
  complaint.value = null;
  bug.value = null;
  isComputing.value = false;
}

/** What was dropped as a model was measured: the model before it comes back, and both are compared. */
function takeAsRecording(): boolean {
  const { model } = question.peek();
  if (model.kind === "name" || chosenBefore === null) return false;
  recording.value = model.kind === "file" ? model.file : new File([model.text], model.name);
  question.value = chosenBefore;
  return true;
}

/** The same but for the batch. */
function isAlike(a: Question, b: Question): boolean {
  const rest = ({ settings: { batch: _, ...others } }: Question) => JSON.stringify(others);
  return a.model === b.model || JSON.stringify(a.model) === JSON.stringify(b.model)
    ? rest(a) === rest(b) && (a.model.kind !== "file" || a.model === b.model)
    : false;
}

/** What has been looked at, and why something can't be told; a value stays until the next one is there. */
export const more = signal<Partial<More>>({});
export const whyNot = signal<Partial<Record<MoreName, Complaint | string>>>({});
/** What of `more` belongs to the question as it is now. */
export const fresh = signal<ReadonlySet<MoreName>>(new Set());
const wanted = new Set<MoreName>();
const ALWAYS: readonly MoreName[] = ["largest", "explained"];
/** A slider that moves on asks for nothing of this. */
const QUIET_MILLISECONDS = 150;
let quiet: ReturnType<typeof setTimeout> | undefined;

const moreAnalysis = startMore((told) => {
  fresh.value = new Set([...fresh.peek(), told.name]);
  const { [told.name]: _, ...reasons } = whyNot.peek();
  if (told.kind === "more") {
    more.value = { ...more.peek(), [told.name]: told.value };
    whyNot.value = reasons;
  } else whyNot.value = { ...reasons, [told.name]: told.why };
});

/** Asks for it, once for every question. */
export function need(name: MoreName): void {
  if (wanted.has(name)) return;
  wanted.add(name);
  if (quiet === undefined) askMore(name);
}

function askMore(name: MoreName): void {
  moreAnalysis.ask(name, question.peek(), recording.peek());
}

/** A recording belongs to no address: what was compared is compared anew. */
export function compareWith(file: File | null): void {
  recording.value = file;
  wanted.delete("compared");
  const { compared: _, ...rest } = more.peek();
  more.value = rest;
  whyNot.value = {};
  fresh.value = new Set([...fresh.peek()].filter((name) => name !== "compared"));
}

/** Typing makes one entry of the history, not one per key. */
const SETTLED_MILLISECONDS = 400;
let settling: ReturnType<typeof setTimeout> | undefined;
let isFromHistory = true; // the first address is there already
let before: Question | null = null;

effect(() => {
  const asked = question.value;
  const isMoved = before !== null && isAlike(asked, before);
  before = asked;
  if (!isMoved) {
    ahead.clear();
    more.value = {};
  }
  const known = ahead.get(batchOf(asked));
  if (known) show(known, null);
  else isComputing.value = true;
  const around = batchesAround(Number(batchOf(asked)), MOST_AHEAD)
    .map(String)
    .filter((batch) => !ahead.has(batch))
    .map((batch) => ({ ...asked, settings: { ...asked.settings, batch } }));
  analysis.ask(known ? null : asked, around);
  askMoreWhenQuiet();
  clearTimeout(settling);
  if (isFromHistory) {
    isFromHistory = false;
    return;
  }
  settling = setTimeout(() => {
    const address = toAddress(asked);
    if (address !== location.search + location.hash) history.pushState(null, "", address);
  }, SETTLED_MILLISECONDS);
});

function askMoreWhenQuiet(): void {
  wanted.clear();
  for (const name of ALWAYS) wanted.add(name);
  fresh.value = new Set();
  whyNot.value = {};
  moreAnalysis.forget();
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    quiet = undefined;
    for (const name of wanted) askMore(name);
  }, QUIET_MILLISECONDS);
}

addEventListener("popstate", () => {
  isFromHistory = true;
  question.value = fromAddress(location.search, location.hash) ?? FIRST;
});
