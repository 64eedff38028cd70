"""Write cells: text that is never taken for a formula, numbers in a format that suits them, formulas."""

import math
from typing import Any

from autograd.text import LONGEST_FORMULA, STAND_INS, is_plain, width

COLUMNS, ROWS = 16_384, 1_048_576  # of any sheet
CELLS = 100_000  # of a table that we write, at most: it takes about 5 seconds, and nobody reads more
_LONGEST_CODE = 8_192  # characters of a formula
_LONGEST_TEXT = 32_767  # characters in a cell, at most
NARROWEST = 14  # width of a column, in characters

_WRITABLE = {code: shown for code, shown in STAND_INS.items() if chr(code) not in "\t\n"}

_CELL_LOOKS: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "bg_color": "#DDE6F0", "bottom": 1, "align": "right"},
    "side": {"bold": True},
    "words": {"italic": True, "font_color": "#666666", "align": "right"},
    "number": {},
    "input": {"align": "right", "bg_color": "#FFF2CC", "font_color": "#1F4E9C", "border": 1, "border_color": "#D6B656"},
    "result": {"bold": True, "bg_color": "#E8F3E8"},
    "charted": {"bg_color": "#E8F3E8"},
    "faint": {"font_color": "#888888"},
    "count": {"num_format": "0"},
}
_CELL_LOOKS["rate"] = _CELL_LOOKS["input"] | {"align": "left"}  # below its name, in a wide column
_DECIMALS, _EXPONENT = "0.0000000", "0.000000E+00"


class Worksheet:
    """A worksheet of a workbook: `text` writes text, `input` and `formula` write numbers."""

    def __init__(self, workbook: Any, name: str) -> None:
        self.workbook, self.name = workbook, name
        self.sheet = workbook.add_worksheet(name)
        self.looks: dict[tuple[str, str], Any] = {}
        self.sheet.set_landscape()
        self.sheet.fit_to_pages(1, 0)  # printed one page wide

    def look(self, name: str, x: float | None = None) -> Any:
        """Return a cell format; with `x`, one whose digits suit that number."""
        digits = "" if x is None else _DECIMALS if is_plain(x) or not math.isfinite(x) else _EXPONENT
        if (name, digits) not in self.looks:
            options = ({"num_format": digits} if digits else {}) | _CELL_LOOKS[name]
            self.looks[name, digits] = self.workbook.add_format(options)
        return self.looks[name, digits]

    def text(self, row: int, column: int, text: str, look: str = "side") -> None:
        """Write text, never taken for a formula or a link."""
        text = text.translate(_WRITABLE)
        units = text.encode("utf-16-le")  # two bytes each, as spreadsheets count
        if len(units) > 2 * _LONGEST_TEXT:
            text = units[: 2 * (_LONGEST_TEXT - 1)].decode("utf-16-le", "ignore") + "…"
        self.sheet.write_string(row, column, text, self.look(look))

    def input(self, row: int, column: int, x: float, look: str = "input") -> None:
        """Write a number for people to change."""
        if math.isfinite(x):
            self.sheet.write_number(row, column, x, self.look(look, x))
        else:  # a spreadsheet has no such number
            self.sheet.write_formula(row, column, "=NA()", self.look(look, x), "#N/A")

    def formula(self, row: int, column: int, formula: str, x: float, look: str = "number") -> None:
        """Write a formula, with the number that Python has computed for it: some viewers do not calculate."""
        if len(formula) >= _LONGEST_CODE:
            raise ValueError(
                f"a formula would have {len(formula):,} characters, more than the {_LONGEST_CODE:,} of a spreadsheet: "
                "some Value is used too often for that; write a smaller graph"
            )
        shown = x if math.isfinite(x) else "#NUM!"
        self.sheet.write_formula(row, column, f"={formula}", self.look(look, x), shown)


def cell_name(row: int, column: int, pinned: str = "") -> str:
    """Return the name of a cell, `pinned` against shifting when its formula is copied: `"row"` or `"both"`.

    >>> cell_name(2, 1), cell_name(2, 1, "row"), cell_name(2, 27, "both")
    ('B3', 'B$3', '$AB$3')
    """
    letters, n = "", column + 1
    while n:
        n, digit = divmod(n - 1, 26)
        letters = chr(65 + digit) + letters
    return f"{'$' * (pinned == 'both')}{letters}{'$' * bool(pinned)}{row + 1}"


def column_width(*texts: str) -> float:
    """Return the width of a column that shows these texts, in characters."""
    return max([NARROWEST, *(min(width(text) + 2, LONGEST_FORMULA) for text in texts)])
