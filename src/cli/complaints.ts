/** Complaints about the command line itself. */
import { didYouMean, InputError } from "../complaints.js";

export function unknownCommand(name: string, commands: readonly string[]): InputError {
  return new InputError({
    code: "cli/command",
    where: `plimsoll ${name}`,
    rule: "the command must be one this release has",
    expected: commands.join(" | "),
    got: JSON.stringify(name),
    hint: didYouMean(name, commands, "plimsoll --help lists them"),
  });
}

export function unknownFlag(command: string, flag: string, flags: readonly string[]): InputError {
  return new InputError({
    code: "cli/flag",
    where: `plimsoll ${command}`.trim(),
    rule: "a flag must be one the command has",
    expected: `a flag from \`plimsoll ${command} --help\``.replace("  ", " "),
    got: flag,
    hint: didYouMean(flag, flags, `run plimsoll ${command} --help`.replace("  ", " ")),
  });
}

export function badUsage(command: string, problem: string, usage: string): InputError {
  return new InputError({
    code: "cli/usage",
    where: `plimsoll ${command}`.trim(),
    rule: "the command must be given as its usage says",
    expected: usage,
    got: problem,
    hint: `run plimsoll ${command} --help`.replace("  ", " "),
  });
}

export function twoFormats(flags: readonly string[]): InputError {
  return new InputError({
    code: "cli/format",
    where: flags.join(" "),
    rule: "an answer must have one format",
    expected: "one of --json | --markdown | --csv | --emit, or none for text",
    got: flags.join(" and "),
    hint: "run the command once per format",
  });
}

export function formulaAlone(flag: string): InputError {
  return new InputError({
    code: "cli/formula",
    where: "plimsoll explain",
    rule: "a formula must be printed as text, --markdown, --latex or --json",
    expected: "--formula, or --formula with one of these",
    got: flag === "--latex" ? "--latex without --formula" : `--formula ${flag}`,
    hint: "plimsoll explain MODEL --formula --latex",
  });
}

export function notComparable(flag: string): InputError {
  return new InputError({
    code: "cli/versus",
    where: "plimsoll estimate",
    rule: "two answers side by side must be text, --json, --csv or --markdown",
    expected: "--vs, --vs-setup or --vs-set without it",
    got: flag,
    hint: "run the command once per side",
  });
}

export function notASetting(text: string): InputError {
  return new InputError({
    code: "cli/vs-set",
    where: "--vs-set",
    rule: "the other side must be set as KEY=VALUE",
    expected: "a setting and its value, such as precision=amp-bf16",
    got: JSON.stringify(text),
    hint: "keys are flags without their dashes; repeat --vs-set for several",
  });
}

export function plotEnding(path: string): InputError {
  return new InputError({
    code: "cli/plot",
    where: "--plot",
    rule: "a chart must be an SVG or a PNG file",
    expected: "a name that ends in .svg or .png",
    got: JSON.stringify(path),
    hint: "an SVG needs nothing installed, and a browser shows it",
  });
}

export function noRasterizer(path: string): InputError {
  return new InputError({
    code: "cli/png",
    where: `--plot ${path}`,
    rule: "a PNG needs the optional package @resvg/resvg-js",
    expected: "@resvg/resvg-js beside plimsoll",
    got: "it is not installed, or not for this platform",
    hint: "npm install @resvg/resvg-js, or write an .svg",
  });
}

export function cannotWrite(path: string, problem: string): InputError {
  return new InputError({
    code: "cli/write",
    where: `--plot ${path}`,
    rule: "the chart's file must be one that can be written",
    expected: "a folder that is there and may be written to",
    got: problem,
    hint: "check the path",
  });
}

export function noSuchFile(path: string, near: readonly string[]): InputError {
  return new InputError({
    code: "cli/file",
    where: path,
    rule: "the model must be a file that can be read",
    expected: "the path of a .pt2 file or a layer spec, a name of `plimsoll models`, or - for standard input",
    got: "no such file",
    hint: didYouMean(path, near, "check the path"),
  });
}

export function unreadableFile(path: string, problem: string): InputError {
  return new InputError({
    code: "cli/file",
    where: path,
    rule: "the model must be a file that can be read",
    expected: "a regular file",
    got: problem,
    hint: "give the file itself, or - to read standard input",
  });
}

export function largeSetup(path: string, size: number, limit: number): InputError {
  return new InputError({
    code: "cli/setup-size",
    where: path,
    rule: "a setup file must be a small text file",
    expected: `at most ${limit} bytes`,
    got: `${size} bytes`,
    hint: "it holds settings, one per line; the model is the argument without a flag",
  });
}

export function tooMuchInput(limit: number): InputError {
  return new InputError({
    code: "cli/stdin",
    where: "standard input",
    rule: "what is piped in must fit in memory",
    expected: `at most ${limit} bytes`,
    got: "more",
    hint: "give the path of the file: only the parts that are needed are read",
  });
}

export function notANumber(flag: string, got: string, low: number, high: number): InputError {
  return new InputError({
    code: "cli/number",
    where: flag,
    rule: "the value must be a whole number in range",
    expected: `${low} to ${high}`,
    got: JSON.stringify(got),
    hint: "write plain digits",
  });
}

export function portTaken(host: string, port: number, code: string): InputError {
  return new InputError({
    code: "cli/port",
    where: `--host ${host} --port ${port}`,
    rule: "the address must be free and allowed",
    expected: "an address of this machine with a port that nobody listens on",
    got: code,
    hint: "--port 0 takes any free port",
  });
}

export function cannotSave(flag: string, path: string, problem: string): InputError {
  return new InputError({
    code: "cli/write",
    where: `${flag} ${path}`,
    rule: "the file must be one that can be written",
    expected: "a folder that is there and may be written to",
    got: problem,
    hint: "check the path",
  });
}

export function nothingToSave(path: string, got: string): InputError {
  return new InputError({
    code: "cli/profile",
    where: `--save-profile ${path}`,
    rule: "a profile must have something measured in it",
    expected: "a device total, or a difference that scratch of kernels explains",
    got,
    hint: "--measured-device-total SIZE, as nvidia-smi shows the process, tells the context",
  });
}

export function largeProfile(path: string, size: number, limit: number): InputError {
  return new InputError({
    code: "cli/profile-size",
    where: `--profile ${path}`,
    rule: "a profile must be a small JSON file",
    expected: `at most ${limit} bytes`,
    got: `${size} bytes`,
    hint: "plimsoll compare MODEL --measured-device-total SIZE --save-profile FILE makes one",
  });
}

export function noCommand(command: string, problem: string): InputError {
  return new InputError({
    code: "watch/command",
    where: `plimsoll watch -- ${command}`,
    rule: "the command must be one that can be started",
    expected: "a program on the PATH, with its arguments",
    got: problem,
    hint: "plimsoll watch -- python train.py",
  });
}
