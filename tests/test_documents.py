"""The pages, rendered studies, schemas and command help are what the code does today."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from bitnet_cost import __version__, api
from bitnet_cost.commands.main import app
from bitnet_cost.studies import cells
from scripts import write_docs
from tests.conftest import ROOT, Ran

FENCE = re.compile(r"(?:<!-- (?P<mark>\w+): [^\n]+ -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```", re.DOTALL)
BY_HAND = {"make demo", "source .venv/bin/activate"}  # what a page may tell a reader beside our own commands
ABSOLUTE = re.compile(r"(?<![\w./:#)\]}*>%<-])/[A-Za-z]\w*/[\w.]")  # a path from the root of a file system
NEED_A_FILE = {"plot", "import"}  # their examples name a file that the reader has


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", sorted(write_docs.targets()), ids=relative)
def test_generated_files_are_current(path: Path) -> None:
    assert path.read_text("utf-8") == write_docs.targets()[path](), "run 'make docs'"


@pytest.mark.parametrize("path", write_docs.PAGES, ids=relative)
def test_a_page_works_from_top_to_bottom(
    path: Path, bitnet_cost: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command and every Python example, in their order, as in a checkout of one's own."""
    for entry in ROOT.iterdir():
        if not entry.name.startswith("."):
            (tmp_path / entry.name).symlink_to(entry)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for fence in FENCE.finditer(write_docs.GENERATED.sub("", path.read_text("utf-8"))):
        if fence["language"] == "sh":
            for line in fence["text"].splitlines():
                run_line(line, bitnet_cost, refused=fence["mark"] == "refused")
        elif fence["language"] == "python":
            run_python(fence["text"], names, relative(path))


def run_line(line: str, bitnet_cost: Callable[..., Ran], *, refused: bool) -> None:
    words = shlex.split(line.partition(" | head -")[0])
    if words[0] != "bitnet-cost":
        assert line in BY_HAND, f"no test runs {line!r}"
        return
    ran = bitnet_cost(*words[1:])
    assert bool(ran.code) is refused, (line, ran.err)
    written = [word for flag, word in pairwise(words) if flag == "-o"]
    assert all(Path(name).exists() for name in written), line
    assert ran.out or written or refused, line


def run_python(text: str, names: dict[str, Any], name: str) -> None:
    if ">>> " not in text:
        exec(compile(text, name, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(text, names, name, None, None)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    runner.run(test, out=said.append, clear_globs=False)
    names.update(test.globs)
    assert not said, "".join(said)


@pytest.mark.parametrize("path", write_docs.PAGES, ids=relative)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\((?!https://)([^)#\s]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


def test_every_command_is_documented_with_an_example_that_runs(
    bitnet_cost: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # one of them writes a file
    listed, reference = bitnet_cost("--help").out, (ROOT / "docs" / "commands.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    own = tmp_path / "my-model.yaml"
    own.write_text((ROOT / "models" / "gpt2.yaml").read_text("utf-8"), "utf-8")
    for info in app.registered_commands:
        assert info.callback is not None
        command = info.name or info.callback.__name__
        if info.hidden:
            assert f"  {command}" not in listed
            continue
        assert command in listed
        assert f"\n## {command}\n" in reference
        assert f"`bitnet-cost {command} " in readme
        example = re.search(r"Example: bitnet-cost (.+)", bitnet_cost(command, "--help").out)
        assert example, command
        if command not in NEED_A_FILE:
            ran = bitnet_cost(*(str(own) if word == "my-model.yaml" else word for word in shlex.split(example[1])))
            assert ran.code == 0, (command, ran.err)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("estimate", api.CLASSIC_PRECISIONS),
        ("estimate", api.CLASSIC_HARDWARE),
        ("layers", api.CLASSIC_PRECISIONS),
        ("compare", api.COMPARED_PRECISIONS),
        ("report", api.COMPARED_PRECISIONS),
        ("fit", cells.FIT_PRECISIONS),
    ],
)
def test_help_names_the_defaults(bitnet_cost: Callable[..., Ran], command: str, names: tuple[str, ...]) -> None:
    assert f"Default: {', '.join(names)}. " in " ".join(bitnet_cost(command, "--help").out.split())


def test_every_field_of_a_record_is_described(bitnet_cost: Callable[..., Ran]) -> None:
    record = json.loads(bitnet_cost("estimate", "gpt2", "-p", "fp16", "-f", "json").out)["records"][0]
    table = (ROOT / "docs" / "records.md").read_text("utf-8").partition("| --- |")[2].partition("\n\n")[0]
    described = [name for line in table.splitlines()[1:] for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert [*described, "quality"] == list(record)  # which is a list, and described below the table
    assert "`quality`" in (ROOT / "docs" / "records.md").read_text("utf-8")


def test_the_readme_is_a_page_people_read() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 250


def test_module_and_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bitnet_cost", "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"bitnet-cost \d+\.\d+\.\d+\n", done.stdout)


def test_the_version_is_the_same_wherever_it_stands() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == __version__
    assert {"cff-version", "message", "title", "authors"} <= set(citation)  # what the format requires
    assert f"\n## {__version__}\n" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_actions_are_pinned_by_hash() -> None:
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        used = re.findall(r"uses: (\S+)", path.read_text("utf-8"))
        assert used
        assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", one) for one in used), path


def test_no_path_of_a_machine_in_the_tree() -> None:
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.*"), *(ROOT / "reports").iterdir()]
    for path in [*texts, *(ROOT / "bitnet_cost").rglob("*.py"), *(ROOT / "schemas").iterdir()]:
        if path.suffix == ".png":
            continue
        text = re.sub(r"[A-Za-z0-9+/=]{200,}", "", path.read_text("utf-8"))  # without the packed graphs of a page
        assert not ABSOLUTE.search(text), path
        assert "file:///" not in text, path
        assert "/home/" not in text, path
