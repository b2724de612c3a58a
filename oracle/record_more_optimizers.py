"""Record the optimizers that other packages bring: what their step() allocates, and the states they leave.

usage: PY=PYTHON SOPHIA=FILE FAKE_GPU=A100-80GB run.sh oracle/record_more_optimizers.py [name-part]
Packages: lion-pytorch, transformers, schedulefree, galore-torch, pytorch_optimizer, bitsandbytes, torchao; their versions are in the file.
Names that end in bfloat16 have parameters of that dtype. Parameters, steps and the form of a case are those of record_optimizers.py; `package` says where the class is from.
The stand-in GPU has no values. bitsandbytes' kernels are no part of it: calls of them do nothing, all that Python allocates is recorded. torchao's
update is compiled: its first step also holds what compiling and trying kernels takes.
SVD and eigendecomposition come from cuSOLVER, whose scratch is not known: here they make their results and take no scratch.
SOPHIA=sophia.py adds Sophia from that file of github.com/Liuhong99/Sophia.
"""
import gc, importlib.metadata, json, os, sys, traceback, warnings

warnings.filterwarnings("ignore")
import torch

from record_ops import HERE
from record_optimizers import SHAPES, Model, record

BNB = [("Adam8bit", {}), ("AdamW8bit", {}), ("Lion8bit", {}), ("SGD8bit", {"lr": 0.1, "momentum": 0.9}), ("RMSprop8bit", {}), ("Adagrad8bit", {}), ("AdEMAMix8bit", {}), ("LAMB8bit", {}),
       ("PagedAdamW8bit", {}), ("PagedAdamW32bit", {}), ("PagedLion8bit", {}), ("PagedLion", {}), ("AdamW", {}), ("Lion", {})]


def quiet_bitsandbytes():
    """Kernel calls do nothing; they allocate nothing."""
    import bitsandbytes.functional as F

    for name in ("optimizer_update_8bit_blockwise", "optimizer_update_32bit"):
        setattr(F, name, lambda *a, **k: None)
    F.fill = lambda *a, **k: None
    F.prefetch_tensor = lambda *a, **k: None


def without_solvers():
    """Decompositions without their solver: new results, no scratch."""
    def svd(matrix, full_matrices=False):
        rows, columns = matrix.shape
        least = min(rows, columns)
        return matrix.new_empty(rows, least), matrix.new_empty(least), matrix.new_empty(least, columns)
    torch.linalg.eigh = lambda matrix: (matrix.new_empty(matrix.shape[0]), torch.empty_like(matrix))
    torch.linalg.svd = svd


def low_rank(rank):
    """GaLore as its README uses it: matrices in a group with a rank, after the others."""
    import galore_torch

    def made(parameters, **settings):
        parameters = list(parameters)
        groups = [{"params": [p for p in parameters if p.ndim != 2]}, {"params": [p for p in parameters if p.ndim == 2], "rank": rank, "update_proj_gap": 200, "scale": 0.25, "proj_type": "std"}]
        return galore_torch.GaLoreAdamW(groups, no_deprecation_warning=True, **settings)
    return made


def larger(a, b):
    """`max` where a tensor is the larger one: the stand-in GPU only has zeros."""
    bool(b > a)
    return b


def training(make):
    """A schedule-free optimizer, told that it trains."""
    def made(parameters, **settings):
        optimizer = make(parameters, **settings)
        optimizer.train()
        return optimizer
    return made


def cases():
    import bitsandbytes.optim as bnb, galore_torch, lion_pytorch, pytorch_optimizer as po, schedulefree, transformers.optimization as tr

    quiet_bitsandbytes()
    without_solvers()
    tr.max = larger
    yield "lion-pytorch", "lion", lion_pytorch.Lion, {}, None
    yield "lion-pytorch", "lion-weight-decay", lion_pytorch.Lion, {"weight_decay": 0.01}, None
    yield "schedulefree", "schedulefree-adamw", training(schedulefree.AdamWScheduleFree), {}, None
    yield "schedulefree", "schedulefree-adamw-single", training(schedulefree.AdamWScheduleFree), {"foreach": False}, None
    yield "schedulefree", "schedulefree-adamw-weight-decay", training(schedulefree.AdamWScheduleFree), {"weight_decay": 0.01}, None
    yield "schedulefree", "schedulefree-sgd", training(schedulefree.SGDScheduleFree), {}, None
    yield "schedulefree", "schedulefree-sgd-single", training(schedulefree.SGDScheduleFree), {"foreach": False}, None
    for name, settings in [("", {}), ("fixed-lr", {"lr": 1e-3, "relative_step": False, "scale_parameter": False, "warmup_init": False}), ("beta1", {"beta1": 0.9}), ("weight-decay", {"weight_decay": 0.01})]:
        yield "transformers", "-".join(filter(None, ["hf-adafactor", name])), tr.Adafactor, settings, None
    for rank in (8, 64):
        yield "galore-torch", f"galore-adamw-rank-{rank}", low_rank(rank), {}, None
    if os.environ.get("SOPHIA"):
        import importlib.util

        spec = importlib.util.spec_from_file_location("sophia", os.environ["SOPHIA"])
        sophia = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sophia)
        yield "Liuhong99/Sophia", "sophia", sophia.SophiaG, {}, None
        yield "Liuhong99/Sophia", "sophia-maximize", sophia.SophiaG, {"maximize": True}, None
    both = [("", {}), ("single", {"foreach": False})]
    for title, kind, variants in [
        ("lamb", po.Lamb, [("", {}), ("weight-decay", {"weight_decay": 0.01}), ("no-pre-norm", {"pre_norm": False})]),
        ("lars", po.LARS, [("", {}), ("nesterov", {"nesterov": True}), ("no-momentum", {"momentum": 0.0})]),
        ("ademamix", po.AdEMAMix, [("", {}), ("weight-decay", {"weight_decay": 0.01})]),
        ("adan", po.Adan, [("", {})]),
    ]:
        for variant, settings in variants:
            for way, choice in both:
                yield "pytorch_optimizer", "-".join(filter(None, [title, variant, way])), kind, {**settings, **choice}, None
    yield "pytorch_optimizer", "shampoo", po.Shampoo, {"preconditioning_compute_steps": 1000}, None
    yield "pytorch_optimizer", "shampoo-momentum", po.Shampoo, {"preconditioning_compute_steps": 1000, "momentum": 0.9}, None
    yield "pytorch_optimizer", "shampoo-every-step", po.Shampoo, {}, None
    for name, kind in [("lamb", po.Lamb), ("lars", po.LARS), ("ademamix", po.AdEMAMix)]:
        yield "pytorch_optimizer", f"{name}-bfloat16", kind, {}, None
    yield "transformers", "hf-adafactor-bfloat16", tr.Adafactor, {}, None
    yield "lion-pytorch", "lion-bfloat16", lion_pytorch.Lion, {}, None
    yield "bitsandbytes", "bitsandbytes-adamw8bit-bfloat16", bnb.AdamW8bit, {}, None
    yield "bitsandbytes", "bitsandbytes-lion-bfloat16", bnb.Lion, {}, None
    yield "pytorch_optimizer", "soap", po.SOAP, {"precondition_frequency": 1000}, None
    import torchao.optim as ao
    for name in ("Adam8bit", "AdamW8bit", "AdamW4bit", "AdamWFp8"):
        yield "torchao", f"torchao-{name.lower()}", getattr(ao, name), {}, None
    yield "torchao", "torchao-adamw8bit-bfloat16", ao.AdamW8bit, {}, None
    for name, settings in BNB:
        yield "bitsandbytes", f"bitsandbytes-{name.lower()}", getattr(bnb, name), settings, None


class Half(Model):
    def __init__(self):
        super().__init__()
        self.to(torch.bfloat16)


def main():
    only = sys.argv[1] if len(sys.argv) > 1 else None
    torch.cuda.init()
    gc.disable()
    gc.freeze()
    for dtype in (torch.float32, torch.bfloat16):
        square = torch.zeros(64, 64, device="cuda", dtype=dtype)
        torch.addmm(square, square, square)
        torch.dot(square[0], square[0])
    done, failed, versions = [], [], {}
    for package, name, kind, settings, chosen in cases():
        if only and only not in name:
            continue
        versions[package] = "main" if "/" in package else importlib.metadata.version(package)
        record.__globals__["Model"] = Half if name.endswith("bfloat16") else Model
        try:
            result = record(kind, settings, chosen)
        except Exception as error:
            failed.append(f"{package} {name}: {type(error).__name__} {str(error)[:300]}")
            if only:
                traceback.print_exc()
            continue
        done.append({"name": name, "package": package, "settings": settings, **({"parameters": chosen} if chosen else {}), **result})
    head = {"torch": torch.__version__, "packages": versions, "gpu": os.environ.get("FAKE_GPU"), "command": "FAKE_GPU=A100-80GB run.sh oracle/record_more_optimizers.py",
            "parameters": {name: {"shape": list(shape), "requiresGrad": name != "frozen"} for name, shape in SHAPES.items()}}
    text = json.dumps(head)[:-1] + ', "cases": [\n' + ",\n".join(json.dumps(c, separators=(",", ":")) for c in done) + "\n]}\n"
    if only:
        print(text)
    else:
        with open(os.path.join(HERE, "recorded", "more-optimizers.json"), "w") as file:
            file.write(text)
        print(f"{len(done)} cases, {len(text)} bytes")
    print(f"{len(failed)} failed:", *failed, sep="\n  ", file=sys.stderr)


if __name__ == "__main__":
    main()
