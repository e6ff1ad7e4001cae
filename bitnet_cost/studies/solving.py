"""Factors by least squares: large residuals damped, each factor held to what is expected of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

DAMP = 2.5  # residuals in units of their noise
STEP = 1e-3  # of a numeric derivative
JUMP = 4.0  # spreads of one factor away
PROMPT_STEP = 0.05  # of a prompt length: it is whole tokens, so that the residuals have steps themselves

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fit:
    """Factors that rows lead to, and how well each is determined."""

    values: dict[str, float]
    sigma: dict[str, float]  # standard error of the logarithm of what was solved, from rows and penalty
    spread: dict[str, float]  # the same before any row: the penalty's
    misfit: float = 0.0  # what was made least: the sum of damped squares of rows and penalty
    misfit_known: float | None = None  # the same at factors that were known before

    @property
    def from_rows(self) -> dict[str, float]:
        """How far rows determine a factor: near 1 they alone do, at 0 it stays where the search started.

        >>> Fit({"link": 1.2}, {"link": 0.3}, {"link": 0.6}).from_rows
        {'link': 0.75}
        """
        return {name: max(0.0, 1 - (sigma / self.spread[name]) ** 2) for name, sigma in self.sigma.items()}


def solve(
    residuals: Callable[[Vector], Sequence[float]],
    start: Mapping[str, float],
    spread: Mapping[str, float],
    coarse: Sequence[str] = (),
    rounds: int = 30,
    known: Mapping[str, float] | None = None,
    restarts: int = 0,
) -> Fit:
    """Positive factors by least squares, large residuals damped, each held to ``start`` by a penalty of its spread.

    Levenberg and Marquardt's steps with a numeric derivative. They end where a step gains little, which may be far from
    the minimum in directions that rows do not determine, or in a valley of its own: from there each factor is moved
    `JUMP` spreads either way, and the steps begin again where that gains. The answers rest on where these steps end, so
    that another solver (SciPy's moves a third of the factors by more than 2 %) is another calibration.

    Args:
        residuals: those of rows, in units of their noise, from the logarithms of the factors in ``start``'s order.
        start: the expected factors, where the search starts.
        spread: how far each may stray, as a logarithm.
        coarse: factors whose derivative takes the step `PROMPT_STEP` instead of `STEP`.
        rounds: most steps.
        known: other factors, at which the misfit is told as well, and where the search begins again: it ends in the
            lower of two valleys.
        restarts: most times that the search begins again far away.

    >>> fit = solve(lambda x: ((x - np.log([3.0, 0.5])) / 1e-3).tolist(), {"a": 1, "b": 1}, {"a": 10, "b": 10})
    >>> {name: round(value, 3) for name, value in fit.values.items()}
    {'a': 3.0, 'b': 0.5}
    """
    base, stray = np.log(list(start.values())), np.array([spread[name] for name in start])
    steps = [PROMPT_STEP if name in coarse else STEP for name in start]

    def damped(x: Vector) -> Vector:
        """Cauchy's: a square below `DAMP`, a logarithm above, so that a row of another kind pulls little."""
        values = np.array([*residuals(x), *((x - base) / stray)])
        found: Vector = np.sign(values) * DAMP * np.sqrt(np.log1p((values / DAMP) ** 2))
        return found

    x, normal = _descend(damped, base.copy(), steps, stray, rounds)
    for _ in range(restarts):
        beside = [damped(x + move) for move in _moves(stray)]
        least = int(np.argmin([values @ values for values in beside]))
        if beside[least] @ beside[least] > damped(x) @ damped(x) - 1.0:
            break
        x, normal = _descend(damped, x + _moves(stray)[least], steps, stray, rounds)
    if known is not None:
        there = np.log([known.get(name, expected) for name, expected in start.items()])
        misfit_known = float(damped(there) @ damped(there))
        from_known, normal_there = _descend(damped, there, steps, stray, rounds)
        if damped(from_known) @ damped(from_known) < damped(x) @ damped(x):
            x, normal = from_known, normal_there
    now = damped(x)
    sigma = np.sqrt(np.diag(np.linalg.inv(normal)))
    values, errors, spreads = (dict(zip(start, part.tolist(), strict=True)) for part in (np.exp(x), sigma, stray))
    fit = Fit(values, errors, spreads, float(now @ now))
    return fit if known is None else replace(fit, misfit_known=misfit_known)


def _descend(
    damped: Callable[[Vector], Vector], x: Vector, steps: Sequence[float], stray: Vector, rounds: int
) -> tuple[Vector, NDArray[np.float64]]:
    """Where steps of Levenberg and Marquardt from ``x`` end, and the normal matrix there."""
    damping, now = 1e-2, damped(x)
    normal: NDArray[np.float64] = np.diag(stray**-2.0)
    for _ in range(rounds):
        columns = []
        for i, small in enumerate(steps):
            beside = x.copy()
            beside[i] += small
            columns.append((damped(beside) - now) / small)
        jacobian = np.array(columns).T
        normal, slope = jacobian.T @ jacobian, jacobian.T @ now
        for _ in range(8):
            step = np.linalg.solve(normal + damping * np.diag(np.maximum(np.diag(normal), 1e-9)), -slope)
            after = damped(x + step)
            if after @ after < now @ now:
                break
            damping *= 4
        else:
            break
        gain = now @ now - after @ after
        x, now, damping = x + step, after, max(damping / 3, 1e-7)
        if gain < 1e-4:
            break
    return x, normal


def _moves(stray: Vector) -> list[Vector]:
    """One factor moved far down or up: a penalty that is damped has a far side."""
    return [sign * JUMP * row for row in np.diag(stray) for sign in (-1.0, 1.0)]
