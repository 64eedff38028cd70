"""Give Modules a place for what is remembered of them beside their attributes, whatever their classes are."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial, wraps
from operator import is_
from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import ref

from autograd.hints import AbstractHintsUnlisted


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
_called: dict[int, ref[Any]] = {}
"""The Modules that have been called, by id. The end of one removes its entry, in C, without a step in Python."""


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
        module = super().__call__(*arguments, **named)
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
        if id(self) not in _called or type(self)._slotted:
            return _watched_closely(call, self, inputs, named)
        before = self.__dict__.copy()
        try:
            return call(self, *inputs, **named)
        finally:
            now = self.__dict__
            if len(before) != len(now) or not all(map(is_, before.values(), now.values())):
                self._called(before, now, {})

    return watched


def _watched_closely(call: Callable[..., Any], module: Any, inputs: Sequence[Any], named: Mapping[str, Any]) -> Any:
    """Call a method of a Module that has slots, or that is called for the first time: its containers are watched, too.

    All others take the short way, which costs a third of it.
    """
    before = attributes_of(module)
    contents = None if id(module) in _called else _contents(before)
    try:
        return call(module, *inputs, **named)
    finally:
        now = attributes_of(module)
        if contents is not None:
            after = _contents(now)
            _called[id(module)] = ref(module, partial(_called.pop, id(module)))
            kept = [name for name in contents if before[name] is now.get(name)]
            changed = {name: contents[name] for name in kept if not _are_same(contents[name], after[name])}
            module._called(before, now, changed)
        elif not _are_same(before.values(), now.values()):
            module._called(before, now, {})


def _are_same(some: Collection[Any], others: Collection[Any]) -> bool:
    return len(some) == len(others) and all(map(is_, some, others))


def _contents(attributes: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Return what containers hold, to see what a call changes in them. Only the first call is watched so."""
    return {
        name: tuple(x.values() if type(x) is dict else x) for name, x in attributes.items() if type(x) in _CONTAINERS
    }


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
        raise TypeError(f"{name} has no room to remember {' and '.join(changed)}: delete its __slots__ = ()") from None


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
