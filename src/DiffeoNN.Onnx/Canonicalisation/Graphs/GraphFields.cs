using System.Collections.Concurrent;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>Fields by graphs in standard ONNX operators, joined with the energy, whose gradients are compiled;
/// all of it runs in ONNX Runtime, on the device of the networks, and only numbers leave the device between steps.</summary>
/// <remarks>Graphs are composed and loaded when first needed: one for each number of squarings that occurs.
/// Safe for concurrent use.</remarks>
internal sealed class GraphFields : ISearchFields, IDisposable
{
    private readonly OnnxRuntimeEngine _engine;
    private readonly OnnxEnergy _energy;
    private readonly ComposedEnergy _composed;
    private readonly ConcurrentDictionary<object, Lazy<DeviceGraph>> _graphs = new();
    private readonly ConcurrentDictionary<string, Lazy<IReadOnlyDictionary<string, DeviceTensor>>> _weights = new(StringComparer.Ordinal);

    /// <param name="engine">Loads the graphs; its device is theirs.</param>
    /// <param name="energy">What is minimised, with its weights; stays the caller's.</param>
    /// <param name="composed">The same as a model.</param>
    /// <param name="batchSizes">Sizes of batches; those that suit the device if null.</param>
    public GraphFields(OnnxRuntimeEngine engine, OnnxEnergy energy, ComposedEnergy composed, BatchSizes? batchSizes = null)
    {
        (_engine, _energy, _composed) = (engine, energy, composed);
        BatchSizes = batchSizes ?? (OnGpu ? BatchSizes.Fixed : BatchSizes.AsTheyCome);
    }

    /// <summary>The energy that runs of torch tensors take.</summary>
    public OnnxEnergy Energy => _energy;

    /// <summary>Whether a GPU runs the graphs.</summary>
    public bool OnGpu => _engine.Device.Device == ExecutionDevice.Cuda;

    /// <summary>Sizes of batches: each new one costs a GPU some time.</summary>
    public BatchSizes BatchSizes { get; }

    /// <summary>Values of the energy's scalar inputs by name.</summary>
    public IReadOnlyDictionary<string, DeviceTensor> Weights => WeightsOf(_energy.Weights);

    /// <summary>The same for a search: what its options do not say of weights is the energy's own.</summary>
    public IReadOnlyDictionary<string, DeviceTensor> WeightsOf(SearchSpec options)
    {
        var weights = options.Over(_energy.Weights);
        return _weights.GetOrAdd(
            weights.Weights,
            _ => new(() => _composed.WeightInputs.ToDictionary(
                input => input.Key, input => Number(EnergyGraph.ValueOf(input.Key, weights)), StringComparer.Ordinal))).Value;
    }

    /// <inheritdoc/>
    public ISearchStepper Stepper(bool apart) => new GraphStepper(this);

    /// <summary>Begins a search; images and start stay the caller's, who keeps the former as long as the search.</summary>
    public GraphRun Begin(SearchSpec options, torch.Tensor images, torch.Tensor? start, Func<bool>? isTimeUp)
    {
        if (options.Padding == WarpPadding.Reflection)
            throw new GraphException(
                "Fields by graphs know images that end in zeros or in their border, not mirrored ones; use fields 'torch'.");
        return new GraphRun(this, options, images, start, isTimeUp);
    }

    /// <inheritdoc/>
    public torch.Tensor Warp(SearchSpec options, torch.Tensor images, torch.Tensor velocity, CancellationToken cancellationToken)
    {
        using var batch = new GraphBatch(this, options, images);
        return batch.Warp(velocity, cancellationToken);
    }

    /// <summary>A graph by its key, composed and loaded when it is first asked for.</summary>
    public DeviceGraph Graph(object key, string name, Func<OnnxModel> compose) =>
        _graphs.GetOrAdd(key, _ => new Lazy<DeviceGraph>(
            () => _engine.LoadOnDevice(compose(), $"{_composed.Name}/{name}", _energy.Shared))).Value;

    /// <summary>The energy without its gradient.</summary>
    public DeviceGraph EnergyValues => Graph("energy", "energy", () => _composed.ValueModel);

    /// <summary>Composes graphs of a search.</summary>
    public SearchComposer Composer(
        FieldParameters parameters, SamplingGrid grid, int channels, SearchSpec options, bool hasStart) =>
            new(_composed, parameters, grid, channels, options.Basis, options.Padding, hasStart, _engine.Device.GradientTarget);

    /// <summary>Copies rows: <c>x</c> of any shape at <c>index</c>, int64, gives <c>y</c>.</summary>
    public DeviceGraph Rows => Graph("rows", "rows", () => Small("rows", OnnxElementType.Int64, "Gather", ["x", "index"]));

    /// <summary>Chooses rows: <c>y</c> is <c>x</c> where <c>index</c> (N, 1, 1, 1), bool, holds, <c>other</c> elsewhere.</summary>
    public DeviceGraph Choose => Graph("choose", "choose", () => Small("choose", OnnxElementType.Bool, "Where", ["index", "x", "other"]));

    /// <summary>Rows of two batches: <c>y</c> holds those of <c>x</c> and <c>other</c>, one after the other, at <c>index</c>,
    /// int64.</summary>
    public DeviceGraph Merge => Graph("merge", "merge", () =>
    {
        var writer = new GraphWriter("merge");
        foreach (var input in new[] { "x", "other" })
            writer.Graph.Inputs.Add(new OnnxValueInfo(input, OnnxElementType.Float, null));
        writer.Input("index", OnnxElementType.Int64, "M");
        writer.Graph.AddNode("Gather", [writer.Concat(0, "x", "other"), "index"], "y");
        writer.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        return writer.Model;
    });

    /// <summary><c>y</c> is <c>x</c> times <c>factor</c>.</summary>
    public DeviceGraph Scaled => Graph("scaled", "scaled", () => Small("scaled", null, "Mul", ["x", "factor"]));

    /// <summary>Brings <c>x</c> onto the device, or from it to the host, as <c>y</c>.</summary>
    public DeviceGraph Copy => Graph("copy", "copy", () => Small("copy", null, "Identity", ["x"]));

    /// <summary>A number on the device.</summary>
    public DeviceTensor Number(double value)
    {
        using var host = DeviceTensor.Of([(float)value], []);
        return Copy.RunSingle(new Dictionary<string, DeviceTensor> { ["x"] = host }, "y");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var graph in _graphs.Values.Where(graph => graph.IsValueCreated))
            graph.Value.Dispose();
        foreach (var weight in _weights.Values.Where(weights => weights.IsValueCreated).SelectMany(weights => weights.Value.Values))
            weight.Dispose();
    }

    private static OnnxModel Small(string name, OnnxElementType? index, string opType, string[] inputs)
    {
        var writer = new GraphWriter(name);
        foreach (var input in inputs)
            writer.Graph.Inputs.Add(new OnnxValueInfo(input, input == "index" ? index!.Value : OnnxElementType.Float, null));
        writer.Graph.AddNode(opType, inputs, "y");
        writer.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        return writer.Model;
    }
}
