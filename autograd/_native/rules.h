/* Generated from the table of operations by tests/make_rules.py: do not edit.

   Each row of autograd/ops.py: what it computes, and its derivative rules, which pull a gradient g of the result z back
   to one operand. All functions have one type, and ignore the operands that their row does not have. They have the bits
   of Python's, if no product and sum are contracted to one operation, and if the compiler does not compute functions by
   itself (gcc and clang: -ffp-contract=off -fno-builtin).

   1.0 + 0.0 * x > 0.0 says that x is finite; x != x, that it is nan. */

#ifndef AUTOGRAD_RULES_H
#define AUTOGRAD_RULES_H

#include <math.h>
#include <stddef.h>

#define TABLE_HASH "7b4cda8c75cd46a7f489cf5398060f09587c407aa8bce6587be3c07a47ffabe7" /* of the table's code */

#if defined _MSC_VER
#pragma fp_contract(off)
#elif defined __clang__
#pragma STDC FP_CONTRACT OFF
#endif

#if defined __GNUC__ /* and clang: one instruction each, which is exact, in spite of -fno-builtin */
#define ceil(x) __builtin_ceil(x)
#define fabs(x) __builtin_fabs(x)
#define floor(x) __builtin_floor(x)
#define rint(x) __builtin_rint(x)
#define sqrt(x) __builtin_sqrt(x)
#endif

typedef double Computes(double, double, double);              /* x, y, ... */
typedef double Pulls(double, double, double, double, double); /* g, z, x, y, ... */

typedef struct {
    const char *name;
    int operands;        /* 0: any number of them, or more than 3, and no functions here */
    Computes *computes;  /* NULL: Python's function is called */
    Pulls *pulls[3];     /* NULL: no gradient passes */
} Row;

static inline double power(double x, double y)
{
    return y == 2 ? x * x : y == 1 ? x : y == -1 ? 1 / x : pow(x, y);
}

static inline double mod(double x, double y)
{
    double r = fmod(x, y);
    return r == 0 ? copysign(r, y) : (r < 0) != (y < 0) ? r + y : r;
}

static inline double floordiv(double x, double y)
{
    double r = fmod(x, y), q = (x - r) / y - (r != 0 && (r < 0) != (y < 0)), z = floor(q);
    return y == 0 ? x / y : q == 0 ? copysign(q, x / y) : q - z > 0.5 ? z + 1 : z;
}

/* add: x + y */

static double add_computes(double x, double y, double w)
{
    return x + y;
}

static double add_pulls_x(double g, double z, double x, double y, double w)
{
    return g;
}

static double add_pulls_y(double g, double z, double x, double y, double w)
{
    return g;
}

/* sub: x - y */

static double sub_computes(double x, double y, double w)
{
    return x - y;
}

static double sub_pulls_x(double g, double z, double x, double y, double w)
{
    return g;
}

static double sub_pulls_y(double g, double z, double x, double y, double w)
{
    return -g;
}

/* mul: x * y */

static double mul_computes(double x, double y, double w)
{
    return x * y;
}

static double mul_pulls_x(double g, double z, double x, double y, double w)
{
    return g * y;
}

static double mul_pulls_y(double g, double z, double x, double y, double w)
{
    return g * x;
}

/* div: x / y */

static double div_computes(double x, double y, double w)
{
    return x / y;
}

static double div_pulls_x(double g, double z, double x, double y, double w)
{
    return g / y;
}

static double div_pulls_y(double g, double z, double x, double y, double w)
{
    return -g * (z / y);
}

/* pow: x ** y */

static double pow_computes(double x, double y, double w)
{
    return power(x, y);
}

static double pow_pulls_x(double g, double z, double x, double y, double w)
{
    if (fabs(y) > 0.0) {
        const double t1 = power(x, y - 1.0);
        const double t2 = y > 1.0 ? t1
            : 1.0 + 0.0 * t1 > 0.0 ? t1
            : fabs(fabs(x) > 0.0 ? (fabs(g) > 0.0 ? y : 0.0) : y) > 0.0 ? t1
            : 1.0;
        return g * (y * t2);
    }
    return g * y;
}

static double pow_pulls_y(double g, double z, double x, double y, double w)
{
    const double t1 = fabs(x);
    const double t2 = t1 > 0.0 ? x : y < 0.0 ? x : 1.0 + t1;
    const double t3 = 1.0 + 0.0 * z;
    const double t4 = 0.5 * y;
    return g * ((t3 > 0.0 ? z : power(t2, t4)) * log(t2) * (t3 > 0.0 ? 1.0 : power(t2, t4)));
}

/* mod: x % y */

static double mod_computes(double x, double y, double w)
{
    return mod(x, y);
}

static double mod_pulls_x(double g, double z, double x, double y, double w)
{
    return g;
}

static double mod_pulls_y(double g, double z, double x, double y, double w)
{
    return -g * floordiv(x, y);
}

/* floordiv: x // y */

static double floordiv_computes(double x, double y, double w)
{
    return floordiv(x, y);
}

static double floordiv_pulls_x(double g, double z, double x, double y, double w)
{
    return 0.0;
}

static double floordiv_pulls_y(double g, double z, double x, double y, double w)
{
    return 0.0;
}

/* neg: -x */

static double neg_computes(double x, double y, double w)
{
    return -x;
}

static double neg_pulls_x(double g, double z, double x, double y, double w)
{
    return -g;
}

/* abs(x) */

static double abs_computes(double x, double y, double w)
{
    return fabs(x);
}

static double abs_pulls_x(double g, double z, double x, double y, double w)
{
    return x > 0.0 ? g : x < 0.0 ? -g : g * fabs(x);
}

/* exp(x) */

static double exp_computes(double x, double y, double w)
{
    return exp(x);
}

static double exp_pulls_x(double g, double z, double x, double y, double w)
{
    return g * z;
}

/* expm1(x) */

static double expm1_computes(double x, double y, double w)
{
    return expm1(x);
}

static double expm1_pulls_x(double g, double z, double x, double y, double w)
{
    return g * exp(x);
}

/* exp2(x) */

static double exp2_computes(double x, double y, double w)
{
    return exp2(x);
}

static double exp2_pulls_x(double g, double z, double x, double y, double w)
{
    return g * exp2(x - 1.0) * 1.3862943611198906;
}

/* log(x) */

static double log_computes(double x, double y, double w)
{
    return log(x);
}

static double log_pulls_x(double g, double z, double x, double y, double w)
{
    return g / x;
}

/* log1p(x) */

static double log1p_computes(double x, double y, double w)
{
    return log1p(x);
}

static double log1p_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (1.0 + x);
}

/* log2(x) */

static double log2_computes(double x, double y, double w)
{
    return log2(x);
}

static double log2_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (x * 0.6931471805599453);
}

/* log10(x) */

static double log10_computes(double x, double y, double w)
{
    return log10(x);
}

static double log10_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (x * 2.302585092994046);
}

/* sqrt(x) */

static double sqrt_computes(double x, double y, double w)
{
    return sqrt(x);
}

static double sqrt_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (2.0 * z);
}

/* cbrt(x) */

static double cbrt_computes(double x, double y, double w)
{
    return cbrt(x);
}

static double cbrt_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (3.0 * z * z);
}

/* sin(x) */

static double sin_computes(double x, double y, double w)
{
    return sin(x);
}

static double sin_pulls_x(double g, double z, double x, double y, double w)
{
    return g * cos(x);
}

/* cos(x) */

static double cos_computes(double x, double y, double w)
{
    return cos(x);
}

static double cos_pulls_x(double g, double z, double x, double y, double w)
{
    return -g * sin(x);
}

/* tan(x) */

static double tan_computes(double x, double y, double w)
{
    return tan(x);
}

static double tan_pulls_x(double g, double z, double x, double y, double w)
{
    return g * (1.0 + z * z);
}

/* asin(x) */

static double asin_computes(double x, double y, double w)
{
    return asin(x);
}

static double asin_pulls_x(double g, double z, double x, double y, double w)
{
    return g / sqrt(fabs(x) < 0.5 ? 1.0 - x * x : (1.0 - x) * (1.0 + x));
}

/* acos(x) */

static double acos_computes(double x, double y, double w)
{
    return acos(x);
}

static double acos_pulls_x(double g, double z, double x, double y, double w)
{
    return -g / sqrt(fabs(x) < 0.5 ? 1.0 - x * x : (1.0 - x) * (1.0 + x));
}

/* atan(x) */

static double atan_computes(double x, double y, double w)
{
    return atan(x);
}

static double atan_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = fabs(x);
    const double t2 = 1.0 > t1 ? 1.0 : t1;
    const double t3 = t2 > 1e+50 ? (t2 < 8.98846567431158e+307 || t2 != t2 ? t2 : 8.98846567431158e+307)
        : t2 < 1e-50 ? t2
        : 1.0;
    if (t3 > 0.0) {
        const double t4 = 1.0 / t3;
        const double t5 = x / t3;
        return g * (t4 / (t4 * t4 + t5 * t5) / t3);
    }
    return t3;
}

/* atan2(y, x) */

static double atan2_computes(double y, double x, double w)
{
    return atan2(y, x);
}

static double atan2_pulls_y(double g, double z, double y, double x, double w)
{
    const double t1 = fabs(x);
    const double t2 = fabs(y);
    const double t3 = t1 > t2 || t1 != t1 ? t1 : t2;
    const double t4 = t3 > 1e+50 ? (t3 < 8.98846567431158e+307 || t3 != t3 ? t3 : 8.98846567431158e+307)
        : t3 < 1e-50 ? t3
        : 1.0;
    if (t4 > 0.0) {
        const double t5 = x / t4;
        const double t6 = y / t4;
        return g * (t5 / (t5 * t5 + t6 * t6) / t4);
    }
    return t4;
}

static double atan2_pulls_x(double g, double z, double y, double x, double w)
{
    const double t1 = fabs(y);
    const double t2 = fabs(x);
    const double t3 = t1 > t2 || t1 != t1 ? t1 : t2;
    const double t4 = t3 > 1e+50 ? (t3 < 8.98846567431158e+307 || t3 != t3 ? t3 : 8.98846567431158e+307)
        : t3 < 1e-50 ? t3
        : 1.0;
    if (t4 > 0.0) {
        const double t5 = y / t4;
        const double t6 = x / t4;
        return -g * (t5 / (t5 * t5 + t6 * t6) / t4);
    }
    return t4;
}

/* hypot(x, y) */

static double hypot_pulls_x(double g, double z, double x, double y, double w)
{
    if (z > 0.0) {
        const double t1 = fabs(x);
        const double t2 = fabs(y);
        if (t1 > 100.0 * t2) {
            const double t3 = y / x;
            const double t4 = x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : t1;
            return g * (t4 / sqrt(1.0 + t3 * t3));
        }
        const double t5 = t1 > t2 || t1 != t1 ? t1 : t2;
        const double t6 = t5 > 1e+50 ? (t5 < 8.98846567431158e+307 || t5 != t5 ? t5 : 8.98846567431158e+307)
            : t5 < 1e-50 ? t5
            : 1.0;
        const double t7 = x / t6;
        const double t8 = y / t6;
        return g * (t7 / sqrt(t7 * t7 + t8 * t8));
    }
    return g * z;
}

static double hypot_pulls_y(double g, double z, double x, double y, double w)
{
    if (z > 0.0) {
        const double t1 = fabs(y);
        const double t2 = fabs(x);
        if (t1 > 100.0 * t2) {
            const double t3 = x / y;
            const double t4 = y > 0.0 ? 1.0 : y < 0.0 ? -1.0 : t1;
            return g * (t4 / sqrt(1.0 + t3 * t3));
        }
        const double t5 = t1 > t2 || t1 != t1 ? t1 : t2;
        const double t6 = t5 > 1e+50 ? (t5 < 8.98846567431158e+307 || t5 != t5 ? t5 : 8.98846567431158e+307)
            : t5 < 1e-50 ? t5
            : 1.0;
        const double t7 = y / t6;
        const double t8 = x / t6;
        return g * (t7 / sqrt(t7 * t7 + t8 * t8));
    }
    return g * z;
}

/* sinh(x) */

static double sinh_computes(double x, double y, double w)
{
    return sinh(x);
}

static double sinh_pulls_x(double g, double z, double x, double y, double w)
{
    return g * cosh(x);
}

/* cosh(x) */

static double cosh_computes(double x, double y, double w)
{
    return cosh(x);
}

static double cosh_pulls_x(double g, double z, double x, double y, double w)
{
    return g * sinh(x);
}

/* tanh(x) */

static double tanh_computes(double x, double y, double w)
{
    return tanh(x);
}

static double tanh_pulls_x(double g, double z, double x, double y, double w)
{
    return g * (1.0 - z * z);
}

/* asinh(x) */

static double asinh_computes(double x, double y, double w)
{
    return asinh(x);
}

static double asinh_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = fabs(x);
    return g / (t1 > 100000000.0 ? t1 : sqrt(1.0 + x * x));
}

/* acosh(x) */

static double acosh_computes(double x, double y, double w)
{
    return acosh(x);
}

static double acosh_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (sqrt(x - 1.0) * sqrt(x + 1.0));
}

/* atanh(x) */

static double atanh_computes(double x, double y, double w)
{
    return atanh(x);
}

static double atanh_pulls_x(double g, double z, double x, double y, double w)
{
    return g / (fabs(x) < 0.5 ? 1.0 - x * x : (1.0 - x) * (1.0 + x));
}

/* erf(x) */

static double erf_computes(double x, double y, double w)
{
    return erf(x);
}

static double erf_pulls_x(double g, double z, double x, double y, double w)
{
    return g * (1.1283791670955126 * exp(-x * x));
}

/* erfc(x) */

static double erfc_computes(double x, double y, double w)
{
    return erfc(x);
}

static double erfc_pulls_x(double g, double z, double x, double y, double w)
{
    return -g * (1.1283791670955126 * exp(-x * x));
}

/* sigmoid(x) */

static double sigmoid_computes(double x, double y, double w)
{
    const double t1 = exp(x < 0.0 ? x : -x);
    return (x < 0.0 ? t1 : 1.0) / (1.0 + t1);
}

static double sigmoid_pulls_x(double g, double z, double x, double y, double w)
{
    if (x * x < 1.0) {
        const double t1 = tanh(0.5 * x);
        return g * (0.25 * (1.0 - t1 * t1));
    }
    const double t2 = exp(x > 0.0 ? -x : x);
    return g * (z * ((x > 0.0 ? t2 : 1.0) / (1.0 + t2)));
}

/* softplus(x) */

static double softplus_computes(double x, double y, double w)
{
    return (x <= 0 ? 0.0 : x) + log1p(exp(x > 0.0 ? -x : x));
}

static double softplus_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = exp(x < 0.0 ? x : -x);
    return g * ((x < 0.0 ? t1 : 1.0) / (1.0 + t1));
}

/* log_sigmoid(x) */

static double log_sigmoid_computes(double x, double y, double w)
{
    return -((-x <= 0 ? 0.0 : -x) + log1p(exp(x < 0.0 ? x : -x)));
}

static double log_sigmoid_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = exp(x > 0.0 ? -x : x);
    return g * ((x > 0.0 ? t1 : 1.0) / (1.0 + t1));
}

/* logaddexp(x, y) */

static double logaddexp_computes(double x, double y, double w)
{
    const double t1 = x - y;
    const double t2 = 1.0 + fabs(t1);
    const double t3 = t2 > 0.0 ? (x > y ? x : y) : x > y || x != x ? x : y;
    const double t4 = t2 > 0.0 ? (x > y ? -t1 : t1) : 0.0;
    return t3 + log1p(exp(t4));
}

static double logaddexp_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = x - y;
    const double t2 = 1.0 + fabs(t1) > 0.0 ? t1 : fabs(x) + fabs(y) > 0.0 ? 0.0 : x + y;
    const double t3 = exp(t2 < 0.0 ? t2 : -t2);
    return g * ((t2 < 0.0 ? t3 : 1.0) / (1.0 + t3));
}

static double logaddexp_pulls_y(double g, double z, double x, double y, double w)
{
    const double t1 = y - x;
    const double t2 = 1.0 + fabs(t1) > 0.0 ? t1 : fabs(y) + fabs(x) > 0.0 ? 0.0 : y + x;
    const double t3 = exp(t2 < 0.0 ? t2 : -t2);
    return g * ((t2 < 0.0 ? t3 : 1.0) / (1.0 + t3));
}

/* relu(x) */

static double relu_computes(double x, double y, double w)
{
    return x <= 0 ? 0.0 : x;
}

static double relu_pulls_x(double g, double z, double x, double y, double w)
{
    return x > 0.0 ? g : 0.0;
}

/* leaky_relu(x, slope) */

static double leaky_relu_computes(double x, double slope, double y)
{
    return x > 0.0 ? x : slope * x;
}

static double leaky_relu_pulls_x(double g, double z, double x, double slope, double y)
{
    return x > 0.0 ? g : g * slope;
}

static double leaky_relu_pulls_slope(double g, double z, double x, double slope, double y)
{
    return x > 0.0 ? 0.0 : g * x;
}

/* elu(x, alpha) */

static double elu_computes(double x, double alpha, double y)
{
    return x > 0.0 ? x : alpha * expm1(x);
}

static double elu_pulls_x(double g, double z, double x, double alpha, double y)
{
    if (x > 0.0) {
        return g;
    }
    const double t1 = exp(0.5 * x);
    return g * (alpha * t1 * t1);
}

static double elu_pulls_alpha(double g, double z, double x, double alpha, double y)
{
    return x > 0.0 ? 0.0 : g * expm1(x);
}

/* gelu(x) */

static double gelu_computes(double x, double y, double w)
{
    const double t1 = x > -40.0 || x != x ? x : -40.0;
    return 0.5 * t1 * erfc(-0.7071067811865476 * t1);
}

static double gelu_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = -40.0 > x ? -40.0 : x;
    const double t2 = 40.0 < t1 ? 40.0 : t1;
    return g * (0.5 * erfc(-0.7071067811865476 * t2) + t2 * (0.3989422804014327 * exp(-0.5 * t2 * t2)));
}

/* silu(x) */

static double silu_computes(double x, double y, double w)
{
    const double t1 = x > -800.0 || x != x ? x : -800.0;
    const double t2 = exp(t1 < 0.0 ? t1 : -t1);
    return t1 * ((t1 < 0.0 ? t2 : 1.0) / (1.0 + t2));
}

static double silu_pulls_x(double g, double z, double x, double y, double w)
{
    const double t1 = -800.0 > x ? -800.0 : x;
    const double t2 = 800.0 < t1 ? 800.0 : t1;
    const double t3 = exp(t2 < 0.0 ? t2 : -t2);
    const double t4 = (t2 < 0.0 ? t3 : 1.0) / (1.0 + t3);
    double t5;
    if (t2 * t2 < 1.0) {
        const double t6 = tanh(0.5 * t2);
        t5 = 0.25 * (1.0 - t6 * t6);
    } else {
        const double t7 = exp(t2 > 0.0 ? -t2 : t2);
        t5 = t4 * ((t2 > 0.0 ? t7 : 1.0) / (1.0 + t7));
    }
    return g * (t4 + t2 * t5);
}

/* sign(x) */

static double sign_computes(double x, double y, double w)
{
    return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : fabs(x);
}

static double sign_pulls_x(double g, double z, double x, double y, double w)
{
    return 0.0;
}

/* step(x) */

static double step_computes(double x, double y, double w)
{
    const double t1 = x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : fabs(x);
    return t1 <= 0 ? 0.0 : t1;
}

static double step_pulls_x(double g, double z, double x, double y, double w)
{
    return 0.0;
}

/* floor(x) */

static double floor_computes(double x, double y, double w)
{
    return floor(x);
}

static double floor_pulls_x(double g, double z, double x, double y, double w)
{
    return 0.0;
}

/* ceil(x) */

static double ceil_computes(double x, double y, double w)
{
    return ceil(x);
}

static double ceil_pulls_x(double g, double z, double x, double y, double w)
{
    return 0.0;
}

/* round(x) */

static double round_computes(double x, double y, double w)
{
    return rint(x);
}

static double round_pulls_x(double g, double z, double x, double y, double w)
{
    return 0.0;
}

/* max(x, y) */

static double max_computes(double x, double y, double w)
{
    return x > y || x != x ? x : y;
}

static double max_pulls_x(double g, double z, double x, double y, double w)
{
    return x > y ? g : x < y ? 0.0 : 0.5 * g;
}

static double max_pulls_y(double g, double z, double x, double y, double w)
{
    return y > x ? g : y < x ? 0.0 : 0.5 * g;
}

/* min(x, y) */

static double min_computes(double x, double y, double w)
{
    return x < y || x != x ? x : y;
}

static double min_pulls_x(double g, double z, double x, double y, double w)
{
    return y > x ? g : y < x ? 0.0 : 0.5 * g;
}

static double min_pulls_y(double g, double z, double x, double y, double w)
{
    return x > y ? g : x < y ? 0.0 : 0.5 * g;
}

/* clip(x, low, high) */

static double clip_computes(double x, double low, double high)
{
    const double t1 = low > x || low != low ? low : x;
    return high < t1 || high != high ? high : t1;
}

static double clip_pulls_x(double g, double z, double x, double low, double high)
{
    return low > x ? 0.0 : x > high ? 0.0 : g;
}

static double clip_pulls_low(double g, double z, double x, double low, double high)
{
    return low > x ? (low > high ? 0.0 : g) : 0.0;
}

static double clip_pulls_high(double g, double z, double x, double low, double high)
{
    return low > high ? g : x > high ? g : 0.0;
}

/* stop_gradient(x) */

static double stop_gradient_computes(double x, double y, double w)
{
    return x;
}

/* where(c, x, y) */

static double where_computes(double c, double x, double y)
{
    return c > 0.0 ? x : y;
}

static double where_pulls_x(double g, double z, double c, double x, double y)
{
    return c > 0.0 ? g : 0.0;
}

static double where_pulls_y(double g, double z, double c, double x, double y)
{
    return c > 0.0 ? 0.0 : g;
}

enum {
    ROW_add,
    ROW_sub,
    ROW_mul,
    ROW_div,
    ROW_pow,
    ROW_mod,
    ROW_floordiv,
    ROW_neg,
    ROW_abs,
    ROW_exp,
    ROW_expm1,
    ROW_exp2,
    ROW_log,
    ROW_log1p,
    ROW_log2,
    ROW_log10,
    ROW_sqrt,
    ROW_cbrt,
    ROW_sin,
    ROW_cos,
    ROW_tan,
    ROW_asin,
    ROW_acos,
    ROW_atan,
    ROW_atan2,
    ROW_hypot,
    ROW_sinh,
    ROW_cosh,
    ROW_tanh,
    ROW_asinh,
    ROW_acosh,
    ROW_atanh,
    ROW_erf,
    ROW_erfc,
    ROW_sigmoid,
    ROW_softplus,
    ROW_log_sigmoid,
    ROW_logaddexp,
    ROW_relu,
    ROW_leaky_relu,
    ROW_elu,
    ROW_gelu,
    ROW_silu,
    ROW_sign,
    ROW_step,
    ROW_floor,
    ROW_ceil,
    ROW_round,
    ROW_max,
    ROW_min,
    ROW_clip,
    ROW_stop_gradient,
    ROW_where,
    ROW_sum,
    ROW_dot,
    ROW_largest,
    ROW_smallest,
    ROWS_COUNT
};

static const Row ROWS[ROWS_COUNT] = {
    {"add", 2, add_computes, {add_pulls_x, add_pulls_y}},
    {"sub", 2, sub_computes, {sub_pulls_x, sub_pulls_y}},
    {"mul", 2, mul_computes, {mul_pulls_x, mul_pulls_y}},
    {"div", 2, div_computes, {div_pulls_x, div_pulls_y}},
    {"pow", 2, pow_computes, {pow_pulls_x, pow_pulls_y}},
    {"mod", 2, mod_computes, {mod_pulls_x, mod_pulls_y}},
    {"floordiv", 2, floordiv_computes, {floordiv_pulls_x, floordiv_pulls_y}},
    {"neg", 1, neg_computes, {neg_pulls_x}},
    {"abs", 1, abs_computes, {abs_pulls_x}},
    {"exp", 1, exp_computes, {exp_pulls_x}},
    {"expm1", 1, expm1_computes, {expm1_pulls_x}},
    {"exp2", 1, exp2_computes, {exp2_pulls_x}},
    {"log", 1, log_computes, {log_pulls_x}},
    {"log1p", 1, log1p_computes, {log1p_pulls_x}},
    {"log2", 1, log2_computes, {log2_pulls_x}},
    {"log10", 1, log10_computes, {log10_pulls_x}},
    {"sqrt", 1, sqrt_computes, {sqrt_pulls_x}},
    {"cbrt", 1, cbrt_computes, {cbrt_pulls_x}},
    {"sin", 1, sin_computes, {sin_pulls_x}},
    {"cos", 1, cos_computes, {cos_pulls_x}},
    {"tan", 1, tan_computes, {tan_pulls_x}},
    {"asin", 1, asin_computes, {asin_pulls_x}},
    {"acos", 1, acos_computes, {acos_pulls_x}},
    {"atan", 1, atan_computes, {atan_pulls_x}},
    {"atan2", 2, atan2_computes, {atan2_pulls_y, atan2_pulls_x}},
    {"hypot", 2, NULL, {hypot_pulls_x, hypot_pulls_y}},
    {"sinh", 1, sinh_computes, {sinh_pulls_x}},
    {"cosh", 1, cosh_computes, {cosh_pulls_x}},
    {"tanh", 1, tanh_computes, {tanh_pulls_x}},
    {"asinh", 1, asinh_computes, {asinh_pulls_x}},
    {"acosh", 1, acosh_computes, {acosh_pulls_x}},
    {"atanh", 1, atanh_computes, {atanh_pulls_x}},
    {"erf", 1, erf_computes, {erf_pulls_x}},
    {"erfc", 1, erfc_computes, {erfc_pulls_x}},
    {"sigmoid", 1, sigmoid_computes, {sigmoid_pulls_x}},
    {"softplus", 1, softplus_computes, {softplus_pulls_x}},
    {"log_sigmoid", 1, log_sigmoid_computes, {log_sigmoid_pulls_x}},
    {"logaddexp", 2, logaddexp_computes, {logaddexp_pulls_x, logaddexp_pulls_y}},
    {"relu", 1, relu_computes, {relu_pulls_x}},
    {"leaky_relu", 2, leaky_relu_computes, {leaky_relu_pulls_x, leaky_relu_pulls_slope}},
    {"elu", 2, elu_computes, {elu_pulls_x, elu_pulls_alpha}},
    {"gelu", 1, gelu_computes, {gelu_pulls_x}},
    {"silu", 1, silu_computes, {silu_pulls_x}},
    {"sign", 1, sign_computes, {sign_pulls_x}},
    {"step", 1, step_computes, {step_pulls_x}},
    {"floor", 1, floor_computes, {floor_pulls_x}},
    {"ceil", 1, ceil_computes, {ceil_pulls_x}},
    {"round", 1, round_computes, {round_pulls_x}},
    {"max", 2, max_computes, {max_pulls_x, max_pulls_y}},
    {"min", 2, min_computes, {min_pulls_x, min_pulls_y}},
    {"clip", 3, clip_computes, {clip_pulls_x, clip_pulls_low, clip_pulls_high}},
    {"stop_gradient", 1, stop_gradient_computes, {NULL}},
    {"where", 3, where_computes, {NULL, where_pulls_x, where_pulls_y}},
    {"sum", 0, NULL, {NULL}},
    {"dot", 0, NULL, {NULL}},
    {"largest", 0, NULL, {NULL}},
    {"smallest", 0, NULL, {NULL}},
};

#define ROWS_OF_ONE(ROW) /* those of one operand */ \
    ROW(neg) \
    ROW(abs) \
    ROW(exp) \
    ROW(expm1) \
    ROW(exp2) \
    ROW(log) \
    ROW(log1p) \
    ROW(log2) \
    ROW(log10) \
    ROW(sqrt) \
    ROW(cbrt) \
    ROW(sin) \
    ROW(cos) \
    ROW(tan) \
    ROW(asin) \
    ROW(acos) \
    ROW(atan) \
    ROW(sinh) \
    ROW(cosh) \
    ROW(tanh) \
    ROW(asinh) \
    ROW(acosh) \
    ROW(atanh) \
    ROW(erf) \
    ROW(erfc) \
    ROW(sigmoid) \
    ROW(softplus) \
    ROW(log_sigmoid) \
    ROW(relu) \
    ROW(gelu) \
    ROW(silu) \
    ROW(sign) \
    ROW(step) \
    ROW(floor) \
    ROW(ceil) \
    ROW(round) \
    ROW(stop_gradient)

#undef ceil
#undef fabs
#undef floor
#undef rint
#undef sqrt

#endif
