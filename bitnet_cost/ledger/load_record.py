"""The record of serving under load in plain figures: JSON, CSV, tables, frames and charts share its columns.

They are registered here as those of an answer are in `record`, in a registry of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bitnet_cost.ledger.intervals import WITH_POWER
from bitnet_cost.ledger.load import LoadResult
from bitnet_cost.ledger.record import METRICS
from bitnet_cost.ledger.steady import Steady
from bitnet_cost.registry import LOAD_METRICS, Kind, Metric
from bitnet_cost.units import KWH

__all__ = ["LOAD_METRICS"]  # who reads them here has every column in its place

PERCENTILES = (50, 90, 99)


def _register(
    name: str, kind: Kind, unit: str, description: str, of: Callable[[LoadResult], Any], **shown: Any
) -> None:
    LOAD_METRICS[name] = Metric(name, kind, unit, description, of, **{"swept": kind != "word", **shown})


def _same(*names: str) -> None:
    """Columns that mean what they mean in other answers, of what is resident."""
    for name in names:
        metric = METRICS[name]
        LOAD_METRICS[name] = metric._replace(of=partial(_of_all_rates, metric.of))


def _of_all_rates(of: Callable[[Any], Any], r: LoadResult) -> Any:
    """A figure of what is resident, which no rate changes."""
    found = of(r.full)
    return found.flat[r.number if found.size > 1 else 0].item() if isinstance(found, np.ndarray) else found


def _asked(name: str, kind: Kind, unit: str, description: str, field: str = "") -> None:
    _register(name, kind, unit, description, lambda r: getattr(r.load, field or name), swept=False)


def _settled(name: str, unit: str, description: str, of: Callable[[LoadResult, Steady], Any], **shown: Any) -> None:
    """A column of what a served load settles at."""

    def value(r: LoadResult) -> Any:
        return None if r.steady is None else of(r, r.steady)

    _register(name, "figure", unit, description, value, **shown)


def _count(name: str) -> None:
    """A count of operations, of one of the requests that run together."""
    metric = METRICS[name]

    def value(r: LoadResult) -> Any:
        return _of_all_rates(metric.of, r) / _of_all_rates(METRICS["batch"].of, r)

    _register(name, "figure", "1", f"{metric.description}; of a request, all places taken", value, swept=False)


def _ranged(name: str, unit: str, description: str, of: Callable[[LoadResult], Any]) -> None:
    """A figure and the ends of its range, ``{}`` in its name the place of their words."""
    for bound, (word, end) in enumerate((("_low", "low end"), ("", ""), ("_high", "high end"))):
        text = f"{description}, {end} of its range" if end else description

        def value(r: LoadResult, at: Steady, bound: int = bound) -> Any:
            found = of(r)
            return None if found is None else found[bound]

        _settled(name.format(word), unit, text, value, swept=not end)


# --- the question --------------------------------------------------------------------------------------------------

_same("model", "parameters", "hardware", "runtime", "precision", "scope")
_asked("prompt", "whole", "1", "Tokens of a prompt, on average")
_asked("generate", "whole", "1", "Tokens generated, on average")
_asked("cached", "whole", "1", "Tokens of a prompt that are in the cache already")
_asked("static_cache", "whole", "1", "Positions that each step reads, full or not")
_asked("cv2", "figure", "1", "Squared coefficient of variation of prompts and answers")
_register("batch", "word", "", "Null: a load's batch is a result, `mean_batch`", lambda r: None)
_same("attention", "logits", "counting", "devices")
_asked("prefill_devices", "whole", "1", "Devices of each copy that only take prompts in")
_register("replicas", "whole", "1", "Copies that share the load", lambda r: r.replicas)
_register("cards", "whole", "1", "Devices of all copies", lambda r: r.cards)
_register("max_batch", "whole", "1", "Most sequences in a step", lambda r: r.pace and r.pace.places)

for _name in ("mac", "mul", "add", "special"):
    _count(_name)

# --- what it settles at --------------------------------------------------------------------------------------------

_register("rate_per_s", "figure", "1/s", "Requests that come in; of a day with a peak, then", lambda r: r.load.rates)
_register("stable", "bool", "", "Whether no queue grows without limit", lambda r: r.stable)
_register("max_rate_per_s", "figure", "1/s", "Largest stable rate of all copies",
    lambda r: r.of_all(r.largest), better="more")  # fmt: skip
_register("slo_ttft_s", "figure", "s", "Time to the first token asked for", lambda r: r.load.slo_ttft)
_register("slo_tpot_s", "figure", "s", "Time per token asked for", lambda r: r.load.slo_tpot)
_asked("slo_percentile", "figure", "1", "Percentile that the times asked for are of; none: the mean", "percentile")
_register("within_slo", "bool", "", "Whether the times asked for are kept", lambda r: r.kept)
_register("slo_rate_per_s", "figure", "1/s", "Largest rate of all copies that keeps the times asked for",
    lambda r: None if r.kept is None else r.of_all(r.within), better="more")  # fmt: skip
_settled("busy", "1", "Share of the time in which something runs", lambda r, at: at.busy)
_settled("mean_batch", "1", "Sequences in a decode step, on average", lambda r, at: at.batch)
_settled("ttft_s", "s", "Mean time to the first token, waiting included", lambda r, at: at.ttft_s)
_settled("tpot_s", "s", "Mean time per token after the first, prompts in between included",
    lambda r, at: at.tpot_s if r.load.decodes else None)  # fmt: skip
for _percent in PERCENTILES:
    _settled(f"ttft_p{_percent}_s", "s", f"Time to the first token that {_percent} of 100 requests do not exceed",
        partial(lambda percent, r, at: at.ttft_of(percent), _percent), swept=False)  # fmt: skip
    _settled(f"tpot_p{_percent}_s", "s", f"Time per token that {_percent} of 100 requests do not exceed",
        partial(lambda percent, r, at: r.tpot_of(percent), _percent), swept=False)  # fmt: skip
_settled("latency_s", "s", "Mean time of a request, from its arrival to its last token",
    lambda r, at: at.ttft_s + (r.load.steps * at.tpot_s if r.load.decodes else 0.0))  # fmt: skip
_settled(
    "prefill_s",
    "s",
    "Time that a prompt adds",
    lambda r, at: at.prompt_s if at.pace.prefill is None else at.pace.prefill.prompt_s,
)
_settled("decode_s", "s", "Time of a request's decode steps",
    lambda r, at: r.load.steps * at.tpot_s if r.load.decodes else 0.0)  # fmt: skip
_settled("tokens_per_s", "token/s", "Tokens generated per second, all copies together",
    lambda r, at: r.of_all(at.rate * r.load.generate), better="more")  # fmt: skip

# --- energy ----------------------------------------------------------------------------------------------------------

_settled("power_w", "W", "Power of all devices and of their host if it is named, on average, waiting included",
    lambda r, at: r.of_all(at.joules * at.rate / r.pue) if r.scope in WITH_POWER else None)  # fmt: skip
for _stem, _swept in (("energy_per_request", True), ("energy", False)):  # by the name of other answers too
    _settled(f"{_stem}_j", "J", "Energy of a request", lambda r, at: at.joules, swept=_swept)
    _settled(f"{_stem}_low_j", "J", "The same, low end of its 90 % interval; without rows all prices low",
        lambda r, at: r.energy_at(at)[0], swept=_swept)  # fmt: skip
    _settled(f"{_stem}_high_j", "J", "The same, high end of its 90 % interval; without rows all prices high",
        lambda r, at: r.energy_at(at)[2], swept=_swept)  # fmt: skip
_settled("energy_per_token_j", "J/token", "Energy per generated token",
    lambda r, at: at.joules / r.load.generate)  # fmt: skip
_settled("energy_per_input_token_j", "J/token", "Energy that prompts take per token of theirs",
    lambda r, at: at.nominal["prompt"] / r.load.prompt)  # fmt: skip
_settled("prompt_energy_j", "J", "Of a request: what its prompt takes", lambda r, at: at.nominal["prompt"])
_settled("steps_energy_j", "J", "Of a request: its share of decode steps", lambda r, at: at.nominal["steps"])
_settled("waiting_energy_j", "J", "Of a request: its share of the time in which nothing runs",
    lambda r, at: at.nominal["waiting"])  # fmt: skip
_ranged("carbon{}_g", "g", "Emissions of a request", lambda r: r.charged_request[0])
_ranged("cost{}_usd", "USD", "Cost of a request", lambda r: r.charged_request[1])
_asked("requests_per_day", "figure", "1", "Requests of a day")
for _span, _days, _text in (("day", 1, "a day"), ("year", 365, "365 days")):
    _ranged(f"energy_{_span}{{}}_kwh", "kWh", f"Energy of {_text}",
        partial(lambda days, r: r.days_energy * days / KWH, _days))  # fmt: skip
    _ranged(f"carbon_{_span}{{}}_kg", "kg", f"Emissions of {_text}",
        partial(lambda days, r: _scaled(r.charged_day[0], 1e-3 * days), _days))  # fmt: skip
    _ranged(f"cost_{_span}{{}}_usd", "USD", f"Cost of {_text}",
        partial(lambda days, r: _scaled(r.charged_day[1], days), _days))  # fmt: skip

# --- memory, all places taken ----------------------------------------------------------------------------------------

_same("ideal_weights_bytes", "weights_bytes", "kv_cache_bytes", "peak_activation_bytes", "footprint_bytes",
    "capacity_bytes", "fits", "bound")  # fmt: skip
_register("baseline", "word", "", "Precision that savings refer to", lambda r: r.baseline)
for _at, _name in enumerate(("saving_low", "saving", "saving_high")):
    _register(_name, "figure", "1", ("Least saving", "1 - energy / the baseline's", "Most saving")[_at],
        partial(lambda at, r: None if r.saving is None else r.saving[at], _at), better="more")  # fmt: skip
_register("reason", "word", "", "Why something cannot be computed, in a few words", lambda r: r.reason)


def _scaled(values: Any, times: float) -> Any:
    return None if values is None else np.asarray(values) * times
