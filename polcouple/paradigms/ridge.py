"""Ridge regression from sums over the data, for several strengths at once."""

from __future__ import annotations

import numpy as np

#: strengths, as fractions of the mean square of the scaled descriptors
RIDGES = 10.0 ** np.arange(-12.0, -1.0)


def solutions(square: np.ndarray, product: np.ndarray) -> list[np.ndarray]:
    """Weights w (d,) that minimise |X w - y|^2 + ridge |w scale|^2, one for each of ``RIDGES``.

    Args:
        square: (d, d) X^T X.
        product: (d,) X^T y.
    """
    diagonal = np.diag(square)
    # a descriptor that is always the same, such as that of ions that never come near, gets no weight
    scale = np.sqrt(np.where(diagonal > 1e-14 * diagonal.max(), diagonal, np.inf))
    values, vectors = np.linalg.eigh(square / np.outer(scale, scale))
    inner = vectors.T @ (product / scale)
    return [(vectors @ (inner / (np.maximum(values, 0.0) + ridge))) / scale for ridge in RIDGES]
