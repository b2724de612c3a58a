/** Arguments → the command that answers them; commands are loaded when they run. Returns the exit code. */
import { Command, type CommanderError, Option } from "commander";
import { InputError, printComplaint } from "../complaints.js";
import { flagOf, type Setting, SETTING_ROWS } from "../settings.js";
import { badUsage, unknownCommand, unknownFlag } from "./complaints.js";
import type { ServeFlags } from "./commands/serve.js";
import type { WatchFlags } from "./commands/watch.js";
import { EXIT } from "./exit-codes.js";

const EXAMPLES = `
Examples:
  plimsoll estimate torchvision/resnet50 --batch 32 --gpu "RTX 4090"
  plimsoll models vit_base
  plimsoll explain resnet50.pt2 --optimizer sgd:momentum=0.9 --markdown
  plimsoll fit torchvision/resnet50 --precision amp-bf16 --gpu t4
  plimsoll advise hf/google-bert/bert-large-uncased --batch 32 --gpu t4
  plimsoll compare torchvision/resnet50 trace.json.gz --batch 32
  plimsoll watch --output run.jsonl -- python train.py
  plimsoll plan config.json --gpu h100 --gpus 64 --global-batch 128 --sequence 8192
  plimsoll gpus a100
  plimsoll serve --port 7070

Exit codes: 0 done (and it fits) · 1 does not fit · 2 wrong input · 70 a bug in Plimsoll`;

export async function runProgram(args: readonly string[], version: string): Promise<number> {
  let code: number = EXIT.done;
  const program = createProgram(version, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args.length > 0 ? args : ["--help"], { from: "user" });
    return code;
  } catch (error) {
    return explainFailure(error, program);
  }
}

function createProgram(version: string, done: (code: number) => void): Command {
  const program = new Command("plimsoll")
    .description("How much GPU memory a training run takes, computed before anything runs.")
    .version(version, "-V, --version")
    .addHelpText("after", EXAMPLES)
    .helpCommand(false);

  const model = (name: string, summary: string, others = "") => {
    const command = program.command(`${name} <model>${others}`).description(summary);
    for (const [key, row] of Object.entries(SETTING_ROWS)) command.addOption(settingOption(key, row));
    return outputOptions(command).option("--setup <file>", "settings from a YAML or JSON file; flags win");
  };
  model(
    "estimate",
    "The number, the breakdown, the verdict. The model is a name of `plimsoll models`, a .pt2 file, a layer spec, or - for standard input.",
  )
    .option("--vs <model>", "the same setup for another model, side by side")
    .option("--vs-setup <file>", "side by side with these settings on top")
    .addOption(
      new Option("--vs-set <key=value>", "side by side with this setting; may be repeated").argParser(
        (value: string, before: readonly string[] | undefined) => [...(before ?? []), value],
      ),
    )
    .addOption(
      new Option("--emit <stage>", "what a stage of the computation made").choices([
        "graph",
        "tape",
        "step",
        "timeline",
      ]),
    )
    .action(async (file: string, flags: object) =>
      done(await (await import("./commands/estimate.js")).runEstimate(file, flags)),
    );
  model("explain", "The receipt: per layer and per tensor, with the numbers filled in.")
    .option("--formula", "the peak as a formula in batch and sequence length, derived term by term")
    .option("--latex", "the formula for a paper")
    .action(async (file: string, flags: object) =>
      done(await (await import("./commands/explain.js")).runExplain(file, flags)),
    );
  model(
    "fit",
    "The largest batch, sequence or image that fits --gpu; without it (or with all), what each device takes.",
  )
    .option("--for <axis>", "what grows: batch (default), sequence or image")
    .option("--margin <size>", "what is to stay free: 1GiB, 512MiB, 5%")
    .option("--confidence <share>", "fit at the upper end of this interval: 0.5, 0.8, 0.9 or 0.95")
    .action(async (file: string, flags: object) =>
      done(await (await import("./commands/fit.js")).runFit(file, flags)),
    );
  model(
    "advise",
    "Ranked changes for --gpu: what each saves and costs, and which together make it fit.",
  ).action(async (file: string, flags: object) =>
    done(await (await import("./commands/advise.js")).runAdvise(file, flags)),
  );
  model(
    "compare",
    "Predicted beside measured: a torch.profiler trace, a CUDA memory snapshot, a recording of watch, or a figure.",
    " [recording]",
  )
    .option("--measured-allocated <size>", "as torch.cuda.max_memory_allocated() says: 9.1GiB, or bytes")
    .option("--measured-reserved <size>", "as torch.cuda.max_memory_reserved() says")
    .option("--measured-device-total <size>", "of the process, as nvidia-smi shows it")
    .option("--save-profile <file>", "keep what this tells of the machine, for --profile")
    .action(async (file: string, recording: string | undefined, flags: object) =>
      done(await (await import("./commands/compare.js")).runCompare(file, recording, flags)),
    );
  program
    .command("watch <command...>")
    .usage("[options] -- <command...>")
    .description(
      "Runs a command and samples host and GPU memory of all its processes; compare reads the recording.",
    )
    .option("--interval <ms>", "milliseconds between samples", "500")
    .option("--output <file>", "the recording, JSON lines", "plimsoll-watch.jsonl")
    .option("--quiet", "no live line and no summary")
    .action(async (command: readonly string[], flags: object) =>
      done(await (await import("./commands/watch.js")).runWatch(command, flags as WatchFlags)),
    );
  model(
    "plan",
    "How to spread it over --gpus of --gpu: the fastest setups that fit, and why others are not there.",
  )
    .option("--global-batch <N>", "samples of one optimizer step over all GPUs; default: one a GPU")
    .option(
      "--intra-gbps <GB/s>",
      "what a GPU sends to others of its machine, one way; default: the device's",
    )
    .option("--inter-gbps <GB/s>", "and to other machines")
    .option("--top <N>", "plans that are shown; default: 5")
    .option("--confidence <share>", "fit at the upper end of this interval: 0.5, 0.8, 0.9 (default) or 0.95")
    .addOption(
      new Option("--emit <engine>", "the best plan that an engine can run, as its file").choices([
        "deepspeed",
        "fsdp",
        "torchtitan",
        "megatron",
        "accelerate",
      ]),
    )
    .action(async (file: string, flags: object) =>
      done(await (await import("./commands/plan.js")).runPlan(file, flags)),
    );
  listOptions(program.command("by-hand [model]"))
    .description("Every known rule of thumb side by side, each with what it misses.")
    .option("--activations <N>", "elements of all layer outputs of one sample")
    .option("--parameters <N>", "trained elements")
    .option("--input <HxWxC>", "dims of one input sample")
    .option("--batch <N>", "mini-batch")
    .option("--bytes-per-element <N>", "4 for float32 (default)")
    .option("--quiet", "figures only")
    .action(async (file: string | undefined, flags: object) => {
      done(await (await import("./commands/by-hand.js")).runByHand(file, flags));
    });
  program
    .command("serve")
    .description(
      "The HTTP API (/openapi.json), MCP (/mcp) and the web page, on this machine alone by default.",
    )
    .option("--port <N>", "0 takes any free one", "7070")
    .option("--host <ADDRESS>", "where to listen; 0.0.0.0 lets others in", "127.0.0.1")
    .option("--threads <N>", "analyses at a time; default: as many as the machine has cores")
    .option("--max-body <MiB>", "largest model that may be sent", "64")
    .option("--max-seconds <N>", "longest that one analysis may take", "20")
    .action(async (flags: object) =>
      done(await (await import("./commands/serve.js")).runServe(flags as ServeFlags, version)),
    );
  program
    .command("mcp")
    .description("The same answers as tools of the Model Context Protocol, on standard input and output.")
    .action(async () => done(await (await import("./commands/mcp.js")).runMcp(version)));
  listOptions(program.command("models [pattern]"))
    .description("Known models, with parameters and the image size they are made for.")
    .action(async (pattern: string | undefined, flags: object) =>
      done(await (await import("./commands/lists.js")).runModels(pattern, flags)),
    );
  listOptions(program.command("gpus [pattern]"))
    .description("Known devices with the memory a process can use.")
    .action(async (pattern: string | undefined, flags: object) =>
      done(await (await import("./commands/lists.js")).runGpus(pattern, flags)),
    );
  listOptions(program.command("optimizers"))
    .description("Known optimizers with the states they keep.")
    .action(async (flags: object) => done(await (await import("./commands/lists.js")).runOptimizers(flags)));
  listOptions(program.command("formats"))
    .description("Model formats and how to make such files.")
    .action(async (flags: object) => done(await (await import("./commands/lists.js")).runFormats(flags)));

  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .showSuggestionAfterError(false)
      .configureOutput({ writeErr: () => undefined });
  }
  return program;
}

function settingOption(key: string, row: Setting): Option {
  const option = new Option(`--${flagOf(key)}${row.placeholder ? ` <${row.placeholder}>` : ""}`, row.help);
  if (row.kind === "list" || row.kind === "shapes") {
    option.argParser((value: string, before: readonly string[] | undefined) => [...(before ?? []), value]);
  }
  // settings of later releases are accepted here and refused, with a reason, where all settings are checked
  return row.since && (row.computes?.length ?? 0) <= 1 ? option.hideHelp() : option;
}

function outputOptions(command: Command): Command {
  return listOptions(command)
    .option("--markdown", "GitHub-flavoured Markdown")
    .option("--quiet", "figures and verdict only")
    .option(
      "--plot <file>",
      "a chart, FILE.svg or FILE.png: timeline of the step, blocks of the peak, batch curve",
    );
}

function listOptions(command: Command): Command {
  return command
    .option("--json", "machine-readable, stable between releases")
    .option("--csv", "comma-separated values")
    .addOption(new Option("--color <when>", "colours").choices(["auto", "always", "never"]).default("auto"));
}

function explainFailure(error: unknown, program: Command): number {
  const complaint = error instanceof InputError ? error : complaintOf(error, program);
  if (complaint === "help") return EXIT.done;
  if (complaint) {
    process.stderr.write(`${printComplaint(complaint.complaint)}\n`);
    return EXIT.wrongInput;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `${text}\n\nthis is a bug in Plimsoll; please report it with the command and the model file\n`,
  );
  return EXIT.bug;
}

/** What commander refused, as a complaint; "help" for what is no failure; undefined for everything else. */
function complaintOf(error: unknown, program: Command): InputError | "help" | undefined {
  const { code, message } = error as CommanderError;
  if (typeof code !== "string" || !code.startsWith("commander.")) return undefined;
  if (code === "commander.helpDisplayed" || code === "commander.help" || code === "commander.version")
    return "help";
  const command = program.commands.find((each) => each.name() === program.args[0]);
  const name = command?.name() ?? "";
  const problem = message.replace(/^error: /, "");
  const quoted = /'([^']*)'/.exec(problem)?.[1] ?? problem;
  if (code === "commander.unknownCommand")
    return unknownCommand(
      quoted,
      program.commands.map((each) => each.name()),
    );
  if (code === "commander.unknownOption") {
    const flags = [...(command?.options ?? program.options), new Option("--help")]
      .filter(({ hidden }) => !hidden)
      .map(({ long }) => long ?? "");
    return unknownFlag(name, quoted, flags);
  }
  return badUsage(name, problem, `plimsoll ${name ? `${name} ` : ""}${(command ?? program).usage()}`);
}
