/**
 * Writes the JSON Schema of every report, made of the types that the library exports: `schemas/report.schema.json`, and the
 * same for the service in `src/server/report-schemas.ts`. With `--check` nothing is written; it fails where they differ.
 *
 * Reads    interfaces, literals, unions, arrays, tuples, records; what stands in `/**` above a member is its description
 * Ignores  methods: a report has none
 * Untrue   nothing: a type that is none of these is an error
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import ts from "typescript";

/** Reports that `--json`, HTTP and MCP give, and where their types are. */
const REPORTS = {
  EstimateReport: "src/report/report.ts",
  ExplainReport: "src/report/report.ts",
  FitReport: "src/report/fit.ts",
  AdviceReport: "src/report/advice/report.ts",
  PlanReport: "src/report/plan/report.ts",
  CompareReport: "src/report/compare.ts",
  VersusReport: "src/report/versus.ts",
  ByHandReport: "src/by-hand.ts",
};
const DIALECT = "https://json-schema.org/draft/2020-12/schema";
const PUBLISHED = "schemas/report.schema.json";
const SERVED = "src/server/report-schemas.ts";

/** @typedef {Record<string, unknown>} Schema */

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile("tsconfig.json", ts.sys.readFile).config,
  ts.sys,
  ".",
);
const program = ts.createProgram([...new Set(Object.values(REPORTS))], options);
const checker = program.getTypeChecker();
/** @type {Record<string, Schema>} */
const definitions = {};
/** What a name stands for: two types of one name are an error. @type {Map<string, ts.Type>} */
const named = new Map();

/** @param {ts.Type} type @param {string} at @returns {Schema} */
function schemaOf(type, at) {
  if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return {};
  if (type.flags & ts.TypeFlags.Null) return { type: "null" };
  if (isLiteral(type)) return { const: type.value };
  if (type.flags & ts.TypeFlags.StringLike) return { type: "string" };
  if (type.flags & ts.TypeFlags.NumberLike || isBrandedNumber(type)) return { type: "number" };
  if (type.flags & ts.TypeFlags.BooleanLike) return { type: "boolean" };
  if (type.isUnion()) return unionOf(type, at);
  if (checker.isTupleType(type)) {
    const items = checker.getTypeArguments(/** @type {ts.TypeReference} */ (type));
    return {
      type: "array",
      prefixItems: items.map((item) => schemaOf(item, at)),
      minItems: items.length,
      maxItems: items.length,
    };
  }
  if (checker.isArrayType(type)) {
    const [item] = checker.getTypeArguments(/** @type {ts.TypeReference} */ (type));
    if (item) return { type: "array", items: schemaOf(item, at) };
  }
  if (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) return objectOf(type, at);
  throw new Error(`${at}: no JSON Schema for ${checker.typeToString(type)}`);
}

/** @param {ts.Type} type @returns {type is ts.StringLiteralType | ts.NumberLiteralType} */
function isLiteral(type) {
  return (type.flags & (ts.TypeFlags.StringLiteral | ts.TypeFlags.NumberLiteral)) !== 0;
}

/** A number with a mark that only the compiler sees. @param {ts.Type} type */
function isBrandedNumber(type) {
  return type.isIntersection() && type.types.some((part) => part.flags & ts.TypeFlags.NumberLike);
}

/** @param {ts.UnionType} type @param {string} at @returns {Schema} */
function unionOf(type, at) {
  const types = type.types.filter((part) => !(part.flags & ts.TypeFlags.Undefined));
  const isBoolean = types.filter((part) => part.flags & ts.TypeFlags.BooleanLiteral).length === 2;
  const literals = types.filter(isLiteral);
  const rest = types.filter(
    (part) => !isLiteral(part) && !(isBoolean && part.flags & ts.TypeFlags.BooleanLiteral),
  );
  const parts = [
    ...(isBoolean ? [{ type: "boolean" }] : []),
    ...(literals.length > 0 ? [{ enum: literals.map(({ value }) => value) }] : []),
    ...rest.map((part) => schemaOf(part, at)),
  ];
  return parts.length === 1 && parts[0] ? parts[0] : { anyOf: parts };
}

/** @param {ts.Type} type @param {string} at @returns {Schema} */
function objectOf(type, at) {
  const name = nameOf(type);
  if (name === null) return membersOf(type, at);
  const before = named.get(name);
  if (before && before !== type) throw new Error(`${at}: two types are called ${name}`);
  if (!before) {
    named.set(name, type);
    definitions[name] = {}; // a type may hold itself
    definitions[name] = membersOf(type, name);
  }
  return { $ref: `#/$defs/${name}` };
}

/** Of an interface of ours; null for what has no name, such as a Pick. @param {ts.Type} type */
function nameOf(type) {
  const { symbol, aliasSymbol } = type;
  if (aliasSymbol) return null;
  const [declaration] = symbol?.declarations ?? [];
  return declaration && ts.isInterfaceDeclaration(declaration) ? symbol.name : null;
}

/** @param {ts.Type} type @param {string} at @returns {Schema} */
function membersOf(type, at) {
  const description = type.symbol ? wordsOf(type.symbol) : "";
  const index = checker.getIndexInfosOfType(type)[0];
  const properties = checker.getPropertiesOfType(type);
  if (index && properties.length === 0)
    return { type: "object", additionalProperties: schemaOf(index.type, at) };
  /** @type {Record<string, Schema>} */
  const shapes = {};
  for (const property of properties) {
    const schema = schemaOf(checker.getTypeOfSymbol(property), property.name);
    const words = wordsOf(property);
    shapes[property.name] = words === "" ? schema : { description: words, ...schema };
  }
  return {
    ...(description !== "" && { description }),
    type: "object",
    properties: shapes,
    required: properties.filter(({ flags }) => !(flags & ts.SymbolFlags.Optional)).map(({ name }) => name),
  };
}

/** @param {ts.Symbol} symbol */
function wordsOf(symbol) {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).replace(/\s+/g, " ").trim();
}

for (const [name, file] of Object.entries(REPORTS)) {
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  const found = module && checker.getExportsOfModule(module).find((one) => one.name === name);
  if (!found) throw new Error(`${file} does not export ${name}`);
  schemaOf(checker.getDeclaredTypeOfSymbol(found), name);
}

const sorted = Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1)));
const published = {
  $schema: DIALECT,
  title: "Plimsoll reports",
  description:
    "What --json prints, the library returns, and HTTP and MCP answer; `schema` says which report it is.",
  anyOf: Object.keys(REPORTS).map((name) => ({ $ref: `#/$defs/${name}` })),
  $defs: sorted,
};
const served = `/** JSON Schema of every report as text, by the type's name: what schemas/report.schema.json has, written by tools/report-schemas.mjs. */
export const REPORT_SCHEMAS =
  ${JSON.stringify(JSON.stringify(sorted)).replaceAll("'", "\\u0027").replace(/^"|"$/g, "'").replaceAll('\\"', '"')};
`;

/** As the repository's formatter has it. @param {string} file @param {string} text */
function formatted(file, text) {
  const biome = "node_modules/@biomejs/biome/bin/biome";
  const { stdout, status, stderr } = spawnSync(
    process.execPath,
    [biome, "format", `--stdin-file-path=${file}`],
    {
      input: text,
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const isCheck = process.argv.includes("--check");
for (const [file, text] of [
  [PUBLISHED, JSON.stringify(published)],
  [SERVED, served],
]) {
  const wanted = formatted(file ?? "", text ?? "");
  if (!isCheck) writeFileSync(file ?? "", wanted);
  else if (readFileSync(file ?? "", "utf8") !== wanted) {
    console.error(`${file} is not what the types say: run node tools/report-schemas.mjs`);
    process.exitCode = 1;
  }
}
