"""Give a picture a width on paper: what Graphviz needs to know before, and what is written into its file after.

Graphviz has no such option. It rounds a page to whole points (0.35 mm), adds half an inch around it, and writes no
resolution into a PNG. So it is asked for the width without margins, and the file then gets the exact one, where its
format keeps it: the size of the SVG, the page of the PDF, the bounding box of PostScript, the resolution of pixels.
"""

import re
import struct
import zlib
from typing import NamedTuple

from autograd.views import pdf
from autograd.views.limits import positive

_PAGES, _PIXELS = ("svg", "pdf", "eps", "ps"), ("png", "jpg", "jpeg")
_POINTS, _CM = 72, 2.54  # of an inch
_DPI = 300.0  # what printers ask for
_MOST_PIXELS = 32_000  # Graphviz makes larger pictures smaller
_HIGHEST = 10_000  # inches: the height is not limited


class Paper(NamedTuple):
    """The size in which a picture is wanted.

    Attributes:
        format: the suffix of its file.
        width: in cm; None for the drawing's own.
        dpi: the pixels of an inch; for formats without pixels, None.
    """

    format: str
    width: float | None
    dpi: float | None

    def attributes(self) -> dict[str, str]:
        """Return the attributes of a graph with which Graphviz makes the picture as wide, but for a fraction."""
        if self.width is None:
            return {"dpi": f"{self.dpi:g}"}
        if self.format == "svg":
            return {}
        points = self.width / _CM * _POINTS
        whole = max(round(points), 1)  # Graphviz rounds it, too
        size = {"margin": "0", "size": f"{whole / _POINTS:.6f},{_HIGHEST}!"}
        return size if self.dpi is None else {**size, "dpi": f"{self.dpi * points / whole:.6f}"}

    def written_into(self, content: bytes) -> bytes:
        """Return the picture with this width in its file."""
        if self.format == "png":
            return _png(content, self.width, self.dpi)
        if self.format in _PIXELS:
            return _jpg(content, self.dpi)
        if self.width is None:
            return content
        if self.format == "svg":
            return _svg(content, self.width)
        points = self.width / _CM * _POINTS
        return pdf.with_width(content, points) if self.format == "pdf" else _postscript(content, points)


def paper(format: str, width_cm: object, dpi: object) -> Paper:
    """Return the size in which a picture is wanted, from the arguments of `render`.

    Raises:
        TypeError: a number is none.
        ValueError: it is out of range, or the format has no width or no pixels.

    >>> paper("pdf", 8.4, None)
    Paper(format='pdf', width=8.4, dpi=None)
    >>> paper("gif", 8.4, None)
    Traceback (most recent call last):
        ...
    ValueError: width_cm is for pictures that keep it: svg, pdf, eps, ps, png, jpg, jpeg, got 'gif'
    """
    if format not in (*_PAGES, *_PIXELS):
        argument = "dpi" if width_cm is None else "width_cm"
        raise ValueError(f"{argument} is for pictures that keep it: {', '.join((*_PAGES, *_PIXELS))}, got {format!r}")
    width = None if width_cm is None else positive("width_cm", width_cm)
    if format in _PAGES:
        if dpi is not None:
            raise ValueError(f"dpi is for pictures of pixels: {', '.join(_PIXELS)}, got {format!r}, which has none")
        return Paper(format, width, None)
    resolution = _DPI if dpi is None else positive("dpi", dpi)
    if (width or 1) / _CM * resolution > _MOST_PIXELS:
        raise ValueError(f"a picture of {width} cm at {resolution:g} dpi has too many pixels: pass a smaller dpi")
    return Paper(format, width, resolution)


# Formats -------------------------------------------------------------------------------------------------------------


def _svg(svg: bytes, width: float) -> bytes:
    """Set the size of an SVG; what is in it keeps its own units.

    >>> _svg(b'<svg width="200pt" height="100pt" viewBox="0 0 200 100">', 8.4)
    b'<svg width="8.4cm" height="4.2cm" viewBox="0 0 200 100">'
    """
    root = re.search(rb'<svg\b[^>]*?viewBox="(\S+) (\S+) (\S+) (\S+)"[^>]*>', svg)
    if root is None:
        return svg
    height = width * float(root[4]) / float(root[3])
    tag = root[0]
    for name, size in (("width", width), ("height", height)):
        tag = re.sub(rf'\b{name}="[^"]*"'.encode(), f'{name}="{size:.6g}cm"'.encode(), tag, count=1)
    return svg[: root.start()] + tag + svg[root.end() :]


def _postscript(content: bytes, points: float) -> bytes:
    """Add the exact bounding box, and set the page.

    >>> _postscript(b"%%BoundingBox: 0 0 238 42\\n", 238.11)
    b'%%BoundingBox: 0 0 238 42\\n%%HiResBoundingBox: 0 0 238.1100 42\\n'
    """
    exact = rb"%%HiResBoundingBox: 0 0 " + f"{points:.4f}".encode()
    content = re.sub(rb"^%%BoundingBox: 0 0 \d+ (\d+)\n", rb"\g<0>" + exact + rb" \1\n", content, count=1, flags=re.M)
    return re.sub(rb"/PageSize \[\d+ (\d+)\]", rb"/PageSize [" + f"{points:.4f}".encode() + rb" \1]", content)


def _png(png: bytes, width: float | None, dpi: float | None) -> bytes:
    """Write the resolution of a PNG, in pixels per metre, before its other parts."""
    head = 8 + 8 + 13 + 4  # the signature, then the header: length and kind, content, checksum
    pixels = struct.unpack(">I", png[16:20])[0]
    per_metre = round(pixels * 100 / width if width is not None else (dpi or _DPI) * 100 / _CM)
    chunk = b"pHYs" + struct.pack(">IIB", per_metre, per_metre, 1)
    resolution = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    rest = re.sub(rb"\x00\x00\x00\x09pHYs.{13}", b"", png[head:], count=1, flags=re.S)
    return png[:head] + resolution + rest


def _jpg(jpg: bytes, dpi: float | None) -> bytes:
    """Write the resolution of a JPEG into its first segment."""
    if jpg[6:11] != b"JFIF\0":
        return jpg
    return jpg[:13] + struct.pack(">BHH", 1, *[round(dpi or _DPI)] * 2) + jpg[18:]
