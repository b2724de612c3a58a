import { readFileSync } from "node:fs";
import { afterAll, describe, test } from "vitest";
import { because, createFolder, expectComplaint, isBuilt, MODEL } from "./run-cli.js";

const { file, remove } = createFolder();
afterAll(remove);

const estimate =
  (...args: string[]) =>
  () => ["estimate", MODEL, ...args];
const other =
  (path: () => string, ...args: string[]) =>
  () => ["estimate", path(), ...args];
const SPEC =
  "schema: plimsoll/spec@1\nname: x\ninput: { image: [1, 8, 8] }\nlayers:\n  - convv: { filters: 3, kernel: 3 }\n";
const EMPTY_ZIP = Buffer.from(`PK\u0005\u0006${"\0".repeat(18)}`);

/** What a person does wrong, how, and what the complaint must contain. */
const CASES: [string, () => readonly string[], readonly string[]][] = [
  ["a command that is misspelt", () => ["estimte", MODEL], ["[cli/command]", 'did you mean "estimate"?']],
  [
    "a device for fit that is misspelt",
    () => ["fit", MODEL, "--gpu", "a10O"],
    ["[setup/gpu]", "did you mean"],
  ],
  ["a margin that is none", () => ["fit", MODEL, "--margin", "x"], ["[fit/margin]", "1GiB"]],
  [
    "a confidence no record tells of",
    () => ["fit", MODEL, "--confidence", "1"],
    ["[fit/confidence]", "0.95"],
  ],
  ["advice for no device", () => ["advise", MODEL], ["[advice/gpu]", "--gpu NAME"]],
  ["a plan for no device", () => ["plan", MODEL, "--gpus", "8"], ["[plan/cluster]", "--gpu NAME"]],
  [
    "a plan for an unknown device",
    () => ["plan", MODEL, "--gpu", "h10", "--gpus", "8"],
    ["[setup/gpu]", "did you mean"],
  ],
  ["a plan for no GPUs", () => ["plan", MODEL, "--gpu", "h100", "--gpus", "0"], ["[setup/count]", "1 to"]],
  [
    "a plan whose mesh is another size",
    () => ["plan", MODEL, "--gpu", "h100", "--gpus", "8", "--parallel", "fsdp=3"],
    ["[parallel/", "fsdp=3"],
  ],
  [
    "a plan that its engine cannot run",
    () => ["plan", MODEL, "--gpu", "h100", "--gpus", "8", "--zero", "2", "--emit", "megatron"],
    ["[plan/engine]", "--zero 2"],
  ],
  ["LaTeX of no formula", () => ["explain", MODEL, "--latex"], ["[cli/formula]", "--formula"]],
  ["no GPUs", () => ["fit", MODEL, "--gpus", "0"], ["[setup/count]", "--gpus"]],
  [
    "a flag that is misspelt",
    estimate("--bach", "8"),
    ["[cli/flag]", "got       --bach", 'did you mean "--batch"'],
  ],
  ["no model", () => ["estimate"], ["[cli/usage]", "missing required argument"]],
  ["two models", estimate(MODEL), ["[cli/usage]", "too many arguments"]],
  ["a flag without its value", estimate("--batch"), ["[cli/usage]", "argument missing"]],
  ["a loss that is none", estimate("--loss", "fuse"), ["[setup/choice]", 'did you mean "fused"']],
  ["a loss over hidden states of a file", estimate("--loss", "fused"), ["[setup/not-taken]", "--loss"]],
  [
    "weights in bits that nobody has",
    estimate("--quantize", "nf3", "--lora", "rank=8"),
    ["[training/quantization]", "nf4 | fp4"],
  ],
  [
    "quantized weights that should train",
    estimate("--quantize", "nf4"),
    ["[training/quantized-frozen]", "--lora"],
  ],
  ["adapters of rank 0", estimate("--lora", "rank=0"), ["[training/adapters]", "1 to 65536"]],
  ["adapters of negative rank", estimate("--lora", "rank=-8"), ["[training/adapters]", "1 to 65536"]],
  [
    "adapters of a layer that is not there",
    estimate("--lora", "rank=8,targets=q_prj"),
    ["[training/adapter-target]", '"q_prj"'],
  ],
  ["two formats", estimate("--json", "--csv"), ["[cli/format]"]],
  ["a stage that is none", estimate("--emit", "tapes"), ["[cli/usage]", "graph, tape, step, timeline"]],

  [
    "a file that is not there",
    other(() => "test/fixtures/lennet.pt2"),
    ["[cli/file]", 'did you mean "test/fixtures/lenet.pt2"'],
  ],
  [
    "a name that is misspelt",
    other(() => "torchvision/resnet5O"),
    ["[catalogue/model]", 'did you mean "torchvision/resnet50"'],
  ],
  [
    "a name without its source",
    other(() => "resnet50"),
    ["[catalogue/model]", 'did you mean "torchvision/resnet50"'],
  ],
  [
    "a name that every object answers to",
    other(() => "constructor"),
    ["[catalogue/model]", "plimsoll models"],
  ],
  [
    "an image size that a model cannot take",
    () => ["estimate", "torchvision/vit_b_16", "--image", "320x320"],
    ["[catalogue/image]", "expected  224x224"],
  ],
  ["a pattern that no model has", () => ["models", "resnot50"], ["[list/no-match]", "did you mean"]],
  ["a folder", other(() => "test"), ["[cli/file]", "a folder"]],
  ["an empty file", other(() => file("empty.pt2", "")), ["[model/format]", "an empty file"]],
  [
    "a file of no known format",
    other(() => file("notes.txt", "dear diary")),
    ["[model/format]", "dear diary"],
  ],
  ["an ONNX file without a graph", other(() => file("a.onnx", "\u0008\u0008")), ["[onnx/no-graph]"]],
  [
    "a truncated archive",
    other(() => file("cut.pt2", readFileSync(MODEL).subarray(0, 9000))),
    ["[zip/directory]"],
  ],
  ["an archive without members", other(() => file("zip.pt2", EMPTY_ZIP)), ["[model/format]"]],
  [
    "a misspelt layer in a spec",
    other(() => file("broken.yaml", SPEC)),
    ["broken.yaml:5:", 'did you mean "conv'],
  ],

  ["a batch of zero", estimate("--batch", "0"), ["--batch: ", "[setup/count]"]],
  ["a batch of 10^12", estimate("--batch", "1000000000000"), ["[setup/count]", "1 to 1,000,000,000"]],
  ["a negative batch", estimate("--batch", "-1"), ["[setup/count]", "got       -1"]],
  ["a batch that is no number", estimate("--batch", "abc"), ["[setup/count]", "got       abc"]],
  ["a fractional batch", estimate("--batch", "1.5"), ["[setup/count]", "got       1.5"]],
  ["a GPU that is misspelt", estimate("--gpu", "H10O"), ["[setup/gpu]", "did you mean"]],
  [
    "an optimizer that is misspelt",
    estimate("--optimizer", "adamm"),
    ["--optimizer: ", 'did you mean "adam'],
  ],
  [
    "an optimizer's option that is misspelt",
    estimate("--optimizer", "sgd:momentun=0.9"),
    ["--optimizer: ", 'did you mean "momentum"'],
  ],
  ["a shape for no input", estimate("--shape", "pixels=8x1x28x28"), ["[setup/input]"]],
  ["a glob that freezes nothing", estimate("--freeze", "encoder.*"), ["[setup/freeze]"]],
  [
    "a framework the model is not made of",
    estimate("--framework", "jax"),
    ["[setup/framework]", "make_jaxpr"],
  ],
  ["ZeRO without replicas", estimate("--zero", "2"), ["--zero: ", "[zero/replicas]"]],
  ["matrices of a recorded model shared out", estimate("--parallel", "tp=2"), ["[setup/not-taken]", "tp"]],
  [
    "an axis that no mesh has",
    estimate("--parallel", "dp=2,xp=2"),
    ["--parallel: ", "[parallel/axis]", "fsdp=N"],
  ],
  [
    "a forward pass on several GPUs",
    estimate("--mode", "inference", "--parallel", "dp=2"),
    ["--mode: ", "[parallel/together]"],
  ],
  [
    "a compiled model on several GPUs",
    estimate("--compile", "--gpus", "2"),
    ["--compile: ", "[parallel/together]"],
  ],
  [
    "an optimizer in backward over shards",
    estimate("--optimizer-in-backward", "--parallel", "fsdp=2"),
    ["--optimizer-in-backward: ", "[parallel/together]"],
  ],
  ["replicas of one GPU", estimate("--ddp"), ["--ddp: ", "[parallel/idle]", "dp=N"]],
  ["a policy without its axis", estimate("--fsdp", "params=bf16"), ["--fsdp: ", "[parallel/idle]"]],
  ["an axis of no ranks", estimate("--parallel", "dp=0"), ["--parallel: ", "[parallel/axis]"]],
  ["an axis named twice", estimate("--parallel", "dp=2,dp=2"), ["--parallel: ", "[parallel/axis]"]],
  [
    "a mesh larger than the GPUs",
    estimate("--parallel", "dp=2,fsdp=8", "--gpus", "8"),
    ["--gpus: ", "[parallel/mesh]", "16"],
  ],
  [
    "a policy in a type that does not exist",
    estimate("--parallel", "fsdp=8", "--fsdp", "params=fp4"),
    ["--fsdp: ", "[parallel/fsdp]", "params=fp32|bf16|fp16"],
  ],
  [
    "a version of sharding that does not exist",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=3"),
    ["--fsdp: ", "[parallel/fsdp]", "version=1|2"],
  ],
  [
    "a strategy of sharding that does not exist",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=1,strategy=FULL_SHARD"),
    ["--fsdp: ", "[parallel/fsdp]", "full-shard|shard-grad-op|no-shard"],
  ],
  [
    "a strategy said twice",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=1,strategy=no-shard,strategy=full-shard"),
    ["--fsdp: ", "[parallel/fsdp]", "each once"],
  ],
  [
    "a policy named like a property of every object",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=1,constructor=1"),
    ["--fsdp: ", "[parallel/fsdp]", "constructor=1"],
  ],
  [
    "a type named like a property of every object",
    estimate("--parallel", "fsdp=8", "--fsdp", "params=constructor"),
    ["--fsdp: ", "[parallel/fsdp]", "params=constructor"],
  ],
  [
    "a policy with a second value",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=1=1"),
    ["--fsdp: ", "[parallel/fsdp]", "version=1=1"],
  ],
  [
    "a strategy of fully_shard, which has none",
    estimate("--parallel", "fsdp=8", "--fsdp", "strategy=no-shard"),
    ["--fsdp: ", "[parallel/fsdp-version]", "version=1"],
  ],
  [
    "resharding that the strategy decides",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=1,reshard=true"),
    ["--fsdp: ", "[parallel/fsdp-version]", "strategy="],
  ],
  [
    "flat parameters and an optimizer in backward",
    estimate("--parallel", "fsdp=8", "--fsdp", "version=1", "--optimizer-in-backward"),
    ["--optimizer-in-backward: ", "[parallel/together]", "one GPU"],
  ],
  [
    "flat parameters over stages",
    estimate("--parallel", "fsdp=8,pp=2", "--fsdp", "version=1"),
    ["--parallel: ", "[parallel/fsdp-flat]", "pp=2"],
  ],
  [
    "a checkpointing that says no blocks",
    estimate("--checkpointing", "selective=1"),
    ["[setup/checkpointing]", "selective=K with K at least 2", "every=K"],
  ],
  ["a chart of another kind", estimate("--plot", "out.gif"), ["--plot: ", "[cli/plot]", ".svg or .png"]],
  [
    "a chart where nothing can be written",
    estimate("--plot", "/no/such/folder/x.svg"),
    ["[cli/write]", "ENOENT"],
  ],
  ["a side that sets nothing", estimate("--vs-set", "foo"), ["[cli/vs-set]", "KEY=VALUE"]],
  ["two sides and a stage", estimate("--vs-set", "batch=2", "--emit", "step"), ["[cli/versus]", "--emit"]],

  [
    "a setup file that is no map",
    () => estimate("--setup", file("list.yaml", "- batch: 8\n"))(),
    ["[setup/outline]"],
  ],
  [
    "a setup file that is no YAML",
    () => estimate("--setup", file("bad.yaml", "batch: [8\n"))(),
    ["bad.yaml:", "[setup/syntax]"],
  ],
  [
    "an unknown key in a setup file",
    () => estimate("--setup", file("key.yaml", "bach: 8\n"))(),
    ["key.yaml › bach", 'did you mean "batch"'],
  ],
  [
    "a setup file that is something else",
    () => estimate("--setup", file("large.yaml", "#".repeat(70_000)))(),
    ["large.yaml: ", "[cli/setup-size]", "got       70000 bytes"],
  ],
  ["a pattern that no GPU has", () => ["gpus", "voodoo"], ["[list/no-match]"]],
];

describe.skipIf(!isBuilt)(
  `a complaint has five parts on stderr, exit code 2 and nothing on stdout, within two seconds${because}`,
  () => {
    test.for(CASES)("%s", ([, args, parts]) => {
      expectComplaint(args(), parts);
    });
  },
);
