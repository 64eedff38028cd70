"""Show a graph as one interactive page: `explore(output)`.

The page is a single file that needs nothing else. Graphviz places its boxes, JavaScript generated from the table of
operations computes its numbers, and `page.html`, `page.css` and `page.js` give it its looks and behaviour.

Text that users wrote reaches the page as JSON in its script, with `<`, `>`, `&` and every character outside ASCII
escaped; the script shows it as text. A content-security policy blocks all other scripts, styles and files.
"""

import base64
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from autograd.choices import warn_of_choices
from autograd.codegen import javascript
from autograd.codegen.formulas import Term, constant, formula, graph_formulas, in_place, summary
from autograd.codegen.program import Program, Step, expanded, lower
from autograd.engine import Value, grad, local_gradients
from autograd.events import unobserved
from autograd.names import Names, names_of
from autograd.ops import Op
from autograd.text import cut, in_digits, short, visible, width
from autograd.views.explorer.layout import lay_out
from autograd.views.gradients import NO_GRADIENT
from autograd.views.limits import VIEWS_IN_PYTHON, check_size, graph_to_show, leaves_to_train, positive
from autograd.views.page import Page, check_place, page

_FOLDER = Path(__file__).parent

# Sizes in pixels, in which page.js draws: a character of the monospaced font, a line, the space around the text.
_CHARACTER, _LINE, _PADDING = 7.3, 16.0, 10.0
_NARROWEST = 17  # characters in a box: "grad", a space and "-123456.1235"
_WIDE_NUMBERS = -123456.123456789, -1.23456789123456789e-200
_ESCAPES = {code: f"\\u{code:04x}" for code in b"<>&"}  # in JSON: no </script>, no <!--
_WIDEST = 26  # characters in a box; longer text is cut


@unobserved
def explore(
    output: Value,
    path: str | os.PathLike[str] | None = None,
    *,
    train: Any = None,
    lr: float = 0.1,
    names: Names | None = None,
    tiny: float = 1e-4,
    max_nodes: int = 200,
    digits: int | None = None,
) -> Page:
    """Return the graph of `output` as an interactive page, which a notebook shows; with a path, write it.

    The page steps through the calculation node by node, forward and backward (buttons or arrow keys), and explains each
    step in words. Every leaf has a slider; values and local, global and faux gradients follow it at once. The page is
    one HTML file that needs no server, no network and no other file. It computes the gradients itself: `backward()`
    need not have been called, and no `.grad` changes.

    Arguments:
        output: the Value to explore, usually the loss.
        path: the file to write; an existing one is replaced in one step; a device or a pipe is written to directly.
            None writes none.
        train: leaves (a Value, or lists of them, as from `parameters()`) that the page can train by gradient descent,
            with a chart of the falling output.
        lr: the learning rate to start with.
        names: names for nodes, as for `draw`: by default nodes without a label take the name of their variable.
        tiny: the size of the perturbation for the faux gradients.
        max_nodes: the largest number of nodes on the page, constants included.
        digits: the significant digits of all numbers, as for `explain`; by default values have four, gradients four
            decimals.

    Warns:
        FrozenChoiceWarning: Values were compared before the output was recorded, as by `np.maximum`, `max` or `sorted`:
            the page keeps that choice.

    Raises:
        TypeError: `output`, or something in `train`, is not a Value, `path` no path, or `max_nodes` no integer.
        ValueError: the graph has more than `max_nodes` nodes, or more than ten times as many edges; `train` has
            something other than leaves of the graph, or one twice; `lr` or `tiny` is not above zero; or the function
            of an operation of your own runs in Python only.
        GraphvizNotFound: Graphviz is not installed; the message says how to install it.
        OSError: the file cannot be written, or is read-only.

    >>> x, weight, bias = Value(0.4, "input"), Value(0.5, "weight"), Value(0.6, "bias")
    >>> loss = ((x * weight + bias).tanh() - 0.7) ** 2 / 2
    >>> explore(loss, train=[weight, bias])
    <Page: .view() opens it, .html is its text>
    """
    values = graph_to_show(output, "explore(loss)")
    place = check_place(path)
    advice = ["explore an intermediate value, as in explore(hidden), or a smaller example"]
    check_size(values, max_nodes, "for a readable page", advice, constants=True)
    number = in_digits(digits, short)
    trained = [] if train is None else leaves_to_train(train, values)
    graph = {
        **_described(values, names_of(values, names), number),
        "digits": None if digits is None else int(digits),
        "train": [values.index(v) for v in trained] if train is not None else None,
        "noGradient": NO_GRADIENT,
        "lr": positive("lr, the learning rate,", lr),
        "tiny": positive("tiny, the perturbation for the faux gradients,", tiny),
    }
    html = _html(_program(output, values), graph)
    warn_of_choices([output], "the page keeps that choice wherever the sliders are")
    return page(html, place)


# What the page computes ----------------------------------------------------------------------------------------------


def _program(output: Value, values: Sequence[Value]) -> str:
    """Return JavaScript that computes each node from those before it, and all derivatives from the nodes."""
    places = {v: i for i, v in enumerate(values)}
    constants = [x for v in values for x in v.args if not isinstance(x, Value)]
    operands = [tuple(places[x] if isinstance(x, Value) else x for x in v.args) for v in values]
    nodes = [
        expanded(Program(len(values), [Step(v.op, own)], [len(values)]), "javascript", otherwise=VIEWS_IN_PYTHON)
        if v.op
        else None
        for v, own in zip(values, operands)
    ]
    gradients = grad(output, list(values))
    pulled = [*_pulled(values, [1.0] * len(values)), *_pulled(values, gradients)]
    derivatives = expanded(lower([*gradients, *pulled], values), "javascript", otherwise=VIEWS_IN_PYTHON)
    used = {step.op for program in (*nodes, derivatives) if program for step in program.steps}
    arrows = [javascript.arrow(node) if node else "null" for node in nodes]
    return "\n".join(
        [
            "const program = (() => {",
            javascript.helpers(used),
            f"const initial = [{', '.join(javascript.number_literal(v.data) for v in values)}];",
            f"const constants = [{', '.join(map(javascript.number_literal, constants))}];",
            "const steps = [\n  " + ",\n  ".join(arrows) + "\n];",
            javascript.function(derivatives, "derivatives"),
            "return {initial, constants, steps, derivatives};",
            "})();",
        ]
    )


def _pulled(values: Sequence[Value], gradients: Iterable[Value | float]) -> list[Value]:
    """Return what the rules of results give for these gradients, as a graph for each operand that gets one.

    With gradients of 1 these are the local gradients.
    """
    results = [(v, g) for v, g in zip(values, gradients, strict=True) if v.op]
    pulls = [pair for v, g in results for pair in zip(v.args, cast(Op, v.op).pulls(g, v, *v.args), strict=True)]
    found = [pull for x, pull in pulls if isinstance(x, Value) and pull is not None]
    return [pull if isinstance(pull, Value) else Value(pull) for pull in found]


# What the page shows -------------------------------------------------------------------------------------------------


def _described(values: Sequence[Value], names: Mapping[Value, str], number: Callable[[float], str]) -> dict[str, Any]:
    """Return names, formulas, boxes and layouts, ready for JSON; `number` writes values.

    The `args` of a node are the places of its operands among the nodes, constants counted down from -1. `formula` is
    the text of its formula before, between and after the operands, `bare` is true for operands in whose place a
    negative number needs no parentheses, `rule` names the operation, and `summary` replaces a formula that is too long
    for the box. `blocked` has the positions of operands to which no gradient passes; a node that `stops` holds its
    number still for faux gradients.
    """
    places = {v: i for i, v in enumerate(values)}
    narrowest = max(_NARROWEST, *(len("value ") + len(number(x)) for x in _WIDE_NUMBERS))
    titles = {v: _one_line(name) for v, name in names.items()}  # of a name that is cut, any formula is too wide too
    nodes: list[dict[str, Any]] = []
    sizes: list[tuple[float, float]] = []
    of_constants: list[tuple[float, float]] = []
    edges: list[tuple[int, int, bool]] = []
    for i, v in enumerate(values):
        args = []
        for x in v.args:
            if isinstance(x, Value):
                args.append(places[x])
            else:
                of_constants.append((len(number(x)) * _CHARACTER + 6, _LINE + 2))
                args.append(-len(of_constants))
        edges += [(arg if arg >= 0 else len(values) - 1 - arg, i, arg >= 0) for arg in args]
        blocked = [place for place, local in enumerate(local_gradients(v)) if local is None]
        node: dict[str, Any] = {"name": names[v], "args": args, "title": titles[v], "blocked": blocked}
        shown = ""
        if v.op is None:
            node["slider"] = _slider(v.data)
        else:
            node["stops"], node["rule"] = v.op.stops, v.op.name
            node["formula"] = formula(v.op, [Term("\0")] * len(v.args)).text.split("\0")
            node["bare"] = [text == "-" for text in in_place(v.op, [constant("-")] * len(v.args))]
            shown = _one_line(graph_formulas([v], titles, number=number)[v].text)
            if shown.endswith("…"):
                shown = node["summary"] = _one_line(summary(v))
        columns = max(narrowest, width(node["title"]), width(shown))
        sizes.append((columns * _CHARACTER + 2 * _PADDING, (3 if v.op is None else 4) * _LINE + _PADDING))
        nodes.append(node)
    boxes = sizes + of_constants
    layouts = {direction: lay_out(boxes, edges, direction)._asdict() for direction in ("LR", "TB")}
    return {"nodes": nodes, "sizes": boxes, "layouts": layouts}


def _slider(x: float) -> list[float]:
    """Return the ends of a leaf's slider and its step: round numbers around the number that the leaf has now.

    >>> _slider(0.4), _slider(-30.0)
    ([-1.6, 2.4, 0.01], [-130.0, 70.0, 0.5])
    """
    if not abs(x) < 1e100:  # nan, infinite, or nearly so
        return [-2.0, 2.0, 0.01]
    power = 10.0 ** math.floor(math.log10(max(1.0, abs(x))))
    reach = next(digit for digit in (2, 5, 10, 20) if digit * power >= 2 * abs(x)) * power
    return [round(x - reach, 12), round(x + reach, 12), reach / 200]


def _one_line(text: str) -> str:
    """Return the text on one line, cut to the width of a box. Of white space alone, the characters are shown."""
    return cut(" ".join(text.split()) or visible(text), _WIDEST)


# The file ------------------------------------------------------------------------------------------------------------


def _html(program: str, graph: dict[str, Any]) -> str:
    """Return the HTML of the page. Its policy allows this script and this style, by their hashes, and nothing else."""
    data = json.dumps(graph, separators=(",", ":")).translate(_ESCAPES)  # ASCII: no U+2028, no lone surrogate
    script = f'\n"use strict";\n(() => {{\n{program}\nconst graph = {data};\n{_file("page.js")}}})();\n'
    style = f"\n{_file('page.css')}"
    parts = {"SCRIPT-HASH": _hash(script), "STYLE-HASH": _hash(style), "SCRIPT": script, "STYLE": style}
    # In one pass: a part may contain {{ too.
    return re.sub("{{([A-Z-]+)}}", lambda found: parts[found[1]], _file("page.html"))


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
