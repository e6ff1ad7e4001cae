"""After how many generated tokens what a 1-bit model saves in use has paid for its training.

Training is that of `studies.training`, use that of `engine.estimate`; nothing is calculated twice. What is paid back is
all of the 1-bit model's training, or what it takes beyond that of a plain model of the same shape. Ranges are of draws
of what measured steps and runs were off by, of which two precisions share a part; where none were measured of every
price, the same draw for training and for use, with time held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from bitnet_cost.engine.breakeven import middle_and_tails
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.engine.uncertainty import draw_prices, drawn_errors, levers, normals, off_by
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.sums import ordered_sum
from bitnet_cost.formulas.training import compute_optimal_tokens, tokens_until_paid
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.scenario import GENERATE_ON_DEVICES, Scenario
from bitnet_cost.inputs.training import training_format
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.contract import Ledger, contract
from bitnet_cost.ledger.intervals import is_measured
from bitnet_cost.ledger.result import Result
from bitnet_cost.ledger.training import TrainingResult
from bitnet_cost.readers import catalog, machines
from bitnet_cost.studies.breakeven import Draws, runtimes_of
from bitnet_cost.studies.training import DEVICE, Terms, half_format, train
from bitnet_cost.told import Array
from bitnet_cost.words import PaidTraining, Scope

SECONDS_OF_YEAR = 365.25 * 86400


class Trained(NamedTuple):
    """The training that is to be paid for."""

    part: PaidTraining = "whole"
    tokens: float | None = None  # None: what is optimal for its compute
    hardware: str | None = None  # None: that of use, at an NPU or a CPU a GPU
    devices: int | str = "auto"


@dataclass(frozen=True, eq=False, repr=False)
class Repayment:
    """What training took, what use of both models takes, and after how many tokens the first is paid."""

    new: Result
    old: Result
    training: TrainingResult
    plain: TrainingResult | None  # what is subtracted of it; None: nothing
    draws: Draws
    trained: tuple[float, float, float] | None = None  # energy to be paid back: p5, nominal, p95  [J]
    spent: tuple[float, float] | None = None  # energy of a generated token in use, of both  [J]
    tokens: float | None = None  # infinite: never
    band: tuple[float, float, float] | None = None  # p5, p50, p95 of the draws
    reason: str | None = None

    @property
    def saved(self) -> float | None:
        """What use saves on each generated token; below 0 it takes more.  [J]"""
        return None if self.spent is None else self.spent[1] - self.spent[0]

    @property
    def measured(self) -> bool:
        """Whether draws are of what was measured, in use and in training."""
        made = filter(None, (self.training, self.plain))
        return is_measured(self.new) and is_measured(self.old) and all(t.factors("energy") for t in made)

    @property
    def years(self) -> float | None:
        """Years in which one device, or those that share the model, generate that many tokens."""
        rate = self.new.tokens_per_s
        if self.tokens is None or not np.isfinite(self.tokens) or not rate:
            return None
        return self.tokens / rate / SECONDS_OF_YEAR


def find(
    model: str, hardware: str, precisions: tuple[str, str | None], work: tuple[int, int, int | None], trained: Trained,
    *, runtimes: Sequence[str] = (), scope: Scope | None = None, draws: Draws | None = None,
) -> list[Repayment]:  # fmt: skip
    """When a precision has paid for its training against another, with each runtime on the device of use.

    ``work`` are batch, prompt and generated tokens of each sequence.

    Raises:
        BitnetCostError: an unknown name, a format without gradients, a model that generates nothing.
    """
    architecture, profile = catalog.model(model), catalog.hardware(hardware)
    if architecture.bidirectional:
        raise BitnetCostError(f"by: {architecture.name} is an encoder and generates no tokens")
    batch, prompt, generate = work
    steps = GENERATE_ON_DEVICES if generate is None else generate
    if steps < 2:
        raise BitnetCostError(f"generate: {steps} generated token shows no decoding; expected 2 or more")
    new, old = (catalog.precision(name or ("fp16" if profile.has_clock else "fp32")) for name in precisions)
    if new.name == old.name:
        raise BitnetCostError(f"baseline: {old.name!r} saves nothing against itself; choose another --baseline")
    asked = Scenario(
        model=architecture, precision=new, hardware=profile, workload=Workload(batch, prompt, steps), scope=scope
    )
    pairs = []
    for name in runtimes_of(profile, runtimes):
        device, software = machines.setting(profile, name)
        one = asked.but(hardware=device, runtime=software)
        pairs.append((evaluate(one), evaluate(one.but(precision=old))))
    tokens = trained.tokens or compute_optimal_tokens(pairs[0][0].parameters)
    training = _training(model, hardware, precisions[0], scope, trained._replace(tokens=float(tokens)))
    return [_repayment(Repayment(*pair, *training, draws or Draws())) for pair in pairs]


def _training(
    model: str, hardware: str, precision: str, scope: Scope | None, asked: Trained
) -> tuple[TrainingResult, TrainingResult | None]:
    """The training of the precision, and where only its surplus is paid that of a plain model of the same shape."""
    profile = catalog.hardware(hardware)
    where = asked.hardware or (hardware if profile.device_class in (None, "gpu") else DEVICE)
    place = catalog.hardware(where)
    if place.has_clock != profile.has_clock:
        both = f"{where!r} and {hardware!r}"
        raise BitnetCostError(f"train-on: {both} price different things; take two devices, or two technology nodes")
    try:
        training_format(catalog.precision(precision))
    except BitnetCostError:
        why = f"precision {precision!r} is made after training and has none of its own to pay for"
        raise BitnetCostError(f"{why}; take bitnet, bitnet-b1.58 or fp8") from None
    names = [precision, *([half_format(place)] if asked.part == "extra" else [])]
    devices = asked.devices if place.has_clock else None
    for zero in (0,) if devices in (None, "auto", "1", 1) else (1, 3):  # 'auto' takes what it needs
        made = train(model, [where], names, Terms(scope=scope), devices=devices, zero=zero, tokens=asked.tokens)
        if made[0].fits:
            break
    return made[0], made[1] if asked.part == "extra" else None


def _repayment(found: Repayment) -> Repayment:
    """The answer, or why there is none."""
    new, old = found.new, found.old
    for result in (new, old):
        if not result.has_energy:
            return replace(found, reason=f"in use {result.precision.name} {result.reason}")
    for made in filter(None, (found.training, found.plain)):
        if made.ledger is None:
            return replace(found, reason=f"training in {made.precision.name} {made.reason}")
    drawn, nominal = [], []
    errors = _errors(found) if found.measured else None
    for i, (ledger, hardware, times) in enumerate(_runs(found)):
        runs = contract(ledger, "action", new.scope)
        prices = levers(hardware, list(runs))
        each = np.array(list(runs.values())).reshape(-1, 1) * times
        nominal.append(float(ordered_sum(each * np.array([[p.nominal] for p in prices]), 0)[0]))
        if errors is not None:
            drawn.append(nominal[-1] * errors[i])
            continue
        draws = found.draws
        moved = draw_prices(prices, draws.count, draws.seed, draws.distribution)
        drawn.append(ordered_sum(each * moved, 0))
    trained, use, base = _parts(drawn)
    paid, spent, before = (float(part) for part in _parts(nominal))
    tails = middle_and_tails(trained)
    return replace(
        found, trained=(tails[0], paid, tails[2]), spent=(spent, before),
        tokens=float(tokens_until_paid(paid, before - spent)),
        band=middle_and_tails(tokens_until_paid(trained, base - use)),
    )  # fmt: skip


def _errors(found: Repayment) -> list[Array]:
    """Factors on the energies of use and of training over the draws, in the order of `_runs`.  Each [draw]"""
    count, seed = found.draws.count, found.draws.seed
    use = [e.energy[:, 0] for e in drawn_errors([found.new, found.old], count, seed) if e is not None]
    made = []
    for t in filter(None, (found.training, found.plain)):
        ends = t.factors("energy")
        if t.ranges is not None and ends is not None:
            energy = normals(t.ranges, t.precision, count, seed, "training")[1]
            made.append(off_by(np.array(ends)[:, None], energy)[:, 0])
    return use + made


def _runs(found: Repayment) -> list[tuple[Ledger, Hardware, float]]:
    """Ledgers of use and of training, and how often each counts: a token of use, all steps of training."""
    work = found.new.workload
    each = 1 / (int(work.batch) * int(work.generate))
    made = [(r.ledger, r.hardware, each) for r in (found.new, found.old) if r.ledger is not None]
    training = filter(None, (found.training, found.plain))
    return made + [(t.ledger, t.hardware, t.steps or 0.0) for t in training if t.ledger is not None]


def _parts(each: Sequence[Array | float]) -> tuple[Array, Array, Array]:
    """Energy to be paid back, and of a token of use in both precisions."""
    use, base, trained, *plain = (np.asarray(energy) for energy in each)
    return trained - plain[0] if plain else trained, use, base
