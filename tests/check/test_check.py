"""`polcouple check`: each defect of a case gives its own line, and the exit status says whether to start."""

import dataclasses
import os
import re
import socket
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL

import polcouple.ipi.sockets
from polcouple.case.model import read_case, write_init_xyz
from polcouple.check import structure
from polcouple.check.cost import Cost, check_patience
from polcouple.check.inputs import check_input, check_surroundings
from polcouple.check.simulation import load_input
from polcouple.check.structure import check_overlaps
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml
from polcouple.testing.cases import graphene_case
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_ANGSTROM


@pytest.fixture(autouse=True)
def own_sockets(monkeypatch):
    """Sockets of other runs on this machine must not matter."""
    monkeypatch.setattr(polcouple.ipi.sockets, "UNIX_SOCKET_PREFIX", f"/tmp/ipi_check_{os.getpid()}_")


def check(directory, capsys, *words):
    """Exit status and lines of the command, without the one that the first use of a machine's loops has."""
    with pytest.raises(SystemExit) as exit_status:
        main(["check", str(directory), *words])
    lines = capsys.readouterr().out.splitlines()
    return exit_status.value.code, [line for line in lines if "compiling the loops" not in line]


#: in input.xml, what names the atoms that do not move
FIXED = "<fixatoms.*</fixatoms>"


def change(directory, old, new, name="input.xml"):
    path = directory / name
    text, count = re.subn(old, new, path.read_text(), flags=re.S)
    assert count, old
    path.write_text(text)


def move(directory, change_positions):
    """Rewrite init.xyz with changed positions (bohr)."""
    case = read_case(directory)
    positions = case.positions.copy()
    change_positions(case, positions)
    write_init_xyz(directory / "init.xyz", case.symbols, positions, case.cell)


def problems(directory, name="input.xml", steps=None):
    """Findings about the input, without the notes."""
    simulation = load_input(directory / name)
    case = read_case(directory, start_file(read_xml(directory / name), directory / name))
    found = check_input(simulation, case, directory / name, steps)
    return [str(finding) for finding in found if finding.severity != "note"]


def only(lines):
    assert len(lines) == 1, lines
    assert "\n" not in lines[0]
    return lines[0]


@pytest.mark.parametrize("name", ["input.xml", "input_nve.xml", "input_mts.xml", "input_ffdirect.xml"])
def test_ready_case_has_no_problem(name):
    assert problems(SMALL, name) == []


def test_ready_case_may_start(capsys):
    status, lines = check(SMALL, capsys, "--threads", "1")
    assert status == 0
    assert [line.split(":")[0] for line in lines] == ["note", "note", "0 error(s)"]
    assert "backend fixed" in lines[1]


def test_numbers_of_fixed_atoms_are_in_a_file_beside_the_input(small_directory, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = small_directory / "electrode_atoms.txt"
    assert problems(small_directory) == []
    path.write_text(path.read_text().replace("\n40\n", "\n"))
    assert "1 of 96 electrode atoms may move, the first is 40" in only(problems(small_directory))
    path.unlink()
    with pytest.raises(InputError, match=r"i-PI does not accept it: .*electrode_atoms\.txt not found"):
        load_input(small_directory / "input.xml")


def test_bonds_to_hydrogen_in_an_electrode_are_no_overlaps():
    case = graphene_case()
    positions = case.positions.copy()
    positions[1] = positions[0] + np.array([0.0, 0.0, -0.97]) * ANGSTROM_TO_BOHR
    symbols = ("O", "H", *case.symbols[2:])
    hydroxyl = dataclasses.replace(case, positions=positions, symbols=symbols)
    assert list(check_overlaps(hydroxyl)) == []
    carbons = only([str(one) for one in check_overlaps(dataclasses.replace(hydroxyl, symbols=case.symbols))])
    assert "closest C 0 and C 1 at 0.97 Angstrom" in carbons


def test_run_directory_can_be_checked_too(small_directory):
    """RESTART names coordinates instead of atoms, and no file."""
    change(small_directory, FIXED, "<fixatoms_dof> [0, 1, 2] </fixatoms_dof>")
    assert "95 of 96 electrode atoms may move, the first is 1" in only(problems(small_directory))


@pytest.mark.parametrize(
    ("old", "new", "severity", "message"),
    [
        ("<fixcom> False </fixcom>", "", "warning", "<fixcom> is True"),
        ('mode="nvt"', 'mode="nve"', "warning", "does nothing in dynamics with mode='nve'"),
        (
            FIXED,
            f"<fixatoms> {[*range(1, 96)]} </fixatoms>",
            "error",
            "1 of 96 electrode atoms may move",
        ),
        (FIXED, f"<fixatoms> {[*range(97)]} </fixatoms>", "warning", "are fixed, the first is 96"),
        ('mode="nvt"', 'mode="npt"', "error", "write nvt or nve"),
        ("> 0.5 </timestep>", "> 2.0 </timestep>", "warning", "2 fs between all forces is long"),
        ("{part: all}", "{part: al}", "error", "part 'al' is unknown (did you mean 'all'?)"),
        ("{part: all}", "{part: nonbonded}", "error", "the forces add up to 1 x nonbonded"),
        ('forcefield="polcouple"', 'forcefield="polcoupl"', "error", "names no <ffsocket>"),
        ("{part: all}", '{"part": "nonbonded"}', "error", "the forces add up to 1 x nonbonded"),
        (
            "{part: all}",
            "{'part': 'all', pat: all}",
            "error",
            "parameter 'pat' (did you mean 'part'?)",
        ),
        ("<parameters>", "<batch_size> 2 </batch_size> <parameters>", "error", "one structure at a time"),
        ("<parameters>", "<activelist> [0, 1] </activelist> <parameters>", "error", "positions of all atoms"),
        ("<simulation", '<simulation sockets_prefix="/nowhere/ipi_"', "error", "can be made in /nowhere"),
        ("> polcouple <", f"> {90 * 'x'} <", "error", "too long for a unix socket: its path has"),
        ('mode="unix"', 'mode="inet"', "error", "polcouple"),
        ("conserved,", "conserved{kilojoule/mol},", "error", "'kilojoule/mol' is no unit of conserved"),
        ("positions{angstrom}", "positions{angstroem}", "error", "'angstroem' is no unit of positions"),
        (
            'cell_units="angstrom"',
            'cell_units="nm"',
            "error",
            "'nm' is no unit of cell_units='nm'",
        ),
        ("positions{angstrom}", "position{angstrom}", "error", "no trajectory 'position' (did you mean"),
        (" conserved,", " kinetic_energy_md,", "error", "has no property 'kinetic_energy_md'"),
        ('extra_type="charges"', 'extra_type="chargess"', "error", "'chargess' (did you mean 'charges'?)"),
        (
            '<motion mode="dynamics"',
            '<motion mode="constrained_dynamics"',
            "error",
            "the case has no rigid molecules",
        ),
    ],
)
def test_input_defects(small_directory, old, new, severity, message):
    change(small_directory, old, new)
    found = [line for line in problems(small_directory) if message in line]
    assert only(found).startswith(f"{severity}: ")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<total_steps>", "<total_steps>", ""),
        (
            r'<force forcefield="polcouple"',
            '<force forcefield="polcouple" nbeads="2"',
            "contracts a ring polymer of 4",
        ),
        (
            r'<force forcefield="polcouple"[^/]*/>',
            '<force forcefield="polcouple"><interpolate_extras> [charges] </interpolate_extras></force>',
            "<interpolate_extras> of force 'polcouple' sums and interpolates",
        ),
    ],
)
def test_charges_belong_to_a_bead(small_directory, old, new, message):
    change(small_directory, r'<initialize nbeads="1">', '<initialize nbeads="4">')
    change(small_directory, old, new)
    found = [text for text in problems(small_directory) if text.startswith("error")]
    assert len(found) == bool(message), found
    assert all(message in text for text in found)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\[ 1, 0 \\]", "[ 1, 1 ]", "'polcouple-nonbonded' sum to 2"),
        ("\\[ 1, 0 \\]", "[ nan, 0 ]", "'polcouple-nonbonded' sum to nan"),
        (
            "<pes> custom </pes>\\s*<pes_path> polcouple_pes.py </pes_path>",
            "<pes> dummy </pes>",
            "add up to 1 x nonbonded, 'polcouple-bonded'; use one with",
        ),
        (
            "<ensemble>",
            '<ensemble><bias><force forcefield="polcouple-bonded"/></bias>',
            "<bias> adds the force field 'polcouple-bonded'",
        ),
        (
            "<ensemble>",
            "<ensemble><hamiltonian_weights> [ 0.5 ] </hamiltonian_weights>",
            "<hamiltonian_weights> scale the energies",
        ),
        ("\\[ 1, 0 \\]", "[ 0, 1 ]", "evaluated on an inner level, which saves nothing"),
        ("\\[ 0, 1 \\]", "[ 1, 0 ]", "2 fs between bonded forces is long"),
        ("\\[ 0, 1 \\]", "[ 1 ]", "'polcouple-bonded' has 1 mts_weights, <nmts> has 2 levels"),
        ("\\[ 1, 4 \\]", "[ 1, 1 ]", "2 fs between bonded forces is long"),
        ("part: bonded", "part: all", "add up to 1 x nonbonded, 1 x all"),
    ],
)
def test_multiple_time_stepping_defects(small_directory, old, new, message):
    change(small_directory, old, new, "input_mts.xml")
    assert any(message in line for line in problems(small_directory, "input_mts.xml"))


def test_input_that_ipi_refuses_is_one_line(small_directory, capsys):
    change(small_directory, "total_steps", "totl_steps")
    with pytest.raises(InputError, match="'totl_steps' is not a recognized property"):
        load_input(small_directory / "input.xml")
    status, lines = check(small_directory, capsys)
    assert status == 1
    assert len(lines) == 2


def test_a_format_that_ipi_does_not_write_is_one_line(small_directory, capsys):
    change(small_directory, 'format="xyz"', 'format="xyzz"')
    status, lines = check(small_directory, capsys)
    assert status == 1 and len(lines) == 2 and "xyzz is not a valid option" in lines[0]


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ('mode="xyz" units="nanometer"', "disagree"),
        ('mode="xyz" cell_units="meter"', "disagree"),
        ('mode="pdb"', "reads mode='xyz' only"),
    ],
)
def test_start_files_that_are_refused(small_directory, capsys, attribute, message):
    change(small_directory, 'file mode="xyz"', f"file {attribute}")
    status, lines = check(small_directory, capsys)
    assert status == 1 and message in lines[0]


def test_units_of_the_file_are_taken(small_directory, capsys):
    path = small_directory / "init.xyz"
    path.write_text(path.read_text().replace("positions{angstrom} cell{angstrom}", ""))
    change(small_directory, 'mode="xyz"', 'mode="xyz" units="angstrom" cell_units="angstrom"')
    status, lines = check(small_directory, capsys)
    assert status == 0
    assert lines[0].endswith("units of init.xyz by its <file>: positions in angstrom and cell in angstrom")


def test_quotes_make_no_difference(small_directory):
    change(small_directory, "{part: all}", '{"part": "all"}')
    assert problems(small_directory) == []


def test_a_taken_port(small_directory):
    with socket.socket(socket.AF_INET) as server:
        server.bind(("localhost", 0))
        server.listen()
        port = server.getsockname()[1]
        change(small_directory, 'mode="unix"', 'mode="inet"')
        change(
            small_directory,
            "<address> polcouple </address>",
            f"<address> localhost </address><port> {port} </port>",
        )
        assert "listens there; choose another <port>" in only(problems(small_directory))
    assert problems(small_directory) == []


def test_two_sockets_of_one_address(small_directory):
    path = small_directory / "input.xml"
    second = (
        re.search("<ffsocket.*?</ffsocket>", path.read_text(), re.S)
        .group()
        .replace('"polcouple"', '"second"')
    )
    change(small_directory, "</ffsocket>", f"</ffsocket>{second}")
    assert any("has the address" in line for line in problems(small_directory))


@pytest.mark.parametrize(
    ("frames", "beads", "refused"), [(2, 1, True), (2, 2, False), (3, 2, True), (1, 4, False)]
)
def test_a_start_file_of_several_frames(small_directory, frames, beads, refused):
    """i-PI takes frames for beads."""
    start = small_directory / "init.xyz"
    start.write_text(start.read_text() * frames)
    change(small_directory, 'nbeads="1"', f'nbeads="{beads}"')
    found = [line for line in problems(small_directory) if "frames" in line]
    assert bool(found) == refused, found


def test_a_checkpoint_begins_no_run(small_directory):
    text = (small_directory / "input.xml").read_text()
    q = f'<q shape="(1, 1737)"> {[0.0] * 1737} </q>'
    beads = f'<beads natoms="579" nbeads="1">{q}</beads>'
    text = re.sub(r"<initialize .*?</initialize>", beads, text, flags=re.S)
    (small_directory / "RESTART").write_text(text)
    for for_a_run, severity in ((True, "error"), (False, "note")):
        found = list(check_surroundings(small_directory / "RESTART", for_a_run))
        assert only([f.severity for f in found if "is a checkpoint of i-PI" in f.text]) == severity


def test_left_over_exit_file(small_directory):
    (small_directory / "EXIT").touch()
    assert "makes i-PI stop at once" in only(problems(small_directory))


def test_taken_socket_is_a_warning(small_directory):
    path = Path(polcouple.ipi.sockets.UNIX_SOCKET_PREFIX + "polcouple")
    assert problems(small_directory) == []
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            server.listen()
            assert "end it, or change <address>" in only(problems(small_directory))
        assert "left over, remove it" in only(problems(small_directory))
    finally:
        path.unlink()


def test_output_larger_than_the_disk(small_directory):
    assert only(problems(small_directory, steps=10**15)).startswith("error: disk: ")


def test_disk_estimate_is_of_the_size_that_a_run_writes(small_directory):
    """Bytes of 1000 NVT steps with the shipped strides; measured: 214 555 in all five files."""
    from polcouple.check.inputs import _output_size

    simulation, case = load_input(small_directory / "input.xml"), read_case(small_directory)
    sizes = [_output_size(simulation, element, case, 1000) for _, element in simulation.output.extra]
    assert sum(sizes) == pytest.approx(214_555, rel=0.25)


def test_overlap_is_named(small_directory, small_case, capsys):
    oxygens = small_case.water_oxygens

    def bring_together(case, positions):
        shift = positions[oxygens[0]] - positions[oxygens[1]] + np.array([0.5, 0, 0]) * ANGSTROM_TO_BOHR
        positions[oxygens[1] : oxygens[1] + 3] += shift

    move(small_directory, bring_together)
    status, lines = check(small_directory, capsys)
    assert status == 1
    assert any("overlapping pairs, the closest" in line and line.startswith("error") for line in lines)


def test_overlap_across_the_boundary(small_directory, small_case):
    ions = small_case.ion_indices

    def face(case, positions):
        positions[ions[0]] = np.array([0.1, 5.0, 10.0]) * ANGSTROM_TO_BOHR
        positions[ions[1]] = np.array([14.5, 5.0, 10.0]) * ANGSTROM_TO_BOHR

    move(small_directory, face)
    found = [str(finding) for finding in structure.check_overlaps(read_case(small_directory))]
    assert f"the closest Na {ions[0]} and Na {ions[1]} at 0.36 Angstrom" in only(found)


def test_electrode_that_does_not_fit_its_cell_overlaps(small_directory, small_case):
    """A cell that is 1 Angstrom too short along y brings the sheet's edges to 0.42 Angstrom."""
    cell = small_case.cell.copy()
    cell[1, 1] -= 1.0 * ANGSTROM_TO_BOHR
    write_init_xyz(small_directory / "init.xyz", small_case.symbols, small_case.positions, cell)
    found = [str(finding) for finding in structure.check_overlaps(read_case(small_directory))]
    assert re.search(r"the closest C \d+ and C \d+ at 0\.42 Angstrom", only(found))


def test_wrong_unit_is_recognised(small_directory, capsys):
    path = small_directory / "init.xyz"
    path.write_text(path.read_text().replace("positions{angstrom}", "positions{atomic_unit}"))
    status, lines = check(small_directory, capsys)
    assert status == 1
    assert any("were read in bohr; name the unit in line 2" in line for line in lines)


def test_hydrogens_in_the_wrong_order(small_directory, small_case):
    first, second = small_case.water_oxygens[:2]

    def swap(case, positions):
        positions[[first + 1, second + 1]] = positions[[second + 1, first + 1]]

    move(small_directory, swap)
    case = read_case(small_directory)
    assert "should be bonded O and H" in only([str(finding) for finding in structure.check_order(case)])


def test_charged_cell_and_unknown_key_are_reported(small_directory, capsys):
    change(small_directory, "total_charge_e: -1.0", "total_charge_e: -2.0", "system.yaml")
    status, lines = check(small_directory, capsys)
    assert status == 1
    assert "not neutral" in lines[0]


def test_thin_vacuum_and_field_of_the_images(small_directory):
    """A pair of ions far apart: the charge that their images draw away is M/L_z."""
    case = read_case(small_directory)
    assert [f.severity for f in structure.check_vacuum(case)] == ["note"]
    flat = np.diag(case.cell).copy()
    flat[2] -= 25 * ANGSTROM_TO_BOHR
    write_init_xyz(small_directory / "init.xyz", case.symbols, case.positions, np.diag(flat))
    thin = [str(f) for f in structure.check_vacuum(read_case(small_directory))]
    assert "less than the cell's width of 17.0" in thin[0]

    def raise_cations(case, positions):
        cations = [i for i in case.ion_indices if case.symbols[i] == "Na"]
        positions[cations, 2] = 24.0 * ANGSTROM_TO_BOHR

    write_init_xyz(small_directory / "init.xyz", case.symbols, case.positions, case.cell)
    before = case.positions.copy()
    move(small_directory, raise_cations)
    raised = read_case(small_directory)
    moment = (
        raised.charges @ (raised.positions - before)[:, 2] + case.charges @ before[:, 2]
    ) * BOHR_TO_ANGSTROM
    warning = only([str(f) for f in structure.check_vacuum(raised) if f.severity == "warning"])
    assert f"draws up to {moment / 60.0:.2f} e" in warning


def test_a_cell_full_of_liquid_needs_no_vacuum(small_directory):
    """Liquid on both sides of the sheet: neither thin vacuum nor the slab's images are warned of."""
    case = read_case(small_directory)
    flat, places = np.diag(case.cell).copy(), case.positions.copy()
    flat[2] = np.ptp(places[:, 2]) + 4.9 * ANGSTROM_TO_BOHR
    write_init_xyz(small_directory / "init.xyz", case.symbols, places, np.diag(flat))
    (found,) = structure.check_vacuum(read_case(small_directory))
    assert found.severity == "note" and "none, nor is any needed" in str(found)
    flat[2] += 0.2 * ANGSTROM_TO_BOHR
    write_init_xyz(small_directory / "init.xyz", case.symbols, places, np.diag(flat))
    assert "warning" in {f.severity for f in structure.check_vacuum(read_case(small_directory))}


def test_missing_slater_koster_files_are_all_named(small_directory, tmp_path, capsys):
    (tmp_path / "slako").mkdir()
    status, lines = check(small_directory, capsys, "--backend", "dftb", "--slako", str(tmp_path / "slako"))
    assert status == 1
    assert any("no C-C.skf" in line for line in lines)


def test_backend_that_cannot_be_made_is_one_line(small_directory, capsys):
    status, lines = check(small_directory, capsys, "--backend", "fixd")
    assert status == 1
    assert any("did you mean 'fixed'" in line for line in lines)


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        (Cost(1.0, 0.01), []),
        (Cost(700.0, 20.0), ["error: i-PI: the timeout of 'polcouple', 600 s, is shorter"]),
        (Cost(200.0, 20.0), ["warning: i-PI: the timeout of 'polcouple', 600 s, leaves little room"]),
        (Cost(0.01, 0.0005), []),
    ],
)
def test_timeout_and_latency_against_the_measured_time(cost, expected):
    findings = list(check_patience(load_input(SMALL / "input.xml"), cost, "dftb"))
    assert findings[0].severity == "note"
    lines = [str(finding) for finding in findings[1:]]
    assert len(lines) == len(expected)
    for line, start in zip(lines, expected, strict=True):
        assert line.startswith(start)


def test_a_latency_that_is_a_large_part_of_an_evaluation(small_directory):
    change(small_directory, "<latency>.*</latency>", "<latency> 1e-3 </latency>")
    findings = list(check_patience(load_input(small_directory / "input.xml"), Cost(0.01, 0.005), "dftb"))
    assert "the latency of 'polcouple', 0.001 s, slows down" in only([str(f) for f in findings[1:]])


def test_endless_timeout_is_long_enough(small_directory):
    change(small_directory, "<timeout>.*</timeout>", "<timeout> 0 </timeout>")
    findings = check_patience(load_input(small_directory / "input.xml"), Cost(1e4, 1e3), "dftbplus")
    assert [finding.severity for finding in findings] == ["note"]


def test_strained_structure_is_refused(small_directory, small_case, capsys):
    """No overlap between molecules, but a bond far shorter than a liquid holds."""
    oxygen = small_case.water_oxygens[0]

    def shorten(case, positions):
        bond = positions[oxygen + 1] - positions[oxygen]
        positions[oxygen + 1] = positions[oxygen] + 0.3 * bond

    move(small_directory, shorten)
    status, lines = check(small_directory, capsys, "--threads", "1")
    assert status == 1
    assert any("the largest force is" in line for line in lines)
