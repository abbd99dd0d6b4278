"""Every command of the pages is one that our own parsers take, or is run: nothing is left unchecked."""

import doc_commands
import pytest
from conftest import ROOT
from doc_blocks import PAGES, blocks, commands, named_in_prose
from test_sessions import SESSIONS

from polcouple.errors import InputError

#: of fenced blocks
LANGUAGES = {"bash", "python", "sh", "yaml", "toml", "xml", "text"}  # sh: scripts that test_gallery.py runs
#: pages that lie beside what they describe
BESIDE = [*ROOT.glob("examples/*/README.md"), *ROOT.glob("ipi_inputs/*/README.md")]


@pytest.mark.parametrize("page", [*PAGES, *BESIDE], ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_commands(page):
    faults = []
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page.name}:{block.line}: a block of no known language"
        if block.language == "bash":
            for words in commands(block.text):
                try:
                    doc_commands.check(words, page in PAGES and page.stem in SESSIONS)
                except AssertionError as fault:
                    faults.append(f"{page.name}:{block.line}: {fault}")
    for words in named_in_prose(page):
        try:
            doc_commands.check_named(words)
        except AssertionError as fault:
            faults.append(f"{page.name}: {fault}")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("polcouple runn CASE --steps 1", "runn"),
        ("polcouple run CASE --backend nn", "one of the arguments --steps --until is required"),
        ("polcouple run CASE --backend nm --steps 1", "no backend nm"),
        ("polcouple run CASE --backend nn --set modell=x --steps 1", "backend nn has no setting modell"),
        ("polcouple run CASE --backend nn --set model=mine --steps 1", "no shipped model mine"),
        ("polcouple run CASE --backend nn --step 1", "no option --step"),
        ("polcouple build CASE --platform GPU", "no platform GPU"),
        ("polcouple build CASE --ipi-atoms none", "invalid choice: 'none'"),
        ("polcouple train response data.h5 -o mine --batch-size many", "--batch-size"),
        ("polcouple check ipi_inputs/graphene --backend fixed", "ipi_inputs/graphene: no such file"),
        ("polcouple-driver --backend nn --threads 0", "0 is not a positive number"),
        ("python -m benchmarks.nve --case ipi_inputs/graphene_nacl --years 3", "--years"),
        ("python -m benchmarks.none", "No module named 'benchmarks.none'"),
        ("python -m benchmarks no_item", "no such item"),
        ("python examples/none.py", "examples/none.py: no such file"),
        ("pip install 'polcouple[gpus]'", "no such extra"),
        ("pip install another", "another: whose package?"),
        ("pytest tests/none", "tests/none: no such file"),
        ("sh examples/none.sh", "no such file"),
        ("i-pi-driver-py -u -a liquid -m none", "i-PI has no potential none"),
        ("gmx mdrun", "nothing checks it"),
    ],
)
def test_faults_are_found(line, fault):
    """Of all kinds, one each."""
    with pytest.raises((AssertionError, InputError, ModuleNotFoundError)) as raised:
        for words in commands(line):
            doc_commands.check(words, False)
    assert fault in str(raised.value)


def test_blocks_are_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "text\n\n    one a \\\n        b && two  # three\n\n```python\nx = 1\n```\n    no block\n`four --x`\n"
    )
    found = blocks(page)
    assert [(block.language, block.line) for block in found] == [("bash", 3), ("python", 7)]
    assert commands(found[0].text) == [["one", "a", "b"], ["two"]]
    assert named_in_prose(page) == [["four", "--x"]]
