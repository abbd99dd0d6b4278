"""Radial wave functions of a parameter set, in DFTB+'s format ``wfc.hsd`` that its program waveplot reads.

    chi(r) = Y_lm(r/|r|) sum_ij a_ij |r|^(l + j) exp(-alpha_i |r|),   j = 0, 1, ...

up to a cut-off, zero beyond it, with real spherical harmonics in the order of :mod:`.slater_koster`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.dftb.skf import Parameters
from polcouple.errors import InputError

_TOKEN = re.compile(r"[{}=]|[^\s{}=]+")
#: a radial function is normalised to this (DFTB+'s sets are to 1e-4, within their cut-offs)
_NORM = 0.02


@dataclass(frozen=True, eq=False)
class Radial:
    """The radial part of a shell.

    Attributes:
        momentum: l.
        occupation: electrons in the shell of the neutral atom.
        cutoff: in bohr.
        exponents: (n,) alpha in 1/bohr.
        coefficients: (n, m) a.
    """

    momentum: int
    occupation: float
    cutoff: float
    exponents: np.ndarray
    coefficients: np.ndarray

    def __call__(self, distances: np.ndarray) -> np.ndarray:
        """Values (p,) in bohr^(-3/2) at ``distances`` (p,) in bohr."""
        total = np.zeros_like(distances)
        for exponent, row in zip(self.exponents, self.coefficients, strict=True):
            total += np.polynomial.polynomial.polyval(distances, row) * np.exp(-exponent * distances)
        return np.asarray(np.where(distances < self.cutoff, total * distances**self.momentum, 0.0))


def read_wave_functions(
    path: Path, symbols: Sequence[str], parameters: Parameters
) -> dict[str, tuple[Radial, ...]]:
    """The shells s, p, (d) of each element of ``symbols``.

    Raises:
        InputError: missing or malformed, an element is not in it, or it is of another set than
            ``parameters``: shells or their occupations differ.
    """
    try:
        content = _parse(path.read_text())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the set's wfc.hsd") from None
    except (ValueError, StopIteration, UnicodeDecodeError):
        raise InputError(f"{path}: no wave functions in DFTB+'s format; give the set's wfc.hsd") from None
    found = {}
    for symbol in sorted(set(symbols)):
        if symbol not in content:
            known = ", ".join(sorted(content))
            raise InputError(f"{path}: has no wave functions of {symbol}, those it has are {known}")
        found[symbol] = _shells(path, symbol, content[symbol])
        own, atom = found[symbol], parameters.atoms[symbol]
        occupations = [shell.occupation for shell in own]
        if len(own) != atom.n_shells or not np.allclose(occupations, atom.occupation, atol=1e-3):
            raise InputError(
                f"{path}: its {symbol} has shells with {occupations} electrons, that of the parameter set"
                f" {list(atom.occupation)}; give the wave functions of the same set"
            )
    return found


def _shells(path: Path, symbol: str, element: Any) -> tuple[Radial, ...]:
    try:
        shells = sorted((_radial(one) for one in element["Orbital"]), key=lambda shell: shell.momentum)
    except (KeyError, ValueError, TypeError, IndexError):
        raise InputError(f"{path}: the orbitals of {symbol} are not complete; copy the file again") from None
    if [shell.momentum for shell in shells] != list(range(len(shells))):
        raise InputError(f"{path}: {symbol} has shells l = {[s.momentum for s in shells]}, not s, p, d")
    for shell in shells:
        r = np.linspace(0.0, shell.cutoff, 2001)[:-1]
        norm = float(np.trapezoid((r * shell(r)) ** 2, r))
        if abs(norm - 1.0) > _NORM:
            raise InputError(
                f"{path}: the norm of {symbol}'s orbital with l = {shell.momentum} is {norm:.3f}, not 1; copy"
                " the file again"
            )
    return tuple(shells)


def _radial(words: Any) -> Radial:
    exponents = np.array([float(x) for x in words["Exponents"]])
    coefficients = np.array([float(x) for x in words["Coefficients"]]).reshape(len(exponents), -1)
    (momentum,), (occupation,), (cutoff,) = (words[k] for k in ("AngularMomentum", "Occupation", "Cutoff"))
    return Radial(int(momentum), float(occupation), float(cutoff), exponents, coefficients)


def _parse(text: str) -> dict[str, Any]:
    """Nested blocks; ``Orbital`` is a list, and everything else that is no block a list of words."""
    text = re.sub(r"#.*", "", text)
    tokens = iter([*_TOKEN.findall(text), "}"])
    found: dict[str, Any] = _block(tokens)
    if next(tokens, None) is not None:
        raise ValueError("a closing brace too many")
    return found


def _block(tokens: Any) -> Any:
    entries: dict[str, Any] = {"Orbital": []}
    words: list[str] = []
    for token in tokens:
        if token == "}":
            return words if words else {k: v for k, v in entries.items() if v != []}
        if token != "=":
            words.append(token)
            continue
        name = words.pop()
        if words:
            raise ValueError("a value without a name")
        value = next(tokens)
        content = _block(tokens) if value == "{" else [value]
        if name == "Orbital":
            entries["Orbital"].append(content)
        else:
            entries[name] = content
    raise ValueError("a closing brace is missing")
