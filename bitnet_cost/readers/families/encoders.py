"""BERT and similar models: attention in both directions, a transform before the output matrix."""

from __future__ import annotations

from dataclasses import replace

from bitnet_cost.inputs.architecture import Classifier
from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.decoders import LLAMA
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import Fields, field, required, short
from bitnet_cost.readers.families.gpt import GPT

_WHOLE = ("ForSequenceClassification", "ForMultipleChoice")


def all_but_each_third(fields: Fields, layers: int) -> list[bool]:
    """The first of every ``global_attn_every_n_layers`` attends to all (ModernBERT)."""
    period = fields.whole(field("global_attn_every_n_layers", default=3))
    return [i % period > 0 for i in range(layers)]


def relative_rows(fields: Fields) -> int:
    """Rows of the table of relative positions: two for each distance or bucket of distances (DeBERTa)."""
    if not fields.flag(field("relative_attention", default=False)):
        return 0
    buckets = fields.optional(field("position_buckets", default=-1), least=-1)
    most = fields.optional(field("max_relative_positions", default=-1), least=-1)
    positions = fields.whole(usual.POSITIONS(512))
    rows = buckets if buckets and buckets > 0 else most if most and most > 0 else positions
    return 2 * rows


def relative_kinds(fields: Fields) -> tuple[str, ...]:
    """The relative terms of scores: ``c2p``, ``p2c`` or both (DeBERTa)."""
    given = fields.data.get("pos_att_type") or []
    kinds = given.lower().split("|") if isinstance(given, str) else given
    if not isinstance(kinds, list) or any(kind not in ("c2p", "p2c") for kind in kinds) or len(kinds) > 2:
        fields.refuse("pos_att_type", f"{short(given)}: expected c2p, p2c or both")
    return tuple(kinds)


def deberta_positions(fields: Fields) -> bool:
    """Whether positions are added to the input (DeBERTa)."""
    return fields.flag(field("position_biased_input", default=True))


# fmt: off
BERT = replace(
    GPT, kind="encoder", positions=usual.POSITIONS(512), position_table=0, rotary=False,
    token_types=field("type_vocab_size", default=2), embedding_norm=True, final_norm=False,
    activation=usual.ACTIVATION("gelu"), head_bias=True, head_transform=True, pooled=frozenset(("Model", *_WHOLE)),
    pretraining=Classifier(labels=2, bias=True, pooled=True), refuses=("add_cross_attention", "is_decoder"),
)
# The names say "roberta": two rows of its position table are never used, and its file counts them.
_ROBERTA = BERT
_ELECTRA = replace(
    BERT, embedding_width=field("embedding_size"), narrow_tables=True, pooled=frozenset(_WHOLE),
    pretraining=Classifier(labels=1, bias=True, every_position=True, pooled=True), pretraining_head=False,
    spare_bias=False,
)
_DEBERTA = replace(
    BERT, token_types=field("type_vocab_size", default=0), position_table_if=deberta_positions, relative=relative_rows,
    relative_kinds=relative_kinds, relative_bias=True, pooled=frozenset(_WHOLE),
    refuses=(*BERT.refuses, "conv_kernel_size", "embedding_size"),
)

FAMILIES: dict[str, Family] = {
    "bert": BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "data2vec-text": _ROBERTA,
    "ernie": replace(BERT, refuses=(*BERT.refuses, "use_task_id")),
    "distilbert": replace(
        BERT, hidden_size=required("dim", "hidden_size"), layers=required("n_layers", "num_hidden_layers"),
        heads=required("n_heads", "num_attention_heads"), ffn_size=required("hidden_dim"), token_types=None,
        activation=field("activation", default="gelu"), pooled=frozenset(_WHOLE), spare_bias=False,
    ),
    "electra": _ELECTRA,
    "albert": replace(
        _ELECTRA, groups=field("num_hidden_groups", default=1), activation=usual.ACTIVATION("gelu_new"),
        embedding_width=field("embedding_size", default=128), pooled=frozenset(("Model", "ForSequenceClassification")),
        pretraining=BERT.pretraining, pretraining_head=True, spare_bias=True,
    ),
    "mpnet": replace(
        BERT, token_types=None, buckets=field("relative_attention_num_buckets", default=32),
    ),
    "deberta-v2": replace(_DEBERTA, relative_norm=True),
    "deberta": replace(_DEBERTA, k_bias=False, relative_bias=False),
    "nomic_bert": replace(
        BERT, hidden_size=required("hidden_size", "n_embd"), layers=required("num_hidden_layers", "n_layer"),
        heads=required("num_attention_heads", "n_head"), ffn_size=required("intermediate_size", "n_inner"),
        positions=field("max_position_embeddings", "n_positions", default=2048), position_table=None, rotary=True,
        gated=True, activation="silu", head_dim=usual.HEAD_DIM, qkv_bias=field("qkv_proj_bias", default=False),
        ffn_bias=field("mlp_fc1_bias", default=False), pooled=frozenset(), refuses=("num_experts",),
    ),
    "modernbert": replace(
        BERT, token_types=None, positions=usual.POSITIONS(8192), position_table=None, rotary=True, fused=True,
        norm="layernorm_no_bias", gated=True, qkv_bias=usual.ATTENTION_BIAS, ffn_bias=usual.MLP_BIAS, final_norm=True,
        activation=field("hidden_activation", default="gelu"), first_norms=1, transform_bias=False,
        head_bias=field("decoder_bias", default=True), window=field("local_attention", default=128),
        windowed=all_but_each_third, layer_types="sliding_attention",
        pooled=frozenset(("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")),
        pooled_norm=True, refuses=("norm_bias", "classifier_bias"),
    ),
    "eurobert": replace(LLAMA, kind="encoder", o_bias=False, tied=usual.UNTIED),
}
# fmt: on
