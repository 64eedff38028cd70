"""Tell what a native core was built from: the table of operations, and the sources in C.

This file imports nothing of the package, because `setup.py` runs it where nothing is installed.
"""

import hashlib
from pathlib import Path

_FOLDER = Path(__file__).parent


def table_hash() -> str:
    """Return a hash of the code of the table of operations, without comments on lines of their own and blank lines.

    `rules.h` is generated from that code, and has the hash.
    """
    code = hashlib.sha256()
    for name in ("ops.py", "floats.py"):
        for line in (_FOLDER.parent / name).read_bytes().splitlines():
            if (stripped := line.strip()) and not stripped.startswith(b"# "):
                code.update(line.rstrip() + b"\n")
    return code.hexdigest()


def sources_hash() -> str:
    """Return a hash of the sources in C, and of what gives the core its names; "" if they are not beside this file."""
    code, sources = hashlib.sha256(), sorted(_FOLDER.glob("*.[ch]"))
    for file in [*sources, _FOLDER.parent / "native.py"]:
        code.update(file.read_bytes().replace(b"\r\n", b"\n"))  # whole: line by line would take 0.6 ms of each import
    return code.hexdigest() if sources else ""
