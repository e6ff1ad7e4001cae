"""Memory traffic at technology nodes, held to a computation by hand that shares nothing with the engine."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest

import bitnet_cost
from bitnet_cost.engine.estimate import evaluate
from bitnet_cost.engine.uncertainty import spread, swings
from bitnet_cost.errors import UnsupportedScope
from bitnet_cost.inputs.architecture import Architecture
from bitnet_cost.inputs.hardware import Hardware
from bitnet_cost.inputs.scenario import Scenario
from bitnet_cost.inputs.workload import Workload
from bitnet_cost.ledger.result import Result
from bitnet_cost.readers import catalog

NODE = catalog.hardware("cmos-45nm")
LAYERS, HEADS = 2, 4  # two KV heads
KIB = 8 * 1024
PER_BIT = {"sram-32kb": 0.3125e-12, "sram-1mb": 1.5625e-12, "dram": 20.3e-12}  # Horowitz, ISSCC 2014
INSIDE = {"sram-32kb": 8 * KIB, "sram-1mb": 32 * KIB, "dram": 1024 * KIB}  # bits of the level inside each


def tiny(width: int, vocabulary: int) -> Architecture:
    return Architecture.model_validate({
        "name": "tiny", "source": "test", "seen": "own", "hidden_size": width, "vocab_size": vocabulary,
        "lm_head": {"tied": True}, "norm": "rmsnorm",
        "layers": [{"repeat": LAYERS, "attention": {"heads": HEADS, "kv_heads": 2}, "ffn": {"size": 4 * width, "gated": False,
                    "activation": "relu"}}],
    })  # fmt: skip


# name: (stored bits of a weight, of an activation that enters a linear product, of its sums, bits of one scale)
Row = tuple[int, float, tuple[float, float, float] | None, float, float, float, float, float]
FORMS = {"fp16": (16, 16, 16, 0), "int8": (8, 8, 32, 16), "bitnet": (1, 8, 32, 16)}


def by_hand(
    form: str, width: int, vocabulary: int, prompt: int, generate: int
) -> dict[tuple[str, str], dict[str, float]]:
    """Bits read and written at each level by (phase, operator), of a batch of one.

    INT8 has a scale for each output channel, BitNet one for each matrix; all else is FP16.
    """
    bits, enters, sums, scale = FORMS[form]
    keys_width, wide = width // 2, 4 * width
    per_channel = form == "int8"

    def stored(k: int, n: int) -> float:
        return k * n * bits + scale * (n if per_channel else 1)

    def passing(runs: int, entering: float, leaving: float) -> Row:
        return runs, 0, None, 0, 16 * entering, 16 * leaving, 0, 0

    linear = {
        "q": (width, width), "k": (width, keys_width), "v": (width, keys_width), "o": (width, width), "up": (width, wide),
        "down": (wide, width),
    }  # fmt: skip
    norms = (2 * LAYERS + 1) * width * 16
    whole = LAYERS * sum(stored(*shape) for shape in linear.values()) + vocabulary * width * 16 + norms
    on_chip = whole <= 1024 * KIB  # then weights are read from sram-1mb, not from dram
    assert whole > 32 * KIB
    found = {}
    for phase in ("prefill", "decode")[: 1 + (generate > 1)]:
        passes = 1 if phase == "prefill" else generate - 1
        tokens = prompt if phase == "prefill" else generate - 1
        pairs = prompt * (prompt + 1) / 2 if phase == "prefill" else sum(prompt + i for i in range(1, generate))
        keys = prompt if phase == "prefill" else pairs
        asked = 1 if phase == "prefill" else generate - 1
        # (layers x runs of one, MAC, widths, weights, in, out, cache read, cache written), over all layers
        rows: dict[str, Row] = {
            "embed_tokens": passing(1, 0, tokens * width),
            "norm": passing(2 * LAYERS, *[LAYERS * tokens * 2 * width] * 2),
            "rope": passing(2 * LAYERS, *[LAYERS * tokens * (width + keys_width)] * 2),
            "activation": passing(LAYERS, *[LAYERS * tokens * wide] * 2),
            "residual": passing(2 * LAYERS, LAYERS * tokens * 4 * width, LAYERS * tokens * 2 * width),
            "final_norm": passing(1, *[tokens * width] * 2),
            "attn_scores": (LAYERS, LAYERS * pairs * width, (16, 16, 16), 0, LAYERS * tokens * width * 16, 0,
                            LAYERS * keys * keys_width * 16, 0),
            "attn_context": (LAYERS, LAYERS * pairs * width, (16, 16, 16), 0, 0, LAYERS * tokens * width * 16,
                             LAYERS * keys * keys_width * 16, 0),
            "lm_head": (1, asked * width * vocabulary, (16, 16, 16), passes * width * vocabulary * 16,
                        asked * width * 16, asked * vocabulary * 16, 0, 0),
        }  # fmt: skip
        for name, (k, n) in linear.items():
            cached = LAYERS * tokens * keys_width * 16 if name in "kv" else 0
            each = stored(k, n) / (k * n)
            rows[name] = (LAYERS, LAYERS * tokens * k * n, (each, enters, sums), LAYERS * passes * stored(k, n),
                          LAYERS * tokens * k * enters, LAYERS * tokens * n * 16, 0, cached)  # fmt: skip
        for name, (runs, mac, widths, weights, entering, leaving, kept, added) in rows.items():
            moved = {}
            for level, size in INSIDE.items():
                near = level == "dram" and entering + leaving <= runs * passes * 1024 * KIB
                first, last = (0.0, 0.0) if near else (entering, leaving)
                held = 0.0 if level == "dram" and on_chip else weights
                compulsory = held + first + last + kept + added
                again = 0.0
                if widths is not None and not near:
                    b_w, b_a, b_acc = widths
                    again = 2 * mac * sqrt(b_w * b_a * b_acc / size)
                crossing = max(compulsory, again)
                moved[f"{level}.write"] = last + added
                moved[f"{level}.read"] = crossing - last - added
                found[phase, f"{name} {level}"] = {"again": again, "compulsory": compulsory}
            found[phase, name] = moved
    return found


CASES = [
    (form, *model, *size)
    for form in FORMS
    for model in ((64, 1000), (64, 20_000), (1024, 1000))
    for size in ((1, 1), (2048, 1), (4096, 1), (300, 40))
]


@pytest.mark.parametrize(("form", "width", "vocabulary", "prompt", "generate"), CASES)
def test_by_hand(form: str, width: int, vocabulary: int, prompt: int, generate: int) -> None:
    work = Workload(1, prompt, generate)
    result = evaluate(
        Scenario(
            model=tiny(width, vocabulary),
            precision=catalog.precision(form),
            hardware=NODE,
            workload=work,
            scope="memory",
        )
    )
    expected = by_hand(form, width, vocabulary, prompt, generate)
    joules = dict.fromkeys(PER_BIT, 0.0)
    for p, (phase, *_) in enumerate(result.counts.phases):
        for i, op in enumerate(result.counts.operators):
            moved = expected.get((phase, op.name), {})
            for place, bits in result.tables.items():
                wanted = moved.get(place, 0.0)
                assert bits[p, i, 0] == pytest.approx(wanted, rel=1e-12, abs=1e-6), (phase, op.name, place)
                joules[place.partition(".")[0]] += wanted * PER_BIT[place.partition(".")[0]]
    for level, energy in joules.items():
        assert result.by_component[level][1, 0] == pytest.approx(energy, rel=1e-12)
    assert "sram-8kb" not in result.by_component
    assert float(result.energy_j) == pytest.approx(result.by_operator[1].sum(), rel=1e-9)


def test_the_cases_hold_both_regimes() -> None:
    """What a product reads again binds at some level in prefill, never in a decode step of one sequence."""
    seen: dict[tuple[str, str], set[bool]] = {}
    for case in CASES:
        for (phase, name), figures in by_hand(*case).items():
            if "again" in figures and name.split()[0] in ("q", "k", "v", "o", "up", "down"):
                tiled = figures["again"] > figures["compulsory"]
                seen.setdefault((phase, name.split()[1]), set()).add(tiled)
    assert all(seen["prefill", level] == {True, False} for level in PER_BIT)
    assert {tiled for (phase, _), values in seen.items() if phase == "decode" for tiled in values} == {False}


def energies(**asked: Any) -> dict[str, float]:
    return {
        scope: float(bitnet_cost.estimate(**asked, scope=scope).energy_j)
        for scope in ("arithmetic", "compute", "memory")
    }


@pytest.mark.parametrize("precision", ["fp16", "int8", "bitnet", "w4a16", "fp8"])
@pytest.mark.parametrize("model", ["gpt2", "llama-3-8b", "mixtral-8x7b", "mamba2-2.7b", "bert-base"])
@pytest.mark.parametrize("node", ["cmos-45nm", "cmos-7nm"])
def test_scopes_nest(node: str, model: str, precision: str) -> None:
    found = energies(model=model, hardware=node, precision=precision)
    assert found["arithmetic"] < found["compute"] < found["memory"]


def dearer(factor: float, level: str, way: str) -> Hardware:
    figure = getattr(NODE.hierarchy[level], way)
    scaled = figure.model_copy(update={name: factor * getattr(figure, name) for name in ("low", "value", "high")})
    levels = {**NODE.hierarchy, level: NODE.hierarchy[level].model_copy(update={way: scaled})}
    return NODE.model_copy(update={"hierarchy": levels})


def memory(precision: str = "bitnet", hardware: Hardware = NODE, **work: Any) -> Result:
    asked = Workload(**{"batch": 2, "prompt": 512, "generate": 20} | work)
    return evaluate(
        Scenario(
            model=catalog.model("gpt2"),
            precision=catalog.precision(precision),
            hardware=hardware,
            workload=asked,
            scope="memory",
        )
    )


@pytest.mark.parametrize("way", ["read", "write"])
@pytest.mark.parametrize("level", ["sram-32kb", "sram-1mb", "dram"])
def test_a_dearer_level_never_costs_less(level: str, way: str) -> None:
    before, after = memory(), memory(hardware=dearer(2, level, way))
    assert float(after.energy_j) > float(before.energy_j)
    more = float(after.energy_j) - float(before.energy_j)
    assert more <= before.by_component[level][1, 0] * (1 + 1e-12)


def test_reads_of_the_innermost_level_are_not_counted_and_said_so() -> None:
    result = memory(hardware=dearer(1000, "sram-8kb", "read"))
    assert float(result.energy_j) == float(memory().energy_j)
    assert result.not_reached == "what the datapath reads of sram-8kb and its registers"
    assert bitnet_cost.estimate("gpt2", scope="compute").not_reached is None


def test_more_room_never_moves_more() -> None:
    """A larger last level: fewer tiles, and from some size on nothing but the cache goes to memory."""
    sizes = [2.0**k for k in range(16, 36, 2)]  # beyond 2^31 all weights fit, too
    dram = []
    for size in sizes:
        level = NODE.hierarchy["sram-1mb"]
        assert level.capacity is not None
        wide = level.model_copy(update={"capacity": level.capacity.model_copy(update={"value": size})})
        node = NODE.model_copy(update={"hierarchy": {**NODE.hierarchy, "sram-1mb": wide}})
        dram.append(float(memory("fp16", node).by_component["dram"][1, 0]))
    assert dram == sorted(dram, reverse=True)
    cache = memory("fp16").activity
    assert dram[-1] == pytest.approx(
        float((cache.kv_read_bits + cache.kv_write_bits).sum()) * PER_BIT["dram"], rel=1e-12
    )


def test_a_wider_sum_is_tiled_more_often_whatever_addition_is_priced() -> None:
    int32 = evaluate(Scenario(model=catalog.model("gpt2"), precision=catalog.precision("int8"), hardware=NODE, workload=Workload(), scope="memory", accumulator="int32"))  # fmt: skip
    paper = evaluate(
        Scenario(
            model=catalog.model("gpt2"),
            precision=catalog.precision("int8"),
            hardware=NODE,
            workload=Workload(),
            scope="memory",
        )
    )
    for level in PER_BIT:
        assert np.array_equal(int32.by_component[level], paper.by_component[level])


def test_draws_and_sensitivity_see_the_prices_of_memory() -> None:
    result, base = memory(), memory("fp16")
    band = spread(result, base, 500)
    assert band is not None
    assert band.energy[0] < float(result.energy_j) < band.energy[2]
    assert {"dram.read", "dram.write"} <= {swing.lever.name for swing in swings(result, base)}


def test_a_node_without_levels_answers_no_memory_and_one_level_is_read_once() -> None:
    bare = NODE.model_copy(update={"hierarchy": {}})
    with pytest.raises(UnsupportedScope, match="lists no memory levels"):
        memory(hardware=bare)
    alone = NODE.model_copy(update={"hierarchy": {"dram": NODE.hierarchy["dram"]}})
    result = memory("fp16", alone)
    bits = sum(float(bits.sum()) for bits in result.tables.values())
    assert bits == pytest.approx(float(result.activity.bits.sum()), rel=1e-12)
    assert result.not_reached is None


@pytest.mark.parametrize(("scope", "answers"), [("device", "no clock"), ("facility", "arithmetic, compute, memory")])
def test_wider_scopes_stay_refused(scope: Any, answers: str) -> None:
    with pytest.raises(UnsupportedScope, match=answers):
        bitnet_cost.estimate("gpt2", scope=scope)
