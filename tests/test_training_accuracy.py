"""Training steps that were measured, and what the model says of those that no constant was taken from.

``benchmarks/device/training_steps.csv``: own steps of LLaMA-shaped decoders on H100 and H200, 2026. A row is set aside
for calibration by its id, as `studies.measured.calibration_ids` sets measured rows aside, and not scored.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pytest

from bitnet_cost.engine.training import train
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.training import plan_of, training_format
from bitnet_cost.readers import catalog
from bitnet_cost.studies.training import precision
from tests.conftest import ROOT

HARDWARE = {"H100 SXM 80GB": "h100-sxm-80gb", "H200 SXM 141GB": "h200-sxm-141gb"}
FORMATS = {"bf16-autocast": "bf16", "fp32": "fp32", "tf32": "tf32"}


class Step(NamedTuple):
    """A measured row, and what is modelled: seconds of its part, joules, bytes at the peak."""

    row: dict[str, str]
    seconds: float
    joules: float
    peak: float


def set_aside(rows: Sequence[dict[str, str]]) -> set[str]:
    """Of each hardware, software and format a fifth, at least two: the lowest SHA-256 of the ids, part after part."""
    strata: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for row in rows:
        strata.setdefault((row["hardware"], row["compiled"], row["compute"], row["qat"]), []).append(row)
    found: set[str] = set()
    for members in strata.values():
        wanted = max(2, round(len(members) / 5)) if len(members) > 2 else len(members) - 1
        parts: dict[str, list[str]] = {}
        for row in sorted(members, key=lambda r: sha256(r["id"].encode()).hexdigest()):
            parts.setdefault(row["part"], []).append(row["id"])
        while wanted > 0 and any(parts.values()):
            for part in sorted(parts):
                if parts[part] and wanted > 0:
                    found.add(parts[part].pop(0))
                    wanted -= 1
    return found


def shape(row: dict[str, str]) -> Architecture:
    layer = {
        "repeat": int(row["layers"]), "attention": {"heads": int(row["heads"])},
        "ffn": {"size": int(row["ffn"]), "activation": "silu", "gated": True},
    }  # fmt: skip
    return Architecture.model_validate({
        "name": row["model"], "source": "own rows", "seen": "own", "hidden_size": int(row["hidden"]),
        "vocab_size": int(row["vocab"]), "layers": [layer], "lm_head": {"tied": False},
    })  # fmt: skip


def modelled(row: dict[str, str]) -> Step:
    chosen = precision("bitnet-b1.58" if row["qat"] else FORMATS[row["compute"]])
    plan: dict[str, Any] = {"seq": int(row["seq"]), "micro_batch": int(row["micro_batch"]), "dp": int(row["dp"])}
    profile, _ = catalog.setting(catalog.hardware(HARDWARE[row["hardware"].partition(" ")[2]]), None)
    found = train(
        shape(row), chosen, training_format(chosen), profile,
        catalog.training_runtime("torch-compile" if row["compiled"] == "1" else "eager"),
        plan_of(recompute=row["recompute"] or "none", **plan), between=catalog.links().links["infiniband-ndr"],
    )  # fmt: skip
    s = found.seconds
    assert s is not None
    assert found.energy is not None
    assert found.parameters == float(row["params"])
    parts = {"step": s.total, "fwdbwd": s.forward + s.backward, "forward": s.forward, "adamw": s.optimizer}
    return Step(row, parts[row["part"]], found.energy[1], found.memory.peak)


@cache
def scored() -> tuple[Step, ...]:
    with (ROOT / "benchmarks/device/training_steps.csv").open() as file:
        rows = list(csv.DictReader(file))
    aside = set_aside(rows)
    assert len(rows) == 57
    return tuple(modelled(row) for row in rows if row["id"] not in aside)


def error(pairs: Sequence[tuple[float, str]], at: int) -> float:
    errors = [abs(found / float(measured) - 1) for found, measured in pairs if measured]
    assert len(errors) > 8
    return float(np.percentile(errors, at))


@pytest.mark.parametrize(("at", "most"), [(50, 0.03), (90, 0.09)])
def test_seconds(at: int, most: float) -> None:
    assert error([(s.seconds, s.row["time_s"]) for s in scored() if s.row["part"] == "step"], at) < most
    assert error([(s.seconds, s.row["time_s"]) for s in scored()], at) < most


@pytest.mark.parametrize(("at", "most"), [(50, 0.04), (90, 0.09)])
def test_energy_of_steps(at: int, most: float) -> None:
    assert error([(s.joules, s.row["energy_j"]) for s in scored() if s.row["part"] == "step"], at) < most


@pytest.mark.parametrize(("at", "most"), [(50, 0.03), (90, 0.06)])
def test_peak_memory_of_steps(at: int, most: float) -> None:
    assert error([(s.peak, s.row["peak_memory_bytes"]) for s in scored() if s.row["part"] == "step"], at) < most


def test_quantising_in_training_takes_as_much_longer_as_measured() -> None:
    with (ROOT / "benchmarks/device/training_steps.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "step" and row["compute"] == "bf16-autocast"]
    key = ("hardware", "model", "micro_batch", "recompute", "compiled")
    plain = {tuple(row[k] for k in key): row for row in rows if not row["qat"]}
    gaps = []
    for row in rows:
        base = plain.get(tuple(row[k] for k in key)) if row["qat"] else None
        if base is not None:
            measured = float(row["time_s"]) / float(base["time_s"])
            gaps.append(abs(modelled(row).seconds / modelled(base).seconds - measured))
    assert len(gaps) >= 4
    assert np.median(gaps) < 0.08
