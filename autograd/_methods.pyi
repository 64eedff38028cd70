# Generated from the table of operations by tests/make_stubs.py: do not edit.
from math import inf
from typing import Any

from autograd.engine import Value

class OperationMethods:
    def add(self, y: Any) -> Value:
        """The sum."""
    def __add__(self, y: Any, /) -> Value: ...
    def __radd__(self, x: Any, /) -> Value: ...
    def sub(self, y: Any) -> Value:
        """The difference."""
    def __sub__(self, y: Any, /) -> Value: ...
    def __rsub__(self, x: Any, /) -> Value: ...
    def mul(self, y: Any) -> Value:
        """The product."""
    def __mul__(self, y: Any, /) -> Value: ...
    def __rmul__(self, x: Any, /) -> Value: ...
    def div(self, y: Any) -> Value:
        """The quotient."""
    def __truediv__(self, y: Any, /) -> Value: ...
    def __rtruediv__(self, x: Any, /) -> Value: ...
    def pow(self, y: Any) -> Value:
        """x to the power y."""
    def __pow__(self, y: Any, /) -> Value: ...
    def __rpow__(self, x: Any, /) -> Value: ...
    def mod(self, y: Any) -> Value:
        """The remainder of x // y, with the sign of y, as Python's; of x % 0, nan."""
    def __mod__(self, y: Any, /) -> Value: ...
    def __rmod__(self, x: Any, /) -> Value: ...
    def floordiv(self, y: Any) -> Value:
        """The largest integer up to the exact x / y, which floor(x / y) may miss: 1.0 // 0.1 is 9. x // 0 is x / 0."""
    def __floordiv__(self, y: Any, /) -> Value: ...
    def __rfloordiv__(self, x: Any, /) -> Value: ...
    def neg(self) -> Value:
        """x with the opposite sign."""
    def __neg__(self) -> Value: ...
    def abs(self) -> Value:
        """The absolute value."""
    def __abs__(self) -> Value: ...
    def exp(self) -> Value:
        """The exponential function: e to the power x."""
    def expm1(self) -> Value:
        """exp(x) - 1, without loss of digits near 0."""
    def exp2(self) -> Value:
        """2 to the power x."""
    def log(self) -> Value:
        """The natural logarithm."""
    def log1p(self) -> Value:
        """log(1 + x), without loss of digits near 0."""
    def log2(self) -> Value:
        """The logarithm to the base 2."""
    def log10(self) -> Value:
        """The logarithm to the base 10."""
    def sqrt(self) -> Value:
        """The square root."""
    def cbrt(self) -> Value:
        """The cube root."""
    def sin(self) -> Value:
        """The sine of an angle in radians."""
    def cos(self) -> Value:
        """The cosine of an angle in radians."""
    def tan(self) -> Value:
        """The tangent of an angle in radians."""
    def asin(self) -> Value:
        """The inverse sine: an angle from -pi / 2 to pi / 2."""
    def acos(self) -> Value:
        """The inverse cosine: an angle from 0 to pi."""
    def atan(self) -> Value:
        """The inverse tangent: an angle from -pi / 2 to pi / 2."""
    def atan2(self, x: Any) -> Value:
        """The angle of the point (x, y)."""
    def hypot(self, y: Any) -> Value:
        """The hypotenuse: sqrt(x * x + y * y), without overflow."""
    def sinh(self) -> Value:
        """The hyperbolic sine."""
    def cosh(self) -> Value:
        """The hyperbolic cosine."""
    def tanh(self) -> Value:
        """The hyperbolic tangent."""
    def asinh(self) -> Value:
        """The inverse hyperbolic sine."""
    def acosh(self) -> Value:
        """The inverse hyperbolic cosine."""
    def atanh(self) -> Value:
        """The inverse hyperbolic tangent."""
    def erf(self) -> Value:
        """The error function."""
    def erfc(self) -> Value:
        """The complementary error function: 1 - erf(x), without loss of digits where x is large."""
    def sigmoid(self) -> Value:
        """The logistic function: 1 / (1 + exp(-x))."""
    def softplus(self) -> Value:
        """A smooth relu: log(1 + exp(x)), without overflow."""
    def log_sigmoid(self) -> Value:
        """The logarithm of the logistic function: log(sigmoid(x)) = -softplus(-x)."""
    def logaddexp(self, y: Any) -> Value:
        """The logarithm of a sum of exponentials: log(exp(x) + exp(y)), without overflow."""
    def relu(self) -> Value:
        """The rectified linear unit: x where x > 0, else 0."""
    def leaky_relu(self, slope: Any = 0.01) -> Value:
        """The leaky rectified linear unit: x where x > 0, else slope * x."""
    def elu(self, alpha: Any = 1.0) -> Value:
        """The exponential linear unit: x where x > 0, else alpha * (exp(x) - 1)."""
    def gelu(self) -> Value:
        """The Gaussian error linear unit: x times the normal distribution of x, by erfc: not its approximation by tanh."""
    def silu(self) -> Value:
        """The sigmoid linear unit: x * sigmoid(x), also called swish."""
    def sign(self) -> Value:
        """The sign: 1, 0 or -1."""
    def step(self) -> Value:
        """The unit step: 1 where x > 0, else 0."""
    def floor(self) -> Value:
        """The largest integer up to x."""
    def ceil(self) -> Value:
        """The smallest integer from x on."""
    def round(self) -> Value:
        """The nearest integer, of two the even one."""
    def max(self, y: Any) -> Value:
        """The larger of two; of a list or of more, the largest."""
    def min(self, y: Any) -> Value:
        """The smaller of two; of a list or of more, the smallest."""
    def clip(self, low: Any = -inf, high: Any = inf) -> Value:
        """x within bounds: min(max(x, low), high)."""
    def stop_gradient(self) -> Value:
        """x itself: no gradient passes to it, and a perturbation of what x is made from leaves the result unchanged."""
    def where(self, x: Any, y: Any) -> Value:
        """x where c > 0, else y."""
    def arcsin(self) -> Value: ...  # as NumPy calls asin
    def arccos(self) -> Value: ...  # as NumPy calls acos
    def arctan(self) -> Value: ...  # as NumPy calls atan
    def arctan2(self, x: Any) -> Value: ...  # as NumPy calls atan2
    def arcsinh(self) -> Value: ...  # as NumPy calls asinh
    def arccosh(self) -> Value: ...  # as NumPy calls acosh
    def arctanh(self) -> Value: ...  # as NumPy calls atanh
    def fabs(self) -> Value: ...  # as NumPy calls abs
    def rint(self) -> Value: ...  # as NumPy calls round
    def __divmod__(self, other: Any, /) -> tuple[Value, Value]: ...
    def __rdivmod__(self, other: Any, /) -> tuple[Value, Value]: ...
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any: ...
