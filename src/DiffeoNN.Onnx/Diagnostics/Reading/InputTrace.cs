namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What a graph does with its input before anything else.</summary>
internal sealed class InputTrace
{
    private double[] _scale = [1], _shift = [0];

    /// <summary>Whether channels, which are last, are brought to the front.</summary>
    public bool TurnsChannelsFirst { get; set; }

    /// <summary>Dimensions of the weights of the first convolution; null where something else comes first.</summary>
    public IReadOnlyList<long>? Weights { get; set; }

    /// <summary>Channels that the first convolution takes.</summary>
    public int? Channels { get; set; }

    /// <summary>Means and standard deviations of the input, where the graph normalises it by statistics of its training.</summary>
    public (double[] Mean, double[] Std)? Statistics { get; set; }

    /// <summary>Whether the graph scales or shifts the input by constants.</summary>
    public bool IsScaled => Array.Exists(_scale, value => Math.Abs(value - 1) > 1e-6) || Array.Exists(_shift, value => Math.Abs(
        value) > 1e-6);

    /// <summary>The means that the graph takes off, in units of its input.</summary>
    public double[] Mean => [.. Pairs().Select(pair => -pair.Shift / pair.Scale)];

    /// <summary>The standard deviations that it divides by, in units of its input.</summary>
    public double[] Std => [.. Pairs().Select(pair => 1 / Math.Abs(pair.Scale))];

    /// <summary>Adds an operation with a constant; false where it is none of one number, or one a channel.</summary>
    public bool Then(string operation, double[] constant, bool isFirst)
    {
        if (constant.Length is 0 or > 4 || Array.Exists(constant, value => !double.IsFinite(value))) return false;
        if (operation is "Mul" or "Div" && Array.Exists(constant, value => value == 0)) return false;
        if (operation == "Div" && !isFirst) return false;
        var count = Math.Max(constant.Length, _scale.Length);
        if ((constant.Length != 1 && constant.Length != count) || (_scale.Length != 1 && _scale.Length != count)) return false;
        double[] scale = new double[count], shift = new double[count];
        for (var i = 0; i < count; i++)
        {
            double by = constant[constant.Length == 1 ? 0 : i], a = _scale[_scale.Length == 1 ? 0 : i], b = _shift[_shift.Length == 1 ? 0
                : i];
            (scale[i], shift[i]) = operation switch
            {
                "Add" => (a, b + by),
                "Sub" => isFirst ? (a, b - by) : (-a, by - b),
                "Mul" => (a * by, b * by),
                _ => (a / by, b / by),
            };
        }

        (_scale, _shift) = (scale, shift);
        return true;
    }

    private IEnumerable<(double Scale, double Shift)> Pairs() => _scale.Zip(_shift);
}
