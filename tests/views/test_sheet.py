"""Spreadsheets, recalculated by LibreOffice: the same numbers as Python's, the articles' tables, hostile labels."""

from __future__ import annotations

import math
import os
import random
import re
import sys
import time
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from office import Cell, Cells, Number, Office, nearly_whole, position, written

import autograd
from autograd import Value, faux_gradient, nn, tanh, to_spreadsheet
from autograd.codegen.spelling import SPELLINGS
from autograd.engine import graph_of, record, replay
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.views.sheet import columns, gradients_sheet
from autograd.views.sheet.gradients_sheet import GradientsSheet


def close(got: Number, want: Number, scale: float = 1.0) -> bool:
    """Return True for numbers that agree to 1e-9 (near 0, to 1e-12 of `scale`), and for two errors."""
    if isinstance(got, str) or isinstance(want, str):
        return isinstance(got, str) and isinstance(want, str)
    return math.isclose(got, want, rel_tol=1e-9, abs_tol=1e-12 * scale)


def is_error_by_reference(formula: str, cells: Cells) -> bool:
    """Return True if a cell that the formula names, in the same sheet, is an error."""
    names = re.findall(r"(?<![!$\w])\$?([A-Z]+)\$?(\d+)(?![\d(])", formula)  # neither Gradients!$B$3 nor LOG10(
    return any(isinstance(cells[position(column + row)].shown, str) for column, row in names)


def differences(
    computed: Sequence[Cells], stored: Sequence[Cells], scale: float = 1.0, errors_spread: bool = False
) -> list[str]:
    """Return the formula cells in which LibreOffice and Python differ.

    With `errors_spread`, those are left out that are errors because of a cell that they name, and numbers in Python.
    """
    assert len(computed) == len(stored)
    found, compared = [], 0
    for i, (got, want) in enumerate(zip(computed, stored, strict=True)):
        for place, cell in want.items():
            if cell.formula is not None:
                compared += 1
                nearly_zero = isinstance(cell.shown, float) and abs(cell.shown) < sys.float_info.min
                underflow = nearly_zero and got[place].shown == "#NUM!"  # a power nearer to 0 is an error there
                is_error = isinstance(got[place].shown, str)
                spread = errors_spread and is_error and is_error_by_reference(cell.formula, got)
                if not (underflow or spread or close(got[place].shown, cell.shown, scale)):
                    found.append(f"sheet {i + 1} {place}: {cell.formula} is {got[place].shown}, not {cell.shown}")
    assert compared
    return found


# Where things stand: found by their names in the sheet, not by counting. ----------------------------------------------


def row_of(cells: Cells, name: str) -> int:
    return next(row for (row, column), cell in sorted(cells.items()) if column == 0 and cell.shown == name)


def table(cells: Cells) -> dict[str, dict[str, Number]]:
    """Return the table on top of the sheet Gradients, by the name of the row, then by that of the column."""
    heads = {column: str(cell.shown) for (row, column), cell in cells.items() if row == 0 and column > 0}
    rows = {row: str(cell.shown) for (row, column), cell in cells.items() if column == 0 and row > 0}
    last = row_of(cells, "Tiny")
    return {
        name: {heads[c]: cell.shown for (r, c), cell in cells.items() if r == row and c in heads}
        for row, name in rows.items()
        if row < last
    }


def attempts(cells: Cells) -> list[dict[str, Number]]:
    """Return the rows of the sheet Training."""
    heads = {column: str(cell.shown) for (row, column), cell in cells.items() if row == 1 and column > 1}
    rows = sorted({row for row, column in cells if row > 1 and column in heads})
    return [{name: cells[row, column].shown for column, name in heads.items()} for row in rows]


# ------------------------------------------------------------------------------------------------------ the articles


def neuron(input: Value, weight: Value, bias: Value, target: Any) -> Value:
    net = input * weight + bias
    output = tanh(net)
    error = output - target
    loss: Value = error**2 / 2
    for v, label in [(input, "input"), (weight, "weight"), (bias, "bias")]:
        v.label = label
    net.label, output.label, error.label, loss.label = "net", "output", "error", "loss"
    return loss


def article(**targets: Any) -> Value:
    return neuron(Value(0.4), Value(0.5), Value(0.6), targets.get("target", 0.7))


def shown(number: Number, like: str) -> str:
    """Format `number` with as many decimals as `like`."""
    assert isinstance(number, float)
    return format(number, f".{len(like.partition('.')[2])}f")


FIRST_ARTICLE = {
    "value": {
        "input": "0.4", "weight": "0.5", "bias": "0.6", "net": "0.8", "output": "0.664", "error": "-0.035963",
        "loss": "0.0006467",
    },
    "local gradient": {"input": "0.5", "weight": "0.4", "bias": "1", "net": "0.5591", "output": "-0.036"},
    "global gradient": {
        "input": "-0.0101", "weight": "-0.0080", "bias": "-0.0201", "net": "-0.0201", "output": "-0.036",
        "error": "-0.036",
    },
    "faux gradient": {
        "input": "-0.0100", "weight": "-0.0080", "bias": "-0.0201", "net": "-0.0201", "output": "-0.0359",
    },
}  # fmt: skip


def test_the_first_article_in_libreoffice(office: Office, tmp_path: Path) -> None:
    path = to_spreadsheet(article(), tmp_path / "neuron.xlsx")
    (cells,) = office.computed(path)
    found = table(cells)
    for row, numbers in FIRST_ARTICLE.items():
        assert {name: shown(found[row][name], like) for name, like in numbers.items()} == numbers, row
    assert differences([cells], written(path)) == []


def test_the_formulas_are_the_article_s(tmp_path: Path) -> None:
    (cells,) = written(to_spreadsheet(article(), tmp_path / "neuron.xlsx"))
    formulas = {place: cell.formula for place, cell in cells.items()}
    assert [formulas[2, column] for column in range(1, 8)] == [
        None, None, None, "B3*C3+D3", "TANH(E3)", "F3-0.7", "G3^2/2",
    ]  # fmt: skip
    assert [formulas[4, column] for column in range(1, 7)] == ["C3", "B3", "1", "1-F3*F3", "G3", "G3"]
    assert [formulas[5, column] for column in range(1, 7)] == ["B5*E6", "C5*E6", "D5*E6", "E5*F6", "F5*H6", "G5*H6"]
    nudged = row_of(cells, "Faux gradient of ‘bias’:")
    assert [formulas.get((nudged, column)) for column in range(1, 9)] == [
        "B$3", "C$3", "D$3+Tiny", "B16*C16+D16", "TANH(E16)", "F16-0.7", "G16^2/2", "(H16-H$3)/Tiny",
    ]  # fmt: skip
    assert [cells[1, column].shown for column in range(4, 8)] == [
        "input * weight + bias", "tanh(net)", "output - 0.7", "error ** 2 / 2",
    ]  # fmt: skip


def test_changing_an_input_changes_everything(office: Office, tmp_path: Path) -> None:
    path = to_spreadsheet(article(), tmp_path / "neuron.xlsx", train=None)
    changed = neuron(Value(-1.25), Value(0.5), Value(2.0), 0.7)
    want = written(to_spreadsheet(changed, tmp_path / "changed.xlsx", tiny=0.001))
    (row,) = {row for row, column in written(path)[0] if column == 0 and written(path)[0][row, 0].shown == "Tiny"}
    computed = office.computed(path, {"B3": -1.25, "D3": 2.0, f"B{row + 1}": 0.001})
    assert differences(computed, want) == []


@pytest.mark.campaign
def test_training_in_libreoffice(office: Office, tmp_path: Path) -> None:
    weight, bias = Value(0.5), Value(0.5)
    loss = neuron(Value(0.01), weight, bias, Value(0.1, "target"))
    path = to_spreadsheet(loss, tmp_path / "training.xlsx", train=[weight, bias], lr=0.1, attempts=1000)
    computed = office.computed(path)
    rows = attempts(computed[1])
    assert list(rows[0]) == [
        "input", "weight", "weight gradient", "bias", "bias gradient", "net", "output", "target", "attempt", "error",
        "loss",
    ]  # fmt: skip
    w = b = 0.5
    for i, row in enumerate(rows, start=1):  # as in the article's program
        net = 0.01 * w + b
        output = math.tanh(net)
        error = output - 0.1
        slope = error * (1 - output * output)
        want = [0.01, w, slope * 0.01, b, slope, net, output, 0.1, i, error, error * error / 2]
        assert all(map(close, row.values(), want)), (i, row, want)
        w, b = w - slope * 0.01 * 0.1, b - slope * 0.1
    outputs = [row["output"] for row in rows]
    assert [shown(outputs[i - 1], "0.123456") for i in (1, 2, 10)] == ["0.466040", "0.443310", "0.284033"]
    assert shown(outputs[99], "0.1234567") == "0.1000194"
    assert shown(rows[0]["loss"], "0.1234567") == "0.0669928"
    assert (shown(rows[-1]["weight"], "0.1234567"), shown(rows[-1]["bias"], "0.1234567")) == ("0.4959538", "0.0953758")
    assert differences(computed, written(path)) == []


def test_the_training_formulas_are_the_article_s(tmp_path: Path) -> None:
    weight, bias = Value(0.5), Value(0.5)
    loss = neuron(Value(0.01), weight, bias, Value(0.1, "target"))
    cells = written(to_spreadsheet(loss, tmp_path / "training.xlsx", train=[weight, bias], attempts=3))[1]
    first, second = ([cells[row, column].formula for column in range(2, 13)] for row in (2, 3))
    assert first == [
        "Gradients!$B$3", "Gradients!$C$3", "G3*C3", "Gradients!$D$3", "L3*(1-I3*I3)", "C3*D3+F3", "TANH(H3)",
        "Gradients!$G$3", "1", "I3-J3", "L3^2/2",
    ]  # fmt: skip
    assert second == [
        "C3", "D3-E3*Learning_rate", "G4*C4", "F3-G3*Learning_rate", "L4*(1-I4*I4)", "C4*D4+F4", "TANH(H4)",
        "J3", "K3+1", "I4-J4", "L4^2/2",
    ]  # fmt: skip


def test_the_chart_is_native_and_shows_the_falling_error(tmp_path: Path) -> None:
    weight, bias = Value(0.5), Value(0.5)
    loss = neuron(Value(0.01), weight, bias, Value(0.1, "target"))
    path = to_spreadsheet(loss, tmp_path / "training.xlsx", train=[weight, bias])
    with zipfile.ZipFile(path) as file:
        chart = file.read("xl/charts/chart1.xml").decode()
    assert re.findall(r"<c:f>([^<]*)</c:f>", chart) == [
        "Training!$L$2", "Training!$K$3:$K$1002", "Training!$L$3:$L$1002",
        "Training!$M$2", "Training!$K$3:$K$1002", "Training!$M$3:$M$1002",
        "Training!$L$2", "Training!$M$2",  # an axis for each
    ]  # fmt: skip
    assert re.findall(r'<c:crosses val="(\w+)"', chart)[1::2] == ["autoZero", "max"]  # on the left, on the right


def test_a_training_sheet_that_nobody_can_read_says_what_to_do(tmp_path: Path) -> None:
    """That of 337 parameters, of MLP(2, [16, 16, 1]), took 45 seconds, and 12.9 MB."""
    model = nn.MLP(2, [8, 8, 1])
    loss = (model([0.5, 0.25]) - 1) ** 2
    path = tmp_path / "network.xlsx"
    with pytest.raises(ValueError, match=r"1,000 rows: .* cells, too many to read") as problem:
        to_spreadsheet(loss, path, train=model.parameters())
    assert not path.exists()
    attempts = int(re.findall(r"attempts=(\d+)", str(problem.value))[0])
    few = model.parameters()[:3]
    assert to_spreadsheet(loss, path, train=few, attempts=5)
    with pytest.raises(ValueError, match="too many to read"):
        to_spreadsheet(loss, path, train=model.parameters(), attempts=attempts + 1)


# ------------------------------------------------------------------------------------------------ every operation

TINY, HUGE = [1e-12, -1e-12, 1e-200], [30.0, -30.0, 700.0, -700.0, 800.0]
POINTS = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 0.999999, 1.000001, 2.0, -3.0, 7.5, -20.0, *TINY, *HUGE]
PAIRS = [(0.0, 0.0), (0.0, 2.0), (0.0, -1.0), (2.0, 0.0), (-2.0, 3.0), (-2.0, 0.5), (-8.0, 1 / 3), (1.0, 1.0)]
PAIRS += [(-1.5, -2.5), (0.3, 1e-9), (1e100, 1e100), (3e-100, 4e-100), (0.25, 100.0)]


def test_every_operation_in_libreoffice(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its edges, with its gradients: numbers where Python has numbers, errors where it has inf or nan.

    Without the replays: they grow with the square, and nudges at such points as 0 are left to the other tests.
    """
    monkeypatch.setattr(GradientsSheet, "write_replays", lambda sheet: None)
    rng = random.Random(5)
    results: list[Value] = []
    for op in (TABLE[name] for name in sorted(BUILT_IN)):
        count = op.arity or 4
        cases: list[tuple[float, ...]] = [(x,) for x in POINTS] if count == 1 else list(PAIRS) if count == 2 else []
        cases += [tuple(rng.uniform(-3, 3) for _ in range(count)) for _ in range(4)]
        cases = [case for case in cases if not nearly_whole(op, case)]
        results += [record(op, tuple(map(Value, case))) for case in cases]
        if count == 2:  # with constants, which make some formulas shorter
            results += [record(op, (Value(x), y)) for x, y in cases]
            results += [record(op, (x, Value(y))) for x, y in cases]
    paths = [
        to_spreadsheet(autograd.sum(results[i : i + 150]), tmp_path / f"{i}.xlsx", max_nodes=1000)
        for i in range(0, len(results), 150)
    ]
    for path, computed in zip(paths, office.all_computed(paths, {}), strict=True):
        (stored,) = written(path)
        last = row_of(stored, "faux gradient")
        table_alone = {place: cell for place, cell in stored.items() if place[0] < last}
        assert differences(computed, [table_alone], scale=1e-8) == []  # fods has 20 decimals


# --------------------------------------------------------------------------------------------- random expressions


def random_graph(rng: random.Random, steps: int, labels: bool) -> Value:
    """Return a graph of operations on leaves, results and constants, with no huge numbers.

    Those that jump are left out: spreadsheets do not know their -0.0, and jump where 15 digits are whole.
    """
    names = sorted(BUILT_IN - {"floor", "ceil", "round", "mod", "floordiv"})
    pool: list[Value] = [Value(rng.uniform(-2, 2)) for _ in range(4)]
    while len(pool) < steps:
        op = TABLE[rng.choice(names)]
        count = op.arity or 2 * rng.randrange(1, 4)
        operands: list[Any] = [rng.choice(pool) if rng.random() < 0.8 else rng.uniform(-2, 2) for _ in range(count)]
        operands[0] = rng.choice(pool[-6:])
        v = record(op, tuple(operands))
        pulls = autograd.grad(v, pool)
        if abs(v.data) < 10 and all(abs(x.data) < 1e3 and math.isfinite(x.data) for x in pulls):
            pool.append(v)
    output: Value = autograd.dot(pool[-5:], [rng.uniform(-1, 1) for _ in range(5)])
    if labels:
        for i, v in enumerate(graph_of(output)):
            v.label = f"n{i}"
    return output


@pytest.mark.campaign
def test_random_expressions_in_libreoffice(office: Office, tmp_path: Path) -> None:
    rng = random.Random(3)
    graphs = [random_graph(rng, rng.randrange(8, 40), labels=i % 2 == 0) for i in range(24)]
    paths = []
    for i, output in enumerate(graphs):
        leaves = [v for v in graph_of(output) if v.op is None]
        train: dict[str, Any] = {"train": leaves[:2], "lr": 1e-3, "attempts": 5} if i % 3 == 0 else {}
        paths.append(to_spreadsheet(output, tmp_path / f"{i}.xlsx", **train))
    for output, path, computed in zip(graphs, paths, office.all_computed(paths, {}), strict=True):
        scale = 100 * max(1.0, abs(output.data))
        # An attempt of the training may make a nan, of which Python may make a number again.
        assert differences(computed, written(path), scale, errors_spread=True) == []


@pytest.mark.slice(most=6)
@pytest.mark.parametrize("seed", range(20))
def test_the_stored_numbers_are_the_engine_s(tmp_path: Path, seed: int) -> None:
    """Values, global gradients and faux gradients, with which LibreOffice is compared, are the engine's own."""
    output = random_graph(random.Random(seed), 25, labels=True)
    found = table(written(to_spreadsheet(output, tmp_path / "random.xlsx"))[0])
    output.zero_grad()
    output.backward()
    nodes = graph_of(output)
    assert len(found["value"]) == len(nodes)
    for v in nodes:
        assert found["value"][v.label] == pytest.approx(v.data, rel=1e-15)
        assert found["global gradient"][v.label] == pytest.approx(v.grad, rel=1e-9, abs=1e-12)
        faux = faux_gradient(output, v)
        assert found["faux gradient"][v.label] == pytest.approx(faux, rel=1e-9, abs=1e-12)


def test_local_gradients_are_one_for_each_path(tmp_path: Path) -> None:
    x = Value(3.0, "x")
    square = x * x
    square.label = "square"
    y = square + x * 5
    y.label = "y"
    (cells,) = written(to_spreadsheet(y, tmp_path / "paths.xlsx"))
    rows = table(cells)
    assert (rows["local gradient"]["x"], rows["local gradient, path 2"]["x"]) == (6.0, 5.0)
    assert rows["local gradient"]["square"] == 1.0
    assert rows["global gradient"]["x"] == 11.0
    assert [cells[row, 1].shown for row in (3, 5)] == ["d square / d x", "d y / d x"]


def test_columns_need_no_labels(tmp_path: Path) -> None:
    loss = article()
    for v in graph_of(loss):
        v.label = None
    (cells,) = written(to_spreadsheet(loss, tmp_path / "bare.xlsx"))
    assert [cells.get((1, column), Cell("")).shown for column in range(1, 7)] == [
        "", "", "", "v1 * v2 + v3", "tanh(v5)", "(v6 - 0.7) ** 2 / 2",
    ]  # fmt: skip
    rows = table(cells)
    for row in ("local gradient", "global gradient", "faux gradient"):  # the article's, without a column of the error
        numbers = [like for name, like in FIRST_ARTICLE[row].items() if name != "error"]
        got = [rows[row][name] for name in ("v1", "v2", "v3", "v5", "v6")]
        assert [shown(x, like) for x, like in zip(got, numbers, strict=True)] == numbers


def test_a_wrong_formula_is_caught(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPELLINGS, "tanh", replace(SPELLINGS["tanh"], spreadsheet="TANH({x})+0.00000001"))
    path = to_spreadsheet(article(), tmp_path / "wrong.xlsx")
    assert differences(office.computed(path), written(path)) != []


def test_sums_and_the_largest_in_parts_of_parts(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_LONGEST_LIST", 6)
    rng = random.Random(2)
    xs, ys = ([Value(rng.uniform(-1, 1)) for _ in range(20)] for _ in range(2))
    output = autograd.dot(xs, ys) + autograd.sum(xs) + autograd.max(ys) + autograd.min(xs)
    path = to_spreadsheet(output, tmp_path / "parts.xlsx")
    stored = written(path)
    assert differences(office.computed(path), stored, scale=1e3) == []
    numbers = [cell.shown for cell in stored[0].values() if isinstance(cell.shown, float)]
    assert min(abs(x - output.data) for x in numbers) < 1e-12


@pytest.mark.campaign
def test_long_sums_and_long_chains(office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(1)
    xs, ys = ([Value(rng.uniform(-1, 1)) for _ in range(130)] for _ in range(2))  # more than a function takes, 255
    many = autograd.dot(xs, ys) + autograd.sum([*xs, *ys]) + autograd.max([*xs, *ys]) + autograd.min([*xs, *ys])
    chain = x = Value(0.5)
    for _ in range(60):
        chain = (chain * 1.01).sin()
    paths = [
        to_spreadsheet(many, tmp_path / "many.xlsx", max_nodes=1000, train=xs[:3], attempts=3),
        to_spreadsheet(chain, tmp_path / "chain.xlsx", max_nodes=1000, train=x, attempts=3),
    ]
    monkeypatch.setattr(columns, "_LONGEST_LIST", 6)  # parts of parts of parts
    paths.append(
        to_spreadsheet(
            autograd.dot(xs, ys) + autograd.sum(xs) + autograd.max(ys) + autograd.min(xs), tmp_path / "parts.xlsx"
        )
    )
    for path, computed in zip(paths, office.all_computed(paths, {}), strict=True):
        stored = written(path)
        formulas = [cell.formula for sheet in stored for cell in sheet.values() if cell.formula]
        assert max(map(len, formulas)) < 8192
        assert not any(formula.startswith(("MAX(", "MIN(")) and formula.count(",") >= 255 for formula in formulas)
        assert differences(computed, stored, scale=1e3) == []


@pytest.mark.campaign
def test_a_long_sum_takes_cells_in_proportion(tmp_path: Path) -> None:
    """Each row of the replays recomputes the part that has moved, not all parts after it."""

    def count(terms: int) -> int:
        xs = [Value(i / terms) for i in range(terms)]
        path = to_spreadsheet(autograd.sum(xs), tmp_path / "sum.xlsx", max_nodes=10_000)
        return sum(cell.formula is not None for sheet in written(path) for cell in sheet.values())

    assert count(800) < 2.2 * count(400)


def sum_of_squares(xs: Sequence[Value]) -> Value:
    """A sum as deep as it has terms: the row of each replay recomputes all terms after it."""
    total = xs[0] * xs[0]
    for x in xs[1:]:
        total = total + x * x
    return total


def test_a_deep_sum_takes_cells_and_work_in_proportion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients_sheet, "CELLS", 2_000)
    equal = Value.__eq__
    worked: list[int] = []

    def counting_replay(made: Sequence[Value], changed: dict[Value, float]) -> dict[Value, float]:
        worked.append(len(made))
        return replay(made, changed)

    def counting_equal(x: Value, y: object) -> Any:
        worked.append(1)
        return equal(x, y)

    monkeypatch.setattr(gradients_sheet, "replay", counting_replay)
    monkeypatch.setattr(Value, "__eq__", counting_equal)

    def counts(terms: int) -> tuple[int, int]:
        worked.clear()
        xs = [Value(i / terms) for i in range(terms)]
        path = to_spreadsheet(sum_of_squares(xs), tmp_path / "deep.xlsx", max_nodes=10_000, train=xs, attempts=2)
        cells = sum(cell.formula is not None for sheet in written(path) for cell in sheet.values())
        return cells, sum(worked)

    (cells, work), (cells_of_twice, work_of_twice) = counts(200), counts(400)
    assert cells_of_twice < 2.2 * cells
    assert work_of_twice < 2.2 * work


def test_faux_gradients_that_are_left_out_are_said_to_be(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients_sheet, "CELLS", 60)
    xs = [Value(i / 10, f"x{i}") for i in range(10)]
    path = to_spreadsheet(sum_of_squares(xs), tmp_path / "deep.xlsx", names={})
    stored = written(path)
    found = table(stored[0])
    faux = found["faux gradient"]
    left_out = [name for name, number in faux.items() if number == "left out"]
    assert 0 < len(left_out) < len(faux)
    assert left_out == list(faux)[: len(left_out)]  # those of the longest rows
    note = f"The faux gradients up to ‘{left_out[-1]}’ are left out: all their rows would have more than 60 cells."
    assert list(texts(stored[0]).values()).count(note) == 1
    for name in faux.keys() - left_out:
        assert faux[name] == pytest.approx(found["global gradient"][name], abs=1e-3)
    assert differences(office.computed(path), stored) == []


# ---------------------------------------------------------------------------------------------------- hostile labels

LIKE_FORMULAS = [
    "=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", '=HYPERLINK("http://x.example")', "'=1", "http://x.example",
    "{=1+1}", "{row}", "_x0041_", "Tiny", "attempt", "value", "é\u0301",
]  # fmt: skip
REPLACED = {"a\x00b": "a␀b", "\x01\x1f": "␁␟", "\x7f": "␡", "\ud800x": "\ufffdx", "\uffff": "\ufffd", "\r\n": "␍\n"}
SHOWN = {**{i: 0x2400 + i for i in range(32) if chr(i) not in "\t\n"}, 0x7F: 0x2421, 0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}
SHOWN |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)


def labelled(labels: Sequence[str]) -> Value:
    """Return a graph with a leaf and a result for each label, and one at the end."""
    results = []
    for label in labels:
        v = Value(0.5, label).tanh()
        v.label = label
        results.append(v)
    output: Value = autograd.sum(results)
    output.label = labels[0]
    return output


def heads(cells: Cells) -> list[str]:
    return [str(cells[place].shown) for place in sorted(cells) if place[0] == 0 and place[1] > 0]


def texts(cells: Cells) -> dict[tuple[int, int], str]:
    return {place: cell.shown for place, cell in cells.items() if isinstance(cell.shown, str) and cell.shown}


def by_office(text: str) -> str:
    """Return a text as LibreOffice shows it: without the tabs if it has several lines (the file has them)."""
    return text.replace("\t", "") if "\n" in text else text


def test_hostile_labels_are_text(office: Office, tmp_path: Path) -> None:
    labels = [*LIKE_FORMULAS, *HOSTILE, *REPLACED]
    output = labelled(labels)
    leaves = [v for v in graph_of(output) if v.op is None]
    path = to_spreadsheet(output, tmp_path / "hostile.xlsx", train=leaves[::5], attempts=3)
    plain = labelled([f"n{i}" for i in range(len(labels))])
    train = [v for v in graph_of(plain) if v.op is None][::5]
    stored, harmless = written(path), written(to_spreadsheet(plain, tmp_path / "plain.xlsx", train=train, attempts=3))
    for sheet, same in zip(stored, harmless, strict=True):  # not one formula more or less
        assert {p: c.formula for p, c in sheet.items()} == {p: c.formula for p, c in same.items()}
    computed = office.computed(path)
    assert differences(computed, stored) == []
    want = [shown for label in labels for shown in [REPLACED.get(label) or label.translate(SHOWN)] * 2]
    assert heads(computed[0])[:-1] == list(map(by_office, want))
    assert all(cell.formula is None for place, cell in computed[0].items() if place[0] in (0, 1))


@settings(max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(st.text(min_size=1, max_size=30), min_size=60, max_size=80))
def test_any_text_comes_back(office: Office, tmp_path: Path, texts: list[str]) -> None:
    assume(len(set(texts)) > 40)  # the first that Hypothesis tries are all the same
    labels = ["a\t\nb", "a\n\tb\tc", "a\tb", "a\nb", *texts]
    output = labelled([f"{label}." for label in labels])
    path = to_spreadsheet(output, tmp_path / "text.xlsx")
    want = [f"{label}.".translate(SHOWN) for label in labels for _ in range(2)]
    assert heads(written(path)[0])[:-1] == want
    assert heads(office.computed(path)[0])[:-1] == list(map(by_office, want))


def test_very_long_labels_are_cut(tmp_path: Path) -> None:
    output = labelled(["x" * 40_000, "y"])
    (cells,) = written(to_spreadsheet(output, tmp_path / "long.xlsx"))
    assert cells[0, 1].shown == "x" * 32_766 + "…"
    (cells,) = written(to_spreadsheet(labelled(["🙂" * 20_000]), tmp_path / "long.xlsx"))
    assert cells[0, 1].shown == "🙂" * 16_383 + "…"  # two units each


# ------------------------------------------------------------------------------------------------------------ manners


def test_numbers_that_a_spreadsheet_does_not_have(office: Office, tmp_path: Path) -> None:
    x, y = Value(math.nan, "x"), Value(0.0, "y")
    output = x * 2 + 1 / y
    path = to_spreadsheet(output, tmp_path / "nan.xlsx", train=y, attempts=1)
    pole = to_spreadsheet(1 / y, tmp_path / "inf.xlsx")
    constants = to_spreadsheet(y * math.inf + Value(-math.inf) * math.nan, tmp_path / "constants.xlsx")
    paths = [path, pole, constants]
    computed = office.all_computed(paths, {})
    for path, cells in zip(paths, computed, strict=True):
        assert differences(cells, written(path)) == []
    assert (computed[0][0][2, 1].shown, computed[1][0][2, 2].shown) == ("#N/A", "#DIV/0!")


def test_an_error_spreads_even_where_python_gets_a_number_again(office: Office, tmp_path: Path) -> None:
    x = Value(-1.0, "x")
    path = to_spreadsheet(autograd.where(x.log(), x, 3.0) * 2, tmp_path / "again.xlsx")
    computed, (stored,) = office.computed(path), written(path)
    assert [stored[2, column].shown for column in (2, 3, 4)] == ["#NUM!", 3.0, 6.0]
    assert all(isinstance(computed[0][2, column].shown, str) for column in (2, 3, 4))
    assert differences(computed, [stored]) != []
    assert differences(computed, [stored], errors_spread=True) == []
    stored[2, 2] = stored[2, 2]._replace(shown=0.5)  # where the error begins, it is not left out
    (found,) = differences(computed, [stored], errors_spread=True)
    assert "LN(B3) is " in found


def test_a_lone_leaf_is_a_graph_too(tmp_path: Path) -> None:
    x = Value(3.0, "x")
    cells, training = written(to_spreadsheet(x, tmp_path / "leaf.xlsx", train=x, attempts=2))
    assert (cells[2, 1].shown, table(cells)["global gradient"]) == (3.0, {"x": 1.0})
    assert [row["x"] for row in attempts(training)] == [3.0, 2.9]


def test_the_user_s_graph_does_not_change(tmp_path: Path) -> None:
    loss = article()
    loss.backward()
    before = [(v.data, v.grad, v.label) for v in graph_of(loss)]
    to_spreadsheet(loss, tmp_path / "a.xlsx", train=[v for v in graph_of(loss) if v.label == "weight"], attempts=3)
    assert [(v.data, v.grad, v.label) for v in graph_of(loss)] == before


def test_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second = (
        to_spreadsheet(loss, tmp_path / name, train=[v for v in graph_of(loss) if v.label in ("weight", "bias")])
        for loss, name in [(article(), "a.xlsx"), (article(), "b.xlsx")]
    )
    assert first.read_bytes() == second.read_bytes()
    assert isinstance(first, Path)
    assert to_spreadsheet(article(), str(first)) == first


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = to_spreadsheet(article(), tmp_path / "a.xlsx")
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        to_spreadsheet(article() * 2, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.xlsx"]
    assert path.read_bytes() == before


def test_without_xlsxwriter_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install XlsxWriter$"):
        to_spreadsheet(article(), tmp_path / "a.xlsx")


def test_mistakes_are_explained(tmp_path: Path) -> None:
    x = Value(2.0, "x")
    y = x * 3
    path = tmp_path / "a.xlsx"
    cases: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (TypeError, "expected a Value as output, got float 2.0", {"output": 2.0}),
        (TypeError, "expected a Value, got float 2.0 among the Values to train", {"train": [2.0]}),
        (ValueError, "Values to train are leaves, but .* was made by", {"train": y}),
        (ValueError, "not in the graph of the output", {"train": Value(1.0)}),
        (ValueError, "train is empty", {"train": []}),
        (ValueError, "name each leaf once", {"train": [x, x]}),
        (ValueError, r"ends in \.xlsx", {"path": tmp_path / "a.xls"}),
        (ValueError, "tiny", {"tiny": 0}),
        (ValueError, "learning rate", {"lr": math.nan}),
        (ValueError, "from 1 to 1,048,574", {"attempts": 0}),
        (TypeError, "attempts is the number of rows", {"attempts": 10.0}),
        (ValueError, "4,000,000 cells, .*Pass attempts=25000,", {"train": x, "attempts": 1_000_000}),
        (ValueError, r"2 nodes, too large .*max_nodes=1\b.*intermediate", {"max_nodes": 1}),
        (ValueError, "1,001 edges, too large", {"output": autograd.sum([x] * 1001), "max_nodes": 100}),
    ]
    for kind, message, wrong in cases:
        arguments: dict[str, Any] = {"output": y, "path": path} | wrong
        with pytest.raises(kind, match=message):
            to_spreadsheet(arguments.pop("output"), arguments.pop("path"), **arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_graph_too_large_for_any_spreadsheet_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xlsx"
    monkeypatch.setattr("autograd.views.sheet.COLUMNS", 8)
    with pytest.raises(ValueError, match="the graph needs 9 columns, a spreadsheet has 8"):
        to_spreadsheet(article(), path)
    monkeypatch.undo()
    monkeypatch.setattr("autograd.views.sheet.worksheet._LONGEST_CODE", 8)
    with pytest.raises(ValueError, match="a formula would have 8 characters"):
        to_spreadsheet(article(), path)
    assert not path.exists()


def test_a_large_graph_is_refused_at_once(tmp_path: Path) -> None:
    x = Value(1.0)
    for _ in range(65_000):
        x = x + 1
    began = time.process_time()
    with pytest.raises(ValueError, match="65,001 nodes"):
        to_spreadsheet(x, tmp_path / "a.xlsx")
    assert time.process_time() - began < 5  # seconds; it takes 0.1


def test_an_operation_of_your_own_is_written_out(tmp_path: Path) -> None:
    cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    y = cube(Value(2.0, "x"))
    (cells,) = written(to_spreadsheet(y, tmp_path / "a.xlsx"))
    assert (cells[2, 2].formula, cells[2, 2].shown) == ("B3*B3*B3", 8.0)
    assert cells[4, 1].shown == 12.0


def test_values_take_the_names_of_variables(tmp_path: Path) -> None:
    weight, bias = Value(0.5), Value(0.25)
    net = weight * 3 + bias
    loss = net * net
    (cells,) = written(to_spreadsheet(loss, tmp_path / "names.xlsx"))
    assert heads(cells)[:4] == ["weight", "bias", "net", "loss"]
    (cells,) = written(to_spreadsheet(loss, tmp_path / "names.xlsx", names={}))
    assert heads(cells)[:2] == ["v1", "v2"]
