"""Say what to write instead, where code for other engines sets an attribute that a Value does not take.

A node has slots for its parts and room for nothing else. So Python refuses `p.m = 0.0`, the state of an optimizer that
such code keeps on each parameter, but says only that there is no such attribute. To say more for *every* name takes
`__setattr__` and `__getattr__`, which cost even the attributes that exist: a step of micrograd's demo takes 3 times as
long with the first, 1.4 times with the second (CPython 3.11, minima of 12). A descriptor costs nothing, but has one
name. So the names that optimizers use by convention have one each, and all others have Python's message.
"""

from typing import Any, NoReturn

ADD_A_ROW = (
    "add an operation as a row, autograd.ops.Op('cube({})', lambda x: x * x * x, lambda g, z, x: g * 3 * x * x): "
    "its formula, its function, and a derivative rule for each operand"
)


def refuse_a_part(v: Any, _: Any) -> NoReturn:
    """Say where the operands and the derivative of a Value come from, to code that assigns them."""
    raise AttributeError(f"a Value has its operands and its derivative from the operation that made it: {ADD_A_ROW}")


# As in the papers on Adam, in tutorials, and in PyTorch's optimizers. (`step` is an operation.)
STATE = (
    *("m", "v", "m_t", "v_t", "mt", "vt", "momentum", "velocity", "vel", "buf", "cache", "state"),
    *("momentum_buffer", "exp_avg", "exp_avg_sq", "square_avg"),
)


class _State:
    """A name for the state of an optimizer, which is not an attribute of a Value."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__doc__ = f"Not an attribute: the state of an optimizer is kept in a dict by the Value, `{name}[p]`."

    def refuse(self, v: Any, _: Any = None) -> NoReturn:
        instead = f"{self.name} = dict.fromkeys(parameters, 0.0) and {self.name}[p]"
        message = (
            f"a Value has no room for {self.name!r}: keep it in a dict by the Value, {instead}, or use autograd.optim"
        )
        raise AttributeError(message, name=self.name, obj=v)

    __get__ = __set__ = __delete__ = refuse


class WithoutState:
    """An object that says, where an optimizer would keep its state on it, to keep it in a dict.

    >>> class Parameter(WithoutState):
    ...     __slots__ = ("data",)
    >>> Parameter().velocity = 0.0
    Traceback (most recent call last):
        ...
    AttributeError: a Value has no room for 'velocity': keep it in a dict by the Value, \
velocity = dict.fromkeys(parameters, 0.0) and velocity[p], or use autograd.optim
    """

    __slots__ = ()

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in STATE or hasattr(self, name)]


for _name in STATE:
    setattr(WithoutState, _name, _State(_name))
