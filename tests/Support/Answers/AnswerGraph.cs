using System.Globalization;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>The network of an <see cref="AnswerBundle"/>, node by node.</summary>
internal sealed class AnswerGraph
{
    public const string Image = "image";

    private int _count;
    private string? _zero;

    public AnswerGraph() => Graph.Inputs.Add(new OnnxValueInfo(
        Image, OnnxElementType.Float, ["N", 1, AnswerBundle.Height, AnswerBundle.Width]));

    public OnnxModel Model { get; } = new() { IrVersion = 9 };

    private OnnxGraph Graph => Model.Graph;

    /// <summary>Column of the centre of what is bright, in pixels, (N, 1).</summary>
    public string Column => Centre((row, column) => column);

    /// <summary>Row of the centre.</summary>
    public string Row => Centre((row, column) => row);

    public string Op(string type, params string[] inputs) => Graph.AddNode(type, inputs, Fresh());

    public string Op(string type, OnnxAttribute[] attributes, params string[] inputs) => Graph.AddNode(type, inputs, Fresh(), attributes);

    public string Ints(params long[] values) => Graph.AddInitializer(OnnxTensor.Int64s(Fresh(), values));

    public string Floats(long[] shape, params float[] values) => Graph.AddInitializer(OnnxTensor.Create<float>(Fresh(), shape, values));

    public string Plus(string value, double number) => Op("Add", value, Floats([], (float)number));

    public string Times(string value, double number) => Op("Mul", value, Floats([], (float)number));

    public string Reshape(string value, params long[] shape) => Op("Reshape", value, Ints(shape));

    public string Concat(params string[] values) => Op("Concat", [OnnxAttribute.Of("axis", 1L)], values);

    public string Cast(string value, OnnxElementType type) => Op("Cast", [OnnxAttribute.Of("to", (long)type)], value);

    /// <summary>The same values for every image.</summary>
    /// <param name="shape">With 1 for the batch.</param>
    /// <param name="values">Of one image.</param>
    public string Constant(long[] shape, params float[] values)
    {
        _zero ??= Times(Op("ReduceMean", Image, Ints(1, 2, 3)), 0);
        return Op("Add", Reshape(_zero, [-1, .. shape.Skip(1).Select(_ => 1L)]), Floats(shape, values));
    }

    /// <summary>Names a value as an output.</summary>
    public void Output(string name, string value, OnnxElementType type, params OnnxDimension[] shape)
    {
        Graph.AddNode("Identity", [value], name);
        Graph.Outputs.Add(new OnnxValueInfo(name, type, shape));
    }

    private string Centre(Func<int, int, int> place)
    {
        float[] places = [.. Enumerable.Range(0, AnswerBundle.Height * AnswerBundle.Width)
            .Select(i => (float)place(i / AnswerBundle.Width, i % AnswerBundle.Width))];
        var weighted = Op("Mul", Image, Floats([1, 1, AnswerBundle.Height, AnswerBundle.Width], places));
        return Reshape(Op("Div", Op("ReduceSum", weighted, Ints(1, 2, 3)), Op("ReduceSum", Image, Ints(1, 2, 3))), -1, 1);
    }

    private string Fresh() => string.Create(CultureInfo.InvariantCulture, $"v{_count++}");
}
