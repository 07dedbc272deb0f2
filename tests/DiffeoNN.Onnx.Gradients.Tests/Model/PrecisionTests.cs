using DiffeoNN.Onnx.Gradients.Tests.Rules;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests.Model;

/// <summary>Every rule in graphs of float16, bfloat16 and float64.</summary>
[Parallelizable(ParallelScope.Children)]
public sealed class PrecisionTests
{
    private const int Seed = 20240608;

    /// <summary>The operator set from which nearly all operators take bfloat16.</summary>
    private const int TypesOpset = 22;

    /// <summary>Of the largest element: the steps between numbers of float16 are a thousandth.</summary>
    private const double HalfTolerance = 2e-2;

    private static readonly OnnxElementType[] Types = [OnnxElementType.Float16, OnnxElementType.BFloat16, OnnxElementType.Double];

    private static IEnumerable<TestCaseData> Cases() =>
        from type in Types
        from rows in RuleCases.All.GroupBy(r => (r.Domain, r.OpType))
        select new TestCaseData(rows.ToArray(), type).SetArgDisplayNames($"{rows.Key.Domain} {rows.Key.OpType}".Trim(), $"{type}");

    /// <summary>What the runtime says against the types of a model; null where it accepts them,
    /// whether or not it has the kernels.</summary>
    private static string? Complaint(OnnxModel model, out Runner? runner)
    {
        try
        {
            runner = new Runner(model, optimise: false);
            return null;
        }
        catch (OnnxRuntimeException e)
        {
            runner = null;
            return e.Message.StartsWith("[ErrorCode:NotImplemented]", StringComparison.Ordinal) ? null : e.Message;
        }
    }

    /// <summary>The row in the type, at an operator set where its operator takes it; null where none does.</summary>
    private static OnnxModel? Typed(RuleCase row, int opset, OnnxElementType type, out Runner? forward)
    {
        foreach (var version in new[] { opset, Math.Max(opset, TypesOpset) })
        {
            var model = Precision.Of(OpsetConverter.Convert(row.Model(opset), version), type);
            var emitted = OpsetConverter.Convert(model, Math.Max(GradientCompiler.MinimumOpset, version));
            var facts = ShapeInference.Infer(emitted);
            foreach (var graph in new[] { model.Graph, emitted.Graph })
            {
                for (var i = 0; i < graph.Outputs.Count; i++)
                    graph.Outputs[i] = graph.Outputs[i] with { ElementType = facts[graph.Outputs[i].Name].ElementType };
            }

            if (Complaint(emitted, out forward) is null)
                return model;
        }

        forward = null;
        return null;
    }

    [TestCaseSource(nameof(Cases))]
    public void Gradient_IsInTheTypeOfTheGraph(object rows, object elementType)
    {
        var type = (OnnxElementType)elementType;
        var forms = 0;
        Assert.Multiple(() =>
        {
            foreach (var row in (RuleCase[])rows)
            {
                foreach (var opset in row.Opsets.Where((_, i) => i == 0 || i == row.Opsets.Length - 1))
                    forms += Check(row, opset, type) ? 1 : 0;
            }
        });
        if (forms == 0)
            Assert.Ignore($"The operator does not take {type}.");
    }

    /// <summary>Checks one form; false where its operator does not take the type.</summary>
    private static bool Check(RuleCase row, int opset, OnnxElementType type)
    {
        if (Typed(row, opset, type, out var running) is not { } model)
            return false;
        using var forward = running;
        var gradient = GradientCompiler.Compile(model);
        foreach (var output in gradient.Graph.Outputs.Where(o => o.Name.EndsWith("_grad", StringComparison.Ordinal)))
            Assert.That(output.ElementType, Is.EqualTo(model.Graph.Input(output.Name[..^"_grad".Length]).ElementType),
                $"{row} opset {opset}, {output.Name}");
        Assert.That(Complaint(gradient, out var runs), Is.Null, $"{row} opset {opset}");
        using var backward = runs;
        if (type == OnnxElementType.Float16 && forward is not null && backward is not null)
            Compare(row, opset, model, forward, backward);
        return true;
    }

    /// <summary>The gradient in float16 against that in float32 of the same numbers.</summary>
    private static void Compare(RuleCase row, int opset, OnnxModel model, Runner forward, Runner backward)
    {
        var inputs = row.Inputs(Seed).ToDictionary(i => i.Key, i => Precision.Of(i.Value, model.Graph.Input(i.Key).ElementType));
        Dictionary<string, OnnxTensor> outputs;
        try
        {
            outputs = forward.Run(inputs);
        }
        catch (OnnxRuntimeException)
        {
            // Some kernels find out only here that they lack float16, and AffineGrid is wrong in it.
            return;
        }

        Dictionary<string, OnnxTensor> values = new(inputs);
        foreach (var (name, tensor) in GradientCheck.Upstream(outputs, row.Differentiated.Select(o => $"y{o}"), new Random(Seed + 1)))
            values[$"{name}_grad"] = tensor;
        var names = backward.Outputs.Where(o => o.EndsWith("_grad", StringComparison.Ordinal)).ToList();
        var actual = backward.Run(values, names);
        using var single = new Runner(GradientCompiler.Compile(row.Model(opset)), optimise: false);
        foreach (var (name, expected) in single.Run(Precision.Of(values, OnnxElementType.Float), names))
        {
            var numbers = expected.ToDoubleArray();
            if (numbers.All(v => Math.Abs(v) < (double)Half.MaxValue))
                GradientCheck.AreClose(
                    actual[name].ToDoubleArray(), numbers, HalfTolerance, $"{row} opset {opset} seed {Seed}, {name} in float16");
        }
    }
}
