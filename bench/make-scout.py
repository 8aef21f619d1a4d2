#!/usr/bin/env python3
"""Writes a mixture of experts with the widths of Llama 4 Scout, few layers and a small vocabulary: weights are holes of a sparse file, which read as zeros.

For measuring `guardsharp prune` (docs/pruning.md): python3 bench/make-scout.py FOLDER [LAYERS]
An expert tensor of a layer is 2.7 GB, above 2^31 bytes; two layers with embedding and head are 9.5 GB and take no room on the disk.
"""
import json
import os
import struct
import sys

folder, layers = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 2
hidden, inner, experts, heads, key_heads, head, vocabulary = 5120, 8192, 16, 40, 8, 128, 32000

text = dict(
    model_type="llama4_text", hidden_act="silu", hidden_size=hidden, intermediate_size=inner, intermediate_size_mlp=16384, num_hidden_layers=layers,
    num_attention_heads=heads, num_key_value_heads=key_heads, head_dim=head, vocab_size=vocabulary, num_local_experts=experts, num_experts_per_tok=1,
    interleave_moe_layer_step=1, moe_layers=list(range(layers)), no_rope_layers=[1] * layers, attention_chunk_size=8192, attn_temperature_tuning=True,
    floor_scale=8192, attn_scale=0.1, use_qk_norm=True, rms_norm_eps=1e-5, rope_theta=500000.0, max_position_embeddings=262144,
    rope_scaling=dict(rope_type="llama3", factor=16.0, low_freq_factor=1.0, high_freq_factor=1.0, original_max_position_embeddings=8192),
    bos_token_id=1, eos_token_id=[2], attention_bias=False)

model = "language_model.model."
shapes = {model + "embed_tokens.weight": [vocabulary, hidden], model + "norm.weight": [hidden], "language_model.lm_head.weight": [vocabulary, hidden]}
for i in range(layers):
    layer = f"{model}layers.{i}."
    shapes.update({
        layer + "input_layernorm.weight": [hidden], layer + "post_attention_layernorm.weight": [hidden],
        layer + "self_attn.q_proj.weight": [heads * head, hidden], layer + "self_attn.k_proj.weight": [key_heads * head, hidden],
        layer + "self_attn.v_proj.weight": [key_heads * head, hidden], layer + "self_attn.o_proj.weight": [hidden, heads * head],
        layer + "feed_forward.router.weight": [experts, hidden],
        layer + "feed_forward.experts.gate_up_proj": [experts, hidden, 2 * inner], layer + "feed_forward.experts.down_proj": [experts, inner, hidden],
        layer + "feed_forward.shared_expert.gate_proj.weight": [inner, hidden], layer + "feed_forward.shared_expert.up_proj.weight": [inner, hidden],
        layer + "feed_forward.shared_expert.down_proj.weight": [hidden, inner]})

header, offset = {"__metadata__": {"format": "pt"}}, 0
for name, shape in shapes.items():
    size = 2
    for number in shape:
        size *= number
    header[name] = dict(dtype="BF16", shape=shape, data_offsets=[offset, offset + size])
    offset += size

os.makedirs(folder)
with open(os.path.join(folder, "config.json"), "w") as file:
    json.dump(dict(model_type="llama4", architectures=["Llama4ForConditionalGeneration"], tie_word_embeddings=False, text_config=text), file, indent=2)
with open(os.path.join(folder, "model.safetensors"), "wb") as file:
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 64)
    file.write(struct.pack("<Q", len(raw)) + raw)
    file.truncate(8 + len(raw) + offset)
print(f"{offset} bytes in {len(shapes)} tensors")
