using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Training;
using TorchSharp;
using F = TorchSharp.torch.nn.functional;

namespace DiffeoNN.Onnx.Benchmarks.TrainingSteps;

/// <summary>A step of training of the lungs' proposer: its velocity, exponential, warp, the frozen network's answer beside the one on the
/// undeformed image, image error and smoothness; AdamW, its gradient's norm limited.</summary>
internal sealed class TaskStep : IDisposable
{
    private const int Squarings = 7;
    private const double Rate = 1e-4;
    private const double Decay = 1e-2;
    private const double Norm = 1;
    private const double ImageWeight = 5;
    private const double SmoothnessWeight = 0.5;

    private readonly torch.Tensor _image;
    private readonly torch.Tensor _clean;
    private readonly torch.Tensor _target;
    private readonly Action _dispose;

    private TaskStep(int batch, Func<torch.Tensor, torch.Tensor, torch.Tensor, double> step, Func<string, float[]> weight, Action dispose)
    {
        torch.manual_seed(1);
        _image = torch.rand(batch, 1, 128, 128);
        _clean = torch.rand(batch, 1, 128, 128);
        _target = torch.randn(batch, 2, 128, 128).softmax(1);
        (Take, Weight, _dispose) = (() => step(_image, _clean, _target), weight, dispose);
    }

    /// <summary>Takes a step and gives the loss before it.</summary>
    public Func<double> Take { get; }

    /// <summary>A weight as it stands.</summary>
    public Func<string, float[]> Weight { get; }

    /// <summary>By this library.</summary>
    public static TaskStep Library(OnnxRuntimeEngine engine, OnnxModel proposer, OnnxModel inner, int batch)
    {
        var network = new TrainableNetwork(proposer, WeightSelection.Matching("*.weight", "*.bias"), "proposer");
        var grid = new SamplingGrid(128, 128);
        var builder = new ObjectiveBuilder("task");
        var image = builder.Input("image", "N", 1L, 128L, 128L);
        var clean = builder.Input("clean", "N", 1L, 128L, 128L);
        var target = builder.Input("target", "N", 2L, 128L, 128L);
        var lattice = builder.Add(network, new Dictionary<string, string> { ["image"] = image })["velocity"];
        var fields = new FieldOperators(builder.Writer, grid, SampleOperator.FormOn(engine));
        var u = fields.ExpInKernelUnits(
            fields.Upsample(lattice, 32, 32, LatticeBasis.Linear), builder.Scalar(Math.Pow(2, -Squarings)), Squarings);
        var canonical = fields.Planar(fields.Sampling.Sample(fields.Flat(image, 1), 1, u, WarpPadding.Zeros), 1);
        var logits = builder.AddConstant(inner, new Dictionary<string, string> { ["image"] = canonical })["logits"];
        builder.Term("task", builder.SoftCrossEntropy(logits, target));
        builder.Term("image", builder.MeanSquaredError(canonical, clean), ImageWeight);
        builder.Term("smoothness", builder.Mean(fields.Smoothness(lattice, 32, 32)), SmoothnessWeight);
        var objective = builder.Build(engine);
        var trainer = new Trainer(network, new TrainerOptions { LearningRate = Rate, WeightDecay = Decay, GradientNorm = Norm });
        return new TaskStep(batch, (x, y, t) => trainer.Step([new TrainingBatch(objective, new Dictionary<string, torch.Tensor>
            { ["image"] = x, ["clean"] = y, ["target"] = t })]).Loss, name => network[name].data<float>().ToArray(), () =>
        {
            trainer.Dispose();
            objective.Dispose();
            network.Dispose();
        });
    }

    /// <summary>By TorchSharp: modules, autograd, AdamW.</summary>
    public static TaskStep Torch(OnnxModel proposer, OnnxModel inner, int batch)
    {
        string[] weights = [.. proposer.Graph.Initializers.Keys.Where(n => (n.EndsWith(".weight", StringComparison.Ordinal)
            || n.EndsWith(".bias", StringComparison.Ordinal)))];
        var (network, frozen) = (new TorchNetwork(proposer, weights), new TorchNetwork(inner, []));
        var grid = new SamplingGrid(128, 128);
        var (spacingX, spacingY) = grid.LatticeSpacing(32, 32);
        var parameters = weights.Select(network.Weight).Cast<TorchSharp.Modules.Parameter>().ToArray();
        var optimiser = torch.optim.AdamW(parameters, Rate, weight_decay: Decay);
        return new TaskStep(batch, (x, y, t) =>
        {
            using var scope = torch.NewDisposeScope();
            optimiser.zero_grad();
            var lattice = network.Forward(x);
            var v = LatticeUpsampling.Resample(lattice, grid, LatticeBasis.Linear);
            var canonical = Warp.Apply(x, ScalingAndSquaring.Exp(v, Squarings), WarpPadding.Zeros);
            var task = -(t * frozen.Forward(canonical).log_softmax(1)).sum(1).mean();
            var loss = task + (ImageWeight * F.mse_loss(canonical, y))
                + (SmoothnessWeight * Regularisers.Smoothness(lattice, spacingX, spacingY).mean());
            loss.backward();
            torch.nn.utils.clip_grad_norm_(parameters, Norm);
            optimiser.step();
            return loss.item<float>();
        }, name => network.Weight(name).data<float>().ToArray(), () =>
        {
            optimiser.Dispose();
            network.Dispose();
            frozen.Dispose();
        });
    }

    public void Dispose()
    {
        _dispose();
        _image.Dispose();
        _clean.Dispose();
        _target.Dispose();
    }
}
