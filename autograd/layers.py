"""Parts that stand between the layers of a network: `LayerNorm` and `Dropout`."""

import math
from typing import Any, Self, SupportsIndex

from autograd import ops
from autograd.draws import uniform
from autograd.engine import Value
from autograd.floats import number
from autograd.functions import mean
from autograd.module import Module
from autograd.trees import as_lists, tree_leaves, tree_map
from autograd.validation import listed_inputs, size_in_file, size_of


class LayerNorm(Module):
    """The outputs of a layer brought to one scale, then multiplied by a gain each, and added to a bias.

    output = (input - mean) / sqrt(variance + eps) * gain + bias

    The mean and the variance are those of the inputs of one sample, so it computes the same in training and after, and
    for each sample alone. Ba, Kiros and Hinton, "Layer Normalization", 2016, equation 3; as PyTorch's of that name.

    Arguments:
        n: the number of inputs.
        eps: a small number that keeps the divisor from being 0.

    The parameters are `gain`, 1 at first, and `bias`, 0 at first: lists of n Values.

    Raises:
        TypeError: n is no integer.
        ValueError: n or eps is not positive.

    >>> print(*[f"{y.data:.4f}" for y in LayerNorm(3)([1.0, 2.0, 6.0])])
    -0.9258 -0.4629 1.3887
    """

    __slots__ = ("gain", "bias", "eps")

    def __init__(self, n: SupportsIndex, eps: float = 1e-5) -> None:
        n = size_of("n", n, "a LayerNorm has at least one input")
        if not 0 < number(eps) < math.inf:
            raise ValueError(f"eps is a small positive number, got {eps!r}")
        self.eps = number(eps)
        self.gain = [Value(1.0, f"gain{i}") for i in range(1, n + 1)]
        self.bias = [Value(0.0, f"bias{i}") for i in range(1, n + 1)]

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs for n inputs, a list; for a single one that is passed alone, the Value itself.

        Raises:
            ValueError: their number is not n.
        """
        xs, alone = listed_inputs("LayerNorm", inputs, len(self.gain))
        centre = mean(xs)
        errors = [x - centre for x in xs]
        deviation = ops.sqrt(ops.dot(errors, errors) / len(errors) + self.eps)
        outputs = [error / deviation * gain + bias for error, gain, bias in zip(errors, self.gain, self.bias)]
        return outputs[0] if alone else outputs

    def architecture(self) -> dict[str, Any]:
        """Return the number of inputs, and eps."""
        return {"n": len(self.gain), "eps": self.eps}

    @classmethod
    def from_architecture(cls, arguments: dict[str, Any], most: int) -> Self:
        """Make one whose parameters are to follow."""
        size_in_file(arguments["n"], most)
        return cls(**arguments)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.gain)})"


class Dropout(Module):
    """While a model is trained, each number becomes 0 with probability p, and the others grow by 1 / (1 - p).

    So the mean of each stays what it is without: `predict`, validation, and calls after `model.eval()`, where
    `training` is False, pass all numbers on as they are. Which ones become 0 is drawn anew for each sample, by
    `nn.uniform`, in compiled training, too. Srivastava et al., "Dropout", 2014; scaled as PyTorch's.

    Arguments:
        p: the share to drop, from 0 to less than 1.

    Raises:
        TypeError: p is not a number.
        ValueError: p is out of range.

    >>> dropout = Dropout(0.25)
    >>> {x.data for x in dropout([3.0] * 100)}
    {0.0, 4.0}
    >>> dropout.eval()([3.0, 3.0])
    [3.0, 3.0]
    """

    __slots__ = ("p",)

    def __init__(self, p: float = 0.5) -> None:
        self.p = number(p)
        if not 0 <= self.p < 1:
            raise ValueError(f"p is the share to drop, from 0 to less than 1, got {p!r}")

    def __call__(self, inputs: Any) -> Any:
        """Return the numbers in their nesting; in training, some of them dropped."""
        if not self.training or self.p == 0:
            return inputs
        inputs = as_lists(inputs)
        draws, scale = iter(uniform(len(tree_leaves(inputs)))), 1 / (1 - self.p)
        return tree_map(lambda x: ops.where(next(draws) - self.p, x * scale, 0.0), inputs)

    def architecture(self) -> dict[str, Any]:
        """Return the share."""
        return {"p": self.p}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.p:g})"
