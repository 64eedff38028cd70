"""Check that the benchmark of tiny graphs runs and compares like with like. Nothing here depends on time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from needs import array_module, need_compiler

sys.path.insert(0, str(Path(__file__).parent))  # the benchmarks import each other by name, as scripts do

import tiny_graphs
import turns
from tiny_graphs import GRAPHS, KITS, TINY, Expressions


def need(contestant: str) -> None:
    """Skip the test if a peer is not installed, or if another package has its name here."""
    if contestant == "HIPS autograd":
        pytest.skip("it is imported from a folder of its own, under the name of this package")
    if contestant == tiny_graphs.COMPILED:
        need_compiler()
    elif contestant in ("PyTorch", tiny_graphs.JAX, tiny_graphs.JAX_CALL):
        array_module({"PyTorch": "torch"}.get(contestant, "jax.numpy"))
    elif contestant in ("minigrad", "XAD"):  # for orientation only: they may be missing where nothing else may
        pytest.importorskip({"XAD": "xad"}.get(contestant, contestant))


@pytest.mark.parametrize(("graph", "contestant"), [(g, name) for name, c in TINY.items() for g in c.graphs])
def test_every_contestant_finds_the_same_numbers(graph: str, contestant: str) -> None:
    need(contestant)
    found = TINY[contestant].lines(GRAPHS[graph]).loop()(3)
    assert found == pytest.approx(GRAPHS[graph].expected[: len(found)], rel=tiny_graphs.TOLERANCE)
    assert len(found) == (1 if contestant == tiny_graphs.FLOATS else 3)


@pytest.fixture(scope="module")
def expected() -> tuple[float, list[float]]:
    return tiny_graphs.make_expressions("stored gradients", 200).numbers()


@pytest.mark.parametrize("contestant", KITS)
def test_every_contestant_differentiates_the_same_expressions(
    contestant: str, expected: tuple[float, list[float]]
) -> None:
    need(contestant)
    number, gradients = tiny_graphs.make_expressions(contestant, 200).numbers()
    assert number == pytest.approx(expected[0], rel=1e-9)
    if contestant != tiny_graphs.FLOATS:
        scale = max(map(abs, expected[1]))
        assert scale > 0
        assert gradients == pytest.approx(expected[1], rel=1e-6, abs=1e-6 * scale)


def test_each_step_is_another_expression_of_numbers_that_stay_small() -> None:
    expressions = Expressions(tiny_graphs.kit_of_floats(), 10_000)
    found = []
    for _ in range(3):
        expressions.draw()
        found.append(expressions.step())
    assert len(set(found)) == 3 and all(0 < number < 1 for number in found)


def test_constants_become_values_but_exponents_do_not() -> None:
    lines = "d = a * b + b**3\nc += 1 + c2\ng = 10.0 / f"
    assert tiny_graphs.with_constants_as_values(lines) == ("d = a * b + b**3\nc += Value(1) + c2\ng = Value(10.0) / f")


FLOATS, OURS = tiny_graphs.FLOATS, "autograd, pure"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave three contestants, one of which cannot take part."""
    for name in set(TINY) - {FLOATS, OURS, "HIPS autograd"}:
        monkeypatch.delitem(TINY, name)


def test_wrong_numbers_are_left_out(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GRAPHS, "smaller", GRAPHS["smaller"]._replace(expected=(612.5, -35.0, 1051.0)))
    found = tiny_graphs.graph_contest("smaller", 1, 0.0)
    assert found.absent == {OURS: "it finds 612.5, -35.0, 1050.0", "HIPS autograd": "no folder was given"}
    assert set(found.times) == {(FLOATS, "on"), (FLOATS, "off")}
    assert all(seconds > 0 for (turn,) in found.times.values() for seconds in turn)


def test_expressions_are_timed_in_a_child() -> None:
    runner = turns.Runner(tiny_graphs.__file__, "expressions", FLOATS, "40", "off")
    try:
        assert all(seconds > 0 for seconds in runner.turn(0.0))
    finally:
        runner.end()


def test_the_page_compares_with_plain_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    times = {(FLOATS, mode): [[1e-7]] for mode in ("on", "off")} | {
        ("autograd, native", "on"): [[3e-7, 3e-7, 9e-7]],
        ("autograd, native", "off"): [[2e-7]],
    }
    found = tiny_graphs.Contest(times, {"XAD": "it finds 1, 2, 3"})
    monkeypatch.setattr(tiny_graphs, "contest", lambda *arguments: found)
    text = tiny_graphs.page(1, 0.0, 40)
    assert text.count("Left out: *XAD*: it finds 1, 2, 3.") == 3
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert ["autograd, native", "0.3", "3.0", "0.2", "2.0"] in rows
    assert ["ours ÷ plain floats without gradients", "3.0", "2.0", "≤ 4"] in rows
    assert ["micrograd ÷ ours", "not measured", "not measured", "≥ 28, on"] in rows


def test_the_page_says_how_much_of_jaxs_time_is_its_scalars() -> None:
    times = {
        (name, mode): [[s]]
        for name, s in ((tiny_graphs.JAX, 4e-5), (tiny_graphs.JAX_CALL, 6e-6))
        for mode in ("on", "off")
    }
    assert "each round, as the published program does, which is 85% of its time;" in tiny_graphs.protocol(
        tiny_graphs.Contest(times, {})
    ).replace("\n", " ")
    assert "as the published program does;" in tiny_graphs.protocol(tiny_graphs.Contest({}, {})).replace("\n", " ")
