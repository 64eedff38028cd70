"""Build C source into a loaded library with the system's compiler, and cache the result.

The cache is a folder that only its owner can write to: `AUTOGRAD_CACHE_DIR`, or `scalar-autograd` in the system's
folder for caches. An entry's name has two hashes: one of everything that determines the compiler's output (source,
compiler, options, processor, C library), and one of the entry itself. A damaged entry does not match its name and is
built again. Entries are written under a temporary name, then moved into place, so no process sees a partial one.
"""

import atexit
import contextlib
import ctypes
import hashlib
import os
import platform
import re
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
    'or set the environment variable CC to yours. backend="python" needs none'
)
_COMPILER_TIMEOUT = 600  # seconds, for the compiler


def built(source: str, options: Sequence[str]) -> ctypes.CDLL:
    """Return the compiled library, from the cache if it is there.

    Raises:
        CompilerError: there is no compiler, or it fails.
        PermissionError: the cache is not writable, or others can write to it.
    """
    compiler = compiler_command(os.environ.get("CC", ""))
    decisive = [source, *compiler, version_of(compiler), *options, processor(), *platform.libc_ver(), sys.platform]
    key = hashlib.sha256("\0".join(decisive).encode()).hexdigest()[:32]
    folder = cache_folder()
    for entry in sorted(folder.glob(f"{key}-*.so")):
        with contextlib.suppress(OSError):  # damaged, or deleted since it was listed
            if entry.stem.partition("-")[2] == _fingerprint(entry):
                return ctypes.CDLL(str(entry))
            entry.unlink()
    with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as work:
        text, library = Path(work, "graph.c"), Path(work, "graph.so")
        text.write_text(source, encoding="utf-8")
        run([*compiler, *options, *_native_options(compiler), "-shared", "-fPIC", "-o", str(library), str(text), "-lm"])
        if not library.exists():
            raise CompilerError(f"{shlex.join(compiler)} produced no library: is it a C compiler? Set CC to another")
        entry = folder / f"{key}-{_fingerprint(library)}.so"
        os.replace(library, entry)
    try:
        return ctypes.CDLL(str(entry))
    except OSError as problem:
        if missing := re.search(r"undefined symbol: (\w+)", str(problem)):
            raise CompilerError(
                f"no `{missing[1]}` in the C library: fill the operation's cell for C in autograd/codegen/spelling.py, "
                "or give it a `formula`"
            ) from None
        raise CompilerError(
            f"the compiled library cannot be loaded from {folder}: {problem}. If that file system does not allow "
            "programs to run (noexec), name another folder in AUTOGRAD_CACHE_DIR"
        ) from None


def compiler_command(chosen: str) -> tuple[str, ...]:
    """Return the command in the environment variable CC, passed as `chosen`, or the system's compiler."""
    try:
        commands = [[chosen], shlex.split(chosen)] if chosen.strip() else [["cc"], ["gcc"], ["clang"]]
    except ValueError as problem:
        raise CompilerError(f"CC cannot be read as a command: {problem} in {chosen}") from None
    for command in commands:
        if shutil.which(command[0]):
            return tuple(command)
    missing = f"CC is set to {chosen!r}, which was not found" if chosen.strip() else "found none of cc, gcc and clang"
    raise CompilerError(f"no C compiler: {missing}. You can {_HOW_TO_GET_ONE}")


def cache_folder() -> Path:
    """Return the folder of the cache, created if necessary.

    Raises:
        PermissionError: it is not writable, or others can write to it, and so choose the code that runs here.
    """
    chosen = os.environ.get("AUTOGRAD_CACHE_DIR")
    try:
        folder = Path(chosen).expanduser() if chosen else _system_caches() / "scalar-autograd"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK | os.X_OK)
    except (OSError, RuntimeError):  # RuntimeError: this user's home is unknown
        usable = False
    if not usable:
        if chosen:
            raise PermissionError(f"cannot write to {chosen}, the cache that AUTOGRAD_CACHE_DIR names")
        return _folder_of_this_process()  # there is no home, or it is read-only
    if hasattr(os, "getuid"):
        status = folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PermissionError(
                f"others can write to {folder}, where compiled functions are cached: "
                f"make it private (chmod 700), or name another folder in AUTOGRAD_CACHE_DIR"
            )
    return folder


def _system_caches() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"


@cache
def _folder_of_this_process() -> Path:
    folder, process = Path(tempfile.mkdtemp(prefix="scalar-autograd-")), os.getpid()

    def remove() -> None:
        if os.getpid() == process:  # not in a forked child
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:32]


@cache
def version_of(compiler: tuple[str, ...]) -> str:
    """Return the compiler's version, and its executable's size and date, because some version strings are vague."""
    program = shutil.which(compiler[0]) or compiler[0]
    status = os.stat(program)
    return f"{run([*compiler, '--version'])} {os.path.realpath(program)} {status.st_size} {status.st_mtime_ns}"


@cache
def _native_options(compiler: tuple[str, ...]) -> list[str]:
    """Return the option that enables all features of this processor, if the compiler has one.

    It depends on compiler and processor only, which the name of an entry includes, so it is tested only before a build.
    """
    for option in ("-march=native", "-mcpu=native"):
        with tempfile.TemporaryDirectory() as work:
            text = Path(work, "empty.c")
            text.write_text("int empty;\n", encoding="utf-8")
            with contextlib.suppress(CompilerError):
                run([*compiler, option, "-c", "-o", str(Path(work, "empty.o")), str(text)])
                return [option]
    return []


@cache
def processor() -> str:
    """Return the processor's model and features, on which -march=native depends."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        about = {line for line in file if line.startswith(("model", "flags", "Features", "CPU part"))}
        return platform.machine() + "".join(sorted(about))
    return f"{platform.machine()} {platform.processor()}"


def run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_COMPILER_TIMEOUT, check=False
        )
    except OSError as problem:
        raise CompilerError(
            f"the C compiler {command[0]!r} does not start: {problem}. You can {_HOW_TO_GET_ONE}"
        ) from None
    except subprocess.TimeoutExpired:
        raise CompilerError(
            f"the C compiler {command[0]!r} did not finish within {_COMPILER_TIMEOUT} seconds"
        ) from None
    if done.returncode:
        complaint = (done.stderr or done.stdout).strip()[-2_000:]
        raise CompilerError(
            f"the C compiler failed: {shlex.join(command)}\n{complaint}\n"
            'CC and AUTOGRAD_CACHE_DIR choose another compiler and another folder; backend="python" needs neither'
        )
    return done.stdout
