"""Choose the detail of a drawing: the finest that is still readable; refuse a graph that is too large at any."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from autograd.engine import Value
from autograd.views.draw.plan import Plan
from autograd.views.limits import Size, too_large
from autograd.views.network import FoundLayer, find_layers

DETAILS = ("auto", "value", "neuron", "layer")
_MOST_VALUES, _MOST_NEURONS = 60, 100  # that "auto" draws one by one


def choose_plan(values: Sequence[Value], detail: str, expand: Sequence[str], max_nodes: int) -> Plan:
    """Return the plan at this detail, for "auto" at the finest that is readable.

    Raises:
        ValueError: the drawing is too large, or a name in `expand` is unknown.
    """
    layers = find_layers(values) if detail != "value" or expand else []
    _check_expand(expand, layers)
    for tried in [detail] if detail != "auto" else _readable(values, layers, expand):
        plan = Plan(values, layers, tried, expand)
        size = plan.join(max_nodes)
        if size.fits(max_nodes):
            return plan
    raise _refusal(plan, layers or find_layers(values), expand, size, max_nodes)


def _readable(values: Sequence[Value], layers: Sequence[FoundLayer], expand: Sequence[str]) -> list[str]:
    """Return the details for "auto" to try: every Value of a small graph, unless a neuron is to be opened in it."""
    constants = sum(not isinstance(x, Value) for v in values for x in v.args) if len(values) <= _MOST_VALUES else 0
    if not layers or (len(values) + constants <= _MOST_VALUES and not expand):
        return ["value"]
    return ["neuron", "layer"] if sum(len(layer.neurons) for layer in layers) <= _MOST_NEURONS else ["layer"]


def _check_expand(expand: Sequence[str], layers: Sequence[FoundLayer]) -> None:
    known = dict.fromkeys(name for layer in layers for name in (layer.name, *(n.name for n in layer.neurons)))
    for name in expand:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5) or list(known)[:3]
            there = f"there is {', '.join(close)}, ..." if known else "no parameter has a label such as weight1"
            raise ValueError(f"expand: no neuron or layer {name!r} in this graph: {there}")


def _refusal(plan: Plan, layers: Sequence[FoundLayer], expand: Sequence[str], size: Size, max_nodes: int) -> ValueError:
    """Return the error that says how large the drawing would be, and which arguments to try."""
    found = f"the graph has {size}"
    if plan.detail != "value":
        found = f"the graph has {len(plan.values):,} nodes, and its drawing at detail={plan.detail!r} {size}"
    advice = []
    for coarser in DETAILS[DETAILS.index(plan.detail) + 1 :] if layers else ():
        fewer = Plan(plan.values, layers, coarser, ()).join(max_nodes)
        if fewer.fits(max_nodes):
            advice.append(f"pass detail={coarser!r}, which has {fewer.nodes:,} nodes")
    if expand:
        advice.append("expand less")
    advice.append("draw an intermediate value of it, as in draw(hidden), or a smaller example, of one sample")
    return too_large(found, "for a readable picture", max_nodes, advice)
