using System.Diagnostics;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>A model of the container: loaded when first asked for, and what happens to it logged.</summary>
/// <param name="name">Its key.</param>
/// <param name="options">Checked.</param>
/// <param name="logger">Where to.</param>
internal sealed class HostedModel(string name, DiffeoModelOptions options, ILogger logger) : IDisposable
{
    private readonly Lock _loading = new();
    private ModelLog? _log;
    private EquivariantModel? _model;
    private volatile bool _isReady;

    /// <summary>Its key.</summary>
    public string Name => name;

    /// <summary>What the service says of it.</summary>
    public DiffeoModelOptions Options => options;

    /// <summary>Whether it is loaded and, where that is asked for, warm.</summary>
    public bool IsReady => _isReady;

    /// <summary>What went wrong in the last run, where it was no fault of the request's; null for nothing.</summary>
    public string? Fault => _log?.Fault;

    /// <summary>The model; the container disposes it.</summary>
    public EquivariantModel Model
    {
        get
        {
            lock (_loading) return _model ??= Load();
        }
    }

    /// <summary>Loads the model and, where that is asked for, runs it once.</summary>
    /// <param name="cancellationToken">Ends the run.</param>
    public async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        // Loading takes seconds and is synchronous: the host starts its other services meanwhile.
        var model = await Task.Run(() => Model, cancellationToken).ConfigureAwait(false);
        var clock = Stopwatch.StartNew();
        var spec = model.Bundle.Image;
        var black = new ImageBuffer(spec.Channels, spec.Height, spec.Width);
        using (await model.RunAsync([black], null, cancellationToken).ConfigureAwait(false))
            ModelMessages.WarmedUp(logger, name, clock.Elapsed.TotalSeconds);
        _isReady = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _model?.Dispose();
        _log?.Dispose();
    }

    private EquivariantModel Load()
    {
        var clock = Stopwatch.StartNew();
        try
        {
            var model = EquivariantModel.Load(options.Bundle, options.ToModelOptions());
            _log = new ModelLog(name, model, logger);
            ModelMessages.Loaded(
                logger, name, model.Bundle.Name, options.Bundle, model.Device.Reason, model.Cores, clock.Elapsed.TotalSeconds);
            foreach (var warning in model.Warnings) ModelMessages.Warned(logger, name, warning);
            if (!options.WarmsUp) _isReady = true;
            return model;
        }
        catch (Exception error)
        {
            ModelMessages.LoadFailed(logger, error, name, options.Bundle);
            throw;
        }
    }
}
