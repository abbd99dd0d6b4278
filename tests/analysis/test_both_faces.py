"""The liquid as each of two electrodes sees it, against counts by hand."""

from dataclasses import astuple

import numpy as np
import pytest
from compare_cases import jiggled
from conftest import CAPACITOR

from polcouple.analysis.density import DensityProfile, Species, main_species, species_of
from polcouple.analysis.slab import faces, slab_of, slabs_of
from polcouple.analysis.water import WaterOrientation, dipole_cosines
from polcouple.case.model import read_case
from polcouple.units import ANGSTROM_TO_BOHR

NEAR = 5.0 * ANGSTROM_TO_BOHR


def test_two_electrodes_see_the_same_liquid_from_two_sides():
    case = read_case(CAPACITOR)
    below, above = slabs_of(case)
    assert astuple(below) == astuple(slab_of(case)) and (below.normal, above.normal) == (1.0, -1.0)
    lower, upper = (case.electrode.positions[own, 2].mean() for own in case.electrode_slices)
    assert (below.sheet, above.sheet) == pytest.approx((lower, upper))
    middle = np.linspace(lower + 2.0, upper - 2.0, 7)
    assert below.heights(middle) == pytest.approx(middle - lower)
    assert above.heights(middle) == pytest.approx(upper - middle)
    assert faces(case, below) == pytest.approx([0.0, upper - lower])
    assert faces(case, above) == pytest.approx([upper - lower, 0.0])
    # the middle half of the same liquid
    assert above.bulk == pytest.approx([upper - lower - end for end in below.bulk[::-1]])
    water = species_of(case)[0]
    profile, orientation = DensityProfile(water, above), WaterOrientation(case, above)
    counts, cosines = [], []
    # lopsided: the lower half of the waters is pushed away from the lower electrode
    for positions in jiggled(case, 20):
        for oxygen in case.water_oxygens:
            if positions[oxygen, 2] < 0.5 * (lower + upper):
                positions[oxygen : oxygen + 3, 2] += 1.0
        profile.add(positions)
        orientation.add(positions)
        near = case.water_oxygens[upper - positions[case.water_oxygens, 2] < NEAR]
        counts.append(len(near))
        cosines.extend(-dipole_cosines(positions, near, case.lattice))
    # the profile's last bin ends within half a bin of the distance
    assert float(profile.within(NEAR).value) * above.area == pytest.approx(np.mean(counts), rel=0.05)
    assert float(orientation.mean_within(NEAR).value) == pytest.approx(np.mean(cosines), abs=0.03)
    assert abs(np.mean(cosines)) > 0.05


def test_one_sheet_has_one_face(small_case):
    (only,) = slabs_of(small_case)
    assert astuple(only) == astuple(slab_of(small_case))


@pytest.mark.parametrize(
    ("counts", "main"),
    [
        ({"Li+": 5, "Cl-": 5, "ETH (CA)": 148}, "ETH (CA)"),
        ({"water O": 80, "water H": 160, "Na+": 4, "ETH (CA)": 70}, "water O"),
        ({"water O": 3, "water H": 6, "EMI+ (C)": 40, "BF4- (B)": 40}, "EMI+ (C)"),
    ],
)
def test_the_first_layer_is_of_the_species_with_most_molecules(counts, main):
    species = [Species(name, np.arange(count), name[-1] in "+-") for name, count in counts.items()]
    assert species[main_species(species)].name == main


@pytest.mark.parametrize("distance", [3.0, 3.93, 4.0, 4.1, 4.19])
def test_a_layer_that_ends_within_a_bin_counts_what_is_nearer(distance):
    case = read_case(CAPACITOR)
    below, oxygens = slab_of(case), case.water_oxygens
    # at equal steps of 0.06 A, so that as many are nearer as steps fit
    positions, step = case.positions.copy(), 0.06
    positions[oxygens, 2] = below.sheet + (np.arange(len(oxygens)) + 0.5) * step * ANGSTROM_TO_BOHR
    profile = DensityProfile(species_of(case)[0], below)
    profile.add(positions)
    found = float(profile.within(distance * ANGSTROM_TO_BOHR).value) * below.area
    assert found == pytest.approx(distance / step, abs=1.0)
