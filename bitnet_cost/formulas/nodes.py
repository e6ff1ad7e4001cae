"""Energy of the same circuit in another technology node, by rules that contradict each other.

A rule gives a factor on the energy of one node's operations, or refuses a node outside of its range. Nodes are in nm.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.numerals import brief

Factor = tuple[float, float, float]  # low, nominal, high

# Coefficients of the energy at a supply V: a V^2 + b V + c, and the supply taken for a node.
EQUATIONS: dict[int, tuple[float, float, float]] = {
    130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092), 65: (3.755, -4.398, 1.975), 45: (1.103, -0.362, 0.2767),
    32: (0.9559, -0.7823, 0.471), 20: (0.373, -0.1582, 0.04104), 16: (0.2958, -0.1241, 0.03024),
    14: (0.2363, -0.09675, 0.02239), 10: (0.2068, -0.09311, 0.02375), 7: (0.1776, -0.09097, 0.02447),
}  # fmt: skip
SUPPLY: dict[int, float] = {
    130: 1.2, 90: 1.1, 65: 1.0, 45: 0.9, 32: 0.9, 20: 0.8, 16: 0.8, 14: 0.8, 10: 0.75, 7: 0.7,
}  # fmt: skip
COMMON_SUPPLY = 0.8  # the published ratios at one supply

# Power at the same speed of a node over that of the one before, as its foundry states it.
STATEMENTS: dict[tuple[int, int], Factor] = {
    (16, 7): (0.35, 0.4, 0.5), (7, 5): (0.65, 0.7, 0.8), (5, 3): (0.65, 0.7, 0.75), (3, 2): (0.7, 0.72, 0.8),
}  # fmt: skip
TABLES = (45, 7)  # nodes with a published table of the energy of operations


def equation_energy(nm: float, supply: float) -> float:
    """Energy of a circuit at a supply, relative to others of the equations: a V^2 + b V + c.

    Between two nodes of the equations, logarithms are interpolated. Stillmaker, A.; Baas, B.: Scaling equations for
    the accurate prediction of CMOS device performance from 180 nm to 7 nm, Integration 58, 2017, eq. 8 and Table 5.

    >>> round(equation_energy(7, 0.8) / equation_energy(45, 0.8), 4)  # as the paper's tables say
    0.0943
    """
    wide = min(node for node in EQUATIONS if node >= nm)
    narrow = max(node for node in EQUATIONS if node <= nm)
    (a, b, c), (d, e, f) = EQUATIONS[wide], EQUATIONS[narrow]
    first, last = a * supply**2 + b * supply + c, d * supply**2 + e * supply + f
    return first if wide == narrow else first * (last / first) ** _between(wide, narrow, nm)


def _between(wide: float, narrow: float, nm: float) -> float:
    return math.log(wide / nm) / math.log(wide / narrow)


def _supply(nm: float) -> float:
    wide, narrow = min(n for n in SUPPLY if n >= nm), max(n for n in SUPPLY if n <= nm)
    part = 0.0 if wide == narrow else _between(wide, narrow, nm)
    return SUPPLY[wide] + part * (SUPPLY[narrow] - SUPPLY[wide])


def by_equations(base: float, nm: float) -> Factor:
    """Factor by the equations of Stillmaker and Baas, each node at its own supply; the other end: both at 0.8 V.

    Below 7 nm, where the equations end, the foundry's statements go on.

    >>> [round(each, 4) for each in by_equations(45, 7)]
    [0.0566, 0.0566, 0.0943]
    """
    _within("stillmaker-baas", base, 7, 130)
    _within("stillmaker-baas", nm, 2, 130)
    end = max(nm, 7)
    own = equation_energy(end, _supply(end)) / equation_energy(base, _supply(base))
    common = equation_energy(end, COMMON_SUPPLY) / equation_energy(base, COMMON_SUPPLY)
    low, nominal, high = by_statements(7, nm) if nm < 7 else (1.0, 1.0, 1.0)
    return min(own, common) * low, own * nominal, max(own, common) * high


def by_tables(base: float, nm: float, ratio: float) -> Factor:
    """Factor between the published tables of 45 and 7 nm, of which an operation's energies have a ``ratio``.

    Logarithms are interpolated. Above 45 nm the equations of Stillmaker and Baas go on, below 7 nm the foundry's
    statements. Horowitz, M.: Computing's energy problem, ISSCC 2014, Fig. 1.1.9; Jouppi, N. P. et al.: Ten Lessons
    From Three Generations Shaped Google's TPUv4i, ISCA 2021, Table 2.

    >>> [round(each, 3) for each in by_tables(45, 28, 0.07 / 0.2)]  # an INT8 multiplication: 0.2 to 0.07 pJ
    [0.612, 0.765, 0.956]
    """
    wide, narrow = TABLES
    _within("published-tables", base, narrow, wide)
    _within("published-tables", nm, 2, 130)
    inside = min(max(nm, narrow), wide)
    nominal = ratio ** (math.log(base / inside) / math.log(wide / narrow))
    spread = 1.0 if inside in TABLES else 1.25
    beyond = by_equations(wide, nm) if nm > wide else by_statements(narrow, nm) if nm < narrow else (1.0, 1.0, 1.0)
    return nominal / spread * beyond[0], nominal * beyond[1], nominal * spread * beyond[2]


def by_statements(base: float, nm: float) -> Factor:
    """Factor by what a foundry states of power at the same speed, node after node.

    TSMC: N7 against N16 -60 %, N5 against N7 -30 % (Yeap, G. et al., IEDM 2019), N3E against N5 -30 to -35 %, N2
    against N3E -25 to -30 %.

    >>> [round(each, 3) for each in by_statements(7, 3)]
    [0.423, 0.49, 0.6]
    """
    low, nominal, high, here = 1.0, 1.0, 1.0, base
    while here != nm:
        step = next(((to, factor) for (start, to), factor in STATEMENTS.items() if start == here and to >= nm), None)
        if step is None:
            there = ", ".join(f"{brief(start)} to {brief(to)}" for start, to in STATEMENTS)
            raise BitnetCostError(
                f"node: rule 'foundry' does not lead from {brief(base)} to {brief(nm)} nm; its statements: {there}"
            )
        here, (a, b, c) = step
        low, nominal, high = low * a, nominal * b, high * c
    return low, nominal, high


def by_dennard(base: float, nm: float) -> Factor:
    """Factor of ideal scaling: energy of a switched capacitance, C V^2, falls with the cube of the dimensions.

    Supplies have hardly followed since 2005, so that it promises far too much. Dennard, R. H. et al.: Design of
    ion-implanted MOSFET's with very small physical dimensions, IEEE JSSC 9(5), 1974, Table I (power-delay product).

    >>> by_dennard(45, 22.5)
    (0.125, 0.125, 0.125)
    """
    factor = (nm / base) ** 3
    return factor, factor, factor


def _within(rule: str, nm: float, least: float, most: float) -> None:
    if not least <= nm <= most:
        raise BitnetCostError(
            f"node: rule {rule!r} holds from {brief(most)} to {brief(least)} nm, not at {brief(nm)} nm"
        )


RULES: dict[str, Callable[[float, float, float], Factor]] = {
    "published-tables": by_tables,
    "stillmaker-baas": lambda base, nm, _: by_equations(base, nm),
    "foundry": lambda base, nm, _: by_statements(base, nm),
    "dennard": lambda base, nm, _: by_dennard(base, nm),
}
