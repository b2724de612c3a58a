"""torchtitan's Llama with the loss of its trainer, its checkpointing and its fully_shard, on the recorder's stand-in GPU.

usage: FAKE_GPU=A100-80GB TORCHTITAN=CHECKOUT run.sh oracle/record_torchtitan.py case.json out.json
       (run.sh: the recorder's; CHECKOUT: torchtitan at 5940ddeb, which has models/llama/model.py and models/norms.py)

case.json is one of measure.py's with "source": "file", "file": this file, "factory": "make", and
  "config"   model_type torchtitan_llama: keys of transformers' LlamaConfig, norm_type "rmsnorm" or none (nn.RMSNorm)
  "ac"       "titan" (every second mm and attention kept), "full", or nothing
  "dist"     of measure_dist.py; "reshard_after_forward": "but-last" leaves the last block and the root whole
"""
import collections
import importlib.util
import json
import os
import sys
import types

import torch
import torch.nn as nn
import torch.nn.functional as F

KEPT = {
    torch.ops.aten.mm.default,
    torch.ops.aten._scaled_dot_product_efficient_attention.default,
    torch.ops.aten._scaled_dot_product_flash_attention.default,
    torch.ops._c10d_functional.reduce_scatter_tensor.default,
    torch.ops.aten.max.default,
}


def load(name, path):
    """A module of the checkout on its own: the package imports a tokenizer and more."""
    spec = importlib.util.spec_from_file_location(name, os.path.join(os.environ["TORCHTITAN"], path))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = []


def titan_contexts():
    from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts
    products = collections.Counter()

    def policy(ctx, op, *args, **kwargs):
        products[ctx.is_recompute] += op == torch.ops.aten.mm.default
        second = op == torch.ops.aten.mm.default and products[ctx.is_recompute] % 2 == 0
        return CheckpointPolicy.MUST_SAVE if op in KEPT and not second else CheckpointPolicy.PREFER_RECOMPUTE

    return create_selective_checkpoint_contexts(policy)


def make(spec):
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
    package("torchtitan")
    package("torchtitan.models")
    load("torchtitan.models.norms", "torchtitan/models/norms.py")
    titan = load("torchtitan.models.llama", "torchtitan/models/llama/model.py")
    config, batch, seq = spec["config"], spec["batch"], spec["seq"]
    if config.get("norm_type") is None:  # what 3b39d7ab put in its place
        titan.build_norm = lambda kind, dim, eps: nn.RMSNorm(dim, eps=eps)
    titan.Transformer.init_weights = lambda self, *args: None  # values do not matter
    width, inner = config["hidden_size"], config["intermediate_size"]
    model = titan.Transformer(titan.ModelArgs(
        dim=width, n_layers=config["num_hidden_layers"], n_heads=config["num_attention_heads"], n_kv_heads=config["num_key_value_heads"],
        vocab_size=config["vocab_size"], multiple_of=1, ffn_dim_multiplier=inner / int(8 * width / 3), max_seq_len=seq))
    assert model.layers["0"].feed_forward.w1.weight.shape[0] == inner
    if spec.get("ac"):
        wrapped = {"context_fn": titan_contexts} if spec["ac"] == "titan" else {}
        for name, block in model.layers.named_children():
            model.layers.register_module(name, checkpoint_wrapper(block, preserve_rng_state=False, **wrapped))
    # angles stay complex, as they do under a mixed precision policy
    model.to = lambda dtype=None, **_: model._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def inputs():
        return {name: torch.zeros(batch, seq, dtype=torch.int64, device="cuda") for name in ("ids", "labels")}

    def cross_entropy(pred, labels):
        return F.cross_entropy(pred.flatten(0, 1).float(), labels.flatten(0, 1))

    def loss(module, batch):
        pred = module(batch["ids"])
        loss = cross_entropy(pred, batch["labels"])
        del pred
        return loss, None

    return model, inputs, loss


def shard_as_torchtitan(spec):
    """apply_fsdp: every block, then the model; FSDP2 of that time left the root whole whatever it was told."""
    import measure_dist
    import torch.distributed.fsdp as fsdp
    shard, blocks = fsdp.fully_shard, []

    def blocks_of(model):
        blocks[:] = model.layers.children()
        return list(blocks)

    def fully_shard(module, **settings):
        if spec["dist"].get("reshard_after_forward") == "but-last":
            settings["reshard_after_forward"] = module in blocks[:-1]
        return shard(module, **settings)

    measure_dist.blocks_of, fsdp.fully_shard = blocks_of, fully_shard
    return measure_dist.main(spec)


if __name__ == "__main__":
    import measure
    case = json.load(open(sys.argv[1]))
    out = shard_as_torchtitan(case) if "dist" in case else measure.run_safe(case)
    measure.save(out, sys.argv[2])
    print(out.get("trace") or "recorded")
    sys.stdout.flush()
    os._exit(0 if out["ok"] else 1)
