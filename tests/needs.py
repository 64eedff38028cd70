"""Name the backends to test; skip or fail tests that need a program or a package that is missing."""

from __future__ import annotations

import importlib
import os
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest

from autograd.codegen.c_build import compiler_command
from autograd.codegen.compile import BACKENDS as COMPILING
from autograd.errors import CompilerNotFound

BACKENDS = list(COMPILING)
"""The backends of `compile`: each promises the bits of the graph. The fixture `backend` is each of them in turn."""

FIT_BACKENDS = ["eager", *BACKENDS]
"""The backends of `fit`."""

EAGER_AND_COMPILED = ["eager", "python"]
"""One of each kind, for what `fit` does around the functions of any backend."""


ARRAY_MODULES = ["numpy", "jax.numpy", "torch"]
"""The modules that `compile` can take for a backend, for `array_module`."""


def is_required(extra: bool = False) -> bool:
    """Return True if a missing program fails a test instead of skipping it.

    AUTOGRAD_REQUIRE_ALL=1 requires the programs, AUTOGRAD_REQUIRE_EXTRAS=1 also the packages that the README's command
    for the tests leaves out because they are large.
    """
    return os.environ.get("AUTOGRAD_REQUIRE_EXTRAS" if extra else "AUTOGRAD_REQUIRE_ALL") == "1"


def lacking(reason: str, extra: bool = False) -> NoReturn:
    """Skip the test, or fail it if nothing may be missing."""
    if is_required(extra):
        pytest.fail(reason)
    pytest.skip(reason)


def need_packages(who: str, *names: str) -> None:
    """Skip the test if there is no package that a page or an example needs. JAX and what goes with it are extras."""
    for name in names:
        if not find_spec(name):
            extra = {"sklearn": "examples", "scipy": "test", "matplotlib": "plot", "optax": "jax"}.get(name, name)
            lacking(f'{who} needs {name}: pip install -e ".[{extra}]"', extra=extra == "jax")


def need_compiler() -> None:
    """Skip the test if there is no C compiler."""
    try:
        compiler_command(os.environ.get("CC", ""))
    except CompilerNotFound:
        lacking("there is no C compiler")


def need_a_build() -> None:
    """Skip the test where no native core can be built."""
    need_compiler()
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        lacking("Python's headers are missing: apt install python3-dev")


def need_backend(name: str) -> None:
    """Skip the test if the backend lacks what it needs."""
    if name == "c":
        need_compiler()


def need_root() -> None:
    """Skip the test unless root runs it, who may give files to other users and make devices."""
    if not hasattr(os, "getuid") or os.getuid() != 0:
        lacking("only root can do this")


def array_module(name: str) -> ModuleType:
    """Import `numpy`, `jax.numpy` or `torch`, with 64 bits a number, or skip the test.

    JAX is one of the extras. PyTorch, several times as large, is required only with AUTOGRAD_REQUIRE_TORCH=1, in a
    separate run.
    """
    try:
        module = importlib.import_module(name)
    except ImportError:
        if name != "torch":
            lacking(f"{name} is not installed", extra=True)
        if os.environ.get("AUTOGRAD_REQUIRE_TORCH") == "1":
            pytest.fail("PyTorch is not installed")
        pytest.skip("PyTorch is not installed")
    if name == "jax.numpy":
        importlib.import_module("jax").config.update("jax_enable_x64", True)
    return module
