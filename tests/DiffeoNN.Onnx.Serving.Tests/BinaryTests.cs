using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Tensors in binary after the JSON, and responses.</summary>
public sealed class BinaryTests
{
    private const string Two =
        "{'inputs':[{'name':'a','shape':[2],'datatype':'INT16','parameters':{'binary_data_size':4}},"
        + "{'name':'b','shape':[1],'datatype':'UINT8','data':[9]},"
        + "{'name':'c','shape':[2],'datatype':'BYTES','parameters':{'binary_data_size':9}}]}";

    [Test]
    public void Read_OfInputsInBinaryAndJson_TakesThemInOrder()
    {
        var inputs = Requests.Read(Two, [1, 0, 2, 0, 1, 0, 0, 0, 65, 0, 0, 0, 0]).Inputs;
        Assert.That(inputs[0].As<short>().ToArray(), Is.EqualTo(new short[] { 1, 2 }));
        Assert.That(inputs[1].As<byte>().ToArray(), Is.EqualTo(new byte[] { 9 }));
        Assert.That(inputs[2].Strings.Select(text => text.ToArray()), Is.EqualTo(new[] { "A"u8.ToArray(), [] }));
    }

    [TestCase(new byte[] { 1, 0, 2 }, "Input 'a' has 4 bytes in binary; only 3 are left in the body")]
    [TestCase(new byte[] { 1, 0, 2, 0, 1, 0, 0, 0, 65, 0, 0, 0, 0, 7 },
        "The binary part has 14 bytes; the inputs' 'binary_data_size' name 13")]
    [TestCase(new byte[] { 1, 0, 2, 0, 9, 0, 0, 0, 65, 0, 0, 0, 0 }, "Tensor 'c' ends within element 0, byte 0 of 9")]
    [TestCase(new byte[] { 1, 0, 2, 0, 255, 255, 255, 255, 65, 0, 0, 0, 0 }, "Tensor 'c' ends within element 0, byte 0 of 9")]
    [TestCase(new byte[] { 1, 0, 2, 0, 5, 0, 0, 0, 65, 0, 0, 0, 0 }, "Tensor 'c' has 1 elements; shape [2] needs 2")]
    public void Read_OfABinaryPartThatDoesNotFit_SaysHow(byte[] binary, string message) =>
        Assert.That(Requests.Refused(() => Requests.Read(Two, binary)).Message, Does.Contain(message));

    [Test]
    public void Read_OfWrongSizes_IsRefused()
    {
        var json = "{'inputs':[{'name':'a','shape':[2],'datatype':'FP32','parameters':{'binary_data_size':6}}]}";
        Assert.That(Requests.Refused(() => Requests.Read(json, new byte[6])).Message,
            Is.EqualTo("Tensor 'a' has 6 bytes; FP32 of shape [2] needs 8."));
        Assert.That(Requests.Refused(() => Requests.Read(json)).Message, Does.Contain("Inference-Header-Content-Length is missing"));
        Assert.That(Requests.Refused(() => Requests.Read(json.Replace("6}", "-6}", StringComparison.Ordinal), [])).Message,
            Does.Contain("Parameter 'binary_data_size' is -6; expected a whole number from 0 on"));
        var both = json.Replace("6}}", "8},'data':[1,2]}", StringComparison.Ordinal);
        Assert.That(Requests.Refused(() => Requests.Read(both, new byte[8])).Message,
            Does.Contain("both 'data' and the parameter 'binary_data_size'"));
        foreach (var length in (long[])[-1, 3, long.MaxValue])
        {
            Assert.That(Requests.Refused(() => InferenceRequestReader.Read("{}"u8.ToArray(), length)).Message,
                Is.EqualTo($"The header Inference-Header-Content-Length says {length}; expected 0 to 2, the bytes of the body."));
        }
    }

    [Test]
    public void Read_OfATruthThatIsNeither0Nor1_IsRefused() => Assert.That(
        Requests.Refused(() => InferenceTensor.OfRaw("t", DataType.Bool, [2], new byte[] { 1, 2 })).Message,
        Is.EqualTo("Tensor 't' is BOOL and holds a byte that is neither 0 nor 1."));

    [Test]
    public void Write_OfEachType_IsReadAgain_InJsonAndInBinary()
    {
        InferenceTensor[] tensors =
        [
            InferenceTensor.Of<bool>("bool", [2], [true, false]), InferenceTensor.Of<byte>("u8", [2], [0, 255]),
            InferenceTensor.Of<ushort>("u16", [1, 2], [1, 65535]), InferenceTensor.Of<uint>("u32", [2, 1], [1, uint.MaxValue]),
            InferenceTensor.Of<ulong>("u64", [2], [1, ulong.MaxValue]), InferenceTensor.Of<sbyte>("i8", [2], [-128, 127]),
            InferenceTensor.Of<short>("i16", [2], [-2, 2]), InferenceTensor.Of<int>("i32", [2], [-2, 2]),
            InferenceTensor.Of<long>("i64", [2], [long.MinValue, 2]), InferenceTensor.Of<Half>("f16", [2], [(Half)0.1, (Half)(-2)]),
            InferenceTensor.Of<float>("f32", [2], [0.1f, 1e-45f]), InferenceTensor.Of<double>("f64", [2], [0.1, double.Epsilon]),
            InferenceTensor.OfTexts("bytes", [2], ["ä\"\n", ""]), InferenceTensor.Of<float>("none", [0, 3], []),
        ];
        foreach (var binary in (bool[])[false, true])
        {
            var asked = new InferenceRequest { BinaryOutput = binary, Outputs = [new RequestedOutput("u8") { Binary = !binary }] };
            var (body, length) = Write(new InferenceResponse { Model = "m", Version = "2", Id = "i", Outputs = tensors }, asked);
            var json = JsonNode.Parse(body.AsSpan(0, length ?? body.Length))!.AsObject();
            Assert.That(((string)json["model_name"]!, (string)json["model_version"]!, (string)json["id"]!), Is.EqualTo(("m", "2", "i")));
            foreach (var output in json["outputs"]!.AsArray())
                Assert.That(output!["data"] is null, Is.EqualTo(((string)output["name"]! == "u8") != binary));

            // What a response has for outputs, a request has for inputs.
            var head = Encoding.UTF8.GetBytes(new JsonObject { ["inputs"] = json["outputs"]!.DeepClone() }.ToJsonString());
            var read = InferenceRequestReader.Read((byte[])[.. head, .. body.AsSpan(length ?? body.Length)], head.Length).Inputs;
            Assert.That(read.Select(tensor => tensor.ToString()), Is.EqualTo(tensors.Select(tensor => tensor.ToString())));
            Assert.That(read.Select(tensor => tensor.ToRaw().ToArray()), Is.EqualTo(tensors.Select(tensor => tensor.ToRaw().ToArray())));
        }
    }

    [Test]
    public void Write_OfNumbersThatAreNotFinite_IsNullInJson_AndKeptInBinary()
    {
        var response = new InferenceResponse { Outputs = [InferenceTensor.Of<float>("y", [2], [float.NaN, float.NegativeInfinity])] };
        var (body, _) = Write(response, new InferenceRequest());
        Assert.That(Encoding.UTF8.GetString(body), Does.EndWith("\"data\":[null,null]}]}"));
        (body, var length) = Write(response, new InferenceRequest { BinaryOutput = true });
        Assert.That(body[length!.Value..], Is.EqualTo(response.Outputs[0].Data.ToArray()));
    }

    [Test]
    public void Write_OfBytesThatAreNoText_AsksForBinary()
    {
        var response = new InferenceResponse { Outputs = [InferenceTensor.OfStrings("y", [1], [new byte[] { 0xFF }])] };
        Assert.That(Requests.Refused(() => Write(response, new InferenceRequest())).Message,
            Is.EqualTo("Output 'y' holds bytes that are no text; ask for it with binary_data true."));
    }

    [Test]
    public void Kinds_HaveStatuses() => Assert.That(
        Enum.GetValues<ErrorKind>().Select(kind => (kind.ToHttp(), kind.ToGrpc())),
        Is.EqualTo(new[] { (400, 3), (404, 5), (401, 16), (403, 7), (413, 8), (501, 12), (503, 14), (503, 8), (504, 4), (500, 13) }));

    private static (byte[] Body, int? Length) Write(InferenceResponse response, InferenceRequest request)
    {
        var body = new ArrayBufferWriter<byte>();
        var length = InferenceResponseWriter.Write(response, request, body);
        return (body.WrittenSpan.ToArray(), length);
    }
}
