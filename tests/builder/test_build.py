"""The builder: counts and box, what it refuses, and that what it writes is a liquid ready for i-PI."""

import os

import numpy as np
import pytest
from conftest import REFERENCE, ROOT, SMALL
from run_cases import in_this_process
from scipy.spatial import cKDTree

from polcouple.builder.build import build_case
from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.equilibration import inside_cell
from polcouple.builder.options import BuildOptions
from polcouple.builder.surfaces import graphene_sheet
from polcouple.case.model import read_case
from polcouple.check.inputs import check_input
from polcouple.check.simulation import load_input
from polcouple.check.structure import check_structure
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.units import BOHR_TO_ANGSTROM, DALTON_TO_ELECTRON_MASS

#: graphene's C-C distance with the lattice constant 2.46 Angstrom
BOND = 2.46 / 3**0.5
SMALL_OPTIONS = BuildOptions(
    electrode=ElectrodeOptions(repeat=(6, 4)),
    n_water=158,
    water_model="spc_fw",
    ions={"Na": 5, "Cl": 4},
    total_charge=-1.0,
    gap=22.0,
    vacuum=38.0,
)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The small case built anew, and what was reported meanwhile."""
    directory = tmp_path_factory.mktemp("build") / "new"
    options = BuildOptions(**{**vars(SMALL_OPTIONS), "equilibration": 0.5})
    reports = []
    return build_case(directory, options, lambda *report: reports.append(report)), reports


def test_defaults_are_the_reference_system():
    """Counts, box and sheet of Di Pasquale et al. (2021), without the time to equilibrate them."""
    options = BuildOptions()
    options.check()
    sheet, sides = options.surfaces()[0].positions, options.surfaces()[0].sides
    reference = read_case(REFERENCE)
    cell = np.diag(reference.cell) * BOHR_TO_ANGSTROM
    assert [*sides, options.gap + options.vacuum] == pytest.approx(cell.tolist(), abs=1e-7)
    assert np.abs(sheet - reference.electrode.positions * BOHR_TO_ANGSTROM).max() < 1e-8
    assert len(reference) == 6707 == len(sheet) + 3 * options.n_water + sum(options.ions.values())
    counts = {block.species: block.count for block in reference.system.topology}
    assert counts == {"electrode": 336, "water": options.n_water, **options.ions}
    assert reference.total_charge == options.total_charge
    walls = reference.system.force_field.walls
    assert (walls.lower_angstrom, walls.upper_angstrom) == (1.0, options.gap + 5.0)


@pytest.mark.parametrize("cells", [(5, 3), (12, 7)])
def test_sheet_is_graphene(cells):
    sheet, sides = graphene_sheet(*cells)
    assert len(sheet) == 4 * cells[0] * cells[1]
    tree = cKDTree(sheet[:, :2], boxsize=sides)
    distances, _ = tree.query(sheet[:, :2], k=5)
    assert distances[:, 1:4] == pytest.approx(np.full((len(sheet), 3), BOND), abs=1e-9)
    assert (distances[:, 4] > 1.5 * BOND).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"ions": {"Na": 91, "Cl": 86}},
            "ions +5 e, electrode -4 e, sum +1 e; give the electrode -5 e or Cl 87 ions",
        ),
        ({"ions": {"K": 10}}, "give the electrode -10 e or Cl 6 ions"),
        ({"ions": {"Cl": 90}}, "give the electrode +90 e or Na 94 ions"),
        ({"ions": {"Mg": 3}}, "ions +6 e, electrode -4 e, sum +2 e; give the electrode -6 e or Cl 2 ions"),
        ({"ions": {"Mg": 1, "Cl": 2}}, "sum -4 e; give the electrode 0 e or Mg 3 ions"),
        ({"total_charge": 0.5}, "sum +4.5 e; give the electrode -4 e"),
        ({"total_charge": float("nan")}, "total_charge nan must be a finite number"),
        ({"gap": 60.0}, "0.0437 per cubic Angstrom (liquid: 0.0334); a gap of 77.9 Angstrom"),
        ({"gap": 2.0}, "gap 2 must exceed"),
        ({"gap": float("inf")}, "gap inf must be a finite number"),
        ({"vacuum": 3.0}, "vacuum 3 is too thin"),
        ({"electrode": ElectrodeOptions(repeat=(4, 7))}, "give at least 5 x 3 cells"),
        ({"electrode": ElectrodeOptions(repeat=(0, 7))}, "at least one cell"),
        ({"n_water": -1}, "must not be negative"),
        ({"n_water": 0, "ions": {}}, "nothing to pack"),
        ({"temperature": 0.0}, "temperature 0 must be positive"),
        ({"ions": {"Nal": 4}}, "no parameters of the ion 'Nal' for the water spc_e (did you mean 'Na'?)"),
    ],
)
def test_impossible_cases_are_refused_with_the_numbers(tmp_path, options, message):
    with pytest.raises(InputError) as caught:
        build_case(tmp_path / "case", BuildOptions(**options), lambda *_: None)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "keep.txt").write_text("mine")
    with pytest.raises(InputError, match="is not empty"):
        build_case(tmp_path, SMALL_OPTIONS, lambda *_: None)
    with pytest.raises(InputError, match="is a file"):
        build_case(tmp_path / "keep.txt", SMALL_OPTIONS, lambda *_: None)
    assert [path.name for path in tmp_path.iterdir()] == ["keep.txt"]


def test_interrupted_build_leaves_nothing(tmp_path):
    def interrupt(picoseconds, doing):
        if picoseconds > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_case(tmp_path / "case", SMALL_OPTIONS, interrupt)
    assert list(tmp_path.iterdir()) == []


def test_built_case_has_the_counts_and_box_asked_for(built):
    case, _ = built
    ready = read_case(SMALL)
    assert case.symbols == ready.symbols
    assert case.system == ready.system
    assert np.array_equal(case.cell, ready.cell)
    assert np.array_equal(case.electrode.positions, ready.electrode.positions)
    assert {path.name for path in case.directory.iterdir()} == {
        "init.xyz", "system.yaml", "polcouple_pes.py", "electrode_atoms.txt",
        "input.xml", "input_nve.xml", "input_mts.xml", "input_ffdirect.xml",
    }  # fmt: skip
    umask = os.umask(0)
    os.umask(umask)
    assert case.directory.stat().st_mode & 0o777 == 0o777 & ~umask


def test_built_case_is_a_warm_liquid(built):
    """No overlap, molecules whole and in the cell, within the walls, and the energy of a relaxed liquid."""
    from polcouple.engines.openmm import ClassicalEngine

    case, reports = built
    assert [str(f) for f in check_structure(case) if f.severity == "error"] == []
    fractional = case.positions[np.concatenate([case.water_oxygens, case.ion_indices])] @ np.linalg.inv(
        case.cell
    )
    assert fractional.min() >= 0 and fractional.max() < 1
    bonds = [case.positions[case.water_oxygens + k] - case.positions[case.water_oxygens] for k in (1, 2)]
    assert np.linalg.norm(bonds, axis=2).max() * BOHR_TO_ANGSTROM < 1.3
    walls = case.system.force_field.walls
    heights = case.positions[case.electrolyte_indices, 2] * BOHR_TO_ANGSTROM
    assert heights.min() > walls.lower_angstrom and heights.max() < walls.upper_angstrom + 0.5

    engine = ClassicalEngine(case, threads=1)
    engine.set_charges(np.full(len(case.electrode), case.total_charge / len(case.electrode)))
    energy, forces = engine.evaluate(case.positions)
    assert np.linalg.norm(forces, axis=1).max() < 0.2
    # hydration and hydrogen bonds: the ready case, equilibrated for longer, lies within 8 % of it
    ready = read_case(SMALL)
    assert energy == pytest.approx(engine.evaluate(ready.positions)[0], rel=0.08)

    temperature = float(reports[-1][1].split(",")[1].split()[0])
    freedom = 3 * len(case.electrolyte)
    assert abs(temperature - 300) < 5 * 300 * np.sqrt(2 / freedom)
    assert reports[-1][0] == pytest.approx(0.5)
    # no strain is left in the molecules; the liquid's own field stretches them in both
    bonded = ClassicalEngine(case, "bonded", threads=1)
    strain = bonded.evaluate(case.positions)[0]
    assert strain == pytest.approx(bonded.evaluate(ready.positions)[0], rel=0.25)


@pytest.mark.parametrize("name", ["input.xml", "input_nve.xml", "input_mts.xml", "input_ffdirect.xml"])
def test_inputs_are_what_ipi_and_the_ready_cases_have(built, name):
    case, _ = built
    assert (case.directory / name).read_text() == (SMALL / name).read_text()
    for one in (case, read_case(REFERENCE)):
        path = one.directory / name
        errors = [f for f in check_input(load_input(path), one, path, None) if f.severity == "error"]
        assert errors == []


def test_potential_inside_ipi_is_one_text():
    shim = (ROOT / "drivers" / "polcouple_pes.py").read_text()
    assert (SMALL / "polcouple_pes.py").read_text() == shim
    assert (REFERENCE / "polcouple_pes.py").read_text() == shim


def test_ready_reference_is_a_frame_of_whole_molecules():
    case = read_case(REFERENCE)
    assert [f.severity for f in check_structure(case)] == ["note"]
    assert np.abs(inside_cell(case, case.positions) - case.positions).max() < 1e-9


def test_molecules_move_into_the_cell_as_wholes(small_case):
    rng = np.random.default_rng(4)
    molecules = small_case.topology.molecules
    images = rng.integers(-2, 3, (molecules[-1] + 1, 3))[molecules]
    scattered = small_case.positions + images @ small_case.cell
    assert np.abs(inside_cell(small_case, scattered) - small_case.positions).max() < 1e-9


def test_command_builds_where_it_stands(tmp_path, monkeypatch):
    """`polcouple build .` in an empty directory, with another salt."""
    words = "build . --sheet 5 3 --water 60 --na 0 --k 4 --li 1 --cl 3 --total-charge -2 --gap 16 --vacuum 20"
    monkeypatch.chdir(tmp_path)
    done = in_this_process(*words.split(), "--equilibration", "0.05")
    assert done.returncode == 0, done.stderr
    case = read_case(tmp_path)
    assert [block.species for block in case.system.topology] == ["electrode", "water", "Li", "K", "Cl"]
    assert case.system.force_field.cutoff_angstrom == 6.1
    assert case.total_charge == -2.0


def test_mistake_on_the_command_line_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as exit_status:
        main(["build", str(tmp_path / "x"), "--na", "91"])
    assert exit_status.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_rigid_water_is_built_for_i_pi(tmp_path):
    """Distances that i-PI's input keeps are the structure's, and the file's parameters the model's."""
    model = {"water_model": "tip3p", "hydrogen_mass": 3.0, "equilibration": 0.1}
    options = BuildOptions(**{**vars(SMALL_OPTIONS), **model})
    case = build_case(tmp_path / "case", options, lambda *_: None)
    pairs, lengths = case.constraints
    assert len(pairs) == 3 * 158
    found = np.linalg.norm(case.positions[pairs[:, 0]] - case.positions[pairs[:, 1]], axis=1)
    assert np.abs(found / lengths - 1).max() < 1e-7
    assert lengths[:3] * BOHR_TO_ANGSTROM == pytest.approx([0.9572, 0.9572, 1.5139], abs=1e-4)
    chloride = case.system.force_field.lennard_jones["Cl"]
    assert chloride.sigma_angstrom == pytest.approx(2 * 2.513 / 2 ** (1 / 6), abs=1e-6)
    assert problems_of(case, "input.xml") == []
    root = read_xml(case.directory / "input.xml")
    masses = np.array(root.findtext(".//masses").strip(" []").split(","), float)
    water = slice(int(case.water_oxygens[0]), int(case.water_oxygens[0]) + 3)
    assert masses[water] / DALTON_TO_ELECTRON_MASS == pytest.approx(
        [15.9994 + 2 * 1.00794 - 6, 3, 3], abs=1e-4
    )
    assert masses.sum() == pytest.approx(case.topology.masses.sum(), rel=1e-9)
    assert time_step_ps(root, case.directory / "input.xml") == pytest.approx(4e-3)
    with pytest.raises(InputError, match=r"no water 'spce' \(did you mean 'spc_e'\?\); known: spc_fw, spc_e"):
        BuildOptions(water_model="spce").check()
    with pytest.raises(InputError, match=r"hydrogen_mass 3 is for rigid water.*spc_fw is flexible"):
        BuildOptions(water_model="spc_fw", hydrogen_mass=3.0).check()
    with pytest.raises(InputError, match="hydrogen_mass 9 u must be from 1 to 4"):
        BuildOptions(water_model="spc_e", hydrogen_mass=9.0).check()


def problems_of(case, name):
    """What `polcouple check` says of an input, apart from notes and the vacuum."""
    path = case.directory / name
    found = check_input(load_input(path), case, path, None)
    return [str(finding) for finding in found if finding.severity != "note"]
