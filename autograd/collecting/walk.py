"""Walk over the parts of a model, and collect its leaves: parameters, and what is state, frozen or constant."""

from __future__ import annotations

import inspect
import sys
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextvars import ContextVar, copy_context
from itertools import islice
from typing import Any, NoReturn, TypeVar, cast

from autograd.collecting.kinds import (
    KINDS,
    WEAK,
    Holding,
    Kind,
    Step,
    attributes,
    has_values,
    holding,
    kept_by,
    of_class,
    referents,
    why_not,
)
from autograd.collecting.memory import MADE, NEW, TOLD, memory_of
from autograd.collecting.places import Entry, Place, expression, is_part_of, names_of, with_names
from autograd.engine import Value, created, graph_of
from autograd.errors import ParameterWarning
from autograd.frames import warn_caller
from autograd.hints import of_a_model
from autograd.marks import UNMARKED, Marks, is_called, last_call, mark, marks_of
from autograd.samples.recording import inputs_alive, is_input
from autograd.text import escaped, visible

_EMPTY = ()  # as the classes of each neuron
_MOST_SEARCHED = 10_000  # objects for each that is searched; a logger leads to 50, a function of jax.jit to 120
_Around = tuple[Entry, "Holding", Any]
"""A part, the Module around it that remembers what it holds, and the attribute there."""
ByAttribute = dict[tuple[int, Any], tuple["Holding", list[Value]]]
"""A Module, and leaves in one of its attributes; by the id of the Module and the attribute."""


def attribute_at(entry: Entry) -> tuple[Any, Step | None]:
    """Return the innermost Module that is a container, or around it, and the step from there on the way to it."""
    step = None
    while True:
        place, part = entry
        kind = KINDS[type(part)]
        if kind and kind.module:
            return part, step
        if not place:
            return None, None
        entry, step = place


def holder_of(entry: Entry) -> Any:
    """Return the innermost Module around a part."""
    place, _ = entry
    return attribute_at(place[0])[0] if place else None


def remembering_at(place: Place) -> tuple[Any, Step | None]:
    """Return the innermost Module around a place that remembers what it holds, and the step from there."""
    while place:
        (place, part), step = place
        kind = KINDS[type(part)]
        if kind and kind.module and marks_of(part).memory is not None:
            return part, step
    return None, None


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
        alone: Sequence[Holding] = (),
        when: int = NEW,
        called: bool = False,
        since: int | None = None,
    ) -> None:
        self.root, self.whole, self.alone = root, whole, set(map(id, alone))
        self._when, self._called, self._since = when, called, since
        self.doubtful: dict[tuple[int, Any], list[Entry]] = {}
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
        self.places: list[Entry] = []
        self.leaves: list[Entry] = []
        self.others: list[Entry] = []
        self._keeping: list[Entry] = []  # Modules that keep what is not trained
        self.with_state: list[Entry] = []
        self.repeated: list[tuple[Any, Entry]] = []
        self._kept: list[tuple[Holding, list[Entry]]] | None = None
        self.constant = set[int]()
        self._frozen_modules: list[Any] = []
        self._remembering: list[Entry] = []  # Modules that remember what they hold
        self._marked = dict[int, Marks]()  # of Modules, by id, that have some
        self._around: dict[int, _Around] = {}
        self._inside_of: list[tuple[Holding, Any, Entry, list[Entry] | None]] = []
        self._results: list[Entry] = []
        self._opaque: list[Entry] = []
        self._instances: dict[type, Entry] = {}  # the first of each class with attributes
        self._overriding: list[Entry] = []
        self._seen = dict[int, Any]()  # by id, and alive, because the lists of arrays are made for this walk
        self._visit([((), part) for part in roots], self.leaves)
        if self._overriding:
            self._visit_others()

    @property
    def modules(self) -> list[Holding]:
        """Each Module."""
        return [module for _, module in self.places]

    @property
    def everything(self) -> list[Entry]:
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

    def kept(self) -> list[tuple[Holding, list[Entry]]]:
        """Return what Modules keep that is not trained, with its places: a Value for each number, the same each time.

        The names of what a Module keeps are those of the Module itself.
        """
        if self._kept is None:
            kept = [(part, (place or ((place, part), "value"), kept_by(part))) for place, part in self._keeping]
            self._kept = [
                (part, [(place, x if type(x) is Value else Value(x)) for place, x in _kept_in(entry)])
                for part, entry in kept
            ]
        return self._kept

    def trained(self) -> list[Entry]:
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

    def _visit(self, stack: list[Entry], leaves: list[Entry]) -> None:
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
                if passed and (id(holder_of(entry)), known) in passed:
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
        checked = self._results, self._opaque, self._instances  # what an error leaves of this walk, nobody has
        self.whole, self._results, self._opaque, self._instances = True, [], [], {}
        for entry in self._overriding:
            self._begin(entry)
            parts = self._inside(entry, cast(Kind, KINDS[type(entry[1])]))
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
                around, _ = remembering_at(place)
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
                memory.unchecked = self._when != MADE
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

    def _unknown(self) -> list[tuple[Holding, Any, Entry]]:
        """Return the Values and Modules that the Modules around them do not know, with these, and the attributes."""
        unknown = list[tuple[Holding, Any, Entry]]()
        for holder, attribute, container, parts in self._inside_of:
            memory = memory_of(holder)
            if parts is None and all(map(memory.held.__contains__, map(created, container[1]))):  # most of them
                continue
            for entry in [((container, i), x) for i, x in enumerate(container[1])] if parts is None else parts:
                part = entry[1]
                if memory.of(part) is None:
                    kind = KINDS[type(part)]
                    counts = not is_input(part) if type(part) is Value else kind is not None and kind.module
                    if counts and (id(holder), id(part)) not in self._passed_over:
                        unknown.append((holder, entry[0][1] if attribute is None else attribute, entry))
        return unknown

    def _begin(self, entry: Entry) -> None:
        """Note a Module that remembers what is in it."""
        part = entry[1]
        if id(part) in self._marked and self._marked[id(part)].memory is not None:
            self._around[id(entry)] = entry, part, None

    def _note(self, entry: Entry, parts: list[Entry] | None) -> None:
        """Note what is in such a Module, or in a container in one.

        Arguments:
            parts: with their places; None for a list of Values, which has none.
        """
        place, part = entry
        around = self._around.get(id(entry))
        if around is None and place and id(place[0]) in self._around:
            kind = KINDS[type(part)]
            if kind and not kind.module:
                _, holder, attribute = self._around[id(place[0])]
                around = self._around[id(entry)] = entry, holder, place[1] if attribute is None else attribute
        if around:
            self._inside_of.append((around[1], around[2], entry, parts))

    def _is_held(self, holder: Holding, attribute: Any, entry: Entry) -> bool:
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
        kind = KINDS[type(container)]
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
                warn_of_doubt(holder, entry, trained=held)
            elif not held:
                self.doubtful.setdefault((id(holder), attribute), []).append(entry)
        return held

    def remember(self, holder: Holding, attribute: str) -> None:
        """Let a Module remember what has been found in what is assigned to it."""
        memory = memory_of(holder)
        for place, part in (*self.leaves, *self._results, *self.places):
            itself = not place or attribute_at(place[0])[0] is None
            if itself and memory.of(part) is None and not (type(part) is Value and is_input(part)):
                memory.hold(part, attribute)
                memory.unchecked = True

    def by_attribute(self) -> ByAttribute:
        """Return the leaves in the attributes of each Module that remembers what it holds, or that is around others."""
        found: ByAttribute = {}
        for place, leaf in self.leaves:
            around, attribute = remembering_at(place)
            if around is not None:
                found.setdefault((id(around), attribute), (around, []))[1].append(leaf)
        return found

    def new(self) -> list[Entry]:
        """Return leaves that have come since Modules were made, and of which the user has not been told."""
        new, beside = list[Entry](), set[int]()
        if not self._remembering:
            return new
        for entry in self.leaves:
            place, leaf = entry
            around = holder_of(entry)
            if around is None or marks_of(around).memory is None:
                continue
            memory = memory_of(around)
            known = memory.of(leaf)
            if known is None:
                continue
            if known.when == NEW and id(leaf) not in self.constant:
                new.append(entry)
                memory.hold(leaf, known.attribute, TOLD)
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
            self._refuse(self._left_out(part, visited, _shown(place, part)), place, *why_not(type(part)))
        for entry in self._instances.values():
            for name, part in of_class(type(entry[1])):
                if inspect.getattr_static(entry[1], name, None) is part:
                    what = "an attribute of the class, which all instances share"
                    place = entry, name
                    found = self._left_out([part], visited, _shown(place, part))
                    self._refuse(found, place, what, "Assign it in __init__")

    def _check_state(self, entry: Entry) -> None:
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
            where = f"{escaped(type(self.root).__name__)}{expression(place)}"
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

    def _refuse(self, leaf: Value | None, place: Place, what: str, advice: str) -> None:
        if leaf is not None:
            raise TypeError(
                f"{escaped(type(self.root).__name__)}{expression(place)} is {what}, so {leaf} in it would not be "
                f"trained. {advice}, or override parameters() to return what is trained"
            )

    def _parts(self, entry: Entry) -> list[Entry]:
        """Return what may hold leaves among the parts of an object, with their places, the last one first."""
        part, found = entry[1], list[Entry]()
        kind = KINDS[type(part)]
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
                if has_values(part):  # it may be in the making
                    kept = _kept_in(((), kept_by(part)))
                    self.constant.update(id(x) for _, x in kept if type(x) is Value)
                return found
            if not self.whole and part is not self.root and is_overridden(part):
                self._overriding.append(entry)
                found += [((entry, name), p) for name, p in part.named_parameters()]
                return found[::-1]
            if marks is not UNMARKED:
                self._begin(entry)
        return self._inside(entry, kind)

    def _inside(self, entry: Entry, kind: Kind) -> list[Entry]:
        part, found = entry[1], list[Entry]()
        if kind.module or kind.declared is not None or kind.opaque:
            self._instances.setdefault(type(part), entry)
        if kind.opaque or (type(part) is dict and holding(part)):  # as a key
            self._opaque.append(entry)
        if kind.declared is not None:
            held = attributes(part, kind.declared)
            if id(part) in self._marked and (state := self._marked[id(part)].state):
                self.with_state.append(entry)
                held = {name: x for name, x in held.items() if name not in state}
            found += [((entry, name), x) for name, x in held.items() if x is not _EMPTY and KINDS[type(x)]]
        if kind.listed and not (kind.lazy and self._left_out(part, {}) is None):
            steps, parts = kind.listed(part)
            kinds = holding(parts)
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
            found, shown = [*shown, *referents(level)], ()
            kinds, level = holding(found), []
            for x in islice((x for x in found if type(x) in kinds), most - len(visited)):
                if id(x) not in self._seen and id(x) not in visited:
                    if type(x) is not Value:
                        visited[id(x)] = x
                        level.append(x)
                    elif x.op is None and not is_input(x) and not any(id(x) == known for _, known in passed):
                        return x
        return None


def _kept_in(entry: Entry) -> Iterator[Entry]:
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


def _shown(place: Place, part: Any) -> Iterable[Any]:
    """Return what a part leads to without holding it.

    Weak references may be to the Values of others, as in an optimizer; not if a module, or a list in it, has them.
    """
    kind = KINDS[type(part)]
    if kind is None or kind.shows is None:
        return ()
    (place, holder), _ = place
    while place and isinstance(holder, (list, tuple, deque, dict)):
        (place, holder), _ = place
    return kind.shows(part) if isinstance(holder, Holding) or not isinstance(part, WEAK) else ()


def is_overridden(module: Holding) -> bool:
    """Return True if a Module says itself what its parameters are, by its class or by an attribute."""
    kind: Any = type(module)
    return kind.parameters is not Collected.parameters or "parameters" in getattr(module, "__dict__", ())


_with_frozen: ContextVar[bool] = ContextVar("with_frozen", default=False)
_T = TypeVar("_T")


def frozen_or_not(function: Callable[[], _T]) -> _T:
    """Call a function, in which `parameters()` and `named_parameters()` return what is frozen, too.

    It runs in a context of its own, so that no interrupt can leave it in effect.
    """
    context = copy_context()
    context.run(_with_frozen.set, True)
    return context.run(function)


def warn_of_doubt(module: Holding, entry: Entry, *, trained: bool) -> None:
    """Warn of a leaf that may have come in a call: say what it counts as, and what to do if it should not."""
    kind = escaped(type(module).__name__)
    what = (
        "is a parameter, as those beside it. If it is not to be trained, keep it elsewhere"
        if trained
        else "is state, neither trained nor saved. If it is to be trained, make it in __init__; else keep it elsewhere"
    )
    warn_caller(
        f"{kind}{expression(entry[0])} has come since {kind} was called, and {what}: in a local variable, in a list "
        "of its own, or, to save it, in an nn.Constant",
        ParameterWarning,
    )


class Collected(Holding):
    """An object with parameters."""

    __slots__ = ()

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
            label(everything)
            names = {v: name for name, v in everything}
            for i, p in enumerate(self.parameters(), 1):
                yield names.get(p, f"parameter{i}"), p
        else:
            walk = self._walk()
            trained = {id(p) for _, p in walk.trained()}
            everything = list(with_names(walk.everything))
            label(everything)  # anew: parts that were made elsewhere may have been assigned since this Module was made
            for name, v in everything:
                if id(v) in trained:
                    yield name, v

    def _walk(self) -> Walk:
        walk = Walk(self)
        if not is_overridden(self):  # a subclass that returns its own parameters may keep them anywhere
            walk.check()
        return walk


def label_all(module: Holding) -> None:
    """Label all leaves of a Module anew, as `named_parameters` does."""
    label(names_of_all(module))


def label(named: Iterable[tuple[str, Value]]) -> None:
    """Give leaves their names as labels, where the user has not chosen others."""
    for name, v in named:
        known = v.label
        if known != name and (not known or is_part_of(known, name)) and v.op is None:
            v.label = name


def refuse_twins(module: Holding) -> None:
    """Raise ValueError if two leaves have the same name: parts that have been assigned since the Module was made."""
    walk = Walk(module, whole=True)
    different_names(module, walk)
    walk.are_checked()


def different_names(module: Holding, walk: Walk) -> list[tuple[str, Value]]:
    """Return all Values of a walk with their names; ValueError, if two have the same."""
    leaves = walk.everything
    names = names_of(leaves)
    if len(set(names)) < len(names):
        _refuse_twins(module, names, leaves)
    return [(name, v) for name, (_, v) in zip(names, leaves)]


def _refuse_twins(module: Holding, names: Sequence[str], leaves: Sequence[Entry]) -> NoReturn:
    twin = next(name for name, times in Counter(names).items() if times > 1)
    of = escaped(type(module).__name__)
    one, other, *_ = [of + expression(place) for name, (place, _) in zip(names, leaves) if name == twin]
    raise ValueError(
        f"{one} and {other} would have the same name, '{visible(twin)}', in files, errors and drawings: rename one of "
        "the attributes"
    )


def names_of_all(module: Holding) -> Iterator[tuple[str, Value]]:
    """Yield each Value that a Module holds, trained or not, with its name."""
    return with_names(Walk(module, whole=True).everything)
