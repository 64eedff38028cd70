"""What `nn.uniform` draws in `fit` and `predict`, and what a model does in training only."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needs import BACKENDS, EAGER_AND_COMPILED, FIT_BACKENDS
from runs import check_alike

import autograd
from autograd import RecordingError, Value, fit, nn, optim
from autograd.training.data import Form
from autograd.training.draws import Draws

RNG = random.Random(7)
XS = [[RNG.uniform(-1, 1), RNG.uniform(-1, 1)] for _ in range(9)]
YS = [a - b for a, b in XS]
LENGTHS = [XS[i] if i % 3 else [*XS[i], 0.5] for i in range(9)]


class Noisy(nn.Module):
    """A network of one layer, with noise on its inputs: always, or in training only."""

    def __init__(self, always: bool = False) -> None:
        self.hidden, self.out = (
            nn.Layer(3, 4, "tanh", rng=random.Random(0)),
            nn.Neuron(4, "linear", rng=random.Random(1)),
        )
        self.always = always

    def __call__(self, x: Any) -> Any:
        if self.training or self.always:
            x = [a + u - 0.5 for a, u in zip(x, nn.uniform(len(x)))]
        return self.out(self.hidden([*x, 1.0][:3]))


def dropping() -> nn.Sequential:
    rng = random.Random(0)
    return nn.Sequential(
        nn.Layer(2, 6, "tanh", rng=rng), nn.Dropout(0.5), nn.Layer(6, 3, "relu", rng=rng), nn.Dropout(0.2),
        nn.Layer(3, 1, "linear", rng=rng),
    )  # fmt: skip


def noisy_loss(output: Any, target: Any) -> Any:
    [u] = nn.uniform(1)
    return (output - target - 0.1 * u) ** 2


TASKS: dict[str, tuple[Callable[[], Any], Any, Any]] = {
    "noise in training": (Noisy, XS, "mse"),
    "noise always": (lambda: Noisy(always=True), XS, "mse"),
    "noise in the loss": (lambda: nn.MLP(2, [3, 1], "tanh", rng=random.Random(0)), XS, noisy_loss),
    "both": (Noisy, XS, noisy_loss),
    "dropout": (dropping, XS, "mse"),
    "several lengths": (lambda: Noisy(always=True), LENGTHS, "mse"),
}


def trained(model: Any, xs: Any = XS, **options: Any) -> tuple[Any, list[float]]:
    defaults: dict[str, Any] = {"loss": "mse", "optimizer": optim.SGD(0.1), "epochs": 4, "seed": 0, "progress": False}
    history = fit(model, xs, YS, **(defaults | options))
    return history, [p.data for p in model.parameters()]


@pytest.mark.slice
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("name", TASKS)
def test_the_numbers_are_the_same_in_every_backend(name: str, batch_size: int | None) -> None:
    make, xs, loss = TASKS[name]
    runs = [
        trained(make(), xs, loss=loss, batch_size=batch_size, validation=0.25, backend=backend)
        for backend in FIT_BACKENDS
    ]
    check_alike(runs, batch_size)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_each_sample_of_each_epoch_has_its_own(backend: str) -> None:
    """The loss is what is drawn: with a rate of 0, the mean of an epoch is that of the numbers."""
    parameter = Value(1.0)

    class Drawn(nn.Module):
        def __init__(self) -> None:
            self.w = parameter

        def __call__(self, x: Any) -> Any:
            return self.w * nn.uniform(1)[0]

    def product(output: Any, target: Any) -> Any:
        return output * target

    powers = [2.0**-i for i in range(10)]
    seen = []
    for seed in (1, 1, 2):
        history = fit(
            Drawn(), powers, powers, loss=product, optimizer=optim.SGD(0.0), epochs=5, batch_size=3, seed=seed,
            backend=backend, progress=False,
        )  # fmt: skip
        seen.append(history.losses)
        assert len(set(history.losses)) == 5
    assert seen[0] == seen[1] != seen[2]
    rng, order = random.Random(1), list(range(10))
    rng.shuffle(order)
    draws = random.Random(rng.getrandbits(64))
    for k, loss in enumerate(seen[0]):
        if k:
            rng.shuffle(order)
        assert loss == pytest.approx(sum(powers[i] * draws.random() for i in order) / 10, rel=1e-12)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_without_a_seed_they_follow_the_module_random(backend: str) -> None:
    runs = []
    for _ in range(2):
        random.seed(4)
        runs.append(trained(Noisy(), seed=None, batch_size=4, backend=backend)[1])
    random.seed(5)
    assert runs[0] == runs[1] != trained(Noisy(), seed=None, batch_size=4, backend=backend)[1]


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_a_run_without_draws_takes_the_order_of_its_samples_alone_from_the_generator(backend: str) -> None:
    random.seed(4)
    trained(nn.MLP(2, [1]), seed=None, batch_size=4, backend=backend, validation=(XS, YS))
    after = random.random()
    random.seed(4)
    nn.MLP(2, [1])
    order = list(range(9))
    for _ in range(4):
        random.shuffle(order)
    assert after == random.random()


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_column_of_targets_that_a_loss_with_draws_does_not_take(backend: str) -> None:
    """The attempt draws, too, and takes nothing from those of the run."""
    network, runs = TASKS["noise in the loss"][0], []
    for ys in (YS, [[y] for y in YS]):
        model = network()
        fit(model, XS, ys, loss=noisy_loss, optimizer="sgd", epochs=2, backend=backend, seed=0, progress=False)
        runs.append([p.data for p in model.parameters()])
    assert runs[0] == runs[1]


def test_numbers_are_those_of_python_in_whatever_form() -> None:
    """One after another, in lists, or in arrays by NumPy's generator of that kind, from there on."""
    forms = [None, Form(), Form(alone=True), Form(arrays=True), None, Form(), Form(arrays=True), Form(alone=True), None]
    draws, expected = Draws(random.Random(3)), random.Random(random.Random(3).getrandbits(64))
    for form in forms:
        samples, n = (1, 400) if form and form.alone else (3, 400)
        draws.begin()
        found = [v.data for v in draws.leaves(1200)] if form is None else draws.rows(samples, n, form)
        assert np.ravel(found).tolist() == [expected.random() for _ in range(np.size(found))]
        assert np.ravel(draws.last).tolist() == np.ravel(found).tolist()


# In training ---------------------------------------------------------------------------------------------------------


class Modes(nn.Module):
    """Twice as much in training, and a note of each mode in which it was called."""

    def __init__(self) -> None:
        self.w = Value(0.5)
        self.modes: list[bool] = []

    def __call__(self, x: Any) -> Any:
        self.modes.append(self.training)
        return self.w * x * (2.0 if self.training else 1.0)


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS)
@pytest.mark.parametrize("own", [True, False])
def test_a_model_is_in_training_while_it_learns(own: bool, backend: str) -> None:
    xs = [1.0, 2.0, 3.0]
    model = Modes()
    model.train(own)
    history = fit(
        model, xs, xs, loss="mse", optimizer=optim.SGD(0.0), epochs=3, validation=(xs[:2], xs[:2]), backend=backend,
        progress=False,
    )  # fmt: skip
    assert history.losses == [0.0] * 3  # 2 * 0.5 * x is x
    assert history.validation_losses == [(0.25 + 1.0) / 2] * 3
    assert model.training is own
    assert set(model.modes) == {True, False}
    assert model.predict(xs, backend=backend) == [0.5, 1.0, 1.5]
    assert model.training is own


def test_eager_training_calls_it_in_no_other_mode() -> None:
    model, xs = Modes(), [1.0, 2.0, 3.0]
    fit(
        model, xs, xs, loss="mse", optimizer=optim.SGD(0.0), epochs=2, validation=([1.0], [1.0]), backend="eager",
        progress=False,
    )  # fmt: skip
    assert model.modes[-8:] == [True, True, True, False] * 2


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_dropout_is_not_measured(backend: str) -> None:
    model = dropping()
    history, _ = trained(model, validation=(XS[:5], YS[:5]), backend=backend, batch_size=2)
    model.eval()
    expected = nn.mse([model(x) for x in XS[:5]], YS[:5]).data
    assert history.validation_losses[-1] == pytest.approx(expected, rel=1e-12)
    model.train()
    assert model.predict(XS[:5], backend=backend) == model.predict(XS[:5], backend="eager")
    assert nn.mse(list(map(Value, model.predict(XS[:5]))), YS[:5]).data == pytest.approx(expected, rel=1e-12)


@pytest.mark.slice
@pytest.mark.parametrize("keep", [lambda part: part.freeze(), lambda part: part.eval()], ids=["frozen", "eval"])
@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_a_part_that_is_frozen_or_in_eval_is_in_training_nowhere(backend: str, keep: Callable[[Any], Any]) -> None:
    part = dropping()
    dropout: Any = part.modules[1]
    model = nn.Sequential(part, nn.Layer(1, 1, "linear", rng=random.Random(0)))
    losses = trained(model, backend=backend, optimizer=optim.SGD(0.0))[0].losses
    assert len(set(losses)) == 4
    assert keep(part).training is False is dropout.training
    losses = trained(model, backend=backend, optimizer=optim.SGD(0.0))[0].losses
    assert len(set(losses)) == 1
    assert losses[0] == pytest.approx(nn.mse(list(map(Value, model.predict(XS))), YS).data, rel=1e-12)
    part.unfreeze().train()
    assert dropout.training


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_frozen_part_keeps_its_statistics(backend: str) -> None:
    class Centred(nn.Module):
        def __init__(self) -> None:
            self.mean = nn.Constant(0.0)

        def __call__(self, x: Any) -> Any:
            if self.training:
                self.mean.value = sum(a.data for a in x) / len(x)
            return [a - self.mean.value for a in x]

    part = Centred()
    model = nn.Sequential(part.freeze(), nn.Layer(2, 1, "linear"))
    trained(model, backend=backend)
    assert part.mean.value == 0.0
    model.unfreeze()(list(map(Value, XS[0])))
    assert part.mean.value == sum(XS[0]) / 2


@pytest.mark.filterwarnings("ignore::autograd.TrainingWarning")  # nothing is to be learned from so few samples
def test_patience_goes_by_what_is_measured() -> None:
    runs = [
        trained(dropping(), validation=0.3, patience=3, epochs=20, backend=backend, batch_size=1)
        for backend in EAGER_AND_COMPILED
    ]
    assert runs[0][1] == runs[1][1]
    assert runs[0][0].best_epoch == runs[1][0].best_epoch


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_a_callback_may_switch_the_noise_off(backend: str) -> None:
    class Switched(Noisy):
        on = True

        def __call__(self, x: Any) -> Any:
            return super().__call__(x) if self.on else self.out(self.hidden([*x, 1.0][:3]))

    def switch(epoch: int, history: Any) -> None:
        model.on = epoch != 1

    model = Switched()
    numbers = trained(model, callback=switch, batch_size=1, backend=backend)[1]
    model = Switched()
    assert numbers == trained(model, callback=switch, batch_size=1, backend="eager")[1]


# Predictions ---------------------------------------------------------------------------------------------------------


@pytest.mark.slice
@pytest.mark.parametrize("backend", ["auto", *BACKENDS])
@pytest.mark.parametrize("xs", [XS, np.array(XS), LENGTHS])
def test_predictions_draw_for_each_sample(xs: Any, backend: str) -> None:
    model = Noisy(always=True)
    random.seed(3)
    expected = model.predict(xs, backend="eager")
    for _ in range(2):  # the second time with what was compiled
        random.seed(3)
        assert np.array_equal(model.predict(xs, backend=backend), expected)
    assert not np.array_equal(model.predict(xs, backend=backend), expected)
    alike = model.predict([XS[0]] * 4, backend=backend)
    assert len(set(alike)) == 4


def test_predictions_without_draws_leave_the_generator_alone() -> None:
    random.seed(3)
    dropping().predict(XS)
    after = random.random()
    random.seed(3)
    assert after == random.random()


# What is refused -----------------------------------------------------------------------------------------------------


class Drawing(Noisy):
    def __init__(self, draw: Callable[[list[Value]], Any]) -> None:
        super().__init__()
        self.draw = draw

    def __call__(self, x: Any) -> Any:
        return self.out(self.hidden([*x, 1.0])) * self.draw(x)


def test_as_many_are_drawn_for_each_sample() -> None:
    model = Drawing(lambda x: autograd.sum(nn.uniform(2 if x[0].data > 0 else 3)))
    said = r"sample 0 of xs: [23] numbers drawn by nn\.uniform\n    sample \d of xs: [23] numbers drawn by nn\.uniform"
    with pytest.raises(RecordingError, match=said):
        trained(model, backend="python")
    with pytest.raises(RecordingError, match=said):
        model.predict(XS, backend="python")
    assert trained(model, backend="eager")[0].losses


@pytest.mark.parametrize(
    "draw", [lambda x: random.random(), lambda x: float(np.random.uniform()), lambda x: random.random() < 0.5 or 2.0]
)
def test_other_draws_are_refused_with_what_to_write(draw: Any) -> None:
    random.seed(1)
    for use in (lambda model: trained(model, backend="python"), lambda model: model.predict(XS, backend="python")):
        with pytest.raises(
            RecordingError, match=r"draws random numbers.*Draw with nn\.uniform\(n\) or nn\.normal\(n\): their"
        ):
            use(Drawing(draw))


def test_a_regularizer_that_draws_is_refused() -> None:
    def penalty(parameters: list[Value]) -> Any:
        return autograd.sum([u * p for u, p in zip(nn.uniform(2), parameters)])

    with pytest.raises(RecordingError, match=r"the regularizer draws by nn\.uniform"):
        trained(nn.MLP(2, [1]), backend="python", regularizer=penalty)
    assert trained(nn.MLP(2, [1]), backend="eager", regularizer=penalty)[0].losses


def test_a_model_that_reads_what_it_draws_is_refused() -> None:
    model = Drawing(lambda x: nn.uniform(1)[0].data)
    for use in (lambda: trained(model, backend="python", epochs=0), lambda: model.predict(XS, backend="python")):
        with pytest.raises(RecordingError, match="random numbers"):
            use()


def test_held_out_samples_that_differ_in_what_they_read_are_refused() -> None:
    """As others are: that they have a graph of their own is for what differs by the mode."""
    model = Drawing(lambda x: 2.0 if x[0].data > 5 else nn.uniform(1)[0])
    with pytest.raises(RecordingError, match="of validation xs"):
        trained(model, backend="python", validation=([[7.0, 0.0], [8.0, 1.0]], [1.0, 2.0]))


@pytest.mark.parametrize("backend", BACKENDS)
def test_draws_that_compiled_code_takes_in_another_order_are_noticed(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checks compare with the same draws: planted here, a function that takes them reversed."""
    from autograd.codegen.compile import compile_recorded  # noqa: PLC0415  # to plant a mistake

    def planted(outputs: Any, inputs: Any, **options: Any) -> Any:
        *others, drawn = inputs
        return compile_recorded(outputs, (*others, drawn[::-1]), **options)

    monkeypatch.setattr("autograd.training.steps.compile_recorded", planted)
    with pytest.raises(RecordingError, match="on the first batch"):
        trained(Noisy(), backend=backend, batch_size=4)
