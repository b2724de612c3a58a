"""Record what optimizer.step() of real PyTorch allocates, and the states it leaves.

usage: FAKE_GPU=A100-80GB run.sh oracle/record_optimizers.py [name-part]
One small model for every optimizer of torch.optim; see record_ops.py for the recorder and the form of events.

The model's parameters are in "parameters" of the file, in order; `frozen` needs no gradient and never has one, the others have
one before every step (made outside the recorded events) and None after it. A case of the file:
  name, optimizer, settings, parameters  only where not all of the model's parameters are given to the optimizer
  init              events of the constructor
  step1 ... step3   events of three calls of optimizer.step(); allocation numbers run on from init to step3
  states            parameter -> state -> [shape, dtype, device, allocation] after step 3 ("" holds what belongs to no parameter
                    alone; lists are numbered from .0); the allocation is -1 on the CPU
  moved             only where there is any: states whose allocation changed between step 1 and step 3
LBFGS: values read back from the stand-in GPU are zeros, and its algorithm stops on zeros. So its tolerances are -1, `ys > 1e-10`
and `1 / sum < 1` are taken to be true, and max_iter is 4. Its closure zeroes the gradients and runs forward and backward of
`sum((p * p).sum())` over the trained parameters; the events include the closure's.
"""
import contextlib, gc, json, os, sys, traceback, warnings

warnings.filterwarnings("ignore")
import torch
import torch.nn as nn

from record_ops import HERE, NO_STACKS, Events

SHAPES = {"conv": (24, 12, 3, 3), "fc": (300, 500), "bias": (301,), "scalar": (), "frozen": (50, 70), "tall": (700, 40), "short": (3,), "wide": (520, 640)}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        for name, shape in SHAPES.items():
            setattr(self, name, nn.Parameter(torch.zeros(shape, device="cuda"), requires_grad=name != "frozen"))


MATRICES = ["fc", "tall", "wide"]
VARIANTS = {
    "SGD": {"plain": {}, "weight-decay": {"weight_decay": 0.01}, "momentum": {"momentum": 0.9}, "nesterov": {"momentum": 0.9, "nesterov": True},
            "momentum-weight-decay": {"momentum": 0.9, "weight_decay": 0.01}, "nesterov-weight-decay": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
            "dampening": {"momentum": 0.9, "dampening": 0.1}, "maximize": {"maximize": True}, "momentum-maximize": {"momentum": 0.9, "maximize": True}},
    "Adam": {"plain": {}, "amsgrad": {"amsgrad": True}, "weight-decay": {"weight_decay": 0.01}, "maximize": {"maximize": True}, "capturable": {"capturable": True},
             "amsgrad-capturable": {"amsgrad": True, "capturable": True}, "decoupled": {"weight_decay": 0.01, "decoupled_weight_decay": True}},
    "AdamW": {"plain": {}, "amsgrad": {"amsgrad": True}, "no-weight-decay": {"weight_decay": 0.0}, "maximize": {"maximize": True}, "capturable": {"capturable": True}},
    "Adagrad": {"plain": {}, "lr-decay": {"lr_decay": 0.1}, "weight-decay": {"weight_decay": 0.01}, "both": {"lr_decay": 0.1, "weight_decay": 0.01}, "maximize": {"maximize": True}},
    "RMSprop": {"plain": {}, "momentum": {"momentum": 0.9}, "centered": {"centered": True}, "centered-momentum": {"centered": True, "momentum": 0.9}, "weight-decay": {"weight_decay": 0.01},
                "everything": {"centered": True, "momentum": 0.9, "weight_decay": 0.01}, "maximize": {"maximize": True}, "capturable": {"capturable": True}},
    "Adadelta": {"plain": {}, "weight-decay": {"weight_decay": 0.01}, "maximize": {"maximize": True}, "capturable": {"capturable": True}},
    "Adamax": {"plain": {}, "weight-decay": {"weight_decay": 0.01}, "maximize": {"maximize": True}, "capturable": {"capturable": True}},
    "NAdam": {"plain": {}, "weight-decay": {"weight_decay": 0.01}, "decoupled": {"weight_decay": 0.01, "decoupled_weight_decay": True}, "capturable": {"capturable": True}},
    "RAdam": {"plain": {}, "weight-decay": {"weight_decay": 0.01}, "decoupled": {"weight_decay": 0.01, "decoupled_weight_decay": True}, "capturable": {"capturable": True}},
    "ASGD": {"plain": {}, "weight-decay": {"weight_decay": 0.01}, "maximize": {"maximize": True}, "capturable": {"capturable": True}},
    "Rprop": {"plain": {}, "maximize": {"maximize": True}, "capturable": {"capturable": True}},
    "Adafactor": {"plain": {}, "no-weight-decay": {"weight_decay": 0.0}, "maximize": {"maximize": True}},
    "Muon": {"plain": {}, "no-nesterov": {"nesterov": False}, "no-weight-decay": {"weight_decay": 0.0}, "match-rms": {"adjust_lr_fn": "match_rms_adamw"}},
    "LBFGS": {"plain": {"max_iter": 4}, "history-3": {"max_iter": 4, "history_size": 3}},
}
WAYS = {"": {}, "foreach": {"foreach": True}, "single": {"foreach": False}, "fused": {"fused": True}}


@contextlib.contextmanager
def curved():
    """LBFGS as on values that are not zeros: `ys > 1e-10` and `1 / sum < 1` hold; what comparing allocates is still allocated."""
    greater, less = torch.Tensor.__gt__, torch.Tensor.__lt__

    def greater_than(self, other):
        result = greater(self, other)
        return True if isinstance(other, float) and other == 1e-10 else result

    def less_than(self, other):
        result = less(self, other)
        return True if isinstance(other, float) and other == 1.0 else result
    torch.Tensor.__gt__, torch.Tensor.__lt__ = greater_than, less_than
    try:
        yield
    finally:
        torch.Tensor.__gt__, torch.Tensor.__lt__ = greater, less


def flat_states(optimizer, names):
    """parameter name -> state name -> tensor"""
    out = {}
    shared = type(optimizer).__name__ == "LBFGS"
    for parameter, state in optimizer.state.items():
        row = out.setdefault("" if shared else names[id(parameter)], {})
        for key, value in state.items():
            if hasattr(value, "tensor_attrs"):  # a tensor made of others
                row.update({f"{key}.{part}": getattr(value, part) for part in value.tensor_attrs})
            elif isinstance(value, torch.Tensor):
                row[key] = value
            elif isinstance(value, (list, tuple)):
                row.update({f"{key}.{i}": v for i, v in enumerate(value) if isinstance(v, torch.Tensor)})
            else:
                row[key] = value
    return out


def described(value, events):
    if not isinstance(value, torch.Tensor):
        return value if isinstance(value, (int, float, bool, str)) else None
    where = events.live.get(value.untyped_storage().data_ptr(), -1) if value.is_cuda else -1
    return [list(value.shape), str(value.dtype).replace("torch.", ""), value.device.type, where]


def states_of(optimizer, names, events):
    return {name: {key: described(value, events) for key, value in row.items()} for name, row in flat_states(optimizer, names).items()}


def record(kind, settings, chosen):
    model = Model()
    names = {id(p): n for n, p in model.named_parameters()}
    parameters = [p for n, p in model.named_parameters() if chosen is None or n in chosen]
    trained = [p for p in parameters if p.requires_grad]
    shared = kind == "LBFGS"
    tolerances = {"tolerance_grad": -1, "tolerance_change": -1} if shared else {}
    gc.collect()
    torch.cuda.memory._record_memory_history(enabled=None)
    torch.cuda.memory._record_memory_history(enabled="all", **NO_STACKS)
    events = Events()
    out = {}
    make = kind if callable(kind) else getattr(torch.optim, kind)
    optimizer = make(parameters, **settings, **tolerances)
    out["init"] = events.take()

    def closure():
        optimizer.zero_grad()
        loss = sum((p * p).sum() for p in trained)
        loss.backward()
        return loss

    after_first = None
    for number in (1, 2, 3):
        if not shared:
            for p in trained:
                p.grad = torch.zeros_like(p)
            events.skip()
        with curved() if shared else contextlib.nullcontext():
            optimizer.step(*[closure] * shared)
        out[f"step{number}"] = events.take()
        if not shared:
            for p in trained:
                p.grad = None
            events.skip()
        after_first = after_first or states_of(optimizer, names, events)
    out["states"] = states_of(optimizer, names, events)
    moved = [f"{name}:{key}" for name, row in out["states"].items() for key, value in row.items() if isinstance(value, list) and after_first.get(name, {}).get(key) != value]
    if moved:
        out["moved"] = moved
    torch.cuda.memory._record_memory_history(enabled=None)
    if events.unknown:
        print(f"  {kind} {settings}: {events.unknown} releases of unknown blocks")
    return out


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else None
    torch.cuda.init()
    gc.disable()
    gc.freeze()
    for dtype in (torch.float32, torch.bfloat16):
        square = torch.zeros(64, 64, device="cuda", dtype=dtype)
        torch.addmm(square, square, square)
        torch.dot(square[0], square[0])
    done, failed = [], []
    for kind, variants in VARIANTS.items():
        for variant, settings in variants.items():
            for way, choice in WAYS.items():
                name = "-".join(filter(None, [kind.lower(), variant, way]))
                if only and only not in name:
                    continue
                chosen = MATRICES if kind == "Muon" else None
                try:
                    result = record(kind, {**settings, **choice}, chosen)
                except TypeError as refused:
                    if way and "unexpected keyword" in str(refused):
                        continue
                    failed.append(f"{name}: {refused}")
                    continue
                except Exception as error:
                    failed.append(f"{name}: {type(error).__name__} {str(error)[:200]}")
                    if only:
                        traceback.print_exc()
                    continue
                head = {"name": name, "optimizer": kind, "settings": {**settings, **choice}}
                if chosen:
                    head["parameters"] = chosen
                done.append({**head, **result})
    if only:
        for case in done:
            print(json.dumps(case))
    else:
        head = {"torch": torch.__version__, "gpu": os.environ.get("FAKE_GPU"), "command": f"FAKE_GPU={os.environ.get('FAKE_GPU')} run.sh oracle/record_optimizers.py",
                "parameters": {name: {"shape": list(shape), "requiresGrad": name != "frozen"} for name, shape in SHAPES.items()}}
        text = json.dumps(head)[:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in done) + "\n]}\n"
        path = os.path.join(HERE, "recorded", "optimizers.json")
        with open(path + ".tmp", "w") as file:
            file.write(text)
        os.replace(path + ".tmp", path)
        print(f"{len(done)} cases, {len(text)} bytes")
    print(f"{len(failed)} failed:", *failed, sep="\n  ")


if __name__ == "__main__":
    main()
