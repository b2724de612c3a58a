import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readPickle } from "../../decode/pickle.js";
import { estimate, readModel } from "../../index.js";

const read = async (name: string) => {
  const path = `src/importers/weights/fixtures/${name}`;
  return readModel(readFileSync(path), { name: path });
};

/** 36 + 4 + 4 + 102 trained numbers; running mean and variance of 4 channels, and a count. */
test.for([
  ["small.safetensors", 4],
  ["small-bf16.safetensors", 2],
  ["small.pth", 4],
  ["small-before-1.6.pth", 4],
  ["small-protocol-4.pth", 4],
  ["whole-module.pt", 4],
  ["checkpoint.ckpt", 4],
  ["scripted.pt", 4],
] as const)(
  "%s: parameters, gradients, optimizer states, and nothing of activations",
  async ([name, size]) => {
    const { model, totals, interval, diagnostics, machine } = estimate(await read(name), {
      gpu: "a100",
      optimizer: "adamw",
    });
    expect(model.parameterCount).toBe(146);
    expect(totals).toMatchObject({
      parameterBytes: 146 * size,
      bufferBytes: 8 * size + 8,
      gradientBytes: 146 * size,
      optimizerStateBytes: 2 * 146 * size,
      inputBytes: 0,
      savedTensorBytes: 0,
    });
    expect(interval.highBytes).toBe(Number.MAX_SAFE_INTEGER);
    expect(interval.basis).toContain("activations are not in the file");
    expect(machine?.verdict).toBe("tight");
    expect(diagnostics[0]).toMatchObject({ code: "weights/no-operators", severity: "warning" });
  },
);

test("a checkpoint says what it does not count", async () => {
  const { diagnostics } = estimate(await read("checkpoint.ckpt"));
  expect(diagnostics[1]?.message).toBe("not counted: epoch, optimizer_state_dict");
});

test("tied weights count once", async () => {
  expect(estimate(await read("tied.bin")).model.parameterCount).toBe(80);
});

describe("a pickle is data", () => {
  const pickle = (text: string) => readPickle(Buffer.from(text, "latin1"), "x");

  test("of protocol 0, with what it would call left uncalled", () => {
    expect(pickle("(lp0\nI1\naF2.5\naI01\naV\u00e9\na(I3\nS'x'\ntp1\na.").value).toEqual([
      1,
      2.5,
      true,
      "\ufffd",
      [3, "x"],
    ]);
    expect(pickle("cmine\nThing\n(I1\ntR.").value).toMatchObject({
      callee: { name: "mine.Thing" },
      args: [1],
    });
  });

  test("of protocols 2 to 5: numbers, texts, lists, memory", () => {
    expect(
      pickle("\x80\x02]q\x00(K\x01M\x00\x01J\xff\xff\xff\xff\x8a\x02\x00\x80X\x02\x00\x00\x00hih\x00e.")
        .value,
    ).toEqual(expect.arrayContaining([1, 256, -1, -32768, "hi"]));
    expect(pickle("\x80\x05\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94.").value).toBe("a");
  });

  test.for([
    "cos\nsystem\n(S'ls'\ntR.",
    "cbuiltins\neval\n.",
    "\x80\x04\x8c\x05posix\x8c\x06system\x93.",
    "csubprocess\nPopen\n.",
  ])("and one that names what runs programs is refused: %j", (text) => {
    expect(() => pickle(text)).toThrow(/\[pickle\/runs-code\]/);
  });

  test("nested a hundred thousand deep it takes no stack", () => {
    expect(pickle(`${"]".repeat(100_000)}${"a".repeat(99_999)}.`).value).toHaveLength(1);
  });
});
