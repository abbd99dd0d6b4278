"""Cases made in Python: the same as from files, and refused where a file would be."""

import copy

import numpy as np
import pytest
import yaml
from conftest import SMALL

from polcouple import InputError, create_case
from polcouple.units import BOHR_TO_ANGSTROM


@pytest.fixture
def system():
    return yaml.safe_load((SMALL / "system.yaml").read_text())


def test_it_is_the_case_of_the_files(small_case, system):
    given = small_case.positions.copy()
    made = create_case(system, list(small_case.symbols), given, small_case.cell.tolist(), SMALL)
    assert made.system == small_case.system
    assert made.symbols == small_case.symbols
    for name in ("positions", "cell", "charges", "electrode_indices", "ion_indices"):
        assert np.array_equal(getattr(made, name), getattr(small_case, name)), name
    given += 1.0
    assert np.array_equal(made.positions, small_case.positions)


def refused(case, system, symbols=None, positions=None, cell=None):
    with pytest.raises(InputError) as error:
        create_case(
            system,
            case.symbols if symbols is None else symbols,
            case.positions if positions is None else positions,
            case.cell if cell is None else cell,
        )
    return str(error.value)


def test_faults_of_the_content(small_case, system):
    def changed(place, value):
        other = copy.deepcopy(system)
        section = other
        for key in place[:-1]:
            section = section[key]
        section[place[-1]] = value
        return refused(small_case, other)

    assert changed(["refrsh"], {}).startswith("system: unknown key 'refrsh' (did you mean 'refresh'?)")
    assert "system: force_field.cutoff_angstrom: Input should be" in changed(
        ["force_field", "cutoff_angstrom"], -1
    )
    assert "the cell is not neutral" in changed(["electrodes", 0, "total_charge_e"], -2.0)
    assert "topology describes 576 atoms, the structure holds 579" in changed(["topology", 1, "count"], 157)


def test_faults_of_the_atoms(small_case, system):
    angstrom = small_case.positions * BOHR_TO_ANGSTROM
    said = refused(small_case, system, positions=angstrom, cell=small_case.cell * BOHR_TO_ANGSTROM)
    assert "seem to be in Angstrom and were read in bohr; give positions and cell in bohr" in said
    assert "in Angstrom and were read in bohr" in refused(small_case, system, positions=angstrom)
    assert "positions of shape (578, 3)" in refused(small_case, system, positions=angstrom[:-1])
    assert "cell of shape (3,)" in refused(small_case, system, cell=[30.0, 30.0, 100.0])
    assert "must be an array of numbers" in refused(small_case, system, positions="init.xyz")
    broken = small_case.positions.copy()
    broken[5, 1] = np.nan
    assert "must be finite numbers" in refused(small_case, system, positions=broken)
    turned = small_case.cell[[1, 0, 2]]
    assert "turn the structure" in refused(small_case, system, cell=turned)
