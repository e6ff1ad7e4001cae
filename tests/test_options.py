"""Groups of options: typer sees their fields, a command gets them whole."""

import inspect
from typing import Annotated, Any, NamedTuple

import pytest
import typer

from bitnet_cost.commands.main import app
from bitnet_cost.commands.options import with_groups


class Inner(NamedTuple):
    depth: Annotated[int, typer.Option("--depth")] = 1


class Outer(NamedTuple):
    name: Annotated[str, typer.Argument()]
    inner: Inner
    height: Annotated[float | None, typer.Option("--height")] = None


def test_fields_stand_where_their_group_stood() -> None:
    got: list[Any] = []

    @with_groups
    def command(*, first: Annotated[bool, typer.Option("--first")] = False, outer: Outer, last: int) -> None:
        """What it does."""
        got.extend([first, outer, last])

    shown = inspect.signature(command).parameters
    assert list(shown) == ["first", "name", "depth", "height", "last"]
    assert {name: p.default for name, p in shown.items() if p.default is not p.empty} == {
        "first": False, "depth": 1, "height": None,
    }  # fmt: skip
    assert command.__annotations__ == {name: p.annotation for name, p in shown.items()}
    assert command.__doc__ == "What it does."
    command(first=True, name="n", depth=2, height=0.5, last=3)
    assert got == [True, Outer("n", Inner(2), 0.5), 3]


def test_a_name_stands_in_one_group_only() -> None:
    def command(*, outer: Outer, depth: int) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name: 'depth'"):
        inspect.signature(with_groups(command))


def test_options_of_a_name_have_one_type_and_default_wherever_commands_share_them() -> None:
    """Where a command's own option differs, as the draws of break-even, it has words of its own."""
    found: dict[tuple[str, str], set[str]] = {}
    for info in app.registered_commands:
        assert info.callback is not None
        for name, p in inspect.signature(info.callback, eval_str=True).parameters.items():
            if p.annotation is typer.Context:  # not an option: the words that `new` reads itself
                continue
            told = p.annotation.__metadata__[0].help
            found.setdefault((name, told), set()).add(f"{p.annotation.__origin__} = {p.default!r}")
    assert {key: kinds for key, kinds in found.items() if len(kinds) > 1} == {}
