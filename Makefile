# Everything a newcomer needs is `make run` and `make test`; the rest is for daily work.
.PHONY: run setup test lint doc bench eval

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

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

bench: setup
	cargo bench

eval: setup
	target/release/madoguchi eval answers --kb kb --cases eval/cases
