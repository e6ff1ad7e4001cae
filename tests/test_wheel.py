"""The built wheel, in an empty environment and another folder, does what the checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT

COMMANDS = [
    ["estimate", "gpt3-175b", "-f", "json"],
    ["estimate", "6.7B", "-p", "w1.58a8kv8", "-H", "cmos-7nm", "--scope", "compute"],
    ["layers", "bert-base"],
    *(["list", kind] for kind in ("models", "hardware", "precisions", "studies", "runtimes", "links", "grids")),
    ["show", "cmos-45nm", "-f", "json"],
    ["schema", "hardware"],
    ["validate"],
    ["compare", "gpt2", "-H", "l4", "-f", "html"],
    ["report", "bitnet-table-1", "--plotly", "none"],
]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The console script of a fresh environment that holds nothing but the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = folder.glob("bitnet_cost-*.whl")
    environment = folder / "venv"
    venv.create(environment, with_pip=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    install = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    return binaries / "bitnet-cost"


def run(program: list[str], words: list[str], folder: Path) -> tuple[int, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run([*program, *words], cwd=folder, capture_output=True, text=True, check=False, env=environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_the_wheel_does_what_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    checkout = [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bitnet_cost.cli import main; main()",
    ]
    for words in COMMANDS:
        theirs, ours = run([str(installed)], words, tmp_path), run(checkout, words, tmp_path)
        own_paths = [text.replace(str(ROOT), "@") for text in (theirs[1], ours[1])]
        if words[0] == "show":  # prints the file it comes from
            own_paths = ["\n".join(line for line in t.splitlines() if '"file"' not in line) for t in own_paths]
        assert theirs[0] == ours[0] == 0
        assert own_paths[0] == own_paths[1], words


def test_the_wheel_is_typed_and_whole(installed: Path) -> None:
    (package,) = (installed.parent.parent / "lib").glob("python*/site-packages/bitnet_cost")
    assert (package / "py.typed").exists()
    assert (package / "views" / "vendor" / "plotly-basic.LICENSE").exists()
    for folder in ("models", "hw_profiles", "precisions", "reports", "runtimes", "electricity"):
        ours = {p.name for p in (ROOT / folder).glob("*.yaml")}
        assert {p.name for p in (package / folder).glob("*.yaml")} == ours
