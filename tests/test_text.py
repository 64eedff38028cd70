"""Text for display: numbers in the formats of one table; users' text on one line, visible, and cut to fit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hostile import HOSTILE, labels
from hypothesis import given
from hypothesis import strategies as st

from autograd import text
from autograd.text import (
    LONGEST_NAME,
    aligned,
    cut,
    decimals,
    filled,
    in_digits,
    is_plain,
    short,
    significant,
    visible,
    width,
)

# Numbers -------------------------------------------------------------------------------------------------------------

FORMATS = {"short": short, "decimals, 6": lambda x: decimals(x, 6), "decimals, 4": lambda x: decimals(x, 4),
           "aligned": aligned}  # fmt: skip


def test_the_table_of_formats_is_what_they_do() -> None:
    rows = re.findall(r"^\| [a-z].*?\| `(.*?)` +\| `(.*?)` +\| `(.*?)` *\|$", str(text.__doc__), re.MULTILINE)
    assert len(rows) == 7
    for call, large, small in rows:
        for shown, x in ((large, 65000.123), (small, 0.0359632)):
            assert eval(call, {"x": x, **vars(text)}) == shown


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
@given(x=st.floats())
def test_what_the_formats_share(form: object, x: float) -> None:
    assert callable(form)
    shown: str = form(x)
    if math.isnan(x):
        assert shown == "nan"
        return
    assert not re.fullmatch(r"-0\.?0*", shown) or x != 0
    worth = float(shown)
    assert math.isclose(worth, x, rel_tol=0.06) or (math.isinf(worth) and abs(x) > 1e308)
    if math.isfinite(x) and (x == 0 or 1.1e-4 <= abs(x) < 0.99e6):
        assert is_plain(x)
        assert "e" not in shown
    elif math.isfinite(x) and (abs(x) < 0.99e-4 or abs(x) > 1.1e6):
        assert not is_plain(x)
        assert "e" in shown


@given(st.floats(-1e308, 1e308), st.integers(1, 17))
def test_significant_digits(x: float, digits: int) -> None:
    shown = significant(x, digits)
    assert shown != "-0"
    assert len(re.sub(r"e.*|\D", "", shown).lstrip("0")) <= digits
    assert math.isclose(float(shown), x, rel_tol=5.01 * 10.0**-digits, abs_tol=5e-324)


FORMATS_WITH_DECIMALS = [form for name, form in FORMATS.items() if name != "short"]
NEAR_INTEGERS = [0.99995, -0.99995, 1.00004, 2.999999, 645.98, 12.00001, 6500.001]


@pytest.mark.parametrize("form", [*FORMATS.values(), *(in_digits(n, decimals) for n in range(5, 18))])
@pytest.mark.parametrize("x", NEAR_INTEGERS)
def test_only_an_integer_is_shown_as_one(form: Callable[[float], str], x: float) -> None:
    assert float(form(x)) != round(x) or "." in form(x) or (abs(x) > 1_000 and form not in FORMATS_WITH_DECIMALS)
    assert "e" not in form(x)
    assert form(float(round(x))) == str(round(x))


def test_a_rounding_error_beside_an_integer_is_not_shown_nor_are_decimals_of_thousands() -> None:
    assert [short(x) for x in (0.1 + 0.2 + 0.7, 1 + 1e-8, 65000.4, 1e300)] == ["1", "1", "65000", "1e+300"]
    assert decimals(0.99999999999) == "1"
    assert aligned(0.99995) == decimals(0.99995, 4) == "0.99995"


@given(st.floats(), st.integers(1, 17))
def test_a_view_that_is_asked_for_digits_shows_as_many(x: float, digits: int) -> None:
    shown = in_digits(digits, decimals)(x)
    if math.isfinite(x):
        error = abs(Decimal(shown) - Decimal(x))  # in decimals: floats round what is read, too
        assert error <= abs(Decimal(x)) * Decimal("5.01") * Decimal(10) ** -digits
    assert ("e" in shown) <= (math.isfinite(x) and not 1e-4 < abs(x) < 1e6)


@pytest.mark.parametrize("digits", [0, 18, -1])
def test_digits_are_1_to_17(digits: int) -> None:
    with pytest.raises(ValueError, match="digits is from 1 to 17, which tell all floats apart"):
        in_digits(digits, short)


@pytest.mark.parametrize("digits", [4.0, "4", True])
def test_digits_are_an_integer(digits: Any) -> None:
    with pytest.raises(TypeError, match="digits is the number of significant digits, such as digits=4, got"):
        in_digits(digits, short)


# Users' text ---------------------------------------------------------------------------------------------------------


@given(labels, st.integers(1, 50))
def test_a_cut_text_fits(name: str, columns: int) -> None:
    shown = cut(name, columns)
    assert width(shown) <= max(columns, 1)
    assert shown == name or (shown.endswith("…") and name.startswith(shown[:-1]))
    assert width(filled(shown, columns)) >= columns


def test_wide_and_combining_characters_are_counted_as_a_terminal_shows_them() -> None:
    assert (width("重み"), width("e\u0301te\u0301"), width("")) == (4, 3, 0)
    assert (cut("重み", 4), cut("重み", 3), cut("e\u0301te\u0301", 3)) == ("重み", "重…", "e\u0301te\u0301")


def test_a_name_is_one_line_of_characters_that_can_be_seen() -> None:
    for name in HOSTILE:
        shown = visible(name)
        assert shown.isprintable()
        assert len(shown.splitlines()) <= 1
        shown.encode()
        assert shown == name or not name.isprintable() or width(name) > LONGEST_NAME
