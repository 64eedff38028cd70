"""Load a compiled library, and unload it with the last of its functions.

`ctypes.CDLL` never unloads, and each function that it gives refers to itself, so only the garbage collector would free
it, and the library with it. Here a function is made from its address, and keeps the library: also while it runs.
"""

import _ctypes
import ctypes
import os
import weakref
from typing import Any, NamedTuple

from autograd.codegen.arguments import Signature

MOST_LANES = 8  # samples in one of a program's vectors, at most
_CAN_UNLOAD = hasattr(_ctypes, "dlsym") and hasattr(_ctypes, "dlclose")  # not on Windows


class Library:
    """A loaded library of functions without results.

    It is unloaded once nothing refers to it or its functions; at the end of the process, and on Windows, it stays.

    Raises:
        OSError: the file cannot be loaded; the message is the system's.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if _CAN_UNLOAD:
            self.handle = _ctypes.dlopen(os.fspath(path), ctypes.DEFAULT_MODE)
            weakref.finalize(self, _ctypes.dlclose, self.handle).atexit = False
        else:
            self.library = ctypes.CDLL(os.fspath(path))

    def function(self, name: str) -> Any:
        """Return a function of the library; it takes what C takes, and releases the interpreter's lock."""
        if not _CAN_UNLOAD:
            function: Any = self.library[name]
            function.restype = None
            return function
        function = ctypes.CFUNCTYPE(None)(_ctypes.dlsym(self.handle, name))
        function.library = self
        return function

    def address(self, name: str) -> int:
        """Return the address of a function, for a caller that keeps this library."""
        if not _CAN_UNLOAD:
            return ctypes.cast(self.library[name], ctypes.c_void_p).value or 0
        address: int = _ctypes.dlsym(self.handle, name)
        return address

    def integer(self, name: str) -> int:
        """Return the value of a `long long` that the library exports."""
        if not _CAN_UNLOAD:
            return ctypes.c_longlong.in_dll(self.library, name).value
        return ctypes.c_longlong.from_address(_ctypes.dlsym(self.handle, name)).value


class CallLimits(NamedTuple):
    """The numbers of samples that one call of a C program may compute."""

    most: int
    """In a time in which Ctrl-C can wait; more are computed in slices."""
    most_alone: int
    """In a time in which other threads of Python can wait; 0 if none can wait for a call without a batch."""
    chunk: int
    """At least, where outputs are written in pieces: in whole vectors, and so many that what does not depend on the
    sample, computed again for each chunk, takes little of the time."""


class CProgram(NamedTuple):
    """A program in C, for callers that call it from C.

    The library has `void called(long long n, const double *const *a, double *out, char *work)`: n samples, 1 without a
    batch; the arguments in a, a batched one row by row; the outputs one after another, in the order of their tree.
    """

    library: Library
    signature: Signature
    work: int
    """The size of `work` in bytes, which are aligned to 64; 0 for none, then it may be NULL."""
    limits: CallLimits
