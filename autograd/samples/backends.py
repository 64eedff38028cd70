"""Choose a backend: the first that can be used."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from itertools import pairwise
from typing import TypeVar

from autograd.codegen.c_build import TooLongToBuildError
from autograd.codegen.compile import FASTEST_FIRST
from autograd.errors import CompilerError, CompilerNotFound, UnsupportedOperationError
from autograd.frames import warn_caller

T = TypeVar("T")


def first_usable(backends: Iterable[str], make: Callable[[str], T], doing: str) -> tuple[T, bool]:
    """Compile for the first backend that can be used, and return the result, and whether it is not the first of all.

    A warning says why a backend cannot be used, unless it is not for this machine, not for this model, or not
    worth its compiling.

    Arguments:
        backends: their names in order of preference; the last one works everywhere.
        make: compiles for one of them.
        doing: what the result is for, in the warning.
    """
    usable = [name for name in backends if has_numpy() or not FASTEST_FIRST[name].needs_numpy]
    for name, slower in pairwise(usable):
        try:
            return make(name), name != usable[0]
        except (CompilerNotFound, TooLongToBuildError, UnsupportedOperationError):
            pass
        except (CompilerError, OSError) as problem:
            said = f'{doing} with backend="{slower}", because backend="{name}" cannot be used: {problem}'
            warn_caller(said, RuntimeWarning)
    return make(usable[-1]), len(usable) > 1


def has_numpy() -> bool:
    return find_spec("numpy") is not None
