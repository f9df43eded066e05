"""The training step in PyTorch: eager, eager channels_last, or torch.compile with channels_last.

PyTorch's `padding=1, output_padding=1` pads an even size before the axis where SAME pads after it. So the
network is run mirrored, images and kernels turned by 180 degrees: the same sums in the same places, without
the copies that padding or cropping by hand would cost. Decoded images are left mirrored.
"""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compiler processes left behind

import numpy as np
import torch
import torch.nn.functional as F

import workload
from networks import Network

Parameters = dict[str, torch.Tensor]


def mirrored(weight: np.ndarray) -> np.ndarray:
    """The first two axes, those of space, reversed."""
    return weight[::-1, ::-1]


def torch_layout(network: Network, params: dict[str, np.ndarray], channels_last: bool) -> Parameters:
    """Leaf tensors in PyTorch's layouts.

    head: [2Z, features] and project: [features, Z], features in the order in which the activations lie in memory.
    """
    order = (0, 1, 2) if channels_last else (2, 0, 1)
    result: Parameters = {}
    for name, value in params.items():
        if name == "encoder.head.weight":
            rows = mirrored(value.reshape(*network.deepest, -1)).transpose(*order, 3)
            value = rows.reshape(value.shape).T
        elif name == "decoder.project.weight":
            value = mirrored(value).transpose(0, 1, 3, 2).transpose(*order, 3).reshape(-1, network.latent_dim)
        elif value.ndim == 4:
            axes = (3, 2, 0, 1) if name.startswith("encoder") else (2, 3, 0, 1)
            value = mirrored(value).transpose(axes)
        tensor = torch.tensor(np.ascontiguousarray(value))
        if channels_last and tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        result[name] = tensor.requires_grad_()
    return result


class Model:
    """Parameters and what is computed with them; compiled or as it stands."""

    def __init__(self, variant: str, network: Network, params: dict[str, np.ndarray], threads: int) -> None:
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.version = f"torch {torch.__version__}"
        self.network = network
        self.channels_last = variant != "eager"
        self.params = torch_layout(network, params, self.channels_last)
        if variant == "compile":
            for function in ("encode", "decode", "loss"):
                setattr(self, function, torch.compile(getattr(self, function), dynamic=False))

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Means and log-variances, [N, 2Z]; x is [N, channels, side, side]."""
        p, h = self.params, x
        for name in self.network.convs:
            h = F.relu_(F.conv2d(h, p[f"{name}.weight"], p[f"{name}.bias"], stride=2, padding=1))
        flat = h.permute(0, 2, 3, 1).reshape(len(x), -1) if self.channels_last else h.flatten(1)
        return F.linear(flat, p["encoder.head.weight"], p["encoder.head.bias"])

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """The images of latent vectors, [N, channels, side, side] in [0, 1]."""
        p = self.params
        height, width, channels = self.network.deepest
        h = F.linear(z, p["decoder.project.weight"])
        if self.channels_last:
            h = F.relu_(h.view(-1, height, width, channels) + p["decoder.project.bias"]).permute(0, 3, 1, 2)
        else:
            h = F.relu_(h.view(-1, channels, height, width) + p["decoder.project.bias"][:, None, None])
        for name in self.network.deconvs:
            weight, bias = p[f"{name}.weight"], p[f"{name}.bias"]
            h = F.relu_(F.conv_transpose2d(h, weight, bias, stride=2, padding=1, output_padding=1))
        return torch.sigmoid(F.conv_transpose2d(h, p["decoder.output.weight"], p["decoder.output.bias"], padding=1))

    def loss(self, x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        """Mean over the batch of reconstruction error and KL."""
        mean, logvar = self.encode(x).chunk(2, dim=1)
        xhat = self.decode(mean + eps * torch.exp(0.5 * logvar))
        reconstruction = 0.5 * F.mse_loss(xhat, x, reduction="sum")
        kl = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum()
        return (reconstruction + kl) / len(x)


def torch_images(images: np.ndarray, channels_last: bool) -> torch.Tensor:
    """Mirrored, [N, channels, side, side]; with a single channel, both layouts are the same."""
    for image in images:
        image[:] = image[::-1, ::-1].copy()
    count, height, width, channels = images.shape
    if channels == 1:
        return torch.from_numpy(images).view(count, 1, height, width)
    nchw = torch.from_numpy(images).permute(0, 3, 1, 2)
    return nchw if channels_last else nchw.contiguous()


class Trainer:
    """The model, fused Adam and the mirrored images."""

    def __init__(
        self,
        variant: str,
        network: Network,
        params: dict[str, np.ndarray],
        images: np.ndarray,
        batch: int,
        threads: int,
    ) -> None:
        self.model = Model(variant, network, params, threads)
        self.version = self.model.version
        self.batch = batch
        self.images = torch_images(images, self.model.channels_last)
        self.adam = torch.optim.Adam(
            self.model.params.values(),
            lr=workload.LEARNING_RATE,
            betas=(workload.BETA1, workload.BETA2),
            eps=workload.EPSILON,
            fused=True,
        )

    def step(self, batch: int, noise: np.ndarray | None) -> torch.Tensor:
        """One training step."""
        x = self.images[batch * self.batch : (batch + 1) * self.batch]
        eps = torch.randn(self.batch, self.model.network.latent_dim) if noise is None else torch.from_numpy(noise)
        self.adam.zero_grad(set_to_none=True)
        value = self.model.loss(x, eps)
        value.backward()
        self.adam.step()
        return value.detach()

    def wait(self, loss: torch.Tensor) -> float:
        """The loss; on a CPU it is already there."""
        return loss.item()


class Coder:
    """The model in inference mode, and images to encode or latent vectors to decode."""

    def __init__(
        self, variant: str, network: Network, params: dict[str, np.ndarray], task: str, data: np.ndarray, threads: int
    ) -> None:
        self.model = Model(variant, network, params, threads)
        self.version = self.model.version
        for parameter in self.model.params.values():
            parameter.requires_grad_(False)
        if task == "encode":
            self.code, self.data = self.model.encode, torch_images(data, self.model.channels_last)
        else:
            self.code, self.data = self.model.decode, torch.from_numpy(data)

    @torch.inference_mode()
    def code_all(self, batch: int) -> float:
        """Encode or decode everything, `batch` at a time; the last number of all."""
        out = torch.empty(0)
        for part in self.data.split(batch):
            out = self.code(part)
        return out.flatten()[-1].item()
