import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { bytesSource } from "../../base/source.js";
import { InputError } from "../../base/complaint.js";
import { estimate, explain } from "../../index.js";
import { importProgram, readProgram } from "../torch-export/read.js";
import type { CatalogueFiles } from "./catalogue.js";
import { packProgram } from "./pack-program.js";
import type { PackedProgram } from "./packed-program.js";
import { readCatalogueModel } from "./read.js";

const FIXTURES = ["resnet18", "resnet50", "vgg16", "vit_base_patch16_224"] as const;

async function pack(name: string) {
  const bytes = readFileSync(`test/fixtures/models/${name}.pt2`);
  const { program, weights } = await readProgram(bytesSource(`${name}.pt2`, bytes));
  return { packed: packProgram(program), exported: importProgram(program, weights, `mine/${name}`) };
}

/** A catalogue of one model, held in memory. */
function catalogueOf(name: string, content: unknown, { isImageFree = true } = {}): CatalogueFiles {
  const row = [0, 224, 224, isImageFree ? 1 : 0, "a model"];
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const files: Record<string, Uint8Array> = {
    "models.json": Buffer.from(
      JSON.stringify({ format: "plimsoll/catalogue-list@1", models: { [`mine/${name}`]: row } }),
    ),
    [`mine/${name}.json.gz`]: content instanceof Uint8Array ? content : gzipSync(text),
  };
  return {
    read: async (path) => {
      if (!Object.hasOwn(files, path)) throw new Error("no such file");
      return files[path] as Uint8Array;
    },
  };
}

async function complaintOf(promise: Promise<unknown>) {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).complaint;
}

describe("a model of the catalogue", () => {
  test.for(FIXTURES)(
    "%s has the graph of the exported program, names and lifetimes included",
    async (name) => {
      const { packed, exported } = await pack(name);
      const model = await readCatalogueModel(`mine/${name}`, catalogueOf(name, packed));
      expect({ ...model, bind: null }).toEqual({ ...exported, bind: null });
      for (const batch of [1, 2, 32]) expect(model.bind({ batch })).toEqual(exported.bind({ batch }));
    },
  );

  test("resnet18 answers as its exported program does, every block and formula", async () => {
    const { packed, exported } = await pack("resnet18");
    const model = await readCatalogueModel("mine/resnet18", catalogueOf("resnet18", packed));
    const options = { batch: 8, image: "288x256", optimizer: "sgd:momentum=0.9" } as const;
    expect(JSON.stringify(explain(model, options))).toBe(JSON.stringify(explain(exported, options)));
  });

  test("resnet18 takes two kilobytes", async () => {
    const { packed } = await pack("resnet18");
    expect(gzipSync(JSON.stringify(packed)).length).toBeLessThan(2200);
  });

  test("no path of a machine and no code is in the file", async () => {
    const { packed } = await pack("vit_base_patch16_224");
    expect(packed.frames.length).toBeGreaterThan(10);
    for (const [file, , , code] of packed.frames) {
      expect(file).toMatch(/^(timm|torch)\//);
      expect(code).toMatch(/^(\w+(, \w+)* =|\w+\.append\()?( ?self\.\w+\()?( ?float32)?$/);
    }
  });

  test("a server may inflate a file on its way", async () => {
    const { packed } = await pack("vgg16");
    const plain = catalogueOf("vgg16", Buffer.from(JSON.stringify(packed)));
    expect((await readCatalogueModel("mine/vgg16", plain)).batch).toBe(2);
  });
});

describe("an image size that was not seen to agree", () => {
  test.for([
    ["--image", { image: "288x288" }],
    ["--shape", { shape: { x: [4, 3, 288, 288] } }],
  ] as const)("is refused by %s, with the size the model has", async ([, options]) => {
    const { packed } = await pack("vit_base_patch16_224");
    const files = catalogueOf("vit", packed, { isImageFree: false });
    const model = await readCatalogueModel("mine/vit", files);
    const complaint = await complaintOf(Promise.resolve().then(() => estimate(model, options)));
    expect(complaint).toMatchObject({ code: "catalogue/image", expected: "224x224", got: "288x288" });
    expect(estimate(model, { image: "224x224" }).peak.allocatedBytes).toBeGreaterThan(0);
  });
});

describe("a name that is not in the catalogue", () => {
  const files = catalogueOf("resnet50", {});
  test.for([
    ["resnet50", 'did you mean "mine/resnet50"?'],
    ["mine/resnet5O", 'did you mean "mine/resnet50"?'],
    ["other/ResNet50", 'did you mean "mine/resnet50"?'],
    ["mine/resnet50.a1_in1k", 'did you mean "mine/resnet50"?'],
    ["resnot50", 'did you mean "mine/resnet50"?'],
    ["zzz", "plimsoll models PATTERN lists those whose name contains PATTERN"],
    ["constructor", "plimsoll models PATTERN lists those whose name contains PATTERN"],
    ["__proto__", "plimsoll models PATTERN lists those whose name contains PATTERN"],
    ["mine/../mine/resnet50", 'did you mean "mine/resnet50"?'],
  ])("%s: %s", async ([name, hint]) => {
    const complaint = await complaintOf(readCatalogueModel(name as string, files));
    expect(complaint).toMatchObject({ code: "catalogue/model", where: name, hint });
  });
});

describe("a damaged catalogue", () => {
  const read = (content: unknown) => readCatalogueModel("mine/m", catalogueOf("m", content));

  test.for<[string, unknown, string]>([
    ["an empty file", Buffer.alloc(0), "torch-export/json"],
    ["half a gzip file", gzipSync("x".repeat(10_000)).subarray(0, 30), "catalogue/damaged"],
    ["text", "hello", "torch-export/json"],
    ["another format", { format: "plimsoll/catalogue@9" }, "catalogue/damaged"],
    ["a list", [], "catalogue/damaged"],
    ["gigabytes of zeros", gzipSync(Buffer.alloc(64 * 1024 ** 2)), "catalogue/size"],
    ["a deep nest", "[".repeat(1000), "torch-export/json-depth"],
  ])("%s", async ([, content, code]) => {
    expect(await complaintOf(read(content))).toMatchObject({ code, where: "catalogue › mine/m.json.gz" });
  });

  test("a list that is none", async () => {
    for (const text of ["", "[]", '{"format":"plimsoll/catalogue-list@1","models":{"a/b":3}}']) {
      const files = { read: async () => Buffer.from(text) };
      expect(await complaintOf(readCatalogueModel("a/b", files))).toMatchObject({
        code: "catalogue/damaged",
        where: "catalogue › models.json",
      });
    }
  });

  test("a list that leads out of the catalogue", async () => {
    const list = { format: "plimsoll/catalogue-list@1", models: { "../etc/passwd": [1, 1, 1, 1, ""] } };
    const files = { read: async () => Buffer.from(JSON.stringify(list)) };
    expect(await complaintOf(readCatalogueModel("../etc/passwd", files))).toMatchObject({
      code: "catalogue/damaged",
    });
  });

  test("a file that is not there", async () => {
    const whole = catalogueOf("m", {});
    const files: CatalogueFiles = {
      read: (path) => (path === "models.json" ? whole.read(path) : Promise.reject(new Error("gone"))),
    };
    expect(await complaintOf(readCatalogueModel("mine/m", files))).toMatchObject({
      code: "catalogue/missing",
      got: "gone",
    });
  });

  test("any part replaced by something else is a complaint or still a model, never a crash", async () => {
    const { packed } = await pack("resnet18");
    const outcomes = { complaints: 0, models: 0 };
    for (const broken of variations(packed)) {
      try {
        const model = await read(JSON.stringify(broken));
        estimate(model, { batch: 2 });
        outcomes.models += 1;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        outcomes.complaints += 1;
      }
    }
    expect(outcomes.complaints).toBeGreaterThan(150);
  });
});

const REPLACEMENTS = [null, -1, 1e9, 0.5, "__proto__", [], {}, true];

/** The program with one part replaced: each field, and the first and a middle entry of each list, four levels down. */
function* variations(packed: PackedProgram): Generator<unknown> {
  const paths: (string | number)[][] = [];
  const visit = (value: unknown, path: (string | number)[]) => {
    if (path.length > 0) paths.push(path);
    if (path.length >= 4 || typeof value !== "object" || value === null) return;
    const keys = Array.isArray(value)
      ? [...new Set([0, value.length >> 1])].filter((key) => key < value.length)
      : Object.keys(value);
    for (const key of keys) visit((value as Record<string | number, unknown>)[key], [...path, key]);
  };
  visit(packed, []);
  for (const [i, path] of paths.entries()) {
    for (const replacement of [REPLACEMENTS[i % 8], REPLACEMENTS[(i + 3) % 8]]) {
      const copy = structuredClone(packed) as unknown;
      let at = copy as Record<string | number, unknown>;
      for (const key of path.slice(0, -1)) at = at[key] as typeof at;
      at[path.at(-1) as string | number] = replacement;
      yield copy;
    }
  }
}
