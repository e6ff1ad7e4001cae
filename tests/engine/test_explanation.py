"""What `explain` prints recomputes to the cell: each line is read back and evaluated."""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections.abc import Callable

import pytest

from bitnet_cost.readers import catalog
from bitnet_cost.studies import validation
from tests.conftest import Ran

Cli = Callable[..., Ran]
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
CALLS: dict[str, Callable[..., float]] = {"max": max, "min": min, "ceil": math.ceil, "floor": math.floor}
LINE = re.compile(r"  (?P<name>.+?) \[(?P<unit>[^\]]+)\] = (?P<expression>.+) = (?P<value>[^ =]+)")


def evaluate(text: str) -> float:
    """A printed expression: numbers, x, /, +, -, ^, brackets, max, min, ceil and floor."""

    def walk(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand)
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](walk(node.left), walk(node.right))
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        return float(CALLS[node.func.id](*map(walk, node.args)))

    return walk(ast.parse(text.replace(" x ", " * ").replace(" ^ ", " ** "), mode="eval").body)


def recomputed(text: str, cell: str) -> float:
    """The last line of the arithmetic, after evaluating every line and following each figure to an earlier line."""
    block = text.split("\nArithmetic\n")[1].split("\n\n", maxsplit=1)[0]
    lines = [LINE.fullmatch(line) for line in block.splitlines()]
    assert all(lines), [line for line, m in zip(block.splitlines(), lines, strict=True) if not m]
    value = math.nan
    for match in lines:
        assert match
        value = evaluate(match["expression"])
        assert value == pytest.approx(float(match["value"]), rel=1e-9, abs=1e-12), match[0]
    assert lines[-1]
    assert lines[-1]["name"] == cell
    return value


STUDY = catalog.study("overview-175b")


def study_cells() -> list[tuple[str, str, str, str, float]]:
    """(hardware, precision, baseline, cell, modelled) of every cell of the 175B study."""
    found = []
    for c in validation.outcome(STUDY).cells:
        table = next(t for t in STUDY.tables if t.title == c.table)
        row = next(r for r in table.rows if r.label == c.row)
        column = next(k for k in table.columns if k.label == c.column)
        hardware = column.hardware or "cmos-45nm"
        precision = row.precision or table.options.precision or ""
        quantity = column.quantity or table.options.quantity
        baseline = table.options.baseline or "fp32"
        if quantity == "ideal_weights":
            found.append((hardware, precision, baseline, "ideal_weights_bytes", c.modelled * 1e9))
            continue
        found.append((hardware, precision, baseline, "saving", c.modelled / 100))
        if c.share is not None:
            found.append((hardware, precision, baseline, f"must_stay:{c.printed:g}", c.share))
    return found


@pytest.mark.parametrize(("hardware", "precision", "baseline", "cell", "modelled"), study_cells())
def test_every_cell_of_the_175b_study(
    hardware: str, precision: str, baseline: str, cell: str, modelled: float, bitnet_cost: Cli
) -> None:
    ran = bitnet_cost("explain", "175B", "-H", hardware, "-p", precision, "--baseline", baseline, "--cell", cell)
    assert ran.code == 0, ran.err
    assert recomputed(ran.out, cell) == pytest.approx(modelled, rel=1e-9)
    for heading in ("Formula", "Arithmetic", "Conventions", "Not counted"):
        assert f"\n{heading}\n" in ran.out


FIELDS = (
    "parameters", "ideal_weights_bytes", "weights_bytes", "kv_cache_bytes", "peak_activation_bytes", "footprint_bytes",
    "mac", "mul", "add", "special", "energy_j", "energy_low_j", "energy_high_j", "saving", "saving_low", "saving_high",
)  # fmt: skip
DEVICE_FIELDS = (
    "capacity_bytes", "energy_per_token_j", "prefill_s", "decode_s", "latency_s", "tokens_per_s", "power_w",
    "carbon_g", "cost_usd",
)  # fmt: skip
QUESTIONS = {
    "node": ("gpt2", "-H", "cmos-7nm", "-p", "w4a16", "--scope", "compute", "--baseline", "fp16"),
    "generating": ("gemma-3-1b", "-H", "cmos-45nm", "-p", "bitnet-b1.58", "--generate", "20", "--baseline", "fp16"),
    "size": ("30B", "-H", "cmos-45nm", "-p", "int8", "--accumulator", "int32"),
    "gpu": ("llama-2-7b", "-H", "h100-sxm-80gb", "-p", "bitnet", "--baseline", "fp16", "--carbon", "400", "--price", "0.2"),
    "chunks": ("mistral-7b", "-H", "h100-sxm-80gb", "-p", "int8", "--baseline", "fp16", "--runtime", "vllm", "--prompt",
               "9000", "--batch", "2", "--carbon", "400", "--price", "0.2", "--pue", "1.3", "--scope", "facility"),
    "two": ("llama-2-7b", "-H", "a100-sxm-80gb", "-p", "fp16", "--baseline", "fp32", "--devices", "2", "--carbon", "deu",
            "--price", "0.2"),
    "laptop": ("llama-2-7b", "-H", "intel-i7-13700h", "-p", "bitnet-b1.58", "--baseline", "int8", "--carbon", "9",
               "--price", "1"),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_field_of_a_record(question: str, bitnet_cost: Cli) -> None:
    words = QUESTIONS[question]
    document = json.loads(bitnet_cost("estimate", *words, "-f", "json").out)
    (record,) = document["records"]
    fields = FIELDS if record["prefill_s"] is None else (*FIELDS, *DEVICE_FIELDS)
    for field in fields:
        ran = bitnet_cost("explain", *words, "--cell", field)
        assert ran.code == 0, (field, ran.err)
        assert recomputed(ran.out, field) == pytest.approx(record[field], rel=1e-9, abs=1e-13), field
    for kind in ("mac", "mul", "add"):
        row = document["operations"][0]
        cell = f"{kind}:{row['phase']}:{row['op']}"
        ran = bitnet_cost("explain", *words, "--cell", cell)
        assert recomputed(ran.out, cell) == pytest.approx(row[kind], rel=1e-9), cell
    for row in document["components"]:
        cell = f"component:{row['component']}"
        assert recomputed(bitnet_cost("explain", *words, "--cell", cell).out, cell) == pytest.approx(row["energy_j"])
    if record["scope"] == "facility":
        return  # the facility's part of an operator is in its row, and is multiplied here
    for row in document["operations"][::4]:
        cell = f"op:{row['phase']}:{row['op']}"
        ran = bitnet_cost("explain", *words, "--cell", cell)
        assert recomputed(ran.out, cell) == pytest.approx(row["energy_j"], rel=1e-9, abs=1e-18), cell


def test_counts_are_worked_out_from_layers_and_shapes(bitnet_cost: Cli) -> None:
    out = bitnet_cost("explain", "gpt3-175b", "-p", "fp16", "--cell", "mac").out
    assert "prefill q, MAC [MAC] = 96 x 12288 x 12288 x 512 = 7421703487488" in out  # layers x 12288^2 x tokens
    out = bitnet_cost("explain", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "--cell", "component:hbm").out
    assert "prefill q, hbm.read [bit] = 32 x 4096 x 4096 x 1 x 16 = 8589934592" in out


def test_constants_carry_range_basis_and_source(bitnet_cost: Cli) -> None:
    out = bitnet_cost("explain", "gpt2", "-p", "bitnet", "--cell", "energy_j", "--scope", "compute").out
    assert "add.int8 = 0.03 pJ (0.018 to 0.048 pJ; published, horowitz2014)" in out
    assert re.search(r"exp\.fp16 = .*\* \(.*; assumed, polynomials\)", out)
    assert "* assumed or scaled" in out
    assert "[horowitz2014] Horowitz, M." in out


def test_time_carries_its_constants_too(bitnet_cost: Cli) -> None:
    out = bitnet_cost("explain", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "w1a8", "--cell", "decode_s").out
    assert "device.hierarchy.hbm.bandwidth = 26.8 Tbit/s (exact; published, bekman2024)" in out
    assert "device.rates.int8" in out
    assert "runtime.kernels.lowbit.compute = 0.054*" in out
    assert "kernels.experts" not in out
    assert re.search(r"decode o, launches \[s\] = 32 x 1 x \(\S+ \+ 1e-09 x 4096\) x 127 = ", out)


def test_groups_and_formats(bitnet_cost: Cli) -> None:
    cell = "group:prefill:linear"
    told = json.loads(bitnet_cost("explain", "gpt2", "--cell", cell, "-f", "json").out)
    assert told["steps"][-1]["value"] == told["value"]
    assert bitnet_cost("explain", "gpt2", "--cell", cell, "-f", "csv").out.startswith("name,unit,expression,value\n")
    assert "**Arithmetic**" in bitnet_cost("explain", "gpt2", "--cell", cell, "-f", "markdown").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gpt2", "--cell", "enery_j"), "did you mean 'energy_j'"),
        (("gpt2", "--cell", "prefill_s"), "no clock"),
        (("gpt2", "--cell", "op:gate"), "no such operator"),
        (("gpt2", "--cell", "component:hbm"), "there are the components"),
        (("gpt2", "--cell", "must_stay:99.9"), "exceeds the modelled saving"),
        (("gpt2", "--cell", "must_stay:half"), "no percentage"),
        (("gpt2", "--cell", "carbon_g"), "give --carbon"),
        (("gpt2", "--cell", "energy_per_token_j"), "where tokens are generated"),
        (("gpt3-175b", "--cell", "energy_j", "-H", "h100-sxm-80gb", "-p", "fp16"), "has no energy"),
    ],
)
def test_what_has_no_arithmetic_is_refused_with_the_reason(
    words: tuple[str, ...], message: str, bitnet_cost: Cli
) -> None:
    ran = bitnet_cost("explain", *words)
    assert ran.code == 2
    assert message in ran.err
