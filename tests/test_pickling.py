"""Copies and pickles: in threads, by several picklers at once, nested, and after failures.

What a copy of one graph holds is tested with the edge cases and the properties; its depth with the semantics.
"""

from __future__ import annotations

import copy
import gc
import io
import itertools
import pickle
import random
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from interrupts import interrupted

from autograd import Value, nn, pickling
from autograd.engine import graph_of
from autograd.ops import Op

PICKLERS = [pickle.Pickler, pickle._Pickler]  # in C, and in Python
COPIES: list[Callable[[Any], Any]] = [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]


def described(values: list[Value]) -> list[object]:
    """Describe the graph of some Values, with nodes by their places: equal for a copy that shares what they share."""
    place: dict[Value, int] = {}
    waiting = values[::-1]
    while waiting:
        v = waiting.pop()
        if v not in place:
            place[v] = len(place)
            waiting += [x for x in v.args if isinstance(x, Value)]

    def operands(v: Value) -> list[object]:
        return [(place[x],) if isinstance(x, Value) else x for x in v.args]

    return [[place[v] for v in values], *((v.data, v.grad, v.label, v.op, operands(v)) for v in place)]


def chain(length: int) -> list[Value]:
    values = [Value(0.5, "x")]
    for _ in range(length):
        values.append(values[-1] * values[0] + 1.0)
    return values


def random_values(rng: random.Random, size: int) -> list[Value]:
    values = [Value(rng.random(), f"x{i}") for i in range(3)]
    for _ in range(size):
        x, y = rng.choice(values), rng.choice(values[-6:])
        values.append(rng.choice([x + y, x * y, (x - 1.0).tanh(), -y]))
    return values


class Stream:
    """A pickler that stays, and what a reader makes of all that it has written."""

    def __init__(self, pickler: Any, protocol: int) -> None:
        self.file = io.BytesIO()
        self.pickler = pickler(self.file, protocol)
        self.written: list[Value] = []

    def write(self, *values: Value) -> None:
        self.pickler.dump(values)
        self.written += values

    def read(self) -> list[Value]:
        reader = pickle.Unpickler(io.BytesIO(self.file.getvalue()))
        found: list[Value] = []
        while len(found) < len(self.written):
            found += reader.load()
        return found


@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
def test_a_copy_was_created_in_the_same_order(copied: Callable[[Any], Any]) -> None:
    for seed in range(20):
        output = random_values(random.Random(seed), 30)[-1]
        described_in_order = [[(v.data, v.op, len(v.args)) for v in graph_of(y)] for y in (output, copied(output))]
        assert described_in_order[0] == described_in_order[1]


@pytest.fixture
def eager_switches() -> Iterator[None]:
    """Let the interpreter switch between threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switches")
@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
def test_threads_that_copy_one_graph_do_not_disturb_each_other(copied: Callable[[Any], Any]) -> None:
    values = random_values(random.Random(0), 40)
    want, failures = described(values[-8:]), []

    def work() -> None:
        for _ in range(60):
            try:
                if described(copied(values[-8:])) != want:
                    failures.append("not the same graph")
            except Exception as problem:
                failures.append(repr(problem))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(("pickler", "length"), [(PICKLERS[0], 5_000), (PICKLERS[1], 1_000)])
def test_an_older_pickler_alive_costs_no_depth(pickler: Any, length: int) -> None:
    values = chain(length)
    older, newer = Stream(pickler, 5), Stream(pickler, 5)
    for v in values:
        older.write(v)  # one by one
    newer.write(values[-1])
    newer.write(*values)
    for twins in (older.read(), newer.read()[1:], pickle.loads(pickle.dumps(values)), copy.deepcopy(values)):
        assert all(twin.args[0].args == (before, twins[0]) for before, twin in itertools.pairwise(twins))


def test_many_older_picklers_cost_neither_depth_nor_memory() -> None:
    values = chain(300)
    streams = [Stream(pickle.Pickler, 5) for _ in values]
    for stream, v in zip(streams, values):
        stream.write(v)
    assert all(described(stream.read()) == described([v]) for stream, v in zip(streams[::50], values[::50]))
    for stream in streams[::10]:
        stream.write(values[-1])
    assert all(described(stream.read()) == described(stream.written) for stream in streams[::70])
    remembered = sum(len(each.place) for each in gc.get_objects() if isinstance(each, pickling._Pickle))
    assert remembered <= 4 * len(graph_of(values[-1]))


@pytest.mark.slice
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("pickler", PICKLERS)
def test_interleaved_pickles_share_within_each_and_nothing_between(pickler: Any, protocol: int) -> None:
    rng = random.Random(protocol)
    for _ in range(20):
        values = random_values(rng, 30)
        streams = [Stream(pickler, protocol) for _ in range(3)]
        for _ in range(12):
            rng.choice(streams).write(*rng.sample(values, rng.randint(1, 4)))
            if rng.random() < 0.3:
                pickle.dumps(rng.choice(values))
            if rng.random() < 0.3:
                copy.deepcopy(rng.choice(values))
        for stream in streams:
            assert described(stream.read()) == described(stream.written)


@pytest.mark.parametrize("base", PICKLERS)
def test_a_pickler_within_a_pickler(base: Any) -> None:
    """One that pickles or copies whatever passes by, as to measure it."""
    sizes: list[int] = []
    kept: list[Stream] = []

    class Measuring(base):  # type: ignore[misc]
        def persistent_id(self, obj: Any) -> None:
            if type(obj) is Value:
                sizes.append(len(pickle.dumps(obj)))
                copy.deepcopy(obj)
                kept[0].write(obj)

    for seed in range(10):
        values = random_values(random.Random(seed), 30)
        kept[:] = [Stream(base, 5)]
        stream = Stream(Measuring, 5)
        stream.write(*values[-3:])
        stream.write(*values)
        assert described(stream.read()) == described(stream.written)
        assert described(kept[0].read()) == described(kept[0].written)
    assert sizes


def test_a_pickler_with_a_dispatch_table_of_its_own() -> None:
    values = chain(5_000)
    file = io.BytesIO()
    pickler = pickle.Pickler(file)
    pickler.dispatch_table = {}
    pickler.dump(values[-1])
    for _ in range(10):
        values[0] * 2.0  # the order of creation goes on
    twin = pickle.loads(file.getvalue())
    assert described([twin]) == described(values[-1:])
    (twin * twin.args[0]).backward()


def test_after_a_failure_in_the_middle_the_next_pickle_is_right() -> None:
    values = chain(50)
    bad = Op("unpicklable({})", lambda x: x, lambda g, z, x: g)
    y = bad(values[-1])
    top = y * values[10]
    older = Stream(pickle.Pickler, 5)
    older.write(values[20])
    for _ in range(3):
        with pytest.raises((pickle.PicklingError, TypeError)):
            Stream(Refusing, 5).write(top)
        assert described(pickle.loads(pickle.dumps(values))) == described(values)
        assert described(copy.deepcopy([top, y])) == described([top, y])
    older.write(*values)
    assert described(older.read()) == described(older.written)


class Refusing(pickle.Pickler):
    """A pickler that fails at an operation."""

    def persistent_id(self, obj: Any) -> None:
        if isinstance(obj, Op) and obj.name == "unpicklable":
            raise pickle.PicklingError("not this one")


@pytest.mark.parametrize("copied", COPIES, ids=["deepcopy", "pickle"])
def test_ctrl_c_at_any_time_leaves_the_next_copy_right(copied: Callable[[Any], Any]) -> None:
    values = random_values(random.Random(1), 6)
    want = described(values)
    older = Stream(pickle.Pickler, 5)
    older.write(values[-1])
    for at in itertools.count(1, 29):
        over = not interrupted(lambda: copied(values), at)
        assert described(copied(values)) == want
        if over:
            break
    assert at > 500
    older.write(*values)
    assert described(older.read()) == described(older.written)


def test_nothing_is_kept_of_a_pickle_but_by_its_pickler() -> None:
    gc.disable()
    try:
        values = chain(10)
        watched = [weakref.ref(v) for v in values]
        pickle.dumps(values[-1])
        copy.deepcopy(values[-1])
        older, stream = Stream(pickle.Pickler, 5), Stream(pickle.Pickler, 5)
        older.pickler.dump(chain(10)[-1])
        pickle.dumps(values[-2])
        stream.pickler.dump(values[-1])
        del values
        assert [watch() is None for watch in watched] == [False] * len(watched)
        stream.pickler.clear_memo()
        assert [watch() is None for watch in watched] == [True] * len(watched)
    finally:
        gc.enable()


@pytest.mark.parametrize("operands", [1, 3, 4])
def test_an_operation_that_takes_other_operands_than_in_the_pickle_is_refused(operands: int) -> None:
    def define(n: int) -> Op:
        rules: dict[int, Any] = {
            1: lambda g, z, x: g,
            2: lambda g, z, x, y: g,
            3: lambda g, z, x, y, u: g,
            4: lambda g, z, x, y, u, v: g,
        }
        return Op(f"changing({', '.join(['{}'] * n)})", lambda *xs: xs[0], *[rules[n]] * n)

    x = Value(2.0)
    saved = pickle.dumps(define(2)(x, 3.0))
    define(operands)
    said = f"changing with 2 operands is to be loaded, but changing takes {operands} here"
    with pytest.raises(TypeError, match=said):
        pickle.loads(saved)
    define(2)
    assert pickle.loads(saved).args[1] == 3.0


def test_a_network_and_its_loss_stay_one() -> None:
    model = nn.MLP(2, [3, 1])
    loss = nn.mse([model([0.5, -1.0])], [1.0])
    for copied in COPIES:
        for first, second in ((model, loss), (loss, model)):
            twins = copied([first, second])
            network = next(twin for twin in twins if isinstance(twin, nn.MLP))
            result = next(twin for twin in twins if isinstance(twin, Value))
            result.backward()
            assert any(p.grad for p in network.parameters())
            assert set(network.parameters()) <= set(graph_of(result))


def test_a_shallow_copy_shares_its_operands_while_a_pickle_is_kept() -> None:
    values = chain(5)
    stream = Stream(pickle.Pickler, 5)
    for v in values:
        stream.write(v)
        twin = copy.copy(v)
        assert twin is not v and twin.args == v.args and described([twin]) == described([v])
    assert described(stream.read()) == described(stream.written)


class Note(str):
    """A text that refers to a Value."""

    about: Value


def test_a_label_is_plain_text_and_keeps_no_value() -> None:
    values = chain(30)
    values[25].label = note = Note("after")
    note.about = values[10] * 2.0
    end = weakref.ref(note.about)
    assert values[25].label == "after" and type(values[25].label) is str
    del note
    assert end() is None
    assert described(pickle.loads(pickle.dumps(values))) == described(values)
