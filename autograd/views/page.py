"""What a view returns that is an interactive page: `explore`."""

import os
import tempfile
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from autograd.files import check_writable, named_file, path_text, write_whole
from autograd.views.inline import frame


class Page:
    """An interactive page: a notebook shows it, and `.view()` opens it in a browser.

    One that was written to a file is an `os.PathLike`, for what takes a path.

    Attributes:
        html: the whole page as text, which needs no other file.
        path: the file that it was written to; None if it was written to none.
    """

    path: Path | None = None

    def __init__(self, html: str) -> None:
        self.html = html

    def __repr__(self) -> str:
        return f"<Page{f' {path_text(self.path)}' if self.path else ''}: .view() opens it, .html is its text>"

    def _repr_html_(self) -> str:
        return frame(self.html, name="Computation graph")

    def view(self) -> Path:
        """Open the page in the browser, and return the path of its file.

        A page that was not written to a file is written into the system's folder for temporary files.
        """
        path = self.path
        if path is None:
            path = Path(tempfile.mkdtemp(prefix="scalar-autograd-"), "page.html")
            write_whole(path, self.html)
        webbrowser.open(path.resolve().as_uri())
        return path

    if TYPE_CHECKING:  # of the type of a page, its path says whether it was written

        def __fspath__(self) -> str: ...


class _WrittenPage(Page):
    def __init__(self, html: str, path: Path) -> None:
        super().__init__(html)
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def __fspath__(self) -> str:
        return str(self.path)


def check_place(path: str | os.PathLike[str] | None) -> Path | None:
    """Return where a page shall be written to, as a path; None for nowhere.

    Raises:
        TypeError: it is no path.
        OSError: it cannot be written to, or is read-only.
    """
    if path is None:
        return None
    try:
        path = named_file(path)
    except TypeError as problem:
        raise TypeError(f"{problem}; leave it out for a page without a file") from None
    check_writable(path)
    return Path(path)


def page(html: str, path: Path | None) -> Page:
    """Return the page, written to a file in one step if there is a path."""
    if path is None:
        return Page(html)
    write_whole(path, html)
    return _WrittenPage(html, path)
