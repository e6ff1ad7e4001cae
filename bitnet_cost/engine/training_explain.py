"""Why a figure of a training step is what it is: the step's own formulas, on told numbers, printed as arithmetic."""

from __future__ import annotations

from functools import lru_cache

from bitnet_cost.engine.trace import Trace
from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.inputs.cited import Same
from bitnet_cost.ledger.answers import Explanation
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.registry import STEP_METRICS
from bitnet_cost.told.arithmetic import Steps, single

Formula = tuple[str, ...]

TIME: Formula = (
    "time of an operator in a micro-batch = max(MAC / (rate x units at work), bits / bandwidth) + launches",
    "backward MAC = 2 x forward",
    "time of a phase = micro-batches x slowest stage, at the clocks that keep its power within the limit",
    "bubble = (forward + backward) x (stages - 1) / (virtual stages x micro-batches)",
    "exchange = bytes / bandwidth + messages x latency, less what work hides",
)
MEMORY: Formula = (
    "weights, gradients, states = parameters of the device x bytes each, over data-parallel devices as ZeRO divides",
    "activations = what operators keep for the backward pass x micro-batches in flight; logits; copies",
)
ENERGY: Formula = ("energy = sum over actions of runs x price; static energy = seconds x power",)
FORMULAS: dict[str, Formula] = {
    **dict.fromkeys(("mfu", "hfu"), ("use = MAC of the model, or that run, / (peak rate x devices x step)",)),
    "model_flop_per_token": ("2 x MAC of the model / tokens of a step",),
    "carbon_kg": ("carbon = energy of the run x PUE x carbon intensity, plus device time x emissions of making them",),
    "cost_usd": ("cost = energy of the run x PUE x price of electricity, plus device time x its price",),
}

NEEDED = {
    **dict.fromkeys(("days", "energy_kwh"), "; give --tokens"), "carbon_kg": "; give --tokens and --carbon",
    "cost_usd": "; give --tokens and --price",
}  # fmt: skip


def cells() -> tuple[str, ...]:
    """What can be explained by its name: every column of the record that is calculated."""
    given = ("parameters", "capacity_bytes", "fits")
    return tuple(name for name, metric in STEP_METRICS.items() if metric.swept and name not in given)


@lru_cache(maxsize=4)  # the cells of one answer
def _traced(result: Same) -> tuple[Trace, TrainingResult]:
    trace = Trace(figures=True)
    return trace, trace.of_step(result.it)


def explain_step(result: TrainingResult, cell: str) -> Explanation:
    """The arithmetic behind one column of a training step's record; there are `cells`.

    Raises:
        BitnetCostError: no such cell, or one that cannot be computed here, with the reason.
    """
    if cell not in cells():
        raise BitnetCostError(
            f"cell: {cell!r} is not calculated{suggested(cell, cells(), '; there are ' + ', '.join(cells()))}"
        )
    metric = STEP_METRICS[cell]
    if metric.of(result) is None:
        why = f": {result.reason}" if result.reason else NEEDED.get(cell, ": a technology node has no clock")
        raise BitnetCostError(f"cell: {cell} cannot be computed{why}")
    trace, told = _traced(Same(result))
    unit = {"byte": "B", "J/token": "J"}.get(metric.unit, metric.unit)
    steps = Steps(cell, unit)
    steps.end(single(metric.of(told)))
    used = {node.names[0].partition(" at its ")[0] for node in steps.inputs}
    constants = tuple(lever for name, lever in trace.constants.items() if name in used)
    cited = {lever.source: trace.sources[lever.name] for lever in constants if lever.name in trace.sources}
    plan, model = result.plan, result.model
    held = cell.endswith("_bytes")
    formula = (*FORMULAS.get(cell, ()), *(MEMORY if held else () if cell == "model_flop_per_token" else TIME),
               *(ENERGY if "energy" in cell or cell in ("power_w", "carbon_kg", "cost_usd") else ()))  # fmt: skip
    parts = ", ".join(f"{name} {getattr(plan, name)}" for name in ("dp", "tp", "pp", "cp", "ep", "zero"))
    conventions = (
        f"{plan.seq} tokens a sequence, micro-batch {plan.micro_batch}, global batch {plan.global_batch}; {parts}",
        f"scope {result.scope}" + (f", runtime {result.runtime.name}" if result.runtime else ""),
        "a number that a layout, a model or a format alone decides is a constant here",
    )
    return Explanation(
        f"{cell} of training {model.name} in {result.precision.name} at {result.hardware.name}", cell,
        steps.found[-1].value, unit, formula, constants, tuple(steps.found),
        tuple(f"[{key}] {s.author}: {s.title}, {s.year}. {s.where}. ({s.seen})" for key, s in cited.items()),
        conventions, (),
    )  # fmt: skip
