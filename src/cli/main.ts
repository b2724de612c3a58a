#!/usr/bin/env node
/** Entry of the command line. Only what `--version` needs is loaded here. */

/** Filled in by the build. */
declare const __PLIMSOLL_VERSION__: string;

const [first] = process.argv.slice(2);
if (first === "--version" || first === "-V") {
  process.stdout.write(`${__PLIMSOLL_VERSION__}\n`);
} else {
  const { runProgram } = await import("./program.js");
  process.exitCode = await runProgram(process.argv.slice(2), __PLIMSOLL_VERSION__);
}
