"""The rooms of the package: which module may import which, and what modules may know of each other."""

from __future__ import annotations

import ast
import functools
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import autograd

PACKAGE = Path(autograd.__file__).parent

# Each layer imports only from those before it; rooms of one layer do not know each other.
LAYERS = [
    {"_native", "differences", "trees", "errors", "text", "events", "notes", "installation", "contexts"},
    {"floats", "hints", "files", "frames", "modes"},
    {"operands"},
    {"ops"},
    {"folds", "native"},
    {"engine"},
    {"calls", "forward"},
    {"marks"},
    {"names", "validation", "functions", "activations", "draws"},
    {"choices", "staleness", "swapped"},
    {"check", "pickling", "optim", "losses", "codegen"},
    {"samples", "anomaly"},
    {"collecting"},
    {"module"},
    {"sequential", "layers"},
    {"nn", "views", "training", "ufuncs"},
    {"__init__"},
    {"__main__"},
]
SHARED_BY_VIEWS = {"chain_rule", "columns", "equations", "fonts", "forward_mode", "gradients", "inline", "limits"}
SHARED_BY_VIEWS |= {"network", "own_neurons", "page", "pdf", "render", "sized", "true_arithmetic"}


def module_of(path: Path) -> str:
    """The dotted name within the package; `__init__` of the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
STUBS = {path.stem for path in PACKAGE.glob("*.pyi")} - MODULES.keys()  # for type checkers alone: nothing is imported


@functools.cache  # not parsed where tests are only collected
def parsed(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports_of(module: str) -> Iterator[str]:
    """The modules of the package that a module imports, wherever in its source."""
    for node in ast.walk(parsed(module)):
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


def levels_on_the_page() -> dict[str, int]:
    """Return the level of each room in the table of `docs/contributing.md`; an empty cell repeats the one above."""
    page = (PACKAGE.parent / "docs" / "contributing.md").read_text(encoding="utf-8")
    table = page.partition("| level | room | holds |\n|---|---|---|\n")[2].partition("\n\n")[0]
    levels, level = dict[str, int](), 0
    for row in table.splitlines():
        number, rooms = row.split("|")[1:3]
        level = int(number) if number.strip() else level
        levels |= {room.removesuffix(".py").removesuffix("/"): level for room in re.findall("`(.+?)`", rooms)}
    return levels


def test_the_page_has_the_rooms_and_their_levels() -> None:
    assert levels_on_the_page() == {room: i for i, rooms in enumerate(LAYERS, 1) for room in rooms}


def test_the_layers_are_those_of_all_modules() -> None:
    assert set.union(*LAYERS) == {module.partition(".")[0] for module in MODULES}


def test_views_do_not_know_each_other() -> None:
    for module in MODULES:
        room, _, inner = module.partition(".")
        if room == "views":
            view = inner.partition(".")[0]
            known = {other.split(".")[1] for other in imports_of(module) if other.startswith("views.")}
            others = known - SHARED_BY_VIEWS - {view}
            assert not others, f"{module} imports {others}"


def test_no_module_has_the_name_of_a_public_function() -> None:
    modules = {module for module in MODULES if "." not in module}
    assert not {name for name in autograd.__dir__() if callable(getattr(autograd, name))} & modules


# What modules may know of each other ---------------------------------------------------------------------------------

OPTIONAL = {"numpy", "matplotlib", "tqdm", "xlsxwriter", "pygraphviz", "IPython"}  # imported when they are first used
PUBLIC_ALL_THE_SAME = {
    *("_asdict", "_fields", "_make", "_replace"),  # of namedtuple, which keeps its fields' names free
    "_getframe",  # of sys, which documents it
    "_is_owned",  # of threading.RLock, as threading.Condition asks it
}
BY_STRING = {"attrgetter", "delattr", "getattr", "hasattr", "methodcaller", "setattr"}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_")


def is_named(node: ast.expr, *names: str) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def members_defined_in(tree: ast.Module) -> set[str]:
    """The names that the classes of a module give to their members: methods, attributes, fields."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    names.add(part.name)
                elif isinstance(part, (ast.Assign, ast.AnnAssign)):
                    targets = part.targets if isinstance(part, ast.Assign) else [part.target]
                    names |= {x.id for target in targets for x in ast.walk(target) if isinstance(x, ast.Name)}
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names |= {node.attr} if is_named(node.value, "self", "cls") else set()
    return names


def private_names_of_others_in(tree: ast.Module) -> Iterator[str]:
    """The private names that a module takes from elsewhere: imported, after a dot, or as a string."""
    own = members_defined_in(tree) | PUBLIC_ALL_THE_SAME
    for node in ast.walk(tree):
        found: list[str] = []
        if isinstance(node, ast.ImportFrom):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.Attribute) and node.attr not in own:
            found = [node.attr]
        elif isinstance(node, ast.Call) and is_named(node.func, *BY_STRING):
            strings = (x.value for x in node.args if isinstance(x, ast.Constant) and isinstance(x.value, str))
            found = [x for x in strings if x not in own]
        yield from (f"{name} in {ast.unparse(node)}" for name in found if is_private(name))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_reaches_for_private_names_of_another(module: str) -> None:
    assert not list(private_names_of_others_in(parsed(module)))


@pytest.mark.parametrize(
    "source",
    [
        "from autograd.engine import _newest_first",
        "from autograd import engine; engine._newest_first(v)",
        "v._part",
        "def _part(): pass\nv._part",
        "attrgetter('_order')",
        "hasattr(x, '_record')",
    ],
)
def test_reaching_for_a_private_name_is_seen(source: str) -> None:
    assert list(private_names_of_others_in(ast.parse(source)))


ATTRIBUTES_OF_OTHERS = {
    ("collecting.kinds", "vars(base)"),  # a user's objects are searched for parameters
    ("collecting.kinds", "getattr(part, '__dict__', None)"),
    ("collecting.kinds", "part.__dict__"),
    ("collecting.walk", "getattr(module, '__dict__', ())"),
    ("marks", "vars(base)"),
    ("names", "getattr(value, '__dict__', None)"),  # and for models
    ("marks", "getattr(module, '__dict__', None)"),
    ("native", "vars(value)"),  # the class in C is made of the class in Python
    ("native", "vars(in_python)"),
    ("training.reads", "vars(x)"),  # of the user's modules
    ("engine", "vars(object)"),  # names that a row cannot have
    ("engine", "function.__dict__"),  # of a function that engine has just made
}


def attributes_of_others_in(tree: ast.Module) -> Iterator[str]:
    """Yield each expression that takes all attributes of an object, other than `self` and the module's own classes."""
    own = {"self", *(node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "__dict__":
            seen = not is_named(node.value, *own)
        elif isinstance(node, ast.Call) and is_named(node.func, "vars"):
            seen = not node.args or not is_named(node.args[0], *own)
        else:
            seen = isinstance(node, ast.Call) and is_named(node.func, *BY_STRING) and "'__dict__'" in ast.unparse(node)
        if seen:
            yield ast.unparse(node)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_takes_all_attributes_of_an_object_of_another(module: str) -> None:
    found = {(module, source) for source in attributes_of_others_in(parsed(module))}
    assert found == {entry for entry in ATTRIBUTES_OF_OTHERS if entry[0] == module}


@pytest.mark.parametrize("source", ["vars(optimizer)", "run.optimizer.__dict__", "getattr(x, '__dict__')"])
def test_taking_all_attributes_is_seen(source: str) -> None:
    assert list(attributes_of_others_in(ast.parse(source)))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_replaces_what_another_defines(module: str) -> None:
    tree = parsed(module)
    modules = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) or (isinstance(node, ast.ImportFrom) and node.module == "autograd")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, (ast.Store, ast.Del)):
            assert not is_named(node.value, *modules), ast.unparse(node)
        elif isinstance(node, ast.Call) and is_named(node.func, "setattr", "delattr", "vars") and node.args:
            assert not is_named(node.args[0], *modules), ast.unparse(node)


@pytest.mark.parametrize("module", MODULES)
def test_functions_import_optional_packages_only(module: str) -> None:
    for function in ast.walk(parsed(module)):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            for node in ast.walk(function):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                assert {name.partition(".")[0] for name in names} <= OPTIONAL, ast.unparse(node)
