"""Hold measured steps of training against the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from bitnet_cost.engine.training import train
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.measurement import Decoder, TrainingMeasurement
from bitnet_cost.inputs.training import Plan, training_format
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.studies.measured import Point, Quantity, at_the_wall, calibration_ids
from bitnet_cost.studies.training import precision

QUANTITIES: tuple[Quantity, ...] = ("seconds", "energy_j", "memory_gb")
PLAN = (
    "seq", "global_batch", "micro_batch", "devices", "dp", "tp", "pp", "cp", "ep", "zero", "virtual_stages",
    "recompute", "lora",
)  # fmt: skip


def architecture_of(name: str) -> Architecture:
    """The model of a row, of the catalogue or built from the sizes that its source states."""
    known = measured.decoders()
    if name in known.gpt:
        return _decoder(name, known.gpt[name], llama=False)
    return _decoder(name, known.llama[name], llama=True) if name in known.llama else catalog.model(name)


def _decoder(name: str, sizes: Decoder, *, llama: bool) -> Architecture:
    heads: Mapping[str, object] = {"heads": sizes.heads}
    ffn: Mapping[str, object] = {"size": sizes.ffn}
    layer = (
        {"attention": heads, "ffn": {**ffn, "activation": "silu", "gated": True}} if llama else
        {"attention": {**heads, "qkv_bias": True, "o_bias": True, "fused": True},
         "ffn": {**ffn, "activation": "gelu_tanh", "bias": True}}
    )  # fmt: skip
    rest = {} if llama else {"norm": "layernorm", "rotary": False, "embedding": {"positions": 2048}}
    return Architecture.model_validate({
        "name": name, "source": "measured/training/models.yaml", "seen": "own", "hidden_size": sizes.hidden,
        "vocab_size": sizes.vocab, "layers": [layer | {"repeat": sizes.layers}], "lm_head": {"tied": not llama}, **rest,
    })  # fmt: skip


@cache
def _roomy(name: str) -> Hardware:
    """A device with eight times its memory: what ran did fit, however much the model counts."""
    device = machines.trainer(catalog.hardware(name))
    levels = dict(device.hierarchy)
    last = list(levels)[-1]
    size = levels[last].capacity
    assert size is not None  # a device states how much it holds
    more = {end: getattr(size, end) * 8 for end in ("value", "low", "high")}
    levels[last] = levels[last].model_copy(update={"capacity": size.model_copy(update=more)})
    return device.model_copy(update={"hierarchy": levels})


@cache
def set_aside() -> frozenset[str]:
    """Rows that shares of training runtimes may be solved from; none of them is scored.

    No share is solved from whole nodes, and none of those rows is set aside.
    """
    return calibration_ids(row for row in measured.training_rows() if row.whole == "devices")


def points() -> list[Point]:
    """Every measured quantity of the rows of training beside the modelled one."""
    found: list[Point] = []
    used = set_aside() | measured.used()
    for row in measured.training_rows():
        reason = ""
        try:
            answer = modelled(row)
        except BitnetCostError as fault:
            answer, reason = {}, str(fault).splitlines()[0]
        for quantity in QUANTITIES:
            value = getattr(row, quantity)
            if value is not None and (quantity in answer or not answer):  # a part's energy is not known by itself
                ours, why = answer.get(quantity, float("nan")), row.left_out or reason
                found.append(Point(row, quantity, value, ours, why, row.id in used))
    return found


def kind_of(point: Point) -> str:
    """The class of a measured quantity of training."""
    row = point.row
    assert isinstance(row, TrainingMeasurement)
    own = "own" if row.source == "own-training" else "published"
    if row.whole == "node" and point.quantity == "energy_j":
        return "training-energy-node"
    if point.quantity != "seconds":
        return f"training-{'memory' if point.quantity == 'memory_gb' else 'energy'}-{own}"
    if own == "own":
        return "training-time-own"
    return f"training-time-{'moe' if any(layer.moe for layer in architecture_of(row.model).layers) else 'dense'}"


def conditions(row: TrainingMeasurement) -> str:
    """How a row was measured, in words."""
    plan = ", ".join(
        f"{name} {getattr(row, name)}" for name in ("dp", "tp", "pp", "cp", "ep") if getattr(row, name) > 1
    )
    kept = "" if row.recompute == "none" else f", recompute {row.recompute}"
    text = f"{row.part}, {row.devices} x{', ' if plan else ''}{plan}, batch {row.global_batch} by {row.micro_batch}"
    return f"{text}, {row.seq} tokens{kept}"


def modelled(row: TrainingMeasurement) -> dict[Quantity, float]:
    """Seconds and joules of the row's part, and GB at the peak.

    Raises:
        BitnetCostError: an unknown name, a plan that cannot be.
    """
    result = trained(row)
    seconds = result.seconds
    beside = measured.sources().sources[row.source].beside_gb
    found: dict[Quantity, float] = {"memory_gb": result.memory.peak / 1e9 + beside}
    if seconds is None or result.energy is None:
        return found
    parts = {
        "step": seconds.total, "fwdbwd": seconds.total - seconds.optimizer, "forward": seconds.forward,
        "adamw": seconds.optimizer,
    }  # fmt: skip
    found["seconds"] = parts[row.part]
    if row.part == "step":
        found["energy_j"] = result.energy[1]
        if row.whole == "node":
            found["energy_j"] = at_the_wall(found["energy_j"], seconds.total, row.devices)
    return found


def trained(row: TrainingMeasurement) -> TrainingResult:
    """The step of a row."""
    asked = precision(row.precision)
    plan = Plan(**{name: getattr(row, name) for name in PLAN})
    return train(
        architecture_of(row.model), asked, training_format(asked, lora=row.lora), _roomy(row.hardware),
        catalog.training_runtime(row.runtime), plan,
        between=catalog.links().links[row.between] if row.between else None,
    )  # fmt: skip
