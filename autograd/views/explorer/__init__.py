"""The graph as one interactive page: `explore(output, path)`.

The page is a single file that needs nothing else: Graphviz says where its boxes stand, the table of operations says
what it computes (as generated JavaScript), and `page.html`, `page.css` and `page.js` say how it looks and behaves.

Text that users wrote reaches the page as JSON in its script, with every character outside plain ASCII, and `<`, `>`
and `&`, escaped; the script shows it as text. A content-security policy lets no other script, style or file in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograd.codegen import javascript
from autograd.codegen.program import lower
from autograd.engine import Value, flatten, grad, graph_of
from autograd.files import write_whole
from autograd.floats import number
from autograd.ops import Op
from autograd.views.explorer.layout import lay_out
from autograd.views.names import Names, names_of

_FOLDER = Path(__file__).parent
_EDGES_PER_NODE = 10  # with more of them the page is a smear however few its nodes are

# Sizes in pixels, in which page.js draws: a character of the monospaced font, a line, the space around the text.
_CHARACTER, _LINE, _MARGIN = 7.3, 16.0, 10.0
_NARROWEST, _LONGEST = 15, 26  # characters in a box: "value", a space and "−1.235e−6"; what is longer is cut


def explore(
    output: Value,
    path: str | os.PathLike[str],
    *,
    train: Any = None,
    lr: float = 0.1,
    names: Names | None = None,
    tiny: float = 1e-4,
    max_nodes: int = 200,
) -> Path:
    """Write the graph that `output` was made from as a page that can be played with, and return its path.

    The page goes through the calculation node by node, forward and back (buttons or arrow keys), and says each step's
    arithmetic in words. Every leaf has a slider; values, local, global and faux gradients follow it at once. It is one
    HTML file that needs no server, no network and no other file. Gradients are computed in the page: `backward()` need
    not have been called, and no `.grad` changes.

    Arguments:
        output: the Value to explore, usually the loss.
        path: the file to write; one that is there is replaced, all at once.
        train: leaves (a Value, or lists of them, as from `parameters()`) that the page can train by gradient descent,
            with a chart of the falling output.
        lr: the learning rate that the page begins with.
        names: names for nodes, as for `draw`: by default nodes without a label take the name of their variable.
        tiny: the nudge of the faux gradients.
        max_nodes: the largest number of nodes, constants included, that still makes a page.

    Raises:
        TypeError: `output`, or something to train, is no Value.
        ValueError: the graph has more than `max_nodes` nodes, or more than ten times as many edges; something to train
            is no leaf of it, or stands twice; `lr` or `tiny` is not above zero; or an operation is one of your own,
            for which there is no JavaScript.
        GraphvizNotFound: there is no Graphviz; the message tells how to get one.
        OSError: the file cannot be written there.

    >>> x, weight, bias = Value(0.4, "input"), Value(0.5, "weight"), Value(0.6, "bias")
    >>> loss = ((x * weight + bias).tanh() - 0.7) ** 2 / 2
    >>> explore(loss, "neuron.html", train=[weight, bias])  # doctest: +SKIP
    PosixPath('neuron.html')
    """
    if not isinstance(output, Value):
        raise TypeError(
            f"explore() takes a Value, got {type(output).__name__}: pass a Value, as in explore(loss, path)"
        )
    path = Path(path)
    _refuse_if_no_file(path)
    values = graph_of(output)
    _refuse_if_too_large(values, max_nodes)
    trained = [] if train is None else _trained(train, values)
    graph = {
        **_described(values, names_of(values, names)),
        "train": [values.index(v) for v in trained] if train is not None else None,
        "lr": _positive("lr, the learning rate,", lr),
        "tiny": _positive("tiny, the nudge of the faux gradients,", tiny),
    }
    write_whole(path, _page(_program(output, values), graph))
    return path


def _refuse_if_no_file(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder, name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: there is no folder {path.parent}, make it first")


def _refuse_if_too_large(values: Sequence[Value], max_nodes: int) -> None:
    nodes, edges = len(values), 0
    if nodes <= max_nodes:  # more Values than that are reason enough, without a look at a million constants
        nodes += sum(not isinstance(x, Value) for v in values for x in v.args)
        edges = sum(len(v.args) for v in values)
    if nodes > max_nodes or edges > max_nodes * _EDGES_PER_NODE:
        size = f"{nodes:,} nodes" + (f" and {edges:,} edges" if edges else "")
        raise ValueError(
            f"the graph has {size}, too large for a readable page (max_nodes={max_nodes:,}): "
            "explore an intermediate value of it, as in explore(hidden, path), or a smaller example; "
            "or pass a larger max_nodes"
        )


def _trained(train: Any, values: Sequence[Value]) -> list[Value]:
    leaves = flatten(train if isinstance(train, (Value, list, tuple)) else list(train))
    if not leaves:
        raise ValueError("train is empty: name the leaves to train, or leave it out")
    for v in leaves:
        if v.op is not None:
            raise ValueError(f"only leaves can be trained, but {v} was made by {v.op}")
        if v not in values:
            raise ValueError(f"{v} cannot be trained: it is not in the graph of the output")
    if len(set(leaves)) != len(leaves):
        raise ValueError(f"{next(v for v in leaves if leaves.count(v) > 1)} stands twice in train")
    return leaves


def _positive(what: str, x: Any) -> float:
    size = number(x)
    if not 0 < size < math.inf:
        raise ValueError(f"{what} is a number above 0, got {size}")
    return size


# What the page computes ----------------------------------------------------------------------------------------------


def _program(output: Value, values: Sequence[Value]) -> str:
    """The JavaScript that computes each node from those before it, and all derivatives from the nodes."""
    places = {v: i for i, v in enumerate(values)}
    constants: list[float] = []
    steps = []
    for v in values:
        names = [f"x[{places[x]}]" if isinstance(x, Value) else javascript.constant(x) for x in v.args]
        constants += [x for x in v.args if not isinstance(x, Value)]
        steps.append("null" if v.op is None else f"x => {javascript.expression(v.op, names)}")
    derivatives = lower([*grad(output, list(values)), *_local_gradients(values)], values)
    used = {v.op for v in values if v.op is not None} | {step.op for step in derivatives.steps}
    return "\n".join(
        [
            "const program = (() => {",
            javascript.helpers(used),
            f"const initial = [{', '.join(javascript.constant(v.data) for v in values)}];",
            f"const constants = [{', '.join(map(javascript.constant, constants))}];",
            "const steps = [\n  " + ",\n  ".join(steps) + "\n];",
            javascript.function(derivatives, "derivatives"),
            "return {initial, constants, steps, derivatives};",
            "})();",
        ]
    )


def _local_gradients(values: Iterable[Value]) -> list[Value]:
    """How fast each result changes with each operand that is a Value, as graphs: the rules with a gradient of 1."""
    found = []
    for v in values:
        if v.op is not None:
            pulls = v.op.pulls(1.0, v, *v.args)
            found += [pull for x, pull in zip(v.args, pulls, strict=True) if isinstance(x, Value)]
    return [pull if isinstance(pull, Value) else Value(pull) for pull in found]


# What the page shows -------------------------------------------------------------------------------------------------


def _described(values: Sequence[Value], names: Mapping[Value, str]) -> dict[str, Any]:
    """Names, formulas, boxes and layouts, as JSON has them.

    A node's `args` are the places of its operands among the nodes, constants counted down from -1. Its `reads` is the
    formula, taken apart at the operands; its `symbol` stands in for a formula that is too long for the box.
    """
    places = {v: i for i, v in enumerate(values)}
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
                of_constants.append((len(_roughly(x)) * _CHARACTER + 6, _LINE + 2))
                args.append(-len(of_constants))
        edges += [(arg if arg >= 0 else len(values) - 1 - arg, i, arg >= 0) for arg in args]
        node: dict[str, Any] = {"name": names[v], "args": args, "title": _cut(names[v])}
        formula = ""
        if v.op is None:
            node["slider"] = _slider(v.data)
        else:
            node["reads"] = _taken_apart(v.op, len(args))
            formula = _cut(v.op.read(*(names[x] if isinstance(x, Value) else _roughly(x) for x in v.args)))
            if formula.endswith("…"):
                formula = node["symbol"] = v.op.symbol
        columns = max(_NARROWEST, _columns(node["title"]), _columns(formula))
        sizes.append((columns * _CHARACTER + 2 * _MARGIN, (3 if v.op is None else 4) * _LINE + _MARGIN))
        nodes.append(node)
    boxes = sizes + of_constants
    layouts = {direction: lay_out(boxes, edges, direction)._asdict() for direction in ("LR", "TB")}
    return {"nodes": nodes, "sizes": boxes, "layouts": layouts}


def _roughly(x: float) -> str:
    """A number about as long as the page shows it."""
    return f"{x:.4g}" if abs(x) < 1e4 else f"{x:.6g}"


def _taken_apart(op: Op, operands: int) -> list[str]:
    """The formula's text before, between and after the operands.

    >>> from autograd.ops import TABLE
    >>> _taken_apart(TABLE["mul"], 2), _taken_apart(TABLE["dot"], 4)
    (['', ' * ', ''], ['dot([', ', ', '], [', ', ', '])'])
    """
    return op.read(*["\0"] * operands).split("\0")


def _slider(x: float) -> list[float]:
    """From where to where a leaf's slider goes, and its step: round numbers around the number that the leaf has now.

    >>> _slider(0.4), _slider(-30.0)
    ([-1.6, 2.4, 0.01], [-130.0, 70.0, 0.5])
    """
    if not abs(x) < 1e100:  # infinite, or as good as that
        return [-2.0, 2.0, 0.01]
    power = 10.0 ** math.floor(math.log10(max(1.0, abs(x))))
    reach = next(digit for digit in (2, 5, 10, 20) if digit * power >= 2 * abs(x)) * power
    return [round(x - reach, 12), round(x + reach, 12), reach / 200]


def _columns(text: str) -> int:
    """How many characters wide a monospaced font shows it: East Asian ones take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _cut(text: str) -> str:
    """On one line, and no wider than a box may be."""
    text = " ".join(text.split())
    if _columns(text) <= _LONGEST:
        return text
    while _columns(text) >= _LONGEST:
        text = text[:-1]
    return text + "…"


# The file ------------------------------------------------------------------------------------------------------------


def _page(program: str, graph: dict[str, Any]) -> str:
    """The page's HTML. Its policy lets in this script and this style, by their hashes, and nothing else."""
    data = json.dumps(graph, separators=(",", ":"))  # ASCII: no U+2028, no lone surrogate
    for character in "<>&":  # no </script>, no <!--
        data = data.replace(character, f"\\u{ord(character):04x}")
    runtime = _part("page.js")
    script = f'\n"use strict";\n(() => {{\n{program}\nconst graph = {data};\n{runtime}}})();\n'
    style = f"\n{_part('page.css')}"
    parts = {"SCRIPT-HASH": _hash(script), "STYLE-HASH": _hash(style), "SCRIPT": script, "STYLE": style}
    return re.sub(
        "{{([A-Z-]+)}}", lambda found: parts[found[1]], _part("page.html")
    )  # in one go: a part may have {{ too


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
