"""Put modules in sequence, and bring the inputs of a model to one scale: `Sequential` and `Standardize`."""

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from inspect import signature
from textwrap import indent
from typing import Any, ClassVar, Self, cast

from autograd import ops
from autograd.activations import settled
from autograd.functions import log_softmax, logsumexp, mean, softmax
from autograd.hints import ScalerHints, refuse_class
from autograd.module import Constant, Module, Network, parameters_in_words
from autograd.ops import Op
from autograd.samples.rows import complete_samples
from autograd.samples.tables import Other
from autograd.text import columns, folded, printable, quoted
from autograd.trees import as_lists, tree_map
from autograd.validation import listed_inputs, size_in_file

_LONGEST_LINE = 120  # of a repr: longer ones have a line for each module


class Sequential(Network):
    """Modules in sequence, each taking the outputs of the one before; as PyTorch's and Keras' of that name.

    Arguments:
        modules: modules, operations and functions; or one list of them. An operation of one operand
            (`autograd.tanh`, or its name, `"tanh"`) applies to each number of a list. Any other function gets the list
            as it is: one of your own, `autograd.softmax`, and `autograd.sum`, `max` and `min`, which make one number of
            a list.

    `model[0]`, `len(model)` and `for` have the modules. A file has the operations, too, and `autograd.softmax` and the
    like, but not functions of your own: `nn.load` makes a sequence with one of them only as a Module.

    Raises:
        TypeError: one of them cannot be called, or takes more than the outputs of the one before.
        ValueError: there are none, or there is no operation of a name.

    >>> from autograd import nn
    >>> model = Sequential(nn.Standardize([10.0], [2.0]), nn.Neuron(1, "linear", weights=[0.5]))
    >>> model
    Sequential of [Standardize(1), LinearNeuron(1)]
    >>> model(12.0)
    Value(data=0.5, grad=0.0)
    >>> [name for name, _ in model.named_parameters()]
    ['module2.weight1', 'module2.bias']
    >>> Sequential(nn.Layer(2, 3, "linear"), nn.LayerNorm(3), ops.tanh, nn.Dropout(0.2), nn.Layer(3, 1, "linear"))
    Sequential with 19 parameters
      module1: Layer of [LinearNeuron(2), LinearNeuron(2), LinearNeuron(2)]
      module2: LayerNorm(3)
      module3: tanh
      module4: Dropout(0.2)
      module5: Layer of [LinearNeuron(3)]
    """

    __slots__ = ("modules",)
    _part_names: ClassVar[dict[str, str]] = {"modules": "module"}
    _takes_modules: ClassVar[bool] = True

    def __init__(self, *modules: Any) -> None:
        first = modules[0] if len(modules) == 1 else None
        if isinstance(first, Mapping):
            raise TypeError("the modules of a sequence have no names: pass a list, list(modules.values())")
        listed = list(first) if isinstance(first, (list, tuple)) else list(modules)
        if not listed:
            raise ValueError("a sequence has at least one module")
        self.modules: list[Callable[[Any], Any]] = list(map(_to_call, listed))

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs of the last module."""
        outputs = inputs
        for module in self.modules:
            if _applies_to_each(module):
                outputs = tree_map(module, outputs if type(outputs) is list else as_lists(outputs))
                continue
            try:
                outputs = module(outputs)
            except (TypeError, AttributeError) as problem:
                if isinstance(outputs, list) and not isinstance(module, Module):
                    problem.add_note(
                        f"{_title(module)} got a list of {len(outputs)} outputs, as a function of your own does in a "
                        "Sequential: for each of them, write lambda xs: [f(x) for x in xs]"
                    )
                raise
        return outputs

    def __len__(self) -> int:
        return len(self.modules)

    def __getitem__(self, i: Any) -> Any:
        """Return a module; for a slice, a sequence of some."""
        return type(self)(self.modules[i]) if isinstance(i, slice) else self.modules[i]

    def __iter__(self) -> Iterator[Callable[[Any], Any]]:
        return iter(self.modules)

    def __bool__(self) -> bool:
        return True

    def architecture(self) -> dict[str, Any] | None:
        """Return the modules, and the names of operations and `autograd.softmax`; None if one is another function."""
        named = [_name_of(m) or m for m in self.modules]
        return {"modules": named} if all(isinstance(m, (Module, str)) for m in named) else None

    def _why_no_architecture(self) -> str:
        functions = [m for m in self.modules if not isinstance(m, Module) and not _name_of(m)]
        return f"with the function {_title(functions[0])} in it" if functions else super()._why_no_architecture()

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make a sequence of these modules."""
        for name in arguments["modules"]:
            if isinstance(name, str) and name not in ops.TABLE and name not in _OF_A_LIST:
                raise ValueError(f"no operation {quoted(name)}: if it is one of your own, define it before you load")
        known = {**_OF_A_LIST, **ops.TABLE}
        return cls(*(known[m] if isinstance(m, str) else m for m in arguments["modules"]))

    def __repr__(self) -> str:
        name, shown = type(self).__name__, list(map(_title, self.modules))
        line = f"{name} of [{', '.join(shown)}]"
        if "\n" not in line and len(line) <= _LONGEST_LINE:
            return line
        rows = [f"module{i}: {text}" for i, text in enumerate(shown, 1)]
        text = "\n".join([f"{name} with {parameters_in_words(self)}", *(indent(row, "  ") for row in rows)])
        return "\n".join(folded(text, columns()))


_OF_A_LIST = {f.__name__: f for f in (mean, logsumexp, softmax, log_softmax)}


def _name_of(module: Any) -> str | None:
    """Return the name by which a file has an operation, or another function of this package; None for anything else."""
    if isinstance(module, Op):
        return module.name if ops.TABLE.get(module.name) is module else None
    return next((name for name, f in _OF_A_LIST.items() if f is module and name not in ops.TABLE), None)


def _to_call(module: Any) -> Callable[[Any], Any]:
    """Return a module of a sequence; for a name, the operation.

    Raises:
        TypeError: it cannot be called with the outputs of another.
        ValueError: there is no operation of this name.
    """
    if isinstance(module, str):
        name = module if module in ops.TABLE else settled(module)
        if name == "linear":
            raise ValueError(f"{quoted(module)} would leave the outputs as they are: leave it out")
        return _to_call(ops.TABLE[cast(str, name)])
    if isinstance(module, type):
        refuse_class(module)
    if not callable(module):
        raise TypeError(
            f"the modules of a sequence can be called with the outputs of the one before, got {quoted(module)}"
        )
    if not isinstance(module, Module):
        _check_function(module)
    return cast(Callable[[Any], Any], module)


def _check_function(function: Callable[..., Any]) -> None:
    """Raise TypeError for a function that takes more than one argument, or no Values."""
    name = _title(function)
    if getattr(function, "__module__", None) == "math":
        instead = f": write autograd.{name}" if name in ops.TABLE else ""
        raise TypeError(f"math.{name} takes a number, and returns one that remembers nothing{instead}")
    if isinstance(function, Op):
        fits = function.unary or function.many or (function.variadic and function.reads.count("{}") == 1)
    else:
        try:
            signature(function).bind(None)
            fits = True
        except ValueError:  # no signature, as of some functions in C
            fits = True
        except TypeError:
            fits = False
    if not fits:
        taken = [
            n
            for n, x in signature(function).parameters.items()
            if x.default is x.empty and x.kind is not x.VAR_POSITIONAL
        ]
        what = f"takes {' and '.join([', '.join(taken[:-1]), taken[-1]])}" if len(taken) > 1 else "takes something else"
        loss = ". A loss is passed to fit" if "targets" in taken else ""
        raise TypeError(
            f"{name} {what}, but a module of a sequence gets the outputs of the one before alone: write a function of "
            f"these, lambda xs: {name}(xs[0], xs[1]) or the like{loss}"
        )


def _applies_to_each(module: Any) -> bool:
    """Return True for an operation of one operand, also with settings: `partial(autograd.leaky_relu, slope=0.2)`."""
    if type(module) is functools.partial and not module.args:
        module = module.func
    return type(module) is Op and module.unary


def _title(module: Any) -> str:
    if isinstance(module, Op):
        return module.name
    name = getattr(module, "__name__", "")
    return printable(f"{name}") if name and not isinstance(module, Module) else repr(module)


class Standardize(ScalerHints, Module):
    """Inputs brought to one scale: (input - mean) / scale for each, the first module of a model.

    The mean and the scale come from data, by `Standardize.of(xs)`; training does not change them. They are saved and
    loaded with the model, as numbers of its file, and constants of what is drawn and compiled. scikit-learn's
    StandardScaler and Keras' Normalization compute the same.

    Arguments:
        mean: a number for each input.
        scale: a number for each input, positive; that of a standard deviation.

    Raises:
        TypeError: one is not a number.
        ValueError: not as many of both, or a scale is not positive.

    >>> Standardize([170.0, 65.0], [10.0, 13.0])([180.0, 65.0])
    [1.0, 0.0]
    """

    __slots__ = ("_mean", "_scale")
    _part_names: ClassVar[dict[str, str]] = {"_mean": "mean", "_scale": "scale"}

    def __init__(self, mean: Sequence[Any] | None = None, scale: Sequence[Any] | None = None) -> None:
        if mean is None or scale is None or not _is_row(mean) or not _is_row(scale):
            raise TypeError(
                "Standardize takes two lists, with a mean and a scale for each input: write nn.Standardize.of(xs), "
                "which computes them from the samples"
            )
        self._mean, self._scale = Constant(list(mean)), Constant(list(scale))
        if len(self.mean) != len(self.scale) or not self.mean:
            raise ValueError(f"each input has a mean and a scale, got {len(self.mean)} and {len(self.scale)}")
        for s in self.scale:
            if not 0 < s < math.inf:
                raise ValueError(f"a scale is a positive number, got {s}")

    @classmethod
    def of(cls, xs: Any) -> Self:
        """Return the Standardize that gives each input of these samples the mean 0 and the standard deviation 1.

        An input that is the same in all samples becomes 0.

        Arguments:
            xs: the samples, as for `fit`: numbers, or rows of numbers.

        Raises:
            TypeError, ValueError: they are not, or one lacks a number.

        >>> scaled = Standardize.of([[1.0, 200.0], [3.0, 400.0]])
        >>> scaled.mean, scaled.scale
        ([2.0, 300.0], [1.0, 100.0])
        """
        rows = complete_samples("xs", xs, Other("ys", None)).as_lists()
        columns = [rows] if not isinstance(rows[0], list) else list(zip(*rows))
        if any(isinstance(column[0], list) for column in columns):
            raise ValueError("a sample of xs is a number or a row of numbers, got nested lists")
        means = list(map(_mean, columns))
        return cls(means, [_deviation(column, mean) or 1.0 for column, mean in zip(columns, means)])

    @property
    def mean(self) -> list[float]:
        """The numbers to subtract."""
        return cast(list[float], self._mean.value)

    @property
    def scale(self) -> list[float]:
        """The numbers to divide by."""
        return cast(list[float], self._scale.value)

    def __call__(self, inputs: Any) -> Any:
        """Return the standardized inputs of one sample: a list, or for a single one that is passed alone, itself.

        Raises:
            ValueError: their number is not that of the means.
        """
        xs, alone = listed_inputs("Standardize", inputs, len(self.mean))
        outputs = [(x - m) / s for x, m, s in zip(xs, self.mean, self.scale)]
        return outputs[0] if alone else outputs

    def architecture(self) -> dict[str, Any] | None:
        """Return the number of inputs."""
        return {"nin": len(self.mean)}

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make one whose numbers are to follow."""
        nin = size_in_file(arguments["nin"], most)
        return cls([0.0] * nin, [1.0] * nin)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.mean)})"


def _is_row(numbers: Any) -> bool:
    """Return True for a list or an array of single numbers."""
    return hasattr(numbers, "__len__") and not any(hasattr(x, "__len__") for x in numbers)


def _mean(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers) / len(numbers)
    except OverflowError:
        return math.fsum(x / len(numbers) for x in numbers)


def _deviation(numbers: Sequence[float], mean: float) -> float:
    """Return the standard deviation of all these numbers, 0 if they are the same; no square overflows."""
    largest = max(abs(x - mean) for x in numbers)
    if largest == 0:
        return 0.0
    return largest * math.sqrt(math.fsum(((x - mean) / largest) ** 2 for x in numbers) / len(numbers))
