"""Run programs as a user does: on a terminal of a chosen width, or with their output in a chosen encoding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from needs import lacking

_NOT_INHERITED = ("COLUMNS", "NO_COLOR", "PYTHONIOENCODING", "PYTHONUTF8", "LC_ALL", "LC_CTYPE", "TERM")


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of this process, with the variables that matter here as given, or else absent."""
    return {name: text for name, text in os.environ.items() if name not in _NOT_INHERITED} | variables


def printed_in(encoding: str, *arguments: str, cwd: Path | None = None, **variables: str) -> tuple[str, str]:
    """Run Python with its output in an encoding, which must hold all of it; return standard output and error."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(PYTHONIOENCODING=encoding, **variables) if encoding else environment(**variables),
        capture_output=True,
        check=False,
    )
    texts = [stream.decode(encoding or "ascii").replace("\r\n", "\n") for stream in (result.stdout, result.stderr)]
    assert result.returncode == 0, texts[1]
    return texts[0], texts[1]


def printed_on_terminal(columns: int, *arguments: str, cwd: Path | None = None, **variables: str) -> str:
    """Run Python on a terminal of that width, and return what the terminal was sent."""
    try:
        import fcntl  # noqa: PLC0415
        import pty  # noqa: PLC0415
        import struct  # noqa: PLC0415
        import termios  # noqa: PLC0415
    except ImportError:
        lacking("this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(**{"TERM": "xterm", "PYTHONIOENCODING": "utf-8", **variables}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    received = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so where others say that nothing is left
            break
        if not part:
            break
        received += part
    os.close(ours)
    assert child.wait() == 0, received.decode(errors="replace")
    return received.decode().replace("\r\n", "\n")
