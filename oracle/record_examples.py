"""Record the PyTorch twins of examples/*.yaml: three training steps each, and what they took.

usage: FAKE_GPU=A100-80GB run.sh oracle/record_examples.py [name ...]
`run.sh` is the recorder's: real PyTorch (CUDA build) with its real caching allocator on a stand-in GPU whose kernels do
nothing; cuDNN workspaces are 0. Prints one JSON line for each case, every case in a process of its own; the numbers are in
test/origin-question.test.ts and src/importers/layer-spec/recorded.test.ts.

A twin is written as a PyTorch user would write the spec: modules in a Sequential, called one after the other, and
torch.nn.functional where the spec has Keras' `activation`.
"""
import json, os, subprocess, sys

RECORDER = os.environ.get("PLIMSOLL_RECORDER") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "plimsoll-recorder", "src")
sys.path.insert(0, RECORDER)
import torch
import torch.nn as nn
import torch.nn.functional as F
import measure


class Activated(nn.Module):
    """A layer with Keras' `activation`: one module, two operators."""

    def __init__(self, layer, activation):
        super().__init__()
        self.layer, self.activation = layer, activation

    def forward(self, x):
        return self.activation(self.layer(x))


def relu(layer):
    return Activated(layer, F.relu)


def softmax(layer):
    return Activated(layer, lambda x: F.softmax(x, dim=-1))


def grayscale_cnn():
    return nn.Sequential(
        relu(nn.Conv2d(1, 36, 3)), nn.MaxPool2d(3), relu(nn.Conv2d(36, 100, 3)), relu(nn.Conv2d(100, 100, 3)), nn.MaxPool2d(2),
        relu(nn.Conv2d(100, 120, 3)), nn.Flatten(), relu(nn.Linear(12000, 1024)), relu(nn.Linear(1024, 2180)), softmax(nn.Linear(2180, 1980)))


def vgg16():
    layers, channels = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if width == 0:
            layers.append(nn.MaxPool2d(2))
        else:
            layers.append(relu(nn.Conv2d(channels, width, 3, padding=1)))
            channels = width
    return nn.Sequential(*layers, nn.Flatten(), relu(nn.Linear(25088, 4096)), relu(nn.Linear(4096, 4096)), nn.Linear(4096, 1000))


def mlp():
    block = lambda width: [nn.Linear(width, 512), nn.ReLU(), nn.Dropout(0.2)]
    return nn.Sequential(*block(784), *block(512), nn.Linear(512, 10))


class Attention(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.heads, self.causal = heads, causal
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        B, S, D = x.shape
        q, k, v = self.qkv(x).reshape(B, S, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x.transpose(1, 2).reshape(B, S, D)
        return self.proj(x)


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width)

    def forward(self, x):
        x = self.fc1(x)
        x = self.act(x)
        return self.fc2(x)


class Block(nn.Module):
    def __init__(self, width, heads, causal):
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads, causal)
        self.norm2, self.mlp = nn.LayerNorm(width), Mlp(width, 4 * width)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PositionEmbedding(nn.Module):
    def __init__(self, length, width):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, length, width))

    def forward(self, x):
        return x + self.weight


def transformer():
    return nn.Sequential(
        nn.Embedding(50257, 768), PositionEmbedding(1024, 768), *[Block(768, 12, True) for _ in range(12)], nn.LayerNorm(768),
        nn.Linear(768, 50257, bias=False))


class Residual(nn.Module):
    def __init__(self, shortcut, *layers):
        super().__init__()
        self.layers, self.shortcut = nn.ModuleList(layers), shortcut

    def forward(self, x):
        y = x
        for layer in self.layers:
            y = layer(y)
        return y + (x if self.shortcut is None else self.shortcut(x))


def residual_net():
    """src/importers/layer-spec/fixtures/residual.yaml"""
    conv = lambda i, o, s=1: nn.Conv2d(i, o, 3, stride=s, padding=1, bias=False)
    block = lambda i, o, s, cut: Residual(cut, conv(i, o, s), nn.BatchNorm2d(o), nn.ReLU(inplace=True), conv(o, o), nn.BatchNorm2d(o))
    return nn.Sequential(
        conv(3, 32), nn.BatchNorm2d(32), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        block(32, 32, 1, None), nn.ReLU(), block(32, 64, 2, nn.Sequential(nn.Conv2d(32, 64, 1, stride=2, bias=False), nn.BatchNorm2d(64))), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 10))


TWINS = {
    "grayscale-cnn": (grayscale_cnn, (1, 50, 180), 1980, 128),
    "vgg16": (vgg16, (3, 224, 224), 1000, 32),
    "mlp": (mlp, (784,), 10, 256),
    "transformer": (transformer, 1024, 50257, 4),
    "residual": (residual_net, (3, 64, 64), 10, 16),
}


def make(spec):
    build, shape, classes, batch = TWINS[spec["twin"]]

    def inputs():
        if isinstance(shape, int):
            return {"x": torch.zeros(batch, shape, dtype=torch.int64, device="cuda"), "y": torch.zeros(batch, shape, dtype=torch.int64, device="cuda")}
        return {"x": torch.randn(batch, *shape, device="cuda"), "y": torch.zeros(batch, dtype=torch.int64, device="cuda")}

    def loss(model, data):
        out = model(data["x"])
        rows = out.flatten(0, 1) if out.dim() == 3 else out
        return F.cross_entropy(rows, data["y"].flatten()), out
    return build(), inputs, loss


def record(name):
    case = {"name": name, "source": "file", "file": os.path.abspath(__file__), "factory": "make", "twin": name, "batch": TWINS[name][3], "optimizer": {"name": "adam"}}
    out = measure.run_safe(case)
    if not out["ok"]:
        sys.exit(out.get("trace") or out["error"])
    print(json.dumps({
        "name": name, "batch": case["batch"], "torch": torch.__version__, "gpu": os.environ.get("FAKE_GPU"),
        "parameterBytes": out["params"]["bytes"], "bufferBytes": out["buffers"]["bytes"], "inputBytes": out["inputs"]["bytes"],
        "savedTensorBytes": out["saved"]["saved_unique_activation_bytes"], "optimizerStateBytes": out["optimizer_state"]["bytes"],
        "cublasWorkspace": out["cublas_workspace"], "peaks": [s["peak_allocated"] for s in out["steps"]], "phase": out["steps"][2]["peak_phase"],
        "phases": {r["phase"]: r["peak"] for r in out["phases"] if r["step"] == 2}, "reserved": out["max_memory_reserved"],
    }), flush=True)


def main(names):
    if len(names) == 1:
        return record(names[0])
    for name in names or TWINS:
        subprocess.run([sys.executable, os.path.abspath(__file__), name], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
