using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <content>How tensors become answers, and what specs say of themselves.</content>
internal sealed partial class KindTests
{
    [Test]
    public void Pictures_AreScoredByTheRootOfTheMeanSquaredErrorWhereTheImageIs()
    {
        ImageBuffer answer = new(2, 2, 2, [0, 1, 2, 3, 4, 5, 6, 7]), wanted = new(2, 2, 2, [1, 1, 2, 3, 4, 5, 6, 4]);
        var kind = AnswerKinds.Of(OutputKind.Image);
        var output = new ModelOutput { Kind = OutputKind.Image, Height = 2, Width = 2, Planes = answer };
        var score = kind.Score(output, new Truth { Picture = wanted }, 0);
        Assert.That(score["error"], Is.EqualTo(Math.Sqrt((1 + 9) / 8.0)).Within(1e-12));
        Assert.That((score.Metric, score.Rank), Is.EqualTo((-score["error"], -score["error"])));
        var inside = new ImageBuffer(1, 2, 2, [1, 1, 1, 0]);
        Assert.That(kind.Score(output, new Truth { Picture = wanted, Inside = inside }, 0)["error"],
            Is.EqualTo(Math.Sqrt(1 / 6.0)).Within(1e-12), "the last pixel comes from outside");
    }

    [Test]
    public void ClassesOf_ASingleScore_AreTwo()
    {
        var kind = AnswerKinds.Of(OutputKind.Classification);
        var spec = new OutputSpec { Name = "y", Kind = OutputKind.Classification };
        Assert.That(kind.ClassesOf([torch.zeros(1, 1)], spec), Is.EqualTo(2));
        Assert.That(kind.ClassesOf([torch.zeros(1, 3)], spec), Is.EqualTo(3));
        var nothing = new ModelOutput { Kind = OutputKind.Classification, Height = 2, Width = 2, Scores = [] };
        Assert.That(nothing.Class, Is.Null, "no scores, no class");
    }

    [Test]
    public void BoxScores_AreActivatedOverTheirClasses()
    {
        var spec = new OutputSpec
        {
            Name = "boxes", Kind = OutputKind.Boxes, Scores = "scores", Activation = OutputActivation.Softmax,
        };
        using var scope = torch.NewDisposeScope();
        var scores = torch.tensor(new[] { 0f, 1, 2, 3, 1, 0 }).view(1, 2, 3);
        var tensors = new Dictionary<string, torch.Tensor> { ["boxes"] = torch.zeros(1, 2, 4), ["scores"] = scores };
        var parts = AnswerKinds.Of(spec).Read(tensors, spec, new OutputGrids(Grid, Grid));
        Assert.That(parts[1].sum(2).flatten().data<float>().ToArray(), Is.EqualTo(new[] { 1f, 1 }).Within(1e-6));
        Assert.That(parts[1][0, 0, 2].item<float>(), Is.EqualTo(Math.Exp(2) / (1 + Math.E + Math.Exp(2))).Within(1e-6));
    }

    [Test]
    public void Planes_AreEnlargedBetweenTheCentresOfTheirPixels()
    {
        using var scope = torch.NewDisposeScope();
        var spec = new OutputSpec { Name = "y", Kind = OutputKind.Image };
        var grid = new SamplingGrid(2, 4);
        var tensors = new Dictionary<string, torch.Tensor> { ["y"] = torch.tensor(new[] { 0f, 1, 0, 1 }).view(1, 1, 2, 2) };
        var planes = AnswerKinds.Of(spec).Arrange(tensors, spec, new OutputGrids(grid, grid))[0];
        Assert.That(planes.flatten().data<float>().ToArray(), Is.EqualTo(new[] { 0, 0.25f, 0.75f, 1, 0, 0.25f, 0.75f, 1 }));
    }

    [Test]
    public void Specs_SayWhatTheirKindSays()
    {
        var boxes = new OutputSpec
        {
            Name = "b", Kind = OutputKind.Boxes, Scores = "s", Activation = OutputActivation.Sigmoid, Anchors = true,
        };
        Assert.That(boxes.ToString(), Is.EqualTo(
            "boxes 'b', coordinates centred, order xy, format xyxy, scores 's', activation sigmoid, anchors true"));
        var mask = new OutputSpec { Name = "m", Kind = OutputKind.Segmentation, As = "lungs", Classes = ["ground", "lung"] };
        Assert.That(mask.ToString(), Is.EqualTo("segmentation 'm' as lungs, activation none, classes ground, lung"));
    }
}
