using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>ONNX files as they are.</summary>
public sealed class PlainModelTests
{
    private static readonly ServingOptions Cpu = new() { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 } };

    [Test]
    public async Task Infer_OfEachType_GivesWhatWasSent()
    {
        InferenceTensor[] tensors =
        [
            InferenceTensor.Of<bool>("Bool", [2], [true, false]), InferenceTensor.Of<byte>("UInt8", [2], [0, 255]),
            InferenceTensor.Of<ushort>("UInt16", [2], [1, 65535]), InferenceTensor.Of<uint>("UInt32", [2], [1, uint.MaxValue]),
            InferenceTensor.Of<ulong>("UInt64", [2], [1, ulong.MaxValue]), InferenceTensor.Of<sbyte>("Int8", [2], [-128, 127]),
            InferenceTensor.Of<short>("Int16", [2], [-2, 2]), InferenceTensor.Of<int>("Int32", [2], [-2, 2]),
            InferenceTensor.Of<long>("Int64", [2], [long.MinValue, 2]), InferenceTensor.Of<Half>("Float16", [2], [(Half)0.1, (Half)(-2)]),
            InferenceTensor.Of<float>("Float", [2], [0.1f, float.NaN]), InferenceTensor.Of<double>("Double", [2], [0.1, -0.0]),
            InferenceTensor.OfTexts("String", [2], ["ä", ""]), InferenceTensor.Of<float>("Float", [0], []),
        ];
        foreach (var tensor in tensors)
        {
            using var folder = new TemporaryFolder();
            Identity(Enum.Parse<OnnxElementType>(tensor.Name)).Save(folder["m.onnx"]);
            await using var model = PlainModel.Load(folder["m.onnx"], Cpu);
            Assert.That(model.Metadata.Inputs.Select(input => input.ToString()), Is.EqualTo(new[] { $"'x' {tensor.Type.Word()} [-1]" }));
            var sent = tensor.Type == DataType.Bytes
                ? InferenceTensor.OfStrings("x", tensor.Shape, tensor.Strings)
                : InferenceTensor.OfRaw("x", tensor.Type, tensor.Shape, tensor.Data);

            var response = await model.InferAsync(new InferenceRequest { Inputs = [sent] });

            Assert.That(response.Outputs.Select(output => (output.Name, output.Type)), Is.EqualTo(new[] { ("y", sent.Type) }));
            Assert.That(response.Outputs[0].Shape, Is.EqualTo(sent.Shape));
            Assert.That(response.Outputs[0].ToRaw().ToArray(), Is.EqualTo(sent.ToRaw().ToArray()), tensor.Name);
        }
    }

    [Test]
    public async Task Infer_TakesOutputsInTheOrderAsked_AndCountsRows()
    {
        using var folder = new TemporaryFolder();
        SumAndDifference().Save(folder["m.onnx"]);
        await using var model = PlainModel.Load(folder["m.onnx"], Cpu);
        Assert.That((model.Metadata.Platform, string.Join(' ', model.Metadata.Outputs)),
            Is.EqualTo(("onnxruntime_onnx", "'sum' FP32 [-1,2] 'difference' FP32 [-1,2]")));
        var request = new InferenceRequest { Inputs = [Input("b", 1, 2, 3, 4), Input("a", 5, 6, 7, 8)] };

        var all = await model.InferAsync(request);
        var some = await model.InferAsync(request with { Outputs = [new RequestedOutput("difference")] });

        Assert.That(all.Outputs.Select(output => output.Name), Is.EqualTo(new[] { "sum", "difference" }));
        Assert.That(all.Outputs[0].As<float>().ToArray(), Is.EqualTo(new float[] { 6, 8, 10, 12 }));
        Assert.That(some.Outputs.Single().As<float>().ToArray(), Is.EqualTo(new float[] { 4, 4, 4, 4 }));
        Assert.That(all.Images, Is.EqualTo(2));
    }

    [Test]
    public async Task Infer_OfWhatTheModelDoesNotTake_SaysWhatItTakes()
    {
        using var folder = new TemporaryFolder();
        SumAndDifference().Save(folder["m.onnx"]);
        await using var model = PlainModel.Load(folder["m.onnx"], Cpu);
        var (a, b) = (Input("a", 1, 2), Input("b", 1, 2));
        (InferenceRequest Request, string Message)[] wrong =
        [
            (new() { Inputs = [a] }, "The request lacks the inputs 'b' FP32 [-1,2]."),
            (new() { Inputs = [a, Input("c", 1, 2)] }, "has no input 'c'. Inputs: 'a' FP32 [-1,2], 'b' FP32 [-1,2]."),
            (new() { Inputs = [a, InferenceTensor.Of<float>("b", [2], [1, 2])] }, "was sent 'b' FP32 [2]; it takes 'b' FP32 [-1,2]"),
            (new() { Inputs = [a, InferenceTensor.Of<double>("b", [1, 2], [1, 2])] }, "was sent 'b' FP64 [1,2]; it takes 'b' FP32 [-1,2]"),
            (new() { Inputs = [a, b], Outputs = [new RequestedOutput("sun")] }, "has no output 'sun'. Outputs: 'sum' FP32"),
            (new() { Inputs = [a, b], Parameters = new RequestParameters([new("steps", 5L)]) },
                "There is no parameter 'steps'. Parameters: timeout, priority."),
            (new() { Inputs = [a, b], Parameters = new RequestParameters([new("timeout", -5L)]) },
                "Parameter 'timeout' is -5; expected a whole number from 0 on."),
            (new() { Inputs = [Input("a", 1, 2, 3, 4), Input("b", 1, 2, 3, 4, 5, 6)] }, "ONNX Runtime: "),
        ];
        foreach (var (request, message) in wrong)
            Assert.That(async () => await model.InferAsync(request), Throws.TypeOf<ProtocolException>().With.Message.Contains(message));
    }

    [Test]
    public async Task Infer_OfSizesThatDoNotGoTogether_IsTheSendersFault()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        foreach (var name in (string[])["a", "b"]) model.Graph.Inputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, ["N"]));
        model.Graph.Inputs.Add(new OnnxValueInfo("shape", OnnxElementType.Int64, ["K"]));
        model.Graph.Nodes.Add(new OnnxNode("Add", ["a", "b"], ["sum"]));
        model.Graph.Nodes.Add(new OnnxNode("Reshape", ["a", "shape"], ["reshaped"]));
        model.Graph.Nodes.Add(new OnnxNode("Expand", ["a", "shape"], ["expanded"]));
        foreach (var name in (string[])["sum", "reshaped", "expanded"])
            model.Graph.Outputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, null));
        using var folder = new TemporaryFolder();
        model.Save(folder["m.onnx"]);
        await using var plain = PlainModel.Load(folder["m.onnx"], Cpu);
        var a = InferenceTensor.Of<float>("a", [2], [1, 2]);
        foreach (var (output, length, shape) in ((string, int, long[])[])[("sum", 3, [2]), ("reshaped", 2, [5]), ("expanded", 2, [-5, 2])])
        {
            var request = new InferenceRequest
            {
                Inputs =
                [
                    a, InferenceTensor.Of<float>("b", [length], new float[length]),
                    InferenceTensor.Of<long>("shape", [shape.Length], shape),
                ],
                Outputs = [new RequestedOutput(output)],
            };
            Assert.That(async () => await plain.InferAsync(request), Throws.TypeOf<ProtocolException>()
                .With.Property("Kind").EqualTo(ErrorKind.Invalid)
                .And.Message.StartsWith("ONNX Runtime: ").And.Message.Not.Contains("onnxruntime_src"), output);
        }
    }

    [Test]
    public void Load_OfABrokenFile_IsRefused()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["m.onnx"], "no model");
        Assert.That(() => PlainModel.Load(folder["m.onnx"], Cpu), Throws.TypeOf<GraphException>().With.Message.Contains("m.onnx"));
    }

    /// <summary>sum = a + b, difference = a - b, (N, 2).</summary>
    internal static OnnxModel SumAndDifference()
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        foreach (var name in (string[])["a", "b"]) model.Graph.Inputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, ["N", 2]));
        model.Graph.Nodes.Add(new OnnxNode("Add", ["a", "b"], ["sum"]));
        model.Graph.Nodes.Add(new OnnxNode("Sub", ["a", "b"], ["difference"]));
        foreach (var name in (string[])["sum", "difference"])
            model.Graph.Outputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, ["N", 2]));
        return model;
    }

    private static OnnxModel Identity(OnnxElementType type)
    {
        var model = new OnnxModel { IrVersion = 8, OpsetImports = { [""] = 17 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", type, ["N"]));
        model.Graph.Nodes.Add(new OnnxNode("Identity", ["x"], ["y"]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", type, ["N"]));
        return model;
    }

    private static InferenceTensor Input(string name, params float[] values) =>
        InferenceTensor.Of<float>(name, [values.Length / 2, 2], values);
}
