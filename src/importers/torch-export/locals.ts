/**
 * How long the source's Python variables hold what the operators made.
 *
 * A stack trace names, for every operator, the function activations it ran in and the line each of them was at. An
 * assignment binds the last result of its statement to a name; the name holds it until it is bound again or its
 * function returns. Only the lifetimes leave this file: paths and code do not.
 *
 * Untrue   a helper called twice in a row from one line counts as one call; attributes hold nothing, and lists only
 *          what is appended to them
 */
import { calleeOf, targetsOf } from "./source-line.js";

/** One function activation an operator ran in, outermost first. */
export interface Frame {
  readonly file: string;
  readonly name: string;
  readonly line: string;
  readonly code: string;
}

export interface TracedNode {
  readonly trace: string | undefined;
  readonly modules: string | undefined;
  /** Names of the results, in order. */
  readonly results: readonly string[];
}

interface Activation {
  /** Variable → what it holds. */
  readonly names: Map<string, readonly string[]>;
  statement: {
    readonly line: string;
    readonly targets: readonly string[];
    results: readonly string[];
    /** What a helper method of the module makes while the statement runs: its variables are not in the traces. */
    readonly inHelper: string[] | null;
  } | null;
}

/** By result name: the last node at which some variable still holds it. */
export function heldByLocals(nodes: readonly TracedNode[]): Map<string, number> {
  const until = new Map<string, number>();
  const hold = (results: readonly string[], end: number) => {
    for (const name of results) until.set(name, Math.max(until.get(name) ?? -1, end));
  };
  const finish = (activation: Activation, end: number) => {
    const { statement, names } = activation;
    if (!statement) return;
    hold(statement.inHelper ?? [], end);
    bind(statement.targets, statement.results, (target, results) => {
      const name = target.endsWith("[]") ? `${target}${names.size}` : target; // an entry of a list is never bound again
      const before = names.get(name);
      if (before) hold(before, end);
      names.set(name, results);
    });
    activation.statement = null;
  };
  const close = (activation: Activation, end: number) => {
    finish(activation, end);
    for (const results of activation.names.values()) hold(results, end);
  };

  const modules = moduleNames(nodes);
  let open: { key: string; activation: Activation }[] = [];
  nodes.forEach((node, index) => {
    const frames = framesOf(node.trace);
    const keys = activationKeys(frames, node.modules);
    let common = 0;
    while (common < keys.length && common < open.length && open[common]?.key === keys[common]) common++;
    // activations that this operator is not in have returned, innermost first; the ones around them were in that call
    for (let depth = open.length - 1; depth >= common; depth--)
      close((open[depth] as { activation: Activation }).activation, index - 1);
    // a line that appends and calls another module than before is a loop's: another entry
    const caller = open.length > common && keys.length > common ? open[common - 1]?.activation : undefined;
    if (caller?.statement?.targets[0]?.endsWith("[]")) finish(caller, index - 1);
    open = open.slice(0, common);
    for (let depth = common; depth < keys.length; depth++)
      open.push({ key: keys[depth] as string, activation: { names: new Map(), statement: null } });
    frames.forEach((frame, depth) => {
      const { activation } = open[depth] as { activation: Activation };
      if (activation.statement && activation.statement.line !== frame.line) finish(activation, index - 1);
      activation.statement ??= {
        line: frame.line,
        targets: targetsOf(frame.code),
        results: [],
        inHelper: callsHelper(frame.code, modules) ? [] : null,
      };
      const { statement } = activation;
      if (node.results.length > 0) statement.results = node.results;
      if (depth === frames.length - 1) statement.inHelper?.push(...node.results);
    });
  });
  for (let depth = open.length - 1; depth >= 0; depth--)
    close((open[depth] as { activation: Activation }).activation, nodes.length - 1);
  return until;
}

/** Last segments of the paths of all modules. */
function moduleNames(nodes: readonly TracedNode[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const stack of new Set(nodes.map(({ modules }) => modules)))
    for (const call of stack?.split(";") ?? []) names.add(call.split(",")[1]?.split(".").at(-1) ?? "");
  return names;
}

/** The line calls a method of the module that is no module itself: `torch.export` leaves its frame out. */
function callsHelper(code: string, modules: ReadonlySet<string>): boolean {
  const callee = calleeOf(code);
  return modules.size > 0 && callee !== undefined && !modules.has(callee) && !callee.startsWith("forward");
}

/** One target takes all results; several take one each. */
function bind(
  targets: readonly string[],
  results: readonly string[],
  assign: (name: string, results: readonly string[]) => void,
): void {
  if (targets.length === 1) assign(targets[0] as string, results);
  else if (targets.length === results.length) {
    targets.forEach((name, i) => {
      assign(name, [results[i] as string]);
    });
  }
}

const FRAME = /File "([^"]*)", line (\d+), in (\S+)\n?([^\n]*)/g;

/** The frames of a stack trace, outermost first. */
export function framesOf(trace: string | undefined): Frame[] {
  if (!trace) return [];
  const frames: Frame[] = [];
  for (const [, file = "", line = "", name = "", code = ""] of trace.matchAll(FRAME)) {
    frames.push({ file, name, line, code: code.startsWith("  File") ? "" : code.trim() });
  }
  return frames;
}

/**
 * An activation is its function, the calls around it with their lines, and the module it runs for: the n-th `forward`
 * belongs to the n-th module of the stack.
 */
function activationKeys(frames: readonly Frame[], modules: string | undefined): string[] {
  const stack = modules?.split(";") ?? [];
  let path = "";
  let forwards = 0;
  return frames.map((frame) => {
    if (frame.name === "forward") forwards += 1;
    path += `|${frame.file}:${frame.name}@${stack[forwards - 1] ?? ""}`;
    const key = path;
    path += `:${frame.line}`;
    return key;
  });
}
