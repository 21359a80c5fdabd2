#!/bin/sh
# On a schedule: drift is noticed before users notice it. watch.sh STACK
set -eu
stack=$1
out=${STRADDLE_OUT:-straddle-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
straddle -chdir="$stack" init -input=false
exec straddle -chdir="$stack" drift -out json="$out/drift.json" -out junit="$out/drift.xml" -out markdown="$out/comment.md" \
    -out html="$out/drift.html"
