/** Selective checkpointing against a step of real PyTorch, recorded with oracle/record_selective.py. */
import { expect, test } from "vitest";
import { estimate } from "../src/index.js";
import { readFixture } from "./read-fixture.js";

const RECORDED = {
  forward: 916_868_096,
  backward: 973_864_448,
  optimizer: 548_235_264,
  reserved: 1_145_044_992,
};

test("ResNet-50 keeps its convolutions' results and computes the rest again, byte for byte", async () => {
  const model = await readFixture("test/fixtures/models/resnet50.pt2");
  const { phases, peak } = estimate(model, {
    batch: 8,
    gpu: "a100-80gb",
    cudnn: "no-workspace",
    checkpointing: "selective",
  });
  expect({
    forward: phases.forward.peakAllocatedBytes,
    backward: phases.backward.peakAllocatedBytes,
    optimizer: phases.optimizer.peakAllocatedBytes,
    reserved: peak.reservedBytes,
  }).toEqual(RECORDED);
});
