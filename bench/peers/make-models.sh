#!/usr/bin/env bash
# The models that both sides read: Llama Guard 3 1B's shape with random weights, and GGUF files of it by our exporter
# (bf16 and q4_k_m by llama-quantize, which has forms that we do not write), and the folders of quantize. 14 GB.
#
#   bench/peers/make-models.sh FOLDER FOLDER_OF_LLAMA_QUANTIZE
set -euo pipefail
: "${2:?usage: bench/peers/make-models.sh FOLDER FOLDER_OF_LLAMA_QUANTIZE}"
models=$(realpath -m "$1") quantize=$(realpath "$2/llama-quantize")
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

guardsharp() { dotnet run -c Release --project src/GuardSharp.Cli -- "$@"; }

mkdir -p "$models"
[[ -d $models/1b ]] || guardsharp model synthesize guard-3-1b --output "$models/1b"
for type in f16 q8_0 q4_0; do
    [[ -f $models/$type.gguf ]] || guardsharp model export --model "$models/1b" --type "$type" --output "$models/$type.gguf"
done

# Folders in our own packing: as quantize writes them, and with the bits of Q4_0 (every layer four, blocks of 32, the head eight).
[[ -d $models/1b-int8 ]] || guardsharp quantize --model "$models/1b" --output "$models/1b-int8" --scheme int8
[[ -d $models/1b-int4 ]] || guardsharp quantize --model "$models/1b" --output "$models/1b-int4" --scheme int4
[[ -d $models/1b-int4-even ]] || guardsharp quantize --model "$models/1b" --output "$models/1b-int4-even" --scheme published --group 32 --activations block

for type in bf16 q4_k_m; do
    [[ -f $models/$type.gguf ]] || "$quantize" "$models/f16.gguf" "$models/$type.gguf" "${type^^}"
done
