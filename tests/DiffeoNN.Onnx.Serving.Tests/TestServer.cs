using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A server in memory.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _application;

    private TestServer(WebApplication application)
    {
        _application = application;
        Http = application.GetTestClient();
        Channel = GrpcChannel.ForAddress("http://localhost", new GrpcChannelOptions
        {
            HttpHandler = application.GetTestServer().CreateHandler(), MaxReceiveMessageSize = null,
        });
    }

    /// <summary>Its paths.</summary>
    public HttpClient Http { get; }

    /// <summary>Its calls.</summary>
    public GrpcChannel Channel { get; }

    /// <summary>Starts one.</summary>
    public static async Task<TestServer> Start(ModelRepository models, ServingOptions? options = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        builder.Services.AddInferenceRpc(models, options);
        var application = builder.Build();
        application.MapInferenceHttp(models, options);
        application.MapInferenceRpc();
        await application.StartAsync();
        return new TestServer(application);
    }

    /// <summary>Asks a path.</summary>
    /// <returns>The status and the body.</returns>
    public async Task<(int Status, string Body)> Get(string path)
    {
        using var response = await Http.GetAsync(new Uri(path, UriKind.Relative));
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <summary>Sends JSON, with apostrophes for quotes.</summary>
    /// <returns>The status and the body.</returns>
    public async Task<(int Status, string Body)> Post(string path, string json)
    {
        using var content = new ByteArrayContent(Requests.Json(json));
        using var response = await Http.PostAsync(new Uri(path, UriKind.Relative), content);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Channel.Dispose();
        await _application.DisposeAsync();
    }
}
