"""Prepare text for display: format numbers; make users' text visible, measure it, cut it, and put it in tables.

What is printed, or returned to be printed, fits what standard output can show: its encoding (`printable`, `escaped`)
and the width of its terminal (`columns`).

Each kind of number has one format:

| where                                                      | format              | 65000.123    | 0.0359632  |
|------------------------------------------------------------|---------------------|--------------|------------|
| values in drawings and pages, figures of training          | `short(x)`          | `65000`      | `0.03596`  |
| values in lines of text, and constants in their formulas   | `decimals(x, 6)`    | `65000.123`  | `0.035963` |
| gradients in every view, and equations with them           | `decimals(x, 4)`    | `65000.123`  | `0.036`    |
| gradients in a table of text, one below the other          | `aligned(x)`        | `65000.1230` | `0.0360`   |
| all numbers of a view that is asked for two digits         | `short(x, 2)`       | `65000`      | `0.036`    |
| numbers to compare digit by digit, as in a gradient check  | `significant(x, 9)` | `65000.123`  | `0.0359632`|
| tooltips and error messages, where all digits count        | `repr(x)`           | `65000.123`  | `0.0359632`|

A box has room for four digits. Six decimals tell values apart that are close to each other. Four are those of the
articles' gradients, and let an equation fit on a line; a column of them keeps its zeros, so that the decimal points are
below each other. Only a comparison needs digits however small the number is. Constants in the formulas of local
gradients have its format too, so that a formula gives its number; and an equation has more digits where with four
decimals it would look false.

A view takes `digits=`, and `in_digits` gives it its formats. What they share: -0 is shown as 0 (but for the constant
-0.0 in a formula, from which the formula's number may have its sign), a number from 0.0001 up to a million has no
exponent, other numbers have four digits unless more are asked for, and only an integer is shown as one where there is
room for decimals: a local gradient of 0.99995 is not 1. The minus sign is the one that Python reads,
in equations and pictures too. `page.js` has `short` and `decimals` in JavaScript; a spreadsheet chooses the format of
its cells by `is_plain`.
"""

import functools
import math
import operator
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Container, Sequence
from itertools import zip_longest
from typing import TypeVar, cast

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e6
_MOST_BEFORE_INTEGERS, _ALL_DIGITS = 7, 17
LONGEST_NAME = 40  # columns of a name in a line of text
LONGEST_FORMULA = 64  # characters of a formula that can be read at a glance
_LONGEST_LINE = 100  # columns of a line of prose
_NARROWEST_CELL = 16  # columns in which the text of a cell is still wrapped

# XML and UTF-8 cannot hold these characters. Unicode has pictures of the control characters; the others become its
# replacement character. Line feeds and tabs are included; a view in which they have a meaning lets them pass.
STAND_INS = {code: 0x2400 + code for code in range(0x20)}
STAND_INS |= {0x7F: 0x2421} | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)

BARS = "▁▂▃▄▅▆▇█"
"""The bars of a sparkline, from low to high."""

# In ASCII, for outputs that cannot show them. Those of one line are replaced together, because a mixture misleads.
_IN_ASCII: dict[str, Sequence[str]] = {
    "×": "*",
    "≈": "~",
    "·": ".",  # the place of an operand
    "…": ["..."],
    BARS: "_.-:=+*#",
}


class Text(str):
    r"""Lines of text that a session or a notebook shows as they are, not as a string in quotes with `\n` in it.

    >>> Text("two\nlines")
    two
    lines
    """

    def __repr__(self) -> str:
        return str(self)


# What the output can show --------------------------------------------------------------------------------------------


def _encoding() -> str:
    """Return the encoding of standard output; where it has none, as a `StringIO`, one that has all characters."""
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def escaped(text: str) -> str:
    r"""Return a user's text, with the characters that standard output cannot encode written as in a Python string.

    >>> print(escaped("größe \ud800"))
    größe \ud800
    """
    return encodable(text, "backslashreplace")


def encodable(text: str, errors: str) -> str:
    """Return a text, with something in place of the characters that standard output cannot encode.

    Arguments:
        errors: what it is, as for `str.encode`.
    """
    encoding = _encoding()
    return text if text.isascii() else text.encode(encoding, errors).decode(encoding)


def printable(text: str) -> str:
    """Return a text of ours as standard output can encode it: with signs of ASCII in place of those that it lacks.

    >>> printable("4 × 1…")
    '4 × 1…'
    """
    if text.isascii():
        return text
    encoding = _encoding()
    for signs, stand_ins in _IN_ASCII.items():
        if not _encodes(encoding, signs):
            text = text.translate(dict(zip(map(ord, signs), stand_ins)))
    return escaped(text)


@functools.lru_cache(64)
def _encodes(encoding: str, text: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


_Class = TypeVar("_Class", bound=type)


def with_printable_repr(kind: _Class) -> _Class:
    """Make the `repr` that a class defines printable."""
    represent = cast(Callable[[object], str], kind.__repr__)

    def __repr__(self: object) -> str:  # noqa: N807  # the method's name
        return printable(represent(self))

    kind.__repr__ = __repr__  # type: ignore[assignment]  # a class is an object too, and this is not its own repr
    return kind


def columns() -> int | None:
    """Return the width of the terminal that standard output goes to; None if it goes elsewhere, as to a file.

    COLUMNS overrides the width of a terminal, but says nothing of a file: where readline is loaded, as in an
    interactive Python and in pytest, every program that is started inherits one.
    """
    return shutil.get_terminal_size((0, 0)).columns or None if is_terminal() else None


def is_terminal() -> bool:
    """Return True if standard output goes to a terminal."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):  # there is none, as under pythonw; it is closed
        return False


def line_width() -> int:
    """Return the width of lines of prose: 100 columns, or fewer where the terminal has fewer."""
    return min(_LONGEST_LINE, columns() or _LONGEST_LINE)


def paragraph(text: str, first: str = "", others: str = "") -> list[str]:
    """Return a text as lines that fit, of which the first and the others begin so."""
    return textwrap.wrap(
        printable(text),
        line_width(),
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


def at_commas(line: str, most: int | None) -> list[str]:
    """Return a line of figures as lines of at most so many columns, broken at commas; None: as one line.

    >>> at_commas("epoch 1/9  loss 0.5, accuracy 50.0 %, validation loss 0.25", 40)
    ['epoch 1/9  loss 0.5, accuracy 50.0 %,', '    validation loss 0.25']
    """
    if most is None or len(line) <= most:
        return [line]
    first, *parts = line.split(", ")
    lines = [first]
    for part in parts:
        joined = f"{lines[-1]}, {part}"
        if len(joined) + 1 > most:  # with the comma after it
            lines[-1] += ","
            lines.append(f"    {part}")
        else:
            lines[-1] = joined
    return lines


def folded(text: str, most: int | None) -> list[str]:
    """Return the lines of a text, wider ones as lines of at most so many columns (None: as they are).

    They are broken at spaces, and within words that are wider; what follows is indented by four more.

    >>> folded("MLP\\n  layer1: 16 ReLUNeuron(2), 48 parameters", 30)
    ['MLP', '  layer1: 16 ReLUNeuron(2), 48', '      parameters']
    """
    lines = list[str]()
    for line in text.split("\n"):
        if most is None or width(line) <= most:
            lines.append(line)
            continue
        words = line.lstrip()
        indent = line[: len(line) - len(words)]
        more = indent + "    "
        lines += textwrap.wrap(words, most, initial_indent=indent, subsequent_indent=more, break_on_hyphens=False)
    return lines


# Numbers -------------------------------------------------------------------------------------------------------------


def is_plain(x: float) -> bool:
    """Return True for a finite number that is written without an exponent."""
    return x == 0 or _SMALLEST_PLAIN <= abs(x) < _LARGEST_PLAIN


def significant(x: float, digits: int) -> str:
    """Format a number with that many significant digits, without trailing zeros.

    >>> [significant(x, 9) for x in (65000.123, 1 / 3, 2.0, 0.00001234, -0.0)]
    ['65000.123', '0.333333333', '2', '1.234e-05', '0']
    """
    return f"{x + 0.0:.{digits}g}"  # + 0.0: -0 becomes 0


def short(x: float, digits: int = 4) -> str:
    """Format a number with so many significant digits; below a million, with all digits before the point.

    >>> [short(x) for x in (0.55905, -0.0080421, 65000.123, 123456.7, 1234567.0, 0.00001234, -0.0)]
    ['0.5591', '-0.008042', '65000', '123457', '1.235e+06', '1.234e-05', '0']
    >>> short(0.9999999), short(65000.123, 7), short(1 / 3, 2)
    ('0.9999999', '65000.12', '0.33')
    """
    text = significant(x, digits)
    if "e+" in text and abs(x) < _LARGEST_PLAIN:
        return f"{x:.0f}"
    return _unless_integer(x, text) if len(text.lstrip("-")) < digits else text


def decimals(x: float, most: int = 6) -> str:
    """Format a number with at most that many decimals, without trailing zeros; small and large ones with four digits.

    >>> [decimals(x, 4) for x in (0.5, -0.0359632, 2.0, 0.00012345678, 65000.12346, 1234567.0, -0.0)]
    ['0.5', '-0.036', '2', '0.0001235', '65000.1235', '1.235e+06', '0']
    """
    return _unless_integer(x, f"{x:.{most}f}".rstrip("0").rstrip(".")) if _has_decimals(x) else short(x)


def aligned(x: float) -> str:
    """Format a number as `decimals(x, 4)` does, with the trailing zeros of a column; integers are bare.

    >>> [aligned(x) for x in (-0.0201054, 0.0359, 3.0, 0.0, 0.00012345678, 1e9, float("nan"))]
    ['-0.0201', '0.0359', '3', '0', '0.0001235', '1e+09', 'nan']
    """
    text = decimals(x, 4)
    return max(f"{x:.4f}", text, key=len) if _has_decimals(x) and x != int(x) else text


def _has_decimals(x: float) -> bool:
    return 0.001 <= abs(x) < _LARGEST_PLAIN


def _unless_integer(x: float, text: str) -> str:
    """Return a number's text; with more digits where it is an integer, but not the number.

    But no more than seven: what is closer to an integer is, as a rule, one with rounding errors.

    >>> _unless_integer(0.99995, "1"), _unless_integer(0.1 * 3 / 0.3, "1"), _unless_integer(0.25, "0.25")
    ('0.99995', '1', '0.25')
    """
    if "." in text or not math.isfinite(x) or x == int(x):
        return text
    longer = (significant(x, digits) for digits in range(len(text.lstrip("-")) + 1, _MOST_BEFORE_INTEGERS + 1))
    return next((more for more in longer if "." in more), text)


def in_digits(digits: int | None, default: Callable[[float], str]) -> Callable[[float], str]:
    """Return the format of a kind of number: of that many significant digits, where a view is asked for them.

    Arguments:
        digits: the view's argument; None: as by default.
        default: the format of this kind of number without it.

    Raises:
        TypeError: `digits` is not an integer.
        ValueError: it is not from 1 to 17.

    >>> [in_digits(digits, decimals)(2 / 3) for digits in (None, 2, 9)]
    ['0.666667', '0.67', '0.666666667']
    """
    if digits is None:
        return default
    if isinstance(digits, bool) or not hasattr(digits, "__index__"):
        raise TypeError(f"digits is the number of significant digits, such as digits=4, got {quoted(digits)}")
    most = operator.index(digits)
    if not 1 <= most <= _ALL_DIGITS:
        raise ValueError(f"digits is from 1 to {_ALL_DIGITS}, which tell all floats apart, got {quoted(digits)}")
    return functools.partial(short, digits=most)


def is_signed(text: str) -> bool:
    """Return True for a formula that begins with a minus sign.

    >>> is_signed("-1"), is_signed("x - 1")
    (True, False)
    """
    return text.startswith("-")


# Users' text ---------------------------------------------------------------------------------------------------------


def letters(name: str) -> str:
    """Return a name without what differs between the ways to write it: capitals, underscores, hyphens and spaces.

    >>> letters("LeakyReLU") == letters("leaky_relu")
    True
    """
    return re.sub(r"[_\- ]", "", name).lower()


def visible(name: str) -> str:
    r"""Return a name on one line, with everything that would disturb that line written as in a Python string.

    That is control characters, escape sequences of terminals, line feeds, marks that change the direction of writing,
    lone surrogates, and what standard output cannot encode. A long name is cut.

    >>> print(visible("two\nlines, \x1b[31mred"), visible("größe"), visible("x" * 99))
    two\nlines, \x1b[31mred größe xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    """
    shown = cut(name, LONGEST_NAME, printable("…"))
    return escaped("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown))


def quoted(x: object) -> str:
    """Return the `repr` of what a user passed, for a line of text; that of a long string is cut.

    >>> print(quoted("größe"), quoted(0.5), quoted("x" * 99))
    'größe' 0.5 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…'
    """
    return escaped(repr(cut(x, LONGEST_NAME, printable("…")) if isinstance(x, str) else x))


def and_joined(names: Sequence[str]) -> str:
    """Return names as in a sentence.

    >>> and_joined(["x"]), and_joined(["x", "y"]), and_joined(["x", "y", "z"])
    ('x', 'x and y', 'x, y and z')
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def counted(n: int, noun: str) -> str:
    """Return a number of things in words.

    >>> counted(1, "weight"), counted(2410, "parameter")
    ('1 weight', '2,410 parameters')
    """
    return f"{n:,} {noun}{'s' * (n != 1)}"


def width(text: str) -> int:
    """Return the width in columns of a monospaced font: two for East Asian characters, none for combining ones.

    >>> width("weight"), width("重み"), width("e\N{COMBINING ACUTE ACCENT}")
    (6, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


@functools.lru_cache(1024)  # a table has few different characters, and asking for each was a third of an explanation
def _width(character: str) -> int:
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def cut(text: str, columns: int, mark: str = "…") -> str:
    """Return the text, cut to that width if it is wider; the mark is at the cut.

    >>> cut("computation", 11), cut("computation", 8), cut("重み", 3), cut("computation", 8, "...")
    ('computation', 'computa…', '重…', 'compu...')
    """
    if len(text) <= columns and text.isascii():
        return text
    wide = kept = 0
    for i, character in enumerate(text):  # stops at the cut: the text may be long
        wide += _width(character)
        if wide > columns:
            return text[:kept] + mark
        if wide <= columns - len(mark):
            kept = i + 1
    return text


def filled(text: str, columns: int, *, flush_right: bool = False) -> str:
    """Return the text with spaces behind it, or before it, up to that width."""
    spaces = " " * (columns - width(text))
    return spaces + text if flush_right else text + spaces


def table(rows: Sequence[Sequence[str]], flush_right: Container[int] = (), *, head: Sequence[str] = ()) -> list[str]:
    """Return rows of cells as lines of text. A row of a single cell may be wider than the first column.

    A table that is wider than the terminal has the words of its titles one below the other, and one space, not two,
    before numbers. If that is not enough, it is divided by column, and each part begins with the first one, whose cells
    are folded if they leave no room for others.

    Arguments:
        rows: lists of cells.
        flush_right: the columns of numbers.
        head: the titles of the columns.

    >>> table([["x", "1", "a leaf"], ["net", "-20", ""], ["and others"]], flush_right={1})
    ['x      1  a leaf', 'net  -20', 'and others']
    """
    shown, titles = [[*map(printable, row)] for row in rows], [*map(printable, head)]
    most = columns()
    lines = _lines([titles, *shown] if head else shown, flush_right)
    widths = _widths([*_stacked(titles), *shown])
    if len(widths) < 2 or most is None or max(map(width, lines)) <= most:
        return lines
    lines = _lines([*_stacked(titles), *shown], flush_right, gap=" ")
    if max(map(width, lines)) <= most:
        return lines
    beside = max([_NARROWEST_CELL, *(wide for i, wide in enumerate(widths) if i in flush_right)])
    first = min(widths[0], max(most - 2 - beside, _NARROWEST_CELL // 2))
    parts, room = list[list[int]](), 0
    for i, wide in enumerate(widths[1:], 1):
        if not parts or room < 2 + wide:
            parts, room = [*parts, [0]], most - first
        parts[-1].append(i)
        room -= 2 + wide
    lines = []
    for n, part in enumerate(parts):
        chosen = [[row[i] for i in part] if len(row) > 1 else row for row in shown if len(row) > 1 or n == 0]
        rooms = [first, max(most - first - 2, _NARROWEST_CELL)] if len(part) == 2 else [first]
        folded_rows = [line for row in chosen for line in _folded_row(row, rooms)]
        heads = _stacked([titles[i] for i in part] if head else [])
        numbers = {at for at, i in enumerate(part) if i in flush_right}
        lines += [""] * (n > 0) + _lines([*heads, *folded_rows], numbers)
    return lines


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(width, column)) for column in zip(*(row for row in rows if len(row) > 1), strict=True)]


def _lines(rows: Sequence[Sequence[str]], flush_right: Container[int], gap: str = "  ") -> list[str]:
    """Return rows as lines of text, with that gap before numbers and two spaces before text."""
    widths, lines = _widths(rows) or [0], []
    gaps = ["", *(gap if i in flush_right else "  " for i in range(1, len(widths)))]
    for row in rows:
        cells = [gaps[i] + filled(cell, widths[i], flush_right=i in flush_right) for i, cell in enumerate(row)]
        lines.append("".join(cells).rstrip())
    return lines


def _stacked(titles: Sequence[str]) -> list[list[str]]:
    """Return titles as rows, with their words one below the other."""
    words = [title.split() for title in titles]
    height = max(map(len, words), default=0)
    return [[*map("".join, row)] for row in zip(*([""] * (height - len(w)) + w for w in words), strict=True)]


def _folded_row(row: Sequence[str], rooms: Sequence[int]) -> list[list[str]]:
    """Return a row as several, in which the first cells are folded where they are wider than their rooms."""
    if len(row) == 1:
        return [[*row]]
    cells = [textwrap.wrap(cell, room) if width(cell) > room else [cell] for cell, room in zip(row, rooms)]
    cells += [[cell] for cell in row[len(rooms) :]]
    return [[*line] for line in zip_longest(*cells, fillvalue="")]
