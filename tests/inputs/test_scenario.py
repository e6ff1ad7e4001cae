"""The question as one object: its lens reads and sets what is at a path, and refuses what a file may not say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import bitnet_cost
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.errors import BitnetCostError

ASKED = bitnet_cost.estimate("llama-2-7b", "h100-sxm-80gb", "int8", generate=8).scenario
PATHS = [path for path, _ in ASKED.figures()]


def test_every_figure_is_at_its_path_and_goes_back_unchanged() -> None:
    assert len(PATHS) == len(set(PATHS)) > 50
    for path, figure in ASKED.figures():
        assert ASKED.figure(path) is figure
        assert ASKED.at(path, figure).figure(path) is figure


@pytest.mark.parametrize("path", ["hierarchy.hbm.bandwidth", "runtime.kernels.linear.compute", "actions.mac.int8"])
def test_a_number_becomes_an_exact_figure_and_nothing_else_changes(path: str) -> None:
    before = ASKED.figure(path)
    after = ASKED.at(path, 0.9 * before.value).figure(path)
    assert after.low == after.value == after.high == 0.9 * before.value
    assert ASKED.figure(path) is before
    other = ASKED.at(path, np.array([before.value, before.value]))
    assert other.figure(path).value.shape == (2,)


def test_fields_of_the_question_have_paths_too() -> None:
    assert ASKED.at("workload.batch", 4).workload.batch == 4
    assert evaluate(ASKED.at("workload.batch", 4)).workload.batch == 4
    assert ASKED.at("scope", "memory").scope == "memory"
    assert ASKED.at("devices", 2).devices == 2
    assert ASKED.at("workload.batch", np.array([1, 2])).workload.shape == (2,)
    assert ASKED.figure("facility.pue") is None
    assert ASKED.figure("hierarchy.l9.bandwidth") is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("hierarchy.hbn.bandwidth", 1.0, "the profile has no 'hbn'"),
        ("hierarchy.hbm.bandwidth", -1.0, "-1 is outside"),
        ("power.cap", 1.0, "not above static"),
        ("title", 1.0, "is not a figure of this profile"),
        ("facility.pue", 1.2, "is not a figure of this profile"),
        ("actions.mac.int8", np.int64(-5), "-5 is outside"),
        ("actions.mac.int8", np.float32("nan"), "not a finite number"),
        ("actions.mac.int8", None, "None is not a number"),
        ("actions.mac.int8", "3 pJ", "'3 pJ' is not a number"),
        ("scope", "nonsense", "nonsense"),
        ("devices", 2.5, "2.5"),
        ("workload.batch", float("inf"), "not a finite number"),
        ("workload.batch", 0, "0 is not a whole number"),
    ],
)
def test_what_a_file_may_not_say_is_refused(path: str, value: Any, words: str) -> None:
    with pytest.raises(BitnetCostError, match=words):
        ASKED.at(path, value)
