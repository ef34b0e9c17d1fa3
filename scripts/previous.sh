#!/usr/bin/env bash
# The build before this one, for a rolling upgrade: builds the commit named below once, keeps its binary in the cache
# folder and prints where it is. Prints nothing where the history does not reach back to it.
set -euo pipefail
cd "$(dirname "$0")/.."
# The newest commit that clusters may be running when this one comes.
commit=ac3a65ba
cache="${XDG_CACHE_HOME:-$HOME/.cache}/troupe"
# Its own: cargo takes two checkouts of one workspace for the same, and their files by age.
export CARGO_TARGET_DIR="$cache/previous/target"
home="$cache/previous/$commit"
if [ ! -x "$home/troupe" ]; then
    if ! git cat-file -e "$commit^{commit}" 2>/dev/null; then
        echo "no upgrade from the build before: this clone's history does not reach back to $commit" >&2
        exit 0
    fi
    echo "building $commit, the build before this one" >&2
    rm -rf "$home/source"
    mkdir -p "$home/source"
    git archive "$commit" | tar -x -C "$home/source"
    (cd "$home/source" && cargo build --quiet --locked -p troupe-node) >&2
    cp "$CARGO_TARGET_DIR/debug/troupe" "$home/draft"
    mv "$home/draft" "$home/troupe"
    rm -rf "$home/source"
fi
echo "$home/troupe"
