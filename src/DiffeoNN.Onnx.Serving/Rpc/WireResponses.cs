using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>Responses of the protocol as messages of gRPC.</summary>
internal static class WireResponses
{
    /// <summary>What a model answered, with raw contents, as servers of the protocol send them.</summary>
    public static ModelInferResponse Write(InferenceResponse response)
    {
        var wire = new ModelInferResponse { ModelName = response.Model, ModelVersion = response.Version, Id = response.Id };
        Write(response.Parameters, wire.Parameters);
        foreach (var output in response.Outputs)
        {
            wire.Outputs.Add(new ModelInferResponse.Types.InferOutputTensor
            {
                Name = output.Name, Datatype = output.Type.Word(), Shape = { output.Shape },
            });
            wire.RawOutputContents.Add(UnsafeByteOperations.UnsafeWrap(output.ToRaw()));
        }

        return wire;
    }

    /// <summary>What the server says of itself.</summary>
    public static ServerMetadataResponse Write(ServerMetadata server) =>
        new() { Name = server.Name, Version = server.Version, Extensions = { server.Extensions } };

    /// <summary>What a model says of itself.</summary>
    public static ModelMetadataResponse Write(ModelMetadata model)
    {
        return new ModelMetadataResponse
        {
            Name = model.Name, Platform = model.Platform, Versions = { model.Versions },
            Inputs = { model.Inputs.Select(Tensor) }, Outputs = { model.Outputs.Select(Tensor) },
        };

        static ModelMetadataResponse.Types.TensorMetadata Tensor(TensorMetadata tensor) =>
            new() { Name = tensor.Name, Datatype = tensor.Type.Word(), Shape = { tensor.Shape } };
    }

    /// <summary>A model's configuration, see <see cref="ProtocolJson.WriteConfig"/>.</summary>
    public static ModelConfig Config(ModelMetadata model)
    {
        return new ModelConfig
        {
            Name = model.Name, Platform = model.Platform, Backend = "diffeonn",
            Input =
            {
                model.Inputs.Select(tensor => new ModelInput
                {
                    Name = tensor.Name, DataType = TypeOf(tensor), Dims = { tensor.Shape },
                }),
            },
            Output =
            {
                model.Outputs.Select(tensor => new ModelOutput
                {
                    Name = tensor.Name, DataType = TypeOf(tensor), Dims = { tensor.Shape },
                }),
            },
        };

        // The configuration's numbers are those of the protocol's types in their order, from 1 on.
        static Wire.DataType TypeOf(TensorMetadata tensor) => (Wire.DataType)((int)tensor.Type + 1);
    }

    /// <summary>What versions have done.</summary>
    public static ModelStatisticsResponse Write(IEnumerable<Protocol.ModelStatistics> models)
    {
        return new ModelStatisticsResponse
        {
            ModelStats =
            {
                models.Select(model => new Wire.ModelStatistics
                {
                    Name = model.Name, Version = model.Version, LastInference = (ulong)model.LastInference,
                    InferenceCount = (ulong)model.InferenceCount, ExecutionCount = (ulong)model.ExecutionCount,
                    InferenceStats = new InferStatistics
                    {
                        Success = Duration(model.Success), Fail = Duration(model.Fail), Queue = Duration(model.Queue),
                        ComputeInput = new StatisticDuration(), ComputeInfer = Duration(model.Infer),
                        ComputeOutput = new StatisticDuration(),
                    },
                }),
            },
        };

        static StatisticDuration Duration(DurationStatistic duration) =>
            new() { Count = (ulong)duration.Count, Ns = (ulong)duration.Nanoseconds };
    }

    /// <summary>The repository's index.</summary>
    public static RepositoryIndexResponse Write(IEnumerable<ModelStatus> models) => new()
    {
        Models =
        {
            models.Select(model => new RepositoryIndexResponse.Types.ModelIndex
            {
                Name = model.Name, Version = model.Version, State = model.StateWord, Reason = model.Reason,
            }),
        },
    };

    private static void Write(RequestParameters parameters, MapField<string, InferParameter> wire)
    {
        foreach (var (name, value) in parameters.All)
        {
            wire[name] = value switch
            {
                bool truth => new InferParameter { BoolParam = truth },
                long whole => new InferParameter { Int64Param = whole },
                double number => new InferParameter { DoubleParam = number },
                _ => new InferParameter { StringParam = (string)value },
            };
        }
    }
}
