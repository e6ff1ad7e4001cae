"""A Hugging Face ``config.json`` into an `Architecture`, exactly, or refused by name.

What a family's files spell and its class builds is one row of `families`. A file is counted as the language model with
its output matrix (``...ForCausalLM``, BERT's ``ForMaskedLM``), independent of the head it was saved with. Of a
multimodal file only the language model is read.
"""

from __future__ import annotations

import os
from collections import ChainMap, Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from bitnet_cost.errors import BitnetCostError, InvalidFile, printable, same_spelling
from bitnet_cost.inputs.architecture import (
    MOST_LAYERS,
    Architecture,
    Checkpoint,
    Embedding,
    Encoder,
    Head,
    Layer,
    qualified_name,
)
from bitnet_cost.inputs.cited import explain
from bitnet_cost.readers.checkpoint import checkpoint
from bitnet_cost.readers.families import (
    decoders,
    encoder_decoders,
    encoders,
    gemma,
    gpt,
    heads,
    hybrids,
    latent,
    mixtures,
    state_space,
)
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import Field, Fields, field, short
from bitnet_cost.readers.families.parts import attention, dense, experts, windows
from bitnet_cost.readers.families.patterns import ATTENTION
from bitnet_cost.readers.families.wrappers import WRAPPERS, language_model, towers
from bitnet_cost.readers.json_file import read_json
from bitnet_cost.readers.kinds import in_folder, kind_of_json
from bitnet_cost.readers.safetensors import beside, described, with_weights
from bitnet_cost.readers.yaml_file import regular_size

MOST_POSITIONS = 10**10

FAMILIES: ChainMap[str, Family] = ChainMap(
    encoder_decoders.FAMILIES,
    encoders.FAMILIES,
    hybrids.FAMILIES,
    gemma.FAMILIES,
    state_space.FAMILIES,
    latent.FAMILIES,
    mixtures.FAMILIES,
    gpt.FAMILIES,
    decoders.FAMILIES,
)
"""Every family that is known, by the ``model_type`` of its files; listed from the last file to the first."""


def read_config(path: Path) -> Architecture:
    """Read a ``config.json``, or the one in a folder.

    Raises:
        BitnetCostError: no such file, or one that is not read; the message says which field and what was expected.
    """
    file = path / "config.json" if os.path.isdir(path) else path
    if file is not path and not os.path.exists(file):
        held = in_folder(path)
        raise BitnetCostError(f"{path}: is a folder without a config.json{f'; {held}' if held else ''}")
    folder = os.path.basename(os.path.dirname(os.path.realpath(file)))
    label = folder if file.name == "config.json" else file.stem
    data = read_json(file)
    if file.name == "config.json" and "quantization_config" not in data and (own := described(file.parent)):
        data["quantization_config"] = own
    found = architecture_from_config(
        data, name=qualified_name(label), source=printable(f"{folder}/{file.name}"), file=file
    )
    weights = beside(path) if file is not path else None
    return with_weights(found, weights) if weights else found


def read_weights(path: Path) -> Architecture:
    """The model of a safetensors file or of an index of several: that of the config.json beside it.

    Raises:
        BitnetCostError: as `read_config`; without a config.json beside it, since weights alone do not say the heads.
    """
    config = path.parent / "config.json"
    if not config.is_file() and path.is_file():
        raise BitnetCostError(
            f"{path}: holds weights, which do not say how a model uses them; put its config.json beside it"
        )
    regular_size(path)
    return with_weights(read_config(config), path)


def architecture_from_config(
    config: Mapping[str, Any],
    *,
    name: str,
    source: str,
    seen: Literal["opened", "second-hand", "memory", "own"] = "own",
    file: object = "<config>",
    title: str = "",
    note: str = "",
) -> Architecture:
    """The architecture that a configuration describes.

    >>> tiny = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    ...         "vocab_size": 100, "intermediate_size": 128, "num_key_value_heads": 2}
    >>> architecture_from_config(tiny, name="tiny", source="doctest").layers[0].attention
    Attention(heads=4, kv_heads=2, ...)
    >>> architecture_from_config({"model_type": "lama"}, name="tiny", source="doctest")
    Traceback (most recent call last):
    ...
    bitnet_cost.errors.InvalidFile: <config>: model_type
      'lama' is not known; did you mean 'llama'?
      Write the model of another family by hand: docs/extending.md, 'A model', has one to start from.

    Raises:
        InvalidFile: an unknown ``model_type``, a missing field, or one that contradicts another.
    """
    if not isinstance(config, Mapping):
        raise InvalidFile(file, "", f"contains a {type(config).__name__}; expected one object, {{...}}")
    outer, whole = config.get("model_type"), config
    multimodal = isinstance(outer, str) and outer in WRAPPERS
    if multimodal:
        config = _language_model(config, file)
        note = note or "the language model of a multimodal one; vision parts are not counted"
    model_type = config.get("model_type")
    family = _family(config, model_type, file)
    assert isinstance(model_type, str)
    note = "; ".join(part for part in (note, family.remark) if part)
    assumed = {**family.assumed, **family.nested} if multimodal else family.assumed
    about: dict[str, Any] = {"name": name, "title": title, "source": source, "seen": seen, "note": note}
    own = {**whole, **config}
    if family.rewrite:
        config = family.rewrite(config)
    fields = Fields(config, file, model_type, assumed, _known_names)
    try:
        found = _architecture(family, fields, about)
    except ValidationError as error:
        where, what = explain(error, {}, Architecture)
        raise InvalidFile(file, where, what) from None
    held = checkpoint(own, found, file)
    if multimodal and seen == "own":  # whoever hands in a file sees what of it is left out
        held = (held or Checkpoint()).holding(towers(whole))
    return found.model_copy(update={"checkpoint": held})


def _family(config: Mapping[str, Any], model_type: object, file: object) -> Family:
    """The row of a ``model_type``, or of the class that the file names where that builds something else."""
    if model_type is None:
        other = kind_of_json(config)
        if other:
            raise InvalidFile(file, "", other)
        raise InvalidFile(file, "model_type", "is missing; it names the family, such as 'llama'")
    if not isinstance(model_type, str):
        raise InvalidFile(file, "model_type", f"{short(model_type)}: expected a name such as 'llama'")
    named = config.get("architectures")
    if isinstance(named, list) and named and isinstance(named[0], str):
        family = decoders.ARCHITECTURES.get((model_type, named[0]))
        if family:
            return family
    if model_type in FAMILIES:
        return FAMILIES[model_type]
    close = next((each for each in FAMILIES if same_spelling(model_type[:60], each)), None)
    hint = f"; did you mean {close!r}?" if close else ": its parts are not counted here"
    by_hand = "Write the model of another family by hand: docs/extending.md, 'A model', has one to start from."
    raise InvalidFile(file, "model_type", f"{short(model_type)} is not known{hint}\n  {by_hand}")


def _known_names() -> frozenset[str]:
    """Every name of a field that some row spells: none of them is a misspelling of another."""
    return frozenset(
        name
        for family in FAMILIES.values()
        for entry in vars(family).values()
        if isinstance(entry, Field)
        for name in entry.names
    )


def _language_model(config: Mapping[str, Any], file: object) -> Mapping[str, Any]:
    """The language model of a multimodal file. Where the outer file says whether the output is tied, it decides."""
    text, outer = language_model(config), config["model_type"]
    if not isinstance(text, Mapping):
        raise InvalidFile(file, "text_config", f"{short(text)}: model_type {outer!r} holds its language model there")
    decided = {name: config[name] for name in ("tie_word_embeddings", "architectures") if name in config}
    flat = {"model_type": WRAPPERS[outer]} if text is config else {}
    return {"model_type": WRAPPERS[outer], **text, **decided, **flat}


def _architecture(family: Family, fields: Fields, about: dict[str, Any]) -> Architecture:
    """Build what a row says from what the file says."""
    for name in family.refuses:
        if fields.data.get(name):
            fields.refuse(name, f"{short(fields.data[name])}: builds parts that are not known here")
    for name in family.needs:
        if fields.data.get(name) is False:
            fields.refuse(name, "false: builds parts that are not known here")
    found = heads.ending(fields.data)
    heads.refuse_unknown(fields, found)
    hidden = fields.whole(family.hidden_size)
    depth = fields.whole(family.layers, most=MOST_LAYERS) if isinstance(family.layers, Field) else family.layers(fields)
    positions = fields.optional(family.positions, most=MOST_POSITIONS)
    alibi = fields.flag(family.alibi)
    classifier = heads.classifier(family, fields, found)
    encoder = _encoder(family.encoder, fields, hidden, positions or 0) if family.encoder else None
    if encoder and found == "ForCausalLM":
        fields.refuse(
            "architectures",
            f"{short(fields.data['architectures'][0])}: a decoder without its encoder is not known here",
        )
    layers = _layers(family, fields, hidden, depth, alibi)
    if encoder and found == "EncoderModel":
        layers, encoder, family = encoder.layers, None, replace(family.encoder or family, kind="encoder")
    return Architecture(
        **about,
        kind="encoder" if found and "Bidirectional" in fields.data["architectures"][0] else family.kind,
        encoder=encoder,
        hidden_size=hidden,
        vocab_size=fields.whole(family.vocab_size, most=10**9),
        max_positions=positions,
        norm=family.norm if fields.flag(family.norm_weights) else "no_weights",
        final_norm=family.final_norm if isinstance(family.final_norm, bool) else family.final_norm(fields, depth),
        rotary=family.rotary and not alibi,
        linear_norms=bool(family.linear_norms and family.linear_norms(fields)),
        state_bits=_state_bits(fields),
        altup=family.altup(fields) if family.altup else None,
        embedding=_embedding(family, fields, hidden, positions or 0),
        layers=layers,
        lm_head=_head(family, fields) if classifier is None or _has_both(family, found) else None,
        classifier=classifier,
    )


def _encoder(family: Family, fields: Fields, hidden: int, positions: int) -> Encoder:
    """What reads the input, from a row for itself."""
    depth = fields.whole(family.layers, most=MOST_LAYERS) if isinstance(family.layers, Field) else family.layers(fields)
    frames = fields.whole(family.frames, most=10**6) if family.frames else None
    rows = frames or (positions + (family.position_table or 0))
    return Encoder(
        layers=_layers(family, fields, hidden, depth, False),
        positions=0 if family.position_table is None else rows,
        embedding_norm=family.embedding_norm,
        final_norm=bool(family.final_norm),
        frames=frames,
        frequencies=fields.whole(family.frequencies) if family.frequencies else None,
    )


def _has_both(family: Family, found: str | None) -> bool:
    """Whether a class has an output matrix and a classifier."""
    return found == "ForPreTraining" and family.pretraining_head


def _embedding(family: Family, fields: Fields, hidden: int, positions: int) -> Embedding:
    """The input tables."""
    width = fields.optional(family.embedding_width) if family.embedding_width else None
    table = family.position_table is not None
    if family.position_table_if:
        table = family.position_table_if(fields)
    return Embedding(
        positions=positions + (family.position_table or 0) if table else 0,
        token_types=fields.whole(family.token_types, least=0) if family.token_types else 0,
        width=None if width == hidden else width,
        narrow=family.narrow_tables and width not in (None, hidden),
        norm=family.embedding_norm,
        spare_rows=family.spare_rows,
        per_layer=family.per_layer(fields) if family.per_layer else None,
        relative=family.relative(fields) if family.relative else 0,
        relative_norm=family.relative_norm and "layer_norm" in str(fields.data.get("norm_rel_ebd")),
    )


def _head(family: Family, fields: Fields) -> Head:
    """The output matrix, and what is before it."""
    tied = fields.flag(family.tied)
    return Head(
        tied=tied,
        bias=fields.flag(family.head_bias),
        transform=family.head_transform,
        transform_bias=family.transform_bias,
        spare_bias=family.head_transform and family.spare_bias and not tied,
        softcap=fields.turns_on(family.logit_softcap),
    )


_STATES = {"float32": 32, "float16": 16, "bfloat16": 16}
_STATE_FIELDS = ("mamba_ssm_cache_dtype", "mamba_ssm_dtype")


def _state_bits(fields: Fields) -> Any:
    """Bits of a recurrent state's entry, where the file says them."""
    for name in _STATE_FIELDS:
        given = fields.data.get(name)
        if given is not None and given != "auto":
            if not isinstance(given, str) or given not in _STATES:
                fields.refuse(name, f"{short(given)}: expected one of {', '.join(_STATES)}")
            return _STATES[given]
    return None


def _layers(family: Family, fields: Fields, hidden: int, depth: int, alibi: bool) -> list[Layer]:
    """Runs of identical layers, in the order in which each kind first appears."""
    if family.blocks:
        return family.blocks(family, fields, hidden, depth)
    heads = fields.whole(family.heads)
    norms = family.norms if isinstance(family.norms, int) else family.norms(fields, heads)
    kinds = family.kinds(fields, depth) if family.kinds else [ATTENTION] * depth
    latent = family.latent(family, fields, heads) if family.latent else None
    mixer = None if latent or ATTENTION not in kinds else attention(family, fields, hidden, heads, alibi)
    others = {kind: family.mixers[kind](family, fields, hidden) for kind in dict.fromkeys(kinds) if kind != ATTENTION}
    plain = dense(family, fields, hidden)
    moe = experts(family.experts, fields, plain) if family.experts else None
    window, windowed = windows(family, fields, depth)
    sparse = family.experts.sparse(fields, depth) if family.experts and moe else repeat(False, depth)
    rotated = family.rotated(fields, depth)
    # where the first layer is like no other: it has fewer norms, or the table of relative positions
    first = [i == 0 and (family.first_norms is not None or family.buckets is not None) for i in range(depth)]
    layers = []
    runs = Counter(zip(kinds, windowed, sparse, rotated, first, strict=True))
    for (kind, slides, routed, turned, leads), count in runs.items():
        changes: dict[str, Any] = {"window": window} if slides else {}
        changes |= {} if turned else {"rotary_dim": 0}
        if family.buckets:
            changes |= {
                "positions": "own" if leads or family.bucket_tables else "shared",
                "position_buckets": fields.whole(family.buckets),
            }
        if family.relative and family.relative_kinds:
            changes |= _relative(family, fields)
        parts: dict[str, Any] = {"latent_attention": latent}
        if mixer:
            parts = {"attention": mixer.model_copy(update=changes)}
        if kind != ATTENTION:
            parts = others[kind]
        part = {"moe": moe} if routed else {"ffn": plain}
        if family.encoder and mixer:
            parts["cross_attention"] = mixer
        lead = family.first_norms if leads and family.first_norms is not None else norms
        layers.append(Layer(repeat=count, **parts, **part, norms=lead))
    if family.groups:
        own = min(depth, fields.whole(family.groups))
        alike = layers[0]
        layers = [alike.model_copy(update={"repeat": own})]
        layers += [alike.model_copy(update={"repeat": depth - own, "shared": True})] if depth > own else []
    return layers


def _relative(family: Family, fields: Fields) -> dict[str, Any]:
    """Fields of attention with relative positions: rows of the table, terms of scores, own projections of the table."""
    rows = family.relative(fields) if family.relative else 0
    kinds = family.relative_kinds(fields) if family.relative_kinds and rows else ()
    own = bool(kinds) and not fields.flag(field("share_att_key", default=False))
    return {
        "relative_rows": rows if kinds else 0,
        "relative_terms": len(kinds),
        "relative_own": own,
        "relative_key_bias": family.relative_bias,
    }
