/** The text a user writes for adapters: `rank=16,targets=q_proj+v_proj,alpha=32,dropout=0.05`. */
import type { Adapters } from "../ir/setup.js";
import { wrongAdapters } from "./adapter-complaints.js";

/** peft's LoraConfig: r=8, no dropout; its other defaults change no memory. */
const DEFAULTS: Adapters = { rank: 8, targets: "all-linear", dropout: 0 };
/** More is no low rank, and a typing error. */
const MOST = 65_536;

export function chooseAdapters(text: string, where = "--lora"): Adapters {
  let chosen = DEFAULTS;
  for (const part of text.split(",").map((word) => word.trim())) {
    const [name = "", value = ""] = part.split("=").map((word) => word.trim());
    if (name === "rank" || name === "r") chosen = { ...chosen, rank: wholeIn(value, where, part) };
    else if (name === "targets") chosen = { ...chosen, targets: targetsIn(value, where, part) };
    else if (name === "dropout") chosen = { ...chosen, dropout: shareIn(value, where, part) };
    else if (name === "dora" || name === "rslora") {
      const on = switchIn(value, where, part); // rsLoRA is another scale: no bytes
      if (name === "dora" && on) chosen = { ...chosen, dora: true };
    } else if (name !== "alpha")
      throw wrongAdapters(where, part, "rank, targets, dropout, dora, rslora or alpha");
  }
  return chosen;
}

function wholeIn(value: string, where: string, part: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= MOST) return number;
  throw wrongAdapters(where, part, `a whole number from 1 to ${MOST}`);
}

function switchIn(value: string, where: string, part: string): boolean {
  if (value === "true" || value === "false") return value === "true";
  throw wrongAdapters(where, part, "true or false");
}

function shareIn(value: string, where: string, part: string): number {
  const number = Number(value);
  if (value !== "" && number >= 0 && number < 1) return number;
  throw wrongAdapters(where, part, "a number from 0 to below 1");
}

function targetsIn(value: string, where: string, part: string): Adapters["targets"] {
  if (value === "all-linear") return value;
  const names = value.split("+").filter((name) => name !== "");
  if (names.length > 0) return names;
  throw wrongAdapters(where, part, "names of layers joined by +, or all-linear");
}
