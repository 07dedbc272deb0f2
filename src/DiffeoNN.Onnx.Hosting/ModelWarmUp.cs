using Microsoft.Extensions.Hosting;

namespace DiffeoNN.Onnx.Hosting;

/// <summary>Loads a model and runs it once before the host counts as started, where its options ask for that.</summary>
/// <param name="model">Gives it; asked at the start, after the options of all models have been checked.</param>
internal sealed class ModelWarmUp(Func<HostedModel> model) : IHostedService
{
    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) =>
        model() is { Options.WarmsUp: true } found ? found.WarmUpAsync(cancellationToken) : Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
