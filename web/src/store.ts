/** The page's state: the question, its answer, and the address that has both. */
import { effect, signal } from "@preact/signals";
import type { Complaint, EstimateReport } from "plimsoll";
import { startAnalysis } from "./analysis/client.js";
import { startMore } from "./analysis/more.js";
import type { Details, More, MoreName } from "./analysis/protocol.js";
import { type Asked, FIRST, fromAddress, type Question, type Settings, toAddress } from "./question.js";

export const question = signal<Question>(fromAddress(location.search, location.hash) ?? FIRST);
export const report = signal<EstimateReport | null>(null);
export const details = signal<Details | null>(null);
export const complaint = signal<Complaint | null>(null);
export const bug = signal<string | null>(null);
export const isComputing = signal(true);
/** Milliseconds that the engine took. */
export const took = signal(0);

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

export function choose(model: Asked): void {
  const settings = Object.fromEntries(
    Object.entries(question.value.settings).filter(([name]) => !OF_ONE_MODEL.includes(name)),
  );
  question.value = { model, settings };
}

const analysis = startAnalysis((told) => {
  switch (told.kind) {
    case "estimate":
      report.value = told.report;
      took.value = told.took;
      complaint.value = null;
      bug.value = null;
      isComputing.value = false;
      break;
    case "details":
      details.value = told.details;
      break;
    case "complaint":
      complaint.value = told.complaint;
      details.value = null;
      isComputing.value = false;
      break;
    case "bug":
      bug.value = told.message;
      isComputing.value = false;
  }
});

/** What has been looked at, and why something can't be told. */
export const more = signal<Partial<More> & { readonly why?: Partial<Record<MoreName, string>> }>({});
const wanted = new Set<MoreName>();
const moreAnalysis = startMore((told) => {
  if (told.kind === "more") more.value = { ...more.value, [told.name]: told.value };
  else more.value = { ...more.value, why: { ...more.value.why, [told.name]: told.why } };
});

/** Asks for it, once for every question. */
export function need(name: MoreName): void {
  if (wanted.has(name)) return;
  wanted.add(name);
  moreAnalysis.ask(name, question.peek());
}

/** Typing makes one entry of the history, not one per key. */
const SETTLED_MILLISECONDS = 400;
let settling: ReturnType<typeof setTimeout> | undefined;
let isFromHistory = true; // the first address is there already

effect(() => {
  const asked = question.value;
  isComputing.value = true;
  analysis.ask(asked);
  wanted.clear();
  moreAnalysis.forget();
  more.value = {};
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

addEventListener("popstate", () => {
  isFromHistory = true;
  question.value = fromAddress(location.search, location.hash) ?? FIRST;
});
