"""Atoms in one place are named before i-PI gets their forces; what was written of the run stays."""

import re

import numpy as np
import pytest

from polcouple.coupling.electrodes import create_coupled
from polcouple.coupling.forces import ForceProvider
from polcouple.errors import InputError


@pytest.mark.parametrize("platform", ["native", "CPU"])
@pytest.mark.parametrize("distance", [0.0, 1e-3, 0.2])
def test_the_atoms_are_named(small_case, platform, distance):
    """An ion on a water's oxygen (bohr); the backend does not look at them."""
    provider = ForceProvider(small_case, create_coupled(small_case, "fixed"), platform=platform, threads=1)
    usual = provider.evaluate(small_case.positions, small_case.cell)
    ion, oxygen = int(small_case.ion_indices[0]), int(small_case.water_oxygens[3])
    positions = small_case.positions.copy()
    positions[ion] = positions[oxygen] + [distance, 0.0, 0.0]
    with pytest.raises(InputError) as refused:
        provider.evaluate(positions, small_case.cell)
    said = str(refused.value)
    found = re.search(
        r"the force on atom (\d+) is \S+ Hartree/bohr, and atom (\d+) is (\S+) Angstrom away", said
    )
    assert {int(found[1]), int(found[2])} == {ion, oxygen}
    assert float(found[3]) == pytest.approx(0.529 * distance, abs=0.01)
    assert "minimise the structure or shorten the step" in said and "\n" not in said
    again = provider.evaluate(small_case.positions, small_case.cell)
    assert again.energy == pytest.approx(usual.energy, abs=1e-5)
    assert np.abs(again.forces - usual.forces).max() < 1e-5
