"""`explore`: the file, the JavaScript, and the page in a real Chromium."""

from __future__ import annotations

import math
import os
import random
import re
import shutil
import subprocess
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from arithmetic import added, evaluated, is_shown_as, parsed, summands
from browser import Browser
from hostile import HOSTILE, WHITE_SPACE, labels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layout_engines import ENGINES, only
from needs import lacking

from autograd import GraphvizNotFound, explore, faux_gradient, ops
from autograd.engine import Value, graph_of, local_gradients, record
from autograd.nn import Neuron
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.text import in_digits, short
from autograd.views import render as rendering
from autograd.views.explorer.layout import lay_out
from autograd.views.gradients import in_equation


def neuron(x: float = 0.4, bias: float = 0.6, target: float = 0.7) -> tuple[Value, list[Value]]:
    """Return the loss of the articles' neuron, and its trained leaves."""
    entered, weight, b = Value(x, "input"), Value(0.5, "weight"), Value(bias, "bias")
    net = entered * weight + b
    output = net.tanh()
    error = output - target
    loss = error**2 / 2
    net.label, output.label, error.label, loss.label = "net", "output", "error", "loss"
    return loss, [weight, b]


# The file ------------------------------------------------------------------------------------------------------------


def test_one_file_of_under_100_kb(tmp_path: Path) -> None:
    loss, parameters = neuron()
    path = tmp_path / "neuron.html"
    explore(loss, path, train=parameters)
    page = path.read_text(encoding="utf-8")
    assert len(page.encode()) < 100_000
    assert not re.search(r"""(src|href)=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)""", page)
    assert "default-src 'none'" in page
    assert "unsafe" not in page
    assert list(tmp_path.iterdir()) == [path]


def test_the_path_may_be_text_and_an_old_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("old")
    explore(neuron()[0], str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_the_same_graph_makes_the_same_file(tmp_path: Path) -> None:
    assert explore(neuron()[0]).html == explore(neuron()[0]).html


def test_without_a_path_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    loss, parameters = neuron()
    page = explore(loss, train=parameters)
    assert list(tmp_path.iterdir()) == []
    assert page.path is None
    assert not isinstance(page, os.PathLike)
    with pytest.raises(TypeError):
        os.fspath(page)
    assert repr(page) == "<Page: .view() opens it, .html is its text>"
    written = explore(loss, "page.html", train=parameters)
    assert written.path == Path("page.html")
    assert isinstance(written, os.PathLike)
    with open(written, encoding="utf-8") as file:
        assert file.read() == written.html == page.html
    print(written)
    assert capsys.readouterr().out == "page.html\n"
    assert repr(written) == "<Page page.html: .view() opens it, .html is its text>"


def test_view_opens_the_file_or_one_among_the_temporary_ones(
    empty_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, temporary = empty_folders
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    page = explore(neuron()[0])
    path = page.view()
    assert path.read_text("utf-8") == page.html
    assert temporary in path.parents
    assert list(here.iterdir()) == []
    written = explore(neuron()[0], "ü %.html").view()
    assert opened == [path.as_uri(), (here / "ü %.html").as_uri()]
    assert written == Path("ü %.html")


def test_a_notebook_shows_it_in_a_frame(chromium: Browser, tmp_path: Path) -> None:
    loss, parameters = neuron()
    shown = explore(loss, train=parameters)._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!DOCTYPE html><body>{shown}", encoding="utf-8")
    chromium.screen(1100, 900)
    chromium.open(tmp_path / "notebook.html")
    chromium.enter("iframe")
    assert chromium.run("return [window.origin, document.title]") == ["null", "loss – computation graph"]
    assert len(numbers_of(chromium)) == 9
    chromium.click("#next")
    assert chromium.run("return document.querySelector('.node.current') !== null")
    assert chromium.complaints() == []
    assert all(address.startswith(("file:", "about:srcdoc")) for address in chromium.requests())


def test_a_page_computes_the_numbers_of_a_graph_that_is_out_of_date(chromium: Browser, tmp_path: Path) -> None:
    loss, parameters = neuron()
    parameters[0].data += 1.0
    chromium.open(explore(loss, tmp_path / "old.html", names={}))
    old = numbers_of(chromium)
    chromium.open(explore(loss.forward(), tmp_path / "new.html", names={}))
    assert numbers_of(chromium) == old


def test_gradients_and_numbers_in_python_do_not_change(tmp_path: Path) -> None:
    loss, parameters = neuron()
    loss.backward()
    before = [(v.data, v.grad, v.label) for v in graph_of(loss)]
    explore(loss, tmp_path / "page.html", train=parameters)
    assert [(v.data, v.grad, v.label) for v in graph_of(loss)] == before


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda loss, path: explore(3.0, path), TypeError, "explore() takes a Value, got float"),  # type: ignore[arg-type]
        (lambda loss, path: explore(loss, 3), TypeError, "got int 3; leave it out for a page without a file"),  # type: ignore[arg-type]
        (lambda loss, path: explore(loss, path.parent), IsADirectoryError, "is a folder"),
        (lambda loss, path: explore(loss, path / "x" / "y.html"), FileNotFoundError, "there is no folder"),
        (lambda loss, path: explore(loss, path, train=[]), ValueError, "train is empty"),
        (lambda loss, path: explore(loss, path, train=[0.5]), TypeError, "expected a Value"),
        (lambda loss, path: explore(loss, path, train=loss), ValueError, "Values to train are leaves"),
        (lambda loss, path: explore(loss, path, train=Value(1.0)), ValueError, "not in the graph"),
        (lambda loss, path: explore(loss, path, train=[graph_of(loss)[0]] * 2), ValueError, "name each leaf once"),
        (lambda loss, path: explore(loss, path, lr=0), ValueError, "lr, the learning rate, is a number above 0"),
        (lambda loss, path: explore(loss, path, tiny=math.inf), ValueError, "tiny"),
        (lambda loss, path: explore(loss, path, lr="fast"), TypeError, "a real number"),  # type: ignore[arg-type]
        (lambda loss, path: explore(loss, path, max_nodes=11), ValueError, "the graph has 12 nodes"),
    ],
)
def test_errors_say_what_to_do(
    call: Callable[[Value, Path], Path], error: type[Exception], says: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        call(neuron()[0], tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_large_graph_is_refused_with_advice(tmp_path: Path) -> None:
    v = Value(0.5)
    for _ in range(65_000):
        v = v + 0.1
    with pytest.raises(ValueError, match=r"65,001 nodes.*max_nodes=200.*explore\(hidden\)"):
        explore(v, tmp_path / "page.html")


def test_without_graphviz_the_error_of_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise GraphvizNotFound("no Graphviz found")

    monkeypatch.setattr(rendering.Drawing, "pipe", refuse)
    with pytest.raises(GraphvizNotFound):
        explore(neuron()[0], tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    (tmp_path / "page.html").write_text("old")
    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        explore(neuron()[0], tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_each_engine_lays_out_every_box_and_edge(engine: str, direction: str, tmp_path: Path) -> None:
    boxes = [(120.0, 60.0)] * 4 + [(30.0, 18.0)]
    edges = [(0, 2, True), (0, 2, True), (1, 2, True), (2, 3, True), (4, 3, False)]
    with only(engine, tmp_path):
        layout = lay_out(boxes, edges, direction)
    ahead = 0 if direction == "LR" else 1
    for tail, head, _ in edges:
        assert layout.boxes[tail][ahead] < layout.boxes[head][ahead]
    for (path, *number), (tail, head, _) in zip(layout.edges, edges, strict=True):
        ends = [float(x) for x in re.findall(r"[\d.]+", path)]
        for (x, y), box in ((ends[:2], tail), (ends[-2:], head)):
            (cx, cy), (width, height) = layout.boxes[box], boxes[box]
            assert abs(x - cx) <= width / 2 + 1
            assert abs(y - cy) <= height / 2 + 1
        assert 0 < number[0] < layout.width
        assert 0 < number[1] < layout.height
    assert layout.edges[0][0] != layout.edges[1][0]


def test_a_leaf_with_many_uses_is_laid_out_in_seconds(tmp_path: Path) -> None:
    x = Value(0.5, "x")
    v = x
    for _ in range(90):  # Graphviz would search for the best place of its arrows for more than ten minutes
        v = v + x
    began = time.monotonic()
    explore(v, tmp_path / "page.html")
    assert time.monotonic() - began < 30


# The JavaScript ------------------------------------------------------------------------------------------------------


SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.0,
    3.0,
    27.5,
    math.inf,
    -math.inf,
    math.nan,
    1e300,
    -1e300,
    5e-324,
    1e22,
    709.7,
]


def same(got: float, expected: float, rel: float = 1e-12, scale: float = 0.0) -> bool:
    if not math.isfinite(expected):
        return str(got) == str(expected)
    return math.isclose(got, expected, rel_tol=rel, abs_tol=max(1e-320, rel * scale))


# The page ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Open pages of graphs; in the end the console is empty, and nothing but the file was requested."""
    path = tmp_path / "page.html"

    def opened(output: Value, **options: Any) -> Browser:
        chromium.screen(1280, 900)
        chromium.open(explore(output, path, **{"names": {}, **options}))
        return chromium

    yield opened
    assert chromium.complaints() == []
    assert set(chromium.requests()) == {path.as_uri()}


NUMBERS = """
return [...document.querySelectorAll("#rows tr")].map(row => [...row.querySelectorAll("td")].slice(1)
    .map(cell => [...cell.querySelectorAll("data")].map(shown => [shown.value, shown.textContent])))"""


def numbers_of(browser: Browser) -> list[list[list[float]]]:
    """Return the value, local gradients, global gradient and faux gradient of each node, each in a list."""
    table = browser.run(NUMBERS)
    for value, *gradients in table:  # in the formats of the other views, in JavaScript
        assert [shown for _, shown in value] == [short(float(exact)) for exact, _ in value]
        for exact, shown in (number for cell in gradients for number in cell):
            assert shown == in_equation(float(exact))
    return [[[float(exact) for exact, _ in cell] for cell in row] for row in table]


def move(browser: Browser, i: int, x: float) -> float:
    """Drag the slider of leaf i to about x, and return the number where it came to rest."""
    return float(
        browser.run(
            """const slider = document.getElementById(`slider${arguments[0]}`);
            slider.value = arguments[1];
            slider.dispatchEvent(new Event("input"));
            return slider.value""",
            i,
            x,
        )
    )


def set_to(browser: Browser, i: int, text: str) -> None:
    browser.run(
        """const field = document.getElementById(`field${arguments[0]}`);
        field.value = arguments[1];
        field.dispatchEvent(new Event("change"))""",
        i,
        text,
    )


def check_numbers(browser: Browser, output: Value) -> None:
    """Compare every number on the page with Python's, for the present numbers of the leaves."""
    output.forward()
    output.zero_grad()
    output.backward()
    values = graph_of(output)
    local: dict[Value, list[float]] = {v: [] for v in values}
    for v in values:
        for x, gradient in zip(v.args, local_gradients(v), strict=True):
            if isinstance(x, Value) and gradient is not None:
                local[x].append(gradient)
    largest = 8 * max(abs(v.data) for v in values if math.isfinite(v.data))
    table = numbers_of(browser)
    assert len(table) == len(values)
    for v, (values_, locals_, globals_, fauxes) in zip(values, table, strict=True):
        assert same(values_[0], v.data), v
        assert len(locals_) == len(local[v])
        assert all(map(same, locals_, local[v])), (v, locals_, local[v])
        assert same(globals_[0], v.grad), (v, globals_, v.grad)
        # A nudge of 1e-4 makes an error in the last digit ten thousand times as large.
        expected = faux_gradient(output, v)
        assert same(fauxes[0], expected, scale=largest) or math.isinf(output.data), (v, fauxes, expected)


def random_expression(rng: random.Random, rows: list[Op]) -> Value:
    """Return a graph of three leaves that has each operation once, on leaves and earlier results."""
    leaves = [Value(rng.uniform(0.3, 0.9), f"x{i}") for i in range(3)]
    results: list[Value] = []

    def operand() -> Any:
        kind = rng.random()
        if kind < 0.15:
            return rng.choice([0.5, 2.0, 0.25, 1.5, 3.0, 0.1])
        return rng.choice(results) if kind < 0.4 and results else rng.choice(leaves)

    for op in rows:
        first = [rng.choice(leaves), *(operand() for _ in range((op.arity or 4) - 1))]
        results.append(record(op, tuple(first)))
    output: Value = ops.dot([*results, *leaves], [rng.uniform(0.5, 2.0) for _ in range(len(results) + 3)])
    return output


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("seed", range(4))
def test_every_number_is_that_of_python(page: Callable[..., Browser], seed: int) -> None:
    rng = random.Random(seed)
    rows = rng.sample([op for op in TABLE.values() if op.name in BUILT_IN], len(BUILT_IN))
    for part in (rows[:12], rows[12:24], rows[24:36], rows[36:])[seed % 2 :: 2]:
        output = random_expression(rng, part)
        browser = page(output)
        check_numbers(browser, output)
        for _ in range(3):
            for i, v in enumerate(graph_of(output)[:3]):
                v.data = move(browser, i, rng.uniform(-1.5, 2.5))
            check_numbers(browser, output)
        for i, (v, x) in enumerate(zip(graph_of(output)[:3], rng.sample(SPECIAL, 3), strict=True)):
            v.data = x
            set_to(browser, i, repr(x))
        check_numbers(browser, output)


def text_of(browser: Browser, css: str) -> str:
    text: str = browser.run("return document.querySelector(arguments[0]).textContent", css)
    return text


def test_stepping_through_the_neuron(page: Callable[..., Browser]) -> None:
    browser = page(neuron()[0])
    assert text_of(browser, "#position") == "18 steps"
    assert text_of(browser, "#node0") == "inputvalue0.4grad-0.0101"
    browser.click("#next")
    assert text_of(browser, "#position") == "Step 1 of 18, forward"
    assert text_of(browser, "#step") == "Forward. input is a leaf: its value is given, not calculated.input = 0.4"
    assert text_of(browser, "#node0") == "inputvalue0.4grad·"
    assert text_of(browser, "#node3") == "v4input * weightvalue·grad·"
    for _ in range(4):
        browser.click("#next")
    assert text_of(browser, "#step") == (
        "Forward. net is calculated from v4 and bias, which are already known.net = v4 + bias = 0.2 + 0.6 = 0.8"
    )
    for _ in range(9):
        browser.click("#next")
    assert text_of(browser, "#position") == "Step 14 of 18, backward"
    assert "d loss/d net = d output/d net × d loss/d output = 0.5591 × -0.036 = -0.0201" in text_of(browser, "#step")
    assert "when net grows by a tiny bit, loss falls by 0.0201 times that" in text_of(browser, "#step")
    assert text_of(browser, "#node4") == "netv4 + biasvalue0.8grad-0.0201"
    assert text_of(browser, "#node3") == "v4input * weightvalue0.2grad·"
    browser.click("#last")
    assert text_of(browser, "#position") == "Step 18 of 18, backward"
    assert "d loss/d input = d v4/d input × d loss/d v4 = 0.5 × -0.0201 = -0.0101" in text_of(browser, "#step")
    browser.click("#next")  # there is nothing after the last
    assert text_of(browser, "#position") == "Step 18 of 18, backward"
    browser.click("#back")
    assert "d loss/d weight = d v4/d weight × d loss/d v4 = 0.4 × -0.0201 = -0.008" in text_of(browser, "#step")
    browser.click("#overview")
    assert text_of(browser, "#position") == "18 steps"


# Near integers, at ties, where the format changes, and everywhere between.
NUMBERS_TO_WRITE = [0.0, -0.0, 0.99995, 1.00004, 0.1 + 0.2 + 0.7, 0.03125, -0.09375, 1.0625, 20.3125, 9999.9, 9999.96,
                    65000.4, 65000.00001, 999999.5, 999999.96, 1e6, 1234567.5, -1e21, 0.0001, 0.00099999, 0.000999951,
                    9.9999e-5, 1.25e-7, 5e-324, 1e308, math.inf, -math.inf]  # fmt: skip
NUMBERS_TO_WRITE += [random.Random(1).uniform(-1, 1) * 10.0**power for power in range(-9, 9)]


@pytest.mark.slice(most=2)
@pytest.mark.parametrize("digits", [None, 1, 3, 6, 9, 17])
def test_the_page_writes_numbers_as_python_does(page: Callable[..., Browser], digits: int | None) -> None:
    xs = [Value(x) for x in NUMBERS_TO_WRITE]
    slopes = ops.dot(xs, [Value(x) for x in NUMBERS_TO_WRITE])  # each is a value and a local gradient
    browser = page(slopes, digits=digits)
    value, slope = in_digits(digits, short), in_digits(digits, in_equation)
    table = browser.run(NUMBERS)
    for x, row in zip(NUMBERS_TO_WRITE, table, strict=False):
        assert row[0][0][1] == value(x)
        assert row[1][0][1] == slope(x)
    assert len(table) == 2 * len(xs) + 1


def test_with_few_digits_a_step_that_a_calculator_would_not_give_is_only_nearly_equal(
    page: Callable[..., Browser],
) -> None:
    x = Value(0.7342, "x")
    y = (x * 1.234).sin()
    browser = page(y, digits=2, names={"y": y})
    browser.click("#next")
    browser.click("#next")
    assert "v2 = x * 1.234 = 0.73 * 1.234 ≈ 0.91" in text_of(browser, "#step")
    browser.click("#next")
    assert "y = sin(v2) = sin(0.91) = 0.79" in text_of(browser, "#step")
    browser.click("#last")
    assert "d y/d x = d v2/d x × d y/d v2 = 1.2 × 0.62 ≈ 0.76" in text_of(browser, "#step")


def test_the_sign_of_a_gradient_is_printed_and_coloured(page: Callable[..., Browser]) -> None:
    x, y = Value(-2.0, "x"), Value(3.0, "y")
    z = x - y
    browser = page(z)
    classes = "return [...document.querySelectorAll(arguments[0])].map(e => e.getAttribute('class'))"
    assert browser.run(classes, ".node") == ["node leaf positive", "node leaf negative", "node output positive"]
    assert browser.run(classes, ".edge") == ["edge positive", "edge negative"]
    assert text_of(browser, "#node1") == "yvalue3grad-1"
    assert [text_of(browser, f".edge:nth-child({i})") for i in (1, 2)] == ["1", "-1"]
    browser.run("for (let i = 0; i < 3; i++) document.getElementById('next').click()")
    assert "= x - y = -2 - 3 = -5" in text_of(browser, "#step")


@pytest.mark.slice(most=2)
@pytest.mark.parametrize(
    "formula, shown",
    [
        (lambda x: x - x, "-2 - (-2)"),
        (lambda x: -x, "-(-2)"),
        (lambda x: 2 * x, "2 * (-2)"),
        (lambda x: x**x, "(-2) ** (-2)"),
        (lambda x: x.tanh(), "tanh(-2)"),
    ],
)
def test_negative_numbers_have_the_parentheses_of_formulas(
    page: Callable[..., Browser], formula: Callable[[Value], Value], shown: str
) -> None:
    browser = page(formula(Value(-2.0, "x")))
    browser.click("#next")
    browser.click("#next")
    assert f" = {shown} = " in text_of(browser, "#step")


def test_nodes_take_the_names_of_variables_or_those_asked_for(chromium: Browser, tmp_path: Path) -> None:
    first, second = Value(1.0), Value(2.0)
    product = first * second
    names = "return [...document.querySelectorAll('#rows th')].map(e => e.textContent)"
    for options, expected in (
        ({}, ["first", "second", "product"]),
        ({"names": {"a": first}}, ["a", "v2", "v3"]),
        ({"names": {}}, ["v1", "v2", "v3"]),
    ):
        chromium.open(explore(product, tmp_path / "page.html", **options))
        assert chromium.run(names) == expected


def test_a_long_label_is_cut_in_its_box_alone(page: Callable[..., Browser]) -> None:
    x = Value(1.0, "the price of a loaf of bread\nin the year 2000")
    browser = page(x.tanh())
    assert text_of(browser, "#node0").startswith("the price of a loaf of br…value")
    assert text_of(browser, "#node1").startswith("v2tanhvalue")
    assert text_of(browser, "#rows th") == "the price of a loaf of bread\nin the year 2000"


def test_a_lone_leaf_is_a_graph_too(page: Callable[..., Browser]) -> None:
    x = Value(1.5, "x")
    browser = page(x, train=x)
    browser.click("#last")
    assert text_of(browser, "#step") == (
        "Backward. It starts at x: the derivative of x with respect to itself is 1.d x/d x = 1"
    )
    check_numbers(browser, x)


def test_where_paths_meet_the_products_are_added(page: Callable[..., Browser]) -> None:
    x = Value(3.0, "x")
    square = x * x
    square.label = "square"
    total = square + 2 * x
    total.label = "total"
    browser = page(total)
    browser.click("#last")
    said = text_of(browser, "#step")
    assert "x is used 3 times, in square and v3." in said
    assert (
        "d total/d x = d v3/d x × d total/d v3 + d square/d x × d total/d square + d square/d x × d total/d square"
        " = 2 × 1 + 3 × 1 + 3 × 1 = 8"
    ) in said


STEPS = """
document.getElementById("overview").click();
const texts = [];
while (document.getElementById("next").getAttribute("aria-disabled") !== "true") {
  document.getElementById("next").click();
  texts.push([...document.getElementById("step").children].map(part => part.textContent));
}
return texts"""


def check_arithmetic(browser: Browser) -> list[list[str]]:
    """Check that every equation of the steps is true as it is shown; return the texts of the steps."""
    steps: list[list[str]] = browser.run(STEPS)
    for _, equation, *_ in steps[: len(steps) // 2]:
        sides = equation.split(" = ")
        if len(sides) > 2:  # not of a leaf
            assert is_shown_as(evaluated(sides[-2], {}), sides[-1], digits=4), equation
    for _, equation, *_ in steps[len(steps) // 2 :]:
        _, *between, total = equation.split(" = ")
        if not between:
            continue
        symbolic, numeric = (summands(text) for text in between) if len(between) == 2 else (None, summands(between[0]))
        numbers = [math.prod(map(parsed, term.split(" × "))) for term in numeric if not term.startswith("…")]
        assert symbolic is None or [" × " in term for term in symbolic] == [" × " in term for term in numeric]
        if "…" not in numeric[-1]:
            assert is_shown_as(added(numbers), total, digits=4), equation
    return steps


@pytest.mark.campaign
def test_the_arithmetic_of_every_step_is_true_as_it_is_shown(page: Callable[..., Browser]) -> None:
    rng = random.Random("arithmetic")
    rows = rng.sample([op for op in TABLE.values() if op.name in BUILT_IN], len(BUILT_IN))
    for part in (rows[:15], rows[15:30], rows[30:]):
        browser = page(random_expression(rng, part))
        for _ in range(2):
            for i in range(3):
                x = rng.choice([rng.uniform(-1.5, 2.5), rng.choice(SPECIAL), rng.choice([1e160, -1e300, 5e-324])])
                set_to(browser, i, repr(x))
            check_arithmetic(browser)


def test_a_part_that_is_no_product_stands_alone(page: Callable[..., Browser]) -> None:
    x = Value(-1.0, "x")
    browser = page(x.relu().log() + x)
    said = check_arithmetic(browser)[-1]
    assert said[1] == "d v4/d x = d v4/d x × d v4/d v4 + 0 = 1 × 1 + 0 = 1"
    assert said[0].endswith("the products are added. The rule of relu passes 0 here, whatever comes from v2.")
    browser = page(Value(5e-324, "x").log() * 0)
    said = check_arithmetic(browser)[-1]
    assert said[1] == "d v3/d x = 0"
    assert said[0].endswith("as fast as v2. The rule of log gives 0, not the product of inf and 0.")


def test_products_that_cancel_have_the_digits_for_it(page: Callable[..., Browser]) -> None:
    x = Value(2.0, "x")
    browser = page(x * 1234.5678 * 10 - x * 12345.0)
    assert check_arithmetic(browser)[-1][1].endswith(" = 0.678")


def test_where_only_floats_give_a_number_its_equation_says_nearly(page: Callable[..., Browser]) -> None:
    """A calculator reckons in decimals, to which 0.1 + 0.1 + 0.1 - 0.3 is 0."""
    a, b, x = Value(-0.3, "a"), Value(0.1, "b"), Value(1.0, "x")
    browser = page(ops.sum([b, b, b, a]) + ops.dot([x, x, x], [0.1, 0.2, -0.3]))
    said = [step[1] for step in browser.run(STEPS)]
    assert [text.partition(" ≈ ")[0].rpartition(" = ")[2] for text in said if "≈" in text] == [
        "sum([0.1, 0.1, 0.1, -0.3])",
        "dot([1, 1, 1], [0.1, 0.2, -0.3])",
        "0.1 × 1 + 0.2 × 1 + -0.3 × 1",
    ]


def test_a_result_is_what_its_operands_give_as_they_are_shown(page: Callable[..., Browser]) -> None:
    x = Value(0.020105429, "x")
    browser = page(x * 0.4 + 0.123456 * x)
    equations = [step[1] for step in check_arithmetic(browser)[1:4]]
    assert equations == [
        "v2 = x * 0.4 = 0.020105 * 0.4 = 0.008042",
        "v3 = 0.123456 * x = 0.123456 * 0.020105 = 0.002482",
        "v4 = v2 + v3 = 0.008042 + 0.002482 = 0.01052",
    ]


def test_a_division_by_minus_0_shows_its_sign(page: Callable[..., Browser]) -> None:
    browser = page(1 / Value(-0.0, "x"))
    assert check_arithmetic(browser)[1][1] == "v2 = 1 / x = 1 / (-0) = -inf"


def test_one_part_too_many_for_the_line_is_counted(page: Callable[..., Browser]) -> None:
    x = Value(1 / 3, "x")
    browser = page(ops.sum([x, x, x, x, x * 2]))
    assert check_arithmetic(browser)[-1][1].endswith(" + … (5 products) = 6")


def test_everything_works_by_keyboard(page: Callable[..., Browser]) -> None:
    loss, parameters = neuron()
    browser = page(loss, train=parameters)
    visited = []
    for _ in range(25):
        browser.press("Tab")
        visited.append(browser.run("return document.activeElement.id || document.activeElement.className"))
        if visited[-1] == "wide":
            break
    fields = [f"{kind}{i}" for i in range(3) for kind in ("slider", "field")]
    training = ["rate", "speed", "logarithmic", "play", "once", "restart"]
    assert visited == ["overview", "back", "next", "last", "node8", *fields, "reset", *training, "wide"]

    browser.run("document.activeElement.blur()")
    browser.press("Right", "Right", "Right", "Left")
    assert text_of(browser, "#position") == "Step 2 of 18, forward"
    browser.run("document.getElementById('next').focus()")
    browser.press("Enter")
    assert text_of(browser, "#position") == "Step 3 of 18, forward"

    browser.run("document.getElementById('overview').click(); document.getElementById('node8').focus()")
    browser.press("Up", "Up")
    assert browser.run("return document.activeElement.id") == "node6"
    assert "local gradient d v8/d error" in text_of(browser, "#node")
    browser.press("Home")
    assert text_of(browser, "#node h3") == "input"
    browser.press("Right")  # the focus follows the steps
    browser.press("Right")
    assert browser.run("return document.activeElement.id") == "node1"

    browser.run("document.getElementById('slider1').focus()")
    browser.press("Right", "Right")  # moves the slider, and does not step
    assert text_of(browser, "#position") == "Step 2 of 18, forward"
    assert browser.run("return document.getElementById('field1').value") == "0.52"
    loss.forward()
    graph_of(loss)[1].data = 0.52
    check_numbers(browser, loss)


def test_hovering_shows_a_node_and_leaving_ends_it(page: Callable[..., Browser]) -> None:
    loss, _ = neuron()
    loss.backward()
    net = graph_of(loss)[4]
    browser = page(loss)
    browser.point_at("#node4 .body")
    shown = text_of(browser, "#node")
    for number in ("0.8", "0.5590551677322437", repr(net.grad), repr(faux_gradient(loss, net))):
        assert number in shown
    browser.point_at("h1")
    assert text_of(browser, "#node h3") == "loss"


def test_a_screen_reader_finds_its_way(page: Callable[..., Browser]) -> None:
    loss, parameters = neuron()
    browser = page(loss, train=parameters)
    assert browser.role("#graph") == "listbox"
    assert browser.spoken("#graph") == "Graph"
    assert browser.role("#node4") == "option"
    assert browser.spoken("#node4") == (
        "net, v4 + bias; value 0.8; local gradient on output 0.5591; global gradient -0.0201; faux gradient -0.0201"
    )
    assert browser.role("#said") == "status"
    browser.click("#next")
    said = "Step 1 of 18, forward Forward. input is a leaf: its value is given, not calculated. input = 0.4"
    assert text_of(browser, "#said") == said
    set_to(browser, 0, "0.5")
    assert text_of(browser, "#step").endswith("input = 0.5")
    assert text_of(browser, "#said") == said  # screen readers have already announced the number of the slider
    browser.click("#overview")
    set_to(browser, 0, "0.4")
    assert (browser.role("#slider0"), browser.spoken("#slider0")) == ("slider", "input")
    assert browser.spoken("#field0") == "input, as a number"
    assert browser.role("#play") == "button"
    assert browser.spoken("#chart").startswith("Chart of loss over 0 attempts")
    assert browser.spoken("#next") == "Next"


def test_text_that_is_not_a_number_is_marked_and_changes_nothing(page: Callable[..., Browser]) -> None:
    loss, _ = neuron()
    browser = page(loss)
    set_to(browser, 0, "a lot")
    assert browser.run("return document.getElementById('field0').getAttribute('aria-invalid')") == "true"
    check_numbers(browser, loss)
    set_to(browser, 0, " −2,5 ")  # as it is written elsewhere
    assert browser.run("return document.getElementById('field0').getAttribute('aria-invalid')") == "false"
    graph_of(loss)[0].data = -2.5
    check_numbers(browser, loss)
    browser.click("#reset")
    graph_of(loss)[0].data = 0.4
    check_numbers(browser, loss)


# Training ------------------------------------------------------------------------------------------------------------


def descend(loss: Value, parameters: list[Value], lr: float, attempts: int) -> None:
    for _ in range(attempts):
        loss.forward()
        loss.zero_grad()
        loss.backward()
        for p in parameters:
            p.data -= lr * p.grad
    loss.forward()


def test_training_gives_the_numbers_of_python(page: Callable[..., Browser]) -> None:
    loss, parameters = neuron(x=0.01, bias=0.5, target=0.1)  # the second article
    browser = page(loss, train=parameters, lr=0.1)
    assert text_of(browser, "#progress") == "Attempts: 0. loss: 0.06699"
    browser.run("for (let i = 0; i < 9; i++) document.getElementById('once').click()")
    descend(loss, parameters, 0.1, 9)
    assert round(graph_of(loss)[5].data, 6) == 0.284033  # the article's tenth attempt
    check_numbers(browser, loss)
    assert text_of(browser, "#progress").startswith("Attempts: 9. loss: ")
    browser.run(
        """const rate = document.getElementById("rate");
        rate.value = "0.05";
        rate.dispatchEvent(new Event("change"));
        for (let i = 0; i < 91; i++) document.getElementById("once").click()"""
    )
    descend(loss, parameters, 0.05, 91)
    check_numbers(browser, loss)
    browser.click("#restart")
    for p, x in zip(parameters, (0.5, 0.5), strict=True):
        p.data = x
    check_numbers(browser, loss)
    assert text_of(browser, "#progress").startswith("Attempts: 0.")


@pytest.mark.campaign
def test_play_trains_until_pause(page: Callable[..., Browser]) -> None:
    random.seed(3)
    hidden, last = [Neuron(2) for _ in range(3)], Neuron(3)
    xs = [Value(0.9, "x1"), Value(-0.8, "x2")]
    loss = (last([unit(xs) for unit in hidden]) - 0.5) ** 2
    parameters = [p for unit in (*hidden, last) for p in unit.parameters()]
    browser = page(loss, train=parameters, lr=0.2)
    browser.click("#play")
    assert text_of(browser, "#play") == "Pause"
    browser.run("document.getElementById('speed').value = '300'")
    browser.wait("return parseInt(document.getElementById('progress').textContent.slice(10)) >= 60")
    browser.click("#play")
    said = re.fullmatch(r"Paused after (\d+) attempts: v\d+ is .*\.", text_of(browser, "#announcement"))
    assert said
    attempts = int(said[1])
    descend(loss, parameters, 0.2, attempts)
    check_numbers(browser, loss)
    curve = browser.run("return document.querySelector('#chart .curve').getAttribute('d')")
    heights = [float(y) for _, y in (point.split() for point in curve[1:].split("L"))]
    assert len(heights) == attempts + 1
    assert heights[-1] > heights[0] + 100  # y grows downwards: the loss fell
    browser.click("#logarithmic")
    assert browser.run("return document.querySelector('#chart .curve').getAttribute('d')") != curve


def test_a_loss_below_zero_that_stays_can_be_drawn(page: Callable[..., Browser]) -> None:
    x = Value(-1.0, "x")
    browser = page(ops.step(x) - 2, train=x)
    browser.run("for (let i = 0; i < 5; i++) document.getElementById('once').click()")
    assert "NaN" not in browser.run("return document.getElementById('chart').innerHTML")
    browser.click("#logarithmic")
    assert browser.spoken("#chart").endswith("nothing to draw")


def test_training_that_diverges_stops_and_says_so(page: Callable[..., Browser]) -> None:
    x = Value(1.0, "x")
    browser = page(x**4, train=x, lr=10.0)
    browser.click("#play")
    browser.wait("return document.getElementById('announcement').textContent !== ''")
    assert text_of(browser, "#announcement").startswith("Stopped, try a smaller learning rate:")
    assert text_of(browser, "#play") == "Play"


def test_without_train_there_is_no_training(page: Callable[..., Browser]) -> None:
    browser = page(neuron()[0])
    assert browser.run("return document.getElementById('training').hidden") is True


# Safety --------------------------------------------------------------------------------------------------------------

SCRIPTS = [
    "</script><script>window.broken = 1</script>",
    "<!--<script>",
    "<img src=x onerror='window.broken = 1'>",
    "';window.broken=1;//",
    '"-(window.broken=1)-"',
    "`${window.broken = 1}`",
    "\\u0022;window.broken=1;//",
    "{{STYLE}} {{SCRIPT}} {{NOTHING}}",
    "\N{LINE SEPARATOR}window.broken=1\N{PARAGRAPH SEPARATOR}",
    "__proto__",
]


def check_labels(browser: Browser, path: Path, texts: list[str]) -> None:
    """Explore a graph that has each text as the label of a leaf and of a result, and look for all of it on the page."""
    leaves = [Value(0.5, text) for text in texts]
    results = [leaf.tanh() for leaf in leaves]
    for result, text in zip(results, texts, strict=True):
        result.label = text
    output = ops.sum(results)
    output.label = SCRIPTS[0]
    browser.open(explore(output, path, train=leaves[:3], max_nodes=1000, names={}))
    browser.click("#last")
    browser.click("#once")
    for name in ("#rows tr", "#graph .node"):
        assert browser.run("return document.querySelectorAll(arguments[0]).length", name) == 2 * len(texts) + 1
    assert browser.run("return [window.broken, document.scripts.length, document.images.length]") == [None, 1, 0]
    units = """return [...document.querySelectorAll("#rows th bdi")].map(
        shown => [...Array(shown.textContent.length).keys()].map(i => shown.textContent.charCodeAt(i)))"""
    for i, (codes, text) in enumerate(zip(browser.run(units), texts, strict=False), start=1):  # first come the leaves
        shown = b"".join(code.to_bytes(2, "little") for code in codes).decode("utf-16-le", "surrogatepass")
        assert shown in (text or f"v{i}", f"{text}#{shown.rpartition('#')[2]}")  # #2 where two leaves share a label
    assert browser.complaints() == []
    assert set(browser.requests()) == {path.as_uri()}


@pytest.mark.slice(most=2)
@pytest.mark.parametrize("label", WHITE_SPACE)
def test_a_label_of_white_space_alone_can_be_an_operand(label: str, tmp_path: Path) -> None:
    output = (Value(2.0, label) * Value(3.0, "b")).tanh()
    page = explore(output, names={}).html
    assert "tanh" in page


def test_no_label_becomes_a_script(chromium: Browser, tmp_path: Path) -> None:
    check_labels(chromium, tmp_path / "page.html", [*HOSTILE, *SCRIPTS])


@pytest.mark.campaign
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(labels, min_size=10, max_size=40))  # many on a page: the page takes most of the time
def test_any_text_can_be_a_label(chromium: Browser, texts: list[str], tmp_path: Path) -> None:
    check_labels(chromium, tmp_path / "page.html", texts)


def test_the_policy_lets_nothing_in_or_out(chromium: Browser, tmp_path: Path) -> None:
    """From within the page, no request, no further script, no style and no HTML gets through."""
    asked: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium.open(explore(neuron()[0], tmp_path / "page.html"))
        tried = chromium.run(
            f"""const address = "http://127.0.0.1:{server.server_port}/";
            const image = new Image();
            image.src = address + "image";
            const link = document.createElement("link");
            link.rel = "stylesheet";
            link.href = address + "style";
            document.head.append(image, link);
            const blocked = {{}};
            const attempt = (name, action) => {{
                try {{ action(); }} catch (problem) {{ blocked[name] = problem.name; }}
            }};
            attempt("html", () => document.body.innerHTML = "<b>x</b>");
            attempt("script", () => document.createElement("script").textContent = "window.broken = 1");
            attempt("handler", () => document.body.setAttribute("onclick", "window.broken = 1"));
            attempt("timer", () => setTimeout("window.broken = 1"));
            return fetch(address + "fetch").catch(problem => blocked.fetch = problem.name).then(() => blocked);"""
        )
        server.shutdown()
    assert tried == dict.fromkeys(("html", "script", "handler", "timer", "fetch"), "TypeError")
    assert chromium.run("return window.broken") is None
    assert asked == []
    assert chromium.complaints()  # the browser names each of them


# Looks ---------------------------------------------------------------------------------------------------------------


def test_a_phone_gets_the_graph_from_top_to_bottom(page: Callable[..., Browser]) -> None:
    browser = page(neuron()[0])
    shape = "const box = document.getElementById('graph').viewBox.baseVal; return box.width > box.height"
    assert browser.run(shape) is True
    browser.screen(390, 844, scale=2)
    browser.wait(f"return !(() => {{ {shape} }})()")
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth") is True
    browser.screen(320, 640, scale=2)
    assert browser.run("return document.documentElement.scrollWidth <= innerWidth") is True


def test_colours_follow_the_system_and_can_be_read(page: Callable[..., Browser]) -> None:
    browser = page(neuron()[0])
    seen = []
    for scheme in ("light", "dark"):
        browser.screen(1280, 900, prefers_color_scheme=scheme)
        colours = browser.run(
            """const style = getComputedStyle(document.documentElement);
            const names = ["panel", "text", "muted", "accent", "positive", "negative", "edge", "leaf", "output"];
            return Object.fromEntries(names.map(name => [name, style.getPropertyValue(`--${name}`).trim()]))"""
        )
        for name, least in (
            ("text", 7),
            ("muted", 4.5),
            ("accent", 4.5),
            ("positive", 3),
            ("negative", 3),
            ("edge", 3),
        ):
            for ground in ("panel", "leaf", "output"):
                enough = least if ground == "panel" else min(least, 4.5) if name in ("text", "muted") else 0
                assert contrast(colours[name], colours[ground]) >= enough, (scheme, name, ground)
        seen.append(colours["panel"])
    assert len(set(seen)) == 2


def contrast(x: str, y: str) -> float:
    """Return the contrast ratio of WCAG 2.2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(x), luminance(y)))
    return (high + 0.05) / (low + 0.05)


def test_users_who_prefer_less_motion_see_two_changes_a_second(page: Callable[..., Browser]) -> None:
    loss, parameters = neuron()
    browser = page(loss, train=parameters)
    browser.screen(1280, 900, prefers_reduced_motion="reduce")
    browser.run(
        """window.changes = 0;
        new MutationObserver(() => changes++).observe(document.getElementById("progress"), {childList: true});
        window.began = performance.now()"""
    )
    browser.click("#play")
    browser.wait("return performance.now() - began > 1300")
    browser.click("#play")
    assert 1 <= browser.run("return changes") <= 4  # one of them is the pause
    assert browser.run("return parseInt(document.getElementById('progress').textContent.slice(10)) > 20")


def test_the_page_prints_whole(page: Callable[..., Browser], tmp_path: Path) -> None:
    """Everything that scrolls on a screen is on paper: the graph, all leaves, the table with its long formulas."""
    if not shutil.which("pdftotext"):
        lacking("pdftotext is not installed")
    inputs = [Value(0.1 * i, f"input{i}") for i in range(1, 41)]
    total = ops.sum(inputs)
    hidden = ops.dot(inputs[:12], inputs[12:24]) * total
    for _ in range(12):
        hidden = hidden.tanh()
    browser = page(hidden, train=inputs)
    wide = "const box = document.getElementById('graph').viewBox.baseVal; return box.width"
    on_screen = browser.run(wide)
    printed = _printed(browser, tmp_path)
    for i, v in enumerate(inputs):  # in the graph, among the leaves, in the table, and some in a long formula
        assert len(re.findall(rf"\b{v.label}\b", printed)) >= 3 + (i < 24)
    for number in range(41, 56):
        assert len(re.findall(rf"\bv{number}\b", printed)) >= 2
    assert not re.search("Overview|Reset all|Play|a second|Point at a node", printed)
    assert "without calculus" in printed  # the end of the page
    browser.wait(f"return (() => {{ {wide} }})() === {on_screen}")  # back on the screen


@pytest.mark.slice(most=2)
@pytest.mark.parametrize("columns", [1280, 640])
@pytest.mark.parametrize("which", ["README", "square", "chain"])
def test_the_page_prints_to_its_end_whichever_way_its_graph_is_turned(
    which: str, columns: int, page: Callable[..., Browser], tmp_path: Path
) -> None:
    """On paper a graph may be turned, and so be higher than on the screen: what is below it is still printed."""
    if not shutil.which("pdftotext"):
        lacking("pdftotext is not installed")
    x = Value(0.4, "input")
    output = x * x + 1
    if which == "README":
        output = ((x * Value(0.5, "weight") + Value(0.6, "bias")).tanh() - 0.7) ** 2 / 2
    elif which == "chain":
        for _ in range(60):
            output = output.tanh()
    browser = page(output)
    browser.screen(columns, 900)
    for _ in range(2):  # once more, after the page is back on the screen
        printed = _printed(browser, tmp_path)
        for part in ("Leaves", "All numbers", "without calculus"):
            assert part in printed


def _printed(browser: Browser, folder: Path) -> str:
    path = folder / "printed.pdf"
    path.write_bytes(browser.printed())
    return subprocess.run(
        ["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def test_in_print_colours_are_light_and_negatives_dashed(page: Callable[..., Browser]) -> None:
    x, y = Value(2.0, "x"), Value(3.0, "y")
    browser = page(x - y)
    browser.screen(1280, 900, kind="print", prefers_color_scheme="dark")
    look = """const style = [...document.querySelectorAll(arguments[0])].map(x => getComputedStyle(x));
        return style.map(x => x[arguments[1]])"""
    assert browser.run(look, "body", "backgroundColor") == ["rgb(255, 255, 255)"]
    assert browser.run(look, ".edge path", "strokeDasharray") == ["none", "7px, 4px"]
    assert set(browser.run(look, "button, select, [type=range]", "display")) == {"none"}
    assert browser.run("const box = document.getElementById('scroller'); return box.scrollWidth <= box.clientWidth")
