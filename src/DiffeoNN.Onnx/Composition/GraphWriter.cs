using System.Globalization;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Composition;

/// <summary>Writes a graph node by node. Values are named by their operators and numbered; constants of equal content are one.</summary>
internal sealed class GraphWriter
{
    /// <summary>Version of the operator set that graphs of this process have at least.</summary>
    public const int LeastOpset = 18;

    /// <summary>Oldest version that can be written: the first that scatters by adding and samples grids.</summary>
    public const int OldestOpset = 16;

    private readonly Dictionary<string, string> _constants = new(StringComparer.Ordinal);
    private string _prefix;
    private OnnxGraph? _body;
    private int _count;

    /// <summary>A new graph.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="opset">Version of the operator set, at least <see cref="OldestOpset"/>.</param>
    /// <param name="prefix">Of names of values; the graph's name if null.</param>
    public GraphWriter(string name, int opset = LeastOpset, string? prefix = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(opset, OldestOpset);
        Model = new OnnxModel { IrVersion = 9, ProducerName = "DiffeoNN.Onnx" };
        Model.OpsetImports[""] = opset;
        Model.Graph.Name = name;
        _prefix = prefix ?? $"{name}/";
    }

    /// <summary>What was written so far.</summary>
    public OnnxModel Model { get; }

    /// <summary>The graph that is written: the model's, or that of a body.</summary>
    public OnnxGraph Graph => _body ?? Model.Graph;

    /// <summary>What names begin with: the stages, each followed by a stroke.</summary>
    public string Stage => _prefix;

    /// <summary>Names what follows by a stage, until what this returns is disposed; stages lie in each other.</summary>
    public IDisposable Scope(string stage)
    {
        var outer = _prefix;
        _prefix = $"{outer}{stage}/";
        return new ScopeEnd(() => _prefix = outer);
    }

    /// <summary>Writes a graph that lies in a node, such as a loop's body, which sees the values outside of it; its constants go to the
    /// model's graph.</summary>
    /// <param name="name">The graph's name.</param>
    /// <param name="write">Declares its inputs, writes its nodes and declares its outputs.</param>
    public OnnxGraph Body(string name, Action<OnnxGraph> write)
    {
        var (outer, body) = (_body, new OnnxGraph { Name = name });
        _body = body;
        try
        {
            write(body);
            return body;
        }
        finally
        {
            _body = outer;
        }
    }

    /// <summary>Declares an input.</summary>
    /// <returns>Its name.</returns>
    public string Input(string name, OnnxElementType type, params OnnxDimension[] shape)
    {
        Graph.Inputs.Add(new OnnxValueInfo(name, type, shape));
        return name;
    }

    /// <summary>Declares a float32 input.</summary>
    public string Input(string name, params OnnxDimension[] shape) => Input(name, OnnxElementType.Float, shape);

    /// <summary>Declares a float32 output under a name of its own.</summary>
    public void Output(string name, string value, params OnnxDimension[] shape)
    {
        Graph.AddNode("Identity", [value], name);
        Graph.Outputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, shape));
    }

    /// <summary>A node of one output.</summary>
    public string Op(string opType, ReadOnlySpan<string> inputs, params OnnxAttribute[] attributes) =>
        Graph.AddNode(opType, inputs.ToArray(), Fresh(opType), attributes);

    /// <summary>A node of several outputs.</summary>
    public string[] Ops(string opType, int outputs, ReadOnlySpan<string> inputs, params OnnxAttribute[] attributes)
    {
        string[] names = [.. Enumerable.Range(0, outputs).Select(_ => Fresh(opType))];
        Graph.Nodes.Add(new OnnxNode(opType, inputs.ToArray(), names, attributes) { Name = names[0] });
        return names;
    }

    public string Add(string a, string b) => Op("Add", [a, b]);

    public string Sub(string a, string b) => Op("Sub", [a, b]);

    public string Mul(string a, string b) => Op("Mul", [a, b]);

    public string Add(string a, double b) => Add(a, Scalar(b));

    public string Mul(string a, double b) => b == 1 ? a : Mul(a, Scalar(b));

    /// <summary>Elements from start up to but not including end of one axis.</summary>
    public string Slice(string value, int axis, long start, long end) => Op("Slice", [value, Ints(start), Ints(end), Ints(axis)]);

    /// <summary>Parts of given sizes along an axis.</summary>
    public string[] Split(string value, int axis, params long[] sizes) =>
        Ops("Split", sizes.Length, [value, Ints(sizes)], OnnxAttribute.Of("axis", axis));

    public string Concat(int axis, params string[] values) => Op("Concat", values, OnnxAttribute.Of("axis", axis));

    /// <summary>Another shape; 0 keeps an axis, -1 takes what is left.</summary>
    public string Reshape(string value, params long[] shape) => Op("Reshape", [value, Ints(shape)]);

    /// <summary>A reduction over axes, which became an input in version 18, that of sums earlier.</summary>
    public string Reduce(string opType, string value, bool keep, params long[] axes) =>
        Model.Opset >= 18 || opType == "ReduceSum"
            ? Op(opType, [value, Ints(axes)], OnnxAttribute.Of("keepdims", keep ? 1 : 0))
            : Op(opType, [value], OnnxAttribute.Of("keepdims", keep ? 1 : 0), OnnxAttribute.Of("axes", axes));

    /// <summary>Largest or smallest value along the last axis and then along the others that are named.
    /// In two stages, since a GPU's reductions are slow where few results come of many values:
    /// 64 times 64,516 took 5.5 ms in one on an H100.</summary>
    /// <param name="opType">ReduceMax or ReduceMin.</param>
    /// <param name="value">At least two axes.</param>
    /// <param name="keep">Whether the axes stay with size 1.</param>
    /// <param name="lastAxis">The last axis.</param>
    /// <param name="others">The other axes.</param>
    public string ReduceInStages(string opType, string value, bool keep, long lastAxis, params long[] others) =>
        keep
            ? Reduce(opType, Reduce(opType, value, true, lastAxis), true, others)
            : Reduce(opType, Reduce(opType, value, false, lastAxis), false, others);

    /// <summary>A float32 number.</summary>
    public string Scalar(double value) => Constant($"{value:R}", name => OnnxTensor.Scalar(name, (float)value));

    /// <summary>A vector of int64.</summary>
    public string Ints(params long[] values) => Constant($"[{string.Join(',', values)}]", name => OnnxTensor.Int64s(name, values));

    /// <summary>A float32 tensor.</summary>
    public string Floats(long[] shape, ReadOnlySpan<float> values) =>
        Constant(OnnxTensor.Create(Fresh("constant"), shape, values));

    /// <summary>A tensor of int32.</summary>
    public string Int32s(long[] shape, ReadOnlySpan<int> values) =>
        Constant(OnnxTensor.Create(Fresh("constant"), shape, values));

    /// <summary>A constant under its own name.</summary>
    public string Constant(OnnxTensor tensor) => Model.Graph.AddInitializer(tensor);

    /// <summary>A name that no other value has.</summary>
    /// <param name="hint">What it ends with, but for a number.</param>
    public string Fresh(string hint) => string.Create(CultureInfo.InvariantCulture, $"{_prefix}{hint}_{_count++}");

    private string Constant(string content, Func<string, OnnxTensor> make)
    {
        if (_constants.TryGetValue(content, out var known))
            return known;
        return _constants[content] = Constant(make(Fresh("constant")));
    }

    private sealed class ScopeEnd(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}
