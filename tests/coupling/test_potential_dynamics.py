"""Dynamics at constant potential: forces, conservation, applied fields, and what system.yaml may ask for."""

from dataclasses import replace

import numpy as np
import pytest
import yaml
from conftest import CAPACITOR

from polcouple.case.model import read_case
from polcouple.case.schema import Slab
from polcouple.coupling.electrodes import create_electrodes
from polcouple.coupling.forces import ForceProvider
from polcouple.errors import InputError
from polcouple.propagation.pes import PolcouplePES
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE, FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

PROTON, OXYGEN, SODIUM, CHLORINE = 1837.0, 29166.0, 41908.0, 64627.0
MASSES = {"H": PROTON, "O": OXYGEN, "Na": SODIUM, "Cl": CHLORINE, "C": np.inf}


@pytest.fixture(scope="module")
def case():
    return read_case(CAPACITOR)


def provider(case, name="metal"):
    return ForceProvider(case, create_electrodes(case, name), threads=1)


def with_slab(case, **fields):
    return replace(case, system=case.system.model_copy(update={"slab": Slab(**fields)}))


def without_voltage(case):
    return replace(case, system=case.system.model_copy(update={"potential": None}))


def test_forces_are_derivatives_of_the_grand_potential(case):
    """Up to what the particle mesh misses with fixed charges, which is the same to five digits."""
    direction = np.zeros_like(case.positions)
    moving = case.electrolyte_indices
    direction[moving] = np.random.default_rng(3).standard_normal((len(moving), 3))
    misses = []
    for which, name in ((case, "metal"), (without_voltage(case), "fixed")):
        forces = ForceProvider(which, create_electrodes(which, name), platform="Reference")
        slope = -np.sum(forces.evaluate(case.positions, case.cell).forces * direction)
        plus, minus = (
            forces.evaluate(case.positions + s * 5e-4 * direction, case.cell).energy for s in (1, -1)
        )
        misses.append((plus - minus) / 1e-3 - slope)
    assert abs(misses[1]) < 2e-3 * abs(slope)
    assert misses[0] == pytest.approx(misses[1], abs=1e-5 * abs(slope))


def trajectory(case, name, steps):
    """Velocity Verlet, 0.5 fs, from 300 K: kinetic energy plus what i-PI sees, and all evaluations."""
    evaluate = provider(case, name).evaluate
    masses = np.array([MASSES[symbol] for symbol in case.symbols])[:, None]
    moving = np.isfinite(masses[:, 0])
    rng = np.random.default_rng(5)
    velocities = rng.standard_normal(case.positions.shape) * np.sqrt(300.0 * KELVIN_TO_HARTREE / masses)
    positions, step = case.positions.copy(), 0.5 * FS_TO_ATOMIC_TIME
    evaluations, conserved = [evaluate(positions, case.cell)], []
    for _ in range(steps):
        velocities += 0.5 * step * evaluations[-1].forces / masses
        positions += step * velocities
        evaluations.append(evaluate(positions, case.cell))
        velocities += 0.5 * step * evaluations[-1].forces / masses
        kinetic = 0.5 * float((masses[moving] * velocities[moving] ** 2).sum())
        conserved.append(kinetic + evaluations[-1].energy)
    return np.array(conserved), evaluations[1:]


def test_grand_potential_is_conserved(case):
    """As well as the energy is with fixed charges; the energy without the source's work is not."""
    conserved, evaluations = trajectory(case, "metal", 120)
    fixed, _ = trajectory(without_voltage(case), "fixed", 120)
    work = np.array([evaluation.extras["source_work"] for evaluation in evaluations])
    for evaluation in evaluations:
        (charge, other), (lower, upper) = (
            evaluation.extras[k] for k in ("electrode_charges", "fermi_levels")
        )
        assert charge + other == pytest.approx(0.0, abs=1e-10)
        assert upper - lower == pytest.approx(1.0, abs=3e-5)
        assert evaluation.extras["source_work"] == pytest.approx(EV_TO_HARTREE * charge, abs=1e-8)
    assert np.ptp(conserved) < 1.1 * np.ptp(fixed)
    assert np.ptp(conserved + work) > 1.5 * np.ptp(fixed)


@pytest.mark.parametrize(
    "fields", [{"displacement_volt_per_angstrom": 0.1}, {"field_volt_per_angstrom": 0.1}], ids=["D", "E"]
)
def test_an_applied_field_pulls_at_charges(case, fields):
    """With fixed charges the forces of two fields differ by q times the difference of the fields."""
    zero = dict.fromkeys(fields, 0.0)
    plain = without_voltage(case)
    forces = [
        provider(with_slab(plain, **values), "fixed").evaluate(case.positions, case.cell).forces
        for values in (zero, fields)
    ]
    expected = np.zeros_like(forces[0])
    expected[:, 2] = case.charges * 0.1 * EV_TO_HARTREE / ANGSTROM_TO_BOHR
    assert np.abs(forces[1] - forces[0] - expected).max() < 1e-6


def test_forces_of_a_slab_do_not_depend_on_its_vacuum(case):
    """D = 0 with 16 and 46 Angstrom of vacuum; without the correction they differ."""
    taller = case.cell.copy()
    taller[2, 2] += 30.0 * ANGSTROM_TO_BOHR
    forces, plain = [], []
    for cell in (case.cell, taller):
        for slab, found in ((case.system.slab, forces), (None, plain)):
            system = case.system.model_copy(update={"potential": None, "slab": slab})
            other = replace(case, cell=cell, system=system)
            found.append(provider(other).evaluate(case.positions, cell).forces)
    assert np.abs(forces[1] - forces[0]).max() < 0.1 * np.abs(plain[1] - plain[0]).max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"potential": {"voltage_volt": 1.0, "fermi_level_ev": 1.0}}, "give voltage_volt"),
        ({"potential": {"fermi_level_ev": -4.0}}, "counter_charge: background"),
        ({"potential": {"fermi_level_ev": -4.0, "counter_charge": "background"}}, "of one electrode"),
        ({"slab": {}}, "give displacement_volt_per_angstrom or field"),
        ({"electrodes": [{"name": "lower", "first_atom": 0, "last_atom": 59, "total_charge_e": 0}]}, "has 2"),
        ({"potential": {"voltage": 1.0}}, "unknown key 'potential.voltage'.*voltage_volt"),
    ],
)
def test_what_cannot_be_is_refused(change, message, tmp_path):
    content = yaml.safe_load((CAPACITOR / "system.yaml").read_text()) | change
    (tmp_path / "system.yaml").write_text(yaml.safe_dump(content))
    (tmp_path / "init.xyz").write_text((CAPACITOR / "init.xyz").read_text())
    with pytest.raises(InputError, match=message):
        read_case(tmp_path)


def test_bonded_forces_inside_ipi_need_no_fermi_level(case):
    """The inner level of multiple time stepping in a cell at a voltage."""
    bonded = PolcouplePES(case=str(CAPACITOR), part="bonded")
    energy, forces, _, extras = bonded.compute_structure(case.cell.T, case.positions)
    assert energy > 0.0 and np.abs(forces).max() > 0.0 and extras == "{}"


def test_a_slab_needs_vacuum(case, tmp_path):
    lines = (CAPACITOR / "init.xyz").read_text().splitlines()
    lines[1] = lines[1].replace(" 40.0000000000 ", " 27.0000000000 ")
    (tmp_path / "init.xyz").write_text("\n".join(lines) + "\n")
    (tmp_path / "system.yaml").write_text((CAPACITOR / "system.yaml").read_text())
    with pytest.raises(InputError, match="widest gap along z"):
        read_case(tmp_path)
