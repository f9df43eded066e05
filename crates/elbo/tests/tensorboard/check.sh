#!/usr/bin/env bash
# TensorBoard's own reader reads what a run writes for it, one that was stopped and went on included:
#
#     crates/elbo/tests/tensorboard/check.sh target/release/elbo
#
# Takes TensorBoard from PyPI into ELBO_TENSORBOARD_VENV, by default outside the checkout. Exits with 75, and a line that says
# why, where it or Python cannot be had.
set -euo pipefail
elbo=$(realpath "$1")
cd "$(dirname "$0")"
venv=${ELBO_TENSORBOARD_VENV:-${TMPDIR:-/tmp}/elbo-tensorboard-venv}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

left_out() { echo "left out: $*"; exit 75; }

has_it() { "$venv/bin/python" -c 'import tensorboard.backend.event_processing.event_accumulator' 2>"$scratch/log"; }
if ! has_it; then
    python3 -m venv "$venv" >"$scratch/log" 2>&1 || left_out "python3 makes no environment: $(tail -n 1 "$scratch/log")"
    timeout 300 "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'tensorboard==2.20.0' 'setuptools<81' \
        >"$scratch/log" 2>&1 || left_out "pip cannot have TensorBoard: $(tail -n 1 "$scratch/log")"
    if ! has_it; then
        cat "$scratch/log" >&2
        exit 1
    fi
fi

# Ninety-six images of 8 x 8: an array of bytes.
{
    printf '\x93NUMPY\x01\x00\x76\x00%-117s\n' "{'descr': '|u1', 'fortran_order': False, 'shape': (96, 8, 8), }"
    for number in {0..95}; do
        for pixel in {0..63}; do printf "\\x$(printf %02x $(((pixel * number * 7 + number) % 256)))"; done
    done
} >"$scratch/images.npy"
cd "$scratch"
settings=(images.npy --recipe reference --widths 4 --latent-dim 3 --batch-size 16 --epochs 4 --validation 0.2 --device cpu)
"$elbo" train "${settings[@]}" --out run --tensorboard logs --stop-after 2 --no-figures --quiet
# An epoch that is lost with the process has been told already: it is cut off when the run goes on, and so is half a record.
cp -r run kept
"$elbo" train --resume run --tensorboard logs --stop-after 3 --no-figures --quiet
rm -r run
mv kept run
head -c 100 logs/run/events.out.tfevents.elbo >>logs/run/events.out.tfevents.elbo
"$elbo" train --resume run --tensorboard logs --no-figures --quiet
"$venv/bin/python" "$OLDPWD/read.py" logs run
