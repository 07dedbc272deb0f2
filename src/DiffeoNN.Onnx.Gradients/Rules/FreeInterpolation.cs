namespace DiffeoNN.Onnx.Gradients.Rules;

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
        if (n.Node.GetInt("antialias", 0) != 0 || n.Node.GetString("keep_aspect_ratio_policy", "stretch") != "stretch")
            throw n.Refuse($"the size of axis {axis} is free, and antialias or keep_aspect_ratio_policy need it.");
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

    private Value Source(string transformation)
    {
        var o = Count(_output);
        var scale = n.Has(3) ? _output / _input : Of(2, position);
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

    private Value Cubic(Value x, Func<Value, Value?, Value> tap)
    {
        double a = n.Node.GetFloat("cubic_coeff_a", -0.75f);
        var low = x.Apply("Floor");
        var part = x - low;
        Value Near(Value d) => (((d * (a + 2)) - (a + 3)) * d * d) + 1;
        Value Far(Value d) => (((((d * a) - (5 * a)) * d) + (8 * a)) * d) - (4 * a);
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
}
