"""Run tests with the native core built for the sanitizers of gcc or clang: of addresses, and of undefined behaviour.

    python tests/sanitize.py [arguments of pytest]

Where none of them is a file in tests/, these are the tests of the engine and of what stands on it. A read outside of an
object, a use after it was freed, an overflow of a signed integer and the like end the run, with a report. Python's own
allocator is left out: the sanitizer would not see the borders of what that hands out.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from core_builds import built_copy, environment

from autograd.codegen.c_build import compiler_command

OPTIONS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined"
TESTS = """native codegen/test_native_calls.py codegen/test_out.py test_semantics.py test_edge_cases.py test_by_hand.py
test_labels.py test_events.py test_anomaly.py test_staleness.py test_pickling.py test_stopped_gradients.py""".split()
"""In the folder of the tests."""
LEFT_OUT = "not memory_ends_for and not memory_of_a_large_graph and not many_nodes_are_copied"
"""The first two limit the process's memory, of which the sanitizer takes more; the others take too long."""


def library(compiler: tuple[str, ...], name: str) -> str:
    """Return the path of a library of the compiler."""
    asked = [*compiler, f"-print-file-name={name}"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main(arguments: list[str]) -> int:
    """Build the core, run the tests, and return pytest's status."""
    compiler = compiler_command("gcc")
    with tempfile.TemporaryDirectory() as folder:
        copy = built_copy(Path(folder), CC=shlex.join(compiler), CFLAGS=OPTIONS)
        variables = environment(
            AUTOGRAD_REQUIRE_NATIVE="1",
            LD_PRELOAD=" ".join(library(compiler, name) for name in ("libasan.so", "libubsan.so", "libstdc++.so")),
            ASAN_OPTIONS="detect_leaks=0:quarantine_size_mb=4",  # Python keeps much; tests of memory measure
            UBSAN_OPTIONS="print_stacktrace=1",
            PYTHONMALLOC="malloc",
        )
        named = any(argument.startswith("tests/") for argument in arguments)
        chosen = [] if named else [f"tests/{name}" for name in TESTS]
        command = [sys.executable, "-m", "pytest", "-k", LEFT_OUT, *arguments, *chosen]
        return subprocess.run(command, cwd=copy, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
