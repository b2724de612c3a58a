"""Write src/models/defaults.ts: what configuration classes of transformers take for keys that a file leaves out.

usage: python record_config_defaults.py > ../src/models/defaults.ts     (needs transformers, 5.18 was used)

Values are the class's own: what its __post_init__ derives from others (head_dim, …) is left to the families.
"""
import json
import re

from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers import PreTrainedConfig

FAMILIES = """
albert bart bert bloom camembert clip clip_text_model clip_vision_model codegen cohere convnext convnextv2 deberta-v2 deepseek_v2 deepseek_v3
deit dinov2 distilbert electra falcon gemma gemma2 gemma3_text glm glm4 gpt2 gpt_bigcode gpt_neo gpt_neox gptj granite hubert llama mamba mamba2 marian
mbart ministral mistral mixtral modernbert mpt mpnet nomic_bert olmo olmo2 olmoe opt pegasus phi phi3 plbart qwen2 qwen2_moe qwen3 qwen3_moe
resnet roberta siglip siglip_text_model siglip_vision_model smollm3 stablelm starcoder2 swin t5 umt5 mt5 vit vit_mae wav2vec2 wavlm whisper xglm xlm-roberta helium
cohere2 exaone4 gemma3 gemma3n granitemoe jamba llava m2m_100 olmo3 phimoe
""".split()
# About generation, tokens and training scripts: they decide no size and no operator.
IGNORED = re.compile(r"_token_ids?$|initializer|^attribute_map|^keys_to|^base_model|_eps$|epsilon|^rope_(theta|scaling)|_std$|_cuda|_plan$|"
                     r"^(model_type|sub_configs|id2label|label2id|architectures|torch_dtype|dtype|default_theta|has_no_defaults)")
KEPT = {"pad_token_id", "tie_word_embeddings", "is_encoder_decoder", "sep_token_id"}


def plain(value):
    return value is None or isinstance(value, (bool, int, float, str)) or (
        isinstance(value, (list, tuple)) and all(isinstance(each, (int, float, str)) for each in value))


def defaults(cls):
    names = {}
    for base in reversed(cls.__mro__):
        if base in PreTrainedConfig.__mro__ and base is not PreTrainedConfig:
            continue
        own = [*getattr(base, "__annotations__", {}), *vars(base)]
        for name in own:
            if base is PreTrainedConfig and name not in ("tie_word_embeddings", "is_encoder_decoder"):
                continue
            if name.startswith("_") or (IGNORED.search(name) and name not in KEPT) or not hasattr(cls, name):
                continue
            value = getattr(cls, name)
            if plain(value) and value is not None:
                names[name] = list(value) if isinstance(value, tuple) else value
    return dict(sorted(names.items()))


table, aliases = {}, {}
for family in FAMILIES:
    if family in CONFIG_MAPPING:
        table[family] = defaults(CONFIG_MAPPING[family])
        names = {k: v for k, v in getattr(CONFIG_MAPPING[family], "attribute_map", {}).items() if not IGNORED.search(k)}
        if names:
            aliases[family] = names
print("/**\n * What configuration classes of transformers take for keys that a file leaves out, by model_type.\n *\n * Source  transformers 5.18, written by oracle/record_config_defaults.py\n */")
print("// biome-ignore format: one family per line")
print("export const DEFAULTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {")
for family, values in sorted(table.items()):
    print(f"  {json.dumps(family)}: {json.dumps(values)},")
print("};")

print()
print("/** Other names of a class's keys, by family: a file may use either. */")
print("// biome-ignore format: one family per line")
print("export const ALIASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {")
for family, names in sorted(aliases.items()):
    print(f"  {json.dumps(family)}: {json.dumps(names)},")
print("};")
