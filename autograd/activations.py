"""Find the activation of a neuron: by its name in the table, in PyTorch or in Keras, or as a function."""

import functools
from collections.abc import Callable

from autograd import ops
from autograd.engine import Value
from autograd.hints import RECIPES
from autograd.ops import Op
from autograd.text import letters, quoted

Activation = str | Callable[[Value], Value] | None
"""The name of an operation of one operand, a function of a Value, or None for no activation."""

_TITLES = {
    "relu": "ReLU", "leaky_relu": "LeakyReLU", "elu": "ELU", "gelu": "GELU", "silu": "SiLU",
    "log_sigmoid": "LogSigmoid",
}  # fmt: skip
"""Names that PyTorch writes so; others begin with a capital letter."""

_SYNONYMS = {"identity": "linear", "swish": "silu", "logistic": "sigmoid", "exponential": "exp", "lrelu": "leaky_relu"}
"""Names by what they are called elsewhere, in small letters."""

_RECIPES = {letters(name): recipe for name, recipe in RECIPES.items()}
"""Functions on the page of recipes by their names in small letters."""

_OFTEN = ("relu", "tanh", "sigmoid", "leaky_relu", "elu", "gelu", "silu", "softplus", "log_sigmoid")


def settled(activation: Activation) -> str | Callable[[Value], Value]:
    """Return the name of an activation, where it is one of the table, else the function.

    Raises:
        ValueError: there is no activation of that name.

    >>> settled("LeakyReLU"), settled("swish"), settled(None), settled(ops.gelu), settled(Value.tanh)
    ('leaky_relu', 'silu', 'linear', 'gelu', 'tanh')
    """
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        name = _named(activation)
        if name is not None:
            return name
    elif isinstance(activation, Op):
        if ops.TABLE.get(activation.name) is not activation:  # defined anew meanwhile
            return activation
        if is_activation(activation):
            return activation.name
    elif callable(activation):
        name = getattr(activation, "__name__", "")
        return name if name in ops.TABLE and getattr(Value, name, None) is activation else activation
    raise ValueError(_unknown(activation))


def function_of(activation: str | Callable[[Value], Value]) -> Callable[[Value], Value]:
    """Return the function of an activation that `settled` has returned."""
    if callable(activation):
        return activation
    if activation == "linear":
        return _linear
    op = ops.TABLE[activation]
    return getattr(Value, activation) if op.arity == 1 and op.built_in else op  # the method takes half of the time


def title_of(activation: str | Callable[[Value], Value]) -> str:
    """Return the activation's name as it starts the `repr` of a micrograd neuron.

    >>> title_of("gelu"), title_of(functools.partial(ops.leaky_relu, slope=0.2))
    ('GELU', 'LeakyReLU')
    """
    if isinstance(activation, functools.partial):
        return title_of(activation.func)
    name = activation
    if isinstance(name, Op):
        name = name.name
    if not isinstance(name, str):
        name = getattr(activation, "__name__", type(activation).__name__).strip("<>")
    name = _TITLES.get(name, name)
    return name[:1].upper() + name[1:]


def _linear(net: Value) -> Value:
    return net


def _named(name: str) -> str | None:
    """Return the activation's own name, in whatever way it is written; None if there is none."""
    if name in ops.TABLE:
        return name if is_activation(ops.TABLE[name]) else None
    if name == "linear":  # of each neuron of a last layer: to ask all operations takes milliseconds
        return name
    by_letters = {letters(known): known for known in ("linear", *_names())}
    return by_letters.get(letters(_SYNONYMS.get(letters(name), name)))


def _names() -> list[str]:
    return sorted(name for name, op in ops.TABLE.items() if is_activation(op))


@functools.cache
def _is_flat_or_straight(name: str) -> bool:
    """Return True for an operation of the table that does not bend: `floor` has a slope of 0, `clip` has no bounds."""
    op = ops.TABLE[name]
    arrange: Callable[..., tuple[float, ...]] = op.arrange or (lambda x: (x,))
    operands = [arrange(x) for x in (-1.5, -0.5, 0.5, 1.5)]
    slopes = {op.pulls(1.0, op.computes(*xs), *xs)[0] for xs in operands}
    return slopes in ({0.0}, {1.0}, {-1.0})


def is_activation(op: Op) -> bool:
    """Return True for an operation of one operand that bends, or a user's own of one operand.

    >>> is_activation(ops.elu), is_activation(ops.floor), is_activation(ops.clip), is_activation(ops.mul)
    (True, False, False, False)
    """
    return op.unary and not (op.built_in and (op.stops or _is_flat_or_straight(op.name)))


def _unknown(activation: object) -> str:
    text = f"unknown activation {quoted(activation)}"
    if isinstance(activation, (list, tuple)):
        text = f"a neuron has one activation, got {quoted(activation)}: nn.MLP takes a list, with one for each layer"
    recipe = _RECIPES.get(letters(activation)) if isinstance(activation, str) else None
    if recipe:
        text += f": it is a function made of rows; copy {recipe} from docs/recipes.md, and pass the function"
    elif activation == "softmax":
        text += ": it takes all outputs; leave the last layer linear, for nn.cross_entropy takes these"
    op = ops.TABLE.get(activation) if isinstance(activation, str) else activation
    if isinstance(op, Op):
        text = f"{op.name} is no activation: " + (
            "it takes more than one operand"
            if not op.unary
            else "its derivative is 0, or always the same"
            if op.arity == 1
            else f"with its defaults, {op.__signature__}, its derivative is always the same; "
            f"pass a function with others, such as lambda v: autograd.{op.name}(v, -1.0, 1.0)"
        )
    others = ", ".join(name for name in _names() if name not in _OFTEN)
    return f"{text}. Pass one of {', '.join(_OFTEN)}, 'linear', a function of a Value, or one of {others}"
