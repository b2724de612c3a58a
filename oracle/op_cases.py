"""The cases that record_ops.py records, by family.

`case(name, code, ...)`: code is a Python expression over m (the module; m.A is a clone of parameter a), x, x2, x3 (the user
inputs) and the names of this file. Sizes are chosen so that the tensors of a case can be told apart by their bytes.
"""
import contextlib

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torchvision.ops import DeformConv2d, roi_align

FAMILIES = {}
_current = None


class Tensor:
    def __init__(self, shape, dtype=torch.float32, value=None, device="cuda"):
        self.shape, self.dtype, self.value, self.device = tuple(shape), dtype, value, device

    def make(self):
        return torch.empty(self.shape, dtype=self.dtype)

    def fill(self, tensor):
        return tensor if self.value is None else tensor.fill_(self.value)


def tensor(spec):
    return spec if isinstance(spec, Tensor) else Tensor(spec)


def ints(*shape):
    return Tensor(shape, torch.int64)


def bools(*shape):
    return Tensor(shape, torch.bool)


def half(*shape):
    return Tensor(shape, torch.bfloat16)


def on_cpu(value, *shape):
    return Tensor(shape, torch.int64, value, "cpu")


class Spec:
    pass


def case(name, code, a=None, b=None, c=None, d=None, x=(), frozen=(), note=None, prepare=None, context=contextlib.nullcontext,
         eval_modules=(), autocast=None, again=False, exports=True, **modules):
    spec = Spec()
    spec.name, spec.code, spec.note, spec.prepare, spec.context, spec.autocast = name, code, note, prepare, context, autocast
    spec.again, spec.exports = again, exports
    spec.op = eval(f"lambda m, x, x2, x3: {code}", globals())
    spec.parameters = {k: tensor(v) for k, v in {"a": a, "b": b, "c": c, "d": d}.items() if v is not None}
    spec.inputs = [tensor(v) for v in (x if isinstance(x, list) else [x] if x != () else [])]
    spec.frozen, spec.eval_modules, spec.modules = frozen, eval_modules, modules
    if any(s.name == name for s in FAMILIES[_current]):
        raise ValueError(f"two cases named {name}")
    FAMILIES[_current].append(spec)


def family(name):
    global _current
    _current = name
    FAMILIES[name] = []


# ------------------------------------------------------------------ conv
family("conv")
H = (4, 12, 17, 19)


def conv(name, kind, *args, a=H, code="m.conv(m.A)", **keywords):
    settings = {k: keywords.pop(k) for k in ("x", "frozen", "note", "b") if k in keywords}
    case(name, code, a=a, conv=lambda: kind(*args, **keywords), **settings)


conv("conv1d-bias", nn.Conv1d, 12, 20, 3, a=(4, 12, 171))
conv("conv1d-nobias-stride2", nn.Conv1d, 12, 20, 5, stride=2, padding=2, bias=False, a=(4, 12, 171))
conv("conv1d-depthwise-dilated", nn.Conv1d, 12, 24, 3, groups=12, dilation=4, padding=4, a=(4, 12, 171))
conv("conv1d-unbatched", nn.Conv1d, 12, 20, 3, a=(12, 171))
conv("conv2d-bias", nn.Conv2d, 12, 20, 3)
conv("conv2d-nobias", nn.Conv2d, 12, 20, 3, bias=False)
conv("conv2d-1x1", nn.Conv2d, 12, 40, 1, bias=False)
conv("conv2d-stride2-padding", nn.Conv2d, 12, 20, 7, stride=2, padding=3)
conv("conv2d-patchify", nn.Conv2d, 3, 96, 16, stride=16, a=(4, 3, 64, 80))
conv("conv2d-groups", nn.Conv2d, 12, 24, 3, groups=4, padding=1)
conv("conv2d-depthwise", nn.Conv2d, 12, 12, 3, groups=12, padding=1, bias=False)
conv("conv2d-depthwise-5x5-stride2-bias", nn.Conv2d, 12, 24, 5, groups=12, padding=2, stride=2)
conv("conv2d-dilation", nn.Conv2d, 12, 20, 3, dilation=2, padding=2)
conv("conv2d-same-odd", nn.Conv2d, 12, 20, 3, padding="same")
conv("conv2d-same-even-asymmetric", nn.Conv2d, 12, 20, (4, 3), padding="same")
conv("conv2d-same-even-both", nn.Conv2d, 12, 20, 2, padding="same")
conv("conv2d-valid", nn.Conv2d, 12, 20, 3, padding="valid")
conv("conv2d-circular", nn.Conv2d, 12, 20, 3, padding=1, padding_mode="circular")
conv("conv2d-reflect", nn.Conv2d, 12, 20, 3, padding=(2, 1), padding_mode="reflect")
conv("conv2d-replicate", nn.Conv2d, 12, 20, 3, padding=1, padding_mode="replicate")
conv("conv2d-unbatched", nn.Conv2d, 12, 20, 3, a=(12, 17, 19))
conv("conv2d-frozen-weight", nn.Conv2d, 12, 20, 3, frozen=["conv.weight"])
conv("conv2d-frozen-bias", nn.Conv2d, 12, 20, 3, frozen=["conv.bias"])
conv("conv2d-frozen-both", nn.Conv2d, 12, 20, 3, frozen=["conv.weight", "conv.bias"])
conv("conv2d-first-layer", nn.Conv2d, 3, 20, 3, a=None, x=(4, 3, 33, 35), code="m.conv(x)")
conv("conv2d-first-layer-nobias", nn.Conv2d, 3, 20, 3, bias=False, a=None, x=(4, 3, 33, 35), code="m.conv(x)")
conv("conv2d-first-layer-weight-frozen", nn.Conv2d, 3, 20, 3, a=None, x=(4, 3, 33, 35), code="m.conv(x)", frozen=["conv.weight"])
conv("conv2d-transposed-input", nn.Conv2d, 12, 20, 3, a=(4, 17, 19, 12), code="m.conv(m.A.permute(0, 3, 1, 2))")
conv("conv2d-swapped-input", nn.Conv2d, 12, 20, 3, a=(4, 12, 19, 17), code="m.conv(m.A.transpose(2, 3))")
conv("conv2d-sliced-input", nn.Conv2d, 12, 20, 3, a=(4, 30, 17, 19), code="m.conv(m.A[:, 6:18])")
conv("conv2d-twice", nn.Conv2d, 12, 12, 3, padding=1, code="m.conv(m.conv(m.A))", note="one weight, two uses")
conv("conv2d-functional", nn.Conv2d, 12, 20, 3, a=H, b=(20, 12, 3, 5), code="F.conv2d(m.A, m.B, stride=2)", note="the weight is an activation; m.conv is unused")
conv("conv3d-bias", nn.Conv3d, 6, 10, 3, a=(2, 6, 9, 11, 13))
conv("conv3d-stride-groups", nn.Conv3d, 6, 12, (3, 3, 1), stride=(2, 1, 1), groups=3, bias=False, a=(2, 6, 9, 11, 13))
conv("conv3d-depthwise", nn.Conv3d, 6, 6, 3, groups=6, padding=1, a=(2, 6, 9, 11, 13))
conv("conv3d-same", nn.Conv3d, 6, 10, (3, 2, 3), padding="same", a=(2, 6, 9, 11, 13))
conv("conv-transpose1d", nn.ConvTranspose1d, 12, 20, 4, stride=2, padding=1, a=(4, 12, 171))
conv("conv-transpose2d", nn.ConvTranspose2d, 12, 20, 2, stride=2)
conv("conv-transpose2d-output-padding", nn.ConvTranspose2d, 12, 20, 3, stride=2, padding=1, output_padding=1, bias=False)
conv("conv-transpose2d-groups", nn.ConvTranspose2d, 12, 24, 3, groups=4)
conv("conv-transpose2d-depthwise", nn.ConvTranspose2d, 12, 12, 4, stride=2, padding=1, groups=12, bias=False)
conv("conv-transpose2d-dilation-frozen", nn.ConvTranspose2d, 12, 20, 3, dilation=2, frozen=["conv.weight"])
conv("conv-transpose3d", nn.ConvTranspose3d, 6, 10, 3, stride=2, output_padding=1, a=(2, 6, 5, 7, 8))
conv("conv-transpose3d-groups", nn.ConvTranspose3d, 6, 12, 2, stride=2, groups=2, bias=False, a=(2, 6, 5, 7, 8))
case("conv2d-bf16", "m.conv(m.A)", a=half(*H), conv=lambda: nn.Conv2d(12, 20, 3, dtype=torch.bfloat16))
case("conv2d-bn-relu-inplace", "m.net(m.A)", a=H, net=lambda: nn.Sequential(nn.Conv2d(12, 20, 3, bias=False), nn.BatchNorm2d(20), nn.ReLU(inplace=True)))
case("conv2d-relu-inplace", "F.relu_(m.conv(m.A))", a=H, conv=lambda: nn.Conv2d(12, 20, 3))
case("conv2d-two-branches", "two_branches(m, m.A)", a=H, conv=lambda: nn.Conv2d(12, 20, 3, padding=1), conv2=lambda: nn.Conv2d(12, 20, 5, padding=2))


def two_branches(m, h):
    return m.conv(h) + m.conv2(h)


# ------------------------------------------------------------------ linear
family("linear")
T = (4, 37, 48)


def linear(name, code="m.fc(m.A)", a=T, features=80, bias=True, inputs=None, dtype=None, **settings):
    width = inputs or (tensor(a).shape[-1] if a is not None else tensor(settings["x"]).shape[-1])
    case(name, code, a=a, fc=lambda: nn.Linear(width, features, bias=bias, dtype=dtype), **settings)


linear("linear-1d", a=(48,))
linear("linear-2d", a=(37, 48), again=True)
linear("linear-2d-nobias", a=(37, 48), bias=False)
linear("linear-3d")
linear("linear-3d-nobias", bias=False)
linear("linear-4d", a=(2, 5, 37, 48))
linear("linear-4d-nobias", a=(2, 5, 37, 48), bias=False)
linear("linear-out1", features=1)
linear("linear-frozen-weight", frozen=["fc.weight"])
linear("linear-frozen-bias", frozen=["fc.bias"])
linear("linear-frozen-both", frozen=["fc.weight", "fc.bias"])
linear("linear-first-layer", "m.fc(x)", a=None, x=(4, 37, 48))
linear("linear-first-layer-2d-nobias", "m.fc(x)", a=None, x=(37, 48), bias=False)
linear("linear-first-layer-weight-frozen", "m.fc(x)", a=None, x=(37, 48), frozen=["fc.weight"])
linear("linear-bf16", a=half(*T), dtype=torch.bfloat16)
linear("linear-transposed-2d", "m.fc(m.A.t())", a=(48, 37), inputs=48)
linear("linear-transposed-3d", "m.fc(m.A.transpose(1, 2))", a=(4, 48, 37), inputs=48)
linear("linear-batch-swapped", "m.fc(m.A.transpose(0, 1))", a=T)
linear("linear-transposed-3d-nobias", "m.fc(m.A.transpose(1, 2))", a=(4, 48, 37), inputs=48, bias=False)
linear("linear-permuted-4d", "m.fc(m.A.permute(0, 2, 3, 1))", a=(4, 48, 7, 9), inputs=48)
linear("linear-permuted-4d-nobias", "m.fc(m.A.permute(0, 2, 3, 1))", a=(4, 48, 7, 9), inputs=48, bias=False)
linear("linear-sliced-token", "m.fc(m.A[:, 0])")
linear("linear-sliced-features", "m.fc(m.A[..., 8:40])", inputs=32)
linear("linear-expanded", "m.fc(m.A.expand(4, 37, 48))", a=(1, 37, 48))
linear("linear-twice-same-input", "m.fc(h := m.A) + m.fc(h)", note="h is named: it lives until the op function returns")
linear("linear-shared-weight", "m.fc(m.fc(m.A))", features=48)
linear("linear-relu", "F.relu(m.fc(m.A))")
linear("linear-relu-inplace", "F.relu_(m.fc(m.A))")
case("mlp-gelu", "m.net(m.A)", a=T, net=lambda: nn.Sequential(nn.Linear(48, 192), nn.GELU(), nn.Dropout(0.1), nn.Linear(192, 48)))
case("mlp-three-layers-first", "m.net(x)", x=(37, 50), net=lambda: nn.Sequential(nn.Linear(50, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)))
case("matmul-2d-2d", "m.A @ m.B", a=(37, 48), b=(48, 80))
case("matmul-2d-2dT", "m.A @ m.B.t()", a=(37, 48), b=(80, 48))
case("matmul-2dT-2d", "m.A.t() @ m.B", a=(48, 37), b=(48, 80))
case("matmul-param-2d", "m.A @ m.b", a=(37, 48), b=(48, 80))
case("matmul-3d-3d", "m.A @ m.B", a=(4, 37, 48), b=(4, 48, 80))
case("matmul-3d-3dT", "m.A @ m.B.transpose(1, 2)", a=(4, 37, 48), b=(4, 80, 48))
case("matmul-3d-2d", "m.A @ m.B", a=(4, 37, 48), b=(48, 80))
case("matmul-3dT-2d", "m.A.transpose(1, 2) @ m.B", a=(4, 48, 37), b=(48, 80))
case("matmul-2d-3d", "m.A @ m.B", a=(37, 48), b=(4, 48, 80))
case("matmul-3d-2d-batch-only-needs-grad", "m.A @ m.b", a=(4, 37, 48), b=(48, 80), frozen=["b"])
case("matmul-3d-3d-broadcast", "m.A @ m.B", a=(1, 37, 48), b=(4, 48, 80))
case("matmul-4d-4d", "m.A @ m.B", a=(2, 3, 37, 48), b=(2, 3, 48, 52))
case("matmul-4d-4dT", "m.A @ m.B.transpose(-2, -1)", a=(2, 3, 37, 48), b=(2, 3, 52, 48))
case("matmul-4d-4d-broadcast", "m.A @ m.B", a=(2, 3, 37, 48), b=(1, 3, 48, 52))
case("matmul-4d-4d-broadcast-both", "m.A @ m.B", a=(2, 1, 37, 48), b=(1, 3, 48, 52))
case("matmul-4d-3d", "m.A @ m.B", a=(2, 3, 37, 48), b=(3, 48, 52))
case("matmul-4d-2d", "m.A @ m.B", a=(2, 3, 37, 48), b=(48, 52))
case("matmul-4d-permuted", "m.A.permute(0, 2, 1, 3) @ m.B.permute(0, 2, 3, 1)", a=(2, 37, 3, 48), b=(2, 52, 3, 48))
case("matmul-2d-1d", "m.A @ m.B", a=(37, 48), b=(48,))
case("matmul-1d-2d", "m.A @ m.B", a=(48,), b=(48, 80))
case("matmul-3d-1d", "m.A @ m.B", a=(4, 37, 48), b=(48,))
case("matmul-1d-3d", "m.A @ m.B", a=(48,), b=(4, 48, 80))
case("matmul-1d-1d", "m.A @ m.B", a=(480,), b=(480,))
case("matmul-self", "(h := m.A) @ h.transpose(1, 2)", a=(4, 37, 48), note="h is named: it lives until the op function returns")
case("matmul-constant-left", "x @ m.A", a=(4, 37, 48), x=(52, 37))
case("matmul-constant-right", "m.A @ x", a=(4, 37, 48), x=(48, 52))
case("matmul-bf16", "m.A @ m.B", a=half(4, 37, 48), b=half(4, 48, 80))
case("dot", "torch.dot(m.A, m.B)", a=(480,), b=(480,))
case("mv", "torch.mv(m.A, m.B)", a=(37, 48), b=(48,))
case("mm", "torch.mm(m.A, m.B)", a=(37, 48), b=(48, 80))
case("mm-one-needs-grad", "torch.mm(m.A, x)", a=(37, 48), x=(48, 80))
case("bmm", "torch.bmm(m.A, m.B)", a=(4, 37, 48), b=(4, 48, 80))
case("bmm-outer-products", "torch.bmm(m.A, m.B)", a=(4, 37, 1), b=(4, 1, 80))
case("bmm-transposed", "torch.bmm(m.A, m.B.transpose(1, 2))", a=(4, 37, 48), b=(4, 80, 48))
case("baddbmm", "torch.baddbmm(m.C, m.A, m.B)", a=(4, 37, 48), b=(4, 48, 80), c=(4, 37, 80))
case("baddbmm-broadcast-alpha-beta", "torch.baddbmm(m.C, m.A, m.B, beta=0.5, alpha=0.125)", a=(4, 37, 48), b=(4, 48, 80), c=(1, 1, 80))
case("addmm", "torch.addmm(m.C, m.A, m.B)", a=(37, 48), b=(48, 80), c=(80,))
case("addmm-full-alpha", "torch.addmm(m.C, m.A, m.B, alpha=0.5)", a=(37, 48), b=(48, 80), c=(37, 80))
case("addmm-conv1d-of-gpt2", "torch.addmm(m.c, m.A.view(-1, 48), m.b).view(4, 37, 144)", a=(4, 37, 48), b=(48, 144), c=(144,))
case("addmv", "torch.addmv(m.C, m.A, m.B)", a=(37, 48), b=(48,), c=(37,))
case("outer", "torch.outer(m.A, m.B)", a=(37,), b=(480,))
case("einsum-matmul", "torch.einsum('ij,jk->ik', m.A, m.B)", a=(37, 48), b=(48, 80))
case("einsum-bmm", "torch.einsum('bij,bjk->bik', m.A, m.B)", a=(4, 37, 48), b=(4, 48, 80))
case("einsum-attention-scores", "torch.einsum('bqhd,bkhd->bhqk', m.A, m.B)", a=(2, 37, 3, 16), b=(2, 41, 3, 16))
case("einsum-attention-values", "torch.einsum('bhqk,bkhd->bqhd', m.A, m.B)", a=(2, 3, 37, 41), b=(2, 41, 3, 16))
case("einsum-linear", "torch.einsum('bsd,df->bsf', m.A, m.B)", a=(4, 37, 48), b=(48, 80))
case("einsum-linear-transposed", "torch.einsum('bsd,fd->bsf', m.A, m.B)", a=(4, 37, 48), b=(80, 48))
case("einsum-outer", "torch.einsum('i,j->ij', m.A, m.B)", a=(37,), b=(48,))
case("einsum-hadamard-sum", "torch.einsum('bd,bd->b', m.A, m.B)", a=(37, 48), b=(37, 48))
case("einsum-transpose", "torch.einsum('bij->bji', m.A)", a=(4, 37, 48))
case("einsum-trace-sum", "torch.einsum('bij->b', m.A)", a=(4, 37, 48))
case("einsum-channel-matrix", "torch.einsum('nctv,vw->nctw', m.A, m.B)", a=(2, 6, 11, 25), b=(25, 25))
case("einsum-three", "torch.einsum('bi,ij,bj->b', m.A, m.B, m.C)", a=(37, 48), b=(48, 40), c=(37, 40))
case("bilinear", "F.bilinear(m.A, m.B, m.c, m.d)", a=(37, 24), b=(37, 20), c=(16, 24, 20), d=(16,))
case("bilinear-module-nobias", "m.fc(m.A, m.B)", a=(37, 24), b=(37, 20), fc=lambda: nn.Bilinear(24, 20, 16, bias=False))
case("linear-functional-activation-weight", "F.linear(m.A, m.B, m.C)", a=(4, 37, 48), b=(80, 48), c=(80,))
case("cdist", "torch.cdist(m.A, m.B)", a=(2, 37, 12), b=(2, 41, 12))
case("chain-matmul", "torch.linalg.multi_dot([m.A, m.B, m.C])", a=(37, 48), b=(48, 80), c=(80, 12))

# ------------------------------------------------------------------ norm
family("norm")
N2, N1, N3 = (4, 12, 17, 19), (4, 12, 171), (2, 6, 7, 8, 9)


def norm(name, make, a=N2, code="m.norm(m.A)", **settings):
    case(name, code, a=a, norm=make, **settings)


norm("batch-norm2d", lambda: nn.BatchNorm2d(12))
norm("batch-norm2d-relu-inplace", lambda: nn.BatchNorm2d(12), code="F.relu_(m.norm(m.A))")
norm("batch-norm2d-relu", lambda: nn.BatchNorm2d(12), code="F.relu(m.norm(m.A))")
norm("batch-norm2d-silu-inplace", lambda: nn.BatchNorm2d(12), code="F.silu(m.norm(m.A), inplace=True)")
norm("batch-norm2d-hardswish-inplace", lambda: nn.BatchNorm2d(12), code="F.hardswish(m.norm(m.A), inplace=True)")
norm("batch-norm2d-leaky-relu-inplace", lambda: nn.BatchNorm2d(12), code="F.leaky_relu_(m.norm(m.A), 0.1)")
norm("batch-norm2d-relu6-inplace", lambda: nn.BatchNorm2d(12), code="F.relu6(m.norm(m.A), inplace=True)")
norm("batch-norm2d-hardtanh-inplace", lambda: nn.BatchNorm2d(12), code="F.hardtanh_(m.norm(m.A))")
norm("batch-norm2d-residual-inplace", lambda: nn.BatchNorm2d(12), b=N2, code="F.relu_(m.norm(m.A).add_(m.B))")
norm("batch-norm2d-eval", lambda: nn.BatchNorm2d(12), eval_modules=["norm"], note="frozen statistics: the layer is in eval mode")
norm("batch-norm2d-eval-frozen-affine", lambda: nn.BatchNorm2d(12), eval_modules=["norm"], frozen=["norm.weight", "norm.bias"])
norm("batch-norm2d-no-affine", lambda: nn.BatchNorm2d(12, affine=False))
norm("batch-norm2d-no-statistics", lambda: nn.BatchNorm2d(12, track_running_stats=False))
norm("batch-norm2d-no-affine-no-statistics", lambda: nn.BatchNorm2d(12, affine=False, track_running_stats=False))

norm("batch-norm2d-first-layer", lambda: nn.BatchNorm2d(12), a=None, x=N2, code="m.norm(x)")
norm("batch-norm2d-frozen-weight", lambda: nn.BatchNorm2d(12), frozen=["norm.weight"])
norm("batch-norm2d-frozen-both", lambda: nn.BatchNorm2d(12), frozen=["norm.weight", "norm.bias"])
norm("batch-norm2d-bf16", lambda: nn.BatchNorm2d(12, dtype=torch.bfloat16), a=half(*N2))
norm("batch-norm2d-bf16-input-f32-weights", lambda: nn.BatchNorm2d(12), a=half(*N2))
norm("batch-norm2d-permuted", lambda: nn.BatchNorm2d(12), a=(4, 17, 19, 12), code="m.norm(m.A.permute(0, 3, 1, 2))")
norm("batch-norm1d-3d", lambda: nn.BatchNorm1d(12), a=N1)
norm("batch-norm1d-2d", lambda: nn.BatchNorm1d(48), a=(37, 48))
norm("batch-norm1d-2d-no-affine", lambda: nn.BatchNorm1d(48, affine=False), a=(37, 48))
norm("batch-norm1d-2d-eval", lambda: nn.BatchNorm1d(48), a=(37, 48), eval_modules=["norm"])
norm("batch-norm3d", lambda: nn.BatchNorm3d(6), a=N3)
norm("batch-norm3d-eval", lambda: nn.BatchNorm3d(6), a=N3, eval_modules=["norm"])
norm("layer-norm", lambda: nn.LayerNorm(48), a=T)
norm("layer-norm-2d", lambda: nn.LayerNorm(48), a=(37, 48))
norm("layer-norm-two-dims", lambda: nn.LayerNorm((37, 48)), a=T)
norm("layer-norm-three-dims", lambda: nn.LayerNorm((12, 17, 19)))
norm("layer-norm-no-affine", lambda: nn.LayerNorm(48, elementwise_affine=False), a=T)
norm("layer-norm-no-bias", lambda: nn.LayerNorm(48, bias=False), a=T)
norm("layer-norm-frozen", lambda: nn.LayerNorm(48), a=T, frozen=["norm.weight", "norm.bias"])
norm("layer-norm-frozen-bias", lambda: nn.LayerNorm(48), a=T, frozen=["norm.bias"])
norm("layer-norm-first-layer", lambda: nn.LayerNorm(48), a=None, x=T, code="m.norm(x)")
norm("layer-norm-bf16", lambda: nn.LayerNorm(48, dtype=torch.bfloat16), a=half(*T))
norm("layer-norm-transposed", lambda: nn.LayerNorm(48), a=(4, 48, 37), code="m.norm(m.A.transpose(1, 2))")
norm("layer-norm-permuted-4d", lambda: nn.LayerNorm(12), code="m.norm(m.A.permute(0, 2, 3, 1))")
norm("layer-norm-permuted-both-ways", lambda: nn.LayerNorm(12), code="m.norm(m.A.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)")
norm("group-norm-1", lambda: nn.GroupNorm(1, 12))
norm("group-norm-4", lambda: nn.GroupNorm(4, 12))
norm("group-norm-each-channel", lambda: nn.GroupNorm(12, 12))
norm("group-norm-no-affine", lambda: nn.GroupNorm(4, 12, affine=False))
norm("group-norm-3d-input", lambda: nn.GroupNorm(4, 12), a=N1)
norm("group-norm-2d-input", lambda: nn.GroupNorm(4, 48), a=(37, 48))
norm("group-norm-first-layer", lambda: nn.GroupNorm(4, 12), a=None, x=N2, code="m.norm(x)")
norm("group-norm-transposed", lambda: nn.GroupNorm(4, 12), a=(4, 171, 12), code="m.norm(m.A.transpose(1, 2))")
norm("group-norm-bf16", lambda: nn.GroupNorm(4, 12, dtype=torch.bfloat16), a=half(*N2))
norm("instance-norm2d", lambda: nn.InstanceNorm2d(12))
norm("instance-norm2d-affine", lambda: nn.InstanceNorm2d(12, affine=True))
norm("instance-norm2d-statistics", lambda: nn.InstanceNorm2d(12, track_running_stats=True))
norm("instance-norm2d-affine-statistics", lambda: nn.InstanceNorm2d(12, affine=True, track_running_stats=True))
norm("instance-norm2d-statistics-eval", lambda: nn.InstanceNorm2d(12, track_running_stats=True), eval_modules=["norm"])
norm("instance-norm1d", lambda: nn.InstanceNorm1d(12, affine=True), a=N1)
norm("instance-norm3d", lambda: nn.InstanceNorm3d(6), a=N3)
norm("rms-norm", lambda: nn.RMSNorm(48), a=T)
norm("rms-norm-eps", lambda: nn.RMSNorm(48, eps=1e-6), a=T)
norm("rms-norm-no-affine", lambda: nn.RMSNorm(48, elementwise_affine=False), a=T)
norm("rms-norm-frozen", lambda: nn.RMSNorm(48), a=T, frozen=["norm.weight"])
norm("rms-norm-bf16", lambda: nn.RMSNorm(48, dtype=torch.bfloat16), a=half(*T))
norm("rms-norm-two-dims", lambda: nn.RMSNorm((37, 48)), a=T)
case("rms-norm-by-hand", "hand_rms_norm(m.A, m.b)", a=T, b=(48,))
case("rms-norm-by-hand-bf16", "hand_rms_norm(m.A, m.b)", a=half(*T), b=half(48))
norm("local-response-norm", lambda: nn.LocalResponseNorm(5))
norm("local-response-norm-1d", lambda: nn.LocalResponseNorm(2), a=N1)
case("normalize", "F.normalize(m.A, dim=-1)", a=T)
case("normalize-dim1", "F.normalize(m.A)", a=N2)
case("normalize-p1", "F.normalize(m.A, p=1.0, dim=1)", a=(37, 48))
case("std-conv-var-mean", "std_conv_var_mean(m.A, m.b)", a=N2, b=(20, 12, 3, 3))
case("std-conv-batch-norm", "std_conv_batch_norm(m.A, m.b)", a=N2, b=(20, 12, 3, 3))
case("scaled-std-conv", "scaled_std_conv(m.A, m.b, m.c)", a=N2, b=(20, 12, 3, 3), c=(20, 1, 1, 1))
case("layer-norm-2d-of-channels", "channel_norm(m.A, m.b, m.c)", a=N2, b=(12,), c=(12,), note="LayerNorm2d: permute, layer_norm, permute back")
case("layer-norm-by-hand-channels-first", "hand_channel_norm(m.A, m.b, m.c)", a=N2, b=(12,), c=(12,))
case("weight-norm", "m.conv(m.A)", a=N2, conv=lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(12, 20, 3)))
case("global-response-norm", "global_response_norm(m.A, m.b, m.c)", a=(4, 17, 19, 12), b=(12,), c=(12,))


def hand_rms_norm(hidden, weight):
    dtype = hidden.dtype
    hidden = hidden.to(torch.float32)
    variance = hidden.pow(2).mean(-1, keepdim=True)
    hidden = hidden * torch.rsqrt(variance + 1e-6)
    return weight * hidden.to(dtype)


def std_conv_var_mean(h, w):
    v, mean = torch.var_mean(w, dim=[1, 2, 3], keepdim=True, unbiased=False)
    w = (w - mean) / torch.sqrt(v + 1e-10)
    return F.conv2d(h, w, None, 1, 1)


def std_conv_batch_norm(h, w):
    w = F.batch_norm(w.reshape(1, 20, -1), None, None, training=True, momentum=0.0, eps=1e-6).reshape_as(w)
    return F.conv2d(h, w, None, 1, 1)


def scaled_std_conv(h, w, gain):
    w = F.batch_norm(w.reshape(1, 20, -1), None, None, weight=(gain * 0.125).view(-1), training=True, momentum=0.0, eps=1e-6).reshape_as(w)
    return F.conv2d(h, w, None, 1, 1)


def channel_norm(h, w, b):
    h = h.permute(0, 2, 3, 1)
    h = F.layer_norm(h, (12,), w, b, 1e-6)
    return h.permute(0, 3, 1, 2)


def hand_channel_norm(x, w, b):
    u = x.mean(1, keepdim=True)
    s = (x - u).pow(2).mean(1, keepdim=True)
    x = (x - u) / torch.sqrt(s + 1e-6)
    return w[:, None, None] * x + b[:, None, None]


def global_response_norm(x, w, b):
    g = x.norm(p=2, dim=(1, 2), keepdim=True)
    n = g / (g.mean(dim=-1, keepdim=True) + 1e-6)
    return x + torch.addcmul(b.view(1, 1, 1, -1), w.view(1, 1, 1, -1), x * n)


# ------------------------------------------------------------------ activation
family("activation")
V = (4, 12, 171)
ACTIVATIONS = {
    "relu": (nn.ReLU, {}), "relu6": (nn.ReLU6, {}), "elu": (nn.ELU, {}), "selu": (nn.SELU, {}), "celu": (nn.CELU, {"alpha": 1.5}),
    "hardsigmoid": (nn.Hardsigmoid, {}), "hardtanh": (nn.Hardtanh, {"min_val": -2.0, "max_val": 2.0}), "hardswish": (nn.Hardswish, {}),
    "leaky-relu": (nn.LeakyReLU, {"negative_slope": 0.1}), "mish": (nn.Mish, {}), "rrelu": (nn.RReLU, {}), "silu": (nn.SiLU, {}),
    "threshold": (nn.Threshold, {"threshold": 0.1, "value": 20.0})}
for _name, (_kind, _keywords) in ACTIVATIONS.items():
    case(_name, "m.act(m.A)", a=V, act=lambda k=_kind, w=_keywords: k(**w))
    case(f"{_name}-inplace", "m.act(m.A)", a=V, act=lambda k=_kind, w=_keywords: k(inplace=True, **w))
for _name, _make in {
        "gelu": lambda: nn.GELU(), "gelu-tanh": lambda: nn.GELU("tanh"), "hardshrink": lambda: nn.Hardshrink(), "logsigmoid": lambda: nn.LogSigmoid(),
        "prelu-one": lambda: nn.PReLU(), "prelu-channels": lambda: nn.PReLU(12), "sigmoid": lambda: nn.Sigmoid(), "softplus": lambda: nn.Softplus(),
        "softplus-beta": lambda: nn.Softplus(2.0, 10.0), "softshrink": lambda: nn.Softshrink(), "softsign": lambda: nn.Softsign(), "tanh": lambda: nn.Tanh(),
        "tanhshrink": lambda: nn.Tanhshrink(), "glu-last": lambda: nn.GLU(dim=1), "softmax": lambda: nn.Softmax(-1), "softmax-dim1": lambda: nn.Softmax(1),
        "softmin": lambda: nn.Softmin(-1), "log-softmax": lambda: nn.LogSoftmax(-1), "identity": lambda: nn.Identity()}.items():
    case(_name, "m.act(m.A)", a=V, act=_make)
case("glu-features", "F.glu(m.A)", a=(4, 37, 96))
case("softmax2d", "m.act(m.A)", a=H, act=lambda: nn.Softmax2d())
case("prelu-frozen", "m.act(m.A)", a=V, act=lambda: nn.PReLU(12), frozen=["act.weight"])
case("prelu-first-layer", "m.act(x)", x=V, act=lambda: nn.PReLU(12))
case("rrelu-eval", "m.act(m.A)", a=V, act=lambda: nn.RReLU(), eval_modules=["act"])
case("relu-bf16", "F.relu(m.A)", a=half(*V))
case("gelu-bf16", "F.gelu(m.A)", a=half(*V))
case("softmax-bf16", "F.softmax(m.A, -1)", a=half(*V))
case("softmax-bf16-to-f32", "F.softmax(m.A, -1, dtype=torch.float32)", a=half(*V))
case("softmax-bf16-to-f32-and-back", "F.softmax(m.A, -1, dtype=torch.float32).to(torch.bfloat16)", a=half(*V))
case("log-softmax-bf16-to-f32", "F.log_softmax(m.A, -1, dtype=torch.float32)", a=half(*V))
case("gelu-transposed", "F.gelu(m.A.transpose(1, 2))", a=V)
case("silu-permuted", "F.silu(m.A.permute(0, 2, 3, 1))", a=H)
case("softmax-transposed", "F.softmax(m.A.transpose(1, 2), -1)", a=V)
case("relu-sliced", "F.relu(m.A[:, 2:9])", a=V)
case("gelu-sliced-last", "F.gelu(m.A[..., :60])", a=V)
case("relu-expanded", "F.relu(m.A.expand(4, 12, 171))", a=(4, 1, 171))
case("sigmoid-inplace", "m.A.sigmoid_()", a=V)
case("tanh-inplace", "m.A.tanh_()", a=V)
case("swish-by-hand", "(h := m.A) * torch.sigmoid(h)", a=V, note="h is named: it lives until the op function returns")
case("quick-gelu", "(h := m.A) * torch.sigmoid(1.702 * h)", a=V, note="h is named: it lives until the op function returns")
case("gelu-by-hand", "hand_gelu(m.A)", a=V)
case("new-gelu-by-hand", "hand_new_gelu(m.A)", a=V)
case("swiglu", "F.silu((h := m.A).chunk(2, dim=-1)[0]) * h.chunk(2, dim=-1)[1]", a=(4, 37, 96), note="h is named: it lives until the op function returns")
case("swiglu-two-projections", "m.down(F.silu(m.gate(h := m.A)) * m.up(h))", a=T, gate=lambda: nn.Linear(48, 128, bias=False), up=lambda: nn.Linear(48, 128, bias=False),
     down=lambda: nn.Linear(128, 48, bias=False), note="h is named: it lives until the op function returns")
case("relu-squared", "F.relu(m.A).square()", a=V)
case("attention-module", "m.mha(h := m.A, h, h)[0]", a=(37, 4, 48), mha=lambda: nn.MultiheadAttention(48, 3), note="need_weights=True; h is named")
case("attention-module-no-weights", "m.mha(h := m.A, h, h, need_weights=False)[0]", a=(37, 4, 48), mha=lambda: nn.MultiheadAttention(48, 3), note="h is named")
case("attention-module-batch-first", "m.mha(h := m.A, h, h, need_weights=False)[0]", a=(4, 37, 48), mha=lambda: nn.MultiheadAttention(48, 3, dropout=0.1, batch_first=True), note="h is named")
case("attention-module-batch-first-weights", "m.mha(h := m.A, h, h)[0]", a=(4, 37, 48), mha=lambda: nn.MultiheadAttention(48, 3, dropout=0.1, batch_first=True), note="h is named")
case("attention-module-cross", "m.mha(m.A, h := m.B, h, need_weights=False)[0]", a=(4, 37, 48), b=(4, 29, 48), mha=lambda: nn.MultiheadAttention(48, 3, batch_first=True), note="h is named")
case("attention-module-kdim", "m.mha(m.A, m.B, m.C, need_weights=False)[0]", a=(4, 37, 48), b=(4, 29, 40), c=(4, 29, 32), mha=lambda: nn.MultiheadAttention(48, 3, kdim=40, vdim=32, batch_first=True))
case("attention-module-key-padding", "m.mha(h := m.A, h, h, key_padding_mask=x, need_weights=False)[0]", a=(4, 37, 48), x=bools(4, 37), mha=lambda: nn.MultiheadAttention(48, 3, batch_first=True), note="h is named")


def hand_gelu(h):
    return h * 0.5 * (1.0 + torch.erf(h / 1.4142135623730951))


def hand_new_gelu(h):
    return 0.5 * h * (1.0 + torch.tanh(0.7978845608028654 * (h + 0.044715 * torch.pow(h, 3.0))))


# ------------------------------------------------------------------ pooling
family("pooling")
P1, P2, P3 = (4, 12, 171), (4, 12, 27, 31), (2, 6, 9, 11, 13)
case("max-pool1d", "F.max_pool1d(m.A, 3, 2)", a=P1)
case("max-pool1d-indices", "F.max_pool1d(m.A, 3, 2, return_indices=True)[0]", a=P1)
case("max-pool2d", "F.max_pool2d(m.A, 2)", a=P2)
case("max-pool2d-overlapping", "F.max_pool2d(m.A, 3, 2, 1)", a=P2)
case("max-pool2d-ceil", "F.max_pool2d(m.A, 3, 2, ceil_mode=True)", a=P2)
case("max-pool2d-dilation", "F.max_pool2d(m.A, 3, 1, 1, dilation=2)", a=P2)
case("max-pool2d-indices", "F.max_pool2d(m.A, 2, return_indices=True)[0]", a=P2)
case("max-pool2d-unbatched", "F.max_pool2d(m.A, 2)", a=(12, 27, 31))
case("max-pool2d-first-layer", "F.max_pool2d(x, 2) * m.b", b=(12, 1, 1), x=P2)
case("max-pool2d-bf16", "F.max_pool2d(m.A, 2)", a=half(*P2))
case("max-pool2d-permuted", "F.max_pool2d(m.A.permute(0, 3, 1, 2), 2)", a=(4, 27, 31, 12))
case("max-pool2d-of-relu", "F.max_pool2d(F.relu_(m.A), 3, 2)", a=P2)
case("max-pool3d", "F.max_pool3d(m.A, 2)", a=P3)
case("max-pool3d-padding", "F.max_pool3d(m.A, (1, 3, 3), (1, 2, 2), (0, 1, 1))", a=P3)
case("max-unpool2d", "F.max_unpool2d(*F.max_pool2d(m.A, 2, return_indices=True), 2)", a=(4, 12, 26, 30))
case("avg-pool1d", "F.avg_pool1d(m.A, 3, 2)", a=P1)
case("avg-pool2d", "F.avg_pool2d(m.A, 2)", a=P2)
case("avg-pool2d-padding", "F.avg_pool2d(m.A, 3, 1, 1, count_include_pad=False)", a=P2)
case("avg-pool2d-ceil", "F.avg_pool2d(m.A, 3, 2, ceil_mode=True)", a=P2)
case("avg-pool2d-permuted", "F.avg_pool2d(m.A.permute(0, 3, 1, 2), 2)", a=(4, 27, 31, 12))
case("avg-pool2d-global", "F.avg_pool2d(m.A, (27, 31))", a=P2)
case("avg-pool3d", "F.avg_pool3d(m.A, 2)", a=P3)
case("adaptive-avg-pool1d", "F.adaptive_avg_pool1d(m.A, 7)", a=P1)
case("adaptive-avg-pool1d-1", "F.adaptive_avg_pool1d(m.A, 1)", a=P1)
case("adaptive-avg-pool2d-1", "F.adaptive_avg_pool2d(m.A, 1)", a=P2)
case("adaptive-avg-pool2d-1-flatten", "torch.flatten(F.adaptive_avg_pool2d(m.A, 1), 1)", a=P2)
case("adaptive-avg-pool2d-7", "F.adaptive_avg_pool2d(m.A, 7)", a=P2)
case("adaptive-avg-pool2d-7-none", "F.adaptive_avg_pool2d(m.A, (None, 7))", a=P2)
case("adaptive-avg-pool2d-same-size", "F.adaptive_avg_pool2d(m.A, (27, 31))", a=P2)
case("adaptive-avg-pool2d-permuted", "F.adaptive_avg_pool2d(m.A.permute(0, 3, 1, 2), 1)", a=(4, 27, 31, 12))
case("adaptive-avg-pool3d-1", "F.adaptive_avg_pool3d(m.A, 1)", a=P3)
case("adaptive-avg-pool3d", "F.adaptive_avg_pool3d(m.A, (3, 4, 5))", a=P3)
case("adaptive-max-pool1d", "F.adaptive_max_pool1d(m.A, 7)", a=P1)
case("adaptive-max-pool2d-1", "F.adaptive_max_pool2d(m.A, 1)", a=P2)
case("adaptive-max-pool2d-7", "F.adaptive_max_pool2d(m.A, 7)", a=P2)
case("adaptive-max-pool3d", "F.adaptive_max_pool3d(m.A, (3, 4, 5))", a=P3)
case("lp-pool1d", "F.lp_pool1d(m.A, 2.0, 3, 2)", a=P1)
case("lp-pool2d", "F.lp_pool2d(m.A, 2.0, 2)", a=P2)
case("lp-pool2d-p1", "F.lp_pool2d(m.A, 1.0, 3, 2)", a=P2)
case("global-mean", "m.A.mean((2, 3))", a=P2)
case("global-mean-keepdim", "m.A.mean((2, 3), keepdim=True)", a=P2)
case("token-mean", "m.A.mean(1)", a=T)

# ------------------------------------------------------------------ elementwise
family("elementwise")
E3, CH, VEC, ROW = (4, 12, 171), (4, 12, 1), (171,), (12, 1)
for _op in ("add", "sub", "mul", "div"):
    case(f"{_op}-tensors", f"torch.{_op}(m.A, m.B)", a=E3, b=E3)
    case(f"{_op}-scalar", f"torch.{_op}(m.A, 3.0)", a=E3)
    case(f"{_op}-int-scalar", f"torch.{_op}(m.A, 3)", a=E3)
    case(f"{_op}-self", f"torch.{_op}(h := m.A, h)", a=E3, note="h is named: it lives until the op function returns")
    case(f"{_op}-broadcast-channel", f"torch.{_op}(m.A, m.B)", a=E3, b=CH)
    case(f"{_op}-broadcast-vector", f"torch.{_op}(m.A, m.B)", a=E3, b=VEC)
    case(f"{_op}-broadcast-left", f"torch.{_op}(m.B, m.A)", a=E3, b=ROW)
    case(f"{_op}-broadcast-both", f"torch.{_op}(m.A, m.B)", a=(4, 1, 171), b=(1, 12, 1))
    case(f"{_op}-zero-dim", f"torch.{_op}(m.A, m.B)", a=E3, b=())
    case(f"{_op}-parameter-vector", f"torch.{_op}(m.A, m.b)", a=E3, b=VEC)
    case(f"{_op}-parameter-zero-dim", f"torch.{_op}(m.A, m.b)", a=E3, b=())
    case(f"{_op}-constant", f"torch.{_op}(m.A, x)", a=E3, x=(4, 12, 171))
    case(f"{_op}-constant-vector", f"torch.{_op}(m.A, x)", a=E3, x=(171,))
    case(f"{_op}-constant-left", f"torch.{_op}(x, m.A)", a=E3, x=(4, 12, 171))
    case(f"{_op}-constant-larger", f"torch.{_op}(m.A, x)", a=ROW, x=(4, 12, 171))
    case(f"{_op}-inplace", f"m.A.{_op}_(m.B)", a=E3, b=E3)
    case(f"{_op}-inplace-scalar", f"m.A.{_op}_(3.0)", a=E3)
    case(f"{_op}-inplace-broadcast", f"m.A.{_op}_(m.B)", a=E3, b=CH)
    case(f"{_op}-frozen-operand", f"torch.{_op}(m.A, m.b)", a=E3, b=VEC, frozen=["b"])
family("elementwise-more")
case("add-alpha", "torch.add(m.A, m.B, alpha=0.5)", a=E3, b=E3)
case("add-alpha-broadcast", "torch.add(m.A, m.B, alpha=0.5)", a=E3, b=CH)
case("sub-alpha", "torch.sub(m.A, m.B, alpha=2)", a=E3, b=E3)
case("rsub-scalar", "1.0 - m.A", a=E3)
case("rdiv-scalar", "1.0 / m.A", a=E3)
case("rpow-scalar", "2.0 ** m.A", a=E3)
case("add-transposed", "m.A.transpose(1, 2) + m.B", a=(4, 171, 12), b=E3)
case("add-transposed-right", "m.A + m.B.transpose(1, 2)", a=E3, b=(4, 171, 12))
case("add-transposed-both", "m.A.transpose(1, 2) + m.B.transpose(1, 2)", a=E3, b=E3)
case("mul-transposed", "m.A.transpose(1, 2) * m.B", a=(4, 171, 12), b=E3)
case("mul-permuted-4d", "m.A.permute(0, 2, 3, 1) * m.B", a=H, b=(4, 17, 19, 12))
case("add-sliced", "m.A[:, :5] + m.B", a=E3, b=(4, 5, 171))
case("mul-expanded", "m.A * m.B.expand(4, 12, 171)", a=E3, b=CH)
case("mul-expanded-as", "m.A * m.B.expand_as(x)", a=E3, b=CH, x=(4, 12, 171))
case("add-mixed-types", "m.A + m.B", a=E3, b=half(*E3), note="bfloat16 is promoted")
case("mul-mixed-types", "m.A * m.B", a=E3, b=half(*E3), note="bfloat16 is promoted")
case("mul-bool", "m.A * x", a=E3, x=bools(4, 12, 171))
case("mul-int", "m.A * x", a=E3, x=ints(4, 12, 171))
case("add-bf16", "m.A + m.B", a=half(*E3), b=half(*E3))
case("mul-bf16", "m.A * m.B", a=half(*E3), b=half(*E3))
case("residual-inplace", "m.A.add_(m.B).relu_()", a=E3, b=E3)
case("residual-two-users", "(h := m.A) + F.gelu(h)", a=E3, note="h is named: it lives until the op function returns")
case("residual-three-users", "(h := m.A) + F.gelu(h) + h.sin()", a=E3, note="h is named: it lives until the op function returns")
case("users-through-views", "(h := m.A).view(4, -1).sin().view(4, 12, 171) + h.transpose(1, 2).exp().transpose(1, 2)", a=E3, note="h is named")
case("users-slices", "(h := m.A)[:, :6].sin() + h[:, 6:].exp()", a=E3, note="h is named")
case("parameter-two-users", again=True, code="m.a.sin() + m.a.exp()", a=E3)
case("parameter-three-users", "m.a.sin() + m.a.exp() + m.a", a=E3)
case("parameter-two-plain-adds", "(m.A + m.b) + m.b", a=E3, b=E3)
case("parameter-vector-two-users", "(m.A + m.b).sin() + m.b", a=E3, b=VEC)
for _name, _code in {
        "pow-2": "m.A.pow(2)", "pow-3": "m.A ** 3", "pow-half": "m.A.pow(0.5)", "pow-float": "m.A.pow(2.2)", "pow-1": "m.A.pow(1)", "pow-0": "m.A.pow(0)", "pow-minus-half": "m.A.pow(-0.5)",
        "abs": "m.A.abs()", "exp": "m.A.exp()", "exp2": "m.A.exp2()", "expm1": "m.A.expm1()", "log": "m.A.log()", "log1p": "m.A.log1p()", "log2": "m.A.log2()", "sqrt": "m.A.sqrt()",
        "rsqrt": "m.A.rsqrt()", "reciprocal": "m.A.reciprocal()", "square": "m.A.square()", "sin": "m.A.sin()", "cos": "m.A.cos()", "tan": "m.A.tan()", "atan": "m.A.atan()",
        "erf": "m.A.erf()", "neg": "-m.A", "clamp": "m.A.clamp(-1, 1)", "clamp-min": "m.A.clamp(min=0.0)", "clamp-max": "m.A.clamp_max(1.0)", "clamp-min-op": "m.A.clamp_min(1e-6)",
        "sign": "m.A.sign() + m.A", "floor": "m.A.floor() + m.A", "round": "m.A.round() + m.A", "remainder": "m.A.remainder(2.0)", "fmod": "m.A.fmod(2.0)", "frac": "m.A.frac()",
        "exp-inplace": "m.A.exp_()", "sqrt-inplace": "m.A.sqrt_()", "clamp-inplace": "m.A.clamp_(-1, 1)", "neg-inplace": "m.A.neg_()", "zero-inplace": "m.A.zero_()",
        "fill-inplace": "m.A.fill_(1.0)", "sigmoid": "m.A.sigmoid()", "tanh": "m.A.tanh()", "logit": "m.A.logit(1e-6)", "nan-to-num": "m.A.nan_to_num()", "sinc": "m.A.sinc()",
        "sigmoid-chain": "m.A.sigmoid().log().neg()", "exp-chain": "m.A.exp().add(1.0).log()", "detach": "m.A.detach() * m.a", "straight-through": "(h := m.A) + (h.round() - h).detach()",
        "cumsum": "m.A.cumsum(1)", "cumsum-last": "m.A.cumsum(-1)", "cumprod": "m.A.cumprod(-1)", "logsumexp": "m.A.logsumexp(-1)", "logsumexp-keepdim": "m.A.logsumexp(1, keepdim=True)",
        "logcumsumexp": "m.A.logcumsumexp(-1)", "cummax": "m.A.cummax(-1)[0]",
        "std": "m.A.std(-1)", "std-all": "m.A.std()", "std-keepdim": "m.A.std(1, keepdim=True, unbiased=False)", "var": "m.A.var(-1)", "var-all": "m.A.var()", "var-mean": "var_plus_mean(m.A)",
        "std-mean": "std_plus_mean(m.A)", "norm": "m.A.norm()", "norm-dim": "m.A.norm(dim=-1)", "norm-p1": "m.A.norm(p=1, dim=1, keepdim=True)", "norm-inf": "m.A.norm(p=float('inf'), dim=1)",
        "vector-norm": "torch.linalg.vector_norm(m.A, dim=-1)", "vector-norm-all": "torch.linalg.vector_norm(m.A)", "to-bf16": "m.A.to(torch.bfloat16)", "to-bf16-and-back": "m.A.to(torch.bfloat16).to(torch.float32)",
        "half-and-float": "m.A.half().float()", "float-no-op": "m.A.float().sin()", "to-same-no-op": "m.A.to(torch.float32).exp()", "type-as": "m.A.type_as(m.a).exp()", "bfloat16-relu": "m.A.bfloat16().relu().float()",
        "double": "m.A.double()", "mask-greater-mul": "(h := m.A) * (h > 0)", "mask-greater-float-mul": "(h := m.A) * (h > 0).float()", "mask-equal-where": "torch.where((h := m.A) == 0, h, 0.0)",
        "standardise": "standardise(m.A)", "heaviside-mask": "(h := m.A).masked_fill(h < 0, 0.0)"}.items():
    case(_name, _code, a=E3)
case("pow-tensors", "m.A ** m.B", a=E3, b=E3)
case("pow-tensor-constant-exponent", "m.A ** x", a=E3, x=(4, 12, 171))
case("pow-zero-dim-exponent", "m.A ** m.b", a=E3, b=())
case("addcmul", "torch.addcmul(m.A, m.B, m.C)", a=E3, b=E3, c=E3)
case("addcmul-value-broadcast", "torch.addcmul(m.A, m.B, m.C, value=0.5)", a=E3, b=VEC, c=CH)
case("addcdiv", "torch.addcdiv(m.A, m.B, m.C)", a=E3, b=E3, c=E3)
case("addcdiv-value-broadcast", "torch.addcdiv(m.A, m.B, m.C, value=0.5)", a=E3, b=VEC, c=CH)
case("maximum", "torch.maximum(m.A, m.B)", a=E3, b=E3)
case("minimum", "torch.minimum(m.A, m.B)", a=E3, b=E3)
case("maximum-broadcast", "torch.maximum(m.A, m.B)", a=E3, b=CH)
case("maximum-constant", "torch.maximum(m.A, x)", a=E3, x=(4, 12, 171))
case("atan2", "torch.atan2(m.A, m.B)", a=E3, b=E3)
case("where", "torch.where(x, m.A, m.B)", a=E3, b=E3, x=bools(4, 12, 171))
case("where-scalar", "torch.where(x, m.A, 0.5)", a=E3, x=bools(4, 12, 171))
case("where-broadcast", "torch.where(x, m.A, m.B)", a=E3, b=CH, x=bools(12, 171))
case("where-broadcast-condition", "torch.where(x, m.A, m.B)", a=E3, b=VEC, x=bools(4, 1, 1))
case("masked-fill", "m.A.masked_fill(x, -1e9)", a=E3, x=bools(4, 12, 171))
case("masked-fill-broadcast", "m.A.masked_fill(x, -1e9)", a=E3, x=bools(12, 171))
case("masked-fill-inplace", "m.A.masked_fill_(x, 0.0)", a=E3, x=bools(4, 12, 171))
case("masked-fill-tensor-value", "m.A.masked_fill(x, m.b)", a=E3, b=(), x=bools(4, 12, 171))
case("lerp", "torch.lerp(m.A, m.B, 0.3)", a=E3, b=E3)
case("lerp-weight", "torch.lerp(m.A, m.B, m.C)", a=E3, b=E3, c=VEC)
case("remainder-tensors", "torch.remainder(m.A, m.B)", a=E3, b=CH)
case("clamp-tensors", "torch.clamp(m.A, m.B, m.C)", a=E3, b=CH, c=VEC)
case("bool-mask-of-input", "m.A * (x > 0)", a=E3, x=(4, 12, 171))
case("layer-scale", "m.A * m.b", a=(4, 37, 48), b=(48,))
case("layer-scale-channels", "m.A * m.b", a=H, b=(12, 1, 1))
case("layer-scale-view", "m.A * m.b.view(1, -1, 1, 1)", a=H, b=(12,))
case("layer-scale-inplace", "m.A.mul_(m.b)", a=(4, 37, 48), b=(48,))
case("squeeze-excite", "squeeze_excite(m, m.A)", a=(4, 24, 17, 19), down=lambda: nn.Conv2d(24, 6, 1), up=lambda: nn.Conv2d(6, 24, 1))
case("position-embedding", "m.A + m.b", a=(4, 37, 48), b=(1, 37, 48))
case("position-embedding-sliced", "m.A + m.b[:, :37]", a=(4, 37, 48), b=(1, 64, 48))
case("rotary", "rotary(m.A, x, x2)", a=(4, 3, 37, 16), x=[(37, 16), (37, 16)])
case("complex-sum", "sum([m.A, m.B, m.C])", a=E3, b=E3, c=E3)
case("first-layer-constants-only", "((x - 0.5) / 0.25) * m.b", b=(12, 1), x=(4, 12, 171))
case("copy-inplace", "m.A.copy_(m.B)", a=E3, b=E3)
case("slice-assign", "slice_assign(m.A, m.B)", a=E3, b=(4, 5, 171))


def var_plus_mean(h):
    v, mean = torch.var_mean(h, dim=1, keepdim=True)
    return v + mean


def std_plus_mean(h):
    s, mean = torch.std_mean(h, dim=-1)
    return s + mean


def standardise(h):
    return (h - h.mean(-1, keepdim=True)) / (h.std(-1, keepdim=True) + 1e-6)


def squeeze_excite(m, x):
    s = x.mean((2, 3), keepdim=True)
    s = m.down(s)
    s = F.relu_(s)
    s = m.up(s)
    return x * s.sigmoid()


def rotate_half(x):
    x1 = x[..., : x.shape[-1] // 2]
    x2 = x[..., x.shape[-1] // 2:]
    return torch.cat((-x2, x1), dim=-1)


def rotary(q, cos, sin):
    return (q * cos) + (rotate_half(q) * sin)


def slice_assign(h, v):
    h[:, 3:8] = v
    return h


# ------------------------------------------------------------------ reduction
family("reduction")
R3 = (4, 12, 171)
for _name, _code in {
        "sum": "m.A.sum()", "sum-dim": "m.A.sum(1)", "sum-dims": "m.A.sum((0, 2))", "sum-keepdim": "m.A.sum(-1, keepdim=True)", "sum-bf16-dtype": "m.A.sum(-1, dtype=torch.bfloat16)",
        "mean": "m.A.mean()", "mean-dim": "m.A.mean(1)", "mean-dims": "m.A.mean((0, 2))", "mean-keepdim": "m.A.mean(-1, keepdim=True)", "mean-transposed": "m.A.transpose(1, 2).mean(-1)",
        "amax": "m.A.amax(-1)", "amax-keepdim": "m.A.amax((1, 2), keepdim=True)", "amin": "m.A.amin(1)", "max-dim": "m.A.max(-1)[0]", "max-dim-keepdim": "m.A.max(1, keepdim=True)[0]",
        "min-dim": "m.A.min(-1)[0]", "max-all": "m.A.max()", "min-all": "m.A.min()", "median-dim": "m.A.median(-1)[0]", "prod": "m.A.prod()", "prod-dim": "m.A.prod(1)",
        "argmax-mul": "(h := m.A).argmax(-1, keepdim=True) * h", "max-minus": "(h := m.A) - h.max(-1, keepdim=True)[0]", "topk": "m.A.topk(5)[0]", "sort": "m.A.sort(-1)[0]", "aminmax": "torch.aminmax(m.A, dim=-1).max",
        "mean-of-squares": "m.A.pow(2).mean(-1)", "sum-then-expand": "m.A.sum(1, keepdim=True).expand(4, 12, 171)", "count-nonzero": "(h := m.A) * h.count_nonzero()", "any-mask": "(h := m.A) * (h > 0).any(-1, keepdim=True)"}.items():
    case(_name, _code, a=R3, note="h is named: it lives until the op function returns" if ":=" in _code else None)
case("sum-bf16", "m.A.sum(-1)", a=half(*R3))
case("mean-bf16", "m.A.mean((0, 1))", a=half(*R3))
for _name, _shape in {"1k": (4, 256), "64k": (16, 4096), "long-rows": (3, 200_001), "square": (700, 740), "many-short-rows": (60_000, 12), "few-long-rows": (5, 150_000)}.items():
    case(f"sum-all-{_name}", "m.A.sum()", a=_shape, note="the scratch of two-pass reductions")
    case(f"sum-rows-{_name}", "m.A.sum(-1)", a=_shape, note="the scratch of two-pass reductions")
    case(f"sum-columns-{_name}", "m.A.sum(0)", a=_shape, note="the scratch of two-pass reductions")
    case(f"mean-all-{_name}", "m.A.mean()", a=_shape, note="the scratch of two-pass reductions")
    case(f"amax-rows-{_name}", "m.A.amax(-1)", a=_shape, note="the scratch of two-pass reductions")
    case(f"norm-all-{_name}", "torch.linalg.vector_norm(m.A)", a=_shape, note="the scratch of two-pass reductions")
    case(f"var-rows-{_name}", "m.A.var(-1)", a=_shape, note="the scratch of two-pass reductions")
    case(f"bias-gradient-{_name}", "m.A + m.b", a=_shape, b=_shape[1:], note="the bias gradient is a sum over rows")
case("channel-gradient-large", "m.A * m.b", a=(8, 24, 65, 67), b=(24, 1, 1), note="the scratch of two-pass reductions")
case("global-mean-large", "m.A.mean((2, 3))", a=(8, 24, 65, 67), note="the scratch of two-pass reductions")
case("linear-bias-large", "m.fc(m.A)", a=(4000, 48), fc=lambda: nn.Linear(48, 80), note="the bias gradient is a sum over rows")
case("conv-bias-large", "m.conv(m.A)", a=(8, 12, 65, 67), conv=lambda: nn.Conv2d(12, 20, 3, padding=1), note="the bias gradient is a sum over pixels")
case("sum-all-bf16-large", "m.A.sum()", a=half(700, 740), note="the scratch of two-pass reductions")
case("argmax-large", "(h := m.A) * h.argmax()", a=(700, 740), note="the scratch of two-pass reductions; h is named")
case("max-all-large", "m.A.max()", a=(700, 740), note="the scratch of two-pass reductions")

# ------------------------------------------------------------------ views
family("views")
W3, W4 = (4, 12, 170), (4, 12, 18, 20)
for _name, _code in {
        "view": "m.A.view(4, -1)", "reshape-view": "m.A.reshape(48, 170)", "reshape-copy": "m.A.transpose(1, 2).reshape(4, -1)", "view-of-view": "m.A.view(4, -1).view(48, 170).sin()",
        "transpose-contiguous": "m.A.transpose(1, 2).contiguous()", "transpose": "m.A.transpose(1, 2)", "transpose-sin": "m.A.transpose(1, 2).sin()", "transpose-clone": "m.A.transpose(1, 2).clone()",
        "clone": "m.A.clone()", "contiguous-no-op": "m.A.contiguous()", "contiguous-no-op-sin": "m.A.contiguous().sin()", "flatten": "m.A.flatten(1)", "flatten-copy": "m.A.transpose(1, 2).flatten(1)",
        "unflatten": "m.A.unflatten(1, (3, 4))", "slice": "m.A[:, 2:9]", "slice-sin": "m.A[:, 2:9].sin()", "slice-last": "m.A[..., :100].sin()", "slice-step": "m.A[:, ::2]", "slice-step-sin": "m.A[:, ::2].sin()",
        "slice-batch": "m.A[1:3].sin()", "slice-all": "m.A[:].sin()", "select": "m.A[:, 0]", "select-sin": "m.A.select(1, 3).sin()", "select-last": "m.A[..., -1].sin()", "squeeze": "m.A.unsqueeze(1).squeeze(1).sin()",
        "unsqueeze": "m.A.unsqueeze(1)", "narrow": "m.A.narrow(2, 10, 100).sin()", "swapaxes": "m.A.swapaxes(0, 1).sin()", "movedim": "m.A.movedim(0, -1).sin()", "mT": "m.A.mT.sin()",
        "ellipsis-none": "m.A[..., None].sin()", "chunk-first": "m.A.chunk(2, 1)[0].sin()", "chunk-both": "chunk_both(m.A)", "chunk-both-names": "chunk_names(m.A)", "split-sizes-first": "m.A.split([3, 4, 5], 1)[0].sin()",
        "split-sizes-two-of-three": "split_two(m.A)", "split-int": "sum(p.sin() for p in m.A.split(5, 1)[:2])", "tensor-split": "m.A.tensor_split(3, 1)[1].sin()", "unbind-first": "m.A.unbind(1)[0].sin()", "unbind-all": "unbind_all(m.A)",
        "roll": "m.A.roll(3, 1)", "roll-two": "m.A.roll((1, -2), (1, 2))", "roll-all": "m.A.roll(5)", "flip": "m.A.flip(1)", "flip-two": "m.A.flip((1, 2))", "repeat": "m.A.repeat(1, 2, 1)", "repeat-new-dim": "m.A.repeat(3, 1, 1, 1)",
        "tile": "m.A.tile(1, 1, 2)", "repeat-interleave": "m.A.repeat_interleave(3, 1)", "tril": "m.A.tril()", "triu": "m.A.triu(1)", "diagonal": "m.A.diagonal(dim1=1, dim2=2)", "diagonal-sin": "m.A.diagonal(dim1=1, dim2=2).sin()",
        "unfold-dim": "m.A.unfold(2, 10, 5)", "unfold-dim-sin": "m.A.unfold(2, 10, 5).sin()", "expand-dims": "m.A.unsqueeze(1).expand(4, 3, 12, 170)", "expand-sin": "m.A.unsqueeze(1).expand(4, 3, 12, 170).sin()",
        "expand-reshape": "m.A[:, :, None].expand(4, 12, 3, 170).reshape(4, 36, 170)", "pad-last": "F.pad(m.A, (1, 2))", "pad-value": "F.pad(m.A, (1, 2), value=1.0)", "pad-two-dims": "F.pad(m.A, (1, 2, 3, 4))", "pad-negative": "F.pad(m.A, (-1, -2))",
        "pad-mixed": "F.pad(m.A, (-3, 2))", "pad-nothing": "F.pad(m.A, (0, 0))", "pad-reflect": "F.pad(m.A, (3, 2), mode='reflect')", "pad-replicate": "F.pad(m.A, (3, 2), mode='replicate')", "pad-circular": "F.pad(m.A, (3, 2), mode='circular')",
        "detach-view": "m.A.view(4, -1).detach().view(4, 12, 170) + m.a", "view-as": "m.A.view_as(m.a).sin()", "reshape-as": "m.A.transpose(1, 2).reshape_as(m.a).sin()", "view-inplace-relu": "m.A.view(4, -1).relu_()",
        "slice-inplace-mul": "m.A[:, 2:9].mul_(2.0)", "list-index-no-op": "m.A[:, [0, 5, 7]]", "bool-squeeze": "m.A[:, :1].squeeze(1).sin()", "as-rows": "m.A.reshape(-1, 170).sin()"}.items():
    case(_name, _code, a=W3)
case("view-dtype-of-bf16", "m.A.view(4, -1).float()", a=half(*W3))
case("expand", "m.A.expand(4, 12, 170)", a=(4, 1, 170))
case("expand-batch", "m.A.expand(4, -1, -1).sin()", a=(1, 12, 170))
case("expand-parameter-token", "torch.cat((m.b.expand(4, -1, -1), m.A), dim=1)", a=(4, 36, 48), b=(1, 1, 48))
case("expand-as", "m.A.expand_as(m.b) + m.b", a=(4, 1, 170), b=W3)
case("broadcast-to", "torch.broadcast_to(m.A, (4, 12, 170)).sin()", a=(12, 1))
case("permute-contiguous", "m.A.permute(0, 2, 3, 1).contiguous()", a=W4)
case("permute", "m.A.permute(0, 2, 3, 1)", a=W4)
case("flatten-transpose", "m.A.flatten(2).transpose(1, 2)", a=W4)
case("flatten-transpose-contiguous", "m.A.flatten(2).transpose(1, 2).contiguous()", a=W4)
case("channel-shuffle", "m.A.view(4, 3, 4, 18, 20).transpose(1, 2).contiguous().view(4, 12, 18, 20)", a=W4)
case("channel-shuffle-reshape", "m.A.view(4, 3, 4, 18, 20).transpose(1, 2).reshape(4, 12, 18, 20)", a=W4)
case("window-partition", "m.A.view(4, 3, 6, 4, 5, 12).permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, 30, 12)", a=(4, 18, 20, 12))
case("window-reverse", "m.A.view(4, 3, 4, 6, 5, 12).permute(0, 1, 3, 2, 4, 5).reshape(4, 18, 20, 12)", a=(48, 30, 12))
case("patch-merge-slices", "patch_merge(m.A)", a=(4, 18, 20, 12))
case("qkv-unbind", "qkv_sum(m.A)", a=(4, 37, 144))
case("qkv-split", "sum(p.sin() for p in m.A.split(48, dim=2))", a=(4, 37, 144))
case("qkv-chunk-reshape-heads", "sum(p.view(4, 37, 3, 16).transpose(1, 2).sin() for p in m.A.chunk(3, dim=-1))", a=(4, 37, 144))
case("pixel-shuffle", "F.pixel_shuffle(m.A, 2)", a=W4)
case("pixel-unshuffle", "F.pixel_unshuffle(m.A, 2)", a=W4)
case("unfold-im2col", "F.unfold(m.A, 3, padding=1)", a=W4)
case("unfold-im2col-stride", "F.unfold(m.A, (3, 2), stride=2)", a=W4)
case("fold-col2im", "F.fold(m.A, (18, 20), 2, stride=2)", a=(4, 48, 90))
case("pad-4d", "F.pad(m.A, (1, 2, 3, 4))", a=W4)
case("pad-4d-channels", "F.pad(m.A, (0, 0, 0, 0, 2, 3))", a=W4)
case("pad-4d-of-slice", "F.pad(m.A[:, :, ::2, ::2], (0, 0, 0, 0, 3, 3))", a=W4, note="the shortcut of CIFAR ResNets")
case("pad-4d-crop", "F.pad(m.A, (-1, -2, -3, -4))", a=W4)
case("pad-4d-reflect", "F.pad(m.A, (1, 2, 3, 4), mode='reflect')", a=W4)
case("pad-4d-replicate", "F.pad(m.A, (1, 2, 3, 4), mode='replicate')", a=W4)
case("pad-4d-circular", "F.pad(m.A, (1, 2, 3, 4), mode='circular')", a=W4)
case("pad-module-zero", "m.pad(m.A)", a=W4, pad=lambda: nn.ZeroPad2d(1))
case("cat", "torch.cat([m.A, m.B], 1)", a=W3, b=(4, 7, 170))
case("cat-last", "torch.cat([m.A, m.B], -1)", a=W3, b=(4, 12, 50))
case("cat-batch", "torch.cat([m.A, m.B])", a=W3, b=(3, 12, 170))
case("cat-three", "torch.cat([m.A, m.B, m.C], 1)", a=W3, b=(4, 7, 170), c=(4, 3, 170))
case("cat-same-twice", "torch.cat([h := m.A, h], 1)", a=W3, note="h is named: it lives until the op function returns")
case("cat-constant", "torch.cat([m.A, x], 1)", a=W3, x=(4, 7, 170))
case("cat-one", "torch.cat([m.A], 1)", a=W3)
case("cat-transposed", "torch.cat([m.A.transpose(1, 2), m.B], 1)", a=W3, b=(4, 7, 12))
case("cat-then-conv", "m.conv(torch.cat([m.A, m.B], 1))", a=W4, b=(4, 6, 18, 20), conv=lambda: nn.Conv2d(18, 8, 1))
case("cat-dense-block", "dense_block(m, m.A)", a=W4, conv=lambda: nn.Conv2d(12, 5, 3, padding=1), conv2=lambda: nn.Conv2d(17, 5, 3, padding=1))
case("cat-mixed-types", "torch.cat([m.A, m.B], 1)", a=W3, b=half(4, 7, 170))
case("stack", "torch.stack([m.A, m.B])", a=W3, b=W3)
case("stack-dim", "torch.stack([m.A, m.B], dim=2)", a=W3, b=W3)
case("stack-constant", "torch.stack([m.A, x], dim=1)", a=W3, x=(4, 12, 170))
case("hstack", "torch.hstack([m.A, m.B])", a=W3, b=(4, 7, 170))
case("meshgrid", "meshgrid_sum(m.A, m.B)", a=(37,), b=(41,))
case("index-one", "m.A[x]", a=(40, 48), x=ints(37))
case("index-second-dim", "m.A[:, x]", a=W3, x=ints(7))
case("index-pairs", "m.A[x, x2]", a=W3, x=[ints(4), ints(4)])
case("index-grid", "m.A[x.view(4, 1), x2.view(1, 5)]", a=W3, x=[ints(4), ints(5)], note="indices of other strides are copied at their common shape")
case("index-2d-indices", "m.A[x]", a=(40, 48), x=ints(11, 13), note="a relative position bias table")
case("index-bias-table", "m.a[x.view(-1)].view(30, 30, 3).permute(2, 0, 1).contiguous().unsqueeze(0) + m.B", a=(99, 3), b=(4, 3, 30, 30), x=ints(30, 30))
case("index-arange-first-token", "m.A[torch.arange(4, device=x.device), x]", a=W3, x=ints(4))
case("index-put", "m.A.index_put((x,), m.B)", a=(40, 48), b=(37, 48), x=ints(37))
case("index-put-accumulate", "m.A.index_put((x,), m.B, accumulate=True)", a=(40, 48), b=(37, 48), x=ints(37))
case("index-select", "m.A.index_select(1, x)", a=W3, x=ints(7))
case("index-select-batch", "m.A.index_select(0, x)", a=(40, 48), x=ints(37))
case("index-add", "m.A.index_add(0, x, m.B)", a=(40, 48), b=(37, 48), x=ints(37))
case("gather", "m.A.gather(1, x)", a=(37, 48), x=ints(37, 5))
case("gather-tokens", "m.A.gather(1, x.unsqueeze(-1).expand(-1, -1, 170))", a=W3, x=ints(4, 5))
case("take-along-dim", "torch.take_along_dim(m.A, x, dim=1)", a=(37, 48), x=ints(37, 5))
case("scatter", "m.A.scatter(1, x, m.B)", a=(37, 48), b=(37, 5), x=ints(37, 5))
case("scatter-value", "m.A.scatter(1, x, 1.0)", a=(37, 48), x=ints(37, 5))
case("scatter-add", "m.A.scatter_add(1, x, m.B)", a=(37, 48), b=(37, 5), x=ints(37, 5))
case("scatter-reduce-mean", "m.A.scatter_reduce(1, x, m.B, 'mean')", a=(37, 48), b=(37, 5), x=ints(37, 5))
case("take", "m.A.take(x)", a=(37, 48), x=ints(11))
case("tril-square", "m.A.tril()", a=(4, 37, 37))
case("diag-embed", "torch.diag_embed(m.A)", a=(4, 37))
case("triu-mask-fill", "m.A.masked_fill(torch.triu(torch.ones(37, 37, dtype=torch.bool, device=m.a.device), 1), float('-inf'))", a=(4, 37, 37))
case("linear-of-unused-split", "m.fc(m.A.split([40, 8], -1)[0])", a=(4, 37, 48), fc=lambda: nn.Linear(40, 24))
case("first-layer-permute-reshape", "m.fc(x.permute(0, 2, 3, 1).reshape(4, -1, 12))", x=W4, fc=lambda: nn.Linear(12, 30))


def chunk_both(h):
    return torch.mul(*h.chunk(2, 1))


def chunk_names(h):
    gate, value = h.chunk(2, dim=1)
    return gate.sigmoid() * value


def split_two(h):
    p, q, _ = h.split([3, 4, 5], 1)
    return torch.cat([p.sin(), q.exp()], 1)


def unbind_all(h):
    parts = h.unbind(1)
    return parts[0] * parts[1] + parts[11]


def patch_merge(x):
    x0 = x[:, 0::2, 0::2, :]
    x1 = x[:, 1::2, 0::2, :]
    x2 = x[:, 0::2, 1::2, :]
    x3 = x[:, 1::2, 1::2, :]
    return torch.cat([x0, x1, x2, x3], -1)


def qkv_sum(h):
    q, k, v = h.reshape(4, 37, 3, 3, 16).permute(2, 0, 3, 1, 4).unbind(0)
    return q * k + v


def dense_block(m, h):
    y = m.conv(h)
    z = m.conv2(torch.cat([h, y], 1))
    return torch.cat([h, y, z], 1)


def meshgrid_sum(p, q):
    u, v = torch.meshgrid(p, q, indexing="ij")
    return u * v


# ------------------------------------------------------------------ loss
family("loss")
K2, K4 = (37, 48), (4, 10, 17, 19)
case("cross-entropy", "F.cross_entropy(m.A, x)", a=K2, x=ints(37))
case("cross-entropy-sum", "F.cross_entropy(m.A, x, reduction='sum')", a=K2, x=ints(37))
case("cross-entropy-none", "F.cross_entropy(m.A, x, reduction='none')", a=K2, x=ints(37))
case("cross-entropy-smoothing", "F.cross_entropy(m.A, x, label_smoothing=0.1)", a=K2, x=ints(37))
case("cross-entropy-smoothing-sum", "F.cross_entropy(m.A, x, label_smoothing=0.1, reduction='sum')", a=K2, x=ints(37))
case("cross-entropy-smoothing-weight", "F.cross_entropy(m.A, x, weight=x2, label_smoothing=0.1)", a=K2, x=[ints(37), (48,)])
case("cross-entropy-weight", "F.cross_entropy(m.A, x, weight=x2)", a=K2, x=[ints(37), (48,)])
case("cross-entropy-ignore", "F.cross_entropy(m.A, x, ignore_index=0)", a=K2, x=ints(37))
case("cross-entropy-soft", "F.cross_entropy(m.A, x)", a=K2, x=(37, 48))
case("cross-entropy-soft-smoothing", "F.cross_entropy(m.A, x, label_smoothing=0.1)", a=K2, x=(37, 48))
case("cross-entropy-soft-none", "F.cross_entropy(m.A, x, reduction='none')", a=K2, x=(37, 48))
case("cross-entropy-spatial", "F.cross_entropy(m.A, x)", a=K4, x=ints(4, 17, 19))
case("cross-entropy-spatial-weight-ignore", "F.cross_entropy(m.A, x, weight=x2, ignore_index=255)", a=K4, x=[ints(4, 17, 19), (10,)])
case("cross-entropy-spatial-none", "F.cross_entropy(m.A, x, reduction='none')", a=K4, x=ints(4, 17, 19))
case("cross-entropy-3d", "F.cross_entropy(m.A, x)", a=(4, 48, 37), x=ints(4, 37))
case("cross-entropy-tokens", "F.cross_entropy(m.A.view(-1, 480), x.view(-1))", a=(4, 37, 480), x=ints(4, 37))
case("cross-entropy-tokens-transposed", "F.cross_entropy(m.A.transpose(1, 2), x)", a=(4, 37, 480), x=ints(4, 37))
case("cross-entropy-shifted", "F.cross_entropy(m.A[..., :-1, :].contiguous().view(-1, 480), x[..., 1:].contiguous().view(-1))", a=(4, 37, 480), x=ints(4, 37))
case("cross-entropy-bf16", "F.cross_entropy(m.A, x)", a=half(*K2), x=ints(37))
case("cross-entropy-bf16-upcast", "F.cross_entropy(m.A.float(), x)", a=half(*K2), x=ints(37))
case("cross-entropy-of-linear", "F.cross_entropy(m.fc(m.A), x)", a=(37, 24), x=ints(37), fc=lambda: nn.Linear(24, 48))
case("nll-loss", "F.nll_loss(m.A, x)", a=K2, x=ints(37))
case("nll-loss-of-log-softmax", "F.nll_loss(F.log_softmax(m.A, 1), x)", a=K2, x=ints(37))
case("nll-loss-weight", "F.nll_loss(m.A, x, weight=x2)", a=K2, x=[ints(37), (48,)])
case("nll-loss-2d", "F.nll_loss(m.A, x)", a=K4, x=ints(4, 17, 19))
for _name, _function in {"mse": "mse_loss", "l1": "l1_loss", "smooth-l1": "smooth_l1_loss", "huber": "huber_loss"}.items():
    case(_name, f"F.{_function}(m.A, x)", a=K2, x=(37, 48))
    case(f"{_name}-sum", f"F.{_function}(m.A, x, reduction='sum')", a=K2, x=(37, 48))
    case(f"{_name}-none", f"F.{_function}(m.A, x, reduction='none')", a=K2, x=(37, 48))
    case(f"{_name}-both-need-grad", f"F.{_function}(m.A, m.B)", a=K2, b=K2)
case("bce", "F.binary_cross_entropy(m.A, x)", a=K2, x=(37, 48))
case("bce-of-sigmoid-weight", "F.binary_cross_entropy(m.A.sigmoid(), x, weight=x2)", a=K2, x=[(37, 48), (48,)])
case("bce-sum", "F.binary_cross_entropy(m.A, x, reduction='sum')", a=K2, x=(37, 48))
case("bce-logits", "F.binary_cross_entropy_with_logits(m.A, x)", a=K2, x=(37, 48))
case("bce-logits-none", "F.binary_cross_entropy_with_logits(m.A, x, reduction='none')", a=K2, x=(37, 48))
case("bce-logits-weight", "F.binary_cross_entropy_with_logits(m.A, x, weight=x2)", a=K2, x=[(37, 48), (48,)])
case("bce-logits-pos-weight", "F.binary_cross_entropy_with_logits(m.A, x, pos_weight=x2)", a=K2, x=[(37, 48), (48,)])
case("bce-logits-pos-weight-and-weight", "F.binary_cross_entropy_with_logits(m.A, x, pos_weight=x2, weight=x3, reduction='sum')", a=K2, x=[(37, 48), (48,), (37, 1)])
case("kl-div", "F.kl_div(m.A, x, reduction='batchmean')", a=K2, x=(37, 48))
case("kl-div-mean", "F.kl_div(m.A, x)", a=K2, x=(37, 48))
case("kl-div-log-target", "F.kl_div(m.A, x, reduction='batchmean', log_target=True)", a=K2, x=(37, 48))
case("kl-div-distillation", "F.kl_div(F.log_softmax(m.A / 4.0, dim=1), F.softmax(x / 4.0, dim=1), reduction='batchmean')", a=K2, x=(37, 48))
case("kl-div-both-need-grad", "F.kl_div(m.A, m.B, reduction='sum')", a=K2, b=K2)
case("cosine-embedding", "F.cosine_embedding_loss(m.A, m.B, x)", a=K2, b=K2, x=(37,))
case("cosine-similarity", "F.cosine_similarity(m.A, m.B)", a=K2, b=K2)
case("cosine-similarity-pairs", "F.cosine_similarity(m.A.unsqueeze(1), m.B.unsqueeze(0), dim=-1)", a=K2, b=(29, 48))
case("pairwise-distance", "F.pairwise_distance(m.A, m.B)", a=K2, b=K2)
case("margin-ranking", "F.margin_ranking_loss(m.A, m.B, x, margin=0.1)", a=(370,), b=(370,), x=(370,))
case("hinge-embedding", "F.hinge_embedding_loss(m.A, x)", a=K2, x=(37, 48))
case("multi-margin", "F.multi_margin_loss(m.A, x)", a=K2, x=ints(37))
case("multilabel-margin", "F.multilabel_margin_loss(m.A, x)", a=K2, x=ints(37, 48))
case("multilabel-soft-margin", "F.multilabel_soft_margin_loss(m.A, x)", a=K2, x=(37, 48))
case("soft-margin", "F.soft_margin_loss(m.A, x)", a=K2, x=(37, 48))
case("triplet-margin", "F.triplet_margin_loss(m.A, m.B, m.C)", a=K2, b=K2, c=K2)
case("poisson-nll", "F.poisson_nll_loss(m.A, x)", a=K2, x=(37, 48))
case("ctc", "F.ctc_loss(m.A, x, x2, x3)", a=(50, 4, 28), x=[ints(4, 7), on_cpu(50, 4), on_cpu(7, 4)], exports=False, note="torch.export refuses it; lengths (50 and 7) are on the CPU, targets on the GPU")
case("ctc-of-log-softmax-sum", "F.ctc_loss(F.log_softmax(m.A, -1), x, x2, x3, reduction='sum')", a=(50, 4, 28), x=[ints(4, 7), on_cpu(50, 4), on_cpu(7, 4)], exports=False, note="torch.export refuses it; lengths (50 and 7) are on the CPU, targets on the GPU")
case("label-smoothing-by-hand", "hand_smoothing(m.A, x)", a=K2, x=ints(37))
case("soft-target-by-hand", "torch.sum(-x * F.log_softmax(m.A, dim=-1), dim=-1).mean()", a=K2, x=(37, 48))
case("focal", "focal(m.A, x)", a=K2, x=(37, 48))
case("dice", "dice(m.A, x)", a=K4, x=K4)
case("contrastive", "contrastive(m.A, m.B, m.c, x)", a=K2, b=K2, c=(), x=ints(37))


def hand_smoothing(h, target):
    logprobs = F.log_softmax(h, dim=-1)
    nll_loss = -logprobs.gather(dim=-1, index=target.unsqueeze(1))
    nll_loss = nll_loss.squeeze(1)
    smooth_loss = -logprobs.mean(dim=-1)
    loss = 0.9 * nll_loss + 0.1 * smooth_loss
    return loss.mean()


def focal(h, target):
    p = torch.sigmoid(h)
    ce = F.binary_cross_entropy_with_logits(h, target, reduction="none")
    p_t = p * target + (1 - p) * (1 - target)
    return (ce * ((1 - p_t) ** 2.0)).mean()


def dice(h, target):
    p = h.softmax(1)
    inter = (p * target).sum((2, 3))
    union = p.sum((2, 3)) + target.sum((2, 3))
    return 1 - ((2 * inter + 1e-6) / (union + 1e-6)).mean()


def contrastive(p, q, scale, target):
    p = p / p.norm(dim=1, keepdim=True)
    q = q / q.norm(dim=1, keepdim=True)
    logits = scale.exp() * p @ q.t()
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.t(), target)) / 2


# ------------------------------------------------------------------ random
family("random")
D3, D4 = (4, 12, 171), (4, 12, 17, 19)
for _p in (0.1, 0.5, 0.0, 1.0):
    case(f"dropout-{_p}", f"F.dropout(m.A, {_p})", a=D3)
case("dropout-eval", "F.dropout(m.A, 0.5, training=False)", a=D3)
case("dropout-inplace", "F.dropout(m.A, 0.1, inplace=True)", a=D3)
case("dropout-inplace-0", "F.dropout(m.A, 0.0, inplace=True)", a=D3)
case("dropout-module", "m.drop(m.A)", a=D3, drop=lambda: nn.Dropout(0.2))
case("dropout-bf16", "F.dropout(m.A, 0.1)", a=half(*D3))
case("dropout-transposed", "F.dropout(m.A.transpose(1, 2), 0.1)", a=D3)
case("dropout-of-input", "m.fc(F.dropout(x, 0.1))", x=(37, 48), fc=lambda: nn.Linear(48, 20))
case("dropout-of-relu", "F.dropout(F.relu_(m.A), 0.5)", a=D3)
case("dropout1d", "F.dropout1d(m.A, 0.1)", a=D3)
case("dropout2d", "F.dropout2d(m.A, 0.1)", a=D4)
case("dropout2d-inplace", "F.dropout2d(m.A, 0.1, inplace=True)", a=D4)
case("dropout3d", "F.dropout3d(m.A, 0.1)", a=(2, 6, 7, 8, 9))
case("alpha-dropout", "F.alpha_dropout(m.A, 0.1, training=True)", a=D3)
case("feature-alpha-dropout", "F.feature_alpha_dropout(m.A, 0.1, training=True)", a=D4)
case("drop-path", "drop_path(m.A)", a=D4)
case("drop-path-residual", "(h := m.A) + drop_path(m.fc(h))", a=(4, 37, 48), fc=lambda: nn.Linear(48, 48), note="h is named: it lives until the op function returns")
case("drop-path-rand", "drop_path_rand(m.A)", a=D4)
case("stochastic-depth-row", "stochastic_depth(m.A, 'row')", a=D4)
case("stochastic-depth-batch", "stochastic_depth(m.A, 'batch')", a=D4)
case("rand-like-noise", "m.A + torch.rand_like(m.a) * 0.1", a=D3)
case("randn-noise", "m.A + torch.randn(4, 12, 171, device=m.a.device)", a=D3)
case("reparameterise", "reparameterise(m.A, m.B)", a=(37, 48), b=(37, 48))
case("bernoulli-mask", "m.A * torch.bernoulli(torch.full((4, 1, 1), 0.9, device=m.a.device))", a=D3)
case("gumbel-softmax", "F.gumbel_softmax(m.A, tau=0.5)", a=(37, 48))
case("gumbel-softmax-hard", "F.gumbel_softmax(m.A, hard=True)", a=(37, 48))
case("token-drop-randint", "m.A[:, torch.randint(0, 12, (7,), device=m.a.device)]", a=D3)


def drop_path(x, drop_prob=0.1, scale_by_keep=True):
    keep_prob = 1 - drop_prob
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    random_tensor = x.new_empty(shape).bernoulli_(keep_prob)
    if keep_prob > 0.0 and scale_by_keep:
        random_tensor.div_(keep_prob)
    return x * random_tensor


def drop_path_rand(x, drop_prob=0.1):
    keep_prob = 1 - drop_prob
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    random_tensor = keep_prob + torch.rand(shape, dtype=x.dtype, device=x.device)
    random_tensor.floor_()
    return x.div(keep_prob) * random_tensor


def stochastic_depth(input, mode, p=0.2):
    survival_rate = 1.0 - p
    size = [input.shape[0]] + [1] * (input.ndim - 1) if mode == "row" else [1] * input.ndim
    noise = torch.empty(size, dtype=input.dtype, device=input.device)
    noise = noise.bernoulli_(survival_rate)
    if survival_rate > 0.0:
        noise.div_(survival_rate)
    return input * noise


def reparameterise(mean, logvar):
    std = torch.exp(0.5 * logvar)
    eps = torch.randn_like(std)
    return mean + eps * std


# ------------------------------------------------------------------ embedding
family("embedding")
case("embedding", "m.emb(x)", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48))
case("embedding-short", "m.emb(x)", x=ints(7), emb=lambda: nn.Embedding(101, 48), note="few indices take another backward kernel")
case("embedding-many", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(1001, 48), note="more than 3072 indices take another backward kernel")
case("embedding-padding", "m.emb(x)", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48, padding_idx=0))
case("embedding-many-padding", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(1001, 48, padding_idx=0))
case("embedding-frozen-then-linear", "m.fc(m.emb(x))", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48), fc=lambda: nn.Linear(48, 20), frozen=["emb.weight"])
case("embedding-int32", "m.emb(x)", x=Tensor((4, 37), torch.int32), emb=lambda: nn.Embedding(101, 48))
case("embedding-many-int32", "m.emb(x)", x=Tensor((16, 200), torch.int32), emb=lambda: nn.Embedding(1001, 48))
case("embedding-bf16", "m.emb(x)", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48, dtype=torch.bfloat16))
case("embedding-many-bf16", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(1001, 48, dtype=torch.bfloat16))
case("embedding-many-few-rows", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(7, 48), note="few long segments are summed straight into the result")
case("embedding-many-few-rows-bf16", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(7, 48, dtype=torch.bfloat16))
case("embedding-many-106-rows", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(106, 48), note="the last number of rows that is few for 3200 indices")
case("embedding-many-107-rows", "m.emb(x)", x=ints(16, 200), emb=lambda: nn.Embedding(107, 48))
case("embedding-twice", "m.emb(x) + m.emb(x2)", x=[ints(4, 37), ints(4, 37)], emb=lambda: nn.Embedding(101, 48))
case("embedding-of-activation", "F.embedding(x, m.A)", a=(101, 48), x=ints(4, 37))
case("embedding-plus-position", "m.emb(x) + m.pos(torch.arange(37, device=x.device))", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48), pos=lambda: nn.Embedding(64, 48))
case("embedding-plus-three-norm", "F.dropout(m.norm(m.emb(x) + m.typ(x2) + m.pos(x3)), 0.1)", x=[ints(4, 37), ints(4, 37), ints(1, 37)], emb=lambda: nn.Embedding(101, 48),
     typ=lambda: nn.Embedding(2, 48), pos=lambda: nn.Embedding(64, 48), norm=lambda: nn.LayerNorm(48))
case("embedding-tied-head", again=True, code="m.head(m.emb(x).sin())", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48), head=lambda: nn.Linear(48, 101, bias=False), prepare=lambda m: tie(m))
case("embedding-tied-head-many", "m.head(m.emb(x).sin())", x=ints(16, 200), emb=lambda: nn.Embedding(1001, 48), head=lambda: nn.Linear(48, 1001, bias=False), prepare=lambda m: tie(m))
case("embedding-tied-functional", "F.linear(m.emb(x).sin(), m.emb.weight)", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48))
case("embedding-scaled", "m.emb(x) * 48 ** 0.5", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48))
case("embedding-scale-by-frequency", "m.emb(x)", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48, scale_grad_by_freq=True))
case("embedding-mean-of-tokens", "m.fc(m.emb(x).mean(1))", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48), fc=lambda: nn.Linear(48, 20))
for _mode in ("sum", "mean", "max"):
    case(f"embedding-bag-{_mode}", "m.emb(x)", x=ints(37, 5), emb=lambda w=_mode: nn.EmbeddingBag(101, 48, mode=w))
case("embedding-bag-offsets", "m.emb(x, x2)", x=[ints(185), ints(37)], emb=lambda: nn.EmbeddingBag(101, 48))
case("embedding-bag-weights", "m.emb(x, per_sample_weights=m.A)", a=(37, 5), x=ints(37, 5), emb=lambda: nn.EmbeddingBag(101, 48, mode="sum"))
case("one-hot-matmul", "F.one_hot(x, 101).float() @ m.A", a=(101, 48), x=ints(37))
case("one-hot-mul", "m.A * F.one_hot(x, 48).to(m.a.dtype)", a=(37, 48), x=ints(37))


def tie(m):
    m.head.weight = m.emb.weight


# ------------------------------------------------------------------ attention
family("attention")
math = lambda: sdpa_kernel(SDPBackend.MATH)
sdpa = F.scaled_dot_product_attention
Q, KV = (2, 3, 37, 32), (2, 3, 41, 32)
for _d in (32, 64, 80, 128):
    _q, _k = (2, 3, 37, _d), (2, 3, 41, _d)
    case(f"sdpa-{_d}", "sdpa(m.A, m.B, m.C)", a=_q, b=_k, c=_k)
    case(f"sdpa-{_d}-bf16", "sdpa(m.A, m.B, m.C)", a=half(*_q), b=half(*_k), c=half(*_k))
    case(f"sdpa-{_d}-bf16-causal", "sdpa(m.A, m.B, m.C, is_causal=True)", a=half(*_q), b=half(*_q), c=half(*_q))
    case(f"sdpa-{_d}-bf16-dropout", "sdpa(m.A, m.B, m.C, dropout_p=0.1)", a=half(*_q), b=half(*_k), c=half(*_k))
case("sdpa-20", "sdpa(m.A, m.B, m.C)", a=(2, 3, 37, 20), b=(2, 3, 41, 20), c=(2, 3, 41, 20))
case("sdpa-20-bf16", "sdpa(m.A, m.B, m.C)", a=half(2, 3, 37, 20), b=half(2, 3, 41, 20), c=half(2, 3, 41, 20), note="the head is padded to a multiple of 8")
case("sdpa-18", "sdpa(m.A, m.B, m.C)", a=(2, 3, 37, 18), b=(2, 3, 41, 18), c=(2, 3, 41, 18))
case("sdpa-value-dim", "sdpa(m.A, m.B, m.C)", a=Q, b=KV, c=(2, 3, 41, 48))
case("sdpa-value-dim-bf16", "sdpa(m.A, m.B, m.C)", a=half(*Q), b=half(*KV), c=half(2, 3, 41, 48))
case("sdpa-causal", "sdpa(m.A, m.B, m.C, is_causal=True)", a=Q, b=Q, c=Q)
case("sdpa-dropout", "sdpa(m.A, m.B, m.C, dropout_p=0.1)", a=Q, b=KV, c=KV)
case("sdpa-causal-dropout", "sdpa(m.A, m.B, m.C, dropout_p=0.1, is_causal=True)", a=Q, b=Q, c=Q)
case("sdpa-scale", "sdpa(m.A, m.B, m.C, scale=0.5)", a=Q, b=KV, c=KV)
case("sdpa-long-bf16", "sdpa(m.A, m.B, m.C)", a=half(1, 2, 517, 64), b=half(1, 2, 531, 64), c=half(1, 2, 531, 64))
case("sdpa-long", "sdpa(m.A, m.B, m.C)", a=(1, 2, 517, 64), b=(1, 2, 531, 64), c=(1, 2, 531, 64))
case("sdpa-aligned-lengths", "sdpa(m.A, m.B, m.C)", a=(2, 3, 64, 32), b=(2, 3, 96, 32), c=(2, 3, 96, 32))
for _name, _shape in {"full": (2, 3, 37, 41), "heads": (1, 3, 37, 41), "batch": (2, 1, 37, 41), "keys": (2, 1, 1, 41), "2d": (37, 41)}.items():
    case(f"sdpa-float-mask-{_name}", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=Q, b=KV, c=KV, x=_shape)
    case(f"sdpa-bool-mask-{_name}", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=Q, b=KV, c=KV, x=bools(*_shape))
    case(f"sdpa-mask-gradient-{_name}", "sdpa(m.A, m.B, m.C, attn_mask=m.D)", a=Q, b=KV, c=KV, d=_shape)
    case(f"sdpa-bf16-float-mask-{_name}", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=half(*Q), b=half(*KV), c=half(*KV), x=half(*_shape))
    case(f"sdpa-bf16-bool-mask-{_name}", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=half(*Q), b=half(*KV), c=half(*KV), x=bools(*_shape))
    case(f"sdpa-bf16-mask-gradient-{_name}", "sdpa(m.A, m.B, m.C, attn_mask=m.D)", a=half(*Q), b=half(*KV), c=half(*KV), d=half(*_shape))
case("sdpa-float-mask-aligned", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=(2, 3, 40, 32), b=(2, 3, 48, 32), c=(2, 3, 48, 32), x=(2, 3, 40, 48))
case("sdpa-mask-gradient-aligned", "sdpa(m.A, m.B, m.C, attn_mask=m.D)", a=(2, 3, 40, 32), b=(2, 3, 48, 32), c=(2, 3, 48, 32), d=(2, 3, 40, 48))
case("sdpa-float-mask-dropout", "sdpa(m.A, m.B, m.C, attn_mask=x, dropout_p=0.1)", a=Q, b=KV, c=KV, x=(2, 3, 37, 41))
case("sdpa-bool-mask-from-padding", "sdpa(m.A, m.B, m.C, attn_mask=x[:, None, None, :].expand(-1, 3, 37, -1))", a=Q, b=KV, c=KV, x=bools(2, 41))
for _kind, _t in {"": Tensor, "-bf16": lambda s: half(*s)}.items():
    case(f"sdpa-gqa{_kind}", "sdpa(m.A, m.B, m.C, enable_gqa=True)", a=_t((2, 6, 37, 32)), b=_t((2, 2, 41, 32)), c=_t((2, 2, 41, 32)))
    case(f"sdpa-gqa-causal{_kind}", "sdpa(m.A, m.B, m.C, is_causal=True, enable_gqa=True)", a=_t((2, 6, 37, 32)), b=_t((2, 2, 37, 32)), c=_t((2, 2, 37, 32)))
    case(f"sdpa-transposed-heads{_kind}", "sdpa(m.A.transpose(1, 2), m.B.transpose(1, 2), m.C.transpose(1, 2))", a=_t((2, 37, 3, 32)), b=_t((2, 41, 3, 32)), c=_t((2, 41, 3, 32)))
    case(f"sdpa-qkv-unbind{_kind}", "sdpa(*m.A.reshape(2, 37, 3, 3, 32).permute(2, 0, 3, 1, 4).unbind(0)).transpose(1, 2).reshape(2, 37, 96)", a=_t((2, 37, 288)))
    case(f"sdpa-query-frozen{_kind}", "sdpa(m.a, m.B, m.C)", a=_t(Q), b=_t(KV), c=_t(KV), frozen=["a"])
    case(f"sdpa-3d{_kind}", "sdpa(m.A, m.B, m.C)", a=_t((6, 37, 32)), b=_t((6, 41, 32)), c=_t((6, 41, 32)))
case("attention-vit-block", "vit_attention(m, m.A)", a=(2, 37, 96), qkv=lambda: nn.Linear(96, 288), proj=lambda: nn.Linear(96, 96))
case("attention-vit-block-bf16", "vit_attention(m, m.A)", a=half(2, 37, 96), qkv=lambda: nn.Linear(96, 288, dtype=torch.bfloat16), proj=lambda: nn.Linear(96, 96, dtype=torch.bfloat16))
case("attention-by-hand", "hand_attention(m, m.A)", a=(2, 37, 96), qkv=lambda: nn.Linear(96, 288), proj=lambda: nn.Linear(96, 96))
case("attention-gpt2-eager", "gpt2_attention(m, m.A, x)", a=(2, 37, 96), x=bools(1, 1, 37, 37), qkv=lambda: nn.Linear(96, 288), proj=lambda: nn.Linear(96, 96))
case("attention-relative-bias", "bias_attention(m, m.A, x)", a=(2, 36, 96), b=(121, 3), x=ints(36, 36), qkv=lambda: nn.Linear(96, 288), proj=lambda: nn.Linear(96, 96))
case("attention-llama-gqa-bf16", "llama_attention(m, m.A)", a=half(2, 37, 96), q=lambda: nn.Linear(96, 192, bias=False, dtype=torch.bfloat16), k=lambda: nn.Linear(96, 64, bias=False, dtype=torch.bfloat16),
     v=lambda: nn.Linear(96, 64, bias=False, dtype=torch.bfloat16), proj=lambda: nn.Linear(192, 96, bias=False, dtype=torch.bfloat16))


def vit_attention(m, x):
    B, N, C = x.shape
    qkv = m.qkv(x).reshape(B, N, 3, 3, 32).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)
    x = sdpa(q, k, v, dropout_p=0.0)
    x = x.transpose(1, 2).reshape(B, N, C)
    x = m.proj(x)
    return x


def hand_attention(m, x):
    B, N, C = x.shape
    qkv = m.qkv(x).reshape(B, N, 3, 3, 32).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)
    q = q * 32 ** -0.5
    attn = q @ k.transpose(-2, -1)
    attn = attn.softmax(dim=-1)
    attn = F.dropout(attn, 0.1)
    x = attn @ v
    x = x.transpose(1, 2).reshape(B, N, C)
    return m.proj(x)


def gpt2_attention(m, x, mask):
    B, N, C = x.shape
    q, k, v = m.qkv(x).split(C, dim=2)
    q = q.view(B, N, 3, 32).transpose(1, 2)
    k = k.view(B, N, 3, 32).transpose(1, 2)
    v = v.view(B, N, 3, 32).transpose(1, 2)
    weights = torch.matmul(q, k.transpose(-1, -2))
    weights = weights / 32 ** 0.5
    weights = torch.where(mask, weights, torch.full([], -3.4e38, dtype=weights.dtype, device=weights.device))
    weights = F.softmax(weights, dim=-1)
    weights = F.dropout(weights, 0.1)
    out = torch.matmul(weights, v)
    out = out.transpose(1, 2).contiguous().view(B, N, C)
    return m.proj(out)


def bias_attention(m, x, index):
    B, N, C = x.shape
    qkv = m.qkv(x).reshape(B, N, 3, 3, 32).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)
    bias = m.b[index.view(-1)].view(N, N, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
    x = sdpa(q, k, v, attn_mask=bias)
    return m.proj(x.transpose(1, 2).reshape(B, N, C))


def llama_attention(m, x):
    B, N, _ = x.shape
    q = m.q(x).view(B, N, -1, 32).transpose(1, 2)
    k = m.k(x).view(B, N, -1, 32).transpose(1, 2)
    v = m.v(x).view(B, N, -1, 32).transpose(1, 2)
    x = sdpa(q, k, v, is_causal=True, enable_gqa=True)
    return m.proj(x.transpose(1, 2).reshape(B, N, -1))


family("attention-math")
for _kind, _t in {"": Tensor, "-bf16": lambda s: half(*s)}.items():
    case(f"sdpa-math{_kind}", "sdpa(m.A, m.B, m.C)", a=_t(Q), b=_t(KV), c=_t(KV), context=math, note="sdpa_kernel(MATH)")
    case(f"sdpa-math-causal{_kind}", "sdpa(m.A, m.B, m.C, is_causal=True)", a=_t(Q), b=_t(Q), c=_t(Q), context=math, note="sdpa_kernel(MATH)")
    case(f"sdpa-math-dropout{_kind}", "sdpa(m.A, m.B, m.C, dropout_p=0.1)", a=_t(Q), b=_t(KV), c=_t(KV), context=math, note="sdpa_kernel(MATH)")
    case(f"sdpa-math-float-mask{_kind}", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=_t(Q), b=_t(KV), c=_t(KV), x=_t((1, 3, 37, 41)), context=math, note="sdpa_kernel(MATH)")
    case(f"sdpa-math-bool-mask{_kind}", "sdpa(m.A, m.B, m.C, attn_mask=x)", a=_t(Q), b=_t(KV), c=_t(KV), x=bools(2, 1, 37, 41), context=math, note="sdpa_kernel(MATH)")
    case(f"sdpa-math-mask-gradient{_kind}", "sdpa(m.A, m.B, m.C, attn_mask=m.D)", a=_t(Q), b=_t(KV), c=_t(KV), d=_t((1, 3, 37, 41)), context=math, note="sdpa_kernel(MATH)")
    case(f"sdpa-math-gqa{_kind}", "sdpa(m.A, m.B, m.C, enable_gqa=True)", a=_t((2, 6, 37, 32)), b=_t((2, 2, 41, 32)), c=_t((2, 2, 41, 32)), context=math, note="sdpa_kernel(MATH)")
case("sdpa-math-fallback", "sdpa(m.A, m.B, m.C, attn_mask=m.D, dropout_p=0.1)", a=(2, 3, 37, 30), b=(2, 3, 41, 30), c=(2, 3, 41, 30), d=(2, 3, 37, 41), note="no context: the backend PyTorch picks")
case("sdpa-math-transposed-heads", "sdpa(m.A.transpose(1, 2), m.B.transpose(1, 2), m.C.transpose(1, 2))", a=(2, 37, 3, 32), b=(2, 41, 3, 32), c=(2, 41, 3, 32), context=math, note="sdpa_kernel(MATH)")
case("sdpa-math-vit-block", "vit_attention(m, m.A)", a=(2, 37, 96), qkv=lambda: nn.Linear(96, 288), proj=lambda: nn.Linear(96, 96), context=math, note="sdpa_kernel(MATH)")

# ------------------------------------------------------------------ interpolate
family("interpolate")
I1, I2, I3 = (4, 12, 85), (4, 12, 17, 19), (2, 6, 7, 8, 9)
for _name, _shape, _keywords in (
        ("nearest-1d", I1, "scale_factor=2"), ("nearest-2d", I2, "scale_factor=2"), ("nearest-3d", I3, "scale_factor=2"), ("nearest-2d-size", I2, "size=(30, 31)"), ("nearest-2d-down", I2, "scale_factor=0.5"),
        ("nearest-exact-2d", I2, "scale_factor=2, mode='nearest-exact'"), ("linear-1d", I1, "scale_factor=2, mode='linear'"), ("bilinear", I2, "scale_factor=2, mode='bilinear'"),
        ("bilinear-align", I2, "scale_factor=2, mode='bilinear', align_corners=True"), ("bilinear-size", I2, "size=(40, 45), mode='bilinear', align_corners=False"), ("bilinear-same-size", I2, "size=(17, 19), mode='bilinear'"),
        ("bilinear-antialias", I2, "size=(9, 10), mode='bilinear', antialias=True"), ("bicubic", I2, "scale_factor=2, mode='bicubic'"), ("bicubic-align", I2, "size=(40, 45), mode='bicubic', align_corners=True"),
        ("bicubic-antialias", I2, "size=(9, 10), mode='bicubic', antialias=True"), ("trilinear", I3, "scale_factor=2, mode='trilinear'"), ("area", I2, "size=(8, 9), mode='area'"), ("area-up", I2, "scale_factor=2, mode='area'"),
        ("recompute-scale", I2, "scale_factor=1.5, mode='bilinear', recompute_scale_factor=True")):
    case(_name, f"F.interpolate(m.A, {_keywords})", a=_shape)
case("bilinear-permuted", "F.interpolate(m.A.permute(0, 3, 1, 2), scale_factor=2, mode='bilinear')", a=(4, 17, 19, 12))
case("nearest-bf16", "F.interpolate(m.A, scale_factor=2)", a=half(*I2))
case("bilinear-bf16", "F.interpolate(m.A, scale_factor=2, mode='bilinear')", a=half(*I2))
case("upsample-module", "m.up(m.A)", a=I2, up=lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True))
case("upsample-cat-conv", "m.conv(torch.cat([m.B, F.interpolate(m.A, scale_factor=2)], 1))", a=I2, b=(4, 6, 34, 38), conv=lambda: nn.Conv2d(18, 8, 3, padding=1))
case("upsample-add", "m.B + F.interpolate(m.A, size=(34, 38))", a=I2, b=(4, 12, 34, 38))
case("grid-sample", "F.grid_sample(m.A, m.B, align_corners=False)", a=I2, b=(4, 23, 25, 2))
case("grid-sample-constant-grid", "F.grid_sample(m.A, x, align_corners=False)", a=I2, x=(4, 23, 25, 2))
case("grid-sample-input-constant", "F.grid_sample(x, m.B, align_corners=False)", b=(4, 23, 25, 2), x=I2)
case("grid-sample-nearest", "F.grid_sample(m.A, x, mode='nearest', padding_mode='border', align_corners=True)", a=I2, x=(4, 23, 25, 2))
case("grid-sample-bicubic", "F.grid_sample(m.A, m.B, mode='bicubic', align_corners=False)", a=I2, b=(4, 23, 25, 2))
case("grid-sample-3d", "F.grid_sample(m.A, m.B, align_corners=False)", a=I3, b=(2, 5, 4, 3, 3))
case("affine-grid", "F.affine_grid(m.A, (4, 12, 23, 25), align_corners=False)", a=(4, 2, 3))
case("affine-grid-3d", "F.affine_grid(m.A, (2, 6, 5, 4, 3), align_corners=False)", a=(2, 3, 4))
case("spatial-transformer", "F.grid_sample(m.A, F.affine_grid(m.B, (4, 12, 23, 25), align_corners=False), align_corners=False)", a=I2, b=(4, 2, 3))

# ------------------------------------------------------------------ scopes: how long Python keeps results
family("scopes")


class Chain(nn.Module):
    """x = f(x): results are rebound, the argument stays with the caller of forward()."""

    def __init__(self, *kinds):
        super().__init__()
        self.parts = nn.ModuleList(k() for k in kinds)

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x


class Named(nn.Module):
    """Every result has its own name and lives until forward() returns."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(48, 56), nn.Linear(56, 64)

    def forward(self, x):
        p = self.one(x)
        q = p.sin()
        r = q.neg()
        s = self.two(r)
        return s.neg()


class Rebound(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(48, 56), nn.Linear(56, 64)

    def forward(self, x):
        x = self.one(x)
        x = x.sin()
        x = x.neg()
        x = self.two(x)
        return x.neg()


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


class BasicBlock(nn.Module):
    """torchvision's: identity and out are names."""

    def __init__(self, c, o, stride=1):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.downsample = nn.Sequential(nn.Conv2d(c, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if stride > 1 else None

    def forward(self, x):
        identity = x
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        out = self.relu(out)
        return out


class ViTBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.qkv, self.proj = nn.LayerNorm(48), nn.Linear(48, 144), nn.Linear(48, 48)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(48), nn.Linear(48, 192), nn.Linear(192, 48)

    def attention(self, x):
        q, k, v = self.qkv(x).reshape(4, 37, 3, 3, 16).permute(2, 0, 3, 1, 4).unbind(0)
        x = sdpa(q, k, v)
        x = x.transpose(1, 2).reshape(4, 37, 48)
        return self.proj(x)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        x = x + self.fc2(F.gelu(self.fc1(self.norm2(x))))
        return x


NEG = lambda: nn.Threshold(0.0, 1.0)
case("names-of-the-root", "names_of_the_root(m)", a=(4, 37, 48), note="h and y are names of a function: both live until it returns")
case("chain-rebinds", "m.net(m.A)", a=(4, 37, 48), net=lambda: Chain(lambda: nn.Linear(48, 56), nn.GELU, lambda: nn.Linear(56, 64), nn.ReLU))
case("chain-argument-not-saved", "m.net(m.A)", a=(4, 37, 48), net=lambda: Chain(nn.ReLU, lambda: nn.Linear(48, 56), nn.ReLU, nn.Sigmoid), note="the argument of a module lives until its forward() returns")
case("sequential-argument-not-saved", "m.net(m.A)", a=(4, 37, 48), net=lambda: nn.Sequential(nn.ReLU(), nn.Linear(48, 56), nn.ReLU(), nn.Sigmoid()), note="the argument of nn.Sequential lives until it returns")
case("sequential-nested", "m.net(m.A)", a=(4, 37, 48), net=lambda: nn.Sequential(nn.Sequential(nn.ReLU(), nn.Linear(48, 56)), nn.Sequential(nn.ReLU(), nn.Sigmoid(), nn.Linear(56, 64)), nn.Tanh()))
case("module-names", "m.net(m.A)", a=(4, 37, 48), net=lambda: Named())
case("module-rebinds", "m.net(m.A)", a=(4, 37, 48), net=lambda: Rebound())
case("module-named-then-rebound", "m.net2(m.net(m.A))", a=(4, 37, 48), net=lambda: Named(), net2=lambda: nn.Linear(64, 72))
case("residual-module", "m.net(m.A)", a=(4, 37, 48), net=lambda: Residual(nn.Sequential(nn.ReLU(), nn.Linear(48, 48))))
case("residual-module-twice", again=True, code="m.net(m.A)", a=(4, 37, 48), net=lambda: nn.Sequential(Residual(nn.Sequential(nn.ReLU(), nn.Linear(48, 48))), Residual(nn.Sequential(nn.ReLU(), nn.Linear(48, 48)))))
case("basic-block", again=True, code="m.net(m.A)", a=(4, 12, 17, 19), net=lambda: BasicBlock(12, 12))
case("basic-block-downsample", "m.net(m.A)", a=(4, 12, 17, 19), net=lambda: BasicBlock(12, 20, 2))
case("basic-block-first-layer", "m.net(x)", x=(4, 12, 17, 19), net=lambda: BasicBlock(12, 20, 2))
case("vit-block", again=True, code="m.net(m.A)", a=(4, 37, 48), net=lambda: ViTBlock())
case("encoder-layer", "m.net(m.A)", a=(4, 37, 48), net=lambda: nn.TransformerEncoderLayer(48, 3, 192, batch_first=True))
case("encoder-layer-norm-first-gelu", "m.net(m.A)", a=(4, 37, 48), net=lambda: nn.TransformerEncoderLayer(48, 3, 192, batch_first=True, norm_first=True, activation="gelu"))
case("decoder-layer", "m.net(m.A, m.B)", a=(4, 37, 48), b=(4, 29, 48), net=lambda: nn.TransformerDecoderLayer(48, 3, 192, batch_first=True))
case("lenet", again=True, code="F.cross_entropy(m.net(x), x2)", x=[(32, 1, 28, 28), ints(32)], net=lambda: nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
     nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)))
case("small-resnet", again=True, code="F.cross_entropy(m.head(torch.flatten(F.adaptive_avg_pool2d(m.net(x), 1), 1)), x2)", x=[(8, 3, 33, 35), ints(8)], head=lambda: nn.Linear(20, 10),
     net=lambda: nn.Sequential(nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1), BasicBlock(12, 12), BasicBlock(12, 20, 2)))


def names_of_the_root(m):
    h = m.A
    y = h.neg()
    z = y.sigmoid()
    return z.neg()


# ------------------------------------------------------------------ autocast: the program is exported without it
family("autocast")
AUTO = {"autocast": torch.bfloat16}
case("linear", "m.fc(m.A)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("linear-first-layer", "m.fc(x)", x=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("linear-frozen", "m.fc(m.A)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), frozen=["fc.weight", "fc.bias"], **AUTO)
case("linear-twice-same-weight", "m.fc(m.fc(m.A))", a=(4, 37, 48), fc=lambda: nn.Linear(48, 48), note="the cast of a weight is cached", **AUTO)
case("mlp", "m.net(m.A)", a=(4, 37, 48), net=lambda: nn.Sequential(nn.Linear(48, 192), nn.GELU(), nn.Linear(192, 48)), **AUTO)
case("conv2d", "m.conv(m.A)", a=(4, 12, 17, 19), conv=lambda: nn.Conv2d(12, 20, 3), **AUTO)
case("conv-bn-relu", "m.net(m.A)", a=(4, 12, 17, 19), net=lambda: nn.Sequential(nn.Conv2d(12, 20, 3, bias=False), nn.BatchNorm2d(20), nn.ReLU(inplace=True)), **AUTO)
case("layer-norm-linear", "m.fc(m.norm(m.A))", a=(4, 37, 48), norm=lambda: nn.LayerNorm(48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("group-norm", "m.norm(m.conv(m.A))", a=(4, 12, 17, 19), conv=lambda: nn.Conv2d(12, 20, 3), norm=lambda: nn.GroupNorm(5, 20), **AUTO)
case("softmax-of-linear", "F.softmax(m.fc(m.A), -1)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("matmul", "m.A @ m.B", a=(4, 37, 48), b=(4, 48, 80), **AUTO)
case("bmm", "torch.bmm(m.A, m.B)", a=(4, 37, 48), b=(4, 48, 80), **AUTO)
case("einsum", "torch.einsum('bij,jk->bik', m.A, m.B)", a=(4, 37, 48), b=(48, 80), **AUTO)
case("sdpa", "sdpa(m.A, m.B, m.C)", a=Q, b=KV, c=KV, **AUTO)
case("attention-vit-block", "vit_attention(m, m.A)", a=(2, 37, 96), qkv=lambda: nn.Linear(96, 288), proj=lambda: nn.Linear(96, 96), **AUTO)
case("vit-block", "m.net(m.A)", a=(4, 37, 48), net=lambda: ViTBlock(), **AUTO)
case("basic-block", "m.net(m.A)", a=(4, 12, 17, 19), net=lambda: BasicBlock(12, 20, 2), **AUTO)
case("residual-mixed-types", "m.A + m.fc(m.B)", a=(4, 37, 48), b=(4, 37, 40), fc=lambda: nn.Linear(40, 48), **AUTO)
case("cat-mixed-types", "torch.cat([m.A, m.fc(m.B)], -1)", a=(4, 37, 48), b=(4, 37, 40), fc=lambda: nn.Linear(40, 56), **AUTO)
case("stack-of-linear", "torch.stack([m.fc(m.A), m.fc(m.B)])", a=(37, 48), b=(37, 48), fc=lambda: nn.Linear(48, 56), **AUTO)
case("pow-sum-of-linear", "m.fc(m.A).pow(2).sum(-1)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("mean-of-linear", "m.fc(m.A).mean(1)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("exp-log-of-linear", "m.fc(m.A).exp().log()", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("cross-entropy-of-linear", "F.cross_entropy(m.fc(m.A), x)", a=(37, 24), x=ints(37), fc=lambda: nn.Linear(24, 48), **AUTO)
case("mse-of-linear", "F.mse_loss(m.fc(m.A), x)", a=(37, 24), x=(37, 48), fc=lambda: nn.Linear(24, 48), **AUTO)
case("bce-logits-of-linear", "F.binary_cross_entropy_with_logits(m.fc(m.A), x)", a=(37, 24), x=(37, 48), fc=lambda: nn.Linear(24, 48), **AUTO)
case("embedding-tied-head", "m.head(m.emb(x).sin())", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48), head=lambda: nn.Linear(48, 101, bias=False), prepare=lambda m: tie(m), **AUTO)
case("embedding-then-linear", "m.fc(m.emb(x))", x=ints(4, 37), emb=lambda: nn.Embedding(101, 48), fc=lambda: nn.Linear(48, 20), **AUTO)
case("max-pool", "F.max_pool2d(m.conv(m.A), 2)", a=(4, 12, 17, 19), conv=lambda: nn.Conv2d(12, 20, 3), **AUTO)
case("dropout-of-linear", "F.dropout(m.fc(m.A), 0.1)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), **AUTO)
case("interpolate-of-conv", "F.interpolate(m.conv(m.A), scale_factor=2, mode='bilinear')", a=(4, 12, 17, 19), conv=lambda: nn.Conv2d(12, 20, 3), **AUTO)
case("lstm", "m.rnn(m.A)[0]", a=(4, 37, 24), rnn=lambda: nn.LSTM(24, 40, batch_first=True), **AUTO)
case("linear-f16", "m.fc(m.A)", a=(4, 37, 48), fc=lambda: nn.Linear(48, 80), autocast=torch.float16)
case("mlp-f16", "m.net(m.A)", a=(4, 37, 48), net=lambda: nn.Sequential(nn.Linear(48, 192), nn.GELU(), nn.Linear(192, 48)), autocast=torch.float16)

# ------------------------------------------------------------------ rnn
family("rnn")
# The sizes of cuDNN's RNN workspace and reserve are the stand-in's guesses. Dropout's random state is kept by the process once
# any recurrent dropout has run, and saved by every later recurrent layer: so those cases come last.
S3 = (4, 37, 24)
for _kind in (nn.LSTM, nn.GRU, nn.RNN):
    _k = _kind.__name__.lower()
    case(f"{_k}", "m.rnn(m.A)[0]", a=S3, rnn=lambda k=_kind: k(24, 40, batch_first=True))
    case(f"{_k}-first-layer", "m.rnn(x)[0]", x=S3, rnn=lambda k=_kind: k(24, 40, batch_first=True))
    case(f"{_k}-time-first", "m.rnn(m.A)[0]", a=(37, 4, 24), rnn=lambda k=_kind: k(24, 40))
    case(f"{_k}-bidirectional", "m.rnn(m.A)[0]", a=S3, rnn=lambda k=_kind: k(24, 40, batch_first=True, bidirectional=True))
    case(f"{_k}-two-layers", "m.rnn(m.A)[0]", a=S3, rnn=lambda k=_kind: k(24, 40, 2, batch_first=True))
    case(f"{_k}-no-bias", "m.rnn(m.A)[0]", a=S3, rnn=lambda k=_kind: k(24, 40, bias=False, batch_first=True))
    case(f"{_k}-last-state", "m.fc(m.rnn(m.A)[0][:, -1])", a=S3, rnn=lambda k=_kind: k(24, 40, batch_first=True), fc=lambda: nn.Linear(40, 10))
    case(f"{_k}-frozen", "m.rnn(m.A)[0]", a=S3, rnn=lambda k=_kind: k(24, 40, batch_first=True), frozen=[f"rnn.{w}_{g}_l0" for w in ("weight", "bias") for g in ("ih", "hh")])
    case(f"{_k}-bf16", "m.rnn(m.A)[0]", a=half(*S3), rnn=lambda k=_kind: k(24, 40, batch_first=True, dtype=torch.bfloat16))
case("lstm-hidden-output", "m.rnn(m.A)[1][0]", a=S3, rnn=lambda: nn.LSTM(24, 40, batch_first=True))
case("gru-hidden-output", "m.rnn(m.A)[1]", a=S3, rnn=lambda: nn.GRU(24, 40, batch_first=True))
case("lstm-projection", "m.rnn(m.A)[0]", a=S3, rnn=lambda: nn.LSTM(24, 40, batch_first=True, proj_size=16))
case("lstm-given-state", "m.rnn(m.A, (m.B, m.C))[0]", a=S3, b=(1, 4, 40), c=(1, 4, 40), rnn=lambda: nn.LSTM(24, 40, batch_first=True))
case("gru-given-state", "m.rnn(m.A, m.B)[0]", a=S3, b=(1, 4, 40), rnn=lambda: nn.GRU(24, 40, batch_first=True))
case("rnn-relu", "m.rnn(m.A)[0]", a=S3, rnn=lambda: nn.RNN(24, 40, nonlinearity="relu", batch_first=True))
case("lstm-unbatched", "m.rnn(m.A)[0]", a=(37, 24), rnn=lambda: nn.LSTM(24, 40))
case("lstm-long", "m.rnn(m.A)[0]", a=(8, 300, 64), rnn=lambda: nn.LSTM(64, 128, batch_first=True))
case("lstm-language-model", "m.fc(m.rnn(m.emb(x))[0])", x=ints(4, 37), emb=lambda: nn.Embedding(101, 24), rnn=lambda: nn.LSTM(24, 40, 2, batch_first=True), fc=lambda: nn.Linear(40, 101))
case("lstm-cell", "m.cell(m.A, (m.B, m.C))[0]", a=(37, 24), b=(37, 40), c=(37, 40), cell=lambda: nn.LSTMCell(24, 40))
case("gru-cell", "m.cell(m.A, m.B)", a=(37, 24), b=(37, 40), cell=lambda: nn.GRUCell(24, 40))
case("rnn-cell", "m.cell(m.A, m.B)", a=(37, 24), b=(37, 40), cell=lambda: nn.RNNCell(24, 40))
case("lstm-cell-three-steps", "cell_steps(m, m.A)", a=(37, 3, 24), cell=lambda: nn.LSTMCell(24, 40))
for _kind in (nn.LSTM, nn.GRU, nn.RNN):
    _k = _kind.__name__.lower()
    case(f"{_k}-two-layers-dropout", "m.rnn(m.A)[0]", a=S3, rnn=lambda k=_kind: k(24, 40, 2, batch_first=True, dropout=0.1))


def cell_steps(m, xs):
    h = c = None
    for i in range(3):
        h, c = m.cell(xs[:, i], None if h is None else (h, c))
    return h

family("fourier")
case("rfft", "torch.fft.rfft(m.A).abs()", a=(37, 171))
case("rfft-real-imaginary", "torch.view_as_real(torch.fft.rfft(m.A))", a=(37, 171))
case("fft-irfft", "torch.fft.irfft(torch.fft.rfft(m.A), n=171)", a=(37, 171))
case("rfft2-irfft2", "torch.fft.irfft2(torch.fft.rfft2(m.A), s=(24, 29))", a=(4, 6, 24, 29))
case("rfft2-filter", "torch.fft.irfft2(torch.fft.rfft2(m.A) * torch.view_as_complex(m.b), s=(24, 29))", a=(4, 6, 24, 29), b=(6, 24, 15, 2))
case("rfft2-norm-ortho", "torch.fft.irfft2(torch.fft.rfft2(m.A, norm='ortho'), s=(24, 29), norm='ortho')", a=(4, 6, 24, 29))
case("fft-complex", "torch.fft.fft(torch.view_as_complex(m.A)).real", a=(37, 48, 2))
case("fft2-of-real", "torch.fft.fft2(m.A).real", a=(4, 24, 32))
case("fft-dim", "torch.fft.rfft(m.A, dim=1).abs()", a=(4, 37, 24))
case("fourier-layer", "fourier_layer(m, m.A)", a=(4, 6, 24, 29), b=(6, 8, 5, 5, 2))
case("fourier-mix", "torch.fft.fft(torch.fft.fft(m.A, dim=-1), dim=-2).real", a=(4, 37, 48))
case("fft-shift", "torch.fft.fftshift(torch.fft.fft2(m.A)).abs()", a=(4, 24, 32))
case("spectrogram", "torch.stft(m.A, 64, 16, window=torch.hann_window(64, device=m.A.device), return_complex=True).abs()", a=(4, 1600))
case("complex-product", "torch.view_as_real(torch.view_as_complex(m.A) * torch.view_as_complex(m.B))", a=(37, 48, 2), b=(37, 48, 2))
case("complex-from-parts", "torch.complex(m.A, m.B).abs()", a=K2, b=K2)
case("complex-polar", "torch.view_as_real(torch.polar(m.A, m.B))", a=K2, b=K2)
case("complex-angle", "torch.view_as_complex(m.A).angle()", a=(37, 48, 2))
case("complex-conjugate", "(torch.view_as_complex(m.A) * torch.view_as_complex(m.A).conj()).real", a=(37, 48, 2))
case("complex-imaginary", "torch.view_as_complex(m.A).imag", a=(37, 48, 2))
case("rotary-complex", "torch.view_as_real(torch.view_as_complex(m.A.float().reshape(4, 37, 6, 12, 2)) * torch.view_as_complex(x).unsqueeze(1)).flatten(3)", a=(4, 37, 6, 24), x=(37, 12, 2))


def fourier_layer(m, x):
    """The spectral convolution of Fourier neural operators."""
    modes = torch.fft.rfft2(x)
    weight = torch.view_as_complex(m.b)
    out = torch.zeros(x.shape[0], weight.shape[1], x.shape[2], x.shape[3] // 2 + 1, dtype=torch.cfloat, device=x.device)
    out[:, :, :5, :5] = torch.einsum("bixy,ioxy->boxy", modes[:, :, :5, :5], weight)
    return torch.fft.irfft2(out, s=x.shape[-2:])


family("uncommon")
case("cdist-p1", "torch.cdist(m.A, m.B, p=1.0)", a=(37, 24), b=(41, 24))
case("cdist-batched", "torch.cdist(m.A, m.B)", a=(4, 37, 24), b=(4, 41, 24))
case("cdist-few-rows", "torch.cdist(m.A, m.B)", a=(4, 17, 24), b=(4, 19, 24))
case("cosine-similarity-last", "F.cosine_similarity(m.A, m.B, dim=-1)", a=(4, 37, 24), b=(4, 37, 24))
case("triplet-swap", "F.triplet_margin_loss(m.A, m.B, m.C, swap=True)", a=K2, b=K2, c=K2)
case("embedding-bag-short", "m.bag(x)", x=ints(37, 5), bag=lambda: nn.EmbeddingBag(101, 48))
case("embedding-bag-long", "m.bag(x)", x=ints(370, 50), bag=lambda: nn.EmbeddingBag(101, 48, mode='sum'))
case("embedding-bag-max-long", "m.bag(x)", x=ints(370, 50), bag=lambda: nn.EmbeddingBag(101, 48, mode='max'))
case("scatter-reduce-sum", "m.A.scatter_reduce(0, x, m.B, reduce='sum')", a=K2, b=(37, 48), x=ints(37, 48))
case("scatter-reduce-amax", "m.A.scatter_reduce(0, x, m.B, reduce='amax')", a=K2, b=(37, 48), x=ints(37, 48))
case("scatter-reduce-mean-exclusive", "m.A.scatter_reduce(0, x, m.B, reduce='mean', include_self=False)", a=K2, b=(37, 48), x=ints(37, 48))
case("index-copy", "m.A.index_copy(0, x, m.B)", a=K2, b=(5, 48), x=ints(5))
case("index-fill", "m.A.index_fill(0, x, 0.0)", a=K2, x=ints(5))
case("masked-scatter", "m.A.masked_scatter(x, m.B)", a=K2, b=K2, x=bools(37, 48))
case("erfinv", "torch.erfinv(m.A)", a=K2)
case("lgamma", "torch.lgamma(m.A)", a=K2)
case("digamma", "torch.digamma(m.A)", a=K2)
case("asinh", "torch.asinh(m.A)", a=K2)
case("acosh", "torch.acosh(m.A)", a=K2)
case("atanh", "torch.atanh(m.A)", a=K2)
case("hypot", "torch.hypot(m.A, m.B)", a=K2, b=K2)
case("logaddexp", "torch.logaddexp(m.A, m.B)", a=K2, b=K2)
case("logaddexp2", "torch.logaddexp2(m.A, m.B)", a=K2, b=K2)
case("xlogy", "torch.xlogy(m.A, m.B)", a=K2, b=K2)
case("copysign", "torch.copysign(m.A, m.B)", a=K2, b=K2)
case("fmax", "torch.fmax(m.A, m.B)", a=K2, b=K2)
case("float-power", "torch.float_power(m.A, 2)", a=K2)
case("cross", "torch.cross(m.A, m.B, dim=1)", a=(37, 3), b=(37, 3))
case("trace", "torch.trace(m.A)", a=K2)
case("kron", "torch.kron(m.A, m.B)", a=(7, 5), b=(11, 13))
case("tensordot", "torch.tensordot(m.A, m.B, dims=2)", a=(37, 6, 8), b=(6, 8, 24))
case("addbmm", "torch.addbmm(m.A, m.B, m.C)", a=(37, 24), b=(4, 37, 16), c=(4, 16, 24))
case("addr", "torch.addr(m.A, m.B, m.C)", a=K2, b=(37,), c=(48,))
case("nansum", "torch.nansum(m.A, 1)", a=K2)
case("norm-dim", "torch.norm(m.A, dim=1)", a=K2)
case("norm-p3", "torch.norm(m.A, p=3, dim=1)", a=K2)
case("dist", "torch.dist(m.A, m.B)", a=K2, b=K2)
case("normalize-p1", "F.normalize(m.A, p=1.0)", a=K2)
case("kthvalue", "torch.kthvalue(m.A, 3, dim=1)[0]", a=K2)
case("mode", "torch.mode(m.A, dim=1)[0]", a=K2)
case("median-all", "torch.median(m.A)", a=K2)
case("sort-stable-long", "torch.sort(m.A, dim=-1)[0]", a=(4, 5000))
case("argsort-gather", "m.A.gather(1, torch.argsort(m.A, dim=1))", a=K2)
case("cov", "torch.cov(m.A)", a=K2)
case("diag", "torch.diag(m.A)", a=(37,))
case("rot90", "torch.rot90(m.A, 1, (2, 3))", a=(4, 6, 24, 29))
case("bucketize", "m.A * torch.bucketize(m.A, x)", a=K2, x=(9,))
case("logical-xor", "m.A * torch.logical_xor(m.A > 0, m.B > 0)", a=K2, b=K2)
case("inverse", "torch.linalg.inv(m.A)", a=(4, 24, 24))
case("cholesky", "torch.linalg.cholesky(m.A)", a=(4, 24, 24))
case("solve", "torch.linalg.solve(m.A, m.B)", a=(4, 24, 24), b=(4, 24, 8))
case("matrix-power", "torch.matrix_power(m.A, 3)", a=(4, 24, 24))
case("matrix-exp", "torch.matrix_exp(m.A)", a=(4, 24, 24))
case("logdet", "torch.logdet(m.A)", a=(4, 24, 24))
case("soft-margin-none", "F.soft_margin_loss(m.A, x, reduction='none')", a=K2, x=(37, 48))
case("multilabel-margin-none", "F.multilabel_margin_loss(m.A, x, reduction='none')", a=K2, x=ints(37, 48))
case("gaussian-nll", "F.gaussian_nll_loss(m.A, x, m.B.exp())", a=K2, b=K2, x=(37, 48))
case("channel-shuffle", "F.channel_shuffle(m.A, 3)", a=(4, 6, 24, 29))
case("max-unpool3d", "unpool3d(m.A)", a=(4, 6, 12, 24, 28))
case("fractional-max-pool", "F.fractional_max_pool2d(m.A, 2, output_size=(12, 14))", a=(4, 6, 24, 29))
case("lp-pool", "F.lp_pool2d(m.A, 2, 2)", a=(4, 6, 24, 28))


def unpool3d(x):
    pooled, indices = F.max_pool3d(x, 2, return_indices=True)
    return F.max_unpool3d(pooled, indices, 2)


family("deformable")
case("deform-conv", "m.deform(m.A, m.B)", a=(4, 6, 24, 29), b=(4, 18, 24, 29), deform=lambda: DeformConv2d(6, 10, 3, padding=1))
case("deform-conv-mask", "m.deform(m.A, m.B, m.C)", a=(4, 6, 24, 29), b=(4, 18, 24, 29), c=(4, 9, 24, 29), deform=lambda: DeformConv2d(6, 10, 3, padding=1))
case("deform-conv-groups", "m.deform(m.A, m.B)", a=(40, 6, 24, 29), b=(40, 36, 12, 15), deform=lambda: DeformConv2d(6, 10, 3, stride=2, padding=1, groups=2))
case("deform-conv-no-bias", "m.deform(m.A, m.B)", a=(4, 6, 24, 29), b=(4, 18, 24, 29), deform=lambda: DeformConv2d(6, 10, 3, padding=1, bias=False))
case("deform-offsets-learned", "m.deform(m.A, m.offsets(m.A))", a=(4, 6, 24, 29), offsets=lambda: nn.Conv2d(6, 18, 3, padding=1), deform=lambda: DeformConv2d(6, 10, 3, padding=1))
case("roi-align", "roi_align(m.A, x, output_size=7, spatial_scale=0.5)", a=(4, 6, 24, 29), x=(11, 5))
