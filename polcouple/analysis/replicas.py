"""Replicas that change places: which ensemble each had when, and the frames that one ensemble had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property, reduce
from pathlib import Path

import numpy as np

from polcouple.analysis.runs import Frame, Run
from polcouple.errors import InputError
from polcouple.ipi.files import exchange_file, system_names
from polcouple.ipi.input import read_xml
from polcouple.ipi.output import last_of_each
from polcouple.ipi.units import to_atomic_units
from polcouple.units import KELVIN_TO_HARTREE


@dataclass(frozen=True, eq=False)
class Exchanges:
    """Which ensemble each replica has.

    Attributes:
        steps: (n,) ascending; i-PI exchanges at the end of a step, before it writes that step's outputs, and
            counts the first step as 0, its outputs as those of step 1.
        ensembles: (n, n_replicas) number of the ensemble that each replica has from then on; before, it is
            the replica's own number.
        names: of the ensembles: "300 K".
    """

    steps: np.ndarray
    ensembles: np.ndarray
    names: Sequence[str]

    def at(self, steps: np.ndarray) -> np.ndarray:
        """(n, n_replicas) ensemble of each replica in the outputs of ``steps`` (n,)."""
        first = np.arange(len(self.names))[None, :]
        return np.concatenate([first, self.ensembles])[np.searchsorted(self.steps, steps, side="left")]


def read_exchanges(directory: Path) -> Exchanges | None:
    """Of a run; None of one whose replicas exchange nothing.

    Raises:
        InputError: the file of exchanges is not i-PI's.
    """
    root = read_xml(directory / "input.xml")
    name = exchange_file(root)
    if name is None:
        return None
    path, names = directory / name, ensemble_names(directory)
    text = path.read_text() if path.is_file() else ""
    # a line without its end is being written
    lines = text[: text.rfind("\n") + 1].splitlines()
    try:
        rows = np.array([line.split() for line in lines], dtype=int).reshape(-1, 1 + len(names))
        if (np.sort(rows[:, 1:], axis=1) != np.arange(len(names))).any():
            raise ValueError
    except ValueError:
        raise InputError(f"{path}: not a list of exchanges between {len(names)} replicas") from None
    rows = rows[last_of_each(rows[:, 0])]
    return Exchanges(rows[:, 0], rows[:, 1:], names)


def ensemble_names(directory: Path) -> list[str]:
    """The systems' temperatures where these tell them apart, else their prefixes."""
    path = directory / "input.xml"
    prefixes = system_names(path)
    found = []
    for system in read_xml(path).findall("system"):
        element = system.find("ensemble/temperature")
        if element is not None and element.text:
            unit = to_atomic_units("temperature", element.get("units", ""), f"{path}: <temperature>")
            found.append(f"{float(element.text) * unit / KELVIN_TO_HARTREE:.6g} K")
    return found if len(set(found)) == len(prefixes) else prefixes


@dataclass(frozen=True, eq=False)
class EnsembleRun(Run):
    """The frames that one ensemble had, each from the replica that had it: no trajectory, but its averages.

    Attributes:
        replicas: runs of all replicas, in i-PI's order.
        exchanges: between them.
        number: of the ensemble.
    """

    replicas: Sequence[Run] = ()
    exchanges: Exchanges | None = None
    number: int = 0

    @cached_property
    def steps(self) -> np.ndarray:
        """(n_frames,) steps at which all replicas have written positions."""
        return reduce(np.intersect1d, [one.steps for one in self.replicas])

    def frame(self, number: int) -> Frame:
        """Of the replica that had the ensemble."""
        step = int(self.steps[number])
        own = self.replicas[int(self._owners(self.steps[number : number + 1])[0])]
        return own.frame(int(np.searchsorted(own.steps, step)))

    def charges(self) -> Iterator[tuple[int, np.ndarray]]:
        """Step and electrode charges of the replica that had the ensemble.

        Raises:
            InputError: as :meth:`Run.charges`, or the replicas wrote them at different steps.
        """
        for found in zip(*(one.charges() for one in self.replicas), strict=False):
            steps = np.array([step for step, _ in found])
            if (steps != steps[0]).any():
                raise InputError(f"{self.directory}: replicas have charges of other steps; repeat the run")
            yield found[int(self._owners(steps[:1])[0])]

    def _owners(self, steps: np.ndarray) -> np.ndarray:
        """(n,) which replica had the ensemble."""
        assert self.exchanges is not None
        return np.asarray((self.exchanges.at(steps) == self.number).argmax(axis=1))


def by_ensemble(replicas: Sequence[Run], exchanges: Exchanges) -> list[EnsembleRun]:
    """One run for each ensemble, of the same replicas."""
    own = {one.name: getattr(replicas[0], one.name) for one in fields(Run)}
    return [
        EnsembleRun(**own, replicas=replicas, exchanges=exchanges, number=number)
        for number in range(len(replicas))
    ]
