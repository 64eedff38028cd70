"""Build C source into a loaded library with the system's compiler, or take it from the cache (`c_cache.py`).

Where the system has none, the package `ziglang` of the Python Package Index is one: clang, with its own C library's
headers. What it builds calls the functions of the system's C library, like that of other compilers.
"""

import contextlib
import hashlib
import importlib.util
import math
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from autograd.codegen.c_cache import building, cache_folder, store, stored, system_caches
from autograd.codegen.c_library import Library
from autograd.contexts import setting
from autograd.errors import CompilerError, CompilerNotFound
from autograd.text import quoted

_HOW_TO_GET_ONE = (
    "install one: `pip install ziglang`, `apt install gcc`, `dnf install gcc`, `xcode-select --install` on macOS, "
    "`conda install c-compiler`; "
    'or set the environment variable CC to yours. backend="python" needs none'
)
_NATIVE = (["-march=native", "-mno-fma", "-save-temps=obj"], ["-march=native"], ["-mcpu=native"])
"""Options for this processor; the first that the compiler takes are used. gcc 12 vectorizes `a * b - c` beside
`a * b + c` to one fused `vfmaddsub`, whose products are not rounded, even with -ffp-contract=off: hence -mno-fma, which
only x86 has. AVX-512 has such instructions of its own, and is twice as fast: so the assembly is kept, and read."""
_NATIVE_TO_ZIG = ["-mcpu=native"]
_FUSED = re.compile(rb"\bvfn?m(add|sub)")
_MEANT_TO_BE_FUSED = re.compile(rb"^_?\w+_fused[.\w]*:.*?^\s*\.size\s", re.MULTILINE | re.DOTALL)  # functions
_WITHOUT_FUSED = ["-mno-avx512f"]  # for the few sources that need it
_UNKNOWN = re.compile(r"(?:undefined symbol:|undeclared function|implicit declaration of function) ['\u2018]?(\w+)")
_COMPILER_TIMEOUT = 600  # seconds, for the compiler
_SECONDS, _SECONDS_A_STATEMENT = 0.1, 0.0003  # that gcc 12 takes, roughly: half of that, or twice as long
_SECONDS_OF_ZIG = 3.5  # that it takes once, for its own parts of a library


class TooLongToBuildError(CompilerError):
    """A library is not in the cache, and to build it would take longer than `building_within` allows."""


_most_seconds: ContextVar[float] = ContextVar("most_seconds", default=math.inf)
_told: ContextVar[Callable[[float], object] | None] = ContextVar("told", default=None)
_LONG = 2.0  # seconds


def told_of_long_builds(tell: Callable[[float], object] | None) -> setting[Callable[[float], object] | None]:
    """Return a `with` statement that calls a function before a long build, with the seconds that it may take."""
    return setting(_told, tell)


def building_within(seconds: float) -> setting[float]:
    """Return a `with` statement that lets libraries be built only if the compiler takes no longer, by their length.

    With 0 seconds, there are only those in the cache; a longer build raises TooLongToBuildError.
    """
    return setting(_most_seconds, seconds)


def built(source: str, options: Sequence[str]) -> Library:
    """Return the compiled library, from the cache if it is there.

    Raises:
        CompilerError: there is no compiler, or it fails, or it would take longer than `building_within` allows.
        PermissionError: the cache is not writable, or others can write to it.
    """
    compiler = compiler_command(os.environ.get("CC", ""))
    native = map(" ".join, _NATIVE)
    decisive = [
        source,
        *compiler,
        version_of(compiler),
        *options,
        *native,
        *_NATIVE_TO_ZIG,
        *_WITHOUT_FUSED,
        processor(),
        *platform.libc_ver(),
        sys.platform,
    ]
    key = hashlib.sha256("\0".join(decisive).encode()).hexdigest()[:32]
    folder = cache_folder()
    for entry in stored(folder, key):
        with contextlib.suppress(OSError):  # removed since
            return Library(entry)
    seconds = _SECONDS + _SECONDS_A_STATEMENT * source.count(";")
    places = {}
    if _is_zig(compiler):  # what libraries have in common stays in its cache, and what one has alone does not
        parts = _folder_of_zig(folder)
        seconds += _SECONDS_OF_ZIG * (not parts.exists())
        places["ZIG_GLOBAL_CACHE_DIR"] = str(parts)
    if seconds > _most_seconds.get():
        raise TooLongToBuildError(f"the C compiler would take some {seconds:.1f} seconds, longer than it saves")
    tell = _told.get()
    if tell is not None and seconds > _LONG:
        tell(seconds)
    with building(folder) as work, _unknown_functions_explained():
        text, library = work / "graph.c", work / "graph.so"
        text.write_text(source, encoding="utf-8")
        command = [*compiler, *options, *_native_options(compiler)]
        rest = ["-shared", "-fPIC", "-o", str(library), str(text), "-lm"]
        places["ZIG_LOCAL_CACHE_DIR"] = str(work / "zig")
        run([*command, *rest], places)
        if any(_FUSED.search(_MEANT_TO_BE_FUSED.sub(b"", assembly.read_bytes())) for assembly in work.glob("*.s")):
            run([*command, *_WITHOUT_FUSED, *rest], places)
        if not library.exists():
            raise CompilerError(f"{shlex.join(compiler)} produced no library: is it a C compiler? Set CC to another")
        entry = store(folder, key, library)
    try:
        with _unknown_functions_explained():
            return Library(entry)
    except OSError as problem:
        raise CompilerError(
            f"the compiled library cannot be loaded from {folder}: {problem}. If that file system does not allow "
            "programs to run (noexec), name another folder in AUTOGRAD_CACHE_DIR"
        ) from None


@contextlib.contextmanager
def _unknown_functions_explained() -> Iterator[None]:
    """Say what to do where a function is not in the C library: old compilers leave that to whoever loads the result."""
    try:
        yield
    except (CompilerError, OSError) as problem:
        missing = _UNKNOWN.search(str(problem))
        if not missing:
            raise
        raise CompilerError(
            f"no `{missing[1]}` in the C library: fill the operation's cell for C in autograd/codegen/spelling.py, or "
            "give it a `formula`"
        ) from None


def compiler_command(chosen: str) -> tuple[str, ...]:
    """Return the command in the environment variable CC, passed as `chosen`, or the system's compiler, or zig's."""
    try:
        commands = [[chosen], shlex.split(chosen)] if chosen.strip() else [["cc"], ["gcc"], ["clang"]]
    except ValueError as problem:
        raise CompilerError(f"CC cannot be read as a command: {problem} in {chosen}") from None
    for command in commands:
        if shutil.which(command[0]):
            return tuple(command)
    if not chosen.strip() and (zig := zig_program()):
        return (zig, "cc")
    missing = (
        f"CC is set to {quoted(chosen)}, which was not found"
        if chosen.strip()
        else "found none of cc, gcc and clang, and no package ziglang"
    )
    raise CompilerNotFound(f"no C compiler: {missing}. You can {_HOW_TO_GET_ONE}")


def zig_program() -> str | None:
    """Return the path of the program in the package ziglang, None if there is none."""
    package = importlib.util.find_spec("ziglang")
    folders = (package and package.submodule_search_locations) or []
    return next(filter(None, (shutil.which("zig", path=folder) for folder in folders)), None)


def _is_zig(compiler: Sequence[str]) -> bool:
    return len(compiler) > 1 and Path(compiler[0]).stem == "zig"


def _folder_of_zig(ours: Path) -> Path:
    """Return the folder where zig keeps the parts that libraries have in common: its own, where it can write to it.

    Where it cannot, zig 0.17 tries forever.
    """
    if chosen := os.environ.get("ZIG_GLOBAL_CACHE_DIR"):
        return Path(chosen)
    with contextlib.suppress(OSError, RuntimeError):  # RuntimeError: this user's home is unknown
        own = system_caches() / "zig"
        if os.access(own if own.exists() else own.parent, os.W_OK | os.X_OK):
            return own
    return ours / "zig"


@cache
def version_of(compiler: tuple[str, ...]) -> str:
    """Return the compiler's version, and its executable's size and date, because some version strings are vague."""
    program = shutil.which(compiler[0]) or compiler[0]
    status = os.stat(program)
    asked = [compiler[0], "version"] if _is_zig(compiler) else [*compiler, "--version"]
    return f"{run(asked)} {os.path.realpath(program)} {status.st_size} {status.st_mtime_ns}"


@cache
def _native_options(compiler: tuple[str, ...]) -> list[str]:
    """Return the options that enable all features of this processor but fused multiply-add, if the compiler has them.

    They depend on compiler and processor only, which the name of an entry includes, so they are tested only before a
    build.
    """
    if _is_zig(compiler):
        return _NATIVE_TO_ZIG
    for options in _NATIVE:
        with tempfile.TemporaryDirectory() as work:
            text = Path(work, "empty.c")
            text.write_text("int empty;\n", encoding="utf-8")
            with contextlib.suppress(CompilerError):
                run([*compiler, *options, "-c", "-o", str(Path(work, "empty.o")), str(text)])
                return options
    return []


@cache
def processor() -> str:
    """Return the processor's model and features, on which -march=native depends."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        about = {line for line in file if line.startswith(("model", "flags", "Features", "CPU part"))}
        return platform.machine() + "".join(sorted(about))
    return f"{platform.machine()} {platform.processor()}"


def run(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run a command to its end, with more variables in its environment, and return what it printed.

    If it takes too long, or Ctrl-C comes, all processes that it has started end with it: a compiler is a driver
    whose children would otherwise keep running, and hold open the pipe that is read here.
    """
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, **(variables or {})},
        )
    except OSError as problem:
        raise CompilerError(
            f"the C compiler {quoted(command[0])} does not start: {problem}. You can {_HOW_TO_GET_ONE}"
        ) from None
    with process:
        try:
            output, complaint = process.communicate(timeout=_COMPILER_TIMEOUT)
        except BaseException as problem:
            _end(process)
            if isinstance(problem, subprocess.TimeoutExpired):
                raise CompilerError(
                    f"the C compiler {quoted(command[0])} did not finish within {_COMPILER_TIMEOUT} seconds"
                ) from None
            raise
    if process.returncode:
        raise CompilerError(
            f"the C compiler failed: {shlex.join(command)}\n{(complaint or output).strip()[-2_000:]}\n"
            'CC and AUTOGRAD_CACHE_DIR choose another compiler and another folder; backend="python" needs neither'
        )
    return output


def _end(process: subprocess.Popen[str]) -> None:
    """Kill a process and, where the system knows groups of processes, all that it has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
