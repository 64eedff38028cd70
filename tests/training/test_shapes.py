"""Samples of several shapes, such as sequences of several lengths, in `fit` and `predict`."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from needs import BACKENDS, EAGER_AND_COMPILED, FIT_BACKENDS
from runs import check_alike

import autograd
from autograd import RecordingError, Value, fit, nn, optim
from autograd.codegen.compile import compile_recorded

RNG = random.Random(5)
LENGTHS = [2, 3, 2, 4, 3, 2, 2, 3, 2]
XS = [[RNG.uniform(-1, 1) for _ in range(n)] for n in LENGTHS]
YS = [sum(x) for x in XS]


class Elman(nn.Module):
    """A recurrent network of two units: of each sequence a number, or one for each of its members."""

    def __init__(self, every: bool = False) -> None:
        self.cell = nn.Layer(3, 2, "tanh", rng=random.Random(0))
        self.out = nn.Neuron(2, "linear", rng=random.Random(1))
        self.every = every

    def __call__(self, xs: Sequence[Any]) -> Any:
        state: list[Any] = [0.0, 0.0]
        outputs = []
        for x in xs:
            state = self.cell([x, *state])
            outputs.append(self.out(state))
        return outputs if self.every else outputs[-1]


class Sum(nn.Neuron):
    """A weight times the sum of a sequence."""

    def __init__(self) -> None:
        super().__init__(1, "linear", weights=[0.5], bias=0.0)

    def __call__(self, xs: Sequence[Any]) -> Any:
        return super().__call__([sum(xs)])


def trained(model: Any, xs: Any = XS, ys: Any = YS, **options: Any) -> Any:
    defaults: dict[str, Any] = {"loss": "mse", "optimizer": optim.SGD(0.1), "epochs": 4, "seed": 0, "progress": False}
    history = fit(model, xs, ys, **(defaults | options))
    return history, [p.data for p in model.parameters()]


@pytest.mark.slice
@pytest.mark.parametrize("validation", [None, 0.3, (XS[:4], YS[:4]), ([[0.5] * 6], [3.0])])
@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_training_is_the_same_in_every_backend(batch_size: int | None, validation: Any) -> None:
    runs = [trained(Elman(), batch_size=batch_size, validation=validation, backend=backend) for backend in FIT_BACKENDS]
    check_alike(runs, batch_size)
    assert len(runs[0][0].validation_losses) == (0 if validation is None else 4)


@pytest.mark.parametrize("batch_size, lengths", [(2, [2, 2, 2, 3, 3, 4]), (None, [2, 3, 4]), (1, sorted(LENGTHS))])
def test_a_step_is_a_batch_of_samples_of_one_shape(batch_size: int | None, lengths: list[int]) -> None:
    seen, steps = list[list[float]](), list[list[list[float]]]()

    class Watched(Elman):
        def __call__(self, xs: Sequence[Any]) -> Any:
            seen.append([x.data for x in xs])
            return super().__call__(xs)

    class Counted(optim.SGD):
        def update(self, numbers: Any, gradients: Any) -> Any:
            steps.append(list(seen))
            seen.clear()
            return super().update(numbers, gradients)

    trained(Watched(), batch_size=batch_size, backend="eager", optimizer=Counted(0.1), epochs=9)
    n = len(lengths)
    assert len(steps) == 9 * n
    epochs = [steps[begin : begin + n] for begin in range(n, 9 * n, n)]  # the first step's has calls before training
    for epoch in epochs:
        assert all(len({len(x) for x in batch}) == 1 for batch in epoch)
        assert sorted(len(batch[0]) for batch in epoch) == lengths
        assert sorted(x for batch in epoch for x in batch) == sorted(XS)
    assert len({str([len(batch[0]) for batch in epoch]) for epoch in epochs}) > 1  # the shapes are mixed
    if batch_size:  # and so are the samples
        assert len({str([x for batch in epoch for x in batch if len(x) == 2]) for epoch in epochs}) > 1


def test_the_loss_of_an_epoch_is_the_mean_over_all_samples() -> None:
    """With a rate of 0, whatever the batches; so are those held out."""
    model = Elman()
    expected = sum((model(x).data - y) ** 2 for x, y in zip(XS, YS)) / len(XS)
    for backend in FIT_BACKENDS:
        for batch_size in (1, 2, 3, None):
            history, _ = trained(
                model, batch_size=batch_size, backend=backend, optimizer=optim.SGD(0.0), epochs=1, validation=(XS, YS)
            )
            assert [*history.losses, *history.validation_losses] == pytest.approx([expected] * 2, rel=1e-12)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_the_accuracy_counts_all_samples(backend: str) -> None:
    model, labels = Elman(), [1 if y > 0 else -1 for y in YS]
    right = sum(label * model(x).data > 0 for x, label in zip(XS, labels)) / len(XS)
    history, _ = trained(model, ys=labels, loss="hinge", backend=backend, optimizer=optim.SGD(0.0), epochs=1)
    assert history.accuracy == [right]


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS)
@pytest.mark.parametrize("batch_size", [1, 3])
def test_targets_of_several_lengths(batch_size: int, backend: str) -> None:
    sums = [[sum(x[: i + 1]) for i in range(len(x))] for x in XS]
    history, numbers = trained(Elman(every=True), ys=sums, backend=backend, batch_size=batch_size, epochs=8)
    expected, others = trained(Elman(every=True), ys=sums, backend="eager", batch_size=batch_size, epochs=8)
    assert history.losses == pytest.approx(expected.losses, rel=1e-12)
    assert numbers == pytest.approx(others, rel=1e-12)
    assert history.losses[-1] < history.losses[0]


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_classes_and_columns_of_several_lengths(backend: str) -> None:
    model = nn.Sequential(Elman(every=True), lambda outputs: [outputs[-1], -outputs[-1]])
    runs = [
        trained(model, ys=ys, loss="cross_entropy", backend=backend, optimizer=optim.SGD(0.0), epochs=1)[0]
        for ys in ([i % 2 for i in range(9)], [[i % 2] for i in range(9)], ["no" if i % 2 else "it" for i in range(9)])
    ]
    assert len({(run.losses[0], run.accuracy[0]) for run in runs}) == 1
    assert runs[-1].classes == ["it", "no"]


def test_arrays_of_several_lengths_are_lists_of_them() -> None:
    expected = trained(Elman())[1]
    assert trained(Elman(), xs=list(map(np.array, XS)))[1] == expected
    several = np.empty(len(XS), dtype=object)
    several[:] = XS
    assert trained(Elman(), xs=several)[1] == expected


def test_samples_of_one_shape_are_trained_as_before() -> None:
    """Their order is that of a shuffle of all."""
    alike = [x[:2] for x in XS]
    history, _ = trained(Elman(), xs=alike, batch_size=2, backend="python", epochs=2)
    order, rng, model, losses = list(range(9)), random.Random(0), Elman(), []
    for _ in range(2):
        rng.shuffle(order)
        total = 0.0
        for begin in range(0, 9, 2):
            batch = order[begin : begin + 2]
            loss = nn.mse([model(alike[i]) for i in batch], [YS[i] for i in batch])
            nn.Module.zero_grad(model)
            loss.backward()
            total += loss.data * len(batch) / 9
            for p in model.parameters():
                p.data -= 0.1 * p.grad
        losses.append(total)
    assert history.losses == pytest.approx(losses, rel=1e-12)


def test_many_shapes_are_not_compiled_in_c() -> None:
    for lengths, expected in ((4, "c"), (16, "numpy")):  # in a tenth of a second each, or more
        sums = [1.0] * lengths
        xs, still = [[1.0] * (i + 1) for i in range(lengths)], optim.SGD(0.0)
        history, _ = trained(Sum(), xs=xs, ys=sums, epochs=1, optimizer=still)
        reached = trained(Sum(), xs=[[1.0], [2.0]], ys=[1.0, 2.0], epochs=1)[0].backend  # "c" with a compiler
        assert history.backend == (expected if reached == "c" else reached)


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", FIT_BACKENDS)
@pytest.mark.parametrize(
    "xs, ys, said",
    [
        ([[1.0, 2.0], [1.0], [2.0, 3.0]], [1.0, 2.0, 3.0], r"xs differ in shape: .*1 number.*takes 2 inputs, got 1"),
        ([[1.0], [1.0, 2.0], [2.0, 3.0]], [1.0, 2.0, 3.0], r"xs differ in shape: .*takes 2 inputs, got 1"),
        ([[1.0, 2.0]] * 3, [[1.0], [1.0, 2.0], [3.0]], r"ys differ in shape: .*the targets 2 numbers"),
        ([[1.0, 2.0]] * 3, [1.0, [1.0, 2.0], 3.0], r"ys differ in shape: .*the targets 2 numbers"),
    ],
)  # fmt: skip
def test_a_model_or_a_loss_that_takes_some_of_the_shapes_only(xs: Any, ys: Any, said: str, backend: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        trained(nn.MLP(2, [2, 1], rng=random.Random(0)), xs=xs, ys=ys, backend=backend)
    names: dict[str, Any] = {"xs": xs, "ys": ys}
    code = str(caught.value).partition("\nWrite\n")[2].replace("    ", "")
    exec(code, names)
    assert len(names["xs"]) == len(names["ys"]) == (2 if code else 3)
    if code and len(names["xs"][0]) == 2:
        trained(nn.MLP(2, [2, 1], rng=random.Random(0)), xs=names["xs"], ys=names["ys"], backend=backend)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_a_model_that_takes_none_of_the_shapes_says_why(backend: str) -> None:
    with pytest.raises(ValueError, match="takes 5 inputs, got 2"):
        trained(nn.MLP(5, [1]), backend=backend)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_samples_held_out_of_a_shape_that_the_model_does_not_take(backend: str) -> None:
    model, pairs = nn.MLP(2, [1]), [x[:2] for x in XS]
    with pytest.raises(ValueError, match="a sample of validation xs is 3 numbers, one of xs 2 numbers"):
        trained(model, xs=pairs, validation=([[1.0, 2.0, 3.0]], [1.0]), backend=backend)
    with pytest.raises(ValueError, match="a sample of validation ys is 2 numbers, one of ys a number"):
        trained(model, xs=pairs, validation=([[1.0, 2.0]], [[1.0, 2.0]]), backend=backend)


@pytest.mark.parametrize("backend", FIT_BACKENDS)
def test_the_sample_is_named_that_a_model_of_several_lengths_does_not_take(backend: str) -> None:
    class Own(Elman):
        def __call__(self, xs: Sequence[Any]) -> Any:
            if len(xs) == 5:
                raise KeyError("mine")
            return nn.Neuron(1)(xs) if len(xs) == 6 else super().__call__(xs)

    def note_of(call: Callable[[], Any]) -> list[str]:
        with pytest.raises(KeyError, match="mine") as caught:
            call()
        return caught.value.__notes__

    five, six, ys = [*XS, [1.0] * 5], [*XS, [1.0] * 6], [*YS, 1.0]
    model = Own()
    note = ["This is sample 9 of xs: 5 numbers."]
    assert note_of(lambda: trained(model, xs=five, ys=ys, backend=backend)) == note
    assert note_of(lambda: model.predict(five, backend=backend)) == note
    held_out = "This is sample 0 of validation xs: 5 numbers."
    assert note_of(lambda: trained(model, validation=(five[-1:], [1.0]), backend=backend))[-1] == held_out
    said = r"^sample 9 of xs: .* got 6"
    with pytest.raises(ValueError, match=said):
        trained(model, xs=six, ys=ys, backend=backend)
    with pytest.raises(ValueError, match=said):
        model.predict(six, backend=backend)


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_the_sample_is_named_whose_target_does_not_fit_its_sequence(backend: str) -> None:
    ys = [list(x) for x in XS]
    ys[6].append(1.0)
    said = "^sample 6 of ys: .*the outputs are 2 numbers, the targets 3 numbers$"
    with pytest.raises(ValueError, match=said):
        trained(Elman(every=True), ys=ys, backend=backend)


class Classes(nn.Layer):
    """Three logits for each member of a sequence."""

    def __init__(self) -> None:
        super().__init__(1, 3, "linear", rng=random.Random(0))

    def __call__(self, xs: Sequence[Any]) -> Any:
        return [super(Classes, self).__call__([x]) for x in xs]


@pytest.mark.parametrize("loss", ["cross_entropy", nn.cross_entropy])
def test_names_of_classes_in_sequences(loss: Any) -> None:
    names: dict[str, Any] = {"ys": [["noun", "verb", "noun", "end"][: len(x)] for x in XS]}
    with pytest.raises(TypeError, match="ys has lists of text") as caught:
        trained(Classes(), ys=names["ys"], loss=loss)
    exec(str(caught.value).partition("\nWrite\n")[2].replace("    ", ""), names)
    assert names["ys"][3] == [1, 2, 1, 0]
    history, _ = trained(Classes(), ys=names["ys"], loss=loss)
    assert history.losses[-1] < history.losses[0]
    names["ys"][7][1] = 3
    with pytest.raises(ValueError, match=r"^sample 7 of ys: there are the classes 0 to 2, got 3"):
        trained(Classes(), ys=names["ys"], loss=loss)


class Bag(nn.Module):
    """A weight for a number, and the sum of others, of which there may be none."""

    def __init__(self) -> None:
        self.w = [Value(0.5), Value(0.25)]

    def __call__(self, x: Any) -> Value:
        output: Value = self.w[0] * x[0] + self.w[1] * (1 + autograd.sum(x[1]))
        return output


class From(Elman):
    """Of a sequence without a member, the bias of the output."""

    def __call__(self, xs: Sequence[Any]) -> Any:
        return super().__call__(xs) if xs else self.out([0.0, 0.0])


BAGS = [(0.5, []), (1.0, [0.2]), (1.5, []), (2.0, [0.3, 0.4])]


@pytest.mark.slice(most=3)
@pytest.mark.parametrize(
    "make, xs",
    [
        (From, [[], [1.0], [1.0, 2.0], []]),
        (From, [[1.0], [], [2.0], [3.0]]),
        (Bag, BAGS),
        (Bag, [(x, []) for x, _ in BAGS]),
        (Bag, [(x, np.array(more)) for x, more in BAGS]),
    ],
)
@pytest.mark.parametrize("batch_size", [1, None])
def test_samples_without_numbers(make: Any, xs: Any, batch_size: int | None) -> None:
    ys = [0.0, 1.0, 3.0, 2.0]
    for validation in (None, (xs[:2], ys[:2])):
        options = {"xs": xs, "ys": ys, "batch_size": batch_size, "validation": validation}
        runs = [trained(make(), **options, backend=backend) for backend in FIT_BACKENDS]
        for history, numbers in runs[1:]:
            assert history.losses == pytest.approx(runs[0][0].losses, rel=1e-12)
            assert numbers == pytest.approx(runs[0][1], rel=1e-12)
    model = make()
    for backend in FIT_BACKENDS:
        assert model.predict(xs, backend=backend) == [model(x).data for x in xs]


def test_targets_without_numbers() -> None:
    def loss(outputs: list[Value], targets: list[Value]) -> Value:
        total: Value = Value(0.0) + autograd.sum([(y - t) ** 2 for y, t in zip(outputs, targets)])
        return total

    xs: list[list[float]] = [[1.0], [], [1.0, 2.0], []]
    options: dict[str, Any] = {"xs": xs, "ys": xs, "loss": loss, "batch_size": 1}
    runs = [trained(Elman(every=True), **options, backend=backend)[0].losses for backend in FIT_BACKENDS]
    assert all(run == runs[0] for run in runs) and runs[0][-1] < runs[0][0]


def test_what_differs_among_samples_of_one_length_is_refused() -> None:
    class Reads(Elman):
        def __call__(self, xs: Sequence[Any]) -> Any:
            output = super().__call__(xs)
            return output * 2.0 if len(xs) == 3 and xs[0].data == XS[4][0] else output

    model = Reads()
    with pytest.raises(RecordingError, match=r"sample 1 of xs: .*\n    sample 4 of xs: "):
        trained(model, backend="python")
    with pytest.raises(RecordingError, match=r"sample 1 of xs: .*\n    sample 4 of xs: "):
        model.predict(XS, backend="python")


def test_a_compiled_program_that_is_wrong_for_one_shape_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first batch of each shape is compared with the model."""

    def planted(outputs: Any, inputs: Any, **options: Any) -> Any:
        function = compile_recorded(outputs, inputs, **options)
        if len(inputs[1]) != 4:
            return function

        def wrong(*arguments: Any) -> Any:
            loss, gradients, accuracy = function(*arguments)
            return loss, [g * 1.01 for g in gradients], accuracy

        return functools.update_wrapper(wrong, function)

    monkeypatch.setattr("autograd.training.steps.compile_recorded", planted)
    with pytest.raises(RecordingError, match=r"the gradient with respect to .* on the first batch"):
        trained(Elman(), backend="python")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_callback_that_changes_the_model_is_noticed(backend: str) -> None:
    class Scaled(Elman):
        scale = 1.0

        def __call__(self, xs: Sequence[Any]) -> Any:
            return super().__call__(xs) * self.scale

    def change(epoch: int, history: Any) -> None:
        model.scale = 0.5 if epoch >= 1 else 1.0

    numbers = []
    for name in (backend, "eager"):
        model = Scaled()
        numbers.append(trained(model, callback=change, batch_size=1, backend=name)[1])
    assert numbers[0] == numbers[1]


# Predictions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["auto", "eager", *BACKENDS])
def test_predictions_are_those_of_the_model(backend: str) -> None:
    model = Elman()
    expected = [model(x).data for x in XS]
    for _ in range(2):  # the second time with what was compiled
        assert model.predict(XS, backend=backend) == expected
    assert model.predict(list(map(np.array, XS)), backend=backend) == expected


@pytest.mark.parametrize("backend", ["auto", "eager", *BACKENDS])
def test_predictions_of_several_lengths(backend: str) -> None:
    class Both(Elman):
        def __call__(self, xs: Sequence[Any]) -> Any:
            outputs = super().__call__(xs)
            return {"all": outputs, "last": (outputs[-1], [outputs[0], outputs[-1]])}

    model = Both(every=True)
    found, calls = model.predict(XS, backend=backend), [model(x) for x in XS]
    assert found["all"] == [[v.data for v in call["all"]] for call in calls]
    assert found["last"][0] == [call["last"][0].data for call in calls]
    assert found["last"][1] == [[v.data for v in call["last"][1]] for call in calls]


@pytest.mark.parametrize("backend", ["auto", "eager", *BACKENDS])
def test_predictions_of_a_shape_that_the_model_does_not_take(backend: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)xs differ in shape: .*takes 2 inputs, got 3.*Write\n    good = "):
        nn.MLP(2, [1]).predict([[1.0, 2.0], [1.0, 2.0, 3.0]], backend=backend)


def test_an_error_names_the_number_of_the_sample_in_all_of_them() -> None:
    class Odd(Elman):
        def __call__(self, xs: Sequence[Any]) -> Any:
            output = super().__call__(xs)
            return [output, output] if xs[0].data == XS[8][0] else [output]

    with pytest.raises(ValueError, match=r"a list of 1 number for sample 0 of xs, 2 numbers for sample 8"):
        Odd().predict(XS, backend="eager")


def test_what_is_compiled_is_kept_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def counted(*arguments: Any, **options: Any) -> Any:
        compiled.append(options["backend"])
        return compile_recorded(*arguments, **options)

    monkeypatch.setattr("autograd.samples.prediction.compile_recorded", counted)
    model = Elman()
    for _ in range(3):
        model.predict([[1.0] * n for n in range(1, 21)], backend="python")
    assert len(compiled) == 20


def test_a_scale_needs_samples_of_one_shape() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        nn.Standardize.of(XS)
