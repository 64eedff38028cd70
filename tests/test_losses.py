"""Losses: their values and gradients against formulas in 50 digits, at the extremes, and recorded once for any data."""

from __future__ import annotations

import functools
import itertools
import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from derivatives import EVERYWHERE, computed
from derivatives import near as close
from hypothesis import given, settings
from hypothesis import strategies as st
from needs import EAGER_AND_COMPILED

import autograd
from autograd import Value, check_gradients, fit, grad, nn, optim
from autograd.losses import carried
from autograd.nn import binary_cross_entropy, cross_entropy, hinge, mse
from autograd.trees import tree_leaves, tree_map

mpmath.mp.dps = 50
inf, nan = math.inf, math.nan

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


# --------------------------------------------------------------------------------------------- weights of 0, infinities

EXTREMES = [-inf, -1e308, -1e160, -1.0, -1e-160, -5e-324, 0.0, 2.0, 1e160, 1e308]
ONE_HOT = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
SOFT = [[0.0, 0.25, 0.75], [0.5, 0.0, 0.5], [0.125, 0.5, 0.375]]
BINARY = [*EXTREMES, inf, 36.7, -745.0]


@functools.cache
def right_cross_entropy(zs: tuple[float, ...]) -> tuple[list[Any], list[float]]:
    """Return -log p of each class, and p, at 50 digits; infinite where a difference of logits is too large for a float.

    They are nan if all logits are -inf.
    """
    highest = max(zs)
    if highest == -inf:
        return [nan] * len(zs), [nan] * len(zs)
    shifted = [mpmath.mpf(z) - highest for z in zs]
    powers = [mpmath.exp(z) for z in shifted]
    log_total = mpmath.log(sum(powers))
    minus_logs = [log_total - z for z in shifted]
    return [x if x < 1.797e308 else inf for x in minus_logs], [float(p / sum(powers)) for p in powers]


def right_derivatives(zs: Sequence[float], ts: Sequence[float]) -> list[float]:
    """Return the cross-entropy, its gradient by logits and targets, and its second derivatives by the logits."""
    minus_logs, p = right_cross_entropy(tuple(zs))
    n = range(len(zs))
    return [
        float(mpmath.fsum(t * x for t, x in zip(ts, minus_logs, strict=True) if t)),
        *[p[i] - ts[i] for i in n],
        *[0.0 if not ts[i] and not mpmath.isfinite(minus_logs[i]) else float(minus_logs[i]) for i in n],
        *[p[i] * ((i == j) - p[j]) for i in n for j in n],
    ]


def derivatives(loss: Value, zs: Sequence[Value], ts: Sequence[Value]) -> list[Value]:
    """Return a loss, its gradient by logits and targets, and its second derivatives by the logits."""
    first = grad(loss, list(zs))
    return [loss, *first, *grad(loss, list(ts)), *(second for g in first for second in grad(g, list(zs)))]


@pytest.mark.parametrize("where", EVERYWHERE)
def test_a_weight_of_0_silences_its_term_twice_differentiated_in_every_backend(where: str) -> None:
    """Targets are inputs of the compiled function, so the graph does not know which of them are 0."""
    zs, ts = [Value(0.5) for _ in range(3)], [Value(1 / 3) for _ in range(3)]
    outputs = derivatives(cross_entropy(zs, ts), zs, ts)
    samples = [[*zs, *ts] for zs in itertools.product(EXTREMES, repeat=3) for ts in [*ONE_HOT, *SOFT]]
    samples = samples[:: 31 if where == "eager" else 7 if where == "jax.numpy" else 1]  # quick enough
    for sample, got in zip(samples, computed(where, outputs, [*zs, *ts], samples), strict=True):
        want = right_derivatives(sample[:3], sample[3:])
        if math.isnan(want[0]):
            assert math.isnan(got[0])
            continue
        wrong = [(i, a, b) for i, (a, b) in enumerate(zip(got, want, strict=True)) if not close(a, b)]
        assert not wrong, (sample, wrong)


@pytest.mark.parametrize("where", EVERYWHERE)
def test_binary_cross_entropy_with_a_weight_of_0_twice_differentiated_in_every_backend(where: str) -> None:
    z, t = Value(0.5), Value(0.5)
    outputs = derivatives(binary_cross_entropy(z, t), [z], [t])
    samples = [[x, target] for x in BINARY for target in (0.0, 1.0, 0.25, 1e-300)]
    for (x, target), got in zip(samples, computed(where, outputs, [z, t], samples), strict=True):
        sides = [-mpmath.log(p) if p else inf for p in (sigmoid(x), sigmoid(-x))]  # -log p of classes 1 and 0
        terms = [w * side for w, side in zip((target, 1 - target), sides) if w]
        by_target = [
            side if w or mpmath.isfinite(side) else 0 for w, side in zip((target, 1 - target), sides, strict=True)
        ]
        assert close(got[0], float(sum(terms))), (x, target, got)
        assert close(got[1], float(sigmoid(x) - target)), (x, target, got)
        assert close(got[2], float(by_target[0] - by_target[1])), (x, target, got)
        assert close(got[3], float(sigmoid(x) * sigmoid(-x))), (x, target, got)


def sigmoid(x: float) -> Any:
    return mpmath.mpf(x > 0) if math.isinf(x) else 1 / (1 + mpmath.exp(-mpmath.mpf(x)))


def kinds_of(target: list[float]) -> list[Any]:
    """Return a target in all the ways in which users write it."""
    values = list(map(Value, target))
    kinds: list[Any] = [target, tuple(target), np.array(target), values, np.array(values), [target[0], *values[1:]]]
    if 1.0 in target:
        kinds += [target.index(1.0), np.int64(target.index(1.0)), list(map(int, target))]
    return kinds


def results(loss: Callable[..., Value], outputs: Sequence[float], target: Any) -> list[str]:
    """Return the loss, its gradient twice computed, and its second derivatives, as text, in which nan equals nan."""
    leaves = list(map(Value, outputs))
    value = loss(leaves, target)
    first = grad(value, leaves)
    value.backward()
    numbers = [value.data, *(v.grad for v in leaves), *(g.data for g in first)]
    numbers += [second.data for g in first for second in grad(g, leaves)]
    return [repr(x + 0.0) for x in numbers]  # + 0.0: zeros of both signs are alike


def test_index_and_one_hot_agree_at_the_extremes_whatever_holds_the_target() -> None:
    for zs in itertools.product([*EXTREMES[::3], -1e308, 1e308, inf, nan], repeat=2):
        for target in ([1.0, 0.0], [0.0, 1.0]):
            first, *others = [results(cross_entropy, zs, kind) for kind in kinds_of(target)]
            assert others == [first] * len(others), (zs, target)
            plain = [cross_entropy(zs, kind) for kind in ([*target], target.index(1.0))]
            assert [repr(x + 0.0) for x in plain] == [first[0]] * 2
    for target in SOFT:
        first, *others = [results(cross_entropy, [-inf, 0.5, 1e308], kind) for kind in kinds_of(target)]
        assert others == [first] * len(others), target


def test_the_terms_that_a_weight_of_0_silences() -> None:
    in_all_ways: list[Any] = [2, [0, 0, 1], list(map(Value, (0.0, 0.0, 1.0))), [-0.0, 0.0, 1.0]]
    for target in in_all_ways:
        logits = list(map(Value, (-inf, 0.0, 1.0)))
        loss = cross_entropy(logits, target)
        assert loss.data == pytest.approx(0.31326168751822286, rel=1e-15)
        assert gradients(loss, logits) == pytest.approx([0.0, 0.2689414213699951, -0.2689414213699951], rel=1e-14)
    for z, t in ((-inf, 0.0), (inf, 1.0), (-1e308, 0.0), (1e308, 1.0)):
        for certain in (t, Value(t), int(t)):
            logit = Value(z)
            loss = binary_cross_entropy(logit, certain)
            assert (loss.data, gradients(loss, [logit])) == (0.0, [0.0])
            assert binary_cross_entropy(z, t) == 0.0
    for z, t, slope in ((inf, 0.0, 1.0), (-inf, 1.0, -1.0), (inf, 0.5, 0.5)):
        for wrong in (t, Value(t)):
            logit = Value(z)
            loss = binary_cross_entropy(logit, wrong)
            assert (loss.data, gradients(loss, [logit])) == (inf, [slope])


def test_a_silenced_logit_still_counts_in_the_normaliser() -> None:
    logits = [Value(3.0), Value(1.0)]
    assert gradients(cross_entropy(logits, list(map(Value, (0.0, 1.0)))), logits)[0] == pytest.approx(
        1 / (1 + math.exp(-2)), rel=1e-15
    )


def test_only_a_weight_of_exactly_0_silences() -> None:
    for weight in (5e-324, 1e-300, -1.0):
        logits = list(map(Value, (-inf, 0.0)))
        assert cross_entropy(logits, [Value(weight), Value(1.0)]).data == math.copysign(inf, weight)
    assert math.isnan(cross_entropy(list(map(Value, (-inf, 0.0))), [Value(nan), Value(1.0)]).data)
    assert math.isnan(binary_cross_entropy(Value(0.5), Value(nan)).data)


def test_the_gradient_by_a_target_of_0_is_that_of_its_finite_term() -> None:
    logits, target = list(map(Value, (0.5, -1.0, 2.0))), list(map(Value, (0.0, 1.0, 0.0)))
    check_gradients(cross_entropy(logits, target), [*logits, *target])
    z, t = Value(0.5), Value(0.0)
    check_gradients(binary_cross_entropy(z, t), [z, t])


@pytest.mark.parametrize("z", [*BINARY, -1e-310])
def test_mse_and_hinge_are_ieee_arithmetic_at_the_extremes(z: float) -> None:
    for t in (0.0, 1.0, -1.0, 5e-324, 1e160, -1e308):
        e = z - t
        for target in (t, Value(t)):
            got = results(mse, [z], [target])
            assert got[:3] == [repr(x + 0.0) for x in (e * e, 2 * e, 2 * e)] and got[3] == "2.0", t
    for label in (1, -1, 1.0, Value(1.0), Value(-1.0)):
        y = label.data if isinstance(label, Value) else label
        margin = 1 - y * z
        slope_of_hinge = -y if margin > 0 else 0.0
        want = [margin if margin > 0 else 0.0, slope_of_hinge, slope_of_hinge, 0.0]
        assert results(hinge, [z], [label]) == [repr(x + 0.0) for x in want]


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
    (cross_entropy, [-math.inf, 2.0, 1.0], 1, 1.0),  # a masked class
    (cross_entropy, [-math.inf, -math.inf, 1.0], 0, 0.0),
    (cross_entropy, [0.5, math.inf, math.inf], 1, 1.0),
    (cross_entropy, [0.5, math.inf, math.inf], 2, 0.0),
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
        (hinge, Value(1.0), [[1.0], [-1.0]], "the scores are a number, the labels a list of 1 number"),
        (binary_cross_entropy, Value(1.0), [0.0, 2.0], "0, 1 or a probability"),
        (cross_entropy, [Value(1.0)] * 2, [0.0, 2.0], "classes 0 to 1, got 2"),
        (cross_entropy, [Value(1.0)] * 2, [0.0, math.nan], "a class index is an integer, got nan"),
        (cross_entropy, [Value(1.0)] * 2, [[1.0, 0.0], [1.0, 1.0]], "add up to 1"),
        (cross_entropy, Value(1.0), [0.0, 1.0], "pass loss='binary_cross_entropy'"),
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


@pytest.mark.slice(most=2)
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
        (lambda: mse(values([1.0, 2.0]), [1.0]), ValueError, "outputs are 2 numbers, the targets a list of 1 number"),
        (lambda: mse(values([[1.0], [2.0]]), [1.0, 2.0]), ValueError, "outputs are 2 x 1 numbers, the targets 2 num"),
        (lambda: mse(Value(1.0), [1.0]), ValueError, "outputs are a number, the targets a list of 1 number"),
        (lambda: mse([], []), ValueError, "no outputs"),
        (lambda: mse([[], []], [[], []]), ValueError, "no outputs"),
        (lambda: hinge(values([1.0]), [1, 1]), ValueError, "the scores are a list of 1 number, the labels 2 numbers"),
        (lambda: hinge(values([1.0]), [0]), ValueError, r"a label is -1 or 1 .* 2 \* y - 1.*got 0"),
        (lambda: hinge(values([1.0]), ["yes"]), TypeError, "expected a real number"),
        (lambda: binary_cross_entropy(values([1.0]), [-1]), ValueError, r"0, 1 or a probability.*got -1"),
        (lambda: binary_cross_entropy(values([1.0]), [math.nan]), ValueError, "a probability.*got nan"),
        (lambda: binary_cross_entropy(values([1.0]), [None]), TypeError, "did a function forget its return"),
        (lambda: cross_entropy(values([1.0, 2.0]), 2), ValueError, "classes 0 to 1, got 2"),
        (lambda: cross_entropy(values([1.0, 2.0]), -1), ValueError, "classes 0 to 1, got -1"),
        (lambda: cross_entropy(values([1.0, 2.0]), "1"), TypeError, "an integer, or a list.*got '1'"),
        (lambda: cross_entropy(values([1.0, 2.0]), 1.5), ValueError, "a class index is an integer, got 1.5"),
        (lambda: cross_entropy(values([1.0, 2.0]), 2.0), ValueError, "classes 0 to 1, got 2"),
        (lambda: cross_entropy(values([1.0, 2.0]), nan), ValueError, "a class index is an integer, got nan"),
        (lambda: cross_entropy(values([1.0, 2.0]), Value(1.5)), ValueError, "a class index is an integer, got 1.5"),
        (
            lambda: cross_entropy(values([1.0, 2.0]), [1]),
            ValueError,
            "2 logits need 2 probabilities.*got a list of 1 number",
        ),
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


class Foreign:
    """An array of a library that NumPy can convert, and whose entries do not compare, as PyTorch's."""

    def __init__(self, ys: list[float]) -> None:
        self.array = np.array(ys)

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.array

    def __iter__(self) -> Any:
        return iter([object() for _ in self.array])


LABELS: dict[str, Callable[[list[float]], Any]] = {
    "list": list,
    "tuple": tuple,
    "array": np.array,
    "column of lists": lambda ys: [[y] for y in ys],
    "column of tuples": lambda ys: tuple((y,) for y in ys),
    "column": lambda ys: np.array(ys)[:, None],
    "structured": lambda ys: np.array([(y,) for y in ys], dtype=[("y", float)]),
    "of another library": Foreign,
}
"""Of pandas, see tests/training/test_raw_data.py."""


@pytest.mark.slice
@pytest.mark.parametrize("make", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("labels", [[1, 2, 3], [-1, 0, 1], [10, 20, 30], [1, 2], [-1, 1], [0, 1], [3.0, 7.0]])
def test_classes_that_are_numbered_otherwise_get_code_that_works(labels: list[float], make: Any) -> None:
    xs, k = [[float(i), 1.0] for i in range(6)], len(labels)
    for loss in ("cross_entropy",) if k == 3 else ("binary_cross_entropy", "hinge"):
        names: dict[str, Any] = {"ys": make((labels * 6)[:6])}
        options: dict[str, Any] = {
            "loss": loss,
            "optimizer": "sgd",
            "epochs": 1,
            "progress": False,
            "backend": "python",
        }
        model = nn.MLP(2, [3, k if k > 2 else 1], rng=random.Random(0))
        try:
            fit(model, xs, names["ys"], **options)
        except ValueError as problem:
            assert type(problem) is ValueError
            lines = str(problem).split("write\n")[1].splitlines()
            exec("\n".join(line[4:] for line in lines), names)
            assert names["classes"] == labels
            low = -1 if loss == "hinge" else 0
            assert names["ys"] == [labels.index(y) if k == 3 or y == labels[1] else low for y in (labels * 6)[:6]]
            fit(model, xs, names["ys"], **options)
        else:
            assert (loss, labels) in (("hinge", [-1, 1]), ("binary_cross_entropy", [0, 1]))


def test_classes_that_do_not_fit_the_outputs_get_no_code() -> None:
    for ys in ([1, 2, 5, 6], [3, 3, 4, 4], [0.5, 1.5, 2.5, 0.5]):
        with pytest.raises(ValueError, match="class") as caught:
            fit(nn.MLP(2, [3]), [[0.0, 1.0]] * 4, ys, loss="cross_entropy", optimizer="sgd", epochs=1)
        assert "write" not in str(caught.value)


@pytest.mark.slice
@pytest.mark.parametrize("xs", [[[-1.0, 0.5], [0.25], [1.0, -0.5], [-0.25]], [[-1.0, 0.5], [1.0, -0.5]]])
@pytest.mark.parametrize("backend", EAGER_AND_COMPILED)
def test_the_classes_of_a_sequence_are_a_list_of_indices(backend: str, xs: list[list[float]]) -> None:
    """One for each place, in sequences of one or several lengths; so are one-hot lists, and targets that are Values."""

    class Tagger(nn.Module):
        def __init__(self) -> None:
            self.scores = nn.Layer(2, 3, "linear", rng=random.Random(0))

        def __call__(self, sequence: Any) -> list[Any]:
            return [self.scores([x, x * x]) for x in sequence]

    classes = [[int(x > -0.6) + int(x > 0.2) for x in sequence] for sequence in xs]
    runs = []
    for ys, loss in (
        (classes, nn.cross_entropy),
        ([[nn.one_hot(y, 3) for y in row] for row in classes], nn.cross_entropy),
        (classes, lambda output, target: 1.0 * nn.cross_entropy(output, target)),
    ):
        options: Any = {"optimizer": optim.Adam(0.1), "epochs": 60, "backend": backend, "seed": 0, "progress": False}
        runs.append(fit(Tagger(), xs, ys, loss=loss, **options))
    assert runs[0].losses == runs[1].losses
    assert runs[0].losses == pytest.approx(runs[2].losses, rel=1e-12)
    assert runs[0].accuracy[-1] == 1.0
    for wrong, message in ((3.0, "there are the classes 0 to 2, got 3"), (0.5, "a class index is an integer")):
        with pytest.raises(ValueError, match=message):
            fit(Tagger(), xs[:1], [[0.0, wrong]], loss=nn.cross_entropy, optimizer="sgd", epochs=1, backend=backend)
    with pytest.raises(ValueError, match="each sample needs a target: a list of 2"):
        fit(Tagger(), xs[:1], [[0.0, 1.0, 2.0]], loss=nn.cross_entropy, optimizer="sgd", epochs=1, backend=backend)
