"""Run LibreOffice without a window, and read the cells of spreadsheets: as stored, and as it computes them."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self
from xml.etree import ElementTree

import pytest
from needs import lacking

from autograd import floats
from autograd.ops import Op

Number = float | str  # a string for an error


class Cell(NamedTuple):
    """The number or text of a cell, and its formula, where it has one."""

    shown: Number
    formula: str | None = None


Cells = dict[tuple[int, int], Cell]  # by row and column, from 0

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def position(reference: str) -> tuple[int, int]:
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", reference).groups()  # type: ignore[union-attr]
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(digits) - 1, column - 1


def written(path: Path) -> list[Cells]:
    """Return the cells of each sheet as stored in the file, with the numbers stored for the formulas."""
    with zipfile.ZipFile(path) as file:
        parts = {name: ElementTree.fromstring(file.read(name)) for name in file.namelist()}  # every part is XML
    texts = ["".join(part.text or "" for part in item.iter(f"{_MAIN}t")) for item in parts["xl/sharedStrings.xml"]]
    sheets = []
    for name in sorted(name for name in parts if name.startswith("xl/worksheets/sheet")):
        cells: Cells = {}
        for c in parts[name].iter(f"{_MAIN}c"):
            v, f = c.findtext(f"{_MAIN}v"), c.findtext(f"{_MAIN}f")
            if v is not None:
                shown = texts[int(v)] if c.get("t") == "s" else v if c.get("t") in ("e", "str") else float(v)
                cells[position(c.attrib["r"])] = Cell(shown, f)
        sheets.append(cells)
    return sheets


_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop>
</item></oor:items>
"""
_EMPTY = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" office:version="1.3"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 office:mimetype="application/vnd.oasis.opendocument.spreadsheet">
<office:body><office:spreadsheet><table:table table:name="Sheet1"/></office:spreadsheet></office:body>
</office:document>
"""


class Office:
    """LibreOffice without a window; its profile makes it recalculate every formula of a file that it opens.

    One process converts the files of all tests, since its start takes ten times as long as a conversion. A conversion
    ends LibreOffice unless a document is open: hence the one that stays open.
    """

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        options = folder / "profile" / "user" / "registrymodifications.xcu"
        options.parent.mkdir(parents=True)
        options.write_text(_RECALCULATE)
        self.command = [program, f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
        self.log = folder / "log.txt"

    def __enter__(self) -> Self:
        kept = self.folder / "kept.fods"
        kept.write_text(_EMPTY)
        listening = ["--norestore", f"--accept=pipe,name=autograd_tests_{os.getpid()};urp"]  # without it, it ends
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*self.command, *listening, str(kept)], stdout=log, stderr=log)
        opened, latest = kept.with_name(f".~lock.{kept.name}#"), time.monotonic() + 60
        while not opened.exists():
            assert self.process.poll() is None and time.monotonic() < latest, self.log.read_text()
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(60)

    def computed(self, path: Path, inputs: Mapping[str, float] | None = None) -> list[Cells]:
        """Return the cells of each sheet as LibreOffice computes them, with other numbers in some input cells."""
        (sheets,) = self.all_computed([path], inputs or {})
        return sheets

    def all_computed(self, paths: Sequence[Path], inputs: Mapping[str, float]) -> list[list[Cells]]:
        """The same for many files. Every stored result of a formula is made wrong first, so that none is just read."""
        folder = self.folder / str(time.monotonic_ns())
        folder.mkdir()
        wrong = [folder / f"{i}.xlsx" for i in range(len(paths))]
        for path, copy in zip(paths, wrong, strict=True):
            self.spoil(path, copy, inputs)
        command = [*self.command, "--convert-to", "fods", "--outdir", str(folder), *map(str, wrong)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        results = [copy.with_suffix(".fods") for copy in wrong]
        assert all(result.exists() for result in results), done.stdout + done.stderr + self.log.read_text()
        sheets = f"{_OFFICE}body/{_OFFICE}spreadsheet/{_TABLE}table"  # a chart has a table too, further inside
        return [[self.cells(sheet) for sheet in ElementTree.parse(result).findall(sheets)] for result in results]

    def spoil(self, path: Path, copy: Path, inputs: Mapping[str, float]) -> None:
        """Copy a file, with a wrong number stored for each formula, and other numbers in input cells."""
        with zipfile.ZipFile(path) as file, zipfile.ZipFile(copy, "w") as spoiled:
            for name in file.namelist():
                content = file.read(name).decode()
                if name.startswith("xl/worksheets/sheet"):
                    content = re.sub(r"(</f><v>)[^<]*", r"\g<1>12345", content).replace(' t="e"', "")
                if name == "xl/worksheets/sheet1.xml":
                    for reference, x in inputs.items():
                        content, changed = re.subn(rf'(<c r="{reference}"[^>]*><v>)[^<]*', rf"\g<1>{x!r}", content)
                        assert changed == 1
                spoiled.writestr(name, content)

    def cells(self, table: ElementTree.Element) -> Cells:
        cells: Cells = {}
        row = 0
        for r in table.findall(f"{_TABLE}table-row"):
            column = 0
            for c in r:
                times = int(c.get(f"{_TABLE}number-columns-repeated", 1))
                if c.tag == f"{_TABLE}table-cell" and len(c):
                    shown = Cell(self.shown(c), c.get(f"{_TABLE}formula"))
                    cells |= {(row, column + i): shown for i in range(times)}
                column += times
            row += int(r.get(f"{_TABLE}number-rows-repeated", 1))
        return cells

    def shown(self, cell: ElementTree.Element) -> Number:
        text = "\n".join("".join(self.letters(p)) for p in cell.findall(f"{_TEXT}p"))
        is_number = cell.get(f"{_OFFICE}value-type") == "float" and not text.startswith(("#", "Err:"))
        return float(cell.attrib[f"{_OFFICE}value"]) if is_number else text

    def letters(self, paragraph: ElementTree.Element) -> Iterable[str]:
        yield paragraph.text or ""
        for part in paragraph:
            spaces = {f"{_TEXT}s": " " * int(part.get(f"{_TEXT}c", 1)), f"{_TEXT}tab": "\t"}
            yield spaces.get(part.tag, "") or "".join(self.letters(part))
            yield part.tail or ""


@pytest.fixture(scope="session")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Start one LibreOffice for all tests of a process."""
    program = shutil.which("soffice")
    if program is None:
        lacking("no soffice: apt install libreoffice-calc")
    with Office(tmp_path_factory.mktemp("office"), program) as started:
        yield started


def nearly_whole(op: Op, point: Sequence[float]) -> bool:
    """Return True where the operation jumps beyond the 13 digits that spreadsheets keep: theirs may jump before."""
    size = abs(point[0])
    if op.name in ("floor", "ceil", "round"):
        if size > 1e13:
            return math.isfinite(size)
        part = size % 1.0
        return 0 < (abs(part - 0.5) if op.name == "round" else min(part, 1 - part)) < 1e-13 * size
    if op.name not in ("mod", "floordiv") or not point[1]:
        return False
    return abs(point[0] / point[1]) > 1e13 or 0 < floats.to_multiple(*point) < 1e-13 * size


def on_the_other_side(op: Op, point: Sequence[float], got: float, want: float) -> bool:
    """Return True if `got` is the operation's result on this side of the jump, or the one next to it."""
    step, lost = 1.0, 1e-13 * abs(want)
    if op.name == "mod":  # x - y * INT(x / y)
        step, lost = abs(point[1]), 1e-13 * abs(point[0])
    return abs(got - want) <= step * (1 + 1e-13) + lost
