"""Give Modules a place for what is remembered of them beside their attributes, and notice what calls assign."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from types import FunctionType, MemberDescriptorType, NoneType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, cast
from weakref import ref

from autograd.calls import here, is_new, note_call, note_root
from autograd.engine import Value, next_order
from autograd.hints import AbstractHintsUnlisted, advise
from autograd.text import and_joined

UNSET = object()
"""In place of an attribute that is not there."""

_PACKAGE = __name__.partition(".")[0]
_HOLD_NOTHING = frozenset({int, float, bool, str, bytes, NoneType})
_NO_DETOUR = _HOLD_NOTHING | {Value}  # what most lists are made of


class Remembered:
    """What a Module remembers of its parts: the base.

    Attributes:
        born: when it was made, or copied: a number of creation.
        called: when its last call began.
        roots: other Modules in whose calls it was called: the outermost ones.
    """

    __slots__ = ("born", "called", "roots")

    def __init__(self) -> None:
        self.born, self.called = next_order(), 0
        self.roots: tuple[ref[Any], ...] = ()

    def is_called_by(self, root: ref[Any] | None) -> None:
        """Note in whose call the Module is called."""
        if root is not None and not (self.roots and self.roots[-1] is root):
            self.roots = note_root(self.roots, root)

    def twin(self) -> Self:
        """Return one for a copy of the Module."""
        return type(self)()


@dataclass(frozen=True, slots=True)
class Marks:
    """What is remembered of a Module beside its attributes. It is replaced, never changed."""

    training: bool = True
    frozen: bool = False
    state: tuple[str, ...] = ()
    """The attributes that calls assign or fill: what a model keeps from one call to the next."""
    memory: Remembered | None = field(default=None, compare=False, repr=False)
    """Of a Module of a user's class, once it has been made."""


UNMARKED = Marks()


# Calls ---------------------------------------------------------------------------------------------------------------


def watched(call: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a method of Modules: what is assigned while it runs, passed to it, or made in it, is no parameter.

    Ctrl-C cannot leave `depth` wrong: nothing is called between its change and the `try`, nor in the `finally` before
    it is undone.
    """

    @wraps(call)
    def in_a_call(self: Any, *inputs: Any, **named: Any) -> Any:
        calls = here.calls
        try:
            memory = object.__getattribute__(self, "_marks").memory
        except AttributeError:  # no Module, or one in the making that has slots
            memory = None
        is_marked = memory is not None or isinstance(self, Marked)
        if memory is None and is_marked:
            self._stock()
        around, outermost, modules = calls.begun, not calls.depth, ()
        if outermost:
            calls.root = ref(self)
            modules = _announce(self, memory, _new(inputs, named, calls.root)) if is_marked else ()
        calls.begun = begun = next_order()
        if memory is not None:
            memory.called = begun
            if not outermost:
                memory.is_called_by(calls.root)
        if outermost:
            calls.outermost = begun
        calls.depth += 1
        try:
            return call(self, *inputs, **named)
        finally:
            calls.depth -= 1
            calls.begun = around
            if outermost:
                _conclude(self, begun, modules, is_marked)

    return in_a_call


def _announce(module: Any, memory: Remembered | None, new: list[Any]) -> Any:
    """Tell a Module before an outermost call what it is passed; return the Modules among that."""
    first = memory is None or not memory.called
    return module._pass_in(new, first=first) if new or first else ()


def _conclude(module: Any, begun: int, modules: Any, is_marked: bool) -> None:
    """Note after an outermost call what it has kept, made and assigned."""
    if modules:
        module._see_whether_kept(modules)
    end = next_order()
    if end > begun + 1 and is_marked:
        for decides in note_call(begun, end, module):
            decides._stock()
    calls = here.calls
    if calls.assigned:
        assigned, calls.assigned = calls.assigned, {}
        for holder, name, before in assigned.values():
            holder._assigned(name, before)


def _new(inputs: tuple[Any, ...], named: dict[str, Any], to: ref[Any]) -> list[Any]:
    """Return what is passed to a call for the first time, or may have something in it that is."""
    new = list[Any]()
    for x in (*inputs, *named.values()) if named else inputs:
        kind = type(x)
        if kind is Value:
            if x.op is None and is_new(x, to):
                new.append(x)
        elif kind is list:
            kinds = set(map(type, x))
            if kinds <= _NO_DETOUR:
                new += [v for v in x if type(v) is Value and v.op is None and is_new(v, to)] if Value in kinds else ()
            else:
                new.append(x)
        elif kind not in _HOLD_NOTHING:
            new.append(x)
    return new


class _Watched:
    """A method that is no plain function, as those of `functools.singledispatchmethod`, watched."""

    def __init__(self, method: Any) -> None:
        self.method = method

    def __get__(self, module: Any, kind: type | None = None) -> Any:
        found = self.method.__get__(module, kind)
        if module is None or not callable(found):
            return found
        return watched(lambda _, *inputs, **named: found(*inputs, **named)).__get__(module)

    def __getattr__(self, name: str) -> Any:
        if name == "method":  # in the making
            raise AttributeError(name)
        return getattr(self.method, name)


def _watched(method: Any) -> Any:
    if isinstance(method, FunctionType):
        return method if method.__code__ is _CODE or method is call_forward else watched(method)
    return _Watched(method) if hasattr(type(method), "__get__") and not isinstance(method, _Watched) else method


def call_forward(module: Any, *inputs: Any, **named: Any) -> Any:
    """Call `forward` of a Module, watched."""
    forward = module.forward
    try:
        is_watched = forward.__func__.__code__ is _CODE
    except AttributeError:  # no method: assigned to an attribute
        is_watched = False
    return forward(*inputs, **named) if is_watched else _called(module, forward, *inputs, **named)


@watched
def _called(module: Any, forward: Any, *inputs: Any, **named: Any) -> Any:
    return forward(*inputs, **named)


_CODE = _called.__code__  # that of all methods which are watched
_METHODS = ("__call__", "forward")


# Classes -------------------------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """Where the instances of a class have their attributes and marks."""

    slots: tuple[str, ...]
    has_a_slot_for_marks: bool


class ModuleClass(AbstractHintsUnlisted):
    """The class of Modules' classes: a place for marks in their instances, `forward` called, and calls watched."""

    _layout: Layout

    def __new__(
        mcs: type["ModuleClass"], name: str, bases: tuple[type, ...], namespace: dict[str, Any], **arguments: Any
    ) -> "ModuleClass":
        slots = namespace.get("__slots__")
        if slots and bases and not any(map(_has_a_place, bases)):
            slots = [slots] if isinstance(slots, str) else slots
            namespace["__slots__"] = {**slots, "_marks": None} if isinstance(slots, dict) else (*slots, "_marks")
        if "forward" in namespace and "__call__" not in namespace:  # it goes before the __call__ of a base
            namespace["__call__"] = call_forward
        own = _is_of_package(str(namespace.get("__module__")))
        if own and slots and bases:  # ours assign nothing in a call
            namespace.setdefault("__setattr__", object.__setattr__)
        for method in () if own else _METHODS:
            if method in namespace:
                namespace[method] = _watched(namespace[method])
        cls = super().__new__(mcs, name, bases, namespace, **arguments)
        cls._layout = Layout(tuple(slots_of(cls)), isinstance(getattr(cls, "_marks", None), MemberDescriptorType))
        if not own:
            if getattr(cls, "__setattr__") is object.__setattr__:  # noqa: B009  # of one of ours; to mypy it cannot be
                type.__setattr__(cls, "__setattr__", Marked.__setattr__)
            for method in _METHODS:
                base = next((base for base in cls.__mro__ if method in vars(base)), None)
                if base is not None and not isinstance(base, ModuleClass):
                    type.__setattr__(cls, method, _inherited(cls, method, vars(base)[method]))
        return cls

    if not TYPE_CHECKING:  # or type checkers would pass any attribute

        def __setattr__(cls, name: str, x: Any) -> None:
            super().__setattr__(name, _watched(x) if name in _METHODS and not is_own(cls) else x)

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        calls = here.calls
        calls.making += 1
        try:
            module = super().__call__(*arguments, **named)
            if isinstance(module, Marked):  # a class may make something else
                if cls._layout.has_a_slot_for_marks and marks_of(module) is UNMARKED:
                    object.__setattr__(module, "_marks", UNMARKED)  # found sooner than that the slot is empty
                module._made()
        except TypeError as problem:
            if named and is_own(cls):
                advise(problem, cls, named)
            raise
        finally:
            calls.making -= 1
        return module


def _inherited(cls: type, name: str, found: Any) -> Any:
    """Return a watched method that calls that of a base which is no Module."""
    if not isinstance(found, FunctionType):
        return _watched(found)

    @wraps(found)
    def call(self: Any, *inputs: Any, **named: Any) -> Any:
        return getattr(super(cls, self), name)(*inputs, **named)

    return watched(call)


def _is_of_package(module: str) -> bool:
    return module.partition(".")[0] == _PACKAGE


def is_own(kind: type) -> bool:
    """Return True for a class of this package, False for one of the user's."""
    return _is_of_package(kind.__module__)


def _has_a_place(base: type) -> bool:
    """Return True if instances have a dictionary, or a slot for marks."""
    return bool(base.__dictoffset__) or isinstance(getattr(base, "_marks", None), MemberDescriptorType)


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
    slots = type(module)._layout.slots
    if held is None or slots:
        found = {name: x for name in slots if (x := getattr(module, name, UNSET)) is not UNSET}
        return {**found, **(held or {})}
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
    marks = replace(marks_of(module), **changed)
    if marks == marks_of(module) and "memory" not in changed:
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

        def __setattr__(self, name: str, x: Any) -> None:  # which would let a type checker pass any attribute
            marks = marks_of(self)
            memory, calls = marks.memory, here.calls
            if memory is None:
                super().__setattr__(name, x)
            elif not calls.depth or memory.born > calls.begun:  # what a call makes, it may complete
                super().__setattr__(name, x)
                if name in marks.state:
                    mark(self, state=tuple(known for known in marks.state if known != name))
                if type(x) not in _HOLD_NOTHING:
                    self._given(name, x)
            elif name in marks.state:
                before = attributes_of(self).get(name, UNSET)
                super().__setattr__(name, x)
                if type(before) not in _HOLD_NOTHING and self._holds(before):
                    calls.assigned.setdefault((id(self), name), (self, name, before))
            else:
                before = attributes_of(self).get(name, UNSET)
                super().__setattr__(name, x)
                if type(x) not in _HOLD_NOTHING or type(before) not in _HOLD_NOTHING:
                    calls.assigned.setdefault((id(self), name), (self, name, before))

    _marks = UNMARKED  # of instances that have no others

    def __getstate__(self) -> Any:
        """Return what copies and pickles take over: attributes, and marks of their own."""
        if marks_of(self).memory is None:
            return super().__getstate__()
        self._stock()
        marks = marks_of(self)
        twins = {"_marks": replace(marks, memory=cast(Remembered, marks.memory).twin())}
        state: Any = super().__getstate__()
        if isinstance(state, tuple):
            return tuple({**part, **twins} if part and "_marks" in part else part for part in state)
        return {**state, **twins} if isinstance(state, dict) else state

    def _made(self) -> None:
        """Do what is left to do when an instance has been made."""

    def _given(self, name: str, x: Any) -> None:
        """Do what is left to do when an attribute has been assigned outside of a call."""

    def _holds(self, x: Any) -> bool:
        """Return True if there is a parameter, or a Module, in what was in an attribute that calls assign."""
        return False

    def _assigned(self, name: str, before: Any) -> None:
        """Do what is left to do when a call has assigned an attribute, which was something else before, or UNSET."""

    def _pass_in(self, parts: list[Any], *, first: bool) -> list[Any]:
        """Remember the leaves in what is passed to a call for the first time; return the Modules among it.

        Arguments:
            first: whether the Module has not been called before.
        """
        return []

    def _see_whether_kept(self, modules: list[Any]) -> None:
        """Remember Modules that were passed to a call, and that it has kept."""

    def _stock(self) -> None:
        """Decide of all that is held whether it is a parameter, and remember it."""
