"""Walk over the parts of a model, and collect its leaves: parameters, and what is state, frozen or constant."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import suppress
from contextvars import ContextVar, copy_context
from itertools import islice
from typing import Any, NoReturn, TypeVar, cast

from autograd.calls import here, passed_to, was_made_in_a_call
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
    reached,
    referents,
    why_not,
)
from autograd.collecting.memory import DOUBT, MADE, NEW, TOLD, Memory, memory_of
from autograd.collecting.places import Entry, Place, expression, is_part_of, names_of, with_names
from autograd.engine import Value, created, graph_of
from autograd.errors import ParameterWarning
from autograd.frames import warn_caller
from autograd.hints import of_a_model
from autograd.marks import UNMARKED, Marks, mark, marks_of
from autograd.modes import training_here
from autograd.samples.recording import inputs_alive, is_input
from autograd.text import escaped, visible

_EMPTY = ()  # as the classes of each neuron
_MOST_SEARCHED = 10_000  # objects for each that is searched; a logger leads to 50, a function of jax.jit to 120
_Around = tuple[Entry, "Holding", Memory, Any]
"""A part, the Module around it that remembers what it holds, its memory, and the attribute there."""


def number_of(part: Any) -> int:
    """Return the number of creation of a Value, or of a Module, or of its first leaf; 0 if it has none."""
    memory = None if type(part) is Value else marks_of(part).memory
    if memory is not None:
        return memory.born
    leaf = part if type(part) is Value else next((leaf for _, leaf in Walk(part, whole=True).leaves), None)
    return 0 if leaf is None else created(leaf)


def _called(place: Place) -> int:
    """Return when the last call began of a Module around a part."""
    last = 0
    while place:
        (place, part), _ = place
        memory = marks_of(part).memory if isinstance(part, Holding) else None
        last = max(last, memory.called) if memory is not None else last
    return last


def _holds(module: Any, part: Any) -> bool:
    memory = marks_of(module).memory if isinstance(module, Holding) else None
    return memory is not None and cast(Memory, memory).of(part) is not None


def _is_around(ref: weakref.ref[Any], place: Place) -> bool:
    """Return True if a Module is around a place, or one that is was called in its calls."""
    module = ref()
    while place:
        (place, part), _ = place
        memory = marks_of(part).memory if isinstance(part, Holding) else None
        if (part is module and part is not None) or (memory is not None and any(ref is x for x in memory.roots)):
            return True
    return False


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


class Walk:
    """The leaves that an object holds, and what else may hold some.

    Arguments:
        root: a Module, or a part of one. Its attributes count even if it overrides `parameters()`.
        whole: True if the attributes of all Modules count so, and nobody's `parameters()` is asked.
        alone: Modules that are walked in place of the root; others inside them do not count.
        inside: the Module that holds, or has held, the root, and the attribute.
    Attributes:
        leaves: each leaf with its place, in order, frozen or not.
        others: each leaf in a Module that overrides `parameters()`, which does not return it.
        places: each Module with its place, one after those around it.
        constant: the Values that Modules keep which are not trained, by id.
        with_state: each Module to which a call has assigned attributes.
        repeated: each list or the like that has one leaf, or one list of leaves, several times, and nothing else; after
            that leaf or list.
        state: what calls keep, by id.
        made: leaves that calls have made and kept, with their places.
    """

    def __init__(
        self,
        root: Any,
        *,
        whole: bool = False,
        alone: Sequence[Holding] = (),
        inside: tuple[Holding, str] | None = None,
    ) -> None:
        self.root, self.whole, self.alone = root, whole, set(map(id, alone))
        self.places: list[Entry] = []
        self.leaves: list[Entry] = []
        self.others: list[Entry] = []
        self._keeping: list[Entry] = []  # Modules that keep what is not trained
        self.with_state: list[Entry] = []
        self.repeated: list[tuple[Any, Entry]] = []
        self._kept: list[tuple[Holding, list[Entry]]] | None = None
        self.constant = set[int]()
        self._frozen_modules: list[Any] = []
        self._remembering: list[Holding] = []  # Modules that remember what they hold
        self._marked = dict[int, Marks]()  # of Modules, by id, that have some
        self._around: dict[int, _Around] = {}
        self.state = set[int]()
        self.made: list[Entry] = []
        self._of_state: list[Entry] = []  # what is in attributes that calls have assigned
        self._only_known = False  # whether it is visited, of which counts only what has been held before
        self._late: list[Entry] = []  # Modules among that which a call has made
        self._replaced = dict[tuple[int, Any], tuple[Holding, Memory]]()  # attributes in which a call has put results
        self._reached = dict[int, dict[int, Any]]()  # the containers and Modules in other Modules, by their ids
        self._made = set[int]()  # Modules, by id, that are in the making
        self._results: list[Entry] = []
        self._opaque: list[Entry] = []
        self._instances: dict[type, Entry] = {}  # the first of each class with attributes
        self._overriding: list[Entry] = []
        self._seen = dict[int, Any]()  # by id, and alive, because the lists of arrays are made for this walk
        place: Place = ()
        if inside is not None:
            holder, attribute = inside
            place = ((), holder), attribute
            self._around[id(place[0])] = place[0], holder, memory_of(holder), None
        self._visit([(place, part) for part in alone or [root]], self.leaves)
        self._visit_state(self.leaves)
        if self._overriding:
            self._visit_others()
        if self._replaced and not alone:
            self._say_what_is_lost()
        inputs = inputs_alive()
        if inputs:  # what `fit` or `predict` has passed in, wherever a model keeps it
            self.leaves[:] = [entry for entry in self.leaves if entry[1] not in inputs]
            self.others[:] = [entry for entry in self.others if entry[1] not in inputs]

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
        seen, around = self._seen, self._around
        while stack:
            entry = stack.pop()
            place, part = entry
            known = id(part)
            if known in seen:
                continue
            kind = type(part)
            if around and place and id(place[0]) in around and not self._counts(entry, around[id(place[0])]):
                continue  # not seen: it may be a parameter of another
            seen[known] = part
            if kind is list and len(part) > 1 and part[0] is part[-1] and _is_one(part):
                self.repeated.append((part[0], entry))
            if kind is Value:
                (leaves if part.op is None else self._results).append(entry)
            elif kind is list and set(map(type, part)) == {Value}:  # most of them: no detour
                outer = around.get(id(entry)) if around else None
                if outer is not None and all(map(outer[2].held.__contains__, map(created, part))):
                    outer = None
                for i, x in enumerate(part):
                    known = id(x)
                    if known not in seen and (outer is None or self._counts(((entry, i), x), outer)):
                        seen[known] = x
                        (leaves if x.op is None else self._results).append(((entry, i), x))
            else:
                stack += self._parts(entry)

    def _visit_state(self, leaves: list[Entry]) -> None:
        """Visit the attributes that calls have assigned: what the Module has held before, it holds there, too."""
        self._only_known = True
        while self._of_state:
            entries, self._of_state = self._of_state, []
            self._visit(entries, leaves)
        self._only_known = False

    def _visit_others(self) -> None:
        """Visit what Modules that override `parameters()` hold; they may hold what they like, unchecked."""
        checked = self._results, self._opaque, self._instances  # what an error leaves of this walk, nobody has
        self.whole, self._results, self._opaque, self._instances = True, [], [], {}
        for entry in self._overriding:
            self._begin(entry)
            self._visit(self._inside(entry, cast(Kind, KINDS[type(entry[1])])), self.others)
            self._visit_state(self.others)
        self._results, self._opaque, self._instances = checked
        self.whole = False

    def _begin(self, entry: Entry) -> None:
        """Note a Module that remembers what is in it."""
        part = entry[1]
        memory = self._marked[id(part)].memory if id(part) in self._marked else None
        if memory is not None:
            self._around[id(entry)] = entry, part, cast(Memory, memory), None

    def _counts(self, entry: Entry, around: _Around) -> bool:
        """Decide whether a part is the Module's around it, and remember that; False for what a call keeps there.

        It is the Module's unless it was passed to a call, or made in one; what the Module has held when it was made is.
        """
        place, part = entry
        _, holder, memory, attribute = around
        attribute = place[1] if attribute is None else attribute
        kind = KINDS[type(part)]
        if type(part) is not Value and not (kind and kind.module):
            self._around[id(entry)] = entry, holder, memory, attribute
            return True
        if memory.of(part) is not None:
            return True
        if self._only_known:
            if type(part) is Value and part.op is None and self._was_made_in_a_call(entry, memory):
                self.made.append(entry)
            return False
        kept = memory.kept(part)
        if kept is None:
            given = type(part) is Value and is_input(part)  # by `fit` or `predict`
            own = id(holder) in self._made and not given
            passed = given or any(self._can_put(ref, entry) for ref in passed_to(part))
            if not passed and (own or not self._was_made_in_a_call(entry, memory)):
                in_doubt = not own and max(number_of(part), memory.born) < _called(place)
                if in_doubt:  # beside others, the model has grown
                    in_doubt = all(x.when == DOUBT for x in [*memory.held.values()] if x.attribute == attribute)
                memory.hold(part, attribute, MADE if own else DOUBT if in_doubt else NEW)
                memory.unchecked = not own
                if in_doubt and attribute not in memory.doubts:
                    memory.doubts = {**memory.doubts, attribute: False}
                return True
            memory.keep(part, made=not passed)
            kept = memory.kept(part)
        self.state.add(id(part))
        if kept is None or not kept.made:
            return False
        if type(part) is Value and part.op is None:
            self.made.append(entry)
        if type(part) is not Value:
            self._late.append(entry)
        elif attribute not in memory.told:
            if part.op is not None:
                self._replaced[id(holder), attribute] = holder, memory
            elif any(x.attribute == attribute for x in [*memory.held.values()]):
                memory.told |= {attribute}
                _warn_of_state(holder, entry)
        return False

    def _can_put(self, ref: weakref.ref[Any], entry: Entry) -> bool:
        """Return True if a call of a Module, which may be gone, can have put a part where it is.

        It is around the part; or one around it was called in its calls; or it reaches the same list, and does not hold
        the part as its own; or it runs, and has made the Module around the part.
        """
        (place, module), part = (entry[0], ref()), entry[1]
        if (module is not None and module is self.root) or _is_around(ref, place):
            return True
        calls, (_, holder, memory, _) = here.calls, self._around[id(place[0])]
        if calls.depth and memory.born > calls.outermost and id(holder) not in self._made:
            return True
        if module is None:
            return False
        known = self._reached.get(id(module))
        if known is None:
            known = self._reached[id(module)] = {id(x): x for x, _ in reached(module)}
        return id(place[0][1]) in known and not any(_holds(x, part) for x in known.values())

    def _was_made_in_a_call(self, entry: Entry, memory: Memory) -> bool:
        number = number_of(entry[1])
        return number > 0 and was_made_in_a_call(number, memory.born, lambda ref: self._can_put(ref, entry))

    def _say_what_is_lost(self) -> None:
        """Warn of parameters in place of which a call has put results."""
        for (_, attribute), (holder, memory) in self._replaced.items():
            held = [x for key, x in memory.held.copy().items() if key >= 0 and x.attribute == attribute]
            lost = [x for x in held if id(x.part()) not in self._seen]
            if lost:
                memory.told |= {attribute}
                warn_of_change(holder, attribute, len(lost), made=all(x.when == MADE for x in lost))

    def remember(self, holder: Holding, attribute: str) -> None:
        """Let a Module remember what has been found in what is assigned to it."""
        memory = memory_of(holder)
        for place, part in (*self.leaves, *self._results, *self.places):
            itself = not place or attribute_at(place[0])[0] is None
            if itself and memory.of(part) is None and not (type(part) is Value and is_input(part)):
                memory.hold(part, attribute)
                memory.unchecked = True

    def new(self, when: int = TOLD, which: Container[int] = (NEW, DOUBT)) -> list[Entry]:
        """Return leaves that have come since Modules were made, of which the user has not been told, but now."""
        new, beside, doubts = list[Entry](), set[int](), list[tuple[Memory, Any]]()
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
            if known.when in which and id(leaf) not in self.constant:
                if known.when == NEW:
                    memory.hold(leaf, known.attribute, when)
                elif memory.doubts.get(known.attribute):
                    continue  # once is enough
                else:
                    doubts.append((memory, known.attribute))
                new.append(entry)
            elif around is not place[0][1]:
                beside.add(id(place[0]))
        for memory, attribute in doubts:
            memory.doubts = {**memory.doubts, attribute: True}
        return [entry for entry in new if id(entry[0][0]) not in beside]

    def in_doubt(self) -> list[Entry]:
        """Return leaves of which nothing says who has put them there, and the user has not been told, but now."""
        is_told = all(all(memory_of(module).doubts.values()) for module in self._remembering)
        return [] if is_told else self.new(which=(DOUBT,))

    @property
    def unchecked(self) -> bool:
        """Whether parts have come whose names have not been compared with others."""
        return bool(self._remembering) and any(memory_of(part).unchecked for part in self._remembering)

    def are_checked(self) -> None:
        """Note that they have."""
        for part in self._remembering:
            memory_of(part).unchecked = False

    def check(self) -> None:
        """Raise TypeError if there are other leaves where they cannot be collected."""
        if self._results:
            self._check_results()
        for entry in self.with_state:
            self._check_state(entry)
        for place, part in self._late:
            leaf = next((p for _, p in Walk(part, whole=True).leaves if id(p) not in self._seen), None)
            leaf = None if marks_of(part).frozen else leaf  # a copy that is to stay as it is
            self._refuse(leaf, place, "made in a call", "Make it in __init__")
        visited: dict[int, Any] = {}
        for place, part in self._opaque:
            leaf = self._left_out(part, visited, _shown(place, part), (place, part))
            self._refuse(leaf, place, *why_not(type(part)))
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
                leaf = None if passed_to(module) or marks_of(module).frozen else leaf
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
            if marks.memory is not None:
                self._remembering.append(part)
            elif kind.remembers:
                marks = self._remember_anew(part)
            if marks is not UNMARKED:
                self._marked[id(part)] = marks
                if marks.frozen:
                    self._frozen_modules.append(part)
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

    def _remember_anew(self, module: Holding) -> Marks:
        """Give a Module a memory: one in the making, or that was made without its class being called."""
        with suppress(TypeError):  # there is no room for it
            mark(module, memory=Memory())
            self._remembering.append(module)
            if here.calls.making:
                self._made.add(id(module))
        return marks_of(module)

    def _inside(self, entry: Entry, kind: Kind) -> list[Entry]:
        part, found = entry[1], list[Entry]()
        if not self._only_known:  # what a call keeps there may be anything
            if kind.module or kind.declared is not None or kind.opaque:
                self._instances.setdefault(type(part), entry)
            if kind.opaque or (type(part) is dict and holding(part)):  # as a key
                self._opaque.append(entry)
        if kind.declared is not None:
            held = {**attributes(part, kind.declared)}
            if id(part) in self._marked and (state := self._marked[id(part)].state):
                self.with_state.append(entry)
                self._of_state += [((entry, name), held.pop(name)) for name in state if name in held]
            found += [((entry, name), x) for name, x in held.items() if x is not _EMPTY and KINDS[type(x)]]
        if kind.listed and not (kind.lazy and self._left_out(part, {}) is None):
            steps, parts = kind.listed(part)
            kinds = holding(parts)
            if type(part) is not list and not kinds.isdisjoint((Value, list)) and _is_one(listed := [*parts]):
                self.repeated.append((listed[0], entry))
            if kinds:
                found += [((entry, step), x) for step, x in zip(steps, parts) if type(x) in kinds]
        return found[::-1]

    def _left_out(
        self, part: Any, visited: dict[int, Any], shown: Iterable[Any] = (), entry: Entry | None = None
    ) -> Value | None:
        """Return a leaf that this object leads to, in whatever way, and that has not been collected; None without one.

        Arguments:
            visited: what earlier searches have visited in vain, by id; what this one visits is added.
            shown: what else it leads to.
            entry: the object, with its place: what was passed to calls of Modules around it does not count.
        """
        level, most = [part], len(visited) + _MOST_SEARCHED
        while level:
            found, shown = [*shown, *referents(level)], ()
            kinds, level = holding(found), []
            for x in islice((x for x in found if type(x) in kinds), most - len(visited)):
                if id(x) not in self._seen and id(x) not in visited:
                    if type(x) is not Value:
                        visited[id(x)] = x
                        level.append(x)
                    elif x.op is None and not is_input(x) and id(x) not in self.state:
                        modules = passed_to(x) if entry else []
                        if not any(ref() is self.root or _is_around(ref, entry[0]) for ref in modules if entry):
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


def _warn_of_doubt(module: Holding, found: Sequence[Entry]) -> None:
    if found:
        kind = escaped(type(module).__name__)
        first = f"{kind}{expression(found[0][0])}"
        shown = f"{first} has" if len(found) == 1 else f"{first} and {len(found) - 1:,} more have"
        are = "it is a parameter" if len(found) == 1 else "they are parameters"
        warn_caller(
            f"{shown} come since {kind} was made, and nothing says whether you have put it there, or a call that has "
            f"found it somewhere: {are}, trained and saved, as is what comes there later. To keep what is not to be "
            "trained, use a local variable, its number, x.data, or an nn.Constant; make what is in __init__, or assign "
            "it to an attribute",
            ParameterWarning,
        )


def _warn_of_made(entry: Entry) -> None:
    """Warn of a leaf that a call has made and kept, that a later one has left there, and that a gradient reaches."""
    leaf, (holder, attribute) = entry[1], attribute_at(entry)
    if holder is None or not leaf.grad or created(leaf) > here.calls.outermost or training_here() is not None:
        return  # `fit` says it itself
    memory = memory_of(holder)
    if attribute not in memory.told and memory.has_new_gradient(leaf):
        memory.told |= {attribute}
        kind = escaped(type(holder).__name__)
        where = f"{kind}.{escaped(attribute)}" if isinstance(attribute, str) else kind
        warn_caller(
            f"{where} has {leaf}, which a call of {kind} has made and kept: so it is state, neither "
            "trained nor saved. To train it, make it in __init__; if it is to stay, use an nn.Constant, or "
            "v.stop_gradient()",
            ParameterWarning,
        )


def tell_of_made(module: Holding) -> None:
    """Note that the user has been told of all leaves that calls have made and kept."""
    for entry in Walk(module, whole=True).made:
        holder, attribute = attribute_at(entry)
        memory_of(holder).told |= {attribute}


def _warn_of_state(module: Holding, entry: Entry) -> None:
    kind = escaped(type(module).__name__)
    warn_caller(
        f"{kind}{expression(entry[0])} has come since {kind} was called, and is state, neither trained nor saved. If "
        "it is to be trained, make it in __init__; else keep it elsewhere: in a local variable, in a list of its own, "
        "or, to save it, in an nn.Constant",
        ParameterWarning,
    )


def warn_of_change(module: Holding, name: Any, n: int, *, made: bool, lacking: str | None = None) -> None:
    """Warn that a call has put something else in place of n parameters.

    Arguments:
        made: True if they were there when the Module was made.
        lacking: where the call has assigned the attribute, what a file lacks now.
    """
    kind = escaped(type(module).__name__)
    of = f"{kind}.{escaped(name)}" if isinstance(name, str) else kind
    happened = (
        "changed what is in it, so the model has other parameters now"
        if lacking is None
        else f"assigned it anew, so from now on it is state, neither trained nor saved{lacking}"
    )
    warn_caller(
        f"{of} held {n} parameter{'s' * (n != 1)} {'when' if made else 'since'} {kind} was made, and a call has "
        f"{happened}. Keep what a call changes in a local variable, or, to save it, in an nn.Constant; make what is "
        "trained in __init__",
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
        _warn_of_doubt(self, walk.in_doubt())
        for entry in walk.made:
            _warn_of_made(entry)
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
