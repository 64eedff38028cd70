"""Define `Value`, a number that remembers how it was computed, and the backward pass that gives each its gradient.

Representation. A `Value` is a node `v` of the graph: its number, its gradient, the row of the table that made it, its
operands, and its place in the order of creation. Operands are nodes or plain floats (constants); one or two have slots
in the node, any other number is a tuple in the first slot. Edges point from results to operands only, so there are no
cycles: a graph is freed the moment its last name goes, without the garbage collector.

Order. An operand always exists before its result, so the order of creation *is* a topological order. `backward` finds
the nodes of its graph, sorts them by creation, newest first, and meets every node after all nodes that use it.

Events. Code that watches the engine at work, such as `detect_anomaly`, passes functions to `events.listening`. They are
called for the Values that users make; functions that make Values for internal use, such as views, are `unobserved`.

Design decisions (CPython 3.11, micrograd's demo step of 65,000 nodes; tests/benchmarks/eager.py measures):
- The garbage collector has one object per node to walk: no closures, no `__dict__`, no tuple for one or two operands.
  The collector takes most of micrograd's step. Of ours it takes a fifth to a half with a node for each `*` and `+`, and
  little with `dot`: docs/other-engines.md and docs/speed.md have the figures of two runs.
- Local gradients are not stored: a node is smaller without them, and `grad` needs to call the rules later anyway.
- The state of a backward pass (a mark on visited nodes, the gradient accumulated so far) lives in slots of the
  node: 24 ms a step. In a set and a dict it was 32; hashing was the most expensive part of `backward`.
- Sorting a list that is nearly in order takes 2 of these 24 ms.
"""

from __future__ import annotations

import copyreg
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, count, repeat
from math import isnan
from numbers import Number
from operator import add, attrgetter
from typing import TYPE_CHECKING, Any, Never, NoReturn, cast
from weakref import ref

from autograd import hints, ops
from autograd.events import (
    Listeners,
    announce,
    compared,
    differentiated,
    on_registration,
    pulled,
    recorded,
    replayed,
    turn,
)
from autograd.floats import KNOWN_TYPES, number
from autograd.folds import Folding
from autograd.native import in_use, load_once, names_in_c
from autograd.operands import flatten
from autograd.ops import Op
from autograd.text import quoted
from autograd.trees import tree_filled

load_once(globals())

if TYPE_CHECKING:  # the methods that the table gives to every Value, written out for type checkers
    from autograd._methods import OperationMethods
else:
    OperationMethods = object


class Value(hints.WithHints, OperationMethods):
    """A number that remembers how it was computed.

    Arguments:
        data: the number: anything real, kept as a `float`.
        label: a name to show in drawings and tables.

    Calculate with it as with any number: with operators, methods (`x.tanh()`) or functions (`autograd.tanh(x)`). Then
    `backward()` on the result sets the gradient of every Value it was computed from: how fast the result changes with
    that Value.

    >>> x, w = Value(2.0), Value(-3.0)
    >>> y = x * w + x
    >>> y.backward()
    >>> x.grad, w.grad
    (-2.0, 2.0)

    `<`, `<=`, `>` and `>=` compare numbers. `==` and `hash` go by identity, so Values can be dictionary keys.

    Code written for micrograd makes a leaf by `Value(2.0, (), "")`, too, and reads `_prev`, `_op` and `_backward`.

    Raises:
        TypeError: `data` is not a real number, or `label` not a string; or there are operands.
        OverflowError: `data` is an integer too large for a float.
    """

    __slots__ = ("_data", "_grad", "_label", "_made_by", "_order", "_part", "_walk", "_x", "_y", "__weakref__")

    _data: float
    _grad: float
    _label: str
    _made_by: Op | None
    _order: int  # of creation
    _part: float  # the gradient that the running backward() has accumulated so far
    _walk: object  # the mark of the last backward() that visited the node
    _x: Value | float | tuple[Value | float, ...] | None  # the first operand, or a tuple of all
    _y: Value | float | None  # the second operand; of a leaf, the place in that order at which its number last changed

    def __init__(
        self,
        data: Any,
        _children: str | tuple[()] | None = (),
        _op: str = "",
        label: str | None = None,
        **others: Never,
    ) -> None:
        if type(data) is Value:
            raise TypeError("this is already a Value: use it directly, or Value(v.data) for a new leaf with its number")
        self._data = data if type(data) is float else number(data)
        self._grad = 0.0
        self._made_by = self._walk = self._x = None
        self._y = -1
        self._order = next_order()
        self._label = ""
        if _children or _op or others or label is not None:  # the second place: a label's, or micrograd's for operands
            if _op or others or (_children and (label or not isinstance(_children, str))):
                hints.refuse_arguments(others)
            self.label = _children or label

    def __init_subclass__(cls) -> None:
        raise TypeError(
            "Value cannot be subclassed, because operations would not return the subclass: "
            f"hold a Value in a class of your own, or {hints.ADD_A_ROW}"
        )

    @property
    def data(self) -> float:
        """The number. After you change it, `forward()` on a result replays the graph with the new number."""
        return self._data

    @data.setter
    def data(self, data: Any) -> None:
        data = number(data)
        if self._x is None:
            self._y = place_of_change()
        self._data = data

    @property
    def grad(self) -> float:
        """The gradient, set by `backward()` on a result: how fast that result changes with this number. None sets 0."""
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = number(0.0 if grad is None else grad)

    @property
    def label(self) -> str:
        """The name to show in drawings and tables; "" where there is none."""
        return self._label

    @label.setter
    def label(self, label: str | None) -> None:
        if label is not None and not isinstance(label, str):
            raise TypeError(f"a label is a string, got {type(label).__name__} {quoted(label)}")
        self._label = str.__str__(label or "")  # of a subclass, which may point back to this node, its text

    @property
    def op(self) -> Op | None:
        """The operation that made this Value, None for a leaf."""
        return self._made_by

    @property
    def args(self) -> tuple[Value | float, ...]:
        """The operands, in order: Values, and floats for constants. `x * x` has two."""
        x, y = self._x, self._y
        if x is None:
            return ()
        if type(x) is tuple:
            return x
        return cast("tuple[Value | float, ...]", (x,) if y is None else (x, y))

    @property
    def _prev(self) -> tuple[Value, ...]:
        """The operands, in order, as micrograd has them: constants are leaves here, the same ones at each access.

        These leaves are for display: their numbers are copies, and `backward()` does not reach them. `_backward()`
        does, but gives no nan to a constant, such as the exponent in `(-3.0) ** 2`.

        >>> (2 * Value(3.0))._prev
        (Value(data=2.0, grad=0.0), Value(data=3.0, grad=0.0))
        """
        args = self.args
        if float not in map(type, args):
            return cast("tuple[Value, ...]", args)
        leaves = (x if type(x) is Value else Value(x) for x in args)
        return _prev_of.get(ref(self)) or _prev_of.setdefault(ref(self, _prev_of.pop), tuple(leaves))

    @property
    def _op(self) -> str:
        """The sign or the name of the operation, "" for a leaf."""
        return self._made_by.symbol if self._made_by else ""

    @property
    def _backward(self) -> Callable[[], None]:
        """A step of `backward()` by hand: add local gradient × `grad` to the `grad` of each operand in `_prev`.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.grad = 1
        >>> y._backward(); x.grad
        6.0
        """
        return partial(_in_turn, _pull_back, self)

    def backward(self, seed: Any = 1.0) -> None:
        """Set the gradient of every Value that this one was computed from.

        The gradients of leaves accumulate over calls, until `zero_grad()`; all others are those of this call. After
        changing a leaf, call `forward()` first: otherwise new operands meet old results, and the gradient fits neither.
        A `StaleGraphWarning` says so then.

        Arguments:
            seed: the gradient of this Value itself, to start from.

        Raises:
            TypeError: the seed is not a real number.
            RuntimeError: called from a rule or a listener, or from a signal handler during another `backward()`.

        An exception, or Ctrl-C, leaves every gradient unchanged.

        >>> a = Value(2.0)
        >>> y = a * a * a
        >>> y.backward(); a.grad
        12.0
        >>> y.backward(); a.grad
        24.0
        """
        _in_turn(_propagate, self, seed)

    def forward(self) -> Value:
        """Recompute the graph from the numbers that its leaves have now, and return this Value.

        Gradients do not change: until the next `backward()` they are those of the old numbers.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> x.data = 5
        >>> y.forward()
        Value(data=25.0, grad=0.0)
        """
        now, nodes = next_order(), graph_of(self)
        data = replay(nodes, {v: v._data for v in nodes if v._made_by is None})
        announce(replayed, nodes, data)
        announce(on_forward, nodes, data)
        at_once(map(set_data, data.keys(), data.values()), as_replayed(self, now))
        return self

    def zero_grad(self) -> None:
        """Set the gradient of every Value in this one's graph to 0."""
        nodes = graph_of(self)
        constants = [x for v in nodes for x in _prev_of.get(ref(v), ())] if _prev_of else []
        at_once(map(set_grad, nodes + constants, repeat(0.0)))

    @staticmethod
    def __record__(op: Op, operands: Sequence[Any]) -> Value:
        """Record one operation on flat operands, Values and numbers, and return its result.

        `autograd.tanh(x)` calls it for a Value `x`: see `ops.Recorder`.
        """
        args = operands
        if Value is type(operands[0]) is type(operands[-1]):  # a constant is likely to be the first or the last
            try:
                numbers = [x._data for x in operands]
            except AttributeError:
                args = tuple(x if type(x) is Value else number(x) for x in operands)
                numbers = numbers_of(args)
        else:  # to fail first would double the time
            args = tuple([x if type(x) is Value else number(x) for x in operands])
            numbers = [x if type(x) is float else x._data for x in args]
        data = number(op.computes(*numbers))
        return _new_result(op, data, args) if op.variadic or len(args) > 2 else _new_result(op, data, *args)

    # Comparison, conversion, display -------------------------------------------------------------------------------

    def __lt__(self, other: Any) -> bool:
        return _compare(self, other, float.__lt__)

    def __le__(self, other: Any) -> bool:
        return _compare(self, other, float.__le__)

    def __gt__(self, other: Any) -> bool:
        return _compare(self, other, float.__gt__)

    def __ge__(self, other: Any) -> bool:
        return _compare(self, other, float.__ge__)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Number):  # silently False would be a trap
            raise TypeError(hints.NO_EQUAL_NUMBER)
        return NotImplemented

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise TypeError(hints.NO_TRUTH)

    def __float__(self, *_: Any) -> NoReturn:
        raise TypeError(hints.NO_PLAIN_NUMBER)

    __int__ = __round__ = __float__

    def __pos__(self) -> Value:
        return self

    def __format__(self, spec: str) -> str:
        return format(self._data, spec) if spec else str(self)

    def __repr__(self) -> str:
        label = f", label={quoted(self._label)}" if self._label else ""
        return f"Value(data={self._data!r}, grad={self._grad!r}{label})"

    def __reduce__(self) -> Any:  # for picklers whose own dispatch table lacks Value
        return copyreg.dispatch_table[Value](self)  # filled by pickling.py


# Recording -----------------------------------------------------------------------------------------------------------

next_order = count().__next__  # one atomic step in C: threads get different places
created, changed = attrgetter("_order"), attrgetter("_y")
get_data, _get_grad, _get_part = attrgetter("_data"), attrgetter("_grad"), attrgetter("_part")
_latest_change = -1  # of any leaf, in the order of creation: the graphs recorded since need no check
_new = object.__new__


def new_node(op: Op, data: float, x: Any, y: Any = None) -> Value:
    """Make a node from its parts: operands `x` and `y`, or those in the tuple `x`. Nothing is computed or announced."""
    v = _new(Value)
    v._data = data
    v._grad = 0.0
    v._label = ""
    v._made_by = op
    v._order = next_order()
    v._walk = None
    v._x = x
    v._y = y
    return v


def _announced_node(op: Op, data: float, x: Any, y: Any = None) -> Value:
    v = new_node(op, data, x, y)
    announce(recorded, v)
    return v


_new_result: Callable[..., Value] = new_node  # what operations call; _announced_node while there are listeners
record = Value.__record__


def numbers_of(args: Iterable[Any]) -> list[float]:
    """Return the numbers of operands, Values and floats.

    >>> numbers_of([Value(2.0), 0.5])
    [2.0, 0.5]
    """
    try:
        return [x._data for x in args]
    except AttributeError:  # a constant among them; asking each for its type first would cost half as much again
        return [x if type(x) is float else x._data for x in args]


def _install(op: Op) -> None:
    """Give `Value` the operation as a method, and if the row names one, as Python's operator, reflected too."""
    old = ops.TABLE.get(op.name)  # a redefinition, as in a notebook
    own = {old.name, old.method} if old else set()
    taken = {*vars(Value), *vars(object), *Value.__slots__, *(row.method for row in ops.TABLE.values())}
    for name in ({op.name, op.method} & taken) - own - {None}:
        raise ValueError(f"every Value has {quoted(name)} already, with another meaning: choose another name")
    if op.name in vars(Value):
        delattr(Value, op.name)
    for name, function in _methods_of(op).items():
        setattr(Value, name, function)


def _methods_of(op: Op) -> dict[str, Callable[..., Any]]:
    """Return the methods of `Value` that an operation becomes; one that takes lists becomes none."""
    computes = op.computes

    def unary(x: Value) -> Value:
        return _new_result(op, computes(x._data), x)

    def by_name(x: Value, *others: Any, **named: Any) -> Any:
        return op(x, *others, **named)

    def operator(x: Value, y: Any) -> Any:
        if type(y) is Value:
            return _new_result(op, computes(x._data, y._data), x, y)
        if type(y) is not float:
            y = _operand(y)
        return y if y is NotImplemented else _new_result(op, computes(x._data, y), x, y)

    def reflected(y: Value, x: Any) -> Any:
        if type(x) is not float:
            x = _operand(x)
        return x if x is NotImplemented else _new_result(op, computes(x, y._data), x, y)

    methods: dict[str, Callable[..., Any]] = {} if op.variadic else {op.name: unary if op.arity == 1 else by_name}
    if op.method and not op.variadic:
        methods[op.method] = unary if op.arity == 1 else operator
        if op.arity == 2:
            methods[op.method.replace("__", "__r", 1)] = reflected
    for name, function in methods.items():
        function.__name__, function.__qualname__, function.__doc__ = name, f"Value.{name}", op.__doc__
        function.__dict__["__signature__"] = op.__signature__
    return methods


def _operand(x: Any) -> Any:
    """Return the other operand as a float; NotImplemented for types that may handle the operation themselves."""
    return number(x) if isinstance(x, KNOWN_TYPES) else NotImplemented  # arrays: NumPy goes element by element


def _compare(v: Value, other: Any, holds: Callable[[float, float], bool]) -> bool:
    if compared:
        announce(compared, v, other)
    operand = other._data if type(other) is Value else _operand(other)
    outcome = NotImplemented if operand is NotImplemented else holds(v._data, operand)
    if outcome is not NotImplemented:
        announce(on_choice, v, other if type(other) is Value else operand, holds, outcome)
    return outcome


# Events --------------------------------------------------------------------------------------------------------------

on_choice, on_forward, on_old_graph = Listeners(), Listeners(), Listeners()
"""Events for parts of the package that always listen: put a function in, with None as its scope.

`on_choice(v, other, holds, outcome)` when a comparison has been answered, `on_forward(nodes, data)` after `replayed`,
`on_old_graph(output, made, leaves)` before a gradient of a graph that is older than the latest change of a leaf, in
whatever graph.
"""


def _choose_new_result() -> None:
    global _new_result  # noqa: PLW0603  # a check at each operation would slow down every program
    _new_result = _announced_node if recorded else new_node


on_registration.append(_choose_new_result)


def _announced(output: Value, made: Iterable[Any], leaves: Iterable[Any]) -> Iterator[Any]:
    """Yield the results for `backward` to pull back, and announce each when `backward` asks for the next."""
    for v in made:
        yield v
        announce(pulled, output, v, _get_part)
    for v in sorted(leaves, key=created, reverse=True):
        announce(pulled, output, v, _get_part)


# Traversing the graph ------------------------------------------------------------------------------------------------


def _in_turn(function: Callable[..., None], *args: Any) -> None:
    """Call a function with the lock of backward passes, unless this is within another one.

    A function, whose loops are not in the `with`: Python 3.12 and 3.13 leave a `with` or `try` for a jump, that back to
    the next turn of a loop whose body ends with an `if`. There Ctrl-C would leave the lock held for good.

    Raises:
        RuntimeError: this thread holds the lock.
    """
    if turn._is_owned():  # type: ignore[attr-defined]  # threading.Condition asks the same way
        raise RuntimeError("backward() is already running in this thread: no rule, listener or handler can start it")
    with turn:
        function(*args)


def _propagate(output: Value, seed: Any) -> None:
    """Set all gradients of a graph, from the output back to the leaves."""
    made, leaves = _newest_first(output)
    if made and made[-1]._order < _latest_change:
        announce(on_old_graph, output, made[::-1], leaves)
    output._part = number(seed)
    for v in _announced(output, made, leaves) if pulled else made:
        # Each rule gets plain floats: the gradient g, the result z, the operands.
        g, z, op = v._part, v._data, v._made_by
        if g is _UNTOUCHED:  # only rules that are None lead here, and 0 * inf further down would be nan
            continue
        x, y = v._x, v._y
        if op.direct == 2:
            pull_x, pull_y = op.rules
            if type(x) is float:
                y._part += pull_y(g, z, x, y._data)
            elif type(y) is float:
                x._part += pull_x(g, z, x._data, y)
            else:
                x_data, y_data = x._data, y._data
                x._part += pull_x(g, z, x_data, y_data)
                y._part += pull_y(g, z, x_data, y_data)
        elif op.direct == 1:
            x._part += op.rules[0](g, z, x._data)
        else:
            for operand, pull in zip(v.args, op.pulls(g, z, *numbers_of(v.args))):
                if type(operand) is Value and pull is not None:
                    operand._part += pull
    at_once(map(set_grad, made, map(_get_part, made)), _adding(leaves, map(_get_part, leaves)))


_UNTOUCHED = 0.0  # this very 0.0: adding to it, even 0.0, makes another object


def _newest_first(output: Value) -> tuple[list[Any], list[Any]]:
    """Return the results in the graph of `output`, newest first, and its leaves, all with an untouched `_part`.

    A node that carries the mark of this walk has been visited. Marks of earlier walks differ, so they need no cleanup,
    not even after Ctrl-C. (`graph_of` keeps a set instead: slower, but without marks it needs no lock.)
    """
    walk = output._walk = object()
    output._part = _UNTOUCHED
    made: list[Any] = []
    leaves: list[Any] = []
    waiting: list[Any] = []
    (leaves if output._made_by is None else waiting).append(output)
    while waiting:
        v = waiting.pop()
        made.append(v)
        x, y = v._x, v._y
        for operand in x if type(x) is tuple else (x, y):
            if type(operand) is Value and operand._walk is not walk:
                operand._walk = walk
                operand._part = _UNTOUCHED
                (leaves if operand._made_by is None else waiting).append(operand)
    made.sort(key=created, reverse=True)  # nearly sorted already, so close to linear
    return made, leaves


def graph_of(*outputs: Value, known: Callable[[Value], bool] | None = None) -> list[Value]:
    """Return the graph of `outputs`: them and all Values they were computed from, in the order of their creation.

    Arguments:
        outputs: one Value or several; where graphs overlap, each Value is listed once.
        known: a predicate for Values to leave out, along with all that only they were computed from; outputs stay.

    Raises:
        TypeError: an output is not a Value.

    >>> x = Value(2.0)
    >>> y = x * x
    >>> [v.data for v in graph_of(y + 1, y + 2)]
    [2.0, 4.0, 5.0, 6.0]
    """
    for output in outputs:
        if type(output) is not Value:
            raise TypeError(hints.no_output(output))
    nodes = set(outputs)
    waiting = list(nodes)
    while waiting:
        v = waiting.pop()
        for x in v._x if type(v._x) is tuple else (v._x, v._y):
            if type(x) is Value and x not in nodes and not (known and known(x)):
                nodes.add(x)
                waiting.append(x)
    return sorted(nodes, key=created)


replayed_at: dict[ref[Value], int] = {}
"""The outputs of `forward()`, and its place in the order of creation."""


def as_replayed(output: Value, place: int) -> Iterator[None]:
    """Return a step for `at_once`: the numbers of this graph are those that its leaves had at that place."""
    return map(replayed_at.__setitem__, [ref(output, replayed_at.pop)], [place])


_prev_of: dict[ref[Value], tuple[Value, ...]] = {}
"""The `_prev` of nodes with constants, once asked for. The node's end removes it, in C: in the Python of a
WeakKeyDictionary, Ctrl-C would be lost."""


def _pull_back(v: Value) -> None:
    """Add to the gradients of the operands what the rules give for that of the result."""
    # An exponent's derivative has the logarithm of the base, which may be negative: no constant gets its nan.
    found = zip(v._prev, v.args, local_gradients(v, v._grad))
    passing = [(x, pull) for x, arg, pull in found if pull is not None and not (type(arg) is float and isnan(pull))]
    at_once(_adding([x for x, _ in passing], [pull for _, pull in passing]))


def local_gradients(v: Value, g: float = 1.0) -> Sequence[float | None]:
    """Return the derivative of `v` by each of its operands, times `g`: its rules with that gradient. A leaf has none.

    None stands for an operand to which no gradient passes.

    >>> local_gradients(Value(2.0) * Value(5.0))
    (5.0, 2.0)
    """
    return () if v._made_by is None else v._made_by.pulls(g, v._data, *numbers_of(v.args))


def replay(made: Iterable[Any], changed: Mapping[Value, float]) -> dict[Value, float]:
    """Compute the numbers that results would have if some nodes had other numbers. No node changes.

    Arguments:
        made: the results to recompute, operands before the results computed from them; leaves among them are skipped.
        changed: the other number of each of those nodes.

    Returns the number of each node that depends on a changed one, the changed ones included.
    """
    data = dict(changed)
    for v in made:
        if v not in data:
            args = v.args
            for x in args:  # not `any`, whose generator would take half of the time
                if type(x) is Value and x in data:
                    data[v] = v._made_by.computes(*[x if type(x) is float else data.get(x, x._data) for x in args])
                    break
    return data


def _adding(values: Sequence[Value], gradients: Iterable[float]) -> Iterator[None]:
    """Return a step for `at_once` that adds to the gradient of each Value; to one that is listed twice, twice."""
    return map(set_grad, values, map(add, map(_get_grad, values), gradients))


def at_once(*steps: Iterable[None]) -> None:
    """Run maps of C functions, such as `map(set_grad, values, gradients)`, as one step of the interpreter.

    No bytecode runs in between, so Ctrl-C, signal handlers and other threads come before or after, never between two
    nodes, nor between reading a gradient and writing the sum. (A loop in Python was torn by Ctrl-C in 5 of 8 trials.)
    """
    deque(chain(*steps), maxlen=0)


def changing(leaves: Collection[Value], data: Iterable[float]) -> Iterator[None]:
    """Return a step for `at_once` that gives Values other numbers; that they are leaves is not checked."""
    return chain(map(set_changed, leaves, repeat(place_of_change())), map(set_data, leaves, data))


def latest_change() -> int:
    """Return the place, in the order of creation, of the latest change of any leaf."""
    return _latest_change


def place_of_change() -> int:
    """Return the place, in the order of creation, of a change that a leaf is about to undergo."""
    global _latest_change  # noqa: PLW0603  # one number to compare: loops that record anew pay nothing else
    place = next_order()
    # Not `max`: after a call another thread may run, and its later place would be lost.
    if place > _latest_change:  # noqa: PLR1730
        _latest_change = place
    return place


def commit_data(leaves: Collection[Value], data: Iterable[float], *others: Iterable[None]) -> None:
    """Set the numbers of many leaves in one step that Ctrl-C cannot tear: all of them change, or none does.

    Arguments:
        leaves: the Values to change; that they are leaves is not checked.
        data: as many floats.
        others: further maps of C functions to run in the same step.

    >>> x, y = Value(1.0), Value(2.0)
    >>> commit_data([x, y], [3.0, 4.0])
    >>> x.data, y.data
    (3.0, 4.0)
    """
    at_once(changing(leaves, data), *others)


# Gradients as graphs -------------------------------------------------------------------------------------------------


def grad(output: Value, inputs: Any) -> Any:
    """Return the gradients of `output` with respect to `inputs` as Values, which can be differentiated again.

    Arguments:
        output: a Value.
        inputs: a Value (a leaf or an intermediate one), or a tree of them: nested lists and tuples.

    Returns a tree of the same nesting with the gradient of each input; `Value(0.0)` where the output does not depend on
    it. No `.grad` changes.

    What is recorded reads as it would on paper: rules leave out what changes no number (`folds.py`). So a gradient may
    be a Value of the graph itself: the gradient of x * w by x is `w`. A constant one is a new leaf.

    Warns:
        UserWarning: an input was made from `output`: the arguments are swapped.

    Raises:
        TypeError: `output` or an input is not a Value.

    >>> x = Value(3.0)
    >>> y = x ** 3
    >>> first = grad(y, x)
    >>> first.data, grad(first, x).data
    (27.0, 18.0)
    >>> w = Value(2.0)
    >>> grad(x * w, x) is w
    True
    """
    nodes, wanted = current_graph(output), flatten(inputs)
    found = [g if type(g) is Value else Value(g) for g in pulled_back(nodes, {output: 1.0}, wanted)]
    announce(differentiated, output, wanted, found)
    return tree_filled(inputs, found)


def current_graph(*outputs: Value) -> list[Value]:
    """Return `graph_of(*outputs)`, and announce each output whose graph is older than the latest change of a leaf."""
    nodes = graph_of(*outputs)
    latest = latest_change()
    if next((v._order for v in nodes if v._made_by), latest) < latest:
        for output, graph in {v: graph_of(v) for v in outputs}.items():
            announce(on_old_graph, output, [v for v in graph if v._made_by], [v for v in graph if not v._made_by])
    return nodes


def pulled_back(nodes: Sequence[Any], seeds: Mapping[Value, Any], wanted: Sequence[Value]) -> list[Any]:
    """Pull gradients of outputs, Values or floats, back to the `wanted` Values: reverse mode, recorded.

    Arguments:
        nodes: the graph of the outputs, as `graph_of` returns it.
        seeds: the gradient of each output, to start from.
        wanted: the Values whose gradients are returned: Values, or floats where they are constant.
    """
    leading = set(wanted)  # them, and every result that depends on one
    for v in nodes:
        for i, x in enumerate(v.args):
            if type(x) is Value and x in leading and (v._made_by.direct or v._made_by.passes(i)):
                leading.add(v)
                break
    gradients = dict(seeds)
    for v in reversed(nodes):
        if v in leading and v in gradients and v._made_by:
            g, op, args = gradients[v], v._made_by, v.args
            # Without constants, the rules of the table record nothing that folds.
            folds = type(g) is float or float in map(type, args) or op.by_user
            fold: Any = Folding(next_order(), created) if folds else lambda pull: pull
            pulls = op.pulls(g, v, *args) if op.variadic else None
            for i, x in enumerate(args):
                if type(x) is Value and x in leading and (op.direct or op.passes(i)):
                    pull = fold(pulls[i] if pulls else op.rules[i](g, v, *args))
                    if pull is not None:
                        gradients[x] = gradients[x] + pull if x in gradients else pull
    return [gradients.get(x, 0.0) for x in wanted]


# Which engine ---------------------------------------------------------------------------------------------------------

for _name in ("_prev", "_op", "_backward"):  # these are computed: to assign one says how to add an operation
    setattr(Value, _name, getattr(Value, _name).setter(hints.refuse_a_part))
NATIVE = in_use
"""True if the names of this module are those of the native core, False if they are the ones defined above."""

set_data: Callable[[Value, float], None] = cast(Any, Value)._data.__set__
set_changed: Callable[[Value, int], None] = cast(Any, Value)._y.__set__
set_grad: Callable[[Value, float], None] = cast(Any, Value)._grad.__set__

globals().update(names_in_c(globals()) if NATIVE else {})

for _op in ops.TABLE.values():
    _install(_op)
ops.on_new_operation.append(_install)
