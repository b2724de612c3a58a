/** The parts of a Keras configuration that matter, read with the path they are at. */
import { quoted, tooDeep, tooManyValues, notJson, wrongValue } from "./complaints.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

const MAX_DEPTH = 200;
const MAX_VALUES = 2_000_000;
const [QUOTE, ESCAPE, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [...'"\\,[]{}'].map(
  (character) => character.charCodeAt(0),
);

/** Counted before it is made: a million empty objects cost more than the file. */
export function parseConfig(bytes: Uint8Array, where: string): Json {
  let [depth, values, isQuoted] = [0, 0, false];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isQuoted) {
      if (byte === ESCAPE) i += 1;
      else if (byte === QUOTE) isQuoted = false;
    } else if (byte === QUOTE) isQuoted = true;
    else if (byte === COMMA) values += 1;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      values += 1;
      depth += 1;
      if (depth > MAX_DEPTH) throw tooDeep(where, MAX_DEPTH);
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth -= 1;
    if (values > MAX_VALUES) throw tooManyValues(where, MAX_VALUES);
  }
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as Json;
  } catch (error) {
    throw notJson(where, error instanceof Error ? quoted(error.message) : "no JSON");
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/** The options of one layer. */
export class Settings {
  readonly at: string;
  readonly values: JsonObject;

  constructor(values: JsonObject, at: string) {
    this.values = values;
    this.at = at;
  }

  /** A whole number from 1 on. */
  count(key: string, otherwise?: number): number {
    const value = this.values[key] ?? otherwise;
    if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1) return value;
    throw this.wrong(key, "a whole number above zero");
  }

  number(key: string, otherwise: number): number {
    const value = this.values[key] ?? otherwise;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.wrong(key, "a number");
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.values[key] ?? otherwise;
    if (typeof value === "boolean") return value;
    throw this.wrong(key, "true or false");
  }

  text<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
    const value = this.values[key] ?? otherwise;
    if (allowed.includes(value as T)) return value as T; // as: it is among them
    throw this.wrong(key, `one of ${allowed.join(", ")}`);
  }

  /** One number for all dims, or one for each. */
  dims(key: string, rank: number, otherwise?: number | readonly number[]): readonly number[] {
    const value = this.values[key] ?? otherwise;
    const list = isList(value as Json)
      ? (value as readonly Json[])
      : Array.from({ length: rank }, () => value);
    if (
      list.length === rank &&
      list.every((item) => typeof item === "number" && Number.isSafeInteger(item) && item >= 1)
    )
      return list as readonly number[];
    throw this.wrong(key, `${rank} whole numbers above zero`);
  }

  /** Whole numbers, negative ones too. */
  integers(key: string, otherwise?: readonly number[]): readonly number[] {
    const value = this.values[key] ?? otherwise;
    const list = typeof value === "number" ? [value] : value;
    if (isList(list as Json) && (list as readonly Json[]).every((item) => Number.isSafeInteger(item)))
      return list as readonly number[];
    throw this.wrong(key, "whole numbers");
  }

  wrong(key: string, expected: string) {
    return wrongValue(this.at, key, expected, this.values[key]);
  }
}

/** The name of an activation, dtype policy or class: plain, or wrapped as Keras serializes objects. */
export function nameOf(value: Json | undefined): string | null {
  if (typeof value === "string") return value;
  if (!isObject(value)) return null;
  const { class_name: name, config } = value;
  if (name === "function" && typeof config === "string") return config;
  if (isObject(config) && typeof config.name === "string") return config.name;
  return typeof name === "string" ? name : null;
}
