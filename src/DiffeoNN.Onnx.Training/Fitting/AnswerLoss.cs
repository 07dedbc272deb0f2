namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Writes how far answers of scores or values are from what they are to be: nothing where they are that.</summary>
/// <remarks>Of classes it is the divergence, the cross entropy less the target's own entropy: the target moves with the proposed map, and
/// gradients go through both. With a target that is taken as it stands a proposer runs away where a network is biased: the image is pulled
/// towards the target, which moves on with it.</remarks>
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
                return builder.Sub(builder.SoftCrossEntropy(output, target), Entropy(target));
            case InnerAnswer.Probabilities:
                var products = builder.Mul(target, Logarithm(output));
                var crossed = builder.Mul(builder.Mean(builder.Writer.Reduce("ReduceSum", products, false, 1)), -1);
                return builder.Sub(crossed, Entropy(target));
            case InnerAnswer.BinaryLogits:
                var softplus = builder.Op("Softplus", [output]);
                return builder.Sub(builder.Mean(builder.Sub(Inside(softplus), builder.Mul(target, output))), BinaryEntropy());
            case InnerAnswer.BinaryProbabilities:
                var yes = builder.Mul(target, Logarithm(output));
                var no = builder.Mul(Rest(), Logarithm(builder.Sub(builder.Scalar(1), output)));
                return builder.Sub(builder.Mul(builder.Mean(builder.Add(yes, no)), -1), BinaryEntropy());
            default:
                var least = 1e-3f * deviations.Max();
                float[] scales = [.. deviations.Select(deviation => 1 / Math.Max(1e-6f, Math.Max(least, deviation)))];
                var scaled = builder.Mul(builder.Sub(Inside(output), target), builder.Constant(shape, scales));
                return builder.Mean(builder.Mul(scaled, scaled));
        }

        // Where a share of the place lies outside, the target's classes add up to what lies inside.
        string Entropy(string value)
        {
            var sum = builder.Writer.Reduce("ReduceSum", value, true, 1);
            var own = builder.Writer.Reduce("ReduceSum", builder.Mul(value, Logarithm(value)), true, 1);
            return builder.Mul(builder.Mean(builder.Sub(own, builder.Mul(sum, Logarithm(sum)))), -1);
        }

        string Rest() => builder.Sub(inside ?? builder.Scalar(1), target);

        string BinaryEntropy()
        {
            var both = builder.Add(builder.Mul(target, Logarithm(target)), builder.Mul(Rest(), Logarithm(Rest())));
            return builder.Mul(builder.Mean(inside is null ? both : builder.Sub(both, builder.Mul(inside, Logarithm(inside)))), -1);
        }

        string Inside(string value) => inside is null ? value : builder.Mul(value, inside);

        string Logarithm(string value) => builder.Op("Log", [builder.Op("Clip", [value, builder.Scalar(1e-6), builder.Scalar(1)])]);
    }
}
