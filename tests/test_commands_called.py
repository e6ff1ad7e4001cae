"""A command that is called is imported and built alone, and is the same as among all."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command

from bitnet_cost.commands import main as cli


def test_each_command_is_listed_with_its_module() -> None:
    every = set(get_command(cli.app).commands)  # type: ignore[attr-defined]
    assert every - {"help"} == {name for names in cli.MODULES.values() for name in names}


@pytest.mark.parametrize("name", [name for names in cli.MODULES.values() for name in names])
def test_a_command_alone_takes_what_it_takes_among_all(name: str) -> None:
    def options(app: object) -> list[tuple[str | None, list[str], object]]:
        command = get_command(app).commands[name]  # type: ignore[attr-defined,arg-type]
        return [(p.name, p.opts, p.default) for p in command.params]

    assert options(cli.application([name])) == options(cli.app)


def test_commands_stand_in_one_order_whichever_was_called_first() -> None:
    script = (
        "from bitnet_cost.commands import main, root; main.application(['train']); main.application(['list']);"
        "print(*map(root.name_of, main.app.registered_commands))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert [name for name in found if name != "help"] == [
        name for module, names in cli.MODULES.items() if module != "calibrate" for name in names
    ]


def test_an_estimate_imports_no_other_command() -> None:
    script = (
        "import sys; from bitnet_cost.commands.main import application; application(['train']);"
        "print(*sorted(m for m in sys.modules if m.startswith('bitnet_cost.commands.')))"
    )
    found = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert not {"bitnet_cost.commands.estimates", "bitnet_cost.commands.studies"} & set(found.split())
