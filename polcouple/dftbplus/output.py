"""What DFTB+ leaves: ``results.tag`` (numbers), ``detailed.out`` (convergence), ``dftb.out`` (echo)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.dftbplus.errors import DftbPlusError, NotConvergedError

STDOUT = "dftb.out"

_NOT_CONVERGED = "SCC is NOT converged"


@dataclass(frozen=True, eq=False)
class Output:
    """A converged calculation.

    Attributes:
        charges: (n,) Mulliken charges in e.
        mermin_energy: total Mermin free energy in Hartree, with the interaction with the point charges and
            the repulsive energy of the atoms.
        fermi_level: in Hartree.
        cycles: SCC cycles.
        residual: SCC error of the last cycle in e.
    """

    charges: np.ndarray
    mermin_energy: float
    fermi_level: float
    cycles: int
    residual: float


def read_output(directory: Path, n_atoms: int, shell_resolved: bool) -> Output:
    """Read a finished calculation, after checking that it converged and solved the problem that was set.

    Raises:
        NotConvergedError: DFTB+ says so.
        DftbPlusError: output is missing or truncated, or DFTB+ echoes another problem.
    """
    raise_if_not_converged(directory)
    echo = _text(directory / STDOUT)
    if "ERROR!" in echo:
        raise DftbPlusError(failure_message(directory))
    detailed = _text(directory / "detailed.out")
    if "SCC converged" not in detailed:
        raise DftbPlusError("detailed.out is truncated: it does not say that the SCC cycles converged")
    _check_echo(echo, "Self consistent charges", "Yes")
    _check_echo(echo, "Shell resolved Hubbard", "Yes" if shell_resolved else "No")
    tags = read_tags(directory / "results.tag")
    charges = _tag(tags, "gross_atomic_charges")
    if len(charges) != n_atoms:
        raise DftbPlusError(f"results.tag has charges of {len(charges)} atoms, expected {n_atoms}")
    energy, fermi = float(_tag(tags, "mermin_energy")[0]), float(_tag(tags, "fermi_level")[0])
    return Output(charges, energy, fermi, *_last_cycle(detailed))


def raise_if_not_converged(directory: Path) -> None:
    """Raise NotConvergedError if DFTB+ says that the SCC cycles did not converge."""
    for name in ("detailed.out", STDOUT):
        path = directory / name
        text = path.read_text(errors="replace") if path.is_file() else ""
        if _NOT_CONVERGED in text:
            cycles, residual = _last_cycle(text)
            message = f"{_NOT_CONVERGED} in {cycles} cycles (SCC error {residual:.1e} e)"
            raise NotConvergedError(message, cycles, residual)


def read_tags(path: Path) -> dict[str, np.ndarray]:
    """All real numbers of a ``results.tag``, each as a flat array in the file's (Fortran) order.

    Raises:
        DftbPlusError: the file is missing, or truncated within a tag.
    """
    tags: dict[str, np.ndarray] = {}
    pattern = re.compile(r"^(\w+)\s*:(\w+):(\d+):(.*)$", re.MULTILINE)
    text = _text(path)
    headers = list(pattern.finditer(text))
    for index, header in enumerate(headers):
        name, kind, _, shape = header.groups()
        end = headers[index + 1].start() if index + 1 < len(headers) else len(text)
        if kind != "real":
            continue
        count = int(np.prod([int(n) for n in shape.split(",")])) if shape.strip() else 1
        words = text[header.end() : end].split()
        try:
            values = np.array(words, dtype=float)
        except ValueError:
            raise DftbPlusError(f"{path.name}: '{name}' is not a list of numbers") from None
        if len(values) != count:
            raise DftbPlusError(f"{path.name} is truncated: '{name}' has {len(values)} of {count} numbers")
        tags[name] = values
    return tags


def failure_message(directory: Path) -> str:
    """DFTB+'s own words about why it stopped, on one line; the end of its output where it has none."""
    path = directory / STDOUT
    text = path.read_text(errors="replace") if path.is_file() else ""
    lines = [line.strip() for line in text.splitlines()]
    words: list[str] = []
    for index, line in enumerate(lines):
        # misspelt keywords are listed in a warning, and the error that follows does not name them
        if line.startswith("ERROR!") or "ignored by the parser" in line:
            block = lines[index:]
            words += block[: block.index("")] if "" in block else block
    if not words:
        words = [line for line in lines if line][-3:]
    message = " ".join(word.removeprefix("->").strip() for word in words if word != "ERROR!")
    if "parser version" in message.lower():
        message += " (DFTB+ 24.1 or newer is needed)"
    return message or "no output"


def _text(path: Path) -> str:
    if not path.is_file():
        raise DftbPlusError(f"DFTB+ left no {path.name}")
    return path.read_text(errors="replace")


def _tag(tags: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in tags or not tags[name].size:
        raise DftbPlusError(f"results.tag has no '{name}'")
    if not np.isfinite(tags[name]).all():
        raise DftbPlusError(f"results.tag: '{name}' is not finite")
    return tags[name]


def _last_cycle(text: str) -> tuple[int, float]:
    """Number and SCC error of the last cycle in detailed.out or dftb.out; 0 and NaN where there is none."""
    number = r"[-+]?\d+\.\d+E[-+]\d+"
    found = re.findall(rf"^\s*(\d+)\s+{number}\s+{number}\s+({number})\s*$", text, re.MULTILINE)
    return (int(found[-1][0]), float(found[-1][1])) if found else (0, float("nan"))


def _check_echo(text: str, label: str, expected: str) -> None:
    found = re.search(rf"^{label}:\s*(\S+)", text, re.MULTILINE)
    if found is None or found[1] != expected:
        said = f"'{found[1]}'" if found else "nothing"
        raise DftbPlusError(f"DFTB+ echoes {said} as '{label}', but '{expected}' was asked for")
