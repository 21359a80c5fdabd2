#!/bin/sh
# One comment for each stack, replaced at each run: found by the mark in its first line. comment.sh OWNER/REPOSITORY NUMBER FILE
set -eu
repository=$1 number=$2 file=$3
mark=$(head -n 1 "$file")
case $mark in '<!-- straddle:sticky '*) ;; *) echo "$file is no comment of straddle's" >&2; exit 1 ;; esac
id=$(gh api --paginate "repos/$repository/issues/$number/comments" --jq ".[] | select(.body | startswith($(printf '%s' "$mark" | sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$/"/'))) | .id" | head -n 1)
if [ -n "$id" ]; then
    exec gh api --method PATCH "repos/$repository/issues/comments/$id" --field body=@"$file" --silent
fi
exec gh api --method POST "repos/$repository/issues/$number/comments" --field body=@"$file" --silent
