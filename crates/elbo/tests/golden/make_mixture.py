"""Golden values for mixtures of normal distributions, from SciPy and scikit-learn.

The values stand in the tests of `src/network/mixture` and `src/vae/prior`.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1
    venv/bin/python make_mixture.py              # print the values as they stand there
"""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

WEIGHTS = np.array([0.25, 0.75])
MEANS = np.array([[0.5, -1.0, 2.0], [-0.25, 0.75, 0.0]])
TRIANGLES = np.array(
    [[[0.5, 0.0, 0.0], [0.25, 1.5, 0.0], [-0.75, 0.5, 0.125]], [[1.0, 0.0, 0.0], [-0.5, 0.25, 0.0], [0.0, 2.0, 0.75]]]
)
POINTS = np.array([[0.0, 0.0, 0.0], [1.0, -2.0, 0.5], [-3.0, 3.0, 3.0], [0.5, -1.0, 2.0]])


def log_density(covariances: list[np.ndarray]) -> np.ndarray:
    parts = [multivariate_normal(mean, cov).logpdf(POINTS) for mean, cov in zip(MEANS, covariances)]
    return logsumexp(np.stack(parts, 1) + np.log(WEIGHTS), axis=1)


def codes() -> np.ndarray:
    """Two clouds, by the arithmetic that the test has too."""
    i = np.arange(200)
    wave = np.stack([np.sin(i), np.cos(2.0 * i), np.sin(3.0 * i + 1.0)], 1)
    shift = np.where((i % 3 == 0)[:, None], np.array([1.5, 0.0, -0.75]), np.array([-1.0, 0.5, 1.0]))
    mixed = wave @ np.array([[1.0, 0.0, 0.0], [0.5, 0.75, 0.0], [0.25, -0.5, 0.5]]).T
    return (mixed + shift).astype(np.float32).astype(np.float64)


def show(name: str, values: np.ndarray) -> None:
    print(name, ", ".join(f"{value!r}" for value in map(float, np.ravel(values))))


show("full:", log_density([t @ t.T for t in TRIANGLES]))
show("diagonal:", log_density([np.diag(np.diag(t) ** 2) for t in TRIANGLES]))

for kind in ("full", "diag"):
    model = GaussianMixture(
        2, covariance_type=kind, n_init=5, tol=1e-12, max_iter=5000, reg_covar=1e-4, init_params="k-means++", random_state=1,
    )
    model.fit(codes())
    order = np.argsort(model.weights_)
    show(f"{kind} weights:", model.weights_[order])
    show(f"{kind} means:", model.means_[order])
    show(f"{kind} mean log-density:", np.array([model.score(codes())]))
