"""The training step in PyTorch: eager, eager channels_last, or torch.compile with channels_last.

PyTorch's `padding=1, output_padding=1` pads an even size before the axis where SAME pads after it. So the
network is run mirrored, images and kernels turned by 180 degrees: the same sums in the same places, without
the copies that padding or cropping by hand would cost.
"""

from __future__ import annotations

import os

os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool of compiler processes left behind

import numpy as np
import torch
import torch.nn.functional as F

import workload

Parameters = dict[str, torch.Tensor]


def mirrored(weight: np.ndarray) -> np.ndarray:
    """The first two axes, those of space, reversed."""
    return weight[::-1, ::-1]


def torch_layout(params: dict[str, np.ndarray], channels_last: bool) -> Parameters:
    """Leaf tensors in PyTorch's layouts.

    head: [2Z, features] and project: [features, Z], features in the order in which the activations lie in memory.
    """
    order = (0, 1, 2) if channels_last else (2, 0, 1)
    result: Parameters = {}
    for name, value in params.items():
        if name == "encoder.head.weight":
            rows = mirrored(value.reshape(7, 7, 64, -1)).transpose(*order, 3)
            value = rows.reshape(7 * 7 * 64, -1).T
        elif name == "decoder.project.weight":
            value = mirrored(value).transpose(0, 1, 3, 2).transpose(*order, 3).reshape(7 * 7 * 64, -1)
        elif value.ndim == 4:
            axes = (3, 2, 0, 1) if name.startswith("encoder") else (2, 3, 0, 1)
            value = mirrored(value).transpose(axes)
        tensor = torch.tensor(np.ascontiguousarray(value))
        if channels_last and tensor.ndim == 4:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        result[name] = tensor.requires_grad_()
    return result


def loss(p: Parameters, x: torch.Tensor, eps: torch.Tensor, channels_last: bool) -> torch.Tensor:
    """Mean over the batch of reconstruction error and KL; x is [N, 1, 28, 28]."""
    h = F.relu_(F.conv2d(x, p["encoder.conv1.weight"], p["encoder.conv1.bias"], stride=2, padding=1))
    h = F.relu_(F.conv2d(h, p["encoder.conv2.weight"], p["encoder.conv2.bias"], stride=2, padding=1))
    flat = h.permute(0, 2, 3, 1).reshape(len(x), -1) if channels_last else h.flatten(1)
    mean, logvar = F.linear(flat, p["encoder.head.weight"], p["encoder.head.bias"]).chunk(2, dim=1)
    z = mean + eps * torch.exp(0.5 * logvar)
    h = F.linear(z, p["decoder.project.weight"])
    if channels_last:
        h = F.relu_(h.view(-1, 7, 7, 64) + p["decoder.project.bias"]).permute(0, 3, 1, 2)
    else:
        h = F.relu_(h.view(-1, 64, 7, 7) + p["decoder.project.bias"][:, None, None])
    for name in ("decoder.deconv1", "decoder.deconv2"):
        weight, bias = p[f"{name}.weight"], p[f"{name}.bias"]
        h = F.relu_(F.conv_transpose2d(h, weight, bias, stride=2, padding=1, output_padding=1))
    logits = F.conv_transpose2d(h, p["decoder.output.weight"], p["decoder.output.bias"], padding=1)
    reconstruction = 0.5 * F.mse_loss(torch.sigmoid(logits), x, reduction="sum")
    kl = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum()
    return (reconstruction + kl) / len(x)


class Trainer:
    """The model, fused Adam and the mirrored images."""

    def __init__(
        self, variant: str, params: dict[str, np.ndarray], images: np.ndarray, batch: int, threads: int
    ) -> None:
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1)
        self.version = f"torch {torch.__version__}"
        self.batch = batch
        self.channels_last = variant != "eager"
        self.params = torch_layout(params, self.channels_last)
        for image in images:
            image[:] = image[::-1, ::-1].copy()
        self.images = torch.from_numpy(images).view(-1, 1, workload.SIDE, workload.SIDE)
        self.adam = torch.optim.Adam(
            self.params.values(),
            lr=workload.LEARNING_RATE,
            betas=(workload.BETA1, workload.BETA2),
            eps=workload.EPSILON,
            fused=True,
        )
        self.loss = torch.compile(loss, dynamic=False) if variant == "compile" else loss

    def step(self, batch: int, noise: np.ndarray | None) -> torch.Tensor:
        """One training step."""
        x = self.images[batch * self.batch : (batch + 1) * self.batch]
        eps = torch.randn(self.batch, workload.LATENT_DIM) if noise is None else torch.from_numpy(noise)
        self.adam.zero_grad(set_to_none=True)
        value = self.loss(self.params, x, eps, self.channels_last)
        value.backward()
        self.adam.step()
        return value.detach()

    def wait(self, loss: torch.Tensor) -> float:
        """The loss; on a CPU it is already there."""
        return loss.item()
