"""Draw the numbers of `nn.uniform` for the samples of a run: the same in every backend, in the same order."""

import random
from array import array
from typing import Any

from autograd.engine import Value
from autograd.samples.recording import as_inputs
from autograd.training.data import Form


class Draws:
    """The random numbers of a run, from a generator of their own, which the run's generator seeds at the first draw.

    So a run without draws is the same as it would be without this.

    Arguments:
        rng: the generator of the run: the module `random`, or a `random.Random`.
    """

    def __init__(self, rng: Any) -> None:
        self.rng = rng
        self.generator: Any = None
        self.ahead = array("d")  # the next numbers, where some are drawn in advance
        self.last: Any = []
        """What the latest step has drawn, sample by sample: numbers in turn, or a row for each."""

    def begin(self) -> None:
        """Forget what has been drawn for an earlier step."""
        self.last = []

    def leaves(self, n: int) -> list[Value]:
        """Return n leaves with the next numbers: the source of `nn.uniform` where the model is called."""
        numbers = self._numbers(n)
        self.last += numbers
        leaves: list[Value] = as_inputs(numbers)
        return leaves

    def rows(self, samples: int, n: int, form: Form) -> Any:
        """Return the next n numbers for each sample of a batch, in the form in which a compiled function takes them."""
        if form.arrays and not self.ahead:
            self.last = self._of_numpy().random_sample((samples, n))
            return self.last
        numbers = self._numbers(samples * n)
        if form.arrays:
            import numpy as np  # noqa: PLC0415  # the backend has found it

            self.last = np.array(numbers).reshape(samples, n)
            return self.last
        self.last = numbers if form.alone else [numbers[i : i + n] for i in range(0, samples * n, n)]
        return self.last

    def in_advance(self, n: int, *, arrays: bool) -> "array[float]":
        """Return the next numbers, at least n: those that `pass_over` does not pass over are drawn again.

        Arguments:
            arrays: whether NumPy may draw them, many at once.
        """
        missing = n - len(self.ahead)
        if missing > 0:
            if arrays:
                self._of_numpy()
            self.ahead += array("d", self._drawn(missing))
        return self.ahead

    def pass_over(self, n: int) -> None:
        """Leave out so many of the numbers that are drawn in advance."""
        self.ahead = self.ahead[n:]

    def _seeded(self) -> Any:
        if self.generator is None:
            self.generator = random.Random(self.rng.getrandbits(64))
        return self.generator

    def _numbers(self, n: int) -> list[float]:
        known = self.ahead[:n].tolist()
        self.pass_over(len(known))
        return known + self._drawn(n - len(known))

    def _drawn(self, n: int) -> list[float]:
        if not n:
            return []
        generator = self._seeded()
        if isinstance(generator, random.Random):
            return [generator.random() for _ in range(n)]
        numbers: list[float] = generator.random_sample(n).tolist()
        return numbers

    def _of_numpy(self) -> Any:
        """Return NumPy's generator of the same kind in the same state, which gives the same numbers, many at once.

        Both are the Mersenne Twister, and make a number of two of its outputs as genrand_res53 by M. Matsumoto and
        T. Nishimura (2002) does.
        """
        generator = self._seeded()
        if isinstance(generator, random.Random):
            import numpy as np  # noqa: PLC0415  # the backend has found it

            _, state, _ = generator.getstate()
            self.generator = np.random.RandomState()
            self.generator.set_state(("MT19937", state[:-1], state[-1]))
        return self.generator
