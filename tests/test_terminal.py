"""What is printed comes out everywhere: in the encodings of consoles, and on narrow terminals."""

from __future__ import annotations

import ast
import io
import re
import sys
from pathlib import Path

import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from terminals import printed_in, printed_on_terminal

import autograd
from autograd import Value, explain, to_text
from autograd import text as text_module
from autograd.text import BARS, printable, table, width

ENCODINGS = ["cp1252", "cp437", "ascii", "utf-8"]

# Prints one text of each kind; its labels are ASCII, unless told otherwise.
EVERYTHING = """
import sys, warnings
from autograd import *
from autograd import nn, ops, optim
import autograd

label = sys.argv[1]
x, w = Value(3.0, label), Value(-0.2, "weight")
net = x * w + 0.1
output = net.tanh()
loss = (output - 1) ** 2 / 2
loss.backward()
print(x, [x], ops.mul, nn.MLP(2, [3, 1]), optim.Adam(0.1), sep="\\n")
explanation = explain(loss)
print(explanation, explanation.rows[0], explanation.steps[1], repr(explanation.steps[1]), sep="\\n")
print(explain(loss, detail="value", faux=False, forward=x))
print(to_text(loss))
checked = check_gradients(loss)
print(checked, checked[0], sep="\\n")
print(draw(loss).__repr__())
print(History(losses=[2.0 ** -i for i in range(60)], accuracy=[i / 60 for i in range(60)]))
print(Value(1.0, "a name that is far too long to be shown in a line, and is cut"))

def said(do):
    try:
        do()
    except Exception as error:
        print(f"{type(error).__name__}: {error}")

def anomaly():
    with detect_anomaly():
        (x - x).log().backward()

class Named(nn.Module):
    def __init__(self):
        self.parts = {label: {Value(2.0)}}

said(anomaly)
said(lambda: explore(loss, f"no {label}/x.html"))
said(lambda: nn.Neuron(1, label))
said(lambda: explain(loss, detail=label))
said(lambda: to_spreadsheet(loss, f"{label}.ods"))
said(lambda: fit(nn.Neuron(1), [[0.0], [label]], [0.0, 1.0], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=1))
said(lambda: Value(label))
said(lambda: tanh(1.0, **{label: 1}))
said(lambda: optim.Adam(**{label: 1}))
said(lambda: getattr(autograd, label))
said(lambda: Named().parameters())
bad = ops.Op("wrong({})", lambda x: x * 1.0, lambda g, z, x: g * 2.0)
said(lambda: check_gradients(bad(x)))
x.data = 4.0
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    loss.backward()
    larger = max([x, w])
    x.data = -4.0
    check = faux_gradient(larger * 2, x)
print(*(f"{warning.category.__name__}: {warning.message}" for warning in caught), sep="\\n")
fit(nn.MLP(1, [1]), [[0.0], [1.0]], [0.0, 1.0], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=3, backend="eager")
"""


_KINDS_OF_MESSAGES = [  # each on the first line with the label
    *("got str", "tanh.. takes", "Adam.. takes", "has no attribute"),
    *("operand v2", "FileNotFoundError", "unknown activation", "detail is", "ends in .xlsx", "Named.parts"),
    *("column 0 holds", "StaleGraphWarning", "FrozenChoiceWarning"),
]


def with_stand_ins(shown: str, encoding: str) -> str:
    """Put signs of ASCII in place of those that an encoding lacks."""
    pairs = [("×", "*"), ("·", "."), ("…", "..."), *([(BARS, "_.-:=+*#")])]
    for signs, stand_ins in pairs:
        try:
            signs.encode(encoding)
        except UnicodeEncodeError:
            for sign, stand_in in zip(signs, stand_ins if len(signs) > 1 else [stand_ins]):
                shown = shown.replace(sign, stand_in)
    return shown


def without_what_differs(shown: str) -> str:
    """Leave out addresses, and the end of a name that is cut, whose place depends on the mark."""
    return re.sub(r"0x[0-9a-f]+|a name that .*'", "", shown)


@pytest.fixture(scope="module")
def in_utf_8() -> tuple[str, str]:
    return printed_in("utf-8", "-c", EVERYTHING, "input")


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if e != "utf-8"])
def test_everything_is_printed_with_the_signs_that_there_are(encoding: str, in_utf_8: tuple[str, str]) -> None:
    for sign in ("×", "·", "…", "▁"):
        assert sign in in_utf_8[0]
    out, err = printed_in(encoding, "-c", EVERYTHING, "input")
    assert without_what_differs(out) == without_what_differs(with_stand_ins(in_utf_8[0], encoding))
    assert "epoch" in err
    assert "\\" not in err


def test_everything_is_printed_without_a_locale(in_utf_8: tuple[str, str]) -> None:
    out, _ = printed_in("", "-c", EVERYTHING, "input", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="C")
    assert without_what_differs(out) == without_what_differs(with_stand_ins(in_utf_8[0], "ascii"))


LABELS = ["ß × 重 →", "größe", "\N{MINUS SIGN}x"]
EVERYTHING_FOR_EACH = f"""
import sys
for label in sys.argv[1:]:
    sys.argv[1] = label
    exec({EVERYTHING!r}, {{"__name__": "__main__"}})
    print("\\f", end="")
"""


@pytest.mark.slice(most=2)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_users_text_is_escaped_where_it_cannot_be_encoded(encoding: str) -> None:
    out, _ = printed_in(encoding, "-c", EVERYTHING_FOR_EACH, *LABELS, PYTHONUTF8="1")
    *pages, rest = out.split("\f")
    assert rest == ""
    for label, page in zip(LABELS, pages, strict=True):
        shown = label.encode(encoding, "backslashreplace").decode(encoding)
        assert page.splitlines()[0].endswith(f"label='{shown}')")
        assert any(line.startswith(f"{shown} ") for line in page.splitlines())  # the table of explain
        for kind in _KINDS_OF_MESSAGES:
            assert re.search(f"{kind}.*{re.escape(shown)}", page)


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_drawing_is_printed_as_dot_text_that_graphviz_reads(encoding: str) -> None:
    drawn = "from autograd import *; d = draw(Value(2.0, 'α &amp; ß') * 3); print(d, end='')"
    shown, _ = printed_in(encoding, "-c", drawn)
    source, _ = printed_in("utf-8", "-c", drawn.replace("print(d,", "print(d.source,"))
    assert "&#945; &amp;amp; " in shown
    assert ("ß" in shown) == (encoding == "cp1252")
    assert shown == source.encode(encoding, "xmlcharrefreplace").decode(encoding)
    assert shown.count("&#") >= source.count("α") >= 2


def test_the_bars_of_a_sparkline_are_replaced_together() -> None:
    out, _ = printed_in("cp437", "-c", "from autograd import History; print(History(losses=[4.0, 3.0, 2.0, 1.0]))")
    assert "█".encode("cp437")
    assert out.startswith("#+-_ 4 epochs")


def test_help_is_printed_in_ascii() -> None:
    out, _ = printed_in("ascii", "-c", "import autograd; help(autograd.explain); help(autograd.nn.mse)")
    assert "explain" in out


@pytest.mark.parametrize(
    "stream", [None, io.StringIO(), io.TextIOWrapper(io.BytesIO(), "utf-8")], ids=["none", "text", "utf-8"]
)
def test_all_signs_are_shown_where_no_encoding_forbids_it(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", stream)
    assert printable(f"4 × 1 {BARS}…") == f"4 × 1 {BARS}…"
    assert table([["x", "y" * 300]]) == ["x  " + "y" * 300]


def strings_of(source: str) -> list[str]:
    """The string constants of a module, docstrings left out."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docstrings)
    return [node.value for node in constants if isinstance(node.value, str)]


TYPESET = Path("codegen", "typesetting.py")
"""The one file that writes mathematics as in books, for LaTeX and browsers."""


def test_each_sign_that_the_package_writes_has_a_stand_in() -> None:
    package = Path(autograd.__file__).parent
    files = {path for room in ("draw", "explorer", "sheet") for path in (package / "views" / room).rglob("*.py")}
    known = set("".join(text_module._IN_ASCII))
    read = package / "samples" / "cells.py"  # knows signs that data have, which code in errors repeats
    for path in set(package.rglob("*.py")) - files - {package / "text.py", read, package / TYPESET}:
        used = {c for string in strings_of(path.read_text(encoding="utf-8")) for c in string if not c.isascii()}
        assert used <= known, path


def test_there_is_one_minus_sign_everywhere(in_utf_8: tuple[str, str]) -> None:
    """Python's, so that what is copied is a number there; what people paste, and books, may have the other one."""
    package = Path(autograd.__file__).parent
    paths = {path for suffix in ("py", "js", "html", "css") for path in package.rglob(f"*.{suffix}")}
    for path in paths - {package / TYPESET}:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert "\N{MINUS SIGN}" not in line or '"−0.5"' in line or 'text.trim().replace("−", "-")' in line, path
    gradients = [line.rpartition(" = ")[2] for line in in_utf_8[0].splitlines() if re.match(r"\d+\. d loss/d ", line)]
    assert min(map(float, gradients)) < 0


# Width ---------------------------------------------------------------------------------------------------------------

NEURON = """
from autograd import *
x, w, b = Value(0.4, "input"), Value(0.5, "weight"), Value(0.6, "bias")
net = x * w + b
output = net.tanh()
error = output - 0.7
loss = error ** 2 / 2
loss.backward()
print(explain(loss))
print()
print(to_text(loss))
print()
print(check_gradients(loss))
"""


def numbers_in(shown: str) -> list[str]:
    return sorted(re.findall(r"-?\d[\d.e-]*", shown))


@pytest.mark.parametrize("columns", cases([40], campaign=[120, 80, 60]))
def test_tables_and_texts_fit_the_terminal(columns: int) -> None:
    shown = printed_on_terminal(columns, "-c", NEURON)
    assert max(map(width, shown.splitlines())) <= columns
    whole, _ = printed_in("utf-8", "-c", NEURON)
    assert numbers_in(shown) == numbers_in(whole)
    assert len(shown.split()) >= len(whole.split())


WIDE = """
import sys
sys.modules["tqdm"] = None  # lines, not a bar
from autograd import *
from autograd import nn, optim
a, b = Value(2.0, "a_long_name_of_a_leaf_without_any_spaces"), Value(3.0, "a name that is wide")
c = (a * b + a).tanh() * b
c.label = "a name of 23 characters"
c.backward()
print(explain(c), to_text(c), check_gradients(c), sep="\\n")
deep = x = Value(0.5, "x")
for _ in range(25):
    deep = (deep * a).tanh()
print(to_text(deep), to_text(deep, max_nodes=5), sep="\\n")
print(nn.MLP(2, [16, 16, 1]), nn.Sequential(nn.Standardize([0.0], [1.0]), nn.MLP(1, [16, 1])), sep="\\n")
several = dict(accuracy=[0.5] * 60, validation_losses=[1.0] * 60, validation_accuracy=[0.5] * 60, best_epoch=7)
print(History(losses=[2.0**-i for i in range(60)], interrupted=True, **several))
xs, ys = [[i / 10] for i in range(10)], [1.0, -1.0] * 5
fit(nn.MLP(1, [1]), xs, ys, loss=nn.hinge, optimizer=optim.SGD(0.0), epochs=3, validation=0.5, backend="eager")
"""


@pytest.mark.parametrize("columns", cases([60], campaign=[80, 40]))
def test_long_names_deep_graphs_and_many_figures_fit_the_terminal(columns: int) -> None:
    shown = printed_on_terminal(columns, "-W", "ignore", "-c", WIDE)
    assert [line for line in shown.splitlines() if width(line) > columns] == []
    together = "".join(shown.split())
    assert "thebestinepoch8,withloss0.007812,accuracy50.0%" in together
    assert "validationaccuracy50.0%,interrupted" in together
    assert "epoch3/3loss" in together
    assert "[38]" in shown
    assert "16ReLUNeuron(16),272parameters" in together


def test_explain_needs_no_second_table_at_80_columns() -> None:
    shown = printed_on_terminal(80, "-c", NEURON)
    assert shown.splitlines()[1].split() == ["name", "formula", "value", "gradient", "gradient", "gradient"]


def test_what_is_piped_or_captured_is_as_wide_as_it_is() -> None:
    whole, _ = printed_in("utf-8", "-c", NEURON)
    assert "name    formula                    value  local gradient    global gradient  faux gradient" in whole
    assert printed_in("utf-8", "-c", NEURON, COLUMNS="60")[0] == whole


def test_columns_overrides_the_width_of_the_terminal() -> None:
    shown = printed_on_terminal(120, "-c", NEURON, COLUMNS="60")
    assert max(map(width, shown.splitlines())) <= 60


cells = st.text("ab xyz", max_size=30).map(" ".join).map(str.strip)


@given(st.integers(1, 6).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_a_table_keeps_its_words_at_any_width(rows: list[list[str]]) -> None:
    rows = [[f"row{i}", *row] for i, row in enumerate(rows)]
    head = ["name", *(f"title {i}" for i in range(1, len(rows[0])))]
    with pytest.MonkeyPatch.context() as patch:
        for columns in (200, 60, 30):
            patch.setattr(text_module, "columns", lambda columns=columns: columns)
            lines = table(rows, head=head)
            assert max(map(width, lines)) <= columns
            words = " ".join(lines).split()
            for row in [head, *rows]:
                for word in set(" ".join(row).split()):
                    assert words.count(word) >= " ".join(row).split().count(word)


def test_long_titles_of_an_outline_have_lines_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = Value(3.0, "the input of the neuron"), Value(-2.0, "the weight of the neuron")
    y = x * w + x * x + w * w
    y.backward()
    monkeypatch.setattr("autograd.views.outline.columns", lambda: 60)
    monkeypatch.setattr("autograd.text.columns", lambda: 60)
    lines = to_text(y, names={y: "y"}).splitlines()
    assert max(map(len, lines)) <= 60
    assert sum("grad" in line for line in lines) == 7
    assert any(line.strip().startswith("data") for line in lines)
    monkeypatch.undo()
    assert "y = " in to_text(y, names={y: "y"}).splitlines()[0]


def test_a_step_of_an_explanation_prints_alone() -> None:
    x = Value(3.0, "x")
    y = x * x
    step = explain(y, names={y: "y"}).steps[-1]
    assert str(step).splitlines()[-1] == "  after y, which uses it twice: the parts of both paths add up"
    assert str(step).splitlines()[0].startswith("d y/d x = ")
