using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Composition;

/// <summary>The gradient of a maximum over windows that lie side by side and fill the image.</summary>
/// <remarks>
/// <c>MaxPoolGradient(X (N, C, H, W), dY (N, C, h, w))</c> looks for the places of the maxima once more, the first one in a window as the
/// runtime does, where MaxUnpool wants their indices: with these ONNX Runtime pools number by number and in its plain layout alone.
/// </remarks>
internal sealed class PoolGradientOperator() : OrtOperator(ManagedOperators.Domain, Name, 2, 1, "height", "width")
{
    private const string Name = "MaxPoolGradient";

    private static readonly OperatorDefinition Pool = OperatorSet.Default.Find("", "MaxPool")!;
    private static readonly GradientRule Usual = Pool.Gradients.Single();

    /// <summary>What the gradient compiler is to know: the operator, and MaxPool with a gradient by it.</summary>
    public static IReadOnlyList<OperatorDefinition> Definitions { get; } =
    [
        new(Name) { Domain = ManagedOperators.Domain, Takes = new(2, 2), InputNames = ["X", "dY"], Shapes = n => [n.Facts(0)] },
        Pool with { Gradients = [new GradientRule(Usual.SinceVersion, Gradient) { Limits = Usual.Limits }] },
    ];

    /// <inheritdoc/>
    protected override unsafe void Compute(OrtOperatorCall call)
    {
        var (x, dY) = (call.Inputs[0], call.Inputs[1]);
        var (height, width) = (call.Attribute(0), call.Attribute(1));
        if (x.Shape.Length != 4 || dY.Shape.Length != 4
            || !x.Shape.AsSpan().SequenceEqual([dY.Shape[0], dY.Shape[1], dY.Shape[2] * height, dY.Shape[3] * width]))
            throw new OrtOperatorException($"A maximum's gradient was given X as [{string.Join(',', x.Shape)}] and dY as "
                + $"[{string.Join(',', dY.Shape)}]; expected (N,C,H,W) and (N,C,H/{height},W/{width}).");
        var (rows, columns) = (checked((int)dY.Shape[2]), checked((int)dY.Shape[3]));
        var from = (float*)x.Address;
        var gradient = (float*)dY.Address;
        var to = (float*)call.Output(0, x.Shape);
        long whole = (long)rows * height * columns * width, pooled = (long)rows * columns;
        call.InParallel(checked((int)(x.Shape[0] * x.Shape[1])), plane =>
            Undo(from + (plane * whole), gradient + (plane * pooled), to + (plane * whole), rows, columns, height, width));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe void Undo(float* x, float* dY, float* dX, int rows, int columns, int height, int width)
    {
        var line = columns * width;
        new Span<float>(dX, rows * height * line).Clear();
        for (var row = 0; row < rows; row++)
        {
            var fast = height == 2 && width == 2
                ? Pairs(x + (row * 2 * line), dY + (row * columns), dX + (row * 2 * line), columns, line) : 0;
            for (var column = fast; column < columns; column++)
            {
                var first = (row * height * line) + (column * width);
                var (best, largest) = (first, x[first]);
                for (var i = 0; i < height; i++)
                {
                    for (var place = first + (i * line); place < first + (i * line) + width; place++)
                    {
                        if (x[place] > largest)
                            (best, largest) = (place, x[place]);
                    }
                }

                dX[best] = dY[(row * columns) + column];
            }
        }
    }

    /// <summary>A row of windows of 2 x 2, four at once.</summary>
    /// <returns>How many windows were undone.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static unsafe int Pairs(float* x, float* dY, float* dX, int columns, int line)
    {
        // Of two equal neighbours the left one counts, of two equal rows the upper one.
        var left = Vector256.Create(-1, 0, -1, 0, -1, 0, -1, 0).AsSingle();
        var column = 0;
        for (; column + 4 <= columns; column += 4)
        {
            var upper = Vector256.Load(x + (2 * column));
            var lower = Vector256.Load(x + (2 * column) + line);
            var upperOther = Vector256.Shuffle(upper, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6));
            var lowerOther = Vector256.Shuffle(lower, Vector256.Create(1, 0, 3, 2, 5, 4, 7, 6));
            var isLower = Vector256.GreaterThan(Vector256.Max(lower, lowerOther), Vector256.Max(upper, upperOther));
            var gradient = Vector256.Shuffle(Vector128.Load(dY + column).ToVector256(), Vector256.Create(0, 0, 1, 1, 2, 2, 3, 3));
            var inUpper = Vector256.ConditionalSelect(
                left, Vector256.GreaterThanOrEqual(upper, upperOther), Vector256.GreaterThan(upper, upperOther));
            var inLower = Vector256.ConditionalSelect(
                left, Vector256.GreaterThanOrEqual(lower, lowerOther), Vector256.GreaterThan(lower, lowerOther));
            (Vector256.AndNot(gradient, isLower) & inUpper).Store(dX + (2 * column));
            (gradient & isLower & inLower).Store(dX + (2 * column) + line);
        }

        return column;
    }

    private static IReadOnlyList<Func<Value>?> Gradient(RuleContext n)
    {
        if (!Fits(n))
            return Usual.Function(n);
        var kernel = n.Node.GetInts("kernel_shape")!;
        return
        [
            () => n.Add(Name, [n.X, n.dY], [OnnxAttribute.Of("height", kernel[0]), OnnxAttribute.Of("width", kernel[1])],
                domain: ManagedOperators.Domain)[0],
        ];
    }

    /// <summary>Whether windows of two axes lie side by side and fill the image.</summary>
    private static bool Fits(RuleContext n)
    {
        if (n.X.ElementType != OnnxElementType.Float || n.X.Shape is not { Length: 4 } x || n.Y.Shape is not { Length: 4 } y
            || n.Node.GetInts("kernel_shape") is not { Count: 2 } kernel || n.Node.GetInts("strides") is not { Count: 2 } strides
            || n.Node.GetString("auto_pad", "NOTSET") != "NOTSET"
            || n.Node.GetInts("pads")?.Any(p => p != 0) == true || n.Node.GetInts("dilations")?.Any(d => d != 1) == true)
            return false;
        return Enumerable.Range(0, 2).All(i => kernel[i] == strides[i] && x[i + 2].Size is { } size && y[i + 2].Size * kernel[i] == size);
    }
}
