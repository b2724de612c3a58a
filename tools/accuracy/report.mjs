/** The tables on the terminal and docs/ACCURACY.md, written for somebody who has not seen the project before. */
import { LIMITS } from "./figures.mjs";
import { reasonFor } from "./known.mjs";

/** @import { Claim, Compared, Fit, Group, LeftOut, Measured, PeerRow, Published, Results, Section } from "./types.js" */

/** @typedef {{ sections: readonly Section[], published: Published, rules: readonly PeerRow[], claims: readonly Claim[], frameworks: readonly string[] }} Scores */

/** @type {Record<Results, { title: string, short: string, note: string }>} */
const TEXTS = {
  results: {
    title: "Recorded without convolution workspaces (`--cudnn no-workspace`)",
    short: "real PyTorch, convolution scratch left out",
    note: "Every block is then a tensor or a scratch buffer of PyTorch itself, so nothing has to be guessed.",
  },
  "results-cudnn": {
    title: "Recorded with the real cuDNN's plans (`--cudnn default`)",
    short: "real PyTorch with the real cuDNN's plans",
    note: "Each convolution takes the scratch of the plan that cuDNN 9.24 puts first: what a convolutional net needs in practice.",
  },
  "results-compile": {
    title: "Recorded under torch.compile (`--compile`)",
    short: "real PyTorch under `torch.compile`",
    note: "The real Dynamo, AOTAutograd and Inductor with their defaults, scratch of convolutions left out.",
  },
  "results-benchmark": {
    title: "Recorded with `torch.backends.cudnn.benchmark` (`--cudnn benchmark`)",
    short: "real PyTorch with `cudnn.benchmark`",
    note: "The first step times plans and needs scratch for that; its peak is compared on its own (`--step first`), and reserved memory is that of the third step.",
  },
};

/** Misses shown per section; the rest is counted. */
const SHOWN_MISSES = 12;

/** @param {number} share */
const percent = (share) => `${(share * 100).toFixed(share === 0 ? 0 : 3)} %`;
/** @param {number} share */
const tenths = (share) => `${(share * 100).toFixed(1)} %`;
/** @param {number} share */
const signed = (share) => `${share > 0 ? "+" : ""}${(share * 100).toFixed(2)} %`;
/** @param {readonly (readonly (string | number)[])[]} rows */
const table = (rows) => rows.map((cells) => `| ${cells.join(" | ")} |`);

/** @param {Section} section */
export function printTable({ results, groups, counts }) {
  console.log(`\n${TEXTS[results].title}`);
  for (const { name, cases, skipped, failed, rows } of groups) {
    if (cases.length + failed.length === 0) continue;
    console.log(
      `  ${name}: ${cases.length} cases, states exact in ${cases.filter(({ states }) => states).length}${skipped.length ? `, ${skipped.length} not expressed` : ""}${failed.length ? `, ${failed.length} FAILED` : ""}`,
    );
    for (const { figure, cases: count, exact, within1, within5, median, p90, worst } of rows) {
      if (count > 0)
        console.log(
          `    ${figure.padEnd(20)} exact ${String(exact).padStart(3)}/${count}  ≤1% ${String(within1).padStart(3)}  ≤5% ${String(within5).padStart(3)}  median ${percent(median)}  p90 ${percent(p90)}  worst ${percent(worst)}`,
        );
    }
    for (const one of failed) console.log(`    FAILED ${one.name}: ${one.message}`);
  }
  console.log(
    `  right: ${counts.map(({ criterion, right, of }) => `${criterion} ${right}/${of}`).join(", ")}`,
  );
}

/** @param {Published} published */
export function printPublished({ fits, measured }) {
  const { equal, near } = rungs(fits);
  console.log(`\nPublished\n  timm: ${fits.length} rows, same batch ${equal}, within one rung ${near}`);
  for (const { id, figure, pair } of measured)
    console.log(`  ${id.padEnd(24)} ${figure.padEnd(9)} ${signed(pair[0] / pair[1] - 1)}`);
  for (const [source, rows, median, p90] of bySource(measured))
    console.log(`  ${source}: ${rows} rows, median ${median}, p90 ${p90}`);
}

/** @param {Scores} scores */
export function writeReport({ sections, published, rules, claims, frameworks }) {
  const lines = [
    "# How accurate Plimsoll is",
    "",
    ...summary(sections, published, rules),
    ...sections.flatMap(sectionDetails),
    ...fitDetails(published.fits),
    ...measuredDetails(published.measured),
    ...peerDetails(rules, claims),
    ...frameworks,
    "## What misses",
    "",
    ...sections.flatMap((section) => missDetails(section, sections)),
    "## What is not expressed yet",
    "",
    "Recorded or published, but not compared; nothing of it is in the figures above.",
    "",
    ...leftDetails(sections, published.left),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

/**
 * The first screen.
 * @param {readonly Section[]} sections
 * @param {Published} published
 * @param {readonly PeerRow[]} rules
 */
function summary(sections, { fits, measured }, rules) {
  const { equal, near } = rungs(fits);
  const [ours, best] = rules;
  /** @type {(section: Section, criterion: string) => string} */
  const cell = ({ counts }, criterion) => {
    const found = counts.find((count) => count.criterion === criterion);
    return found ? `${found.right} / ${found.of}` : "–";
  };
  return [
    "A prediction is right when it is within the tolerance in its column: *states* (parameters, buffers, gradients, optimizer",
    "states) to the byte, *saved tensors* within 0.1 %, the *peak* of allocated memory and *reserved* memory within the",
    "percentage given, and the *phase* of the peak (forward, backward, optimizer) when it is the recorded one.",
    "",
    ...table([
      ["compared with", "steps", "states", "saved tensors", "peak allocated", "reserved", "phase"],
      ["---", "--:", "--:", "--:", "--:", "--:", "--:"],
      ...sections.map((section) => {
        const { peak, reserved } = LIMITS[section.results];
        return [
          TEXTS[section.results].short,
          section.groups.reduce((sum, { cases }) => sum + cases.length, 0),
          cell(section, "states"),
          cell(section, "saved tensors"),
          `${cell(section, "peak allocated")} (${peak * 100} %)`,
          `${cell(section, "reserved")} (${reserved * 100} %)`,
          cell(section, "peak phase"),
        ];
      }),
    ]),
    "",
    ...table([
      ["compared with what others measured on real GPUs", "rows", "right"],
      ["---", "--:", "---"],
      [
        "timm: the largest batch that fits 24 GB",
        fits.length,
        `${equal} the same batch, ${near} within one of 18 steps from 1 to 512`,
      ],
      [
        "published peaks",
        measured.length,
        `${measured.filter(({ pair: [a, b] }) => Math.abs(a / b - 1) <= 0.05).length} within 5 %`,
      ],
    ]),
    "",
    ...(ours && best
      ? [
          `Beside it, on ${ours.cases} steps of vision training: Plimsoll's median error of the peak is ${percent(ours.allocated.median)}, that of the best other`,
          `rule (${best.name}) ${tenths(best.allocated.median)}; [the table](#beside-other-tools-and-rules) has all.`,
          "",
        ]
      : []),
    "Written by `npm run accuracy`, which needs the recordings. Truth of the first table is PyTorch 2.14.1 itself, with its own",
    "dispatch, autograd, optimizers and caching allocator, on a stand-in GPU whose kernels do nothing; a step is the third of a",
    "run. Errors are relative to what was recorded; p90 is the error that nine of ten cases stay below. Fits and",
    "published peaks come from other people's machines. `npm run check` fails when a count or an error of the first table",
    "gets worse; it leaves out the other tools and the published rows, which take longer.",
    "",
  ];
}

/** @param {Section} section */
function sectionDetails({ results, groups, counts }) {
  /** @type {(group: Group, figure: string, shown: readonly ("exact" | "median" | "p90" | "worst")[]) => (string | number)[]} */
  const cells = ({ rows }, figure, shown) => {
    const row = rows.find((one) => one.figure === figure);
    if (!row?.cases) return shown.map(() => "–");
    return shown.map((key) => (key === "exact" ? `${row.exact} / ${row.cases}` : percent(row[key])));
  };
  const errors = /** @type {const} */ (["exact", "median", "p90", "worst"]);
  const right = counts.map(({ criterion, right, of }) => `${criterion} ${right} of ${of}`).join(", ");
  return [
    `## ${TEXTS[results].title}`,
    "",
    `${TEXTS[results].note}`,
    "",
    `Right: ${right}.`,
    "",
    ...table([
      [
        "group",
        "steps",
        "states",
        "saved",
        "peak",
        "median",
        "p90",
        "worst",
        "reserved",
        "median",
        "p90",
        "worst",
      ],
      ["---", ...Array(11).fill("--:")],
      ...groups
        .filter(({ cases }) => cases.length > 0)
        .map((group) => [
          group.name,
          group.cases.length,
          group.cases.filter(({ states }) => states).length,
          ...cells(group, "savedTensorBytes", ["exact"]),
          ...cells(group, "peakAllocatedBytes", errors),
          ...cells(group, "reservedBytes", errors),
        ]),
    ]),
    "",
    "*states*, *saved*, *peak* and *reserved* count steps equal to the byte; docs/accuracy.json has every phase.",
    "",
    ...(results === "results-benchmark" ? firstSteps(groups) : []),
  ];
}

/** @param {readonly Group[]} groups */
function firstSteps(groups) {
  const rows = groups.flatMap((group) =>
    group.rows.filter(({ figure, cases }) => figure === "firstStepPeakBytes" && cases > 0),
  );
  return [
    ...table([
      ["group", "peak of the first step: median", "p90", "worst"],
      ["---", "--:", "--:", "--:"],
      ...rows.map(({ median, p90, worst }, i) => [
        groups[i]?.name ?? "",
        percent(median),
        percent(p90),
        percent(worst),
      ]),
    ]),
    "",
  ];
}

/** @param {readonly Fit[]} fits */
function rungs(fits) {
  return {
    equal: fits.filter(({ rungs }) => rungs === 0).length,
    near: fits.filter(({ rungs }) => Math.abs(rungs) <= 1).length,
  };
}

/** @param {readonly Fit[]} fits */
function fitDetails(fits) {
  if (fits.length === 0) return [];
  /** @type {(of: readonly Fit[]) => (string | number)[]} */
  const cells = (of) => {
    const { equal, near } = rungs(of);
    const more = of.filter(({ rungs }) => rungs > 0).length;
    return [of.length, equal, near, more, of.filter(({ rungs }) => rungs < 0).length];
  };
  const far = fits.filter(({ rungs }) => Math.abs(rungs) > 1);
  return [
    "## Which batch fits: timm's benchmark tables",
    "",
    "timm trained its models on an RTX 3090 (25,447,170,048 bytes, PyTorch 1.12, float16 autocast, SGD with Nesterov momentum,",
    "`cudnn.benchmark`) with ever smaller batches of 512, 384, 256, …, 3, 2, 1 until one fitted; the next larger one had not",
    "(huggingface/pytorch-image-models, results/benchmark-train-amp-*-pt112-cu113-rtx3090.csv). We say *fits* when reserved",
    "memory and the CUDA context stay below the card's bytes. Rows at 512, which nothing bounds, and flagged rows are left out.",
    "",
    ...table([
      ["layout", "rows", "same batch", "within one rung", "we say more fits", "we say less fits"],
      ["---", "--:", "--:", "--:", "--:", "--:"],
      ["nchw", ...cells(fits.filter(({ layout }) => layout === "nchw"))],
      ["nhwc", ...cells(fits.filter(({ layout }) => layout === "nhwc"))],
      ["both", ...cells(fits)],
    ]),
    "",
    ...far.map(
      ({ model, layout, measured, predicted }) =>
        `- ${model} (${layout}): ${measured} fitted, we say ${predicted}`,
    ),
    ...(far.length > 0 ? [""] : []),
  ];
}

/**
 * Source, rows, median error and p90: never pooled, each source has a unit and habits of its own.
 * @param {readonly Measured[]} measured
 */
function bySource(measured) {
  return [...new Set(measured.map(({ source }) => source))].map((source) => {
    const errors = measured
      .filter((row) => row.source === source)
      .map(({ pair: [ours, theirs] }) => Math.abs(ours / theirs - 1))
      .sort((a, b) => a - b);
    const at = (/** @type {number} */ share) =>
      errors[Math.min(errors.length - 1, Math.floor(errors.length * share))] ?? 0;
    return [source, errors.length, tenths(at(0.5)), tenths(at(0.9))];
  });
}

/** @param {readonly Measured[]} measured */
function measuredDetails(measured) {
  if (measured.length === 0) return [];
  return [
    "## Published peaks",
    "",
    "Rows of which nothing has to be guessed, and whose model the library has; where another implementation of it stands in, the",
    "last column says so. Each source says what its unit means; a rounded figure is compared as printed. Sources are not pooled.",
    "",
    ...table([
      ["source", "rows", "median error", "p90"],
      ["---", "--:", "--:", "--:"],
      ...bySource(measured),
    ]),
    "",
    ...table([
      ["row", "step", "counter", "measured, MiB", "error", "assumed"],
      ["---", "---", "---", "--:", "--:", "---"],
      ...measured.map(({ id, what, figure, pair: [ours, theirs], assumes }) => [
        id,
        what,
        figure,
        Math.round(theirs / 1024 ** 2),
        signed(ours / theirs - 1),
        assumes,
      ]),
    ]),
    "",
  ];
}

/**
 * @param {readonly PeerRow[]} rules
 * @param {readonly Claim[]} claims
 */
function peerDetails(rules, claims) {
  if (rules.length === 0) return [];
  const precisions = ["fp32", "amp", "bf16"];
  return [
    "## Beside other tools and rules",
    "",
    `The same ${rules[0]?.cases} training steps of vision models (real cuDNN plans; float32, autocast and bfloat16), and what rules say that`,
    "anybody can compute. *Nearer* counts the steps in which a rule is closer to the allocated peak than Plimsoll. Rules that",
    "only count states answer another question well; they are here because people use them for this one.",
    "",
    ...table([
      [
        "rule",
        "steps",
        "allocated: median",
        "p90",
        "reserved: median",
        "p90",
        ...precisions.map((precision) => `median, ${precision}`),
        "nearer",
      ],
      ["---", ...Array(5 + precisions.length).fill("--:"), "--:"],
      ...rules.map(({ name, cases, allocated, reserved, byPrecision, nearer }, i) => [
        name,
        cases,
        tenths(allocated.median),
        tenths(allocated.p90),
        tenths(reserved.median),
        tenths(reserved.p90),
        ...precisions.map((precision) => {
          const median = byPrecision[precision];
          return median === undefined ? "–" : tenths(median);
        }),
        i === 0 ? "–" : nearer.length,
      ]),
    ]),
    "",
    ...lostDetails(rules),
    "P parameters, A outputs of all layers for one sample, Aw those of layers with parameters, I elements of one sample, B batch,",
    "k optimizer states per parameter, e bytes of an element of the module (2 for bfloat16, else 4: autocast leaves it in float32).",
    "",
    ...table([
      ["rule", "formula, bytes", "source"],
      ["---", "---", "---"],
      ...rules.slice(1).map(({ name, formula, source }) => [name, formula, source]),
    ]),
    "",
    ...(claims.length > 0
      ? [
          "Other systems run the model or are not public, so no formula states their answer. What is reported about them, each on",
          "steps and counters of its own, not on ours:",
          "",
          ...table([
            ["system", "reported"],
            ["---", "---"],
            ...claims.map(({ system, claim }) => [system, claim]),
          ]),
          "",
        ]
      : []),
  ];
}

/**
 * Steps in which some rule comes nearer than we do.
 * @param {readonly PeerRow[]} rules
 */
function lostDetails(rules) {
  const lost = [...new Set(rules.flatMap(({ nearer }) => nearer))];
  if (lost.length === 0) return [];
  const lines = lost.map((name) => {
    const winners = rules.filter(({ nearer }) => nearer.includes(name)).map((rule) => rule.name);
    return `- ${name}: ${winners.join("; ")}`;
  });
  return ["Steps in which a rule came nearer:", "", ...lines, ""];
}

/**
 * @param {Section} section
 * @param {readonly Section[]} all
 */
function missDetails({ results, groups }, all) {
  const rightNames = new Set(rightWithoutPlans(all));
  const failed = groups.flatMap((group) => group.failed);
  const found = groups
    .flatMap(({ cases }) => cases.flatMap((one) => missesOf(results, one)))
    .sort((a, b) => Math.abs(b.error) - Math.abs(a.error));
  const shown = found.slice(0, SHOWN_MISSES);
  return [
    `### ${TEXTS[results].title}`,
    "",
    ...failed.map(({ name, message }) => `- ${name} fails: ${message}`),
    ...(failed.length > 0 ? [""] : []),
    ...(found.length === 0
      ? ["Nothing beyond the tolerances."]
      : [
          `${found.length} figures are beyond the tolerances${found.length > shown.length ? `; the ${shown.length} largest` : ""}:`,
          "",
          ...table([
            ["case", "figure", "error", "why"],
            ["---", "---", "--:", "---"],
            ...shown.map(({ name, figure, error }) => [
              name,
              figure,
              Number.isFinite(error) ? signed(error) : "differs",
              reasonFor({
                results,
                name,
                figure,
                isRightWithoutPlans: results === "results-cudnn" && rightNames.has(`${name} ${figure}`),
              }),
            ]),
          ]),
        ]),
    "",
  ];
}

/**
 * Case and figure of what is right where convolutions take no scratch.
 * @param {readonly Section[]} sections
 */
function rightWithoutPlans(sections) {
  const cases = sections
    .filter(({ results }) => results === "results")
    .flatMap(({ groups }) => groups.flatMap((group) => group.cases));
  return cases.flatMap((one) => {
    const missed = new Set(missesOf("results", one).map(({ figure }) => figure));
    return Object.keys(one.pairs)
      .filter((figure) => !missed.has(figure))
      .map((figure) => `${one.name} ${figure}`);
  });
}

/**
 * Figures of a case beyond the tolerances; states and phases that differ come first.
 * @param {Results} results
 * @param {Compared} one
 */
function missesOf(results, { name, states, phase, pairs }) {
  const { peak, reserved } = LIMITS[results];
  /** @type {(figure: string, limit: number) => { name: string, figure: string, error: number }[]} */
  const off = (figure, limit) => {
    const [ours, theirs] = pairs[figure] ?? [];
    const error = ours !== undefined && theirs ? ours / theirs - 1 : 0;
    return Math.abs(error) > limit ? [{ name, figure, error }] : [];
  };
  return [
    ...(states ? [] : [{ name, figure: "states", error: Number.POSITIVE_INFINITY }]),
    ...(phase ? [] : [{ name, figure: "peak phase", error: Number.POSITIVE_INFINITY }]),
    ...off("savedTensorBytes", 0),
    ...off("peakAllocatedBytes", peak),
    ...off("reservedBytes", reserved),
    ...off("firstStepPeakBytes", peak),
  ];
}

/**
 * @param {readonly Section[]} sections
 * @param {readonly LeftOut[]} left
 */
function leftDetails(sections, left) {
  const recorded = sections.map(({ results, groups }) => ({ results, parts: leftGroups(groups) }));
  return [
    ...recorded
      .filter(({ parts }) => parts.length > 0)
      .flatMap(({ results, parts }) => [`### ${TEXTS[results].title}`, "", ...parts, ""]),
    "### Published",
    "",
    ...table([
      ["source", "rows", "why"],
      ["---", "--:", "---"],
      ...left.map(({ source, rows, reason }) => [source, rows, reason]),
    ]),
    "",
  ];
}

/** @param {readonly Group[]} groups */
function leftGroups(groups) {
  return groups
    .filter(({ skipped }) => skipped.length > 0)
    .map(({ name, skipped }) => `- ${name}: ${tally(skipped.map(({ why }) => why))}`);
}

/** @param {readonly (string | null)[]} reasons */
function tally(reasons) {
  const counts = new Map();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].map(([reason, count]) => `${count} for ${reason}`).join(", ");
}
