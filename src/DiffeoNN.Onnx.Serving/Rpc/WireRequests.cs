using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf.Collections;
using DataType = DiffeoNN.Onnx.Serving.Protocol.DataType;

namespace DiffeoNN.Onnx.Serving.Rpc;

/// <summary>Messages of gRPC as requests of the protocol.</summary>
internal static class WireRequests
{
    /// <summary>Reads an inference request, with typed or raw contents.</summary>
    /// <param name="wire">What was sent; raw contents are not copied.</param>
    /// <param name="limits">How much may be sent.</param>
    /// <exception cref="ProtocolException">It is malformed, or too large.</exception>
    public static InferenceRequest Read(ModelInferRequest wire, ProtocolLimits limits)
    {
        ProtocolLimits.CheckCount(wire.Inputs.Count, limits.Tensors, "inputs");
        ProtocolLimits.CheckCount(wire.Outputs.Count, limits.Tensors, "outputs");
        if (wire.Inputs.Count == 0) throw ProtocolException.Invalid("The request has no inputs; one at least is needed.");
        var raw = wire.RawInputContents;
        if (raw.Count > 0 && raw.Count != wire.Inputs.Count)
            throw ProtocolException.Invalid(
                $"The request has {raw.Count} raw_input_contents for {wire.Inputs.Count} inputs; expected one an input, or none.");
        var parts = new InferenceParts(limits, null);
        var inputs = new InferenceTensor[wire.Inputs.Count];
        for (var i = 0; i < inputs.Length; i++)
        {
            var input = wire.Inputs[i];
            var name = limits.CheckName(input.Name, "An input's name");
            var what = $"Input '{name}'";
            InferenceParts.RefuseSharedMemory(what, Parameters(input.Parameters, limits));
            ProtocolLimits.CheckCount(input.Shape.Count, limits.Dimensions, "dimensions in one shape");
            var type = InferenceParts.TypeOf(input.Datatype);
            long[] shape = [.. input.Shape];
            parts.Count(what, shape);
            if (raw.Count == 0) inputs[i] = Typed(name, type, shape, input.Contents ?? new InferTensorContents());
            else if (input.Contents is null) inputs[i] = InferenceTensor.OfRaw(name, type, shape, raw[i].Memory);
            else throw ProtocolException.Invalid($"{what} has contents beside the request's raw_input_contents; expected one of them.");
        }

        RequestedOutput[] outputs = [.. wire.Outputs.Select(output => InferenceParts.Asked(
            limits.CheckName(output.Name, "An output's name"), Parameters(output.Parameters, limits)))];
        InferenceRequestReader.CheckDistinct(inputs.Select(input => input.Name), "inputs");
        InferenceRequestReader.CheckDistinct(outputs.Select(output => output.Name), "outputs");
        var (parameters, binary) = InferenceRequestReader.Without(Parameters(wire.Parameters, limits), "binary_data_output");
        return new InferenceRequest
        {
            Model = wire.ModelName,
            Version = wire.ModelVersion,
            Id = limits.CheckText(wire.Id, "'id'"),
            Parameters = parameters,
            BinaryOutput = binary ?? false,
            Inputs = inputs,
            Outputs = outputs,
        };
    }

    private static RequestParameters Parameters(MapField<string, InferParameter> wire, ProtocolLimits limits)
    {
        ProtocolLimits.CheckCount(wire.Count, limits.Parameters, "parameters in one place");
        if (wire.Count == 0) return RequestParameters.None;
        return new RequestParameters(wire.Select(pair => KeyValuePair.Create(
            limits.CheckName(pair.Key, "A parameter's name"),
            pair.Value.ParameterChoiceCase switch
            {
                InferParameter.ParameterChoiceOneofCase.BoolParam => pair.Value.BoolParam,
                InferParameter.ParameterChoiceOneofCase.Int64Param => pair.Value.Int64Param,
                InferParameter.ParameterChoiceOneofCase.StringParam =>
                    limits.CheckText(pair.Value.StringParam, $"Parameter '{pair.Key}'"),
                InferParameter.ParameterChoiceOneofCase.DoubleParam => pair.Value.DoubleParam,
                InferParameter.ParameterChoiceOneofCase.Uint64Param when pair.Value.Uint64Param <= long.MaxValue =>
                    (long)pair.Value.Uint64Param,
                // As JSON has it: what is larger is no whole number of 64 bits with a sign.
                InferParameter.ParameterChoiceOneofCase.Uint64Param => $"{pair.Value.Uint64Param}",
                _ => (object)"",
            })));
    }

    private static InferenceTensor Typed(string name, DataType type, long[] shape, InferTensorContents contents)
    {
        var (used, field) = Field(type, contents);
        if (field is null)
            throw ProtocolException.Invalid($"Input '{name}' is {type.Word()}, which has no typed contents; send raw_input_contents.");
        int[] counts =
        [
            contents.BoolContents.Count, contents.IntContents.Count, contents.Int64Contents.Count, contents.UintContents.Count,
            contents.Uint64Contents.Count, contents.Fp32Contents.Count, contents.Fp64Contents.Count, contents.BytesContents.Count,
        ];
        if (counts.Sum(count => (long)count) != used)
            throw ProtocolException.Invalid($"Input '{name}' is {type.Word()} and has contents of another type beside {field}.");
        var count = TensorShape.Count(shape, $"Input '{name}'");
        if (used != count)
            throw ProtocolException.Invalid(
                $"Input '{name}' has {used} elements in {field}; shape {TensorShape.Text(shape)} needs {count}.");
        return type switch
        {
            DataType.Bool => Of<bool>([.. contents.BoolContents]),
            DataType.UInt8 => Of<byte>([.. contents.UintContents.Select(value => Narrow<byte>(value))]),
            DataType.UInt16 => Of<ushort>([.. contents.UintContents.Select(value => Narrow<ushort>(value))]),
            DataType.UInt32 => Of<uint>([.. contents.UintContents]),
            DataType.UInt64 => Of<ulong>([.. contents.Uint64Contents]),
            DataType.Int8 => Of<sbyte>([.. contents.IntContents.Select(value => Narrow<sbyte>(value))]),
            DataType.Int16 => Of<short>([.. contents.IntContents.Select(value => Narrow<short>(value))]),
            DataType.Int32 => Of<int>([.. contents.IntContents]),
            DataType.Int64 => Of<long>([.. contents.Int64Contents]),
            DataType.Fp32 => Of<float>([.. contents.Fp32Contents]),
            DataType.Fp64 => Of<double>([.. contents.Fp64Contents]),
            _ => InferenceTensor.OfStrings(name, shape, [.. contents.BytesContents.Select(value => value.Memory)]),
        };

        InferenceTensor Of<T>(List<T> values)
            where T : unmanaged => InferenceTensor.Of<T>(name, shape, CollectionsMarshal.AsSpan(values));

        T Narrow<T>(long value)
            where T : struct, System.Numerics.INumber<T>
        {
            try
            {
                return T.CreateChecked(value);
            }
            catch (OverflowException)
            {
                throw ProtocolException.Invalid($"Input '{name}' holds {value}, which is no {type.Word()}.");
            }
        }
    }

    private static (int Count, string? Field) Field(DataType type, InferTensorContents contents) => type switch
    {
        DataType.Bool => (contents.BoolContents.Count, "bool_contents"),
        DataType.Int8 or DataType.Int16 or DataType.Int32 => (contents.IntContents.Count, "int_contents"),
        DataType.Int64 => (contents.Int64Contents.Count, "int64_contents"),
        DataType.UInt8 or DataType.UInt16 or DataType.UInt32 => (contents.UintContents.Count, "uint_contents"),
        DataType.UInt64 => (contents.Uint64Contents.Count, "uint64_contents"),
        DataType.Fp32 => (contents.Fp32Contents.Count, "fp32_contents"),
        DataType.Fp64 => (contents.Fp64Contents.Count, "fp64_contents"),
        DataType.Bytes => (contents.BytesContents.Count, "bytes_contents"),
        _ => (0, null),
    };
}
