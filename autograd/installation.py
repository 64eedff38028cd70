"""Notice where another distribution has put its files among those of this package."""

import os
import warnings

_OF_HIPS = ("numpy", "tracer.py")  # a folder and a file of HIPS autograd, names that this package does not use


def warn_of_hips(folder: str) -> None:
    """Warn, at the import of the package, if HIPS autograd has been installed into the same folder.

    Its import name is the same, so each of the two overwrites the `__init__.py` of the other; if it was installed last,
    that file is its own, and nothing here runs.
    """
    if any(os.path.exists(os.path.join(folder, name)) for name in _OF_HIPS):
        warnings.warn(
            f"HIPS autograd has been installed into the folder of scalar-autograd, {folder}, where each overwrites "
            "files of the other: make an environment for each, with python -m venv, and install it there.",
            stacklevel=3,  # where the package is imported
        )
