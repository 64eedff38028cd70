"""Two engines, one behaviour: the same programs on the engine in Python and on the native core, with equal transcripts.

What may differ is what no program needs: the sign of nan, the implicit context of an exception, a second `__init__`,
`object.__new__(Value)`, private slots (`_data`, `_made_by`, ...), unbound methods on something else than a Value, a
wrong number of arguments for a special method that is called by its name, and the documentation of these methods; and
what NumPy warns of when it loops over an array of Values, because it reads the processor's flags.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_programs import LABELS, NUMBERS, USERS_ROWS, WRONG, phrases, random_program
from reference import ROWS
from two_engines import NATIVE, PURE, Engine, Pair, Program, environment, need_core, shortened

from autograd.hints import ATTRIBUTES, BY_HAND, NOTES, STATE
from autograd.ops import Op


@pytest.fixture(scope="module")
def pure() -> Iterator[Engine]:
    """Start the engine in Python."""
    engine = Engine(PURE)
    assert not engine.is_native
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def engines(pure: Engine) -> Iterator[Pair]:
    """Start both engines."""
    need_core()
    native = Engine(NATIVE)
    assert native.is_native
    yield Pair(pure, native)
    native.close()


@given(st.integers(0, 2**64))
@settings(max_examples=200)
def test_random_programs_do_the_same(engines: Pair, seed: int) -> None:
    """Hypothesis chooses the seed only: a program is shortened by its statements, which is much faster.

    The campaign `engines` runs as many programs as there is time for.
    """
    engines.check(random_program(random.Random(seed)))


# ------------------------------------------------------------------------------------------------ programs by topic


X = "v0 = Value(0.75, 'x')"
EACH = [X, "v1 = Value(-1.5)", "v2 = v0 * v1"]

TOPICS: dict[str, Program] = {
    "numbers as operands": [*EACH, *[f"v3 = v2 * {x} + {x} ** v2" for x in NUMBERS], "v3.backward()"],
    "other operands": [
        line
        for x in WRONG
        for line in (*EACH, f"v3 = v2 + {x}", f"v3 = {x} - v2", f"v3 = ag.atan2({x}, v2)", f"v2 < {x}")
    ],
    "other operands of sums": [
        line
        for x in WRONG
        for line in (*EACH, f"ag.sum([v0, {x}])", f"ag.largest([{x}, v0, v1])", f"ag.dot([{x}], [v0])")
    ],
    "construction": [f"v0 = Value({x})" for x in [*NUMBERS, *WRONG]],
    "data": [*EACH, *[f"v0.data = {x}" for x in [*NUMBERS, *WRONG]], *[f"v2.data = {x}" for x in NUMBERS], "v0.data"],
    "gradients": [*EACH, *[f"v2.grad = {x}; v2.grad" for x in [*NUMBERS, *WRONG]], "v2.grad"],
    "labels": [
        *EACH,
        *[line for x in LABELS for line in (f"v2.label = {x}", f"v3 = Value(1, {x})", f"v3 = Value(1, (), '', {x})")],
        *[f"v3 = Value(1, label={x})" for x in LABELS],
        *("v2.label = Label('own'); v2.label.note = 3", "v2.label.note", "type(v2.label)", "repr(v2)"),
    ],
    "seeds": [*EACH, *[f"v2.backward({x}); v0.grad" for x in [*NUMBERS, *WRONG]], "v2.backward(seed=2, other=1)"],
    "a leaf": [
        X,
        *phrases("""
            v0.backward()  v0.forward()  v0._backward()  v0._prev  v0.args  v0._op  v0.op  v0.zero_grad()
        """),
    ],
    "a changed leaf": [
        *EACH,
        *phrases("""
            v3 = v2.tanh()  v0.data = 2  v3.backward()  v3.backward()  v3.forward()  v3.backward()  v2.data = 7
            v3.backward()  v3.forward()  v4 = v0 * 2  v4.backward()  v1.data = 1  grad(v3, v0)  ag.to_text(v3)
            explain(v3)  check_gradients(v3)  ag.draw(v3)  v3._backward()  ag.jvp([v3], [v0], [1.0])  v4.backward()
            v5 = copy.deepcopy(v3)  v5.backward()  v6 = pickle.loads(pickle.dumps(v3))  v6.backward()  v6.forward()
        """),
    ],
    "choices": [
        *EACH,
        *phrases("""
            v3 = max(v0, v1) * 3  v4 = v0 * 2 if v0 > 0 else v1  v0.data = -2  v3.forward()  v4.forward()  v0 < v1 < v2
            v5 = sorted([v0, v1, v2])[0]  check_gradients(v3)  explain(v3)  ag.compile(v3, [v0, v1])
        """),
    ],
    "operands by name": [
        *EACH,
        *phrases("""
            v3 = ag.tanh(x=v0)  v3 = ag.atan2(y=v0, x=v1)  v3 = v0.clip(low=0.0)  v3 = ag.clip(v0, high=v1)
            v3 = ag.leaky_relu(v1, slope=v0)  v3 = v1.elu(alpha=2)  v3 = ag.max([], default=v0)
            v3 = ag.max(v0, default=1)  v3 = ag.sum(values=[v0])  v3 = ag.dot(xs=[v0], ys=[v1])
            v3 = ag.where(c=v0, x=v1, y=2)  ag.where(v0 > 0, 1, v1)  v0.max()  v0.max(1, 2, v1)  v0.tanh(1)
            v0.tanh(x=1)  v0.clip(1, 2, 3)  v0.where(v1)  ag.mul(v0, z=1)  v0.round(1)  v0.sum()  v0.backward(1, 2)
            v0.forward(1)  v0.zero_grad(1)  v0._backward(1)
        """),
    ],
    "sums of many": [
        *EACH,
        *(f"v3 = ag.{f}([v0, 1, v1, 0.5] * {n})" for f in ("sum", "largest", "smallest") for n in (1, 2, 50, 3000)),
        *(f"v3 = ag.dot([v0, 1, v1, 0.5] * {n}, [v2, v0, 3, 1] * {n})" for n in (1, 2, 50, 3000)),
        *phrases("""
            v3.backward()  v4 = ag.sum([])  v4 = ag.dot([], [])  ag.largest([])  v4 = ag.sum([v0])  v4 = ag.sum([2])
            v5 = ag.sum(v for v in [v0, v1])  v5 = ag.dot((v0, v1), iter([1, 2]))  ag.dot([v0], [])  ag.sum(v0)
            v5 = ag.sum({v0: 1})  v5 = ag.sum(np.array([v0, v1]))  ag.sum('ab')  ag.sum([[v0]])  v5._prev
            v6 = ag.largest([v0, v0, v0, v1])  v6.backward()  v6 = ag.sum([math.nan, v0])  ag.sum([v0, None, 'x'])
        """),
    ],
    "conversions": [
        *EACH,
        *phrases("""
            bool(v0)  float(v0)  int(v0)  complex(v0)  round(v0)  round(v0, 2)  math.floor(v0)  math.trunc(v0)
            math.ceil(v0)  math.tanh(v0)  range(v0)  [1][v0]  f'{v0:.3f}'  f'{v0}'  f'{v0!r:>40}'  f'{v0:x}'
            '%.2f' % v0  str(v0)  repr(v2)  v0 == 1  v0 == v0  v0 == v1  v0 != 1.0  v0 == 'a'  v0 == None  v0 in [1, v0]
            v0 in [v1]  1 == v0  v0 == True  v0 == Fraction(1)  v0 == np.float64(1)  v0 == Decimal(1)  v0 != v1
            v0 == 1j  {v0: 1}[v0]  v0 and v1  not v0  len(v0)  v0()  v0[0]  iter(v0)  v0 @ v1  ~v0  v0 | v1  -v0
            +v0 is v0  ascii(v0)  bytes(v0)  divmod(v0, v1)  divmod(1, v0)  math.isnan(v0)  math.hypot(v0, 1)
            np.float64(v0)  np.array([v0], float)  v0 is v0  sum([v0, v1])  math.fsum([v0])  math.prod([v0, v1])
            max([v0, v1])  min(v0, 2)  sorted([v0, v1, 0])  isinstance(v0, (int, float))  operator.index(v0)
            pow(v0, 2)  pow(v0, 2, 3)  pow(2, v0, 3)  pow(v0, v1, None)  pow(v0, 'a', 3)  pow(v0, v1, v2)
            hash(v0) == hash(v0)  v0.__hash__() == object.__hash__(v0)
        """),
    ],
    "in place": [*EACH, *[f"v3 = v2\nv3 {sign}= v0" for sign in phrases("+  -  *  /  **  %  //  @  <<  &")]],
    "hints": [
        X,
        *[line for name in [*ATTRIBUTES, *STATE, *NOTES, *BY_HAND] for line in (f"v0.{name}", f"v0.{name} = 1")],
    ],
    "attributes that are not there": [
        *EACH,
        *phrases("""
            v0.foo  v0.foo = 1  del v0.foo  del v0.data  del v0.label  del v0.grad  v2.args = ()  v2.op = None
            v2._prev = ()  v2._op = '+'  v2._backward = len  v0.tanh = 1  del v0.tanh  v0.__dict__  vars(v0)
            v0.__class__ = int  v0.backward = 1  v0.__doc__ = ''  Value.foo  v0.tnh  getattr(v0, 'item', 3)
        """),
        *[
            f"try: {slip}\nexcept AttributeError as problem: print(traceback.format_exception_only(problem))"
            for slip in ("v0.tnh", "v0.backwards()", "v0.lable = 3", "Value.tnh")
        ],
    ],
    "subclasses": ["type('Mine', (Value,), {})", "type('Mine', (Value, int), {})", "class Mine(Value): pass"],
    "steps by hand": [
        *EACH,
        *phrases("""
            v3 = 2 * v2 ** 2  v3.grad = 1  v3._backward()  v3._prev  v3._prev[0].grad  v2._backward()  v1._backward()
            [v.grad for v in v3._prev]  v3.zero_grad()  [v.grad for v in v3._prev]  v3._prev is v3._prev  v2._prev
            v4 = ag.where(v0, v1, 2)  v4.grad = 3  v4._backward()  v5 = (-v0) ** 2  v5.grad = 1  v5._backward()
            v6 = ag.dot([v0, 1], [2, v1])  v6.grad = 1  v6._backward()  [v.grad for v in v6._prev]
            callable(v6._backward)
        """),
    ],
    "copies": [
        *(
            X,
            "v1 = Value(2, Label('own'))",
            "v2 = v0 * v1 + 1",
            "v2.backward()",
            "v3 = ag.sum([v2, v0, 3])",
            "v3.label = 'loss'",
        ),
        *[f"v{7 + i} = pickle.loads(pickle.dumps([v3, v2, v0], {i}))" for i in range(6)],
        *phrases("""
            v4 = copy.copy(v3)  v4.args  v5 = copy.deepcopy(v3)  v5.backward()  v6 = copy.deepcopy([v3, v0])[1]  v6.grad
            [type(x).__name__ for x in v3.__reduce__()]  v0.__reduce__()  copy.copy(v0)  copy.deepcopy(v0).label
            copy.copy(v2).op is v2.op
        """),
    ],
    "events": [
        *EACH,
        *phrases("""
            with telling(): v3 = v2 * v0 + 2  with telling(): v3.backward(2)  with telling(): v3.forward()
            with telling(): v0 < v1  with telling(): 3 >= v1  with telling(): grad(v3, [v0, v1])
            with telling(): v0 < 'a'  with telling(): ag.hessian(v3, [v0])  with telling(): ag.jvp([v3], [v0], [1.0])
            with telling(): v3._backward()  with telling(): copy.deepcopy(v3)  with telling(): ag.sum([v0, 1])
            with telling(): np.tanh(v0)  v3.zero_grad()  with refusing('recorded'): v0 * 2
            with refusing('recorded'): ag.sum([v0])  with refusing('recorded'): v0.tanh()
            with refusing('compared'): v0 < 1  with refusing('replayed'): v3.forward()
            with telling('pulled'): v0.backward()  with refusing('recorded'): grad(v3 * v3, v0)
            with refusing('differentiated'): grad(v3, v0)  v3.backward()
        """),
        *[f"with refusing('{event}'): v3.backward()" for event in ("recorded", "pulled", "replayed")],
    ],
    "anomalies": phrases("""
        v0 = Value(0.0, 'x')  with ag.detect_anomaly(): v0.log()  with ag.detect_anomaly(): (v0.sqrt() * 2).backward()
        v1 = v0.sqrt() + 1  with ag.detect_anomaly(): v1.backward()  v0.grad  with ag.detect_anomaly(): v1.forward()
        v0.data = math.nan  with ag.detect_anomaly(): v1.forward()  v1.data  with ag.detect_anomaly(): ag.sum([v0, 1])
        with ag.detect_anomaly(): grad(v1, v0)  with ag.detect_anomaly(): v2 = v0 * 2; v2.backward()  v0.data = 1.0
        with ag.detect_anomaly(): ag.where(v0, v0, v0.expm1() * 1e308 * 1e308).backward()  v1.forward()  v1.backward()
    """),
    "rows of users": [
        line
        for _, count, row in USERS_ROWS
        for line in (
            *(*EACH, f"row = {row}", "row"),
            f"v3 = row({', '.join(['v0', 'v1', '2', 'v2'][:count])})" if count else "v3 = row([v0, 2, v1])",
            *phrases("""
                v3.backward()  grad(v3, v0)  v3.grad = 1  v3._backward()  v3.forward()  v3.args  v3.op is row
                v3.op.name in dir(v0)  v4 = copy.deepcopy(v3)  v4.backward()  engine.local_gradients(v3)  v4 = v0.at(2)
                v4 = v0 @ v1  v4 = 2 @ v1  ~v0  v4 = v0.scaled()  v4 = v0.scaled(y=v1)
            """),
        )
    ],
    "a rule that fails in the middle": [
        *EACH,
        "row = Op('fails({}, {})', lambda x, y: x, lambda g, z, x, y: g, raising)",
        *phrases("""
            v3 = row(v2, v0) * v2 + v1  v2.backward()  v3.backward()  v3.backward()  v2.backward()  v4 = v0 * 3 + v2
            v4.backward()  grad(v3, v0)  v3._backward()  v3.zero_grad()  v3.forward()  v4.backward()
        """),
    ],
    "a row again": [
        *EACH,
        "row = Op('own({})', lambda x: x * 2, lambda g, z, x: g * 2)",
        *(
            "v3 = row(v2)",
            "v4 = v2.own()",
            "row = Op('own({}, {})', lambda x, y: x * 5, lambda g, z, x, y: g * 5, None)",
        ),
        *phrases("v5 = row(v3, v4)  v5 = v3.own(1)  v3.own()  v5.backward()  v5.forward()  v3.op is row  v3.op"),
        "row = Op('own([{}])', lambda *xs: xs[0], lambda g, z, *xs: [g, *[None] * (len(xs) - 1)], variadic=True)",
        *phrases("v0.own  v6 = row([v5, v3])  v6.backward()  copy.deepcopy(v6)  pickle.loads(pickle.dumps(v5))"),
        "hasattr(Value, 'own')",
    ],
    "names that are taken": [
        X,
        *[
            f"row = Op('{{}} q', lambda x: x, lambda g, z, x: g, name={name!r})"
            for name in phrases("""
                __init__  __new__  __class__  __setattr__  __getattribute__  __getattr__  __dict__  __slots__  __doc__
                __weakref__  __reduce_ex__  __add__  __record__  __hash__  _part  _walk  _data  data  backward  tanh
                _backward  _prev  args  op  __dir__  __sizeof__  __init_subclass__  __eq__  mul
            """)
        ],
        *("row = Op('{} @ {}', lambda x, y: x, lambda g, z, x, y: g, None, method='__init__')", "v1 = Value(2) * 3.0"),
        *("v1.backward()", "v1.tanh()"),
    ],
    "derivatives": [
        *EACH,
        *phrases("""
            v3 = v2.tanh() * v0 + v1 ** 2  grad(v3, v0)  grad(grad(v3, v0), v1)  ag.jacobian([v3, v2], [v0, [v1]])
            ag.hessian(v3, [v0, v1])  ag.jvp([v3, v2], [v0, v1], [1.0, 2])  ag.hvp(v3, [v0, v1], [1, 0.5])
            ag.value_and_grad(lambda x, y: x * y + v0)(2.0, 3.0)  ag.grad(lambda x: x * v1)(v0)
            ag.grad(lambda x: 3)(1.0)  ag.hessian(lambda x: x[0] ** 2 * x[1])([1.0, 2.0])
            ag.jacobian(lambda x: [x, x * x])(3)  grad(v3, [])  ag.vjp(lambda x, y: x / y, 1.0, v0)[1](2)
            ag.grad(ag.grad(ag.sin))(0.5)  grad(v3, 3)  grad(3, v0)  grad(v0, v3)  grad(v3, v3)  grad(v3, v2)
            ag.stop_gradient(v0)  grad(ag.stop_gradient(v0) * v0, v0)  faux_gradient(v3, v0)
            faux_gradient(v3, v2, method='central')  check_gradients(v3)  v0.grad, v3.grad  ag.grad(lambda x: 'a')(1)
        """),
    ],
    "views": [
        *EACH,
        *phrases("""
            v3 = (v2.tanh() + ag.dot([v0, 1], [v1, v2])) ** 2  v3.label = 'loss'  v3.backward()  ag.to_text(v3)
            str(explain(v3))  formula(v3)  ag.draw(v3).source  check_gradients(v3)  ag.compile(v3, [v0, v1])([2.0, 3.0])
            ag.compile([v3, grad(v3, v0)], [v0, v1]).source  str(explain(v3, forward=v0))  ag.compile(v3, (v0,))(1, 2)
            ag.explore(v3).html
        """),
    ],
    "arrays": [
        X,
        *phrases("""
            a = np.array([v0, 2.0, v0 * 3])  a * 2  2 * a  a + v0  v0 + a  v0 ** np.array([1.0, 2.0])  a @ a  np.tanh(a)
            np.sum(a)  np.maximum(a, 1)  np.tanh(v0)  np.exp(v0)  np.arctan2(v0, 2)  np.where(a > 1, a, 0)
            np.float64(2) * v0  np.float32(2) - v0  np.int64(3) / v0  np.array(2.0) * v0  np.sort(a)  np.isnan(v0)
            v0 < np.array([1.0, 2.0])  np.array([v0]).astype(float)  a.sum()  a.mean()  np.dot(a, a)  np.float64(1) < v0
            np.clip(a, 0, 1)  np.linalg.norm(a)  np.asarray(v0).dtype  a / a  -a  abs(a)  a // 2  np.square(v0)
        """),
    ],
    "a network": [
        "m = nn.MLP(2, [4, 3, 1], activation='tanh')",
        *("xs, ys = [[1.0, -1.0], [0.5, 2], [-1, 0.25]], [1.0, -1, 0.5]", "optimizer = optim.Adam(0.05)"),
        *["loss = nn.mse([m(x) for x in xs], ys)\nm.zero_grad(); loss.backward(); optimizer.step(m.parameters())"] * 5,
        *phrases("""
            [p.data for p in m.parameters()]  [p.grad for p in m.parameters()]  [p.label for p in m.parameters()]
            repr(m)  pickle.loads(pickle.dumps(m)).parameters()  copy.deepcopy(m)([0.5, 1.0])  m.predict(xs)
            ag.fit(m, xs, ys, loss='mse', optimizer=optim.SGD(0.1, momentum=0.5), epochs=3, backend='eager').losses
            ag.fit(m, xs, ys, loss='mse', optimizer='adam', epochs=3, batch_size=2).losses
            nn.cross_entropy([m(x) for x in xs], [0, 0, 0])  n = nn.Neuron(3)  v0 = n([1, 2, 3])  v0.backward()
            v1 = nn.hinge([v0], [1])  ag.to_text(v1)
        """),
    ],
    "parts of the engine": [
        *EACH,
        *phrases("""
            graph_of(v2)  graph_of()  graph_of(1)  graph_of(v2, v0, v2)  graph_of(v2, known=lambda v: v is v0)
            engine.record(ops.mul, (v0, 2))  engine.record(ops.sum, [v0, v1, 3])  engine.record(ops.mul, ('a', v0))
            engine.numbers_of([v0, 2.0])  engine.numbers_of([v0, v1])  engine.local_gradients(v2, 3.0)
            engine.local_gradients(v0)  engine.replay(graph_of(v2), {v0: 5.0})  engine.replay([], {})
            engine.commit_data([v0, v1], [2.0, 3.0])  v2.forward()  v3 = engine.new_node(ops.mul, 5.0, v0, 2.0)  v3.args
            v4 = engine.new_node(ops.sum, 1.0, (v0, v1, 2.0))  v4.args  v3.backward()  v4.backward()
            engine.created(v0) < engine.created(v1)  v0.__record__(ops.add, (v0, 1))  engine.current_graph(v2)
            engine.pulled_back(graph_of(v2), {v2: 1.0}, [v0])  engine.get_data(v0)  Value.__record__(ops.neg, [v0])
            list(map(engine.set_data, [v0], [3.0]))  list(map(engine.set_grad, [v0], [3.0]))  v0.data, v0.grad
        """),
    ],
}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -2.5, 3.0, 20.0, -20.0, 710.0, -746.0, 1e16, 1e300, -1e300, 1e-300, 5e-324]
SPECIAL += [float("inf"), float("-inf"), float("nan")]


@pytest.mark.parametrize("topic", TOPICS)
def test_programs_on_a_topic_do_the_same(engines: Pair, topic: str) -> None:
    engines.check(TOPICS[topic])


@pytest.mark.parametrize("op", ROWS, ids=lambda op: op.name)
def test_each_row_has_the_same_bits_at_special_numbers(engines: Pair, op: Op) -> None:
    numbers = SPECIAL if op.arity != 3 else [*SPECIAL[:3], SPECIAL[6], *SPECIAL[-3:]]
    texts = [repr(x) if abs(x) < float("inf") else f"float('{x}')" for x in numbers]
    engines.check([f"points({op.name!r}, [{', '.join(texts)}])"])


# ------------------------------------------------------------------------------------------------- what tools show


def test_names_documents_and_signatures_are_the_same(engines: Pair) -> None:
    engines.check(
        [
            *(X, "v1 = v0 * 2", "names = [n for n in dir(Value) if n[0] != '_']", "names"),
            "methods = [n for n in names if callable(getattr(Value, n))]",
            "others = ['_prev', '_op', '_backward']",
            *phrases("""
                [n for n in dir(v0) if n[0] != '_']  [n for n in dir(v1) if n[0] != '_']  [n in dir(v0) for n in others]
                Value.__doc__  Value.__name__  Value.__qualname__  Value.__module__  repr(Value)
                inspect.signature(Value)  type(Value).__name__  inspect.isabstract(Value)
                Value.__hash__(v0) == hash(v0)  dir(ag)  {n: getattr(Value, n).__doc__ for n in names + others}
                [getattr(Value, n).__qualname__.replace('__', '') for n in methods]
                {n: list(inspect.signature(getattr(Value, n)).parameters) for n in methods}
                {n: list(inspect.signature(getattr(v1, n)).parameters) for n in methods}
                {n: inspect.isdatadescriptor(inspect.getattr_static(Value, n)) for n in names + others}
                rlcompleter.Completer({'v': v1}).attr_matches('v.t')
                rlcompleter.Completer({'v': v1}).attr_matches('v.b')
                rlcompleter.Completer({'Value': Value}).attr_matches('Value.c')
            """),
        ]
    )


# ------------------------------------------------------------------------------------------------ pickles in between


def dumped(engine: Engine, program: Program, protocol: int) -> str:
    """Return the pickle, in hexadecimal digits, of all Values that a program has made."""
    names = ", ".join(dict.fromkeys(re.findall(r"^v\d+", "\n".join(program), re.MULTILINE)))
    statement = f"pickle.dumps([{names}], {protocol}).hex()"
    said = engine.run([*program, statement])
    found = re.search(r"^  str '(\w+)'$", "\n".join(said[said.index(f"> {statement}") :]), re.MULTILINE)
    assert found, said
    return found[1]


@given(st.integers(0, 2**64), st.integers(0, 5))
@settings(max_examples=30)
def test_a_pickle_of_one_engine_is_one_of_the_other(engines: Pair, seed: int, protocol: int) -> None:
    program = random_program(random.Random(seed))
    rows = [line for line in program if re.match(r"v\d+ = Op\(", line)]
    data = [dumped(engine, program, protocol) for engine in engines.engines]
    minus_nan, nan = "fff8000000000000", "7ff8000000000000"
    assert data[0].replace(minus_nan, nan) == data[1].replace(minus_nan, nan)
    for pickled in set(data):
        engines.check(
            [
                *rows,
                f"loaded = pickle.loads(bytes.fromhex('{pickled}'))",
                "for v in loaded: v.backward() if type(v) is Value else None",
                "loaded[0].forward()",
            ]
        )


# ------------------------------------------------------------------------------------- rules that somebody has changed

CHANGED_RULES = """
import autograd as ag
from autograd import Value, engine, grad, ops
CASES = {
    "add": lambda x, w: x + w, "sub": lambda x, w: 2.0 - x, "neg": lambda x, w: -x, "mul": lambda x, w: w * x,
    "pow": lambda x, w: x ** w, "tanh": lambda x, w: x.tanh(), "exp": lambda x, w: ag.exp(x),
    "abs": lambda x, w: abs(x), "atan2": lambda x, w: ag.atan2(x, 2), "hypot": lambda x, w: x.hypot(w),
    "clip": lambda x, w: x.clip(0.0, w), "where": lambda x, w: ag.where(x, w, 1.0),
    "sum": lambda x, w: ag.sum([x, w, 1]), "dot": lambda x, w: ag.dot([x, w], [w, 3.0]),
    "largest": lambda x, w: ag.largest([x, w]), "smallest": lambda x, w: ag.smallest((x, 1.0, w)),
}
x, w = Value(0.5), Value(2.0)

def say(y):
    x.grad = w.grad = 0.0
    y.backward()
    print(y.op, y.data, y.forward().data, x.grad, w.grad, [g.data for g in grad(y, [x, w])])

def wrong(g, z, *xs): return g * 100.0
def wrong_for_all(g, z, *xs): return [g * (100.0 + i) for i in range(len(xs))]

for name, case in CASES.items():
    op = ops.TABLE[name]
    rules, earlier = op.rules, case(x, w)
    op.rules = tuple(rule and (wrong_for_all if op.variadic else wrong) for rule in rules)
    say(case(x, w))
    say(case(x, w) * earlier)
    try:
        print("not seen by", ag.check_gradients(case(x, w)))
    except ag.GradientMismatch as problem:  # as in a course: a mistake is planted, and found
        print(problem)
    say(earlier)
    op.rules = rules
    say(earlier)
    say(case(x, w))
"""


def test_rules_of_the_table_that_are_assigned_hold_on_both_engines() -> None:
    """In processes of their own: from then on, an engine calls these rules in Python."""
    need_core()
    pure, native = (
        subprocess.check_output([sys.executable, "-P", "-c", CHANGED_RULES], env=environment(engine), text=True)
        for engine in (PURE, NATIVE)
    )
    assert pure.splitlines() == native.splitlines()
    assert pure.count("disagree") == pure.count("<operation ") / 5


# --------------------------------------------------------------------------------------------------- planted mistakes

PLANTED = {
    "a wrong rule": {"autograd.ops.tanh.rules": "(lambda g, z, x: g * (1 - z),)"},
    "a rule that is off by one bit": {"autograd.ops.exp.rules": "(lambda g, z, x: math.nextafter(g * z, 9),)"},
    "another message": {"autograd.hints.NO_TRUTH": "'a Value is neither true nor wrong'"},
    "gradients that stay": {"autograd.engine.Value.zero_grad": "lambda self: None"},
    "no warning of old graphs": {"autograd.engine.on_old_graph": "{}"},
    "labels that are kept too long": {"autograd.engine.Value.label": "property(lambda v: v._label, lambda v, x: None)"},
    "operands in another order": {
        "autograd.engine.Value.args": "property(lambda v: () if v._x is None else (v._y, v._x) if v._y else (v._x,))"
    },
    "an order of creation that runs backwards": {"autograd.engine.created": "lambda v: -v._order"},
    "nobody is told": {"autograd.engine.announce": "lambda *event: None"},
    "constants anew at each access": {"autograd.engine._prev_of": "type('', (dict,), {'get': lambda *_: None})()"},
}


@pytest.mark.parametrize("mistake", PLANTED)
def test_a_difference_between_two_engines_is_seen(pure: Engine, mistake: str) -> None:
    def differs(program: Program) -> bool:
        return pure.run(program) != pure.run(program, PLANTED[mistake])

    programs = [*(random_program(random.Random(i)) for i in range(100)), *TOPICS.values()]
    found = next(filter(differs, programs), None)
    assert found, "neither random programs nor those by topic have shown it"
    shortest = shortened(found, differs)
    assert differs(shortest) and len(shortest) <= len(found)


def test_equal_engines_have_equal_transcripts(pure: Engine) -> None:
    for i in range(20):
        program = random_program(random.Random(i))
        assert pure.run(program) == pure.run(program)


def test_a_program_is_shortened_to_the_statements_that_matter() -> None:
    program = [*"abcdefghij"]
    assert shortened(program, lambda part: {"c", "h"} <= set(part)) == ["c", "h"]
    assert shortened(program, lambda part: len(part) > 6) != program


def test_an_engine_that_dies_is_named_with_its_program() -> None:
    engine = Engine(PURE)
    with pytest.raises(ChildProcessError, match=r"status 3 at v0 = Value\(1\.0\)\nos\._exit\(3\)"):
        engine.run(["v0 = Value(1.0)", "os._exit(3)"])
    engine.close()


@pytest.mark.campaign
def test_random_programs_reach_the_whole_table_and_every_statement_kind(pure: Engine) -> None:
    """Every row is recorded somewhere, and most statements do what they say."""
    transcripts = [line for i in range(300) for line in pure.run(random_program(random.Random(i)))]
    made = {found[1] for line in transcripts if (found := re.match(r"#\d+ = (\w+)\(", line))}
    assert made >= {op.name for op in ROWS}
    outcomes = [line for line in transcripts if line.startswith("  ")]
    errors = [line for line in outcomes if re.match(r"  \w+(Error|Exception): ", line)]
    assert len(set(errors)) > 200 and len(errors) < 0.3 * len(outcomes)
    assert {"StaleGraphWarning", "FrozenChoiceWarning"} <= {line.split()[1] for line in outcomes if "warns" in line[:8]}
