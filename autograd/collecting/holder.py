"""Freeze parts of models, and notice what comes to hold, or loses, leaves."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, cast
from weakref import ref

from autograd.calls import is_new, pass_in
from autograd.collecting.kinds import KINDS, Kind, has_one, passed_parts
from autograd.collecting.memory import MADE, memory_of
from autograd.collecting.places import Entry, expression, joined, name_of, with_names
from autograd.collecting.walk import (
    Collected,
    Walk,
    different_names,
    frozen_or_not,
    holder_of,
    is_overridden,
    label,
    warn_of_change,
)
from autograd.engine import Value
from autograd.errors import ParameterWarning
from autograd.frames import warn_caller
from autograd.hints import of_a_model
from autograd.marks import UNSET, attributes_of, is_own, mark, marks_of
from autograd.samples.recording import is_input
from autograd.text import and_joined, escaped, visible


class Holder(Collected):
    """What a `Module` is, but for its outputs and files: parameters, parts that are frozen, and state."""

    __slots__ = ()

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
        walk = Walk(self, whole=True)
        label(different_names(self, walk))
        for entry in {id(one): entry for one, entry in reversed(walk.repeated) if holder_of(entry) is self}.values():
            _warn_of_one(self, entry)
        walk.new(MADE)  # what has come before this Module was made has not come since

    def _given(self, name: str, x: Any) -> None:
        """Remember what has been assigned outside of a call: parameters, whatever runs before they are collected."""
        if KINDS[type(x)]:
            Walk(x, whole=True).remember(self, name)

    def _holds(self, x: Any) -> bool:
        if type(x) is list and set(map(type, x)) == {Value}:  # most of it: no detour
            parts = [v for v in x if v.op is None]
        else:
            parts = [part for part in passed_parts(x) if type(part) is not Value or part.op is None]
        return any(memory_of(self).of(part) is not None for part in parts)

    def _assigned(self, name: str, before: Any) -> None:
        """Remember an attribute as state, which is neither trained nor saved.

        Warns:
            ParameterWarning: parameters were lost by that.
        """
        now = attributes_of(self).get(name, UNSET)
        leaves = [] if before is UNSET else [p for _, p in Walk(before, whole=True, inside=(self, name)).leaves]
        if now is before or now is UNSET or not (KINDS[type(now)] or leaves):
            return
        if name not in marks_of(self).state:
            mark(self, state=(*marks_of(self).state, name))
        if leaves:
            left = {id(p) for _, p in Walk(self, whole=True).everything}
            if any(id(p) not in left for p in leaves):
                known = map(memory_of(self).of, leaves)
                made = not any(held and held.when != MADE for held in known)
                warn_of_change(self, name, len(leaves), made=made, lacking=_lacking(leaves))

    def _pass_in(self, parts: list[Any], *, first: bool) -> list[Any]:
        me = ref(self)
        passed = passed_parts([x for x in parts if not (type(x) is Value and is_input(x))])
        new = [part for part in passed if (type(part) is not Value or part.op is None) and is_new(part, me)]
        leaves = [part for part in new if type(part) is Value and not is_input(part)]
        if first:
            self._stock()  # what it holds before is its own
        if new and marks_of(self).memory is not None:
            found = has_one(self, new) if not first and memory_of(self).looks() else False
            if found:
                self._stock()
                memory_of(self).looked = 0
            for leaf in leaves if found is not None else ():  # else it is in doubt who has put it there
                pass_in(leaf, me)
        return [part for part in new if type(part) is not Value]

    def _see_whether_kept(self, modules: list[Any]) -> None:
        for part in modules:
            if has_one(self, [part]):
                pass_in(part, ref(self))

    def _stock(self) -> None:
        Walk(self, whole=True)


def keep_as_known(module: Any) -> None:
    """Do not warn of the parameters that have come to a Module so far; another model may pass."""
    if isinstance(module, Holder):
        Walk(module, whole=True).new()


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
        listed = [kind + expression(place) for place, _ in new]
        shown = listed[0] if len(listed) == 1 else f"{listed[0]} and {len(listed) - 1:,} more"
        have, are = ("has", "is a parameter") if len(listed) == 1 else ("have", "are parameters")
        warn_caller(
            f"{shown} {have} come since {kind} was made, put there outside of its __init__ and of a call, and "
            f"{are}, trained and saved. Keep what is not to be trained in a local variable, or in an nn.Constant, "
            "self.h = nn.Constant([...]) and self.h.value = ...; assign what is, in __init__",
            ParameterWarning,
        )


def states_of(module: Holder) -> list[str]:
    """Return the names of what calls have assigned in a Module, and in Modules inside: paths, as of parameters."""
    entries = Walk(module, whole=True).with_state
    return [joined(name_of(entry, {}), entry, name) for entry in entries for name in marks_of(entry[1]).state]


def lacks_an_attribute(module: Holder, names: Iterable[str]) -> bool:
    """Return True if each of these names that a Module lacks is in an attribute, of one of the user's, that is lacking.

    >>> from autograd import nn
    >>> class Net(Holder):
    ...     __module__ = "yours"
    ...     def __init__(self):
    ...         self.w, self.layer = [Value(1.0)], nn.Layer(1, 1)
    >>> [lacks_an_attribute(Net(), ["w1", name]) for name in ("last1", "w2", "layer.neuron2.bias")]
    [True, False, False]
    """
    walk = Walk(module, whole=True)
    ours = {name for name, _ in with_names(walk.everything)}
    modules = {name_of(entry, {}): entry[1] for entry in walk.places}
    for name in set(names) - ours:
        around = max((path for path in modules if not path or name.startswith(f"{path}.")), key=len, default="")
        attribute = re.match(r"(.*?)\d*(\..*)?$", name[len(around) :].lstrip("."), re.DOTALL)
        start = f"{around}." * bool(around) + (attribute[1] if attribute else "")
        same = re.compile(rf"{re.escape(start)}\d*(\..*)?", re.DOTALL)
        if is_own(type(modules[around])) or any(same.fullmatch(x) for x in ours):
            return False
    return True


def _warn_of_one(module: Holder, entry: Entry) -> None:
    place, part = entry
    kind = KINDS[type(part)]
    repeated = list(kind.listed(part)[1]) if kind and kind.listed else []
    where, n = escaped(type(module).__name__) + expression(place), len(repeated)
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
    around = [(entry, holder_of(entry)) for entry in walk.places]
    return {
        name_of(entry, {}): marks_of(entry[1]).frozen
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
        holder = holder_of(entry)
        around = False if holder is None else marks[id(holder)]
        marks[id(entry[1])] = left.pop(name_of(entry, {}), around)
    if left:
        raise ValueError(f"it has a frozen part '{visible(next(iter(left)))}', which this network lacks")
    for _, part in places:
        mark(part, frozen=marks[id(part)])


def kept_from_training() -> set[int]:
    """Return the Values, by id, of all frozen Modules, and of all that keep some which are not trained.

    The garbage collector knows them, wherever a function of the user's finds them. That takes a tenth of a second.
    """
    holders = [x for x in gc.get_objects() if Holder in type(x).__mro__]
    kept = [x for x in holders if marks_of(x).frozen or cast(Kind, KINDS[type(x)]).kept]
    walk = Walk(None, whole=True, alone=kept)
    return {*(id(v) for _, v in walk.leaves), *walk.constant} if kept else set()


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
