"""What i-PI did not finish writing is cut off before a run goes on, and nothing else."""

import numpy as np
import pytest

from polcouple.ipi_output import cut_unfinished, read_extras, read_properties

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
