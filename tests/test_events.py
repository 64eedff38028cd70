"""The engine's events: which listeners are called, when and with what; and that events cost nothing without any."""

from __future__ import annotations

import asyncio
import copy
import inspect
import itertools
import operator
import pickle
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from interrupts import interrupted

import autograd
from autograd import Value, check_gradients, choices, engine, events, explain, faux_gradient, grad, swapped
from autograd.engine import graph_of
from autograd.events import listening, listening_here, unobserved


def nobody_listens() -> bool:
    listeners = [events.recorded, events.compared, events.replayed, events.pulled]
    always = {choices._derive, swapped._warn}
    return engine._new_result is engine.new_node and not any(listeners) and {*events.differentiated} == always


# ---------------------------------------------------------------------------------------------------------- recorded


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x * x,
        lambda x: x + 1.0,
        lambda x: 1 - x,
        lambda x: -x,
        lambda x: x.tanh(),
        lambda x: x.max(2.0),
        autograd.exp,
        lambda x: autograd.atan2(1, x),
        lambda x: autograd.where(x, 1.0, x),
        lambda x: autograd.sum([x, 1, x]),
        lambda x: autograd.dot([x], [2.0]),
    ],
)
def test_an_operation_announces_its_finished_result(operation: Callable[[Value], Value]) -> None:
    heard: list[tuple[Value, Any, float, tuple[Any, ...]]] = []
    x = Value(0.5)
    with listening(recorded=lambda v: heard.append((v, v.op, v.data, v.args))):
        z = operation(x)
    assert heard == [(z, z.op, z.data, z.args)]


def test_gradients_as_graphs_are_recorded() -> None:
    heard: list[Value] = []
    x = Value(2.0)
    y = x * x * x
    with listening(recorded=heard.append):
        g = grad(y, x)
    assert g in heard
    assert set(heard) >= set(graph_of(g)) - set(graph_of(y))


def test_leaves_copies_and_pickles_are_not_recorded() -> None:
    y = Value(2.0) * 3
    pickled = pickle.dumps(y)
    with listening(recorded=lambda v: pytest.fail("nothing was computed")):
        Value(1.0)
        copy.copy(y)
        copy.deepcopy(y)
        pickle.loads(pickled)
        y.forward()
        y.backward()
        assert autograd.exp(0.0) == 1.0


def test_an_exception_from_a_listener_ends_the_operation() -> None:
    def refuse(v: Value) -> None:
        raise LookupError(v.data)

    x = Value(2.0)
    with pytest.raises(LookupError, match="4"), listening(recorded=refuse):
        x * x
    assert nobody_listens()
    assert (x * x).data == 4.0


# ---------------------------------------------------------------------------------------------------------- compared


@pytest.mark.parametrize("compare", [operator.lt, operator.le, operator.gt, operator.ge])
def test_a_comparison_is_announced_before_it_answers(compare: Callable[[Any, Any], bool]) -> None:
    heard: list[tuple[Value, Any]] = []
    x, y = Value(1.0), Value(2.0)
    with listening(compared=lambda v, other: heard.append((v, other))):
        compare(x, y)
        compare(x, 3)
        compare(3, x)
        with pytest.raises(TypeError):
            compare(x, "three")
    assert heard == [(x, y), (x, 3), (x, 3), (x, "three")]


def test_equality_and_hashes_are_not_comparisons() -> None:
    x = Value(1.0)
    with listening(compared=lambda v, other: pytest.fail("not compared by value")):
        assert x == x  # noqa: PLR0124  # identity is the point
        assert x in {x}


# ---------------------------------------------------------------------------------------------------------- replayed


def test_a_replay_is_announced_before_it_is_committed() -> None:
    heard: list[tuple[list[float], list[float]]] = []

    def note(nodes: Sequence[Value], data: Mapping[Value, float]) -> None:
        heard.append(([v.data for v in nodes], [data[v] for v in nodes]))

    x = Value(2.0)
    y = x * x + 1
    x.data = 3.0
    with listening(replayed=note):
        y.forward()
    assert heard == [([3.0, 4.0, 5.0], [3.0, 9.0, 10.0])]
    assert y.data == 10.0


def test_a_replay_that_a_listener_stops_changes_no_number() -> None:
    def refuse(nodes: Sequence[Value], data: Mapping[Value, float]) -> None:
        raise LookupError

    x = Value(2.0)
    y = x * x + 1
    x.data = 3.0
    with pytest.raises(LookupError), listening(replayed=refuse):
        y.forward()
    assert [v.data for v in graph_of(y)] == [3.0, 4.0, 5.0]


def test_numeric_gradients_are_not_replays() -> None:
    x = Value(2.0)
    y = x * x
    with listening(replayed=lambda nodes, data: pytest.fail("nothing is committed")):
        faux_gradient(y, x)
        check_gradients(y)
        explain(y)


# ------------------------------------------------------------------------------------------------------------ pulled


def test_pulls_are_announced_newest_first_then_leaves_and_before_anything_is_committed() -> None:
    heard: list[tuple[Value, float, list[float]]] = []

    def note(output: Value, v: Value, part: Callable[[Value], float]) -> None:
        assert output is z
        heard.append((v, part(v), [part(x) for x in (x, y, xy, z)]))
        assert [u.grad for u in graph_of(z)] == [10.0, 0.0, 0.0, 0.0]

    x, y = Value(2.0), Value(5.0)
    x.grad = 10.0
    xy = x * y
    z = xy + x
    with listening(pulled=note):
        z.backward(2.0)
    results, leaves = heard[:2], {v: (own, parts) for v, own, parts in heard[2:]}
    assert results == [(z, 2.0, [2.0, 0.0, 2.0, 2.0]), (xy, 2.0, [12.0, 4.0, 2.0, 2.0])]
    assert leaves == {x: (12.0, [12.0, 4.0, 2.0, 2.0]), y: (4.0, [12.0, 4.0, 2.0, 2.0])}
    assert (x.grad, y.grad, xy.grad, z.grad) == (22.0, 4.0, 2.0, 2.0)


def test_a_leaf_alone_is_announced() -> None:
    heard: list[tuple[Value, Value, float]] = []
    x = Value(2.0)
    with listening(pulled=lambda output, v, part: heard.append((output, v, part(v)))):
        x.backward(3.0)
    assert heard == [(x, x, 3.0)]


@pytest.mark.parametrize("at", range(4))
def test_an_exception_from_a_listener_leaves_every_gradient_as_it_was(at: int) -> None:
    numbers = itertools.count()

    def refuse(output: Value, v: Value, part: Callable[[Value], float]) -> None:
        if next(numbers) == at:
            raise LookupError

    x, y = Value(2.0), Value(5.0)
    z = x * y + x
    z.backward()
    before = [v.grad for v in graph_of(z)]
    with pytest.raises(LookupError), listening(pulled=refuse):
        z.backward()
    assert [v.grad for v in graph_of(z)] == before
    z.backward()
    assert x.grad == 2 * before[0]


def test_a_listener_cannot_start_a_backward_within_a_backward() -> None:
    x = Value(2.0)
    y = x * x
    with pytest.raises(RuntimeError, match="already running"), listening(pulled=lambda output, v, part: y.backward()):
        y.backward()
    assert x.grad == 0.0


def test_listening_changes_no_bit_of_a_gradient() -> None:
    def gradients() -> list[float]:
        x, w = Value(0.3), Value(-1.7)
        y = (x * w).tanh() / (x + 2) + autograd.dot([x, w], [w, w]) + autograd.where(x, w, x) * x
        y.backward()
        return [x.grad, w.grad]

    heard: list[object] = []
    with listening(pulled=lambda *event: heard.append(event), recorded=heard.append):
        listened = gradients()
    assert heard
    assert listened == gradients()


# ------------------------------------------------------------------------------------------------------- differentiated


def test_a_gradient_is_announced_with_its_inputs_before_it_is_returned() -> None:
    heard: list[tuple[Any, ...]] = []
    x, w, other = Value(3.0), Value(2.0), Value(1.0)
    y = x * x * w
    with listening(differentiated=lambda *event: heard.append(event)):
        gradients = autograd.grad(y, [x, (w, other)])
        assert heard == [(y, [x, w, other], [gradients[0], *gradients[1]])]
        y.backward()
    assert len(heard) == 1

    def refuse(*event: Any) -> None:
        raise LookupError

    with pytest.raises(LookupError), listening(differentiated=refuse):
        autograd.grad(y, x)


# ----------------------------------------------------------------------------------------------------- coming and going


def test_listeners_are_called_in_the_order_in_which_they_came_as_long_as_they_listen() -> None:
    heard: list[str] = []
    x = Value(1.0)
    note = heard.append
    with listening(recorded=lambda v: note("outer")):
        with listening(recorded=lambda v: note("inner")):
            x + 1
        x + 1
        with listening(compared=lambda v, other: note("compared")):
            assert x > 0
            x + 1
        assert x > 0
    x + 1
    assert heard == ["outer", "inner", "outer", "compared", "outer"]


def test_one_function_may_listen_twice() -> None:
    heard: list[Value] = []
    x = Value(1.0)
    with listening(recorded=heard.append):
        with listening(recorded=heard.append):
            x + 1
        assert len(heard) == 2
        x + 1
    assert len(heard) == 3


def test_statements_may_end_in_any_order() -> None:
    heard: list[str] = []
    x = Value(1.0)
    first = listening(recorded=lambda v: heard.append("first"))
    second = listening(recorded=lambda v: heard.append("second"))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    x + 1
    second.__exit__(None, None, None)
    assert heard == ["second"]
    assert nobody_listens()


def test_a_statement_that_is_dropped_stops_listening() -> None:
    context = listening(recorded=lambda v: None)
    context.__enter__()
    assert not nobody_listens()
    del context
    assert nobody_listens()


def test_a_listener_may_listen_and_record() -> None:
    heard: list[float] = []

    def note(v: Value) -> None:
        if v.data < 3:
            with listening(recorded=lambda v: heard.append(v.data)):
                v + 1

    with listening(recorded=note):
        Value(1.0) * 2
    assert heard == [3.0]
    assert nobody_listens()


def test_each_thread_that_listens_misses_nothing_while_others_come_and_go() -> None:
    barrier = threading.Barrier(4)
    missed: list[int] = []

    def work() -> None:
        barrier.wait(60)
        here = threading.get_ident()
        for _ in range(300):
            heard: list[Value] = []

            def note(v: Value, heard: list[Value] = heard) -> None:
                if threading.get_ident() == here:
                    heard.append(v)

            x = Value(2.0)
            with listening(recorded=note, pulled=lambda output, v, part: None):
                y = x * x
                y.backward()
            if heard != [y] or x.grad != 4.0:
                missed.append(here)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not missed
    assert nobody_listens()


def test_listeners_hear_other_threads() -> None:
    heard: list[int] = []
    x = Value(1.0)
    with listening(recorded=lambda v: heard.append(threading.get_ident())):
        thread = threading.Thread(target=lambda: x + 1)
        thread.start()
        thread.join()
        x + 1
    assert len(set(heard)) == len(heard) == 2


def test_listeners_of_a_thread_or_task_hear_no_other() -> None:
    heard: list[tuple[str, float]] = []
    x = Value(1.0)

    async def task(name: str, number: float, others: Sequence[asyncio.Event], mine: asyncio.Event) -> None:
        with listening_here(recorded=lambda v: heard.append((name, v.data))):
            mine.set()
            for other in others:
                await other.wait()
            x + number

    async def tasks() -> None:
        a, b = asyncio.Event(), asyncio.Event()
        await asyncio.gather(task("a", 1.0, [b], a), task("b", 2.0, [a], b))

    with listening_here(recorded=lambda v: heard.append(("outer", v.data))):
        thread = threading.Thread(target=lambda: asyncio.run(tasks()))
        thread.start()
        thread.join()
        with listening_here(compared=lambda v, other: heard.append(("inner", v.data))):
            assert x + 3.0 > 0
    x + 5.0
    assert sorted(heard) == [("a", 2.0), ("b", 3.0), ("inner", 4.0), ("outer", 4.0)]
    assert nobody_listens()


def test_ctrl_c_at_any_point_leaves_no_listener_behind() -> None:
    x = Value(2.0)

    def work() -> None:
        with listening(recorded=lambda v: None, compared=lambda v, other: None):
            assert x * x > 0

    for at in itertools.count(1):
        over = not interrupted(work, at)
        assert nobody_listens(), f"after an interrupt at {at}"
        if over:
            break
    assert at > 100


# ------------------------------------------------------------------------------------------------------- unobserved


def every_event(x: Value) -> None:
    y = x * x
    assert y >= 0
    y.forward()
    y.backward()
    grad(y, x)


def everything(heard: list[tuple[Any, ...]]) -> dict[str, Callable[..., object]]:
    """The arguments of `listening` that put each event into a list."""
    return {
        "recorded": lambda *event: heard.append(("recorded", *event)),
        "compared": lambda *event: heard.append(("compared", *event)),
        "replayed": lambda *event: heard.append(("replayed", *event)),
        "pulled": lambda *event: heard.append(("pulled", *event)),
        "differentiated": lambda *event: heard.append(("differentiated", *event)),
    }


def test_an_unobserved_call_raises_no_event_outside() -> None:
    heard: list[tuple[Any, ...]] = []
    x = Value(2.0)
    with listening(**everything(heard)):
        unobserved(every_event)(x)
        assert not heard
        every_event(x)
    assert {event[0] for event in heard} == everything([]).keys()


def test_who_starts_to_listen_in_an_unobserved_call_hears_that_call() -> None:
    inside: list[tuple[Any, ...]] = []
    outside: list[tuple[Any, ...]] = []
    x = Value(2.0)

    @unobserved
    def work() -> None:
        with listening(**everything(inside)):
            every_event(x)
            before = len(inside)
            unobserved(every_event)(x)  # a call of its own
            assert len(inside) == before
            every_event(x)
            assert len(inside) == 2 * before

    with listening(**everything(outside)):
        work()
        assert not outside
        before = len(inside)
        every_event(x)
    assert len(inside) == before > 0
    assert len(outside) > 0


def test_an_unobserved_call_ends_with_its_exception_too() -> None:
    heard: list[Value] = []
    x = Value(2.0)

    @unobserved
    def fail() -> None:
        x * x
        raise LookupError

    with listening(recorded=heard.append):
        with pytest.raises(LookupError):
            fail()
        y = x + 1
    assert heard == [y]


def test_an_unobserved_call_hides_nothing_of_other_threads() -> None:
    inside: list[Value] = []
    outside: list[Value] = []
    x = Value(2.0)

    def other() -> None:
        x * x

    @unobserved
    def work() -> None:
        with listening(recorded=inside.append):
            thread = threading.Thread(target=other)
            thread.start()
            thread.join()

    with listening(recorded=outside.append):
        work()
    assert len(outside) == 1
    assert not inside


def test_an_unobserved_function_keeps_its_name_its_signature_and_its_result() -> None:
    def slope(x: float, *, by: float = 1.0) -> float:
        """Multiply."""
        return x * by

    hidden = unobserved(slope)
    assert (hidden.__name__, hidden.__doc__) == ("slope", "Multiply.")
    assert inspect.signature(hidden) == inspect.signature(slope)
    assert hidden(3.0, by=2.0) == 6.0


def test_ctrl_c_at_any_point_of_an_unobserved_call_hides_nothing_afterwards() -> None:
    x = Value(2.0)
    heard: list[Value] = []

    @unobserved
    def work() -> None:
        with listening(recorded=lambda v: None):
            x * x

    with listening(recorded=heard.append):
        for at in itertools.count(1):
            over = not interrupted(work, at)
            heard.clear()
            y = x + 1
            assert heard == [y], f"after an interrupt at {at}"
            if over:
                break
    assert at > 50
    assert nobody_listens()


def test_nobody_pays_who_does_not_listen() -> None:
    assert nobody_listens()
    with listening(compared=lambda v, other: None, replayed=lambda nodes, data: None, pulled=lambda *event: None):
        assert engine._new_result is engine.new_node  # recording, the hot path, is what it always is
    with listening(recorded=lambda v: None):
        assert engine._new_result is not engine.new_node
    assert nobody_listens()
