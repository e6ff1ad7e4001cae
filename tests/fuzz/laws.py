"""What has to hold of every valid question: the oracles of the search, one function each.

A law asks what it needs of an `Ask`, draws what it varies from ``ask.random``, and raises `Finding` where it is broken.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from bitnet_cost.numerals import figures_of
from tests.fuzz.asking import Ask, finite, kind_of
from tests.fuzz.samples import Tree, answers
from tests.fuzz.verdict import require

UNFIT = "does not fit"
TIGHT = 1e-12  # of operators against the total, whose order of summation differs
LOOSE = 1e-9  # of figures that are a few operations away from one another
ALWAYS_BUSY = 0.99
GROWING = ("latency_s", "energy_j", "footprint_bytes", "prefill_s")


def close(a: float, b: float, share: float) -> bool:
    """Whether two numbers are equal to a share of the larger."""
    return abs(a - b) <= share * max(abs(a), abs(b)) + 1e-300


def ranges(tree: Any, path: str = "") -> Iterator[tuple[str, float, float, float]]:
    """``(path, low, value, high)`` of all that has a range by the names of its fields."""
    if isinstance(tree, list):
        for i, each in enumerate(tree):
            yield from ranges(each, f"{path}[{i}]")
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, dict | list):
                yield from ranges(value, f"{path}.{name}")
            stem, _, unit = name.rpartition("_")
            low, high = tree.get(f"{stem}_low_{unit}"), tree.get(f"{stem}_high_{unit}")
            if name == "saving":
                low, high = tree.get("saving_low"), tree.get("saving_high")
            if isinstance(value, float | int) and low is not None and high is not None:
                yield f"{path}.{name}", low, value, high


def parts_and_ranges(ask: Ask) -> None:
    """Parts are the whole, a value lies in its range, and what is derived follows from what it is derived of."""
    document = ask.document("estimate")
    if document is None:
        return
    for path, low, value, high in ranges(document):
        slack = LOOSE * max(abs(low), abs(high))
        require(low - slack <= value <= high + slack, "range", f"{path}: {low} <= {value} <= {high}")
    for i, record in enumerate(document["records"]):
        held = [record[f"{part}_bytes"] for part in ("weights", "kv_cache", "peak_activation")]
        if None not in held and "offload" not in ask.case["options"]:  # parts of which are with the host
            require(
                record["footprint_bytes"] >= sum(held) * (1 - LOOSE), "footprint", f"{record['footprint_bytes']} {held}"
            )
        if record["fits"] is not None and record["capacity_bytes"] is not None:
            fits = record["footprint_bytes"] <= record["capacity_bytes"]
            require(record["fits"] == fits, "fits", str(record))
        if record["energy_j"] is None:
            require(bool(record["reason"]), "no reason", str(record))
            continue
        for name in ("energy_j", "mac", "mul", "add", "special"):
            parts = [o[name] for o in document["operations"] if o["record"] == i and o[name] is not None]
            if "draft" in ask.case["options"]:  # whose operations are of another model
                continue
            if name != "energy_j" or record["scope"] in ("arithmetic", "compute"):
                same = close(math.fsum(parts), record[name], TIGHT * 10) or (
                    name != "energy_j" and abs(sum(parts) - record[name]) < 1
                )
                require(same, f"operations {name}", f"{math.fsum(parts)} {record[name]}")
        parts = [c["energy_j"] for c in document["components"] if c["record"] == i]
        require(
            close(math.fsum(parts), record["energy_j"], TIGHT), "components", f"{math.fsum(parts)} {record['energy_j']}"
        )
        tokens = record["batch"] * record["generate"]
        if record["energy_per_token_j"] is not None:
            require(
                close(record["energy_per_token_j"] * tokens, record["energy_j"], LOOSE)
                or close(record["energy_per_token_j"] * record["batch"] * record["prompt"], record["energy_j"], LOOSE),
                "energy per token",
                str(record),
            )
        if record["latency_s"] is not None:
            require(close(record["prefill_s"] + record["decode_s"], record["latency_s"], LOOSE), "phases", str(record))


def formats_agree(ask: Ask) -> None:
    """The table, CSV, Markdown, LaTeX and the page have the records of the JSON."""
    document = ask.document("estimate")
    if document is None:
        return
    records = document["records"]
    rows = list(csv.DictReader(io.StringIO(ask.printed("estimate", "-f", "csv"))))
    require(len(rows) == len(records), "CSV rows", f"{len(rows)} {len(records)}")
    for row, record in zip(rows, records, strict=True):
        for name, cell in row.items():
            require(cell == as_cell(record[name]), f"CSV {name}", f"{cell!r} {record[name]!r}")
    text = ask.printed("estimate", "--notes")
    markdown = ask.printed("estimate", "--notes", "-f", "markdown")
    for line in markdown.splitlines():
        if line.startswith("|") and set(line) - set("|-: "):
            for cell in line.split("|")[1:-1]:
                for word in cell.replace("*", " ").replace("\\", "").split():
                    require(
                        word in text.replace("*", " "), "Markdown cell", f"{word!r} of {line!r} is not in the table"
                    )
    for record in records:
        if record["tokens_per_s"] is not None and len(records) > 1:
            require(
                figures_of(record["tokens_per_s"]) in text, "table", f"{figures_of(record['tokens_per_s'])} tokens/s"
            )
    ask.printed("estimate", "-f", "latex")
    ask.printed("estimate", "-f", "html", "--plotly", "none")


def as_cell(value: object) -> str:
    """A value of JSON as CSV has it."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def sweep_agrees(ask: Ask) -> None:
    """A row of a sweep is the single estimate to the bit, its reason too."""
    options = {n: v for n, v in ask.case["options"].items() if n in ("batch", "prompt", "generate", "devices", "scope")}
    if options.get("scope") == "facility":
        del options["scope"]
    options.setdefault("scope", ask.default_scope())
    plain = ask.changed(options=options, baseline=None)
    other = int(options["prompt"]) + ask.random.randint(1, 300)
    words = [*plain.sweep_words(prompt=f"{options['prompt']},{other}"), "--workers", "1", "-o", "sweep.csv"]
    done = plain.run(*words)
    if done.code == 2:
        require(plain.run(*plain.words("estimate", one=True)).code == 2, "sweep refuses", done.err)
        return
    rows = list(csv.DictReader(io.StringIO(plain.file("sweep.csv"))))
    require(len(rows) == 2, "sweep rows", str(len(rows)))
    for row, prompt in zip(rows, (options["prompt"], other), strict=True):
        document = plain.changed(options=options | {"prompt": prompt}).document("estimate", one=True)
        if document is None:
            require(not row["energy_j"] and bool(row["reason"]), "sweep answers what estimate refuses", str(row))
            continue
        record = document["records"][0]
        for name, cell in row.items():
            if name in record:
                theirs = record[name]
                if name == "reason" and cell == UNFIT:
                    theirs = str(theirs).partition(":")[0]  # by how much is in the row's own figures
                same = cell == as_cell(theirs) or (_number(cell) is not None and _number(cell) == theirs)
                require(same, f"sweep {name}", f"{cell!r} {theirs!r}")
        parts = {c["component"]: c["energy_j"] for c in document["components"]}
        for name, energy in parts.items():
            cell = row.get(f"energy_{name}_j")
            if cell is not None:
                require(_number(cell) == energy, f"sweep energy_{name}_j", f"{cell!r} {energy!r}")


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def scopes_are_nested(ask: Ask) -> None:
    """Each scope of energy holds the one before it."""
    last, name = -1.0, ""
    for scope in ("arithmetic", "compute", "memory", "device", "facility"):
        more = {"pue": 1.2} if scope == "facility" else {}
        options = {n: v for n, v in ask.case["options"].items() if n != "pue"} | {"scope": scope} | more
        record = ask.changed(options=options).record()
        if record is None or record["energy_j"] is None:
            continue
        require(
            record["energy_j"] >= last * (1 - TIGHT), f"scope {scope}", f"{name} {last}, {scope} {record['energy_j']}"
        )
        last, name = record["energy_j"], scope


def more_work_costs_more(ask: Ask) -> None:
    """More prompt tokens, sequences or generated tokens never take less time, energy or memory."""
    first = ask.record()
    if first is None:
        return
    axis = ask.random.choice(["prompt", "prompt", "batch", "generate"])
    if axis == "batch" and ask.case["options"].get("parallel") == "pipeline":
        return  # a batch is cut into other micro-batches: 4 sequences are 2 of 2 in 3 stages, and 3 are 3 of 1
    if axis == "generate" and ask.is_encoder():
        return
    before = int(ask.case["options"][axis])
    more = before + ask.random.choice([1, 1, 2, 3, 17, before])
    second = ask.changed(options=ask.case["options"] | {axis: more}).record()
    if second is None:
        return
    for name in GROWING:
        a, b = first[name], second[name]
        if a is not None and b is not None:
            require(
                b >= a * (1 - LOOSE),
                f"{name} falls in {axis}",
                f"{axis} {before}: {a}; {more}: {b} ({100 * (b / a - 1):.3g} %)",
            )


def better_hardware_is_never_slower(ask: Ask) -> None:
    """Twice a bandwidth, a capacity or a rate never takes more time.

    Not where a cap of the power meets ``power.active``, the power of a kernel that is slower than its peaks: at twice a
    peak a kernel waits for a larger part of its time, draws more, and the cap then stretches it. Energies a bit or an
    operation are held, so that this is what such a profile says.
    """
    profile = ask.case["hardware"]
    if not isinstance(profile, dict) or profile["kind"] != "device" or {"cap", "active"} <= set(profile["power"]):
        return
    first = ask.record()
    paths = [f"rates.{name}" for name in profile["rates"]] + [
        f"hierarchy.{name}.{part}" for name in profile["hierarchy"] for part in ("bandwidth", "capacity")
    ]
    path = ask.random.choice(paths)
    changed = json.loads(json.dumps(profile))
    place = changed
    for part in path.split("."):
        place = place[part]
    for end in ("low", "value", "high"):
        value, _, unit = place[end].partition(" ")
        place[end] = f"{2 * float(value):.6g} {unit}"
    second = ask.changed(hardware=changed).record()
    if first is None or second is None:
        return
    if first["fits"]:
        require(bool(second["fits"]), "fits no more", f"{path} doubled")
    if first["latency_s"] is not None and second["latency_s"] is not None:
        a, b = first["latency_s"], second["latency_s"]
        kind = path.split(".")[-1] if path.startswith("hierarchy") else "rate"
        require(
            b <= a * (1 + LOOSE), f"slower with twice the {kind}", f"{path}: {a} s to {b} s ({100 * (b / a - 1):.3g} %)"
        )


def fewer_bits_are_fewer_bytes(ask: Ask) -> None:
    """Fewer bits of weights or of the cache are never more bytes."""
    few, many = sorted(ask.random.sample([2, 3, 4, 5, 6, 7, 8], 2))
    group = ask.random.choice(["g32", "g64", "g128"])
    less, more = (ask.changed(precision=f"w{bits}a16{group}").record() for bits in (few, many))
    if less and more:
        require(
            less["weights_bytes"] <= more["weights_bytes"],
            "bits of weights",
            f"{few} {less['weights_bytes']} {many} {more['weights_bytes']}",
        )
    less, more = (ask.changed(precision=f"w8a8kv{bits}").record() for bits in (few, many))
    if less and more:
        require(less["kv_cache_bytes"] <= more["kv_cache_bytes"], "bits of the cache", f"{few} {many}")


def the_largest_fit_fits(ask: Ask) -> None:
    """What `fit` names as the largest fits, and one more does not."""
    names = ("batch", "prompt", "generate", "devices", "parallel")
    plain = ask.changed(options={n: v for n, v in ask.case["options"].items() if n in names})
    rows = plain.document("fit", one=True)
    if rows is None:
        return
    row = rows[0] if isinstance(rows, list) else rows["records"][0]
    for column, axis in (("largest_batch", "batch"), ("longest_prompt", "prompt")):
        most = row[column]
        for value, fits in ((most, True), (None if most is None else most + 1, False)):
            if not value or value > 10**6:
                continue
            record = plain.changed(options=plain.case["options"] | {axis: value}).record()
            if (
                record is not None
                and record["fits"] is not None
                and not (not fits and record["reason"] and "batch" in record["reason"])
            ):
                require(
                    record["fits"] == fits, f"{column}", f"{column} {most}; at {axis} {value} fits is {record['fits']}"
                )


def an_explanation_has_the_value(ask: Ask) -> None:
    """What is explained is what the estimate has."""
    record = ask.record()
    if record is None:
        return
    cell = ask.random.choice(
        [
            "energy_j",
            "latency_s",
            "weights_bytes",
            "footprint_bytes",
            "mac",
            "tokens_per_s",
            "saving",
            "kv_cache_bytes",
            "power_w",
        ]
    )
    document = ask.document("explain", "--cell", cell, one=True)
    if document is None or record[cell] is None:
        return
    require(close(document["value"], record[cell], TIGHT), f"explain {cell}", f"{document['value']} {record[cell]}")
    ask.printed("explain", "--cell", cell, one=True)


def a_comparison_has_the_estimates(ask: Ask) -> None:
    """`compare` has the records of `estimate`."""
    names = ("batch", "prompt", "generate", "devices", "parallel", "scope", "pue", "carbon", "price")
    plain = ask.changed(options={n: v for n, v in ask.case["options"].items() if n in names})
    both = plain.document("estimate"), plain.document("compare")
    require((both[0] is None) == (both[1] is None), "compare refuses", str(plain.case["options"]))
    if both[0] is None or both[1] is None:
        return
    for record in both[0]["records"]:
        theirs = [r for r in both[1]["records"] if r["precision"] == record["precision"]]
        require(record in theirs, "compare", f"{record} {theirs}")
    plain.printed("compare")
    plain.printed("report", "--plotly", "none", one=True)


def a_spread_is_in_order(ask: Ask) -> None:
    """Percentiles are in order and between the ends; figures that move a result move it within its range."""
    document = ask.document("estimate", "--draws", "40", "--seed", "3", "--sensitivity")
    if document is None:
        return
    for spread in document.get("monte_carlo", []):
        for stem, unit in (("energy", "_j"), ("saving", ""), ("carbon", "_g"), ("cost", "_usd")):
            names = ["least", "p5", "p50", "p95", "most"]
            if any(record.get("latency_low_s") is not None for record in document["records"]):
                names = names[1:-1]  # draws hold measured errors as well, so that ends of prices do not hold them
            values = [spread.get(f"{stem}_{n}{unit}") for n in names]
            if None not in values:
                slack = LOOSE * max(map(abs, values))
                require(
                    all(a <= b + slack for a, b in pairwise(values)),
                    f"spread of {stem}",
                    str(values),
                )
    ask.printed("estimate", "--draws", "20", "--sensitivity")


def break_even_answers(ask: Ask) -> None:
    """A crossing is where it is said to be: the saving is reached on one side and not on the other."""
    names = ("batch", "prompt", "generate", "scope")
    plain = ask.changed(options={n: v for n, v in ask.case["options"].items() if n in names})
    document = plain.document(
        "break-even", "--saving", str(ask.random.choice([5, 20, 50, 90])), "--draws", "10", one=True
    )
    if document is None:
        return
    for crossing in document["crossings"]:
        if crossing.get("axis") != "batch" or not crossing.get("axis_values"):
            continue
        i = ask.random.randrange(len(crossing["axis_values"]))
        record = plain.changed(options=plain.case["options"] | {"batch": int(crossing["axis_values"][i])}).record()
        saving = crossing["saving"][i]
        if record and record["saving"] is not None and saving is not None:
            require(close(1 - record["saving"], 1 - saving, LOOSE), "break-even saving", f"{record['saving']} {saving}")
    plain.printed("break-even", "--draws", "10", one=True)


def training_holds(ask: Ask) -> None:
    """A training step: parts are the whole, ranges hold, more is never less, and the sweep has the same row."""
    random = ask.random
    options: Tree = {"seq": random.choice([64, 100, 2048, 4096]), "micro-batch": random.choice([1, 2, 5])}
    for name in ("dp", "tp", "pp"):
        if random.random() < 0.3:
            options[name] = random.choice([2, 4])
    for name, values in (
        ("zero", [1, 2, 3]),
        ("recompute", ["selective", "full"]),
        ("optimizer", ["sgd", "muon", "adamw-8bit"]),
    ):
        if random.random() < 0.25:
            options[name] = random.choice(values)
    if random.random() < 0.2:
        options["tokens"] = "3B"
    precision = random.choice(["bf16", "fp32", "fp8", "bitnet-b1.58", "tf32"])
    plain = ask.changed(options=options, precision=precision, baseline=None, runtime=None)
    document = plain.document("train", one=True)
    if document is None:
        return
    record = document["records"][0]
    for path, low, value, high in ranges(document):
        require(
            low * (1 - LOOSE) <= value <= high * (1 + LOOSE), "range of training", f"{path}: {low} <= {value} <= {high}"
        )
    parts = [record[f"{p}_s"] for p in ("forward", "backward", "optimizer", "exchange", "bubble")]
    if None not in parts:
        require(close(math.fsum(parts), record["step_s"], 1e-9), "parts of the step", f"{parts} {record['step_s']}")
    plain.printed("train", one=True)
    axes = {n: v for n, v in options.items() if n != "dp"} | {"devices": record["devices"]}
    asked = plain.changed(options=axes)
    done = asked.run(*asked.sweep_words(), "--training", "--workers", "1", "-o", "sweep.csv")
    if done.code == 0:
        row = next(csv.DictReader(io.StringIO(plain.file("sweep.csv"))))
        for name, cell in row.items():
            theirs = record.get(name)
            if name == "reason" and cell == UNFIT:
                theirs = str(theirs).partition(":")[0]
            if name in record:
                require(
                    cell == as_cell(theirs) or _number(cell) == theirs, f"training sweep {name}", f"{cell!r} {theirs!r}"
                )
    if "tokens" in options:  # steps of a run hold as many tokens in longer sequences, or in larger micro-batches
        return
    axis = random.choice(["seq", "micro-batch"])
    more = plain.changed(options=options | {axis: options[axis] + random.choice([1, 64])}).document("train", one=True)
    if more is None:
        return
    for name in ("step_s", "energy_step_j", "memory_per_device_bytes"):
        a, b = record[name], more["records"][0][name]
        if name == "energy_step_j" and waits_above(ask.case["hardware"], more["records"][0]):
            continue
        if a is not None and b is not None:
            require(b >= a * (1 - LOOSE), f"training {name} falls in {axis}", f"{a} {b} ({100 * (b / a - 1):.3g} %)")


def waits_above(hardware: Tree | str, record: Tree) -> bool:
    """Whether a device of the search's own draws more while its kernels wait than it draws on average.

    Its work then draws less than waiting, and more work between the same launches costs time and saves energy.
    """
    if isinstance(hardware, str) or "active" not in hardware.get("power", {}) or record["power_w"] is None:
        return False
    watts = float(hardware["power"]["active"]["value"].removesuffix(" W"))
    return bool(watts * record["devices"] > record["power_w"])


def a_load_is_served(ask: Ask) -> None:
    """Requests as they come: ranges hold, more of them never cost a day less, and the sweep has the same row.

    A day of devices that never wait is their power at work, which a larger batch may lower: it is left out.
    """
    random = ask.random
    names = ("devices", "parallel", "scope", "pue", "carbon", "price", "prompt")
    rate = float(f"{math.exp(random.uniform(-5, 5)):.3g}")
    options = {n: v for n, v in ask.case["options"].items() if n in names} | {
        "rate": rate,
        "generate": random.randint(1, 600),
    }
    plain = ask.changed(options=options)
    document = plain.document("load", one=True)
    if document is None:
        return
    record = document["records"][0]
    for path, low, value, high in ranges(document):
        require(
            low * (1 - LOOSE) <= value <= high * (1 + LOOSE), "range of a load", f"{path}: {low} <= {value} <= {high}"
        )
    parts = [record[f"{part}_energy_j"] for part in ("prompt", "steps", "waiting")]
    if None not in parts and record["energy_per_request_j"] is not None and record["scope"] != "facility":
        require(close(math.fsum(parts), record["energy_per_request_j"], LOOSE), "parts of a request", str(record))
    plain.printed("load", one=True)
    more = plain.changed(options=options | {"rate": rate * random.choice([1.01, 1.5, 2, 7])}).document("load", one=True)
    if more is not None:
        for name in ("energy_day_kwh", "busy", "cards"):
            a, b = record[name], more["records"][0][name]
            if name == "energy_day_kwh" and record["busy"] is not None and record["busy"] > ALWAYS_BUSY:
                continue
            if a is not None and b is not None and (name != "busy" or record["cards"] == more["records"][0]["cards"]):
                require(b >= a * (1 - 1e-6), f"load {name} falls in the rate", f"{a} {b} ({100 * (b / a - 1):.3g} %)")
    axes = {n: v for n, v in options.items() if n in ("rate", "prompt", "generate", "devices", "scope")}
    asked = plain.changed(options={"scope": "device", "devices": 1} | axes)
    alone = asked.document("load", one=True)
    done = asked.run(*asked.sweep_words(), "--workers", "1", "-o", "sweep.csv")
    if done.code == 0 and alone is not None:
        row = next(csv.DictReader(io.StringIO(asked.file("sweep.csv"))))
        for name, cell in row.items():
            theirs = alone["records"][0].get(name)
            if name in alone["records"][0] and name != "reason" and alone["records"][0]["replicas"] == 1:
                require(
                    cell == as_cell(theirs) or _number(cell) == theirs, f"load sweep {name}", f"{cell!r} {theirs!r}"
                )


def a_new_file_is_valid(ask: Ask) -> None:
    """What `new` writes is valid, and answers."""
    kind = ask.random.choice(["hardware", "model", "precision", "runtime"])
    done = ask.run(*answers(ask.random, kind), "-o", "new.yaml")
    if done.code == 2:
        return
    checked = ask.run("check", "new.yaml")
    require(checked.code == 0, f"check of new: {kind_of(checked.err)}", checked.err)
    place = {"model": ["new.yaml", "-H", "l4"], "hardware": ["gpt2", "-H", "new.yaml"]}.get(
        kind, ["gpt2", "-H", "l4", f"--{kind}", "new.yaml"]
    )
    done = ask.run("estimate", *place, "-f", "json")
    if kind != "precision":
        require(done.code == 0, f"new {kind} does not answer", done.err)


def everything_else_answers(ask: Ask) -> None:
    """The other commands end in an answer or one error, on the same files."""
    random = ask.random
    files = [f for f in ask.files() if f.endswith(".yaml")]
    if files:
        done = ask.run("check", *files)
        require(done.code == 0, f"check: {kind_of(done.err)}", done.err)
        ask.run("show", random.choice(files), "-f", random.choice(["table", "json", "markdown", "latex"]))
    names = ("batch", "prompt", "generate", "scope", "devices", "parallel")
    plain = ask.changed(options={n: v for n, v in ask.case["options"].items() if n in names})
    which = random.choice(["layers", "explore", "plot", "page", "list", "schema", "filter", "vary", "top"])
    if which == "layers":
        short = plain.changed(
            options={n: v for n, v in plain.case["options"].items() if n not in ("devices", "parallel")}
        )
        short.run(*short.words("layers", one=True), "-f", random.choice(["table", "json", "csv", "markdown", "latex"]))
    elif which == "explore":
        plain.run(*plain.words("explore", one=True, baseline=False), "-o", "page.html")
    elif which == "page":
        plain.run(*plain.words("report"), "--plotly", "none", "-o", "page.html")
    elif which == "list":
        kind = random.choice(
            ["models", "hardware", "precisions", "runtimes", "studies", "links", "grids", "sources", "laws"]
        )
        ask.run(
            "list",
            kind,
            *random.choice([[], ["a"], ["gpu"]]),
            "-f",
            random.choice(["table", "json", "csv", "markdown", "latex"]),
        )
    elif which == "schema":
        ask.run("schema", random.choice(["model", "hardware", "precision", "runtime", "study", "sweep"]))
    elif which == "filter":
        text = random.choice(
            ["fits", "latency_s < 1 and energy_j > 0", "not fits or batch == 1", "power_w / 2 < 100", "reason == None"]
        )
        plain.run(
            *plain.words("compare"), "--where", text, "--sort", random.choice(["energy", "tokens", "memory", "saving"])
        )
    else:
        options = {n: v for n, v in plain.case["options"].items() if n not in ("parallel",)} | {
            "scope": ask.default_scope()
        }
        short = plain.changed(options=options)
        more = {
            "plot": ["--objective", "min energy_j", "--objective", "min footprint_bytes", "--pareto"],
            "vary": ["--vary", random.choice(["power.static=10 W:30 W:3", "hierarchy.ram.bandwidth=1 GB/s,1 TB/s", "hierarchy.ram.capacity=1 GB:8 GB:2"])],
            "top": ["--objective", random.choice(["max tokens_per_s", "min energy_j"]), "--top", "1", "--where", "energy_j > 0"],
        }[which]  # fmt: skip
        done = short.run(*short.sweep_words(batch="1,2,3"), *more, "--workers", "1", "-o", "sweep.csv")
        if done.code == 0:
            finite((short.place / "sweep.csv").read_text("utf-8"))
            short.run("plot", "sweep.csv", "-o", "page.html")


LAWS: dict[str, Callable[[Ask], None]] = {
    law.__name__: law
    for law in (
        parts_and_ranges, formats_agree, sweep_agrees, scopes_are_nested, more_work_costs_more, better_hardware_is_never_slower,
        fewer_bits_are_fewer_bytes, the_largest_fit_fits, an_explanation_has_the_value, a_comparison_has_the_estimates,
        a_spread_is_in_order, break_even_answers, training_holds, everything_else_answers, a_load_is_served,
        a_new_file_is_valid,
    )
}  # fmt: skip
