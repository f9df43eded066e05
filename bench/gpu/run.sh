#!/usr/bin/env bash
# What a card makes of the kernels: whether they are right, and how fast. For a machine with one NVIDIA card that has neither
# network nor Rust: carry the working tree with target/release/card and target/release/elbo.
# PyTorch and compute-sanitizer are used where they are. Tables go to standard output, logs to $OUT.
set -u
cd "$(dirname "$0")/../.."
OUT=${OUT:-$(mktemp -d)}
card=target/release/card elbo=target/release/elbo
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
echo "== the fast recipe on MNIST, five seeds"
for precision in f32 tf32; do
    for seed in 1 2 3 4 5; do
        $elbo train --device cuda --precision $precision --seed $seed --out "$OUT/$precision-$seed" --quiet
    done
done
echo "== the published loss, 18.5081: epochs and seconds until it is reached"
for seed in 1 2 3 4 5; do
    awk -F, -v seed=$seed 'NR > 1 { seconds += $7 } NR > 1 && $4 <= 18.5081 { print "seed", seed, "epoch", $1, seconds, "s"; exit }' \
        "$OUT/tf32-$seed/metrics.csv"
done
echo "== PyTorch"
timeout 120 python3 bench/gpu/torch_step.py "${SHAPES:-28x28x1}" 2>"$OUT/torch.err" | tee "$OUT/torch.txt"
