namespace DiffeoNN.Onnx.Gradients.Operators;

/// <summary>The interpolation matrix of one axis of Resize, computed while the model runs: for sizes or scales that are free.</summary>
/// <param name="n">The Resize node.</param>
/// <param name="axis">The axis.</param>
/// <param name="position">Its place among the axes that scales and sizes speak of.</param>
/// <param name="count">How many axes they speak of.</param>
internal sealed class FreeInterpolation(RuleContext n, int axis, int position, int count)
{
    private readonly GraphBuilder _builder = n.Builder;
    private readonly Value _input = n.X.Size(axis).Cast(OnnxElementType.Float);
    private readonly Value _output = n.Y.Size(axis).Cast(OnnxElementType.Float);

    /// <summary>The matrix (output, input) in the element type of X.</summary>
    public Value Build()
    {
        var transformation = n.Node.GetString("coordinate_transformation_mode", "half_pixel");
        var x = Source(transformation);
        var positions = Count(_input).Unsqueeze(0);
        Value Tap(Value index, Value? weight)
        {
            var place = _builder.Op("Min", _builder.Op("Max", index, index.Like(0)), _input - 1).Unsqueeze(1);
            var mark = _builder.Op("Equal", place, positions).Cast(OnnxElementType.Float);
            return weight is null ? mark : mark * weight.Unsqueeze(1);
        }

        var matrix = n.Node.GetString("mode", "nearest") switch
        {
            "nearest" => Tap(Nearest(x), null),
            _ when n.Node.GetInt("antialias", 0) != 0 => Filtered(x),
            "linear" => Linear(x, Tap),
            _ => Cubic(x, Tap),
        };
        if (transformation == "tf_crop_and_resize")
            matrix *= _builder.Op("And", (x < 0).Apply("Not"), (x > _input - 1).Apply("Not")).Cast(OnnxElementType.Float).Unsqueeze(1);
        return matrix.Cast(n.X.ElementType);
    }

    /// <summary>0, 1, 2, ... up to a size.</summary>
    private Value Count(Value size) => _builder.Op("Range", size.Like(0), size.Reshape([]), size.Like(1));

    private Value Of(int input, int index) => n.Input(input).Slice(0, index, index + 1).Cast(OnnxElementType.Float);

    private Value Scale()
    {
        if (!n.Has(3))
            return Of(2, position);
        var policy = n.Node.GetString("keep_aspect_ratio_policy", "stretch");
        if (policy == "stretch")
            return _output / _input;
        var axes = n.Node.GetInts("axes")?.Select(a => (long)n.Axis(a, n.X.Rank)).ToArray()
            ?? [.. Enumerable.Range(0, n.X.Rank).Select(a => (long)a)];
        var ratios = n.Input(3).Cast(OnnxElementType.Float) / n.X.ShapeVector.Gather(_builder.Integers(axes)).Cast(OnnxElementType.Float);
        return ratios.Apply(policy == "not_larger" ? "ReduceMin" : "ReduceMax");
    }

    private Value Source(string transformation)
    {
        var o = Count(_output);
        var scale = Scale();
        Value Unless1(Value value, Value otherwise) => _builder.Op("Where", _output > 1, value, otherwise);
        var steps = _builder.Op("Max", _output - 1, _output.Like(1));
        return transformation switch
        {
            "asymmetric" => o / scale,
            "align_corners" => o * ((_input - 1) / steps),
            "pytorch_half_pixel" => Unless1(((o + 0.5) / scale) - 0.5, o * 0.0),
            "tf_half_pixel_for_nn" => (o + 0.5) / scale,
            "tf_crop_and_resize" => Unless1(
                (Of(1, position) * (_input - 1)) + (o * ((Of(1, position + count) - Of(1, position)) * (_input - 1) / steps)),
                (o * 0.0) + ((Of(1, position) + Of(1, position + count)) * 0.5 * (_input - 1))),
            "half_pixel_symmetric" => (_input * 0.5 * (1 - (_output / (scale * _input)))) + (((o + 0.5) / scale) - 0.5),
            _ => ((o + 0.5) / scale) - 0.5,
        };
    }

    private Value Nearest(Value x) => n.Node.GetString("nearest_mode", "round_prefer_floor") switch
    {
        "round_prefer_ceil" => (x + 0.5).Apply("Floor"),
        "floor" => x.Apply("Floor"),
        "ceil" => x.Apply("Ceil"),
        _ => (x - 0.5).Apply("Ceil"),
    };

    private Value Linear(Value x, Func<Value, Value?, Value> tap)
    {
        var inside = _builder.Op("Min", _builder.Op("Max", x, x.Like(0)), _input - 1);
        var low = inside.Apply("Floor");
        var part = inside - low;
        return tap(low, 1 - part) + tap(low + 1, part);
    }

    /// <summary>When shrinking, the filter widens with the step, so that every element counts.
    /// What falls outside counts for the element at the edge.</summary>
    private Value Filtered(Value x)
    {
        var stretch = _builder.Op("Max", Scale().Apply("Reciprocal"), x.Like(1));
        var (linear, excludes) = (n.Node.GetString("mode", "nearest") == "linear", n.Node.GetInt("exclude_outside", 0) != 0);
        var margin = excludes ? x.Like(0).Reshape(1) : (stretch * (linear ? 1 : 2)).Apply("Ceil") + 1;
        var places = Count(_input + (margin * 2)) - margin;
        var distance = ((places - x.Unsqueeze(1)) / stretch).Apply("Abs");
        var (near, far) = (Near(distance), Far(distance));
        var weights = linear ? _builder.Op("Max", 1 - distance, x.Like(0))
            : _builder.Op("Where", distance > 1, _builder.Op("Where", distance < 2, far, far.Like(0)), near);
        weights /= weights.Sum([1]);
        if (excludes)
            return weights;
        var (start, end, one) = (margin.Cast(OnnxElementType.Int64), (_input + margin).Cast(OnnxElementType.Int64), _builder.Integers(1));
        Value Columns(Value from, Value to) => _builder.Op("Slice", weights, from, to, one);
        Value At(Value place) => _builder.Op("Equal", Count(_input), place).Cast(OnnxElementType.Float);
        return Columns(start, end) + (Columns(_builder.Integers(0), start).Sum([1]) * At(_input.Like(0)))
            + (Columns(end, _builder.Integers(long.MaxValue)).Sum([1]) * At(_input - 1));
    }

    private Value Cubic(Value x, Func<Value, Value?, Value> tap)
    {
        var low = x.Apply("Floor");
        var part = x - low;
        Value[] places = [low - 1, low, low + 1, low + 2];
        Value[] weights = [Far(part + 1), Near(part), Near(1 - part), Far(2 - part)];
        if (n.Node.GetInt("exclude_outside", 0) != 0)
        {
            for (var k = 0; k < 4; k++)
                weights[k] = _builder.Op("Where", _builder.Op("Or", places[k] < 0, places[k] > _input - 1), weights[k].Like(0), weights[k]);
            var sum = _builder.Op("Sum", weights);
            weights = [.. weights.Select(w => w / sum)];
        }

        return _builder.Op("Sum", [.. places.Select((p, k) => tap(p, weights[k]))]);
    }

    private Value Near(Value d)
    {
        double a = n.Node.GetFloat("cubic_coeff_a", -0.75f);
        return (((d * (a + 2)) - (a + 3)) * d * d) + 1;
    }

    private Value Far(Value d)
    {
        double a = n.Node.GetFloat("cubic_coeff_a", -0.75f);
        return (((((d * a) - (5 * a)) * d) + (8 * a)) * d) - (4 * a);
    }
}
