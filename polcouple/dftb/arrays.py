"""Dense arrays of NumPy or of JAX, which computes on a GPU where it sees one.

What costs n^3 operations is written once, in operators and in functions of the namespace that an array
names itself (the Python array API standard, https://data-apis.org/array-api). Matrices of a block live where
its eigenvectors live; vectors over sites and levels are NumPy's, on the host.
"""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

import numpy as np

from polcouple.errors import InputError

ArrayLibrary: TypeAlias = Literal["numpy", "jax"]
#: np.ndarray or jax.Array
Array: TypeAlias = Any


def namespace(array: Array) -> Any:
    """The functions that work on ``array``: ``numpy`` or ``jax.numpy``."""
    return array.__array_namespace__()


def check_installed(library: ArrayLibrary) -> None:
    """To be called before long work whose arrays ``library`` is to take.

    Raises:
        InputError: JAX is not installed.
    """
    if library == "jax":
        _jax_numpy()


def to_device(array: np.ndarray, library: ArrayLibrary) -> Array:
    """``array`` where ``library`` computes."""
    return array if library == "numpy" else _jax_numpy().asarray(array)


def to_host(array: Array) -> np.ndarray:
    """``array`` as NumPy's."""
    return np.asarray(array)


def _jax_numpy() -> Any:
    # OpenMM and TensorFlow want memory of the same GPU; JAX would take three quarters of it at once
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    try:
        import jax
    except ImportError:
        raise InputError(
            "array_library: jax needs JAX, which is not installed: pip install 'polcouple[gpu]', "
            "or leave array_library out"
        ) from None
    jax.config.update("jax_enable_x64", True)
    # GPUs shorten the factors of single-precision products to 10 bits unless told not to
    jax.config.update("jax_default_matmul_precision", "highest")
    return jax.numpy
