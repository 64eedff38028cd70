"""Code written for micrograd runs here when the package name in its imports is changed, and nothing else.

The programs below are texts. Each is run twice, by micrograd itself and, with "micrograd" replaced by "autograd", here.
What the demo's notebook printed when it was published, and what PyTorch gives for the engine's test, stand beside.
"""

from __future__ import annotations

import gc
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autograd import nn, optim

# make_moons(n_samples=100, noise=0.1) of scikit-learn 1.9.1 after np.random.seed(1337), classes -1 and 1; and the 100
# losses and accuracies that micrograd's demo.ipynb shows.
MOONS: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "moons.json").read_text())


def run(program: str, package: str, **names: Any) -> dict[str, Any]:
    """Run a program, and return the names it has defined."""
    names["__name__"] = "program"
    exec(compile(program.replace("micrograd", package), f"<{package}>", "exec"), names)
    return names


def both(program: str, **names: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return run(program, "micrograd", **names), run(program, "autograd", **names)


# --------------------------------------------------------------------------------------------------------- the engine

# The calculation of micrograd's test_sanity_check, and the one in its README and test_more_ops. PyTorch, in float64,
# gives the same numbers.
ENGINE = """
from micrograd.engine import Value

x = Value(-4.0)
inner = 2 * x + 2 + x
gate = inner.relu() + inner * x
power = (inner * inner).relu()
y = power + gate + gate * x
y.backward()

a, b = Value(-4.0), Value(2.0)
left, right = a + b, a * b + b**3
left += left + 1
left += 1 + left + (-a)
right += right * 2 + (b + a).relu()
right += 3 * right + (b - a).relu()
square = (left - right)**2
g = square / 2.0
g += 10.0 / square
g.backward()
"""


def test_the_engines_agree() -> None:
    theirs, ours = both(ENGINE)
    for name in "xyabg":
        assert ours[name].data == theirs[name].data
        assert ours[name].grad == pytest.approx(theirs[name].grad, rel=1e-15)


def test_the_engine_gives_what_pytorch_gives() -> None:
    ours = run(ENGINE, "autograd")
    assert (ours["y"].data, ours["x"].grad) == (-20.0, 46.0)
    figures = ours["g"].data, ours["a"].grad, ours["b"].grad
    assert figures == pytest.approx((24.70408163265306, 138.83381924198252, 645.5772594752186), rel=1e-15)


def test_drawing_code_finds_what_it_reads() -> None:
    theirs, ours = both(ENGINE)
    for name in ("y", "inner", "right"):
        assert ours[name]._op == theirs[name]._op
        assert {v.data for v in ours[name]._prev} == {v.data for v in theirs[name]._prev}


# -------------------------------------------------------------------------------------------------------- the networks

NETWORKS = """
import random
from micrograd.engine import Value
from micrograd.nn import Layer, MLP, Module, Neuron

random.seed(seed)
made = [
    Neuron(3, nonlin=True), Neuron(3, False), Neuron(3, True), Neuron(nin=2, nonlin=False),
    Layer(3, 4), Layer(3, 1), Layer(2, 3, nonlin=False), MLP(2, [16, 16, 1]), MLP(3, [4, 4, 2]), MLP(1, [1, 2]),
]
start = [[p.data for p in net.parameters()] for net in made]
texts = [str(net) for net in made if net is not made[7]]  # of a dozen neurons and more, ours prints a summary
shapes = [(len(n.w), n.b.data, n.nonlin) for layer in made[7].layers for n in layer.neurons]
results = []
for net, size in zip(made, [3, 3, 3, 2, 3, 3, 2, 2, 3]):
    found = net([Value(0.5 - i / 3) for i in range(size)])
    found = found if isinstance(found, list) else [found]
    sum(v * v for v in found).backward()
    results += [v.data for v in found] + [p.grad for p in net.parameters()]
made[7].zero_grad()
after = [p.grad for p in made[7].parameters()]

class Pair(Module):
    def __init__(self):
        self.first, self.second = Neuron(2, nonlin=True), Layer(2, 2)
    def parameters(self):
        return self.second.parameters() + self.first.parameters()

pair = Pair()
for p in pair.parameters():
    p.grad = 3
pair.zero_grad()
numbers = [p.data for p in pair.parameters()] + [p.grad for p in pair.parameters()]
empty = Module().parameters()
"""


@pytest.mark.parametrize("seed", [0, 1337, 31337])
def test_the_networks_agree(seed: int) -> None:
    theirs, ours = both(NETWORKS, seed=seed)
    for name in ("start", "texts", "shapes", "after", "numbers", "empty"):
        assert ours[name] == theirs[name], name
    assert ours["results"] == pytest.approx(theirs["results"], rel=1e-13, abs=1e-15)


def test_the_one_difference_is_a_bare_neuron() -> None:
    """The articles' neuron is tanh; micrograd's is relu."""
    from micrograd.nn import Neuron as Theirs  # noqa: PLC0415  # the name is ours everywhere else

    assert (repr(Theirs(2)), repr(nn.Neuron(2))) == ("ReLUNeuron(2)", "TanhNeuron(2)")


# ------------------------------------------------------------------------------------------------------------ the demo

DEMO = """
import random
from micrograd.engine import Value
from micrograd.nn import Neuron, Layer, MLP

random.seed(1337)
model = MLP(2, [16, 16, 1])

def loss():
    inputs = [list(map(Value, row)) for row in X]
    scores = list(map(model, inputs))
    losses = [(1 + -label * score).relu() for label, score in zip(y, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    alpha = 1e-4
    decay = alpha * sum((p*p for p in model.parameters()))
    right = [(label > 0) == (score.data > 0) for label, score in zip(y, scores)]
    return data_loss + decay, sum(right) / len(right)

losses, accuracies = [], []
for k in range(steps):
    total, accuracy = loss()
    model.zero_grad()
    total.backward()
    rate = 1.0 - 0.9 * k / 100
    for p in model.parameters():
        p.data -= rate * p.grad
    losses.append(total.data)
    accuracies.append(accuracy)
"""


@pytest.fixture(scope="module")
def demo() -> dict[str, Any]:
    gc.disable()  # our graphs have no cycles: it would look for some in vain
    try:
        return run(DEMO, "autograd", X=np.array(MOONS["X"]), y=np.array(MOONS["y"]), steps=40)
    finally:
        gc.enable()


def test_the_demo_trains_as_published(demo: dict[str, Any]) -> None:
    """In its first 40 steps; training/test_fit.py runs all 100, which take compiled functions less time."""
    assert demo["losses"][:3] == MOONS["losses"][:3] == [0.8958441028683222, 1.7235905336972022, 0.7429006313851131]
    assert demo["losses"] == pytest.approx(MOONS["losses"][:40], rel=1e-14)
    assert [round(100 * accuracy) for accuracy in demo["accuracies"]] == MOONS["accuracies"][:40]


def test_the_demo_trains_as_micrograd_does_today(demo: dict[str, Any]) -> None:
    gc.disable()  # it walks micrograd's cycles again and again: ten times the time
    try:
        theirs = run(DEMO, "micrograd", X=np.array(MOONS["X"]), y=np.array(MOONS["y"]), steps=3)
    finally:
        gc.enable()
    assert demo["losses"][0] == theirs["losses"][0]
    # From the first update on the last digits are not even micrograd's own: it adds gradients up in the order of a set
    # of objects, which changes from run to run.
    assert demo["losses"][:3] == pytest.approx(theirs["losses"], rel=1e-13)
    assert demo["accuracies"][:3] == theirs["accuracies"]


def test_the_demo_in_this_packages_words() -> None:
    """The same training with `nn.hinge` and `optim.SGD`."""
    random.seed(1337)
    model, optimizer = nn.MLP(2, [16, 16, 1]), optim.SGD(lr=lambda step: 1.0 - 0.9 * step / 100)
    losses = []
    for _ in range(4):
        decay = 1e-4 * sum(p * p for p in model.parameters())
        loss = nn.hinge([model(x) for x in MOONS["X"]], MOONS["y"]) + decay
        model.zero_grad()
        loss.backward()
        optimizer.step(model.parameters())
        losses.append(loss.data)
    assert losses == pytest.approx(MOONS["losses"][:4], rel=1e-13)
