"""Typeset formulas: what MathML says is computed again and gives the numbers; LaTeX compiles with amsmath alone."""

from __future__ import annotations

import html
import math
import operator
import random
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from graphs import neuron, random_graph
from hostile import HOSTILE, labels
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from needs import lacking

from autograd import Value, explain, floats, formula, ops, to_text
from autograd.codegen.formulas import graph_written
from autograd.codegen.spelling import SPELLINGS
from autograd.codegen.typesetting import BREAK, Typeset, name, number, operation, typeset_notation
from autograd.engine import graph_of
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.views.explain import Explanation

# --------------------------------------------------------------------------------------- a calculator that reads MathML

FUNCTIONS: dict[str, Callable[..., float]] = {
    "ln": TABLE["log"].computes, "arcsin": TABLE["asin"].computes, "arccos": TABLE["acos"].computes,
    "arctan": TABLE["atan"].computes, "arsinh": TABLE["asinh"].computes, "arcosh": TABLE["acosh"].computes,
    "artanh": TABLE["atanh"].computes, "σ": floats.sigmoid, "sgn": floats.sign, "ReLU": floats.relu,
    "GELU": floats.gelu, "SiLU": floats.silu, "max": floats.largest, "min": TABLE["smallest"].computes,
}  # fmt: skip
WITH_SUBSCRIPT: dict[str, Callable[..., float]] = {
    "log": lambda base, x: TABLE[f"log{base:.0f}"].computes(x),
    "LeakyReLU": lambda slope, x: floats.leaky_relu(x, slope),
    "ELU": lambda alpha, x: floats.elu(x, alpha),
}
FENCES: dict[str, Callable[[float], float]] = {"|": math.fabs, "⌊": floats.floor, "⌈": floats.ceil}


class Calculator:
    """Computes what a formula in MathML says, as a reader would: powers before products before sums."""

    def __init__(self, names: dict[str, float]) -> None:
        self.names = names

    def __call__(self, formula: Typeset) -> float:
        row = ET.fromstring(f"<mrow>{html.unescape(formula.in_one_piece.mathml.replace('&gt;', '≻'))}</mrow>")
        return self.row([*row])

    def row(self, elements: list[ET.Element]) -> float:
        reader = Reader(elements, self)
        value: float = reader.sum()
        assert not reader.waiting, [ET.tostring(x, encoding="unicode") for x in reader.waiting]
        return value


class Reader:
    """Reads the elements of a row from left to right."""

    def __init__(self, elements: list[ET.Element], calculator: Calculator) -> None:
        self.waiting, self.calculator = elements[::-1], calculator

    def sign(self, *texts: str) -> str | None:
        if self.waiting and self.waiting[-1].tag == "mo" and self.waiting[-1].text in texts:
            return self.waiting.pop().text
        return None

    def sum(self) -> float:
        total = -self.product() if self.sign("−") else self.product()
        while sign := self.sign("+", "−"):
            total = (operator.add if sign == "+" else operator.sub)(total, self.product())
        return total

    def product(self) -> float:
        total = self.factor()
        while sign := self.sign("×", "mod", "/"):
            total = {"×": operator.mul, "mod": floats.mod, "/": floats.div}[str(sign)](total, self.factor())
        return total

    def factor(self) -> float:
        element, inner = self.waiting.pop(), self.calculator.row
        children, text = [*element], element.text or ""
        if element.tag == "mn":
            return float(text)
        if element.tag == "mfrac":
            return floats.div(inner([*children[0]]), inner([*children[1]]))
        if element.tag == "msup":
            base, exponent = ([*child] if child.tag == "mrow" else [child] for child in children)
            if [x.text for x in base] == ["e"]:
                return TABLE["exp"].computes(inner(exponent))
            return floats.pow_(inner(base), inner(exponent))
        if element.tag == "msqrt":
            return TABLE["sqrt"].computes(inner(children))
        if element.tag == "mroot":
            assert inner([*children[1]]) == 3.0
            return math.cbrt(inner([*children[0]]))
        if element.tag == "mrow":
            return self.fenced(children)
        label = "".join(element.itertext())
        if not self.sign("\u2061"):
            return {"∞": math.inf, "nan": math.nan}.get(label) or self.calculator.names[label]
        arguments = [*self.waiting.pop()][1:-1]
        operands = [inner(part) for part in divided(arguments, ",")]
        if element.tag == "msub":
            base, below = children
            called = WITH_SUBSCRIPT["".join(base.itertext())]
            return called(inner([*below]), *operands)
        return (FUNCTIONS.get(label) or TABLE[label].computes)(*operands)

    def fenced(self, children: list[ET.Element]) -> float:
        left, *inside = children
        if left.text == "{":
            [table] = inside
            (x, condition), (y, _) = ([*row] for row in table)
            compared = [part for part in condition if part.tag != "mtext"]
            low, high = (self.calculator.row(part) for part in divided(compared, "≻"))
            return self.calculator.row([*x]) if low > high else self.calculator.row([*y])
        value = self.calculator.row(inside[:-1])
        fence = FENCES.get(left.text or "")
        return fence(value) if fence else value


def divided(elements: list[ET.Element], at: str) -> list[list[ET.Element]]:
    parts: list[list[ET.Element]] = [[]]
    for element in elements:
        if element.tag == "mo" and element.text == at:
            parts.append([])
        else:
            parts[-1].append(element)
    return parts


def typeset(output: Value, names: dict[Value, str]) -> Typeset:
    return graph_written(graph_of(output), lambda v: name(names[v]), typeset_notation(repr))[output]


def same(x: float, y: float) -> bool:
    return (math.isnan(x) and math.isnan(y)) or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


# -------------------------------------------------------------------------------------------------- what a formula says


@pytest.mark.parametrize("op_name", sorted(BUILT_IN))
@pytest.mark.parametrize("shape", ["names", "sums", "signs", "powers", "fractions"])
def test_a_formula_says_what_its_operation_computes(op_name: str, shape: str) -> None:
    op, rng = TABLE[op_name], random.Random(op_name)
    leaves = [Value(rng.uniform(0.2, 0.9)) for _ in range(op.arity or 4)]
    own = [f"x{i}" for i in range(len(leaves))]
    operands: list[Any] = {
        "names": leaves,
        "sums": [x + 0.25 for x in leaves],
        "signs": [-x for x in leaves],
        "powers": [x**2 for x in leaves],
        "fractions": [x / 3 for x in leaves],
    }[shape]
    result = op(*op.lists(operands)) if op.variadic else op(*operands)
    names = dict.fromkeys(graph_of(result), "") | dict(zip(leaves, own))
    written = typeset(result, names)
    calculator = Calculator({label: x.data for label, x in zip(own, leaves)})
    stopped = op_name == "stop_gradient"
    assert same(calculator(written), result.data), (written.latex, stopped)


@settings(max_examples=40)
@given(st.integers(0, 10**9))
def test_so_it_does_for_any_graph(seed: int) -> None:
    output = random_graph(seed, size=5)
    nodes = graph_of(output)
    # hypot of nan and an infinity is inf, as IEEE has it; the root of the squares, which is written, is nan
    assume(not any(v.op is ops.hypot and any(math.isnan(x.data) for x in v._prev) for v in nodes))
    names = {v: f"x{i}" for i, v in enumerate(nodes)}
    calculator = Calculator({f"x{i}": v.data for i, v in enumerate(nodes)})
    assert same(calculator(typeset(output, names)), output.data), typeset(output, names).latex


@pytest.mark.parametrize(
    ("build", "latex"),
    [
        (lambda a, b: a - (b - a), "a - (b - a)"),
        (lambda a, b: (a - b) - a, "a - b - a"),
        (lambda a, b: (a + b) * a, r"(a + b) \times a"),
        (lambda a, b: -(a**2), "-a^{2}"),
        (lambda a, b: (-a) ** 2, "(-a)^{2}"),
        (lambda a, b: (a / b) ** 2, r"\left(\frac{a}{b}\right)^{2}"),
        (lambda a, b: (a + 1) / (b - 1), r"\frac{a + 1}{b - 1}"),
        (lambda a, b: a.tanh() ** 2, r"(\tanh(a))^{2}"),
        (lambda a, b: (a**b) ** 2, "(a^{b})^{2}"),
        (lambda a, b: a * (-b), r"a \times (-b)"),
        (lambda a, b: abs(a / b), r"\left\lvert \frac{a}{b}\right\rvert "),
        (lambda a, b: ops.where(a, b, 0.5), r"\begin{cases}b & \text{if } a > 0 \\ 0.5 & \text{otherwise}\end{cases}"),
        (lambda a, b: ops.dot([a, b], [b, a]), r"a \times b + b \times a"),
        (lambda a, b: ops.max([a, b, a]), r"\max(a, b, a)"),
    ],
)
def test_parentheses_stand_where_they_are_needed(build: Callable[..., Value], latex: str) -> None:
    output = build(Value(0.5, "a"), Value(0.25, "b"))
    assert formula(output, names={}).to_latex() == f"\\begin{{align*}}\n& {latex.strip()}\n\\end{{align*}}"


def test_names_are_those_of_the_text_with_subscripts() -> None:
    for label, latex in {
        "x": "x", "weight1": r"\mathrm{weight}_{1}", "w_1_2": "w_{1,2}", "w[1][2]": "w_{1,2}",
        "x'": "x'", "w1'": "w_{1}'", "x_i'²": "x_{i}'^{2}", "µ": r"\mu ", "𝑥₁": "x_{1}", "ﬁ": r"\mathrm{fi}",
        "ℏ": r"\hbar ", "ħ": r"\hbar ", "ℝ": "R",
        "“a”—b": r"\text{\textquotedblleft{}a\textquotedblright{}\textemdash{}b}",
        "ęț": r"\text{\c{e}\c{t}}", "①": r"\text{[U+2460]}",
        "λ": r"\lambda ", "Δ": r"\Delta ", "größe": r"\text{größe}", "x#2": r"x_{\text{\#2}}",
        "layer1.neuron3.weight2": r"\mathrm{layer}_{1}.\mathrm{neuron}_{3}.\mathrm{weight}_{2}",
        "conv2d": r"\text{conv2d}", "0.5": r"\text{0.5}", "重み": r"\text{[U+91CD][U+307F]}", "a b": r"\text{a\ b}",
        "x₁": "x_{1}", "W₁₂": "W_{12}", "σ²": r"\sigma ^{2}", "x₁²": "x_{1}^{2}", "w′": "w'", "ŷ": r"\hat{y}",
        "x̂1": r"\hat{x}_{1}",
        "x̄": r"\bar{x}", "ȳ": r"\bar{y}", "ẋ": r"\dot{x}", "θ̂": r"\hat{\theta}", "ε": r"\varepsilon ",
        "ϵ": r"\epsilon ",
        "φ": r"\varphi ", "ϕ": r"\phi ", "ϑ": r"\vartheta ", "ℓ₂": r"\ell _{2}", "∑": r"\text{$\sum$}",
        "√x": r"\text{$\surd$x}", "∇f": r"\text{$\nabla$f}", "H₂O": r"\text{H$_{2}$O}", "français": r"\text{français}",
        "Ångström": r"\text{Ångström}", "ő": r"\text{\H{o}}", "ş": r"\text{\c{s}}", "Łódź": r"\text{\L{}ód\'{z}}",
        "α_β": r"\alpha _{\beta }", "_": r"\text{\_}", " ": r"\text{'{}\ '{}}",
    }.items():  # fmt: skip
        assert name(label).latex == latex
        ET.fromstring(f"<math>{name(label).mathml}</math>")
    assert "".join(ET.fromstring(f"<math>{name('layer1.w2').mathml}</math>").itertext()) == "layer1.w2"


@pytest.mark.parametrize(
    ("labels", "latex"),
    [
        (["w1", "w_1", "w₁", "w[1]"], ["w_{1}", r"\text{w\_1}", r"\text{w$_{1}$}", r"\text{w[1]}"]),
        (["w[1]", "w_1", "v1"], ["w_{1}", r"\text{w\_1}", "v_{1}"]),
        (["x", "x²"], ["x", r"\text{x$^{2}$}"]),
        (["x²", "x"], [r"\text{x$^{2}$}", "x"]),
        (["x₁²", "x1", "y²"], [r"\text{x$_{1}$$^{2}$}", "x_{1}", "y^{2}"]),
        (["x'", "x′"], ["x'", r"\text{x$\prime$}"]),
        (["𝑥", "x"], ["x", r"\text{x}"]),
        (["e", "σ"], ["e", r"\sigma"]),
    ],
)
def test_different_names_look_different(labels: list[str], latex: list[str]) -> None:
    values = [Value(1.0 + i, label) for i, label in enumerate(labels)]
    output = ops.sum(values)
    found = formula(output, names={}).to_latex().splitlines()[1].removeprefix("& ").split(" + ")
    assert [x.strip() for x in found] == latex
    for view in (to_text(output, names={}), explain(output, names={}, faux=False)):
        written = view.to_latex()
        assert all(name in written for name in latex)
    shown = [
        ET.tostring(x) for x in ET.fromstring(f"<div>{formula(output, names={})._repr_html_()}</div>").iter("math")
    ]
    assert len({*shown}) == len(shown)
    product = explain(values[0] * values[1], names={}, faux=False).to_latex()
    assert rf"\partial {latex[0]}}} &= {latex[1]} \times" in re.sub(" +", " ", product).replace(" }", "}")


def test_a_name_is_no_constant_of_the_notation() -> None:
    e, x = Value(2.0, "e"), Value(3.0, "x")
    assert r"e \times x" in formula(e * x, names={}).to_latex()
    for written in (formula(e**x * ops.exp(x), names={}), to_text(e * ops.expm1(x), names={})):
        assert r"\text{e}" in written.to_latex() and "e^{x}" in written.to_latex()
    assert r"\text{e}" in explain(e * ops.erf(x), names={}, faux=False).to_latex()  # the derivative has exp(-x × x)


@pytest.mark.parametrize(
    ("label", "function", "latex", "text"),
    [
        ("σ", ops.sigmoid, r"\boldsymbol{\sigma} \times \sigma(x)", "σ"),
        ("ln", ops.log, r"\textit{ln} \times \ln(x)", "ln"),
        ("tanh", ops.tanh, r"\textit{tanh} \times \tanh(x)", "tanh"),
        ("relu", ops.relu, r"\textit{relu} \times", None),
        ("erf", ops.erf, r"\textit{erf} \times \operatorname{erf}(x)", "erf"),
        ("own", Op("own({})", lambda x: x, lambda g, z, x: g), r"\textit{own} \times \operatorname{own}(x)", "own"),
        ("f", Op("f({})", lambda x: x, lambda g, z, x: g), r"f \times \operatorname{f}(x)", "f"),
    ],
)
def test_a_name_is_no_function(label: str, function: Callable[[Value], Value], latex: str, text: str | None) -> None:
    """Beside the function it has other letters, also in MathML, and alone it is a name as others are."""
    own, x = Value(2.0, label), Value(3.0, "x")
    for output in (own * function(x), function(own)):
        for written in (formula(output, names={}), explain(output, names={}, faux=False)):
            page = str(written._repr_html_())
            assert re.search(rf"<mtext[^>]*>{label}</mtext>", page)
            assert text is None or f"<mi>{text}</mi>" in page
    assert latex in formula(own * function(x), names={}).to_latex()
    assert f"<mi>{label}</mi>" in str(formula(own * x, names={})._repr_html_())


@given(st.floats())
def test_a_number_is_the_one_of_its_text(x: float) -> None:
    text = f"{x:.4g}"
    assert same(Calculator({})(number(text)), float(text))


def test_operations_of_ones_own_read_as_their_rows_say() -> None:
    def pull(g: Any, z: Any, x: Any, y: Any = None) -> Any:
        return g

    def first(x: float, y: float = 0.0) -> float:
        return x

    x, y = name("x"), name("y")
    total = operation(TABLE["add"], [x, y])
    for op, operands, latex in [
        (Op("cube_of({})", first, pull), [total], r"\operatorname{\text{cube\_of}}(x + y)"),
        (Op("norm([{}])", lambda *xs: 0.0, lambda g, z, *xs: [g] * len(xs), variadic=True), [x, y],
         r"\operatorname{norm}(x, y)"),
        (Op("{} @ {}", first, pull, pull, name="at"), [total, y], r"(x + y)\mathbin{\text{@}}y"),
        (Op("{}!", first, pull, name="factorial"), [x], r"x\mathbin{\text{!}}"),
    ]:  # fmt: skip
        shown = operation(op, operands)
        assert shown.latex.replace(BREAK, "") == latex
        ET.fromstring(f"<math>{shown.in_one_piece.mathml}</math>")


def test_a_cell_that_cannot_be_printed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for cell, problem in (
        (r"\frac{x}", "lacks '{'"),
        ("x ! y", "has '!', which"),
        (r"\lfloor x", r"lacks '\\rfloor'"),
    ):
        monkeypatch.setitem(SPELLINGS, "mul", replace(SPELLINGS["mul"], latex=cell))
        with pytest.raises(ValueError, match=re.escape(problem)):
            operation(TABLE["mul"], [name("x"), name("y")])


# ---------------------------------------------------------------------------------------------------------------- LaTeX


def own_rows() -> Iterator[Value]:
    x, y = Value(0.5, "x"), Value(0.25, "y")
    yield Op("own_op%({})", lambda x: x, lambda g, z, x: g, name="own_op")(x)
    yield Op("{} <$#&~^_{} ", lambda x, y: x, lambda g, z, x, y: g, None, name="own_sign")(x, y)


def deep(build: Callable[[Any], Any], times: int) -> Value:
    v: Any = Value(0.5, "x")
    for _ in range(times):
        v = build(v)
    return v  # type: ignore[no-any-return]


NATURAL = [
    "x₁", "σ²", "x₁²", "w′", "ŷ", "x̂1", "x̄", "ẋ", "θ̂", "ε", "ϵ", "φ", "ϕ", "ϑ", "ℓ₂", "∑", "√x", "∇f", "H₂O",
    "x'₁", "w1'", "x_i'²", "w₂′′", "µ", "𝑥", "𝜎²", "ﬁ", "ħ", "ℝ", "a—b–c", "“q”", "‘q’", "Zażółć gęślą", "ț", "x_µ",
    "français", "Ångström", "ő", "ş", "Łódź", "ğüşıöç", "čšž", "ā", "½", "xᵀ", "90°", "a≤b", "x̂", "e\u0306", "ϱ ϖ ς",
    *"∏∫∘⊕⊗⊙⊖∗⋅÷±≥≠≈→←∧∨∈∝‖¬∥⋆•⁰³⁹₉",
]  # fmt: skip


def latex_to_try() -> Iterator[str]:
    for sign in ("∘", "√", "⊕"):
        op = Op(f"{{}} {sign} {{}}", lambda x, y: x * y, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x, name="own")
        yield formula(op(Value(2.0, "x₁²") ** 2, Value(2.0, "ŷ"))).to_latex()
    leaves = [Value(0.3 + 0.1 * i, f"x{i}") for i in range(4)]
    for op_name in sorted(BUILT_IN):
        op = TABLE[op_name]
        picked: list[Any] = leaves[: op.arity or 4]
        output = op(*op.lists(picked)) if op.variadic else op(*picked)
        yield explain(output, forward=picked[0], faux=False).to_latex()
    yield explain(neuron(), faux=False, digits=3).to_latex()
    yield from (formula(v).to_latex() for v in own_rows())
    for label in [
        *HOSTILE,
        "w%$#_^~{}\\",
        "重み 🙂 שלום",
        "%",
        "$",
        "\\end{align*}",
        "--",
        "?`!`",
        "x_{1}",
        "#1",
        *NATURAL,
    ]:
        yield to_text(Value(1.0, label) * 2, names={}).to_latex()
        yield formula(Value(1.5, label) ** Value(2.0, label) / ops.tanh(Value(1.5, label)) ** 2, names={}).to_latex()
        yield explain(Value(1.5, label) ** 3, faux=False).to_latex()
    long = ops.sum([Value(float(i), f"a_rather_long_name{i}") for i in range(60)])
    yield formula(long).to_latex()
    yield explain(long, faux=False).to_latex()
    for build in (ops.tanh, ops.sqrt, ops.cbrt, ops.exp, lambda v: 1 / (1 + v), lambda v: v**v.data, lambda v: 0.5**v):
        yield formula(deep(build, 30), digits=2).to_latex()
    yield formula(deep(lambda v: ops.tanh(1 / v), 60), digits=2).to_latex()
    yield formula(deep(lambda v: ops.where(v, v.data, 0.5), 30), digits=2).to_latex()
    yield formula(
        deep(lambda v: v * Value(1.0, "a_name_as_long_as_a_name_can_be_" + "x" * 9), 190), max_nodes=900
    ).to_latex()
    for seed in range(20):
        yield explain(random_graph(seed), faux=False, detail="value").to_latex()
        yield to_text(random_graph(seed)).to_latex()


@pytest.mark.campaign
def test_latex_compiles_with_amsmath_alone(tmp_path: Path) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        lacking("there is no pdflatex")
    bodies = [*latex_to_try()]
    lines = [r"\documentclass{article}", r"\usepackage{amsmath}", r"\begin{document}", *bodies, r"\end{document}"]
    (tmp_path / "formulas.tex").write_text("\n\n".join(lines), encoding="utf-8")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "formulas.tex"]
    ended = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, timeout=100)
    log = ended.stdout.decode("utf-8", "replace")
    assert ended.returncode == 0, [line for line in log.splitlines() if line.startswith(("!", "l."))]
    assert "Missing character" not in log
    assert not [x for x in re.findall(r"Overfull \\vbox \((\d+)", log) if int(x) > 20], (
        "an equation is cut at the page's end"
    )


def test_an_equation_ends_where_the_line_does() -> None:
    long = ops.sum([Value(float(i), f"name{i}") for i in range(60)])
    lines = formula(long).to_latex().splitlines()[1:-1]
    assert len(lines) == 7
    assert all("&" in line and len(line) < 400 for line in lines)
    assert "".join(re.sub(r".*&=|&|\\quad|\\\\|\s", "", line) for line in lines) == "+".join(
        rf"\mathrm{{name}}_{{{i}}}" for i in range(60)
    )


@settings(max_examples=40)
@given(labels)
def test_any_label_is_text_in_latex_and_in_mathml(label: str) -> None:
    x = Value(1.0, label)
    latex = re.sub(r"\^\{(\d+|T|\\circ)\}", "", to_text(x * 2, names={}).to_latex())
    assert not re.search(r"(?<!\\)(\\\\)*[%#~^]|[\x00-\x09\x0b-\x1f]|\n\n", latex)
    depth = 0
    for mark in re.findall(r"\\.|[{}]", latex):
        depth += {"{": 1, "}": -1}.get(mark, 0)
        assert depth >= 0
    assert depth == 0
    shown: Explanation = explain(x * 2, names={}, faux=False)
    ET.fromstring(shown._repr_html_())


def test_a_formula_too_deep_for_a_browser_is_shown_as_text() -> None:
    tall = formula(deep(ops.tanh, 190))
    ET.fromstring(tall._repr_html_() or "")
    deeper = formula(deep(ops.tanh, 500), max_nodes=1_000)
    assert deeper._repr_html_() is None
    assert deeper.startswith("tanh(tanh(")


@pytest.mark.parametrize("build", [lambda v: v / 2, ops.exp, ops.sqrt, abs, lambda v: v**2, lambda v: 2.0**v,
                                   lambda v: ops.where(v, 1, v), lambda v: ops.elu(v, 0.5)])  # fmt: skip
def test_what_is_wider_than_a_line_is_broken_wherever_it_stands(build: Callable[[Any], Value]) -> None:
    inside = ops.sum([Value(1.0, f"a_long_name{i}") for i in range(40)])
    lines = formula(build(inside)).to_latex().splitlines()
    assert len(lines) > 6
    assert max(map(len, lines)) < 400


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda v: v**2, r" + x)^{2}"),
        (lambda v: ops.leaky_relu(v, 0.01), r"\operatorname{LeakyReLU}_{0.01}("),
        (ops.log2, r"\log_{2}("),
        (ops.expm1, r"\exp("),
        (ops.exp, r"\exp("),
        (ops.sqrt, r" + x)^{1 / 2}"),
        (ops.cbrt, r" + x)^{1 / 3}"),
        (lambda v: ops.hypot(v, 2), r")^{2} + 2^{2})^{1 / 2}"),
        (lambda v: ops.logaddexp(v, 2), r") + \exp(2))"),
        (lambda v: v // 2, r") / 2\rfloor"),
        (lambda v: v / 2, r") / 2"),
        (lambda v: 2.0**v, r"\operatorname{pow}(2, "),
    ],
)
def test_an_operation_on_something_wide_reads_as_on_a_name_where_its_lines_can_be_broken(
    build: Callable[[Any], Value], expected: str
) -> None:
    inside = ops.sum([*(Value(1.0, f"a_long_name{i}") for i in range(40)), Value(1.0, "x")])
    shown = formula(build(inside), names={})
    lines = shown.to_latex().splitlines()
    assert len(lines) > 6
    latex = re.sub(r" *\\\\&\\quad *", " ", "".join(lines))
    assert expected in latex
    assert "pow" in expected or not re.search("operatorname{(?!Leaky)", latex)
    ET.fromstring(shown._repr_html_() or "")


def test_a_remainder_is_in_parentheses_wherever_it_is_an_operand() -> None:
    """Books do not agree on how tightly mod binds."""
    x, y, z = (Value(2.0, name) for name in "xyz")
    shown = {
        (x % y) * z: r"(x \bmod y) \times z",
        z - x % y: r"z - (x \bmod y)",
        x % y + z: r"(x \bmod y) + z",
        ops.sum([x % y, z, x % z]): r"(x \bmod y) + z + (x \bmod z)",
        -(x % y): r"-(x \bmod y)",
        x * y % z: r"(x \times y) \bmod z",
        x % y % z: r"(x \bmod y) \bmod z",
        (x % y) / z: r"\frac{x \bmod y}{z}",
        (x % y).tanh(): r"\tanh(x \bmod y)",
    }
    for v, latex in shown.items():
        written = formula(v, names={})
        assert written.to_latex().splitlines()[1] == f"& {latex}"
        depth = latex.count("(")
        assert (written._repr_html_() or "").split("<pre")[0].count(">(<") == depth


def test_a_formula_too_large_to_read_is_refused_at_once() -> None:
    v = Value(0.5, "x")
    for _ in range(100_000):
        v = v * v
    with pytest.raises(ValueError, match=r"the formula has 1,000,000,000 operations.*as in formula\(hidden\)"):
        formula(v)
    with pytest.raises(ValueError, match=r"1,000,000,000 operations"):
        formula(v, max_nodes=10**9)


@pytest.mark.parametrize("label", NATURAL)
def test_natural_labels_are_letters_and_signs_not_numbers_of_characters(label: str) -> None:
    assert "U+" not in name(label).latex
    ET.fromstring(f"<math>{name(label).mathml}</math>")
    squared = formula(Value(2.0, label) ** 2, names={}).to_latex()
    assert not re.search(r"\^\{\d\}\^", squared)  # LaTeX takes one exponent


def test_what_an_operation_of_ones_own_is_stands_below_it_once() -> None:
    double = Op("double({})", lambda x: x + x, lambda g, z, x: 2 * g)
    cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: 3 * g * x * x)
    mix = Op("mix({}, {})", lambda x, y: double(x) / y, lambda g, z, x, y: 2 * g / y, lambda g, z, x, y: -g * z / y)
    python_only = Op("bare({})", lambda x: math.sin(float(x)), lambda g, z, x: g * ops.cos(x))
    a, b = Value(0.5, "a"), Value(2.0, "b")
    defined = r"""\text{where }\operatorname{cube}(x) &= x \times x \times x"""
    shown = formula(cube(a + b) + cube(b), names={})
    assert shown.to_latex().splitlines()[2:-1] == [defined]
    assert re.sub("<.*?>", "", shown._repr_html_() or "").count("where") == 1
    ET.fromstring(shown._repr_html_() or "")
    explanation = explain(cube(a + b) + cube(b), names={}, faux=False)
    assert [line.removesuffix(r" \\") for line in explanation.to_latex().splitlines()].count(defined) == 1
    assert "where" in explanation._repr_html_()
    assert formula(mix(a, b), names={}).to_latex().splitlines()[2:-1] == [
        r"\text{where }\operatorname{mix}(x, y) &= \frac{\operatorname{double}(x)}{y} \\",
        r"\operatorname{double}(x) &= x + x",
    ]
    scaled = Op("scaled({})", lambda x: x * (b if isinstance(x, Value) else b.data), lambda g, z, x: g * 2)
    assert (
        formula(scaled(a), names={}).to_latex().splitlines()[2]
        == r"\text{where }\operatorname{scaled}(x) &= x \times 2"
    )

    def doubled(x: Any) -> Any:
        for _ in range(100):
            x = x + x
        return x

    too_long = Op("doubled({})", doubled, lambda g, z, x: g * 2.0**100)
    assert "where" not in formula(too_long(a), names={}).to_latex()
    assert "where" not in formula(python_only(a), names={}).to_latex()
    assert "where" not in formula(a.tanh(), names={}).to_latex()
