"""What fits: memory used, largest batch, longest prompt, and how many devices hold the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.workload import LIMITS
from bitnet_cost.ledger.answers import Fit
from bitnet_cost.ledger.result import Result
from bitnet_cost.numerals import (
    bar,
    column_figures,
    digits,
    fixed,
    in_words,
    percent,
    prefix_of,
    significant,
    used,
    whole_percent,
    with_commas,
    with_prefix,
)  # fmt: skip
from bitnet_cost.tables import Column, Look, Note, Report, Table
from bitnet_cost.views.drafting import drafted_by
from bitnet_cost.views.families import family_of, is_one_bit
from bitnet_cost.views.groups import alike, kept_by_host, tokens_in
from bitnet_cost.views.memory import memory_share
from bitnet_cost.views.verdict import hardware_name, listed, precision_name, sentence_case, title_of

LISTED = 20  # models of the catalogue in a table


def fit_report(fits: Sequence[Fit]) -> Report:
    """What fits: memory used, largest batch, longest prompt, and how many devices hold the rest."""
    groups = _by_place(fits)
    results = [f.result for f in fits]
    unit, needs = column_figures([_needed(f.result) for group in groups for f in group], "B", 3)
    texts = iter(needs)
    rows: list[tuple[str, ...]] = []
    looks: list[Look] = []
    for group in groups:
        first, indent = group[0].result, "  " if len(groups) > 1 else ""
        if indent:
            models = "" if len({r.architecture.name for r in results}) == 1 else f"{first.architecture.name} at "
            rows.append((f"{models}{first.hardware.name}, {_capacity(first)}",))
            looks.append(Look("head"))
        for f in group:
            rows.append((indent + f.result.precision.name, next(texts), *_share(f.result), *_room(f)))
            looks.append(_look(f.result))
    capacity = _capacity(first) if len({r.hardware.name for r in results}) == 1 else "memory"
    heads = ("precision", f"needs {unit}", f"of {capacity}", "", f"{_noun(results)}s", "batch", "prompt")
    table = Table("", _headed(heads, {0, 3}), tuple(rows), looks=tuple(looks))
    return Report(f"{title_of(first)}: what fits", _verdict(groups), (table,), tuple(_notes(fits)))


def _look(result: Result) -> Look:
    """What fits in bold, its bar in the colour of the family."""
    return Look("bold", family_of(result.precision).dark_text) if result.fits else Look("dim")


def _by_place(fits: Sequence[Fit]) -> list[list[Fit]]:
    """Those of one model on one device together, what needs least first."""
    groups: dict[tuple[str, str], list[Fit]] = {}
    for f in fits:
        groups.setdefault((f.result.architecture.name, f.result.hardware.name), []).append(f)
    return [sorted(group, key=lambda f: memory_share(f.result)) for group in groups.values()]


def _share(result: Result) -> tuple[str, str]:
    """The share of the memory and its bar; from 90 to 110 percent with a decimal, since 100.3% does not fit."""
    share = memory_share(result)
    text = f"{fixed(100 * share, 1)}%" if 1 <= share < 1.1 else whole_percent(share)
    return text if share < 100 else used(share), bar(share)


def _room(f: Fit) -> tuple[str, str, str]:
    """How many devices hold it; the largest batch and the longest prompt, ``+`` where memory would hold more."""
    r = f.result
    longest = r.architecture.max_positions or LIMITS["prompt"]
    beyond = "+" if f.positions > longest or f.positions == LIMITS["prompt"] else ""
    prompt = f"{with_commas(min(f.positions, longest))}{beyond}" if f.positions else "-"
    batch = f"{with_commas(f.batch)}{'+' if f.batch == LIMITS['batch'] else ''}" if f.batch else "-"
    return with_commas(r.devices_needed) if r.devices_needed else "-", batch, prompt


def _needed(result: Result) -> float:
    """Bytes on each of the devices asked for."""
    return float(result.footprint.on_each(result.devices)[0]) / 8


def _capacity(result: Result) -> str:
    return _size((result.capacity_bits or 0.0) / 8)


def _size(amount: float) -> str:
    """Bytes in three digits: 83.0 GB."""
    prefix, scale = prefix_of(amount)
    return f"{significant(amount, scale, 3)} {prefix}B"


def _of_capacity(result: Result) -> str:
    """What it needs of what there is, the unit once where both have the same: 18.5 of its 25.8 GB."""
    whose = "its" if result.devices == 1 else f"each {_noun([result])}'s"
    return f"{_without_unit(result)} of {whose} {_capacity(result)}"


def _without_unit(result: Result) -> str:
    """What it needs; with its unit where that is not the capacity's."""
    return _size(_needed(result)).removesuffix(f" {_capacity(result).split()[1]}")


def _noun(results: Iterable[Result]) -> str:
    """What several of the devices are called."""
    return "card" if all(r.hardware.device_class == "gpu" for r in results) else "device"


def _many(count: int, result: Result) -> str:
    """How many such devices, in words."""
    what = _noun([result])
    return f"{in_words(count)} {what if count == 1 else f'{what}s'}"


def _on(result: Result) -> str:
    """The devices asked for: one RTX 4090, two RTX 4090 cards."""
    name = hardware_name(result.hardware)
    return f"one {name}" if result.devices == 1 else f"{in_words(result.devices)} {name} {_noun([result])}s"


# --- the first line --------------------------------------------------------------------------------------------------


def _verdict(groups: Sequence[Sequence[Fit]]) -> str:
    """For each model in which precisions it fits which device; of a single device with the figures."""
    results = [[f.result for f in group] for group in groups]
    models = alike([group[0] for group in results], lambda r: r.architecture.name)
    if len(results) == len(models):
        return " ".join(f"{_on_one(mine)}{_with_host(group)}" for mine, group in zip(results, groups, strict=True))
    by_model = [[g for g in results if g[0].architecture.name == first[0].architecture.name] for first in models]
    return " ".join(_on_one(mine[0]) if len(mine) == 1 else _on_several(mine) for mine in by_model)


def _on_one(asked: Sequence[Result]) -> str:
    """One model on one device: which precisions fit, and the nearest that does not.  What needs least comes first."""
    held, rest = [r for r in asked if r.fits], [r for r in asked if not r.fits]
    model, where, number = title_of(asked[0]), _on(asked[0]), in_words(len(asked))
    if not held:
        least = rest[0]
        if len(rest) == 1:
            return f"{model} does not fit {where} in {_name(least)}: it needs {_of_capacity(least)}{_more(least)}."
        what = f"{_name(least)}, the smallest, needs {_of_capacity(least)}{_more(least)}"
        return f"{model} fits {where} in {'neither' if number == 'two' else 'none'} of the {number} precisions: {what}."
    widest, least = held[-1], held[0]
    if len(asked) == 1:
        return f"{model} fits {where} in {_name(widest)}: it needs {_of_capacity(widest)}."
    also = "" if least is widest else f", {_name(least)} {_without_unit(least)}"
    if not rest:
        what = f"{_name(widest)}, the widest, needs {_of_capacity(widest)}{also}"
        return f"{model} fits {where} in {'both' if number == 'two' else f'all {number}'} precisions: {what}."
    others = [r for r in rest if not is_one_bit(r.precision)]
    only = bool(others) and all(is_one_bit(r.precision) for r in held)
    nearest = others[0] if only else rest[0]
    needs = f"{_size(_needed(nearest))}{'' if nearest.devices == 1 else f' a {_noun([nearest])}'}"
    role = "the nearest rival" if only else "the next"
    figures = f"{_name(widest)} needs {_of_capacity(widest)}{also}; {_name(nearest)}, {role}, needs {needs}"
    if only:
        return f"Of the {number} precisions, only 1-bit weights put {model} on {where}: {figures}{_more(nearest)}."
    what = f"{_names(held)}: {figures}" if len(held) > 1 else figures.replace(" needs", ", which needs", 1)
    return f"{model} fits {where} in {what}{_more(nearest)}."


def _with_host(group: Sequence[Fit]) -> str:
    """The precisions that fit once the host keeps a part, where they do not fit without."""
    helped = [f for f in group if f.offload]
    if not helped:
        return ""
    return f" With --offload {helped[-1].offload} it fits in {_names([f.result for f in helped])}."


def _on_several(groups: Sequence[Sequence[Result]]) -> str:
    """One model on several devices: the widest precision that each holds."""
    every = [group[0] for group in groups]
    asked = [r.precision.name for r in groups[0]]
    held: dict[str, list[Result]] = {}
    without: list[Result] = []
    for group in sorted(groups, key=lambda g: -_bits_held(g)):
        fitting = [r for r in group if r.fits]
        if not fitting:
            without.append(group[0])
            continue
        smaller = f" and {'smaller' if len(fitting) > 2 else _name(fitting[0])}" if len(fitting) > 1 else ""
        held.setdefault(f"{_name(fitting[-1])}{smaller}", []).append(fitting[-1])
    many = groups[0][0].devices
    each = f"On {in_words(many)} each, {title_of(groups[0][0])}" if many > 1 else title_of(groups[0][0])
    parts = [f"{_devices(mine, every)} in {what}" for what, mine in held.items()]
    fits = f"fits {'; '.join(parts)}" if parts else ""
    if not without:
        return f"{each} {fits}."
    least = f" ({_name(without[0])} needs {_of_capacity(without[0])})" if len(without) == 1 else ""
    never = (
        f"does not fit {_devices(without, every)} in {_name(without[0]) if len(asked) == 1 else 'any of them'}{least}"
    )
    return f"{each} {f'{fits}; it ' if fits else ''}{never}."


def _bits_held(group: Sequence[Result]) -> float:
    return max((_needed(r) for r in group if r.fits), default=0.0)


def _devices(results: Sequence[Result], among: Sequence[Result]) -> str:
    """Some devices by name, that of the catalogue where the short one is of several; many by number."""
    short = {r.hardware.name: hardware_name(r.hardware) for r in among}
    once = [r for r in results if list(short.values()).count(short[r.hardware.name]) == 1]
    names = [f"the {short[r.hardware.name]}" if r in once else r.hardware.name for r in results]
    return listed(names) if len(names) < 4 else f"{', '.join(names[:2])} and {in_words(len(names) - 2)} more"


def _names(held: Sequence[Result]) -> str:
    """Precisions from the widest on; many by number."""
    names = [_name(r) for r in reversed(held)]
    return listed(names) if len(names) < 4 else f"{names[0]} and the {in_words(len(names) - 1)} that need less"


def _name(result: Result) -> str:
    return precision_name(result.precision.name)


def _more(result: Result) -> str:
    """How many devices would hold it, and whether that many can share a model."""
    needed, joined = result.devices_needed, result.hardware.joined_at_most
    if needed is None:
        return f", and no number of {_noun([result])}s has room for its activations"
    if joined == 1:
        return f"; {_many(needed, result)} would hold it, but nothing joins them"
    return f", {_many(needed, result)}" + (f", of which it joins {in_words(joined)}" if needed > joined else "")


# --- notes -----------------------------------------------------------------------------------------------------------


def _notes(fits: Sequence[Fit]) -> list[Note]:
    """What the columns mean first, then what limits the devices, then what is counted."""
    results = [f.result for f in fits]
    first = results[0]
    notes = [Note("host", line) for line in _beside(results)]
    notes += [Note("columns", _columns(fits))] if any(f.batch or f.positions for f in fits) else []
    notes += [Note("joined", line) for line in _joined(results)]
    line = "Needs: weights as stored with scales and packing, KV cache, widest activations."
    notes.append(Note("counted", f"{line} Buffers and code of the framework, and fragmentation, come on top."))
    names = {r.precision.name for r in results}
    models = {r.architecture.name: r.architecture for r in results}
    notes += [Note("left-out", line) for model in models.values() for line in model.left_out(names)]
    notes += [Note("workspace", line) for line in _workspaces(results)]
    what = _noun(results)
    line = f"{what}s: how many hold it by their memory, an equal part of weights and KV cache and all activations on"
    line = f"{line} each. Software that splits attention by its heads wants a number that divides them."
    notes.append(Note("devices", line))
    if any(f.batch == LIMITS["batch"] or f.positions == LIMITS["prompt"] for f in fits):
        notes.append(Note("limit", "+ at 1,000,000 sequences or 100,000,000 tokens: the limit of this program."))
    return notes if first.devices == 1 else [Note("each", _each(first)), *notes]


def _beside(results: Sequence[Result]) -> Iterator[str]:
    """What the host keeps, what drafts, and how fast that is."""
    for r in results:
        words = (kept_by_host(r.offload) + drafted_by(r)).removeprefix(", ")
        if not words:
            continue
        if r.host_capacity_bits is not None:
            kept, room = (with_prefix(bits / 8, "B") for bits in (float(r.host_bits[0]), r.host_capacity_bits))
            words = words.replace("memory", f"memory, {kept} of {room}", 1)
        rate = "" if r.tokens_per_s is None else f"; {digits(r.tokens_per_s, 3)} tokens/s"
        yield f"{r.precision.name} at {r.hardware.name}: {words}{rate if r.fits else '; does not fit'}."


def _each(first: Result) -> str:
    many, noun = in_words(first.devices), f"{_noun([first])}s"
    return f"Needs are those of each of {many} {noun} that share weights and KV cache; {noun}: the fewest that hold it."


def _columns(fits: Sequence[Fit]) -> str:
    """What batch and prompt mean, and where the model ends before the memory does."""
    work = fits[0].result.workload
    tokens = tokens_in(work.prompt)
    tokens += f", {with_commas(int(work.generate))} out" if work.generate > 1 else ""
    text = f"batch: the largest at {tokens}. prompt: the longest at batch {with_commas(int(work.batch))}"
    over = [f for f in fits if f.positions > (f.result.architecture.max_positions or LIMITS["prompt"])]
    if not over:
        return f"{text}."
    lengths = {f.result.architecture.max_positions for f in over}
    most = f" ({with_commas(over[0].positions)})" if len(over) == 1 else ""
    end = f" {with_commas(lengths.pop() or 0)}" if len(lengths) == 1 else ""
    return f"{text}; + memory would hold more{most}, the model was made for{end}."


def _joined(results: Sequence[Result]) -> list[str]:
    """Devices of which what does not fit needs more than can share a model."""
    short: dict[str, list[Result]] = {}
    for r in results:
        if not r.fits and (r.devices_needed or 0) > r.hardware.joined_at_most:
            short.setdefault(r.hardware.name, []).append(r)
    found = []
    for most in dict.fromkeys(rs[0].hardware.joined_at_most for rs in short.values()):
        mine = [rs[0] for rs in short.values() if rs[0].hardware.joined_at_most == most]
        where, s = sentence_case(_devices(mine, results)), "s" if len(mine) == 1 else ""
        if most == 1:
            found.append(f"{where} run{s} alone; nothing joins two of them.")
            continue
        beyond = sorted(short[mine[0].hardware.name], key=memory_share)
        so = f", so {listed([_name(r) for r in beyond])} need{'s' if len(beyond) == 1 else ''} another device"
        found.append(f"{where} join{s} {_many(most, mine[0])} at most{so if s else ''}.")
    return found


def _workspaces(results: Sequence[Result]) -> list[str]:
    """The share of the memory that each runtime keeps; where they differ, on which devices."""
    kept: dict[str, list[Result]] = {}
    for r in {r.hardware.name: r for r in results if r.runtime}.values():
        space = r.runtime.workspace if r.runtime else None
        kept.setdefault(f"{percent(space.value, 0)}%" if space else "none", []).append(r)
    if list(kept) in ([], ["none"]):
        return []
    where = [share if len(kept) == 1 else f"{share} on {_devices(mine, results)}" for share, mine in kept.items()]
    return [f"Memory kept for the workspace of the runtime: {'; '.join(where)}."]


# --- without a model -------------------------------------------------------------------------------------------------


def catalogue_report(found: Sequence[Result], precisions: Sequence[Precision]) -> Report:
    """Of each model what fits a device in the widest of some precisions, or what needs least of them; the room left."""
    held = sorted((r for r in found if r.fits), key=lambda r: -r.parameters)
    first = found[0]
    capacity = (first.capacity_bits or 0.0) / 8
    prefix, scale = prefix_of(capacity)
    rows = tuple(
        (
            r.architecture.name, significant(r.parameters, 1e9, 3), r.precision.name,
            significant(_needed(r), scale, 3), *_share(r), significant(capacity - _needed(r), scale, 3),
        )
        for r in held[:LISTED]
    )  # fmt: skip
    looks = tuple(Look("", family_of(r.precision).dark_text) for r in held[:LISTED])
    heads = ("model", "params 10^9", "precision", f"needs {prefix}B", f"of {_capacity(first)}", "", f"{prefix}B left")
    table = Table("", _headed(heads, {0, 2, 5}), rows, looks=looks)
    notes = _catalogue_notes(found, held, precisions)
    return Report(f"What fits {_on(first)}", _largest(found, held), (table,) if rows else (), tuple(notes))


def _largest(found: Sequence[Result], held: Sequence[Result]) -> str:
    """The largest model that fits, and the largest that does so without 1-bit weights."""
    first, number = found[0], with_commas(len(found))
    if not held:
        least = min(found, key=memory_share)
        what = f"{title_of(least)}, the smallest, needs {_of_capacity(least)} in {_name(least)}"
        return f"None of the catalogue's {number} models fits {_on(first)}: {what}."
    largest = held[0]
    text = f"{title_of(largest)} is the largest of the catalogue's {number} models that fits {_on(first)}: in"
    text += f" {_name(largest)} it needs {_of_capacity(largest)}"
    wide = next((r for r in held if not is_one_bit(r.precision)), None)
    if wide is None or wide is largest:
        return f"{text}."
    return f"{text}. Without 1-bit weights it is {title_of(wide)}, which needs {_of_capacity(wide)} in {_name(wide)}."


def _catalogue_notes(found: Sequence[Result], held: Sequence[Result], precisions: Sequence[Precision]) -> list[Note]:
    """How the table was made, and what it leaves out."""
    work = held[0].workload if held else found[0].workload
    tokens = f"batch {with_commas(int(work.batch))}, {tokens_in(work.prompt)}"
    tokens += f", {with_commas(int(work.generate))} out" if work.generate > 1 else ""
    asked = listed([precision_name(p.name) for p in precisions])
    notes = [Note("columns", f"Each model in the widest that fits of {asked}; at {tokens}.")]
    alone = [r for r in found if r.not_shared is not None]
    if alone:
        others = f", and so it is with {with_commas(len(alone) - 1)} other models" if len(alone) > 1 else ""
        notes.append(Note("shared", f"Not listed: {alone[0].not_shared}{others}."))
    if any(is_one_bit(r.precision) for r in held[:LISTED]):
        line = "1-bit weights are those of a model of this shape that was trained with them; rounding one does not do."
        notes.append(Note("trained", line))
    more, out = len(held) - LISTED, len(found) - len(held)
    if more > 0:
        notes.append(Note("more", f"{with_commas(more)} smaller models fit too: -f csv lists them all."))
    if out:
        line = f"{with_commas(out)} of {with_commas(len(found))} models fit in none of these precisions."
        notes.append(Note("without", line))
    line = "Needs: weights as stored with scales and packing, KV cache, widest activations."
    notes.append(Note("counted", f"{line} Buffers and code of the framework, and fragmentation, come on top."))
    notes += [Note("workspace", line) for line in _workspaces(found[:1])]
    return notes if found[0].devices == 1 else [Note("each", _each(found[0])), *notes]


def _headed(headings: Sequence[str], texts: Collection[int]) -> tuple[Column, ...]:
    return tuple(Column(heading, figures=i not in texts) for i, heading in enumerate(headings))
