# Everything a newcomer needs is `make run` and `make test`; the rest is for daily work.
.PHONY: run setup test lint bench eval run-transformer test-transformer

run: setup
	target/release/madoguchi kb lint
	target/release/madoguchi serve --cases eval/cases

setup:
	scripts/setup.sh
	cargo build --release

test:
	scripts/setup.sh --test
	cargo test

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# The transformer tier (docs/operations.md): its own target folder, so that the default build stays as it is.
run-transformer:
	scripts/setup.sh --transformer
	CARGO_TARGET_DIR=target/transformer cargo build --release --features transformer
	target/transformer/release/madoguchi kb lint
	target/transformer/release/madoguchi serve --cases eval/cases

test-transformer:
	scripts/setup.sh --test --transformer
	CARGO_TARGET_DIR=target/transformer cargo test --features transformer --lib -- embed answer config
	CARGO_TARGET_DIR=target/transformer cargo test --features transformer --test it -- transformer models layers

bench: setup
	cargo bench

eval: setup
	target/release/madoguchi eval answers --kb kb --cases eval/cases
