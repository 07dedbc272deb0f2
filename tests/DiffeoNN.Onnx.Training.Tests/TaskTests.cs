using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Proposers that learn by an inner network's answers, by labels and masks, and to go on from their own proposal.</summary>
public sealed class TaskTests
{
    private const int Height = 24;
    private const int Width = 32;

    private static readonly DeformationSampling Few = new()
    {
        Families = new Dictionary<string, int> { ["tps-strong"] = 60 }, Intensity = 0, Identity = 0,
    };

    private static readonly ProposerRecipeOptions Small = new() { Sampling = Few, Batch = 8, Image = 0, Displacement = 0 };

    [TestCase("points")]
    [TestCase("quarter")]
    [TestCase("regression")]
    public void TermOfTheTask_IsLearnt(string kind)
    {
        using var pixels = Shapes.Draw(48, 1, Height, Width, 1);
        using var network = Recipes.Proposer(1, Height, Width);
        var (model, spec) = kind switch
        {
            "points" => (Middle(), new OutputSpec { Name = "y", Kind = OutputKind.Points, Coordinates = OutputCoordinates.Pixels }),
            "quarter" => (Quarter(), new OutputSpec
            {
                Name = "y", Kind = OutputKind.Segmentation, Activation = OutputActivation.Softmax,
            }),
            _ => (Middle(), new OutputSpec { Name = "y", Kind = OutputKind.Regression }),
        };
        var task = InnerTask.Of(InnerTaskTests.Image(1, Height, Width), InnerTaskTests.Spec("pixels", spec), model);
        // The answers are of all ink, which would go on beyond a border that it touches.
        var options = Small with { Task = kind == "points" ? 200 : 5, Sampling = Few with { Padding = WarpPadding.Zeros } };
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels), options, task);
        Assert.That(recipe.TaskRefusal, Is.Null);
        using var trainer = new Trainer(network, new TrainerOptions { LearningRate = 3e-3, GradientNorm = 1, Seed = 1 });
        List<double> terms = [];
        for (var step = 0; step < 80; step++)
        {
            using var scope = torch.NewDisposeScope();
            terms.Add(trainer.Step(recipe.Next(step, SplitMix64.ForItem(1, step))).Terms["task"]);
        }

        var (first, last) = (terms.Take(16).Average(), terms.TakeLast(16).Average());
        TestContext.Out.WriteLine($"{kind}: {first:G4} -> {last:G4}");
        // What is left of a cross entropy is mostly the answers' own entropy.
        Assert.That(last, Is.LessThan((kind == "quarter" ? 0.97 : 0.7) * first));
    }

    [TestCase(OutputActivation.Softmax, 2, InnerAnswer.Probabilities)]
    [TestCase(OutputActivation.Sigmoid, 2, InnerAnswer.BinaryProbabilities)]
    [TestCase(OutputActivation.Sigmoid, 1, InnerAnswer.BinaryProbabilities)]
    [TestCase(OutputActivation.None, 2, InnerAnswer.Logits)]
    [TestCase(OutputActivation.None, 1, InnerAnswer.Values)]
    public void ScoresWithoutActivation_AreKnownByALookAtThem(OutputActivation inside, int channels, InnerAnswer expected)
    {
        using var pixels = Shapes.Draw(4, 1, Height, Width, 1);
        var model = Shapes.Inner(1, Height, Width);
        var g = model.Graph;
        // The two logits are each other's negatives; independent ones are not.
        var last = inside == OutputActivation.Sigmoid
            ? g.AddNode("Add", ["logits", g.AddInitializer(OnnxTensor.Scalar("more", 1f))], "shifted")
            : "logits";
        if (channels == 1)
        {
            var all = g.AddInitializer(OnnxTensor.Int64s("one", 1));
            last = g.AddNode("Slice", [last, g.AddInitializer(OnnxTensor.Int64s("start", 1)),
                g.AddInitializer(OnnxTensor.Int64s("end", 2)), all], "ink");
        }

        if (inside != OutputActivation.None)
        {
            OnnxAttribute[] axis = inside == OutputActivation.Softmax ? [OnnxAttribute.Of("axis", 1L)] : [];
            last = g.AddNode(inside.ToString(), [last], "chances", axis);
        }
        g.AddNode("Identity", [last], "y");
        g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", (long)channels, 12L, 16L]));
        var spec = new OutputSpec { Name = "y", Kind = OutputKind.Segmentation };
        var task = InnerTask.Of(InnerTaskTests.Image(1, Height, Width), InnerTaskTests.Spec("pixels", spec), model);
        Assert.That(task.Answer, Is.EqualTo(InnerAnswer.Scores));
        using var teacher = new Teacher(TestSetup.Engine, task, new TrainingImages(pixels), 1 << 20, 0.5);
        Assert.That(teacher.Answer, Is.EqualTo(expected));
    }

    [Test]
    public void LabelsAndMasksThatDoNotFit_AreRefused()
    {
        using var scope = torch.NewDisposeScope();
        using var network = Recipes.Proposer(1, Height, Width);
        var pixels = Shapes.Draw(4, 1, Height, Width, 1);
        void Refuse(Func<TrainingImages> make, InnerAnswer answer, string message) => Assert.That(
            () =>
            {
                using var recipe = new ProposerRecipe(
                    TestSetup.Engine, network, make(), Small, new InnerTask(Shapes.Inner(1, Height, Width), answer));
            },
            Throws.TypeOf<TrainingException>().With.Message.EqualTo(message));
        Refuse(() => new TrainingImages(pixels) { Labels = torch.zeros(3, dtype: torch.int64) }, InnerAnswer.Logits,
            "The labels are Int64 (3); expected int64, one for each of 4 images.");
        Refuse(() => new TrainingImages(pixels) { Masks = torch.zeros(4, 2, 2, dtype: torch.uint8) }, InnerAnswer.Logits,
            "The masks are Byte (4, 2, 2); expected uint8 or int64, (4, 24, 32).");
        Refuse(() => new TrainingImages(pixels) { Labels = torch.zeros(4, dtype: torch.int64) }, InnerAnswer.Logits,
            "The images have labels; the inner network answers with Logits (4, 2, 12, 16). Expected classes of images, (N, K); leave the "
            + "labels out.");
        var masks = torch.full([4, Height, Width], 2, dtype: torch.uint8);
        Refuse(() => new TrainingImages(pixels) { Masks = masks }, InnerAnswer.Logits,
            "The masks name class 2; the inner network knows 2, from 0 to 1.");
        Refuse(() => new TrainingImages(pixels) { Masks = masks }, InnerAnswer.Values,
            "The images have masks; the inner network answers with Values (4, 2, 12, 16). Expected classes of pixels, (N, K, h, w); leave "
            + "the masks out.");
    }

    [TestCase(0.5)]
    [TestCase(1)]
    public void SecondPass_GoesOnFromTheFirst(double share)
    {
        using var scope = torch.NewDisposeScope();
        using var network = Recipes.Proposer(1, Height, Width);
        var pixels = Shapes.Draw(8, 1, Height, Width, 1);
        var options = new ProposerRecipeOptions { Sampling = Few, Batch = 4, Unrolled = share };
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels), options);
        using var trainer = new Trainer(network, new TrainerOptions { LearningRate = 1e-2 });
        trainer.Run(recipe, 10);

        using var proposer = TestSetup.Engine.Load(trainer.ToModel(network), "proposer");
        torch.Tensor Propose(torch.Tensor seen) => proposer.Run(
            new Dictionary<string, torch.Tensor> { [proposer.Inputs[0].Name] = seen.contiguous() })[proposer.Outputs[0].Name];
        var batch = recipe.Next(10, new SplitMix64(1)).Single();
        var image = batch.Data["image"];
        var grid = SamplingGrid.Of(image);
        var v = Propose(image);
        // On the lattice's own kernel units, as the recipe exponentiates.
        torch.Tensor InKernel(torch.Tensor velocity)
        {
            var u = velocity.div(Maps.HalfExtents(grid)).div(128);
            for (var k = 0; k < 7; k++)
                u = Maps.Compose(u, u);
            return u;
        }

        var nodes = InKernel(v);
        var u = torch.nn.functional.interpolate(nodes, [Height, Width], mode: torch.InterpolationMode.Bilinear, align_corners: true);
        var again = (int)(share * 4);
        var second = VelocityComposition.Compose(v, Propose(Maps.Warp(image, u, WarpPadding.Border)), grid);
        var all = InKernel(torch.cat([second.narrow(0, 0, again), v.narrow(0, again, 4 - again)]));
        var distance = (all - batch.Data["wanted"]).mul(Maps.HalfExtents(grid)).square().sum(1).mean().item<float>();
        Assert.That(v.abs().max().item<float>(), Is.GreaterThan(0.01));
        Assert.That(batch.Objective.Evaluate(batch.Data).Terms["displacement"], Is.EqualTo(distance).Within(1e-5));
    }

    [Test]
    public void SecondPass_IsResumedToTheSameBits()
    {
        using var folder = new TemporaryFolder();
        using var pixels = Shapes.Draw(12, 1, Height, Width, 1);
        byte[] Train(int from, int to, bool ends)
        {
            using var network = Recipes.Proposer(1, Height, Width);
            using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels),
                new ProposerRecipeOptions { Sampling = Few, Batch = 4, Unrolled = 0.5 });
            using var trainer = new Trainer(network, ProposerRecipe.Training(8));
            using var data = new PrefetchedData(recipe, trainer.Options.Seed);
            if (from > 0)
                trainer.Restore(folder["state"]);
            trainer.Run(data, to);
            if (!ends)
                trainer.Save(folder["state"]);
            return trainer.ToModel(network).ToBytes();
        }

        var expected = Train(0, 8, true);
        Train(0, 3, false);
        Assert.That(Train(3, 8, true), Is.EqualTo(expected));
    }

    /// <summary>Where the ink is on the average, in pixels: (N, 2).</summary>
    private static OnnxModel Middle()
    {
        var model = Empty();
        var g = model.Graph;
        float[] places = [.. Enumerable.Range(0, Height * Width).SelectMany(i => new[] { (float)(i % Width), i / Width })];
        g.AddInitializer(OnnxTensor.Create<float>("places", [Height * Width, 2], places));
        g.AddInitializer(OnnxTensor.Int64s("flat", 0, -1));
        g.AddInitializer(OnnxTensor.Scalar("sharp", 6f));
        g.AddNode("Reshape", ["pixels", "flat"], "row");
        g.AddNode("Mul", ["row", "sharp"], "logits");
        g.AddNode("Softmax", ["logits"], "shares", OnnxAttribute.Of("axis", 1L));
        g.AddNode("MatMul", ["shares", "places"], "y");
        g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 2L]));
        return model;
    }

    /// <summary>Ink or not, at a quarter of the resolution.</summary>
    private static OnnxModel Quarter()
    {
        var model = Empty();
        var g = model.Graph;
        g.AddInitializer(OnnxTensor.Create<float>("w", [2, 1, 1, 1], [-12, 12]));
        g.AddInitializer(OnnxTensor.Create<float>("b", [2], [4, -4]));
        g.AddNode("AveragePool", ["pixels"], "small", OnnxAttribute.Of("kernel_shape", [4L, 4]), OnnxAttribute.Of("strides", [4L, 4]));
        g.AddNode("Conv", ["small", "w", "b"], "y");
        g.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 2L, Height / 4, Width / 4]));
        return model;
    }

    private static OnnxModel Empty()
    {
        var model = new OnnxModel();
        model.OpsetImports[""] = 18;
        model.Graph.Name = "inner";
        model.Graph.Inputs.Add(new OnnxValueInfo("pixels", OnnxElementType.Float, ["N", 1L, Height, Width]));
        return model;
    }
}
