"""Quantities of the workload, worked out: tokens, attended pairs, passes, experts touched. See `engine.counts`."""

from __future__ import annotations

from bitnet_cost.engine.counts import READ_ONCE
from bitnet_cost.engine.explanation.work import (
    Expression,
    Part,
    Work,
    ceiling,
    less,
    power,
    product,
    total,
)
from bitnet_cost.result import Basis, OpCounts


def amount(work: Work, counts: OpCounts, p: int, basis: Basis, label: str = "", chunk: float | None = None) -> float:
    """What a phase has of a basis, written down where it is more than a number.

    Weights are read in every pass of a prefill that is cut into passes of ``chunk`` tokens.
    """
    wanted = float(counts.bases[basis][p, 0])
    if not wanted:
        return 0.0
    name, *numbers = basis
    words = name.replace("_", " ").removeprefix("prefill ").removeprefix("decode ")
    words += f" ({', '.join(f'{n:g}' for n in numbers)})" if numbers else ""
    found = _Worked(counts)(name, p, *numbers)
    if p == 0 and chunk is not None and counts.prefill_passes is not None and name in READ_ONCE:
        batch, prompt, _ = sequence(counts)
        passes = ceiling(product(batch, prompt, over=[chunk]))
        found = passes if found.text == "1" else product(found, passes)
    return work.line(f"{label}{counts.phases[p]} {words}", "1", found, wanted)


def sequence(counts: OpCounts) -> tuple[float, float, float]:
    """Batch, prompt and generated tokens."""
    batch, prompt, generate = (float(x[0]) for x in counts.workload.flat())
    return batch, prompt, generate


def generated_pairs(prompt: float, steps: Part, window: float = float("inf")) -> Expression:
    """Keys attended over decode steps: P + 1, P + 2 ... up to the window."""
    count = steps.value if isinstance(steps, Expression) else steps
    grows = min(max(window - prompt, 0.0), count)
    parts: list[Part] = []
    if grows == count:
        parts = [product(steps, prompt), product(steps, total([steps, 1.0]), over=[2.0])]
    else:
        parts = [product(grows, prompt), product(grows, total([grows, 1.0]), over=[2.0])] if grows else []
        parts.append(product(less(steps, grows) if grows else steps, window))
    return total(parts)


class _Worked:
    """Expressions for the bases of one workload, prefill (phase 0) and decode."""

    def __init__(self, counts: OpCounts) -> None:
        self.work = counts.workload
        self.batch, self.prompt, self.generate = sequence(counts)
        self.traced = counts.workload.counting == "traced"

    def __call__(self, name: str, p: int, *numbers: float) -> Expression:
        family = name.removeprefix("prefill_").removeprefix("decode_")
        found: Expression = getattr(self, f"_{family}")(p, *numbers)
        return found

    @property
    def steps(self) -> Expression:
        return less(self.generate, 1.0)

    def _tokens(self, p: int) -> Expression:
        return product(self.batch, self.steps) if p else product(self.batch, self.prompt)

    def _passes(self, p: int) -> Expression:
        return self.steps if p else total([1.0])

    def _logits(self, p: int) -> Expression:
        if p == 0 and self.work.logits == "last":
            return total([self.batch])
        return self._tokens(p)

    def _logit_passes(self, p: int) -> Expression:
        return self._passes(p)

    def _pairs(self, p: int, window: float = float("inf")) -> Expression:
        if p:
            return product(self.batch, generated_pairs(self.prompt, self.steps, window))
        prompt, width = self.prompt, min(self.prompt, window)
        if self.traced:
            return product(self.batch, prompt, prompt)
        if self.work.attention == "full":
            return product(self.batch, prompt, width)
        triangle = product(width, total([width, 1.0]), over=[2.0])
        if width == prompt:
            return product(self.batch, triangle)
        return product(self.batch, total([triangle, product(less(prompt, width), width)]))

    def _keys(self, p: int, window: float = float("inf")) -> Expression:
        return self._pairs(p, window) if p else product(self.batch, self.prompt)

    def _experts(self, p: int, experts: float, chosen: float) -> Expression:
        """Distinct experts that a pass is expected to touch, E (1 - (1 - k/E)^tokens), summed over passes."""
        if chosen >= experts:
            touched = total([experts])
        else:
            tokens: Part = self.batch if p else product(self.batch, self.prompt)
            missed = power(less(1.0, product(chosen, over=[experts])), tokens)
            touched = product(experts, less(1.0, missed))
        return product(self.steps, touched) if p else touched

    def _convolved(self, p: int, kernel: float) -> Expression:
        if not self.traced:
            return self._tokens(p)
        if p:
            return product(self.batch, self.steps, 2.0)
        return product(self.batch, less(total([self.prompt, kernel]), 1.0))

    def _chunks(self, chunk: float) -> Expression:
        return ceiling(product(self.prompt, over=[chunk]))

    def _chunk_tokens(self, p: int, chunk: float) -> Expression:
        return product(self.batch, self._chunks(chunk), chunk)

    def _chunk_pairs(self, p: int, chunk: float) -> Expression:
        return product(self.batch, self._chunks(chunk), chunk, chunk)

    def _chunk_states(self, p: int, chunk: float) -> Expression:
        return product(self.batch, power(total([self._chunks(chunk), 1.0]), 2.0))
