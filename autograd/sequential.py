"""Put modules in sequence, and bring the inputs of a model to one scale: `Sequential` and `Standardize`."""

import math
from collections.abc import Callable, Sequence
from textwrap import indent
from typing import Any, ClassVar, Self

from autograd.collecting import number_of_parameters
from autograd.engine import Value
from autograd.hints import ScalerHints
from autograd.module import Module, Network, counted
from autograd.samples.rows import complete_samples
from autograd.samples.tables import Other
from autograd.text import columns, folded, quoted


class Sequential(Network):
    """Modules in sequence, each taking the outputs of the one before; as PyTorch's and Keras' of that name.

    Arguments:
        modules: the modules, or functions of Values; or one list of them.

    Raises:
        TypeError: one of them cannot be called.
        ValueError: there are none.

    >>> from autograd import nn
    >>> model = Sequential(nn.Standardize([10.0], [2.0]), nn.Neuron(1, "linear", weights=[0.5]))
    >>> model
    Sequential of [Standardize(1), LinearNeuron(1)]
    >>> model(12.0)
    Value(data=0.5, grad=0.0)
    >>> [name for name, _ in model.named_parameters()]
    ['module2.weight1', 'module2.bias']
    """

    __slots__ = ("modules",)
    _part_names: ClassVar[dict[str, str]] = {"modules": "module"}

    def __init__(self, *modules: Any) -> None:
        listed = list(modules[0]) if len(modules) == 1 and isinstance(modules[0], (list, tuple)) else list(modules)
        if not listed:
            raise ValueError("a sequence has at least one module")
        for module in listed:
            if not callable(module) or isinstance(module, type):
                raise TypeError(
                    f"the modules of a sequence can be called with the outputs of the one before, got {quoted(module)}"
                )
        self.modules: list[Callable[[Any], Any]] = listed

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs of the last module."""
        outputs = inputs
        for module in self.modules:
            outputs = module(outputs)
        return outputs

    def architecture(self) -> dict[str, Any] | None:
        """Return the modules; None if one of them is a function."""
        return {"modules": self.modules} if all(isinstance(module, Module) for module in self.modules) else None

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make a sequence of these modules."""
        return cls(*arguments["modules"])

    def __repr__(self) -> str:
        name, shown = type(self).__name__, list(map(repr, self.modules))
        if not any("\n" in text for text in shown):
            return f"{name} of [{', '.join(shown)}]"
        rows = [f"module{i}: {text}" for i, text in enumerate(shown, 1)]
        text = "\n".join([f"{name} with {counted(number_of_parameters(self))}", *(indent(row, "  ") for row in rows)])
        return "\n".join(folded(text, columns()))


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
    _constants: ClassVar[tuple[str, ...]] = ("_mean", "_scale")

    def __init__(self, mean: Sequence[Any] | None = None, scale: Sequence[Any] | None = None) -> None:
        if mean is None or scale is None or not _is_row(mean) or not _is_row(scale):
            raise TypeError(
                "Standardize takes two lists, with a mean and a scale for each input: write nn.Standardize.of(xs), "
                "which computes them from the samples"
            )
        self._mean, self._scale = [Value(x) for x in mean], [Value(x) for x in scale]
        if len(self._mean) != len(self._scale) or not self._mean:
            raise ValueError(f"each input has a mean and a scale, got {len(self._mean)} and {len(self._scale)}")
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
        return [x.data for x in self._mean]

    @property
    def scale(self) -> list[float]:
        """The numbers to divide by."""
        return [x.data for x in self._scale]

    def __call__(self, inputs: Any) -> Any:
        """Return the standardized inputs of one sample: a list, or for a single one that is passed alone, itself.

        Raises:
            ValueError: their number is not that of the means.
        """
        alone = not hasattr(inputs, "__len__")
        xs = [inputs] if alone else list(inputs)
        if len(xs) != len(self._mean):
            raise ValueError(f"this Standardize takes {len(self._mean)} inputs, got {len(xs)}")
        outputs = [(x - m) / s for x, m, s in zip(xs, self.mean, self.scale)]
        return outputs[0] if alone else outputs

    def parameters(self) -> list[Value]:
        """Return none: the numbers come from data, not from training."""
        return []

    def architecture(self) -> dict[str, Any] | None:
        """Return the number of inputs."""
        return {"nin": len(self._mean)}

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make one whose numbers are to follow."""
        nin = arguments["nin"]
        if not isinstance(nin, int) or not 0 < 2 * nin <= most:
            raise ValueError(f"the file has no numbers for {quoted(nin)} inputs")
        return cls([0.0] * nin, [1.0] * nin)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self._mean)})"


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
