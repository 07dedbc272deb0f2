"""The Open Inference Protocol v2 over gRPC as its publishers have it: names, numbers and types of what goes over the wire.

PUBLISHED is what `open_inference_grpc.proto` of kserve/open-inference-protocol says; BEYOND is what clients of Triton use besides
(`grpc_service.proto` and `model_config.proto` of triton-inference-server/common), and gRPC's own health. They are written down here anew,
and not read from the server's own files, so that a number that is wrong there shows.
"""
import re

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PUBLISHED = """
ServerLiveRequest
ServerLiveResponse: bool live 1
ServerReadyRequest
ServerReadyResponse: bool ready 1
ModelReadyRequest: string name 1, string version 2
ModelReadyResponse: bool ready 1
ServerMetadataRequest
ServerMetadataResponse: string name 1, string version 2, string* extensions 3
ModelMetadataRequest: string name 1, string version 2
ModelMetadataResponse.TensorMetadata: string name 1, string datatype 2, int64* shape 3
ModelMetadataResponse: string name 1, string* versions 2, string platform 3, ModelMetadataResponse.TensorMetadata* inputs 4,
  ModelMetadataResponse.TensorMetadata* outputs 5
InferParameter: bool? bool_param 1, int64? int64_param 2, string? string_param 3, double? double_param 4, uint64? uint64_param 5
InferTensorContents: bool* bool_contents 1, int32* int_contents 2, int64* int64_contents 3, uint32* uint_contents 4,
  uint64* uint64_contents 5, float* fp32_contents 6, double* fp64_contents 7, bytes* bytes_contents 8
ModelInferRequest.InferInputTensor: string name 1, string datatype 2, int64* shape 3, map:InferParameter parameters 4,
  InferTensorContents contents 5
ModelInferRequest.InferRequestedOutputTensor: string name 1, map:InferParameter parameters 2
ModelInferRequest: string model_name 1, string model_version 2, string id 3, map:InferParameter parameters 4,
  ModelInferRequest.InferInputTensor* inputs 5, ModelInferRequest.InferRequestedOutputTensor* outputs 6, bytes* raw_input_contents 7
ModelInferResponse.InferOutputTensor: string name 1, string datatype 2, int64* shape 3, map:InferParameter parameters 4,
  InferTensorContents contents 5
ModelInferResponse: string model_name 1, string model_version 2, string id 3, map:InferParameter parameters 4,
  ModelInferResponse.InferOutputTensor* outputs 5, bytes* raw_output_contents 6
"""

BEYOND = """
ModelStreamInferResponse: string error_message 1, ModelInferResponse infer_response 2
ModelInput: string name 1, int32 data_type 2, int64* dims 4
ModelOutput: string name 1, int32 data_type 2, int64* dims 3
ModelConfig: string name 1, string platform 2, int32 max_batch_size 4, ModelInput* input 5, ModelOutput* output 6, string backend 17
ModelConfigRequest: string name 1, string version 2
ModelConfigResponse: ModelConfig config 1
ModelStatisticsRequest: string name 1, string version 2
StatisticDuration: uint64 count 1, uint64 ns 2
InferStatistics: StatisticDuration success 1, StatisticDuration fail 2, StatisticDuration queue 3, StatisticDuration compute_input 4,
  StatisticDuration compute_infer 5, StatisticDuration compute_output 6
ModelStatistics: string name 1, string version 2, uint64 last_inference 3, uint64 inference_count 4, uint64 execution_count 5,
  InferStatistics inference_stats 6
ModelStatisticsResponse: ModelStatistics* model_stats 1
ModelRepositoryParameter: bool? bool_param 1, int64? int64_param 2, string? string_param 3, bytes? bytes_param 4
RepositoryIndexRequest: string repository_name 1, bool ready 2
RepositoryIndexResponse.ModelIndex: string name 1, string version 2, string state 3, string reason 4
RepositoryIndexResponse: RepositoryIndexResponse.ModelIndex* models 1
RepositoryModelLoadRequest: string repository_name 1, string model_name 2, map:ModelRepositoryParameter parameters 3
RepositoryModelLoadResponse
RepositoryModelUnloadRequest: string repository_name 1, string model_name 2, map:ModelRepositoryParameter parameters 3
RepositoryModelUnloadResponse
CudaSharedMemoryStatusRequest: string name 1
CudaSharedMemoryStatusResponse
HealthCheckRequest: string service 1
HealthCheckResponse: int32 status 1
"""

CALLS = ["ServerLive", "ServerReady", "ModelReady", "ServerMetadata", "ModelMetadata", "ModelInfer"]
CALLS_BEYOND = ["ModelConfig", "ModelStatistics", "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"]
# The numbers of data types in configurations.
CONFIG_TYPES = ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "STRING"]

F = descriptor_pb2.FieldDescriptorProto
KINDS = {
    "bool": F.TYPE_BOOL, "string": F.TYPE_STRING, "bytes": F.TYPE_BYTES, "int32": F.TYPE_INT32, "int64": F.TYPE_INT64,
    "uint32": F.TYPE_UINT32, "uint64": F.TYPE_UINT64, "float": F.TYPE_FLOAT, "double": F.TYPE_DOUBLE,
}


def table(text):
    """Messages by their names: (kind, name, number) a field."""
    lines = re.sub(r",\s*\n\s+", ", ", text.strip()).split("\n")
    messages = {}
    for line in lines:
        name, _, fields = line.partition(": ")
        messages[name] = [tuple(field.split()) for field in fields.split(", ")] if fields else []
    return messages


def _field(message, kind, name, number):
    field = message.field.add(name=name, number=int(number), label=F.LABEL_OPTIONAL)
    if kind.startswith("map:"):
        entry = message.nested_type.add(name=f"{name.capitalize()}Entry")
        entry.options.map_entry = True
        _field(entry, "string", "key", 1)
        _field(entry, kind[4:], "value", 2)
        field.label, field.type, field.type_name = F.LABEL_REPEATED, F.TYPE_MESSAGE, f"{entry.name}"
        return
    if kind.endswith("*"):
        field.label = F.LABEL_REPEATED
    if kind.endswith("?"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="parameter_choice")
        field.oneof_index = 0
    kind = kind.rstrip("*?")
    if kind in KINDS:
        field.type = KINDS[kind]
    else:
        field.type, field.type_name = F.TYPE_MESSAGE, f".inference.{kind}"


def messages():
    """Classes of all messages, by their names (that of an inner one after a dot)."""
    file = descriptor_pb2.FileDescriptorProto(name="published.proto", package="inference", syntax="proto3")
    found = {**table(PUBLISHED), **table(BEYOND)}
    outer = {}
    for name in sorted(found, key=lambda one: one.count(".")):
        holder, _, inner = name.rpartition(".")
        outer[name] = outer[holder].nested_type.add(name=inner) if holder else file.message_type.add(name=name)
    for name, fields in found.items():
        for kind, field, number in fields:
            _field(outer[name], kind, field, number)
            if kind.startswith("map:"):
                outer[name].field[-1].type_name = f".inference.{name}.{field.capitalize()}Entry"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    make = getattr(message_factory, "GetMessageClass", None) or message_factory.MessageFactory(pool).GetPrototype
    return {name: make(pool.FindMessageTypeByName(f"inference.{name}")) for name in found}


def differences(descriptors, wanted):
    """What files compiled by protoc have otherwise than a table: missing messages, fields, numbers, types."""
    there = {}

    def collect(prefix, one):
        there[f"{prefix}{one.name}"] = one
        for inner in one.nested_type:
            collect(f"{prefix}{one.name}.", inner)

    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        for one in file.message_type:
            collect("", one)
    for name, fields in wanted.items():
        if name not in there:
            yield f"{name} is missing"
            continue
        have = {field.name: field for field in there[name].field}
        for kind, field, number in fields:
            if field not in have:
                yield f"{name}.{field} is missing"
                continue
            one, plain = have[field], kind.rstrip("*?")
            isRepeated = kind.endswith("*") or kind.startswith("map:")
            # Enumerations go over the wire as whole numbers.
            isKind = one.type in (KINDS[plain], F.TYPE_ENUM) if plain in KINDS else one.type == F.TYPE_MESSAGE
            if one.number != int(number) or (one.label == F.LABEL_REPEATED) != isRepeated or not isKind:
                yield f"{name}.{field} is number {one.number} of type {one.type}; expected {kind} {number}"
