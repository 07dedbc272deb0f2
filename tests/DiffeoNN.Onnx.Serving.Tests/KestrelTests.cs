using System.Net;
using DiffeoNN.Onnx.Serving.Http;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Over the network: two ports of this machine, one for HTTP and one for gRPC.</summary>
public sealed class KestrelTests
{
    [Test]
    public async Task OurLimitOfBodies_CountsAndNotTheWebServers_OverBothProtocols()
    {
        const int megabyte = 1 << 20;
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        await repository.Models.LoadAllAsync();
        var options = new ServingOptions { Limits = new ProtocolLimits { Bytes = 35 * megabyte } };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http1);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = HttpProtocols.Http2);
        });
        builder.Services.AddInferenceRpc(repository.Models, options);
        await using var application = builder.Build();
        application.MapInferenceHttp(repository.Models, options);
        application.MapInferenceRpc();
        await application.StartAsync();
        string[] addresses = [.. application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses];

        using var http = new HttpClient { BaseAddress = new Uri(addresses[0]) };
        // Kestrel's own limit is 30 million bytes.
        Assert.That(await Post(32 * megabyte), Does.StartWith("400 {\"error\":\"The body is no JSON"));
        Assert.That(await Post(36 * megabyte), Does.StartWith("413 {\"error\":\"The body has 37748736 bytes"));
        Assert.That(await http.GetStringAsync(new Uri("v2/health/ready", UriKind.Relative)), Is.EqualTo("{\"ready\":true}"));
        using var channel = GrpcChannel.ForAddress(addresses[1]);
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(channel);
        Assert.That((await client.ServerReadyAsync(new())).Ready);
        var request = new ModelInferRequest { ModelName = "a" };
        request.Inputs.Add(new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "UINT8", Shape = { 32 * megabyte } });
        request.RawInputContents.Add(Google.Protobuf.ByteString.CopyFrom(new byte[32 * megabyte]));
        var answer = await client.ModelInferAsync(request);
        Assert.That(answer.RawOutputContents.Single().ToByteArray(), Is.EqualTo(new byte[] { 2, 0, 0, 0, (byte)'a', (byte)'1' }));
        request.RawInputContents[0] = Google.Protobuf.ByteString.CopyFrom(new byte[36 * megabyte]);
        Assert.That(async () => await client.ModelInferAsync(request),
            Throws.TypeOf<RpcException>().With.Property("StatusCode").EqualTo(StatusCode.ResourceExhausted));

        async Task<string> Post(int bytes)
        {
            using var content = new ByteArrayContent(new byte[bytes]);
            using var response = await http.PostAsync(new Uri("v2/models/a/infer", UriKind.Relative), content);
            return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}";
        }
    }
}
