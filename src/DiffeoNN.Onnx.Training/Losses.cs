using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training;

/// <summary>Loss terms as graphs: each gives one number, the mean over the batch.</summary>
public static class Losses
{
    /// <summary>mean (prediction - target)^2.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="prediction">Any shape.</param>
    /// <param name="target">The same shape.</param>
    public static string MeanSquaredError(this ObjectiveBuilder builder, string prediction, string target)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var difference = builder.Sub(prediction, target);
        return builder.Mean(builder.Mul(difference, difference));
    }

    /// <summary>mean |prediction - target|.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="prediction">Any shape.</param>
    /// <param name="target">The same shape.</param>
    public static string MeanAbsoluteError(this ObjectiveBuilder builder, string prediction, string target)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Mean(builder.Op("Abs", [builder.Sub(prediction, target)]));
    }

    /// <summary>Cross entropy with given classes: mean -log softmax(logits)[label].</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="logits">(N, K, ...).</param>
    /// <param name="labels">(N, ...), int64, from 0 to K - 1. A batch with another label is refused when it is run, by a
    /// <see cref="TrainingException"/>: none counts from the end, or as some other class.</param>
    public static string CrossEntropy(this ObjectiveBuilder builder, string logits, string labels) =>
        CrossEntropy(builder, logits, labels, null);

    /// <summary>Cross entropy with given classes where some places have none: the mean of -log softmax(logits)[label] over the others.
    /// </summary>
    /// <param name="builder">The graph.</param>
    /// <param name="logits">(N, K, ...).</param>
    /// <param name="labels">(N, ...), int64, from 0 to K - 1 or <paramref name="ignored"/>; other ones are refused when they are
    /// run.</param>
    /// <param name="ignored">The label of places that do not count, such as -100 (PyTorch's ignore_index) or 255; null for none. A batch
    /// that has no other is no number.</param>
    public static string CrossEntropy(this ObjectiveBuilder builder, string logits, string labels, long? ignored)
    {
        ArgumentNullException.ThrowIfNull(builder);
        labels = builder.Op("Cast", [labels], OnnxAttribute.Of("to", (long)OnnxElementType.Int64));
        var classes = builder.Op("Gather", [builder.Op("Shape", [logits]), builder.Integers(1)], OnnxAttribute.Of("axis", 0L));
        var isWrong = builder.Op("Or",
            [builder.Op("Less", [labels, builder.Integers(0)]), builder.Op("GreaterOrEqual", [labels, classes])]);
        if (ignored is { } label)
        {
            var counts = builder.Op("Not", [builder.Op("Equal", [labels, builder.Integers(label)])]);
            isWrong = builder.Op("And", [isWrong, counts]);
        }

        builder.Refuse(
            isWrong, labels, classes, $"labels from 0 to one less than the number of classes{(ignored is null ? "" : $", or {ignored}")}");
        // Kernels read where the label says, so none may point outside.
        var safe = builder.Op("Where", [isWrong, builder.Integers(0), labels]);
        return ignored is { } index
            ? builder.Op("SoftmaxCrossEntropyLoss", [logits, safe], OnnxAttribute.Of("ignore_index", index))
            : builder.Op("SoftmaxCrossEntropyLoss", [logits, safe]);
    }

    /// <summary>Cross entropy with probabilities, such as another network's answer: mean over items and places of
    /// -sum_k target[k] log softmax(logits)[k].</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="logits">(N, K, ...).</param>
    /// <param name="target">The same shape, sums over K being 1.</param>
    public static string SoftCrossEntropy(this ObjectiveBuilder builder, string logits, string target)
    {
        ArgumentNullException.ThrowIfNull(builder);
        // LogSoftmax turns tensors so that its axis is last, there and back, and takes row by row. Any number near the largest logit
        // keeps the exponentials small enough; rounded, it carries no gradient.
        var keep = OnnxAttribute.Of("keepdims", 1L);
        var near = builder.Op("Floor", [builder.Op("ReduceMax", [logits, builder.Integers(1)], keep)]);
        var shifted = builder.Sub(logits, near);
        var total = builder.Op("ReduceSum", [builder.Op("Exp", [shifted]), builder.Integers(1)], keep);
        var logarithms = builder.Sub(shifted, builder.Op("Log", [total]));
        var sum = builder.Op("ReduceSum", [builder.Mul(target, logarithms), builder.Integers(1)], OnnxAttribute.Of("keepdims", 0L));
        return builder.Mul(builder.Mean(sum), -1);
    }

    /// <summary>Binary cross entropy of a sigmoid: mean softplus(logits) - target * logits.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="logits">Any shape.</param>
    /// <param name="target">The same shape, in [0, 1].</param>
    public static string BinaryCrossEntropy(this ObjectiveBuilder builder, string logits, string target)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Mean(builder.Sub(builder.Op("Softplus", [logits]), builder.Mul(target, logits)));
    }

    /// <summary>Soft Dice: mean over items and classes of 1 - (2 sum p t + s) / (sum p + sum t + s), sums over places.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="probabilities">(N, K, ...).</param>
    /// <param name="target">The same shape, in [0, 1].</param>
    /// <param name="smoothing">s > 0: what keeps classes that are nowhere from dividing by zero.</param>
    public static string Dice(this ObjectiveBuilder builder, string probabilities, string target, double smoothing = 1)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(smoothing);
        string Sum(string value) => builder.Op("ReduceSum",
            [builder.Op("Reshape", [value, builder.Integers(0, 0, -1)]), builder.Integers(2)], OnnxAttribute.Of("keepdims", 0L));
        var s = builder.Scalar(smoothing);
        var both = builder.Add(builder.Mul(Sum(builder.Mul(probabilities, target)), 2), s);
        var all = builder.Add(builder.Add(Sum(probabilities), Sum(target)), s);
        return builder.Mean(builder.Sub(builder.Scalar(1), builder.Op("Div", [both, all])));
    }

    /// <summary>KL(N(mu, exp(logvar)) || N(0, 1)) of a variational autoencoder, summed over the latent numbers: mean over the batch of
    /// -0.5 sum 1 + logvar - mu^2 - exp(logvar).</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="mean">mu, (N, L).</param>
    /// <param name="logVariance">logvar, (N, L).</param>
    public static string KullbackLeibler(this ObjectiveBuilder builder, string mean, string logVariance)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var grown = builder.Add(builder.Mul(mean, mean), builder.Op("Exp", [logVariance]));
        var terms = builder.Sub(builder.Sub(grown, logVariance), builder.Scalar(1));
        return builder.Mul(builder.Mean(builder.SumOfItems(terms)), 0.5);
    }

    /// <summary>A sample of a variational autoencoder's latent: mu + exp(logvar / 2) * noise.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="mean">mu, (N, L).</param>
    /// <param name="logVariance">logvar, (N, L).</param>
    /// <param name="noise">Standard normal numbers, (N, L): data, so that a step can be repeated.</param>
    public static string LatentSample(this ObjectiveBuilder builder, string mean, string logVariance, string noise)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Add(mean, builder.Mul(builder.Op("Exp", [builder.Mul(logVariance, 0.5)]), noise));
    }

    /// <summary>A critic's hinge loss, low scores for what is real: mean relu(1 + real) + mean relu(1 - other).</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="real">Scores of what the critic is to find real.</param>
    /// <param name="other">Scores of what it is not.</param>
    public static string CriticHinge(this ObjectiveBuilder builder, string real, string other)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var one = builder.Scalar(1);
        return builder.Add(builder.Mean(builder.Op("Relu", [builder.Add(real, one)])),
            builder.Mean(builder.Op("Relu", [builder.Sub(one, other)])));
    }

    /// <summary>A Wasserstein critic's loss, low scores for what is real: mean real - mean other.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="real">Scores of what the critic is to find real.</param>
    /// <param name="other">Scores of what it is not.</param>
    public static string CriticWasserstein(this ObjectiveBuilder builder, string real, string other)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.Sub(builder.Mean(real), builder.Mean(other));
    }

    /// <summary>Gradient penalty: mean over the batch of (|gradient| - 1)^2.</summary>
    /// <param name="builder">The graph.</param>
    /// <param name="gradient">(N, ...): a critic's gradient at points between real and other images,
    /// by <see cref="ObjectiveBuilder.AddWithGradient"/>.</param>
    public static string GradientPenalty(this ObjectiveBuilder builder, string gradient)
    {
        ArgumentNullException.ThrowIfNull(builder);
        // The root has no derivative at zero.
        var norm = builder.Op("Sqrt", [builder.Add(builder.SumOfItems(builder.Mul(gradient, gradient)), builder.Scalar(1e-12))]);
        var excess = builder.Sub(norm, builder.Scalar(1));
        return builder.Mean(builder.Mul(excess, excess));
    }
}
