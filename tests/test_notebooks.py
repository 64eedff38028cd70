"""A notebook, executed and converted to HTML as `jupyter nbconvert --to html --execute` does it, in a real Chromium.

What each view shows there is tested beside the view; here are the promises that need a kernel and a viewer.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from browser import Browser
from needs import lacking

CELLS = {
    "drawing": """
from autograd import Value, draw, explain, explore, fit, formula, nn, to_text
weight, bias = Value(0.5, "weight"), Value(0.6, "bias")
output = (0.4 * weight + bias).tanh()
loss = (output - 0.7) ** 2 / 2
loss.backward()
draw(loss)""",
    "drawing in a function": """
def show(f):
    return draw(f)
show(loss)""",
    "page": "explore(loss, train=[weight, bias])",
    "text": "to_text(loss)",
    "explanation": "explain(loss)",
    "formula": "formula(loss)",
    "training": 'fit(nn.Neuron(1), [[1.0], [2.0]], [0.0, 1.0], loss="mse", optimizer="sgd", epochs=20)',
}
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(13, 17, 23)"  # the paper of both themes
ROOM = """
const svg = document.querySelector("svg"), box = svg.parentElement;
return {paper: getComputedStyle(svg.querySelector("polygon")).fill, page: document.documentElement.scrollWidth,
    seen: box.getBoundingClientRect().right, drawn: svg.getBoundingClientRect().right,
    letters: 12 * svg.clientWidth / svg.viewBox.baseVal.width}"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the notebook, executed; it takes a few seconds."""
    for package in ("nbconvert", "ipykernel", "ipywidgets"):
        if not find_spec(package):
            lacking(f"{package} is not installed", extra=True)
    folder = tmp_path_factory.mktemp("notebook")
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "id": f"cell{i}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for i, source in enumerate(CELLS.values())
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    (folder / "a.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "executed", "a.ipynb"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    assert sorted(path.name for path in folder.iterdir()) == ["a.ipynb", "executed.ipynb"]  # and no file of a view
    return folder / "executed.ipynb"


@pytest.fixture(scope="module")
def outputs(executed: Path) -> dict[str, list[dict[str, Any]]]:
    cells = json.loads(executed.read_text(encoding="utf-8"))["cells"]
    return {name: cell["outputs"] for name, cell in zip(CELLS, cells, strict=True)}


@pytest.fixture(scope="module", params=["light", "dark"])
def converted(
    request: pytest.FixtureRequest, executed: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    """Return a theme, and the notebook as HTML in this theme."""
    nowhere = dict.fromkeys(("mathjax_url", "require_js_url", "jquery_url", "widget_renderer_url"), "")
    exporter = importlib.import_module("nbconvert").HTMLExporter(theme=request.param, **nowhere)
    page, _ = exporter.from_filename(str(executed))
    path = tmp_path_factory.mktemp("html") / "notebook.html"
    path.write_text(page, encoding="utf-8")
    return request.param, path


def test_nothing_fails_or_is_red(outputs: dict[str, list[dict[str, Any]]]) -> None:
    for name, shown in outputs.items():
        assert not [out for out in shown if out["output_type"] == "error" or out.get("name") == "stderr"], name


def test_text_is_shown_as_text(outputs: dict[str, list[dict[str, Any]]]) -> None:
    [shown] = outputs["text"]
    lines = "".join(shown["data"]["text/plain"]).splitlines()
    assert lines[0].startswith("loss = v7 / 2 ")
    assert len(lines) == 8


def test_progress_is_a_bar_of_the_notebook(outputs: dict[str, list[dict[str, Any]]]) -> None:
    bar, history = outputs["training"]
    assert "application/vnd.jupyter.widget-view+json" in bar["data"]
    assert "20 epochs" in "".join(history["data"]["text/plain"])


def test_names_are_those_of_the_cell_that_calls(outputs: dict[str, list[dict[str, Any]]]) -> None:
    [shown] = outputs["drawing in a function"]
    assert "loss = v7 / 2" in "".join(shown["data"]["image/svg+xml"])


def test_a_drawing_has_the_theme_and_the_width_of_the_notebook(converted: tuple[str, Path], chromium: Browser) -> None:
    theme, path = converted
    chromium.screen(1400, 900, prefers_color_scheme="light" if theme == "dark" else "dark")
    chromium.open(path)
    wide = chromium.run(ROOM)
    assert wide["paper"] == (DARK if theme == "dark" else LIGHT)
    chromium.screen(900, 900, prefers_color_scheme="light" if theme == "dark" else "dark")
    narrow = chromium.run(ROOM)
    for room, width in ((wide, 1400), (narrow, 900)):
        assert room["drawn"] <= room["seen"]  # all boxes of README's expression are in sight
        assert room["page"] == width
    assert min(wide["letters"], narrow["letters"]) > 6.9
    loader = "html-manager"  # of the widget in which tqdm shows a bar, from the network
    assert [message for message in chromium.complaints() if loader not in message] == []


TYPESET = """
const place = element => element.getBoundingClientRect(), formula = [...document.querySelectorAll("math")].at(-1);
const fraction = formula.querySelector("mfrac"), [over, under] = [...fraction.children].map(place);
const power = formula.querySelector("msup"), [base, exponent] = [...power.children].map(place);
return {count: document.querySelectorAll("math").length, colour: getComputedStyle(fraction).color,
    around: getComputedStyle(formula.parentElement).color, is_above: over.bottom <= under.top,
    is_raised: exponent.top <= base.top && exponent.bottom < base.bottom && exponent.left >= base.right - 1,
    is_smaller: parseFloat(getComputedStyle(power.children[1]).fontSize) < parseFloat(getComputedStyle(power).fontSize),
    scripts: document.querySelectorAll("math script, mjx-container").length,
    right: Math.max(...[...document.querySelectorAll("math")].map(each => place(each).right))}"""


def test_formulas_are_typeset_without_a_script(converted: tuple[str, Path], chromium: Browser) -> None:
    theme, path = converted
    chromium.screen(900, 900, prefers_color_scheme="light" if theme == "dark" else "dark")
    chromium.open(path)
    shown = chromium.run(TYPESET)
    assert shown["count"] > 40
    assert shown["is_above"]
    assert shown["is_raised"]
    assert shown["is_smaller"]
    assert shown["colour"] == shown["around"]
    assert (int(shown["colour"].removeprefix("rgba").strip("rgb()").split(",")[0]) > 128) == (theme == "dark")
    assert shown["scripts"] == 0
    assert 0 < shown["right"] < 900


def test_latex_is_there_for_a_paper(outputs: dict[str, list[dict[str, Any]]]) -> None:
    for name, beginning in (("explanation", r"\mathrm{output} &= \tanh"), ("formula", r"\mathrm{loss} &= \frac{")):
        [shown] = outputs[name]
        assert beginning in "".join(shown["data"]["text/latex"])
        assert "<math" in "".join(shown["data"]["text/html"])


def test_a_page_runs_in_its_frame(converted: tuple[str, Path], chromium: Browser) -> None:
    theme, path = converted
    chromium.screen(1400, 900, prefers_color_scheme="light" if theme == "dark" else "dark")
    chromium.open(path)
    chromium.enter("iframe")
    assert chromium.run("return [window.origin, document.title]") == ["null", "loss – computation graph"]
    background = chromium.run("return getComputedStyle(document.body).backgroundColor")
    assert (int(background.strip("rgb()").split(",")[0]) < 100) == (theme == "dark")
    chromium.click("#next")
    assert chromium.run("return document.querySelector('.node.current') !== null")
