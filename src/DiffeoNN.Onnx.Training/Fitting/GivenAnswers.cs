using DiffeoNN.Onnx.Fields;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Labels and masks as answers of the inner network's shape.</summary>
internal static class GivenAnswers
{
    /// <summary>Refuses labels and masks that say nothing of a network's answers.</summary>
    /// <param name="images">The images with what is given.</param>
    /// <param name="declared">What the answers mean, as it was said.</param>
    /// <param name="answer">What they mean after a look at them.</param>
    /// <param name="shape">(K) or (K, h, w).</param>
    /// <exception cref="TrainingException">They do not go with the network.</exception>
    public static void Check(TrainingImages images, InnerAnswer declared, InnerAnswer answer, IReadOnlyList<long> shape)
    {
        if (images.Labels is null && images.Masks is null)
            return;
        var (what, wanted) = images.Labels is null ? ("masks", 3) : ("labels", 1);
        var areClasses = declared == InnerAnswer.Scores
            || answer is not (InnerAnswer.Values or InnerAnswer.Points or InnerAnswer.Boxes);
        if (!areClasses || shape.Count != wanted)
            throw new TrainingException(
                $"The images have {what}; the inner network answers with {answer} ({string.Join(", ", shape.Prepend(images.Count))}). "
                + $"Expected classes of {(wanted == 1 ? "images, (N, K)" : "pixels, (N, K, h, w)")}; leave the {what} out.");
        var given = images.Labels ?? images.Masks!;
        using var scope = torch.NewDisposeScope();
        var (least, most, classes) = (given.min().to(torch.int64).item<long>(), given.max().to(torch.int64).item<long>(), Classes(shape));
        if (least < 0 || most >= classes)
            throw new TrainingException(
                $"The {what} name class {(least < 0 ? least : most)}; the inner network knows {classes}, from 0 to {classes - 1}.");
    }

    /// <summary>Probabilities of 0 and 1, of masks the mean over what a pixel of the answer covers; null where nothing is given.</summary>
    /// <param name="images">The images with what is given.</param>
    /// <param name="chosen">Which of them.</param>
    /// <param name="shape">(K) or (K, h, w).</param>
    /// <param name="seen">The image that the network sees.</param>
    public static torch.Tensor? Of(TrainingImages images, int[] chosen, IReadOnlyList<long> shape, SamplingGrid seen)
    {
        if ((images.Labels ?? images.Masks) is not { } given)
            return null;
        var numbers = given.index_select(0, torch.tensor(chosen.Select(i => (long)i).ToArray())).to(torch.int64);
        var planes = F.one_hot(numbers, Classes(shape)).to(torch.float32);
        // A single score is that of class 1.
        if (shape[0] == 1)
            planes = planes.narrow(-1, 1, 1);
        if (images.Masks is null)
            return planes.contiguous();
        planes = planes.permute(0, 3, 1, 2).contiguous();
        if (seen != images.Grid)
            planes = F.interpolate(planes, [seen.Height, seen.Width], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        return planes.size(2) == shape[1] && planes.size(3) == shape[2]
            ? planes
            : F.adaptive_avg_pool2d(planes, [shape[1], shape[2]]);
    }

    private static long Classes(IReadOnlyList<long> shape) => Math.Max(2, shape[0]);
}
