"""Give Modules a place for what is remembered of them beside their attributes, whatever their classes are."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial, wraps
from itertools import islice
from operator import is_
from types import FunctionType, MappingProxyType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import ref

from autograd.hints import AbstractHintsUnlisted, advise
from autograd.text import and_joined


class Marks(NamedTuple):
    """What is remembered of a Module beside its attributes. It is replaced, never changed: copies share it."""

    training: bool = True
    frozen: bool = False
    state: tuple[str, ...] = ()
    """The attributes that a call has assigned: what a model keeps from one call to the next."""


UNMARKED = Marks()
_PACKAGE = __name__.partition(".")[0]
_CONTAINERS = frozenset({list, dict, deque, set})
_UNSET = object()
_NONE: Mapping[str, Any] = MappingProxyType({})
_FEW = 16  # elements of a container in which containers are looked for
_called: dict[int, tuple[ref[Any], dict[str, bool], list[ref[Any]]]] = {}
"""The Modules that have been called, by id, each with its containers that may grow, and its parts of users' classes.

The end of one removes its entry, in C, without a step in Python.
"""


class ModuleClass(AbstractHintsUnlisted):
    """The class of Modules' classes: a place for marks in their instances, `forward` called, and calls watched."""

    _slotted: tuple[str, ...]
    _has_a_slot: bool

    def __new__(
        mcs: type["ModuleClass"], name: str, bases: tuple[type, ...], namespace: dict[str, Any], **arguments: Any
    ) -> "ModuleClass":
        slots = namespace.get("__slots__")
        if slots and bases and not any(map(_has_a_place, bases)):
            slots = [slots] if isinstance(slots, str) else slots
            namespace["__slots__"] = {**slots, "_marks": None} if isinstance(slots, dict) else (*slots, "_marks")
        if "forward" in namespace and "__call__" not in namespace:  # it goes before the __call__ of a base
            namespace["__call__"] = _call_forward
        if not _is_of_package(str(namespace.get("__module__"))):  # ours assign nothing in a call
            for method in ("__call__", "forward"):
                if isinstance(namespace.get(method), FunctionType) and namespace[method] is not _call_forward:
                    namespace[method] = _watched(namespace[method])
        cls = super().__new__(mcs, name, bases, namespace, **arguments)
        cls._slotted = tuple(slots_of(cls))
        cls._has_a_slot = isinstance(getattr(cls, "_marks", None), MemberDescriptorType)
        return cls

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        try:
            module = super().__call__(*arguments, **named)
        except TypeError as problem:
            if named and is_own(cls):
                advise(problem, cls, named)
            raise
        if isinstance(module, Marked):  # a class may make something else
            if cls._has_a_slot and marks_of(module) is UNMARKED:
                object.__setattr__(module, "_marks", UNMARKED)  # found sooner than that the slot is empty
            module._made()
        return module


def _is_of_package(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE


def is_own(kind: type) -> bool:
    """Return True for a class of this package, False for one of the user's."""
    return _is_of_package(kind.__module__)


def _has_a_place(base: type) -> bool:
    """Return True if instances have a dictionary, or a slot for marks."""
    return bool(base.__dictoffset__) or isinstance(getattr(base, "_marks", None), MemberDescriptorType)


def _call_forward(module: Any, *inputs: Any, **named: Any) -> Any:
    return module.forward(*inputs, **named)


def _watched(call: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a method of a Module so that attributes which it assigns are remembered as state."""

    @wraps(call)
    def watched(self: Any, *inputs: Any, **named: Any) -> Any:
        known = _called.get(id(self))
        if known is None or type(self)._slotted:
            return _watched_closely(call, self, inputs, named)
        _, containers, parts = known
        before = self.__dict__.copy()
        sizes = _sizes(before, containers) if containers else {}
        inside = _attributes_of_all(parts) if parts else ()
        try:
            return call(self, *inputs, **named)
        finally:
            now = self.__dict__
            changed = _changed(before, now, sizes, containers) if sizes and sizes != _sizes(now, containers) else _NONE
            if changed or len(before) != len(now) or not all(map(is_, before.values(), now.values())):
                self._called(before, now, changed)
            if inside:
                _tell(inside)

    return watched


def _watched_closely(call: Callable[..., Any], module: Any, inputs: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Call a method of a Module that has slots, or that is called for the first time: what containers hold is compared.

    All others take the short way, which compares their lengths, and costs a third of it.
    """
    before = attributes_of(module)
    sizes = _sizes(before, before)
    first = id(module) not in _called
    contents = {name: _cut(before[name], sizes) for name in _containers_in(before)} if first else {}
    inside = _attributes_of_all(map(ref, _parts_in(before)))
    try:
        return call(module, *inputs, **named)
    finally:
        now = attributes_of(module)
        changed = _changed(before, now, sizes, before)
        if first:
            _called[id(module)] = (
                ref(module, partial(_called.pop, id(module))),
                _growing(now),
                list(map(ref, _parts_in(now))),
            )
            kept = [name for name in contents if before[name] is now.get(name)]
            after = _sizes(now, now)
            changed |= {name: contents[name] for name in kept if not _are_same(contents[name], _cut(now[name], after))}
        if changed or not _are_same(before.values(), now.values()):
            module._called(before, now, changed)
        _tell(inside)


def _are_same(some: Collection[Any], others: Collection[Any]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def _elements(container: Any) -> Collection[Any]:
    return container.values() if type(container) is dict else cast(Collection[Any], container)


def _containers_in(attributes: Mapping[str, Any]) -> list[str]:
    return [name for name, x in attributes.items() if type(x) in _CONTAINERS]


def _is_part(x: Any) -> bool:
    """Return True for a Module."""
    return isinstance(type(x), ModuleClass)


def _parts_in(attributes: Mapping[str, Any]) -> list[Any]:
    """Return the Modules of the user's classes among attributes, and in containers."""
    every = [y for x in attributes.values() for y in (_elements(x) if type(x) in _CONTAINERS else (x,))]
    return [x for x in every if _is_part(x) and not is_own(type(x)) and not type(x)._slotted]


def _attributes_of_all(parts: Iterable[ref[Any]]) -> list[tuple[Any, dict[str, Any]]]:
    return [(part, attributes_of(part)) for one in parts if (part := one()) is not None]


def _tell(inside: Iterable[tuple[Any, dict[str, Any]]]) -> None:
    """Tell Modules of attributes that the call of one around them has assigned."""
    for part, before in inside:
        now = attributes_of(part)
        if not _are_same(before.values(), now.values()):
            part._called(before, now, _NONE)


def _sizes(attributes: Mapping[str, Any], names: Mapping[str, Any]) -> dict[int, int]:
    """Return the lengths of containers by their ids, to see what grows.

    Arguments:
        names: those of the containers; with False for one in which no others are looked for.
    """
    sizes = dict[int, int]()
    for name, deep in names.items():
        x: Any = attributes.get(name)
        if type(x) in _CONTAINERS:
            sizes[id(x)] = len(x)
            waiting = [*_elements(x)] if deep is not False and len(x) <= _FEW else ()
            while waiting:
                x = waiting.pop()
                if type(x) in _CONTAINERS and id(x) not in sizes:
                    sizes[id(x)] = len(x)
                    if len(x) <= _FEW:
                        waiting += _elements(x)
    return sizes


def _growing(attributes: Mapping[str, Any]) -> dict[str, bool]:
    """Return which containers may grow: not those of Modules; in rows of numbers, no others are looked for."""
    found = dict[str, bool]()
    for name in _containers_in(attributes):
        x = attributes[name]
        if not x or not all(map(_is_part, _elements(x))):
            rows = [y for y in _elements(x) if type(y) in _CONTAINERS] if len(x) <= _FEW else []
            found[name] = not all(type(y) is list and y and type(y[-1]) not in _CONTAINERS for y in rows)
    return found


def _changed(
    before: Mapping[str, Any], now: Mapping[str, Any], sizes: Mapping[int, int], names: Mapping[str, Any]
) -> dict[str, Sequence[Any]]:
    """Return the containers whose length has changed, or that of one inside, by name, each with what it held."""
    kept = [name for name in names if name in before and before[name] is now.get(name)]
    return {
        name: _cut(now[name], sizes)
        for name in kept
        if id(now[name]) in sizes
        and any(n != sizes.get(known) for known, n in _sizes(now, {name: names[name]}).items())
    }


def _cut(container: Any, sizes: Mapping[int, int]) -> list[Any]:
    """Return what a container held when it had this length, and those inside."""
    parts, waiting, seen = list[Any](), [container], set[int]()
    while waiting:
        x = waiting.pop()
        if id(x) not in sizes or type(x) not in _CONTAINERS:
            parts.append(x)
        elif id(x) not in seen:
            seen.add(id(x))
            waiting += list(islice(_elements(x), sizes[id(x)]))[::-1]
    return parts


def slots_of(kind: type) -> list[str]:
    """Return the names of the slots of a class, in order of definition."""
    names = []
    for base in reversed(kind.__mro__):
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{base.__name__.lstrip('_')}{name}" if private else name)
    return [name for name in names if name not in ("__dict__", "__weakref__", "_marks")]


def attributes_of(module: Any) -> dict[str, Any]:
    """Return a copy of the attributes of a Module by name, those in slots, too."""
    held: dict[str, Any] | None = getattr(module, "__dict__", None)
    if held is None or type(module)._slotted:
        slots = {name: x for name in type(module)._slotted if (x := getattr(module, name, _UNSET)) is not _UNSET}
        return {**slots, **(held or {})}
    return held.copy()


def marks_of(module: Any) -> Marks:
    try:
        return cast(Marks, object.__getattribute__(module, "_marks"))  # no __getattr__ of the user's answers
    except AttributeError:  # of a class with slots
        return UNMARKED


def mark(module: Any, **changed: Any) -> None:
    """Set some marks of a Module.

    Raises:
        TypeError: its class has no place for them.
    """
    marks = marks_of(module)._replace(**changed)
    if marks == marks_of(module):
        return
    try:
        object.__setattr__(module, "_marks", marks)  # past what a frozen dataclass refuses
    except AttributeError:
        name = type(module).__name__
        raise TypeError(
            f"{name} has no room to remember {and_joined(list(changed))}: delete its __slots__ = ()"
        ) from None


class Marked(metaclass=ModuleClass):
    """An object with marks."""

    if not TYPE_CHECKING:  # to a type checker a slot, even this one, is in the way of further bases
        __slots__ = ("__weakref__",)  # even of Modules with slots: `predict` keeps by them what it compiled

    _marks = UNMARKED  # of instances that have no others

    def _made(self) -> None:
        """Do what is left to do when an instance has been made."""

    def _called(self, before: Mapping[str, Any], now: Mapping[str, Any], changed: Mapping[str, Sequence[Any]]) -> None:
        """Do what is left to do when a call has assigned attributes.

        Arguments:
            before, now: all attributes before and after the call.
            changed: what was in containers whose content it has changed.
        """
