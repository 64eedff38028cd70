"""Programs that were published for other engines, written anew, find the numbers that their authors published.

*Published* numbers stand in the original notebook, page or picture. *Recorded* numbers are what the original prints
when it runs on its own engine (CPython 3.11): where its authors published none, or fewer digits. Engines that add
gradients in the order of a set change the last digits from run to run.
"""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent / "benchmarks"))

import workloads
from other_programs import EARLY, FIRST, LAST, FusedMicroGPT, Lecture, MicroGPT, YinYang, first_losses

import autograd
from autograd import Value, check_gradients, grad, nn, optim

ENGINE, FUSED = workloads.load("autograd, atomic"), workloads.load("autograd, fused")


def nodes_and_edges(root: Value) -> tuple[list[Value], list[tuple[Value, Value]]]:
    """Find what drawing code finds: it follows `_prev`, operands in order, and lists each node once."""
    nodes: list[Value] = []
    edges: list[tuple[Value, Value]] = []

    def visit(v: Value) -> None:
        if v not in nodes:
            nodes.append(v)
            for operand in v._prev:
                if (operand, v) not in edges:
                    edges.append((operand, v))
                visit(operand)

    visit(root)
    return nodes, edges


def operands_first(root: Value) -> list[Value]:
    """Sort the graph as the lecture does: each node after its operands."""
    order: list[Value] = []

    def visit(v: Value) -> None:
        if v not in order:
            for operand in v._prev:
                visit(operand)
            order.append(v)

    visit(root)
    return order


def boxes(root: Value) -> set[tuple[str, str, str]]:
    """Return what a drawing writes into the boxes: label, number, gradient."""
    return {(v.label, f"{v.data:.4f}", f"{v.grad:.4f}") for v in nodes_and_edges(root)[0]}


def signs(root: Value) -> Counter[str]:
    """Count the operations that a drawing shows."""
    return Counter(v._op for v in nodes_and_edges(root)[0] if v._op)


# ---------------------------------------------------------- github.com/karpathy/nn-zero-to-hero, lectures/micrograd


def named(**values: Any) -> Iterator[Value]:
    """Label Values by the names that they are given under."""
    for label, x in values.items():
        v = x if isinstance(x, Value) else Value(x)
        v.label = label
        yield v


class Expression:
    """The first graph of the lecture: L = (a b + c) f."""

    def __init__(self, nudge: float = 0.0) -> None:
        self.a, self.b, self.c, self.f = named(a=2.0, b=-3.0 + nudge, c=10.0, f=-2.0)
        (self.e,) = named(e=self.a * self.b)
        (self.d,) = named(d=self.e + self.c)
        (self.L,) = named(L=self.d * self.f)


class TwoInputs:
    """The neuron of the lecture, x1 w1 + x2 w2 + b, whose bias makes the published numbers round."""

    def __init__(self, bias: float = 6.8813735870195432) -> None:
        self.x1, self.x2, self.w1, self.w2, self.b = named(x1=2.0, x2=0.0, w1=-3.0, w2=1.0, b=bias)
        self.x1w1, self.x2w2 = self.x1 * self.w1, self.x2 * self.w2
        self.x1w1.label, self.x2w2.label = "x1*w1", "x2*w2"
        self.both = self.x1w1 + self.x2w2
        self.both.label = "x1*w1 + x2*w2"
        (self.n,) = named(n=self.both + self.b)


PUBLISHED_NEURON = {
    ("w2", "1.0000", "0.0000"), ("x1*w1", "-6.0000", "0.5000"), ("x1", "2.0000", "-1.5000"), ("x2", "0.0000", "0.5000"),
    ("o", "0.7071", "1.0000"), ("w1", "-3.0000", "1.0000"), ("b", "6.8814", "0.5000"), ("n", "0.8814", "0.5000"),
    ("x1*w1 + x2*w2", "-6.0000", "0.5000"), ("x2*w2", "0.0000", "0.5000"),
}  # fmt: skip  # as in the drawing


def test_a_slope_by_hand() -> None:
    """Lecture, cells 1 to 4: published f(3) = 20 and the slope of f at 2/3 by h = 1e-6."""

    def f(x: Any) -> Any:
        return 3 * x**2 - 4 * x + 5

    h, x = 0.000001, 2 / 3
    assert f(Value(3.0)).data == 20.0
    assert (f(Value(x + h)) - f(Value(x))).data / h == 2.999378523327323e-06
    at = Value(x)
    f(at).backward()
    assert at.grad == pytest.approx(0.0, abs=1e-15)


def test_the_first_expression() -> None:
    """Lecture, cells 5 to 11: published L = -8, the drawing's numbers, L after one step, and a slope by h = 0.001."""
    graph = Expression()
    assert repr(graph.L) == "Value(data=-8.0, grad=0.0, label='L')"
    graph.L.backward()
    assert boxes(graph.L) == {
        ("a", "2.0000", "6.0000"), ("b", "-3.0000", "-4.0000"), ("c", "10.0000", "-2.0000"), ("d", "4.0000", "-2.0000"),
        ("e", "-6.0000", "-2.0000"), ("f", "-2.0000", "4.0000"), ("L", "-8.0000", "1.0000"),
    }  # fmt: skip  # as in the drawing
    assert signs(graph.L) == {"*": 2, "+": 1}
    assert len(nodes_and_edges(graph.L)[1]) + 3 == 9  # published, with one from each operation to its result
    for leaf in (graph.a, graph.b, graph.c, graph.f):
        leaf.data += 0.01 * leaf.grad
    assert ((graph.a * graph.b + graph.c) * graph.f).data == -7.286496
    assert (Expression(0.001).L.data - Expression().L.data) / 0.001 == -3.9999999999995595
    slope_by_c = (2.0 * -3.0 + Value(10.0 + 0.0001) - 4.0).data / 0.0001
    assert slope_by_c == 0.9999999999976694


def test_the_neuron() -> None:
    """Lecture, cells 13 to 16 and 29: published drawing, order of the nodes, and 1 - o²."""
    neuron = TwoInputs()
    (o,) = named(o=neuron.n.tanh())
    o.backward()
    assert o.data == pytest.approx(0.7071067811865476, rel=2e-16)  # there, tanh is made of two exponentials
    assert boxes(o) == PUBLISHED_NEURON
    assert signs(o) == {"*": 2, "+": 2, "tanh": 1}
    assert 1 - o.data**2 == pytest.approx(0.4999999999999999, rel=5e-16)
    published = [6.881373587019543, 2.0, -3.0, -6.0, 0.0, 1.0, 0.0, -6.0, 0.8813735870195432, 0.7071067811865476]
    order = operands_first(o)
    assert sorted(v.data for v in order) == pytest.approx(sorted(published), rel=2e-16)  # there, in a set's order
    assert [v.label for v in order] == "x1,w1,x1*w1,x2,w2,x2*w2,x1*w1 + x2*w2,b,n,o".split(",")


def test_the_neuron_backward_by_hand() -> None:
    """Lecture, cells 17 to 28: one `_backward()` after the other, from the output on, gives the published drawing."""
    neuron = TwoInputs()
    (o,) = named(o=neuron.n.tanh())
    o.grad = 1.0
    for v in (o, neuron.n, neuron.b, neuron.both, neuron.x2w2, neuron.x1w1):
        v._backward()
    assert boxes(o) == PUBLISHED_NEURON


@pytest.mark.parametrize("decomposed", [False, True])
def test_backward_is_the_steps_by_hand(decomposed: bool) -> None:
    """Lecture: `backward()` is `_backward()` of each node, in reversed topological order over `_prev`."""

    def output() -> tuple[TwoInputs, Value]:
        neuron = TwoInputs()
        e = (2 * neuron.n).exp()
        (o,) = named(o=(e - 1) / (e + 1) if decomposed else neuron.n.tanh())
        return neuron, o

    by_hand, o = output()
    o.grad = 1.0
    for v in reversed(operands_first(o)):
        v._backward()
    at_once, whole = output()
    whole.backward()
    for name in "x1 w1 x2 w2 b n".split():
        assert getattr(by_hand, name).grad == getattr(at_once, name).grad, name


def test_a_node_that_is_used_twice() -> None:
    """Lecture, cells 31 and 32: the published drawings of b = a + a and f = (a b) (a + b)."""
    (a,) = named(a=3.0)
    (b,) = named(b=a + a)
    b.backward()
    assert boxes(b) == {("a", "3.0000", "2.0000"), ("b", "6.0000", "1.0000")}
    assert b._prev == (a, a)

    a, b = named(a=-2.0, b=3.0)
    d, e = named(d=a * b, e=a + b)
    (f,) = named(f=d * e)
    f.backward()
    assert boxes(f) == {
        ("a", "-2.0000", "-3.0000"), ("b", "3.0000", "-8.0000"), ("d", "-6.0000", "1.0000"), ("e", "1.0000", "-6.0000"),
        ("f", "-6.0000", "1.0000"),
    }  # fmt: skip  # as in the drawing


@pytest.mark.parametrize("by_hand", [False, True])
def test_tanh_from_exp(by_hand: bool) -> None:
    """Second notebook, cell 11: tanh from exp, published drawing.

    There `e - 1` is e + -1, and a quotient a product with a power: its drawing has nodes that ours has not. What both
    have agrees. Constants are drawn too; their gradients are 0 after `backward()`, which leaves them alone.
    """
    neuron = TwoInputs()
    e = (2 * neuron.n).exp()
    (o,) = named(o=(e - 1) / (e + 1))
    if by_hand:
        o.grad = 1.0
        for v in reversed(operands_first(o)):
            v._backward()
    else:
        o.backward()
    constants = {("", "2.0000", "0.2203"), ("", "1.0000", "-0.1036"), ("", "1.0000", "-0.1464")}
    if not by_hand:
        constants = {("", "2.0000", "0.0000"), ("", "1.0000", "0.0000")}
    results = {("", "1.7627", "0.2500"), ("", "5.8284", "0.0429"), ("", "4.8284", "0.1464"), ("", "6.8284", "-0.1036")}
    assert boxes(o) == PUBLISHED_NEURON | results | constants
    assert signs(o) == {"*": 3, "+": 3, "exp": 1, "-": 1, "/": 1}


def test_pytorchs_numbers_in_the_lecture() -> None:
    """Second notebook, cell 13: published by PyTorch, where a bias in single precision has been made double."""
    (bias,) = struct.unpack("f", struct.pack("f", 6.8813735870195432))
    neuron = TwoInputs(bias)
    o = neuron.n.tanh()
    o.backward()
    assert o.data == pytest.approx(0.7071066904050358, rel=1e-15)
    gradients = [v.grad for v in (neuron.x2, neuron.w2, neuron.x1, neuron.w1)]
    assert gradients == pytest.approx([0.5000001283844369, 0.0, -1.5000003851533106, 1.0000002567688737], rel=1e-15)


def test_the_network_on_four_samples() -> None:
    """Second notebook, cells 14 to 18: the training by hand. Recorded with the notebook's classes and seed 1337.

    Its own tanh is made of two exponentials, which differs in the last digits, and more so after each step.
    """
    lecture = Lecture(ENGINE)
    assert len(lecture.parameters) == 41
    assert lecture.predict(lecture.inputs[0]).data == pytest.approx(0.42767811248845455, rel=1e-14)
    assert first_losses(lecture, 20) == pytest.approx(RECORDED_LECTURE, rel=1e-12)


RECORDED_LECTURE = [
    6.005402783252284, 3.2021496469205015, 2.4621709281541335, 2.088099936685807, 1.5278639402323066,
    0.7000976207724657, 0.25394134621145187, 0.13479690116492274, 0.09035117564469888, 0.0673186675311987,
    0.05335489910674922, 0.0440331358022693, 0.03739130933505221, 0.03243110758418091, 0.0285926905336432,
    0.025538525382925933, 0.023053366242895862, 0.020993662195765872, 0.019260106992306406, 0.01778187468615766,
]  # fmt: skip


def test_the_published_loss_is_that_of_the_published_predictions() -> None:
    """Second notebook, cells 17 and 18: the last loss and the last predictions that it prints."""
    predictions = [0.9817830812439714, -0.9863881624765284, -0.9766534529377958, 0.9729591216966093]
    loss = Lecture.error(list(map(Value, predictions)), Lecture.targets)
    assert loss.data == pytest.approx(0.0017934086088756394, rel=1e-15)


def test_a_neuron_as_micrograd_draws_it() -> None:
    """github.com/karpathy/micrograd, trace_graph.ipynb: the numbers in its picture, gout.svg (seed 1337)."""
    random.seed(1337)
    neuron = nn.Neuron(2, nonlin=True)
    y = workloads.add_products(neuron.w, [Value(1.0), Value(-2.0)], neuron.b).relu()
    y.backward()
    numbers = Counter((f"{v.data:.4f}", f"{v.grad:.4f}") for v in nodes_and_edges(y)[0])
    assert numbers == {
        ("0.1024", "1.0000"): 2, ("0.2355", "1.0000"): 3, ("1.0000", "0.2355"): 1, ("-0.1331", "1.0000"): 1,
        ("0.0000", "1.0000"): 1, ("0.0665", "-2.0000"): 1, ("-2.0000", "0.0665"): 1,
    }  # fmt: skip  # as in the picture
    assert signs(y) == {"*": 2, "+": 2, "relu": 1}


DRAWN = """
import random
from autograd import Value

litter = [object() for _ in range(random.randrange(10_000))]  # moves the Values to other addresses
x = Value(0.5, label="x")
e = (2 * x).exp()
nodes, waiting = [], [(e - 1) / (e + x * x)]
while waiting:
    v = waiting.pop()
    if v not in nodes:
        nodes.append(v)
        waiting += v._prev
print([(v.label, v._op, v.data, [nodes.index(operand) for operand in v._prev]) for v in nodes])
"""


def test_a_drawing_comes_out_the_same_on_every_run() -> None:
    """Drawing code that lists nodes and edges in the order of `_prev`, such as EurekaLabs' `trace`."""

    def drawn(seed: str) -> str:
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent.parent)}
        return subprocess.run(
            [sys.executable, "-c", DRAWN], env=environment, capture_output=True, text=True, check=True
        ).stdout

    first = drawn("1")
    assert first.startswith("[('', '/', ") and first == drawn("2")


# ---------------------------------------------------------------------------------- github.com/EurekaLabsAI/micrograd

# Recorded from micrograd.py: the mean losses of training, by step, and of validation, before each tenth step.
EUREKA_TRAINING = {
    0: 1.0122152826497561, 1: 0.8466614840586785, 2: 0.7433865082961447, 3: 0.6868202269118524, 4: 0.6515520845360222,
    9: 0.619530801607749, 19: 0.48672654816774563, 49: 0.19590229292912958,
}  # fmt: skip
EUREKA_VALIDATION = [1.053898, 0.781408, 0.503792, 0.417821, 0.286108]


def test_eurekalabs_demo() -> None:
    """github.com/EurekaLabsAI/micrograd, micrograd.py: 50 of its 100 steps of AdamW on the yin-yang data. Recorded.

    micrograd_pytorch.py, its twin, prints the same in PyTorch's single precision: 1.01221528, 0.84666148 and so on.
    """
    demo = YinYang(FUSED)
    losses, validation = [], []
    for step in range(50):
        if step % 10 == 0:
            validation.append(demo.loss(demo.validation).data)
        losses.append(demo.step())
    assert {step: losses[step] for step in EUREKA_TRAINING} == pytest.approx(EUREKA_TRAINING, rel=1e-12)
    assert validation == pytest.approx(EUREKA_VALIDATION, abs=5.1e-7)


def test_eurekalabs_demo_in_this_packages_words() -> None:
    """The same with `nn.Neuron`, `nn.cross_entropy` and `optim.AdamW`."""
    demo = YinYang(ENGINE)
    hidden, last = [[nn.Neuron(n, a) for _ in range(count)] for n, a, count in ((2, "tanh", 8), (8, "linear", 3))]
    for neuron, (weights, bias) in zip([*hidden, *last], [n for layer in demo.layers for n in layer]):
        neuron.w, neuron.b = weights, bias
    optimizer = optim.AdamW(lr=0.1, betas=(0.9, 0.95), weight_decay=1e-4)
    points, labels = zip(*demo.training)
    losses = []
    for _ in range(5):
        scores = [[neuron([h(point) for h in hidden]) for neuron in last] for point in points]
        loss = nn.cross_entropy(scores, labels)
        for p in demo.parameters:
            p.grad = None
        loss.backward()
        optimizer.step(demo.parameters)
        losses.append(loss.data)
    assert losses == pytest.approx([EUREKA_TRAINING[step] for step in range(5)], rel=1e-12)


# ---------------------------------------------------------------------------- karpathy.github.io/2026/02/12/microgpt

PUBLISHED_MICROGPT = [
    3.3660, 3.4243, 3.1778, 3.0664, 3.2209, 2.9452, 3.2894, 3.3245, 2.8990, 3.2229, 2.7964, 2.9345, 3.0544,
]  # fmt: skip
RECORDED_MICROGPT = {  # by version, from the original on its own engine
    LAST: [3.3659669475848504, 3.4242727838717717],
    FIRST: [3.2626697565523575, 3.300263772564401],
}


@pytest.mark.parametrize("version", [FIRST, LAST], ids=["first", "last"])
@pytest.mark.parametrize("kind", [MicroGPT, FusedMicroGPT])
def test_microgpt(version: Any, kind: type[MicroGPT]) -> None:
    """microGPT: the recorded losses of the first version (243 lines) and of the last one (200 lines)."""
    model = kind(ENGINE, version)
    assert len(model.parameters) == {LAST: 4192, FIRST: 4064}[version]
    assert first_losses(model, 2) == pytest.approx(RECORDED_MICROGPT[version], rel=1e-13)


def test_microgpt_as_published() -> None:
    """karpathy.github.io/2026/02/12/microgpt: the losses that the page shows of the last version's first steps."""
    losses = first_losses(FusedMicroGPT(ENGINE, LAST), len(PUBLISHED_MICROGPT))
    assert [round(loss, 4) for loss in losses] == PUBLISHED_MICROGPT


def test_microgpt_with_this_packages_optimizer() -> None:
    """`optim.Adam` in place of the optimizer that microGPT spells out."""
    model = FusedMicroGPT(ENGINE, LAST)
    optimizer = optim.Adam(lr=lambda step: 0.01 * (1 - step / 1000), betas=(0.85, 0.99))
    losses = []
    for _ in range(2):
        losses.append(model.differentiate())
        optimizer.step(model.parameters)
        for p in model.parameters:
            p.grad = 0
        model.optimizer.steps += 1  # which counts the names
    assert losses == pytest.approx(RECORDED_MICROGPT[LAST], rel=1e-13)


def test_early_microgpt_gets_exact_gradients() -> None:
    """microGPT before its first version, where each letter's `backward()` meets the keys and values of those before.

    micrograd's engine keeps the gradients that an earlier call left in them and pulls them back once more. Recorded
    with that engine, but with all gradients of results set to 0 before each call: then they are exact.
    """
    losses = first_losses(MicroGPT(ENGINE, EARLY), 2)
    assert losses == pytest.approx([3.3325121406589506, 3.331947581504921], rel=1e-13)


class EarlyByHand(MicroGPT):
    """The early microGPT with micrograd's backward pass, by hand: what earlier calls left in results counts again."""

    def differentiate(self) -> float:
        total, share = 0.0, 1 / (len(self.next_name()) - 1)
        for loss in self.losses(self.next_name()):
            part = share * loss
            part.grad = 1
            for v in sorted(graph_over_prev(part), key=lambda v: v._order, reverse=True):
                v._backward()
            total += part.data
        return total


def graph_over_prev(root: Value) -> set[Value]:
    seen, waiting = {root}, [root]
    while waiting:
        for operand in waiting.pop()._prev:
            if operand not in seen and operand.op is not None:
                seen.add(operand)
                waiting.append(operand)
    return seen


def test_early_microgpt_by_hand_is_microgpt_on_its_own_engine() -> None:
    """The early version, as recorded with its own engine: steps by hand let gradients of results pile up, as there."""
    model = EarlyByHand(ENGINE, EARLY)
    model.step()
    assert model.loss().data == pytest.approx(3.3320080493354807, rel=1e-12)


# ------------------------------------------------------------- github.com/HIPS/autograd, tests/test_scalar_ops.py


class Function:
    """A function by NumPy's name, its first and second derivative by formula, and the points to try."""

    def __init__(
        self, first: Callable[[float], float], second: Callable[[float], float], points: list[float], ours: str = ""
    ) -> None:
        self.first, self.second, self.points, self.ours = first, second, points, ours


ANYWHERE, POSITIVE = [1.6243, -0.6118, 0.0], [0.5282, 1.0730, 7.2032]
LN2, LN10 = math.log(2), math.log(10)
HIPS = {
    "absolute": Function(lambda x: math.copysign(x != 0, x), lambda x: 0.0, [1.1, -1.1, 0.0], "abs"),
    "sign": Function(lambda x: 0.0, lambda x: 0.0, [1.1, -1.1]),
    "negative": Function(lambda x: -1.0, lambda x: 0.0, ANYWHERE, "neg"),
    "exp": Function(math.exp, math.exp, ANYWHERE),
    "exp2": Function(lambda x: LN2 * 2**x, lambda x: LN2**2 * 2**x, ANYWHERE),
    "expm1": Function(math.exp, math.exp, ANYWHERE),
    "log": Function(lambda x: 1 / x, lambda x: -1 / x**2, POSITIVE),
    "log2": Function(lambda x: 1 / (x * LN2), lambda x: -1 / (x**2 * LN2), POSITIVE),
    "log10": Function(lambda x: 1 / (x * LN10), lambda x: -1 / (x**2 * LN10), POSITIVE),
    "log1p": Function(lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2, POSITIVE),
    "sqrt": Function(lambda x: 0.5 / math.sqrt(x), lambda x: -0.25 * x**-1.5, POSITIVE),
    "sin": Function(math.cos, lambda x: -math.sin(x), ANYWHERE),
    "cos": Function(lambda x: -math.sin(x), lambda x: -math.cos(x), ANYWHERE),
    "tan": Function(lambda x: math.cos(x) ** -2, lambda x: 2 * math.tan(x) * math.cos(x) ** -2, [0.3, -0.6118]),
    "sinh": Function(math.cosh, math.sinh, ANYWHERE),
    "cosh": Function(math.sinh, math.cosh, ANYWHERE),
    "tanh": Function(lambda x: math.cosh(x) ** -2, lambda x: -2 * math.tanh(x) * math.cosh(x) ** -2, ANYWHERE),
    "arcsin": Function(lambda x: (1 - x * x) ** -0.5, lambda x: x * (1 - x * x) ** -1.5, [0.1, -0.7], "asin"),
    "arccos": Function(lambda x: -((1 - x * x) ** -0.5), lambda x: -x * (1 - x * x) ** -1.5, [0.1, -0.7], "acos"),
    "arctan": Function(lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2, [0.2, -3.0], "atan"),
    "arcsinh": Function(lambda x: (x * x + 1) ** -0.5, lambda x: -x * (x * x + 1) ** -1.5, ANYWHERE, "asinh"),
    "arccosh": Function(lambda x: (x * x - 1) ** -0.5, lambda x: -x * (x * x - 1) ** -1.5, [1.2, 3.8384], "acosh"),
    "arctanh": Function(lambda x: 1 / (1 - x * x), lambda x: 2 * x / (1 - x * x) ** 2, [0.2, -0.7], "atanh"),
    "reciprocal": Function(lambda x: -1 / x**2, lambda x: 2 / x**3, [0.417, -0.7203]),
}


def twice(f: Callable[[Any], Any], point: float, scale: float = 1.0) -> tuple[float, float, float, float]:
    """Return f, f' by `backward()`, f' by `grad` and f'' at a point, after the numeric check of both derivatives."""
    x = Value(point)
    y = scale * f(x)
    y.backward()
    first = grad(y, x)
    check_gradients(y)
    check_gradients(first)
    return y.data, x.grad, first.data, grad(first, x).data


@pytest.mark.parametrize("name", HIPS)
def test_hips_scalar_functions(name: str) -> None:
    """HIPS autograd, tests/test_scalar_ops.py: three times each function, differentiated twice."""
    function = HIPS[name]
    of_numpy = getattr(np, name)
    of_this_package = getattr(autograd, function.ours or name, None)
    spellings: list[Callable[[Any], Any]] = [f for f in (of_numpy, of_this_package) if f]
    for point in function.points:
        expected = [3 * float(of_numpy(point)), 3 * function.first(point), 3 * function.second(point)]
        for f in spellings:
            y, by_backward, by_grad, second = twice(f, point, scale=3.0)
            assert by_backward == by_grad
            assert [y, by_grad, second] == pytest.approx(expected, rel=1e-13, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "f", "slope"),
    [
        ("rad2deg", lambda x: x * (180 / math.pi), lambda x: 180 / math.pi),
        ("deg2rad", lambda x: x * (math.pi / 180), lambda x: math.pi / 180),
        (
            "sinc",
            lambda x: autograd.sin(math.pi * x) / (math.pi * x),
            lambda x: (math.cos(math.pi * x) - math.sin(math.pi * x) / (math.pi * x)) / x,
        ),
    ],
)
def test_hips_compositions(name: str, f: Callable[[Any], Any], slope: Callable[[float], float]) -> None:
    """The same file: what is no operation here is composed of operations."""
    for point in (0.4170, 7.2032):
        y, by_backward, _, _ = twice(f, point)
        assert [y, by_backward] == pytest.approx([float(getattr(np, name)(point)), slope(point)], rel=1e-13)


# ------------------------------------------------------------------- github.com/minitorch/minitorch, its scalar tests


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else math.exp(x)


MINITORCH: dict[str, tuple[Callable[[Any], Any], Callable[[float], float], Callable[[float], float]]] = {
    "neg": (lambda x: -x, lambda x: -x, lambda x: -1.0),
    "addConstant": (lambda x: 5 + x, lambda x: 5 + x, lambda x: 1.0),
    "subConstant": (lambda x: x - 5, lambda x: x - 5, lambda x: 1.0),
    "multConstant": (lambda x: 5 * x, lambda x: 5 * x, lambda x: 5.0),
    "square": (lambda x: x * x, lambda x: x**2, lambda x: 2 * x),
    "cube": (lambda x: x * x * x, lambda x: x**3, lambda x: 3 * x**2),
    "div": (lambda x: x / 5, lambda x: x / 5, lambda x: 0.2),
    "inv": (lambda x: 1 / (x + 3.5), lambda x: 1 / (x + 3.5), lambda x: -1 / (x + 3.5) ** 2),
    "sig": (lambda x: x.sigmoid(), logistic, lambda x: logistic(x) * logistic(-x)),
    "log": (lambda x: (x + 100_000).log(), lambda x: math.log(x + 1e5), lambda x: 1 / (x + 1e5)),
    "relu": (lambda x: (x + 5.5).relu(), lambda x: max(x + 5.5, 0.0), lambda x: float(x > -5.5)),
    "exp": (lambda x: (x - 200).exp(), lambda x: math.exp(x - 200), lambda x: math.exp(x - 200)),
    "explog": (
        lambda x: (x + 100_000).log() + (x - 200).exp(),
        lambda x: math.log(x + 1e5) + math.exp(x - 200),
        lambda x: 1 / (x + 1e5) + math.exp(x - 200),
    ),
    "complex": (
        lambda x: (((x * 10 + 7).relu() * 6 + 5).relu() * 10).sigmoid().log() / 50,
        lambda x: -math.log1p(math.exp(-10 * (6 * max(10 * x + 7, 0.0) + 5))) / 50,
        lambda x: (x > -0.7) * 600 / 50 * logistic(-10 * (6 * (10 * x + 7) + 5)),
    ),
}
TWO: dict[str, tuple[Callable[[Any, Any], Any], Callable[[float, float], tuple[float, ...]]]] = {
    "add2": (lambda x, y: x + y, lambda x, y: (x + y, 1.0, 1.0)),
    "mul2": (lambda x, y: x * y, lambda x, y: (x * y, y, x)),
    "div2": (lambda x, y: x / (y + 5.5), lambda x, y: (x / (y + 5.5), 1 / (y + 5.5), -x / (y + 5.5) ** 2)),
}
"""Its comparisons, which are Scalars there, are `step` of a difference here."""


@pytest.mark.parametrize("name", MINITORCH)
@given(st.floats(-100, 100))
def test_minitorchs_scalar_functions(name: str, point: float) -> None:
    """minitorch, tests/test_scalar.py: values and derivatives of its functions within ±100, there by differences."""
    f, value, slope = MINITORCH[name]
    assume(abs(point + {"inv": 3.5, "relu": 5.5, "complex": 0.7}.get(name, 1e3)) > 1e-3)
    x = Value(point)
    y = f(x)
    y.backward()
    assert y.data == pytest.approx(value(point), rel=1e-12, abs=1e-15)
    assert x.grad == pytest.approx(slope(point), rel=1e-11, abs=1e-15)


@pytest.mark.parametrize("name", TWO)
@given(st.floats(-100, 100), st.floats(-100, 100))
def test_minitorchs_functions_of_two_scalars(name: str, first: float, second: float) -> None:
    f, expected = TWO[name]
    assume(abs(second + 5.5) > 1e-3)
    x, y = Value(first), Value(second)
    z = f(x, y)
    z.backward()
    assert [z.data, x.grad, y.grad] == pytest.approx(expected(first, second), rel=1e-11)
    for c, holds in ((y - x, first < second), (x - y, first > second)):
        assert autograd.step(c).data == holds


def flipped(f: Callable[[Any, Any], Any], y: float, x: Value) -> Any:
    return f(x, y)


@pytest.mark.parametrize(
    ("f", "by_x", "by_y"),
    [
        (np.power, lambda x, y: y * x ** (y - 1), lambda x, y: x**y * math.log(x)),
        (np.divide, lambda x, y: 1 / y, lambda x, y: -x / y**2),
        (np.true_divide, lambda x, y: 1 / y, lambda x, y: -x / y**2),
        (np.multiply, lambda x, y: y, lambda x, y: x),
        (np.mod, lambda x, y: 1.0, lambda x, y: -math.floor(x / y)),
    ],
)
def test_hips_functions_of_two(f: Any, by_x: Callable[..., float], by_y: Callable[..., float]) -> None:
    """The same file: each argument in turn, the other one a number."""
    for x, y in ((1.7203, 0.3023), (0.1468, 0.0923), (2.5, 1.1863)):
        value, first, _, _ = twice(partial(flipped, f, y), x)
        assert [value, first] == pytest.approx([float(f(x, y)), by_x(x, y)], rel=1e-13)
        value, first, _, _ = twice(partial(f, x), y)
        assert [value, first] == pytest.approx([float(f(x, y)), by_y(x, y)], rel=1e-13)


def test_hips_powers_at_the_edges() -> None:
    """The same file: x**0 has the derivatives 0 and 0 at 0 (its issue 116), and so has 0**y for y > 0."""
    assert twice(lambda x: np.power(x, 0.0), 0.0) == (1.0, 0.0, 0.0, 0.0)
    assert twice(lambda y: np.power(0.0, y), 0.3) == (0.0, 0.0, 0.0, 0.0)
