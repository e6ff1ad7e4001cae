"""The glossary of CONTRIBUTING.md: none of its phrases is in the package, the documentation or the README."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
QUOTED: dict[str, tuple[str, ...]] = {}  # by file, phrases that others wrote


def glossary() -> list[str]:
    """The phrases to avoid: what is in backticks in the first column of the table under "Words"."""
    section = (ROOT / "CONTRIBUTING.md").read_text().split("\n## Words\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [phrase for row in rows for phrase in re.findall("`([^`]+)`", row)]


def files() -> list[Path]:
    """The README, every page of the documentation, every module and template of the package."""
    found = [ROOT / "README.md"]
    for folder, kinds in (("docs", (".md", ".yaml")), ("bitnet_cost", (".py", ".j2"))):
        found += sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in kinds)
    return found


def in_one_line(text: str) -> str:
    """A text whose sentences, comments and texts in quotes run on over the ends of lines."""
    return re.sub(r"\"?\s*\n\s*(#\s+|f?\")?", " ", text)


def test_the_glossary_has_plain_forms() -> None:
    assert 25 <= len(glossary()) == len(set(glossary()))


@pytest.mark.parametrize("phrase", glossary())
def test_no_phrase_of_the_glossary_is_used(phrase: str) -> None:
    pattern = re.compile(rf"\b{re.escape(phrase)}\b", re.IGNORECASE)
    found = []
    for path in files():
        name = path.relative_to(ROOT).as_posix()
        if phrase not in QUOTED.get(name, ()):
            text = in_one_line(path.read_text())
            found += [f"{name}: {text[max(at.start() - 40, 0) : at.end() + 40]}" for at in pattern.finditer(text)]
    assert not found, "CONTRIBUTING.md, section Words, has the plain form:\n" + "\n".join(found)
