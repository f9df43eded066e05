#!/usr/bin/env python3
"""A training step of the same networks in PyTorch on a card, in each of its modes: microseconds of a step.

The batch is on the card already, and noise is drawn there: what is timed is the step alone. Usage: torch_step.py [SHAPE ...]
"""

from __future__ import annotations

import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

NETWORKS = {
    "28x28x1": (28, 1, [32, 64], 20),
    "64x64x3": (64, 3, [32, 64, 128], 32),
    "128x128x3": (128, 3, [32, 64, 128, 256], 64),
}


class Vae(nn.Module):
    def __init__(self, side: int, channels: int, widths: list[int], dim: int) -> None:
        super().__init__()
        sizes = [channels, *widths]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, 2, 1) for a, b in zip(sizes, sizes[1:]))
        self.deepest = (widths[-1], side >> len(widths), side >> len(widths))
        features = widths[-1] * self.deepest[1] * self.deepest[2]
        self.head = nn.Linear(features, 2 * dim)
        self.project = nn.Linear(dim, features)
        up = [widths[-1], *widths[::-1]]
        self.deconvs = nn.ModuleList(
            nn.ConvTranspose2d(a, b, 3, 2, 1, output_padding=1) for a, b in zip(up, up[1:])
        )
        self.output = nn.ConvTranspose2d(widths[0], channels, 3, 1, 1)

    def forward(self, x: torch.Tensor, eps: torch.Tensor) -> torch.Tensor:
        h = x
        for conv in self.convs:
            h = F.relu(conv(h))
        mean, logvar = self.head(h.flatten(1)).chunk(2, 1)
        h = F.relu(self.project(mean + eps * torch.exp(0.5 * logvar))).view(-1, *self.deepest)
        for deconv in self.deconvs:
            h = F.relu(deconv(h))
        error = F.mse_loss(torch.sigmoid(self.output(h)), x, reduction="sum")
        kl = -0.5 * (1 + logvar - mean.square() - logvar.exp()).sum()
        return (0.5 * error + kl) / len(x)


def step_of(shape: str, batch: int, last: bool, compiled: str | None):
    """A function that takes a step, and the one tensor that it leaves the loss in."""
    side, channels, widths, dim = NETWORKS[shape]
    torch.manual_seed(1)
    model = Vae(side, channels, widths, dim).cuda()
    x = torch.rand(batch, channels, side, side, device="cuda")
    if last:
        model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    eps = torch.randn(batch, dim, device="cuda")
    adam = torch.optim.Adam(model.parameters(), 1e-3, fused=True, capturable=True)
    loss_of = torch.compile(model, mode=compiled, dynamic=False) if compiled else model

    def step() -> torch.Tensor:
        eps.normal_()
        adam.zero_grad(set_to_none=False)
        loss = loss_of(x, eps)
        loss.backward()
        adam.step()
        return loss

    return step


def captured(step):
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(5):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def microseconds(step, rounds: int = 7) -> float:
    for _ in range(10):
        step()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    step()
    torch.cuda.synchronize()
    steps = max(10, min(200, int(0.05 / (time.perf_counter() - begin))))
    times = []
    for _ in range(rounds):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) / steps * 1e6)
    return statistics.median(times)


def main() -> None:
    print(f"torch {torch.__version__}, {torch.cuda.get_device_name()}, cuDNN {torch.backends.cudnn.version()}")
    torch.backends.cudnn.benchmark = True
    for shape in sys.argv[1:] or NETWORKS:
        for batch in [64, 512]:
            for tf32 in [False, True]:
                torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
                for last in [False, True]:
                    row = []
                    for name in ["eager", "graph", "compile", "compile+graph"]:
                        torch._dynamo.reset()
                        try:
                            step = step_of(shape, batch, last, "default" if "compile" in name else None)
                            if "graph" in name:
                                step = captured(step)
                            row.append(f"{name} {microseconds(step):.0f}")
                        except Exception as error:  # a mode that does not work is said so
                            row.append(f"{name} failed ({type(error).__name__})")
                    layout = "channels last" if last else "channels first"
                    print(f"{shape} batch {batch} {'tf32' if tf32 else 'f32'} {layout}: " + ", ".join(row), flush=True)


main()
