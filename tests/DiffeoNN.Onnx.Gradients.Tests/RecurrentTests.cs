using DiffeoNN.Onnx.Gradients.Tests.Published;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>Recurrent layers against a slow, obvious reference in double precision:
/// the runtime has their kernels in float32 only.</summary>
public sealed class RecurrentTests
{
    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>All outputs H_t of the forward direction with the default activations, [T, N, H] flat.</summary>
    private static double[] Run(OnnxNode node, Dictionary<string, OnnxTensor> inputs, string moved, double[] with)
    {
        double[]? Read(int i) => node.Input(i).Length == 0 ? null : node.Inputs[i] == moved ? with : inputs[node.Inputs[i]].ToDoubleArray();
        var shape = inputs[node.Inputs[0]].Dimensions;
        var (steps, batch, size) = ((int)shape[0], (int)shape[1], (int)shape[2]);
        var hidden = (int)node.GetInt("hidden_size", 0);
        var gates = node.OpType == "RNN" ? 1 : node.OpType == "GRU" ? 3 : 4;
        var (x, w, r, b, p) = (Read(0)!, Read(1)!, Read(2)!, Read(3), Read(7));
        var (h, c) = (Read(5) ?? new double[batch * hidden], Read(6) ?? new double[batch * hidden]);
        List<double> y = [];
        for (var t = 0; t < steps; t++)
        {
            var (nextH, nextC) = (new double[batch * hidden], new double[batch * hidden]);
            for (var n = 0; n < batch; n++)
            {
                double Product(double[] matrix, int row, int width, Func<int, double> vector) =>
                    Enumerable.Range(0, width).Sum(i => matrix[(row * width) + i] * vector(i));
                double Input(int gate, int j) =>
                    Product(w, (gate * hidden) + j, size, i => x[(((t * batch) + n) * size) + i]) + (b?[(gate * hidden) + j] ?? 0);
                double State(int gate, int j, Func<int, double>? scale = null) =>
                    Product(r, (gate * hidden) + j, hidden, i => h[(n * hidden) + i] * (scale?.Invoke(i) ?? 1))
                        + (b?[((gates + gate) * hidden) + j] ?? 0);
                double Gate(int gate, int j) => Input(gate, j) + State(gate, j);
                for (var j = 0; j < hidden; j++)
                {
                    var at = (n * hidden) + j;
                    switch (node.OpType)
                    {
                        case "RNN":
                            nextH[at] = Math.Tanh(Gate(0, j));
                            break;
                        case "GRU":
                            var z = Sigmoid(Gate(0, j));
                            var candidate = node.GetInt("linear_before_reset", 0) != 0
                                ? Input(2, j) + (Sigmoid(Gate(1, j)) * State(2, j))
                                : Input(2, j) + State(2, j, i => Sigmoid(Gate(1, i)));
                            nextH[at] = ((1 - z) * Math.Tanh(candidate)) + (z * h[at]);
                            break;
                        default:
                            double Peephole(int gate, double cell) => p is null ? 0 : p[(gate * hidden) + j] * cell;
                            nextC[at] = (Sigmoid(Gate(2, j) + Peephole(2, c[at])) * c[at])
                                + (Sigmoid(Gate(0, j) + Peephole(0, c[at])) * Math.Tanh(Gate(3, j)));
                            nextH[at] = Sigmoid(Gate(1, j) + Peephole(1, nextC[at])) * Math.Tanh(nextC[at]);
                            break;
                    }
                }
            }

            (h, c) = (nextH, nextC);
            y.AddRange(h);
        }

        return [.. y];
    }

    private static IEnumerable<TestCaseData> Cases() => Repository.TryShared("onnx-cases") is { } folder
        ? OperatorCase.Read(folder).Where(c => c.Path.Contains("_rnn_") || c.Path.Contains("_gru_") || c.Path.Contains("_lstm_"))
            .Select(c => new TestCaseData(c).SetArgDisplayNames(c.Path))
        : [];

    /// <summary>The published cases, many of them saturated: differences in float32 would be noise.</summary>
    [TestCaseSource(nameof(Cases))]
    public void PublishedCase_AgreesWithTheReference(object row)
    {
        var folder = Path.Combine(Repository.Shared("onnx-cases"), ((OperatorCase)row).Path);
        var model = OnnxModel.Load(Path.Combine(folder, "model.onnx"));
        var inputs = model.Graph.Inputs
            .Select((input, i) => OnnxTensor.LoadPb(Path.Combine(folder, "test_data_set_0", $"input_{i}.pb")).WithName(input.Name))
            .ToDictionary(t => t.Name);
        Check(model, inputs, 2e-3);
    }

    private static OnnxModel Layer(string op, int gates, bool batchFirst)
    {
        var model = new OnnxModel { OpsetImports = { [""] = 17 } };
        OnnxDimension[] shape = batchFirst ? ["N", "T", 3] : ["T", "N", 3];
        model.Graph.Inputs.AddRange([new("x", OnnxElementType.Float, shape), new("w", OnnxElementType.Float, [1, 2 * gates, 3]),
            new("r", OnnxElementType.Float, [1, 2 * gates, 2])]);
        model.Graph.Nodes.Add(new OnnxNode(op, ["x", "w", "r"], ["y", "h"], OnnxAttribute.Of("hidden_size", 2)) { Name = "layer" });
        if (batchFirst)
            model.Graph.Nodes[0].With(OnnxAttribute.Of("layout", 1));
        model.Graph.Outputs.AddRange([new("y", OnnxElementType.Float, null), new("h", OnnxElementType.Float, null)]);
        return model;
    }

    private static OnnxTensor Numbers(string name, params long[] shape)
    {
        var random = new Random(name[0]);
        return OnnxTensor.FromDoubles(name, OnnxElementType.Float, shape,
            [.. Enumerable.Range(0, (int)shape.Aggregate((a, b) => a * b)).Select(_ => (random.NextDouble() * 2) - 1)]);
    }

    /// <summary>[N, T, ...] from [T, N, ...].</summary>
    private static OnnxTensor Exchanged(OnnxTensor tensor) =>
        TensorTransforms.Transpose(tensor, [1, 0, .. Enumerable.Range(2, tensor.Dimensions.Count - 2)]).WithName(tensor.Name);

    [TestCase("RNN", 1)]
    [TestCase("GRU", 3)]
    [TestCase("LSTM", 4)]
    public void BatchFirst_IsRewritten_SoThatItRuns(string op, int gates)
    {
        var inputs = new Dictionary<string, OnnxTensor>
        {
            ["x"] = Numbers("x", 5, 2, 3),
            ["w"] = Numbers("w", 1, 2 * gates, 3),
            ["r"] = Numbers("r", 1, 2 * gates, 2),
        };
        var upstream = new Dictionary<string, OnnxTensor> { ["y"] = Numbers("y", 5, 1, 2, 2), ["h"] = Numbers("h", 1, 2, 2) };
        var expected = GradientCheck.Gradients(GradientCompiler.Compile(Layer(op, gates, batchFirst: false)), inputs, upstream);
        inputs["x"] = Exchanged(inputs["x"]);
        // Y [T, 1, N, H] is [N, T, 1, H] here.
        upstream["y"] = TensorTransforms.Transpose(upstream["y"], [2, 0, 1, 3]).WithName("y");
        upstream["h"] = Exchanged(upstream["h"]);
        var actual = GradientCheck.Gradients(GradientCompiler.Compile(Layer(op, gates, batchFirst: true)), inputs, upstream);
        Assert.That(actual["x"].ToDoubleArray(), Is.EqualTo(Exchanged(expected["x"]).ToDoubleArray()).Within(1e-6));
        Assert.That(actual["w"].ToDoubleArray(), Is.EqualTo(expected["w"].ToDoubleArray()).Within(1e-6));
    }

    [Test]
    public void ForwardKernel_IsKept_AndLastStateNeedsNoOtherOutputNamed()
    {
        var model = Layer("LSTM", 4, batchFirst: false);
        model.Graph.Nodes[0].Outputs[0] = "";
        model.Graph.Outputs.RemoveAt(0);
        var gradient = GradientCompiler.Compile(model);
        Assert.That(gradient.Graph.Nodes.Count(n => n.OpType == "LSTM"), Is.EqualTo(1));
        Assert.That(gradient.Graph.Nodes.Count(n => n.OpType == "Scan"), Is.EqualTo(2), "cell states, and the way back");
        Assert.That(model.Graph.Nodes[0].Outputs[0], Is.Empty, "the model is left alone");
    }

    [Test]
    public void Activation_WithoutTheParameterItNeeds_IsRefused()
    {
        var model = Layer("RNN", 1, batchFirst: false);
        model.Graph.Nodes[0].With(OnnxAttribute.Of("activations", ["Affine"]));
        Assert.That(() => GradientCompiler.Compile(model),
            Throws.TypeOf<UnsupportedOperatorException>().With.Message.Contains("activation 'affine' needs activation_alpha"));
    }

    private static void Check(OnnxModel model, Dictionary<string, OnnxTensor> inputs, double tolerance)
    {
        var node = model.Graph.Nodes.Single();
        var named = node.Outputs[0].Length > 0;
        var options = new GradientOptions { Outputs = [named ? node.Outputs[0] : node.Outputs[1]] };
        var gradient = GradientCompiler.Compile(model, options);
        using var forward = new Runner(model, optimise: false);
        var upstream = GradientCheck.Upstream(forward.Run(inputs), options.Outputs!, new Random(5));
        var seeds = upstream.Values.Single().ToDoubleArray();
        var actual = GradientCheck.Gradients(gradient, inputs, upstream);
        foreach (var (name, found) in actual)
        {
            var numbers = inputs[name].ToDoubleArray();
            double At(int i, double offset)
            {
                var moved = (double[])numbers.Clone();
                moved[i] += offset;
                return Run(node, inputs, name, moved)[^seeds.Length..].Zip(seeds, (a, b) => a * b).Sum();
            }

            double[] expected = [.. Enumerable.Range(0, numbers.Length).Select(i => (At(i, 1e-5) - At(i, -1e-5)) / 2e-5)];
            GradientCheck.AreClose(found.ToDoubleArray(), expected, tolerance, name);
        }
    }
}
