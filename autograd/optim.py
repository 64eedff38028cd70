"""Define optimizers, which move parameters against their gradients.

An optimizer is made without parameters and applied to them: `optimizer.step(parameters)` after each `backward()`.
Beneath `step` is `update`, which knows no Values: it takes numbers and their gradients, in lists or NumPy arrays, and
returns new numbers, with the same bits for both. Compiled training calls `update`.

The rules agree with PyTorch's to the last digits: torch.optim.SGD, torch.optim.AdamW (without decay, torch.optim.Adam),
and, for `clip_norm`, torch.nn.utils.clip_grad_norm_ (docs.pytorch.org).
"""

import functools
import inspect
import math
import operator
import weakref
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeVar, cast

from autograd.engine import Value, at_once, commit_data
from autograd.errors import TrainingWarning
from autograd.floats import number
from autograd.frames import warn_caller
from autograd.hints import OptimizerHints, about_arguments
from autograd.text import escaped, letters, quoted
from autograd.trees import as_lists
from autograd.validation import check_leaves

if not TYPE_CHECKING:  # by which every name would do
    from autograd.hints import no_such_optimizer as __getattr__  # noqa: F401  # Python calls it

__all__ = ["SGD", "Adam", "AdamW", "Groups", "Optimizer"]


def __dir__() -> list[str]:
    return __all__


Rate = float | Callable[[int], float]
"""A learning rate: a number, or a function of the step, which counts from 0."""

UpdateRule = Callable[..., tuple[Any, ...]]
"""(number, gradient, state...) -> (new number, new state...), on floats and on arrays."""


_OF_ARRAYS = (
    "The rule of {} was called with arrays, of the numbers and gradients of all parameters: use the `sqrt` that it is "
    "given, and np.sign, np.maximum and np.clip in place of `if`, max and autograd.where."
)

_Step = TypeVar("_Step", bound=Callable[..., None])


def _of_parameters(step: _Step) -> _Step:
    """Decorate the method `step` so that it says what to pass, where nothing is, or a model."""

    @functools.wraps(step)
    def checked(self: Any, *arguments: Any, **named: Any) -> None:
        first = next(iter([*arguments, *named.values()]), None)
        if first is None or hasattr(first, "parameters") or callable(first):
            raise TypeError("step takes the parameters: write optimizer.step(model.parameters())")
        step(self, *arguments, **named)

    return cast(_Step, checked)


@dataclass(eq=False)
class Optimizer(OptimizerHints):
    """The base of all optimizers: the learning rate, gradient clipping, and the state of each parameter.

    A subclass defines `rule`, and `memories`, the number of state variables for each parameter.

    Arguments:
        lr: the learning rate, a number or a function of the step, which counts from 0.
        clip_norm: the largest norm of the vector of all gradients; longer vectors are scaled down to it. None for no
            clipping.

    Attributes:
        steps: the number of steps made.
    """

    lr: Rate
    clip_norm: float | None = field(default=None, kw_only=True)
    steps: int = field(default=0, init=False, repr=False)
    _memory: tuple[Any, ...] | None = field(default=None, init=False, repr=False)  # one column for each memory
    _known: tuple[weakref.ref[Value], ...] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        # Fields with a default become attributes of the instance too, so that its dictionary is the whole state.
        self.__dict__.update({attribute.name: getattr(self, attribute.name) for attribute in fields(self)})
        if _is_parameters(self.lr):
            raise TypeError(_without_parameters(type(self)))
        if isinstance(self.lr, (Optimizer, type, bool)):
            right = "pass it as optimizer=" if isinstance(self.lr, Optimizer) else "write lr=0.1"
            raise TypeError(f"a learning rate is a number, or a function of the step, got {quoted(self.lr)}: {right}")
        if not callable(self.lr):
            self.rate()
        if self.clip_norm is not None and not number(self.clip_norm) > 0:
            raise ValueError(f"clip_norm is a positive number, or None for no clipping, got {self.clip_norm!r}")

    @property
    def memories(self) -> int:
        """The number of state variables for each parameter; each starts at 0."""
        return 0

    def rule(self, lr: float, step: int, sqrt: Callable[[Any], Any]) -> UpdateRule:
        """Return the function that moves one parameter.

        It is called with floats, or once with arrays of all parameters, so it computes and does not branch on them:
        np.sign, np.maximum and np.clip choose for both.

        Arguments:
            lr: the learning rate of this step.
            step: the number of this step, counted from 0.
            sqrt: the square root, of a float or of an array.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a rule")

    def rate(self) -> float:
        """Return the learning rate of the next step.

        Raises:
            TypeError: `lr`, or its result, is not a number.
            ValueError: it is negative, infinite or nan.
        """
        lr = number(self.lr(self.steps) if callable(self.lr) else self.lr)
        if not 0 <= lr < math.inf:
            raise ValueError(f"a learning rate is a finite number from 0, got {lr} at step {self.steps}")
        return lr

    @_of_parameters
    def step(self, parameters: Iterable[Value]) -> None:
        """Move the parameters against their `.grad`.

        All of them move, or none, if an exception or Ctrl-C interrupts the step.

        Arguments:
            parameters: leaves, such as `model.parameters()`. An optimizer that holds state (momentum, Adam) stays with
                the parameters of its first step until `reset()`.

        Raises:
            TypeError: a parameter is not a Value.
            ValueError: one is not a leaf or occurs twice, or they are not those of earlier steps.
        """
        parameters = list(parameters)
        self._check(parameters)
        data, remembered = self._moved([p.data for p in parameters], [p.grad for p in parameters])
        remembered["_known"] = self._tie(parameters)
        commit_data(
            parameters, list(map(number, data)), map(setattr, [self] * len(remembered), remembered, remembered.values())
        )

    def update(self, data: Any, gradients: Any) -> Any:
        """Return the parameters' numbers after a step: `step` without Values.

        Arguments:
            data: the parameters' numbers: a list of n floats, or a NumPy array of shape (n,).
            gradients: n gradients, in the same order at each call.

        Returns a new list, or a new array if `data` is an array, with the same bits.

        Raises:
            ValueError: the lengths of `data` and `gradients` differ, or differ from those of earlier steps.

        >>> SGD(0.5).update([1.0, 2.0], [0.25, -1.0])
        [0.875, 2.5]
        """
        return self.update_at((), data, gradients)

    def update_at(self, rates: Sequence[float], data: Any, gradients: Any) -> Any:
        """Return the parameters' numbers after a step, as `update` does, at rates that have been asked for before.

        Arguments:
            rates: the learning rate of the step, in `Groups` that of each group; none to ask for them now.
            data, gradients: as for `update`.

        >>> SGD(0.5).update_at([0.25], [1.0, 2.0], [0.25, -1.0])
        [0.9375, 2.25]
        """
        data, remembered = self._moved(data, gradients, *rates)
        self.__dict__.update(remembered)
        return data

    def attach(self, parameters: Sequence[Value]) -> None:
        """Tie the optimizer to the parameters whose numbers `update` moves, so that `step` refuses others.

        Raises:
            TypeError: a parameter is not a Value.
            ValueError: one is not a leaf or occurs twice, or they are not those of earlier steps.
        """
        self._check(parameters)
        self._known = self._tie(parameters)

    def follow(self, parameters: Sequence[Value]) -> None:
        """Continue with other parameters: those that the optimizer knows keep their state, others start at 0.

        Raises:
            TypeError: a parameter is not a Value.
            ValueError: one is not a leaf or occurs twice.

        >>> a, b = Value(1.0), Value(2.0)
        >>> optimizer = SGD(0.5, momentum=0.5)
        >>> a.grad = 4.0
        >>> optimizer.step([a])
        >>> optimizer.follow([b, a])
        >>> optimizer.step([b, a])
        >>> a.data, b.data
        (-4.0, 2.0)
        """
        check_leaves(parameters, "parameters", "pass model.parameters()")
        if self._memory is not None and self._known is not None:
            places = {known(): i for i, known in enumerate(self._known)}
            self._memory = tuple(
                [column[places[p]] if p in places else 0.0 for p in parameters]
                for column in map(_as_floats, self._memory)
            )
        self._known = self._tie(parameters)

    def state(self) -> dict[str, Any]:
        """Return all that the optimizer holds now, its settings included, for `restore`."""
        return self.__dict__.copy()

    def restore(self, state: dict[str, Any], *others: Iterable[None]) -> None:
        """Go back to a state in one step that Ctrl-C cannot tear.

        Arguments:
            state: what `state()` has returned.
            others: further maps of C functions to run in the same step, as in `commit_data`.

        >>> optimizer = Adam(0.5)
        >>> state = optimizer.state()
        >>> first = optimizer.update([3.0], [6.0])
        >>> optimizer.restore(state)
        >>> optimizer.steps, optimizer.update([3.0], [6.0]) == first
        (0, True)
        """
        at_once(map(dict.update, [self.__dict__], [state]), *others)

    def reset(self) -> None:
        """Start over: at step 0, without state, ready for other parameters."""
        self.steps, self._memory, self._known = 0, None, None

    def _moved(self, data: Any, gradients: Any, rate: float | None = None) -> tuple[Any, dict[str, Any]]:
        """Return the new numbers, and the attributes to set once the step is made."""
        if len(data) != len(gradients):
            raise ValueError(f"{len(data)} numbers need {len(data)} gradients, got {len(gradients)}")
        memory = self._memory
        # The first step, or momentum switched on or off, or a state of a part that was frozen.
        if memory is None or len(memory) != self.memories or not all(map(len, memory)):
            memory = ([0.0] * len(data),) * self.memories
        if any(len(column) != len(data) for column in memory):
            raise ValueError(
                f"this optimizer holds state for {len(memory[0])} parameters, got {len(data)}: "
                f"make another one for other parameters, or {_FOLLOW}"
            )
        gradients = self.clipped(gradients)
        if rate is None:
            rate = self.rate()
        if hasattr(data, "__array__"):
            import numpy as np  # noqa: PLC0415  # an array was passed

            with np.errstate(all="ignore"):  # IEEE arithmetic, as everywhere here
                rule = self.rule(rate, self.steps, np.sqrt)
                try:
                    result = rule(data, *map(np.asarray, (gradients, *memory)))
                except (TypeError, ValueError) as problem:  # as of an `if`, of math's functions, and of operations here
                    problem.add_note(_OF_ARRAYS.format(type(self).__name__))
                    raise
                moved, *new_memory = self._of_rule(result)
        else:
            rows = [*map(self.rule(rate, self.steps, math.sqrt), *map(_as_floats, (data, gradients, *memory)))]
            if rows:
                self._of_rule(rows[0])
            moved, *new_memory = list(map(list, zip(*rows))) or [[], *memory]
        return moved, {"_memory": tuple(new_memory), "steps": self.steps + 1}

    def _of_rule(self, result: Any) -> Any:
        """Return what the rule has returned.

        Raises:
            TypeError: it is no tuple.
        """
        if not isinstance(result, (tuple, list)):
            got = type(result).__name__ if hasattr(result, "__array__") else quoted(result)
            raise TypeError(
                f"the rule of {type(self).__name__} returns a tuple, the new number and its new state, got "
                f"{got}: without a state, mind the comma in (x - lr * g,)"
            )
        return result

    def clipped(self, gradients: Any) -> Any:
        """Return gradients, a list or an array, scaled down to `clip_norm` where there is one."""
        if self.clip_norm is None:
            return gradients
        most = number(self.clip_norm)
        if hasattr(gradients, "__array__"):
            import numpy as np  # noqa: PLC0415  # an array was passed

            with np.errstate(all="ignore"):
                return gradients * _share(most, _norm(np.asarray(gradients, float)))
        scale = _share(most, _norm(_as_floats(gradients)))
        return [g * scale for g in gradients]

    def _check(self, parameters: Sequence[Any]) -> None:
        check_leaves(parameters, "parameters", "pass model.parameters()")
        known = self._known
        if known and (len(known) != len(parameters) or any(k() is not p for k, p in zip(known, parameters))):
            raise ValueError(
                "this optimizer holds state for other parameters (those of its earlier steps): "
                f"make another one for these, or {_FOLLOW}"
            )

    def _tie(self, parameters: Sequence[Value]) -> tuple[weakref.ref[Value], ...] | None:
        """Return what ties a state to the parameters that it belongs to; None where there is no state."""
        return tuple(map(weakref.ref, parameters)) if self.memories else None

    def attributes(self) -> dict[str, Any]:
        """Return the attributes, not a copy, for `Groups` and compiled training: they set and compare them all."""
        return self.__dict__

    def __getstate__(self) -> dict[str, Any]:  # a copy belongs to copies of the parameters
        return {**self.__dict__, "_known": None}


def _share(most: float, norm: float) -> float:
    """Return by how much to scale gradients down."""
    return min(1.0, most / (norm + 1e-6))  # 1e-6 as in clip_grad_norm_


def _norm(numbers: Any) -> float:
    """Return the norm of a vector, with the same bits for a list, an array, and in C (`training/loop_in_c.py`).

    The squares are added from left to right. The numbers are scaled by a power of 2 before, so none overflows.

    >>> _norm([3.0, 4.0]), _norm([3.0 * 2.0**600, 4.0 * 2.0**600]) / 2.0**600, _norm([])
    (5.0, 5.0, 0.0)
    """
    if not len(numbers):
        return 0.0
    is_array = hasattr(numbers, "__array__")
    _, exponent = math.frexp(abs(numbers).max() if is_array else max(map(abs, numbers)))
    scale = math.ldexp(1.0, -max(exponent, LEAST_EXPONENT))
    if is_array:
        total = float(((numbers * scale) ** 2).cumsum()[-1])  # strictly in order, unlike sum()
    else:
        scaled = [x * scale for x in numbers]
        total = functools.reduce(operator.add, map(operator.mul, scaled, scaled))
    return math.sqrt(total) / scale


LEAST_EXPONENT = -1000  # of a scale; smaller numbers have a norm of nothing beside 1e-6
_FOLLOW = "call optimizer.follow(model.parameters()), by which those that it knows keep their state, or reset()"


def _is_parameters(x: object) -> bool:
    several = isinstance(x, (Collection, Iterator)) and getattr(x, "ndim", 1) > 0 and not isinstance(x, str)
    return several or hasattr(x, "parameters")


def _without_parameters(kind: type[Optimizer]) -> str:
    return (
        f"make an optimizer without parameters, {kind.__name__}(lr=0.1), and pass them to its step(parameters); for "
        f"other rates of other parts, optim.Groups((model.encoder, {kind.__name__}(lr=0.01)), "
        f"(model, {kind.__name__}(lr=0.1)))"
    )


_Kind = TypeVar("_Kind", bound=Optimizer)


def _with_advice(kind: type[_Kind]) -> type[_Kind]:
    """Decorate an optimizer so that it says what to write in place of arguments that it does not take."""
    made = kind.__init__
    signature = inspect.signature(made)

    @functools.wraps(made)
    def init(self: _Kind, *arguments: Any, **named: Any) -> None:
        try:
            signature.bind(self, *arguments, **named)
        except TypeError as problem:
            if arguments and _is_parameters(arguments[0]):
                raise TypeError(_without_parameters(type(self))) from None
            unknown = [name for name in named if name not in signature.parameters]
            advice = about_arguments(kind.__name__, unknown) + about_arguments("optimizer", unknown)
            accepted = ", ".join(str(p.replace(annotation=p.empty)) for p in [*signature.parameters.values()][1:])
            raise TypeError(f"{kind.__name__}() takes ({accepted}): {escaped(str(problem))}{advice}") from None
        made(self, *arguments, **named)

    setattr(kind, "__init__", init)  # noqa: B010  # a type checker refuses the assignment
    return kind


@_with_advice
@dataclass(eq=False)
class SGD(Optimizer):
    """Stochastic gradient descent, with or without momentum.

    velocity = momentum * velocity + gradient        parameter -= lr * velocity

    Arguments:
        lr: the learning rate, a number or a function of the step, which counts from 0.
        momentum: the share of the velocity kept from step to step, in [0, 1).
        nesterov: whether to move by gradient + momentum * velocity, which looks one step ahead (Nesterov's momentum as
            in PyTorch).
        clip_norm: the largest norm of the vector of all gradients; longer vectors are scaled down to it.

    Raises:
        ValueError: a number out of its range, or `nesterov` without momentum.

    >>> x = Value(3.0)
    >>> optimizer = SGD(lr=lambda step: 0.25 / (step + 1))
    >>> for _ in range(3):
    ...     x.grad = 0.0
    ...     (x * x).backward()
    ...     optimizer.step([x])
    >>> x
    Value(data=0.9375, grad=2.25)
    """

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= number(self.momentum) < 1:
            raise ValueError(f"momentum is a number from 0 to less than 1, got {self.momentum!r}")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum to look ahead: pass momentum=0.9, for example")

    @property
    def memories(self) -> int:
        return 1 if self.momentum else 0

    def rule(self, lr: float, step: int, sqrt: Callable[[Any], Any]) -> UpdateRule:
        momentum = number(self.momentum)

        def plain(x: Any, g: Any) -> tuple[Any, ...]:
            return (x - lr * g,)

        def heavy(x: Any, g: Any, velocity: Any) -> tuple[Any, ...]:
            velocity = momentum * velocity + g
            return x - lr * velocity, velocity

        def looking_ahead(x: Any, g: Any, velocity: Any) -> tuple[Any, ...]:
            velocity = momentum * velocity + g
            return x - lr * (g + momentum * velocity), velocity

        return looking_ahead if self.nesterov else heavy if momentum else plain


@_with_advice
@dataclass(eq=False)
class Adam(Optimizer):
    """Adam: step sizes adapted to each parameter, by its mean gradient over the root of its mean squared gradient.

    Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015.

    mean = beta1 * mean + (1 - beta1) * gradient        square = beta2 * square + (1 - beta2) * gradient²
    parameter -= lr * (mean / (1 - beta1^t)) / (sqrt(square / (1 - beta2^t)) + eps)        t = 1, 2, ...

    Arguments:
        lr: the learning rate, a number or a function of the step, which counts from 0.
        betas: (beta1, beta2), the shares of the mean and of the mean square kept from step to step, in [0, 1).
        eps: a small number that keeps the divisor from being 0.
        weight_decay: each step first multiplies the parameter by 1 - lr * weight_decay, as `AdamW` does, where it is
            0.01 by default. (`torch.optim.Adam` adds weight_decay * parameter to the gradient instead; for that, add
            the penalty weight_decay / 2 * parameter² to the loss.)
        clip_norm: the largest norm of the vector of all gradients; longer vectors are scaled down to it.

    Raises:
        ValueError: a number out of its range.

    >>> x = Value(3.0)
    >>> optimizer = Adam(lr=0.5)
    >>> (x * x).backward()
    >>> optimizer.step([x])
    >>> round(x.data, 6)
    2.5
    """

    lr: Rate = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.betas) != 2 or not all(0 <= number(beta) < 1 for beta in self.betas):
            raise ValueError(f"betas are two numbers from 0 to less than 1, got {self.betas!r}")
        if not 0 < number(self.eps) < math.inf:
            raise ValueError(f"eps is a small positive number, got {self.eps!r}")
        if not 0 <= number(self.weight_decay) < math.inf:
            raise ValueError(f"weight_decay is a finite number from 0, got {self.weight_decay!r}")

    @property
    def memories(self) -> int:
        return 2

    def rule(self, lr: float, step: int, sqrt: Callable[[Any], Any]) -> UpdateRule:
        beta1, beta2 = map(number, self.betas)
        # The means start at 0; dividing by these factors corrects the bias of the first steps.
        rate = lr / (1 - beta1 ** (step + 1))
        missing = sqrt(1 - beta2 ** (step + 1))
        eps, kept = number(self.eps), 1 - lr * number(self.weight_decay)

        def adam(x: Any, g: Any, mean: Any, square: Any) -> tuple[Any, ...]:
            mean = mean + (1 - beta1) * (g - mean)
            square = beta2 * square + (1 - beta2) * g * g
            return x * kept - rate * (mean / (sqrt(square) / missing + eps)), mean, square

        return adam


@_with_advice
@dataclass(eq=False)
class AdamW(Adam):
    """Adam with weight decay by default: each step first multiplies the parameter by 1 - lr * weight_decay.

    The decay is not part of the gradient, so it is not divided by the root of the mean square (Loshchilov and Hutter,
    "Decoupled Weight Decay Regularization", 2019). `AdamW(...)` is `Adam(..., weight_decay=0.01)`, and
    `torch.optim.AdamW`.

    Arguments:
        lr, betas, eps, weight_decay, clip_norm: as for `Adam`.

    Raises:
        ValueError: a number out of its range.

    >>> x = Value(2.0)  # with a gradient of 0: only the decay moves it, by a factor of 1 - 0.5 * 0.25
    >>> AdamW(lr=0.5, weight_decay=0.25).step([x])
    >>> x.data
    1.75
    """

    weight_decay: float = 0.01


_Place = slice | list[int]
"""Where the parameters of a group are among all."""


class Groups(Optimizer):
    """Other rates, or other optimizers, for other parts of a model.

    Each group is a part and an optimizer of its own, which moves the parameters of that part: with its own learning
    rate, number or function of the step, momentum, weight decay and `clip_norm`. A parameter belongs to the first group
    that holds it, so the whole model, as the last one, takes what is left. In `step` and in `fit`, the numbers are
    those of a step of each optimizer by itself.

    Arguments:
        groups: pairs (part, optimizer). A part is a Module, a Value, or a list of these.
        clip_norm: the largest norm of the vector of all gradients, as in other optimizers; that of an optimizer in a
            group is for its group, and applies after this one.

    What is frozen is no parameter, and left alone. `groups` has the pairs: `optimizer.groups[0][1].lr = 0.001`. A copy
    or a pickle takes the parts with it: copy the model and its optimizer together, `copy.deepcopy((model, optimizer))`.

    Raises:
        TypeError: an argument is no such pair.
        ValueError: an optimizer occurs twice. `step` and `fit` raise it where a parameter is in no group, or all those
            of a group are in groups before it.

    Warns:
        TrainingWarning: a group has leaves, and none of them is to be moved.

    >>> a, b = Value(1.0), Value(1.0)
    >>> optimizer = Groups((a, SGD(0.5)), ([a, b], SGD(lr=lambda step: 0.1 / (1 + step))))
    >>> for _ in range(2):
    ...     a.grad = b.grad = 1.0
    ...     optimizer.step([a, b])
    >>> a.data, round(b.data, 6)
    (0.0, 0.85)
    """

    def __init__(self, *groups: tuple[Any, Optimizer | str], clip_norm: float | None = None) -> None:
        if clip_norm is not None and not number(clip_norm) > 0:
            raise ValueError(f"clip_norm is a positive number, or None for no clipping, got {clip_norm!r}")
        self.clip_norm = clip_norm
        self.groups: list[tuple[Any, Optimizer]] = [_checked_group(group) for group in groups]
        if not groups:
            raise TypeError(f"Groups takes one pair or more: {_A_GROUP}")
        if len({id(optimizer) for _, optimizer in self.groups}) < len(self.groups):
            raise ValueError("each group has an optimizer of its own: make one for each, or put the parts in one list")
        self.steps = 0
        self._known = None
        self._places: list[_Place] | None = None

    @property
    def lr(self) -> Rate:  # type: ignore[override]  # a field of the others
        """No attribute: each group has its own."""
        raise AttributeError("each group has its own learning rate: write optimizer.groups[0][1].lr")

    @property
    def memories(self) -> int:
        return max(optimizer.memories for _, optimizer in self.groups)

    @_of_parameters
    def step(self, parameters: Iterable[Value]) -> None:
        parameters = list(parameters)
        parts = self._parts(parameters)
        for (_, optimizer), part in zip(self.groups, parts):
            optimizer._check(part)
        data, changes = self._moves([p.data for p in parameters], [p.grad for p in parameters])
        for (_, optimizer), part, change in zip(self.groups, parts, changes):
            change["_known"] = optimizer._tie(part)
        commit_data(parameters, list(map(number, data)), map(dict.update, self._states(), changes))

    def update_at(self, rates: Sequence[float], data: Any, gradients: Any) -> Any:
        if self._places is None:
            raise ValueError("which parameter is in which group is not known yet: call attach(parameters) before")
        data, changes = self._moves(data, gradients, rates)
        at_once(map(dict.update, self._states(), changes))
        return data

    def attach(self, parameters: Sequence[Value]) -> None:
        self._known = None  # the groups may have changed
        parts = self._parts(parameters)
        for (_, optimizer), part in zip(self.groups, parts):
            optimizer._check(part)  # all of them, before one is tied to others
        for (_, optimizer), part in zip(self.groups, parts):
            optimizer.attach(part)

    def follow(self, parameters: Sequence[Value]) -> None:
        self._known = None
        for (_, optimizer), part in zip(self.groups, self._parts(parameters)):
            optimizer.follow(part)

    def state(self) -> dict[str, Any]:
        return {"states": [state.copy() for state in self._states()]}

    def restore(self, state: dict[str, Any], *others: Iterable[None]) -> None:
        at_once(map(dict.update, self._states(), state["states"]), *others)

    def reset(self) -> None:
        self.steps, self._known, self._places = 0, None, None
        for _, optimizer in self.groups:
            optimizer.reset()

    def places(self) -> list[tuple[Optimizer, Sequence[int]]]:
        """Return each optimizer with the places of its parameters among all those of `attach`."""
        numbers = range(sum(1 for _ in self._known or ()))
        return [(one, _at(place, numbers)) for (_, one), place in zip(self.groups, self._places or ())]

    def _states(self) -> list[dict[str, Any]]:
        """Return the attributes of the optimizers in order, and those of this one."""
        return [*(optimizer.attributes() for _, optimizer in self.groups), self.__dict__]

    def _parts(self, parameters: Sequence[Value]) -> list[list[Value]]:
        """Return the parameters of each group, and remember where they are."""
        known = self._known
        if not (known and len(known) == len(parameters) and all(k() is p for k, p in zip(known, parameters))):
            check_leaves(parameters, "parameters", "pass model.parameters()")
            self._places = self._found(parameters)
            self._known = tuple(map(weakref.ref, parameters))
        return [_at(place, parameters) for place in cast(list[_Place], self._places)]

    def _found(self, parameters: Sequence[Value]) -> list[_Place]:
        """Return the places of the parameters of each group."""
        owners, moved, before = dict[Value, int](), set(parameters), set[Value]()
        for i, (part, _) in enumerate(self.groups):
            held = _leaves_of(part)
            if held and moved.isdisjoint(held):
                warn_caller(
                    f"group {i + 1} of optim.Groups holds no parameter of those to move: they are frozen, or of "
                    "another model. Where a model has been copied, copy both, copy.deepcopy((model, optimizer))",
                    TrainingWarning,
                )
            left = [p for p in held if owners.setdefault(p, i) == i]
            every = _leaves_of(part, frozen_too=True)  # what is left of a model may be frozen for a while
            if held and not left and before.issuperset(every):
                raise ValueError(
                    f"all parameters of group {i + 1} are in groups before it: the first group that holds a parameter "
                    "has it, so put a part before the model that it is a part of"
                )
            before.update(every)
        lost = [p for p in parameters if p not in owners]
        if lost:
            others = f" and {len(lost) - 1} others are" if len(lost) > 1 else " is"
            raise ValueError(
                f"{quoted(lost[0].label) if lost[0].label else lost[0]}{others} in no group: add a last group for the "
                "rest, (model, optim.Adam(0.01)), or freeze what is to stay as it is"
            )
        places: list[list[int]] = [[] for _ in self.groups]
        for place, p in enumerate(parameters):
            places[owners[p]].append(place)
        return [slice(x[0], x[-1] + 1) if x and x[-1] - x[0] + 1 == len(x) else x for x in places]

    def _moves(self, data: Any, gradients: Any, rates: Sequence[float] = ()) -> tuple[Any, list[dict[str, Any]]]:
        """Return the new numbers, and the attributes to set in each optimizer, and in this one."""
        if len(data) != len(gradients):
            raise ValueError(f"{len(data)} numbers need {len(data)} gradients, got {len(gradients)}")
        places = cast(list[_Place], self._places)
        size = sum(place.stop - place.start if isinstance(place, slice) else len(place) for place in places)
        if len(data) != size:
            raise ValueError(f"the groups have {size} parameters, got {len(data)}: call attach(parameters) for others")
        gradients, moved, changes = self.clipped(gradients), data[:], list[dict[str, Any]]()
        if hasattr(data, "__array__"):
            import numpy as np  # noqa: PLC0415  # an array was passed

            gradients, moved = np.asarray(gradients), data.copy()
        for group, ((_, optimizer), place) in enumerate(zip(self.groups, places)):
            numbers, change = optimizer._moved(_at(place, data), _at(place, gradients), *rates[group : group + 1])
            changes.append(change)
            if isinstance(place, slice) or hasattr(data, "__array__"):
                moved[place] = numbers
            else:
                for i, x in zip(place, numbers):
                    moved[i] = x
        return moved, [*changes, {"steps": self.steps + 1}]

    def __repr__(self) -> str:
        return f"Groups({', '.join(f'({type(part).__name__}, {optimizer})' for part, optimizer in self.groups)})"


_A_GROUP = "optim.Groups((model.encoder, optim.SGD(0.001)), (model, optim.Adam(0.01)))"


def _checked_group(group: Any) -> tuple[Any, Optimizer]:
    if not isinstance(group, tuple) or len(group) != 2:
        raise TypeError(f"a group is a pair (part, optimizer), got {quoted(group)}: write {_A_GROUP}")
    part, optimizer = group
    if isinstance(optimizer, Groups):
        raise TypeError("the optimizer of a group is not optim.Groups itself: put its groups beside this one")
    optimizer = optimizer_of(optimizer)
    _leaves_of(part)  # raises an error for what is no part
    return part, optimizer


def _leaves_of(part: Any, *, frozen_too: bool = False) -> list[Value]:
    """Return the parameters of a part of a model."""
    if type(part) is Value:
        return [part]
    if hasattr(part, "parameters") and not isinstance(part, type):
        return list(part.all_parameters() if frozen_too and hasattr(part, "all_parameters") else part.parameters())
    if not isinstance(part, (list, tuple)):
        raise TypeError(
            f"a part in optim.Groups is a Module, a Value, or a list of these, got {type(part).__name__} {quoted(part)}"
        )
    return [p for inner in part for p in _leaves_of(inner, frozen_too=frozen_too)]


def _at(place: _Place, numbers: Any) -> Any:
    if isinstance(place, slice) or hasattr(numbers, "__array__"):
        return numbers[place]
    return [numbers[i] for i in place]


NAMED: dict[str, Callable[[], Optimizer]] = {"sgd": functools.partial(SGD, 0.01), "adam": Adam, "adamw": AdamW}
"""New optimizers by name, with the learning rates that other libraries have by default: 0.01, 0.001 and 0.001."""


def optimizer_of(optimizer: Any) -> Optimizer:
    """Return what a user passes as an optimizer: an optimizer itself, or a new one of that name.

    Raises:
        TypeError: it is neither; the message says what to write.
        ValueError: there is no optimizer of that name.
    """
    if isinstance(optimizer, str):
        return optimizer_named(optimizer)
    if isinstance(optimizer, Optimizer):
        return optimizer
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        one = _A_GROUP if optimizer is Groups else f"{optimizer.__name__}(lr=0.1)"
        raise TypeError(f"optimizer is the class {optimizer.__name__}: make one of it, such as {one}")
    rate = f", and the learning rate goes there: optim.SGD({optimizer!r})" if isinstance(optimizer, Real) else ""
    raise TypeError(
        f"optimizer is one of autograd.optim's, such as optim.SGD(0.1), or its name, 'sgd', "
        f"got {type(optimizer).__name__} {quoted(optimizer)}{rate}"
    )


_CALLED_BY_FIT = ("rule", "update", "update_at")


def warn_of_own_step(optimizer: Optimizer) -> None:
    """Warn of an optimizer with a `step` of its own that has no `rule` or `update` beside it, which `fit` calls.

    Warns:
        TrainingWarning: it is one, or one in its groups is.
    """
    for one in [optimizer, *(one for _, one in getattr(optimizer, "groups", ()))]:
        for kind, base in pairwise(type(one).__mro__):
            if kind is Optimizer or any(getattr(kind, x) is not getattr(base, x, None) for x in _CALLED_BY_FIT):
                break
            if getattr(kind, "step", None) is not getattr(base, "step", None):
                name = kind.__name__
                warn_caller(
                    f"fit does not call {name}.step: it moves parameters by an optimizer's rule, or its update; "
                    f"define {name}.rule(self, lr, step, sqrt)",
                    TrainingWarning,
                )
                break


def optimizer_named(name: str) -> Optimizer:
    """Return a new optimizer of that name.

    Raises:
        ValueError: there is none.

    >>> optimizer_named("sgd"), optimizer_named("Adam").lr
    (SGD(lr=0.01, clip_norm=None, momentum=0.0, nesterov=False), 0.001)
    """
    try:
        return NAMED[letters(name)]()
    except KeyError:
        rates = ", ".join(f"{known!r} with lr={make().lr}" for known, make in NAMED.items())
        raise ValueError(
            f"no optimizer {quoted(name)}: there are {rates}; another rate is optim.Adam(lr=0.01)"
        ) from None


def _as_floats(numbers: Any) -> list[float]:
    return list(map(number, as_lists(numbers)))
