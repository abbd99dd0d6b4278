"""Training a density model from DFTB's densities in orbitals: what is learned, and what is refused."""

import numpy as np
import pytest
from capacitor_cases import HOT
from nn_cases import electrolyte, sheet
from wave_function_cases import wave_functions

from polcouple.data.dataset import Dataset, Frames
from polcouple.errors import InputError
from polcouple.learning.density_labels import density_source, quadrature
from polcouple.learning.density_training import DensityOptions, train_density
from polcouple.learning.label import label_dataset
from polcouple.nn.density.files import load_density

OPTIONS = DensityOptions(frames=2, test_frames=1, points=400, leave_out=("dftb@-1",))


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """Eight frames of smooth potentials at 24 carbons, labelled at three charges; and wave functions."""
    directory = tmp_path_factory.mktemp("density_training")
    rng, electrode, liquid = np.random.default_rng(5), sheet(), electrolyte()
    dataset = Dataset.create(directory / "frames.h5", electrode, liquid, backends={"dftb": HOT})
    x, y = electrode.positions[:, :2].T / np.diag(electrode.cell)[:2, None]
    waves = [f(2.0 * np.pi * (k * x + j * y)) for f in (np.cos, np.sin) for k, j in ((1, 0), (0, 1), (1, 1))]
    potentials = 0.03 * rng.normal(size=(8, 6)) @ np.array(waves)
    frames = Frames(np.arange(8.0), potentials, np.zeros((8, 2, 3)))
    dataset.append(frames)
    label_dataset(dataset.path, "dftb", [0.0, -1.0, -2.0], dict(HOT), workers=1)
    return dataset.path, wave_functions(directory / "wfc.hsd")


def test_trained_model(labelled, tmp_path):
    """It knows bonds and changes at a charge that it never saw, better than all that know less."""
    trained = train_density(*labelled, tmp_path / "model", OPTIONS)
    rows = trained.scores["dftb@-1"]
    this, mean = rows["this model"], rows["this model, mean charge on every atom"]
    assert this.whole < 0.02 < 0.05 < rows["neutral atoms"].whole
    assert this.change < 0.3 and this.change < 0.6 * mean.change
    assert this.change < 0.5 * rows["clouds of DFTB's charges"].change
    assert rows["neutral atoms"].change == pytest.approx(1.0)
    model = load_density(tmp_path / "model")
    charges = np.random.default_rng(1).normal(size=24)
    found = model.charged.coefficients(sheet(), charges)
    assert found[:, :, 0].sum(axis=1) == pytest.approx(-charges, abs=1e-9)
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Never trained: dftb@-1." in card and "neutral atoms" in card
    with pytest.raises(InputError, match="holds a model already"):
        train_density(*labelled, tmp_path / "model", OPTIONS)


def test_refused_before_anything_is_computed(labelled, tmp_path):
    dataset, waves = labelled
    for leave_out in (("dftb@7",), ("dftb@0", "dftb@-1", "dftb@-2")):
        wrong = OPTIONS.model_copy(update={"leave_out": leave_out})
        with pytest.raises(
            InputError, match="name some of the labels, and not all: dftb@-1, dftb@-2, dftb@0"
        ):
            train_density(dataset, waves, tmp_path / "model", wrong)
    other = wave_functions(tmp_path / "silicon.hsd", symbol="Si")
    with pytest.raises(InputError, match="has no wave functions of C"):
        train_density(dataset, other, tmp_path / "model", OPTIONS)
    unlabelled = Dataset.create(tmp_path / "bare.h5", sheet(), electrolyte())
    with pytest.raises(InputError, match="no labels of dftb; make some with `polcouple label`"):
        density_source(unlabelled.path, waves)
    assert not (tmp_path / "model").exists()


def test_quadrature():
    """Integrals of broad and of sharp functions about atoms, which the random points must hit."""
    electrode = sheet()
    points, weights = quadrature(electrode, 40_000, np.random.default_rng(2))
    apart = points[:, None] - electrode.positions
    apart -= np.round(apart @ np.linalg.inv(electrode.cell)) @ electrode.cell
    squares = np.einsum("pai,pai->pa", apart, apart)
    for exponent in (0.6, 60.0):
        found = weights @ np.exp(-exponent * squares)
        assert found.sum() == pytest.approx(24 * (np.pi / exponent) ** 1.5, rel=0.04)
