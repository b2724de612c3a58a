"""Records what JAX keeps and compiles: residuals, jaxprs, memory_analysis of the compiled step.

usage: python record_jax.py OUT [NAME…]     models: OUT/NAME.json, and beside it the loss (NAME.fwd_jaxpr.txt), its gradient, the whole
                                            step as jaxpr, StableHLO and optimized HLO
       python record_jax.py OUT functions   OUT/recorded-jax-functions.jsonl: small functions, their jaxprs and what vjp keeps
       python record_jax.py OUT optimizers  OUT/recorded-optax.jsonl: bytes of every optimizer's state

JAX 0.10.2, Flax 0.12.8, Optax 0.2.8 on the CPU backend.
"""
import json
import sys
from functools import partial
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from jax._src.ad_checkpoint import saved_residuals

POLICIES = {
    "full": None,
    "dots": jax.checkpoint_policies.dots_saveable,
    "everything": jax.checkpoint_policies.everything_saveable,
    "dots_no_batch": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}


def remat(cls, how):
    return cls if how is None else nn.remat(cls, policy=POLICIES[how])


class MLP(nn.Module):
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x):
        for width in (512, 512, 256):
            x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
        return nn.Dense(10, dtype=self.dtype)(x)


class CNN(nn.Module):
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x):
        for width in (32, 64):
            x = nn.relu(nn.Conv(width, (3, 3), dtype=self.dtype)(x))
            x = nn.max_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(256, dtype=self.dtype)(x))
        return nn.Dense(10, dtype=self.dtype)(x)


class CNN180(nn.Module):
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x):
        conv = partial(nn.Conv, kernel_size=(3, 3), dtype=self.dtype)
        x = nn.max_pool(nn.relu(conv(36)(x)), (3, 3), strides=(3, 3))
        x = nn.relu(conv(70)(x))
        x = nn.max_pool(nn.relu(conv(70)(x)), (3, 3), strides=(3, 3))
        x = nn.relu(conv(200)(x)).reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(800, dtype=self.dtype)(x))
        x = nn.relu(nn.Dense(1048, dtype=self.dtype)(x))
        return nn.Dense(1944, dtype=self.dtype)(x)


class Block(nn.Module):
    width: int
    stride: int
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x):
        conv = partial(nn.Conv, use_bias=False, dtype=self.dtype)
        norm = partial(nn.GroupNorm, num_groups=8, dtype=self.dtype)
        y = nn.relu(norm()(conv(self.width, (3, 3), strides=(self.stride,) * 2)(x)))
        y = norm()(conv(self.width, (3, 3))(y))
        if x.shape != y.shape:
            x = conv(self.width, (1, 1), strides=(self.stride,) * 2)(x)
        return nn.relu(x + y)


class ResNetish(nn.Module):
    dtype: object = jnp.float32
    remat: str | None = None

    @nn.compact
    def __call__(self, x):
        x = nn.Conv(16, (3, 3), dtype=self.dtype)(x)
        for width, stride in ((16, 1), (16, 1), (32, 2), (32, 1), (64, 2), (64, 1)):
            x = remat(Block, self.remat)(width, stride, self.dtype)(x)
        return nn.Dense(10, dtype=self.dtype)(x.mean(axis=(1, 2)))


class TB(nn.Module):
    dtype: object = jnp.float32

    @nn.compact
    def __call__(self, x):
        mask = nn.make_causal_mask(jnp.ones(x.shape[:2]))
        h = nn.LayerNorm(dtype=self.dtype)(x)
        x = x + nn.MultiHeadDotProductAttention(4, dtype=self.dtype)(h, h, mask=mask)
        h = nn.LayerNorm(dtype=self.dtype)(x)
        h = nn.gelu(nn.Dense(512, dtype=self.dtype)(h))
        return x + nn.Dense(128, dtype=self.dtype)(h)


class Step(nn.Module):
    dtype: object = jnp.float32
    remat: str | None = None

    @nn.compact
    def __call__(self, x, _):
        return remat(TB, self.remat)(self.dtype)(x), None


class Transformer(nn.Module):
    dtype: object = jnp.float32
    remat: str | None = None
    scan: bool = False

    @nn.compact
    def __call__(self, tokens):
        x = nn.Embed(1000, 128, dtype=self.dtype)(tokens)
        if self.scan:
            scanned = nn.scan(Step, variable_axes={"params": 0}, split_rngs={"params": True}, length=4)
            x, _ = scanned(self.dtype, self.remat)(x, None)
        else:
            for _ in range(4):
                x = remat(TB, self.remat)(self.dtype)(x)
        return nn.Dense(1000, dtype=self.dtype)(nn.LayerNorm(dtype=self.dtype)(x))


F32, BF16 = jnp.float32, jnp.bfloat16
MLP_IN, CNN_IN, RES_IN = ((128, 784), "float32"), ((128, 28, 28, 1), "float32"), ((64, 32, 32, 3), "float32")
BIG_IN, TXT_IN = ((128, 180, 50, 1), "float32"), ((16, 128), "int32")
OPTIMIZERS = {
    "sgd": lambda: optax.sgd(0.1),
    "momentum": lambda: optax.sgd(0.1, momentum=0.9),
    "adam": lambda: optax.adam(1e-3),
    "adamw": lambda: optax.adamw(1e-3),
    "adafactor": lambda: optax.adafactor(1e-3),
    "rmsprop": lambda: optax.rmsprop(1e-3),
    "lion": lambda: optax.lion(1e-3),
    "adagrad": lambda: optax.adagrad(1e-3),
    "nadam": lambda: optax.nadam(1e-3),
    "adamax": lambda: optax.adamax(1e-3),
    "radam": lambda: optax.radam(1e-3),
    "lamb": lambda: optax.lamb(1e-3),
    "lars": lambda: optax.lars(1e-3),
    "adadelta": lambda: optax.adadelta(1e-3),
    "novograd": lambda: optax.novograd(1e-3),
    "amsgrad": lambda: optax.amsgrad(1e-3),
    "adabelief": lambda: optax.adabelief(1e-3),
    "yogi": lambda: optax.yogi(1e-3),
    "sm3": lambda: optax.sm3(1e-3),
    "noisy_sgd": lambda: optax.noisy_sgd(1e-3),
}
CASES = {
    "mlp_fp32_sgd": (MLP(), MLP_IN, "sgd", True),
    "mlp_fp32_adam": (MLP(), MLP_IN, "adam", True),
    "mlp_fp32_adam_nodonate": (MLP(), MLP_IN, "adam", False),
    "mlp_bf16_adam": (MLP(BF16), MLP_IN, "adam", True),
    "cnn_fp32_momentum": (CNN(), CNN_IN, "momentum", True),
    "cnn_bf16_adam": (CNN(BF16), CNN_IN, "adam", True),
    "cnn180_fp32_adam": (CNN180(), BIG_IN, "adam", True),
    "cnn180_bf16_adam": (CNN180(BF16), BIG_IN, "adam", True),
    "resnet_fp32_adam": (ResNetish(), RES_IN, "adam", True),
    "resnet_fp32_adam_remat": (ResNetish(remat="full"), RES_IN, "adam", True),
    "tfm_fp32_adam": (Transformer(), TXT_IN, "adam", True),
    "tfm_bf16_adam": (Transformer(BF16), TXT_IN, "adam", True),
    "tfm_bf16_adam_remat": (Transformer(BF16, "full"), TXT_IN, "adam", True),
    "tfm_fp32_adafactor": (Transformer(), TXT_IN, "adafactor", True),
    "tfm_fp32_adam_dots": (Transformer(remat="dots"), TXT_IN, "adam", True),
    "tfm_fp32_adam_everything": (Transformer(remat="everything"), TXT_IN, "adam", True),
    "tfm_fp32_adam_remat": (Transformer(remat="full"), TXT_IN, "adam", True),
    "tfm_scan_fp32_adam": (Transformer(scan=True), TXT_IN, "adam", True),
    "tfm_scan_fp32_adam_remat": (Transformer(scan=True, remat="full"), TXT_IN, "adam", True),
}


def record(name, out):
    model, (shape, dtype), optimizer, donate = CASES[name]
    is_text = dtype == "int32"
    x = jax.ShapeDtypeStruct(shape, dtype)
    y = jax.ShapeDtypeStruct(shape if is_text else shape[:1], "int32")
    params = jax.eval_shape(model.init, jax.random.PRNGKey(0), x)
    tx = OPTIMIZERS[optimizer]()
    state = jax.eval_shape(tx.init, params)

    def loss(p, x, y):
        logits = model.apply(p, x).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()

    def step(p, o, x, y):
        value, grads = jax.value_and_grad(loss)(p, x, y)
        updates, o = tx.update(grads, o, p)
        return optax.apply_updates(p, updates), o, value

    kept = saved_residuals(loss, params, x, y)
    size = lambda a: int(a.size * a.dtype.itemsize)
    rows = [[list(a.shape), str(a.dtype), size(a), why[:160]] for a, why in kept]
    (out / f"{name}.fwd_jaxpr.txt").write_text(str(jax.make_jaxpr(loss)(params, x, y)))
    (out / f"{name}.grad_jaxpr.txt").write_text(str(jax.make_jaxpr(jax.grad(loss))(params, x, y)))
    (out / f"{name}.jaxpr.txt").write_text(str(jax.make_jaxpr(step)(params, state, x, y)))
    lowered = jax.jit(step, donate_argnums=(0, 1) if donate else ()).lower(params, state, x, y)
    (out / f"{name}.stablehlo.mlir").write_text(lowered.as_text())
    compiled = lowered.compile()
    (out / f"{name}.cpu_optimized_hlo.txt").write_text(compiled.as_text())
    memory = compiled.memory_analysis()
    fields = [f for f in dir(memory) if f.endswith("_in_bytes")]
    result = {
        "name": name,
        "jax": jax.__version__,
        "optimizer": optimizer,
        "donate": donate,
        "param_bytes": sum(map(size, jax.tree.leaves(params))),
        "opt_state_bytes": sum(map(size, jax.tree.leaves(state))),
        "residual_list": rows,
        "memory_analysis": {f: getattr(memory, f) for f in fields},
    }
    (out / f"{name}.json").write_text(json.dumps(result, indent=1))
    return result


def functions():
    nn_, lax, np_ = jax.nn, jax.lax, jnp
    x, w, v = jnp.ones((4, 8)), jnp.ones((8, 6)), jnp.ones((8,))
    img, ker = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 4))
    tokens = jnp.zeros((4,), "int32")
    unary = {
        "silu": nn_.silu, "gelu": nn_.gelu, "gelu_exact": partial(nn_.gelu, approximate=False), "softplus": nn_.softplus,
        "elu": nn_.elu, "selu": nn_.selu, "relu6": nn_.relu6, "leaky_relu": nn_.leaky_relu, "hard_swish": nn_.hard_swish,
        "log_softmax": nn_.log_softmax, "softmax": nn_.softmax, "standardize": nn_.standardize, "logsumexp": partial(nn_.logsumexp, axis=-1),
        "tanh": np_.tanh, "sigmoid": nn_.sigmoid, "exp": np_.exp, "exp2": np_.exp2, "expm1": np_.expm1, "log1p": np_.log1p, "sqrt": np_.sqrt,
        "cbrt": np_.cbrt, "sin": np_.sin, "cos": np_.cos, "abs": np_.abs, "square": np_.square, "cube": lambda a: a**3, "power": lambda a: a**2.5,
        "reciprocal": lambda a: 1.0 / a, "rsqrt": lax.rsqrt, "erf": lax.erf, "cumsum": partial(np_.cumsum, axis=1), "sort": np_.sort,
        "maximum": lambda a: np_.maximum(a, 0.1), "clip": lambda a: np_.clip(a, -1, 1), "where": lambda a: np_.where(a > 0, a, 0.0),
        "mean": np_.mean, "var": np_.var, "max": lambda a: a.max(axis=1), "min": lambda a: a.min(axis=0), "norm": np_.linalg.norm,
        "transpose": lambda a: a.T * 2.0, "concatenate": lambda a: np_.concatenate([a, 2.0 * a]), "pad": lambda a: np_.pad(a, 1) ** 2,
        "slice": lambda a: a[1:3, ::2] ** 2, "roll": lambda a: np_.roll(a, 1) * a, "bf16": lambda a: np_.tanh(a.astype("bfloat16")).astype("float32"),
        "glu": nn_.glu, "normalize": lambda a: a / np_.sqrt((a * a).sum(-1, keepdims=True) + 1e-6), "stop": lambda a: a * lax.stop_gradient(np_.exp(a)),
        "checkpointed": jax.checkpoint(lambda a: np_.sin(np_.exp(a)) * a), "flip": lambda a: a[::-1] * a, "dynamic": lambda a: lax.dynamic_slice(a, (1, 2), (2, 3)) ** 2,
    }
    cases = {name: (lambda f: lambda a: f(a).sum(), lambda f=f: f) for name, f in unary.items()}
    many = {
        "dot": (lambda a, b: (a @ b).sum(), x, w), "mlp": (lambda a, b: (nn_.relu(a @ b) ** 2).sum(), x, w),
        "scale": (lambda a, b: (a * b).sum(), x, v), "divide": (lambda a, b: (a / b).sum(), x, v), "subtract": (lambda a, b: ((a - b) ** 2).sum(), x, v),
        "einsum": (lambda a, b: np_.einsum("bhd,hde->be", a, b).sum(), jnp.ones((2, 3, 4)), jnp.ones((3, 4, 5))),
        "conv": (lambda a, b: (lax.conv_general_dilated(a, b, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) ** 2).sum(), img, ker),
        "max_pool": (lambda a: nn.max_pool(a**2, (2, 2), (2, 2)).sum(), img), "avg_pool": (lambda a: (nn.avg_pool(a, (2, 2), (2, 2)) ** 2).sum(), img),
        "embed": (lambda a, t: (a[t] ** 2).sum(), w, tokens), "cross_entropy": (lambda a, t: optax.softmax_cross_entropy_with_integer_labels(a, t).mean(), x, tokens),
        "scan": (lambda c, a: lax.scan(lambda h, r: (np_.tanh(h * r), h), c, a)[0].sum(), v, jnp.ones((5, 8))),
        "scan_weights": (lambda m, h: (lax.scan(lambda c, _: (np_.tanh(c @ m), None), h, None, length=3)[0]).sum(), jnp.ones((8, 8)), x),
        "attention": (lambda q, k, u: nn_.dot_product_attention(q, k, u).sum(), *[jnp.ones((2, 4, 2, 8))] * 3),
        "layer_norm": (lambda a, g: ((a - a.mean(-1, keepdims=True)) * lax.rsqrt(a.var(-1, keepdims=True) + 1e-5) * g).sum(), x, v),
    }
    for name, (wrap, get) in cases.items():
        yield name, wrap(get()), (x,)
    for name, (f, *args) in many.items():
        yield name, f, tuple(args)


def record_functions(out):
    lines = []
    for name, f, args in functions():
        floats = [i for i, a in enumerate(args) if jnp.issubdtype(a.dtype, jnp.floating)]
        kept = saved_residuals(f, *args)
        sizes = sorted(int(a.size * a.dtype.itemsize) for a, why in kept if why != "from a literal")
        lines.append({"name": name, "trained": floats, "jaxpr": str(jax.make_jaxpr(f)(*args)), "kept": sizes})
    (out / "recorded-jax-functions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(len(lines), "functions")


def record_optimizers(out):
    model, (shape, dtype), *_ = CASES["tfm_fp32_adam"]
    params = jax.eval_shape(model.init, jax.random.PRNGKey(0), jax.ShapeDtypeStruct(shape, dtype))
    shapes = [list(p.shape) for p in jax.tree.leaves(params)]
    lines = [{"shapes": shapes}]
    for text, make in {
        "sgd": lambda: optax.sgd(0.1), "sgd:momentum=0.9": lambda: optax.sgd(0.1, momentum=0.9), "rmsprop:momentum=0.9": lambda: optax.rmsprop(0.1, momentum=0.9),
        "rmsprop:centered": lambda: optax.rmsprop(0.1, centered=True), "adafactor:momentum=0.9": lambda: optax.adafactor(0.1, momentum=0.9),
        "adafactor:factored=false": lambda: optax.adafactor(0.1, factored=False),
        **{name: partial(getattr(optax, name), 0.1) for name in (
            "adabelief adadelta adafactor adagrad adam adamax adamaxw adamw adan amsgrad fromage lamb lars lion nadam nadamw novograd radam rmsprop rprop yogi".split())},
    }.items():
        state = jax.eval_shape(make().init, params)
        lines.append({"optimizer": text, "bytes": sum(int(a.size * a.dtype.itemsize) for a in jax.tree.leaves(state))})
    (out / "recorded-optax.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(len(lines) - 1, "optimizers")


def main():
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    if sys.argv[2:] == ["functions"]:
        return record_functions(out)
    if sys.argv[2:] == ["optimizers"]:
        return record_optimizers(out)
    for name in sys.argv[2:] or CASES:
        result = record(name, out)
        kept = sum(row[2] for row in result["residual_list"])
        print(name, "kept", kept, "temp", result["memory_analysis"]["temp_size_in_bytes"], flush=True)


main()
