"""HTTP: requests as clients of Triton and KServe send them; every body by the protocol's schemas."""
import concurrent.futures
import gzip
import http.client
import json
import pathlib
import socket
import time
import urllib.parse
import zlib

import jsonschema

import material
from check import SPACED

SCHEMAS = json.loads((pathlib.Path(__file__).parent / "schemas.json").read_text(encoding="utf-8"))
LENGTH = "Inference-Header-Content-Length"


class Client:
    """One connection, which is kept for everything."""

    def __init__(self, checks, address):
        self.checks, self.address = checks, address
        self.connection = http.client.HTTPConnection(address, timeout=60)
        self.opened = 0
        self.connection.connect()
        self.socket = self.connection.sock

    def send(self, method, path, body=None, headers=None):
        """Status, headers, and the body's bytes."""
        self.connection.request(method, path, body, headers or {})
        answer = self.connection.getresponse()
        data = answer.read()
        self.checks.that(f"{method} {path}: keeps the connection", self.connection.sock is self.socket and answer.status > 0)
        self.socket = self.connection.sock
        return answer.status, answer.headers, data

    def body(self, name, data, schema):
        """The body as JSON, checked by a schema."""
        try:
            found = json.loads(data)
            jsonschema.Draft202012Validator({"$ref": f"#/$defs/{schema}", "$defs": SCHEMAS["$defs"]}).validate(found)
        except (ValueError, jsonschema.ValidationError) as error:
            self.checks.that(f"{name}: is a body '{schema}'", False, f"{error}".split("\n", maxsplit=1)[0] + f" in {data[:200]}")
            raise
        self.checks.that(name, True)
        return found

    def get(self, path, schema, status=200):
        """A body by a schema."""
        found, headers, data = self.send("GET", path)
        self.checks.equal(f"GET {path}: status", found, status)
        self.checks.that(f"GET {path}: is JSON", headers["Content-Type"].startswith("application/json"), headers["Content-Type"])
        return self.body(f"GET {path}", data, schema if found == 200 else "error")

    def post(self, path, body, schema, status=200, headers=None):
        """A body by a schema."""
        body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        found, _, data = self.send("POST", path, body, headers)
        self.checks.equal(f"POST {path} {body[:80]!r}: status ({data[:160]!r})", found, status)
        return self.body(f"POST {path} {body[:80]!r}", data, schema if found == 200 else "error")

    def infer(self, model, request, binary=b"", status=200, headers=None, version=None, encode=None):
        """An inference: the response's JSON, and elements of outputs by their names."""
        path = f"/v2/models/{urllib.parse.quote(model)}{f'/versions/{version}' if version else ''}/infer"
        head = json.dumps(request).encode()
        headers = dict(headers or {})
        if binary:
            headers[LENGTH] = str(len(head))
        data = head + binary
        if encode:
            data = {"gzip": gzip.compress, "deflate": zlib.compress}[encode](data)
            headers["Content-Encoding"] = encode
        name = f"infer {model} {head[:100]!r}"
        found, got, body = self.send("POST", path, data, headers)
        self.checks.equal(f"{name}: status ({body[:200]!r})", found, status)
        if found != 200:
            return self.body(name, body, "error"), {}
        length = int(got[LENGTH]) if LENGTH in got else len(body)
        response = self.body(name, body[:length], "infer")
        outputs, rest = {}, body[length:]
        for output in response["outputs"]:
            if "data" in output:
                outputs[output["name"]] = output["data"]
                continue
            size = output["parameters"]["binary_data_size"]
            outputs[output["name"]], rest = material.unraw(output["datatype"], rest[:size]), rest[size:]
        for output in response["outputs"]:
            # Shortest decimals of a narrow type are the nearest of it, and not of Python's own.
            if output["datatype"] in ("FP16", "FP32") and "data" in output:
                kind = output["datatype"]
                outputs[output["name"]] = material.unraw(kind, material.raw(kind, outputs[output["name"]]))
        self.checks.equal(f"{name}: nothing is left over", rest, b"")
        self.checks.equal(f"{name}: binary outputs have the header", LENGTH in got, length < len(body))
        return response, outputs


def run(checks, server, admin):
    """All of it."""
    client = Client(checks, server.http)
    deadline = time.monotonic() + 120
    while client.send("GET", "/v2/health/ready")[0] != 200:
        if time.monotonic() > deadline:
            raise TimeoutError("The server is not ready after two minutes.")
        time.sleep(0.1)
    if admin:
        checks.group("HTTP: loading and unloading", administration, client)
        return
    for group in (health, metadata, types, binary, images, parameters, errors, limits, encodings, names, statistics, closed):
        checks.group(f"HTTP: {group.__doc__.rstrip('.').lower()}", group, client)


def health(checks, client):
    """Health and readiness, also by HEAD."""
    client.get("/v2/health/live", "live")
    client.get("/v2/health/ready", "ready")
    client.get("/v2/models/images/ready", "ready")
    client.get("/v2/models/versions/versions/3/ready", "ready")
    for path in ("/v2/models/versions/versions/1/ready", "/v2/models/nobody/ready", "/v2/models/broken/ready"):
        client.get(path, "ready", 400)
    for path, status in (("/v2/health/live", 200), ("/v2/health/ready", 200), ("/v2", 200), ("/v2/models/images", 200),
                         ("/v2/models/nobody", 404), ("/v2/models/nobody/ready", 400)):
        found, _, data = client.send("HEAD", path)
        checks.equal(f"HEAD {path}", (found, data), (status, b""))
    _, headers, _ = client.send("GET", "/v2")
    checks.that("answers have an id of the request", len(headers["X-Request-Id"] or "") > 3)


def metadata(checks, client):
    """Metadata and configuration."""
    checks.equal("/v2 and /v2/", client.get("/v2", "server"), client.get("/v2/", "server"))
    extensions = client.get("/v2", "server")["extensions"]
    checks.that("extensions", {"binary_tensor_data", "statistics", "model_repository"} <= set(extensions), extensions)
    model = client.get("/v2/models/images", "model")
    checks.equal("name, versions", (model["name"], model["versions"]), ("images", ["1"]))
    checks.that("a bundle takes pixels and files", {"pixels", "image"} == {one["name"] for one in model["inputs"]}, model)
    checks.equal("with its version", client.get("/v2/models/images/versions/1", "model"), model)
    config = client.get("/v2/models/images/config", "config")
    checks.equal("config has the same inputs", [one["name"] for one in config["input"]], [one["name"] for one in model["inputs"]])
    checks.equal("config has their shapes", [one["dims"] for one in config["output"]], [one["shape"] for one in model["outputs"]])
    client.get("/v2/models/images/versions/1/config", "config")
    for path in ("/v2/models/nobody", "/v2/models/images/versions/2", "/v2/models/nobody/config", "/v2/nothing", "/v2/models"):
        client.get(path, "error", 404)


def types(checks, client):
    """Every type in JSON, flat and nested, and in binary."""
    for kind in material.TYPES:
        elements, model = material.values(kind), f"identity-{kind}"
        tensor = {"name": "x", "shape": [2, 3], "datatype": kind}
        for data in (elements, [elements[:3], elements[3:]]):
            response, outputs = client.infer(model, {"id": "an id", "inputs": [{**tensor, "data": data}]})
            checks.equal(f"{kind} in JSON", outputs, {"y": elements})
            checks.equal(f"{kind}: what is told", (response["id"], response["model_name"], response["model_version"],
                response["outputs"][0]["shape"], response["outputs"][0]["datatype"]), ("an id", model, "1", [2, 3], kind))
        data = material.raw(kind, elements)
        binary_tensor = {**tensor, "parameters": {"binary_data_size": len(data)}}
        _, outputs = client.infer(model, {"inputs": [binary_tensor], "parameters": {"binary_data_output": True}}, data)
        checks.equal(f"{kind} in binary", material.raw(kind, outputs["y"]), data)
    response, _ = client.infer("identity-FP32", {"inputs": [{"name": "x", "shape": [0, 3], "datatype": "FP32", "data": []}]})
    checks.that("no id where none was sent", "id" not in response)


def binary(checks, client):
    """Binary data as its extension says."""
    elements = material.values("FP32")
    data = material.raw("FP32", elements)
    sent = {"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}

    def asked(outputs=None, parameters=None):
        request = {"inputs": [sent], **({"outputs": outputs} if outputs else {}), **({"parameters": parameters} if parameters else {})}
        response, _ = client.infer("identity-FP32", request, data)
        return ["data" in one for one in response["outputs"]]

    checks.equal("JSON where nothing is said", asked(), [True])
    checks.equal("binary where the output says so", asked([{"name": "y", "parameters": {"binary_data": True}}]), [False])
    checks.equal("binary where the request says so", asked([{"name": "y"}], {"binary_data_output": True}), [False])
    checks.equal("the output counts more", asked([{"name": "y", "parameters": {"binary_data": False}}], {"binary_data_output": True}),
        [True])
    _, outputs = client.infer("identity-FP32", {"inputs": [{**sent, "data": elements, "parameters": {}}],
                                                "outputs": [{"name": "y", "parameters": {"binary_data": True}}]})
    checks.equal("JSON in, binary out", outputs["y"], elements)
    # As clients of Triton do that have no tensor behind the JSON.
    _, outputs = client.infer("identity-FP32", {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "data": elements}]},
                              headers={"Content-Type": "application/octet-stream"})
    checks.equal("any content type", outputs["y"], elements)


def image_request(files, outputs=("mask", "steps", "energy_after"), parameters=None):
    """A request for images as files."""
    data = material.raw("BYTES", files)
    return {"inputs": [{"name": "image", "shape": [len(files)], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}],
            "outputs": [{"name": name, "parameters": {"binary_data": True}} for name in outputs],
            "parameters": parameters or {"steps": 3, "start": "identity"}}, data


def images(checks, client):
    """Images as files and as pixels, alone and together."""
    rows = [material.picture(i) for i in range(3)]
    files = [material.png(one) for one in rows]
    alone = [client.infer("images", *image_request([file]))[1] for file in files]
    checks.equal("a mask has the image's size", len(alone[0]["mask"]), 48 * 48)
    checks.equal("three steps", alone[0]["steps"], [3])
    _, together = client.infer("images", *image_request(files))
    for name, found in together.items():
        checks.equal(f"a batch's {name} are those of its images", found, sum((one[name] for one in alone), []))
    pixels = material.raw("FP32", [value / 255 for row in rows[0] for value in row])
    request, _ = image_request([])
    request["inputs"] = [{"name": "pixels", "shape": [1, 1, 48, 48], "datatype": "FP32", "parameters": {"binary_data_size": len(pixels)}}]
    checks.equal("pixels answer as their file does", client.infer("images", request, pixels)[1], alone[0])
    small = {"name": "pixels", "shape": [1, 1, 4, 4], "datatype": "FP32", "data": [0.5] * 16}
    response, outputs = client.infer("images", {"inputs": [small], "parameters": {"steps": 1}})
    checks.that("what is usual comes unasked", {"mask", "accepted", "refusal", "steps", "stop"} <= set(outputs), list(outputs))
    checks.equal("its shapes", {one["name"]: one["shape"] for one in response["outputs"]}["mask"], [1, 4, 4])
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda i: Client(checks, client.address).infer("images", *image_request([files[i % 3]]))[1], range(12)))
    checks.equal("twelve at once", found, [alone[i % 3] for i in range(12)])


def parameters(checks, client):
    """Parameters of requests."""
    file = material.png(material.picture(0))
    _, outputs = client.infer("images", *image_request([file], parameters={"steps": 2, "priority": 1, "seed": 7, "accept": "always"}))
    checks.equal("steps", outputs["steps"], [2])
    long = {"steps": 1000, "start": "identity", "timeout": 200_000}
    start = time.monotonic()
    client.infer("images", *image_request([file], parameters=long), status=504)
    checks.that("a timeout is kept", time.monotonic() - start < 5, time.monotonic() - start)
    response, outputs = client.infer("images", *image_request([file], parameters={**long, "on_timeout": "best"}))
    checks.that("the best by then", response["parameters"]["best_at_deadline"] is True and outputs["steps"][0] < 1000, response)
    for wrong in ({"stepps": 3}, {"steps": -1}, {"steps": "many"}, {"start": "somewhere"}, {"timeout": -5},
                  {"sequence_id": 7, "sequence_start": True}, {"on_timeout": "never"}, {"steps": [3]}):
        client.infer("images", *image_request([file], parameters=wrong), status=400)
    client.infer("images", *image_request([file], parameters={"steps": 1001}), status=413)
    tensor = {"name": "x", "shape": [1, 1], "datatype": "INT32", "data": [5]}
    client.infer("identity-INT32", {"id": None, "outputs": None, "parameters": None, "model_name": "m",
        "inputs": [{**tensor, "parameters": None}]})


def errors(checks, client):
    """Errors have their status and a body of JSON."""
    good = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    for model, request, status in (
            ("nobody", {"inputs": [good]}, 404), ("broken", {"inputs": [good]}, 503),
            ("identity-FP32", {}, 400), ("identity-FP32", {"inputs": []}, 400), ("identity-FP32", [], 400), ("identity-FP32", 5, 400),
            ("identity-FP32", {"inputs": [{**good, "name": "z"}]}, 400), ("identity-FP32", {"inputs": [{**good, "shape": [2, 2]}]}, 400),
            ("identity-FP32", {"inputs": [{**good, "shape": [2]}]}, 400), ("identity-FP32", {"inputs": [{**good, "shape": [-1, 2]}]}, 400),
            ("identity-FP32", {"inputs": [{**good, "datatype": "FP64"}]}, 400), ("identity-FP32",
            {"inputs": [{**good, "datatype": "BF16"}]}, 400),
            ("identity-FP32", {"inputs": [{**good, "data": ["a", "b"]}]}, 400), ("identity-FP32",
            {"inputs": [{**good, "data": [None, 1]}]}, 400),
            ("identity-FP32", {"inputs": [good], "outputs": [{"name": "z"}]}, 400), ("identity-FP32", {"inputs": [good, good]}, 400),
            ("identity-FP32", {"inputs": [{**good, "shape": [1 << 40, 1 << 40]}]}, 413),
            ("identity-FP32", {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32",
            "parameters": {"shared_memory_region": "r"}}]}, 501),
            ("identity-FP32", {"inputs": [good], "outputs": [{"name": "y", "parameters": {"classification": 2}}]}, 501),
            ("identity-INT8", {"inputs": [{**good, "datatype": "INT8", "data": [1, 128]}]}, 400)):
        client.infer(model, request, status=status)
    for body in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"inputs":' * 1000, b'{"inputs":[{"name":"x"}]} tail',
            b'{"id":"\\ud800","inputs":[]}'):
        client.post("/v2/models/identity-FP32/infer", body, "error", 400)
    request, data = image_request([b"no image"])
    client.infer("images", request, data, status=400)
    client.infer("images", request, data[:-1], status=400)
    client.infer("images", request, data + b"x", status=400)
    for length in ("x", "-1", "999999", "1e3"):
        client.post("/v2/models/images/infer", json.dumps(request), "error", 400, {LENGTH: length})
    for method, path in (("GET", "/v2/models/images/infer"), ("POST", "/v2/health/live"), ("DELETE", "/v2/models/images"), ("PUT", "/v2"),
            ("GET", "/else")):
        found, _, body = client.send(method, path)
        checks.equal(f"{method} {path}", found, 404)
        client.body(f"{method} {path}", body, "error")


def limits(checks, client):
    """What is too large is refused before it takes memory."""
    host, port = client.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /v2/models/images/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7000000000\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        checks.equal("a length of 7 GB, without the body", answer.status, 413)
        client.body("a length of 7 GB", answer.read(), "error")
    start = time.monotonic()
    bomb = gzip.compress(bytes(300_000_000), 1)
    checks.equal("300 MB in a body of 1 MB", client.send("POST", "/v2/models/images/infer", bomb, {"Content-Encoding": "gzip"})[0], 413)
    checks.that("and soon", time.monotonic() - start < 20, time.monotonic() - start)
    for size in ((100_000, 100_000), (30_000, 3_000), (0, 5)):
        client.infer("images", *image_request([material.png(material.picture(0), size)]), status=400)
    client.infer("images", *image_request([material.png([bytes(2001)] * 2000)]), status=413)
    _, outputs = client.infer("images", *image_request([material.png([bytes(2000)] * 2000)], ["steps"], {"steps": 1}))
    checks.equal("as large as may be", outputs["steps"], [1])
    client.infer("images", *image_request([material.png(material.picture(0))] * 65), status=413)


def encodings(checks, client):
    """Compressed bodies."""
    elements = material.values("FP32")
    data = material.raw("FP32", elements)
    request = {"inputs": [{"name": "x", "shape": [2, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}]}
    for encoding in ("gzip", "deflate"):
        # The header tells the length of the JSON before it was compressed.
        _, outputs = client.infer("identity-FP32", request, data, encode=encoding)
        checks.equal(f"{encoding}", outputs["y"], elements)
        _, outputs = client.infer("identity-FP32", request, data, headers={"Accept-Encoding": encoding})
        checks.equal(f"who accepts {encoding} understands the answer", outputs["y"], elements)
        for body in (b"not compressed", b""):
            client.post("/v2/models/identity-FP32/infer", body, "error", 400, {"Content-Encoding": encoding})
        whole = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding](json.dumps(request).encode())
        client.post("/v2/models/identity-FP32/infer", whole[:-12], "error", 400, {"Content-Encoding": encoding})
    client.post("/v2/models/identity-FP32/infer", b"{}", "error", 501, {"Content-Encoding": "br"})

    def pieces():
        yield json.dumps(request).encode()
        yield data

    _, headers, body = client.send("POST", "/v2/models/identity-FP32/infer", pieces(), {LENGTH: str(len(json.dumps(request)))})
    checks.equal("a body in chunks", material.raw("FP32", json.loads(body)["outputs"][0]["data"]), data)
    checks.that("no binary header", LENGTH not in headers)


def names(checks, client):
    """Names of all kinds, percent-encoded."""
    tensor = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    response, _ = client.infer(SPACED, {"inputs": [tensor]})
    checks.equal("the name comes back", response["model_name"], SPACED)
    checks.equal("metadata of it", client.get(f"/v2/models/{urllib.parse.quote(SPACED)}", "model")["name"], SPACED)
    client.get(f"/v2/models/{urllib.parse.quote(SPACED)}/ready", "ready")
    response, _ = client.infer("versions", {"inputs": [{**tensor, "datatype": "INT32"}]})
    checks.equal("the highest version", response["model_version"], "3")
    client.infer("versions", {"inputs": [{**tensor, "datatype": "INT32"}]}, version="3")
    client.infer("versions", {"inputs": [{**tensor, "datatype": "INT32"}]}, version="2", status=404)
    for name in ("a/b", "...", "%00", "x" * 5000, "\u2028"):
        found, _, body = client.send("GET", f"/v2/models/{urllib.parse.quote(name, safe='')}")
        checks.that(f"a model {name[:20]!r}", 400 <= found < 500, (found, body))


def statistics(checks, client):
    """Statistics and the repository's index."""
    before = client.get("/v2/models/identity-UINT8/stats", "statistics")["model_stats"][0]
    tensor = {"name": "x", "shape": [2, 2], "datatype": "UINT8", "data": [1, 2, 3, 4]}
    client.infer("identity-UINT8", {"inputs": [tensor]})
    client.infer("identity-UINT8", {"inputs": [{**tensor, "datatype": "INT8"}]}, status=400)
    after = client.get("/v2/models/identity-UINT8/versions/1/stats", "statistics")["model_stats"][0]
    told = [after["inference_stats"][kind]["count"] - before["inference_stats"][kind]["count"] for kind in ("success", "fail")]
    checks.equal("one more of both", told, [1, 1])
    checks.equal("two rows more", after["inference_count"] - before["inference_count"], 2)
    checks.that("at a time", abs(after["last_inference"] / 1000 - time.time()) < 60, after)
    every = client.get("/v2/models/stats", "statistics")["model_stats"]
    checks.that("of all", {"images", "versions", SPACED} <= {one["name"] for one in every}, every)
    client.get("/v2/models/nobody/stats", "statistics", 404)
    index = client.post("/v2/repository/index", "", "index")
    states = {(one["name"], one["version"]): one["state"] for one in index}
    checks.equal("the index", [states[("images", "1")], states[("versions", "3")], states[("versions", "1")]],
        ["READY", "READY", "UNAVAILABLE"])
    checks.that("why one does not load", next(one for one in index if one["name"] == "broken")["reason"] != "", index)
    ready = client.post("/v2/repository/index", {"ready": True}, "index")
    checks.that("those alone that are ready", ready and all(one["state"] == "READY" for one in ready), ready)


def closed(checks, client):
    """Loading and unloading are closed."""
    for call in ("load", "unload"):
        client.post(f"/v2/repository/models/images/{call}", "", "error", 403)
    client.get("/v2/models/images/ready", "ready")
    checks.that("still there", True)


def administration(checks, client):
    """Loading and unloading where it is open."""
    def state(name):
        return {(one["name"], one["version"]): one["state"] for one in client.post("/v2/repository/index", "", "index")}[name]

    tensor = {"name": "x", "shape": [1, 2], "datatype": "INT32", "data": [1, 2]}
    client.post("/v2/repository/models/versions/load", {"parameters": {"version": "1"}}, "empty")
    checks.equal("the version that was asked for", client.infer("versions", {"inputs": [tensor]})[0]["model_version"], "1")
    checks.equal("the other one", state(("versions", "3")), "UNAVAILABLE")
    client.post("/v2/repository/models/versions/load", "{}", "empty")
    checks.equal("the highest again", client.infer("versions", {"inputs": [tensor]})[0]["model_version"], "3")
    client.post("/v2/repository/models/versions/unload", {"parameters": {"unload_dependents": False}}, "empty")
    checks.equal("unloaded", state(("versions", "3")), "UNAVAILABLE")
    client.infer("versions", {"inputs": [tensor]}, status=503)
    client.get("/v2/models/versions/ready", "ready", 400)
    client.post("/v2/repository/models/versions/unload", "", "empty", 404)
    client.post("/v2/repository/models/versions/load", "", "empty")
    client.infer("versions", {"inputs": [tensor]})
    client.post(f"/v2/repository/models/{urllib.parse.quote(SPACED)}/load", "", "empty")
    client.post("/v2/repository/models/nobody/load", "", "empty", 404)
    client.post("/v2/repository/models/broken/load", "", "empty", 400)
    client.post("/v2/repository/models/versions/load", {"parameters": {"version": "9"}}, "empty", 404)
    client.post("/v2/repository/models/versions/load", {"parameters": {"config": "{}"}}, "empty", 400)
    client.post("/v2/repository/models/versions/load", "{", "empty", 400)
