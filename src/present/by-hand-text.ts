/** Rules of thumb in a terminal: each with its sum, its source and what it misses. */
import type { RuleOfThumb } from "../report/rules-of-thumb.js";
import { fold } from "./layout.js";
import { createPaint } from "./style.js";
import { formatBytes, formatCount, quantity } from "./units.js";

export interface ByHandOptions {
  readonly width?: number;
  readonly color?: boolean;
  /** The model's own answer, to show first. */
  readonly answer?: {
    readonly name: string;
    readonly allocatedBytes: number;
    readonly deviceTotalBytes: number;
  };
  /** Figures only. */
  readonly quiet?: boolean;
}

/** The part of a by-hand report that is shown. */
interface Shown {
  readonly count: {
    readonly activations: number;
    readonly parameters: number;
    readonly inputElements: number;
    readonly batch: number;
  };
  readonly rules: readonly RuleOfThumb[];
}

/** Where texts start: after the figure. */
const INDENT = 14;

export function renderByHand({ count, rules }: Shown, options: ByHandOptions = {}): string {
  const width = Math.max(32, options.width ?? 80);
  const paint = createPaint(options.color ?? false);
  const rest = " ".repeat(INDENT);
  const asked = `${formatCount(count.activations)} activations and ${formatCount(count.inputElements)} input elements per sample, ${formatCount(count.parameters)} parameters, batch ${formatCount(count.batch)}`;
  const entry = (bytes: number, name: string, lines: readonly string[], strong: boolean): string[] => {
    const { digits, unit } = quantity(bytes);
    const [first = "", ...more] = fold(name, width, `  ${digits.padStart(6)} ${unit.padEnd(5)}`, rest);
    const bold = (text: string) => (strong ? paint.good(text) : paint.bold(text));
    return ["", bold(first), ...more.map(bold), ...lines];
  };
  const answer = options.answer;
  const first = answer
    ? entry(
        answer.allocatedBytes,
        `Plimsoll: ${answer.name}, allocated at the peak`,
        fold(
          `${formatBytes(answer.deviceTotalBytes)} on the device with allocator slack and CUDA context`,
          width,
          rest,
          rest,
        ),
        true,
      )
    : [];
  const others = rules.flatMap(({ name, bytes, formula, source, misses }) =>
    entry(
      bytes,
      name,
      options.quiet
        ? []
        : [
            ...fold(formula, width, rest, rest),
            ...misses.flatMap((sentence) => fold(sentence, width, `${rest}- `, `${rest}  `)).map(paint.dim),
            ...fold(source, width, rest, rest).map(paint.dim),
          ],
      false,
    ),
  );
  return `\n${[...fold(asked, width, "  ", "  "), ...first, ...others].join("\n")}\n`;
}
