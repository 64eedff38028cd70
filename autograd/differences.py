"""Judge a derivative by finite differences of a function of one variable, and say how far they can be trusted.

Differences are taken over a range of widths, because no single one suits all functions: wide ones straddle what the
function does near x, narrow ones drown in rounding. At each width the truncation error is estimated from that width,
its half and its quarter (`_differences`), the rounding error from the spacing of the floats around f(x).
A derivative is

- "ok" where it agrees with differences that have converged;
- "wrong" where converged differences contradict it, over an interval in which it hardly varies itself;
- at a "kink" where the function has a corner, a jump, a vertical tangent, a pole or the edge of its domain at x, and
  the derivative is one that can be chosen there;
- "unsure" otherwise: rounding, overflow or few digits hide what the function does.
"""

import math
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

Function = Callable[[float], float]

RELATIVE_TOLERANCE = 1e-6
_SMALLEST = sys.float_info.min  # below this, numbers have few digits
_LARGEST_EXPONENT = 1023


class Judgement(NamedTuple):
    """A verdict on a derivative, the numeric one, and if it is unsure, how far the two may be apart."""

    verdict: str
    numeric: float
    doubt: float = 0.0


def judge(f: Function, x: float, analytic: float, rule: Function, smooth: float = math.inf) -> Judgement:
    """Judge the derivative of f at x.

    Arguments:
        f: the function; it returns nan where it has no value.
        x: the point.
        analytic: the derivative to judge.
        rule: the function that gave it, to be called at other points.
        smooth: how far around x the function is smooth, where that is known. Wider differences may look as if they had
            converged: over its jumps, `floor` rises as x does.

    >>> judge(math.sin, 1e-10, 1.0, math.cos).verdict, judge(math.sin, 1e-10, -1.0, lambda x: -math.cos(x)).verdict
    ('ok', 'wrong')
    >>> judge(abs, 0.0, 0.0, lambda x: math.copysign(1.0, x)).verdict
    'kink'
    >>> judge(lambda x: x + 1e16, 0.5, 1.0, lambda x: 1.0)
    Judgement(verdict='unsure', numeric=1.0, doubt=1.6689300537109375e-06)
    """
    here = f(x)
    if math.isnan(here):
        return Judgement("unsure", math.nan, math.inf)
    at_width: dict[float, _Differences] = {}
    hidden: bool | None = None
    for width in _widths(x, smooth):
        found = at_width.get(width) or _differences(f, x, here, width)
        if found is not None:
            at_width[width] = found
            if found.flat and analytic == 0:
                if wide := _differences(f, x, here, _wide(x)):
                    at_width[wide.width] = wide  # shows a slope that is too small for the others to show
                if hidden is None:  # steps in powers of two look flat at the points of differences, but not at others
                    flat = all(f(x + part * found.width) == here for part in _PARTS)
                    hidden = not flat or _hides_a_slope(f, x, here, rule, smooth)
                if hidden:
                    continue
            if _agrees(found, at_width.values(), x, analytic, rule):
                return Judgement("ok", found.numeric)
    seen = sorted(at_width.values(), key=lambda found: found.width)
    if _is_steeper_than_floats_show(seen, x, here, analytic):
        return _unsure(seen, analytic)
    within = [found for found in seen if found.width <= smooth]
    refuting = [found for found in within if _refutes(found, within, x, analytic, rule)]
    alike = [found for found in refuting if _is_confirmed(found, refuting, analytic)]
    kink = None if alike else _judge_kink(seen, x, here, analytic)
    if kink and math.isinf(analytic) and x == 0 and math.copysign(1.0, x) < 0:
        return kink._replace(verdict="kink")  # 1 / -0.0 is -inf
    judged = Judgement("wrong", min(alike, key=lambda found: found.error).numeric) if alike else kink
    if judged is None:
        return _unsure(seen, analytic)
    if judged.verdict == "wrong" and math.isinf(smooth):
        line = judged.numeric if alike else 0.0
        if _is_rounded(f, x, analytic, rule, line):
            return _unsure(seen, analytic)
    return judged


def _widths(x: float, smooth: float) -> Iterator[float]:
    """Yield widths to try, powers of two, so that x - width and x + width are mostly exact.

    The first two suit most functions: a part of |x|, and that part of 1, because most functions of the table change on
    the scale of 1. Then follow all scales on which the function may change, from the widest to the narrowest. Near 0
    the scale of 1 comes first: there a function looks flat only because its floats are far apart. Before all of these
    comes a width within which the function is smooth, if the first of them is not.
    """
    if not math.isfinite(x):
        return
    own = _own_exponent(x)
    first = [max(own, -1074), -7]
    if smooth < math.ldexp(1.0, max(first)):
        yield math.ldexp(1.0, math.frexp(smooth)[1] - 2)
    yield from (math.ldexp(1.0, exponent) for exponent in (first if own > -24 else reversed(first)))
    top = min(max(own + 22, 24), _LARGEST_EXPONENT - 3)
    bottom = own - 44 if x else -1072  # the quarter is the spacing of floats
    near = own + 5 if x else top
    for exponent in [*range(top, near, -6), *range(min(top, near), max(bottom, -1072), -3 if x else -6)]:
        yield math.ldexp(1.0, exponent)


def _own_exponent(x: float) -> int:
    return math.frexp(x)[1] - 8 if x else -7


def _wide(x: float) -> float:
    """Return the widest width with which x keeps its sign and its size."""
    return math.ldexp(1.0, max(_own_exponent(x) + 5, -1074))


class _Slopes(NamedTuple):
    """The slopes on one side of x, at a quarter of a width and at the width."""

    near: float
    far: float


class _Differences(NamedTuple):
    """Differences of a function at a width, its half and its quarter."""

    width: float
    numeric: float  # the derivative that they converge to
    error: float  # an estimate of its error
    left: _Slopes
    right: _Slopes
    noise: float  # the rounding error of the slopes near x
    below: float  # the values of the function nearest to x
    above: float
    flat: bool  # the function has one value at all points
    points: tuple[float, ...]

    @property
    def steepest(self) -> float:
        """The steepest slope near x, on the sides where there is one."""
        return max(abs(slope) if math.isfinite(slope) else 0.0 for slope in (self.left.near, self.right.near))

    @property
    def steepest_far(self) -> float:
        return max(abs(self.left.far), abs(self.right.far))


_ULPS = 2  # the error of most functions of the table, in units in the last place


def _differences(f: Function, x: float, here: float, width: float) -> _Differences | None:
    """Return the differences at this width, None if it is too narrow for the floats around x.

    Central differences have an error of c₂h² + c₄h⁴ + …; two steps of Richardson's extrapolation remove the first two
    terms, and what the second step changes estimates the error (Ridders' method: Numerical Recipes, 3rd ed., 5.7).
    The extrapolation multiplies the rounding error of f by less than 7 / width.
    """
    h2, h4 = width / 2, width / 4
    low1, low2, low4, high4, high2, high1 = points = (x - width, x - h2, x - h4, x + h4, x + h2, x + width)
    if not low1 < low2 < low4 < x < high4 < high2 < high1:
        return None
    b1, b2, b4, a4, a2, a1 = f(low1), f(low2), f(low4), f(high4), f(high2), f(high1)
    c1, c2, c4 = (a1 - b1) / (high1 - low1), (a2 - b2) / (high2 - low2), (a4 - b4) / (high4 - low4)
    once = c4 + (c4 - c2) / 3
    twice = once + (once - c2 - (c2 - c1) / 3) / 15
    rounding = _ULPS * math.ulp(max(abs(here), abs(b1), abs(a1)))  # of a number and nan, max returns the number
    near = max(abs(here), abs(b4), abs(a4))
    near_rounding = _ULPS * math.ulp(near if near < math.inf else here)
    return _Differences(
        width,
        twice,
        abs(twice - once) + 7 * rounding / width,
        _Slopes((here - b4) / (x - low4), (here - b1) / (x - low1)),
        _Slopes((a4 - here) / (high4 - x), (a1 - here) / (high1 - x)),
        2 * near_rounding / h4,
        b4,
        a4,
        b1 == b2 == b4 == here == a4 == a2 == a1,
        points,
    )


def _agrees(found: _Differences, seen: Iterable[_Differences], x: float, analytic: float, rule: Function) -> bool:
    """Return True if the differences have converged, to the analytic derivative."""
    scale = max(abs(found.numeric), abs(analytic))
    if not scale < math.inf:
        return False
    if scale < _SMALLEST:  # an exact 0; anything between has few digits
        return analytic == 0 and (_is_still(found, seen, rule) if found.flat else _vanishes(found, x))
    if analytic == 0:
        return abs(found.numeric) <= found.error < math.inf and _vanishes(found, x)
    tolerance = RELATIVE_TOLERANCE * scale
    agrees = abs(found.numeric - analytic) <= tolerance and found.error <= tolerance and not _bends(found)
    return agrees and not _is_contradicted(found, seen, tolerance)


def _is_steeper_than_floats_show(seen: Sequence[_Differences], x: float, here: float, analytic: float) -> bool:
    """Return True if the function would change by more than itself between floats, as sin(1e200) does."""
    if not seen or seen[0].flat or not math.isfinite(analytic):
        return False
    largest = max(abs(z) for found in seen for z in (here, found.below, found.above) if math.isfinite(z))
    return abs(analytic) * math.ulp(x) > largest


def _is_contradicted(found: _Differences, seen: Iterable[_Differences], tolerance: float) -> bool:
    """Return True if narrower differences, which rounding leaves, say otherwise.

    Over many of its jumps, a function like `floor` rises as x does.
    """
    return any(
        other.width < found.width and abs(other.numeric - found.numeric) > tolerance + other.error + 4 * other.noise
        for other in seen
    )


def _is_still(found: _Differences, seen: Iterable[_Differences], rule: Function) -> bool:
    """Return True for a function that is flat here, if neither its rule nor wider differences say it is by rounding."""
    return all(rule(point) == 0 for point in found.points) and not any(
        other.error <= 0.1 * abs(other.numeric) <= 0.1 * found.noise for other in seen if other.width > found.width
    )


_FACTORS = 0.013, 0.27, 0.517, 0.83, 1.21, 1.93, 3.71, 41.0  # and no round ones, at which kinks are
_DISTANCES = -71.3, -0.713, -0.00713, 0.00713, 0.713, 71.3


def _hides_a_slope(f: Function, x: float, here: float, rule: Function, smooth: float) -> bool:
    """Return True if f, which has the same bits around x, may be rounded to them, so that a rule of 0 proves nothing.

    Where f saturates, as `expm1` at -237, its slope shrinks. A rule that knows it shrinks too, until it underflows; one
    that jumps from larger numbers to 0 does not. If it is 0 wherever f has these bits, f must leave them as it does at
    a corner or a jump, not by one unit in the last place after the other.
    """
    beyond = []
    for points in ([x * factor for factor in _FACTORS] + [x + far for far in _DISTANCES], [*_outward(x)]):
        level = [point for point in points if f(point) == here]
        falling = [point for point in level if rule(point) != 0]
        if falling:
            return not all(abs(rule(_first(x, point, lambda at: rule(at) != 0))) <= _FEWEST for point in falling)
        if abs(here) < _SMALLEST or math.isfinite(smooth):  # its slope would underflow; its corners are known
            return False
        beyond += [point for point in points if math.isfinite(point) and point not in level]
    if not beyond:  # a constant; or all that depends on x, as nan shows, is lost beside one as in sin(x) + 1e16
        return math.ulp(here) > 1 and math.isnan(f(math.nan))
    sides = [point for point in beyond if point < x], [point for point in beyond if point > x]
    for point in [max(sides[0], default=x), min(sides[1], default=x)]:
        edge = _first(x, point, lambda at: f(at) != here)
        beside = edge + math.copysign(64 * math.ulp(edge), point - x)
        if point != x and abs(f(beside) - here) < 8 * math.ulp(here):
            return True
        part = abs(edge - x) / 8
        if any(
            part > 8 * math.ulp(at) and f(at - part) == f(at) == f(at + part) and rule(at) != 0 for at in beyond
        ):  # elsewhere too f has levels, and there its rule has a slope, as that of 1 - cos(x) near 0
            return True
    return False


def _outward(x: float) -> Iterator[float]:
    """Yield points of x's sign, much larger than x, of both signs if x is 0.

    Beside a constant as large as 1e20 nothing else shows that f depends on x. (Nearer to 0 than _FACTORS there would be
    what a function does before it saturates, as tanh at 1e10. It is of no account there.)
    """
    for exponent in range(_own_exponent(x) + 14, _LARGEST_EXPONENT, 75):
        far = math.ldexp(1.0, exponent)
        yield from (math.copysign(far, x),) if x else (-far, far)


def _is_rounded(f: Function, x: float, analytic: float, rule: Function, slope: float) -> bool:
    """Return True if f is a line around x because it is rounded to steps, and the rule is that of what is rounded.

    `1 - cos(x)` is 0 up to 1e-8, and then a multiple of 1.1e-16, whatever its slope; so is `exp(x) - 1`, so that
    `exp(x) - 1 - x` has the slope -1 near 0. Such steps are larger than a few units in the last place of f, as rounding
    on the way makes them. What is rounded to steps is at most one step away from what it would be. So from x to the
    ends of a few levels, f changes by the integral of the rule, but for two steps.

    Arguments:
        slope: that of the line.
    """
    here = f(x)

    def off(point: float) -> float:
        return f(point) - here - slope * (point - x)

    def is_off(point: float) -> bool:
        return not abs(off(point)) <= 4 * math.ulp(max(abs(here), abs(slope * (point - x))))

    for sign in (-1.0, 1.0):
        near, edge = x, x
        for exponent in range(max(_own_exponent(x) - 36, -1074), 64, 6):
            edge = x + sign * math.ldexp(1.0, exponent)
            if is_off(edge):
                break
            near = edge
        if abs((analytic - slope) * (edge - x)) > 512 * abs(off(edge)):  # the level is at least a 64th of that
            continue
        for _ in range(24):  # to a millionth of the level: over so little, a smooth f leaves the line by little
            middle = near + (edge - near) / 2
            near, edge = (near, middle) if is_off(middle) else (middle, edge)
        step, level = abs(off(edge)), edge - x
        is_coarse = 16 * math.ulp(max(abs(here), abs(f(edge)), abs(slope * level))) < step < math.inf
        if is_coarse and abs(level) > 8 * math.ulp(x) and abs((analytic - slope) * level) <= 2 * step:
            middles = (x + (i + 0.5) * level for i in range(_LEVELS))
            changes = accumulate((rule(middle) - slope) * level for middle in middles)
            if all(abs(off(x + i * level) - change) <= 2 * step for i, change in enumerate(changes, start=1)):
                return True
    return False


_LEVELS = 8


_FEWEST = _SMALLEST / RELATIVE_TOLERANCE  # a slope below has too few digits to be judged


def _first(inside: float, outside: float, holds: Callable[[float], bool]) -> float:
    """Return the first float from one to another, in which a condition holds, at which it does, by bisection."""
    low, high = _ordinal(inside), _ordinal(outside)
    while abs(high - low) > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(_float(middle)) else (middle, high)
    return _float(high)


def _ordinal(x: float) -> int:
    """Return the number of floats between 0 and x, negative for negative x."""
    bits: int = struct.unpack("<q", struct.pack("<d", abs(x)))[0]
    return bits if x > 0 else -bits


def _float(ordinal: int) -> float:
    x: float = struct.unpack("<d", struct.pack("<q", abs(ordinal)))[0]
    return x if ordinal > 0 else -x


def _vanishes(found: _Differences, x: float) -> bool:
    """Return True if the slopes on both sides go to 0 at x, much faster than the error of the differences allows."""
    near = x == 0 or found.width <= abs(x)
    wide = found.steepest_far
    return near and found.steepest <= 0.6 * wide and found.error <= RELATIVE_TOLERANCE * wide


def _bends(found: _Differences) -> bool:
    """Return True if the slopes on both sides differ, and do not approach each other as the width shrinks."""
    gap = abs(found.right.near - found.left.near)
    noise = 4 * found.noise + RELATIVE_TOLERANCE * found.steepest
    return gap > 0.75 * abs(found.right.far - found.left.far) and gap > noise


_PARTS = (
    -0.83,
    -0.61,
    -0.31,
    0.19,
    0.57,
    0.71,
)  # of a width: a period that fits into halves of it does not fit into all of these


def _refutes(found: _Differences, seen: Sequence[_Differences], x: float, analytic: float, rule: Function) -> bool:
    """Return True if the differences have converged to a number that the analytic derivative certainly is not.

    By the mean value theorem the true derivative is the difference quotient somewhere in the interval. So the rule must
    hardly vary there, but for a trend: where it does, as the cosine does over many periods, the width says nothing
    about it. And no wider differences may agree with the rule: what the floats of f cannot tell apart looks flat, and
    its rounding errors look like any slope.
    """
    if not math.isfinite(found.numeric):
        return False
    if not math.isfinite(analytic):
        if any(math.isinf(other.left.near) and math.isinf(other.right.near) for other in seen):
            return False  # the derivative may overflow, as the slopes do
        return (found.flat or found.error <= 1e-4 * abs(found.numeric)) and not _bends(found)
    off = abs(found.numeric - analytic)
    scale = max(abs(found.numeric), abs(analytic))
    if scale < _SMALLEST or off <= 2 * RELATIVE_TOLERANCE * scale or not found.error <= 0.01 * off:
        return False
    if not (found.flat or found.error <= 0.01 * max(abs(found.numeric), found.steepest)):
        return False
    if _is_contradicted(found, seen, 0.1 * off):
        return False
    if _bends(found):
        low, high = sorted([found.left.near, found.right.near])
        margin = (high - low) / 2 + found.error
        if low - margin <= analytic <= high + margin:
            return False
    for part in _PARTS:
        before, after = rule(x - part * found.width), rule(x + part * found.width)
        if not (abs(before - analytic) <= 0.2 * scale and abs(after - analytic) <= 0.2 * scale):
            return False
        if abs((before - analytic) + (after - analytic)) > 0.2 * off:
            return False
    close = min(off / 4, 0.05 * abs(analytic))
    wider = (other for other in seen if other.width > found.width and not _bends(other))
    return not any(abs(other.numeric - analytic) + other.error < close for other in wider)


def _is_confirmed(found: _Differences, refuting: Sequence[_Differences], analytic: float) -> bool:
    """Return True if three widths say the same; one is enough where f is flat, or the derivative not a number.

    Rounding errors of f, and a period that fits between the floats around x, look like a slope at one width or two.
    """
    off = abs(found.numeric - analytic)
    alike = sum(abs(other.numeric - found.numeric) <= 0.02 * off for other in refuting)
    return found.flat or alike >= 3 or not math.isfinite(analytic)


def _judge_kink(seen: Sequence[_Differences], x: float, here: float, analytic: float) -> Judgement | None:
    """Judge a derivative at a kink; None if there is no kink.

    A kink shows at the three narrowest widths that rounding leaves: there the slope on each side is a power of the
    width, as it is not where the function merely changes faster than the floats around x can tell.
    """
    if math.isinf(here):
        return _judge_pole(seen, x, analytic)
    if seen and math.isnan(seen[0].below) and math.isnan(seen[0].above):  # an isolated point, as of (-2)**y
        return Judgement("kink", math.nan) if math.isnan(analytic) else None
    narrow = [found for found in seen if found.noise < 0.01 * found.steepest][:3]
    steepest = [found.steepest for found in narrow]
    left, right = ([found.left for found in narrow], [found.right for found in narrow])
    sides = [slopes for slopes in (left, right) if all(map(math.isfinite, chain(*slopes)))]
    widths = [found.width for found in narrow]
    if len(narrow) < 3 or (x and widths[-1] > abs(x)):  # these would see what the function does at 0
        return None
    if not sides or not all(_is_a_power(slopes, widths, steepest) for slopes in sides):
        return None
    slopes = [side[0].near for side in sides]
    growth = steepest[0] / max(abs(side[0].far) for side in sides)
    if not all(_drowns(found, narrow[0], growth) for found in seen if found.width < widths[0]):
        return None
    clearest = _clearest(narrow[0], seen)
    if clearest is not narrow[0]:
        slopes = [_at_the_point(clearest.left), _at_the_point(clearest.right)]
    chosen = _can_be_chosen(clearest, slopes, growth, analytic)
    if growth > _JUMP and not chosen:  # the slope on one side of a jump, where rounding does not hide it yet
        close = [found for found in seen[: len(seen) // 2] if x == 0 or found.width <= abs(x)]
        near = [(side.near, found.noise) for found in close for side in (found.left, found.right)]
        chosen = any(abs(slope - analytic) <= 3e-5 * abs(analytic) >= noise for slope, noise in near)
    if chosen is None or not (chosen or _none_agrees(seen, analytic, 0.1 * steepest[0])):
        return None
    mean = sum(slopes) / len(slopes)
    return Judgement("kink" if chosen else "wrong", mean if growth < _VERTICAL or mean == 0 else mean * math.inf)


def _judge_pole(seen: Sequence[_Differences], x: float, analytic: float) -> Judgement | None:
    """Judge a derivative where the function is infinite; None if it may just overflow there.

    It is a pole if the function is finite nearby. Then its slope grows at least as 1 / width, as that of the logarithm
    does: eightfold or more from a width to the next. Where an exponential begins to overflow, it hardly grows.
    """
    beside = seen if x == 0 else seen[:1]
    if not any(math.isfinite(found.below) or math.isfinite(found.above) for found in beside):
        return None
    slopes = []  # of the sides on which it is certainly a pole
    for to_the_right, side in ((-1, [found.below for found in seen]), (1, [found.above for found in seen])):
        near = [(z, found.width) for z, found in zip(side, seen) if math.isfinite(z)][:3]
        if len(near) == 3 and (x == 0 or math.isfinite(side[0])):
            (z0, w0), (z1, w1), (z2, w2) = near
            if abs(z1 - z0) > 4 * abs(z2 - z1) * ((w1 - w0) / (w2 - w1)):  # quotients would overflow
                slopes.append(math.copysign(math.inf, (z1 - z0) * to_the_right))
    if math.isinf(analytic) and (not slopes or analytic in slopes):
        return Judgement("kink", math.inf)
    return Judgement("wrong", slopes[0]) if slopes else None


def _at_the_point(side: _Slopes) -> float:
    """Return the slope on one side of x, extrapolated from those at a quarter of a width and at the width."""
    return side.near - (side.far - side.near) / 3


def _bend(found: _Differences) -> float:
    """Return how much the slopes on the sides of x change over a quarter of the width, at most."""
    return max(abs(side.far - side.near) / 3 for side in (found.left, found.right))


def _clearest(found: _Differences, seen: Sequence[_Differences]) -> _Differences:
    """Return the differences that rounding and bent sides disturb least, of those whose slopes are about the same."""

    def is_like(other: _Differences) -> bool:
        both = ((found.left.near, other.left.near), (found.right.near, other.right.near))
        return all(abs(slope - wider) <= 2 * found.noise for slope, wider in both)

    return min([found, *filter(is_like, seen)], key=lambda found: found.noise + _bend(found))


def _is_a_power(slopes: Sequence[_Slopes], widths: Sequence[float], steepest: Sequence[float]) -> bool:
    """Return True if the slopes on one side of x are width ** -power, or 0 if they are much less than the steepest.

    The power is 0 on both sides of a corner, 1 at a jump, between the two at a vertical tangent.
    """
    near, far = slopes[0]
    if max(abs(near), abs(far)) < 0.05 * steepest[0]:
        near, power = 0.0, 0.0
    else:
        power = math.log(near / far, 4) if near * far > 0 else math.inf
    return power < 1.02 and all(
        abs(slope.near - near * (widths[0] / width) ** power) <= 0.05 * size
        for slope, width, size in zip(slopes, widths, steepest, strict=True)
    )


def _drowns(found: _Differences, wider: _Differences, growth: float) -> bool:
    """Return True if rounding would hide, at a width, the kink that wider differences show."""
    overflow = math.isinf(found.left.near) or math.isinf(found.right.near)
    quarters = (math.log2(wider.width) - math.log2(found.width)) / 2  # their ratio may overflow
    grown = math.log2(0.002 * wider.steepest) + quarters * math.log2(growth)
    return overflow or (found.noise > 0 and math.log2(found.noise) > grown)


_VERTICAL = 1.05  # a quarter of the width makes a slope at least so much steeper ...
_JUMP = 3.0  # ... and four times as steep at a jump


def _can_be_chosen(found: _Differences, slopes: Sequence[float], growth: float, analytic: float) -> bool | None:
    """Return True for a derivative that can be chosen at a kink with these slopes; None if there is no kink.

    At a corner that is any number between the slopes on both sides; at a jump that of one side, 0 or infinity; at a
    vertical tangent infinity. At the edge of a domain it is the slope on the side where the function is.
    """
    both, low, high = len(slopes) == 2, min(slopes), max(slopes)
    margin = 4 * found.noise + RELATIVE_TOLERANCE * found.steepest
    between = low - margin <= analytic <= high + margin
    vertical = math.isinf(analytic) and any(slope * analytic > 0 for slope in slopes)
    if growth > _JUMP:
        return vertical or analytic == 0
    if growth > _VERTICAL:
        return (between and both) or vertical
    drift = abs(growth - 1)
    if vertical and growth > 0.95 and drift > 5e-4:  # like x log(x)
        return True
    if both:
        return between if _bends(found) else None
    if growth < 0.95:  # the slope goes to 0, as that of x ** 1.5
        return True if analytic == 0 else None
    if abs(slopes[0] - analytic) <= (0.01 + drift) * found.steepest:
        return True
    return None if drift > 1e-3 else False


def _none_agrees(seen: Sequence[_Differences], analytic: float, margin: float) -> bool:
    return not any(abs(found.numeric - analytic) + found.error < margin for found in seen)


def _unsure(seen: Sequence[_Differences], analytic: float) -> Judgement:
    converged = (found for found in seen if not _is_contradicted(found, seen, found.error))
    best = min((found for found in converged if math.isfinite(_doubt(found))), key=_doubt, default=None)
    if best is None:
        return Judgement("unsure", math.nan, math.inf)
    return Judgement("unsure", best.numeric, max(_doubt(best), abs(best.numeric - analytic)))


def _doubt(found: _Differences) -> float:
    """Return how far a derivative may be from the differences: at a bend, as far as the slopes are apart."""
    return found.error + (abs(found.right.near - found.left.near) if _bends(found) else 0.0)
