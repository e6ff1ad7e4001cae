"""The table that proves the verdict: energy with its range, the difference from the rival, time and memory."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.intervals import HEADING, energy_interval, is_measured
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import change_range, column_figures, figures_of, one_prefix, signed_change, with_prefix
from bitnet_cost.tables import Column, Look, Table
from bitnet_cost.views import honesty, quality
from bitnet_cost.views.families import family_of
from bitnet_cost.views.groups import alike, describe_briefly
from bitnet_cost.views.verdict import Place, Verdict, held_bits, listed, per_token, title_of

UNDECIDED = "="
BEST_SHOWN = 30  # of those; the others are among the details
MODELS_NAMED = 3
SHOWN = 8  # pieces of hardware whose rows stand below one another; of more, each has its best row


def verdict_tables(verdict: Verdict) -> list[Table]:
    """One table for each kind of hardware, scope and workload: rows by energy, below the name of their hardware."""
    groups = alike(
        [r for p in verdict.places for r in p.results], lambda r: (r.hardware.has_clock, r.scope, describe_briefly(r))
    )
    return [_Rows(verdict, group).table() for group in groups]


_Texts = tuple[str, dict[int, str]]  # a heading, and the cell of each result


class _Rows:
    """The rows of results that share kind of hardware, scope and workload."""

    def __init__(self, verdict: Verdict, results: Sequence[Result]) -> None:
        self.verdict = verdict
        mine = set(map(id, results))
        self.places = [p for p in verdict.places if id(p.results[0]) in mine]
        ids = [id(r) for r in verdict.results]
        self.differences = dict(zip(ids, verdict.differences, strict=True))
        self.best_only = len(self.places) > SHOWN
        self.asked = len(self.places)
        if self.best_only:
            self.places = ([p for p in self.places if p.ranked] or self.places)[:BEST_SHOWN]
        self.rows = [r for p in self.places for r in self._shown(p)]
        self.timed = results[0].hardware.has_clock
        self.moved = {} if self.timed else dict(zip(ids, verdict.moved, strict=True))

    def _shown(self, place: Place) -> list[Result]:
        """The results of a place, the least energy first, those without one last."""
        ranked = [*place.ranked, *(r for r in place.results if not r.has_energy)]
        return ranked[:1] if self.best_only else ranked

    def table(self) -> Table:
        """The table."""
        first = self.rows[0]
        models = list(dict.fromkeys(title_of(r) for r in self.rows))
        named = ", ".join(models) if len(models) <= MODELS_NAMED else f"{len(models)} models"
        title = f"{named}: {describe_briefly(first)}"
        title += self._runtimes()
        if self.best_only:
            title += f"; the best precision on {len(self.places)} of {self.asked} pieces of hardware, --notes has all"
        title += "" if quality.known(self.rows) else quality.UNKNOWN
        columns, cells = self._columns()
        looks, rows = [], []
        lead = 2 if self.best_only else 1
        several = len(self.places) > 1 and not self.best_only
        for place in self.places:
            if several:
                rows.append((self._where(place, len(models) > 1),))
                looks.append(Look())
            for r in self._shown(place):
                name = ("  " if several else "") + r.precision.name
                names = (self._where(place, len(models) > 1), name) if self.best_only else (name,)
                row = tuple(texts[id(r)] for texts in cells)
                rows.append((*names, *row) if r.has_energy else (*names, _why(r)))
                weight = "bold" if r is place.winner else "" if r.has_energy else "dim"
                looks.append(Look(weight, family_of(r.precision).dark_text))
        heads = ("hardware", "precision")[2 - lead :]
        return Table(title, (*(Column(h, False) for h in heads), *columns), tuple(rows), looks=tuple(looks))

    def _runtimes(self) -> str:
        """The software that runs it, where it is named in a few words."""
        found: dict[str, list[str]] = {}
        for place in self.places:
            if (runtime := place.results[0].runtime) is not None:
                found.setdefault(runtime.runtime, []).append(place.results[0].hardware.name)
        if len(found) == 1:
            return f", {next(iter(found))}"
        if not found or self.best_only:
            return ""
        each = (f"{name} on {listed(list(dict.fromkeys(hardware)))}" for name, hardware in found.items())
        return f"; {', '.join(each)}"

    @staticmethod
    def _where(place: Place, models: bool) -> str:
        r = place.results[0]
        return f"{r.architecture.name} at {r.hardware.name}" if models else r.hardware.name

    def _columns(self) -> tuple[list[Column], list[dict[int, str]]]:
        """Columns of figures, and the cell of each row in each."""
        rows = [r for r in self.rows if r.has_energy]
        if not rows:
            return self._placed([("", {})])
        rival, found = self.verdict.rival, []
        if self.timed:
            found += [self._energy(rows)] if self.best_only else [self._energy(rows), self._ranges(rows)]
        else:
            words = {"arithmetic": "arithm. ", "compute": "compute "}.get(self.rows[0].scope, "")
            heading, cells = self._energy(rows)
            found.append((words + heading, cells))
        if any(self.differences[id(r)] is not None for r in rows):
            found += _against({id(r): self.differences[id(r)] for r in rows}, rows, rival)
        moved = {id(r): pair for r in rows if (pair := self.moved.get(id(r))) is not None}
        if moved:
            unit, texts = column_figures([float(pair[0].energy_j) for pair in moved.values()], "J", 3)
            found.append((f"+ memory {unit}", dict(zip(moved, texts, strict=True))))
            if any(pair[1] is not None for pair in moved.values()):
                found += _against({id(r): moved[id(r)][1] if id(r) in moved else None for r in rows}, rows, rival)
        if any(r.tokens_per_s for r in rows):
            found.append(("tokens/s", {id(r): figures_of(r.tokens_per_s) for r in rows}))
        elif self.timed:
            found.append(("time", {id(r): with_prefix(float(r.timing.total[0]), "s", 3) for r in rows if r.timing}))
        if self.best_only:
            return self._placed(found)
        sizes = [held_bits(r) / 8 for r in rows]
        unit, texts = column_figures(sizes, "B", 3)
        found.append((unit if self.timed else f"weights {unit}", {id(r): t for r, t in zip(rows, texts, strict=True)}))
        return self._placed(found)

    def _placed(self, found: Sequence[_Texts]) -> tuple[list[Column], list[dict[int, str]]]:
        none = dict.fromkeys(map(id, self.rows), "-")
        return [Column(heading) for heading, _ in found], [none | texts for _, texts in found]

    def _energy(self, rows: Sequence[Result]) -> _Texts:
        """Energy of a token, or of the run where none is generated, weak figures marked."""
        values = [float(r.energy_j) * per_token(r) for r in rows]
        per = "/token" if any(per_token(r) != 1 for r in rows) else "/run" if self.timed else ""
        unit, texts = column_figures(values, "J", 3)
        if one_prefix(values) is None:
            unit, texts = "energy", [with_prefix(v, "J", 3) for v in values]
        return unit + per, {id(r): text + honesty.mark(r) for r, text in zip(rows, texts, strict=True)}

    def _ranges(self, rows: Sequence[Result]) -> _Texts:
        """Low and high of that energy, in its prefix."""
        prefix = one_prefix([float(r.energy_j) * per_token(r) for r in rows])
        found = {}
        for r in rows:
            ends = [float(e) * per_token(r) for e in energy_interval(r)[::2, 0]]
            found[id(r)] = " to ".join(figures_of(e / prefix[1]) if prefix else with_prefix(e, "J", 3) for e in ends)
        return HEADING[any(map(is_measured, rows))], found


def _against(found: dict[int, Difference | None], rows: Sequence[Result], rival: str | None) -> list[_Texts]:
    """The difference from the rival, and its range; the rival's own row says that it is the base."""
    changes, ranges = {}, {}
    for r in rows:
        change = found[id(r)]
        if change is not None:
            changes[id(r)] = UNDECIDED if change.undecided else signed_change(change.nominal)
            ranges[id(r)] = change_range(change.low, change.high)
        elif r.precision.name == rival:
            changes[id(r)], ranges[id(r)] = "base", ""
    return [(f"vs {rival}", changes), ("range", {key: ranges.get(key, "") for key in map(id, rows)})]


def _why(result: Result) -> str:
    """Why a row has no figures, in a phrase."""
    capacity = result.capacity_bits
    if capacity is not None and result.not_shared is None and result.fits is not None and not result.fits:
        needs = float(result.footprint.on_each(result.devices)[0])
        unit, texts = column_figures([needs / 8, capacity / 8], "B", 3)
        return f"does not fit: needs {texts[0]} of {texts[1]} {unit}"
    return (result.reason or "no energy").split(";")[0]
