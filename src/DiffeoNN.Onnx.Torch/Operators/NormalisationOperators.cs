using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>Normalisations: by given statistics, by those of the input itself, and by neighbouring channels.</summary>
internal static class NormalisationOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("BatchNormalization", 16, Batch),
        new("InstanceNormalization", 16, n => Scaled(Standardised(n.X, Axes(2, n.X), n.Float("epsilon", 1e-5f)), n.Input(1), n.Input(2))),
        new("GroupNormalization", 18, n => Group(n, isByGroup: true)),
        new("GroupNormalization", 21, n => Group(n, isByGroup: false)),
        new("LayerNormalization", 17, Layer),
        new("RMSNormalization", 23, RootMeanSquare),
        new("LpNormalization", 16, Norm),
        new("LRN", 16, LocalResponse),
        new("MeanVarianceNormalization", 16, MeanVariance),
    ];

    /// <summary>Axes from one on.</summary>
    private static long[] Axes(int first, Tensor x) =>
        [.. Enumerable.Range(first, Math.Max(0, (int)x.dim() - first)).Select(axis => (long)axis)];

    /// <summary>A vector over the channels of a tensor.</summary>
    private static Tensor Channels(Tensor vector, Tensor x) => vector.reshape([-1, .. Enumerable.Repeat(1L, (int)x.dim() - 2)]);

    private static Tensor Scaled(Tensor x, Tensor scale, Tensor bias) => x.mul(Channels(scale, x)).Plus(Channels(bias, x));

    private static Tensor Mean(Tensor x, long[] axes) => axes.Length == 0 ? x : x.mean(axes, true);

    private static Tensor Standardised(Tensor x, long[] axes, double epsilon)
    {
        var centred = x.Minus(Mean(x, axes));
        return centred.mul(Mean(centred.Squared(), axes).Plus(epsilon).rsqrt());
    }

    private static bool IsNarrow(Tensor x) => x.dtype is ScalarType.Float16 or ScalarType.BFloat16;

    /// <summary>In float32 where the operator prescribes it for narrower types.</summary>
    private static Tensor Wide(TorchNode n, Tensor x) => IsNarrow(x) && n.Int("stash_type", 1) == 1 ? x.to(ScalarType.Float32) : x;

    private static IReadOnlyList<Tensor?> Batch(TorchNode n)
    {
        // The statistics may be of a wider type than the input.
        var type = promote_types(n.X.dtype, n.Input(3).dtype);
        var x = n.X.to(type);
        var (mean, variance, epsilon) = (n.Input(3).to(type), n.Input(4).to(type), n.Float("epsilon", 1e-5f));
        if (n.Int("training_mode", 0) == 0) return [Result(mean, variance)];
        long[] others = [0, .. Axes(2, x)];
        var ownMean = x.mean(others, false);
        var ownVariance = x.Minus(Channels(ownMean, x)).Squared().mean(others, false);
        var momentum = n.Float("momentum", 0.9f);
        Tensor Running(Tensor given, Tensor own) => given.Times(momentum).Plus(own.Times(1 - momentum)).to(n.Input(3).dtype);
        return [Result(ownMean, ownVariance), Running(mean, ownMean), Running(variance, ownVariance)];

        Tensor Result(Tensor centre, Tensor spread) => Scaled(
            x.Minus(Channels(centre, x)), n.Input(1).to(type).mul(spread.Plus(epsilon).rsqrt()), n.Input(2).to(type)).to(n.X.dtype);
    }

    private static Tensor Group(TorchNode n, bool isByGroup)
    {
        var x = Wide(n, n.X);
        var (batch, groups) = (x.shape[0], n.Int("num_groups", 1));
        var grouped = Standardised(x.reshape(batch, groups, -1), [2], n.Float("epsilon", 1e-5f));
        var (scale, bias) = (n.Input(1).to(x.dtype), n.Input(2).to(x.dtype));
        return (isByGroup ? Scaled(grouped, scale, bias).reshape(x.shape) : Scaled(grouped.reshape(x.shape), scale, bias)).to(n.X.dtype);
    }

    private static IReadOnlyList<Tensor?> Layer(TorchNode n)
    {
        var x = Wide(n, n.X);
        var axes = Axes(n.Axis(n.Int("axis", -1), x.dim()), x);
        var mean = Mean(x, axes);
        var centred = x.Minus(mean);
        var factor = Mean(centred.Squared(), axes).Plus(n.Float("epsilon", 1e-5f)).rsqrt();
        var result = centred.mul(factor).mul(n.Input(1).to(x.dtype));
        return [(n.Optional(2) is { } bias ? result.Plus(bias.to(x.dtype)) : result).to(n.X.dtype), mean, factor];
    }

    private static Tensor RootMeanSquare(TorchNode n)
    {
        var x = Wide(n, n.X);
        var axes = Axes(n.Axis(n.Int("axis", -1), x.dim()), x);
        var scale = n.Input(1);
        var normalised = x.mul(Mean(x.Squared(), axes).Plus(n.Float("epsilon", 1e-5f)).rsqrt());
        return normalised.mul(scale.to(x.dtype)).to(scale.dtype);
    }

    /// <summary>x / |x|, and 0 with gradient 0 where the norm is 0.</summary>
    private static Tensor Norm(TorchNode n)
    {
        long[] axes = [n.Axis(n.Int("axis", -1), n.X.dim())];
        var power = n.Int("p", 2) == 1 ? n.X.abs().sum(axes, true) : n.X.Squared().sum(axes, true);
        var isZero = power.eq(power.FilledLike(0));
        var safe = where(isZero, power.FilledLike(1), power);
        return where(isZero, n.X.FilledLike(0), n.X.div(n.Int("p", 2) == 1 ? safe : safe.sqrt()));
    }

    private static Tensor LocalResponse(TorchNode n)
    {
        var (size, alpha, beta, bias) = (n.Int("size", 1), n.Float("alpha", 1e-4f), n.Float("beta", 0.75f), n.Float("bias", 1));
        var before = (size - 1) / 2;
        var channels = n.X.shape[1];
        var window = new TorchWindow([size], [1], [1], [before], [size - 1 - before], [channels]);
        var sums = window.Sums(n.X.Squared().movedim([1], [-1])).movedim([-1], [1]);
        return n.X.mul(sums.Times(alpha / size).Plus(bias).RaisedTo(-beta));
    }

    /// <summary>(x - mean) / (standard deviation + 1e-9); where all elements are equal the deviation has no slope,
    /// and the gradient is that of the centring.</summary>
    private static Tensor MeanVariance(TorchNode n)
    {
        long[] axes = [.. (n.Ints("axes") ?? [0, 2, 3]).Select(axis => (long)n.Axis(axis, n.X.dim()))];
        var centred = n.X.Minus(Mean(n.X, axes));
        var variance = Mean(centred.Squared(), axes);
        var isZero = variance.eq(variance.FilledLike(0));
        var deviation = where(isZero, variance.FilledLike(0), where(isZero, variance.FilledLike(1), variance).sqrt());
        return centred.div(deviation.Plus(1e-9));
    }
}
