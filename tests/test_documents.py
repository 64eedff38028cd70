"""Check that README, docs and examples print what they say."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from cases import cases
from make_pictures import IMAGES, direct, imports_of_rooms
from needs import need_packages
from sybil import Document
from sybil.parsers.markdown import PythonCodeBlockParser

from autograd.codegen.compile import BACKENDS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GALLERY = ROOT / "docs" / "gallery.md"  # test_gallery.py runs it, one section after another
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
NEEDS = {
    "many_devices.py": ["jax", "optax", "sklearn"],
    "many-devices.md": ["jax"],
    "digits.py": ["sklearn"],
    "iris.py": ["sklearn"],
    "recipes.md": ["scipy"],
    "guide.md": ["matplotlib"],
}  # more than the project does


def run(*arguments: str, cwd: Path = ROOT) -> str:
    command = [sys.executable, *arguments]
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def backends_as_before() -> Iterator[None]:
    """Remove the backends that a page added."""
    before = dict(BACKENDS)
    yield
    BACKENDS.clear()
    BACKENDS.update(before)


@pytest.mark.usefixtures("backends_as_before")
@pytest.mark.parametrize("page", [page for page in PAGES if page != GALLERY], ids=lambda page: page.name)
def test_python_on_a_page_prints_what_it_says(page: Path) -> None:
    need_packages(page.name, *NEEDS.get(page.name, []))
    document = Document.parse(str(page), PythonCodeBlockParser())
    examples = list(document)
    for example in examples:
        example.evaluate()
    blocks = re.findall("^```python\n(.*)", page.read_text(), re.MULTILINE)
    functions = [first for first in blocks if not first.startswith(">>> ")]  # a block of plain code is one example
    assert len(examples) == len(functions) + len(re.findall("^>>> ", page.read_text(), re.MULTILINE))


def test_the_readme_has_something_to_run() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme.count("```python") >= 1
    assert len(re.findall(r"^\s*python3 -m venv", readme, re.MULTILINE)) == 2


def test_paragraphs_are_wrapped() -> None:
    """In the pages that people write; programs write the others, and a doctest's output is as long as it is."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if re.search("made by `?(python )?tests/", text, re.IGNORECASE) or page.name in ("accuracy.md", "gallery.md"):
            continue
        prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        long = [
            line for line in prose.splitlines() if len(line) > 120 and not line.startswith(("|", "![", "<", "    "))
        ]
        assert long == [], page.name


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.campaign
def test_the_picture_of_the_rooms_is_fresh() -> None:
    titles = [title.text for title in ET.parse(IMAGES / "house.svg").findall(".//{*}g[@class='edge']/{*}title")]
    imports = imports_of_rooms()
    expected = [f"{room}->{other}" for room in imports for _, other in direct(room, imports)]
    assert sorted(titles, key=str) == sorted(expected), "run: python tests/make_pictures.py house"


@pytest.mark.parametrize("name", ["xor.py", "iris.py", "sine.py", "two_classes.py"])
def test_a_first_task_takes_fifteen_lines(name: str) -> None:
    """With public names alone; `predict` and `load` are among them."""
    text = (ROOT / "examples" / name).read_text()
    assert len(text.splitlines()) <= 15
    assert "model.predict(" in text or "nn.load(" in text
    assert not re.search(r"\b_|\._", text.replace("for _ in", ""))


IN_PROCESSES = ["many_devices.py"]  # it starts copies of itself
OF_BOTH = ["single_neuron.py"]
HERE = [example.name for example in EXAMPLES if example.name not in IN_PROCESSES]


def promised(example: str) -> list[str]:
    """Return what an example says that it prints."""
    lines = re.findall(r"# prints (.*)", (ROOT / "examples" / example).read_text())
    assert lines
    return lines


@pytest.mark.parametrize("example", cases([e for e in HERE if e != "digits.py"], campaign=["digits.py"]))  # seconds
def test_an_example_prints_its_own_proof(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    need_packages(example, *NEEDS.get(example, []))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [example])
    runpy.run_path(str(ROOT / "examples" / example), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == promised(example)


@pytest.mark.parametrize(
    "example", cases(IN_PROCESSES + OF_BOTH, campaign=[name for name in HERE if name not in OF_BOTH])
)
def test_an_example_runs_in_a_process_of_its_own(example: str, tmp_path: Path) -> None:
    """A start of Python takes longer than most of them."""
    need_packages(example, *NEEDS.get(example, []))
    assert run(str(ROOT / "examples" / example), cwd=tmp_path).splitlines() == promised(example)
