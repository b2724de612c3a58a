"""Small recordings for the readers' tests: LeNet with AdamW, batch 64, on the recorder's stand-in A100.

FAKE_GPU=A100-80GB bash run.sh record_recordings.py OUT_DIR

lenet_trace.json.gz      torch.profiler, third step, stacks and modules; Python functions that are no modules are left out
lenet_snapshot.pickle.gz memory history of the second and the third step, stacks of Python alone, folders of files left out
The figures PyTorch itself reports are printed; the tests repeat them.
"""
import gzip
import json
import os
import pickle
import sys

import torch
import torch.nn as nn
from torch.profiler import ProfilerActivity, profile

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10),
        )

    def forward(self, x):
        return self.net(x)


model = LeNet().cuda()
optimizer = torch.optim.AdamW(model.parameters())
images = torch.empty(64, 1, 28, 28, device="cuda")
targets = torch.empty(64, dtype=torch.int64, device="cuda")


def step():
    loss = nn.functional.cross_entropy(model(images), targets)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


step()
torch.cuda.memory._record_memory_history(context="all", stacks="python")
step()
torch.cuda.reset_peak_memory_stats()
options = {"profile_memory": True, "with_stack": True, "with_modules": True}
with profile(activities=[ProfilerActivity.CPU], experimental_config=torch._C._profiler._ExperimentalConfig(verbose=True), **options) as prof:
    step()
print("max allocated", torch.cuda.max_memory_allocated(), "max reserved", torch.cuda.max_memory_reserved())
snapshot = f"{OUT}/lenet_snapshot.pickle"
torch.cuda.memory._dump_snapshot(snapshot)
with open(snapshot, "rb") as file:
    data = pickle.load(file)
for trace in [*data["device_traces"], data["segments"]]:
    for entry in trace:
        for frame in entry.get("frames", []):
            frame["filename"] = os.path.basename(frame["filename"])
with gzip.GzipFile(f"{snapshot}.gz", "wb", mtime=0) as out:
    pickle.dump(data, out)
os.remove(snapshot)
trace = f"{OUT}/full.json"
prof.export_chrome_trace(trace)
with open(trace) as file:
    data = json.load(file)
os.remove(trace)
data["traceEvents"] = [
    event for event in data["traceEvents"]
    if event.get("cat") != "python_function" or event["name"].startswith("nn.Module: ")
]
for private in ("host_name", "traceName", "trace_id"):
    data.pop(private, None)
with gzip.GzipFile(f"{OUT}/lenet_trace.json.gz", "wb", mtime=0) as out:
    out.write(json.dumps(data, indent=1).encode())
