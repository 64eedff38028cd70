"""One round of each attack of the campaign; and each finds planted mistakes."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import reference
from campaign import FIGURES, PROMISES, Promise, attempt
from campaigns import dependent_models, engines, robustness
from cases import cases
from needs import array_module, need_compiler
from two_engines import PURE, Engine, Pair

from autograd import Value
from autograd.codegen.c_functions import LANES_TOGETHER
from autograd.codegen.spelling import SPELLINGS
from autograd.ops import Op
from autograd.samples.reference import Reference
from autograd.training import consistency


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A separate cache for each test."""
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(tmp_path))


ROUNDS = ["fractions"]  # each takes a second or more


@pytest.mark.parametrize("name", cases(ROUNDS, campaign=[name for name in PROMISES if name not in ROUNDS]))
def test_the_promises_hold_in_a_round(name: str) -> None:
    need_compiler()
    assert PROMISES[name].attack(0) > 0


PAGE = (Path(__file__).parents[1] / "docs" / "promises.md").read_text(encoding="utf-8")


def figures_are_on(page: str, promise: Promise) -> bool:
    """Return True if the page says how many cases were tried, how many broke the promise, and which tests it has."""
    figures, tested_by = FIGURES.search(page), f"`tests/{promise.tested_by}`"
    row = rf"^\| {re.escape(promise.promised)} +\| +[1-9][\d,]* {promise.cases} \| +\d+ \| {re.escape(tested_by)} +\|$"
    return figures is not None and re.search(row, figures[0], re.MULTILINE) is not None


@pytest.mark.parametrize("name", PROMISES)
def test_the_page_has_the_figures_of_each_promise(name: str) -> None:
    promise = PROMISES[name]
    assert figures_are_on(PAGE, promise), "run: python tests/campaign.py --minutes 120 --write docs/promises.md"
    assert (Path(__file__).parent / promise.tested_by).is_file()


def test_no_other_promise_has_figures() -> None:
    figures = FIGURES.search(PAGE)
    assert figures
    assert len(re.findall(r"^\| .*`tests/", figures[0], re.MULTILINE)) == len(PROMISES)


@pytest.mark.parametrize("planted", [("[0-9,]+ graphs", ""), ("[0-9,]+ graphs", "0 graphs"), ("<!-- figures -->", "")])
def test_a_missing_figure_is_seen(planted: tuple[str, str]) -> None:
    page, places = re.subn(*planted, PAGE)
    assert places
    assert not figures_are_on(page, PROMISES["fractions"])


@pytest.mark.parametrize("name", ["fractions", "pytorch"])
def test_a_wrong_rule_breaks_a_promise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    product = Op("product({}, {})", operator.mul, lambda g, z, x, y: g * x, lambda g, z, x, y: g * x)
    monkeypatch.setitem(reference.OPERATIONS, "*", product)
    if name == "pytorch":
        array_module("torch")  # or skip
    cases, _, broken, _ = attempt(name, 0)
    assert cases == 0
    assert "AssertionError" in broken
    assert f"--only {name} --seed 0" in broken


@pytest.mark.parametrize("column", ["python", "c"])
def test_a_wrong_spelling_breaks_a_promise(column: str, monkeypatch: pytest.MonkeyPatch) -> None:
    need_compiler()
    wrong = replace(SPELLINGS["sub"], **{column: "{x} + {y}"})  # type: ignore[arg-type]
    monkeypatch.setitem(SPELLINGS, "sub", wrong)
    assert (Value(3.0) - 1.0).data == 2.0, "the graph itself is right"
    assert any("AssertionError" in attempt("compiled", seed)[2] for seed in range(3))


@pytest.mark.slice(most=1)
@pytest.mark.parametrize(
    "name, right, wrong",
    [
        ("tanh", "all(-0x1.4ce199eaadbb7p-14)", "all(-0x1.4ce199eap-14)"),
        ("exp", "all(0x1.55555cf172b91p-5)", "all(0x1.55555cep-5)"),
        ("expm1", "all(-0x1.4ce199eaadbb7p-14)", "all(-0x1.4ce199eap-14)"),
        ("log1p", "all(0x1.2f112df3e5244p-3)", "all(0x1.2f112ep-3)"),
    ],
)
def test_a_wrong_coefficient_breaks_a_promise(
    name: str, right: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is almost right, so that the comparison at the start does not see it."""
    need_compiler()
    lanes = LANES_TOGETHER[name]
    changed = tuple(text.replace(right, wrong) for text in lanes.definitions)
    assert changed != lanes.definitions
    monkeypatch.setitem(LANES_TOGETHER, name, lanes._replace(definitions=changed))
    assert f"{name}: " in attempt("lanes", 0)[2]


def test_fit_without_its_checks_breaks_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reference, "difference", lambda *_: None)
    monkeypatch.setattr(consistency, "agree", lambda *_: True)
    assert dependent_models.run(6, 0).missed


def test_an_engine_with_another_rule_breaks_a_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong(Engine):
        def run(self, program: Sequence[str], planted: Mapping[str, str] | None = None) -> list[str]:
            return super().run(program, {"autograd.ops.exp.rules": "(lambda g, z, x: g * z * (1 + 2**-52),)"})

    pair = Pair(Engine(PURE), Wrong(PURE))
    monkeypatch.setattr(engines, "need_core", lambda: None)
    monkeypatch.setattr(engines, "_engines", lambda: pair)
    cases, _, broken, _ = attempt("engines", 0)
    pair.close()
    assert cases == 0 and "the engines differ on:" in broken and "exp" in broken


def test_a_file_written_in_parts_breaks_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    def in_parts(path: Path, content: str) -> None:
        path.write_text("")
        path.write_text(content)

    monkeypatch.setattr(robustness, "write_whole", in_parts)
    assert any("AssertionError" in attempt("interrupts", seed)[2] for seed in range(20))
    in_place = robustness._SAVES.replace(
        "model.save(sys.argv[1])",
        "text = model.save(sys.argv[1] + '.other') or open(sys.argv[1] + '.other').read()\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        for part in text[:100], text[100:]:\n"
        "            file.write(part), file.flush(), __import__('time').sleep(0.2)",
    )
    monkeypatch.setattr(robustness, "_SAVES", in_place)
    assert any(attempt("kills", seed)[2] for seed in range(5))
