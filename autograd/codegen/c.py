"""Compile to C: the statements of the lifted program (`lifting.py`), for several samples in a vector.

A program of few steps, or of steps that are all different, is printed step by step instead, as statements without
loops. `c_layout.py` says what is computed when; the arrays and variables of the generated source are

    a0[3]        number 3 of argument 1, flattened; of a batched argument, the samples one after the other
    c1[2]        a constant
    x[2]         a number of the batched arguments, for the samples that are computed together: a vector
    v7           a lone result: a double if it is batch-invariant (`backend.py`), else a vector of samples
    u[5], v[5]   results: doubles that are batch-invariant, and vectors of samples
    y[5], r[5]   results that products read, for a block of samples: vectors, and rows of doubles
    s[4]         an output, a vector: its numbers for these samples, or the sums of the samples so far, lane by lane
    out[4]       output 4

The arithmetic is IEEE's, bit for bit that of eager mode: nothing is reassociated, and the functions are those of the C
library, which Python calls too, or have their bits (`c_functions.py`; CPython implements `hypot` itself: within 2 ulp;
`power` is C's pow, but for squares and reciprocals). This requires compiling with `FLAGS`: without them gcc contracts
a * b + c, and computes functions of constants itself.
"""

from collections.abc import Iterable, Iterator, Sequence

from autograd.codegen.arguments import Signature, pieces_in_place
from autograd.codegen.array_program import REPEATED, ArrayProgram, Statement, View, index_text
from autograd.codegen.backend import CompiledCode, spelled_out
from autograd.codegen.c_build import built
from autograd.codegen.c_call import callable_functions
from autograd.codegen.c_layout import Layout, entries, straight
from autograd.codegen.c_library import MOST_LANES, CallLimits, CProgram
from autograd.codegen.c_spelling import for_loop, literal
from autograd.codegen.c_statements import CStatements, heads, index_of, letters
from autograd.codegen.lifting import lifted_if_few
from autograd.codegen.program import Operand, Program, without_fixed_terms
from autograd.codegen.spelling import is_spelled
from autograd.trees import tree_leaves

FLAGS = ["-ffp-contract=off", "-fno-builtin", "-fno-math-errno", "-fno-trapping-math"]
"""Required for the same bits as Python; the last two change no result, only errno and exception flags."""

MOST_PIECES = 4  # lists of outputs that are each copied by a loop of its own
_STATE_IN_REGISTERS = 16  # numbers at most to keep in registers while a function is repeated
_TERMS_OF_A_CALL = 2**26  # of all samples together: 3 to 50 ms, so that Ctrl-C between two calls is soon enough
_CHUNK_OF_ONCE = 8  # the samples of a chunk take so many times as long as what does not depend on the sample
_TERMS_WITHOUT_OTHERS = 2**12  # 1 to 20 µs, in which other threads can wait

MOST_STRAIGHT = 256  # terms of a program that is printed step by step: what is in registers needs no loops
TERMS_OF_AN_ENTRY = 2  # of tables of indices, at least: what reads no neighbours is faster step by step
MOST_IRREGULAR = 4_000  # terms of a program that is printed step by step for this reason: it compiles in 2 s at most
MOST_FUNCTIONS = 16  # of sums that each have the numbers of their loops; more are shared by layers of other sizes
TERMS_OF_A_KIND = 16  # of steps, at least; fewer are printed step by step, too

_APART = """
#define ROWS(n) _Pragma("GCC unroll 16") for (int row = 0; row < n; row++) /* so that z[row] is in a register */
#if defined __clang__
#define APART __attribute__((noinline))
#else /* gcc 12 takes some loops that copy within an array for loops without effect, and drops calls of them */
#define APART __attribute__((noinline, noipa))
#endif
"""
_VECTOR_TYPES = f"""
#include <string.h>
#if defined __AVX512F__
#define LANES {MOST_LANES} /* numbers in a vector, calculated side by side */
#elif defined __AVX__
#define LANES 4
#else
#define LANES 2
#endif
"""
_VECTOR_TYPES += """
typedef double V __attribute__((vector_size(8 * LANES)));
typedef double U __attribute__((vector_size(8 * LANES), aligned(8), may_alias)); /* anywhere in an array of doubles */
typedef long long M __attribute__((vector_size(8 * LANES)));
static inline V all(double x) { return x - (V){0.0}; } /* x - 0.0 is x; a loop takes gcc longer */
static inline V pick(M m, V x, V y) { return (V)((m & (M)x) | (~m & (M)y)); }
static inline V get(const double *p, long long stride)
{
    V z;
    if (stride == 1) return *(const U *)p;
    for (int i = 0; i < LANES; i++) z[i] = p[i * stride];
    return z;
}
static inline void put(double *p, long long stride, V z, int from)
{
    if (stride == 1 && from == 0) *(U *)p = z;
    else for (int i = from; i < LANES; i++) p[i * stride] = z[i];
}
"""
_SAMPLES = """
static inline long long vector_of(unsigned sample) { return sample / LANES; } /* unsigned: a shift */
static inline long long lane_of(unsigned sample) { return sample % LANES; }
"""
_TOTALS = """
static inline V scaled(V x, double share) { return share > 1.0 ? x / share : x * share; }
/* Add up the lanes of n vectors, LANES of them at once: their halves, then the halves of these sums, and so on. The
   totals, scaled, take the place of the first vectors. */
static APART void add_lanes(V *s, int n, double share)
{
    for (int i = 0; i < n; i += LANES) {
        V z[LANES];
        for (int k = 0; k < LANES; k++) z[k] = i + k < n ? s[i + k] : all(0.0);
        #pragma GCC unroll 3
        for (int m = LANES / 2; m; m /= 2)
            #pragma GCC unroll 4
            for (int k = 0; k < m; k++) z[k] = SHUFFLED(z[k], z[k + m], LOW) + SHUFFLED(z[k], z[k + m], HIGH);
        s[i / LANES] = scaled(z[0], share);
    }
}
"""
_TURNED = """
/* LANES vectors as rows become columns: halves are interleaved as often as a row can be halved. */
#if LANES == 8
#define LOW 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif LANES == 4
#define LOW 0, 4, 1, 5
#define HIGH 2, 6, 3, 7
#else
#define LOW 0, 2
#define HIGH 1, 3
#endif
#if defined __clang__
#define SHUFFLED(one, other, ...) __builtin_shufflevector(one, other, __VA_ARGS__)
#else
#define SHUFFLED(one, other, ...) __builtin_shuffle(one, other, (M){__VA_ARGS__})
#endif
static inline __attribute__((always_inline)) void turn(V *rows)
{
    #pragma GCC unroll 3
    for (int n = 1; n < LANES; n *= 2) {
        V z[LANES];
        #pragma GCC unroll 4
        for (int i = 0; i < LANES / 2; i++) {
            z[2 * i] = SHUFFLED(rows[i], rows[i + LANES / 2], LOW);
            z[2 * i + 1] = SHUFFLED(rows[i], rows[i + LANES / 2], HIGH);
        }
        #pragma GCC unroll 8
        for (int i = 0; i < LANES; i++) rows[i] = z[i];
    }
}
/* Copy rows of numbers to vectors of LANES rows; those before row 0 are copies of it. */
static APART void in_lanes(const double *restrict a, int numbers, long long first, V *restrict x)
{
    const double *rows[LANES];
    for (int lane = 0; lane < LANES; lane++) rows[lane] = a + (first + lane < 0 ? 0 : first + lane) * numbers;
    int i = 0;
    for (; i + LANES <= numbers; i += LANES) {
        V z[LANES];
        for (int lane = 0; lane < LANES; lane++) z[lane] = *(const U *)(rows[lane] + i);
        turn(z);
        for (int k = 0; k < LANES; k++) x[i + k] = z[k];
    }
    for (; i < numbers; i++) {
        V z;
        for (int lane = 0; lane < LANES; lane++) z[lane] = rows[lane][i];
        x[i] = z;
    }
}
"""
_IN_ROWS = """
/* Copy vectors to rows, from a lane on. */
static APART void in_rows(const V *restrict v, int numbers, int from, double *restrict r, long long length)
{
    int i = 0;
    for (; from == 0 && i + LANES <= numbers; i += LANES) {
        V z[LANES];
        for (int k = 0; k < LANES; k++) z[k] = v[i + k];
        turn(z);
        for (int lane = 0; lane < LANES; lane++) *(U *)(r + lane * length + i) = z[lane];
    }
    for (int lane = from; lane < LANES; lane++)
        for (int k = i; k < numbers; k++) r[(lane - from) * length + k] = v[k][lane];
}
"""


def c_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to C, build it, and wrap it as a Python function.

    Raises:
        CompilerError: there is no C compiler.
        UnsupportedOperationError: an operation cannot be expressed in C, because its function runs in Python only.
    """

    def steps(folds: bool) -> tuple[Program, Signature, dict[int, Operand]]:
        spelled = spelled_out(program, signature, lambda op: op in REPEATED or is_spelled(op, "c"), folds=folds)
        return without_fixed_terms(*spelled)

    apart, its_signature, added = steps(folds=False)
    terms = apart.terms
    arrays = lifted_if_few(apart, its_signature, terms // TERMS_OF_A_KIND) if terms > MOST_STRAIGHT else None
    if arrays and TERMS_OF_AN_ENTRY * entries(arrays) > terms < MOST_IRREGULAR:
        arrays = None
    if arrays is None:
        apart, its_signature, added = steps(folds=True)
    unit = _TranslationUnit(arrays or straight(apart, its_signature), signature, added)
    text = unit.text()
    library = built(text, unit.options)
    call, repeat = callable_functions(library, signature, unit.in_work, unit.limits)
    work = library.integer("work_bytes") if unit.in_work else 0
    return CompiledCode(text, call, repeat, arrays, CProgram(library, signature, work, unit.limits))


class _TranslationUnit:
    """A C file: a function `compiled`, and `repeated` where its outputs can be fed back.

    For a batch there is also `samples`, which `compiled` calls for all of them, and which may be called for consecutive
    ranges: `begin` is 0 or the last `end`, and n - `end` a multiple of `MOST_LANES`. The sums of a `reduce` stay in `s`
    and `out` until `end` is n.

    Arguments:
        program: the program on arrays; its outputs beyond those of the signature are terms.
        signature: its arguments and its result.
        terms: the indices of the outputs to which these are added.
    """

    def __init__(self, program: ArrayProgram, signature: Signature, terms: Iterable[int]) -> None:
        self.program, self.signature = program, signature
        self.sizes = [len(tree_leaves(tree)) for tree in signature.inputs]  # of the arguments, for one sample
        self.layout = Layout(program, signature, terms)
        self.outputs = self.layout.outputs  # the length of `out`, for one sample
        self._write(shared=False)
        if len(self.statements.functions) > MOST_FUNCTIONS:
            self._write(shared=True)

    def _write(self, *, shared: bool) -> None:
        """Write the statements of each part, the products, and what writes outputs."""
        layout, self.statements = self.layout, CStatements(self.layout, shared=shared)
        self.once, self.each = (list(map(self.statements.lines, parts)) for parts in (layout.once, layout.each))
        self.products = [line for product in layout.products for line in self.statements.products(product)]
        self.rows, self.last = list(self._rows()), list(self._last())

    @property
    def in_work(self) -> bool:
        """True if the functions take memory as their last argument, because their arrays are too large for the stack.

        The file exports its size, `work_bytes`.
        """
        return self.layout.is_large(self.sizes[0] if self.signature.feedback else 0)

    @property
    def limits(self) -> CallLimits:
        """The numbers of samples that one call may compute."""
        once, each = map(self.layout.terms, (self.layout.once, self.layout.each))
        each += self.outputs + self.layout.lengths["x"] + 1
        each += self.layout.terms([[product.statement for product in self.layout.products]])
        # Each call computes the batch-invariant part again: at most half of its time.
        most = max(MOST_LANES, max(_TERMS_OF_A_CALL, once) // each)
        chunk = MOST_LANES * (1 + _CHUNK_OF_ONCE * once // each // MOST_LANES)
        return CallLimits(most, max(0, _TERMS_WITHOUT_OTHERS - once) // each, chunk)

    @property
    def options(self) -> list[str]:
        """Compiler options: `FLAGS` and the level of optimization."""
        parts = (*self.layout.once, *self.layout.each)
        # -O3 speeds up loops; straight-line code gains nothing and compiles more slowly. Where it is long, -Og takes a
        # quarter of the time of -O2, and sums of numbers are as fast; vectors are not.
        long = self.layout.terms(parts) > MOST_IRREGULAR and not self.signature.batch
        looped = any(s.loops for part in parts for s in part)
        return ["-O3" if looped else "-Og" if long else "-O2", *FLAGS]

    def text(self) -> str:
        """Return the source."""
        return "\n".join(_indented(self._lines())) + "\n"

    def _lines(self) -> Iterator[str]:
        signature, statements = self.signature, self.statements
        yield "/* A recorded graph as C, generated by scalar-autograd."
        yield f"   To get the bits of Python, compile it with: cc {' '.join(self.options)}"
        if self.in_work:
            yield "   work: memory of work_bytes bytes, aligned to 64 bytes."
        yield from ["*/", "#include <math.h>"]
        if signature.batch or statements.functions or not self.layout.whole:
            yield from _APART.strip().splitlines()
        if signature.batch or statements.operations.has_vectors or any("LANES" in x for x in statements.functions):
            yield from _VECTOR_TYPES.strip().splitlines()
        if signature.batch:
            yield from _TURNED.strip().splitlines()
            yield from _IN_ROWS.strip().splitlines() if self.layout.row else ()
            yield from _TOTALS.strip().splitlines() if signature.reduce else ()
            yield from _SAMPLES.strip().splitlines() if self.layout.products else ()
        yield from statements.operations.definitions()
        for constant in self.program.constants:
            numbers = ", ".join(map(literal, constant.constants))
            yield f"static const double {constant.name}[] = {{{numbers}}};"
        for indices, name in statements.tables.items():
            yield f"static const int {name}[] = {{{', '.join(map(str, indices))}}};"
        for text, name in statements.functions.items():
            yield from f"static APART void {name}{text}".splitlines()
        if self.in_work:
            yield f"const long long work_bytes = {' + '.join(self._sizes(signature.feedback))};"
        once, each = self.once, self.each
        if not self.layout.whole:
            shared = self._shared()
            for n, lines in enumerate([*once, *each]):
                yield from [f"static APART void part{n}({_declared(shared)})", "{", *lines, "}"]
            of_once = [("", "w" if name == "y" else name) for _, name in shared]  # there is no y yet, and none is read
            passed = [_passed(of_once)] * len(once) + [_passed(shared)] * len(each)
            calls = [[f"part{n}({names});"] for n, names in enumerate(passed)]
            once, each = calls[: len(once)], calls[len(once) :]
        parameters = self._parameters()
        if signature.batch:
            yield f"APART void samples({_declared(self._parameters_of_samples())})"
        elif self._in_registers:
            yield f"static inline __attribute__((always_inline)) void once({_declared(parameters)})"
        else:
            yield f"void compiled({_declared(parameters)})"
        yield "{"
        yield from self._arrays()
        yield from (line for lines in once for line in lines)
        if signature.batch:
            yield from self._over_the_batch([line for lines in each for line in lines])
        yield from self.last
        yield "}"
        if signature.batch:
            yield from self._whole_batch()
        elif self._in_registers:
            yield f"void compiled({_declared(parameters)}) {{ once({_passed(parameters)}); }}"
        if signature.feedback:
            yield from self._repeated()
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
            yield f"V s[{max(self.layout.lengths['s'], 1)}];"
        values = [("", {"begin": "0", "end": "n"}.get(name, name)) for _, name in self._parameters_of_samples()]
        yield from [f"samples({_passed(values)});", "}"]

    def _called(self) -> Iterator[str]:
        """Yield the function with the same parameters in each program, which the native core calls."""
        yield "/* The same for any program: n is 1 without a batch, a has the arguments; work may be NULL if unused. */"
        yield "void called(long long n, const double *const *a, double *out, char *work)"
        values = [f"a[{k}]" for k in range(len(self.sizes))]
        used = {"n": self.signature.batch, "a": bool(values), "work": self.in_work}
        unused = [f"(void){name};" for name, is_used in used.items() if not is_used]
        passed = [*["n"] * self.signature.batch, *values, "out", *["work"] * self.in_work]
        yield f"{{ {' '.join([*unused, ''])}compiled({', '.join(passed)}); }}"

    def _shared(self) -> list[tuple[str, str]]:
        """Return the types and names of the parts' parameters."""
        unbatched = [k for k, batch in enumerate(self.signature.batched) if not batch]
        shared = [*(("const double *restrict ", f"a{k}") for k in unbatched), ("double *restrict ", "u")]
        if self.signature.batch:
            vectors = [("V *restrict ", "v"), ("const V *restrict ", "x"), ("V *restrict ", "s")]
            vectors += [("V *restrict ", "y")] * bool(self.layout.lengths["y"])
            return [*shared, *vectors, ("const int ", "from")]
        return [*shared, ("double *restrict ", "out")]

    def _lengths(self) -> list[tuple[str, str, str]]:
        """Return type, name and length of each array in `compiled`, those with stricter alignment first."""
        lengths = self.layout.lengths
        vectors = [("V", name, str(lengths[name])) for name in ("xvs" if self.signature.batch else "")]
        kept, rows = self.layout.block * lengths["y"], self.layout.block * lengths["r"]
        vectors += [("V", "w", f"({kept} / LANES)")] if kept else []
        return [*vectors, ("double", "u", str(lengths["u"])), *([("double", "r", str(rows))] if rows else [])]

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
            elif length != "0" or not self.layout.whole:
                yield f"{kind} {name}[{'1' if length == '0' else length}];"
        if self.signature.batch:
            yield "int from = 0; /* lanes that are ignored */"

    def _over_the_batch(self, each: list[str]) -> Iterator[str]:
        layout, step = self.layout, "LANES"
        if self.signature.reduce == "mean":
            # By a power of two, a product has the bits of a quotient, in a fraction of the time.
            yield "const double share = n & (n - 1) ? n : 1.0 / n; /* sums are divided by it, or multiplied */"
        sums = layout.lengths["s"] if self.signature.reduce else 0
        if sums:
            yield f"if (begin == 0) {for_loop('i', sums, 's[i] = all(0.0);')}"
        yield "/* The first vector may start before sample 0: its extra lanes copy sample 0 and are ignored. */"
        start = "begin == 0 && n % LANES ? n % LANES - LANES : begin"
        if layout.products:
            step = str(layout.block)
            yield f"for (long long block = {start}; block < end; block += {step}) {{"
            yield f"const long long limit = block + {step} < end ? block + {step} : end;"
            yield "for (long long first = block; first < limit; first += LANES) {"
            if layout.lengths["y"]:
                yield f"V *restrict y = w + (first - block) / LANES * {layout.lengths['y']};"
        else:
            yield f"for (long long first = {start}; first < end; first += LANES) {{"
        yield "from = first < 0 ? (int)-first : 0;"
        for k, array in enumerate(self.program.arguments):
            if array.varies and array in layout.places:
                at = layout.places[array].start
                yield f"in_lanes(a{k}, {self.sizes[k]}, first, {index_of('x', at)});"
        yield from each
        yield from self.rows
        for array, at in layout.row.items():
            place, length = layout.places[array], layout.lengths["r"]
            source = f"&{place.name}" if place.local else index_of(place.name, place.start)
            to = index_of(f"r + (first + from - block) * {length}", at)
            yield f"in_rows({source}, {array.length}, from, {to}, {length});"
        if sums:
            yield f"if (first < 0) {for_loop('i', sums, for_loop('lane', '-first', 's[i][lane] = 0.0;'))}"
        yield "}"
        if layout.products:
            yield "const int known = block < 0 ? (int)-block : 0, samples = (int)(limit - block);"
            yield "const int fresh = block <= 0;"
            if self.signature.reduce == "mean":
                yield "const double scale = limit == n ? share : 1.0;"
            yield from self.products
            yield "}"

    def _rows(self) -> Iterator[str]:
        """Yield the loop that writes the outputs of the samples in one vector."""
        if not self.signature.rowwise:
            return
        yield from self.statements.lines(self.layout.copies)
        pieces = [(start, size) for _, start, size in pieces_in_place(self.signature.outputs) if size]
        yield from ["for (int lane = from; lane < LANES; lane++) {", "const long long row = first + lane;"]
        if len(pieces) > MOST_PIECES:
            yield f"static const int pieces[][2] = {{{', '.join(f'{{{start}, {size}}}' for start, size in pieces)}}};"
            yield f"for (int k = 0; k < {len(pieces)}; k++)"
            yield "for (int i = 0; i < pieces[k][1]; i++)"
            yield "out[pieces[k][0] * n + pieces[k][1] * row + i] = s[pieces[k][0] + i][lane];"
        else:
            for start, size in pieces:
                at = index_text(0, (start, "n"), (size, "row"), (1, "i"))
                yield for_loop("i", size, f"out[{at}] = s[{index_text(start, (1, 'i'))}][lane];")
        yield "}"

    def _last(self) -> Iterator[str]:
        """Yield what follows the samples: outputs that no statement has written, means, and terms."""
        if self.signature.rowwise:
            return
        reduce, copies = self.signature.reduce, self.layout.copies
        if not reduce:
            yield from self.statements.lines(copies)
            return
        yield "if (end < n) return;"
        if sums := self.layout.lengths["s"]:
            yield f"add_lanes(s, {sums}, {'share' if reduce == 'mean' else '1.0'});"
        places = self.layout.places  # from here on, sums are numbers
        totals = {x: y._replace(name="((double *)s)", vector=False) for x, y in places.items() if y.name == "s"}
        self.statements.places = places | totals
        times = "n * " * (reduce == "sum")
        for s in copies:
            is_total = isinstance(s.value, View) and s.value.array in totals
            yield from self._output(s, "= {}" if is_total else f"= {times}{{}}")
        for s in self.layout.added:
            yield from self._output(s, f"+= {times}{{}}")

    def _output(self, copy: Statement, assigned: str) -> Iterator[str]:
        """Yield the loops for a copy to outputs."""
        target, loops, value = copy
        variables = letters(len(loops))
        yield from heads(variables, loops)
        _, (text, _) = self.statements.value(value, variables)
        yield f"out[{index_text(target.start, *zip(target.strides, variables, strict=True))}] {assigned.format(text)};"
        yield from "}" * len(loops)

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
    """Yield the lines, indented by the braces around them; those that begin with a space are so already."""
    depth = 0
    for line in lines:
        depth -= line.startswith("}")
        yield line if line.startswith(" ") else "    " * depth + line
        depth += line.count("{") - line.count("}") + line.startswith("}")
