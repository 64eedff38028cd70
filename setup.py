"""Build the native core where that is possible, and describe the package by its README.

All else stands in pyproject.toml.

The core, `autograd._native.core`, is optional: where it cannot be built, or is not wanted, the package is complete in
Python, and its wheel is tagged for every Python and every system. AUTOGRAD_PURE=1 leaves the core out,
AUTOGRAD_REQUIRE_NATIVE=1 turns its absence into an error, with what the compiler said.

The description's links work where the other files of the repository are not at hand. Links and pictures there lead to
the repository, whose address is `Source` in `[project.urls]`; as long as there is none, pictures are left out, and
links keep their text.
"""

import ast
import os
import re
import runpy
import shlex
import tomllib
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

ROOT = Path(__file__).parent
CORE = "autograd._native.core"
FOLDER = "autograd/_native"

STABLE_ABI = False
"""Whether one core serves all versions of Python from 3.11 on. AUTOGRAD_STABLE_ABI=0 or 1 builds the other kind.

It would take 5 to 12 percent more time for a step of micrograd's demo with one `dot` a neuron, whose list it reads by a
call for each item, and none more for one with a node for each `*` and `+` (CPython 3.11, minima, in turns).
"""
OLDEST = (3, 11)


# The native core -----------------------------------------------------------------------------------------------------


def chosen(variable: str, otherwise: bool = False) -> bool:
    """Return whether a variable of the environment is set, to anything but 0."""
    return os.environ.get(variable, str(int(otherwise))) not in ("", "0")


def file_of_core(name: str) -> dict[str, Any]:
    """Return what a file of the core's folder defines. It cannot be imported here, where nothing is installed."""
    return runpy.run_path(str(ROOT / FOLDER / name))


def reason_for_none() -> str:
    """Return why the core is not built here, "" if it is."""
    if chosen("AUTOGRAD_PURE"):
        return "AUTOGRAD_PURE is set"
    return str(file_of_core("elsewhere.py")["reason_for_none"]())


def core() -> Extension:
    """Return the description of the core. Its options depend on the compiler, which is known later."""
    limited = chosen("AUTOGRAD_STABLE_ABI", STABLE_ABI) and not reason_for_none()
    return Extension(
        CORE,
        sources=sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / FOLDER).glob("*.c")),
        depends=sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / FOLDER).glob("*.h")),
        define_macros=[
            ("SOURCES_HASH", file_of_core("hashes.py")["sources_hash"]()),
            *([("Py_LIMITED_API", f"0x{OLDEST[0]:02X}{OLDEST[1]:02X}0000")] if limited else []),
        ],
        py_limited_api=limited,
        optional=not chosen("AUTOGRAD_REQUIRE_NATIVE"),
    )


def options(compiler: str) -> list[str]:
    """Return the options of a compiler. The bits of results depend on those that come last."""
    if compiler == "msvc":
        return ["/O2", "/fp:precise", "/std:c11"]
    own = shlex.split(os.environ.get("CFLAGS", ""))  # which setuptools puts in front, where -O3 would win
    # From the backend that writes C, whose promise is the same; it cannot be imported here, where nothing is installed.
    text = (ROOT / "autograd/codegen/c.py").read_text(encoding="utf-8")
    flags = next(line for line in text.splitlines() if line.startswith("FLAGS = "))
    return ["-O3", "-g0", "-std=c11", "-fvisibility=hidden", *own, *ast.literal_eval(flags.removeprefix("FLAGS = "))]


def remove_core(folder: Path) -> None:
    """Remove what this Python would import as the core."""
    for suffix in EXTENSION_SUFFIXES:
        (folder / f"core{suffix}").unlink(missing_ok=True)


class BuildCore(build_ext):
    """Build the core, or leave none: one of an earlier build would not be that of these sources."""

    def run(self) -> None:
        """Remove a core that is in place, if that is where one is built, then build."""
        if self.inplace:
            remove_core(ROOT / FOLDER)
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Build the core.

        Raises:
            CompileError: there is a reason to build none. Setuptools raises others; where the core is optional, it
                catches all of them.
        """
        remove_core(Path(self.get_ext_fullpath(CORE)).parent)
        if reason := reason_for_none():
            raise CompileError(reason)
        ext.extra_compile_args = options(self.compiler.compiler_type)
        super().build_extension(ext)

    def is_built(self) -> bool:
        """Return whether the core is there, to be packed."""
        self.ensure_finalized()
        return Path(self.get_ext_fullpath(CORE)).exists()


class Wheel(bdist_wheel):
    """Tag a wheel for what is in it: without the core, for every Python and every system."""

    def finalize_options(self) -> None:
        """Tag a wheel with a core of the stable ABI for the oldest Python that has it."""
        if any(extension.py_limited_api for extension in self.distribution.ext_modules or []):
            self.py_limited_api = "cp{}{}".format(*OLDEST)
        super().finalize_options()

    def run(self) -> None:
        """Build first, because that decides the tag; once, though `bdist_wheel` would compile again."""
        self.run_command("build")
        self.skip_build = True
        if not self.get_finalized_command("build_ext").is_built():
            self.distribution.ext_modules = []
            self.root_is_pure = True
        super().run()


# The description -----------------------------------------------------------------------------------------------------


def with_links_to(source: str, page: str) -> str:
    """Make the relative links of a page in Markdown absolute."""

    def absolute(link: re.Match[str]) -> str:
        picture, text, target = link.groups()
        if re.match("https?:|#", target):
            return link[0]
        if not source:
            return "" if picture else text
        return f"{picture}[{text}]({source}/{'raw' if picture else 'blob'}/HEAD/{target})"  # as on GitHub and GitLab

    return re.sub(r"(!?)\[([^]]*)\]\(([^)\s]+)\)", absolute, page)


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=with_links_to(
            project.get("urls", {}).get("Source", "").rstrip("/"), (ROOT / "README.md").read_text(encoding="utf-8")
        ),
        long_description_content_type="text/markdown",
        ext_modules=[core()] if list((ROOT / FOLDER).glob("*.c")) else [],
        cmdclass={"build_ext": BuildCore, "bdist_wheel": Wheel},
    )
