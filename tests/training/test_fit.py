"""`fit`: the same training in every backend, refused arguments, the end of a run, and the state it leaves."""

from __future__ import annotations

import functools
import itertools
import json
import math
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cases import cases, examples
from hypothesis import assume, given
from hypothesis import strategies as st
from interrupts import interrupted
from needs import BACKENDS, EAGER_AND_COMPILED, FIT_BACKENDS, lacking

import autograd
from autograd import History, Value, fit, nn, optim
from autograd.codegen.compile import BACKENDS as TARGETS
from autograd.errors import CompilerError, DivergenceError, TrainingWarning
from autograd.ops import Op
from autograd.samples import backends as choosing
from autograd.training import progress as reporting
from autograd.training import steps
from autograd.training.consistency import Consistency
from autograd.training.run import Run

MOONS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data" / "moons.json").read_text())
Penalty = Callable[[list[Value]], Value]


def decay(parameters: list[Value]) -> Value:
    penalty: Value = 1e-4 * autograd.sum([p * p for p in parameters])
    return penalty


def half_square(output: Any, target: Any) -> Value:
    loss: Value = (output - target) ** 2 / 2
    return loss


def line(weight: float = 0.5, bias: float = 0.5) -> nn.Neuron:
    return nn.Neuron(1, "linear", weights=[weight], bias=bias)


def quiet(model: Any, xs: Any, ys: Any, **options: Any) -> History:
    defaults: dict[str, Any] = {"loss": nn.mse, "optimizer": optim.SGD(0.1), "epochs": 5, "progress": False}
    return fit(model, xs, ys, **(defaults | options))


def numbers(model: Any) -> list[float]:
    return [p.data for p in model.parameters()]


def bits(values: list[float]) -> bytes:
    return struct.pack(f"{len(values)}d", *values)


# --------------------------------------------------------------------------------------- the same in every backend

TASKS: dict[str, tuple[Any, Callable[[random.Random], Any], int]] = {
    # loss, a target, outputs
    "mse": (nn.mse, lambda rng: rng.uniform(-2, 2), 1),
    "mse of rows": (nn.mse, lambda rng: [rng.uniform(-2, 2), rng.uniform(-2, 2)], 2),
    "hinge": (nn.hinge, lambda rng: rng.choice([-1, 1]), 1),
    "binary_cross_entropy": (nn.binary_cross_entropy, lambda rng: rng.choice([0, 1]), 1),
    "cross_entropy": (nn.cross_entropy, lambda rng: rng.randrange(3), 3),
    "cross_entropy of rows": (nn.cross_entropy, lambda rng: rng.choice([[0.25, 0.75], [1, 0]]), 2),
    "own": (half_square, lambda rng: rng.uniform(-2, 2), 1),
}
OPTIMIZERS: list[Callable[[], optim.SGD | optim.Adam]] = [
    lambda: optim.SGD(0.125),
    lambda: optim.SGD(lambda step: 0.5 / (step + 1), momentum=0.9, nesterov=True),
    lambda: optim.SGD(0.125, clip_norm=0.5),
    lambda: optim.AdamW(0.05),
]


@pytest.mark.filterwarnings("ignore::autograd.errors.TrainingWarning")  # random samples may be hard to learn from
@examples(20)  # each compiles several graphs
@given(
    task=st.sampled_from(sorted(TASKS)),
    make_optimizer=st.sampled_from(OPTIMIZERS),
    activation=st.sampled_from(["tanh", "relu", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "log_sigmoid"]),
    penalty=st.sampled_from([None, decay]),
    samples=st.integers(1, 7),
    batch_size=st.integers(1, 8),
    seed=st.integers(0, 1000),
)
def test_backends_give_the_same_training(
    *,
    task: str,
    make_optimizer: Callable[[], Any],
    activation: str,
    penalty: Penalty | None,
    samples: int,
    batch_size: int,
    seed: int,
) -> None:
    loss, target, outputs = TASKS[task]
    rng = random.Random(seed)
    xs = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(samples)]
    ys = [target(rng) for _ in range(samples)]
    runs = {}
    for backend in FIT_BACKENDS:
        model = nn.MLP(2, [2, outputs], activation, rng=random.Random(seed))
        history = quiet(
            model, xs, ys, loss=loss, optimizer=make_optimizer(), epochs=3, batch_size=batch_size, seed=seed,
            regularizer=penalty, backend=backend, validation=(xs[:2], ys[:2]),
        )  # fmt: skip
        assert history.backend == backend
        runs[backend] = history, numbers(model)
    history, parameters = runs["eager"]
    assert len(history.losses) == len(history.validation_losses) == 3
    assume(all(map(math.isfinite, history.losses)))
    for backend in BACKENDS:
        other, others = runs[backend]
        if min(samples, batch_size) == 1:
            assert bits(other.losses) == bits(history.losses), backend
            assert bits(others) == bits(parameters), backend
        assert other.losses == pytest.approx(history.losses, rel=1e-12, abs=1e-12)
        assert others == pytest.approx(parameters, rel=1e-11, abs=1e-12)
        assert other.validation_losses == pytest.approx(history.validation_losses, rel=1e-12, abs=1e-12)
        assert other.accuracy == history.accuracy
        assert other.validation_accuracy == history.validation_accuracy


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_the_sign_of_a_zero_is_the_same_too(backend: str) -> None:
    """-0.0 - 0.1 * -0.0 would be 0.0; but a gradient starts at 0.0, and 0.0 + -0.0 is 0.0."""
    model = line(-0.0, -0.0)
    quiet(model, [-0.0], [0.0], epochs=1, loss=lambda output, target: output * -0.0, backend=backend)
    assert [math.copysign(1.0, x) for x in numbers(model)] == [-1.0, -1.0]


def by_hand(
    model: Any, xs: Any, ys: Any, optimizer: Any, *, epochs: int, penalty: Penalty | None = None
) -> list[float]:
    """Train by a handwritten loop on the whole batch."""
    losses = []
    for _ in range(epochs):
        loss = nn.mse([model(x) for x in xs], ys)
        if penalty:
            loss = loss + penalty(model.parameters())
        model.zero_grad()
        loss.backward()
        optimizer.step(model.parameters())
        losses.append(loss.data)
    return losses


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("penalty", [None, decay])
def test_it_is_the_loop_that_one_writes_by_hand(backend: str, penalty: Penalty | None) -> None:
    rng = random.Random(3)
    xs = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(10)]
    ys = [x[0] * x[1] for x in xs]
    mine, ours = (nn.MLP(2, [4, 1], "tanh", rng=random.Random(1)) for _ in range(2))
    losses = by_hand(mine, xs, ys, optim.Adam(0.05), epochs=10, penalty=penalty)
    history = quiet(ours, xs, ys, optimizer=optim.Adam(0.05), epochs=10, regularizer=penalty, backend=backend)
    assert history.losses == pytest.approx(losses, rel=1e-12)
    assert numbers(ours) == pytest.approx(numbers(mine), rel=1e-11)
    assert history.accuracy == history.validation_losses == []


class Masked(nn.Module):
    """A classifier with four logits, of which the mask, 0 or -inf for each class, rules out some."""

    def __init__(self, mask: list[float]) -> None:
        self.mlp, self.mask = nn.MLP(2, [4, 4], "tanh", rng=random.Random(2)), mask

    def __call__(self, x: Any) -> list[Value]:
        return [logit + m for logit, m in zip(self.mlp(x), self.mask)]


@pytest.mark.slice
@pytest.mark.parametrize("targets", ["index", "one-hot", "probabilities"])
@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_a_masked_class_trains_as_in_the_loop_that_one_writes_by_hand(backend: str, targets: str) -> None:
    rng = random.Random(5)
    xs = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(12)]
    classes = [2 if x[0] > x[1] else 3 for x in xs]
    share = 0.75 if targets == "probabilities" else 1.0
    lists = [[1 - share, 0.0, *([share, 0.0] if c == 2 else [0.0, share])] for c in classes]
    ys: list[Any] = [*classes] if targets == "index" else lists
    mine, ours = Masked([0.0, -math.inf, 0.0, 0.0]), Masked([0.0, -math.inf, 0.0, 0.0])
    optimizer, losses = optim.Adam(0.1), []
    for _ in range(15):
        loss = nn.cross_entropy([mine(x) for x in xs], ys)
        mine.zero_grad()
        loss.backward()
        optimizer.step(mine.parameters())
        losses.append(loss.data)
    history = quiet(ours, xs, ys, loss=nn.cross_entropy, optimizer=optim.Adam(0.1), epochs=15, backend=backend)
    assert all(map(math.isfinite, history.losses)) and history.losses[-1] < 0.8 * history.losses[0]
    assert history.losses == pytest.approx(losses, rel=1e-12)
    assert numbers(ours) == pytest.approx(numbers(mine), rel=1e-11)
    assert history.accuracy[-1] > history.accuracy[0]


class Certain(nn.Module):
    """A classifier of two classes. The last number of a sample shifts its logit: by -inf or inf if it is certain."""

    def __init__(self) -> None:
        self.neuron = nn.Neuron(2, "linear", weights=[0.5, 1.0], bias=0.0)

    def __call__(self, x: Any) -> Value:
        logit: Value = self.neuron(x[:2]) + x[2]
        return logit


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_samples_whose_class_is_certain_cost_nothing_and_move_nothing(backend: str) -> None:
    xs, ys = [[1.0, -2.0, 0.0], [-1.0, 0.5, 0.0], [3.0, 1.0, -math.inf], [2.0, 1.0, math.inf]], [1, 0, 0, 1]
    whole, part = Certain(), Certain()
    options: dict[str, Any] = {"loss": nn.binary_cross_entropy, "backend": backend}
    history = quiet(whole, xs, ys, optimizer=optim.SGD(0.2), **options)
    without = quiet(part, xs[:2], ys[:2], optimizer=optim.SGD(0.1), **options)  # half as many samples in the mean
    assert numbers(whole) == pytest.approx(numbers(part), rel=1e-14)
    assert history.losses == pytest.approx([loss / 2 for loss in without.losses], rel=1e-14)


def test_every_activation_trains_to_the_same_bits() -> None:
    rng = random.Random(4)
    xs = [[rng.uniform(-2, 2), rng.uniform(-2, 2)] for _ in range(6)]
    ys = [x * y for x, y in xs]
    activations = ["leaky_relu", "elu", "gelu", "silu", "log_sigmoid", "linear"]
    runs = []
    for backend in FIT_BACKENDS:
        model = nn.MLP(2, [3, 3, 3, 3, 3, 1], activations, rng=random.Random(5))
        start = numbers(model)
        history = quiet(
            model, xs, ys, loss=nn.mse, optimizer=optim.SGD(0.01), epochs=5, batch_size=1, seed=0, backend=backend
        )
        assert history.losses[-1] < history.losses[0]
        assert all(p != at_first for p, at_first in zip(numbers(model), start, strict=True))
        runs.append((bits(history.losses), bits(numbers(model))))
    assert runs == [runs[0]] * len(FIT_BACKENDS)


@pytest.mark.parametrize("backend", ["c", "numpy", "eager"])  # statements in Python would take minutes
def test_micrograds_demo(backend: str) -> None:
    epochs = 100 if backend != "eager" else 5
    random.seed(1337)
    model = nn.MLP(2, [16, 16, 1])
    history = quiet(
        model, np.array(MOONS["X"]), np.array(MOONS["y"]), loss=nn.hinge, regularizer=decay, epochs=epochs,
        optimizer=optim.SGD(lr=lambda step: 1.0 - 0.9 * step / 100), backend=backend,
    )  # fmt: skip
    assert history.losses == pytest.approx(MOONS["losses"][:epochs], rel=1e-11)
    assert [round(100 * accuracy) for accuracy in history.accuracy] == MOONS["accuracies"][:epochs]


@pytest.mark.parametrize("backend", cases(["c"], campaign=["python"]))  # numpy takes longer for steps as small as these
def test_the_third_article(backend: str) -> None:
    neuron = nn.Neuron(1, weights=[0.5], bias=0.5)
    outputs = []

    def look(epoch: int, history: History) -> None:
        if epoch + 1 in (1, 10, 1000):
            outputs.append(neuron(0.01).data)

    quiet(
        neuron, [0.01], [0.1], loss=half_square, optimizer=optim.SGD(0.01), epochs=1000, backend=backend, callback=look
    )
    history = quiet(neuron, [0.01], [0.1], loss=half_square, optimizer=optim.SGD(0.01), epochs=99_000, backend=backend)
    if sys.platform.startswith("linux"):
        assert outputs == [0.4637940369755791, 0.4436827140382901, 0.10002704999527906]
        assert neuron(0.01).data == 0.1000000000000007
    assert len(history.losses) == 99_000


def test_seeded_runs_repeat_to_the_bit() -> None:
    xs = [[x / 10] for x in range(11)]
    ys = [x[0] ** 2 for x in xs]

    def run(seed: int | None) -> list[float]:
        return quiet(line(), xs, ys, batch_size=3, seed=seed, backend="python").losses

    assert run(1) == run(1) != run(2)
    random.seed(5)
    first = run(None)
    random.seed(5)
    assert run(None) == first
    state = random.getstate()
    run(1)
    assert random.getstate() == state  # a seed leaves the module's generator alone


def test_a_full_batch_is_not_shuffled() -> None:
    random.seed(1)
    state = random.getstate()
    seen: list[float] = []

    def note(output: Any, target: Any) -> Any:
        seen.append(target.data)
        return nn.mse(output, target)

    quiet(line(), [[1], [2], [3]], [1, 2, 3], epochs=2, backend="eager", loss=note, batch_size=99)
    assert seen[-6:] == [1, 2, 3, 1, 2, 3]
    assert random.getstate() == state


def test_each_sample_once_an_epoch_and_the_last_batch_counts_by_its_size() -> None:
    seen: list[float] = []

    def note(output: Any, target: Any) -> Any:
        seen.append(target.data)
        return nn.mse(output, target)

    model = line(0.0, 1.0)
    history = quiet(
        model, [0.0] * 5, [0, 1, 2, 3, 4], epochs=1, batch_size=2, loss=note, optimizer=optim.SGD(0.0), backend="eager"
    )
    assert sorted(seen) == [0, 1, 2, 3, 4]
    assert history.losses == [pytest.approx((1 + 0 + 1 + 4 + 9) / 5)]


# ------------------------------------------------------------------------------------------------------ which backend


def test_auto_is_c_where_there_is_a_compiler() -> None:
    assert quiet(line(), [1.0], [2.0]).backend == "c"


def test_auto_is_numpy_without_a_compiler_and_python_without_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert quiet(line(), [1.0], [2.0]).backend == "numpy"
    with pytest.raises(CompilerError, match="no-such-compiler"):
        quiet(line(), [1.0], [2.0], backend="c")
    for module in (steps, choosing):
        monkeypatch.setattr(module, "has_numpy", lambda: False)
    assert quiet(line(), [1.0], [2.0]).backend == "python"


def test_auto_finds_a_backend_for_an_own_operation() -> None:
    Op("twice({})", lambda x: 2 * x, lambda g, z, x: 2 * g, name="twice")
    Op("twice_by_math({})", lambda x: math.ldexp(x, 1), lambda g, z, x: 2 * g, name="twice_by_math")
    for activation, backends in (("twice", ["c"]), ("twice_by_math", ["numpy", "python"])):
        history = quiet(nn.Neuron(1, activation, rng=random.Random(0)), [1.0], [2.0])
        assert history.backend in backends
        assert history.losses[-1] < history.losses[0]


@pytest.mark.parametrize("broken", ["c", "numpy"])
def test_auto_passes_over_no_other_error_of_a_backend(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def backend(*_: Any) -> Any:
        raise ValueError("a defect of the backend")

    monkeypatch.setitem(TARGETS, broken, backend)
    if broken == "numpy":
        monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ValueError, match="a defect of the backend"):
        quiet(line(), [1.0], [2.0])


def test_without_numpy() -> None:
    """Without NumPy, the other backends give the same results, on lists."""
    script = """
import sys
sys.modules["numpy"] = None
import random
from autograd import fit, nn, optim
for backend in ("c", "python", "auto"):
    for batch_size in (1, 2, 3):
        model = nn.MLP(2, [2, 1], rng=random.Random(0))
        history = fit(model, [[1, 2], [3, 4], [5, 6]], [1, -1, 1], loss=nn.hinge, optimizer=optim.Adam(0.01), epochs=3,
                      batch_size=batch_size, seed=1, backend=backend, progress=False, validation=([[1, 2]], [1]))
        print([f"{x:.12f}" for x in history.losses + history.validation_losses], history.accuracy)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    rows = done.stdout.splitlines()
    assert rows[:3] == rows[3:6] == rows[6:]
    assert len(set(rows)) == 3


# ------------------------------------------------------------------------------------------------- what it refuses


@pytest.mark.parametrize("backend", ["auto", "python"])  # chosen or named
def test_a_branch_on_values_would_be_frozen(backend: str) -> None:
    model = line()

    def loss(output: Any, target: Any) -> Any:
        return output - target if output > target else target - output

    with pytest.raises(TypeError, match=r"autograd\.where.*backend=\"eager\""):
        quiet(model, [1.0], [2.0], loss=loss, backend=backend)
    assert numbers(model) == [0.5, 0.5]
    assert Value(1.0) < Value(2.0)  # comparing is allowed again
    assert quiet(model, [1.0, 2.0], [2.0, 1.0], loss=loss, backend="eager").losses


@pytest.mark.parametrize(
    "compare",
    [lambda v: max(v, 0.0), lambda v: sorted([v, Value(1.0)])[0], lambda v: v if v >= 0 else -v, lambda v: min(1.0, v)],
)
def test_every_comparison_is_seen(compare: Callable[[Value], Value]) -> None:
    with pytest.raises(TypeError, match="where"):
        quiet(nn.Neuron(1, compare, weights=[1.0]), [1.0], [2.0])


def test_a_comparison_in_the_regularizer_is_seen_and_one_in_the_callback_is_free() -> None:
    with pytest.raises(TypeError, match="where"):
        quiet(line(), [1.0], [2.0], regularizer=max)
    model = line()
    seen = []
    quiet(model, [1.0], [2.0], callback=lambda epoch, history: seen.append(max(model.parameters())))
    assert len(seen) == 5


def test_other_threads_may_compare_while_one_records() -> None:
    inside, done = threading.Event(), threading.Event()

    class Slow(nn.Neuron):
        def __call__(self, x: Any) -> Value:
            inside.set()
            assert done.wait(60)
            return super().__call__(x)

    thread = threading.Thread(target=quiet, args=(Slow(1), [1.0], [2.0]))
    thread.start()
    assert inside.wait(60)
    try:
        assert Value(1.0) < 2
    finally:
        done.set()
        thread.join()


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"model": 3}, TypeError, "can be called and has parameters"),
    ({"model": nn.Module()}, ValueError, "no parameters"),
    ({"loss": 3}, TypeError, "loss is a function"),
    ({"loss": lambda o, t: 1.0}, TypeError, "loss has to return a Value, got float 1.0"),
    ({"regularizer": 0.1}, TypeError, "regularizer is a function"),
    ({"regularizer": lambda ps: 0.0}, TypeError, "regularizer has to return a Value"),
    ({"optimizer": 0.1}, TypeError, "optimizer is one of"),
    ({"epochs": 1.5}, TypeError, "epochs is an integer"),
    ({"epochs": -1}, ValueError, "epochs is at least 0"),
    ({"batch_size": 0}, ValueError, "batch_size is at least 1"),
    ({"backend": "cuda"}, ValueError, f"no backend 'cuda'.*'auto', {', '.join(map(repr, TARGETS))}, 'eager'"),
    ({"xs": []}, ValueError, "xs is empty"),
    ({"xs": 3.0}, TypeError, "xs is a list"),
    ({"xs": "abc"}, TypeError, "xs is a list"),
    ({"xs": np.float64(3)}, TypeError, "xs is a list"),
    ({"xs": [[1.0], [2.0, 3.0]]}, ValueError, "differ in shape: the first is a list of 1 number, number 1 2 numbers"),
    ({"xs": [["a"], [1.0]]}, TypeError, r"xs: 1 of 2 samples .* \(sample 0\)\n *column 0 holds 'a'"),
    ({"xs": [[None], [1.0]]}, ValueError, r"xs: 1 of 2 samples lack a number \(sample 0\)"),
    ({"xs": [[Value(1.0)], [1.0]]}, TypeError, "take its number with .data"),
    ({"xs": [[1.0], [2.0], [3.0]]}, ValueError, "xs has 3 samples, ys 2"),
    ({"xs": [[1.0, 2.0], [2.0, 3.0]]}, ValueError, "takes 1 input, got 2"),
    ({"xs": [[], []]}, ValueError, "samples in xs are empty"),
    ({"ys": [[1.0, 2.0], [2.0, 3.0]]}, ValueError, "the targets 2 numbers"),
    ({"ys": [0, 1], "loss": nn.hinge}, ValueError, "a label is -1 or 1"),
    ({"ys": [-1, 1], "loss": nn.binary_cross_entropy}, ValueError, "0, 1 or a probability"),
    ({"ys": [0, 1], "loss": nn.cross_entropy}, ValueError, "binary_cross_entropy"),
    ({"ys": [0, 2], "loss": nn.cross_entropy, "model": nn.Layer(1, 2)}, ValueError, "classes 0 to 1, got 2"),
    ({"ys": [0, 0.5], "loss": nn.cross_entropy, "model": nn.Layer(1, 2)}, ValueError, "an integer, got 0.5"),
    ({"ys": [[1, 0], [1, 1]], "loss": nn.cross_entropy, "model": nn.Layer(1, 2)}, ValueError, "add up to 1"),
    ({"validation": [1.0]}, TypeError, "validation is a tuple"),
    ({"validation": ([[1.0]], [1.0, 2.0])}, ValueError, "validation ys 2"),
    ({"validation": ([[1.0, 2.0]], [1.0])}, ValueError, "validation xs is 2 numbers, one of xs a list of 1 number"),
    ({"validation": ([[1.0]], [[1.0, 2.0]])}, ValueError, "a sample of validation ys"),
]


@pytest.mark.parametrize("options, kind, message", WRONG)
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_wrong_arguments(options: dict[str, Any], kind: type[Exception], message: str, backend: str) -> None:
    model = line()
    given_ = {"model": model, "xs": [[1.0], [2.0]], "ys": [1.0, 2.0], "backend": backend} | options
    with pytest.raises(kind, match=message):
        quiet(**given_)
    assert numbers(model) == [0.5, 0.5]


def test_a_model_without_parameters() -> None:
    class Fixed(nn.Module):
        def __call__(self, x: Value) -> Value:
            return x

    with pytest.raises(ValueError, match="no parameters"):
        quiet(Fixed(), [1.0], [2.0])


def test_an_optimizer_stays_with_its_parameters() -> None:
    optimizer, first, second = optim.Adam(0.1), line(), line()
    quiet(first, [1.0], [2.0], optimizer=optimizer)
    quiet(first, [1.0], [2.0], optimizer=optimizer)
    assert optimizer.steps == 10
    with pytest.raises(ValueError, match="holds state for other parameters"):
        quiet(second, [1.0], [2.0], optimizer=optimizer)
    with pytest.raises(ValueError, match="holds state for other parameters"):
        optimizer.step(second.parameters())
    optimizer.step(first.parameters())


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_two_runs_are_one_long_run(backend: str) -> None:
    xs, ys = [1.0, 2.0, 3.0], [2.0, 3.0, 5.0]
    once, twice = line(), line()
    whole = quiet(once, xs, ys, optimizer=optim.Adam(0.1), epochs=6, backend=backend).losses
    optimizer = optim.Adam(0.1)
    parts = [quiet(twice, xs, ys, optimizer=optimizer, epochs=3, backend=backend).losses for _ in range(2)]
    assert parts[0] + parts[1] == whole
    assert numbers(once) == numbers(twice)


@pytest.mark.parametrize(
    "xs",
    [
        np.array([[1, 2], [3, 4]]),
        np.array([[1, 2], [3, 4]], dtype=np.float32)[:, :],
        np.array([[1.0, 3.0], [2.0, 4.0]]).T,
        [np.array([1, 2]), np.array([3, 4])],
        ((1, 2), (3, 4)),
        np.array([[1, 2], [3, 4]], dtype=object),
        iter([[1, 2], [3, 4]]),
    ],
)
def test_data_in_other_forms(xs: Any) -> None:
    model = nn.MLP(2, [2, 1], rng=random.Random(0))
    twin = nn.MLP(2, [2, 1], rng=random.Random(0))
    assert quiet(model, xs, (1, 2)).losses == quiet(twin, [[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]).losses


def test_samples_may_be_tables() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            self.scale = Value(0.5)

        def __call__(self, table: list[list[Value]]) -> Value:
            total: Value = self.scale * autograd.sum([x for row in table for x in row])
            return total

    model = Sum()
    quiet(model, np.ones((3, 2, 2)), [8.0] * 3, epochs=50, optimizer=optim.SGD(0.02))
    assert model.scale.data == pytest.approx(2.0)


# ----------------------------------------------------------------------------------------------------- classification


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
@pytest.mark.parametrize(
    "loss, scores, ys, accuracy",
    [
        (nn.hinge, [-1.0, 2.0, 0.0, 0.0, 0.0], [-1, 1, 1, -1, -1], 4 / 5),  # 0 is no 1, as in micrograd
        (nn.binary_cross_entropy, [-1.0, 2.0, 0.0, 3.0], [0, 0, 0, 1], 3 / 4),
        (nn.binary_cross_entropy, [-1.0, 2.0], [0.25, 0.75], 1.0),
    ],
)
def test_accuracy_of_one_score(backend: str, loss: Any, scores: Any, ys: Any, accuracy: float) -> None:
    history = quiet(line(1.0, 0.0), scores, ys, loss=loss, epochs=1, backend=backend, validation=(scores[:1], ys[:1]))
    assert history.accuracy == [accuracy]
    assert history.validation_accuracy == [1.0]


class Rows(nn.Module):
    """Three logits: the inputs plus parameters that start at 0."""

    def __init__(self) -> None:
        self.offsets = [Value(0.0) for _ in range(3)]

    def __call__(self, xs: list[Value]) -> list[Value]:
        return [x + offset for x, offset in zip(xs, self.offsets)]


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_accuracy_of_several_classes_is_that_of_argmax(backend: str) -> None:
    rng = random.Random(1)
    xs = [[float(rng.randrange(3)) for _ in range(3)] for _ in range(40)]  # with ties
    ys = [rng.randrange(3) for _ in range(40)]
    want = np.mean(np.argmax(xs, axis=1) == np.array(ys))
    history = quiet(Rows(), xs, ys, loss=nn.cross_entropy, epochs=1, backend=backend)
    assert history.accuracy == [want]
    one_hot = quiet(Rows(), xs, np.eye(3)[ys], loss=nn.cross_entropy, epochs=1, backend=backend)
    assert one_hot.accuracy == [want]
    assert one_hot.losses == history.losses
    floats = quiet(Rows(), xs, np.array(ys, dtype=float), loss=nn.cross_entropy, epochs=1, backend=backend)
    assert floats.losses == history.losses


def test_accuracy_of_several_batches_is_a_whole_number_of_samples() -> None:
    history = quiet(line(1.0, 0.0), [1.0] * 10, [1] * 10, loss=nn.hinge, batch_size=3, epochs=1)
    assert history.accuracy == [1.0]  # 0.3 + 0.3 + 0.3 + 0.1 is less


def test_accuracy_of_several_scores() -> None:
    history = quiet(Rows(), [[1.0, -1.0, 2.0]], [[1, 1, 1]], loss=nn.hinge, epochs=1)
    assert history.accuracy == [2 / 3]


def share_within(margin: float, outputs: Any, targets: Any) -> Any:
    """Return the share of outputs within a margin of their targets, on Values and on floats."""
    near = [autograd.where(margin - abs(o - t), 1.0, 0.0) for o, t in zip(outputs, targets)]
    return autograd.sum(near) / len(near)


@nn.loss(accuracy=functools.partial(share_within, 0.5))
def absolute_error(outputs: Any, targets: Any) -> Any:
    return autograd.sum([abs(o - t) for o, t in zip(outputs, targets)])


class Within:
    """A loss that is an object, with a method for its accuracy."""

    def __init__(self, margin: float) -> None:
        self.margin = margin

    def __call__(self, outputs: Any, targets: Any) -> Any:
        return absolute_error(outputs, targets)

    def accuracy(self, outputs: Any, targets: Any) -> Any:
        return share_within(self.margin, outputs, targets)


class DecoratedCall:
    @nn.loss(accuracy=functools.partial(share_within, 0.5))
    def __call__(self, outputs: Any, targets: Any, scale: float = 1.0) -> Any:
        return scale * absolute_error(outputs, targets)


@nn.loss(accuracy=functools.partial(share_within, 0.5))
class DecoratedClass(Within):
    pass


@functools.wraps(nn.hinge)
def doubled_hinge(outputs: Any, targets: Any) -> Any:
    return 2 * nn.hinge(outputs, targets)


ROWS = [[0.0, 2.0, -1.0], [1.0, 1.0, 0.5], [-1.0, 3.0, 4.0]]
SIGNS = [[-1, 1, -1], [1, -1, 1], [-1, -1, -1]]
CARRIED: dict[str, tuple[Any, Any, float]] = {
    # loss, targets of ROWS, the accuracy
    "partial of hinge": (functools.partial(nn.hinge), SIGNS, 6 / 9),
    "partial of a partial": (functools.partial(functools.partial(nn.hinge)), SIGNS, 6 / 9),
    "wraps hinge": (doubled_hinge, SIGNS, 6 / 9),
    "partial of binary_cross_entropy": (
        functools.partial(nn.binary_cross_entropy), [[0, 1, 0], [1, 0, 1], [0, 0, 0.25]], 6 / 9,
    ),
    "partial of cross_entropy": (functools.partial(nn.cross_entropy), [1, 1, 2], 2 / 3),
    "partial of cross_entropy, probabilities": (
        functools.partial(nn.cross_entropy), [[0, 1, 0], [0.5, 0.5, 0], [1, 0, 0]], 2 / 3,
    ),
    "own": (absolute_error, [[0.25, 1.0, -1.0], [1.0, 1.25, 9.0], [9.0, 9.0, 9.0]], 4 / 9),
    "object": (Within(0.125), [[0.25, 1.0, -1.0], [1.0, 1.25, 9.0], [9.0, 9.0, 9.0]], 2 / 9),
    "partial of an object": (functools.partial(Within(8.0)), [[9.0] * 3] * 3, 3 / 9),
    "decorated __call__": (DecoratedCall(), [[0.25, 1.0, -1.0], [1.0, 1.25, 9.0], [9.0, 9.0, 9.0]], 4 / 9),
    "partial of a decorated __call__": (
        functools.partial(DecoratedCall(), scale=2.0), [[0.25, 1.0, -1.0], [1.0, 1.25, 9.0], [9.0, 9.0, 9.0]], 4 / 9,
    ),
    "decorated class": (DecoratedClass(9.0), [[0.25, 1.0, -1.0], [1.0, 1.25, 9.0], [9.0, 9.0, 9.0]], 4 / 9),
}  # fmt: skip


@pytest.mark.slice
@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("batch_size", [None, 1, 2])
@pytest.mark.parametrize("name", CARRIED)
def test_a_loss_carries_its_accuracy(name: str, batch_size: int | None, backend: str) -> None:
    loss, ys, accuracy = CARRIED[name]
    history = quiet(
        Rows(), ROWS, ys, loss=loss, epochs=2, batch_size=batch_size, backend=backend, optimizer=optim.SGD(0.0),
        validation=(ROWS[:1], ys[:1]),
    )  # fmt: skip
    assert history.accuracy == [accuracy] * 2
    assert len(history.validation_accuracy) == 2


def test_a_partial_trains_to_the_bit_as_its_loss_does() -> None:
    xs, ys = ROWS, [1, 1, 2]
    runs = [
        quiet(Rows(), xs, ys, loss=loss, backend="python")
        for loss in (nn.cross_entropy, functools.partial(nn.cross_entropy))
    ]
    assert runs[0].losses == runs[1].losses
    assert runs[0].accuracy == runs[1].accuracy


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_an_accuracy_need_not_be_a_share_of_whole_scores(backend: str) -> None:
    @nn.loss(accuracy=lambda output, target: autograd.sigmoid(output) * 0.123)
    def own(output: Any, target: Any) -> Any:
        return nn.mse(output, target)

    history = quiet(line(1.0, 0.0), [0.0, 0.0], [0.0, 0.0], loss=own, backend=backend, epochs=1)
    assert history.accuracy == [pytest.approx(0.0615, rel=1e-15)]


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_a_loss_carries_its_targets(backend: str) -> None:
    """Targets of its own form, converted once for training and for validation."""
    asked = []

    def from_letters(output: Any, ys: list[Any]) -> list[Any]:
        asked.append((len(output), ys))
        if any(y not in (0.0, 1.0) for y in ys):
            raise ValueError("a letter is 0 or 1")
        return [[y, 1 - y, 0] for y in ys]

    @nn.loss(targets=from_letters)
    def own(output: Any, target: Any) -> Any:
        return nn.mse(output, target)

    quiet_own = functools.partial(quiet, Rows(), ROWS, loss=own, backend=backend, optimizer=optim.SGD(0.0), epochs=1)
    history = quiet_own([0, 1, 1], validation=(ROWS[:1], [1]))
    assert asked == [(3, [0.0, 1.0, 1.0]), (3, [1.0])]
    goals = [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert history.losses == [pytest.approx(nn.mse(ROWS, goals), rel=1e-15)]
    assert history.validation_losses == [pytest.approx(nn.mse(ROWS[0], [1.0, 0.0, 0.0]), rel=1e-15)]
    assert history.accuracy == []
    with pytest.raises(ValueError, match="validation ys: a letter is 0 or 1"):
        quiet_own([0, 1, 1], validation=(ROWS[:1], [2]))


def test_targets_that_are_not_numbers_are_refused_with_their_name() -> None:
    own = nn.loss(targets=lambda output, ys: [None for y in ys])(functools.partial(nn.mse))
    with pytest.raises(TypeError, match=r"ys: 1 of 1 samples .* \(sample 0\)"):
        quiet(line(), [1.0], [1.0], loss=own)
    short = nn.loss(targets=lambda output, ys: ys[1:])(functools.partial(nn.mse))
    with pytest.raises(ValueError, match="xs has 2 samples, ys 1"):
        quiet(line(), [1.0, 2.0], [1.0, 2.0], loss=short)


def test_an_accuracy_in_plain_python_is_for_eager_only() -> None:
    @nn.loss(accuracy=lambda output, target: (output > 0) == (target > 0))
    def own(output: Any, target: Any) -> Any:
        return nn.mse(output, target)

    xs, ys = [1.0, -1.0, 2.0], [1.0, 1.0, 1.0]
    history = quiet(line(1.0, 0.0), xs, ys, loss=own, backend="eager", optimizer=optim.SGD(0.0))
    assert history.accuracy == [2 / 3] * 5
    with pytest.raises(TypeError, match=r"Values are compared.*backend=\"eager\""):
        quiet(line(1.0, 0.0), xs, ys, loss=own, backend="python")
    frozen = nn.loss(accuracy=lambda output, target: 1.0)(functools.partial(nn.mse))
    with pytest.raises(TypeError, match=r"accuracy has to return a Value, got float 1\.0"):
        quiet(line(1.0, 0.0), xs, ys, loss=frozen, backend="python")


@pytest.mark.parametrize("backend", [*BACKENDS, "auto"], indirect=True)
def test_the_model_is_called_for_few_samples(backend: str) -> None:
    """To record and to check it, not for each step."""
    calls = []

    class Counted(Rows):
        def __call__(self, xs: list[Value]) -> list[Value]:
            calls.append(len(xs))
            return super().__call__(xs)

    def count(epochs: int) -> int:
        calls.clear()
        quiet(
            Counted(), ROWS, [0, 1, 2], loss=nn.cross_entropy, validation=(ROWS, [2, 1, 0]), backend=backend,
            epochs=epochs,
        )  # fmt: skip
        return len(calls)

    assert count(0) == 1 + 3 + 3  # the first sample, then all that are chosen, the first again, and those held out
    batch = 3 + 3  # losses and gradients
    assert count(1) == count(0) + batch + 3 + 3 + batch  # the first; some after the first epoch; held out; the last
    with pytest.warns(TrainingWarning, match="the largest class"):  # which asks the model once for its hidden units
        assert count(1000) == count(1) + 9 * 3 + 3 + 1  # some after 2, 4, 8, ... epochs; held out again


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_validation_is_measured_after_the_epoch(backend: str) -> None:
    model = line()
    history = quiet(
        model, [1.0, 2.0], [2.0, 3.0], validation=([3.0, 5.0], [4.0, 6.0]), epochs=3, backend=backend, regularizer=decay
    )
    twin = line()
    for p, number in zip(twin.parameters(), numbers(model)):
        p.data = number
    assert history.validation_losses[-1] == pytest.approx(nn.mse([twin(3.0), twin(5.0)], [4.0, 6.0]).data, rel=1e-12)
    assert len(history.validation_losses) == 3


# ------------------------------------------------------------------------------------------------------- how it ends


def test_no_epochs() -> None:
    model = line()
    history = quiet(model, [1.0], [2.0], epochs=0)
    assert (history.losses, numbers(model), repr(history)) == ([], [0.5, 0.5], "History of no epochs")


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_gradients_are_zero_in_the_end(backend: str) -> None:
    model = line()
    for p in model.parameters():
        p.grad = 7.0
    quiet(model, [1.0, 2.0], [2.0, 4.0], backend=backend)
    assert [p.grad for p in model.parameters()] == [0.0, 0.0]


@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_the_callback_sees_the_parameters_may_change_them_and_may_stop(backend: str) -> None:
    model, optimizer = line(), optim.SGD(0.1)
    seen = []

    def callback(epoch: int, history: History) -> bool:
        seen.append((epoch, len(history.losses), numbers(model), optimizer.steps))
        if epoch == 1:
            model.b.data = 100.0
            optimizer.lr = 0.0
        if epoch == 3:
            model.b.data = -1.0
        return epoch == 3

    history = quiet(model, [1.0, 2.0], [2.0, 4.0], epochs=50, callback=callback, optimizer=optimizer, backend=backend)
    assert [entry[:2] for entry in seen] == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert [entry[3] for entry in seen] == [1, 2, 3, 4]
    assert seen[0][2] != seen[1][2]
    assert seen[2][2][1] == 100.0
    assert model.b.data == -1.0
    assert (len(history.losses), history.interrupted) == (4, False)
    assert optimizer.lr == 0.0


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
@pytest.mark.parametrize("batch_size", [None, 1])
def test_a_loss_that_leaves_the_numbers_stops_the_run(backend: str, batch_size: int | None) -> None:
    model, optimizer = line(), optim.SGD(1e30, momentum=0.5)
    kept: list[tuple[list[float], Any]] = [(numbers(model), None)]

    def callback(epoch: int, history: History) -> None:
        kept.append((numbers(model), optimizer._memory))

    with pytest.raises(DivergenceError, match=r"at step \d+ \(epoch \d+, .*smaller learning rate.*clip_norm") as caught:
        quiet(
            model, [1.0, 2.0], [2.0, 4.0], epochs=50, optimizer=optimizer, callback=callback, backend=backend,
            batch_size=batch_size, seed=0,
        )  # fmt: skip
    assert all(map(math.isfinite, numbers(model)))
    assert isinstance(caught.value, FloatingPointError)
    losses = caught.value.history.losses
    assert losses and all(map(math.isfinite, losses))
    assert optimizer._memory is not None
    assert all(math.isfinite(x) for column in optimizer._memory for x in column)
    if batch_size is None:
        assert numbers(model) == kept[-1][0]
        assert f"at step {len(losses)} (epoch {len(losses)}," in str(caught.value)
        assert optimizer.steps == len(losses)


@pytest.mark.parametrize("backend", FIT_BACKENDS, indirect=True)
def test_a_gradient_that_is_not_a_number_stops_before_the_step(backend: str) -> None:
    model = line(1.0, 0.0)
    with pytest.raises(DivergenceError, match=r"the gradient of weight became nan at step 0 .*by sqrt"):
        quiet(model, [0.0, 0.0], [1.0, 1.0], loss=lambda output, target: output.sqrt(), backend=backend)
    assert numbers(model) == [1.0, 0.0]


def test_detect_anomaly_finds_the_operation() -> None:
    """As in a loop by hand."""
    model = line(1.0, 0.0)
    with pytest.raises(autograd.AnomalyError, match="by sqrt"), autograd.detect_anomaly():
        quiet(model, [0.0], [1.0], loss=lambda output, target: output.sqrt(), backend="eager")
    assert numbers(model) == [1.0, 0.0]


def test_data_that_are_not_numbers_are_named() -> None:
    with pytest.raises(ValueError, match=r"xs: 1 of 2 samples are not finite \(sample 1\)"):
        quiet(line(), [1.0, math.inf], [1.0, 1.0])


def test_large_numbers_are_not_an_error() -> None:
    model = line(1e200, 1e200)
    quiet(model, [0.0, 0.0], [1e200, 1e200], optimizer=optim.SGD(0.0), loss=lambda output, target: output * 1e-200)
    assert numbers(model) == [1e200, 1e200]


@pytest.mark.slice
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a file or compiler that was opened, but is not yet in `with`
@pytest.mark.parametrize("backend", ["python", "numpy", "c"], indirect=True)  # in lists, in arrays, and steps in C
@pytest.mark.parametrize("batch_size", [None, 1])
@pytest.mark.parametrize("start", cases([0], campaign=[1, 2, 3]))
@pytest.mark.parametrize(
    ("since", "stride"), [(None, 7993), (Run.epochs.__code__, 113)], ids=["from recording to the end", "steps"]
)
def test_an_interrupt_at_any_point_leaves_a_whole_step(
    *,
    backend: str,
    batch_size: int | None,
    since: CodeType | None,
    stride: int,
    start: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four sweeps over all bytecodes, with the same stride and other starts."""
    if since:  # the checks between the steps are the other sweep's
        monkeypatch.setattr(Consistency, "compare_batch", lambda *_: None)
        monkeypatch.setattr(Consistency, "compare_some", lambda *_: None)
    epochs = 2  # the time grows with their square
    options: dict[str, Any] = {"batch_size": batch_size, "seed": 0, "backend": backend, "epochs": epochs}
    data = [1.0, 2.0], [2.0, 3.5]
    states: list[list[float]] = []

    class Noted(optim.Adam):
        def update(self, numbers: Any, gradients: Any) -> Any:
            moved = super().update(numbers, gradients)
            states.append([float(x) for x in moved])
            return moved

    full = quiet(line(), *data, optimizer=Noted(0.1), **options)
    allowed = [[0.5, 0.5], *states]
    reached = set()
    inside = False
    for at in itertools.count(1 + start * stride // 4, stride):
        model, optimizer = line(), optim.Adam(0.1)
        found: list[History] = []

        def run(model: Any = model, optimizer: Any = optimizer, found: list[History] = found) -> None:
            found.append(quiet(model, *data, optimizer=optimizer, **options))

        over = not interrupted(run, at, since)
        assert Value(1.0) < 2  # nobody is recording now
        place = allowed.index(numbers(model))
        assert optimizer.steps == place  # the optimizer stands where the parameters do
        reached.add(place)
        if found and found[0].interrupted:
            inside = True
            assert found[0].losses == full.losses[: len(found[0].losses)]
            assert place >= len(found[0].losses) * len(states) // epochs
            assert "interrupted" in repr(found[0])
        if over:
            break
    assert inside
    assert {0, len(states)} <= reached


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let SIGINT interrupt, even if the tests run in the background of a shell, which ignores it for them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("call", range(1, 13))
def test_an_interrupt_in_the_model_leaves_a_whole_step(call: int) -> None:
    calls = 0

    class Rude(nn.Neuron):
        def __call__(self, x: Any) -> Value:
            nonlocal calls
            calls += 1
            if calls == call:
                signal.raise_signal(signal.SIGINT)
            return super().__call__(x)

    model, optimizer = Rude(1, "linear", weights=[0.5], bias=0.5), optim.Adam(0.1)
    model.b.grad = 3.0
    history = quiet(model, [1.0, 2.0, 3.0, 4.0], [2.0] * 4, optimizer=optimizer, epochs=3, batch_size=2, seed=1,
                    backend="eager")  # fmt: skip
    assert history.interrupted
    assert optimizer.steps == (call - 1) // 2
    assert len(history.losses) == (call - 1) // 4
    assert model.b.grad == 0.0
    twin = line()
    steps = iter([False] * optimizer.steps + [True])

    class Stopped(optim.Adam):
        def update(self, numbers: Any, gradients: Any) -> Any:
            if next(steps):
                raise KeyboardInterrupt
            return super().update(numbers, gradients)

    quiet(
        twin, [1.0, 2.0, 3.0, 4.0], [2.0] * 4, optimizer=Stopped(0.1), epochs=3, batch_size=2, seed=1, backend="eager"
    )
    assert numbers(model) == numbers(twin)


def test_ctrl_c_in_a_terminal() -> None:
    script = """
import os, signal
from autograd import fit, nn, optim
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs in its background
model = nn.Neuron(1, weights=[0.5], bias=0.5)
def callback(epoch, history):
    if epoch == 20:
        os.kill(os.getpid(), signal.SIGINT)
history = fit(model, [0.01], [0.1], loss=nn.mse, optimizer=optim.SGD(0.01), epochs=10**9, callback=callback)
print(history.interrupted, len(history.losses) >= 20, model.parameters()[0].data != 0.5)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True True True\n"
    assert "Traceback" not in done.stderr


def test_whatever_ends_it_the_parameters_are_those_of_the_last_step() -> None:
    model = line()

    def rate(step: int) -> float:
        if step == 2:
            raise RuntimeError("enough")
        return 0.1

    with pytest.raises(RuntimeError, match="enough"):
        quiet(model, [1.0], [2.0], optimizer=optim.SGD(rate))
    twin = line()
    quiet(twin, [1.0], [2.0], epochs=2)
    assert numbers(model) == numbers(twin)


# ---------------------------------------------------------------------------------------------------------- progress


def test_progress_in_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    quiet(line(), [1.0], [1.5], epochs=1000, progress=True)
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert 10 <= len(lines) <= 11
    assert lines[0].startswith("epoch    1/1000  loss 0.25")
    assert lines[-1].startswith("epoch 1000/1000  loss ")
    quiet(line(), [1.0], [1.5], epochs=3, progress=True)
    assert len(capsys.readouterr().err.splitlines()) == 3


def test_a_long_run_reports_between_the_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = itertools.count()  # a second for each look at the clock
    monkeypatch.setattr(reporting, "_bar", lambda epochs: None)
    monkeypatch.setattr(reporting, "time", SimpleNamespace(monotonic=lambda: float(next(now))))
    quiet(line(), [1.0], [1.5], epochs=1000, progress=True)
    shown = [int(n) for n in re.findall(r"epoch +(\d+)/1000", capsys.readouterr().err)]
    assert max(b - a for a, b in itertools.pairwise(shown)) <= 10
    assert set(range(100, 1001, 100)) <= set(shown)


def test_progress_stops_where_the_run_does(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    quiet(line(), [1.0], [1.5], epochs=1000, progress=True, callback=lambda epoch, history: epoch == 6)
    lines = capsys.readouterr().err.splitlines()
    assert [row.split()[1] for row in lines] == ["1/1000", "7/1000"]


def test_progress_as_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    if not find_spec("tqdm"):
        lacking("tqdm is not installed")
    threads = threading.active_count()
    quiet(line(), [1.0], [1.5], epochs=1000, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "1000/1000" in err and "loss " in err
    assert threading.active_count() == threads


@pytest.mark.parametrize("installed", [True, False], ids=["tqdm", "lines"])
def test_progress_in_a_notebook_is_not_red(
    installed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notebooks show standard error in red; a shell with a kernel is a notebook's."""
    if installed and not find_spec("tqdm"):
        lacking("tqdm is not installed")
    if not installed:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    shell = SimpleNamespace(kernel=object(), config={})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    quiet(line(), [1.0], [1.5], epochs=10, progress=True)
    reporting.say_compiling(5)
    out, err = capsys.readouterr()
    assert "10/10" in out and "compiling" in out
    assert err == ""
    shell.kernel = None  # IPython in a terminal
    quiet(line(), [1.0], [1.5], epochs=10, progress=True)
    out, err = capsys.readouterr()
    assert "10/10" in err and out == ""


def test_no_progress(capsys: pytest.CaptureFixture[str]) -> None:
    quiet(line(), [1.0], [1.5], progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["epochs", "batch_size", "patience", "seed"])
def test_true_is_no_number(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name} is an integer, got True"):
        quiet(line(), [1.0, 2.0], [2.0, 3.0], **{name: True})


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_progress_fits_the_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(reporting, "_columns", lambda: columns)
    xs, ys = [[-1.0], [1.0]], [-1.0, 1.0]
    fit(nn.Neuron(1), xs, ys, loss="hinge", optimizer="sgd", epochs=1000, validation=(xs, ys))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) < columns
    assert sum(line.startswith("epoch ") for line in lines) == 11
    assert (len(lines) == 11) == (columns == 200)


@pytest.mark.parametrize("grouped", [False, True])
def test_a_step_of_ones_own_is_not_called_and_a_warning_says_so(grouped: bool) -> None:
    class Halved(optim.SGD):
        def step(self, parameters: Any) -> None:
            raise AssertionError("fit has called it")

    class Both(Halved):
        def rule(self, lr: float, step: int, sqrt: Any) -> Any:
            return super().rule(lr / 2, step, sqrt)

    def train(kind: Any) -> None:
        model = nn.Neuron(1)
        optimizer = optim.Groups((model, kind(0.1))) if grouped else kind(0.1)
        fit(model, [0.5], [0.25], loss="mse", optimizer=optimizer, epochs=1, backend="python", progress=False)

    with pytest.warns(TrainingWarning, match=r"fit does not call Halved\.step: .* define Halved\.rule") as told:
        train(Halved)
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(Both)
        train(optim.SGD)
