"""Lists the options that engines read, for the tests of `plimsoll plan --emit`: names alone, from checkouts of their repositories.

    python tools/collect-engine-options.py DEEPSPEED ACCELERATE TORCHTITAN MEGATRON TORCH > test/fixtures/engine-options.json

The first four are git directories (torchtitan before 9810191bb, the last with TOML files); TORCH is the folder of an installed
torch. Dataclass fields are read from the syntax tree; no code of the engines runs.
"""
import ast
import json
import pathlib
import re
import subprocess
import sys

deepspeed, accelerate, torchtitan, megatron, torch = sys.argv[1:6]
TITAN = "9810191bb~1"


def show(repo, path, revision="HEAD"):
    return subprocess.run(["git", "-C", repo, "show", f"{revision}:{path}"], check=True, capture_output=True, text=True).stdout


def commit(repo, revision="HEAD"):
    return subprocess.run(["git", "-C", repo, "rev-parse", revision], check=True, capture_output=True, text=True).stdout.strip()


def classes(text):
    return {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)}


def fields(node):
    return [each.target.id for each in node.body if isinstance(each, ast.AnnAssign)]


def aliased(node):
    """pydantic: the alias is the key of the file."""
    out = []
    for each in node.body:
        if isinstance(each, ast.AnnAssign):
            keywords = each.value.keywords if isinstance(each.value, ast.Call) else []
            alias = [k.value.value for k in keywords if k.arg == "alias"]
            out.append(alias[0] if alias else each.target.id)
    return out


def arguments(function):
    return [a.arg for a in [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]]


def functions(text):
    return {node.name: node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}


def of_deepspeed():
    constants = show(deepspeed, "deepspeed/runtime/constants.py")
    zero = classes(show(deepspeed, "deepspeed/runtime/zero/config.py"))
    offload = classes(show(deepspeed, "deepspeed/runtime/zero/offload_config.py"))
    precision = classes(show(deepspeed, "deepspeed/runtime/precision_config.py"))
    return {
        "source": f"deepspeedai/DeepSpeed {commit(deepspeed)}",
        "top": sorted(set(re.findall(r'^[A-Z_0-9]+ = "([a-z_0-9]+)"', constants, re.M)) | {"zero_optimization", "gradient_clipping"}),
        "zero_optimization": aliased(zero["DeepSpeedZeroConfig"]),
        "offload_param": aliased(offload["DeepSpeedZeroOffloadParamConfig"]),
        "offload_optimizer": aliased(offload["DeepSpeedZeroOffloadOptimizerConfig"]),
        "bf16": aliased(precision["DeepSpeedBF16Config"]),
    }


def of_accelerate():
    config = classes(show(accelerate, "src/accelerate/commands/config/config_args.py"))
    launch = show(accelerate, "src/accelerate/commands/launch.py")
    flags = sorted(set(re.findall(r'"--((?:fsdp|parallelism_config)_[a-z_0-9]+)"', launch)))
    return {
        "source": f"huggingface/accelerate {commit(accelerate)}",
        "cluster": sorted({*fields(config["BaseConfig"]), *fields(config["ClusterConfig"])}),
        "fsdp_config": [f for f in flags if f.startswith("fsdp_")],
        "parallelism_config": [f for f in flags if f.startswith("parallelism_config_")],
        "deepspeed_config": sorted(set(re.findall(r'"--([a-z_0-9]+)"', launch))),
    }


def of_torchtitan():
    config = classes(show(torchtitan, "torchtitan/config/job_config.py", TITAN))
    sections = {}
    for each in config["JobConfig"].body:
        if isinstance(each, ast.AnnAssign):
            sections[each.target.id] = fields(config[each.annotation.id])
    return {"source": f"pytorch/torchtitan {commit(torchtitan, TITAN)}", "sections": sections}


def of_megatron():
    text = show(megatron, "megatron/training/arguments.py")
    flags = set(re.findall(r"add_argument\(\s*['\"](--[a-z0-9-]+)['\"]", text))
    paths = subprocess.run(["git", "-C", megatron, "ls-tree", "-r", "--name-only", "HEAD"], check=True, capture_output=True, text=True).stdout
    names = set()
    for path in paths.split():
        if re.search(r"megatron/(training/config/.*|core/transformer/transformer_config|core/model_parallel_config|core/distributed/distributed_data_parallel_config|core/optimizer/optimizer_config)(\.py)?$", path) and path.endswith(".py"):
            for node in classes(show(megatron, path)).values():
                names.update(fields(node))
    return {
        "source": f"NVIDIA/Megatron-LM {commit(megatron)}",
        "flags": sorted(flags | {"--" + name.replace("_", "-") for name in names}),
        "written": sorted(flags),
    }


def of_torch():
    root = pathlib.Path(torch)
    api = functions((root / "distributed/fsdp/_fully_shard/_fully_shard.py").read_text())
    policy = classes((root / "distributed/fsdp/_fully_shard/_fsdp_api.py").read_text())
    mesh = functions((root / "distributed/device_mesh.py").read_text())
    tensor = functions((root / "distributed/tensor/parallel/api.py").read_text())
    version = re.search(r"__version__ = '([^']+)'", (root / "version.py").read_text())
    return {
        "source": f"torch {version.group(1) if version else ''}",
        "fully_shard": arguments(api["fully_shard"]),
        "MixedPrecisionPolicy": fields(policy["MixedPrecisionPolicy"]),
        "init_device_mesh": arguments(mesh["init_device_mesh"]),
        "parallelize_module": arguments(tensor["parallelize_module"]),
    }


json.dump(
    {"deepspeed": of_deepspeed(), "accelerate": of_accelerate(), "torchtitan": of_torchtitan(), "megatron": of_megatron(), "fsdp": of_torch()},
    sys.stdout,
    indent=1,
)
print()
