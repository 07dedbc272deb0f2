using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A server in memory of one model, 'plain': sum and difference of two inputs.</summary>
internal sealed class PlainServer : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ModelRepository _models;

    private PlainServer(ServingOptions options)
    {
        PlainModelTests.SumAndDifference().Save(_folder["plain.onnx"]);
        _models = new ModelRepository(_folder.Path, options);
    }

    public TestServer Server { get; private set; } = null!;

    public static async Task<PlainServer> Start(ServingOptions? options = null)
    {
        options = (options ?? new ServingOptions()) with
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 },
        };
        var served = new PlainServer(options);
        await served._models.LoadAllAsync();
        served.Server = await TestServer.Start(served._models, options);
        return served;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await _models.DisposeAsync();
        _folder.Dispose();
    }
}
