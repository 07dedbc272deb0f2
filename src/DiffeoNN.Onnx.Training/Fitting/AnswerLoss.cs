namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Writes how far answers of scores or values are from what they are to be.</summary>
internal static class AnswerLoss
{
    /// <summary>Whether a target of zeros says something, so that what lies outside has to be told apart.</summary>
    public static bool NeedsInside(InnerAnswer answer) =>
        answer is InnerAnswer.BinaryLogits or InnerAnswer.BinaryProbabilities or InnerAnswer.Values;

    /// <summary>One number, the mean over items and places.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="answer">What the answers mean.</param>
    /// <param name="output">(N, K) or (N, K, h, w).</param>
    /// <param name="target">The same shape; zeros outside.</param>
    /// <param name="inside">What share of each place lies inside, (N, 1, h, w); null for all.</param>
    /// <param name="shape">Of a number for each of the K: (1, K) or (1, K, 1, 1).</param>
    /// <param name="deviations">The K units of values.</param>
    public static string Write(
        ObjectiveBuilder builder, InnerAnswer answer, string output, string target, string? inside, long[] shape,
        IReadOnlyList<float> deviations)
    {
        switch (answer)
        {
            case InnerAnswer.Logits:
                return builder.SoftCrossEntropy(output, target);
            case InnerAnswer.Probabilities:
                var products = builder.Mul(target, Logarithm(output));
                return builder.Mul(builder.Mean(builder.Writer.Reduce("ReduceSum", products, false, 1)), -1);
            case InnerAnswer.BinaryLogits:
                var softplus = builder.Op("Softplus", [output]);
                return builder.Mean(builder.Sub(Inside(softplus), builder.Mul(target, output)));
            case InnerAnswer.BinaryProbabilities:
                var yes = builder.Mul(target, Logarithm(output));
                var no = builder.Mul(
                    builder.Sub(inside ?? builder.Scalar(1), target), Logarithm(builder.Sub(builder.Scalar(1), output)));
                return builder.Mul(builder.Mean(builder.Add(yes, no)), -1);
            default:
                var least = 1e-3f * deviations.Max();
                float[] scales = [.. deviations.Select(deviation => 1 / Math.Max(1e-6f, Math.Max(least, deviation)))];
                var scaled = builder.Mul(builder.Sub(Inside(output), target), builder.Constant(shape, scales));
                return builder.Mean(builder.Mul(scaled, scaled));
        }

        string Inside(string value) => inside is null ? value : builder.Mul(value, inside);

        string Logarithm(string value) => builder.Op("Log", [builder.Op("Clip", [value, builder.Scalar(1e-6), builder.Scalar(1)])]);
    }
}
