using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.ML.OnnxRuntime;
using ModelMetadata = DiffeoNN.Onnx.Serving.Protocol.ModelMetadata;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>An ONNX file as it is, run by ONNX Runtime: its inputs and outputs are the file's.</summary>
/// <remarks>One request at a time. Parameters: <c>timeout</c> and <c>priority</c>.</remarks>
public sealed class PlainModel : IServedModel
{
    private static readonly string[] Parameters = ["timeout", "priority"];

    private readonly InferenceSession _session;
    private readonly Turns _turns;
    private readonly bool _takesBatches;

    private PlainModel(InferenceSession session, string name, int capacity)
    {
        _session = session;
        _turns = new Turns(capacity);
        Metadata = new ModelMetadata("onnxruntime_onnx", Tensors(session.InputMetadata, name), Tensors(session.OutputMetadata, name));
        // The first dimension of all inputs and outputs; where they differ, as for a photo of any size, a request is one image.
        _takesBatches = session.InputMetadata.Concat(session.OutputMetadata).Select(node => node.Value.Dimensions)
            .Where(sizes => sizes.Length > 0).Select(sizes => sizes[0]).Distinct().Count() < 2;
    }

    /// <inheritdoc/>
    public ModelMetadata Metadata { get; }

    /// <inheritdoc/>
    public (int Waiting, int Running) Depth => (_turns.Waiting, _turns.IsTaken ? 1 : 0);

    /// <summary>Loads a file; its external data, if any, lies beside it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Defaults if null.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="GraphException">ONNX Runtime does not load it, or it has inputs or outputs that the protocol does not know.
    /// </exception>
    /// <exception cref="DeviceUnavailableException">CUDA was asked for and is missing.</exception>
    public static PlainModel Load(string path, ServingOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new ServingOptions();
        var name = Path.GetFileName(path);
        var execution = options.Execution;
        var sessions = new SessionFactory(DeviceSelection.Choose(execution), new CoreBudget(execution.Threads), execution.Cuda)
        {
            Configure = execution.ConfigureSession,
        };
        var session = sessions.Open(path, name);
        try
        {
            return new PlainModel(session, name, options.QueueCapacity);
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Does nothing: what a file's inputs may hold is not known here.</summary>
    /// <param name="cancellationToken">Not used.</param>
    public ValueTask WarmUpAsync(CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        ModelParameters.Check(request.Parameters, Parameters);
        var outputs = Metadata.Asked(request);
        foreach (var input in request.Inputs) Metadata.InputOf(input, request);
        var missing = Metadata.Inputs.Where(input => request.Inputs.All(sent => sent.Name != input.Name)).ToList();
        if (missing.Count > 0) throw ProtocolException.Invalid($"The request lacks the inputs {string.Join(", ", missing)}.");
        using var clock = new RequestClock(request.Parameters, cancellationToken);
        return await clock.Run(async token =>
        {
            using var turn = await _turns.TakeAsync(clock.Priority, token).ConfigureAwait(false);
            var waited = clock.Elapsed;
            var results = await Task.Run(() => Run(request.Inputs, outputs, token), token).ConfigureAwait(false);
            var rows = _takesBatches && request.Inputs[0].Shape is [var first, ..] ? (int)Math.Clamp(first, 1, int.MaxValue) : 1;
            return new InferenceResponse { Outputs = results, Images = rows, Waited = waited };
        }).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _session.Dispose();
        return ValueTask.CompletedTask;
    }

    private static TensorMetadata[] Tensors(IReadOnlyDictionary<string, NodeMetadata> nodes, string name) =>
    [
        .. nodes.Select(node => node.Value.IsTensor && OrtTensors.TypeOf(node.Value.ElementDataType) is { } type
            ? new TensorMetadata(node.Key, type, [.. node.Value.Dimensions.Select(size => (long)size)])
            : throw new GraphException(
                $"Model '{name}' cannot be served: '{node.Key}' is {node.Value.OnnxValueType} of "
                + $"{(node.Value.IsTensor ? node.Value.ElementDataType : "no tensor")}; the protocol has tensors of {DataTypes.Words}.")),
    ];

    private InferenceTensor[] Run(
        IReadOnlyList<InferenceTensor> inputs, IReadOnlyList<TensorMetadata> outputs, CancellationToken cancellationToken)
    {
        var values = new List<OrtValue>();
        try
        {
            foreach (var input in inputs) values.Add(OrtTensors.ToOrt(input));
            using var options = new RunOptions();
            using var registration = cancellationToken.UnsafeRegister(_ => options.Terminate = true, null);
            using var results = _session.Run(
                options, [.. inputs.Select(input => input.Name)], values, [.. outputs.Select(output => output.Name)]);
            return [.. outputs.Select((output, i) => OrtTensors.FromOrt(output.Name, results[i]))];
        }
        catch (OnnxRuntimeException error)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw OrtErrors.Translate(error);
        }
        finally
        {
            foreach (var value in values) value.Dispose();
        }
    }
}
