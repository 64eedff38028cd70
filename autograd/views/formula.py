"""Write the whole formula of a Value, down to its leaves: `formula(output)`."""

import re
from collections.abc import Sequence
from itertools import accumulate

from autograd.codegen import typesetting
from autograd.codegen.formulas import graph_formulas, graph_written
from autograd.codegen.typesetting import typeset_notation
from autograd.engine import Value
from autograd.names import Names, names_of
from autograd.text import Text, decimals, in_digits, visible
from autograd.views.equations import Equation, aligned_latex, definitions, equation_html
from autograd.views.inline import typeset
from autograd.views.limits import graph_to_show, largest_size, too_large

_DEEPEST = 400  # elements inside each other; a browser takes 512 with those around them
_ENDLESS = 10**9  # operations: a formula that doubles at each step of a long graph has a number of them without a name


class Formula(Text):
    """A formula: a string, which a notebook shows typeset."""

    _equation: Equation
    _definitions: Sequence[Equation] = ()

    def to_latex(self) -> str:
        r"""Return the formula as LaTeX: an `align*`, which needs `\usepackage{amsmath}` alone.

        >>> x, scale = Value(3.0, "x1"), Value(2.0, "scale")
        >>> print(formula((x / scale).tanh() ** 2).to_latex())
        \begin{align*}
        & \left(\tanh\left(\frac{x_{1}}{\mathrm{scale}}\right)\right)^{2}
        \end{align*}
        """
        return aligned_latex([self._equation, *self._definitions])

    def _repr_latex_(self) -> str:
        return self.to_latex()

    def _repr_html_(self) -> str | None:
        depth = accumulate(1 if tag == "<m" else -1 for tag in re.findall(r"</?m", self._equation.sides[-1].mathml))
        shown = "<br/>".join(map(equation_html, [self._equation, *self._definitions]))
        return typeset(shown, self) if max(depth) < _DEEPEST else None


def formula(output: Value, *, names: Names | None = None, max_nodes: int = 200, digits: int | None = None) -> Formula:
    """Return the whole formula of `output`, down to its leaves.

    It is a string, valid Python in the names of the leaves and of operations, and of `inf` and `nan`; a notebook shows
    it typeset, and `.to_latex()` is for a paper. A Value that is used twice is written out twice.

    Arguments:
        output: the Value whose formula it is.
        names: names for nodes, as in `draw`: by default labels, else the variables of the caller, else v1, v2, ...
        max_nodes: the largest number of operations, names and numbers in the formula.
        digits: the significant digits of numbers, as for `explain`; by default up to six decimals.

    Raises:
        TypeError: `output` is not a Value, `names` not a mapping, or `max_nodes` no integer.
        ValueError: the formula is larger than `max_nodes`.

    >>> x, weight, bias = Value(0.4, "x"), Value(0.5, "weight"), Value(0.6, "bias")
    >>> net = x * weight + bias
    >>> formula((net.tanh() - 0.7) ** 2 / 2)
    (tanh(x * weight + bias) - 0.7) ** 2 / 2
    """
    nodes = graph_to_show(output, "formula(loss)")
    number = in_digits(digits, decimals)
    _check_size(nodes, largest_size(max_nodes))
    shown = {v: visible(name) for v, name in names_of(nodes, names).items()}
    written = Formula(graph_formulas(nodes, shown, number=number)[output].text)
    typeset_names = typesetting.names_of_graph(shown.values(), (v.op for v in nodes))
    own = {v: typeset_names[name] for v, name in shown.items()}
    notation = typeset_notation(number)
    inside = graph_written(nodes, own.__getitem__, notation)[output]
    written._definitions = definitions(nodes, notation)
    is_named = output.op is not None and shown[output] != f"v{len(nodes)}"
    written._equation = Equation((own[output], inside), ("=",)) if is_named else Equation((inside,), ())
    return written


def _check_size(nodes: list[Value], max_nodes: int) -> None:
    """Refuse a formula that is too large to be read; one that doubles thirty times would not fit into memory."""
    sizes: dict[Value, int] = {}
    for v in nodes:
        sizes[v] = min(1 + sum(sizes[x] if isinstance(x, Value) else 1 for x in v.args), _ENDLESS)
    if sizes[nodes[-1]] > max_nodes or sizes[nodes[-1]] == _ENDLESS:
        advice = [
            "take an intermediate value, as in formula(hidden)",
            "to_text(output) gives each result a line of its own",
        ]
        raise too_large(
            f"the formula has {sizes[nodes[-1]]:,} operations, names and numbers", "to read", max_nodes, advice
        )
