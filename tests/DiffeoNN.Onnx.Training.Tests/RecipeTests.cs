using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Training.Architectures;
using DiffeoNN.Onnx.Training.Fitting;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What a proposer, an autoencoder and a critic learn from undeformed images alone.</summary>
public sealed class RecipeTests
{
    private static readonly DeformationSampling Few = new()
    {
        Families = new Dictionary<string, int> { ["tps-strong"] = 200 }, Intensity = 0.3,
    };

    private static readonly DeformationSampling None = Few with { Identity = 1, Intensity = 0 };

    [TestCase(1, 32, 32, false)]
    [TestCase(3, 26, 35, true)]
    public void Proposer_LearnsToUndoDeformationsOfOtherImages(int channels, int height, int width, bool withTask)
    {
        using var pixels = Shapes.Draw(96, channels, height, width, 1);
        using var others = Shapes.Draw(32, channels, height, width, 2);
        var model = ProposerArchitecture.For(channels, height, width, 3e6).Create(1);
        using var network = new TrainableNetwork(model, Architecture.Weights);
        var options = new ProposerRecipeOptions { Sampling = Few, TaskFrom = 100 };
        var task = withTask ? new InnerTask(Shapes.Inner(channels, height, width), InnerAnswer.Logits) : null;
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels), options, task);
        using var trainer = new Trainer(network, ProposerRecipe.Training(120));
        using var data = new PrefetchedData(recipe, trainer.Options.Seed);
        var before = recipe.Evaluate(new TrainingImages(others), 5);
        trainer.Run(data, 120);
        var after = recipe.Evaluate(new TrainingImages(others), 5);

        TestContext.Out.WriteLine($"{Text(before)} -> {Text(after)}");
        Assert.That(before["displacement"], Is.EqualTo(before["deformation"]).Within(1e-6));
        Assert.That(after["displacement"], Is.LessThan(0.5 * before["displacement"]));
        Assert.That(after["image"], Is.LessThan(0.6 * before["image"]));
    }

    [Test]
    public void ProposerWithoutDeformation_HasNothingToCorrect()
    {
        using var pixels = Shapes.Draw(4, 1, 20, 27, 1);
        using var network = Recipes.Proposer(1, 20, 27);
        var images = new TrainingImages(pixels);
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, images, new ProposerRecipeOptions { Sampling = None, Batch = 4 },
            new InnerTask(Shapes.Inner(1, 20, 27), InnerAnswer.Logits));
        using var trainer = new Trainer(network);
        using var scope = torch.NewDisposeScope();
        var report = trainer.Step(recipe.Next(0, new SplitMix64(1)));
        Assert.That(report.Terms["image"], Is.EqualTo(0).Within(1e-10));
        Assert.That(report.Terms["displacement"], Is.Zero);
        Assert.That(report.Terms["task"], Is.EqualTo(0).Within(1e-5));
    }

    [TestCase(0f, 0)]
    [TestCase(8f, 1e-4)]
    public void TaskOfTheProposer_IsNothingForANetworkThatDoesNotLook(float sharpness, double least)
    {
        // The answer of a network that does not look at the image fits any place, the border's too. Smoothness has no gradient where
        // velocities are zero.
        using var pixels = Shapes.Draw(4, 1, 20, 27, 1);
        using var network = Recipes.Proposer(1, 20, 27);
        var options = new ProposerRecipeOptions { Sampling = Few, Batch = 4, Image = 0, Displacement = 0 };
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels), options,
            new InnerTask(Shapes.Inner(1, 20, 27, sharpness), InnerAnswer.Logits));
        using var trainer = new Trainer(network);
        using var scope = torch.NewDisposeScope();
        var norm = trainer.Step(recipe.Next(0, new SplitMix64(1))).GradientNorm;
        Assert.That(norm, least == 0 ? Is.LessThan(1e-6) : Is.GreaterThan(least));
    }

    [TestCase(InnerAnswer.Logits)]
    [TestCase(InnerAnswer.Probabilities)]
    [TestCase(InnerAnswer.BinaryLogits)]
    [TestCase(InnerAnswer.Values)]
    public void KindsOfAnswers_AreAllLearntFrom(InnerAnswer kind)
    {
        using var pixels = Shapes.Draw(6, 1, 20, 27, 1);
        using var network = Recipes.Proposer(1, 20, 27);
        var inner = Shapes.Inner(1, 20, 27);
        if (kind == InnerAnswer.Probabilities)
        {
            inner.Graph.AddNode("Softmax", ["logits"], "chances", OnnxAttribute.Of("axis", 1L));
            inner.Graph.Outputs.Add(new OnnxValueInfo("chances", OnnxElementType.Float, ["N", 2L, 10L, 14L]));
        }

        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels),
            new ProposerRecipeOptions { Sampling = Few, Batch = 4, AnswerBytes = kind == InnerAnswer.Values ? 0 : 1 << 20 },
            new InnerTask(inner, kind, kind == InnerAnswer.Probabilities ? "chances" : null));
        using var trainer = new Trainer(network);
        trainer.Run(recipe, 2);
        Assert.That(recipe.TaskRefusal, Is.Null);
        using var scope = torch.NewDisposeScope();
        Assert.That(trainer.Step(recipe.Next(2, new SplitMix64(1))).Terms["task"], Is.GreaterThan(0));
    }

    [Test]
    public void InnerNetworkWithoutGradient_IsSaidAndDoneWithout()
    {
        using var pixels = Shapes.Draw(4, 1, 20, 27, 1);
        using var network = Recipes.Proposer(1, 20, 27);
        var inner = Shapes.Inner(1, 20, 27);
        inner.Graph.AddNode("Bernoulli", ["pixels"], "drawn");
        inner.Graph.Nodes.Reverse();
        inner.Graph.Nodes[^1].Inputs[0] = "drawn";
        using var recipe = new ProposerRecipe(TestSetup.Engine, network, new TrainingImages(pixels),
            new ProposerRecipeOptions { Sampling = Few, Batch = 4 }, new InnerTask(inner, InnerAnswer.Logits));
        using var trainer = new Trainer(network);
        using var scope = torch.NewDisposeScope();
        var report = trainer.Step(recipe.Next(0, new SplitMix64(1)));
        Assert.That(recipe.TaskRefusal, Is.EqualTo("The inner network 'ink' cannot be differentiated (no gradient of 'logits' reaches "
            + "'pixels'); the proposer learns from images and displacements alone."));
        Assert.That(report.Terms.Keys, Is.EquivalentTo(new[] { "image", "displacement", "smoothness" }));
    }

    [Test]
    public void Autoencoder_LearnsTheImages()
    {
        using var pixels = Shapes.Draw(96, 1, 28, 37, 1);
        using var others = Shapes.Draw(16, 1, 28, 37, 2);
        var architecture = new VaeArchitecture(1, 28, 37) { Widths = [8, 16, 32] };
        using var network = new TrainableNetwork(architecture.CreateForTraining(1), Architecture.Weights);
        using var recipe = new VaeRecipe(TestSetup.Engine, network, new TrainingImages(pixels));
        using var trainer = new Trainer(network, VaeRecipe.Training(80));
        var before = recipe.Evaluate(new TrainingImages(others));
        trainer.Run(recipe, 80);
        var after = recipe.Evaluate(new TrainingImages(others));

        TestContext.Out.WriteLine($"{Text(before)} -> {Text(after)}");
        Assert.That(after["error"], Is.LessThan(0.2 * before["error"]));
        Assert.That(after["kl"], Is.GreaterThan(0.5));
    }

    [Test]
    public void Critic_LearnsAGradientThatUndoesDeformations()
    {
        using var pixels = Shapes.Draw(64, 1, 24, 31, 1);
        using var others = Shapes.Draw(18, 1, 24, 31, 2);
        using var network = new TrainableNetwork(
            new CriticArchitecture(1, 24, 31) { Hidden = 8, Layers = 5 }.Create(1), Architecture.Weights);
        var options = new CriticRecipeOptions { Sampling = Few };
        using var recipe = new CriticRecipe(TestSetup.Engine, network, new TrainingImages(pixels), options);
        using var trainer = new Trainer(network, CriticRecipe.Training(100));
        var before = recipe.Evaluate(new TrainingImages(others), 5);
        trainer.Run(recipe, 100);
        var after = recipe.Evaluate(new TrainingImages(others), 5);

        TestContext.Out.WriteLine($"{Text(before)} -> {Text(after)}");
        Assert.That(before["guidance"], Is.GreaterThan(0.95));
        Assert.That(after["guidance"], Is.LessThan(0.95));
        Assert.That(after["value"], Is.LessThan(before["value"]));
    }

    [Test]
    public void WhatDoesNotFit_IsRefused()
    {
        static void Refuse(Action action, string message) =>
            Assert.That(action, Throws.TypeOf<TrainingException>().With.Message.EqualTo(message));
        using var pixels = Shapes.Draw(4, 1, 20, 27, 1);
        using var network = Recipes.Proposer(1, 20, 28);
        using var critic = new TrainableNetwork(new CriticArchitecture(1, 20, 27).Create(1), Architecture.Weights);
        var images = new TrainingImages(pixels);
        Refuse(() => _ = new ProposerRecipe(TestSetup.Engine, network, images), "Network 'proposer' takes 'image' float32 [N,1,20,28]; the "
            + "images are (N, 1, 20, 27). Make the network for their size.");
        Refuse(() => _ = new ProposerRecipe(TestSetup.Engine, critic, images),
            "Proposer 'critic' has the output 'score' float32 [N]; expected a velocity (N, 2, h, w) of known size.");
        Refuse(() => _ = new VaeRecipe(TestSetup.Engine, critic, images), "Network 'critic' has the inputs 'image' float32 [N,1,20,27] and "
            + "1 outputs; expected an image and noise (N, L), and the outputs reconstruction, mu and logvar.");
        void Sampling(DeformationSampling sampling, string message) => Refuse(
            () => _ = new CriticRecipe(TestSetup.Engine, critic, images, new CriticRecipeOptions { Sampling = sampling }), message);
        Sampling(Few with { Families = new Dictionary<string, int> { ["twist"] = 5 } }, "Deformation 'twist' is kept for evaluation, so "
            + "that it meets maps that nothing was trained on. Train on 'tps', 'tps-strong'.");
        Sampling(Few with { HighestStrength = 1.5 }, "HighestStrength is 1.5; expected a number in [0, 1].");
        Sampling(Few with { Families = new Dictionary<string, int>() }, "Families names no deformation; expected at least one.");
        using var flat = torch.zeros(3, 20, 27);
        Refuse(() => _ = new TrainingImages(flat), "The images to train on are Float32 (3, 20, 27) on cpu; expected float32 in [0, 1] or "
            + "uint8, (images, channels, height, width), on the CPU.");
    }

    private static string Text(IReadOnlyDictionary<string, double> terms) => string.Join(", ", terms.Select(t => $"{t.Key} {t.Value:G4}"));
}
