"""Test semantics beyond single values: depth, memory, threads, interrupts, and the size of the core."""

import ast
import builtins
import copy
import gc
import importlib
import itertools
import os
import pickle
import pkgutil
import pydoc
import random
import re
import signal
import subprocess
import sys
import threading
import time
import tokenize
import types
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import interrupts
import pytest
from cases import cases

import autograd
from autograd import StaleGraphWarning, Value, check_gradients, faux_gradient, grad, nn, optim
from autograd.ops import TABLE, Op

PACKAGE = Path(autograd.__file__).parent
GUIDE = Path(__file__).parent.parent / "docs" / "guide.md"


def python(script: str, **environment: str) -> str:
    """Run the script in a fresh interpreter and return its output."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# ----------------------------------------------------------------------------------------- what backward works with


def test_backward_works_with_the_data_as_it_is_now() -> None:
    x = Value(2.0)
    y = x * x
    x.data = 3
    with pytest.warns(StaleGraphWarning):
        y.backward()
    assert (y.data, x.grad) == (4.0, 6.0)
    y.forward()
    assert y.data == 9.0 and x.grad == 6.0


@pytest.mark.parametrize("seed", [1.0, 2, -0.5, 0.0, float("inf")])
def test_backward_starts_from_its_seed(seed: float) -> None:
    x = Value(2.0)
    inner = x * 3
    y = inner + 1
    y.backward(seed)
    assert (y.grad, inner.grad, x.grad) == (seed, seed, 3 * seed)
    y.backward(seed=seed)
    assert (y.grad, inner.grad, x.grad) == (seed, seed, 6 * seed)


def test_backward_of_a_leaf_accumulates_like_any_other() -> None:
    x = Value(2.0)
    x.backward()
    x.backward(2.0)
    assert x.grad == 3.0
    x.forward()
    assert x.data == 2.0
    x.zero_grad()
    assert x.grad == 0.0


def test_gradients_can_be_set_to_an_int_zero_between_steps() -> None:
    x = Value(2.0)
    y = x * x
    for _ in range(2):
        x.grad = 0
        y.backward()
        assert x.grad == 4.0
    x.grad = 5
    y.backward()
    assert x.grad == 9.0


def test_zero_grad_clears_the_whole_graph_and_nothing_else() -> None:
    x, other = Value(2.0), Value(3.0)
    y = x * x
    z, elsewhere = y + 1, x * other
    z.backward()
    elsewhere.backward()
    z.zero_grad()
    assert (x.grad, y.grad, z.grad) == (0.0, 0.0, 0.0)
    assert (other.grad, elsewhere.grad) == (2.0, 1.0)


def test_grad_has_the_shape_of_its_inputs() -> None:
    x, y, unrelated = Value(2.0), Value(3.0), Value(4.0)
    z = x * y

    def shape(result: Any) -> Any:
        if isinstance(result, (list, tuple)):
            return type(result)(map(shape, result))
        assert isinstance(result, Value)
        return result.data

    cases: list[tuple[Any, Any]] = [
        (x, 3.0),
        (z, 1.0),
        (unrelated, 0.0),
        ([x, y], [3.0, 2.0]),
        ((x, y), (3.0, 2.0)),
        ([x, x], [3.0, 3.0]),
        ([], []),
        ((), ()),
        ([[x], (y, [unrelated, z])], [[3.0], (2.0, [0.0, 1.0])]),
    ]
    for inputs, expected in cases:
        assert shape(grad(z, inputs)) == expected
        assert type(shape(grad(z, inputs))) is type(expected)
    assert (x.grad, y.grad, z.grad) == (0.0, 0.0, 0.0)
    assert grad(grad(grad(x**3, x), x), x).data == 6.0


def test_constants_and_operands_are_listed_in_order() -> None:
    x = Value(2.0)
    for z, name, args in [
        (x * 3, "mul", (x, 3.0)),
        (3 * x, "mul", (3.0, x)),
        (3 - x, "sub", (3.0, x)),
        (3 / x, "div", (3.0, x)),
        (3**x, "pow", (3.0, x)),
        (x.tanh(), "tanh", (x,)),
    ]:
        assert z.op is not None and z.op is TABLE[name] and z.op.name == name
        assert len(z.args) == len(args)
        for got, expected in zip(z.args, args, strict=True):
            assert got is expected if isinstance(expected, Value) else type(got) is float and got == expected
        assert [v.data for v in z._prev] == [v.data if isinstance(v, Value) else v for v in args] and x in z._prev
    assert (x * x)._op == "*" and (x + x)._op == "+"
    assert x.op is None and x.args == () and x._prev == () and not x._op


def test_the_same_bits_whatever_the_hash_seed() -> None:
    script = """
import random
from autograd import Value
rng = random.Random(1)
nodes = [Value(rng.uniform(-1, 1)) for _ in range(5)]
for _ in range(300):
    x, y = rng.choice(nodes), rng.choice(nodes)
    nodes.append(rng.choice([x + y, x - y, x * y, x / (y * y + 1), x.tanh(), y.sin()]))
loss = sum(nodes)
loss.backward()
print(loss.data.hex(), *[v.grad.hex() for v in nodes])
"""
    runs = {python(script, PYTHONHASHSEED=seed) for seed in ("0", "1", "2")}
    assert len(runs) == 1 and len(runs.pop().split()) == 306


# ----------------------------------------------------------------------------------------------------------- depth

SIZE = 200_000
"""Too deep for any recursion: Python's ends after 1,000 calls, C's in a stack of 8 MB, where a call takes 42 bytes.
Work that grows with the square takes hours. One test below has a million nodes, in a separate process."""


@dataclass
class Deep:
    """A deep graph of SIZE nodes, or one node with as many operands."""

    leaf: Value
    output: Value
    value: float
    slope: float  # of the output by the leaf


def chain() -> Deep:
    x = y = Value(1.0)
    for _ in range(SIZE // 2):
        y = y + x
    for _ in range(SIZE // 2):
        y = -y
    return Deep(x, y, SIZE // 2 + 1.0, SIZE // 2 + 1.0)


def sum_of_terms() -> Deep:
    terms = [Value(1.0) for _ in range(SIZE)]
    return Deep(terms[0], autograd.sum(terms), float(SIZE), 1.0)


DEEP = [chain, sum_of_terms]


@pytest.fixture(scope="module", params=DEEP, ids=lambda build: build.__name__)
def deep(request: pytest.FixtureRequest) -> Deep:
    made: Deep = request.param()
    return made


@pytest.fixture
def shallow_stack() -> Iterator[None]:
    """Set the default recursion limit, and stop the collector, which would walk all nodes again and again."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_000)
    gc.disable()
    yield
    gc.enable()
    sys.setrecursionlimit(before)


within_the_recursion_limit = pytest.mark.usefixtures("shallow_stack")


@within_the_recursion_limit
def test_many_nodes_go_backward_twice(deep: Deep) -> None:
    assert deep.output.data == deep.value
    deep.output.zero_grad()
    for times in (1, 2):
        deep.output.backward()
        assert deep.leaf.grad == times * deep.slope
    deep.output.zero_grad()
    assert deep.leaf.grad == 0.0


@within_the_recursion_limit
def test_many_nodes_have_gradients_as_graphs(deep: Deep) -> None:
    assert grad(deep.output, deep.leaf).data == deep.slope


@within_the_recursion_limit
def test_many_nodes_are_replayed(deep: Deep) -> None:
    deep.leaf.data = 3.0
    deep.output.forward()
    assert deep.output.data == deep.value + 2 * deep.slope
    deep.leaf.data = 1.0
    deep.output.forward()
    assert deep.output.data == deep.value
    assert faux_gradient(deep.output, deep.leaf, tiny=1.0) == deep.slope


@within_the_recursion_limit
@pytest.mark.parametrize("how", cases(["deepcopy"], campaign=["pickle"]))
def test_many_nodes_are_copied(deep: Deep, how: str) -> None:
    deep.output.zero_grad()
    both = [deep.output, deep.leaf]
    output, leaf = copy.deepcopy(both) if how == "deepcopy" else pickle.loads(pickle.dumps(both))
    assert output is not deep.output and output.data == deep.value
    output.backward()
    assert leaf.grad == deep.slope and deep.leaf.grad == 0.0


@within_the_recursion_limit
@pytest.mark.parametrize("build", DEEP, ids=lambda build: build.__name__)
def test_many_nodes_are_freed_at_once(build: Callable[[], Deep]) -> None:
    made = build()
    slope = grad(made.output, made.leaf)
    watched = [weakref.ref(made.leaf), weakref.ref(made.output), weakref.ref(slope)]
    del made, slope
    assert [watch() for watch in watched] == [None] * 3


def test_a_deep_graph_alive_at_exit_ends_the_interpreter_quietly() -> None:
    assert python("""
from autograd import Value
x = y = Value(1.0)
for _ in range(300_000):
    y = y + x
y.backward()
print(x.grad)
""").split() == ["300001.0"]


def test_a_kept_inner_node_outlives_the_deep_graph_above_it() -> None:
    x = y = Value(1.0)
    for i in range(200_000):
        y = y + x
        if i == 99_999:
            middle = y
    del y
    middle.backward()
    assert (middle.data, x.grad) == (100_001.0, 100_001.0)


def test_a_diamond_of_2_to_the_60_paths_takes_linear_time() -> None:
    x = y = Value(1.0)
    for _ in range(60):
        y = y + y
    assert y.data == 2.0**60
    y.backward()
    assert x.grad == 2.0**60
    assert grad(y, x).data == 2.0**60
    x.data = 3.0
    y.forward()
    assert y.data == 3 * 2.0**60
    assert faux_gradient(y, x, tiny=1.0) == 2.0**60
    for twin, leaf in (copy.deepcopy((y, x)), pickle.loads(pickle.dumps((y, x)))):
        twin.backward()
        assert leaf.grad == 2.0**61 and twin.data == y.data
    y.zero_grad()
    assert x.grad == 0.0


def test_a_diamond_of_products_has_exact_gradients_of_gradients() -> None:
    x = y = Value(1.0)
    for _ in range(20):
        y = y * y  # x ** 2**20
    n = 2.0**20
    first = grad(y, x)
    assert (first.data, grad(first, x).data) == (n, n * (n - 1))


# ---------------------------------------------------------------------------------------------------------- memory


@pytest.mark.skipif(sys.platform == "win32", reason="asks the kernel as POSIX systems do")
def test_resident_memory_stays_flat_without_the_garbage_collector() -> None:
    before, after, found = python("""
import gc, os, resource
from autograd import Value

def resident():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

def build_and_drop():
    x = y = Value(0.5)
    for _ in range(10_000):
        y = y * x + 1.0
    y.backward()
    assert abs(y.data - 2.0) < 1e-9 and abs(x.grad - 4.0) < 1e-9

gc.collect()
gc.disable()
for _ in range(10):
    build_and_drop()
before = resident()
for _ in range(90):
    build_and_drop()
after = resident()
gc.set_debug(gc.DEBUG_SAVEALL)
gc.collect()
print(before, after, sum(type(x).__module__.startswith("autograd") for x in gc.garbage))
""").split()
    assert float(after) - float(before) < 8, "megabytes; a single graph takes about four"
    assert int(found) == 0


def work_of_every_kind() -> None:
    neuron = nn.Neuron(3)
    x = [Value(0.5), Value(-1.0), Value(2.0)]
    y = neuron(x)
    loss = (y - 0.7) ** 2 + autograd.sum(x) * autograd.dot(x, x)
    loss.backward()
    loss.forward()
    loss.zero_grad()
    second = grad(grad(loss, x)[0], x)
    second[0].backward()
    faux_gradient(loss, y)
    check_gradients(loss)
    twins = copy.deepcopy([loss, neuron, second]), pickle.loads(pickle.dumps([loss, neuron, second])), copy.copy(loss)
    twins[0][0].backward()
    assert repr(twins) and loss.args and loss._prev and repr(loss.op)


def test_no_kind_of_work_leaves_anything_to_the_garbage_collector() -> None:
    work_of_every_kind()  # what is made on first use only
    gc.collect()
    flags = gc.get_debug()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        gc.garbage.clear()
        work_of_every_kind()
        gc.collect()
        ours = [x for x in gc.garbage if type(x).__module__.partition(".")[0] == "autograd"]
        assert ours == []
    finally:
        gc.set_debug(flags)
        gc.garbage.clear()
        gc.enable()


def test_an_inner_node_dies_with_the_last_name_of_its_graph() -> None:
    gc.disable()
    try:
        x = Value(0.5)
        inner = x * 2
        output = inner.tanh()
        output.backward()
        slope = grad(output, x)
        watch = weakref.ref(inner)
        del inner
        assert watch() is not None and watch() is output.args[0]
        del output
        assert watch() is not None, "the gradient's graph still uses it"
        del slope
        assert watch() is None
        user = weakref.ref(x * 3)
        assert user() is None, "a leaf does not keep its users"
    finally:
        gc.enable()


# --------------------------------------------------------------------------------------------------------- threads


@pytest.fixture
def hasty_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(count: int, job: Callable[[int], None]) -> None:
    """Run job(0) … job(count - 1) at the same time; an exception in one is raised here."""
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def run(i: int) -> None:
        try:
            start.wait()
            job(i)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    for error in errors:
        raise error


@pytest.mark.usefixtures("hasty_switching")
def test_threads_lose_no_update_of_a_shared_leaf() -> None:
    shared = [Value(float(i)) for i in range(20)]
    threads, turns = 8, 200

    def job(i: int) -> None:
        for _ in range(turns):
            loss = autograd.sum([p * (i + 1) for p in shared])
            loss.backward()

    in_threads(threads, job)
    expected = float(turns * sum(range(1, threads + 1)))
    assert [p.grad for p in shared] == [expected] * len(shared)


@pytest.mark.usefixtures("hasty_switching")
def test_graphs_of_different_threads_do_not_disturb_each_other() -> None:
    shared = Value(3.0)

    def job(i: int) -> None:
        for turn in range(30):
            x = y = Value(float(i))
            for _ in range(50):
                y = y + x * shared
            z = y * y
            slope = grad(z, x)
            z.backward()
            assert z.data == (151.0 * i) ** 2, turn
            assert x.grad == slope.data == 2 * 151.0**2 * i, turn
            x.data = 1.0
            z.forward()
            assert z.data == 151.0**2, turn

    in_threads(8, job)
    assert shared.grad == 30 * sum(2 * 151 * i * 50 * i for i in range(8))


# ------------------------------------------------------------------------------------- interrupts, exceptions, fork


LEAVES = [Value(1.0) for _ in range(1_000)]
INNER = [v * 2 for v in LEAVES]
OUTPUT = autograd.sum(INNER)


def set_leaves(trial: float) -> None:
    for v in LEAVES:
        v.data = trial


# For each action: the setup, the action, the state at risk, and its expected value after an interrupt.
INTERRUPTIBLE: dict[
    str, tuple[Callable[..., object], Callable[..., object], Callable[..., Any], Callable[..., Any]]
] = {
    "backward": (
        lambda trial: OUTPUT.zero_grad(),
        OUTPUT.backward,
        lambda: [v.grad for v in (*LEAVES, *INNER, OUTPUT)],
        lambda trial: [2 * trial] * len(LEAVES) + [trial] * len(INNER) + [trial],
    ),
    "forward": (
        set_leaves,
        lambda trial: OUTPUT.forward(),
        lambda: [v.data for v in (*INNER, OUTPUT)],
        lambda trial: [2 * trial] * len(INNER) + [2 * trial * len(INNER)],
    ),
}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an interval timer")
@pytest.mark.parametrize("name", INTERRUPTIBLE)
def test_an_interrupt_comes_before_or_after_never_in_between(name: str) -> None:
    prepare, act, state, expected = INTERRUPTIBLE[name]
    armed = False

    def ring(signal_number: int, frame: types.FrameType | None) -> None:
        if armed:
            raise KeyboardInterrupt

    duration = float("inf")  # the shortest of a few, so that the timer rings while it runs
    for _ in range(5):
        start = time.perf_counter()
        act(1.0)
        duration = min(duration, time.perf_counter() - start)
    rng = random.Random(0)
    interrupted = 0
    handler = signal.signal(signal.SIGALRM, ring)
    try:
        for trial in map(float, range(2, 402)):
            prepare(trial)
            before = state()
            armed = True
            try:
                signal.setitimer(signal.ITIMER_REAL, max(1e-6, rng.uniform(0.0, 1.1) * duration))
                act(trial)
                armed = False
            except KeyboardInterrupt:
                interrupted += 1
            finally:
                armed = False
                signal.setitimer(signal.ITIMER_REAL, 0)
            now = state()
            torn = sum(map(float.__ne__, now, before))
            assert now in (before, expected(trial)), f"torn: {torn} of {len(now)} were written"
    finally:
        signal.signal(signal.SIGALRM, handler)
    assert interrupted >= 20, f"the timer met {name}() too seldom to show anything"


def test_a_backward_within_a_backward_is_refused_and_harmless() -> None:
    x, y = Value(3.0), Value(2.0)
    other = y * y

    def rule(g: Any, z: Any, x: Any) -> Any:
        other.backward()
        return g

    nested = Op("nested({})", lambda x: x, rule)
    with pytest.raises(RuntimeError, match="already running"):
        nested(x).backward()
    assert x.grad == y.grad == 0.0
    other.backward()
    assert y.grad == 4.0


def raises(*args: Any) -> Any:
    raise RuntimeError("boom")


@pytest.mark.parametrize("differentiate", [lambda z, x: z.backward(), grad], ids=["backward", "grad"])
def test_an_exception_in_a_rule_leaves_every_gradient_as_it_was(
    differentiate: Callable[[Value, Value], object],
) -> None:
    boom = Op("boom({})", lambda x: x, raises)
    x, y = Value(2.0), Value(3.0)
    product = x * y
    exploding = boom(product)
    output = exploding * x + y
    nodes = [x, y, product, exploding, output]
    assert output.data == 15.0
    for i, v in enumerate(nodes):
        v.grad = 10.0 + i
    with pytest.raises(RuntimeError, match="boom"):
        differentiate(output, x)
    assert [v.grad for v in nodes] == [10.0, 11.0, 12.0, 13.0, 14.0]
    (y * 2).backward()
    assert y.grad == 13.0, "and the engine goes on"


def test_an_operation_of_your_own_works_like_the_others() -> None:
    double_plus = Op("plus_twice({}, {})", lambda x, y: x + 2 * y, lambda g, z, x, y: g, lambda g, z, x, y: 2 * g)
    assert double_plus(1.0, 2.0) == 5.0
    x, y = Value(1.0), Value(2.0)
    z = double_plus(x, y)
    w = double_plus(z * z, 1)
    assert isinstance(w, Value) and z.op is double_plus and z.args == (x, y)
    assert double_plus.pulls(1.0, z.data, 1.0, 2.0) == (1.0, 2.0)
    w.backward()
    assert (w.data, x.grad, y.grad) == (27.0, 10.0, 20.0)
    assert grad(grad(w, y), x).data == 4.0
    twin = copy.deepcopy(w)
    assert twin.op is double_plus and twin.data == 27.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_parent_and_child_of_a_fork_are_both_right() -> None:
    def right(x: Value, y: Value) -> bool:
        y.backward()
        z = y * x + y
        return (x.grad, z.data, grad(z, x).data) == (6.0, 36.0, 33.0)

    x = Value(3.0)
    y = x * x
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if right(x, y) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert x.grad == 0.0
    assert right(x, y)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("hasty_switching")
def test_a_fork_in_the_midst_of_other_threads_backward_does_not_hang_the_child() -> None:
    shared = [Value(1.0) for _ in range(200)]
    busy = True

    def keep_busy() -> None:
        loss = autograd.sum(shared)
        while busy:
            loss.backward()

    threads = [threading.Thread(target=keep_busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(30)  # ends a child that waits for ever
                code = 1
                try:
                    x = Value(3.0)
                    (x * x * shared[0]).backward()
                    code = 0 if x.grad == 6.0 else 2
                finally:
                    os._exit(code)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        busy = False
        for thread in threads:
            thread.join()


# ---------------------------------------------------------------------------------------------- the core's size


def is_row(node: ast.AST) -> bool:
    """Return True for a row of the table: `tanh = Op(...)`."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "Op"


def lines_of_code(source: str) -> int:
    """Count the lines that hold code: no blanks, comments or docstrings, and no rows of the table, which are data."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        documents = (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if documents or is_row(node):
            assert isinstance(node, ast.stmt)
            left_out |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    blank = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    code: set[int] = set()
    for token in tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__):
        if token.type not in blank:
            code |= set(range(token.start[0], token.end[0] + 1))
    return len(code - left_out)


def test_the_core_is_read_in_one_sitting() -> None:
    sources = {name: (PACKAGE / name).read_text(encoding="utf-8") for name in ("ops.py", "engine.py")}
    sizes = {name: lines_of_code(source) for name, source in sources.items()}
    assert 0 < sum(sizes.values()) <= 600, sizes
    row = 'sech = Op("sech({})", lambda x: div(1.0, cosh(x)), lambda g, z, x: -g * z * tanh(x))\n'
    assert lines_of_code(sources["ops.py"] + row) == sizes["ops.py"]
    assert lines_of_code(sources["ops.py"] + "_LN3 = math.log(3)\n") == sizes["ops.py"] + 1


def test_the_core_needs_the_standard_library_alone() -> None:
    script = """
import sys
before = set(sys.modules)
import autograd.engine
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))
"""
    assert set(python(script).split()) <= {"autograd", "graphviz"}


# ------------------------------------------------------------------------------------------------- the public names

OPERATIONS = (
    "exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh "
    "erf erfc hypot relu sigmoid softplus max min where sign step sum dot abs pow"
).split()
PUBLIC = {
    *("Value", "grad", "faux_gradient", "check_gradients", "GradientMismatch", "detect_anomaly", "AnomalyError"),
    *("draw", "explain", "to_text", "nn", "optim", "fit", "History", "plot_decision_boundary"),
    *OPERATIONS,
}


def test_the_engine_is_not_loaded_again() -> None:
    """Half of the names would then be those of before."""
    before = {name: x for name, x in vars(autograd.engine).items() if not name.startswith("__")}
    with pytest.raises(ImportError, match="restart Python"):
        importlib.reload(autograd.engine)
    assert all(x is vars(autograd.engine)[name] for name, x in before.items()), before


def test_a_star_import_brings_the_names_and_shadows_no_builtin() -> None:
    namespace: dict[str, object] = {}
    exec("from autograd import *", namespace)
    names = {name for name in namespace if not name.startswith("__")}
    assert names & set(dir(builtins)) == set()
    assert names >= PUBLIC - set(dir(builtins))
    assert not any(name.startswith("_") for name in names)


def test_every_public_name_is_there_and_no_module_hides_one() -> None:
    for module in pkgutil.iter_modules(autograd.__path__):
        if module.name != "__main__":
            assert isinstance(importlib.import_module(f"autograd.{module.name}"), types.ModuleType)
            assert isinstance(getattr(autograd, module.name), types.ModuleType), f"{module.name} is also a name"
    for name in PUBLIC - {"nn", "optim"}:
        assert callable(getattr(autograd, name)), name


def test_tab_completion_of_the_package_shows_the_public_names_and_no_clutter() -> None:
    shown = [name for name in dir(autograd) if not name.startswith("_")]
    assert set(shown) >= PUBLIC
    for name in shown:
        x = getattr(autograd, name)
        home = x.__name__ if isinstance(x, types.ModuleType) else getattr(x, "__module__", type(x).__module__)
        assert str(home).partition(".")[0] == "autograd", f"{name} comes from {home}"


@pytest.mark.parametrize("module", [nn, optim, autograd.ops], ids=lambda module: module.__name__)
def test_tab_completion_of_a_module_shows_what_it_is_for(module: types.ModuleType) -> None:
    documented = set(re.findall(rf"{module.__name__.partition('.')[2]}\.(\w+)", GUIDE.read_text(encoding="utf-8")))
    assert set(dir(module)) >= {name for name in documented if hasattr(module, name)}
    for name in dir(module):
        x = getattr(module, name)
        assert not name.startswith("_")
        assert x is TABLE or (callable(x) and str(x.__module__).startswith("autograd.")), name


def test_help_says_in_words_what_an_operation_is() -> None:
    for thing in (autograd.tanh, Value.tanh):
        assert "hyperbolic tangent" in pydoc.plain(pydoc.render_doc(thing))


def test_tab_completion_of_a_value_shows_the_public_names_and_no_clutter() -> None:
    shown = {name for name in dir(Value(1.0)) if not name.startswith("_")}
    own = {"data", "grad", "label", "op", "args", "backward", "forward", "zero_grad"}
    assert shown >= own | set(OPERATIONS) - {op.name for op in TABLE.values() if op.variadic}
    assert shown - own <= set(TABLE)


@pytest.mark.parametrize(
    "thing", [Value, autograd.grad, Value.backward, Value.forward, Value.tanh, autograd.tanh, autograd]
)
def test_help_is_worth_reading(thing: object) -> None:
    documentation = thing.__doc__
    assert documentation and len(documentation.split()) >= 3
    assert pydoc.render_doc(thing)


def test_help_of_value_tells_of_its_main_names() -> None:
    text = pydoc.plain(pydoc.render_doc(Value))
    for name in ("data", "grad", "backward", "forward", "tanh", "label"):
        assert name in text


@pytest.mark.parametrize(
    "value, text",
    [
        (lambda: Value(0.4), "Value(data=0.4, grad=0.0)"),
        (lambda: Value(2), "Value(data=2.0, grad=0.0)"),
        (lambda: Value(0.4, "input"), "Value(data=0.4, grad=0.0, label='input')"),
        (lambda: Value(0.4, label="it's"), 'Value(data=0.4, grad=0.0, label="it\'s")'),
        (lambda: Value(float("inf")), "Value(data=inf, grad=0.0)"),
        (lambda: Value(1e-300) * 2, "Value(data=2e-300, grad=0.0)"),
        (lambda: grad(Value(3.0) * 2, Value(1.0)), "Value(data=0.0, grad=0.0)"),
    ],
)
def test_repr_shows_data_gradient_and_label(value: Callable[[], Value], text: str) -> None:
    assert repr(value()) == text


def test_repr_follows_what_happens_to_the_value() -> None:
    x = Value(0.4)
    assert x.label == ""
    (x * 3).backward()
    x.label = "x"
    assert repr(x) == "Value(data=0.4, grad=3.0, label='x')"
    assert "tanh" in repr(x.tanh().op)


def test_ctrl_c_at_any_point_of_backward_leaves_the_gradients_and_frees_the_lock() -> None:
    x, y = Value(2.0), Value(3.0)
    own = Op("own({})", lambda x: x, lambda g, z, x: g)  # whose rule is in Python, where Ctrl-C may come
    z = autograd.sum([x * y, x.relu(), x.stop_gradient() * 2.0, autograd.where(1.0, x, y), 1.0, own(x) * 0.0])
    seen = set()
    for at in itertools.count(1):
        x.grad = y.grad = 0.0
        over = not interrupts.interrupted(z.backward, at)
        seen.add((x.grad, y.grad))
        if over:
            break
    assert seen == {(0.0, 0.0), (5.0, 2.0)}
