"""Write catalogue/hf.json: architecture numbers of known language models, with where each comes from. Never weights.

usage: python tools/collect-configs.py LITGPT_CONFIG.py COMMIT HF_CONFIGS_DIR > catalogue/hf.json

LITGPT_CONFIG.py is litgpt/config.py of Lightning-AI/litgpt at COMMIT; HF_CONFIGS_DIR a folder of config.json files with an
_INDEX.json that names their origin. What litgpt does not say is in TIED.
"""
import json
import os
import re
import sys
from copy import deepcopy

path, commit, folder = sys.argv[1:4]
text = open(path).read()
scope = {"deepcopy": deepcopy}
exec(text[text.index("\nconfigs = ["):text.index("\nname_to_config")], scope)
LITGPT = {row["name"]: row for row in scope["configs"]}

# org, name there, family; the name in litgpt where it differs
WANTED = [
    *[("EleutherAI", f"pythia-{size}", "gpt_neox") for size in ("70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b")],
    *[("meta-llama", name, "llama") for name in ("Llama-2-7b-hf", "Llama-2-13b-hf", "Llama-2-70b-hf", "Llama-3.1-8B", "Llama-3.1-70B", "Llama-3.1-405B",
                                                 "Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.3-70B-Instruct")],
    ("meta-llama", "Meta-Llama-3-8B", "llama", "Llama-3-8B"), ("meta-llama", "Meta-Llama-3-70B", "llama", "Llama-3-70B"),
    *[("codellama", f"CodeLlama-{size}-hf", "llama") for size in ("7b", "13b", "34b", "70b")],
    *[("openlm-research", f"open_llama_{size}", "llama") for size in ("3b", "7b", "13b")],
    ("TinyLlama", "TinyLlama-1.1B-Chat-v1.0", "llama", "tiny-llama-1.1b-chat"),
    *[("HuggingFaceTB", f"SmolLM2-{size}", "llama") for size in ("135M", "360M", "1.7B")],
    *[("tiiuae", f"Falcon3-{size}-Base", "llama") for size in ("1B", "3B", "7B", "10B")],
    *[("mistralai", f"Mistral-7B-{version}", "mistral") for version in ("v0.1", "v0.2", "v0.3")],
    ("mistralai", "Mistral-Large-Instruct-2407", "mistral"),
    *[("mistralai", f"Mixtral-{size}-v0.1", "mixtral") for size in ("8x7B",)],
    *[("Qwen", f"Qwen2.5-{size}", "qwen2") for size in ("0.5B", "1.5B", "3B", "7B", "14B", "32B", "72B")],
    *[("Qwen", f"Qwen2.5-Coder-{size}", "qwen2") for size in ("7B", "32B")],
    *[("Qwen", f"Qwen3-{size}", "qwen3") for size in ("0.6B", "1.7B", "4B", "8B", "14B", "32B")],
    *[("Qwen", f"Qwen3-{size}", "qwen3_moe") for size in ("30B-A3B", "235B-A22B")],
    *[("google", f"gemma-{size}", "gemma", f"Gemma-{size}") for size in ("2b", "7b")],
    *[("google", f"gemma-2-{size}", "gemma2", f"Gemma-2-{size}") for size in ("2b", "9b", "27b")],
    *[("microsoft", name, "phi") for name in ("phi-1_5", "phi-2")],
    *[("microsoft", name, "phi3") for name in ("Phi-3-mini-4k-instruct", "phi-4")],
    *[("allenai", f"OLMo-2-1124-{size}", "olmo2") for size in ("7B", "13B")],
    *[("tiiuae", f"falcon-{size}", "falcon") for size in ("7b", "40b")],
]
# the head shares the embeddings' weight: from memory of the published configurations, not looked up again
TIED = re.compile(r"Llama-3\.2|SmolLM2|Qwen2\.5-(0\.5|1\.5|3)B|Qwen3-(0\.6|1\.7|4)B|gemma|falcon-")
ACTIVATION = {"gpt_neox": {"hidden_act": "gelu"}, "phi": {"hidden_act": "gelu_new"}, "gemma": {"hidden_act": "gelu_pytorch_tanh"}}


def config(family, name, given):
    # litgpt.config.Config's own values for what a row leaves out
    row = {"n_layer": 16, "n_head": 32, "n_embd": 4096, "block_size": 4096, "vocab_size": 50254} | given
    heads = row["n_head"]
    groups = row.get("n_query_groups", heads)
    width = row["n_embd"]
    multiple = row.get("padding_multiple", 512)
    vocabulary = row.get("padded_vocab_size") or -(-row["vocab_size"] // multiple) * multiple
    out = {"model_type": family, "hidden_size": width, "num_hidden_layers": row["n_layer"], "num_attention_heads": heads,
           "vocab_size": vocabulary, "max_position_embeddings": row["block_size"], "tie_word_embeddings": bool(TIED.search(name))}
    if family not in ("gpt_neox", "falcon"):
        out["num_key_value_heads"] = groups
    if row.get("head_size", width // heads) != width // heads:
        out["head_dim"] = row["head_size"]
    if family == "falcon":
        modern = groups > 1
        out |= {"new_decoder_architecture": modern, "num_kv_heads": groups, "multi_query": True, "parallel_attn": True, "bias": False, "alibi": False}
    else:
        out["intermediate_size"] = row.get("intermediate_size", 4 * width)
    if family == "qwen3_moe":
        out |= {"num_experts": row["n_expert"], "num_experts_per_tok": row["n_expert_per_token"], "moe_intermediate_size": row["moe_intermediate_size"],
                "norm_topk_prob": True}
    if family == "mixtral":
        out |= {"num_local_experts": row["n_expert"], "num_experts_per_tok": row["n_expert_per_token"], "sliding_window": None}
    if family == "mistral":
        out["sliding_window"] = row.get("sliding_window_size")
    if family in ("phi", "gpt_neox"):
        out["partial_rotary_factor"] = row.get("rotary_percentage", 0.25)
    if family == "phi3":
        out |= {"sliding_window": row.get("sliding_window_size"), "pad_token_id": 0}
    return out | ACTIVATION.get(family, {})


models = {}
for org, name, family, *other in WANTED:
    row = LITGPT[other[0] if other else name]
    models[f"hf/{org}/{name}"] = {"config": config(family, name, row), "source": f"litgpt/config.py @{commit[:7]}"}
OTHERS = {"gpt2.json": "openai-community/gpt2", "gpt2-medium.json": "openai-community/gpt2-medium", "bert-base-uncased.json": "google-bert/bert-base-uncased",
          "bert-large-uncased.json": "google-bert/bert-large-uncased", "distilbert-base-uncased.json": "distilbert/distilbert-base-uncased",
          "Qwen2-0.5B.json": "Qwen/Qwen2-0.5B", "Qwen2-1.5B.json": "Qwen/Qwen2-1.5B", "Qwen2-7B.json": "Qwen/Qwen2-7B",
          "stablelm-3b-4e1t.json": "stabilityai/stablelm-3b-4e1t"}
KEPT = re.compile(r"^(model_type|hidden_size|intermediate_size|num_|n_(embd|head|layer|positions|inner)|vocab_size|max_position|head_dim|tie_|type_vocab|dim$|hidden_dim|"
                  r"n_heads|n_layers|use_|partial_|rope_pct|sliding|max_window|activation|hidden_act)")
origin = {row["file"]: row["provenance"] for row in json.load(open(os.path.join(folder, "_INDEX.json")))}
for file, name in OTHERS.items():
    values = json.load(open(os.path.join(folder, file)))
    kept = {key: value for key, value in values.items() if KEPT.match(key) and key != "use_cache"}
    models[f"hf/{name}"] = {"config": kept, "source": origin[file]}
lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(models.items()))
print('{\n "format": "plimsoll/catalogue-configs@1",\n "models": {\n' + lines + "\n }\n}")
