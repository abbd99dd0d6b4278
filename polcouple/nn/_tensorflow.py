"""TensorFlow, imported late and without its start-up messages."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from types import ModuleType

from polcouple.errors import InputError


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Discard what native code writes to file descriptor 2; Python exceptions are not affected."""
    sys.stderr.flush()
    saved = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


@cache
def tensorflow() -> ModuleType:
    """The tensorflow module; its banner goes to stderr before any log level is read, hence the detour.

    Raises:
        InputError: it is not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _quiet_stderr():
        try:
            import tensorflow as tf
        except ModuleNotFoundError as error:
            if error.name != "tensorflow":
                raise
            raise InputError(
                "TensorFlow, which trains networks and evaluates classifiers, is not installed: `pip install"
                " tensorflow`; response nets and all other backends do without it"
            ) from None

        tf.config.list_physical_devices()
        tf.constant(0.0) + 1.0
    return tf
