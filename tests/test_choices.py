"""Comparisons of Values that shaped a graph: where a warning says that the graph keeps them, and where none may."""

from __future__ import annotations

import bisect
import copy
import gc
import heapq
import math
import os
import pickle
import random
import statistics
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interrupts import interrupted
from needs import array_module, need_backend

import autograd
from autograd import (
    FrozenChoiceWarning,
    Value,
    check_gradients,
    choices,
    explore,
    faux_gradient,
    fit,
    grad,
    nn,
    optim,
    to_spreadsheet,
)
from autograd.engine import graph_of
from autograd.events import unobserved
from autograd.ops import Op


def in_array(*values: Any) -> Any:
    return np.array(values, dtype=object)


def by_if(x: Value, y: Value) -> Value:
    return x * 3 if x > y else y * 5


def by_result(x: Value, y: Value) -> Value:
    z = x * 2 - y
    return z * 3 if z > 0 else z * 5


def from_heap(x: Value, y: Value) -> Value:
    heap = [x, y, x + y]
    heapq.heapify(heap)
    return heapq.heappop(heap) * 3 + x * y


def by_bisection(x: Value, y: Value) -> Value:
    return x * y * float(bisect.bisect([-10.0, 0.0, 10.0], x))


CHOOSING: dict[str, Callable[[Value, Value], Value]] = {
    "np.maximum": lambda x, y: np.maximum(in_array(x), 0)[0] * 3 + y,
    "np.minimum": lambda x, y: np.minimum(in_array(x, y), in_array(y, x))[0] * 3 + x * y,
    "np.clip": lambda x, y: np.clip(in_array(x), 0, 10)[0] * 3 + y,
    "np.sort": lambda x, y: np.sort(in_array(x, y))[0] * 3 + x * y,
    "np.argmax": lambda x, y: [x, y][np.argmax(in_array(x, y))] * 3 + x * y,
    "np.where": lambda x, y: np.where(in_array(x, y) > 0, in_array(x, y), 0).sum() + x,
    "np.max": lambda x, y: in_array(x, y).max() * 3 + x * y,
    "max": lambda x, y: max(x, y) * 3,
    "max of a list": lambda x, y: max([y, x]) * 3 + x * y,
    "min": lambda x, y: min(y, x) * 3 + x * y,
    "sorted": lambda x, y: sorted([x, y])[0] * 3 + x * y,
    "sort": lambda x, y: sorted([y, x], reverse=True)[0] * 3 + x * y,
    "heapq": from_heap,
    "bisect": by_bisection,
    "if": by_if,
    "if not": lambda x, y: x * 5 if not x <= y else y * 3,
    "number first": lambda x, y: x * 5 + y if 0 < x else y * x,  # noqa: SIM300  # the other way round is the point
    "a difference": lambda x, y: x * 5 + y if x - y > 0 else y * x,
    "a distance": lambda x, y: x * 5 + y if abs(x - y) / 2 + 1 < 2 else y * x,
    "a result that is used": by_result,
}
"""Functions that take one path at x = 2, y = 1, and another one at x = -2."""


def recorded(name: str, x: float = 2.0) -> tuple[Value, Value, Value]:
    inputs = Value(x, "x"), Value(1.0, "y")
    return (*inputs, CHOOSING[name](*inputs))


@contextmanager
def silence() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# ------------------------------------------------------------------------------------------------- where it is said


@pytest.mark.parametrize("name", CHOOSING)
def test_a_replay_that_would_choose_otherwise_warns(name: str) -> None:
    x, _, z = recorded(name)
    with silence():
        z.forward()
        x.data = 2.1
        z.forward()
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning, match=r"when the graph was recorded, but .* now.*autograd\.where") as caught:
        z.forward()
    assert len(caught) == 1
    x.data = 2.0
    with silence():
        assert z.forward().data == recorded(name)[2].data


@pytest.mark.parametrize("name", CHOOSING)
def test_a_faux_gradient_across_a_choice_warns(name: str) -> None:
    x, _, z = recorded(name)
    with silence():
        assert faux_gradient(z, x) == pytest.approx(grad(z, x).data, rel=1e-3)
        faux_gradient(z, x, method="central")
    for method in ("forward", "central"):
        with pytest.warns(FrozenChoiceWarning, match="with the perturbation") as caught:
            faux_gradient(z, x, tiny=-4.0, method=method)
        assert len(caught) == 1


@pytest.mark.parametrize("name", ["max", "sorted", "if", "a difference", "np.maximum", "np.clip", "bisect"])
def test_the_check_of_gradients_warns_at_a_choice_that_is_close(name: str) -> None:
    x, y, z = recorded(name)
    with silence():
        check_gradients(z)
    x, y = Value(0.0 if name in ("np.maximum", "np.clip", "bisect") else 1.0 + 1e-7), Value(1.0)
    z = CHOOSING[name](x, y)
    with pytest.warns(FrozenChoiceWarning, match="with the perturbation") as caught:
        check_gradients(z)
    assert len(caught) == 1
    with silence():
        check_gradients(z, inputs=z)  # what is compared does not depend on it


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e-12, 1.0, 1e12, 1e300])
def test_close_is_relative_to_the_numbers(scale: float) -> None:
    x, y = Value(2 * scale), Value(scale)
    with silence():
        check_gradients(by_if(x, y))
        check_gradients(CHOOSING["np.maximum"](x, y))
    if scale > 1e-300:  # there, fewer digits are left
        x.data = scale * (1 + 1e-4)  # the perturbation is a smaller part
        with silence():
            check_gradients(by_if(x, y))
        x.data = scale * (1 + 1e-7)
        with pytest.warns(FrozenChoiceWarning):
            check_gradients(by_if(x, y))


def test_a_choice_that_no_longer_holds_is_seen_without_a_perturbation() -> None:
    x, _y, z = recorded("if")
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning):
        z.forward()
    with pytest.warns(FrozenChoiceWarning, match="is false now") as caught:
        check_gradients(z)
        faux_gradient(z, x)
    assert len(caught) == 2


@pytest.mark.parametrize("name", CHOOSING)
def test_a_compiled_choice_warns(name: str) -> None:
    x, y, z = recorded(name)
    with pytest.warns(FrozenChoiceWarning, match="compiled function keeps that choice") as caught:
        autograd.compile(z, (x, y))
    assert len(caught) == 1


@pytest.mark.parametrize(("view", "keeper"), [(explore, "page"), (to_spreadsheet, "spreadsheet")])
def test_a_view_whose_leaves_can_be_moved_warns(
    view: Callable[[Value, Path], Path], keeper: str, tmp_path: Path
) -> None:
    free = autograd.max(Value(2.0, "x"), 0) * 3
    assert free > 0  # after it was made
    path = tmp_path / "view.xlsx"
    with silence():
        view(free, path)
    path.unlink()
    _, _, z = recorded("max")
    with pytest.warns(FrozenChoiceWarning, match=f"the {keeper} keeps that choice") as caught:
        view(z, path)
    assert len(caught) == 1 and caught[0].filename == __file__
    path.unlink()
    with silence(), pytest.raises(FrozenChoiceWarning):
        view(z, path)
    assert not path.exists()


@pytest.mark.parametrize("target", ["python", "numpy", "c", "jax.numpy", "torch"])
def test_every_backend_warns_once(target: str) -> None:
    x, y, z = recorded("np.maximum")
    if target in ("jax.numpy", "torch"):
        backend: Any = array_module(target)
    else:
        need_backend(backend := target)
    with pytest.warns(FrozenChoiceWarning) as caught:
        f = autograd.compile((z, grad(z, [x, y])), (x, y), backend=backend)
    assert len(caught) == 1
    assert float(f(-2.0, 1.0)[0]) == -5.0, "the choice is frozen, as the warning says"


def deep(x: Value, operations: int = 10) -> Value:
    """Return x, computed by more operations than are remembered."""
    for _ in range(operations):
        x = x * 1.0
    return x


ELSEWHERE: dict[str, Callable[[Value, Value], Value]] = {
    "an input": lambda x, y: y * 2 if x > 0 else y * 5,
    "a difference of inputs": lambda x, y: y * 2 if x - y > 0 else y * 5,
    "an input and a number from it": lambda x, y: y * (x.data if x > 0 else 0.0),
    "sorted inputs": lambda x, y: sorted([x, Value(0.0)])[0] * 0 + y,
    "a result": lambda x, y: y * 2 if kept(deep(x)) > 0 else y * 5,
    "a result of many": lambda x, y: y * 2 if kept(autograd.sum([x, 0.0, 0.0, 0.0, y - 1])) > 0 else y * 5,
    "a result of the output's operands": lambda x, y: x * 2 if kept(deep(x)) > 0 else x * y,
}
"""Functions whose graphs lack what was compared, and that take another path at x = -2."""
KEPT: list[Value] = []


def kept(v: Value) -> Value:
    KEPT[:] = [v]
    return v


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_choice_by_what_the_graph_lacks_warns_where_its_inputs_are_named(name: str) -> None:
    x, y = Value(2.0, "x"), Value(1.0, "y")
    z = ELSEWHERE[name](x, y)
    with pytest.warns(FrozenChoiceWarning, match="keeps that choice") as caught:
        autograd.compile([z, grad(z, y)], (x, [y]))
    assert len(caught) == 1
    with silence():
        faux_gradient(z, x)
        check_gradients(z, [x, y])
    for method in ("forward", "central"):
        with pytest.warns(FrozenChoiceWarning, match="with the perturbation"):
            faux_gradient(z, x, tiny=-4.0, method=method)


def test_the_check_sees_a_close_choice_by_an_input_that_the_graph_lacks() -> None:
    x, y = Value(1 + 1e-7), Value(1.0)
    z = y * 2 if x > y else y * 5
    with pytest.warns(FrozenChoiceWarning, match="with the perturbation"):
        check_gradients(z, [x])
    result = kept(deep(x))
    z = y * 2 if result > y else y * 5
    with pytest.warns(FrozenChoiceWarning, match="with the perturbation"):
        check_gradients(z, [x])


def test_a_choice_by_another_result_of_the_leaves_warns_in_replays_and_views(tmp_path: Path) -> None:
    x, y = Value(2.0, "x"), Value(1.0, "y")
    z = ELSEWHERE["a result of the output's operands"](x, y)
    with pytest.warns(FrozenChoiceWarning, match="keeps that choice"):
        explore(z, tmp_path / "page.html")
    with silence():
        z.forward()
        x.data = 1.5
        z.forward()
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning, match="but is false now") as caught:
        z.forward()
    assert len(caught) == 1


@pytest.mark.parametrize("depth", [1, 3, 5, 30])
def test_a_perturbed_result_changes_what_was_compared(depth: int) -> None:
    x = Value(2.0)
    z = deep(x, depth)
    for further in (z, z * 2 - 1, deep(z)):
        y = z * 3 if further > 0 else z * 5
        with silence():
            faux_gradient(y, z)
        with pytest.warns(FrozenChoiceWarning, match="with the perturbation"):
            faux_gradient(y, z, tiny=-4.0)
    close = z - 2 + 1e-7
    y = close * 3 if z > 2 - 1e-7 else close
    with pytest.warns(FrozenChoiceWarning, match="with the perturbation"):
        check_gradients(y, z)
    with silence():
        check_gradients(y, close)


def test_comparisons_of_other_inputs_and_results_are_no_choices() -> None:
    x, y, other = Value(2.0), Value(1.0), Value(3.0)
    unrelated = deep(other)
    assert other > 0 and unrelated > 1
    z = x * y
    assert x > 0 and kept(deep(x)) > 0  # after it
    x.data = other.data = -2.0
    with silence():
        z.forward()
        autograd.compile(z, (x, y))
        check_gradients(z, [x, y])
        faux_gradient(z, x, tiny=9.0)


def test_replays_follow_other_results_as_far_as_their_own_graph_and_a_thousand_operands() -> None:
    x = Value(2.0)
    near, far = deep(x, 900), deep(x, 1_100)
    for result, seen in ((near, True), (far, False)):
        x.data = 2.0
        z = x * 3 if result > 0 else x * 5
        x.data = -2.0
        with warnings.catch_warnings(record=True, action="always") as caught:
            z.forward()
        assert len(caught) == seen
    with pytest.warns(FrozenChoiceWarning, match="keeps that choice"):
        autograd.compile(z, x)


def test_replays_look_at_the_newest_of_many_other_results() -> None:
    x, y = Value(2.0), Value(1.0)
    old = deep(x)
    z = x * 3 if old > 0 else x * 5
    others = [deep(y) for _ in range(60)]
    assert all(other > 0 for other in others)
    new = deep(x)
    w = x * 3 if new > 0 else x * 5
    x.data = -2.0
    with silence():
        z.forward()
    with pytest.warns(FrozenChoiceWarning):
        w.forward()
    for output in (z, w):
        with pytest.warns(FrozenChoiceWarning):
            autograd.compile(output, x)


def test_the_message_names_the_comparison_its_numbers_and_the_line() -> None:
    x, y = Value(2.0, "x"), Value(1.0, "y")
    z = x if (x - y) * 2 > 0 else y * 3  # this line
    z = z * y
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning) as caught:
        z.forward()
    message = str(caught[0].message)
    assert message.startswith("(x - y) * 2.0 (2.0) > 0.0 was true when the graph was recorded, but is false now")
    assert f"{__file__}:" in message and "z = x if (x - y) * 2 > 0 else y * 3  # this line" in message
    assert caught[0].filename == __file__
    with pytest.warns(FrozenChoiceWarning) as caught:
        autograd.compile(z, (x, y))
    assert caught[0].filename == __file__


def test_values_without_labels_are_told_by_their_numbers() -> None:
    x = Value(2.0)
    z = autograd.sum([max(x, 0)])
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning, match=r"^2\.0 < 0\.0 was false .* but is true now"):
        z.forward()


def first_above_the_others(values: list[Value]) -> Value:
    best = values[0]
    for v in values[1:]:
        best = v if v > best else best
    return best


TOURNAMENTS: dict[str, Callable[[list[Value]], Value]] = {
    "max": max,
    "np.max": lambda values: np.max(in_array(*values)),
    "array.max": lambda values: in_array(*values).max(),
    "sorted": lambda values: autograd.sum(sorted(values)[-2:]),
    "np.sort": lambda values: np.sort(in_array(*values))[-1],
    "heapq": lambda values: heapq.nlargest(1, values)[0],
    "median": statistics.median_high,
    "if": first_above_the_others,
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("count", [3, 5, 14])
@pytest.mark.parametrize("name", TOURNAMENTS)
def test_a_loser_that_would_win_now_is_noticed(name: str, count: int, seed: int) -> None:
    values = [Value(float(i)) for i in range(count)]
    if seed < 2:
        values = values[:: 1 - 2 * seed]
    else:
        random.Random(seed).shuffle(values)
    output = TOURNAMENTS[name](values) * 3
    min(values, key=lambda v: v.data).data = 1000.0  # compared with other losers only
    with pytest.warns(FrozenChoiceWarning) as caught:
        output.forward()
    assert len(caught) == 1
    assert __file__ in str(caught[0].message)  # not a line of NumPy or of Python's library


def test_comparisons_elsewhere_of_what_lost_are_no_choices_of_the_output() -> None:
    x, y, z = Value(1.0), Value(2.0), Value(3.0)
    assert x < y  # on another line
    output = max([y, z]) * 3
    x.data = 2.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output.forward()


def test_a_function_that_cannot_be_asked_again_does_not_stop_a_replay() -> None:
    root = Op("raising_sqrt({})", math.sqrt, lambda g, z, x: g / (2 * z))
    x = Value(4.0)
    output = x * 3 if root(x) > 1 else x
    x.data = -1.0
    assert output.forward().data == -3.0


def test_a_loop_of_replays_warns_once_by_default() -> None:
    w = Value(2.0)
    larger: Any = max(w, 0)
    output: Value = (larger + 5) ** 2
    with warnings.catch_warnings(record=True, action="default") as caught:
        for _ in range(50):
            w.data -= 0.1
            output.forward()
    assert len(caught) == 1


def test_losses_of_a_loop_are_not_compared_with_themselves() -> None:
    w = Value(1.0)
    best = None
    for _ in range(3):
        loss = (w - 3) ** 2
        best = loss if best is None or loss < best else best
        w.data += 0.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        autograd.compile(w * 2, w)


def test_a_hostile_label_stays_in_its_line() -> None:
    x = Value(2.0, "x\n\x1b[31m" + 100 * "y")
    z = x * 3 if x > 0 else x
    with pytest.warns(FrozenChoiceWarning) as caught:
        autograd.compile(z, x)
    assert str(caught[0].message).isprintable()


def test_many_choices_are_one_warning() -> None:
    xs = [Value(float(i), f"x{i}") for i in range(100)]
    z = autograd.dot(sorted(xs, key=lambda x: x), [float(i) for i in range(100)])
    for x in xs:
        x.data = -x.data
    with pytest.warns(FrozenChoiceWarning, match="so it is with 98 more") as caught:
        z.forward()
    assert len(caught) == 1


def test_the_latest_outcome_before_an_output_counts() -> None:
    x = Value(2.0)
    first = x * 3 if x > 0 else x * 5
    x.data = -2.0
    second = x * 3 if x > 0 else x * 5
    with silence():
        second.forward()
    with pytest.warns(FrozenChoiceWarning, match="is false now"):
        first.forward()
    x.data = 2.0
    with silence():
        first.forward()
    with pytest.warns(FrozenChoiceWarning, match="is true now"):
        second.forward()


def test_an_error_in_place_of_the_warning_changes_nothing() -> None:
    x, _, z = recorded("max")
    z.backward()
    x.data = -2.0
    before = [(v, v.data, v.grad) for v in graph_of(z)]
    with silence(), pytest.raises(FrozenChoiceWarning):
        z.forward()
    assert before == [(v, v.data, v.grad) for v in graph_of(z)]


# ------------------------------------------------------------------------------------------------ where nothing is


def test_comparisons_after_the_output_are_no_choices_of_it() -> None:
    xs = [Value(float(i)) for i in range(10)]
    scores = [x * 2 - 9 for x in xs]
    loss = autograd.sum([(1 - s).relu() for s in scores])
    assert sorted(scores)[0] is scores[0] and max(xs) is xs[9]
    assert sum(s > 0 for s in scores) == 5
    best = loss if loss < 100 else None
    for x in xs:
        x.data = -x.data
    with silence():
        loss.forward()
        check_gradients(loss)
        faux_gradient(loss, xs[0], tiny=20.0)
        autograd.compile(loss, (xs,))
        autograd.compile((loss, grad(loss, xs), grad(grad(loss, xs[9]), xs)), (xs,))
    assert best is loss


def test_a_gradient_counts_as_made_when_its_output_was() -> None:
    x, y = Value(2.0), Value(1.0)
    z = x * x * y
    assert x > y
    h = z * 2  # a result that the comparison may have shaped
    g = grad(grad(z, x), y)
    with silence():
        autograd.compile([z, g], (x, y))
    for outputs in ([z, h], [z, g, h], [g, h, z]):
        with pytest.warns(FrozenChoiceWarning):
            autograd.compile(outputs, (x, y))


@pytest.mark.parametrize(
    "keeps",
    [
        lambda x: autograd.max(x, 0) * 3,
        lambda x: autograd.where(x, x, 0.0) * 3,
        lambda x: x.relu() + abs(x),
        lambda x: nn.hinge(x, 1.0),
        lambda x: x * 3 if x.data > 0 else x,
        lambda x: x * 3 if Value(2.0) > 1 else x,
        lambda x: x * 3 if unobserved(lambda: x > 0)() else x,
    ],
)
def test_no_choice_no_warning(keeps: Callable[[Value], Value]) -> None:
    x = Value(2.0)
    z = keeps(x)
    x.data = -2.0
    with silence():
        z.forward()
        autograd.compile(z, x)
        faux_gradient(z, x, tiny=5.0)


def test_a_comparison_of_what_the_output_does_not_depend_on_is_no_choice_of_it() -> None:
    x, other = Value(2.0), Value(1.0)
    assert other > 0 and not other - 5 > 0
    z = x * 3
    other.data = -1.0
    x.data = -2.0
    with silence():
        z.forward()
        autograd.compile(z, x)


@pytest.mark.parametrize("backend", ["eager", "python"])
def test_fit_and_predictions_warn_of_nothing(backend: str) -> None:
    model = nn.MLP(2, [3, 1], activation="tanh")
    parameters = model.parameters()
    assert sorted(parameters) and max(parameters) >= min(parameters)
    xs, ys = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, -1.0, 1.0]
    with silence():
        fit(model, xs, ys, loss=nn.hinge, optimizer=optim.SGD(0.5), epochs=3, backend=backend, progress=False)


def test_stopped_numbers_are_held_still() -> None:
    x = Value(2.0)
    z = x * 3 if x.stop_gradient() * 1 > 1 else x
    z = z * x.stop_gradient()
    with silence():
        faux_gradient(z, x, tiny=-5.0)


def test_a_leaf_that_is_gone_keeps_its_number() -> None:
    choosing: list[Callable[[Value], Value]] = [
        lambda x: x * 3 if x > Value(1.0) else x,
        lambda x: x * 3 if (x - Value(0.5)) * 2 > Value(1.0) else x,
        lambda x: max([x, Value(1.0)]) * 3,
        lambda x: np.maximum(in_array(x), in_array(Value(1.0)))[0] * 3,
    ]
    for choose in choosing:
        x = Value(2.0, "x")
        z = choose(x)
        x.data = 1.5
        with silence():
            z.forward()
        x.data = -2.0
        with pytest.warns(FrozenChoiceWarning, match=r"1\.0 .*when the graph was recorded"):
            z.forward()
        with pytest.warns(FrozenChoiceWarning):
            autograd.compile(z, x)


def test_the_latest_outcome_counts_with_leaves_that_are_gone() -> None:
    x = Value(-2.0)
    assert x < Value(1.0)
    x.data = 2.0
    z = x * 3 if x > Value(1.0) and not x < Value(1.0) else x
    with silence():
        z.forward()


def test_a_result_that_is_gone_is_forgotten_if_it_is_deep() -> None:
    x = Value(2.0)
    deep = x
    for _ in range(10):
        deep = deep + 1.0
    z = x * 3 if x > deep - 20.0 else x
    del deep
    x.data = -20.0
    with silence():
        z.forward()


def test_copies_are_made_without_the_choices() -> None:
    x, _, z = recorded("if")
    for twin, leaf in (copy.deepcopy((z, x)), pickle.loads(pickle.dumps((z, x)))):
        leaf.data = -2.0
        with silence():
            twin.forward()


# --------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("name", CHOOSING)
def test_a_graph_with_choices_is_freed_the_moment_its_last_name_goes(name: str) -> None:
    before = len(choices._memory), len(choices._derived)
    gc.disable()
    try:
        x, y, z = recorded(name)
        g = grad(z, x)
        watched = [weakref.ref(v) for v in graph_of(z, g)]
        assert len(choices._memory) > before[0]
        del x, y, z, g
        assert not any(watch() for watch in watched)
        assert (len(choices._memory), len(choices._derived)) == before
    finally:
        gc.enable()


def test_a_loop_that_compares_the_same_adds_nothing_and_forgets_nothing() -> None:
    x, y = Value(2.0, "x"), Value(1.0)
    z = x * 3 if x > y else y * x
    before = len(choices._memory)
    for _ in range(1_000):
        assert x > y and x - y > 0
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning, match="x \\(2.0\\)"):
        z.forward()
    for i in range(1_000):
        x.data = (-2.0) ** (i % 2)
        assert (x > y) is False and (x - y > 0) is False
        x.data = 2.0
        assert x > y and x - y > 0
    assert len(choices._memory) == before
    _, comparisons = choices._memory[id(x)]
    assert len(comparisons) <= choices._MOST


def test_a_loop_that_compares_with_something_new_is_bounded() -> None:
    x, y = Value(2.0), Value(1.0)
    kept = x * 3 if x > y else y * x
    before = len(choices._memory)
    for _ in range(1_000):
        assert x > Value(1.0)  # which dies
    x.data = -2.0
    with pytest.warns(FrozenChoiceWarning):
        kept.forward()  # what is alive is not forgotten for what is dead
    for i in range(1_000):
        assert x < i
    assert len(choices._memory) == before
    assert len(choices._memory[id(x)][1]) <= choices._MOST


def test_the_number_of_values_with_comparisons_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choices, "_MOST_VALUES", 100)
    xs = [Value(float(i * 7919 % 1009)) for i in range(1_000)]
    z = autograd.dot(sorted(xs), [float(i) for i in range(1_000)])
    assert len(choices._memory) <= 100
    assert all(len(comparisons) <= choices._MOST for _, comparisons in choices._memory.values())
    for x in xs:
        x.data = -x.data
    with pytest.warns(FrozenChoiceWarning):
        z.forward()


def test_a_deep_operand_is_compared_at_no_depth() -> None:
    x = y = Value(1.0)
    for _ in range(20_000):
        y = y + x
    z = y * 2 if y > 0 else y
    x.data = -1.0
    with pytest.warns(FrozenChoiceWarning):
        z.forward()


# ------------------------------------------------------------------------------------------ threads, forks, Ctrl-C


def test_threads_may_compare_the_same_values() -> None:
    shared = [Value(float(i)) for i in range(20)]
    problems: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(50):
                fresh = [x * 2 for x in sorted([*shared, Value(3.5)])]
                with warnings.catch_warnings():
                    assert choices.choices_of(graph_of(autograd.sum(fresh)))
        except BaseException as problem:  # told in the main thread
            problems.append(problem)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not problems


def test_ctrl_c_at_any_point_leaves_the_memory_sound() -> None:
    x, y = Value(2.0), Value(1.0)

    def work() -> None:
        assert x - y > -5
        assert x > y

    at = 1
    while interrupted(work, at):
        z = x * 3 if x > y else y * x
        assert [choice.holds for choice in choices.choices_of(graph_of(z)) if choice.kind is float.__gt__][-1]
        at += 7
    assert at > 50


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_remembers_what_its_parent_compared() -> None:
    x, _, z = recorded("if")
    child = os.fork()
    if child == 0:
        x.data = -2.0
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            z.forward()
        os._exit(len(caught))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_values_that_the_collector_frees_meanwhile_disturb_no_search() -> None:
    """It may run at any allocation, that of a copy of the memory too, and take comparisons out of it."""
    x = Value(2.0)
    y = x * 3.0 if x > 0 else x
    others = [Value(float(i)) for i in range(40)]
    assert max(others) is others[-1]
    thresholds = gc.get_threshold()
    try:
        for allocations in range(300):
            gc.collect(0)
            garbage: list[Any] = [Value(1.0)]
            assert garbage[0] > 0
            garbage.append(garbage)
            del garbage
            gc.set_threshold(gc.get_count()[0] + allocations)
            y.forward()
            gc.set_threshold(*thresholds)
    finally:
        gc.set_threshold(*thresholds)


def test_a_comparison_with_nan_is_one_however_often_it_is_made() -> None:
    x = Value(2.0, "x")
    for _ in range(3):
        assert not x * float("nan") > 1
        assert not x > math.nan * 1.0  # not the same object each time
    y = x * 3.0
    assert len(choices.choices_of(graph_of(y))) == 2
