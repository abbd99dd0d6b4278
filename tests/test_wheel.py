"""What goes into the wheel stays small."""

import io
import subprocess
import zipfile

import pytest
from conftest import ROOT

#: of 5 MB, less the list of files, licences and metadata that a wheel has besides (bytes)
LARGEST = 4_950_000


def test_the_wheel_is_below_five_megabytes():
    """Of the folders that it is made of, packed as a wheel is."""
    folders = ("polcouple", "models", "ipi_inputs", "examples")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *folders], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [name for name in listed.stdout.split("\0") if name]
    if not names:
        pytest.skip("no checkout of git: what belongs to the wheel is not known")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in names:
            wheel.write(ROOT / name, name)
    size = packed.tell()
    assert 3_000_000 < size < LARGEST
