"""Write what is generated from the code: README samples, the rendered studies in reports/, parity.json.

python -m scripts.write_docs           writes them
python -m scripts.write_docs --check   exits 1 and names the files that differ
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shlex
import sys
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = re.compile(r"(<!-- sample: (?P<command>[^>]+?) -->\n```text\n)(?P<output>.*?)(```\n)", re.DOTALL)

ACCURACY = re.compile(r"(<!-- accuracy -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def run(command: str) -> str:
    """What a ``bitnet-cost`` command prints on stdout."""
    from bitnet_cost import cli

    words = shlex.split(command)
    assert words[0] == "bitnet-cost", command
    stream, errors, arguments = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = words
    try:
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(errors), contextlib.suppress(SystemExit):
            cli.main()
    finally:
        sys.argv = arguments
    return stream.getvalue()


def readme(text: str) -> str:
    """The README with each sample replaced by what its command prints now, and the table of errors."""
    text = ACCURACY.sub(lambda m: m[1] + accuracy_table() + m[3], text)
    return SAMPLE.sub(lambda m: m[1] + run(m["command"]) + m[4], text)


def accuracy_table() -> str:
    """The committed errors by class as a Markdown table."""
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies.accuracy import CLASSES

    lines = ["| measured | rows | median error | nine in ten | target |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, s in catalog.accuracy().classes.items():
        c = CLASSES[name]
        target = "" if c.median is None else f"{c.median:g}" + (f" / {c.p90:g} %" if c.p90 else " %")
        lines.append(f"| {c.title} | {s.n} | {s.median:.1f} % | {s.p90:.1f} % | {target} |")
    return "\n".join(lines) + "\n"


@cache
def generated() -> dict[Path, str]:
    """Path and content of every generated file."""
    from bitnet_cost.readers import catalog
    from bitnet_cost.studies import accuracy, pages, validation
    from bitnet_cost.views.html import as_html
    from bitnet_cost.views.table import as_markdown

    files = {ROOT / "README.md": readme((ROOT / "README.md").read_text("utf-8"))}
    for name in catalog.names("study"):
        found = validation.run([name])[0]
        files[ROOT / "reports" / f"{name}.md"] = as_markdown(validation.report(found))
        page = pages.of_study(name, f"bitnet-cost report {name} -o {name}.html")
        files[ROOT / "reports" / f"{name}.html"] = as_html(page)
    held = accuracy.compare()
    files[ROOT / "reports" / "accuracy.md"] = as_markdown(accuracy.report(held))
    lines = (f"{json.dumps(name)}: {json.dumps(pairs)}" for name, pairs in accuracy.parity(held.rows).items())
    files[ROOT / "measured" / "parity.json"] = "{\n" + ",\n".join(lines) + "\n}\n"
    return files


def main() -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    check = parser.parse_args().check
    stale = []
    for path, content in generated().items():
        if not path.exists() or path.read_text("utf-8") != content:
            stale.append(path.relative_to(ROOT))
            if not check:
                path.write_text(content, "utf-8")
    if stale:
        verb = "differ from what the code prints; run 'make docs'" if check else "written"
        print(f"{', '.join(map(str, stale))}: {verb}", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
