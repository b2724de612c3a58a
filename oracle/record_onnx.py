"""Small ONNX files by real producers, for src/importers/onnx/fixtures, and the same networks as .pt2 beside them.

usage: python record_onnx.py OUT_DIR
Needs torch 2.14, onnx, onnxscript. Every weight is random (exporters store equal tensors once) and kept outside the file,
where nothing reads it: the data files are deleted.
"""
import logging, os, sys, warnings
warnings.filterwarnings("ignore"); logging.disable(logging.WARNING)
import numpy as np, onnx, torch
from onnx import TensorProto as T, helper as h, numpy_helper
from torch import nn
import torch.nn.functional as F

OUT = sys.argv[1]


class Block(nn.Module):
    def __init__(self, d=32, heads=4):
        super().__init__()
        self.n1, self.qkv, self.o = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.n2, self.f1, self.f2, self.heads = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d), heads

    def forward(self, x):
        B, S, D = x.shape
        q, k, v = self.qkv(self.n1(x)).view(B, S, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        a = F.scaled_dot_product_attention(q, k, v)
        x = x + self.o(a.transpose(1, 2).reshape(B, S, D))
        return x + self.f2(F.gelu(self.f1(self.n2(x))))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.blocks = nn.Embedding(100, 32), nn.ModuleList([Block(), Block()])
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 10)

    def forward(self, tokens):
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class Images(nn.Module):
    """Convolutions with batch norm, one without, pooling, dropout."""
    def __init__(self):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.c2, self.b2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16)
        self.c3, self.pool, self.drop, self.fc = nn.Conv2d(16, 16, 1), nn.MaxPool2d(2), nn.Dropout(0.5), nn.Linear(16, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.b1(self.c1(x))))
        x = F.hardswish(self.b2(self.c2(x)))
        x = F.silu(self.c3(x))
        return self.fc(self.drop(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb, self.rnn, self.fc = nn.Embedding(50, 12), nn.LSTM(12, 16, 2, batch_first=True, bidirectional=True), nn.Linear(32, 4)

    def forward(self, x):
        return self.fc(self.rnn(self.emb(x))[0][:, -1])


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(),
                                 nn.AvgPool2d(2), nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10))

    def forward(self, x):
        return self.net(x)


def strip(name):
    """Moves every weight out of the file, and forgets it."""
    path = os.path.join(OUT, name)
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        kept = [p for p in node.metadata_props if p.key in ("pkg.torch.onnx.name_scopes", "pkg.onnxscript.rewriter.rule_name")]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    for value in [*model.graph.value_info, *model.graph.initializer]:
        del value.metadata_props[:]
    onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location="x.data", size_threshold=256)
    for data in ("x.data", name + ".data"):
        if os.path.exists(os.path.join(OUT, data)):
            os.remove(os.path.join(OUT, data))
    print(name, os.path.getsize(path))


def export(name, model, x, opsets=(20,), batch=None):
    for p in model.parameters():
        nn.init.normal_(p.data)
    batch = batch or torch.export.Dim("batch", min=2, max=65536)
    with torch.device("meta"):
        program = torch.export.export(model.train().to("meta"), (x.to("meta"),), dynamic_shapes=({0: batch},))
    torch.export.save(program, os.path.join(OUT, name + ".pt2"))
    model.to_empty(device="cpu").eval()
    for p in model.parameters():
        nn.init.normal_(p.data)
    for b in model.buffers():
        b.data.fill_(1)
    file = f"{name}.dynamo.onnx"
    torch.onnx.export(model, (x,), os.path.join(OUT, file), dynamo=True, external_data=True, dynamic_shapes=({0: batch},), verbose=False)
    strip(file)
    for opset in opsets:
        file = f"{name}.opset{opset}.onnx"
        torch.onnx.export(model, (x,), os.path.join(OUT, file), dynamo=False, opset_version=opset,
                          dynamic_axes={"x": {0: "batch"}}, input_names=["x"], output_names=["y"])
        strip(file)


torch.manual_seed(0)
for name, model, x, opsets in (
    ("lenet", LeNet(), torch.randn(2, 1, 28, 28), (7, 20)),
    ("images", Images(), torch.randn(2, 3, 16, 16), (9, 13, 17)),
    ("encoder", Encoder(), torch.randint(0, 100, (2, 16)), (14, 17, 20)),
    ("words", Words(), torch.randint(0, 50, (2, 9)), (11, 17)),
):
    try:
        export(name, model, x, opsets)
    except Exception as failed:
        print("FAILED", name, repr(failed)[:300])

images = Images().train()
for p in images.parameters():
    nn.init.normal_(p.data)
torch.onnx.export(images, (torch.randn(4, 3, 16, 16),), os.path.join(OUT, "images.training.onnx"), dynamo=False, opset_version=17,
                  training=torch.onnx.TrainingMode.TRAINING, do_constant_folding=False, input_names=["x"], output_names=["y"])
strip("images.training.onnx")


def by_hand(name, nodes, inputs, outputs, weights, functions=(), opset=17, domains=()):
    graph = h.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(torch.randn(*dims).numpy() if isinstance(kind, int) else np.asarray(kind), key)
                                                        for key, kind, dims in weights])
    model = h.make_model(graph, functions=list(functions), opset_imports=[h.make_opsetid("", opset), *[h.make_opsetid(d, 1) for d in domains]], ir_version=9)
    onnx.save(model, os.path.join(OUT, name + ".onnx"))
    print(name, os.path.getsize(os.path.join(OUT, name + ".onnx")))


vec = lambda n, *d: h.make_tensor_value_info(n, T.FLOAT, list(d))
W = lambda n, *d: (n, T.FLOAT, d)
# a function of the file's own, called twice
act = h.make_function("own", "Gate", ["x"], ["y"], [h.make_node("Sigmoid", ["x"], ["s"]), h.make_node("Mul", ["x", "s"], ["y"])], [h.make_opsetid("", 17)])
by_hand("function", [h.make_node("MatMul", ["x", "a"], ["m"]), h.make_node("Gate", ["m"], ["g"], domain="own"),
                     h.make_node("MatMul", ["g", "b"], ["n"]), h.make_node("Gate", ["n"], ["y"], domain="own")],
        [vec("x", "batch", 8)], [vec("y", "batch", 4)], [W("a", 8, 16), W("b", 16, 4)], [act], domains=("own",))
# a branch that data decides, and a loop of three turns
then = h.make_graph([h.make_node("MatMul", ["x", "a"], ["t1"]), h.make_node("Tanh", ["t1"], ["t"])], "then", [], [vec("t", None, 8)])
other = h.make_graph([h.make_node("Relu", ["x"], ["e"])], "else", [], [vec("e", None, 8)])
by_hand("branch", [h.make_node("ReduceSum", ["x"], ["s"], keepdims=0), h.make_node("Greater", ["s", "zero"], ["c"]),
                   h.make_node("If", ["c"], ["y"], then_branch=then, else_branch=other)],
        [vec("x", "batch", 8)], [vec("y", "batch", 8)], [W("a", 8, 8), ("zero", np.float32(0), ())])
body = h.make_graph([h.make_node("MatMul", ["h", "a"], ["m"]), h.make_node("Tanh", ["m"], ["h2"]), h.make_node("Identity", ["c"], ["c2"])], "body",
                    [h.make_tensor_value_info("i", T.INT64, []), h.make_tensor_value_info("c", T.BOOL, []), vec("h", None, 8)],
                    [h.make_tensor_value_info("c2", T.BOOL, []), vec("h2", None, 8)])
by_hand("loop", [h.make_node("Loop", ["three", "", "x"], ["y"], body=body)], [vec("x", "batch", 8)], [vec("y", "batch", 8)],
        [W("a", 8, 8), ("three", np.int64(3), ())])
# whole numbers in place of weights, an operator of nobody's
by_hand("quantized", [h.make_node("QuantizeLinear", ["x", "scale", "point"], ["q"]),
                      h.make_node("QLinearMatMul", ["q", "scale", "point", "w", "scale", "point", "scale", "point"], ["p"]),
                      h.make_node("DequantizeLinear", ["p", "scale", "point"], ["y"])],
        [vec("x", "batch", 8)], [vec("y", "batch", 4)],
        [("scale", np.float32(0.1), ()), ("point", np.uint8(0), ()), ("w", np.zeros((8, 4), np.uint8), ())])
by_hand("unknown", [h.make_node("MatMul", ["x", "a"], ["m"]), h.make_node("Wobble", ["m"], ["y"], domain="mine")],
        [vec("x", "batch", 8)], [vec("y", "batch", 4)], [W("a", 8, 4)], domains=("mine",))
