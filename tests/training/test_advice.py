"""What `fit` notices: inputs that are too large, units that never answer, a loss no lower than a constant's."""

from __future__ import annotations

import copy
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
from autograd import DivergenceError, History, TrainingWarning, Value, fit, nn, optim
from autograd.losses import carried
from autograd.training.advice import growth, sign_of, silent_units
from autograd.training.data import Data
from autograd.training.record import Objective


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


@pytest.mark.slice
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("make", [list, np.array])
def test_grams_and_millimetres_are_noticed_once_and_the_advice_works(backend: str, make: Callable[[Any], Any]) -> None:
    xs, ys = penguins()
    options: dict[str, Any] = {"loss": "cross_entropy", "epochs": 150, "backend": "python"}
    model = nn.MLP(4, [8, 3], rng=random.Random(0))
    briefly = {"epochs": 12, "backend": "eager"} if backend == "eager" else {}  # it is slow
    said, history = heard(model, make(xs), ys, **options | briefly)
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
        assert "ys has numbers up to" in text and ": ys = [y / 1_000_000 for y in ys]" in text
    said, history = heard(model, xs, [y / 1_000_000 for y in ys], epochs=100)
    assert said == [] and history is not None


@pytest.mark.parametrize(
    "make",
    [list, np.array, lambda ys: [[y] for y in ys], lambda ys: np.array(ys)[:, None]],
    ids=["list", "array", "column of lists", "column"],
)
def test_large_targets_are_divided_by_the_code(make: Callable[[Any], Any]) -> None:
    xs, ys = houses()
    model = nn.Sequential(nn.Standardize.of(xs), nn.Neuron(2, "linear"))
    [text], history = heard(model, xs, make(ys), optimizer=optim.SGD(1e3))
    assert history is None
    names: dict[str, Any] = {"ys": make(ys)}
    exec(text[text.index("ys = ") :].split(". The parameters")[0], names)
    assert names["ys"] == [y / 1_000_000 for y in ys]
    pairs = [[y, -y] for y in ys]
    [text], _ = heard(nn.Sequential(nn.Standardize.of(xs), nn.Layer(2, 2)), xs, pairs, optimizer=optim.SGD(1e3))
    assert "train a new model with smaller ones, such as ys / 1_000_000" in text


class Scaled(nn.Module):
    """A model that scales its inputs itself."""

    def __init__(self, scale: Callable[[Value], Any]) -> None:
        self.neuron, self.scale = nn.Neuron(1, "tanh", weights=[0.5]), scale

    def __call__(self, x: Any) -> Value:
        return self.neuron(self.scale(x))


@pytest.mark.slice(most=2)
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


@pytest.mark.slice(most=4)
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


# ------------------------------------------------------------------------------------------- outputs that are no scores


class Own(nn.Module):
    """A model of one's own that makes probabilities of its scores."""

    def __init__(self, squash: Callable[[Any], Any], outputs: int = 1) -> None:
        self.inner, self.squash = nn.MLP(2, [6, outputs], "tanh", rng=random.Random(0)), squash

    def __call__(self, x: Any) -> Any:
        return self.squash(self.inner(x))

    def parameters(self) -> list[Value]:
        return self.inner.parameters()


def shares(scores: list[Value]) -> list[Value]:
    powers = [z.exp() for z in scores]
    total = powers[0] + powers[1] + powers[2]
    return [power / total for power in powers]


def scaled(scores: list[Value]) -> list[Value]:
    """Return scores of one size, which are no shares."""
    size = scores[0] * scores[0] + 1
    return [z / size for z in scores]


def mlp(*activations: str, outputs: int = 1) -> nn.MLP:
    return nn.MLP(2, [6, outputs], list(activations), rng=random.Random(0))


BCE, HINGE, CE = "binary_cross_entropy", "hinge", "cross_entropy"
SQUASHED: list[tuple[Callable[[], Any], Any, str, str]] = [
    (lambda: mlp("tanh", "sigmoid"), BCE, "sigmoid, and binary_cross_entropy applies one itself, so no", "tanh"),
    (lambda: mlp("tanh", "relu"), BCE, "relu, and binary_cross_entropy applies a sigmoid itself, so no prob", "tanh"),
    (lambda: nn.Neuron(2, "sigmoid"), HINGE, "sigmoid, and hinge takes scores of both signs, so no sample", "Neuron"),
    (lambda: nn.Layer(2, 1), functools.partial(nn.hinge), "relu, and hinge takes scores of both signs", "nn.Layer"),
    (
        lambda: nn.Sequential(nn.Standardize([0.0, 0.0], [1.0, 1.0]), nn.Layer(2, 6, "tanh"), nn.Layer(6, 1)),
        BCE,
        "relu, and",
        "nn.Sequential(nn.Standardize.of(xs), nn.Layer(2, 6, 'tanh'), nn.Layer(6, 1, 'linear'))",
    ),
    (
        lambda: nn.Sequential(mlp("tanh", "linear"), autograd.sigmoid),
        functools.partial(nn.binary_cross_entropy),
        "sigmoid, and binary_cross_entropy applies one itself",
        "nn.Sequential(nn.MLP(2, [6, 1], ['tanh', 'linear']))",
    ),
    (
        lambda: nn.Sequential(mlp("tanh", "linear", outputs=3), autograd.softmax),
        CE,
        "softmax, and cross_entropy applies one itself, so no probability would come near 1",
        "nn.Sequential(nn.MLP(2, [6, 3], ['tanh', 'linear']))",
    ),
    (lambda: mlp("tanh", "sigmoid", outputs=3), CE, "sigmoid, and cross_entropy applies a softmax itself", "nn.MLP"),
    (lambda: Own(lambda z: 1 / (1 + (-z).exp())), BCE, "sigmoid, and", ""),
    (lambda: Own(lambda z: 1.0 / ((-z).exp() + 1)), BCE, "sigmoid, and", ""),
    (lambda: Own(shares, 3), CE, "softmax, and", ""),
    (lambda: Own(autograd.softmax, 3), nn.cross_entropy, "softmax, and", ""),
]


def quarters(loss: Any) -> tuple[list[list[float]], list[Any]]:
    """Return points, and two or three classes that a line or two tell apart."""
    rng = random.Random(4)
    xs = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(60)]
    if loss in (CE, nn.cross_entropy):
        return xs, ["abc"[int(x > 0) + int(y > 0)] for x, y in xs]
    return xs, ["yes" if x + y > 0 else "no" for x, y in xs]


@pytest.mark.slice
@pytest.mark.parametrize("make, loss, said, code", SQUASHED)
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_squashed_output_is_noticed_and_the_advice_works(
    make: Callable[[], Any], loss: Any, said: str, code: str, backend: str
) -> None:
    xs, ys = quarters(loss)
    [text], _ = heard(make(), xs, ys, loss=loss, backend=backend, epochs=1)
    assert text.startswith(f"the model ends in a {said}")
    assert ": leave it out. Train a new model that returns scores" in text
    assert len(text) < 300
    assert ("model = " in text) == bool(code)
    if not code or backend == "eager":
        return
    names: dict[str, Any] = {"xs": xs, "nn": nn}
    random.seed(1)
    exec(code_in(text), names)
    assert code in text
    told, history = heard(names["model"], xs, ys, loss=loss, optimizer=optim.Adam(0.05), epochs=150, backend="python")
    assert told == []
    assert history is not None and history.accuracy[-1] > 0.9


@pytest.mark.parametrize(
    "make, loss, ys",
    [
        (lambda: mlp("sigmoid", "linear"), BCE, [0, 1, 1]),
        (lambda: mlp("tanh", "tanh"), BCE, [0, 1, 1]),
        (lambda: mlp("tanh", "tanh"), HINGE, [-1, 1, 1]),
        (lambda: mlp("tanh", "sigmoid"), "mse", [0, 1, 1]),
        (lambda: mlp("tanh", "sigmoid"), lambda output, target: 2 * nn.mse(output, target), [0, 1, 1]),
        (lambda: mlp("tanh", "relu", outputs=3), CE, [0, 1, 2]),
        (lambda: Own(autograd.log_softmax, 3), CE, [0, 1, 2]),
        (lambda: Own(autograd.softmax, 3), "mse", [[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (lambda: Own(lambda zs: [zs[0].sigmoid(), zs[1], zs[2]], 3), CE, [0, 1, 2]),  # not all of them
        (lambda: Own(lambda zs: [z / 3 for z in zs], 3), CE, [0, 1, 2]),
        (lambda: Own(scaled, 3), CE, [0, 1, 2]),
        (lambda: Own(lambda zs: [z / (3 * z) for z in zs], 3), CE, [0, 1, 2]),  # each of another total
        (lambda: Own(lambda z: 1 / (1 + z.tanh())), BCE, [0, 1, 1]),
        (lambda: Own(lambda z: 1 / (2 + z.exp())), BCE, [0, 1, 1]),
        (lambda: Own(lambda z: 2 / (1 + z.exp())), BCE, [0, 1, 1]),
    ],
)
def test_scores_are_left_alone(make: Callable[[], Any], loss: Any, ys: Any) -> None:
    said, _ = heard(make(), [[0.1, 0.2], [0.3, -0.4], [-0.5, 0.6]], ys, loss=loss, epochs=1, backend="python")
    assert said == []


def test_outputs_that_add_up_to_1_by_accident_are_no_shares() -> None:
    model = nn.Layer(2, 2, "linear")
    for neuron, weights in zip(model.neurons, ([1.0, 0.0], [0.0, 1.0])):
        for p, x in zip(neuron.w, weights):
            p.data = x
    assert heard(model, [[1.0, 0.0], [0.0, 1.0]], [0, 1], loss=CE, epochs=1)[0] == []


def test_a_squashed_output_and_large_inputs_are_one_warning_whose_code_mends_both() -> None:
    xs, species = penguins()
    ys = [name == "Gentoo" for name in species]
    [text], _ = heard(nn.MLP(4, [6, 1], ["tanh", "sigmoid"]), xs, ys, loss=BCE, epochs=60, backend="python")
    assert text.startswith("the model ends in a sigmoid") and "xs has numbers up to" in text
    names: dict[str, Any] = {"xs": xs, "nn": nn}
    random.seed(0)
    exec(code_in(text), names)
    said, history = heard(names["model"], xs, ys, loss=BCE, optimizer=optim.Adam(0.05), epochs=60, backend="python")
    assert said == [] and history is not None and history.accuracy[-1] > 0.95


# ------------------------------------------------------------------------------------------------- limits, what to do


@pytest.mark.parametrize(
    "losses, shares, noticed",
    [
        ([0.8, 0.6992], None, ""),
        ([0.8, 0.6995], None, "learned nothing"),  # a thousandth below the constant's
        ([0.8, 0.62], (0.6, 0.6), ""),  # the probabilities tell more than the largest one
        ([0.8, 0.64], (0.6, 0.6), "no more than the share"),
        ([0.8, 0.64], (0.61, 0.6), ""),
        ([0.8, 0.6995], (0.69, 0.6), "learned nothing"),  # by chance
        ([0.8, 0.6995], (0.71, 0.6), "71.0 % of the samples are right"),
    ],
)
def test_what_figures_show(losses: list[float], shares: tuple[float, float] | None, noticed: str) -> None:
    sign = sign_of(losses, 0.7, shares, 100)
    assert (sign is not None) == bool(noticed)
    assert sign is None or noticed in sign[0]


@pytest.mark.parametrize(
    "losses, constant, long, grown",
    [
        ([0.8, 0.6, 6.9], 0.7, True, False),
        ([0.8, 0.6, 7.1], 0.7, True, True),  # ten times the constant's: no accident
        ([7.1, 0.6, 7.1], 0.7, True, False),
        ([0.8, 0.6, 7.1], 0.7, False, True),
        ([0.8, 9.0, 7.1], 0.7, False, False),  # a peak, from which it comes down
        ([0.8, 9.0, 7.1], 0.7, True, True),
        ([0.1, 2e6], None, False, True),  # nobody knows what a constant would give
        ([0.1, 9e5], None, False, False),
        ([1e-15, 1e-3], None, False, False),
        ([0.1, 2e6], 0.0, False, True),
    ],
)
def test_what_growth_is(losses: list[float], constant: float | None, long: bool, grown: bool) -> None:
    assert (growth(losses, constant, long=long) is not None) == grown


def wine() -> tuple[list[list[float]], list[float]]:
    """Return five measures of wines, of which the third is large, and their quality."""
    rng = random.Random(0)
    xs = [[rng.uniform(5, 12), rng.random(), rng.uniform(10, 200), rng.random(), rng.uniform(8, 14)] for _ in range(60)]
    return xs, [round(x[4] / 2) for x in xs]


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 3},
        {"epochs": 30},
        {"epochs": 1, "batch_size": 10},  # which has no other loss to compare with
        {"epochs": 5, "batch_size": 10},
        {"epochs": 60, "patience": 5},
        {"epochs": 30, "loss": lambda output, target: (output - target) ** 2},
        {"epochs": 60, "patience": 2, "loss": lambda output, target: (output - target) ** 2},
    ],
)
def test_a_short_run_that_diverges_is_noticed(options: Any) -> None:
    xs, ys = wine()
    neuron = nn.Neuron(5, "linear", rng=random.Random(0))
    [text], history = heard(neuron, xs, ys, backend="python", **{"optimizer": "sgd"} | options)
    assert text.startswith("the loss has grown from ") and "nn.Standardize.of(xs)" in text
    assert history is not None and len(history.losses) <= options["epochs"]
    names: dict[str, Any] = {"xs": xs, "nn": nn}
    exec(code_in(text), names)
    said, _ = heard(names["model"], xs, ys, backend="python", **options | {"optimizer": optim.SGD(0.1)})
    assert said == []


def test_a_run_that_a_patience_or_a_callback_has_ended() -> None:
    """That of a patience is over, so it is judged; whoever stops one by hand has judged it."""
    xs, ys = [0.5, 0.5], [0.0, 1.0]
    still = {"optimizer": optim.SGD(0.0), "epochs": 40}
    [text], history = heard(nn.Neuron(1, "linear"), xs, ys, patience=3, **still)
    assert "learned nothing" in text and history is not None and len(history.losses) == 4
    stop = functools.partial(lambda epoch, history: epoch == 2)
    diverging = {"optimizer": optim.SGD(1e3), "epochs": 5}
    assert len(heard(nn.Neuron(1, "linear"), xs, ys, **diverging)[0]) == 1
    assert heard(nn.Neuron(1, "linear"), xs, ys, callback=stop, **diverging)[0] == []


def test_the_best_of_a_run_that_went_astray_later_is_good() -> None:
    def astray(epoch: int, history: History) -> None:
        if epoch == 20:
            optimizer.lr = 5.0

    optimizer = optim.SGD(0.1)
    xs = [x / 10 for x in range(-10, 10)]
    said, history = heard(
        nn.Neuron(1, "linear"), xs, xs, optimizer=optimizer, epochs=60, patience=6, callback=astray, backend="python"
    )
    assert history is not None and history.losses[-1] > 1e3 and said == []


def test_large_inputs_and_large_targets_are_one_warning_whose_code_mends_both() -> None:
    xs, ys = houses()
    for make in (list, np.array, lambda ys: [[y] for y in ys]):
        model = nn.MLP(2, [6, 1], rng=random.Random(0))
        [text], _ = heard(model, xs, make(ys), optimizer=optim.SGD(1e-9), epochs=1)
        assert text.startswith("xs has numbers up to ") and "; ys has numbers up to " in text
        names: dict[str, Any] = {"xs": xs, "ys": make(ys), "nn": nn}
        random.seed(0)
        exec(text[text.index("ys = ") :], names)
        assert names["ys"] == [y / 1_000_000 for y in ys]
        said, history = heard(names["model"], xs, names["ys"], epochs=60, backend="python")
        assert said == [] and history is not None and history.losses[-1] < 0.02
    pairs = [[y, -y] for y in ys]
    [text], _ = heard(nn.MLP(2, [6, 2]), xs, pairs, optimizer=optim.SGD(1e-9), epochs=1)
    assert "and smaller ys, such as ys / 1_000_000: model = nn.Sequential(" in text


@pytest.mark.parametrize("rate, falls", [(0.02, True), (0.0, False)])
def test_a_loss_that_still_falls_needs_more_epochs_first(rate: float, falls: bool) -> None:
    xs = [i / 100 for i in range(100)]
    ys = [int(x >= 0.95) for x in xs]
    options: dict[str, Any] = {"loss": BCE, "backend": "python"}
    neuron = nn.Neuron(1, "linear", weights=[0.0])
    [text], _ = heard(neuron, xs, ys, optimizer=optim.SGD(rate), **options)
    assert ("The loss is still falling: train for more epochs, or with a higher learning rate" in text) == falls
    assert "epeat the samples" in text
    said, history = heard(neuron, xs, ys, optimizer=optim.Adam(1.0), **options | {"epochs": 200})
    assert said == [] and history is not None and history.accuracy[-1] > 0.96


def test_a_run_of_fewer_steps_than_ten_is_a_trial() -> None:
    def dead() -> nn.MLP:
        model = nn.MLP(1, [3, 1], rng=random.Random(0))
        for neuron in model.layers[0].neurons:
            neuron.b.data = -50.0
        return model

    for epochs, noticed in ((9, False), (10, True)):
        said, _ = heard(dead(), [0.0, 1.0, 2.0], [0.0, 1.0, 2.0], epochs=epochs)
        assert bool(said) == noticed


def test_units_are_dead_that_do_not_answer_in_use() -> None:
    class Warm(nn.MLP):
        def __call__(self, x: Any) -> Any:
            return super().__call__([x[0] + 100.0] if self.training else x)

    model = Warm(1, [3, 1], rng=random.Random(0))
    for neuron in model.layers[0].neurons:
        neuron.w[0].data, neuron.b.data = 0.5, -5.0
    said, _ = heard(model, [[0.0], [1.0], [2.0]], [0.0, 1.0, 2.0], optimizer=optim.SGD(0.0))
    assert any("3 of its 3 hidden units answer to no sample" in text for text in said)


def test_a_unit_that_hardly_answers_is_not_dead() -> None:
    """Its slope is a millionth, which training can make larger."""
    model = nn.MLP(1, [3, 1], "sigmoid", rng=random.Random(0))
    for neuron in model.layers[0].neurons:
        neuron.w[0].data, neuron.b.data = 0.001, -14.0
    [text], _ = heard(model, [0.0, 1.0, 2.0], [0.0, 1.0, 2.0], optimizer=optim.SGD(0.0))
    assert "learned nothing" in text and "answer to no sample" not in text


@pytest.mark.parametrize("largest, told", [(60.0, True), (8.0, False)])
def test_dead_units_of_inputs_beyond_10_are_told_to_standardize(largest: float, told: bool) -> None:
    rng = random.Random(0)
    xs = [[rng.uniform(0, largest), rng.uniform(0, largest)] for _ in range(80)]
    ys = [int(a > b) for a, b in xs]
    model = nn.MLP(2, [8, 2], rng=random.Random(0))
    for neuron in model.layers[0].neurons[not told :]:
        neuron.b.data = -1000.0
    [text], _ = heard(model, xs, ys, loss=CE, optimizer=optim.SGD(0.0))
    assert ("nn.Standardize.of(xs)" in text) == told
    assert ("8 of its 8 hidden units answer to" if told else "7 of its 8 hidden units answer to") in text
    if told:
        names: dict[str, Any] = {"xs": xs, "nn": nn}
        random.seed(0)
        exec(code_in(text), names)
        said, history = heard(names["model"], xs, ys, loss=CE, optimizer=optim.SGD(0.5), epochs=100, backend="python")
        assert said == [] and history is not None and history.accuracy[-1] > 0.95


def test_a_class_of_nearly_all_samples_gets_advice_that_shows_what_is_learned() -> None:
    """Repeated, the few others are learned, if xs tells something of them."""
    rng = random.Random(1)
    xs = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(100)]
    few = sorted(range(100), key=lambda i: xs[i][0])[:6]
    for told, ys in ((True, [int(i in few) for i in range(100)]), (False, [int(rng.random() < 0.06) for _ in xs])):
        options: dict[str, Any] = {"loss": BCE, "optimizer": optim.SGD(0.05), "epochs": 60, "backend": "python"}
        [text], _ = heard(nn.Neuron(2, "linear", weights=[0.1, 0.1]), xs, ys, **options)
        assert "more units" not in text
        assert "The loss is still falling: train for more epochs, or with a higher learning rate" in text
        assert "repeat the samples of the other classes until all are as frequent" in text
        assert "xs may tell nothing about ys" in text
        rare = [i for i in range(100) if ys[i]]
        places = [i for i in range(100) if not ys[i]] + rare * ((100 - len(rare)) // len(rare))
        options["optimizer"] = optim.SGD(0.5)
        said, history = heard(
            nn.Neuron(2, "linear", weights=[0.1, 0.1]), [xs[i] for i in places], [ys[i] for i in places], **options
        )
        assert history is not None and (history.accuracy[-1] > 0.9) == told
        assert not (told and said)


def test_few_samples_of_a_large_model_are_asked_for_dead_units() -> None:
    """A call of it takes long: 16 samples are asked, and 256 of a small one."""
    known = Data.of([i / 400 for i in range(400)], [0.0] * 400, None, random).known

    class Dead(nn.Module):
        def __init__(self, nodes: int) -> None:
            self.bias, self.nodes, self.calls = Value(-50.0), nodes, 0

        def __call__(self, x: Value) -> Value:
            self.calls += 1
            y = (x + self.bias).relu()
            for _ in range(self.nodes):
                y = y + 1.0
            return y

    for nodes, most in ((1, 256), (7_000, 16)):
        model = Dead(nodes)
        assert silent_units(Objective.of(model, "mse", None), known) == (1, 1, True)
        assert model.calls == most


def test_advice_is_not_counted_as_training(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def after(advisor: object, history: History, *rest: object, **options: object) -> None:
        seen.append(history.seconds)

    monkeypatch.setattr("autograd.training.fit.Advisor.after", after)
    _, history = heard(nn.Neuron(1), [0.0, 1.0], [0.0, 1.0], epochs=3, backend="python")
    assert history and seen == [history.seconds] and history.seconds > 0
