"""Say in words what each operation of the table is, and what its rules lose, for `help`.

The first sentence says what the function is; the others, what a formula does not show.
"""

NOTES: dict[str, str] = {
    "add": "The sum.",
    "sub": "The difference.",
    "mul": "The product.",
    "div": (
        "The quotient. The gradients have the bits of PyTorch: that of y has no more digits than x / y, where "
        "this is subnormal. Higher derivatives multiply powers of 1 / y, which may overflow on the way (|y| < "
        "1e-100)."
    ),
    "pow": (
        "x to the power y. The gradient of x is y * x**(y - 1): where |y| < 0.1, rounding y - 1 loses digits, "
        "up to |log(x)| / 2 units in the last place, and where x is subnormal, 1 / x overflows. Higher "
        "derivatives multiply x**y by powers of y, log(x) and 1 / x, which may overflow or vanish on the way "
        "(|x| < 1e-100, |y| > 1e100, x**y above 1e300 or below 1e-300)."
    ),
    "mod": "The remainder of x // y, with the sign of y, as Python's; of x % 0, nan.",
    "floordiv": (
        "The largest integer up to the exact x / y, which floor(x / y) may miss: 1.0 // 0.1 is 9. x // 0 is x "
        "/ 0. Its gradients are 0."
    ),
    "neg": "x with the opposite sign.",
    "abs": "The absolute value. Its gradient at 0 is 0.",
    "exp": "The exponential function: e to the power x.",
    "expm1": "exp(x) - 1, without loss of digits near 0.",
    "exp2": "2 to the power x.",
    "log": "The natural logarithm.",
    "log1p": "log(1 + x), without loss of digits near 0.",
    "log2": "The logarithm to the base 2.",
    "log10": "The logarithm to the base 10.",
    "sqrt": "The square root.",
    "cbrt": "The cube root.",
    "sin": "The sine of an angle in radians.",
    "cos": "The cosine of an angle in radians.",
    "tan": "The tangent of an angle in radians.",
    "asin": "The inverse sine: an angle from -pi / 2 to pi / 2.",
    "acos": "The inverse cosine: an angle from 0 to pi.",
    "atan": "The inverse tangent: an angle from -pi / 2 to pi / 2.",
    "atan2": (
        "The angle of the point (x, y). Both gradients at (0, 0) are 0. An n-th derivative multiplies n - 1 factors of "
        "1 / hypot(x, y), whose product may overflow on the way."
    ),
    "hypot": (
        "The hypotenuse: sqrt(x * x + y * y), without overflow. Both gradients at (0, 0) are 0. An n-th derivative "
        "multiplies n - 1 factors of 1 / hypot(x, y), whose product may overflow on the way."
    ),
    "sinh": "The hyperbolic sine.",
    "cosh": "The hyperbolic cosine.",
    "tanh": (
        "The hyperbolic tangent. The derivative is 1 - z * z: it loses digits as |x| grows (1e-8 of it at 10, "
        "several percent at 18)."
    ),
    "asinh": "The inverse hyperbolic sine.",
    "acosh": "The inverse hyperbolic cosine.",
    "atanh": "The inverse hyperbolic tangent.",
    "erf": "The error function.",
    "erfc": "The complementary error function: 1 - erf(x), without loss of digits where x is large.",
    "sigmoid": "The logistic function: 1 / (1 + exp(-x)).",
    "softplus": "A smooth relu: log(1 + exp(x)), without overflow.",
    "log_sigmoid": "The logarithm of the logistic function: log(sigmoid(x)) = -softplus(-x).",
    "logaddexp": (
        "The logarithm of a sum of exponentials: log(exp(x) + exp(y)), without overflow. Of the same infinity "
        "each gets half of the gradient."
    ),
    "relu": "The rectified linear unit: x where x > 0, else 0. The gradient at 0 is 0.",
    "leaky_relu": "The leaky rectified linear unit: x where x > 0, else slope * x. The gradient at 0 is the slope.",
    "elu": "The exponential linear unit: x where x > 0, else alpha * (exp(x) - 1). The gradient at 0 is alpha.",
    "gelu": (
        "The Gaussian error linear unit: x times the normal distribution of x, by erfc: not its approximation by tanh."
    ),
    "silu": "The sigmoid linear unit: x * sigmoid(x), also called swish.",
    "sign": "The sign: 1, 0 or -1. Its gradient is 0.",
    "step": "The unit step: 1 where x > 0, else 0. Its gradient is 0.",
    "floor": "The largest integer up to x. Its gradient is 0.",
    "ceil": "The smallest integer from x on. Its gradient is 0.",
    "round": "The nearest integer, of two the even one. Its gradient is 0.",
    "max": "The larger of two; of a list or of more, the largest. At a tie each gets half of the gradient.",
    "min": "The smaller of two; of a list or of more, the smallest. At a tie each gets half of the gradient.",
    "clip": "x within bounds: min(max(x, low), high). At a bound the gradient is that of x.",
    "stop_gradient": (
        "x itself: no gradient passes to it, and a perturbation of what x is made from leaves the result unchanged."
    ),
    "where": "x where c > 0, else y.",
    "sum": "The sum of any number of values. Added strictly left to right; of nothing, 0.0.",
    "dot": "The dot product: the sum of x * y over the pairs, added strictly left to right; of nothing, 0.0.",
    "largest": "The largest of one or more values. At a tie the largest get equal shares of the gradient.",
    "smallest": "The smallest of one or more values. At a tie the smallest get equal shares of the gradient.",
}
"""The sentences, by the name of the operation, in the order of the table."""
