"""The class that a file names: what follows the layers. A base class has no output matrix, a classifier a small one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bitnet_cost.inputs.architecture import Classifier
from bitnet_cost.readers.families.family import Family
from bitnet_cost.readers.families.fields import Fields, field, short

_DRAFT = re.compile(r"eagle|medusa|mtp|nextn|draft|speculat|hydra", re.IGNORECASE)

# What a class name ends with, and whether its scores are of every position; the longest that fits counts.
ENDINGS: dict[str, tuple[str, bool]] = {
    "ForCausalLM": ("tokens", True), "LMHeadModel": ("tokens", True), "ForConditionalGeneration": ("tokens", True),
    "ForMaskedLM": ("tokens", True), "MTModel": ("tokens", True), "ForPreTraining": ("pretraining", True),
    "WithLMHeadModel": ("tokens", True),
    "ForVision2Seq": ("tokens", True), "ForImageTextToText": ("tokens", True), "ForVisionText2Text": ("tokens", True),
    "DoubleHeadsModel": ("tokens", True), "Model": ("none", True), "EncoderModel": ("none", True),
    "ForSequenceClassification": ("labels", False), "ForTokenClassification": ("labels", True),
    "ForRewardModeling": ("labels", False), "ForQuestionAnswering": ("span", True),
    "ForMultipleChoice": ("choice", False),
}  # fmt: skip


def ending(config: Mapping[str, Any]) -> str | None:
    """What the class that the file names ends with, of `ENDINGS`; None where it names none, or is a list of nothing.

    >>> ending({"architectures": ["LlamaForSequenceClassification"]}), ending({"architectures": ["LlamaModel"]})
    ('ForSequenceClassification', 'Model')
    >>> ending({"architectures": ["LlamaForCausalLMEagle3"]})
    ''
    """
    named = config.get("architectures")
    if not isinstance(named, list) or not named or not isinstance(named[0], str):
        return None
    fits = [each for each in ENDINGS if named[0].endswith(each)]
    return "" if not fits or _DRAFT.search(named[0]) else max(fits, key=len)


def refuse_unknown(fields: Fields, found: str | None) -> None:
    """Refuse a class that builds something which is not known here, by its name."""
    if found != "":
        return
    name = fields.data["architectures"][0]
    if _DRAFT.search(name):
        what = "is the draft of another model, for speculative decoding; give the model that it drafts for"
    else:
        what = f"is not known for model_type {fields.model_type!r}; classes that are known end in {', '.join(ENDINGS)}"
    fields.refuse("architectures", f"{short(name)} {what}")


def classifier(family: Family, fields: Fields, found: str | None) -> Classifier | None:
    """What is in place of an output matrix, or beside it; None where that matrix is all."""
    kind, every = ENDINGS[found] if found else ("tokens", True)
    if kind == "tokens":
        return None
    if kind == "pretraining" and family.pretraining:
        return family.pretraining
    labels = {"none": 0, "span": 2, "choice": 1, "pretraining": 2}.get(kind)
    biased = every or family.kind == "encoder" or family.classified_with_bias
    return Classifier(
        labels=_labels(fields) if labels is None else labels,
        bias=kind != "none" and biased,
        every_position=every and kind in ("labels", "span"),
        pooled=found in family.pooled,
        pooled_bias=not family.pooled_norm,
        pooled_norm=family.pooled_norm and found in family.pooled,
    )


def _labels(fields: Fields) -> int:
    """Labels: counted, or listed by name; two where the file says nothing, as in the classes."""
    names = fields.data.get("id2label")
    if "num_labels" not in fields.data and isinstance(names, dict) and names:
        return len(names)
    return fields.whole(field("num_labels", default=2), most=100_000)
