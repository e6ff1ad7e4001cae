"""An answer by the graph of its question is the engine's in every bit, and all that the graph lacks is the engine's."""

from __future__ import annotations

import copy
import random
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine import again
from bitnet_cost.engine.again import Printed
from bitnet_cost.engine.asked import Asked
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.ledger.counted import Footprint, Timing
from bitnet_cost.ledger.result import Result

SITE = Facility(1.2, 1e-4, 3e-8, "", 2.5, 1e5)
CELLS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("gpt3-175b", "cmos-45nm", "bitnet", {"baseline": "fp32"}),
    ("mixtral-8x7b", "cmos-7nm", "int4", {"scope": "memory", "accumulator": "int32"}),
    ("bert-large", "a100-sxm-80gb", "fp16", {}),
    ("llama-2-7b", "h100-sxm-80gb", "bitnet-b1.58", {"baseline": "fp16", "facility": SITE, "scope": "facility"}),
    ("gemma-2-9b", "l4", "int4", {"runtime": "eager", "logits": "all"}),
    ("llama-2-70b", "h100-sxm-80gb", "fp8", {"devices": 4, "parallel": "pipeline"}),
    ("llama-3.1-8b", "h100-sxm-80gb", "bf16", {"devices": 2, "parallel": "data"}),
    ("deepseek-v2-lite", "a100-sxm-80gb", "fp16", {"baseline": "fp16", "scope": "memory"}),
    ("mamba-2.8b", "h100-sxm-80gb", "bf16", {"counting": "traced"}),
    ("mixtral-8x7b", "rtx-4090", "int4", {"offload": "layers=12"}),
    ("llama-3.1-8b", "h100-sxm-80gb", "fp8", {"draft": "llama-3.2-1b", "accept": 0.7}),
]
TIMES = (
    "seconds",
    "compute",
    "memory",
    "overhead",
    "link",
    "waiting",
    "stretch",
    "host",
    "by_phase",
    "total",
    "bounds",
)


def question(model: str, hardware: str, precision: str, **options: Any) -> Asked:
    """A question as `estimate` asks it."""
    result = api.estimate(model, hardware, precision, batch=2, prompt=64, **options)
    baseline = options.get("baseline")
    return Asked(result.scenario, None if baseline is None else api.load_precision(baseline), result.quality)


def exact(value: Any) -> Any:
    """A value with its type and all its bits."""
    if isinstance(value, np.ndarray):
        return type(value), value.shape, value.dtype, value.tobytes()
    if isinstance(value, dict):
        return [(key, exact(part)) for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [exact(part) for part in value]
    return type(value), value.hex() if isinstance(value, float) else repr(value)


def facts(result: Result) -> dict[str, Any]:
    """All that can be read of a result: first what a graph gives, then what the engine is asked for."""
    names = [
        "by_component", "by_operator", "energy_bounds", "energy_by_phase", "token_rates", "tokens_per_s", "saving",
        "baseline", "reason", "fits", "shape", "carbon_bounds", "cost_bounds", "water_l", "devices_needed", "parameters",
        "has_energy", "scope", "rounds",
    ]  # fmt: skip
    found = {name: getattr(result, name) for name in names} | {"repr": repr(result)}
    found |= {f"memory {each.name}": getattr(result.footprint, each.name) for each in fields(Footprint)}
    if result.timing is not None:
        found["phases"] = [result.timing.of_phase(name) for name in ("prefill", "decode", "none")]
        found |= {"timing": repr(result.timing)} | {f"time {name}": getattr(result.timing, name) for name in TIMES}
    found |= {"records": result.to_records(), "prices": result.prices, "runs": result.runs, "workload": result.workload}
    return {name: exact(value) for name, value in found.items()}


@pytest.mark.parametrize(("model", "hardware", "precision", "options"), CELLS)
def test_every_figure_is_the_engines(
    model: str, hardware: str, precision: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(again, "READ_AGAIN", 0)
    asked, draw = question(model, hardware, precision, **options), random.Random(f"{model} {hardware}")
    steps = 1 if asked.scenario.model.kind == "encoder" else 64
    printed, compared = Printed(asked, (2, 64, steps)), 0
    for batch, prompt, generate in [
        (2, 64, steps),
        (4, 1, steps),
        (1, 3001, steps),
        (3, 17, 1),
        (2000, 9000, steps),
    ] + [(draw.randint(1, 40), draw.randint(1, 3000), 1 if steps == 1 else draw.randint(2, 300)) for _ in range(3)]:
        numbers = batch, prompt, generate
        found = printed.at(numbers) if asked.traceable(numbers) else None
        if found is not None:
            assert type(found) is not Result
            assert facts(found) == facts(asked.by_engine(asked.at(numbers))), numbers
            compared += 1
    assert compared >= 4
    assert asked.traceable((3, 8, 1)) is (options.get("parallel") != "data")  # two devices do not share three sequences


def test_beyond_what_was_decided_there_is_no_answer() -> None:
    asked = question("llama-2-7b", "l4", "bf16")
    printed = Printed(asked, (1, 100, 8))
    assert printed.at((1, 100, 9)) is not None
    assert printed.at((1, 100, 1)) is None  # no decode
    assert printed.at((64, 8000, 9)) is None  # does not fit
    assert not question("bert-large", "l4", "fp16").traceable((1, 100, 2))  # refused
    assert Printed(question("llama-2-70b", "l4", "fp32"), (1, 100, 8)).at((1, 100, 8)) is None
    with pytest.raises(BitnetCostError, match="no energy"):  # five devices do not divide its heads
        Printed(asked._replace(scenario=asked.scenario.but(devices=5)), (1, 100, 8))


def test_copies_and_changes_are_plain_results() -> None:
    asked = question("llama-2-7b", "l4", "bf16")
    numbers = 3, 100, 8
    result = Printed(asked, numbers).at(numbers)
    assert result is not None
    assert isinstance(result.timing, Timing)
    changes = (replace(result, reason=None), copy.copy(result), copy.deepcopy(result), result.within("device"))
    for changed in (*changes, replace(result)):
        assert type(changed) is Result
        assert facts(changed) == facts(asked.by_engine(asked.at(numbers)))
    assert type(replace(result.timing)) is type(copy.copy(result.timing)) is Timing
    narrow = result.within("arithmetic")
    assert exact(narrow.by_component) == exact(asked.by_engine(asked.at(numbers)).within("arithmetic").by_component)
    assert repr(result).startswith("<Result: llama-2-7b in bf16 on l4, ")
    assert str(result) == str(asked.by_engine(asked.at(numbers)))


def test_breakdowns_by_operator_wait_until_a_graph_of_them_pays() -> None:
    asked = question("gpt2", "cmos-7nm", "int8")
    printed = Printed(asked, (1, 100, 8))
    for _ in range(again.READ_AGAIN):
        assert printed.by_operator((1, 100, 8)) is None
    found = printed.by_operator((2, 70, 8))
    assert found is not None
    assert exact(found) == exact(asked.by_engine(asked.at((2, 70, 8))).by_operator)
