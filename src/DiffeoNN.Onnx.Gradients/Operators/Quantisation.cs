namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>Quantised values: what was rounded carries no derivative, the scales of what is read back do.</summary>
internal static class Quantisation
{
    public static IReadOnlyList<OperatorDefinition> All { get; } =
    [
        new("DequantizeLinear",
            GradientRule.Expanded(10, n => [Dequantised(n)]) with
                { NonDifferentiableInputs = [0, 2], Limits = "With `block_size` the size of its axis must be known." })
        {
            Takes = new(2, 3), InputNames = ["x", "x_scale", "x_zero_point"], Shapes = ShapeInference.DequantizeLinear,
        },
    ];

    /// <summary>Y = (X - zero) * scale, scale and zero by tensor, by slice along the axis, or by block of slices.</summary>
    private static Value Dequantised(RuleContext n)
    {
        var scale = n.Input(1);
        var centred = n.X.Cast(scale.ElementType);
        if (n.Has(2))
            centred -= Spread(n, n.Input(2).Cast(scale.ElementType));
        return (centred * Spread(n, scale)).Cast((OnnxElementType)n.Node.GetInt("output_dtype", 0));
    }

    /// <summary>A scale or zero point in a shape that the input's broadcasts with.</summary>
    private static Value Spread(RuleContext n, Value value)
    {
        if (value.Rank == 0 || (value.Rank == 1 && n.X.Rank == 1) || value.Facts.Sizes is [1])
            return value;
        var (axis, block) = (n.Axis(n.Node.GetInt("axis", 1), n.X.Rank), n.Node.GetInt("block_size", 0));
        if (block == 0)
            return value.Unsqueeze([.. Enumerable.Range(1, n.X.Rank - 1 - axis).Select(a => (long)a)]);
        var size = n.X.Shape![axis].Size ?? throw n.Refuse("the size of the axis that its blocks divide is not known.");
        return value.Gather(n.Builder.Integers([.. Enumerable.Range(0, (int)size).Select(i => i / block)]), axis);
    }
}
