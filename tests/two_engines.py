"""Run a program on both engines, each in a process of its own, and shorten one on which they differ."""

from __future__ import annotations

import difflib
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import autograd

Program = Sequence[str]

PURE, NATIVE = {"AUTOGRAD_PURE": "1"}, {"AUTOGRAD_REQUIRE_NATIVE": "1"}
"""What chooses an engine, in the environment of a process."""


def environment(engine: dict[str, str]) -> dict[str, str]:
    """Return the environment of a process with that engine, of the package that this process has."""
    others = {name: x for name, x in os.environ.items() if name not in (*PURE, *NATIVE)}
    path = os.pathsep.join([str(Path(autograd.__file__).parents[1]), *filter(None, [others.get("PYTHONPATH")])])
    return {**others, **engine, "PYTHONPATH": path, "PYTHONHASHSEED": "0"}


class Engine:
    """A process that runs programs on one of the engines.

    Arguments:
        engine: `PURE` or `NATIVE`.
    """

    def __init__(self, engine: dict[str, str]) -> None:
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # it is open as long as the process runs
        command = [sys.executable, str(Path(__file__).with_name("transcripts.py"))]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, env=environment(engine), stdin=pipe, stdout=pipe, stderr=self.errors, text=True, encoding="utf-8"
        )
        self.is_native = self._answer("start")

    def _answer(self, asked: str) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.errors.seek(0)
            raise ChildProcessError(f"the engine ended with status {status} at {asked}\n{self.errors.read()}")
        return json.loads(line)

    def run(self, program: Program, planted: Mapping[str, str] | None = None) -> list[str]:
        """Return the transcript of a program.

        Arguments:
            program: its statements.
            planted: mistakes in the engine, for tests of the tests: what is replaced, and an expression for it.
        """
        assert self.process.stdin
        print(json.dumps([list(program), planted or {}]), file=self.process.stdin, flush=True)
        said = self._answer("\n".join(program))
        assert isinstance(said, list)
        return said

    def close(self) -> None:
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            assert pipe
            pipe.close()
        self.process.wait()


class Pair:
    """Two engines, to compare what programs do on them."""

    def __init__(self, first: Engine, second: Engine) -> None:
        self.engines = [first, second]

    def transcripts(self, program: Program) -> list[list[str]]:
        """Return the transcript of each engine."""
        return [engine.run(program) for engine in self.engines]

    def difference(self, program: Program) -> list[str]:
        """Return the lines that differ; none if the engines do the same."""
        first, second = self.transcripts(program)
        if first == second:
            return []
        return list(difflib.unified_diff(first, second, "first", "second", lineterm="", n=1))

    def check(self, program: Program) -> None:
        """Compare the engines on a program; where they differ, fail with the shortest part of it that shows it."""
        if difference := self.difference(program):
            shortest = shortened(program, lambda part: bool(self.difference(part)))
            again = self.difference(shortest) or [*difference, "(once: not when the program ran again)"]
            pytest.fail("\n".join(["the engines differ on:", *shortest, "", *again]), pytrace=False)

    def close(self) -> None:
        for engine in self.engines:
            engine.close()


def shortened(program: Program, differs: Callable[[Program], bool]) -> list[str]:
    """Return a part of the program that still differs, from which no statement can be left out."""
    kept, size = list(program), len(program)
    while size:
        for start in range(0, len(kept), size):
            part = kept[:start] + kept[start + size :]
            if differs(part):
                kept = part
                break
        else:
            size //= 2
    return kept


@functools.cache
def why_no_core() -> str:
    """Return why there is no native core, in a process that has to have one; "" where there is one."""
    if autograd.engine.NATIVE:
        return ""
    done = subprocess.run(
        [sys.executable, "-P", "-c", "import autograd"],
        env=environment(NATIVE),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def need_core() -> None:
    """Skip the test where there is no native core; fail it where there has to be one."""
    if reason := why_no_core():
        if os.environ.get("AUTOGRAD_REQUIRE_NATIVE", "") not in ("", "0"):
            pytest.fail(reason)
        pytest.skip(reason)


def native(script: str) -> str:
    """Run a script in a process with the native core, and return what it prints; a crash fails the test."""
    need_core()
    done = subprocess.run(
        [sys.executable, "-P", "-X", "faulthandler", "-c", script],
        env=environment(NATIVE),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stderr}"
    return done.stdout
