"""Reading a case: what is right is read exactly, what is wrong is refused in one line."""

import numpy as np
import pytest
import yaml

from polcouple.case.model import read_case, read_init_xyz, write_init_xyz
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR


def change_system(directory, change):
    path = directory / "system.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def refusal(directory):
    with pytest.raises(InputError) as caught:
        read_case(directory)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_small_case_is_what_its_topology_says(small_case):
    counts = {b.species: b.count for b in small_case.system.topology}
    assert len(small_case.water_oxygens) == counts["water"]
    assert len(small_case.electrode) == counts["electrode"]
    assert all(small_case.symbols[i] == "O" for i in small_case.water_oxygens)
    assert small_case.electrolyte.charges.sum() == pytest.approx(-small_case.total_charge)
    ions = small_case.electrolyte.ion_indices
    assert {small_case.electrolyte.symbols[i] for i in ions} <= set(
        small_case.system.force_field.ion_charges_e
    )


def test_init_xyz_round_trip(small_case, tmp_path):
    write_init_xyz(tmp_path / "init.xyz", small_case.symbols, small_case.positions, small_case.cell)
    symbols, positions, cell = read_init_xyz(tmp_path / "init.xyz")
    assert symbols == small_case.symbols
    assert np.abs(positions - small_case.positions).max() < 1e-9
    assert np.abs(cell - small_case.cell).max() < 1e-9


def test_lengths_are_converted_once(tmp_path):
    (tmp_path / "init.xyz").write_text(
        "1\n# CELL(abcABC): 10 20 30 90 90 90 positions{angstrom} cell{angstrom}\nC 1 2 3\n"
    )
    _, positions, cell = read_init_xyz(tmp_path / "init.xyz")
    assert positions[0] == pytest.approx(np.array([1, 2, 3]) * ANGSTROM_TO_BOHR, rel=1e-6)
    assert np.diag(cell) == pytest.approx(np.array([10, 20, 30]) * ANGSTROM_TO_BOHR, rel=1e-6)


@pytest.mark.parametrize(
    ("right", "wrong", "line", "message"),
    [
        (
            "cutoff_angstrom",
            "cuttoff_angstrom",
            12,
            "'force_field.cuttoff_angstrom' (did you mean 'cutoff_an",
        ),
        (
            "oxygen_charge_e",
            "oxygen_charg",
            20,
            "'force_field.water.oxygen_charg' (did you mean 'oxygen_char",
        ),
        (
            "epsilon_kcal_per_mol",
            "epsilon",
            27,
            "'force_field.lennard_jones.C.epsilon'; known there: sigma_an",
        ),
        ("last_atom", "LastAtom", 47, "'electrodes.0.LastAtom' (did you mean 'last_atom'?)"),
        (
            "electrodes:",
            "switch_angstrom: 6\nelectrodes:",
            44,
            "'switch_angstrom'; it belongs in force_field",
        ),
        ("refresh:\n  ", "", 49, "'interval'; it belongs in refresh"),
        ("  count: 96", "  first_atom: 96", 4, "'topology.0.first_atom'; it belongs in electrodes"),
    ],
)
def test_an_unknown_key_is_told_with_line_and_section(small_directory, right, wrong, line, message):
    path = small_directory / "system.yaml"
    path.write_text(path.read_text().replace(right, wrong, 1))
    assert f"system.yaml: line {line}: unknown key {message}" in refusal(small_directory)


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        (
            "cutoff_angstrom: 7.3",
            "cutoff_angstrom: wide",
            "line 12: force_field.cutoff_angstrom: Input should be",
        ),
        ("count: 96", "count: -96", "line 4: topology.0.count: Input should be greater"),
        ("interval: 1", "interval: yes", "line 50: refresh.interval: yes, no, on and off are no numbers"),
        ("    Na: 1.0", "    Na: on", "line 22: force_field.ion_charges_e.Na: yes, no, on and off"),
        ("    Na: 1.0", "    Na: 1.0\n    No: 1.0", "line 23: YAML takes 'No' for no text; put it in quotes"),
        ("    Na: 1.0", "    Na: 1.0\n    'Na': 2.0", "line 23: the key 'Na' stands twice"),
        ("species: Na", "species: NA", "(did you mean 'Na'?)"),
        ("    Na:\n", "    Nb:\n", "lennard_jones has no entry for Na, which atom 570 of init.xyz is"),
    ],
)
def test_a_wrong_value_is_told_with_its_line(small_directory, right, wrong, message):
    path = small_directory / "system.yaml"
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    assert message in refusal(small_directory)


def test_a_system_file_that_cannot_be_read(small_directory):
    path = small_directory / "system.yaml"
    path.write_bytes(b"\xff\xfe")
    assert "byte 0 is no UTF-8 text" in refusal(small_directory)
    path.unlink()
    path.mkdir()
    assert "system.yaml: cannot be read (Is a directory)" in refusal(small_directory)
    path.rmdir()
    assert "system.yaml: no such file" in refusal(small_directory)
    assert "absent: no such case" in refusal(small_directory / "absent")


def test_unknown_key_names_the_nearest(small_directory):
    change_system(small_directory, lambda s: s["refresh"].update(intervall=5))
    assert "unknown key 'refresh.intervall' (did you mean 'interval'?)" in refusal(small_directory)


def test_two_fields_at_once_are_refused_in_plain_words(small_directory):
    path = small_directory / "system.yaml"
    path.write_text(
        path.read_text() + "slab: {displacement_volt_per_angstrom: 0, field_volt_per_angstrom: 0}\n"
    )
    with pytest.raises(InputError, match="slab: give displacement_volt_per_angstrom or field"):
        read_case(small_directory)


def test_missing_key_is_named(small_directory):
    change_system(small_directory, lambda s: s["force_field"]["water"].pop("angle_degree"))
    assert "force_field.water.angle_degree: Field required" in refusal(small_directory)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cutoff_angstrom", -1.0),
        ("cutoff_angstrom", "ten"),
        ("ewald_tolerance", 0.5),
        ("cutoff_angstrom", 9e9),
    ],
)
def test_bad_numbers_are_refused(small_directory, key, value):
    change_system(small_directory, lambda s: s["force_field"].update({key: value}))
    assert f"force_field.{key}" in refusal(small_directory)


def test_charged_cell_is_refused_with_the_numbers(small_directory, small_case):
    change_system(small_directory, lambda s: s["electrodes"][0].update(total_charge_e=-7.0))
    electrolyte = small_case.electrolyte.charges.sum()
    message = refusal(small_directory)
    assert "not neutral: electrode -7 e" in message
    assert f"sum {electrolyte - 7:+g} e" in message


def test_wrong_count_is_refused(small_directory):
    change_system(small_directory, lambda s: s["topology"][1].update(count=s["topology"][1]["count"] - 1))
    assert "correct the counts" in refusal(small_directory)


def test_wrong_order_is_refused(small_directory, small_case):
    lines = (small_directory / "init.xyz").read_text().splitlines()
    first = 2 + int(small_case.water_oxygens[3])
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    (small_directory / "init.xyz").write_text("\n".join(lines) + "\n")
    assert f"atom {first - 2} of init.xyz is H, the topology expects O (water)" in refusal(small_directory)


def test_unknown_species_is_refused(small_directory):
    change_system(small_directory, lambda s: s["topology"][1].update(species="watter"))
    assert "unknown species 'watter' (did you mean 'water'?)" in refusal(small_directory)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (0, "line 1 should hold the number of atoms"),
        (1, "there is nothing to read"),
        (2, "0 are there"),
        (100, "98 are there; the file is truncated"),
    ],
)
def test_truncated_init_xyz_is_refused(small_directory, keep, message):
    path = small_directory / "init.xyz"
    path.write_text("\n".join(path.read_text().splitlines()[:keep]))
    assert message in refusal(small_directory)


def test_unknown_unit_is_refused(small_directory):
    path = small_directory / "init.xyz"
    path.write_text(path.read_text().replace("positions{angstrom}", "positions{angstroem}"))
    assert "positions in 'angstroem', unknown to i-PI (did you mean 'angstrom'?)" in refusal(small_directory)


def test_nan_in_init_xyz_is_refused(small_directory):
    path = small_directory / "init.xyz"
    lines = path.read_text().splitlines()
    lines[10] = "C nan 0.0 0.0"
    path.write_text("\n".join(lines) + "\n")
    assert "atom 8 (line 11)" in refusal(small_directory)


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "format: [", "\x00"])
def test_malformed_yaml_is_refused(small_directory, content):
    (small_directory / "system.yaml").write_text(content)
    assert "system.yaml" in refusal(small_directory)


def test_missing_files_are_named(tmp_path):
    assert "system.yaml: no such file" in refusal(tmp_path)
