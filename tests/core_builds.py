"""Build the native core in a copy of the package, with options of the compiler that tests need."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "*.so", "*.pyd")


def built_copy(folder: Path, python: str = sys.executable, **variables: str) -> Path:
    """Copy the repository to a folder and build the core there, in place; return the copy's path.

    Raises:
        subprocess.CalledProcessError: the core cannot be built; what the compiler said was printed.
    """
    copy = copied(folder)
    build(copy, python, **variables)
    return copy


def copied(folder: Path) -> Path:
    """Copy the repository to a folder, without what was built; return the copy's path."""
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
    return copy


def build(copy: Path, python: str = sys.executable, **variables: str) -> None:
    """Build the core in place, with these variables of the environment."""
    subprocess.run(
        [python, "setup.py", "-q", "build_ext", "--inplace"],
        cwd=copy,
        env=environment(AUTOGRAD_REQUIRE_NATIVE="1", **variables),
        check=True,
    )


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of this process with the engine left to choose, and with more variables."""
    rest = {name: text for name, text in os.environ.items() if name not in ("AUTOGRAD_PURE", "CFLAGS")}
    return rest | variables
