/** Readers of recordings, on what PyTorch wrote, and on what nobody should have written. */
import { existsSync, readFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InputError, readRecording } from "../index.js";

const FIXTURES = "test/fixtures/recordings";
const SHARED = `${process.env["PLIMSOLL_SHARED"] ?? "../shared"}/models/recordings`;
const bytesOf = (path: string) => new Uint8Array(readFileSync(path));
const text = (value: string) => new TextEncoder().encode(value);

/** What torch.cuda.max_memory_allocated() and max_memory_reserved() said when the fixtures were recorded. */
const LENET = { allocated: 22_169_600, reserved: 25_165_824 };

describe("a trace of torch.profiler", () => {
  test("tells what the allocator itself says (recorded)", async () => {
    const recording = await readRecording(bytesOf(`${FIXTURES}/lenet_trace.json.gz`), { name: "t.json.gz" });
    expect(recording).toMatchObject({ ...LENET, device: "CUDA 0", steps: 1, diagnostics: [] });
    expect(recording.phases).toEqual({ forward: 20_716_544, backward: 22_169_600, optimizer: 18_487_808 });
  });

  test("names the modules whose forward leaves something behind: the results of four tanh and two pools", async () => {
    const { modules } = await readRecording(bytesOf(`${FIXTURES}/lenet_trace.json.gz`), { name: "t" });
    expect(modules.map(({ kind, index, bytes }) => `${kind}_${index} ${bytes}`)).toEqual([
      "Tanh_0 1204224",
      "AvgPool2d_0 301056",
      "Tanh_1 409600",
      "AvgPool2d_1 102400",
      "Tanh_2 30720",
      "Tanh_3 21504",
    ]);
  });

  test("is the same unpacked, and as a bare list", async () => {
    const packed = bytesOf(`${FIXTURES}/lenet_trace.json.gz`);
    const plain = gunzipSync(packed);
    const list = text(JSON.stringify(JSON.parse(plain.toString()).traceEvents));
    const [a, b, c] = await Promise.all(
      [packed, plain, list].map((data) => readRecording(data, { name: "t" })),
    );
    expect(b).toEqual(a);
    expect(c).toEqual(a);
  });
});

describe("a memory snapshot", () => {
  test("tells what the allocator itself says, blocks handed out whole included (recorded)", async () => {
    const recording = await readRecording(bytesOf(`${FIXTURES}/lenet_snapshot.pickle.gz`), {
      name: "s.pickle.gz",
    });
    expect(recording).toMatchObject({ ...LENET, device: "CUDA 0", steps: 2, diagnostics: [] });
    expect(recording.phases).toEqual({ forward: 20_716_544, backward: 22_169_600, optimizer: 18_487_808 });
  });

  test("tells blocks apart as the trace of the same step does", async () => {
    const [trace, snapshot] = await Promise.all(
      ["lenet_trace.json.gz", "lenet_snapshot.pickle.gz"].map((file) =>
        readRecording(bytesOf(`${FIXTURES}/${file}`), { name: file }),
      ),
    );
    expect(snapshot?.groups).toEqual(trace?.groups);
    const sum = Object.values(snapshot?.groups ?? {}).reduce((total, size) => total + size, 0);
    expect(sum).toBe(LENET.allocated);
  });
});

const isThere = existsSync(SHARED);
test.skipIf(!isThere)(
  `ResNet-50's trace and snapshot agree to the byte${isThere ? "" : " (skipped: recordings are absent)"}`,
  async () => {
    const [trace, snapshot] = await Promise.all(
      ["resnet50_b32_fp32_adamw_trace.json.gz", "resnet50_b32_fp32_adamw_2steps.pickle.gz"].map((file) =>
        readRecording(bytesOf(`${SHARED}/${file}`), { name: file }),
      ),
    );
    expect(trace).toMatchObject({ allocated: 3_131_500_544, reserved: 3_485_466_624, steps: 1 });
    expect(snapshot).toMatchObject({ allocated: 3_131_500_544, reserved: 3_485_466_624, steps: 2 });
    expect(snapshot?.groups).toEqual(trace?.groups);
  },
);

const event = (more: string) =>
  `{"ph":"i","name":"[memory]","tid":1,"ts":1,"args":{"Total Reserved":0,"Total Allocated":512,"Bytes":512,"Device Id":0,"Device Type":1,"Addr":4096${more}}}`;
const trace = (...events: string[]) => text(`{"traceEvents":[${events.join(",")}]}`);
const pickle = (...parts: (string | number[])[]) =>
  new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? [...text(part)] : part)));
const WATCH = '{"schema":"plimsoll/watch@1","intervalMs":100,"tool":null,"gpus":[]}\n';
const snapshot = (segments: string) =>
  pickle([0x80, 2], "}(X", [8, 0, 0, 0], "segments", segments, segments.endsWith("u") ? "." : "u.");

/** What is wrong, under which name it comes, and the code of the complaint. */
const BROKEN: [string, string, () => Uint8Array, string][] = [
  ["an empty file", "x.json", () => text(""), "recording/format"],
  ["a trace cut short", "x.json", () => text(`{"traceEvents":[${event("")}`), "json/array"],
  [
    "a gzip file cut short",
    "x.json.gz",
    () => bytesOf(`${FIXTURES}/lenet_trace.json.gz`).slice(0, 9000),
    "gzip/data",
  ],
  [
    "brackets a hundred thousand deep",
    "x.json",
    () => text(`{"traceEvents":[${"[".repeat(100_000)}`),
    "json/depth",
  ],
  [
    "objects a hundred thousand deep",
    "x.json",
    () => text(`{"traceEvents":${'[{"a":'.repeat(100_000)}`),
    "json/depth",
  ],
  ["a size that is NaN", "x.json", () => trace(event(',"Bytes":NaN')), "trace/event"],
  ["a size of 2^60", "x.json", () => trace(event(',"Bytes":1152921504606846976')), "trace/figure"],
  ["a size that is text", "x.json", () => trace(event(',"Bytes":"512"')), "trace/figure"],
  ["a total below nothing", "x.json", () => trace(event(',"Total Allocated":-1')), "trace/figure"],
  ["an address given twice", "x.json", () => trace(event(""), event("")), "trace/address"],
  ["a trace without memory", "x.json", () => trace('{"ph":"X","name":"aten::mm"}'), "trace/no-memory"],
  [
    "a bomb of spaces",
    "x.json.gz",
    () => gzipSync(Buffer.concat([Buffer.from('{"traceEvents":['), Buffer.alloc(100_000_000, " ")])),
    "gzip/bomb",
  ],
  ["an event of nine megabytes", "x.json", () => trace(`{"ph":"${"X".repeat(9_000_000)}"}`), "json/object"],
  ["a bomb of zeros", "x.pickle.gz", () => gzipSync(Buffer.alloc(100_000_000)), "gzip/bomb"],
  ["a pickle that names os.system", "x.pickle", () => pickle("cos\nsystem\n(S'true'\ntR."), "pickle/code"],
  [
    "a pickle that names os.system in protocol 4",
    "x.pickle",
    () => pickle([0x80, 4, 0x8c, 2], "os", [0x8c, 6], "system", [0x93], "."),
    "pickle/code",
  ],
  ["a pickle that builds an object", "x.pickle", () => pickle([0x80, 2], "]", [0x81], "."), "pickle/opcode"],
  ["text of 2^60 bytes", "x.pickle", () => pickle([0x80, 4, 0x8d, 0, 0, 0, 0, 0, 0, 0, 16]), "pickle/data"],
  [
    "a pickle cut short",
    "x.pickle",
    () => gunzipSync(bytesOf(`${FIXTURES}/lenet_snapshot.pickle.gz`)).subarray(0, 9000),
    "pickle/data",
  ],
  [
    "lists a hundred thousand deep",
    "x.pickle",
    () => pickle([0x80, 2], "]".repeat(100_000), "a".repeat(99_999), "."),
    "snapshot/outline",
  ],
  ["a pickle that is no snapshot", "x.pickle", () => pickle([0x80, 2], "}."), "snapshot/outline"],
  [
    "one history named over and over, of one entry over and over",
    "x.pickle",
    () =>
      snapshot(
        `]X\x0d\0\0\0device_traces](](}X\x06\0\0\0actionX\x01\0\0\0xsq\x01${"h\x01".repeat(60)}eq\x02${"h\x02".repeat(60)}eu`,
      ),
    "snapshot/entries",
  ],
  [
    "a segment named twice",
    "x.pickle",
    () => snapshot("](}(X\x07\0\0\0addressK\x01X\x0a\0\0\0total_sizeK\x01X\x06\0\0\0blocks]uq\x01h\x01e"),
    "snapshot/address",
  ],
  [
    "a segment whose size is NaN",
    "x.pickle",
    () => snapshot("](}(X\x07\0\0\0addressK\x01X\x0a\0\0\0total_sizeFnan\nX\x06\0\0\0blocks]ue"),
    "snapshot/figure",
  ],
  ["a watch recording of the future", "x.jsonl", () => text(WATCH.replace("@1", "@9")), "watch/version"],
  ["a watch recording without samples", "x.jsonl", () => text(WATCH), "watch/empty"],
  ["a sample of NaN bytes", "x.jsonl", () => text(`${WATCH}{"ms":1,"rssBytes":NaN}\n`), "watch/line"],
  [
    "a sample of 2^60 bytes",
    "x.jsonl",
    () => text(`${WATCH}{"ms":1,"rssBytes":1152921504606846976}\n`),
    "watch/line",
  ],
];

test.each(BROKEN)("%s is refused", async (_, name, make, code) => {
  const failure = await readRecording(make(), { name }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(InputError);
  expect((failure as InputError).complaint).toMatchObject({ code });
});

test("whatever is changed in a recording, it is read or refused with a complaint", async () => {
  const files = ["lenet_trace.json.gz", "lenet_snapshot.pickle.gz"].map((file) =>
    gunzipSync(bytesOf(`${FIXTURES}/${file}`)),
  );
  const change = fc.record({
    file: fc.constantFrom(...files),
    edits: fc.array(fc.tuple(fc.nat(60_000), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    }),
    keep: fc.nat(60_000),
    cuts: fc.boolean(),
    name: fc.constantFrom("x.json", "x.pickle", "x"),
  });
  await fc.assert(
    fc.asyncProperty(change, async ({ file, edits, keep, cuts, name }) => {
      const data = Uint8Array.from(file);
      for (const [at, byte] of edits) data[at % data.length] = byte;
      const given = cuts ? data.subarray(0, keep % data.length) : data;
      const failure = await readRecording(given, { name }).then(
        () => null,
        (error: unknown) => error,
      );
      if (failure !== null && !(failure instanceof InputError)) throw failure;
    }),
    { numRuns: 150 },
  );
}, 60_000);

describe("a recording of plimsoll watch", () => {
  const read = (lines: string, name = "w.jsonl") => readRecording(text(WATCH + lines), { name });
  const sample = (more: string) => `{"ms":1,"processes":2,"rssBytes":3000,"pssBytes":2000${more}}\n`;

  test("has the highest of each figure, and says how the command ended", async () => {
    const lines = [
      sample(',"gpuBytes":{"0":5000,"1":7000},"gpuBasis":"process"'),
      sample(',"gpuBytes":{"0":6000,"1":0},"gpuBasis":"process"'),
      '{"ended":true,"exitCode":null,"signal":"SIGKILL"}\n',
    ];
    const recording = await read(lines.join(""));
    expect(recording).toMatchObject({ device: "GPU 1", deviceTotal: 7000, host: 2000, allocated: null });
    expect(recording.diagnostics.map(({ code }) => code)).toEqual(["watch/samples", "watch/failed"]);
  });

  test("of a device counts until the processes' own figures are there", async () => {
    const before = sample(',"gpuBytes":{"0":9000},"gpuBasis":"device"');
    expect((await read(before)).deviceTotal).toBe(9000);
    const after = sample(',"gpuBytes":{"0":5000},"gpuBasis":"process"');
    expect((await read(before + after)).deviceTotal).toBe(5000);
  });

  test("that breaks off within a line keeps the samples before it", async () => {
    const recording = await read(`${sample("")}{"ms":2,"rss`);
    expect(recording).toMatchObject({ host: 2000, isGpu: false });
    expect(recording.diagnostics.map(({ code }) => code)).toContain("watch/cut");
  });
});
