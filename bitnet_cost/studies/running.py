"""Running a sweep: partitions over processes or a Dask cluster, in order, into a file or a folder of parts."""

from __future__ import annotations

import _thread
import contextlib
import hashlib
import json
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, TypeVar

from bitnet_cost import __version__
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.numerals import digits, fixed, with_commas, with_prefix
from bitnet_cost.studies.progress import EVERY, Progress
from bitnet_cost.studies.sweep import PARTITION, Plan
from bitnet_cost.studies.sweep_columns import Columns
from bitnet_cost.studies.sweep_parts import completed, joined, partition
from bitnet_cost.views import columns as files
from bitnet_cost.views.files import whole_or_nothing, write_first
from bitnet_cost.words import Engine

Outcome = tuple[int, Columns]
Piece = tuple[int, bytes | list[Outcome]]  # rows, encoded where they are many enough for a group of their own
T = TypeVar("T")
MANIFEST = "_manifest.json"  # readers of a folder of Parquet skip names that begin so
MANIFEST_BEFORE = "manifest.json"  # of folders that were begun with version 0.1
MOST_OF_MANIFEST = 1 << 20  # characters
FEW = files.ROWS // 8  # rows that make no group of their own in a file
START: Literal["forkserver", "spawn"] = "forkserver" if sys.platform != "win32" else "spawn"  # of processes
AHEAD = 3  # partitions under way for each worker: enough to keep it busy, few enough to hold

_plans: list[Plan] = []  # the one of this worker process
_busy: list[int] = []  # what it has worked on: before that there is nothing to leave in order
_counts: list[Any] = []  # points evaluated, shared with the parent
_pools: dict[int, Any] = {}  # of processes, for the threads of a Dask worker in this one


def _begin(whole: Plan, wanted: Connection, done: Any) -> None:
    _plans.append(whole)  # sent once, not with every partition
    _counts.append(done)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and ends its workers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_unwanted, args=(wanted,), daemon=True).start()


def _end_unwanted(wanted: Connection) -> None:
    """End this worker that is no longer waited for: the other end of a pipe is closed, or its process is gone.

    The partition at hand is left, and its temporary file removed; what does not end by itself is ended.
    """
    with contextlib.suppress(EOFError, OSError):
        wanted.recv_bytes()
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # no one waits for what it would say of being ended
    time.sleep(0.1)  # until the others are silent too: one that ends within a message leaves the rest of it to the next
    if _busy:
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(2)
    os._exit(1)


def _work(task: Callable[[Plan, int], T], number: int) -> T:
    _busy.append(number)
    return task(_plans[-1], number)


def _in_order(
    submit: Callable[[int], Any], numbers: Iterable[int], most: int, result: Callable[[Any], T]
) -> Iterator[T]:
    """Results in the order of the numbers, at most ``most`` under way."""
    under_way: deque[Any] = deque()
    for number in numbers:
        under_way.append(submit(number))
        if len(under_way) >= most:
            yield result(under_way.popleft())
    while under_way:
        yield result(under_way.popleft())


def in_processes(
    whole: Plan, workers: int, numbers: list[int] | range, task: Callable[[Plan, int], T], progress: Progress,
    engine: Engine = "processes",
) -> Iterator[T]:  # fmt: skip
    """What a task makes of the numbers, in their order, from as many processes; one worker runs them here.

    They are submitted to a pool, or to a Dask cluster whose tasks run in it.

    Raises:
        BitnetCostError: a process was ended from outside, or Dask is not installed.
    """
    dask = engine == "dask"
    if not numbers or (not dask and (workers == 1 or len(numbers) == 1)):
        _counts.append(progress)
        try:
            for number in numbers:
                yield task(whole, number)
        finally:
            _counts.pop()
        return
    from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

    context = multiprocessing.get_context(START)
    wanted, waits = context.Pipe(duplex=False)
    done = _Count(context.Value("q"))
    workers = min(workers, len(numbers))
    pool = ProcessPoolExecutor(workers, context, _begin, (whole, wanted, done))

    def start() -> None:
        with contextlib.suppress(Exception):  # a task will say it again
            for _ in range(workers):
                pool.submit(int)

    def result(future: Any) -> T:
        ended = threading.Event()
        future.add_done_callback(lambda _: ended.set())
        while not ended.wait(EVERY):
            progress.set(done.points)
        progress.set(done.points)
        found: T = future.result()
        return found

    starting = threading.Thread(target=start)  # meanwhile Dask is imported; no interrupt leaves one half started
    starting.start()
    try:
        with _cluster(pool, workers) if dask else contextlib.nullcontext(pool.submit) as submit:
            try:
                yield from _in_order(lambda number: submit(_work, task, number), numbers, AHEAD * workers, result)
            except BaseException:  # an interrupt among others: parts under way could take half a minute to end
                waits.close()
                raise
    except BrokenExecutor:
        raise BitnetCostError("a worker process was ended from outside; -o FOLDER/ with --resume keeps parts") from None
    finally:
        starting.join()
        pool.shutdown(wait=True, cancel_futures=True)
        waits.close()
        wanted.close()


@contextlib.contextmanager
def _cluster(pool: Any, workers: int) -> Iterator[Callable[..., Any]]:
    """What submits to a Dask cluster in this process, whose tasks run in a pool of processes.

    What goes to its worker and back is not encoded on the way; no page shows it, and no other machine reaches it.
    """
    dask = _dask()
    quiet = {"protocol": "inproc://", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    worker = {"cls": dask.Worker, "options": {**quiet, "nthreads": AHEAD * workers, "memory_limit": None}}
    scheduler = {"cls": dask.Scheduler, "options": quiet}
    _pools[id(pool)] = pool
    try:
        with (
            dask.SpecCluster(workers={0: worker}, scheduler=scheduler, silence_logs=logging.CRITICAL) as cluster,
            dask.Client(cluster) as connected,
        ):
            yield partial(connected.submit, _in_pool, id(pool), pure=False)
    finally:
        del _pools[id(pool)]


def _in_pool(pool: int, *call: Any) -> Any:
    """What a process makes of a call; a thread waits for it.

    A pool that were the executor of Dask's worker would import Dask in each process, and have its futures cancelled.
    """
    return _pools[pool].submit(*call).result()


class _Count:
    """Points that several processes have evaluated."""

    def __init__(self, shared: Any) -> None:
        self._shared = shared

    def add(self, points: int) -> None:
        """Count points that are done."""
        with self._shared.get_lock():
            self._shared.value += points

    @property
    def points(self) -> int:
        """How many there are."""
        return int(self._shared.value)


def counted(whole: Plan, number: int) -> Outcome:
    """A partition's rows; its points are counted as done."""
    found = partition(whole, number)
    for count in _counts[-1:]:
        count.add(points_of(whole, [number]))
    return found


def reduced(whole: Plan, outcomes: Iterable[Outcome]) -> Outcome:
    """The front or the best of several parts."""
    found: Columns = {}
    for _, part in outcomes:
        found = joined(whole, [found, part] if found else [part])
    return len(found["index"]), found


def counted_reduced(whole: Plan, number: int, *, each: int) -> Outcome:
    """The front or the best of ``each`` partitions; their points are counted as done."""
    return reduced(whole, (counted(whole, n) for n in part_numbers(whole, each, number)))


def points_of(whole: Plan, numbers: Iterable[int]) -> int:
    """The points of some partitions."""
    return sum(stop - start for _, start, stop in map(whole.span, numbers))


def encoded(whole: Plan, number: int, *, suffix: str, each: int) -> Piece:
    """The rows of ``each`` partitions, as a part of a file; few rows are left for others to join."""
    several = [counted(whole, n) for n in part_numbers(whole, each, number)]
    rows = sum(count for count, _ in several)
    if rows < FEW:
        return rows, several
    writer = writer_of(whole, None, suffix)
    for count, columns in several:
        writer.write(columns, count)
    return rows, writer.close()


@lru_cache(maxsize=4)
def _unpacked(packed: bytes) -> Plan:
    plan: Plan = pickle.loads(packed)
    return plan


def _of_packed(packed: bytes, task: Callable[[Plan, int], T], number: int) -> T:
    """What a task makes of a number, of a plan that a worker unpacks once."""
    return task(_unpacked(packed), number)


def in_dask(whole: Plan, scheduler: str, numbers: list[int] | range, task: Callable[[Plan, int], T]) -> Iterator[T]:
    """What a task makes of the numbers, in their order, on the Dask cluster of a scheduler.

    A partition depends on the plan and its number alone, so one that is lost with its worker runs again elsewhere.

    Raises:
        BitnetCostError: Dask is not installed, or the scheduler does not answer.
    """
    client = _dask().Client
    try:
        connected = client(scheduler, timeout=20)
    except (OSError, ValueError) as error:
        raise BitnetCostError(f"scheduler: {scheduler}: does not answer ({error})") from None
    with connected:
        packed = pickle.dumps(whole)  # each task brings it: what lies on a worker alone is lost with that worker
        submit = partial(connected.submit, _of_packed, packed, task, pure=False, retries=3)
        most = AHEAD * max(2, sum(connected.nthreads().values()))
        yield from _in_order(submit, numbers, most, lambda future: future.result())


def _dask() -> Any:
    """Dask, with clusters.

    Raises:
        BitnetCostError: it is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise BitnetCostError(
            "--engine dask needs Dask: pip install distributed (the extra bitnet-cost[dask])"
        ) from None
    return distributed


class Runner:
    """A plan and the means to run it."""

    def __init__(
        self, whole: Plan, *, workers: int | None = None, engine: Engine = "processes", scheduler: str | None = None,
        watched: bool = False,
    ) -> None:  # fmt: skip
        if workers is not None and not 1 <= workers <= 1024:
            raise BitnetCostError(f"workers: {workers} is not a whole number from 1 to 1024")
        if scheduler is not None and engine != "dask":
            raise BitnetCostError("scheduler: needs --engine dask")
        self.whole = whole
        self.workers = workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else workers or 1
        self.engine, self.scheduler = engine, scheduler
        self.progress = Progress(whole.points, "points", watched)

    def results(self, numbers: list[int] | range, task: Callable[[Plan, int], T], each: int = 1) -> Iterator[T]:
        """What a task makes of the numbers, in their order; a number is of ``each`` partitions."""
        if self.scheduler is None:
            yield from in_processes(self.whole, self.workers, numbers, task, self.progress, self.engine)
            return
        found = in_dask(self.whole, self.scheduler, numbers, task)
        for number, result in zip(numbers, found, strict=True):
            self.progress.add(points_of(self.whole, part_numbers(self.whole, each, number)))
            yield result

    def reduced_rows(self) -> tuple[int, Columns]:
        """The front or the best of the whole grid: how many rows, and their columns."""
        each = max(1, min(4, self.whole.partitions // 48))  # Dask needs 3 ms a task, a partition 30
        tasks = range(-(-self.whole.partitions // each))
        rows, found = reduced(self.whole, self.results(tasks, partial(counted_reduced, each=each), each))
        return rows, completed(self.whole, found)

    def every(self) -> Iterator[Outcome]:
        """All kept rows: those of each partition, or the front or the best of the whole grid."""
        if self.whole.reducing:
            yield self.reduced_rows()
        else:
            yield from self.results(range(self.whole.partitions), counted)

    def pieces(self, suffix: str) -> Iterator[Piece]:
        """All kept rows as parts of a file, those of some partitions together."""
        if self.whole.reducing:
            outcome = self.reduced_rows()
            yield outcome[0], [outcome]
            return
        each = max(1, files.ROWS // PARTITION) if suffix == ".parquet" else 1  # text is large
        pieces = range(-(-self.whole.partitions // each))
        yield from self.results(pieces, partial(encoded, suffix=suffix, each=each), each)

    def to_file(self, name: str) -> int:
        """Write one Parquet or CSV file, only when complete; how many rows it has.

        Raises:
            BitnetCostError: another suffix, a place that cannot be written, pyarrow missing.
        """
        suffix = Path(name).suffix.lower()
        if suffix not in (".parquet", ".csv"):
            raise BitnetCostError(f"{name}: write a .parquet or .csv file, or a folder (a name that ends in /)")
        if suffix == ".parquet":
            files.parquet()
        with whole_or_nothing(name, "; nothing was written") as temporary:
            return _write(writer_of(self.whole, temporary, suffix), self.pieces(suffix))

    def to_folder(self, name: str, *, resume: bool) -> int:
        """Write one Parquet file for each run of partitions and a manifest; how many rows were written now.

        Each part appears under its name when it is whole. With ``resume`` the parts that are there are left alone.

        Raises:
            BitnetCostError: a folder of another sweep, or one that is not empty and not to be resumed.
        """
        files.parquet()
        if self.whole.reducing:
            raise BitnetCostError("a front or the best is one file; give a name that ends in .parquet or .csv")
        folder = Path(name)
        each = max(1, PART_ROWS // PARTITION)
        count = -(-self.whole.partitions // each)
        manifest = {
            "schema": "bitnet-cost/sweep-parts/1", "version": __version__, "sweep": self.identity(),
            "points": self.whole.points, "parts": count, "partitions_each": each,
        }  # fmt: skip
        self._begin_folder(folder, manifest, resume)
        missing = [i for i in range(count) if not self._is_part(folder / part_name(i))]
        points = sum(points_of(self.whole, part_numbers(self.whole, each, i)) for i in missing)
        self.progress = Progress(points, "points", self.progress.watched, self.whole.points)
        if self.scheduler is None:
            return sum(self.results(missing, partial(write_part, folder=folder, each=each)))
        found = self.results(missing, partial(encoded, suffix=".parquet", each=each), each)
        # its workers may not see the folder: what they find is written here
        return sum(save_part(self.whole, i, [piece], folder) for i, piece in zip(missing, found, strict=True))

    def _begin_folder(self, folder: Path, manifest: dict[str, Any], resume: bool) -> None:
        """Make the folder and its manifest, or see that they are those of this sweep."""
        try:
            folder.mkdir(exist_ok=True)
            there = [p.name for p in folder.iterdir() if not p.name.startswith(".")]
        except OSError as error:
            raise BitnetCostError(f"{folder}: cannot be written ({error.strerror or error})") from error
        taken = BitnetCostError(f"{folder}: is not empty; --resume continues the sweep that began there")
        if there and not resume:
            raise taken
        if there:
            self._same_sweep(folder, manifest)
        if MANIFEST not in there and not write_first(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n"):
            raise taken
        (folder / MANIFEST_BEFORE).unlink(missing_ok=True)

    def _is_part(self, path: Path) -> bool:
        """Whether a part is there and whole; a copy that was cut off is not.

        Raises:
            BitnetCostError: a part of another sweep.
        """
        if not path.is_file():
            return False
        try:
            held = files.parquet().read_schema(path).metadata or {}
        except (OSError, ValueError):
            return False
        if held.get(b"bitnet-cost") != files.as_metadata(self.whole.inputs()).encode():
            raise BitnetCostError(f"{path}: is a part of another sweep; move it away, or write to a new folder")
        return True

    def identity(self) -> str:
        """SHA-256 of everything that went in: sweeps of one identity have the same rows."""
        inputs = self.whole.inputs()
        return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()

    @staticmethod
    def _same_sweep(folder: Path, manifest: dict[str, Any]) -> None:
        names = [name for name in (MANIFEST, MANIFEST_BEFORE) if (folder / name).is_file()] or [MANIFEST]
        try:
            with open(folder / names[0], encoding="utf-8") as stream:
                found = json.loads(stream.read(MOST_OF_MANIFEST))
        except (OSError, ValueError, RecursionError):
            raise BitnetCostError(f"{folder}: has no readable {MANIFEST}; no sweep can be resumed here") from None
        if found != manifest:
            raise BitnetCostError(
                f"{folder}: was begun by another sweep, other inputs or another version; write to a new folder"
            )

    def forecast(self) -> dict[str, float]:
        """Points, seconds and bytes of the whole, from a sample that is evaluated and encoded here."""
        middle = self.whole.partitions // 2
        samples = sorted({0, middle, self.whole.partitions - 1})
        partition(self.whole, 0)
        start = time.perf_counter()
        points, rows, size = 0, 0, 0
        for number in samples:
            kept, part = partition(self.whole, number)
            _, first, last = self.whole.span(number)
            points, rows = points + last - first, rows + kept
            size += self._encoded(completed(self.whole, part) if self.whole.reducing else part, kept)
        seconds = (time.perf_counter() - start) / points
        return {
            "points": self.whole.points,
            "seconds": seconds * self.whole.points / min(self.workers, self.whole.partitions),
            "bytes": size if self.whole.reducing else size / points * self.whole.points,
        }

    def _encoded(self, part: Columns, rows: int) -> int:
        """Bytes of some rows in Parquet, or as 64-bit figures where it is not installed."""
        try:
            files.parquet()
        except BitnetCostError:
            return 8 * len(self.whole.kinds) * rows
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "sample.parquet")
            writer = files.ParquetWriter(path, self.whole.kinds, self.whole.units(), {})
            writer.write(part, rows)
            writer.close()
            return os.path.getsize(path)


def forecast_text(found: dict[str, float]) -> str:
    r"""What a dry run prints.

    >>> forecast_text({"points": 1e7, "seconds": 12.3, "bytes": 8.1e8})
    '10,000,000 points, about 12 s and 810 MB\n'
    """
    points, size = with_commas(found["points"]), with_prefix(found["bytes"], "B", 3)
    return f"{points} points, about {digits(found['seconds'], 2)} s and {size}\n"


def done_text(output: str, rows: int, progress: Progress) -> str:
    """What a run prints at its end: what it did and, where it continued a folder, what the whole holds."""
    seconds = max(progress.seconds, 1e-9)
    text = f"{with_commas(rows)} rows of {with_commas(progress.done)} points in {fixed(seconds, 1)} s"
    text += f", {with_commas(progress.done / seconds)} points/s"
    left = progress.whole - progress.done
    if not left:
        return f"{output}: {text}"
    held = f"{with_commas(rows_in(Path(output)))} rows of {with_commas(progress.whole)} points"
    if not progress.done:
        return f"{output}: nothing was missing; it holds {held}"
    return f"{output}: {text}; in total it holds {held}"


def rows_in(folder: Path) -> int:
    """The rows of a folder's parts, from their footers."""
    return sum(files.parquet().read_metadata(part).num_rows for part in folder.glob("part-*.parquet"))


def interrupted_text(output: str) -> str:
    """What a run that is interrupted prints: a folder can be continued, of a file nothing is left."""
    if is_folder(output) and (Path(output) / MANIFEST).is_file():
        return f"{output}: interrupted; --resume continues"
    return f"{output}: interrupted; nothing was written"


def is_folder(output: str) -> bool:
    """Whether a sweep is to be written in parts: the name ends in a separator, or is a folder."""
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


PART_ROWS = 1 << 20  # points of one part


def part_name(number: int) -> str:
    """The file of a part."""
    return f"part-{number:06d}.parquet"


def part_numbers(whole: Plan, each: int, part: int) -> range:
    """The partitions of a part."""
    return range(part * each, min((part + 1) * each, whole.partitions))


def writer_of(whole: Plan, path: str | None, suffix: str) -> files.Writer:
    """A file for a sweep's rows; without a path a part of one, in memory."""
    if suffix == ".csv":
        return files.CsvWriter(path, whole.kinds)
    return files.ParquetWriter(path, whole.kinds, whole.units(), {} if path is None else whole.inputs())


def write_part(whole: Plan, part: int, *, folder: Path, each: int) -> int:
    """Evaluate and write one part, only when complete; its rows.

    Raises:
        BitnetCostError: a place that cannot be written.
    """
    outcomes = (counted(whole, number) for number in part_numbers(whole, each, part))
    return save_part(whole, part, ((outcome[0], [outcome]) for outcome in outcomes), folder)


def save_part(whole: Plan, part: int, pieces: Iterable[Piece], folder: Path) -> int:
    """Write one part as its pieces come, only when complete; its rows.

    Raises:
        BitnetCostError: a place that cannot be written.
    """
    with whole_or_nothing(str(folder / part_name(part)), "; whole parts stay, and --resume continues") as temporary:
        return _write(writer_of(whole, temporary, ".parquet"), pieces)


def _write(writer: files.Writer, pieces: Iterable[Piece]) -> int:
    """Write rows as they come, and close the file; how many there were."""
    rows = 0
    try:
        for count, rows_or_bytes in pieces:
            rows += count
            if isinstance(rows_or_bytes, bytes):
                writer.add(rows_or_bytes)
                continue
            for some, columns in rows_or_bytes:
                writer.write(columns, some)
    except BaseException:
        with contextlib.suppress(Exception):  # a full disk fails once more, and would hide the first fault
            writer.close()
        raise
    writer.close()
    return rows


def run(whole: Plan, output: str, *, resume: bool = False, **means: Any) -> tuple[int, Progress]:
    """Run a sweep into a file, or into a folder where the name ends in a separator or is one.

    Returns the rows written and the progress with its time.

    Raises:
        BitnetCostError: see `Runner`.
    """
    runner = Runner(whole, **means)
    try:
        if is_folder(output):
            return runner.to_folder(output, resume=resume), runner.progress
        if resume:
            raise BitnetCostError("--resume continues a folder of parts; give a folder (a name that ends in /)")
        return runner.to_file(output), runner.progress
    finally:
        runner.progress.close()
