# What CI runs; see .ci/run.
check: test lint docs licences

# All tests.
test:
    cargo test

# Formatting and clippy, warnings as errors.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings

# Documentation with every link followed.
docs:
    RUSTDOCFLAGS="--deny warnings" cargo doc --workspace --no-deps

# Licences and sources of all dependencies. Needs cargo-deny.
licences:
    cargo deny check licenses bans sources

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
    cp runs/seed1/figures/*.png docs/images/
