"""Find out whether an optimizer may read the parameters that it moves, or their gradients, elsewhere than in its rule.

So may a learning rate that is a function, such as `lambda step: 0.1 / norm(p.grad for p in model.parameters())`, or a
subclass's own `update`. In training that is compiled, the model gets its numbers when someone looks; where an optimizer
may read them, that is before each step.
"""

import dis
import gc
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from functools import lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from autograd.collecting.kinds import HEAP_TYPE, referents
from autograd.engine import Value
from autograd.optim import Groups, Optimizer

_MOST_SEARCHED = 10_000  # objects
_NOTHING_IN_THEM = frozenset({int, float, bool, str, bytes, type(None), CodeType})
_STATE = {"_known", "_memory"}  # attributes of an optimizer: the first refers to parameters, the second changes in C
_OF_GROUPS = {"groups", "_known"}  # attributes of Groups that refer to parameters
_ANYTHING = {
    *("eval", "exec", "globals", "get_objects", "get_referrers", "import_module", "__import__", "modules"),
    *("__globals__", "f_globals", "_getframe", "currentframe"),
}
"""Names by which a function may get hold of what it does not name."""
_ANY_OF_A_MODULE = {"getattr", "attrgetter", "__getattribute__", "vars", "__dict__"}
"""Names by which a function may get hold of whatever a module has, which otherwise is what it names."""
_NOT_USERS = sys.stdlib_module_names | {__name__.partition(".")[0]}
_INSTALLED = ("site-packages", "dist-packages")


def may_read(optimizer: Optimizer, parameters: Sequence[Value]) -> bool:
    """Return True if what a user wrote of an optimizer leads to one of these parameters, or to too much to search.

    A function leads to its closure, and to the globals and the attributes of modules that it names.
    """
    moved, seen = set(map(id, parameters)), dict[int, Any]()
    found: list[Any] = [optimizer, type(optimizer)]
    if isinstance(optimizer, Groups):
        own = [value for name, value in optimizer.attributes().items() if name not in _OF_GROUPS]
        found = [*own, *(one for _, one in optimizer.groups), type(optimizer)]
    while found:
        x = found.pop()
        kind = type(x)
        if kind in _NOTHING_IN_THEM or id(x) in seen:
            continue
        seen[id(x)] = x
        if kind is Value:
            if x.op or id(x) in moved:
                return True
        elif len(seen) > _MOST_SEARCHED or kind in weakref.ProxyTypes or isinstance(x, Groups):  # of the model's parts
            return True
        elif kind is FunctionType:
            found += referents([x])
            if _is_users(x.__globals__.get("__name__")):  # its __module__ may be that of what it wraps
                names = _names(x.__code__)
                if names is None:
                    return True
                found += _named(names, x.__globals__)
        elif isinstance(x, type):
            if _is_users_class(x):
                found += gc.get_referents(x)
        elif isinstance(x, ModuleType):
            found += [vars(x)] if _is_users(x.__name__) else []
        else:
            found += _inside(x)
            found.append(kind)
    return False


def _inside(x: Any) -> list[Any]:
    """Return what an object refers to."""
    if isinstance(x, Optimizer):
        return [value for name, value in x.attributes().items() if name not in _STATE]
    if isinstance(x, weakref.ref):
        return [x()]
    if isinstance(x, ContextVar):
        return [x.get(None)]
    if getattr(getattr(x, "dtype", None), "hasobject", False):
        return [x.tolist()]
    return gc.get_referents(x)


def _is_users(module: str | None) -> bool:
    """Return True for modules that are neither of Python, nor of this package, nor of an installed one."""
    root = str(module).partition(".")[0]
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return root not in _NOT_USERS and not any(place in file for place in _INSTALLED)


def _is_users_class(kind: type) -> bool:
    """Return True for a class of such a module, or of text that is executed, whose module is but said to be another."""
    said = sys.modules.get(kind.__module__)
    return _is_users(kind.__module__) or bool(
        kind.__flags__ & HEAP_TYPE and getattr(said, kind.__qualname__, None) is not kind
    )


@lru_cache(1000)
def _names(code: CodeType) -> frozenset[str] | None:
    """Return all names of globals and attributes in a function and those in it, also those that are written as text.

    None if it may get hold of what it does not name, or imports a module of the user's.
    """
    found = {*code.co_names}
    for x in code.co_consts:
        if isinstance(x, str):
            found.add(x)
        elif isinstance(x, CodeType):
            inner = _names(x)
            if inner is None:
                return None
            found |= inner
    imported = (line.argval for line in dis.get_instructions(code) if line.opname == "IMPORT_NAME")
    return None if found & (_STATE | _ANYTHING) or any(map(_is_users, imported)) else frozenset(found)


def _named(names: frozenset[str], variables: dict[str, Any]) -> Iterator[Any]:
    """Yield the globals with these names, and what has such a name in the modules among them."""
    spaces, known = [variables], set[int]()
    for space in spaces:
        for name in (names | {"__getattr__"}) & space.keys():  # a module's own gives what it has not
            x = space[name]
            if not isinstance(x, ModuleType):
                yield x
            elif _is_users(x.__name__) and id(x) not in known:
                known.add(id(x))
                if names & _ANY_OF_A_MODULE:
                    yield x
                spaces.append(vars(x))
