using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch;

/// <summary>Elements of an axis that samples between elements read, one for each sample.</summary>
/// <param name="Index">Indices inside the axis, int64.</param>
/// <param name="Weight">Their part in the sample, differentiable by the sample's place; null for 1.</param>
internal sealed record TorchTap(Tensor Index, Tensor? Weight)
{
    /// <summary>Coefficient of the cubic filter of GridSample.</summary>
    private const double Alpha = -0.75;

    /// <summary>The elements that samples read.</summary>
    /// <param name="place">Their places, in elements from the first one's centre.</param>
    /// <param name="size">The axis' size.</param>
    /// <param name="mode">nearest (ties to even), linear or cubic.</param>
    /// <param name="outside">zeros, border or reflection.</param>
    /// <param name="isAtCentres">Whether reflection happens at the centres of the outer elements, not at their outer edges.</param>
    public static TorchTap[] Of(Tensor place, long size, string mode, string outside = "zeros", bool isAtCentres = false)
    {
        if (mode == "nearest") return [Placed(place.round(), 0, null)];
        var low = place.floor().detach();
        var t = place.Minus(low);
        var s = t.neg().Plus(1);
        return mode == "linear" ? [Placed(low, 0, s), Placed(low, 1, t)]
            : [Placed(low, -1, Far(t.Plus(1))), Placed(low, 0, Near(t)), Placed(low, 1, Near(s)), Placed(low, 2, Far(s.Plus(1)))];

        TorchTap Placed(Tensor from, int offset, Tensor? weight)
        {
            var index = from.detach().to(ScalarType.Int64).PlusWhole(offset);
            if (outside == "reflection")
            {
                // Forth and back is one period; an axis of one element mirrors onto itself.
                var shared = isAtCentres ? 1 : 0;
                var period = Math.Max(1, 2 * (size - shared));
                var phase = index.RemainderOf(period);
                return new TorchTap(phase.minimum(phase.neg().PlusWhole(period - 1 + shared)), weight);
            }

            var inside = index.BetweenWhole(0, size - 1);
            if (outside == "border") return new TorchTap(inside, weight);
            var isThere = index.eq(inside).to(place.dtype);
            return new TorchTap(inside, weight is null ? isThere : weight.mul(isThere));
        }
    }

    /// <summary>Samples of images.</summary>
    /// <param name="images">Shape (B, C, spatial axes).</param>
    /// <param name="axes">For each spatial axis the elements that samples read, of shapes that broadcast to (B, samples).</param>
    /// <returns>Shape (B, C, samples).</returns>
    public static Tensor Sample(Tensor images, IReadOnlyList<TorchTap[]> axes)
    {
        IEnumerable<TorchTap> corners = [new TorchTap(zeros([1, 1], dtype: ScalarType.Int64, device: images.device), null)];
        foreach (var (axis, taps) in axes.Index())
        {
            var size = images.shape[axis + 2];
            corners = corners.SelectMany(_ => taps,
                (corner, tap) => new TorchTap(corner.Index.TimesWhole(size).Plus(tap.Index), Product(corner.Weight, tap.Weight)));
        }

        var flat = images.flatten(2);
        Tensor? result = null;
        foreach (var corner in corners)
        {
            var read = flat.gather(2, corner.Index.unsqueeze(1).expand([flat.shape[0], flat.shape[1], corner.Index.shape[^1]]));
            var part = corner.Weight is null ? read : read.mul(corner.Weight.unsqueeze(1));
            result = result is null ? part : result.Plus(part);
        }

        return result!;
    }

    private static Tensor? Product(Tensor? a, Tensor? b) => a is null ? b : b is null ? a : a.mul(b);

    private static Tensor Near(Tensor d) => d.Times(Alpha + 2).Plus(-(Alpha + 3)).mul(d).mul(d).Plus(1);

    private static Tensor Far(Tensor d) => d.Plus(-5).mul(d).Plus(8).mul(d).Plus(-4).Times(Alpha);
}
