"""The networks that are compared, as shapes: one for each shape of image. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod

TASKS = ("train", "encode", "decode")


@dataclass(frozen=True)
class Network:
    """Square images of `side`, halved by each of `widths`; how many there are, and how many a step takes by default."""

    side: int
    channels: int
    widths: tuple[int, ...]
    latent_dim: int
    images: int
    batch: int

    @property
    def name(self) -> str:
        """The shape of an image, by which the network goes."""
        return f"{self.side}x{self.side}x{self.channels}"

    @property
    def sides(self) -> tuple[int, ...]:
        """Side of the image and after each encoder stage."""
        return tuple(self.side >> stage for stage in range(len(self.widths) + 1))

    @property
    def deepest(self) -> tuple[int, int, int]:
        """Height, width and channels where the encoder ends and the decoder begins."""
        return self.sides[-1], self.sides[-1], self.widths[-1]

    @property
    def convs(self) -> tuple[str, ...]:
        """Names of the encoder's stages."""
        return tuple(f"encoder.conv{i + 1}" for i in range(len(self.widths)))

    @property
    def deconvs(self) -> tuple[str, ...]:
        """Names of the decoder's stages."""
        return tuple(f"decoder.deconv{i + 1}" for i in range(len(self.widths)))

    def weights(self) -> dict[str, tuple[tuple[int, ...], int]]:
        """Each layer's weight, [kernel, kernel, in, out] ([in, out] of the head), and how often it is applied."""
        side, _, width = self.deepest
        result: dict[str, tuple[tuple[int, ...], int]] = {}
        for name, small, (c_in, c_out) in zip(self.convs, self.sides[1:], pairwise((self.channels, *self.widths))):
            result[name] = (3, 3, c_in, c_out), small * small
        result["encoder.head"] = (side * side * width, 2 * self.latent_dim), 1
        result["decoder.project"] = (side, side, self.latent_dim, width), 1
        outs = pairwise((width, *reversed(self.widths)))
        for name, small, (c_in, c_out) in zip(self.deconvs, reversed(self.sides[1:]), outs):
            result[name] = (3, 3, c_in, c_out), small * small
        result["decoder.output"] = (3, 3, self.widths[0], self.channels), self.side * self.side
        return result

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each parameter, in the order of the VAE's own files."""
        result: dict[str, tuple[int, ...]] = {}
        for name, (shape, _) in self.weights().items():
            result[f"{name}.weight"] = shape
            result[f"{name}.bias"] = shape[-1:]
        return result

    def mflop(self, task: str) -> float:
        """Two for each multiply-add; training has two more passes, save the first layer's input gradient."""
        flops = {name: 2 * prod(shape) * times for name, (shape, times) in self.weights().items()}
        if task == "train":
            return (3 * sum(flops.values()) - flops["encoder.conv1"]) / 1e6
        part = "encoder." if task == "encode" else "decoder."
        return sum(flop for name, flop in flops.items() if name.startswith(part)) / 1e6


NETWORKS = {
    network.name: network
    for network in (
        Network(28, 1, (32, 64), 20, images=60_000, batch=512),
        Network(64, 3, (32, 64, 128), 32, images=2_048, batch=64),
        Network(128, 3, (32, 64, 128, 256), 64, images=1_024, batch=16),
    )
}
REFERENCE = "28x28x1"
