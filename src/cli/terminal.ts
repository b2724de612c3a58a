/** What the shell around the process is like: widths, colours, pipes. */

export interface OutputFlags {
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly csv?: boolean;
  readonly quiet?: boolean;
  readonly color?: "auto" | "always" | "never";
}

const WIDTH_OF_PIPES = 80;

/** Columns of standard output; pipes count as 80 unless COLUMNS says otherwise. */
export function terminalWidth(): number {
  const stated = Number(process.env["COLUMNS"]);
  return process.stdout.columns ?? (Number.isInteger(stated) && stated > 0 ? stated : WIDTH_OF_PIPES);
}

/** `--color` wins; else colours go to terminals that did not ask for none (no-color.org). */
export function wantsColor({ color = "auto" }: OutputFlags): boolean {
  if (color !== "auto") return color === "always";
  const refused = (process.env["NO_COLOR"] ?? "") !== "" || process.env["TERM"] === "dumb";
  return process.stdout.isTTY === true && !refused;
}

/** Writes all of `text`; a reader that closed the pipe early (`| head`) is no error. */
export async function print(text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    process.stdout.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EPIPE" ? resolve() : reject(error),
    );
    process.stdout.write(text, () => resolve());
  });
}

/** Says on a terminal that work goes on, once it has taken more than a second. */
export function startProgress(what: string): { stop(): void } {
  if (process.stderr.isTTY !== true) return { stop: () => undefined };
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    process.stderr.write(`  ${what} …`);
  }, 1000);
  return {
    stop: () => {
      clearTimeout(timer);
      if (shown) process.stderr.write("\r\u001b[K");
    },
  };
}
