#!/usr/bin/env bash
# Runs the first fifty steps of the shipped default's training anew and compares the losses with its log, models/training/tiny-log.jsonl.
# Needs what docs/training.md names under "What it needs", and a built GuardSharp.Lab. Usage: eng/first-losses.sh [CONFIG]
set -euo pipefail
cd "$(dirname "$0")/.."
config=${1:-models/training/tiny-text-start.json}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The weights to go on from, and our own rows as they were at that time.
commit=$(sed -n 's/.*"rowsOf": *"\([0-9a-f]*\)".*/\1/p' models/training/tiny-log.jsonl | head -1)
mkdir -p "$folder/start"
git archive 7a846a1 models/guardsharp-tiny | tar -x -C "$folder/start"
git show "$commit:models/training/written-train.jsonl" > "$folder/written-train.jsonl"
git show "$commit:models/training/written-dev.jsonl" > "$folder/written-dev.jsonl"
sed -e "s#\"runs/start/#\"$folder/start/#; s#\"runs/tiny-text\"#\"$folder/run\"#; s#\"models/training/written-#\"$folder/written-#g" "$config" > "$folder/config.json"
# Vectors of the sentence encoder that an earlier run left behind save minutes. Computed anew they differ in the last digits: losses then by 0.0017 at most,
# with the same vectors by 0 (measured, fifty steps).
if [ -e runs/cache/use-lite.vectors ]; then mkdir -p "$folder/cache"; cp runs/cache/use-lite.vectors "$folder/cache/"; fi

src/GuardSharp.Lab/bin/Release/net10.0/guardsharp-lab train --config "$folder/config.json" --steps 50
compare() { sed -n 's/.*"step":\([0-9]*\),"loss":\([0-9.e-]*\).*/\1 \2/p' "$1"; }
paste -d ' ' <(compare models/training/tiny-log.jsonl) <(compare "$folder/run/metrics.jsonl") | awk '
  { steps++; distance = $2 - $4; if (distance < 0) distance = -distance; if (distance > largest) largest = distance; if ($1 != $3) missing = 1 }
  END { printf "%d losses, largest difference %.2g\n", steps, largest; exit !(steps == 50 && !missing && largest < 0.005) }'
