"""Functions in C that do not fit in a cell of the table of spellings."""

from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from functools import cache
from string import Template
from typing import NamedTuple

HELPERS = {
    "pow": "static inline double power(double x, double y)"  # pow(x, 1) is x
    " { return y == 2 ? x * x : y == 1 ? x : y == -1 ? 1 / x : pow(x, y); }",
    "mod": "static inline double mod(double x, double y)"  # as CPython's float_rem
    " { double r = fmod(x, y); return r == 0 ? copysign(r, y) : (r < 0) != (y < 0) ? r + y : r; }",
    "floordiv": "static inline double floordiv(double x, double y)"  # as CPython's _float_div_mod
    " { double r = fmod(x, y), q = (x - r) / y - (r != 0 && (r < 0) != (y < 0)), z = floor(q);"
    " return y == 0 ? x / y : q == 0 ? copysign(q, x / y) : q - z > 0.5 ? z + 1 : z; }",
}
"""Functions of doubles, by the operation whose cell calls them."""

WITHIN = """
static inline int within(double low, V x, double high)
{
    M inside = (x > low) & (x < high);
    long long all = -1;
    for (int i = 0; i < LANES; i++) all &= inside[i];
    return all != 0;
}
"""

_WAYS = """
/* Functions of all lanes of a vector at once, with the bits of the C library, in a quarter to a third of its time. They
   are glibc's operations, with choices by masks in place of branches. glibc has them twice on x86: compiled with fused
   multiply-add, and without. Which of the two this processor gets, or whether this C library has other functions, is
   found by comparing, when the file is loaded. Then lanes_of_... is the function to call, or NULL. */
#if defined __GLIBC__ && defined __x86_64__ && LANES > 2
#define SIGN (~0x7fffffffffffffff)
#define INLINED static inline __attribute__((always_inline))
#if defined __AVX512F__ && !defined __clang__
#define WITH_FUSED __attribute__((target("fma,prefer-vector-width=512")))
#else
#define WITH_FUSED __attribute__((target("fma")))
#endif
#if defined __FMA__
#define CAN_FUSE 1
#else /* switched off for the rest of the file */
#define CAN_FUSE __builtin_cpu_supports("fma")
#endif
static inline V plus_apart(V x, V y, V z) { return x * y + z; }
static inline WITH_FUSED V plus_fused(V x, V y, V z)
{
    for (int i = 0; i < LANES; i++) z[i] = __builtin_fma(x[i], y[i], z[i]);
    return z;
}
"""

_COMPARED = """
static __attribute__((cold)) int is_near(V (*each)(V, int), double (*known)(double), double x, double spread)
{
    for (int i = -8; i < 8; i += LANES) {
        V xs, zs;
        double z[LANES], expected[LANES];
        for (int k = 0; k < LANES; k++) {
            xs[k] = x * (1 + (i + k) * spread);
            expected[k] = known(xs[k]);
        }
        zs = each(xs, 0);
        memcpy(z, &zs, sizeof z);
        if (memcmp(z, expected, sizeof z)) return 0;
    }
    return 1;
}
#define ULP 0x1p-52
#define LN2 0x1.62e42fefa39efp-1
/* Compare at numbers of all sizes; and around first + i * step, for each i below count. */
typedef struct { double first, step, count, spread; } Numbers;
static __attribute__((cold)) int is_same(V (*each)(V, int), double (*known)(double), const Numbers *numbers)
{
    int same = 1;
    for (int n = -60; n < 64; n++) same &= is_near(each, known, ldexp(1, n), 0.04);
    for (int n = -60; n < 64; n++) same &= is_near(each, known, -ldexp(1, n), 0.04);
    for (; numbers->count > 0; numbers++)
        for (int i = 0; i < numbers->count; i++)
            same &= is_near(each, known, numbers->first + i * numbers->step, numbers->spread);
    return same;
}
"""

_CHOICE = Template("""
static V ${name}_apart(V x) { return ${name}_by(x, plus_apart); }
static WITH_FUSED V ${name}_fused(V x) { return ${name}_by(x, plus_fused); }
static __attribute__((constructor, cold)) void choose_$name(void)
{
    static const Numbers numbers[] = {$numbers, {0, 0, 0, 0}
    };
    lanes_of_$name = ${name}_fused;
    if (CAN_FUSE && is_same(${name}_each, $name, numbers)) return;
    lanes_of_$name = ${name}_apart;
    if (!is_same(${name}_each, $name, numbers)) lanes_of_$name = NULL;
}
""")

_EXP = """
/* Szabolcs Nagy's exp (glibc 2.28): with n rounded to nearest, and r at most ln 2 / 256,
   x = n ln 2 / 128 + r, so that exp(x) = 2 ** (n // 128) * powers[n % 128] * exp(r) */
static const double powers[128][2] = {$powers};
INLINED V exp_by(V x, V (*plus)(V, V, V))
{
    V shifted = plus(x, all(0x1.71547652b82fep7), all(0x1.8p52)), n = shifted - 0x1.8p52;
    V r = plus(n, all(-0x1.cf79abc9e3b3ap-47), plus(n, all(-0x1.62e42fefap-8), x)), s = r * r, high, low;
    M bits = (M)shifted, k = bits & 127;
    for (int i = 0; i < LANES; i++) high[i] = powers[k[i]][0];
    for (int i = 0; i < LANES; i++) low[i] = powers[k[i]][1];
    V scale = (V)((M)high + ((bits - k) << 45));

    /* z = (1 + low) * exp(r) - 1, by a polynomial of r */
    V z = plus(plus(r, all(0x1.555555555543cp-3), all(0x1.ffffffffffdbdp-2)), s, low + r);
    z = plus(s * s, plus(r, all(0x1.1111167a4d017p-7), all(0x1.55555cf172b91p-5)), z);
    return plus(scale, z, scale);
}
"""

_EXPM1 = """
/* The expm1 of fdlibm (Sun Microsystems, 1993). tanh does not need its cases of 1 and of more than 56 for n. */
INLINED V expm1_of(V x, V (*plus)(V, V, V), int any)
{
    /* x = n ln 2 + r + c, where r + c is at most ln 2 / 2; n is rounded towards zero. */
    V size = (V)((M)x & ~SIGN), n = size * 0x1.71547652b82fep0 + 0.5, nearest = n + 0x1p52 - 0x1p52;
    n = pick(size < 0x1.62e43p-2, all(0), nearest - pick(nearest > n, all(1), all(0)));
    n = (V)((M)n | ((M)x & SIGN));
    M exponent = (M)(n + 0x1.8p52) << 52, one = (M)all(1);
    V power = (V)(one + exponent), inverse = (V)(one - exponent); /* 2 ** n and 2 ** -n */
    V high = x - n * 0x1.62e42feep-1, low = n * 0x1.a39ef35793c76p-33, r = high - low, c = (high - r) - low;

    /* r - d = exp(r + c) - 1, by a rational function of r. */
    V half = 0.5 * r, s = r * half, s2 = s * s, s4 = s2 * s2;
    V p = plus(s, all(-0x1.11111111110f4p-5), all(1));
    p = plus(s2, plus(s, all(-0x1.4ce199eaadbb7p-14), all(0x1.a01a019fe5585p-10)), p);
    p = plus(s4, plus(s, all(-0x1.afdb76e09c32dp-23), all(0x1.0cfca86e65239p-18)), p);
    V t = plus(-p, half, all(3)), e = s * ((p - t) / plus(-r, t, all(6)));
    V d = plus(r, e - c, -c) - s;

    /* z = 2 ** n * (1 + r - d) - 1, in the order that rounds best for each n */
    V z = pick(n > 0, 1 - inverse, all(1)) - (d - r);
    z = pick(any ? (n >= 20) & (n <= 56) : n >= 20, r - (d + inverse) + 1, z) * power;
    z = pick(n > 0, z, z - 1);
    z = pick(n == -1, 0.5 * (r - d) - 0.5, z);
    if (any) z = pick((n == 1) & (r < -0.25), -2 * (d - (r + 0.5)), z);
    return pick(n == 0, r - plus(r, e, -s), z);
}
"""
_EXPM1_BY = """
INLINED V expm1_by(V x, V (*plus)(V, V, V)) { return (V)((M)expm1_of(x, plus, 1) | ((M)x & SIGN)); } /* for -0 */
"""

_TANH = """
/* The tanh of fdlibm, by expm1 of 2 * x, or of -2 * x where x is small */
INLINED V tanh_by(V x, V (*plus)(V, V, V))
{
    V size = (V)((M)x & ~SIGN);
    M large = size >= 1, normal = size >= 0x1p-55; /* below, tanh(x) is x; and so it is for nan */
    size = pick(size > 22, all(22), size); /* from there on, tanh(x) is 1 */
    V z = expm1_of(pick(large, 2 * size, -2 * size), plus, 0), ratio = pick(large, all(2), -z) / (z + 2);
    return pick(normal, (V)((M)pick(large, 1 - ratio, ratio) | ((M)x & SIGN)), x);
}
"""

_LOG1P = """
/* The log1p of fdlibm (Sun Microsystems, 1993) */
INLINED V log1p_by(V x, V (*plus)(V, V, V))
{
    /* 1 + x = u + c' = 2 ** n * (1 + f) + c', where 1 + f is between sqrt(0.5) and sqrt(2), and c is c' / u. */
    V u = 1 + x;
    M small = (x < 0x1.a827ap-2) & (x > -0x1.2bec4p-2); /* n is 0 and f is x */
    M exponent = ((M)u - (M)all(0x1.6a09ep-1) + (M)all(1)) & 0x7ff0000000000000;
    V n = (V)((exponent >> 52) + (M)all(0x1.8p52)) - (0x1.8p52 + 1023);
    n = pick(small, all(0), n);
    V f = pick(small, x, (V)((M)u - exponent + (M)all(1)) - 1);
    V c = (pick(u >= 2, all(1), x) - (u - pick(u >= 2, x, all(1)))) / u;
    c = pick(n == 0, all(0), c);

    /* log(1 + f) = f - h + s * (h + p), by a polynomial of s ** 2 */
    V h = 0.5 * f * f, s = f / (2 + f), z = s * s, z2 = z * z, z4 = z2 * z2;
    V p = plus(z, all(0x1.5555555555593p-1), z2 * plus(z, all(0x1.2492494229359p-2), all(0x1.999999997fa04p-2)));
    p = plus(z4, plus(z, all(0x1.7466496cb03dep-3), all(0x1.c71c51d8e78afp-3)), p);
    p = plus(z4 * z2, plus(z, all(0x1.2f112df3e5244p-3), all(0x1.39a09d078c69fp-3)), p);
    V t = plus(n, all(0x1.a39ef35793c76p-33), c), rest = h - (s * (h + p) + t);
    M near = (f >= -0x1.8p-20) & (f < 0x1p-20) & ~small; /* 1 + x is almost a power of 2 */
    rest = pick(near, h * plus(-f, all(0x1.5555555555555p-1), all(1)) - t, rest);
    V result = plus(n, all(0x1.62e42feep-1), f - rest);
    return pick((x < 0x1p-29) & (x > -0x1p-29), plus(-(x * x), all(0.5), x), result);
}
"""


@cache
def _powers() -> str:
    """Return the table of exp in C: the nearest floats to 2 ** (k / 128), and by which share these are too small."""
    rows = []
    with localcontext(prec=50):
        for k in range(128):
            power = Decimal(2) ** (Decimal(k) / 128)
            high = float(power)
            rows.append(f"{{{high.hex()}, {float(power / Decimal(high) - 1).hex()}}}")
    return ", ".join(rows)


class Lanes(NamedTuple):
    """How to compute a function of all lanes of a vector at once, with the bits of the C library.

    Arguments:
        definitions: C, which defines `..._by(x, plus)`; plus(x, y, z) is x * y + z, rounded once or twice.
        usual: the condition in C under which it has these bits, if any; for other x0, the C library's is called.
        numbers: where the two are compared, beside numbers of all sizes: `Numbers` in C. Near the last ones, most
            results depend on the way: of 1,000, one to nine have other bits without fused multiply-add.
    """

    definitions: tuple[str, ...]
    usual: str
    numbers: str


_LIMITS = """
        {0, 0, 1, ULP}, {-0.0, -0.0, 1, ULP}, {1e-310, 0, 1, ULP}, {-1e-310, 0, 1, ULP},
        {INFINITY, 0, 1, ULP}, {-INFINITY, 0, 1, ULP}, {NAN, 0, 1, ULP}"""
LANES_TOGETHER = {
    "tanh": Lanes(
        (_EXPM1, _TANH),
        "",
        """
        {0x1p-55, 0, 1, ULP}, {0x1.62e43p-3, 0, 1, ULP}, {1, 0, 1, ULP}, {22, 0, 1, ULP},
        {0.25 * LN2, 0.5 * LN2, 64, ULP}, {0x1p-5, 0x1p-10, 256, 0x1.23p-14},""",
    ),
    "exp": Lanes(
        (_EXP,),
        "within(-512, x0, 709)",
        """
        {512, 0, 1, ULP}, {709, 0.5, 80, ULP}, {-512, -1, 256, ULP}, {-63.5 / 128 * LN2, LN2 / 128, 128, ULP},
        {100, LN2 / 128, 128, 0x1p-9}, {0x1.64p-9, 0x1p-18, 256, 0x1.23p-22},""",
    ),
    "expm1": Lanes(
        (_EXPM1, _EXPM1_BY),
        "within(-700, x0, 700)",
        """
        {0x1.62e43p-2, 0, 1, ULP}, {-0x1.62e43p-2, 0, 1, ULP}, {-31.5 * LN2, LN2, 128, ULP},
        {0.25 + LN2, 0, 1, 0x1p-9}, {700, 0.5, 40, ULP}, {-700, -1, 40, ULP}, {36, 0x1p-4, 96, 0x1p-12},
        {0.125, 0x1p-9, 128, 0x1.23p-13},""",
    ),
    "log1p": Lanes(
        (_LOG1P,),
        "within(-1, x0, 0x1p53)",
        """
        {0x1p-30, 0x1p-35, 64, 0x1p-10}, {-0x1p-30, -0x1p-35, 64, 0x1p-10}, {0x1.a827ap-2, 0x1p-24, 64, 0x1p-30},
        {-0x1.2bec4p-2, 0, 1, ULP}, {-0.5, -0.25, 2, ULP}, {-0.5, -0.25, 2, 0x1p-23}, {0.5, 0.5, 16, ULP},
        {0.5, 0.5, 16, 0x1p-23}, {0x1p30, 0x1p30, 16, 0x1p-23}, {0x1p53, 0x1p47, 64, 0x1p-10}, {-1, 0, 1, ULP},
        {0.25, 0x1p-9, 256, 0x1.23p-12},""",
    ),
}
"""Functions of all lanes of a vector, by the operations that they compute."""

FEWEST_LANES = 3  # that are computed together (hence `LANES > 2`): the C library takes less for one or two


def lanes_together(names: Sequence[str]) -> Iterator[str]:
    """Yield the definitions of functions of all lanes of a vector, and the choice of the way for each."""
    yield _WAYS
    for text in dict.fromkeys(text for name in names for text in LANES_TOGETHER[name].definitions):
        yield text.replace("$powers", _powers()) if "$powers" in text else text
    yield _COMPARED
    for name in names:
        yield _CHOICE.substitute(name=name, numbers=LANES_TOGETHER[name].numbers + _LIMITS)
    yield "#endif"
