using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients.Tests.Robustness;

/// <summary>Random damage to models: to the bytes of a file and to what it says.</summary>
internal static class Mutations
{
    private static readonly string[] Operators =
    [
        "Add", "MatMul", "Conv", "ConvTranspose", "Gemm", "Reshape", "Transpose", "Concat", "Split", "Slice", "Gather", "GatherND",
        "GatherElements", "ScatterND", "ScatterElements", "Pad", "Resize", "MaxPool", "AveragePool", "LpPool", "GlobalMaxPool",
        "BatchNormalization", "LayerNormalization", "InstanceNormalization", "GroupNormalization", "LSTM", "GRU", "RNN", "Softmax",
        "ReduceSum", "ReduceMax", "ReduceL1", "TopK", "Einsum", "GridSample", "Where", "Tile", "Expand", "Squeeze", "Unsqueeze", "Flatten",
        "DepthToSpace", "SpaceToDepth", "LRN", "Clip", "Pow", "Mod", "PRelu", "Det", "CumSum", "OneHot", "Trilu", "Compress",
        "ReverseSequence", "If", "Loop", "Cast", "Constant", "Shape", "Range", "Attention", "RoiAlign", "Col2Im", "Upsample", "Frobnicate",
    ];

    private static readonly long[] Numbers =
    [
        0, 1, -1, 2, 3, 7, -5, 64, 1000, 100_000, int.MaxValue, 1L << 40, 1_000_000_000_000, long.MaxValue, long.MinValue,
    ];

    /// <summary>Flips, cuts, copies or overwrites bytes.</summary>
    public static byte[] OfBytes(byte[] bytes, byte[] other, Random random)
    {
        var result = bytes.ToList();
        for (var count = random.Next(1, 4); count > 0 && result.Count > 8; count--)
        {
            var at = random.Next(result.Count);
            var length = Math.Min(random.Next(1, 64), result.Count - at);
            switch (random.Next(7))
            {
                case 0: result[at] ^= (byte)(1 << random.Next(8)); break;
                case 1: result[at] = (byte)random.Next(256); break;
                case 2: result.RemoveRange(at, result.Count - at); break;
                case 3: result.RemoveRange(at, length); break;
                case 4: result.InsertRange(random.Next(result.Count), result.GetRange(at, length)); break;
                case 5:
                    result.InsertRange(at, other.AsSpan(random.Next(other.Length / 2), Math.Min(length, other.Length / 2)).ToArray());
                    break;
                default: result.InsertRange(at, Enumerable.Repeat((byte)0xFF, random.Next(1, 12))); break;
            }
        }

        return [.. result];
    }

    /// <summary>Changes what the message says; the bytes stay well-formed.</summary>
    public static byte[] OfMessage(byte[] bytes, Random random)
    {
        var model = ModelProto.Parser.ParseFrom(bytes);
        for (var count = random.Next(1, 3); count > 0; count--)
            Change(model, random);
        return model.ToByteArray();
    }

    private static T? Pick<T>(IList<T> list, Random random) => list.Count == 0 ? default : list[random.Next(list.Count)];

    private static void Change(ModelProto model, Random random)
    {
        var graph = model.Graph;
        if (Pick(graph.Node, random) is not { } node)
            return;
        string Value() => Pick([.. graph.Node.SelectMany(n => n.Output), .. graph.Input.Select(i => i.Name),
            .. graph.Initializer.Select(i => i.Name), "", "nowhere"], random)!;
        switch (random.Next(24))
        {
            case 0: if (Pick(graph.Initializer, random) is { } gone) graph.Initializer.Remove(gone); break;
            case 1: if (node.Input.Count > 0) node.Input[random.Next(node.Input.Count)] = Value(); break;
            case 2: if (node.Output.Count > 0) node.Output[random.Next(node.Output.Count)] = Value(); break;
            case 3: node.OpType = Operators[random.Next(Operators.Length)]; break;
            case 4: (node.OpType, Pick(graph.Node, random)!.OpType) = (Pick(graph.Node, random)!.OpType, node.OpType); break;
            case 5: if (Pick(node.Attribute, random) is { } removed) node.Attribute.Remove(removed); break;
            case 6: if (Pick(node.Attribute, random) is { } kind) kind.Type = random.Next(16); break;
            case 7: if (Pick(node.Attribute, random) is { } number) Renumber(number, random); break;
            case 8:
                if (Pick(graph.Node, random)!.Attribute is { Count: > 0 } foreign) node.Attribute.Add(Pick(foreign, random)!.Clone());
                break;
            case 9:
                if (Pick(graph.Initializer, random) is { } resized && resized.Dims.Count > 0)
                    resized.Dims[random.Next(resized.Dims.Count)] = Numbers[random.Next(Numbers.Length)];
                break;
            case 10: if (Pick(graph.Initializer, random) is { } typed) typed.DataType = random.Next(-1, 30); break;
            case 11: if (Pick(graph.Initializer, random) is { } reshaped) Reshape(reshaped, random); break;
            case 12: if (Pick(graph.Initializer, random) is { } refilled) Refill(refilled, random); break;
            case 13: if (Pick(graph.Input, random) is { } input) Shape(input, random); break;
            case 14: if (Pick(graph.Input, random) is { Type.TensorType: { } type }) type.ElemType = random.Next(-1, 30); break;
            case 15:
                if (Pick(model.OpsetImport, random) is { } import)
                    import.Version = random.Next(3) == 0 ? Numbers[random.Next(Numbers.Length)] : random.Next(1, 27);
                break;
            case 16: graph.Node.Add(node.Clone()); break;
            case 17: graph.Node.Remove(node); break;
            case 18: node.Input.Add(Value()); break;
            case 19: if (node.Input.Count > 0) node.Input.RemoveAt(random.Next(node.Input.Count)); break;
            case 20: node.Domain = random.Next(2) == 0 ? "com.microsoft" : "ai.onnx.ml"; break;
            case 21: if (Pick(graph.Output, random) is { } output) output.Name = Value(); break;
            case 22: Functions(model, random); break;
            default: model.IrVersion = random.Next(0, 14); break;
        }
    }

    private static void Renumber(AttributeProto attribute, Random random)
    {
        attribute.I = Numbers[random.Next(Numbers.Length)];
        attribute.F = (float)Numbers[random.Next(Numbers.Length)];
        attribute.S = ByteString.CopyFromUtf8(random.Next(2) == 0 ? "nonsense" : "SAME_UPPER");
        if (attribute.Ints.Count > 0 && random.Next(3) > 0)
            attribute.Ints[random.Next(attribute.Ints.Count)] = Numbers[random.Next(Numbers.Length)];
        else if (random.Next(2) == 0)
            attribute.Ints.Add(Numbers[random.Next(Numbers.Length)]);
        else
            attribute.Ints.Clear();
        if (attribute.T is not null)
            Reshape(attribute.T, random);
    }

    private static void Reshape(TensorProto tensor, Random random)
    {
        var count = tensor.Dims.Aggregate(1L, (a, b) => a * b);
        tensor.Dims.Clear();
        for (var k = random.Next(0, 4); k > 0; k--)
            tensor.Dims.Insert(random.Next(tensor.Dims.Count + 1), 1);
        if (count != 1)
            tensor.Dims.Add(count);
    }

    private static void Refill(TensorProto tensor, Random random)
    {
        if (tensor.DataType != (int)OnnxElementType.Int64)
            return;
        var values = tensor.RawData.ToByteArray();
        if (values.Length >= 8)
            BitConverter.GetBytes(Numbers[random.Next(Numbers.Length)]).CopyTo(values, 8 * random.Next(values.Length / 8));
        tensor.RawData = ByteString.CopyFrom(values);
    }

    private static void Shape(ValueInfoProto value, Random random)
    {
        if (value.Type?.TensorType?.Shape is not { } shape)
            return;
        switch (random.Next(4))
        {
            case 0: shape.Dim.Add(new TensorShapeProto.Types.Dimension { DimValue = random.Next(4) }); break;
            case 1: if (shape.Dim.Count > 0) shape.Dim.RemoveAt(random.Next(shape.Dim.Count)); break;
            case 2: if (Pick(shape.Dim, random) is { } dimension) dimension.DimValue = Numbers[random.Next(Numbers.Length)]; break;
            default: value.Type.TensorType.Shape = null; break;
        }
    }

    private static void Functions(ModelProto model, Random random)
    {
        if (Pick(model.Functions, random) is not { } function)
            return;
        switch (random.Next(4))
        {
            case 0:
                function.Node.Add(new NodeProto
                {
                    OpType = Pick(model.Functions, random)!.Name,
                    Domain = function.Domain,
                    Input = { function.Input },
                    Output = { function.Output },
                });
                break;
            case 1: if (function.Input.Count > 0) function.Input.RemoveAt(0); break;
            case 2: function.Name = Pick(model.Functions, random)!.Name; break;
            default: if (Pick(function.Node, random) is { } node) node.OpType = Operators[random.Next(Operators.Length)]; break;
        }
    }
}
