"""The table of spellings, column by column: every row, run in its real target, is what the row computes."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import random
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from needs import BACKENDS, array_module, need_compiler
from office import Office, nearly_whole, on_the_other_side
from test_edge_cases import VALUES

import autograd
from autograd import Value, explore, grad, ops, to_spreadsheet
from autograd.codegen import c_functions, javascript
from autograd.codegen.program import Program, Step, expanded
from autograd.codegen.spelling import SPELLINGS, TARGETS, SpellingRow, is_spelled, spelling_of
from autograd.codegen.spreadsheet import formulas
from autograd.engine import record
from autograd.ops import BUILT_IN, TABLE, Op

_EDGES = [
    *(x for _, operands, *_ in VALUES for x in operands),
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.0, 1 / 3, 0.999999, 1.000001, 20.0, -20.0, 709.7, -745.0, 1e22,
    1e160, -1e160, 1e-160, -1e-160, 1e300, -1e300, 1e-300, sys.float_info.max, sys.float_info.min, 5e-324, -1e-310,
    math.inf, -math.inf, math.nan,
]  # fmt: skip
EDGES = list({repr(x): x for x in _EDGES}.values())
"""The operands whose results the table of edge cases decides, and more."""


def rows() -> list[Op]:
    return [TABLE[name] for name in sorted(BUILT_IN)]


def operands_of(op: Op) -> int:
    return op.arity or 4


def points(operands: int, edges: Sequence[float] = EDGES) -> list[list[float]]:
    """Return all edges, or all pairs of them (for more operands, some combinations), and random numbers."""
    rng = random.Random(operands)
    if operands <= 2:
        found = [list(point) for point in itertools.product(edges, repeat=operands)]
    else:
        found = [[rng.choice(edges) for _ in range(operands)] for _ in range(300)]
    spread: list[Callable[[], float]] = [
        lambda: rng.uniform(-1, 1),
        lambda: rng.uniform(-6, 6),
        lambda: rng.gauss(0, 1) * 10 ** rng.randint(-9, 3),
    ]
    return found + [[rng.choice(spread)() for _ in range(operands)] for _ in range(200)]


def bits(x: float) -> bytes:
    return b"nan" if math.isnan(x) else struct.pack("d", x)


def same_bits(op: Op, point: Sequence[float], got: float, want: float) -> bool:
    return bits(got) == bits(want)


def same_bits_in_c(op: Op, point: Sequence[float], got: float, want: float) -> bool:
    """CPython implements `hypot` itself: within 2 ULP."""
    near = op is TABLE["hypot"] and math.isfinite(want) and abs(got - want) <= 2 * math.ulp(want)
    return near or same_bits(op, point, got, want)


def close(got: float, want: float, rel_tol: float, abs_tol: float) -> bool:
    """Return True for finite numbers that agree, zeros also in their sign, for the same infinity, and for two nans."""
    if not math.isfinite(want):
        return str(got) == str(want)
    right_zero = got != 0 or want != 0 or math.copysign(1, got) == math.copysign(1, want)
    return right_zero and math.isclose(got, want, rel_tol=rel_tol, abs_tol=abs_tol)


def same_to_13_digits(op: Op, point: Sequence[float], got: float, want: float) -> bool:
    if op is TABLE["pow"] and (str(got), str(want)) in (("nan", "inf"), ("-0.0", "0.0")):
        return True  # (-inf) ** 0.5 and (-0.0) ** 0.5: if an exponent is a constant, the modules take the square root
    return close(got, want, rel_tol=1e-13, abs_tol=1e-300)


def check_column(
    backend: Any,
    agree: Callable[[Op, Sequence[float], float, float], bool],
    batch: bool = True,
    edges: Sequence[float] = EDGES,
    without: frozenset[str] = frozenset(),
) -> None:
    """Compile every row for a backend, also with constants among its operands, and run it at all points."""
    chosen = [op for op in rows() if op.name not in without]
    for operands in sorted(set(map(operands_of, chosen))):
        leaves = [Value(0.5) for _ in range(operands)]
        calls: list[tuple[Op, tuple[Any, ...]]] = [(op, tuple(leaves)) for op in chosen if operands_of(op) == operands]
        if operands == 1:  # a constant beside it
            pairs = [op for op in chosen if op.arity == 2]
            calls += [(op, args) for op in pairs for c in (0.5, -2.0) for args in ((leaves[0], c), (c, leaves[0]))]
        f = autograd.compile(
            [record(op, args) for op, args in calls], (leaves,), in_axes=0 if batch else None, backend=backend
        )
        samples = points(operands, edges)
        results = f(samples) if batch else [f(sample) for sample in samples]
        wrong = []
        for sample, result in zip(samples, results, strict=True):
            number_of = dict(zip(leaves, sample, strict=True))
            for (op, args), got in zip(calls, result, strict=True):
                point = [x if isinstance(x, float) else number_of[x] for x in args]
                want = op.computes(*point)
                if not agree(op, point, got, want):
                    wrong.append((op.name, point, got, want))
        assert not wrong, f"{len(wrong)} wrong, such as {wrong[:5]}"


def test_python() -> None:
    check_column("python", same_bits, batch=False)


def test_numpy() -> None:
    check_column("numpy", same_bits)


def test_c() -> None:
    need_compiler()
    check_column("c", same_bits_in_c, batch=False)


def test_c_vectors() -> None:
    need_compiler()
    check_column("c", same_bits_in_c)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, when infinities and nans are results
def test_arrays_of_numpy() -> None:
    without = frozenset({"erf", "erfc"}) if find_spec("scipy") is None else frozenset()  # NumPy has no error function
    check_column(np, same_to_13_digits, without=without)


NORMAL = [x for x in EDGES if x == 0 or not abs(x) < sys.float_info.min]  # subnormal numbers are 0 to JAX


def test_arrays_of_jax() -> None:
    check_column(array_module("jax.numpy"), same_to_13_digits, edges=NORMAL)


def same_in_torch(op: Op, point: Sequence[float], got: float, want: float) -> bool:
    """PyTorch computes several elements at once with other functions, which overflow on the way.

    Its cosh and sinh do so where exp does, its remainder where x / y does.
    """
    if op in (TABLE["cosh"], TABLE["sinh"]) and abs(want) > sys.float_info.max / 2 and abs(got) == math.inf:
        return True
    if op is TABLE["mod"] and math.isnan(got) and abs(ops.div(*point)) > sys.float_info.max / 2:
        return True
    return same_to_13_digits(op, point, got, want)


def test_arrays_of_torch() -> None:
    check_column(array_module("torch"), same_in_torch)


# JavaScript ----------------------------------------------------------------------------------------------------------


def program_of(op: Op, target: str) -> Program:
    n = operands_of(op)
    return expanded(Program(n, [Step(op, tuple(range(n)))], [n]), target)


def test_javascript(chromium: Browser) -> None:
    """To 1e-14: the functions of `Math` are the browser's."""
    chromium.run("location.href = 'about:blank'")
    for op in rows():
        program, samples = program_of(op, "javascript"), points(operands_of(op))
        script = f"""{javascript.helpers(step.op for step in program.steps)}
            const f = {javascript.arrow(program)};
            const points = [{", ".join(f"[{', '.join(map(javascript.number_literal, point))}]" for point in samples)}];
            const text = x => Object.is(x, -0) ? "-0.0" : String(x).replace("Infinity", "inf");
            return points.map(p => text(f(p)));"""
        for point, text in zip(samples, chromium.run(script), strict=True):
            want, got = op.computes(*point), float(text)
            assert close(got, want, rel_tol=1e-14, abs_tol=1e-320), (op, point, got, want)


# Spreadsheets --------------------------------------------------------------------------------------------------------

# Spreadsheets have neither inf nor nan, nor -0.0; and numbers near the ends of the range are an error on the way.
# Of numbers that differ from others in the 16th digit only, they drop it: two edges are only for operations that jump.
IN_SHEETS = [0.0, *(x for x in EDGES if 1e-200 < abs(x) < 1e200 and x not in (0.49999999999999994, 4503599627370495.5))]
JUMPS = [0.49999999999999994, 4503599627370495.5, 2.9999999999999996, 2.0000000000000004, 1.4999999999999998]
QUOTIENTS = [[1.0, 0.1], [0.3, 0.1], [4.35, 0.01], [0.7, 0.1], [-0.3, 0.1], [0.6, -0.2], [1e22, 3.0]]


def some_points(op: Op) -> list[list[float]]:
    """Return edges and random numbers; of the pairs of edges all with a 0 or two equal sizes, and a sixth of the rest.

    LibreOffice takes 0.1 ms for a formula, ten times as long as the other targets.
    """
    found = points(operands_of(op), IN_SHEETS)
    if op.name in ("floor", "ceil", "round"):
        found += [[sign * x] for x in JUMPS for sign in (-1.0, 1.0)]
    edges, rest = found[:-200], found[-200:]
    if operands_of(op) != 2:
        return found
    chosen = random.Random(op.name).sample(range(len(edges)), len(edges) // 6)
    special = [i for i, (x, y) in enumerate(edges) if not x * y or abs(x) == abs(y)]
    return [edges[i] for i in sorted({*chosen, *special})] + rest + QUOTIENTS * (op.name in ("mod", "floordiv"))


def test_spreadsheet(office: Office, tmp_path: Path) -> None:
    """To 1e-9, and to 1e-20 near 0; an error where Python has inf or nan."""
    xlsxwriter = importlib.import_module("xlsxwriter")
    path = tmp_path / "rows.xlsx"
    asked: list[tuple[Op, list[float]]] = []
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for op in rows():
            program = program_of(op, "spreadsheet")
            for point in some_points(op):
                row = len(asked)
                for column, x in enumerate(point):
                    sheet.write_number(row, column, x)
                names = {i: f"{'ABCD'[i]}{row + 1}" for i in range(len(point))}
                sheet.write_formula(row, 4, f"={formulas(program, names)[int(program.outputs[0])]}")
                asked.append((op, point))
    (cells,) = office.computed(path)
    wrong = []
    for row, (op, point) in enumerate(asked):
        got, want = cells[row, 4].shown, op.computes(*point)
        if isinstance(got, str):  # of huge numbers, sine and its like are an error; so is a power nearer to 0
            huge = op.name in ("sin", "cos", "tan") and abs(point[0]) > 1e9
            right = not math.isfinite(want) or huge or abs(want) < sys.float_info.min or nearly_whole(op, point)
        elif nearly_whole(op, point):
            right = on_the_other_side(op, point, got, want)
        else:
            lost = 1e-14 * abs(point[0]) if op.name == "mod" else 0.0  # digits of x that no remainder keeps
            right = math.isclose(got, want, rel_tol=1e-9, abs_tol=max(1e-20, lost))
        if not right:
            wrong.append((op.name, point, got, want))
    assert not wrong, f"{len(wrong)} wrong, such as {wrong[:5]}"


# The table itself ----------------------------------------------------------------------------------------------------


def test_rows_and_operations_are_the_same() -> None:
    assert SPELLINGS.keys() == BUILT_IN


def test_a_target_that_is_no_column_is_refused() -> None:
    own = Op("misspelled({})", lambda x: 3 * x, lambda g, z, x: 3 * g)
    for column in ("javascrpt", "numpy", "name", "binds"):
        for op in (TABLE["softplus"], own):
            with pytest.raises(LookupError, match=f"no target '{column}' .* 'javascript'"):
                is_spelled(op, column)
            with pytest.raises(LookupError, match=f"no target '{column}'"):
                program_of(op, column)
    assert [is_spelled(TABLE["softplus"], target) for target in ("python", "c", "spreadsheet")] == [True, False, True]
    assert [target for target in TARGETS if is_spelled(own, target)] == ["python"]


def test_no_cell_and_no_helper_is_left_over() -> None:
    for name, row in SPELLINGS.items():
        assert row.c or not row.vector, name  # a formula stands for both
        assert (f"{name}(" in row.javascript.replace(f"Math.{name}(", "")) == (name in javascript.HELPERS), name
        in_c = f"double {row.c.partition('(')[0]}("  # of the C library, unless it is defined
        assert (in_c in c_functions.HELPERS.get(name, "")) == (name in c_functions.HELPERS), name


def test_formulas_are_written_with_other_rows() -> None:
    for op in rows():
        if spelling_of(op).formula:
            assert op not in {step.op for step in program_of(op, "c").steps}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Op:
    """A row of the table without a spelling; the tests of columns see no other."""
    op = Op("planted({})", lambda x: 3 * x, lambda g, z, x: 3 * g)
    monkeypatch.setattr(autograd.ops, "BUILT_IN", {*BUILT_IN, "planted"})
    monkeypatch.setitem(globals(), "BUILT_IN", {"planted"})
    return op


COLUMNS = ["python", "numpy", "c", "c_vectors", "arrays_of_numpy", "arrays_of_jax", "arrays_of_torch", "javascript"]


@pytest.mark.parametrize("column", [*COLUMNS, "spreadsheet"])
def test_a_row_without_spellings_is_missed(column: str, planted: Op, request: pytest.FixtureRequest) -> None:
    """The test of each column fails, it does not skip."""
    assert planted.built_in
    arguments = {"javascript": ["chromium"], "spreadsheet": ["office", "tmp_path"]}.get(column, [])
    with pytest.raises(LookupError, match="planted: add its row"):
        globals()[f"test_{column}"](*map(request.getfixturevalue, arguments))


@pytest.mark.parametrize("column", [*COLUMNS[2:], "spreadsheet"])
def test_a_row_with_empty_cells_is_missed(
    column: str, planted: Op, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Only Python, and NumPy on its floats, call the row; no other target has a function of that name."""
    texts = {name: text for name, text in vars(SPELLINGS["tanh"]).items() if isinstance(text, str)}
    called = {name: text.replace("tanh", "planted").replace("TANH", "PLANTED") for name, text in texts.items()}
    monkeypatch.setitem(SPELLINGS, "planted", replace(SPELLINGS["tanh"], **called))  # type: ignore[arg-type]
    arguments = {"javascript": ["chromium"], "spreadsheet": ["office", "tmp_path"]}.get(column, [])
    in_c = column in ("c", "c_vectors") and sys.platform == "linux"  # elsewhere the linker says it
    with pytest.raises(Exception, match="no `planted` in the C library.*`formula`" if in_c else "(?i)planted"):
        globals()[f"test_{column}"](*map(request.getfixturevalue, arguments))


def shares(g: Any, z: Any, *xs: Any) -> list[Any]:
    """Pull `g` back to those operands that equal the result, in equal shares."""
    equal = [1.0 - abs(ops.sign(z - x)) for x in xs]
    return [ops.div(g * e, ops.sum(equal)) for e in equal]


def reach(*xys: Any) -> Any:
    xs, ys = TABLE["reach"].lists(xys)
    return ops.sum([ops.abs(x * y) for x, y in zip(xs, ys, strict=True)])


def pull_reach(g: Any, z: Any, *xys: Any) -> list[Any]:
    xs, ys = TABLE["reach"].lists(xys)
    return [g * ops.sign(a * b) * b for a, b in zip((*xs, *ys), (*ys, *xs), strict=True)]


LOWEST_IN_C = (
    "({{ double xs[] = {{{xs}}}, z = xs[0];"
    " for (unsigned k = 1; k < sizeof xs / sizeof *xs; k++) z = z < xs[k] || z != z ? z : xs[k]; z; }})"
)


@pytest.fixture
def lists(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Op]]:
    """Rows of the table that take lists: with a formula alone, with cells beside it, of two lists."""
    highest = Op("highest([{}])", lambda *xs: functools.reduce(ops.max, xs), shares, variadic=True)
    lowest = Op("lowest([{}])", lambda *xs: functools.reduce(ops.min, xs), shares, variadic=True)
    pairs = Op("reach([{}], [{}])", reach, pull_reach, variadic=True, arrange=lambda xs, ys: (*xs, *ys))
    in_javascript = "[{xs}].reduce((x, y) => x < y || x !== x ? x : y)"
    of_two_lists = "sum(xp.abs(x * y) for x, y in zip([{xs}], [{ys}]))"
    added = [
        SpellingRow(highest, formula=highest.function),
        SpellingRow(lowest, c=LOWEST_IN_C, javascript=in_javascript, spreadsheet="MIN({xs})", formula=lowest.function),
        SpellingRow(pairs, arrays=of_two_lists, formula=pairs.function),
    ]
    monkeypatch.setattr(ops, "BUILT_IN", {*BUILT_IN, *(row.op.name for row in added)})
    monkeypatch.setitem(globals(), "BUILT_IN", {row.op.name for row in added})
    for row in added:
        monkeypatch.setitem(SPELLINGS, row.op.name, row)
    yield [row.op for row in added]
    for row in added:
        del TABLE[row.op.name]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, when infinities and nans are results
@pytest.mark.parametrize("column", [*COLUMNS, "spreadsheet"])
def test_a_row_that_takes_lists_needs_no_more_than_its_spelling(
    column: str, lists: list[Op], request: pytest.FixtureRequest
) -> None:
    arguments = {"javascript": ["chromium"], "spreadsheet": ["office", "tmp_path"]}.get(column, [])
    globals()[f"test_{column}"](*map(request.getfixturevalue, arguments))


def test_rows_that_take_lists_have_derivatives_in_every_target(lists: list[Op], tmp_path: Path) -> None:
    need_compiler()
    highest, lowest, pairs = lists
    leaves = [Value(0.5, "x"), Value(-1.5, "y"), Value(2.0, "z")]
    x, y, z = leaves
    outputs = [
        highest([x, y, z * z, 1.0]),
        highest([x * y, y * y]),
        lowest([x * x, y, 0.75]) * z,
        pairs([x, y], [y, z * x]),
        pairs([x, y, 2.0], [z, y, x]),
    ]
    first = [g for output in outputs for g in grad(output, leaves)]
    recorded = [*outputs, *first, *(g for v in first for g in grad(v, leaves))]
    samples = [[0.5, -1.5, 2.0], [1.25, 0.75, -0.5], [-2.0, 1.0, 1.0]]
    want = []
    for sample in samples:
        for v, number in zip(leaves, sample, strict=True):
            v.data = number
        want.append([v.forward().data for v in recorded])
    for backend in (*BACKENDS, np, array_module("jax.numpy")):
        for got in (
            autograd.compile(recorded, (leaves,), in_axes=0, backend=backend)(samples),
            list(map(autograd.compile(recorded, (leaves,), backend=backend), samples)),
        ):
            for numbers, wanted in zip(got, want, strict=True):
                assert numbers == pytest.approx(wanted, rel=1e-13, abs=1e-300, nan_ok=True)
                if backend in BACKENDS:
                    assert list(map(bits, numbers)) == list(map(bits, wanted))
    output = autograd.sum(outputs)
    assert explore(output).html
    assert to_spreadsheet(output, tmp_path / "rows.xlsx").exists()


@pytest.mark.parametrize("name", ["mod", "floordiv", "div", "pow"])
@pytest.mark.parametrize("y", [0.0, -0.0, 2.0])
def test_a_row_alone_calls_what_its_cell_calls(name: str, y: float, backend: str) -> None:
    """In a program of all rows, the row of div brings its name along."""
    left, right = Value(7.0), Value(2.0)
    z = TABLE[name](left, right)
    f: Any = autograd.compile([z, *autograd.grad(z, [left, right])], (left, right), backend=backend)
    left.data, right.data = 7.0, y
    expected = [z.forward().data, *(g.forward().data for g in autograd.grad(z, [left, right]))]
    assert list(map(repr, f(7.0, y))) == list(map(repr, expected))
