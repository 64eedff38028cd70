"""Optimizers against PyTorch's own, step by step: live where it is installed, else against stored figures.

`python tests/test_optim.py` regenerates these figures (with PyTorch).
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import gc
import importlib
import importlib.util
import itertools
import json
import math
import pickle
import random
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from interrupts import interrupted

from autograd import Value, nn, optim, where
from autograd.optim import SGD, Adam, AdamW, Optimizer

STORED = Path(__file__).parent / "data" / "optimizers.json"
STEPS = 25
START = [1.5, -2.0, 0.25, 3.0, 0.0]
CURVATURE = [1.0, 0.3, 4.0, 0.01, 2.5]
CENTRE = [0.5, 1.0, -0.75, 40.0, 1e-3]


def falling(step: int) -> float:
    return 0.3 / (1 + step)


CASES: dict[str, tuple[type[Optimizer], dict[str, Any]]] = {
    "plain": (SGD, {"lr": 0.1}),
    "momentum": (SGD, {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (SGD, {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "falling": (SGD, {"lr": falling, "momentum": 0.5}),
    "clipped": (SGD, {"lr": 0.1, "momentum": 0.9, "clip_norm": 0.75}),
    "adam": (Adam, {}),
    "adam, fast": (Adam, {"lr": 0.2, "betas": (0.5, 0.9), "eps": 1e-3}),
    "adamw": (Adam, {"lr": 0.1, "weight_decay": 0.1}),
    "adamw, falling": (Adam, {"lr": falling, "weight_decay": 0.01}),
    "adamw by name": (AdamW, {}),
    "adamw by name, strong": (AdamW, {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.5}),
    "adamw by name, clipped": (AdamW, {"lr": falling, "clip_norm": 0.5}),
    "adam, clipped": (Adam, {"lr": 0.1, "clip_norm": 0.5}),
}


PYTORCHS: dict[type[Optimizer], tuple[str, dict[str, str]]] = {
    SGD: ("SGD", {}),
    Adam: ("AdamW", {}),  # PyTorch's Adam decays by the gradient
    AdamW: ("AdamW", {}),
}
"""PyTorch's class for each of ours, and its names of options where they differ from ours."""


def by_pytorch(kind: type[Optimizer], options: dict[str, Any]) -> list[list[float]]:
    """The parameters after each step of PyTorch's optimizer, in float64."""
    torch: Any = importlib.import_module("torch")
    name, renamed = PYTORCHS[kind]
    ours = kind(**options)
    options = {field.name: getattr(ours, field.name) for field in dataclasses.fields(ours) if field.init}
    rate, clip_norm = options.pop("lr"), options.pop("clip_norm")
    x = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    optimizer = getattr(torch.optim, name)(
        [x], lr=0.0, **{renamed.get(key, key): option for key, option in options.items()}
    )
    path = []
    for step in range(STEPS):
        optimizer.zero_grad()
        (
            torch.tensor(CURVATURE, dtype=torch.float64) * (x - torch.tensor(CENTRE, dtype=torch.float64)) ** 2
        ).sum().backward()
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([x], clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = rate(step) if callable(rate) else rate
        optimizer.step()
        path.append(x.detach().tolist())
    return path


def bowl(xs: list[Value]) -> Value:
    total = Value(0.0)
    for x, a, c in zip(xs, CURVATURE, CENTRE):
        total = total + a * (x - c) ** 2
    return total


def slopes(numbers: Any) -> list[float]:
    return [2 * a * (x - c) for x, a, c in zip(numbers, CURVATURE, CENTRE)]


def by_step(optimizer: Optimizer) -> Iterator[list[float]]:
    xs = list(map(Value, START))
    for _ in range(STEPS):
        loss = bowl(xs)
        loss.zero_grad()
        loss.backward()
        optimizer.step(xs)
        yield [x.data for x in xs]


def by_update(optimizer: Optimizer, make: Callable[[list[float]], Any]) -> Iterator[Any]:
    data = make(START)
    for _ in range(STEPS):
        data = optimizer.update(data, make(slopes(data)))
        yield data


@pytest.fixture(scope="module")
def references() -> dict[str, list[list[float]]]:
    stored: dict[str, list[list[float]]] = json.loads(STORED.read_text())
    if missing := CASES.keys() - stored:
        pytest.fail(f"no figures for {', '.join(missing)}: run `python tests/test_optim.py`, with PyTorch installed")
    if importlib.util.find_spec("torch"):
        live = {name: by_pytorch(kind, options) for name, (kind, options) in CASES.items()}
        for name, path in live.items():
            assert path == [pytest.approx(row, rel=1e-12, abs=1e-14) for row in stored[name]]
        return live
    return stored


@pytest.mark.parametrize("name", CASES)
def test_each_step_is_pytorchs(name: str, references: dict[str, list[list[float]]]) -> None:
    kind, options = CASES[name]
    for want, got in zip(references[name], by_step(kind(**options)), strict=True):
        assert got == pytest.approx(want, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_update_is_step_without_values(name: str) -> None:
    kind, options = CASES[name]
    lists = list(by_update(kind(**options), list))
    arrays = list(by_update(kind(**options), np.array))
    assert all(isinstance(row, np.ndarray) for row in arrays)
    assert [row.tolist() for row in arrays] == lists  # the same bits
    for row, want in zip(by_step(kind(**options)), lists):
        assert row == pytest.approx(want, rel=1e-14, abs=1e-16)  # slopes are written in another way


@given(
    st.lists(st.tuples(*[st.floats(-1e3, 1e3)] * 3), min_size=1, max_size=8),
    st.sampled_from([SGD(0.1), SGD(0.1, 0.9, True), Adam(0.1), Adam(0.1, weight_decay=0.5, clip_norm=2.0), AdamW(0.1)]),
)
def test_lists_arrays_and_values_have_the_same_bits(rows: list[tuple[float, float, float]], like: Optimizer) -> None:
    data, first, second = map(list, zip(*rows))
    parameters = list(map(Value, data))
    array: Any = np.array(data)
    on_values, on_lists, on_arrays, mixed = (copy.deepcopy(like) for _ in range(4))
    either: Any = data
    for gradients in (first, second):
        for p, g in zip(parameters, gradients):
            p.grad = g
        on_values.step(parameters)
        data = on_lists.update(data, gradients)
        array = on_arrays.update(array, np.array(gradients))
        either = mixed.update(np.array(either) if isinstance(either, list) else either.tolist(), gradients)
    assert [p.data for p in parameters] == data == array.tolist() == list(either)


def test_adamw_is_adam_that_decays_by_default() -> None:
    by_default, spelled_out = AdamW(0.1), Adam(0.1, weight_decay=0.01)
    assert list(by_update(by_default, list)) == list(by_update(spelled_out, list))
    assert by_default.update([0.25] * len(START), [0.0] * len(START)) != [0.25] * len(START)


def test_adamw_decays_by_the_rate_not_by_the_gradient() -> None:
    """Of a gradient that stays 3, the mean is 3 and the root of the mean square 3: each step is lr * 3 / (3 + eps)."""
    optimizer, x = AdamW(0.5, eps=1.0, weight_decay=0.25), [2.0]
    for want in (2 * 0.875 - 0.375, (2 * 0.875 - 0.375) * 0.875 - 0.375):
        x = optimizer.update(x, [3.0])
        assert x == pytest.approx([want], rel=1e-14)


def test_arguments_are_left_alone() -> None:
    data, gradients = np.array([1.0, 2.0]), np.array([10.0, -10.0])
    optimizer = Adam(0.1, clip_norm=1.0)
    optimizer.update(data, gradients)
    optimizer.update(data, gradients)
    assert data.tolist() == [1.0, 2.0]
    assert gradients.tolist() == [10.0, -10.0]


# ----------------------------------------------------------------------------------------------------- what lr means


def test_a_function_sees_the_steps_from_0() -> None:
    seen: list[int] = []

    def rate(step: int) -> float:
        seen.append(step)
        return 1.0

    optimizer, x = SGD(rate), Value(0.0)
    for _ in range(3):
        optimizer.step([x])
    optimizer.update([0.0], [0.0])
    assert seen == [0, 1, 2, 3]
    optimizer.reset()
    optimizer.step([x])
    assert seen[-1] == 0


def test_the_rate_can_be_set_on_the_way() -> None:
    optimizer, x = SGD(0.5), Value(1.0)
    x.grad = 1.0
    optimizer.step([x])
    optimizer.lr = 0.25
    optimizer.step([x])
    assert x.data == 0.25


def test_momentum_can_be_switched_on_and_off() -> None:
    optimizer = SGD(1.0, momentum=0.5)
    data = optimizer.update([0.0], [1.0])
    optimizer.momentum = 0.0
    data = optimizer.update(data, [1.0])
    optimizer.momentum = 0.5
    assert optimizer.update(data, [1.0]) == [-3.0]  # the velocity was forgotten


def test_micrograds_update_has_the_same_bits() -> None:
    random.seed(7)
    model = nn.MLP(3, [4, 1])
    twin = copy.deepcopy(model)
    for net in (model, twin):
        net([0.1, 0.2, 0.3]).backward()
    SGD(lr=0.37).step(model.parameters())
    for p in twin.parameters():
        p.data -= 0.37 * p.grad
    assert [p.data for p in model.parameters()] == [p.data for p in twin.parameters()]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=40))
@example([5e-324, 0.0])
@example([sys.float_info.max] * 3)
@example([1e200, 1e-200])
def test_the_norm_that_clips_has_the_same_bits_for_lists_and_arrays(gradients: list[float]) -> None:
    """And is that of `math.hypot`, but where it is nothing beside 1e-6."""
    optimizer = SGD(1.0, clip_norm=1e-3)
    clipped = optimizer.clipped(gradients)
    assert optimizer.clipped(np.array(gradients)).tobytes() == np.array(clipped).tobytes()
    share = min(1.0, 1e-3 / (math.hypot(*gradients) + 1e-6))
    assert clipped == pytest.approx([g * share for g in gradients], rel=1e-14, abs=0.0)


@pytest.mark.parametrize("lost", [math.inf, -math.inf, math.nan])
def test_clipping_hides_no_number_that_is_lost(lost: float) -> None:
    for gradients in ([1.0, lost, 2.0], [lost], [lost, math.inf, math.nan]):
        for passed in (gradients, np.array(gradients)):
            assert not all(map(math.isfinite, SGD(1.0, clip_norm=1.0).clipped(passed)))


def test_clipping_leaves_short_gradients_alone() -> None:
    assert SGD(1.0, clip_norm=6.0).update([0.0, 0.0], [3.0, 4.0]) == [-3.0, -4.0]
    assert SGD(1.0, clip_norm=2.5).update([0.0, 0.0], [3.0, 4.0]) == pytest.approx([-1.5, -2.0], rel=1e-6)
    huge = SGD(1.0, clip_norm=5.0).update([0.0, 0.0], [3e200, 4e200])  # whose squares overflow
    assert huge == pytest.approx([-3.0, -4.0], rel=1e-12)


@pytest.mark.parametrize("make", [list, np.array])
def test_arithmetic_is_ieee(make: Callable[[list[float]], Any]) -> None:
    moved = list(Adam(0.1).update(make([1.0, 1.0, 1.0]), make([math.inf, math.nan, 1e300])))
    assert math.isnan(moved[0])
    assert math.isnan(moved[1])
    assert moved[2] == 1.0  # the mean square overflows: no move


# ----------------------------------------------------------------------------------- all parameters move, or none does


@pytest.mark.parametrize("make", [lambda: SGD(bad), lambda: Adam(bad)])
def test_an_error_moves_nothing(make: Callable[[], Optimizer]) -> None:
    optimizer, xs = make(), [Value(1.0), Value(2.0)]
    before = pickle.dumps(optimizer)
    for x in xs:
        x.grad = 1.0
    with pytest.raises(ValueError, match="a finite number from 0, got nan at step 0"):
        optimizer.step(xs)
    assert [x.data for x in xs] == [1.0, 2.0]
    assert pickle.dumps(optimizer) == before


def bad(step: int) -> float:
    return math.nan


class Halting(Optimizer):
    """Fails at the second parameter."""

    def rule(self, lr: float, step: int, sqrt: Any) -> Any:
        def halt(x: float, g: float) -> tuple[float, ...]:
            if x == 2.0:
                raise KeyboardInterrupt
            return (x - lr * g,)

        return halt


def test_ctrl_c_in_the_middle_moves_nothing() -> None:
    optimizer, xs = Halting(0.5), [Value(1.0), Value(2.0)]
    for x in xs:
        x.grad = 1.0
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(xs)
    assert [x.data for x in xs] == [1.0, 2.0]
    assert optimizer.steps == 0
    xs[1].data = 3.0
    optimizer.step(xs)
    assert [x.data for x in xs] == [0.5, 2.5]


def test_ctrl_c_at_any_time_leaves_steps_and_parameters_together() -> None:
    for at in itertools.count(1, 3):
        optimizer, xs = Adam(0.5), [Value(1.0), Value(2.0)]
        for x in xs:
            x.grad = 1.0
        over = not interrupted(functools.partial(optimizer.step, xs), at)
        moved = [x.data != start for x, start in zip(xs, [1.0, 2.0])]
        assert moved == [optimizer.steps == 1] * 2
        if over:
            break
    assert moved == [True, True]


# ------------------------------------------------------------------------------------------------------ state


def test_other_parameters_are_refused() -> None:
    xs, others = [Value(1.0), Value(2.0)], [Value(1.0), Value(2.0)]
    for optimizer in (Adam(), AdamW(), SGD(0.1, momentum=0.9)):
        optimizer.step(xs)
        for strangers in (others, xs[::-1], xs[:1], [*xs, Value(3.0)]):
            with pytest.raises(ValueError, match=r"holds state for other parameters.*make another one"):
                optimizer.step(strangers)
        with pytest.raises(ValueError, match="holds state for 2 parameters, got 1: make another one"):
            optimizer.update([1.0], [1.0])
        optimizer.step(xs)
        optimizer.reset()
        optimizer.step(others)


def test_without_memory_any_parameters_will_do() -> None:
    optimizer = SGD(0.1)
    optimizer.step([Value(1.0)])
    optimizer.step([Value(1.0), Value(2.0)])
    assert optimizer.steps == 2


def test_it_keeps_no_parameter_alive() -> None:
    x, optimizer = Value(1.0), Adam()
    optimizer.step([x])
    gone = weakref.ref(x)
    del x
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
def test_a_copy_goes_on_with_copied_parameters(copied: Callable[[Any], Any]) -> None:
    optimizer, xs = AdamW(0.1), [Value(1.0), Value(2.0)]
    for x in xs:
        x.grad = 1.0
    optimizer.step(xs)
    twin, twins = copied(optimizer), copy.deepcopy(xs)
    optimizer.step(xs)
    twin.step(twins)
    assert [x.data for x in twins] == [x.data for x in xs]


def test_an_optimizer_of_your_own() -> None:
    class SignDescent(Optimizer):
        def rule(self, lr: float, step: int, sqrt: Any) -> Any:
            return lambda x, g: (x - lr * ((g > 0) * 1.0 - (g < 0) * 1.0),)

    assert SignDescent(0.5).update([1.0, 1.0], [7.0, -7.0]) == [0.5, 1.5]
    assert SignDescent(0.5).update(np.array([1.0, 1.0]), np.array([7.0, -7.0])).tolist() == [0.5, 1.5]
    x = Value(1.0)
    x.grad = -3.0
    SignDescent(np.float64(0.5)).step([x])
    assert type(x.data) is float
    assert x.data == 1.5


def test_how_they_read() -> None:
    assert repr(SGD(0.1)) == "SGD(lr=0.1, clip_norm=None, momentum=0.0, nesterov=False)"
    assert repr(Adam()) == "Adam(lr=0.001, clip_norm=None, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"
    assert repr(AdamW()) == "AdamW(lr=0.001, clip_norm=None, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01)"


def test_a_network_learns() -> None:
    rng = random.Random(3)
    for optimizer in (SGD(0.1, 0.9, True), Adam(0.05)):
        model = nn.MLP(2, [4, 1], "tanh", init="xavier", rng=rng)
        samples, classes = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
        for _ in range(300):
            loss = nn.binary_cross_entropy([model(x) for x in samples], classes)
            model.zero_grad()
            loss.backward()
            optimizer.step(model.parameters())
        assert [int(model(x).data > 0) for x in samples] == classes


def wrong(x: Any) -> Any:
    """A mistake that a type checker would see."""
    return x


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: SGD(-0.1), ValueError, "finite number from 0, got -0.1"),
        (lambda: SGD(math.nan), ValueError, "finite number from 0, got nan"),
        (lambda: SGD(wrong("fast")), TypeError, "expected a real number"),
        (lambda: SGD(wrong(lambda step: None)).update([1.0], [1.0]), TypeError, "forget its return"),
        (lambda: SGD(0.1, momentum=1.0), ValueError, "from 0 to less than 1, got 1.0"),
        (lambda: SGD(0.1, momentum=-0.1), ValueError, "from 0 to less than 1"),
        (lambda: SGD(0.1, nesterov=True), ValueError, "momentum=0.9"),
        (lambda: SGD(0.1, clip_norm=0), ValueError, "a positive number"),
        (lambda: Adam(betas=(0.9, 1.0)), ValueError, "two numbers from 0 to less than 1"),
        (lambda: Adam(betas=wrong((0.9,))), ValueError, "two numbers"),
        (lambda: Adam(eps=0.0), ValueError, "small positive number"),
        (lambda: Adam(weight_decay=-1.0), ValueError, "weight_decay is a finite number from 0"),
        (lambda: SGD(0.1).update([1.0, 2.0], [1.0]), ValueError, "2 numbers need 2 gradients, got 1"),
        (lambda: SGD(0.1).step(wrong([1.0])), TypeError, "pass model.parameters"),
        (lambda: SGD(0.1).step([Value(1.0) * 2]), ValueError, "parameters are leaves, but .* was made by"),
        (lambda: SGD(0.1).step([Value(1.0, "w")] * 2), ValueError, r"label='w'[)] occurs twice"),
        (lambda: Optimizer(0.1).update([1.0], [1.0]), NotImplementedError, "needs a rule"),
    ],
)
def test_mistakes_are_explained(make: Callable[[], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


def test_they_are_in_a_public_module() -> None:
    assert optim.SGD is SGD


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_parameters_belong_to_the_step(make: Any) -> None:
    v = Value(1.0)
    for parameters in ([v], (v,), {v}, {"w": v}.values(), iter([v]), nn.Layer(1, 1), np.array([v])):
        for arguments in ({}, {"lr": 0.1}):
            with pytest.raises(TypeError, match=r"without parameters.*step"):
                make(parameters, **arguments)
    assert make(np.array(0.1)).rate() == 0.1


if __name__ == "__main__":
    rows = [f"{json.dumps(name)}: {json.dumps(by_pytorch(*case))}" for name, case in CASES.items()]
    STORED.write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print("wrote", STORED)


@pytest.mark.parametrize(("numbers", "got"), [([1.0, 2.0], "0.9"), (np.array([1.0, 2.0]), "ndarray")])
def test_a_rule_that_returns_no_tuple_is_told_of_the_comma(numbers: Any, got: str) -> None:
    class Bare(Optimizer):
        def rule(self, lr: float, step: int, sqrt: Any) -> Any:
            return lambda x, g: x - lr * g

    optimizer = Bare(0.1)
    with pytest.raises(TypeError, match=rf"the rule of Bare returns a tuple.*got {got}: .*mind the comma"):
        optimizer.update(numbers, numbers)
    assert optimizer.steps == 0


@pytest.mark.parametrize(
    "move",
    [
        lambda x, g: (x - (0.1 if g > 0 else -0.1),),
        lambda x, g: (x - max(-1.0, min(1.0, g)),),
        lambda x, g: (x - where(g, 0.1, -0.1),),
        lambda x, g: (x - math.tanh(g),),
    ],
)
def test_a_rule_that_takes_no_arrays_is_told_what_does(move: Any) -> None:
    class OfFloats(Optimizer):
        def rule(self, lr: float, step: int, sqrt: Any) -> Any:
            return move

    numbers = [1.0, -2.0]
    assert len(OfFloats(0.1).update(numbers, numbers)) == 2
    optimizer = OfFloats(0.1)
    with pytest.raises((TypeError, ValueError)) as refused:
        optimizer.update(np.array(numbers), np.array(numbers))
    assert "rule of OfFloats was called with arrays" in refused.value.__notes__[-1]
    assert optimizer.steps == 0
