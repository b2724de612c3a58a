/** Configurations that are wrong, cut short or made to hurt: a complaint with its place, quickly, and nothing executed. */
import { describe, expect, test } from "vitest";
import { estimate, type InputError, readModel } from "../src/index.js";

const GOOD = {
  model_type: "llama",
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 100,
};

async function complaintOf(text: string, options: object = {}): Promise<string> {
  try {
    const model = await readModel(new TextEncoder().encode(text), { name: "config.json" });
    estimate(model, { sequence: 16, ...options });
    return "accepted";
  } catch (error) {
    const { complaint } = error as InputError;
    expect(Object.values(complaint).every((part) => part.length > 0)).toBe(true);
    return `${complaint.code} | ${complaint.where}`;
  }
}

const changed = (values: object) => JSON.stringify({ ...GOOD, ...values });

test("the configuration that the others are made from is good", async () => {
  expect(await complaintOf(changed({}))).toBe("accepted");
});

describe("values a model cannot have", () => {
  test.for([
    [{ num_attention_heads: 5 }, "num_attention_heads"],
    [{ num_key_value_heads: 3 }, "num_key_value_heads"],
    [{ vocab_size: -5 }, "vocab_size"],
    [{ hidden_size: 64.5 }, "hidden_size"],
    [{ hidden_size: "64" }, "hidden_size"],
    [{ hidden_size: null }, "hidden_size"],
    [{ hidden_size: [64] }, "hidden_size"],
    [{ head_dim: 3 }, "head_dim"],
    [{ num_hidden_layers: 0 }, "num_hidden_layers"],
    [{ num_hidden_layers: 1e9 }, "num_hidden_layers"],
    [{ attention_bias: "yes" }, "attention_bias"],
    [{ partial_rotary_factor: 2 }, "partial_rotary_factor"],
  ] as const)("%j", async ([values, key]) => {
    expect(await complaintOf(changed(values))).toBe(`config/value | config.json › ${key}`);
  });
  test("an unknown activation lists those that are known", async () => {
    expect(await complaintOf(changed({ hidden_act: "geluu" }))).toBe(
      "config/activation | config.json › hidden_act",
    );
  });
  test.for([
    ["tp=3", "config/value | config.json › --parallel tp"],
    ["tp=4", "accepted"],
    ["tp=8", "config/value | config.json › --parallel tp"],
    ["tp=2,fsdp=2", "accepted"],
    ["pp=2", "accepted"],
    ["pp=3", "parallel/stages | --parallel pp"],
  ])("heads shared out by %s", async ([parallel, expected]) => {
    expect(await complaintOf(changed({}), { parallel })).toBe(expected);
  });
  test("a family whose layers nobody said how to split", async () => {
    const gpt2 = JSON.stringify({ model_type: "gpt2" });
    expect(await complaintOf(gpt2, { parallel: "tp=2" })).toBe("config/tensor-plan | config.json");
  });
  test("sizes beyond exact bytes", async () => {
    expect(await complaintOf(changed({ hidden_size: 2 ** 30, num_attention_heads: 1 }))).toMatch(
      /^setup\/too-large/,
    );
  });
  test("more positions than the table has", async () => {
    const options = { sequence: 2048 };
    expect(await complaintOf('{"model_type":"gpt2","n_layer":1}', options)).toMatch(/^config\/sequence/);
  });
});

/** A small good configuration of a family, then values that make it wrong and the key the complaint must name. */
const FAMILIES: Readonly<Record<string, readonly [object, readonly (readonly [object, string])[]]>> = {
  bart: [
    {
      d_model: 32,
      encoder_layers: 1,
      decoder_layers: 1,
      encoder_attention_heads: 4,
      decoder_attention_heads: 2,
    },
    [
      [{ decoder_attention_heads: 3 }, "decoder_attention_heads"],
      [{ encoder_layers: -1 }, "encoder_layers"],
      [{ decoder_ffn_dim: 0 }, "decoder_ffn_dim"],
      [{ vocab_size: "many" }, "vocab_size"],
      [{ dropout: null }, "dropout"],
    ],
  ],
  torchtitan_llama: [
    {
      hidden_size: 64,
      intermediate_size: 96,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 2,
      vocab_size: 100,
    },
    [
      [{ hidden_size: 66 }, "num_attention_heads"],
      [{ num_attention_heads: 64 }, "num_attention_heads"],
      [{ num_key_value_heads: 3 }, "num_key_value_heads"],
      [{ norm_type: "layernorm" }, "norm_type"],
      [{ intermediate_size: null }, "intermediate_size"],
    ],
  ],
  marian: [
    {
      d_model: 32,
      encoder_layers: 1,
      decoder_layers: 1,
      encoder_attention_heads: 4,
      decoder_attention_heads: 2,
    },
    [
      [{ share_encoder_decoder_embeddings: 1 }, "share_encoder_decoder_embeddings"],
      [{ max_position_embeddings: -512 }, "max_position_embeddings"],
    ],
  ],
  whisper: [
    {
      d_model: 32,
      encoder_layers: 1,
      decoder_layers: 1,
      encoder_attention_heads: 4,
      decoder_attention_heads: 2,
    },
    [
      [{ num_mel_bins: 0 }, "num_mel_bins"],
      [{ max_source_positions: 2.5 }, "max_source_positions"],
      [{ encoder_attention_heads: 5 }, "encoder_attention_heads"],
    ],
  ],
  wav2vec2: [
    {
      hidden_size: 32,
      num_hidden_layers: 1,
      num_attention_heads: 2,
      conv_dim: [8],
      conv_kernel: [4],
      conv_stride: [2],
    },
    [
      [{ conv_kernel: [4, 4] }, "conv_kernel"],
      [{ conv_stride: [-2] }, "conv_stride"],
      [{ conv_dim: [] }, "conv_dim"],
      [{ num_attention_heads: 3 }, "num_attention_heads"],
      [{ num_conv_pos_embedding_groups: 5 }, "num_conv_pos_embedding_groups"],
      [{ feat_extract_norm: "batch" }, "feat_extract_norm"],
      [{ add_adapter: true }, "add_adapter"],
      [{ ctc_loss_reduction: "none" }, "ctc_loss_reduction"],
    ],
  ],
  gpt_neo: [
    { hidden_size: 32, num_layers: 2, num_heads: 4, attention_types: [[["global", "local"], 1]] },
    [
      [{ num_heads: 5 }, "num_heads"],
      [{ attention_types: [[["global"], 1]] }, "attention_types"],
      [{ attention_types: "global" }, "attention_types"],
    ],
  ],
  mpt: [
    { d_model: 32, n_heads: 4, n_layers: 1 },
    [
      [{ n_heads: 7 }, "n_heads"],
      [{ max_seq_len: -1 }, "max_seq_len"],
      [{ attn_config: [] }, "attn_config"],
    ],
  ],
  deepseek_v2: [
    {
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_attention_heads: 4,
      vocab_size: 50,
      moe_intermediate_size: 16,
      n_routed_experts: 8,
      num_experts_per_tok: 2,
    },
    [
      [{ topk_method: "best" }, "topk_method"],
      [{ topk_method: "group_limited_greedy", n_group: 3, topk_group: 1 }, "n_group"],
      [{ num_experts_per_tok: 9 }, "num_experts_per_tok"],
      [{ qk_rope_head_dim: 7 }, "qk_rope_head_dim"],
    ],
  ],
  mamba2: [
    { hidden_size: 32, num_hidden_layers: 1, num_heads: 4, head_dim: 16, n_groups: 2, vocab_size: 50 },
    [
      [{ num_heads: 3 }, "num_heads"],
      [{ n_groups: 3 }, "n_groups"],
      [{ chunk_size: 0 }, "chunk_size"],
      [{ state_size: "16" }, "state_size"],
    ],
  ],
  cohere2: [
    { hidden_size: 32, intermediate_size: 64, num_hidden_layers: 1, num_attention_heads: 4, vocab_size: 50 },
    [
      [{ sliding_window: -4 }, "sliding_window"],
      [{ layer_types: "sliding_attention" }, "layer_types"],
      [{ num_key_value_heads: 3 }, "num_key_value_heads"],
    ],
  ],
};

describe("values that models of other families cannot have", () => {
  for (const [model_type, [good, changes]] of Object.entries(FAMILIES)) {
    const text = (values: object) => JSON.stringify({ model_type, ...good, ...values });
    const sound = model_type === "wav2vec2" ? { sequence: 1000 } : {};
    test(`${model_type}: the configuration that the others are made from is good`, async () => {
      expect(await complaintOf(text({}), sound)).toBe("accepted");
    });
    test.for(changes)(`${model_type}: %j`, async ([values, key]) => {
      expect(await complaintOf(text(values), sound)).toMatch(new RegExp(`^config/value .*› ${key}$`));
    });
    test(`${model_type}: nothing but the family`, async () => {
      const only = JSON.stringify({ model_type });
      expect(await complaintOf(only, { ...sound, batch: 1 })).toMatch(/^(accepted|config\/)/);
    });
  }
  test("a sound too short for one frame", async () => {
    expect(await complaintOf('{"model_type":"wav2vec2"}', { sequence: 399 })).toBe(
      "config/sequence | config.json › --sequence",
    );
  });
  test("more letters than the decoder has positions", async () => {
    expect(await complaintOf('{"model_type":"whisper"}', { sequence: 449 })).toBe(
      "config/sequence | config.json › --sequence",
    );
  });
});

describe("families and heads", () => {
  test.for([
    [changed({ model_type: "llamaa" }), "config/family | config.json › model_type"],
    [changed({ model_type: 5 }), "config/no-family | config.json"],
    [changed({ model_type: "__proto__" }), "config/family | config.json › model_type"],
    ['{"architectures":["LlamaForCausalLM"]}', "config/no-family | config.json"],
  ] as const)("%s", async ([text, expected]) => {
    expect(await complaintOf(text)).toBe(expected);
  });
  test("a head the family does not have", async () => {
    expect(await complaintOf(changed({}), { task: "ctc" })).toBe("config/task | config.json › --task");
  });
});

describe("files", () => {
  test("cut short", async () => {
    expect(await complaintOf('{"model_type":"llama","hidden_size":')).toBe("config/json | config.json");
  });
  test("of 50 MB", async () => {
    expect(await complaintOf(changed({ pad: "x".repeat(50_000_000) }))).toBe("config/size | config.json");
  });
  test("nested two hundred thousand deep in a key that nobody reads", async () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(await complaintOf(`${changed({}).slice(0, -1)},"x":${deep}}`)).toBe("accepted");
  });
  test("naming code to run", async () => {
    expect(await complaintOf(changed({ auto_map: { AutoModel: "evil.Model" } }))).toBe("accepted");
  });
});

describe("losses over hidden states", () => {
  test("of a head that predicts no next token", async () => {
    const options = { loss: "fused", task: "sequence-classification" } as const;
    expect(await complaintOf(changed({}), options)).toBe("config/loss-task | config.json › --loss");
  });
  test.for([
    ["chunked", { model_type: "gemma2" }],
    ["linear", { model_type: "phi" }],
    ["fused", { model_type: "granite" }],
  ] as const)("%s, with something between product and loss", async ([loss, config]) => {
    const text = JSON.stringify({ ...config, num_hidden_layers: 1 });
    expect(await complaintOf(text, { loss })).toBe("config/loss-logits | config.json › --loss");
  });
  test("which Liger caps itself", async () => {
    const text = JSON.stringify({ model_type: "gemma2", num_hidden_layers: 1 });
    expect(await complaintOf(text, { loss: "fused" })).toBe("accepted");
  });
});

describe("magnitudes beside adapters (DoRA)", () => {
  test("of packed weights", async () => {
    const options = { lora: "rank=8,dora=true", quantize: "nf4" };
    expect(await complaintOf(changed({}), options)).toBe("training/dora | --quantize");
  });
  test("of weights that are stored transposed", async () => {
    const text = '{"model_type":"gpt2","n_layer":1}';
    expect(await complaintOf(text, { lora: "rank=8,dora=true" })).toBe("training/dora | --lora");
  });
  test("another scale (rsLoRA) is accepted", async () => {
    expect(await complaintOf(changed({}), { lora: "rank=8,rslora=true" })).toBe("accepted");
  });
});

describe("quantized weights", () => {
  test.for([
    ["nf5", "training/quantization | --quantize"],
    ["nf4,double=yes", "training/quantization | --quantize"],
    ["nf4,compute=int4", "training/quantization | --quantize"],
    ["nf4,blocks=64", "training/quantization | --quantize"],
    ["__proto__", "training/quantization | --quantize"],
  ] as const)("%s", async ([quantize, expected]) => {
    expect(await complaintOf(changed({}), { quantize, lora: "rank=8" })).toBe(expected);
  });
  test("with nothing that trains", async () => {
    expect(await complaintOf(changed({}), { quantize: "nf4" })).toBe(
      "training/quantized-frozen | --quantize",
    );
  });
  test("without gradients", async () => {
    expect(await complaintOf(changed({}), { quantize: "nf4", mode: "inference" })).toBe("accepted");
  });
});

describe("adapters", () => {
  test.for([
    ["rank=0", "training/adapters | --lora"],
    ["rank=16,targets=", "training/adapters | --lora"],
    ["dropout=2", "training/adapters | --lora"],
    ["ranks=4", "training/adapters | --lora"],
    ["rank=-4", "training/adapters | --lora"],
    ["rank=8,dora=yes", "training/adapters | --lora"],
    ["targets=nothing", "training/adapter-target | --lora targets"],
  ] as const)("%s", async ([lora, expected]) => {
    expect(await complaintOf(changed({}), { lora })).toBe(expected);
  });
});
