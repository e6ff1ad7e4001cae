"""Technology nodes scaled from published ones: by a name, ``cmos-5nm-from-45nm-by-foundry``, or a file's ``scaled``."""

from __future__ import annotations

import re
from typing import Any

from bitnet_cost import units
from bitnet_cost.errors import BitnetCostError, suggested
from bitnet_cost.formulas.nodes import RULES, TABLES, Factor
from bitnet_cost.numerals import brief, digits, figure_text
from bitnet_cost.readers.extends import cited_sources

_NODE = re.compile(r"cmos-([0-9.]+)nm")
_NAME = re.compile(r"cmos-([0-9.]+)nm-from-([0-9.]+)nm-by-([a-z-]+)")
_ANCHORS = ("add.int8", "mul.fp16")  # operations whose factors show how rules differ
_SOURCE: dict[str, Any] = {
    "author": "bitnet-cost", "title": "Figures scaled to another technology node", "year": 2026,
    "where": "formulas/nodes.py; each figure's note gives rule and factor", "seen": "own",
}  # fmt: skip


def name_of(node: str, base: str, rule: str) -> str:
    """The name of a node scaled from another by a rule.

    >>> name_of("5nm", "45", "foundry")
    'cmos-5nm-from-45nm-by-foundry'
    """
    widths = [word.lower().removesuffix("nm").strip() for word in (node, base)]
    for what, width in zip(("node", "scaled-from"), widths, strict=True):
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9])?", width):
            raise BitnetCostError(f"{what}: {width!r} is not a technology node; give it in nm, as in 5nm")
    if rule not in RULES:
        raise BitnetCostError(f"by: unknown rule {rule!r}{suggested(rule, RULES, '; there are ' + ', '.join(RULES))}")
    return f"cmos-{widths[0]}nm-from-{widths[1]}nm-by-{rule}"


def reaching(node: str, base: str) -> list[str]:
    """The rules that lead from one node to another.

    >>> reaching("5nm", "45nm"), reaching("5nm", "7nm")
    (['published-tables', 'stillmaker-baas', 'dennard'], ['published-tables', 'stillmaker-baas', 'foundry', 'dennard'])
    """
    found = []
    for rule in RULES:
        parts = parts_of(name_of(node, base, rule))
        try:
            if parts:
                RULES[rule](parts[1], parts[0], 1.0)
                found.append(rule)
        except BitnetCostError:
            continue
    return found


def parts_of(name: str) -> tuple[float, float, str] | None:
    """Node, base and rule of a name; None where it is of another form.

    >>> parts_of("cmos-5nm-from-45nm-by-foundry"), parts_of("cmos-45nm")
    ((5.0, 45.0, 'foundry'), None)
    """
    match = _NAME.fullmatch(name)
    return (float(match[1]), float(match[2]), match[3]) if match else None


def given(data: dict[str, Any]) -> tuple[str, float, float, str] | None:
    """What a file's ``scaled`` asks for: the base, its node, the node, the rule; None where it is no such thing.

    What is wrong with it is told where the file is validated.
    """
    part = data.get("scaled")
    if not isinstance(part, dict) or part.keys() != {"base", "to", "by"} or part["by"] not in RULES:
        return None
    match = _NODE.fullmatch(str(part["base"]))
    if match is None or not isinstance(part["to"], int | float):
        return None
    return match[0], float(match[1]), float(part["to"]), part["by"]


def scaled(base: dict[str, Any], anchors: list[dict[str, Any]], nm: float, of: float, rule: str) -> dict[str, Any]:
    """A node's document with the energies of another's, scaled; ``anchors`` are those of 45 and 7 nm.

    What is off the chip (a level of unbounded capacity) is not scaled. By the published tables each operation has a
    ratio of its own, and one that either table lacks is left out.

    Raises:
        BitnetCostError: a node outside of the rule's range.
    """
    tables = [anchor["actions"] for anchor in anchors]

    def ratio(action: str) -> float | None:
        ends = [_energy(table[action]) for table in tables if action in table]
        return ends[1] / ends[0] if len(ends) == len(TABLES) else None

    def factor(action: str) -> Factor | None:
        own = ratio(action)
        return None if own is None and rule == "published-tables" else RULES[rule](of, nm, own or 1.0)

    actions = {
        action: _times(figure, by, nm, rule) for action, figure in base["actions"].items() if (by := factor(action))
    }
    levels = dict(base["hierarchy"])
    near, far = ({**anchor["hierarchy"]} for anchor in anchors)
    for level, parts in base["hierarchy"].items():
        if "capacity" in parts:
            own = _energy(far[level]["read"]) / _energy(near[level]["read"]) if level in far else 1.0
            by = RULES[rule](of, nm, own)
            levels[level] = {
                key: _times(parts[key], by, nm, rule) if key in ("read", "write") else parts[key] for key in parts
            }
    found = {
        "name": f"cmos-{brief(nm)}nm-from-{brief(of)}nm-by-{rule}",
        "title": f"{brief(nm)} nm CMOS, scaled from {brief(of)} nm by {rule}",
        "kind": "technology",
        "scaled": {"base": base["name"], "to": nm, "by": rule},
        "note": f"Energy of operations: {contradictions(of, nm, ratio)}.",
        "actions": actions,
        "special_functions": base["special_functions"],
        "hierarchy": levels,
    }
    cited = set(cited_sources(found))
    return found | {"sources": {k: v for k, v in (base["sources"] | {"scaled-node": _SOURCE}).items() if k in cited}}


def contradictions(of: float, nm: float, ratio: Any) -> str:
    """What each rule gives for two operations, side by side."""
    found = []
    for rule in RULES:
        try:
            factors = [RULES[rule](of, nm, ratio(action) or 1.0)[1] for action in _ANCHORS]
        except BitnetCostError:
            found.append(f"{rule} not in its range")
            continue
        texts = list(dict.fromkeys(f"x{digits(each, 3)}" for each in factors))
        found.append(
            f"{rule} {texts[0] if len(texts) == 1 else f'{texts[0]} ({_ANCHORS[0]}) and {texts[1]} ({_ANCHORS[1]})'}"
        )
    return f"{brief(of)} to {brief(nm)} nm by rule: {', '.join(found)}"


def _energy(figure: dict[str, Any]) -> float:
    dimension = units.ENERGY_PER_BIT if "/bit" in str(figure["value"]) else units.ENERGY_PER_OPERATION
    return units.parse(figure["value"], dimension)


def _times(figure: dict[str, Any], by: Factor, nm: float, rule: str) -> dict[str, Any]:
    dimension = units.ENERGY_PER_BIT if "/bit" in str(figure["value"]) else units.ENERGY_PER_OPERATION
    ends = {
        key: units.parse(figure[key], dimension) * factor
        for key, factor in zip(("low", "value", "high"), by, strict=True)
    }
    texts = {
        key: figure_text(each, "J") + ("/bit" if dimension is units.ENERGY_PER_BIT else "")
        for key, each in ends.items()
    }
    note = f"{figure['value']} x {digits(by[1], 3)} ({rule})"
    weak = figure["basis"] == "assumed"
    return {**texts, "basis": "assumed" if weak else "scaled", "source": "scaled-node", "note": note}
