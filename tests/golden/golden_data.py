"""The golden data, and our counts in its form."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from bitnet_cost.engine.counts import count_ops
from bitnet_cost.engine.footprint import cached_entries
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers.huggingface import architecture_from_config
from bitnet_cost.words import Counting, Logits

HERE = Path(__file__).parent
CONFIGS = HERE.parent / "configs"

# scenario: batch, prompt, generated tokens, phase
SCENARIOS = {
    "prefill_b1_s512": (1, 512, 1, 0),
    "prefill_b4_s128": (4, 128, 1, 0),
    "prefill_b1_s2048": (1, 2048, 1, 0),
    "decode_b1_past511": (1, 511, 2, 1),
    "decode_b8_past1023": (8, 1023, 2, 1),
}


@cache
def golden() -> dict[str, Any]:
    """Every measured model, by name."""
    given = json.loads((HERE / "counts.json").read_text())["models"]
    more = json.loads((HERE / "more_counts.json").read_text())["models"]
    return {**given, **more}


@cache
def given() -> tuple[str, ...]:
    """The 36 models of the data set that was given."""
    return tuple(json.loads((HERE / "counts.json").read_text())["models"])


@cache
def odd_configs() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "odd_configs.json").read_text())
    return found


def config(name: str) -> dict[str, Any]:
    """The configuration of a measured model; a fresh copy."""
    if name in odd_configs():
        return dict(odd_configs()[name])
    found: dict[str, Any] = json.loads((CONFIGS / name / "config.json").read_text())
    return found


@cache
def architecture(name: str) -> Architecture:
    return architecture_from_config(config(name), name=name, source="golden data", file=name)


def macs(
    model: Architecture, scenario: str, *, counting: Counting = "traced", logits: Logits = "all"
) -> dict[str, int]:
    """MACs by role of one scenario."""
    batch, prompt, generate, phase = SCENARIOS[scenario]
    counts = count_ops(model, Workload(batch, prompt, generate, logits=logits, counting=counting))
    found: dict[str, int] = {}
    for operator, count in zip(counts.operators, counts["mac"][phase, :, 0], strict=True):
        if count:
            assert count == int(count)
            found[operator.name] = found.get(operator.name, 0) + int(count)
    return found


def cached(model: Architecture, batch: int, positions: int, counting: Counting = "traced") -> int:
    """Entries of the cache, or of the recurrent state."""
    return int(cached_entries(model, np.array([float(batch)]), np.array([float(positions)]), counting)[0])
