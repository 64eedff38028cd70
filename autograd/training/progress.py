"""Report the progress of a training run: as a tqdm bar if tqdm is installed, else in a few lines.

They go to standard error. A notebook shows that in red, as it shows errors, so its progress goes to standard output; or
it is a bar of the notebook's own, where tqdm finds ipywidgets.
"""

import importlib
import os
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, TextIO

from autograd.text import at_commas

_LINES = 10  # in a run, without tqdm
_LONGEST_SILENCE = 10.0  # seconds between two lines
_SECONDS = 0.1  # between two updates of the bar


class Progress:
    """A report of the epochs completed, with their figures; call it after each epoch, or after several.

    Arguments:
        epochs: the number of epochs in the run.
        figures: a function that returns the figures of an epoch as text.
    """

    def __init__(self, epochs: int, figures: Callable[[int], str]) -> None:
        self.epochs, self.figures = epochs, figures
        self.done, self.shown = 0, 0
        self.next = 0.0  # the time of the next report, whatever the number of epochs
        self.bar = _bar(epochs)

    def __call__(self, epochs: int) -> None:
        """Count up to so many epochs, and report each of the new ones for which a report is due."""
        while self.done < epochs:
            self.done += 1
            self._report()

    def _report(self) -> None:
        if self.bar is None:
            due = self.done * _LINES // self.epochs > self.shown * _LINES // self.epochs or self.done == 1
            if due or time.monotonic() >= self.next:  # nobody should wonder whether a long run goes on
                self._line()
                self.next = time.monotonic() + _LONGEST_SILENCE
        elif time.monotonic() >= self.next:  # far cheaper than an update for each of 100,000 epochs
            self._move()
            self.next = time.monotonic() + _SECONDS

    def close(self) -> None:
        """Report the last epoch."""
        if self.bar is not None:
            self._move()
            self.bar.close()
        elif self.done > self.shown:
            self._line()

    def _line(self) -> None:
        width = len(str(self.epochs))
        line = f"epoch {self.done:{width}}/{self.epochs}  {self.figures(self.done - 1)}"
        print(*at_commas(line, _columns()), sep="\n", file=_stream())
        self.shown = self.done

    def _move(self) -> None:
        self.bar.set_postfix_str(self.figures(self.done - 1), refresh=False)
        self.bar.update(self.done - self.shown)
        self.shown = self.done


def say_compiling(seconds: float) -> None:
    """Report that a program is being compiled, which takes some seconds.

    >>> import contextlib
    >>> with contextlib.redirect_stderr(sys.stdout):
    ...     say_compiling(4.8)
    compiling a large program, for some 5 seconds
    """
    print(f"compiling a large program, for some {seconds:.0f} seconds", file=_stream())


def _stream() -> TextIO:
    # A kernel belongs to the shell of a notebook, and not to that of a terminal.
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return sys.stderr if getattr(shell, "kernel", None) is None else sys.stdout


def _columns() -> int | None:
    """Return the width of the terminal that the lines go to; None if they go elsewhere."""
    try:
        return os.get_terminal_size(_stream().fileno()).columns or None
    except (AttributeError, OSError, ValueError):  # no terminal, or no file at all
        return None


def _bar(epochs: int) -> Any:
    """Return a tqdm bar; None if tqdm is not installed."""
    try:
        if "tqdm.auto" not in sys.modules:  # the first time only: afterwards Python may repeat warnings it has shown
            with warnings.catch_warnings(action="ignore"):  # without ipywidgets a notebook's bar is in text, which does
                importlib.import_module("tqdm.auto")  # optional, and slow to import
        from tqdm.auto import tqdm  # noqa: PLC0415
    except ImportError:
        return None
    bar = type("Bar", (tqdm,), {"monitor_interval": 0})  # no monitoring thread: we update the bar ourselves
    return bar(total=epochs, unit="epoch", mininterval=0, miniters=0, file=_stream())
