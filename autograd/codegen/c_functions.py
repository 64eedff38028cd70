"""Functions in C that do not fit in a cell of the table of spellings."""

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

_TANH = r"""
/* tanh of all lanes of a vector at once, with the bits of the C library: in a third of the time of its tanh.
   These are the operations of glibc's tanh and expm1 (fdlibm's, Sun Microsystems, 1993), with choices by masks in place
   of branches. glibc has expm1 twice on x86: compiled with fused multiply-add, and without. Which of the two this
   processor gets, or whether this C library has another tanh, is found by comparing, when the file is loaded. Then
   lanes_of_tanh is the function to call, or NULL. */
#if defined __GLIBC__ && defined __x86_64__
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
INLINED V tanh_by(V x, V (*plus)(V, V, V)) /* plus(x, y, z) is x * y + z */
{
    V size = (V)((M)x & ~SIGN);
    M large = size >= 1, normal = size >= 0x1p-55; /* below, tanh(x) is x; and so it is for nan */
    size = pick(size > 22, all(22), size); /* from there on, tanh(x) is 1 */

    /* a = n ln 2 + r + c, where r + c is at most ln 2 / 2; n is rounded towards zero. */
    V a = 2 * size, n = a * 0x1.71547652b82fep0 + 0.5, nearest = n + 0x1p52 - 0x1p52;
    n = pick(a < 0x1.62e43p-2, all(0), nearest - pick(nearest > n, all(1), all(0)));
    a = pick(large, a, -a);
    n = pick(large, n, -n);
    M exponent = (M)(n + 0x1.8p52) << 52, one = (M)all(1);
    V power = (V)(one + exponent), inverse = (V)(one - exponent); /* 2 ** n and 2 ** -n */
    V high = a - n * 0x1.62e42feep-1, low = n * 0x1.a39ef35793c76p-33, r = high - low, c = (high - r) - low;

    /* r - d = exp(r + c) - 1, by a rational function of r. */
    V half = 0.5 * r, s = r * half, s2 = s * s, s4 = s2 * s2;
    V p = plus(s, all(-0x1.11111111110f4p-5), all(1));
    p = plus(s2, plus(s, all(-0x1.4ce199eaadbb7p-14), all(0x1.a01a019fe5585p-10)), p);
    p = plus(s4, plus(s, all(-0x1.afdb76e09c32dp-23), all(0x1.0cfca86e65239p-18)), p);
    V t = plus(-p, half, all(3)), e = s * ((p - t) / plus(-r, t, all(6)));
    V d = plus(r, e - c, -c) - s;

    /* w = exp(a) - 1 = 2 ** n * (1 + r - d) - 1, in the order that rounds best for each n */
    V w = pick(large, 1 - inverse, all(1)) - (d - r);
    w = pick(n >= 20, r - (d + inverse) + 1, w) * power;
    w = pick(large, w, w - 1);
    w = pick(n == -1, 0.5 * (r - d) - 0.5, w);
    w = pick(n == 0, r - plus(r, e, -s), w);

    V ratio = pick(large, all(2), -w) / (w + 2);
    return pick(normal, (V)((M)pick(large, 1 - ratio, ratio) | ((M)x & SIGN)), x);
}
static V tanh_apart(V x) { return tanh_by(x, plus_apart); }
static WITH_FUSED V tanh_fused(V x) { return tanh_by(x, plus_fused); }

static int is_tanh_near(V (*function)(V), double x, double step)
{
    for (int i = -8; i < 8; i += LANES) {
        V xs, zs;
        double z[LANES], expected[LANES];
        for (int k = 0; k < LANES; k++) {
            xs[k] = (k % 2 ? -x : x) * (1 + (i + k) * step);
            expected[k] = tanh(xs[k]);
        }
        zs = function(xs);
        memcpy(z, &zs, sizeof z);
        if (memcmp(z, expected, sizeof z)) return 0;
    }
    return 1;
}
static int is_tanh(V (*function)(V))
{
    const double bounds[] = {0, 1e-310, 0x1p-55, 0x1.62e43p-3, 1, 22, INFINITY, NAN};
    int same = 1;
    for (int i = 0; i < 8; i++) same &= is_tanh_near(function, bounds[i], 0x1p-52);
    for (int n = 0; n < 64; n++) same &= is_tanh_near(function, (n + 0.5) * 0x1.62e42fefa39efp-2, 0x1p-52);
    for (int i = 0; i < 64; i++) same &= is_tanh_near(function, ldexp(1, i - 58), 0.04);
    /* Where most results depend on the way: of 500, one and a half have other bits without fused multiply-add. */
    for (int i = 0; i < 256; i++) same &= is_tanh_near(function, 0x1p-5 + i * 0x1p-10, 0x1.23p-14);
    return same;
}
static V (*lanes_of_tanh)(V);
__attribute__((constructor)) static void choose_tanh(void)
{
    if (CAN_FUSE && is_tanh(tanh_fused)) lanes_of_tanh = tanh_fused;
    else if (is_tanh(tanh_apart)) lanes_of_tanh = tanh_apart;
}
#else
static V (*const lanes_of_tanh)(V) = NULL;
#endif
"""

LANES_TOGETHER = {"tanh": _TANH}
"""Definitions of `lanes_of_...`, functions of all lanes of a vector with the C library's bits, or NULL where they have
others, by the operation that they compute."""

FEWEST_LANES = 3  # that are computed together: the C library's function takes less for one or two
