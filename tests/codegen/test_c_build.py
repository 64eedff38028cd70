"""Compiled C: built once, kept where only its user can write, rebuilt when damaged, explained when it cannot be."""

from __future__ import annotations

import os
import platform
import random
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from needs import lacking, need_compiler

import autograd
from autograd import Value, grad
from autograd.codegen import c_build, c_layout
from autograd.errors import CompilerError, CompilerNotFound


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, and a compiler that is asked anew."""
    need_compiler()
    folder = tmp_path / "cache"
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(folder))
    yield folder


def neuron(bias: float = 0.5, backend: Any = "c") -> Any:
    w, b, x = Value(0.5), Value(bias), Value(0.25)
    y = (w * x + b).tanh() * bias
    return autograd.compile((y, grad(y, [w, b])), ([w, b], x), backend=backend)


def entries(cache: Path) -> list[Path]:
    return sorted(cache.iterdir())


def test_the_same_function_is_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    want = neuron()([0.1, 0.2], 0.3)
    (entry,) = entries(cache)
    monkeypatch.setattr(c_build, "run", lambda command: pytest.fail(f"run again: {command}"))
    assert neuron()([0.1, 0.2], 0.3) == want
    assert entries(cache) == [entry]


def test_a_damaged_entry_is_built_anew(cache: Path) -> None:
    want = neuron()([0.1, 0.2], 0.3)
    (entry,) = entries(cache)
    for damaged in (b"", entry.read_bytes()[: entry.stat().st_size // 2], b"\0" * 100):
        entry.unlink()
        entry.write_bytes(damaged)
        assert neuron()([0.1, 0.2], 0.3) == want
        (entry,) = entries(cache)
        assert len(entry.read_bytes()) > len(damaged)


def test_what_decides_the_code_decides_the_entry(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    neuron()
    monkeypatch.setattr(c_build, "processor", lambda: "another processor")
    neuron()
    assert len(entries(cache)) == 2
    monkeypatch.setattr(platform, "libc_ver", lambda: ("another", "C library"))
    neuron()
    assert len(entries(cache)) == 3
    monkeypatch.setattr(c_build, "version_of", lambda compiler: "another compiler")
    neuron()
    assert len(entries(cache)) == 4


def test_the_folder_is_its_user_s_alone(cache: Path) -> None:
    neuron()
    if hasattr(os, "getuid"):
        assert cache.stat().st_mode & 0o777 == 0o700
        cache.chmod(0o777)
        with pytest.raises(PermissionError, match="chmod 700"):
            neuron()


def test_without_a_home_it_works_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_compiler()
    monkeypatch.delenv("AUTOGRAD_CACHE_DIR", raising=False)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert neuron()([0.5, 0.5], 0.25)


def test_threads_build_at_once(cache: Path) -> None:
    """Threads of several processes do so in a round of the campaign, which test_campaign.py runs."""
    with ThreadPoolExecutor(4) as pool:
        functions = list(pool.map(lambda _: neuron(0.125), range(8)))
    assert len({str(f([0.5, 0.5], 0.25)) for f in functions}) == 1
    assert not [entry for entry in entries(cache) if entry.is_dir()]


def test_one_function_in_many_threads(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_layout, "DOUBLES_ON_THE_STACK", 0)
    x = [Value(float(i)) for i in range(300)]
    y = autograd.sum([v.tanh() * w for v in x[:3] for w in x])
    f = autograd.compile((y, grad(y, x)), x, backend="c")
    assert "work" in f.source
    arguments = [[float(i + j) / 100 for i in range(300)] for j in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(f, arguments)) == [f(argument) for argument in arguments]


def test_differences_beside_sums_of_products_are_not_fused(cache: Path) -> None:
    """gcc made one instruction of both, which does not round the products."""
    rng = random.Random(0)
    xs = [[Value(rng.uniform(-1, 1)) for _ in range(3)] for _ in range(8)]
    results = [x * y - z if i % 2 == 0 else x * y + z for i, (x, y, z) in enumerate(xs)]
    rounded = [Value(rng.uniform(-1, 1)) for _ in range(2)]
    results += [rounded[0] * rounded[1] - 0.25, rounded[0] * rounded[1] + 0.25]
    f = autograd.compile(results, (list(zip(*xs)), rounded), backend="c")
    assert f(list(zip(*[[v.data for v in x] for x in xs])), [v.data for v in rounded]) == [v.data for v in results]


def test_the_source_compiles_alone(cache: Path, tmp_path: Path) -> None:
    w, x = [Value(0.5), Value(-0.25)], [Value(1.0), Value(2.0)]
    y = autograd.dot(w, x).sigmoid()
    f = autograd.compile((y, grad(y, w)), (w, x), in_axes=(None, 0), reduce="mean", backend="c")
    path = f.write(tmp_path / "graph.c")
    assert path.read_text(encoding="utf-8") == f.source
    compiler = c_build.compiler_command("")
    subprocess.run([*compiler, "-Wall", "-Werror", "-Wno-psabi", "-c", "-o", tmp_path / "graph.o", path], check=True)


def test_no_compiler_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler -O2")
    with pytest.raises(CompilerError, match=r"no-such-compiler(.|\n)*apt install gcc(.|\n)*python.*needs none"):
        neuron()
    monkeypatch.delenv("CC")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(CompilerNotFound, match=r"no C compiler: found none of cc(.|\n)*pip install ziglang"):
        neuron()


def test_where_the_system_has_no_compiler_the_package_ziglang_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    system, program = tmp_path / "cc", tmp_path / "ziglang" / ("zig.exe" if os.name == "nt" else "zig")
    program.parent.mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()
    for file in (system, program):
        file.write_text("#!/bin/sh\necho 1.0\n")
        file.chmod(0o755)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert c_build.compiler_command("") == ("cc",)
    version = c_build.version_of((str(system),))
    system.unlink()
    assert c_build.compiler_command("") == (str(program), "cc")
    assert c_build.version_of((str(program), "cc")) != version  # which decides the entry of the cache


def test_zig_gives_the_bits_of_the_graph(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So do all tests of C where there is no other compiler."""
    zig = c_build.zig_program()
    if zig is None:
        lacking("ziglang is missing: pip install ziglang", extra=True)
    monkeypatch.setenv("CC", shlex.join([zig, "cc"]))
    assert neuron()([0.1, 0.2], 0.3) == neuron(backend="python")([0.1, 0.2], 0.3)
    assert len(entries(cache)) == 1
    monkeypatch.setenv("HOME", str(cache / "nobody"))  # zig keeps its parts beside the entries
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert neuron(0.75)([0.1, 0.2], 0.3)
    assert [entry.name for entry in entries(cache) if entry.is_dir()] == ["zig"]


def test_a_compiler_that_fails_is_quoted(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = tmp_path / "failing"
    failing.write_text("#!/bin/sh\ncase $1 in --version) exit 0;; esac\necho out of patience >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("CC", str(failing))
    with pytest.raises(CompilerError, match=r"failed: (.|\n)*out of patience"):
        neuron()
    assert entries(cache) == []


def test_the_environment_chooses_the_compiler(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapper, log = tmp_path / "wrapper", tmp_path / "log"
    compiler = shlex.join(c_build.compiler_command(""))
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {compiler} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("CC", f"{wrapper} -DCHOSEN")
    neuron()([0.5, 0.5], 0.25)
    assert "-DCHOSEN" in log.read_text()
    assert "-ffp-contract=off" in log.read_text()


def test_long_straight_programs_are_built_in_parts(cache: Path) -> None:
    n = 10_000
    x, w = Value(1.0), Value(1.0001)
    y = x
    for _ in range(n // 2):
        y = (y * w).sin()
    f: Any = autograd.compile(y, (x, w), backend="c")
    assert f(x.data, w.data) == y.data
    assert f.source.count("APART void part") >= n // 600  # as one function, 20,000 statements take minutes
