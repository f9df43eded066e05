"""Writes expected.json: the float64 losses that every peer must reproduce before it is timed.

    python expected.py                # batches 64 and 512
    python expected.py --batch 128    # adds another batch

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

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "crates/elbo/tests/golden"))

import make_golden as golden
import torch


def losses(batch: int) -> list[float]:
    """Losses of the first check steps on the first minibatch."""
    case = golden.Case("reference", 28, 28, 1, workload.WIDTHS, workload.LATENT_DIM, batch, generated=True)
    params = {k: v.astype(np.float64) for k, v in workload.parameters().items()}
    assert {k: v.shape for k, v in params.items()} == case.shapes()
    noise = np.stack([workload.check_noise(step, batch).astype(np.float64) for step in range(golden.STEPS)])
    inputs = golden.Inputs(0, params, workload.images_u8(0, batch), noise)
    result = golden.run_torch(case, inputs, torch.float64, workload.CHECK_STEPS).step_loss.tolist()
    (first, _), _ = golden.jax_value_and_grad(case)(params, inputs.images / 255.0, noise[0])
    assert abs(float(first) / result[0] - 1) < 1e-12, (float(first), result[0])
    return result


def main() -> None:
    """Add the asked-for batches to the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 512])
    table = json.loads(workload.EXPECTED.read_text()) if workload.EXPECTED.exists() else {}
    for batch in parser.parse_args().batch:
        table[str(batch)] = losses(batch)
        print(batch, table[str(batch)])
    workload.EXPECTED.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
