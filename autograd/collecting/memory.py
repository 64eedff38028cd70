"""Remember what each Module holds itself, to tell parameters from what calls keep."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, NamedTuple, Self, cast

from autograd.collecting.kinds import Holding
from autograd.engine import Value, created
from autograd.marks import Remembered, marks_of


class _Held(NamedTuple):
    """A Value or a Module that a Module holds."""

    part: weakref.ref[Any]
    attribute: Any
    """The attribute in which it was found; of an element of a Module that is a list, its number."""
    when: int


class _Kept(NamedTuple):
    """A Value or a Module that a call has put into a Module."""

    part: weakref.ref[Any]
    made: bool
    """Whether it was made in a call; else it was passed to one."""


MADE, NEW, TOLD, DOUBT = range(4)
"""When a part came: as the Module was made; since; since, which the user has been told; and since, when calls ran too,
but nothing says that one has put it there."""


class Memory(Remembered):
    """What a Module remembers of the Values and Modules that it holds, but for those that Modules inside it hold.

    Values are known by the number of their creation, Modules by their id. All are referenced weakly, and those that are
    gone are forgotten.

    Attributes:
        held: parameters and Modules.
        state: Values and Modules that calls have put beside them.
        told: the attributes of which the user has been told that calls change them.
        unchecked: whether parts have come whose names have not been compared.
        doubts: the attributes in which there are some in doubt; whether the user has been told.
        looked: how often calls were passed leaves that were not looked for, or not found, since one was.
        gradients: those of leaves that calls have made, when they were seen first, by number of creation.
    """

    __slots__ = ("held", "state", "told", "unchecked", "doubts", "looked", "gradients", "_most")

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, _Held] = {}
        self.state: dict[int, _Kept] = {}
        self.told: frozenset[Any] = frozenset()
        self.unchecked, self.looked = False, 0
        self.doubts: dict[Any, bool] = {}
        self.gradients: dict[int, float] = {}
        self._most = _FEW

    def of(self, part: Any) -> _Held | None:
        """Return what is remembered of a part that is held; None if it is not known."""
        known = self.held.get(_key(part))
        return known if known and known.part() is part else None

    def kept(self, part: Any) -> _Kept | None:
        """Return what is remembered of a part that is state; None if it is not known."""
        known = self.state.get(_key(part))
        return known if known and known.part() is part else None

    def hold(self, part: Any, attribute: Any, when: int = NEW) -> None:
        """Remember a parameter or a Module."""
        key, held = _key(part), _Held(weakref.ref(part), attribute, when)
        self.held[key] = held
        self.state.pop(key, None)
        if key >= 0:
            _anywhere.note(key, held.part)
        self._limit()

    def keep(self, part: Any, *, made: bool) -> None:
        """Remember a part as state, made in a call or only put there."""
        key = _key(part)
        self.state[key] = _Kept(weakref.ref(part), made)
        _anywhere.pop(key, None)
        self._limit()

    def looks(self) -> bool:
        """Return True if a call is to look whether it is passed what the Module holds.

        That takes as long as some operations for each part. Where the first calls have found none, one in eight looks.
        """
        self.looked += 1
        return self.looked <= _EACH or self.looked % _EIGHTH == 0

    def has_new_gradient(self, leaf: Value) -> bool:
        """Return True if a leaf has another gradient than when this was asked first: it has been used again."""
        if len(self.gradients) > 2 * _FEW:
            self.gradients.clear()
        return self.gradients.setdefault(created(leaf), leaf.grad) != leaf.grad

    def _limit(self) -> None:
        if len(self.held) + len(self.state) > self._most:
            self.forget()
            self._most = 2 * (len(self.held) + len(self.state)) + _FEW

    def forget(self) -> None:
        """Forget what is gone."""
        known: dict[int, Any]
        for known in (self.held, self.state):
            for key in [key for key, x in known.copy().items() if x.part() is None]:
                known.pop(key, None)  # in place: another thread may add some

    def twin(self) -> Self:
        """Return one for a copy of the Module, which has the same parts, and the same lists, which calls may fill."""
        twin = super().twin()
        twin.held, twin.state = self.held.copy(), self.state.copy()
        twin.told, twin.unchecked, twin.doubts = self.told, self.unchecked, self.doubts
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with the parts in place of the references to them."""
        held = [(x.part(), x.attribute, x.when) for x in self.held.copy().values()]
        state = [(x.part(), x.made) for x in self.state.copy().values()]
        return _remembering, (
            [x for x in held if x[0] is not None],
            [x for x in state if x[0] is not None],
            self.told,
            self.doubts,
        )


_FEW = 64
_EACH, _EIGHTH = 16, 8  # calls


class _Anywhere(dict[int, weakref.ref[Value]]):
    """The Values that some Module of a user's class holds, or has held, by number of creation; those gone are dropped.

    Views know a parameter by it when the Module itself is gone.
    """

    most = 1_000

    def note(self, key: int, held: weakref.ref[Value]) -> None:
        self[key] = held
        if len(self) > self.most:
            for gone in [known for known, ref in self.copy().items() if ref() is None]:
                self.pop(gone, None)
            self.most = 2 * len(self) + 1_000


_anywhere = _Anywhere()


def is_held(v: Value) -> bool:
    """Return True for a Value that a Module of a user's class holds itself, or has held: if a leaf, a parameter."""
    return created(v) in _anywhere


def _key(part: Any) -> int:
    return created(part) if type(part) is Value else -id(part)


def _remembering(
    held: Iterable[tuple[Any, Any, int]],
    state: Iterable[tuple[Any, bool]],
    told: frozenset[Any],
    doubts: dict[Any, bool],
) -> Memory:
    memory = Memory()
    for part, attribute, when in held:
        memory.hold(part, attribute, when)
    for part, made in state:
        memory.keep(part, made=made)
    memory.told, memory.doubts = told, doubts
    return memory


def memory_of(module: Holding) -> Memory:
    """Return what a Module remembers."""
    return cast(Memory, marks_of(module).memory)
