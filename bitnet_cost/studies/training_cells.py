"""Cells of published tables about training, from the same step as ``bitnet-cost train`` gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

from bitnet_cost.engine.training_memory import bytes_each, counted, layer_bytes
from bitnet_cost.errors import InvalidFile
from bitnet_cost.formulas.training import compute_of_tokens, state_bytes
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.study import Options, TrainingOptions, TrainingQuantity
from bitnet_cost.inputs.training import plan_of, training_format
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.readers import catalog
from bitnet_cost.studies.training import DEVICE, Terms, precision, train

QUANTITIES = get_args(TrainingQuantity)
OF_STATES = ("states", "state_bytes")  # of a number of parameters, not of a model
FLOP = 2  # a MAC is a multiplication and an addition
PLAN = (*(n for n in TrainingOptions.model_fields if n not in ("link", "pue", "states_of")), "counting")


def _steps(r: TrainingResult) -> float:
    return float(r.plan.tokens / r.plan.step_tokens) if r.plan.tokens else 1.0


def _kept(r: TrainingResult) -> float:
    """Bits that a layer keeps of one micro-batch on each device."""
    if r.runtime is None:
        raise InvalidFile(f"study cell of {r.model.name}", "layer_activations", "needs a device")
    (kept,) = layer_bytes(r.model, counted(r.model, r.plan), r.plan, r.runtime, r.form)
    return float(8 * kept / r.model.depth)


COUNTED: dict[str, Callable[[TrainingResult], float]] = {
    "six_n_d": lambda r: float(compute_of_tokens(r.parameters, r.plan.tokens or r.plan.step_tokens)),
    "run_flop": lambda r: FLOP * r.counts.model * _steps(r),
    "recomputed": lambda r: r.counts.run / r.counts.model - 1,
    "trained_weights": lambda r: 8 * r.memory.weights,
    "gradients": lambda r: 8 * r.memory.gradients,
    "optimizer_states": lambda r: 8 * r.memory.optimizer,
    "layer_activations": _kept,
    "activations": lambda r: 8 * r.memory.kept,
    "peak_memory": lambda r: 8 * r.memory.peak,
}
"""Figures that neither time nor prices enter, of the run, or of a step without its tokens; memory in bits."""
TIMED: dict[str, Callable[[TrainingResult], float | None]] = {
    "step": lambda r: r.seconds and r.seconds.total,
    "mfu": lambda r: r.utilisation and r.utilisation[0],
    "hfu": lambda r: r.utilisation and r.utilisation[1],
    "days": lambda r: r.days and r.days * 86400,
    "device_time": lambda r: r.device_seconds,
    "step_energy": lambda r: r.energy and r.energy[1] * r.pue,
    "run_energy": lambda r: r.run_energy and r.run_energy[1] * r.pue,
}


def states(options: Options, name: str) -> float:
    """Bits of weights, gradients and moments of a number of parameters on each data-parallel device."""
    runtime = catalog.training_runtime(options.runtime or "eager")
    plan = plan_of(**_plan(options))
    each = bytes_each(plan, training_format(precision(name)), runtime)
    return float(8 * sum(state_bytes(options.states_of or 1.0, *each, plan.dp, plan.zero)))


def _plan(options: Options) -> dict[str, Any]:
    return {name: value for name in PLAN if (value := getattr(options, name)) is not None}


def figure(options: Options, name: str, shapes: Sequence[Architecture] = ()) -> tuple[float, bool]:
    """The figure of a cell in SI, memory in bits, and whether it rests on a runtime's shares, part of them assumed.

    ``shapes`` are models that the study brings itself.

    Raises:
        BitnetCostError: an unknown name, a plan that is refused, a figure of time where the step does not fit.
    """
    quantity = str(options.quantity)
    if quantity in OF_STATES:
        found = states(options, name)
        return (found / 8 if quantity == "state_bytes" else found), False
    terms = Terms(
        options.runtime, options.scope, None, None if options.pue is None else Facility(options.pue), options.link
    )
    model = next((shape for shape in shapes if shape.name == options.model), str(options.model))
    (result,) = train(model, [options.hardware or DEVICE], [name], terms, options.devices, **_plan(options))
    if quantity in COUNTED:
        return COUNTED[quantity](result), False
    value = TIMED[quantity](result)
    if value is None:
        raise InvalidFile(f"study cell of {result.model.name}", quantity, result.reason or "needs a device, and tokens")
    return value, True
