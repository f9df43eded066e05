"""The work every peer does: fixed starting values, synthetic images and the losses that must come of them.

All of it comes from one integer hash, so that every peer starts from the same numbers; numpy only.
Tensors are in the layout of the VAE's own files: weights [kernel, kernel, in, out], images [N, H, W, C].
"""

from __future__ import annotations

import json
from math import prod
from pathlib import Path

import numpy as np

from networks import Network

LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
CHECK_STEPS = 3
BIAS_BOUND = 0.16
EXPECTED = Path(__file__).resolve().parent / "expected.json"


def hashed(stream: int, start: int, size: int) -> np.ndarray:
    """24 pseudo-random bits for each index start..start + size of a stream (finaliser of MurmurHash3)."""
    h = np.arange(start, start + size, dtype=np.uint32) + np.uint32((stream + 1) << 20)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    return h >> np.uint32(8)


def uniform(stream: int, shape: tuple[int, ...], bound: float) -> np.ndarray:
    """f32 numbers in [-bound, bound)."""
    bits = hashed(stream, 0, int(np.prod(shape)))
    return (bound * (bits / 2.0**23 - 1.0)).astype(np.float32).reshape(shape)


def bound(shape: tuple[int, ...]) -> float:
    """Twice Glorot's for a weight, and biases that are not zero: a wrong network is then far off the losses."""
    if len(shape) == 1:
        return BIAS_BOUND
    return 2 * (6 / (prod(shape[:-2]) * sum(shape[-2:]))) ** 0.5


def parameters(network: Network) -> dict[str, np.ndarray]:
    """The fixed starting parameters: stream i for tensor i."""
    return {name: uniform(i, shape, bound(shape)) for i, (name, shape) in enumerate(network.shapes().items())}


def check_tolerances(network: Network) -> tuple[float, ...]:
    """Relative, for the losses of the first steps: rounding grows from step to step, and in the deepest network most."""
    return (1e-5, 1e-4, 1e-3 if len(network.widths) > 3 else 1e-4)


def images_u8(network: Network, start: int, count: int) -> np.ndarray:
    """Synthetic images, four fifths of their pixels black as in MNIST, [count, side, side, channels]."""
    shape = (network.side, network.side, network.channels)
    bits = hashed(1000, start * prod(shape), count * prod(shape))
    grey = np.where(bits % 5 == 0, bits >> 16, 0)
    return grey.astype(np.uint8).reshape(count, *shape)


def images(network: Network, count: int) -> np.ndarray:
    """`count` images as u8 / 255 in f32, made in pieces so that peak memory is the set itself."""
    result = np.empty((count, network.side, network.side, network.channels), dtype=np.float32)
    for start in range(0, count, 100):
        piece = images_u8(network, start, min(100, count - start))
        np.divide(piece, np.float32(255), out=result[start : start + len(piece)], dtype=np.float32)
    return result


def noise(network: Network, step: int, batch: int) -> np.ndarray:
    """The noise of check step 0, 1, ...: uniform with unit variance, [batch, latent_dim]."""
    return uniform(100 + step, (batch, network.latent_dim), 3.0**0.5)


def expected_losses(network: Network, batch: int) -> list[float]:
    """float64 losses of the first steps, all on the first minibatch; written by expected.py."""
    table = json.loads(EXPECTED.read_text()).get(network.name, {})
    if str(batch) not in table:
        command = f"python expected.py --shape {network.name} --batch {batch}"
        raise SystemExit(f"expected.json has no batch {batch} of {network.name}; run: {command}")
    return table[str(batch)]
