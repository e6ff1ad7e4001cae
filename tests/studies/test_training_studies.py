"""Published tables about training, and what is promised of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bitnet_cost.engine.training_memory import counted, layer_bytes
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.training import Plan, training_format
from bitnet_cost.readers import catalog
from bitnet_cost.studies import validation


@cache
def outcome(study: str) -> validation.Outcome:
    (found,) = validation.run([study])
    return found


def cells(study: str, table: str) -> list[validation.Cell]:
    found = [c for c in outcome(study).cells if c.table.startswith(table)]
    assert found
    return found


def test_compute_of_all_eight_models_of_gpt3() -> None:
    found = cells("gpt3-training-compute", "Compute")
    assert [c.printed for c in found] == [225, 641, 1370, 2380, 4770, 12000, 23100, 314000]
    assert all(abs(c.ratio - 1) < 0.01 for c in found)
    parameters = cells("gpt3-training-compute", "Parameters")
    for known, compute in zip(parameters, found, strict=True):  # the table multiplies its rounded parameters
        assert float(f"{6 * known.printed * 1e6 * 300e9 / 1e18:.3g}") == compute.printed


def test_the_row_of_13b_is_printed_for_another_width() -> None:
    model = catalog.model("gpt3-13b")
    ffn = model.layers[0].ffn
    assert ffn is not None
    narrow = model.layers[0].model_copy(update={"ffn": ffn.model_copy(update={"size": 4 * 5120})})
    counts = counted(model.model_copy(update={"hidden_size": 5120, "layers": [narrow]}), Plan())
    total = sum(op.repeat * (op.weights + op.bias) for op in counts.operators)
    assert total == pytest.approx(12850e6, rel=3e-4)


def test_attention_is_what_the_table_of_gpt3_leaves_out() -> None:
    causal, whole = (
        [c.ratio for c in cells("gpt3-training-compute", "What") if c.column.startswith(name)]
        for name in ("attention causal", "every score")
    )
    assert all(1 < one < other for one, other in zip(causal, whole, strict=True))
    assert causal[-1] < 1.02
    assert causal[0] > 1.1


def test_activations_as_the_formulas_of_korthikanti() -> None:
    found = cells("megatron-activations", "Table 2")
    assert len(found) == 20
    assert all(abs(c.ratio - 1) < 0.001 for c in found)


def test_iterations_of_korthikanti() -> None:
    found = cells("megatron-activations", "Table 5")
    assert len(found) == 12
    assert all(abs(c.ratio - 1) < 0.15 for c in found)
    assert np.median([abs(c.ratio - 1) for c in found]) < 0.08


def shape(name: str) -> Architecture:
    """A model that a study brings, or of the catalogue."""
    found = {shape.name: shape for shape in catalog.study("megatron-activations").shapes}
    return found.get(name) or catalog.model(name)


@pytest.mark.parametrize("size", ["gpt3-175b", "mt-nlg-530b"])
def test_selective_recomputation_repeats_one_forward_pass_of_attention(size: str) -> None:
    """Two products of s x s over the width, four operations each pair; the published formula adds three times as many.

    Against 6 operations a weight and token, with its own attention: section 4 of Korthikanti et al.
    """
    model = shape(size)
    (cell,) = (c for c in cells("megatron-activations", "Section 5") if c.row == size.rpartition("-")[2].upper())
    seq, width = 2048, model.hidden_size
    products = 12 * width**2 * model.depth + width * model.vocab_size
    attention = 2 * seq * width * model.depth  # MACs a token, forward
    assert cell.modelled / 100 == pytest.approx(attention / (3 * (products + attention)), rel=1e-6)
    assert cell.modelled * 3 == pytest.approx(cell.printed, abs=0.06)


def test_zero_prints_what_states_hold() -> None:
    for table in ("Table 1: 128B", "Table 1: 1T"):
        found = cells("zero-memory", table)
        assert len(found) == 18
        assert all(int(c.modelled + 1e-6) == int(c.printed) for c in found)  # cut, not rounded
    assert all(abs(c.error) < 0.0505 for c in cells("zero-memory", "Table 1: 7.5B"))


def test_sixteen_and_eighteen_bytes_a_parameter() -> None:
    found = {(c.row.partition(":")[0], c.column): c.modelled for c in cells("zero-memory", "Bytes a parameter")}
    assert found["bf16 parameters, fp32 gradients", "not distributed"] == 18
    assert found["fp32 parameters, fp32 gradients", "not distributed"] == 16
    assert found["bf16 parameters, fp32 gradients", "distributed, d = 8"] == 6 + 12 / 8
    (cell,) = cells("zero-memory", "Section 3.1")
    assert cell.modelled == 16


def test_runs_have_a_ratio_and_a_reason() -> None:
    found = outcome("training-runs").cells
    assert len(found) == 26
    assert all(c.why for c in found)
    hours = [c.ratio for c in found if c.column == "hours"]
    assert 0.7 < np.median(hours) < 1.1
    assert sum(0.6 < ratio < 1.4 for ratio in hours) >= len(hours) - 2
    energy = [c.ratio for c in found if c.column == "energy"]
    assert 0.6 < np.median(energy) < 1.1
    names = {c.row.partition(" ")[0] for c in found}
    assert {"GPT-3", "BLOOM", "OPT", "LLaMA", "Llama", "DeepSeek-V3", "OLMo"} <= names


def test_runs_state_their_ratios() -> None:
    made = validation.report(outcome("training-runs"))
    assert "modelled over published is" in made.sentence
    assert all("ratio" in [c.heading for c in table.columns] for table in made.tables)


def test_one_bit_saves_no_byte_in_training() -> None:
    assert all(c.modelled == 1 for c in cells("one-bit-training", "Bytes"))
    measured = cells("one-bit-training", "Peak")
    assert len(measured) == 12
    assert all(abs(c.modelled - c.printed) < 0.08 for c in measured)
    assert all(c.modelled > 1.25 for c in measured if c.column != "peak memory")


def test_a_layer_keeps_its_whole_input_where_all_is_recomputed() -> None:
    model = shape("megatron-22b")
    plan = Plan(2048, 4, 4, 8, 1, 8, recompute="full")
    runtime = catalog.training_runtime("megatron-2021")
    found = layer_bytes(model, counted(model, plan), plan, runtime, training_format(catalog.precision("fp16")))
    assert found == model.depth * 2 * 4 * 2048 * model.hidden_size  # 2 s b h


@pytest.mark.parametrize(("cell", "printed", "says"), [
    ("quantity: step", 5, "options.model"),
    ("quantity: states", 5, "options.states_of"),
    ("quantity: step, model: gpt2, seq: 512", 0, "above 0"),
    ("quantity: days, model: gpt2, seq: 512", 5, "and tokens"),
    ("quantity: step, model: gpt3-175b", 5, "does not fit"),
    ("quantity: step, model: gpt2, seq: 512, pp: 40", 5, "pp: 40 stages"),
])  # fmt: skip
def test_cells_that_cannot_be_answered_are_refused(tmp_path: Path, cell: str, printed: float, says: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(
        f"name: own\ntitle: own study\nsource: a\noptions: {{hardware: a100-sxm-80gb, precision: bf16, {cell}}}\n"
        "sources: {a: {author: no one, title: nothing, year: 2020, where: nowhere, seen: memory}}\n"
        "tables: [{title: a table, unit: s, compared: true, columns: [{label: all}],"
        f" rows: [{{label: one, printed: [{printed}]}}]}}]\n"
    )
    with pytest.raises(BitnetCostError, match=says):
        validation.run([str(file)])
