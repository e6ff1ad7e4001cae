"""What fits: memory used, largest batch, longest context, and how many devices hold the rest."""

from __future__ import annotations

from collections.abc import Sequence

from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.ledger.result import Fit, Result
from bitnet_cost.numerals import digits, percent, used, with_commas, with_prefix
from bitnet_cost.tables import Note, Report, Table, headed
from bitnet_cost.views.memory import memory_share


def fit_report(fits: Sequence[Fit]) -> Report:
    """What fits: memory used, largest batch, longest context, and how many devices hold the rest."""
    rows = []
    for f in fits:
        r = f.result
        batch, positions = _at_most(f.batch, "batch"), _at_most(f.positions, "prompt")
        devices = with_commas(r.devices_needed) if r.devices_needed else "-"
        needs = with_prefix(float(r.footprint.bits[0]) / 8, "B")
        rows.append((r.hardware.name, r.precision.name, needs, used(memory_share(r)), batch, positions, devices))
    first = fits[0].result
    name = first.architecture.title or first.architecture.name
    heads = ("hardware", "precision", "needs", "memory %", "largest batch", "longest prompt", "devices")
    work = first.workload
    title = f"Fit at batch {work.batch}, {work.prompt} tokens in, {work.generate} out;"
    title += " batch and prompt as far as each goes"
    longest = first.architecture.max_positions
    limits = [f"{name} was made for {with_commas(longest)} positions."] if longest else []
    limits += first.architecture.left_out({f.result.precision.name for f in fits})
    limits += _workspaces([f.result for f in fits])
    if any(f.batch == LIMITS["batch"] or f.positions == LIMITS["prompt"] for f in fits):
        limits.append(">=: the limit of this program; more would fit.")
    limits.append("Needs: weights as stored with scales and packing, KV cache, widest activations.")
    limits.append("Not counted: code and buffers of the framework beyond that, and fragmentation.")
    limits.insert(-1, f"'devices': how many would hold it, each with room for all activations{_joined(fits)}.")
    notes = tuple(Note("limit", line) for line in limits)
    table = Table(title, headed(*heads, texts=2), tuple(rows))
    return Report(f"{name}: what fits", _fit_sentence(name, fits), (table,), notes)


def _joined(fits: Sequence[Fit]) -> str:
    """Where more devices are needed than anything joins."""
    found: dict[str, str] = {}
    for r in (f.result for f in fits):
        link = r.hardware.interconnect
        if r.devices_needed and r.devices_needed > (1 if link is None else link.devices):
            found[r.hardware.name] = "runs alone" if link is None else f"joins {with_commas(link.devices)}"
    return f"; {', '.join(f'{name} {most}' for name, most in found.items())}" if found else ""


def _at_most(count: int, name: str) -> str:
    """The largest batch or longest prompt; at the limit of what may be asked for it is not a limit of the device.

    >>> _at_most(0, "batch"), _at_most(1234, "batch"), _at_most(10**6, "batch")
    ('-', '1,234', '>= 1,000,000')
    """
    return f"{'>= ' if count == LIMITS[name] else ''}{with_commas(count)}" if count else "-"


def _workspaces(results: Sequence[Result]) -> list[str]:
    """The share of the memory that each runtime keeps; where they differ, on which devices."""
    kept = {r.hardware.name: r.runtime.workspace for r in results if r.runtime}
    shares = {name: f"{percent(figure.value, 0)} %" if figure else "none" for name, figure in kept.items()}
    alike = list(dict.fromkeys(shares.values()))
    if alike in ([], ["none"]):
        return []
    where = (
        alike
        if len(alike) == 1
        else [f"{share} at {', '.join(name for name in shares if shares[name] == share)}" for share in alike]
    )
    return [f"Memory kept for the workspace of the runtime: {'; '.join(where)}."]


def _fit_sentence(name: str, fits: Sequence[Fit]) -> str:
    """The widest of the precisions that each device holds."""
    parts, without = [], []
    for device in dict.fromkeys(f.result.hardware.name for f in fits):
        asked = [f.result for f in fits if f.result.hardware.name == device]
        held = sorted((r for r in asked if r.fits), key=lambda r: r.footprint.total_weight_bits)
        if held:
            narrower = " and narrower" if len(held) > 1 else ""
            parts.append(f"{device} in {held[-1].precision.name}{narrower}")
        else:
            least = min(asked, key=memory_share)
            without.append(f"{device} ({least.precision.name} needs {digits(memory_share(least), 3)} times its memory)")
    fitting = [f"fits {', '.join(parts)}"] if parts else []
    lacking = [f"does not fit {', '.join(without)} in any of these precisions"] if without else []
    return f"{name} {'; it '.join([*fitting, *lacking])}."
