"""`draw`: what the DOT says, and what comes out of the program `dot`, of pygraphviz, and with neither of them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import graphviz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd import drawing, ops, rendering
from autograd.drawing import Drawing, draw
from autograd.engine import Value

ENGINES = ["dot", "pygraphviz"]


def require(engine: str) -> None:
    """Skip the test where `engine` is missing. With AUTOGRAD_REQUIRE_ALL=1 a missing one is a failure."""
    here = shutil.which("dot") if engine == "dot" else importlib.util.find_spec(engine)
    if not here:
        (pytest.fail if os.environ.get("AUTOGRAD_REQUIRE_ALL") == "1" else pytest.skip)(f"{engine} is not installed")


@contextmanager
def only(engine: str, folder: Path) -> Iterator[None]:
    """Render with this engine: pygraphviz has its turn when `dot` is not on the PATH, here an empty `folder`."""
    require(engine)
    with pytest.MonkeyPatch.context() as patch:
        if engine == "pygraphviz":
            patch.setenv("PATH", str(folder))
        yield


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with only(request.param, tmp_path_factory.mktemp("empty")):
        yield request.param


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No `dot`, and a file to write a pretended pygraphviz into."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "pygraphviz.py"


@pytest.fixture
def nothing(pretend: Path) -> None:
    """Neither `dot` nor pygraphviz."""
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


def attributes(output: Value) -> dict[str, dict[str, str]]:
    """The attributes in the DOT of each node by its name, and of each edge by "tail -> head"; later ones win."""
    found = {}
    for statement in draw(output, names={}).body:
        name, pairs = statement.strip().removesuffix("]").split(" [", 1)
        found[name] = {key: (a or b) for key, a, b in re.findall(r'(\w+)=(?:"((?:\\.|[^"\\])*)"|(\S+))', pairs)}
    return found


def titles(output: Value) -> dict[str, str]:
    """The first line of each node's text: label, or label = formula."""
    return {name: each["label"].split(r"\l")[0] for name, each in attributes(output).items() if "->" not in name}


SVG, TIP = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}title"


def parsed(svg: str) -> dict[str, tuple[list[str], list[str]]]:
    """For each node and edge of the SVG: its lines of text and its tooltips.

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
    """What a drawing has to show for a label."""
    shown = ""
    for character in text:
        if unicodedata.category(character) == "Cs" or character in "\ufffe\uffff":
            shown += "\ufffd"
        elif character == "\x7f":
            shown += "\N{SYMBOL FOR DELETE}"
        else:
            shown += chr(0x2400 + ord(character)) if character < " " and character != "\n" else character
    return plain(shown)


def lines(text: str) -> list[str]:
    return [line for line in visible(text).split("\n") if line.strip(" ")]


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
        ("error", "v9"): "-0.07193",
        ("v9", "loss"): "0.5",
    }


def test_gradients_multiply_along_the_edges() -> None:
    """The chain rule, from the tooltips of the drawing alone."""
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
        "v1": ["input", "data 0.4", "grad -0.01005"],
        "v2": ["weight", "data 0.5", "grad -0.008042"],
        "v3": ["bias", "data 0.6", "grad -0.02011"],
        "v4": ["target", "data 0.7", "grad 0.03596"],
        "v5": ["v5 = input * weight", "data 0.2", "grad -0.02011"],
        "v6": ["net = v5 + bias", "data 0.8", "grad -0.02011"],
        "v7": ["output = tanh(net)", "data 0.664", "grad -0.03596"],
        "v8": ["error = output - target", "data -0.03596", "grad -0.03596"],
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


def test_names_of_values_without_a_label_are_no_labels_of_others() -> None:
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
        (lambda x: -2 * x, "v2 = (-2) * x"),
        (lambda x: (-2) ** x, "v2 = (-2) ** x"),
        (lambda x: ops.max(x, -2), "v2 = max(x, -2)"),
        (lambda x: ops.where(x, x, 0.5), "v2 = where(x, x, 0.5)"),
        (lambda x: ops.dot([x, 1], [3, x]), "v2 = dot([x, 1], [3, x])"),
        (lambda x: ops.sum([x] * 50), "v2 = sum"),
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
    program = "from tests.test_drawing import *; print(draw(with_gradients(neuron())).pipe(encoding='utf-8'))"
    folder = Path(__file__).parents[1]

    def run(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(folder)}
        return subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True).stdout

    assert run("1") == run("2") != b""


# What is refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [3.0, None, "loss", [Value(1.0)], draw])
def test_only_values_are_drawn(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"draw\(\) takes a Value, got \w+: pass a Value"):
        draw(wrong)  # type: ignore[arg-type]  # that is the point


def test_graphs_too_large_are_refused() -> None:
    chain = Value(1.0)
    for _ in range(1_000_000):
        chain = chain + 1.0
    with pytest.raises(ValueError, match=r"1,000,001 nodes.*max_nodes=200.*intermediate value.*smaller example"):
        draw(chain)
    with pytest.raises(ValueError, match="1,000,002 nodes"):  # the constants count too
        draw(ops.sum([Value(1.0), *[1.0] * 1_000_000]))
    with pytest.raises(ValueError, match="2 nodes and 1,000,000 edges"):
        draw(ops.sum([Value(1.0)] * 1_000_000))


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


@pytest.mark.parametrize("name", ["a.svg", "b.png"])
def test_a_name_that_ends_like_a_picture_is_the_picture_s(engine: str, tmp_path: Path, name: str) -> None:
    assert draw(neuron()).render(tmp_path / name) == str(tmp_path / name)
    assert draw(neuron()).render(name, directory=tmp_path / "new") == str(tmp_path / "new" / name)
    assert (tmp_path / name).read_bytes()[:5] in (b"<?xml", b"\x89PNG\r")
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "new"]


def test_a_copy_renders_too(engine: str) -> None:
    graph = draw(neuron())
    assert graph.copy().pipe() == graph.pipe()


def test_notebooks_show_svg(engine: str) -> None:
    bundle = draw(neuron())._repr_mimebundle_()
    assert set(bundle) == {"image/svg+xml"}
    assert len(parsed(bundle["image/svg+xml"])) == 23  # twelve nodes, eleven edges


@pytest.mark.usefixtures("nothing")
def test_without_graphviz_the_error_names_both_ways_to_get_one(tmp_path: Path) -> None:
    graph = draw(neuron())
    for render in (graph.pipe, graph.view, lambda: graph.pipe(encoding="utf-8")):
        with pytest.raises(graphviz.ExecutableNotFound) as caught:
            graph.directory = str(tmp_path)
            render()
        for way in ('pip install "scalar-autograd[render]"', "apt install", "brew install", "winget install", "conda"):
            assert way in str(caught.value)
        assert "libglib-2.0.so.0" in str(caught.value)  # and the reason
    assert "tanh(net)" in graph.source
    assert Path(graph.save(tmp_path / "saved.gv")).read_text("utf-8") == graph.source


@pytest.mark.usefixtures("nothing")
def test_without_graphviz_notebooks_show_text() -> None:
    bundle = draw(neuron())._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert 'pip install "scalar-autograd[render]"' in bundle["text/plain"]


def test_a_crash_in_graphviz_is_an_exception(pretend: Path) -> None:
    pretend.write_text("import os; os.abort()")
    with pytest.raises(graphviz.CalledProcessError, match=r"pygraphviz.*svg, png, pdf"):
        draw(neuron()).pipe()
    assert "text/plain" in draw(neuron())._repr_mimebundle_()


def test_a_layout_without_end_is_an_exception(pretend: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(rendering, "_TIMEOUT", 0.2)
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


# Hostile labels ------------------------------------------------------------------------------------------------------

HOSTILE = [
    'a"]; evil [label="x',
    "a|b",
    "<b>x</b>",
    "<x>",
    r"\N",
    r"\n \l \r \G \E \T \H \L",
    "trailing \\",
    "\\",
    r"\\",
    r"\"",
    '"',
    "NUL \0 in it",
    "lone \ud800 and \udfff surrogates",
    "\ufffe\uffff",
    "{}",
    "{0} {a!r} %s $x",
    "&lt;",
    "&amp;lt; &#60; &#x3c; &nosuch; & &;",
    "two\nlines",
    "\n",
    "\n\nempty lines\n\nbetween\n",
    "a\r\nb\tc",
    "".join(map(chr, range(0x20))) + "\x7f\x80\x85\x9f",
    "\N{LINE SEPARATOR}\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}\N{NO-BREAK SPACE}",
    "é € \N{GRINNING FACE} \U0010ffff",
    "</text></svg><script>alert(1)</script>",
    "]]> <!-- --> <?xml?>",
    "javascript:alert(1)",
    "digraph",
    "v1 -> v2; subgraph cluster_x {",
    "// # /*",
    'charset="latin-1"',
    "  spaces   everywhere ",
    "0.5",
    "x" * 300,
]

pieces = st.sampled_from([*HOSTILE, "\\", '"', "&", ";", "<", ">", "\n", "#", "{", "|", " ", "\0", "lt;", "N"])
characters = st.characters(exclude_categories=[])  # surrogates too
labels = st.one_of(st.text(characters), st.lists(pieces | characters, max_size=5).map("".join))


def check_labels(texts: list[str]) -> None:
    """Draw a graph that has each text as the label of a leaf and of a result, and look for all of it in the SVG."""
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
        formula = f"tanh({x})" if len(f"tanh({x})") <= drawing._LONGEST_FORMULA else "tanh"
        assert found[f"v{i}"][0] == lines(f"{x}\ndata 0")
        assert found[f"v{n + i}"][0] == lines(f"{z} = {formula}\ndata 0")
        assert set(found[f"v{i}"][1]) == {visible(f"{x}\ndata 0.0")}
        assert set(found[f"v{i}->v{n + i}"][1]) == {visible(f"d {z} / d {x} = 1.0")}


def test_hostile_labels_are_shown_as_they_are(engine: str) -> None:
    check_labels(HOSTILE)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(labels, min_size=1, max_size=30))
def test_any_text_can_be_a_label(engine: str, texts: list[str], tmp_path: Path) -> None:
    with only(engine, tmp_path):
        check_labels(texts)


def test_hostile_labels_in_png_and_pdf(engine: str) -> None:
    graph = draw(ops.sum([Value(0.0, text) for text in HOSTILE]))
    assert graph.pipe("png").startswith(b"\x89PNG")
    assert graph.pipe("pdf").startswith(b"%PDF")
