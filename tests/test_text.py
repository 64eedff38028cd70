"""Users' text: on one line, with nothing invisible in it, and cut to the room that there is."""

from __future__ import annotations

from hostile import HOSTILE, labels
from hypothesis import given
from hypothesis import strategies as st

from autograd.text import LONGEST_NAME, cut, filled, visible, width


@given(labels, st.integers(1, 50))
def test_a_cut_text_fits(text: str, columns: int) -> None:
    shown = cut(text, columns)
    assert width(shown) <= max(columns, 1)
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))
    assert width(filled(shown, columns)) >= columns


def test_wide_and_combining_characters_are_counted_as_a_terminal_shows_them() -> None:
    assert (width("重み"), width("e\u0301te\u0301"), width("")) == (4, 3, 0)
    assert (cut("重み", 4), cut("重み", 3), cut("e\u0301te\u0301", 3)) == ("重み", "重…", "e\u0301te\u0301")


def test_a_name_is_one_line_of_characters_that_can_be_seen() -> None:
    for text in HOSTILE:
        shown = visible(text)
        assert shown.isprintable()
        assert len(shown.splitlines()) <= 1
        shown.encode()
        assert shown == text or not text.isprintable() or width(text) > LONGEST_NAME
