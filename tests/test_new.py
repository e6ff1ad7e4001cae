"""`bitnet-cost new`: a file of one's own, begun by a few answers."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bitnet_cost import estimate
from bitnet_cost.readers import catalog
from tests.conftest import Ran

Run = Callable[..., Ran]
ANSWERS = {
    "hardware": "--name mine --memory 24GB --bandwidth 1008GB/s --rates fp16=165TFLOP/s,int8=330TOP/s --power 450W",
    "model": "--name mine --layers 12 --hidden 768 --heads 12 --kv-heads 4 --vocabulary 50257 --tied yes",
    "precision": "--name mine --weights 1.58 --activations 8 --kv 8 --head bf16",
    "runtime": "--name mine --class cpu --bandwidth 0.8 --compute 50% --overhead 3us --chunk 512 --workspace 0.1",
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_is_begun_passes_the_check_and_says_what_was_guessed(kind: str, bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    ran = bitnet_cost("new", kind, *ANSWERS[kind].split(), "-o", str(file))
    assert (ran.code, ran.out) == (0, "")
    checked = bitnet_cost("check", str(file))
    assert checked.code == 0
    assert "no fault found" in checked.out
    text = file.read_text("utf-8")
    for line in (line for line in text.splitlines() if line.startswith("# GUESSED: ")):
        assert line.removeprefix("# GUESSED: ") in ran.err
    assert "# GUESSED: " in text


@pytest.mark.parametrize("rate", ["int4=77GOP/s", "ternary=77GOP/s"])
def test_a_relative_that_is_priced_by_its_time_gives_neither_prices_nor_rates_of_decoding(
    rate: str, bitnet_cost: Run, tmp_path: Path
) -> None:
    words = f"--name mine --class npu --memory 4GB --bandwidth 19.2GB/s --rates {rate} --power 7W"
    assert bitnet_cost("new", "hardware", *words.split(), "-o", str(tmp_path / "mine.yaml")).code == 0
    device = catalog.hardware(str(tmp_path / "mine.yaml"))
    assert device.priced == "time"
    assert (device.actions, device.decode_rates, device.reached, device.points) == ({}, {}, None, {})


def test_a_relative_of_another_class_lends_no_software_that_the_class_has_not(bitnet_cost: Run, tmp_path: Path) -> None:
    words = "--name mine --class npu --memory 4GB --bandwidth 100GB/s --rates int8=50TOP/s --power 15W --idle 3W"
    ran = bitnet_cost("new", "hardware", *words.split(), "--like", "jetson-agx-orin", "-o", str(tmp_path / "mine.yaml"))
    assert ran.code == 0, ran.err
    assert catalog.hardware(str(tmp_path / "mine.yaml")).runtime == "roofline"
    marked = (tmp_path / "mine.yaml").read_text("utf-8").count("note: 'GUESSED")
    assert marked > 3
    assert f"guessed: {marked} figures, each marked GUESSED in the file" in ran.err


def test_the_figures_are_those_that_were_typed(bitnet_cost: Run, tmp_path: Path) -> None:
    for kind, words in ANSWERS.items():
        assert bitnet_cost("new", kind, *words.split(), "-o", str(tmp_path / f"{kind}.yaml")).code == 0
    device = catalog.hardware(str(tmp_path / "hardware.yaml"))
    assert device.memory.capacity is not None
    assert device.memory.bandwidth is not None
    assert device.device_power.cap is not None
    typed = (device.memory.capacity.value, device.memory.bandwidth.value, device.rates["int8"].value)
    assert typed == pytest.approx((24e9 * 8, 1008e9 * 8, 330e12), rel=1e-12)
    assert device.device_power.cap.value == 450
    model = catalog.model(str(tmp_path / "model.yaml"))
    assert (model.depth, model.hidden_size, model.vocab_size) == (12, 768, 50257)
    precision = catalog.precision(str(tmp_path / "precision.yaml"))
    assert (precision.linear.weights.bits, precision.kv_bits, precision.lm_head) == (2, 8, "bf16")
    runtime = catalog.runtime(str(tmp_path / "runtime.yaml"), "cpu")
    assert (runtime.chunk, runtime.workspace and runtime.workspace.value) == (512, 0.1)
    overhead = runtime.kernels["linear"].overhead
    assert overhead is not None
    assert overhead.value == 3e-6
    found = estimate(str(tmp_path / "model.yaml"), hardware=str(tmp_path / "hardware.yaml"), precision="int8")
    assert found.energy_j > 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("hardware --name x", "new hardware needs --memory, --bandwidth, --rates, --power"),
        ("hardware --name x", "\n  --power       limit of its power, as in 450 W"),
        ("hardware --nmae x", "--nmae: nothing is asked so"),
        ("model --name x --layers twelve --hidden 768 --heads 12", "--layers: 'twelve' is no whole number"),
        ("model --name x --layers 12 --hidden 768 --heads 7", "heads"),
        ("precision --name x --weights 40", "40-bit weights"),
        ("precision --name x --weights ternary", "write its bits, as in 1.58 for ternary"),
        ("hardware --name x --memory 24 --bandwidth 1GB/s --rates fp16=1TFLOP/s --power 4W", "--memory"),
        ("hardware --name x --memory 24GB --bandwidth 1GB/s --rates 5 --power 4W", "'5' is no rate of a format"),
        ("hardware memory 24GB", "new takes no further word: 'memory'"),
        ("hardware --name", "--name needs a value"),
        ("hardware --name a --name b", "--name is given twice"),
        ("runtime --name x --bandwidth much", "--bandwidth"),
        ("hardware --name ../x --memory 1GB --bandwidth 1GB/s --rates fp16=1TFLOP/s --power 4W", "name"),
    ],
)
def test_bad_answers_are_one_clear_line(words: str, told: str, bitnet_cost: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    ran = bitnet_cost("new", *words.split(), "-o", str(file))
    assert (ran.code, ran.out, file.exists()) == (2, "", False)
    assert told in ran.err


def test_on_a_terminal_it_asks_and_an_empty_line_takes_the_guess(tmp_path: Path) -> None:
    controlling, terminal = pty.openpty()
    file = tmp_path / "m.yaml"
    command = [sys.executable, "-m", "bitnet_cost", "new", "model", "--name", "typed", "-o", str(file)]
    with subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        os.close(terminal)
        os.write(controlling, b"\n24\n1024\n16\n\n\n\n\n\n")  # title, layers, hidden, heads, then guesses
        _, told = process.communicate(timeout=60)
    os.close(controlling)
    assert process.returncode == 0, told
    assert b"layers: number of layers" in told
    model = catalog.model(str(file))
    assert (model.depth, model.hidden_size, model.layers[0].attention.heads) == (24, 1024, 16)  # type: ignore[union-attr]
    assert "# GUESSED: kv-heads = 16" in file.read_text("utf-8")


def test_a_terminal_is_given_no_page() -> None:
    controlling, terminal = pty.openpty()
    command = [sys.executable, "-m", "bitnet_cost", "report", "bitnet-table-1"]
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.PIPE, timeout=60
    )
    os.close(terminal)
    os.close(controlling)
    assert done.returncode == 2
    assert b"as in -o page.html" in done.stderr
