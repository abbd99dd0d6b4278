"""Forces inside i-PI are those that the command asks for, or the run is refused."""

import pytest

from polcouple.check.findings import find
from polcouple.propagation.plan import RunPlan


def errors(directory, name="input_ffdirect.xml", for_a_run=False, **plan):
    plan = RunPlan(directory, name, **({"backend": "fixed", "given": {}} | plan))
    return [finding.text for finding in find(plan, None, for_a_run) if finding.severity == "error"]


def change(directory, old, new, name="input_ffdirect.xml"):
    text = (directory / name).read_text()
    assert old in text
    (directory / name).write_text(text.replace(old, new))


def test_the_shipped_input_is_sound(small_directory):
    assert errors(small_directory) == []


def test_a_run_wants_a_socket_for_its_driver(small_directory):
    (error,) = errors(small_directory, for_a_run=True)
    assert "start it by `polcouple i-pi input_ffdirect.xml`" in error


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ({"backend": "metal"}, "has backend fixed, the command asks for metal"),
        ({"platform": "CPU"}, "has platform native, the command asks for CPU"),
        ({"refresh": 5}, "has refresh None, the command asks for 5"),
        ({"backend": "fixed", "given": {"accuracy": 1e-7}}, "not reached by the command's settings accuracy"),
    ],
)
def test_options_that_do_not_reach_it(small_directory, plan, message):
    assert any(message in text for text in errors(small_directory, **plan))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("case: .,", "case: elsewhere,", "computes the case elsewhere"),
        ("backend: fixed", "backnd: fixed", "unknown parameter 'backnd'"),
    ],
)
def test_parameters_of_something_else(small_directory, old, new, message):
    change(small_directory, old, new)
    assert any(message in text for text in errors(small_directory))


def test_of_two_force_fields_of_one_name_ipi_keeps_one(small_directory):
    other = '<ffsocket name="polcouple" mode="unix"><address>o</address></ffsocket><ffsocket name'
    text = (small_directory / "input.xml").read_text()
    (small_directory / "input.xml").write_text(text.replace("<ffsocket name", other, 1))
    assert any("2 force fields have the name 'polcouple'" in e for e in errors(small_directory, "input.xml"))
