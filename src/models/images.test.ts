import { expect, test } from "vitest";
import { configModel } from "../importers/hf-config/read.js";
import type { Bindings } from "../importers/model.js";

async function bound(values: Record<string, unknown>, bindings: Bindings = {}) {
  const model = await configModel(values, "config.json");
  return { model, graph: model.bind({ batch: 2, ...bindings }).graph };
}

test("a table of learned positions fixes the size of images", async () => {
  const vit = { model_type: "vit", num_hidden_layers: 1 };
  await expect(bound(vit, { image: [256, 224] })).rejects.toThrow(
    "expected  224x224 (image_size)\n  got       256x224",
  );
  await expect(bound({ model_type: "clip" }, { image: [336, 336] })).rejects.toThrow("config/image");
  const { graph } = await bound({ ...vit, image_size: [64, 32] });
  expect(graph.values.find(({ role }) => role === "input")?.spec.shape).toEqual([2, 3, 64, 32]);
});

test("DINOv2 resamples its positions for other images", async () => {
  const values = { model_type: "dinov2", num_hidden_layers: 1 };
  const resampled = (graph: { nodes: readonly { op: string }[] }) =>
    graph.nodes.some(({ op }) => op === "upsampleBicubic2d");
  expect(resampled((await bound(values)).graph)).toBe(false);
  expect(resampled((await bound(values, { image: [280, 280] })).graph)).toBe(true);
});

test("Swin refuses windows larger than what a stage has left", async () => {
  await expect(bound({ model_type: "swin", window_size: 8 })).rejects.toThrow(
    "expected  at most 7, the patches a stage has left",
  );
});

test("texts are as long as a family says, and image models take none", async () => {
  const clip = await bound({ model_type: "clip" });
  expect(clip.model.sequence).toBe(77);
  await expect(bound({ model_type: "clip" }, { sequence: 78 })).rejects.toThrow("config/sequence");
  const { model } = await bound({ model_type: "resnet" });
  expect(model.sequence).toBeUndefined();
  expect(model.takes).not.toContain("sequence");
});

test("a model's own parameters come before its children's", async () => {
  const { graph } = await bound({ model_type: "deit", num_hidden_layers: 1 });
  const names = graph.values.filter(({ role }) => role === "parameter").map(({ name }) => name);
  expect(names.slice(0, 4)).toEqual([
    "deit.embeddings.cls_token",
    "deit.embeddings.position_embeddings",
    "deit.embeddings.distillation_token",
    "deit.embeddings.patch_embeddings.projection.weight",
  ]);
});
