"""A training step whose linear layers torchao has converted to float8, on the recorder's stand-in GPU.

usage: FAKE_GPU=H100-80GB PYTHONPATH=TORCHAO run.sh oracle/record_float8.py case.json out.json
       (run.sh: the recorder's; TORCHAO: pip install torchao==0.18.0 --no-deps --target TORCHAO)

case.json is one of measure.py's, with
  "float8": "tensorwise" | "rowwise" | "rowwise_with_gw_hp"   torchao's recipe; layers are converted whose dims are multiples of 16
"""
import json
import sys

import measure
import torch
from torchao.float8 import Float8LinearConfig, convert_to_float8_training

build_model = measure.build
spec = json.load(open(sys.argv[1]))


def takes(module, name):
    return not isinstance(module, torch.nn.Linear) or (module.in_features % 16 == 0 and module.out_features % 16 == 0)


def build(spec):
    model, *rest = build_model(spec)
    config = Float8LinearConfig.from_recipe_name(spec["float8"])
    convert_to_float8_training(model, config=config, module_filter_fn=takes)
    return model, *rest


measure.build = build
out = measure.run_safe(spec)
measure.save(out, sys.argv[2])
print(spec.get("name"), out.get("ok"), out.get("error"), (out.get("trace") or "")[-1500:])
