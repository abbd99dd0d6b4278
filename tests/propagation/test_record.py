"""The record of a run: what it tells, what --restart refuses, and the line that says how to go on."""

import json
import re
import shlex
import shutil
from dataclasses import replace

import pytest
from conftest import ROOT

import polcouple.simulation.run
from polcouple.cli.commands import main
from polcouple.cli.driver import main as driver_main
from polcouple.errors import InputError
from polcouple.files import require_writable, write_whole
from polcouple.ipi.input import read_xml, time_step_ps
from polcouple.propagation.plan import RunPlan
from polcouple.propagation.record import read_record, recorded_start
from polcouple.simulation.changes import changes
from polcouple.simulation.directory import begin

CAPACITOR = ROOT / "ipi_inputs" / "graphene_capacitor_small"
MODEL = ROOT / "models" / "graphene_nacl_small_response"


def plan_of(case, backend="fixed", **settings):
    return RunPlan(case, "input.xml", backend, settings, threads=1)


def edit(path, old, new):
    text = path.read_text()
    assert re.search(old, text), old
    path.write_text(re.sub(old, new, text, count=1))


def contents(directory):
    return {path: path.read_bytes() for path in directory.iterdir() if path.name != "run.lock"}


def stand_at(directory, step):
    """As i-PI leaves a run at a step."""
    write_whole(directory / "RESTART", f"<simulation><step>{step}</step></simulation>\n")


@pytest.fixture
def command(monkeypatch, capsys):
    """A command in this process; i-PI is not started, the run does as if it had reached its last step."""
    asked = []

    def propagate(directory, last_step, words, forced=()):
        with recorded_start(directory, 0, last_step, forced) as start:
            start.status, start.reached = "done", last_step
        stand_at(directory, last_step)
        asked.append((directory, last_step, words))
        return last_step

    monkeypatch.setattr(polcouple.simulation.run, "propagate", propagate)
    monkeypatch.setattr(polcouple.simulation.run, "require_sound", lambda *_: None)

    def command(*words):
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    command.asked = asked
    return command


def test_what_is_refused_changes_no_record(small_directory, tmp_path, command, monkeypatch):
    """A run that --force would let go on, and that cannot, is still what it was."""
    words = ["run", small_directory, "--output", tmp_path / "run"]
    assert command(*words, "--backend", "fixed", "--steps", 5)[0] == 0
    before = contents(tmp_path / "run")
    monkeypatch.undo()
    other = ["--backend", "dftbplus", "--set", "command=no-such-dftb", "--force"]
    status, said = command(*words, "--restart", "--steps", 5, *other)
    assert status == 2 and "no program" in said
    assert contents(tmp_path / "run") == before


def test_the_record_says_what_the_run_is_made_of(small_directory, tmp_path, command):
    plan = plan_of(small_directory, "metal", gaussian_exponent_per_angstrom=1.5)
    begin(plan, tmp_path / "run")
    stored = json.loads((tmp_path / "run" / "run.json").read_text())
    made_of = stored["made_of"]
    assert made_of["backend"] == "metal"
    assert made_of["given"] == {"gaussian_exponent_per_angstrom": 1.5}
    assert made_of["settings"] == made_of["given"] | {"bonds": "dftb", "hessian": {}}
    assert set(made_of["files"]) == {"system.yaml", "input.xml", "init.xyz", "electrode_atoms.txt"}
    assert all(len(digest) == 64 for digest in made_of["files"].values())
    assert made_of["seed"] == 1
    assert (made_of["refresh"], made_of["refresh_given"]) == (1, None)
    assert {"polcouple", "python", "numpy", "scipy"} <= set(stored["versions"])
    found, again = changes(read_record(tmp_path / "run").made_of, tmp_path / "run", plan)
    assert found == [] and again == read_record(tmp_path / "run").made_of


def change_cutoff(case):
    edit(case / "system.yaml", "cutoff_angstrom: 7.3", "cutoff_angstrom: 7.2")


def change_interval(case):
    edit(case / "system.yaml", "interval: 1", "interval: 3")


def move_an_atom(case):
    edit(case / "init.xyz", r"\nNa +\S+", "\nNa 1.0")


CASE_CHANGES = [
    (change_cutoff, "system.yaml: force_field.cutoff_angstrom was 7.3, now 7.2"),
    (change_interval, "refresh was every 1 evaluation(s), now every 3"),
    (move_an_atom, "the start structure is another one"),
]
INPUT_CHANGES = [
    (lambda case: edit(case / "input.xml", "> *0.5 *</timestep>", ">1.0</timestep>"),
     "timestep was 0.5, now 1.0"),
    (lambda case: edit(case / "input.xml", "<seed> *1 *</seed>", "<seed>2</seed>"), "prng/seed was 1, now 2"),
    (lambda case: edit(case / "input.xml", 'stride="10" filename="out"', 'stride="5" filename="out"'),
     "output/properties@stride was 10, now 5"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), CASE_CHANGES + INPUT_CHANGES)
def test_a_changed_case_or_input_is_refused_by_name(small_directory, tmp_path, command, change, message):
    words = ["run", small_directory, "--output", tmp_path / "run"]
    assert command(*words, "--backend", "fixed", "--steps", 5)[0] == 0
    before = contents(tmp_path / "run")
    change(small_directory)
    status, said = command(*words, "--restart", "--steps", 5)
    assert status == 2
    assert message in said and said.count("\n") == 1
    assert contents(tmp_path / "run") == before
    status, said = command(*words, "--restart", "--steps", 5, "--force")
    assert status == 0
    assert message in said
    assert command.asked[-1][1] == 10
    assert any(message in forced for forced in read_record(tmp_path / "run").starts[-1].forced)


@pytest.mark.parametrize(("change", "message"), CASE_CHANGES)
def test_a_change_of_the_runs_own_copy_is_refused(small_directory, tmp_path, command, change, message):
    words = ["run", small_directory, "--output", tmp_path / "run"]
    assert command(*words, "--backend", "fixed", "--steps", 5)[0] == 0
    change(tmp_path / "run")
    status, said = command(*words, "--restart", "--steps", 5)
    assert status == 2 and message in said
    # gone over once, it is what the run is made of
    assert command(*words, "--restart", "--steps", 5, "--force")[0] == 0
    status, said = command(*words, "--restart", "--steps", 5)
    # it is the case's that differs now
    assert status == 2 and (message not in said or str(small_directory) in said)


def test_comments_and_number_of_steps_are_no_change(small_directory, tmp_path, command):
    words = ["run", small_directory, "--output", tmp_path / "run"]
    assert command(*words, "--backend", "fixed", "--steps", 5)[0] == 0
    (small_directory / "system.yaml").write_text("# mine\n" + (small_directory / "system.yaml").read_text())
    edit(small_directory / "input.xml", r"<total_steps>.*?</total_steps>", "<total_steps>7</total_steps>")
    edit(small_directory / "input.xml", r"<address>.*?</address>", "<address>other</address>")
    assert command(*words, "--restart", "--steps", 5)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--backend", "fixed"], "backend was metal, now fixed"),
        (["--set", "gaussian_exponent_per_angstrom=2"], "gaussian_exponent_per_angstrom was 1.5, now 2.0"),
        (["--refresh", "4"], "refresh was every 2 evaluation(s), now every 4"),
        (["--platform", "Reference"], "platform was native, now Reference"),
        (["--input", "input_mts.xml"], "input was input.xml, now input_mts.xml"),
    ],
)
def test_other_settings_are_refused_by_name(small_directory, tmp_path, command, words, message):
    run = ["run", small_directory, "--output", tmp_path / "run", "--steps", 5]
    first = ["--backend", "metal", "--set", "gaussian_exponent_per_angstrom=1.5", "--refresh", 2]
    assert command(*run, *first)[0] == 0
    status, said = command(*run, "--restart", *words)
    assert status == 2
    assert message in said and "--force" in said
    # what is not given is the record's, the same may be given again, and threads decide nothing
    assert command(*run, "--restart", *first, "--threads", 2)[0] == 0
    assert command(*run, "--restart")[0] == 0
    assert command.asked[-1][2] == command.asked[-2][2]
    assert {"--refresh", "2", "gaussian_exponent_per_angstrom=1.5"} < set(command.asked[-1][2])
    status, said = command(*run, "--restart", *words, "--force")
    assert status == 0 and message in said


def test_other_models_and_parameter_files_are_refused(small_directory, tmp_path):
    """At the same path, or at another one."""
    for name in ("one", "two"):
        shutil.copytree(MODEL, tmp_path / name)
    edit(tmp_path / "two" / "model.yaml", r"\n", "\n# another\n")
    plan = plan_of(small_directory, "nn", model=str(tmp_path / "one"))
    begin(plan, tmp_path / "run")
    before = read_record(tmp_path / "run").made_of
    other = replace(plan, given={"model": str(tmp_path / "two")})
    found = [changes(before, tmp_path / "run", other)[0]]
    shutil.copy(tmp_path / "two" / "model.yaml", tmp_path / "one")
    found.append(changes(before, tmp_path / "run", plan)[0])
    assert all("model.yaml of backend nn is another file" in " ".join(one) for one in found)
    assert "/one, now " in found[0][0]
    slako = tmp_path / "slako"
    shutil.copytree(ROOT / "polcouple" / "dftb" / "slako" / "mio-1-1", slako)
    plan = plan_of(small_directory, "response", slako=str(slako))
    begin(plan, tmp_path / "run2")
    with (slako / "C-C.skf").open("a") as stream:
        stream.write("\n")
    found, _ = changes(read_record(tmp_path / "run2").made_of, tmp_path / "run2", plan)
    assert found == ["C-C.skf of backend response is another file"]


def test_the_line_to_go_on_with_can_be_pasted(small_directory, tmp_path, command, monkeypatch):
    case = tmp_path / "a case"
    small_directory.rename(case)
    monkeypatch.chdir(tmp_path)
    status, said = command("run", "a case", "--backend", "metal", "--until", 5, "--refresh", 2)
    for last in (10, 15):
        program, *words = shlex.split(said.splitlines()[-1].partition("go on with: ")[2])
        assert (status, program) == (0, "polcouple")
        status, said = command(*words)
        assert command.asked[-1][1] == last
    assert command.asked[-1][2] == command.asked[0][2]
    status, said = command("run", "a case", "--restart", "--until", 12)
    assert status == 2 and "stands at step 15 already" in said
    assert command("run", "a case", "--restart", "--until", 20)[0] == 0
    record = read_record(case / "run_metal")
    assert [start.last_step for start in record.starts] == [5, 10, 15, 20]


def test_restart_without_a_run(small_directory, tmp_path, command):
    for words, message in (
        ([], "there is none"),
        (["--backend", "fixed"], "no run to go on with"),
        (["--output", tmp_path / "gone"], "no run to go on with"),
    ):
        status, said = command("run", small_directory, "--restart", "--steps", 5, *words)
        assert status == 2 and message in said and said.count("\n") == 1
    assert not (tmp_path / "gone").exists()


def test_a_run_of_an_earlier_version(small_directory, tmp_path, command):
    """It has no record: it must be said what it began with, and from then on there is one."""
    words = ["run", small_directory, "--output", tmp_path / "run", "--steps", 5]
    assert command(*words, "--backend", "metal")[0] == 0
    (tmp_path / "run" / "run.json").unlink()
    status, said = command(*words, "--restart")
    assert status == 2 and "give --backend" in said
    status, said = command(*words, "--restart", "--backend", "metal")
    assert status == 0 and "warning" in said
    assert read_record(tmp_path / "run").made_of.backend == "metal"
    (tmp_path / "run" / "run.json").write_text("{")
    status, said = command(*words, "--restart")
    assert status == 2 and "run.json: damaged" in said


def test_a_driver_that_fails_says_so_in_its_record(small_directory, capsys):
    words = ["--case", small_directory, "--backend", "nn", "--set", "model=nosuch"]
    with pytest.raises(SystemExit):
        driver_main([str(word) for word in words])
    part = json.loads((small_directory / "driver.json").read_text())
    assert "no shipped model 'nosuch'" in part["message"]
    assert part["evaluations"] == 0


PLUMED = '<ffplumed name="p"><file> init.xyz </file><plumed_dat> plumed.dat </plumed_dat></ffplumed>'
REFUSED = [
    ("metal", {"gaussian_exponent": "1"}, [], "unknown key 'gaussian_exponent'"),
    ("metal", {}, ["--platform", "Nope"], "no engine 'Nope'"),
    ("metal", {}, ["--input", "input_plumed.xml"], "PLUMED"),
    ("metal", {}, ["unwritable"], "cannot be written"),
]
ONE_ELECTRODE = [
    ("nn", {"model": "nosuch"}, [], "no shipped model 'nosuch'"),
    ("dftbplus", {"command": "no-such-dftb"}, [], "no program 'no-such-dftb'"),
    ("nn", {}, ["charged"], "covers total charges from -4.1 to 0 e, not -21 e"),
]
HELD = [
    ("fixed", {}, [], "have no Fermi level"),
    ("nn", {"model": "graphene_nacl_classifier"}, [], "is a classifier: it has no energy"),
]


@pytest.mark.parametrize(
    ("name", "backend", "settings", "words", "message"),
    [("run", *one) for one in REFUSED + ONE_ELECTRODE]
    + [("sample", *one) for one in REFUSED[1:] + ONE_ELECTRODE]
    + [("compare", *one) for one in REFUSED + ONE_ELECTRODE]
    + [("capacitance", *one) for one in REFUSED + HELD],
)
def test_what_check_refuses_is_refused_before_ipi_starts(
    small_directory, tmp_path, monkeypatch, capsys, name, backend, settings, words, message
):
    """One line, and nothing is left behind."""
    case = small_directory
    if name == "capacitance":
        case = tmp_path / "capacitor"
        shutil.copytree(CAPACITOR, case)
    text = (case / "input.xml").read_text()
    (case / "input_plumed.xml").write_text(text.replace("<system", f"{PLUMED}\n<system", 1))
    (case / "plumed.dat").write_text("")
    if words == ["charged"]:
        words = []
        edit(case / "system.yaml", "Na: 1.0", "Na: 5.0")
        edit(case / "system.yaml", "total_charge_e: -1.0", "total_charge_e: -21.0")
    (tmp_path / "file").write_text("")
    before = set(tmp_path.rglob("*"))
    started = "polcouple.propagation.propagate.start_programs"
    monkeypatch.setattr(started, lambda *_: pytest.fail("i-PI was started"))
    output = tmp_path / "out"
    if words == ["unwritable"]:
        output, words = tmp_path / "file" / "out", []
    given = {
        "run": ["--steps", "5", "--output", str(output)],
        "sample": ["--frames", "2", "-o", f"{output}.h5", "--run-directory", f"{output}.run"],
        "compare": ["--steps", "80", "--every", "2", "-o", str(output)],
        "capacitance": ["--voltages", "0", "1", "--steps", "80", "--every", "2", "-o", str(output)],
    }[name]
    set_ = [f"{key}={value}" for key, value in settings.items()]
    if name == "compare":
        backend, words = ":".join([backend, *set_]), [*words, "--backend", "fixed"]
    else:
        words = [*words, *(word for setting in set_ for word in ("--set", setting))]
    with pytest.raises(SystemExit) as ended:
        main([name, str(case), *given, "--backend", backend, *words])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said and said.count("\n") == 1, said
    assert set(tmp_path.rglob("*")) == before


def test_a_directory_is_writable_by_trying(tmp_path):
    require_writable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(InputError, match="cannot be written"):
            require_writable(path)


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "one")
    write_whole(path, b"two")
    assert path.read_text() == "two"
    (tmp_path / "d").mkdir()
    with pytest.raises(OSError):
        write_whole(tmp_path / "d", "three")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "d"]


def test_what_is_set_in_the_input_is_the_runs_own(small_directory, command):
    """Written to the run's input and its record; it goes on with that, and with nothing else."""
    run = small_directory / "run"
    words = ["run", small_directory, "--output", run, "--steps", 10]
    given = {"temperature": 320.0, "timestep": 0.25, "thermostat": "svr", "tau": 100.0, "stride": 20}
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    assert command(*words, "--backend", "fixed", *options)[0] == 0
    made_of = read_record(run).made_of
    assert made_of.changes == given
    assert made_of.elements["system/ensemble/temperature"] == "320"
    root = read_xml(run / "input.xml")
    assert time_step_ps(root, run) == pytest.approx(0.25e-3)
    assert root.find(".//thermostat").get("mode") == "svr"
    assert "300" in (small_directory / "input.xml").read_text()
    assert command(*words, "--restart")[0] == 0
    assert command(*words, "--restart", "--tau", 100)[0] == 0
    before = contents(run)
    for force in ([], ["--force"]):
        status, said = command(*words, "--restart", "--temperature", 330, *force)
        assert status == 2 and "began with --temperature 320.0, and goes on with that" in said
    edit(small_directory / "input.xml", "seed> 1 ", "seed> 2 ")
    status, said = command(*words, "--restart")
    assert status == 2 and "prng/seed was 1, now 2" in said
    assert contents(run) == before
