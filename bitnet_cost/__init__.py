"""What a language model costs in memory and energy, in FP32, FP16, INT8, 1-bit (BitNet) and formats in between.

>>> import bitnet_cost
>>> result = bitnet_cost.estimate("gpt3-175b", "cmos-45nm", "bitnet", baseline="fp32")
>>> print(f"{float(result.saving[1]):.3f}")
0.992
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bitnet_cost.api import answer as answer
    from bitnet_cost.api import compare as compare
    from bitnet_cost.api import equal_loss as equal_loss
    from bitnet_cost.api import estimate as estimate
    from bitnet_cost.api import explain as explain
    from bitnet_cost.api import load as load
    from bitnet_cost.api import load_hardware as load_hardware
    from bitnet_cost.api import load_model as load_model
    from bitnet_cost.api import load_precision as load_precision
    from bitnet_cost.api import scenarios as scenarios
    from bitnet_cost.api import train as train
    from bitnet_cost.errors import BitnetCostError as BitnetCostError
    from bitnet_cost.inputs.architecture import Architecture as Architecture
    from bitnet_cost.inputs.facility import Facility as Facility
    from bitnet_cost.inputs.hardware import Hardware as Hardware
    from bitnet_cost.inputs.precision import Precision as Precision
    from bitnet_cost.inputs.workload import Workload as Workload
    from bitnet_cost.ledger.answers import Answer as Answer
    from bitnet_cost.ledger.answers import Comparison as Comparison
    from bitnet_cost.ledger.answers import Explanation as Explanation
    from bitnet_cost.ledger.load import LoadAnswer as LoadAnswer
    from bitnet_cost.ledger.load import LoadResult as LoadResult
    from bitnet_cost.ledger.result import Result as Result
    from bitnet_cost.ledger.training import TrainingAnswer as TrainingAnswer
    from bitnet_cost.ledger.training import TrainingResult as TrainingResult
    from bitnet_cost.studies.stream import Grid as Grid
    from bitnet_cost.studies.stream import sweep as sweep

__version__ = "0.2.0"

# Loaded when first used: `bitnet-cost --help` needs none of it.
_HOMES = {
    "answer": "bitnet_cost.api",
    "compare": "bitnet_cost.api",
    "equal_loss": "bitnet_cost.api",
    "estimate": "bitnet_cost.api",
    "explain": "bitnet_cost.api",
    "load": "bitnet_cost.api",
    "load_hardware": "bitnet_cost.api",
    "load_model": "bitnet_cost.api",
    "load_precision": "bitnet_cost.api",
    "scenarios": "bitnet_cost.api",
    "sweep": "bitnet_cost.studies.stream",
    "train": "bitnet_cost.api",
    "BitnetCostError": "bitnet_cost.errors",
    "Architecture": "bitnet_cost.inputs.architecture",
    "Facility": "bitnet_cost.inputs.facility",
    "Hardware": "bitnet_cost.inputs.hardware",
    "LoadAnswer": "bitnet_cost.ledger.load",
    "LoadResult": "bitnet_cost.ledger.load",
    "Precision": "bitnet_cost.inputs.precision",
    "Workload": "bitnet_cost.inputs.workload",
    "Answer": "bitnet_cost.ledger.answers",
    "Comparison": "bitnet_cost.ledger.answers",
    "Explanation": "bitnet_cost.ledger.answers",
    "Grid": "bitnet_cost.studies.stream",
    "Result": "bitnet_cost.ledger.result",
    "TrainingAnswer": "bitnet_cost.ledger.training",
    "TrainingResult": "bitnet_cost.ledger.training",
}
__all__ = ["__version__", *sorted(_HOMES)]  # noqa: PLE0604  # names of the table above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__


def looks_of_objects() -> Any:
    """What objects look like: the module above all views, loaded when one is first printed or drawn."""
    from importlib import import_module

    return import_module("bitnet_cost.looks")
