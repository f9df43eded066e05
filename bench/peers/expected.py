"""Writes expected.json: the float64 losses that every peer must reproduce before it is timed.

    python expected.py                                   # every network at its own batch
    python expected.py --shape 28x28x1 --batch 64 128    # adds other batches of one network

They come from the network of the golden tests, run in PyTorch float64 and, for the first step, in JAX. Beside
requirements.txt it needs that of the golden tests.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import workload
from networks import NETWORKS, Network

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "crates/elbo/tests/golden"))

import make_golden as golden
import torch


def losses(network: Network, batch: int) -> list[float]:
    """Losses of the first check steps on the first minibatch."""
    side, channels = network.side, network.channels
    case = golden.Case(network.name, side, side, channels, network.widths, network.latent_dim, batch, generated=True)
    params = {k: v.astype(np.float64) for k, v in workload.parameters(network).items()}
    assert {k: v.shape for k, v in params.items()} == case.shapes()
    noise = np.stack([workload.noise(network, i, batch).astype(np.float64) for i in range(workload.CHECK_STEPS)])
    inputs = golden.Inputs(0, params, workload.images_u8(network, 0, batch), noise)
    result = golden.run_torch(case, inputs, torch.float64, workload.CHECK_STEPS).step_loss.tolist()
    (first, _), _ = golden.jax_value_and_grad(case)(params, inputs.images / 255.0, noise[0])
    assert abs(float(first) / result[0] - 1) < 1e-12, (float(first), result[0])
    return result


def main() -> None:
    """Add the asked-for batches to the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=NETWORKS, nargs="+", default=list(NETWORKS))
    parser.add_argument("--batch", type=int, nargs="+", help="that of the network if not given")
    arguments = parser.parse_args()
    table = json.loads(workload.EXPECTED.read_text()) if workload.EXPECTED.exists() else {}
    for network in map(NETWORKS.get, arguments.shape):
        for batch in arguments.batch or [network.batch]:
            table.setdefault(network.name, {})[str(batch)] = losses(network, batch)
            print(network.name, batch, table[network.name][str(batch)])
    workload.EXPECTED.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
