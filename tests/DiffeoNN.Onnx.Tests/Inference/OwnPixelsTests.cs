using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Torch;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Inference;

/// <summary>Networks with a size and channels of their own, in a bundle whose search sees 16 x 20 grey pixels. The map is known: the
/// proposer says one of those pixels to the left, which is three columns of an image of 46 x 58.</summary>
[TestFixture]
internal sealed class OwnPixelsTests
{
    private const int Row = 20, Column = 30;

    private static readonly EquivariantOptions Options = new()
    {
        Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu }, Accept = AcceptanceRule.Always,
    };

    [TestCase(FieldEngine.Torch, EngineKind.OnnxRuntime)]
    [TestCase(FieldEngine.Onnx, EngineKind.OnnxRuntime)]
    [TestCase(FieldEngine.Torch, EngineKind.Torch)]
    public void Network_SeesColourAndDetailThroughTheMap(FieldEngine fields, EngineKind engine)
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58);
        var options = Options with { Fields = fields, Execution = Options.Execution with { Engine = engine } };
        using var model = EquivariantModel.Load(folder.Path, options);
        ImageBuffer[] images = [Noise(1, 46, 58), Noise(2, 46, 58)];
        var alone = model.RunNaive(images);
        using var result = model.Run(images);
        for (var i = 0; i < images.Length; i++)
        {
            Assert.That(alone[i].Scores, Is.EqualTo(Pixel(images[i], Column)), "the pixel itself, not resized");
            Assert.That(result.Images[i].Output.Scores, Is.EqualTo(Pixel(images[i], Column + 3)).Within(1e-4));
            Assert.That(result.Images[i].Canonical.Channels, Is.EqualTo(1), "the search sees grey");
        }
    }

    [Test]
    public void Network_WhoseMapIsNotUsed_SeesTheImageToTheBit()
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58);
        using var model = EquivariantModel.Load(
            folder.Path, Options with { Accept = AcceptanceRule.Checked, CanonicalBelow = 1e9 });
        var image = Noise(1, 46, 58);
        using var result = model.Run([image]);
        Assert.That(result.Images[0].Canonicalisation.Accepted, Is.False);
        Assert.That(result.Images[0].Output.Scores, Is.EqualTo(Pixel(image, Column)));
    }

    /// <summary>46 x 46 has another shape than 16 x 20: the map is the same in fractions of the image.</summary>
    [TestCase(46, 58)]
    [TestCase(46, 46)]
    [TestCase(8, 10)]
    public void Answer_OfEveryPixel_ComesBackToWhereItWas(int height, int width)
    {
        using var folder = Bundle(Whole(height, width), OutputKind.Image, height, width);
        using var model = EquivariantModel.Load(folder.Path, Options);
        var image = Ramp(61, 77);
        var planes = model.Run([image]).Images[0].Output.Planes!;
        Assert.That((planes.Channels, planes.Height, planes.Width), Is.EqualTo((3, 61, 77)));
        // What the shift pushed out of the image does not come back: one of 20 columns, and one more of the network's beside it.
        var first = (int)Math.Ceiling(76 * ((1 / 19.0) + (1.0 / (width - 1))));
        for (var channel = 0; channel < 3; channel++)
            for (var row = 0; row < 61; row++)
                for (var column = first; column < 77 - first; column++)
                    Assert.That(planes[channel, row, column], Is.EqualTo(image[channel, row, column]).Within(1e-3), $"{row}, {column}");
    }

    [Test]
    public void Points_OfANetworkOfAnotherShape_LieInTheImage()
    {
        // The upper right corner, the centre and a place between, in units of half the longest side of 31 x 61.
        float[] points = [1, -0.5f, 0, 0, 0.5f, 0.25f];
        using var folder = Bundle(Constant([1, 3, 2], points, 31, 61), OutputKind.Points, 31, 61);
        using var model = EquivariantModel.Load(folder.Path, Options with { Start = StartPoint.Identity, Steps = 0 });
        var found = model.RunNaive([Noise(1, 41, 101)])[0].Points!;
        (double, double)[] expected = [(100, 0), (50, 20), (75, 30)];
        foreach (var (place, wanted) in found.Zip(expected))
        {
            Assert.That(place.Column, Is.EqualTo(wanted.Item1).Within(1e-4));
            Assert.That(place.Row, Is.EqualTo(wanted.Item2).Within(1e-4));
        }
    }

    [Test]
    public void Read_OfAFile_IsPrepareOfTheWholeImage()
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58);
        using var model = EquivariantModel.Load(folder.Path, Options);
        ImageFile.WritePng(folder["image.png"], Noise(4, 70, 90));
        var (read, prepared) = (model.Read(folder["image.png"]), model.Prepare(ImageFile.Read(folder["image.png"])));
        Assert.That(read.Pixels.Data.ToArray(), Is.EqualTo(prepared.Pixels.Data.ToArray()));
        Assert.That(read.NetworkPixels!.Data.ToArray(), Is.EqualTo(prepared.NetworkPixels!.Data.ToArray()));
        Assert.That((read.NetworkPixels.Channels, read.NetworkPixels.Height, read.NetworkPixels.Width), Is.EqualTo((3, 46, 58)));
    }

    [Test]
    public void Network_WhoseOwnPixelsAreMissing_SeesThoseOfTheSearch()
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58);
        using var model = EquivariantModel.Load(folder.Path, Options);
        var small = model.Prepare(Noise(4, 70, 90)).Pixels;
        using var answer = model.RunNaive([new ScaledImage(small, 70, 90)])[0];
        var enlarged = ImageResampler.Resize(small, 46, 58).WithChannels(3);
        Assert.That(answer.ToOutput().Scores, Is.EqualTo(Pixel(enlarged, Column)).Within(1e-5));
    }

    [Test]
    public void PixelsOfTheNetwork_OutsideOfZeroToOne_AreRefusedWithTheirPlace()
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58);
        using var model = EquivariantModel.Load(folder.Path, Options);
        var prepared = model.Prepare(Noise(4, 46, 58));
        prepared.NetworkPixels![1, 5, 7] = 2;
        Assert.That(() => model.RunNaive([prepared]), Throws.TypeOf<ImageException>()
            .With.Message.StartsWith("An image holds the value 2 (channel 1, row 5, column 7)"));
    }

    [Test]
    public void RunNaive_OfNoImages_SaysThatThereIsNoImage()
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58);
        using var model = EquivariantModel.Load(folder.Path, Options);
        Assert.That(() => model.RunNaive(Array.Empty<ScaledImage>()), Throws.TypeOf<ArgumentOutOfRangeException>()
            .With.Property("ParamName").EqualTo("images"));
    }

    [Test]
    public void Energy_OfAnotherSizeAndColour_IsDifferentiatedThroughTheConversion()
    {
        using var scope = torch.NewDisposeScope();
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58, critic: Squares(24, 31));
        var bundle = Onnx.Bundles.Bundle.Load(folder.Path);
        using var engine = OnnxEnergy.FromBundle(bundle, new OnnxRuntimeEngine(Options.Execution));
        using var own = OnnxEnergy.FromBundle(bundle, new TorchEngine(Options.Execution with { Engine = EngineKind.Torch }));
        using var random = new torch.Generator(6);
        var images = torch.rand([2, 1, 16, 20], generator: random);
        using var found = engine.Evaluate(images);
        using var expected = own.Evaluate(images);
        Assert.That((found.Gradient! - expected.Gradient!).abs().max().item<float>(), Is.LessThan(1e-5f));
        var resized = ImageTensor.ToTensor([.. ImageTensor.FromTensor(images).Select(image =>
            ImageResampler.Resize(image, 24, 31).WithChannels(3))]);
        var weights = torch.tensor([1f, 2, 3]).view(1, 3, 1, 1);
        Assert.That(found.Terms.flatten().data<float>().ToArray(),
            Is.EqualTo((resized * resized * weights).mean([1L, 2, 3]).data<float>().ToArray()).Within(1e-5));
        foreach (var place in new[] { 0, 57, 319 })
        {
            double[] values = [.. new[] { 0.05f, -0.05f }.Select(step =>
            {
                var moved = images.clone();
                moved.view(2, -1)[1, place] = moved.view(2, -1)[1, place] + step;
                using var energy = engine.Evaluate(moved, false);
                return (double)energy.Energy[1].item<float>();
            })];
            Assert.That(found.Gradient!.view(2, -1)[1, place].item<float>(),
                Is.EqualTo((values[0] - values[1]) / 0.1).Within(1e-4), $"pixel {place}");
        }
    }

    [TestCase(FieldEngine.Torch)]
    [TestCase(FieldEngine.Onnx)]
    public void Proposer_OfAnotherSize_LeadsToTheSameMap(FieldEngine fields)
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58, proposer: Proposer(3, 8, 9));
        using var model = EquivariantModel.Load(folder.Path, Options with { Fields = fields });
        var image = Noise(1, 46, 58);
        using var result = model.Run([image]);
        Assert.That(result.Images[0].Output.Scores, Is.EqualTo(Pixel(image, Column + 3)).Within(1e-4));
    }

    [Test]
    public void Augmented_HasPixelsOfItsOwnToo()
    {
        using var folder = Bundle(Probe(46, 58), OutputKind.Classification, 46, 58, augmented: Probe(23, 58));
        using var model = EquivariantModel.Load(folder.Path, Options);
        var image = Noise(1, 23, 58);
        Assert.That(model.RunAugmented([image])[0].Scores, Is.EqualTo(Pixel(image, Column)));
    }

    private static float[] Pixel(ImageBuffer image, int column) => [.. Enumerable.Range(0, 3).Select(c => image[c, Row, column])];

    private static ImageBuffer Noise(int seed, int height, int width)
    {
        var (random, image) = (new Random(seed), new ImageBuffer(3, height, width));
        foreach (ref var value in image.Data) value = random.NextSingle();
        return image;
    }

    private static ImageBuffer Ramp(int height, int width)
    {
        var image = new ImageBuffer(3, height, width);
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                image[0, row, column] = column / (width - 1f);
                image[1, row, column] = row / (height - 1f);
                image[2, row, column] = 0.25f + (0.5f * image[0, row, column]);
            }
        }

        return image;
    }

    private static TemporaryFolder Bundle(
        OnnxModel inner, OutputKind kind, int height, int width, OnnxModel? critic = null, OnnxModel? proposer = null,
        OnnxModel? augmented = null)
    {
        var folder = new TemporaryFolder();
        InputSpec Own(OnnxModel model)
        {
            var shape = model.Graph.Inputs[0].Shape!;
            return new InputSpec
            {
                Name = "x", Channels = (int)shape[1].Size!, Height = (int)shape[2].Size!, Width = (int)shape[3].Size!,
            };
        }

        void Save(OnnxModel model, string name) => model.Save(folder[name]);
        critic ??= Squares(16, 20, 1);
        proposer ??= Proposer(1, 16, 20);
        Save(inner, "inner.onnx");
        Save(critic, "critic.onnx");
        Save(proposer, "proposer.onnx");
        if (augmented is not null) Save(augmented, "augmented.onnx");
        var output = new OutputSpec { Name = "y", Kind = kind };
        new BundleBuilder(folder.Path).Build(new BundleManifest
        {
            Name = "own",
            Image = new ImageSpec { Channels = 1, Height = 16, Width = 20, Mean = [0], Std = [1], Padding = ImagePadding.Border },
            Models = new BundleModels
            {
                Inner = new PredictorSpec { File = "inner.onnx", Input = Own(inner), Output = output },
                Critic = new CriticSpec { File = "critic.onnx", Input = Own(critic), Output = "y" },
                Proposer = new ProposerSpec { File = "proposer.onnx", Input = Own(proposer), Output = "y" },
                Augmented = augmented is null
                    ? null
                    : new PredictorSpec { File = "augmented.onnx", Input = Own(augmented), Output = output },
            },
            Search = new SearchSpec { Adversarial = 1, Start = StartPoint.Proposer, Steps = 0 },
        });
        return folder;
    }

    /// <summary>One pixel's channels as scores.</summary>
    private static OnnxModel Probe(int height, int width) => Model(3, height, width, ["N", 3], graph =>
    {
        var part = graph.AddNode("Slice",
            ["x", Ints(graph, "from", Row, Column), Ints(graph, "to", Row + 1, Column + 1), Ints(graph, "axes", 2, 3)], "pixel");
        return graph.AddNode("Flatten", [part], "scores");
    });

    /// <summary>The image as it is.</summary>
    private static OnnxModel Whole(int height, int width) => Model(3, height, width, ["N", 3, height, width], _ => "x");

    /// <summary>The same values for every image.</summary>
    private static OnnxModel Constant(long[] shape, float[] values, int height, int width) =>
        Model(3, height, width, ["N", .. shape.Skip(1).Select(OnnxDimension.Of)], graph => Always(graph, 3, shape, values));

    /// <summary>One pixel of 20 to the left everywhere.</summary>
    private static OnnxModel Proposer(int channels, int height, int width) => Model(channels, height, width, ["N", 2, 2, 2], graph =>
        Always(graph, 4, [1, 2, 2, 2], [2 / 19f, 2 / 19f, 2 / 19f, 2 / 19f, 0, 0, 0, 0]));

    /// <summary>The mean square of the image, channel c with weight c + 1.</summary>
    private static OnnxModel Squares(int height, int width, int channels = 3) => Model(
        channels, height, width, ["N", channels, height, width], graph => graph.AddNode("Mul",
        [
            graph.AddNode("Mul", ["x", "x"], "squares"),
            graph.AddInitializer(OnnxTensor.Create<float>("w", [1, channels, 1, 1], [.. new float[] { 1, 2, 3 }.Take(channels)])),
        ], "weighted"));

    private static string Always(OnnxGraph graph, int rank, long[] shape, float[] values)
    {
        var mean = graph.AddNode("ReduceMean", ["x"], "mean", OnnxAttribute.Of("axes", [1L, 2, 3]), OnnxAttribute.Of("keepdims", 1L));
        var none = graph.AddNode("Mul", [mean, graph.AddInitializer(OnnxTensor.Scalar("zero", 0f))], "none");
        var flat = graph.AddNode("Reshape", [none, Ints(graph, "rank", [-1, .. Enumerable.Repeat(1L, rank - 1)])], "flat");
        return graph.AddNode("Add", [flat, graph.AddInitializer(OnnxTensor.Create<float>("values", shape, values))], "always");
    }

    private static OnnxModel Model(int channels, int height, int width, OnnxDimension[] shape, Func<OnnxGraph, string> steps)
    {
        var model = new OnnxModel { IrVersion = 8 };
        model.OpsetImports[""] = 16;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", channels, height, width]));
        graph.AddNode("Identity", [steps(graph)], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, shape));
        return model;
    }

    private static string Ints(OnnxGraph graph, string name, params long[] values) => graph.AddInitializer(OnnxTensor.Int64s(name, values));
}
