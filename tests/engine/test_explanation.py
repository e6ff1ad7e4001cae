"""What `explain` prints recomputes to the cell: each line is read back and evaluated."""

from __future__ import annotations

import ast
import json
import math
import operator
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from bitnet_cost import api
from bitnet_cost.engine.explain import cells, explain
from bitnet_cost.inputs.facility import Facility
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.answers import Answer
from bitnet_cost.readers import catalog, electricity, machines
from bitnet_cost.studies import validation
from bitnet_cost.views import explanation, records
from tests.conftest import Ran

Cli = Callable[..., Ran]
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
CALLS: dict[str, Callable[..., float]] = {
    "max": max, "min": min, "ceil": math.ceil, "floor": math.floor, "sqrt": math.sqrt, "exp": math.exp,
}  # fmt: skip
LINE = re.compile(r"  (?P<name>.+?) \[(?P<unit>[^\]]+)\] = (?P<expression>.+) = (?P<value>[^ =]+)")


def evaluate(text: str) -> float:
    """A printed expression: numbers, x, /, +, -, ^, brackets, max, min, ceil, floor, sqrt and exp."""

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
    """The last line of the arithmetic, after evaluating every line.

    No line is a bare number, but for one that repeats an earlier line, a zero, or a size that was asked for.
    """
    block = text.split("\nArithmetic\n")[1].split("\n\n", maxsplit=1)[0]
    lines = [LINE.fullmatch(line) for line in block.splitlines()]
    assert all(lines), [line for line, m in zip(block.splitlines(), lines, strict=True) if not m]
    value, known = math.nan, {0.0}
    for match in lines:
        assert match
        bare = match["expression"] == match["value"] and float(match["value"]) not in known
        assert not bare or (match["name"], match["value"]) in SIZES or match["name"] in SEARCHED, match[0]
        known.add(float(match["value"]))
        value = evaluate(match["expression"])
        exact = "exp(" not in match["expression"]  # the engine's own exponential differs in its last bits
        assert value == (float(match["value"]) if exact else pytest.approx(float(match["value"]), rel=1e-12)), match[0]
    assert lines[-1]
    assert lines[-1]["name"] == cell
    return value


SEARCHED = {"largest_batch", "longest_prompt"}  # found by bisection: the footprints of it and of the next are shown
SEARCHED |= {"sequences in a step", *(f"energy of a request, {part}" for part in ("prompt", "steps", "waiting"))}
SEARCHED |= {"carbon_g of a joule", "cost_usd of a joule"}  # inputs
SIZES = {("parameters", "175000000000"), ("parameters", "30000000000")}
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


NODE = {"hardware": "cmos-7nm", "baseline": "fp16"}
GPU = {"hardware": "h100-sxm-80gb", "baseline": "fp16", "generate": 128}
QUESTIONS: dict[str, dict[str, Any]] = {
    "node": NODE | {"model": "gpt2", "precision": "w4a16", "scope": "compute"},
    "node memory": NODE | {"model": "gpt2", "precision": "bitnet", "scope": "memory", "generate": 20, "batch": 2},
    "node traced": NODE | {"model": "gemma-3-1b", "precision": "w4a8kv8", "hardware": "cmos-45nm", "scope": "memory",
                           "counting": "traced", "generate": 3, "prompt": 700},
    "node latent": NODE | {"model": "deepseek-v2-lite", "precision": "int4", "scope": "memory", "generate": 4},
    "node states": NODE | {"model": "mamba2-2.7b", "precision": "bitnet-a4.8", "scope": "memory", "generate": 4},
    "node encoder": NODE | {"model": "bert-base", "precision": "int8", "scope": "memory", "batch": 4},
    "generating": NODE | {"model": "gemma-3-1b", "precision": "bitnet-b1.58", "generate": 20, "batch": 3},
    "traced": NODE | {"model": "mamba2-2.7b", "precision": "int8", "counting": "traced", "generate": 5, "logits": "all"},
    "size": {"model": "30B", "hardware": "cmos-45nm", "precision": "int8", "baseline": "fp32", "accumulator": "int32"},
    "encoder": NODE | {"model": "bert-base", "precision": "bitnet", "scope": "compute", "batch": 4},
    "gpu": GPU | {"model": "llama-2-7b", "precision": "bitnet", "batch": 8},
    "crossing": GPU | {"model": "falcon-7b", "precision": "int4", "hardware": "apple-m2-ultra-gpu-76c", "prompt": 1,
                       "generate": 400},
    "chunks": GPU | {"model": "mistral-7b", "precision": "int8", "runtime": "vllm", "prompt": 9000, "batch": 2,
                     "scope": "facility"},
    "host": GPU | {"model": "gpt2", "precision": "w4a16", "runtime": "vllm-2023", "batch": 5},
    "scores": GPU | {"model": "qwen3-0.6b", "precision": "bitnet-b1.58-tl2", "runtime": "llama.cpp", "prompt": 700},
    "capped": GPU | {"model": "llama-2-7b", "precision": "fp16", "baseline": "int8", "hardware": "apple-m2-ultra",
                     "batch": 32, "prompt": 1000},
    "tensor": GPU | {"model": "llama-2-7b", "precision": "fp16", "baseline": "int8", "devices": 2, "batch": 3},
    "tensor experts": GPU | {"model": "mixtral-8x7b", "precision": "int8", "devices": 4, "batch": 7},
    "pipeline": GPU | {"model": "llama-2-7b", "precision": "bitnet-b1.58", "devices": 4, "parallel": "pipeline",
                       "batch": 6},
    "pipeline of one": GPU | {"model": "mamba-2.8b", "precision": "fp16", "baseline": "fp32", "devices": 2,
                              "parallel": "pipeline", "scope": "facility"},
    "latent": GPU | {"model": "deepseek-v2-lite", "precision": "w4a8kv8", "devices": 2, "batch": 2, "prompt": 40},
    "state space": GPU | {"model": "mamba2-2.7b", "precision": "w1a8", "batch": 2, "scope": "memory"},
    "laptop": {"model": "llama-2-7b", "hardware": "intel-i7-13700h", "precision": "bitnet-b1.58", "baseline": "int8",
               "generate": 128},
    "phone": {"model": "bitnet-b1.58-2b4t", "hardware": "apple-a17-pro", "precision": "bitnet-b1.58",
              "baseline": "int4", "generate": 20},
}  # fmt: skip
COLUMNS = {
    "op": "energy_j", "mac": "mac", "mul": "mul", "add": "add", "special": "special", "seconds": "seconds",
    "weight_bytes": "weight_bytes", "activation_bytes": "activation_bytes", "kv_bytes": "kv_bytes",
}  # fmt: skip


def answered(question: dict[str, Any]) -> Answer:
    """The answer to one of the questions, with a facility around a device."""
    asked = {"scope": None, "runtime": None, "accumulator": "paper", "devices": 1, "parallel": "tensor"} | question
    hardware = catalog.hardware(asked["hardware"])
    intensity, words, zone = electricity.carbon_intensity("deu")
    site = (
        Facility(1.3, intensity, 0.2 / 3.6e6, words, 2.5, "profile", 3.0, zone) if hardware.kind == "device" else None
    )
    work = Workload(asked.get("batch", 1), asked.get("prompt", 512), asked.get("generate", 1), None,
                    asked.get("logits", "last"), asked.get("counting", "serving"))  # fmt: skip
    scenarios = api.scenarios(
        [catalog.model(asked["model"])], [hardware], [catalog.precision(asked["precision"])], work, facility=site,
        **{name: asked[name] for name in ("scope", "runtime", "accumulator", "devices", "parallel")},
    )  # fmt: skip
    return api.answer(scenarios, baseline=catalog.precision(asked["baseline"]))


def told(answer: Answer, cell: str) -> str:
    """What is printed for a cell of an answer's only result."""
    (result,) = answer.results
    baseline = answer.baselines[result.architecture.name, result.hardware.name]
    return explanation.explanation_text(explain(result, baseline, cell, requests_per_day=1e6))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_cell_of_every_table(question: str) -> None:
    answer = answered(QUESTIONS[question])
    document = records.answer_document(replace(answer, requests_per_day=1e6))
    (record,) = document["records"]
    opened = {cell: record[cell] for cell in cells() if record.get(cell) is not None}
    assert len(opened) >= (22 if record["prefill_s"] is not None else 15)
    if record["prefill_s"] is not None:
        assert {"latency_s", "power_w", "carbon_g", "cost_usd"} - opened.keys() <= {"power_w"}
        opened |= {name: document["days"][0][name] for name in ("energy_j_per_day", "carbon_g_per_day")}
        opened["cost_usd_per_year"] = 365 * document["days"][0]["cost_usd_per_day"]
        opened["memory_share"] = record["footprint_bytes"] / record["capacity_bytes"]
    opened |= {f"component:{row['component']}": row["energy_j"] for row in document["components"]}
    for row in document["operations"][::3]:
        columns = {kind: row[column] for kind, column in COLUMNS.items() if row[column] is not None}
        opened |= {f"{kind}:{row['phase']}:{row['op']}": value for kind, value in columns.items()}
    groups: dict[str, float] = {}
    for row in document["operations"]:
        cell = f"{row['phase']}:{row['group']}"
        groups[cell] = groups.get(cell, 0.0) + row["energy_j"]
    opened |= {f"group:{cell}": value for cell, value in groups.items()}
    opened |= {f"share:group:{cell}": value / record["energy_j"] for cell, value in groups.items()}
    for cell, value in opened.items():
        assert recomputed(told(answer, cell), cell) == pytest.approx(value, rel=1e-9, abs=1e-12 * abs(value)), cell


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "int4", "bitnet-b1.58", "bitnet"])
@pytest.mark.parametrize("model", ["llama-2-7b", "mamba-2.8b", "gpt3-175b", "gemma-3-1b"])
def test_every_cell_of_fit(model: str, precision: str) -> None:
    work = Workload(1, 512, 128)
    device = catalog.hardware("h100-sxm-80gb")
    (found,) = api.fitting(api.scenarios([catalog.model(model)], [device], [catalog.precision(precision)], work))
    (row,) = records.fit_rows([found])
    names = {"devices": "devices_needed"}
    for field in ("weights_bytes", "footprint_bytes", "capacity_bytes", "largest_batch", "longest_prompt", "devices"):
        cell = names.get(field, field)
        text = explanation.explanation_text(explain(found.result, None, cell))
        assert recomputed(text, cell) == row[field], cell


@pytest.mark.parametrize(("devices", "parallel"), [(8, "tensor"), (16, "pipeline")])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8", "bitnet"])
def test_the_cells_of_the_175b_study_on_several_devices(precision: str, devices: int, parallel: str) -> None:
    asked = {"model": "175B", "hardware": "gb200", "precision": precision, "baseline": "fp32", "generate": 128}
    answer = answered(asked | {"devices": devices, "parallel": parallel, "batch": 4})
    (record,) = answer.results[0].to_records()
    for cell in ("ideal_weights_bytes", "energy_j", "saving", "saving_low", "saving_high", "latency_s", "power_w"):
        if cell in ("saving_low", "saving_high") and precision == "fp32":
            continue
        assert recomputed(told(answer, cell), cell) == pytest.approx(record[cell], rel=1e-9, abs=1e-12), cell
    if precision != "fp32":
        share = 1 - 0.1 / record["saving"]
        assert recomputed(told(answer, "must_stay:10"), "must_stay:10") == pytest.approx(share, rel=1e-9)


def test_the_command_prints_what_was_worked_through(bitnet_cost: Cli) -> None:
    words = (
        "llama-2-7b",
        "-H",
        "h100-sxm-80gb",
        "-p",
        "w1a8",
        "--devices",
        "2",
        "--parallel",
        "pipeline",
        "--batch",
        4,
    )
    (record,) = json.loads(bitnet_cost("estimate", *words, "-f", "json").out)["records"]
    for cell in ("latency_s", "energy_j", "saving"):
        ran = bitnet_cost("explain", *words, "--cell", cell)
        assert recomputed(ran.out, cell) == pytest.approx(record[cell], rel=1e-9)
    day = bitnet_cost("explain", *words, "--cell", "cost_usd_per_day", "--price", "0.2", "--requests-per-day", "1e6")
    assert recomputed(day.out, "cost_usd_per_day") == pytest.approx(record["energy_j"] / 3.6e6 * 0.2 * 1e6 / 4)


@pytest.mark.parametrize(
    ("question", "cell", "line"),
    [
        ("crossing", "decode_s", r"decode attn_scores, steps that wait for memory \[step\] = min\(.*, 399\) = [1-9]\d*$"),
        ("host", "decode_s", r"decode host, launches \[s\] = .*max\(0, .* - .*\) = \S*[1-9]"),
        ("capped", "prefill_s", r"prefill stretch of the power cap \[1\] = max\(1, .* = 1\.\d+"),
        ("pipeline", "prefill_s", r"turns of the pipeline \[turn\] = .* / 4 = 1\.5"),
        ("tensor", "decode_s", r"decode residual, link \[s\] = "),
        ("tensor experts", "mac", r"prefill expert_gate, MAC \(and prefill expert_up, MAC.* \[MAC\] = "),
        ("chunks", "prefill_s", r"prefill q, hbm.read .*\[bit\] = .* 32 x 4096 x 4096 x 8\.\d+ x max\(1, ceil\(18000 / 8192\)\) = "),
        ("scores", "prefill_s", r"prefill softmax, \S+\.read .*\[bit\] = .*\(\(700 \+ min\(700, 512\)\) / \(700 \+ 1\)\) x 128 / 2 = "),
    ],
)  # fmt: skip
def test_what_differs_from_a_plain_product_is_worked_through(question: str, cell: str, line: str) -> None:
    assert re.search(line, told(answered(QUESTIONS[question]), cell), re.MULTILINE)


@pytest.mark.parametrize("question", ["gpu", "node memory", "pipeline", "tensor experts"])
def test_what_is_explained_is_what_the_table_holds_to_the_bit(question: str) -> None:
    answer = answered(QUESTIONS[question])
    (result,) = answer.results
    baseline = answer.baselines[result.architecture.name, result.hardware.name]
    (record,) = result.to_records()
    opened = [cell for cell in cells() if record.get(cell) is not None]
    assert {"energy_j", "saving", "mac", "footprint_bytes"} <= set(opened)
    assert [explain(result, baseline, cell).value for cell in opened] == [record[cell] for cell in opened]


def test_counts_are_worked_out_from_layers_and_shapes(bitnet_cost: Cli) -> None:
    out = bitnet_cost("explain", "gpt3-175b", "-p", "fp16", "--cell", "mac").out
    product = "prefill q, MAC (and prefill k, MAC, prefill v, MAC) [MAC] = 96 x 12288 x 12288 x 512 = 7421703487488"
    assert product in out  # layers x 12288^2 x tokens
    out = bitnet_cost("explain", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16", "--cell", "component:hbm").out
    assert re.search(
        r"prefill q, hbm.read .*\[bit\] = 0 \+ 32 x 4096 x 4096 x 16 x max\(1, ceil\(512 / 8192\)\) = 8589934592", out
    )


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
    software = machines.setting(catalog.hardware("h100-sxm-80gb"), None)[1]
    assert software is not None
    share = software.kernel("lowbit").compute
    assert share is not None
    assert f"runtime.kernels.lowbit.compute = {share.value:.3g}*" in out
    assert "kernels.experts" not in out
    assert re.search(r"decode o, launches.* \[s\] = 32 x \(\S+ \+ 1e-09 x 4096\) x 127 = ", out)


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
        (("gpt2", "--cell", "must_stay:half"), "not a percentage"),
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


@pytest.mark.parametrize("cell", ["energy_j_per_day", "carbon_g_per_day", "cost_usd_per_year"])
def test_a_day_as_requests_come_is_explained_at_the_batch_of_the_load(bitnet_cost: Cli, cell: str) -> None:
    words = ["llama-3.1-8b", "-H", "h100-sxm-80gb", "-p", "fp8", "--price", "0.1", "--carbon", "300"]
    words += ["--requests-per-day", "1e6"]
    day = json.loads(bitnet_cost("estimate", *words, "-f", "json").out)["days"][0]
    times = 365 if cell.endswith("year") else 1
    text = bitnet_cost("explain", *words, "--cell", cell).out
    assert recomputed(text, cell) == pytest.approx(day[cell.replace("year", "day")] * times, rel=1e-9)
    assert "sequences in a step" in text


@pytest.mark.parametrize(("precision", "words"), [("bitnet", "less energy (0.9"), ("fp32", "as much energy (0)")])
def test_a_saving_is_a_sentence_with_its_baseline(bitnet_cost: Cli, precision: str, words: str) -> None:
    first = bitnet_cost("explain", "gpt2", "-p", precision, "--cell", "saving").out.partition("\n")[0]
    assert first.startswith(f"saving of gpt2 in {precision} at cmos-45nm against fp32: ")
    assert words in first
