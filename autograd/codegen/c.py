"""A program as C: one statement a step, several samples a vector, loops where layers repeat themselves.

Where things stand in the generated source:

    a0[3]        argument 1, its number 3, flat (an argument that is the same for the whole batch)
    x[2]         a number of the batched arguments, for the samples that are calculated side by side
    c[1]         a constant, where a loop runs through a list of them
    v7           the result of step 7: a double where no batched argument changes it, else a vector of samples
    u[5], v[5]   the same for results that a loop, or another part of the program, reads
    s[4]         output 4, a vector: what the samples have added up, or its numbers for these samples
    out[4]       output 4

The arithmetic is IEEE's, and eager's to the bit: nothing is reassociated, and the functions are the C library's, which
Python calls too (CPython's `hypot` is its own: within 2 ulp). For that the source has to be compiled with `FLAGS`:
without them gcc contracts a * b + c, and turns pow(x, 2) into x * x.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from autograd.codegen.arguments import Signature, units_of
from autograd.codegen.loops import Unit, levels_of, stride_of
from autograd.codegen.memory import TERMS, Home, Layout, Run, lists_of, runs_of, terms_of
from autograd.codegen.program import Operand, Program, Step, without_fixed_terms
from autograd.ops import BUILT_IN, TABLE
from autograd.trees import tree_leaves

FLAGS = ["-ffp-contract=off", "-fno-builtin", "-fno-math-errno", "-fno-trapping-math"]
"""What the promise of the same bits needs; the last two change no result, only errno and exception flags."""

_STACK = 4_096  # doubles of arrays that a function may have on its stack
_RUNS = 16  # loops over runs of outputs; more of them than that, and short ones, become one loop with tables
_FEW = 16  # numbers of a state that stays in registers while a function is repeated
_SIDE_BY_SIDE = 8  # sums that a loop adds up at once: each addition has to wait for the one before it

_OPERATORS = {"add", "sub", "mul", "div", "neg"}
_LIBRARY = set(
    "exp expm1 exp2 log log1p log2 log10 cbrt sin cos tan asin acos atan atan2 hypot sinh cosh tanh asinh acosh atanh "
    "erf erfc pow".split()
)
# The other operations, on doubles; and on vectors, those for which a loop over the lanes would not do. Comparing
# vectors gives a mask: in each lane all bits or none.
_DOUBLES = {
    "abs": "(double x) { return __builtin_fabs(x); }",
    "sqrt": "(double x) { return __builtin_sqrt(x); }",
    "sigmoid": "(double x) { if (x >= 0) return 1 / (1 + exp(-x)); double z = exp(x); return z / (1 + z); }",
    "softplus": "(double x) { return (x <= 0 ? 0.0 : x) + log1p(exp(-__builtin_fabs(x))); }",
    "relu": "(double x) { return x <= 0 ? 0.0 : x; }",
    "sign": "(double x) { return x != x ? x : (x > 0) - (x < 0); }",
    "step": "(double x) { return x != x ? x : x > 0; }",
    "max": "(double x, double y) { return x > y || x != x ? x : y; }",
    "min": "(double x, double y) { return x < y || x != x ? x : y; }",
    "where": "(double c, double x, double y) { return c > 0 ? x : y; }",
}
_VECTORS = {
    "abs": "(V x) { return (V)((M)x & 0x7fffffffffffffff); }",
    "relu": "(V x) { return (V)(~(M)(x <= 0.0) & (M)x); }",
    "sign": "(V x) { return pick(x != x, x, pick(x > 0.0, all(1.0), pick(x < 0.0, all(-1.0), all(0.0)))); }",
    "step": "(V x) { return pick(x != x, x, pick(x > 0.0, all(1.0), all(0.0))); }",
    "max": "(V x, V y) { return pick((M)(x > y) | (M)(x != x), x, y); }",
    "min": "(V x, V y) { return pick((M)(x < y) | (M)(x != x), x, y); }",
    "where": "(V c, V x, V y) { return pick(c > 0.0, x, y); }",
}
_LANES = """
#if defined __AVX512F__
#define LANES 8 /* samples in a vector, calculated side by side */
#elif defined __AVX__
#define LANES 4
#else
#define LANES 2
#endif
typedef double V __attribute__((vector_size(8 * LANES)));
typedef long long M __attribute__((vector_size(8 * LANES)));
static inline V all(double x) { V z; for (int i = 0; i < LANES; i++) z[i] = x; return z; }
static inline V pick(M m, V x, V y) { return (V)((m & (M)x) | (~m & (M)y)); }
typedef double H __attribute__((vector_size(4 * LANES)));
static inline double total(V x) /* in halves first: adding lane after lane waits for each sum */
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


class _Running:
    """One operand of all members of a loop: a list of terms for each, which stand in one array."""

    def __init__(self, homes: Sequence[Sequence[Home]]) -> None:
        self.array = homes[0][0].array
        self.indices = [[home.at for home in terms] for terms in homes]
        self.starts = [row[0] for row in self.indices]
        self.terms = len(self.indices[0])
        self.stride = stride_of(self.indices)  # from term to term
        self.start, self.strides, self.table = 0, [0], ""

    def at(self, variables: Sequence[str]) -> str:
        """The element, as C; `variables` are those of the loops, and in a sum that of the terms."""
        loops = variables[: len(self.strides)]
        term = variables[len(self.strides)] if len(variables) > len(self.strides) else "0"
        if self.table:
            return f"{self.array}[{self.table}[{_sum(0, (self.terms, loops[0]), (1, term))}]]"
        return f"{self.array}[{_sum(self.start, *zip(self.strides, loops, strict=True), (self.stride or 0, term))}]"


def _sum(start: int, *products: tuple[int, str]) -> str:
    """An index as C: what is 0 left out, what is 1 not multiplied."""
    text = ""
    for n, name in sorted(products, key=lambda product: product[0] < 0):
        if n and name != "0":
            sign = " - " if n < 0 else " + "
            text += sign + (name if abs(n) == 1 else f"{abs(n)} * {name}")
    if text.startswith(" - "):
        return f"{start}{text}"
    text = text.removeprefix(" + ")
    if not text or start:
        text = f"{text} + {start}" if text else str(start)
    return text.replace("+ -", "- ")


class CSource:
    """The text of a C program, made once: `text`, complete, and what the one who calls it has to know.

    Arguments:
        program: what to compute.
        signature: its arguments and its result; where they can be fed back, there is also a function `repeated`.

    Raises:
        ValueError: an operation that has no C, because a user added it.
    """

    def __init__(self, program: Program, signature: Signature) -> None:
        for op in {step.op for step in program.steps}:
            if op.name not in BUILT_IN:
                raise ValueError(
                    f"the operation {op.name!r} is your own, so it has no C: "
                    "write it with the table's operations, or compile with backend='python'"
                )
        inputs, self.outputs, self.batched, self.reduce = signature
        self.batch, self.feedback = signature.batch, signature.feedback
        self.sizes = [len(tree_leaves(nest)) for nest in inputs]
        self.leaving = len(program.outputs)
        added: dict[int, int] = {}
        if self.reduce:
            program, added = without_fixed_terms(program, inputs, self.batched)
        self.layout = layout = Layout(program, inputs, self.batched)
        self.program = layout.program
        self.added = {i: self.program.outputs[at] for i, at in added.items()}
        self.tables: list[str] = []
        self.called: dict[str, None] = {}  # functions, in the order of their first use
        self.has_loops = any(unit.is_loop for part in (*layout.once, *layout.each) for unit in part)
        once = [self._part(part) for part in layout.once]
        each = [self._part(part) for part in layout.each]
        (each if self.batch else once).append(list(self._other_outputs()))
        doubles = sum(length * (8 if kind == "V" else 1) for kind, _, length in self._lengths())
        self.in_work = doubles + (self.sizes[0] if self.feedback else 0) > _STACK
        self.text = "\n".join(_indented(self._lines(once, each))) + "\n"

    # Statements -------------------------------------------------------------------------------------------------------

    def name(self, x: Operand) -> str:
        if type(x) is float:
            return _literal(x)
        home = self.layout.homes.get(int(x))
        return f"{home.array}[{home.at}]" if home else f"v{int(x) - self.program.inputs}"

    def _varies(self, x: Operand) -> bool:
        return type(x) is int and x in self.layout.varying

    def _part(self, units: Iterable[Unit]) -> list[str]:
        return [
            line
            for unit in units
            for line in (self._loop(unit.steps) if unit.is_loop else self._statement(unit.steps[0]))
        ]

    def _statement(self, place: int) -> Iterator[str]:
        step, varies = self.layout.step(place), self._varies(place)
        target = self.name(place)
        declared = target if place in self.layout.homes else f"{'V' if varies else 'double'} {target}"
        if step.op.variadic:
            names = [map(self.name, xs) for xs in lists_of(step)]
            terms = [" * ".join(factors) for factors in zip(*names, strict=True)]
            for i in range(0, len(terms), TERMS):
                begun = self._zero(varies) if i == 0 else target
                yield f"{declared} = {' + '.join([begun, *terms[i : i + TERMS]])};"
                declared = target
        else:
            yield f"{declared} = {self._expression(step, list(map(self.name, step.operands)), varies)};"
        if self.layout.leaves_when_made(place):
            for i in self.layout.exits.get(place, ()):
                yield self._leaves(str(i), target)

    def _expression(self, step: Step, names: Sequence[str], varies: bool) -> str:
        op = step.op
        if op.name in _OPERATORS:
            return op.read(*names)
        if varies:
            names = [name if self._varies(x) else f"all({name})" for name, x in zip(names, step.operands, strict=True)]
        function = f"{op.name}_each" if varies else op.name if op.name in _LIBRARY else f"{op.name}_of"
        self.called[function] = None
        return f"{function}({', '.join(names)})"

    def _leaves(self, index: str, value: str) -> str:
        """The statement that takes a value out."""
        if not self.batch:
            return f"out[{index}] = {value};"
        return f"s[{index}] {'+=' if self.reduce else '='} {value};"

    def _other_outputs(self) -> Iterator[str]:
        """Outputs that are constants, inputs, or results that no sample changes."""
        stored = []
        for i, x in enumerate(self.program.outputs[: self.leaving]):
            if type(x) is int and x >= self.program.inputs and self.layout.leaves_when_made(x):
                continue
            if type(x) is int and x in self.layout.homes:
                stored.append((i, self.layout.homes[x]))
            else:
                yield self._leaves(str(i), self._spread(self.name(x), varies=False))
        yield from self._copied(stored)

    def _copied(self, pairs: Iterable[tuple[int, Home]]) -> Iterator[str]:
        pairs = list(pairs)
        runs = list(runs_of(pairs))
        if len(runs) > _RUNS and len(pairs) < _RUNS / 4 * len(runs) and len({home.array for _, home in pairs}) == 1:
            array = pairs[0][1].array
            index, at = self._table(i for i, _ in pairs), self._table(home.at for _, home in pairs)
            yield _for("i", len(pairs), self._leaves(f"{index}[i]", self._spread(f"{array}[{at}[i]]", array in "xv")))
            return
        for run in runs:
            index, value = _along(run)
            yield _for("i", run.length, self._leaves(index, self._spread(value, run.home.array in "xv")))

    def _table(self, numbers: Iterable[int]) -> str:
        """The name of a table of indices."""
        name = f"t{len(self.tables)}"
        self.tables.append(f"static const int {name}[] = {{{', '.join(map(str, numbers))}}};")
        return name

    def _spread(self, value: str, varies: bool) -> str:
        return value if varies or self.reduce or not self.batch else f"all({value})"

    # Loops ------------------------------------------------------------------------------------------------------------

    def _loop(self, places: Sequence[int]) -> Iterator[str]:
        """One loop, or several within each other, for all steps of a group."""
        layout, first = self.layout, self.layout.step(places[0])
        varies, sums = self._varies(places[0]), first.op.variadic
        members = [layout.step(place) for place in places]
        # Operands by position, each a list of terms for each member; without a sum it is one term. None: a constant.
        positions: list[_Running | None] = []
        for p in range(len(lists_of(first)) if sums else len(first.operands)):
            lists = [lists_of(step)[p] if sums else step.operands[p : p + 1] for step in members]
            positions.append(None if type(lists[0][0]) is float else _Running([self._homes(xs) for xs in lists]))
        results = [_Running([[layout.homes[place]] for place in places])] if places[0] in layout.homes else []
        if layout.leaves_directly(places):
            results.append(_Running([[Home("", layout.exits[place][0])] for place in places]))
        running = [r for r in (*positions, *results) if r]
        counts = self._run(running, len(places))

        def value(variables: Sequence[str]) -> str:
            names = [
                position.at(variables) if position else self.name(x)
                for position, x in zip(positions, first.operands, strict=False)
            ]
            return " * ".join(names) if sums else self._expression(first, names, varies)

        def leave(variables: Sequence[str], result: str) -> Iterator[str]:
            for r in results:
                at = r.at(variables)
                yield f"{at} = {result};" if at[0] != "[" else self._leaves(at[1:-1], result)

        outer, inner = [f"for (int {v} = 0; {v} < {n}; {v}++) {{" for v, n in zip("ij", counts[:-1], strict=False)], "k"
        variables = [*"ij"[: len(counts) - 1]]
        kind, n = "V" if varies else "double", counts[-1]
        yield from outer
        if not sums:
            yield f"for (int {inner} = 0; {inner} < {n}; {inner}++) {{"
            yield f"const {kind} z = {value([*variables, inner])};"
            yield from leave([*variables, inner], "z")
            yield "}"
        else:
            together = _SIDE_BY_SIDE if n >= _SIDE_BY_SIDE else 1
            for start, end, stride in ((0, n - n % together, together), (n - n % together, n, 1)):
                if start == end:
                    continue
                yield f"for (int {inner} = {start}; {inner} < {end}; {inner} += {stride}) {{"
                shifted = [[*variables, f"({inner} + {i})" if i else inner] for i in range(stride)]
                yield f"{kind} {', '.join(f'z{i} = {self._zero(varies)}' for i in range(stride))};"
                yield f"for (int t = 0; t < {terms_of(first)}; t++) {{"
                yield from (f"z{i} = z{i} + {value([*vs, 't'])};" for i, vs in enumerate(shifted))
                yield "}"
                for i, vs in enumerate(shifted):
                    yield from leave(vs, f"z{i}")
                yield "}"
        yield from "}" * len(outer)
        if self.layout.leaves_when_made(places[0]) and not self.layout.leaves_directly(places):
            yield from self._copied((i, layout.homes[place]) for place in places for i in layout.exits.get(place, ()))

    def _homes(self, xs: Iterable[Operand]) -> list[Home]:
        return [self.layout.homes[int(x)] for x in xs]

    def _zero(self, varies: bool) -> str:
        return "all(0.0)" if varies else "0.0"

    def _run(self, running: Sequence[_Running], members: int) -> list[int]:
        """Find the loops that run through all of these; where there are none, one loop with tables of indices."""
        levels = levels_of([r.starts for r in running]) if all(r.stride is not None for r in running) else None
        for n, r in enumerate(running):
            if levels:
                r.start, r.strides = levels.starts[n], levels.strides[n]
                continue
            own = levels_of([r.starts])
            if own and len(own.counts) == 1 and r.stride is not None:
                r.start, r.strides = own.starts[0], own.strides[0]
            else:
                r.table = self._table(i for row in r.indices for i in row)
        return levels.counts if levels else [members]

    # The whole --------------------------------------------------------------------------------------------------------

    @property
    def options(self) -> list[str]:
        """For the compiler: loops profit from its third level, straight code does not, and takes longer there."""
        return ["-O3" if self.has_loops else "-O2", *FLAGS]

    def _lines(self, once: list[list[str]], each: list[list[str]]) -> Iterator[str]:
        yield "/* A recorded graph as C, generated by scalar-autograd."
        yield f"   The same bits as Python's need: cc {' '.join(self.options)}"
        if self.in_work:
            yield "   work: so many bytes of memory as work_bytes says, at an address that 64 divides."
        yield "*/"
        yield "#include <math.h>"
        if self.batch:
            yield from _LANES.strip().splitlines()
        yield from self._functions()
        if self.layout.constants:
            yield f"static const double c[] = {{{', '.join(map(_literal, self.layout.constants))}}};"
        yield from self.tables
        if self.in_work:
            yield f"const long long work_bytes = {' + '.join(self._sizes(self.feedback))};"
        whole = self.layout.whole
        if not whole:
            parameters = ", ".join(kind + name for kind, name in self._shared())
            for n, lines in enumerate([*once, *each]):
                yield f"static __attribute__((noinline)) void part{n}({parameters})"
                yield from ["{", *lines, "}"]
            calls = [
                [f"part{n}({', '.join(name for _, name in self._shared())});"] for n in range(len(once) + len(each))
            ]
            once, each = calls[: len(once)], calls[len(once) :]
        parameters = ", ".join(kind + name for kind, name in self._parameters())
        inlined = "static inline __attribute__((always_inline)) void once"
        yield f"{inlined if self._in_registers else 'void compiled'}({parameters})"
        yield "{"
        yield from self._arrays()
        yield from (line for lines in once for line in lines)
        if self.batch:
            yield from self._over_the_batch([line for lines in each for line in lines])
        yield "}"
        if self._in_registers:
            yield f"void compiled({parameters}) {{ once({', '.join(name for _, name in self._parameters())}); }}"
        if self.feedback:
            yield from self._repeated(parameters)

    @property
    def _in_registers(self) -> bool:
        """Whether `repeated` takes the program in, and keeps the few numbers of the state out of memory."""
        return self.feedback and not self.batch and self.layout.whole and self.sizes[0] <= _FEW

    def _parameters(self) -> list[tuple[str, str]]:
        parameters = [("long long ", "n")] if self.batch else []
        parameters += [("const double *restrict ", f"a{k}") for k in range(len(self.sizes))]
        parameters.append(("double *restrict ", "out"))
        return parameters + [("char *restrict ", "work")] * self.in_work

    def _shared(self) -> list[tuple[str, str]]:
        """What the parts hand to each other."""
        arguments = [("const double *restrict ", f"a{k}") for k, batch in enumerate(self.batched) if not batch]
        shared = [*arguments, ("double *restrict ", "u")]
        if self.batch:
            return [*shared, ("V *restrict ", "v"), ("const V *restrict ", "x"), ("V *restrict ", "s")]
        return [*shared, ("double *restrict ", "out")]

    def _lengths(self) -> list[tuple[str, str, int]]:
        """The arrays of `compiled`: type, name and length, those with the stricter alignment first."""
        lengths = self.layout.lengths
        vectors = [("V", "x", lengths["x"]), ("V", "v", lengths["v"]), ("V", "s", self.leaving)]
        return [*(vectors if self.batch else []), ("double", "u", lengths["u"])]

    def _sizes(self, feedback: bool) -> list[str]:
        sizes = [f"{length} * sizeof({kind})" for kind, _, length in self._lengths()]
        return sizes + [f"{self.sizes[0]} * sizeof(double)"] * feedback

    def _arrays(self) -> Iterator[str]:
        at = "work"
        for kind, name, length in self._lengths():
            if self.in_work:
                yield f"{kind} *restrict {name} = ({kind} *)({at});"
                at += f" + {length} * sizeof({kind})"
            elif length or not self.layout.whole:
                yield f"{kind} {name}[{max(length, 1)}];"

    def _over_the_batch(self, each: list[str]) -> Iterator[str]:
        outputs = self.leaving
        if self.reduce:
            yield _for("i", outputs, "s[i] = all(0.0);")
        yield "/* The first vector may begin before sample 0: its lanes there hold copies of it, which do not count. */"
        yield "for (long long first = n % LANES ? n % LANES - LANES : 0; first < n; first += LANES) {"
        yield "for (int lane = 0; lane < LANES; lane++) {"
        yield "const long long row = first + lane < 0 ? 0 : first + lane;"
        column = 0
        for k, size in enumerate(self.sizes):
            if self.batched[k]:
                yield _for("i", size, f"x[{_sum(column, (1, 'i'))}][lane] = a{k}[{_sum(0, (size, 'row'), (1, 'i'))}];")
                column += size
        yield "}"
        yield from each
        if self.reduce:
            yield f"if (first < 0) {_for('i', outputs, _for('lane', '-first', 's[i][lane] = 0.0;'))}"
            yield "}"
            yield _for("i", outputs, "out[i] = total(s[i]);")
            if self.reduce == "mean":
                yield _for("i", outputs, "out[i] /= n;")  # on its own, it is vectorized
            times = "n * " * (self.reduce == "sum")
            homes = self.layout.homes
            local = {i: x for i, x in self.added.items() if type(x) is float or x not in homes}
            # What stands in no array, a constant mostly, one statement for neighbours that get the same.
            same = groupby(enumerate(sorted(local)), lambda pair: (self.name(local[pair[1]]), pair[1] - pair[0]))
            for (term, _), pairs in same:
                neighbours = [i for _, i in pairs]
                yield _for("i", len(neighbours), f"out[{_sum(neighbours[0], (1, 'i'))}] += {times}{term};")
            stored = ((i, homes[int(x)]) for i, x in sorted(self.added.items()) if i not in local)
            for run in runs_of(stored):
                index, value = _along(run)
                yield _for("i", run.length, f"out[{index}] += {times}{value};")
        else:
            yield "for (int lane = first < 0 ? -first : 0; lane < LANES; lane++) {"
            yield "const long long row = first + lane;"
            start = 0
            for unit in units_of(self.outputs):
                size = len(tree_leaves(unit))
                at = _sum(0, (start, "n"), (size, "row"), (1, "i"))
                yield _for("i", size, f"out[{at}] = s[{_sum(start, (1, 'i'))}][lane];")
                start += size
            yield "}"
            yield "}"

    def _repeated(self, parameters: str) -> Iterator[str]:
        """The loop that feeds the outputs back; each round reads the state from where the last did not write."""
        size = self.sizes[0]

        def copy(target: str, source: str) -> Iterator[str]:
            if self._in_registers:
                yield from (f"{target}[{i}] = {source}[{i}];" for i in range(size))
            else:
                yield _for("i", size, f"{target}[i] = {source}[i];")

        yield f"void repeated(long long times, {parameters})"
        yield "{"
        if self.in_work:
            yield f"double *restrict state = (double *)(work + {' + '.join(self._sizes(feedback=False))});"
        else:
            yield f"double state[{max(size, 1)}], next[{max(size, 1)}];"
        new = "out" if self.in_work else "next"
        yield from copy(new, "a0")
        yield "while (times-- > 0) {"
        yield from copy("state", new)
        names = [{"a0": "state", "out": new}.get(name, name) for _, name in self._parameters()]
        yield f"{'once' if self._in_registers else 'compiled'}({', '.join(names)});"
        yield "}"
        if not self.in_work:
            yield from copy("out", new)
        yield "}"

    def _functions(self) -> Iterator[str]:
        """Those that the statements call, and those that these call in turn."""
        done = set()
        for function in self.called:
            name = function.removesuffix("_each").removesuffix("_of")
            if (
                name in _DOUBLES
                and f"{name}_of" not in done
                and (name not in _VECTORS or not function.endswith("_each"))
            ):
                done.add(f"{name}_of")
                yield f"static inline double {name}_of{_DOUBLES[name]}"
            if function.endswith("_each"):
                if name in _VECTORS:
                    yield f"static inline V {function}{_VECTORS[name]}"
                else:
                    operands = "x" if TABLE[name].arity == 1 else "x, y"
                    scalar = name if name in _LIBRARY else f"{name}_of"
                    yield f"static inline V {function}(V {operands.replace(', ', ', V ')})"
                    yield "{"
                    yield "V z;"
                    lanes = ", ".join(f"{x}[i]" for x in operands.split(", "))
                    yield _for("i", "LANES", f"z[i] = {scalar}({lanes});")
                    yield "return z;"
                    yield "}"


def _along(run: Run) -> tuple[str, str]:
    """The index and the home of a run at i."""
    return _sum(run.first, (1, "i")), f"{run.home.array}[{_sum(run.home.at, (run.stride, 'i'))}]"


def _literal(x: float) -> str:
    if math.isfinite(x):
        return f"({x!r})" if math.copysign(1, x) < 0 else repr(x)
    return "NAN" if math.isnan(x) else "INFINITY" if x > 0 else "(-INFINITY)"


def _for(variable: str, count: int | str, statement: str) -> str:
    """The statement, as often as `count` says."""
    return f"for (int {variable} = 0; {variable} < {count}; {variable}++) {statement}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    depth = 0
    for line in lines:
        depth -= line.startswith("}")
        yield "    " * depth + line
        depth += line.count("{") - line.count("}") + line.startswith("}")
