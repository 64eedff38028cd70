"""Interrupt, kill and race operations that must be atomic: steps of all kinds, files, the cache of compiled C."""

from __future__ import annotations

import copy
import os
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interrupts import interrupted
from needs import need_compiler

import autograd
from autograd import Value, nn, optim
from autograd.files import write_whole

State = list[Any]


# Interrupts ----------------------------------------------------------------------------------------------------------


def _model() -> nn.MLP:
    random.seed(0)
    model: nn.MLP = nn.MLP(2, [2, 1])
    return model


def _states(place: str, folder: Path) -> tuple[Callable[[], object], Callable[[], State]]:
    """Return an action on new objects, and a function that reads the state that must change as a whole."""
    model = _model()
    loss = (model([0.5, -0.25]) - 1.0) ** 2
    nodes = [*model.parameters(), loss]

    def numbers() -> State:
        return [x.data for x in nodes]

    if place == "backward":
        return loss.backward, lambda: [x.grad for x in nodes]
    if place == "forward":
        for p in model.parameters():
            p.data *= 0.5
        return loss.forward, numbers
    if place == "step":
        loss.backward()
        adam = optim.Adam(0.1)
        return (lambda: adam.step(model.parameters())), numbers
    if place == "load":
        saved = folder / "saved.json"
        model.save(saved)
        for p in model.parameters():
            p.data = 0.0
        return (lambda: model.load(saved)), numbers
    if place == "save":
        file = folder / "file"
        file.write_text("old")
        return (lambda: write_whole(file, "new")), lambda: [file.read_text()]
    if place == "deepcopy":
        return (lambda: copy.deepcopy(loss)), lambda: [x.data for x in pickle.loads(pickle.dumps(nodes))]
    if place == "pickle":
        return (lambda: pickle.dumps(loss)), lambda: [x.data for x in copy.deepcopy(nodes)]
    raise ValueError(place)


PLACES = ["backward", "forward", "step", "load", "save", "deepcopy", "pickle"]


def interrupts(seed: int) -> int:
    """Interrupt an action in each place before a random bytecode: all of it has happened, or nothing.

    Returns:
        the number of interrupts.
    """
    rng = random.Random(f"interrupts {seed}")
    tried = 0
    for place in PLACES:
        with tempfile.TemporaryDirectory() as folder:
            action, state = _states(place, Path(folder))
            old = state()
            length = _bytecodes(action)
            new = state()
            action, state = _states(place, Path(folder))
            at = rng.randint(1, max(length, 1))  # backward() of the native core executes none
            came = interrupted(action, at)
            tried += came
            found = state()
            assert found in (old, new), f"{place}, interrupted at {at} of {length}: {found}"
            action()
            assert came or found == new, place
            assert sorted(os.listdir(folder)) == sorted({"load": ["saved.json"], "save": ["file"]}.get(place, []))
    return tried


def _bytecodes(action: Callable[[], object]) -> int:
    """Run an action, and count its bytecodes."""
    done = 0

    def trace(frame: Any, event: str, argument: Any) -> Any:
        nonlocal done
        frame.f_trace_opcodes = True
        done += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(None)
    return done


# Kills ---------------------------------------------------------------------------------------------------------------

_SAVES = """
import sys
from autograd import nn
model = nn.MLP(20, [30, 1])
for version in range(1, 10**9):
    for p in model.parameters():
        p.data = float(version)
    model.save(sys.argv[1])
"""


def kills(seed: int, times: int = 3) -> int:
    """Kill a process that saves a network over and over: the file is a whole version.

    Returns:
        the number of kills.
    """
    rng = random.Random(f"kills {seed}")
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "model.json")
            process = _python(_SAVES, str(file))
            while not file.exists():
                assert process.poll() is None, "the process ended by itself"
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.05))
            process.kill()
            process.communicate()
            model = nn.MLP(20, [30, 1])
            model.load(file)
            versions = {p.data for p in model.parameters()}
            assert len(versions) == 1 and versions.pop() >= 1, "a part of one version, a part of another"
    return times


def _python(program: str, *arguments: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(Path(autograd.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True)


# Races ---------------------------------------------------------------------------------------------------------------

_COMPILES = """
import sys
from concurrent.futures import ThreadPoolExecutor
import autograd
from autograd import Value
def compiled(k):
    x = Value(0.5)
    return autograd.compile((x * k).tanh() + k, x, backend="c")(0.25)
with ThreadPoolExecutor(4) as pool:
    print(*pool.map(compiled, map(float, sys.argv[1:])))
"""


def racing_compiles(seed: int, processes: int = 4, graphs: int = 4) -> int:
    """Compile the same few graphs in threads of several processes at once, into one empty cache.

    Returns:
        the number of compilations.
    """
    need_compiler()
    rng = random.Random(f"races {seed}")
    constants = [float(rng.randint(1, 9)) for _ in range(graphs)]
    want = [(Value(0.25) * k).tanh().data + k for k in constants]
    with tempfile.TemporaryDirectory() as cache:
        before = os.environ.get("AUTOGRAD_CACHE_DIR")
        os.environ["AUTOGRAD_CACHE_DIR"] = cache
        try:
            running = [_python(_COMPILES, *map(str, constants)) for _ in range(processes)]
            outputs = [process.communicate()[0] for process in running]
        finally:
            del os.environ["AUTOGRAD_CACHE_DIR"]
            if before is not None:
                os.environ["AUTOGRAD_CACHE_DIR"] = before
        for process, output in zip(running, outputs, strict=True):
            assert process.returncode == 0, "a process failed"
            assert list(map(float, output.split())) == want
        left = [name for name in os.listdir(cache) if not name.endswith(".so")]
        assert not left, left
    return processes * graphs
