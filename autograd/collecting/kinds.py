"""Say which kinds of objects hold the leaves of a model, and how each is taken apart.

The parameters of a `Module` are the leaves that it holds, each where it is met first:

    attributes             of Modules, in order of definition; dataclasses and attrs classes, the fields first
    elements               of lists, tuples, deques and other sequences; of arrays of objects, of any shape
    entries                of dictionaries and other mappings, in their order

All this has an order that is the same on every run. Sets, iterators, functions and objects of other classes have none,
or do not show what they hold, so leaves in them are never trained in silence: they raise an error. To find these, the
walk asks the garbage collector what such an object refers to. That runs no code of the user's, it sees through
closures, slots and the views of dictionaries, and it costs microseconds. Of what an attribute itself merely leads to,
the walk knows the attributes of classes, the Values behind weak references and the values of context variables; on the
way to other objects these would lead to the rest of the program.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MappingView, Sequence, ValuesView
from collections.abc import Set as AbstractSet
from contextvars import ContextVar
from functools import partial
from itertools import count
from types import BuiltinMethodType, FrameType, FunctionType, MethodType, ModuleType, NoneType
from typing import Any, ClassVar, NamedTuple

from autograd.engine import Value
from autograd.marks import UNSET, Layout, Marked, Marks, is_own, slots_of
from autograd.ops import Op


class Key(NamedTuple):
    key: Any
    position: int


Step = int | str | Key
"""One step into a container: the index of an element, the name of an attribute, or a key."""


class Holding(Marked):
    """An object whose leaves are collected: what a walk knows of a `Module`."""

    __slots__ = ()  # the one that is needed is in the base

    _part_names: ClassVar[dict[str, str]] = {}  # what the parts of an attribute are called, where not as the attribute
    _derived: ClassVar[frozenset[str]] = frozenset()  # attributes that hold nothing, or what others hold
    _kept: ClassVar[str] = ""  # an attribute, nested lists of numbers and Values, that is all it holds: not trained
    _takes_modules: ClassVar[bool] = False  # whether it may have Modules of users in it, where it is one of ours
    _has_values: bool  # whether that was assigned with Values in it


def part_name(container: Any, step: str) -> str:
    """Return what the parts of an attribute are called in names."""
    return container._part_names.get(step, step) if isinstance(container, Holding) else step


def kept_by(module: Holding) -> Any:
    """Return the nested lists that a Module keeps which are not trained."""
    return getattr(module, module._kept, [])


def has_values(module: Holding) -> bool:
    """Return True if there are Values among these; the Module may be in the making."""
    return getattr(module, "_has_values", False)


_HOLDS_REFERENCES = 1 << 14  # Py_TPFLAGS_HAVE_GC: instances refer to others, which the garbage collector can list
HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class that is not built in, but made by a class statement
_NEVER_SEARCHED = (ModuleType, FrameType, Op, Marks, Layout)  # they lead to the rest of the program, or hold no leaf
WEAK = (weakref.ref, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_OURS = __name__.partition(".")[0] + "."  # the modules of classes that have no leaves among their attributes
_NO_PARTS = ("__", "_part_names", "_derived", "_abc_impl")  # attributes of a class that describe it
_PLAIN = frozenset({Value, int, float, bool, str, bytes, NoneType})  # nothing is in them
_MOST_IN_VAIN = 300  # containers, in objects that are passed to a call
_MOST_LOOKED_AT = 20_000  # parts of a Module, at each call that is passed a leaf; to take one apart is like 20
_MOST_KINDS = 1_000  # classes that are remembered
Parts = tuple[Iterable[Step], Iterable[Any]]
"""The step to each part of a container, and the parts."""


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """How instances of a class are taken apart."""

    module: bool = False
    """True for a subclass of Module."""
    kept: bool = False
    """True for a subclass of Module that keeps Values which are not trained."""
    remembers: bool = False
    """True for a subclass of the user's of Module: it remembers what it holds."""
    declared: Sequence[str] | None = None
    """The names of fields and slots, if attributes are collected; those in `__dict__` follow."""
    listed: Callable[[Any], Parts] | None = None
    """The function that lists the elements or entries, if there are any."""
    lazy: bool = False
    """True if elements may be made, or read from a file, as they are listed."""
    opaque: bool = False
    """True if an instance may hold more than that."""
    refers: Callable[[Any], Iterable[Any]] | None = None
    """The function that lists what an instance refers to, where the garbage collector sees too little or too much."""
    shows: Callable[[Any], Iterable[Any]] | None = None
    """The function that lists what else an instance leads to without holding it: asked of parts alone."""
    descriptor: bool = False
    """True for functions, properties and whatever else a class computes its attributes with."""


class _Kinds(dict[type, Kind | None]):
    """How each class is taken apart; None if its instances hold nothing."""

    def __missing__(self, kind: type) -> Kind | None:
        if len(self) >= _MOST_KINDS:  # classes come and go in a notebook
            self.clear()
        return self.setdefault(kind, _kind_of(kind))


KINDS = _Kinds()


def holding(parts: Iterable[Any]) -> set[type]:
    """Return the classes of these objects whose instances may hold leaves."""
    return {kind for kind in set(map(type, parts)) if KINDS[kind]}  # a class at a time: there may be millions


def passed_parts(x: Any) -> Iterator[Any]:
    """Yield the Values and Modules in containers and objects of any nesting; what is in Modules is not asked for.

    Objects come last, and are left when so much of what they lead to has been in vain: they may lead anywhere.
    """
    stack, objects, seen, vain = [x], list[Any](), dict[int, Any](), 0
    while stack or (objects and vain < _MOST_IN_VAIN):
        is_direct = bool(stack)
        part = stack.pop() if is_direct else objects.pop()
        kind = KINDS[type(part)]
        if type(part) is Value or (kind and kind.module):
            vain = 0
            yield part
        elif is_direct and kind and not kind.listed:
            objects.append(part)
        elif kind and id(part) not in seen:
            seen[id(part)] = part
            vain += not is_direct
            (stack if is_direct else objects).extend(x for x in _inside(part, kind) if KINDS[type(x)])


def _inside(part: Any, kind: Kind) -> Iterable[Any]:
    """Return what is in a container, or the attributes of an object."""
    found: Iterable[Any] = ()
    if kind.listed and not kind.lazy:
        found = kind.listed(part)[1]
    elif isinstance(part, (AbstractSet, ValuesView)):
        found = part
    if kind.module or kind.declared is not None or not (kind.listed or kind.refers or kind.descriptor):
        named = kind.declared if kind.declared is not None else slots_of(type(part))
        return [*found, *attributes(part, named).values()]
    return found


def reached(root: Any) -> Iterator[tuple[Any, list[Any]]]:
    """Yield the containers and Modules in a Module, each with its parts.

    Modules of this package, which remember nothing of what they hold, are left out, but for the users' in them.
    """
    seen, stack = {id(root)}, [root]
    while stack:
        part = stack.pop()
        if type(part) is list:
            found: list[Any] = part
        else:
            kind = KINDS[type(part)]
            if kind is None or kind.kept or (kind.module and not kind.remembers and not part._takes_modules):
                continue
            found = [*_inside(part, kind)]
        yield part, found
        if not _PLAIN.issuperset(map(type, found)):
            for x in found:
                if type(x) not in _PLAIN and id(x) not in seen:
                    seen.add(id(x))
                    stack.append(x)


def has_one(root: Any, parts: Iterable[Any], most: int = _MOST_LOOKED_AT) -> bool | None:
    """Return whether a Module, or a container or Module in it, has one of these Values and Modules.

    None if it is too large to be looked through.
    """
    wanted = set(map(id, parts))
    for _, found in reached(root):
        most -= 20 + len(found)
        if most < 0:
            return None
        if not wanted.isdisjoint(map(id, found)):
            return True
    return False


def _kind_of(kind: type) -> Kind | None:
    array, module = _defines(kind, "tolist", "dtype", "__len__"), issubclass(kind, Holding)  # NumPy's, and its records
    flat = _defines(kind, "base", "coords", "__next__")  # NumPy's iterator over an array
    holds = kind.__flags__ & _HOLDS_REFERENCES or kind is Value  # in C, Values are not the garbage collector's
    if issubclass(kind, _NEVER_SEARCHED) or not (holds or array or flat):
        return None
    if issubclass(kind, type):  # searched on the way, a class would lead to the rest of the program, too
        return Kind(opaque=True, refers=lambda part: (), shows=lambda part: [x for _, x in of_class(part)])
    if flat:
        return Kind(opaque=True, refers=lambda part: _of_array(part.base)[1])
    declared = declared_in(kind) if module or _fields(kind) else None
    if array and _defines(kind, "filled"):  # masked
        return Kind(module, declared=declared, opaque=True, refers=lambda part: _of_array(part.data)[1])
    if array:
        return Kind(module, declared=declared, listed=_of_array, refers=lambda part: _of_array(part)[1])
    kept = module and bool(getattr(kind, "_kept", ""))
    known = issubclass(kind, (list, tuple, deque, dict))
    listed = None
    if known or not module:
        listed = _elements if issubclass(kind, Sequence) else _entries if issubclass(kind, Mapping) else None
    exact = kind in (list, tuple, deque, dict) or (module and not issubclass(kind, AbstractSet))
    return Kind(
        module,
        kept,
        module and not kept and not is_own(kind),
        declared,
        listed,
        lazy=not known,
        opaque=not exact,
        refers=_of_function if kind is FunctionType else None,
        shows=_of_references if issubclass(kind, WEAK) else _of_variable if kind is ContextVar else None,
        descriptor=_defines(kind, "__get__"),
    )


def _fields(kind: Any) -> list[str]:
    """Return the names of the fields of a dataclass, or of a class of the package attrs, in order."""
    if _defines(kind, "__dataclass_fields__"):
        return [field.name for field in dataclasses.fields(kind)]
    return [field.name for field in kind.__attrs_attrs__] if _defines(kind, "__attrs_attrs__") else []


def declared_in(kind: type) -> list[str]:
    """Return the names of the attributes that the definition of a class lists."""
    derived = kind._derived if issubclass(kind, Holding) else ()
    return [name for name in (*_fields(kind), *slots_of(kind)) if name not in derived]


def attributes(part: Any, declared: Iterable[str]) -> dict[str, Any]:
    """Return the attributes of an object: the declared ones that are set, then those in `__dict__`."""
    found = {name: x for name in declared if (x := getattr(part, name, UNSET)) is not UNSET}
    others: dict[str, Any] | None = getattr(part, "__dict__", None)
    return found | others if others else found


def _elements(part: Any) -> Parts:
    return count(), part if isinstance(part, (list, tuple, deque)) else list(part)


def _entries(part: Any) -> Parts:
    entries = list(part.items())
    return (Key(key, i) for i, (key, _) in enumerate(entries, 1)), [x for _, x in entries]


def _defines(kind: type, *names: str) -> bool:
    """Return True if a class or its bases define these attributes; a metaclass might answer to every name."""
    return all(any(name in vars(base) for base in kind.__mro__) for name in names)


def _of_array(part: Any) -> Parts:
    """Return the elements of an array of objects, and the fields of a structured one that has objects in it."""
    dtype = part.dtype
    if not getattr(dtype, "hasobject", False):
        return (), ()
    if dtype.names:
        return (Key(name, i) for i, name in enumerate(dtype.names, 1)), [part[name] for name in dtype.names]
    listed = part.tolist()
    return _elements(listed) if part.ndim else ([Key((), 1)], [listed])


def of_class(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a class, with their names, that may hold leaves: no methods and other descriptors."""
    for base in kind.__mro__:
        if base.__flags__ & HEAP_TYPE and not str(base.__module__).startswith(_OURS):
            for name, x in vars(base).items():
                found = KINDS[type(x)]
                if found and not found.descriptor and not name.startswith(_NO_PARTS):
                    yield name, x


def _of_references(part: Any) -> list[Value]:
    """Return the Values behind weak references. The modules behind them are mostly those that hold this one."""
    if isinstance(part, weakref.ref):
        found = [part()]
    else:
        found = [*part.values()] if isinstance(part, weakref.WeakValueDictionary) else [*part]
    return [x for x in found if type(x) is Value]


def _of_variable(part: ContextVar[Any]) -> list[Any]:
    return [part.get(None)]


def _of_function(part: Any) -> list[Any]:
    """Return what a function refers to, its globals left out."""
    return [part.__closure__, part.__defaults__, part.__kwdefaults__, part.__dict__]


def referents(parts: Iterable[Any]) -> list[Any]:
    """Return everything that these objects refer to."""
    found, others = list[Any](), list[Any]()
    for part in parts:
        kind = KINDS[type(part)]
        if kind and kind.refers:
            found += kind.refers(part)
        else:
            others.append(part)
    return found + gc.get_referents(*others)


def why_not(kind: type) -> tuple[str, str]:
    """Return what keeps the leaves in instances of this class from being collected, and what to do."""
    for kinds, what, advice in _REASONS:
        if issubclass(kind, kinds):
            return what, advice
    if _defines(kind, "filled"):
        return "a masked array", "Make it an array without a mask"
    what = f"an instance of {kind.__name__}, neither a Module nor a dataclass"
    if not _is_the_users(kind):
        return what, "Assign its Values and Modules themselves, or a list of them"
    if _defines(kind, "parameters"):
        return what, f"Its parameters() is not asked: write class {kind.__name__}(nn.Module)"
    return what, f"Make {kind.__name__} a Module or a dataclass, or use a list or a dictionary in its place"


def _is_the_users(kind: type) -> bool:
    """Return False for a class of Python's, which nobody can make a Module."""
    return kind.__module__.partition(".")[0] not in sys.stdlib_module_names


_REASONS: list[tuple[Any, str, str]] = [
    (MappingView, "a view of a dictionary", "Keep the dictionary itself, or make a list of it"),
    (weakref.ref, "a weak reference, which keeps nothing alive", "Assign the Value itself"),
    (weakref.WeakSet, "a weak set, which keeps nothing alive", "Put its Values in a list"),
    (weakref.WeakValueDictionary, "a weak dictionary, which keeps nothing alive", "Put its Values in a dictionary"),
    (type, "a class, whose attributes all instances share", "Keep an instance that assigns them in __init__"),
    (ContextVar, "a context variable, which has another value in each context", "Assign the Value itself"),
    (AbstractSet, "a set, whose order differs from run to run", "Put its Values and Modules in a list"),
    (Iterator, "an iterator, which can be read only once", "Make a list of it"),
    (
        (FunctionType, MethodType, BuiltinMethodType, partial),
        "a function, which hides what it uses",
        "Make it a Module with a __call__, or write what stays constant as a plain number",
    ),
    (Mapping, "a mapping, of which only the values are collected", "Move it to the values, or to a list"),
]
