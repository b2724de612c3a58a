"""Record what PyTorch's caching allocator hands out for random requests, under each setting of PYTORCH_CUDA_ALLOC_CONF.

usage: FAKE_GPU=RTX-3060-12GB FAKE_GPU_MEM_GIB=1.5 run.sh oracle/record_allocator.py oracle/recorded/allocator.json
`run.sh` is the recorder's. The device has 1.5 GiB, 500 MiB of which the context takes. One process per setting, as it is read once.
A trace is a list of events: n > 0 asks for n bytes, -k releases the k-th of the live blocks (from 1). Per setting and trace:
  allocated  after each event, in units of 512 B;  reserved  after each event, in MiB
  failed     events that ran out of memory;  retries  num_alloc_retries at the end
  error      what the process ended with instead
"""
import json, os, random, subprocess, sys

MIB = 1 << 20
TRACES = {  # seed, events, bytes alive at most, largest request in MiB
    "roomy": (1, 150, 500 * MIB, 60),
    "crowded": (2, 260, 1000 * MIB, 150),
}
SETTINGS = [
    "", "backend:native", "max_split_size_mb:20", "max_split_size_mb:64", "max_split_size_mb:64,max_non_split_rounding_mb:64",
    "roundup_power2_divisions:1", "roundup_power2_divisions:4", "roundup_power2_divisions:[1:8,2:4,4:2,>:1]", "roundup_power2_divisions:[8:2,32:0,64:16]",
    "roundup_power2_divisions:[256:1,512:2,1024:4,>:8]", "garbage_collection_threshold:0.5", "garbage_collection_threshold:0.5,per_process_memory_fraction:1.0",
    "garbage_collection_threshold:0.5,per_process_memory_fraction:0.7", "garbage_collection_threshold:0.3,per_process_memory_fraction:0.99", "per_process_memory_fraction:0.5",
    "per_process_memory_fraction:0.5,throw_on_cudamalloc_oom:True",
    "large_segment_size_mb:40", "large_segment_size_mb:12,max_split_size_mb:12", "max_split_size_mb:40,roundup_power2_divisions:2,garbage_collection_threshold:0.6,per_process_memory_fraction:0.7",
    "expandable_segments:True", "expandable_segments:True,roundup_power2_divisions:8", "expandable_segments:True,large_segment_size_mb:64", "expandable_segments:True,per_process_memory_fraction:0.5",
    "expandable_segments:True,garbage_collection_threshold:0.3,per_process_memory_fraction:0.6", "expandable_segments:True,max_split_size_mb:64",
    "pinned_use_background_threads:True,pinned_use_cuda_host_register:True,pinned_num_register_threads:4,release_lock_on_cudamalloc:True",
]


def trace(seed, count, most, largest):
    """Small, middling and large requests, released in any order."""
    draw = random.Random(seed)
    live, events = [], []
    while len(events) < count:
        if live and (draw.random() < 0.38 or sum(live) > most):
            at = draw.randrange(len(live))
            live.pop(at)
            events.append(-at - 1)
        else:
            kind = draw.random()
            low, high = (1, 3000) if kind < 0.1 else (1, MIB) if kind < 0.3 else (MIB, 12 * MIB) if kind < 0.6 else (5 * MIB, largest * MIB)
            size = draw.randint(low, high)
            live.append(size)
            events.append(size)
    return events


def replay(events):
    import torch

    torch.cuda.init()
    live, allocated, reserved, failed = [], [], [], []
    for at, event in enumerate(events):
        if event < 0:
            live.pop(-event - 1)
        else:
            try:
                live.append(torch.empty(event, dtype=torch.uint8, device="cuda"))
            except torch.OutOfMemoryError:
                live.append(None)
                failed.append(at)
        allocated.append(torch.cuda.memory_allocated() // 512)
        reserved.append(torch.cuda.memory_reserved() // MIB)
    return {"allocated": allocated, "reserved": reserved, "failed": failed, "retries": torch.cuda.memory_stats()["num_alloc_retries"]}


def main():
    if sys.argv[1] == "--replay":
        print(json.dumps(replay(trace(*TRACES[sys.argv[2]]))))
        return
    import torch

    head = {"torch": torch.__version__, "gpu": os.environ["FAKE_GPU"], "memoryMiB": 1536, "contextMiB": 500, "command": __doc__.split("usage: ")[1].split("\n")[0]}
    rows = []
    for setting in SETTINGS:
        for name in TRACES:
            done = subprocess.run([sys.executable, __file__, "--replay", name], env={**os.environ, "PYTORCH_CUDA_ALLOC_CONF": setting}, capture_output=True, text=True)
            if done.returncode == 0:
                rows.append({"setting": setting, "trace": name, **json.loads(done.stdout)})
            else:
                lines = [line for line in done.stderr.splitlines() if "Error" in line or "ASSERT" in line]
                rows.append({"setting": setting, "trace": name, "error": lines[-1][:300] if lines else "ended"})
            print(setting, name, rows[-1].get("error", ""), rows[-1].get("retries"), len(rows[-1].get("failed", [])), file=sys.stderr)
    with open(sys.argv[1], "w") as file:
        traces = json.dumps({name: trace(*how) for name, how in TRACES.items()}, separators=(",", ":"))
        file.write(json.dumps(head)[:-1] + f', "traces": {traces}, "rows": [\n')
        file.write(",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]}\n")


main()
