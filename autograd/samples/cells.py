"""Tell what a cell of a table holds, and how text, dates and durations become numbers.

Numbers are written in many ways: with a decimal comma, with commas, points or spaces between thousands, with the sign
of a currency. Which of these a column has, its cells tell together: 1,500 is one and a half if 2,5 stands below it.
"""

from __future__ import annotations

import datetime
import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from autograd.floats import number
from autograd.text import and_joined

_MISSING = {"", "na", "n/a", "<na>", "nan", "nat", "null", "none", "?", "-", "--", "missing"}  # in small letters
_NONE_AT_ALL = ("NoneType", "NAType", "NaTType", "MaskedConstant")  # the classes of None, of pandas' NA, and such
_SIGNS = "$€£¥₹%"
_SPACES = " '\u00a0\u202f"  # between thousands
_FORMATTED = re.compile(
    rf"[-+]?\s*(?P<before>[{_SIGNS}]|[A-Z]{{3}})?\s*[-+]?"
    rf"(?P<number>\d{{1,3}}(?:[,.{_SPACES}]\d{{3}})+(?:[.,]\d+)?|\d+[.,]?\d*)(?:[eE][-+]?\d+)?"
    rf"\s*(?P<after>[{_SIGNS}]|[A-Z]{{3}})?"
)
_SEPARATORS = {";": 1, "\t": 1, "|": 1, ",": 2}
"""What stands between the columns of a file, and how often at least: a single comma may be that of a decimal."""


class Conversion(NamedTuple):
    """How the cells of a column become numbers."""

    said: str
    """What the cells are."""
    code: Callable[[str], str]
    """The code for the number in a cell, from the code for the cell."""
    of_series: Callable[[str], str] | None = None
    """The same for a Series of pandas, where that is another."""


def kind_of(x: Any) -> str:
    """Return what a cell of a table holds.

    >>> [kind_of(x) for x in (1, True, "3.5", "?", None, "Adelie", 2j)]
    ['number', 'number', 'written', 'missing', 'missing', 'text', 'other']
    >>> [kind_of(x) for x in (math.inf, "1,5", "$1,500", datetime.date(2024, 5, 1), datetime.timedelta(1))]
    ['infinite', 'formatted', 'formatted', 'date', 'duration']
    """
    if isinstance(x, (str, bytes)):
        text = as_text(x).strip()
        if text.lower() in _MISSING:
            return "missing"
        try:
            return "infinite" if math.isinf(float(text)) else "written"
        except ValueError:
            return "formatted" if _FORMATTED.fullmatch(text) else "text"
    if type(x).__name__ in _NONE_AT_ALL or (hasattr(x, "dtype") and str(x) == "NaT"):
        return "missing"
    if isinstance(x, Decimal):
        return "written"
    try:
        data = number(x)
        return "missing" if math.isnan(data) else "infinite" if math.isinf(data) else "number"
    except (TypeError, OverflowError):
        kind = getattr(getattr(x, "dtype", None), "kind", "")
        kinds = [(datetime.date, "M", "date"), (datetime.timedelta, "m", "duration"), (datetime.time, "-", "time")]
        return next((name for ours, theirs, name in kinds if isinstance(x, ours) or kind == theirs), "other")


def as_text(x: str | bytes) -> str:
    return x.decode(errors="replace") if isinstance(x, bytes) else x


def conversion_of(cells: Sequence[Any], kinds: Sequence[str]) -> Conversion | None:
    """Return how the cells of a column become numbers, where some are formatted, dates or durations; else None.

    >>> found = conversion_of(["1,5", "2,25"], ["formatted"] * 2)
    >>> found.said, found.code("x")
    ('numbers with a decimal comma', "x.replace(',', '.')")
    """
    of = {kind for kind in kinds if kind in ("formatted", "date", "duration", "time")}
    held = [x for x, kind in zip(cells, kinds) if kind in of]
    if len(of) != 1 or any(getattr(x, "ndim", 0) for x in held):
        return None
    [kind] = of
    if kind == "formatted":
        return _of_formatted(held, all(isinstance(x, (str, bytes)) for x in cells))
    unknown = any(other not in (kind, "missing") for other in kinds)
    if unknown:
        return None
    if kind == "time":
        return Conversion("times", lambda x: f"3600 * {x}.hour + 60 * {x}.minute + {x}.second")
    theirs = all(getattr(getattr(x, "dtype", None), "kind", "") in ("m", "M") for x in held)  # NumPy's
    if kind == "date":
        of_series = "({0} - {0}.min()).dt.total_seconds() / 86_400".format
        days = "{0}.astype('datetime64[D]').astype(float)" if theirs else "{0}.toordinal()"
        return Conversion("dates", days.format, of_series)
    seconds = "{0}.astype('timedelta64[s]').astype(float)" if theirs else "{0}.total_seconds()"
    return Conversion("durations", seconds.format, "{0}.dt.total_seconds()".format)


def _of_formatted(cells: Sequence[str | bytes], only_text: bool) -> Conversion:
    matches = [_FORMATTED.fullmatch(as_text(x).strip()) for x in cells]
    found = [match for match in matches if match]
    numbers = [match["number"] for match in found]
    signs = sorted({sign for match in found for sign in (match["before"], match["after"]) if sign})
    decimal = _decimal(numbers)
    between = "." if decimal == "," else ","
    removed = [*signs, *(space for space in _SPACES if any(space in x for x in numbers))]
    thousands = any(between in x for x in numbers)
    removed += [between] * thousands

    kinds = [*dict.fromkeys("a percent sign" if sign == "%" else "the sign of a currency" for sign in signs)]
    if decimal == ",":
        kinds.append("a decimal comma")
    if thousands or any(space in x for space in _SPACES for x in numbers):
        kinds.append(f"{'a comma' if thousands and between == ',' else 'a sign'} between thousands")

    def code(x: str) -> str:
        if any(isinstance(cell, bytes) for cell in cells):
            x = f"{x}.decode()"
        elif not only_text:
            x = f"str({x})"
        replaced = "".join(f".replace({part!r}, '')" for part in removed)
        return f"{x}{replaced}" + (".replace(',', '.')" if decimal == "," else "")

    return Conversion(f"numbers with {and_joined(kinds)}", code)


def _decimal(numbers: Sequence[str]) -> str:
    """Return what stands before the decimals.

    >>> _decimal(["1,500", "2,5"]), _decimal(["1,500", "2,250"]), _decimal(["1.500,5"]), _decimal(["1.500.000"])
    (',', '.', ',', ',')
    """
    for x in numbers:
        last = max(x.rfind(","), x.rfind("."))
        if "," in x and "." in x:
            return x[last]
        if max(x.count(","), x.count(".")) > 1:
            return "." if "," in x else ","
    commas = [x.rsplit(",", 1)[1] for x in numbers if "," in x]
    return "," if any(len(decimals) != 3 for decimals in commas) else "."


def separator_of(cells: Sequence[Any]) -> str:
    """Return what separates the columns of a file that was read as a single one; "" if the cells are no such lines.

    >>> separator_of(["5.1;3.5;a", "4.9;3.0;b"]), separator_of(["1,5", "2,5"]), separator_of(["a;b", "c;d"])
    (';', '', '')
    """
    texts = [as_text(x) for x in cells if isinstance(x, (str, bytes)) and kind_of(x) == "text"]
    if not texts or len(texts) < len(cells):
        return ""
    for separator, least in _SEPARATORS.items():
        count, often = Counter(text.count(separator) for text in texts).most_common(1)[0]
        parts = [kind_of(part) for part in texts[-1].split(separator)]
        if count >= least and 10 * often >= 9 * len(texts) and {"written", "formatted"} & set(parts):
            return separator
    return ""
