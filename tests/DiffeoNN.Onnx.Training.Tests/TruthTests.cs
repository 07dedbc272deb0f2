using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What a proposer's task aims at where something is known to be true, against plain arithmetic in double.</summary>
public sealed class TruthTests
{
    private const int Height = 24;
    private const int Width = 32;
    private const int Ignored = 255;
    private static readonly SamplingGrid Grid = new(Height, Width);

    private static readonly ProposerRecipeOptions Still = new()
    {
        Sampling = new DeformationSampling { Families = new Dictionary<string, int> { ["tps-strong"] = 60 }, Intensity = 0, Identity = 1 },
        Batch = 8, Image = 0, Displacement = 0,
    };

    /// <summary>Image 1 has no mask; a corner of the others is ignored.</summary>
    [TestCase(InnerAnswer.Logits, 2, 0.5)]
    [TestCase(InnerAnswer.BinaryLogits, 2, 0.5)]
    [TestCase(InnerAnswer.BinaryLogits, 1, 0.5)]
    [TestCase(InnerAnswer.Logits, 2, 1)]
    [TestCase(InnerAnswer.Logits, 2, 0)]
    public void TargetOfPixels_IsTruthAndOwnAnswerCarriedByTheMap(InnerAnswer answer, int planes, double share)
    {
        using var scope = torch.NewDisposeScope();
        var pixels = Shapes.Draw(3, 1, Height, Width, 1);
        byte Mask(int image, int row, int column) =>
            row < 6 && column < 9 ? (byte)Ignored : (byte)((row + (2 * column) + image) % 7 < 3 ? 1 : 0);
        byte[] labels = [.. from n in Enumerable.Range(0, 3) from row in Enumerable.Range(0, Height)
                            from column in Enumerable.Range(0, Width) select Mask(n, row, column)];
        var images = new TrainingImages(pixels) { Masks = torch.tensor(labels).view(3, Height, Width), Known = [true, false, true] };
        using var teacher = new Teacher(TestSetup.Engine, new InnerTask(Scores(planes), answer), images, 1 << 20, share);
        using var uncached = new Teacher(TestSetup.Engine, new InnerTask(Scores(planes), answer), images, 0, share);
        using var target = TaskTarget.Of(teacher.Answer, teacher.Shape, teacher.Deviations, Grid, Grid);
        using var generator = new torch.Generator(5);
        var map = torch.randn([3, 2, Height, Width], generator: generator) * 0.04f;

        int[] chosen = [2, 0, 1];
        var found = target.Carry(teacher.Answers(chosen), map);
        var again = target.Carry(uncached.Answers(chosen), map);
        Assert.That((found - again).abs().max().item<float>(), Is.LessThan(1e-6));

        var isMasked = answer == InnerAnswer.BinaryLogits;
        Assert.That(found.shape, Is.EqualTo(new long[] { 3, planes + (isMasked ? 1 : 0), Height, Width }));
        var (image, u) = (pixels.data<float>().ToArray(), map.data<float>().ToArray());
        var numbers = found.data<float>().ToArray();
        double Undeformed(int which, int plane, int row, int column)
        {
            var label = which == 1 ? -1 : Mask(which, row, column);
            if (label == Ignored) return 0;
            if (plane == planes) return 1;
            double[] scores = [.. Enumerable.Range(0, planes).Select(k => Score(k, image[(((which * Height) + row) * Width) + column]))];
            var own = isMasked
                ? 1 / (1 + Math.Exp(-scores[plane]))
                : Math.Exp(scores[plane]) / scores.Sum(Math.Exp);
            if (label < 0) return own;
            double[] all = isMasked ? [1 - own, own] : [.. scores.Select(score => Math.Exp(score) / scores.Sum(Math.Exp))];
            var isThis = label == (planes == 1 ? 1 : plane);
            var ahead = all.Max() - (isMasked ? all[isThis ? 1 : 0] : all[label]);
            var part = share * 2 * ahead / (1 + ahead);
            return ((1 - part) * own) + (isThis ? part : 0);
        }

        var i = 0;
        foreach (var (place, n) in chosen.Index())
        {
            for (var plane = 0; plane < found.shape[1]; plane++)
            {
                for (var row = 0; row < Height; row++)
                {
                    for (var column = 0; column < Width; column++)
                    {
                        double U(int axis) => u[(((((place * 2) + axis) * Height) + row) * Width) + column];
                        var expected = Sampled(
                            (y, x) => Undeformed(n, plane, y, x), row + (U(1) * (Height - 1) / 2), column + (U(0) * (Width - 1) / 2));
                        Assert.That(numbers[i++], Is.EqualTo(expected).Within(2e-4), $"image {n}, plane {plane}, {row}, {column}");
                    }
                }
            }
        }
    }

    [Test]
    public void TargetOfPixels_OfLessResolution_IsTheShareOfWhatEachCovers()
    {
        using var scope = torch.NewDisposeScope();
        var pixels = Shapes.Draw(4, 1, Height, Width, 1);
        var ink = pixels.squeeze(1).gt(0.5f).to(torch.uint8);
        var own = torch.full([2, 1, Height / 4, Width / 4], 0.2f);
        var images = new TrainingImages(pixels) { Masks = ink };
        var mixed = GivenAnswers.Mixed(images, [3, 1], own, InnerAnswer.BinaryProbabilities, 1, Grid);
        var share = ink[3].to(torch.float32).view(Height / 4, 4, Width / 4, 4).mean([1L, 3]);
        var ahead = 0.8 - ((0.2 * share) + (0.8 * (1 - share)));
        var expected = 0.2 + ((share - 0.2) * (2 * ahead / (1 + ahead)));
        Assert.That(share.max().item<float>(), Is.GreaterThan(0.8f));
        Assert.That((mixed[0, 0] - expected).abs().max().item<float>(), Is.LessThan(1e-6));
        Assert.That((mixed[0, 1] - 1).abs().max().item<float>(), Is.LessThan(1e-6), "all of it counts");
        var none = new TrainingImages(pixels);
        Assert.That(GivenAnswers.Mixed(none, [3, 1], own, InnerAnswer.BinaryProbabilities, 1, Grid), Is.SameAs(own));
    }

    /// <summary>The network's answers where it does not matter, and the labels' classes, change nothing.</summary>
    [TestCase(InnerAnswer.Logits)]
    [TestCase(InnerAnswer.BinaryLogits)]
    public void TermOfTheTask_DoesNotCountIgnoredPixels(InnerAnswer answer)
    {
        using var scope = torch.NewDisposeScope();
        using var network = Recipes.Proposer(1, Height, Width);
        var pixels = Shapes.Draw(8, 1, Height, Width, 1);
        var masks = pixels.squeeze(1).gt(0.3f).to(torch.uint8);
        masks.narrow(2, 0, 20).fill_(Ignored);
        using var recipe = new ProposerRecipe(
            TestSetup.Engine, network, new TrainingImages(pixels) { Masks = masks }, Still with { TruthShare = 1 },
            new InnerTask(Shapes.Inner(1, Height, Width), answer));
        using var trainer = new Trainer(network);
        var found = trainer.Step(recipe.Next(0, new SplitMix64(1))).Terms["task"];

        using var graph = TestSetup.Engine.Load(Shapes.Inner(1, Height, Width), "inner");
        var logits = graph.Run(new Dictionary<string, torch.Tensor> { ["pixels"] = pixels })["logits"].narrow(3, 10, 6);
        var share = torch.nn.functional.avg_pool2d(masks.narrow(2, 20, 12).to(torch.float32).unsqueeze(1), 2);
        var truth = torch.cat([1 - share, share], 1);
        var own = answer == InnerAnswer.Logits ? logits.softmax(1) : logits.sigmoid();
        var ahead = answer == InnerAnswer.Logits
            ? own.amax([1], keepdim: true) - (own * truth).sum(1, keepdim: true)
            : torch.maximum(own, 1 - own) - ((own * truth) + ((1 - own) * (1 - truth)));
        var target = own + ((truth - own) * (2 * ahead / (1 + ahead)));
        torch.Tensor Log(torch.Tensor value) => value.clamp(1e-6, 1).log();
        var divergence = answer == InnerAnswer.Logits
            ? (target * (Log(target) - logits.log_softmax(1))).sum(1).mean()
            : ((target * (Log(target) - logits.sigmoid().log())) + ((1 - target) * (Log(1 - target) - (-logits).sigmoid().log()))).mean();
        Assert.That(found, Is.EqualTo(divergence.item<float>() * 6 / 16).Within(1e-4));
    }

    [Test]
    public void TargetOfClasses_IsTheLabelBesideTheOwnAnswer()
    {
        using var scope = torch.NewDisposeScope();
        var pixels = Shapes.Draw(4, 1, Height, Width, 1);
        var images = new TrainingImages(pixels)
        {
            Labels = torch.tensor(new long[] { 2, 0, -7, 1 }), Known = [true, true, false, true],
        };
        var own = torch.tensor(new[] { 0.7f, 0.2f, 0.1f, 0.5f, 0.3f, 0.2f, 0.1f, 0.1f, 0.8f }).view(3, 3);
        float[] Mixed(double share) => GivenAnswers.Mixed(images, [3, 2, 0], own, InnerAnswer.Probabilities, share, Grid)
            .data<float>().ToArray();
        // By 0.5 the best class is ahead of the true one: a third of the truth makes a tie. The third is right.
        Assert.That(
            Mixed(0.5),
            Is.EqualTo(new[] { 0.7 * 2 / 3, (0.2 * 2 / 3) + (1.0 / 3), 0.1 * 2 / 3, 0.5, 0.3, 0.2, 0.1, 0.1, 0.8 }).Within(1e-6));
        Assert.That(
            Mixed(1), Is.EqualTo(new[] { 0.7 / 3, (0.2 / 3) + (2.0 / 3), 0.1 / 3, 0.5, 0.3, 0.2, 0.1, 0.1, 0.8 }).Within(1e-6));
        Assert.That(Mixed(0), Is.EqualTo(own.data<float>().ToArray()).Within(1e-7));

        // A single score is that of class 1.
        var single = torch.tensor(new[] { 0.4f, 0.4f }).view(2, 1);
        var two = new TrainingImages(pixels) { Labels = torch.tensor(new long[] { 0, 0, 0, 1 }) };
        Assert.That(
            GivenAnswers.Mixed(two, [3, 0], single, InnerAnswer.BinaryProbabilities, 0.5, Grid).data<float>().ToArray(),
            Is.EqualTo(new[] { 0.5f, 0.4f }).Within(1e-6));
    }

    /// <summary>However sure the network is of another class, the true one is not behind it; what is right stays as it is.</summary>
    [TestCase(0.999f)]
    [TestCase(0.8f)]
    [TestCase(0.51f)]
    [TestCase(0.49f)]
    [TestCase(0.1f)]
    public void TargetOfClasses_IsATieWhereTheNetworkErrs(float other)
    {
        using var scope = torch.NewDisposeScope();
        var images = new TrainingImages(Shapes.Draw(1, 1, Height, Width, 1)) { Labels = torch.tensor(new long[] { 1 }) };
        var own = torch.tensor(new[] { other, 1 - other }).view(1, 2);
        var target = GivenAnswers.Mixed(images, [0], own, InnerAnswer.Probabilities, new ProposerRecipeOptions().TruthShare, Grid);
        Assert.That(target[0, 0].item<float>(), Is.EqualTo(Math.Min(other, 0.5f)).Within(1e-6));
        Assert.That(target[0, 1].item<float>(), Is.EqualTo(Math.Max(1 - other, 0.5f)).Within(1e-6));
    }

    [Test]
    public void TargetOfPoints_IsBetweenTruthAndOwnAnswerCarriedByTheMap()
    {
        using var scope = torch.NewDisposeScope();
        (double X, double Y) a = (0.08, -0.06), b = (0.05, -0.04);
        float[] Field(double scale, double shift, bool along) =>
            [.. Enumerable.Range(0, Height * Width).Select(i => along ? (i % Width / 15.5) - 1 : (i / Width / 11.5) - 1)
                .Select(place => (float)((scale * place) + shift))];
        var map = torch.tensor((float[])[.. Field(a.X, b.X, true), .. Field(a.Y, b.Y, false)])
            .view(1, 2, Height, Width).expand(2, -1, -1, -1);
        float[] truth = [0.2f, -0.4f, -0.6f, 0.1f, 0.5f, 0.5f, 0.3f, 0.3f], own = [0.1f, -0.2f, -0.5f, 0.3f];
        var images = new TrainingImages(Shapes.Draw(2, 1, Height, Width, 1))
        {
            Points = torch.tensor(truth).view(2, 2, 2), Known = [true, false],
        };
        var answers = torch.tensor((float[])[.. own, .. own]).view(2, 2, 2);
        using var target = TaskTarget.Of(InnerAnswer.Points, [2, 2], [1, 1], Grid, Grid);
        var found = target.Carry(GivenAnswers.Mixed(images, [1, 0], answers, InnerAnswer.Points, 0.25, Grid), map).data<float>().ToArray();
        for (var i = 0; i < 8; i++)
        {
            // The map is q + a q + b: what lies at p comes to (p - b) / (1 + a).
            var place = i < 4 ? own[i] : (0.75 * own[i - 4]) + (0.25 * truth[i - 4]);
            var expected = i % 2 == 0 ? (place - b.X) / (1 + a.X) : (place - b.Y) / (1 + a.Y);
            Assert.That(found[i], Is.EqualTo(expected).Within(1e-4), $"{i}");
        }
    }

    [Test]
    public void TargetOfBoxes_IsTheTrueBoxThatTheNetworksOverlaps()
    {
        using var scope = torch.NewDisposeScope();
        float[] own =
        [
            -0.5f, -0.5f, 0.1f, 0.1f, 0.9f, // overlaps the second true box
            0.6f, 0.6f, 0.9f, 0.9f, 0.2f, // overlaps none
            -0.5f, -0.5f, 0.1f, 0.1f, 0.4f, // of an image with none
            0.6f, 0.6f, 0.9f, 0.9f, 0.3f, // of an image of which nothing is known
        ];
        float[] truth =
        [
            -0.9f, -0.9f, -0.3f, -0.3f, -0.4f, -0.5f, 0.2f, 0.1f,
            float.NaN, float.NaN, float.NaN, float.NaN, float.NaN, float.NaN, float.NaN, float.NaN,
            0.6f, 0.6f, 0.9f, 0.8f, 0, 0, 1, 1,
        ];
        var images = new TrainingImages(Shapes.Draw(3, 1, Height, Width, 1))
        {
            Boxes = torch.tensor(truth).view(3, 2, 4), Known = [true, true, false],
        };
        float[] Mixed(int image, float[] answers) => GivenAnswers.Mixed(
            images, [image], torch.tensor(answers).view(1, -1, 5), InnerAnswer.Boxes, 0.5, Grid).data<float>().ToArray();
        Assert.That(Mixed(0, own[..10]), Is.EqualTo((float[])[-0.45f, -0.5f, 0.15f, 0.1f, 0.9f, .. own[5..10]]).Within(1e-6));
        Assert.That(Mixed(1, own[10..15]), Is.EqualTo(own[10..15]).Within(1e-6));
        Assert.That(Mixed(2, own[15..]), Is.EqualTo(own[15..]).Within(1e-6));
    }

    [Test]
    public void TargetOfNumbers_IsBetweenTruthAndOwnAnswer()
    {
        using var scope = torch.NewDisposeScope();
        var images = new TrainingImages(Shapes.Draw(2, 1, Height, Width, 1))
        {
            Numbers = torch.tensor(new[] { 1f, 2, float.NaN, 0 }).view(2, 2), Known = [true, false],
        };
        var own = torch.tensor(new[] { 3f, 8, 5, 6 }).view(2, 2);
        Assert.That(
            GivenAnswers.Mixed(images, [0, 1], own, InnerAnswer.Values, 0.5, Grid).data<float>().ToArray(),
            Is.EqualTo(new float[] { 2, 5, 5, 6 }).Within(1e-6));
    }

    [Test]
    public void TruthThatDoesNotFit_IsRefused()
    {
        using var scope = torch.NewDisposeScope();
        var pixels = Shapes.Draw(4, 1, Height, Width, 1);
        void Refuse(Func<TrainingImages> make, InnerAnswer answer, long[] shape, string message) => Assert.That(
            () => GivenAnswers.Check(make(), answer, answer, shape), Throws.TypeOf<TrainingException>().With.Message.EqualTo(message));
        Refuse(() => new TrainingImages(pixels) { Known = [true] }, InnerAnswer.Logits, [2],
            "It is said of 1 images whether the truth is known; there are 4.");
        Refuse(() => new TrainingImages(pixels) { Points = torch.zeros(4, 3) }, InnerAnswer.Points, [3, 2],
            "The points are Float32 (4, 3); expected float32, (4, points, 2), on the CPU.");
        Refuse(() => new TrainingImages(pixels) { Points = torch.zeros(4, 5, 2) }, InnerAnswer.Points, [3, 2],
            "The images have points; the inner network answers with Points (4, 3, 2). Expected points of shape (4, 5, 2); leave the points "
            + "out.");
        Refuse(() => new TrainingImages(pixels) { Numbers = torch.zeros(4, 2) }, InnerAnswer.Logits, [2],
            "The images have numbers; the inner network answers with Logits (4, 2). Expected numbers of shape (4, 2); leave the numbers "
            + "out.");
        Refuse(() => new TrainingImages(pixels) { Labels = torch.tensor(new long[] { 0, 1, 2, 9 }), Known = [true, true, true, false] },
            InnerAnswer.Logits, [2], "The labels name class 2; the inner network knows 2, from 0 to 1.");
        var masks = torch.zeros(4, Height, Width, dtype: torch.uint8);
        masks[0, 0, 0] = 255;
        masks[1, 0, 0] = 9;
        Assert.That(
            () => GivenAnswers.Check(
                new TrainingImages(pixels) { Masks = masks, Known = [true, false, true, true] }, InnerAnswer.Logits, InnerAnswer.Logits,
                [2, Height, Width]),
            Throws.Nothing, "what is ignored or unknown is no class");
    }

    private static double Score(int plane, double pixel) => (((plane * 6) - 2) * pixel) + 0.5 - plane;

    /// <summary><see cref="Score"/> of each pixel.</summary>
    private static OnnxModel Scores(int planes)
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        var g = model.Graph;
        g.Name = "scores";
        g.Inputs.Add(new OnnxValueInfo("pixels", OnnxElementType.Float, ["N", 1L, Height, Width]));
        var all = Enumerable.Range(0, planes).ToArray();
        g.AddInitializer(OnnxTensor.Create<float>("w", [planes, 1, 1, 1], [.. all.Select(k => (float)(Score(k, 1) - Score(k, 0)))]));
        g.AddInitializer(OnnxTensor.Create<float>("b", [planes], [.. all.Select(k => (float)Score(k, 0))]));
        g.AddNode("Conv", ["pixels", "w", "b"], "y");
        g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", (long)planes, Height, Width]));
        return model;
    }

    /// <summary>Linear interpolation, zeros lying outside.</summary>
    private static double Sampled(Func<int, int, double> value, double row, double column)
    {
        var (top, left) = ((int)Math.Floor(row), (int)Math.Floor(column));
        var sum = 0.0;
        for (var y = top; y <= top + 1; y++)
        {
            for (var x = left; x <= left + 1; x++)
            {
                if (y >= 0 && x >= 0 && y < Height && x < Width)
                    sum += (1 - Math.Abs(row - y)) * (1 - Math.Abs(column - x)) * value(y, x);
            }
        }

        return sum;
    }
}
