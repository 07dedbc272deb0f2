namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>
/// Samples an image between its elements: every sample is a weighted sum of elements, the weights depend on the sample's position.
/// Reads rows (one per element, its channels side by side). Adds up by ScatterElements along the last axis,
/// at 64 channels four times as fast as along the first one; ScatterND would be faster still,
/// but ONNX Runtime (1.31) runs it in parallel and loses what falls together.
/// </summary>
internal sealed class Sampler
{
    private readonly Value _x;
    private readonly List<Corner> _corners;

    /// <param name="x">The image, (N, C, spatial axes).</param>
    /// <param name="axes">For each spatial axis the elements that samples read. Their shapes broadcast to that of the samples.</param>
    /// <param name="batch">Which image a sample belongs to, int64; broadcasts likewise. Null where there is one only.</param>
    public Sampler(Value x, IReadOnlyList<Tap[]> axes, Value? batch)
    {
        _x = x;
        _corners = [new Corner(batch, null, [])];
        for (var a = 0; a < axes.Count; a++)
        {
            var size = x.Size(a + 2).Reshape([]);
            _corners = [.. _corners.SelectMany(_ => axes[a], (corner, tap) => new Corner(
                corner.Index is null ? tap.Index : (corner.Index * size) + tap.Index, Times(corner.Weight, tap.Weight),
                [.. corner.Slopes.Select(s => s is null ? null : Times(s, tap.Weight)),
                    tap.Slope is null ? null : Times(corner.Weight, tap.Slope)]))];
        }
    }

    /// <summary>Parts of the samples, (samples, C), before they are added up.</summary>
    public IReadOnlyList<Value> Parts => [.. _corners.Select(c => c.Weight is null ? Read(c) : Read(c) * c.Weight.Unsqueeze(-1))];

    /// <summary>The samples, (samples, C).</summary>
    public Value Sampled() => Parts.Count == 1 ? Parts[0] : _x.Builder.Op("Sum", [.. Parts]);

    /// <summary>Gradient with respect to the image: every sample's gradient goes to the elements it read, by their weights.</summary>
    /// <param name="gradient">Gradient with respect to the samples, (C, samples), or with respect to each part of them in turn.</param>
    public Value ImageGradient(params ReadOnlySpan<Value> gradient)
    {
        var builder = _x.Builder;
        int[] spatial = [.. Enumerable.Range(2, _x.Rank - 2)];
        var count = spatial.Aggregate(_x.Size(0), (product, axis) => product * _x.Size(axis));
        var image = builder.Op("Expand", _x.Like(0), Joined([_x.Size(1), count]));
        for (var k = 0; k < _corners.Count; k++)
        {
            var (index, weight) = (_corners[k].Index!, _corners[k].Weight);
            var update = gradient[gradient.Length == 1 ? 0 : k];
            update = weight is null ? update : update * weight;
            var places = builder.Op("Expand", index, update.ShapeVector);
            image = Indexing.Scatter(image, places.Apply("Flatten"), update.Apply("Flatten"), 1, "add");
        }

        return image.Reshape(Joined([_x.Size(1), _x.Size(0), .. spatial.Select(_x.Size)])).Transpose([1, 0, .. spatial]);
    }

    /// <summary>Gradients with respect to the positions along each axis, in the shape of the samples; null where they are 0.</summary>
    /// <param name="gradient">Gradient with respect to the samples, (samples, C).</param>
    public Value?[] PositionGradients(Value gradient)
    {
        var result = new Value?[_x.Rank - 2];
        foreach (var corner in _corners.Where(c => c.Slopes.Any(s => s is not null)))
        {
            var match = (Read(corner) * gradient).Sum([-1], keep: false);
            for (var a = 0; a < result.Length; a++)
            {
                if (corner.Slopes[a] is { } slope)
                    result[a] = result[a] is { } sum ? sum + (match * slope) : match * slope;
            }
        }

        return result;
    }

    private Value Joined(Value[] sizes) => _x.Builder.Node("Concat", sizes, OnnxAttribute.Of("axis", 0))[0];

    private Value Read(Corner corner) => _x.ChannelsLast().Apply("Flatten", OnnxAttribute.Of("axis", _x.Rank - 1)).Gather(corner.Index!);

    private static Value? Times(Value? a, Value? b) => a is null ? b : b is null ? a : a * b;

    /// <summary>A combination of elements of all axes.</summary>
    /// <param name="Index">Rows; null before the first axis.</param>
    /// <param name="Weight">Product of the axes' weights.</param>
    /// <param name="Slopes">Derivatives of the weight with respect to the position along each axis.</param>
    private sealed record Corner(Value? Index, Value? Weight, Value?[] Slopes);
}
