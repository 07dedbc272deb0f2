#!/usr/bin/env bash
# pages.sh FOLDER: the pages of this repository's bundles, which compute in the browser, and an index of them.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
target=${1:?usage: pages.sh FOLDER}
read -ra diffeonn <<< "${DIFFEONN:-dotnet run -c Release --project $root/src/DiffeoNN.Onnx.Cli --}"
runtime=${DIFFEONN_NODE_MODULES:-$root/tools/export-examples/node_modules}/onnxruntime-web
mkdir -p "$target"
rows=
for bundle in lungs shapes genus; do
  "${diffeonn[@]}" export --model "$root/models/$bundle" --web "$target/$bundle" --runtime "$runtime"
  rows+="  <li><a href=\"$bundle/\">$bundle</a></li>"$'\n'
done
cat > "$target/index.html" <<HTML
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>DiffeoNN in the browser</title>
<link rel="stylesheet" href="lungs/page.css">
</head>
<body>
<main>
<h1>DiffeoNN in the browser</h1>
<p>Networks made equivariant to deformations, each one ONNX file that this browser runs.</p>
<ul>
$rows</ul>
</main>
</body>
</html>
HTML
echo "Serve $target from any web server, for example: python3 -m http.server --directory $target"
