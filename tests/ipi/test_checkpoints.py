"""A run goes on from the newest complete file that its input's <checkpoint> or i-PI's RESTART left."""

import pytest

from polcouple.errors import InputError
from polcouple.ipi.checkpoints import checkpoints, restart_file
from polcouple.ipi.input import read_xml


def simulation(step):
    return f"<simulation><step>{step}</step></simulation>\n"


def run_of(directory, output):
    (directory / "input.xml").write_text(f"<simulation>{output}</simulation>")
    return directory


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("<output prefix='simulation'><checkpoint stride='20'/></output>", "simulation.restart"),
        ("<output prefix='simulation'><checkpoint filename='chk'/></output>", "simulation.chk"),
        ("<output prefix=''><checkpoint filename='chk'/></output>", "chk"),
        ("<output><checkpoint filename='chk'> 3 </checkpoint></output>", "i-pi.chk"),
        ("", "i-pi.checkpoint"),
        ("<output><properties/><checkpoint filename='a'/><checkpoint filename='b'/></output>", "i-pi.b"),
    ],
)
def test_names(tmp_path, output, name):
    run = run_of(tmp_path, output)
    assert restart_file(run) is None
    (run / name).write_text(simulation(40))
    assert restart_file(run) == run / name
    (run / "RESTART").write_text(simulation(39))
    assert restart_file(run) == run / name
    (run / "RESTART").write_text(simulation(40))
    assert restart_file(run) == run / "RESTART"


def test_numbered_files(tmp_path):
    run = run_of(tmp_path, "<output prefix='s'><checkpoint filename='chk' overwrite='False'/></output>")
    for number in (0, 2, 9, 10):
        (run / f"s.chk_{number}").write_text(simulation(20 * number + 20))
    (run / "s.chk_x").write_text("not i-PI's")
    assert restart_file(run) == run / "s.chk_10"
    (run / "s.chk_11").write_text("<simulation><step> 240")
    assert restart_file(run) == run / "s.chk_10"


def test_a_copy_is_kept_of_a_file_that_is_overwritten(tmp_path):
    run = run_of(tmp_path, "<output prefix='s'><checkpoint filename='chk'/></output>")
    (checkpoint,) = checkpoints(read_xml(run / "input.xml"), run)
    checkpoint.keep()
    (run / "s.chk").write_text(simulation(20))
    checkpoint.keep()
    (run / "s.chk").write_text("<simulation><step> 4")
    checkpoint.keep()
    assert restart_file(run) == run / "s.chk.kept"


def test_nothing_complete(tmp_path):
    run = run_of(tmp_path, "<output prefix='s'><checkpoint filename='chk'/></output>")
    (run / "RESTART").write_text("<simulation>")
    with pytest.raises(InputError, match="not valid XML"):
        restart_file(run)
