"""Report where the first nan or infinity was computed: `with detect_anomaly(): ...`.

It listens to the engine's events, so it costs nothing while it is off.
"""

import math
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple, cast

from autograd.codegen.formulas import short_formula
from autograd.engine import Value, created, graph_of, local_gradients, numbers_of, pulled_back
from autograd.errors import AnomalyError
from autograd.events import listening_here, unobserved
from autograd.forward import pushed
from autograd.frames import Place, is_running, place_of_caller, shown
from autograd.names import names_of
from autograd.ops import TABLE, Op
from autograd.text import visible

_SHOWN = 6  # operands in a message, and results at each end of a path
_CLAMP = "clamp its operand: where(c, a, f(where(c, k, b))) for where(c, a, f(b))"


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise an `AnomalyError` at the first nan or infinity, in a `with` statement or as a decorator.

    It checks every operation on Values, `forward()`, `backward()`, `grad` and the other derivatives. The message names
    the operation, its operands and their numbers, the line of your source that recorded it, and the path from there to
    the output. When `backward()` or `forward()` raises, it has changed no gradient and no number.

    A branch that was not chosen, as in `where(x, x, x.expm1())` at 1000, can make gradients nan. If the graph was
    recorded before, `backward()` and `grad` name the choice, and what to write instead. Recorded inside, the infinity
    itself raises first, before `where` is known, and the message ends with a hint. `forward()` knows the choices.

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
      recorded at <doctest autograd.anomaly.detect_anomaly[1]>:2: y = x.sqrt() * 2
      path to the output:
        v2 = sqrt(x)
        y = v2 * 2
    """
    with listening_here(
        recorded=_check_result, replayed=_check_replay, pulled=_check_pull, differentiated=_check_gradients
    ):
        yield


# The listeners -------------------------------------------------------------------------------------------------------

_places: dict[weakref.ref[Value], Place] = {}
"""The file and the line of the user's source where nodes were recorded.

Not a WeakKeyDictionary: that removes entries in Python, where a Ctrl-C would be printed and lost.
"""


def _check_result(v: Value) -> None:
    if place := place_of_caller():
        _places[weakref.ref(v, _places.pop)] = place
    # Of what rules compute, the derivatives are checked.
    if not math.isfinite(v.data) and not any(map(is_running, (pulled_back.__code__, pushed.__code__))):
        numbers = {operand: operand.data for operand in v.args if isinstance(operand, Value)}
        hint = None if v.op is TABLE["where"] else f"if this is in a branch of where that is not chosen, {_CLAMP}"
        raise _forward_error(v, {**numbers, v: v.data}, graph_of(v), hint)


def _check_replay(nodes: Sequence[Value], data: Mapping[Value, float]) -> None:
    for v in nodes:
        if v.op is not None and not math.isfinite(data.get(v, v.data)):
            hint = f"it reaches the output only through a branch that was not chosen: {_CLAMP}"
            raise _forward_error(v, data, nodes, hint if _only_unchosen(v, data, nodes) else None)


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


def _check_gradients(output: Value, inputs: Sequence[Value], gradients: Sequence[Value]) -> None:
    """Check what `grad` has made: where a gradient is not finite, as `backward()` would have met it, in floats."""
    lost = next((g for g in gradients if not math.isfinite(g.data)), None)
    if lost is None:
        return
    nodes, leading = graph_of(output), set(inputs)
    for v in nodes:
        if any(isinstance(x, Value) and x in leading and cast(Op, v.op).passes(i) for i, x in enumerate(v.args)):
            leading.add(v)
    parts = {output: 1.0}
    for v in reversed(nodes):
        if v.op is None or v not in leading or v not in parts:
            continue
        for x, pull in zip(v.args, local_gradients(v, parts[v])):
            if isinstance(x, Value) and x in leading and pull is not None:
                parts[x] = parts[x] + pull if x in parts else pull
        _check_pull(output, v, lambda x: parts.get(x, 0.0))
    made = graph_of(lost)  # the floats are not those of the graph, where it adds in another order
    first = next((v for v in made if v.op is not None and not math.isfinite(v.data)), None)
    if first is not None:
        raise _forward_error(first, {first: first.data}, made, None)


# What the errors say -------------------------------------------------------------------------------------------------


def _forward_error(v: Value, data: Mapping[Value, float], nodes: Sequence[Value], hint: str | None) -> AnomalyError:
    names = _names(nodes)
    lines = [f"{data[v]} produced in the forward pass by {_operation_of(v)}: {names[v]} = {short_formula(v, names)}"]
    for x in v.args:
        if isinstance(x, Value) and not math.isfinite(data.get(x, x.data)):
            kind = "leaf" if x.op is None else "result recorded outside detect_anomaly(),"
            lines.append(f"{data.get(x, x.data)} came from the {kind} {names[x]}")
            lines += _origin([u for u in nodes if u is not x], data, names) if x.op else []
            break
    return _error([*lines, *_operands(v, data, names)], v, nodes, names, hint=hint)


def _only_unchosen(v: Value, data: Mapping[Value, float], nodes: Sequence[Value]) -> bool:
    """Return True if `v` reaches the output, the last of `nodes`, only through branches that no `where` chose."""
    reached = {v}
    for u in nodes:  # operands come before results
        for place, x in enumerate(u.args):
            if isinstance(x, Value) and x in reached:
                if u.op is TABLE["where"] and place > 0:
                    condition = u.args[0]
                    number = data.get(condition, condition.data) if isinstance(condition, Value) else condition
                    if place != (1 if number > 0 else 2):
                        continue
                reached.add(u)
    return nodes[-1] not in reached


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
    local = local_gradients(v)[place]
    choice = _choice_above(v, part, nodes)
    return _error(
        [
            f"{part(x)} produced in the backward pass by {_operation_of(v)}: {what}",
            *([] if choice is None else _unchosen_branch(v, choice, names, local)),
            f"gradient from above: {part(v)!r}, local gradient: {local!r}",
            f"result {names[v]} = {v.data!r}",
            *([] if math.isfinite(v.data) else _origin(nodes, {}, names)),
            *_operands(v, {}, names),
        ],
        v,
        nodes,
        names,
        again=choice is None or all(u.op is None or math.isfinite(u.data) for u in nodes),
    )


def _origin(nodes: Sequence[Value], data: Mapping[Value, float], names: Mapping[Value, str]) -> list[str]:
    """Tell the first of these results that is not finite, if there are several."""
    lost = [u for u in nodes if u.op is not None and not math.isfinite(data.get(u, u.data))]
    if len(lost) < 2:
        return []
    return [
        f"first in the graph: {names[lost[0]]} = {short_formula(lost[0], names)} = {data.get(lost[0], lost[0].data)}"
    ]


_AS_FACTOR = -1  # the place of a result of which not an operand counts, but itself
_MULTIPLES = (TABLE["mul"], TABLE["neg"])


class _Use(NamedTuple):
    """A result, and the place of one of its operands."""

    v: Value
    place: int


def _unchosen_branch(v: Value, choice: _Use, names: Mapping[Value, str], local: float | None) -> list[str]:
    chooser = choice.v
    formula, source = f"{names[chooser]} = {short_formula(chooser, names)}", _source(chooser)
    if choice.place == _AS_FACTOR:
        what = f"{formula} has chosen 0, a factor of its gradient"
    else:
        what = f"{formula} passes a gradient of 0 to {names[cast(Value, chooser.args[choice.place])]} "
        what += f"(operand {choice.place + 1})"
    return [
        f"it is in a branch that was not chosen: {what}, and 0 * {local!r} is nan",
        *([f"{names[chooser]} was recorded at {source}"] if source else []),
        f"cure: give {cast(Op, v.op).name} a harmless operand where its branch is not chosen. Write "
        "where(c, a, f(where(c, k, b))) for where(c, a, f(b)), with a number k at which f is smooth; "
        "or clamp b with autograd.max or autograd.min",
    ]


def _choice_above(v: Value, part: Callable[[Value], float], nodes: Sequence[Value]) -> _Use | None:
    """Return the nearest choice that gives `v` its gradient of 0; None if that is 0 for any other reason, or not 0."""
    users: dict[Value, list[_Use]] = {}
    for u in nodes:
        for place, x in enumerate(u.args):
            if isinstance(x, Value):
                users.setdefault(x, []).append(_Use(u, place))
    choices, waiting, seen = list[_Use](), [v], {v}
    while waiting:
        x = waiting.pop()
        if x not in users:  # the output, whose seed was 0
            return None
        for use in users[x]:
            u, place = use
            if local_gradients(u)[place] is None:
                continue
            if part(u) != 0:
                if _chooses_another(u, place):
                    choices.append(use)
                elif (factor := _chosen_factor(u, place)) is not None:
                    choices.append(_Use(factor, _AS_FACTOR))
                else:  # it multiplies by 0; or it passes a term that others cancel
                    return None
            elif u not in seen:
                seen.add(u)
                waiting.append(u)
    return min(choices, key=lambda choice: created(choice.v), default=None)


@unobserved
def _chooses_another(v: Value, place: int) -> bool:
    """Return True if the rule for an operand is a `where` that takes its 0, as in `relu`, `max` and `where`.

    Or if it is 0 at a side of a kink: of `leaky_relu` with a slope of 0, and of `elu`, where the exponential vanishes.
    """
    try:
        pull = cast(Op, v.op).pulls(Value(1.0), Value(v.data), *map(Value, numbers_of(v.args)))[place]
    except Exception:  # any: a user's rule may need plain numbers
        return False
    if not isinstance(pull, Value) or pull.data != 0:
        return False
    if cast(Op, v.op).kink is not None and any(u.op is TABLE["where"] for u in graph_of(pull)):
        return True
    return pull.op is TABLE["where"] and _chosen_zero(pull) is not None


def _chosen_factor(v: Value, place: int) -> Value | None:
    """Return the `where` that has chosen 0 as the other factor of a product; None if it is no product, or another 0.

    Where a gradient is differentiated, such a factor is the gradient of a branch that was not chosen.
    """
    return _chosen_zero(v.args[1 - place]) if v.op is TABLE["mul"] else None


def _chosen_zero(x: Value | float) -> Value | None:
    """Return the `where` whose chosen operand is the constant 0, and of which this 0 is, or is a multiple."""
    chooser = None
    while isinstance(x, Value) and x.data == 0:
        if x.op is TABLE["where"]:
            (condition,), chooser = numbers_of(x.args[:1]), x
            x = x.args[1 if condition > 0 else 2]
        elif x.op in _MULTIPLES:
            x = next((factor for factor in x.args if isinstance(factor, Value) and factor.data == 0), 1.0)
        else:
            return None
    return chooser if isinstance(x, float) and x == 0 else None


def _leaf_error(x: Value, added: float, nodes: Sequence[Value]) -> AnomalyError:
    return AnomalyError(
        f"{x.grad + added} produced in the backward pass by adding to the gradient of {_names(nodes)[x]}: it was "
        f"{x.grad} before, and this backward() adds {added}. Was zero_grad() forgotten?",
        x,
        _path_to_output(x, nodes),
    )


def _error(
    lines: list[str],
    v: Value,
    nodes: Sequence[Value],
    names: Mapping[Value, str],
    *,
    hint: str | None = None,
    again: bool = True,
) -> AnomalyError:
    """Add where `v` was recorded and its path; `again` tells whether recording anew would come as far as this error."""
    source, path = _source(v), _path_to_output(v, nodes)
    outside = "recorded outside detect_anomaly()" + (": record it inside to see the line" if again else "")
    lines.append(f"recorded at {source}" if source else outside)
    if len(path) == 1:
        lines.append(f"path to the output: {names[v]} is the newest result; nothing uses it yet")
    else:
        lines.append("path to the output:")
        shown = [f"  {names[u]} = {short_formula(u, names)}" for u in (*path[:_SHOWN], *path[_SHOWN:][-_SHOWN:])]
        if len(path) > 2 * _SHOWN:
            shown.insert(_SHOWN, f"  ... {len(path) - 2 * _SHOWN:,} more ...")
        lines += shown
    if hint is not None:
        lines.append(hint)
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
