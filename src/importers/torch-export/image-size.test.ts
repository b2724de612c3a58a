import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { bytesSource } from "../../base/source.js";
import { readTorchExport } from "./read.js";

/** Shapes that operators of a kind make at batch 2. */
async function shapesOf(file: string, image: readonly [number, number], op: string) {
  const bytes = readFileSync(`test/fixtures/models/${file}`);
  const model = await readTorchExport(bytesSource(file, bytes));
  const { graph } = model.bind({ batch: 2, image });
  return graph.nodes
    .filter((node) => node.op === op)
    .map(({ outputs }) => graph.values[outputs[0] as number]?.spec.shape.join("x"));
}

test("at another image size VGG-16 still pools to 7x7, which was the size of its last feature map", async () => {
  expect(await shapesOf("vgg16.pt2", [320, 256], "adaptiveAvgPool2d")).toEqual(["2x512x7x7"]);
  expect((await shapesOf("vgg16.pt2", [320, 256], "maxPool2d")).at(-1)).toBe("2x512x10x8");
});

test("at another image size ResNet-18 makes the maps of that size", async () => {
  const convolutions = await shapesOf("resnet18.pt2", [288, 352], "convolution");
  expect(convolutions[0]).toBe("2x64x144x176");
  expect(convolutions.at(-1)).toBe("2x512x9x11");
});
