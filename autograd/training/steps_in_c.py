"""Make steps of training in C: for each batch loss and gradients, then the optimizer's update, without Python between.

A library has the loop over steps (`loop_in_c.py`), and the optimizer's update, printed from its rule (`rules_in_c.py`).
Python prepares a slice of steps, some 50 ms of them: the batches and the learning rates; and keeps the parameters and
the optimizer's state after its last step. So Ctrl-C and progress come between two slices.

C goes on where a check of the model is due, and notes all numbers there, at the stops of a slice: so the check can look
at them afterwards. The last stop is the last step.

A step that loses its numbers is not made: Python makes it again, and says what is wrong as for any other.

The optimizer's own rule is compared with what C has computed, to the bit:

    once          on random numbers, in place of a step's, too, for all parameters: so a rule that moves parameters by
                  those of others, as arrays can, if only at some steps, is seen before anything is trained
    at each stop  the numbers of the step, and the parameter of the largest gradient: so a rule that reads something
                  which changes is seen before anything of the slice is kept; of this package's rules, which read
                  nothing but their settings, that parameter at the last stop alone
    after each slice but the first    all parameters; of this package's rules after some 25 ms of steps, where slices
                  are shorter
"""

import ctypes
import math
import random
import time
from array import array
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import accumulate, chain, cycle, islice, pairwise
from typing import Any, NamedTuple

from autograd.codegen.c import FLAGS
from autograd.codegen.c_build import built
from autograd.errors import CompilerError
from autograd.floats import number
from autograd.optim import Groups, Optimizer
from autograd.training.data import Feed
from autograd.training.draws import Draws
from autograd.training.loop_in_c import RuleOfSlice, Samples, Slice, loop_source
from autograd.training.rules_in_c import (
    CHANGES,
    OWN_STATE,
    NotInCError,
    RuleInC,
    numbers_like,
    rule_in_c,
    unchanged,
    with_numbers,
)
from autograd.training.steps import BatchFunction
from autograd.trees import tree_leaves

_SECONDS_OF_A_SLICE = 0.05  # so that Ctrl-C is answered as soon
_FIRST_SLICE = 1000  # steps in the first slice, at most, whose first step is timed
_GROWTH = 10  # of the steps in a slice, at most
_SOME_RATE = 0.125  # a learning rate to try rules with
_MOST_NOTES = 2**22  # numbers noted in a slice, at most: 32 MiB
_MOST_DRAWN = 2**20  # numbers of nn.uniform in a slice, at most, but for a single step: 8 MiB
_MOST_RECORDINGS = 8  # in a run, of rules that return another function than before
_ALIGNMENT = 64  # bytes, of a program's memory
_OTHERWISE = (
    "C does not compute what its rule does: that reads something which changes from step to step, or moves parameters "
    "by those of others"
)

State = tuple[Any, dict[str, Any]]
"""The parameters' numbers, a list or an array, and the optimizer's state."""


class Made(NamedTuple):
    """What a slice of steps has made."""

    losses: list[float]
    """Of each step."""
    accuracies: list[float]
    state: Callable[[int], State]
    """Gives the optimizer the state after so many of the steps, up to a stop, and returns it with the parameters'
    numbers; to be called before the next slice is made."""


class Rates:
    """Learning rates that have been asked for in advance, each once, for steps that C or Python will make."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        """For each of the next steps, the rates of all optimizers."""
        self.failure: BaseException | None = None
        """What asking for those of the step behind has raised."""

    def next(self) -> list[float]:
        """Return the rates of the next step; none if they have not been asked for.

        Raises:
            BaseException: what asking for them has raised.
        """
        if self.failure is not None and not self.rows:
            raise self.failure
        return self.rows[0] if self.rows else []


class _Part:
    """An optimizer, and where its parameters are among all."""

    def __init__(self, optimizer: Optimizer, places: Sequence[int], state: int, *, arrays: bool) -> None:
        self.optimizer, self.size, self.state, self.arrays = optimizer, len(places), state, arrays
        cuts = [0, *(i for i in range(1, len(places)) if places[i] != places[i - 1] + 1), len(places)]
        self.runs = [(places[a], b - a) for a, b in pairwise(cuts) if a < b]
        self.run = array("q", [x for run in self.runs for x in run])
        self.rule: RuleInC = rule_in_c(optimizer, arrays=arrays)
        self.constants = array("d", self.rule.constants)
        self.k = array("d", bytes(8 * self.rule.size))
        self.clip = _in_memory(optimizer.clip_norm)
        self.noted = 0  # where these are in a note
        self.read = RuleOfSlice()  # what C reads of this
        self.begin = 0  # the optimizer's steps before a slice
        self.by_python = not self.rule.numbers
        """Whether Python computes the numbers of a step."""
        self.is_pure = type(optimizer).__module__ == Optimizer.__module__ and "rule" not in optimizer.attributes()
        """Whether the rule is known to read nothing but its arguments and the optimizer's settings."""
        self.table = array("d")  # the numbers of the steps of a slice
        self.rates = array("d")  # their learning rates; none where all have the same one:
        self.rate = 0.0

    @property
    def has_constant_rate(self) -> bool:
        optimizer = self.optimizer
        own = type(optimizer).rate is not Optimizer.rate or "rate" in optimizer.attributes()
        return not own and not _is_computed(optimizer, "lr") and not callable(optimizer.lr)

    def give_rates(self, rate: float, rates: Sequence[float] = ()) -> None:
        """Let C read the rates of a slice: that of each step, or one for all."""
        if rates or self.rates:
            self.rates = array("d", rates)
            self.read.rates = _address(self.rates) if rates else None
        self.rate = self.read.rate = rate

    def rate_of(self, step: int) -> float:
        """Return the learning rate of a step of the slice."""
        return self.rates[step] if self.rates else self.rate

    def of(self, numbers: Any) -> Any:
        """Return those of its parameters."""
        parts = [numbers[first : first + length] for first, length in self.runs]
        if len(parts) == 1:
            return parts[0]
        if self.arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            return np.concatenate(parts)
        return array("d", chain.from_iterable(parts))

    def moved(self, closure: Callable[..., Any], columns: Sequence[Any]) -> list[bytes]:
        """Return what a rule gives for numbers, gradients and state of all parameters, called as `update` calls it."""
        if not self.arrays:
            return [array("d", column).tobytes() for column in zip(*map(closure, *columns))]
        import numpy as np  # noqa: PLC0415  # the backend has found it

        with np.errstate(all="ignore"):
            arrays = [np.asarray(x, float) for x in closure(*(column.copy() for column in columns))]
        return [(x if x.shape == (self.size,) else np.broadcast_to(x, self.size)).tobytes() for x in arrays]

    def columns(self) -> Iterator[slice]:
        """Yield the places of each column of its state, behind all parameters."""
        for j in range(self.rule.memories):
            yield slice(self.state + j * self.size, self.state + (j + 1) * self.size)


def _settings(optimizer: Optimizer) -> dict[str, Any]:
    """Return the attributes of an optimizer but for those that change from step to step, or are asked for."""
    return {name: x for name, x in optimizer.attributes().items() if name not in OWN_STATE}


def _every(optimizer: Optimizer) -> list[Optimizer]:
    """Return an optimizer, and those in its groups."""
    return [optimizer, *(one for _, one in optimizer.groups)] if isinstance(optimizer, Groups) else [optimizer]


class StepsInC:
    """The steps of a run in C.

    Arguments:
        feeds, functions: the samples, and the function of a batch, for each shape of these.
        optimizer: what moves the parameters.
        rates: its learning rates that have been asked for.
        parameters: their number.
        draws: the source of `nn.uniform`.
        arrays: whether their numbers are kept in NumPy's arrays, or in lists.

    Raises:
        NotInCError: Python has to make the steps; the message says why.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        functions: Sequence[BatchFunction],
        optimizer: Optimizer,
        rates: Rates,
        parameters: int,
        *,
        draws: Draws,
        arrays: bool,
    ) -> None:
        self.optimizer, self.rates, self.parameters, self.arrays = optimizer, rates, parameters, arrays
        self.draws, self.drawing = draws, any(function.draws for function in functions)
        self.sqrt: Callable[[Any], Any] = math.sqrt
        self.viewed: Callable[[memoryview], Any] = lambda memory: memory
        """Returns what the numbers in memory are kept as."""
        if arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            self.sqrt, self.viewed = np.sqrt, np.frombuffer
        self.memory: list[Any] = []  # what C reads, kept for it
        self.feeds, self.samples = feeds, (Samples * len(feeds))(*map(self._samples, feeds, functions))
        self.parts: list[_Part] = []
        self.tried = False
        """Whether the rules have been compared on random numbers."""
        self.pace, self.first = _FIRST_SLICE, True  # steps in a slice; whether none has been made
        self.batches = array("q")
        self.held: Any = None
        self.others = self.figures = array("d")
        self.stops = list[int]()  # of the slice
        self.begin = 0  # the steps of the optimizer before it
        self.unseen = 0.0  # the seconds of steps since all parameters were compared
        self.loaded: object = None  # whose numbers are in the buffers
        self.recordings = 0
        self._record()

    def _samples(self, feed: Feed, function: BatchFunction) -> Samples:
        program, size = function.program, feed.size
        if program is None:
            raise NotInCError("the compiled function has no program in C to call")
        if size > program.limits.most:
            raise NotInCError("a batch takes so long that it is computed in slices")
        work = bytearray(program.work + _ALIGNMENT)
        start = ctypes.addressof(ctypes.c_char.from_buffer(work))
        self.memory += [program.library, work]
        columns, rooms, sizes = [], [], []
        for column in (feed.xs, feed.ys):
            numbers: Any = column if feed.form.arrays else array("d", tree_leaves(column))
            sizes.append((numbers.size if feed.form.arrays else len(numbers)) // len(feed.data))
            room = array("d", bytes(8 * sizes[-1] * size))
            columns.append(numbers.ctypes.data if feed.form.arrays else _address(numbers))
            rooms.append(_address(room))
            self.memory += [numbers, room]
        program_at = program.library.address("called")
        return Samples(program_at, start + -start % _ALIGNMENT, *columns, *sizes, None, *rooms, function.draws)

    # The optimizer's rules --------------------------------------------------------------------------------------------

    def _record(self) -> None:
        """Record the rules of the optimizer, and compile them."""
        every = _every(self.optimizer)
        self.settings = [(one, type(one), len(one.attributes()), _settings(one)) for one in every]
        self.parts = list(self._parts())
        source, kinds = loop_source([part.rule for part in self.parts])
        try:
            library = built(source, ["-O3", *FLAGS])
        except (CompilerError, OSError) as problem:
            raise NotInCError(f"the optimizer's rule cannot be compiled: {problem}") from problem
        self.run = library.function("steps")
        self.numbers = self.parameters + sum(part.rule.memories * part.size for part in self.parts)
        self.width = sum(part.rule.size + 2 for part in self.parts) + 2 * self.numbers + self.parameters  # of a note
        self.buffers = [array("d", bytes(8 * self.numbers)) for _ in range(2)]
        self.out = array("d", bytes(8 * (self.parameters + 2)))
        self.notes = array("d")
        self.loaded = self.held = None
        self.rules, noted = (RuleOfSlice * len(self.parts))(), 0
        for j, (part, kind) in enumerate(zip(self.parts, kinds)):
            self.rules[j] = RuleOfSlice(
                kind=kind, constants=_address(part.constants), k=_address(part.k), count=part.rule.size,
                clip=_address(part.clip) if part.clip else None,
                runs=len(part.runs), run=_address(part.run), state=part.state, stride=part.size,
            )  # fmt: skip
            part.read = self.rules[j]
            part.noted, noted = noted, noted + part.rule.size + 2
        self.slice = Slice(
            parameters=self.parameters, numbers=self.numbers, rules=len(self.parts),
            samples=ctypes.addressof(self.samples), rule=ctypes.addressof(self.rules), out=_address(self.out),
        )  # fmt: skip
        self.clip = _in_memory(self.optimizer.clip_norm if isinstance(self.optimizer, Groups) else None)
        if self.clip or any(part.clip for part in self.parts):
            self.clipped = array("d", bytes(8 * self.parameters))
            self.slice.clipped, self.slice.clip = _address(self.clipped), _address(self.clip) if self.clip else None
        with unchanged(_every(self.optimizer)):
            self.tried = self._try(library.function("trial"))

    def _has_settings(self) -> bool:
        """Return True if the optimizer, and those in its groups, are as they were when their rules were recorded."""
        every = _every(self.optimizer)
        if len(every) != len(self.settings):
            return False
        for one, (known, kind, size, before) in zip(every, self.settings):
            now = one.attributes()
            if one is not known or type(one) is not kind or len(now) != size:
                return False
            for name, x in before.items():
                if now.get(name, now) is not x:  # no attribute is `now`
                    return False
        return True

    def _try(self, trial: Callable[[Any], object]) -> bool:
        """Compare the rules with what C computes on random numbers, for all parameters.

        First with the numbers of a step, then with random numbers in place of these, too, and gradients of all sizes:
        so the rule of any step is compared, and one that does something else to large gradients.

        Returns False if a rule, or C, cannot compute the numbers of the step, or not with random ones.

        Raises:
            NotInCError: the update is not that of a rule.
        """
        rng = random.Random(0)
        some = [rng.uniform(0.25, 1.0) for _ in range(1009)]  # a prime: columns begin at other numbers
        signed = [rng.uniform(-1.0, 1.0) for _ in range(1013)]
        self._note_steps()
        for part in self.parts:
            part.give_rates(_SOME_RATE)
        try:
            with self._steps_given_back():
                self._tabulate_step(0)
        except Exception:  # any, of a user's rule; asked for each step, it raises it at the right one
            return False
        self._give_tables()
        self._try_on(trial, some, signed)
        if not self.slice.done or not self._all_agree(entirely=True):
            return False
        closures, tables = [], []
        for part in self.parts:
            closure = part.optimizer.rule(_SOME_RATE, part.begin, self.sqrt)
            own = enumerate(numbers_like(part.rule, closure))
            drawn = [x if j in part.rule.exponents else rng.uniform(0.25, 1.0) for j, x in own]
            closures.append(with_numbers(closure, iter(drawn)))
            tables.append(array("d", drawn))
            part.read.table = _address(tables[-1])
        self._try_on(trial, some, [x * 10.0 ** rng.uniform(-6.0, 6.0) for x in signed])
        for part in self.parts:
            part.read.table = None  # where Python computes the numbers, it makes another one for each slice
        return all(self._agrees_on_random(*one) for one in zip(self.parts, closures))

    def _agrees_on_random(self, part: _Part, closure: Callable[..., Any]) -> bool:
        """Return False if these numbers do not show whether C computes what a rule does.

        Raises:
            NotInCError: it does not.
        """
        try:
            found, made = self._all(part, closure, 0)
        except Exception:  # any, of a user's rule, which may refuse such numbers
            return False
        if found != made and not any(map(math.isnan, chain.from_iterable(array("d", x) for x in made))):
            raise NotInCError(_OTHERWISE)
        return found == made

    def _try_on(self, trial: Callable[[Any], object], some: list[float], gradients: list[float]) -> None:
        """Let C make a step of parameters and state that are some numbers over and over."""

        def repeated(numbers: list[float], size: int) -> "array[float]":
            return array("d", (numbers * (1 + size // len(numbers)))[:size])

        self.buffers[0][:], self.out[1:-1] = repeated(some, self.numbers), repeated(gradients, self.parameters)
        self._begin([1])
        self.slice.now, self.slice.next = map(_address, self.buffers)
        trial(ctypes.byref(self.slice))

    def _parts(self) -> Iterator[_Part]:
        optimizer, state = self.optimizer, self.parameters
        groups: list[tuple[Optimizer, Sequence[int]]] = [(optimizer, range(self.parameters))]
        if isinstance(optimizer, Groups):
            _refuse_own(optimizer, Groups, "_moves")
            groups = optimizer.places()
        for one, places in groups:
            _refuse_own(one, Optimizer, "_moved")
            part = _Part(one, places, state, arrays=self.arrays)
            state += part.rule.memories * part.size
            yield part

    # A slice of steps -------------------------------------------------------------------------------------------------

    def plan(self, cuts: Sequence[tuple[int, int, int]]) -> None:
        """Take over the batches of an epoch: for each, the shape of its samples, and what `Feed.cuts` says of it."""
        self.batches = array("q", [x for cut in cuts for x in cut])
        self.orders = [None if feed.whole else array("q", feed.order) for feed in self.feeds]
        for samples, order in zip(self.samples, self.orders):
            samples.order = None if order is None else _address(order)

    def make(self, kept: State, held: Any, place: int, stops: Sequence[int], keep: Callable[[Made], object]) -> None:
        """Make steps from a batch of the plan on, some or none: none if Python has to make the next one.

        Arguments:
            kept: the parameters' numbers and the optimizer's state.
            held: the numbers of the other leaves.
            place: of the batch of the first step; behind the last batch comes the first.
            stops: numbers of steps after which somebody will look at the state; the last one is the most to make.
            keep: called with what has been made, also where Ctrl-C comes meanwhile.

        Raises:
            NotInCError: Python has to make all further steps; the message says why.
        """
        if not self._has_settings():
            self._record()
        count = min(stops[-1], self.pace)
        drawn = self._draw(place, count) if self.drawing else []  # before the rates, which may draw, too
        count = self._look_ahead(len(drawn) or count)
        if not count:
            return
        if self.loaded is not kept:
            self.load(kept)
        made = self.slice  # one for all: what stays is in it
        if held is not self.held:
            self.held, self.others = held, array("d", held)
            made.held = _address(self.others)
        if len(self.figures) != 2 * count:
            self.figures = array("d", bytes(16 * count))
        made.losses = _address(self.figures)
        made.accuracies = made.losses + 8 * count
        made.batches, made.batch = len(self.batches) // 3 - place, _address(self.batches) + 24 * place
        self._begin([*(stop for stop in stops if stop < count), count])
        first, interrupt = self.first, None
        began = time.perf_counter()
        try:
            self._run()
        except BaseException as problem:  # Ctrl-C: what has been made by now is kept first
            interrupt = problem
        try:
            done = made.done
            if 0 < done < made.steps:  # the next one has lost its numbers, and the state before the last one with them
                self.load(kept)
                self._begin([*(stop for stop in self.stops if stop < done), done])
                self.run(ctypes.byref(made))
            self.stops = [stop for stop in self.stops if stop <= done]
            self.loaded = None
            seconds = max(time.perf_counter() - began, 1e-9)
            self.pace = max(1, min(int(_SECONDS_OF_A_SLICE * made.steps / seconds), _GROWTH * made.steps))
            if done and self._all_agree(entirely=self._is_entire(seconds, first=first)):
                if drawn:
                    self.draws.pass_over(drawn[done - 1])
                del self.rates.rows[:done]
                losses, accuracies = self.figures[:done], self.figures[count : count + done]
                keep(Made(losses.tolist(), accuracies.tolist(), self._state))
        finally:
            if interrupt is not None:
                raise interrupt

    def _draw(self, place: int, count: int) -> list[int]:
        """Draw the numbers for the samples of so many steps, or of fewer; return how many up to each step."""
        sizes = [self.batches[i + 2] * self.samples[self.batches[i]].draws for i in range(0, len(self.batches), 3)]
        totals = list(accumulate(islice(chain(sizes[place:], cycle(sizes)), count)))
        totals = totals[: max(1, bisect(totals, _MOST_DRAWN))]
        self.draws.in_advance(totals[-1], arrays=self.arrays)
        return totals

    # Learning rates, and what follows from them -----------------------------------------------------------------------

    def _look_ahead(self, count: int) -> int:
        """Ask for the learning rates of so many steps; return that of how many there are.

        Where an optimizer's numbers cannot be computed in C, its rule is called for each step, too.
        """
        count = self._ask(count)
        if not any(part.by_python for part in self.parts):
            return count
        with unchanged(_every(self.optimizer)):
            try:
                return self._tabulate(count)
            except NotInCError:
                if self.recordings == _MOST_RECORDINGS:
                    raise
            self.recordings += 1
            self._record()
            return self._tabulate(self._ask(count))

    def _ask(self, count: int) -> int:
        """Ask for the learning rates of so many steps, but those that are known; return of how many there are.

        Raises:
            NotInCError: a function of the step changes an optimizer.
        """
        self._note_steps()
        rates = self.rates
        varying = [part for part in self.parts if not part.has_constant_rate]
        if not varying and not rates.rows and rates.failure is None:
            try:
                for part in self.parts:
                    part.give_rates(part.optimizer.rate())
            except Exception:  # the step asks again, and raises it
                return 0
            return count
        try:
            with unchanged(_every(self.optimizer)), self._steps_given_back():
                asked = [part.optimizer.rate for part in self.parts]
                states = [(one.attributes(), one.attributes().copy()) for one in _every(self.optimizer)]
                for step in range(len(rates.rows), count if rates.failure is None else 0):
                    for part in self.parts:
                        part.optimizer.steps = part.begin + step  # as functions of the step may read it
                    rates.rows.append([rate() for rate in asked])
                    for now, before in states:
                        before["steps"] = now.get("steps")
                        if now != before:  # though a later rate may change it back
                            raise NotInCError(CHANGES)
        except NotInCError:  # Python asks again, so that the optimizer changes at the right steps
            rates.rows.clear()
            raise
        except BaseException as problem:  # to be raised once the steps before are made
            rates.failure = problem
        count = min(count, len(rates.rows))
        for part, column in zip(self.parts, zip(*rates.rows[:count])):
            part.give_rates(0.0, column)
        return count

    def _tabulate(self, count: int) -> int:
        """Call the rules whose numbers cannot be computed in C for so many steps; return for how many that works.

        Raises:
            NotInCError: not for the first.
        """
        step = 0
        for part in self.parts:
            part.table = array("d")
        try:
            with self._steps_given_back():
                for step in range(count):
                    self._tabulate_step(step)
        except NotInCError:
            if not step:
                raise
            count = step
        except BaseException as problem:  # to be raised once the steps before are made
            self.rates.failure = problem
            del self.rates.rows[step:]
            count = step
        self._give_tables()
        return count

    def _give_tables(self) -> None:
        """Let C read the numbers that Python has computed."""
        for part in self.parts:
            if part.by_python:
                part.read.table = _address(part.table)

    def _tabulate_step(self, step: int) -> None:
        for part in self.parts:
            if part.by_python:
                part.optimizer.steps = part.begin + step
                closure = part.optimizer.rule(part.rate_of(step), part.begin + step, self.sqrt)
                part.table.extend(numbers_like(part.rule, closure))

    def _note_steps(self) -> None:
        """Note the numbers of the next step."""
        self.begin = self.optimizer.steps
        for part in self.parts:
            part.begin = part.read.step = part.optimizer.steps

    @contextmanager
    def _steps_given_back(self) -> Iterator[None]:
        try:
            yield
        finally:
            for part in self.parts:
                part.optimizer.steps = part.begin

    # What C reads and writes ------------------------------------------------------------------------------------------

    def load(self, kept: State) -> None:
        """Write the parameters' numbers and the optimizer's state, which it has now, to the memory that C reads.

        Raises:
            NotInCError: the state is that of other parameters.
        """
        numbers, _ = self.loaded = kept
        state = self.viewed(memoryview(self.buffers[0]))
        state[: self.parameters] = numbers if self.arrays else array("d", numbers)
        for part in self.parts:
            columns = part.optimizer.attributes()["_memory"]
            if columns is None or len(columns) != part.rule.memories or not all(map(len, columns)):  # as `update` does
                columns = (array("d", bytes(8 * part.size)),) * part.rule.memories
            if any(len(column) != part.size for column in columns):
                raise NotInCError("the optimizer holds state for other parameters")
            for places, column in zip(part.columns(), columns):
                state[places] = column if self.arrays else array("d", column)
        self.slice.now, self.slice.next = map(_address, self.buffers)

    def _begin(self, stops: list[int]) -> None:
        """Make ready for steps up to the last of these stops, or to an earlier one if the notes would be too large."""
        if self.first and stops[0] > 1:
            stops = [1, *stops]
        stops = stops[: max(1, _MOST_NOTES // self.width)]
        size = self.width * len(stops) - 2 * self.numbers - self.parameters  # the last stop has no columns
        if len(self.notes) < size:
            self.notes = array("d", [0.0]) * size
        self.slice.done, self.slice.note, self.slice.drawn = 0, _address(self.notes), _address(self.draws.ahead)
        self._stop_at(stops)

    def _stop_at(self, stops: list[int]) -> None:
        """Let C note what Python looks at after so many steps, and end with the last of them."""
        made, self.stops, self.stop_memory = self.slice, stops, array("q", stops)
        made.stop = _address(self.stop_memory) + 8 * sum(stop <= made.done for stop in stops)
        made.steps = made.last = stops[-1]

    def _run(self) -> None:
        """Let C make the steps; in the first slice fewer, if they would take too long."""
        if self.first:
            stops, began = self.stops, time.perf_counter()
            self.first, self.slice.steps = False, 1
            self.run(ctypes.byref(self.slice))
            most = max(1, int(_SECONDS_OF_A_SLICE / max(time.perf_counter() - began, 1e-9)))
            if self.slice.done == 0 or stops[-1] == 1:
                return
            self._stop_at(stops if stops[-1] <= most else [*(stop for stop in stops if stop < most), most])
        self.run(ctypes.byref(self.slice))

    def _columns(self, stop: int) -> tuple[memoryview, memoryview, memoryview]:
        """Return parameters and state before the step at a stop, its gradients, and parameters and state after it.

        Arguments:
            stop: its place among the stops.
        """
        if stop == len(self.stops) - 1:
            before, after = self.buffers if self.slice.next == _address(self.buffers[0]) else self.buffers[::-1]
            return memoryview(before), memoryview(self.out)[1:-1], memoryview(after)
        gradients = self.width * (stop + 1) - self.numbers - self.parameters
        after_it, noted = gradients + self.parameters, memoryview(self.notes)
        return (
            noted[gradients - self.numbers : gradients],
            noted[gradients:after_it],
            noted[after_it : after_it + self.numbers],
        )

    def _state(self, done: int) -> State:
        """Give the optimizer its state after so many steps, a stop, and return it with the parameters' numbers."""
        after = self.viewed(self._columns(self.stops.index(done))[-1])

        def copied(places: slice) -> Any:
            return after[places].copy() if self.arrays else after[places].tolist()

        for part in self.parts:
            part.optimizer.attributes().update(_memory=tuple(map(copied, part.columns())), steps=part.begin + done)
        if isinstance(self.optimizer, Groups):
            self.optimizer.steps = self.begin + done
        kept = copied(slice(self.parameters)), self.optimizer.state()
        if done == self.stops[-1]:
            self.loaded = kept
        return kept

    # Comparison with the rule -----------------------------------------------------------------------------------------

    def _is_entire(self, seconds: float, *, first: bool) -> bool:
        """Return True if all parameters are to be compared after a slice that took so long."""
        self.unseen += seconds
        usual = first or (self.unseen < _SECONDS_OF_A_SLICE / 2 and all(part.is_pure for part in self.parts))
        if self.tried and usual:
            return False
        self.unseen = 0.0
        return True

    def _all_agree(self, *, entirely: bool) -> bool:
        """Compare the steps before the stops, of all parts: see `_agrees`."""
        with nullcontext() if all(part.is_pure for part in self.parts) else unchanged(_every(self.optimizer)):
            return all(self._agrees(part, entirely=entirely) for part in self.parts)

    def _agrees(self, part: _Part, *, entirely: bool) -> bool:
        """Compare the steps before the stops with the optimizer's rule, called for them now; a pure one for the last.

        Arguments:
            part: an optimizer and its parameters.
            entirely: whether to compare all parameters after the last one; else one, as at the other stops.

        Returns False if the numbers of a step are not those in the closure of the rule: these are Python's from now on.

        Raises:
            NotInCError: the update is not that of the rule.
        """
        optimizer, size = part.optimizer, part.rule.size
        try:
            for stop, count in list(enumerate(self.stops))[-1 if part.is_pure else 0 :]:
                optimizer.steps = step = part.begin + count - 1
                noted = self.width * stop + part.noted
                same = part.by_python
                try:
                    closure = optimizer.rule(part.rate_of(count - 1), step, math.sqrt)
                    if part.is_pure and not entirely and part.size and self._one_agrees(part, closure, stop):
                        continue  # by the numbers of this closure
                    if not same:
                        found = array("d", numbers_like(part.rule, closure))
                        same = found.tobytes() == self.notes[noted : noted + size].tobytes()
                except Exception:  # any, of a user's rule; asked for each step, it raises it at the right one
                    if same:
                        raise
                if not same:
                    part.by_python = True
                    return False
                every = entirely and count == self.stops[-1]
                if part.size and (every or not self._one_agrees(part, closure, stop)):
                    self._compare(part, partial(optimizer.rule, part.rate_of(count - 1), step, self.sqrt), stop)
        finally:
            optimizer.steps = part.begin
        return True

    def _one_agrees(self, part: _Part, closure: Callable[..., Any], stop: int) -> bool:
        """Return True if a rule of floats gives the numbers of the parameter with the largest gradient."""
        noted = self.width * stop + part.noted + part.rule.size
        place, own = map(int, self.notes[noted : noted + 2])
        before, gradients, after = self._columns(stop)
        places = [place, *(column.start + own for column in part.columns())]
        x, *state = (before[i] for i in places)
        try:
            found = array("d", closure(x, float(self._passed(part, gradients)[own]), *state))
        except Exception:  # any, of a user's rule, which may be one of arrays
            return False
        return found.tobytes() == array("d", [after[i] for i in places]).tobytes()

    def _passed(self, part: _Part, gradients: Any) -> Any:
        """Return those of all gradients that are passed to a part's rule, as they are passed."""
        if isinstance(self.optimizer, Groups):
            gradients = self.optimizer.clipped(gradients)
        return part.optimizer.clipped(part.of(gradients))

    def _compare(self, part: _Part, rule: Callable[[], Callable[..., Any]], stop: int) -> None:
        """Compare the numbers of all its parameters with what the rule gives, called as `update` calls it.

        Arguments:
            part: the optimizer and its parameters.
            rule: returns what moves a parameter.
            stop: the place of the step among the stops.

        Raises:
            NotInCError: they are not the same to the bit.
        """
        try:
            found, made = self._all(part, rule(), stop)
        except Exception as problem:  # of a user's rule, any
            raise NotInCError(f"its rule raises {type(problem).__name__}: {problem}") from problem
        if found != made:
            raise NotInCError(_OTHERWISE)

    def _all(self, part: _Part, closure: Callable[..., Any], stop: int) -> tuple[list[bytes], list[bytes]]:
        """Return all numbers of a part after the step before a stop, as a rule gives them, and as C has made them."""
        before, gradients, after = map(self.viewed, self._columns(stop))
        columns = list(part.columns())
        given = [part.of(before), self._passed(part, gradients), *(before[places] for places in columns)]
        found = part.moved(closure, given)
        return found, [x.tobytes() for x in (part.of(after), *(after[places] for places in columns))]


def _refuse_own(optimizer: Optimizer, kind: type[Optimizer], moves: str) -> None:
    """Refuse an optimizer that does not move numbers by its rule alone.

    Raises:
        NotInCError: it is one.
    """
    name = type(optimizer).__name__
    for method in ("update", "update_at", moves, "clipped"):
        if getattr(type(optimizer), method) is not getattr(kind, method) or method in optimizer.attributes():
            raise NotInCError(f"{name} has a method {method} of its own")
    if _is_computed(optimizer, "clip_norm"):
        raise NotInCError(f"{name} computes its clip_norm")


def _is_computed(optimizer: Optimizer, name: str) -> bool:
    """Return True for an attribute that the class computes whenever it is read, as a property does."""
    return hasattr(getattr(type(optimizer), name, None), "__get__")


def _in_memory(x: float | None) -> "array[float]":
    return array("d", [] if x is None else [number(x)])


def _address(memory: "array[Any]") -> int:
    return memory.buffer_info()[0]
