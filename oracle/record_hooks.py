"""Record training steps with a moving average of the model, or with the optimizer in backward.

usage: FAKE_GPU=A100-80GB run.sh oracle/record_hooks.py DIR_OF_MEASURE case.json out.json
A case is measure.py's, with "ema": true (torch.optim.swa_utils.AveragedModel made before the optimizer, updated after its step) or
"optimizer_in_backward": true (one optimizer per parameter; a post-accumulate-grad hook steps it and sets the gradient to None).
"""
import json, sys

sys.path.insert(0, sys.argv[1])
import measure
import torch

case = json.load(open(sys.argv[2]))
held = {}
build, make_opt = measure.build, measure.make_opt


def built(spec):
    held["model"], *rest = build(spec)
    return (held["model"], *rest)


class Hooked:
    """One optimizer per parameter, seen as one that has nothing left to do after backward."""

    def __init__(self, spec, parameters):
        self.optimizers = {p: make_opt(spec, [p]) for p in parameters}
        self.defaults = next(iter(self.optimizers.values())).defaults
        for p in parameters:
            p.register_post_accumulate_grad_hook(self.hook)

    def hook(self, p):
        self.optimizers[p].step()
        self.optimizers[p].zero_grad()

    @property
    def state(self):
        return {k: v for optimizer in self.optimizers.values() for k, v in optimizer.state.items()}

    def step(self):
        pass

    def zero_grad(self, set_to_none=True):
        pass


def made(spec, parameters):
    if spec.get("optimizer_in_backward"):
        return Hooked(spec, parameters)
    if not spec.get("ema"):
        return make_opt(spec, parameters)
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    average = AveragedModel(held["model"], multi_avg_fn=get_ema_multi_avg_fn(0.999))
    optimizer = make_opt(spec, parameters)
    step = optimizer.step

    def step_and_average():
        step()
        average.update_parameters(held["model"])

    optimizer.step = step_and_average
    return optimizer


measure.build, measure.make_opt = built, made
out = measure.run_safe(case)
measure.save(out, sys.argv[3])
print(out["ok"], out.get("trace") or out.get("error"))
