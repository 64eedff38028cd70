"""How `draw` shows a graph: what it says, digits, circles, numbers of visits, captions, legends, fonts and colours."""

from __future__ import annotations

import html
import random
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from cases import cases
from hostile import HOSTILE
from layout_engines import USUAL_AND_OTHER, only
from networks import Network, loss_of
from test_draw import attributes, luminance, neuron, parsed, visible, with_gradients

import autograd
from autograd import Value, nn, ops, stop_gradient
from autograd.engine import graph_of
from autograd.errors import StaleGraphWarning
from autograd.views.draw import draw
from autograd.views.draw.style import Style
from autograd.views.render import palette, shortened

DETAILS = ["value", "neuron", "layer"]


@pytest.fixture(params=USUAL_AND_OTHER)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with only(request.param, tmp_path_factory.mktemp("empty")):
        yield request.param


def everything() -> Value:
    """A graph with each kind of box and line: a network with a regularizer, a constant, an operand without gradient."""
    network = Network(2, [3, 1])
    loss: Value = loss_of(network) + 0.01 * ops.sum([p * p for p in network.parameters()])
    stopped = loss * stop_gradient(loss) * -2.0
    stopped.backward()
    return stopped


def shown(drawing: Any) -> tuple[list[list[str]], list[list[str]]]:
    """Return the lines of text of the nodes, constants and circles left out, and of the edges."""
    found = parsed(drawing.pipe(encoding="utf-8"))
    nodes = [text for name, (text, _) in found.items() if name[0] in "vb" and "->" not in name]
    return nodes, [text for name, (text, _) in found.items() if "->" in name]


# What is shown -------------------------------------------------------------------------------------------------------

ROWS = {"values": r"data ", "gradients": r"grad ", "formulas": r"\S+ = ", "faux gradients": r"faux "}


@pytest.mark.parametrize("kinds", [*product([False, True], repeat=5)])
def test_boxes_and_edges_show_what_is_chosen(kinds: tuple[bool, ...]) -> None:
    names = ["values", "gradients", "formulas", "faux gradients", "local gradients"]
    show = [name for name, chosen in zip(names, kinds, strict=True) if chosen]
    source = draw(with_gradients(neuron()), show=show).source
    labels = re.findall(r'(v\d+(?: -> v\d+)?) \[label="(.*?)" ', source)
    boxes = [text for name, text in labels if "->" not in name]
    assert len(boxes) == 10
    for kind, row in ROWS.items():
        with_row = [any(re.match(row, line) for line in text.split(r"\l")) for text in boxes]
        assert any(with_row) == (kind in show), kind
        assert all(with_row) == (kind in show and kind != "formulas")
    assert any("->" in name for name, _ in labels) == ("local gradients" in show)


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("nothing", ["none", None, (), []])
def test_with_nothing_chosen_names_are_left(detail: str, nothing: Any) -> None:
    drawing = draw(everything(), detail=detail, names={}, show=nothing)
    numbers = re.findall(r"(data|grad|net|bias|relu) -?\d", re.sub('tooltip="[^"]*"', "", drawing.source))
    assert numbers == []
    on_edges = re.findall(r'-> \w+ \[label=" (.*?) "', drawing.source)
    assert all(re.fullmatch(r"\d+ (values|parameters)", text) for text in on_edges)


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("values", ["data"]),
        (["gradients", "local gradients"], ["grad", "local_gradient"]),
        (["formulas", "faux gradients"], ("Formula", "faux")),
        (["values", "gradients", "local gradients", "formulas"], "auto"),
    ],
)
def test_words_for_what_is_shown(words: Any, same: Any) -> None:
    loss = with_gradients(neuron())
    assert draw(loss, show=words).source == draw(loss, show=same).source


def test_arguments_of_their_own_add_to_what_is_shown() -> None:
    loss = with_gradients(neuron())
    assert draw(loss, show="values", faux=True).source == draw(loss, show=["values", "faux gradients"]).source
    assert draw(loss, show=["values", "local gradients"], local=False).source == draw(loss, show="values").source


def test_weights_are_local_gradients() -> None:
    loss = loss_of(Network(2, [2, 1]))
    loss.backward()

    def labels(show: str) -> list[str]:
        source = draw(loss, detail="neuron", show=show).source
        return re.findall(r'-> b\d+ \[label=" (.*?) "', source)

    both, weights = labels("values"), labels("local gradients")
    assert len(both) == 6
    assert [label.partition("·")[0] for label in both] == weights
    assert labels("gradients") == []


def test_digits() -> None:
    x = Value(1 / 3, "x")
    y = x * (2 / 3)
    y.backward()
    source = draw(y, names={"y": y}, digits=2).source
    assert r"x\ldata 0.33\lgrad 0.67\l" in source
    assert r"y = x * 0.67\ldata 0.22\l" in source
    assert 'label=" 0.67 "' in source and "\nc1 [label=0.67 " in source.replace("\t", "")
    assert "0.3333333333333333" in source  # in tooltips


@pytest.mark.parametrize(("digits", "error"), [(0, ValueError), (99, ValueError), ("4", TypeError), (True, TypeError)])
def test_unknown_digits_are_refused(digits: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="digits is"):
        draw(neuron(), digits=digits)


# Circles and numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", DETAILS)
def test_operations_are_circles_between_boxes(engine: str, detail: str) -> None:
    output = everything()
    plain, with_circles = draw(output, detail=detail, names={}), draw(output, detail=detail, names={}, ops=True)
    edges, apart = (re.findall(r"(\w+) -> (\w+)", drawing.source) for drawing in (plain, with_circles))
    circles = {head: tail for tail, head in apart if tail[0] == "o"}
    assert circles and len(set(circles.values())) == len(circles)
    for tail, head in edges:
        assert (tail, circles.get(head, head)) in apart
    assert len(apart) == len(edges) + len(circles)
    found = parsed(with_circles.pipe(encoding="utf-8"))
    by_name = {f"v{i}": v for i, v in enumerate(graph_of(output), 1)}
    for name, circle in circles.items():
        op = by_name[name].op
        assert op is not None and found[circle][0] == [op.symbol]
    assert re.search(r'o\d+ \[label="[-+*]" ', with_circles.source)


def test_a_circle_takes_the_place_of_the_formula() -> None:
    loss = with_gradients(neuron())
    assert " = " not in "".join(each["label"] for name, each in attributes(loss, ops=True).items() if name[0] == "v")
    assert r'"net = v5 + bias\l' in draw(loss, ops=True, show=["formulas"]).source


def test_circles_count_as_nodes() -> None:
    loss = neuron()
    draw(loss, max_nodes=18, ops=True)
    with pytest.raises(ValueError, match="18 nodes"):
        draw(loss, max_nodes=17, ops=True)
    draw(loss, max_nodes=12)


@pytest.mark.parametrize("ops_apart", [False, True])
def test_nodes_are_numbered_by_the_visits_of_backward(ops_apart: bool) -> None:
    loss = neuron()
    nodes = graph_of(loss)
    found = attributes(loss, order=True, ops=ops_apart)
    for i, v in enumerate(reversed(nodes), 1):
        assert found[f"v{len(nodes) + 1 - i}"]["label"].startswith(f"{i}. {v.label}")
    assert not re.match(r"\d+\.", found["c1"]["label"])


@pytest.mark.parametrize("detail", ["neuron", "layer"])
def test_boxes_have_the_number_of_their_first_visit(detail: str) -> None:
    network = Network(2, [2, 2, 1])
    loss = loss_of(network)
    loss.backward()
    nodes, _ = shown(draw(loss, detail=detail, names={}, order=True))
    numbers = [int(text[0].partition(".")[0]) for text in nodes]
    assert sorted(numbers) == [*range(1, len(nodes) + 1)]
    number = {text[0].split()[1]: n for n, text in zip(numbers, nodes, strict=True)}
    assert number["loss"] == 1
    if detail == "layer":
        assert number["layer3"] < number["layer2"] < number["layer1"] < number["x1"]


def test_what_is_cut_out_of_a_chain_has_a_number_too() -> None:
    v = Value(0.5, "x")
    for _ in range(100):
        v = v.tanh()
    found = [each["label"] for name, each in attributes(v, order=True).items() if "->" not in name]
    numbers = [int(label.partition(".")[0]) for label in found]
    assert sorted(numbers) == [*range(1, len(found) + 1)]
    assert any("more operations" in label for label in found)


@pytest.mark.parametrize("theme", ["light", "print"])
def test_the_node_of_an_earlier_step_looks_like_no_negative_number(theme: str) -> None:
    weight, again, h = Value(-0.5, "cell.weight1"), Value(0.8, "cell.weight2"), Value(0.1, "h")
    for i in range(1, 9):
        h = (weight * Value(0.1 * i, f"x{i}") + again * h).tanh()
    h.backward()
    [before] = [each for each in attributes(h, theme=theme).values() if "before" in each.get("label", "")]
    outline = "dotted" if theme == "print" else "dashed"
    assert outline in before["style"]
    assert f">{outline} box: from an earlier step<" in draw(h, theme=theme, legend=True).source


# Captions ------------------------------------------------------------------------------------------------------------


def caption(drawing: Any) -> list[str]:
    svg = drawing.pipe(encoding="utf-8")
    before = svg[: svg.index('class="node"')]
    return list(re.findall(r"<text[^>]*>(.*?)</text>", before))


@pytest.mark.slice(most=2)
@pytest.mark.parametrize("detail", DETAILS)
def test_captions(engine: str, detail: str) -> None:
    loss = loss_of(Network(2, [2, 1]))
    loss.zero_grad()  # there is something to note
    assert any("call backward() first" in line for line in caption(draw(loss, detail=detail)))
    assert not any("call" in line for line in caption(draw(loss, detail=detail, caption=False)))
    own = draw(loss, detail=detail, caption="One neuron,\nand another " + "word " * 30)
    lines = [line.replace("\xa0", " ") for line in caption(own) if not line.startswith("layer")]
    assert lines[:2] == ["One neuron,", "and another " + " ".join(["word"] * 13)]
    assert len(lines) == 4


@pytest.mark.parametrize("legend", [False, True])
def test_a_hostile_caption_is_shown_unchanged(engine: str, legend: bool) -> None:
    drawing = draw(Value(1.0, "x"), caption="\n".join(HOSTILE), legend=legend)
    svg = drawing.pipe(encoding="utf-8")
    assert list(parsed(svg)) == ["v1"]
    assert not re.search("label=<(?!<TABLE)", drawing.source)
    assert "href" not in re.sub(r"<text.*?</text>|title=\".*?\"", "", svg, flags=re.DOTALL)
    found = html.unescape("".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)))
    for text in HOSTILE:  # a long run of backslashes is cut
        assert re.sub(r"\s", "", visible(shortened(text, len(text)))) in re.sub(r"\s", "", found)


@pytest.mark.parametrize("wrong", [None, 3, ["text"]])
def test_a_caption_is_a_text(wrong: Any) -> None:
    with pytest.raises(TypeError, match="caption is a text, or False"):
        draw(neuron(), caption=wrong)


@pytest.mark.parametrize("caption", [True, "Mine"])
def test_old_numbers_say_so_in_the_picture(caption: Any) -> None:
    loss = with_gradients(neuron())
    assert "out of date" not in draw(loss, caption=caption).source
    graph_of(loss)[1].data = 3.0
    with pytest.warns(StaleGraphWarning, match="weight was changed"):
        stale = draw(loss, caption=caption)
    assert "out of date" in stale.source
    assert "out of date" not in draw(loss.forward(), caption=caption).source


# Legends -------------------------------------------------------------------------------------------------------------


@pytest.mark.slice
@pytest.mark.parametrize(("theme", "direction"), [("auto", "LR"), ("dark", "TB"), ("print", "LR")])
@pytest.mark.parametrize("detail", DETAILS)
def test_a_legend_explains_what_is_there(detail: str, theme: str, direction: str) -> None:
    drawing = draw(everything(), detail=detail, names={}, legend=True, theme=theme, direction=direction, ops=True)
    label = re.search(r"label=(<<.*>>)", drawing.source)
    assert label is not None
    texts = set(re.findall(r'ALIGN="LEFT"[^>]*>([^<]+)<', label[1]))
    assert texts >= {"leaf", "output", "operation", "positive gradient", "negative gradient", "no gradient passes"}
    assert ("neuron" in texts, "layer" in texts) == (detail == "neuron", detail == "layer")
    assert ("parameters" in texts) == (detail == "layer")
    assert ("gradients of both signs" in texts) == (detail == "layer")
    colours = set(re.findall("#[0-9a-f]{6}", label[1]))
    assert colours <= {*Style(theme=theme).colours.values()}
    assert 'STYLE="DASHED"' in label[1]  # negative ones in print, elsewhere where no gradient passes
    svg = drawing.pipe(encoding="utf-8")
    assert "positive gradient" in svg.replace("\xa0", " ")


def test_a_legend_has_nothing_that_is_not_there() -> None:
    x = Value(2.0, "x")
    y = x * 1.0
    texts = set(re.findall(r'ALIGN="LEFT"[^>]*>([^<]+)<', draw(y, legend=True, show="values").source))
    assert texts == {"leaf", "output", "constant: no gradient", "data: value"}


@pytest.mark.parametrize(
    ("show", "on_edges", "in_legend"),
    [
        ("values", "weight·input, the thicker, the larger;", "weight·input, thick where large"),
        ("local", "weight, the thicker, the larger weight·input;", "weight, thick where weight·input is large"),
        ("none", "the thicker, the larger weight·input;", "thick where weight·input is large"),
    ],
)
def test_notes_and_legends_say_what_is_on_the_edges_into_neurons(show: str, on_edges: str, in_legend: str) -> None:
    loss = loss_of(Network(2, [2, 1]))
    assert f"edges to neurons: {on_edges}" in draw(loss, detail="neuron", show=show).source
    assert f">into a neuron: {in_legend}<" in draw(loss, detail="neuron", show=show, legend=True).source


def test_the_notes_say_so_where_the_edges_into_neurons_differ() -> None:
    """Of the samples of a batch, an edge shows the weight alone; of one sample's own inputs, weight·input."""
    layer, last = nn.Layer(2, 2, rng=random.Random(1)), nn.Neuron(2, rng=random.Random(2))
    for p in last.parameters():
        p.label = f"last.{p.label}"
    batch = [ops.sum(layer([Value(0.1 * i, f"x{i}"), Value(0.2, f"z{i}")])) for i in range(6)]
    loss = last([ops.sum(batch), Value(0.5, "y")])
    loss.backward()
    drawing = draw(loss, detail="neuron", names={})
    labels = re.findall(r'-> .*? \[label=" (.*?) "', drawing.source)
    assert ["·" in label for label in labels].count(True) == 2
    assert "edges to neurons: weight·input, or weight where there are several inputs;" in drawing.source
    texts = re.findall(r">into a neuron: (.*?)<", draw(loss, detail="neuron", legend=True, names={}).source)
    assert texts == ["weight·input, thick where large", "weight, thick where weight·input is large"]


@pytest.mark.parametrize("sizes", [(2, 9, 9, 1), (4, 5, 3)], ids=["known before", "seen when it is placed"])
def test_the_notes_speak_of_no_labels_where_there_is_no_room_for_any(sizes: tuple[int, ...]) -> None:
    loss = loss_of(Network(sizes[0], sizes[1:]), nin=sizes[0])
    drawing = draw(loss, detail="neuron", legend=True)
    assert not any("·" in label for label in re.findall(r'-> .*? \[label="(.*?)"', drawing.source))
    assert re.findall(r">into a neuron: (.*?)<", drawing.source) == ["thick where weight·input is large"]
    assert "edges to neurons: the thicker, the larger weight·input;" in draw(loss, detail="neuron").source


def test_a_legend_and_notes_share_the_place_below(engine: str) -> None:
    svg = draw(neuron(), legend=True).pipe(encoding="utf-8").replace("\xa0", " ")
    assert "call backward() first" in svg and ">leaf<" in svg


# Themes, colours, fonts ----------------------------------------------------------------------------------------------


def test_in_print_negative_numbers_are_dashed() -> None:
    x, y = Value(2.0), Value(3.0)
    found = attributes(with_gradients(x - y + (x * -1).relu()), theme="print")
    dashed = [name for name, each in found.items() if "dashed" in each.get("style", "")]
    assert dashed == ["v2", "v2 -> v3", "v1 -> v4"]
    assert not any("dashed" in each.get("style", "") for each in attributes(x - y).values())


@pytest.mark.parametrize("size", [[3, 1], [8, 8, 1]])
def test_in_print_negative_weights_are_dashed(size: list[int]) -> None:
    loss = loss_of(Network(2, size))
    loss.backward()
    lines = [line for line in draw(loss, detail="neuron", theme="print").body if re.search(r"-> b\d", line)]
    negative = ["dashed" in line for line in lines]
    weights = [re.search(r"= (-?)[\d.e-]+ \*", line.replace("(", "")) for line in lines]
    assert negative == [weight is not None and bool(weight[1]) for weight in weights]
    assert 0 < sum(negative) < len(negative)
    colours = [re.findall(r'color="(#\w+)"', line)[0] for line in lines]
    assert all(len(colour) == 7 for colour in colours)  # no opacity, which PostScript does not have
    dark = Style(theme="print").colours
    assert {dark["positive"], dark["negative"]} <= {*colours}  # the largest
    assert min(map(luminance, colours)) >= min(luminance(dark["positive"]), luminance(dark["negative"]))
    assert "solid: positive weight, dashed: negative" in draw(loss, detail="neuron", theme="print").source


def test_in_print_lines_are_dark() -> None:
    colours = Style(theme="print").colours
    for use in ("ink", "faint", "positive", "negative"):
        assert luminance(colours[use]) < 0.2
    for use in ("paper", "leaf", "result", "output", "neuron", "layer"):
        assert luminance(colours[use]) > 0.7
    assert colours.keys() == palette("light").keys()


@pytest.mark.parametrize("theme", ["auto", "light", "dark", "print"])
def test_own_colours(theme: str) -> None:
    loss = with_gradients(neuron())
    own = {"positive": "teal", "negative": "#C50", "leaf": "#FFFFE0"}
    found = attributes(loss, colours=own, theme=theme)
    assert (found["v10"]["color"], found["v1"]["color"], found["v1"]["fillcolor"]) == ("#008080", "#cc5500", "#ffffe0")


def test_lines_of_own_colours_are_the_same_in_dark() -> None:
    loss = with_gradients(neuron())
    svg = draw(loss, colours={"positive": "#e6e6e6", "negative": "#999999"}).pipe(encoding="utf-8")
    style, body = svg.split("</style>")
    for colour in ("#e6e6e5", "#999998"):  # beside those of a leaf and of no gradient, which are replaced
        assert f'stroke="{colour}"' in body
        assert colour not in style


def test_text_on_own_colours_can_be_read_in_dark() -> None:
    svg = draw(Value(1.0, "x").tanh(), colours={"leaf": "white"}).pipe(encoding="utf-8")
    assert "prefers-color-scheme" not in svg
    assert "prefers-color-scheme" in draw(Value(1.0, "x"), colours={"positive": "teal"}).pipe(encoding="utf-8")


def test_the_note_on_weights_has_the_colours_of_the_drawing() -> None:
    loss = loss_of(Network(2, [2, 1]))
    own = draw(loss, detail="neuron", colours={"positive": "teal", "negative": "#C50"})
    assert "teal: positive weight, #C50: negative" in own.source


def test_font_and_size(engine: str) -> None:
    svg = draw(with_gradients(neuron()), font="DejaVu Serif", font_size=20).pipe(encoding="utf-8")
    sizes = set(re.findall(r'font-family="([^"]*)" font-size="([^"]*)"', svg))
    assert {family.split(",")[0] for family, _ in sizes} == {"DejaVu Serif"}
    assert {size for _, size in sizes} == {"20.00", "18.33"}


@pytest.mark.parametrize("how", cases(["pipe", "dot file"], campaign=["text", "render"]))
def test_a_font_that_is_replaced_gives_a_warning(engine: str, how: str, tmp_path: Path) -> None:
    def picture(font: str) -> None:
        drawing = draw(neuron(), font=font)
        if how == "pipe":
            drawing.pipe("png")
        elif how == "text":
            drawing.pipe(encoding="utf-8")
        elif how == "render":
            drawing.render(tmp_path / "neuron.pdf", width_cm=8.4)
        else:
            drawing.render("neuron", directory=tmp_path)

    with pytest.warns(UserWarning, match="there is no font 'No Such Font': Graphviz writes in .* instead") as caught:
        picture("No Such Font")
    assert caught[0].filename == __file__
    picture("DejaVu Sans")  # warnings are errors here
    picture("No Such Font, sans-serif")
    picture("Courier")


@pytest.mark.parametrize(
    ("argument", "wrong", "message"),
    [
        ("show", "valeus", "show is 'none' or some of 'values', .*, got 'valeus': did you mean 'values'?"),
        ("show", ["values", "nothing"], "got 'nothing'$"),
        ("theme", "prnt", "theme is one of 'auto', 'light', 'dark', 'print', got 'prnt': did you mean 'print'?"),
        ("direction", "up", "direction is one of .*, got 'up'$"),
        ("detail", "neurons", "detail is one of .*, got 'neurons': did you mean 'neuron'?"),
        ("font", "", "font is the name of a font"),
        ("font", '"]; evil', "font is the name of a font"),
        ("font", None, "font is the name of a font"),
        ("font_size", 0, "font_size is in points, from 1 to 200, got 0"),
        ("font_size", float("nan"), "font_size is in points"),
        ("colours", {"positve": "red"}, "colours: no 'positve' among 'paper', .*: did you mean 'positive'?"),
        ("colours", {"positive": "gren"}, "'gren' for 'positive' is no colour: write '#rrggbb': did you mean 'green'?"),
        ("colours", {"positive": "#12345"}, "is no colour: write '#rrggbb' or one of aqua, black"),
        ("colours", {"positive": 3}, "3 for 'positive' is no colour"),
    ],
)
def test_unknown_arguments_are_refused(argument: str, wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(").replace("?", r"\?")):
        draw(neuron(), **{argument: wrong})


@pytest.mark.parametrize(
    ("argument", "wrong", "message"),
    [
        ("show", 3, "show takes words"),
        ("font_size", "12", "expected a real number"),
        ("colours", "red", "colours is a dictionary"),
    ],
)
def test_arguments_of_the_wrong_type_are_refused(argument: str, wrong: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        draw(neuron(), **{argument: wrong})


@pytest.mark.parametrize("detail", DETAILS)
def test_everything_together(engine: str, detail: str, tmp_path: Path) -> None:
    drawing = draw(
        everything(),
        detail=detail,
        show=["values", "gradients", "local gradients", "formulas", "faux gradients"],
        digits=3,
        ops=True,
        order=True,
        legend=True,
        caption="All",
        theme="print",
        font="DejaVu Sans",
        font_size=9,
        direction="TB",
        expand=[] if detail == "value" else ["layer1.neuron2"],
        names={},
    )
    assert drawing.pipe("pdf").startswith(b"%PDF")
    nodes, _ = shown(drawing)
    assert all(re.match(r"\d+\. ", text[0]) for text in nodes)
    assert autograd.draw is draw
