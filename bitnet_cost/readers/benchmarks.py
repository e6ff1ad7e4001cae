"""Rows of other people's benchmarks: the CSV of llama-bench, of `vllm bench serve` and of ML.ENERGY.

Which one a file is, its columns say. What they leave out - the model of a file name, the format of weights that were
not quantised - is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.readers import catalog, spelling
from bitnet_cost.readers.csv_file import parse_csv

# Columns that only this benchmark has.
LLAMA_BENCH = ("model_type", "n_prompt", "n_gen", "avg_ts")
VLLM_BENCH = ("mean_tpot_ms", "output_throughput", "completed")
ML_ENERGY = ("model_id", "energy_per_token_joules", "mean_itl_ms", "output_throughput_tokens_per_sec")
OUTPUT = 512  # tokens of an answer, where a row of ML.ENERGY does not say; it moves the cache that is read, no more
_SIZES = {"small": "s", "medium": "m", "large": "l"}
_QUANT = re.compile(r"\b(?:all )?((?:IQ|Q|TQ)[0-9][0-9A-Z_]*|B?F16|F32|MXFP4(?: MoE)?)\b(?: - (Small|Medium|Large))?")


class Given(NamedTuple):
    """What rows leave out: the device and runtime they are of, and if they do not say so model and precision."""

    hardware: str
    runtime: str
    model: str | None = None
    precision: str | None = None


def is_benchmark(headings: Collection[str]) -> bool:
    """Whether the header is of a benchmark that is known here."""
    return _kind(headings) is not None


def _kind(headings: Collection[str]) -> tuple[str, ...] | None:
    return next((kind for kind in (LLAMA_BENCH, VLLM_BENCH, ML_ENERGY) if set(headings) >= set(kind)), None)


def rows(text: str, path: str, given: Given) -> Iterator[Measurement]:
    """The rows of a benchmark as measured rows.

    Raises:
        BitnetCostError: another file, a cell that holds no number, or a row without the name of a model.
    """
    headings, lines = parse_csv(text, path)
    kind = _kind(headings)
    if kind is None:
        every = "; ".join(", ".join(names) for names in (LLAMA_BENCH, VLLM_BENCH, ML_ENERGY))
        raise BitnetCostError(f"{path}: is of no benchmark that is known; expected the columns {every}")
    read = {LLAMA_BENCH: _llama_bench, VLLM_BENCH: _vllm_bench, ML_ENERGY: _ml_energy}[kind]
    for line, cells in enumerate(lines, start=2):
        try:
            yield from read(f"{path}:{line}", cells, given)
        except (ValueError, KeyError, TypeError, ArithmeticError) as fault:
            raise BitnetCostError(f"{path}: line {line}: is no row of its header ({fault})") from None


def _llama_bench(place: str, cells: Mapping[str, str], given: Given) -> Iterator[Measurement]:
    """A test of llama-bench: a prompt worked on, or tokens written after a context of ``n_depth``."""
    prompt, written, rate = int(cells["n_prompt"]), int(cells["n_gen"]), float(cells["avg_ts"])
    if rate <= 0 or (prompt > 0) == (written > 0):  # a mixture of both says nothing of either
        return
    precision = given.precision or quantisation(cells["model_type"])
    model = given.model or _model_of(place, cells.get("model_filename") or cells["model_type"])
    same = _same(place, given, model, precision)
    if prompt:
        yield Measurement(**same, prompt=prompt, generate=1, phase="prefill", seconds=prompt / rate)
    else:
        context = max(1, int(cells.get("n_depth") or 0))
        yield Measurement(**same, prompt=context, generate=written + 1, phase="decode", seconds=1 / rate)


def _vllm_bench(place: str, cells: Mapping[str, str], given: Given) -> Iterator[Measurement]:
    """A run of `vllm bench serve`: the mean batch is rate of tokens times time of one (Little, 1961)."""
    each, rate, done = float(cells["mean_tpot_ms"]) / 1e3, float(cells["output_throughput"]), int(cells["completed"])
    prompt, written = (round(int(cells[f"total_{of}_tokens"]) / done) for of in ("input", "output"))
    model = given.model or _model_of(place, cells.get("model_id") or cells.get("model") or "")
    same = _same(place, given, model, given.precision or "bf16")
    batch = max(1, round(rate * each))
    yield Measurement(**same | {"batch": batch}, prompt=max(1, prompt), generate=max(2, written), phase="serving",
                      seconds=each)  # fmt: skip


def _ml_energy(place: str, cells: Mapping[str, str], given: Given) -> Iterator[Measurement]:
    """A run of the ML.ENERGY benchmark, version 3."""
    if cells.get("is_stable", "").lower() in ("false", "0"):
        return
    each, rate = float(cells["mean_itl_ms"]) / 1e3, float(cells["output_throughput_tokens_per_sec"])
    model = given.model or _model_of(place, cells["model_id"])
    precision = given.precision or {"bfloat16": "bf16", "fp8": "fp8", "mxfp4": "mxfp4_moe"}.get(
        cells.get("weight_precision", "").lower(), "bf16"
    )
    watts = float(cells["avg_power_watts"]) if cells.get("avg_power_watts") else None
    written = round(float(cells.get("avg_output_len") or OUTPUT))
    same = _same(place, given, model, precision) | {
        "batch": max(1, round(rate * each)), "devices": int(cells.get("num_gpus") or 1)
    }  # fmt: skip
    yield Measurement(
        **same, prompt=round(float(cells.get("avg_input_len") or OUTPUT)), generate=max(2, written), phase="serving",
        seconds=each, energy_j_per_token=float(cells["energy_per_token_joules"]), power_w=watts,
    )  # fmt: skip


def _same(place: str, given: Given, model: str, precision: str) -> dict[str, Any]:
    return {
        "id": place, "source": "benchmark", "model": model, "hardware": given.hardware, "runtime": given.runtime,
        "precision": precision,
    }  # fmt: skip


def _model_of(place: str, name: str) -> str:
    """The catalogue's model that a benchmark's name means.

    Raises:
        BitnetCostError: none is.
    """
    stem = name.rsplit("/", 1)[-1].removesuffix(".gguf").lower()
    stem = re.sub(r"[-_.](?:i?q[0-9][a-z0-9_]*|b?f16|f32|mxfp4|fp8)$", "", stem)
    short = stem.removeprefix("meta-")
    for word in (stem, short, re.sub(r"-(?:instruct|it|chat)(?:-.*)?$", "", short)):
        found = spelling.listed("model", word)
        if catalog.has("model", found):
            return found
    raise BitnetCostError(f"{place}: {name!r} names no model of the catalogue; give one with --model")


def quantisation(model_type: str) -> str:
    """The precision of a type as llama-bench prints it.

    >>> [quantisation(t) for t in ("llama 8B Q4_K - Medium", "llama 8B F16", "qwen2 7B all F32", "IQ4_XS - 4.25 bpw")]
    ['q4_k_m', 'fp16', 'fp32', 'iq4_xs']

    Raises:
        BitnetCostError: it names none.
    """
    found = _QUANT.search(model_type)
    name = found[1].lower().replace(" ", "_") if found else ""
    name = {"f16": "fp16", "f32": "fp32"}.get(name, name)
    if found and found[2]:
        name += f"_{_SIZES[found[2].lower()]}"
    if not catalog.has("precision", name):
        raise BitnetCostError(f"{model_type!r} names no precision that is known; give one with --precision")
    return name
