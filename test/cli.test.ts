import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import type { EstimateReport, ExplainReport } from "../src/index.js";
import { because, createFolder, isBuilt, MODEL, run } from "./run-cli.js";

const { file, remove } = createFolder();
afterAll(remove);

describe.skipIf(!isBuilt)(`the command${because}`, () => {
  describe("exit codes", () => {
    test("0 when the step fits", () => {
      expect(run(["estimate", MODEL, "--batch", "64", "--gpu", "a100"]).status).toBe(0);
    });
    test("0 without a device", () => expect(run(["estimate", MODEL]).status).toBe(0));
    test("1 when it does not fit, with the whole answer", () => {
      const { status, stdout, stderr } = run([
        "estimate",
        "examples/vgg16.yaml",
        "--batch",
        "512",
        "--gpu",
        "RTX 3060",
        "--json",
      ]);
      expect(status).toBe(1);
      expect(stderr).toBe("");
      expect((JSON.parse(stdout) as EstimateReport).machine?.verdict).toBe("does-not-fit");
    });
    test("0 for help, with and without a command", () => {
      for (const args of [[], ["--help"], ["estimate", "--help"]]) expect(run(args).status).toBe(0);
    });
    test("0 for the version, which is that of the package", () => {
      const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
      expect(run(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
    });
  });

  describe("formats", () => {
    const estimate = (...args: string[]) =>
      run(["estimate", MODEL, "--batch", "64", "--cudnn", "no-workspace", ...args]).stdout;
    test("--json is the report of the library", () => {
      const report = JSON.parse(estimate("--json")) as EstimateReport;
      expect(report.schema).toBe("plimsoll/estimate@1");
      expect(report.model.source).toBe(MODEL);
      expect(report.setup).toMatchObject({
        batch: 64,
        optimizer: { name: "adamw", implementation: "foreach" },
      });
    });
    test("explain --json adds layers and the blocks alive at the peak", () => {
      const report = JSON.parse(run(["explain", MODEL, "--json"]).stdout) as ExplainReport;
      expect(report.layers.length).toBeGreaterThan(5);
      expect(report.alive.length).toBeGreaterThan(20);
    });
    test("--csv has one figure a line", () => {
      const lines = estimate("--csv").trimEnd().split("\n");
      expect(lines[0]).toBe("figure,bytes");
      expect(lines).toContain("totals.parameterBytes,246824");
    });
    test("--markdown is a table", () => expect(estimate("--markdown")).toContain("| parameters | 244 KiB |"));
    test.for(["graph", "tape", "step", "timeline"])("--emit %s prints that stage", (stage) => {
      expect(estimate("--emit", stage)).toMatch(new RegExp(`^${stage}`));
    });
    test("--quiet keeps the figures and leaves out assumptions and advice", () => {
      const text = estimate("--quiet");
      expect(text).toContain("device total");
      expect(text).not.toMatch(/assumed {5}|formula|next {8}/);
    });
    test("the model can come from standard input", () => {
      const { status, stdout } = run(
        ["estimate", "-", "--json", "--batch", "64", "--cudnn", "no-workspace"],
        { input: readFileSync(MODEL) },
      );
      expect(status).toBe(0);
      const [piped, read] = [stdout, estimate("--json")].map((text) => JSON.parse(text) as EstimateReport);
      expect(piped?.peak).toEqual(read?.peak);
    });
  });

  describe("a setup file", () => {
    test("sets what flags set", () => {
      const setup = file(
        "setup.yaml",
        "batch: 16\nzero-grad: keep\noptimizer: sgd:momentum=0.9\ngpu: RTX 4090\n",
      );
      const report = JSON.parse(
        run(["estimate", MODEL, "--setup", setup, "--json"]).stdout,
      ) as EstimateReport;
      expect(report.setup).toMatchObject({
        batch: 16,
        zeroGrad: "keep",
        gpu: "RTX-4090-24GB",
        optimizer: { name: "sgd" },
      });
    });
    test("yields to flags", () => {
      const setup = file("yields.yaml", "batch: 16\noptimizer: sgd\n");
      const report = JSON.parse(
        run(["estimate", MODEL, "--setup", setup, "--batch", "8", "--no-optimizer", "--json"]).stdout,
      ) as EstimateReport;
      expect(report.setup).toMatchObject({ batch: 8, optimizer: null });
    });
  });

  describe("colours", () => {
    const code = "\u001b[";
    test("pipes get none", () => expect(run(["estimate", MODEL]).stdout).not.toContain(code));
    test("--color always gives them to pipes too", () => {
      expect(run(["estimate", MODEL, "--color", "always"]).stdout).toContain(code);
    });
    test("a flag is stronger than NO_COLOR", () => {
      expect(run(["estimate", MODEL, "--color", "always"], { env: { NO_COLOR: "1" } }).stdout).toContain(
        code,
      );
    });
  });

  describe("text", () => {
    const widthOf = (text: string) => Math.max(...text.split("\n").map((line) => [...line].length));
    test.for([40, 60, 80, 120])("at %d columns nothing is wider", (columns) => {
      for (const command of ["estimate", "explain"]) {
        const args = [command, "examples/vgg16.yaml", "--batch", "8", "--gpu", "RTX 3060"];
        expect(widthOf(run(args, { env: { COLUMNS: String(columns) } }).stdout)).toBeLessThanOrEqual(columns);
      }
    });
    test("the README shows what its command prints", () => {
      const printed = readFileSync("test/goldens/estimate-readme.txt", "utf8").trim();
      expect(readFileSync("README.md", "utf8")).toContain(printed);
    });
    test.for([
      ["estimate-lenet", ["estimate", MODEL, "--batch", "64", "--gpu", "a100", "--cudnn", "no-workspace"]],
      [
        "estimate-vgg16-too-large",
        [
          "estimate",
          "examples/vgg16.yaml",
          "--batch",
          "256",
          "--gpu",
          "RTX 3060",
          "--cudnn",
          "no-workspace",
          "--optimizer",
          "sgd",
        ],
      ],
      ["estimate-readme", ["estimate", "examples/grayscale-cnn.yaml", "--batch", "128", "--gpu", "RTX 3060"]],
      ["by-hand-example", ["by-hand", "examples/grayscale-cnn.yaml", "--batch", "128"]],
      ["optimizers", ["optimizers"]],
      ["explain-lenet", ["explain", MODEL, "--batch", "64", "--cudnn", "no-workspace"]],
      ["gpus-a100", ["gpus", "a100"]],
      ["formats", ["formats"]],
      [
        "compare-lenet",
        [
          "compare",
          MODEL,
          "test/fixtures/recordings/lenet_trace.json.gz",
          "--batch",
          "64",
          "--gpu",
          "a100",
          "--cudnn",
          "no-workspace",
        ],
      ],
      [
        "compare-by-hand",
        [
          "compare",
          MODEL,
          "--batch",
          "64",
          "--gpu",
          "a100",
          "--measured-device-total",
          "700MiB",
          "--markdown",
        ],
      ],
      [
        "estimate-keras",
        ["estimate", "test/fixtures/keras/cnn180b.json", "--batch", "128", "--gpu", "RTX 3060"],
      ],
      [
        "explain-keras",
        ["explain", "test/fixtures/keras/lenet5.json", "--batch", "32", "--precision", "amp-fp16"],
      ],
    ] as [string, string[]][])("%s reads as its golden at 80 columns", async ([name, args]) => {
      await expect(run(args).stdout).toMatchFileSnapshot(`goldens/${name}.txt`);
    });
  });
});
