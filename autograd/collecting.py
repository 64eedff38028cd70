"""Collect the leaves that a model holds, with names that say where they are.

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
import inspect
import re
import sys
import weakref
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, MappingView, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from contextvars import ContextVar, copy_context
from functools import partial
from itertools import count, islice
from types import BuiltinMethodType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any, ClassVar, NamedTuple, NoReturn, Self, TypeVar, cast

from autograd.engine import Value, created, graph_of
from autograd.errors import ParameterWarning
from autograd.frames import warn_caller
from autograd.hints import of_a_model
from autograd.marks import (
    UNMARKED,
    UNSET,
    Layout,
    Marked,
    Marks,
    Remembered,
    attributes_of,
    is_assigned,
    is_called,
    is_own,
    last_call,
    mark,
    marks_of,
    slots_of,
)
from autograd.ops import Op
from autograd.samples.recording import inputs_alive, is_input
from autograd.text import and_joined, escaped, quoted, visible

_T = TypeVar("_T")


class _Before(NamedTuple):
    """What was there before a call."""

    leaves: _ByAttribute
    begun: int
    """A number of creation: what has a higher one has been made in the call."""


class Holder(Marked):
    """An object whose leaves are collected: what a `Module` is to the walk."""

    __slots__ = ()  # the one that is needed is in the base

    _part_names: ClassVar[dict[str, str]] = {}  # what the parts of an attribute are called, where not as the attribute
    _derived: ClassVar[frozenset[str]] = frozenset()  # attributes that hold nothing, or what others hold
    _kept: ClassVar[str] = ""  # an attribute, nested lists of numbers and Values, that is all it holds: not trained
    _has_values: bool  # whether that was assigned with Values in it

    @of_a_model
    def parameters(self) -> list[Value]:
        """Return the parameters in order of definition, each once, even if several attributes share it.

        They are the leaves that the Module holds, in attributes, lists, dictionaries, dataclasses and other Modules,
        but for those in an `nn.Constant`, and those of parts that are frozen, which `all_parameters` has, too. A Module
        inside this one that overrides `parameters()` has those parameters.

        Raises:
            TypeError: a Value or a Module is where no parameters can be collected; or a result, such as
                `self.w = Value(2.0) / 10`, depends on no parameter, but on a leaf that nothing else holds.
            ValueError: some have come since the Module was made, and two have the same name.
        """
        walk = self._walk()
        if walk.unchecked:
            refuse_twins(self)
        return [p for _, p in walk.trained()]

    def all_parameters(self) -> list[Value]:
        """Return the parameters, frozen or not, in the order of `parameters`.

        A Module that is frozen as a whole has no others: those of a frozen copy and of its original are paired by
        `zip(teacher.all_parameters(), student.all_parameters())`.

        Raises:
            TypeError: as `parameters`.
        """
        return frozen_or_not(lambda: list(self.parameters()))

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """Yield each parameter with its name, the path of attributes to it: `layer1.neuron3.weight2`.

        Elements are numbered from 1; keys have their text. Parameters whose names would be the same are named as in
        Python, `table['1']` and `table[1]`. If a subclass overrides `parameters()`, those parameters are named. Labels
        that were not chosen become these names, also in parts that have been assigned since the Module was made.

        Raises:
            TypeError: as `parameters`.
        """
        if is_overridden(self):
            everything = list(names_of_all(self))
            _label(everything)
            names = {v: name for name, v in everything}
            for i, p in enumerate(self.parameters(), 1):
                yield names.get(p, f"parameter{i}"), p
        else:
            walk = self._walk()
            trained = {id(p) for _, p in walk.trained()}
            everything = list(with_names(walk.everything))
            _label(everything)  # anew: parts that were made elsewhere may have been assigned since this Module was made
            for name, v in everything:
                if id(v) in trained:
                    yield name, v

    @of_a_model
    def freeze(self) -> Self:
        """Take the leaves of this Module, and of all Modules inside, out of `parameters()`, and return the Module.

        Training moves them no longer; they are still computed with, saved and loaded, and `all_parameters()` has them.
        What is frozen is not in training (`Module.training`) either: it has no dropout, and keeps its statistics.
        A leaf that several Modules hold is frozen if one of them is. So `model.freeze()` and then
        `model.head.unfreeze()` trains the head alone. In an optimizer with momentum, or Adam, other parameters need
        `optimizer.follow(model.parameters())`, or another one. A file remembers for `nn.load` what is frozen;
        `model.load` leaves that as it is in the model.

        Raises:
            TypeError: the class overrides `parameters()`, and what that returns is frozen by no Module inside.

        >>> from autograd import nn
        >>> model = nn.MLP(2, [3, 1])
        >>> len(model.parameters()), len(model.layers[0].freeze().parameters()), len(model.parameters())
        (13, 0, 4)
        >>> len(model.layers[0].all_parameters())
        9
        >>> len(model.unfreeze().parameters())
        13
        """
        mark_all(self, frozen=True)
        left = list(self.parameters()) if is_overridden(self) else []
        if left:
            name = type(self).__name__
            raise TypeError(
                f"{name} overrides parameters(), which returns {left[0]} all the same, so freeze() does not keep it "
                f"from being trained: delete that method, and freeze the parts of {name} that are not to be trained"
            )
        return self

    @of_a_model
    def unfreeze(self) -> Self:
        """Undo `freeze()`, of this Module and all Modules inside, and return the Module."""
        mark_all(self, frozen=False)
        return self

    def _made(self) -> None:
        """Label the leaves with their names, where the user has not, and remember what is held.

        Raises:
            ValueError: two have the same name.
        """
        if not is_own(type(self)) and marks_of(self).memory is None:  # it may have been made before
            with suppress(TypeError):  # there is no room for it
                mark(self, memory=_Memory())
        walk = Walk(self, whole=True, when=_MADE)
        _label(_different_names(self, walk))
        for entry in {id(one): entry for one, entry in reversed(walk.repeated) if _holder_of(entry) is self}.values():
            _warn_of_one(self, entry)
        walk.new()  # what has come before this Module was made has not come since

    def _given(self, name: str, x: Any) -> None:
        """Remember what has been assigned outside of a call: parameters, whatever runs before they are collected."""
        if _KINDS[type(x)]:
            Walk(x, whole=True).remember(self, name)

    def _assigned(self, name: str, before: Any) -> None:
        """Remember an attribute as state, which is neither trained nor saved.

        Warns:
            ParameterWarning: parameters were lost by that.
        """
        now = attributes_of(self).get(name, UNSET)
        leaves = [] if before is UNSET else [p for _, p in Walk(before, whole=True).leaves]
        if now is before or now is UNSET or name in marks_of(self).state or not (_KINDS[type(now)] or leaves):
            return
        mark(self, state=(*marks_of(self).state, name))
        if leaves:
            left = {id(p) for _, p in Walk(self, whole=True).everything}
            if any(id(p) not in left for p in leaves):
                _warn_of_change(self, name, leaves, inside=False)

    def _before_first_call(self) -> _Before:
        """Return the leaves in attributes of each Module of the user's, and remember that they are called."""
        walk = Walk(self, whole=True, called=True)
        return _Before(walk.by_attribute(), created(Value(0.0)))

    def _after_first_call(self, before: _Before) -> None:
        """Compare the leaves.

        Warns:
            ParameterWarning: some were lost in a list or the like, or have come.
        """
        walk = Walk(self, whole=True, since=before.begun)
        left, now = {p for _, p in walk.everything}, walk.by_attribute()
        known_before = {p for _, leaves in before.leaves.values() for p in leaves}
        for key, (module, leaves) in before.leaves.items():
            name, known = key[1], marks_of(module)
            memory = memory_of(module)
            if name in (*known.state, *memory.told) or is_assigned(module, name):
                continue
            come = set(now[key][1] if key in now else ()) - known_before
            if come or any(p not in left for p in leaves):
                memory.told |= {name}
                _warn_of_change(module, name, leaves, inside=True)
            elif key in walk.doubtful:  # what was passed to the call is not: it is none of the model's
                memory.told |= {name}
                made = [entry for entry in walk.doubtful[key] if created(entry[1]) > before.begun]
                if made:
                    _warn_of_doubt(module, made[0], trained=False)

    def _copied(self) -> None:
        settle(self)

    def _walk(self) -> Walk:
        walk = Walk(self)
        if not is_overridden(self):  # a subclass that returns its own parameters may keep them anywhere
            walk.check()
        return walk


def settle(module: Any, *, known: bool = False) -> None:
    """Tell what calls have kept in a Module from what is put there from now on, from outside; another model may pass.

    Whatever collects parameters does it, too.

    Arguments:
        known: True if there is no need to warn of what has come so far.
    """
    if isinstance(module, Holder):
        walk = Walk(module, whole=True)
        if known:
            walk.new()


def label_all(module: Holder) -> None:
    """Label all leaves of a Module anew, as `named_parameters` does."""
    _label(names_of_all(module))


def _label(named: Iterable[tuple[str, Value]]) -> None:
    """Give leaves their names as labels, where the user has not chosen others."""
    for name, v in named:
        label = v.label
        if label != name and (not label or is_part_of(label, name)) and v.op is None:
            v.label = name


def refuse_twins(module: Holder) -> None:
    """Raise ValueError if two leaves have the same name: parts that have been assigned since the Module was made."""
    walk = Walk(module, whole=True)
    _different_names(module, walk)
    walk.are_checked()


def _different_names(module: Holder, walk: Walk) -> list[tuple[str, Value]]:
    leaves = walk.everything
    names = _names(leaves)
    if len(set(names)) < len(names):
        _refuse_twins(module, names, leaves)
    return [(name, v) for name, (_, v) in zip(names, leaves)]


def _refuse_twins(module: Holder, names: Sequence[str], leaves: Sequence[_Entry]) -> NoReturn:
    twin = next(name for name, times in Counter(names).items() if times > 1)
    of = escaped(type(module).__name__)
    one, other, *_ = [of + _expression(place) for name, (place, _) in zip(names, leaves) if name == twin]
    raise ValueError(
        f"{one} and {other} would have the same name, '{visible(twin)}', in files, errors and drawings: rename one of "
        "the attributes"
    )


def _warn_of_change(module: Holder, name: Any, leaves: Sequence[Value], *, inside: bool) -> None:
    kind, n = escaped(type(module).__name__), len(leaves)
    known = map(memory_of(module).of, leaves)
    when = "since" if any(held and held.when != _MADE for held in known) else "when"
    of = f"{kind}.{escaped(name)}" if isinstance(name, str) else kind
    happened = (
        "changed what is in it, so the model has other parameters now"
        if inside
        else f"assigned it anew, so from now on it is state, neither trained nor saved{_lacking(leaves)}"
    )
    warn_caller(
        f"{of} held {n} parameter{'s' * (n != 1)} {when} {kind} was made, and a call has {happened}. Keep what a call "
        "changes in a local variable, or, to save it, in an nn.Constant; make what is trained in __init__",
        ParameterWarning,
    )


def _warn_of_doubt(module: Holder, entry: _Entry, *, trained: bool) -> None:
    kind = escaped(type(module).__name__)
    what = (
        "is a parameter, as those beside it. If it is not to be trained, keep it elsewhere"
        if trained
        else "is state, neither trained nor saved. If it is to be trained, make it in __init__; else keep it elsewhere"
    )
    warn_caller(
        f"{kind}{_expression(entry[0])} has come since {kind} was called, and {what}: in a local variable, in a list "
        "of its own, or, to save it, in an nn.Constant",
        ParameterWarning,
    )


def _lacking(leaves: Sequence[Value]) -> str:
    names = [visible(p.label) for p in leaves[:_MOST_LACKING] if p.label]
    more = [f"{len(leaves) - len(names):,} more"] if len(leaves) > len(names) else []
    return f": a file that is saved now lacks {and_joined([*names, *more])}" if names else ""


_MOST_LACKING = 3  # names


def warn_of_new(module: Holder) -> None:
    """Warn of leaves that a Module holds itself, and that have come since it was made: inputs, or what it keeps.

    In a list with others that were there, they are parameters: the model has grown, or one was replaced.
    """
    walk = Walk(module, whole=True)
    new = walk.new()
    if new and len(new) < len(walk.leaves):
        kind = escaped(type(module).__name__)
        listed = [kind + _expression(place) for place, _ in new]
        shown = listed[0] if len(listed) == 1 else f"{listed[0]} and {len(listed) - 1:,} more"
        have, are = ("has", "is a parameter") if len(listed) == 1 else ("have", "are parameters")
        warn_caller(
            f"{shown} {have} come since {kind} was made, by an assignment outside of its __init__ and of a call, and "
            f"{are}, trained and saved. Keep what is not to be trained in a local variable, or in an nn.Constant, "
            "self.h = nn.Constant([...]) and self.h.value = ...; assign what is, in __init__",
            ParameterWarning,
        )


def states_of(module: Holder) -> list[str]:
    """Return the names of what calls have assigned in a Module, and in Modules inside: paths, as of parameters."""
    entries = Walk(module, whole=True).with_state
    return [_joined(_name(entry, {}), entry, name) for entry in entries for name in marks_of(entry[1]).state]


def lacks_an_attribute(module: Holder, names: Iterable[str]) -> bool:
    """Return True if each of these names that a Module lacks is in an attribute, of one of the user's, that is lacking.

    >>> from autograd import nn
    >>> class Net(Holder):
    ...     def __init__(self):
    ...         self.w, self.layer = [Value(1.0)], nn.Layer(1, 1)
    >>> [lacks_an_attribute(Net(), ["w1", name]) for name in ("last1", "w2", "layer.neuron2.bias")]
    [True, False, False]
    """
    walk = Walk(module, whole=True)
    ours = {name for name, _ in with_names(walk.everything)}
    modules = {_name(entry, {}): entry[1] for entry in walk.places}
    for name in set(names) - ours:
        around = max((path for path in modules if not path or name.startswith(f"{path}.")), key=len, default="")
        attribute = re.match(r"(.*?)\d*(\..*)?$", name[len(around) :].lstrip("."), re.DOTALL)
        start = f"{around}." * bool(around) + (attribute[1] if attribute else "")
        same = re.compile(rf"{re.escape(start)}\d*(\..*)?", re.DOTALL)
        if is_own(type(modules[around])) or any(same.fullmatch(x) for x in ours):
            return False
    return True


def _holder_of(entry: _Entry) -> Any:
    """Return the innermost Module around a part."""
    place, _ = entry
    return _attribute(place[0])[0] if place else None


def _attribute(entry: _Entry) -> tuple[Any, _Step | None]:
    """Return the innermost Module that is a container, or around it, and the step from there on the way to it."""
    step = None
    while True:
        place, part = entry
        kind = _KINDS[type(part)]
        if kind and kind.module:
            return part, step
        if not place:
            return None, None
        entry, step = place


def _remembering_attribute(place: _Place) -> tuple[Any, _Step | None]:
    """Return the innermost Module around a place that remembers what it holds, and the step from there."""
    while place:
        (place, part), step = place
        kind = _KINDS[type(part)]
        if kind and kind.module and marks_of(part).memory is not None:
            return part, step
    return None, None


def _warn_of_one(module: Holder, entry: _Entry) -> None:
    place, part = entry
    kind = _KINDS[type(part)]
    repeated = list(kind.listed(part)[1]) if kind and kind.listed else []
    where, n = escaped(type(module).__name__) + _expression(place), len(repeated)
    what, one = ("Value", "Value(0.0)") if type(repeated[0]) is Value else ("list", "[Value(0.0)]")
    if isinstance(part, Mapping):
        write = f"{{key: {one} for key in keys}} in place of dict.fromkeys(keys, {one})"
    elif isinstance(part, tuple):
        write = f"tuple({one} for _ in range({n})) in place of ({one},) * {n}"
    else:
        made = "" if type(part) is list else f", and make of it the {escaped(type(part).__name__)}"
        write = f"[{one} for _ in range({n})] in place of [{one}] * {n}{made}"
    warn_caller(
        f"{where} has one {what} {n} times, which is trained as one. For {n} that are trained each for itself, write "
        f"{write}",
        ParameterWarning,
    )


def mark_all(module: Holder, **marks: Any) -> None:
    """Set marks of a Module, and of all Modules inside."""
    for part in Walk(module, whole=True).modules:
        mark(part, **marks)


def frozen_parts(module: Holder) -> dict[str, bool]:
    """Return which Modules inside are frozen, by their paths: True, and False for those in one that is, which are not.

    Only those are named that differ from the Module around them; the path of the Module itself is "".

    >>> from autograd import nn
    >>> model = nn.MLP(2, [3, 1]).freeze()
    >>> model.layers[1].unfreeze().neurons[0].freeze()
    LinearNeuron(3)
    >>> frozen_parts(model)
    {'': True, 'layer2': False, 'layer2.neuron1': True}
    """
    walk = Walk(module, whole=True)
    if not any(marks_of(part).frozen for part in walk.modules):
        return {}
    around = [(entry, _holder_of(entry)) for entry in walk.places]
    return {
        _name(entry, {}): marks_of(entry[1]).frozen
        for entry, holder in around
        if marks_of(entry[1]).frozen is not (holder is not None and marks_of(holder).frozen)
    }


def freeze_parts(module: Holder, frozen: Mapping[str, bool]) -> None:
    """Freeze and unfreeze Modules inside as `frozen_parts` has returned it.

    Raises:
        ValueError: there is no Module of such a path. Nothing has changed then.
    """
    marks, left = dict[int, bool](), dict(frozen)
    places = Walk(module, whole=True).places
    for entry in places:
        holder = _holder_of(entry)
        around = False if holder is None else marks[id(holder)]
        marks[id(entry[1])] = left.pop(_name(entry, {}), around)
    if left:
        raise ValueError(f"it has a frozen part '{visible(next(iter(left)))}', which this network lacks")
    for _, part in places:
        mark(part, frozen=marks[id(part)])


def names_of_all(module: Holder) -> Iterator[tuple[str, Value]]:
    """Yield each Value that a Module holds, trained or not, with its name."""
    return with_names(Walk(module, whole=True).everything)


def kept_from_training() -> set[int]:
    """Return the Values, by id, of all frozen Modules, and of all that keep some which are not trained.

    The garbage collector knows them, wherever a function of the user's finds them. That takes a tenth of a second.
    """
    holders = [x for x in gc.get_objects() if Holder in type(x).__mro__]
    kept = [x for x in holders if marks_of(x).frozen or x._kept]
    walk = Walk(None, whole=True, alone=kept)
    return {*(id(v) for _, v in walk.leaves), *walk.constant} if kept else set()


def is_overridden(module: Holder) -> bool:
    """Return True if a Module says itself what its parameters are, by its class or by an attribute."""
    return type(module).parameters is not Holder.parameters or "parameters" in getattr(module, "__dict__", ())


_with_frozen: ContextVar[bool] = ContextVar("with_frozen", default=False)


def frozen_or_not(function: Callable[[], _T]) -> _T:
    """Call a function, in which `parameters()` and `named_parameters()` return what is frozen, too.

    It runs in a context of its own, so that no interrupt can leave it in effect.
    """
    context = copy_context()
    context.run(_with_frozen.set, True)
    return context.run(function)


def numbers_of_parameters(module: Holder) -> tuple[int, int]:
    """Return how many parameters there are, and how many of them are frozen.

    What cannot be collected is left out, so that a `repr` never raises.
    """
    if is_overridden(module):
        n, every = len(list(module.parameters())), len(module.all_parameters())
    else:
        walk = Walk(module)
        n, every = len(walk.trained()), len(frozen_or_not(walk.trained))
    return every, every - n


# Places and their names ----------------------------------------------------------------------------------------------


class _Key(NamedTuple):
    key: Any
    position: int


_Step = int | str | _Key
"""One step into a container: the index of an element, the name of an attribute, or a key."""

_Entry = tuple[Any, Any]
"""A part, after its place."""

_Around = tuple[_Entry, "Holder", Any]
"""A part, the Module around it that remembers what it holds, and the attribute there."""

_ByAttribute = dict[tuple[int, Any], tuple["Holder", list[Value]]]
"""A Module, and leaves in one of its attributes; by the id of the Module and the attribute."""

_Place = tuple[Any, ...]
"""A part's place: (the entry of its container, which all its parts share, the step from there); () for the root."""


def _steps(place: _Place) -> list[_Step]:
    steps = []
    while place:
        (place, _), step = place
        steps.append(step)
    return steps[::-1]


def with_names(leaves: Sequence[_Entry]) -> Iterator[tuple[str, Value]]:
    """Yield each leaf with its name, `layer1.neuron3.weight2`, or where that is another's, its expression in Python."""
    names = _names(leaves)
    if len(set(names)) < len(names):
        times = Counter(names)
        names = [x if times[x] == 1 else _expression(place).lstrip(".") for x, (place, _) in zip(names, leaves)]
    for name, (_, p) in zip(names, leaves):
        yield name, p


def _names(leaves: Sequence[_Entry]) -> list[str]:
    names, known = [], dict[int, str]()
    last, before = None, ""
    for (container, step), _ in leaves:
        if container is not last:
            last, before = container, _name(container, known)
        names.append(_joined(before, container, step))
    return names


def is_part_of(label: str, name: str) -> bool:
    """Return True if a label is the end of a name: that of a leaf in a Module around the one that labelled it.

    >>> is_part_of("neuron1.bias", "layer2.neuron1.bias"), is_part_of("bias", "layer2.slope_bias")
    (True, False)
    """
    return name == label or name.endswith((f".{label}", f".{label}1"))  # in a lone neuron a single weight has no number


def _name(entry: _Entry, known: dict[int, str]) -> str:
    """Return the name of a container; the names of those around it are added to the known ones, by id."""
    unknown = []
    while entry[0] and id(entry) not in known:
        unknown.append(entry)
        entry = entry[0][0]
    name = known.get(id(entry), "")
    for inner in reversed(unknown):
        name = known[id(inner)] = _joined(name, *inner[0])
    return name


def _joined(name: str, container: _Entry, step: _Step) -> str:
    if isinstance(step, int):
        return f"{name}.{step + 1}" if name[-1:].isdigit() else f"{name}{step + 1}"
    if isinstance(step, _Key):
        called = _text(step)
    else:
        called = container[1]._part_names.get(step, step) if isinstance(container[1], Holder) else step
    return f"{name}.{called}" if name else called


def _text(entry: _Key) -> str:
    """Return the text of a key; where that differs from run to run, the number of the entry."""
    return str(entry.key) if _is_constant(entry.key) else str(entry.position)


def _is_constant(key: Any) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_constant, key))
    shown: Any = type(key).__repr__
    return not isinstance(key, (Value, Holder)) and shown is not object.__repr__


def _expression(place: _Place) -> str:
    """Return a place as it is written in Python after the name of the model: `.layers[0].neurons[2].w[1]`."""
    return "".join(
        f".{step}" if isinstance(step, str) else f"[{step if isinstance(step, int) else quoted(step.key)}]"
        for step in _steps(place)
    )


# What Modules remember ----------------------------------------------------------------------------------------------


class _Held(NamedTuple):
    """A Value or a Module that a Module holds."""

    part: weakref.ref[Any]
    attribute: Any
    """The attribute in which it was found; of an element of a Module that is a list, its number."""
    when: int


_MADE, _NEW, _TOLD = range(3)
"""When a part came: as the Module was made; since; and since, which the user has been told."""


class _Memory(Remembered):
    """What a Module remembers of the Values and Modules that it holds, but for those that Modules inside it hold.

    Values are known by the number of their creation, Modules by their id. All are referenced weakly, and those that are
    gone are forgotten.

    Attributes:
        held: parameters and Modules.
        state: Values that a call has put beside them.
        told: the attributes of which the user has been told that calls change them.
        settled: the last call before its parts were compared with these.
        unchecked: whether parts have come whose names have not been compared.
    """

    __slots__ = ("held", "state", "told", "settled", "unchecked")

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[int, _Held] = {}
        self.state: dict[int, weakref.ref[Value]] = {}
        self.told: frozenset[Any] = frozenset()
        self.settled, self.unchecked = 0, False

    def of(self, part: Any) -> _Held | None:
        """Return what is remembered of a part that is held; None if it is not known."""
        if type(part) is Value:
            return self.held.get(created(part))
        known = self.held.get(-id(part))
        return known if known and known.part() is part else None

    def hold(self, part: Any, attribute: Any, when: int = _NEW) -> None:
        """Remember a parameter or a Module."""
        key = created(part) if type(part) is Value else -id(part)
        self.held[key] = _Held(weakref.ref(part), attribute, when)
        self.state.pop(key, None)

    def pass_over(self, part: Value) -> None:
        """Remember a Value as state."""
        self.state[created(part)] = weakref.ref(part)

    def forget(self, state: Container[int]) -> None:
        """Forget what is gone, and Values that are state no more, but for these ones, by id."""
        gone = [key for key, held in self.held.copy().items() if held.part() is None]
        for key in gone:  # in place: another thread may add some
            self.held.pop(key, None)
        gone = [key for key, known in self.state.copy().items() if id(known()) not in state]
        for key in gone:
            self.state.pop(key, None)

    def twin(self) -> Self:
        """Return one for a copy of the Module, which has the same parts."""
        twin = super().twin()
        twin.held, twin.state = self.held.copy(), self.state.copy()
        twin.told, twin.unchecked = self.told, self.unchecked
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle with the parts in place of the references to them."""
        held = [(x.part(), x.attribute, x.when) for x in self.held.copy().values()]
        state = [x() for x in self.state.copy().values()]
        return _remembering, ([x for x in held if x[0] is not None], [x for x in state if x is not None], self.told)


def _remembering(held: Iterable[tuple[Any, Any, int]], state: Iterable[Any], told: frozenset[Any]) -> _Memory:
    memory = _Memory()
    for part, attribute, when in held:
        memory.hold(part, attribute, when)
    for part in state:
        memory.pass_over(part)
    memory.told = told
    return memory


def memory_of(module: Holder) -> _Memory:
    """Return what a Module remembers."""
    return cast(_Memory, marks_of(module).memory)


# Collecting ----------------------------------------------------------------------------------------------------------

_HOLDS_REFERENCES = 1 << 14  # Py_TPFLAGS_HAVE_GC: instances refer to others, which the garbage collector can list
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: a class that is not built in
_NEVER_SEARCHED = (ModuleType, FrameType, Op, Marks, Layout)  # they lead to the rest of the program, or hold no leaf
_WEAK = (weakref.ref, weakref.WeakSet, weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_OURS = __name__.rpartition(".")[0] + "."  # the modules of classes that have no leaves among their attributes
_NO_PARTS = ("__", "_part_names", "_derived", "_abc_impl")  # attributes of a class that describe it
_EMPTY = ()  # as the classes of each neuron
_MOST_KINDS = 1_000  # classes that are remembered
_MOST_SEARCHED = 10_000  # objects for each that is searched; a logger leads to 50, a function of jax.jit to 120


_Parts = tuple[Iterable[_Step], Iterable[Any]]
"""The step to each part of a container, and the parts."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """How instances of a class are taken apart."""

    module: bool = False
    """True for a subclass of Module."""
    kept: bool = False
    """True for a subclass of Module that keeps Values which are not trained."""
    declared: Sequence[str] | None = None
    """The names of fields and slots, if attributes are collected; those in `__dict__` follow."""
    listed: Callable[[Any], _Parts] | None = None
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


class Walk:
    """The leaves that an object holds, and what else may hold some.

    Arguments:
        root: a Module, or a part of one. Its attributes count even if it overrides `parameters()`.
        whole: True if the attributes of all Modules count so, and nobody's `parameters()` is asked.
        alone: Modules that are walked in place of the root; others inside them do not count.
        when: since when what Modules have not known before is there.
        called: True if they are called from now on.
        since: where a single call has run since they were last walked, a number of creation from its begin.

    Attributes:
        leaves: each leaf with its place, in order, frozen or not.
        others: each leaf in a Module that overrides `parameters()`, which does not return it.
        places: each Module with its place, one after those around it.
        constant: the Values that Modules keep which are not trained, by id.
        with_state: each Module to which a call has assigned attributes.
        repeated: each list or the like that has one leaf, or one list of leaves, several times, and nothing else; after
            that leaf or list.
        doubtful: leaves that a single call has put beside parameters, by Module and attribute.
    """

    def __init__(
        self,
        root: Any,
        *,
        whole: bool = False,
        alone: Sequence[Holder] = (),
        when: int = _NEW,
        called: bool = False,
        since: int | None = None,
    ) -> None:
        self.root, self.whole, self.alone = root, whole, set(map(id, alone))
        self._when, self._called, self._since = when, called, since
        self.doubtful: dict[tuple[int, Any], list[_Entry]] = {}
        self._passed_over = set[tuple[int, int]]()  # state beside parameters: Modules and Values, by id
        while True:
            self._collect(alone or [root])
            if alone or not self._remembering or self._is_settled():
                break
        inputs = inputs_alive()
        if inputs:  # what `fit` or `predict` has passed in, wherever a model keeps it
            self.leaves[:] = [entry for entry in self.leaves if entry[1] not in inputs]
            self.others[:] = [entry for entry in self.others if entry[1] not in inputs]

    def _collect(self, roots: Sequence[Any]) -> None:
        self.places: list[_Entry] = []
        self.leaves: list[_Entry] = []
        self.others: list[_Entry] = []
        self._keeping: list[_Entry] = []  # Modules that keep what is not trained
        self.with_state: list[_Entry] = []
        self.repeated: list[tuple[Any, _Entry]] = []
        self._kept: list[tuple[Holder, list[_Entry]]] | None = None
        self.constant = set[int]()
        self._frozen_modules: list[Holder] = []
        self._remembering: list[_Entry] = []  # Modules that remember what they hold
        self._marked = dict[int, Marks]()  # of Modules, by id, that have some
        self._around: dict[int, _Around] = {}
        self._inside_of: list[tuple[Holder, Any, _Entry, list[_Entry] | None]] = []
        self._results: list[_Entry] = []
        self._opaque: list[_Entry] = []
        self._instances: dict[type, _Entry] = {}  # the first of each class with attributes
        self._overriding: list[_Entry] = []
        self._seen = dict[int, Any]()  # by id, and alive, because the lists of arrays are made for this walk
        self._visit([((), part) for part in roots], self.leaves)
        if self._overriding:
            self._visit_others()

    @property
    def modules(self) -> list[Holder]:
        """Each Module."""
        return [module for _, module in self.places]

    @property
    def everything(self) -> list[_Entry]:
        """Each Value that is saved, with its place; for a number that a Module keeps, a new Value."""
        found = [*self.leaves, *self.others]
        if self._keeping:
            found = [entry for entry in found if id(entry[1]) not in self.constant]
            known = {id(v) for _, v in found}
            for entry in (entry for _, leaves in self.kept() for entry in leaves):
                if id(entry[1]) not in known:
                    known.add(id(entry[1]))
                    found.append(entry)
        return found

    def kept(self) -> list[tuple[Holder, list[_Entry]]]:
        """Return what Modules keep that is not trained, with its places: a Value for each number, the same each time.

        The names of what a Module keeps are those of the Module itself.
        """
        if self._kept is None:
            kept = [
                (part, (place or ((place, part), "value"), getattr(part, part._kept, [])))
                for place, part in self._keeping
            ]
            self._kept = [
                (part, [(place, x if type(x) is Value else Value(x)) for place, x in _kept_in(entry)])
                for part, entry in kept
            ]
        return self._kept

    def trained(self) -> list[_Entry]:
        """Return the leaves that are parameters, with their places, in order."""
        left_out = self.constant if _with_frozen.get() else self.constant | self._frozen()
        return [entry for entry in self.leaves if id(entry[1]) not in left_out] if left_out else self.leaves

    def _frozen(self) -> set[int]:
        """Return the leaves, by id, that a frozen Module holds, itself or in its lists."""
        frozen = self._frozen_modules
        if not frozen:
            return set()
        found = [p for _, p in Walk(self.root, whole=True, alone=frozen).leaves]
        for module in frozen:
            if is_overridden(module) and module is not self.root:  # it may keep them anywhere
                inside = {p for _, p in Walk(module, whole=True).leaves}
                found += [p for p in module.parameters() if p not in inside]
        return set(map(id, found))

    def _visit(self, stack: list[_Entry], leaves: list[_Entry]) -> None:
        seen, passed, around = self._seen, self._passed_over, self._around
        while stack:
            entry = stack.pop()
            part = entry[1]
            known = id(part)
            if known in seen:
                continue
            seen[known] = part
            kind = type(part)
            if kind is list and len(part) > 1 and part[0] is part[-1] and _is_one(part):
                self.repeated.append((part[0], entry))
            if kind is Value:
                if passed and (id(_holder_of(entry)), known) in passed:
                    del seen[known]  # it may be a parameter of another
                    continue
                (leaves if part.op is None else self._results).append(entry)
            elif kind is list and not passed and set(map(type, part)) == {Value}:  # most of them: no detour
                if around:
                    self._note(entry, None)
                for i, x in enumerate(part):
                    known = id(x)
                    if known not in seen:
                        seen[known] = x
                        (leaves if x.op is None else self._results).append(((entry, i), x))
            else:
                parts = self._parts(entry)
                stack += parts
                if around:
                    self._note(entry, parts[::-1])

    def _visit_others(self) -> None:
        """Visit what Modules that override `parameters()` hold; they may hold what they like, unchecked."""
        checked = self._results, self._opaque, self._instances
        self.whole, self._results, self._opaque, self._instances = True, [], [], {}
        for entry in self._overriding:
            self._begin(entry)
            parts = self._inside(entry, cast(_Kind, _KINDS[type(entry[1])]))
            self._note(entry, parts[::-1])
            self._visit(parts, self.others)
        self._results, self._opaque, self._instances = checked
        self.whole = False

    def _is_settled(self) -> bool:
        """Compare what is found with what Modules remember, and remember it; False if some of it is state, passed over.

        What a Module does not know has come since it was last walked. If no call has run since, it was put there from
        outside, and is a parameter. Else it is state, and so is all in the same attribute if that has held nothing
        else; but in a list beside parameters, it is one.
        """
        memories = [memory_of(part) for _, part in self._remembering]
        if any(memory.called for memory in memories):
            for (place, _), memory in zip(self._remembering, memories):  # those around it come first
                around, _ = _remembering_attribute(place)
                memory.called = memory.called or (around is not None and memory_of(around).called)
        unknown, settled = self._unknown(), True
        for holder, attribute, entry in unknown:
            memory, part = memory_of(holder), entry[1]
            if type(part) is Value and created(part) in memory.state:
                held = False
                self._passed_over.add((id(holder), id(part)))
            elif memory.called and (memory.settled != last_call() or is_called()):
                held = self._is_held(holder, attribute, entry)
            else:
                held = True
                memory.hold(part, attribute, self._when)
                memory.unchecked = self._when != _MADE
            settled = settled and held
        if not settled:
            return False
        many = unknown or sum(len(memory.held) for memory in memories) > 2 * len(self._seen)
        for (_, part), memory in zip(self._remembering, memories):
            memory.settled = last_call()
            memory.called = memory.called or self._called
            if many or memory.state:
                memory.forget({known for holder, known in self._passed_over if holder == id(part)})
        return True

    def _unknown(self) -> list[tuple[Holder, Any, _Entry]]:
        """Return the Values and Modules that the Modules around them do not know, with these, and the attributes."""
        unknown = list[tuple[Holder, Any, _Entry]]()
        for holder, attribute, container, parts in self._inside_of:
            memory = memory_of(holder)
            if parts is None and all(map(memory.held.__contains__, map(created, container[1]))):  # most of them
                continue
            for entry in [((container, i), x) for i, x in enumerate(container[1])] if parts is None else parts:
                part = entry[1]
                if memory.of(part) is None:
                    kind = _KINDS[type(part)]
                    counts = not is_input(part) if type(part) is Value else kind is not None and kind.module
                    if counts and (id(holder), id(part)) not in self._passed_over:
                        unknown.append((holder, entry[0][1] if attribute is None else attribute, entry))
        return unknown

    def _begin(self, entry: _Entry) -> None:
        """Note a Module that remembers what is in it."""
        part = entry[1]
        if id(part) in self._marked and self._marked[id(part)].memory is not None:
            self._around[id(entry)] = entry, part, None

    def _note(self, entry: _Entry, parts: list[_Entry] | None) -> None:
        """Note what is in such a Module, or in a container in one.

        Arguments:
            parts: with their places; None for a list of Values, which has none.
        """
        place, part = entry
        around = self._around.get(id(entry))
        if around is None and place and id(place[0]) in self._around:
            kind = _KINDS[type(part)]
            if kind and not kind.module:
                _, holder, attribute = self._around[id(place[0])]
                around = self._around[id(entry)] = entry, holder, place[1] if attribute is None else attribute
        if around:
            self._inside_of.append((around[1], around[2], entry, parts))

    def _is_held(self, holder: Holder, attribute: Any, entry: _Entry) -> bool:
        """Decide of what may have come in a call: remember it as held, and return True, or as state, to pass over."""
        ((_, container), step), part = entry
        state, memory = marks_of(holder).state, memory_of(holder)
        if attribute in state:
            return False
        module = type(part) is not Value
        alone = isinstance(attribute, str) and all(x.attribute != attribute for x in [*memory.held.values()])
        if alone and (not module or self._since is not None):
            mark(holder, state=(*state, attribute))
            return False
        kind = _KINDS[type(container)]
        beside = kind.listed(container)[1] if kind and kind.listed and isinstance(step, int) else ()
        held = module or any(memory.of(x) for x in beside)
        if held:
            memory.hold(part, attribute)
        else:
            memory.pass_over(part)
            self._passed_over.add((id(holder), id(part)))
        if attribute not in memory.told and not module and part.op is None:
            if self._since is None:
                memory.told |= {attribute}
                _warn_of_doubt(holder, entry, trained=held)
            elif not held:
                self.doubtful.setdefault((id(holder), attribute), []).append(entry)
        return held

    def remember(self, holder: Holder, attribute: str) -> None:
        """Let a Module remember what has been found in what is assigned to it."""
        memory = memory_of(holder)
        for place, part in (*self.leaves, *self._results, *self.places):
            itself = not place or _attribute(place[0])[0] is None
            if itself and memory.of(part) is None and not (type(part) is Value and is_input(part)):
                memory.hold(part, attribute)
                memory.unchecked = True

    def by_attribute(self) -> _ByAttribute:
        """Return the leaves in the attributes of each Module that remembers what it holds, or that is around others."""
        found: _ByAttribute = {}
        for place, leaf in self.leaves:
            around, attribute = _remembering_attribute(place)
            if around is not None:
                found.setdefault((id(around), attribute), (around, []))[1].append(leaf)
        return found

    def new(self) -> list[_Entry]:
        """Return leaves that have come since Modules were made, and of which the user has not been told."""
        new, beside = list[_Entry](), set[int]()
        if not self._remembering:
            return new
        for entry in self.leaves:
            place, leaf = entry
            around = _holder_of(entry)
            if around is None or marks_of(around).memory is None:
                continue
            memory = memory_of(around)
            known = memory.of(leaf)
            if known is None:
                continue
            if known.when == _NEW and id(leaf) not in self.constant:
                new.append(entry)
                memory.hold(leaf, known.attribute, _TOLD)
            elif around is not place[0][1]:
                beside.add(id(place[0]))
        return [entry for entry in new if id(entry[0][0]) not in beside]

    @property
    def unchecked(self) -> bool:
        """Whether parts have come whose names have not been compared with others."""
        return bool(self._remembering) and any(memory_of(part).unchecked for _, part in self._remembering)

    def are_checked(self) -> None:
        """Note that they have."""
        for _, part in self._remembering:
            memory_of(part).unchecked = False

    def check(self) -> None:
        """Raise TypeError if there are other leaves where they cannot be collected."""
        if self._results:
            self._check_results()
        for entry in self.with_state:
            self._check_state(entry)
        visited: dict[int, Any] = {}
        for place, part in self._opaque:
            self._refuse(self._left_out(part, visited, _shown(place, part)), place, *_why_not(type(part)))
        for entry in self._instances.values():
            for name, part in _of_class(type(entry[1])):
                if inspect.getattr_static(entry[1], name, None) is part:
                    what = "an attribute of the class, which all instances share"
                    place = entry, name
                    found = self._left_out([part], visited, _shown(place, part))
                    self._refuse(found, place, what, "Assign it in __init__")

    def _check_state(self, entry: _Entry) -> None:
        """Raise TypeError for a Module that a call has assigned, as a model does that makes its layers when called."""
        for name in marks_of(entry[1]).state:
            for module in Walk(getattr(entry[1], name, None), whole=True).modules:
                leaf = next((p for _, p in Walk(module, whole=True).leaves if id(p) not in self._seen), None)
                self._refuse(leaf, (entry, name), "assigned in a call", "Make it in __init__")

    def _check_results(self) -> None:
        """Raise TypeError for a result that was computed from lost leaves, as in `self.w = Value(2.0) / 10`.

        Kept activations are none: they depend on parameters, or on inputs that someone still has.
        """
        leaf = self._lost_leaf([v for _, v in self._results if id(v) not in self.constant])
        if leaf is not None:
            place, v = next(entry for entry in self._results if _depends_on(entry[1], {leaf}))
            where = f"{escaped(type(self.root).__name__)}{_expression(place)}"
            raise TypeError(
                f"{where} is a result of {v.op.name}, which depends on no parameter, but on {leaf}, which nothing else "
                "holds: neither would be trained. Make a leaf of its number, Value(v.data); or assign that leaf, and "
                "compute with it in __call__. If the number is to stay as it is, assign v.data"
            )

    def _lost_leaf(self, results: Iterable[Value]) -> Value | None:
        """Return a leaf that nothing but the graphs of these results holds; of those with a parameter, none counts."""
        known = {p for _, p in self.everything}
        nodes = graph_of(*(v for v in results if not _depends_on(v, known)))
        uses = Counter(id(x) for v in nodes for x in v.args)
        leaves = [v for v in nodes if v.op is None and not is_input(v)]
        del nodes  # now of this function's names only one list refers to a leaf, as another to the object
        *counts, alone = map(sys.getrefcount, [*leaves, object()])
        return next((x for x, count in zip(leaves, counts) if count - alone <= uses[id(x)] + 1), None)

    def _refuse(self, leaf: Value | None, place: _Place, what: str, advice: str) -> None:
        if leaf is not None:
            raise TypeError(
                f"{escaped(type(self.root).__name__)}{_expression(place)} is {what}, so {leaf} in it would not be "
                f"trained. {advice}, or override parameters() to return what is trained"
            )

    def _parts(self, entry: _Entry) -> list[_Entry]:
        """Return what may hold leaves among the parts of an object, with their places, the last one first."""
        part, found = entry[1], list[_Entry]()
        kind = _KINDS[type(part)]
        if kind is None:
            return found
        if kind.module:
            if self.alone and id(part) not in self.alone:
                return found
            self.places.append(entry)
            marks = marks_of(part)
            if marks is not UNMARKED:
                self._marked[id(part)] = marks
                if marks.frozen:
                    self._frozen_modules.append(part)
                if marks.memory is not None:
                    self._remembering.append(entry)
            if kind.kept:
                self._keeping.append(entry)
                if getattr(part, "_has_values", False):  # it may be in the making
                    kept = _kept_in(((), getattr(part, part._kept, [])))
                    self.constant.update(id(x) for _, x in kept if type(x) is Value)
                return found
            if not self.whole and part is not self.root and is_overridden(part):
                self._overriding.append(entry)
                found += [((entry, name), p) for name, p in part.named_parameters()]
                return found[::-1]
            if marks is not UNMARKED:
                self._begin(entry)
        return self._inside(entry, kind)

    def _inside(self, entry: _Entry, kind: _Kind) -> list[_Entry]:
        part, found = entry[1], list[_Entry]()
        if kind.module or kind.declared is not None or kind.opaque:
            self._instances.setdefault(type(part), entry)
        if kind.opaque or (type(part) is dict and _holding(part)):  # as a key
            self._opaque.append(entry)
        if kind.declared is not None:
            held = attributes(part, kind.declared)
            if id(part) in self._marked and (state := self._marked[id(part)].state):
                self.with_state.append(entry)
                held = {name: x for name, x in held.items() if name not in state}
            found += [((entry, name), x) for name, x in held.items() if x is not _EMPTY and _KINDS[type(x)]]
        if kind.listed and not (kind.lazy and self._left_out(part, {}) is None):
            steps, parts = kind.listed(part)
            kinds = _holding(parts)
            if type(part) is not list and not kinds.isdisjoint((Value, list)) and _is_one(listed := [*parts]):
                self.repeated.append((listed[0], entry))
            if kinds:
                found += [((entry, step), x) for step, x in zip(steps, parts) if type(x) in kinds]
        return found[::-1]

    def _left_out(self, part: Any, visited: dict[int, Any], shown: Iterable[Any] = ()) -> Value | None:
        """Return a leaf that this object leads to, in whatever way, and that has not been collected; None without one.

        Arguments:
            visited: what earlier searches have visited in vain, by id; what this one visits is added.
            shown: what else it leads to.
        """
        passed = self._passed_over
        level, most = [part], len(visited) + _MOST_SEARCHED
        while level:
            referents, shown = [*shown, *_referents(level)], ()
            kinds, level = _holding(referents), []
            for x in islice((x for x in referents if type(x) in kinds), most - len(visited)):
                if id(x) not in self._seen and id(x) not in visited:
                    if type(x) is not Value:
                        visited[id(x)] = x
                        level.append(x)
                    elif x.op is None and not is_input(x) and not any(id(x) == known for _, known in passed):
                        return x
        return None


def _kept_in(entry: _Entry) -> Iterator[_Entry]:
    """Yield each Value and number in nested lists, with its place."""
    stack = [entry]
    while stack:
        entry = stack.pop()
        x = entry[1]
        if isinstance(x, list):
            stack += [((entry, i), y) for i, y in enumerate(x)][::-1]
        else:
            yield entry


def _is_one(parts: list[Any]) -> bool:
    """Return True if all parts are the same leaf, or the same list of leaves, and there are several."""
    if len(parts) < 2 or parts[0] is not parts[-1]:
        return False
    part = parts[0]
    leaf = part[0] if type(part) is list and part else part
    return type(leaf) is Value and leaf.op is None and all(x is part for x in parts)


def _depends_on(result: Value, leaves: Container[Value]) -> bool:
    """Return True if one of these leaves is in the graph of a result; of an activation, it is found after few steps."""
    seen, waiting = {result}, [result]
    while waiting:
        for x in waiting.pop().args:
            if type(x) is Value and x not in seen:
                if x in leaves:
                    return True
                seen.add(x)
                waiting.append(x)
    return False


class _Kinds(dict[type, _Kind | None]):
    """How each class is taken apart; None if its instances hold nothing."""

    def __missing__(self, kind: type) -> _Kind | None:
        if len(self) >= _MOST_KINDS:  # classes come and go in a notebook
            self.clear()
        return self.setdefault(kind, _kind_of(kind))


_KINDS = _Kinds()


def _holding(parts: Iterable[Any]) -> set[type]:
    """Return the classes of these objects whose instances may hold leaves."""
    return {kind for kind in set(map(type, parts)) if _KINDS[kind]}  # a class at a time: there may be millions


def _kind_of(kind: type) -> _Kind | None:
    array, module = _defines(kind, "tolist", "dtype", "__len__"), issubclass(kind, Holder)  # NumPy's, and its records
    flat = _defines(kind, "base", "coords", "__next__")  # NumPy's iterator over an array
    if issubclass(kind, _NEVER_SEARCHED) or not (kind.__flags__ & _HOLDS_REFERENCES or array or flat):
        return None
    if issubclass(kind, type):  # searched on the way, a class would lead to the rest of the program, too
        return _Kind(opaque=True, refers=lambda part: (), shows=lambda part: [x for _, x in _of_class(part)])
    if flat:
        return _Kind(opaque=True, refers=lambda part: _of_array(part.base)[1])
    declared = declared_in(kind) if module or _fields(kind) else None
    if array and _defines(kind, "filled"):  # masked
        return _Kind(module, declared=declared, opaque=True, refers=lambda part: _of_array(part.data)[1])
    if array:
        return _Kind(module, False, declared, _of_array, refers=lambda part: _of_array(part)[1])
    known = issubclass(kind, (list, tuple, deque, dict))
    listed = None
    if known or not module:
        listed = _elements if issubclass(kind, Sequence) else _entries if issubclass(kind, Mapping) else None
    exact = kind in (list, tuple, deque, dict) or (module and not issubclass(kind, AbstractSet))
    return _Kind(
        module,
        module and bool(getattr(kind, "_kept", "")),
        declared,
        listed,
        lazy=not known,
        opaque=not exact,
        refers=_of_function if kind is FunctionType else None,
        shows=_of_references if issubclass(kind, _WEAK) else _of_variable if kind is ContextVar else None,
        descriptor=_defines(kind, "__get__"),
    )


def _fields(kind: Any) -> list[str]:
    """Return the names of the fields of a dataclass, or of a class of the package attrs, in order."""
    if _defines(kind, "__dataclass_fields__"):
        return [field.name for field in dataclasses.fields(kind)]
    return [field.name for field in kind.__attrs_attrs__] if _defines(kind, "__attrs_attrs__") else []


def declared_in(kind: type) -> list[str]:
    """Return the names of the attributes that the definition of a class lists."""
    derived = kind._derived if issubclass(kind, Holder) else ()
    return [name for name in (*_fields(kind), *slots_of(kind)) if name not in derived]


def attributes(part: Any, declared: Iterable[str]) -> dict[str, Any]:
    """Return the attributes of an object: the declared ones that are set, then those in `__dict__`."""
    found = {name: x for name in declared if (x := getattr(part, name, UNSET)) is not UNSET}
    others: dict[str, Any] | None = getattr(part, "__dict__", None)
    return found | others if others else found


def _elements(part: Any) -> _Parts:
    return count(), part if isinstance(part, (list, tuple, deque)) else list(part)


def _entries(part: Any) -> _Parts:
    entries = list(part.items())
    return (_Key(key, i) for i, (key, _) in enumerate(entries, 1)), [x for _, x in entries]


def _defines(kind: type, *names: str) -> bool:
    """Return True if a class or its bases define these attributes; a metaclass might answer to every name."""
    return all(any(name in vars(base) for base in kind.__mro__) for name in names)


def _of_array(part: Any) -> _Parts:
    """Return the elements of an array of objects, and the fields of a structured one that has objects in it."""
    dtype = part.dtype
    if not getattr(dtype, "hasobject", False):
        return (), ()
    if dtype.names:
        return (_Key(name, i) for i, name in enumerate(dtype.names, 1)), [part[name] for name in dtype.names]
    listed = part.tolist()
    return _elements(listed) if part.ndim else ([_Key((), 1)], [listed])


def _of_class(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a class, with their names, that may hold leaves: no methods and other descriptors."""
    for base in type.mro(kind):
        if base.__flags__ & _HEAP_TYPE and not str(base.__module__).startswith(_OURS):
            for name, x in vars(base).items():
                found = _KINDS[type(x)]
                if found and not found.descriptor and not name.startswith(_NO_PARTS):
                    yield name, x


def _of_references(part: Any) -> list[Value]:
    """Return the Values behind weak references. The modules behind them are mostly those that hold this one."""
    if isinstance(part, weakref.ref):
        found = [part()]
    else:
        found = [*part.values()] if isinstance(part, weakref.WeakValueDictionary) else [*part]
    return [x for x in found if type(x) is Value]


def _shown(place: _Place, part: Any) -> Iterable[Any]:
    """Return what a part leads to without holding it.

    Weak references may be to the Values of others, as in an optimizer; not if a module, or a list in it, has them.
    """
    kind = _KINDS[type(part)]
    if kind is None or kind.shows is None:
        return ()
    (place, holder), _ = place
    while place and isinstance(holder, (list, tuple, deque, dict)):
        (place, holder), _ = place
    return kind.shows(part) if isinstance(holder, Holder) or not isinstance(part, _WEAK) else ()


def _of_variable(part: ContextVar[Any]) -> list[Any]:
    return [part.get(None)]


def _of_function(part: Any) -> list[Any]:
    """Return what a function refers to, its globals left out."""
    return [part.__closure__, part.__defaults__, part.__kwdefaults__, part.__dict__]


def _referents(parts: Iterable[Any]) -> list[Any]:
    """Return everything that these objects refer to."""
    found, others = list[Any](), list[Any]()
    for part in parts:
        kind = _KINDS[type(part)]
        if kind and kind.refers:
            found += kind.refers(part)
        else:
            others.append(part)
    return found + gc.get_referents(*others)


def _why_not(kind: type) -> tuple[str, str]:
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
