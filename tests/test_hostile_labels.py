"""Labels in messages: whatever a user's label holds, a message shows it visibly and on one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE

from autograd import Value, check_gradients, compile, detect_anomaly, draw, explain, explore, fit, nn, optim
from autograd.files import numbers_from_text
from autograd.ops import TABLE, Op

LABELS = [*HOSTILE, "w\nevil \x1b[31mred", "\N{LINE SEPARATOR}".join("ab"), "\x9b31m"]


class Bare:
    """A model that is not a Module, with a parameter."""

    def __init__(self, label: str, call: Callable[[Value, Value], Any]) -> None:
        self.w, self.call = Value(0.5, label), call

    def parameters(self) -> list[Value]:
        return [self.w]

    def __call__(self, x: Value) -> Any:
        return self.call(self.w, x)


def train(model: Any, backend: str = "python") -> object:
    options: dict[str, Any] = {"loss": nn.mse, "optimizer": optim.SGD(0.1), "epochs": 2, "progress": False}
    return fit(model, [1.0, 2.0], [1.0, 1.0], backend=backend, **options)


def keeping(label: str) -> Bare:
    """A model that keeps a result of its parameter, which has the label."""
    model = Bare(label, lambda w, x: kept * x)
    kept = model.w * 2
    kept.label = label
    return model


def set_parameter(w: Value, x: Value) -> Value:
    w.data += 1.0
    return w * x


def labelled(label: str) -> tuple[Value, Value]:
    """A leaf and a result, both with the label."""
    x = Value(2.0, label)
    y = x * x
    y.label = label
    return x, y


def wrong(label: str) -> object:
    op = TABLE.get("wrong") or Op("wrong({})", lambda x: x * x, lambda g, z, x: g * x)
    return check_gradients(op(Value(3.0, label)))


def out_of_date(view: Callable[[Value], object]) -> Callable[[str], object]:
    def work(label: str) -> object:
        x, y = labelled(label)
        x.data = 5.0
        return view(y)

    return work


def anomaly(label: str) -> object:
    with detect_anomaly():
        _, y = labelled(label)
        return (y - y).log()


def backward_anomaly(label: str) -> None:
    with detect_anomaly():
        _, y = labelled(label)
        z = (y - 4).sqrt()
        z.label = label
        z.backward()


class Named(nn.Module):
    """A module whose parameters have labels as their names."""

    def __init__(self, *labels: str) -> None:
        self.parts = {label: Value(1.0) for label in labels}


def load_another(label: str, folder: Path) -> None:
    Named(label).save(folder / "file.json")
    Named("other").load(folder / "file.json")


def a_neuron_called(label: str) -> Value:
    x, w, bias = Value(2.0), Value(3.0, f"{label}.weight"), Value(1.0, f"{label}.bias")
    return (w * x + bias).tanh()


MESSAGES: dict[str, Callable[[str, Path], object]] = {
    "a step on a result": lambda label, _: optim.SGD(0.1).step([labelled(label)[1]]),
    "a step twice on a leaf": lambda label, _: optim.SGD(0.1).step([labelled(label)[0]] * 2),
    "compiled for a result": lambda label, _: compile(labelled(label)[1], labelled(label)[1]),
    "another graph's leaf to train": lambda label, folder: explore(
        labelled("")[1], folder / "page.html", train=labelled(label)[0]
    ),
    "explain out of date": lambda label, _: out_of_date(explain)(label),
    "a nudge from another graph": lambda label, _: explain(labelled("y")[1], forward=labelled(label)[0]),
    "a nudge of an unknown graph's": lambda label, _: explain(labelled(label)[1], forward=Value(1.0)),
    "check out of date": lambda label, _: out_of_date(check_gradients)(label),
    "a wrong gradient": lambda label, _: wrong(label),
    "an anomaly": lambda label, _: anomaly(label),
    "an anomaly backward": lambda label, _: backward_anomaly(label),
    "a neuron's inputs": lambda label, _: nn.Neuron(2, labels=["w1", "w2", label])([1.0]),
    "names in a file": load_another,
    "a drawing's neurons": lambda label, _: draw(a_neuron_called(label), expand=["another"]),
    "a neuron that a drawing lacks": lambda label, _: draw(labelled(label)[1], expand=[label]),
    "a set parameter": lambda label, _: train(Bare(label, set_parameter)),
    "a kept result": lambda label, _: train(keeping(label)),
    "a kept result, eager": lambda label, _: train(keeping(label), "eager"),
    "samples that differ": lambda label, _: train(Bare(label, lambda w, x: w * x * (1.0 if x.data > 1.5 else 2.0))),
    "divergence": lambda label, _: train(Bare(label, lambda w, x: (w * x - 0.5 * x).sqrt())),
}


def message(name: str, label: str, folder: Path) -> str:
    with pytest.raises((TypeError, ValueError, ArithmeticError, AssertionError)) as problem:
        MESSAGES[name](label, folder)
    return str(problem.value)


@pytest.mark.parametrize("name", MESSAGES)
def test_a_label_stays_visible_and_on_its_line(name: str, tmp_path: Path) -> None:
    plain = message(name, "plain", tmp_path)
    assert "plain" in plain
    lines = len(plain.split("\n"))
    assert len(message(name, "x" * 10_000, tmp_path)) < len(plain) + 1000
    for label in LABELS:
        said = message(name, label, tmp_path).split("\n")
        assert all(line.isprintable() for line in said), label
        assert len(said) == lines, label


LONG = "x" * 10_000
QUOTING: dict[str, Callable[[], object]] = {
    "a drawing's argument": lambda: draw(labelled("y")[1], expand=[LONG]),
    "an operand": lambda: Value(2.0) + LONG,
    "a file's version": lambda: numbers_from_text(f'{{"format": "scalar-autograd parameters", "version": "{LONG}"}}'),
}


@pytest.mark.parametrize("name", QUOTING)
def test_a_long_text_is_cut_inside_its_quotes(name: str) -> None:
    with pytest.raises((TypeError, ValueError)) as problem:
        QUOTING[name]()
    assert re.search(r"'x+(…|\.\.\.)x*'", str(problem.value))
    assert len(str(problem.value)) < 300
