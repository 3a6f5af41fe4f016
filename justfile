# What one can do here. `just` alone lists it.
_list:
    @just --list

# Make and verify a package of the example client
try:
    ./x try

# A whole cluster on this machine, and what to tell the shell
up:
    ./x cluster up

# Its end
down:
    ./x cluster down

# Every test
test *ARGS:
    ./x test {{ARGS}}

# What the gate runs
ci:
    .ci/run

# Form and lints
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- --deny warnings

# Whole processes against today's scripts, as ratios (CONSIGN_BASELINE names their directory)
bench:
    cargo bench --package consign --bench whole

# Deploys of 500 objects beside kapp, kubectl and Helm: times, requests, memory
bench-deploy:
    cargo bench --package consign --bench deploy

# A thousand runs with faults at random between them and the API server
bench-faults:
    CONSIGN_FAULT_ROUNDS=1000 cargo test --release --package consign --test cluster -- d9_random_ --nocapture

# Eight writers of one version, a thousand rounds
bench-race:
    CONSIGN_RACE_ROUNDS=1000 cargo test --release --package consign --test faults -- g6_ --nocapture
