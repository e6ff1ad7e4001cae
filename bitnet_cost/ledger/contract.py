"""The ledger of a run, and the sum over it: entries x prices -> joules, and how often actions run.

An entry is an action with its component and its place in time (phase) and in the model (operator). Products and
elementwise work are linear in what the workload repeats: coefficients [op] by basis. What moves and what is drawn while
time passes are tables [phase, op, n]. `contract` sums over what it is not asked to keep, in one order:

- of linear entries, coefficients are summed over operators, then over actions with their prices, and only then met
  with the workload's bases, whose phases are summed before;
- of tables, over operators, then phases, then times their factor (devices, turns of a pipeline) and their price.

A total is the sum of the components, in the order in which they first appear. Where operators are kept, each product is
made first and summed over actions: the same to 1e-12, not to the bit. So is a saving, which needs both runs action by
action (`formulas.savings`), and what a phase spends, which a limit of power is held against (`Tariff.by_phase`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache, partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitnet_cost.errors import MissingPrice
from bitnet_cost.formulas.savings import saving_bounds
from bitnet_cost.formulas.sums import ordered_sum, over_phases, sum_in_order
from bitnet_cost.inputs.cited import Same
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.ledger.arrays import Bases, Basis, Linear, Stack
from bitnet_cost.ledger.counted import Actions
from bitnet_cost.shown import Shown
from bitnet_cost.told import Array, array, read_only, zeros
from bitnet_cost.words import Scope

Prices = dict[str, tuple[Any, Any, Any]]
"""Low, nominal and high price of each action: numbers, arrays over a grid, or told numbers.  [J]"""

SPECIAL_QUANTITIES = ("exp", "tanh", "erf", "div", "sqrt")
_SPECIAL_ACTIONS = (*SPECIAL_QUANTITIES, "unpack", "lookup")

POINTS_KEPT = 64  # a sweep has ten thousands of them at once
PARTS: dict[Scope, int] = {"arithmetic": 1, "compute": 2, "memory": 3, "device": 4, "facility": 5}
"""Parts that each scope holds: products, elementwise work, what moves, what is drawn while time passes, the host."""


@cache
def component_of(action: str) -> str:
    """The component under which an action is listed.

    >>> component_of("mul.fp16"), component_of("exp.fp16")
    ('mul', 'special')
    """
    stem = action.partition(".")[0]
    return "special" if stem in _SPECIAL_ACTIONS else stem


def price_of(action: str, hardware: Hardware, asker: str) -> tuple[float, float, float]:
    """``(low, nominal, high)`` of one action that ``asker``, a precision or a study, needs.  [J]

    Raises:
        MissingPrice: names the action, the profile and the asker. Nothing unknown is priced as something known.
    """
    price = hardware.price(action)
    if price is None:
        raise MissingPrice(action, hardware.name, asker, hardware.actions)
    return price


@dataclass(frozen=True, eq=False, repr=False, slots=True)
class Tariff(Shown):
    """Prices of some actions, folded with the coefficients of products and elementwise work.

    ``each`` is their energy per unit of what the workload repeats, [component, bound, basis, 1]; ``nominal`` the sum
    over components at nominal prices, [basis, 1, 1]; ``of_operators`` makes the same for each operator,
    [basis, component x bound, op, 1]. ``of_others`` are the prices of other actions, [action, bound, 1], those of a
    component one after the other; ``first`` says where each begins.
    Where a price differs from point to point of a grid, the last axis is the grid's.
    """

    prices: Prices
    components: tuple[str, ...]
    names: tuple[Basis, ...]  # bases of the counts that it prices
    needed: slice  # those of them that it needs
    each: Array
    nominal: Array
    of_operators: Callable[[], Array]
    others: tuple[str, ...]
    of_others: Array
    first: dict[str, int]

    def linear(self, bases: Bases) -> dict[str, Array]:
        """Energy of products and elementwise work by component.  Each [bound, n]  [J]"""
        if not self.components:
            return {}
        repeated = over_phases(bases.of(self.names)[self.needed].swapaxes(0, 1))
        return dict(zip(self.components, ordered_sum(self.each * repeated, 2), strict=True))

    def by_phase(self, bases: Bases) -> Array:
        """Nominal energy of products and elementwise work in each phase.  [phase, n]  [J]"""
        return ordered_sum(self.nominal * bases.of(self.names)[self.needed], 0)

    def linear_by_phase(self, bases: Bases) -> dict[str, Array]:
        """Energy of products and elementwise work by component.  Each [bound, phase, n]  [J]"""
        if not self.components:
            return {}
        times = bases.of(self.names)[self.needed]
        energies = [ordered_sum(each[:, :, None] * times, 1) for each in self.each]
        return dict(zip(self.components, energies, strict=True))

    def by_operator(self, bases: Bases) -> dict[str, Array]:
        """Energy of products and elementwise work by component.  Each [bound, phase, op, n]  [J]"""
        if not self.components:
            return {}
        each, times = self.of_operators(), bases.of(self.names)[self.needed]
        if times.shape[2] == each.shape[3] == 1:  # as in `Stack.over`
            found = ordered_sum(each[:, None] * times[:, :, None, None], 0).swapaxes(0, 1)
        else:
            figures = [
                Linear(zip(self.names[self.needed], of, strict=True), each.shape[2]) for of in each.swapaxes(0, 1)
            ]
            found = np.asanyarray(Stack(figures, self.names).over(bases))
        return dict(zip(self.components, found.reshape(len(self.components), 3, *found.shape[1:]), strict=True))

    def besides(self, times: Array) -> dict[str, Array]:
        """Energy of the other actions by component.  How often they run, [action, ...]; each [bound, ...]  [J]"""
        prices = self.of_others.reshape(len(times), 3, *(1,) * (times.ndim - 2), -1)
        energies = prices * times[:, None]
        ends = [*self.first.values(), len(times)]
        return {
            component: sum_in_order(list(energies[start:end]))
            for component, start, end in zip(self.first, ends, ends[1:], strict=False)
        }


def tariff(
    actions: Actions, hardware: Hardware, asker: str, parts: int, others: tuple[str, ...] = (), *, lasting: bool = True
) -> Tariff:
    """The tariff of the first ``parts`` of products and elementwise work, and of ``others``, actions besides them.

    The same is made once, unless it is not ``lasting``, as prices that differ from point to point of a grid.

    Raises:
        MissingPrice: see `price_of`.
    """
    if lasting:
        return _tariff(Same(actions), Same(hardware), asker, parts, others)
    folds = _Folds.of(actions, parts)
    return folds.tariff(actions, *_prices.__wrapped__(Same(hardware), (*folds.actions, *others), asker), others)


@lru_cache(maxsize=8192)  # every cell of a comparison: its energy is asked for again when cells are ranked
def _tariff(actions: Same, hardware: Same, asker: str, parts: int, others: tuple[str, ...]) -> Tariff:
    folds = _Folds.of(actions.it, parts)
    return folds.tariff(actions.it, *_prices(hardware, (*folds.actions, *others), asker), others)


@lru_cache(maxsize=1024)  # every device in four precisions, of models with and without some kinds of layer
def _prices(hardware: Same, actions: tuple[str, ...], asker: str) -> tuple[Prices, Array]:
    """Prices of some actions, and the same as an array.  [action, bound, 1]"""
    prices = {action: price_of(action, hardware.it, asker) for action in actions}
    columns = [array(price).reshape(3, -1) for price in prices.values()]
    return prices, np.stack(np.broadcast_arrays(*columns)) if columns else np.zeros((0, 3, 1))


class _Step(NamedTuple):
    """One term of each sum over actions that has another. All are added at once; each sum keeps its order."""

    sums: list[int]  # by component, then basis
    actions: list[int]
    times: Array  # [term, 1, 1], or of each operator [term, 1, op, 1]


class _Folds(NamedTuple):
    """What prices of any hardware are folded with: coefficients of the first parts of products and elementwise work."""

    parts: int
    actions: tuple[str, ...]
    components: tuple[str, ...]
    needed: slice  # of the bases
    steps: tuple[_Step, ...]

    @classmethod
    def of(cls, actions: Actions, parts: int) -> _Folds:
        """That of some actions, made once."""
        found: _Folds | None = actions.of_tariffs.get(parts)
        return found or actions.of_tariffs.setdefault(parts, cls._made(actions, parts))

    @classmethod
    def _made(cls, actions: Actions, parts: int) -> _Folds:
        folded = [
            (action, terms) for part in (True, False)[:parts] for (product, action), terms in actions.folded.items()
            if product is part
        ]  # fmt: skip
        order = tuple(dict.fromkeys(action for action, _ in folded))
        components = tuple(dict.fromkeys(component_of(action) for action in order))
        place = {basis: i for i, basis in enumerate(actions.bits.names)}
        rows = [place[basis] for _, terms in folded for basis, _ in terms]
        needed = slice(min(rows), max(rows) + 1) if rows else slice(0, 1)
        found = cls(parts, order, components, needed, ())
        terms = [(action, place[basis], times) for action, terms in folded for basis, times in terms]
        return found._replace(steps=found._in_steps(terms))

    def _in_steps(self, terms: list[tuple[str, int, Any]]) -> tuple[_Step, ...]:
        """Terms of an action, the place of a basis, and a coefficient or those of operators, as steps."""
        sums: dict[tuple[int, int], list[tuple[int, Any]]] = {}
        for action, basis, times in terms:
            where = self.components.index(component_of(action)), basis - self.needed.start
            sums.setdefault(where, []).append((self.actions.index(action), times))
        steps, width = [], self.needed.stop - self.needed.start
        for nth in range(max(map(len, sums.values()), default=0)):
            some = {where: terms[nth] for where, terms in sums.items() if len(terms) > nth}
            coefficients = array([times for _, times in some.values()])
            coefficients = coefficients[:, None, None] if coefficients.ndim == 1 else coefficients[:, None, :, None]
            places = [of * width + at for of, at in some]
            steps.append(_Step(places, [row for row, _ in some.values()], read_only(coefficients)))
        return tuple(steps)

    def of_operators(self, actions: Actions) -> tuple[_Step, ...]:
        """The steps that give the same for each operator, made once."""
        found: tuple[_Step, ...] | None = actions.of_tariffs.get(("operators", self.parts))
        if found is None:
            place = {basis: i for i, basis in enumerate(actions.bits.names)}
            within = range(*self.needed.indices(len(place)))
            found = actions.of_tariffs["operators", self.parts] = self._in_steps([
                (action, place[basis], coefficient * times)
                for (product, quantity, action), times in actions.columns.items()
                if product in (True, False)[: self.parts]
                for basis, coefficient in actions.coefficients.get(quantity, {}).items() if place[basis] in within
            ])  # fmt: skip
        return found

    def tariff(self, actions: Actions, prices: Prices, table: Array, others: tuple[str, ...]) -> Tariff:
        """The tariff at some prices, with a ``table`` of them, [action, bound, 1], those of ``others`` among them."""
        components, names, needed = self.components, actions.bits.names, self.needed
        bases, row = names[needed], {action: i for i, action in enumerate(prices)}
        every = table, *(step.times for step in self.steps)
        sums = zeros((len(components) * len(bases), 3, table.shape[2]), *every)
        for places, rows, times in self.steps:
            sums[places] += table[rows] * times
        each = sums.reshape(len(components), len(bases), *sums.shape[1:]).swapaxes(1, 2).copy()

        def of_operators() -> Array:
            width = len(components) * 3
            found = zeros((len(components) * len(bases), 3, actions.size, table.shape[2]), *every)
            for places, rows, times in self.of_operators(actions):
                found[places] += table[rows][:, :, None] * times
            found = found.reshape(len(components), len(bases), *found.shape[1:]).swapaxes(0, 1)
            return found.reshape(len(bases), width, *found.shape[3:])

        nominal = ordered_sum(each[:, 1], 0)[:, None] if components else np.zeros((1, 1, 1))
        first: dict[str, int] = {}
        for i, action in enumerate(others):
            first.setdefault(component_of(action), i)
        of_others = table[[row[action] for action in others]]
        return Tariff(prices, components, names, needed, each, nominal, of_operators, others, of_others, first)


class Entries(NamedTuple):
    """Entries of actions besides the linear ones: bits that move, seconds at a power, MACs' worth of higher clocks.

    Each runs ``factor`` times its table; with ``apart`` the first runs so much less as the second runs.
    """

    part: int  # 3: they move; 4: drawn while time passes, or spent by clocks
    actions: tuple[str, ...]
    tables: Callable[[], Array]  # [action, phase, op, n], made when they are asked for
    by_phase: Array  # their sums over operators, [action, phase, n]
    factor: Array | float = 1.0
    apart: bool = False

    def __repr__(self) -> str:
        return f"<Entries: {', '.join(self.actions)}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """With the tables made: what makes them holds too much to be copied or sent to another process."""
        return Entries, self._replace(tables=partial(_made, self.tables()))[:]

    def amounts(self, *, kept: bool) -> Array:
        """How often each runs: [action, phase, op, n] where phases and operators are kept, else [action, n]."""
        return self._apart((self.tables() if kept else over_phases(self.by_phase.swapaxes(0, 1))) * self.factor)

    def phases(self) -> Array:
        """How often each runs in each phase.  [action, phase, n]"""
        return self._apart(self.by_phase * self.factor)

    def _apart(self, found: Array) -> Array:
        return np.concatenate(((found[0] - found[1])[None], found[1:])) if self.apart else found

    def each(self, *, kept: bool) -> dict[str, Array]:
        """The same by action."""
        return dict(zip(self.actions, self.amounts(kept=kept), strict=True))


def _made(tables: Array) -> Array:
    return tables


@dataclass(frozen=True, eq=False, repr=False)
class Ledger(Shown):
    """What a run does: the linear entries of one turn, which runs ``turns`` times, and the entries besides.

    ``inside`` are the points that fit; None: all. The power of a package that is priced by time holds every action.
    """

    actions: Actions
    bases: Bases
    entries: tuple[Entries, ...]
    hardware: Hardware
    asker: str  # the precision, which a missing price is told of
    turns: Array | float | None = None  # None: one
    inside: NDArray[np.bool_] | None = None
    pue: float | None = None
    lasting: bool = True
    draft: Ledger | None = None  # of the model that drafts tokens, whose sums are in the last row of operators

    def prices(self, scope: Scope) -> Prices:
        """Prices of all actions of a scope, a draft's too.

        Raises:
            MissingPrice: see `price_of`.
        """
        beside = {} if self.draft is None else self.draft.prices(scope)
        actions = (*_Folds.of(self.actions, self.linear_parts(scope)).actions, *self._others(scope))
        find = _prices if self.lasting else _prices.__wrapped__
        return {**beside, **find(Same(self.hardware), actions, self.asker)[0]}

    def tariff(self, scope: Scope) -> Tariff:
        """The prices of a scope.

        Raises:
            MissingPrice: see `price_of`.
        """
        parts = self.linear_parts(scope)
        return tariff(self.actions, self.hardware, self.asker, parts, self._others(scope), lasting=self.lasting)

    def _others(self, scope: Scope) -> tuple[str, ...]:
        """The actions of `entries_of` a scope."""
        return tuple(action for entries in self.entries_of(scope) for action in entries.actions)

    def all_by_time(self, scope: Scope) -> bool:
        """Whether seconds of power are all that a scope prices."""
        return PARTS[scope] > 3 and self.hardware.priced == "time"

    def linear_parts(self, scope: Scope) -> int:
        """How many of products and elementwise work a scope prices, in this order."""
        return 0 if self.all_by_time(scope) else min(2, PARTS[scope])

    def entries_of(self, scope: Scope) -> list[Entries]:
        """The entries besides the linear ones that a scope holds."""
        first = 4 if self.all_by_time(scope) else 3
        return [entries for entries in self.entries if first <= entries.part <= PARTS[scope]]


Kept = Literal["component", "phase", "operator", "action"]


def contract(ledger: Ledger, by: Kept, scope: Scope) -> dict[str, Array]:
    """The sum of a ledger over all but what is kept, within a scope; see the head of this module for its order.

    ``component``: energy of each component, [bound, n]; ``phase``: the same of each phase, [bound, phase, n];
    ``operator``: of each phase and operator, [bound, phase, op, n]; ``action``: how often each action runs, not
    priced, [n].

    Raises:
        MissingPrice: an action of the scope has no price; never by action.
    """
    if ledger.draft is not None:
        return _joined(contract(replace(ledger, draft=None), by, scope), contract(ledger.draft, by, scope), by)
    held = ledger.entries_of(scope)
    if by == "action":
        runs = _runs(ledger, ledger.linear_parts(scope))
        for entries in held:
            runs = _added(runs, entries.each(kept=False))
        return runs
    amounts = [e.phases() if by == "phase" else e.amounts(kept=by == "operator") for e in held]
    bill = ledger.tariff(scope)
    found = {"phase": bill.linear_by_phase, "operator": bill.by_operator}.get(by, bill.linear)(ledger.bases)
    if ledger.turns is not None:
        found = {component: energy * ledger.turns for component, energy in found.items()}
    found = _added(found, bill.besides(np.concatenate(amounts)) if amounts else {})
    if scope == "facility" and ledger.pue is not None:
        found["facility"] = (ledger.pue - 1) * sum_in_order(list(found.values()))
    if ledger.inside is None:
        return found
    return {component: np.where(ledger.inside, values, np.nan) for component, values in found.items()}


def narrowed(found: dict[str, Array], ledger: Ledger, wide: Scope, narrow: Scope) -> dict[str, Array] | None:
    """The components of a scope among those ``found`` in a wider one; None where some are in it only in part.

    None are where both price the same of products and elementwise work, and no component has entries in and beyond it.
    """
    if ledger.draft is not None or ledger.linear_parts(wide) != ledger.linear_parts(narrow):
        return None
    linear = _Folds.of(ledger.actions, ledger.linear_parts(narrow)).components
    kept = {*linear, *(component_of(action) for action in ledger._others(narrow))}
    outside = {
        component_of(action) for entries in ledger.entries_of(wide) if entries.part > PARTS[narrow]
        for action in entries.actions
    }  # fmt: skip
    if kept & outside:
        return None
    return {name: energy for name, energy in found.items() if name not in outside and name != "facility"}


def _added(found: dict[str, Array], more: dict[str, Array]) -> dict[str, Array]:
    """Two sums as one, name by name."""
    return found | {name: found[name] + each if name in found else each for name, each in more.items()}


def _joined(found: dict[str, Array], draft: dict[str, Array], by: Kept) -> dict[str, Array]:
    """Two sums as one; a draft's, over its operators, in the last row."""
    if by == "operator":
        none = 0 * next(iter(found.values()))[:, :, :-1]
        draft = {name: np.concatenate((none, ordered_sum(of, 2)[:, :, None]), axis=2) for name, of in draft.items()}
    return _added(found, draft)


def energy_by_phase(ledger: Ledger, scope: Scope) -> Array:
    """Nominal energy of each phase within a scope; their sum is the total to 1e-12.  [phase, n]  [J]

    Raises:
        MissingPrice: see `price_of`.
    """
    held, bill = ledger.entries_of(scope), ledger.tariff(scope)
    found = bill.by_phase(ledger.bases)
    if ledger.turns is not None:
        found = found * ledger.turns
    first = 0
    for entries in held:
        amounts = entries.phases()
        prices = bill.of_others[first : first + len(amounts), 1]
        found = found + ordered_sum(amounts * prices[:, None], 0)
        first += len(amounts)
    if scope == "facility" and ledger.pue is not None:
        found = found * ledger.pue
    if ledger.draft is not None:
        found = found + energy_by_phase(ledger.draft, scope)
    return found if ledger.inside is None else np.where(ledger.inside, found, np.nan)


def _runs(ledger: Ledger, parts: int) -> dict[str, Array]:
    """How often the actions of products and elementwise work run.  Each [n]"""
    few = ledger.lasting and ledger.bases.table.shape[-1] <= POINTS_KEPT
    of_turn = _runs_of_turn if few else _runs_of_turn.__wrapped__
    found: dict[str, Array] = {}
    for action, runs in of_turn(Same(ledger.actions), Same(ledger.bases), parts):
        each = runs if ledger.turns is None else runs * ledger.turns
        found[action] = found[action] + each if action in found else each
    return found


@lru_cache(maxsize=64)  # a model in its precisions, on devices that run the same formats
def _runs_of_turn(actions: Same, bases: Same, parts: int) -> list[tuple[str, Array]]:
    """The same in one turn, of products and of elementwise work apart."""
    return read_only([
        (action, sum_in_order([over_phases(bases.it[basis]) * times for basis, times in terms]))
        for part in (True, False)[:parts] for (product, action), terms in actions.it.folded.items() if product is part
    ])  # fmt: skip


# --- savings -------------------------------------------------------------------------------------------------------


def saving(ledger: Ledger, baseline: Ledger, scope: Scope, prices: Prices | None = None) -> Array:
    """Least, nominal and most saving of one run over another within a scope; see `saving_bounds`.  [bound, n]

    At other ``prices`` than their own, if given.
    """
    found: Array = savings((ledger, baseline), [(0, 1)], scope, prices)[0]
    return found


def savings(
    ledgers: Sequence[Ledger], pairs: Sequence[tuple[int, int]], scope: Scope, prices: Prices | None = None
) -> Array:  # fmt: skip
    """`saving` of each pair of some runs, all at once.  [pair, bound, n]

    An action that neither of a pair does adds zeros to it, and its price moves nothing.
    """
    few = ledgers[0].bases.table.shape[-1] <= POINTS_KEPT
    find = _by_action if few else _by_action.__wrapped__
    runs = [find(Same(ledger), scope) for ledger in ledgers]
    known = prices or {action: price for ledger in reversed(ledgers) for action, price in ledger.prices(scope).items()}
    actions = sorted({action for each in runs for action in each})
    zero = np.zeros_like(next(iter(runs[0].values())))
    tables = [array([each.get(action, zero) for action in actions]) for each in runs]
    mine, others = (np.concatenate([tables[pair[side]] for pair in pairs], axis=1) for side in (0, 1))
    found = saving_bounds(mine, others, array([known[action] for action in actions]))
    return found.reshape(3, len(pairs), -1).swapaxes(0, 1)


def energy_by_action(runs: dict[str, Array], prices: Prices) -> Array:
    """Nominal energy, summed over actions in the order of their names: a side of `saving`, to the bit.  [n]  [J]

    An action that one side alone runs adds a zero to the other.
    """
    return ordered_sum(array([prices[action][1] * runs[action] for action in sorted(runs)]), 0)


@lru_cache(maxsize=64)  # each of the precisions on one device, compared with several others
def _by_action(ledger: Same, scope: Scope) -> dict[str, Array]:
    return contract(ledger.it, "action", scope)
