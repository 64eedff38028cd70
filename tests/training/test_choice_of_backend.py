"""When "auto" takes C: where that compiles quickly, where the run is long enough to gain as much, or from the cache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import need_compiler

from autograd import History, Value, fit, nn, optim
from autograd.codegen import c_build
from autograd.training import steps


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a new cache."""
    need_compiler()
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def trained(model: Any = None, **options: Any) -> History:
    model = model or nn.Neuron(2, weights=[0.5, 0.25])
    defaults: dict[str, Any] = {"loss": "mse", "optimizer": optim.Adam(0.1), "epochs": 5, "batch_size": 1, "seed": 0}
    xs = np.random.default_rng(0).normal(size=(8, 2)).tolist()
    return fit(model, xs, [a - b for a, b in xs], progress=False, **(defaults | options))


def test_c_is_compiled_where_that_takes_less_than_a_second(cache: Path) -> None:
    assert trained().backend == "c"
    assert len(list(cache.glob("*.so"))) == 2  # the loss and its gradients, and the steps with the optimizer's rule


def test_what_takes_longer_is_compiled_if_it_saves_as_much(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_build, "_SECONDS", 10.0)
    assert trained().backend == "numpy"
    assert not list(cache.glob("*.so"))
    a_call = 10.5 / 40 / 12  # of a node, so that 8 samples and 5 epochs of a program of a dozen nodes take 10 seconds
    monkeypatch.setitem(steps._MICROSECONDS_A_NODE, "numpy", (1e6 * a_call, 0.0))
    assert trained(epochs=1).backend == "numpy"
    assert trained(epochs=25).backend == "c"


def test_what_takes_longer_is_taken_from_the_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = trained(backend="c").losses
    monkeypatch.setattr(c_build, "_SECONDS", 10.0)
    history = trained()
    assert (history.backend, history.losses) == ("c", losses)


class Annealed(nn.Module):
    def __init__(self) -> None:
        self.neuron, self.heat = nn.Neuron(2, weights=[0.5, 0.25]), nn.Constant(1.0)

    def __call__(self, x: list[Value]) -> Value:
        y: Value = self.neuron(x) / self.heat.value
        return y


def test_no_more_c_is_compiled_for_a_model_that_changes_often(cache: Path) -> None:
    """Numbers that are part of the program change in each epoch; the losses keep their bits."""

    def run(backend: str) -> History:
        model = Annealed()

        def cool(epoch: int, history: History) -> None:
            model.heat.value = 0.9**epoch

        return trained(model, callback=cool, backend=backend, epochs=6)

    history = run("auto")
    assert (history.backend, history.losses) == ("numpy", run("python").losses)
    assert len(list(cache.glob("*.so"))) == 3  # two of the loss, one of the steps
    assert history.compile_seconds > history.seconds > 0  # two calls of the compiler, and 48 steps


@pytest.mark.usefixtures("cache")
def test_a_long_compilation_is_reported(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(c_build, "_SECONDS", 5.0)
    for progress, reported in ((False, False), (True, True), (True, False)):  # the last one is in the cache
        model = nn.Neuron(2, weights=[0.5, 0.25 if progress else 0.5], activation="tanh" if progress else "relu")
        fit(model, [[0.0, 1.0]], [1.0], loss="mse", optimizer="sgd", epochs=1, backend="c", progress=progress)
        assert ("compiling a large program, for some 5 seconds" in capsys.readouterr().err) == reported
