"""Columns and extras that i-PI wrote; what it did not finish is cut off before a run goes on."""

import numpy as np
import pytest

from polcouple.errors import InputError
from polcouple.ipi.output import cut_unfinished, last_properties, read_extras, read_properties
from polcouple.units import EV_TO_HARTREE, FS_TO_ATOMIC_TIME, KELVIN_TO_HARTREE

PROPERTIES = "# column   1     --> step : x\n# column   2     --> time{picosecond} : x\n"
ROW = "  {0}.0000e+00   {0}.5000e-01\n"
EXTRAS = " #EXTRAS(charges)# Step:  {0}  Bead:   0\n  1.0000e-01  2.0000e-01\n  3.0000e-01\n"
XYZ = "2\n# CELL(abcABC): 1 1 1 90 90 90 Step: {0} Bead: 0 positions\n C 0.0 0.0 {0}.0\n O 1.0 0.0 {0}.5\n"


@pytest.mark.parametrize(("header", "part"), [(PROPERTIES, ROW), ("", EXTRAS), ("", XYZ)])
def test_cut_anywhere(tmp_path, header, part):
    """Whatever is left of the last part, the parts before it stay, byte for byte."""
    path = tmp_path / "output"
    whole = header + "".join(part.format(step) for step in range(5))
    kept = header + "".join(part.format(step) for step in range(4))
    for length in range(len(kept), len(whole) + 1):
        path.write_text(whole[:length])
        cut_unfinished(path)
        assert path.read_text() == (whole if length == len(whole) else kept), length


def test_runs_that_go_on_can_be_read(tmp_path):
    (tmp_path / "a").write_text(PROPERTIES + ROW.format(1) + ROW.format(2)[:-4])
    (tmp_path / "b").write_text(EXTRAS.format(1) + EXTRAS.format(2) + EXTRAS.format(3)[:-6])
    for name, part in (("a", ROW), ("b", EXTRAS)):
        cut_unfinished(tmp_path / name)
        with (tmp_path / name).open("a") as stream:
            stream.write(part.format(2) + part.format(3))
    assert np.array_equal(read_properties(tmp_path / "a")["step"], [1, 2, 3])
    assert np.array_equal(read_extras(tmp_path / "b")[0], [1, 2, 2, 3])


@pytest.mark.parametrize("text", ["", "x", "a\nb\nc", "<simulation>\n half a li"])
def test_other_files_are_left_alone(tmp_path, text):
    (tmp_path / "other").write_text(text)
    cut_unfinished(tmp_path / "other")
    assert (tmp_path / "other").read_text() == text


#: as i-PI 3.3.1 writes it, with a vector, arguments, and both orders of unit and argument
HEADER = """### i-PI was developed by many --> people
# column   1     --> step : The current simulation time step.
# cols.    2-7   --> cell_h{angstrom} : The simulation cell as a matrix, in the form [xx, yy, zz, xy, xz, yz].
# column   8     --> temperature(O){kelvin} : The current temperature.
# column   9     --> time{femtosecond} : The elapsed simulation time.
# column  10     --> conserved{electronvolt} : The value of the conserved energy quantity per bead.
# column  11     --> kinetic_md{kilocal/mol}(bead=0) : The kinetic energy.
# column  12     --> temperature : The current temperature.
"""
FRAME = "  {0}  1 2 3 0 0 0  280.0  {0}.5  -2.5 7.0  9.5e-4\n"


def test_units_of_the_header(tmp_path):
    path = tmp_path / "out"
    path.write_text(HEADER + FRAME.format(1) + FRAME.format(2) + FRAME.format(3)[:-5])
    found = read_properties(path)
    assert found.keys() == {"step", "time", "conserved", "temperature"}
    assert np.array_equal(found["step"], [1, 2])
    assert found["time"] == pytest.approx(np.array([1.5, 2.5]) * FS_TO_ATOMIC_TIME, rel=1e-12)
    assert found["conserved"] == pytest.approx([-2.5 * EV_TO_HARTREE] * 2, rel=1e-12)
    # i-PI's default is its own unit, kT in Hartree
    assert found["temperature"] / KELVIN_TO_HARTREE == pytest.approx([9.5e-4 / KELVIN_TO_HARTREE] * 2)
    assert last_properties(path) == pytest.approx({name: values[-1] for name, values in found.items()})


def test_a_file_without_a_header_is_refused(tmp_path):
    (tmp_path / "out").write_text(" 1 2\n")
    with pytest.raises(InputError, match="no header"):
        read_properties(tmp_path / "out")
    assert last_properties(tmp_path / "out") == {}


def test_an_unknown_unit_is_refused(tmp_path):
    (tmp_path / "out").write_text("# column   1     --> time{fortnight} : x\n 1.0\n")
    with pytest.raises(InputError, match="line 1: time: 'fortnight' is no unit of time"):
        read_properties(tmp_path / "out")
    assert last_properties(tmp_path / "out") == {}
