using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>Steps beside those of TorchSharp's optimisers.</summary>
public sealed class OptimiserTests
{
    private const int Inputs = 37;

    [TestCase(WeightDecayKind.Decoupled, 0, 0)]
    [TestCase(WeightDecayKind.Gradient, 0.1, 0)]
    [TestCase(WeightDecayKind.Decoupled, 0.1, 0)]
    [TestCase(WeightDecayKind.Decoupled, 0.1, 0.5)]
    public void EveryStep_IsThatOfTorchSharp(WeightDecayKind kind, double decay, double norm)
    {
        const double Rate = 0.03;
        using var network = new TrainableNetwork(SmallNetworks.Linear(Inputs));
        using var objective = SmallNetworks.Squares(network, Inputs);
        using var trainer = new Trainer(network, new TrainerOptions
        {
            LearningRate = Rate, WeightDecay = decay, DecayKind = kind, GradientNorm = norm, Beta2 = 0.99,
        });
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(4);
        var weight = new TorchSharp.Modules.Parameter(network["w"].clone());
        torch.optim.Optimizer optimiser = kind == WeightDecayKind.Decoupled
            ? torch.optim.AdamW([weight], Rate, 0.9, 0.99, 1e-8, decay)
            : torch.optim.Adam([weight], Rate, 0.9, 0.99, 1e-8, decay);
        using var owned = optimiser;
        for (var i = 0; i < 25; i++)
        {
            var (x, target) = (torch.randn(8, Inputs), torch.randn(8, 1));
            optimiser.zero_grad();
            var loss = torch.nn.functional.mse_loss(x.matmul(weight), target);
            loss.backward();
            var length = norm > 0 ? torch.nn.utils.clip_grad_norm_([weight], norm) : weight.grad!.norm().item<float>();
            optimiser.step();

            var report = trainer.Step([new TrainingBatch(objective, Data(x, target))]);

            Assert.That(report.Step, Is.EqualTo(i + 1));
            Assert.That(report.Loss, Is.EqualTo(loss.item<float>()).Within(1e-4));
            Assert.That(report.GradientNorm, Is.EqualTo(length).Within(1e-3).Percent);
            Assert.That((network["w"] - weight).abs().max().item<float>(), Is.LessThan(2e-6f), $"step {i}");
        }
    }

    [Test]
    public void Average_FollowsTheWeights()
    {
        using var network = new TrainableNetwork(SmallNetworks.Linear(Inputs));
        using var objective = SmallNetworks.Squares(network, Inputs);
        using var trainer = new Trainer(network, new TrainerOptions { LearningRate = 0.1, AverageDecay = 0.75 });
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(5);
        var expected = network["w"].clone();
        for (var i = 0; i < 6; i++)
        {
            trainer.Step([new TrainingBatch(objective, Data(torch.randn(4, Inputs), torch.randn(4, 1)))]);
            expected = (expected * 0.75) + (network["w"] * 0.25);
        }

        var averaged = trainer.ToModel(network, averaged: true).Graph.Initializers["w"].ToArray<float>();
        Assert.That(averaged, Is.EqualTo(expected.data<float>().ToArray()).Within(1e-6f));
        Assert.That(averaged, Is.Not.EqualTo(trainer.ToModel(network).Graph.Initializers["w"].ToArray<float>()).Within(1e-3f));
    }

    [Test]
    public void PartsOfABatch_MakeTheStepOfTheWhole()
    {
        using var scope = torch.NewDisposeScope();
        torch.manual_seed(6);
        var (x, target) = (torch.randn(8, Inputs), torch.randn(8, 1));
        float[] After(Func<Objective, TrainingBatch[]> parts)
        {
            using var network = new TrainableNetwork(SmallNetworks.Linear(Inputs));
            using var objective = SmallNetworks.Squares(network, Inputs);
            using var trainer = new Trainer(network, new TrainerOptions { LearningRate = 0.1 });
            trainer.Step(parts(objective));
            trainer.Step(parts(objective));
            return network["w"].data<float>().ToArray();
        }

        var whole = After(o => [new TrainingBatch(o, Data(x, target))]);
        var halves = After(o =>
        [
            new TrainingBatch(o, Data(x.narrow(0, 0, 4).contiguous(), target.narrow(0, 0, 4).contiguous()), 0.5),
            new TrainingBatch(o, Data(x.narrow(0, 4, 4).contiguous(), target.narrow(0, 4, 4).contiguous()), 0.5),
        ]);

        Assert.That(halves, Is.EqualTo(whole).Within(1e-5f));
    }

    [Test]
    public void Schedule_RisesAndFallsAlongACosine()
    {
        var schedule = LearningRateSchedule.Cosine(110, warmUp: 10, floor: 0.1);
        Assert.Multiple(() =>
        {
            Assert.That(schedule.Factor(0), Is.EqualTo(0.1).Within(1e-12));
            Assert.That(schedule.Factor(9), Is.EqualTo(1).Within(1e-12));
            Assert.That(schedule.Factor(10), Is.EqualTo(1).Within(1e-12));
            Assert.That(schedule.Factor(60), Is.EqualTo(0.55).Within(1e-12));
            Assert.That(schedule.Factor(110), Is.EqualTo(0.1).Within(1e-12));
            Assert.That(schedule.Factor(500), Is.EqualTo(0.1).Within(1e-12));
            Assert.That(LearningRateSchedule.Constant.Factor(7), Is.EqualTo(1));
        });
    }

    [Test]
    public void LossThatIsNoNumber_LeavesTheWeights()
    {
        using var network = new TrainableNetwork(SmallNetworks.Linear(2));
        using var objective = SmallNetworks.Squares(network, 2);
        using var trainer = new Trainer(network);
        using var scope = torch.NewDisposeScope();
        var before = network["w"].data<float>().ToArray();

        var error = Assert.Throws<TrainingException>(() => trainer.Step(
            [new TrainingBatch(objective, Data(torch.tensor(new[] { float.NaN, 1 }).reshape(1, 2), torch.ones(1, 1)))]))!;

        Assert.That(error.Message, Does.StartWith("Step 1: the loss is NaN").And.Contain("error NaN").And.Contain("learning rate (0.001)"));
        Assert.That(network["w"].data<float>().ToArray(), Is.EqualTo(before));
        Assert.That(trainer.Steps, Is.Zero);
    }

    [Test]
    public void OptionsThatMakeNoSense_AreRefused()
    {
        using var network = new TrainableNetwork(SmallNetworks.Linear(2));
        void Refuse(TrainerOptions options, string message) =>
            Assert.That(() => new Trainer(network, options), Throws.TypeOf<TrainingException>().With.Message.EqualTo(message));
        Refuse(new TrainerOptions { LearningRate = 0 }, "LearningRate is 0; expected a positive number.");
        Refuse(new TrainerOptions { AverageDecay = 1 }, "AverageDecay is 1; expected a number in [0, 1).");
        Refuse(new TrainerOptions { Schedule = LearningRateSchedule.Cosine(5, 9) },
            "A schedule of 5 steps, 9 of them rising, down to 0: expected 0 <= rising <= steps and 0 <= floor <= 1.");
    }

    private static Dictionary<string, torch.Tensor> Data(torch.Tensor x, torch.Tensor target) => new() { ["x"] = x, ["target"] = target };
}
