"""T5, BART, Whisper and similar models: an encoder reads the input once, a decoder attends to what it made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bitnet_cost.readers.families import usual
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import field, required
from bitnet_cost.readers.families.gpt import GPT


def feed_forward(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """``feed_forward_proj`` names an activation function, behind ``gated-`` where a gate multiplies (T5)."""
    named = data.get("feed_forward_proj", "relu")
    if not isinstance(named, str):
        return data
    gated, plain = named.startswith("gated-"), named.removeprefix("gated-")
    plain = "gelu_new" if named == "gated-gelu" else plain
    return {**data, "is_gated_act": gated, "dense_act_fn": plain, "num_decoder_layers": _decoder_layers(data)}


def _decoder_layers(data: Mapping[str, Any]) -> Any:
    return (
        data["num_layers"]
        if data.get("num_decoder_layers") is None and "num_layers" in data
        else data.get("num_decoder_layers")
    )


# fmt: off
_T5_ENCODER = Family(
    hidden_size=required("d_model", "hidden_size"), layers=required("num_layers", "num_hidden_layers"),
    heads=required("num_heads", "num_attention_heads"), head_dim=required("d_kv"), kv_heads=None, rotary=False,
    ffn_size=required("d_ff"), activation=field("dense_act_fn", default="relu"),
    gated=field("is_gated_act", default=False),
    buckets=field("relative_attention_num_buckets", default=32), positions=field("n_positions", default=512),
    kind="encoder", tied=usual.TIED,
)
_T5 = replace(
    _T5_ENCODER, kind="encoder-decoder", encoder=_T5_ENCODER, layers=required("num_decoder_layers"), norms=3,
    rewrite=feed_forward,
)
_BART_ENCODER = replace(
    GPT, kind="encoder", hidden_size=required("d_model"), layers=required("encoder_layers"),
    heads=required("encoder_attention_heads"), ffn_size=required("encoder_ffn_dim"), position_table=2, rotary=False,
    positions=usual.POSITIONS(1024), embedding_norm=True, final_norm=False, activation=usual.GPT_ACTIVATION("gelu"),
)
_BART = replace(
    _BART_ENCODER, kind="encoder-decoder", encoder=_BART_ENCODER, layers=required("decoder_layers"),
    heads=required("decoder_attention_heads"), ffn_size=required("decoder_ffn_dim"), norms=3,
    pooled=frozenset(("ForSequenceClassification",)), classified_with_bias=True,
    needs=("tie_word_embeddings",),  # else each half has a table of its own
)


def _like_bart(**changes: Any) -> Family:
    """BART with other parts in both halves."""
    return replace(_BART, encoder=replace(_BART_ENCODER, **changes), **changes)


_WHISPER = _like_bart(position_table=0, embedding_norm=False, final_norm=True, k_bias=False)

FAMILIES: dict[str, Family] = {
    "t5": _T5,
    "mt5": _T5,
    "umt5": replace(_T5, bucket_tables=True, encoder=replace(_T5_ENCODER, bucket_tables=True)),
    "bart": _BART,
    "mbart": _like_bart(final_norm=True),
    "plbart": _BART,
    "blenderbot-small": _like_bart(position_table=0),
    "blenderbot": _like_bart(position_table=0, embedding_norm=False, final_norm=True),
    "pegasus": _like_bart(position_table=0, embedding_norm=False, final_norm=True),
    "marian": _like_bart(position_table=0, embedding_norm=False),
    # NLLB as well; its positions are not stored
    "m2m_100": _like_bart(position_table=None, embedding_norm=False, final_norm=True),
    "whisper": replace(
        _WHISPER, positions=field("max_target_positions", default=448),
        encoder=replace(
            _WHISPER.encoder or _WHISPER, frames=field("max_source_positions", default=1500),
            frequencies=field("num_mel_bins", default=80),
        ),
        remark="sound is read in windows of 30 s: the encoder works on all positions of one, and the prompt is the "
        "decoder's",
    ),
}
# fmt: on
