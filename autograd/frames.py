"""Find the line of the user's source that called the package, for messages and warnings."""

import inspect
import linecache
import os
import sys
import warnings
from collections.abc import Mapping
from types import CodeType, FrameType

from autograd.text import escaped

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_STANDARD = os.path.dirname(os.__file__) + os.sep
_NUMPY, _GRAPHVIZ = (f"-packages{os.sep}{name}{os.sep}" for name in ("numpy", "graphviz"))  # they call the package

Place = tuple[CodeType, int]
"""A code object, and the offset of an instruction in it. To find its line takes longer than to keep this."""


def caller() -> FrameType | None:
    """Return the nearest frame outside the package: the user's current line."""
    frame = inspect.currentframe()  # None in a Python without frames
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame


def place_of_caller(below: int = 0) -> Place | None:
    """Return the user's current place, not that inside NumPy, graphviz or Python's own library; None if it is unknown.

    Arguments:
        below: so many calls between this one and the user's are known to be the package's; they are skipped unseen.
    """
    frame: FrameType | None = sys._getframe(1 + below)
    nearest: Place | None = None
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if not file.startswith(_PACKAGE):
            if not _is_of_a_library(file):
                return code, frame.f_lasti
            nearest = nearest or (code, frame.f_lasti)
        frame = frame.f_back
    return nearest


def _is_of_a_library(file: str) -> bool:
    return file.startswith((_STANDARD, _PACKAGE)) or _NUMPY in file or _GRAPHVIZ in file


def is_installed(file: str) -> bool:
    """Return True for a file of a package that pip has installed, this one, or Python's own library."""
    return _is_of_a_library(file) or f"-packages{os.sep}" in file


def is_running(code: CodeType) -> bool:
    """Return True while a function with this code runs that has called this one, directly or not.

    >>> def outer(call):
    ...     return call()
    >>> outer(lambda: is_running(outer.__code__)), is_running(outer.__code__)
    (True, False)
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code is not code:
        frame = frame.f_back
    return frame is not None


def innermost(codes: Mapping[CodeType, str], default: str) -> str:
    """Return what is known of the innermost function that runs and has called this one; the default, if none does.

    >>> def outer(call):
    ...     return call()
    >>> outer(lambda: innermost({outer.__code__: "outer"}, "none")), innermost({outer.__code__: "outer"}, "none")
    ('outer', 'none')
    """
    frame = inspect.currentframe()
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back
    return default if frame is None else codes[frame.f_code]


def is_raised_here(problem: BaseException) -> bool:
    """Return True for an exception that the package has raised, and not the user's code, or a library that it calls."""
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_code.co_filename.startswith(_PACKAGE)


def shown(place: Place) -> str:
    """Return a line of source as "file:line: text", without the text if that is unknown.

    >>> shown((compile("1", "<stdin>", "exec"), 0))
    '<stdin>:1'
    """
    code, offset = place
    file = code.co_filename
    line = next((line for start, end, line in code.co_lines() if start <= offset < end and line), code.co_firstlineno)
    return escaped(f"{file}:{line}: {linecache.getline(file, line).strip()}".rstrip(": "))


def warn_caller(message: str, category: type[Warning]) -> None:
    """Issue a warning that names the user's current line, however deep in the package it comes from.

    It is not that inside NumPy, graphviz or Python's own library, if one of these has called the package.
    """
    level, frame, outside = 1, inspect.currentframe(), caller()
    users = outside
    while users is not None and _is_of_a_library(users.f_code.co_filename):
        users = users.f_back
    outside = users or outside
    while frame is not None and frame is not outside:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
