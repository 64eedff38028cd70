"""Prepare the text of users for display: make it visible, measure its width, cut it."""

import unicodedata
from collections.abc import Container, Sequence

LONGEST_NAME = 40  # columns of a name in a line of text

# XML and UTF-8 cannot hold these characters. Unicode has pictures of the control characters, the others become its
# replacement character. Line feeds and tabs are among them: a view in which they mean something lets them pass.
PICTURES = {code: 0x2400 + code for code in range(0x20)}
PICTURES |= {0x7F: 0x2421} | dict.fromkeys([*range(0xD800, 0xE000), 0xFFFE, 0xFFFF], 0xFFFD)


def visible(name: str) -> str:
    r"""Return a name on one line, with everything in it that would disturb a line written as in a Python string.

    That is control characters, escape sequences of terminals, line feeds, marks that turn the direction of writing and
    lone surrogates. A long name loses its end.

    >>> print(visible("two\nlines, \x1b[31mred"), visible("größe"), visible("x" * 99))
    two\nlines, \x1b[31mred größe xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut(name, LONGEST_NAME))


def width(text: str) -> int:
    """Return how many columns a monospaced font takes: two for East Asian characters, none for combining ones.

    >>> width("weight"), width("重み"), width("e\N{COMBINING ACUTE ACCENT}")
    (6, 4, 1)
    """
    return sum(_width(c) for c in text)


def _width(character: str) -> int:
    return 0 if unicodedata.combining(character) else 1 + (unicodedata.east_asian_width(character) in "WF")


def cut(text: str, columns: int) -> str:
    """Return the text, no wider than that; one that has lost its end has … there.

    >>> cut("computation", 11), cut("computation", 8), cut("重み", 3)
    ('computation', 'computa…', '重…')
    """
    if width(text) <= columns:
        return text
    kept, room = 0, columns - 1  # for the …
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept += 1
    return text[:kept] + "…"


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
