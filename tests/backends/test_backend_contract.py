"""What every charge backend promises, of those that ship with the package; and how they are found."""

import shutil
from typing import ClassVar

import pytest
from conftest import REFERENCE

from polcouple.backends.base import backend_names, create_backend
from polcouple.case.model import read_case
from polcouple.errors import InputError
from polcouple.testing import BackendContract


class TestFixed(BackendContract):
    backend = "fixed"


class TestMetal(BackendContract):
    backend = "metal"


class TestResponse(BackendContract):
    backend = "response"


class TestDftb(BackendContract):
    backend = "dftb"


class TestDftbByShell(BackendContract):
    backend = "dftb"
    settings: ClassVar = {"shell_resolved": True, "temperature_kelvin": 1000.0}


class TestResponseNet(BackendContract):
    """The shipped one of the small case."""

    backend = "nn"

    @pytest.fixture
    def case(self, small_case):
        return small_case


@pytest.fixture(scope="module")
def reference_case():
    return read_case(REFERENCE)


@pytest.mark.slow
class TestClassifier(BackendContract):
    backend = "nn"
    settings: ClassVar = {"model": "graphene_nacl_classifier"}

    @pytest.fixture
    def case(self, reference_case):
        return reference_case


@pytest.mark.slow
class TestClassifierOfIons(TestClassifier):
    settings: ClassVar = {"model": "graphene_nacl_classifier_ions"}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("dftb+") is None, reason="no dftb+ on PATH: DFTB+ itself was NOT tested")
class TestDftbPlus(BackendContract):
    backend = "dftbplus"


def test_backends_are_found_by_name():
    assert set(backend_names()) == {"dftb", "dftbplus", "fixed", "metal", "nn", "response"}


def test_unknown_backend_names_the_nearest(small_case):
    with pytest.raises(InputError, match=r"no backend 'dtfb' \(did you mean 'dftb'\?\)"):
        create_backend("dtfb", small_case.electrode, small_case.electrolyte)


def test_unknown_settings_of_dftbplus_are_refused(small_case):
    with pytest.raises(InputError, match="settings of backend 'dftbplus': unknown key 'colour'"):
        create_backend("dftbplus", small_case.electrode, small_case.electrolyte, {"colour": "red"})
