using System.Numerics;

namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// The adjoint of a convolution and then that of a transposed one, with nothing between them, as where a U-Net joins what it has
/// upsampled: one convolution with the kernels of both, where that is no more work.
/// The value between them, of the larger size, is not formed.
/// </summary>
internal sealed class ComposedConvolution
{
    /// <summary>Products to multiply two kernels, at most: a part of a second while the graph is compiled.</summary>
    private const long MostProducts = 1L << 28;

    private readonly AdjointConvolution _first;
    private readonly OnnxTensor _weights;
    private readonly Window _window;
    private readonly long[] _kernel;

    private ComposedConvolution(AdjointConvolution first, OnnxTensor weights, Window window)
    {
        (_first, _weights, _window) = (first, weights, window);
        _kernel = [.. window.Kernel.Zip(first.Window.Kernel, (a, b) => a + b - 1)];
    }

    /// <summary>Multiplications for each element of the value between them (times channels), by one convolution.</summary>
    public double Cost =>
        (double)Product(_kernel) * _first.Weights.Dimensions[0] * Blocked(_weights.Dimensions[0]) / Product(_window.Strides);

    /// <summary>The same for the second convolution alone.</summary>
    public double SecondCost =>
        (double)Product(_window.Kernel) * _weights.Dimensions[1] * Blocked(_weights.Dimensions[0]) / Product(_window.Strides);

    private double FirstCost => (double)Product(_first.Window.Kernel) * _first.Weights.Dimensions[0] * Blocked(_weights.Dimensions[1]);

    /// <summary>Whether the one convolution is no more work than the two.</summary>
    public bool Pays => Cost <= FirstCost + SecondCost;

    /// <summary>Composes the gradient that arrives at a transposed convolution with that of the transposed convolution itself.</summary>
    /// <param name="n">The transposed convolution.</param>
    /// <param name="first">The adjoint convolution that forms the gradient with respect to its output.</param>
    /// <returns>Null where the two are no plain convolutions without padding between them, or the value between them is needed.</returns>
    public static ComposedConvolution? Of(RuleContext n, AdjointConvolution first)
    {
        // A gradient with respect to weights or bias needs the value between; so does another operand that shares it.
        if (n.Input(1).Facts.Constant is not { } weights || (n.Has(2) && n.Input(2).Facts.Constant is null) || first.Like.Name != n.Y.Name
            || weights.ElementType is not (OnnxElementType.Float or OnnxElementType.Double)
            || weights.ElementType != first.Weights.ElementType
            || weights.Count == 0 || first.Weights.Count == 0
            || n.Node.GetInt("group", 1) != 1 || first.Group != 1 || n.Node.GetString("auto_pad", "NOTSET") != "NOTSET"
            || n.Node.Attributes.ContainsKey("output_shape")
            || n.X.Shape is not { } shape || Window.Read(n.Node, shape, n.Input(1).Shape) is not { } window || !Plain(window)
            || !Plain(first.Window with { Begin = window.Begin, End = window.End })
            || first.Window.Strides.Any(s => s != 1) || first.Weights.Dimensions[1] != weights.Dimensions[1]
            || (n.Node.GetInts("output_padding") ?? []).Where((p, i) => p >= window.Strides[i]).Any())
            return null;
        var composed = new ComposedConvolution(first, weights, window);
        return composed.Pads().All(p => p >= 0)
            && Product(first.Window.Kernel) * weights.Count * first.Weights.Dimensions[0] <= MostProducts
            ? composed
            : null;
    }

    /// <summary>Adds the one convolution to the graph.</summary>
    public Value Emit()
    {
        var builder = _first.dY.Builder;
        return builder.Node("Conv", [_first.dY, builder.Constant(Weights())], OnnxAttribute.Of("kernel_shape", _kernel),
            OnnxAttribute.Of("pads", Pads()),
            OnnxAttribute.Of("strides", _window.Strides))[0];
    }

    /// <summary>The runtime computes channels in blocks.</summary>
    private static long Blocked(long channels) => (channels + 15) / 16 * 16;

    private static bool Plain(Window window) =>
        window.Automatic.Length == 0 && window.Dilations.All(d => d == 1) && window.Begin.Concat(window.End).All(p => p == 0);

    private long[] Pads()
    {
        var window = _first.Window;
        return [.. window.Kernel.Zip(window.Begin, (k, p) => k - 1 - p), .. window.Kernel.Zip(window.End, (k, p) => k - 1 - p)];
    }

    /// <summary>Sum over the channels between and over all places that two elements of the kernels meet in.</summary>
    private OnnxTensor Weights()
    {
        var (outputs, between, inputs) = ((int)_weights.Dimensions[0], (int)_weights.Dimensions[1], (int)_first.Weights.Dimensions[0]);
        // Channels of the result, then elements of the kernel, then channels of dY.
        int[] spatial = [.. Enumerable.Range(2, _kernel.Length)];
        var first = TensorTransforms.Transpose(TensorTransforms.Flip(_first.Weights, spatial), [1, .. spatial, 0]).ToDoubleArray();
        var second = _weights.ToDoubleArray();
        var (firstElements, secondElements, elements) =
            ((int)Product(_first.Window.Kernel), (int)Product(_window.Kernel), (int)Product(_kernel));
        var result = new double[outputs * elements * inputs];
        for (var o = 0; o < outputs; o++)
        {
            for (var c = 0; c < between; c++)
            {
                for (var b = 0; b < secondElements; b++)
                {
                    var weight = second[(((o * between) + c) * secondElements) + b];
                    for (var a = 0; a < firstElements; a++)
                        AddScaled(result.AsSpan(((o * elements) + Place(b, a)) * inputs, inputs),
                            first.AsSpan(((c * firstElements) + a) * inputs, inputs), weight);
                }
            }
        }

        var composed = OnnxTensor.FromDoubles("", _weights.ElementType, [outputs, .. _kernel, inputs], result);
        return TensorTransforms.Transpose(composed, [0, spatial.Length + 1, .. spatial.Select(d => d - 1)]);
    }

    /// <summary>The element of the composed kernel that two elements meet in.</summary>
    private int Place(int second, int first)
    {
        var (place, stride) = (0, 1);
        for (var d = _kernel.Length - 1; d >= 0; d--)
        {
            place += (int)((second % _window.Kernel[d]) + (first % _first.Window.Kernel[d])) * stride;
            stride *= (int)_kernel[d];
            second /= (int)_window.Kernel[d];
            first /= (int)_first.Window.Kernel[d];
        }

        return place;
    }

    private static void AddScaled(Span<double> sum, ReadOnlySpan<double> values, double factor)
    {
        var i = 0;
        for (; i <= sum.Length - Vector<double>.Count; i += Vector<double>.Count)
            (new Vector<double>(sum[i..]) + (new Vector<double>(values[i..]) * factor)).CopyTo(sum[i..]);
        for (; i < sum.Length; i++)
            sum[i] += values[i] * factor;
    }

    private static long Product(long[] sizes) => sizes.Aggregate(1L, (a, b) => a * b);
}
