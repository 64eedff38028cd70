"""Say where there is no native core on purpose.

This file imports nothing of the package, because `setup.py` runs it where nothing is installed.
"""

import os
import sys
import sysconfig


def reason_for_none() -> str:
    """Return why the core is neither built nor used on this Python, "" if it may be."""
    if sys.implementation.name != "cpython":
        return f"it is for CPython, and this is {sys.implementation.name}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "it relies on the lock that free-threaded Python lacks"
    if sysconfig.get_platform().startswith(("emscripten", "wasi")) or "PYODIDE" in os.environ:
        return "it is not for WebAssembly"
    return ""
