"""The sdist, and the wheel built from it: whole, without ballast; installed elsewhere it does what the checkout does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from bitnet_cost.readers import prebuilt
from scripts import prebuild
from tests.conftest import ROOT

SHIPPED = (
    "models", "hw_profiles", "precisions", "reports", "runtimes", "electricity", "interconnects", "measured", "memories", "quality",
)  # fmt: skip
COMMANDS = [
    ["estimate", "gpt3-175b", "-f", "json"],
    ["estimate", "6.7B", "-p", "w1.58a8kv8", "-H", "cmos-7nm", "--scope", "compute"],
    ["layers", "bert-base"],
    *(
        ["list", kind]
        for kind in ("models", "hardware", "precisions", "studies", "runtimes", "links", "grids", "quality")
    ),
    ["show", "cmos-45nm", "-f", "json"],
    ["schema", "hardware"],
    ["validate"],
    ["validate", "--measured", "memory"],
    ["estimate", "llama-2-7b", "-H", "h100-sxm-80gb", "--link", "pcie-5", "--carbon", "deu"],
    ["compare", "gpt2", "-H", "l4", "-f", "html"],
    ["report", "bitnet-table-1", "--plotly", "none"],
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh environment that holds nothing but the wheel and what it asks for."""
    (wheel,) = built.glob("bitnet_cost-*.whl")
    environment = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(environment, with_pip=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    install = [str(binaries / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    return binaries


# Runs the commands of standard input, one after the other in one process.
_EACH = """
import contextlib, io, json, sys
from bitnet_cost.cli import main
done = []
for words in json.load(sys.stdin):
    sys.argv, out, code = ["bitnet-cost", *words], io.StringIO(), 0
    with contextlib.redirect_stdout(out):
        try:
            main()
        except SystemExit as stop:
            code = stop.code or 0
    done.append([code, out.getvalue()])
json.dump(done, sys.stdout)
"""


def run(program: list[str], folder: Path, given: str = "") -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        program, input=given, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 0
    return done.stdout


def test_the_wheel_does_what_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    checkout = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    given = json.dumps(COMMANDS)
    theirs = json.loads(run([str(installed / "python"), "-c", _EACH], tmp_path, given))
    ours = json.loads(run([sys.executable, "-c", checkout + _EACH], tmp_path, given))
    for words, *both in zip(COMMANDS, theirs, ours, strict=True):
        own_paths = [text.replace(str(ROOT), "@") for _, text in both]
        if words[0] == "show":  # prints the file it comes from
            own_paths = ["\n".join(line for line in t.splitlines() if '"file"' not in line) for t in own_paths]
        assert both[0][0] == both[1][0] == 0
        assert own_paths[0] == own_paths[1], words
    assert run([str(installed / "bitnet-cost"), *COMMANDS[0]], tmp_path) == theirs[0][1]


def test_the_index_takes_both(built: Path) -> None:
    pytest.importorskip("twine")
    check = [sys.executable, "-m", "twine", "check", "--strict", *map(str, sorted(built.iterdir()))]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_is_typed_and_whole(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"bitnet_cost/{name}" for name in ("py.typed", "views/vendor/plotly-basic.min.js")} <= names
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "bitnet_cost/views/vendor/plotly-basic.LICENSE"}
    for folder in SHIPPED:
        ours = {f"bitnet_cost/{folder}/{p.name}" for p in (ROOT / folder).iterdir() if p.suffix in (".yaml", ".csv")}
        assert ours <= names, folder
    assert {f"bitnet_cost/prebuilt/{prebuilt.path_of(name).name}" for name in prebuild.FILES} <= names
    tops = {name.partition("/")[0] for name in names}
    assert {top.partition("-")[0] for top in tops} == {"bitnet_cost"}
    assert wheel.stat().st_size < 4e6


def test_the_sdist_has_what_the_tests_need_and_nothing_made(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {p.relative_to(ROOT).as_posix() for p in (ROOT / "tests").rglob("*.py")}
    wanted |= {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "tests/browser/axe.LICENSE"}
    assert wanted <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".parquet"))]


def test_the_lock_has_hashes_and_no_place_of_its_own() -> None:
    text = (ROOT / "requirements-dev.lock").read_text("utf-8")
    pinned = re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE)
    assert len(pinned) > 50
    blocks = re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--(extra-)?index-url|--find-links|file:|^/", text, re.MULTILINE)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = declared["optional-dependencies"]
    for requirement in {*declared["dependencies"], *extras["dev"], *extras["docs"]} - {"bitnet-cost[docs]"}:
        name = re.split(r"[><=]", requirement)[0].lower()
        assert name in pinned, f"run 'make lock': {name} is missing"
