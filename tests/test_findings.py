"""Findings about other programs: each says what is seen with which versions, and still is as it says."""

import re
import subprocess

import pytest
from conftest import ROOT

FINDINGS = sorted((ROOT / "findings").glob("*.sh"))
UPSTREAM = sorted(page for page in (ROOT / "docs" / "upstream").glob("*.md") if page.stem != "index")


def test_there_are_enough_and_each_report_has_its_script():
    assert len(FINDINGS) >= 6 and len(UPSTREAM) >= 3
    for page in UPSTREAM:
        text = page.read_text()
        (script,) = set(re.findall(r"findings/(\w+)\.sh", text))
        assert (ROOT / "findings" / f"{script}.sh").is_file()
        assert "**Seen.**" in text and "**Mend.**" in text
        assert "polcouple" not in (ROOT / "findings" / f"{script}.sh").read_text().partition("set -e")[2]


@pytest.mark.parametrize("script", FINDINGS, ids=lambda path: path.stem)
def test_scripts_read_as_such(script):
    text = script.read_text()
    assert re.search(r"^# (Seen|As seen|Found) with .*\d", text, re.MULTILINE), "which versions?"
    assert "set -euo pipefail" in text
    subprocess.run(["bash", "-n", str(script)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("script", FINDINGS, ids=lambda path: path.stem)
def test_as_they_say(script):
    """It installs what it is about in an environment of its own and fails where the behaviour changed."""
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
