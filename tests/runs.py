"""Compare runs of training in different backends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autograd import History


def check_alike(runs: Sequence[tuple[History, list[float]]], batch_size: int | None) -> None:
    """Check that all runs have the first one's losses and parameters: with batches of one to the bit."""
    (first, numbers), *others = runs
    for history, theirs in others:
        if batch_size == 1:
            assert (history.losses, theirs) == (first.losses, numbers)
        assert history.losses == pytest.approx(first.losses, rel=1e-12)
        assert history.validation_losses == pytest.approx(first.validation_losses, rel=1e-12)
        assert theirs == pytest.approx(numbers, rel=1e-12)
