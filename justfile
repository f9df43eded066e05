# What CI runs: tests, formatting, clippy, docs, licences, advisories, other targets, the main command, the guide.
check:
    bash .ci/run

# Kernel benchmarks: GFLOP/s of each layer in each direction.
bench:
    cargo bench --locked -p elbo-kernels-bench

# One training step here and in the frameworks, alternating; prints the README's table. Sets up bench/peers/.venv.
peers *OPTIONS:
    test -d bench/peers/.venv || bench/peers/setup.sh
    python3 bench/peers/run.py {{OPTIONS}}

# How long the fast recipe takes to the published run's last loss, over five seeds, beside one run of the reference
# recipe: twenty minutes to half an hour on two cores. Prints the README's table and draws its figure.
recipe:
    for seed in 1 2 3 4 5; do cargo run --release --locked -- train --quiet --seed $seed --out runs/fast-$seed; done
    test -d runs/seed1 || cargo run --release --locked -- train --quiet --recipe reference --seed 1 --out runs/seed1
    cargo run --release --locked -p elbo-bench --bin time_to_loss -- docs/images/seconds 18.5081 runs/fast-? runs/seed1

# The figures of the README, from a run of the reference recipe: seven minutes to a quarter of an hour on two cores.
readme-figures:
    cargo run --release --locked -- train --recipe reference --seed 1 --out runs/seed1
    cargo run --release --locked -p elbo-bench --bin compare_published -- docs/images/published runs/seed1
    cp runs/seed1/figures/reconstruction.png runs/seed1/figures/samples.png runs/seed1/figures/latent-space.png docs/images/

# What would break programs that use the libraries, against a commit, a tag or a branch. Needs `cargo install --locked
# cargo-semver-checks`.
semver BASE='HEAD~1':
    cargo semver-checks --baseline-rev {{BASE}}
