"""Measured steps of training, and what the model says of those that no constant was taken from.

``measured/training``: own steps of LLaMA-shaped decoders on H100 and H200, and steps that others published with their
layout. A row is set aside for calibration by its id, as measured rows of inference are, and not scored.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from bitnet_cost.inputs.measurement import TrainingMeasurement
from bitnet_cost.readers import catalog, measured
from bitnet_cost.studies import measured_training
from bitnet_cost.studies.accuracy import class_of
from bitnet_cost.studies.accuracy_classes import CLASSES
from bitnet_cost.studies.measured import Point


@cache
def points() -> tuple[Point, ...]:
    return tuple(measured_training.points())


def errors(kind: str, part: str | None = None) -> list[float]:
    found = [p for p in points() if p.scored and class_of(p) == kind]
    rows = [p.row for p in found]
    assert all(isinstance(row, TrainingMeasurement) for row in rows)
    return [abs(p.error) for p in found if part in (None, p.row.phase)]


@pytest.mark.parametrize(
    ("kind", "part", "median", "p90"),
    [
        ("training-time-own", "step", 0.03, 0.09),
        ("training-time-own", None, 0.03, 0.09),
        ("training-energy-own", "step", 0.04, 0.09),
        ("training-memory-own", "step", 0.03, 0.06),
        ("training-time-dense", None, 0.08, 0.22),
        ("training-time-moe", None, 0.14, 0.32),
    ],
)
def test_errors_on_rows_that_no_constant_came_from(kind: str, part: str | None, median: float, p90: float) -> None:
    found = errors(kind, part)
    assert len(found) >= 3
    assert np.percentile(found, 50) < median
    assert np.percentile(found, 90) < p90


def test_rows_are_set_aside_by_their_ids_and_never_scored() -> None:
    aside = measured_training.set_aside()
    rows = measured.training_rows()
    assert len({row.id for row in rows}) == len(rows)
    strata = Counter((r.source, r.hardware, r.runtime, r.precision) for r in rows if not r.left_out)
    for stratum, n in strata.items():
        members = [r for r in rows if (r.source, r.hardware, r.runtime, r.precision) == stratum and not r.left_out]
        if n > 2 and members[0].whole == "devices":
            assert sum(r.id in aside for r in members) == max(2, round(n / 5))
    assert not [p.row.id for p in points() if p.scored and p.row.id in aside]


def test_every_row_has_a_source_a_runtime_and_an_answer() -> None:
    known, runtimes = measured.sources().sources, catalog.names("training-runtime")
    for point in points():
        assert point.row.source in known
        assert point.row.runtime in runtimes
        assert point.left_out or np.isfinite(point.modelled), point.row.id
        assert class_of(point) in CLASSES


def test_mpt_has_the_parameters_that_its_source_states() -> None:
    for name, sequence, stated in (("mpt-3b", 2048, 2_651_837e3), ("mpt-7b", 2048, 6_658_859e3)):
        row = next(r for r in measured.training_rows() if r.model == name and r.seq == sequence)
        assert measured_training.trained(row).parameters == pytest.approx(stated, rel=2e-4)


def test_quantising_in_training_takes_as_much_longer_as_measured() -> None:
    rows = [r for r in measured.training_rows() if r.source == "own-training" and r.part == "step"]

    def key(row: TrainingMeasurement) -> tuple[object, ...]:
        return row.hardware, row.model, row.micro_batch, row.recompute, row.runtime, row.devices

    plain = {key(r): r for r in rows if r.precision == "bf16"}
    gaps = []
    for row in rows:
        base = plain.get(key(row)) if row.precision == "bitnet-b1.58" else None
        if base is not None and row.seconds and base.seconds:
            ours = measured_training.modelled(row)["seconds"] / measured_training.modelled(base)["seconds"]
            gaps.append(abs(ours - row.seconds / base.seconds))
    assert len(gaps) >= 4
    assert np.median(gaps) < 0.08
