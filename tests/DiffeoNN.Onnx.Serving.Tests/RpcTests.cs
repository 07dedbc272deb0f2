using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf;
using Grpc.Core;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The protocol over gRPC, by a client made from the same file.</summary>
public sealed class RpcTests
{
    [Test]
    public async Task Metadata_HealthAndReadiness_AreToldAsTheProtocolSays()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 3, "a3");
        await using var server = await TestServer.Start(repository.Models);
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(server.Channel);
        Assert.That((await client.ServerLiveAsync(new())).Live);
        Assert.That((await client.ServerReadyAsync(new())).Ready, Is.False);
        Assert.That((await client.ModelReadyAsync(new() { Name = "a" })).Ready, Is.False);
        await repository.Models.LoadAllAsync();

        Assert.That((await client.ServerReadyAsync(new())).Ready);
        Assert.That((await client.ModelReadyAsync(new() { Name = "a", Version = "3" })).Ready);
        Assert.That((await client.ModelReadyAsync(new() { Name = "a", Version = "4" })).Ready, Is.False);
        Assert.That((await client.ServerMetadataAsync(new())).Name, Is.EqualTo("diffeonn"));
        var model = await client.ModelMetadataAsync(new() { Name = "a" });
        Assert.That($"{model}", Is.EqualTo("""
            { "name": "a", "versions": [ "3" ], "platform": "fake",
             "inputs": [ { "name": "x", "datatype": "FP32", "shape": [ "-1", "2" ] } ],
             "outputs": [ { "name": "label", "datatype": "BYTES", "shape": [ "1" ] } ] }
            """.ReplaceLineEndings("")));
        var config = (await client.ModelConfigAsync(new() { Name = "a" })).Config;
        Assert.That((config.Input[0].DataType, config.Output[0].DataType, config.Backend),
            Is.EqualTo((Rpc.Wire.DataType.TypeFp32, Rpc.Wire.DataType.TypeString, "diffeonn")));
        Assert.That((await client.RepositoryIndexAsync(new() { Ready = true })).Models.Select(one => (one.Name, one.Version, one.State)),
            Is.EqualTo(new[] { ("a", "3", "READY") }));
    }

    [Test]
    public async Task CallsThatTogetherHoldTooMuch_AreRefusedAsBusy()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 3, "a3");
        await using var server = await TestServer.Start(repository.Models);
        await repository.Models.LoadAllAsync();
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(server.Channel);
        using var others = repository.Models.Bodies.Open();
        others.Hold(new ServingOptions().BodyBytes - 10);
        var error = await Assert.ThrowsAsync<RpcException>(
            async () => await client.ModelInferAsync(new() { ModelName = "a", Id = "a longer id" }));
        Assert.That(error!.StatusCode, Is.EqualTo(StatusCode.ResourceExhausted));
        Assert.That(error.Status.Detail, Is.EqualTo("Requests of 1024 MB are read or answered, of 1024 MB that may; try again."));
        others.Dispose();
        await Assert.ThrowsAsync<RpcException>(async () => await client.ModelInferAsync(new() { ModelName = "none", Id = "a longer id" }));
        Assert.That(repository.Models.Bodies.Held, Is.Zero);
    }

    [Test]
    public async Task Infer_TakesTypedAndRawContents_AndCounts()
    {
        await using var served = await PlainServer.Start();
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(served.Server.Channel);
        var typed = Request([1, 2], [3, 5]);
        var raw = Request([], []);
        foreach (var input in raw.Inputs) input.Contents = null;
        raw.RawInputContents.Add(Raw([1, 2]));
        raw.RawInputContents.Add(Raw([3, 5]));
        raw.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "difference" });

        var all = await client.ModelInferAsync(typed);
        var one = await client.ModelInferAsync(raw);

        Assert.That((all.ModelName, all.ModelVersion, all.Id), Is.EqualTo(("plain", "1", "7")));
        Assert.That(all.Outputs.Select(output => $"{output.Name} {output.Datatype} {string.Join('x', output.Shape)}"),
            Is.EqualTo(new[] { "sum FP32 1x2", "difference FP32 1x2" }));
        Assert.That(all.RawOutputContents, Is.EqualTo(new[] { Raw([4, 7]), Raw([-2, -3]) }));
        Assert.That(one.RawOutputContents, Is.EqualTo(new[] { Raw([-2, -3]) }));
        var statistics = (await client.ModelStatisticsAsync(new() { Name = "plain" })).ModelStats.Single();
        Assert.That((statistics.InferenceCount, statistics.InferenceStats.Success.Count), Is.EqualTo((2, 2)));
    }

    [Test]
    public async Task Errors_HaveTheirStatus()
    {
        await using var served = await PlainServer.Start();
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(served.Server.Channel);
        await Fails(request => request.ModelName = "nobody", StatusCode.NotFound, "There is no model 'nobody'.");
        await Fails(request => request.Inputs.Clear(), StatusCode.InvalidArgument, "The request has no inputs; one at least is needed.");
        await Fails(request => request.Inputs[0].Contents.Fp32Contents.Add(1), StatusCode.InvalidArgument,
            "Input 'a' has 3 elements in fp32_contents; shape [1,2] needs 2.");
        await Fails(request => request.Inputs[0].Contents.IntContents.Add(1), StatusCode.InvalidArgument,
            "Input 'a' is FP32 and has contents of another type beside fp32_contents.");
        await Fails(request => request.Inputs[0].Datatype = "FP16", StatusCode.InvalidArgument,
            "Input 'a' is FP16, which has no typed contents; send raw_input_contents.");
        await Fails(request => request.Inputs[0].Datatype = "FP8", StatusCode.InvalidArgument, "'datatype' is 'FP8'");
        await Fails(request => request.RawInputContents.Add(Raw([1])), StatusCode.InvalidArgument,
            "The request has 1 raw_input_contents for 2 inputs; expected one an input, or none.");
        await Fails(request => request.RawInputContents.AddRange([Raw([1]), Raw([1])]), StatusCode.InvalidArgument,
            "Input 'a' has contents beside the request's raw_input_contents; expected one of them.");
        await Fails(request => request.Inputs[0].Shape[0] = -1, StatusCode.InvalidArgument, "each dimension is at least 0");
        await Fails(request => request.Inputs[0].Shape[0] = long.MaxValue, StatusCode.ResourceExhausted, "more elements than any machine");
        await Fails(request => request.Inputs[1].Name = "a", StatusCode.InvalidArgument, "The request has two inputs 'a'.");
        await Fails(request => request.Parameters["steps"] = new InferParameter { Int64Param = 1 }, StatusCode.InvalidArgument,
            "There is no parameter 'steps'.");
        Assert.That(async () => await client.RepositoryModelLoadAsync(new() { ModelName = "plain" }),
            Throws.TypeOf<RpcException>().With.Property("StatusCode").EqualTo(StatusCode.PermissionDenied));

        async Task Fails(Action<ModelInferRequest> change, StatusCode status, string message)
        {
            var request = Request([1, 2], [3, 5]);
            change(request);
            var error = (await Assert.ThrowsAsync<RpcException>(async () => await client.ModelInferAsync(request)))!;
            Assert.That(error.StatusCode, Is.EqualTo(status), error.Status.Detail);
            Assert.That(error.Status.Detail, Does.Contain(message));
        }
    }

    [TestCase("FFFFFFFF", "no field")]
    [TestCase("0AFFFFFFFF0F", "longer than it is")]
    [TestCase("2A0708FFFFFFFFFF", "cut within an input")]
    public async Task AMessageThatCannotBeRead_IsTheSendersFault(string bytes, string why)
    {
        await using var served = await PlainServer.Start();
        var raw = Marshallers.Create<byte[]>(message => message, message => message);
        const string inference = "inference.GRPCInferenceService";
        foreach (var (service, call) in ((string, string)[])[(inference, "ModelInfer"), ("grpc.health.v1.Health", "Check")])
        {
            var method = new Method<byte[], byte[]>(MethodType.Unary, service, call, raw, raw);
            var error = (await Assert.ThrowsAsync<RpcException>(async () => await served.Server.Channel.CreateCallInvoker()
                .AsyncUnaryCall(method, null, default, Convert.FromHexString(bytes))))!;
            Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.InvalidArgument,
                "The message cannot be read: it is damaged, or of another kind than the call takes.")), $"{call}: {why}");
        }

        var stream = new Method<byte[], byte[]>(MethodType.DuplexStreaming, inference, "ModelStreamInfer", raw, raw);
        using var calling = served.Server.Channel.CreateCallInvoker().AsyncDuplexStreamingCall(stream, null, default);
        await calling.RequestStream.WriteAsync(Convert.FromHexString(bytes));
        Assert.That(async () => await calling.ResponseStream.MoveNext(default),
            Throws.TypeOf<RpcException>().With.Property("StatusCode").EqualTo(StatusCode.InvalidArgument));
    }

    [Test]
    public async Task Health_IsToldByGrpcsOwnProtocol_AsTheServerIsReady()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 3, "a3");
        await using var server = await TestServer.Start(repository.Models);
        var client = new Health.HealthClient(server.Channel);
        using var watching = client.Watch(new() { Service = "" });
        Assert.That(await watching.ResponseStream.MoveNext(default));
        Assert.That(watching.ResponseStream.Current.Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.NotServing));
        Assert.That((await client.CheckAsync(new())).Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.NotServing));
        await repository.Models.LoadAllAsync();

        foreach (var service in (string[])["", "inference.GRPCInferenceService"])
        {
            Assert.That((await client.CheckAsync(new() { Service = service })).Status,
                Is.EqualTo(HealthCheckResponse.Types.ServingStatus.Serving));
        }

        Assert.That(await watching.ResponseStream.MoveNext(default));
        Assert.That(watching.ResponseStream.Current.Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.Serving));
        var error = (await Assert.ThrowsAsync<RpcException>(async () => await client.CheckAsync(new() { Service = "nobody" })))!;
        Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.NotFound,
            "There is no service 'nobody'; expected none, or inference.GRPCInferenceService or grpc.health.v1.Health.")));
        using var nobody = client.Watch(new() { Service = "nobody" });
        Assert.That(await nobody.ResponseStream.MoveNext(default));
        Assert.That(nobody.ResponseStream.Current.Status, Is.EqualTo(HealthCheckResponse.Types.ServingStatus.ServiceUnknown));
    }

    [Test]
    public async Task Streams_AnswerEachRequest_AlsoThoseThatFail()
    {
        await using var served = await PlainServer.Start();
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(served.Server.Channel);
        using var stream = client.ModelStreamInfer();
        var wrong = Request([1], [2]);
        wrong.Id = "8";
        await stream.RequestStream.WriteAsync(Request([1, 2], [3, 5]));
        await stream.RequestStream.WriteAsync(wrong);
        await stream.RequestStream.WriteAsync(Request([0, 0], [1, 1]));
        await stream.RequestStream.CompleteAsync();
        var answers = new List<ModelStreamInferResponse>();
        await foreach (var answer in stream.ResponseStream.ReadAllAsync()) answers.Add(answer);
        Assert.That(answers.Select(answer => (answer.ErrorMessage.Length > 0, answer.InferResponse.Id)),
            Is.EqualTo(new[] { (false, "7"), (true, "8"), (false, "7") }));
        Assert.That(answers[2].InferResponse.RawOutputContents[0], Is.EqualTo(Raw([1, 1])));
    }

    [Test]
    public async Task Errors_NameTheModelThatWasAsked()
    {
        await using var served = await PlainServer.Start();
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(served.Server.Channel);
        var request = Request([1, 2], [3, 5]);
        request.Outputs.Clear();
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = "mask" });
        var error = (await Assert.ThrowsAsync<RpcException>(async () => await client.ModelInferAsync(request)))!;
        Assert.That(error.Status.Detail, Does.StartWith("Model 'plain' has no output 'mask'."));
        request.ModelName = "";
        error = (await Assert.ThrowsAsync<RpcException>(async () => await client.ModelInferAsync(request)))!;
        Assert.That((error.StatusCode, error.Status.Detail), Is.EqualTo((StatusCode.NotFound, "The request names no model.")));
    }

    [Test]
    public async Task Administration_WhereAllowed_LoadsAndUnloads()
    {
        await using var repository = new FakeRepository();
        repository.Write("a", 1, "a1");
        repository.Write("a", 2, "a2");
        await using var server = await TestServer.Start(repository.Models, new ServingOptions { AllowsAdministration = true });
        var client = new GRPCInferenceService.GRPCInferenceServiceClient(server.Channel);
        var load = new RepositoryModelLoadRequest { ModelName = "a" };
        load.Parameters["version"] = new ModelRepositoryParameter { StringParam = "1" };
        await client.RepositoryModelLoadAsync(load);
        Assert.That((await client.ModelReadyAsync(new() { Name = "a", Version = "1" })).Ready);
        await client.RepositoryModelUnloadAsync(new() { ModelName = "a" });
        Assert.That((await client.ModelReadyAsync(new() { Name = "a" })).Ready, Is.False);
    }

    private static ModelInferRequest Request(float[] a, float[] b)
    {
        var request = new ModelInferRequest { ModelName = "plain", Id = "7" };
        foreach (var (name, values) in ((string, float[])[])[("a", a), ("b", b)])
        {
            request.Inputs.Add(new ModelInferRequest.Types.InferInputTensor
            {
                Name = name, Datatype = "FP32", Shape = { 1, 2 }, Contents = new InferTensorContents { Fp32Contents = { values } },
            });
        }

        return request;
    }

    private static ByteString Raw(float[] values) =>
        ByteString.CopyFrom(InferenceTensor.Of<float>("", [values.Length], values).ToRaw().Span);
}
