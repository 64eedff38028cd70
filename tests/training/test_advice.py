"""What `fit` notices: inputs that are too large, units that never answer, a loss no lower than a constant's."""

from __future__ import annotations

import copy
import math
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needs import EAGER_AND_COMPILED

import autograd
from autograd import DivergenceError, History, TrainingWarning, Value, fit, nn, optim
from autograd.losses import carried


def penguins() -> tuple[list[list[float]], list[str]]:
    """Return measures in millimetres and grams, and species."""
    rng = random.Random(2)
    sizes = {
        "Adelie": (38.8, 18.3, 190, 3700),
        "Chinstrap": (48.8, 18.4, 196, 3730),
        "Gentoo": (47.5, 15.0, 217, 5080),
    }
    ys = [name for name, n in zip(sizes, (44, 20, 36)) for _ in range(n)]
    return [[rng.gauss(size, size / 25) for size in sizes[name]] for name in ys], ys


def houses() -> tuple[list[list[float]], list[float]]:
    """Return square feet and bedrooms, and prices."""
    rng = random.Random(3)
    xs = [[float(rng.randrange(600, 4000)), float(rng.randrange(1, 6))] for _ in range(60)]
    return xs, [250 * size + 10_000 * rooms + rng.gauss(0, 5000) for size, rooms in xs]


def heard(model: Any, xs: Any, ys: Any, **options: Any) -> tuple[list[str], History | None]:
    """Train, and return the warnings and the history; None if it diverged."""
    defaults: dict[str, Any] = {"loss": "mse", "optimizer": optim.SGD(0.05), "epochs": 60, "progress": False}
    history = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            history = fit(model, xs, ys, **(defaults | options))
        except DivergenceError as error:
            return [*(str(w.message) for w in caught), str(error)], None
    assert all(w.category is TrainingWarning and w.filename == __file__ for w in caught)
    return [str(w.message) for w in caught], history


def code_in(text: str) -> str:
    """Return the assignment of a new model in a message."""
    return text[text.index("model = ") :].split(". The parameters", maxsplit=1)[0]


# ------------------------------------------------------------------------------------------------------- large inputs


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("make", [list, np.array])
def test_grams_and_millimetres_are_noticed_once_and_the_advice_works(backend: str, make: Callable[[Any], Any]) -> None:
    xs, ys = penguins()
    options: dict[str, Any] = {"loss": "cross_entropy", "epochs": 150, "backend": backend}
    model = nn.MLP(4, [8, 3], rng=random.Random(0))
    said, history = heard(model, make(xs), ys, **options)
    assert history is None or history.accuracy[-1] < 0.7  # what it is about
    assert said[0].startswith("xs has numbers up to ") and "(column 3)" in said[0]
    assert len(said) == (2 if history is None else 1)
    xs = make(xs)
    names: dict[str, Any] = {"xs": xs, "nn": nn, "model": model}  # that of the run, whose weights are spoilt
    random.seed(0)
    exec(code_in(said[0]), names)
    said, history = heard(names["model"], xs, ys, **options)
    assert said == []
    assert history is not None and history.accuracy[-1] > 0.95


def test_a_neuron_on_prices_is_told_to_standardize_not_to_clip() -> None:
    xs, ys = houses()
    said, _ = heard(nn.Neuron(2, "linear"), xs, ys, optimizer=optim.SGD(1e-6), epochs=500)
    assert len(said) == 1  # a linear neuron is not warned before: with another rate it would learn
    assert "clip" not in said[0]
    for text in said:
        names: dict[str, Any] = {"xs": xs, "nn": nn, "model": None}
        exec(code_in(text), names)
        said, history = heard(names["model"], xs, ys, optimizer=optim.SGD(0.1), epochs=200)
        assert said == []
        assert history is not None and math.sqrt(history.losses[-1]) < 10_000


def test_large_targets_of_a_run_that_diverges() -> None:
    xs, ys = houses()
    model = nn.Sequential(nn.Standardize.of(xs), nn.MLP(2, [8, 8, 1], rng=random.Random(0)))
    for rate in (0.05, 1e3):  # units die, and numbers overflow
        twin = copy.deepcopy(model)
        [text], history = heard(twin, xs, ys, optimizer=optim.SGD(rate))
        assert (history is None) == (rate == 1e3)
        assert "ys has numbers up to" in text and "such as ys / 1_000_000" in text
    said, history = heard(model, xs, [y / 1_000_000 for y in ys], epochs=100)
    assert said == [] and history is not None


class Scaled(nn.Module):
    """A model that scales its inputs itself."""

    def __init__(self, scale: Callable[[Value], Any]) -> None:
        self.neuron, self.scale = nn.Neuron(1, "tanh", weights=[0.5]), scale

    def __call__(self, x: Any) -> Value:
        return self.neuron(self.scale(x))


@pytest.mark.parametrize(
    "scale, noticed",
    [
        (lambda x: x / 1000, False),
        (lambda x: 0.001 * x, False),
        (lambda x: (x - 500) / 300, False),
        (lambda x: x.log(), False),
        (lambda x: x, True),
    ],
)
def test_what_a_model_scales_itself_is_not_meant(scale: Any, noticed: bool) -> None:
    xs = [float(x) for x in range(1, 1000, 50)]
    said, _ = heard(Scaled(scale), xs, [1.0] * len(xs), epochs=1, optimizer=optim.SGD(1e-7))
    assert bool(said) == noticed


@pytest.mark.parametrize("largest, noticed", [(100.0, False), (-100.0, False), (100.5, True), (-100.5, True)])
def test_the_limit(largest: float, noticed: bool) -> None:
    xs = [[1.0, 2.0], [0.5, largest], [1.0, -1.0]]
    for data in (xs, np.array(xs)):
        said, _ = heard(nn.Neuron(2, "tanh"), data, [1.0, 2.0, 3.0], epochs=1, optimizer=optim.SGD(0.0))
        assert bool(said) == noticed
        assert not said or "up to 100.5 (column 1)" in said[0]


# ---------------------------------------------------------------------------------------- no lower than a constant's

CONSTANTS: list[tuple[Any, list[Any], int, Callable[[Any], Any]]] = [
    # loss, targets, outputs, the best constant answer as a function of a guess
    (nn.mse, [0.0, 1.0, 5.0, 2.0], 1, lambda z: z[0]),
    (nn.mse, [[0.0, 1.0], [2.0, 3.0], [1.0, -1.0]], 2, lambda z: z),
    (nn.hinge, [-1.0, 1.0, 1.0, 1.0], 1, lambda z: z[0]),
    (nn.hinge, [[-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]], 2, lambda z: z),
    (nn.binary_cross_entropy, [0.0, 1.0, 1.0, 0.25], 1, lambda z: z[0]),
    (nn.binary_cross_entropy, [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]], 2, lambda z: z),
    (nn.cross_entropy, [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.5, 0.25, 0.25]], 3, lambda z: z),
]


@pytest.mark.parametrize("loss, ys, outputs, answer", CONSTANTS)
def test_the_baseline_is_the_loss_of_the_best_constant(loss: Any, ys: Any, outputs: int, answer: Any) -> None:
    """Descent finds no better constant, and comes as close as one wishes."""
    zs = [Value(0.1) for _ in range(outputs)]
    baseline = carried(loss, "baseline")(ys)
    for step in range(6000):
        total = autograd.sum([loss(answer(zs), y) for y in ys]) / len(ys)
        assert total.data >= baseline - 1e-12
        for z in zs:
            z.grad = 0.0
        total.backward()
        for z in zs:
            z.data -= (0.5 / (1 + step / 10)) * z.grad
    assert total.data == pytest.approx(baseline, abs=2e-3)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_single_neuron_cannot_learn_xor(backend: str) -> None:
    xs, ys = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    options: dict[str, Any] = {"loss": "binary_cross_entropy", "backend": backend, "epochs": 200}
    for seed in range(6):  # some end with three of four right, by chance
        neuron = nn.Neuron(2, "linear", rng=random.Random(seed))
        [text], _ = heard(neuron, xs, ys, optimizer=optim.Adam(0.1), **options)
        assert "the model has learned nothing from xs: its loss never fell below 0.6931" in text
    assert "the model has learned nothing from xs: its loss never fell below 0.6931" in text
    assert "units answer" not in text
    network = nn.MLP(2, [4, 1], "tanh", rng=random.Random(0))
    assert heard(network, xs, ys, optimizer=optim.Adam(0.1), **options)[0] == []


def test_dead_units_are_counted() -> None:
    xs = [[x / 10] for x in range(20)]
    ys = [x[0] for x in xs]
    model = nn.MLP(1, [6, 1], rng=random.Random(0))
    for i, neuron in enumerate(model.layers[0].neurons):
        neuron.w[0].data, neuron.b.data = 0.5, -5.0 if i < 6 else 0.0
    [text], _ = heard(model, xs, ys)
    assert "6 of its 6 hidden units answer to no sample" in text
    for neuron in model.layers[0].neurons:
        neuron.activation, neuron._activate, neuron.b.data = "tanh", Value.tanh, 50.0  # saturated
    [text], _ = heard(model, xs, ys)
    assert "6 of its 6 hidden units answer to no sample" in text


@pytest.mark.parametrize(
    "ys, options",
    [
        ([1.0, 1.0, 1.0], {}),  # a constant is right
        ([0.0, 1.0, 2.0], {"epochs": 49}),  # too early to say
        ([0.0, 1.0, 2.0], {"loss": lambda output, target: (output - target) ** 2}),  # no baseline
        ([0.0, 1.0, 2.0], {"epochs": 0}),
    ],
)
def test_nothing_is_said_without_a_reason(ys: Any, options: Any) -> None:
    said, _ = heard(nn.Neuron(1, "linear"), [0.5, 0.5, 0.5], ys, **options)
    assert said == []


def test_the_penalty_does_not_count() -> None:
    xs, ys = [0.0, 1.0, 2.0], [0.0, 1.0, 2.0]
    said, history = heard(nn.Neuron(1, "linear"), xs, ys, regularizer=lambda ps: Value(5.0) + 0 * ps[0])
    assert said == []
    assert history is not None and history.losses[-1] > 5


def test_a_loss_of_your_own_with_a_baseline() -> None:
    @nn.loss(baseline=lambda ys: 2.0)
    def own(output: Any, target: Any) -> Any:
        return (output - output.data) ** 2 + 3.0 + 0 * target

    [text], _ = heard(nn.Neuron(1, "linear"), [1.0], [1.0], loss=own, backend="eager")
    assert "never fell below 2," in text


def test_an_interrupted_run_is_not_judged() -> None:
    def stop(epoch: int, history: History) -> None:
        if epoch == 80:
            raise KeyboardInterrupt

    options: dict[str, Any] = {"epochs": 100, "optimizer": optim.SGD(0.0)}
    assert heard(nn.Neuron(1, "linear"), [0.5, 0.5], [0.0, 1.0], callback=stop, **options)[0] == []
    assert len(heard(nn.Neuron(1, "linear"), [0.5, 0.5], [0.0, 1.0], **options)[0]) == 1


# ------------------------------------------------------------------------------------------- dead units, grown losses


@pytest.mark.parametrize(
    "dead, epochs, noticed",
    [(8, 10, "the same answer"), (8, 80, "8 of its 8"), (7, 80, "largest class, the same answer"), (0, 80, "")],
)
def test_dead_units_and_the_largest_class_are_signs_of_their_own(dead: int, epochs: int, noticed: str) -> None:
    rng = random.Random(1)
    xs = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(80)]
    ys = [int(x[0] > 0) + int(x[1] > 0) for x in xs]
    model = nn.MLP(2, [8, 3], rng=random.Random(0))
    for neuron in model.layers[0].neurons[:dead]:
        neuron.b.data = -50.0
    if dead == 7:  # the other one tells a little
        for weight in model.layers[0].neurons[7].w:
            weight.data = 0.01
    said, history = heard(model, xs, ys, loss="cross_entropy", optimizer=optim.SGD(0.1), epochs=epochs)
    assert history is not None
    assert len(said) == bool(noticed) and all(noticed in text for text in said)
    if dead:
        assert history.accuracy[-1] == max(map(ys.count, range(3))) / 80
        assert f"{dead} of its 8 hidden units answer to no sample" in said[0]


def test_a_model_whose_accuracy_beats_the_largest_class_has_learned() -> None:
    """Its loss is that of a few wrong answers that are given with confidence."""
    xs = [x / 10 for x in range(-10, 10)]
    ys = [int(x > 0) for x in xs]
    ys[0], ys[1] = 1, 1
    model = nn.Neuron(1, "linear", weights=[1e6])
    [text], history = heard(model, xs, ys, loss="binary_cross_entropy", optimizer=optim.SGD(1e-3))
    assert history is not None and history.accuracy[-1] >= 0.85
    assert "learned nothing" not in text
    assert text.startswith("85.0 % of the samples are right, but the loss never fell below 0.6881")
    assert "The learning rate is too high" in text


def test_a_loss_that_grows() -> None:
    xs, ys = [[1.0, 2.0], [2.0, 1.0], [3.0, -1.0]], [1.0, 0.0, 2.0]
    [text], _ = heard(nn.Neuron(2, "linear", weights=[0.1, 0.2]), xs, ys, optimizer=optim.SGD(0.3))
    assert text.startswith("the loss has grown from ") and "The learning rate is too high" in text


def test_a_new_model_takes_a_new_optimizer() -> None:
    xs, ys = houses()
    for optimizer, named in ((optim.Adam(0.1), True), ("adam", False), (optim.SGD(1e-9), False)):
        said, _ = heard(nn.MLP(2, [3, 1]), xs, ys, optimizer=optimizer, epochs=1)
        assert ("with a new optimizer" in said[0]) == named


def test_a_model_of_the_users_own_is_named() -> None:
    said, _ = heard(Scaled(lambda x: x), [1.0, 500.0], [1.0, 2.0], epochs=1, optimizer=optim.SGD(1e-9))
    assert "model = nn.Sequential(nn.Standardize.of(xs), Scaled(...))" in said[0]


@pytest.mark.parametrize("make", [list, np.array])
def test_columns_of_different_sizes_are_noticed_and_the_advice_works(make: Callable[[Any], Any]) -> None:
    rng = random.Random(0)
    xs = make([[rng.uniform(0, 1e-4), rng.uniform(0, 50)] for _ in range(100)])
    ys = [int(x[0] > 5e-5) for x in xs]
    options: dict[str, Any] = {"loss": "binary_cross_entropy", "optimizer": optim.Adam(0.05), "epochs": 200}
    [text], history = heard(nn.MLP(2, [8, 1], rng=random.Random(0)), xs, ys, **options)
    assert history is not None and history.accuracy[-1] < 0.7
    assert "(column 1), others only up to" in text and "(column 0)" in text
    names: dict[str, Any] = {"xs": xs, "nn": nn}
    random.seed(0)
    exec(code_in(text.replace(", with a new optimizer", "")), names)
    said, history = heard(names["model"], xs, ys, **options | {"optimizer": optim.Adam(0.05)})
    assert said == [] and history is not None and history.accuracy[-1] > 0.95


def test_columns_of_similar_sizes_and_a_linear_neuron_that_learns_are_silent() -> None:
    for column in (0.0, 0.6, 50.0):
        xs = [[column, 50.0], [column / 2, 25.0]]
        assert heard(nn.MLP(2, [3, 1]), xs, [0.0, 1.0], epochs=1, optimizer=optim.SGD(0.0))[0] == []
    numbers = [float(x) for x in range(121)]
    ys = [2 * x + 1 for x in numbers]
    said, history = heard(nn.Neuron(1, "linear"), numbers, ys, optimizer=optim.Adam(0.05), epochs=2000)
    assert said == [] and history is not None and history.losses[-1] < 0.1
