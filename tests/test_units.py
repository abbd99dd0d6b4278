"""One set of constants, consistent with those of the three codes it converts between."""

import ase.units
import openmm.unit
import pytest
from ipi.utils.units import Constants, unit_to_internal

from polcouple import units


def test_agree_with_ipi():
    assert units.ANGSTROM_TO_BOHR == pytest.approx(unit_to_internal("length", "angstrom", 1.0), rel=1e-6)
    assert units.EV_TO_HARTREE == pytest.approx(unit_to_internal("energy", "electronvolt", 1.0), rel=1e-6)
    # i-PI's Boltzmann constant is of an older CODATA vintage
    assert units.KELVIN_TO_HARTREE == pytest.approx(
        Constants.kb * unit_to_internal("temperature", "kelvin", 1.0), rel=2e-6
    )
    assert units.FS_TO_ATOMIC_TIME == pytest.approx(unit_to_internal("time", "femtosecond", 1.0), rel=1e-6)


def test_agree_with_ase():
    assert units.BOHR_TO_ANGSTROM == pytest.approx(ase.units.Bohr, rel=1e-6)
    assert units.HARTREE_TO_EV == pytest.approx(ase.units.Hartree, rel=1e-6)
    assert units.HARTREE_TO_KJ_PER_MOL == pytest.approx(
        ase.units.Hartree / (ase.units.kJ / ase.units.mol), rel=1e-6
    )
    assert units.KELVIN_TO_HARTREE == pytest.approx(ase.units.kB / ase.units.Hartree, rel=1e-6)


def test_agree_with_openmm():
    hartree = openmm.unit.hartree * openmm.unit.AVOGADRO_CONSTANT_NA
    assert units.HARTREE_TO_KJ_PER_MOL == pytest.approx(
        hartree.value_in_unit(openmm.unit.kilojoule_per_mole), rel=1e-6
    )
    assert units.BOHR_TO_NM == pytest.approx(
        (1.0 * openmm.unit.bohr).value_in_unit(openmm.unit.nanometer), rel=1e-6
    )
    # Coulomb's constant in OpenMM's units, as its kernels have it
    assert units.HARTREE_TO_KJ_PER_MOL * units.BOHR_TO_NM == pytest.approx(138.93545764438198, rel=1e-6)
