"""The work every peer does: the network's shapes, fixed starting values and synthetic images.

All of it comes from one integer hash, so that every peer starts from the same numbers; numpy only.
Tensors are in the layout of the VAE's own files: weights [kernel, kernel, in, out], images [N, H, W, C].
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SIDE, LATENT_DIM, WIDTHS = 28, 20, (32, 64)
LEARNING_RATE, BETA1, BETA2, EPSILON = 1e-3, 0.9, 0.999, 1e-8
IMAGES = 60_000
CHECK_STEPS = 3
CHECK_TOLERANCE = 1e-4
EXPECTED = Path(__file__).resolve().parent / "expected.json"

SHAPES: dict[str, tuple[int, ...]] = {
    "encoder.conv1.weight": (3, 3, 1, 32),
    "encoder.conv1.bias": (32,),
    "encoder.conv2.weight": (3, 3, 32, 64),
    "encoder.conv2.bias": (64,),
    "encoder.head.weight": (7 * 7 * 64, 2 * LATENT_DIM),
    "encoder.head.bias": (2 * LATENT_DIM,),
    "decoder.project.weight": (7, 7, LATENT_DIM, 64),
    "decoder.project.bias": (64,),
    "decoder.deconv1.weight": (3, 3, 64, 64),
    "decoder.deconv1.bias": (64,),
    "decoder.deconv2.weight": (3, 3, 64, 32),
    "decoder.deconv2.bias": (32,),
    "decoder.output.weight": (3, 3, 32, 1),
    "decoder.output.bias": (1,),
}


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


def parameters() -> dict[str, np.ndarray]:
    """The fixed starting parameters: stream i for tensor i, within 0.16."""
    return {name: uniform(i, shape, 0.16) for i, (name, shape) in enumerate(SHAPES.items())}


def images_u8(start: int, count: int) -> np.ndarray:
    """Synthetic images, four fifths of their pixels black as in MNIST, [count, 28, 28, 1]."""
    pixels = SIDE * SIDE
    bits = hashed(1000, start * pixels, count * pixels)
    grey = np.where(bits % 5 == 0, bits >> 16, 0)
    return grey.astype(np.uint8).reshape(count, SIDE, SIDE, 1)


def images(count: int = IMAGES) -> np.ndarray:
    """The whole set as u8 / 255 in f32, made in pieces so that peak memory is the set itself."""
    result = np.empty((count, SIDE, SIDE, 1), dtype=np.float32)
    for start in range(0, count, 1000):
        piece = images_u8(start, min(1000, count - start))
        np.divide(piece, np.float32(255), out=result[start : start + len(piece)], dtype=np.float32)
    return result


def check_noise(step: int, batch: int) -> np.ndarray:
    """The noise of check step 0, 1, ...: uniform with unit variance, [batch, latent_dim]."""
    return uniform(100 + step, (batch, LATENT_DIM), 3.0**0.5)


def expected_losses(batch: int) -> list[float]:
    """float64 losses of the first steps, all on the first minibatch; written by expected.py."""
    table = json.loads(EXPECTED.read_text())
    if str(batch) not in table:
        raise SystemExit(f"expected.json has no batch {batch}; run: python expected.py --batch {batch}")
    return table[str(batch)]
