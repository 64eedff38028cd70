"""Compile to Python source on NumPy arrays with the bits of the graph, a batch and a layer at once.

It is the program on arrays (`lifting.py`) as `array_views.py` prints it, with three differences. Sums and dots add
their terms one by one, left to right, each for all rounds and samples at once: the same bits as the graph. For this,
arrays are tables: their last axis is that of the samples. What is the same for all samples and rounds is computed in
Python's floats.
"""

from collections.abc import Sequence
from typing import cast

from autograd.codegen.arguments import Signature
from autograd.codegen.array_module import printed
from autograd.codegen.array_program import Call, Statement, Sum, View
from autograd.codegen.array_views import SAMPLES, ArrayPrinter, Indexed, Piece, Table, step_of, view_of
from autograd.codegen.backend import CompiledCode, spelled_out
from autograd.codegen.lifting import lifted
from autograd.codegen.numpy_arrays import ArraySpelling, NumpyArrays
from autograd.codegen.program import Program, without_fixed_terms
from autograd.codegen.python import python_backend
from autograd.codegen.python_source import tree_text
from autograd.codegen.spelling import TERMS_IN_A_STATEMENT, float_literal

FLOATS_IN_A_STATEMENT = 48  # steps on floats that take as long as a statement on arrays


def numpy_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to NumPy; without a batch to Python's floats, unless statements on arrays take less time."""
    try:
        import numpy as np  # noqa: PLC0415  # this backend was asked for
    except ModuleNotFoundError as problem:
        raise ModuleNotFoundError('backend="numpy" needs NumPy: pip install numpy', name=problem.name) from None

    apart, its_signature, terms = without_fixed_terms(
        *spelled_out(program, signature, lambda op: op.built_in, calls_functions=True, folds=False)
    )
    lifted_program = lifted(apart, its_signature)
    if not signature.batch and apart.terms <= FLOATS_IN_A_STATEMENT * len(lifted_program.statements):
        return python_backend(program, signature)._replace(arrays=lifted_program)
    arrays = NumpyArrays(np, its_signature)
    printer = _ExactPrinter(lifted_program, ArraySpelling(), arrays.shapes, signature.reduce == "mean")
    return printed(printer, arrays, its_signature, terms)


class _ExactPrinter(ArrayPrinter):
    """The lines that compute a program with the bits of the graph, other than in the sums over the samples."""

    spelling: ArraySpelling
    piece = Table
    exact = True

    def _sum(self, value: Sum, loops: Sequence[int], over: Sequence[int]) -> Indexed:
        total = Indexed(float_literal(value.head), ())
        for n, segment in enumerate(value.segments):
            if n % TERMS_IN_A_STATEMENT == TERMS_IN_A_STATEMENT - 1:
                total = total._replace(text=self.named(total.text))
            terms, counts = self.terms(segment, len(loops))
            total = self._longer(total, [self.expression(x, counts) for x in segment.factors], terms)
        if not over:
            return total
        total = self.summed(total, over)
        return total.mean if self.mean else total

    def _longer(self, total: Indexed, factors: Sequence[Indexed], terms: Sequence[int]) -> Indexed:
        """Return a sum with one more term, or one for each round of loops: a product of these factors."""
        axes = tuple(i for i in self.union([total, *factors]) if i not in terms)
        if not terms:
            term = self.elementwise(factors, " * ")
            if total.text == float_literal(-0.0):  # to which adding changes no number
                return term
            return Indexed(" + ".join(self.aligned(x, axes).text for x in (total, term)), axes, False)
        p, *q = sorted(factors, key=lambda x: not x.axes)
        every = (*terms, *axes)
        moves = all(self.rounds[i] == 1 or any(i in x.axes for x in factors) for i in terms)
        texts = [self.aligned(total, axes).text]
        texts.append(self.aligned(p, every, first=True).text if p.axes and moves else self._full(p, every))
        texts += [self.aligned(x, every, first=True).text if x.axes else x.text for x in q]
        depth = f", depth={len(terms)}" if len(terms) > 1 else ""
        return Indexed(f"_added({', '.join(texts)}{depth})", axes)

    def _call(self, value: Call, operands: Sequence[Indexed]) -> Indexed:
        if any(x.axes for x in operands):
            return super()._call(value, operands)
        # The spelling for floats may repeat its operands.
        pairs = zip(value.operands, operands, strict=True)
        texts = [self.named(own.text) if isinstance(x, Call) else own.text for x, own in pairs]
        return Indexed(self.spelling.floats.expression(step_of(value), texts), (), False)

    def _view(self, view: View, counts: Sequence[int]) -> Indexed:
        found = super()._view(view, counts)
        return found if found.axes else Indexed(self.named(f"{found.text}.item()"), ())

    def _tiled(
        self, copies: list[Statement], begin: int, end: int, whole: Piece, times: str, *, outer: tuple[int, ...] = ()
    ) -> str | None:
        if len(copies) == 1:
            return super()._tiled(copies, begin, end, whole, times, outer=outer)
        # Written into one array: concatenations inside others would copy twice.
        self.lines.append(f"{whole.name} = xp.empty({tree_text(tuple(whole.each([end], 'n')))})")
        self.fresh.add(whole.name)
        for (_, start, strides, _), loops, value in copies:
            view = cast(View, value)
            piece, every = cast(Piece, view.array), whole.each(range(len(loops)), SAMPLES)
            found = view_of(piece, view.start, view.strides, loops) or Indexed(
                f"strided({piece.flat}, {view.start}, {loops}, {view.strides})", tuple(every)
            )
            text = ("" if piece.total else times) + self.aligned(found, every).text
            to = view_of(whole, start, strides, loops) if len(loops) < 2 else None
            self.lines.append(
                f"{to.text if to else f'strided({whole.name}, {start}, {loops}, {strides})[...]'} = {text}"
            )
        return whole.name

    def _full(self, x: Indexed, axes: Sequence[int]) -> str:
        if not x.axes:  # a float, which has no axes to add to
            x = Indexed(f"xp.float64({x.text})", ())
        return super()._full(x, axes)
