"""A Hugging Face ``config.json`` into an `Architecture`, exactly, or refused by name.

What a family's files spell and its class builds is one row of `families`. A file is counted as the language model with
its output matrix (``...ForCausalLM``, BERT's ``ForMaskedLM``), independent of the head it was saved with. Of a
multimodal file only the language model is read.
"""

from __future__ import annotations

import os
from collections import ChainMap, Counter
from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from bitnet_cost.errors import BitnetCostError, InvalidFile, nearest, printable
from bitnet_cost.inputs.architecture import MOST_LAYERS, Architecture, Embedding, Head, Layer, qualified_name
from bitnet_cost.inputs.cited import explain
from bitnet_cost.readers.checkpoint import checkpoint
from bitnet_cost.readers.families import decoders, encoders, gpt, latent, mixtures, state_space
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import Field, Fields, short
from bitnet_cost.readers.families.parts import attention, dense, experts, windows
from bitnet_cost.readers.json_file import read_json
from bitnet_cost.readers.kinds import in_folder, kind_of_json
from bitnet_cost.readers.safetensors import beside, described, with_weights
from bitnet_cost.readers.yaml_file import regular_size

MOST_POSITIONS = 10**10

FAMILIES: ChainMap[str, Family] = ChainMap(
    encoders.FAMILIES, state_space.FAMILIES, latent.FAMILIES, mixtures.FAMILIES, gpt.FAMILIES, decoders.FAMILIES
)
"""Every family that is known, by the ``model_type`` of its files; listed from the last file to the first."""

# fmt: off
MULTIMODAL = frozenset((
    "aya_vision", "gemma3", "idefics2", "idefics3", "internvl", "llama4", "llava", "llava_next", "llava_next_video",
    "llava_onevision", "mistral3", "paligemma", "smolvlm", "video_llava", "vipllava",
))
# fmt: on
"""Multimodal classes that hold a language model of `FAMILIES` under ``text_config``."""


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
    multimodal = isinstance(outer, str) and outer in MULTIMODAL
    if multimodal:
        config = _language_model(config, file)
        note = note or "the language model of a multimodal one; vision parts are not counted"
    model_type = config.get("model_type")
    family = _family(config, model_type, file)
    assert isinstance(model_type, str)
    note = "; ".join(part for part in (note, family.remark) if part)
    assumed = {**family.assumed, **family.nested} if multimodal else family.assumed
    about: dict[str, Any] = {"name": name, "title": title, "source": source, "seen": seen, "note": note}
    fields = Fields(config, file, model_type, assumed, _known_names)
    try:
        found = _architecture(family, fields, about)
    except ValidationError as error:
        where, what = explain(error, {}, Architecture)
        raise InvalidFile(file, where, what) from None
    return found.model_copy(update={"checkpoint": checkpoint({**whole, **config}, found, file)})


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
    close = nearest(model_type[:60], FAMILIES)
    hint = f"did you mean {close!r}?" if close else f"known: {', '.join(FAMILIES)}"
    by_hand = "Write the model of another family by hand: docs/extending.md, 'A model', has one to start from."
    raise InvalidFile(file, "model_type", f"{short(model_type)} is not known; {hint}\n  {by_hand}")


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
    text, outer = config.get("text_config"), config["model_type"]
    if not isinstance(text, dict):
        raise InvalidFile(file, "text_config", f"{short(text)}: model_type {outer!r} holds its language model there")
    assumed = {"model_type": f"{outer}_text"} if outer in ("gemma3", "llama4") else {}
    decided = {name: config[name] for name in ("tie_word_embeddings",) if name in config}
    return {**assumed, **text, **decided}


def _architecture(family: Family, fields: Fields, about: dict[str, Any]) -> Architecture:
    """Build what a row says from what the file says."""
    for name in family.refuses:
        if fields.data.get(name):
            fields.refuse(name, f"{short(fields.data[name])}: builds parts that are not known here")
    hidden = fields.whole(family.hidden_size)
    depth = fields.whole(family.layers, most=MOST_LAYERS) if isinstance(family.layers, Field) else family.layers(fields)
    positions = fields.optional(family.positions, most=MOST_POSITIONS)
    width = fields.optional(family.embedding_width) if family.embedding_width else None
    alibi = fields.flag(family.alibi)
    embedding = Embedding(
        positions=0 if family.position_table is None else (positions or 0) + family.position_table,
        token_types=fields.whole(family.token_types, least=0) if family.token_types else 0,
        width=None if width == hidden else width,
        norm=family.embedding_norm,
    )
    weighted, tied = fields.flag(family.norm_weights), fields.flag(family.tied)
    return Architecture(
        **about,
        kind=family.kind,
        hidden_size=hidden,
        vocab_size=fields.whole(family.vocab_size, most=10**9),
        max_positions=positions,
        norm=family.norm if weighted else "no_weights",
        final_norm=family.final_norm if isinstance(family.final_norm, bool) else family.final_norm(fields, depth),
        rotary=family.rotary and not alibi,
        embedding=embedding,
        layers=_layers(family, fields, hidden, depth, alibi),
        lm_head=Head(
            tied=tied,
            bias=family.head_bias,
            transform=family.head_transform,
            spare_bias=family.head_transform and not tied,
            softcap=fields.turns_on(family.logit_softcap),
        ),
    )


def _layers(family: Family, fields: Fields, hidden: int, depth: int, alibi: bool) -> list[Layer]:
    """Runs of identical layers, in the order in which each kind first appears."""
    if family.blocks:
        return family.blocks(family, fields, hidden, depth)
    heads = fields.whole(family.heads)
    norms = family.norms if isinstance(family.norms, int) else family.norms(fields, heads)
    latent = family.latent(family, fields, heads) if family.latent else None
    mixer = None if latent else attention(family, fields, hidden, heads, alibi)
    plain = dense(family, fields, hidden)
    moe = experts(family.experts, fields, plain) if family.experts else None
    window, windowed = windows(family, fields, depth)
    sparse = family.experts.sparse(fields, depth) if family.experts else repeat(False, depth)
    rotated = family.rotated(fields, depth)
    layers = []
    for (slides, routed, turned), count in Counter(zip(windowed, sparse, rotated, strict=True)).items():
        changes = {"window": window} if slides else {}
        changes |= {} if turned else {"rotary_dim": 0}
        layers.append(
            Layer(
                repeat=count,
                attention=mixer.model_copy(update=changes) if mixer else None,
                latent_attention=latent,
                ffn=None if routed else plain,
                moe=moe if routed else None,
                norms=norms,
            )
        )
    return layers
