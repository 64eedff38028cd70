"""What micrograd's lecture does by hand: steps backward, operands with constants, labels; and what is refused there."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import random
import struct
import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from interrupts import interrupted
from programs import random_graph, same
from reference import OPERATIONS, ROWS
from test_micrograd import both

import autograd
from autograd import Value, _native, engine, grad, nn
from autograd.engine import graph_of, local_gradients
from autograd.events import listening
from autograd.hints import BY_HAND, NOTES, STATE
from autograd.ops import TABLE, Op

ADD_A_ROW = r"autograd\.ops\.Op\("
Untyped: Any = Value  # for calls that type checkers refuse too


def topological(output: Value) -> list[Value]:
    """Return the order in which the lecture walks: depth first, operands before results."""
    order: list[Value] = []
    visited: set[Value] = set()

    def build(v: Value) -> None:
        if v not in visited:
            visited.add(v)
            for operand in v._prev:
                build(operand)
            order.append(v)

    build(output)
    return order


# ------------------------------------------------------------------------------------------------- a step by hand


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_a_step_of_each_row_gives_the_bits_of_backward(op: Op) -> None:
    rng = random.Random(op.name)
    for _ in range(20):
        xs = [Value(rng.uniform(-2, 2)) for _ in range(op.arity or 4)]
        z = OPERATIONS.get(op.name, op)(*xs)
        z.grad = seed = rng.uniform(-2, 2)
        z._backward()
        found = [x.grad for x in xs]
        z.zero_grad()
        z.backward(seed)
        assert all(map(same, found, [x.grad for x in xs]))


def test_a_step_multiplies_the_local_gradient_by_the_gradient_and_adds() -> None:
    x, y = Value(2.0), Value(-3.0)
    z = x * y
    z._backward()
    assert (x.grad, y.grad) == (0.0, 0.0)  # of z, nothing is known yet
    z.grad = 10.0
    x.grad = 1.0
    z._backward()
    assert (x.grad, y.grad, z.grad) == (-29.0, 20.0, 10.0)


def test_a_square_as_a_product_receives_twice() -> None:
    x = Value(3.0)
    y = x * x
    y.grad = 1.0
    y._backward()
    assert x.grad == 6.0
    z = x / x
    x.grad, z.grad = 0.0, 9.0
    z._backward()
    assert x.grad == 0.0  # 3 and -3


def test_a_step_of_dot_sum_and_largest_serves_all_operands() -> None:
    x, y, w = Value(2.0), Value(5.0), Value(7.0)
    z = autograd.dot([x, y, x], [w, 4.0, x])
    z.grad = 1.0
    z._backward()
    assert (x.grad, y.grad, w.grad) == (7.0 + 2.0 + 2.0, 4.0, 2.0)
    assert [v.grad for v in z._prev] == [11.0, 4.0, 11.0, 2.0, 5.0, 11.0]
    for z, grads in [(autograd.sum([x, y, x]), (2.0, 1.0, 0.0)), (autograd.largest([x, w, w]), (0.0, 0.0, 1.0))]:
        x.grad = y.grad = w.grad = 0.0
        z.grad = 1.0
        z._backward()
        assert (x.grad, y.grad, w.grad) == grads


@pytest.mark.parametrize(("x", "exponent", "local"), [(-3.0, 2.0, -6.0), (0.0, -1.0, -math.inf), (-2.0, 3.0, 12.0)])
def test_a_constant_exponent_gets_no_nan(x: float, exponent: float, local: float) -> None:
    """Its derivative is z * log(x), which is nan for x < 0; micrograd does not count the exponent as an operand."""
    base = Value(x)
    y = base**exponent
    y.grad = 2.0
    y._backward()
    assert base.grad == 2 * local and not math.isnan(y._prev[1].grad)
    variable = Value(exponent)
    y = base**variable
    y.grad = 1.0
    y._backward()
    assert math.isnan(variable.grad) == (x < 0)  # that of a Value is what the rule says


def test_zero_grad_reaches_the_constants_of_steps_by_hand() -> None:
    x = Value(3.0)
    y = 2 * x * x + 1
    for _ in range(2):
        y.grad = 1.0
        for v in reversed(topological(y)):
            v._backward()
        assert [v.grad for v in (y._prev[1], y._prev[0]._prev[0]._prev[0])] == [1.0, 9.0]
        y.zero_grad()
        assert not any(v.grad for v in topological(y))


def test_where_no_gradient_passes_a_step_adds_nothing() -> None:
    c, x, y = Value(1.0), Value(2.0), Value(3.0)
    c.grad = x.grad = y.grad = -0.0  # adding anything, even 0.0, would lose the sign
    z = autograd.where(c, x, y)
    z.grad = 5.0
    z._backward()
    assert str(c.grad) == "-0.0" and (x.grad, str(y.grad)) == (5.0, "0.0")
    stopped = autograd.stop_gradient(c)
    stopped.grad = 1.0
    stopped._backward()
    assert str(c.grad) == "-0.0"


def test_a_step_of_a_leaf_does_nothing() -> None:
    x = Value(3.0, "x")
    x.grad = 2.0
    x._backward()
    assert (x.data, x.grad, x._prev) == (3.0, 2.0, ())


def test_a_step_uses_the_numbers_of_now() -> None:
    x, y = Value(2.0), Value(3.0)
    z = x * y
    y.data = 10.0
    z.grad = 1.0
    z._backward()
    assert (x.grad, y.grad) == (10.0, 2.0)


def test_constants_receive_as_in_micrograd() -> None:
    program = """
from micrograd.engine import Value

a, b, c = Value(2.0), Value(-3.0), Value(10.0)
d = a * b + c
e = 2 * d * d + a * 7
f = (e + 5).relu() * (a + b) ** 2 + d * 11

topo, visited = [], set()
def build(v):
    if v not in visited:
        visited.add(v)
        for child in v._prev:
            build(child)
        topo.append(v)

build(f)
f.grad = 1.0
for node in reversed(topo):
    node._backward()
grads = [v.grad for v in (a, b, c, d, e, f)]
constants = sorted((v.data, v.grad) for v in topo if not v._prev and v not in (a, b, c))
"""
    theirs, ours = both(program)
    assert ours["grads"] == theirs["grads"]
    exponent = sum(v.grad for v in ours["topo"] if v._op == "**")  # micrograd keeps the 2 out of the graph
    assert exponent and [pair for pair in ours["constants"] if pair in theirs["constants"]] == theirs["constants"]
    assert len(ours["constants"]) == len(theirs["constants"]) + 1


def by_hand(output: Value, order: Iterable[Value]) -> list[float]:
    """Return the gradients of the graph after a step from each Value of the order, backwards."""
    output.zero_grad()
    output.grad = 1.0
    for v in reversed(list(order)):
        v._backward()
    return [v.grad for v in graph_of(output)]


def test_steps_in_the_lectures_order_give_what_backward_gives() -> None:
    for seed in range(30):  # small integers: every sum is exact, whatever its order
        rng = random.Random(seed)
        nodes: list[Any] = [Value(rng.randrange(-3, 4)) for _ in range(3)]
        for _ in range(12):
            x, y = rng.choice(nodes[-4:]), rng.choice([*nodes[-4:], 2, -1])
            nodes.append(rng.choice([x + y, x - y, x * y, -x, autograd.sum([x, y, x]), autograd.dot([x, 3], [y, x])]))
            if abs(nodes[-1].data) > 1e4:
                nodes[-1] = nodes[-1].relu() * 0.0
        output = nodes[-1]
        found = by_hand(output, topological(output))
        output.zero_grad()
        output.backward()
        assert found == [v.grad for v in graph_of(output)]


def test_steps_in_the_order_of_creation_give_the_bits_of_backward() -> None:
    moved = 0
    for seed in range(60):
        rng = random.Random(seed)
        leaves = [Value(rng.uniform(-3, 3)) for _ in range(4)]
        output = random_graph(rng, leaves, 30)
        nodes = graph_of(output)
        reached = {output}  # backward() leaves out what no gradient reaches, where 0 * inf would be nan
        for v in reversed(nodes):
            if v in reached:
                reached |= {x for x, d in zip(v.args, local_gradients(v)) if isinstance(x, Value) and d is not None}
        found = by_hand(output, [v for v in nodes if v in reached])
        output.zero_grad()
        output.backward()
        assert all(map(same, found, [v.grad for v in nodes])), seed
        moved += sum(x != 0 for x in found)
    assert moved > 300


def test_a_step_that_fails_changes_nothing() -> None:
    def fails(g: Any, z: Any, x: Any, y: Any) -> Any:
        raise LookupError("no rule today")

    first = Op("first_of_two({}, {})", lambda x, y: x * 2, lambda g, z, x, y: g * 2, fails)
    try:
        x, y = Value(1.0), Value(2.0)
        z = first(x, y)
        z.grad = 1.0
        with pytest.raises(LookupError, match="no rule today"):
            z._backward()
        assert (x.grad, y.grad) == (0.0, 0.0)
    finally:
        del TABLE["first_of_two"]
        delattr(Value, "first_of_two")


def test_ctrl_c_comes_before_or_after_a_step() -> None:
    x, y = Value(2.0), Value(5.0)
    z = autograd.dot([x, y, x], [y, 4.0, x])
    before, after, at = (0.0, 0.0), (9.0, 6.0), 1
    seen = set()
    while True:
        x.grad = y.grad = 0.0
        z.grad = 1.0
        over = not interrupted(z._backward, at)
        assert (x.grad, y.grad) in (before, after), f"after an interrupt at {at}"
        seen.add((x.grad, y.grad))
        if over:
            break
        at += 1
    assert seen == {before, after}


def test_a_step_and_a_backward_do_not_mix() -> None:
    x = Value(2.0)
    y = x * x
    with pytest.raises(RuntimeError, match="already running"), listening(pulled=lambda output, v, part: y._backward()):
        y.backward()
    assert x.grad == 0.0
    steps: list[Value] = []

    def starts_a_step(g: Any, z: Any, x: Any) -> Any:
        for v in steps:
            v._backward()
        return g

    nested = Op("nested_step({})", lambda x: x, starts_a_step)
    try:
        z = nested(x)
        steps.append(y)
        for start in (z.backward, z._backward):
            with pytest.raises(RuntimeError, match="already running"):
                start()
        assert x.grad == 0.0
    finally:
        del TABLE["nested_step"]
        delattr(Value, "nested_step")


def test_steps_in_threads_lose_no_gradient() -> None:
    x = Value(1.0)
    old = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def work() -> None:
        y = x * 3.0
        y.grad = 1.0
        for _ in range(500):
            y._backward()
            (x * 2.0).backward()

    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(old)
    assert x.grad == 4 * 500 * 5.0


# ----------------------------------------------------------------------------------------------- operands as leaves


def test_operands_come_in_order_with_constants_as_leaves() -> None:
    x = Value(3.0)
    for z, data in [(2 * x, [2, 3]), (x - 1, [3, 1]), (x**2, [3, 2]), (autograd.dot([x, 1], [4, x]), [3, 1, 4, 3])]:
        assert type(z._prev) is tuple and [v.data for v in z._prev] == data
        for v, operand in zip(z._prev, z.args, strict=True):
            assert v is operand if isinstance(operand, Value) else (v.op, v.grad, v.label) == (None, 0.0, "")
    assert (x * x)._prev == (x, x) and x.tanh()._prev == (x,)


def test_constants_are_the_same_at_each_access_while_the_node_lives() -> None:
    x = Value(3.0)
    y = 2 * x + 1
    again = [v for _ in range(3) for v in (*y._prev, *y._prev[0]._prev)]
    assert again[:4] == again[4:8] == again[8:]
    assert again[1].data == 1.0 and again[2].data == 2.0
    y._backward()
    y.backward()
    y.forward()
    copy.deepcopy(y)
    assert y._prev == tuple(again[:2])
    assert (2 * x)._prev[0] is not (2 * x)._prev[0]


def values_alive() -> int:
    if engine.NATIVE:
        return int(_native.core.memory()[0])
    return sum(type(x) is Value for x in gc.get_objects())


def test_constants_become_leaves_only_once_asked_for_and_end_with_the_node() -> None:
    x = Value(3.0)
    gc.collect()
    start = values_alive()
    gc.disable()
    try:
        y = 2 * x + 1
        y.backward()
        y.forward()
        pickle.dumps(y), repr(y), autograd.explain(y), grad(y, x)
        assert values_alive() == start + 2
        assert y._prev and y._prev[0]._prev
        assert values_alive() == start + 4
        ends = [weakref.ref(v) for v in (y, y._prev[0], y._prev[1], y._prev[0]._prev[0])]
        del y
        assert [end() for end in ends] == [None] * 4
        kept = len(engine._prev_of)
        square = x * x
        assert square._prev and x._prev == () and len(engine._prev_of) == kept
        del square
        assert values_alive() == start
    finally:
        gc.enable()


def test_a_deep_graph_with_constants_as_leaves_is_freed_at_once() -> None:
    y = x = Value(1.0)
    gc.collect()
    start = values_alive()
    gc.disable()
    try:
        for _ in range(50_000):
            y = y * 1.0
        node, constants = y, 0
        while node._prev:
            constants += node._prev[1].data == 1.0
            node = node._prev[0]
        assert constants == 50_000 and node is x
        del y, node
        assert values_alive() == start
    finally:
        gc.enable()


def test_a_node_is_as_large_as_its_slots() -> None:
    slots = 10 if sys.version_info < (3, 12) else 9  # that of weak references stands before the object from then on
    if engine.NATIVE:
        slots = 9
    assert Value.__basicsize__ == object.__basicsize__ + struct.calcsize("P") * slots
    assert sys.getsizeof(Value(1.0) * 2) == sys.getsizeof(Value(1.0))
    assert not hasattr(Value(1.0), "__dict__")


def test_constants_as_leaves_are_no_part_of_the_graph() -> None:
    neuron = nn.Neuron(1, weights=[0.5])
    y = (neuron(2.0) - 0.7) ** 2
    nodes, parameters = graph_of(y), neuron.parameters()
    constants = [v for node in nodes for v in node._prev if v not in nodes]
    assert sorted(v.data for v in constants) == [0.7, 2.0, 2.0]
    assert graph_of(y) == nodes and neuron.parameters() == parameters
    assert all(type(x) is float or x in nodes for v in nodes for x in v.args)
    y.backward()
    assert [v.grad for v in constants] == [0.0] * 3
    constants[0].data = 100.0
    assert y.forward().data == y.data < 1.0
    assert [copied.data for copied in graph_of(copy.deepcopy(y))] == [v.data for v in nodes]


def test_threads_get_the_same_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    y = 2 * Value(3.0)
    other_thread: list[tuple[Value, ...]] = []

    def meanwhile(v: Value, *callback: Any) -> weakref.ref[Value]:
        if callback:  # the first thread has made its leaves, and is about to keep them
            monkeypatch.undo()
            other_thread.append(y._prev)
        return weakref.ref(v, *callback)

    monkeypatch.setattr(engine, "ref", meanwhile)
    assert y._prev == other_thread[0] == y._prev


# ------------------------------------------------------------------------------------ how an operation is added here


@pytest.mark.parametrize(
    "slip",
    [
        lambda x: setattr(x, "_backward", lambda: None),
        lambda x: setattr(x * 2, "_backward", lambda: None),
        lambda x: setattr(x, "_prev", {x}),
        lambda x: setattr(x * 2, "_prev", (x,)),
        lambda x: setattr(x * 2, "_op", "double"),
        lambda x: Untyped(x.data * 2, (x,), "double"),
        lambda x: Untyped(x.data * 2, {x}, "double"),
        lambda x: Untyped(x.data * 2, _children=(x, x), _op="+"),
        lambda x: Untyped(x.data * 2, (x,)),
        lambda x: Untyped(x.data * 2, (), "double"),
        lambda x: Untyped(x.data * 2, _op="double"),
        lambda x: Untyped(x.data * 2, [x], label="double"),
        lambda x: Untyped(x.data * 2, children=(x,)),
        lambda x: Untyped(x.data * 2, parents=(x, x), op="+"),
        lambda x: Untyped(x.data * 2, prev=(x,), label="double"),
        lambda x: Untyped(x.data * 2, _prev=(x,)),
        lambda x: Untyped(x.data * 2, (x,), "double", _backward=lambda: None),
        lambda x: Untyped(x.data * 2, local_grads=(2.0,)),
        *[lambda x, name=name: setattr(x * 2, name, ()) for name in BY_HAND],
        lambda x: type("Mine", (Value,), {}),
    ],
)
def test_an_operation_made_by_hand_is_told_to_be_a_row(slip: Callable[[Value], object]) -> None:
    x = Value(1.5)
    with pytest.raises((AttributeError, TypeError), match=ADD_A_ROW):
        slip(x)
    assert (x.data, x.grad, x.label, x._prev) == (1.5, 0.0, "", ())


def test_the_row_in_the_message_works() -> None:
    with pytest.raises(AttributeError) as problem:
        Untyped(1.0)._backward = lambda: None
    row = str(problem.value).partition("as a row, autograd.ops.")[2].rpartition(": its formula")[0]
    try:
        cube = eval(row, {"Op": Op})
        x = Value(2.0)
        cube(x).backward()
        assert (cube(x).data, x.grad, x.cube().data) == (8.0, 12.0, 8.0)  # type: ignore[attr-defined]
    finally:
        del TABLE["cube"]
        delattr(Value, "cube")


@pytest.mark.parametrize(
    "leaf",
    [
        lambda: Value(2, (), ""),
        lambda: Value(2, ()),
        lambda: Untyped(2, set(), ""),
        lambda: Value(2, _children=()),
        lambda: Value(2, _children=(), _op=""),
        lambda: Value(2, _op=""),
        lambda: Value(2, None),
        lambda: Value(2, label=None),
        lambda: Value(2, ""),
    ],
)
def test_a_leaf_as_micrograd_writes_it(leaf: Callable[[], Value]) -> None:
    assert (leaf().data, leaf().op, leaf().args, leaf().label) == (2.0, None, (), "")


def test_a_label_stands_second_or_where_the_lecture_has_it() -> None:
    for x in (Value(3, "x"), Value(3, label="x"), Value(3, (), "", "x"), Value(3, (), label="x")):
        assert (x.data, x.label) == (3.0, "x")
    for slip in (lambda: Value(3, "x", label="y"), lambda: Untyped(3, 7), lambda: Untyped(3, label=7)):
        with pytest.raises(TypeError, match="label"):
            slip()


def test_other_arguments_are_refused_with_what_to_write() -> None:
    for name, instead in (
        ("name", "write label"),
        ("requires_grad", "every leaf"),
        ("grad", "v.grad"),
        ("dtype", "64 bits"),
    ):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'; .*{instead}"):
            Untyped(2.0, **{name: "a"})
    with pytest.raises(
        TypeError, match=r"^Value.. takes a number and a label: got an unexpected keyword argument 'lable'$"
    ):
        Untyped(2.0, lable="a")


# --------------------------------------------------------------------------------------------------- labels, gradients


def test_an_unset_label_reads_as_the_empty_string() -> None:
    x = Value(0.5)
    assert x.label == (x * 2).label == x.tanh().label == autograd.sum([x]).label == grad(x * x, x).label == ""
    x.label = "x"
    x.label = None
    assert x.label == "" and repr(x) == "Value(data=0.5, grad=0.0)"
    x.label = ""
    assert repr(x) == "Value(data=0.5, grad=0.0)"
    for copied in (copy.copy(x), copy.deepcopy(x * 2), pickle.loads(pickle.dumps(x * 2))):
        assert copied.label == ""


def test_pickles_with_none_for_a_label_load() -> None:
    pickling = autograd.pickling
    leaf = pickling._node(None, 2.0, 1.0, None)
    result = pickling._node(TABLE["mul"], 6.0, 1.0, None, leaf, 3.0)
    assert (leaf.label, result.label, leaf.grad, result.args) == ("", "", 1.0, (leaf, 3.0))
    data = b"\x80\x04cautograd.pickling\n_node\n(NG@\x08\x00\x00\x00\x00\x00\x00G\x00\x00\x00\x00\x00\x00\x00\x00NtR."
    assert repr(pickle.loads(data)) == "Value(data=3.0, grad=0.0)"


def test_a_gradient_of_none_is_zero() -> None:
    x = Value(3.0)
    y = x * x
    y.backward()
    for v in (x, y):
        v.grad = None
        assert v.grad == 0.0 and type(v.grad) is float
    y.backward()
    assert x.grad == 6.0


# ------------------------------------------------------------------------------------------ the state of an optimizer


@pytest.mark.parametrize("name", STATE)
def test_the_state_of_an_optimizer_is_kept_in_a_dict(name: str) -> None:
    p = Value(1.0)
    for slip in (lambda: setattr(p, name, 0.0), lambda: getattr(p, name), lambda: delattr(p, name)):
        with pytest.raises(AttributeError, match=rf"dict by the Value.*{name}\[p\].*autograd\.optim") as problem:
            slip()
        assert problem.value.name == name and problem.value.obj is p
    assert not hasattr(p, name) and not hasattr(Value, name) and getattr(p, name, 5.0) == 5.0
    assert name not in dir(p) and {"data", "grad", "label", "tanh"} <= set(dir(p))
    assert copy.copy(p).data == pickle.loads(pickle.dumps(p)).data == 1.0


@pytest.mark.parametrize("name", NOTES)
def test_what_drawings_and_searches_keep_is_kept_in_a_dict(name: str) -> None:
    v = Value(1.0) * 2
    with pytest.raises(
        AttributeError, match=rf"no room for '{name}': keep it in a dict by the Value, {name} ="
    ) as problem:
        setattr(v, name, "red")
    line = str(problem.value).partition("by the Value, ")[2].partition(" and ")[0]
    names: dict[str, Any] = {"v": v}
    exec(f"{line}\n{name}[v] = 'red'", names)
    assert names[name] == {v: "red"} and not hasattr(v, name) and name not in dir(v)


def test_the_dict_in_the_message_works() -> None:
    parameters = [Value(1.0), Value(2.0)]
    with pytest.raises(AttributeError) as problem:
        parameters[0].m = 0.0  # type: ignore[attr-defined]
    line = str(problem.value).partition("by the Value, ")[2].partition(" and ")[0]
    names: dict[str, Any] = {"parameters": parameters}
    exec(line, names)
    assert names["m"] == {parameters[0]: 0.0, parameters[1]: 0.0}


def test_an_operation_may_have_the_name_of_a_state() -> None:
    velocity = Op("velocity({})", lambda x: x * 2, lambda g, z, x: g * 2)
    try:
        x = Value(3.0)
        assert velocity(x).data == x.velocity().data == 6.0 and "velocity" in dir(x)  # type: ignore[attr-defined]
    finally:
        del TABLE["velocity"]
        delattr(Value, "velocity")
    with pytest.raises(AttributeError, match="dict"):
        Value(1.0).velocity = 0.0  # type: ignore[attr-defined]


def test_attributes_with_names_that_nobody_knows_are_refused_by_python() -> None:
    with pytest.raises(AttributeError, match="no attribute 'my_own'"):
        Value(1.0).my_own = "red"  # type: ignore[attr-defined]
    assert engine.Value.__setattr__ is object.__setattr__ and not hasattr(Value, "__getattr__")  # they would cost
