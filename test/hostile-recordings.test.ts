/** Recordings that are damaged, or made to exhaust memory, time or patience, through the command. */
import { readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, expect, test } from "vitest";
import { because, createFolder, expectComplaint, isBuilt, MODEL, run } from "./run-cli.js";

const { file, remove } = createFolder();
afterAll(remove);

const TRACE = readFileSync("test/fixtures/recordings/lenet_trace.json.gz");
const MB = 1e6;

const CASES: readonly [what: string, path: () => string, parts: readonly string[]][] = [
  ["a trace cut short", () => file("t.json", gunzipSync(TRACE).subarray(0, 30_000)), ["[json/array]"]],
  ["a gzip file cut short", () => file("t.json.gz", TRACE.subarray(0, 9000)), ["[gzip/data]"]],
  [
    "a gigabyte of zeros in a megabyte",
    () => file("z.pickle.gz", gzipSync(Buffer.alloc(1000 * MB))),
    ["[gzip/bomb]"],
  ],
  [
    "a gigabyte of spaces in a megabyte",
    () => {
      const spaces = Buffer.alloc(1000 * MB, " ");
      spaces.write('{"traceEvents":[');
      return file("z.json.gz", gzipSync(spaces));
    },
    ["[gzip/bomb]"],
  ],
  [
    "a pickle that names os.system",
    () => file("p.pickle", "cos\nsystem\n(S'true'\ntR."),
    ["[pickle/code]", "os.system"],
  ],
  [
    "text of 2^60 bytes",
    () => file("p.pickle", Buffer.from([0x80, 4, 0x8d, 0, 0, 0, 0, 0, 0, 0, 16])),
    ["[pickle/data]"],
  ],
  [
    "brackets a hundred thousand deep",
    () => file("t.json", `{"traceEvents":[${"[".repeat(100_000)}`),
    ["[json/depth]"],
  ],
  ["no file at all", () => "nowhere.json.gz", ["[cli/file]"]],
  ["a model in the place of the recording", () => MODEL, ["[recording/model]"]],
];

test.skipIf(!isBuilt).each(CASES)(
  `%s is refused within two seconds${because}`,
  (_, path, parts) => {
    expectComplaint(["compare", MODEL, path()], parts);
  },
  60_000,
);

test.skipIf(!isBuilt)(`a recording in the place of a model is refused${because}`, () => {
  expectComplaint(["estimate", file("t.json.gz", TRACE)], ["[model/recording]", "plimsoll compare"]);
});

test.skipIf(!isBuilt)(`a profile is kept and used${because}`, () => {
  const profile = file("here.json", "");
  const given = ["--gpu", "a100", "--batch", "64"];
  const saved = run([
    "compare",
    MODEL,
    "--measured-device-total",
    "700MiB",
    ...given,
    "--save-profile",
    profile,
  ]);
  expect(saved.status).toBe(0);
  const { stdout } = run(["estimate", MODEL, ...given, "--profile", profile, "--json"]);
  const { peak } = JSON.parse(stdout) as { peak: { deviceTotalBytes: number } };
  expect(peak.deviceTotalBytes).toBe(700 * 1024 ** 2);
  expectComplaint(["estimate", MODEL, "--profile", file("bad.json", "{")], ["[profile/fields]"]);
  expectComplaint(["compare", MODEL], ["[compare/nothing]"]);
});
