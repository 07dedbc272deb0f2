#!/usr/bin/env bash
# Asks a DiffeoNN.Onnx server about an image by curl: infer.sh http://localhost:8080 shapes image.png [STEPS]
# The image goes behind the JSON as it is, with its length in 4 bytes before it; the answer, the bundle's usual outputs, comes in JSON.
# DIFFEONN_KEY is the key, where the server wants one.
set -euo pipefail
[ $# -ge 3 ] || { echo "infer.sh SERVER MODEL IMAGE [STEPS]" >&2; exit 2; }
server=${1%/} model=$2 image=$3 steps=${4:-}
[ -f "$image" ] && [ -r "$image" ] || { echo "$image: there is no such file, or it cannot be read" >&2; exit 1; }
size=$(($(wc -c <"$image")))
head='{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"parameters":{"binary_data_size":'$((size + 4))'}}]'
head+=${steps:+',"parameters":{"steps":'$steps'}'}'}'
length=$(printf %08x "$size")   # The bytes of a number, the smallest first.
{ printf %s "$head"; printf "\\x${length:6:2}\\x${length:4:2}\\x${length:2:2}\\x${length:0:2}"; cat "$image"; } |
    curl --silent --show-error --fail-with-body --retry 5 --data-binary @- \
        -H "Inference-Header-Content-Length: ${#head}" -H 'Content-Type: application/octet-stream' \
        ${DIFFEONN_KEY:+-H "Authorization: Bearer $DIFFEONN_KEY"} "$server/v2/models/$model/infer"
echo
