using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>What is true of images, as answers of the inner network's shape, mixed with its own answers.</summary>
/// <remarks>The network's own answer alone teaches to bring its mistakes back. The truth alone, and any fixed share of it, rewards
/// proposals that change an undeformed image until a network that is unsure becomes sure, and one that is biased answers otherwise. So of
/// classes the truth gets the share that the mistake asks for: nothing where the network is right, however unsure it is, and a half,
/// which makes a tie, where it is sure of another class.</remarks>
internal static class GivenAnswers
{
    /// <summary>Overlap (intersection over union) above which a true box is that of an anchor.</summary>
    private const double LeastOverlap = 0.5;

    /// <summary>Refuses truth that says nothing of a network's answers.</summary>
    /// <param name="images">The images with what is given.</param>
    /// <param name="declared">What the answers mean, as it was said.</param>
    /// <param name="answer">What they mean after a look at them.</param>
    /// <param name="shape">Of the answers, without the batch.</param>
    /// <exception cref="TrainingException">It does not go with the network.</exception>
    public static void Check(TrainingImages images, InnerAnswer declared, InnerAnswer answer, IReadOnlyList<long> shape)
    {
        if (images.Labels is not null)
            CheckClasses("labels", images.Labels, "images, (N, K)", 1);
        else if (images.Masks is not null)
            CheckClasses("masks", images.Masks, "pixels, (N, K, h, w)", 3);
        else if (images.Numbers is not null)
            CheckShape("numbers", images.Numbers, declared == InnerAnswer.Values && shape.Count == 1, [shape[0]]);
        else if (images.Points is not null)
            CheckShape("points", images.Points, answer == InnerAnswer.Points, [shape[0], 2]);
        else if (images.Boxes is not null)
            CheckShape("boxes", images.Boxes, answer == InnerAnswer.Boxes, [images.Boxes.size(1), 4]);

        void CheckClasses(string what, torch.Tensor given, string expected, int rank)
        {
            var areClasses = declared == InnerAnswer.Scores
                || answer is not (InnerAnswer.Values or InnerAnswer.Points or InnerAnswer.Boxes);
            if (!areClasses || shape.Count != rank)
                throw Refusal(what, $"classes of {expected}");
            var classes = Classes(shape);
            using var scope = torch.NewDisposeScope();
            var known = images.Known is null ? given : given.index_select(0, torch.tensor(images.KnownOnes()));
            if (known.NumberOfElements == 0)
                return;
            var numbers = rank == 1 ? known.to(torch.int64) : WithoutIgnored(known.to(torch.int64), classes, 0);
            var (least, most) = (numbers.min().item<long>(), numbers.max().item<long>());
            if (least < 0 || most >= classes)
                throw new TrainingException(
                    $"The {what} name class {(least < 0 ? least : most)}; the inner network knows {classes}, from 0 to {classes - 1}.");
        }

        void CheckShape(string what, torch.Tensor given, bool isSuch, long[] expected)
        {
            if (!isSuch || !given.shape.Skip(1).SequenceEqual(expected))
                throw Refusal(what, $"{what} of shape ({string.Join(", ", given.shape)})");
        }

        TrainingException Refusal(string what, string expected) => new(
            $"The images have {what}; the inner network answers with {answer} ({string.Join(", ", shape.Prepend(images.Count))}). "
            + $"Expected {expected}; leave the {what} out.");
    }

    /// <summary>Targets of some images.</summary>
    /// <param name="images">The images with what is given.</param>
    /// <param name="chosen">Which of them.</param>
    /// <param name="own">The network's own answers on them, activated: what is aimed at where nothing is known.</param>
    /// <param name="answer">What they mean.</param>
    /// <param name="share">Of the truth where the network is sure of another class; the rest is the network's own answer's.</param>
    /// <param name="seen">The image that the network sees.</param>
    /// <returns>As <paramref name="own"/>; of masks, where <see cref="AnswerLoss.NeedsInside"/> says so, with one plane more: the share of
    /// each place that counts, with which the others are multiplied in any case. In the current dispose scope.</returns>
    public static torch.Tensor Mixed(
        TrainingImages images, int[] chosen, torch.Tensor own, InnerAnswer answer, double share, SamplingGrid seen)
    {
        if (!images.HasTruth)
            return own;
        // The truth's weight: nothing for images of which none is known.
        long[] whole = [chosen.Length, .. Enumerable.Repeat(1L, (int)own.dim() - 1)];
        var known = torch.tensor(chosen.Select(i => images.Known is null || images.Known[i] ? 1f : 0).ToArray()).view(whole);
        var weight = known.Times(share);
        torch.Tensor Chosen(torch.Tensor given) => given.index_select(0, torch.tensor(chosen.Select(i => (long)i).ToArray()));
        // What is unknown may hold anything, also what is no number.
        torch.Tensor Mix(torch.Tensor truth, torch.Tensor other) =>
            other.Plus(torch.where(weight.Above(0), truth, other).Minus(other).mul(weight));

        if (images.Labels is { } labels)
        {
            var numbers = Chosen(labels).mul(known.view(-1).to(torch.int64));
            var truth = OfClasses(numbers, Classes(own), own.size(1));
            return own.Plus(truth.Minus(own).mul(weight).mul(Mistake(truth, own, answer))).contiguous();
        }

        if (images.Masks is { } masks)
        {
            var planes = OfMasks(Chosen(masks), own, seen, images.Grid);
            // Where part of a place is ignored, what is left of it counts.
            var ignored = planes.narrow(1, own.size(1), 1).mul(known);
            var counts = ignored.neg().Plus(1);
            // What is left of each class in a place, of what counts of it.
            var truth = planes.narrow(1, 0, own.size(1)).div(counts.AtLeastNumber(1e-6));
            var mixed = own.Plus(truth.Minus(own).mul(weight).mul(Mistake(truth, own, answer))).mul(counts);
            return (AnswerLoss.NeedsInside(answer) ? torch.cat([mixed, counts], 1) : mixed).contiguous();
        }

        return images.Boxes is { } boxes
            ? torch.cat([Mix(OfBoxes(Chosen(boxes), own), own.narrow(2, 0, 4)), own.narrow(2, 4, 1)], 2).contiguous()
            : Mix(Chosen(images.Numbers ?? images.Points!), own).contiguous();
    }

    /// <summary>How mistaken a network is, from 0 to 1: twice the share of the truth that makes the true class no worse than another. Of
    /// m, by which the best class is ahead of the true one, it is 2m / (1 + m).</summary>
    private static torch.Tensor Mistake(torch.Tensor truth, torch.Tensor own, InnerAnswer answer)
    {
        torch.Tensor ahead;
        if (answer is InnerAnswer.Logits or InnerAnswer.Probabilities)
        {
            ahead = own.amax([1], keepdim: true).Minus(own.mul(truth).sum(1, keepdim: true));
        }
        else
        {
            // Each score is one of two classes.
            var (yes, isYes) = (own.Between(0, 1), truth);
            torch.Tensor Rest(torch.Tensor value) => value.neg().Plus(1);
            ahead = torch.maximum(yes, Rest(yes)).Minus(yes.mul(isYes).Plus(Rest(yes).mul(Rest(isYes))));
        }

        ahead = ahead.AtLeastNumber(0);
        return ahead.Times(2).div(ahead.Plus(1));
    }

    /// <summary>Planes of 0 and 1 for each class: (N, K, ...) of (N, ...). A single score is that of class 1.</summary>
    private static torch.Tensor OfClasses(torch.Tensor numbers, long classes, long scores)
    {
        var at = numbers.unsqueeze(1);
        var planes = torch.zeros([numbers.size(0), classes, .. numbers.shape.Skip(1)]).scatter_(1, at, torch.ones(at.shape));
        return scores == 1 ? planes.narrow(1, 1, classes - 1) : planes;
    }

    /// <summary>The share of each class in what a pixel of the answer covers, and the share that is ignored: (N, K + 1, h, w).</summary>
    private static torch.Tensor OfMasks(torch.Tensor masks, torch.Tensor own, SamplingGrid seen, SamplingGrid image)
    {
        var classes = Classes(own);
        // Ignored pixels are a class of their own, the last.
        var numbers = WithoutIgnored(masks.to(torch.int64), classes, classes);
        var planes = OfClasses(numbers, classes + 1, own.size(1));
        if (seen != image)
            planes = F.interpolate(planes, [seen.Height, seen.Width], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        return planes.size(2) == own.size(2) && planes.size(3) == own.size(3)
            ? planes
            : F.adaptive_avg_pool2d(planes, [own.size(2), own.size(3)]);
    }

    private static torch.Tensor WithoutIgnored(torch.Tensor numbers, long classes, long instead) => classes > LabelMap.Ignored
        ? numbers
        : torch.where(numbers.eq(torch.tensor((long)LabelMap.Ignored)), torch.tensor(instead), numbers);

    /// <summary>The corners that each of the network's boxes is to have, (N, B, 4): those of the true box that it overlaps most, or its own
    /// where it overlaps none enough.</summary>
    /// <param name="truth">(N, T, 4); NaN where an image has fewer.</param>
    /// <param name="own">(N, B, 5).</param>
    private static torch.Tensor OfBoxes(torch.Tensor truth, torch.Tensor own)
    {
        var corners = own.narrow(2, 0, 4);
        if (truth.size(1) == 0)
            return corners;
        var (a, b) = (corners.unsqueeze(2), truth.unsqueeze(1));
        var sides = torch.minimum(a.narrow(3, 2, 2), b.narrow(3, 2, 2)).Minus(torch.maximum(a.narrow(3, 0, 2), b.narrow(3, 0, 2)));
        var both = sides.relu().prod(3);
        torch.Tensor Area(torch.Tensor boxes) => boxes.narrow(3, 2, 2).Minus(boxes.narrow(3, 0, 2)).prod(3);
        var overlap = both.div(Area(a).Plus(Area(b)).Minus(both).AtLeastNumber(1e-12)).nan_to_num(0);
        var (most, which) = overlap.max(2);
        var matched = truth.gather(1, which.unsqueeze(2).expand(-1, -1, 4));
        return torch.where(most.unsqueeze(2).Above(LeastOverlap), matched, corners);
    }

    private static long Classes(torch.Tensor own) => Math.Max(2, own.size(1));

    private static long Classes(IReadOnlyList<long> shape) => Math.Max(2, shape[0]);
}
