"""BERT: attention in both directions, token types, a transform before the output matrix."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import field
from bitnet_cost.readers.families.gpt import GPT

# fmt: off
FAMILIES: dict[str, Family] = {
    "bert": replace(
        GPT, kind="encoder", positions=usual.POSITIONS(512), position_table=0, rotary=False,
        token_types=field("type_vocab_size", default=2), embedding_norm=True, final_norm=False,
        activation=usual.ACTIVATION("gelu"), head_bias=True, head_transform=True,
        refuses=("add_cross_attention", "is_decoder"),
    ),
}
# fmt: on
