/** What this project asks of an image; each finding is a sentence. */

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/** A version of three numbers, or a digest. */
const PINNED = /:\d+\.\d+\.\d+(-[\w.-]+)?$|@sha256:[0-9a-f]{64}$/;
const NUMERIC_USER = /^[1-9]\d*(:[1-9]\d*)?$/;

export function lintDockerfile(text: string): readonly string[] {
  const all = instructionsOf(text);
  const found: string[] = [];
  for (const { name, rest } of all) {
    const [image = ""] = rest.split(/\s+/);
    if (name === "FROM" && !PINNED.test(image)) found.push(`the base ${image} must be pinned to a version`);
    if (name === "ADD") found.push("ADD fetches and unpacks: COPY says what comes from where");
    if (name === "ENV" && /(TOKEN|SECRET|PASSWORD)/i.test(rest)) found.push("ENV must hold no secret");
  }
  const last = all.slice(all.findLastIndex(({ name }) => name === "FROM") + 1);
  const of = (name: string) => last.filter((one) => one.name === name);
  const user = of("USER").at(-1)?.rest ?? "none";
  if (!NUMERIC_USER.test(user)) found.push(`USER must be a number other than root's: ${user}`);
  if (of("RUN").length > 0) found.push("RUN has no place in the last stage: it only copies");
  for (const { rest } of of("COPY")) {
    if (!rest.includes("--from=")) found.push(`COPY in the last stage must be from another stage: ${rest}`);
    if (/--ch(own|mod)/.test(rest))
      found.push(`files must stay root's, so that the process cannot change them: ${rest}`);
  }
  for (const name of ["ENTRYPOINT", "CMD"])
    if (!of(name).at(-1)?.rest.startsWith("["))
      found.push(`${name} must be a list, so that signals reach the process`);
  if (of("HEALTHCHECK").length === 0) found.push("HEALTHCHECK must say how one sees that it works");
  return found;
}

/** Lines joined where they go on; comments left out. */
function instructionsOf(text: string): readonly Instruction[] {
  return text
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.trimStart().startsWith("#"))
    .map((line) => {
      const [, name = "", rest = ""] = /^\s*(\w+)\s+(.*)$/.exec(line) ?? [];
      return { name: name.toUpperCase(), rest: rest.trim() };
    });
}
