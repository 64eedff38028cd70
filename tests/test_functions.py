"""Functions made of rows: values against 50 digits, infinities as PyTorch has them, derivatives in every backend."""

from __future__ import annotations

import builtins
import itertools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from derivatives import EVERYWHERE, computed, near, with_derivatives
from hypothesis import example, given
from hypothesis import strategies as st
from needs import array_module

import autograd
from autograd import Value, check_gradients, grad, log_softmax, logsumexp, mean, softmax
from autograd.trees import tree_leaves

inf, nan = math.inf, math.nan
ALL = [mean, logsumexp, softmax, log_softmax]
SHIFTED = [logsumexp, softmax, log_softmax]
EACH = pytest.mark.parametrize("function", ALL, ids=lambda f: f.__name__)
NUMBERS = st.floats(-50, 50) | st.floats(-1e308, 1e308) | st.sampled_from([0.0, -745.0, 5e-324, 1e160, 1e308, -1e308])


def right(function: Callable[..., Any], xs: Sequence[float]) -> list[Any]:
    """Return the function's values at 50 digits."""
    with mpmath.mp.workdps(50):
        exact = [mpmath.mpf(x) for x in xs]
        if function is mean:
            return [sum(exact) / len(exact)]
        largest = max(exact)
        powers = [mpmath.exp(x - largest) for x in exact]
        total = sum(powers)
        if function is softmax:
            return [p / total for p in powers]
        if function is log_softmax:
            return [x - largest - mpmath.log(total) for x in exact]
        return [largest + mpmath.log(total)]


U = 2.0**-53  # the largest relative error of one rounding; one call of libm has up to twice that


def largest_error(function: Callable[..., Any], xs: Sequence[float], want: float) -> float:
    """Return the largest error of one result, the sum of those of its roundings, to first order.

    The n - 1 additions have an error of U times the total each, or less. The exponentials of the differences z have
    those of the call, 2 * U, and of the difference, U * |z|. All but that of 0, which is exact, add up to U times
    Σ exp(z) (2 + |z|); beside the total, 1 + Σ exp(z), this is at most 1 + log(n).
    """
    n = len(xs)
    if function is mean:
        return U * sum(map(abs, xs)) + 5e-324  # n - 1 additions and the quotient: at most U * Σ|x| / n each
    total = (n - 1) + (1 + math.log(n)) if n > 1 else 0.0  # of its relative error, in U
    if function is softmax:
        return U * (want * (2 - math.log(max(want, 1e-320)) + total + 1)) + 1e-323  # exp, total, quotient
    log_total = total + 2 * math.log(n)
    return U * (log_total + abs(want) * (2 if function is log_softmax else 1))  # the difference, and the last sum


@EACH
@given(xs=st.lists(NUMBERS, min_size=1, max_size=6))
@example(xs=[0.0, 29.347283762104695, 0.0, 0.0, 0.0])  # the total is rounded four times
def test_values_are_right_and_nothing_overflows(function: Callable[..., Any], xs: list[float]) -> None:
    if function is mean and sum(map(abs, xs)) > 1e308:
        return  # the sum may overflow, as in PyTorch and NumPy
    for got, want in zip(tree_leaves(function(xs)), right(function, xs), strict=True):
        if abs(want) > 1.797e308:  # a difference of logits
            assert got == -inf
        else:
            assert abs(got - want) <= largest_error(function, xs, float(want))


@pytest.mark.parametrize(
    "function, xs, value, gradient",
    [  # of the function, or of the sum of k times its element k, as PyTorch 2.13 has them in float64
        (logsumexp, [-inf, -inf], -inf, [nan, nan]),
        (logsumexp, [inf, 0.0], inf, [nan, 0.0]),
        (logsumexp, [inf, 1000.0], inf, [nan, 0.0]),
        (logsumexp, [inf, -inf], inf, [nan, 0.0]),
        (logsumexp, [nan, 0.0], nan, [nan, nan]),
        (logsumexp, [-inf, 0.0, 1.0], 1.3132616875182228, [0.0, 0.2689414213699951, 0.7310585786300049]),
        (logsumexp, [1e308, -1e308], 1e308, [1.0, 0.0]),
        (logsumexp, [-1e308, -1e308], -1e308, [0.5, 0.5]),
        (softmax, [-inf, -inf], [nan, nan], [nan, nan]),
        (softmax, [inf, 0.0], [nan, nan], [nan, nan]),
        (softmax, [nan, 0.0], [nan, nan], [nan, nan]),
        (softmax, [-inf, 0.0, 1.0], [0.0, 0.26894142136999516, 0.7310585786300049],
         [0.0, -0.19661193324148196, 0.1966119332414816]),
        (softmax, [-1.7e308, 1.7e308], [0.0, 1.0], [0.0, 0.0]),
        (log_softmax, [-inf, -inf], [nan, nan], [nan, nan]),
        (log_softmax, [inf, 0.0], [nan, nan], [nan, nan]),
        (log_softmax, [nan, 0.0], [nan, nan], [nan, nan]),
        (log_softmax, [-inf, 0.0, 1.0], [-inf, -1.3132616875182228, -0.31326168751822286],
         [1.0, 0.3863514717800294, -1.3863514717800294]),
        (log_softmax, [-1.7e308, 1.7e308], [-inf, 0.0], [1.0, -1.0]),
    ],
)  # fmt: skip
def test_infinities_are_as_in_pytorch(
    function: Callable[..., Any], xs: list[float], value: Any, gradient: list[float]
) -> None:
    logits = list(map(Value, xs))
    result = function(logits)
    assert all(map(near, [v.data for v in tree_leaves(result)], tree_leaves(value)))
    assert all(map(near, tree_leaves(function(xs)), tree_leaves(value)))
    whole = autograd.dot(result, [float(k) for k in range(1, len(xs) + 1)]) if isinstance(result, list) else result
    whole.backward()
    assert all(map(near, [z.grad for z in logits], gradient))
    assert all(map(near, [g.data for g in grad(whole, logits)], gradient))


@pytest.mark.parametrize("function", SHIFTED, ids=lambda f: f.__name__)
def test_pytorch_itself_agrees(function: Callable[..., Any]) -> None:
    torch = array_module("torch")
    edges = [-inf, -1e308, -1.0, 0.0, 5e-324, 1e160, 1e308, inf, nan]
    for xs in itertools.product(edges, repeat=3):
        logits = list(map(Value, xs))
        result = function(logits)
        sum_of = autograd.dot(tree_leaves(result), [1.0, 2.0, 3.0][: len(tree_leaves(result))])
        sum_of.backward()
        x = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
        theirs = getattr(torch, function.__name__)(x, 0)
        (theirs * torch.arange(1.0, 1 + theirs.numel(), dtype=torch.float64)).sum().backward()
        assert all(map(near, [v.data for v in tree_leaves(result)], theirs.reshape(-1).tolist())), xs
        if function is logsumexp and 1e15 < abs(result.data) < inf:
            continue  # theirs is exp(x - result), 1 for each of equal x, because beside 1e308 the log(2) is lost
        assert all(map(near, [z.grad for z in logits], x.grad.tolist())), xs


MASKED: dict[str, list[float]] = {
    "one class": [-inf, 0.5, 1.0, -0.25],
    "all but one": [-inf, -inf, 3.0, -inf],
    "differences that overflow": [-1.7e308, 1.7e308, 1e308, -inf],
    "a tie": [2.0, 2.0, -inf, 2.0],
    "none": [0.5, -1.0, 2.0, 0.25],
}


@pytest.mark.parametrize("where", EVERYWHERE)
def test_masked_classes_have_first_and_second_derivatives_in_every_backend(where: str) -> None:
    xs = [Value(0.5) for _ in range(4)]
    finite = [logsumexp(xs), *softmax(xs)]
    logs = log_softmax(xs)
    outputs = [*with_derivatives(finite, xs), *with_derivatives(logs, xs)]
    for sample, got in zip(MASKED.values(), computed(where, outputs, xs, list(MASKED.values())), strict=True):
        p = [float(x) if x > 1e-300 else 0.0 for x in right(softmax, sample)]
        n = range(4)
        jacobian = [[p[i] * ((i == j) - p[j]) for j in n] for i in n]  # of the softmax; the Hessian of logsumexp
        hessians = [
            p[i] * (((i == j) - p[j]) * ((i == k) - p[k]) - p[j] * ((j == k) - p[k])) for i in n for j in n for k in n
        ]
        value = float(right(logsumexp, sample)[0])
        wanted = [value, *p, *p, *tree_leaves(jacobian), *tree_leaves(jacobian), *hessians]
        wanted += [float(x) if x > -1.797e308 else -inf for x in right(log_softmax, sample)]
        wanted += [(i == j) - p[j] for i in n for j in n]
        wanted += [-x for _ in n for x in tree_leaves(jacobian)]
        wrong = [(i, a, b) for i, (a, b) in enumerate(zip(got, wanted, strict=True)) if not near(a, b)]
        assert not wrong, (sample, wrong)


@EACH
def test_floats_give_floats_and_values_give_values(function: Callable[..., Any]) -> None:
    numbers: list[Any] = [0.5, -1, True, Fraction(1, 4), np.float64(2.0), np.float32(0.25)]
    floats = [float(x) for x in numbers]
    want = tree_leaves(function(floats))
    lists: list[Any] = [numbers, tuple(numbers), np.array(floats), iter(numbers)]
    for xs in lists:
        results = tree_leaves(function(xs))
        assert [type(x) for x in results] == [float] * len(want) and results == want
    values = list(map(Value, numbers))
    lists = [values, tuple(values), np.array(values), [values[0], *numbers[1:]]]
    for xs in lists:
        results = tree_leaves(function(xs))
        assert all(type(v) is Value for v in results) and [v.data for v in results] == want


@EACH
def test_one_value(function: Callable[..., Any]) -> None:
    for x in (3, 3.0, -1e308, 1e308):
        want = {"mean": x, "logsumexp": x, "softmax": 1.0, "log_softmax": 0.0}[function.__name__]
        (got,) = tree_leaves(function([x]))
        assert type(got) is float and got == want
        v = Value(x)
        (result,) = tree_leaves(function([v]))
        assert result.data == want and grad(result, v).data == (function in (mean, logsumexp))


@EACH
def test_no_values_are_an_error_that_says_so(function: Callable[..., Any]) -> None:
    for nothing, said in (([], "list"), ((), "tuple"), (np.array([]), "ndarray")):
        with pytest.raises(ValueError, match=f"^expected at least one value, got an empty {said}$"):
            function(nothing)


@EACH
def test_what_is_no_list_of_numbers_is_refused(function: Callable[..., Any]) -> None:
    for wrong, said in ((3.0, "a list of values"), (["3"], "convert it first"), ([[1.0]], "go through the elements")):
        with pytest.raises(TypeError, match=said):
            function(wrong)


@EACH
def test_the_gradient_check_agrees(function: Callable[..., Any]) -> None:
    xs = [Value(x) for x in (0.3, -1.5, 2.0, 0.25)]
    for output in tree_leaves(function(xs)):
        check_gradients(output, xs)


def test_they_are_public_and_shadow_no_builtin() -> None:
    for function in ALL:
        assert getattr(autograd, function.__name__) is function and function.__name__ in autograd.__all__
        assert not hasattr(builtins, function.__name__)


def test_the_mean_of_one_value_is_that_value_and_others_are_a_sum_and_a_quotient() -> None:
    v, w = Value(2.0), Value(3.0)
    assert mean([v]) is v
    both = mean([v, w])
    assert both.op is autograd.div and both.args[0].op is autograd.sum and both.data == 2.5


def test_a_recorded_softmax_holds_for_other_numbers() -> None:
    """Nothing is decided while it is recorded: another class may be the largest, or masked, later."""
    xs = [Value(0.0), Value(1.0), Value(2.0)]
    result = softmax(xs)
    for v, x in zip(xs, (5.0, -inf, 2.0), strict=True):
        v.data = x
    assert [p.forward().data for p in result] == softmax([5.0, -inf, 2.0])
