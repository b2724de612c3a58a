/** What to change so that a step fits, or fits better: every change is simulated, none is guessed. */
import { InputError, needsGpu } from "./complaints.js";
import { checkFlags } from "./check-options.js";
import { throughputOf } from "./hardware/throughput.js";
import type { ImportedModel } from "./importers/model.js";
import type { AdviceContext, Change, Facts, Outcome } from "./report/advice/advice.js";
import {
  type Combination,
  combined,
  paretoFront,
  planChanges,
  type Weighed,
  weigh,
} from "./report/advice/combine.js";
import type { AdvisedChange, AdvisedCombination, AdviceReport } from "./report/advice/report.js";
import { ADVICE_RULES } from "./report/advice/rules.js";
import { type ReportInput, reportEstimate } from "./report/explain.js";
import type { EstimateReport } from "./report/report.js";
import { stepTime } from "./report/step-time.js";
import { inputOf } from "./report-input.js";
import { flagOf, type Options } from "./settings.js";

/**
 * Ranked changes with what each saves and costs, those that make it fit together, and the best trades of memory against
 * time. `gpu` must be given.
 */
export function advise(model: ImportedModel, options: Options): AdviceReport {
  const asked = checkFlags(options);
  if (asked.gpu === undefined) throw needsGpu();
  const setups = new Simulated(model, asked);
  const context = setups.contextOf({});
  const { report, outcome: now } = setups.at({}) as Seen; // the asked setup is not caught
  const seen: Combination[] = [combined([], {}, now, now)];
  const alone = context ? weigh(context, setups.propose(context), { now, asked: now }) : [];
  seen.push(...alone.map((each) => combined([each], each.change, each.outcome, now)));
  const plan = now.fits ? null : planChanges(setups, now, seen);
  if (plan) seen.push(plan.combination);
  const first = plan?.steps.map(({ id }) => id) ?? [];
  const rank = ({ id }: Weighed) => (first.includes(id) ? first.indexOf(id) : first.length);
  const listed = [...alone, ...(plan?.steps ?? []).filter(({ id }) => !alone.some((each) => each.id === id))];
  return {
    schema: "plimsoll/advice@1",
    model: { name: model.name, source: model.source },
    setup: report.setup,
    machine: report.machine as NonNullable<typeof report.machine>, // a device was named
    now,
    changes: listed.sort((a, b) => rank(a) - rank(b) || b.savedBytes - a.savedBytes).map(advised),
    plan: plan && told(plan.combination),
    front: paretoFront(seen).map(told),
    roofline: throughputOf(report.machine?.gpu ?? null).basis,
  };
}

interface Seen {
  readonly report: EstimateReport;
  readonly outcome: Outcome;
  readonly facts: Facts;
}

/** The asked setup and changes of it, each simulated once. */
class Simulated {
  private readonly known = new Map<string, Seen | null>();
  private readonly model: ImportedModel;
  private readonly asked: Options;

  constructor(model: ImportedModel, asked: Options) {
    this.model = model;
    this.asked = asked;
  }

  contextOf(change: Change): AdviceContext | null {
    const seen = this.at(change);
    return (
      seen && {
        report: seen.report,
        facts: seen.facts,
        whatIf: (more) => this.at({ ...change, ...more })?.outcome ?? null,
      }
    );
  }

  propose(context: AdviceContext) {
    return ADVICE_RULES.flatMap((rule) => rule.propose(context));
  }

  /** Null where the settings contradict each other or the model cannot take them; the asked ones are complained of. */
  at(change: Change): Seen | null {
    const key = JSON.stringify(Object.entries(change).sort(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const made = this.simulate(change);
    this.known.set(key, made);
    return made;
  }

  private simulate(change: Change): Seen | null {
    try {
      const given = Object.entries({ ...this.asked, ...change }).filter(([, value]) => value !== null);
      const input = inputOf(this.model, Object.fromEntries(given) as Options); // checked there
      const report = reportEstimate(input);
      return { report, outcome: outcomeOf(input, report), facts: factsOf(this.model, input) };
    } catch (error) {
      if (error instanceof InputError && Object.keys(change).length > 0) return null;
      throw error;
    }
  }
}

function outcomeOf(
  { graph, setup, machine }: ReportInput,
  { peak, machine: verdict, totals }: EstimateReport,
): Outcome {
  const { seconds } = stepTime({ graph, setup, totals, throughput: throughputOf(machine.gpu) });
  return {
    deviceTotalBytes: peak.deviceTotalBytes,
    allocatedBytes: peak.allocatedBytes,
    fits: verdict?.verdict !== "does-not-fit",
    seconds,
  };
}

function factsOf(model: ImportedModel, { graph, machine }: ReportInput): Facts {
  const has = (...ops: readonly string[]) => graph.nodes.some(({ op }) => ops.includes(op));
  const [major, minor] = machine.computeCapability;
  return {
    hasConvolutions: has("convolution"),
    hasAttention: has("scaledDotProductAttention", "softmax"),
    hasBatchNorm: has("batchNorm"),
    hasLinear: has("linear", "addmm"),
    hasBlocks: graph.scopes.some(({ path }) => /\.\d+\.?/.test(path)),
    takesLoss: model.takes?.includes("loss") === true,
    computeCapability: major + minor / 10,
  };
}

function advised({ group: _, slower: __, outcome, ...change }: Weighed): AdvisedChange {
  const { deviceTotalBytes, fits } = outcome;
  return { ...change, flags: flagsOf(change.change), deviceTotalBytes, fits };
}

function told({ ids, change, outcome, relativeTime }: Combination): AdvisedCombination {
  const { deviceTotalBytes, fits } = outcome;
  return { ids, change, flags: flagsOf(change), deviceTotalBytes, fits, relativeTime };
}

/** `--batch 64 --accumulate 8`. */
function flagsOf(change: Change): string {
  return Object.entries(change)
    .flatMap(([name, value]) =>
      value === false || value === null ? [] : [`--${flagOf(name)}${value === true ? "" : ` ${value}`}`],
    )
    .join(" ");
}
