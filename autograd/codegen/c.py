"""Compile to C: one statement for each step, several samples in a vector, loops for repeated steps.

The arrays and variables of the generated source:

    a0[3]        number 3 of argument 1, flattened (if the argument is the same for the whole batch)
    x[2]         a number of the batched arguments, for the samples that are computed together
    c[1]         a constant, if a loop runs through a list of them
    v7           the result of step 7: a double if it is batch-invariant (`backend.py`), else a vector of samples
    u[5], v[5]   the same, for results read by a loop or by another part of the program
    s[4]         output 4, a vector: the sums of the samples so far, or its numbers for these samples
    out[4]       output 4

The arithmetic is IEEE's, bit for bit that of eager mode: nothing is reassociated, and the functions are those of the C
library, which Python calls too (CPython implements `hypot` itself: within 2 ulp; `power` is C's pow, but for squares
and reciprocals). This requires compiling with `FLAGS`: without them gcc contracts a * b + c, and computes functions of
constants itself.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from autograd.codegen.arguments import Signature, pieces_in_place
from autograd.codegen.array_program import index_text
from autograd.codegen.backend import CompiledCode, spelled_out
from autograd.codegen.c_build import built
from autograd.codegen.c_call import MOST_LANES, CallLimits, CProgram, callable_functions
from autograd.codegen.c_statements import CStatements, along, for_loop, literal
from autograd.codegen.memory import MemoryLayout, equal_runs, strided_runs, terms_of
from autograd.codegen.program import Program, without_fixed_terms
from autograd.trees import tree_leaves

FLAGS = ["-ffp-contract=off", "-fno-builtin", "-fno-math-errno", "-fno-trapping-math"]
"""Required for the same bits as Python; the last two change no result, only errno and exception flags."""

DOUBLES_ON_THE_STACK = 4_096  # in a function's arrays; larger ones are in memory that the caller provides
_STATE_IN_REGISTERS = 16  # numbers at most to keep in registers while a function is repeated
_TERMS_OF_A_CALL = 2**22  # of all samples together: 1 to 50 ms, so that Ctrl-C between two calls is soon enough
_CHUNK_OF_ONCE = 8  # the samples of a chunk take so many times as long as what does not depend on the sample
_TERMS_WITHOUT_OTHERS = 2**12  # 1 to 50 µs, in which other threads can wait

_VECTOR_TYPES = f"""
#if defined __AVX512F__
#define LANES {MOST_LANES} /* samples in a vector, calculated side by side */
#elif defined __AVX__
#define LANES 4
#else
#define LANES 2
#endif
"""
_VECTOR_TYPES += """
typedef double V __attribute__((vector_size(8 * LANES)));
typedef long long M __attribute__((vector_size(8 * LANES)));
static inline V all(double x) { V z; for (int i = 0; i < LANES; i++) z[i] = x; return z; }
static inline V pick(M m, V x, V y) { return (V)((m & (M)x) | (~m & (M)y)); }
typedef double H __attribute__((vector_size(4 * LANES)));
static inline double total(V x) /* halves first: adding lane by lane would wait for each sum */
{
    H half[2];
    __builtin_memcpy(half, &x, sizeof x);
    half[0] += half[1];
    double sum = half[0][0];
    #pragma GCC unroll 8
    for (int i = 1; i < LANES / 2; i++) sum += half[0][i];
    return sum;
}
"""

_VECTORS_OF_SAMPLES = """
/* The first vector may start before sample 0: its extra lanes copy sample 0 and are ignored. */
for (long long first = begin == 0 && n % LANES ? n % LANES - LANES : begin; first < end; first += LANES) {
for (int lane = 0; lane < LANES; lane++) {
const long long row = first + lane < 0 ? 0 : first + lane;
"""


def c_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to C, build it, and wrap it as a Python function.

    Raises:
        CompilerError: there is no C compiler.
        UnsupportedOperationError: an operation cannot be expressed in C, because its function runs in Python only.
    """
    unit = _TranslationUnit(*spelled_out(program, signature, "c"))
    text = unit.text()
    library = built(text, unit.options)
    code = CompiledCode(text, *callable_functions(library, signature, unit.in_work, unit.limits))
    if unit.in_work:  # it has no `called`
        return code
    return code._replace(program=CProgram(library, signature, 0, unit.limits))


class _TranslationUnit:
    """A C file: a function `compiled`, and `repeated` where its outputs can be fed back.

    For a batch there is also `samples`, which `compiled` calls for all of them, and which may be called for consecutive
    ranges: `begin` is 0 or the last `end`, and n - `end` a multiple of `MOST_LANES`. The sums of a `reduce` stay in `s`
    until `end` is n.

    Arguments:
        program: the program, with operations that C spells.
        signature: its arguments and its result.
    """

    def __init__(self, program: Program, signature: Signature) -> None:
        self.outputs = len(program.outputs)  # the length of `out`, for one sample
        program, self.signature, terms = without_fixed_terms(program, signature)
        self.sizes = [len(tree_leaves(tree)) for tree in signature.inputs]  # of the arguments, for one sample
        self.layout = MemoryLayout(program, signature)
        self.terms = dict(zip(terms, self.layout.program.outputs[self.outputs :], strict=True))
        self.statements = CStatements(self.layout, signature, self.outputs)
        self.once, self.each = (  # the statements of each part: batch-invariant, and for each sample
            list(map(self.statements.lines, parts)) for parts in (self.layout.once, self.layout.each)
        )
        (self.each if signature.batch else self.once).append(list(self.statements.other_outputs()))

    @cached_property
    def in_work(self) -> bool:
        """True if the functions take memory as their last argument, because their arrays are too large for the stack.

        The file exports its size, `work_bytes`.
        """
        doubles = sum(length * (MOST_LANES if kind == "V" else 1) for kind, _, length in self._lengths())
        return doubles + (self.sizes[0] if self.signature.feedback else 0) > DOUBLES_ON_THE_STACK

    @property
    def limits(self) -> CallLimits:
        """The numbers of samples that one call may compute."""
        once, each = (
            sum(terms_of(self.layout.step(place)) for part in parts for unit in part for place in unit.steps)
            for parts in (self.layout.once, self.layout.each)
        )
        each += self.outputs + self.layout.lengths["x"] + 1
        # Each call computes the batch-invariant part again: at most half of its time.
        most = max(MOST_LANES, max(_TERMS_OF_A_CALL, once) // each)
        chunk = MOST_LANES * (1 + _CHUNK_OF_ONCE * once // each // MOST_LANES)
        return CallLimits(most, max(0, _TERMS_WITHOUT_OTHERS - once) // each, chunk)

    @property
    def options(self) -> list[str]:
        """Compiler options: `FLAGS` and the level of optimization."""
        # -O3 speeds up loops; straight-line code gains nothing and compiles more slowly.
        return ["-O3" if self.layout.looped else "-O2", *FLAGS]

    def text(self) -> str:
        """Return the source."""
        return "\n".join(_indented(self._lines())) + "\n"

    def _lines(self) -> Iterator[str]:
        yield "/* A recorded graph as C, generated by scalar-autograd."
        yield f"   To get the bits of Python, compile it with: cc {' '.join(self.options)}"
        if self.in_work:
            yield "   work: memory of work_bytes bytes, aligned to 64 bytes."
        yield from ["*/", "#include <math.h>"]
        if self.signature.batch:
            yield from _VECTOR_TYPES.strip().splitlines()
        yield from self.statements.operations.definitions()
        if self.layout.constants:
            yield f"static const double c[] = {{{', '.join(map(literal, self.layout.constants))}}};"
        yield from self.statements.tables
        if self.in_work:
            yield f"const long long work_bytes = {' + '.join(self._sizes(self.signature.feedback))};"
        once, each = self.once, self.each
        if not self.layout.whole:
            shared = self._shared()
            for n, lines in enumerate([*once, *each]):
                yield from [f"static __attribute__((noinline)) void part{n}({_declared(shared)})", "{", *lines, "}"]
            calls = [[f"part{n}({_passed(shared)});"] for n in range(len(once) + len(each))]
            once, each = calls[: len(once)], calls[len(once) :]
        parameters = self._parameters()
        if self.signature.batch:
            yield f"void samples({_declared(self._parameters_of_samples())})"
        elif self._in_registers:
            yield f"static inline __attribute__((always_inline)) void once({_declared(parameters)})"
        else:
            yield f"void compiled({_declared(parameters)})"
        yield "{"
        yield from self._arrays()
        yield from (line for lines in once for line in lines)
        if self.signature.batch:
            yield from self._over_the_batch([line for lines in each for line in lines])
        yield "}"
        if self.signature.batch:
            yield from self._whole_batch()
        elif self._in_registers:
            yield f"void compiled({_declared(parameters)}) {{ once({_passed(parameters)}); }}"
        if self.signature.feedback:
            yield from self._repeated()
        if not self.in_work:
            yield from self._called()

    @property
    def _in_registers(self) -> bool:
        """True if `repeated` inlines the program and keeps its state, a few numbers, in registers."""
        alone = self.signature.feedback and not self.signature.batch and self.layout.whole
        return alone and self.sizes[0] <= _STATE_IN_REGISTERS

    def _parameters(self) -> list[tuple[str, str]]:
        samples = [("long long ", "n")] if self.signature.batch else []
        arguments = [("const double *restrict ", f"a{k}") for k in range(len(self.sizes))]
        return [*samples, *arguments, ("double *restrict ", "out"), *[("char *restrict ", "work")] * self.in_work]

    @property
    def _sums_from_caller(self) -> bool:
        """True if `samples` takes the sums of a `reduce`, `s`, as an argument: what is in `work` stays there anyway."""
        return self.signature.reduce is not None and not self.in_work

    def _parameters_of_samples(self) -> list[tuple[str, str]]:
        n, *others = self._parameters()
        positions = [("long long ", "begin"), ("long long ", "end")]
        return [n, *positions, *others, *[("V *restrict ", "s")] * self._sums_from_caller]

    def _whole_batch(self) -> Iterator[str]:
        """Yield the function that computes all samples of a batch."""
        yield from [f"void compiled({_declared(self._parameters())})", "{"]
        if self._sums_from_caller:
            yield f"V s[{max(self.outputs, 1)}];"
        values = [("", {"begin": "0", "end": "n"}.get(name, name)) for _, name in self._parameters_of_samples()]
        yield from [f"samples({_passed(values)});", "}"]

    def _called(self) -> Iterator[str]:
        """Yield the function with the same parameters in each program, which the native core calls."""
        yield "/* The same for any program: n is 1 without a batch, a has the arguments. */"
        yield "void called(long long n, const double *const *a, double *out)"
        values = [f"a[{k}]" for k in range(len(self.sizes))]
        unused = [f"(void){name};" for name, used in (("n", self.signature.batch), ("a", values)) if not used]
        yield f"{{ {' '.join([*unused, ''])}compiled({', '.join([*['n'] * self.signature.batch, *values, 'out'])}); }}"

    def _shared(self) -> list[tuple[str, str]]:
        """Return the types and names of the parts' parameters."""
        unbatched = [k for k, batch in enumerate(self.signature.batched) if not batch]
        shared = [*(("const double *restrict ", f"a{k}") for k in unbatched), ("double *restrict ", "u")]
        if self.signature.batch:
            return [*shared, ("V *restrict ", "v"), ("const V *restrict ", "x"), ("V *restrict ", "s")]
        return [*shared, ("double *restrict ", "out")]

    def _lengths(self) -> list[tuple[str, str, int]]:
        """Return type, name and length of each array in `compiled`, those with stricter alignment first."""
        lengths = self.layout.lengths
        vectors = [("V", "x", lengths["x"]), ("V", "v", lengths["v"]), ("V", "s", self.outputs)]
        return [*(vectors if self.signature.batch else []), ("double", "u", lengths["u"])]

    def _sizes(self, feedback: bool) -> list[str]:
        sizes = [f"{length} * sizeof({kind})" for kind, _, length in self._lengths()]
        return sizes + [f"{self.sizes[0]} * sizeof(double)"] * feedback

    def _arrays(self) -> Iterator[str]:
        at = "work"
        for kind, name, length in self._lengths():
            if self.in_work:
                yield f"{kind} *restrict {name} = ({kind} *)({at});"
                at += f" + {length} * sizeof({kind})"
            elif name == "s" and self._sums_from_caller:
                continue
            elif length or not self.layout.whole or name in ("x", "s"):  # these two have loops even if they are empty
                yield f"{kind} {name}[{max(length, 1)}];"

    def _over_the_batch(self, each: list[str]) -> Iterator[str]:
        if self.signature.reduce:
            yield f"if (begin == 0) {for_loop('i', self.outputs, 's[i] = all(0.0);')}"
        yield from _VECTORS_OF_SAMPLES.strip().splitlines()
        column = 0
        for k in self.signature.batched_arguments:
            target, element = index_text(column, (1, "i")), index_text(0, (self.sizes[k], "row"), (1, "i"))
            yield for_loop("i", self.sizes[k], f"x[{target}][lane] = a{k}[{element}];")
            column += self.sizes[k]
        yield from ["}", *each]
        if self.signature.reduce:
            yield f"if (first < 0) {for_loop('i', self.outputs, for_loop('lane', '-first', 's[i][lane] = 0.0;'))}"
            yield from ["}", "if (end == n) {", *self._sums(), "}"]
        else:
            yield from self._rows()
            yield "}"

    def _rows(self) -> Iterator[str]:
        """Yield the loop that writes the outputs of the samples in one vector."""
        yield from [
            "for (int lane = first < 0 ? -first : 0; lane < LANES; lane++) {",
            "const long long row = first + lane;",
        ]
        for _, start, size in pieces_in_place(self.signature.outputs):
            at = index_text(0, (start, "n"), (size, "row"), (1, "i"))
            yield for_loop("i", size, f"out[{at}] = s[{index_text(start, (1, 'i'))}][lane];")
        yield "}"

    def _sums(self) -> Iterator[str]:
        """Yield the loops that write the outputs of a `reduce`."""
        yield for_loop("i", self.outputs, "out[i] = total(s[i]);")
        if self.signature.reduce == "mean":
            yield for_loop("i", self.outputs, "out[i] /= n;")  # a separate loop, because it is vectorized
        times = "n * " * (self.signature.reduce == "sum")
        slots, name = self.layout.slots, self.statements.name
        local = {i: x for i, x in self.terms.items() if type(x) is float or x not in slots}
        # Terms outside arrays are mostly constants: one statement for adjacent outputs with the same term.
        for same in equal_runs((i, name(local[i])) for i in sorted(local)):
            yield for_loop("i", same.length, f"out[{index_text(same.first, (1, 'i'))}] += {times}{same.text};")
        stored = ((i, slots[int(x)]) for i, x in sorted(self.terms.items()) if i not in local)
        for run in strided_runs(stored):
            index, value = along(run)
            yield for_loop("i", run.length, f"out[{index}] += {times}{value};")

    def _repeated(self) -> Iterator[str]:
        """Yield the function that feeds the outputs back; each round writes to a buffer other than the one it reads."""
        size = self.sizes[0]

        def copy(target: str, source: str) -> Sequence[str]:
            if self._in_registers:
                return [f"{target}[{i}] = {source}[{i}];" for i in range(size)]
            return [for_loop("i", size, f"{target}[i] = {source}[i];")]

        yield from [f"void repeated(long long times, {_declared(self._parameters())})", "{"]
        if self.in_work:
            yield f"double *restrict state = (double *)(work + {' + '.join(self._sizes(feedback=False))});"
        else:
            yield f"double state[{max(size, 1)}], next[{max(size, 1)}];"
        new = "out" if self.in_work else "next"
        yield from [*copy(new, "a0"), "while (times-- > 0) {", *copy("state", new)]
        values = [("", {"a0": "state", "out": new}.get(name, name)) for _, name in self._parameters()]
        yield f"{'once' if self._in_registers else 'compiled'}({_passed(values)});"
        yield "}"
        if not self.in_work:
            yield from copy("out", new)
        yield "}"


def _declared(parameters: Sequence[tuple[str, str]]) -> str:
    return ", ".join(kind + name for kind, name in parameters)


def _passed(parameters: Sequence[tuple[str, str]]) -> str:
    return ", ".join(name for _, name in parameters)


def _indented(lines: Iterable[str]) -> Iterator[str]:
    depth = 0
    for line in lines:
        depth -= line.startswith("}")
        yield "    " * depth + line
        depth += line.count("{") - line.count("}") + line.startswith("}")
