"""A training step under selective activation checkpointing, on the recorder's stand-in GPU.

usage: FAKE_GPU=A100-80GB run.sh oracle/record_selective.py case.json out.json      (run.sh: the recorder's)

case.json is one of measure.py's; blocks of `layer1` to `layer4` and `blocks` are checkpointed, results of products,
convolutions and attention are kept. What test/recorded-selective.test.ts compares was made with
{"source": "torchvision", "model": "resnet50", "batch": 8, "optimizer": {"name": "adamw"}}.
"""
import functools
import json
import sys

import measure
import torch
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

aten = torch.ops.aten
KEPT = [
    aten.mm.default,
    aten.addmm.default,
    aten.bmm.default,
    aten.baddbmm.default,
    aten.convolution.default,
    aten._scaled_dot_product_flash_attention.default,
    aten._scaled_dot_product_efficient_attention.default,
    aten._scaled_dot_product_cudnn_attention.default,
]
contexts = functools.partial(create_selective_checkpoint_contexts, KEPT)
build_model = measure.build


def checkpointed(forward):
    return lambda *args, **kwargs: checkpoint(forward, *args, use_reentrant=False, context_fn=contexts, **kwargs)


def build(spec):
    built = build_model(spec)
    for name in ("layer1", "layer2", "layer3", "layer4", "blocks"):
        for block in getattr(built[0], name, None) or []:
            block.forward = checkpointed(block.forward)
    return built


measure.build = build
spec = json.load(open(sys.argv[1]))
spec["saved"] = False
out = measure.run_safe(spec)
measure.save(out, sys.argv[2])
print(out.get("ok"), out.get("error"))
