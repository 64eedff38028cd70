"""Keep compiled libraries in a folder that nobody but its user can change.

The folder is `AUTOGRAD_CACHE_DIR`, or `scalar-autograd` in the system's folder for caches. Code from it runs in this
process, so the folder and all folders above it are checked, from the root down: each belongs to this user or to root,
and others cannot rename what is in it. After that, a path means the same file for as long as it is used.

An entry's name has two hashes: one of everything that determines the compiler's output, and one of the entry itself. A
damaged entry does not match its name. Entries are built in a folder `building-*` inside the cache, then moved into
place, so no process sees a partial one.

Each build prunes the cache: entries that nothing has used for 90 days, then those unused for longest while all together
are larger than 256 MiB, and `building-*` folders whose process has died. A process that loses an entry to another's
pruning builds it again; one that has loaded it keeps it.
"""

import atexit
import contextlib
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

try:
    import fcntl
    import grp
    import pwd
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LIBRARY_NAME = re.compile("[0-9a-f]{32}-[0-9a-f]{32}[.]so")
_WORK = re.compile("building-[a-z0-9_]{8}")
_UNUSED_AT_MOST = 90 * 86_400  # seconds
_LARGEST_TOTAL = 256 * 2**20  # bytes
_IN_USE = 3_600  # seconds; what was used so recently is not pruned for its size
_NOTED_EVERY = 86_400  # seconds; a use is noted on the entry once a day
_WAITS = (0.001, 0.01, 0.1, 0.0)  # seconds, between attempts to remove a folder
_LOCKED_WITHIN = 60  # seconds, far longer than from creating a folder to locking it


# The folder ----------------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Return the folder of the cache as an absolute path without links, created if necessary.

    Raises:
        PermissionError: it is not writable, or others can change it, and so choose the code that runs here.
    """
    chosen = os.environ.get("AUTOGRAD_CACHE_DIR")
    try:
        folder = Path(chosen).expanduser() if chosen else system_caches() / "scalar-autograd"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK | os.X_OK)
    except (OSError, RuntimeError):  # RuntimeError: this user's home is unknown
        usable = False
    if not usable:
        if chosen:
            raise PermissionError(f"cannot write to {chosen}, the cache that AUTOGRAD_CACHE_DIR names")
        folder = _folder_of_this_process(os.getpid())  # there is no home, or it is read-only
    folder = folder.resolve()
    _check_private(folder)
    return folder


def system_caches() -> Path:
    """Return the folder for the caches of this user's programs."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    named = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return named if named.is_absolute() else Path.home() / ".cache"


@cache
def _folder_of_this_process(process: int) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="scalar-autograd-"))

    def remove() -> None:
        if os.getpid() == process:  # not in a forked child
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _check_private(folder: Path) -> None:
    """Refuse a folder that others can change or replace, by renaming it or one above it.

    From the root down: once a folder is known to be safe, the next one in it can no longer be exchanged by others.
    """
    if not hasattr(os, "getuid"):  # Windows: folders in a user's profile are the user's
        return
    me = os.getuid()
    for part in (*reversed(folder.parents), folder):
        status = os.lstat(part)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (0, me) or (part == folder and status.st_uid != me):
            raise PermissionError(
                f"{part} belongs to another user, who could choose the code that runs from {folder}, where compiled "
                "functions are cached: name a folder of yours in AUTOGRAD_CACHE_DIR"
            )
        if _others_write(status) and (part == folder or not (status.st_mode & stat.S_ISVTX or _only_me(status))):
            raise PermissionError(
                f"others can write to {part}, and so choose the code that runs from {folder}, where compiled functions "
                f"are cached: make it private (chmod {'700' if part == folder else 'go-w'}), or name another folder in "
                "AUTOGRAD_CACHE_DIR"
            )


def _others_write(status: os.stat_result) -> bool:
    return bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _only_me(status: os.stat_result) -> bool:
    """Return True if only a group can write, and it is this user's own: many systems give each user such a group."""
    try:
        user, group = pwd.getpwuid(os.getuid()), grp.getgrgid(status.st_gid)
    except KeyError:  # in a container without names
        return False
    alone = group.gr_name == user.pw_name and user.pw_gid == group.gr_gid and set(group.gr_mem) <= {user.pw_name}
    return alone and not status.st_mode & stat.S_IWOTH


# Its entries ---------------------------------------------------------------------------------------------------------


def stored(folder: Path, key: str) -> Iterator[Path]:
    """Yield the sound entries of a key, and remove those that are not."""
    # Not by glob: Python would keep a compiled pattern for each key.
    names = [name for name in os.listdir(folder) if name.startswith(f"{key}-") and name.endswith(".so")]
    for entry in (folder / name for name in sorted(names)):
        with contextlib.suppress(OSError):  # removed by another process
            status = os.lstat(entry)
            mine = not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not _others_write(status))
            if mine and stat.S_ISREG(status.st_mode) and entry.stem.partition("-")[2] == _fingerprint(entry):
                if time.time() - status.st_mtime > _NOTED_EVERY:
                    os.utime(entry)
                yield entry
            else:
                entry.unlink()


@contextlib.contextmanager
def building(folder: Path) -> Iterator[Path]:
    """Provide a folder to build an entry in, inside the cache, and remove it afterwards.

    It is locked as long as this process lives, by which others know that it is in use.
    """
    work = tempfile.mkdtemp(dir=folder, prefix="building-")
    try:
        if fcntl is None:
            yield Path(work)
            return
        descriptor = os.open(work, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield Path(work)
        finally:
            os.close(descriptor)
    finally:
        _remove(work)


def _remove(work: str) -> None:
    """Remove a folder that something was built in.

    After Ctrl-C the compiler's processes are killed, but some may not be gone yet, and write another file while the
    folder is emptied: it is not empty then, and is emptied again. What stays nevertheless, `_prune` removes later.
    """
    for wait in _WAITS:
        shutil.rmtree(work, ignore_errors=True)
        if not os.path.lexists(work):
            return
        time.sleep(wait)


def store(folder: Path, key: str, library: Path) -> Path:
    """Move a library into the cache, prune the cache, and return the entry."""
    library.chmod(0o700)  # whatever the umask allows others
    entry = folder / f"{key}-{_fingerprint(library)}.so"
    os.replace(library, entry)
    _prune(folder)
    return entry


def _fingerprint(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:32]


def _prune(folder: Path) -> None:
    now = time.time()
    for work in filter(_is_work, folder.glob("building-*")):
        with contextlib.suppress(OSError):
            if now - work.stat().st_mtime > _LOCKED_WITHIN and _is_abandoned(work):
                shutil.rmtree(work)
    entries = []
    for entry in (entry for entry in folder.glob("*-*.so") if _LIBRARY_NAME.fullmatch(entry.name)):
        with contextlib.suppress(OSError):
            status = entry.stat()
            entries.append((status.st_mtime, status.st_size, entry))
    total = 0
    for used, size, entry in sorted(entries, reverse=True):
        total += size
        unused = now - used
        if unused > _UNUSED_AT_MOST or (total > _LARGEST_TOTAL and unused > _IN_USE):
            entry.unlink(missing_ok=True)


def _is_work(work: Path) -> bool:
    """Return True if this is a folder of `building`: what else is in the user's folder stays."""
    try:
        content = [file.name for file in work.iterdir()]
    except OSError:
        return False
    own = all(name.startswith("graph.") or name == "zig" for name in content)  # what compilers leave has such names
    return _WORK.fullmatch(work.name) is not None and own


def _is_abandoned(work: Path) -> bool:
    """Return True if no living process holds the lock of a folder that something was built in."""
    if fcntl is None:
        return time.time() - work.stat().st_mtime > _IN_USE
    descriptor = os.open(work, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
