"""Remember comparisons of Values, and warn of graphs that were recorded along a branch that no longer holds.

NumPy (`np.maximum`, `np.sort`), Python's `max` and `sorted`, and `if x < y` compare Values while a graph is recorded.
The graph keeps the branch that was taken: a choice, frozen. Each comparison is remembered with its outcome and its
place in the order of creation. It may have shaped an output if it came first and if the output depends on one of the
Values that were compared (`max(x, y) * 3` has only one in its graph). So a comparison made later, such as an accuracy
or a `sorted` for printing, is not a choice of that output. A gradient from `grad` counts as made when its output was.

Memory. An operand that dies at once, as in `if (x - y) > 0`, is kept as a small expression of what it was computed
from. References to Values are weak. A comparison is kept with each Value that it refers to, and counts as long as all
of them exist: a graph is still freed the moment its last name goes. A loop that compares the same Values again and
again adds nothing; only changes of the outcome are kept. All steps are single operations of a dictionary, so they need
no lock. Copies and pickles of a graph are made without its choices.

The price (CPython 3.11): a comparison takes 0.3 microseconds without this module, 2 if its outcome is known, 3 to 11 if
it is new. Nothing else costs anything until the first comparison; then a search of the memory comes with `forward()`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, cast
from weakref import ref

from autograd.engine import Value, created, graph_of, next_order, on_choice, on_forward, on_grad
from autograd.errors import FrozenChoiceWarning
from autograd.frames import Place, place_of_caller, shown, warn_caller
from autograd.text import visible

_DEEPEST, _WIDEST = 4, 3  # operations in an expression, and operands of each: 8 microseconds at most
_CHANGES = 16  # of one outcome that are kept; older ones are forgotten
_MOST = 32  # comparisons kept with one Value; then the older half is forgotten

_Kind = Callable[[float, float], bool]
_SIGNS: dict[_Kind, str] = {float.__lt__: "<", float.__le__: "<=", float.__gt__: ">", float.__ge__: ">="}

_Expression = Any
"""A constant, a weak reference to a Value, or a tuple: an operation, and the expressions of its operands."""


class _Outcome(NamedTuple):
    order: int  # of creation: Values made later have a higher one
    holds: bool
    left: float
    right: float
    place: Place | None


class Choice(NamedTuple):
    """A comparison whose outcome may have shaped an output."""

    kind: _Kind
    left: _Expression
    right: _Expression
    taken: _Outcome
    values: tuple[Value, ...]
    """Those from which both sides are computed, held so that they stay."""

    def numbers(self, data: Mapping[Value, float]) -> tuple[float, float]:
        """Return the numbers of both sides, those in `data` before those of the Values."""
        return _number(self.left, data), _number(self.right, data)

    def text(self, left: float, right: float) -> str:
        """Return the comparison with its operands by their labels, if all have one, and with these numbers."""
        return f"{_with_number(self.left, left)} {_SIGNS[self.kind]} {_with_number(self.right, right)}"


# The memory ----------------------------------------------------------------------------------------------------------

_Histories = dict[tuple[_Kind, _Expression, _Expression], tuple[_Outcome, ...]]
_memory: dict[int, tuple[ref[Value], _Histories]] = {}
"""The comparisons kept with each Value, by its id. When it dies, C removes its entry, without a step in Python."""
_derived: dict[int, tuple[ref[Value], int]] = {}
"""The gradients, by their id, and the place of their output in the order of creation."""


def _weakly(v: Value, table: dict[int, Any]) -> ref[Value]:
    """Return a reference that, when `v` dies, removes the entry of `v` from a table."""
    return ref(v, partial(table.pop, id(v)))


def _expression(x: Value | float, values: list[Value], depth: int = _DEEPEST) -> _Expression:
    """Return the expression of an operand, and append the Values that it refers to to the list."""
    if isinstance(x, float):
        return x
    op = x.op
    if op is None or op.stops or not depth or len(x.args) > _WIDEST:
        values.append(x)
        return ref(x)
    return (op, *[_expression(operand, values, depth - 1) for operand in x.args])


def _remember(v: Value, other: Value | float, kind: _Kind, holds: bool) -> None:
    values: list[Value] = []
    key = kind, _expression(v, values), _expression(other, values)
    kept = _memory.get(id(values[0]))
    history = kept[1].get(key, ()) if kept else ()
    if history and history[-1].holds is holds:
        return
    right = other.data if isinstance(other, Value) else other
    outcome = _Outcome(next_order(), holds, v.data, right, place_of_caller())
    for value in reversed(values):  # the first one comes last: what it has, all have, even after Ctrl-C
        _, histories = _memory.get(id(value)) or _memory.setdefault(id(value), (_weakly(value, _memory), {}))
        if len(histories) >= _MOST:
            _thin(histories)
        histories[key] = (*history[1 - _CHANGES :], outcome)


def _thin(histories: _Histories) -> None:
    """Forget the comparisons with Values that are gone, and of the others the older half of the most that are kept."""
    keys = tuple(histories)
    alive = [key for key in keys if all(v() is not None for side in key[1:] for v in _references(side))]
    for key in {*keys} - {*alive[-_MOST // 2 :]}:
        histories.pop(key, None)


def _derive(output: Value, gradients: Sequence[Value]) -> None:
    if _memory:
        order = _order(output)
        for g in gradients:
            _derived[id(g)] = _weakly(g, _derived), min(order, created(g))


def _order(output: Value) -> int:
    derived = _derived.get(id(output))
    return derived[1] if derived else created(output)


on_choice[_remember] = _remember, None
on_grad[_derive] = _derive, None


# The choices of a graph ----------------------------------------------------------------------------------------------


def choices_of(nodes: Sequence[Value], members: Container[Value] | None = None) -> list[Choice]:
    """Return the choices that may have shaped an output, in the order in which they were made.

    Arguments:
        nodes: the graph of the output, as `graph_of(output)` returns it.
        members: another container of the same Values, if there is one at hand in which they are found faster.

    >>> x = Value(2.0)
    >>> y = x * 3 if x > 0 else x
    >>> [choice.text(2.0, 0.0) for choice in choices_of(graph_of(y))]
    ['2.0 > 0.0']
    """
    if not _memory:
        return []
    return _choices_before(_order(nodes[-1]), nodes, set(nodes) if members is None else members)


def _choices_before(order: int, nodes: Sequence[Value], members: Container[Value]) -> list[Choice]:
    """Return the latest outcome before this place in the order of creation of each comparison with one of the nodes."""
    if len(_memory) < len(nodes):
        kept = [histories for v, histories in tuple(_memory.values()) if v() in members]
    else:
        kept = [found[1] for v in nodes if (found := _memory.get(id(v)))]
    choices = dict[Any, Choice]()
    for key, history in chain.from_iterable(tuple(histories.items()) for histories in kept):
        taken = next((outcome for outcome in reversed(history) if outcome.order < order), None)
        values = [v() for side in key[1:] for v in _references(side)]
        if taken and not any(v is None for v in values):
            choices[key] = Choice(*key, taken, cast(tuple[Value, ...], tuple(values)))
    return sorted(choices.values(), key=lambda choice: choice.taken.order)


def _references(x: _Expression) -> Iterator[ref[Value]]:
    if isinstance(x, ref):
        yield x
    elif isinstance(x, tuple):
        for operand in x[1:]:
            yield from _references(operand)


def _number(x: _Expression, data: Mapping[Value, float]) -> float:
    if isinstance(x, ref):
        v = x()
        assert v is not None  # the choice holds it
        return data.get(v, v.data)
    if isinstance(x, tuple):
        op, *operands = x
        return float(op.computes(*[_number(operand, data) for operand in operands]))
    return float(x)


# The warnings --------------------------------------------------------------------------------------------------------


def warn_of_choices(outputs: Sequence[Value]) -> None:
    """Warn if there are choices that may have shaped one of these outputs.

    >>> import warnings
    >>> x = Value(2.0, "x")
    >>> y = x * 3 if x > 0 else x
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn_of_choices([y])
    >>> str(caught[0].message).partition(". ")[0]
    'x (2.0) > 0.0 was true when the graph was recorded, and the compiled function keeps that choice for all arguments'
    """
    if not _memory or not outputs:
        return
    nodes = graph_of(*outputs)
    waiting = {choice[:3] for choice in _choices_before(max(map(_order, outputs)), nodes, set(nodes))}
    found: dict[Any, Choice] = {}
    for output in outputs:
        if not waiting:
            break
        for choice in choices_of(graph_of(output)):
            found.setdefault(choice[:3], choice)
        waiting -= found.keys()
    if found:
        first = min(found.values(), key=lambda choice: choice.taken.order)
        _warn(first, "and the compiled function keeps that choice for all arguments", len(found))


def warn_of_changes(choices: Sequence[Choice], replays: Iterable[Mapping[Value, float]], when: str = "now") -> bool:
    """Warn if choices come out differently with other numbers, and return True then.

    Arguments:
        choices: those of an output.
        replays: mappings from Values to their other numbers; it is enough that one changes a choice.
        when: the occasion, for the message.
    """
    changed = dict[Choice, tuple[float, float]]()
    for data in replays:
        for choice in choices:
            numbers = choice.numbers(data)
            if choice.kind(*numbers) is not choice.taken.holds:
                changed.setdefault(choice, numbers)
    if changed:
        first = min(changed, key=lambda choice: choice.taken.order)
        truth = str(not first.taken.holds).lower()
        problem = f"but {first.text(*changed[first])} is {truth} {when}, and the graph keeps its choice"
        _warn(first, problem, len(changed))
    return bool(changed)


def _warn(first: Choice, problem: str, count: int) -> None:
    taken = first.taken
    message = (
        f"{first.text(taken.left, taken.right)} was {str(taken.holds).lower()} when the graph was recorded, {problem}"
    )
    if count > 1:
        message += f"; so it is with {count - 1:,} more"
    if taken.place:
        message += f". Compared at {shown(taken.place)}"
    warn_caller(f"{message}. {_WHAT_TO_DO}", FrozenChoiceWarning)


_WHAT_TO_DO = (
    "NumPy, max, min, sorted and `if` choose once: for choices that the graph makes anew, use autograd.max, "
    "autograd.min or autograd.where; compare .data where none is meant"
)


def _with_number(x: _Expression, number: float) -> str:
    name = _name(x) if isinstance(x, (ref, tuple)) else None
    return f"{name} ({number!r})" if name else repr(number)


def _name(x: _Expression, *, inside: bool = False) -> str | None:
    """Return the expression, or a part inside of one, with the labels of its Values; None if one has no label."""
    if isinstance(x, ref):
        v = x()
        return visible(v.label) if v is not None and v.label else None
    if not isinstance(x, tuple):
        return repr(x)
    op, *operands = x
    names = [_name(operand, inside=True) for operand in operands]
    text = None if None in names else op.read(*map(str, names))
    return f"({text})" if text and inside and op.symbol != op.name else text


def _check_replay(nodes: Sequence[Value], data: Mapping[Value, float]) -> None:
    warn_of_changes(choices_of(nodes, data), [data])


on_forward[_check_replay] = _check_replay, None
