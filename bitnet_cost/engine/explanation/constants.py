"""What stands beside the arithmetic: constants with range and source, and the conventions in force."""

from __future__ import annotations

from bitnet_cost.engine.explanation.work import Work
from bitnet_cost.engine.uncertainty import levers
from bitnet_cost.result import Lever, Result


def constants(work: Work, result: Result) -> tuple[Lever, ...]:
    """Every price and figure that the arithmetic used."""
    return (*levers(result.hardware, sorted(work.prices)), *work.constants.values())


def sources(work: Work, result: Result, used: tuple[Lever, ...]) -> tuple[str, ...]:
    """The publications behind constants, each once."""
    found = []
    for lever in used:
        s = work.sources.get(lever.name) or result.hardware.sources[lever.source]
        found.append(f"[{lever.source}] {s.author}: {s.title}, {s.year}. {s.where}. ({s.seen})")
    return tuple(dict.fromkeys(found))


def conventions(result: Result, baseline: Result | None) -> tuple[str, ...]:
    """What was asked, and what is meant by it."""
    work = result.counts.workload
    found = [
        f"batch {work.batch}, prompt {work.prompt}, generated {work.generate}; the first token comes from the prefill",
        f"attention {work.attention}, logits {work.logits}, counting {work.counting}",
        f"scope {result.scope}, accumulator {result.accumulator}",
        "a dense product [m, k] x [k, n] has m k n MUL and m (k-1) n ADD; 1-bit weights only add",
    ]
    if any(layer.moe for layer in result.architecture.layers):
        found.append("routing over experts is uniform and independent")
    if result.runtime is not None:
        found.append(f"runtime {result.runtime.runtime}, {_devices(result)}")
    if baseline is not None:
        found.append(f"baseline {baseline.precision.name}, same scope and workload")
    return tuple(found)


def _devices(result: Result) -> str:
    if result.devices == 1:
        return "1 device"
    if result.parallel == "tensor":
        return (
            f"{result.devices} devices that split every matrix; steps are of one of them, which repeats norms,"
            " residuals and routers"
        )
    return f"{result.devices} devices that split the layers; steps are of one turn, a micro-batch through all of them"
