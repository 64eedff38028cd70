"""Compare the two engines on random programs: every number to the bit, every error, warning and event."""

from __future__ import annotations

import atexit
import functools
import random

import pytest
from random_programs import random_program
from two_engines import NATIVE, PURE, Engine, Pair, need_core


@functools.cache
def _engines() -> Pair:
    """Start both engines, for all rounds of this process."""
    pair = Pair(Engine(PURE), Engine(NATIVE))
    atexit.register(pair.close)
    return pair


def engines(seed: int, programs: int = 100) -> int:
    """Run random programs on both engines.

    Returns:
        the number of programs.
    """
    need_core()
    rng = random.Random(f"engines {seed}")
    for _ in range(programs):
        try:
            _engines().check(random_program(rng))
        except pytest.fail.Exception as difference:
            raise AssertionError(str(difference)) from None
    return programs
