#!/bin/sh
# In the merge queue and on the merge: exactly what was reviewed, or nothing. merge.sh STACK [check]
set -eu
stack=$1
out=${STRADDLE_OUT:-straddle-out}
out=$(cd "$out" && pwd)
straddle -chdir="$stack" init -input=false
straddle -chdir="$stack" plan -input=false -compare="$out/reviewed.plan" -out="$out/merged.plan"
[ "${2:-apply}" = check ] || exec straddle -chdir="$stack" apply -input=false -lock-timeout=10m "$out/merged.plan"
