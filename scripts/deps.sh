#!/bin/sh
# Fetches what the repository cannot carry into .deps/: MovieLens-100K (research use, no redistribution) and the ONNX
# Runtime library. Everything is checked by sha256 and left alone when present and right. What cannot be had is said and
# marked by a file `<name>.missing` that holds the reason; the exit status stays 0, because the demo then runs on
# synthetic data, and the nodes without that engine.
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
deps="$root/.deps"
mkdir -p "$deps" || exit 1
work=$(mktemp -d "$deps/fetch.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

say() { printf 'deps: %s\n' "$*"; }

sum_of() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d' ' -f1
    else
        shasum -a 256 "$1" | cut -d' ' -f1
    fi
}

# right FILE SHA256
right() { [ -f "$1" ] && [ "$(sum_of "$1")" = "$2" ]; }

# missing NAME REASON: remembers why, for the demo to repeat.
missing() {
    printf '%s\n' "$2" >"$deps/$1.missing"
    say "$1: not available: $2"
}

python=$(command -v python3 || command -v python || true)
if [ -n "$python" ] && "$python" -m pip --version >/dev/null 2>&1; then
    pip="$python -m pip"
elif command -v pip3 >/dev/null 2>&1; then
    pip=pip3
else
    pip=""
fi

# wheel NAME REQUIREMENT [pip options]: downloads one wheel into its own folder and prints its path.
wheel() {
    folder="$work/$1"
    requirement=$2
    shift 2
    mkdir -p "$folder"
    # shellcheck disable=SC2086 # $pip may be `python -m pip`
    $pip download --quiet --disable-pip-version-check --no-deps --dest "$folder" "$@" "$requirement" \
        >"$work/pip.log" 2>&1 || return 1
    for found in "$folder"/*.whl; do
        [ -f "$found" ] && printf '%s\n' "$found" && return 0
    done
    return 1
}

# member WHEEL PATH TO: takes one file out of a wheel.
member() {
    "$python" - "$1" "$2" "$3" <<'PYTHON'
import shutil, sys, zipfile

wheel, path, to = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, archive.open(path) as source, open(to, "wb") as target:
    shutil.copyfileobj(source, target)
PYTHON
}

# place WHEEL PATH TO SHA256: moves a file into place once its sum is right, so that a half-written one is never seen.
place() {
    member "$1" "$2" "$work/member" 2>"$work/pip.log" || return 1
    if ! right "$work/member" "$4"; then
        printf 'sha256 of %s is %s, expected %s\n' "$2" "$(sum_of "$work/member")" "$4" >"$work/pip.log"
        return 1
    fi
    mv "$work/member" "$3"
}

reason() { tail -n 1 "$work/pip.log" 2>/dev/null | cut -c1-200; }

inter=4edb74e2a81178c2ba9ff381495f754f996c4aea351b1272ca36b43da0935eff
item=51d7cdf777ce5c0f5b32c1d947a4a81fe07d75e78abbe761e0cd4d0756064532
user=4f670007d9cfbeb9807e757209af1555b9bcc186bde25e767f67cb67c6dd5972

movielens() {
    to="$deps/ml-100k"
    if right "$to/ml-100k.inter" $inter && right "$to/ml-100k.item" $item && right "$to/ml-100k.user" $user; then
        rm -f "$deps/ml-100k.missing"
        say "ml-100k: present"
        return
    fi
    [ -n "$pip" ] || { missing ml-100k "needs python3 with pip"; return; }
    say "ml-100k: fetching (MovieLens-100K, 2 MB; research use, no redistribution)"
    found=$(wheel ml-100k recbole==1.2.1) || { missing ml-100k "pip download failed: $(reason)"; return; }
    mkdir -p "$to"
    for part in "inter $inter" "item $item" "user $user"; do
        name="ml-100k.${part% *}"
        place "$found" "recbole/dataset_example/ml-100k/$name" "$to/$name" "${part#* }" \
            || { missing ml-100k "$(reason)"; return; }
    done
    rm -f "$deps/ml-100k.missing"
    say "ml-100k: ready in .deps/ml-100k"
}

library=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3

onnxruntime() {
    to="$deps/onnxruntime"
    name=libonnxruntime.so.1.31.1
    if right "$to/$name" $library && [ -e "$to/libonnxruntime.so" ]; then
        rm -f "$deps/onnxruntime.missing"
        say "onnxruntime: present"
        return
    fi
    machine="$(uname -s) $(uname -m)"
    [ "$machine" = "Linux x86_64" ] || { missing onnxruntime "no checked library for $machine"; return; }
    [ -n "$pip" ] || { missing onnxruntime "needs python3 with pip"; return; }
    say "onnxruntime: fetching (1.31.1, 24 MB)"
    # The library inside is the same for every Python; a pinned tag makes the download independent of the one here.
    found=$(wheel onnxruntime onnxruntime==1.31.1 --only-binary=:all: --platform manylinux_2_28_x86_64 \
        --implementation cp --python-version 3.11) \
        || { missing onnxruntime "pip download failed: $(reason)"; return; }
    mkdir -p "$to"
    place "$found" "onnxruntime/capi/$name" "$to/$name" $library || { missing onnxruntime "$(reason)"; return; }
    ln -sf "$name" "$to/libonnxruntime.so"
    rm -f "$deps/onnxruntime.missing"
    say "onnxruntime: ready in .deps/onnxruntime"
}

movielens
onnxruntime
exit 0
