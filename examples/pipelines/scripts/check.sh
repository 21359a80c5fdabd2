#!/bin/sh
# Before a merge: what does this change cause? check.sh STACK BASE [NAME=RULE...]: who has approved of which removed or weakened rule
set -eu
stack=$1 base=$2
shift 2
out=${STRADDLE_OUT:-straddle-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
approved=
for word in "$@"; do approved="$approved -approved-by=$word"; done
straddle -chdir="$stack" init -input=false
# shellcheck disable=SC2086 # names of rules hold no spaces
exec straddle -chdir="$stack" drift -base="$base" -fail-on=new $approved \
    -out json="$out/drift.json" -out sarif="$out/drift.sarif" -out junit="$out/drift.xml" -out gitlab="$out/code-quality.json" \
    -out markdown="$out/comment.md" -out html="$out/drift.html"
