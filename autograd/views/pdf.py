"""Read and change a PDF that cairo has made: its fonts, the width of its page, and its date.

Objects are text in the file, or in compressed streams (PDF 1.5, ISO 32000-1, 7.5.7). A change is what the standard
calls an incremental update (7.5.6): the new version of an object, and a table of where it is, follow the old file.
"""

import re
import struct
import zlib
from collections.abc import Iterator


def fonts(pdf: bytes) -> list[str]:
    """Return the PostScript names of the fonts in a PDF.

    >>> fonts(b"7 0 obj\\n<< /Type /Font /BaseFont /ABCDEF+DejaVuSans-Bold >>\\nendobj\\n")
    ['DejaVuSans-Bold']
    """
    found = (re.search(rb"/BaseFont /(?:[A-Z]{6}\+)?([^\s/<>\[\]()]+)", text) for _, text in _objects(pdf))
    return list(dict.fromkeys(font[1].decode(errors="replace") for font in found if font))


def with_width(pdf: bytes, points: float) -> bytes:
    """Set the width of the only page of a PDF."""
    pages = (page for page in _objects(pdf) if re.match(rb"<< /Type /Page\b", page[1]))
    number, page = next(pages, (0, b""))
    end = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*\Z", pdf)
    page, found = re.subn(rb"/MediaBox \[ 0 0 \S+ ", f"/MediaBox [ 0 0 {points:.4f} ".encode(), page)
    table = pdf[int(end[1]) :] if end else b""
    size = re.search(rb"/Size (\d+)", table)
    if not (found and end and size):
        return pdf
    at, after = len(pdf) + 1, int(size[1])
    update = f"\n{number} 0 obj\n".encode() + page + b"\nendobj\n"
    start = len(pdf) + len(update)
    trailer = b" ".join([*re.findall(rb"/(?:Root|Info) \d+ \d+ R", table), b"/Prev", end[1]])
    if table.startswith(b"xref"):
        update += f"xref\n{number} 1\n{at:010d} 00000 n \ntrailer\n<< /Size {after} ".encode() + trailer + b" >>\n"
    else:  # the table is a stream, and an object itself
        entries = struct.pack(">BIHBIH", 1, at, 0, 1, start, 0)
        look = f"/Type /XRef /Size {after + 1} /W [1 4 2] /Index [{number} 1 {after} 1] /Length {len(entries)} "
        stream = b" >>\nstream\n" + entries + b"\nendstream\nendobj\n"
        update += f"{after} 0 obj\n<< {look}".encode() + trailer + stream
    return pdf + update + f"startxref\n{start}\n%%EOF\n".encode()


def without_date(picture: bytes) -> bytes:
    r"""Return a picture of cairo's in PDF or PostScript with the date of 1970, so that a drawing has the same bytes
    each time; another picture as it is. A date keeps its length: a PDF says at which byte each object begins.

    >>> without_date(b"%PDF-1.5\n/CreationDate (D:20261130064022Z)\n")
    b'%PDF-1.5\n/CreationDate (D:19700101000000Z)\n'
    """
    if picture.startswith(b"%PDF"):
        return re.sub(rb"(?<=/CreationDate \(D:)\d{14}", b"19700101000000", picture)
    if picture.startswith(b"%!PS"):
        return re.sub(rb"^(%%CreationDate: ).*$", rb"\1Thu Jan  1 00:00:00 1970", picture, count=1, flags=re.M)
    return picture


def _objects(pdf: bytes) -> Iterator[tuple[int, bytes]]:
    """Return the number and the text of each object."""
    for found in re.finditer(rb"(\d+) 0 obj\n(<<.*?)\nendobj", pdf, re.DOTALL):
        look, _, rest = found[2].partition(b"stream\n")
        yield int(found[1]), look.strip()
        count, first = (re.search(rb"/" + name + rb" (\d+)", look) for name in (b"N", b"First"))
        if b"/Type /ObjStm" in look and count and first:
            text = zlib.decompressobj().decompress(rest) if b"/FlateDecode" in look else rest
            places = [int(word) for word in text[: int(first[1])].split()][: 2 * int(count[1])]
            starts = [int(first[1]) + place for place in places[1::2]]
            for number, start, end in zip(places[::2], starts, [*starts[1:], len(text)]):
                yield number, text[start:end].strip()
