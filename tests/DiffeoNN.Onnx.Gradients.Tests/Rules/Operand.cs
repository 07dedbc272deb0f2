namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <summary>An input of an operator under test: random floats to differentiate, or a fixed tensor.</summary>
internal sealed record Operand(long[] Shape, Func<Random, double[]>? Generate, OnnxTensor? Fixed, bool Differentiable)
{
    public bool IsAbsent => Generate is null && Fixed is null;

    /// <summary>Numbers between -2 and 2, at least 0.15 away from zero and 0.03 from each other where few enough.</summary>
    public static Operand Any(params long[] shape) => Of(shape, (r, n) => Spread(r, n, -2, 2));

    public static Operand Positive(params long[] shape) => Of(shape, (r, n) => Spread(r, n, 0.5, 2.5));

    /// <summary>Numbers between -0.8 and 0.8.</summary>
    public static Operand Unit(params long[] shape) => Of(shape, (r, n) => Spread(r, n, -0.8, 0.8));

    /// <summary>Numbers in a range that stay away from its kinks.</summary>
    public static Operand Between(double low, double high, double[] kinks, params long[] shape) =>
        Of(shape, (r, n) => Spread(r, n, low, high, kinks));

    /// <summary>The given numbers.</summary>
    public static Operand Values(long[] shape, params double[] values) => new(shape, _ => values, null, true);

    public static Operand Integers(params long[] values) => new([values.Length], null, OnnxTensor.Int64s("", values), false);

    public static Operand Fix(OnnxTensor tensor) => new([.. tensor.Dimensions], null, tensor, false);

    public static Operand Floats(long[] shape, params float[] values) => Fix(OnnxTensor.Create<float>("", shape, values));

    /// <summary>The same numbers, supplied when the model runs.</summary>
    public Operand AtRunTime => this with { IsInput = true };

    /// <summary>Whether a fixed tensor is an input of the model rather than an initialiser.</summary>
    public bool IsInput { get; init; }

    public static Operand Fix(long[] shape, params long[] values) => Fix(OnnxTensor.Create<long>("", shape, values));

    public static Operand Absent { get; } = new([], null, null, false);

    private static Operand Of(long[] shape, Func<Random, int, double[]> generate) =>
        new(shape, r => generate(r, (int)shape.Aggregate(1L, (a, b) => a * b)), null, true);

    private static double[] Spread(Random random, int count, double low, double high, double[]? kinks = null)
    {
        // Evenly spaced and shuffled: no two are close enough for a finite difference to exchange them.
        var numbers = Enumerable.Range(0, count)
            .Select(i => low + ((high - low) * (i + 0.5 + (0.2 * (random.NextDouble() - 0.5))) / count)).ToArray();
        random.Shuffle(numbers);
        foreach (var kink in kinks ?? [0])
        {
            for (var i = 0; i < count; i++)
            {
                if (Math.Abs(numbers[i] - kink) < 0.1)
                    numbers[i] += numbers[i] < kink ? -0.1 : 0.1;
            }
        }

        return numbers;
    }
}
