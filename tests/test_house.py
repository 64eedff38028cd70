"""The rooms of the package: what may import what."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import autograd

PACKAGE = Path(autograd.__file__).parent

# Each layer imports only from those before it; rooms of one layer do not know each other.
LAYERS = [
    {"floats", "trees", "files", "errors"},
    {"ops"},
    {"engine"},
    {"check", "pickling", "optim", "losses", "codegen"},
    {"nn", "views", "training"},
    {"__init__"},
    {"__main__"},
]
VIEWS = {"anomaly", "draw", "explain", "explorer", "outline", "sheet"}  # what else is in that room, they share


def module_of(path: Path) -> str:
    """The dotted name within the package; `__init__` of the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
STUBS = {path.stem for path in PACKAGE.glob("*.pyi")} - MODULES.keys()  # for type checkers alone: nothing is imported


def imports_of(module: str) -> Iterator[str]:
    """The modules of the package that a module imports, wherever in its source."""
    for node in ast.walk(MODULES[module]):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            root, _, inner = name.partition(".")
            if root == "autograd" and inner.partition(".")[0] not in STUBS:
                found = [inner, inner.rpartition(".")[0]]
                yield next((part for part in found if part in MODULES), "__init__")


def test_imports_have_no_cycle() -> None:
    graphlib.TopologicalSorter({module: set(imports_of(module)) for module in MODULES}).prepare()


def test_imports_point_one_way() -> None:
    layer = {room: i for i, rooms in enumerate(LAYERS) for room in rooms}
    for module in MODULES:
        room = module.partition(".")[0]
        for other in imports_of(module):
            other_room = other.partition(".")[0]
            assert other_room == room or layer[other_room] < layer[room], f"{module} imports {other}"


def test_views_do_not_know_each_other() -> None:
    for module in MODULES:
        room, _, inner = module.partition(".")
        if room == "views":
            view = inner.partition(".")[0]
            known = {other.split(".")[1] for other in imports_of(module) if other.startswith("views.")}
            assert known & VIEWS <= {view} & VIEWS, f"{module} imports {known & VIEWS}"


def test_no_module_has_the_name_of_a_public_function() -> None:
    modules = {module for module in MODULES if "." not in module}
    assert not {name for name in autograd.__dir__() if callable(getattr(autograd, name))} & modules
