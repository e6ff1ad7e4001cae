"""Energy worked out: runs x prices action by action, static power x time, and what a facility adds and charges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bitnet_cost.engine.explanation.actions import everywhere, runs, tables
from bitnet_cost.engine.explanation.case import Case, Keep, every, selected
from bitnet_cost.engine.explanation.time import FORMULA as TIME
from bitnet_cost.engine.explanation.time import Phases
from bitnet_cost.engine.explanation.work import Part, less, product, total
from bitnet_cost.engine.uncertainty import overhead_factor
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.result import Result, component_of

Formula = tuple[str, ...]
TRAFFIC = (
    "bits that cross into a level of S bits = max(compulsory, 2 x MAC x (b_w b_a b_acc / S)^0.5), read and written one"
    " level further out (Hong & Kung 1981; Smith et al. 2019)",
    "outputs are written once, the rest is read; what passes between operators stays in the last on-chip level where"
    " one layer's tensors fit it, weights in the innermost level that holds them all",
)
BOUND = {"energy_low_j": 0, "energy_high_j": 2}


def needs_energy(result: Result) -> None:
    """Refuse a result that has none.

    Raises:
        BitnetCostError: with the reason.
    """
    if not result.joules:
        raise BitnetCostError(f"{result.precision.name} at {result.hardware.name} has no energy: {result.reason}")


def at(result: Result, bound: int) -> dict[str, float]:
    """The price of each action: all low (0), nominal (1) or high (2).  [J]"""
    return {action: price[bound] for action, price in result.prices.items()}


@dataclass
class Energies:
    """The energy of parts of a case, at prices of one's choice."""

    case: Case
    prices: Mapping[str, float]
    phases: Phases = field(init=False)

    def __post_init__(self) -> None:
        self.phases = Phases(self.case)

    def of_device(
        self, name: str, keep: Keep = every, component: str | None = None, wanted: float | None = None
    ) -> float:
        """Energy of the device itself: of some operators, or of one component.  [J]"""
        parts = [
            self._action(action, times)
            for action, times in self._runs(keep, component).items()
            if times
        ]  # fmt: skip
        return self.case.work.step(f"{self.case.label}{name}", "J", total(parts), wanted)

    def whole(self, name: str, keep: Keep = every, wanted: float | None = None) -> float:
        """Energy within the scope: that of the device, times the facility's PUE where the scope is that.  [J]"""
        factor = overhead_factor(self.case.result)
        if factor == 1:
            return self.of_device(name, keep, wanted=wanted)
        return self.case.work.step(name, "J", product(self.of_device("energy of the device", keep), factor), wanted)

    def _action(self, action: str, times: float) -> float:
        self.case.work.prices[action] = None
        name = f"{self.case.label}energy of {action}"
        return self.case.work.step(name, "J", product(times, self.prices[action]))

    def _runs(self, keep: Keep, component: str | None) -> dict[str, float]:
        """How often each action runs, over all devices."""
        case, scope = self.case, self.case.result.scope
        found: dict[str, float] = {}
        parts = len(case.result.activity.within(scope))
        if not case.result.activity.by_time:
            for action, table in tables(case, parts).items():
                if component in (None, component_of(action)):
                    found[action] = everywhere(case, action, runs(case, action, table, keep))
        if parts > 3 and component in (None, "static"):
            found |= self._static(keep)
        return found

    def _static(self, keep: Keep) -> dict[str, float]:
        """Seconds that each power is drawn: the floor, between kernels, and while they wait; of all devices."""
        case, phases, result = self.case, self.phases, self.case.result
        assert result.timing is not None
        cells = [(p, i) for p, i in case.cells(keep) if result.timing.seconds[p, i, 0]]
        seconds = [phases.seconds(p, i) for p, i in cells]
        gaps: list[Part] = []
        if "static.between" in result.prices:
            gaps = [gap for p, i in cells if (gap := phases.gap(p, i))]
        devices = float(result.devices)
        work, label = case.work, case.label
        whole = work.line(f"{label}seconds in all", "s", total(seconds))
        between = work.line(f"{label}seconds between kernels", "s", total(gaps))
        found = {"static.power": whole}
        if between:
            found["static.power"] = work.step(f"{label}static.power", "s", less(whole, between))
            found["static.between"] = between
        for action, times in found.items():
            if devices != 1 and times:
                found[action] = work.step(f"{label}{action} of all devices", "s", product(times, devices))
        if "static.waiting" in result.prices:
            waits = [w for p, i in cells if (w := phases.spent(p)[i].waiting if i in phases.spent(p) else 0.0)]
            waited = work.line(f"{label}seconds of waiting", "s", total(waits))
            found["static.waiting"] = everywhere(case, "static.waiting", waited)
        return found


def formulas(result: Result) -> list[str]:
    """How an energy comes about in the scope of a result."""
    found = ["energy = sum over actions of runs x price"]
    if result.scope in ("device", "facility"):
        found.append("static energy = seconds x power, one price for the floor, between kernels, and while they wait")
        found += TIME
    if result.scope == "memory" and result.hardware.kind == "technology":
        found += TRAFFIC
    if overhead_factor(result) != 1:
        found.append("times the facility's PUE")
    return found


def energy(case: Case, cell: str) -> tuple[Formula, float]:
    """An energy of a record, of an operator, of a group of them, or of a component."""
    result = case.result
    needs_energy(result)
    kind, _, rest = cell.partition(":")
    formula = formulas(result)
    bound = BOUND.get(cell, 1)
    if bound != 1:
        formula.append(f"every price at its {'low' if bound == 0 else 'high'}")
    sums = Energies(case, at(result, bound))
    if kind in ("op", "group"):
        keep = selected(case, cell)
        wanted = sum(float(result.by_operator[1, p, i, 0]) for p, i in case.cells(keep))
        return tuple(formula), sums.whole(cell, keep, wanted)
    if kind == "component":
        return tuple(formula), _component(sums, cell, rest)
    whole = float(result.energy_bounds[bound])
    if cell != "energy_per_token_j":
        return tuple(formula), sums.whole(cell, wanted=whole)
    batch, generate = float(int(result.workload.batch)), float(int(result.workload.generate))
    if generate == 1:
        raise BitnetCostError("cell: energy_per_token_j is said only where tokens are generated (--generate)")
    formula.append("energy per token = energy / (batch x generated tokens)")
    each = product(sums.whole("energy_j", wanted=whole), over=[product(batch, generate)])
    return tuple(formula), case.work.step(cell, "J", each)


def _component(sums: Energies, cell: str, name: str) -> float:
    result, work = sums.case.result, sums.case.work
    if name not in result.by_component:
        raise BitnetCostError(f"cell: {cell!r}: there are the components {', '.join(result.by_component)}")
    wanted = float(result.by_component[name][1, 0])
    if name != "facility":
        return sums.of_device(cell, component=name, wanted=wanted)
    device = sums.of_device("energy of the device")
    return work.step(cell, "J", product(less(overhead_factor(result), 1.0), device), wanted)


def share(case: Case, cell: str) -> tuple[Formula, float]:
    """What share of the energy an operator, a group or a component has: ``share:group:decode:linear``."""
    rest = cell.partition(":")[2]
    if rest.partition(":")[0] not in ("op", "group", "component"):
        raise BitnetCostError(
            f"cell: {cell!r}: a share is of an energy, as share:group:prefill:linear, share:component:mul"
        )
    formula, part = energy(case, rest)
    whole = energy(case, "energy_j")[1]
    return (*formula, "share = its energy / energy in all"), case.work.step(cell, "1", product(part, over=[whole]))


def power(case: Case, cell: str, latency: float) -> tuple[Formula, float]:
    """Power of the devices: their energy over their time."""
    needs_energy(case.result)
    if case.result.scope not in ("device", "facility"):
        raise BitnetCostError("cell: power_w is said with --scope device")
    device = Energies(case, at(case.result, 1)).of_device("energy of the device")
    formula = ("power = energy of the device / latency", *formulas(case.result))
    return formula, case.work.step(cell, "W", product(device, over=[latency]))
