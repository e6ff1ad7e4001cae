"""Short texts from hypothesis: what is accepted has the properties it should, what is not is refused in words."""

from __future__ import annotations

import contextlib
import math
import re

from hypothesis import given
from hypothesis import strategies as st

from bitnet_cost import units
from bitnet_cost.errors import CONTROL, LONGEST, BitnetCostError, UnknownName, printable
from bitnet_cost.filters import Filter
from bitnet_cost.inputs.architecture import Architecture, qualified_name
from bitnet_cost.inputs.precision import parse_name
from bitnet_cost.inputs.sweep import parse_axis
from bitnet_cost.readers.catalog import model
from bitnet_cost.readers.size import LARGEST, SMALLEST, parse_size

WORDS = st.text(max_size=60)
DIGITS = st.from_regex(r"[-+]?[0-9]{0,30}\.?[0-9]{0,30}([eE][-+]?[0-9]{1,4})?", fullmatch=True)
NAMES = [
    "batch",
    "fits",
    "latency_s",
    "model",
    "and",
    "or",
    "not",
    "in",
    "(",
    ")",
    ",",
    "<",
    "==",
    "'a'",
    "1",
    "1e999",
    "~",
    "**",
]
CONDITIONS = st.lists(st.sampled_from(NAMES), max_size=40).map(" ".join) | WORDS


@given(WORDS | st.tuples(DIGITS, st.sampled_from(["", " ", "GB", " pJ", " W", " %", " x", " us"])).map("".join))
def test_figures(text: str) -> None:
    for dimension in units.DIMENSIONS:
        with contextlib.suppress(BitnetCostError):
            value = units.parse(text, dimension)
            assert math.isfinite(value)
            assert dimension.low <= value <= dimension.high


@given(WORDS | st.from_regex(r"w\d{1,5}(\.\d{1,9})?a\d{1,5}(\.\d{1,9})?(kv\d{1,5})?", fullmatch=True))
def test_names_of_precisions(text: str) -> None:
    with contextlib.suppress(BitnetCostError):
        found = parse_name(text)
        assert found is None or (found.name == text and 1 <= found.linear.weights.bits <= 16)


@given(WORDS | st.tuples(DIGITS, st.sampled_from("KMBTkmbt")).map("".join))
def test_sizes(text: str) -> None:
    with contextlib.suppress(BitnetCostError):
        size = parse_size(text)
        if size is not None:
            assert SMALLEST <= size <= LARGEST
            assert model(text).nominal_parameters == size


@given(st.text(max_size=200))
def test_any_text_makes_a_name_that_a_model_may_have(text: str) -> None:
    pattern = next(m.pattern for m in Architecture.model_fields["name"].metadata if hasattr(m, "pattern"))
    assert re.match(pattern, qualified_name(text))
    assert len(qualified_name(text)) <= 80


@given(CONDITIONS)
def test_filters(text: str) -> None:
    with contextlib.suppress(BitnetCostError):
        Filter(text, NAMES[:4])


@given(WORDS | st.lists(DIGITS, min_size=1, max_size=5).map(":".join) | st.lists(DIGITS, min_size=1).map(",".join))
def test_axes(text: str) -> None:
    with contextlib.suppress(BitnetCostError):
        assert isinstance(parse_axis(text), list | dict)


@given(st.text(), st.integers(1, 3000))
def test_what_is_printed_is_short_and_holds_nothing_that_a_terminal_obeys(text: str, times: int) -> None:
    assert not CONTROL.search(printable(text))
    said = str(UnknownName("model", text * times, ["gpt2"]))
    assert not CONTROL.search(said)
    assert len(said) <= LONGEST + 20
