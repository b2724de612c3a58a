/**
 * `npm run docs`: the documents of the repository as a site in dist/docs, with every export of the library and the accuracy's
 * tables; ends with 1 when a link leads nowhere.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { Marked } from "marked";

const OUT = "dist/docs";
const TITLES = {
  "README.md": "Start",
  "ARCHITECTURE.md": "How it works",
  "CONTRIBUTING.md": "Add a …",
  "CHANGELOG.md": "Changes",
};
const documents = [
  ...Object.keys(TITLES),
  ...readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
  "examples/integrations/notebook.md",
];

/** @param {string} file */
const pageOf = (file) => (file === "README.md" ? "index.html" : file.replace(/\.md$/, ".html"));
/** @param {string} file @param {string} text */
const titleOf = (file, text) =>
  /** @type {Record<string, string>} */ (TITLES)[file] ?? /^# (.*)$/m.exec(text)?.[1] ?? file;
/** As GitHub names headings. @param {string} text */
const slug = (text) =>
  text
    .toLowerCase()
    .replace(/<[^>]*>/g, "")
    .replace(/[^\w\- ]/g, "")
    .replaceAll(" ", "-");
/** @param {string} text */
const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);

/** Exports with their docstrings, from the declarations that the build made. */
function apiDocument() {
  const lines = [
    "# API",
    "",
    'What `import … from "plimsoll"` gives. Reports are described in the declarations (`report/report.d.ts`) and by the JSON Schemas in `schemas/`.',
    "",
  ];
  const index = readFileSync("src/index.ts", "utf8");
  const lists = [...index.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list = ""]) => list.split(","));
  const own = [...index.matchAll(/^export function (\w+)/gm)].map(([, name = ""]) => name);
  const names = new Set([...lists.map((name) => name.trim()), ...own]);
  const files = [...index.matchAll(/from "\.\/([\w/-]+)\.js"/g)].map(([, name]) => `src/${name}.ts`);
  for (const file of ["src/index.ts", ...new Set(files)].filter((name) => existsSync(name))) {
    const source = readFileSync(file, "utf8");
    for (const [, doc = "", kind, name = ""] of source.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport (?:async )?(function|const|class) (\w+)/g,
    )) {
      if (!names.has(name)) continue;
      lines.push(`## ${name}`, "", `*${kind}*: ${doc.replace(/^\s*\* ?/gm, " ").trim()}`, "");
    }
  }
  return lines.join("\n");
}

const texts = new Map(documents.map((file) => [file, readFileSync(file, "utf8")]));
texts.set("docs/API.md", apiDocument());
const headings = new Map(
  [...texts].map(([file, text]) => [
    file,
    new Set([...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => slug(title))),
  ]),
);
/** @type {string[]} */
const broken = [];

/** A link of a document: to another page of the site, or to a file of the repository. @param {string} href @param {string} file */
function resolved(href, file) {
  if (/^[a-z]+:/.test(href)) return href;
  const [path = "", anchor = ""] = href.split("#");
  const target = path === "" ? file : normalize(join(dirname(file), path));
  if (!existsSync(target) && !texts.has(target)) broken.push(`${file}: ${href}`);
  if (anchor !== "" && headings.has(target) && !headings.get(target)?.has(anchor))
    broken.push(`${file}: ${href} (no such heading)`);
  const shown = texts.has(target) ? pageOf(target) : target;
  if (!texts.has(target) && existsSync(target)) cpSync(target, join(OUT, target), { recursive: true });
  return `${relative(dirname(pageOf(file)), shown)}${anchor === "" ? "" : `#${anchor}`}`;
}

const STYLE =
  "body{font:16px/1.55 system-ui,sans-serif;margin:0;color:#14202b;background:#fff}nav{display:flex;flex-wrap:wrap;gap:.25rem 1rem;padding:.75rem 1.25rem;border-bottom:1px solid #c9d3da}main{max-width:62rem;margin:0 auto;padding:1.25rem}a{color:#0b5c8c}pre{background:#f3f6f8;padding:.75rem;overflow-x:auto}table{border-collapse:collapse;display:block;overflow-x:auto}td,th{border:1px solid #c9d3da;padding:.2rem .6rem;text-align:left}@media(prefers-color-scheme:dark){body{color:#e6edf2;background:#0f161c}a{color:#7cc4f0}pre{background:#182229}}";

rmSync(OUT, { recursive: true, force: true });
for (const [file, text] of texts) {
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth, text: title }) {
        return `<h${depth} id="${slug(title)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
      },
      link({ href, tokens }) {
        return `<a href="${escaped(resolved(href, file))}">${this.parser.parseInline(tokens)}</a>`;
      },
    },
  });
  const page = pageOf(file);
  const links = [...texts].map(
    ([other, body]) =>
      `<a href="${relative(dirname(page), pageOf(other))}">${escaped(titleOf(other, body))}</a>`,
  );
  const html = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escaped(titleOf(file, text))} · Plimsoll</title><style>${STYLE}</style></head><body><nav>${links.join("")}</nav><main>${await marked.parse(text)}</main></body></html>\n`;
  mkdirSync(join(OUT, dirname(page)), { recursive: true });
  writeFileSync(join(OUT, page), html);
}
console.log(`${texts.size} pages in ${OUT}`);
for (const line of broken) console.error(`leads nowhere: ${line}`);
process.exitCode = broken.length > 0 ? 1 : 0;
