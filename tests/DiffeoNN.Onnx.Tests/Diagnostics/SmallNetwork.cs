using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>Writes small networks as exporters do, node by node.</summary>
internal sealed class SmallNetwork
{
    private readonly OnnxModel _model = new();
    private int _count;

    public SmallNetwork(OnnxElementType type, params OnnxDimension[] input)
    {
        _model.OpsetImports[""] = 17;
        _model.Graph.Inputs.Add(new OnnxValueInfo("pixels", type, input));
    }

    public OnnxModel Model => _model;

    /// <summary>A node; further inputs are constants.</summary>
    public string Node(string type, string input, OnnxTensor[] constants, params OnnxAttribute[] attributes)
    {
        string[] names = [input, .. constants.Select(tensor => _model.Graph.AddInitializer(tensor.WithName($"constant{_count++}")))];
        return _model.Graph.AddNode(type, names, $"value{_count++}", attributes);
    }

    public string Node(string type, string input, params OnnxAttribute[] attributes) => Node(type, input, [], attributes);

    /// <summary>A convolution 3x3 with weights of a fixed seed.</summary>
    public string Convolution(string input, int from, int to, int stride = 1, float scale = 1)
    {
        var random = new Random(7);
        float[] weights = [.. Enumerable.Range(0, to * from * 9).Select(_ => scale * (float)(random.NextDouble() - 0.5))];
        return Node("Conv", input, [OnnxTensor.Create<float>("w", [to, from, 3, 3], weights)],
            OnnxAttribute.Of("pads", [1L, 1, 1, 1]), OnnxAttribute.Of("strides", [(long)stride, stride]));
    }

    /// <summary>Mean of each channel, weighted: (N, to).</summary>
    public string Head(string input, int from, int to, params float[] weights)
    {
        var flat = Node("Flatten", Node("GlobalAveragePool", input));
        return Node("Gemm", flat, [OnnxTensor.Create<float>("g", [from, to], weights)]);
    }

    public SmallNetwork Output(string name, string value, OnnxElementType type, params OnnxDimension[] shape)
    {
        _model.Graph.AddNode("Identity", [value], name);
        _model.Graph.Outputs.Add(new OnnxValueInfo(name, type, shape));
        return this;
    }

    public string Save(string path)
    {
        _model.Save(path);
        return path;
    }
}
