"""Numbers as words: what is zero but for rounding reads 0, and zero has no sign."""

from __future__ import annotations

#: below this a number is what rounding left of a zero; everything that is shown is in units of its kind
ROUNDING = 1e-12


def fixed(value: float, decimals: int, sign: bool = False) -> str:
    """``-1.2346`` or, with ``sign``, ``+1.2346``: so many digits after the point; never ``-0.0000``."""
    text = f"{value:{'+' if sign else ''}.{decimals}f}"
    return text if any(digit in text for digit in "123456789n") else text.lstrip("+-")


def significant(value: float, digits: int = 4, sign: bool = False) -> str:
    """``-1.235e+05``: so many digits; ``0`` below 1e-12."""
    return "0" if abs(value) < ROUNDING else f"{value:{'+' if sign else ''}.{digits}g}"


def is_rounding(error: float, value: float) -> bool:
    """Whether the error of a value is one of rounding alone."""
    return abs(error) < ROUNDING * max(1.0, abs(value))


def charge(value: float, digits: int = 6) -> str:
    """``-1.5 e``, ``0 e``."""
    return f"{significant(value, digits, sign=True)} e"
