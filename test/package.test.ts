import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

/**
 * What npm would publish, used as a stranger would use it. No registry is asked: the tarball is unpacked by
 * hand and the dependencies are links to the installed ones.
 */
interface Manifest {
  readonly version: string;
  readonly bin: Record<string, string>;
  readonly exports: Record<string, string | { readonly types: string; readonly default: string }>;
  readonly dependencies?: Record<string, string>;
}

const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Manifest; // our own file
const isBuilt = existsSync("dist/index.js");
const because = isBuilt ? "" : " (skipped: dist/ is absent, run `npm run build`)";

describe.skipIf(!isBuilt)(`packed tarball${because}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "plimsoll-package-"));
  const modules = join(folder, "node_modules");
  const installed = join(modules, "plimsoll");

  beforeAll(() => {
    execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder]);
    mkdirSync(installed, { recursive: true });
    const tarball = join(folder, `plimsoll-${manifest.version}.tgz`);
    execFileSync("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
    for (const name of Object.keys(manifest.dependencies ?? {})) {
      mkdirSync(join(modules, name, ".."), { recursive: true });
      symlinkSync(resolve("node_modules", name), join(modules, name));
    }
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(script: string): string {
    const args = ["--input-type=module", "--eval", script];
    return execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" }).trim();
  }

  test.for(Object.keys(manifest.exports).filter((entry) => !/\.json$|\*/.test(entry)))(
    "entry %s can be imported and exports something",
    (entry) => {
      const name = join("plimsoll", entry);
      expect(Number(run(`console.log(Object.keys(await import("${name}")).length)`))).toBeGreaterThan(0);
    },
  );

  test("every file that package.json points to is inside", () => {
    const targets = Object.values(manifest.exports).flatMap((target) =>
      typeof target === "string" ? [target] : [target.types, target.default],
    );
    for (const file of [
      ...targets.filter((target) => !target.includes("*")),
      ...Object.values(manifest.bin),
    ]) {
      expect(existsSync(join(installed, file)), file).toBe(true);
    }
  });

  test("the command prints its version", () => {
    const command = join(installed, manifest.bin["plimsoll"] ?? "");
    const printed = execFileSync(process.execPath, [command, "--version"], { encoding: "utf8" });
    expect(printed).toContain(manifest.version);
  });

  test("a model of the catalogue is read by its name, as the README shows", () => {
    const lines = [
      'import { readFile } from "node:fs/promises"; import { estimate, readModel } from "plimsoll";',
      'const read = (path) => readFile(new URL(import.meta.resolve("plimsoll/catalogue/" + path)));',
      'const model = await readModel("torchvision/resnet18", { catalogue: { read } });',
      "console.log(estimate(model).model.parameterCount);",
    ];
    expect(run(lines.join("\n"))).toBe("11689512");
    const command = join(installed, manifest.bin["plimsoll"] ?? "");
    const args = [command, "estimate", "torchvision/resnet18", "--json"];
    expect(execFileSync(process.execPath, args, { cwd: folder, encoding: "utf8" })).toContain("11689512");
  });

  test("what the README links to is inside: examples and the schema for editors", () => {
    for (const file of ["examples/grayscale-cnn.yaml", "schemas/layer-spec.schema.json"])
      expect(existsSync(join(installed, file)), file).toBe(true);
  });

  test("tests and their fixtures stay out", () => {
    const listed = execFileSync("tar", ["-tzf", join(folder, `plimsoll-${manifest.version}.tgz`)], {
      encoding: "utf8",
    });
    expect(listed).not.toMatch(/\.test\.|fixtures|node_modules/);
  });
});
