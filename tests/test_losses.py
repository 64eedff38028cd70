"""Losses: their values and gradients against formulas in 50 digits, at the extremes, and recorded once for any data."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd
from autograd import Value, check_gradients, grad, nn
from autograd.losses import carried
from autograd.nn import binary_cross_entropy, cross_entropy, hinge, mse
from autograd.trees import tree_leaves, tree_map

mpmath.mp.dps = 50

LOGITS = st.floats(-1e4, 1e4) | st.floats(-50, 50) | st.sampled_from([0.0, 1e4, -1e4, 36.7, -745.0, 1e-300])


def gradients(loss: Value, inputs: Sequence[Value]) -> list[float]:
    loss.backward()
    return [x.grad for x in inputs]


def near(got: float, want: Any, size: float = 1.0) -> bool:
    """Within a few roundings of a number of that size."""
    return bool(abs(mpmath.mpf(got) - want) <= 1e-15 * max(size, 1))


def test_they_are_names_of_nn() -> None:
    assert {"mse", "hinge", "binary_cross_entropy", "cross_entropy"} <= set(nn.__all__)


# ------------------------------------------------------------------------------------------------ values and gradients


def test_mse() -> None:
    outputs = [Value(1.0), Value(3.0), Value(-2.0)]
    loss = mse(outputs, [0.0, 1.0, -2.0])
    assert loss.data == 5 / 3
    assert gradients(loss, outputs) == [2 / 3, 4 / 3, 0.0]


def test_hinge() -> None:
    scores = [Value(0.5), Value(2.0), Value(0.5), Value(-3.0)]
    loss = hinge(scores, [1, 1, -1, -1])
    assert loss.data == (0.5 + 0 + 1.5 + 0) / 4
    assert gradients(loss, scores) == [-0.25, 0.0, 0.25, 0.0]


@given(LOGITS, st.sampled_from([0, 1]) | st.floats(0, 1))
def test_binary_cross_entropy_keeps_its_digits(z: float, target: float) -> None:
    logit = Value(z)
    loss = binary_cross_entropy(logit, target)
    exact_z, t = mpmath.mpf(z), mpmath.mpf(target)
    both = [t * mpmath.log1p(mpmath.exp(-exact_z)), (1 - t) * mpmath.log1p(mpmath.exp(exact_z))]
    assert near(loss.data, sum(both), size=float(sum(both)))
    (slope,) = gradients(loss, [logit])
    assert near(slope, 1 / (1 + mpmath.exp(-exact_z)) - t)


@pytest.mark.parametrize("target, wrong", [(1, -1), (0, 1)])
def test_binary_cross_entropy_where_the_class_is_nearly_certain(target: int, wrong: int) -> None:
    logit = Value(-40.0 * wrong)
    loss = binary_cross_entropy(logit, target)
    tiny = math.log1p(math.exp(-40))  # softplus(z) - target * z would be 0
    assert loss.data == pytest.approx(tiny, rel=1e-15)
    assert gradients(loss, [logit])[0] == pytest.approx(wrong * tiny, rel=1e-15)


@pytest.mark.parametrize("z", [1e4, -1e4, 1e300, -1e300])
@pytest.mark.parametrize("target", [0, 1])
def test_binary_cross_entropy_at_the_extremes(z: float, target: int) -> None:
    logit = Value(z)
    loss = binary_cross_entropy(logit, target)
    assert loss.data == (abs(z) if (z > 0) != (target == 1) else 0.0)
    assert gradients(loss, [logit]) == [float(z > 0) - target]


@given(st.lists(LOGITS, min_size=1, max_size=6), st.data())
def test_cross_entropy_is_the_log_of_softmax(zs: list[float], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(zs) - 1))
    logits = list(map(Value, zs))
    loss = cross_entropy(logits, target)
    powers = [mpmath.exp(mpmath.mpf(z) - max(zs)) for z in zs]
    softmax = [p / sum(powers) for p in powers]
    want = mpmath.mpf(max(zs)) - mpmath.mpf(zs[target]) + mpmath.log(sum(powers))
    assert near(loss.data, want, size=max(map(abs, zs)))
    for i, slope in enumerate(gradients(loss, logits)):
        assert near(slope, softmax[i] - (i == target))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6), st.data())
def test_an_index_and_its_one_hot_list_give_the_same_bits(zs: list[float], data: st.DataObject) -> None:
    target = data.draw(st.integers(0, len(zs) - 1))
    one_hot = [int(i == target) for i in range(len(zs))]
    results = []
    for given_target in (target, one_hot, np.int64(target), np.array(one_hot), list(map(Value, one_hot))):
        logits = list(map(Value, zs))
        loss = cross_entropy(logits, given_target)
        results.append((loss.data, gradients(loss, logits)))
    assert results[1:] == results[:-1]


def test_cross_entropy_with_probabilities() -> None:
    logits, target = [Value(0.5), Value(-1.0), Value(2.0)], [0.2, 0.3, 0.5]
    total = math.fsum(math.exp(z.data) for z in logits)
    loss = cross_entropy(logits, target)
    assert loss.data == pytest.approx(math.log(total) - 0.2 * 0.5 + 0.3 - 0.5 * 2.0, rel=1e-15)
    assert gradients(loss, logits) == pytest.approx(
        [math.exp(z.data) / total - p for z, p in zip(logits, target)], rel=1e-14
    )


@pytest.mark.parametrize("zs", [[1e4, -1e4], [-1e4, 1e4], [1e4, 1e4], [-1e300, 1e300], [1e4] * 3, [0.0, -800.0]])
def test_cross_entropy_at_the_extremes(zs: list[float]) -> None:
    for target in range(len(zs)):
        logits = list(map(Value, zs))
        loss = cross_entropy(logits, target)
        ties = zs.count(max(zs))
        assert loss.data == max(zs) - zs[target] + math.log(ties)
        softmax = [1 / ties if z == max(zs) else 0.0 for z in zs]
        want = [p - (i == target) for i, p in enumerate(softmax)]
        assert gradients(loss, logits) == pytest.approx(want, abs=1e-16)


def test_a_hundred_classes() -> None:
    logits = [Value(math.sin(i)) for i in range(100)]
    check_gradients(cross_entropy(logits, 7), logits)


SOME: list[tuple[Callable[..., Value], Any, Any]] = [
    (mse, [0.3, -1.0, 2.0], [1.0, 0.5, -0.25]),
    (hinge, [0.3, -1.5, 2.0], [1.0, 1.0, -1.0]),
    (binary_cross_entropy, [0.3, -1.5, 2.0], [1.0, 0.0, 1.0]),
    (cross_entropy, [0.3, -1.5, 2.0], [0.0, 1.0, 0.0]),
]
EACH = pytest.mark.parametrize("loss, outputs, targets", SOME, ids=[loss.__name__ for loss, *_ in SOME])


@EACH
def test_the_gradient_check_agrees(loss: Callable[..., Value], outputs: Any, targets: Any) -> None:
    inputs = list(map(Value, outputs))
    check_gradients(loss(inputs, targets), inputs)


# -------------------------------------------------------------------------------------------------------------- shapes


@EACH
def test_a_batch_gives_the_mean(loss: Callable[..., Value], outputs: Any, targets: Any) -> None:
    batch, goals = [outputs, outputs[::-1]], [targets, targets[::-1]]
    together = loss(tree_map(Value, batch), goals)
    apart = [loss(tree_map(Value, sample), goal).data for sample, goal in zip(batch, goals)]
    assert together.data == pytest.approx(sum(apart) / 2, rel=1e-15)


@pytest.mark.parametrize("loss, output, target", [(mse, 3.0, 1.0), (hinge, 0.5, -1), (binary_cross_entropy, 0.5, 1)])
def test_one_output_need_not_stand_in_a_list(loss: Callable[..., Value], output: float, target: float) -> None:
    assert loss(Value(output), target).data == loss([Value(output)], [target]).data


@EACH
def test_arrays_and_tuples(loss: Callable[..., Value], outputs: Any, targets: Any) -> None:
    want = loss(list(map(Value, outputs)), targets).data
    assert loss(np.array(list(map(Value, outputs))), np.array(targets)).data == want
    assert loss(tuple(map(Value, outputs)), tuple(targets)).data == want


def test_numbers_give_a_number() -> None:
    assert mse([1.0, 2.0], [0.0, 0.0]) == 2.5
    assert cross_entropy([0.0, 0.0], 1) == math.log(2)


# ------------------------------------------------------------------------------------------------ accuracy and targets

JUDGED: list[tuple[Callable[..., Value], Any, Any, float]] = [
    (hinge, [0.3, -1.5, 0.0, 0.0], [1, 1, 1, -1], 2 / 4),  # 0 counts as -1, as in micrograd
    (hinge, [[0.3], [-1.5]], [[1], [-1]], 1.0),
    (hinge, 2.0, -1, 0.0),
    (binary_cross_entropy, [0.3, -1.5, 0.0, 2.0], [1, 0, 0, 0.25], 3 / 4),
    (cross_entropy, [0.5, 2.0, 2.0], 1, 1.0),
    (cross_entropy, [0.5, 2.0, 2.0], 2, 0.0),  # the first of equal ones
    (cross_entropy, [0.5, 2.0, 1.0], [0.25, 0.5, 0.25], 1.0),
    (cross_entropy, [[0.5, 2.0], [3.0, 1.0], [1.0, 0.0]], [1, [0.5, 0.5], 1], 2 / 3),
]


@pytest.mark.parametrize("loss, outputs, targets, share", JUDGED)
def test_accuracy_on_floats_and_on_values(loss: Any, outputs: Any, targets: Any, share: float) -> None:
    assert loss.accuracy(outputs, targets) == share
    assert loss.accuracy(tree_map(Value, outputs), targets).data == share


@pytest.mark.parametrize(
    "loss, output, ys, kept",
    [
        (hinge, Value(1.0), [1.0, -1.0, 1.0], True),
        (binary_cross_entropy, [Value(1.0)], [[0.5], [1.0]], True),
        (cross_entropy, [Value(1.0)] * 2, [[0.5, 0.5], [1.0, 0.0]], True),
        (cross_entropy, [Value(1.0)] * 2, [1.0, 0.0], False),
    ],
)
def test_targets(loss: Any, output: Any, ys: Any, kept: bool) -> None:
    found = loss.targets(output, ys)
    assert (found is ys) == kept
    assert kept or found == [[0.0, 1.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    "loss, output, ys, said",
    [
        (hinge, Value(1.0), [1.0, 0.0], "a label is -1 or 1"),
        (hinge, Value(1.0), [[1.0], [-1.0]], "the scores are a number, the labels 1 number"),
        (binary_cross_entropy, Value(1.0), [0.0, 2.0], "0, 1 or a probability"),
        (cross_entropy, [Value(1.0)] * 2, [0.0, 2.0], "classes 0 to 1, got 2"),
        (cross_entropy, [Value(1.0)] * 2, [0.0, math.nan], "a class index is an integer, got nan"),
        (cross_entropy, [Value(1.0)] * 2, [[1.0, 0.0], [1.0, 1.0]], "add up to 1"),
        (cross_entropy, Value(1.0), [0.0, 1.0], "see binary_cross_entropy"),
    ],
)
def test_targets_that_do_not_fit(loss: Any, output: Any, ys: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        loss.targets(output, ys)


def test_what_a_loss_carries_is_found_where_it_is() -> None:
    class Plain:
        accuracy = 0.5  # no function: something else of the user's

        def __call__(self, output: Any, target: Any) -> Any:
            return mse(output, target)

    with_own = functools.partial(hinge)
    vars(with_own)["accuracy"] = carried(cross_entropy, "accuracy")
    for loss in (mse, Plain(), lambda o, t: o, functools.partial(mse), 3):
        assert carried(loss, "accuracy") is None
    assert carried(mse, "targets") is None
    assert carried(functools.partial(functools.partial(hinge)), "accuracy") is carried(hinge, "accuracy") is not None
    assert carried(functools.partial(cross_entropy), "targets") is carried(cross_entropy, "targets") is not None
    assert carried(with_own, "accuracy") is carried(cross_entropy, "accuracy")
    assert carried(with_own, "targets") is carried(hinge, "targets")


# ----------------------------------------------------------------------------------------- recorded once, for any data


@EACH
@settings(max_examples=40)
@given(st.lists(st.floats(-20, 20), min_size=3, max_size=3), st.integers(0, 2))
def test_a_recorded_loss_holds_for_other_data(
    loss: Callable[..., Value], outputs: Any, targets: Any, zs: list[float], k: int
) -> None:
    """As training records it: one sample, targets as leaves; then other numbers come, also ties and other classes."""
    new_targets = targets[k:] + targets[:k]
    for new in (zs, [zs[0], zs[0], zs[0]]):
        xs, ts = list(map(Value, outputs)), list(map(Value, targets))
        recorded = loss(xs, ts)
        f = autograd.compile((recorded, grad(recorded, xs)), (xs, ts))
        fresh = list(map(Value, new))
        eager = loss(fresh, list(map(Value, new_targets)))
        assert f(new, new_targets) == (eager.data, gradients(eager, fresh))
        plain = list(map(Value, new))
        assert (loss(plain, new_targets).data, gradients(loss(plain, new_targets), plain)) == f(new, new_targets)


# ------------------------------------------------------------------------------------------------------------ mistakes


def values(tree: Any) -> Any:
    return tree_map(Value, tree)


@pytest.mark.parametrize(
    "make, error, said",
    [
        (lambda: mse(values([1.0, 2.0]), [1.0]), ValueError, "outputs are 2 numbers, the targets 1 number"),
        (lambda: mse(values([[1.0], [2.0]]), [1.0, 2.0]), ValueError, "outputs are 2 x 1 numbers, the targets 2 num"),
        (lambda: mse(Value(1.0), [1.0]), ValueError, "outputs are a number, the targets 1 number"),
        (lambda: mse([], []), ValueError, "no outputs"),
        (lambda: mse([[], []], [[], []]), ValueError, "no outputs"),
        (lambda: hinge(values([1.0]), [1, 1]), ValueError, "the scores are 1 number, the labels 2 numbers"),
        (lambda: hinge(values([1.0]), [0]), ValueError, r"a label is -1 or 1 .* 2 \* y - 1.*got 0"),
        (lambda: hinge(values([1.0]), ["yes"]), TypeError, "expected a real number"),
        (lambda: binary_cross_entropy(values([1.0]), [-1]), ValueError, r"0, 1 or a probability.*got -1"),
        (lambda: binary_cross_entropy(values([1.0]), [math.nan]), ValueError, "a probability.*got nan"),
        (lambda: binary_cross_entropy(values([1.0]), [None]), TypeError, "did a function forget its return"),
        (lambda: cross_entropy(values([1.0, 2.0]), 2), ValueError, "classes 0 to 1, got 2"),
        (lambda: cross_entropy(values([1.0, 2.0]), -1), ValueError, "classes 0 to 1, got -1"),
        (lambda: cross_entropy(values([1.0, 2.0]), 1.0), TypeError, "an integer, or a list.*got 1.0"),
        (lambda: cross_entropy(values([1.0, 2.0]), Value(1.0)), TypeError, "cannot be a Value.*one-hot"),
        (lambda: cross_entropy(values([1.0, 2.0]), [1]), ValueError, "2 logits need 2 probabilities.*got 1 number"),
        (lambda: cross_entropy(values([1.0, 2.0]), [1, 1]), ValueError, "add up to 1"),
        (lambda: cross_entropy(values([1.0, 2.0]), [2, -1]), ValueError, "between 0 and 1"),
        (
            lambda: cross_entropy(values([[1.0, 2.0]]), [0, 1]),
            ValueError,
            "each sample needs a target: a list of 1, got 2 num",
        ),
        (lambda: cross_entropy(values([[1.0, 2.0]]), 0), ValueError, "a list of 1, got a number"),
        (lambda: cross_entropy(values([[1.0, 2.0], 3.0]), [0, 1]), ValueError, "a sample's logits.*got a number"),
        (lambda: cross_entropy(values([[[1.0, 2.0]]]), [0]), ValueError, "a sample's logits.*got 1 x 2 numbers"),
        (lambda: cross_entropy(Value(1.0), 0), ValueError, "see binary_cross_entropy"),
        (lambda: cross_entropy([], []), ValueError, "no logits"),
    ],
)
def test_mistakes_are_explained(make: Callable[[], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        make()


def test_no_loss_branches_on_data() -> None:
    """No loss compares Values, which would silently freeze a choice in a recorded graph."""
    asked = []

    def spy(x: Value, y: Any) -> bool:
        asked.append((x, y))
        return False

    with pytest.MonkeyPatch.context() as patch:
        for name in ("__lt__", "__le__", "__gt__", "__ge__"):
            patch.setattr(Value, name, spy)
        for loss, outputs, targets in SOME:
            result = loss(values(outputs), values(targets))
            assert tree_leaves(result) == [result]
    assert not asked


@pytest.mark.parametrize("name", ["accuracy", "targets"])
def test_what_a_loss_carries_is_a_function(name: str) -> None:
    carried: dict[str, Any] = {name: 0.9}
    with pytest.raises(TypeError, match=f"^{name} is a function, .* got 0.9$"):
        nn.loss(**carried)
