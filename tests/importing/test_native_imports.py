"""The native engine on imported liquids: OpenMM's and GROMACS' forces, at the accuracy that is asked for."""

import numpy as np
import pytest
from gromacs_run import PAIRS, RECORDED, file_name
from gromacs_systems import charges_of_sheet, liquids
from imported_systems import with_tolerance
from test_gromacs import GRAPHENE, files_of

from polcouple.engines.base import create_engine
from polcouple.engines.openmm import ClassicalEngine
from polcouple.importing.gromacs import read_gromacs
from polcouple.importing.writing import import_case
from polcouple.units import ANGSTROM_TO_BOHR, KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR


def difference(forces, expected):
    return np.sqrt(((forces - expected) ** 2).mean() / (expected**2).mean())


@pytest.mark.parametrize("name", liquids())
def test_forces_are_as_accurate_as_asked_for(tmp_path, name):
    """Against OpenMM's Reference platform at 1e-8, and as GROMACS has recorded them."""
    recorded = np.load(RECORDED / file_name(name))
    source = read_gromacs(*files_of(tmp_path, name, recorded["positions_0"]), PAIRS)
    case = import_case(tmp_path / "case", source, GRAPHENE)
    charges, liquid = charges_of_sheet(len(case.electrode)), case.electrolyte_indices
    exact = ClassicalEngine(with_tolerance(case, 1e-8), "all", "Reference")
    exact.set_charges(charges)
    expected_energy, expected = exact.evaluate(case.positions)
    for tolerance in (5e-5, 1e-6):
        engine, lacking = create_engine(with_tolerance(case, tolerance), "all", "native", 1)
        assert lacking is None
        engine.set_charges(charges)
        energy, forces = engine.evaluate(case.positions)
        assert difference(forces[liquid], expected[liquid]) < tolerance
        assert energy == pytest.approx(expected_energy, abs=tolerance)
    original = recorded["forces_0"][case.given.atoms][liquid] * KJ_PER_MOL_NM_TO_HARTREE_PER_BOHR
    # the default of a case, by OpenMM's CPU platform as well
    coarse = ClassicalEngine(case, "all", "CPU", 1)
    coarse.set_charges(charges)
    assert difference(coarse.evaluate(case.positions)[1][liquid], original) < 1e-4
    # positions are written with ten decimals, forces with seven digits; rigid waters are put into their shape
    assert difference(forces[liquid], original) < 2e-5
    assert np.abs(case.positions - recorded["positions_0"][case.given.atoms] * ANGSTROM_TO_BOHR).max() < 3e-5
