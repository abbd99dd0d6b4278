"""The training loop: the step size falls as it is said to, and validation is looked at as often."""

import numpy as np
import pytest

from polcouple.learning.fitting import FitOptions, _step_size, fit
from polcouple.nn._tensorflow import tensorflow


def test_the_step_size_falls_along_half_a_cosine():
    options = FitOptions(learning_rate=1e-2, final_learning_rate=1e-4, max_epochs=10)
    sizes = [_step_size(options, epoch) for epoch in range(11)]
    assert sizes[0] == 1e-2 and sizes[10] == pytest.approx(1e-4)
    assert sizes[5] == pytest.approx(0.5 * (1e-2 + 1e-4))
    assert np.all(np.diff(sizes) < 0.0)
    assert _step_size(FitOptions(learning_rate=1e-2), 7) == 1e-2


def minimised(directory, epochs, looked_at, **options):
    """Weights after a fit of a parabola with its minimum at 3, and its result."""
    tf = tensorflow()
    variable = tf.Variable([0.0])

    def validation():
        looked_at.append(float(variable.numpy()[0]))
        return (looked_at[-1] - 3.0) ** 2

    given = FitOptions(learning_rate=0.2, max_epochs=epochs, weight_average=0.0, patience=1000, **options)
    found = fit(
        [variable],
        lambda batch: tf.reduce_mean((variable - batch) ** 2),
        lambda epoch: [(np.full(2, 3.0, dtype=np.float32),)],
        validation,
        given,
        directory,
        "a parabola",
    )
    return variable.numpy()[0], found


def test_validation_every_few_epochs_and_at_the_end(tmp_path):
    looked_at = []
    weights, result = minimised(tmp_path / "a", 23, looked_at, validate_every=5)
    assert len(looked_at) == 5  # after 5, 10, 15, 20 and the last
    assert result.stopped_by == "epochs" and result.epochs == 23
    assert weights == pytest.approx(min(looked_at, key=lambda value: abs(value - 3.0)))
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        FitOptions(validate_every=0)


def test_a_falling_step_ends_nearer_to_the_minimum(tmp_path):
    constant, _ = minimised(tmp_path / "a", 30, [])
    falling, _ = minimised(tmp_path / "b", 30, [], final_learning_rate=1e-3)
    assert abs(falling - 3.0) < 0.5 and abs(constant - 3.0) < 0.5
    # other epochs are another schedule, so that its checkpoint cannot be gone on from
    from polcouple.errors import InputError

    with pytest.raises(InputError, match="of a training with other data"):
        minimised(tmp_path / "b", 60, [], final_learning_rate=1e-3)
