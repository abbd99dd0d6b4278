"""`polcouple conserved`: which files it reads, and how the work of several beads is counted."""

import re

import numpy as np
import pytest

from polcouple.analysis.conserved import read_conserved
from polcouple.cli.commands import main
from polcouple.errors import InputError
from polcouple.ipi.files import output_names, progress_file
from polcouple.ipi.input import read_xml
from polcouple.units import HARTREE_TO_KJ_PER_MOL

STEPS = np.arange(0, 50, 10)
INPUT = """<simulation><output prefix="{prefix}">
<properties filename="first"> [ step, volume ] </properties>
<properties filename="out"> [ step, time{{picosecond}}, temperature(O), conserved ] </properties>
<trajectory filename="charges" extra_type="charges"> extras </trajectory>
<trajectory filename="work" extra_type="refresh_work"{bead}> extras </trajectory>
</output>{systems}</simulation>
"""
HEADER = "".join(
    f"# column   {i + 1}     --> {name} : x\n"
    for i, name in enumerate(["step", "time{picosecond}", "temperature(O)", "conserved"])
)


def write(directory, name="i-pi.out", conserved=0.0, steps=STEPS):
    rows = "".join(f" {step} {1e-3 * step} 9 {conserved + 1e-3 * step}\n" for step in steps)
    (directory / name).write_text(HEADER + rows)


def write_work(directory, name, scale, steps=STEPS):
    frames = "".join(f" #EXTRAS(refresh_work)# Step: {step:10d} \n {scale * step}\n" for step in steps)
    (directory / name).write_text(frames)


def input_file(directory, beads=1, prefix="i-pi", bead="", systems=("",)):
    inside = f'<initialize nbeads="{beads}"/>'
    text = "".join(f'<system prefix="{name}">{inside}</system>' for name in systems)
    (directory / "input.xml").write_text(INPUT.format(prefix=prefix, bead=bead, systems=text))


@pytest.mark.parametrize(("beads", "last"), [(1, "0"), (4, "3"), (10, "09"), (12, "11")])
def test_work_is_the_mean_over_beads(tmp_path, beads, last):
    """i-PI pads the numbers of the beads to one length."""
    input_file(tmp_path, beads)
    write(tmp_path)
    for bead in range(beads):
        write_work(tmp_path, f"i-pi.work_{bead:0{len(last)}d}", 1e-3 * bead)
    found = read_conserved(tmp_path)
    mean = 1e-3 * (beads - 1) / 2
    assert found.refresh_work == pytest.approx(mean * STEPS * HARTREE_TO_KJ_PER_MOL)
    assert found.corrected == pytest.approx((1e-3 - mean) * STEPS * HARTREE_TO_KJ_PER_MOL)
    assert found.time == pytest.approx(1e-3 * STEPS)
    (tmp_path / f"i-pi.work_{last}").unlink()
    message = f"i-pi.work_{last}: no such file; " + (
        f"all {beads} beads are needed" if beads > 1 else "the run"
    )
    with pytest.raises(InputError, match=message):
        read_conserved(tmp_path)


def test_one_bead_of_several_is_not_enough(tmp_path):
    input_file(tmp_path, 2, bead=' bead="0"')
    write(tmp_path)
    write_work(tmp_path, "i-pi.work_0", 1.0)
    with pytest.raises(InputError, match="all 2 beads are needed; leave bead='0' out of its <trajectory>"):
        read_conserved(tmp_path)


@pytest.mark.parametrize(
    ("prefix", "system", "name"),
    [("a", "", "a.{}"), ("", "", "{}"), ("a", "hot", "hot_a.{}"), ("", "hot", "hot_{}")],
)
def test_names_of_files(tmp_path, prefix, system, name):
    input_file(tmp_path, prefix=prefix, systems=(system,))
    write(tmp_path, name.format("out"))
    write_work(tmp_path, name.format("work_0"), 0.0)
    assert len(read_conserved(tmp_path).time) == len(STEPS)


def test_several_systems(tmp_path, capsys):
    input_file(tmp_path, systems=("cold", "hot"))
    for system, scale in (("cold", 1e-4), ("hot", 2e-4)):
        write(tmp_path, f"{system}_i-pi.out")
        write_work(tmp_path, f"{system}_i-pi.work_0", scale)
    with pytest.raises(
        InputError, match=r"a run of 2 systems \(cold, hot\); `polcouple conserved` takes one"
    ):
        read_conserved(tmp_path)
    with pytest.raises(InputError, match=r"no system 'hott' \(did you mean 'hot'\?\)"):
        read_conserved(tmp_path, "hott")
    work = read_conserved(tmp_path, "hot").refresh_work
    assert work == pytest.approx(2e-4 * STEPS * HARTREE_TO_KJ_PER_MOL)
    with pytest.raises(SystemExit) as ended:
        main(["conserved", str(tmp_path), "--system", "cold"])
    assert ended.value.code == 0
    table = np.loadtxt(tmp_path / "cold_conserved.csv", delimiter=",", skiprows=1)
    assert table[:, 2] == pytest.approx(1e-4 * STEPS * HARTREE_TO_KJ_PER_MOL)
    assert not (tmp_path / "conserved.csv").exists()


def test_systems_that_share_their_files_are_refused(tmp_path):
    input_file(tmp_path, systems=("", ""))
    with pytest.raises(InputError, match="2 systems write to the same files; give each <system> a prefix"):
        read_conserved(tmp_path)


def test_steps_done_twice_count_once(tmp_path):
    """A run that went on from a checkpoint has written steps 20 and 30 again."""
    input_file(tmp_path)
    write(tmp_path)
    write(tmp_path, "again", conserved=0.5, steps=[20, 30, 40])
    rows = (tmp_path / "again").read_text().removeprefix(HEADER)
    (tmp_path / "i-pi.out").write_text(
        "".join(line for line in (tmp_path / "i-pi.out").open() if not line.startswith(" 40 ")) + rows
    )
    write_work(tmp_path, "i-pi.work_0", 0.0)
    expected = 1e-3 * STEPS + 0.5 * (STEPS >= 20)
    assert read_conserved(tmp_path).conserved == pytest.approx(expected * HARTREE_TO_KJ_PER_MOL)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("conserved", "potential", "no <properties> with step, time, conserved"),
        ('"refresh_work"', '"refresh_work, refreshes"', "it is written together with refreshes"),
        ('"refresh_work"', '"raw"', "no <trajectory extra_type='refresh_work'>"),
        ("(?s)<output.*</output>", "", "no <output>"),
    ],
)
def test_what_is_missing_in_the_input(tmp_path, old, new, message):
    input_file(tmp_path)
    write(tmp_path)
    write_work(tmp_path, "i-pi.work_0", 0.0)
    text = (tmp_path / "input.xml").read_text()
    assert re.search(old, text)
    (tmp_path / "input.xml").write_text(re.sub(old, new, text))
    with pytest.raises(InputError, match=message):
        read_conserved(tmp_path)


@pytest.mark.parametrize(
    ("prefix", "systems", "progress", "own", "others"),
    [
        ("a", ("",), "a.first", ["a.out", "a.work_0", "a.checkpoint.kept"], ["b.out", "a", "cold_a.out"]),
        ("a", ("cold", "hot"), "cold_a.first", ["hot_a.work_00", "a.checkpoint"], ["warm_a.out", "notes"]),
        ("", ("",), "first", ["out", "work_12", "restart.kept", "out.xyz"], ["outline", "work.d/x", "notes"]),
        ("", ("cold",), "cold_first", ["cold_out", "restart"], ["cold", "cold_notes"]),
    ],
)
def test_which_files_are_a_runs_own(tmp_path, prefix, systems, progress, own, others):
    """A run that goes on cuts off what is unfinished in these, and one that failed leaves them."""
    input_file(tmp_path, prefix=prefix, systems=systems)
    root = read_xml(tmp_path / "input.xml")
    assert progress_file(root) == progress
    names = output_names(root)
    assert all(names.fullmatch(name) for name in [progress, *own])
    assert not any(names.fullmatch(name) for name in others)
