"""How a drawing looks: what its boxes and edges say, its colours, its font and its lines, without a graph.

`Style` holds what a caller of `draw` chooses, and gives the attributes of DOT for each kind of box and line. `dot.py`
writes them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from autograd.text import quoted, short
from autograd.views.gradients import in_equation
from autograd.views.render import BOTH_THEMES, THEMES, palette

ENDS = {"LR": "ew", "RL": "we", "TB": "sn", "BT": "ns"}  # where an edge leaves a box, and enters one

# One font, whose widths all layout engines agree on. Shape and fill tell leaves, results, neurons and the output apart;
# the outline tells the sign of a gradient, and so does the minus sign.
_FONT = "Courier"
_BOX_LOOKS = {
    "leaf": {"shape": "box", "style": "filled"},
    "result": {"shape": "box", "style": "rounded,filled"},
    "output": {"shape": "box", "style": "filled", "peripheries": "2"},
    "neuron": {"shape": "box", "style": "rounded,filled"},
}
_DENSE_WIDTH = "2.05"  # inches: boxes of one width for lines of one width
_ROOMY = {"nodesep": "0.25", "ranksep": "0.35"}
_DENSE = {"nodesep": "0.1", "ranksep": "1.2", "splines": "line", "newrank": "true"}

Attributes = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a drawing looks, as the arguments of `draw` say.

    Attributes:
        theme: one of `render.THEMES`.
        direction: where the picture runs, one of `ENDS`.
        local: whether edges show local gradients.
        faux: whether nodes show faux gradients.
    """

    theme: str = "auto"
    direction: str = "LR"
    local: bool = True
    faux: bool = False

    def __post_init__(self) -> None:
        check_choice("theme", self.theme, THEMES)
        check_choice("direction", self.direction, ENDS)

    @cached_property
    def colours(self) -> dict[str, str]:
        """The colour of each use."""
        return palette(self.theme)

    @property
    def _text(self) -> Attributes:
        return {"fontname": _FONT, "fontcolor": self.colours["ink"]}

    def number(self, x: float) -> str:
        """Return a number as boxes and edges show it."""
        return short(x)

    def gradient(self, x: float) -> str:
        """Return a gradient as boxes and edges show it: with the same text as in every view."""
        return in_equation(x)

    # Attributes of DOT -----------------------------------------------------------------------------------------------

    def graph(self, *, dense: bool) -> Attributes:
        """Return the attributes of the whole drawing; a dense one has more edges than labels have room."""
        look = {**self._text, "fontsize": "12", "rankdir": self.direction, "bgcolor": self.colours["paper"]}
        return {**look, **(_DENSE if dense else _ROOMY), **({"class": BOTH_THEMES} if self.theme == "auto" else {})}

    def nodes(self) -> Attributes:
        """Return what all nodes have in common."""
        return {**self._text, "fontsize": "12", "height": "0", "width": "0", "margin": "0.12,0.08", "penwidth": "2"}

    def edges(self, *, dense: bool) -> Attributes:
        """Return what all edges have in common."""
        look = {**self._text, "fontsize": "11", "arrowsize": "0.7", "penwidth": "1.5"}
        if dense:  # straight lines, from the end of a box to the beginning of the next, cross no box
            ends = ENDS[self.direction]
            look |= {"tailport": ends[0], "headport": ends[1]}
        return look

    def box(self, kind: str, gradients: Sequence[float], *, of_one_width: bool = False) -> Attributes:
        """Return the attributes of a box; the outline is the sign of its gradients, if they have one.

        Arguments:
            kind: "leaf", "result", "output" or "neuron".
            gradients: those of its Values; none where there are none to show.
            of_one_width: whether it is as wide as the others of a dense drawing.
        """
        signs = {sign(x) for x in gradients}
        outline = self.colours[signs.pop() if len(signs) == 1 else "neither"]
        width = {"width": _DENSE_WIDTH} if of_one_width else {}
        return {"color": outline, "fillcolor": self.colours[kind], **width, **_BOX_LOOKS[kind]}

    def constant(self) -> Attributes:
        return {"fontcolor": self.colours["faint"], "shape": "plaintext", "fontsize": "11", "margin": "0.03"}

    def frame(self) -> Attributes:
        look = {"style": "rounded,filled", "color": self.colours["frame"], "margin": "10", "class": ""}
        return {"fillcolor": self.colours["layer"], **look}

    def line(self, x: float | None = None) -> Attributes:
        """Return the colour of an edge, by the sign of its local gradient; None where it has none."""
        return {"color": self.colours["neither" if x is None else sign(x)]}

    def constant_line(self) -> Attributes:
        return {**self.line(), "style": "dotted"}

    def stopped_line(self) -> Attributes:
        """Return the attributes of an edge through which no gradient passes."""
        return {**self.line(), "style": "dashed", "arrowtail": "tee", "dir": "both"}

    def weighted_line(self, weight: float, share: float, *, dense: bool) -> Attributes:
        """Return the attributes of an edge into a neuron.

        Arguments:
            weight: it is the local gradient.
            share: |weight * input| as a part of the largest in its layer, from 0 to 1.
            dense: as for `graph`.
        """
        opacity = f"{round(255 * (0.35 + 0.65 * share)):02x}" if dense else ""
        return {"color": self.line(weight)["color"] + opacity, "penwidth": f"{0.7 + 1.8 * share:.2f}"}

    def bundle_line(self, *, are_parameters: bool) -> Attributes:
        return {**self.line(), **({"style": "dashed"} if are_parameters else {})}


def check_choice(argument: str, given: str, known: Iterable[str]) -> None:
    """Raise a ValueError unless an argument is one of the known ones."""
    if given not in known:
        raise ValueError(f"{argument} is one of {', '.join(map(repr, known))}, got {quoted(given)}")


def sign(gradient: float) -> str:
    """Return the use of the colour for a gradient; a nan has no sign."""
    return "positive" if gradient > 0 else "negative" if gradient < 0 else "neither"
