"""From C source to a loaded library: the system's compiler, and a cache of what it made.

The cache is a folder that only its user can write to: `AUTOGRAD_CACHE_DIR`, or `scalar-autograd` where the system keeps
caches. An entry's name is made of the hash of all that decides what the compiler makes (source, compiler, options,
processor, C library), and of the hash of the entry itself: a damaged one does not fit its name and is made anew.
Entries are written under another name and then moved into place, so two processes never see each other's halves.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from autograd.errors import CompilerError

_HOW_TO_GET_ONE = (
    "install one: `apt install gcc`, `dnf install gcc`, `xcode-select --install` on macOS, `conda install c-compiler`; "
    'or name yours in the environment variable CC. backend="python" needs none'
)
_SECONDS = 600  # to wait for the compiler


def built(source: str, options: Sequence[str]) -> ctypes.CDLL:
    """The library that the C compiler makes of the source, or made of it before.

    Raises:
        CompilerError: there is no compiler, or it does not take the source.
    """
    compiler = _compiler(os.environ.get("CC", ""))
    decisive = [source, *compiler, _version(compiler), *options, _processor(), *platform.libc_ver(), sys.platform]
    key = hashlib.sha256("\0".join(decisive).encode()).hexdigest()[:32]
    folder = cache_folder()
    for entry in sorted(folder.glob(f"{key}-*.so")):
        with contextlib.suppress(OSError):  # damaged, or gone since it was listed
            if entry.stem.partition("-")[2] == _fingerprint(entry):
                return ctypes.CDLL(str(entry))
            entry.unlink()
    with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as work:
        text, library = Path(work, "graph.c"), Path(work, "graph.so")
        text.write_text(source, encoding="utf-8")
        _run([*compiler, *options, *_native(compiler), "-shared", "-fPIC", "-o", str(library), str(text), "-lm"])
        if not library.exists():
            raise CompilerError(f"{shlex.join(compiler)} made no library: is it a C compiler? CC names it")
        entry = folder / f"{key}-{_fingerprint(library)}.so"
        os.replace(library, entry)
    try:
        return ctypes.CDLL(str(entry))
    except OSError as problem:
        raise CompilerError(
            f"what the compiler made cannot be loaded from {folder}: {problem}. Where programs may not run from there "
            "(noexec), name another folder in AUTOGRAD_CACHE_DIR"
        ) from None


def _compiler(chosen: str) -> tuple[str, ...]:
    """The command that the environment variable CC holds, or the system's."""
    try:
        commands = [[chosen], shlex.split(chosen)] if chosen.strip() else [["cc"], ["gcc"], ["clang"]]
    except ValueError as problem:
        raise CompilerError(f"CC cannot be read as a command: {problem} in {chosen}") from None
    for command in commands:
        if shutil.which(command[0]):
            return tuple(command)
    missing = (
        f"CC names {chosen!r}, which is not here" if chosen.strip() else "there is no program cc, gcc or clang here"
    )
    raise CompilerError(f"no C compiler: {missing}. You can {_HOW_TO_GET_ONE}")


def cache_folder() -> Path:
    """The folder of the cache, made if need be.

    Raises:
        PermissionError: others can write to it, and so could choose what runs here.
    """
    chosen = os.environ.get("AUTOGRAD_CACHE_DIR")
    try:
        folder = Path(chosen).expanduser() if chosen else _system_s_caches() / "scalar-autograd"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK | os.X_OK)
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where this user's home is
        usable = False
    if not usable:
        if chosen:
            raise PermissionError(f"cannot write to {chosen}, the cache that AUTOGRAD_CACHE_DIR names")
        return _folder_of_this_process()  # no home, or one that cannot be written to
    if hasattr(os, "getuid"):
        status = folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(
                f"others can write to {folder}, where compiled functions are kept: "
                f"make it yours alone (chmod 700), or name another folder in AUTOGRAD_CACHE_DIR"
            )
    return folder


def _system_s_caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"


@cache
def _folder_of_this_process() -> Path:
    folder, process = Path(tempfile.mkdtemp(prefix="scalar-autograd-")), os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # not in a fork's child
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:32]


@cache
def _version(compiler: tuple[str, ...]) -> str:
    """What the compiler says of itself; with its file's size and time, for those that do not say much."""
    program = shutil.which(compiler[0]) or compiler[0]
    status = os.stat(program)
    return f"{_run([*compiler, '--version'])} {os.path.realpath(program)} {status.st_size} {status.st_mtime_ns}"


@cache
def _native(compiler: tuple[str, ...]) -> list[str]:
    """The option for the processor that this is, where the compiler has one.

    Compiler and processor decide it, and an entry's name holds both: it is asked for only when something is built.
    """
    for option in ("-march=native", "-mcpu=native"):
        with tempfile.TemporaryDirectory() as work:
            text = Path(work, "empty.c")
            text.write_text("int empty;\n", encoding="utf-8")
            with contextlib.suppress(CompilerError):
                _run([*compiler, option, "-c", "-o", str(Path(work, "empty.o")), str(text)])
                return [option]
    return []


@cache
def _processor() -> str:
    """The processor and what it can do: -march=native means that."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        about = {line for line in file if line.startswith(("model", "flags", "Features", "CPU part"))}
        return platform.machine() + "".join(sorted(about))
    return f"{platform.machine()} {platform.processor()}"


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except OSError as problem:
        raise CompilerError(
            f"the C compiler {command[0]!r} does not start: {problem}. You can {_HOW_TO_GET_ONE}"
        ) from None
    except subprocess.TimeoutExpired:
        raise CompilerError(f"the C compiler {command[0]!r} was not done after {_SECONDS} seconds") from None
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip()[-2_000:]
        raise CompilerError(
            f"the C compiler failed: {shlex.join(command)}\n{complaint}\n"
            'CC and AUTOGRAD_CACHE_DIR choose another compiler and another folder; backend="python" needs neither'
        )
    return done.stdout
