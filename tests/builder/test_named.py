"""Waters and ions by name: the numbers are those that OpenMM ships, interaction by interaction."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import openmm
import openmm.app as app
import pytest

from polcouple.builder.gromacs_field import GromacsField
from polcouple.builder.named import FOUR_SITES, WATERS, check_names, water_shape
from polcouple.case.force_field import WATER_MODELS
from polcouple.case.ions import ION_CHARGES, IONS
from polcouple.errors import InputError
from polcouple.importing.source import PairOptions

DATA = Path(app.__file__).parent / "data"
#: files of OpenMM that have the water, and that have the ions of its table
FILES = {
    "tip3p": ("amber14/tip3p.xml", "amber14/tip3p.xml"),
    "spc_e": ("amber14/spce.xml", "amber14/spce.xml"),
    "tip4p_ew": ("amber14/tip4pew.xml", "amber14/tip4pew.xml"),
    "tip4p_2005": ("charmm36/tip4p2005.xml", "amber14/tip4pew.xml"),
    "opc": ("amber14/opc.xml", "amber14/opc.xml"),
}
CELL = 60.0 * np.eye(3)


def of_openmm(name):
    """Charge, sigma (nm) and epsilon (kJ/mol) of each element of the water's or ions' file."""
    root = ElementTree.parse(DATA / name).getroot()
    elements = {kind.get("name"): kind.get("element") for kind in root.iter("Type")}
    charges, neutral = {}, {}
    for residue in root.iter("Residue"):
        atoms = residue.findall("Atom")
        for atom in atoms:
            charges.setdefault(atom.get("type"), float(atom.get("charge", "nan")))
            neutral[atom.get("type")] = len(atoms) > 1
    found = {}
    for force in (*root.iter("LennardJonesForce"), *root.iter("NonbondedForce")):
        for atom in force.iter("Atom"):
            kind = atom.get("type")
            key = elements[kind] or "M", charges.get(kind), neutral.get(kind)
            found.setdefault(key, (float(atom.get("sigma")), float(atom.get("epsilon"))))
    return found


@pytest.mark.parametrize("water", ["tip3p", "spc_e", "tip4p_ew", "opc"])
def test_ions_have_the_parameters_of_openmms_files(water):
    """Sigma and epsilon of all fourteen; of some the tables keep fewer digits, as cases have them."""
    shipped = of_openmm(FILES[water][1])
    for ion, charge in ION_CHARGES.items():
        sigma, epsilon = shipped[ion, charge, False]
        own = IONS[water][ion]
        assert own[0] == pytest.approx(10.0 * sigma, abs=1e-4), ion
        assert own[1] == pytest.approx(epsilon / 4.184, rel=1e-5), ion


@pytest.mark.parametrize("water", FILES)
def test_waters_and_ions_are_those_of_openmm(water):
    """Charges, Lennard-Jones, rigid distances and the site's place of what the builder's text becomes."""
    ions = ("Li", "Mg", "Cl")
    system = GromacsField(water, ions, ()).source([2, 1, 1, 1], (), {}, CELL, PairOptions()).system
    force = next(f for f in system.getForces() if isinstance(f, openmm.NonbondedForce))
    shipped = of_openmm(FILES[water][0])
    particles = [
        tuple(value._value for value in force.getParticleParameters(i))
        for i in range(force.getNumParticles())
    ]
    n_sites = 4 if water in FOUR_SITES else 3
    names = ["O", "H", "H", "M"][:n_sites] * 2
    assert len(particles) == len(names) + 3
    for name, (charge, sigma, epsilon) in zip(names, particles, strict=False):
        expected = [
            (q, *found) for (kind, q, of_water), found in shipped.items() if kind == name and of_water
        ]
        expected = min(expected, key=lambda one: abs(one[0] - charge))
        assert charge == pytest.approx(expected[0], abs=1e-6)
        assert epsilon == pytest.approx(expected[2], rel=1e-3, abs=1e-9)
        if epsilon:
            assert sigma == pytest.approx(expected[1], rel=2e-4)
    assert [charge for charge, *_ in particles[-3:]] == [1.0, 2.0, -1.0]
    root = ElementTree.parse(DATA / FILES[water][0]).getroot()
    lengths = sorted(system.getConstraintParameters(i)[2]._value for i in range(system.getNumConstraints()))
    bonds = [b for b in root.iter("Bond") if b.get("length") and b.get("type1", "1") != b.get("type2")]
    bond = float(bonds[0].get("length"))
    angle = next(float(a.get("angle")) for a in root.iter("Angle") if a.get("angle"))
    assert lengths == pytest.approx([bond] * 4 + [2.0 * bond * np.sin(angle / 2)] * 2, rel=1e-5)
    if n_sites == 4:
        place = root.find(".//VirtualSite")
        length, degrees = water_shape(water)
        if place.get("weight2"):
            expected = 2.0 * float(place.get("weight2")) * 0.1 * length * np.cos(np.deg2rad(degrees) / 2)
        else:
            expected = float(place.get("p1"))
        site = system.getVirtualSite(3)
        far = (site.getWeight(1) + site.getWeight(2)) * 0.1 * length * np.cos(np.deg2rad(degrees) / 2)
        assert far == pytest.approx(expected, rel=1e-5)
        # charges of one molecule do not feel one another
        excluded = {frozenset(force.getExceptionParameters(i)[:2]) for i in range(force.getNumExceptions())}
        assert {frozenset((i, j)) for i in range(4) for j in range(i)} <= excluded


def test_flexible_water_by_text_is_that_of_system_yaml():
    system = GromacsField("spc_fw", (), ()).source([1], (), {}, CELL, PairOptions()).system
    springs = {type(force): force for force in system.getForces()}
    water = WATER_MODELS["spc_fw"].water
    _, _, length, k = springs[openmm.HarmonicBondForce].getBondParameters(0)
    assert 10.0 * length._value == pytest.approx(water["bond_length_angstrom"])
    assert k._value / 418.4 == pytest.approx(water["bond_kcal_per_mol_angstrom2"])
    *_, angle, k = springs[openmm.HarmonicAngleForce].getAngleParameters(0)
    assert np.rad2deg(angle._value) == pytest.approx(water["angle_degree"])
    assert k._value / 4.184 == pytest.approx(water["angle_kcal_per_mol_rad2"])


def test_heavy_hydrogens_leave_the_molecule_as_heavy():
    masses = []
    for hydrogen in (None, 3.0):
        field = GromacsField("opc", (), (), hydrogen)
        system = field.source([1], (), {}, CELL, PairOptions()).system
        masses.append([system.getParticleMass(i)._value for i in range(4)])
    assert masses[1][1:] == [3.0, 3.0, 0.0]
    assert sum(masses[0]) == pytest.approx(sum(masses[1]), abs=1e-6)


def test_names_without_parameters_are_refused_with_the_nearest():
    for water in WATERS:
        check_names(water, ION_CHARGES)
    with pytest.raises(InputError, match=r"no water 'tip4p2005' \(did you mean 'tip4p_2005'\?\)"):
        check_names("tip4p2005", ())
    with pytest.raises(InputError, match=r"of the ion 'Al' for the water opc.*known: Li, Na, K"):
        check_names("opc", ("Al",))
