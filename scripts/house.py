"""The size and shape of `bitnet_cost/`, measured from its syntax trees.

``python -m scripts.house`` prints each measure with what was found, ``--table`` the table of CONTRIBUTING.md,
``--check`` fails where a limit is exceeded, ``--root DIR`` measures another checkout. The values of before are those of
commit 721ea42 (``git archive 721ea42 | tar -x -C DIR``, then ``--root DIR``).

How each is counted:

- *lines*: all lines of the package's Python files, blank lines and docstrings included.
- *rooms and floors*: a room is a folder or a file directly in the package. The graph has an edge from room to room
  where any module of the one imports any module of the other, at the head or inside a function; imports for type
  checkers alone do not count, nor do `ENTRANCES`. Rooms that import one another in a circle stand on one floor, and
  the floors are the number of rooms on the longest strictly downward chain.
- *circles*: groups of modules that import one another, directly or by others; the same edges, between modules.
- *names defined twice*: public functions, classes and constants at the head of two or more modules.
- *phases by number*: a constant 0, 1 or -1 on the axis of phases (`PHASE_AXIS`), a test of the number of phases or
  of the index of one (`PHASE_INDEX`), an index handed on by a call of `.phase`.
- *names of operators*: a comparison of an operator's `.name` with a text or a constant of the module, a test of what
  it begins with, ends with or contains, a look-up of it in a constant of the module. A look-up of a name that a user
  asked for, or that a file holds, is not one.
- *tests of kind*: comparisons of `.kind` (or of a variable `kind`) with one of `KINDS`.
- *walkers of paths*: functions that split a dotted path, or go down from object to object by the parts of one.
- *printers of numbers*: functions outside `GROUND` with a format specification of a number, and lines of scripts other
  than `PRINTER` that do as much; `GROUND` itself is one.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What the measures call by name; paths are relative to the package, without ``.py``.
ENTRANCES = ("__init__", "__main__", "cli")  # the package's own names load late, and `python -m` calls the command
GROUND = ("words", "errors", "units", "numerals")
OPERATORS = ("engine/counts", "engine/operators", "engine/operators/*")
EXPLAIN = ("engine/explain", "engine/explanation", "engine/explanation/*")
GRAPH = (
    "told",
    "told/*",
    "engine/told",
    "engine/told/*",
    "engine/graph",
    "engine/trace",
    "engine/translation",
    "translate",
    "arithmetic",
    "engine/translate*",
)
SCRIPTS = ("views/templates/*.js",)
PRINTER = "numerals.js"  # what ``numerals`` is in a page's script
WIDE_ALLOWED = ("api.*", "studies/stream.sweep", "cli.*", "commands/*")
PHASE_AXIS = {
    "by_phase": 0, "phases": 0, "peaks": 0, "passes": 0, "wait": 0, "waited": 0, "seconds": 0, "longest": 0,
    "compute": 0, "memory": 0, "pairs()": 0, "table": 1, "by_operator": 1,
}  # fmt: skip
PHASE_INDEX = ("p",)
KINDS = ("technology", "device", "decoder", "encoder")
PATHS = ("path", "place", "parts", "where", "rest", "keys", "steps")


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str  # relative path without .py: ``engine/counts``; of a folder's own file the folder's
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The folder or file directly in the package."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class Measure:
    """One row of the table."""

    words: str
    limit: int | None
    found: Callable[[House], list[str]]
    before: int
    number: Callable[[House], int] | None = None  # where it is not the number of what was found

    def value(self, house: House) -> int:
        """What is compared with the limit."""
        return self.number(house) if self.number else len(self.found(house))


def modules_of(root: Path) -> dict[str, Module]:
    """Every module of the package below ``root``, by its name."""
    package, found = root / "bitnet_cost", {}
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).with_suffix("").as_posix().removesuffix("/__init__")
        text = path.read_text("utf-8")
        found[name] = Module(name, text, ast.parse(text, str(path)))
    return found


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below one but those of ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        test = child.test if isinstance(child, ast.If) else None
        if isinstance(child, ast.If) and _last(test) == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from running(other)
            continue
        yield child
        yield from running(child)


def imports(module: Module, names: Mapping[str, object] | frozenset[str]) -> set[str]:
    """Names of the modules that one imports when it runs, wherever in the file."""
    found = set()
    for node in running(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.partition(".")[0] == "bitnet_cost":
            base = node.module.removeprefix("bitnet_cost").lstrip(".").replace(".", "/")
            for alias in node.names:
                inner = f"{base}/{alias.name}".lstrip("/")
                found.add(inner if inner in names else base or "__init__")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("bitnet_cost"):
                    found.add(alias.name.removeprefix("bitnet_cost").lstrip(".").replace(".", "/") or "__init__")
    return (found & set(names)) - {module.name}


def circles_of(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of nodes that reach one another, each sorted."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = list(graph[start])
        while waiting:
            if (node := waiting.pop()) not in seen:
                seen.add(node)
                waiting += graph[node]
        reached[start] = seen
    groups = {tuple(sorted(b for b in reached[a] if a in reached[b])) for a in graph if a in reached[a]}
    return [list(group) for group in sorted(groups)]


def longest_chain(graph: Mapping[str, set[str]]) -> list[str]:
    """The longest strictly downward chain of nodes; those of a circle count as one."""
    group = {node: node for node in graph}
    for circle in circles_of(graph):
        group |= dict.fromkeys(circle, " = ".join(circle))
    below: dict[str, set[str]] = defaultdict(set)
    for node, others in graph.items():
        below[group[node]] |= {group[other] for other in others} - {group[node]}
    chains: dict[str, list[str]] = {}

    def chain(node: str) -> list[str]:
        if node not in chains:
            chains[node] = [node, *max((chain(other) for other in sorted(below[node])), key=len, default=[])]
        return chains[node]

    return max((chain(node) for node in sorted(set(group.values()))), key=len)


def _last(node: ast.AST | None) -> str:
    """The last name of an expression: ``op`` of ``a.op``, ``op`` and ``op[i]``; with ``()`` of a call."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Call):
        return _last(node.func) + "()"
    return _last(node.value) if isinstance(node, ast.Subscript) else ""


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """Nodes of a function without those of functions inside it."""
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from _own_nodes(child)


def _is_constant(node: ast.AST | None, values: tuple[object, ...]) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return isinstance(node.operand.value, int) and -node.operand.value in values
    return isinstance(node, ast.Constant) and type(node.value) in (int, str) and node.value in values


class House:
    """The package of one checkout."""

    def __init__(self, root: Path) -> None:
        self.root, self.modules = root, modules_of(root)
        self.graph = {name: imports(module, self.modules) for name, module in self.modules.items()}
        self.rooms: dict[str, set[str]] = {module.room: set() for module in self.modules.values()}
        for name, others in self.graph.items():
            room = self.modules[name].room
            self.rooms[room] |= {self.modules[other].room for other in others} - {room}
        self.within = {room: found - {*ENTRANCES} for room, found in self.rooms.items() if room not in ENTRANCES}

    def lines(self, patterns: tuple[str, ...] = ("*",)) -> int:
        """Lines of the modules whose names match."""
        return sum(len(self.modules[name].text.splitlines()) for name in self.matching(patterns))

    def matching(self, patterns: tuple[str, ...]) -> list[str]:
        """Modules whose names match."""
        return [name for name in self.modules if any(fnmatch(name, p) for p in patterns)]

    def per_module(self, patterns: tuple[str, ...] = ("*",), above: int = 0) -> list[str]:
        """Modules with more lines than ``above``, the longest first."""
        sizes = [(len(self.modules[name].text.splitlines()), name) for name in self.matching(patterns)]
        return [f"{name} {size}" for size, name in sorted(sizes, reverse=True) if size > above]

    def scripts(self) -> list[Path]:
        """The page's scripts, without what is vendored."""
        return [path for pattern in SCRIPTS for path in sorted((self.root / "bitnet_cost").glob(pattern))]

    def places(self, test: Callable[[ast.AST], bool], outside: tuple[str, ...] = ()) -> list[str]:
        """Each line with a node that passes a test, as ``module:line: text``."""
        left_out, found = set(self.matching(outside)), []
        for name, module in self.modules.items():
            nodes = ast.walk(module.tree) if name not in left_out else iter(())
            text = module.text.splitlines()
            lines = sorted({n.lineno for n in nodes if isinstance(n, ast.expr | ast.stmt) and test(n)})
            found += [f"{name}:{line}: {text[line - 1].strip()}" for line in lines]
        return found

    def functions(
        self, test: Callable[[ast.FunctionDef | ast.AsyncFunctionDef], bool], outside: tuple[str, ...] = ()
    ) -> list[str]:
        """Each function that passes a test, as ``module:line name``."""
        left_out = set(self.matching(outside))
        return [
            f"{name}:{function.lineno} {function.name}"
            for name, module in self.modules.items()
            if name not in left_out
            for function in _functions(module.tree)
            if test(function)
        ]

    def twice(self) -> list[str]:
        """Public names at the head of two or more modules."""
        where: dict[str, set[str]] = defaultdict(set)
        for name, module in self.modules.items():
            for node in module.tree.body:
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    where[node.name].add(name)
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                for target in targets if isinstance(node, ast.Assign | ast.AnnAssign) else ():
                    if isinstance(target, ast.Name):
                        where[target.id].add(name)
        shared = {n: m for n, m in where.items() if len(m) > 1 and not n.startswith("_")}
        return [f"{name}: {', '.join(sorted(modules))}" for name, modules in sorted(shared.items())]

    def wide_functions(self) -> list[str]:
        """Functions with ten or more parameters but those that `WIDE_ALLOWED` names."""

        def is_wide(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
            own = function.args
            return len(own.posonlyargs) + len(own.args) + len(own.kwonlyargs) >= 10

        def allowed(found: str) -> bool:
            module, _, rest = found.partition(":")
            name = f"{module}.{rest.partition(' ')[2]}"
            return any(fnmatch(name, pattern) for pattern in WIDE_ALLOWED)

        return [found for found in self.functions(is_wide) if not allowed(found)]

    def printers(self) -> list[str]:
        """Functions outside the ground floor that print numbers, and lines of the page's script that do."""
        found = self.functions(_prints_numbers, GROUND)
        for path in self.scripts():
            if path.name == PRINTER:
                continue
            for i, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if re.search(r"\.to(Fixed|Precision|LocaleString|Exponential)\(|NumberFormat", line):
                    found.append(f"{path.name}:{i}: {line.strip()}")
        return found


def _knows_a_phase(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript) and (axis := PHASE_AXIS.get(_last(node.value))) is not None:
        indexes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return len(indexes) > axis and _is_constant(indexes[axis], (0, 1, -1))
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        if any(_last(side) in PHASE_INDEX and isinstance(side, ast.Name) for side in sides):
            return any(_is_constant(side, (0, 1)) for side in sides)
        counted = [
            side.args[0] for side in sides if isinstance(side, ast.Call) and _last(side) == "len()" and side.args
        ]
        return any(_last(side) == "phases" for side in counted)
    if isinstance(node, ast.If | ast.IfExp | ast.BoolOp):
        tests = node.values if isinstance(node, ast.BoolOp) else [node.test]
        tests = [test.operand if isinstance(test, ast.UnaryOp) else test for test in tests]
        return any(isinstance(test, ast.Name) and test.id in PHASE_INDEX for test in tests)
    called = isinstance(node, ast.Call) and _last(node) in ("phase()", "pairs()", "spent()", "seconds()")
    return called and any(_is_constant(argument, (0, 1)) for argument in node.args[:1])  # type: ignore[attr-defined]


def _names_an_operator(node: ast.AST) -> bool:
    def name_of_one(side: ast.AST) -> bool:
        base = side.value if isinstance(side, ast.Attribute) and side.attr == "name" else None
        return _last(base) in ("op", "operator", "operators", "ops", "o")

    def fixed(side: ast.AST) -> bool:
        texts = side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]
        return all(isinstance(t, ast.Constant) and isinstance(t.value, str) for t in texts) or _last(side).isupper()

    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        return any(map(name_of_one, sides)) and any(fixed(side) for side in sides if not name_of_one(side))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        looked_up = node.func.attr == "get" and fixed(node.func.value) and any(map(name_of_one, node.args))
        return looked_up or (node.func.attr in ("startswith", "endswith") and name_of_one(node.func.value))
    if isinstance(node, ast.Subscript):
        return fixed(node.value) and name_of_one(node.slice)
    return isinstance(node, ast.Match) and name_of_one(node.subject)


def _tests_kind(node: ast.AST) -> bool:
    if isinstance(node, ast.Match):
        return _last(node.subject) == "kind"
    if not isinstance(node, ast.Compare):
        return False
    sides = [node.left, *node.comparators]
    texts = [e for side in sides for e in (side.elts if isinstance(side, ast.Tuple | ast.Set | ast.List) else [side])]
    return any(_last(side) == "kind" for side in sides) and any(_is_constant(text, KINDS) for text in texts)


def _walks_a_path(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    own = list(_own_nodes(function))
    calls = [node for node in own if isinstance(node, ast.Call)]
    splits = any(
        isinstance(c.func, ast.Attribute)
        and c.func.attr in ("split", "rsplit")
        and _last(c.func.value) in (*PATHS, "name", "key")
        and any(_is_constant(argument, (".",)) for argument in c.args[:1])
        for c in calls
    )
    named = [c.args[1] for c in calls if _last(c) == "getattr()" and not isinstance(c.args[1], ast.Constant)]
    named += [n.slice for n in own if isinstance(n, ast.Subscript) and _last(n.value) == "model_fields"]
    names = {each.id for node in named for each in ast.walk(node) if isinstance(each, ast.Name)}
    steps = {_last(n.target) for n in own if isinstance(n, ast.For) and _last(n.iter) in PATHS}
    rest = any(isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Slice) and _last(n.value) in PATHS for n in own)
    return splits or bool(names & steps) or (bool(named) and rest)


_NUMBER = re.compile(r"^[^{}]*?(,|_|\.\d+)?[gGeEfFn%]$|^[<>=^+ ]*\d*[,_]\d*$|,$")


def _prints_numbers(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for node in _own_nodes(function):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            texts = [part.value if isinstance(part, ast.Constant) else "1" for part in node.format_spec.values]
            if _NUMBER.search("".join(map(str, texts))):
                return True
        if isinstance(node, ast.Call) and _last(node) == "format()":
            text = node.args[-1] if isinstance(node.func, ast.Name) and len(node.args) == 2 else None
            if isinstance(text, ast.Constant) and _NUMBER.search(str(text.value)):
                return True
    return False


MEASURES = [
    Measure("lines of Python", None, House.per_module, 21_215, House.lines),
    Measure(
        "lines of pages' scripts", None, lambda h: [path.name for path in h.scripts()], 615,
        lambda h: sum(len(p.read_text("utf-8").splitlines()) for p in h.scripts()),
    ),
    Measure("modules", None, lambda h: list(h.modules), 97),
    Measure("floors", 8, lambda h: longest_chain(h.within), 8),
    Measure("import circles", 0, lambda h: [" ".join(c) for c in circles_of(h.graph)], 2),
    Measure("public names defined in two or more modules", None, House.twice, 77),
    Measure("functions with ten or more parameters but the public ones and the commands", 0, House.wide_functions, 8),
    Measure("lines that know a phase by its number", 0, lambda h: h.places(_knows_a_phase), 32),
    Measure(
        "tests of an operator's name outside the operators", 0, lambda h: h.places(_names_an_operator, OPERATORS), 22,
    ),
    Measure("tests of `.kind`", 6, lambda h: h.places(_tests_kind), 39),
    Measure("asserts", 10, lambda h: h.places(lambda n: isinstance(n, ast.Assert)), 62),
    Measure("walkers of dotted paths", 1, lambda h: h.functions(_walks_a_path), 11),
    Measure("modules over 600 lines", 0, lambda h: h.per_module(above=600), 6),
    Measure(
        "lines of `explain`: text and labels", 300, lambda h: h.per_module(EXPLAIN), 1_823, lambda h: h.lines(EXPLAIN),
    ),
    Measure("lines of graph, trace and translations", 650, lambda h: h.per_module(GRAPH), 0, lambda h: h.lines(GRAPH)),
    Measure("printers of numbers", 1, House.printers, 91, lambda h: 1 + len(h.printers())),  # and `GROUND`
]  # fmt: skip


def table(house: House) -> str:
    """The rows as Markdown."""
    rows = [
        f"| {m.words} | {m.before:,} | {'' if m.limit is None else f'{m.limit:,}'} | {m.value(house):,} |"
        for m in MEASURES
    ]
    return "\n".join(["| | before | limit | now |", "|---|---:|---:|---:|", *rows])


def main() -> int:
    """Print what was asked for; 1 where ``--check`` finds a limit exceeded."""
    asked = argparse.ArgumentParser(prog="python -m scripts.house", description=__doc__.partition("\n")[0])
    asked.add_argument("--root", type=Path, default=ROOT, help="another checkout")
    asked.add_argument("--table", action="store_true", help="the table as Markdown")
    asked.add_argument("--check", action="store_true", help="fail where a limit is exceeded")
    given = asked.parse_args()
    house = House(given.root)
    if given.table:
        print(table(house))
    if given.check:
        beyond = [m for m in MEASURES if m.limit is not None and m.value(house) > m.limit]
        for m in beyond:
            print(f"{m.words}: {m.value(house):,}, at most {m.limit:,}", *m.found(house), sep="\n  ", file=sys.stderr)
        return 1 if beyond else 0
    if not given.table:
        for m in MEASURES:
            print(f"{m.words}: {m.value(house):,}", *m.found(house), sep="\n  ")
    return 0


if __name__ == "__main__":
    sys.exit(main())
