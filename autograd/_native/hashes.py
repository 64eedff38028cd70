"""Tell what a native core was built from: the table of operations, and the sources in C.

This file imports nothing of the package, because `setup.py` runs it where nothing is installed.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_FOLDER = Path(__file__).parent


def table_hash() -> str:
    """Return a hash of the code of the table of operations, without comments on lines of their own and blank lines.

    `rules.h` is generated from that code, and has the hash.
    """
    return _hash(_FOLDER.parent / name for name in ("ops.py", "floats.py"))


def sources_hash() -> str:
    """Return a hash of the sources in C, and of what gives the core its names; "" if they are not beside this file."""
    sources = sorted(_FOLDER.glob("*.[ch]"))
    return _hash([*sources, _FOLDER.parent / "native.py"]) if sources else ""


def _hash(files: Iterable[Path]) -> str:
    code = hashlib.sha256()
    for file in files:
        for line in file.read_bytes().splitlines():
            if (stripped := line.strip()) and not stripped.startswith(b"# "):
                code.update(line.rstrip() + b"\n")
    return code.hexdigest()
