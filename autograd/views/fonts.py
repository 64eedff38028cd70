"""Notice that Graphviz writes in another font than it is asked for, because there is none of that name."""

import re
from collections.abc import Iterable

from autograd.frames import warn_caller
from autograd.text import letters, quoted

_ANY = {
    letters(name) for name in ("sans", "sans-serif", "serif", "monospace", "mono", "system-ui", "cursive", "fantasy")
}


def warn_if_replaced(font: str, used: Iterable[str]) -> None:
    """Warn where none of the fonts that a text is written in is the one that was asked for.

    Arguments:
        font: its name, or several with commas between, of which the first that exists is meant.
        used: PostScript names of fonts, such as `DejaVuSans-Bold`.

    >>> import warnings
    >>> with warnings.catch_warnings(record=True, action="always") as caught:
    ...     warn_if_replaced("DejaVu Sans", ["DejaVuSans-Bold"])
    ...     warn_if_replaced("Futura", ["DejaVuSans"])
    >>> print(*(warning.message for warning in caught), sep="\\n")
    there is no font 'Futura': Graphviz writes in DejaVuSans instead; install it, or pass another font
    """
    used, asked = list(used), [name.strip() for name in font.split(",")]
    if used and not any(letters(name) in _ANY or _is_among(name, used) for name in asked):
        message = f"there is no font {quoted(font)}: Graphviz writes in {', '.join(used)} instead"
        warn_caller(f"{message}; install it, or pass another font", UserWarning)


def _is_among(name: str, used: Iterable[str]) -> bool:
    """Return True if this may be the name of one of the fonts, whose own names may have initials for the first words.

    >>> _is_among("Latin Modern Roman", ["LMRoman10-Regular"]), _is_among("Arial", ["LiberationSans"])
    (True, False)
    """
    words = re.findall(r"\w+", name)
    spelled = (letters("".join([*(word[0] for word in words[:n]), *words[n:]])) for n in range(len(words)))
    return any(letters(font).startswith(spelling) for spelling in spelled for font in used)
