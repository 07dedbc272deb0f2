using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;

namespace DiffeoNN.Onnx.Training.Architectures;

/// <summary>Writes a network layer by layer, draws its weights, and counts what it costs.</summary>
/// <remarks>What is trained is called <c>LAYER.weight</c> and <c>LAYER.bias</c>; other constants are not.</remarks>
internal sealed class LayerWriter
{
    private const int LargestGroups = 8;
    private const int LeastOfGroup = 4;
    private readonly SplitMix64? _random;
    private readonly Dictionary<int, (string Ones, string Zeros)> _groups = [];

    /// <param name="name">The graph's name.</param>
    /// <param name="seed">Of the weights; null to count only.</param>
    public LayerWriter(string name, ulong? seed)
    {
        Graph = new GraphWriter(name);
        _random = seed is { } value ? new SplitMix64(value) : null;
    }

    /// <summary>The graph so far.</summary>
    public GraphWriter Graph { get; }

    /// <summary>Multiplications with a weight, for one item.</summary>
    public double MultiplyAdds { get; private set; }

    /// <summary>Numbers that are trained.</summary>
    public long Parameters { get; private set; }

    /// <summary>Declares the image.</summary>
    public Feature Image(int channels, int height, int width) =>
        new(Graph.Input("image", "N", channels, height, width), channels, height, width);

    /// <summary>A convolution, padded so that a stride of s leaves a side of n with floor or ceil of n / s (even or odd kernels).</summary>
    /// <param name="x">What is convolved.</param>
    /// <param name="name">The layer's name.</param>
    /// <param name="outputs">Channels of the result.</param>
    /// <param name="kernel">Side of the kernel.</param>
    /// <param name="stride">Step.</param>
    /// <param name="gain">Of He's standard deviation, <c>gain * sqrt(2 / fan-in)</c>; 0 for zeros.</param>
    /// <param name="hasBias">Whether there is a bias; not where a normalisation follows.</param>
    public Feature Conv(Feature x, string name, int outputs, int kernel, int stride = 1, double gain = 1, bool hasBias = true)
    {
        var pad = (kernel - 1) / 2;
        int Side(int side) => ((side + (2 * pad) - kernel) / stride) + 1;
        var result = x with { Channels = outputs, Height = Side(x.Height), Width = Side(x.Width) };
        var fan = x.Channels * kernel * kernel;
        string[] inputs = [x.Name, Weight($"{name}.weight", He(gain, fan), outputs, x.Channels, kernel, kernel),
            .. hasBias ? [Weight($"{name}.bias", 0, outputs)] : Array.Empty<string>()];
        MultiplyAdds += (double)fan * result.Size;
        return result with
        {
            Name = Graph.Op("Conv", inputs, OnnxAttribute.Of("pads", [pad, pad, pad, (long)pad]),
                OnnxAttribute.Of("strides", [stride, (long)stride]), OnnxAttribute.Of("kernel_shape", [kernel, (long)kernel])),
        };
    }

    /// <summary>A transposed convolution with a kernel of 4 that doubles a side, or doubles it and adds one.</summary>
    public Feature Enlarge(Feature x, string name, int outputs, int height, int width, double gain = 1, bool hasBias = true)
    {
        // Of the kernel's sixteen weights each pixel sees four.
        string[] inputs = [x.Name, Weight($"{name}.weight", He(gain, 4 * x.Channels), x.Channels, outputs, 4, 4),
            .. hasBias ? [Weight($"{name}.bias", 0, outputs)] : Array.Empty<string>()];
        MultiplyAdds += 4.0 * x.Channels * outputs * height * width;
        long Last(int side, int target) => 1 + (2 * side) - target;
        return new Feature(Graph.Op("ConvTranspose", inputs,
            OnnxAttribute.Of("pads", [1L, 1, Last(x.Height, height), Last(x.Width, width)]),
            OnnxAttribute.Of("strides", [2L, 2]), OnnxAttribute.Of("kernel_shape", [4L, 4])), outputs, height, width);
    }

    /// <summary>Group normalisation with a scale and a shift of each channel. It depends on no other image, so that a network trains as it
    /// infers.</summary>
    public Feature Normalise(Feature x, string name)
    {
        var groups = Enumerable.Range(1, LargestGroups).Last(g => x.Channels % g == 0 && (g == 1 || x.Channels / g >= LeastOfGroup));
        if (!_groups.TryGetValue(groups, out var constants))
        {
            constants = (Graph.Floats([groups], Enumerable.Repeat(1f, groups).ToArray()), Graph.Floats([groups], new float[groups]));
            _groups[groups] = constants;
        }

        var normal = Graph.Op("InstanceNormalization", [Graph.Reshape(x.Name, 0, groups, -1), constants.Ones, constants.Zeros]);
        var planar = Graph.Reshape(normal, 0, x.Channels, x.Height, x.Width);
        var scaled = Graph.Mul(planar, Fill($"{name}.weight", 1, x.Channels, 1, 1));
        return x with { Name = Graph.Add(scaled, Fill($"{name}.bias", 0, x.Channels, 1, 1)) };
    }

    /// <summary>x sigmoid(x), whose gradient is continuous.</summary>
    public Feature Silu(Feature x) => x with { Name = Silu(x.Name) };

    /// <inheritdoc cref="Silu(Feature)"/>
    public string Silu(string x) => Graph.Mul(x, Graph.Op("Sigmoid", [x]));

    /// <summary>Means of blocks of pixels; those at the end may be smaller.</summary>
    public Feature Reduce(Feature x, int factor)
    {
        if (factor == 1)
            return x;
        int Side(int side) => (side + factor - 1) / factor;
        long Last(int side) => ((long)Side(side) * factor) - side;
        return new Feature(Graph.Op("AveragePool", [x.Name], OnnxAttribute.Of("kernel_shape", [factor, (long)factor]),
            OnnxAttribute.Of("strides", [factor, (long)factor]), OnnxAttribute.Of("pads", [0, 0, Last(x.Height), Last(x.Width)]),
            OnnxAttribute.Of("count_include_pad", 0L)), x.Channels, Side(x.Height), Side(x.Width));
    }

    /// <summary>(N, inputs) to (N, outputs).</summary>
    public string Linear(string x, string name, int inputs, int outputs, double gain = 1)
    {
        MultiplyAdds += (double)inputs * outputs;
        return Graph.Add(Graph.Op("MatMul", [x, Weight($"{name}.weight", He(gain, inputs), inputs, outputs)]),
            Weight($"{name}.bias", 0, outputs));
    }

    private static double He(double gain, int fan) => gain * Math.Sqrt(2.0 / fan);

    private string Fill(string name, float value, params long[] shape) => Add(name, shape, () => value);

    private string Weight(string name, double deviation, params long[] shape) =>
        Add(name, shape, () => deviation == 0 ? 0 : (float)(deviation * _random!.Normal()));

    private string Add(string name, long[] shape, Func<float> draw)
    {
        var count = shape.Aggregate(1L, (product, size) => product * size);
        Parameters += count;
        if (_random is null)
            return name;
        var values = new float[count];
        for (var i = 0; i < values.Length; i++)
            values[i] = draw();
        return Graph.Graph.AddInitializer(OnnxTensor.Create<float>(name, shape, values));
    }
}
