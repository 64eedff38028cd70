"""Check that the benchmark of other programs finds their engines, and prints its page. Nothing here depends on time."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import eager
import other_engines
import other_tests
import turns
import workloads
from other_programs import LAST, MicroGPT

OURS = "autograd, atomic"
STORED_GRADIENTS = str(Path(__file__).parent / "stored_gradients.py")


def test_an_engine_is_taken_from_a_file() -> None:
    engine = other_engines.engine_of(STORED_GRADIENTS)
    theirs, ours = (MicroGPT(e, LAST) for e in (engine, workloads.load(OURS)))
    assert theirs.loss().data == pytest.approx(ours.loss().data, rel=1e-14)


def test_an_engine_is_taken_from_a_notebook_that_does_not_run(tmp_path: Path) -> None:
    cells = ["%matplotlib inline", "class Value:\n  first = True", "class Value:\n  def __init__(self, x: Value): pass"]
    cells.append("raise RuntimeError")
    notebook = tmp_path / "lecture.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "code", "source": [cell]} for cell in cells]}))
    value = other_engines.engine_of(str(notebook)).value
    assert isinstance(value, type) and not hasattr(value, "first")


def test_a_file_without_an_engine_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match="has no class Value"):
        other_engines.engine_of(str(tmp_path / "empty.py"))


TANH = """\
    def tanh(self) -> Value:
        result = math.tanh(self.data)
        return Value(result, (self,), (1 - result * result,))

"""


@pytest.mark.campaign
def test_the_page_compares_numbers_and_times(tmp_path: Path) -> None:
    peer = tmp_path / "peer.py"
    peer.write_text(Path(STORED_GRADIENTS).read_text().replace("    def exp(", TANH + "    def exp("))
    page = other_engines.measure({"lecture": str(peer)}, 1, 0.0)
    assert page.count("| Lecture, loop of 20 steps |") == 2 + 2 * len(other_engines.engines())
    assert "20 losses, 41 gradients" in page


def test_the_page_says_how_the_time_of_microgpt_changes() -> None:
    def turns_of(**seconds: float) -> turns.Turns:
        times = {"FILE": seconds["own"], eager.PURE: seconds["ours"], eager.PURE_FUSED: seconds["dot"]}
        return {("steps", "last", engine, mode): [[time]] for engine, time in times.items() for mode in eager.MODES}

    assert other_engines.in_words("FILE", turns_of(own=2.0, ours=1.0, dot=0.25)) == (
        "A step of microGPT, which is one training sample, is 2.0 times as fast with the collector on and 2.0 times "
        "with it off, if the pure engine's Value takes the place of its own. One line, `autograd.dot` for the sum of "
        "products, makes it 4.0 times as fast with the collector on and 4.0 times with it off on the pure engine."
    )


@pytest.mark.parametrize("program", ["lecture", "last"])
def test_the_time_of_the_steps_that_are_shown_is(program: str) -> None:
    engines = other_engines.contestants(program, "FILE")
    times: turns.Turns = {("steps", program, engine, mode): [[0.26]] for engine in engines for mode in eager.MODES}
    row = other_engines.steps_rows(program, "FILE", times)[0]
    assert row[2] == {"lecture": "260.00", "last": "20.00"}[program] and row[5] == "1.0"


def test_functions_are_differentiated_twice() -> None:
    found = other_engines.numbers("hips", OURS)
    assert {kind: len(numbers) for kind, numbers in found.items()} == dict.fromkeys(found, 71) and len(found) == 3
    at = 1.6243
    assert [column[0] for column in found.values()] == pytest.approx([3 * math.exp(at)] * 3)


OTHER_TESTS = """\
import pytest
from own.engine import Value
from own import engine

def test_that_holds():
    x = engine.Value(3.0)
    y = x * x
    y.backward()
    assert y.data == 9.0
    assert x.grad == pytest.approx(6.0)

def test_with_another_name():
    assert Value(2.0).val == 2.0
"""


@pytest.mark.campaign
def test_another_engines_tests_run_here(tmp_path: Path) -> None:
    folder = tmp_path / "test"
    folder.mkdir()
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "engine.py").write_text("raise RuntimeError")
    path = folder / "test_engine.py"
    path.write_text(OTHER_TESTS)
    assert other_tests.row("owner/name", [str(path)]) == (
        *("owner/name", "test_engine.py", "1", "1", "2"),
        "test_with_another_name: AttributeError: a Value has no 'val': its number is v.data",
    )
    path.write_text(OTHER_TESTS.replace("Value\n", "Value, Tensor\n"))
    *_, passed, failed, holds, reason = other_tests.row("owner/name", [str(path)])
    assert (passed, failed, holds, reason) == (
        "0",
        "1",
        "0",
        "ImportError: cannot import name 'Tensor' from 'own.engine'",
    )
