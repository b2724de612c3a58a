"""Record what real PyTorch allocates for one operation at a time, and the graph torch.export makes of the same module.

usage: FAKE_GPU=A100-80GB run.sh oracle/record_ops.py [family ...] [--only case-name-part]
`run.sh` is the recorder's: real PyTorch (CUDA build) with its real caching allocator on a stand-in GPU whose kernels do
nothing. Without families, every family of op_cases.py is recorded into oracle/recorded/ops-<family>.json.

A case is a module holding its differentiable inputs as parameters a, b, c, d. `A` is `self.a.clone()`: an activation that
needs a gradient. forward() is `(op * 2.0).sum()`, so that a dense gradient reaches the op. Nothing names an intermediate
result unless the case says so: a tensor dies when its last user has returned, as when a variable is rebound at every layer.

A case of the file:
  name, code   what forward() does before `* 2.0` and `.sum()`; functions it names are in op_cases.py
  note, tied   only where needed; tied lists parameter names that are one tensor
  program      the ExportedProgram as torch.export.save writes it, without stack traces; null where torch.export refuses
  forward      events of the second step's forward: "a3:2048" allocation 3 of 2048 requested bytes, "f3" its release
  backward     events of loss.backward(); the loss itself is still alive at the end
  autocast     where the forward runs under torch.autocast: its type; the program is exported without
  between, forwardAgain, backwardAgain
               some cases: the release of the loss, then a second micro-batch while the first one's gradients are still there
  grads        parameter -> allocation that its gradient occupies when backward is over
  saved        [node, attribute, shape, dtype, bytes of the storage, 1 = a parameter's, 1 = storage seen first here]
  savedBytes   bytes of the distinct saved storages, parameters left out, buffers and inputs counted
"""
import contextlib, gc, io, json, logging, os, sys, traceback, warnings, zipfile

warnings.filterwarnings("ignore")
import torch
import torch.nn as nn

logging.disable(logging.WARNING)
HERE = os.path.dirname(os.path.abspath(__file__))
RECORDER = os.environ.get("PLIMSOLL_RECORDER") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "plimsoll-recorder", "src")
sys.path[:0] = [HERE, RECORDER]
import measure
import op_cases

MAX_EVENTS = 200_000
NO_STACKS = {"context": None, "stacks": "python", "max_entries": MAX_EVENTS}


class Case(nn.Module):
    def __init__(self, spec):
        super().__init__()
        for name, tensor in spec.parameters.items():
            setattr(self, name, nn.Parameter(tensor.make(), requires_grad=name not in spec.frozen))
        for name, make in spec.modules.items():
            setattr(self, name, make())
        for name, parameter in self.named_parameters():
            if name in spec.frozen:
                parameter.requires_grad_(False)
        if spec.prepare:
            spec.prepare(self)
        self.op = spec.op

    A = property(lambda self: self.a.clone())
    B = property(lambda self: self.b.clone())
    C = property(lambda self: self.c.clone())
    D = property(lambda self: self.d.clone())

    def forward(self, x=None, x2=None, x3=None):
        return (self.op(self, x, x2, x3) * 2.0).sum()


# ------------------------------------------------------------------ the program
def export(module, inputs):
    """torch.export's program of a meta module, with a free batch where the module allows it."""
    free = {0: torch.export.Dim("batch", min=2, max=65536)}
    batch = inputs[0].shape[0] if inputs and inputs[0].dim() else None
    if batch:
        shapes = tuple(free if t.dim() and t.shape[0] == batch else None for t in inputs)
        shapes = dict(zip(("x", "x2", "x3"), shapes))
        with contextlib.suppress(Exception):
            return torch.export.export(module, tuple(inputs), dynamic_shapes=shapes, strict=False)
    return torch.export.export(module, tuple(inputs), strict=False)


def stripped(program):
    file = io.BytesIO()
    torch.export.save(program, file)
    with zipfile.ZipFile(file) as archive:
        name = next(n for n in archive.namelist() if n.endswith("models/model.json"))
        model = json.loads(archive.read(name))
    top = model["graph_module"]
    for unused in ("module_call_graph", "metadata", "treespec_namedtuple_fields"):
        top.pop(unused, None)
    strip_graph(top["graph"])
    return {"graph_module": top, "range_constraints": model["range_constraints"]}


def strip_graph(graph):
    for node in graph["nodes"]:
        for unused in ("stack_trace", "torch_fn"):
            node["metadata"].pop(unused, None)
        for each in node["inputs"]:
            inner = each["arg"].get("as_graph")
            if inner:
                strip_graph(inner["graph"])
    for key in [k for k, v in graph.items() if k.endswith("_values") and not v]:
        del graph[key]


# ------------------------------------------------------------------ the step
class Events:
    """Reads the allocator's history in pieces and numbers allocations through all pieces."""

    def __init__(self):
        self.count, self.live, self.unknown, self.seen = 0, {}, 0, 0

    def take(self):
        out = []
        trace = torch.cuda.memory._snapshot()["device_traces"][0]
        for event in trace[self.seen:]:
            action, address = event["action"], event["addr"]
            if action == "alloc":
                self.live[address] = self.count
                out.append(f"a{self.count}:{event['size']}")
                self.count += 1
            elif action == "free_requested":
                known = self.live.pop(address, -1)
                self.unknown += known < 0
                out.append(f"f{known}")
        self.seen = len(trace)
        return out

    def skip(self):
        self.seen = len(torch.cuda.memory._snapshot()["device_traces"][0])


def step(run, parameters, events=None, again=False):
    """One forward and backward; with `events`, what the allocator did in each."""
    record = {}
    loss, record["forward"] = run(events)
    loss.backward()
    if events:
        record["backward"] = events.take()
        record["grads"] = {name: events.live.get(p.grad.untyped_storage().data_ptr(), -1) for name, p in parameters if p.grad is not None}
    del loss
    if events and again:
        record["between"] = events.take()
        loss, record["forwardAgain"] = run(events)
        loss.backward()
        record["backwardAgain"] = events.take()
        del loss
    for _, parameter in parameters:
        parameter.grad = None
    return record


def recorded_step(run, parameters, again):
    torch.cuda.synchronize()
    gc.collect()
    torch.cuda.memory._record_memory_history(enabled=None)
    torch.cuda.memory._record_memory_history(enabled="all", **NO_STACKS)
    events = Events()
    try:
        return step(run, parameters, events, again), events.unknown
    finally:
        torch.cuda.memory._record_memory_history(enabled=None)


def record(spec):
    with torch.device("meta"):
        module = Case(spec)
        inputs = [t.make() for t in spec.inputs]
    module.train()
    for part in spec.eval_modules:
        getattr(module, part).eval()
    out = {"name": spec.name, "code": spec.code}
    if spec.note:
        out["note"] = spec.note
    tied = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        tied.setdefault(id(parameter), []).append(name)
    if any(len(names) > 1 for names in tied.values()):
        out["tied"] = [names for names in tied.values() if len(names) > 1]
    with spec.context():
        out["program"] = stripped(export(module, inputs)) if spec.exports else None
    measure.materialize(module)
    refresh(module)
    inputs = [t.fill(torch.zeros_like(v, device=t.device)) for t, v in zip(spec.inputs, inputs)]
    parameters = list(module.named_parameters())
    autocast = torch.autocast("cuda", dtype=spec.autocast) if spec.autocast else contextlib.nullcontext()
    if spec.autocast:
        out["autocast"] = str(spec.autocast).replace("torch.", "")

    def run(events=None):
        """Autocast drops its cached casts when its context exits, in the order of a hash of addresses: sorted here."""
        with autocast, spec.context():
            loss = module(*inputs)
            inside = events.take() if events else []
        exit_events = events.take() if events else []
        return loss, inside + sorted(exit_events, key=lambda e: int(e[1:]))

    step(run, parameters)
    first, unknown = recorded_step(run, parameters, spec.again)
    again, _ = recorded_step(run, parameters, spec.again)
    if first != again:
        print(f"  {spec.name}: the third step differs from the second")
    if unknown:
        print(f"  {spec.name}: {unknown} releases of blocks older than the step")
    out.update(first)
    loss, _ = run()
    rows, _, totals = measure.walk_saved(loss, [p for _, p in parameters])
    out["saved"] = [[node, attribute, shape, dtype, nbytes, parameter, new] for node, attribute, shape, dtype, _, nbytes, parameter, new in rows]
    out["savedBytes"] = totals["saved_unique_activation_bytes"]
    return out


def refresh(module):
    """Recurrent modules hold a second list of their weights."""
    for part in module.modules():
        if isinstance(part, nn.RNNBase):
            part._flat_weights = [getattr(part, name) for name in part._flat_weights_names]


# ------------------------------------------------------------------ files
def write(family, cases):
    command = f"FAKE_GPU={os.environ.get('FAKE_GPU')} run.sh oracle/record_ops.py {family}"
    head = {"torch": torch.__version__, "gpu": os.environ.get("FAKE_GPU"), "command": command}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    text = json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n"
    path = os.path.join(HERE, "recorded", f"ops-{family}.json")
    with open(path + ".tmp", "w") as file:
        file.write(text)
    os.replace(path + ".tmp", path)
    return len(text)


def main():
    arguments = sys.argv[1:]
    only = None
    if "--only" in arguments:
        at = arguments.index("--only")
        only = arguments[at + 1]
        del arguments[at:at + 2]
    torch.cuda.init()
    torch.manual_seed(0)
    gc.disable()
    gc.freeze()
    failed = []
    for family in arguments or op_cases.FAMILIES:
        done = []
        for spec in op_cases.FAMILIES[family]:
            if only and only not in spec.name:
                continue
            try:
                done.append(record(spec))
            except Exception as error:
                failed.append(f"{family}/{spec.name}")
                print(f"  {family}/{spec.name}: FAILED {type(error).__name__}: {str(error)[:300]}")
                if only:
                    traceback.print_exc()
            gc.collect()
        if only:
            for case in done:
                print(json.dumps({k: v for k, v in case.items() if k != "program"}, indent=None))
        else:
            print(f"{family}: {len(done)} cases, {write(family, done)} bytes")
        sys.stdout.flush()
    print(f"{len(failed)} failed:", *failed)


if __name__ == "__main__":
    main()
