"""Forward mode: push tangents along a graph, by the rules that pull gradients back.

Each rule is linear in the gradient, and the Jacobian of an operation with one result is a row; so what a rule makes of
the tangent of an operand is what that adds to the tangent of the result: tangent(z) = Σ ruleᵢ(tᵢ, z, ...). This is
`engine.pulled_back`, the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograd import ops
from autograd.engine import Value, created, next_order
from autograd.folds import Folding

Tangents = dict[Value, dict[int, Any]]
"""The tangents of each node by the number of the direction, Values or floats: those that move, if only by chance 0."""


def pushed(nodes: Sequence[Any], seeds: Iterable[tuple[Value, int, Any]], last: Mapping[Value, int]) -> Tangents:
    """Push tangents of inputs forward to outputs, in several directions at once: forward mode, recorded.

    Arguments:
        nodes: the graph of the outputs, as `graph_of` returns it.
        seeds: inputs, each with the number of a direction, and its tangent there: a number or a Value. Along a plain
            0.0 nothing moves.
        last: for each output, the last direction that is wanted there.
    """
    last, tangents = dict(last), Tangents()
    for x, k, t in seeds:
        if not is_zero(t):
            terms = tangents.setdefault(x, {})
            terms[k] = terms[k] + t if k in terms else t
    uses: list[tuple[Any, list[tuple[int, Value]]]] = []
    for v in reversed(nodes):
        if v in last:
            op, wanted = v.op, last[v]
            operands = [(i, x) for i, x in enumerate(v.args) if type(x) is Value and (op.direct or op.passes(i))]
            uses.append((v, operands))
            for _, x in operands:
                if wanted > last.get(x, -1):
                    last[x] = wanted
    for v, operands in reversed(uses):
        moving = [(i, tangents[x]) for i, x in operands if x in tangents]
        if moving:
            terms = tangents.setdefault(v, {})
            for k, t in _contributions(v, moving, last[v]):
                terms[k] = terms[k] + t if k in terms else t
    return tangents


def _contributions(v: Any, moving: Iterable[Any], last: int) -> list[tuple[int, Any]]:
    """Return what operands add to the tangents of a result, each with its direction, up to the last one.

    A rule is called for each tangent, so that what passes is what a gradient would be. But one for any number of
    operands is called once with g = 1, and its parts are multiplied by the tangents; and so is one of several
    operations if there are several directions, because these share its part. By a rule that gives a constant 0 whatever
    comes, nothing moves; a 0 that came of the numbers is multiplied further, as in reverse mode.

    Arguments:
        v: the result.
        moving: the places of the operands that move, each with its tangents.
        last: the last direction that is wanted.
    """
    op, args, since = v.op, v.args, next_order()
    fold = Folding(since, created)
    found: list[tuple[int, Any]] = []
    products: dict[int, list[tuple[Any, Any]]] = {}
    parts: Sequence[Any] = op.pulls(1.0, v, *args) if op.variadic else ()
    slopes: Sequence[Any] = ()
    for i, directions in moving:
        ts = [item for item in directions.items() if item[0] <= last]
        if not ts:
            continue
        k, t = ts[0]
        push = parts[i] if op.variadic else op.rules[i](t, v, *args)
        if type(push) is Value:
            push = fold(push)
        if is_zero(push):
            slopes = slopes or op.pulls(Value(1.0), v, *args)
            push = push if type(fold(slopes[i])) is Value else None
        if push is None:
            continue
        if op.variadic:
            for k, t in ts:
                products.setdefault(k, []).append((push, t))
        elif len(ts) == 1:
            found.append((k, push))
        elif any(type(x) is Value and created(x) > since for x in getattr(push, "args", ())):
            part = fold(op.rules[i](1.0, v, *args))
            found += [(k, fold(part * t)) for k, t in ts]
        else:
            found += [(k, push), *[(k, fold(op.rules[i](t, v, *args))) for k, t in ts[1:]]]
    return found + [(k, fold(_sum_of_products(pairs))) for k, pairs in products.items()]


def _sum_of_products(pairs: Sequence[tuple[Any, Any]]) -> Any:
    parts, ts = zip(*pairs)
    if len(pairs) == 1:
        return parts[0] * ts[0]
    return ops.sum(ts) if all(type(part) is float and part == 1 for part in parts) else ops.dot(parts, ts)


def is_zero(t: Any) -> bool:
    """Return True for a plain 0, which is not a Value that happens to be 0."""
    return type(t) is float and t == 0
