using System.Diagnostics;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <summary>Proposals without search, from the images to the answers on them, without leaving the device in between:
/// what production runs.</summary>
/// <remarks>Does what <see cref="EquivariantModel"/> does by its parts, for images of the bundle's size and answers on their pixels or on
/// the whole of them.</remarks>
internal sealed class GraphPipeline : IDisposable
{
    private readonly GraphFields _fields;
    private readonly SearchSpec _options;
    private readonly Bundle _bundle;
    private readonly int _passes;
    private readonly bool _average;
    private readonly DeviceNetwork _proposer;
    private readonly DeviceNetwork _inner;

    private GraphPipeline(
        Bundle bundle, GraphFields fields, SearchSpec options, int passes, bool average, DeviceNetwork proposer,
        DeviceNetwork inner)
    {
        (_bundle, _fields, _options, _passes, _average) = (bundle, fields, options, passes, average);
        (_proposer, _inner) = (proposer, inner);
    }

    /// <summary>Loads the networks.</summary>
    /// <param name="bundle">Has a proposer.</param>
    /// <param name="fields">Computes maps.</param>
    /// <param name="engine">Loads the networks.</param>
    /// <param name="options">Squarings, padding and acceptance; no steps.</param>
    /// <param name="passes">How often the proposer is asked.</param>
    /// <param name="average">Whether answers are averaged over the maps of all passes.</param>
    /// <returns>The caller disposes it; null for answers that are not carried back here, and where a network does not run on the device's
    /// tensors: what the parts of the model do by themselves then.</returns>
    public static GraphPipeline? Load(
        Bundle bundle, GraphFields fields, OnnxRuntimeEngine engine, SearchSpec options, int passes, bool average)
    {
        var models = bundle.Manifest.Models;
        if (DeviceNetwork.Load(bundle, BundleRole.Inner, models.Inner.Output.Name, engine) is not { } inner) return null;
        DeviceNetwork? proposer = null;
        try
        {
            proposer = DeviceNetwork.Load(bundle, BundleRole.Proposer, models.Proposer!.Output, engine);
            return proposer is null ? null : new GraphPipeline(bundle, fields, options, passes, average, proposer, inner);
        }
        finally
        {
            if (proposer is null) inner.Dispose();
        }
    }

    /// <summary>Whether a network's answers are carried back here: those of one output, in the form that graphs take; others are by the
    /// model's parts.</summary>
    public static bool Takes(InnerModel inner) => inner.Outputs is [var only] && AnswerKinds.Of(only).OnDevice != DeviceForm.None
        && only.Layout != OutputLayout.ChannelsLast && inner.IsFloat32;

    /// <summary>Runs a batch.</summary>
    /// <param name="images">(N, C, H, W) on the CPU, of the bundle's size; stays the caller's.</param>
    /// <param name="cancellationToken">Ends it within one run of a graph.</param>
    /// <returns>The caller disposes it; null if the network's answers are of another size than the images.</returns>
    public PipelineResult? Run(torch.Tensor images, CancellationToken cancellationToken)
    {
        var batch = new GraphBatch(_fields, _options, images);
        var maps = new PipelineMaps(_fields, _options, batch, SamplingGrid.Of(images), (int)images.size(0));
        PipelineResult? result = null;
        try
        {
            return result = Run(batch, maps, cancellationToken);
        }
        finally
        {
            if (result is null)
            {
                maps.Dispose();
                batch.Dispose();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _proposer.Dispose();
        _inner.Dispose();
    }

    private PipelineResult? Run(GraphBatch batch, PipelineMaps maps, CancellationToken cancellationToken)
    {
        var inference = new Stopwatch();
        DeviceTensor? velocity = null;
        try
        {
            for (var pass = 0; pass < _passes; pass++)
            {
                var proposal = Timed(() => Propose(pass == 0 ? batch.Images : maps.LastCanonical, cancellationToken));
                velocity = Composed(velocity, proposal, cancellationToken);
                maps.Add(velocity, isAnswered: _average || pass == _passes - 1, cancellationToken);
            }
        }
        finally
        {
            velocity?.Dispose();
        }

        maps.Judge(cancellationToken);
        DeviceTensor[] outputs = [.. maps.Answered.Select(canonical => Timed(() => Answer(canonical, cancellationToken)))];
        DeviceTensor? alone = null;
        try
        {
            if (_options.IdentityWeight > 0)
                alone = Timed(() => Answer(batch.Images, cancellationToken));
            var output = _bundle.Manifest.Models.Inner.Output;
            var isWhole = AnswerKinds.Of(output).OnDevice == DeviceForm.Numbers;
            if (!isWhole && !maps.AreOnPixels(outputs[0]))
                return null;
            var (mapped, final) = isWhole
                ? maps.Mean(outputs, alone, output.Activation)
                : maps.CarryBack(outputs, alone, output.Activation, cancellationToken);
            return new PipelineResult(batch, maps) { Mapped = mapped, Final = final, InferenceTime = inference.Elapsed };
        }
        finally
        {
            foreach (var output in outputs)
                output.Dispose();
            alone?.Dispose();
        }

        T Timed<T>(Func<T> work)
        {
            inference.Start();
            var result = work();
            inference.Stop();
            return result;
        }
    }

    private DeviceTensor Propose(DeviceTensor images, CancellationToken cancellationToken) =>
        _proposer.Run(images, _bundle.Manifest.Models.Proposer!.Output, cancellationToken);

    private DeviceTensor Answer(DeviceTensor images, CancellationToken cancellationToken) =>
        _inner.Run(images, _bundle.Manifest.Models.Inner.Output.Name, cancellationToken);

    /// <summary>The velocity so far and what is left of it, as one; takes both over.</summary>
    private DeviceTensor Composed(DeviceTensor? velocity, DeviceTensor left, CancellationToken cancellationToken)
    {
        if (velocity is null)
            return left;
        var (height, width) = ((int)left.Shape[2], (int)left.Shape[3]);
        var grid = new SamplingGrid(_bundle.Image.Height, _bundle.Image.Width);
        using (velocity)
        using (left)
        {
            return _fields.Graph(("composition", grid, height, width), "composition", () => AnswerComposer.Composition(grid, height, width))
                .RunSingle(new Dictionary<string, DeviceTensor> { ["first"] = velocity, ["second"] = left }, "velocity", cancellationToken);
        }
    }
}
