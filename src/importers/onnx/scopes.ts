/** Which module a node was exported from, as PyTorch's exporters note it. */
import type { NodeProto } from "./schema.js";

/** Paths of the calls around a node from the outside in, joined by slashes: `layer1/layer1.0/layer1.0.conv1`. */
export function scopePath({ name = "", notes = [] }: NodeProto): string {
  const noted = notes.find(({ key }) => key === "pkg.torch.onnx.name_scopes")?.value;
  if (noted && noted.length < 4096) {
    // a Python list of texts: the model itself, modules, and the operator last
    const parts = [...noted.matchAll(/'([\w.]*)'/g)].map((match) => match[1] as string);
    return parts
      .slice(1, -1)
      .filter((part) => part !== "")
      .join("/");
  }
  if (!name.startsWith("/") || name.length > 4096) return "";
  return name.split("/").slice(1, -1).join("/");
}
