#!/usr/bin/env bash
# Builds llama.cpp for this processor from the source bundle inside the npm package node-llama-cpp (MIT, as llama.cpp itself).
# Needs npm, git, cmake, ninja and a C++ compiler; about ten minutes on two cores. Prints the folder of llama-bench, llama-server and llama-quantize.
#
#   bench/peers/build-llama.sh FOLDER
set -euo pipefail
: "${1:?usage: bench/peers/build-llama.sh FOLDER}"
readonly version=3.22.1   # the package whose bundle holds llama.cpp v0.5.0

mkdir -p "$1"
cd "$1"
[[ -d package ]] || { npm pack --silent "node-llama-cpp@$version" >&2; tar -xzf "node-llama-cpp-$version.tgz"; }
if [[ ! -d llama.cpp ]]; then
    git init -q llama.cpp
    git -C llama.cpp fetch -q "$PWD/package/llama/gitRelease.bundle" HEAD
    git -C llama.cpp checkout -q FETCH_HEAD
fi

# GGML_NATIVE is the default: everything this processor has.
cmake -S llama.cpp -B llama.cpp/build -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_MTMD=OFF -DLLAMA_BUILD_UI=OFF -DLLAMA_OPENSSL=OFF >&2
cmake --build llama.cpp/build --target llama-bench llama-server llama-quantize >&2
echo "$PWD/llama.cpp/build/bin"
