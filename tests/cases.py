"""Cases that are tried in a campaign only: the tests as a user runs them take a slice of sizes, seeds and points.

`.ci/run` takes all of them, and so do `pytest -m campaign` and `pytest --hypothesis-profile=campaign`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import settings


def cases(usual: Iterable[Any], campaign: Iterable[Any]) -> list[Any]:
    """Return the cases for `pytest.mark.parametrize`."""
    return [*usual, *_marked(campaign)]


def _marked(campaign: Iterable[Any]) -> Iterator[Any]:
    for case in campaign:
        yield pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.campaign)


def examples(most: int, **others: Any) -> settings:
    """Return the settings of a test that takes so many of Hypothesis's examples in a campaign, and else a share.

    Arguments:
        others: other settings.
    """
    return settings(max_examples=-(-most * settings().max_examples // 100), **others)
