"""The width on paper: `render("x.pdf", width_cm=8.4)` in each format, by `dot` and by pygraphviz."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layout_engines import USUAL_AND_OTHER, only
from needs import lacking
from networks import Network, loss_of
from test_draw import neuron, with_gradients

from autograd import Value
from autograd.views.draw import Drawing, draw
from autograd.views.sized import paper

PDFTOPPM = shutil.which("pdftoppm")  # before the tests hide programs


@pytest.fixture(params=USUAL_AND_OTHER)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with only(request.param, tmp_path_factory.mktemp("empty")):
        yield request.param


def chunks(png: bytes) -> dict[bytes, bytes]:
    found, at = {}, 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        assert kind not in found or kind == b"IDAT"
        found[kind] = png[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + found[kind]) == struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0]
        at += 12 + length
    return found


def width_in_cm(path: Path) -> float:
    """Return the width that a file says it has."""
    content, kind = path.read_bytes(), path.suffix
    if kind == ".svg":
        return float(re.findall(rb'<svg width="([\d.]+)cm" height="[\d.]+cm"', content)[0])
    if kind == ".pdf":
        return float(re.findall(rb"MediaBox \[ 0 0 (\S+) ", content)[-1]) / 72 * 2.54
    if kind in {".eps", ".ps"}:
        return float(re.findall(rb"^%%HiResBoundingBox: 0 0 (\S+) ", content, re.MULTILINE)[0]) / 72 * 2.54
    if kind == ".png":
        parts = chunks(content)
        per_metre, _, unit = struct.unpack(">IIB", parts[b"pHYs"])
        assert unit == 1
        return float(struct.unpack(">I", parts[b"IHDR"][:4])[0] / per_metre * 100)
    unit, per_inch = struct.unpack(">BH", content[13:16])
    pixels = re.search(rb"\xff\xc0..\x08..(..)", content, re.DOTALL)
    assert unit == 1 and pixels
    return float(struct.unpack(">H", pixels[1])[0] / per_inch * 2.54)


FORMATS = ["svg", "pdf", "eps", "ps", "png", "jpg"]


@pytest.mark.slice(most=3)
@pytest.mark.parametrize(("format", "width"), [*((format, 8.4) for format in FORMATS), ("pdf", 17.37)])
def test_a_picture_is_as_wide_as_it_is_asked_for(engine: str, format: str, width: float, tmp_path: Path) -> None:
    drawing = draw(with_gradients(neuron()), theme="print", direction="TB" if width < 10 else "LR")
    before = drawing.source
    path = Path(drawing.render(tmp_path / f"neuron.{format}", width_cm=width))
    assert abs(width_in_cm(path) - width) < 0.01 / (1 if format != "jpg" else 0.2)
    assert [*tmp_path.iterdir()] == [path]
    assert drawing.source == before


@pytest.mark.parametrize(
    ("format", "detail"), [("pdf", "neuron"), ("pdf", "layer"), ("svg", "neuron"), ("png", "neuron")]
)
def test_a_network_is_as_wide_as_it_is_asked_for(engine: str, detail: str, format: str, tmp_path: Path) -> None:
    path = Path(draw(loss_of(Network(2, [3, 1])), detail=detail).render(tmp_path / f"net.{format}", width_cm=12.0))
    assert abs(width_in_cm(path) - 12.0) < 0.01


def test_the_content_is_as_wide_as_the_page(engine: str, tmp_path: Path) -> None:
    """The drawing fills the page, but for the 4 points around it that shrink with it."""
    if not PDFTOPPM:
        lacking("pdftoppm is not installed")
    for width in (6.0, 30.0):  # smaller and larger than by itself
        path = draw(with_gradients(Value(1.0, "x").tanh()), theme="print").render(tmp_path / "x.pdf", width_cm=width)
        command = [PDFTOPPM, "-r", "72", "-gray", "-singlefile", path, str(tmp_path / "x")]
        ran = subprocess.run(command, check=True, capture_output=True, timeout=60)
        assert ran.stderr == b""
        head, size, _, pixels = (tmp_path / "x.pgm").read_bytes().split(b"\n", 3)
        assert head == b"P5"
        columns, rows = map(int, size.split())
        assert abs(columns - width / 2.54 * 72) <= 1
        dark = [any(pixels[row * columns + x] < 200 for row in range(rows)) for x in range(columns)]
        left, right = dark.index(True), dark[::-1].index(True)
        assert max(left, right) < 0.03 * columns
        assert abs(left - right) <= 2


def test_the_width_of_a_pdf_is_that_of_poppler(tmp_path: Path) -> None:
    if not shutil.which("pdfinfo"):
        lacking("pdfinfo is not installed")
    path = draw(with_gradients(neuron())).render(tmp_path / "neuron.pdf", width_cm=8.4)
    pdf = Path(path).read_bytes()
    table = int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])
    found_at = re.match(rb"xref\n(\d+) 1\n(\d{10}) 00000 n \ntrailer", pdf[table:])
    assert found_at and pdf[int(found_at[2]) :].startswith(found_at[1] + b" 0 obj\n<< /Type /Page ")
    ran = subprocess.run(["pdfinfo", path], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stderr == ""
    found = re.search(r"Page size: +(\S+) x", ran.stdout)
    assert found and abs(float(found[1]) / 72 * 25.4 - 84) < 0.1


def test_a_pdf_whose_objects_are_compressed_gets_its_width(tmp_path: Path) -> None:
    """Newer versions of cairo put the page into a stream of objects, and the table into another (PDF 1.5)."""
    catalog, pages = b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [ 3 0 R ] /Count 1 >>"
    page = b"<< /Type /Page % 1\n   /Parent 2 0 R\n   /MediaBox [ 0 0 238 42 ]\n   /Resources << >> >>"
    starts = (0, len(catalog) + 1, len(catalog) + len(pages) + 2)
    head = b" ".join(b"%d %d" % (i, start) for i, start in enumerate(starts, 1)) + b" "
    packed = zlib.compress(head + b"\n".join([catalog, pages, page]))
    look = b"<< /Type /ObjStm /N 3 /First %d /Length %d /Filter /FlateDecode >>" % (len(head), len(packed))
    pdf = b"%PDF-1.5\n"
    objects = len(pdf)
    pdf += b"4 0 obj\n" + look + b"\nstream\n" + packed + b"\nendstream\nendobj\n"
    entries = [(0, 0, 65535), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, objects, 0), (1, len(pdf), 0)]
    table = b"".join(struct.pack(">BIH", *entry) for entry in entries)
    look = b"<< /Type /XRef /Size 6 /W [1 4 2] /Root 1 0 R /Length %d >>" % len(table)
    at = len(pdf)
    pdf += b"5 0 obj\n" + look + b"\nstream\n" + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % at
    changed = paper("pdf", 8.4, None).written_into(pdf)
    assert changed.startswith(pdf)
    table_at = int(re.findall(rb"startxref\s+(\d+)", changed)[-1])
    assert changed[table_at:].startswith(b"6 0 obj\n<< /Type /XRef /Size 7 ")
    page_at, own_at = (
        int.from_bytes(entry[1:5]) for entry in struct.unpack("7s7s", changed[table_at:].split(b"stream\n")[1][:14])
    )
    assert changed[page_at:].startswith(b"3 0 obj\n<< /Type /Page ")
    assert own_at == table_at
    path = tmp_path / "compressed.pdf"
    path.write_bytes(changed)
    assert abs(width_in_cm(path) - 8.4) < 0.001
    if not shutil.which("pdfinfo"):
        lacking("pdfinfo is not installed")
    for content, width in ((pdf, "238"), (changed, "238.11")):
        path.write_bytes(content)
        ran = subprocess.run(["pdfinfo", path], check=True, capture_output=True, text=True, timeout=60)
        assert ran.stderr == ""
        assert re.search(rf"Page size: +{width} x 42 pts", ran.stdout)


@given(st.binary(max_size=100), st.sampled_from(FORMATS))
def test_a_file_of_another_form_is_left_as_it_is(content: bytes, format: str) -> None:
    if format != "png":  # its header has a fixed place
        assert paper(format, 8.4, None).written_into(content) == content


def test_the_resolution(engine: str, tmp_path: Path) -> None:
    drawing = draw(Value(1.0, "x").tanh())
    pixels = {}
    for dpi in (None, 100, 200):
        path = Path(drawing.render(tmp_path / "x.png", dpi=dpi) if dpi else drawing.render(tmp_path / "x.png"))
        pixels[dpi] = struct.unpack(">I", chunks(path.read_bytes())[b"IHDR"][:4])[0]
        if dpi:
            assert width_in_cm(path) == pytest.approx(pixels[dpi] / dpi * 2.54, rel=1e-3)
    assert pixels[200] == pytest.approx(2 * pixels[100], abs=2)
    path = Path(drawing.render(tmp_path / "y.png", width_cm=8.4, dpi=400))
    assert struct.unpack(">I", chunks(path.read_bytes())[b"IHDR"][:4])[0] == round(8.4 / 2.54 * 400)
    assert abs(width_in_cm(path) - 8.4) < 0.01


def test_a_pdf_has_no_margins() -> None:
    drawing = draw(with_gradients(neuron()))
    box = re.findall(rb"MediaBox \[ 0 0 (\d+) ", drawing.pipe("pdf"))
    del drawing.graph_attr["margin"]  # an SVG has none anyway
    width = re.findall(r'<svg width="(\d+)pt"', drawing.pipe(encoding="utf-8"))
    assert abs(int(box[0]) - int(width[0])) <= 1


@pytest.mark.slice(most=2)
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.svg", {}), ("a", {"format": "pdf"}), ("a.svg", {"format": "pdf"}), ("a", {}), ("a.svg", {"cleanup": True})],
)
def test_a_width_with_other_arguments_of_render(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    drawing = draw(neuron())
    plain = Path(drawing.render(name, directory=tmp_path / "plain", **options)).name
    path = Path(drawing.render(name, directory=tmp_path / "sized", width_cm=5.0, **options))
    assert path == tmp_path / "sized" / plain
    assert abs(width_in_cm(path) - 5.0) < 0.01


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.pdf", {"width_cm": 0}, "width_cm is a number above 0, got 0"),
        ("x.pdf", {"width_cm": float("inf")}, "width_cm is a number above 0, got inf"),
        ("x.gif", {"width_cm": 8.4}, "width_cm is for pictures that keep it: svg, .*, got 'gif'"),
        ("x.pdf", {"width_cm": 8.4, "dpi": 300}, "dpi is for pictures of pixels: png, jpg, jpeg, got 'pdf'"),
        ("x.gif", {"dpi": 300}, "dpi is for pictures that keep it"),
        ("x.png", {"dpi": -1}, "dpi is a number above 0"),
        ("x.png", {"dpi": 1e6, "width_cm": 8.4}, "8.4 cm at 1e.06 dpi has too many pixels"),
    ],
)
def test_impossible_sizes_are_refused(name: str, options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        draw(neuron()).render(tmp_path / name, **options)
    assert not [*tmp_path.iterdir()]


def test_a_width_is_a_number(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="expected a real number, got str"):
        draw(neuron()).render(tmp_path / "x.pdf", width_cm="8.4cm")


def test_a_graph_made_by_hand_has_a_width_too(tmp_path: Path) -> None:
    drawing = Drawing()
    drawing.edge("a", "b")
    assert abs(width_in_cm(Path(drawing.render(tmp_path / "x.pdf", width_cm=3.0))) - 3.0) < 0.01
