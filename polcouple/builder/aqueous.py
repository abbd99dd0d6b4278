"""Waters of three sites and monatomic ions: a liquid that system.yaml describes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.builder.layout import Layout
from polcouple.builder.options import BuildOptions
from polcouple.builder.packing import Kind, water_places
from polcouple.case.force_field import WATER_MODELS, default_force_field
from polcouple.case.ions import ION_CHARGES
from polcouple.case.model import Case, read_case, write_init_xyz
from polcouple.units import DALTON_TO_ELECTRON_MASS


class Aqueous:
    """Water first, where there is any, then ions."""

    def __init__(self, options: BuildOptions) -> None:
        self._options = options
        self._model = WATER_MODELS[options.water_model]
        self.kinds: list[Kind] = []
        if options.n_water != 0:
            places = water_places(*self._model.shape)
            self.kinds.append(Kind("water", ("O", "H", "H"), places, options.n_water or 0, 0.0, _mass("OHH")))
        for ion, count in options.ions.items():
            charge = ION_CHARGES[ion]
            self.kinds.append(Kind(ion, (ion,), np.zeros((1, 3)), count, charge, _mass([ion])))

    def write(
        self, directory: Path, layout: Layout, kinds: Sequence[Kind], positions: np.ndarray
    ) -> tuple[Case, Sequence[float] | None]:
        """The case without i-PI's inputs, and the masses in electron masses that these need.

        ``positions`` (N, 3) of all atoms are in bohr, the electrodes' first.
        """
        force_field = default_force_field(
            tuple(self._options.ions), layout.cutoff, layout.walls, self._model, layout.parameters
        )
        topology = [{"species": "electrode", "count": len(surface)} for surface in layout.surfaces]
        topology += [{"species": kind.name, "count": kind.count} for kind in kinds]
        content: dict[str, Any] = {
            "format": "polcouple-case-1",
            "topology": topology,
            "force_field": force_field,
            "electrodes": [
                {
                    "name": name,
                    "first_atom": first,
                    "last_atom": last,
                    "total_charge_e": layout.charge_of_each,
                }
                for name, (first, last) in zip(layout.names, layout.runs, strict=True)
            ],
            "refresh": {"interval": 1},
            "backends": {},
        }
        if layout.voltage is not None:
            content["potential"] = {"voltage_volt": layout.voltage}
            content["slab"] = {"displacement_volt_per_angstrom": 0.0}
        (directory / "system.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        symbols = (*layout.symbols, *(symbol for kind in kinds for symbol in kind.symbols * kind.count))
        write_init_xyz(directory / "init.xyz", symbols, positions, layout.cell)
        case = read_case(directory)
        return case, _repartitioned(case, self._options.hydrogen_mass)


def _mass(symbols: Sequence[str]) -> float:
    """In u."""
    from ipi.utils.units import Elements

    return float(sum(Elements.mass(symbol) for symbol in symbols) / DALTON_TO_ELECTRON_MASS)


def _repartitioned(case: Case, hydrogen_mass: float | None) -> list[float] | None:
    """Masses of all atoms in electron masses, the waters' hydrogens being of ``hydrogen_mass`` u."""
    if hydrogen_mass is None:
        return None
    masses, oxygens = case.topology.masses.copy(), case.water_oxygens
    for hydrogen in (1, 2):
        masses[oxygens] += masses[oxygens + hydrogen] - hydrogen_mass * DALTON_TO_ELECTRON_MASS
        masses[oxygens + hydrogen] = hydrogen_mass * DALTON_TO_ELECTRON_MASS
    return [float(mass) for mass in masses]
