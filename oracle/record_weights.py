"""Small files of weights by real producers, for src/importers/weights/fixtures.

usage: python record_weights.py OUT_DIR
Needs torch 2.14 and safetensors.
"""
import os, sys, warnings
warnings.filterwarnings("ignore")
import torch
from safetensors.torch import save_file
from torch import nn

OUT = sys.argv[1]
path = lambda name: os.path.join(OUT, name)
torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 6))
optimizer = torch.optim.AdamW(model.parameters())
save_file(model.state_dict(), path("small.safetensors"))
save_file({k: v.bfloat16() if v.is_floating_point() else v for k, v in model.state_dict().items()}, path("small-bf16.safetensors"))
torch.save(model.state_dict(), path("small.pth"))
torch.save(model.state_dict(), path("small-before-1.6.pth"), _use_new_zipfile_serialization=False)
torch.save(model.state_dict(), path("small-protocol-4.pth"), pickle_protocol=4)
torch.save(model, path("whole-module.pt"))
model(torch.randn(2, 1, 4, 4)).sum().backward(); optimizer.step()
torch.save({"epoch": 3, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict()}, path("checkpoint.ckpt"))
torch.jit.save(torch.jit.script(model), path("scripted.pt"))
tied = nn.Module(); tied.embed = nn.Embedding(10, 8); tied.head = nn.Linear(8, 10, bias=False); tied.head.weight = tied.embed.weight
torch.save(tied.state_dict(), path("tied.bin"))
for name in sorted(os.listdir(OUT)):
    print(name, os.path.getsize(path(name)))
