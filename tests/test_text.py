"""Text for display: numbers in the formats of one table; users' text on one line, visible, and cut to fit."""

from __future__ import annotations

import math
import re

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
    assert len(rows) == 6
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
