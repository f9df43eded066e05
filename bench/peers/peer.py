"""One peer of the benchmark: trains the VAE in one framework, or encodes or decodes with it, on command.

    python peer.py NAME --batch B --threads N [--shape 64x64x3]
    python peer.py NAME --batch B --threads N --task encode --images I

It sets up, checks its first training losses against expected.json, warms up and prints `ready` and its version.
Then each input line `go STEPS` trains that many steps, or encodes or decodes all images that often, and answers with
the seconds that took; `quit` answers `peak_rss_kib K` and ends. A failure prints `error: REASON`. Nothing else goes to
standard output.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import sys
import time
from importlib import import_module
from typing import Any, Protocol

import numpy as np

import workload
from networks import NETWORKS, REFERENCE, TASKS, Network

# name: module, variant
PEERS = {
    "torch-eager": ("peer_torch", "eager"),
    "torch-channels-last": ("peer_torch", "channels_last"),
    "torch-compile": ("peer_torch", "compile"),
    "tf-function": ("peer_tf", "function"),
    "tf-xla": ("peer_tf", "xla"),
    "jax-jit": ("peer_jax", "jit"),
}
WARM_UP_STEPS = 2


class Trainer(Protocol):
    """A model with its optimiser and the images, held by a framework."""

    version: str

    def step(self, batch: int, noise: np.ndarray | None) -> Any:
        """Train on minibatch number `batch` with this noise, or fresh noise if None; the loss, perhaps still to come."""

    def wait(self, loss: Any) -> float:
        """The loss as a number, once all work on it is done."""


class Coder(Protocol):
    """A model with images to encode or latent vectors to decode."""

    version: str

    def code_all(self, batch: int) -> float:
        """Encode or decode everything, `batch` at a time; one of the resulting numbers."""


def limit_threads(threads: int) -> None:
    """Tell every thread pool its size; they read it when first imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        os.environ[name] = str(threads)


def check(trainer: Trainer, network: Network, batch: int) -> None:
    """Train the first steps with fixed noise; the losses must be the expected ones."""
    losses = workload.expected_losses(network, batch)
    for step, (expected, tolerance) in enumerate(zip(losses, workload.check_tolerances(network), strict=True)):
        loss = trainer.wait(trainer.step(0, workload.noise(network, step, batch)))
        if not abs(loss / expected - 1) <= tolerance:
            raise ValueError(f"wrong network: loss {loss:.6f} at step {step}, expected {expected:.6f}")
        print(f"step {step}: loss {loss:.6f}, expected {expected:.6f}", file=sys.stderr)


class Training:
    """The minibatches in file order, over and over."""

    def __init__(self, trainer: Trainer, batches: int) -> None:
        self.trainer = trainer
        self.version = trainer.version
        self.batches = batches
        self.next = 0

    def go(self, steps: int) -> float:
        """Train `steps` minibatches; the last loss."""
        loss: Any = None
        for _ in range(steps):
            loss = self.trainer.step(self.next, None)
            self.next = (self.next + 1) % self.batches
        return self.trainer.wait(loss)


class Coding:
    """All images, or latent vectors, over and over."""

    def __init__(self, coder: Coder, batch: int) -> None:
        self.coder = coder
        self.version = coder.version
        self.batch = batch

    def go(self, steps: int) -> float:
        """Encode or decode everything `steps` times; one of the resulting numbers."""
        return [self.coder.code_all(self.batch) for _ in range(steps)][-1]


def training(module: Any, variant: str, network: Network, arguments: argparse.Namespace) -> Training:
    """Set up and checked."""
    params, images = workload.parameters(network), workload.images(network, network.images)
    trainer: Trainer = module.Trainer(variant, network, params, images, arguments.batch, arguments.threads)
    check(trainer, network, arguments.batch)
    return Training(trainer, network.images // arguments.batch)


def coding(module: Any, variant: str, network: Network, arguments: argparse.Namespace) -> Coding:
    """Set up; its network is the one that is checked in training."""
    if not hasattr(module, "Coder"):
        raise ValueError(f"{arguments.name} is written for training only")
    if arguments.task == "encode":
        data = workload.images(network, arguments.images)
    else:
        data = workload.noise(network, 0, arguments.images)
    coder = module.Coder(variant, network, workload.parameters(network), arguments.task, data, arguments.threads)
    return Coding(coder, arguments.batch)


def timed(work: Training | Coding, steps: int) -> float:
    """The seconds that `steps` take."""
    start = time.perf_counter()
    value = work.go(steps)
    elapsed = time.perf_counter() - start
    if not math.isfinite(value):
        raise ValueError(f"the result is {value}")
    return elapsed


def serve(arguments: argparse.Namespace, answer: Any) -> None:
    """Set up, then follow the commands on standard input."""
    name, variant = PEERS[arguments.name]
    set_up = training if arguments.task == "train" else coding
    work = set_up(import_module(name), variant, NETWORKS[arguments.shape], arguments)
    timed(work, WARM_UP_STEPS)
    print("ready", work.version, file=answer)
    for line in sys.stdin:
        match line.split():
            case ["go", steps] if int(steps) > 0:
                print(f"{timed(work, int(steps)):.9f}", file=answer)
            case ["quit"]:
                print("peak_rss_kib", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=answer)
                return
            case _:
                raise ValueError(f"unknown command {line!r}")


def main() -> None:
    """Keep standard output for the protocol; whatever else is printed there goes to standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--shape", choices=NETWORKS, default=REFERENCE)
    parser.add_argument("--task", choices=TASKS, default="train")
    parser.add_argument("--images", type=int, default=10_000, help="images to encode or decode")
    arguments = parser.parse_args()
    answer = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    limit_threads(arguments.threads)
    try:
        serve(arguments, answer)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        print("error:", reason, file=answer)
        raise


if __name__ == "__main__":
    main()
