"""Reproduce the articles' numbers: a single neuron, its gradients, its training; and the example of micrograd's README.

Numbers are strings with as many digits as the article prints.
"""

import contextlib
import io
import sys
from collections.abc import Callable

import pytest

from autograd import Value, check_gradients, faux_gradient, grad, tanh
from autograd.nn import Neuron

TINY = 0.0001


def shown(number: float, like: str) -> str:
    """Format `number` with as many decimals as `like`."""
    return format(number, f".{len(like.partition('.')[2])}f")


def digits(number: float) -> object:
    """Compare to the last digit where `math.tanh` is glibc's, and to twelve digits elsewhere."""
    return number if sys.platform.startswith("linux") else pytest.approx(number, rel=1e-12)


# ---------------------------------------------------------------------------------- gradients for a single neuron

Stages = dict[str, Value]


def from_plain_values() -> Stages:
    input, weight, bias = Value(0.4, label="input"), Value(0.5, label="weight"), Value(0.6, label="bias")
    net = input * weight + bias
    return with_loss(input, weight, bias, net, tanh(net))


def from_a_neuron() -> Stages:
    input, neuron = Value(0.4, label="input"), Neuron(1, weights=[0.5], bias=0.6)
    output = neuron(input)
    (net,) = output.args
    assert isinstance(net, Value)
    return with_loss(input, neuron.w[0], neuron.b, net, output)


def from_a_neuron_with_a_list() -> Stages:
    input, neuron = Value(0.4, label="input"), Neuron(1, weights=[0.5], bias=0.6)
    output = neuron([input])
    (net,) = output.args
    assert isinstance(net, Value)
    return with_loss(input, neuron.w[0], neuron.b, net, output)


def with_loss(input: Value, weight: Value, bias: Value, net: Value, output: Value) -> Stages:
    error = output - 0.7
    loss = error**2 / 2
    named = {"input": input, "weight": weight, "bias": bias, "net": net, "output": output}
    return named | {"error": error, "loss": loss}


every_neuron = pytest.mark.parametrize(
    "build", [from_plain_values, from_a_neuron, from_a_neuron_with_a_list], ids=lambda build: build.__name__
)

VALUES = {
    "input": "0.4",
    "weight": "0.5",
    "bias": "0.6",
    "net": "0.8",
    "output": "0.664",
    "error": "-0.035963",
    "loss": "0.0006467",
}
# a stage, the next stage, the local gradient of the next with respect to the first
LOCAL = [
    ("input", "net", "0.5"),
    ("weight", "net", "0.4"),
    ("bias", "net", "1"),
    ("net", "output", "0.5591"),
    ("output", "error", "1"),
    ("error", "loss", "-0.036"),
]
GLOBAL = {
    "input": "-0.0101",
    "weight": "-0.0080",
    "bias": "-0.0201",
    "net": "-0.0201",
    "output": "-0.036",
    "error": "-0.036",
    "loss": "1",
}
FAUX = {"input": "-0.0100", "weight": "-0.0080", "bias": "-0.0201", "net": "-0.0201", "output": "-0.0359"}


@every_neuron
def test_values_of_the_first_article(build: Callable[[], Stages]) -> None:
    stages = build()
    assert {name: shown(stages[name].data, number) for name, number in VALUES.items()} == VALUES
    assert stages["output"].data == digits(0.6640367702678491)


@every_neuron
def test_local_gradients_of_the_first_article(build: Callable[[], Stages]) -> None:
    stages = build()
    for name, following, number in LOCAL:
        assert shown(grad(stages[following], stages[name]).data, number) == number, name


@every_neuron
def test_local_gradients_are_the_rules_at_one(build: Callable[[], Stages]) -> None:
    def pulls(z: Value) -> tuple[float, ...]:
        assert z.op is not None
        return tuple(z.op.pulls(1.0, z.data, *[x.data if isinstance(x, Value) else x for x in z.args]))

    stages = build()
    product = stages["net"].args[0]
    assert isinstance(product, Value) and product.op is not None and product.op.name == "mul"
    assert pulls(product) == (0.5, 0.4)
    assert pulls(stages["net"]) == (1.0, 1.0)
    output = stages["output"].data
    assert pulls(stages["output"]) == (1 - output * output,)
    assert shown(pulls(stages["output"])[0], "0.5591") == "0.5591"


@every_neuron
def test_global_gradients_of_the_first_article(build: Callable[[], Stages]) -> None:
    stages = build()
    stages["loss"].backward()
    assert {name: shown(stages[name].grad, number) for name, number in GLOBAL.items()} == GLOBAL
    assert stages["weight"].grad == digits(-0.008042171772040318)
    assert stages["bias"].grad == digits(-0.020105429430100793)
    graphs = grad(stages["loss"], list(stages.values()))
    assert [graph.data for graph in graphs] == [stage.grad for stage in stages.values()]
    assert f"Weight gradient: {stages['weight'].grad:.4f}" == "Weight gradient: -0.0080"
    assert f"Bias gradient: {stages['bias'].grad:.4f}" == "Bias gradient: -0.0201"


@every_neuron
def test_faux_gradients_of_the_first_article_for_leaves_and_intermediates(build: Callable[[], Stages]) -> None:
    stages = build()
    before = {name: stage.data for name, stage in stages.items()}
    for name, number in FAUX.items():
        assert shown(faux_gradient(stages["loss"], stages[name]), number) == number, name
        assert faux_gradient(stages["loss"], stages[name], tiny=TINY) == faux_gradient(stages["loss"], stages[name])
    assert {name: stage.data for name, stage in stages.items()} == before


@every_neuron
def test_faux_gradients_from_both_sides_come_close_to_the_real_ones(build: Callable[[], Stages]) -> None:
    stages = build()
    stages["loss"].backward()
    for name in FAUX:
        faux = faux_gradient(stages["loss"], stages[name], method="central")
        assert faux == pytest.approx(stages[name].grad, rel=1e-6), name
    assert check_gradients(stages["loss"]), "the table of the check is not empty"


# ------------------------------------------------------------------------------------- training a single neuron

# a function from the input to the output, and the parameters
Model = tuple[Callable[[float], Value], list[Value]]


def plain_model() -> Model:
    weight, bias = Value(0.5), Value(0.5)
    return lambda input: tanh(input * weight + bias), [weight, bias]


def neuron_model() -> Model:
    neuron = Neuron(1, weights=[0.5], bias=0.5)
    assert [p.data for p in neuron.parameters()] == [0.5, 0.5]
    return neuron, neuron.parameters()


def replayed_model() -> Model:
    """Record once; every later call replays the graph."""
    output, parameters = plain_model()
    recorded: dict[float, Value] = {}

    def replay(input: float) -> Value:
        if input in recorded:
            recorded[input].forward()
        else:
            recorded[input] = output(input)
        return recorded[input]

    return replay, parameters


every_model = pytest.mark.parametrize(
    "build", [plain_model, neuron_model, replayed_model], ids=lambda build: build.__name__
)


def train(model: Model, rate: float, attempts: int, at: Callable[[int, float, float], None]) -> float:
    """Run the articles' loop, in which the model learns 0.01 times 10; report attempt, output and loss to `at`."""
    output_for, parameters = model
    for attempt in range(1, attempts + 1):
        output = output_for(0.01)
        error = output - 0.1
        loss = error * error / 2
        at(attempt, output.data, loss.data)
        loss.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= rate * p.grad
    return output_for(0.01).data


@every_model
def test_the_spreadsheets_training_table(build: Callable[[], Model]) -> None:
    outputs = {1: "0.466040", 2: "0.443310", 10: "0.284033", 100: "0.1000194"}
    seen: dict[int, str] = {}
    losses: list[float] = []

    def row(attempt: int, output: float, loss: float) -> None:
        losses.append(loss)
        if attempt in outputs:
            seen[attempt] = shown(output, outputs[attempt])

    model = build()
    final = train(model, 0.1, 1_000, row)
    weight, bias = model[1]
    assert seen == outputs
    assert shown(losses[0], "0.0669928") == "0.0669928"
    assert losses[:100] == sorted(losses[:100], reverse=True), "the error falls with every attempt"
    assert (shown(weight.data, "0.4959538"), shown(bias.data, "0.0953758")) == ("0.4959538", "0.0953758")
    assert final == pytest.approx(0.1, rel=1e-12)


def test_the_rust_programs_training_run_digit_for_digit() -> None:
    """In plain Values; the guided tour, whose test has the same numbers, trains a neuron as long."""
    after = {1: 0.4637940369755791, 10: 0.4436827140382901, 1_000: 0.10002704999527906}
    seen: dict[int, float] = {}

    def row(attempt: int, output: float, loss: float) -> None:
        if attempt - 1 in after:  # the output after an iteration is the one the next begins with
            seen[attempt - 1] = output

    final = train(plain_model(), 0.01, 100_000, row)
    assert seen == {iteration: digits(output) for iteration, output in after.items()}
    assert final == digits(0.1000000000000007)
    if sys.platform.startswith("linux"):
        assert f"Trained output: {final}" == "Trained output: 0.1000000000000007"


# --------------------------------------------------------------------------------------- the neuron before them


def two_plain_inputs() -> Value:
    return tanh(0.9 * Value(0.7) + 0.8 * Value(0.6) + Value(0.5))


def two_inputs_of_a_neuron() -> Value:
    return Neuron(2, weights=[0.7, 0.6], bias=0.5)([0.9, 0.8])


@pytest.mark.parametrize("build", [two_plain_inputs, two_inputs_of_a_neuron], ids=lambda build: build.__name__)
def test_the_neuron_of_the_article_before(build: Callable[[], Value]) -> None:
    output = build()
    (net,) = output.args
    assert isinstance(net, Value)
    loss = (output - 0.8) ** 2
    shows = [(net, "1.61"), (output, "0.923160"), (loss, "0.0151684")]
    assert [shown(stage.data, number) for stage, number in shows] == [number for _, number in shows]


# ------------------------------------------------------------------------------------- code written for micrograd

README_EXAMPLE = """
from micrograd.engine import Value

a = Value(-4.0)
b = Value(2.0)
c = a + b
d = a * b + b**3
c += c + 1
c += 1 + c + (-a)
d += d * 2 + (b + a).relu()
d += 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g += 10.0 / f
print(f'{g.data:.4f}')  # prints 24.7041, the outcome of this forward pass
g.backward()
print(f'{a.grad:.4f}')  # prints 138.8338, i.e. the numerical value of dg/da
print(f'{b.grad:.4f}')  # prints 645.5773, i.e. the numerical value of dg/db
"""

SANITY_CHECK = """
from micrograd.engine import Value

x = Value(-4.0)
z = 2 * x + 2 + x
q = z.relu() + z * x
h = (z * z).relu()
y = h + q + q * x
y.backward()
print(y.data)
print(x.grad)
"""

# how micrograd's notebooks walk the graph to draw it
TRACE = """
from micrograd.engine import Value

nodes, edges = set(), set()

def build(v):
    if v not in nodes:
        nodes.add(v)
        for child in v._prev:
            edges.add((child, v))
            build(child)

x, y = Value(2.0), Value(3.0)
build(x * y + x * x)
print(len(nodes))
print(len(edges))
print(sorted(n._op for n in nodes if n._op))
"""


@pytest.mark.parametrize(
    "source, printed",
    [
        (README_EXAMPLE, ["24.7041", "138.8338", "645.5773"]),
        (SANITY_CHECK, ["-20.0", "46.0"]),
        (TRACE, ["5", "5", "['*', '*', '+']"]),
    ],
    ids=["readme", "sanity", "trace"],
)
def test_code_for_micrograd_runs_with_only_the_package_name_changed(source: str, printed: list[str]) -> None:
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(source.replace("micrograd", "autograd"), {})
    assert output.getvalue().splitlines() == printed
