"""Golden values for what `evaluation` measures, by scikit-image and scikit-learn.

The inputs are made by whole numbers alone, here and in the tests of `src/evaluation`, where the values stand.

    python -m venv venv && venv/bin/pip install numpy==2.4.6 scikit-image==0.26.0 scikit-learn==1.9.1
    venv/bin/python make_evaluation.py         # print the values as they stand there
"""

import numpy as np
from skimage.metrics import structural_similarity
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier


def image(height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """Slopes that differ by the seed, and some noise."""
    y, x, c = np.mgrid[:height, :width, :channels]
    i = (y * width + x) * channels + c
    values = (x * (5 + seed) + y * (11 - 2 * seed) + 40 * c) % 160 + (i * i * (7 + seed) + 13 * i) % 89
    return values.astype(np.float32) / np.float32(255)


def print_similarity() -> None:
    for shape in [(11, 11, 1), (28, 28, 1), (12, 31, 1), (20, 16, 3)]:
        a, b = image(*shape, 0), image(*shape, 1)
        likeness = structural_similarity(
            a.astype(np.float64),
            b.astype(np.float64),
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=2,
        )
        print("ssim", shape, repr(float(likeness)))


def numbers(count: int, seed: int) -> np.ndarray:
    """Numbers from 0 to 1 by a linear congruential generator, its upper 16 bits."""
    state, out = seed, []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        out.append((state >> 16) / 65536)
    return np.array(out)


def clusters(rows: int, columns: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of each class in turn, about a corner of its own; they overlap."""
    labels = np.arange(rows) % classes
    noise = numbers(rows * columns, seed).reshape(rows, columns)
    corner = (np.arange(columns)[None, :] + 2 * labels[:, None]) % 5 / 5
    return (corner * 0.6 + noise * (1 + np.arange(columns) % 3)).astype(np.float32), labels


def print_probes() -> None:
    for columns in (3, 12):
        x, y = clusters(600, columns, 4, 1)
        tried, truth = clusters(250, columns, 4, 2)
        linear = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(x.astype(np.float64), y)
        mean_loss = -np.log(linear.predict_proba(x.astype(np.float64))[np.arange(len(y)), y]).mean()
        neighbours = KNeighborsClassifier(5, algorithm="brute").fit(x.astype(np.float64), y)
        print("linear", columns, repr(float(mean_loss)), int((linear.predict(tried.astype(np.float64)) == truth).sum()))
        print("neighbours", columns, int((neighbours.predict(tried.astype(np.float64)) == truth).sum()))
    x, _ = clusters(600, 12, 4, 1)
    pca = PCA(4, svd_solver="full").fit(x.astype(np.float64))
    print("pca", [repr(float(v)) for v in pca.explained_variance_])


if __name__ == "__main__":
    print_similarity()
    print_probes()
