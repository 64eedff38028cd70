"""Notice graphs that are out of date: a leaf was changed after they were recorded, and they were not replayed.

`w.data -= 0.1 * w.grad` gives a leaf another number, and what was computed from it keeps the numbers from before. A
gradient of these mixes both, and fits neither. `backward()`, `grad`, the other derivatives and the views that show
numbers warn then (`StaleGraphWarning`); those that would call the mixture wrong, `explain` and `check_gradients`,
refuse it.

How it is noticed. A leaf keeps the place in the order of creation at which its number was last changed
(`engine.changed`), so a result with an operand that was changed later than it was made *may* be out of date. It is not
if the graph was replayed since, or if the leaf has its old number again. Three questions, the cheap ones first, and
all but the last answered without computing anything:

1. Was any leaf of the program changed since the oldest result of this graph was made? A comparison of two numbers, in
   the engine: a loop that records its graph anew goes no further.
2. Was a leaf of this graph changed since the output's latest `forward()`? A loop that replays its graph stops here.
3. Which results are older than a change of their operand? If there are any, they and what depends on them are computed
   anew, without changing them, and compared. If they agree, the graph counts as replayed.

A copy or a pickle of a graph keeps which of its results are older than a change of an operand (`pickling.py`).
"""

import math
from bisect import bisect
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import NoReturn
from weakref import WeakKeyDictionary, ref

from autograd.contexts import setting
from autograd.engine import (
    Value,
    as_replayed,
    at_once,
    changed,
    created,
    next_order,
    on_old_graph,
    replay,
    replayed_at,
)
from autograd.errors import StaleGraphWarning
from autograd.frames import Place, place_of_caller, warn_caller
from autograd.names import names_of_variables
from autograd.text import visible

OUT_OF_DATE = "out of date: a leaf was changed after these numbers were computed; call forward() first"
"""What a picture or a text says that shows numbers of a graph for which `warn_if_stale` has returned True."""

_MOST_NAMES = 3  # of changed leaves, in a message


def check_current(nodes: Sequence[Value]) -> None:
    """Raise an error unless each result has the number that its operands give.

    Arguments:
        nodes: a graph, as `graph_of(output)` returns it.

    Raises:
        ValueError: a number in the graph was changed without `forward()`.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> x.data = 5.0
    >>> check_current([x, y])
    Traceback (most recent call last):
        ...
    ValueError: the graph is out of date: Value(data=9.0, grad=0.0) was made by mul, which gives 25.0 now, because x \
was changed after this graph was recorded: call y.forward() first, or record the graph anew
    """
    now = replay(nodes, {v: v.data for v in nodes if v.op is None})
    for v in nodes:
        if v.op is not None and not _same(now[v], v.data):
            happened, advice = _told(nodes[-1], leaves := _since_replay(nodes[-1], nodes))
            because = f", because {happened}" if leaves else ""  # else a result was changed itself
            raise ValueError(
                f"the graph is out of date: {v} was made by {v.op.name}, which gives {now[v]} now{because}: {advice}"
            )


def warn_if_stale(nodes: Sequence[Value]) -> bool:
    """Warn if leaves of a graph have changed since its results were computed, and return whether they have.

    Arguments:
        nodes: the graph, as `graph_of(output)` returns it.

    >>> import warnings
    >>> w = Value(0.3)
    >>> loss = w * 2
    >>> w.data = 5.0
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn_if_stale([w, loss])
    True
    >>> print(caught[0].message)
    w was changed after this graph was recorded, and its results still have the numbers from before: call \
loss.forward() first, or record the graph anew
    """
    return _check(nodes[-1], [v for v in nodes if v.op is not None], [v for v in nodes if v.op is None])


def _check(output: Value, made: Sequence[Value], leaves: Sequence[Value]) -> bool:
    newest = max(map(changed, leaves), default=-1)
    if newest < replayed_at.get(ref(output), -1):
        return False
    now = next_order()
    suspects = dict.fromkeys(x for v in made[: bisect(made, newest, key=created)] for x in changed_operands(v))
    if suspects:
        try:
            data = replay(made, {x: x.data for x in suspects})
        except Exception:  # a user's function, outside of what it was written for: it gives another result, anyway
            data = {output: math.nan}
        if not all(_same(number, v.data) for v, number in data.items()):
            if refuse := _refuse.get():
                refuse(next(v for v in made if changed_operands(v)))
            happened, advice = _told(output, _since_replay(output, made) or list(suspects))
            numbers = "its results still have the numbers from before"
            warn_caller(_as_before(output, f"{happened}, and {numbers}: {advice}"), StaleGraphWarning)
            return True
    at_once(as_replayed(output, now))
    return False


def _as_before(output: Value, message: str) -> str:
    """Return the message that this line has got about this graph since its latest `forward()`, if it has got one.

    In a loop, more leaves are changed from turn to turn; but only a message that is the same is shown once.
    """
    place, replayed = place_of_caller(), replayed_at.get(ref(output), -1)
    said = _said.setdefault(output, {})
    if place not in said or said[place][0] != replayed:
        said[place] = replayed, message
    return said[place][1]


_said: WeakKeyDictionary[Value, dict[Place | None, tuple[int, str]]] = WeakKeyDictionary()


def refusing(refuse: Callable[[Value], NoReturn]) -> setting[Callable[[Value], NoReturn] | None]:
    """Return a `with` statement that calls a function in place of the warning, in this thread or task.

    Arguments:
        refuse: raises an error; it is passed the oldest result with an operand that was changed later.
    """
    return setting(_refuse, refuse)


_refuse: ContextVar[Callable[[Value], NoReturn] | None] = ContextVar("refuse", default=None)


def changed_operands(v: Value) -> list[Value]:
    """Return the leaves among its operands that were changed after this result was made."""
    made = created(v)
    return [x for x in v.args if type(x) is Value and x.op is None and changed(x) > made]


def _since_replay(output: Value, nodes: Sequence[Value]) -> list[Value]:
    """Return the leaves that were changed after results of this graph were made, and after its latest `forward()`."""
    replayed = replayed_at.get(ref(output), -1)
    operands = {x for v in nodes if v.op is not None for x in changed_operands(v)}
    return sorted((x for x in operands if changed(x) > replayed), key=created)


def _told(output: Value, leaves: Sequence[Value]) -> tuple[str, str]:
    """Say which leaves were changed, and what to do, without numbers: Python shows a warning once if it is the same.

    Arguments:
        output: the graph's, which is called by the name of its variable, if there is one.
        leaves: they, in order of creation.
    """
    variables = names_of_variables({output, *leaves})
    names = [visible(name) for v in leaves if (name := v.label or variables.get(v))][:_MOST_NAMES]
    others = len(leaves) - len(names)
    if not names:
        names = [f"{others:,} leaves without labels" if others > 1 else "a leaf without a label"]
    elif others:
        names.append(f"{others:,} more")
    replayed = f"call {variables[output]}.forward()" if output in variables else "call forward() on its output"
    return (
        f"{', '.join(names)} {'was' if len(leaves) == 1 else 'were'} changed after this graph was recorded",
        f"{replayed} first, or record the graph anew",
    )


def _same(x: float, y: float) -> bool:
    return x is y or repr(x) == repr(y)  # as text, in which nan is nan


on_old_graph[_check] = _check, None
