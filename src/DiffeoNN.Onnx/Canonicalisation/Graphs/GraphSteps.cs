using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation.Graphs;

/// <summary>The graphs of a search under given options.</summary>
internal sealed class GraphSteps
{
    private readonly GraphFields _fields;
    private readonly SearchComposer _composer;
    private readonly object _key;

    /// <param name="fields">Keeps the graphs.</param>
    /// <param name="options">How it searches.</param>
    /// <param name="grid">The image's grid.</param>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="hasStart">Whether it starts elsewhere than at the identity.</param>
    public GraphSteps(GraphFields fields, SearchSpec options, SamplingGrid grid, int channels, bool hasStart)
    {
        (_fields, Options) = (fields, options);
        var (height, width) = CanonicalisationRun.LatticeSize(options, grid);
        Parameters = new FieldParameters(options.Field, height, width, grid, options.Seed);
        _composer = fields.Composer(Parameters, grid, channels, options, hasStart);
        _key = (options.Field, height, width, options.Field == FieldKind.Siren ? options.Seed : 0, grid, channels, options.Basis,
            options.Padding, hasStart);
    }

    /// <summary>How it searches.</summary>
    public SearchSpec Options { get; }

    /// <summary>What is turned.</summary>
    public FieldParameters Parameters { get; }

    /// <summary>Adam's update.</summary>
    public DeviceGraph Update => _fields.Graph((_key, "update"), "update", _composer.Update);

    /// <summary>Parameters to their lattice.</summary>
    public DeviceGraph LatticeOf => _fields.Graph((_key, "lattice"), "lattice", _composer.LatticeOf);

    /// <summary>One step for so many squarings.</summary>
    /// <param name="squarings">Of the batch.</param>
    /// <param name="folds">Whether the penalty on folds is computed.</param>
    /// <param name="gradient">Whether the gradient is wanted.</param>
    public DeviceGraph Step(Squarings squarings, bool folds, bool gradient) => _fields.Graph(
        (_key, "step", squarings.Most, squarings.Optional, folds, gradient), "step",
        () => _composer.Step(squarings.Most, squarings.Optional, folds, gradient));

    /// <summary>v at every pixel of lattices, and its squarings.</summary>
    public (DeviceTensor Velocity, Squarings Squarings) Velocity(
        DeviceTensor lattice, DeviceTensor? start, CancellationToken cancellationToken)
    {
        var inputs = new Dictionary<string, DeviceTensor> { ["lattice"] = lattice };
        if (start is not null)
            inputs[SearchComposer.Start] = start;
        var outputs = _fields.Graph((_key, "velocity"), "velocity", _composer.FullVelocity)
            .Run(inputs, [SearchComposer.Velocity], [SearchComposer.Speed], cancellationToken);
        using var speed = outputs[SearchComposer.Speed];
        return (outputs[SearchComposer.Velocity], new Squarings(Array.ConvertAll(speed.ToArray<float>(), value => (double)value), Options));
    }
}
