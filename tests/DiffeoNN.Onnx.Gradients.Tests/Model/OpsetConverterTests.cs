namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>A converted model computes what the original does.</summary>
public sealed class OpsetConverterTests
{
    /// <summary>Operators that the runtime has no kernels of version 22 for.</summary>
    private static readonly string[] Older = ["GlobalLpPool", "RoiAlign", "MaxRoiPool"];

    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (var row in Rules.RuleCases.All.Where(c => c.Opsets.Min() <= 18))
            yield return new TestCaseData(row, row.Opsets.Min()).SetArgDisplayNames($"{row}", $"{row.Opsets.Min()}");
    }

    [TestCaseSource(nameof(Cases))]
    public void Convert_ToNewerVersions_KeepsTheResult(object row, int from)
    {
        var test = (Rules.RuleCase)row;
        var (model, inputs) = (test.Model(from), test.Inputs(1));
        using var original = new Runner(model);
        var expected = original.Run(inputs);
        foreach (var to in new[] { 18, Older.Contains(test.OpType) ? 21 : 22 })
        {
            using var converted = new Runner(OpsetConverter.Convert(model, to));
            var actual = converted.Run(inputs);
            foreach (var (name, tensor) in expected)
                GradientCheck.AreClose(actual[name].ToDoubleArray(), tensor.ToDoubleArray(), 1e-5, $"{test} {from} to {to}, {name}");
        }
    }

    [Test]
    public void Convert_LeavesInnerGraphsOfTheOriginalAsTheyAre()
    {
        var model = new OnnxModel { IrVersion = 6, OpsetImports = { [""] = 11 } };
        model.Graph.Inputs.Add(new OnnxValueInfo("condition", OnnxElementType.Bool, []));
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2, 1]));
        OnnxAttribute Branch(string name, long axis)
        {
            var graph = new OnnxGraph { Name = name };
            graph.AddNode("Squeeze", ["x"], $"{name}/y", OnnxAttribute.Of("axes", [axis]));
            graph.Outputs.Add(new OnnxValueInfo($"{name}/y", OnnxElementType.Float, null));
            return OnnxAttribute.Of(name, graph);
        }

        model.Graph.AddNode("If", ["condition"], "y", Branch("then_branch", 1), Branch("else_branch", -1));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        var before = model.ToBytes();
        OpsetConverter.Convert(model, 18);
        Assert.That(model.ToBytes(), Is.EqualTo(before));
    }
}
