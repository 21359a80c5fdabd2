#!/bin/sh
# Of a pull request: the plan that is reviewed. plan.sh STACK
set -eu
stack=$1
out=${STRADDLE_OUT:-straddle-out}
mkdir -p "$out"
out=$(cd "$out" && pwd)
straddle -chdir="$stack" init -input=false
exec straddle -chdir="$stack" plan -input=false -out="$out/reviewed.plan" -html="$out/plan.html"
