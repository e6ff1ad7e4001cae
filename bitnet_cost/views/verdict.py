"""The verdict: what a reader must decide, in one sentence that the table below it proves.

Who needs the least energy, by how much, what 1-bit does against its strongest rival; "undecided" where the range of
the difference holds 0. Every figure in a sentence is one of the table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.precision import OWN
from bitnet_cost.ledger.difference import Difference
from bitnet_cost.ledger.intervals import energy_interval, surely_more
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import (
    change_words,
    digits,
    figures_of,
    in_words,
    prefix_of,
    whole_percent,
    with_commas,
    with_prefix,
)  # fmt: skip
from bitnet_cost.views.families import is_one_bit
from bitnet_cost.views.groups import alike, describe, place_of

Differ = Callable[[Result, Result], Difference]
Revise = Callable[..., Result | None]  # a result asked with other fields of its scenario; None: it has no price
NAMED = 4  # places that a sentence tells apart; of more it gives the number,
FEW = 2  # but those that are so few among them have their names
SENTENCES = {
    "undecided": "Undecided {where}: {names} cannot be told apart by their {what}{rest}.",
    "than": "; {rest} {than} {first}",
    "least": "{first} needs the least {what} {where}: {rest}{why}.",
    "lead": "{first} needs the least {what} {where}: {change} than {other}{strongest}.",
    "strongest": ", the strongest rival asked",
    "unit": ", run as {executed} products by kernels whose speed is assumed",
    "only": "Of the {count} precisions asked only {names} {verb} {where}; it needs {needs}.",
    "alone": "{lead} needs {what}{parts}{more}.",
    "needs": "{energy}{unit} ({ends}){where}{rate}",
    "rate": ", at {rate} tokens/s",
    "none": "{model} does not fit {where}: {narrowest} needs {needs}, and there are {has}.",
    "fastest": "{first} is {also}the fastest, {rate} tokens/s against {other} in {second}",
    "both fastest": "{first} and {second} are {also}the fastest, {rate} tokens/s each",
    "smallest": "{first} is the smallest, {size} against {other} in {second}",
    "both smallest": "{first} and {second} are the smallest, {size} each",
    "batch": " at batch {batch}",
    "turned": "What is assumed about {figure} alone decides between {names}.",
    "turned by many": "What is assumed about {figures} decides, each alone, where it is undecided.",
}
"""Sentences about one device, with slots for names and numbers; the explorer's page fills the same."""

ENERGY = {"arithmetic": "arithmetic energy", "compute": "computing energy", "memory": "computing and memory energy"}


def precision_name(name: str) -> str:
    """A precision as sentences call it.

    >>> precision_name("bitnet"), precision_name("bitnet-b1.58-tl2"), precision_name("int8")
    ('BitNet', 'BitNet b1.58-tl2', 'int8')
    """
    if name == OWN:
        return "the file's format"
    return name.replace("bitnet-", "BitNet ", 1).replace("bitnet", "BitNet", 1) if name.startswith("bitnet") else name


MAKERS = ("AMD", "Google", "Intel", "Qualcomm", "ST")  # left out of the names of their products where these are long


def hardware_name(hardware: Hardware) -> str:
    """A piece of hardware as sentences call it: its title without what follows a comma, as short as it has to be."""
    short = hardware.title.partition(",")[0].removeprefix("NVIDIA ").removeprefix("GeForce ").removesuffix(" CMOS")
    maker, _, rest = short.partition(" ")
    product = rest if maker in MAKERS else short
    return next((words for words in (short, product, product.partition(" (")[0]) if len(words) <= 32), hardware.name)


def sentence_case(text: str) -> str:
    """Words as a sentence begins.

    >>> sentence_case("= a sign; vLLM"), sentence_case("times")
    ('= a sign; vLLM', 'Times')
    """
    return text[:1].upper() + text[1:]


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words in a row.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


@dataclass(frozen=True, eq=False)
class Place:
    """The results of one model on one hardware, and what their differences say."""

    results: tuple[Result, ...]
    differ: Differ = field(repr=False)
    baseline: str | None = None

    @cached_property
    def ranked(self) -> list[Result]:
        """Those with an energy, the least first."""
        return sorted((r for r in self.results if r.has_energy), key=lambda r: float(r.energy_j))

    @cached_property
    def tied(self) -> list[Result]:
        """The first, and all that cannot be told from it."""
        return [r for r in self.ranked if r is self.ranked[0] or self.differ(r, self.ranked[0]).undecided]

    @property
    def winner(self) -> Result | None:
        """What needs the least energy, where there is something to compare and the difference is decided."""
        return self.ranked[0] if len(self.ranked) > 1 and len(self.tied) == 1 else None

    @property
    def one_bit(self) -> Result | None:
        """The 1-bit precision that needs the least."""
        return next((r for r in self.ranked if is_one_bit(r.precision)), None)

    @property
    def rival(self) -> Result | None:
        """What 1-bit is set against: the baseline that was asked for, else the strongest of the others."""
        asked = next((r for r in self.ranked if r.precision.name == self.baseline), None)
        return asked or next((r for r in self.ranked if not is_one_bit(r.precision)), None)

    @property
    def runner_up(self) -> Result:
        """What the winner is set against: a baseline that is named, of 1-bit its rival, of another the next."""
        others = self.ranked[1:]
        if self.rival is not None and self.rival in others:
            return self.rival
        return next((r for r in others if not is_one_bit(r.precision)), others[0])

    @property
    def lead(self) -> tuple[Result, Result] | None:
        """The pair that a sentence is about: the best 1-bit and its rival, else the first and the next."""
        if len(self.ranked) < 2:
            return None
        if self.one_bit is not None and self.rival is not None:
            return self.one_bit, self.rival
        return self.ranked[0], self.runner_up


class Verdict:
    """What an answer says first; see the head of this module."""

    def __init__(self, results: Sequence[Result], differ: Differ, revise: Revise, baseline: str | None = None) -> None:
        self.results, self.differ, self.revise = results, differ, revise
        self.places = [Place(tuple(group), differ, baseline) for group in alike(results, place_of)]
        self.baseline = baseline
        self.rival = baseline or self._rival()

    @property
    def winners(self) -> dict[tuple[str, str], str | None]:
        """The precision that needs the least energy, of each model and hardware; None where that is undecided."""
        return {place_of(p.results[0]): None if p.winner is None else p.winner.precision.name for p in self.places}

    @cached_property
    def differences(self) -> list[Difference | None]:
        """What each result needs against the rival at its place; None where either has no energy."""
        found = {id(r): self._against(place, r) for place in self.places for r in place.results}
        return [found[id(r)] for r in self.results]

    def moved_of(self, result: Result) -> Result | None:
        """A technology node's result with memory traffic; None where it has no memories, or counts them already."""
        lacks = result.hardware.has_clock or not result.hardware.hierarchy
        return None if lacks or result.scope not in ("arithmetic", "compute") else self.revise(result, scope="memory")

    @cached_property
    def moved(self) -> list[tuple[Result, Difference | None] | None]:
        """Each result of a technology node with memory traffic, and its difference then; None for others."""
        wide = {id(r): self.moved_of(r) for r in self.results if r.has_energy}
        found: dict[int, tuple[Result, Difference | None]] = {}
        for place in self.places:
            rival = self._rival_at(place)
            base = None if rival is None else wide[id(rival)]
            for r in place.ranked:
                if (own := wide[id(r)]) is not None:
                    found[id(r)] = own, None if base is None or r is rival else self.differ(own, base)
        return [found.get(id(r)) for r in self.results]

    def _rival(self) -> str | None:
        """The precision that most places have as rival, of those that have an answer at most places."""
        answered = Counter(r.precision.name for p in self.places for r in p.ranked)
        rivals = Counter(
            (p.rival if p.one_bit or p.results[0].hardware.has_clock else p.runner_up).precision.name
            for p in self.places if p.rival is not None and len(p.ranked) > 1
        )  # fmt: skip
        if not rivals:
            return next((p.ranked[0].precision.name for p in self.places if len(p.ranked) > 1), None)  # all are 1-bit
        return max(rivals, key=lambda name: (answered[name], rivals[name]))

    def _rival_at(self, place: Place) -> Result | None:
        return next((r for r in place.ranked if r.precision.name == self.rival), None)

    def _against(self, place: Place, result: Result) -> Difference | None:
        rival = self._rival_at(place)
        return None if rival is None or result is rival or not result.has_energy else self.differ(result, rival)

    # --- words -------------------------------------------------------------------------------------------------------

    @cached_property
    def sentence(self) -> str:
        """The first line of the answer."""
        nodes = [p for p in self.places if not p.results[0].hardware.has_clock]
        devices = [p for p in self.places if p.results[0].hardware.has_clock]
        return " ".join(self._of(group) for group in (nodes, devices) if group)

    def _of(self, places: Sequence[Place]) -> str:
        """A sentence on places of one kind."""
        if not any(p.ranked for p in places):
            return self._unanswered(places)
        compared = [p for p in places if len(p.ranked) > 1]
        if not compared:
            return self._alone([p for p in places if p.ranked])
        if not compared[0].results[0].hardware.has_clock and len(compared) <= NAMED:
            return self._of_nodes(compared)
        if len(places) == 1:
            return self._of_one(compared[0])
        return self._of_several(places)

    def _unanswered(self, places: Sequence[Place]) -> str:
        """Why there is no energy."""
        first = min((r for p in places for r in p.results), key=lambda r: r.footprint.total_weight_bits)
        if first.fits is None or first.fits:
            return f"No energy can be computed {self.at(places[0])}: {first.reason}."
        needs = with_prefix(float(first.footprint.on_each(first.devices)[0]) / 8, "B", 3)
        largest = max((r.capacity_bits or 0.0) / 8 for p in places for r in p.results)
        has = f"{with_prefix(largest, 'B', 3)}{'' if len(places) == 1 else ' at most'}"
        narrowest = f"even {_name(first)}" if len(places[0].results) > 1 else "it"
        where = self.at(places[0]) if len(places) == 1 else f"on any of these {len(places)} {_kind(places)}"
        return filled("none", model=title_of(first), where=where, narrowest=narrowest, needs=needs, has=has)

    def _alone(self, places: Sequence[Place]) -> str:
        """One answer a place: what it needs, with nothing to compare it with."""
        found = [p.ranked[0] for p in places]
        names = listed(list(dict.fromkeys(_name(r) for r in found)))
        if len(self.places) == 1 and len(places[0].results) > 1:
            others = [r for r in places[0].results if r is not found[0]]
            fits = any(r.fits is not None and not r.fits for r in others)
            verb = "fits" if fits else "has a price"
            count, where = str(len(places[0].results)), self.at(places[0])
            return filled("only", count=count, names=names, verb=verb, where=where, needs=_needs(found[0]))
        models = list(dict.fromkeys(title_of(r) for r in found))
        parts = [_needs(r, f" {self.at(p)}") for p, r in zip(places[:NAMED], found, strict=False)]
        more = f"; {len(places) - NAMED} more in the table" if len(places) > NAMED else ""
        lead = f"{models[0]} in {names}" if len(models) == 1 else names[:1].upper() + names[1:]
        what = ENERGY.get(found[0].scope)
        return filled("alone", lead=lead, what=f"{what}: " if what else "", parts=listed(parts), more=more)

    def _of_one(self, place: Place) -> str:
        """Winner, lead, and 1-bit against the strongest rival, on one device."""
        where, what, first = self.at(place) + _batch(place), _energy(place), place.ranked[0]
        if place.winner is None:
            names = listed([_name(r) for r in place.tied])
            base = next((r for r in place.tied if r is self._rival_at(place)), first)
            behind, by = self._beyond(place, base), ""
            if behind is not None:
                change = place.differ(behind, base).nominal
                rest = f"{_name(behind)} needs {change_words(change)}"
                by = filled("than", rest=rest, than=than(change), first=_name(base))
            return filled("undecided", where=where, names=names, what=what, rest=by)
        slots = {"first": _name(first), "what": what, "where": where}
        if not is_one_bit(first.precision):
            return filled("least", **slots, rest=self._rest(place, place.ranked[1:]), why=_without_unit(place))
        other, lead = place.runner_up, place.differ(first, place.runner_up).nominal
        strongest = filled("strongest") if len(place.ranked) > 2 and not self.baseline else ""
        other_name = _name(other)
        return filled("lead", **slots, change=change_words(lead), other=other_name, strongest=strongest)

    @staticmethod
    def _beyond(place: Place, base: Result) -> Result | None:
        """The next that is surely behind one of those that cannot be told apart."""
        others = (r for r in place.ranked if r not in place.tied)
        return next((r for r in others if not place.differ(r, base).undecided), None)

    def _rest(self, place: Place, others: Sequence[Result]) -> str:
        """What the next and the best 1-bit need more than the first."""
        wide = next((r for r in others if not is_one_bit(r.precision)), None)
        nearest = place.rival if place.rival in others else wide
        narrow = next((r for r in others if is_one_bit(r.precision)), None)
        shown = sorted((r for r in (nearest, narrow) if r is not None), key=lambda r: float(r.energy_j))
        changes = [change_words(place.differ(r, place.ranked[0]).nominal) for r in shown]
        verbs = (" needs", "")
        return listed([f"{_name(r)}{verb} {c}" for r, c, verb in zip(shown, changes, verbs, strict=False)])

    def _of_several(self, places: Sequence[Place]) -> str:
        """Who needs the least where, and 1-bit where it does not."""
        compared = [p for p in places if len(p.ranked) > 1]
        winners = alike([p for p in compared if p.winner], lambda p: p.ranked[0].precision.name)
        clauses: list[str] = []
        for group in sorted(winners, key=lambda g: (-len(g), not is_one_bit(g[0].ranked[0].precision))):
            name = _name(group[0].ranked[0])
            verb = "" if clauses else f" needs the least {_energy(compared[0])}"
            if len(places) <= NAMED:
                clauses.append(f"{name}{verb} {listed([f'{self.at(p)} ({self._lead(p)})' for p in group])}")
            else:
                leads = [p.differ(p.ranked[0], p.runner_up).nominal for p in group]
                least, most = whole_percent(max(leads)), whole_percent(min(leads))
                by = f"by {least}" if least == most else f"by {least} to {most}"
                clauses.append(f"{name}{verb} {self._counted(group, places)} ({by})")
        text = ", ".join(clauses) + self._losses([p for p in compared if p.winner] if len(places) > NAMED else [])
        open_ones = [p for p in compared if p.winner is None]
        if open_ones:
            text += "; undecided " if text else "Undecided "
            named = [f"{self.at(p)} ({listed([_name(r) for r in p.tied], 'or')})" for p in open_ones]
            text += listed(named) if len(places) <= NAMED else self._counted(open_ones, places)
        for words, those in (
            ("nothing to compare", [p for p in places if len(p.ranked) == 1]),
            ("no answer", [p for p in places if not p.ranked]),
        ):
            if those:
                words = f"; {words}" if text else words.capitalize()  # noqa: PLW2901
                text += f"{words} {self._counted(those, places)}"
        return f"{text}{self._left([p for p in compared if p.winner])}."

    def _left(self, places: Sequence[Place]) -> str:
        """What is left of leads at technology nodes with memory traffic; "" on devices, which count it."""
        pairs = [(self.moved_of(p.ranked[0]), self.moved_of(p.runner_up)) for p in places]
        left = [self.differ(a, b) for a, b in pairs if a is not None and b is not None]
        if not left:
            return ""
        least, most = (pick(c.nominal for c in left) for pick in (max, min))
        if all(c.nominal < 0 and not c.undecided for c in left):
            ends = list(dict.fromkeys(map(whole_percent, (least, most))))
            return f"; once memory traffic counts, by {' to '.join(ends)}"
        ends = list(dict.fromkeys(map(change_words, (most, least))))
        return f"; once memory traffic counts, they need {' to '.join(ends)}"

    def _lead(self, place: Place) -> str:
        """By how much the first leads: what 1-bit needs where it does not, else as the column against the rival."""
        first, other = place.ranked[0], self._rival_at(place) or place.runner_up
        narrow = place.one_bit
        if first is other or (narrow is not None and not is_one_bit(first.precision)):
            other = place.runner_up if narrow is None or narrow is first else narrow
            return f"{_name(other)} needs {change_words(place.differ(other, first).nominal)}"
        return f"{change_words(place.differ(first, other).nominal)} than {_name(other)}"

    def _losses(self, places: Sequence[Place]) -> str:
        """What the best 1-bit needs where another needs the least, of more places than are named."""
        lost = [(p, p.one_bit) for p in places if p.one_bit is not None and p.winner is not p.one_bit]
        if not lost:
            return ""
        changes = [p.differ(r, p.ranked[0]).nominal for p, r in lost]
        name, ends = _name(lost[0][1]), [change_words(min(changes)), change_words(max(changes))]
        return f"; {name} needs {' to '.join(dict.fromkeys(ends))} there"

    def _of_nodes(self, places: Sequence[Place]) -> str:
        """The lead in arithmetic, and what is left of it with memory traffic: the first alone is half of the truth."""
        pairs = [(p, *pair) for p in places if (pair := p.lead) is not None]
        subject, rival = pairs[0][1:]
        pairs = [each for each in pairs if [r.precision for r in each[1:]] == [subject.precision, rival.precision]]
        name, other = _name(subject), _name(rival)
        changes = [self.differ(a, b) for _, a, b in pairs]
        strongest = f"{filled('strongest')}," if places[0].one_bit and len(places[0].ranked) > 2 else ""
        what = _energy(places[0])
        first, where = changes[0], self.at(pairs[0][0])
        open_ones = [self.at(p) for p, c in zip((p for p, _, _ in pairs), changes, strict=True) if c.undecided]
        if first.undecided:
            text = f"{name} and {other} cannot be told apart by their {what} {listed(open_ones)}"
        else:
            against = f"{than(first.nominal)} {other}{strongest}"
            text = f"{name} needs {change_words(first.nominal)} {what} {against} {where}"
        for change, (place, _, _) in zip(changes[1:], pairs[1:], strict=True):
            if not first.undecided:
                text += f", and {_decided(change)} {self.at(place)}"
            elif not change.undecided:
                text += f"; {self.at(place)} {name} needs {change_words(change.nominal)}"
        wide = [(self.moved_of(a), self.moved_of(b)) for _, a, b in pairs]
        left = [self.differ(a, b) for a, b in wide if a is not None and b is not None]
        if not left:
            return f"{text}."
        text += f"; once memory traffic counts, {f'{name} needs ' * first.undecided}"
        if all(c.nominal < 0 and not c.undecided for c in left):
            return f"{text}{listed([whole_percent(c.nominal) for c in left])} less."
        return f"{text}{listed(list(dict.fromkeys(_decided(c) for c in left)))}."

    @cached_property
    def also(self) -> str:
        """Who is fastest and who is smallest, where there is something to compare; of several devices who is first."""
        if len(self.places) > 1:
            return self._of_all()
        if len(self.places[0].ranked) < 2:
            return ""
        place = self.places[0]
        smallest = sorted(place.results, key=held_bits)
        parts = []
        timed = sorted((r for r in place.ranked if r.tokens_per_s), key=lambda r: -(r.tokens_per_s or 0.0))
        if len(timed) > 1:
            first, second = timed[:2]
            also = "also " if first is place.winner else ""
            rate, other = figures_of(first.tokens_per_s), figures_of(second.tokens_per_s)
            names = {"first": _name(first), "second": _name(second)}
            parts.append(filled(f"{'both ' * (rate == other)}fastest", **names, also=also, rate=rate, other=other))
        first, second = smallest[:2]
        size, other = (with_prefix(held_bits(r) / 8, "B", 3) for r in (first, second))
        names = {"first": _name(first), "second": _name(second)}
        parts.append(filled(f"{'both ' * (size == other)}smallest", **names, size=size, other=other))
        return f"{'; '.join(parts)}."

    def _of_all(self) -> str:
        """Which device needs the least of all, and which is fastest; "" where they do not do the same work."""
        firsts = sorted((p for p in self.places if p.ranked), key=lambda p: float(p.ranked[0].energy_j))
        results = [r for p in firsts for r in p.ranked]
        same = len({(r.architecture.name, r.scope, r.hardware.has_clock, describe(r)) for r in results}) == 1
        if len(firsts) < 2 or not same or not results[0].hardware.has_clock:
            return ""
        first, places = firsts[0].ranked[0], {id(r): p for p in firsts for r in p.ranked}
        least, *more = (energy_interval(p.ranked[0])[:, 0].tolist() for p in firsts)
        name = f"{_name(first)} {self.at(firsts[0])}"
        if not all(surely_more(each, least) for each in more):
            text = f"Which of the {in_words(len(firsts))} {_kind(firsts)} needs the least is undecided"
        else:
            energy = with_prefix(float(first.energy_j) * per_token(first), "J", 3) + _unit_words(first)
            text = f"Of all, {name} needs the least, {energy}"
        fast = max(results, key=lambda r: r.tokens_per_s or 0.0)
        if not fast.tokens_per_s:
            return f"{text}."
        rate, other = figures_of(fast.tokens_per_s), f"{_name(fast)} {self.at(places[id(fast)])}"
        joined = ", and" if other in text else f"; {other}"
        return f"{text}{joined} is the fastest, {rate} tokens/s."

    @property
    def turned_by(self) -> dict[str, list[str]]:
        """Figures of a runtime whose range alone turns a lead, each with the precisions that cannot be told apart."""
        found: dict[str, list[str]] = {}
        for place in self.places:
            for r in place.tied[1:] if place.ranked else ():
                figure = place.differ(r, place.ranked[0]).turned_by
                if figure is not None:
                    names = [_name(each) for each in (place.ranked[0], r)]
                    found.setdefault(figure, []).extend(n for n in names if n not in found.get(figure, []))
        return found

    @cached_property
    def _short_names(self) -> dict[str, str]:
        return {p.results[0].hardware.name: hardware_name(p.results[0].hardware) for p in self.places}

    def at(self, place: Place) -> str:
        """Where, in words: the model too where there are several, the short name where it is of one alone."""
        r, short = place.results[0], self._short_names
        own = short[r.hardware.name]
        own = own if list(short.values()).count(own) == 1 else r.hardware.name
        where = place_words(r.hardware, r.devices, own)
        models = {p.results[0].architecture.name for p in self.places}
        if len(models) == 1:
            return where
        return f"for {title_of(r)}" if len(short) == 1 else f"for {title_of(r)} {where}"

    def _counted(self, places: Sequence[Place], of: Sequence[Place]) -> str:
        if len(of) <= NAMED or len(places) <= FEW:
            return listed([self.at(p) for p in places])
        kind = _kind(of)
        where = {"cases": "in", "nodes": "at"}.get(kind, "on")
        return f"{where} {len(places)} of {len(of)} {kind}"


def filled(sentence: str, **slots: str) -> str:
    """One of `SENTENCES`, filled."""
    return SENTENCES[sentence].format(**slots)


def place_words(hardware: Hardware, devices: int, name: str) -> str:
    """Where in words: ``on the H100 SXM``, ``on 8 x H100 SXM``, ``at 45 nm``."""
    if devices > 1:
        return f"on {with_commas(devices)} x {name}"
    return f"on the {name}" if hardware.has_clock else f"at {name}"


def _name(result: Result) -> str:
    return precision_name(result.precision.name)


def title_of(result: Result) -> str:
    """A model as sentences call it."""
    return result.architecture.title or result.architecture.name


def _energy(place: Place) -> str:
    return ENERGY.get(place.results[0].scope, "energy")


def _kind(places: Sequence[Place]) -> str:
    several = len({p.results[0].architecture.name for p in places}) > 1
    clock = places[0].results[0].hardware.has_clock
    return "cases" if several else "devices" if clock else "nodes"


def _batch(place: Place) -> str:
    batch = int(place.results[0].workload.batch)
    return filled("batch", batch=with_commas(batch)) if batch > 1 else ""


def held_bits(result: Result) -> float:
    """What the table gives as memory: all that is resident on a device, at a technology node the weights."""
    found = result.footprint.bits[0] if result.hardware.has_clock else result.footprint.total_weight_bits
    return float(found)


def per_token(result: Result) -> float:
    """What turns the energy of a run into that of a token, where any are generated."""
    tokens = int(result.workload.batch) * int(result.workload.generate)
    return 1 / tokens if result.hardware.has_clock and int(result.workload.generate) > 1 else 1.0


def _unit_words(result: Result) -> str:
    return " a token" if per_token(result) != 1.0 else ""


def _needs(result: Result, where: str = "") -> str:
    """Energy with its range, a token's where any are generated, and the rate."""
    low, energy, high = (float(e) * per_token(result) for e in energy_interval(result)[:, 0])
    scaled = (end / prefix_of(energy)[1] for end in (low, high))  # in the unit of what they are the ends of
    ends = " to ".join(digits(end, 3) if end < 999.5 else figures_of(end) for end in scaled)
    rate = "" if result.tokens_per_s is None else filled("rate", rate=figures_of(result.tokens_per_s))
    return filled(
        "needs", energy=with_prefix(energy, "J", 3), unit=_unit_words(result), ends=ends, where=where, rate=rate
    )


def than(change: float) -> str:
    """The word between a change in words and what it is against."""
    return "as" if "as much" in change_words(change) else "than"


def _decided(change: Difference) -> str:
    return "as much as far as the model can tell" if change.undecided else change_words(change.nominal)


def _without_unit(place: Place) -> str:
    """How 1-bit runs where it does not win, if the device has no unit for it."""
    return "" if place.one_bit is None else without_unit(place.one_bit.hardware)


def without_unit(hardware: Hardware) -> str:
    """How 1-bit products run on a device that has no unit for them; empty where it has one."""
    known = hardware.rates.keys() & {"int1", "int2"} or hardware.unit_for("ternary", "int8")
    return "" if known else filled("unit", executed=hardware.executed("int8") or "wider")
