"""Run the source of a compiled program in a process of its own, with arrays at the edge of memory (`guarded.c`)."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd.codegen.c_build import run
from autograd.trees import tree_leaves

Numbers = NDArray[np.float64]

MAIN = Path(__file__).with_name("guarded.c")
SANITIZED = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all".split()


def options_in(source: str) -> list[str]:
    """Return the options that the head of a source names for the bits of Python."""
    found = re.search(r"compile it with: cc ([^*\n]*)", source)
    assert found, source[:500]
    return found[1].split()


def program(folder: Path, source: str, compiler: Sequence[str], *options: str) -> Path:
    """Return the path of a program that runs `called` of the source, compiled with its own options and these."""
    text, path = folder / "graph.c", folder / "guarded"
    text.write_text(source, encoding="utf-8")
    run([*compiler, *options_in(source), *options, "-o", str(path), str(text), str(MAIN), "-lm"])
    return path


class Call:
    """Arguments of a compiled function, as numbers in a row, for a program.

    Arguments:
        samples: 1 without a batch.
        arguments: nested lists or arrays.
        outputs: the number of results, of all samples.
    """

    def __init__(self, samples: int, arguments: Iterable[Any], outputs: int) -> None:
        flat = [np.array(tree_leaves(as_tree(argument)), float) for argument in arguments]
        head = np.array([samples, len(flat), outputs, *map(len, flat)], np.int64)
        self.text = b"".join([head.tobytes(), *(numbers.tobytes() for numbers in flat)])
        self.outputs = outputs


def as_tree(argument: Any) -> Any:
    return argument.tolist() if isinstance(argument, np.ndarray) else argument


def called(path: Path, where: str, calls: Sequence[Call]) -> list[Numbers]:
    """Return the outputs of each call.

    Arguments:
        where: "end", "start" or "heap".

    Raises:
        AssertionError: the program was stopped, because it touched what is no array of its own.
    """
    text = b"".join(call.text for call in calls)
    done = subprocess.run([path, where], input=text, capture_output=True, check=False)
    assert done.returncode == 0, f"{where}: status {done.returncode}\n{done.stderr.decode(errors='replace')[-3_000:]}"
    ends = np.cumsum([0, *(call.outputs for call in calls)])
    numbers = np.frombuffer(done.stdout)
    assert len(numbers) == ends[-1]
    return [numbers[start:end] for start, end in itertools.pairwise(ends)]
