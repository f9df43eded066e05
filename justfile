# What CI runs: tests, formatting, clippy, docs, licences, the main command.
check:
    bash .ci/run

# Kernel benchmarks: GFLOP/s of each layer in each direction.
bench:
    cargo bench -p elbo-kernels-bench

# One training step here and in the frameworks, alternating; prints the README's table. Sets up bench/peers/.venv.
peers *OPTIONS:
    test -d bench/peers/.venv || bench/peers/setup.sh
    python3 bench/peers/run.py {{OPTIONS}}

# The figures of the README, from two runs of the reference recipe: about an hour on two cores.
readme-figures:
    cargo run --release -- train --seed 1 --out runs/seed1
    cargo run --release -- train --seed 2 --out runs/seed2
    cargo run --release --example compare_published -- docs/images/published runs/seed1 runs/seed2
    cp runs/seed1/figures/reconstruction.png runs/seed1/figures/samples.png runs/seed1/figures/latent-space.png docs/images/
