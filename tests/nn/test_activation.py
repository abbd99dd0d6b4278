import numpy as np

from polcouple.nn.activation import activate


def test_softplus_and_its_slope_to_single_precision():
    x = np.random.default_rng(0).normal(scale=4.0, size=(2, 50, 7)).astype(np.float32)
    x[0, 0] = [0.0, -0.0, 1e-8, -1e-8, 30.0, -30.0, 0.5]
    x[1, 0] = [200.0, -200.0, 87.0, -87.0, 1e30, -1e30, 1.0]
    bias = np.random.default_rng(1).normal(size=(2, 1, 7)).astype(np.float32)
    bias[1, 0, :6] = 0.0
    exact = (x + bias).astype(float)
    slopes, values = x.copy(), np.empty_like(x)
    scratch = np.empty(14, np.float32)
    activate(slopes, bias, values, scratch, scratch.view(np.int32))
    softplus = np.logaddexp(0.0, exact)
    near = np.abs(exact) < 60.0
    np.testing.assert_allclose(values[near], softplus[near], rtol=1.5e-6)
    np.testing.assert_allclose(slopes[near], np.exp(exact - softplus)[near], rtol=1.5e-6)
    np.testing.assert_allclose(values[~near & (exact > 0)], exact[~near & (exact > 0)], rtol=1e-7)
    assert (np.abs(values[~near & (exact < 0)]) < 1e-25).all() and (slopes[~near & (exact < 0)] < 1e-25).all()
