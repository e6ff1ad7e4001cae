"""The usual spellings of fields, and the usual defaults; ``KV_HEADS(8)`` is one with another default."""

from __future__ import annotations

from bitnet_cost.readers.families.fields import field, required

HIDDEN_SIZE = required("hidden_size")
LAYERS = required("num_hidden_layers")
HEADS = required("num_attention_heads")
VOCABULARY = required("vocab_size")
FFN_SIZE = required("intermediate_size")
POSITIONS = field("max_position_embeddings", default=2048)
KV_HEADS = field("num_key_value_heads")
HEAD_DIM = field("head_dim")
WINDOW = field("sliding_window")
ACTIVATION = field("hidden_act", default="silu")
GPT_ACTIVATION = field("activation_function", default="gelu_new")
TIED = field("tie_word_embeddings", default=True)
UNTIED = TIED(False)
ATTENTION_BIAS = field("attention_bias", default=False)
MLP_BIAS = field("mlp_bias", default=False)
EXPERT_SIZE = required("moe_intermediate_size")
PER_TOKEN = field("num_experts_per_tok")
