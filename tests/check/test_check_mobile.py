"""`polcouple check` of an electrode that moves: what does not fit is told before the run, in one line."""

import re
import shutil

import pytest
from mobile_cases import change

from polcouple.check.findings import check_case
from polcouple.dftb.skf import DEFAULT_SLAKO


def found(directory, backend="dftb", severity="error", **settings):
    """Lines of a severity."""
    findings = check_case(directory, backend, settings=settings, threads=1)
    assert all("\n" not in finding.text for finding in findings)
    return [finding.text for finding in findings if finding.severity == severity]


def edit(path, old, new):
    text, count = re.subn(old, new, path.read_text(), count=1, flags=re.DOTALL)
    assert count, old
    path.write_text(text)


def test_a_sound_case(sheet):
    assert not found(sheet)
    assert "i-PI: 24 of the electrode's 24 atoms move" in found(sheet, severity="note")


def test_atoms_that_ipi_keeps_are_its_own_affair(sheet):
    edit(
        sheet / "input.xml",
        "<dynamics",
        "<fixcom> False </fixcom> <fixatoms> [0, 1, 5] </fixatoms> <dynamics",
    )
    assert not found(sheet)
    assert "i-PI: 21 of the electrode's 24 atoms move" in found(sheet, severity="note")
    edit(sheet / "input.xml", "<fixcom> False </fixcom>", "")
    (line,) = found(sheet)
    assert "<fixcom> is True, its default, and does not go with walls or atoms that are kept" in line


def test_an_electrode_of_which_nothing_moves(sheet):
    everything = ", ".join(map(str, range(24)))
    edit(
        sheet / "input.xml",
        "<dynamics",
        f"<fixcom> False </fixcom> <fixatoms> [{everything}] </fixatoms> <dynamics",
    )
    assert any("keeps all atoms of the mobile electrode" in line for line in found(sheet, severity="warning"))


def test_one_that_moves_and_is_not_said_to(sheet):
    section = {"name": "sheet", "first_atom": 0, "last_atom": 23, "total_charge_e": 0.0}
    change(sheet, electrodes=[section])
    assert any("24 of 24 electrode atoms may move" in line for line in found(sheet))


@pytest.mark.parametrize(
    ("backend", "settings", "line"),
    [
        ("fixed", {}, "backend 'fixed' gives no forces on an electrode that moves; use dftb"),
        (
            "nn",
            {"model": "graphene_nacl_small_response"},
            "backend 'nn' gives no forces on an electrode that",
        ),
        ("dftb", {"array_library": "jax"}, "array_library: jax is for a frozen one; leave it out"),
    ],
)
def test_backends(sheet, backend, settings, line):
    (only,) = found(sheet, backend, **settings)
    assert line in only


def test_a_level_outside_the_bands(sheet):
    change(sheet, potential={"fermi_level_ev": -1000.0, "counter_charge": "background"})
    (line,) = found(sheet)
    assert "Fermi level -1000.000 eV lies outside the bands, which reach from -" in line
    change(sheet, potential={"fermi_level_ev": -60.0, "counter_charge": "background"})
    assert not found(sheet)
    warned = found(sheet, severity="warning")
    assert any("Fermi level -60 eV: the electrode carries +15." in line for line in warned)


def test_atoms_that_are_too_close(sheet):
    lines = (sheet / "init.xyz").read_text().splitlines()
    first = [float(x) for x in lines[2].split()[1:]]
    lines[3] = f"C {first[0] + 0.1:.6f} {first[1]:.6f} {first[2]:.6f}"
    (sheet / "init.xyz").write_text("\n".join(lines) + "\n")
    assert any("overlapping pairs, the closest C 0 and C 1 at 0.10" in line for line in found(sheet))


def test_tables_without_a_repulsive_part(sheet):
    text = (DEFAULT_SLAKO / "C-C.skf").read_text()
    (sheet / "slako").mkdir()
    (sheet / "slako" / "C-C.skf").write_text(text[: text.index("Spline")])
    change(sheet, backends={"dftb": {"slako": "./slako"}})
    (line,) = found(sheet)
    assert "C-C.skf: neither a spline nor a polynomial for the repulsive energy, which forces need" in line


def test_tables_with_a_placeholder_for_it(sheet):
    text = (DEFAULT_SLAKO / "C-C.skf").read_text()
    (sheet / "slako").mkdir()
    placeholder = "Spline\n1 0.2\n1.0 -1000.0 0.0\n0.0 0.2 6*0.0\n"
    (sheet / "slako" / "C-C.skf").write_text(text[: text.index("Spline")] + placeholder)
    change(sheet, backends={"dftb": {"slako": "./slako"}})
    (line,) = found(sheet)
    assert "C-C.skf: the repulsive energy is a placeholder, which ends at 0.2 bohr" in line
    change(sheet, mobile=False)
    assert not [line for line in found(sheet) if "repulsive" in line]


def test_a_cell_that_changes(sheet):
    edit(sheet / "input.xml", 'mode="nvt"', 'mode="npt"')
    assert any("electrodes need a constant cell" in line for line in found(sheet))


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"refresh": {"interval": 5}}, "charges that are kept for 5 steps give no forces on it"),
        ({"slab": {"displacement_volt_per_angstrom": 0.0}, "potential": None}, "slab: is for electrodes in"),
    ],
)
def test_what_does_not_go_together(sheet, keys, line):
    change(sheet, **keys)
    (only,) = found(sheet)
    assert line in only and str(sheet / "system.yaml") in only


def test_the_liquid_alone_in_ipi(sheet):
    shutil.copy(sheet / "init.xyz", sheet / "electrode.xyz")
    change(sheet, ipi_atoms="liquid")
    (only,) = found(sheet)
    assert "ipi_atoms: liquid" in only


def test_parts_that_need_a_cheaper_backend(sheet):
    path = sheet / "input.xml"
    text = path.read_text()
    socket = re.search(r"  <ffsocket.*?</ffsocket>\n", text, re.DOTALL).group(0)
    slow = socket.replace("polcouple", "slow").replace("part: all", "part: slow")
    fast = socket.replace("part: all", "part: fast")
    path.write_text(
        text.replace(socket, fast + slow).replace(
            '<force forcefield="polcouple"/>', '<force forcefield="polcouple"/> <force forcefield="slow"/>'
        )
    )
    line = found(sheet)[-1]
    assert "part: fast and part: slow need a cheaper backend; write fast_backend: with its name" in line
    path.write_text(text.replace("part: all", "part: fast"))
    line = found(sheet)[0]
    assert "the forces add up to 1 x fast; use one with {part: all}" in line
