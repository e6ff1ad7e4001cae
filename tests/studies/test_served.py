"""After how many generated tokens training is paid: against `train` and `estimate`, for ranges, never, refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bitnet_cost.engine.breakeven import middle_and_tails
from bitnet_cost.engine.uncertainty import drawn_errors, normals, off_by
from bitnet_cost.errors import BitnetCostError
from bitnet_cost.formulas.training import tokens_until_paid
from bitnet_cost.readers import catalog
from bitnet_cost.studies.breakeven import Draws
from bitnet_cost.studies.served import Repayment, Trained, find
from tests.conftest import Ran

ASKED = ("break-even", "llama-2-7b", "--by", "served-tokens")
PAIR = ("bitnet-b1.58", "fp16")


def answers(ended: Ran) -> list[dict[str, Any]]:
    assert ended.code == 0, ended.err
    return json.loads(ended.out)["records"]  # type: ignore[no-any-return]


def one(model: str, hardware: str = "h100-sxm-80gb", part: str = "whole", batch: int = 1, **more: Any) -> Repayment:
    trained = Trained(part, **more)  # type: ignore[arg-type]
    return find(model, hardware, PAIR, (batch, 512, 128), trained, draws=Draws(200))[0]


def test_it_is_the_training_over_what_use_saves_on_a_token(bitnet_cost: Callable[..., Ran]) -> None:
    """One calculation: `train` says what training takes, `estimate` what a token does."""
    (paid,) = answers(bitnet_cost(*ASKED, "--tokens", "300B", "--training-devices", "4", "-f", "json"))
    trained = answers(
        bitnet_cost("train", "llama-2-7b", "--tokens", "300B", "--devices", "4", "--zero", "1", "-f", "json")
    )
    use = answers(bitnet_cost("estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "-p", "fp16,bitnet-b1.58", "-f", "json"))
    whole = trained[1]["energy_kwh"] * 3.6e6
    saved = use[0]["energy_per_token_j"] - use[1]["energy_per_token_j"]
    assert paid["training_energy_j"] == pytest.approx(whole, rel=1e-9)
    assert paid["saved_per_token_j"] == pytest.approx(saved, rel=1e-9)
    assert paid["served_tokens"] == pytest.approx(whole / saved, rel=1e-9)
    seconds = paid["served_tokens"] / use[1]["tokens_per_s"]
    assert paid["device_years"] == pytest.approx(seconds / 86400 / 365.25, rel=1e-9)
    (extra,) = answers(bitnet_cost(
        *ASKED, "--tokens", "300B", "--training-devices", "4", "--training", "extra", "-f", "json"
    ))  # fmt: skip
    beyond = (trained[1]["energy_kwh"] - trained[0]["energy_kwh"]) * 3.6e6
    assert extra["served_tokens"] == pytest.approx(beyond / saved, rel=1e-9)


def test_without_a_number_it_is_twenty_tokens_a_parameter() -> None:
    found = one("gpt2")
    assert found.training.plan.tokens == 20 * found.new.parameters


def test_draws_are_of_measured_errors_of_which_both_uses_share_a_part() -> None:
    """What both uses are off by cancels in part: the range of what is saved is narrower than of two apart."""
    found = one("llama-2-7b")
    assert found.measured
    use, base = (drawn_errors([r], 200, 0)[0] for r in (found.new, found.old))
    assert use is not None
    assert base is not None
    assert found.spent is not None
    saved = found.spent[1] * base.energy[:, 0] - found.spent[0] * use.energy[:, 0]
    ranges = found.new.runtime.ranges if found.new.runtime else None
    assert ranges is not None
    assert 0 < ranges.shared < 1
    assert np.corrcoef(use.energy[:, 0], base.energy[:, 0])[0, 1] == pytest.approx(ranges.shared, abs=0.15)
    assert found.band is not None
    assert found.trained is not None
    assert found.tokens is not None
    low, middle, high = found.band
    assert low < middle < high
    assert low * 0.9 < found.tokens < high * 1.1
    made, ends = found.training, found.training.factors("energy")
    assert made.ranges is not None
    assert ends is not None
    normal = normals(made.ranges, made.precision, 200, 0, "training")[1]  # others than of use
    trained = found.trained[1] * off_by(np.array(ends)[:, None], normal)[:, 0]
    assert abs(np.corrcoef(trained, saved)[0, 1]) < 0.2
    assert found.band == pytest.approx(middle_and_tails(tokens_until_paid(trained, saved)))


def test_without_rows_draws_are_of_the_same_prices_for_training_and_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A factor on all prices would leave it alone; a range of the quotient is narrower than of its parts."""
    monkeypatch.setattr(catalog, "ranges", lambda: None)
    found = one("llama-2-7b")
    assert not found.measured
    assert found.band is not None
    assert found.trained is not None
    assert found.tokens is not None
    low, middle, high = found.band
    assert low < middle < high
    assert low * 0.9 < found.tokens < high * 1.1
    assert high / low < found.trained[2] / found.trained[0]


def test_never_is_an_answer(bitnet_cost: Callable[..., Ran]) -> None:
    (found,) = answers(bitnet_cost(*ASKED, "-b", "64", "-f", "json"))
    assert found["never"] is True
    assert found["served_tokens"] is None
    assert found["saved_per_token_j"] < 0
    said = " ".join(bitnet_cost(*ASKED, "-b", "64").out.split())
    assert said.startswith("Llama 2 7B in BitNet b1.58 never pays for its training on 135B tokens: in use it needs ")
    assert "in nine of ten draws of what measured runs were off by it never is paid" in said


def test_more_training_takes_longer_and_a_node_answers_too() -> None:
    short, long = (one("gpt2", tokens=n).tokens or 0.0 for n in (1e9, 2e9))
    assert long == pytest.approx(2 * short, rel=1e-12)
    node = one("gpt3-125m", "cmos-7nm")
    assert node.years is None
    assert node.tokens is not None
    assert 0 < node.tokens < np.inf


@pytest.mark.parametrize(("model", "hardware", "more", "says"), [
    ("llama-3.1-8b", "apple-m1-pro-gpu-14c", {}, "in use fp16 does not fit"),
    ("llama-2-7b", "h100-sxm-80gb", {"devices": 1}, "training in bitnet-b1.58 does not fit"),
])  # fmt: skip
def test_why_there_is_none(model: str, hardware: str, more: dict[str, Any], says: str) -> None:
    found = one(model, hardware, **more)
    assert found.tokens is None
    assert says in str(found.reason)


@pytest.mark.parametrize(("words", "says"), [
    (("-p", "w4a16"), "precision 'w4a16' is made after training"),
    (("-p", "fp16"), "saves nothing against itself"),
    (("--axis", "batch"), "axis: --by served-tokens varies none"),
    (("--generate", "1"), "generate: 1 generated token shows no decoding"),
    (("--tokens", "nan"), "tokens: nan is not a number of tokens from 1 to 1e18"),
    (("--tokens", "-3B"), "tokens: "),
    (("--training-devices", "many"), "devices: 'many' is neither a number nor 'auto'"),
    (("--training-devices", "0"), "devices: 0"),
    (("--train-on", "cmos-7nm"), "train-on: 'cmos-7nm' and 'h100-sxm-80gb' price different things"),
    (("--train-on", "h101"), "no hardware is called 'h101'"),
])  # fmt: skip
def test_nonsense_is_refused_by_name(bitnet_cost: Callable[..., Ran], words: tuple[str, ...], says: str) -> None:
    ended = bitnet_cost(*ASKED, *words)
    assert ended.code == 2
    assert says in ended.err
    assert not ended.out


def test_options_of_training_need_the_question(bitnet_cost: Callable[..., Ran]) -> None:
    ended = bitnet_cost("break-even", "llama-2-7b", "-H", "l4", "--tokens", "3B")
    assert ended.code == 2
    assert "add --by served-tokens" in ended.err


def test_an_encoder_generates_nothing() -> None:
    with pytest.raises(BitnetCostError, match="generates no tokens"):
        one("bert-base")


def test_nothing_saved_is_never_paid() -> None:
    assert tokens_until_paid(np.array([1.0, 0.0]), np.array([0.0, 2.0])).tolist() == [np.inf, 0.0]
