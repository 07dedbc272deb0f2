using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Gradients;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>A graph that writes images into memory on the device, and the energy gradient, which reads them there; each in a session of
/// its own.</summary>
internal sealed class ProducerConsumer : IDisposable
{
    /// <summary>How many different images there are.</summary>
    public const int Inputs = 8;

    private const int Batch = 4;
    private readonly Lane _producer;
    private readonly Lane _consumer;
    private readonly OrtValue _shared;
    private readonly Dictionary<string, OnnxTensor>[] _first = new Dictionary<string, OnnxTensor>[Inputs];

    public ProducerConsumer(BundleGraphs bundle, Target target, int seed)
    {
        var shape = bundle.Shape(Batch);
        _producer = new Lane("producer", Producer(shape), target);
        _consumer = new Lane("consumer", bundle.EnergyGradient.Model, target);
        _producer.Bind(Drawn.Uniform("image", new Random(seed), 0, 1, shape));
        _producer.Bind(OnnxTensor.Scalar("b", 0f));
        _producer.Bind(OnnxTensor.Scalar("a", 1f));
        _shared = _producer.RunInto();
        foreach (var weight in bundle.Weights) _consumer.Bind(weight);
        _consumer.Bind(EnergyComposer.Input, _shared);
    }

    /// <summary>Keeps the outputs for each image, and runs each some more times.</summary>
    /// <returns>How often the bits were others.</returns>
    public int LearnAndRepeat(int repeats)
    {
        var others = 0;
        for (var input = 0; input < Inputs; input++)
        {
            _first[input] = RunOnce(input, wait: true);
            for (var i = 0; i < repeats; i++) others += SameBits(RunOnce(input, wait: true), _first[input]) ? 0 : 1;
        }

        return others;
    }

    /// <summary>Lets the producer return before the device is done.</summary>
    public void DoNotWaitForProducer() => _producer.DoNotWait();

    /// <summary>Runs producer and consumer in turns, with images in random order.</summary>
    /// <param name="runs">How often at most.</param>
    /// <param name="seed">Of the order.</param>
    /// <param name="goOn">Asked before each run but the first.</param>
    public RaceOutcome Race(int runs, int seed, Func<bool> goOn)
    {
        var random = new Random(seed);
        var outcome = RaceOutcome.None;
        while (outcome.Runs < runs && (outcome.Runs == 0 || goOn()))
        {
            var input = random.Next(Inputs);
            var found = RunOnce(input, wait: false);
            var same = SameBits(found, _first[input]);
            outcome = outcome.With(same, same ? 0 : _first[input].Max(pair => Difference.Of(pair.Value, found[pair.Key]).Relative));
        }

        return outcome;
    }

    public void Dispose()
    {
        _shared.Dispose();
        _consumer.Dispose();
        _producer.Dispose();
    }

    private Dictionary<string, OnnxTensor> RunOnce(int input, bool wait)
    {
        _producer.Bind(OnnxTensor.Scalar("a", 1f - (0.1f * input)));
        if (wait) _producer.Run();
        else _producer.RunOnly();
        return _consumer.RunAndRead();
    }

    private static bool SameBits(Dictionary<string, OnnxTensor> found, Dictionary<string, OnnxTensor> expected) =>
        expected.All(pair => pair.Value.Data.Span.SequenceEqual(found[pair.Key].Data.Span));

    /// <summary>made = image * a + b.</summary>
    private static OnnxModel Producer(long[] shape)
    {
        var graph = new OnnxGraph { Name = "producer" };
        OnnxDimension[] dimensions = [.. shape.Select(OnnxDimension.Of)];
        graph.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, dimensions));
        graph.Inputs.Add(new OnnxValueInfo("a", OnnxElementType.Float, []));
        graph.Inputs.Add(new OnnxValueInfo("b", OnnxElementType.Float, []));
        graph.AddNode("Mul", ["image", "a"], "scaled");
        graph.AddNode("Add", ["scaled", "b"], "made");
        graph.Outputs.Add(new OnnxValueInfo("made", OnnxElementType.Float, dimensions));
        var model = new OnnxModel { Graph = graph };
        model.OpsetImports[""] = 17;
        return model;
    }
}
