"""Short measurements of the machine at hand: products by format and shape, launches, power at rest and at work.

PyTorch where it is installed, on the GPU where there is one; else NumPy on the processor. Weights are taken in turn
from more memory than the caches hold, so that a product of one token reads memory, as a decode step does. On a GPU the
repeats of a product are replayed from one captured graph, without the host between them. On a processor other programs
interrupt: products are short, all of them are repeated in many rounds, and the least time counts where it was reached
more than once. Energy is what a counter of the machine says (NVML, RAPL), read where it moves, since NVML's stands
still for a tenth of a second; or a wall meter that is typed in; where there is none the columns stay empty.
"""

from __future__ import annotations

import contextlib
import csv
import io
import math
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from importlib import import_module
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.numerals import digits
from bitnet_cost.readers.csv_file import parse_csv

BEYOND_CACHES = 384 * 2**20  # bytes of weights that are taken in turn
REPEATED = 3  # times of a product on a processor, the fastest, that have to agree
AGREEING = 0.1  # within this part
TURN = 2e-3  # seconds of a product's turn in a round, at least
SHORTEST = 5e-5  # seconds that the clock is read after
WORKED = 0.9  # of its time that a core or more worked on a product which nothing interrupted
LEAST_WINDOW = 0.1  # seconds of one measurement, where the time that is given runs out
COUNTER_WINDOW = 1.0  # the same where an energy counter is read: NVML's moves every 20 to 100 ms
POLL = 2e-3  # seconds between looks at a counter
SIZES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1, "fp8": 1}  # bytes of an entry, by format
LEAST_TOKENS = {"int8": 32, "fp8": 16}  # that the kernels take
RAPL = Path("/", "sys", "class", "powercap")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Args:
        id: made of what was measured, the same each time.
        what: ``device``, ``idle``, ``launch`` or ``product``.
        device: name of the machine as its driver gives it.
        library: what ran the products.
        format: of weights and activations.
        tokens, inputs, outputs: shape of the product ``[tokens, inputs] x [inputs, outputs]``.
        seconds: time of one.  [s]
        energy_j: energy of one, whole device.  [J]
        power_w: mean power.  [W]
        meter: what the energy was read from.
        memory_bytes: of the device; only in its row.
    """

    id: str
    what: str
    device: str
    library: str
    format: str = ""
    tokens: int | None = None
    inputs: int | None = None
    outputs: int | None = None
    seconds: float | None = None
    energy_j: float | None = None
    power_w: float | None = None
    meter: str = ""
    memory_bytes: int | None = None


T = TypeVar("T")
Run = Callable[[int], tuple[float, int]]


class Machine(Protocol):
    """What is measured: products of some formats, and how to wait for them."""

    name: str
    library: str
    memory_bytes: int
    formats: tuple[str, ...]
    shapes: tuple[tuple[int, int], ...]
    tokens: tuple[int, ...]

    def product(self, form: str, tokens: int, inputs: int, outputs: int) -> Run:
        """A function from a number of products to the seconds that they took, and how many they were."""
        ...


class Processor:
    """The processor through NumPy: FP32 alone, in which its BLAS works."""

    formats: tuple[str, ...] = ("fp32",)
    shapes: tuple[tuple[int, int], ...] = ((512, 1024), (1024, 1024), (512, 2048), (1024, 4096))
    tokens: tuple[int, ...] = (1, 2, 4, 16, 64, 128)

    def __init__(self) -> None:
        self.name = _processor_name()
        self.library = f"numpy {np.__version__}, {_cores()} cores"
        self.memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        self.entries = np.random.default_rng(0).standard_normal(
            max(copies(4, *shape) * math.prod(shape) for shape in self.shapes), dtype=np.float32
        )

    def weights(self, inputs: int, outputs: int) -> list[Any]:
        """Matrices of a shape that lie one behind the other in the entries that all shapes share."""
        size = inputs * outputs
        return [self.entries[i : i + size].reshape(inputs, outputs)
                for i in range(0, len(self.entries) - size + 1, size)]  # fmt: skip

    def product(self, form: str, tokens: int, inputs: int, outputs: int) -> Run:
        """A function from a number of products to the seconds that they took, and how many they were."""
        weights, made = cycle(self.weights(inputs, outputs)), np.empty((tokens, outputs), np.float32)
        given = np.random.default_rng(1).standard_normal((tokens, inputs), dtype=np.float32)
        return _one_by_one(lambda: np.matmul(given, next(weights), out=made))


def _one_by_one(once: Callable[[], object]) -> Run:
    """Calls one after the other, timed together."""

    def run(times: int) -> tuple[float, int]:
        start = time.perf_counter()
        for _ in range(times):
            once()
        return time.perf_counter() - start, times

    return run


class Torch:
    """PyTorch, on the GPU where it sees one."""

    def __init__(self, torch: Any) -> None:
        self.torch, self.library = torch, f"torch {torch.__version__}"
        self.cuda = bool(torch.cuda.is_available())
        if self.cuda:
            properties = torch.cuda.get_device_properties(0)
            self.name, self.memory_bytes = str(properties.name), int(properties.total_memory)
            fp8 = hasattr(torch, "float8_e4m3fn") and torch.cuda.get_device_capability(0) >= (8, 9)
            self.formats: tuple[str, ...] = ("bf16", "fp16", "fp32", "int8", *(("fp8",) if fp8 else ()))
            self.shapes: tuple[tuple[int, int], ...] = ((4096, 4096), (4096, 14336), (8192, 8192))
            self.tokens: tuple[int, ...] = (1, 8, 64, 512, 4096)
        else:
            processor = Processor()
            self.library += f", {torch.get_num_threads()} threads"
            self.name, self.memory_bytes = processor.name, processor.memory_bytes
            self.formats, self.shapes, self.tokens = ("fp32", "bf16"), processor.shapes, processor.tokens
            entries = torch.from_numpy(processor.entries)
            self.entries = {"fp32": entries, "bf16": entries.to(torch.bfloat16)}

    def product(self, form: str, tokens: int, inputs: int, outputs: int) -> Run:
        """A function from a number of products to the seconds that they took, and how many they were."""
        torch, place = self.torch, "cuda"
        if not self.cuda:
            return self._on_processor(form, tokens, inputs, outputs)
        wide = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
        many = copies(SIZES[form], inputs, outputs)
        if form in wide:
            given = torch.randn(tokens, inputs, device=place, dtype=wide[form])
            weights = [torch.randn(inputs, outputs, device=place, dtype=wide[form]) for _ in range(many)]
            once = [lambda w=w: given @ w for w in weights]
        elif form == "int8":
            given = torch.randint(-127, 127, (tokens, inputs), device=place, dtype=torch.int8)
            weights = [
                torch.randint(-127, 127, (outputs, inputs), device=place, dtype=torch.int8).t() for _ in range(many)
            ]
            once = [lambda w=w: torch._int_mm(given, w) for w in weights]
        else:
            one = torch.ones((), device=place)
            given = torch.randn(tokens, inputs, device=place).to(torch.float8_e4m3fn)
            weights = [torch.randn(outputs, inputs, device=place).to(torch.float8_e4m3fn).t() for _ in range(many)]
            once = [
                lambda w=w: torch._scaled_mm(given, w, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)
                for w in weights
            ]
        return self._replayed(once)

    def _on_processor(self, form: str, tokens: int, inputs: int, outputs: int) -> Run:
        entries = self.entries[form]
        weights = cycle([part.reshape(inputs, outputs) for part in entries.split(inputs * outputs)
                         if len(part) == inputs * outputs])  # fmt: skip
        given = self.torch.randn(tokens, inputs, dtype=entries.dtype)
        return _one_by_one(lambda: given @ next(weights))

    def _replayed(self, once: Sequence[Callable[[], object]]) -> Run:
        """Products of each weight in turn, captured in a graph and replayed."""
        torch = self.torch
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.inference_mode(), torch.cuda.stream(aside):
            for each in once[:2]:
                each()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.graph(graph):
            for each in once:
                each()

        def run(times: int) -> tuple[float, int]:
            rounds = max(1, round(times / len(once)))
            began, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            torch.cuda.synchronize()
            began.record()
            for _ in range(rounds):
                graph.replay()
            ended.record()
            torch.cuda.synchronize()
            return float(began.elapsed_time(ended)) / 1e3, rounds * len(once)

        return run


class Meter(NamedTuple):
    """What energy is read from: its name, and joules since some beginning; None: it cannot be read."""

    name: str
    joules: Callable[[], float] | None


def meters(on_gpu: bool) -> Meter:
    """The counter of the GPU (NVML), of the processor's package (RAPL), or none."""
    if on_gpu:
        try:
            pynvml: Any = import_module("pynvml")
            pynvml.nvmlInit()
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
            return Meter("nvml", lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1e3)
        except Exception:  # no library, no driver, a card without the counter: one answer, no meter
            return Meter("", None)
    packages = [zone / "energy_uj" for zone in sorted(RAPL.glob("intel-rapl:[0-9]"))]
    try:
        for file in packages:
            file.read_text()
    except OSError:
        packages = []
    if not packages:
        return Meter("", None)
    return Meter("rapl", lambda: sum(int(file.read_text()) for file in packages) / 1e6)


def machine(library: str | None = None) -> Machine:
    """The machine through PyTorch where it is installed, else through NumPy; or through the one that is named.

    Raises:
        BitnetCostError: PyTorch is asked for and not installed.
    """
    if library != "numpy":
        try:
            return Torch(import_module("torch"))
        except ImportError:
            if library == "torch":
                raise BitnetCostError("--library torch: PyTorch is not installed") from None
    return Processor()


def measure(
    on: Machine, seconds: float, say: Callable[[str], None], watts: tuple[float, float] | None = None
) -> list[Row]:
    """Rows of a machine: what it is, its power at rest, a launch, and products by format and shape.

    Args:
        on: the machine.
        seconds: time for all of it, about.
        say: takes a line of progress.
        watts: power at rest and at work, read from a wall meter; a counter of the machine is preferred.
    """
    meter = meters(on_gpu=bool(getattr(on, "cuda", False)))
    row = partial(Row, device=on.name, library=on.library)
    rows = [row("device", "device", memory_bytes=on.memory_bytes)]
    say(f"{on.name}, {on.library}; " + (f"energy from {meter.name}" if meter.joules else "no energy counter"))
    if meter.joules is not None:
        _, power = _watched(meter.joules, partial(time.sleep, max(COUNTER_WINDOW, min(2.0, seconds / 20))))
        rows.append(row("idle", "idle", power_w=power, meter=meter.name))
    elif watts is not None:
        rows.append(row("idle", "idle", power_w=watts[0], meter="wall, typed in"))
    cases = [
        Case(form, tokens, *shape)
        for form in on.formats
        for shape in on.shapes
        for tokens in dict.fromkeys(max(LEAST_TOKENS.get(form, 1), tokens) for tokens in on.tokens)
    ]
    window = max(COUNTER_WINDOW if meter.joules else LEAST_WINDOW, 0.7 * seconds / (len(cases) + 1))
    with contextlib.suppress(RuntimeError):
        small = on.product(on.formats[0], 1, 64, 64)
        took, joules = _energy(small, _best(small, LEAST_WINDOW), meter, window)
        rows.append(row("launch", "launch", format=on.formats[0], tokens=1, inputs=64, outputs=64, seconds=took,
                        power_w=joules and joules / took, meter=meter.name if joules else ""))  # fmt: skip
    for case, took, joules in _timed(on, cases, meter, seconds, window, say):
        known = joules if meter.joules else watts and watts[1] * took
        power = known / took if known else None
        name = meter.name if meter.joules else "wall, typed in" if watts else ""
        rows.append(
            row(case.name, "product", format=case.form, tokens=case.tokens, inputs=case.inputs, outputs=case.outputs,
                seconds=took, energy_j=known, power_w=power, meter=name)
        )  # fmt: skip
        say(f"{case.name}: {digits(took * 1e6, 4)} us" + (f", {digits(power, 3)} W" if power else ""))
    products = sum(r.what == "product" for r in rows)
    if products < len(cases):
        say(f"{products} of {len(cases)} products measured; for the others repeat it, longer (--seconds) or at rest")
    return rows


class Case(NamedTuple):
    """A product to be measured."""

    form: str
    tokens: int
    inputs: int
    outputs: int

    @property
    def name(self) -> str:
        """Made of the format and the shape."""
        return f"{self.form}-{self.tokens}x{self.inputs}x{self.outputs}"


def _timed(
    on: Machine, cases: Sequence[Case], meter: Meter, seconds: float, window: float, say: Callable[[str], None]
) -> Iterator[tuple[Case, float, float | None]]:
    """Each product with its seconds and, by the counter, its joules; left out are those that could not be measured."""
    if getattr(on, "cuda", False):  # one after the other: the weights of all would not fit
        for case in cases:
            try:
                run = on.product(*case)
                took, joules = _energy(run, _best(run, LEAST_WINDOW), meter, window)
            except RuntimeError as fault:  # a format or a shape that this build has no kernel for
                say(f"{case.name}: left out, {str(fault).splitlines()[0]}")
                continue
            yield case, took, joules
        return
    runs = {case: on.product(*case) for case in cases}
    for case, found in _rounds(runs, seconds * (0.3 if meter.joules else 0.9)).items():
        if not _agreed(found):
            say(f"{case.name}: left out, other programs interrupted it; {len(found)} of its repeats were whole")
            continue
        least = min(found)
        yield case, least, _energy(runs[case], least, meter, window)[1]


def _energy(run: Run, each: float, meter: Meter, window: float) -> tuple[float, float | None]:
    """Seconds and joules of a product over a window in which it is repeated; without a counter only its seconds."""
    if meter.joules is None:
        return each, None
    (whole, times), power = _watched(meter.joules, partial(run, max(1, round(window / each))))
    return whole / times, power and power * whole / times


def _watched(joules: Callable[[], float], work: Callable[[], T]) -> tuple[T, float | None]:
    """What work returns, and the mean power between the first and the last step of a counter while it ran.  [W]

    None if the counter hardly moved: the time since its last step is no part of what it shows.
    """
    steps, over = [(time.perf_counter(), joules())], threading.Event()

    def watch() -> None:
        while not over.wait(POLL):
            now = joules()
            if now != steps[-1][1]:
                steps.append((time.perf_counter(), now))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        found = work()
    finally:
        over.set()
        watcher.join()
    if len(steps) < 3:
        return found, None
    (began, before), (ended, after) = steps[1], steps[-1]
    return found, (after - before) / (ended - began)


def _rounds(runs: Mapping[Case, Run], seconds: float) -> dict[Case, list[float]]:
    """Seconds of each product where nothing interrupted it, in turn, so that a burst of other work spoils none.

    Those whose fastest repeats agree take every fifth turn, once every product had its first rounds.
    """
    found: dict[Case, list[float]] = {case: [] for case in runs}
    times = {case: max(1, int(SHORTEST / run(2)[0])) for case, run in runs.items()}
    end, rounds = time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        rounds += 1
        for case, run in runs.items():
            if rounds % 5 and rounds > 5 and _agreed(found[case]):
                continue
            if not found[case]:
                time.sleep(TURN)  # who slept runs longer before others have their turn
            turn = time.perf_counter() + TURN
            while time.perf_counter() < turn:
                worked = time.process_time()
                took, many = run(times[case])
                if time.process_time() - worked > WORKED * took:
                    found[case].append(took / many)
    return found


def _agreed(found: Sequence[float]) -> bool:
    """Whether the fastest repeats agree."""
    fastest = sorted(found)[:REPEATED]
    return len(fastest) == REPEATED and fastest[-1] < fastest[0] * (1 + AGREEING)


def _best(run: Run, window: float) -> float:
    """Seconds of one product: the least of three means over a window, after a first that warms up."""
    wanted = 1
    took, times = run(wanted)
    while took < window / 4 and wanted < 2**24:
        wanted *= 2
        took, times = run(wanted)
    found = [took / times]
    for _ in range(2):
        took, times = run(wanted)
        found.append(took / times)
    return min(found)


def copies(size: int, inputs: int, outputs: int) -> int:
    """How many matrices of entries of ``size`` bytes are taken in turn."""
    return max(2, min(512, -(-BEYOND_CACHES // (size * inputs * outputs))))


def _cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor_name() -> str:
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/", "proc", "cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def csv_text(rows: Sequence[Row]) -> str:
    """The rows as CSV, a line each, below the names of their fields."""
    told = io.StringIO()
    writer = csv.DictWriter(told, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in asdict(row).items()} for row in rows)
    return told.getvalue()


def read_rows(text: str, path: str) -> Iterator[Row]:
    """The rows of such a CSV.

    Raises:
        BitnetCostError: a column is missing, or a cell does not hold a number of its column.
    """
    headings, lines = parse_csv(text, path)
    wanted = [field.name for field in fields(Row)]
    missing = [name for name in wanted if name not in headings]
    if missing:
        raise BitnetCostError(f"{path}: has no column {', '.join(missing)}; write it with 'calibrate measure'")
    for line, cells in enumerate(lines, start=2):
        known: dict[str, Any] = {}
        for name in wanted:
            cell, kind = cells.get(name) or "", Row.__annotations__[name]
            try:
                known[name] = cell if kind == "str" else None if cell == "" else _positive(cell, whole="int" in kind)
            except ValueError:
                raise BitnetCostError(f"{path}: line {line}: {name} is {cell!r}; expected a positive number") from None
        if known["what"] == "product" and known["format"] not in SIZES:
            raise BitnetCostError(f"{path}: line {line}: format {known['format']!r} is none of {', '.join(SIZES)}")
        yield Row(**known)


def _positive(cell: str, *, whole: bool) -> float | int:
    value = int(cell) if whole else float(cell)
    if not 0 < value < 1e18:
        raise ValueError(cell)
    return value
