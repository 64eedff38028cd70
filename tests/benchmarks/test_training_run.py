"""Check that the training benchmark runs and compares like with like. Nothing here depends on time."""

from __future__ import annotations

import gc
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from needs import lacking, need_backend

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks import each other by name, as scripts do

import training


def test_micrograds_demo_is_timed() -> None:
    if not find_spec("micrograd"):
        lacking("micrograd is not installed")
    gc.disable()  # it would walk micrograd's cycles again and again
    try:
        assert training.moons_by_micrograd(1)["step"] > 0
    finally:
        gc.enable()


@pytest.mark.parametrize("backend", ["python", "c"])
def test_ours_ends_with_all_points_right(backend: str) -> None:
    found = training.moons_by_fit(backend, 1)
    assert found["accuracy"] == 1.0
    assert 0 < found["steps"] < found["first"]


@pytest.mark.parametrize("name", training.OPTIMIZERS)
@pytest.mark.campaign
def test_steps_of_fit_are_timed_beside_calls(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need_backend("c")
    monkeypatch.setattr(training, "STEPS", 2)
    monkeypatch.setattr(training, "MORE_STEPS", 3)
    found = training.steps_by_fit(name, 1)
    assert min(found[part] for part in ("step", "of more", "call")) > 0
    assert not found["why"]  # C makes the steps


def test_steps_of_fit_are_compared_with_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "job", lambda *what: {"call": 2e-6, "step": 4e-6, "of more": 3e-6, "why": ""})
    _, _, first, *_ = training.steps_table(quick=True).splitlines()
    assert [cell.strip() for cell in first.strip("|").split("|")] == ["SGD", "C", "2", "4", "3", "2", "1.5", "1.5"]


def test_digits_are_learned_as_by_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours are learned to the end by examples/digits.py, as test_documents.py runs it."""
    monkeypatch.setattr(training, "EPOCHS", 4)
    if not find_spec("sklearn"):
        lacking('scikit-learn is not installed: pip install -e ".[examples]"')
    if not find_spec("torch"):
        pytest.skip("PyTorch is not installed: it is large, and may be missing everywhere")
    (ours,) = training.digits_by_fit(1)["accuracies"]
    assert ours > 0.9
    (theirs,) = training.digits_by_torch(1)["accuracies"]
    assert ours == theirs
