"""The geometry of drawings of networks: columns centred and even, nothing on top of anything."""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from cases import cases
from hostile import HOSTILE
from layout_engines import ENGINES, only

from autograd import Value, draw, nn, ops
from autograd.views.render import Drawing

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]  # left, bottom, right, top


# Reading a drawing ---------------------------------------------------------------------------------------------------


@dataclass
class Line:
    tail: str
    head: str
    path: list[Point]  # with the tip of the arrow
    label: Rectangle | None
    text: str


@dataclass
class Picture:
    """Where a drawing says that everything is, in points."""

    nodes: dict[str, Rectangle] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    frames: dict[str, Rectangle] = field(default_factory=dict)
    inside: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # the nodes of each frame
    lines: list[Line] = field(default_factory=list)

    @property
    def width(self) -> float:
        return max(right for _, _, right, _ in self._all()) - min(left for left, *_ in self._all())

    @property
    def height(self) -> float:
        return max(top for *_, top in self._all()) - min(bottom for _, bottom, *_ in self._all())

    def _all(self) -> list[Rectangle]:
        return [*self.nodes.values(), *self.frames.values()]


def read(drawing: Drawing) -> Picture:
    picture, frame = Picture(), ""
    font = float(drawing.edge_attr["fontsize"])
    for statement in drawing.body:
        text = statement.strip()
        look = {key: a or b for key, a, b in re.findall(r'(\w+)=(?:"((?:\\.|[^"\\])*)"|(\S+?))(?=[\s\]]|$)', text)}
        name = text.split(" [")[0]
        if text.startswith("subgraph"):
            frame = text.split()[1]
        elif text == "}":
            frame = ""
        elif "->" in name:
            tail, head = name.split(" -> ")
            picture.lines.append(_line(tail, head, look, font))
        elif "bb" in look:
            left, bottom, right, top = map(float, look["bb"].split(","))
            picture.frames[frame] = left, bottom, right, top
        elif "pos" in look:
            outline = 4.0 if look.get("peripheries") == "2" else 0.0
            half = [float(look[side]) * 36 + outline for side in ("width", "height")]
            picture.nodes[name] = _around(_point(look["pos"]), half[0], half[1])
            picture.titles[name] = look["label"].split(r"\l")[0]
            picture.inside[frame].append(name)
    return picture


def _line(tail: str, head: str, look: dict[str, str], font: float) -> Line:
    *ends, path = re.fullmatch(r"(?:s,(\S+) )?e,(\S+) (.*)", look["pos"]).groups()  # type: ignore[union-attr]
    control = [_point(point) for point in path.split()]
    points = control[:1]
    for i in range(0, len(control) - 1, 3):
        for t in (k / 8 for k in range(1, 9)):
            weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3
            points.append(tuple(sum(w * p[axis] for w, p in zip(weights, control[i:])) for axis in (0, 1)))  # type: ignore[arg-type]
    start, end = ends
    points = [*([_point(start)] if start else []), *points, _point(end)]
    text = look.get("label", "").strip()
    label = _around(_point(look["lp"]), len(text) * font * 0.3, font * 0.5) if text else None
    return Line(tail, head, points, label, text)


def _point(text: str) -> Point:
    x, y = map(float, text.split(","))
    return x, y


def _around(middle: Point, half_width: float, half_height: float) -> Rectangle:
    return middle[0] - half_width, middle[1] - half_height, middle[0] + half_width, middle[1] + half_height


def overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def crosses(start: Point, end: Point, box: Rectangle) -> bool:
    """Return True if a straight line enters a rectangle (Liang and Barsky, 1984)."""
    first, last = 0.0, 1.0
    for axis in (0, 1):
        step = end[axis] - start[axis]
        for distance, side in ((start[axis] - box[axis], -step), (box[axis + 2] - start[axis], step)):
            if side == 0:
                if distance <= 0:
                    return False
            elif side < 0:
                first = max(first, distance / side)
            else:
                last = min(last, distance / side)
    return first < last


# Networks ------------------------------------------------------------------------------------------------------------


def with_gradients(loss: Value) -> Value:
    loss.label = "loss"
    loss.backward()
    return loss


def inputs(n: int) -> list[Value]:
    return [Value(0.3 * i - 0.5, f"x{i}") for i in range(1, n + 1)]


def mlp(*sizes: int) -> Value:
    model = nn.MLP(sizes[0], list(sizes[1:]), rng=random.Random(5))
    return with_gradients(nn.mse(model(inputs(sizes[0])), [0.5] * sizes[-1] if sizes[-1] > 1 else 0.5))


def autoencoder() -> Value:
    encoder, decoder = nn.MLP(4, [3, 2], rng=random.Random(1)), nn.MLP(2, [3, 4], rng=random.Random(2))
    xs = inputs(4)
    return with_gradients(nn.mse(decoder(encoder(xs)), xs))


def residual(n: int) -> Value:
    layers = [nn.Layer(n, n, "tanh", rng=random.Random(i)) for i in range(3)]
    first, inner, outer = layers
    h = first(inputs(n))
    return with_gradients(nn.mse([x + y for x, y in zip(h, outer(inner(h)))], [0.5] * n))


def dense(n: int) -> Value:
    a, b, c = nn.Layer(2, n, rng=random.Random(1)), nn.Layer(n, n, rng=random.Random(2)), nn.Layer(n + 2, 1)
    xs = inputs(2)
    return with_gradients(nn.mse(c([*b(a(xs)), *xs]), 0.5))


def shared() -> Value:
    twin, xs = nn.MLP(2, [4, 2], rng=random.Random(1)), inputs(4)
    return with_gradients(ops.sum([(x - y) ** 2 for x, y in zip(twin(xs[:2]), twin(xs[2:]))]))


def recurrent() -> Value:
    cell, state = nn.Layer(4, 3, "tanh", rng=random.Random(1)), [Value(0.0)] * 3
    for x in inputs(3):
        state = cell([x, *state])
    return with_gradients(nn.mse(state, [0.5] * 3))


def ensemble() -> Value:
    members, x = [nn.MLP(1, [3, 1], rng=random.Random(i)) for i in range(3)], Value(0.5, "x")
    return with_gradients(sum(member(x) for member in members) / 3)


def penalised() -> Value:
    model = nn.MLP(2, [3, 1], rng=random.Random(1))
    penalty = 0.01 * ops.sum([p * p for p in model.parameters()])
    return with_gradients(nn.mse(model(inputs(2)), 0.5) + penalty)


def stopped() -> Value:
    model, xs = nn.MLP(2, [3, 1], rng=random.Random(1)), inputs(2)
    return with_gradients(ops.where(xs[0], model(xs), ops.stop_gradient(model(xs[::-1]))))


def leaky() -> Value:
    return with_gradients(nn.mse(nn.MLP(2, [3, 1], "leaky_relu", rng=random.Random(1))(inputs(2)), 0.5))


class Skipping(nn.Module):
    """Layers each of which has the inputs, and the outputs of all before it, as its inputs."""

    def __init__(self, n: int) -> None:
        self.l1, self.l2, self.l3 = (nn.Layer(2 + i * n, n, rng=random.Random(i)) for i in range(3))
        self.last = nn.Neuron(2 + 3 * n, "linear", rng=random.Random(3))

    def __call__(self, xs: list[Value]) -> Value:
        for layer in (self.l1, self.l2, self.l3):
            xs = xs + layer(xs)
        return self.last(xs)


def skipping(n: int) -> Value:
    return with_gradients(nn.mse(Skipping(n)(inputs(2)), 0.5))


NETWORKS: dict[str, Callable[[], Value]] = {
    "2-2-1": lambda: mlp(2, 2, 1),
    "2-3-1": lambda: mlp(2, 3, 1),
    "4-5-3": lambda: mlp(4, 5, 3),
    "2-8-8-1": lambda: mlp(2, 8, 8, 1),
    "2-16-16-1": lambda: mlp(2, 16, 16, 1),
    "2-20-20-1": lambda: mlp(2, 20, 20, 1),
    "20-1": lambda: mlp(20, 1),
    "autoencoder": autoencoder,
    "residual": lambda: residual(3),
    "residual 8": lambda: residual(8),
    "dense": lambda: dense(6),
    "shared": shared,
    "recurrent": recurrent,
    "ensemble": ensemble,
    "penalised": penalised,
    "stopped": stopped,
    "leaky": leaky,
    "opened": lambda: mlp(2, 8, 8, 1),
    "opened in a small one": lambda: mlp(2, 5, 1),
    "opened with many inputs": lambda: mlp(12, 2, 1),
    "opened layer": lambda: mlp(2, 8, 8, 1),
    "opened among many": lambda: mlp(2, 16, 16, 1),
    "opened twice": lambda: mlp(3, 12, 2),
    "skipping": lambda: skipping(5),
    "skipping, opened": lambda: skipping(3),
    "skipping, layer opened": lambda: skipping(3),
}
EXPANDED: dict[str, str | list[str]] = {
    "opened": "layer1.neuron3",
    "opened layer": "layer1",
    "opened in a small one": "layer1.neuron3",
    "opened with many inputs": "layer1.neuron1",
    "opened among many": "layer2.neuron3",
    "opened twice": ["layer1.neuron1", "layer2.neuron1"],
    "skipping, opened": "l2.neuron1",
    "skipping, layer opened": "l2",
}
PLAIN = [name for name in NETWORKS if name[0].isdigit()]  # one layer after the other


@cache  # many tests read the same pictures
def picture(name: str, **options: Any) -> Picture:
    return read(draw(NETWORKS[name](), detail="neuron", names={}, expand=EXPANDED.get(name, ()), **options))


def layers(shown: Picture, direction: str = "LR") -> Iterator[list[Rectangle]]:
    """Yield the boxes of each layer, across the direction of the picture from its beginning."""
    for frame, nodes in shown.inside.items():
        if frame:
            boxes = [shown.nodes[node] for node in nodes]
            yield (
                boxes
                if direction in ("LR", "RL")
                else [(bottom, -right, top, -left) for left, bottom, right, top in boxes]
            )


# What is tested ------------------------------------------------------------------------------------------------------


@pytest.mark.slice(most=6)
@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
@pytest.mark.parametrize("name", ["2-3-1", "2-8-8-1", "residual", "shared", "stopped"])
def test_neurons_of_a_layer_are_alike_and_stand_evenly_in_their_order(name: str, direction: str) -> None:
    for boxes in layers(picture(name, direction=direction), direction):
        for left, bottom, right, top in boxes:
            assert (left, right) == pytest.approx((boxes[0][0], boxes[0][2]), abs=0.02)
            assert top - bottom == pytest.approx(boxes[0][3] - boxes[0][1], abs=0.02)
        steps = [upper[1] - lower[1] for upper, lower in pairwise(boxes)]
        assert all(step == pytest.approx(steps[0], abs=0.02) for step in steps)
        assert all(step > boxes[0][3] - boxes[0][1] for step in steps)  # downwards, and apart


@pytest.mark.parametrize("name", PLAIN)
def test_columns_are_centred(name: str) -> None:
    """What goes in, each layer, the errors and the loss have their middles at one height."""
    shown = picture(name)
    columns = defaultdict(list)
    for node, box in shown.nodes.items():
        if not node.startswith("c"):  # a constant stands beside its use
            columns[round(box[0])].append(box)
    assert len(columns) >= len(name.split("-")) + 1
    for boxes in columns.values():
        middle = (max(top for *_, top in boxes) + min(bottom for _, bottom, *_ in boxes)) / 2
        assert middle == pytest.approx(0.0, abs=0.1)
        heights = sorted(box[1] for box in boxes)
        steps = [upper - lower for lower, upper in pairwise(heights)]
        assert all(step == pytest.approx(steps[0], abs=0.1) for step in steps)


@pytest.mark.slice(most=10)
@pytest.mark.parametrize(
    ("name", "direction"),
    [*((name, "LR") for name in NETWORKS), ("residual 8", "TB"), ("shared", "BT"), ("dense", "RL"), ("4-5-3", "TB")],
)
def test_nothing_is_on_top_of_anything(name: str, direction: str) -> None:
    shown = picture(name, direction=direction)
    for (one, box), (other, another) in combinations(shown.nodes.items(), 2):
        assert not overlap(box, another), (one, other)
    for box, another in combinations(shown.frames.values(), 2):
        assert not overlap(box, another)
    for frame, (left, bottom, right, top) in shown.frames.items():
        for node, box in shown.nodes.items():
            if node in shown.inside[frame]:
                assert left < box[0] and box[2] < right and bottom < box[1] and box[3] < top
            else:
                assert not overlap(box, shown.frames[frame]), node
    labels = [line.label for line in shown.lines if line.label]
    for label, another in combinations(labels, 2):
        assert not overlap(label, another)
    for label in labels:
        assert not any(overlap(label, box) for box in [*shown.nodes.values(), *shown.frames.values()])


@pytest.mark.slice(most=10)
@pytest.mark.parametrize(
    ("name", "direction"),
    [*((name, "LR") for name in NETWORKS), ("residual 8", "TB"), ("shared", "BT"), ("dense", "RL"), ("4-5-3", "TB")],
)
def test_edges_hide_no_label_and_cross_no_box(name: str, direction: str) -> None:
    shown = picture(name, direction=direction)
    frame_of = {node: frame for frame, nodes in shown.inside.items() for node in nodes if frame}
    labels = [line.label for line in shown.lines if line.label]
    for line in shown.lines:
        others = [box for node, box in shown.nodes.items() if node not in (line.tail, line.head)]
        others += [
            box
            for frame, box in shown.frames.items()
            if frame not in (frame_of.get(line.tail), frame_of.get(line.head))
        ]
        for start, end in pairwise(line.path):
            assert not any(crosses(start, end, box) for box in [*others, *labels])


@pytest.mark.slice(most=9)
@pytest.mark.parametrize("name", NETWORKS)
def test_edges_run_from_side_to_side(name: str) -> None:
    """They begin on the right of their tail and end on the left of their head, straight between columns."""
    shown = picture(name)
    assert shown.lines
    for line in shown.lines:
        tail, head = shown.nodes[line.tail], shown.nodes[line.head]
        (x, y), (to, height) = line.path[0], line.path[-1]
        assert (x, to) == pytest.approx((tail[2], head[0]), abs=0.1)
        assert tail[1] <= y <= tail[3]
        assert head[1] <= height <= head[3]
        assert all(after[0] > before[0] for before, after in pairwise(line.path))
        between = any(tail[2] < box[0] and box[2] < head[0] for box in shown.nodes.values())
        begin = min(box[0] for box in shown.nodes.values() if box[0] < head[2] and head[0] < box[2])
        if not between:
            is_inside = (
                begin < head[0] - 12
            )  # other nodes of the column begin before it, and the edge passes them level
            end = begin - 12 if is_inside else to
            parts = [(before, after) for before, after in pairwise(line.path) if after[0] < end + 0.01]
            slopes = [(after[1] - before[1]) / (after[0] - before[0]) for before, after in parts]
            assert all(slope == pytest.approx(slopes[0], abs=0.05) for slope in slopes)
            assert not is_inside or line.path[-1][1] == pytest.approx(line.path[-2][1], abs=0.1)


@pytest.mark.slice(most=9)
@pytest.mark.parametrize("name", NETWORKS)
def test_edges_at_one_side_of_a_box_are_in_order(name: str) -> None:
    """They do not cross right before their heads, or right after their tails."""
    shown = picture(name)
    for end, other in ((0, 1), (-1, -2)):
        for node in shown.nodes:
            at = [line.path for line in shown.lines if (line.tail, line.head)[end] == node]
            heights = sorted((path[end][1], path[other][1]) for path in at)
            for (one, far), (next_one, next_far) in pairwise(heights):
                assert one == next_one or far < next_far + 1e-6


@pytest.mark.parametrize("name", PLAIN)
def test_the_size_is_that_of_the_columns(name: str) -> None:
    sizes = [int(size) for size in name.split("-")]
    shown = picture(name)
    assert shown.height <= max(62 * sizes[0], 120 * max(sizes[1:]), 100) + 40
    assert shown.width <= 300 * (len(sizes) + 2 + (sizes[-1] > 1))


def test_width_grows_with_the_layers_and_hardly_with_the_neurons() -> None:
    widths = {n: picture_of(mlp(2, n, n, 1)).width for n in (8, 16, 20)}
    assert widths[8] < widths[16] < widths[20] < 1.4 * widths[8]
    assert picture_of(mlp(2, 8, 8, 8, 1)).width < widths[8] + 300


def picture_of(output: Value) -> Picture:
    return read(draw(output, detail="neuron", names={}))


def test_small_networks_have_their_numbers_on_the_edges_and_large_ones_have_not() -> None:
    for name, n in {"2-2-1": 6, "2-3-1": 9, "4-5-3": 0, "2-8-8-1": 0, "autoencoder": 0}.items():
        assert sum("·" in line.text for line in picture(name).lines) == n
    drawing = draw(NETWORKS["4-5-3"](), detail="neuron", names={})
    assert drawing.source.count('tooltip="layer1.neuron1.weight1 * x1 = ') == 1


def test_labels_are_all_beside_their_edges_or_none_between_two_columns() -> None:
    """Of edges that join the same two nodes, and have the same label, one may show it for all."""
    shown = {n: read(draw(mlp(4, 5, n), detail="neuron", names={})) for n in (2, 6, 12)}
    gradients = {n: [line.text for line in each.lines if line.head in ends_of_many(each)] for n, each in shown.items()}
    assert all(gradients[2])
    assert gradients[6].count("") == 6
    assert not any(gradients[12])
    assert 'tooltip="d v' in draw(mlp(4, 5, 12), detail="neuron", names={}).source


def ends_of_many(shown: Picture) -> set[str]:
    """Return the nodes that are no neurons and have many edges: the sum of the squared errors."""
    heads = [line.head for line in shown.lines if not line.head.startswith("b")]
    return {head for head in heads if heads.count(head) > 3}


def test_all_local_gradients_are_shown_where_there_is_room() -> None:
    for name in set(NETWORKS) - {
        "4-5-3",
        "autoencoder",
        "recurrent",
        "residual 8",
        *EXPANDED,
    }:  # a dot of errors has each twice
        for line in picture(name).lines:
            assert line.text or not line.tail.startswith("v") or line.head.startswith("b")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["2-3-1", "2-16-16-1", "stopped"])
def test_graphviz_draws_everything_where_it_is(engine: str, name: str, tmp_path: Path) -> None:
    """No box grows, and nothing moves, but all together."""
    with only(engine, tmp_path):
        drawing = draw(NETWORKS[name](), detail="neuron", names={})
        plain = drawing.pipe("plain", encoding="utf-8")
    shown = read(drawing)
    moved = set()
    for line in plain.splitlines():
        kind, *words = line.split()
        if kind == "node":
            left, bottom, right, top = shown.nodes[words[0]]
            x, y, width, height = (72 * float(word) for word in words[1:5])
            moved.add((round((left + right) / 2 - x), round((bottom + top) / 2 - y)))
            if not words[0].startswith("c"):  # it has the sizes of boxes without their second outlines, in whole points
                for size, drawn in ((width, right - left), (height, top - bottom)):
                    assert min(abs(size - drawn), abs(size + 8 - drawn)) < 0.6
    assert max(math.dist(one, other) for one in moved for other in moved) <= 2


@pytest.mark.parametrize("font", ["Helvetica", "Helvetica-Bold", "Times", "Courier"])
@pytest.mark.filterwarnings("ignore:there is no font:UserWarning")
def test_a_box_has_room_for_its_text_in_any_font(font: str) -> None:
    """Graphviz would make a box larger that is too small for its text, and edges would begin inside of it."""
    labels = ["W" * 20, "m" * 16 + "@@%%", "WIDE MODEL NAME", "ÄÖÜ_&_QGHO", "learning_rate", "0123456789"]
    model = nn.Layer(len(labels), 2, rng=random.Random(1))
    drawing = draw(ops.sum(model([Value(0.5, text) for text in labels])), detail="neuron", names={}, font=font)
    shown, seen = read(drawing), 0
    for line in drawing.pipe("plain", encoding="utf-8").splitlines():
        kind, *words = line.split()
        if kind == "node" and drawing.source.count(f"\t{words[0]} [") == 1:
            left, _, right, _ = shown.nodes[words[0]]
            assert 72 * float(words[3]) <= right - left + 0.6
            seen += 1
    assert seen == len(labels) + 3


@pytest.mark.parametrize("engine", ENGINES)
def test_hostile_text_is_shown_in_columns_too(engine: str, tmp_path: Path) -> None:
    names = [text for text in dict.fromkeys(HOSTILE) if text]
    neurons = [nn.Neuron(1, labels=[f"{text}.neuron1.weight", f"{text}.neuron1.bias"]) for text in names]
    x = Value(0.5, names[0])
    loss = with_gradients(ops.sum([neuron(x) for neuron in neurons]))
    with only(engine, tmp_path):
        drawing = draw(loss, detail="neuron", names={}, max_nodes=1000)
        svg = drawing.pipe(encoding="utf-8")
    assert drawing.graph_attr["layout"] == "nop2"
    assert svg.count('class="cluster"') == len(names)
    assert svg.count('class="node"') == len(names) + 2


def test_without_the_engine_that_keeps_places_graphviz_lays_it_out_itself() -> None:
    drawing = draw(NETWORKS["2-3-1"](), detail="neuron", names={})
    kept = drawing.pipe("plain", encoding="utf-8")
    del drawing.graph_attr["layout"]
    assert drawing.pipe("plain", encoding="utf-8") != kept
    assert drawing.pipe(encoding="utf-8").count('class="cluster"') == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_added_to_a_drawing_is_drawn(engine: str, tmp_path: Path) -> None:
    def add_node(drawing: Drawing) -> None:
        drawing.node("note", "a note")

    def add_edge(drawing: Drawing) -> None:
        drawing.edge("b1", "b2", "a note")

    def add_edges(drawing: Drawing) -> None:
        drawing.edges([("b1", "note"), ("note", "b2")])

    def add_frame(drawing: Drawing) -> None:
        with drawing.subgraph(name="cluster_note") as frame:
            frame.node("note", "a note")

    for add in (add_node, add_edge, add_edges, add_frame):
        drawing = draw(NETWORKS["2-2-1"](), detail="neuron", names={})
        add(drawing)
        with only(engine, tmp_path):
            assert ">note<" in drawing.pipe(encoding="utf-8").replace("a note", "note"), add


def test_only_networks_stand_in_columns() -> None:
    loss = mlp(2, 3, 1)
    for expand in ("layer1", ["layer1", "layer2.neuron1"]):  # the neurons of layer1 are drawn
        assert "pos=" in draw(loss, detail="layer", expand=expand).source
    for options in ({"detail": "value"}, {"detail": "layer"}, {"detail": "layer", "expand": "layer1.neuron2"}):
        assert "pos=" not in draw(loss, **options).source  # type: ignore[arg-type]


def test_an_open_neuron_among_many_stands_in_columns_too() -> None:
    shown = picture("opened")
    parts = ["layer1.neuron3.weight1", "layer1.neuron3.weight2", "layer1.neuron3.bias"]
    assert set(parts) <= set(shown.titles.values())
    assert [len(nodes) for frame, nodes in shown.inside.items() if frame] == [7, 8, 1]  # it has no frame itself
    weights = [shown.nodes[node] for node, title in shown.titles.items() if title in parts[:2]]
    assert weights[0][1] > weights[1][3]  # in order


def test_what_is_drawn_closed_is_drawn_with_an_open_neuron_too() -> None:
    """However many edges pass by: those of one node run as one, closed or opened."""
    for n in range(3, 9):
        loss = skipping(n)
        for expand in ((), ("l2.neuron1",), ("l3.neuron2", "l1.neuron1")):
            assert "layout=nop2" in draw(loss, detail="neuron", expand=expand, names={}).source
    with pytest.raises(ValueError, match="edges pass by each node"):
        draw(skipping(24), detail="neuron")


def test_an_open_neuron_that_is_used_again_stands_in_columns() -> None:
    """Its weights are drawn once, and their edges pass the other uses in slots."""
    layer = nn.Layer(2, 2, "tanh", rng=random.Random(1))
    loss = with_gradients(ops.sum(layer(layer(layer(inputs(2))))))
    source = draw(loss, detail="neuron", expand="neuron1", names={}).source
    assert "layout=nop2" in source
    assert source.count("neuron1.weight1\\l") == 1


@pytest.mark.slice
@pytest.mark.parametrize("samples", [1, 20])
@pytest.mark.parametrize("opened", range(1, 6))
def test_neurons_are_in_order_beside_an_open_one(opened: int, samples: int) -> None:
    model = nn.MLP(2, [5, 1], rng=random.Random(1))
    xs = [[Value(0.1 * i, "x"), Value(0.5, "z")] for i in range(samples)]
    loss = with_gradients(ops.sum([(model(x) - 1.0) ** 2 for x in xs]))
    shown = read(draw(loss, detail="neuron", expand=f"layer1.neuron{opened}", names={}))
    [layer] = [inside for inside in shown.inside.values() if len(inside) == 4]
    from_top = sorted(layer, key=lambda node: -shown.nodes[node][1])
    numbers = [re.sub(r"neuron(\d).*", r"\1", shown.titles[node]) for node in from_top]
    assert numbers == [str(i) for i in range(1, 6) if i != opened]


def test_the_parts_of_an_open_neuron_say_how_many_samples_they_stand_for() -> None:
    model = nn.MLP(2, [3, 1], rng=random.Random(1))
    loss = with_gradients(ops.sum([(model([Value(0.1 * i), Value(0.5)]) - 1.0) ** 2 for i in range(20)]))
    source = draw(loss, detail="neuron", expand="layer1.neuron1", names={}).source
    assert "layout=nop2" in source
    for part in (r"v\d+ = dot of 4 operands", r"v\d+ = v\d+ \+ layer1\.neuron1\.bias", r"v\d+ = relu\(v\d+\)"):
        assert re.search(rf'label="{part}\\l× 20 samples\\l', source)


def test_a_long_formula_stretches_nothing_else() -> None:
    shown = picture("opened in a small one")
    width = {title: box[2] - box[0] for node, title in shown.titles.items() for box in [shown.nodes[node]]}
    [formula] = [title for title in width if " = dot(" in title]
    bias, weights = "layer1.neuron3.bias", ["layer1.neuron3.weight1", "layer1.neuron3.weight2"]
    assert width[bias] < width[formula] / 2
    assert width[weights[0]] == width[weights[1]] == width["x1"]  # what is given is even
    beside = picture_of(with_gradients(nn.Neuron(2, rng=random.Random(1))(two_towers())))
    lengths = [box[2] - box[0] for box in beside.frames.values()]
    assert max(lengths) > 2 * min(lengths)


def two_towers() -> list[Value]:
    """Two layers in one column, of which one has a long title."""
    found = []
    for name in ("a", "a_tower_with_a_name_that_is_longer_than_its_neurons_are"):
        layer = nn.Layer(2, 2, "tanh", rng=random.Random(1))
        for p in layer.parameters():
            p.label = f"{name}.{p.label}"
        found.append(ops.sum(layer([Value(0.1, f"{name}1"), Value(0.2, f"{name}2")])))
    return found


@pytest.mark.slice(most=9)
@pytest.mark.parametrize("direction", cases(["LR"], campaign=["TB"]))
@pytest.mark.parametrize("name", NETWORKS)
def test_a_frame_has_air_around_its_neurons(name: str, direction: str) -> None:
    shown = picture(name, direction=direction)
    for frame, (left, bottom, right, top) in shown.frames.items():
        for node in shown.inside[frame]:
            box = shown.nodes[node]
            assert min(box[0] - left, box[1] - bottom, right - box[2], top - box[3]) > 8


def test_edges_bend_visibly() -> None:
    bends = []
    for path in re.findall(r'pos="(?:s,\S+ )?e,\S+ (.*?)"', draw(skipping(5), detail="neuron", names={}).source):
        control = [_point(point) for point in path.split()]
        for start, one, other, end in zip(control[::3], control[1::3], control[2::3], control[3::3]):
            if one == other:  # a corner
                bends.append(min(math.dist(start, one), math.dist(one, end)))
    assert len(bends) > 5
    assert min(bends) > 6


def test_a_frame_is_as_wide_as_its_title() -> None:
    layer = nn.Layer(1, 2, rng=random.Random(1))
    for neuron in layer.neurons:
        for p in neuron.parameters():
            p.label = "a_layer_with_a_name_that_is_wider_than_its_neurons." + p.label
    shown = picture_of(with_gradients(ops.sum(layer(Value(0.5)))))
    [(left, _, right, _)] = shown.frames.values()
    assert right - left > 50 * 12 * 0.6
    for direction in ("TB", "BT"):
        [(_, bottom, _, top)] = read(draw(ops.sum(layer(0.5)), detail="neuron", direction=direction)).frames.values()
        assert top - bottom < 120


@pytest.mark.parametrize("legend", [False, True])
def test_a_caption_and_a_legend_are_below_everything(legend: bool) -> None:
    drawing = draw(mlp(2, 3, 1), detail="neuron", legend=legend, caption="a caption")
    assert drawing.graph_attr["layout"] == "nop2"
    svg = drawing.pipe(encoding="utf-8")
    below = [float(y) for y in re.findall(r'y="([-.\d]+)"[^>]*>a caption<', svg)]
    boxes = [float(y) for y in re.findall(r'<text[^>]* y="([-.\d]+)"[^>]*>(?:grad|net|bias) ', svg)]
    assert below[0] > max(boxes)  # in SVG, heights grow downwards


def circles(shown: Picture) -> Sequence[str]:
    return [name for name in shown.nodes if name.startswith("o")]


def test_edges_end_on_the_circles_of_operations() -> None:
    shown = picture("2-3-1", ops=True)
    assert len(circles(shown)) == 2
    for line in shown.lines:
        for name, (x, y) in ((line.tail, line.path[0]), (line.head, line.path[-1])):
            if name in circles(shown):
                left, bottom, right, top = shown.nodes[name]
                assert math.dist((x, y), ((left + right) / 2, (bottom + top) / 2)) == pytest.approx(
                    (right - left) / 2, abs=0.1
                )
