"""Run the test files of other scalar engines on this one, with only the imports changed, and print a table.

    python tests/benchmarks/other_tests.py OWNER/NAME=FILE ...

Each FILE is a test file of the repository OWNER/NAME, where it stands: neither its text nor a copy of it is changed.
The modules that it imports `Value`, `Neuron`, `Layer`, `MLP` or `Module` from are replaced by this package's, which is
what changing the import does; all others are imported as they are, from the folders above the file too. Assertions are
counted by pytest, which rewrites them. `--write docs/other-tests.md` also writes the page.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from turns import filled, table

from autograd import engine, nn
from autograd.text import cut

OURS = {"Value": engine.Value, "Neuron": nn.Neuron, "Layer": nn.Layer, "MLP": nn.MLP, "Module": nn.Module}


# ------------------------------------------------------------------------------------------- child process: one file


def engines_in(source: str) -> Iterator[str]:
    """Yield the modules from which a file takes the classes of an engine, by their absolute names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and OURS.keys() & {alias.name for alias in node.names}:
            yield node.module


def replace(module: str) -> None:
    """Let the import of a module, and of the packages around it, find this package's classes."""
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        name = ".".join(parts[:i])
        stand_in = sys.modules.setdefault(name, ModuleType(name))
        stand_in.__dict__.update(OURS)
        stand_in.__path__ = [str(folder) for root in sys.path if (folder := Path(root, *parts[:i])).is_dir()]
        if i > 1:
            setattr(sys.modules[".".join(parts[: i - 1])], parts[i - 1], stand_in)


class Counts:
    """A plugin of pytest that counts tests by their outcomes, and assertions that hold."""

    def __init__(self) -> None:
        self.found: Counter[str] = Counter()
        self.problems: list[str] = []

    def pytest_assertion_pass(self) -> None:
        self.found["assertions"] += 1

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.found[report.outcome] += 1
        if report.failed:
            self.problems.append(str(report.longrepr).splitlines()[-1])
            name = report.nodeid.rpartition("::")[2]
            lines = [line for line in str(report.longrepr).splitlines() if line.startswith("E ")]
            self.problems[-1] = f"{name}: {lines[0][1:].strip() if lines else self.problems[-1]}"

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self.found["failed"] += 1
            self.problems.append(str(report.longrepr).splitlines()[-1])


def run_tests(path: str) -> dict[str, Any]:
    file = Path(path).resolve()
    sys.path[:0] = [str(folder) for folder in list(file.parents)[:2]]
    for module in dict.fromkeys(engines_in(file.read_text(encoding="utf-8"))):
        replace(module)
    counts = Counts()
    options = [
        "-o",
        "enable_assertion_pass_hook=true",
        "-p",
        "no:cacheprovider",
        "-q",
        "--noconftest",
        "--import-mode=importlib",
    ]
    pytest.main([*options, "-c", os.devnull, "--rootdir", str(file.parent), str(file)], plugins=[counts])
    return {**counts.found, "problems": counts.problems}


# ---------------------------------------------------------------------------------------- parent process: the table


def answer(path: str) -> dict[str, Any]:
    """Run a file in a process of its own, and return what it counts."""
    command = [sys.executable, "-B", __file__, "--child", path]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    try:
        return dict(json.loads(found.stdout.splitlines()[-1]))
    except (IndexError, ValueError):
        return {"failed": 1, "problems": [(found.stderr or "nothing").splitlines()[-1]]}


def row(repository: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Sum up a repository's files: its tests, the assertions that hold, and the first reason of a failure."""
    found, problems = Counter[str](), []
    for path in paths:
        counts = answer(path)
        problems += counts.pop("problems")
        found.update(counts)
    reason = re.sub(r"^E? +|\|| \([^()]*(location|/)[^()]*\)", "", problems[0]) if problems else ""  # no paths of here
    files = ", ".join(Path(path).name for path in paths)
    cells = (found["passed"], found["failed"], found["assertions"])
    return (repository, files, *map(str, cells), cut(reason, 90))


PAGE = """\
# Other engines' tests

Made by `python tests/benchmarks/other_tests.py OWNER/NAME=FILE ... --write docs/other-tests.md`, with test files of
{repositories} repositories on GitHub with an engine of their own, most after micrograd; they are not part of this one.
The only change is the import of `Value`, `Neuron`, `Layer` and `MLP`. *Holds*: assertions that hold, most of which
compare a number with PyTorch's; methods of `unittest` are not counted, so a file that uses these alone holds 0. A file
that needs other classes of its engine does not run, and counts as one failure; so does each test that does not pass.
The last column has the first reason.

{rows}

{words}
"""

READING = """\
None of the failures is a wrong number. They are other names (`.val`, `.gradient`, `_backward_iterative`, classes of
their own), Values that compare by number with `==`, networks with other defaults (tanh throughout, a linear neuron, so
that a network without a seed may not get there in the steps that it is given), and two tests that want the last bit of
another order of additions."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Run the test files of other engines on this one.")
    parser.add_argument("files", nargs="*", metavar="OWNER/NAME=FILE")
    parser.add_argument("--write", metavar="PAGE", help="also write the page of the documentation to this file")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print("\n" + json.dumps(run_tests(options.child)))
        return
    repositories: dict[str, list[str]] = {}
    for entry in options.files:
        repository, _, path = entry.partition("=")
        repositories.setdefault(repository, []).append(path)
    rows = [row(*entry) for entry in repositories.items()]
    total = ["all", "", *(str(sum(int(cells[i]) for cells in rows)) for i in (2, 3, 4)), ""]
    page = PAGE.format(
        repositories=len(rows),
        rows=table(("repository", "files", "passed", "failed", "holds", "what does not pass"), [*rows, total]),
        words=filled(READING),
    )
    print(page)
    if options.write:
        Path(options.write).write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
