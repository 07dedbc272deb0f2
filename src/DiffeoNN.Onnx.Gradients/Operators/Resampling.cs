namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Resizing: linear in its input and separable, so the gradient multiplies each axis by the transposed interpolation
/// matrix.</summary>
internal static class Resampling
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("Resize", new(10, Resize) { NonDifferentiableInputs = [1, 2, 3] })
        {
            Takes = new(1, 4), InputNames = ["X", "roi", "scales", "sizes"], Ranks = ["1+"], Check = ShapeChecks.Resize,
            Shapes = ShapeInference.Resize,
            Upgrades = [new(11, OpsetConverter.ResizeCoordinates), new(13, OpsetConverter.SizesAlone)],
        },
        // The operator set converter turns it into Resize, which took its place.
        new("Upsample", new(7, Resize) { NonDifferentiableInputs = [1] })
        {
            Takes = new(1, 2), InputNames = ["X", "scales"], Ranks = ["1+"], Check = ShapeChecks.Resize,
            Attributes = [new("scales") { IsRequired = true, Since = 7, Until = 8 }], Shapes = ShapeInference.Resize,
            Upgrades = [new(7, OpsetConverter.UpsampleScales),
                new(9, (n, s) => OpsetConverter.AttributeToInput(n, s, "scales", 1)),
                new(10, (n, _) => [OpsetConverter.Renamed(n, "Resize")])],
        },
    ];

    private static Func<Value>[] Resize(RuleContext n)
    {
        return
        [
            () =>
            {
                var axes = ResizeAxis.Read(n);
                if (Repeats(n, axes) is { } factors)
                    return Blocks(n, factors);
                var gradient = n.dY;
                foreach (var axis in axes)
                    gradient = Multiply(n, gradient, axis);
                return gradient;
            },
        ];
    }

    /// <summary>Where every element of the input is repeated a whole number of times: the numbers for the spatial axes;
    /// null elsewhere.</summary>
    private static long[]? Repeats(RuleContext n, IReadOnlyList<ResizeAxis> axes)
    {
        var rank = n.X.Rank;
        if (rank is < 3 or > 5 || n.X.ElementType != OnnxElementType.Float || axes.Any(a => a.Axis < 2))
            return null;
        var factors = Enumerable.Repeat(1L, rank - 2).ToArray();
        foreach (var axis in axes)
        {
            if (axis.Scale < 1 || axis.Scale != Math.Floor(axis.Scale))
                return null;
            // Whether elements repeat does not depend on how many there are.
            var factor = factors[axis.Axis - 2] = (long)axis.Scale;
            var sample = axis with { Input = axis.Input ?? 5, Output = (axis.Input ?? 5) * factor };
            var matrix = InterpolationMatrix.Build(sample, n.Node);
            for (var o = 0; o < sample.Output; o++)
            {
                for (var i = 0; i < sample.Input; i++)
                {
                    if (matrix[(o * sample.Input!.Value) + i] != (o / factor == i ? 1 : 0))
                        return null;
                }
            }
        }

        return factors;
    }

    /// <summary>Sums over blocks.</summary>
    private static Value Blocks(RuleContext n, long[] factors) => factors.All(f => f == 1) ? n.dY
        : n.dY.Apply("AveragePool", OnnxAttribute.Of("kernel_shape", factors), OnnxAttribute.Of("strides", factors)) * factors.Aggregate(1L,
            (a, b) => a * b);

    private static Value Multiply(RuleContext n, Value gradient, ResizeAxis axis)
    {
        var rank = n.X.Rank;
        var columns = axis.IsKnown
            ? n.Builder.Constant(OnnxTensor.FromDoubles("", n.X.ElementType, [axis.Output!.Value, axis.Input!.Value],
                InterpolationMatrix.Build(axis, n.Node)))
            : new FreeInterpolation(n, axis.Axis, axis.Position, axis.Count).Build();
        if (axis.Axis == rank - 1)
            return n.Builder.Op("MatMul", gradient, columns);
        var rows = columns.Transpose(1, 0);
        if (axis.Axis == rank - 2)
            return n.Builder.Op("MatMul", rows, gradient);
        var order = Enumerable.Range(0, rank).ToArray();
        (order[axis.Axis], order[^2]) = (order[^2], order[axis.Axis]);
        return n.Builder.Op("MatMul", rows, gradient.Transpose(order)).Transpose(order);
    }
}
