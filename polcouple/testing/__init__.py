"""Tests that every charge backend and every engine passes, for packages that bring one of their own.

Needs pytest (``pip install 'polcouple[test]'``); nothing else of polcouple does. See docs/extending.md.
"""

import pytest

pytest.register_assert_rewrite(
    "polcouple.testing.backend_contract",
    "polcouple.testing.engine_contract",
    "polcouple.testing.mobile_contract",
    "polcouple.testing.mobile_engine_contract",
)

from polcouple.testing.backend_contract import BackendContract  # noqa: E402
from polcouple.testing.engine_contract import EngineContract  # noqa: E402
from polcouple.testing.mobile_contract import MobileContract  # noqa: E402
from polcouple.testing.mobile_engine_contract import MobileEngineContract  # noqa: E402

__all__ = ["BackendContract", "EngineContract", "MobileContract", "MobileEngineContract"]
