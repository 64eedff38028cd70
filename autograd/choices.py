"""Remember comparisons of Values, and warn of graphs that were recorded along a branch that no longer holds.

NumPy (`np.maximum`, `np.sort`), Python's `max` and `sorted`, and `if x < y` compare Values while a graph is recorded.
The graph keeps the branch that was taken: a choice, frozen. Each comparison is remembered with its outcome and its
place in the order of creation. It may have shaped an output if it came first, and if a Value that was compared moves
where the output may be asked to move. So it is

- a Value that the output depends on (`max(x, y) * 3` has only one in its graph);
- an input: whoever compiles or perturbs names the Values that change, and `y * 2 if x > 0 else y * 5` has no x in its
  graph;
- a result that was computed from one of these;
- or of the same tournament: the losers in `max([x, y, z])` were compared with each other on the same line.

A comparison made later, such as an accuracy or a `sorted` for printing, is not a choice of that output. A gradient from
`grad` counts as made when its output was.

Memory. An operand that dies at once, as in `if (x - y) > 0`, is kept as a small expression of what it was computed
from. References to Values are weak: a graph is still freed the moment its last name goes. A leaf that is gone keeps the
number that it had, which nothing can change any more; a comparison with a deeper result that is gone is forgotten. A
comparison is kept with each Value that it refers to, in a list that is thinned when it is full: of a loop that compares
the same Values again and again only changes of the outcome stay. The number of Values with such lists is bounded too:
sorting 20,000 Values takes 13 MB at most, and 4 MB stay while the Values do. Lists and dictionaries change in single
operations, so they need no lock. Copies and pickles of a graph are made without its choices.

The price (CPython 3.11.7, processor time, minima): a comparison of leaves and numbers takes 0.6
microseconds without this module and 3 to 4 with it, 7 if a result is compared, 15 if that is deep; sorting 20,000
Values takes 1.6 s instead of 0.2. Nothing else costs anything until the first comparison; then a search of the memory
comes with `forward()`: a millisecond at most, and no more than its own graph takes if that is large.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, count
from math import isnan, nan
from types import CodeType
from typing import Any, NamedTuple
from weakref import ref

from autograd.engine import Value, created, graph_of, next_order, on_choice, on_forward, replay
from autograd.errors import FrozenChoiceWarning
from autograd.events import differentiated
from autograd.frames import place_of_caller, shown, warn_caller
from autograd.text import visible

_DEEPEST, _WIDEST = 4, 3  # operations in an expression, and operands of each
_MOST = 32  # comparisons kept with one Value
_MOST_VALUES = 5_000  # with which comparisons are kept
_MOST_SEARCHED = 1_000_000  # operands, to see what a result that was compared is computed from: a second
_MOST_IN_REPLAYS = 1_000  # and as many as the graph has nodes: loops replay
_OPERANDS_EACH = 20  # on average, of so many results that these operands are theirs

_Kind = Callable[[float, float], bool]
_SIGNS: dict[_Kind, str] = {float.__lt__: "<", float.__le__: "<=", float.__gt__: ">", float.__ge__: ">="}

_Expression = Any
"""A constant, a reference to a Value, or a tuple: an operation, and the expressions of its operands."""


class Choice(NamedTuple):
    """A comparison whose outcome may have shaped an output."""

    order: int
    """Its place in the order of creation: Values made later have a higher one."""
    kind: _Kind
    left: _Expression
    right: _Expression
    holds: bool
    """The outcome."""
    left_number: float
    right_number: float
    code: CodeType | None
    offset: int
    """The user's place, with the code object: see `frames.Place`."""
    values: tuple[Value, ...]
    """Those from which both sides are computed, held so that they stay."""

    def numbers(self, data: Mapping[Any, float]) -> tuple[float, float]:
        """Return the numbers of both sides, those in `data` before those of the Values: see `known_as`."""
        return _number(self.left, data), _number(self.right, data)

    def text(self, left: float, right: float) -> str:
        """Return the comparison with its operands by their labels, if all have one, and with these numbers."""
        return f"{_with_number(self.left, left)} {_SIGNS[self.kind]} {_with_number(self.right, right)}"


# The memory ----------------------------------------------------------------------------------------------------------


class _Reference(ref[Value]):
    """A weak reference to a Value that was compared."""

    __slots__ = ("number",)
    number: float | None
    """That of a leaf, when it was last compared: its number for good if it is gone. None if the Value is a result."""


_Comparisons = list[tuple[int, _Kind, _Expression, _Expression, bool, float, float, CodeType | None, int]]
"""The fields of a `Choice`, all but its Values, in one flat tuple each: the garbage collector counts objects."""
_memory: dict[int, tuple[_Reference, _Comparisons]] = {}
"""The comparisons kept with each Value, by its id. When it dies, C removes its entry, without a step in Python."""
_derived: dict[int, tuple[ref[Value], int]] = {}
"""The gradients, by their id, and the place of their output in the order of creation."""


def _remember(v: Value, other: Value | float, kind: _Kind, holds: bool) -> None:
    kept: list[_Comparisons] = []
    left = _expression(v, kept)
    right, number = _expression(other, kept), other if isinstance(other, float) else other.data
    if left == right:  # the same numbers recorded twice, as two losses of a loop: these never differ
        return
    code, offset = place_of_caller(below=4) or (None, 0)
    comparison = next_order(), kind, left, right, holds, v.data, number, code, offset
    for comparisons in kept:
        if len(comparisons) >= _MOST:  # before it grows: it stays bounded even if Ctrl-C comes each time
            _thin(comparisons)
        comparisons.append(comparison)


def _expression(x: Value | float, kept: list[_Comparisons] | None, depth: int = _DEEPEST) -> _Expression:
    """Return the expression of an operand, and append what is kept with the Values that it refers to to the list.

    Without a list, nothing is remembered, and the expression is for comparison with those that were.
    """
    if isinstance(x, float):
        return nan if isnan(x) else x  # always this nan, which is equal to itself in a tuple
    op = x.op
    if op is not None and depth and not op.stops and len(args := x.args) <= _WIDEST:
        return (op, *[_expression(operand, kept, depth - 1) for operand in args])
    if kept is None:
        return ref(x)
    reference, comparisons = _memory.get(id(x)) or _keep(x)
    reference.number = x.data if op is None else None
    kept.append(comparisons)
    return reference


def _keep(v: Value) -> tuple[_Reference, _Comparisons]:
    """Make an entry for a Value; if there are too many, forget the older half of them."""
    if len(_memory) >= _MOST_VALUES:
        for older in list(_memory)[: _MOST_VALUES // 2]:
            _memory.pop(older, None)
    reference = _Reference(v, partial(_memory.pop, id(v)))
    hash(reference)  # a reference keeps its hash, and has none if it is first asked when the Value is gone
    return _memory.setdefault(id(v), (reference, []))


def _thin(comparisons: _Comparisons) -> None:
    """Forget comparisons with Values that are gone, those that came out as before, and the older half of the most."""
    count = len(comparisons)
    last: dict[Any, bool] = {}
    kept: _Comparisons = []
    for comparison in comparisons[:count]:
        _, kind, left, right, holds, *_ = comparison
        if _is_alive(left) and _is_alive(right) and last.get((kind, left, right)) is not holds:
            last[kind, left, right] = holds
            kept.append(comparison)
    comparisons[:count] = kept[-_MOST // 2 :]


def _is_alive(x: _Expression) -> bool:
    if isinstance(x, _Reference):
        return x() is not None
    return not isinstance(x, tuple) or all(map(_is_alive, x[1:]))


def _derive(output: Value, inputs: Sequence[Value], gradients: Sequence[Value]) -> None:
    if _memory:
        order = _order(output)
        for g in gradients:
            _derived[id(g)] = ref(g, partial(_derived.pop, id(g))), min(order, created(g))


def _order(output: Value) -> int:
    derived = _derived.get(id(output))
    return derived[1] if derived else created(output)


on_choice[_remember] = _remember, None
differentiated[_derive] = _derive, None


# The choices of a graph ----------------------------------------------------------------------------------------------


def choices_of(nodes: Sequence[Value], inputs: Sequence[Value] = ()) -> list[Choice]:
    """Return the choices that may have shaped an output, in the order in which they were made.

    Arguments:
        nodes: the graph of the output, as `graph_of(output)` returns it.
        inputs: Values that may get other numbers, whether or not they are in the graph.

    >>> x, y = Value(2.0), Value(5.0)
    >>> z = y * 3 if x > 0 else y
    >>> choices_of(graph_of(z)), [choice.text(2.0, 0.0) for choice in choices_of(graph_of(z), [x])]
    ([], ['2.0 > 0.0'])
    """
    if not _memory:
        return []
    moving = graph_of(nodes[-1], *inputs) if inputs else nodes
    return _choices_before(_order(nodes[-1]), moving, set(moving), _MOST_SEARCHED)


def _choices_before(order: int, nodes: Sequence[Value], members: Container[Value], most: int) -> list[Choice]:
    """Return the latest outcome before this place in the order of creation of each comparison that may have shaped it.

    Arguments:
        order: the place of the output.
        nodes: the Values that it depends on, and those that may get other numbers.
        members: a container of the same Values, in which they are found fast.
        most: how many operands are followed to find the results that were computed from these.
    """
    if len(_memory) < len(nodes):
        kept = [comparisons for v, comparisons in list(_memory.values()) if v() in members]
    else:
        kept = [found[1] for v in nodes if (found := _memory.get(id(v)))]
    kept += _with_results_of(members, order, most)
    choices = dict[Any, Choice]()

    def gather(kept: Iterable[_Comparisons], places: Container[Any] | None) -> set[Value]:
        """Add the comparisons at these places, None for all; return the Values that were compared."""
        reached = set[Value]()
        for at, kind, left, right, *outcome in chain.from_iterable(map(tuple, kept)):
            if at < order and (places is None or tuple(outcome[-2:]) in places):
                values: list[Value | None] = []
                key = kind, _settled(left, values), _settled(right, values)
                alive = [v for v in values if v is not None]
                if len(alive) == len(values) and (key not in choices or choices[key].order <= at):
                    choices[key] = Choice._make((at, *key, *outcome, tuple(alive)))
                    reached.update(alive)
        return reached

    reached = gather(kept, None)
    places = {(choice.code, choice.offset) for choice in choices.values() if choice.code}
    seen = set[Value]()
    while beyond := {v for v in reached - seen if v not in members}:  # losers, compared with other losers
        seen |= beyond
        reached = gather([found[1] for v in beyond if (found := _memory.get(id(v)))], places)
    return sorted(choices.values())


def _with_results_of(members: Container[Value], order: int, most: int) -> list[_Comparisons]:
    """Return the comparisons of results that are not among these Values, but were computed from one of them."""
    results = dict[Value, _Comparisons]()
    for reference, comparisons in list(_memory.values())[-(most // _OPERANDS_EACH) :]:
        v, oldest = reference(), comparisons[:1]
        if v is not None and v.op is not None and oldest and oldest[0][0] < order and v not in members:
            results[v] = comparisons
    followed, seen, reached = count(1), set[Value](), set[Value]()
    for result in reversed(results):  # the newest first, because there may not be time for all
        found = graph_of(result, known=lambda x: x in members or x in seen or next(followed) > most)
        if next(followed) > most:
            break
        seen.update(found)
        for v in found:
            if any(isinstance(x, Value) and (x in members or x in reached) for x in v.args):
                reached.add(v)
    return [comparisons for v, comparisons in results.items() if v in reached]


def _settled(x: _Expression, values: list[Value | None]) -> _Expression:
    """Return an expression with the numbers of leaves that are gone, and append the Values that it refers to to a list.

    None is appended for a result that is gone: nobody knows what its number would be now.
    """
    if isinstance(x, tuple):
        return (x[0], *[_settled(operand, values) for operand in x[1:]])
    if isinstance(x, _Reference):
        v = x()
        if v is None and x.number is not None:
            return x.number
        values.append(v)
    return x


def known_as(v: Value) -> list[Any]:
    """Return what a Value is to choices: itself, and if it is a result, the expressions in place of it."""
    return [v, *[_expression(v, None, depth) for depth in range(1, _DEEPEST + 1) if v.op is not None]]


def _number(x: _Expression, data: Mapping[Any, float]) -> float:
    if isinstance(x, _Reference):
        v = x()
        assert v is not None  # the choice holds it
        return data.get(v, v.data)
    if isinstance(x, tuple):
        if x in data:
            return data[x]
        op, *operands = x
        return float(op.computes(*[_number(operand, data) for operand in operands]))
    return float(x)


# The warnings --------------------------------------------------------------------------------------------------------


def warn_of_choices(outputs: Sequence[Value], keeps: str, inputs: Sequence[Value] = ()) -> None:
    """Warn if there are choices that may have shaped one of these outputs.

    Arguments:
        outputs: Values.
        keeps: what keeps the choice, and for what, for the message.
        inputs: the Values that will get other numbers; those of the outputs' graphs need not be listed.

    >>> import warnings
    >>> x = Value(2.0, "x")
    >>> y = x * 3 if x > 0 else x
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn_of_choices([y], "the page keeps that choice")
    >>> str(caught[0].message).partition(". ")[0]
    'x (2.0) > 0.0 was true when the graph was recorded, and the page keeps that choice'
    """
    if not _memory or not outputs:
        return
    nodes, last = graph_of(*outputs, *inputs), max(map(_order, outputs))
    waiting = {choice[1:4] for choice in _choices_before(last, nodes, set(nodes), _MOST_SEARCHED)}
    found: dict[Any, Choice] = {}
    for output in outputs:
        if not waiting:
            break
        for choice in choices_of(graph_of(output), inputs):
            found.setdefault(choice[1:4], choice)
        waiting -= found.keys()
    if found:
        _warn(min(found.values()), f"and {keeps}", len(found))


def warn_of_changes(choices: Sequence[Choice], replays: Iterable[Mapping[Any, float]], when: str = "now") -> bool:
    """Warn if choices come out differently with other numbers, and return True then.

    Arguments:
        choices: those of an output.
        replays: mappings from Values, as what they are `known_as`, to their other numbers; it is enough that one
            changes a choice.
        when: the occasion, for the message.
    """
    changed = set[Choice]()
    for data in replays:
        for choice in choices:
            try:
                numbers = choice.numbers(data)
            except Exception:  # a user's function, outside of what it was written for
                continue
            if choice.kind(*numbers) is not choice.holds:
                changed.add(choice)
    if changed:
        # Without the numbers of now: Python shows a warning once only if its text is the same.
        first = min(changed)
        truth = str(not first.holds).lower()
        _warn(first, f"but is {truth} {when}, and the graph keeps its choice", len(changed))
    return bool(changed)


def _warn(first: Choice, problem: str, count: int) -> None:
    then = first.text(first.left_number, first.right_number)
    message = f"{then} was {str(first.holds).lower()} when the graph was recorded, {problem}"
    if count > 1:
        message += f"; so it is with {count - 1:,} more"
    if first.code:
        message += f". Compared at {shown((first.code, first.offset))}"
    warn_caller(f"{message}. {_WHAT_TO_DO}", FrozenChoiceWarning)


_WHAT_TO_DO = (
    "NumPy, max, min, sorted and `if` choose once: for choices that the graph makes anew, use autograd.max, "
    "autograd.min or autograd.where; compare .data where none is meant"
)


def _with_number(x: _Expression, number: float) -> str:
    name = _name(x) if isinstance(x, (_Reference, tuple)) else None
    return f"{name} ({number!r})" if name else repr(number)


def _name(x: _Expression, *, inside: bool = False) -> str | None:
    """Return the expression, or a part inside of one, with the labels of its Values; None if one has no label."""
    if isinstance(x, _Reference):
        v = x()
        return visible(v.label) if v is not None and v.label else None
    if not isinstance(x, tuple):
        return repr(x)
    op, *operands = x
    names = [_name(operand, inside=True) for operand in operands]
    text = None if None in names else op.read(*map(str, names))
    return f"({text})" if text and inside and op.symbol != op.name else text


def _check_replay(nodes: Sequence[Value], data: Mapping[Value, float]) -> None:
    if not _memory:
        return
    most = len(nodes) + _MOST_IN_REPLAYS
    choices = _choices_before(_order(nodes[-1]), nodes, data, most)
    elsewhere = {v for choice in choices for v in choice.values if v.op is not None and v not in data}
    if elsewhere:
        followed = count(1)
        others = graph_of(*elsewhere, known=lambda x: x in data or next(followed) > most)
        if next(followed) <= most:
            data = replay(others, data)
    warn_of_changes(choices, [data])


on_forward[_check_replay] = _check_replay, None
