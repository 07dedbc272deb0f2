using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Carries a network's answer from the canonical image to the image it came from, at that image's size.</summary>
/// <param name="spec">What the answer means.</param>
internal sealed class OutputMapping(OutputSpec spec)
{
    /// <summary>What answers are.</summary>
    public OutputKind Kind => spec.Kind;

    /// <summary>Maps one image's answer.</summary>
    /// <param name="output">Shape (1, ...): the network's output after its activation.</param>
    /// <param name="displacement">Canonical to input, (1, 2, H, W); null where the image was not warped.</param>
    /// <param name="inverse">Input to canonical, (1, 2, H, W); null where the image was not warped.</param>
    /// <param name="canonical">The bundle's grid.</param>
    /// <param name="height">Rows of the answer.</param>
    /// <param name="width">Columns of the answer.</param>
    public ModelOutput Map(
        torch.Tensor output, torch.Tensor? displacement, torch.Tensor? inverse, SamplingGrid canonical, int height, int width)
    {
        using var answer = new MappedAnswer(output, displacement, inverse);
        return Map([answer], canonical, height, width);
    }

    /// <summary>Maps the answers that several maps led to for one image, and takes their mean:
    /// of probabilities, values, scores or places.</summary>
    /// <param name="answers">At least one; they stay the caller's.</param>
    /// <param name="canonical">The bundle's grid.</param>
    /// <param name="height">Rows of the answer.</param>
    /// <param name="width">Columns of the answer.</param>
    public ModelOutput Map(IReadOnlyList<MappedAnswer> answers, SamplingGrid canonical, int height, int width) =>
        new MappedOutput(this, answers, canonical, height, width).ToOutput();

    /// <summary>Scores or points that several maps led to for one image, as their mean.</summary>
    /// <param name="answers">At least one.</param>
    /// <param name="canonical">The bundle's grid.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    public ModelOutput Numbers(IReadOnlyList<MappedAnswer> answers, SamplingGrid canonical, int height, int width)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var output = new ModelOutput { Kind = spec.Kind, Height = height, Width = width };
        return spec.Kind == OutputKind.Classification
            ? output with { Scores = Host(Mean(answers, answer => answer.Output)) }
            : output with { Points = Places(Mean(answers, MapPoints), canonical, height, width) };
    }

    /// <summary>Some rows of the planes that several maps led to for one image, as the mean of probabilities or values.</summary>
    /// <param name="answers">At least one.</param>
    /// <param name="height">Rows of the answer.</param>
    /// <param name="width">Columns of the answer.</param>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many.</param>
    /// <param name="channel">Which plane; null for all.</param>
    public ImageBuffer Rows(IReadOnlyList<MappedAnswer> answers, int height, int width, int first, int count, int? channel)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        // Outside the canonical image nothing is known; its border is the best guess, and probabilities still add up to one.
        return ImageTensor.FromTensor(Mean(answers, answer =>
        {
            var planes = channel is { } one ? answer.Output.narrow(1, one, 1) : answer.Output;
            return Resample.RowsTo(planes, answer.Inverse, height, width, first, count);
        }))[0];
    }

    private static torch.Tensor Mean(IReadOnlyList<MappedAnswer> answers, Func<MappedAnswer, torch.Tensor> map) => answers.Count == 1
        ? map(answers[0])
        : answers.Select(map).Aggregate((sum, next) => sum.Plus(next)).Times(1.0 / answers.Count);

    /// <summary>The answer of scores.</summary>
    /// <param name="scores">One a class.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    public ModelOutput Answer(float[] scores, int height, int width) =>
        new() { Kind = spec.Kind, Height = height, Width = width, Scores = scores };

    /// <summary>The answer of planes that lie on the image already.</summary>
    /// <param name="planes">Probabilities or values, one plane a channel.</param>
    public ModelOutput Answer(ImageBuffer planes) => new()
    {
        Kind = spec.Kind,
        Height = planes.Height,
        Width = planes.Width,
        Planes = planes,
        Labels = spec.Kind == OutputKind.Image ? null : LabelMap.FromProbabilities(planes),
    };

    private static torch.Tensor MapPoints(MappedAnswer answer)
    {
        var points = answer.Output.reshape(1, -1, 2);
        return answer.Displacement is null ? points : points.Plus(Resample.At(answer.Displacement, points));
    }

    private static List<(double Column, double Row)> Places(torch.Tensor points, SamplingGrid canonical, int height, int width)
    {
        // Fractions of the extent carry over to any size; the canonical grid's unit does not.
        double scaleX = (width - 1) / (2 * canonical.HalfWidth), scaleY = (height - 1) / (2 * canonical.HalfHeight);
        var values = Host(points);
        return [.. Enumerable.Range(0, values.Length / 2).Select(i =>
            ((values[2 * i] + canonical.HalfWidth) * scaleX, (values[(2 * i) + 1] + canonical.HalfHeight) * scaleY))];
    }

    private static float[] Host(torch.Tensor tensor) =>
        [.. tensor.to_type(torch.ScalarType.Float32).cpu().contiguous().data<float>()];
}
