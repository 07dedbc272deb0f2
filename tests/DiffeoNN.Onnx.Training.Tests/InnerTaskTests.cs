using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Inner networks as their files are, made ones that take pixel values and have a gradient.</summary>
public sealed class InnerTaskTests
{
    private const int Height = 20;
    private const int Width = 27;

    [TestCase(OnnxElementType.Float, false)]
    [TestCase(OnnxElementType.Float, true)]
    [TestCase(OnnxElementType.Float16, true)]
    [TestCase(OnnxElementType.Double, false)]
    [TestCase(OnnxElementType.UInt8, true)]
    public void NetworkOfAnyTypeAndLayout_AnswersAsOnPixels(OnnxElementType type, bool isLast)
    {
        using var pixels = Shapes.Draw(3, 3, Height, Width, 1);
        var expected = Run(Shapes.Inner(3, Height, Width), pixels, "logits");
        var isBytes = type == OnnxElementType.UInt8;
        var model = Wrapped(3, type, isLast, isBytes ? 1 / 255f : 1);
        var input = new InputSpec { Name = "given", Layout = isLast ? ChannelLayout.ChannelsLast : ChannelLayout.ChannelsFirst };
        var task = InnerTask.Of(Image(3), Spec(input, Ink(isLast ? OutputLayout.ChannelsLast : null)), model);

        Assert.That(task.Refusal, Is.Null);
        Assert.That(task.Answer, Is.EqualTo(InnerAnswer.Logits));
        Close(Run(task.Model, pixels, task.Output!), expected, type == OnnxElementType.Float16 ? 2e-2 : 1e-4);
        Assert.That(model.Graph.Input("given").ElementType, Is.EqualTo(type));
    }

    [Test]
    public void MeanStdAndRange_AreThoseOfTheManifest()
    {
        using var pixels = Shapes.Draw(3, 3, Height, Width, 1);
        double[] mean = [0.4, 0.5, 0.6], std = [0.2, 0.3, 0.4];
        using var seen = (pixels - torch.tensor(mean).view(1, 3, 1, 1)).div(torch.tensor(std).view(1, 3, 1, 1)).to(torch.float32);
        var inner = Shapes.Inner(3, Height, Width);
        var task = InnerTask.Of(Image(3) with { Mean = mean, Std = std }, Spec("pixels", Ink(null)), inner);
        Close(Run(task.Model, pixels, task.Output!), Run(inner, seen, "logits"), 1e-4);

        static double[] InBytes(double[] values) => [.. values.Select(value => 255 * value)];
        var ranged = new InputSpec { Name = "pixels", Range = 255, Mean = InBytes(mean), Std = InBytes(std) };
        task = InnerTask.Of(Image(3), Spec(ranged, Ink(null)), inner);
        Close(Run(task.Model, pixels, task.Output!), Run(inner, seen, "logits"), 1e-4);
    }

    [Test]
    public void NetworkOfOtherSizeAndChannels_SeesTheImageResized()
    {
        using var pixels = Shapes.Draw(3, 3, Height, Width, 1);
        var inner = Shapes.Inner(1, 40, 54);
        var input = new InputSpec { Name = "pixels", Channels = 1, Height = 40, Width = 54 };
        var task = InnerTask.Of(Image(3), Spec(input, Ink(null)), inner);
        using var luma = torch.tensor(new[] { 0.299f, 0.587f, 0.114f }).view(1, 3, 1, 1);
        using var grey = (pixels * luma).sum(1, keepdim: true);
        using var large = torch.nn.functional.interpolate(grey, [40, 54], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        Close(Run(task.Model, pixels, task.Output!), Run(inner, large, "logits"), 2e-3);
    }

    [Test]
    public void BatchOfOne_IsFreed()
    {
        using var pixels = Shapes.Draw(3, 1, Height, Width, 1);
        var inner = Shapes.Inner(1, Height, Width);
        var expected = Run(inner, pixels, "logits");
        Bind(inner);
        var task = InnerTask.Of(Image(1), Spec("pixels", Ink(null)), inner);
        Assert.That(task.Refusal, Is.Null);
        Close(Run(task.Model, pixels, task.Output!), expected, 1e-6);
    }

    [Test]
    public void WhatHasNoGradient_IsRefused()
    {
        static string Said(string why) => $"The inner network 'ink' {why}; the proposer learns from images and displacements alone.";
        var mixing = Shapes.Inner(1, Height, Width);
        Bind(mixing);
        (mixing.Graph.Nodes[^1].Outputs[0], mixing.Graph.Nodes[^1].Name) = ("apart", "apart");
        mixing.Graph.AddNode("CumSum", ["apart", mixing.Graph.AddInitializer(OnnxTensor.Scalar("axis", 0L))], "logits");
        Assert.That(InnerTask.Of(Image(1), Spec("pixels", Ink(null)), mixing).Refusal, Is.EqualTo(Said("takes batches of 1 alone, and "
            + "nothing proves that its images can be computed together (export it with a free first dimension: dynamic_axes or "
            + "dynamic_shapes)")));

        var classes = Shapes.Inner(1, Height, Width);
        classes.Graph.AddNode("ArgMax", ["logits"], "classes", OnnxAttribute.Of("axis", 1L), OnnxAttribute.Of("keepdims", 0L));
        classes.Graph.Outputs.Add(new OnnxValueInfo("classes", OnnxElementType.Int64, ["N", 10L, 14L]));
        var numbers = new OutputSpec { Name = "classes", Kind = OutputKind.Segmentation, Classes = ["paper", "ink"] };
        Assert.That(InnerTask.Of(Image(1), Spec("pixels", numbers), classes).Refusal, Is.EqualTo(Said("answers with 'classes' int64 "
            + "[N,10,14], whole numbers, through which no gradient passes (export it with the scores)")));
        // Of several outputs the first that can be learnt from is.
        var task = InnerTask.Of(Image(1), Spec("pixels", numbers) with { Further = [Ink(null)] }, classes);
        Assert.That((task.Refusal, task.Answer), Is.EqualTo(((string?)null, InnerAnswer.Logits)));

        var bytes = Wrapped(1, OnnxElementType.UInt8, false, 1);
        bytes.Graph.Nodes.Insert(0, new OnnxNode("BitShift", ["given", "given"], ["shifted"], OnnxAttribute.Of("direction", "LEFT")));
        bytes.Graph.Nodes[1].Inputs[0] = "shifted";
        Assert.That(InnerTask.Of(Image(1), Spec("given", Ink(null)), bytes).Refusal, Is.EqualTo(Said("takes uint8, which BitShift (node "
            + "'shifted') reads as it is; only what is cast to floats first has a gradient (export it with a float32 input)")));

        var boxes = new OutputSpec { Name = "logits", Kind = OutputKind.Boxes };
        Assert.That(InnerTask.Of(Image(1), Spec("pixels", boxes), Shapes.Inner(1, Height, Width)).Refusal, Is.EqualTo(Said("answers with "
            + "boxes 'logits' in no fixed order, so that those of two images cannot be compared (\"anchors\": true says that they can)")));
    }

    [Test]
    public void RefusedTask_IsSaidByTheRecipe()
    {
        using var pixels = Shapes.Draw(4, 1, Height, Width, 1);
        using var network = Recipes.Proposer(1, Height, Width);
        var boxes = new OutputSpec { Name = "logits", Kind = OutputKind.Boxes };
        var task = InnerTask.Of(Image(1), Spec("pixels", boxes), Shapes.Inner(1, Height, Width));
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels), task: task);
        Assert.That(recipe.TaskRefusal, Is.EqualTo(task.Refusal).And.Not.Null);
    }

    [TestCase(null, null)]
    [TestCase(OutputCoordinates.Pixels, null)]
    [TestCase(OutputCoordinates.Edges, CoordinateOrder.Yx)]
    [TestCase(OutputCoordinates.Unit, CoordinateOrder.Yx)]
    public void Points_ComeInTheUnitOfAxes(OutputCoordinates? coordinates, CoordinateOrder? order)
    {
        using var scope = torch.NewDisposeScope();
        var numbers = torch.tensor(new[] { 0.2f, 0.7f, 0.4f, 0.1f }).view(1, 4);
        var spec = new OutputSpec { Name = "y", Kind = OutputKind.Points, Coordinates = coordinates, Order = order };
        var task = InnerTask.Of(Image(1), Spec("pixels", spec), Constant(numbers));
        // No gradient reaches the image of a network that does not look; what is written is there nevertheless.
        Assert.That(task.Refusal, Does.Contain("no gradient of 'y' reaches 'pixels'"));
        var model = Constant(numbers);
        var grid = new SamplingGrid(Height, Width);
        AnswerNodes.Write(model, spec, new OutputGrids(grid, grid));
        using var images = torch.zeros(1, 1, Height, Width);
        var found = Run(model, images, model.Graph.Outputs[0].Name);
        var unit = Places.ToUnit(numbers.view(1, 2, 2), spec, new OutputGrids(grid, grid));
        Close(found, unit.div(torch.tensor(new[] { (float)grid.HalfWidth, (float)grid.HalfHeight })), 1e-5);
    }

    [Test]
    public void Boxes_ComeAsCornersWithTheirWeight()
    {
        using var scope = torch.NewDisposeScope();
        // Centre and size in pixels, y first; the scores of three classes.
        var numbers = torch.tensor(new[] { 10f, 13, 4, 6, 5, 20, 2, 2 }).view(1, 8);
        var model = Constant(numbers);
        model.Graph.AddInitializer(OnnxTensor.Int64s("boxes", 0, 2, 4));
        model.Graph.AddNode("Reshape", ["y", "boxes"], "b");
        model.Graph.Outputs.Add(new OnnxValueInfo("b", OnnxElementType.Float, ["N", 2L, 4L]));
        model.Graph.AddInitializer(OnnxTensor.Create<float>("scores", [1, 2, 3], [0, 0, 0, 9, -9, -9]));
        model.Graph.AddNode("Identity", ["scores"], "s");
        model.Graph.Outputs.Add(new OnnxValueInfo("s", OnnxElementType.Float, ["N", 2L, 3L]));
        var spec = new OutputSpec
        {
            Name = "b", Kind = OutputKind.Boxes, Format = BoxFormat.Cxcywh, Order = CoordinateOrder.Yx, Anchors = true, Scores = "s",
            Coordinates = OutputCoordinates.Pixels, Activation = OutputActivation.Softmax,
        };
        var grid = new SamplingGrid(Height, Width);
        var (answer, output, refusal) = AnswerNodes.Write(model, spec, new OutputGrids(grid, grid));
        Assert.That((answer, refusal), Is.EqualTo((InnerAnswer.Boxes, (string?)null)));
        using var images = torch.zeros(1, 1, Height, Width);
        double[] corners = [10, 8, 16, 12, 19, 4, 21, 6];
        float[] expected = [.. corners.Select((c, i) => (float)((2 * c / ((i % 2 == 0 ? Width : Height) - 1)) - 1))];
        float[] all = [.. expected[..4], 1 / 3f, .. expected[4..], 1];
        Close(Run(model, images, output), torch.tensor(all).view(1, 2, 5), 1e-5);
    }

    /// <summary>A network that answers with the same numbers, whatever it sees.</summary>
    internal static OnnxModel Constant(torch.Tensor numbers)
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        var g = model.Graph;
        g.Name = "constant";
        g.Inputs.Add(new OnnxValueInfo("pixels", OnnxElementType.Float, ["N", 1L, Height, Width]));
        g.AddInitializer(OnnxTensor.Create<float>("numbers", numbers.shape, numbers.data<float>().ToArray()));
        g.AddNode("Identity", ["numbers"], "y");
        g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", numbers.size(1)]));
        return model;
    }

    internal static ImageSpec Image(int channels, int height = Height, int width = Width) => new()
    {
        Channels = channels, Height = height, Width = width, Mean = [.. Enumerable.Repeat(0.0, channels)],
        Std = [.. Enumerable.Repeat(1.0, channels)],
    };

    internal static PredictorSpec Spec(InputSpec input, OutputSpec output) =>
        new() { File = "inner.onnx", Sha256 = new string('0', 64), Input = input, Output = output };

    private static OutputSpec Ink(OutputLayout? layout) =>
        new() { Name = "logits", Kind = OutputKind.Segmentation, Activation = OutputActivation.Softmax, Layout = layout };

    /// <summary><see cref="Shapes.Inner"/> behind a cast from another type, with its channels last perhaps.</summary>
    private static OnnxModel Wrapped(int channels, OnnxElementType type, bool isLast, float scale)
    {
        var model = Shapes.Inner(channels, Height, Width);
        var (g, isBytes) = (model.Graph, type == OnnxElementType.UInt8);
        var inside = isBytes ? OnnxElementType.Float : type;
        g.Inputs[0] = isLast
            ? new OnnxValueInfo("given", type, ["N", Height, Width, channels])
            : new OnnxValueInfo("given", type, ["N", channels, Height, Width]);
        foreach (var weights in g.Initializers.Values.ToList())
            g.Initializers[weights.Name] = OnnxTensor.FromDoubles(weights.Name, inside, [.. weights.Dimensions], weights.ToDoubleArray());
        var given = "given";
        if (isLast)
            given = Insert("Transpose", given, "first", OnnxAttribute.Of("perm", [0L, 3, 1, 2]));
        if (isBytes)
            given = Insert("Cast", given, "floats", OnnxAttribute.Of("to", (long)OnnxElementType.Float));
        g.AddInitializer(OnnxTensor.FromDoubles("scale", inside, [], [scale]));
        g.Nodes.Insert(g.Nodes.Count - 1, new OnnxNode("Mul", [given, "scale"], ["pixels"]));
        g.Outputs[0] = g.Outputs[0] with { ElementType = inside };
        if (isLast)
        {
            (g.Nodes[^1].Outputs[0], g.Nodes[^1].Name) = ("planes", "planes");
            g.AddNode("Transpose", ["planes"], "logits", OnnxAttribute.Of("perm", [0L, 2, 3, 1]));
            g.Outputs[0] = g.Outputs[0] with { Shape = ["N", 10L, 14L, 2L] };
        }

        return model;

        string Insert(string op, string value, string name, OnnxAttribute attribute)
        {
            g.Nodes.Insert(g.Nodes.Count - 1, new OnnxNode(op, [value], [name], attribute) { Name = name });
            return name;
        }
    }

    private static void Bind(OnnxModel model)
    {
        var g = model.Graph;
        g.Inputs[0] = g.Inputs[0] with { Shape = [1, .. g.Inputs[0].Shape!.Skip(1)] };
        g.Outputs[0] = g.Outputs[0] with { Shape = [1, .. g.Outputs[0].Shape!.Skip(1)] };
    }

    private static torch.Tensor Run(OnnxModel model, torch.Tensor pixels, string output)
    {
        using var graph = TestSetup.Engine.Load(model, "tested");
        var name = model.Graph.RequiredInputs.Single().Name;
        return graph.Run(new Dictionary<string, torch.Tensor> { [name] = pixels })[output];
    }

    private static void Close(torch.Tensor found, torch.Tensor expected, double tolerance)
    {
        Assert.That(found.shape, Is.EqualTo(expected.shape));
        Assert.That((found - expected).abs().max().item<float>(), Is.LessThan(tolerance));
    }
}
