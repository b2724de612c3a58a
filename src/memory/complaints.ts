/** Complaints about what the allocator is told. */
import { InputError } from "../base/complaint.js";
import { didYouMean } from "../base/did-you-mean.js";

export function notAKey(key: string, keys: readonly string[], where: string): InputError {
  return new InputError({
    code: "memory/allocator-key",
    where,
    rule: "a key must be one that PyTorch's allocator knows",
    expected: keys.join(", "),
    got: JSON.stringify(key),
    hint: didYouMean(key, keys, "expandable_segments:True and max_split_size_mb:128 are the usual ones"),
  });
}

export function wrongValue(
  key: string,
  value: string,
  expected: string,
  example: string,
  where: string,
): InputError {
  return new InputError({
    code: "memory/allocator-value",
    where,
    rule: `${key} must be ${expected}`,
    expected,
    got: JSON.stringify(value),
    hint: `write ${key}:${example}`,
  });
}

export function notAnEntry(text: string, where: string): InputError {
  return new InputError({
    code: "memory/allocator-entry",
    where,
    rule: "the allocator's settings must be key:value pairs between commas",
    expected: "key:value,key:[size:value,…]",
    got: JSON.stringify(text),
    hint: text.includes("=") ? "write a colon between key and value" : "write expandable_segments:True",
  });
}
