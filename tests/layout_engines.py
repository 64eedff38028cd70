"""The two ways to Graphviz: the program `dot` and the package pygraphviz."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cases import cases
from needs import lacking

ENGINES = ["dot", "pygraphviz"]
_USUAL = "dot" if shutil.which("dot") else "pygraphviz"
USUAL_AND_OTHER = cases([_USUAL], campaign=[engine for engine in ENGINES if engine != _USUAL])
"""For tests that draw much: a user's run has one of them, the program where it is there, which starts faster."""


def require(engine: str) -> None:
    """Skip the test where `engine` is missing."""
    here = shutil.which("dot") if engine == "dot" else importlib.util.find_spec(engine)
    if not here:
        lacking(f"{engine} is not installed")


@contextmanager
def only(engine: str, folder: Path) -> Iterator[None]:
    """Render with this engine; for pygraphviz, the PATH is an empty `folder` in which there is no `dot`."""
    require(engine)
    with pytest.MonkeyPatch.context() as patch:
        if engine == "pygraphviz":
            patch.setenv("PATH", str(folder))
        yield
