"""Compare what a Module holds before and after each call: what a call puts into a list or the like is state.

No list can tell who has changed it. So the outermost call of a user's Module compares, when it begins and when it ends,
what each list, dictionary, array and object in the Module has. What has come before is the user's, and a parameter;
what has come in between is the call's, and state. Attributes that calls assign are known without that, by
`Marked.__setattr__`.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from operator import is_
from threading import RLock, get_ident
from types import NoneType
from typing import Any, NamedTuple, cast

from autograd.calls import here
from autograd.collecting.kinds import KINDS, Holding, Kind, attributes, values_and_modules
from autograd.collecting.memory import memory_of
from autograd.collecting.walk import number_of
from autograd.engine import Value
from autograd.errors import ParameterWarning
from autograd.frames import warn_caller
from autograd.marks import attributes_of, marks_of
from autograd.samples.recording import inputs_alive
from autograd.text import escaped

_NUMBERS = frozenset({int, float, bool, str, bytes, NoneType})  # and what else holds nothing
_ALIKE_IF_EQUAL = _NUMBERS | {Value}  # no Value is equal to another
_LONG = 1_000  # of lists of more numbers only the length is compared
_MANY = 200  # lists and the like; of more that hold only numbers nothing is compared: data


_turn = RLock()  # while one thread compares, no other begins a call, or ends one
if hasattr(os, "register_at_fork"):  # fork only while no other thread has it
    os.register_at_fork(before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_turn.release)


class _Entry(NamedTuple):
    """What a container has had."""

    part: Any
    """The container; of a Module a weak reference, so that Modules are freed at once."""
    listed: Callable[[Any], list[Any]]
    """The function that lists what it has."""
    had: list[Any]
    is_plain: bool
    """Whether these are Values and numbers alone: comparing such lists runs no code of others, and is quick."""
    holder: weakref.ref[Holding]
    """The Module around it that remembers what it holds."""
    attribute: Any
    """The attribute there; None if these are its own attributes."""


_Sorted = tuple[list[_Entry], list[Any], list[Any], list[int]]
"""What has been entered; the lists among it that are compared at once, which is quick; what these had; the others."""


class _Made(NamedTuple):
    """A leaf that a call has made and kept."""

    leaf: weakref.ref[Value]
    holder: weakref.ref[Holding]
    attribute: Any
    call: int
    """How many calls there had been before."""


_MOST_MADE = 64  # that are watched
_FEW = 8  # containers of numbers that are lost, and still compared

_Found = tuple[Any, Holding, Any]
"""A Value or a Module, the Module around it that remembers what it holds, and the attribute there."""


class Contents:
    """What a Module of a user's class has, and all containers and Modules in it.

    Attributes:
        modules: the Modules, by id, that remember what they hold: the root, and those in it.
    """

    __slots__ = ("modules", "_root", "_entries", "_known", "_lost", "_at_once", "_threads", "_made", "_calls")

    def __init__(self, root: Holding) -> None:
        self._root, self._threads = weakref.ref(root), set[int]()
        self._made, self._calls = list[_Made](), 0
        self._at_once: _Sorted | None
        self._enter_all()

    def begin(self) -> None:
        """Compare before a call. During one in another thread, or after one cut short, that made the changes.

        Warns:
            ParameterWarning: calls have made leaves, and kept them, which get gradients.
        """
        with _turn:
            self._compare(by_a_call=bool(self._threads))
            self._threads.add(get_ident())
        if self._made and not inputs_alive():  # `fit` says it itself
            self._say_what_is_made()

    def end(self) -> None:
        """Compare after a call."""
        with _turn:
            self._compare(by_a_call=True)
            self._threads.discard(get_ident())
            self._calls += 1

    def compare(self) -> None:
        """Compare in a call."""
        with _turn:
            self._compare(by_a_call=True)

    def note(self, leaf: Value, holder: Holding, attribute: Any) -> None:
        """Remember a leaf that the call which runs has made, and kept in an attribute: is it meant to be trained?"""
        if len(self._made) < _MOST_MADE:
            self._made.append(_Made(weakref.ref(leaf), weakref.ref(holder), attribute, self._calls))

    def _say_what_is_made(self) -> None:
        """Warn of leaves that a call has made, that the next one has left there, and that a gradient has reached."""
        self._made = [made for made in self._made if made.leaf() is not None]
        for made in self._made:
            leaf, holder = made.leaf(), made.holder()
            if leaf is None or holder is None or not leaf.grad or self._calls < made.call + 2:
                continue
            if any(part is leaf for part in values_and_modules(attributes_of(holder).get(made.attribute))):
                self._made = [x for x in self._made if x.attribute != made.attribute or x.holder() is not holder]
                kind = escaped(type(holder).__name__)
                warn_caller(
                    f"{kind}.{escaped(made.attribute)} has {leaf}, which a call of {kind} has made and kept: so it is "
                    "state, neither trained nor saved. To train it, make it in __init__; if it is to stay, use an "
                    "nn.Constant, or v.stop_gradient()",
                    ParameterWarning,
                )
                return

    def _compare(self, *, by_a_call: bool) -> None:
        """Find what has come since the last time, and let Modules remember it: as state, or as parameters."""
        entries, lists, had, others = self._at_once or self._sort()
        for i in others if _are_same(had, lists, are_plain=True) else range(len(entries)):
            entry = entries[i]
            has = entry.listed(entry.part)
            if not _are_same(entry.had, has, entry.is_plain):
                has = [*(_elements(entry.part) if entry.listed is _length else has)]
                entries[i] = _entry(entry.part, entry.listed, has, entry.holder, entry.attribute)
                self._at_once = None
                self._changed(entry, has, by_a_call)
        if self._lost > _FEW:
            self._enter_all()

    def _sort(self) -> _Sorted:
        lists, had, others = list[Any](), list[Any](), list[int]()
        for i, entry in enumerate(self._entries):
            if entry.is_plain and entry.listed is _elements and type(entry.part) is list:
                lists.append(entry.part)
                had.append(entry.had)
            else:
                others.append(i)
        self._at_once = self._entries, lists, had, others
        return self._at_once

    def _changed(self, entry: _Entry, has: list[Any], by_a_call: bool) -> None:
        """Remember what has come to a container, and note what it has lost."""
        had, n = entry.had, len(entry.had)
        if n < len(has) and _are_same(had, has[:n], entry.is_plain):
            came = has[n:]
        else:
            before, now = set(map(id, had)), set(map(id, has))
            came = [x for x in has if id(x) not in before]
            self._lost += sum(self._weight(x) for x in had if id(x) not in now)
        came = [x for x in came if KINDS[type(x)]]
        holder = entry.holder()
        if holder is None or not came:
            return
        names = {id(x): step for step, x in _held(holder).items()} if entry.attribute is None else {}
        for x in came:
            name = names.get(id(x), entry.attribute)
            if by_a_call and (id(holder), name) in here.calls.assigned and id(x) in names:
                continue  # it is going to be finished
            for part, around, where in self._enter([(x, holder, name)], modules=not by_a_call):
                memory = memory_of(around)
                if memory.of(part) is None and memory.kept(part) is None:
                    if by_a_call:
                        made = number_of(part) > here.calls.outermost
                        memory.keep(part, made=made)
                        if made and type(part) is Value and part.op is None:
                            self.note(part, around, where)
                    else:
                        memory.hold(part, where)
                        memory.unchecked = True

    def _weight(self, x: Any) -> int:
        """Return how much is lost with a part: one that only held numbers may go on being compared for a while."""
        kind = KINDS[type(x)]
        if not kind or not (id(x) in self._known or kind.module or isinstance(x, tuple)):
            return 0
        return 1 if type(x) in (list, dict) and set(map(type, _elements(x))) <= _NUMBERS else 1 + _FEW

    def _enter_all(self) -> None:
        self.modules, self._known, self._entries = set[int](), set[int](), list[_Entry]()
        self._at_once, self._lost = None, 0
        root = self._root()
        if root is not None:
            self._enter([(root, root, None)], values=False)

    def _enter(
        self, stack: list[tuple[Any, Holding | None, Any]], *, modules: bool = True, values: bool = True
    ) -> list[_Found]:
        """Note what containers have. Return the Values and Modules that are there.

        Arguments:
            stack: parts, or the root, each with its holder and the attribute there.
            modules: whether to look into Modules.
            values: whether to return Values.
        """
        found, seen = list[_Found](), dict[int, Any]()
        while stack:
            part, around, name = stack.pop()
            kind = KINDS[type(part)]
            if kind is None or id(part) in seen or id(part) in self._known:
                continue
            seen[id(part)] = part
            if type(part) is Value or kind.module:
                if around is not None and part is not around:
                    found.append((part, around, name))
                if type(part) is Value or not modules or kind.kept:
                    continue
                around, name = (None if marks_of(part).memory is None else part), None  # ours change nothing in calls
                if around is not None:
                    self.modules.add(id(part))
            if kind.module or kind.declared is not None or kind.lazy:
                if around is not None:
                    self._note(part, _attributes_of if kind.module else _attributes, around, name)
                for step, y in _held(part).items():
                    if values or type(y) is not Value:
                        stack.append((y, around, step if name is None else name))
            if (kind.listed and not kind.lazy) or isinstance(part, AbstractSet):
                name = 0 if name is None else name  # of a Module that is a list, the place does not matter
                if around is not None and not isinstance(part, (tuple, frozenset)):
                    self._note(part, _elements_of if kind.module else _elements, around, name)
                has = _elements(part)
                if set(map(type, has)) - (_NUMBERS if values else _ALIKE_IF_EQUAL):
                    stack += [(y, around, name) for y in has if values or type(y) is not Value]
        return found

    def _note(self, part: Any, listed: Callable[[Any], list[Any]], holder: Holding, attribute: Any) -> None:
        itself = weakref.ref(part) if part is holder else part
        entry = _entry(itself, listed, [*listed(itself)], weakref.ref(holder), attribute)
        is_data = entry.had and entry.listed is not _length and set(map(type, entry.had)) <= _NUMBERS
        if not is_data or len(self._entries) < _MANY:
            self._entries.append(entry)
            self._known.add(id(part))
            self._at_once = None


def _are_same(had: list[Any], has: list[Any], are_plain: bool) -> bool:
    """Return True if these are the same objects, or equal numbers."""
    if not are_plain:
        return len(had) == len(has) and all(map(is_, had, has))
    try:
        return had == has
    except Exception:  # a Value is compared with a number, or with an object that compares as it likes
        return False


def _entry(
    part: Any, listed: Callable[[Any], list[Any]], has: list[Any], holder: weakref.ref[Holding], attribute: Any
) -> _Entry:
    kinds = set(map(type, has))
    if listed in (_elements, _length):
        is_long = len(has) > _LONG and kinds <= _NUMBERS
        listed, has = (_length, [len(has)]) if is_long else (_elements, has)
    return _Entry(part, listed, has, kinds <= _ALIKE_IF_EQUAL, holder, attribute)


# What there is to compare --------------------------------------------------------------------------------------------


def _held(part: Any) -> dict[str, Any]:
    """Return the attributes of an object, but for those of a Module that are known to be state."""
    kind = KINDS[type(part)]
    if kind is None:
        return {}
    held = attributes(part, kind.declared or ())
    state = marks_of(part).state if kind.module else ()
    return {name: x for name, x in held.items() if name not in state} if state else held


def _attributes(part: Any) -> list[Any]:
    return [x for x in _held(part).values() if type(x) not in _NUMBERS]


def _attributes_of(module: weakref.ref[Holding]) -> list[Any]:
    part = module()
    return [] if part is None else _attributes(part)


def _elements(part: Any) -> list[Any]:
    """Return a list of the elements or entries: of a list this itself."""
    if type(part) is list:
        return part
    return list(part.values() if type(part) is dict else part if isinstance(part, AbstractSet) else _parts(part))


def _parts(part: Any) -> Iterable[Any]:
    listed = cast(Kind, KINDS[type(part)]).listed
    return listed(part)[1] if listed else ()


def _elements_of(module: weakref.ref[Holding]) -> list[Any]:
    part = module()
    return [] if part is None else _elements(part)


def _length(part: Any) -> list[Any]:
    return [len(_elements(part))]
