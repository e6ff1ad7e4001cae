"""Random cells of all commands with their traces: shared by the tests of what a graph evaluates to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from bitnet_cost import api
from bitnet_cost.engine.estimate import against
from bitnet_cost.engine.explain import FIT, PER_DAY, SAVING, cells, number_of
from bitnet_cost.engine.trace import Trace
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog
from bitnet_cost.told import Node

PRECISIONS = ("fp32", "fp16", "bf16", "fp8", "int8", "int4", "bitnet", "bitnet-b1.58", "bitnet-a4.8", "w4a8kv8", "w2a8")
WITHOUT_EXPERTS = [m for m in catalog.names("model") if not any(layer.moe for layer in catalog.model(m).layers)]


class Cells(NamedTuple):
    """Cells of one answer: their numbers in a graph, and what the engine says."""

    title: str
    roots: dict[str, Node | float]
    wanted: dict[str, float]


def drawn(seed: int, answers: int, each: int = 10) -> Iterator[Cells]:
    """Cells of random answers, a few of each: columns of records, parts of operators, days and savings."""
    draw = random.Random(seed)
    models, hardware = catalog.names("model"), catalog.names("hardware")
    found = 0
    while found < answers:
        model, device = draw.choice(models), catalog.hardware(draw.choice(hardware))
        clock = device.kind == "device"
        asked: dict[str, Any] = {"batch": draw.choice([1, 2, 9]), "prompt": draw.choice([1, 300, 4000])}
        if catalog.model(model).kind == "decoder":
            asked["generate"] = draw.choice([1, 2, 150])
        link = device.interconnect
        devices = draw.choice([1, 2, 4]) if link is not None and link.devices >= 4 else 1
        site = Facility(1.2, 1e-4, 3e-8, "", 2.5, 1e5) if clock else None
        names = draw.sample(PRECISIONS, 2)
        try:
            result, other = (
                api.estimate(model, device, name, devices=devices, facility=site,
                             scope=draw.choice(["memory", "device", "facility"]) if clock else "compute", **asked)
                for name in names
            )  # fmt: skip
        except BitnetCostError:
            continue
        if not result.has_energy:
            continue
        found += 1
        yield _cells(draw, result, replace(other, scenario=other.scenario.but(scope=result.scope)), each)


def _cells(draw: random.Random, result: Result, other: Result, each: int) -> Cells:
    trace = Trace(figures=draw.random() < 0.5)
    told = trace.of(result)
    if other.has_energy and other.scope == result.scope:
        result, told = against(result, other), against(told, trace.of(other))
    operator, phase = draw.choice(told.counts.operators).name, draw.choice([*told.counts.phases])
    drawn_from = [cell for cell in cells() if cell not in FIT and cell not in SAVING[3:]]
    drawn_from += [f"{kind}:{phase}:{operator}" for kind in ("op", "mac", "add", "seconds", "weight_bytes")]
    drawn_from += [f"component:{name}" for name in result.by_component]
    roots: dict[str, Node | float] = {}
    wanted: dict[str, float] = {}
    for cell in draw.sample(drawn_from, len(drawn_from)):
        requests = 1e6 if cell in PER_DAY else None
        try:
            plain = number_of(result, cell, requests)
        except BitnetCostError:
            continue
        assert not isinstance(plain, Node)
        wanted[cell], roots[cell] = float(plain), number_of(told, cell, requests)
        if len(wanted) == each:
            break
    title = f"{result.architecture.name} {result.hardware.name} {result.precision.name} {result.devices}"
    return Cells(title, roots, wanted)


def other_points(seed: int, points: int) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Numbers of a workload where a graph traced with several generated tokens holds.  Each [points]"""
    draw = np.random.default_rng(seed)
    return {
        "batch": draw.integers(1, 60, points).astype(float), "prompt": draw.integers(1, 5000, points).astype(float),
        "generate": draw.integers(2, 400, points).astype(float),
    }  # fmt: skip
