using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>How tensors are read: which shapes are taken, what types they become, where coordinates lie.</summary>
internal sealed class ReadingTests
{
    private static readonly SamplingGrid Image = new(13, 11);

    private static readonly OutputGrids Same = new(Image, Image);

    [TestCase(13, 11, true)]
    [TestCase(6, 5, true, TestName = "{m}(half, rounded down)")]
    [TestCase(7, 6, true, TestName = "{m}(half, rounded up)")]
    [TestCase(6, 6, false)]
    [TestCase(7, 5, false)]
    [TestCase(4, 3, true)]
    [TestCase(5, 4, true)]
    [TestCase(4, 4, false)]
    [TestCase(3, 2, true, TestName = "{m}(a quarter, rounded down)")]
    [TestCase(4, 3, true, TestName = "{m}(a quarter, rounded up)")]
    [TestCase(1, 1, true)]
    [TestCase(2, 2, true, TestName = "{m}(a fifth, rounded down)")]
    [TestCase(13, 5, false)]
    [TestCase(14, 11, false)]
    [TestCase(13, 12, false)]
    [TestCase(26, 22, false)]
    [TestCase(0, 5, false)]
    [TestCase(6, 0, false)]
    [TestCase(null, null, true)]
    [TestCase(null, 11, true)]
    [TestCase(13, null, true)]
    [TestCase(6, null, false)]
    public void Planes_OfAWholeFractionOfTheImage_AreTaken(int? height, int? width, bool fits)
    {
        foreach (var layout in Enum.GetValues<OutputLayout>())
        {
            var spec = new OutputSpec { Name = "out", Kind = OutputKind.Image, Layout = layout };
            long?[] shape = layout == OutputLayout.ChannelsLast ? [null, height, width, 2] : [null, 2, height, width];
            var problem = Problem(spec, OnnxElementType.Float, shape);
            Assert.That(problem, fits ? Is.Null : Is.EqualTo(
                $"is {height?.ToString() ?? "any"} x {width?.ToString() ?? "any"} pixels (height x width); the manifest's image is 13 x "
                + "11, and it is no whole fraction of that; if it covers the same image, say so by the output's field resolution."));
        }
    }

    /// <summary>Labels of pixels are bytes.</summary>
    [Test]
    public void Segmentations_OfMoreClassesThanAByteTells_AreRefused()
    {
        var scores = new OutputSpec { Name = "out", Kind = OutputKind.Segmentation };
        Assert.That(Problem(scores, OnnxElementType.Float, [null, 256, 13, 11]), Is.Null);
        Assert.That(Problem(scores, OnnxElementType.Float, [null, 257, 13, 11]), Is.EqualTo(
            "has 257 classes; labels of pixels are bytes, so at most 256 are taken."));
        var numbers = scores with { Classes = [.. Enumerable.Range(0, 300).Select(i => $"c{i}")] };
        Assert.That(Problem(numbers, OnnxElementType.Int32, [null, 13, 11]), Is.EqualTo(
            "is one of 300 classes; labels of pixels are bytes, so at most 256 are taken."));
    }

    [TestCase(4, 5, true)]
    [TestCase(null, 5, true)]
    [TestCase(4, null, true)]
    [TestCase(4, 6, false)]
    [TestCase(5, 5, false)]
    [TestCase(13, 11, false)]
    [TestCase(null, 11, false)]
    public void Planes_OfAStatedResolution_AreOfThat(int? height, int? width, bool fits)
    {
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Image, Resolution = [4, 5] };
        var problem = Problem(spec, OnnxElementType.Float, [null, 2, height, width]);
        Assert.That(problem, fits ? Is.Null : Does.EndWith("the manifest's resolution is 4 x 5."));
    }

    [TestCase(OutputKind.Regression, new int[] { 3 }, null)]
    [TestCase(OutputKind.Regression, new[] { 3, 4, 1, 1 }, null)]
    [TestCase(OutputKind.Regression, new[] { 3, 1, 1, 4 }, null)]
    [TestCase(OutputKind.Regression, new[] { 3, 1, 4, 1 }, "has 4 dimensions of more than one pixel; expected a regression (N,K), (N) or "
        + "(N,K,1,1).")]
    [TestCase(OutputKind.Regression, new[] { 3, 4, 1 }, "has 3 dimensions; expected a regression (N,K), (N) or (N,K,1,1).")]
    [TestCase(OutputKind.Classification, new[] { 3, 3 }, "has 3 channels, and 2 classes are named (a, b).")]
    [TestCase(OutputKind.Classification, new[] { 3, 2, 1, 1 }, null)]
    [TestCase(OutputKind.Classification, new[] { 3, 1 }, null, TestName = "{m}(one score for two classes)")]
    [TestCase(OutputKind.Points, new[] { 3, 4 }, null)]
    [TestCase(OutputKind.Points, new[] { 3, 5, 2 }, null)]
    [TestCase(OutputKind.Points, new[] { 3, 5, 2, 1 }, "has 4 dimensions; expected points (N,P,2) or (N,2P).")]
    [TestCase(OutputKind.Boxes, new[] { 3, 5, 4 }, null)]
    public void Shapes_AreThoseOfTheKind(OutputKind kind, int[] shape, string? problem)
    {
        var spec = new OutputSpec
        {
            Name = "out", Kind = kind, Classes = kind == OutputKind.Classification ? ["a", "b"] : null,
        };
        Assert.That(Problem(spec, OnnxElementType.Float, [.. shape.Select(size => (long?)size)]), Is.EqualTo(problem));
    }

    [Test]
    public void ScoresAndLabelsOfBoxes_HaveTheirShapes()
    {
        var spec = new OutputSpec
        {
            Name = "out", Kind = OutputKind.Boxes, Scores = "scores", Labels = "labels", Classes = ["a", "b"],
            Activation = OutputActivation.Softmax,
        };
        Assert.That(Of("scores", 2), Is.EqualTo("has one score a box, whose softmax is always 1; use the activation sigmoid."));
        Assert.That(Of("scores", 3), Is.EqualTo("has 5 channels, and 2 classes are named (a, b)."));
        Assert.That(Of("scores", 4), Is.EqualTo("has 4 dimensions; expected scores of boxes (N,B) or (N,B,C)."));
        Assert.That(Of("labels", 2), Is.Null);
        Assert.That(Of("labels", 3), Is.EqualTo("has 3 dimensions; expected class numbers of boxes (N,B)."));
        spec = spec with { Activation = OutputActivation.Sigmoid, Classes = null };
        Assert.That((Of("scores", 2), Of("scores", 3)), Is.EqualTo(((string?)null, (string?)null)));
        Assert.That(AnswerKinds.Of(spec).Problem("labels", new TensorForm(OnnxElementType.String, [1, 5]), spec, Image),
            Is.EqualTo("must hold class numbers."));
        Assert.That(AnswerKinds.Of(spec).Problem("labels", new TensorForm(OnnxElementType.Int64, [1, 5]), spec, Image), Is.Null);

        string? Of(string tensor, int rank) => AnswerKinds.Of(spec).Problem(
            tensor, new TensorForm(OnnxElementType.Float, [.. Enumerable.Repeat((long?)5, rank)]), spec, Image);
    }

    [Test]
    public void Tensors_BecomeFloat32([Values] bool isHalf)
    {
        using var scope = torch.NewDisposeScope();
        var type = isHalf ? torch.ScalarType.Float16 : torch.ScalarType.Float64;
        var boxes = new OutputSpec { Name = "out", Kind = OutputKind.Boxes, Scores = "scores", Labels = "labels" };
        foreach (var (spec, shape) in new[]
        {
            (Spec(OutputKind.Image), new long[] { 1, 2, 13, 11 }), (Spec(OutputKind.Segmentation), [1, 2, 13, 11]),
            (Spec(OutputKind.Classification), [1, 2]), (Spec(OutputKind.Regression), [1]), (Spec(OutputKind.Points), [1, 4]),
            (boxes, [1, 2, 4]),
        })
        {
            var tensors = new Dictionary<string, torch.Tensor>
            {
                ["out"] = torch.ones(shape, type), ["scores"] = torch.ones([1, 2], type), ["labels"] = torch.ones([1, 2], torch.int64),
            };
            var parts = AnswerKinds.Of(spec).Read(tensors, spec, Same);
            Assert.That(parts.Select(part => part.dtype), Is.All.EqualTo(torch.ScalarType.Float32), $"{spec.Kind}");
        }

        var numbers = Spec(OutputKind.Segmentation) with { Classes = ["a", "b", "c"] };
        var planes = AnswerKinds.Of(numbers).Read(
            new Dictionary<string, torch.Tensor> { ["out"] = torch.ones([1, 13, 11], torch.int32) }, numbers, Same).Single();
        Assert.That(planes.dtype, Is.EqualTo(torch.ScalarType.Float32));
        Assert.That(planes.shape, Is.EqualTo(new long[] { 1, 3, 13, 11 }));
        Assert.That(planes[0, 1].min().item<float>(), Is.EqualTo(1));
        static OutputSpec Spec(OutputKind kind) => new() { Name = "out", Kind = kind };
    }

    [TestCase(-1, "-1")]
    [TestCase(3, "3")]
    public void ClassNumbers_OutsideTheNamedClasses_AreRefused(int number, string shown)
    {
        using var scope = torch.NewDisposeScope();
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Segmentation, Classes = ["a", "b", "c"] };
        var tensors = new Dictionary<string, torch.Tensor> { ["out"] = torch.full([1, 13, 11], number, torch.int64) };
        Assert.That(() => AnswerKinds.Of(spec).Read(tensors, spec, Same), Throws.TypeOf<Onnx.Execution.GraphException>()
            .With.Message.EqualTo($"Output 'out' holds the class number {shown}, and 3 classes are named (a, b, c), numbered 0 to 2."));
    }

    [Test]
    public void ScoresOfOtherBoxes_AreRefused()
    {
        using var scope = torch.NewDisposeScope();
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Boxes, Scores = "scores" };
        var tensors = new Dictionary<string, torch.Tensor> { ["out"] = torch.ones(1, 3, 4), ["scores"] = torch.ones(1, 2) };
        Assert.That(() => AnswerKinds.Of(spec).Read(tensors, spec, Same), Throws.TypeOf<Onnx.Execution.GraphException>()
            .With.Message.EqualTo("Output 'out' has 3 boxes; its scores or labels are for 2."));
        (spec, tensors["labels"]) = (spec with { Labels = "labels" }, torch.ones(1, 4));
        Assert.That(() => AnswerKinds.Of(spec).Read(tensors, spec, Same), Throws.TypeOf<Onnx.Execution.GraphException>()
            .With.Message.EndsWith("are for 2."), "the scores first");
    }

    [TestCase(OutputActivation.None, new[] { 0.49f, 0.5f, 2f })]
    [TestCase(OutputActivation.Sigmoid, new[] { -0.1f, 0f, 2f })]
    public void ASingleScore_MeansClass1FromOneHalfOn(OutputActivation activation, float[] scores)
    {
        using var scope = torch.NewDisposeScope();
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Classification, Activation = activation };
        Assert.That(Classes(torch.tensor(scores).view(3, 1)), Is.EqualTo(new long[] { 0, 1, 1 }));
        Assert.That(Classes(torch.tensor([0.1f, 0.3f, 0.2f, 0.9f, 0.05f, 0f]).view(2, 3)), Is.EqualTo(new long[] { 1, 0 }));
        Assert.That(AnswerKinds.Of(OutputKind.Points).Classes([torch.ones(1, 2, 2)], spec), Is.Null);

        long[] Classes(torch.Tensor values)
        {
            var classes = AnswerKinds.Of(spec).Classes([values], spec)!;
            Assert.That(classes.dtype, Is.EqualTo(torch.ScalarType.Int64));
            return [.. classes.data<long>()];
        }
    }

    [Test]
    public void Coordinates_OfANetworkOfItsOwnSize_AreThoseOfTheSamePlaceInTheImage(
        [Values] OutputCoordinates coordinates, [Values] CoordinateOrder order)
    {
        using var scope = torch.NewDisposeScope();
        SamplingGrid own = new(9, 6), canonical = new(5, 21);
        var spec = new OutputSpec { Name = "out", Kind = OutputKind.Points, Coordinates = coordinates, Order = order };
        double[] given = [0.3, 0.9, 0, 0, 4, 2.5];
        var points = torch.tensor([.. given.Select(value => (float)value)]).view(1, 3, 2);

        float[] found = [.. Places.ToUnit(points, spec, new OutputGrids(own, canonical)).contiguous().data<float>()];

        for (var i = 0; i < 3; i++)
        {
            var (x, y) = order == CoordinateOrder.Yx ? (given[(2 * i) + 1], given[2 * i]) : (given[2 * i], given[(2 * i) + 1]);
            // Fractions of the extent between the outer pixels' centres carry over.
            Assert.That(found[2 * i], Is.EqualTo(Fraction(x, own.Width, own.HalfWidth) * canonical.HalfWidth).Within(1e-5), $"x of {i}");
            Assert.That(found[(2 * i) + 1], Is.EqualTo(Fraction(y, own.Height, own.HalfHeight) * canonical.HalfHeight).Within(1e-5),
                $"y of {i}");
        }

        double Fraction(double value, int size, double half) => coordinates switch
        {
            OutputCoordinates.Pixels => (2 * value / (size - 1)) - 1,
            OutputCoordinates.Edges => (2 * (value - 0.5) / (size - 1)) - 1,
            OutputCoordinates.Unit => (2 * ((value * size) - 0.5) / (size - 1)) - 1,
            _ => value / half,
        };
    }

    [Test]
    public void EveryTensor_IsAskedForOnce()
    {
        var boxes = new OutputSpec { Name = "boxes", Kind = OutputKind.Boxes, Scores = "scores", Labels = "labels" };
        var reader = new OutputReader("inner.onnx", [boxes, boxes with { As = "again", Labels = null }], Same);
        Assert.That(reader.Tensors, Is.EqualTo(new[] { "boxes", "scores", "labels" }));
    }

    [TestCase(OutputKind.Segmentation, "Planes", true)]
    [TestCase(OutputKind.Image, "Planes", false)]
    [TestCase(OutputKind.Classification, "Numbers", true)]
    [TestCase(OutputKind.Regression, "Numbers", false)]
    [TestCase(OutputKind.Points, "None", false)]
    [TestCase(OutputKind.Boxes, "None", false)]
    public void Kind_SaysWhetherItCanStayOnTheDevice(OutputKind kind, string form, bool hasClasses) =>
        Assert.That((AnswerKinds.Of(kind).OnDevice.ToString(), AnswerKinds.Of(kind).HasClasses), Is.EqualTo((form, hasClasses)));

    private static string? Problem(OutputSpec spec, OnnxElementType type, long?[] shape) =>
        AnswerKinds.Of(spec).Problem("out", new TensorForm(type, shape), spec, Image);
}
