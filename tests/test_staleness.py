"""Graphs with leaves that were changed after they were recorded: warnings, and refusals, all in the same words.

What warns and what does not is said in terms of what any engine has, so that another one can run these tests; what is
computed for it, at the end, is this engine's.
"""

from __future__ import annotations

import copy
import gc
import math
import pickle
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interrupts import interrupted

import autograd
from autograd import (
    StaleGraphWarning,
    Value,
    check_gradients,
    draw,
    engine,
    explain,
    fit,
    grad,
    nn,
    optim,
    staleness,
    to_text,
)
from autograd.engine import graph_of
from autograd.ops import Op
from autograd.staleness import check_current

SHOWS: dict[str, Callable[[Value], Any]] = {
    "backward": lambda y: y.backward(),
    "grad": lambda y: grad(y, graph_of(y)[0]),
    "draw": draw,
    "to_text": to_text,
}


def is_stale(y: Value, show: Callable[[Value], Any] = SHOWS["backward"]) -> bool:
    """Return True if there is a warning; it names the line here, and comes before any gradient is committed."""
    before = [(v.data, v.grad) for v in graph_of(y)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        show(y)
    if not caught:
        return False
    assert [(w.category, w.filename) for w in caught] == [(StaleGraphWarning, __file__)]
    for v, (data, gradient) in zip(graph_of(y), before):
        v.data, v.grad = data, gradient
    with warnings.catch_warnings(action="error"), pytest.raises(StaleGraphWarning):
        show(y)
    assert repr([(v.data, v.grad) for v in graph_of(y)]) == repr(before)
    return True


# What warns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("show", SHOWS.values(), ids=SHOWS)
def test_a_leaf_that_was_changed_is_named(show: Callable[[Value], Any]) -> None:
    w = Value(0.3, "w")
    loss = (w * 2 - 1) ** 2
    assert not is_stale(loss, show)
    w.data -= 0.1
    with pytest.warns(StaleGraphWarning, match=r"^w was changed after .*: call (y|loss)\.forward\(\) first, or record"):
        show(loss)
    assert is_stale(loss, show)
    loss.forward()
    assert not is_stale(loss, show)


def test_the_text_says_that_its_numbers_are_old() -> None:
    w = Value(0.3, "w")
    loss = w * 2
    assert "out of date" not in to_text(loss)
    w.data = 0.5
    with pytest.warns(StaleGraphWarning):
        lines = to_text(loss).splitlines()
    assert lines[-1] == f"({staleness.OUT_OF_DATE})"
    assert "out of date" not in to_text(loss.forward())


def test_a_result_older_than_the_change_in_a_graph_that_is_newer() -> None:
    w = Value(0.3)
    h = w * 2
    w.data = 1
    loss = (h - 1) ** 2
    assert is_stale(loss)


def test_of_two_outputs_the_one_that_was_not_replayed() -> None:
    w = Value(0.3)
    h = w * 2
    first, second = h.tanh(), h.exp()
    w.data = 1
    first.forward()
    assert not is_stale(first)
    assert is_stale(second)
    assert not is_stale(h)
    second.forward()
    assert not is_stale(second)


def test_a_new_result_of_a_graph_that_was_replayed_is_up_to_date() -> None:
    w = Value(0.3)
    h = w * 2
    w.data = 1
    h.forward()
    assert not is_stale(h * w)


def by_optimizer(model: nn.Neuron, path: Path) -> None:
    loss = model([1.0, 2.0])
    loss.backward()
    optim.SGD(0.1).step(model.parameters())


def by_loading(model: nn.Neuron, path: Path) -> None:
    nn.Neuron(2, weights=[0.1, 0.2], bias=0.3).save(path)
    model.load(path)


def by_fitting(model: nn.Neuron, path: Path) -> None:
    fit(model, [[0.0, 1.0]], [0.5], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=1, backend="python")


def by_fitting_eagerly(model: nn.Neuron, path: Path) -> None:
    fit(model, [[0.0, 1.0]], [0.5], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=1, backend="eager")


@pytest.mark.parametrize("change", [by_optimizer, by_loading, by_fitting, by_fitting_eagerly])
def test_parameters_changed_by_the_package(change: Callable[[nn.Neuron, Path], None], tmp_path: Path) -> None:
    model = nn.Neuron(2, weights=[0.5, 0.6], bias=0.7)
    y = model([1.0, 2.0])
    change(model, tmp_path / "model.json")
    assert is_stale(y)
    with pytest.warns(StaleGraphWarning, match=r"^weight1, weight2, bias were changed"):
        y.backward()
    y.forward()
    assert not is_stale(y)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_of_a_graph_are_as_stale_as_it_is(copied: Callable[[Value], Value]) -> None:
    w = Value(0.3, "w")
    h = w * 2
    w.data = 1.0
    y = h * w
    assert is_stale(copied(y))
    y.forward()
    assert not is_stale(copied(y))
    other = copied(y)
    graph_of(other)[0].data = 2.0
    assert is_stale(other)


def test_a_change_in_another_thread() -> None:
    w = Value(0.3)
    y = w * 2
    changes = [threading.Thread(target=setattr, args=(w, "data", float(i))) for i in range(8)]
    for change in changes:
        change.start()
    for change in changes:
        change.join()
    assert is_stale(y)


def test_a_leaf_that_became_nan_or_a_negative_zero() -> None:
    w = Value(0.0)
    y = w * 2
    w.data = -0.0
    assert is_stale(y)
    w.data = math.nan
    assert is_stale(y)
    y.forward()
    w.data = -math.nan
    assert not is_stale(y)


def test_a_function_that_fails_at_the_new_number_counts_as_stale() -> None:
    def computes(x: float) -> float:
        if x < 0:
            raise ValueError("below 0")
        return x

    op = Op("above({})", computes, lambda g, z, x: g)
    w = Value(1.0)
    y = op(w)
    w.data = -1.0
    assert is_stale(y)


def test_the_message_lists_a_few_leaves_and_counts_the_rest() -> None:
    def message(leaves: list[Value]) -> str:
        y = autograd.sum(leaves)
        for v in leaves:
            v.data += 1
        del v
        with pytest.warns(StaleGraphWarning) as caught:
            y.backward()
        return str(caught[0].message).partition(" after ")[0]

    assert message([Value(1.0)]) == "leaves[0] was changed"
    assert message([Value(1.0, f"w{i}") for i in range(5)]) == "w0, w1, w2, 2 more were changed"
    assert message([Value(1.0, "two\nlines")]) == r"two\nlines was changed"


def test_a_leaf_that_no_variable_names() -> None:
    y, z = Value(1.0) * 2, Value(1.0) + Value(2.0)
    for v in [*y.args, *z.args]:
        if isinstance(v, Value):
            v.data = 5.0
    del v
    with pytest.warns(StaleGraphWarning, match=r"^a leaf without a label was changed"):
        y.backward()
    with pytest.warns(StaleGraphWarning, match=r"^2 leaves without labels were changed"):
        z.backward()


def test_python_shows_the_warning_of_a_loop_once() -> None:
    w = Value(0.3)
    loss = (w * 2 - 1) ** 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(5):
            loss.backward()
            w.data -= 0.1 * w.grad
    assert len(caught) == 1


def test_also_where_more_leaves_are_changed_in_each_turn() -> None:
    ws = [Value(0.3), Value(0.4)]
    loss = ws[0] * ws[1]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for w in ws:
            w.data = 5.0
            loss.backward()
        loss.backward()
    told = [str(warning.message).partition(" changed")[0] for warning in caught]
    assert told == ["w was", "ws[0], w were"]  # once in the loop; another line says how it is now
    loss.forward()
    with pytest.warns(StaleGraphWarning, match=r"^w was changed"):
        ws[1].data = 6.0
        loss.backward()


# What does not -------------------------------------------------------------------------------------------------------


def test_a_number_put_back() -> None:
    w = Value(0.3)
    y = w * 2
    w.data = 5.0
    assert is_stale(y)
    w.data = 0.3
    assert not is_stale(y)


def test_a_change_of_a_leaf_elsewhere() -> None:
    w, other = Value(0.3), Value(1.0)
    y = w * 2
    other.data = 2.0
    assert not is_stale(y)


def test_an_intermediate_result_after_forward_of_its_output() -> None:
    w = Value(0.3)
    h = w * 2
    y = h.tanh()
    w.data = 1.0
    y.forward()
    assert not is_stale(h)
    assert not is_stale(h + 1)


def test_a_change_that_no_result_notices() -> None:
    w = Value(-1.0)
    y = w.relu()
    w.data = -2.0
    assert not is_stale(y)


def test_loops_that_record_anew_or_replay() -> None:
    w, constant = Value(0.3), Value(2.0) * 3  # which is older than all changes
    replayed = (w * constant - 1) ** 2
    for _ in range(3):
        loss = (w * constant - 1) ** 2
        assert not is_stale(loss)
        w.data -= 0.1
        assert not is_stale(replayed.forward())
        assert is_stale(loss)


def test_what_views_and_faux_gradients_do_changes_no_leaf(tmp_path: Path) -> None:
    w = Value(0.3, "w")
    y = (w * 2).tanh()
    autograd.faux_gradient(y, w)
    check_gradients(y)
    autograd.explore(y, tmp_path / "page.html", train=[w])
    autograd.compile(y, (w,))(5.0)
    assert not is_stale(y)


def test_what_has_no_results_has_none_that_are_stale() -> None:
    w = Value(0.3)
    w.data = 1.0
    assert not is_stale(w)
    assert not is_stale(autograd.sum([w]).stop_gradient())


def test_forward_that_fails_leaves_the_graph_stale() -> None:
    w = Value(2.0)
    y = w * 3 if w > 0 else w
    w.data = -2.0
    with warnings.catch_warnings(action="error"), pytest.raises(autograd.FrozenChoiceWarning):
        y.forward()
    assert is_stale(y)


def test_an_interrupted_forward_leaves_the_graph_stale_or_replays_it() -> None:
    w = Value(0.3)
    y = (w * 2).tanh()
    at = 1
    w.data = 0.5
    while interrupted(y.forward, at):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            y.backward()
        assert bool(caught) is (y.data != math.tanh(1.0)), f"after an interrupt at {at}"
        at += 1
    assert at > 20
    assert not is_stale(y)


def test_no_graph_is_kept_alive() -> None:
    gc.disable()
    try:
        before = len(autograd.engine.replayed_at)
        for _ in range(100):
            y = Value(0.3) * 2
            y.forward()
        del y
        assert len(autograd.engine.replayed_at) == before
    finally:
        gc.enable()


# The rule in general -------------------------------------------------------------------------------------------------

PLACES = st.integers(0, 99)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["add", "mul", "relu", "tanh", "forward", "copy", "grad", "backward"]), PLACES, PLACES
        ),
        st.tuples(st.just("change"), PLACES, st.sampled_from([-1.0, 0.0, 0.5, 2.0])),
    ),
    max_size=30,
)


def computed_anew(output: Value) -> dict[Value, float]:
    data: dict[Value, float] = {}
    for v in graph_of(output):
        numbers = [data[x] if isinstance(x, Value) else x for x in v.args]
        data[v] = v.op.computes(*numbers) if v.op else v.data
    return data


@settings(max_examples=300)
@given(ACTIONS)
def test_a_graph_is_stale_exactly_if_computing_it_anew_changes_a_number(actions: list[tuple[Any, ...]]) -> None:
    leaves = [Value(0.5), Value(-1.0)]
    values = list(leaves)
    for action, i, other in actions:
        if action == "change":
            leaves[i % len(leaves)].data = other
            continue
        x, y = values[i % len(values)], values[other % len(values)]
        if action == "add":
            values.append(x + y)
        elif action == "mul":
            values.append(x * y)
        elif action in ("relu", "tanh"):
            values.append(getattr(x, action)())
        elif action == "forward":
            x.forward()
        elif action == "copy":
            values, leaves = copy.deepcopy((values, leaves))
        else:
            expected = any(repr(number) != repr(v.data) for v, number in computed_anew(x).items())
            assert is_stale(x, SHOWS[action]) is expected


# What it costs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def recomputed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of results that each check computes anew."""
    counts: list[int] = []

    def counting(made: list[Value], changed: dict[Value, float]) -> dict[Value, float]:
        data = engine.replay(made, changed)
        counts.append(len(data) - len(changed))
        return data

    monkeypatch.setattr(staleness, "replay", counting)
    return counts


def test_loops_that_record_anew_or_replay_compute_nothing_for_it(recomputed: list[int]) -> None:
    w, unchanged = Value(0.3), Value(2.0) * 3  # an older result in each graph
    replayed = (w * unchanged - 1) ** 2
    for _ in range(3):
        ((w * unchanged - 1) ** 2).backward()
        replayed.forward().backward()
        w.data -= 0.1
    Value(1.0).data = 2.0  # of no graph
    replayed.forward().backward()
    assert recomputed == []


def test_what_was_found_up_to_date_is_not_computed_again(recomputed: list[int]) -> None:
    w = Value(0.3)
    y = w * 2 + 1
    w.data = 5.0
    w.data = 0.3
    for _ in range(3):
        y.backward()
    assert recomputed == [2]


def test_a_change_elsewhere_computes_nothing(recomputed: list[int]) -> None:
    w, other = Value(0.3), Value(1.0)
    y = w * 2
    other.data = 2.0
    y.backward()
    assert recomputed == []


def test_refusing_takes_the_place_of_the_warning_in_its_thread() -> None:
    w = Value(0.3)
    y = (w * 2).tanh()
    w.data = 1.0

    def refuse(v: Value) -> NoReturn:
        assert v.op is not None
        raise LookupError(v.op.name)

    with staleness.refusing(refuse):
        with pytest.raises(LookupError, match="mul"):
            y.backward()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(is_stale, y).result()
    assert is_stale(y)


# What refuses --------------------------------------------------------------------------------------------------------


def change_leaf(x: Value, middle: Value) -> None:
    x.data = 10.0


def change_leaf_to_nan(x: Value, middle: Value) -> None:
    x.data = math.nan


def change_result(x: Value, middle: Value) -> None:
    middle.data = 7.0


def change_what_the_output_does_not_show(x: Value, middle: Value) -> None:
    x.data = -3.0  # (-3) * (-3) is what it was


@pytest.mark.parametrize("check", [check_gradients, explain, lambda y: check_current(graph_of(y))])
@pytest.mark.parametrize(
    "change", [change_leaf, change_leaf_to_nan, change_result, change_what_the_output_does_not_show]
)
def test_a_graph_that_is_out_of_date_is_refused(
    check: Callable[[Value], Any], change: Callable[[Value, Value], None]
) -> None:
    x = Value(3.0, "x")
    middle = x + 0
    y = middle * middle
    change(x, middle)
    with pytest.raises(ValueError, match=r"the graph is out of date: Value\(.* was made by \w+, .*forward\(\)"):
        check(y)
    y.forward()
    check(y)


@pytest.mark.parametrize("check", [check_gradients, explain])
def test_a_refusal_names_the_leaves_as_the_warning_does(check: Callable[[Value], Any]) -> None:
    xs, w = [Value(2.0), Value(3.0)], Value(0.5, "weight")
    inside = w * xs[0] + xs[1]
    loss = inside.tanh()
    message = "changed after this graph was recorded"
    w.data = 1.5
    with pytest.raises(ValueError, match=f"because weight was {message}: call loss.forward\\(\\) first"):
        check(loss)
    xs[1].data = 7.0
    with pytest.raises(ValueError, match=f"because xs\\[1\\], weight were {message}: call loss.forward"):
        check(loss)
    loss.forward()
    w.data = 2.5
    with pytest.raises(ValueError, match="because weight was"):
        check(loss)
    with pytest.warns(StaleGraphWarning, match="^weight was"):
        loss.backward()
    loss.forward()
    inside.data = 8.0
    with pytest.raises(ValueError, match=r"was made by add, which gives 12\.0 now: call loss\.forward"):
        check(loss)


@pytest.mark.parametrize("check", [check_gradients, explain])
def test_numbers_that_are_nan_are_up_to_date(check: Callable[[Value], Any]) -> None:
    x = Value(-1.0, "x")
    check(x.log() * 2 - math.inf)


def test_a_label_does_not_disturb_the_message() -> None:
    x = Value(3.0)
    y = x * x
    y.label = "two\nlines\x1b[31m"
    x.data = 4.0
    with pytest.raises(ValueError) as problem:
        check_current(graph_of(y))
    assert str(problem.value).isprintable()
