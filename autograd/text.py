"""Prepare text for display: format numbers; make users' text visible, measure it, cut it, and put it in tables.

Each kind of number has one format:

| where                                                      | format              | 65000.123    | 0.0359632  |
|------------------------------------------------------------|---------------------|--------------|------------|
| drawings, pages, figures of training                       | `short(x)`          | `65000`      | `0.03596`  |
| values in lines of text, and constants in their formulas   | `decimals(x, 6)`    | `65000.123`  | `0.035963` |
| equations and local gradients in an explanation            | `decimals(x, 4)`    | `65000.123`  | `0.036`    |
| global and faux gradients in a table, one below the other  | `aligned(x)`        | `65000.1230` | `0.0360`   |
| numbers to compare digit by digit, as in a gradient check  | `significant(x, 9)` | `65000.123`  | `0.0359632`|
| tooltips and error messages, where all digits count        | `repr(x)`           | `65000.123`  | `0.0359632`|

A box has room for four digits. Six decimals tell values apart that are close to each other. Four are those of the
articles' gradients, and let an equation fit on a line; a column of them keeps its zeros, so that the decimal points are
below each other. Only a comparison needs digits however small the number is. Constants in the formulas of local
gradients have its format too, so that a formula gives its number; and an equation has more digits where with four
decimals it would look false.

A drawing, an equation and a column have one format each. What the formats share: -0 is shown as 0, a number from 0.0001
up to a million has no exponent, and other numbers have four digits unless more are asked for. `page.js` has `short` in
JavaScript; a spreadsheet chooses the format of its cells by `is_plain`.
"""

import functools
import re
import unicodedata
from collections.abc import Container, Sequence

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e6
LONGEST_NAME = 40  # columns of a name in a line of text
LONGEST_FORMULA = 64  # characters of a formula that can be read at a glance

# XML and UTF-8 cannot hold these characters. Unicode has pictures of the control characters; the others become its
# replacement character. Line feeds and tabs are included; a view in which they have a meaning lets them pass.
STAND_INS = {code: 0x2400 + code for code in range(0x20)}
STAND_INS |= {0x7F: 0x2421} | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)


def letters(name: str) -> str:
    """Return a name without what differs between the ways to write it: capitals, underscores, hyphens and spaces.

    >>> letters("LeakyReLU") == letters("leaky_relu")
    True
    """
    return re.sub(r"[_\- ]", "", name).lower()


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


def short(x: float) -> str:
    """Format a number with four significant digits; below a million, with all digits before the point.

    >>> [short(x) for x in (0.55905, -0.0080421, 65000.123, 123456.7, 1234567.0, 0.00001234, -0.0)]
    ['0.5591', '-0.008042', '65000', '123457', '1.235e+06', '1.234e-05', '0']
    """
    text = significant(x, 4)
    return f"{x:.0f}" if "e+" in text and abs(x) < _LARGEST_PLAIN else text


def decimals(x: float, most: int = 6) -> str:
    """Format a number with at most that many decimals, without trailing zeros; small and large ones with four digits.

    >>> [decimals(x, 4) for x in (0.5, -0.0359632, 2.0, 0.00012345678, 65000.12346, 1234567.0, -0.0)]
    ['0.5', '-0.036', '2', '0.0001235', '65000.1235', '1.235e+06', '0']
    """
    return f"{x:.{most}f}".rstrip("0").rstrip(".") if _has_decimals(x) else short(x)


def aligned(x: float) -> str:
    """Format a number as `decimals(x, 4)` does, with the trailing zeros of a column; integers are bare.

    >>> [aligned(x) for x in (-0.0201054, 0.0359, 3.0, 0.0, 0.00012345678, 1e9, float("nan"))]
    ['-0.0201', '0.0359', '3', '0', '0.0001235', '1e+09', 'nan']
    """
    return f"{x:.4f}" if _has_decimals(x) and x != int(x) else decimals(x, 4)


def _has_decimals(x: float) -> bool:
    return 0.001 <= abs(x) < _LARGEST_PLAIN


def typeset(text: str) -> str:
    """Replace each hyphen by the typographic minus sign, which is as wide as a plus.

    >>> typeset("-1.5e-05")
    '−1.5e−05'
    """
    return text.replace("-", "−")


# Users' text ---------------------------------------------------------------------------------------------------------


def visible(name: str) -> str:
    r"""Return a name on one line, with everything that would disturb that line written as in a Python string.

    That is control characters, escape sequences of terminals, line feeds, marks that change the direction of writing,
    and lone surrogates. A long name is cut.

    >>> print(visible("two\nlines, \x1b[31mred"), visible("größe"), visible("x" * 99))
    two\nlines, \x1b[31mred größe xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut(name, LONGEST_NAME))


def width(text: str) -> int:
    """Return the width in columns of a monospaced font: two for East Asian characters, none for combining ones.

    >>> width("weight"), width("重み"), width("e\N{COMBINING ACUTE ACCENT}")
    (6, 4, 1)
    """
    return len(text) if text.isascii() else sum(map(_width, text))


@functools.lru_cache(1024)  # a table has few different characters, and asking for each was a third of an explanation
def _width(character: str) -> int:
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def cut(text: str, columns: int) -> str:
    """Return the text, cut to that width if it is wider; … marks the cut.

    >>> cut("computation", 11), cut("computation", 8), cut("重み", 3)
    ('computation', 'computa…', '重…')
    """
    if len(text) <= columns and text.isascii():
        return text
    wide = kept = 0
    for i, character in enumerate(text):  # stops at the cut: the text may be long
        wide += _width(character)
        if wide > columns:
            return text[:kept] + "…"
        if wide < columns:  # which leaves room for the …
            kept = i + 1
    return text


def filled(text: str, columns: int, *, flush_right: bool = False) -> str:
    """Return the text with spaces behind it, or before it, up to that width."""
    spaces = " " * (columns - width(text))
    return spaces + text if flush_right else text + spaces


def table(rows: Sequence[Sequence[str]], flush_right: Container[int] = ()) -> list[str]:
    """Return rows of cells as lines of text. A row of a single cell may be wider than the first column.

    >>> table([["x", "1", "a leaf"], ["net", "-20", ""], ["and others"]], flush_right={1})
    ['x      1  a leaf', 'net  -20', 'and others']
    """
    widths = [max(map(width, column)) for column in zip(*(row for row in rows if len(row) > 1), strict=True)]
    lines = []
    for row in rows:
        cells = [filled(cell, widths[i], flush_right=i in flush_right) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    return lines
