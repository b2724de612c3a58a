import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Habits of the training loop and the allocator that cost memory and bring nothing. */
export const loop: AdviceRule = { id: "loop", propose };

function propose({ report, facts }: AdviceContext): Proposal[] {
  const { setup } = report;
  const list: Proposal[] = [];
  if (setup.zeroGrad === "keep")
    list.push(
      row(
        "set-to-none",
        "zero-grad",
        "let zero_grad free the gradients",
        { zeroGrad: "set-to-none" },
        "none",
        "optimizer.zero_grad(set_to_none=True)",
      ),
    );
  if (setup.freshInputs)
    list.push(
      row(
        "drop-inputs",
        "inputs",
        "let go of a batch before the next one is loaded",
        { freshInputs: false },
        "the copy to the device no longer overlaps",
        "del x, y   # at the end of the loop's body",
      ),
    );
  if (setup.cudnn === "benchmark" && facts.hasConvolutions)
    list.push(
      row(
        "no-benchmark",
        "cudnn",
        "cuDNN without its benchmark",
        { cudnn: "default" },
        "convolutions may be slower",
        "torch.backends.cudnn.benchmark = False",
      ),
    );
  if (facts.hasConvolutions && !setup.channelsLast && setup.precision !== "fp32")
    list.push(
      row(
        "channels-last",
        "layout",
        "images and filters stored channels last",
        { channelsLast: true },
        "none: 16-bit convolutions need no copies in another order",
        "model = model.to(memory_format=torch.channels_last); x = x.to(memory_format=torch.channels_last)",
      ),
    );
  if (!setup.expandableSegments && !setup.allocatorConf.includes("cudaMallocAsync"))
    list.push(
      row(
        "expandable-segments",
        "allocator",
        "segments that grow: less fragmentation",
        { allocatorConf: [setup.allocatorConf, "expandable_segments:True"].filter(Boolean).join(",") },
        "none on Linux; not on WSL",
        "PYTORCH_CUDA_ALLOC_CONF=expandable_segments:True python train.py",
      ),
    );
  return list;
}

function row(
  id: string,
  group: string,
  title: string,
  change: Proposal["change"],
  price: string,
  pytorch: string,
): Proposal {
  return { id, group, title, change, effect: "same", price, code: { pytorch } };
}
