"""Write files whole or not at all, and convert parameters to and from the text of a file.

The file is strict JSON: the name of the format, its version, and each parameter's number by its name. Numbers are read
back to the bit. JSON has no inf and nan, so these are written as strings.
"""

import json
import math
import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

_FORMAT = "scalar-autograd parameters"
_VERSION = 1


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file atomically: at any time, a reader finds either the old content or the new, complete.

    The content goes to a new file in the same folder, which replaces the old one once it is safely on the disk. A
    failure leaves the old file, and no other.

    Arguments:
        path: the file; a link is followed, and stays a link.
        content: text, written as UTF-8, or bytes.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    try:
        with new.open("xb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, new)
        os.replace(new, target)
    except BaseException:  # Ctrl-C as well
        new.unlink(missing_ok=True)
        raise


def numbers_to_text(numbers: Mapping[str, float]) -> str:
    """Return the text of a file of parameters.

    >>> print(numbers_to_text({"weight": 0.5, "bias": math.inf}), end="")
    {
     "format": "scalar-autograd parameters",
     "version": 1,
     "parameters": {
      "weight": 0.5,
      "bias": "inf"
     }
    }
    """
    written = {name: x if math.isfinite(x) else _odd(x) for name, x in numbers.items()}
    document = {"format": _FORMAT, "version": _VERSION, "parameters": written}
    return json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def numbers_from_text(text: str | bytes) -> dict[str, float]:
    """Return the parameters' numbers by name, from the text or the bytes of a file.

    Raises:
        ValueError: the text is damaged, or is not that of a parameter file.

    >>> numbers_from_text(numbers_to_text({"weight": 0.5, "bias": math.inf}))
    {'weight': 0.5, 'bias': inf}
    """
    try:
        document = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:  # thousands of nested lists
        raise ValueError(f"the file is damaged: {problem}") from None
    if not isinstance(document, dict) or document.get("format") != _FORMAT:
        raise ValueError(f'it is not a parameter file: it does not say "format": "{_FORMAT}"')
    if document.get("version") != _VERSION:
        raise ValueError(f"its version is {document.get('version')!r}, this program reads {_VERSION}")
    parameters = document.get("parameters")
    if not isinstance(parameters, dict):
        raise ValueError("the file is damaged: it has no parameters")
    return {name: _number_from(name, x) for name, x in parameters.items()}


def _odd(x: float) -> str:
    """Spell an infinity or a nan; most nans that calculations produce have a negative sign."""
    return "-nan" if math.isnan(x) and math.copysign(1, x) < 0 else str(x)


def _number_from(name: str, x: Any) -> float:
    if x in ("inf", "-inf", "nan", "-nan"):
        return math.copysign(math.nan, -1.0) if x == "-nan" else float(x)
    if type(x) in (int, float) and abs(x) <= sys.float_info.max:
        return float(x)
    shown = repr(x)
    raise ValueError(f"the file is damaged: {name} is {shown if len(shown) < 40 else shown[:37] + '...'}")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice in it")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
