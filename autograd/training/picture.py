"""Write charts as SVG, without any library: the pictures that notebooks show of runs and of walks.

Their ground is transparent, and their colours can be read on white and in a dark notebook; in HTML, grey text has the
colour of other text.
"""

import html
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from autograd.text import short

BLUE, ORANGE, GREY = "#1f77b4", "#d95f02", "#767676"
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 350, 18, 130  # the frame of the curves, in pixels
_WIDTH, _HEIGHT = _RIGHT - _LEFT, _BOTTOM - _TOP
_POINTS = 600  # of a curve; more than it has pixels
_FARTHEST = 1e4  # pixels, the length of a line
_Point = tuple[float, float]


class Scale(NamedTuple):
    """The range of an axis, from bottom to top."""

    low: float
    high: float
    logarithmic: bool = False

    def part(self, y: float) -> float | None:
        """Return the height of y, from 0 to 1; None if it cannot be shown."""
        if not math.isfinite(y) or (self.logarithmic and y <= 0):
            return None
        if self.logarithmic:
            return height_between(*map(math.log, (y, self.low, self.high)))
        return height_between(y, self.low, self.high)

    def place(self, y: float) -> float:
        """Return the height of y, which may be beyond the range: 0 is low, and 1 high."""
        width = self.high / 2 - self.low / 2
        return (y / 2 - self.low / 2) / width if width > 0 else 0.5


def height_between(y: float, low: float, high: float) -> float:
    """Return the position of y between low and high, from 0 to 1.

    The numbers are halved first, because high - low may be too large for a float.

    >>> height_between(1.0, 0.0, 4.0), height_between(9.0, 0.0, 4.0), height_between(0.0, -1e308, 1e308)
    (0.25, 1.0, 0.5)
    """
    width = high / 2 - low / 2
    return min(max((y / 2 - low / 2) / width, 0.0), 1.0) if width > 0 else 0.0


def svg(parts: Iterable[str]) -> str:
    """Return the parts of a chart as an SVG picture."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="160" viewBox="0 0 400 160" '
        'font-family="sans-serif" font-size="10">' + "".join(parts) + "</svg>"
    )


def above(picture: str, line: str) -> str:
    """Return a picture above a line of text as HTML; there its grey text has the colour of the page's text."""
    picture = picture.replace(f'fill="{GREY}"', 'fill="currentColor"')
    return f"<div>{picture}<br><code>{html.escape(line)}</code></div>"


def frame(first: str, name: str, last: str) -> str:
    """Return the frame of the curves, with the first and the last number below it, and what is counted."""
    return (
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>'
        + text(_LEFT, _BOTTOM + 14, first, GREY)
        + text(170, _BOTTOM + 24, name, GREY)
        + text(_RIGHT - 30, _BOTTOM + 14, last, GREY)
    )


def heights(scale: Scale, color: str, name: str) -> list[str]:
    """Return the numbers at the left of the frame, and what they are."""
    return [text(4, 22, short(scale.high), color), text(4, 132, short(scale.low), color), text(54, 12, name, color)]


def text(x: int, y: int, shown: str, color: str) -> str:
    """Return text that begins at this place."""
    return f'<text x="{x}" y="{y}" fill="{color}">{html.escape(shown)}</text>'


def curve(name: str, values: Sequence[float], scale: Scale, color: str) -> str:
    """Return lines through values at equal distances, broken at those that cannot be shown."""
    runs: list[list[str]] = [[]]
    for i in _chosen(len(values)):
        x, part = i / max(len(values) - 1, 1), scale.part(values[i])
        if part is None:
            runs.append([])
        else:
            runs[-1].append(f"{_LEFT + x * _WIDTH:.1f},{_BOTTOM - part * _HEIGHT:.1f}")
    dashes = ' stroke-dasharray="4 3"' if name.startswith("validation") else ""
    return "".join(
        f'<polyline points="{" ".join(run * 2 if len(run) == 1 else run)}" fill="none" stroke="{color}"'
        f'{dashes} stroke-width="1.5" stroke-linecap="round"><title>{html.escape(name)}</title></polyline>'
        for run in runs
        if run
    )


class Window(NamedTuple):
    """A frame that shows a part of the plane: what is beyond it is cut off."""

    across: Scale
    up: Scale

    def clipped(self, parts: Iterable[str]) -> str:
        """Return what `lines` and `marks` have drawn, in the frame."""
        place = f'x="{_LEFT}" y="{_TOP}" width="{_WIDTH}" height="{_HEIGHT}"'
        return f'<svg {place} overflow="hidden">{"".join(parts)}</svg>'

    def lines(self, points: Sequence[_Point], color: str, width: float) -> str:
        """Return the lines from each point to the next, where the frame shows one of the two."""
        chosen = [points[i] for i in _chosen(len(points))]
        path = "".join(
            self._segment(start, end) if self._shows(start) else self._segment(end, start)
            for start, end in pairwise(chosen)
            if (self._shows(start) or self._shows(end)) and all(map(math.isfinite, (*start, *end)))
        )
        return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width:g}"/>' if path else ""

    def marks(self, points: Sequence[_Point], color: str, radius: float, *, ring: bool = False) -> str:
        """Return a dot, or a ring, at each point that the frame shows."""
        look = f'fill="none" stroke="{color}"' if ring else f'fill="{color}"'
        shown = [self._pixels(points[i]) for i in _chosen(len(points)) if self._shows(points[i])]
        return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" {look}/>' for x, y in shown)

    def _pixels(self, point: _Point) -> _Point:
        return self.across.place(point[0]) * _WIDTH, (1 - self.up.place(point[1])) * _HEIGHT

    def _shows(self, point: _Point) -> bool:
        return self.across.low <= point[0] <= self.across.high and self.up.low <= point[1] <= self.up.high

    def _segment(self, start: _Point, end: _Point) -> str:
        """Return a line from a point in the frame, cut off if it is very long: browsers have no such coordinates."""
        (x, y), (to_x, to_y) = self._pixels(start), self._pixels(end)
        part = min(1.0, _FARTHEST / (math.hypot(to_x - x, to_y - y) or 1.0))
        return f"M{x:.1f} {y:.1f}L{x + part * (to_x - x):.1f} {y + part * (to_y - y):.1f}"


def _chosen(points: int) -> list[int]:
    """Return the places of the points to draw: all, or so many as a chart has pixels, and the last."""
    return sorted({*range(0, points, max(1, -(-points // _POINTS))), points - 1} - {-1})
