"""Where the first nan or infinity came from: `with detect_anomaly(): ...`.

The engine knows nothing of this. While somebody watches, three of its names stand for watching versions (the recording
of a node, the replay, the walk back), and afterwards for their own again. So it costs nothing when it is off.
"""

from __future__ import annotations

import linecache
import math
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, cast

from autograd import engine
from autograd.engine import Value, graph_of, local_gradients
from autograd.errors import AnomalyError
from autograd.ops import Op
from autograd.views.formulas import short_formula
from autograd.views.names import caller, names_of
from autograd.views.text import visible

_SHOWN = 6  # operands in a message, and stages at each end of a path


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise an `AnomalyError` at the first nan or infinity, in a `with` statement or as a decorator.

    It watches every operation on Values (so `grad` too), `forward()` and `backward()`. The message names the operation,
    its operands and their numbers, the line of your source that recorded it, and the path from there to the output.
    When `backward()` or `forward()` raises, it has changed no gradient and no number.

    An infinity that you mean raises too: leave that part outside, or use a large number. A leaf may be nan or infinite;
    the first operation whose result is so because of it raises, and names the leaf. Lines are known for what was
    recorded under the watch. Only the thread (or task) that entered is watched. Operations on plain floats are not, and
    functions made by `compile` neither: record the graph anew, or call `forward()` on it.

    >>> x = Value(0.0, "x")
    >>> with detect_anomaly():
    ...     y = x.sqrt() * 2
    ...     y.backward()
    Traceback (most recent call last):
        ...
    autograd.errors.AnomalyError: inf made in backward by sqrt: the gradient that v2 = sqrt(x) pulls back to x
      gradient from above: 2.0, local gradient: inf
      result v2 = 0.0
      operand x = 0.0: a leaf
      recorded at <doctest autograd.views.anomaly.detect_anomaly[1]>:2: y = x.sqrt() * 2
      path to the output:
        v2 = sqrt(x)
        y = v2 * 2
    """
    _enter()
    _watches_here.set(_watches_here.get() + 1)
    try:
        yield
    finally:
        _watches_here.set(_watches_here.get() - 1)
        _leave()


# Switching on and off ------------------------------------------------------------------------------------------------

_watches_here: ContextVar[int] = ContextVar("watches_here", default=0)  # of this thread or task
_watches = 0  # of all together
_lock = threading.Lock()
_NAMES = ("new_node", "replay", "_newest_first")  # the engine looks them up at each use
_own_new_node, _own_replay, _own_newest_first = engine.new_node, engine.replay, engine._newest_first


def _enter() -> None:
    global _watches  # noqa: PLW0603  # the count belongs to the engine, of which there is one
    with _lock:
        _watches += 1
        if _watches == 1:
            _put(_new_node, _replay, _newest_first)


def _leave() -> None:
    global _watches  # noqa: PLW0603
    with _lock:
        _watches -= 1
        if _watches == 0:
            _put(_own_new_node, _own_replay, _own_newest_first)


def _put(*versions: Callable[..., Any]) -> None:
    for name, version in zip(_NAMES, versions):
        setattr(engine, name, version)


# The watching versions -----------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A line of the user's source."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {linecache.getline(self.file, self.line).strip()}".rstrip(": ")


_places: weakref.WeakKeyDictionary[Value, _Place] = weakref.WeakKeyDictionary()  # where nodes were recorded


def _new_node(op: Op, data: float, x: Any, y: Any = None) -> Value:
    v = _own_new_node(op, data, x, y)
    if _watches_here.get():
        frame = caller()
        if frame is not None:
            _places[v] = _Place(frame.f_code.co_filename, frame.f_lineno)
        if not math.isfinite(data) and not _is_a_copy():
            numbers = {operand: operand.data for operand in v.args if isinstance(operand, Value)}
            raise _forward_error(v, {**numbers, v: data}, graph_of(v))
    return v


def _is_a_copy() -> bool:
    """Whether `copy.copy` is making the node: then nothing was computed."""
    return sys._getframe(2).f_code is Value.__copy__.__code__


def _replay(made: Any, changed: Mapping[Value, float]) -> dict[Value, float]:
    nodes = list(made)
    data = _own_replay(nodes, changed)
    if _watches_here.get():
        for v in nodes:
            if v.op is not None and not math.isfinite(data.get(v, v.data)):
                raise _forward_error(v, data, nodes)
    return data


def _newest_first(output: Value) -> tuple[list[Any], list[Any]]:
    made, leaves = _own_newest_first(output)
    return (_WatchedWalk(output, made, leaves) if _watches_here.get() else made), leaves


class _WatchedWalk(list[Value]):
    """The results that `backward()` goes through: asked for the next, it looks at what came of the one before."""

    def __init__(self, output: Value, made: Sequence[Value], leaves: Sequence[Value]) -> None:
        super().__init__(made)
        self._output, self._leaves = output, leaves
        self._walked = False

    def __iter__(self) -> Iterator[Value]:
        return super().__iter__() if self._walked else self._watched()  # to commit, it is a list as any

    def _watched(self) -> Iterator[Value]:
        seed = self._output._part
        if not math.isfinite(seed):
            raise AnomalyError(f"{seed} came in with the seed of backward()", self._output, [self._output])
        for v in super().__iter__():
            yield v
            for x in v.args:
                if isinstance(x, Value) and not math.isfinite(x._part):
                    raise _backward_error(v, x, graph_of(self._output))
        for x in self._leaves:
            if not math.isfinite(x.grad + x._part):
                raise _leaf_error(x, graph_of(self._output))
        self._walked = True


# What the errors say -------------------------------------------------------------------------------------------------


def _forward_error(v: Value, data: Mapping[Value, float], nodes: Sequence[Value]) -> AnomalyError:
    names, path = _names(nodes), _path(v, nodes)
    lines = [f"{data[v]} made in forward by {_named(v)}: {names[v]} = {short_formula(v, names)}"]
    for x in v.args:
        if isinstance(x, Value) and not math.isfinite(data.get(x, x.data)):
            kind = "leaf" if x.op is None else "result from outside the watch,"
            lines.append(f"{data.get(x, x.data)} came in with the {kind} {names[x]}")
            break
    lines += _operands(v, data, names)
    return _error(lines, v, path, names)


def _backward_error(v: Value, x: Value, nodes: Sequence[Value]) -> AnomalyError:
    """`v` pulled back to its operand `x`, and what `x` has so far is not finite any more."""
    names, op = _names(nodes), cast(Op, v.op)
    numbers = [operand.data if isinstance(operand, Value) else operand for operand in v.args]
    pulls = op.pulls(v._part, v.data, *numbers)
    places = [place for place, operand in enumerate(v.args) if operand is x]
    place = next((place for place in places if not math.isfinite(pulls[place])), places[-1])
    what = f"the gradient that {names[v]} = {short_formula(v, names)} pulls back to {names[x]}"
    if len(places) > 1:
        what += f" (operand {place + 1})"
    if math.isfinite(pulls[place]):
        what = f"the sum of the gradients of {names[x]}, to which it adds {pulls[place]!r}"
    return _error(
        [
            f"{x._part} made in backward by {_named(v)}: {what}",
            f"gradient from above: {v._part!r}, local gradient: {local_gradients(v)[place]!r}",
            f"result {names[v]} = {v.data!r}",
            *_operands(v, {}, names),
        ],
        v,
        _path(v, nodes),
        names,
    )


def _leaf_error(x: Value, nodes: Sequence[Value]) -> AnomalyError:
    message = (
        f"{x.grad + x._part} made in backward by adding to the gradient of {_names(nodes)[x]}: it has {x.grad} from "
        f"before, and this backward() adds {x._part}. Was zero_grad() forgotten?"
    )
    return AnomalyError(message, x, _path(x, nodes))


def _error(lines: list[str], v: Value, path: Sequence[Value], names: Mapping[Value, str]) -> AnomalyError:
    source = _source(v)
    lines.append(f"recorded at {source}" if source else "recorded outside the watch: record it inside to see the line")
    if len(path) == 1:
        lines.append(f"path to the output: {names[v]} is the newest result, nothing was made of it yet")
    else:
        lines.append("path to the output:")
        shown = [f"  {names[u]} = {short_formula(u, names)}" for u in (*path[:_SHOWN], *path[_SHOWN:][-_SHOWN:])]
        if len(path) > 2 * _SHOWN:
            shown.insert(_SHOWN, f"  ... {len(path) - 2 * _SHOWN:,} more ...")
        lines += shown
    return AnomalyError("\n  ".join(lines), v, path, source)


def _named(v: Value) -> str:
    op = cast(Op, v.op)
    return op.name if op.symbol == op.name else f"{op.name} ({op.symbol})"


def _operands(v: Value, data: Mapping[Value, float], names: Mapping[Value, str]) -> list[str]:
    """Each operand with its number and where it comes from; of many, those that are not finite first."""
    numbers = [data.get(x, x.data) if isinstance(x, Value) else x for x in v.args]
    lines = []
    for x, its_number in sorted(zip(v.args, numbers), key=lambda pair: math.isfinite(pair[1])):
        if not isinstance(x, Value):
            lines.append(f"operand {its_number!r}: a constant")
        elif x.op is None:
            lines.append(f"operand {names[x]} = {its_number!r}: a leaf")
        else:
            place = f", recorded at {_places[x]}" if x in _places else ""
            lines.append(f"operand {names[x]} = {its_number!r}: {short_formula(x, names)}{place}")
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], f"and {more:,} more operands"]


def _names(nodes: Sequence[Value]) -> dict[Value, str]:
    return {v: visible(name) for v, name in names_of(nodes).items()}


def _source(v: Value) -> str | None:
    return str(_places[v]) if v in _places else None


def _path(v: Value, nodes: Sequence[Value]) -> list[Value]:
    """A way from `v` to the output, which is the last of `nodes`: from each Value to the newest that uses it."""
    user: dict[Value, Value] = {}
    for u in reversed(nodes):
        for x in u.args:
            if isinstance(x, Value):
                user.setdefault(x, u)
    path = [v]
    while path[-1] in user:
        path.append(user[path[-1]])
    return path
