import { expect, test } from "vitest";
import { cublasWorkspaceBytes } from "./cublas.js";

// recorded: ResNet-50, batch 32, one block of the forward thread and one of the backward thread
test.for([
  ["7.5", 17_039_360],
  ["8.0", 17_039_360],
  ["8.6", 17_039_360],
  ["8.9", 17_039_360],
  ["9.0", 67_108_864],
  ["10.0", 67_108_864],
  ["12.0", 67_108_864],
] as const)("recorded: compute capability %s takes %i B in two workspaces", ([capability, both]) => {
  expect(2 * cublasWorkspaceBytes(capability)).toBe(both);
});

test("Thor (11.0) is not in PyTorch's list of large workspaces", () => {
  expect(cublasWorkspaceBytes("11.0")).toBe(8_519_680);
});

test("CUBLAS_WORKSPACE_CONFIG replaces the default", () => {
  expect(cublasWorkspaceBytes("9.0", ":4096:8")).toBe(33_554_432);
  expect(cublasWorkspaceBytes("9.0", ":16:8:4096:1")).toBe(4_325_376);
  expect(cublasWorkspaceBytes("8.0", ":0:0")).toBe(0);
  expect(cublasWorkspaceBytes("8.0", "nonsense")).toBe(8_519_680);
});
