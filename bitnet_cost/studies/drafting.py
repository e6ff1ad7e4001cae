"""Files of your own, begun: a few questions, and a YAML file that says which of its figures were guessed.

`QUESTIONS` has the questions of each kind of file. An answer that is left out is guessed from a relative in the
catalogue, by a rule that the figure's note gives; without a relative to guess from, it must be given.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

from bitnet_cost import units
from bitnet_cost.errors import BitnetCostError, labelled
from bitnet_cost.inputs.hardware import DeviceClass
from bitnet_cost.inputs.precision import FORMAT_BITS, parse_name
from bitnet_cost.numerals import brief, digits, figure_text
from bitnet_cost.readers import catalog
from bitnet_cost.studies.checking import check
from bitnet_cost.units import Dimension
from bitnet_cost.views.model_yaml import figure_of, rate_unit, yaml_text

YOURS, GUESSED = "yours", "guessed"  # keys of the sources of what was answered and of what was not
ACTIVE = 0.3  # of the limit: power of kernels that wait, the rule of the shipped profiles

Answers = Mapping[str, str]


class Question(NamedTuple):
    """One thing that is asked of a file.

    ``guess`` gives what holds where it is not answered, in the words of an answer; None: it must be.
    """

    key: str
    words: str
    guess: Callable[[Answers], str] | None = None


def _always(text: str) -> Callable[[Answers], str]:
    return lambda _: text


def _class(given: Answers) -> str:
    return given.get("class", "gpu")


def _relative(given: Answers) -> str:
    """The shipped device of the class that is nearest in bandwidth and rates, by the logarithms of their ratios."""
    bandwidth, rates = _parsed(given, "bandwidth", units.BANDWIDTH), _rates(given["rates"])

    def distance(name: str) -> float:
        device = catalog.hardware(name)
        memory, both = device.memory.bandwidth, rates.keys() & device.rates.keys()
        if memory is None or not both:
            return math.inf
        apart = sum(abs(math.log(device.rates[form].value / rates[form])) for form in both) / len(both)
        return apart + abs(math.log(memory.value / bandwidth))

    of_class = [name for name in catalog.devices() if catalog.hardware(name).device_class == _class(given)]
    if not of_class:
        raise BitnetCostError(f"class: no shipped device is a {_class(given)}; name a relative with --like")
    return min(of_class, key=distance)


def _idle(given: Answers) -> str:
    like = catalog.hardware(given["like"]).device_power
    if like.idle is None or like.cap is None:
        return figure_text(0.1 * _parsed(given, "power", units.POWER), "W")
    return figure_text(like.idle.value * _parsed(given, "power", units.POWER) / like.cap.value, "W")


def _ffn(given: Answers) -> str:
    width = _whole(given, "hidden")
    return str(math.ceil(width * 8 / 3 / 256) * 256) if _yes(given, "gated") else str(4 * width)


def _default_runtime(given: Answers) -> str:
    return {"gpu": "vllm", "npu": "roofline", "tpu": "vllm"}.get(_class(given), "llama.cpp")


def _runs(runtime: str, given: Answers) -> bool:
    """Whether there is a runtime of that name for devices of the class."""
    return catalog.has("runtime", f"{runtime}-{_class(given)}")


NAME = Question("name", "its name, in small letters, digits, '.', '-' and '_'")
QUESTIONS: dict[str, tuple[Question, ...]] = {
    "hardware": (
        NAME,
        Question("title", "its name in words", lambda given: given["name"]),
        Question("class", f"what it is: {', '.join(get_args(DeviceClass))}", _always("gpu")),
        Question("memory", "memory that holds the model, as in 24 GB"),
        Question("bandwidth", "bandwidth of that memory, as in 1008 GB/s"),
        Question("rates", "peak of dense products by format, as in fp16=165 TFLOP/s, int8=330 TOP/s"),
        Question("power", "limit of its power, as in 450 W"),
        Question("like", "a shipped device whose prices it borrows", _relative),
        Question("idle", "power at rest, as in 20 W", _idle),
        Question("year", "year in which it was first sold", _always("")),
    ),
    "model": (
        NAME,
        Question("title", "its name in words", lambda given: given["name"]),
        Question("layers", "number of layers"),
        Question("hidden", "width of the residual stream"),
        Question("heads", "query heads of a layer"),
        Question("kv-heads", "key-value heads", lambda given: given["heads"]),
        Question("gated", "whether the feed-forward layers are gated (SwiGLU): yes or no", _always("yes")),
        Question("ffn", "width of a feed-forward layer", _ffn),
        Question("vocabulary", "entries of the vocabulary", _always("32000")),
        Question("tied", "whether the output matrix is the input table: yes or no", _always("no")),
    ),
    "precision": (
        NAME,
        Question("title", "its name in words", lambda given: given["name"]),
        Question("weights", "bits of a weight: 1, 1.58 (ternary), 2 to 8, 16"),
        Question("activations", "bits of an activation that enters a product: 4 to 8, 16", _always("16")),
        Question("group", "weights that share a scale, between 1.58 and 8 bits", _always("128")),
        Question("kv", "bits of a cached key or value", _always("16")),
        Question("attention", f"format of attention: {', '.join(FORMAT_BITS)}", _always("fp16")),
        Question("elsewhere", "format of norms, residual stream and other work", _always("fp16")),
        Question("embedding", "format of the input table", _always("fp16")),
        Question("head", "format of the output matrix", _always("fp16")),
    ),
    "runtime": (
        NAME,
        Question("title", "its name in words", lambda given: given["name"]),
        Question("class", f"devices it runs on: {', '.join(get_args(DeviceClass))}", _always("gpu")),
        Question("like", "a shipped runtime whose other figures it borrows", _default_runtime),
        Question("bandwidth", "share of the bandwidth that products with few tokens reach, as in 0.8", _always("")),
        Question("compute", "share of the peak rate that large products reach, as in 0.6", _always("")),
        Question("overhead", "time of one launch, as in 3 us", _always("")),
        Question("per-pass", "time of a pass in which the device waits for the host, as in 2 ms", _always("")),
        Question("chunk", "tokens of one pass of the prefill at most", _always("")),
        Question("workspace", "share of the memory that it keeps for itself, as in 0.1", _always("")),
    ),
}


class Draft(NamedTuple):
    """A file begun: its text, and what was guessed in it."""

    text: str
    guesses: tuple[str, ...]
    remarks: tuple[str, ...]


def draft(kind: str, answers: Answers) -> Draft:
    """The YAML text of a file of a kind, which `bitnet-cost check` passes.

    Args:
        kind: a key of `QUESTIONS`.
        answers: by the keys of its questions, in the words of their examples; what is left out is guessed.

    Raises:
        BitnetCostError: an answer that is needed is missing, is none of the questions, or cannot be.
    """
    asked = {question.key: question for question in QUESTIONS[kind]}
    for key in answers:
        if key not in asked:
            raise BitnetCostError(f"--{key}: nothing is asked so; new {kind} asks --{', --'.join(asked)}")
    missing = {f"--{key}": q.words for key, q in asked.items() if q.guess is None and not answers.get(key, "").strip()}
    if missing:
        raise BitnetCostError(f"new {kind} needs {', '.join(missing)}{labelled(**missing)}")
    given = {key: value.strip() for key, value in answers.items() if value.strip()}
    guesses = []
    for key, question in asked.items():  # in their order: a guess may rest on the answers above it
        if key not in given and question.guess is not None and (guessed := question.guess(given)):
            given[key] = guessed
            guesses.append(f"{key} = {guessed}")
    data = {"hardware": _hardware, "model": _model, "precision": _precision, "runtime": _runtime}[kind](
        given, {guess.partition(" = ")[0] for guess in guesses}
    )
    heading = [f"# Begun with: bitnet-cost new {kind}. Give sources for what you typed in."]
    heading += [f"# GUESSED: {guess}" for guess in guesses if not guess.startswith("title")]
    text = "\n".join(heading) + "\n" + yaml_text(data)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{given['name']}.yaml"
        path.write_text(text, "utf-8")
        try:
            _, *remarks = check(path)
        except BitnetCostError as error:
            raise BitnetCostError(str(error).replace(f"{path}: ", "", 1)) from None
    return Draft(text, tuple(guesses), tuple(remarks))


def _parsed(given: Answers, key: str, dimension: Dimension) -> float:
    try:
        return units.parse(given[key], dimension)
    except BitnetCostError as error:
        raise BitnetCostError(f"--{key}: {error}") from None


def _whole(given: Answers, key: str) -> int:
    text = given[key].replace(",", "").replace("_", "")
    if not text.isascii() or not text.isdigit():
        raise BitnetCostError(f"--{key}: {given[key]!r} is no whole number")
    return int(text)


def _number(given: Answers, key: str) -> float:
    try:
        return float(given[key])
    except ValueError:
        bits = "; write its bits, as in 1.58 for ternary" if key in ("weights", "activations") else ""
        raise BitnetCostError(f"--{key}: {given[key]!r} is no number{bits}") from None


def _yes(given: Answers, key: str) -> bool:
    word = given.get(key, "yes").lower()
    if word not in ("yes", "y", "true", "no", "n", "false"):
        raise BitnetCostError(f"--{key}: {given[key]!r} is neither yes nor no")
    return word in ("yes", "y", "true")


def _rates(text: str) -> dict[str, float]:
    """Rates by format from ``fp16=165 TFLOP/s, int8=330 TOP/s``.  [op/s]"""
    found = {}
    for part in text.split(","):
        form, equals, rate = part.partition("=")
        if not equals or not form.strip().isalnum():
            raise BitnetCostError(f"--rates: {part.strip()!r} is no rate of a format, as in fp16=165 TFLOP/s")
        found[form.strip().lower()] = _parsed({"rates": rate.strip()}, "rates", units.RATE)
    return found


def _figure(value: float, unit: str, note: str = "", spread: tuple[float, float] = (1.0, 1.0)) -> dict[str, Any]:
    """A figure with its range: as typed in, or with a note that says how it was guessed."""
    basis = {"basis": "assumed", "source": GUESSED, "note": f"GUESSED: {note}"} if note else {
        "basis": "published", "source": YOURS}  # fmt: skip
    return figure_of(value, value * spread[0], value * spread[1], unit, **basis)


def _sources(guessed: bool) -> dict[str, Any]:
    year = datetime.now(UTC).year
    yours = {"author": "you", "title": "Data sheet, typed in", "year": year, "seen": "second-hand",
             "where": "replace this by author, title, year and page of what you read"}  # fmt: skip
    guesses = {"author": "bitnet-cost", "title": "Guessed from a relative", "year": year, "seen": "own",
               "where": "each figure's note gives the rule"}  # fmt: skip
    return {YOURS: yours} | ({GUESSED: guesses} if guessed else {})


def _hardware(given: Answers, guessed: set[str]) -> dict[str, Any]:
    like = catalog.hardware(given["like"])
    if like.power is None or like.power.cap is None:
        raise BitnetCostError(f"--like: {like.name!r} has no limit of its power; name another device")
    bandwidth, limit = _parsed(given, "bandwidth", units.BANDWIDTH), _parsed(given, "power", units.POWER)
    rates, idle = _rates(given["rates"]), _parsed(given, "idle", units.POWER)
    share, known = limit / like.power.cap.value, {form: figure.value for form, figure in like.rates.items()}
    common = next((form for form in rates if form in known), None)
    if common is None:
        raise BitnetCostError(f"--rates: give one of {', '.join(known)}, which {like.name!r} has, to compare them by")
    faster = rates[common] / known[common]
    levels = list(like.hierarchy)
    hierarchy: dict[str, Any] = {
        level: {"bandwidth": _figure(figure.value * faster, "bit/s", f"{like.name} x {digits(faster, 3)}", (0.6, 1.5))}
        for level in levels[:-1] if (figure := like.hierarchy[level].bandwidth) is not None
    }  # fmt: skip
    hierarchy[levels[-1]] = {
        "capacity": _figure(_parsed(given, "memory", units.CAPACITY), "bit"), "bandwidth": _figure(bandwidth, "bit/s")
    }  # fmt: skip
    static = like.power.static.value * share
    rule = f"{like.name} x {digits(share, 3)}, the ratio of the limits"
    floor = _figure(static, "W", rule, (0.5, 1.8))
    if idle > static:
        static, floor = idle, _figure(idle, "W", f"what it draws at rest: more than {rule}", (1.0, 1.8))
    power = {
        "static": floor,
        "idle": _figure(idle, "W", rule, (0.3, 1.5)) if "idle" in guessed else _figure(idle, "W"),
        "cap": _figure(limit, "W"),
    }  # fmt: skip
    if like.power.active is not None:
        power["active"] = _figure(ACTIVE * limit, "W", f"{ACTIVE} of the limit: kernels that wait", (0.2, 1.7))
    as_common = f"{like.name} x {digits(faster, 3)}, as {common}"
    scaled = {form: _figure(rate * faster, rate_unit(form), as_common, (0.5, 1.2))
              for form, rate in known.items() if form not in rates}  # fmt: skip
    actions = {}
    prices = f"Prices are those of {like.name}" if like.actions else f"Like {like.name} its power holds every action"
    for form, rate in rates.items() if like.priced == "actions" else ():
        fed, price = (limit - static) / (rate / units.OPERATIONS_PER_MAC), like.actions.get(f"mac.{form}")
        if price is None or price.value > fed:
            why = "what the limit leaves above the floor at the full rate"
            actions[f"mac.{form}"] = _figure(fed, "J", why, (0.4, 1.2))
    return {
        "name": given["name"], "extends": like.name, "title": given["title"],
        **({"device_class": given["class"]} if given["class"] != like.device_class else {}),
        **({} if like.runtime is None or _runs(like.runtime, given) else {"runtime": _default_runtime(given)}),
        **({"released": _whole(given, "year")} if "year" in given else {"released": None}),
        "note": f"{prices}, nothing was measured: compare with care.",
        "multiprocessors": None, "embodied": None, "launch_price": None,
        **{part: None for part in ("decode_rates", "reached", "points") if getattr(like, part)},
        **({"actions": actions} if actions else {}),
        "hierarchy": hierarchy,
        "rates": {form: _figure(rate, rate_unit(form)) for form, rate in rates.items()} | scaled,
        "power": power, "sources": _sources(guessed=True),
    }  # fmt: skip


def _model(given: Answers, guessed: set[str]) -> dict[str, Any]:
    heads, kv = _whole(given, "heads"), _whole(given, "kv-heads")
    gated = _yes(given, "gated")
    layer = {
        "repeat": _whole(given, "layers"), "attention": {"heads": heads} | ({"kv_heads": kv} if kv != heads else {}),
        "ffn": {"size": _whole(given, "ffn"), "gated": gated, "activation": "silu" if gated else "gelu"},
    }  # fmt: skip
    return {
        "name": given["name"], "title": given["title"], "source": "typed in", "seen": "memory",
        "note": f"guessed: {', '.join(sorted(guessed - {'title'})) or 'nothing'}",
        "hidden_size": _whole(given, "hidden"), "vocab_size": _whole(given, "vocabulary"), "layers": [layer],
        "lm_head": {"tied": _yes(given, "tied")},
    }  # fmt: skip


def _precision(given: Answers, guessed: set[str]) -> dict[str, Any]:
    weights, group = _number(given, "weights"), _whole(given, "group")
    grouped = f"g{group}" if 1.58 < weights < 8 else ""
    spelt = f"w{given['weights']}a{given['activations']}kv{given['kv']}{grouped}"
    found = parse_name(spelt)
    if found is None:
        raise BitnetCostError(
            f"--weights, --activations, --kv: {spelt!r} is no precision; write bits such as 4, 8 and 16"
        )
    data = found.model_dump(exclude_defaults=True)
    data |= {key: given[key] for key in ("attention", "elsewhere", "embedding")}
    data |= {"name": given["name"], "title": given["title"], "lm_head": given["head"],
             "note": f"typed in; guessed: {', '.join(sorted(guessed - {'title'})) or 'nothing'}"}  # fmt: skip
    return data


def _runtime(given: Answers, _: set[str]) -> dict[str, Any]:
    place = catalog.locate("runtime", f"{catalog.runtime(given['like'], given['class']).name}")
    data: dict[str, Any] = dict(catalog.read(place).data)
    data |= {"name": f"{given['name']}-{given['class']}", "runtime": given["name"], "title": given["title"]}
    data["note"] = f"Figures that were not typed in are those of {given['like']}."
    linear = dict(data["kernels"]["linear"])
    for key, dimension in (("bandwidth", units.RATIO), ("compute", units.RATIO), ("overhead", units.TIME)):
        if key in given:
            ratio = dimension is units.RATIO and given[key].replace(".", "", 1).isdigit()
            value = _parsed({key: f"{given[key]} x" if ratio else given[key]}, key, dimension)
            linear[key] = _share(value) if dimension is units.RATIO else _figure(value, "s")
    data["kernels"] = dict(data["kernels"]) | {"linear": linear}
    if "per-pass" in given:
        data["per_pass"] = _figure(_parsed(given, "per-pass", units.TIME), "s")
    if "chunk" in given:
        data["chunk"] = _whole(given, "chunk")
    if "workspace" in given:
        data["workspace"] = _share(_number(given, "workspace"))
    sources = {**data["sources"], **_sources(guessed=False)}
    cited = str([part for key, part in data.items() if key != "sources"])
    data["sources"] = {key: source for key, source in sources.items() if f"'{key}'" in cited}
    return data


def _share(value: float) -> dict[str, Any]:
    return {"value": f"{brief(value)} x", "low": f"{brief(value)} x", "high": f"{brief(value)} x",
            "basis": "published", "source": YOURS}  # fmt: skip
