"""Numbers for people: the table of formats, and the rules that they share."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.views import numbers
from autograd.views.numbers import aligned, decimals, is_plain, short, typeset

FORMATS = {"short": short, "decimals, 6": lambda x: decimals(x, 6), "decimals, 4": lambda x: decimals(x, 4),
           "aligned": aligned}  # fmt: skip


def test_the_table_of_formats_is_what_they_do() -> None:
    rows = re.findall(r"^\| [a-z].*?\| `(.*?)` +\| `(.*?)` +\| `(.*?)` *\|$", str(numbers.__doc__), re.MULTILINE)
    assert len(rows) == 5
    for call, large, small in rows:
        for text, x in ((large, 65000.123), (small, 0.0359632)):
            assert eval(call, {"x": x, **vars(numbers)}) == text


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS.keys())
@given(x=st.floats())
def test_what_the_formats_share(form: object, x: float) -> None:
    assert callable(form)
    text: str = form(x)
    if math.isnan(x):
        assert text == "nan"
        return
    assert not re.fullmatch(r"-0\.?0*", text) or x != 0
    worth = float(text)
    assert math.isclose(worth, x, rel_tol=0.06) or (math.isinf(worth) and abs(x) > 1e308)
    if math.isfinite(x) and (x == 0 or 1.1e-4 <= abs(x) < 0.99e6):
        assert is_plain(x)
        assert "e" not in text
    elif math.isfinite(x) and (abs(x) < 0.99e-4 or abs(x) > 1.1e6):
        assert not is_plain(x)
        assert "e" in text


def test_the_minus_sign_of_books() -> None:
    assert typeset(short(-1.234e-5)) == "−1.234e−05"
