"""Questions in the same words: looked up once, answered by a graph in the end, and never from what has changed."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bitnet_cost import api
from bitnet_cost.engine.asked import Asked
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.inputs.scenario import Question
from bitnet_cost.ledger.result import Result
from bitnet_cost.studies import repeated
from tests.conftest import ROOT
from tests.engine.test_again import facts

WORDS = ("gemma-2b", "l4", "w4a16")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """No question is known, and three answers are worth a graph."""
    monkeypatch.setattr(repeated, "_known", {})
    monkeypatch.setattr(repeated, "_traced", deque())
    monkeypatch.setattr(repeated, "AGAIN", 3)


def by_graph(result: Result) -> bool:
    return type(result) is not Result


def asked_anew(*words: Any, **options: Any) -> Result:
    """The same question where nothing is remembered."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repeated, "_known", {})
        return api.estimate(*words, **options)


def test_a_question_that_keeps_coming_is_answered_by_its_graph() -> None:
    kinds = [by_graph(api.estimate(*WORDS, batch=batch)) for batch in range(1, 7)]
    assert kinds == [False, False, False, False, True, True]
    others: list[dict[str, Any]] = [
        {"batch": 7}, {"batch": 8, "prompt": 9, "generate": 3}, {"generate": 1}, {"batch": 900},
    ]  # fmt: skip
    for options in others:
        assert facts(api.estimate(*WORDS, **options)) == facts(asked_anew(*WORDS, **options)), options


def test_each_way_of_deciding_has_its_graph() -> None:
    kinds = [by_graph(api.estimate(*WORDS, generate=steps)) for steps in (1, 1, 1, 1, 1, 5, 5, 5, 5, 1)]
    assert kinds[4:] == [True, False, False, False, True, True]


def test_other_numbers_and_words_are_asked_as_before() -> None:
    for _ in range(5):
        api.estimate(*WORDS)
    assert by_graph(api.estimate(*WORDS))
    assert by_graph(api.estimate(*WORDS, batch=np.int64(3), prompt=np.uint16(40)))
    assert not by_graph(api.estimate(*WORDS, batch=3.0))
    several = api.estimate(*WORDS, batch=[1, 2])
    assert np.array_equal(several.energy_j, [float(api.estimate(*WORDS, batch=batch).energy_j) for batch in (1, 2)])
    wrong: list[dict[str, Any]] = [
        {"batch": 0}, {"batch": True}, {"prompt": 10**9}, {"generate": 1.5}, {"devices": True}, {"devices": 3000},
        {"scope": "all"}, {"runtime": ""}, {"accept": 0.5},
    ]  # fmt: skip
    for options in wrong:
        with pytest.raises(BitnetCostError) as known:
            api.estimate(*WORDS, **options)
        with pytest.raises(BitnetCostError) as new:
            asked_anew(*WORDS, **options)
        assert str(known.value) == str(new.value)
    assert api.estimate(*WORDS, devices=1).devices == 1
    unlike = api.estimate(*WORDS, batch=500, prompt=8000)
    assert (unlike.has_energy, unlike.reason) == (False, asked_anew(*WORDS, batch=500, prompt=8000).reason)


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    text = (ROOT / "models" / "gpt2.yaml").read_text("utf-8").replace("name: gpt2", "name: own")
    for changed in (text, text.replace("vocab_size: 50257", "vocab_size: 60257")):
        file.write_text(changed, "utf-8")
        found = {api.estimate(file, "l4", "fp16").parameters, api.estimate(str(file), "l4", "fp16").parameters}
        assert len(found) == 1
        file.write_text(text.replace("vocab_size: 50257", "vocab_size: 70257"), "utf-8")
        assert api.estimate(str(file), "l4", "fp16").parameters not in found


def test_what_is_loaded_is_known_by_its_identity() -> None:
    device = api.load_hardware("l4")
    faster = Question(model=api.load_model("gpt2"), precision=api.load_precision("fp16"), hardware=device).at(
        "hierarchy.gddr6.bandwidth", 4.8e12
    )
    for _ in range(6):
        first, other, named = (api.estimate("gemma-2b", each, "w4a16") for each in (device, faster.hardware, "l4"))
        assert first.tokens_per_s == named.tokens_per_s
        assert other.tokens_per_s is not None
        assert first.tokens_per_s is not None
        assert other.tokens_per_s > first.tokens_per_s


def test_no_more_is_kept_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated, "MOST", 4)
    monkeypatch.setattr(repeated, "MOST_TRACED", 1)
    for precision in ("fp16", "int8", "int4", "w4a16", "w8a16", "bf16"):
        for _ in range(5):
            api.estimate("gpt2", "cmos-7nm", precision)
    assert len(repeated._known) == 4
    assert [len(question.graphs) for question in repeated._known.values()] == [0, 0, 0, 1]


def test_no_grid_is_kept() -> None:
    grid = api.estimate(*WORDS, batch=np.arange(1, 1001), generate=5)
    (kept,) = repeated._known.values()
    assert kept.asked.scenario.workload.shape == ()
    assert float(api.estimate(*WORDS, batch=9, generate=5).energy_j) == grid.energy_j[8]


def test_a_formula_that_cannot_be_traced_leaves_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from bitnet_cost.engine import again

    def fail(*_: Any) -> None:
        tries.append(1)
        raise TypeError("a told number decides nothing by itself")

    tries: list[int] = []
    monkeypatch.setattr(again, "Printed", fail)
    assert not any(by_graph(api.estimate(*WORDS, batch=batch)) for batch in range(1, 12))
    assert len(tries) == 1


def test_threads_have_the_same_answers() -> None:
    def energy(batch: int) -> bytes:
        result = api.estimate(*WORDS, batch=batch)
        return result.energy_bounds.tobytes() + result.by_operator.tobytes()

    batches = [1 + i % 20 for i in range(200)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(energy, batches))
    wanted = {batch: asked_anew(*WORDS, batch=batch) for batch in set(batches)}
    assert found == [wanted[b].energy_bounds.tobytes() + wanted[b].by_operator.tobytes() for b in batches]


def test_few_questions_load_no_graphs() -> None:
    code = (
        "import sys\nfrom bitnet_cost import estimate\n"
        "for precision in ('fp16', 'int8', 'int4'): estimate('gpt2', 'l4', precision)\n"
        "print(*(name for name in ('again', 'trace', 'training') if f'bitnet_cost.engine.{name}' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "\n"


def test_a_question_holds_its_words() -> None:
    """What is known by its identity must not be replaced by something else in its place."""
    for _ in range(50):
        device = api.load_hardware("l4").model_copy(update={"title": "of its own"})
        api.estimate("gpt2", device, "fp16")
        del device
    held = [question.words[1] for question in repeated._known.values()]
    assert len({id(each) for each in held}) == len(held) == 50
    assert all(isinstance(question.asked, Asked) for question in repeated._known.values())
