"""Ctrl-C at a chosen place of a call, for tests of what it leaves behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def interrupted(call: Callable[[], object], at: int) -> bool:
    """Call it with a KeyboardInterrupt at that bytecode, counted from 1; tell whether it was not over by then."""
    left = at

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return trace

    gc.disable()  # whose callbacks would be interrupted too, and swallow it (Hypothesis has one)
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
        gc.enable()
    return False
