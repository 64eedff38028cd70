"""Report where the first nan or infinity was computed: `with detect_anomaly(): ...`.

It listens to the engine's events, so it costs nothing while it is off.
"""

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

from autograd.codegen.formulas import short_formula
from autograd.engine import Value, graph_of, local_gradients, numbers_of
from autograd.errors import AnomalyError
from autograd.events import listening_here
from autograd.frames import Place, place_of_caller, shown
from autograd.ops import Op
from autograd.text import visible
from autograd.views.names import names_of

_SHOWN = 6  # operands in a message, and results at each end of a path


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise an `AnomalyError` at the first nan or infinity, in a `with` statement or as a decorator.

    It checks every operation on Values (so `grad` too), `forward()` and `backward()`. The message names the operation,
    its operands and their numbers, the line of your source that recorded it, and the path from there to the output.
    When `backward()` or `forward()` raises, it has changed no gradient and no number.

    An intentional infinity raises too: keep that part outside, or use a large number. A leaf may be nan or infinite;
    the first operation whose result is not finite because of it raises, and the message names the leaf. The line is
    known only for results recorded inside. Only the thread (or task) that entered is checked. Operations on plain
    floats are not, nor are the internal calculations of views such as `explain`, nor functions made by `compile`: to
    check those, record the graph anew, or call `forward()` on it.

    >>> x = Value(0.0, "x")
    >>> with detect_anomaly():
    ...     y = x.sqrt() * 2
    ...     y.backward()  # doctest: +NORMALIZE_WHITESPACE
    Traceback (most recent call last):
        ...
    autograd.errors.AnomalyError: inf produced in the backward pass by sqrt: the gradient that v2 = sqrt(x) pulls back
    to x
      gradient from above: 2.0, local gradient: inf
      result v2 = 0.0
      operand x = 0.0: a leaf
      recorded at <doctest autograd.views.anomaly.detect_anomaly[1]>:2: y = x.sqrt() * 2
      path to the output:
        v2 = sqrt(x)
        y = v2 * 2
    """
    with listening_here(recorded=_check_result, replayed=_check_replay, pulled=_check_pull):
        yield


# The listeners -------------------------------------------------------------------------------------------------------

_places: dict[weakref.ref[Value], Place] = {}
"""The file and the line of the user's source where nodes were recorded.

Not a WeakKeyDictionary: that removes entries in Python, where a Ctrl-C would be printed and lost.
"""


def _check_result(v: Value) -> None:
    if place := place_of_caller():
        _places[weakref.ref(v, _places.pop)] = place
    if not math.isfinite(v.data):
        numbers = {operand: operand.data for operand in v.args if isinstance(operand, Value)}
        raise _forward_error(v, {**numbers, v: v.data}, graph_of(v))


def _check_replay(nodes: Sequence[Value], data: Mapping[Value, float]) -> None:
    for v in nodes:
        if v.op is not None and not math.isfinite(data.get(v, v.data)):
            raise _forward_error(v, data, nodes)


def _check_pull(output: Value, v: Value, part: Callable[[Value], float]) -> None:
    if v is output and not math.isfinite(part(v)):
        raise AnomalyError(f"{part(v)} came from the seed of backward()", v, [v])
    if v.op is None:
        if not math.isfinite(v.grad + part(v)):
            raise _leaf_error(v, part(v), graph_of(output))
        return
    for x in v.args:
        if isinstance(x, Value) and not math.isfinite(part(x)):
            raise _backward_error(v, x, part, graph_of(output))


# What the errors say -------------------------------------------------------------------------------------------------


def _forward_error(v: Value, data: Mapping[Value, float], nodes: Sequence[Value]) -> AnomalyError:
    names = _names(nodes)
    lines = [f"{data[v]} produced in the forward pass by {_operation_of(v)}: {names[v]} = {short_formula(v, names)}"]
    for x in v.args:
        if isinstance(x, Value) and not math.isfinite(data.get(x, x.data)):
            kind = "leaf" if x.op is None else "result recorded outside detect_anomaly(),"
            lines.append(f"{data.get(x, x.data)} came from the {kind} {names[x]}")
            break
    return _error([*lines, *_operands(v, data, names)], v, nodes, names)


def _backward_error(v: Value, x: Value, part: Callable[[Value], float], nodes: Sequence[Value]) -> AnomalyError:
    """Describe a pull of `v` to its operand `x` that left the gradient of `x` not finite."""
    names, op = _names(nodes), cast(Op, v.op)
    pulls = op.pulls(part(v), v.data, *numbers_of(v.args))
    places = [place for place, operand in enumerate(v.args) if operand is x and pulls[place] is not None]
    place = next((place for place in places if not math.isfinite(pulls[place])), places[-1])
    what = f"the gradient that {names[v]} = {short_formula(v, names)} pulls back to {names[x]}"
    if len(places) > 1:
        what += f" (operand {place + 1})"
    if math.isfinite(pulls[place]):
        what = f"the sum of the gradients of {names[x]}, to which it adds {pulls[place]!r}"
    return _error(
        [
            f"{part(x)} produced in the backward pass by {_operation_of(v)}: {what}",
            f"gradient from above: {part(v)!r}, local gradient: {local_gradients(v)[place]!r}",
            f"result {names[v]} = {v.data!r}",
            *_operands(v, {}, names),
        ],
        v,
        nodes,
        names,
    )


def _leaf_error(x: Value, added: float, nodes: Sequence[Value]) -> AnomalyError:
    return AnomalyError(
        f"{x.grad + added} produced in the backward pass by adding to the gradient of {_names(nodes)[x]}: it was "
        f"{x.grad} before, and this backward() adds {added}. Was zero_grad() forgotten?",
        x,
        _path_to_output(x, nodes),
    )


def _error(lines: list[str], v: Value, nodes: Sequence[Value], names: Mapping[Value, str]) -> AnomalyError:
    source, path = _source(v), _path_to_output(v, nodes)
    outside = "recorded outside detect_anomaly(): record it inside to see the line"
    lines.append(f"recorded at {source}" if source else outside)
    if len(path) == 1:
        lines.append(f"path to the output: {names[v]} is the newest result; nothing uses it yet")
    else:
        lines.append("path to the output:")
        shown = [f"  {names[u]} = {short_formula(u, names)}" for u in (*path[:_SHOWN], *path[_SHOWN:][-_SHOWN:])]
        if len(path) > 2 * _SHOWN:
            shown.insert(_SHOWN, f"  ... {len(path) - 2 * _SHOWN:,} more ...")
        lines += shown
    return AnomalyError("\n  ".join(lines), v, path, source)


def _operation_of(v: Value) -> str:
    op = cast(Op, v.op)
    return op.name if op.symbol == op.name else f"{op.name} ({op.symbol})"


def _operands(v: Value, data: Mapping[Value, float], names: Mapping[Value, str]) -> list[str]:
    """List each operand with its number and its origin; of many, those that are not finite first."""
    numbers = [data.get(x, x.data) if isinstance(x, Value) else x for x in v.args]
    lines = []
    for x, its_number in sorted(zip(v.args, numbers), key=lambda pair: math.isfinite(pair[1])):
        if not isinstance(x, Value):
            lines.append(f"operand {its_number!r}: a constant")
        elif x.op is None:
            lines.append(f"operand {names[x]} = {its_number!r}: a leaf")
        else:
            source = _source(x)
            place = f", recorded at {source}" if source else ""
            lines.append(f"operand {names[x]} = {its_number!r}: {short_formula(x, names)}{place}")
    more = len(lines) - _SHOWN
    return lines if more <= 0 else [*lines[:_SHOWN], f"and {more:,} more operands"]


def _names(nodes: Sequence[Value]) -> dict[Value, str]:
    return {v: visible(name) for v, name in names_of(nodes).items()}


def _source(v: Value) -> str | None:
    """Return where a node was recorded, with the text of that line."""
    place = _places.get(weakref.ref(v))
    return None if place is None else shown(place)


def _path_to_output(v: Value, nodes: Sequence[Value]) -> list[Value]:
    """Follow the graph from `v` to the output, the last of `nodes`: from each Value to the newest that uses it."""
    user: dict[Value, Value] = {}
    for u in reversed(nodes):
        for x in u.args:
            if isinstance(x, Value):
                user.setdefault(x, u)
    path = [v]
    while path[-1] in user:
        path.append(user[path[-1]])
    return path
