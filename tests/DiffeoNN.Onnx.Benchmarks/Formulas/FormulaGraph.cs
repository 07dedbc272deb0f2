using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Benchmarks.Formulas;

/// <summary>A small graph written by hand: one way to compute a gradient. Input <c>x</c> and what else it declares;
/// output <c>result</c>.</summary>
internal sealed class FormulaGraph
{
    private readonly Random _random = new(11);
    private int _count;

    public FormulaGraph(params (string Name, long[] Shape)[] inputs)
    {
        Model.OpsetImports[""] = 18;
        foreach (var (name, shape) in inputs)
            Model.Graph.Inputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, [.. shape.Select(s => (OnnxDimension)s)]));
    }

    public OnnxModel Model { get; } = new();

    public string Op(string opType, string[] inputs, params OnnxAttribute[] attributes) =>
        Model.Graph.AddNode(opType, inputs, $"{opType}_{_count++}", attributes);

    /// <summary>A node with two outputs.</summary>
    public (string First, string Second) Two(string opType, string[] inputs, params OnnxAttribute[] attributes)
    {
        var name = $"{opType}_{_count++}";
        Model.Graph.Nodes.Add(new OnnxNode(opType, inputs, [name, name + "_2"], attributes) { Name = name });
        return (name, name + "_2");
    }

    public string Integers(params long[] values) => Model.Graph.AddInitializer(OnnxTensor.Int64s($"integers_{_count++}", values));

    public string Number(float value) => Model.Graph.AddInitializer(OnnxTensor.Scalar($"number_{_count++}", value));

    /// <summary>Random weights, the same for the same sequence of calls.</summary>
    public string Weights(params long[] shape) => Tensor(shape, RandomValues(shape));

    public float[] RandomValues(params long[] shape)
    {
        var scale = 1 / Math.Sqrt(shape.Skip(1).Aggregate(1L, (a, b) => a * b));
        return [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b))
            .Select(_ => (float)(((2 * _random.NextDouble()) - 1) * scale))];
    }

    public string Tensor(long[] shape, float[] values) =>
        Model.Graph.AddInitializer(OnnxTensor.Create<float>($"weights_{_count++}", shape, values));

    public OnnxModel Result(string value)
    {
        Model.Graph.AddNode("Identity", [value], "result");
        Model.Graph.Outputs.Add(new OnnxValueInfo("result", OnnxElementType.Float, null));
        return Model;
    }
}
