"""The graph in Graphviz: `draw(output)`.

One node for each Value, one small node for each use of a constant, one edge for each place of an operand, with the
local gradient on it. The picture runs from the leaves on the left to the output on the right.

Three parts, from the top: `draw` reads the graph and writes DOT; `Drawing` is a `graphviz.Digraph` that also works
where the program `dot` is missing; `_lay_out` runs the Graphviz libraries that `pygraphviz` carries.

Text that users wrote reaches Graphviz through `_label` and `_tooltip` only. Nodes are named by counters.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import graphviz

from autograd.engine import Value, graph_of, local_gradients
from autograd.naming import Names, names_of
from autograd.ops import Op

# One font, whose widths all layout engines agree on. Shape and fill tell leaves, results and the output apart; the
# outline tells the sign of a gradient, in a blue and an orange that colour-blind people tell apart (the minus sign
# tells it too).
_FONT = "Courier"
_POSITIVE, _NEGATIVE, _NEITHER = "#67a9cf", "#f1a340", "#999999"
_GRAPH = {"rankdir": "LR", "nodesep": "0.25", "ranksep": "0.35", "fontname": _FONT, "fontsize": "12"}
_NODE = {"fontname": _FONT, "fontsize": "12", "height": "0", "width": "0", "margin": "0.12,0.08", "penwidth": "2"}
_EDGE = {"fontname": _FONT, "fontsize": "11", "arrowsize": "0.7", "penwidth": "1.5"}
_LEAF = {"shape": "box", "style": "filled", "fillcolor": "#e6e6e6"}
_RESULT = {"shape": "box", "style": "rounded,filled", "fillcolor": "white"}
_OUTPUT = {"shape": "box", "style": "filled", "fillcolor": "#ffffcc", "peripheries": "2"}
_CONSTANT = {"shape": "plaintext", "fontcolor": "#555555", "fontsize": "11", "margin": "0.03"}

_PICTURES = {"svg", "png", "pdf", "jpg", "jpeg", "gif", "ps", "eps", "webp"}
_LONGEST_FORMULA = 44  # characters; in place of a longer one, such as a dot of many, stands the operation's sign
_EDGES_PER_NODE = 10  # with more of them the picture is a smear however few its nodes are
_TIMEOUT = 60.0  # seconds; drawings of up to 200 nodes take a few at most


def draw(output: Value, *, max_nodes: int = 200, names: Names | None = None) -> Drawing:
    r"""Return a drawing of the graph that `output` was made from.

    Every Value shows its label, its formula, its number and its gradient. Every edge shows the local gradient: how fast
    the result at its head changes with the operand at its tail. A Value without a label is called v1, v2, ..., by its
    place in the order of creation. Constants get no gradient, so the edges from them are dotted and bare.

    Leaves are grey boxes, results white ones with round corners, the output is a yellow box with a double outline. Blue
    stands for a positive gradient, orange for a negative one, grey for zero. In SVG, pointing at a node or an edge
    shows its numbers with all their digits.

    Arguments:
        output: the Value to draw, usually the loss. Call `output.backward()` first to see gradients.
        max_nodes: the largest number of nodes, constants included, that is still drawn.

    Raises:
        TypeError: `output` is no Value.
        ValueError: the graph has more than `max_nodes` nodes, or more than ten times as many edges.

    A notebook shows the drawing by itself. `.view()` opens it, `.render(outfile="graph.svg")` writes it (or .png,
    .pdf), and `.source` is its DOT text, for which no Graphviz is needed:

    >>> from autograd import Value
    >>> x = Value(3.0, label="x")
    >>> y = x * x
    >>> y.backward()
    >>> print(draw(y).source)  # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
    digraph "computation graph" {
        ...
        v1 [label="x\ldata 3\lgrad 6\l" ... tooltip="x\ndata 3.0\ngrad 6.0"]
        v2 [label="y = x * x\ldata 9\lgrad 1\l" ... tooltip="y = x * x\ndata 9.0\ngrad 1.0"]
        v1 -> v2 [label=" 3 " color="#67a9cf" tooltip="d y / d x = 3.0"]
        v1 -> v2 [label=" 3 " color="#67a9cf" tooltip="d y / d x = 3.0"]
    }
    """
    if not isinstance(output, Value):
        raise TypeError(f"draw() takes a Value, got {type(output).__name__}: pass a Value, as in draw(loss)")
    values = graph_of(output)
    _refuse_if_too_large(values, max_nodes)
    ids = {v: f"v{i}" for i, v in enumerate(values, start=1)}
    called = names_of(values, names, repeat_labels=True)  # the edges tell them apart
    with_gradients = any(v.grad != 0 for v in values)  # before backward() they are all 0, which would mean nothing
    drawing = Drawing("computation graph", filename="drawing.gv", format="svg")
    drawing.graph_attr.update(_GRAPH)
    drawing.node_attr.update(_NODE)
    drawing.edge_attr.update(_EDGE)
    if not with_gradients:
        drawing.graph_attr["label"] = "all gradients are 0: call backward() first to see them"
    constants = 0
    for v in values:
        title = called[v] if v.op is None else f"{called[v]} = {_formula(v.op, v.args, called)}"
        shown, exact = [title, f"data {_short(v.data)}"], [title, f"data {v.data!r}"]
        if with_gradients:
            shown.append(f"grad {_short(v.grad)}")
            exact.append(f"grad {v.grad!r}")
        colour = _sign_colour(v.grad) if with_gradients else _NEITHER
        look = _OUTPUT if v is output else _LEAF if v.op is None else _RESULT
        drawing.node(ids[v], _label(shown), color=colour, tooltip=_tooltip(exact), **look)
        for x, local in zip(v.args, local_gradients(v), strict=True):
            if isinstance(x, Value):
                tooltip = _tooltip([f"d {called[v]} / d {called[x]} = {local!r}"])
                label = f" {_short(local)} "  # the spaces keep it off the line
                drawing.edge(ids[x], ids[v], label, color=_sign_colour(local), tooltip=tooltip)
            else:
                constants += 1
                drawing.node(f"c{constants}", _short(x), tooltip=f"constant {x!r}", **_CONSTANT)
                drawing.edge(f"c{constants}", ids[v], color=_NEITHER, style="dotted", tooltip="a constant: no gradient")
    return drawing


def _refuse_if_too_large(values: Sequence[Value], max_nodes: int) -> None:
    nodes, edges = len(values), 0
    if nodes <= max_nodes:  # more Values than that are reason enough, without a look at a million constants
        nodes += sum(not isinstance(x, Value) for v in values for x in v.args)
        edges = sum(len(v.args) for v in values)
    if nodes > max_nodes or edges > max_nodes * _EDGES_PER_NODE:
        size = f"{nodes:,} nodes" + (f" and {edges:,} edges" if edges else "")
        raise ValueError(
            f"the graph has {size}, too large for a readable picture (max_nodes={max_nodes:,}): "
            "draw an intermediate value of it, as in draw(hidden), or a smaller example; or pass a larger max_nodes"
        )


# Text ----------------------------------------------------------------------------------------------------------------


def _formula(op: Op, args: Iterable[Value | float], names: Mapping[Value, str]) -> str:
    infix = op.symbol != op.name
    operands = []
    for x in args:
        if isinstance(x, Value):
            operands.append(names[x])
        else:
            operands.append(f"({_short(x)})" if infix and x < 0 else _short(x))  # (-2) ** x, not -2 ** x
    formula = op.read(*operands)
    return formula if len(formula) <= _LONGEST_FORMULA else op.symbol


def _short(x: float) -> str:
    """Four significant digits, but no exponent below a million: 0.5591, -0.008042, 65000, 1.235e+06."""
    text = f"{x + 0.0:.4g}"  # + 0.0: what is -0 to the last digit is shown as 0
    return f"{x:.0f}" if "e+" in text and abs(x) < 1e6 else text


def _sign_colour(gradient: float) -> str:
    return _POSITIVE if gradient > 0 else _NEGATIVE if gradient < 0 else _NEITHER


# Characters that XML or UTF-8 cannot hold: Unicode has pictures of the control characters, the rest become its
# replacement character. A line feed stays, it starts a new line in the drawing too.
_DRAWABLE = {code: 0x2400 + code for code in range(0x20) if chr(code) != "\n"}
_DRAWABLE |= {0x7F: 0x2421} | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)


def _escaped(text: str, backslash: str) -> str:
    """Return DOT that shows `text` as it is: Graphviz would read escape sequences in it, and HTML entities."""
    return text.translate(_DRAWABLE).replace("&", "&amp;").replace("\\", backslash)


def _label(lines: Iterable[str]) -> str:
    lines = "\n".join(lines).split("\n")  # a title may have several
    # An empty line crashes the Graphviz in pygraphviz 2.0.4, more often than not, so it gets a space. \l: flush left.
    label: str = graphviz.nohtml("".join(_escaped(line or " ", r"\\") + r"\l" for line in lines))
    return label


def _tooltip(lines: Iterable[str]) -> str:
    text = _escaped("\n".join(lines), r"\\\\")  # both 2.43 and 14.1 read the escape sequences of a tooltip twice
    tooltip: str = graphviz.nohtml(text.replace("\n", r"\n"))
    return tooltip


# Layout --------------------------------------------------------------------------------------------------------------


class GraphvizNotFound(graphviz.ExecutableNotFound):  # type: ignore[misc]  # its base has no types
    """There is no Graphviz, neither the program `dot` nor pygraphviz; the message tells how to get one."""

    def __init__(self, message: str) -> None:
        RuntimeError.__init__(self, message)  # the class between the two expects a command line


class Drawing(graphviz.Digraph):  # type: ignore[misc]  # its base has no types
    """A `graphviz.Digraph` that renders with the program `dot`, or else with the Graphviz libraries in pygraphviz.

    Everything that a Digraph has works with both: `.source`, `.save()`, `.pipe()`, `.render()`, `.view()`. (Only
    `.unflatten()` needs a program of Graphviz.) A notebook shows the picture, or text that says what to install.

    Raises, when it renders:
        GraphvizNotFound: neither of the two is here. It is a `graphviz.ExecutableNotFound`.
        graphviz.CalledProcessError: Graphviz refused, or crashed, which it may do on the odder formats.
        TimeoutError: the layout took pygraphviz more than a minute.
    """

    def __repr__(self) -> str:
        return '<Drawing: .view() opens it, .render("graph.svg") writes it, .source is its DOT text>'

    def _repr_mimebundle_(
        self, include: Iterable[str] | None = None, exclude: Iterable[str] | None = None, **options: Any
    ) -> dict[str, Any]:
        try:
            bundle: dict[str, Any] = super()._repr_mimebundle_(include, exclude, **options)
        except Exception as error:  # any: a notebook that displays a thing should not show a traceback
            bundle = {"text/plain": str(error)}
        return bundle

    def render(self, filename: Any = None, *arguments: Any, **options: Any) -> str:
        """Write the picture and return its path: `render("loss.svg")`, or any way that `graphviz.Digraph.render` knows.

        A name that ends in the format of a picture is the picture's, and no DOT file stays beside it.
        """
        suffix = Path(filename).suffix.removeprefix(".").lower() if filename is not None else ""
        if suffix in _PICTURES and not arguments and "format" not in options and "outfile" not in options:
            folder = options.pop("directory", None) or self.directory or ""
            filename, options = None, {"cleanup": True, **options, "outfile": Path(folder, filename)}
        rendered: str = super().render(filename, *arguments, **options)
        return rendered

    # render() and pipe() of graphviz.Digraph run `dot` through the three methods below.

    def _render(self, engine: str, format: str, filepath: str, **options: Any) -> str:
        try:
            rendered: str = super()._render(engine, format, filepath, **options)
        except graphviz.ExecutableNotFound:
            suffixes = [part for part in (options["formatter"], options["renderer"], format) if part]
            rendered = str(options["outfile"] or ".".join([filepath, *suffixes]))  # where `dot` would have written
            Path(rendered).write_bytes(_lay_out(self.source, engine, format, **options))
        return rendered

    def _pipe_lines(self, engine: str, format: str, lines: Iterator[str], **options: Any) -> bytes:
        try:
            piped: bytes = super()._pipe_lines(engine, format, lines, **options)
        except graphviz.ExecutableNotFound:
            piped = _lay_out(self.source, engine, format, **options)
        return piped

    def _pipe_lines_string(self, engine: str, format: str, lines: Iterator[str], **options: Any) -> str:
        try:
            piped: str = super()._pipe_lines_string(engine, format, lines, **options)
        except graphviz.ExecutableNotFound:
            piped = _lay_out(self.source, engine, format, **options).decode(options["encoding"])
        return piped


_HOW_TO_GET_GRAPHVIZ = """Install one of the two:
  its libraries, with pip:  pip install "scalar-autograd[render]"
  the program dot:          apt install graphviz, brew install graphviz,
                            winget install graphviz, or conda install graphviz
Without them, .source is the drawing as DOT text."""

# pygraphviz runs in a process of its own: Graphviz is C code that may end its process, or take its time. from_string(),
# because AGraph(string=...) searches the text, labels included, for a charset to encode it in.
_CHILD = """
import sys
try:
    from pygraphviz import AGraph
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(3)
engine, format = sys.argv[1:]
try:
    graph = AGraph().from_string(sys.stdin.buffer.read().decode())
    picture = graph.draw(prog=engine, format=format)
except Exception as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.stdout.buffer.write(picture)
"""


def _lay_out(
    source: str, engine: str, format: str, *, renderer: str | None = None, formatter: str | None = None, **_: Any
) -> bytes:
    """Render DOT with pygraphviz, in a child process."""
    arguments = [engine, ":".join(part for part in (format, renderer, formatter) if part)]
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", _CHILD, *arguments],  # -P: without the current folder, and a user's random.py
            input=source.encode(),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows, no console flashes up
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"Graphviz was not done after {_TIMEOUT:g} seconds: draw a smaller graph") from None
    complaint = child.stderr.decode(errors="replace").strip()  # after a success it is noise, Fontconfig's for example
    if child.returncode == 3:  # from _CHILD: not installed, or a library that it needs is not
        raise GraphvizNotFound(f"no Graphviz found (no program dot; pygraphviz: {complaint}). {_HOW_TO_GET_GRAPHVIZ}")
    if child.returncode:
        complaint = f"{complaint}\nformats that work everywhere: svg, png, pdf".strip()
        raise graphviz.CalledProcessError(child.returncode, ["pygraphviz", *arguments], child.stdout, complaint)
    return child.stdout
