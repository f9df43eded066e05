#!/usr/bin/env bash
# What a card makes of the kernels: whether they are right, and how fast. For a machine with one NVIDIA card that has neither
# network nor Rust: carry the working tree with target/release/card, made by `cargo build --release -p elbo-bench --bin card`.
# PyTorch and compute-sanitizer are used where they are. Tables go to standard output, logs to $OUT.
set -u
cd "$(dirname "$0")/../.."
OUT=${OUT:-$(mktemp -d)}
card=target/release/card
nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader
echo "== against the definition in f64"
time $card check
echo "== microseconds of kernels"
$card times >"$OUT/times.txt"
grep ": step" "$OUT/times.txt"
echo "== steps with their data"
$card steps
for tool in memcheck racecheck initcheck; do
    echo "== $tool"
    timeout 60 compute-sanitizer --tool $tool $card bits 2>&1 | tail -n 1
done
echo "== PyTorch"
timeout 120 python3 bench/gpu/torch_step.py "${SHAPES:-28x28x1}" 2>"$OUT/torch.err" | tee "$OUT/torch.txt"
