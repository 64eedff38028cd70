"""Views at work: listeners and `detect_anomaly` hear of the Values that users make, and of no others."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from needs import FIT_BACKENDS

import autograd
from autograd import (
    AnomalyError,
    DivergenceError,
    Value,
    check_gradients,
    compile,
    detect_anomaly,
    draw,
    explain,
    explore,
    faux_gradient,
    fit,
    formula,
    nn,
    optim,
    to_spreadsheet,
    to_text,
)
from autograd.engine import graph_of
from autograd.events import listening
from autograd.ops import TABLE, Op

pytest.importorskip("xlsxwriter")


def leaves_of(output: Value) -> list[Value]:
    return [v for v in graph_of(output) if v.op is None]


VIEWS: dict[str, Callable[[Value, Path], object]] = {
    "check_gradients": lambda y, folder: repr(check_gradients(y)),
    "faux_gradient": lambda y, folder: [faux_gradient(y, x) for x in leaves_of(y)],
    "compile": lambda y, folder: [
        compile(y, leaves_of(y), backend=target)([v.data for v in leaves_of(y)])
        for target in ("python", "numpy", np)  # C needs a compiler
    ],
    "draw": lambda y, folder: draw(y, faux=True, max_nodes=400)._repr_mimebundle_(),
    "explain": lambda y, folder: [
        (str(explanation), explanation._repr_html_())
        for explanation in (explain(y), explain(y, detail="value", forward=leaves_of(y)))
    ],
    "explore": lambda y, folder: explore(y, train=leaves_of(y), max_nodes=400).html,
    "formula": lambda y, folder: (str(formula(y, max_nodes=400)), formula(y, max_nodes=400)._repr_html_()),
    "to_spreadsheet": lambda y, folder: to_spreadsheet(y, folder / "sheet.xlsx", train=leaves_of(y), attempts=3),
    "to_text": lambda y, folder: to_text(y),
}

CALLS_THE_USERS_MODEL = {"descend", "fit", "plot_decision_boundary"}
COMPOSED = {"log_softmax", "logsumexp", "mean", "softmax"}  # of operations, which the user asks for
DERIVATIVES = {"grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"}  # graphs, which the user asks for
NOT_VIEWS = {"Value", "detect_anomaly", "Descent", "History", "nn", "ops", "optim"}
NOT_VIEWS |= CALLS_THE_USERS_MODEL | COMPOSED | DERIVATIVES


def steep() -> Value:
    """A graph whose numbers are finite, and whose rules overflow; with an operation of the user's, which is recorded.

    It has more operands in one sum than a formula of a spreadsheet takes.
    """
    cube = TABLE.get("cube") or Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x, w = Value(0.0, "x"), Value(-2.0, "w")
    long = autograd.sum([x, *[1.0] * 300])
    y: Value = x.sqrt() * w + cube(w) / 7 + (long - 1).softplus() * 1e-3 + w.stop_gradient()
    y.label = "y"
    return y


def test_every_public_function_is_here_or_makes_no_values_on_its_own_account() -> None:
    names = {name for name in autograd.__dir__() if name not in TABLE}
    errors = {name for name in names if name in vars(autograd.errors)}
    assert names - errors == VIEWS.keys() | NOT_VIEWS


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_shows_the_same_under_detect_anomaly(view: str, tmp_path: Path) -> None:
    with detect_anomaly():
        y = steep()
        watched = VIEWS[view](y, tmp_path)
    assert watched == VIEWS[view](y, tmp_path)
    assert all(math.isfinite(v.data) and v.grad == 0.0 for v in graph_of(y))


@pytest.mark.parametrize("view", VIEWS)
def test_listeners_do_not_hear_a_view_at_work(view: str, tmp_path: Path) -> None:
    heard: list[tuple[Any, ...]] = []

    def note(*event: Any) -> None:
        heard.append(event)

    y = steep()
    with listening(recorded=note, compared=note, replayed=note, pulled=note, differentiated=note):
        VIEWS[view](y, tmp_path)
    assert heard == []


# ------------------------------------------------------------------------------------------- what the user did write


class Root(nn.Module):
    """A model whose derivative by its parameter is infinite where the input is 0."""

    def __init__(self) -> None:
        self.w = Value(2.0, "w")

    def __call__(self, x: Value) -> Value:
        return (self.w * x).sqrt()


def train(xs: list[float], backend: str, model: Any) -> None:
    fit(model, xs, [1.0] * len(xs), loss=nn.mse, optimizer=optim.SGD(0.1), epochs=1, backend=backend, progress=False)


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_what_training_records_of_the_users_model_is_watched(backend: str) -> None:
    with pytest.raises(AnomalyError, match="forward pass by sqrt"), detect_anomaly():
        train([-1.0, 1.0], backend, Root())


def test_the_gradients_that_training_compiles_are_not_the_users() -> None:
    with pytest.raises(AnomalyError, match="backward pass by sqrt"), detect_anomaly():
        train([0.0, 1.0], "eager", Root())
    with pytest.raises(DivergenceError), detect_anomaly():  # compiled functions are not watched
        train([0.0, 1.0], "python", Root())


def test_training_announces_the_users_model_alone() -> None:
    heard: list[Value] = []
    pulled: list[Value] = []
    with listening(recorded=heard.append, pulled=lambda output, v, part: pulled.append(v)):
        nn.mse(Root()(Value(1.0)), Value(1.0))
        of_a_sample = {v.op for v in heard}
        heard.clear()
        train([1.0, 2.0], "python", Root())
    assert {v.op for v in heard} == of_a_sample
    assert not pulled


def test_gradients_that_the_user_asks_for_are_watched() -> None:
    x = Value(0.0, "x")
    with pytest.raises(AnomalyError), detect_anomaly():
        autograd.grad(x.sqrt(), x)
