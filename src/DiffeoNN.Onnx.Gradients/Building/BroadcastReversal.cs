namespace DiffeoNN.Onnx.Gradients;

/// <summary>Sums a gradient over the axes along which a value was repeated.</summary>
internal static class BroadcastReversal
{
    /// <param name="gradient">Gradient in the shape that <paramref name="value"/> was broadcast to.</param>
    /// <param name="value">The value before broadcasting.</param>
    /// <returns>The gradient in the value's own shape.</returns>
    public static Value ReduceTo(Value gradient, Value value)
    {
        if (gradient.Shape is not { } from || value.Shape is not { } to)
            return value.Shape is { Length: 0 } ? Dynamic(gradient, value).Reshape([]) : Dynamic(gradient, value);
        var lead = from.Length - to.Length;
        var axes = new List<long>(Enumerable.Range(0, lead).Select(a => (long)a));
        for (var d = 0; d < to.Length; d++)
        {
            var (wide, narrow) = (from[d + lead], to[d]);
            if (wide.Equals(narrow))
                continue;
            if (narrow.Size == 1)
                axes.Add(d + lead);
            else if (!narrow.IsConstant)
                return Dynamic(gradient, value);
        }

        if (axes.Count == 0)
            return gradient;
        return axes.Count == lead
            ? gradient.Sum([.. axes], keep: false)
            : gradient.Sum([.. axes]).Squeeze([.. axes.Take(lead)]);
    }

    /// <summary>Where symbols hide which axes were repeated, the graph finds out: every axis of size 1.</summary>
    private static Value Dynamic(Value gradient, Value value)
    {
        var builder = gradient.Builder;
        var shape = value.Apply("Shape");
        var lead = builder.Op("Sub", gradient.Apply("Shape").Apply("Shape"), shape.Apply("Shape"));
        var padded = builder.Node("Concat", [builder.Op("Expand", builder.Integers(1), lead), shape], OnnxAttribute.Of("axis", 0))[0];
        var axes = builder.Op("Equal", padded, builder.Integers(1)).Apply("NonZero").Reshape(-1);
        return builder.Node("ReduceSum", [gradient, axes], OnnxAttribute.Of("noop_with_empty_axes", 1))[0].Reshape(shape);
    }
}
