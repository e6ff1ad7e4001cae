"""Measured rows: what is carried, what constants came from, and how far off the model is on the rest."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from math import prod
from pathlib import Path

import pytest

from bitnet_cost.engine.estimate import priced
from bitnet_cost.errors import InvalidFile
from bitnet_cost.formulas.cap import HELD
from bitnet_cost.inputs.accuracy import NOT_KNOWN, Group, Reason, Reasons
from bitnet_cost.inputs.measurement import Measurement
from bitnet_cost.readers import catalog, machines, measured
from bitnet_cost.readers.size import all_reduced_bytes
from bitnet_cost.studies import accuracy, accuracy_classes, savings
from bitnet_cost.studies.measured import (
    Point,
    all_reduced,
    calibration_ids,
    counted,
    lengths_of,
    modelled,
    points,
    power_seen,
    read,
    workload_of,
)
from scripts import write_accuracy
from tests.conftest import Ran

Run = Callable[..., Ran]


@cache
def found() -> accuracy.Comparison:
    return accuracy.compare()


def test_every_row_has_a_source_and_names_what_the_catalogue_has() -> None:
    rows, sources = measured.rows(), measured.sources()
    assert len(rows) >= 2000
    assert len({row.id for row in rows}) == len(rows)
    cited = {row.source for row in rows} | {row.source for row in measured.training_rows()}
    cited |= {row.source for row in measured.load_rows()} | {row.source for row in measured.system_rows()}
    assert cited | {sources.host.source, sources.supply.source} == set(sources.sources)
    for name in {row.model for row in rows}:
        assert all_reduced_bytes(name) or catalog.model(name)
    for name in {row.precision for row in rows}:
        catalog.precision(name)
    for hardware, runtime in {(row.hardware, row.runtime) for row in rows}:
        catalog.runtime(runtime, str(catalog.hardware(hardware).device_class))
    assert {row.task for row in rows if row.prompt is None} <= set(sources.tasks)


def test_rows_that_constants_come_from_are_chosen_by_a_rule_and_never_scored() -> None:
    rows, used = measured.rows(), catalog.constants().rows
    chosen = calibration_ids(rows)
    assert used
    assert used <= chosen
    scored = {part for row in found().rows for part in row.id.split("/")}
    assert not used & scored
    behind = {row for part in measured.sources().used for row in part.rows}
    assert behind <= {row.id for row in rows}
    assert not behind & scored
    strata: dict[tuple[str, str, str, str], list[str]] = {}
    for row in rows:
        if not row.left_out:
            strata.setdefault((row.source, row.hardware, row.runtime, row.precision), []).append(row.id)
    for members in strata.values():
        inside = len(set(members) & chosen)
        assert inside == (max(2, round(len(members) / 5)) if len(members) > 2 else len(members) - 1)


def test_constants_are_per_device_and_runtime_never_per_model() -> None:
    known = catalog.constants()
    pairs = [(part.hardware, part.runtime) for part in known.runtimes]
    assert len(set(pairs)) == len(pairs)
    models = set(catalog.names("model"))
    assert not models & {name for pair in pairs for name in pair}


def test_no_class_is_worse_than_the_committed_file() -> None:
    now = accuracy.accuracy(found().rows)
    assert write_accuracy.worse(now, catalog.accuracy()) == []
    assert write_accuracy.stale(now, catalog.accuracy()) == [], "better: make accuracy"


def test_a_worse_value_is_named() -> None:
    committed = catalog.accuracy()
    spread = committed.classes["memory"]
    grown = committed.model_copy(
        update={"classes": {"memory": spread.model_copy(update={"median": spread.median + 1})}}
    )
    assert any("memory: median" in fault for fault in write_accuracy.worse(grown, committed))
    assert any("decode-1: no rows" in fault for fault in write_accuracy.worse(grown, committed))


def test_witnesses_have_no_target_and_may_become_worse() -> None:
    committed = catalog.accuracy()
    names = [name for name, known in accuracy_classes.CLASSES.items() if known.witness]
    assert names == ["load-mlperf", "load-mlperf-energy"]
    assert all(accuracy_classes.CLASSES[name].median is None for name in names)
    grown = {n: s.model_copy(update={"median": s.median + 1, "p90": s.p90 + 1}) for n, s in committed.classes.items()}
    faults = write_accuracy.worse(committed.model_copy(update={"classes": grown}), committed)
    assert {fault.partition(":")[0] for fault in faults} == committed.classes.keys() - set(names)
    assert not set(names) & accuracy.parity(found().rows).keys()


def test_targets_are_met() -> None:
    assert accuracy.missed(found()) == []


def test_of_two_precisions_the_faster_one_is_named() -> None:
    """All but one engine's 4-bit experts, which run at a quarter of the speed of 16 bits, and a first token after 32.

    What is prepared before that takes longer than the prompt, and longer in 4 bits (180 ms, 112 in 16).
    """
    pairs = [row for row in found().rows if row.kind in ("ratio", "ratio-small") and abs(row.measured - 1) > 0.1]
    wrong = {(r.model, r.runtime, r.precision) for r in pairs if (r.measured > 1) != (r.modelled > 1)}
    assert len(pairs) >= 40
    assert wrong <= {("qwen3-30b-a3b", "sglang", "int4"), ("qwen2.5-1.5b", "openvino", "openvino-int4")}


def test_a_row_is_what_a_single_estimate_says() -> None:
    import bitnet_cost

    row = next(
        r for r in measured.rows() if r.source == "argonne" and r.runtime == "tensorrt-llm-2024" and r.batch == 16
    )
    group = (row.model, row.hardware, row.devices, row.runtime, row.precision, False, row.logits, row.parallel)
    (figures,) = modelled(group, [row])
    single = bitnet_cost.estimate(
        row.model, row.hardware, row.precision, batch=row.batch, prompt=row.prompt, generate=row.generate,
        runtime=row.runtime,
    )  # fmt: skip
    assert single.timing is not None
    assert figures["seconds"] == float(single.timing.total[0])


def test_what_does_not_fit_is_left_out_and_not_scored() -> None:
    row = Measurement(
        id="x", source="own", model="gpt3-175b", hardware="l4", runtime="vllm", precision="fp16", prompt=9, generate=9,
        phase="request", seconds=1.0,
    )  # fmt: skip
    point = points([row])[0]
    assert not point.scored
    assert "does not fit" in point.left_out


def test_validate_measured_in_every_format(bitnet_cost: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    once = cache(lambda: points(measured.rows(), measured.used()))  # the rows are the same for every format
    monkeypatch.setattr(accuracy, "points", lambda rows, used: once())
    ran = bitnet_cost("validate", "--measured", "memory")
    assert ran.code == 0, ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    data = json.loads(bitnet_cost("validate", "--measured", "decode-1", "-f", "json").out)
    assert data["accuracy"]["classes"]["decode-1"]["n"] == len(data["rows"])
    assert not {row["id"] for row in data["rows"]} & set(data["used_for_constants"])
    rows = list(csv.DictReader(io.StringIO(bitnet_cost("validate", "--measured", "serving", "-f", "csv").out)))
    assert {row["class"] for row in rows} >= {"serving-energy-dense", "serving-power-moe"}
    assert "| memory |" in bitnet_cost("validate", "--measured", "memory", "-f", "markdown").out
    page = tmp_path / "parity.html"
    assert bitnet_cost("validate", "--measured", "memory", "--plot", str(page)).code == 0
    data = json.loads(bitnet_cost("validate", "--measured", "memory", "-f", "json").out)
    counts, used = data["accuracy"]["classes"]["memory"], len(data["used_for_constants"])
    drawn = page.read_text("utf-8")
    assert f"<h1>{counts['n']} figures of {len(data['rows'])} measured rows: " in drawn
    assert f"{used} rows of all classes were used for constants.</h1>" in drawn
    assert f"Within {counts['median']:g}% of the measurement for half of {counts['n']} figures</h2>" in drawn
    assert "Model over measurement, one dot a row</h3>" in drawn
    cells = "".join(f'<td class="n">{counts[k]:{f}}</td>' for k, f in (("n", ""), ("median", "g"), ("p90", "g")))
    assert f'<tr><th scope="row">memory</th>{cells}' in drawn


@pytest.mark.parametrize(("words", "said"), [(("--measured", "speed"), "speed"), (("--plot", "x.html"), "--measured")])
def test_validate_measured_asked_wrongly(bitnet_cost: Run, words: tuple[str, ...], said: str) -> None:
    ran = bitnet_cost("validate", *words)
    assert ran.code == 2
    assert said in ran.err
    assert not ran.out


def test_an_answer_says_how_right_it_is(bitnet_cost: Run) -> None:
    words = ("estimate", "llama-3-8b", "-p", "fp16", "-H")
    other = ("h100-sxm-80gb", "--runtime", "cuda-graph")
    data = json.loads(bitnet_cost(*words, *other, "-f", "json").out)
    energy = next(row for row in data["inputs"]["accuracy"] if row["class"] == "energy")
    assert {"hardware": "h100-sxm-80gb", "runtime": "cuda-graph"}.items() <= energy.items()
    assert (
        "On h100-sxm-80gb with cuda-graph the model meets measured energy per token within"
        f" {energy['median']:g}% in the median and {energy['p90']:g}% nine times in ten ({energy['n']} rows)"
    ) in " ".join(bitnet_cost(*words, *other).out.split())
    unmeasured = " ".join(bitnet_cost(*words, "mi300x").out.split())
    assert "No measured row of mi300x with vllm is scored." in unmeasured
    assert "the model meets measured" not in unmeasured
    assert not json.loads(bitnet_cost(*words, "mi300x", "-f", "json").out)["inputs"].get("accuracy")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,source,model,hardware,runtime,precision,generate,phase\na,own,x,h,r,p,many,decode\n", "line 2"),
        ("id,source,model,hardware,runtime,precision,generate,phase\na,own,x,h,r,p,3\n", "cells"),
        ("id,source,model,hardware,runtime,precision,generate,phase,odd\na,own,x,h,r,p,3,decode,1\n", "odd"),
        ("id,source,model,hardware,runtime,precision,generate,phase\na,own,x,h,r,p,3,sleeping\n", "phase"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(text)
    with pytest.raises(InvalidFile, match=said):
        measured.read_rows(file)


def test_rows_that_a_host_holds_are_those_of_the_rule() -> None:
    """README: on one GPU a step at batch 8 takes 4.5 times its bytes' time, and at batch 64 not twice as long; on one
    B200, rows that draw less than nine tenths of what a smaller batch did."""
    groups: dict[tuple[str, ...], list[Measurement]] = {}
    for row in measured.rows():
        if row.source == "mlenergy-v3" and row.devices == 1 and row.seconds:
            groups.setdefault((row.model, row.hardware, row.precision, row.task), []).append(row)
    marked = held = 0
    for rows in groups.values():
        ordered = sorted(rows, key=lambda row: row.batch)
        first = ordered[0]
        later = next((row for row in ordered if row.batch >= 8 * first.batch), ordered[-1])
        software = catalog.runtime(first.runtime, "gpu")
        result = priced(counted([first], catalog.hardware(first.hardware), software))
        timing, steps = result.timing, result.workload.flat()[2][0] - 1
        share = software.kernel("linear").bandwidth
        if timing is None or share is None:
            continue
        least = float(timing.memory[1].sum()) * share.value / steps
        assert first.seconds
        assert later.seconds
        slow = first.batch == 8 and first.seconds > 4.5 * least and later.seconds < 2 * first.seconds
        powers = [row.power_w or 0.0 for row in ordered]
        most = [max(powers[:i], default=0.0) for i in range(len(powers))]
        weak = [first.hardware == "b200" and own < 0.9 * before for own, before in zip(powers, most, strict=True)]
        left = [bool(row.left_out) for row in ordered]
        assert left == [slow or each for each in weak], (first.model, first.hardware, first.task)
        marked += slow
        held += 0 if slow else sum(weak)
    assert (marked, held) == (4, 10)


def test_a_product_that_takes_its_modelled_time_draws_its_energy_over_it() -> None:
    row = next(r for r in measured.rows() if r.source == "aiconfigurator-operators" and r.prompt == 4352)
    profile, software = machines.setting(catalog.hardware(row.hardware), row.runtime)
    result = priced(counted([row], profile, software))
    usual = next(read(result, [row.model_copy(update={"seconds": None})]))
    assert usual["power_w"] == pytest.approx(usual["energy_j_per_token"] / usual["seconds"])
    slow = next(read(result, [row.model_copy(update={"seconds": 1e3 * usual["seconds"]})]))
    assert slow["power_w"] == pytest.approx(profile.device_power.static.value, rel=0.02)  # almost all floor
    fast = next(read(result, [row.model_copy(update={"seconds": 0.2 * usual["seconds"]})]))
    power = profile.device_power
    assert power.cap is not None
    assert fast["power_w"] == power.cap.value * HELD


def test_a_product_takes_turns_with_as_many_copies_as_its_source_does() -> None:
    """Six times 13 MB do not stay in an H200's 50 MB of cache, one does."""
    row = next(r for r in measured.rows() if r.runtime == "vllm-kernels" and r.model == "linear-8192x1536")
    assert row.precision == "bf16"
    profile, software = machines.setting(catalog.hardware("h200-sxm-141gb"), row.runtime)
    few = row.model_copy(update={"prompt": 1})
    turns, alone = (
        next(read(priced(counted([few.model_copy(update={"source": source})], profile, software)), [few]))
        for source in (row.source, "own")
    )
    assert software is not None
    memory, cache = (profile.hierarchy[level].rate / 8 for level in ("hbm", "l2"))
    reached = software.kernel("linear").bandwidth
    assert reached is not None
    longer = 8192 * 1536 * 2 / reached.value * (1 / memory - 1 / cache)
    assert turns["seconds"] - alone["seconds"] == pytest.approx(longer, rel=0.02)


def test_time_of_an_all_reduce_is_of_what_a_ring_sends() -> None:
    link = catalog.hardware("h200-sxm-141gb").interconnect
    assert link is not None
    assert link.latency is not None
    found = all_reduced(2**30, catalog.hardware("h200-sxm-141gb"), 2)
    ring = 8 * 2**30 / link.bandwidth.value + link.latency.value  # at the link's own rate, which no protocol exceeds
    assert ring < found["seconds"] < 1.6 * ring


def test_savings_are_of_every_pair_of_scored_rows_in_points() -> None:
    """16 bits save half of 32, as modelled; 8 bits cost a tenth more than 16 where the model says a fifth less."""
    row = Measurement(id="w", source="s", model="m", hardware="h", runtime="r", precision="fp32", generate=2,
                      phase="decode", seconds=1.0)  # fmt: skip
    figures = {"fp32": (2.0, 2.0), "bf16": (1.0, 1.0), "fp8": (1.1, 0.8)}
    found = [Point(row.model_copy(update={"precision": p}), "seconds", *pair) for p, pair in figures.items()]
    other = replace(found[2], row=row.model_copy(update={"precision": "fp8", "batch": 2}))
    used = replace(found[1], calibrated=True)
    pairs = savings.pairs([*found, other])
    assert [(p.wide.row.precision, p.narrow.row.precision) for p in pairs] == [("fp32", "bf16"), ("bf16", "fp8")]
    assert [p.error for p in pairs] == pytest.approx([0.0, 30.0])
    assert [p.reversed for p in pairs] == [False, True]
    assert savings.spreads(pairs)["time"]["all runs"] == {
        "n": 2, "median": 15.0, "p90": 27.0, "bias": 15.0, "wrong_sign": 50.0,
    }  # fmt: skip
    assert savings.pairs([found[0], used, found[2]]) == []


def test_every_class_lists_its_worst_groups_with_a_reason_or_the_words_that_there_is_none() -> None:
    rows = found().rows
    worst = accuracy.worst_groups(rows)
    assert {group.kind for group, *_ in worst} == {row.kind for row in rows}
    reasons = {reason.why for reason in measured.reasons().reasons}
    for group, s, why in worst:
        assert why in reasons or why == NOT_KNOWN
        assert accuracy.spread([row for row in rows if row.group == group]) == s
    counts = [sum(group.kind == name for group, *_ in worst) for name in accuracy_classes.CLASSES]
    assert max(counts) <= accuracy.WORST
    assert sum(why != NOT_KNOWN for *_, why in worst) > len(worst) / 2


def test_a_reason_of_a_group_that_is_no_more_is_refused() -> None:
    groups = {row.group for row in found().rows}
    known = measured.reasons()
    assert [reason for reason in known.reasons if not any(map(reason.names, groups))] == []
    assert {name for classes in known.unknown.values() for name in classes} == set(accuracy_classes.CLASSES)


@pytest.mark.parametrize(("bias", "why"), [(3.0, "of every model in this class"), (-3.0, NOT_KNOWN)])
def test_a_reason_holds_while_the_error_has_its_sign(bias: float, why: str) -> None:
    wide = Reason(classes={"prefill": "more"}, why="of every model in this class")
    narrow = Reason(classes={"prefill": "more"}, what=["x"], why="of a model that is another")
    known = Reasons(reasons=[wide, narrow], unknown={})
    assert known.why(Group("prefill", "source", "device", "runtime", "y"), bias) == why
    assert known.why(Group("prefill", "source", "device", "runtime", "x"), 3.0) == "of a model that is another"
    assert known.why(Group("power", "source", "device", "runtime", "x"), 3.0) == NOT_KNOWN


def test_power_of_a_source_is_a_mean_over_the_rest_behind_each_request() -> None:
    """By hand: 900 J in 2 s, then 1 s at rest on each of two devices."""
    row = next(r for r in measured.rows() if r.source == "own-2026" and r.devices == 2 and r.phase == "decode")
    hardware, software = machines.setting(catalog.hardware(row.hardware), row.runtime)
    result = counted([row], hardware, software)
    resting = hardware.device_power.resting.value
    (resting_source,) = (name for name, source in measured.sources().sources.items() if source.idle_s)
    assert measured.sources().sources[resting_source].idle_s == 1.0
    assert power_seen(result, 900.0, 2.0, resting_source) == pytest.approx((900 + 2 * resting) / 3)
    assert power_seen(result, 900.0, 2.0, "own-2026") == 450.0


def test_lengths_of_a_run_that_ends_while_others_are_in_line() -> None:
    """Long runs have old sequences and a prompt a mean length, short ones young sequences; repeats are not worked on."""
    row = next(r for r in measured.rows() if r.source == "mlenergy-v3" and r.task == "lm-arena-chat")
    task = measured.sources().tasks[row.task]
    assert task.requests is not None

    def lengths(batch: int, requests: int, found: float = 0.0, kept: bool = False) -> tuple[int, float]:
        return lengths_of(row.model_copy(update={"batch": batch, "requests": requests}), task, found, kept)

    each, age = lengths(1, 100_000)
    assert each == pytest.approx(row.generate, rel=0.01)
    assert age == pytest.approx(1 + task.variation, rel=0.01)
    assert lengths(task.requests // 2, task.requests)[1] < 1 < age
    again = lengths(task.requests // 2, 2 * task.requests, 1.0)[0]
    assert again == pytest.approx(3 * lengths(task.requests // 2, 2 * task.requests)[0], rel=0.01)
    assert lengths_of(row, None) == (row.generate, 1.0)
    kept, young = lengths(8, 1024, kept=True)
    assert task.turns > 1
    assert kept == pytest.approx(task.turns * lengths(8, 1024)[0], rel=0.01)
    assert kept * young == pytest.approx(prod(lengths(8, 1024)))  # as many tokens behind a sequence


def test_turns_before_the_last_are_worked_on_where_no_prefix_is_kept() -> None:
    """A model with recurrent layers works on all of a conversation, one with attention alone on what is new."""
    task = "lm-arena-chat"
    rows = {
        model: next(r for r in measured.rows() if (r.model, r.task, r.batch) == (model, task, 8))
        for model in ("nemotron-nano-9b-v2", "qwen3-14b")
    }
    for model, row in rows.items():
        recurrent = catalog.model(model).recurrent
        each = lengths_of(row, measured.sources().tasks[task], kept=not recurrent)
        assert workload_of([row]).flat()[2][0] == each[0]
    assert [catalog.model(model).recurrent > 0 for model in rows] == [True, False]
