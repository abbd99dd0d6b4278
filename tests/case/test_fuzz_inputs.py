"""Mutated input files: a case that can be computed with, or one line that names the file; nothing else."""

import contextlib
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import SMALL
from fuzz_cases import RELAXED, changed, damaged, write
from hypothesis import example, given
from hypothesis import strategies as st

from polcouple.backends.setting_words import parse_backend
from polcouple.case.model import read_case
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.engines.openmm import build_system
from polcouple.errors import PolcoupleError
from polcouple.ipi.checkpoints import restart_file
from polcouple.ipi.files import output_names, progress_file
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, require_sound_beads, step_of, time_step_ps
from polcouple.ipi.sockets import socket_addresses

SYSTEM = yaml.safe_load((SMALL / "system.yaml").read_text())
SKF = (DEFAULT_SLAKO / "C-C.skf").read_text()


def valid_or_one_line(directory, *names):
    try:
        case = read_case(directory)
        build_system(case)
    except PolcoupleError as error:
        message = str(error)
        assert "\n" not in message
        assert any(str(directory / name) in message for name in names), message
        return
    assert np.isfinite(case.positions).all()
    assert case.charges.sum() + case.total_charge == pytest.approx(0.0, abs=1e-8)
    assert len(case.electrode) + len(case.electrolyte) == len(case)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    target = tmp_path_factory.mktemp("fuzz")
    for name in ("system.yaml", "init.xyz"):
        shutil.copy(SMALL / name, target)
    return target


@pytest.fixture
def restored(directory):
    yield directory
    for name in ("system.yaml", "init.xyz"):
        shutil.copy(SMALL / name, directory)


@RELAXED
@given(content=changed(SYSTEM))
@example(content=SYSTEM | {"topology": []})
def test_changed_values_in_system_yaml(restored, content):
    write(restored / "system.yaml", yaml.safe_dump(content, sort_keys=False, allow_unicode=True))
    valid_or_one_line(restored, "system.yaml")


@RELAXED
@given(text=damaged((SMALL / "system.yaml").read_text()))
def test_damaged_system_yaml(restored, text):
    write(restored / "system.yaml", text)
    valid_or_one_line(restored, "system.yaml")


HOSTILE = ["[" * 5000, "2001-99-99", "0x_", "!!python/object/apply:os.getcwd []", "&a [*a]", "? []", "-" * 9]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_yaml(restored, text):
    """What PyYAML answers with errors of its own, of Python's, or not at all."""
    for whole in (text, (SMALL / "system.yaml").read_text() + "hostile: " + text + "\n"):
        write(restored / "system.yaml", whole)
        valid_or_one_line(restored, "system.yaml")
    with contextlib.suppress(PolcoupleError):
        parse_backend("nn:model=" + text.replace(",", ""))


@RELAXED
@given(text=damaged((SMALL / "init.xyz").read_text()))
def test_damaged_init_xyz(restored, text):
    write(restored / "init.xyz", text)
    valid_or_one_line(restored, "init.xyz", "system.yaml")


@RELAXED
@given(line=st.integers(0, 581), word=st.integers(0, 8), new=st.text(max_size=8) | st.floats().map(str))
def test_changed_words_in_init_xyz(restored, line, word, new):
    lines = (SMALL / "init.xyz").read_text().splitlines()
    words = lines[line % len(lines)].split()
    words[word % len(words)] = new
    lines[line % len(lines)] = " ".join(words)
    write(restored / "init.xyz", "\n".join(lines) + "\n")
    valid_or_one_line(restored, "init.xyz", "system.yaml")


@RELAXED
@given(text=damaged((SMALL / "input.xml").read_text()))
def test_damaged_input_xml(tmp_path_factory, text):
    read_everything(tmp_path_factory.getbasetemp() / "input.xml", text)


#: as i-PI writes it: what was initialised stands in arrays, and comments hold what it found out
RESTART = re.sub(
    "(?s)<initialize.*?</initialize>",
    '<beads natoms="579" nbeads="1"><q shape="(1, 6)">\n[ 0.0, 1e-1, 2.5, -3.0e+00, 4.0, 5.0 ]\n</q></beads>',
    (SMALL / "input.xml").read_text().replace("<total_steps>", "<step>40</step><total_steps>"),
)


@RELAXED
@given(text=damaged(RESTART), complete=st.booleans())
def test_damaged_restart(tmp_path_factory, text, complete):
    """It is read, or a complete checkpoint is used in its place, or one line names what is damaged."""
    folder = tmp_path_factory.getbasetemp() / "run"
    folder.mkdir(exist_ok=True)
    shutil.copy(SMALL / "input.xml", folder)
    write(folder / "simulation.checkpoint", RESTART if complete else text)
    read_everything(folder / "RESTART", text)
    try:
        assert restart_file(folder).parent == folder
    except PolcoupleError as error:
        assert not complete
        assert "\n" not in str(error)
        assert str(folder) in str(error)


@pytest.mark.parametrize(
    ("changes", "sound"),
    [
        ({}, True),
        ({'nbeads="1"': 'nbeads="4"'}, True),
        ({'nbeads="1"': 'nbeads="4"', ' threading="False"': ""}, False),
        ({'nbeads="1"': 'nbeads="4"', 'threading="False"': 'threading="True"'}, False),
        ({' threading="False"': ""}, True),
        (
            {
                'nbeads="1"': 'nbeads="4"',
                ' threading="False"': "",
                "<ensemble>": '<normal_modes transform="matrix"/><ensemble>',
            },
            True,
        ),
    ],
)
def test_beads_that_threads_would_spoil_are_refused(tmp_path, changes, sound):
    text = (SMALL / "input.xml").read_text()
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "input.xml"
    write(path, text)
    with (
        contextlib.nullcontext() if sound else pytest.raises(PolcoupleError, match="may spoil several beads")
    ):
        require_sound_beads(read_xml(path), path)


WORDS = ["abc", "", "-1", "nan", "1e999", "²", "9" * 30, "0", "1.5", "localhost", "{part: none}", "{", "a\nb"]


@pytest.mark.parametrize("key", ["address", "timestep", "total_steps", "parameters", "port", "step", "file"])
@pytest.mark.parametrize("word", WORDS)
def test_words_in_input_xml(tmp_path, key, word):
    text = (SMALL / "input.xml").read_text()
    if f"<{key}" in text:
        text = re.sub(rf"(<{key}[^>]*>)[^<]*<", rf"\g<1>{word}<", text)
    elif key == "port":
        text = text.replace("<address>", f"<port>{word}</port><address>")
    else:
        text = text.replace("<total_steps>", f"<step>{word}</step><total_steps>")
    read_everything(tmp_path / "input.xml", text)


def read_everything(path, text):
    """All that the driver and `polcouple run` read of i-PI's input."""
    write(path, text)
    try:
        root = read_xml(path)
        for address in socket_addresses(root, path):
            assert address.mode in ("unix", "inet")
        assert isinstance(start_file(root, path).name, str)
        assert isinstance(progress_file(root), str)
        assert output_names(root).fullmatch(progress_file(root))
        assert step_of(root) >= 0
        assert time_step_ps(root, path) > 0
    except PolcoupleError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error) or "<step>" in str(error)


@RELAXED
@given(text=damaged(SKF))
@example(text="0.02, 999999999999\n" + SKF.partition("\n")[2])
@example(text="0.02, 1e400\n" + SKF.partition("\n")[2])
@example(text=SKF.replace("20*1.0", "999999999999*1.0", 1))
@example(text=SKF)
def test_damaged_skf(tmp_path_factory, text):
    folder = tmp_path_factory.getbasetemp() / "slako"
    folder.mkdir(exist_ok=True)
    path = Path(folder / "C-C.skf")
    write(path, text)
    try:
        load_parameters(folder, ["C"])
    except PolcoupleError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
