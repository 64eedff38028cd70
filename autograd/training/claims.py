"""Let one `fit` at a time train a parameter."""

import os
from collections.abc import Iterable
from typing import Self

from autograd.engine import Value

_claims: dict[tuple[int, Value], "Claim"] = {}  # by process, too: a forked child has no threads of its parent's


class Claim:
    """The parameters that one `fit` trains; leaving the `with` statement gives them up."""

    def __enter__(self) -> Self:
        return self

    def take(self, parameters: Iterable[Value]) -> None:
        """Claim parameters.

        Raises:
            RuntimeError: another `fit` is training one of them.
        """
        for p in parameters:
            if _claims.setdefault((os.getpid(), p), self) is not self:  # one atomic step
                raise RuntimeError(
                    "another fit is training this model, in another thread or around this callback: "
                    "wait until it ends, or train a copy.deepcopy(model)"
                )

    def __exit__(self, *_: object) -> None:
        for key in [key for key, claim in _claims.copy().items() if claim is self]:
            _claims.pop(key, None)
