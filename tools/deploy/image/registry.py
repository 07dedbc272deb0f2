"""A container registry of one base image, made of a folder, on loopback: what `dotnet publish` pulls where there is no network."""

import gzip
import hashlib
import http.server
import json
import pathlib
import tarfile
import threading

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest(data):
    """As registries name what they hold."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def image_of(folder, work):
    """Packs a root folder as an image of one layer: its blobs and its manifest."""
    plain, packed = pathlib.Path(work, "base.tar"), pathlib.Path(work, "base.tar.gz")
    with tarfile.open(plain, "w") as archive:
        archive.add(folder, arcname=".", filter=lambda entry: None if entry.isdev() else entry)
    unpacked = hashlib.sha256()
    with open(plain, "rb") as source, gzip.open(packed, "wb", compresslevel=1) as target:
        while part := source.read(1 << 20):
            unpacked.update(part)
            target.write(part)
    plain.unlink()
    layer = packed.read_bytes()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/usr/bin:/bin"], "User": "root"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + unpacked.hexdigest()]}, "history": [{"created_by": "a folder"}],
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(config), "digest": digest(config)},
        "layers": [{"mediaType": LAYER, "size": len(layer), "digest": digest(layer)}],
    }).encode()
    return {digest(config): config, digest(layer): layer}, manifest


def serve(folder, work):
    """Serves the image of a folder as `base`, whatever tag is asked for.

    Returns: the server (the caller shuts it down) and its address, as image names begin.
    """
    blobs, manifest = image_of(folder, work)

    class Handler(http.server.BaseHTTPRequestHandler):
        """Answers GET and HEAD."""

        protocol_version = "HTTP/1.1"

        def do_GET(self):  # pylint: disable=invalid-name
            """Manifests and blobs; anything else is the check whether this is a registry."""
            kind, name = self.path.split("/")[-2:]
            if kind == "blobs" and name not in blobs:
                self.send_error(404)
                return
            body = manifest if kind == "manifests" else blobs[name] if kind == "blobs" else b"{}"
            self.send_response(200)
            self.send_header("Content-Type", MANIFEST if kind == "manifests" else "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Content-Digest", digest(body))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, format, *args):  # pylint: disable=redefined-builtin
            """Says nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"localhost:{server.server_address[1]}"
