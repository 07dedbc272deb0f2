"""gRPC: calls as clients of Triton and KServe send them, by messages made from what the protocol's publishers say."""
import pathlib
import queue
import shutil
import subprocess
import tempfile
import time

import grpc

import material
import protocol
from check import SPACED

M = protocol.messages()
CODE = grpc.StatusCode
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]


class Client:
    """One channel."""

    def __init__(self, checks, address, options=()):
        self.checks, self.address = checks, address
        self.channel = grpc.insecure_channel(address, [*OPTIONS, *options])

    def method(self, call, service="inference.GRPCInferenceService", answer=None):
        """A call, which takes and gives messages; bytes are sent as they are."""
        return self.channel.unary_unary(
            f"/{service}/{call}", request_serializer=lambda one: one if isinstance(one, bytes) else one.SerializeToString(),
            response_deserializer=M[answer or f"{call}Response"].FromString)

    def call(self, call, timeout=60, **fields):
        """An answer."""
        return self.method(call)(M[f"{call}Request"](**fields), timeout=timeout)

    def fails(self, name, code, call, request, timeout=60, text=None, **more):
        """A call that fails by a status, with words."""
        try:
            self.method(call, **more)(request, timeout=timeout)
            self.checks.that(f"{name}: fails", False)
        except grpc.RpcError as error:
            self.checks.equal(f"{name} ({error.details()})", error.code(), code)
            self.checks.that(f"{name}: says why", len(error.details()) > 10 and (text or "") in error.details(), error.details())


def request(model, tensors, outputs=(), parameters=None, raw=True, **more):
    """An inference: tensors are (name, type, shape, elements)."""
    made = M["ModelInferRequest"](model_name=model, **more)
    for name, kind, shape, elements in tensors:
        tensor = made.inputs.add(name=name, datatype=kind, shape=shape)
        if raw:
            made.raw_input_contents.append(material.raw(kind, elements))
        else:
            field = {"BOOL": "bool", "INT64": "int64", "UINT64": "uint64", "FP32": "fp32", "FP64": "fp64", "BYTES": "bytes"}.get(
                kind, "uint" if kind[0] == "U" else "int")
            getattr(tensor.contents, f"{field}_contents").extend(
                one.encode() if isinstance(one, str) else one for one in elements)
    for name in outputs:
        made.outputs.add(name=name)
    for name, value in (parameters or {}).items():
        kind = {bool: "bool", int: "int64", float: "double"}.get(type(value), "string")
        setattr(made.parameters[name], f"{kind}_param", value)
    return made


def elements_of(answer):
    """Elements of outputs by their names, of raw or typed contents."""
    found = {}
    for i, output in enumerate(answer.outputs):
        if answer.raw_output_contents:
            found[output.name] = material.unraw(output.datatype, answer.raw_output_contents[i])
        else:
            found[output.name] = [one for _, values in output.contents.ListFields() for one in values]
    return found


def files(checks, folder):
    """The server's own files have the numbers of those that are published."""
    if shutil.which("protoc") is None:
        checks.skip("gRPC: numbers of the server's own files: needs protoc (Debian: protobuf-compiler)")
        return
    with tempfile.TemporaryDirectory() as work:
        target = pathlib.Path(work) / "set"
        subprocess.run(["protoc", f"-I{folder}", f"--descriptor_set_out={target}", *map(str, sorted(pathlib.Path(folder).glob("*.proto")))],
                       check=True)
        wanted = {**protocol.table(protocol.PUBLISHED), **protocol.table(protocol.BEYOND)}
        # Calls that this server does not have.
        wanted = {name: fields for name, fields in wanted.items() if not name.startswith("CudaSharedMemory")}
        checks.equal("names, numbers and types", list(protocol.differences(target.read_bytes(), wanted)), [])
        wanted["ServerLiveResponse"] = [("bool", "live", 2)]
        checks.equal("a wrong number shows", len(list(protocol.differences(target.read_bytes(), wanted))), 1)


def run(checks, server, admin):
    """All of it."""
    client = Client(checks, server.rpc)
    deadline = time.monotonic() + 120
    while not client.call("ServerReady").ready:
        if time.monotonic() > deadline:
            raise TimeoutError("The server is not ready after two minutes.")
        time.sleep(0.1)
    if admin:
        checks.group("gRPC: loading and unloading", administration, client)
        checks.group("gRPC: streams do not keep a server from ending", ending, client, server)
        return
    for group in (health, metadata, types, images, parameters, errors, limits, compression, stream, cancelling, statistics, closed):
        checks.group(f"gRPC: {group.__doc__.rstrip('.').lower()}", group, client)


def health(checks, client):
    """Health and readiness, the server's and gRPC's own."""
    checks.that("live", client.call("ServerLive").live)
    for name, version, expected in (("images", "", True), ("versions", "3", True), ("versions", "1", False), ("nobody", "", False),
            (SPACED, "", True)):
        checks.equal(f"{name} {version} is ready", client.call("ModelReady", name=name, version=version).ready, expected)
    method = client.method("Check", "grpc.health.v1.Health", "HealthCheckResponse")
    for service in ("", "inference.GRPCInferenceService"):
        checks.equal(f"health of '{service}'", method(M["HealthCheckRequest"](service=service), timeout=20).status, 1)
    client.fails("health of nothing", CODE.NOT_FOUND, "Check", M["HealthCheckRequest"](service="nothing"), service="grpc.health.v1.Health",
                 answer="HealthCheckResponse")
    watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch", M["HealthCheckRequest"].SerializeToString,
        M["HealthCheckResponse"].FromString)
    watching = watch(M["HealthCheckRequest"](), timeout=20)
    checks.equal("health that is watched", next(watching).status, 1)
    watching.cancel()


def metadata(checks, client):
    """Metadata and configuration."""
    found = client.call("ServerMetadata")
    checks.that("of the server", found.name and found.version and "binary_tensor_data" in found.extensions, found)
    model = client.call("ModelMetadata", name="images")
    checks.equal("name, versions", (model.name, list(model.versions)), ("images", ["1"]))
    checks.equal("inputs", sorted((one.name, one.datatype, list(one.shape)) for one in model.inputs),
                 [("image", "BYTES", [-1]), ("pixels", "FP32", [-1, -1, -1, -1])])
    config = client.call("ModelConfig", name="images").config
    checks.equal("config", [(one.name, list(one.dims)) for one in config.output], [(one.name, list(one.shape)) for one in model.outputs])
    for one, tensor in zip(config.input, model.inputs):
        checks.equal("its types", protocol.CONFIG_TYPES[one.data_type - 1], tensor.datatype.replace("BYTES", "STRING"))
    client.fails("metadata of nobody", CODE.NOT_FOUND, "ModelMetadata", M["ModelMetadataRequest"](name="nobody"))
    client.fails("config of nobody", CODE.NOT_FOUND, "ModelConfig", M["ModelConfigRequest"](name="nobody"))
    client.fails("a version that is not there", CODE.NOT_FOUND, "ModelMetadata", M["ModelMetadataRequest"](name="images", version="7"))


def types(checks, client):
    """Every type, in raw and typed contents."""
    for kind in material.TYPES:
        for raw in (True, False):
            if kind == "FP16" and not raw:
                continue
            asked = request(f"identity-{kind}", [("x", kind, [2, 3], material.values(kind))], raw=raw, id="an id")
            answer = client.method("ModelInfer")(asked, timeout=60)
            name = f"{kind} {'raw' if raw else 'typed'}"
            checks.equal(name, material.raw(kind, elements_of(answer)["y"]), material.raw(kind, material.values(kind)))
            checks.equal(f"{name}: what is told", (answer.id, answer.model_name, answer.model_version, list(answer.outputs[0].shape),
                answer.outputs[0].datatype), ("an id", f"identity-{kind}", "1", [2, 3], kind))
    checks.equal("a name of all kinds", client.method("ModelInfer")(request(SPACED, [("x", "FP32", [1, 1], [1])])).model_name, SPACED)


def image_request(pictures, outputs=("mask", "steps", "energy_after"), parameters=None):
    """A request for images as files."""
    return request("images", [("image", "BYTES", [len(pictures)], pictures)], outputs, parameters or {"steps": 3, "start": "identity"})


def images(checks, client):
    """Images as files and as pixels, alone and together."""
    infer = client.method("ModelInfer")
    rows = [material.picture(i) for i in range(3)]
    pictures = [material.png(one) for one in rows]
    alone = [elements_of(infer(image_request([one]))) for one in pictures]
    checks.equal("steps", [one["steps"] for one in alone], [[3]] * 3)
    together = elements_of(infer(image_request(pictures)))
    for name, found in together.items():
        checks.equal(f"a batch's {name} are those of its images", found, sum((one[name] for one in alone), []))
    pixels = [value / 255 for row in rows[0] for value in row]
    for raw in (True, False):
        asked = request("images", [("pixels", "FP32", [1, 1, 48, 48], pixels)], alone[0], {"steps": 3, "start": "identity"}, raw)
        checks.equal("pixels answer as their file does", elements_of(infer(asked)), alone[0])
    asked = request("images", [("image", "BYTES", [1], [pictures[0]])], alone[0], {"steps": 3, "start": "identity"}, raw=False)
    checks.equal("typed files", elements_of(infer(asked)), alone[0])
    waiting = [infer.future(image_request([pictures[i % 3]])) for i in range(12)]
    checks.equal("twelve at once", [elements_of(one.result()) for one in waiting], [alone[i % 3] for i in range(12)])


def parameters(checks, client):
    """Parameters of requests."""
    picture = material.png(material.picture(0))
    infer = client.method("ModelInfer")
    asked = image_request([picture], parameters={"steps": 2, "seed": 7, "accept": "always", "binary_data_output": True})
    # As clients of Triton send it.
    asked.parameters["priority"].uint64_param = 1
    checks.equal("steps", elements_of(infer(asked))["steps"], [2])
    long = {"steps": 1000, "start": "identity", "timeout": 200_000}
    client.fails("a timeout", CODE.DEADLINE_EXCEEDED, "ModelInfer", image_request([picture], parameters=long))
    answer = infer(image_request([picture], parameters={**long, "on_timeout": "best"}))
    checks.that("the best by then", answer.parameters["best_at_deadline"].bool_param and elements_of(answer)["steps"][0] < 1000)
    for wrong in ({"stepps": 3}, {"steps": -1}, {"steps": "many"}, {"steps": 1.5}, {"start": "somewhere"}, {"timeout": -5},
            {"sequence_id": 7}):
        client.fails(f"{wrong}", CODE.INVALID_ARGUMENT, "ModelInfer", image_request([picture], parameters=wrong))
    client.fails("too many steps", CODE.RESOURCE_EXHAUSTED, "ModelInfer", image_request([picture], parameters={"steps": 1001}))


def errors(checks, client):
    """Errors have their status."""
    def wrong(name, code, change, model="identity-FP32", kind="FP32", raw=True):
        asked = request(model, [("x", kind, [1, 2], [1, 2])], raw=raw)
        change(asked)
        client.fails(name, code, "ModelInfer", asked)

    def put(field, value):
        return lambda asked: setattr(asked.inputs[0], field, value)

    def shape(*sizes):
        return lambda asked: asked.inputs[0].shape.__setitem__(slice(None), sizes)

    invalid = CODE.INVALID_ARGUMENT
    wrong("nobody", CODE.NOT_FOUND, lambda asked: setattr(asked, "model_name", "nobody"))
    wrong("a version that is not there", CODE.NOT_FOUND, lambda asked: setattr(asked, "model_version", "7"))
    wrong("a model that did not load", CODE.UNAVAILABLE, lambda asked: setattr(asked, "model_name", "broken"))
    wrong("an input of another name", invalid, put("name", "z"))
    wrong("no name", invalid, put("name", ""))
    wrong("another type", invalid, put("datatype", "INT32"))
    wrong("a type that is none", invalid, put("datatype", "BF16"))
    wrong("no type", invalid, put("datatype", ""))
    wrong("another shape", invalid, shape(2, 2))
    wrong("fewer dimensions", invalid, shape(2))
    wrong("a negative dimension", invalid, shape(-1, -2))
    wrong("more than any machine holds", CODE.RESOURCE_EXHAUSTED, shape(2 ** 62, 2 ** 62))
    wrong("more than may be", CODE.RESOURCE_EXHAUSTED, shape(2 ** 20, 2 ** 20))
    wrong("raw contents of another length", invalid, lambda asked: asked.raw_input_contents.__setitem__(0, b"123"))
    wrong("raw contents for no input", invalid, lambda asked: asked.raw_input_contents.append(b""))
    wrong("both kinds of contents", invalid, lambda asked: asked.inputs[0].contents.fp32_contents.extend([1, 2]))
    wrong("contents of another type", invalid, lambda asked: asked.inputs[0].contents.int_contents.append(1), raw=False)
    wrong("too few elements", invalid, lambda asked: asked.inputs[0].contents.fp32_contents.pop(), raw=False)
    wrong("elements that do not fit", invalid, lambda asked: asked.inputs[0].contents.int_contents.__setitem__(0, 300), "identity-INT8",
        "INT8", False)
    wrong("an output that is not there", invalid, lambda asked: asked.outputs.add(name="z"))
    wrong("no inputs", invalid, lambda asked: asked.ClearField("inputs") or asked.ClearField("raw_input_contents"))
    wrong("shared memory", CODE.UNIMPLEMENTED, lambda asked: setattr(asked.inputs[0].parameters["shared_memory_region"], "string_param",
        "r"))
    wrong("classification", CODE.UNIMPLEMENTED, lambda asked: setattr(
        asked.outputs.add(name="y").parameters["classification"], "int64_param", 2))
    client.fails("a damaged image", invalid, "ModelInfer", image_request([b"no image"]))
    for garbage in (b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", request("identity-FP32",
            [("x", "FP32", [1, 2], [1, 2])]).SerializeToString()[:-3], b"\x0a\x03\xff\xfe\xfd"):
        client.fails(f"no message {garbage[:8]}", invalid, "ModelInfer", garbage)
    client.fails("no message for health", invalid, "Check", b"\xff" * 9, service="grpc.health.v1.Health", answer="HealthCheckResponse")
    client.fails("a call that this server does not have", CODE.UNIMPLEMENTED, "CudaSharedMemoryStatus",
        M["CudaSharedMemoryStatusRequest"]())
    checks.equal("and a right one", elements_of(client.method("ModelInfer")(request("identity-FP32",
        [("x", "FP32", [1, 2], [1, 2])])))["y"], [1, 2])


def limits(_, client):
    """What is too large is refused before it takes memory."""
    client.fails("a message of 80 MB", CODE.RESOURCE_EXHAUSTED, "ModelInfer",
        request("identity-UINT8", [("x", "UINT8", [1, 80_000_000], bytes(80_000_000))]))
    for size in ((100_000, 100_000), (30_000, 3_000), (0, 4)):
        client.fails(f"an image that says it is {size}", CODE.INVALID_ARGUMENT, "ModelInfer",
                     image_request([material.png(material.picture(0), size)]))
    client.fails("an image that is too large", CODE.RESOURCE_EXHAUSTED, "ModelInfer", image_request([material.png([bytes(2001)] * 2000)]))
    client.fails("65 images", CODE.RESOURCE_EXHAUSTED, "ModelInfer", image_request([material.png(material.picture(0))] * 65))


def compression(checks, client):
    """Compressed messages."""
    for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        asked = request("identity-FP32", [("x", "FP32", [1, 5000], [1.5] * 5000)])
        answer = client.method("ModelInfer")(asked, timeout=60, compression=algorithm)
        checks.equal(f"{algorithm}", elements_of(answer)["y"], [1.5] * 5000)
    start = time.monotonic()
    try:
        client.method("ModelInfer")(b"\x3a\x80\x84\xaf\x5f" + bytes(200_000_000), timeout=120, compression=grpc.Compression.Gzip)
        checks.that("200 MB in a message of 1 MB fails", False)
    except grpc.RpcError as error:
        checks.equal("200 MB in a message of 1 MB", error.code(), CODE.RESOURCE_EXHAUSTED)
    checks.that("and soon", time.monotonic() - start < 30, time.monotonic() - start)


def stream(checks, client):
    """Streams, as clients of Triton use them."""
    call = client.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer", M["ModelInferRequest"].SerializeToString,
                                        M["ModelStreamInferResponse"].FromString)
    asked = [request("identity-INT32", [("x", "INT32", [1, 1], [i])], id=f"{i}") for i in range(5)]
    asked[2].inputs[0].datatype = "FP32"
    answers = list(call(iter(asked), timeout=60))
    checks.equal("each has its answer", [one.infer_response.id for one in answers], ["0", "1", "2", "3", "4"])
    checks.equal("one an error", [bool(one.error_message) for one in answers], [False, False, True, False, False])


def cancelling(checks, client):
    """Deadlines and cancellation."""
    long = image_request([material.png(material.picture(0))], parameters={"steps": 1000, "start": "identity"})
    start = time.monotonic()
    client.fails("a deadline of the call", CODE.DEADLINE_EXCEEDED, "ModelInfer", long, timeout=0.3)
    checks.that("is kept", time.monotonic() - start < 3, time.monotonic() - start)
    calls = [client.method("ModelInfer").future(long) for _ in range(4)]
    time.sleep(0.3)
    for one in calls:
        one.cancel()
    start = time.monotonic()
    answer = client.method("ModelInfer")(image_request([material.png(material.picture(0))]), timeout=30)
    checks.equal("the next is right", elements_of(answer)["steps"], [3])
    checks.that("and soon", time.monotonic() - start < 5, time.monotonic() - start)


def statistics(checks, client):
    """Statistics and the repository's index."""
    def told():
        return client.call("ModelStatistics", name="identity-UINT8").model_stats[0]

    before = told()
    client.method("ModelInfer")(request("identity-UINT8", [("x", "UINT8", [2, 2], [1, 2, 3, 4])]))
    client.fails("a wrong one", CODE.INVALID_ARGUMENT, "ModelInfer", request("identity-UINT8", [("x", "INT8", [2, 2], [1, 2, 3, 4])]))
    after = told()
    checks.equal("one more of both", [after.inference_stats.success.count - before.inference_stats.success.count,
        after.inference_stats.fail.count - before.inference_stats.fail.count, after.inference_count - before.inference_count], [1, 1, 2])
    checks.that("at a time", abs(after.last_inference / 1000 - time.time()) < 60)
    checks.that("of all", len(client.call("ModelStatistics").model_stats) > 10)
    index = {(one.name, one.version): one for one in client.call("RepositoryIndex").models}
    checks.equal("the index", [index[("images", "1")].state, index[("versions", "1")].state], ["READY", "UNAVAILABLE"])
    checks.that("why one does not load", index[("broken", "1")].reason != "")
    checks.that("those alone that are ready", all(one.state == "READY" for one in client.call("RepositoryIndex", ready=True).models))


def closed(checks, client):
    """Loading and unloading are closed."""
    for call in ("RepositoryModelLoad", "RepositoryModelUnload"):
        client.fails(call, CODE.PERMISSION_DENIED, call, M[f"{call}Request"](model_name="images"))
    checks.that("still there", client.call("ModelReady", name="images").ready)


def administration(checks, client):
    """Loading and unloading where it is open."""
    asked = M["RepositoryModelLoadRequest"](model_name="versions")
    asked.parameters["version"].string_param = "1"
    client.method("RepositoryModelLoad")(asked)
    infer, tensor = client.method("ModelInfer"), [("x", "INT32", [1, 1], [5])]
    checks.equal("the version that was asked for", infer(request("versions", tensor)).model_version, "1")
    unload = M["RepositoryModelUnloadRequest"](model_name="versions")
    unload.parameters["unload_dependents"].bool_param = False
    client.method("RepositoryModelUnload")(unload)
    client.fails("unloaded", CODE.UNAVAILABLE, "ModelInfer", request("versions", tensor))
    client.call("RepositoryModelLoad", model_name="versions")
    checks.equal("the highest again", infer(request("versions", tensor)).model_version, "3")
    for name, code in (("nobody", CODE.NOT_FOUND), ("broken", CODE.INVALID_ARGUMENT)):
        client.fails(f"load {name}", code, "RepositoryModelLoad", M["RepositoryModelLoadRequest"](model_name=name))
    client.fails("unload nobody", CODE.NOT_FOUND, "RepositoryModelUnload", M["RepositoryModelUnloadRequest"](model_name="nobody"))


def ending(checks, client, server):
    """Streams that idle, and watchers of health, are told when the server ends."""
    asked = queue.Queue()
    call = client.channel.stream_stream("/inference.GRPCInferenceService/ModelStreamInfer", M["ModelInferRequest"].SerializeToString,
                                        M["ModelStreamInferResponse"].FromString)
    idle = call(iter(asked.get, None))
    asked.put(request("identity-INT32", [("x", "INT32", [1, 1], [5])]))
    checks.equal("the stream works", next(idle).error_message, "")
    watch = client.channel.unary_stream("/grpc.health.v1.Health/Watch", M["HealthCheckRequest"].SerializeToString,
        M["HealthCheckResponse"].FromString)
    watching = watch(M["HealthCheckRequest"]())
    checks.equal("it serves", next(watching).status, 1)
    start = time.monotonic()
    code = server.end()
    checks.equal("ends with", code, 0)
    checks.that("soon", time.monotonic() - start < 10, time.monotonic() - start)
    checks.equal("watchers hear of it", [one.status for one in watching], [2])
    try:
        next(idle)
        checks.that("the stream ends", False)
    except grpc.RpcError as error:
        checks.equal(f"the stream ends ({error.details()})", error.code(), CODE.UNAVAILABLE)
    asked.put(None)
