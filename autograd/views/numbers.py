"""Format numbers for people: one family of formats, and a rule for which of them goes where.

| where                                                     | format           | 65000.123    | 0.0359632  |
|-----------------------------------------------------------|------------------|--------------|------------|
| boxes and arrows of a drawing, all of an explorer page    | `short(x)`       | `65000`      | `0.03596`  |
| constants in formulas; the values of a table              | `decimals(x, 6)` | `65000.1`    | `0.035963` |
| local gradients in a table, constants in their formulas   | `decimals(x, 4)` | `65000.1`    | `0.036`    |
| global and faux gradients in a table, one below the other | `aligned(x)`     | `65000.1230` | `0.0360`   |
| tooltips and error messages, where all digits count       | `repr(x)`        | `65000.123`  | `0.0359632`|

What the formats share: -0 is shown as 0, and a number from 0.0001 up to a million has no exponent. `page.js` has
`short` in JavaScript; a spreadsheet chooses the format of its cells by `is_plain`.
"""

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-4, 1e6


def is_plain(x: float) -> bool:
    """Return True for a finite number that is written without an exponent."""
    return x == 0 or _SMALLEST_PLAIN <= abs(x) < _LARGEST_PLAIN


def short(x: float) -> str:
    """Four significant digits; of a number below a million, all digits before the point.

    >>> [short(x) for x in (0.55905, -0.0080421, 65000.123, 123456.7, 1234567.0, 0.00001234, -0.0)]
    ['0.5591', '-0.008042', '65000', '123457', '1.235e+06', '1.234e-05', '0']
    """
    text = f"{x + 0.0:.4g}"  # + 0.0: -0 becomes 0
    return f"{x:.0f}" if "e+" in text and abs(x) < _LARGEST_PLAIN else text


def decimals(x: float, most: int) -> str:
    """At most that many decimals and six digits, without trailing zeros; small numbers keep four digits.

    >>> [decimals(x, 4) for x in (0.5, -0.0359632, 2.0, 0.00012345678, 65000.0, -0.0)]
    ['0.5', '-0.036', '2', '0.0001235', '65000', '0']
    """
    return f"{round(x, most) + 0.0:.6g}" if abs(x) >= 0.001 else f"{x + 0.0:.4g}"


def aligned(x: float) -> str:
    """Four decimals, as the articles print gradients; whole numbers without; small and large ones with four digits.

    >>> [aligned(x) for x in (-0.0201054, 0.0359, 3.0, 0.0, 0.00012345678, 1e9, float("nan"))]
    ['-0.0201', '0.0359', '3', '0', '0.0001235', '1e+09', 'nan']
    """
    if x == 0 or (abs(x) < _LARGEST_PLAIN and x == int(x)):
        return f"{x + 0.0:.0f}"
    return f"{x:.4f}" if 0.001 <= abs(x) < _LARGEST_PLAIN else f"{x:.4g}"


def typeset(text: str) -> str:
    """Put the minus sign of books, which is as wide as a plus, in the place of each hyphen.

    >>> typeset("-1.5e-05")
    '−1.5e−05'
    """
    return text.replace("-", "−")
