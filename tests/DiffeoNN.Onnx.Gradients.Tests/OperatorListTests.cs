using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Gradients.Tests.Published;
using DiffeoNN.Onnx.Gradients.Tests.Rules;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>Every operator of the specification is differentiated or refused for a reason,
/// and the list of them is what the runtime knows.</summary>
[Parallelizable(ParallelScope.Children)]
public sealed partial class OperatorListTests
{
    private static IEnumerable<string> Names => OperatorList.Versions.Keys;

    [Test]
    public void EveryOperator_HasARuleOrAReason()
    {
        var ruled = GradientRules.All.Where(r => r.Domain.Length == 0).Select(r => r.OpType).ToHashSet();
        var reasoned = OperatorList.Refused.Keys.ToHashSet();
        Assert.Multiple(() =>
        {
            Assert.That(Names.Where(n => !ruled.Contains(n) && !reasoned.Contains(n) && !OperatorList.Withdrawn.ContainsKey(n)
                && !OperatorList.ControlFlow.Contains(n)),
                Is.Empty, "neither");
            Assert.That(reasoned.Where(ruled.Contains), Is.Empty, "both");
            Assert.That(ruled.Concat(reasoned).Concat(OperatorList.ControlFlow).Where(n => !OperatorList.Versions.ContainsKey(n)),
                Is.Empty, "unknown");
        });
    }

    [Test]
    public void EveryVersion_FindsTheRule()
    {
        var rules = GradientRules.All.Select(r => r.OpType).ToHashSet();
        var missing = from o in OperatorList.Versions
                      where rules.Contains(o.Key)
                      from version in o.Value
                      // Older forms are rewritten for the oldest version that is emitted.
                      let emitted = Math.Max(version, GradientCompiler.MinimumOpset)
                      where GradientCompiler.FindRule("", o.Key, emitted) is null && o.Value[0] <= emitted
                      select $"{o.Key}-{version}";
        Assert.That(missing, Is.Empty);
    }

    /// <summary>A node with too few or too many inputs makes the runtime name the version that it checks by.</summary>
    // Every number of inputs that the runtime takes for Constant, it finds another fault with first.
    private static IEnumerable<string> Checked => Names.Where(n => n != "Constant");

    [TestCaseSource(nameof(Checked))]
    public void Versions_AreThoseOfTheRuntime(string name)
    {
        var versions = OperatorList.Versions[name];
        Assert.That(versions, Is.Ordered.Ascending.And.Unique);
        foreach (var opset in versions.Concat(versions.Select(v => v - 1)).Append(OperatorList.Newest).Where(o => o >= 7).Distinct())
        {
            var expected = Array.FindLast(versions, v => v <= opset);
            // The runtime still knows some experimental forms of version 1, which the specification dropped.
            var actual = VersionInRuntime(name, opset);
            Assert.That(expected == 0 && actual == 1 ? 0 : actual, Is.EqualTo(expected), $"{name} at version {opset} of the operator set");
        }
    }

    /// <summary>Versions that no row of the table of rule tests names: mostly wider element types, where the form before holds.</summary>
    private static IEnumerable<TestCaseData> UntestedVersions()
    {
        var rows = RuleCases.All.Where(c => c.Domain.Length == 0).ToLookup(c => c.OpType);
        foreach (var (name, versions) in OperatorList.Versions)
        {
            for (var i = 0; i < versions.Length; i++)
            {
                var (first, next) = (Math.Max(versions[i], 7), i + 1 < versions.Length ? versions[i + 1] : OperatorList.Newest + 1);
                if (rows[name].Any(c => c.Opsets.Any(o => o >= first && o < next)))
                    continue;
                var before = rows[name].Where(c => c.Opsets.Any(o => o < first)).MaxBy(c => c.Opsets.Where(o => o < first).Max());
                if (rows[name].Any() && first < next && versions[i] < OperatorList.Withdrawn.GetValueOrDefault(name, int.MaxValue))
                    yield return new TestCaseData(before, first).SetArgDisplayNames(name, $"{first}");
            }
        }
    }

    [TestCaseSource(nameof(UntestedVersions))]
    public void LatestForm_HoldsInVersionsWithoutARow(object? row, int opset)
    {
        Assert.That(row, Is.Not.Null, "no row is old enough");
        try
        {
            new Runner(((RuleCase)row).Model(opset)).Dispose();
        }
        catch (OnnxRuntimeException e) when (e.Message.Contains("Could not find an implementation"))
        {
            // The runtime has no kernel of this version, so that only the gradient itself can be formed.
            Assert.That(() => GradientCompiler.Compile(((RuleCase)row).Model(opset)), Throws.Nothing);
            return;
        }

        new GradientRuleTests().Rule_AgreesWithFiniteDifferences(row, opset);
    }

    [Test]
    public void Operators_OfThePublishedCases_AreListed() =>
        Assert.That(OperatorCase.Read(Repository.Shared("onnx-cases")).SelectMany(c => c.Operators).Distinct()
            .Where(o => !OperatorList.Versions.ContainsKey(o)), Is.Empty);

    private static IEnumerable<string> RefusedNames => OperatorList.Refused.Keys;

    [TestCaseSource(nameof(RefusedNames))]
    public void RefusedOperator_HasNoGradient(string name)
    {
        var model = new OnnxModel { IrVersion = 12, OpsetImports = { [""] = OperatorList.Newest } };
        model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2]));
        model.Graph.Nodes.Add(new OnnxNode(name, ["x"], ["y"]));
        model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
        Assert.That(() => GradientCompiler.Compile(model), Throws.InstanceOf<GradientException>()
            .With.Message.Contains(name).Or.Message.Contains("No output depends differentiably"));
    }

    private static int VersionInRuntime(string name, int opset)
    {
        foreach (var inputs in new[] { 0, 40 })
        {
            var model = new OnnxModel { IrVersion = OpsetConverter.MinimumIrVersion(opset), OpsetImports = { [""] = opset } };
            model.Graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [2]));
            model.Graph.Nodes.Add(new OnnxNode(name, Enumerable.Repeat("x", inputs), ["y"]));
            model.Graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, null));
            try
            {
                new Runner(model).Dispose();
            }
            catch (OnnxRuntimeException e) when (SchemaVersion().Match(e.Message) is { Success: true } match)
            {
                return int.Parse(match.Groups[1].ValueSpan);
            }
            catch (OnnxRuntimeException e) when (e.Message.Contains("No Op registered"))
            {
                return 0;
            }
            catch (OnnxRuntimeException e) when (e.Message.Contains("is deprecated"))
            {
                return OperatorList.Versions[name][^1];
            }
            catch (OnnxRuntimeException)
            {
                // The number of inputs is a possible one; another is tried.
            }
        }

        return -1;
    }

    [GeneratedRegex(@"schema\(::\w+:(\d+)\)")]
    private static partial Regex SchemaVersion();
}
