"""What the pictures of the excess electrons show: all of them, each electrode's in its own view."""

from dataclasses import replace

import numpy as np
import pytest
from capacitor_cases import slabs

from polcouple.analysis.electron_density import ElectronDensity, mean_density
from polcouple.coupling.electrodes import create_electrodes
from polcouple.errors import InputError
from polcouple.report.electron_density import Output, write_density
from polcouple.report.electron_density_figures import Views, draw_profiles, draw_views


@pytest.fixture(scope="module")
def found():
    """Two electrodes of two layers and of one, of given charges."""
    case = slabs((2, 1), charges=(0.6, -0.6))
    return mean_density(case, "fixed", [case.positions], 0.6)


def test_views_have_all_electrons(found):
    views = Views.of(found)
    seen = list(views.seen(found.planes("excess")))
    assert np.concatenate(seen) == pytest.approx(found.array("excess"))
    nx, ny, nz = found.grid.shape
    across = np.linalg.norm(np.cross(*found.grid.cell[:2])) / np.linalg.norm(found.grid.cell[1])
    side = views.side.sum() * (across / nx) * (found.grid.cell[2, 2] / nz)
    assert side == pytest.approx(0.0, abs=1e-9)
    lower = views.side[:, views.owners == 0].sum() * (across / nx) * (found.grid.cell[2, 2] / nz)
    area = np.linalg.norm(np.cross(*found.grid.cell[:2])) / (nx * ny)
    assert views.above.sum(axis=(1, 2)) * area == pytest.approx([-0.6, 0.6], abs=1e-3)
    assert lower == pytest.approx(-0.6, abs=1e-3)


def test_maps_have_zero_in_the_middle(found):
    views = Views.of(found)
    for _ in views.seen(found.planes("excess")):
        pass
    canvas = draw_views(found, views)
    maps = [one for part in canvas.subfigs for panel in part.axes for one in panel.collections]
    scales = [one.get_clim() for one in maps if one.get_array() is not None and one.get_array().size > 100]
    assert len(scales) >= 3
    assert all(low == -high and high > 0.0 for low, high in scales)
    titles = [panel.get_title() for part in canvas.subfigs for panel in part.axes]
    assert "lower: -0.6 e$^-$" in titles and "upper: +0.6 e$^-$" in titles


def test_profiles_name_their_units(found):
    labels = [panel.get_ylabel() for panel in draw_profiles(found, 5.0).axes]
    assert labels == ["excess electrons / nm$^{-3}$", "potential / V"]


def test_a_backend_that_reads_positions_tells_nothing_of_what_is_induced(found, tmp_path):
    """As DFTB+ with point charges: there is no answer without the liquid, and files and words do without."""
    backend = create_electrodes(found.case, "fixed", {})
    backend.capabilities = replace(backend.capabilities, positions="all")
    other = ElectronDensity(found.case, backend, found.grid)
    other.add(found.case.positions, "the start")
    assert other.bare is None and other.induced() is None and other.induced_charges is None
    with pytest.raises(InputError, match="reads the liquid's positions"):
        other.array("induced")
    lines = write_density(other, Output(tmp_path / "out", ("induced",), 5.0), {})
    assert any("what the liquid induces is not known" in line for line in lines)
    assert not list((tmp_path / "out").glob("*.cube"))
    assert "induced" not in (tmp_path / "out" / "profiles.csv").read_text().splitlines()[0]


def test_a_neutral_sheet_has_no_electrons_of_rounding():
    from polcouple.report.electron_density_figures import excess_words

    assert excess_words(4.16e-17) == excess_words(-5.55e-17) == "0 e$^-$ to rounding"
    assert excess_words(-0.25) == "-0.25 e$^-$"
