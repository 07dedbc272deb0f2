using DiffeoNN.Onnx.Gradients.Proto;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Gradients;

/// <summary>Turns the format's messages into this library's graph.</summary>
/// <param name="external">Where tensors outside the file are.</param>
internal sealed class ModelReader(ExternalData external)
{
    public OnnxModel Read(ModelProto model)
    {
        if (model.Graph is null)
            throw new OnnxModelException("The model has no graph.");
        var result = new OnnxModel
        {
            IrVersion = model.IrVersion,
            ProducerName = model.ProducerName,
            ProducerVersion = model.ProducerVersion,
            DocString = model.DocString,
            Graph = Read(model.Graph),
        };
        foreach (var (domain, version) in Opsets(model.OpsetImport))
            result.OpsetImports[domain] = version;
        foreach (var entry in model.MetadataProps)
            result.Metadata[entry.Key] = entry.Value;
        foreach (var function in model.Functions)
            result.Functions.Add(Read(function));
        return result;
    }

    private static Dictionary<string, long> Opsets(IEnumerable<OperatorSetIdProto> imports)
    {
        var result = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var import in imports)
            result[OnnxModel.NormaliseDomain(import.Domain)] = import.Version;
        return result;
    }

    private OnnxGraph Read(GraphProto graph)
    {
        var result = new OnnxGraph { Name = graph.Name };
        result.Inputs.AddRange(graph.Input.Select(Read));
        result.Outputs.AddRange(graph.Output.Select(Read));
        result.ValueInfos.AddRange(graph.ValueInfo.Select(Read));
        foreach (var tensor in graph.Initializer)
            Add(result, TensorReader.Read(tensor, external));
        foreach (var tensor in graph.SparseInitializer)
            Add(result, TensorReader.Read(tensor, external));
        result.Nodes.AddRange(graph.Node.Select(Read));
        return result;
    }

    private static void Add(OnnxGraph graph, OnnxTensor tensor)
    {
        if (tensor.Name.Length == 0)
            throw new OnnxModelException($"Graph '{graph.Name}' has an initialiser without a name.");
        if (!graph.Initializers.TryAdd(tensor.Name, tensor))
            throw new OnnxModelException($"Graph '{graph.Name}' has two initialisers named '{tensor.Name}'.");
    }

    private OnnxFunction Read(FunctionProto function) => new(
        OnnxModel.NormaliseDomain(function.Domain),
        function.Name,
        function.Overload,
        [.. function.Input],
        [.. function.Output],
        [.. function.Node.Select(Read)],
        [.. function.AttributeProto.Select(Read)],
        Opsets(function.OpsetImport));

    private OnnxNode Read(NodeProto node) => new(node.OpType, node.Input, node.Output, node.Attribute.Select(Read))
    {
        Domain = OnnxModel.NormaliseDomain(node.Domain),
        Name = node.Name,
        Overload = node.Overload,
    };

    private OnnxAttribute Read(AttributeProto attribute)
    {
        var kind = (OnnxAttributeKind)attribute.Type;
        if (kind == OnnxAttributeKind.Undefined)
            kind = Guess(attribute);
        object? value = kind switch
        {
            OnnxAttributeKind.Float => attribute.F,
            OnnxAttributeKind.Int => attribute.I,
            OnnxAttributeKind.String => attribute.S.ToByteArray(),
            OnnxAttributeKind.Tensor when attribute.T is not null => TensorReader.Read(attribute.T, external),
            OnnxAttributeKind.SparseTensor when attribute.SparseTensor is not null => TensorReader.Read(attribute.SparseTensor, external),
            OnnxAttributeKind.Graph when attribute.G is not null => Read(attribute.G),
            OnnxAttributeKind.Floats => attribute.Floats.ToArray(),
            OnnxAttributeKind.Ints => attribute.Ints.ToArray(),
            OnnxAttributeKind.Strings => attribute.Strings.Select(s => s.ToByteArray()).ToArray(),
            OnnxAttributeKind.Graphs => attribute.Graphs.Select(Read).ToArray(),
            _ => attribute,
        };
        return OnnxAttribute.Raw(attribute.Name, kind, value, attribute.RefAttrName.Length > 0 ? attribute.RefAttrName : null);
    }

    /// <summary>Files before version 2 of the format do not say what an attribute holds: whatever is there.</summary>
    private static OnnxAttributeKind Guess(AttributeProto a) =>
        a.HasF ? OnnxAttributeKind.Float
        : a.HasI ? OnnxAttributeKind.Int
        : a.HasS ? OnnxAttributeKind.String
        : a.T is not null ? OnnxAttributeKind.Tensor
        : a.G is not null ? OnnxAttributeKind.Graph
        : a.Floats.Count > 0 ? OnnxAttributeKind.Floats
        : a.Ints.Count > 0 ? OnnxAttributeKind.Ints
        : a.Strings.Count > 0 ? OnnxAttributeKind.Strings
        : OnnxAttributeKind.Undefined;

    private static OnnxValueInfo Read(ValueInfoProto value)
    {
        if (value.Type is null)
            return new OnnxValueInfo(value.Name, OnnxElementType.Undefined, null) { DocString = value.DocString };
        if (value.Type.ValueCase != TypeProto.ValueOneofCase.TensorType)
            return new OnnxValueInfo(value.Name, OnnxElementType.Undefined, null) { OtherType = value.Type, DocString = value.DocString };
        var tensor = value.Type.TensorType;
        return new OnnxValueInfo(value.Name, (OnnxElementType)tensor.ElemType, tensor.Shape?.Dim.Select(Read).ToArray())
        {
            DocString = value.DocString,
        };
    }

    private static OnnxDimension Read(TensorShapeProto.Types.Dimension dimension) => dimension.ValueCase switch
    {
        // Some exporters write -1 or 0 for a free dimension.
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimValue when dimension.DimValue >= 0 => dimension.DimValue,
        TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam when dimension.DimParam.Length > 0 => dimension.DimParam,
        _ => OnnxDimension.Unknown,
    };
}
