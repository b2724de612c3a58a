"""A training step with a variation that the recorder has no field for, on its stand-in GPU.

usage: FAKE_GPU=A100-80GB run.sh oracle/record_variants.py case.json out.json      (run.sh: the recorder's)

case.json is one of measure.py's, with one or more of
  "sdpa": "flash" | "efficient" | "cudnn" | "math"   attention inside torch.nn.attention.sdpa_kernel with that backend alone
  "offload": true | "pinned"                         forward inside torch.autograd.graph.save_on_cpu(pin_memory=...)
  "validate": true                                   after every step a function that loads a batch of its own and runs the model on
                                                     it, with its loss, in eval mode and under no_grad; its phase is "validation"
"""
import contextlib
import json
import sys

import measure
import torch
from torch.autograd.graph import save_on_cpu
from torch.nn.attention import SDPBackend, sdpa_kernel

BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "cudnn": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
AUTOCAST = {"amp-fp16": torch.float16, "amp-bf16": torch.bfloat16}
build_model, meter_class, plain_range = measure.build, measure.Meter, range
spec = json.load(open(sys.argv[1]))
run = {}


def build(spec):
    model, make_inputs, compute_loss, *rest = build_model(spec)

    def loss(module, inputs):
        with contextlib.ExitStack() as stack:
            if spec.get("sdpa"):
                stack.enter_context(sdpa_kernel(BACKENDS[spec["sdpa"]]))
            if spec.get("offload") and torch.is_grad_enabled():
                stack.enter_context(save_on_cpu(pin_memory=spec["offload"] == "pinned"))
            return compute_loss(module, inputs)

    run.update(model=model, make_inputs=make_inputs, loss=loss)
    return model, make_inputs, loss, *rest


class Meter(meter_class):
    def __init__(self):
        super().__init__()
        run["meter"] = self


def validate():
    model = run["model"]
    inputs = run["make_inputs"]()
    model.eval()
    amp = AUTOCAST.get(spec.get("mode"))
    with torch.no_grad(), torch.autocast("cuda", dtype=amp) if amp else contextlib.nullcontext():
        loss, output = run["loss"](model, inputs)
    model.train()


def steps_with_validation(*bounds):
    """The loop over steps is the first range of their number after the model was built."""
    counts = bounds == (spec.get("steps", 3),) and "meter" in run and not run.get("looped")
    run["looped"] = run.get("looped") or counts
    for i in plain_range(*bounds):
        yield i
        if counts:
            run["meter"].start("validation", i)
            validate()
            run["meter"].stop()


measure.build, measure.Meter = build, Meter
if spec.get("validate"):
    measure.range = steps_with_validation
out = measure.run_safe(spec)
measure.save(out, sys.argv[2])
print(spec.get("name"), out.get("ok"), out.get("error"))
