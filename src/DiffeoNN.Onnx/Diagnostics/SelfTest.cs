using System.Diagnostics;
using System.Globalization;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Diagnostics;

/// <summary>Runs a small network and its gradient in both engines, compares them with each other and with finite differences,
/// and times them.</summary>
public static class SelfTest
{
    private const int Size = 64;
    private const int Batch = 4;
    private const double OutputTolerance = 1e-4;
    private const double SlopeTolerance = 1e-2;

    /// <summary>Runs the test.</summary>
    /// <param name="options">Device and cores.</param>
    /// <param name="duration">How long to run the engines for their times, together.</param>
    /// <param name="cancellationToken">Stops between two runs.</param>
    /// <returns>What was found; an engine that does not work is a finding, not an exception.</returns>
    public static IReadOnlyList<Finding> Run(ExecutionOptions options, TimeSpan duration, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        try
        {
            // Both engines take their tensors from TorchSharp.
            Runtime.Initialise(options.Threads);
        }
        catch (NativeLibraryException)
        {
            return [new(FindingLevel.Problem, "self-test", "left out, as libtorch does not load", "see what is said of TorchSharp above")];
        }

        return RunEngines(options, duration, cancellationToken);
    }

    private static IReadOnlyList<Finding> RunEngines(ExecutionOptions options, TimeSpan duration, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var model = Model();
        Side compiled, own;
        var ofTorch = options;
        try
        {
            var runtime = new OnnxRuntimeEngine(options with { Engine = EngineKind.OnnxRuntime });
            var gradient = GradientCompiler.Compile(
                model, new GradientOptions { Inputs = ["x"], Outputs = ["energy"], Seed = GradientSeed.Ones });
            compiled = Measure(runtime.Load(gradient, "self-test"), runtime.Device, duration / 2, cancellationToken);
            // A libtorch for the CPU is no fault where graphs run on a GPU: it stays where it always is then.
            if (runtime.Device is { Device: ExecutionDevice.Cuda, TensorsOnGpu: false })
                ofTorch = options with { Device = ExecutionDevice.Cpu };
        }
        catch (DeviceUnavailableException)
        {
            return [new(FindingLevel.Problem, "self-test", "left out, as the device asked for does not work",
                "see what is said of CUDA above")];
        }
        catch (Exception error) when (error is DiffeoException or GradientException)
        {
            return [new(
                FindingLevel.Problem, "self-test", $"ONNX Runtime: {error.Message}", "see what is said of ONNX Runtime and CUDA above")];
        }

        try
        {
            var torch = Engine.CreateDifferentiating(ofTorch);
            own = Measure(new DifferentiatedGraph(torch.LoadDifferentiable(model, "self-test"), "x", "energy", "x_grad"), torch.Device,
                duration / 2, cancellationToken);
        }
        catch (EngineMissingException error)
        {
            return [Good("ONNX Runtime", compiled), Slope(compiled), new(FindingLevel.Note, "self-test", $"libtorch: {error.Message}")];
        }
        catch (DiffeoException error)
        {
            return [Good("ONNX Runtime", compiled),
                new(FindingLevel.Problem, "self-test", $"libtorch: {error.Message}", "see what is said of TorchSharp and CUDA above")];
        }

        return [Good("ONNX Runtime", compiled), Good("libtorch", own), Compare("energy", compiled.Energy, own.Energy),
            Compare("gradient", compiled.Gradient, own.Gradient), Slope(compiled)];
    }

    private static Finding Good(string engine, Side side) => new(FindingLevel.Good, $"self-test, {engine}",
        string.Create(CultureInfo.InvariantCulture, $"{side.Milliseconds:0.00} ms for energy and gradient of {Batch} images of "
            + $"{Size}x{Size} on {side.Device} (median of {side.Runs})"));

    private static Finding Compare(string what, double[] a, double[] b)
    {
        var scale = a.Select(Math.Abs).Max();
        var error = a.Zip(b, (x, y) => Math.Abs(x - y)).Max() / scale;
        var text = string.Create(CultureInfo.InvariantCulture, $"both engines' {what} agree to {error:0.0e+0} of the largest");
        return error <= OutputTolerance
            ? new(FindingLevel.Good, "self-test", text)
            : new(FindingLevel.Problem, "self-test", string.Create(CultureInfo.InvariantCulture,
                $"the engines' {what} differ by {error:0.0e+0} of the largest; at most {OutputTolerance:0.0e+0} is expected"),
                "report it with the lines above; on a GPU try --device cpu");
    }

    /// <summary>The derivative along the gradient itself, against a central difference.</summary>
    private static Finding Slope(Side side)
    {
        var error = Math.Abs(side.Difference - side.Claimed) / Math.Abs(side.Claimed);
        var text = string.Create(CultureInfo.InvariantCulture,
            $"the gradient's length is {side.Claimed:0.####}, by finite differences {side.Difference:0.####}");
        return error <= SlopeTolerance
            ? new(FindingLevel.Good, "self-test", text)
            : new(FindingLevel.Problem, "self-test", text, "report it with the lines above");
    }

    private static Side Measure(IGraph graph, DeviceSelection device, TimeSpan duration, CancellationToken cancellationToken)
    {
        using var owned = graph;
        using var scope = NewDisposeScope();
        using var generator = new Generator(7);
        var x = rand([Batch, 1, Size, Size], generator: generator).to(device.Torch);
        var (energy, gradient) = Evaluate(graph, x);
        var times = new List<double>();
        var all = Stopwatch.StartNew();
        do
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var inner = NewDisposeScope();
            var one = Stopwatch.StartNew();
            _ = Evaluate(graph, x);
            times.Add(one.Elapsed.TotalMilliseconds);
        }
        while (all.Elapsed < duration);

        var length = Math.Sqrt(gradient.Sum(value => value * value));
        var direction = tensor(gradient.Select(value => (float)(value / length)).ToArray()).view(x.shape).to(device.Torch);
        const double step = 1e-2;
        double Sum(double factor) => Evaluate(graph, x.Plus(direction.Times(factor))).Energy.Sum();
        times.Sort();
        return new Side(energy, gradient, length, CentralDifference.Of(Sum, step).Slope, times[times.Count / 2], times.Count,
            $"{device.Torch}");
    }

    private static (double[] Energy, double[] Gradient) Evaluate(IGraph graph, Tensor x)
    {
        using var scope = NewDisposeScope();
        var results = graph.Run(new Dictionary<string, Tensor> { ["x"] = x.contiguous() });
        return (Read(results["energy"]), Read(results["x_grad"]));

        static double[] Read(Tensor tensor) => tensor.to(ScalarType.Float64).cpu().contiguous().data<double>().ToArray();
    }

    /// <summary>A small autoencoder and the sum of its squared error, with weights drawn from a fixed seed.</summary>
    private static OnnxModel Model()
    {
        var random = new Random(11);
        var model = new OnnxModel { ProducerName = "DiffeoNN.Onnx" };
        model.OpsetImports[""] = GradientCompiler.MinimumOpset;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 1, Size, Size]));
        var hidden = graph.AddNode("Relu", [Layer("Conv", "x", "w1", [16, 1, 5, 5], 16, 2)], "h1");
        hidden = graph.AddNode("Sigmoid", [Layer("Conv", hidden, "w2", [16, 16, 3, 3], 16, 1)], "h2");
        var made = Layer("ConvTranspose", hidden, "w3", [16, 1, 5, 5], 1, 2);
        var error = graph.AddNode("Sub", [made, "x"], "error");
        var flat = graph.AddNode("Flatten", [graph.AddNode("Mul", [error, error], "squared")], "flat", OnnxAttribute.Of("axis", 1L));
        graph.AddNode("ReduceSum", [flat, graph.AddInitializer(OnnxTensor.Int64s("axis", 1))], "energy", OnnxAttribute.Of("keepdims", 0L));
        graph.Outputs.Add(new OnnxValueInfo("energy", OnnxElementType.Float, ["N"]));
        return model;

        string Layer(string type, string input, string name, long[] shape, int channels, long stride)
        {
            var pad = shape[^1] / 2;
            var weight = graph.AddInitializer(Draw(name, shape, 0.5 / Math.Sqrt(shape[1] * shape[2] * shape[3])));
            var bias = graph.AddInitializer(Draw($"{name}_bias", [channels], 0.1));
            List<OnnxAttribute> attributes = [OnnxAttribute.Of("pads", [pad, pad, pad, pad]),
                OnnxAttribute.Of("strides", [stride, stride])];
            if (type == "ConvTranspose") attributes.Add(OnnxAttribute.Of("output_padding", [1L, 1L]));
            return graph.AddNode(type, [input, weight, bias], $"{name}_out", attributes);
        }

        OnnxTensor Draw(string name, long[] shape, double scale) => OnnxTensor.FromDoubles(
            name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(_ => 2 * scale * (random.NextDouble() - 0.5))]);
    }

    private sealed record Side(
        double[] Energy, double[] Gradient, double Claimed, double Difference, double Milliseconds, int Runs, string Device);
}
