using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Turns this library's graph into the format's messages.</summary>
internal static class ModelWriter
{
    /// <param name="model">The model.</param>
    /// <param name="store">Puts a tensor's bytes elsewhere and returns true, or returns false to keep them in the message.</param>
    public static ModelProto Write(OnnxModel model, Func<OnnxTensor, TensorProto, bool>? store = null)
    {
        var result = new ModelProto
        {
            IrVersion = model.IrVersion,
            ProducerName = model.ProducerName,
            ProducerVersion = model.ProducerVersion,
            DocString = model.DocString,
            Graph = Write(model.Graph, store),
        };
        result.OpsetImport.AddRange(model.OpsetImports.Select(o => new OperatorSetIdProto { Domain = o.Key, Version = o.Value }));
        result.MetadataProps.AddRange(model.Metadata.Select(m => new StringStringEntryProto { Key = m.Key, Value = m.Value }));
        result.Functions.AddRange(model.Functions.Select(Write));
        return result;
    }

    public static TensorProto Write(OnnxTensor tensor, Func<OnnxTensor, TensorProto, bool>? store = null)
    {
        var result = new TensorProto { Name = tensor.Name, DataType = (int)tensor.ElementType };
        result.Dims.AddRange(tensor.Dimensions);
        if (tensor.StringData is { } strings)
            result.StringData.AddRange(strings.Select(s => ByteString.CopyFrom(s)));
        else if (store is null || !store(tensor, result))
            result.RawData = UnsafeByteOperations.UnsafeWrap(tensor.Data);
        return result;
    }

    private static GraphProto Write(OnnxGraph graph, Func<OnnxTensor, TensorProto, bool>? store)
    {
        var result = new GraphProto { Name = graph.Name };
        result.Input.AddRange(graph.Inputs.Select(Write));
        result.Output.AddRange(graph.Outputs.Select(Write));
        result.ValueInfo.AddRange(graph.ValueInfos.Select(Write));
        result.Initializer.AddRange(graph.Initializers.Select(i => Write(i.Value.WithName(i.Key), store)));
        result.Node.AddRange(graph.Nodes.Select(n => Write(n, store)));
        return result;
    }

    private static NodeProto Write(OnnxNode node, Func<OnnxTensor, TensorProto, bool>? store = null)
    {
        var result = new NodeProto { OpType = node.OpType, Domain = node.Domain, Name = node.Name, Overload = node.Overload };
        result.Input.AddRange(node.Inputs);
        result.Output.AddRange(node.Outputs);
        result.Attribute.AddRange(node.Attributes.Values.Select(a => Write(a, store)));
        return result;
    }

    private static FunctionProto Write(OnnxFunction function)
    {
        var result = new FunctionProto { Name = function.Name, Domain = function.Domain, Overload = function.Overload };
        result.Input.AddRange(function.Inputs);
        result.Output.AddRange(function.Outputs);
        result.Node.AddRange(function.Nodes.Select(n => Write(n)));
        result.AttributeProto.AddRange(function.Defaults.Select(d => Write(d)));
        result.OpsetImport.AddRange(function.OpsetImports.Select(o => new OperatorSetIdProto { Domain = o.Key, Version = o.Value }));
        var defaults = function.Defaults.Select(d => d.Name).ToHashSet(StringComparer.Ordinal);
        result.Attribute.AddRange(function.Nodes.SelectMany(n => n.Attributes.Values).Select(a => a.Reference)
            .OfType<string>().Where(r => !defaults.Contains(r)).Distinct());
        return result;
    }

    private static AttributeProto Write(OnnxAttribute attribute, Func<OnnxTensor, TensorProto, bool>? store = null)
    {
        if (attribute.Value is AttributeProto raw)
            return raw;
        var result = new AttributeProto { Name = attribute.Name, Type = (int)attribute.Kind, RefAttrName = attribute.Reference ?? "" };
        if (attribute.Reference is not null)
            return result;
        switch (attribute.Value)
        {
            case float f: result.F = f; break;
            case long i: result.I = i; break;
            case byte[] s: result.S = ByteString.CopyFrom(s); break;
            case OnnxTensor t:
                // Sparse tensors were made dense when they were read.
                result.Type = (int)OnnxAttributeKind.Tensor;
                if (attribute.Name == "sparse_value")
                    result.Name = "value";
                result.T = Write(t, store);
                break;
            case OnnxGraph g: result.G = Write(g, store); break;
            case float[] floats: result.Floats.AddRange(floats); break;
            case long[] ints: result.Ints.AddRange(ints); break;
            case byte[][] strings: result.Strings.AddRange(strings.Select(s => ByteString.CopyFrom(s))); break;
            case OnnxGraph[] graphs: result.Graphs.AddRange(graphs.Select(g => Write(g, store))); break;
            default: throw new OnnxModelException($"Attribute '{attribute.Name}' of kind {attribute.Kind} has no value.");
        }

        return result;
    }

    private static ValueInfoProto Write(OnnxValueInfo value)
    {
        var result = new ValueInfoProto { Name = value.Name, DocString = value.DocString };
        if (value.OtherType is not null)
            result.Type = value.OtherType;
        else if (value.ElementType != OnnxElementType.Undefined)
            result.Type = new TypeProto
                { TensorType = new TypeProto.Types.Tensor { ElemType = (int)value.ElementType, Shape = Write(value.Shape) } };
        return result;
    }

    private static TensorShapeProto? Write(IReadOnlyList<OnnxDimension>? shape)
    {
        if (shape is null)
            return null;
        var result = new TensorShapeProto();
        foreach (var dimension in shape)
        {
            var item = new TensorShapeProto.Types.Dimension();
            if (dimension.Size is { } size)
                item.DimValue = size;
            else if (dimension.Symbol is { } symbol)
                item.DimParam = symbol;
            result.Dim.Add(item);
        }

        return result;
    }
}
