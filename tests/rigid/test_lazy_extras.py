"""Extras that i-PI reads when it needs them are those that it reads at once."""

import importlib
import json

import pytest

from polcouple.rigid.lazy_extras import LazyExtras, read_extras_late


@pytest.fixture
def modules(monkeypatch):
    found = [importlib.import_module(f"ipi.{name}") for name in ("interfaces.sockets", "engine.forcefields")]
    for module in found:
        if not hasattr(module, "parse_extra"):
            pytest.skip("this i-PI has another way")
        monkeypatch.setattr(module, "parse_extra", module.parse_extra)  # put back afterwards
    return found


@pytest.mark.parametrize("text", ["", " ", "{}", '{"charges": [0.1, -2e-3], "work": NaN}', "no JSON"])
def test_the_content_is_ipis_own(modules, text):
    before = [module.parse_extra(text) for module in modules]
    read_extras_late()
    for module, expected in zip(modules, before, strict=True):
        found = module.parse_extra(text)
        assert isinstance(found, LazyExtras)
        assert json.dumps(dict(found)) == json.dumps(expected) and list(found) == list(expected)


def test_it_is_read_once_and_only_if_asked(modules):
    times = []

    def read(text):
        times.append(text)
        return {"charges": [1.0]}

    extras = LazyExtras(read, "text")
    assert not times
    assert extras["charges"] == [1.0] and "work" not in extras and len(extras) == 1
    extras["work"] = 2.0
    assert extras.pop("charges") == [1.0] and list(extras) == ["work"] and times == ["text"]
