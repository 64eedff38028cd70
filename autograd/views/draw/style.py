"""How a drawing looks: what its boxes and edges say, its colours, its font and its lines, without a graph.

`Style` holds what a caller of `draw` chooses, and gives the attributes of DOT for each kind of box and line. `dot.py`
writes them.
"""

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograd.floats import number
from autograd.text import in_digits, letters, quoted, short
from autograd.views import render
from autograd.views.gradients import in_equation
from autograd.views.render import BOTH_THEMES, FONT, palette

ENDS = {"LR": "ew", "RL": "we", "TB": "sn", "BT": "ns"}  # where an edge leaves a box, and enters one
THEMES = (*render.THEMES, "print")

# What boxes and edges can show, with other words for it: those of the boxes, and of arguments.
_KINDS = {
    "values": ("value", "data"),
    "gradients": ("gradient", "grad"),
    "local gradients": ("local gradient", "local"),
    "formulas": ("formula",),
    "faux gradients": ("faux gradient", "faux"),
}
_CALLED = {letters(word): kind for kind, words in _KINDS.items() for word in (kind, *words)}
_BY_DEFAULT = ("values", "gradients", "local gradients", "formulas")

# Shape and fill tell leaves, results, neurons and the output apart; the outline tells the sign of a gradient, and so
# does the minus sign.
FONT_SIZE = 12.0
_LARGEST_FONT = 200.0  # points
_EDGES_TEXT = 11 / 12  # of the size of the text in boxes
_BOX_LOOKS = {
    "leaf": {"shape": "box", "style": "filled"},
    "result": {"shape": "box", "style": "rounded,filled"},
    "output": {"shape": "box", "style": "filled", "peripheries": "2"},
    "neuron": {"shape": "box", "style": "rounded,filled"},
}
_OPERATION = {"shape": "ellipse", "style": "filled", "margin": "0.03", "penwidth": "1"}
_CIRCLE = 0.4  # inches, around one or two characters
_DENSE_WIDTH = 2.05  # inches: boxes of one width for lines of one width
_ROOMY = {"nodesep": "0.25", "ranksep": "0.35"}
_DENSE = {"nodesep": "0.1", "ranksep": "1.2", "splines": "line", "newrank": "true"}
_LONGEST_CAPTION_LINE = 80  # characters

# For paper: a blue and an orange that are dark enough on white. Their greys are much the same: dashes tell them apart.
_PRINT = {
    "ink": "#000000",
    "faint": "#404040",
    "leaf": "#e0e0e0",
    "result": "#ffffff",
    "output": "#ffffff",
    "neuron": "#f2f2f2",
    "layer": "#ffffff",
    "frame": "#a0a0a0",
    "neither": "#8c8c8c",
    "positive": "#1f5a94",
    "negative": "#b0500a",
}
_TEXT_AND_GROUNDS = {"paper", "ink", "faint", "leaf", "result", "output", "neuron", "layer"}
_NAMED_COLOURS = {  # of CSS 2.1; Graphviz has X11's, of which some differ
    "aqua": "#00ffff",
    "black": "#000000",
    "blue": "#0000ff",
    "fuchsia": "#ff00ff",
    "gray": "#808080",
    "green": "#008000",
    "lime": "#00ff00",
    "maroon": "#800000",
    "navy": "#000080",
    "olive": "#808000",
    "orange": "#ffa500",
    "purple": "#800080",
    "red": "#ff0000",
    "silver": "#c0c0c0",
    "teal": "#008080",
    "white": "#ffffff",
    "yellow": "#ffff00",
}

Attributes = dict[str, str]


class Style:
    """How a drawing looks.

    Arguments: those of `draw`, which describes them.

    Attributes:
        shows: what boxes and edges show, some of `_KINDS`.
        colours: the colour of each use.
        number, gradient: the formats of values and of gradients, the same as in every view.
        signs: what tells a positive number from a negative one: the words for both.
    """

    def __init__(
        self,
        *,
        theme: str = "auto",
        direction: str = "auto",
        show: str | Iterable[str] | None = "auto",
        local: bool = True,
        faux: bool = False,
        digits: int | None = None,
        caption: bool | str = True,
        font: str = FONT,
        font_size: float = FONT_SIZE,
        colours: Mapping[str, str] | None = None,
        order: bool = False,
        ops: bool = False,
        legend: bool = False,
    ) -> None:
        check_choice("theme", theme, THEMES)
        check_choice("direction", direction, ("auto", *ENDS))
        if not isinstance(caption, (bool, str)):
            raise TypeError(f"caption is a text, or False for none, got {quoted(caption)}")
        if not (isinstance(font, str) and re.fullmatch(r"[\w ,.-]*\w[\w ,.-]*", font)):
            raise ValueError(f"font is the name of a font, such as 'Helvetica', got {quoted(font)}")
        self.direction = "LR" if direction == "auto" else direction  # until it is known how long the drawing is
        self.theme, self.caption, self.font = theme, caption, font
        self.font_size = _font_size(font_size)
        self.number, self.gradient = in_digits(digits, short), in_digits(digits, in_equation)
        self.order, self.ops, self.legend = order, ops, legend
        chosen = _chosen_kinds(show, ops=ops)
        if not local:
            chosen.discard("local gradients")
        if faux:
            chosen.add("faux gradients")
        self.shows = frozenset(chosen)
        self.in_print = theme == "print"
        own = _own_colours(colours)
        if theme == "auto" and not own.keys().isdisjoint(_TEXT_AND_GROUNDS):  # made for one theme, as text on them is
            self.theme = theme = "light"
        self.colours = _with_own_colours(theme, own)
        self.signs = ["solid", "dashed"]
        if not self.in_print:
            self.signs = [own.get(use, [word])[0] for use, word in (("positive", "blue"), ("negative", "orange"))]

    # Text ------------------------------------------------------------------------------------------------------------

    def captions(self, notes: Sequence[str], warning: str | None) -> list[str]:
        """Return the lines below the drawing.

        Arguments:
            notes: what a reader has to know of the drawing, in place of which a caller may want another text.
            warning: what is wrong with the numbers.
        """
        if not self.caption:
            return []
        warnings = [warning] if warning else []
        if self.caption is True:
            return [*warnings, *notes]
        return [*warnings, *(part for line in self.caption.split("\n") for part in _wrapped(line))]

    # Attributes of DOT -----------------------------------------------------------------------------------------------

    @property
    def _text(self) -> Attributes:
        return {"fontname": self.font, "fontcolor": self.colours["ink"], "fontsize": f"{self.font_size:g}"}

    @property
    def _smaller(self) -> str:
        return f"{_EDGES_TEXT * self.font_size:g}"

    def graph(self, *, dense: bool) -> Attributes:
        """Return the attributes of the whole drawing; a dense one has more edges than labels have room."""
        look = {**self._text, "rankdir": self.direction, "bgcolor": self.colours["paper"]}
        look["margin"] = "0"  # a PDF has half an inch around it otherwise
        return {**look, **(_DENSE if dense else _ROOMY), **({"class": BOTH_THEMES} if self.theme == "auto" else {})}

    def nodes(self) -> Attributes:
        """Return what all nodes have in common."""
        return {**self._text, "height": "0", "width": "0", "margin": "0.12,0.08", "penwidth": "2"}

    def edges(self, *, dense: bool) -> Attributes:
        """Return what all edges have in common."""
        look = {**self._text, "fontsize": self._smaller, "arrowsize": "0.7", "penwidth": "1.5"}
        if dense:  # straight lines, from the end of a box to the beginning of the next, cross no box
            ends = ENDS[self.direction]
            look |= {"tailport": ends[0], "headport": ends[1]}
        return look

    def box(self, kind: str, x: float | None = None, *, of_one_width: bool = False) -> Attributes:
        """Return the attributes of a box; the outline is the sign of its gradient.

        Arguments:
            kind: "leaf", "result", "output" or "neuron".
            x: a number of that sign; None where there is none to show.
            of_one_width: whether it is as wide as the others of a dense drawing.
        """
        outline = "neither" if x is None else sign(x)
        look = {"color": self.colours[outline], "fillcolor": self.colours[kind], **_BOX_LOOKS[kind]}
        if self.in_print and outline == "negative":
            look["style"] += ",dashed"
        return {**look, "width": f"{_DENSE_WIDTH * self.font_size / FONT_SIZE:g}"} if of_one_width else look

    @property
    def outline_of_earlier(self) -> str:
        """The outline of what is from an earlier step: on paper, a dashed one is that of a negative gradient."""
        return "dotted" if self.in_print else "dashed"

    def earlier(self) -> Attributes:
        """Return the attributes of a node for the result of an earlier step."""
        look = {"shape": "box", "style": f"rounded,filled,{self.outline_of_earlier}"}
        return {"color": self.colours["neither"], "fillcolor": self.colours["result"], **look}

    def constant(self) -> Attributes:
        """Return the attributes of a bare number."""
        return {"fontcolor": self.colours["faint"], "shape": "plaintext", "fontsize": self._smaller, "margin": "0.03"}

    def operation(self) -> Attributes:
        """Return the attributes of the circle of an operation."""
        size = f"{_CIRCLE * self.font_size / FONT_SIZE:g}"
        look = {"color": self.colours["faint"], "fillcolor": self.colours["paper"], "width": size, "height": size}
        return {**look, **_OPERATION}

    def frame(self) -> Attributes:
        """Return the attributes of the line around a layer."""
        look = {"style": "rounded,filled", "color": self.colours["frame"], "margin": "10", "class": ""}
        look |= {"peripheries": "1", "labelloc": "t"}  # whatever is around it
        return {"fillcolor": self.colours["layer"], **look}

    def around(self) -> Attributes:
        """Return the attributes of a frame that is not seen, around everything."""
        return {"peripheries": "0", "margin": "0", "class": "", "labelloc": "b"}

    def line(self, x: float | None = None) -> Attributes:
        """Return the attributes of an edge, by the sign of its local gradient; None where it shows none."""
        use = "neither" if x is None else sign(x)
        return {"color": self.colours[use], **({"style": "dashed"} if self.in_print and use == "negative" else {})}

    def constant_line(self) -> Attributes:
        """Return the attributes of an edge from a constant."""
        return {**self.line(), "style": "dotted"}

    def stopped_line(self) -> Attributes:
        """Return the attributes of an edge through which no gradient passes."""
        return {**self.line(), "style": "dotted" if self.in_print else "dashed", "arrowtail": "tee", "dir": "both"}

    def weighted_line(self, weight: float, share: float, *, dense: bool) -> Attributes:
        """Return the attributes of an edge into a neuron.

        Arguments:
            weight: it is the local gradient.
            share: |weight * input| as a part of the largest in its layer, from 0 to 1.
            dense: whether there are so many edges that small ones are pale.
        """
        look, part = self.line(weight), 0.35 + 0.65 * share
        if dense and self.in_print:  # not by opacity, which PostScript does not have
            look["color"] = _mixed(look["color"], self.colours["paper"], part)
        elif dense:
            look["color"] += f"{round(255 * part):02x}"  # the opacity
        return {**look, "penwidth": f"{0.7 + 1.8 * share:.2f}"}

    def bundle_line(self, *, are_parameters: bool) -> Attributes:
        """Return the attributes of an edge for several Values."""
        return {**self.line(), **({"style": "dashed"} if are_parameters and not self.in_print else {})}


def _wrapped(line: str) -> list[str]:
    """Return a line of a caption, divided where it is long; what is in a short one is not changed."""
    parts = textwrap.wrap(line, _LONGEST_CAPTION_LINE) if len(line) > _LONGEST_CAPTION_LINE else []
    return parts or [line]


def sign(gradient: float) -> str:
    """Return the use of the colour for a gradient; a nan has no sign."""
    return "positive" if gradient > 0 else "negative" if gradient < 0 else "neither"


# Checks of arguments -------------------------------------------------------------------------------------------------


def check_choice(argument: str, given: object, known: Iterable[str]) -> None:
    """Raise a ValueError unless an argument is one of the known ones.

    >>> check_choice("theme", "pint", THEMES)
    Traceback (most recent call last):
        ...
    ValueError: theme is one of 'auto', 'light', 'dark', 'print', got 'pint': did you mean 'print'?
    """
    if given not in [*known]:
        raise ValueError(
            f"{argument} is one of {', '.join(map(repr, known))}, got {quoted(given)}{_close(given, known)}"
        )


def _close(given: object, known: Iterable[str]) -> str:
    """Return the question whether one of the known words was meant; "" if none is close."""
    close = difflib.get_close_matches(given, known, n=1) if isinstance(given, str) else []
    return f": did you mean {close[0]!r}?" if close else ""


def _chosen_kinds(show: Any, *, ops: bool) -> set[str]:
    """Return the kinds of numbers and text that are to be shown.

    >>> sorted(_chosen_kinds(["grad", "local_gradients"], ops=False)), _chosen_kinds("none", ops=False)
    (['gradients', 'local gradients'], set())
    """
    if isinstance(show, str) and show == "auto":  # circles say which operation it is
        return set(_BY_DEFAULT) - ({"formulas"} if ops else set())
    if show is None or (isinstance(show, str) and show == "none"):
        return set()
    words = [show] if isinstance(show, str) else show
    if not isinstance(words, Iterable):
        raise TypeError(f"show takes words such as show=['values', 'gradients'], got {quoted(show)}")
    chosen = set[str]()
    for word in words:
        kind = _CALLED.get(letters(word)) if isinstance(word, str) else None
        if kind is None:
            known = ", ".join(map(repr, _KINDS))
            raise ValueError(f"show is 'none' or some of {known}, got {quoted(word)}{_close(word, _KINDS)}")
        chosen.add(kind)
    return chosen


def _font_size(given: Any) -> float:
    try:
        size = number(given)
    except TypeError as problem:
        raise TypeError(f"font_size is in points: {problem}") from None
    if not 1 <= size <= _LARGEST_FONT:
        raise ValueError(f"font_size is in points, from 1 to {_LARGEST_FONT:g}, got {quoted(given)}")
    return size


# Colours -------------------------------------------------------------------------------------------------------------


def _own_colours(colours: Any) -> dict[str, tuple[str, str]]:
    """Return, for each use that has a colour of the caller's, its name and its digits.

    >>> _own_colours({"positive": "teal", "negative": "#C50"})
    {'positive': ('teal', '#008080'), 'negative': ('#C50', '#cc5500')}
    """
    if colours is None:
        return {}
    if not isinstance(colours, Mapping):
        raise TypeError(f"colours is a dictionary such as {{'positive': '#008080'}}, got {quoted(colours)}")
    own, uses = {}, palette("light")
    for use, colour in colours.items():
        if use not in uses:
            raise ValueError(f"colours: no {quoted(use)} among {', '.join(map(repr, uses))}{_close(use, uses)}")
        digits = _NAMED_COLOURS.get(colour, colour) if isinstance(colour, str) else ""
        if not re.fullmatch(r"#([0-9a-fA-F]{3}){1,2}", digits):
            known = ", ".join(_NAMED_COLOURS)
            close = _close(colour, _NAMED_COLOURS) or f" or one of {known}"
            raise ValueError(f"colours: {quoted(colour)} for {use!r} is no colour: write '#rrggbb'{close}")
        digits = digits.lower()
        own[use] = (colour, digits if len(digits) == 7 else "#" + "".join(2 * digit for digit in digits[1:]))
    return own


def _with_own_colours(theme: str, own: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Return the colour of each use.

    A style sheet replaces the light colours where the reader's theme is dark. Lines of the caller's colours are the
    same in both themes: a colour that a light use has already is moved by one step of blue.
    """
    light = palette("light")
    colours = {**light, **_PRINT} if theme == "print" else palette(theme)
    for use, (_, digits) in own.items():
        colour = digits
        while theme == "auto" and colour in light.values():
            blue = int(colour[5:], 16)
            colour = f"{colour[:5]}{blue - 1 if blue else 1:02x}"
        colours[use] = colour
    return colours


def _mixed(colour: str, paper: str, part: float) -> str:
    """Return a colour, diluted with that of the paper.

    >>> _mixed("#000000", "#ffffff", 0.5)
    '#808080'
    """
    pairs = ((int(colour[i : i + 2], 16), int(paper[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part * x + (1 - part) * y):02x}" for x, y in pairs)
