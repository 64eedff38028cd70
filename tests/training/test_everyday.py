"""`fit` as people write it elsewhere: names, columns of targets, a fraction held out, patience, tables of the run."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from needs import EAGER_AND_COMPILED

from autograd import DivergenceError, History, Value, fit, nn, optim

XS = [[-1.0, 0.5], [0.0, -2.0], [1.5, 1.0], [2.0, -0.5], [-0.5, 1.5], [1.0, 1.0]]
YS = [0.25, -1.0, 2.0, 1.0, 0.5, 1.5]


def trained(xs: Any, ys: Any, **options: Any) -> tuple[History, list[float]]:
    model = options.pop("model", None) or nn.MLP(2, [3, 1], "tanh", rng=random.Random(0))
    defaults: dict[str, Any] = {"loss": nn.mse, "optimizer": optim.SGD(0.05), "epochs": 4, "progress": False}
    history = fit(model, xs, ys, **(defaults | options))
    return history, [p.data for p in model.parameters()]


# ------------------------------------------------------------------------------------------------------------- by name


@pytest.mark.parametrize(
    "name, loss, ys",
    [
        ("mse", nn.mse, YS),
        ("MSELoss", nn.mse, YS),
        ("mean_squared_error", nn.mse, YS),
        ("hinge", nn.hinge, [-1, 1, 1, -1, 1, 1]),
        ("binary_cross_entropy", nn.binary_cross_entropy, [0, 1, 1, 0, 1, 1]),
        ("binary_crossentropy", nn.binary_cross_entropy, [0, 1, 1, 0, 1, 1]),
        ("BCEWithLogitsLoss", nn.binary_cross_entropy, [0, 1, 1, 0, 1, 1]),
        ("cross_entropy", nn.cross_entropy, [0, 1, 2, 0, 1, 2]),
        ("CrossEntropyLoss", nn.cross_entropy, [0, 1, 2, 0, 1, 2]),
        ("sparse_categorical_crossentropy", nn.cross_entropy, [0, 1, 2, 0, 1, 2]),
    ],
)
def test_a_loss_by_name(name: str, loss: Any, ys: Any) -> None:
    runs = []
    for given in (name, loss):
        model = nn.MLP(2, [3, 3 if loss is nn.cross_entropy else 1], rng=random.Random(0))
        history, numbers = trained(XS, ys, loss=given, model=model)
        runs.append((history.losses, history.accuracy, numbers))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    "name, make",
    [
        ("sgd", lambda: optim.SGD(0.01)),
        ("SGD", lambda: optim.SGD(0.01)),
        ("adam", lambda: optim.Adam(0.001)),
        ("Adam", lambda: optim.Adam(0.001)),
        ("AdamW", lambda: optim.AdamW(0.001)),
    ],
)
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_an_optimizer_by_name(name: str, make: Callable[[], Any], backend: str) -> None:
    first, second = trained(XS, YS, optimizer=name, backend=backend), trained(XS, YS, optimizer=make(), backend=backend)
    assert first[1] == second[1]
    assert trained(XS, YS, optimizer=name, backend=backend)[1] == first[1]  # a new one for each run


@pytest.mark.parametrize(
    "options, message",
    [
        ({"loss": "mae"}, "no loss 'mae': there are 'mse', 'hinge', 'binary_cross_entropy', 'cross_entropy', and your"),
        ({"optimizer": "rmsprop"}, r"no optimizer 'rmsprop': there are 'sgd' with lr=0\.01, 'adam' with lr=0\.001"),
        ({"patience": 0}, "patience is at least 1, got 0"),
        ({"validation": 0.0}, "between 0 and 1, got 0.0"),
        ({"validation": 1.5}, "between 0 and 1, got 1.5"),
        ({"validation": math.nan}, "between 0 and 1, got nan"),
        ({"validation": 0.99}, "a fraction of 0.99 leaves no sample of 6"),
    ],
)
def test_unknown_names_and_numbers_out_of_range(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        trained(XS, YS, **options)


@pytest.mark.parametrize("options", [{"loss": 3}, {"optimizer": optim.Adam}, {"validation": True}, {"patience": 0.5}])
def test_arguments_of_the_wrong_kind(options: Any) -> None:
    with pytest.raises(TypeError, match=f"^{next(iter(options))} is "):
        trained(XS, YS, **options)


# ------------------------------------------------------------------------------------------------- columns of targets


@pytest.mark.slice
@pytest.mark.parametrize(
    "loss, ys, outputs",
    [
        (nn.mse, YS, 1),
        (functools.partial(nn.mse), YS, 1),
        (nn.hinge, [-1, 1, 1, -1, 1, 1], 1),
        (nn.binary_cross_entropy, [0, 1, 1, 0, 1, 0.5], 1),
        (nn.cross_entropy, [0, 1, 2, 0, 1, 2], 3),
        (lambda output, target: abs(output - target), YS, 1),
    ],
)
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("validation", [False, True])
def test_a_column_of_targets_stands_for_its_numbers(
    loss: Any, ys: Any, outputs: int, backend: str, validation: bool
) -> None:
    column: list[list[float]] = [[y] for y in ys]
    runs = []
    for targets in (ys, column, np.array(column), np.array(ys)):
        model = nn.MLP(2, [3, outputs], "tanh", rng=random.Random(0))
        held_out = (XS[:2], targets[:2]) if validation else None
        history, numbers = trained(XS, targets, loss=loss, backend=backend, model=model, validation=held_out)
        runs.append((history.to_dict(), numbers))
    assert all(run == runs[0] for run in runs)
    mixed = trained(XS, ys, loss=loss, backend=backend, validation=(XS, column), model=nn.MLP(2, [outputs]))
    assert len(mixed[0].validation_losses) == 4


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_a_loss_that_takes_rows_gets_them(backend: str) -> None:
    def first_of_row(output: Any, target: list[Value]) -> Value:
        loss: Value = (output - target[0]) ** 2
        return loss

    column = [[y] for y in YS]
    assert trained(XS, column, loss=first_of_row, backend=backend)[1] == trained(XS, YS, backend=backend)[1]
    listed = trained(XS, column, model=Listed(), backend=backend)[1]
    assert listed == trained(XS, column, model=Listed(), loss=lambda o, y: (o[0] - y[0]) ** 2, backend=backend)[1]


class Listed(nn.Module):
    """A model that returns a list of one Value."""

    def __init__(self) -> None:
        self.neuron = nn.Neuron(2, "tanh", weights=[0.5, 0.25])

    def __call__(self, x: Any) -> list[Value]:
        return [self.neuron(x)]


# ------------------------------------------------------------------------------------------------- a fraction held out


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize("arrays", [False, True])
def test_a_fraction_is_held_out_by_the_seed(backend: str, arrays: bool) -> None:
    xs: Any = [[i / 10, -i / 20] for i in range(40)]
    ys: Any = [i / 40 for i in range(40)]
    if arrays:
        xs, ys = np.array(xs), np.array(ys)
    order = list(range(40))
    random.Random(7).shuffle(order)
    out, known = sorted(order[:8]), sorted(order[8:])

    def of(part: Any, indices: list[int]) -> Any:
        return part[indices] if arrays else [part[i] for i in indices]

    options: dict[str, Any] = {"backend": backend, "epochs": 3}
    history, numbers = trained(xs, ys, validation=0.2, seed=7, **options)
    same = trained(of(xs, known), of(ys, known), validation=(of(xs, out), of(ys, out)), seed=7, **options)
    assert (history.to_dict(), numbers) == (same[0].to_dict(), same[1])
    again = trained(xs, ys, validation=np.float64(0.2), seed=7, **options)
    assert (history.to_dict(), numbers) == (again[0].to_dict(), again[1])
    assert trained(xs, ys, validation=0.2, seed=8, **options)[1] != numbers
    random.seed(7)
    assert trained(xs, ys, validation=0.2, **options)[1] == numbers


def test_messages_keep_the_numbers_of_the_samples() -> None:
    xs = [[float(i), 1.0] for i in range(20)]
    order = list(range(20))
    random.Random(0).shuffle(order)
    for place in (order[0], order[-1]):  # held out, and not
        ys = [float(i == place) for i in range(20)]

        def loss(output: Value, target: Value) -> Any:
            return output * target.data  # another graph for a single sample

        with pytest.raises(TypeError, match=rf"sample {place} of xs: "):
            trained(xs, ys, loss=loss, validation=0.2, seed=0)


# ------------------------------------------------------------------------------------------------------------ patience

UPS_AND_DOWNS = [5.0, 4.0, 3.0, 3.5, 3.0, 4.5, 1.0, 9.0, 9.0]


class Scripted(nn.Module):
    """A model whose loss takes given values, one for each step, while its parameter counts the steps."""

    def __init__(self, values: list[float]) -> None:
        self.steps, self.values = Value(0.0), values

    def __call__(self, x: Value) -> Value:
        return self.steps + x * 0

    def loss(self, output: Value, target: Value) -> Value:
        """Return the value of this step; its slope is -1, so that SGD(1.0) counts."""
        i = min(int(self.steps.data), len(self.values) - 1)
        return self.values[i] - (output - output.data) + target * 0


@pytest.mark.parametrize(
    "patience, epochs, best", [(1, 4, 2), (2, 5, 2), (3, 6, 2), (4, 9, 6), (2, 3, 2), (4, 1, 0), (None, 9, None)]
)
def test_patience_watches_the_training_loss(patience: int | None, epochs: int, best: int | None) -> None:
    most = epochs if epochs in (1, 3) else 9
    model = Scripted(UPS_AND_DOWNS)
    optimizer = optim.SGD(1.0)
    history = fit(
        model, [0.0, 0.0], [0.0, 0.0], loss=model.loss, optimizer=optimizer, epochs=most, backend="eager",
        patience=patience, progress=False,
    )  # fmt: skip
    assert history.losses == UPS_AND_DOWNS[:epochs]
    assert history.best_epoch == best
    assert (
        model.steps.data == optimizer.steps == (epochs if best is None else best)
    )  # those before the best epoch's step
    if best is None:
        assert repr(history).endswith(f"{epochs} epochs: {history.figures()}")
    else:
        assert repr(history).endswith(f", the best in epoch {best + 1}, with {history.figures(best)}")
        assert history.figures(best) == f"loss {UPS_AND_DOWNS[best]:.4g}"


def test_patience_after_several_steps_an_epoch() -> None:
    """The loss is the mean over the steps, so the parameters at the end of the best epoch are the best ones."""
    model = Scripted([v for v in UPS_AND_DOWNS for _ in range(2)])
    history = fit(
        model, [0.0, 0.0], [0.0, 0.0], loss=model.loss, optimizer=optim.SGD(1.0), epochs=9, backend="eager",
        batch_size=1, patience=2, progress=False,
    )  # fmt: skip
    assert (history.losses, history.best_epoch, model.steps.data) == (UPS_AND_DOWNS[:5], 2, 6.0)


def test_patience_watches_the_validation_loss() -> None:
    """Of a line through noise, the held-out loss is lowest somewhere on the way."""
    rng = random.Random(3)
    xs = [[rng.uniform(-1, 1) for _ in range(8)] for _ in range(16)]
    ys = [x[0] + rng.gauss(0, 1) for x in xs]
    model = nn.Neuron(8, "linear", weights=[0.0] * 8)
    history = fit(
        model, xs[:10], ys[:10], loss="mse", optimizer=optim.SGD(0.3), epochs=2000, validation=(xs[10:], ys[10:]),
        patience=30, progress=False,
    )  # fmt: skip
    lowest = min(history.validation_losses)
    assert history.best_epoch == history.validation_losses.index(lowest) == len(history.losses) - 31
    assert nn.mse([model(x) for x in xs[10:]], ys[10:]).data == pytest.approx(lowest, rel=1e-12)
    assert len(history.losses) < 2000
    assert history.losses[-1] < history.losses[history.best_epoch]  # it would have gone on


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_the_parameters_are_those_of_the_lowest_training_loss(backend: str) -> None:
    model = nn.MLP(2, [3, 1], "tanh", rng=random.Random(0))
    history, _ = trained(XS, YS, model=model, optimizer=optim.SGD(1.5), epochs=40, patience=5, backend=backend)
    assert nn.mse([model(x) for x in XS], YS).data == pytest.approx(min(history.losses), rel=1e-12)
    assert all(p.grad == 0 for p in model.parameters())


def test_ctrl_c_and_the_callback_bring_the_best_back_and_divergence_does_not() -> None:
    for stop in ("callback", "interrupt"):
        model = Scripted(UPS_AND_DOWNS)

        def callback(epoch: int, _: History, stop: str = stop) -> bool:
            if epoch == 5 and stop == "interrupt":
                raise KeyboardInterrupt
            return epoch == 5

        history = fit(
            model, [0.0], [0.0], loss=model.loss, optimizer=optim.SGD(1.0), epochs=9, backend="eager",
            patience=9, progress=False, callback=callback,
        )  # fmt: skip
        assert (len(history.losses), history.interrupted) == (6, stop == "interrupt")
        assert (history.best_epoch, model.steps.data) == (2, 2.0)
    model = Scripted([*UPS_AND_DOWNS[:5], math.inf])
    with pytest.raises(DivergenceError):
        fit(
            model, [0.0], [0.0], loss=model.loss, optimizer=optim.SGD(1.0), epochs=9, backend="eager",
            patience=9, progress=False,
        )  # fmt: skip
    assert model.steps.data == 5.0


def test_patience_begins_anew_where_the_callback_changes_the_model() -> None:
    """The numbers of the best epoch so far are for other parameters."""
    model = Growing()

    def grow(epoch: int, _: History) -> None:
        if epoch == 2:
            model.weights.append(Value(5.0))

    history = fit(
        model, [1.0, 2.0], [1.0, 2.0], loss="mse", optimizer=optim.SGD(0.01), epochs=8, patience=4, callback=grow,
        progress=False, backend="python",
    )  # fmt: skip
    assert history.losses[2] < min(history.losses[3:])
    assert history.best_epoch == 7
    assert len(model.weights) == 2


class Growing(nn.Module):
    """A model whose weights are added up."""

    def __init__(self) -> None:
        self.weights = [Value(0.9)]

    def __call__(self, x: Value) -> Value:
        return sum(self.weights) * x


def test_a_run_of_no_epochs_with_patience() -> None:
    history, numbers = trained(XS, YS, epochs=0, patience=3)
    assert (history.losses, history.best_epoch) == ([], None)
    assert numbers == [p.data for p in nn.MLP(2, [3, 1], "tanh", rng=random.Random(0)).parameters()]


# ------------------------------------------------------------------------------------------------------------ the table


def test_the_table_of_a_run() -> None:
    history, _ = trained(XS, [1, 0, 1, 1, 0, 1], loss="binary_cross_entropy", validation=0.34, seed=1, epochs=6)
    table = history.to_dict()
    assert list(table) == ["loss", "accuracy", "validation_loss", "validation_accuracy"]
    assert {len(column) for column in table.values()} == {6}
    assert table["loss"] == history.losses
    table["loss"].clear()
    assert len(history.losses) == 6  # a copy
    assert list(trained(XS, YS)[0].to_dict()) == ["loss"]
    assert History().to_dict() == {}
