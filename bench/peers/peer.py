"""One peer of the benchmark: trains the VAE in one framework, on command.

    python peer.py NAME --batch B --threads N

It sets up, checks its first losses against expected.json, warms up and prints `ready` and its version.
Then each input line `go STEPS` trains that many steps and answers with the seconds they took; `quit` answers
`peak_rss_kib K` and ends. A failure prints `error: REASON`. Nothing else goes to standard output.
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


class Peer(Protocol):
    """A model with its optimiser and the images, held by a framework."""

    version: str

    def step(self, batch: int, noise: np.ndarray | None) -> Any:
        """Train on minibatch number `batch` with this noise, or fresh noise if None; the loss, perhaps still to come."""

    def wait(self, loss: Any) -> float:
        """The loss as a number, once all work on it is done."""


def limit_threads(threads: int) -> None:
    """Tell every thread pool its size; they read it when first imported."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        os.environ[name] = str(threads)


def check(peer: Peer, batch: int) -> None:
    """Train the first steps with fixed noise; the losses must be the expected ones."""
    for step, expected in enumerate(workload.expected_losses(batch)):
        loss = peer.wait(peer.step(0, workload.check_noise(step, batch)))
        if not abs(loss / expected - 1) <= workload.CHECK_TOLERANCE:
            raise ValueError(f"wrong network: loss {loss:.6f} at step {step}, expected {expected:.6f}")
        print(f"step {step}: loss {loss:.6f}, expected {expected:.6f}", file=sys.stderr)


class Session:
    """The minibatches in file order, over and over."""

    def __init__(self, peer: Peer, batch: int) -> None:
        self.peer = peer
        self.batches = workload.IMAGES // batch
        self.next = 0

    def go(self, steps: int) -> float:
        """Train `steps` minibatches; seconds."""
        start = time.perf_counter()
        loss: Any = None
        for _ in range(steps):
            loss = self.peer.step(self.next, None)
            self.next = (self.next + 1) % self.batches
        value = self.peer.wait(loss)
        elapsed = time.perf_counter() - start
        if not math.isfinite(value):
            raise ValueError(f"loss is {value}")
        return elapsed


def serve(name: str, batch: int, threads: int, answer: Any) -> None:
    """Set up, then follow the commands on standard input."""
    module, variant = PEERS[name]
    peer: Peer = import_module(module).Trainer(variant, workload.parameters(), workload.images(), batch, threads)
    check(peer, batch)
    session = Session(peer, batch)
    session.go(WARM_UP_STEPS)
    print("ready", peer.version, file=answer)
    for line in sys.stdin:
        match line.split():
            case ["go", steps] if int(steps) > 0:
                print(f"{session.go(int(steps)):.9f}", file=answer)
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
    arguments = parser.parse_args()
    answer = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    limit_threads(arguments.threads)
    try:
        serve(arguments.name, arguments.batch, arguments.threads, answer)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        print("error:", reason, file=answer)
        raise


if __name__ == "__main__":
    main()
