"""Write files whole or not at all, and convert parameters to and from the text of a file.

The file is strict JSON: the name of the format, its version, the network's architecture where it has one, and each
parameter's number by its name. Numbers are read back to the bit. JSON has no inf and nan, so these are written as
strings. Version 1 is also that of files without an architecture: programs that know none pass over it.
"""

import contextlib
import errno
import json
import math
import os
import reprlib
import secrets
import shutil
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from autograd.text import escaped, quoted

_FORMAT = "scalar-autograd parameters"
_VERSION = 1


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file atomically: at any time, a reader finds either the old content or the new, complete.

    The content goes to a new file in the same folder, which replaces the old one once it is safely on the disk. A
    failure leaves the old file, and no other. Devices and pipes are written directly, never replaced.

    Arguments:
        path: the file; a symbolic link is followed, and stays a link. The mode and the owner stay the same.
        content: text, written as UTF-8, or bytes.

    Raises:
        OSError: the file cannot be written, or is read-only (even for root, who could write it).
    """
    check_writable(path)
    path = named_file(path)
    content = content.encode() if isinstance(content, str) else content
    descriptor = _descriptor(path)
    if descriptor is not None:  # written through it: opened anew, a file would have a second position
        for text in (sys.stdout, sys.stderr):
            if text is not None:  # as under pythonw
                text.flush()
        with open(os.dup(descriptor), "wb") as stream:
            stream.write(content)
        return
    if is_stream(path):
        with open(path, "ab" if os.path.isfile(path) else "wb") as stream:  # isfile: another process has it open
            stream.write(content)
        return
    target = Path(os.path.realpath(path))
    mode = 0o600 if target.exists() else 0o666  # nobody else reads the new content before it has the old one's mode
    new = target.with_name(f".{secrets.token_hex(4)}.new")  # short: the name of the target may be as long as names get
    try:
        if not _write_unnamed(new, content, mode):
            with open(new, "xb", opener=partial(os.open, mode=mode)) as file:
                _write_out(file, content)
        if target.exists():
            _keep_owner(target, new)
            shutil.copymode(target, new)
        os.replace(new, target)
    except BaseException:  # Ctrl-C as well
        new.unlink(missing_ok=True)
        raise


def named_file(path: Any) -> str:
    """Return the name of a file as text: a path may be bytes, as from `os.listdir(b".")`.

    Raises:
        TypeError: it is no path.

    >>> named_file(b"loss.svg"), named_file(Path("loss.svg"))
    ('loss.svg', 'loss.svg')
    """
    check_is_path(path)
    return os.fsdecode(path)


def check_is_path(path: object) -> None:
    """Check that an argument names a file.

    Raises:
        TypeError: it is no path; an integer, which Python would take for an open file, is none either.

    >>> check_is_path(3)
    Traceback (most recent call last):
        ...
    TypeError: path is the name of a file, as text or as a pathlib.Path, got int 3
    """
    if not isinstance(path, (str, bytes, os.PathLike)):
        named = getattr(path, "name", None)  # an open file's
        advice = f": pass its name, {quoted(named)}" if hasattr(path, "read") and isinstance(named, str) else ""
        kind = type(path).__name__
        raise TypeError(f"path is the name of a file, as text or as a pathlib.Path, got {kind} {quoted(path)}{advice}")


def check_writable(path: str | os.PathLike[str]) -> None:
    """Check that `write_whole` may write to this path, and say what to do where it may not.

    Raises:
        TypeError: it is no path.
        OSError: it is empty, a folder or read-only, or its folder is missing or read-only.
    """
    path = named_file(path)
    if not path:
        raise FileNotFoundError("cannot write to an empty path: name a file")
    name = path_text(path)
    try:
        os.stat(path)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise OSError(errno.ELOOP, f"cannot write {name}: its links lead in a circle") from None
    if os.path.isdir(path):
        raise IsADirectoryError(f"cannot write {name}: it is a folder, name a file in it")
    if os.path.exists(path):
        if not (os.stat(path).st_mode & 0o222 and os.access(path, os.W_OK)):
            raise PermissionError(f"cannot write {name}: it is read-only; make it writable, or choose another name")
        if is_stream(path):
            return
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"cannot write {name}: there is no folder {path_text(folder)}, make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"cannot write {name}: the folder {path_text(folder)} is read-only; choose another one")


def path_text(path: str | os.PathLike[str]) -> str:
    r"""Return a path for a message: what standard output cannot encode is escaped.

    That includes bytes that are not UTF-8, which Python holds as lone surrogates.

    >>> print(path_text("caf\udce9.json"))
    caf\udce9.json
    """
    return escaped(os.fsdecode(path))


def read_at_most(path: str | os.PathLike[str], most: int) -> tuple[int, bytes]:
    """Return the size of a file and its bytes; of a larger file, a size above `most`. A device may have no end.

    Raises:
        TypeError: it is no path.
        OSError: it cannot be read; of what kind, and what to do.
    """
    check_is_path(path)
    try:
        file = open(path, "rb")  # noqa: SIM115  # the with statement follows
    except OSError as problem:
        raise _unreadable(path, problem) from None
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            return size, b""
        content = file.read(size + 1)  # a buffer as large as the file, not as large as the limit
        if len(content) > size:  # the file has grown since, or is a device or a pipe, whose size is 0
            content += file.read(most - size)
    return len(content), content


def _unreadable(path: str | os.PathLike[str], problem: OSError) -> OSError:
    """Return the error for a file that cannot be opened, of the same kind and number, with what to do about it."""
    name, folder = path_text(path), os.path.dirname(os.path.abspath(path))
    said = problem.strerror
    if os.path.isdir(path):  # on Windows, one that may not be read
        said = "it is a folder, name a file in it"
    elif isinstance(problem, PermissionError):
        said = "this user may not read it: change its mode"
    elif isinstance(problem, FileNotFoundError) and not os.path.isdir(folder):
        said = f"there is no folder {path_text(folder)}"
    elif isinstance(problem, FileNotFoundError):
        said = f"there is no such file in {path_text(folder)}: name one that model.save(path) has written"
    return type(problem)(problem.errno, f"cannot load {name}: {said}")


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return True for a device, a pipe, or the name of an open file, such as /dev/stdout."""
    if os.path.exists(path) and not os.path.isfile(path):
        return True
    return _descriptor_name(path) is not None


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """Return the number of the open file of this process that a path such as /dev/stdout names."""
    place = _descriptor_name(path)
    if place is None or os.path.dirname(place) != os.path.realpath("/proc/self/fd"):
        return None
    return int(os.path.basename(place))


def _descriptor_name(path: str | os.PathLike[str]) -> str | None:
    """Return /proc/<process>/fd/<number> for the name of an open file, such as /dev/stdout."""
    place = os.fsdecode(path)
    for _ in range(40):  # links may lead in a circle; Linux follows as many
        if not os.path.islink(place):
            break
        folder = os.path.realpath(os.path.dirname(place))
        if folder.startswith("/proc/") and os.path.basename(folder) == "fd":
            return os.path.join(folder, os.path.basename(place))
        place = os.path.join(folder, os.readlink(place))
    return None


def _write_unnamed(new: Path, content: bytes, mode: int) -> bool:
    """Write a file that gets its name when it is complete, so that nothing is left if the process is killed before.

    Returns False where this is impossible: only Linux has files without a name, and not on all file systems.
    """
    try:
        unnamed = os.open(new.parent, os.O_TMPFILE | os.O_WRONLY, mode)
    except (AttributeError, OSError):
        return False
    with open(unnamed, "wb") as file:
        _write_out(file, content)
        try:
            os.link(f"/proc/self/fd/{unnamed}", new, src_dir_fd=unnamed)  # with src_dir_fd it follows that link
        except OSError:
            return False
    return True


def _write_out(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _keep_owner(target: Path, new: Path) -> None:
    """Give the new file to the owner of the old one, if this user may."""
    if hasattr(os, "chown"):
        with contextlib.suppress(OSError):
            os.chown(new, target.stat().st_uid, target.stat().st_gid)


def numbers_to_text(numbers: Mapping[str, float], **others: Any) -> str:
    """Return the text of a file of parameters.

    Arguments:
        numbers: the parameters' numbers, by name.
        others: further entries, as JSON has them; those that are None are left out.

    >>> print(numbers_to_text({"weight": 0.5, "bias": math.inf}), end="")
    {
     "format": "scalar-autograd parameters",
     "version": 1,
     "parameters": {
      "weight": 0.5,
      "bias": "inf"
     }
    }
    """
    written = {name: x if math.isfinite(x) else _odd(x) for name, x in numbers.items()}
    present = {key: x for key, x in others.items() if x is not None}
    document = {"format": _FORMAT, "version": _VERSION, **present, "parameters": written}
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def numbers_from_text(text: str | bytes) -> dict[str, float]:
    """Return the parameters' numbers by name, from the text or the bytes of a file.

    Raises:
        ValueError: the text is damaged, or is not that of a parameter file.

    >>> numbers_from_text(numbers_to_text({"weight": 0.5, "bias": math.inf}))
    {'weight': 0.5, 'bias': inf}
    """
    return document_from_text(text)["parameters"]  # type: ignore[no-any-return]  # made a few lines below


def document_from_text(text: str | bytes) -> dict[str, Any]:
    """Return all entries of a file; only its format, its version and its parameters' numbers are checked.

    Raises:
        ValueError: as `numbers_from_text`.
    """
    try:
        document = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:  # thousands of nested lists
        raise ValueError(f"the file is damaged: {problem}") from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f'it is not a parameter file: it does not say "format": "{_FORMAT}"')
    if document.get("version") != _VERSION:
        raise ValueError(f"its version is {reprlib.repr(document.get('version'))}, this program reads {_VERSION}")
    parameters = document.get("parameters")
    if not isinstance(parameters, dict):
        raise ValueError("the file is damaged: it has no parameters")
    return document | {"parameters": {name: _number_from(name, x) for name, x in parameters.items()}}


def _odd(x: float) -> str:
    """Spell an infinity or a nan; most nans that calculations produce have a negative sign."""
    return "-nan" if math.isnan(x) and math.copysign(1, x) < 0 else str(x)


def _number_from(name: str, x: Any) -> float:
    if x in ("inf", "-inf", "nan", "-nan"):
        return math.copysign(math.nan, -1.0) if x == "-nan" else float(x)
    if type(x) in (int, float) and abs(x) <= sys.float_info.max:
        return float(x)
    raise ValueError(f"the file is damaged: {reprlib.repr(name)[1:-1]} is {reprlib.repr(x)}")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in it")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
