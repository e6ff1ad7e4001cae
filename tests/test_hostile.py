"""Hostile files: what is not a file, what is too much, and what would lead elsewhere. See tests/fuzz for their contents."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Ran
from tests.fuzz import work

Run = Callable[..., Ran]

READS = [
    ["estimate", "FILE"], ["estimate", "gpt2", "-H", "FILE"], ["estimate", "gpt2", "-p", "FILE"],
    ["estimate", "gpt2", "-H", "l4", "--runtime", "FILE"], ["estimate", "gpt2", "--baseline", "FILE"], ["fit", "FILE", "-H", "l4"],
    ["show", "FILE"], ["check", "FILE"], ["import", "FILE"], ["validate", "FILE"], ["sweep", "FILE", "--dry-run"],
    ["report", "FILE"], ["plot", "FILE", "-o", "out.html"],
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nothing_hangs() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(600)  # no limit of time: a read of a pipe would never end
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def special(kind: str, suffix: str, folder: Path) -> Path:
    path = folder / f"own{suffix}"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif kind == "endless device":
        path.symlink_to("/dev/zero")
    elif kind == "link to itself":
        path.symlink_to(path)
    elif kind == "link to nothing":
        path.symlink_to(folder / "nothing")
    elif kind == "long name":
        path = folder / ("x" * 300 + suffix)
    return path


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".csv"])
@pytest.mark.parametrize("words", READS, ids=" ".join)
@pytest.mark.parametrize(
    "kind", ["pipe", "socket", "endless device", "link to itself", "link to nothing", "long name", "missing"]
)
def test_what_is_no_file_is_refused_at_once(
    bitnet_cost: Run, kind: str, words: list[str], suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = special(kind, suffix, tmp_path)
    ran = bitnet_cost(*(path if word == "FILE" else word for word in words))
    assert ran.code == 2, ran
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert ran.err.startswith("error: ")
    assert path.name in ran.err
    assert not (tmp_path / "out.html").exists()


def test_an_own_config_that_is_a_link_to_itself(bitnet_cost: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").symlink_to(tmp_path / "config.json")
    assert bitnet_cost("estimate", tmp_path / "config.json").code == 2
    assert bitnet_cost("import", tmp_path).code == 2


def test_a_file_that_hides_its_size_is_read_to_the_limit(bitnet_cost: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from bitnet_cost.readers import yaml_file

    path = Path("/proc/self/environ")  # its size is said to be 0
    if not path.is_file():
        pytest.skip("this system has no /proc")
    monkeypatch.setattr(yaml_file.read_text, "__defaults__", (3,))
    ran = bitnet_cost("estimate", "gpt2", "-H", path)
    assert ran.code == 2
    assert "at most" in ran.err


@pytest.mark.parametrize("target", ["loop.csv", "loop.txt"])
def test_a_link_to_itself_is_not_written(bitnet_cost: Run, target: str, tmp_path: Path) -> None:
    (tmp_path / target).symlink_to(tmp_path / target)
    words = ["sweep", "-m", "gpt2", "-H", "l4", "-p", "fp16"] if target.endswith("csv") else ["estimate", "gpt2"]
    ran = bitnet_cost(*words, "-o", tmp_path / target)
    assert ran.code == 2
    assert "link" in ran.err
    assert (tmp_path / target).is_symlink()


BIG: dict[str, tuple[str, Callable[[], str]]] = {
    "lists": (".yaml", lambda: "a: [" + "[]," * 660_000 + "]"),
    "scalars": (".yaml", lambda: "a: [" + "a," * 990_000 + "]"),
    "keys": (".yaml", lambda: "{" + ",".join(f"k{i}: 1" for i in range(99_990)) + "}"),
    "one text": (".yaml", lambda: "title: " + "x" * 1_990_000),
    "digits": (".yaml", lambda: "title: " + "1" * 1_990_000),
    "spaces": (".yaml", lambda: "title: " + " " * 1_990_000 + "b"),
    "comments": (".yaml", lambda: "#\n" * 990_000 + "a: 1"),
    "depth": (".yaml", lambda: "[" * 1_990_000),
    "indents": (".yaml", lambda: "".join(" " * i + "a:\n" for i in range(1900))),
    "anchors": (".yaml", lambda: "a: &a [x]\n" + "\n".join(f"a{i}: &b{i} [*a, *a]" for i in range(50_000))),
    "long file": (".yaml", lambda: "a: 1\n" * 1_000_000),
    "JSON lists": (".json", lambda: '{"a": [' + "[]," * 1_330_000 + "[]]}"),
    "JSON keys": (".json", lambda: "{" + ",".join(f'"{i}":0' for i in range(330_000)) + "}"),
    "JSON depth": (".json", lambda: '{"a":' * 600_000),
    "JSON digits": (".json", lambda: '{"model_type":' + "1" * 3_900_000 + "}"),
    "JSON fraction": (".json", lambda: '{"model_type": 0.' + "1" * 3_900_000 + "}"),
    "JSON text": (".json", lambda: '{"model_type": "' + "x" * 3_900_000 + '"}'),
    "JSON layers": (".json", lambda: '{"model_type": "gemma2", "layer_types": [' + "1," * 1_900_000 + "1]}"),
}

# Shows each file, one after the other in one process; memory is the most so far.
_MEASURED = """
import contextlib, io, json, resource, sys
from bitnet_cost import cli
from tests.fuzz.work import controls
import bitnet_cost.listing
found = []
for file in {files!r}:
    sys.argv, codes, out, err = ["bitnet-cost", "show", file], [], io.StringIO(), io.StringIO()
    def run():
        try:
            cli.main()
        except SystemExit as stop:
            codes.append(stop.code)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        taken = controls(run)
    found.append([codes, err.getvalue(), taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024])
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[int], str, float, float]]:
    """Exit codes, stderr, controls and megabytes of each kind of large file."""
    folder, files = tmp_path_factory.mktemp("big"), []
    for i, (suffix, made) in enumerate(BIG.values()):
        files.append(folder / f"own{i}{suffix}")
        files[-1].write_text(made(), "utf-8")
    code = _MEASURED.format(files=[str(file) for file in files])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    return dict(zip(BIG, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("kind", BIG)
def test_large_files_take_little_time_and_less_than_a_gigabyte(
    kind: str, big: dict[str, tuple[list[int], str, float, float]]
) -> None:
    codes, errors, taken, megabytes = big[kind]
    assert codes == [2]
    assert errors.startswith("error: ")
    assert len(errors) < 3000
    assert taken < work.MOST
    assert megabytes < 1000


@pytest.mark.parametrize("what", ["size", "precision", "figure", "filter", "axis"])
def test_long_words_are_refused_quickly(bitnet_cost: Run, what: str) -> None:
    long = "1" * 130_000
    words = {
        "size": ["estimate", long], "precision": ["estimate", "gpt2", "-p", "w" + long],
        "figure": ["sweep", "-m", "gpt2", "-H", "l4", "-p", "fp16", "--vary", f"power.static={long} W", "--dry-run"],
        "filter": ["compare", "gpt2", "-H", "l4", "--where", long], "axis": ["sweep", "-m", "gpt2", "--batch", long],
    }[what]  # fmt: skip
    ran: list[Ran] = []
    taken = work.controls(lambda: ran.append(bitnet_cost(*words)))
    assert ran[0].code == 2
    assert len(ran[0].err) < 3000
    assert taken < work.MOST


# --- no network, nothing run, nothing read that nobody named -------------------------------------------------------

_AUDITED = """
import json, os, sys
import bitnet_cost
opened, faults = set(), []
allowed = tuple(os.path.realpath(p) for p in {allowed!r} + [sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)])

def hook(event, args):
    if event == "open" and isinstance(args[0], (str, bytes)):
        path = os.path.realpath(os.fsdecode(args[0]))
        if not path.startswith(allowed):
            opened.add(path)
    elif event.startswith(("socket.", "subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork",
                           "urllib.", "http.", "ftplib.", "smtplib.", "webbrowser.", "shutil.")):
        faults.append(event)
    elif event in ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod"):
        faults.append(event)

sys.dont_write_bytecode = True
sys.addaudithook(hook)
sys.argv = ["bitnet-cost", *{words!r}]
from bitnet_cost import cli
code = 0
try:
    cli.main()
except SystemExit as stop:
    code = stop.code
sys.stdout.flush()
sys.stderr.write("\\n" + json.dumps([code, sorted(opened), faults]))
"""
_SILENT = {"/dev/null", "/dev/urandom"}


def audited(words: list[str], folder: Path) -> tuple[int, set[str], list[str]]:
    """Run a command with its opened files and its attempts to reach out recorded."""
    code = _AUDITED.format(allowed=[str(ROOT)], words=words)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder, env=environment
    )
    status, opened, faults = json.loads(done.stderr.splitlines()[-1])
    elsewhere = {path for path in opened if not path.startswith(("/proc/", "/sys/", "/etc/localtime"))}
    return status, elsewhere - _SILENT, faults


@pytest.mark.parametrize(
    "words",
    [
        ["estimate", "MODEL", "-H", "l4", "-p", "fp16"],
        ["estimate", "gpt2", "-H", "HARDWARE", "-p", "PRECISION", "-f", "json"],
        ["show", "MODEL"], ["show", "HARDWARE"], ["check", "MODEL", "HARDWARE", "PRECISION"], ["import", "CONFIG"],
        ["fit", "MODEL", "-H", "HARDWARE"], ["layers", "MODEL", "-p", "PRECISION"], ["list", "models"],
        ["compare", "MODEL", "-H", "l4", "-p", "fp16"], ["explain", "MODEL", "--cell", "energy_j"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_command_opens_what_was_named_and_reaches_for_nothing_else(words: list[str], tmp_path: Path) -> None:
    own = {"MODEL": "models/gpt2.yaml", "HARDWARE": "hw_profiles/l4.yaml", "PRECISION": "precisions/int8.yaml"}
    named = {}
    for word, source in own.items():
        named[word] = tmp_path / Path(source).name
        named[word].write_bytes((ROOT / source).read_bytes())
    named["CONFIG"] = tmp_path / "config.json"
    named["CONFIG"].write_bytes((ROOT / "tests" / "configs" / "bert-base-uncased" / "config.json").read_bytes())
    (tmp_path / "not-named.yaml").write_text("a: 1\n", "utf-8")
    code, opened, faults = audited([str(named.get(word, word)) for word in words], tmp_path)
    assert code == 0
    assert opened == {str(named[word].resolve()) for word in words if word in named}
    assert faults == []


FOREIGN = {
    "extends": "name: own\ntitle: Own\nextends: {path}\n",
    "a tag": "name: !!python/object/apply:os.system ['touch {path}']\n",
    "a runtime": "{device}runtime: {path}\n",
    "a study": "name: own\ntitle: Own\nsource: a\noptions: {{model: {path}, hardware: {path}, precision: {path}}}\n"
    "sources: {{a: {{author: An author, title: A title, year: 2026, where: here, seen: own}}}}\n"
    "tables: [{{title: Own, unit: GB, decimals: 1, options: {{quantity: footprint}}, columns: [{{label: a}}], "
    "rows: [{{label: b, printed: [1]}}]}}]\n",
    "a sweep": "models: [{path}]\nprecisions: [{path}]\nhardware: [{path}]\n",
}


@pytest.mark.parametrize("form", ["absolute", "relative", "link"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_no_file_leads_to_another_place(kind: str, form: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    foreign = tmp_path / "secret.yaml"
    foreign.write_bytes((ROOT / "hw_profiles" / "l4.yaml").read_bytes())
    (folder / "link.yaml").symlink_to(foreign)
    path = {"absolute": str(foreign), "relative": "../secret.yaml", "link": "./link.yaml"}[form]
    device = "".join(
        line
        for line in (ROOT / "hw_profiles" / "l4.yaml").read_text("utf-8").splitlines(keepends=True)
        if not line.startswith("runtime:")
    )
    own = folder / "own.yaml"
    own.write_text(FOREIGN[kind].format(path=path, device=device), "utf-8")
    words = {
        "a study": ["validate", str(own)], "a sweep": ["sweep", str(own), "--dry-run"],
    }.get(kind, ["estimate", "gpt2", "-H", str(own), "-p", "fp16"])  # fmt: skip
    code, opened, faults = audited(words, folder)
    assert code == 2
    assert opened <= {str(own.resolve())}
    assert faults == []


def test_a_file_beside_is_read_where_a_file_names_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_bytes((ROOT / "hw_profiles" / "l4.yaml").read_bytes())
    (tmp_path / "own.yaml").write_text("name: own\ntitle: Own\nextends: ./base.yaml\n", "utf-8")
    (tmp_path / "sweep.yaml").write_text("models: [gpt2]\nprecisions: [fp16]\nhardware: [./own.yaml]\n", "utf-8")
    code, opened, _ = audited(["sweep", str(tmp_path / "sweep.yaml"), "--dry-run", "--workers", "1"], ROOT)
    assert code == 0
    names = {Path(path).name for path in opened}
    assert {"base.yaml", "own.yaml", "sweep.yaml"} <= names


def test_control_characters_reach_no_terminal(bitnet_cost: Run, tmp_path: Path) -> None:
    folder = tmp_path / "a\x1b[31mb"
    folder.mkdir()
    (folder / "config.json").write_bytes(
        (ROOT / "tests" / "configs" / "bert-base-uncased" / "config.json").read_bytes()
    )
    ran = bitnet_cost("import", folder / "config.json")
    assert (ran.code, ran.out) == (2, "")
    assert "\x1b" not in ran.err
    assert "U+001B" in ran.err
    (tmp_path / "own.yaml").write_text('"na\\u001bme": x\n', "utf-8")
    ran = bitnet_cost("check", tmp_path / "own.yaml")
    assert "\x1b" not in ran.out + ran.err


def test_a_name_that_is_not_utf_8_is_refused(bitnet_cost: Run, tmp_path: Path) -> None:
    ran = bitnet_cost("estimate", os.fsdecode(b"\xff.yaml"))
    assert ran.code == 2
    assert "UTF-8" in ran.err


def test_a_folder_named_in_another_script_is_imported(bitnet_cost: Run, tmp_path: Path) -> None:
    folder = tmp_path / "模型"
    folder.mkdir()
    (folder / "config.json").write_bytes(
        (ROOT / "tests" / "configs" / "bert-base-uncased" / "config.json").read_bytes()
    )
    ran = bitnet_cost("import", folder)
    assert ran.code == 0
    assert ran.out.startswith("name: model\n")


def test_a_terminal_without_our_letters_gets_escapes() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "bitnet_cost", "show", "h100-sxm-80gb"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "\\xb5" in done.stdout or done.stdout.isascii()


def test_a_deep_filter_and_a_compared_condition(bitnet_cost: Run) -> None:
    words = ["sweep", "-m", "gpt2", "-H", "cmos-45nm", "-p", "fp16", "--dry-run", "--where"]
    assert "is not accepted" in bitnet_cost(*words, "~" * 1900 + "batch").err
    assert "compares a condition" in bitnet_cost(*words, "fits < 1").err
    assert "too large" in bitnet_cost(*words, "batch < " + "9" * 400).err
