"""`draw`: its DOT, and the pictures of the program `dot`, of pygraphviz, and with neither of them."""

from __future__ import annotations

import gc
import os
import random
import re
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import graphviz
import pytest
from cases import examples
from hostile import HOSTILE, labels
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st
from layout_engines import ENGINES, USUAL_AND_OTHER, only, require
from networks import WAYS, Network, loss_of

from autograd import explain, explore, faux_gradient, formula, nn, ops, to_text
from autograd.engine import Value, graph_of
from autograd.text import LONGEST_FORMULA
from autograd.views import render as rendering
from autograd.views.draw import Drawing, draw
from autograd.views.gradients import in_equation
from autograd.views.render import LONGEST_LABEL, LONGEST_TOOLTIP, shortened


@pytest.fixture(params=USUAL_AND_OTHER)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with only(request.param, tmp_path_factory.mktemp("empty")):
        yield request.param


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide `dot`, and return a file to write a fake pygraphviz into."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "pygraphviz.py"


@pytest.fixture
def nothing(pretend: Path) -> None:
    """Hide `dot` and pygraphviz."""
    pretend.write_text("raise ImportError('libglib-2.0.so.0: cannot open shared object file')")


def neuron() -> Value:
    """The articles' neuron, before backward()."""
    x, weight, bias, target = Value(0.4, "input"), Value(0.5, "weight"), Value(0.6, "bias"), Value(0.7, "target")
    net = x * weight + bias
    net.label = "net"
    output = net.tanh()
    output.label = "output"
    error = output - target
    error.label = "error"
    loss = error**2 / 2
    loss.label = "loss"
    return loss


def with_gradients(output: Value) -> Value:
    output.backward()
    return output


# Reading DOT and SVG -------------------------------------------------------------------------------------------------


def attributes(output: Value, **options: Any) -> dict[str, dict[str, str]]:
    """Return the DOT attributes of each node by its name, and of each edge by "tail -> head"; later ones win."""
    found = {}
    for statement in draw(output, names={}, **options).body:
        name, pairs = statement.strip().removesuffix("]").split(" [", 1)
        found[name] = {key: (a or b) for key, a, b in re.findall(r'(\w+)=(?:"((?:\\.|[^"\\])*)"|(\S+))', pairs)}
    return found


def titles(output: Value) -> dict[str, str]:
    """Return the first line of each node's text: label, or label = formula."""
    return {name: each["label"].split(r"\l")[0] for name, each in attributes(output).items() if "->" not in name}


SVG, TIP = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}title"


def parsed(svg: str) -> dict[str, tuple[list[str], list[str]]]:
    """Return the lines of text and the tooltips of each node and edge of the SVG.

    Graphviz writes a run of spaces with no-break spaces. Blank lines are left out.
    """
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") in {"node", "edge"}:
            name = group.findtext(f"{SVG}title") or ""
            text = [plain(element.text or "") for element in group.iter(f"{SVG}text")]
            tooltips = [plain(link.get(TIP, "")) for link in group.iter(f"{SVG}a")]
            found[name] = ([line for line in text if line.strip(" ")], tooltips)
    return found


def plain(text: str) -> str:
    return text.replace("\xa0", " ")


def visible(text: str) -> str:
    """Return the text that a drawing has to show for a label."""
    shown = ""
    for character in text:
        if unicodedata.category(character) == "Cs" or character in "\ufffe\uffff":
            shown += "\ufffd"
        elif character == "\x7f":
            shown += "\N{SYMBOL FOR DELETE}"
        else:
            shown += chr(0x2400 + ord(character)) if character < " " and character != "\n" else character
    return plain(shown)


def lines(*texts: str) -> list[str]:
    """Return the lines of a box that has to show each text; one may have several lines."""
    shown = (visible(shortened(text, LONGEST_LABEL)) for text in texts)
    return [line for text in shown for line in text.split("\n") if line.strip(" ")]


def tooltip(*texts: str) -> str:
    return "\n".join(visible(shortened(text, LONGEST_TOOLTIP)) for text in texts)


# What is drawn -------------------------------------------------------------------------------------------------------


def test_local_gradients_on_the_edges_are_the_articles() -> None:
    loss = neuron()
    title = {name: text.partition(" = ")[0] for name, text in titles(loss).items()}
    local = {}
    for edge, each in attributes(loss).items():
        if "label" in each and "->" in edge:
            tail, head = edge.split(" -> ")
            local[title[tail], title[head]] = each["label"].strip()
    assert local == {
        ("input", "v5"): "0.5",
        ("weight", "v5"): "0.4",
        ("v5", "net"): "1",
        ("bias", "net"): "1",
        ("net", "output"): "0.5591",
        ("output", "error"): "1",
        ("target", "error"): "-1",
        ("error", "v9"): "-0.0719",
        ("v9", "loss"): "0.5",
    }


def test_gradients_multiply_along_the_edges() -> None:
    """The chain rule holds for the numbers in the tooltips."""
    loss = with_gradients(neuron())
    found = attributes(loss)
    gradient = {v: float(each["tooltip"].split("grad ")[1]) for v, each in found.items() if "grad " in each["tooltip"]}
    checked = 0
    for edge, each in found.items():
        tail, _, head = edge.partition(" -> ")
        if head and tail in gradient:  # in this graph every node has one way to the loss
            assert gradient[tail] == gradient[head] * float(each["tooltip"].split(" = ")[1])
            checked += 1
    assert checked == 9


def test_nodes_show_label_formula_data_and_gradient(engine: str) -> None:
    found = parsed(draw(with_gradients(neuron())).pipe(encoding="utf-8"))
    nodes = {name: text for name, (text, _) in found.items() if "->" not in name}
    assert nodes == {
        "v1": ["input", "data 0.4", "grad -0.0101"],
        "v2": ["weight", "data 0.5", "grad -0.008"],
        "v3": ["bias", "data 0.6", "grad -0.0201"],
        "v4": ["target", "data 0.7", "grad 0.036"],
        "v5": ["v5 = input * weight", "data 0.2", "grad -0.0201"],
        "v6": ["net = v5 + bias", "data 0.8", "grad -0.0201"],
        "v7": ["output = tanh(net)", "data 0.664", "grad -0.036"],
        "v8": ["error = output - target", "data -0.03596", "grad -0.036"],
        "v9": ["v9 = error ** 2", "data 0.001293", "grad 0.5"],
        "v10": ["loss = v9 / 2", "data 0.0006467", "grad 1"],
        "c1": ["2"],
        "c2": ["2"],
    }


def test_tooltips_have_all_digits(engine: str) -> None:
    found = parsed(draw(with_gradients(neuron())).pipe(encoding="utf-8"))
    assert set(found["v2"][1]) == {"weight\ndata 0.5\ngrad -0.008042171772040318"}
    assert set(found["v6->v7"][1]) == {"d output / d net = 0.5590551677322437"}


def test_before_backward_the_drawing_says_so_instead_of_showing_zeros() -> None:
    loss = neuron()
    advice = "all gradients are 0: call backward() first to see them"
    assert advice in draw(loss).source
    assert "grad " not in draw(loss).source
    loss.backward()
    assert advice not in draw(loss).source
    assert draw(loss).source.count("grad ") == 20  # label and tooltip of ten Values
    loss.zero_grad()
    assert advice in draw(loss).source


def test_leaves_results_and_output_differ_in_shape_and_colour() -> None:
    found = attributes(neuron())
    leaf, result, output = found["v1"], found["v9"], found["v10"]
    assert len({each["fillcolor"] for each in (leaf, result, output)}) == 3
    assert len({(each["shape"], each["style"], each.get("peripheries")) for each in (leaf, result, output)}) == 3
    assert found["c1"]["shape"] not in {leaf["shape"], output["shape"]}


def test_the_sign_of_a_gradient_has_a_colour() -> None:
    x, y = Value(2.0), Value(3.0)
    dead = (x * -1).relu()
    found = attributes(with_gradients(x - y + dead))
    blue, orange, grey = "#67a9cf", "#f1a340", "#999999"
    assert [found[name]["color"] for name in ("v1", "v2", "v3")] == [blue, orange, grey]
    assert [found[name]["color"] for name in ("v1 -> v5", "v2 -> v5", "v3 -> v4")] == [blue, orange, grey]


def test_names_of_values_without_a_label_are_not_labels_of_others() -> None:
    x = Value(1.0)
    z = x * Value(2.0, "v1") + Value(3.0, "_v1")
    assert list(titles(z).values()) == ["v1#2", "v1", "v3 = v1#2 * v1", "_v1", "v5 = v3 + _v1"]


def test_each_place_of_an_operand_is_an_edge_and_each_use_of_a_constant_a_node() -> None:
    x = Value(3.0)
    source = draw(x * x * 2 + 2).source
    assert source.count("v1 -> v2") == 2
    assert (source.count("c1 -> v3"), source.count("c2 -> v4")) == (1, 1)


@pytest.mark.parametrize(
    ("make", "title"),
    [
        (lambda x: -2 * x, "v2 = -2 * x"),
        (lambda x: (-2) ** x, "v2 = (-2) ** x"),
        (lambda x: ops.max(x, -2), "v2 = max(x, -2)"),
        (lambda x: ops.where(x, x, 0.5), "v2 = where(x, x, 0.5)"),
        (lambda x: ops.dot([x, 1], [3, x]), "v2 = dot([x, 1], [3, x])"),
        (lambda x: ops.sum([x] * 50), "v2 = sum of 50 operands"),
    ],
)
def test_formulas(make: Callable[[Value], Value], title: str) -> None:
    assert titles(make(Value(1.0, "x")))["v2"] == title


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (0.5590551677322437, "0.5591"),
        (-0.008042171772040318, "-0.008042"),
        (645.5773, "645.6"),
        (9999.9, "10000"),
        (65000.0, "65000"),
        (-123456.7, "-123457"),
        (1234567.0, "1.235e+06"),
        (0.00001234, "1.234e-05"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (5e-324, "4.941e-324"),
        (1e308, "1e+308"),
    ],
)
def test_numbers_are_short(number: float, text: str) -> None:
    assert attributes(Value(number))["v1"]["label"] == rf"v1\ldata {text}\l"


def test_the_drawing_is_the_same_to_the_byte_in_every_process(engine: str) -> None:
    program = """if 1:
        import hashlib, random
        from autograd import Value, draw, nn
        x, weight, bias = Value(0.4, "input"), Value(0.5, "weight"), Value(0.6, "bias")
        output = (x * weight + bias).tanh()
        loss = (output - 0.7)**2 / 2
        loss.backward()
        print(draw(loss).pipe(encoding="utf-8"))
        network = draw(nn.MLP(2, [3, 1], rng=random.Random(1))([x, weight]), detail="neuron")
        for format in ("svg", "png", "pdf"):
            print(format, hashlib.sha256(network.pipe(format)).hexdigest())
    """
    folder = Path(__file__).parents[2]

    def run(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(folder)}
        return subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True).stdout

    assert run("1") == run("2") != b""


@pytest.mark.parametrize("format", ["pdf", "ps"])
def test_a_picture_has_no_date(engine: str, format: str, tmp_path: Path) -> None:
    drawing = draw(Value(1.0, "x"))
    dates = re.findall(rb"CreationDate.*", drawing.pipe(format, renderer="cairo"))
    assert len(dates) == 1 and b"1970" in dates[0]
    for options in ({}, {"width_cm": 5.0}):
        written = Path(drawing.render(tmp_path / f"x.{format}", **options)).read_bytes()
        assert re.findall(rb"CreationDate.*", written) in ([], dates)


# Names, arguments, themes ---------------------------------------------------------------------------------------------


def test_values_have_the_names_of_variables_where_draw_is_called() -> None:
    x = Value(2.0)
    weights = [Value(3.0), Value(4.0, "label")]
    y = x * weights[0] + weights[1]
    product = y.args[0]
    assert isinstance(product, Value)
    assert r'"y = product + label\l' in draw(y).source
    assert r'"product = x * weights[0]\l' in draw(y).source
    assert r'"v4 = v1 * v2\l' in draw(y, names={}).source
    called = {x: "a", product: "p"}
    assert r'"p = a * v2\l' in draw(y, names=called).source


def test_faux_gradients_are_those_of_nudging() -> None:
    loss = with_gradients(neuron())
    values = graph_of(loss)
    found = re.findall(r'v(\d+) \[label="[^"]*\\lfaux (\S+)\\l"', draw(loss, faux=True).source)
    assert [int(i) for i, _ in found] == list(range(1, 11))
    for i, shown in found:
        assert shown == in_equation(faux_gradient(loss, values[int(i) - 1]))
    assert "faux" not in draw(loss).source
    assert "faux" in draw(neuron(), faux=True).source  # no need for backward()


def test_without_local_gradients_edges_are_bare() -> None:
    found = draw(with_gradients(neuron()), local=False).source
    edges = [line for line in found.splitlines() if "->" in line]
    assert len(edges) == 11
    assert not any("label=" in line or "#67a9cf" in line or "#f1a340" in line for line in edges)
    assert 'tooltip="net to output"' in found


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_the_direction_is_where_the_picture_runs(engine: str, direction: str) -> None:
    loss = neuron()
    plain = draw(loss, direction=direction).pipe(format="plain", encoding="utf-8")
    at = {line.split()[1]: [float(x) for x in line.split()[2:4]] for line in plain.splitlines() if line[:5] == "node "}
    (x1, y1), (x2, y2) = at["v1"], at["v10"]  # plain coordinates: y grows upwards
    along = {"LR": x2 - x1, "RL": x1 - x2, "TB": y1 - y2, "BT": y2 - y1}
    assert max(along, key=lambda d: along[d]) == direction


@pytest.mark.parametrize("argument", ["detail", "theme", "direction"])
def test_unknown_choices_are_refused(argument: str) -> None:
    with pytest.raises(ValueError, match=rf"{argument} is one of '.*', got 'fine'"):
        draw(neuron(), **{argument: "fine"})  # type: ignore[arg-type]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_enough_contrast(theme: str) -> None:
    colours = rendering.palette(theme)
    for ground in ("paper", "leaf", "result", "output", "neuron", "layer"):
        assert contrast(colours["ink"], colours[ground]) >= 4.5
    assert contrast(colours["faint"], colours["paper"]) >= 4.5


def test_each_use_of_a_colour_can_be_told_from_the_others() -> None:
    """The style sheet finds a use by its light colour."""
    light = rendering.palette("light")
    assert len(set(light.values())) == len(light)


COLOURS = re.compile(r'(?:fill|stroke)="([^"]+)"')


def test_one_svg_has_both_themes(engine: str, tmp_path: Path) -> None:
    graph = draw(loss_of(Network(2, [3, 1])), detail="neuron", expand=["layer1.neuron2"])
    svg = graph.pipe(encoding="utf-8")
    light, dark = rendering.palette("light"), rendering.palette("dark")
    drawn = set(COLOURS.findall(re.sub("<style.*</style>", "", svg))) - {"none", "transparent"}
    assert drawn <= set(light.values())  # so that every colour is replaced
    style = ElementTree.fromstring(svg).findtext(f"{SVG}style") or ""
    assert style.startswith("@media (prefers-color-scheme:dark){")
    rules = dict(re.findall(r'\.themes \[fill="(.*?)"\]\{fill:(.*?)\}', style))
    assert {rules.get(colour, colour) for colour in light.values()} == set(dark.values())
    assert {c for c in re.findall(r'class="(.*?)"', svg) if "themes" in c} == {"graph themes"}
    for other in (
        graph.pipe().decode(),
        graph.copy().pipe(encoding="utf-8"),
        Path(graph.render(tmp_path / "a.svg")).read_text("utf-8"),
        graph._repr_mimebundle_()["image/svg+xml"],
    ):
        assert other == svg
    assert graph.pipe("png").startswith(b"\x89PNG")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_can_be_fixed(engine: str, theme: str) -> None:
    svg = draw(with_gradients(neuron()), theme=theme).pipe(encoding="utf-8")
    assert "<style" not in svg
    assert set(COLOURS.findall(svg)) - {"none", "transparent"} <= set(rendering.palette(theme).values())


# Networks ------------------------------------------------------------------------------------------------------------


def test_a_neuron_is_a_box_with_weight_times_input_on_its_edges(engine: str) -> None:
    loss = with_gradients(neuron())
    found = parsed(draw(loss, detail="neuron").pipe(encoding="utf-8"))
    assert found["b1"][0] == ["output = neuron", "bias 0.6", "net 0.8", "tanh 0.664", "grad -0.036"]
    assert found["v1->b1"][0] == [" 0.5·0.4 "]
    assert set(found["v1->b1"][1]) == {
        "weight * input = 0.5 * 0.4 = 0.2\nweight: grad -0.008042171772040318\nd net / d input = 0.5"
    }
    assert "neuron: net = weight * input + bias\nactivation tanh\nbias 0.6\nnet 0.8\n" in found["b1"][1][0]
    assert found["b1->v8"][0] == [" 1 "]
    assert found["v8"][0][0] == "error = output - target"
    assert not {"v2", "v3", "v5", "v6", "v7"} & found.keys()


def test_edges_to_neurons_have_the_sign_of_the_weight_and_the_width_of_the_product() -> None:
    loss = loss_of(Network(2, [3, 2, 1]))
    edges = re.findall(
        r' -> b\d \[label=" (\S+)·(\S+) " color="(\S+)" lp="\S+" penwidth=(\S+) ', draw(loss, detail="neuron").source
    )
    assert len(edges) == 6 + 6 + 2
    for layer in (edges[:6], edges[6:12], edges[12:]):
        products = [(abs(float(w) * float(x.strip("()"))), float(width)) for w, x, _, width in layer]
        assert [colour for _, _, colour, _ in layer] == ["#67a9cf" if float(w) > 0 else "#f1a340" for w, *_ in layer]
        assert [width for _, width in sorted(products)] == sorted(width for _, width in products)
        assert max(products)[1] == (2.5 if max(products)[0] else 0.7)


def boxes(output: Value, **options: Any) -> dict[str, str]:
    """Return the first line of each node's text, by its name."""
    return {name: text[0] for name, (text, _) in parsed(draw(output, **options).pipe(encoding="utf-8")).items() if text}


def count(output: Value, **options: Any) -> tuple[int, int]:
    """Return the number of nodes and of edges in the SVG."""
    svg = draw(output, **options).pipe(encoding="utf-8")
    return svg.count('class="node"'), svg.count('class="edge"')


def test_a_large_network_at_each_detail(engine: str) -> None:
    loss = loss_of(Network(2, [16, 16, 1]))  # 33 neurons; 2 inputs, 4 results and 3 constants besides
    assert count(loss) == count(loss, detail="neuron") == (33 + 2 + 3 + 3, 2 * 16 + 16 * 16 + 16 + 6)
    assert count(loss, detail="layer") == (3 + 2 + 3 + 3, 2 + 1 + 1 + 6)
    svg = draw(loss).pipe(encoding="utf-8")
    frames = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "cluster"]
    assert [frame.findtext(f".//{SVG}text") for frame in frames] == ["layer1", "layer2", "layer3"]
    assert "·" not in " ".join(text for name, (lines, _) in parsed(svg).items() if "->" in name for text in lines)
    weights = [tip for name, (_, tips) in parsed(svg).items() if re.fullmatch("b.*->b.*", name) for tip in set(tips)]
    assert len(weights) == 16 * 16 + 16
    assert all(re.match(r"layer\d\.neuron\d+\.weight\d+ \* layer\d\.neuron\d+ = ", tip) for tip in weights)


def test_neurons_of_a_large_network_stand_in_their_order(engine: str) -> None:
    plain = draw(loss_of(Network(2, [16, 16, 1]))).pipe(format="plain", encoding="utf-8")
    at = {line.split()[1]: float(line.split()[3]) for line in plain.splitlines() if line[:6] == "node b"}
    for layer in ([f"b{i}" for i in range(1, 17)], [f"b{i}" for i in range(17, 33)]):
        assert sorted(layer, key=lambda box: -at[box]) == layer


@pytest.mark.slice(most=3)
@pytest.mark.parametrize("weigh", WAYS)
def test_a_network_looks_the_same_however_its_sums_are_written(weigh: Callable[..., Value]) -> None:
    ours, theirs = loss_of(Network(2, [3, 2, 1])), loss_of(Network(2, [3, 2, 1], weigh))
    for detail in ("neuron", "layer"):
        assert count(ours, detail=detail) == count(theirs, detail=detail)


def test_layers_show_what_is_in_them(engine: str) -> None:
    found = parsed(draw(loss_of(Network(2, [3, 1])), detail="layer").pipe(encoding="utf-8"))
    assert found["b1"][0][:3] == ["layer1", "3 relu neurons", "9 parameters"]
    assert found["b2"][0][:3] == ["layer2", "1 linear neuron", "4 parameters"]
    assert re.fullmatch(r"data \S+ to \S+", found["b1"][0][3])
    assert re.fullmatch(r"grad \S+ to \S+", found["b1"][0][4])
    assert found["b1->b2"][0] == [" 3 values "]


def test_many_inputs_of_a_layer_are_one_box(engine: str) -> None:
    found = boxes(loss_of(Network(20, [3, 1]), nin=20), detail="layer")
    assert "20 inputs" in found.values()
    network = Network(20, [3, 1])
    found = boxes(with_gradients(network([0.5] * 20)[0] ** 2), detail="layer")
    assert "20 constants" in found.values()


def test_constants_into_a_layer_are_drawn_once() -> None:
    output = Network(2, [3, 1])([0.5, 0.25])[0]
    assert draw(output, detail="neuron").source.count("constant 0.5") == 1


def test_a_small_graph_is_drawn_by_neurons_where_one_is_used_again() -> None:
    """The edges of its weights would wind round the Values of each use."""
    cell, h = nn.Neuron(2, "tanh", rng=random.Random(1)), Value(0.1)
    states = [h := cell([Value(0.1 * t), h]) for t in range(3)]
    for used_again in (loss_of(Network(2, [2, 1]), samples=2), states[-1]):
        assert draw(used_again, names={}).source == draw(used_again, detail="neuron", names={}).source
    once = loss_of(Network(2, [2, 1]))
    assert draw(once, names={}).source == draw(once, detail="value", names={}).source


def test_several_samples_are_distinguished(engine: str) -> None:
    found = boxes(loss_of(Network(2, [2, 1]), samples=2), detail="layer")
    assert [title for name, title in found.items() if name[0] == "b" and "->" not in name] == [
        f"layer{i} ({k} of 2)" for k in (1, 2) for i in (1, 2)
    ]


def test_expand_opens_one_neuron(engine: str) -> None:
    loss = loss_of(Network(2, [3, 2, 1]))
    closed = set(boxes(loss, detail="neuron").values())
    for detail, rest in (("neuron", {"neuron1", "neuron2"}), ("layer", {"layer1: 2 more", "layer2", "layer3"})):
        opened = set(boxes(loss, detail=detail, expand=("layer1.neuron3",)).values())
        assert {"layer1.neuron3.weight1", "layer1.neuron3.weight2", "layer1.neuron3.bias"} <= opened
        assert rest <= opened
        assert "neuron3" not in opened
    assert "neuron3" in closed
    layer = set(boxes(loss, detail="layer", expand="layer1").values())
    assert {"neuron1", "neuron2", "neuron3", "layer2", "layer3"} <= layer
    assert "layer2.neuron1.bias" in boxes(loss, detail="neuron", expand=["layer2"]).values()
    assert boxes(loss, expand="layer3.neuron1") == boxes(loss, detail="neuron", expand="layer3.neuron1")  # not all open


def clusters(drawing: Drawing) -> dict[str, list[str]]:
    """Return the nodes that stand directly in each frame, by its title."""
    frames: list[tuple[str, list[str]]] = [("", [])]
    found: dict[str, list[str]] = {}
    for line in drawing.source.splitlines():
        if "subgraph" in line:
            frames.append(("", []))
        elif title := re.match(r"\s*(?:bb=\S+ )?class=.*label=\"?(.*?)\\l", line):
            frames[-1] = (title[1], frames[-1][1])
        elif line.strip() == "}" and len(frames) > 1:
            title_of_it, nodes = frames.pop()
            found[title_of_it] = nodes
        elif node := re.match(r"\s*([vbc]\d+) \[", line):
            frames[-1][1].append(node[1])
    return found


@pytest.mark.parametrize("detail", ["neuron", "layer"])
def test_an_open_neuron_stands_beside_its_layer_and_has_the_same_inputs(detail: str) -> None:
    loss = with_gradients(Network(2, [3, 1])([0.5, -1.0])[0])
    drawing = draw(loss, detail=detail, expand="layer1.neuron2")
    assert {frame: len(nodes) for frame, nodes in clusters(drawing).items() if nodes} == (
        {"layer1": 2, "layer2": 1} if detail == "neuron" else {"layer1.neuron2": 3 + 3}
    )
    for number in (0.5, -1.0):
        assert drawing.source.count(f'tooltip="constant {number}"') == 1


def test_an_open_neuron_that_is_alone_has_a_frame() -> None:
    [output] = Network(2, [1])([0.5, -1.0])
    with_gradients(output)
    assert len(clusters(draw(output, detail="neuron", expand="layer1.neuron1"))["neuron1"]) == 3 + 2


@pytest.mark.parametrize("wrong", [5, None, 0.5])
def test_names_to_expand_are_texts(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"expand takes names such as expand=\['layer1\.neuron3'\], got"):
        draw(Value(1.0), expand=wrong)


@pytest.mark.parametrize("show", [draw, explain, explore, formula, to_text])
def test_the_largest_number_of_nodes_is_a_positive_integer(show: Callable[..., Any]) -> None:
    x = Value(1.0)
    for wrong in ("a", 2.5, float("inf"), [200], True):
        with pytest.raises(TypeError, match="max_nodes is an integer, got"):
            show(x, max_nodes=wrong)
    for wrong in (0, -5):
        with pytest.raises(ValueError, match=f"a view shows at least one node, got max_nodes={wrong}"):
            show(x, max_nodes=wrong)
    with pytest.raises(TypeError) if show is not to_text else nullcontext():
        show(x, max_nodes=None)


def test_a_size_of_a_font_is_a_number() -> None:
    with pytest.raises(TypeError, match="font_size is in points: expected a real number, got str 'large'"):
        draw(Value(1.0), font_size="large")  # type: ignore[arg-type]


def test_an_unknown_name_to_expand_is_refused() -> None:
    loss = loss_of(Network(2, [3, 1]))
    with pytest.raises(ValueError, match=r"no neuron or layer 'layer1.neuron4'.*layer1\.neuron"):
        draw(loss, expand=("layer1.neuron4",))
    with pytest.raises(ValueError, match="none is found"):
        draw(Value(1.0), expand=("layer1",))


def test_parameters_that_are_used_otherwise_too_are_a_dashed_edge(engine: str) -> None:
    network = Network(2, [3, 1])
    output = network([Value(1.0, "x1"), Value(2.0, "x2")])[0]
    loss = with_gradients(output**2 + ops.dot(network.parameters(), network.parameters()))
    found = parsed(draw(loss, detail="layer").pipe(encoding="utf-8"))
    assert sorted(text for name, (lines, _) in found.items() if "->" in name for text in lines if "par" in text) == [
        " 4 parameters ",
        " 9 parameters ",
    ]
    assert draw(loss, detail="layer").source.count("style=dashed") == 2


def test_everything_computed_from_parameters_alone_is_one_box(engine: str) -> None:
    """As in micrograd's demo: a penalty on large weights, with three nodes for each of 337 parameters."""
    network = Network(2, [16, 16, 1])
    parameters = network.parameters()
    penalty = 1e-4 * ops.sum([p * p for p in parameters])
    loss = with_gradients(network([Value(0.1), Value(0.2)])[0] + penalty)
    found = parsed(draw(loss, detail="layer").pipe(encoding="utf-8"))
    assert found["b4"][0] == ["penalty", "339 operations", "on 337 parameters", f"data {penalty.data:.4g}", "grad 1"]
    assert [found[f"b{i}->b4"][0] for i in (1, 2, 3)] == [[f" {n} parameters "] for n in (48, 272, 17)]
    assert [text for name, (text, _) in found.items() if name.startswith("b4->v")] == [[" 1 "]]
    opened = parsed(draw(loss, expand="layer1.neuron3").pipe(encoding="utf-8")).values()
    assert {"penalty", "layer1.neuron3.bias"} <= {text[0] for text, _ in opened if text}
    assert count(loss) == (33 + 2 + 1 + 1, 2 * 16 + 16 * 16 + 16 + 2)
    other = with_gradients(network([0.1, 0.2])[0] * (parameters[0] ** 2))  # small enough to be drawn
    assert "layer1.neuron1.weight1 ** 2" in draw(other, detail="layer").source


def test_auto_chooses_by_size() -> None:
    def same(output: Value, detail: str) -> bool:
        return str(draw(output).source) == str(draw(output, detail=detail).source)

    assert same(loss_of(Network(2, [2, 1])), "value")
    assert same(loss_of(Network(2, [16, 16, 1])), "neuron")
    assert same(loss_of(Network(2, [60, 60, 1])), "layer")
    for nin, nouts, detail in ((2, [32, 1], "neuron"), (2, [33, 1], "layer"), (32, [3], "neuron"), (33, [3], "layer")):
        assert same(loss_of(Network(nin, nouts), nin=nin), detail)
    chain = Value(1.0)
    for _ in range(65):
        chain = chain.tanh()
    assert same(chain, "value")


def test_a_network_too_large_is_refused_with_advice() -> None:
    network = Network(2, [16, 16, 1])
    one = loss_of(network)
    with pytest.raises(
        ValueError, match=r"pass detail='neuron', which has 41 nodes; pass detail='layer', which has 11"
    ):
        draw(one, detail="value")
    with pytest.raises(ValueError, match=r"max_nodes=40\): pass detail='layer', which has 11 nodes; draw an"):
        draw(one, detail="neuron", max_nodes=40)
    assert draw(one, max_nodes=40).source == draw(one, detail="layer").source
    with pytest.raises(ValueError, match=r"^the drawing at detail='layer' has \d{3} nodes, too large.*larger max"):
        draw(ops.sum([Network(2, [1, 1])([0.1, 0.2])[0] for _ in range(70)]))  # of one network, it would be a batch


def test_no_value_of_a_network_is_lost_or_drawn_twice() -> None:
    """Each node of the drawing is a constant, a Value outside neurons, or a box, once; each edge joins two of them."""
    for detail in ("neuron", "layer"):
        for expand in ((), ("layer1.neuron1",), ("layer2",), ("layer1.neuron2", "layer2.neuron1")):
            source = draw(loss_of(Network(2, [3, 2, 1]), samples=2), detail=detail, expand=expand).source
            nodes = re.findall(r"^\t*([vbc]\d+) \[", source, re.MULTILINE)
            edges = re.findall(r"^\t*([vbc]\d+) -> ([vbc]\d+) \[", source, re.MULTILINE)
            assert len(nodes) == len(set(nodes))
            assert {end for edge in edges for end in edge} == set(nodes)


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3.0, None, "loss", [Value(1.0)], draw])
def test_only_values_are_drawn(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"draw\(\) takes a Value, got \w+: pass a Value"):
        draw(wrong)  # type: ignore[arg-type]  # that is the point


def test_graphs_too_large_are_refused() -> None:
    chain = Value(1.0)
    for _ in range(100_000):
        chain = chain + 1.0
    with pytest.raises(ValueError, match=r"100,001 nodes.*max_nodes=200.*intermediate value.*single sample"):
        draw(chain)
    with pytest.raises(ValueError, match="100,002 nodes"):  # the constants count too
        draw(ops.sum([Value(1.0), *[1.0] * 100_000]))
    with pytest.raises(ValueError, match="2 nodes and 300,000 edges"):
        draw(ops.sum([Value(1.0)] * 300_000))


def test_max_nodes_is_the_largest_number_that_is_drawn() -> None:
    loss = neuron()  # ten Values, two constants
    assert draw(loss, max_nodes=12).source == draw(loss).source
    with pytest.raises(ValueError, match="the graph has 12 nodes"):
        draw(loss, max_nodes=11)


# Rendering -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pipe(engine: str, format: str, begins: bytes) -> None:
    piped = draw(neuron()).pipe(format=format)
    assert piped.startswith(begins)
    assert len(piped) > 2000


def test_render_and_view_write_where_graphviz_would(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(Drawing, "_view", lambda self, path, **options: opened.append(path))
    graph = draw(neuron())
    graph.directory = str(tmp_path)
    written = [
        graph.render(),
        graph.render("a.gv", format="png", renderer="cairo", cleanup=True),
        graph.render(outfile=tmp_path / "b.svg"),
        graph.view("c.gv"),
    ]
    assert written == [str(tmp_path / name) for name in ("drawing.gv.svg", "a.gv.cairo.png", "b.svg", "c.gv.svg")]
    assert opened == written[-1:]
    assert all(Path(path).stat().st_size > 2000 for path in written)
    assert (tmp_path / "c.gv").read_text("utf-8") == graph.source
    assert not (tmp_path / "a.gv").exists()
    with pytest.raises(graphviz.FileExistsError):
        graph.render(outfile=tmp_path / "b.svg", raise_if_result_exists=True)


def test_view_leaves_no_file_in_the_folder(
    engine: str, empty_folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, temporary = empty_folders
    opened: list[Path] = []
    monkeypatch.setattr(graphviz, "view", lambda path, **options: opened.append(path))
    graph = draw(neuron())
    path = graph.view()
    assert [str(path) for path in opened] == [path]
    assert Path(path).read_bytes() == graph.pipe()
    assert list(here.iterdir()) == []
    assert [file for file in temporary.rglob("*") if file.is_file()] == opened  # and no DOT beside it
    assert graph.view("asked.svg") == "asked.svg"
    assert [file.name for file in here.iterdir()] == ["asked.svg"]
    named = {
        graph.view("foo"): "foo.svg",
        graph.view("bar", format="png"): "bar.png",
        graph.view("sized.svg", width_cm=8.0): "sized.svg",
        graph.view("whole.gv", cleanup=True): "whole.gv.svg",
        graph.view("new", "folder"): str(Path("folder", "new.svg")),
    }
    assert list(named) == [*named.values()] == [str(path) for path in opened[2:]]
    written = {file.name for file in here.rglob("*") if file.is_file()}
    assert written == {"asked.svg"} | {Path(name).name for name in named.values()}
    sized = (here / "sized.svg").read_bytes()
    assert sized == Path(graph.render("again.svg", width_cm=8.0)).read_bytes() != (here / "foo.svg").read_bytes()
    assert (here / "bar.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["a.svg", "b.png"])
def test_a_name_with_the_suffix_of_a_picture_is_the_name_of_the_picture(engine: str, tmp_path: Path, name: str) -> None:
    assert draw(neuron()).render(tmp_path / name) == str(tmp_path / name)
    assert draw(neuron()).render(name, directory=tmp_path / "new") == str(tmp_path / "new" / name)
    assert (tmp_path / name).read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "new"]


def test_a_copy_renders_too(engine: str) -> None:
    graph = draw(neuron())
    assert graph.copy().pipe() == graph.pipe()


def test_notebooks_show_svg(engine: str) -> None:
    bundle = draw(neuron())._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml", "text/html"}  # see test_inline.py
    assert len(parsed(bundle["image/svg+xml"])) == 23  # twelve nodes, eleven edges


@pytest.mark.usefixtures("nothing")
def test_without_graphviz_the_error_names_both_ways_to_get_one(tmp_path: Path) -> None:
    graph = draw(neuron())
    for render in (graph.pipe, graph.view, lambda: graph.pipe(encoding="utf-8")):
        with pytest.raises(graphviz.ExecutableNotFound) as caught:
            graph.directory = str(tmp_path)
            render()
        for way in ("pip install pygraphviz", "apt install", "brew install", "winget install", "conda"):
            assert way in str(caught.value)
        assert "libglib-2.0.so.0" in str(caught.value)  # and the reason
    assert "tanh(net)" in graph.source
    assert Path(graph.save(tmp_path / "saved.gv")).read_text("utf-8") == graph.source


@pytest.mark.usefixtures("nothing")
def test_without_graphviz_notebooks_show_text() -> None:
    bundle = draw(neuron())._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "pip install pygraphviz" in bundle["text/plain"]


def test_a_crash_in_graphviz_is_an_exception(pretend: Path) -> None:
    pretend.write_text("import os; os.abort()")
    with pytest.raises(graphviz.CalledProcessError, match=r"pygraphviz.*svg, png, pdf"):
        draw(neuron()).pipe()
    assert "text/plain" in draw(neuron())._repr_mimebundle_()


def test_an_endless_layout_is_an_exception(pretend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(rendering, "_GRAPHVIZ_TIMEOUT", 0.2)
    with pytest.raises(TimeoutError, match="smaller graph"):
        draw(neuron()).pipe()


@pytest.mark.parametrize("engine", ["pygraphviz"], indirect=True)
def test_a_format_that_pygraphviz_lacks_is_an_exception(engine: str) -> None:
    with pytest.raises(graphviz.CalledProcessError, match=r"xlib.*not recognized"):
        draw(neuron()).pipe(format="xlib")


@pytest.mark.parametrize("engine", ["pygraphviz"], indirect=True)
def test_files_in_the_current_folder_are_not_imported(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tempfile.py").write_text("1 / 0")  # a name that pygraphviz imports
    monkeypatch.chdir(tmp_path)
    assert draw(neuron()).pipe()


WRITERS: dict[str, tuple[str, Callable[[Drawing], object]]] = {
    "a picture by its name": ("a.png", lambda drawing: drawing.render("a.png")),
    "a picture beside its source": ("a.png", lambda drawing: drawing.render("a", format="png")),
    "an SVG beside its source": ("a.svg", lambda drawing: drawing.render("a", format="svg")),
    "an outfile": ("a.pdf", lambda drawing: drawing.render(outfile="a.pdf")),
    "an SVG as outfile": ("a.svg", lambda drawing: drawing.render(outfile="a.svg")),
    "the source": ("a.gv", lambda drawing: drawing.save("a.gv")),
    "the source of a picture": ("a.gv", lambda drawing: drawing.render("a.gv", format="svg")),
}


def test_an_empty_path_is_refused_by_its_name() -> None:
    with pytest.raises(FileNotFoundError, match="cannot write to an empty path: name a file"):
        draw(Value(1.0) * 2).render("")


@pytest.mark.parametrize("writer", WRITERS)
def test_no_read_only_file_is_replaced(
    engine: str, writer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name, write = WRITERS[writer]
    Path(name).write_text("kept")
    Path(name).chmod(0o444)
    with pytest.raises(PermissionError, match="read-only"):
        write(draw(neuron()))
    assert Path(name).read_text() == "kept"
    Path(name).chmod(0o644)
    write(draw(neuron()))
    assert Path(name).stat().st_size > 500


def test_a_picture_never_replaces_its_own_source(tmp_path: Path) -> None:
    drawing = draw(neuron())
    with pytest.raises(ValueError, match="DOT file itself"):
        drawing.render(tmp_path / "a.svg", outfile=tmp_path / "a.svg")
    assert (tmp_path / "a.svg").read_text("utf-8") == drawing.source


def test_standard_output_gets_one_picture_after_what_is_there(engine: str, tmp_path: Path) -> None:
    program = """if 1:
        import autograd
        autograd.draw(autograd.Value(2.0).tanh()).render(outfile="/dev/stdout", format="svg")
    """
    if not os.path.exists("/dev/stdout"):
        pytest.skip("the system has no /dev/stdout")
    shown = tmp_path / "shown"
    shown.write_text("before\n")
    with shown.open("ab") as stream:
        subprocess.run([sys.executable, "-c", program], check=True, stdout=stream)
    text = shown.read_text("utf-8")
    assert text.startswith("before\n<?xml")
    assert text.count("<svg ") == text.count("</svg>") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
@pytest.mark.slice
@pytest.mark.parametrize("named", ["filename", "outfile"])
@pytest.mark.parametrize("options", [{}, {"cleanup": True}, {"directory": "elsewhere"}])
def test_a_picture_with_the_name_of_a_pipe_goes_into_it(
    engine: str, options: dict[str, Any], named: str, tmp_path: Path
) -> None:
    pipe, received = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    draw(neuron()).render(**{named: pipe}, format="svg", **options)
    reader.join(timeout=60)
    assert received[0].startswith(b"<?xml")
    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@pytest.mark.parametrize("engine", ["dot"], indirect=True)
def test_images_beside_the_dot_file_are_found(engine: str, tmp_path: Path) -> None:
    (tmp_path / "dot.png").write_bytes(draw(neuron()).pipe("png"))
    drawing = draw(neuron())
    drawing.node("picture", image="dot.png", label="")
    assert "<image " in Path(drawing.render("a", directory=tmp_path, format="svg")).read_text("utf-8")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_an_outfile_may_be_a_pipe(engine: str, tmp_path: Path) -> None:
    pipe, received = tmp_path / "pipe.svg", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()), daemon=True)
    reader.start()
    draw(neuron()).render(outfile=pipe)
    reader.join(timeout=60)
    assert b"prefers-color-scheme" in received[0]
    assert list(tmp_path.iterdir()) == [pipe]


# Hostile labels ------------------------------------------------------------------------------------------------------


def test_a_long_run_of_backslashes_is_cut() -> None:
    label = "a" + "\\" * 10_000 + "z"
    source = draw(Value(1.0, label).tanh()).source  # not cut, it takes graphviz a minute
    assert 0 < source.count("\\") < 500
    assert draw(Value(1.0, "\\" * 20).tanh()).source.count("…") == 0


@given(st.text(st.characters(exclude_characters="\\")), st.integers(1, 50))
def test_a_line_is_cut_by_its_end(text: str, most: int) -> None:
    shown = shortened(text, most)
    assert shown == text or (len(shown) == most < len(text) and shown[-1] == "…" and text.startswith(shown[:-1]))


def check_labels(texts: list[str]) -> None:
    """Draw a graph that has each text as the label of a leaf and of a result, and look for it in the SVG."""
    leaves = [Value(0.0, text) for text in texts]
    results = [leaf.tanh() for leaf in leaves]
    for result, text in zip(results, texts, strict=True):
        result.label = text
    svg = draw(ops.sum(results), max_nodes=1000, names={}).pipe(encoding="utf-8")
    found = parsed(svg)
    n = len(texts)
    labels = {*texts}
    assert svg.count('class="node"') == 2 * n + 1
    assert svg.count('class="edge"') == 2 * n
    assert "href" not in re.sub(r"<text.*?</text>|title=\".*?\"", "", svg, flags=re.DOTALL)
    for i, text in enumerate(texts, start=1):
        x, z = (text or (v if v not in labels else f"{v}#2") for v in (f"v{i}", f"v{n + i}"))
        formula = f"tanh({x})" if len(f"tanh({x})") <= LONGEST_FORMULA else "tanh"
        assert found[f"v{i}"][0] == lines(x, "data 0")
        assert found[f"v{n + i}"][0] == lines(f"{z} = {formula}", "data 0")
        assert set(found[f"v{i}"][1]) == {tooltip(x, "data 0.0")}
        assert set(found[f"v{i}->v{n + i}"][1]) == {tooltip(f"d {z} / d {x} = 1.0")}


def check_names(texts: list[str]) -> None:
    """Draw a graph whose nodes have names from `names=`, and networks whose neurons and layers have them."""
    texts = list(dict.fromkeys(text or "x" for text in texts))
    leaves = [Value(0.0) for _ in texts]
    found = parsed(draw(ops.sum(leaves), max_nodes=1000, names=dict(zip(texts, leaves))).pipe(encoding="utf-8"))
    for i, text in enumerate(texts, start=1):
        assert found[f"v{i}"][0] == lines(text, "data 0")
    nets = [Value(0.5) * Value(1.0, f"{text}.weight") + Value(1.0, f"{text}.bias") for text in texts]
    svg = draw(ops.sum(nets), detail="neuron", max_nodes=1000, names={}).pipe(encoding="utf-8")
    found, n = parsed(svg), len(texts)
    assert svg.count('class="node"') == n * 2 + 1
    for i, text in enumerate(texts, start=1):
        assert found[f"b{i}"][0] == lines(text, "bias 1", "net 1.5")
    layers = [Value(0.5) * Value(1.0, f"layer {text}.neuron1.weight") + 0.0 for text in texts]
    opened = [f"layer {text}.neuron1" for text in texts]
    svg = draw(ops.sum(layers), detail="layer", expand=opened, max_nodes=1000, names={}).pipe(encoding="utf-8")
    assert svg.count('class="node"') == n * 5 + 1
    frames = [group for group in ElementTree.fromstring(svg).iter(f"{SVG}g") if group.get("class") == "cluster"]
    shown = [[plain(element.text or "") for element in frame.iter(f"{SVG}text")] for frame in frames]
    shown = [[line for line in frame if line.strip(" ")] for frame in shown]
    assert [frame for frame in shown if frame != ["neuron1"]] == [lines(f"layer {text}") for text in texts]


@pytest.mark.parametrize("check", [check_labels, check_names])
def test_hostile_text_is_shown_unchanged(engine: str, check: Callable[[list[str]], None]) -> None:
    for half in (HOSTILE[::2], HOSTILE[1::2]):  # a box of a large drawing shows less
        check(half)


LONG = [
    *("x" * (most + more) for most in (LONGEST_LABEL, LONGEST_TOOLTIP) for more in (-len("tanh()"), 0, 1)),
    "é\n" * LONGEST_TOOLTIP,
    "&" * LONGEST_TOOLTIP,
    "\\" * 25,
]


@pytest.mark.parametrize("engine", ENGINES)
@examples(12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(labels, min_size=10, max_size=30), check=st.sampled_from([check_labels, check_names]))
@example(texts=LONG, check=check_labels)
@example(texts=LONG, check=check_names)
def test_any_text_can_be_a_label_or_a_name(
    engine: str, texts: list[str], check: Callable[[list[str]], None], tmp_path: Path
) -> None:
    with only(engine, tmp_path):
        check(texts)


def test_hostile_labels_in_png_and_pdf(engine: str) -> None:
    graph = draw(ops.sum([Value(0.0, text) for text in HOSTILE]))
    assert graph.pipe("png").startswith(b"\x89PNG")
    assert graph.pipe("pdf").startswith(b"%PDF")


@pytest.mark.parametrize("engine", ENGINES)
def test_a_graph_with_long_edges_is_laid_out_in_seconds(engine: str, tmp_path: Path) -> None:
    """A leaf with 80 uses: left to itself, Graphviz spends seconds placing the edges' numbers; with 160, minutes."""
    require(engine)
    x = Value(1.0, "x")
    v = x
    for _ in range(80):
        v = v + x
    v.backward()
    drawing = draw(v, detail="value", max_nodes=2_000)  # with fewer, it would be one sum
    assert "hover over an edge" in drawing.source
    with only(engine, tmp_path):
        svg = drawing.pipe(format="svg").decode()
    assert svg.count('class="edge"') == 160
    assert svg.count("d x / d x") == 0 and "= 1.0" in svg


def test_a_drawing_leaves_no_reference_cycle() -> None:
    """Frames of layers, too."""
    output = nn.MLP(2, [3, 1])([Value(0.5), Value(-0.25)])
    for _ in range(2):
        draw(output)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        for detail in ("value", "neuron", "layer"):
            draw(output, detail=detail)
        gc.collect()
        assert [thing for thing in gc.garbage if getattr(thing, "__module__", "").startswith("autograd")] == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def test_strings_are_short_enough_for_graphviz() -> None:
    """It refuses those of more than 16,384 bytes."""
    x, w = Value(1.0, "é&" * 5_000), Value(2.0, '<"\\' * 3_333)
    y = (x * w).tanh()
    y.label = "w" * 10_000
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', draw(y).source)
    assert strings and max(len(string.encode()) for string in strings) < 16_384
