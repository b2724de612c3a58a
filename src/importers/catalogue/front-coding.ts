/** Lists of dotted paths, each written as what it shares with the one before: `2|weight` after `a.b.bias` is `a.b.weight`. */

export function codePaths(paths: readonly string[]): string[] {
  let before: readonly string[] = [];
  return paths.map((path) => {
    const parts = path.split(".");
    let shared = 0;
    while (shared < parts.length - 1 && shared < before.length && parts[shared] === before[shared]) shared++;
    before = parts;
    return `${shared}|${parts.slice(shared).join(".")}`;
  });
}

/** The paths again; null when one is not written as `codePaths` does, or is longer than `most` characters. */
export function decodePaths(coded: readonly unknown[], most: number): string[] | null {
  let before: readonly string[] = [];
  const paths: string[] = [];
  for (const text of coded) {
    const match = typeof text === "string" ? /^(\d{1,4})\|(.*)$/.exec(text) : null;
    const shared = Number(match?.[1]);
    if (!match || shared > before.length) return null;
    before = [...before.slice(0, shared), ...(match[2] as string).split(".")];
    const path = before.join(".");
    if (path.length > most) return null;
    paths.push(path);
  }
  return paths;
}
