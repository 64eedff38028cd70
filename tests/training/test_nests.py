"""Samples that are nested lists which make no table, such as ([a, b], c): in `fit` and `predict`, in every backend."""

from __future__ import annotations

import functools
import operator
import random
from typing import Any

import numpy as np
import pytest
from needs import BACKENDS, FIT_BACKENDS

import autograd
from autograd import Value, fit, nn, optim
from autograd.trees import tree_leaves

RNG = random.Random(3)


def numbers(n: int) -> list[float]:
    return [RNG.uniform(-1, 1) for _ in range(n)]


class TwoParts(nn.Module):
    """Takes ([a, b], c), returns three scores of classes and a number."""

    def __init__(self) -> None:
        self.scores = nn.Layer(3, 3, "linear", rng=random.Random(1))
        self.size = nn.Neuron(3, "tanh", rng=random.Random(2))

    def __call__(self, x: Any) -> Any:
        pair, c = x
        return self.scores([*pair, c]), self.size([c, *pair])


class Deep(nn.Module):
    """Takes [[a], [b, [c, d]], e], returns a number, or nested lists like the input."""

    def __init__(self) -> None:
        self.w = [Value(0.5, f"w{i}") for i in range(5)]

    def __call__(self, x: Any) -> Any:
        [a], [b, [c, d]], e = x
        w = self.w
        return [[w[0] * a], [w[1] * b, [w[2] * c, w[3] * d]], w[4] * e]


def both(output: Any, target: Any) -> Any:
    (scores, size), (probabilities, wanted) = output, target
    return nn.cross_entropy(scores, probabilities) + 0.5 * nn.mse(size, wanted)


FLAT = [numbers(3) for _ in range(7)]
PAIRS = [([a, b], c) for a, b, c in FLAT]
CLASSES = [(nn.one_hot(i % 3, 3), *numbers(1)) for i in range(7)]
DEEP: list[Any] = [[numbers(1), [*numbers(1), numbers(2)], *numbers(1)] for _ in range(7)]


class Rows(TwoParts):
    def __call__(self, x: Any) -> Any:
        return super().__call__((x[:2], x[2]))


class Scores(TwoParts):
    def __call__(self, x: Any) -> Any:
        return super().__call__(x)[0]

    def parameters(self) -> list[Value]:
        return self.scores.parameters()


TASKS: dict[str, tuple[Any, Any, Any, Any]] = {
    "both nested": (TwoParts, PAIRS, CLASSES, both),
    "targets nested": (Rows, FLAT, CLASSES, both),
    "inputs nested": (Scores, PAIRS, [i % 3 for i in range(7)], nn.cross_entropy),
    "deep": (Deep, DEEP, DEEP, nn.mse),
    "arrays inside": (TwoParts, [(np.array(pair), c) for pair, c in PAIRS], CLASSES, both),
}


@pytest.mark.slice
@pytest.mark.parametrize("batch_size", [1, 3, None])
@pytest.mark.parametrize("name", TASKS)
def test_training_is_the_same_in_every_backend(name: str, batch_size: int | None) -> None:
    make, xs, ys, loss = TASKS[name]
    runs = []
    for backend in FIT_BACKENDS:
        model = make()
        history = fit(
            model, xs, ys, loss=loss, optimizer=optim.SGD(0.1), epochs=4, batch_size=batch_size, backend=backend,
            validation=(xs[:3], ys[:3]), seed=0, progress=False,
        )  # fmt: skip
        judged = history.validation_losses
        runs.append((history.losses, [p.data for p in model.parameters()], judged))
    for losses, trained, judged in runs[1:]:
        if batch_size == 1:
            assert (losses, trained) == runs[0][:2]
        assert losses == pytest.approx(runs[0][0], rel=1e-12)
        assert trained == pytest.approx(runs[0][1], rel=1e-12)
        assert judged == pytest.approx(runs[0][2], rel=1e-12)
    assert runs[0][0][-1] < runs[0][0][0]


@pytest.mark.slice
@pytest.mark.parametrize("backend", [*BACKENDS, "auto"])
@pytest.mark.parametrize("name", TASKS)
def test_predictions_are_those_of_the_model(name: str, backend: str) -> None:
    make, xs, _, _ = TASKS[name]
    model = make()
    assert model.predict(xs, backend=backend) == model.predict(xs, backend="eager")


def test_a_sample_that_differs_in_a_nest_is_named() -> None:
    def loss(output: Any, target: Any) -> Any:
        [[first], [_, [inner, _]], _] = output
        return nn.mse(output, target) + (first if inner.data > 0 else inner)

    with pytest.raises(autograd.RecordingError, match=r"\n    sample \d of xs: w3 \* x\[1\]\[1\]\[0\]\n"):
        fit(Deep(), DEEP, DEEP, loss=loss, optimizer="sgd", epochs=1, progress=False)


@pytest.mark.parametrize("backend", BACKENDS)
def test_compile_takes_nests_in_every_backend(backend: str) -> None:
    model = Deep()
    x = [[Value(0.0)], [Value(0.0), [Value(0.0), Value(0.0)]], Value(0.0)]
    output = model(x)
    one = autograd.compile(output, (x,), backend=backend)
    every = autograd.compile(autograd.sum(tree_leaves(output)), (x,), in_axes=0, backend=backend)
    expected = [[v.data for v in tree_leaves(model(sample))] for sample in DEEP]
    assert [tree_leaves(one(sample)) for sample in DEEP] == expected
    assert every(DEEP) == [functools.reduce(operator.add, row) for row in expected]  # Python 3.12's sum compensates
    with_arrays = [[np.array(first), tuple(second), third] for first, second, third in DEEP]
    assert every(with_arrays) == every(DEEP)


# Dictionaries --------------------------------------------------------------------------------------------------------

X, Y = Value(1.0), Value(2.0)
INSTEAD = r"a dictionary is no list of numbers: pass list\(d\.values\(\)\)"


@pytest.mark.parametrize(
    "take",
    [
        lambda d: autograd.grad(Y * Y, d),
        lambda d: autograd.grad(Y * Y, [Y, d]),
        lambda d: autograd.compile(Y * Y, (Y, d)),
        lambda d: autograd.compile(Y * Y, (Y, [d])),
        lambda d: autograd.compile(d, (Y,)),
        lambda d: autograd.check_gradients(Y * Y, d),
        lambda d: nn.mse(d, d),
        lambda d: nn.mse(Y, d),
        lambda d: nn.hinge([Y], [d]),
        lambda d: nn.binary_cross_entropy(d, 1),
        lambda d: nn.cross_entropy(d, 1),
        lambda d: nn.cross_entropy([Y, Y], d),
        lambda d: nn.MLP(2, [1]).predict([[1.0, d]]),
        lambda d: fit(nn.MLP(2, [1]), [[1.0, d]] * 2, [1.0] * 2, loss="mse", optimizer="sgd", epochs=1),
        lambda d: fit(nn.MLP(2, [1]), [[1.0, 2.0]] * 2, [[d, 1.0]] * 2, loss="mse", optimizer="sgd", epochs=1),
    ],
)
def test_a_dictionary_is_refused_by_name(take: Any) -> None:
    with pytest.raises(TypeError, match=INSTEAD):
        take({"a": X, "b": Y})


def test_a_compiled_function_refuses_a_dictionary_by_name() -> None:
    with pytest.raises(TypeError, match="got a dict"):
        autograd.compile(X * Y, ([X, Y],))({"a": 1.0, "b": 2.0})


@pytest.mark.slice
@pytest.mark.parametrize("accuracy", [None, lambda o, t: o["scores"][0] - o["scores"][0]])
@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_an_output_may_be_a_dictionary(backend: str, accuracy: Any) -> None:
    class Named(TwoParts):
        def __call__(self, x: Any) -> Any:
            scores, size = super().__call__(x)
            return {"scores": scores, "size": size}

    def by_name(output: Any, target: Any) -> Any:
        return both((output["scores"], output["size"]), target)

    runs = []
    for model, loss in ((TwoParts(), both), (Named(), nn.loss(accuracy=accuracy)(by_name))):
        history = fit(
            model, PAIRS, CLASSES, loss=loss, optimizer=optim.SGD(0.1), epochs=2, backend=backend, progress=False
        )
        runs.append((history.losses, [p.data for p in model.parameters()]))
    assert runs[0] == runs[1]
    assert model.predict(PAIRS, backend=backend).keys() == {"scores", "size"}
