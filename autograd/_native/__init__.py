"""Find the native core, the engine in C, and say why it is not used where it is not.

`engine.py` is complete without it. Where the package was built with a C compiler, the same names come from C: `core.c`,
written by hand, with the functions and the derivative rules of the table (`rules.h`, generated from it). A core that
was built for another table than the one that is there would compute other numbers: it is not used.

Two variables of the environment choose: AUTOGRAD_PURE=1 the engine in Python, AUTOGRAD_REQUIRE_NATIVE=1 the native core
or an error.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import warn

from autograd._native.elsewhere import reason_for_none
from autograd._native.hashes import sources_hash, table_hash


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "") not in ("", "0")


def _what_to_do() -> str:
    if sources_hash():  # a copy of the project
        return "with a C compiler and Python's headers, pip install -e . in the folder of the project"
    return "install the package again, from its source where there is a C compiler with Python's headers"


def _found() -> tuple[Any, str]:
    """Return the native core or None, and why it is not used."""
    if _is_set("AUTOGRAD_PURE"):
        return None, "AUTOGRAD_PURE is set"
    try:
        found = import_module("autograd._native.core")
    except ModuleNotFoundError:
        return None, reason_for_none() or f"it has not been built: {_what_to_do()}"
    except ImportError as problem:
        return None, str(problem)
    try:
        table, sources = table_hash(), sources_hash()
    except OSError:  # installed without sources, all of it together
        return found, ""
    built_from = getattr(found, "SOURCES_HASH", "")
    if table != found.TABLE_HASH or sources not in ("", built_from):
        other = "for another table of operations" if table != found.TABLE_HASH else "from other sources"
        reason = f"it was built {other}: {_what_to_do()}"
        warn(f"the native core of autograd is not used, because {reason}", RuntimeWarning, stacklevel=2)
        return None, reason
    return found, ""


core, reason = _found()
"""The module in C, or None; and why it is not used, else ""."""

if core is None and _is_set("AUTOGRAD_REQUIRE_NATIVE"):
    raise ImportError(f"AUTOGRAD_REQUIRE_NATIVE is set, but there is no native core: {reason}")


if TYPE_CHECKING or core is None:

    class Operation:
        """What an operation is based on; in C it calls what `Op.__call__` does, without a detour through Python."""

        __slots__ = ()

else:
    Operation = core.Operation
