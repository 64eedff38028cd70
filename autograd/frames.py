"""Find the line of the user's source that called the package, for messages and warnings."""

import inspect
import linecache
import os
import warnings
from types import FrameType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

Place = tuple[str, int]
"""A file and the number of a line in it."""


def caller() -> FrameType | None:
    """Return the nearest frame outside the package: the user's current line."""
    frame = inspect.currentframe()  # None in a Python without frames
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def place_of_caller() -> Place | None:
    """Return the user's current line; None if it is unknown."""
    frame = caller()
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def shown(place: Place) -> str:
    """Return a line of source as "file:line: text", without the text if that is unknown.

    >>> shown(("<stdin>", 3))
    '<stdin>:3'
    """
    file, line = place
    return f"{file}:{line}: {linecache.getline(file, line).strip()}".rstrip(": ")


def warn_caller(message: str, category: type[Warning]) -> None:
    """Issue a warning that names the user's current line, however deep in the package it comes from."""
    level, frame, outside = 1, inspect.currentframe(), caller()
    while frame is not None and frame is not outside:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
