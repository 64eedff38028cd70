"""Raise KeyboardInterrupt at a chosen bytecode of a call, or send what Ctrl-C sends: what is left behind is tested."""

from __future__ import annotations

import dis
import functools
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import pytest

from autograd import events

LOCKS: list[Any] = [events.registry, events.turn]


def interrupted(call: Callable[[], object], at: int, since: CodeType | None = None) -> bool:
    """Call a function, and interrupt it before it executes bytecode number `at`, counted from 1.

    Bytecodes count from the first call of the function whose code is `since`, if that is given. What comes before is
    then as fast as ever.

    This is stricter than Ctrl-C, which Python only looks for after calls, in loops, and where functions begin.

    Returns True if the interrupt came, False if the call was over before. Where it came while Python closed a generator
    that nobody refers to any more, as Ctrl-C never does, Python reports it and the call goes on: without the report.
    """
    left, counting, instruction = at, since is None, ""

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left, counting, instruction
        if not counting:
            if frame.f_code is not since:
                return None
            counting = True
            caller = frame.f_back
            while caller and caller.f_code is not interrupted.__code__:  # these go on afterwards
                caller.f_trace, caller.f_trace_opcodes = trace, True
                caller = caller.f_back
        frame.f_trace_opcodes = True
        # Until Python 3.12, cached_property has a lock for all instances, which an interrupt there would leave held.
        if event == "opcode" and frame.f_code.co_filename != functools.__file__:
            left -= 1
            if left == 0:
                instruction = dis.opname[frame.f_code.co_code[frame.f_lasti]]
                raise KeyboardInterrupt
        return trace

    def report(unraisable: Any) -> None:
        if unraisable.exc_type is not KeyboardInterrupt:
            others(unraisable)

    others, sys.unraisablehook = sys.unraisablehook, report
    gc.disable()  # whose callbacks would be interrupted too, and swallow it (Hypothesis has one)
    sys._getframe().f_trace_opcodes = True  # from Python 3.12 on, settrace looks whether anyone has asked for bytecodes
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
        gc.enable()
        sys.unraisablehook = others
        # Between the last statement of a `with` and its end Ctrl-C never comes. This does, and the lock stays held:
        # by the main thread, which may go on, while all others would wait for ever.
        held = [lock for lock in LOCKS if lock._is_owned()]
        for lock in held:
            lock.release()
        if held and instruction == "JUMP_BACKWARD":  # there Ctrl-C does come
            pytest.fail(f"the interrupt at {at} left {held} held")
    return left <= 0


@contextmanager
def ctrl_c_after(seconds: float) -> Iterator[list[float]]:
    """Send this process what Ctrl-C sends, after a while.

    Yields a list that gets the moment, by `time.process_time`: that of other programs does not count.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.process_time())
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(seconds, interrupt)
    try:
        timer.start()
        yield sent
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
