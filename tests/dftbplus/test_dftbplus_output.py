"""DFTB+ output: the recorded files, damaged ones, and DFTB+'s own words."""

import gzip
import re
import shutil

import numpy as np
import pytest
from conftest import ROOT

from polcouple.dftbplus.errors import DftbPlusError, NotConvergedError
from polcouple.dftbplus.output import failure_message, raise_if_not_converged, read_output, read_tags

RAW = ROOT / "tests" / "data" / "dftbplus_raw"


@pytest.fixture
def finished(tmp_path):
    """A copy of the complete recorded calculation."""
    for path in (RAW / "sheet96_1").iterdir():
        shutil.copyfile(path, tmp_path / path.name)
    return tmp_path


def replace(path, pattern, text):
    before = path.read_text()
    after = re.sub(pattern, text, before, count=1)
    assert after != before
    path.write_text(after)


def test_recorded_results():
    output = read_output(RAW / "sheet96_1", 96, shell_resolved=False)
    # detailed.out has the same numbers with fewer digits
    detailed = (RAW / "sheet96_1" / "detailed.out").read_text()
    table = detailed.split("Atom           Charge\n")[1].split("\n\n")[0]
    charges = np.array([line.split()[1] for line in table.splitlines()], dtype=float)
    assert np.abs(output.charges - charges).max() < 6e-9
    assert np.abs(charges).max() > 0.04
    assert output.charges.sum() == pytest.approx(-1.0, abs=1e-8)
    assert output.mermin_energy == pytest.approx(-166.6208430529, abs=1e-10)
    assert output.fermi_level == pytest.approx(-0.0393840014, abs=1e-10)
    assert (output.cycles, output.residual) == (19, 0.69497430e-09)


def test_energy_has_the_interaction_with_the_point_charges_once():
    """DFTB+'s "Energy SCC" is 1/2 q gamma q + q phi, so that its derivative by phi is q."""
    from polcouple.dftb.gamma import Gamma
    from polcouple.electrode import Electrode
    from polcouple.electrostatics.ewald import ewald_potential
    from polcouple.units import ANGSTROM_TO_BOHR

    lines = (RAW / "sheet96_1" / "geo_end.gen").read_text().splitlines()
    positions = np.array([line.split()[2:] for line in lines[2:98]], dtype=float) * ANGSTROM_TO_BOHR
    cell = np.array([line.split() for line in lines[99:]], dtype=float) * ANGSTROM_TO_BOHR
    table = np.loadtxt(RAW / "sheet96_1" / "dftb_external_charges.dat")
    potentials = ewald_potential(positions, table[:, :3] * ANGSTROM_TO_BOHR, table[:, 3], cell)
    charges = read_tags(RAW / "sheet96_1" / "results.tag")["gross_atomic_charges"]
    gamma = Gamma(Electrode(("C",) * 96, positions, cell), np.arange(96), np.full(96, 0.3647)).matrix
    within, external = 0.5 * charges @ gamma @ charges, charges @ potentials
    detailed = (RAW / "sheet96_1" / "detailed.out").read_text()
    recorded = float(re.search(r"Energy SCC:\s+(\S+) H", detailed)[1])
    # a uniform potential, undefined in a charged periodic cell, may differ; half the interaction is far more
    assert within + external == pytest.approx(recorded, abs=5e-4)
    assert abs(0.5 * external) > 0.02


def test_shell_resolution_that_nobody_asked_for_is_noticed():
    directory = RAW / "sheet96_1_ase_defaults"
    with pytest.raises(DftbPlusError, match="'Yes' as 'Shell resolved Hubbard', but 'No'"):
        read_output(directory, 96, shell_resolved=False)
    assert read_output(directory, 96, shell_resolved=True).cycles == 21
    differences = [
        read_tags(RAW / name / "results.tag")["gross_atomic_charges"]
        for name in ("sheet96_1", "sheet96_1_ase_defaults")
    ]
    assert np.abs(differences[0] - differences[1]).max() > 1e-3


def test_shell_resolution_that_was_asked_for_and_a_missing_echo_are_noticed(finished):
    with pytest.raises(DftbPlusError, match="'No' as 'Shell resolved Hubbard', but 'Yes'"):
        read_output(finished, 96, shell_resolved=True)
    replace(finished / "dftb.out", "Shell resolved Hubbard:.*\n", "")
    with pytest.raises(DftbPlusError, match="echoes nothing"):
        read_output(finished, 96, shell_resolved=False)


def test_output_recorded_in_the_middle_of_a_run_is_refused(tmp_path):
    with gzip.open(RAW / "nacl336_0005" / "detailed.out.gz", "rt") as file:
        (tmp_path / "detailed.out").write_text(file.read())
    (tmp_path / "dftb.out").write_text((RAW / "sheet96_1" / "dftb.out").read_text())
    with pytest.raises(DftbPlusError, match=r"detailed\.out is truncated"):
        read_output(tmp_path, 336, shell_resolved=False)


@pytest.mark.parametrize("name", ["dftb.out", "detailed.out", "results.tag"])
def test_missing_and_empty_files_are_named(finished, name):
    (finished / name).write_text("")
    with pytest.raises(DftbPlusError):
        read_output(finished, 96, shell_resolved=False)
    (finished / name).unlink()
    with pytest.raises(DftbPlusError, match=re.escape(f"left no {name}")):
        read_output(finished, 96, shell_resolved=False)


def test_every_truncation_of_the_results_is_noticed(finished):
    path = finished / "results.tag"
    text = path.read_text()
    end = text.index("dipole_moments")
    for length in np.linspace(0, end - 200, 40).astype(int):
        path.write_text(text[:length])
        with pytest.raises(DftbPlusError):
            read_output(finished, 96, shell_resolved=False)


def test_values_that_are_not_numbers_are_refused(finished):
    replace(finished / "results.tag", r"-0.166620843052894E\+003", "NaN")
    with pytest.raises(DftbPlusError, match="'mermin_energy' is not finite"):
        read_output(finished, 96, shell_resolved=False)
    replace(finished / "results.tag", "NaN", "*************")
    with pytest.raises(DftbPlusError, match="'mermin_energy' is not a list of numbers"):
        read_output(finished, 96, shell_resolved=False)


def test_wrong_number_of_atoms(finished):
    with pytest.raises(DftbPlusError, match="96 atoms, expected 95"):
        read_output(finished, 95, shell_resolved=False)


def test_no_convergence_is_a_status_with_cycles_and_error(finished):
    replace(
        finished / "detailed.out", "SCC converged", "SCC is NOT converged, maximal SCC iterations exceeded"
    )
    with pytest.raises(NotConvergedError) as caught:
        read_output(finished, 96, shell_resolved=False)
    assert (caught.value.cycles, caught.value.residual) == (19, 0.69497430e-09)
    (finished / "detailed.out").unlink()
    with (finished / "dftb.out").open("a") as file:
        file.write("ERROR!\n-> SCC is NOT converged, maximal SCC iterations exceeded\n")
    with pytest.raises(NotConvergedError, match="in 19 cycles"):
        raise_if_not_converged(finished)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "Starting\n\nERROR!\n-> Invalid parser version (14)\nPath: dftb_in/ParserOptions\n\n",
            "Invalid parser version (14) Path: dftb_in/ParserOptions (DFTB+ 24.1 or newer is needed)",
        ),
        (
            "WARNING!\n-> The following 1 node(s) had been ignored by the parser:\n(1)\n"
            "Path: dftb_in/Hamiltonian/DFTB/SCCTolerence\n\n"
            "ERROR!\n-> Code halting due to the presence of errors in dftb_in file.\n",
            "The following 1 node(s) had been ignored by the parser: (1)"
            " Path: dftb_in/Hamiltonian/DFTB/SCCTolerence"
            " Code halting due to the presence of errors in dftb_in file.",
        ),
        (
            "\nOne\nTwo\nFortran runtime error:\nNo space left on device\n",
            "Two Fortran runtime error: No space left on device",
        ),
        ("", "no output"),
    ],
)
def test_its_own_words_are_kept(tmp_path, output, message):
    (tmp_path / "dftb.out").write_text(output)
    assert failure_message(tmp_path) == message
