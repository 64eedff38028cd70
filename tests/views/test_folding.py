"""Drawings in which what is alike is drawn once: long sums, samples of a batch, steps of a recurrent unit, chains."""

from __future__ import annotations

import functools
import math
import operator
import random
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from networks import WAYS, Network, loss_of

from autograd import Value, draw, nn, ops
from autograd.engine import graph_of
from autograd.views.draw.folding import fold
from autograd.views.draw.folding.merging import in_order
from autograd.views.draw.folding.steps import _Finder
from autograd.views.draw.legibility import passing
from autograd.views.draw.plan import CutBox, LayerBox, Plan
from autograd.views.network import find_layers

# Reading a drawing ---------------------------------------------------------------------------------------------------


def boxes(output: Value, **options: Any) -> list[list[str]]:
    """Return the lines of each node of a drawing; a constant has one."""
    source = draw(output, names={}, **options).source
    labels = re.findall(r'^\s*[vbc]\d+ \[label=("(?:[^"\\]|\\.)*"|\S+)', source, re.MULTILINE)
    return [label.strip('"').removesuffix(r"\l").split(r"\l") for label in labels]


def box(output: Value, title: str, **options: Any) -> list[str]:
    """Return the lines after the first of the one node that begins so."""
    [lines] = [lines for lines in boxes(output, **options) if lines[0].startswith(title)]
    return lines[1:]


def edges(output: Value, **options: Any) -> list[str]:
    """Return the labels of the edges."""
    source = draw(output, names={}, **options).source
    return re.findall(r'^\s*\w+ -> \w+ \[.*?label=" (.*?) "', source, re.MULTILINE)


def with_gradients(output: Value) -> Value:
    output.label = output.label or "loss"
    output.backward()
    return output


def leaves(n: int, name: str = "x") -> list[Value]:
    """Return leaves from 1 / n to 1."""
    return [Value(i / n, f"{name}{i}") for i in range(1, n + 1)]


def planned(output: Value, detail: str) -> Plan:
    """Return the folded plan of a drawing."""
    values = graph_of(output)
    plan = Plan(values, find_layers(values), detail, ())
    plan.join(5_000)
    fold(plan, 200)
    return plan


# Long sums -----------------------------------------------------------------------------------------------------------


def test_a_long_sum_is_one_node() -> None:
    """Python's sum begins with 0, which is not drawn."""
    total = with_gradients(sum(leaves(50)))  # type: ignore[arg-type]  # it is no int
    assert boxes(total) == [
        ["x1, …, x50", "× 50", "data 0.02 to 1", "grad 1"],
        ["loss = x1 + x2 + x3 + … + x50", "50 terms", "data 25.5", "grad 1"],
    ]
    assert edges(total) == ["1"]


@pytest.mark.parametrize(("n", "results"), [(3, 3), (5, 5), (6, 1), (12, 1)])
def test_a_short_sum_shows_how_it_is_added_and_a_stair_is_one_sum(n: int, results: int) -> None:
    total = with_gradients(sum(leaves(n)))  # type: ignore[arg-type]  # it is no int
    assert sum(" = " in lines[0] for lines in boxes(total)) == results


def test_a_term_that_is_added_often_has_one_edge() -> None:
    x = Value(0.5, "x")
    total = with_gradients(x + x + x + x + x + x + x)
    assert len(re.findall("v1 -> v", draw(total, names={}).source)) == 1


@pytest.mark.parametrize(
    ("reduce", "formula", "count"),
    [
        (lambda xs: functools.reduce(operator.sub, xs), "x1 - x2 - x3 - … - x20", "20 terms"),
        (lambda xs: functools.reduce(lambda total, x: x + total, xs), "x20 + x19 + x18 + … + x1", "20 terms"),
        (lambda xs: functools.reduce(operator.mul, xs), "x1 * x2 * x3 * … * x20", "20 factors"),
        (lambda xs: functools.reduce(ops.max, xs), "max(x1, x2, x3, …, x20)", "20 operands"),
        (lambda xs: functools.reduce(ops.min, xs), "min(x1, x2, x3, …, x20)", "20 operands"),
        (lambda xs: sum(xs[:10]) + (sum(xs[10:18]) - xs[18] + xs[19]), "x1 + x2 + x3 + … + x20", "20 terms"),
    ],
)
def test_every_chain_of_one_operation_is_one(reduce: Callable[[list[Value]], Value], formula: str, count: str) -> None:
    xs = leaves(20)
    result = with_gradients(reduce(xs))
    assert [f"loss = {formula}", count] in [lines[:2] for lines in boxes(result)]


@pytest.mark.parametrize(
    ("operations", "text", "names"),
    [
        ([operator.add], "+ 50 terms", "add"),
        ([operator.sub], "- 50 terms", "sub"),
        ([operator.add, operator.sub], "± 50 terms", "add, sub"),
        ([operator.mul], "* 50 factors", "mul"),
        ([ops.max], "max 50 operands", "max"),
    ],
)
def test_the_circle_of_a_long_sum_is_for_all_of_its_operations(
    operations: list[Callable[[Value, Value], Value]], text: str, names: str
) -> None:
    first, *others = leaves(50)
    total = first
    for i, x in enumerate(others):
        total = operations[i % len(operations)](total, x)
    [(label, tooltip)] = re.findall(
        r'^\s*o\d+ \[label="(.*?)" color.*tooltip="operation (.*?)"',
        draw(total, names={}, ops=True).source,
        re.MULTILINE,
    )
    assert (label.removesuffix(r"\n"), tooltip) == (text, names)


def test_the_local_gradients_of_a_long_product_are_those_of_the_whole() -> None:
    """For the output they are the gradients of the factors."""
    xs = [Value(x, f"x{i}") for i, x in enumerate(random.Random(1).choices([0.5, 0.9, 1.0, 1.2], k=30))]
    with_gradients(functools.reduce(operator.mul, xs))
    product = functools.reduce(operator.mul, xs)
    product.backward()
    xs_at_zero = sorted(x.grad / 2 for x in xs)  # two backward passes
    tip = re.search(r"d \w+ / d \(x0, …\) = (\S+) to (\S+) \(30 ×\)", draw(product, names={}).source)
    assert tip is not None
    assert [float(x) for x in tip.groups()] == pytest.approx([xs_at_zero[0], xs_at_zero[-1]], rel=1e-14)


def test_a_difference_within_a_sum_is_no_term_of_it() -> None:
    """a - (b - c + ...) has other signs than a - b - c."""
    xs = leaves(40)
    inner = functools.reduce(operator.sub, xs[20:])
    total = with_gradients(functools.reduce(operator.add, xs[:20]) - inner)
    counts = [lines[1] for lines in boxes(total) if "terms" in lines[1]]
    assert sorted(counts) == ["20 terms", "21 terms"]


def test_a_labelled_or_shared_part_of_a_sum_stays() -> None:
    xs = leaves(40)
    part = functools.reduce(operator.add, xs[:20])
    part.label = "part"
    total = with_gradients(functools.reduce(operator.add, xs[20:], part))
    assert box(total, "part = ")[0] == "20 terms"
    assert box(total, "loss = ")[0] == "21 terms"
    part.label = ""
    assert [lines[1] for lines in boxes(total) if "terms" in lines[1]] == ["40 terms"]
    twice = with_gradients(total + part)
    assert sorted(lines[1] for lines in boxes(twice) if "terms" in lines[1]) == ["20 terms", "21 terms"]


def test_a_part_of_a_sum_that_a_variable_names_stays() -> None:
    """Unless a loop names so many of them that they tell nothing, as in a list of running totals."""
    xs = leaves(40)
    data, penalty = functools.reduce(operator.add, xs[:20]), functools.reduce(operator.add, xs[20:])
    loss = data + penalty
    titles = [line for line in re.findall(r'label="(.*?)\\l', draw(loss).source) if " = " in line]
    assert titles[-3:] == [
        "data = x1 + x2 + x3 + … + x20",
        "penalty = x21 + x22 + x23 + … + x40",
        "loss = data + penalty",
    ]
    assert [lines[1] for lines in boxes(loss) if "terms" in lines[1]] == ["40 terms"]  # without variables
    totals = [xs[0]]
    for x in xs[1:]:
        totals.append(totals[-1] + x)
    assert "40 terms" in draw(totals[-1]).source
    for v in totals:
        v.label = "total"
    assert "40 terms" in draw(totals[-1], names={}).source


def test_the_same_term_many_times_is_one_edge() -> None:
    x = Value(1.0, "x")
    total = x
    for _ in range(30):
        total = total + x
    assert edges(with_gradients(total)) == ["1"]
    assert 'tooltip="d loss / d x = 1.0 (31 ×)"' in draw(total, names={}).source


def test_a_sum_of_the_outputs_of_a_layer_has_all_of_them_and_one_edge() -> None:
    """The first two come in one operation, so their edge is one already; what is subtracted has another."""
    layer = nn.Layer(2, 5, "linear", rng=random.Random(0))
    a, b, c, d, e = layer([Value(0.5, "x"), Value(0.25, "y")])
    total = with_gradients(a + b + c - d + e)
    title, count, *_ = next(lines for lines in boxes(total, detail="layer") if lines[0].startswith("loss"))
    assert title == "loss = neuron1 + neuron2 + neuron3 - … + neuron5"
    assert count == "5 terms"
    assert sorted(edges(total, detail="layer")) == ["-1", "4 values"]


def test_the_terms_of_a_sum_are_drawn_once_where_they_are_alike() -> None:
    w = Value(0.5, "w")
    loss = with_gradients(sum((w * x - 0.25) ** 2 for x in leaves(30)))  # type: ignore[arg-type]  # it is no int
    assert [lines[1] for lines in boxes(loss) if len(lines) > 1] == ["data 0.5", *["× 30"] * 4, "30 terms"]
    assert box(loss, "w")[0] == "data 0.5"
    other = with_gradients(sum(x**k for x, k in zip(leaves(30), [2, 3] * 15)))  # type: ignore[arg-type]
    assert Counter(lines[1] for lines in boxes(other) if len(lines) > 1)["× 15"] == 4  # exponents stay apart


def test_a_convolution_is_drawn_once() -> None:
    """Although an input at an end is in fewer windows than those in the middle."""
    kernel, xs = leaves(3, "k"), leaves(30)
    windows = [functools.reduce(operator.add, (k * x for k, x in zip(kernel, xs[i:]))).relu() for i in range(28)]
    rows = boxes(with_gradients(ops.sum(windows)))
    assert [lines[1] for lines in rows if "relu" in lines[0]] == ["× 28"]
    assert len(rows) == 9


def test_constants_go_with_what_uses_them() -> None:
    """Exponents differ, so powers and their exponents stay apart, however large the drawing."""
    x = Value(0.7, "x")
    rows = boxes(with_gradients(ops.sum([x**k / (k + 1) for k in range(20)])))
    assert sum(len(lines) == 1 for lines in rows) == 40


# What differs among those that are drawn as one ----------------------------------------------------------------------


def constants_differ() -> Value:
    w = Value(0.5, "w")
    return with_gradients(sum((w * i - i**2) ** 2 for i in range(10)))  # type: ignore[arg-type]  # it is no int


def constants_of_steps_differ() -> Value:
    w = Value(5.0, "w")
    for i in range(15):
        w = w - 0.1 * (w - 3) * (i + 1)
    return with_gradients(w)


def leaves_differ() -> Value:
    xs = leaves(6)
    pairs = [x * y for i, x in enumerate(xs) for y in xs[i:]]
    return with_gradients(ops.sum(pairs))


def leaves_of_calls_differ() -> Value:
    return with_gradients(ops.sum([ops.max(x.sin(), x, i * 0.5) for i, x in enumerate(leaves(20))]))


def leaves_of_steps_differ() -> Value:
    return unit(0.0, leaves(T))[1]


def neurons_differ() -> Value:
    outputs = nn.Layer(2, 10, "linear", rng=random.Random(0))([0.5, 0.25])
    return with_gradients(ops.sum([(z - 0.3) ** 2 for z in outputs]))


def terms_differ() -> Value:
    a = Value(0.5, "a")
    return with_gradients(ops.sum([(a + x + i - 0.5 * a - 7).tanh() for i, x in enumerate(leaves(20))]))


def counts_differ() -> Value:
    w = Value(0.5, "w")
    return with_gradients(ops.sum([(ops.sum([w] * n) * x).tanh() for n, x in enumerate(leaves(20), start=20)]))


def mixed_batch() -> Value:
    return batch("mse", values=False)[0]


@pytest.mark.parametrize(
    ("program", "formulas"),
    [
        (constants_differ, ["w * (0 to 9)", "v2 - (0 to 81)", "v3 ** 2"]),
        (constants_of_steps_differ, ["loss[t-1] - 3", "0.1 * v58", "v59 * (1 to 15)"]),
        (leaves_differ, ["(x1, …) * (x1, …)"]),
        (leaves_of_calls_differ, ["sin(x1, …)", "largest([v21, (x1, …), 0 to 9.5])"]),
        (leaves_of_steps_differ, ["w * (x1, …)"]),
        (neurons_differ, ["layer - 0.3"]),
        (terms_differ, ["a + (x1, …) + (0 to 19) - … - 7"]),
        (counts_differ, ["sum of 20 to 39 operands"]),
        (mixed_batch, ["layer3.neuron1 - (0 to 1)"]),
    ],
)
def test_a_formula_is_true_of_all_that_a_box_stands_for(program: Callable[[], Value], formulas: list[str]) -> None:
    titles = [lines[0].partition(" = ")[2] for lines in boxes(program(), detail="layer")]
    assert {*formulas} <= {*titles}, titles


@pytest.mark.parametrize("seed", range(10))
def test_no_formula_has_a_number_that_only_some_have_that_its_box_stands_for(seed: int) -> None:
    """It has a range just where an arrow comes from one, and `…` just where one comes from several leaves."""
    rng, w = random.Random(seed), Value(0.5, "w")
    operands: list[Callable[[int], Any]] = [lambda i: w, lambda i: 0.1 + 0.37 * i, lambda i: 2.5]
    operands.append(lambda i: Value(0.1 * (i + 1), f"x{i}"))
    ways: list[Callable[[Any, Any], Any]] = [operator.add, operator.mul, operator.sub, operator.truediv]
    ways += [ops.max, ops.hypot]
    operations = rng.choices(ways, k=4)
    others = rng.choices(operands, k=4)
    terms = []
    for i in range(20):
        v = w.sin()
        for operation, other in zip(operations, others, strict=True):
            v = operation(v, other(i))
        terms.append(v)
    source = draw(ops.sum(terms), names={}).source
    title = dict(re.findall(r'^\s*([vc]\d+) \[label="?(.*?)(?:\\l|"? \w+=)', source, re.MULTILINE))
    tails: dict[str, list[str]] = {}
    for tail, head in re.findall(r"^\s*(\w+) -> (\w+) ", source, re.MULTILINE):
        tails.setdefault(title[head].partition(" = ")[2], []).append(title[tail])
    assert len(tails) >= 2
    for formula, titles in tails.items():
        if " terms" not in formula and not formula.startswith("sum of"):
            assert (" to " in formula) == any(re.match(r"[\d.]+ to ", title) for title in titles), formula
            assert ("…" in formula) == any(", …, " in title for title in titles), formula


def test_tooltips_are_true_of_all_that_a_line_stands_for() -> None:
    source = draw(leaves_of_steps_differ(), names={}).source
    assert 'tooltip="d v71 / d (x1, …) = 0.5 (12 ×)"' in source
    source = draw(batch("mse", values=False)[0], names={}, detail="neuron").source
    assert re.search(r'tooltip="layer1.neuron1.weight1 \* \(-\S+ to \S+\) = -\S+ \* \(', source)


# Batches -------------------------------------------------------------------------------------------------------------

LOSSES: dict[str, Callable[..., Value]] = {
    "mse": nn.mse,
    "cross entropy": nn.cross_entropy,
    "binary cross entropy": nn.binary_cross_entropy,
    "hinge": nn.hinge,
    "by hand": lambda outputs, targets: sum((z - y) ** 2 for z, y in zip(outputs, targets, strict=True)) / len(targets),
}
N = 20  # samples


def batch(loss: str, *, values: bool) -> tuple[Value, list[list[Value]]]:
    """Return the loss of a batch, and the outputs of the hidden neurons for each sample."""
    rng = random.Random(3)
    classes = loss == "cross entropy"
    model = nn.MLP(2, [3, 2, 3 if classes else 1], rng=rng)
    xs: list[Any] = [[rng.uniform(-1, 1), rng.uniform(-1, 1)] for _ in range(N)]
    ys: list[Any] = [rng.randrange(3) if classes else rng.choice([1.0, -1.0 if loss == "hinge" else 0.0]) for _ in xs]
    if values:
        xs = [[Value(x) for x in row] for row in xs]
        one = Value(1.0)  # targets may be shared
        if not classes:
            ys = [one if y == 1 else Value(y) for y in ys]
    hidden = [list(model.layers[0](x)) for x in xs]
    outputs = [model.layers[2](model.layers[1](h)) for h in hidden]
    return with_gradients(LOSSES[loss](outputs, ys)), hidden


@pytest.mark.slice(most=4)
@pytest.mark.parametrize("values", [False, True], ids=["constants", "values"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_is_one_network(loss: str, values: bool) -> None:
    output, _ = batch(loss, values=values)
    assert draw(output, names={}).source == draw(output, names={}, detail="neuron").source
    source = draw(output, names={}).source
    for layer in ("layer1", "layer2", "layer3"):
        assert len(re.findall(rf'label="?{layer} × 20 samples\\l', source)) == 1
    assert len(re.findall(r"^\s*b\d+ \[", source, re.MULTILINE)) == 3 + 2 + (3 if loss == "cross entropy" else 1)
    assert len(boxes(output)) <= 32
    layers = boxes(output, detail="layer")
    assert [lines[0] for lines in layers if "layer" in lines[0][:5]] == [f"layer{i} × 20 samples" for i in (1, 2, 3)]
    assert len(layers) <= 30


def test_a_batch_shows_the_range_of_its_numbers() -> None:
    output, hidden = batch("mse", values=True)
    rows = boxes(output)
    for k in range(3):
        data, grads = ([getattr(h[k], name) for h in hidden] for name in ("data", "grad"))
        assert any(f"relu {min(data):.4g} to {max(data):.4g}" in lines for lines in rows)
        low, high = (f"{x:.4f}".rstrip("0") for x in (min(grads), max(grads)))
        assert any(f"grad {low} to {high}" in lines for lines in rows), (low, high)


@pytest.mark.parametrize("weigh", WAYS)
def test_a_batch_is_one_network_however_its_sums_are_written(weigh: Callable[..., Value]) -> None:
    loss = loss_of(Network(2, [3, 2, 1], weigh), samples=N)
    assert len(boxes(loss, detail="neuron")) == 3 + 2 + 1 + 2 + 2 + 2 + 2  # neurons, inputs, constants, terms, the loss


@pytest.mark.parametrize("detail", ["neuron", "layer"])
def test_a_large_batch_is_one_network(detail: str) -> None:
    """It has 6,000 boxes at the finer detail before it is folded, and 14 nodes then."""
    model = nn.MLP(2, [3, 1])
    loss = ops.sum([(model([0.001 * i, 0.5]) - 1) ** 2 for i in range(850)])
    assert "layer1 × 850 samples" in draw(loss, names={}, detail=detail).source


def test_a_sample_that_is_nan_is_seen() -> None:
    """Beside the range of the others: in boxes, on edges, in tooltips; and in what is left out of a chain."""
    rng, model = random.Random(3), nn.MLP(2, [3, 1], rng=random.Random(4))
    xs = [[Value(rng.random()), Value(rng.random())] for _ in range(N)]
    ys = [Value(math.nan if i == 7 else rng.random()) for i in range(N)]
    errors = [model(x) - y for x, y in zip(xs, ys, strict=True)]
    squares = [error * error for error in errors]
    loss = with_gradients(ops.sum(squares))
    rows = boxes(loss, detail="neuron")
    low, high = (f"{f(v.data for v in squares if not math.isnan(v.data)):.4g}" for f in (min, max))
    assert any(f"data {low} to {high}, nan × 1" in lines for lines in rows)
    assert any(re.fullmatch(r"grad .* to .*, nan × 1", line) for lines in rows for line in lines)
    assert any(re.fullmatch(r".* to .*, nan × 1", label) for label in edges(loss, detail="neuron"))
    tips = re.findall(r'tooltip="(.*?)"\]?', draw(loss, names={}, detail="neuron").source)
    assert sum(", nan × 1" in tip for tip in tips) > 3
    x = Value(0.5, "x")
    for i in range(40):
        x = x + Value(math.nan) if i == 20 else x.tanh()
    assert any(re.fullmatch(r"data .* to .*, nan × \d+", line) for lines in boxes(with_gradients(x)) for line in lines)


def test_a_few_samples_are_drawn_one_by_one() -> None:
    loss = loss_of(Network(2, [2, 1]), samples=3)
    assert "layer1 (3 of 3)" in draw(loss, detail="layer").source
    assert "layer1 × 4 samples" in draw(loss_of(Network(2, [2, 1]), samples=4), detail="layer").source


def test_a_layer_that_is_used_more_often_than_others_is_no_batch() -> None:
    """As in deep sets: each element goes through the first layer, their mean through the second."""
    first, second = nn.MLP(1, [2], "tanh"), nn.MLP(2, [1])
    parts = [first([x]) for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    loss = with_gradients(second([ops.sum([part[k] for part in parts]) for k in (0, 1)]))
    assert next(lines[0] for lines in boxes(loss, detail="layer") if lines[0][:6] == "layer1") == "layer1 × 5"


def ladder(n: int) -> Value:
    """Two chains with rungs of changing kinds: n results follow one another, and nothing is alike."""
    kinds = [lambda a, b: a * b, lambda a, b: a.sin() - b, lambda a, b: a / b.exp(), lambda a, b: (a + b).tanh()]
    rng, a, b = random.Random(1), Value(0.3, "a"), Value(0.4, "b")
    for _ in range(n):
        a, b = b, rng.choice(kinds)(a, b)
    return with_gradients(b)


def test_what_would_be_far_too_wide_runs_down() -> None:
    wide, narrow = ladder(25), ladder(8)
    assert "rankdir=TB" in draw(wide, names={}).source
    assert "rankdir=TB" in draw(wide, names={}, ops=True).source
    assert "rankdir=LR" in draw(narrow, names={}).source
    assert "rankdir=LR" in draw(narrow, names={}, ops=True).source  # circles take less room
    assert "rankdir=RL" in draw(wide, names={}, direction="RL").source
    with pytest.raises(ValueError, match="more than 60 nodes follow one another, too large"):
        draw(ladder(60), names={})
    assert "rankdir=TB" in draw(ladder(60), names={}, max_nodes=1000).source


def test_the_refusal_of_a_tangle_says_what_the_limit_is() -> None:
    row = leaves(8)
    for _ in range(4):
        inside = [y + 0.1 * (x - 2.0 * y + z) for x, y, z in zip(row, row[1:], row[2:])]
        row = [row[0], *inside, row[-1]]
    with pytest.raises(ValueError, match="and more than 12 edges pass by each node, too large"):
        draw(ops.sum(row))


def test_who_asks_for_many_nodes_gets_them() -> None:
    total = with_gradients(sum(leaves(50)))  # type: ignore[arg-type]  # it is no int
    assert len(boxes(total, max_nodes=1_000)) == 101


def test_who_asks_for_more_nodes_than_are_folded_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.views.draw._MOST_FOLDED", 100)
    assert len(boxes(chain(150), max_nodes=3_000)) == 151
    model = nn.MLP(2, [3, 1])
    loss = ops.sum([(model([0.01 * i, 0.5]) - 1) ** 2 for i in range(50)])
    assert "layer1 × 50 samples" in draw(loss, names={}, max_nodes=2_000).source
    with pytest.raises(ValueError, match="the graph has 151 nodes"):
        draw(chain(150), max_nodes=99)


def test_what_enters_a_layer_from_one_box_is_one_edge() -> None:
    layer, others = nn.MLP(20, [2, 1]), ops.sum([x.sin() for x in leaves(70)])
    loss = with_gradients(layer([(x * 2).sin() for x in leaves(20)]) + others)
    assert [label for label in edges(loss, detail="layer") if "values" in label] == ["20 values", "2 values"]


# Steps ---------------------------------------------------------------------------------------------------------------

T = 12


def unit(start: Any, inputs: list[Any]) -> tuple[list[Value], Value]:
    """Return the states of a recurrent unit, and its loss."""
    w, u, b = Value(0.5, "w"), Value(0.8, "u"), Value(0.1, "b")
    h, states = start, []
    for x in inputs:
        h = (w * x + u * h + b).tanh()
        states.append(h)
    return states, with_gradients((h - 1) ** 2)


@pytest.mark.parametrize("start", [0.0, Value(0.0, "h0")], ids=["constant", "value"])
@pytest.mark.parametrize("values", [False, True], ids=["constants", "values"])
def test_the_steps_of_a_recurrent_unit_are_drawn_once(start: Any, values: bool) -> None:
    inputs: list[Any] = [Value(0.1 * t, f"x{t}") if values else 0.1 * t for t in range(T)]
    states, loss = unit(start, inputs)
    rows = boxes(loss)
    assert len(rows) == 15  # h0, h before, x, w, u, b; 5 operations; the loss with 2 constants
    last = states[-1]
    last.label = "h"
    rows = boxes(loss)
    data = [h.data for h in states]
    assert ["h[t-1]", "one step before"] in rows
    [state] = [lines for lines in rows if lines[0].startswith("h = tanh(")]
    assert state[1:3] == ["× 12 steps", f"data {min(data):.4g} to {max(data):.4g}"]
    assert any(lines[0].endswith(" = u * h[t-1]") for lines in rows)
    assert sum("× 12 steps" in lines for lines in rows) == 5 + values
    last.label = ""
    assert draw(loss, names={"h": last}).source.count("one step before") >= 1


def test_what_uses_results_of_single_steps_names_these() -> None:
    w, h, states = Value(0.5, "w"), Value(0.1, "h0"), []
    for x in leaves(6):
        h = (w * h + x).tanh()
        states.append(h)
    loss = with_gradients(states[-1] * states[3] - states[1])
    drawing = draw(loss, names={"hs": states}).source
    assert r'label="v27 = hs[5] * hs[3]\l' in drawing
    assert r'label="loss = v27 - hs[1]\l' in drawing
    assert r'label="hs[0], …, hs[5] = tanh(v25)\l× 6 steps\l' in drawing
    assert r'label="hs[t-1]\lone step before\l' in drawing
    assert r'label="v24 = w * hs[t-1]\l× 6 steps' in drawing
    assert 'tooltip="d v27 / d hs[3] = ' in drawing and 'tooltip="d loss / d hs[1] = -1.0"' in drawing
    assert r"\nhs[0], hs[1], hs[2], hs[3], hs[4], hs[5]\noperation tanh" in drawing
    unnamed = boxes(loss)
    assert [lines[0] for lines in unnamed[-2:]] == ["v27 = v26 * v20", "loss = v27 - v14"]
    assert "v11, …, v26 = tanh(v25)" in [lines[0] for lines in unnamed]


def test_a_label_stays_with_its_own_step() -> None:
    w, h, total = Value(0.5, "w"), Value(0.1, "h0"), Value(0.0, "start")
    for i in range(20):
        h = (w * h).tanh()
        error = (h - 1) ** 2
        error.label = f"loss{i}"
        total = total + error
        if i == 5:
            h.label = "special"
    titles = [lines[0] for lines in boxes(with_gradients(total))]
    assert "loss0, …, loss19 = v101 ** 2" in titles
    assert "loss = start + loss0 + loss1 + … + loss19" in titles
    assert "v5, …, special, …, v100 = tanh(v99)" in titles


def test_a_label_stays_with_its_own_sample() -> None:
    """Although one is drawn for all, and it is the first."""
    w, xs = Value(0.5, "w"), leaves(30)
    squares = [(w * x - 0.25) ** 2 for x in xs]
    squares[0].label, squares[7].args[0].label = "first", "odd"  # type: ignore[union-attr]  # that is a Value
    titles = [lines[0] for lines in boxes(with_gradients(ops.sum(squares)))]
    assert "first, …, v121 = (v33, …) ** 2" in titles
    assert "v33, …, odd, …, v120 = v32 - 0.25" in titles


def test_neurons_of_steps_and_samples_have_the_names_of_their_outputs() -> None:
    cell, h = nn.Neuron(2, "tanh", rng=random.Random(1)), Value(0.1, "h0")
    states = [h := cell([x, h]) for x in leaves(6)]
    source = draw(with_gradients(h * 2), names={"hs": states}, detail="neuron").source
    assert r'label="hs[0], …, hs[5] = neuron × 6 steps\l' in source
    assert r"neuron: net = weight1 * (x1, …) + weight2 * hs[t-1] + bias" in source
    assert 'tooltip="weight2 * hs[t-1] = ' in source
    outputs = [cell([x, Value(0.5)]) for x in leaves(6)]
    source = draw(ops.sum(outputs), names={"ys": outputs}, detail="neuron").source
    assert r'label="ys[0], …, ys[5] = neuron × 6 samples\l' in source


def test_what_comes_from_further_back_is_told_apart() -> None:
    a, b = Value(0.1, "a0"), Value(0.2, "b0")
    for _ in range(20):
        a, b = b, a * b.sin()
    rows = boxes(with_gradients(b))
    assert ["loss[t-2]", "2 steps before"] in rows
    assert {"v41 = sin(loss[t-1])", "loss = loss[t-2] * v41"} <= {lines[0] for lines in rows}


def test_the_output_is_seen_where_it_is_drawn_with_others() -> None:
    """As the last of the steps, also where it is a neuron, or a sum."""
    w, h, total, cell = Value(0.5, "w"), Value(0.1, "h0"), Value(0.0, "start"), nn.Neuron(1, "tanh")
    out = h
    for _ in range(12):
        h, out = (w * h).tanh(), cell([out])
        total = h * total + h
    for output in (h, total, out):
        source = draw(with_gradients(output), names={}, detail="neuron", legend=True).source
        [shown] = re.findall(r'label="([^"]*)".* peripheries=2', source)
        assert "× 12 steps" in shown and rf"\loutput {output.data:.4g}\l" in shown
        assert rf"\noutput {output.data!r}\n" in source and ">output<" in source
        assert r"\loutput" not in draw(output, names={}, show="gradients").source


class Unit(nn.Module):
    """A recurrent unit of n neurons, or of one that is in no layer."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.cell: Any = nn.Layer(1 + n, n, "tanh") if n else nn.Neuron(2, "tanh")
        self.out = nn.Neuron(max(n, 1), "linear")

    def __call__(self, xs: list[float]) -> Value:
        h: Any = [0.0] * max(self.n, 1)
        for x in xs:
            h = self.cell([x, *h])
            h = h if isinstance(h, list) else [h]
        return self.out(h)


@pytest.mark.slice
@pytest.mark.parametrize(("n", "neurons"), [(0, 1), (1, 1), (4, 4)])
@pytest.mark.parametrize("detail", ["auto", "neuron", "layer"])
def test_the_steps_of_a_module_are_drawn_once(n: int, neurons: int, detail: str) -> None:
    loss = with_gradients((Unit(n)([0.1 * t for t in range(T)]) - 0.5) ** 2)
    source = draw(loss, names={}, detail=detail).source
    if detail != "auto" or n > 1:
        assert len(re.findall(r"cell\S* × 12 steps", source)) >= 1
    assert "× 12 steps" in source and "(1 of" not in source
    assert len(boxes(loss, detail=detail)) <= 18
    before = source.count(r"\lone step before\l")
    assert before == (neurons if detail != "layer" else 1)


class Memory(nn.Module):
    """A long short-term memory of two units, with a layer for each gate."""

    def __init__(self) -> None:
        self.f, self.i, self.o = (nn.Layer(3, 2, "sigmoid") for _ in range(3))
        self.g, self.out = nn.Layer(3, 2, "tanh"), nn.Neuron(2, "linear")

    def __call__(self, xs: list[float]) -> Value:
        h: Any = [0.0, 0.0]
        s: Any = [0.0, 0.0]
        for x in xs:
            f, i, g, o = (layer([x, *h]) for layer in (self.f, self.i, self.g, self.o))
            s = [a * b + c * d for a, b, c, d in zip(f, s, i, g, strict=True)]
            h = [a * b.tanh() for a, b in zip(o, s, strict=True)]
        return self.out(h)


@pytest.mark.parametrize("detail", ["neuron", "layer"])
def test_many_steps_of_many_operations_are_drawn_once(detail: str) -> None:
    short, long = (with_gradients(Memory()([0.01 * t for t in range(n)])) for n in (12, 50))
    assert len(boxes(long, detail=detail)) == len(boxes(short, detail=detail)) < 50
    assert "g × 50 steps" in draw(long, names={}, detail=detail).source


@pytest.mark.parametrize("n", [150, 151, 1_000])
def test_the_number_of_steps_does_not_matter(n: int) -> None:
    w, h = Value(0.5, "w"), Value(0.1, "h0")
    for i in range(n):
        h = (w * h + Value(i / n) * w).tanh()
    rows = boxes(with_gradients(h))
    assert len(rows) == 8 and sum(f"× {n:,} steps" in lines for lines in rows) == 5


def test_the_search_for_steps_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """In rounds that are nearly the same; a graph without steps is drawn, or refused, as others are."""
    compared = list[int]()
    ended = _Finder.runs

    def runs(finder: _Finder) -> Any:
        yield from ended(finder)
        compared.append(finder.compared)

    monkeypatch.setattr(_Finder, "runs", runs)
    monkeypatch.setattr("autograd.views.draw.folding.steps._MOST_COMPARED", 2_000)
    rng, w, states = random.Random(1), Value(0.5, "w"), [Value(0.1, "h0")]
    for _ in range(300):
        states.append((w * states[-1] + rng.choice(states)).tanh())
    with pytest.raises(ValueError, match="nodes"):
        draw(states[-1])
    assert compared and max(compared) < 2_000 + 900


def test_samples_of_steps() -> None:
    model = Unit(3)
    loss = with_gradients(nn.mse([model([0.1 * t, 0.5, 0.2, t]) for t in range(6)], [0.5] * 6))
    assert "cell × 6 samples × 4 steps" in draw(loss, names={}, detail="layer").source
    assert "out × 6 samples" in draw(loss, names={}, detail="layer").source


def test_steps_with_outputs_two_states_and_a_loss_of_each() -> None:
    """As a long short-term memory has them, with an output at each step."""
    a, b, c = Value(0.3, "a"), Value(0.4, "b"), Value(0.5, "c")
    h, s, outputs = Value(0.1, "h0"), Value(0.2, "s0"), []
    for x in leaves(10):
        gate = (a * h + x).sigmoid()
        s = gate * s + b
        h = s.tanh() * gate
        outputs.append(c * h)
    loss = with_gradients(ops.sum([(y - 0.3) ** 2 for y in outputs]))
    rows = boxes(loss)
    assert sum(lines[-1] == "one step before" for lines in rows) == 2
    assert Counter(lines[1] for lines in rows if len(lines) > 1)["× 10 steps"] == 1 + 8  # x and the operations
    assert Counter(lines[1] for lines in rows if len(lines) > 1)["× 10"] == 2  # the errors and their squares


def test_steps_that_look_further_back() -> None:
    """x[t + 1] = 1.5 x[t] - 0.6 x[t - 1] + 0.1: a recurrence of second order."""
    before, now = Value(0.1, "first"), Value(0.2, "second")
    k = Value(1.5, "k")
    for _ in range(10):
        before, now = now, k * now - 0.6 * before + 0.1
    rows = boxes(with_gradients(now))
    assert {lines[-1] for lines in rows} >= {"one step before", "2 steps before"}
    assert draw(now, names={}).source.count("before the first step") == 3  # the second is the first of one, too


def test_the_formula_of_a_step_is_no_equation_of_a_number_with_itself() -> None:
    w = Value(5.0, "w")
    for _ in range(15):
        w = w - 0.1 * (w - 3.0)
    w.backward()
    for names, result in ((None, "w"), ({}, "v46")):
        source = draw(w, names=names).source
        found = dict(re.findall(r'label="(\S+) = (.*?)\\l', source))
        before = f"{result}[t-1]"
        assert found[result] == f"{before} - v45" and found["v44"] == f"{before} - 3"
        assert rf'label="{before}\lone step before\l' in source
        assert f'tooltip="d {result} / d {before} = 1.0 ' in source
    assert "w#2" not in draw(w).source


def test_what_a_loop_begins_with_keeps_its_own_name_where_it_is_used_otherwise_too() -> None:
    first = w = Value(5.0, "w")
    for _ in range(15):
        w = w - 0.1 * (w - 3.0)
    loss = (w - first) ** 2
    loss.backward()
    source = draw(loss).source
    assert r'label="w#2 = w#2[t-1] - v' in source and r" = w#2 - w\l" in source


def test_parts_of_a_state_are_told_apart() -> None:
    """They stand in a list, too, but in the same one at each step."""
    a, b, k = Value(0.1, "a"), Value(0.2, "b"), Value(0.5, "k")
    for _ in range(10):
        a, b = (k * a + b).sin(), (a * b).tanh()
    source = draw(with_gradients(a + b), names={"state": [a, b]}).source
    assert {*re.findall(r'label="(\S+)\\lone step before', source)} == {"state[0][t-1]", "state[1][t-1]"}


def to_the_middle(states: list[Value], w: Value) -> Value:
    return w * states[-1] + states[len(states) // 2]


def to_one_or_the_other(states: list[Value], w: Value) -> Value:
    back = [1, 2, 1, 1, 2, 2, 1, 2, 2, 1, 1, 2, 1][len(states) % 13]
    return w * states[-1] + states[-1 - back]


def to_fewer_and_fewer(states: list[Value], w: Value) -> Value:
    total: Value = ops.sum([w * states[-1], *[w] * (16 - len(states))])
    return total


@pytest.mark.parametrize("step", [to_the_middle, to_one_or_the_other, to_fewer_and_fewer])
def test_rounds_that_differ_are_no_steps(step: Callable[[list[Value], Value], Value]) -> None:
    """In what they use, or in how much."""
    w, states = Value(0.5, "w"), [Value(0.1, "h0"), Value(0.2, "h1")]
    for _ in range(13):
        states.append(step(states, w).tanh())
    plan = planned(with_gradients(states[-1]), "value")
    assert not any(copies.are_steps for copies in plan.copies.values())
    assert len(in_order(plan)) == len(plan.nodes)


def test_the_step_that_makes_what_others_share_is_apart() -> None:
    w, first = Value(0.5, "w"), Value(0.2, "h0").sin()
    states = [first]
    for _ in range(13):
        states.append((w * states[-1] + states[min(len(states) - 1, 1)]).tanh())
    plan = planned(with_gradients(states[-1]), "value")
    assert {len(copies.nodes) for copies in plan.copies.values() if copies.are_steps} == {12}
    assert len(in_order(plan)) == len(plan.nodes)


def test_a_legend_says_what_stands_for_others() -> None:
    texts = ("one for 20 that are alike", "from an earlier step")
    legends = [draw(unit(0.0, [0.1 * t for t in range(n)])[1], legend=True).source for n in (T, 3)]
    assert [[text in legend for text in texts] for legend in legends] == [[True, True], [False, False]]


def test_few_steps_are_drawn_one_by_one() -> None:
    loss = unit(0.0, [0.1, 0.2, 0.3])[1]
    assert "steps" not in draw(loss, names={}).source


# Chains --------------------------------------------------------------------------------------------------------------


def chain(n: int) -> Value:
    v = Value(0.5, "x")
    for _ in range(n):
        v = v.tanh()
    return with_gradients(v)


def test_a_long_chain_is_cut() -> None:
    output = chain(100)
    rows = boxes(output)
    assert [lines[0] for lines in rows] == [
        *("x", "v2 = tanh(x)", "v3 = tanh(v2)", "v4 = tanh(v3)", "v5 = tanh(v4)"),
        "… 92 more operations",
        *("v98 = tanh(v97)", "v99 = tanh(v98)", "v100 = tanh(v99)", "loss = tanh(v100)"),
    ]
    assert rows[5][1] == "tanh × 92"
    middle = graph_of(output)[5:97]
    assert rows[5][2] == f"data {min(v.data for v in middle):.4g} to {max(v.data for v in middle):.4g}"
    assert len(boxes(chain(12))) == 13


def test_what_has_a_name_is_not_cut_out_of_a_chain() -> None:
    output = chain(30)
    middle = graph_of(output)[15]
    middle.label = "checkpoint"
    titles = [lines[0] for lines in boxes(output)]
    assert titles[4:8] == ["v5 = tanh(v4)", "… 10 more operations", "checkpoint = tanh(v15)", "… 11 more operations"]
    middle.label = ""
    halfway = middle
    assert halfway is middle
    names = re.findall(r'label="(\w+) = ', draw(output).source)
    assert {"middle", "halfway"} & {*names}
    every = {f"h{i}": v for i, v in enumerate(graph_of(output))}
    assert "… 22 more operations" in draw(output, names=every).source


def test_a_chain_in_a_neuron_that_is_open_is_cut() -> None:
    """Also where the network stands in columns, and the neuron has no frame."""
    rng, model = random.Random(5), Unit(1)
    inputs = [[rng.choice([0.1 * t, Value(0.1 * t), 0.3]) for t in range(T)] for _ in range(3)]
    loss = with_gradients(ops.sum([(model(xs) - 0.5) ** 2 for xs in inputs]))  # type: ignore[arg-type]  # as Values are
    source = draw(loss, names={}, detail="neuron", expand=["cell"]).source
    assert source.count(" more operations") >= 3 and "(2 of 12)" not in source


def test_a_side_branch_that_has_a_name_is_not_cut_out() -> None:
    v, rng = Value(0.5, "x"), random.Random(1)
    for i in range(40):
        v = rng.choice([ops.sin, ops.cos, ops.tanh])(v)
        if i == 20:
            branch = Value(0.5, "y").exp()
            v = v * branch
    assert "branch = exp(y)" in draw(v).source
    assert "exp(y)" not in draw(v, names={}).source


def test_a_cut_says_what_is_in_it() -> None:
    rng, v, shared = random.Random(3), Value(0.5, "x"), Value(0.7, "shared")
    steps: list[Callable[[Value], Value]] = [
        Value.tanh,
        lambda v: v * 1.5,
        lambda v: v * v,
        lambda v: v / Value(2.0).exp(),
        lambda v: v + shared,
    ]
    for _ in range(25):
        v = rng.choice(steps)(v)
    rows = boxes(with_gradients(v))
    assert len(rows) < 25
    [cut] = [lines for lines in rows if lines[0].startswith("… ")]
    assert re.fullmatch(r"… \d+ more operations", cut[0])
    assert re.fullmatch(r"on \d+ inputs", cut[2])


# What is not folded --------------------------------------------------------------------------------------------------


def tangle(n: int, operands: int) -> Value:
    rng = random.Random(1)
    nodes = leaves(3)
    for _ in range(n):
        nodes.append(ops.sum(rng.choices(nodes, k=operands)))
    return with_gradients(ops.sum(nodes))


@pytest.mark.parametrize(("n", "operands"), [(20, 3), (40, 5), (60, 8)])
def test_a_tangle_is_refused_however_few_its_nodes(n: int, operands: int) -> None:
    with pytest.raises(ValueError, match=rf"the graph has {n + 4} nodes .* edges pass by each node.*intermediate"):
        draw(tangle(n, operands))
    assert "loss" in draw(tangle(n, operands), max_nodes=20_000).source


def test_what_passes_by() -> None:
    """Edges that are longer than from a column to the next."""
    x = Value(0.5, "x")
    for output, expected in [(x.sin().cos() + Value(1.0), 0.0), (x.sin().cos() * x, 2 / 3), (x.sin() + x, 1 / 2)]:
        assert passing(planned(output, "value")) == expected


def test_the_values_of_a_network_stay_apart() -> None:
    """Its parameters are not alike, although each has one use."""
    loss = with_gradients(nn.MLP(2, [4, 4, 1], "tanh")([Value(0.1, "x1"), Value(0.2, "x2")]))
    assert len(boxes(loss, detail="value")) == len(graph_of(loss))


def test_a_long_label_is_cut() -> None:
    x = Value(1.0, "x" * 20_000)
    y = x.tanh()
    y.label = "y" * 20_000
    drawing = draw(y, names={})
    lines = re.findall(r"[xy]{20,}…?", " ".join(re.findall(r'label="(.*?)" ', drawing.source)))
    assert len(lines) == 2 and all(len(line) == 100 and line[-1] == "…" for line in lines)


# Everything is drawn once --------------------------------------------------------------------------------------------


def programs(seed: int) -> Value:
    """Return the loss of a program with loops, batches and sums of random lengths."""
    rng = random.Random(seed)

    def some() -> range:
        return range(rng.choice([1, 3, 5, 14, 25]))

    model = nn.MLP(2, [2, 1], "tanh", rng=rng)
    shared = leaves(4, "w")
    terms: list[Value] = [model([rng.random(), rng.choice(shared)]) for _ in some()]
    terms += [(rng.choice(shared) * Value(rng.random())).sin() ** rng.choice([2, 3]) for _ in some()]
    h = shared[0]
    for _ in some():
        h = (h * shared[1] + rng.choice([Value(0.5), shared[2]])).tanh()
        if rng.random() < 0.2:
            terms.append(h * 2)
    for _ in some():
        h = rng.choice([ops.sin, ops.cos, ops.exp])(h)
    terms.append(h)
    rng.shuffle(terms)
    return with_gradients(sum(terms) if rng.random() < 0.5 else ops.sum(terms))  # type: ignore[arg-type]


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("detail", ["value", "neuron", "layer"])
def test_each_value_is_drawn_once(detail: str) -> None:
    """Each is one that a node stands for, or inside of one; edges join nodes, and there is no circle."""
    smaller = 0
    for seed in range(40):
        output = programs(seed)
        values, plan = graph_of(output), planned(output, detail)
        smaller += bool(plan.copies or plan.sums)
        drawn = list[Value]()
        for node in plan.nodes:
            drawn += plan.values_of(node)
            drawn += [*node.values, *node.leaves] if isinstance(node, CutBox) else []
            for copy in plan.copies_of(node):
                drawn += [v for v in values if plan.home.get(v) is copy and v not in plan.parameters]
        assert Counter(drawn) == Counter(v for v in values if v not in plan.parameters), seed
        assert len(set(plan.nodes)) == len(plan.nodes)
        assert {end for edge in plan.edges for end in (edge.tail, edge.head)} <= set(plan.nodes)
        assert len(in_order(plan)) == len(plan.nodes)
        assert not any(isinstance(node, LayerBox) for node in plan.nodes) or detail != "value"
    assert smaller > 20
