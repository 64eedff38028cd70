"""Losses of one's own around those of `nn`, with classes as targets: in `fit` and in a loop by hand."""

from __future__ import annotations

import functools
import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needs import EAGER_AND_COMPILED

import autograd
from autograd import TrainingWarning, Value, fit, nn, optim

XS = [[0.5, -1.0], [1.5, 0.25], [-0.75, 0.5], [0.125, 1.0], [-1.0, -0.5]]
YS = [2, 0, 1, 1, 2]
WEIGHTS = [0.5, 1.0, 2.0]


def smoothed(output: Any, t: Any, epsilon: float = 0.1) -> Any:
    return nn.cross_entropy(output, [(1 - epsilon) * p + epsilon / 3 for p in nn.one_hot(t, 3)])


def wrapped(output: Any, t: Any) -> Any:
    return nn.cross_entropy(output, t)


LOSSES: dict[str, tuple[Callable[[Any, Any], Any], Callable[[list[Any], int], Any]]] = {
    # each with the same, computed from the index as a number
    "wrapped": (wrapped, nn.cross_entropy),
    "in a batch of one": (lambda o, t: nn.cross_entropy([o], [t]), nn.cross_entropy),
    "smoothed": (smoothed, smoothed),
    "partial": (functools.partial(smoothed, epsilon=0.3), lambda o, i: smoothed(o, i, 0.3)),
    "weighted": (
        lambda o, t: autograd.dot(WEIGHTS, nn.one_hot(t, 3)) * nn.cross_entropy(o, t),
        lambda o, i: WEIGHTS[i] * nn.cross_entropy(o, i),
    ),
    "two terms": (
        lambda o, t: nn.cross_entropy(o, t) + 0.1 * autograd.sum([z * z for z in o]),
        lambda o, i: nn.cross_entropy(o, i) + 0.1 * autograd.sum([z * z for z in o]),
    ),
    "the output of a class": (lambda o, t: -autograd.dot(o, nn.one_hot(t, 3)), lambda o, i: -o[i]),
}


def trained(loss: Any, backend: str, ys: Any = YS) -> tuple[list[float], list[float]]:
    model = nn.MLP(2, [3, 3], "tanh", rng=random.Random(0))
    options: dict[str, Any] = {"optimizer": optim.SGD(0.1), "epochs": 3, "batch_size": 1, "seed": 0}
    history = fit(model, XS, ys, loss=loss, backend=backend, progress=False, **options)
    return history.losses, [p.data for p in model.parameters()]


def by_hand(loss: Callable[[list[Any], int], Any]) -> tuple[list[float], list[float]]:
    model, losses, order, rng = nn.MLP(2, [3, 3], "tanh", rng=random.Random(0)), [], list(range(5)), random.Random(0)
    for _ in range(3):
        rng.shuffle(order)
        total = 0.0
        for i in order:
            model.zero_grad()
            error = loss(model(XS[i]), YS[i])
            error.backward()
            total += error.data / 5
            for p in model.parameters():
                p.data -= 0.1 * p.grad
        losses.append(total)
    return losses, [p.data for p in model.parameters()]


@pytest.mark.parametrize("name", LOSSES)
def test_a_class_is_a_target_of_a_loss_of_ones_own(name: str) -> None:
    loss, of_index = LOSSES[name]
    runs = [trained(loss, backend) for backend in EAGER_AND_COMPILED]
    assert all(run == runs[0] for run in runs)
    for found, expected in zip(runs[0], by_hand(of_index)):
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("ys", [[[i] for i in YS], np.array(YS), np.array(YS).reshape(-1, 1)])
def test_a_column_or_an_array_of_classes(ys: Any, backend: str) -> None:
    assert trained(wrapped, backend, ys) == trained(nn.cross_entropy, "python")


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize(("ys", "said"), [([2, 0, 1, 3, 2], "classes 0 to 2, got 3"), ([2, 0, 0.5, 1, 2], "got 0.5")])
def test_a_target_that_is_no_class_is_refused(ys: Any, said: str, backend: str) -> None:
    with pytest.raises(ValueError, match=said):
        trained(wrapped, backend, ys)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("weights", [WEIGHTS, tuple(WEIGHTS), np.array(WEIGHTS)])
def test_a_list_that_a_target_indexes_names_what_to_write(weights: Any, backend: str) -> None:
    with pytest.raises((TypeError, IndexError)) as caught:
        trained(lambda o, t: weights[t] * nn.cross_entropy(o, t), backend)
    said = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "autograd.dot(weights, nn.one_hot(t, len(weights))) in place of weights[t]" in said


def test_an_index_error_that_no_target_caused_has_no_note() -> None:
    with pytest.raises(IndexError) as caught:
        trained(lambda o, t: o[3], "python", YS)
    assert not [note for note in getattr(caught.value, "__notes__", []) if "one_hot" in note]


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize(
    "factor, said",
    [
        (lambda t: dict(enumerate(WEIGHTS))[t], "no key: with a list in place of the dictionary, for a class t, write"),
        (lambda t: np.dot(np.eye(3)[t], WEIGHTS), "in place of weights[t]"),
        (lambda t: WEIGHTS[t.data], "in place of weights[t]"),
        (lambda t: WEIGHTS[int(t)], "in place of weights[t]"),
        (lambda t: 2.0 if t == 1 else 1.0, "write autograd.where(nn.one_hot(t, 3)[1], x, y)"),
    ],
)
def test_a_choice_by_a_target_ends_in_what_to_write(factor: Any, said: str, backend: str) -> None:
    with pytest.raises((TypeError, IndexError, KeyError)) as caught:
        trained(lambda o, t: factor(t) * nn.cross_entropy(o, t), backend)
    assert [note for note in caught.value.__notes__ if said in note and note.endswith(".")]


def test_a_choice_by_a_class_as_the_note_says() -> None:
    def loss(o: Any, t: Any) -> Any:
        return autograd.where(nn.one_hot(t, 3)[1], 2.0, 1.0) * nn.cross_entropy(o, t)

    found = trained(loss, "python")
    assert found == trained(loss, "eager")
    assert found[1] == pytest.approx(by_hand(lambda o, i: (2.0 if i == 1 else 1.0) * nn.cross_entropy(o, i))[1])


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("i", [0, 3])
def test_the_sample_of_a_wrong_class_is_named(i: int, backend: str) -> None:
    ys = [*YS[:i], 7, *YS[i + 1 :]]
    with pytest.raises(ValueError, match=rf"^sample {i} of xs: there are the classes 0 to 2, got 7"):
        trained(wrapped, backend, ys)
    with pytest.raises(ValueError, match=rf"^sample {i} of validation xs: there are the classes 0 to 2, got 7"):
        fit(nn.MLP(2, [3]), XS, YS, loss=wrapped, optimizer="sgd", epochs=1, validation=(XS, ys), backend=backend,
            progress=False)  # fmt: skip
    with pytest.raises(KeyError) as caught:
        trained(lambda o, t: {0.0: 1, 1.0: 1, 2.0: 1}[t.data] * nn.cross_entropy(o, t), "eager", ys)
    assert caught.value.__notes__ == [f"This is sample {i} of xs: 2 numbers."]


# One-hot -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("index", range(3))
def test_one_hot_of_a_value_is_that_of_its_number(index: int) -> None:
    found = nn.one_hot(Value(index), 3)
    assert all(type(v) is Value for v in found)
    assert [v.data for v in found] == nn.one_hot(index, 3) == [float(i == index) for i in range(3)]


@pytest.mark.parametrize("backend", ["python", "numpy", "c"])
def test_one_hot_is_computed_anew_and_is_nan_where_there_is_no_such_class(backend: str) -> None:
    t = Value(0.0)
    f = autograd.compile(nn.one_hot(t, 3), (t,), in_axes=0, backend=backend)
    wrong = [3.0, -1.0, 0.5, 1e300, math.inf, -math.inf, math.nan]
    rows = f([0.0, 1.0, 2.0, *wrong])
    assert [list(row) for row in rows[:3]] == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    assert all(math.isnan(x) for row in rows[3:] for x in row)


def test_a_loss_of_a_class_that_there_is_not_is_nan() -> None:
    t, logits = Value(1.0), [Value(0.5), Value(-1.0), Value(-math.inf)]
    loss = nn.cross_entropy(logits, t)
    for index, expected in ((0.0, nn.cross_entropy(logits, 0).data), (3.0, math.nan), (0.5, math.nan)):
        t.data = index
        assert loss.forward().data == pytest.approx(expected, rel=1e-15, nan_ok=True)


@pytest.mark.parametrize(
    ("index", "classes", "problem"),
    [(3, 3, ValueError), (-1, 3, ValueError), (Value(3), 3, ValueError), (Value(0.5), 3, ValueError),
     (Value(math.nan), 3, ValueError), (0.5, 3, ValueError), (0, 2.0, TypeError), ("a", 2, TypeError)],
)  # fmt: skip
def test_one_hot_refuses_what_is_no_class(index: Any, classes: Any, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        nn.one_hot(index, classes)


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.cross_entropy.accuracy])  # type: ignore[attr-defined]  # carried
def test_an_index_as_a_value_gives_the_same_as_a_number(loss: Any) -> None:
    logits = [Value(0.5), Value(-1.0), Value(2.0)]
    for index in range(3):
        assert loss(logits, Value(index)).data == pytest.approx(loss(logits, index).data, rel=1e-15)


def difference(y_true: Any, y_pred: Any, q: float = 0.9) -> Any:
    return autograd.max(q * (y_true - y_pred), (q - 1) * (y_true - y_pred))


class Distance:
    def __call__(self, labels: Any, logits: Any) -> Any:
        return (labels - logits) ** 2


def trained_once(loss: Any) -> Any:
    return fit(nn.MLP(1, [1]), [[0.5], [1.0]], [1.0, 2.0], loss=loss, optimizer="sgd", epochs=1, progress=False)


@pytest.mark.parametrize(
    ("loss", "first", "second"),
    [
        (difference, "y_true", "y_pred"),
        (functools.partial(difference, q=0.5), "y_true", "y_pred"),
        (lambda target, output: (target - output) ** 2, "target", "output"),
        (lambda y, y_hat, weight=1.0: weight * (y - y_hat) ** 2, "y", "y_hat"),
        (Distance(), "labels", "logits"),
    ],
    ids=["y_true", "partial", "target", "y", "object"],
)
def test_a_loss_that_takes_the_target_first_is_warned_of(loss: Any, first: str, second: str) -> None:
    said = f"passes the output first, then the target, but the loss takes '{first}' first, then '{second}': exchange"
    with pytest.warns(TrainingWarning, match=said) as caught:
        trained_once(loss)
    assert [w.filename for w in caught] == [__file__]


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        nn.mse,
        lambda output, target: (output - target) ** 2,
        lambda y_pred, y_true: (y_pred - y_true) ** 2,
        lambda y, t: (y - t) ** 2,
        lambda a, output: (a - output) ** 2,
        lambda target, model: (target - model) ** 2,
        lambda *both: (both[0] - both[1]) ** 2,
    ],
)
def test_other_losses_are_not_warned_of(loss: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingWarning)
        trained_once(loss)


# One number, or a list of one; no targets; validation ----------------------------------------------------------------


def test_a_layer_of_one_output_in_a_block_names_squeeze() -> None:
    class Block(nn.Module):
        def __init__(self, squeeze: bool = True) -> None:
            self.inner = nn.Layer(2, 1, "tanh", squeeze=squeeze, rng=random.Random(0))

        def __call__(self, x: Any) -> Any:
            return autograd.sum([2 * z for z in self.inner(x)])

    with pytest.raises(TypeError, match=r"not iterable\n.*nn\.Layer\(n, 1, squeeze=False\) returns a list"):
        Block().predict([[1.0, 2.0]])
    assert Block(squeeze=False)([1.0, 2.0]).data == 2 * Block().inner([1.0, 2.0]).data


def test_a_list_of_one_and_a_number_are_told_apart() -> None:
    with pytest.raises(
        ValueError, match=r"the targets a number\. Return out\[0\] from the model, or pass \[y\] for y .*squeeze"
    ):
        nn.mse([Value(1.0)], 2.0)
    with pytest.raises(ValueError, match=r"Pass y\[0\] for y, or .* squeeze=False"):
        nn.mse(Value(1.0), [2.0])


@pytest.mark.parametrize("options, name", [({}, "ys"), ({"validation": ([1.0], None)}, "validation ys")])
def test_no_targets_at_all_are_refused_with_what_to_pass(options: Any, name: str) -> None:
    ys = [0.0, 1.0] if options else None
    with pytest.raises(TypeError, match=rf"^{name} is None: .* zeros, \[0\.0\] \* len\(xs\); .* pass xs again"):
        fit(nn.Neuron(1), [0.0, 1.0], ys, loss="mse", optimizer="sgd", epochs=1, progress=False, **options)


class Pair(nn.Module):
    """A model that returns something else outside of training."""

    def __init__(self) -> None:
        self.neuron = nn.Neuron(1, "linear", weights=[0.5])

    def __call__(self, x: Value) -> Any:
        return (self.neuron(x), x) if self.training else self.neuron(x)


def first_of_two(outputs: Any, y: Value) -> Value:
    output, _ = outputs
    error: Value = (output - y) ** 2
    return error


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_an_error_in_validation_says_that_the_model_was_not_in_training(backend: str) -> None:
    xs, ys = [0.0, 1.0], [0.0, 1.0]
    options: dict[str, Any] = {"optimizer": "sgd", "epochs": 1, "backend": backend, "progress": False}
    fit(Pair(), xs, ys, loss=first_of_two, **options)
    with pytest.raises(TypeError) as caught:
        fit(Pair(), xs, ys, loss=first_of_two, validation=(xs, ys), **options)
    [note] = caught.value.__notes__
    assert note.startswith("The model was called for a sample held out for validation, with `training` False")
    with pytest.raises(TypeError) as caught:
        fit(Pair(), xs, ys, loss=lambda o, y: first_of_two(5, y), validation=(xs, ys), **options)
    assert not hasattr(caught.value, "__notes__")
