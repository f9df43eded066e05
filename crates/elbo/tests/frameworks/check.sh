#!/usr/bin/env bash
# What is exported computes elsewhere what it should: every golden network in ONNX Runtime, in Keras (on JAX), in PyTorch where
# that is installed, and as arrays of NumPy.
#
# Takes packages from PyPI (requirements.txt) into ELBO_FRAMEWORKS_VENV, by default outside the checkout. PyTorch has several
# gigabytes and is not installed: ELBO_TORCH_PYTHON may name a Python that has torch, numpy and safetensors. Exits with 75 where
# the packages or Python cannot be had.
set -euo pipefail
cd "$(dirname "$0")/../../../.."
here=crates/elbo/tests/frameworks
venv=${ELBO_FRAMEWORKS_VENV:-${TMPDIR:-/tmp}/elbo-frameworks-venv}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

left_out() { echo "left out: $*"; exit 75; }

has_all() { "$venv/bin/python" -c 'import jax, keras, numpy, onnx, onnxruntime, safetensors' >/dev/null 2>&1; }
export KERAS_BACKEND=jax
if ! has_all; then
    python3 -m venv "$venv" >"$scratch/log" 2>&1 || left_out "python3 makes no environment: $(tail -n 1 "$scratch/log")"
    timeout 600 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r $here/requirements.txt \
        >"$scratch/log" 2>&1 || left_out "pip cannot have ONNX Runtime and Keras: $(tail -n 1 "$scratch/log")"
    has_all || { echo "$venv lacks what $here/requirements.txt should bring" >&2; exit 1; }
fi

ELBO_EXPORTS=$scratch/exports cargo test --locked --quiet --package elbo --test library -- \
    --ignored --exact exchange::write_golden_networks >/dev/null
for framework in numpy onnx keras; do
    "$venv/bin/python" $here/compare.py "$scratch/exports" $framework
done
torch=${ELBO_TORCH_PYTHON:-$venv/bin/python}
if "$torch" -c 'import torch' >/dev/null 2>&1; then
    "$torch" $here/compare.py "$scratch/exports" pytorch
else
    echo "pytorch: left out, since it is not installed"
fi
