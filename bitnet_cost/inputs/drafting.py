"""Drafts: the models that guess tokens which another checks, and what none can draft for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from bitnet_cost.errors import BitnetCostError, quoted
from bitnet_cost.inputs.architecture import Architecture, Layer, Product
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.workload import Speculative
from bitnet_cost.numerals import with_commas

MTP = "mtp"  # the model's own layer for multi-token prediction
USUAL_TOKENS = 5  # as vLLM's documentation has it (docs.vllm.ai, features/speculative_decoding/draft_model)
MOST_TOKENS = 1000
PADDING = 1.02  # tables of one vocabulary are padded to different sizes


def rounds_of(draft: object, accept: Any, tokens: Any) -> Speculative | None:
    """How tokens are drafted and checked; None without a draft. A layer of the model's own drafts one, if left out.

    Raises:
        BitnetCostError: a number outside what it can be, or without a draft.
    """
    if draft is None:
        given = [name for name, value in (("accept", accept), ("draft-tokens", tokens)) if value is not None]
        if given:
            raise BitnetCostError(f"{given[0]}: nothing drafts tokens; name a model with --draft")
        return None
    if accept is None:
        raise BitnetCostError("draft: say with --accept how probably a drafted token is accepted, as 0.7")
    if isinstance(accept, bool) or not isinstance(accept, int | float) or not 0 <= accept <= 1:
        raise BitnetCostError(f"accept: {quoted(accept)} is not a probability from 0 to 1")
    if tokens is None:
        tokens = 1 if draft == MTP else USUAL_TOKENS
    if type(tokens) is not int or not 1 <= tokens <= MOST_TOKENS:
        raise BitnetCostError(f"draft-tokens: {quoted(tokens)} is not a whole number from 1 to {MOST_TOKENS}")
    return Speculative(tokens, float(accept))


def own_draft(model: Architecture) -> Architecture:
    """A model's layer for multi-token prediction: its projection of two vectors to one, and a layer like its last.

    DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, eq. 21 to 23. Token table and output matrix are the model's own,
    which are read and not stored again. Of several such layers the first drafts all tokens.

    Raises:
        BitnetCostError: the model has none.
    """
    return _own(Same(model))


@lru_cache(maxsize=64)
def _own(same: Same) -> Architecture:
    model: Architecture = same.it
    if not (model.checkpoint and model.checkpoint.multi_token):
        raise BitnetCostError(f"draft: {model.name} has no layer for multi-token prediction; name a model")
    last = model.layers[-1]
    joined = Layer(repeat=2, product=Product(outputs=model.hidden_size), norms=0)  # a matrix of 2 d x d
    layer = last.model_copy(update={"repeat": 1, "norms": last.norms + 2})
    table = model.embedding.model_copy(update={"of_another": True})
    head = model.lm_head and model.lm_head.model_copy(update={"tied": True})
    return model.model_copy(
        update={"name": f"{model.name}.{MTP}", "layers": [joined, layer], "embedding": table, "lm_head": head,
                "checkpoint": None, "nominal_parameters": None}
    )  # fmt: skip


def cannot_draft(draft: Architecture, model: Architecture, parallel: str) -> str | None:
    """Why a model cannot draft tokens for another, in words; None: it can."""
    for one in (model, draft):
        if not one.generates or one.encoder:
            return f"{one.name} is no decoder that generates tokens"
    sizes = sorted((draft.vocab_size, model.vocab_size))
    if sizes[1] > PADDING * sizes[0]:
        own, other = with_commas(draft.vocab_size), with_commas(model.vocab_size)
        return f"{draft.name} has {own} tokens and {model.name} {other}: a draft has the same vocabulary"
    if parallel == "pipeline":
        return "a round of drafted tokens is not divided among the stages of a pipeline; take --parallel tensor"
    return None


def check_draft(draft: Architecture, model: Architecture, parallel: str) -> None:
    """Refuse a draft; see `cannot_draft`.

    Raises:
        BitnetCostError: with the reason.
    """
    if why := cannot_draft(draft, model, parallel):
        raise BitnetCostError(f"draft: {why}")
