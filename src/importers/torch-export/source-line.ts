/** What a line of the model's source says that lifetimes and types need; nothing else of it is kept anywhere. */

/**
 * Names a statement assigns to: `x = …`, `q, k, v = …`; `xs[]` for `xs.append(…)`; none for returns, other calls and
 * what cannot be read off one line.
 */
export function targetsOf(code: string): string[] {
  const [, list] = /^([A-Za-z_]\w*)\.append\(/.exec(code) ?? [];
  if (list !== undefined) return [`${list}[]`];
  const match = /^([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::[^=]+)?=(?!=)/.exec(code);
  return match ? (match[1] as string).split(",").map((name) => name.trim()) : [];
}

/** The line names float32 itself, as `x.float()` does: the type stays when the model is moved to another. */
export function namesFloat(code: string): boolean {
  return /\.float\(\)|float32/.test(code);
}

/** The method or module that the line calls first: `block` of `x = self.block(x)`. */
export function calleeOf(code: string): string | undefined {
  return /^(?:[^=()]*=\s*|return\s+)?self\.([A-Za-z_]\w*)\(/.exec(code)?.[1];
}

/** A line that says the same of targets, types and callees, and nothing else. */
export function abridged(code: string): string {
  const targets = targetsOf(code);
  const [first = ""] = targets;
  const left = first.endsWith("[]")
    ? `${first.slice(0, -2)}.append(`
    : targets.length > 0
      ? `${targets.join(", ")} =`
      : "";
  const callee = first.endsWith("[]") ? undefined : calleeOf(code);
  const call = callee === undefined ? "" : `self.${callee}(`;
  return [left, call, namesFloat(code) ? "float32" : ""].filter((part) => part !== "").join(" ");
}
