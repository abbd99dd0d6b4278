"""DFTB+ input of a frozen electrode among point charges, written by ASE's calculator.

ASE's `Dftb` is handed every keyword that matters, because some of its defaults do harm (ASE 3.29):

- ParserVersion = 1 makes DFTB+ switch shell-resolved SCC on; here it is :data:`PARSER_VERSION`.
- IgnoreUnprocessedNodes = Yes hides misspelt keywords; here DFTB+ refuses them.
- ``embed`` writes the point-charge block after any value that contains "DFTB" (a path, say) and the charges
  with six decimals; here the block is made of ordinary keywords, and the file is written in full precision.
- The prefix of the .skf files is not quoted; here it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.dftb.skf import load_parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.units import BOHR_TO_ANGSTROM, KELVIN_TO_HARTREE

#: of the input; DFTB+ 24.1 and newer understand it, and convert it should theirs be newer
PARSER_VERSION = 14

POINT_CHARGES_FILE = "dftb_external_charges.dat"

#: keywords that have an option or a meaning of their own, in lower case, and where they come from
_RESERVED = {
    "driver": "the electrode is frozen",
    "geometry": "it is the case's electrode",
    "hamiltonian_charge": "it is the case's total charge",
    "hamiltonian_convergentscconly": "charges that are not converged are never used",
    "hamiltonian_electricfield_pointcharges": "they are the case's electrolyte",
    "hamiltonian_filling_temperature": "use the option temperature_kelvin",
    "hamiltonian_initialcharges": "they are the last charges",
    "hamiltonian_kpointsandweights": "use the option k_points",
    "hamiltonian_maxscciterations": "use the option max_cycles",
    "hamiltonian_orbitalresolvedscc": "use the option shell_resolved",
    "hamiltonian_readinitialcharges": "the last charges are passed on without it",
    "hamiltonian_scc": "charges need it",
    "hamiltonian_scctolerance": "use the option scc_tolerance",
    "hamiltonian_shellresolvedscc": "use the option shell_resolved",
    "hamiltonian_slaterkosterfiles": "use the option slako",
    "options_writedetailedout": "it is read",
    "options_writeresultstag": "it is read",
    "parseroptions": "another version would change the meaning of the input",
}

Value = bool | int | float | str


@dataclass(frozen=True)
class Method:
    """The electronic problem, as the user sets it.

    Attributes:
        slako: directory of the files ``A-B.skf``.
        temperature_kelvin: of the Fermi filling.
        k_points: Monkhorst-Pack mesh.
        shell_resolved: a Hubbard U per shell instead of per atom.
        scc_tolerance: in e.
        max_cycles: SCC cycles.
        overrides: further keywords as ASE's `Dftb` takes them, for example
            ``{"Hamiltonian_Mixer_": "Anderson", "Hamiltonian_Mixer_MixingParameter": 0.05}``.
    """

    slako: Path
    temperature_kelvin: float
    k_points: tuple[int, int, int]
    shell_resolved: bool
    scc_tolerance: float
    max_cycles: int
    overrides: Mapping[str, Value]


class InputWriter:
    """Writes what DFTB+ reads, for one electrode and any electrolyte around it.

    Attributes:
        warnings: what the parameter set assumes and the input does not have.

    Raises:
        InputError: parameters missing for a pair of elements, an override that is not the user's to set, or
            k-points without periodicity.
    """

    def __init__(self, electrode: Electrode, method: Method) -> None:
        self._electrode = electrode
        self._periodic = any(electrode.pbc)
        self._method = method
        if not self._periodic and tuple(method.k_points) != (1, 1, 1):
            raise InputError(f"k_points {list(method.k_points)}: the electrode is not periodic")
        parameters = load_parameters(
            method.slako, electrode.symbols, _overridden(method, "rangeseparated", "hybrid")
        )
        self.warnings = parameters.warnings(method.shell_resolved, _overridden(method, "thirdorder"))
        angular_momenta = {symbol: "spd"[atom.n_shells - 1] for symbol, atom in parameters.atoms.items()}
        self._fixed_keywords = _keywords(method, angular_momenta)

    def write(
        self,
        directory: Path,
        total_charge: float,
        positions: np.ndarray,
        charges: np.ndarray,
        initial_charges: np.ndarray | None = None,
    ) -> None:
        """Write ``dftb_in.hsd``, ``geo_end.gen`` and the point charges into ``directory``.

        Args:
            directory: exists and is empty.
            total_charge: of the electrode in e.
            positions: (m, 3) of the electrolyte in bohr, in any lattice image; none when the potential
                reaches DFTB+ another way.
            charges: (m,) in e.
            initial_charges: (n,) in e to start the SCC cycles from; neutral atoms when None.
        """
        from ase import Atoms
        from ase.calculators.dftb import Dftb

        electrode = self._electrode
        keywords = {**self._fixed_keywords, "Hamiltonian_Charge": repr(float(total_charge))}
        if len(charges):
            keywords |= _point_charge_keywords(len(charges))
            table = np.column_stack([self._folded(positions) * BOHR_TO_ANGSTROM, charges])
            np.savetxt(directory / POINT_CHARGES_FILE, table, fmt="%24.16e")
        if initial_charges is not None:
            keywords |= _initial_charge_keywords(initial_charges)
        atoms = Atoms(
            electrode.symbols,
            positions=electrode.positions * BOHR_TO_ANGSTROM,
            cell=electrode.cell * BOHR_TO_ANGSTROM if self._periodic else None,
            pbc=self._periodic,
        )
        calculator = Dftb(
            command="unused",
            directory=str(directory),
            slako_dir=f"{self._method.slako}/",
            kpts=tuple(self._method.k_points) if self._periodic else None,
            **keywords,
        )
        calculator.write_input(atoms)

    def _folded(self, positions: np.ndarray) -> np.ndarray:
        """The images inside the cell: neighbour searches need not reach further."""
        if not self._periodic:
            return positions
        fractional = np.linalg.solve(self._electrode.cell.T, positions.T).T
        return positions - np.floor(fractional) @ self._electrode.cell


def _keywords(method: Method, angular_momenta: Mapping[str, str]) -> dict[str, Value]:
    """Everything but charge and surroundings, in ASE's notation."""
    keywords: dict[str, Value] = {
        "Hamiltonian_SCC": "Yes",
        "Hamiltonian_SCCTolerance": repr(method.scc_tolerance),
        "Hamiltonian_MaxSCCIterations": method.max_cycles,
        "Hamiltonian_ShellResolvedSCC": "Yes" if method.shell_resolved else "No",
        "Hamiltonian_Filling_": "Fermi",
        "Hamiltonian_Filling_Temperature": repr(method.temperature_kelvin * KELVIN_TO_HARTREE),
        "Hamiltonian_SlaterKosterFiles_Prefix": f'"{method.slako.resolve()}/"',
        "ParserOptions_ParserVersion": PARSER_VERSION,
        "ParserOptions_IgnoreUnprocessedNodes": "No",
    }
    for symbol, shell in angular_momenta.items():
        keywords[f"Hamiltonian_MaxAngularMomentum_{symbol}"] = f'"{shell}"'
    for key, value in method.overrides.items():
        _check_override(key)
        keywords[key] = ("Yes" if value else "No") if isinstance(value, bool) else value
    for key in list(method.overrides):
        parts = key.rstrip("_").split("_")
        for depth in range(1, len(parts)):
            # ASE closes the braces of a block only if the block itself is among the keywords
            keywords.setdefault(
                "_".join(parts[:depth]) + "_", "DFTB" if parts[:depth] == ["Hamiltonian"] else ""
            )
    return keywords


def _overridden(method: Method, *beginnings: str) -> bool:
    """Whether the user sets a keyword of the Hamiltonian that begins so."""
    keys = [key.lower() for key in method.overrides]
    return any(key.startswith(f"hamiltonian_{beginning}") for key in keys for beginning in beginnings)


def _check_override(key: str) -> None:
    name = key.lower().split(" ")[0].rstrip("_")
    for reserved, reason in _RESERVED.items():
        if name == reserved or name.startswith(reserved + "_"):
            raise InputError(f"overrides: '{key}' cannot be set here: {reason}")
    if "_" not in key:
        raise InputError(
            f"overrides: '{key}' names no block; write it as ASE's Dftb does, like 'Hamiltonian_{key}'"
        )


def _point_charge_keywords(count: int) -> dict[str, Value]:
    block = "Hamiltonian_ElectricField_PointCharges_"
    table = f"{block}CoordsAndCharges [Angstrom]_"
    return {
        "Hamiltonian_ElectricField_": "",
        block: "",
        table: "DirectRead",
        f"{table}Records": count,
        f"{table}File": f'"{POINT_CHARGES_FILE}"',
    }


def _initial_charge_keywords(charges: np.ndarray) -> dict[str, Value]:
    block = "Hamiltonian_InitialCharges_"
    values = "\n".join(f"{charge:.16e}" for charge in charges)
    return {block: "", f"{block}AllAtomCharges_": "", f"{block}AllAtomCharges_empty000": values}
