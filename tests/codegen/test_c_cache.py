"""The cache of compiled C: only its user can change it, it stays small, and training goes on without it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from needs import lacking, need_compiler, need_root

import autograd
from autograd import Value, fit, nn, optim
from autograd.codegen import c_build, c_cache
from autograd.errors import CompilerError, CompilerNotFound

NOBODY = 65_534
DAY = 86_400


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of an empty cache, not yet there; the one above it is there."""
    need_compiler()
    folder = tmp_path / "above" / "cache"
    folder.parent.mkdir()
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", str(folder))
    yield folder


def half(x: float = 3.0) -> float:
    v = Value(1.0)
    result: float = autograd.compile(v * 0.5, v, backend="c")(x)
    return result


# Whose it is ---------------------------------------------------------------------------------------------------------


def test_a_folder_above_that_belongs_to_another_user_is_refused(cache: Path) -> None:
    need_root()
    os.chown(cache.parent, NOBODY, NOBODY)
    with pytest.raises(PermissionError, match=r"above belongs to another user.*AUTOGRAD_CACHE_DIR"):
        half()


def test_a_folder_of_another_user_is_refused(cache: Path) -> None:
    need_root()
    cache.mkdir(mode=0o700)
    os.chown(cache, NOBODY, NOBODY)
    with pytest.raises(PermissionError, match="cache belongs to another user"):
        half()


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_above_that_others_can_write_to_is_refused(cache: Path, mode: int) -> None:
    need_root()
    os.chown(cache.parent, 0, NOBODY)  # not root's own group
    cache.parent.chmod(mode)
    with pytest.raises(PermissionError, match=r"others can write to .*above, .*chmod go-w"):
        half()


@pytest.mark.parametrize("mode", [0o1777, 0o755, 0o775])
def test_folders_above_in_which_others_can_rename_nothing_are_fine(cache: Path, mode: int) -> None:
    """The group of 0o775 is this user's own."""
    import grp  # noqa: PLC0415  # not on Windows

    if mode == 0o775 and grp.getgrgid(os.getgid()).gr_mem:
        lacking("this user's group has other members")
    cache.parent.chmod(mode)
    assert half() == 1.5


def test_a_link_to_a_folder_leads_to_what_was_checked(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    cache.symlink_to(tmp_path / "real")
    assert half() == 1.5
    assert list((tmp_path / "real").glob("*.so"))
    assert c_cache.cache_folder() == (tmp_path / "real").resolve()


def test_code_that_another_user_swaps_in_does_not_run(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The owner of the folder above renames the cache after it was checked, and puts another in its place."""
    need_root()
    half()
    (entry,) = cache.glob("*.so")
    key = entry.name.partition("-")[0]
    evil, mark = cache.parent / "evil", tmp_path / "mark"
    evil.mkdir(mode=0o700)
    source, library = tmp_path / "evil.c", tmp_path / "evil.so"
    source.write_text(f'''
        #include <stdio.h>
        void compiled(const double *a0, double *out) {{ *out = 666; }}
        void repeated(long long times, const double *a0, double *out) {{ *out = 666; }}
        void called(long long n, const double *const *a, double *out) {{ *out = 666; }}
        __attribute__((constructor)) static void run(void) {{ fclose(fopen("{mark}", "w")); }}
    ''')
    subprocess.run([*c_build.compiler_command(""), "-shared", "-fPIC", "-o", library, source], check=True)
    library.rename(evil / f"{key}-{c_cache._fingerprint(library)}.so")
    os.chown(cache.parent, NOBODY, NOBODY)
    stored = c_cache.stored

    def swapped(folder: Path, key: str) -> Iterator[Path]:
        cache.rename(cache.parent / "away")
        evil.rename(cache)
        yield from stored(folder, key)

    monkeypatch.setattr(c_build, "stored", swapped)
    with pytest.raises(PermissionError, match="belongs to another user"):
        half()
    assert not mark.exists()
    monkeypatch.setattr(c_cache, "_check_private", lambda folder: None)  # without the check it does run
    assert half() == 666.0
    assert mark.exists()


def test_an_entry_that_others_may_have_written_is_built_again(cache: Path) -> None:
    half()
    (entry,) = cache.glob("*.so")
    assert entry.stat().st_mode & 0o077 == 0
    before = entry.stat().st_mtime_ns
    entry.chmod(0o777)
    assert half() == 1.5
    (entry,) = cache.glob("*.so")
    assert entry.stat().st_mode & 0o077 == 0
    assert entry.stat().st_mtime_ns != before


def test_entries_are_private_whatever_the_umask(cache: Path) -> None:
    before = os.umask(0)
    try:
        half()
    finally:
        os.umask(before)
    assert [entry.stat().st_mode & 0o777 for entry in cache.glob("*.so")] == [0o700]


def test_the_cache_may_be_the_current_folder(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(mode=0o700)
    monkeypatch.chdir(cache)
    monkeypatch.setenv("AUTOGRAD_CACHE_DIR", ".")
    assert half() == 1.5
    monkeypatch.setattr(c_build, "run", lambda command: pytest.fail(f"run again: {command}"))
    assert half() == 1.5
    assert list(cache.glob("*.so"))


# How large it is -----------------------------------------------------------------------------------------------------


def entry_of(cache: Path, name: str, days: float, size: int = 10) -> Path:
    """Put a file into the cache that was used some days ago."""
    entry = cache / f"{name.encode().hex():0>32}-{'0' * 32}.so"
    with entry.open("wb") as file:
        file.truncate(size)
    then = time.time() - days * DAY
    os.utime(entry, (then, then))
    return entry


def test_what_nothing_has_used_for_long_is_removed(cache: Path) -> None:
    cache.mkdir(mode=0o700)
    old, recent = entry_of(cache, "old", days=91), entry_of(cache, "recent", days=89)
    half()
    assert not old.exists()
    assert recent.exists()
    assert len(list(cache.glob("*.so"))) == 2


def test_a_cache_that_is_too_large_loses_what_was_unused_for_longest(cache: Path) -> None:
    cache.mkdir(mode=0o700)
    entries = [entry_of(cache, str(days), days, size=100 * 2**20) for days in (1, 2, 3)]
    in_use = entry_of(cache, "now", days=0.01, size=300 * 2**20)
    half()
    assert in_use.exists(), "another process may be about to load it"
    assert [entry.exists() for entry in entries] == [False] * 3
    entries = [entry_of(cache, str(days), days, size=100 * 2**20) for days in (1, 2, 3)]
    in_use.unlink()
    x = Value(2.0)
    assert autograd.compile(x * x, x, backend="c")(7.0) == 49.0
    assert [entry.exists() for entry in entries] == [True, True, False]


def test_a_use_is_noted(cache: Path) -> None:
    half()
    (entry,) = cache.glob("*.so")
    then = time.time() - 80 * DAY
    os.utime(entry, (then, then))
    half()
    assert time.time() - entry.stat().st_mtime < DAY


def test_what_dead_processes_were_building_is_removed(cache: Path) -> None:
    cache.mkdir(mode=0o700)
    (abandoned := cache / "building-deadbeef").mkdir()
    (abandoned / "graph.c").write_text("")
    with c_cache.building(cache) as in_use:
        for work in (abandoned, in_use):
            os.utime(work, (0, 0))
        (new := cache / "building-newborn_").mkdir()  # not yet locked
        half()
        assert in_use.exists()
        assert new.exists()
    assert not abandoned.exists()
    assert not in_use.exists()


@pytest.mark.parametrize("times", [1, 3, 10])
def test_a_killed_compiler_may_write_while_its_folder_is_removed(
    times: int, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C, in one of some twenty runs: no OSError takes the place of the KeyboardInterrupt."""
    cache.mkdir(mode=0o700)
    rmdir, writes = os.rmdir, iter(range(times))

    def late(path: Any, **options: Any) -> None:
        if next(writes, None) is not None:
            (work / "graph.s").write_text("")
        rmdir(path, **options)

    with pytest.raises(KeyboardInterrupt), c_cache.building(cache) as work:
        monkeypatch.setattr(os, "rmdir", late)
        raise KeyboardInterrupt
    monkeypatch.setattr(os, "rmdir", rmdir)
    assert work.exists() == (times == 10)
    if work.exists():  # it is removed by a later build
        os.utime(work, (0, 0))
        half()
        assert not work.exists()


def test_other_files_in_the_folder_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache may be a folder with other things in it."""
    cache.mkdir(mode=0o700)
    own = cache / "_fast.cpython-311-x86_64-linux-gnu.so"
    own.write_text("")
    for name in ("building-site", "building-projects"):
        (cache / name).mkdir()
        (cache / name / "thesis.txt").write_text("")
    for path in cache.iterdir():
        os.utime(path, (0, 0))
    before = sorted(cache.rglob("*"))
    half()
    assert sorted(path for path in cache.rglob("*") if path.suffix != ".so" or path == own) == before


# A compiler that hangs -----------------------------------------------------------------------------------------------


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that starts a process that hangs and keeps its output open; the file has that process's number."""
    script, child = tmp_path / "hanging", tmp_path / "child"
    script.write_text(f"#!/bin/sh\ncase $1 in --version) exit;; esac\nsleep 600 &\necho $! > {child}\nwait\n")
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    return child


def is_gone(child: Path) -> bool:
    """Wait for the end of a process; one that has ended, but nobody has waited for, is gone too."""
    status = Path("/proc", child.read_text().strip(), "stat")
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if status.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_a_compiler_that_hangs_ends_with_its_children(
    cache: Path, hanging: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c_build, "_COMPILER_TIMEOUT", 0.3)
    c_build._native_options.cache_clear()
    with pytest.raises(CompilerError, match="did not finish within"):
        half()
    assert is_gone(hanging)


def test_ctrl_c_ends_the_compiler_and_its_children(cache: Path, hanging: Path) -> None:
    def interrupt() -> None:
        while not (hanging.exists() and hanging.read_text()):
            time.sleep(0.01)
        time.sleep(0.3)  # a millisecond earlier, Popen may not have returned the process that is to be ended
        os.kill(os.getpid(), signal.SIGINT)

    c_build._native_options.cache_clear()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        half()
    thread.join()
    assert is_gone(hanging)
    assert not list(cache.glob("building-*"))


# Training without it -------------------------------------------------------------------------------------------------


def train() -> Any:
    """Train for three epochs, and change the model after each, so that it is compiled three times."""
    model, strength = nn.Neuron(2), [0.0]
    return fit(
        model, [[0.0, 1.0], [1.0, 0.0]], [0.5, -0.5], loss=nn.mse, optimizer=optim.SGD(0.1), epochs=3,
        regularizer=lambda ps: strength[0] * autograd.sum([p * p for p in ps]),
        callback=lambda epoch, history: strength.insert(0, 0.1 * (epoch + 1)),
    )  # fmt: skip


def no_space(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = tmp_path / "full"
    full.write_text("#!/bin/sh\ncase $1 in --version) exit;; esac\necho No space left on device >&2\nexit 1\n")
    full.chmod(0o755)
    monkeypatch.setenv("CC", str(full))


def in_the_way(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("")


def of_others(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)


@pytest.mark.parametrize(
    ("unusable", "said"),
    [(no_space, "No space left"), (in_the_way, "cannot write to"), (of_others, "others can write to")],
)
def test_training_goes_on_without_c_and_says_so_once(
    unusable: Any, said: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unusable(cache, tmp_path, monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = train()
    (warning,) = caught
    assert said in str(warning.message)
    assert "backend=" in str(warning.message)
    assert warning.category is RuntimeWarning
    assert warning.filename == __file__
    assert len(history.losses) == 3


def test_training_without_a_compiler_needs_no_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    assert len(train().losses) == 3  # a warning would be an error
    with pytest.raises(CompilerNotFound):
        half()


def test_looking_for_an_entry_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "0-0.so").write_bytes(b"damaged")
    assert list(c_cache.stored(tmp_path, "0")) == list(tmp_path.iterdir()) == []
    gc.collect()
    before = len(gc.get_objects())
    for key in range(1, 100):
        assert list(c_cache.stored(tmp_path, f"{key}")) == []
    gc.collect()
    assert len(gc.get_objects()) - before < 15
