"""Stages of a pipeline of Llama blocks: torch.distributed.pipelining's real schedules on one rank of a process group that sends nothing.

usage: python record_pipeline.py '{"stages": 4, "stage": 1, "micro": 8, "batch": 2, "seq": 512, "schedule": "1f1b", "config": {...}}'
Prints the case and, for each of three steps, the peak before the optimizer, the peak, and what is left (bytes), and the reserved peak.
Runs where measure.py of the recorder is importable and the stand-in device answers. The last stage computes cross-entropy over float32
logits, not the model's own loss, so its figures are not compared.
"""
import sys, os, json, torch, torch.nn as nn, torch.distributed as dist
import measure
from torch.testing._internal.distributed.fake_pg import FakeStore
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
spec = json.loads(sys.argv[1])
P, r, m = spec["stages"], spec["stage"], spec["micro"]
torch.cuda.init()
torch.cuda.set_device(0)
dist.init_process_group("fake", rank=r, world_size=P, store=FakeStore())
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM
measure.truthful_all()
cfg = LlamaConfig(**{k: v for k, v in spec["config"].items() if k != "model_type"}); cfg._attn_implementation = "sdpa"
class Stage(nn.Module):
    def __init__(s):
        super().__init__()
        full = LlamaForCausalLM(cfg)
        L = cfg.num_hidden_layers // P
        s.embed = full.model.embed_tokens if r == 0 else None
        s.layers = nn.ModuleList(full.model.layers[r*L:(r+1)*L])
        s.rotary = full.model.rotary_emb
        s.norm = full.model.norm if r == P-1 else None
        s.head = full.lm_head if r == P-1 else None
    def forward(s, x):
        h = s.embed(x) if s.embed is not None else x
        pos = torch.arange(h.shape[1], device=h.device).unsqueeze(0)
        pe = s.rotary(h, pos)
        for l in s.layers:
            h = l(h, attention_mask=None, position_embeddings=pe, position_ids=pos)
        if s.norm is not None: h = s.head(s.norm(h))
        return h
with torch.device("meta"):
    st = Stage()
st = measure.materialize(st.to(torch.bfloat16))
st.train()
b, q = spec["batch"], spec["seq"]
D = cfg.hidden_size
ids = torch.zeros(b*m, q, dtype=torch.long, device="cuda")
opt = torch.optim.AdamW(st.parameters(), lr=1e-4)
x0 = torch.zeros(b, q, dtype=torch.long, device="meta") if r == 0 else torch.empty(b, q, D, dtype=torch.bfloat16, device="meta").requires_grad_(True)
y0 = torch.empty(b, q, cfg.vocab_size if r == P-1 else D, dtype=torch.bfloat16, device="meta").requires_grad_(True)
stage = PipelineStage(st, r, P, torch.device("cuda"), input_args=(x0,), output_args=(y0,))
loss_fn = lambda o, t: nn.functional.cross_entropy(o.view(-1, o.shape[-1]).float(), t.view(-1))
S = {"1f1b": Schedule1F1B, "gpipe": ScheduleGPipe}[spec.get("schedule", "1f1b")]
sch = S(stage, m, loss_fn=loss_fn)
out = []
for step in range(3):
    torch.cuda.reset_peak_memory_stats()
    if r == 0: sch.step(ids)
    elif r == P-1: sch.step(target=ids, return_outputs=False)
    else: sch.step()
    a = torch.cuda.max_memory_allocated()
    opt.step(); opt.zero_grad()
    out.append((a, torch.cuda.max_memory_allocated(), torch.cuda.memory_allocated()))
print(json.dumps({"spec": spec, "steps": out, "reserved": torch.cuda.max_memory_reserved(), "params": sum(p.numel()*2 for p in st.parameters())}))
os._exit(0)
