"""Training steps of DeepSpeed's engine, on rank 0 of a process group whose collectives do nothing.

usage: run.sh oracle/record_deepspeed.py CASE.json OUT.json      (run.sh and measure.py of the recorder; DeepSpeed beside its packages)

CASE.json is a case of measure.py with one field more, ds: {"world": 8, "config": {...}}: what deepspeed.initialize gets beside the
batch and the precision (mode bf16, fp16 or fp32). The optimizer is the client's torch.optim class; engine.step() clears gradients.
Made with DeepSpeed 0.19.8; tools/pick-config-steps.mjs copies what the tests compare.
"""
import json
import os
import sys

os.environ.setdefault("LOCAL_RANK", "0")
import deepspeed
import measure
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore


class Loss:
    """What measure.py calls backward on: the engine's backward, and its step where gradients are only added up."""

    def __init__(self, engine, loss):
        self.engine, self.loss, self.grad_fn = engine, loss, loss.grad_fn

    def __truediv__(self, _):
        return self  # the engine divides by the micro-batches itself

    def backward(self):
        self.engine.backward(self.loss)
        if not self.engine.is_gradient_accumulation_boundary():
            self.engine.step()


class Optimizer:
    def __init__(self, engine, basic):
        self.engine, self.basic, self.defaults = engine, basic, basic.defaults

    @property
    def state(self):
        return self.basic.state

    def step(self):
        self.engine.step()

    def zero_grad(self, set_to_none=True):
        pass


def configuration(spec):
    mode = spec.get("mode", "fp32")
    return {
        "train_micro_batch_size_per_gpu": spec["batch"],
        "gradient_accumulation_steps": spec.get("grad_accum", 1),
        "bf16": {"enabled": mode == "bf16"},
        **({"fp16": {"enabled": True, "loss_scale": 1}} if mode == "fp16" else {}),
        "zero_allow_untested_optimizer": True,
        "steps_per_print": 10**9,
        **spec["ds"].get("config", {}),
    }


def record(spec):
    torch.cuda.set_device(0)
    dist.init_process_group("fake", rank=0, world_size=spec["ds"]["world"], store=FakeStore())
    make_optimizer, build = measure.make_opt, measure.build
    made = {}

    def build_engine(case):
        model, inputs, loss_of, config = build(case)
        basic = make_optimizer(case, [p for p in model.parameters() if p.requires_grad])
        engine, *_ = deepspeed.initialize(model=model, optimizer=basic, config=configuration(case), dist_init_required=False)
        made["optimizer"] = Optimizer(engine, basic)

        def engine_loss(module, data):
            loss, out = loss_of(module, data)
            return Loss(engine, loss), out

        return engine, inputs, engine_loss, config

    measure.build, measure.make_opt = build_engine, lambda case, params: made["optimizer"]
    spec.setdefault("saved", False)
    return {**measure.run_safe(spec), "deepspeed": deepspeed.__version__}


if __name__ == "__main__":
    with open(sys.argv[1]) as case:
        out = record(json.load(case))
    measure.save(out, sys.argv[2])
    print(out.get("trace") or out["steps"])
    sys.stdout.flush()
    os._exit(0 if out["ok"] else 1)
