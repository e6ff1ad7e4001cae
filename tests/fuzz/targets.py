"""The table of targets: what is read, from which inputs the search starts, and what one execution does."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from bitnet_cost import api, listing, units
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.filters import Filter
from bitnet_cost.inputs.accuracy import Accuracy
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.calibration import Constants
from bitnet_cost.inputs.cited import Input
from bitnet_cost.inputs.facility import Grids
from bitnet_cost.inputs.hardware import Hardware, Links
from bitnet_cost.inputs.laws import Laws
from bitnet_cost.inputs.measurement import Measured
from bitnet_cost.inputs.precision import Precision
from bitnet_cost.inputs.quality import Quality
from bitnet_cost.inputs.ranges import Ranges
from bitnet_cost.inputs.runtime import RuntimeProfile
from bitnet_cost.inputs.sweep import options
from bitnet_cost.inputs.training import TrainingRuntime
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.readers import catalog, electricity, machines
from bitnet_cost.readers.configurations import imported
from bitnet_cost.readers.files import load_any
from bitnet_cost.readers.json_file import parse_json
from bitnet_cost.readers.measured import read_rows
from bitnet_cost.readers.yaml_file import parse_yaml
from bitnet_cost.studies import chart, checking, own_machine, sweep, sweep_parts
from bitnet_cost.studies.ranges import judged
from bitnet_cost.views import html, records, table, terminal
from bitnet_cost.views.estimate import estimate_report
from bitnet_cost.views.model_yaml import model_yaml
from tests.conftest import ROOT
from tests.fuzz.inside import emptied, ran
from tests.fuzz.mutation import BYTES, CSV, JSON, TEXT, Form
from tests.fuzz.verdict import Finding
from tests.gguf_files import fields_of, gguf_bytes, rows_of

SMALL = 2500  # bytes of a file that the search starts from: speed counts


class Target(NamedTuple):
    """One row of the table."""

    run: Callable[[bytes], str]  # what it would print; raises BitnetCostError where it refuses
    seeds: Callable[[], list[bytes]]
    form: Form = JSON
    suffix: str = ".yaml"  # of the files that the corpus keeps
    short: int = 500  # executions in the normal tests


@cache
def folder() -> Path:
    """Where inputs are put to be read; goes when the process ends."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    made = Path(tempfile.mkdtemp(prefix="bitnet-cost-fuzz-", dir=shared))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def _file(data: bytes, name: str = "own.yaml") -> Path:
    path = folder() / name
    path.write_bytes(data)
    return path


# --- runs: what one execution does ---------------------------------------------------------------------------------


def reads(model: type[Input]) -> Callable[[bytes], str]:
    """Read a file as what it should be."""

    def run(data: bytes) -> str:
        path = _file(data)
        return str(catalog.validate(catalog.read(path), model, path))[:0]

    return run


def shows(data: bytes) -> str:
    """Check a file of any kind, and print all that it holds."""
    path = _file(data)
    if load_any(path)[0] == "study":
        return "".join(checking.check(path))
    reports, found = listing.details(str(path))
    records.json_text(found)
    return "".join(table.as_text(each) + table.as_markdown(each) for each in reports)


def _estimated(model: Architecture, hardware: Hardware, precision: Precision, runtime: RuntimeProfile | None) -> str:
    work = Workload(2, 64, 1 if model.kind == "encoder" else 8)
    found = api.answer(api.scenarios([model], [hardware], [precision], work, runtime=runtime))
    _strict(records.json_text(records.answer_document(found)))
    made = estimate_report(found, judged(found))
    return (
        table.as_text(made)
        + table.as_markdown(made)
        + records.csv_text(records.answer_rows(found))
        + terminal.as_terminal(made)[:0]
    )


def model_in_use(data: bytes) -> str:
    """Read a model, write it, and ask what it costs."""
    path = _file(data)
    model = catalog.validate(catalog.read(path), Architecture, path)
    again = catalog.validate(parse_yaml(model_yaml(model)), Architecture, path)
    assert again == model, "what was written reads back as something else"
    return "".join(
        _estimated(model, catalog.hardware(name), catalog.precision("bitnet"), None) for name in ("cmos-45nm", "l4")
    )


def hardware_in_use(data: bytes) -> str:
    """Read a profile, and ask what a small model costs there."""
    path = _file(data)
    hardware = catalog.validate(catalog.read(path), Hardware, path)
    return _estimated(catalog.model("smollm-135m"), hardware, catalog.precision("fp16"), None)


def precision_in_use(data: bytes) -> str:
    """Read a precision, and ask what it costs."""
    path = _file(data)
    precision = catalog.validate(catalog.read(path), Precision, path)
    return _estimated(catalog.model("smollm-135m"), catalog.hardware("cmos-45nm"), precision, None)


def runtime_in_use(data: bytes) -> str:
    """Read a runtime, and run it on a device."""
    path = _file(data)
    runtime = catalog.validate(catalog.read(path), RuntimeProfile, path)
    return _estimated(catalog.model("smollm-135m"), catalog.hardware("l4"), catalog.precision("int8"), runtime)


def config(data: bytes) -> str:
    """Read a Hugging Face configuration, and write the model."""
    path = _file(data, "config.json")
    return model_yaml(imported(path))


def quantised(data: bytes) -> str:
    """Read a quantisation's configuration in a small model, and ask what its file costs."""
    path = _file(
        json.dumps(_SMALL | {"quantization_config": parse_json(data.decode("utf-8", "replace"))}).encode(),
        "config.json",
    )
    model = catalog.model(str(path))
    if model.checkpoint is None or model.checkpoint.stored is None:
        raise BitnetCostError("no method")
    return _estimated(model, catalog.hardware("cmos-45nm"), catalog.precision("file"), None)


def weights(data: bytes) -> str:
    """Read the header of a safetensors file beside a small model's configuration, and ask what it costs."""
    _file(json.dumps(_SMALL).encode(), "config.json")
    path = _file(len(data).to_bytes(8, "little") + data, "own.safetensors")
    return _estimated(catalog.model(str(path)), catalog.hardware("cmos-45nm"), catalog.precision("file"), None)


def header(data: bytes) -> str:
    """Read the header of a GGUF file, and ask what it costs."""
    path = _file(data, "own.gguf")
    return _estimated(catalog.model(str(path)), catalog.hardware("cmos-45nm"), catalog.precision("file"), None)


def index(data: bytes) -> str:
    """Read the index of a model in several files beside its configuration, and ask what it costs."""
    _file(json.dumps(_SMALL).encode(), "config.json")
    path = _file(data, "model.safetensors.index.json")
    return _estimated(catalog.model(str(path)), catalog.hardware("cmos-45nm"), catalog.precision("file"), None)


def headers() -> list[bytes]:
    """Headers of two small models, one with experts."""
    found = []
    for kind, after in (("llama", {"ffn": _FFN}), ("qwen3moe", {"moe": _FFN | {"experts": 4, "experts_per_token": 2}})):
        attention = {"heads": 4, "kv_heads": 2, **({"qk_norm": "head"} if "moe" in after else {})}
        layer = {"repeat": 1, "attention": attention, **after}
        made = Architecture.model_validate(_LAYERS | {"name": "own", "layers": [layer]})
        fields = {n: v for n, v in fields_of(made, kind).items() if not n.startswith("tokenizer")}
        found.append(gguf_bytes(fields, list(rows_of(made, "q4_k_m"))))
    return found


_MANIFEST = "_manifest.json"


def manifest(data: bytes) -> str:
    """Continue a folder of parts whose manifest, or one of whose parts, is this."""
    place = folder() / "parts"
    place.mkdir(exist_ok=True)
    for left in place.iterdir():
        left.unlink()
    (place / (_MANIFEST if data.lstrip()[:1] == b"{" else "part-000000.parquet")).write_bytes(data)
    if not (place / _MANIFEST).exists():
        (place / _MANIFEST).write_bytes(_own_manifest()[0])
    words = ("sweep", "-m", "linear-64x64", "-H", "l4", "-p", "fp16", "--workers", "1", "-o", "parts/", "--resume")
    done = ran(words, folder())
    if done.code == 2:
        raise BitnetCostError(done.err)
    return done.err


@cache
def _own_manifest() -> list[bytes]:
    """What a sweep leaves: its manifest, and its part."""
    made = folder() / "own-parts"
    ran(("sweep", "-m", "linear-64x64", "-H", "l4", "-p", "fp16", "--workers", "1", "-o", "own-parts/"), folder())
    return [(made / name).read_bytes() for name in (_MANIFEST, "part-000000.parquet")]


def rows(data: bytes) -> str:
    """Read measured rows."""
    return str(read_rows(_file(data, "own.csv")))[:0]


def calibrated(data: bytes) -> str:
    """Rows of a machine, its own or of another benchmark, and the profile that they lead to."""
    path = _file(data, "own.csv")
    own = own_machine.asked([path], "own", "l4", None, ("smollm-135m", "fp16"))
    machine = own_machine.fit(own, lambda _line: None)
    catalog.hardware(str(_file(own_machine.machine_yaml(machine).encode())))
    return table.as_text(own_machine.report(machine))


def charted(data: bytes) -> str:
    """Read what a sweep wrote, and make the page that draws it."""
    path = _file(data, "own.csv")
    return html.as_html(chart.sweep_page(str(path)), "none")[:0]


def swept(data: bytes) -> str:
    """Plan a sweep, and evaluate some of its points."""
    path = _file(data)
    spec = sweep.of_file(str(path), {"limit": 50})
    whole = sweep.plan(spec)
    for number in range(min(2, whole.partitions)):
        sweep_parts.partition(whole, number)
    return json.dumps(whole.inputs(), allow_nan=False, default=str)[:0]


_KNOWN = ("latency_s", "batch", "model", "precision", "hardware", "fits", "energy_j", "power.static", "reason")


def filtered(data: bytes) -> str:
    """A filter, used as sweeps and as comparisons use it."""
    text = data.decode("utf-8", "surrogateescape")
    import numpy as np

    figures = {"latency_s": [0.1, np.nan], "batch": [1.0, 2.0], "energy_j": [np.nan, 2.0], "power.static": [1.0, 1.0]}
    columns: dict[str, Any] = {name: np.array(values) for name, values in figures.items()}
    alone = {"model": "a", "precision": "b", "hardware": "c", "reason": None}
    each = {name: np.array([word, None], dtype=object) for name, word in alone.items()}
    kept = Filter(text, _KNOWN, tuple(alone))
    for fits in (None, np.array([True, False])):
        for words in (alone, each):  # of a sweep, and of a comparison
            kept({**columns, **words, "fits": fits}, 2)
    return ""


def named(data: bytes) -> str:
    """A word as a precision, a model, a size, hardware, a link, a grid, a runtime."""
    name = data.decode("utf-8", "surrogateescape")
    if "/" in name or "\\" in name:
        return ""
    lookups: tuple[Callable[[], object], ...] = (
        lambda: catalog.precision(name), lambda: catalog.model(name),
        lambda: catalog.hardware(name), lambda: machines.linked(catalog.hardware("l4"), name),
        lambda: electricity.carbon_intensity(name), lambda: catalog.runtime(name, "gpu"), lambda: catalog.study(name),
    )  # fmt: skip
    return _all_of(lookups)


def figured(data: bytes) -> str:
    """A text as a figure of every dimension, and as an axis of a sweep."""
    text = data.decode("utf-8", "surrogateescape")
    lookups: list[Callable[[], object]] = [lambda d=d: units.parse(text, d) for d in units.DIMENSIONS]  # type: ignore[misc]

    def planned(**given: Any) -> None:
        limited = {"models": ["linear-8x8"], "hardware": ["l4"], "precisions": ["fp16"], "limit": 3}
        sweep_parts.partition(sweep.plan(sweep.of_options(limited | options(**given))), 0)

    if text.count(":") < 2 or len(text) < 20:  # a long axis costs what it should
        lookups += [
            lambda: planned(batch=text), lambda: planned(generate=text), lambda: planned(devices=text),
            lambda: planned(vary=[text]), lambda: planned(vary=[f"power.static={text}"]),
            lambda: planned(objectives=[text], top=1), lambda: planned(columns=text),
        ]  # fmt: skip
    return _all_of(lookups)


def _all_of(lookups: Iterable[Callable[[], object]]) -> str:
    accepted, refusals = False, []
    for lookup in lookups:
        try:
            lookup()
            accepted = True
        except BitnetCostError as error:
            refusals.append(str(error))
    if not accepted:
        raise BitnetCostError(max(refusals, key=len))
    return "\n".join(refusals)  # their words are judged too


_APART = ("--open", "--scheduler", "--workers", "dask", "--measured", "--version")


def command(data: bytes) -> str:
    """A command line, in a folder of its own."""
    try:
        words = json.loads(data)
    except (ValueError, RecursionError):
        words = data.decode("utf-8", "surrogateescape").split("\n")
    words = [w if isinstance(w, str) else str(w)[:600] for w in (words if isinstance(words, list) else [words])]
    if any("/" in w or "\\" in w or "\x00" in w or w.partition("=")[0] in _APART for w in words):
        return ""  # other places and other programs have tests of their own
    if words[:1] in (["compare"], ["report"]) and not {"-H", "--hardware"} & set(words):
        words += ["-H", "l4"]  # every device of the catalogue takes its time, and is one answer for each
    if words[:1] == ["sweep"]:
        words += ["--limit", "50", "--workers", "1"]
    place = folder() / "here"
    place.mkdir(exist_ok=True)
    _measured_rows_are_evaluated()
    for name in ("gpt2.yaml", "l4.yaml", "int8.yaml"):
        (place / name).write_bytes(_own_files()[name])
    done = ran(words, place)
    emptied(place)
    text, code = done.out, done.code
    if code == 0 and text.startswith("{"):
        _strict(text)
    if code == 2:
        if text:
            raise Finding("output beside an error", text[:300])
        raise BitnetCostError(done.err)
    if code not in (0, 1):
        raise Finding(f"exit code {code}", done.err[-2000:])
    return text + done.err


@cache
def _measured_rows_are_evaluated() -> None:
    """Once, since every page is held against them."""
    from bitnet_cost.studies import accuracy

    accuracy.compare(None)


@cache
def _own_files() -> dict[str, bytes]:
    places = {"gpt2.yaml": "models", "l4.yaml": "hw_profiles", "int8.yaml": "precisions"}
    return {name: (ROOT / place / name).read_bytes() for name, place in places.items()}


def _strict(text: str) -> None:
    def refuse(constant: str) -> None:
        raise Finding("JSON with " + constant, text[:200])

    json.loads(text, parse_constant=refuse)


# --- seeds: what the search starts from ----------------------------------------------------------------------------


def shipped(*patterns: str, largest: int = SMALL, most: int = 12) -> Callable[[], list[bytes]]:
    """Shipped files, the small ones, as they are and as trees in JSON."""

    def seeds() -> list[bytes]:
        paths = sorted(
            (p for pattern in patterns for p in ROOT.glob(pattern)), key=lambda p: (p.stat().st_size, p.name)
        )
        chosen = [p for p in paths if p.stat().st_size <= largest] or paths[:1]
        chosen = chosen[:: max(1, len(chosen) // most)]
        if chosen[0].suffix == ".csv":
            return [b"".join(p.read_bytes().splitlines(keepends=True)[:4]) for p in chosen]
        texts = [p.read_text("utf-8").replace("name: ", "name: own-", 1) for p in chosen]  # the catalogue's are taken
        trees = [json.dumps(parse_yaml(text).data, ensure_ascii=False).encode() for text in texts]
        return [*trees, *(text.encode() for text in texts)]

    return seeds


def given(*texts: str) -> Callable[[], list[bytes]]:
    """Texts."""
    return lambda: [text.encode() for text in texts]


_FIGURE = {"value": "3 pJ", "low": "1 pJ", "high": "9 pJ", "basis": "assumed", "source": "me"}


def _figure(value: str) -> dict[str, str]:
    return _FIGURE | {"value": value, "low": value, "high": value}


_SOURCES = {"me": {"author": "An author", "title": "A title", "year": 2026, "where": "here", "seen": "own"}}
_MEMORY = {
    "capacity": _figure("24 GB"), "bandwidth": _figure("300 GB/s"), "read": _figure("4 pJ/bit"), "write": _figure("4 pJ/bit")
}  # fmt: skip
_NODE = {
    "name": "own", "title": "A node", "kind": "technology", "sources": _SOURCES,
    "actions": {"mul.fp16": _FIGURE, "add.fp16": _FIGURE},
    "special_functions": {
        name: {"mul": 4, "add": 4, "low_factor": 0.3, "high_factor": 3, "basis": "assumed", "source": "me"}
        for name in ("exp", "tanh", "erf", "div", "sqrt")
    },
}  # fmt: skip
_DEVICE = {
    **_NODE, "kind": "device", "device_class": "gpu", "runtime": "vllm", "hierarchy": {"hbm": _MEMORY},
    "actions": {"mac.fp16": _FIGURE, "mul.fp16": _FIGURE, "add.fp16": _FIGURE},
    "rates": {"fp16": _figure("100 TFLOP/s")}, "executes": {"int8": "fp16"},
    "power": {"static": _figure("30 W"), "idle": _figure("10 W"), "cap": _figure("72 W")},
    "interconnect": {"energy": _figure("9 pJ/bit"), "bandwidth": _figure("32 GB/s"), "devices": 8},
}  # fmt: skip
_HALF = {"name": "half", "title": "Half", "extends": "l4", "power": {"static": _figure("9 W")}, "sources": _SOURCES}
_RUNTIME = {
    "name": "own-gpu", "runtime": "own", "device_class": "gpu", "title": "Own", "fused_projections": True,
    "chunk": 2048, "workspace": _figure("5 %"), "per_pass": _figure("1 ms"), "sources": _SOURCES,
    "kernels": {
        "linear": {"launches": 1, "overhead": _figure("3 us"), "bandwidth": _figure("80 %"), "compute": _figure("60 %")},
        "elementwise": {"launches": 0, "bandwidth": _figure("70 %")},
    },
}  # fmt: skip
_SWEEP = {
    "models": ["linear-64x64"], "precisions": ["fp16", "w4a8"], "hardware": ["l4"], "devices": [1, 2], "batch": [1, 2],
    "prompt": {"first": 16, "last": 64, "points": 3, "scale": "log"}, "generate": 2,
    "vary": {"power.static": {"first": "10 W", "last": "20 W", "points": 2}, "runtime.chunk": [512]},
    "where": ["fits and latency_s < 1"], "objectives": [{"column": "latency_s"}, {"column": "energy_j", "goal": "min"}],
    "pareto": True, "columns": ["model", "latency_s", "energy_j"],
}  # fmt: skip
_PLAIN_SWEEP = {"models": ["linear-64x64"], "precisions": ["fp16"], "hardware": ["cmos-45nm"], "scopes": ["arithmetic"], "top": 3,
                "objectives": [{"column": "energy_j", "goal": "max"}]}  # fmt: skip


def trees(*found: dict[str, Any]) -> Callable[[], list[bytes]]:
    """Small trees of our own."""
    return lambda: [json.dumps(tree).encode() for tree in found]


def both(*makers: Callable[[], list[bytes]]) -> Callable[[], list[bytes]]:
    """The inputs of several."""
    return lambda: [seed for maker in makers for seed in maker()]


def lines(*commands: str) -> Callable[[], list[bytes]]:
    """Command lines."""
    import shlex

    return lambda: [json.dumps(shlex.split(each)).encode() for each in commands]


_MODELS = shipped("models/*.yaml", largest=900)
_CHART = "model,precision,batch,latency_s,energy_j\na,fp16,1,0.1,2\na,int8,1,0.2,1\nb,int8,2,,3\n"
_FILTERS = given(
    "latency_s < 0.05 and (batch == 1 or model in ('a', 'b'))", "not fits or energy_j * 2 >= -1e3 / batch",
    "precision != 'fp16'", "fits == True and 0 < energy_j <= 2", "power.static > 5 and reason == None", "(((fits)))",
)  # fmt: skip
_NAMES = given(
    "w4a8kv8", "w1.58a8", "w2.5a16kv4", "175B", "6.7b", "1e2B", "linear-128x64x3", "gpt3-175b", "bitnet-b1.58", "deu",
    "344.5", "vllm", "nvlink-4", "h100-sxm-80gb", "own.yaml",
)  # fmt: skip
_FIGURES = given(
    "3.7 pJ", "1_000.5e3 GB/s", "1,2,8", "128:8192:3:log", "3350 GB/s", "power.static=10 W:30 W:3", "runtime.chunk=512,64",
    "runtime.kernels.linear.launches=1:4:2", "min latency_s", "model,latency_s", "interconnect.devices=2,4",
    "special_functions.exp.mul=3", "hierarchy.hbm.bandwidth=1e12", "actions.mac.fp16=1e-12:2e-12:2",
)  # fmt: skip
_LOADS = lines(
    "load smollm-135m -H l4 -p fp16 --rate 1,2 -f json", "load smollm-135m -H l4 -p int8 --requests-per-day 1e6 --slo-tpot 0.02",
    "load smollm-135m -H l4 -p fp16 --rate 0.1:10:3:log --cv2 1 --cached 100 --prompt 200 --generate 8 -f csv",
    "load smollm-135m -H l4 -p w4a16 --rate 3 --slo-ttft 0.1 --replicas auto --max-batch 8 --static-cache 1024",
    "load smollm-135m -H l4 -p fp16 --requests-per-day 86400 --peak 3 --prefill-devices 1 --devices 2 --carbon deu --price deu",
    "load linear-64x64 -H cmos-45nm -p fp16 --rate 1", "load smollm-135m -H l4 --rate 1 --runtime vllm --device-hour 2 --pue 1.2",
)  # fmt: skip
_TRAININGS = lines(
    "train smollm-135m -H h100-sxm-80gb -p bf16 -p bitnet-b1.58 --devices 8 --tokens 1e9 -f json",
    "train smollm-135m -H a100-sxm-80gb -p fp32 --seq 256 --micro-batch 2 --global-batch 8 --optimizer sgd --master none",
    "train smollm-135m -H h100-sxm-80gb -p fp8 --devices 4 --dp 2 --tp 1 --pp 2 --zero 1 --recompute selective --virtual-stages 2",
    "train smollm-135m -p bf16 -H cmos-45nm --scope compute -f csv", "train smollm-135m -H l4 -p int4 --lora 8 --draws 20 --seed 2",
    "train smollm-135m -H h100-sxm-80gb -p bf16 --cp 2 --devices 2 --runtime megatron --pue 1.2 --carbon deu --price 0.2",
)  # fmt: skip
_COMMANDS = lines(
    "estimate linear-64x64 -p fp16 -H cmos-45nm", "estimate gpt2.yaml -H l4.yaml -p int8.yaml -b 2 --prompt 8 --generate 2",
    "estimate smollm-135m -H l4 -p fp16 -f json --pue 1.2 --carbon deu --price 0.2 --requests-per-day 100",
    "estimate smollm-135m -H l4 -p w4a8 -f csv --device-hour 1 --embodied 100 --lifetime 3 --devices 2 --link pcie-5",
    "estimate smollm-135m -H cmos-45nm -p bitnet --sensitivity --draws 20 --seed 3 --distribution lognormal -f markdown",
    "compare smollm-135m -H l4 -H t4 -p int8 --sort tokens --where 'fits and tokens_per_s > 2' -f csv",
    "compare linear-64x64 -H l4 -p fp16 --scope facility --pue 1.1 -f json", "report linear-64x64 -H l4 -p fp16 --plotly none",
    "layers smollm-135m -p fp16 -H cmos-45nm --attention full --logits all --counting traced --accumulator int32",
    "fit smollm-135m -H l4 -p fp16 -b 4 --prompt 100", "list precisions -f json", "show int8", "show gpt2.yaml -f json",
    "check gpt2.yaml l4.yaml int8.yaml", "explain smollm-135m -H l4 -p fp16 --cell energy_j -f json",
    "explain linear-64x64 -p bitnet --cell op:product", "break-even linear-64x64 -H l4 -p w4a8 --saving 30 --axis batch",
    "sweep -m linear-64x64 -H l4 -p fp16 --batch 1,2 --vary power.static=10:20:2 --where fits -o out.csv",
    "sweep -m linear-64x64 -H cmos-45nm -p fp16 --objective 'min energy_j' --top 2 --dry-run", "import gpt2.yaml", "plot out.csv",
    "estimate smollm-135m -H l4 -p fp16 --generate 5 --runtime vllm --parallel pipeline -o out.txt",
)  # fmt: skip


# --- the table -----------------------------------------------------------------------------------------------------

_OWN_ROWS = (
    "id,what,device,library,format,tokens,inputs,outputs,seconds,energy_j,power_w,meter,memory_bytes\n"
    "device,device,NVIDIA L4,torch 2.11,,,,,,,,,24000000000\nidle,idle,NVIDIA L4,torch 2.11,,,,,,,16,nvml,\n"
    "launch,launch,NVIDIA L4,torch 2.11,bf16,1,64,64,2e-06,,,,\n"
    + "".join(
        f"p{n},product,NVIDIA L4,torch 2.11,bf16,{n},4096,4096,{0.00013 + n * 5e-7},{0.006 + n * 4e-5},60,nvml,\n"
        for n in (1, 2, 8, 64, 512, 1024)
    )
)
_LLAMA_BENCH = (
    "model_filename,model_type,n_prompt,n_gen,n_depth,avg_ts\nsmollm-135m-f16.gguf,llama 135M F16,512,0,0,9000\n"
    + "".join(
        f"smollm-135m-f16.gguf,llama 135M F16,0,128,{depth},{400 - depth / 20}\n" for depth in (0, 64, 512, 1024, 2048)
    )
)
_VLLM_BENCH = "model_id,mean_tpot_ms,output_throughput,completed,total_input_tokens,total_output_tokens\n" + "".join(
    f"smollm-135m,{4 + batch / 9},{batch * 200},9,4608,1152\n" for batch in (1, 2, 4, 8, 16)
)
_SMALL: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 100,
    "num_attention_heads": 4, "num_key_value_heads": 2, "torch_dtype": "bfloat16",
}  # fmt: skip
_GROUP = {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32}}
_QUANTISATIONS: list[dict[str, Any]] = [
    {"quant_method": "gptq", "bits": 4, "group_size": 32, "dynamic": {"-:.*q_proj": {}, "+:.*down.*": {"bits": 8}}},
    {"quant_method": "fp8", "weight_block_size": [128, 128], "modules_to_not_convert": ["lm_head", "model.layers.0.*"]},
    {"quant_method": "compressed-tensors", "config_groups": {"group_0": _GROUP}, "ignore": ["re:.*self_attn.*"],
     "kv_cache_scheme": {"num_bits": 8}},
    {"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": ["lm_head"], "group_size": 16},
    {"quant_method": "quark", "global_quant_config": {"weight": {"dtype": "fp4", "qscheme": "per_group"}}},
    {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
]  # fmt: skip
_FFN: dict[str, Any] = {"size": 256, "gated": True, "activation": "silu"}
_LAYERS: dict[str, Any] = {
    "source": "me",
    "seen": "own",
    "hidden_size": 256,
    "vocab_size": 100,
    "lm_head": {"tied": False},
}
_INDEX: dict[str, Any] = {
    "metadata": {"total_size": 99_000},
    "weight_map": {
        "lm_head.weight": "model-00001-of-00001.safetensors",
        "model.norm.weight": "model-00001-of-00001.safetensors",
    },
}
_TENSORS: dict[str, Any] = {
    "__metadata__": {"format": "pt"},
    "lm_head.weight": {"dtype": "BF16", "shape": [100, 64], "data_offsets": [0, 12800]},
    "model.layers.0.mlp.up_proj.weight": {"dtype": "F8_E4M3", "shape": [128, 64], "data_offsets": [12800, 20992]},
}

TARGETS: dict[str, Target] = {
    "models": Target(reads(Architecture), _MODELS),
    "hardware": Target(reads(Hardware), trees(_NODE, _DEVICE, _HALF)),
    "precisions": Target(reads(Precision), shipped("precisions/*.yaml")),
    "runtimes": Target(reads(RuntimeProfile), trees(_RUNTIME)),
    "training runtimes": Target(reads(TrainingRuntime), shipped("runtimes/training/*.yaml", most=2)),
    "links": Target(reads(Links), trees({"name": "l", "title": "L", "links": {"x": _DEVICE["interconnect"]}, "sources": _SOURCES})),
    "grids": Target(
        reads(Grids),
        trees({"name": "g", "title": "G", "zones": {"deu": {**_figure("344 g/kWh"), "year": 2024}}, "sources": _SOURCES}),
    ),
    "studies": Target(shows, shipped("reports/*.yaml", largest=4000, most=4), short=100),
    "sources": Target(
        reads(Measured),
        trees(
            {
                "sources": {"a": {**_SOURCES["me"], "seen": "opened", "licence": "MIT", "method": "a meter", "holds": "peak"}},
                "tasks": {"chat": {"prompt": 100, "note": "as stated"}}, "left_out": [{"rows": 3, "why": "no units"}],
                "used": [{"for": "the floor", "rows": ["a-1"]}], "host": _figure("1200 W"), "supply": _figure("0.98 x"),
            }
        ),
    ),
    "constants": Target(
        reads(Constants),
        trees(
            {
                "note": "none", "prompts": {"chat": 100}, "runtimes": [{"hardware": "l4", "runtime": "vllm", "compute": 0.9}],
                "devices": [{"hardware": "l4", "static": 1.1, "rows": ["a-1"]}], "counters": [{"source": "a", "context_gb": 1.0}],
            }
        ),
    ),
    "accuracy": Target(
        reads(Accuracy), trees({"classes": {"decode": {"n": 3, "median": 5.0, "p90": 9.0, "bias": -1.0}}, "devices": {}})
    ),
    "ranges": Target(
        reads(Ranges),
        trees(
            {
                "own": {"time": {"decode-1": {"all": [0.8, 1.2]}}}, "left_out": {}, "devices": {"vllm": ["l4"]},
                "held": {"decode-1": {"n": 30, "held": 90.0, "half_width": 18.0}}, "together": 0.5, "shared": 0.5, "errors": {"classes": {}, "devices": {}},
            }
        ),
    ),
    "quality": Target(reads(Quality), shipped("quality/*.yaml", largest=3000, most=8)),
    "laws": Target(reads(Laws), shipped("quality/laws.yaml")),
    "sweeps": Target(swept, trees(_SWEEP, _PLAIN_SWEEP), short=100),
    "configs": Target(config, shipped("tests/configs/*/config.json", largest=1200, most=60), suffix=".json"),
    "quantisations": Target(quantised, trees(*_QUANTISATIONS), suffix=".json", short=150),
    "safetensors": Target(weights, trees(_TENSORS), suffix=".json", short=150),
    "gguf": Target(header, headers, BYTES, ".gguf", short=100),
    "index": Target(index, trees(_INDEX), suffix=".json", short=100),
    "parts": Target(manifest, lambda: list(_own_manifest()), suffix=".bin", short=30),
    "rows": Target(rows, shipped("measured/*.csv", largest=10**9, most=6), CSV, ".csv"),
    "calibrations": Target(calibrated, given(_OWN_ROWS, _LLAMA_BENCH, _VLLM_BENCH), CSV, ".csv", short=40),
    "charts": Target(charted, given(_CHART), CSV, ".csv"),
    "filters": Target(filtered, _FILTERS, TEXT, ".txt"),
    "names": Target(named, _NAMES, TEXT, ".txt", short=150),
    "figures": Target(figured, _FIGURES, TEXT, ".txt", short=150),
    "shown": Target(shows, both(_MODELS, trees(_NODE, _DEVICE, _RUNTIME), shipped("precisions/*.yaml")), short=100),
    "models in use": Target(model_in_use, _MODELS, short=100),
    "hardware in use": Target(hardware_in_use, trees(_NODE, _DEVICE, _HALF), short=100),
    "precisions in use": Target(precision_in_use, shipped("precisions/*.yaml"), short=100),
    "runtimes in use": Target(runtime_in_use, trees(_RUNTIME), short=100),
    "commands": Target(command, _COMMANDS, suffix=".json", short=60),
    "loads": Target(command, _LOADS, suffix=".json", short=40),
    "trainings": Target(command, _TRAININGS, suffix=".json", short=40),
}  # fmt: skip
