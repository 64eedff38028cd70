"""Warn of derivatives whose arguments are swapped: an input was made from the output, not the output from an input.

An input is older than the output, or not made from anything. So the order of creation, two numbers to compare, tells
that there is nothing to search for.
"""

from collections.abc import Sequence

from autograd.engine import Value, created, graph_of
from autograd.events import differentiated
from autograd.frames import innermost, warn_caller
from autograd.functions import grad, hessian, hvp, jacobian, jvp
from autograd.names import names_of_variables
from autograd.text import visible

_OTHERS = {"jvp": ", tangents", "hvp": ", vectors"}  # that follow the two


def warn_if_swapped(function: str, output: Value, inputs: Sequence[Value]) -> None:
    """Warn if an input was made from the output, and the output from none of them.

    Arguments:
        function: the name of the function that was called with `(output, inputs)`; "" for one that differentiates.

    >>> import warnings
    >>> x = Value(3.0)
    >>> y = x * x
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn_if_swapped("grad", x, [y])
    >>> print(caught[0].message)
    y was made from x, which does not depend on it: the gradient is 0. The arguments are swapped: write grad(y, x)
    """
    place = created(output)
    newer = [x for x in inputs if created(x) > place and x.op is not None]
    if not newer or output not in graph_of(*newer) or not set(inputs).isdisjoint(graph_of(output)):
        return
    function = function or innermost({f.__code__: f.__name__ for f in (grad, hessian, hvp, jacobian, jvp)}, "grad")
    made = next(x for x in newer if output in graph_of(x))
    variables = names_of_variables({output, made})
    unknown = ((made, "the input"), (output, "the output"))
    name, of = (visible(v.label or variables.get(v, otherwise)) for v, otherwise in unknown)
    warn_caller(
        f"{name} was made from {of}, which does not depend on it: the gradient is 0. The arguments are swapped: write "
        f"{function}({name.removeprefix('the ')}, {of.removeprefix('the ')}{_OTHERS.get(function, '')})",
        UserWarning,
    )


def _warn(output: Value, inputs: Sequence[Value], gradients: Sequence[Value]) -> None:
    warn_if_swapped("", output, inputs)


differentiated[_warn] = _warn, None
