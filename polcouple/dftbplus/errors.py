"""What can go wrong between us and DFTB+."""

from __future__ import annotations

from polcouple.errors import PolcoupleError


class DftbPlusError(PolcoupleError):
    """DFTB+ crashed, ran out of time, refused its input or left unusable output; carries its own message."""


class NotConvergedError(DftbPlusError):
    """DFTB+ reached its largest number of SCC cycles.

    Attributes:
        cycles: how many it did.
        residual: SCC error of the last one in e.
    """

    def __init__(self, message: str, cycles: int, residual: float) -> None:
        super().__init__(message)
        self.cycles = cycles
        self.residual = residual
