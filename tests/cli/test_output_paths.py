"""Names of outputs that promise another format are refused before any work."""

from pathlib import Path

import pytest
from conftest import CAPACITOR, SMALL

from polcouple.cli.commands import main
from polcouple.coupling.recorder import open_datasets
from polcouple.errors import InputError
from polcouple.output_paths import require_directory_name


@pytest.mark.parametrize(
    "words",
    [
        ("compare", SMALL, "--backend", "fixed", "--backend", "metal", "--steps", "1000", "-o"),
        ("capacitance", CAPACITOR, "--backend", "metal", "--voltages", "0", "1", "--steps", "1000", "-o"),
        ("evaluate", "none.h5", "--backend", "fixed", "-o"),
        ("train", "response", "none.h5", "-o"),
    ],
)
def test_directories(words, tmp_path, capsys):
    output = tmp_path / "report.html"
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, words), str(output)])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "a directory is written" in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["run_1.5V", "report", "nacl.0.5M", "v2.1"])
def test_dots_in_a_directory_are_no_suffix(name):
    require_directory_name(Path(name))


def test_datasets(small_case, tmp_path):
    for name in ("data.csv", "data", "data.npz"):
        with pytest.raises(InputError, match=r"the format written here is \.h5 or \.hdf5"):
            open_datasets(tmp_path / name, small_case, False, "")
    (tmp_path / "data.h5").unlink(missing_ok=True)
    open_datasets(tmp_path / "data.hdf5", small_case, False, "")
    (tmp_path / "data.hdf5").rename(tmp_path / "old")
    assert len(open_datasets(tmp_path / "old", small_case, False, "")[0]) == 0
