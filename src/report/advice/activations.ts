import type { AdviceContext, AdviceRule, Proposal } from "./advice.js";

/** Keep less for backward: compute blocks again, keep it on the host, or let a compiler choose. */
export const activations: AdviceRule = { id: "activations", propose };

function propose({ report, facts }: AdviceContext): Proposal[] {
  const { setup } = report;
  if (setup.mode !== "train") return [];
  const list: Proposal[] = [];
  const alone = setup.parallel === null;
  if (facts.hasBlocks && setup.checkpointing === "none")
    list.push(checkpointing("selective"), checkpointing("full"), checkpointing("every=2"));
  if (setup.offload === null && !setup.compile && alone) list.push(offload());
  if (
    !setup.compile &&
    setup.offload === null &&
    alone &&
    setup.lora === null &&
    !setup.precision.startsWith("fp8")
  )
    list.push(compile());
  return list;
}

const KINDS = {
  selective: ["selective checkpointing: products and attention are kept", "cheap operators run twice"],
  full: ["checkpoint every block", "every block's forward runs twice: about a third more arithmetic"],
  "every=2": [
    "checkpoint blocks two by two",
    "every block's forward runs twice, and backward holds two of them",
  ],
} as const;

function checkpointing(kind: keyof typeof KINDS): Proposal {
  const [title, price] = KINDS[kind];
  const selective = `from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts\nmatmuls = [torch.ops.aten.mm.default, torch.ops.aten.addmm.default, torch.ops.aten.convolution.default]\nx = checkpoint(block, x, use_reentrant=False, context_fn=lambda: create_selective_checkpoint_contexts(matmuls))`;
  return {
    id: `checkpointing-${kind.replace("=", "-")}`,
    group: "checkpointing",
    title,
    change: { checkpointing: kind },
    effect: "same",
    price,
    code: {
      pytorch:
        kind === "selective"
          ? selective
          : kind === "full"
            ? "x = torch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)   # for every block"
            : "x = torch.utils.checkpoint.checkpoint_sequential(blocks, len(blocks) // 2, x, use_reentrant=False)",
      ...(kind === "full" && {
        transformers:
          "TrainingArguments(gradient_checkpointing=True)   # timm: model.set_grad_checkpointing()",
        deepspeed:
          '{"activation_checkpointing": {"partition_activations": false}}   # with deepspeed.checkpointing.checkpoint',
        keras: 'keras.RematScope(mode="full")',
      }),
    },
  };
}

function offload(): Proposal {
  return {
    id: "offload-activations",
    group: "offload",
    title: "saved tensors on the host",
    change: { offload: "activations" },
    effect: "same",
    price: "every saved tensor crosses PCIe twice while the GPU waits",
    code: {
      pytorch: "with torch.autograd.graph.save_on_cpu(pin_memory=True):\n    loss = loss_fn(model(x), y)",
    },
  };
}

function compile(): Proposal {
  return {
    id: "compile",
    group: "compile",
    title: "torch.compile: fused kernels, and a minimum cut of what is kept",
    change: { compile: true },
    effect: "recipe",
    price: "minutes of compilation; the time saved is not in the roofline",
    code: {
      pytorch: "model = torch.compile(model)",
      transformers: "TrainingArguments(torch_compile=True)",
      keras: "model.compile(jit_compile=True)",
    },
  };
}
