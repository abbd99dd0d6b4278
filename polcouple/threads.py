"""Threads of linear algebra: one a process, unless the environment asks for more.

The matrices here are small, and OpenBLAS's threads wait for one another by spinning: where another program
has a core, a product of matrices takes as long as it takes the scheduler to let all threads run.
"""

from __future__ import annotations

import os

#: in the environment of a program that has no use for more
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
#: what users set who want more
_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def limit_linear_algebra() -> None:
    """Limit the libraries under NumPy and SciPy in this process to one thread.

    Nothing is changed where one of OPENBLAS_NUM_THREADS, OMP_NUM_THREADS or MKL_NUM_THREADS is set and not
    empty. Programs that are started from here are not affected.
    """
    if any(os.environ.get(name) for name in _VARIABLES):
        return
    import numpy  # noqa: F401  (each brings a library of its own, which must be loaded to be limited)
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
