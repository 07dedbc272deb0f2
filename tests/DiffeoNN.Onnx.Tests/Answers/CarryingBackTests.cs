using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>How answers of each kind come back to the input image.</summary>
public sealed class CarryingBackTests
{
    private static readonly SamplingGrid Grid = new(9, 17);

    [Test]
    public void Points_MoveByTheDisplacementAndComeOutInPixelsOfTheInput()
    {
        using var scope = torch.NewDisposeScope();
        // One pixel of the canonical grid to the right, two down.
        var u = torch.tensor(new[] { (float)Grid.PixelSize, (float)(2 * Grid.PixelSize) }).view(1, 2, 1, 1)
            .expand(1, 2, 9, 17).contiguous();
        var points = torch.tensor(new[] { 0f, 0f, -1f, (float)-Grid.HalfHeight }).view(1, 2, 2);

        var same = Map(OutputKind.Points, points, u, -u, Grid, 9, 17);
        var doubled = Map(OutputKind.Points, points, u, -u, Grid, 17, 33);

        AssertPoints(same.Points!, (9, 6), (1, 2));
        AssertPoints(doubled.Points!, (18, 12), (2, 4));
    }

    [Test]
    public void Planes_ComeBackThroughTheInverse()
    {
        using var scope = torch.NewDisposeScope();
        var values = torch.arange(9 * 17, torch.float32).view(1, 1, 9, 17);
        var inverse = torch.tensor(new[] { (float)Grid.PixelSize, 0f }).view(1, 2, 1, 1).expand(1, 2, 9, 17).contiguous();
        var output = Map(OutputKind.Image, values, -inverse, inverse, Grid, 9, 17);
        Assert.That(output.Planes![0, 3, 5], Is.EqualTo((3 * 17) + 6).Within(1e-3));
        Assert.That(output.Planes[0, 3, 16], Is.EqualTo((3 * 17) + 16).Within(1e-3), "the border goes on outside");
        Assert.That(output.Labels, Is.Null);
    }

    [Test]
    public void Segmentations_AreTheMostProbableClass()
    {
        using var scope = torch.NewDisposeScope();
        var probabilities = torch.stack([torch.full([9, 17], 0.2f), torch.full([9, 17], 0.5f), torch.full([9, 17], 0.3f)], 0).unsqueeze(0);
        var output = Map(OutputKind.Segmentation, probabilities, null, null, Grid, 4, 6);
        Assert.That((output.Height, output.Width), Is.EqualTo((4, 6)));
        Assert.That(output.Labels!.Labels.ToArray(), Is.All.EqualTo(1));
    }

    [Test]
    public void AnswersOfSeveralMaps_AreAveragedInTheInputsGeometry()
    {
        using var scope = torch.NewDisposeScope();
        MappedAnswer Answer(float[] values, long[] shape, float pixels)
        {
            var u = torch.full([1, 2, 9, 17], pixels * (float)Grid.PixelSize);
            return new MappedAnswer([torch.tensor(values).view(shape)], u, -u);
        }

        var scores = Map(OutputKind.Classification, [Answer([0.2f, 0.8f], [1, 2], 0), Answer([0.9f, 0.1f], [1, 2], 3)], Grid, 9, 17);
        Assert.That(scores.Scores, Is.EqualTo(new[] { 0.55f, 0.45f }).Within(1e-6));
        Assert.That(scores.Class, Is.Zero);

        var points = Map(OutputKind.Points, [Answer([0, 0], [1, 1, 2], 1), Answer([0, 0], [1, 1, 2], 3)], Grid, 9, 17);
        AssertPoints(points.Points!, (10, 6));

        // One map says class 1 in every column from 8 on, the other 2 columns further left; between them the surer one wins.
        float[] Step(float probability) =>
            [.. Enumerable.Range(0, 2 * 9 * 17).Select(i => (i / (9 * 17) == 1) == (i % 17 >= 8) ? probability : 1 - probability)];
        var planes = Map(
            OutputKind.Segmentation, [Answer(Step(0.7f), [1, 2, 9, 17], 0), Answer(Step(0.9f), [1, 2, 9, 17], -2)], Grid, 9, 17);
        Assert.That(planes.Planes![1, 4, 7], Is.EqualTo((0.3f + 0.9f) / 2).Within(1e-5));
        Assert.That((planes.Labels![4, 5], planes.Labels[4, 7]), Is.EqualTo(((byte)0, (byte)1)));
    }

    [Test]
    public void Classifications_AreTakenAsTheyAre()
    {
        using var scope = torch.NewDisposeScope();
        var output = Map(OutputKind.Classification, torch.tensor(new[] { 0.1f, 0.7f, 0.2f }).view(1, 3), null, null, Grid, 9, 17);
        Assert.That(output.Scores, Is.EqualTo(new[] { 0.1f, 0.7f, 0.2f }));
        Assert.That(output.Class, Is.EqualTo(1));
    }

    [Test]
    public void Resampling_ToAnotherSize_KeepsRampsAndTheirDisplacement()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(11, 21);
        var ramp = grid.Positions().narrow(1, 0, 1); // each pixel holds its x
        var u = torch.full([1, 2, 11, 21], 0.1f);
        var result = Resample.To(ramp, u, 31, 61);
        Assert.That(result[0, 0, 15, 30].item<float>(), Is.EqualTo(0.1f).Within(1e-5));
        Assert.That(result[0, 0, 3, 0].item<float>(), Is.EqualTo(-0.9f).Within(1e-5));
        Assert.That(() => Resample.To(ramp, torch.zeros(2, 2, 11, 21), 31, 61),
            Throws.ArgumentException.With.Message.Contains("one displacement for each image"));
    }

    private static ModelOutput Map(
        OutputKind kind, torch.Tensor output, torch.Tensor? displacement, torch.Tensor? inverse, SamplingGrid grid, int height, int width)
    {
        using var answer = new MappedAnswer([output], displacement, inverse);
        return Map(kind, [answer], grid, height, width);
    }

    private static ModelOutput Map(OutputKind kind, IReadOnlyList<MappedAnswer> answers, SamplingGrid grid, int height, int width) =>
        new MappedOutput(new OutputSpec { Name = "output", Kind = kind }, answers, grid, height, width).ToOutput();

    private static void AssertPoints(IReadOnlyList<(double Column, double Row)> actual, params (double Column, double Row)[] expected)
    {
        Assert.That(actual, Has.Count.EqualTo(expected.Length));
        for (var i = 0; i < expected.Length; i++)
        {
            Assert.That(actual[i].Column, Is.EqualTo(expected[i].Column).Within(1e-4));
            Assert.That(actual[i].Row, Is.EqualTo(expected[i].Row).Within(1e-4));
        }
    }
}
