"""Check that the generated type stubs, and the page of operations, agree with the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from make_stubs import STUBS


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.name)
def test_a_generated_file_is_fresh(path: Path) -> None:
    assert path.read_text() == STUBS[path](), "run: python tests/make_stubs.py"
