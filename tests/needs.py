"""Skip or fail tests that need a program or a package that is missing."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest


def is_required(extra: bool = False) -> bool:
    """Tell whether a missing program fails a test instead of skipping it.

    AUTOGRAD_REQUIRE_ALL=1 requires the programs, AUTOGRAD_REQUIRE_EXTRAS=1 also the packages that the README's command
    for the tests leaves out because they are large.
    """
    return os.environ.get("AUTOGRAD_REQUIRE_EXTRAS" if extra else "AUTOGRAD_REQUIRE_ALL") == "1"


def lacking(reason: str, extra: bool = False) -> NoReturn:
    """Skip the test, or fail it if nothing may be missing."""
    if is_required(extra):
        pytest.fail(reason)
    pytest.skip(reason)


def need_compiler() -> None:
    """Skip the test if there is no C compiler."""
    if not any(map(shutil.which, ["cc", "gcc", "clang"])):
        lacking("there is no C compiler")
