/**
 * Who may import whom (dependency-cruiser). The array is the whole agreement: every layer may also import
 * itself, everything not listed is forbidden, and `why` is what the tool prints beside an offending edge.
 * Tests are exempt: a test may build its input with any layer.
 */

/** @type {ReadonlyArray<{ name: string; may: readonly string[]; why: string }>} */
const LAYERS = [
  { name: "base", may: [], why: "no domain knowledge: units, dtypes, complaints" },
  {
    name: "decode",
    may: ["base"],
    why: "bytes to values, no meaning attached: builds no graph, guesses no default",
  },
  { name: "ir", may: ["base"], why: "the four shared structures: types, verify, print, no algorithm" },
  {
    name: "ops",
    may: ["base", "ir"],
    why: "facts about operators: knows no file format and no framework's spelling",
  },
  { name: "hardware", may: ["base"], why: "facts about devices: computed from nothing" },
  {
    name: "frameworks",
    may: ["base", "ir", "ops"],
    why: "facts about frameworks; rules for kernels and workspaces are functions of tensor specs, hence ir and ops",
  },
  { name: "models", may: ["base", "ir", "ops"], why: "configuration to graph: reads no file" },
  {
    name: "importers",
    may: ["base", "decode", "ir", "ops", "frameworks", "models"],
    why: "file to graph or timeline: decides no training question; hf-config and layer-spec build through models, Keras layers of TensorFlow's operations",
  },
  {
    name: "autograd",
    may: ["base", "ir", "ops", "frameworks"],
    why: "graph to tape: knows no optimizer, no hardware",
  },
  { name: "training", may: ["base", "ir", "ops", "frameworks"], why: "tape to step: knows no allocator" },
  {
    name: "memory",
    may: ["base", "ir", "hardware", "frameworks"],
    why: "step to timeline: knows no operator",
  },
  {
    name: "report",
    may: ["base", "ir", "hardware"],
    why: "timeline to report: recomputes nothing, formats no text",
  },
  { name: "present", may: ["base", "ir", "report"], why: "report to text: decides nothing" },
  {
    name: "composition",
    may: [
      "base",
      "decode",
      "ir",
      "ops",
      "hardware",
      "frameworks",
      "models",
      "importers",
      "autograd",
      "training",
      "memory",
      "report",
      "present",
    ],
    why: "index, analyze and search tie the passes together: no IO and no shell",
  },
  {
    name: "cli",
    may: ["composition", "present", "server"],
    why: "a shell: IO and arguments, no domain rule; `serve` and `mcp` start the server's",
  },
  { name: "server", may: ["composition", "present"], why: "a shell: requests and responses, no domain rule" },
];

/** Files directly under src/ are the composition; every other layer is the folder of its name. */
const pathOf = (name) => (name === "composition" ? "^src/[^/]+[.]ts$" : `^src/${name}/`);

const TESTS = "[.]test[.]ts$|/fixtures/|^test/";
const NODE_ONLY = ["^src/cli/", "^src/server/node/", "^tools/", "^examples/", "[.]config[.]", TESTS];

module.exports = {
  forbidden: [
    ...LAYERS.map(({ name, may, why }) => ({
      name: `${name}-imports`,
      severity: "error",
      comment: `${name}: ${why}. May import ${may.length > 0 ? may.join(", ") : "nothing"}.`,
      from: { path: pathOf(name), pathNot: TESTS },
      to: { path: "^(src|web|tools|test)/", pathNot: [name, ...may].map(pathOf) },
    })),
    {
      name: "known-layers",
      severity: "error",
      comment: "a folder under src/ that the table of layers does not list has no rule: list it first",
      from: { path: "^src/", pathNot: LAYERS.map(({ name }) => pathOf(name)) },
      to: {},
    },
    {
      name: "no-cycles",
      severity: "error",
      comment: "a cycle has no reading order and breaks lazy loading",
      from: {},
      to: { circular: true },
    },
    {
      name: "node-built-ins",
      severity: "error",
      comment: "Node built-ins only under cli, server/node, tools and tests: the core runs in a browser",
      from: { pathNot: NODE_ONLY },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|oracle|corpus)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.node.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
    },
  },
};
