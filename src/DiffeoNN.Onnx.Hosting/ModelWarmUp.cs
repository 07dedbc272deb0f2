using Microsoft.Extensions.Hosting;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Loads a model and runs it once before the host counts as started, where its options ask for that.</summary>
internal sealed class ModelWarmUp(HostedModel model) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) =>
        model.Options.WarmsUp ? model.WarmUpAsync(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
