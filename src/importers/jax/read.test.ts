import { describe, expect, test } from "vitest";
import { estimate, InputError, readModel } from "../../index.js";

const LOSS = `{ lambda ; a:f32[4] b:f32[8,4] c:f32[2,8] d:i32[2]. let
    e:f32[2,4] = dot_general[dimension_numbers=(([1], [0]), ([], []))] c b
    f:f32[1,4] = reshape[dimensions=None new_sizes=(1, 4) sharding=None] a
    g:f32[2,4] = add e f
    h:f32[2,4] = tanh g
    i:f32[] = reduce_sum[axes=(0, 1) out_sharding=None] h
  in (i,) }`;

const read = (text: string) => readModel(new TextEncoder().encode(text), { name: "loss.jaxpr.txt" });

async function complaintOf(text: string): Promise<string> {
  try {
    estimate(await read(text));
  } catch (error) {
    if (error instanceof InputError) return error.complaint.code;
    throw error;
  }
  return "none";
}

describe("a printed loss", () => {
  test("keeps what its linearization reads", async () => {
    const { totals, model } = estimate(await read(LOSS), { optimizer: "adamw" });
    expect(model.parameterCount).toBe(36);
    expect(totals.inputBytes).toBe(64 + 8);
    // c for the gradient of b, and of tanh its result and one less it
    expect(totals.savedTensorBytes).toBe(64 + 32 + 32);
    expect(totals.optimizerStateBytes).toBe(2 * 36 * 4 + 4);
  });

  test("is differentiated by the framework it is of alone", async () => {
    const model = await read(LOSS);
    expect(() => estimate(model, { framework: "pytorch" })).toThrow("--framework");
    expect(() => estimate(model, { precision: "bf16" })).toThrow("in its text");
    expect(() => estimate(model, { batch: 4 })).toThrow("trace it again");
  });

  test("takes three quarters of a device, whatever it needs", async () => {
    const model = await read(LOSS);
    const taken = (options: object) =>
      estimate(model, { gpu: "a100-40gb", ...options }).diagnostics.find(
        ({ code }) => code === "jax/preallocation",
      );
    expect(taken({})?.message).toMatch(/^JAX will take 29\.\d\d GiB/);
    expect(taken({ memoryFraction: "0.5" })?.message).toMatch(/^JAX will take 19\.\d\d GiB/);
    expect(taken({ memoryGrowth: true })).toBeUndefined();
  });

  test("needs the old parameters beside the new ones where nothing is donated", async () => {
    const model = await read(LOSS);
    const peak = (options: object) => estimate(model, { optimizer: "adam", ...options }).peak.allocatedBytes;
    expect(peak({ noDonate: true })).toBeGreaterThan(peak({}));
  });
});

describe("a text that is no program", () => {
  const cases: readonly (readonly [what: string, text: string, code: string])[] = [
    ["is cut", LOSS.slice(0, 200), "jax/syntax"],
    ["reads what nobody binds", LOSS.replace("tanh g", "tanh zz"), "jax/name"],
    ["has a type that is none", LOSS.replace("b:f32[8,4]", "b:f33[8,4]"), "jax/type"],
    ["has symbolic dims", LOSS.replace("b:f32[8,4]", "b:f32[n,4]"), "jax/type"],
    [
      "has more elements than can be counted",
      LOSS.replace("b:f32[8,4]", "b:f32[99999999999,99999999999]"),
      "jax/array-size",
    ],
    ["returns no scalar", LOSS.replace("in (i,)", "in (h,)"), "jax/loss"],
    ["nests without end", `{ lambda ; a:f32[]. let b:f32[] = jit[jaxpr=`.repeat(200), "jax/depth"],
  ];
  test.for(cases)("%s", async ([, text, code]) => expect(await complaintOf(text)).toBe(code));

  test("calls itself", async () => {
    const text = `let f = { lambda ; a:f32[]. let b:f32[] = jit[name=f jaxpr=f] a in (b,) } in\n{ lambda ; c:f32[]. let d:f32[] = jit[name=f jaxpr=f] c in (d,) }`;
    expect(await complaintOf(text)).toBe("jax/depth");
  });

  test("doubles itself", async () => {
    const shared = Array.from({ length: 40 }, (_, i) => {
      const inside = i === 0 ? "sin" : `jit[name=f${i - 1} jaxpr=f${i - 1}]`;
      return `let f${i} = { lambda ; a:f32[]. let\n b:f32[] = ${inside} a\n c:f32[] = ${inside} b\n in (c,) } in`;
    });
    const text = `${shared.join("\n")}\n{ lambda ; c:f32[]. let d:f32[] = jit[name=f39 jaxpr=f39] c in (d,) }`;
    expect(await complaintOf(text)).toBe("jax/operations");
  });

  test("loops for ever", async () => {
    const text = `{ lambda ; a:f32[]. let\n b:f32[] = scan[jaxpr={ lambda ; c:f32[]. let d:f32[] = sin c in (d,) } length=9000000000000 num_carry=1 num_consts=0 reverse=False] a\n in (b,) }`;
    expect(await complaintOf(text)).toBe("jax/operations");
  });
});
