"""Write what is generated from the code: samples and tables of the pages, JSON Schemas, rendered studies, parity.json.

python -m scripts.write_docs           writes them
python -m scripts.write_docs --check   exits 1 and names the files that differ

Notebooks of docs/examples hold what their cells show (`scripts.notebooks`).
A page is written by hand; between marks it is filled in:

    <!-- sample: bitnet-cost COMMAND -->            the command, and what it prints ('| head -N': its first lines)
    <!-- picture: docs/pictures/NAME.svg bitnet-cost COMMAND -->   what it shows on a terminal of 80 columns
    <!-- refused: bitnet-cost COMMAND -->           a command that fails, and what it says
    <!-- file: docs/examples/NAME.yaml -->          a file's text
    <!-- generated: NAME [ARGUMENT] --> <!-- end -->    a table of `scripts.reference`
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bitnet_cost import cli
from bitnet_cost.inputs.schema import KINDS, json_schema
from bitnet_cost.readers import catalog
from bitnet_cost.studies import accuracy, pages, validation
from bitnet_cost.views.html import as_html
from bitnet_cost.views.records import json_text
from bitnet_cost.views.table import as_markdown
from scripts import reference
from scripts.notebooks import executed
from scripts.pictures import Screen, terminal

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "reports" / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
MARK = re.compile(
    r"<!-- (?P<kind>sample|refused|file): (?P<what>[^\n]+?) -->\n"
    r"(?:```sh\n.*?\n```\n\n```text\n.*?```\n|```yaml\n.*?```\n)?",
    re.DOTALL,
)
PICTURE = re.compile(r"<!-- picture: (?P<path>docs/pictures/[\w-]+\.svg) (?P<command>bitnet-cost [^\n]+?) -->")
GENERATED = re.compile(r"<!-- generated: (?P<name>[\w-]+) ?(?P<argument>[\w-]*) -->\n.*?<!-- end -->", re.DOTALL)


def run(command: str, *, refused: bool = False, screen: io.StringIO | None = None) -> str:
    """What a ``bitnet-cost`` command prints in the root of the checkout; of one that is ``refused`` stderr too.

    Where a ``screen`` is given it is written to.

    Raises:
        RuntimeError: a command that fails and should not, or the other way round.
    """
    command, _, cut = command.partition(" | head -")
    words = shlex.split(command)
    assert words[0] == "bitnet-cost", command
    stream, errors, arguments, folder, code = screen or io.StringIO(), io.StringIO(), sys.argv, Path.cwd(), 0
    sys.argv = words
    os.chdir(ROOT)
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(errors):
            cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        sys.argv = arguments
        os.chdir(folder)
    if bool(code) is not refused:
        raise RuntimeError(f"{command}: exit code {code}\n{errors.getvalue()}")
    printed = stream.getvalue() + (errors.getvalue() if refused else "")
    lines = printed.splitlines(keepends=True)
    return "".join(lines[: int(cut)] if cut else lines)


def _filled(match: re.Match[str]) -> str:
    kind, what = match["kind"], match["what"]
    if kind == "file":
        shown = f"```yaml\n{(ROOT / what).read_text('utf-8')}```\n"
    else:
        shown = f"```sh\n{what}\n```\n\n```text\n{run(what, refused=kind == 'refused')}```\n"
    return f"<!-- {kind}: {what} -->\n{shown}"


def _table(match: re.Match[str]) -> str:
    name, argument = match["name"], match["argument"]
    text = reference.PARTS[name](*[argument] if argument else [])
    return f"<!-- generated: {name}{argument and ' '}{argument} -->\n\n{text.strip()}\n\n<!-- end -->"


def page(path: Path) -> str:
    """A page with its samples, files and tables as they are now."""
    return GENERATED.sub(_table, MARK.sub(_filled, path.read_text("utf-8")))


def pictures() -> dict[Path, Callable[[], str]]:
    """The pictures that pages name, and what makes each."""

    def picture(path: Path, command: str) -> str:
        usual = {name: os.environ.pop(name, None) for name in ("NO_COLOR", "TERM")}
        os.environ |= {"COLUMNS": "80", "COLORTERM": "truecolor", "TERM": "xterm-256color"}
        try:
            return terminal(path, command, run(command, screen=Screen()))
        finally:
            os.environ.update({name: value for name, value in usual.items() if value is not None})

    found = (match for path in PAGES for match in PICTURE.finditer(path.read_text("utf-8")))
    return {ROOT / m["path"]: partial(picture, ROOT / m["path"], m["command"]) for m in found}


def parity() -> str:
    """Modelled and measured figures of each class, for the charts."""
    pairs = accuracy.parity(accuracy.compare().rows).items()
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(found)}" for name, found in pairs) + "\n}\n"


def targets() -> dict[Path, Callable[[], str]]:
    """Path of every generated file, and what makes it."""

    def schema(kind: str) -> str:
        return json_text(json_schema(kind))

    def study(name: str) -> str:  # a published table beside the modelled one
        return as_markdown(validation.report(validation.run([name])[0]))

    def study_page(name: str) -> str:
        return as_html(pages.of_study(name, f"bitnet-cost report {name} -o {name}.html"))

    reports, studies = ROOT / "reports", catalog.names("study")
    return {
        **{path: partial(page, path) for path in PAGES},
        **pictures(),
        **{ROOT / "schemas" / f"{kind}.json": partial(schema, kind) for kind in KINDS},
        **{reports / f"{name}.md": partial(study, name) for name in studies},
        **{reports / f"{name}.html": partial(study_page, name) for name in studies},
        **{ROOT / path: partial(run, command) for path, command in reference.EXPLORERS.items()},
        reports / "eight-bit.md": lambda: run("bitnet-cost eight-bit --notes -f markdown"),
        reports / "accuracy.md": lambda: as_markdown(accuracy.report(accuracy.compare())),
        ROOT / "measured" / "parity.json": parity,
        **{path: partial(executed, path) for path in sorted((ROOT / "docs" / "examples").glob("*.ipynb"))},
    }


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    check = parser.parse_args().check
    stale = []
    for path, make in targets().items():
        content = make()
        if not path.exists() or path.read_text("utf-8") != content:
            stale.append(path.relative_to(ROOT))
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(content, "utf-8")
    if stale:
        verb = "differ from what the code prints; run 'make docs'" if check else "written"
        print(f"{', '.join(map(str, stale))}: {verb}", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
