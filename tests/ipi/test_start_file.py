"""The file that i-PI starts from: units as i-PI takes them, and lines that cannot be read."""

import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import SMALL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ipi.engine.beads import Beads
from ipi.engine.cell import Cell
from ipi.inputs.initializer import InputInitializer
from ipi.utils.io import read_file
from ipi.utils.io.inputs.io_xml import xml_parse_string

from polcouple.case.model import read_case
from polcouple.errors import InputError
from polcouple.ipi.initialize import StartFile, start_beside, start_file
from polcouple.ipi.input import read_xml
from polcouple.ipi.start_file import frames_of, read_init_xyz
from polcouple.propagation.inputs import copy_inputs
from polcouple.units import ANGSTROM_TO_BOHR

WATER = ["O 1.0 2.0 3.0", "H 1.9 2.0 3.0", "H 1.0 2.9 3.0"]


def write(path, comment, atoms=WATER, count=None):
    path.write_text("\n".join([str(len(atoms) if count is None else count), comment, *atoms]) + "\n")
    return path


@pytest.mark.parametrize(
    ("comment", "units", "cell_units"),
    [
        ("CELL(abcABC): 9 8 7 90 90 60 positions{angstrom} cell{angstrom}", "automatic", "automatic"),
        ("CELL(abcABC): 9 8 7 90 90 60 positions{angstrom} cell{angstrom}", "angstrom", "angstrom"),
        ("CELL(abcABC): 9 8 7 90 90 60", "angstrom", "angstrom"),
        ("CELL(abcABC): 9 8 7 90 90 60", "angstrom", "automatic"),
        ("CELL(abcABC): 9 8 7 90 90 60 cell{angstrom}", "angstrom", "automatic"),
        ("CELL(abcABC): 9 8 7 90 90 60 positions{nanometer} cell{picometer}", "automatic", "automatic"),
        ("CELL(abcABC): 9 8 7 90 90 60 positions{atomic_unit}", "automatic", "automatic"),
        ("CELL(abcABC): 9 8 7 90 90 60 positions{ angstrom } cell{ angstrom }", "automatic", "automatic"),
        ("CELL(H): 9 1 2 0 8 1 0 0 7 positions{angstrom} cell{angstrom}", "automatic", "automatic"),
        ("CELL(GENH): 0 9 1 8 0 0 1 0 7 positions{angstrom} cell{angstrom}", "automatic", "automatic"),
        ("CELL(abcABC): 9 8 7 90 90 60", "automatic", "automatic"),
    ],
)
def test_units_are_those_that_ipi_takes(tmp_path, comment, units, cell_units):
    path = write(tmp_path / "a.xyz", comment)
    symbols, positions, cell = read_init_xyz(path, units, cell_units)
    with path.open() as stream:
        expected = read_file("xyz", stream, dimension="length", units=units, cell_units=cell_units)
    assert symbols == ("O", "H", "H")
    assert positions.ravel() == pytest.approx(expected["atoms"].q, rel=1e-6)
    assert cell.T == pytest.approx(expected["cell"].h, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xef\xbb\xbf1\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 0 0\n", "line 1 begins with a byte-order mark"),
        (
            b"\n1\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 0 0\n",
            "line 1 should hold the number of atoms",
        ),
        (b"two\n#\nO 0 0 0\n", "line 1 should hold the number of atoms, and holds 'two'"),
        (b"2\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 0 0\n\n", "line 4 is empty"),
        (b"2\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 0 0\n", "announces 2 atoms, 1 are there"),
        (
            b"1\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 zero 0\n",
            "line 3 'O 0 zero 0' is no symbol with",
        ),
        (b"1\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 0\n", "line 3 'O 0 0' is no symbol with"),
        (b"1\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 nan 0\n", "atom 0 (line 3)"),
        (b'1\nLattice="9 0 0 0 9 0 0 0 9" Properties=species:S:1:pos:R:3\nO 0 0 0\n', "extended xyz"),
        (b"1\n# no cell\nO 0 0 0\n", "line 2 has no cell"),
        (b"1\n# CELL abc: 9 9 9\nO 0 0 0\n", "line 2 has no cell"),
        (b"1\n# CELL(abcABC): 9 9 9 90 90\nO 0 0 0\n", "line 2: i-PI cannot read the cell"),
        (b"1\n# CELL(abcABC): wide 9 9 90 90 90\nO 0 0 0\n", "line 2: i-PI cannot read the cell"),
        (b"1\n# CELL(abcABC): 9 9 9 10 90 150\nO 0 0 0\n", "line 2: i-PI cannot read the cell"),
        (b"1\n# CELL(abcABC): 9 9 0 90 90 90\nO 0 0 0\n", "line 2: the cell spans no volume"),
        (b"1\n# CELL(abcABC): 9 9 9 1.57 1.57 1.57\nO 0 0 0\n", "in radians?"),
        (b"1\n# CELL(abcABC): 9 9 9 90 90 90\nO 0 0 0\n\nO 1 1 1\n", "line 5 'O 1 1 1' follows the atoms"),
        (b"1\n# CELL(abcABC): 9 9 9 90 90 90\n\x0cO 0 0\n", "line 3 'O 0 0' is no symbol with"),
        (b"1\n# CELL(abcABC): 9 9 9 90 90 90 positions{bohr} cell{bohr}\nO 0 0 0\n", "use atomic_unit"),
        (b"1\n# CELL(abcABC): 9 9 9 90 90 90 positions{angstron}\nO 0 0 0\n", "did you mean 'angstrom'"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (b"1\n#\n\xff\xfe\n", "no UTF-8"),
        (b"0\n#\n", "nothing to read"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(tmp_path, text, message):
    path = tmp_path / "init.xyz"
    path.write_bytes(text)
    with pytest.raises(InputError) as error:
        read_init_xyz(path)
    assert message in str(error.value) and "init.xyz" in str(error.value)


def test_line_ends_of_windows_and_tabs(tmp_path):
    path = tmp_path / "init.xyz"
    path.write_bytes(b"1\r\n# CELL(abcABC): 9 9 9 90 90 90\r\nO\t1\t2\t3\r\n")
    assert read_init_xyz(path)[1] == pytest.approx(np.array([[1.0, 2.0, 3.0]]))


@pytest.mark.parametrize(
    ("label", "hint"),
    [
        ("C1", "write C,"),
        ("CA", "write C or Ca, whichever it is"),
        ("Na+", "write Na,"),
        ("NA", "write N or Na"),
        ("OW", "write O,"),
        ("HW1", "write H,"),
        ("Cl-", "write Cl,"),
        ("X", "is no element symbol"),
        ("o", "write O,"),
    ],
)
def test_a_label_is_no_element(tmp_path, label, hint):
    path = write(tmp_path / "init.xyz", "# CELL(abcABC): 9 9 9 90 90 90", [f"{label} 0 0 0"])
    with pytest.raises(InputError) as error:
        read_init_xyz(path)
    assert f"line 3: '{label}' of atom 0" in str(error.value) and hint in str(error.value)


def test_of_two_elements_the_expected_one_is_named(tmp_path):
    path = write(tmp_path / "init.xyz", "# CELL(abcABC): 9 9 9 90 90 90", ["NA 0 0 0"])
    with pytest.raises(InputError, match="write Na, in init"):
        read_init_xyz(path, elements=["C", "Na"])
    with pytest.raises(InputError, match="write N or Na, whichever it is, in init"):
        read_init_xyz(path, elements=["N", "Na"])


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_number_of_frames(tmp_path, frames):
    path = write(tmp_path / "a.xyz", "# CELL(abcABC): 9 9 9 90 90 90")
    path.write_text(path.read_text() * frames + "\n")
    assert frames_of(path) == frames


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (StartFile("init.xyz", "automatic", "automatic"), "in Angstrom and were read in bohr"),
        (StartFile("init.xyz", "angstrom", "automatic"), "of the cell's width"),
        (StartFile("bohr.xyz", "angstrom", "angstrom"), "in bohr and were read in Angstrom"),
        (StartFile("init.xyz", "nanometer", "nanometer"), "as Angstroms read in nanometers are"),
        (StartFile("init.xyz", "angstrom", "nanometer"), "of the cell's width"),
    ],
)
def test_a_wrong_unit_is_suspected(small_directory, small_case, read, message):
    text = (small_directory / "init.xyz").read_text().splitlines()
    comment = text[1].replace("positions{angstrom} cell{angstrom}", "")
    (small_directory / "init.xyz").write_text("\n".join([text[0], comment, *text[2:]]) + "\n")
    lengths = " ".join(f"{length}" for length in np.diag(small_case.cell))
    rows = zip(small_case.symbols, small_case.positions.tolist(), strict=True)
    atoms = [f"{symbol} {x} {y} {z}" for symbol, (x, y, z) in rows]
    write(small_directory / "bohr.xyz", f"# CELL(abcABC): {lengths} 90 90 90", atoms)
    with pytest.raises(InputError, match=message):
        read_case(small_directory, read)
    assert len(read_case(small_directory, StartFile("bohr.xyz"))) == len(small_case)
    case = read_case(small_directory, StartFile("init.xyz", "angstrom", "angstrom"))
    assert case.positions == pytest.approx(small_case.positions)
    assert case.cell[0, 0] == pytest.approx(14.76 * ANGSTROM_TO_BOHR)


def test_files_of_an_input_are_copied_and_named_anew(tmp_path):
    case, run = tmp_path / "case", tmp_path / "run"
    for folder in (case / "a", case / "b", run):
        folder.mkdir(parents=True)
    (case / "a" / "start.xyz").write_text("1")
    (case / "b" / "start.xyz").write_text("2")
    (case / "plumed.dat").write_text("3")
    root = ElementTree.fromstring(
        "<simulation><ffplumed><init_file mode='xyz'> a/start.xyz </init_file>"
        "<plumed_dat> plumed.dat </plumed_dat></ffplumed><system>"
        "<initialize nbeads='1'><file mode='xyz'> a/start.xyz </file>"
        "<velocities mode='thermal'> 300 </velocities><momenta mode='xyz'> b/start.xyz </momenta>"
        "</initialize></system></simulation>"
    )
    names = copy_inputs(root, case, run)
    assert sorted(names) == ["plumed.dat", "start.xyz", "start_1.xyz"]
    assert (run / "start.xyz").read_text() == "1" and (run / "start_1.xyz").read_text() == "2"
    assert start_file(root, run / "input.xml").name == "start.xyz"
    assert root.findtext(".//momenta").strip() == "start_1.xyz"
    assert root.findtext(".//velocities").strip() == "300"
    root = ElementTree.fromstring(
        "<simulation><initialize><momenta mode='xyz'> gone.xyz </momenta></initialize></simulation>"
    )
    with pytest.raises(InputError, match="no such file, which i-PI's <momenta> names"):
        copy_inputs(root, case, run)


def test_shipped_inputs_name_their_start_file():
    assert start_file(read_xml(SMALL / "input.xml"), SMALL / "input.xml") == StartFile()


def test_a_restart_starts_from_what_its_input_names(small_directory):
    """RESTART names no file: the driver of a run that goes on needs the one that the run began with."""
    path = small_directory / "input.xml"
    path.write_text(path.read_text().replace("init.xyz", "start.xyz"))
    restart = small_directory / "RESTART"
    restart.write_text("<simulation><step>5</step></simulation>")
    assert start_beside(restart) == start_file(read_xml(path), path) == StartFile("start.xyz")
    path.unlink()
    assert start_beside(restart) == StartFile("init.xyz")


FILE = '<file mode="xyz"> init.xyz </file>'
POSITIONS = '<positions mode="xyz" units="angstrom"> a/p.xyz </positions>'
CELL = '<cell mode="abc" units="angstrom"> [14.76, 17.0433799465, 60.0] </cell>'
MASSES = '<masses mode="manual"> [1.0] </masses>'


def labels(*changed):
    symbols = [*["C"] * 96, *["O", "H", "H"] * 158, *["Na"] * 5, *["Cl"] * 4]
    for atom, symbol in changed:
        symbols[atom] = symbol
    return f"<labels mode='manual'> [{', '.join(symbols)}] </labels>"


@pytest.mark.parametrize(
    "elements",
    [
        FILE,
        FILE + FILE,
        FILE.replace(" init", "<!-- here --> init"),
        FILE + CELL,
        FILE + CELL.replace("abc", "abcABC").replace("60.0]", "60.0, 90, 90, 90]"),
        FILE + '<cell units="nanometer"> [1.476, 0, 0, 0, 1.70433799465, 0, 0, 0, 6.0] </cell>',
        FILE + MASSES + labels(),
        POSITIONS + CELL + MASSES + labels(),
        FILE + '<velocities mode="thermal"> 300 </velocities>',
    ],
)
def test_elements_of_initialize_give_the_same_structure(small_directory, small_case, elements):
    (small_directory / "a").mkdir()
    text = (small_directory / "init.xyz").read_text()
    (small_directory / "a" / "p.xyz").write_text(text.replace("abcABC): 14.76", "abcABC): 14.79"))
    if POSITIONS in elements:
        (small_directory / "init.xyz").unlink()
    change_input(small_directory, elements)
    case = read_case(small_directory)
    assert case.symbols == small_case.symbols
    assert case.positions == pytest.approx(small_case.positions, rel=1e-12, abs=1e-12)
    assert case.cell == pytest.approx(small_case.cell, rel=1e-9, abs=1e-9)


def test_the_cell_of_an_input_goes_before_the_file_and_may_stand_alone(small_directory, small_case):
    change_input(small_directory, FILE + CELL.replace("60.0", "70.0"))
    assert read_case(small_directory).cell[2, 2] == pytest.approx(70.0 * ANGSTROM_TO_BOHR)
    change_input(small_directory, FILE + CELL)
    path = small_directory / "init.xyz"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "# positions{angstrom}", *lines[2:]]) + "\n")
    assert read_case(small_directory).cell == pytest.approx(small_case.cell, abs=1e-9)


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ("<file> init.xyz </file>", "without a mode i-PI takes it for chk, write <file mode='xyz'>"),
        ('<file mode="ase"> init.xyz </file>', "reads mode='xyz' only"),
        ('<file mode="xyz"> </file>', "names no file"),
        ('<file mode="xyz" bead="0"> init.xyz </file>', "leave it out"),
        (FILE + POSITIONS, "names several files"),
        (POSITIONS, "has no <cell> and no <labels> and no <masses>"),
        (POSITIONS + CELL + labels(), "has no <masses>;"),
        ('<velocities mode="thermal"> 300 </velocities>', "names no start structure"),
        (CELL + FILE, "put <cell> after it"),
        (FILE + CELL.replace("angstrom", "angstron"), "did you mean 'angstrom'"),
        (FILE + CELL.replace(' units="angstrom"', ""), "<cell units='angstrom'>"),
        (FILE + CELL.replace(", 60.0", ""), "array of 3 floats"),
        (FILE + CELL.replace("60.0", "0.0"), "no cell of a positive volume"),
        (FILE + '<cell mode="pdb"> a.pdb </cell>', "abc, abcABC and manual"),
        (FILE + labels((570, "K")), "calls atom 570 'K', init.xyz Na"),
        (FILE + "<labels mode='manual'> [C, O] </labels>", "holds 2 symbols, init.xyz 579 atoms"),
        (FILE + "<labels mode='manual' index='3'> K </labels>", "leave <labels> out"),
    ],
)
def test_elements_of_initialize_that_are_refused(small_directory, elements, message):
    change_input(small_directory, elements)
    with pytest.raises(InputError) as error:
        read_case(small_directory)
    assert message in str(error.value) and str(small_directory) in str(error.value)


def change_input(directory, elements):
    path = directory / "input.xml"
    path.write_text(
        re.sub("(<initialize[^>]*>).*</init", rf"\1{elements}</init", path.read_text(), flags=re.S)
    )


@pytest.mark.parametrize(
    "name", ["RESTART", "system.yaml", "input.xml", "simulation.checkpoint", "simulation.positions_0.xyz"]
)
def test_a_file_never_takes_a_name_that_the_run_writes(tmp_path, name):
    """A RESTART of another run is read for its masses, and is not what the run goes on from."""
    case, run = tmp_path / "case", tmp_path / "run"
    (case / "old").mkdir(parents=True)
    run.mkdir()
    (case / "old" / name).write_text("1")
    root = ElementTree.fromstring(
        "<simulation><output prefix='simulation'/><system><initialize nbeads='1'>"
        f"<masses mode='chk'> old/{name} </masses></initialize></system></simulation>"
    )
    assert copy_inputs(root, case, run) == [f"start_{name}"]
    assert root.findtext(".//masses").strip() == f"start_{name}"
    assert [path.name for path in run.iterdir()] == [f"start_{name}"]


LENGTHS = ["angstrom", "Angstrom", "nanometer", "picometer", "atomic_unit", "ase", "meter", "furlong"]
named = st.sampled_from([None, *LENGTHS])


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    cell=st.sampled_from(
        [
            "abcABC): 9 8 7 90 80 60",
            "H): 9 1 2 0 8 1 0 0 7",
            "GENH): 0 9 1 8 0 0 1 0 7",
            "abcABC): 9 8 7 90 90 90",
        ]
    ),
    in_comment=st.tuples(named, named),
    attributes=st.tuples(named, named),
    tag=st.sampled_from(["file", "positions"]),
    own=st.tuples(st.sampled_from([None, "abc", "manual"]), named),
)
def test_structure_is_what_ipi_itself_starts_from(tmp_path, cell, in_comment, attributes, tag, own):
    """i-PI's own initializer reads the same elements; where it refuses them, so does polcouple."""
    where, at = in_comment
    comment = (
        f"# CELL({cell}" + (f" positions{{{where}}}" if where else "") + (f" cell{{{at}}}" if at else "")
    )
    write(tmp_path / "a.xyz", comment)
    keys = ("units", "cell_units") if tag == "file" else ("units",)
    words = " ".join(f'{key}="{unit}"' for key, unit in zip(keys, attributes, strict=False) if unit)
    text = f'<{tag} mode="xyz" {words}> {tmp_path / "a.xyz"} </{tag}>'
    mode, unit = own if tag == "file" else (own[0] or "abc", own[1])
    if mode is not None:
        numbers = "[9, 8, 7]" if mode == "abc" else "[9, 1, 2, 0, 8, 1, 0, 0, 7]"
        text += f'<cell mode="{mode}"' + (f' units="{unit}"' if unit else "") + f"> {numbers} </cell>"
    if tag == "positions":
        text += '<masses mode="manual"> [1, 2, 3] </masses><labels mode="manual"> [O, H, H] </labels>'
    text = f'<initialize nbeads="1"> {text} </initialize>'
    expected = ipi_starts_from(text)
    try:
        start = start_file(ElementTree.fromstring(f"<system>{text}</system>"), tmp_path / "input.xml")
        _, positions, vectors = read_init_xyz(
            tmp_path / start.name, start.units, start.cell_units, start.cell
        )
    except InputError:
        assert expected is None
        return
    assert expected is not None
    assert positions.ravel() == pytest.approx(expected[0], rel=1e-6, abs=1e-9)
    assert vectors.T == pytest.approx(expected[1], rel=1e-6, abs=1e-6 * np.abs(vectors).max())


def ipi_starts_from(text):
    """Positions and cell of i-PI's initializer; None where it refuses the input."""
    initializer = InputInitializer()
    simulation = SimpleNamespace(beads=Beads(0, 0), cell=Cell())
    try:
        initializer.parse(xml_parse_string(text).fields[0][1])
        initializer.fetch().init_stage1(simulation)
    except (TypeError, ValueError, KeyError):
        return None
    return np.array(simulation.beads.q[0]), np.array(simulation.cell.h)
