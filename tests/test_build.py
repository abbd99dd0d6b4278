"""The builder: exact counts, neutral, dense as asked, relaxed, and readable by i-PI."""

import numpy as np
import pytest
from conftest import REFERENCE, ROOT, SMALL
from scipy.spatial.distance import pdist

from polcouple.build import BuildOptions, build_case, whole_molecules
from polcouple.case import read_case
from polcouple.errors import InputError
from polcouple.ipi_templates import PES_SHIM
from polcouple.packing import graphene_sheet, pack_liquid
from polcouple.units import ANGSTROM_TO_BOHR

TINY = BuildOptions(
    sheet=(6, 4),
    n_water=40,
    ions={"K": 2, "Cl": 1},
    total_charge=-1.0,
    gap=14.0,
    vacuum=20.0,
    equilibration=0.05,
)


def refusal(tmp_path, **changes):
    options = BuildOptions(**{**TINY.__dict__, **changes})
    with pytest.raises(InputError) as caught:
        build_case(tmp_path / "case", options, lambda line: None)
    assert not (tmp_path / "case").exists()
    return str(caught.value)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    directory = tmp_path_factory.mktemp("build") / "case"
    return build_case(directory, TINY, lambda line: None)


def test_default_is_the_reference_system():
    case = read_case(REFERENCE)
    assert len(case) == 6707
    assert [(b.species, b.count) for b in case.system.topology] == [
        ("electrode", 336), ("water", 2065), ("Na", 90), ("Cl", 86),
    ]  # fmt: skip
    assert np.diag(case.cell) / ANGSTROM_TO_BOHR == pytest.approx([29.52, 29.82591491, 160.0], abs=1e-7)
    assert case.total_charge == -4.0
    options = BuildOptions()
    sheet, sides = graphene_sheet(*options.sheet)
    assert np.abs(sheet - case.electrode.positions / ANGSTROM_TO_BOHR).max() < 1e-9
    assert sides == pytest.approx(np.diag(case.cell)[:2] / ANGSTROM_TO_BOHR, abs=1e-7)
    assert (options.n_water, options.ions) == (2065, {"Na": 90, "Cl": 86})
    assert options.gap + options.vacuum == 160.0


def test_graphene_has_three_neighbours_each():
    sheet, sides = graphene_sheet(5, 3)
    for atom in sheet:
        offset = sheet - atom
        offset[:, :2] -= sides * np.round(offset[:, :2] / sides)
        distances = np.sort(np.linalg.norm(offset, axis=1))
        assert distances[1:4] == pytest.approx(2.46 / 3**0.5)
        assert distances[4] > 2.4


def test_built_case_is_what_was_asked_for(tiny):
    assert len(tiny) == 96 + 3 * 40 + 3
    assert tiny.charges.sum() + tiny.total_charge == pytest.approx(0)
    assert np.diag(tiny.cell)[2] == pytest.approx(34.0 * ANGSTROM_TO_BOHR)
    assert {p.name for p in tiny.directory.iterdir()} == {
        "init.xyz", "system.yaml", "input.xml", "input_nve.xml", "input_mts.xml", "input_ffdirect.xml",
        "polcouple_pes.py",
    }  # fmt: skip


def test_built_case_is_relaxed(tiny):
    from polcouple.classical import ClassicalEngine

    engine = ClassicalEngine(tiny, threads=1)
    engine.set_charges(np.full(96, -1 / 96))
    energy, forces = engine.evaluate(tiny.positions)
    assert energy < 0
    # thermal forces in flexible water are of the order of 0.02 Hartree/bohr; overlaps give hundreds
    assert np.abs(forces).max() < 0.3


def test_builds_are_reproducible_and_seeds_differ():
    sides = np.array([14.76, 17.04])
    first, again, other = (
        pack_liquid(sides, 14.0, 40, 3, (1.0, 110.0), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_packing_does_not_overlap():
    waters, ions = pack_liquid(
        np.array([29.52, 29.83]), 80.0, 2065, 176, (1.012, 113.24), np.random.default_rng(1)
    )
    assert pdist(np.concatenate([waters[:, 0], ions])).min() > 2.4
    assert waters[..., 2].min() > 1.5


def test_charged_cell_is_refused_with_the_cure(tmp_path):
    assert "give the electrode -1 e or change the number of ions by 2 charges" in refusal(
        tmp_path, total_charge=-3.0
    )


def test_dense_case_is_refused_with_the_cure(tmp_path):
    message = refusal(tmp_path, n_water=200)
    assert "too dense to pack: 203 molecules and ions" in message
    gap = float(message.split("a gap of ")[-1].split()[0])
    _, sides = graphene_sheet(6, 4)
    assert 203 / (sides.prod() * gap) < 0.0334


def test_existing_directory_is_kept(tmp_path):
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "notes").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        build_case(tmp_path / "case", TINY, lambda line: None)
    assert (tmp_path / "case" / "notes").read_text() == "mine"


def test_molecules_are_made_whole(small_case):
    rng = np.random.default_rng(4)
    scattered = small_case.positions + rng.integers(-2, 3, small_case.positions.shape) @ small_case.cell
    whole = whole_molecules(small_case, scattered)
    bonds = whole[small_case.water_oxygens + 1] - whole[small_case.water_oxygens]
    assert np.linalg.norm(bonds, axis=1).max() < 2.5
    fractional = whole[small_case.water_oxygens] @ np.linalg.inv(small_case.cell)
    assert fractional.min() >= 0
    assert fractional.max() < 1


def test_shims_are_the_same_file():
    for path in (
        ROOT / "drivers" / "polcouple_pes.py",
        SMALL / "polcouple_pes.py",
        REFERENCE / "polcouple_pes.py",
    ):
        assert path.read_text() == PES_SHIM
