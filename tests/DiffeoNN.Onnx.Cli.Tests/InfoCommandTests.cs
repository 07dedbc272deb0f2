using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>What <c>info</c> tells.</summary>
[TestFixture]
public sealed class InfoCommandTests
{
    [TestCase("shapes")]
    [TestCase("lungs")]
    public void Info_OfABundle_ListsRolesAndThatAllOperatorsHaveRules(string bundle)
    {
        var run = CommandRun.Of("info", Repository.Bundle(bundle));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("inner: inner.onnx").And.Contain("vae: vae.onnx").And.Contain("critic: critic.onnx"));
        Assert.That(run.Output, Does.Contain("Conv").And.Contain("Every operator has a gradient rule."));
        Assert.That(run.Output, Does.Not.Contain("no rule"));
        Assert.That(run.Output, Does.Contain("Takes 1 x 128 x 128, channels first, float32 of 0 to 1, any batch"));
    }

    [TestCase("lungs", true)]
    [TestCase("shapes", false)]
    public void Info_OfABundleWithARefinement_SaysHowASearchGoesOnFromTheProposal(string bundle, bool withProposer)
    {
        using var folder = new TemporaryFolder();
        var copy = BundleCopy.Of(Repository.Bundle(bundle), folder["bundle"], root =>
        {
            if (!withProposer) root["models"]!.AsObject().Remove("proposer");
            root["optimiser"]!["lattice"] = 9;
            root["optimiser"]!["passes"] = 2;
            root["optimiser"]!["average"] = true;
            root["optimiser"]!["refinement"] = new JsonObject { ["steps"] = 15, ["learningRate"] = 0.01, ["smoothness"] = 2000 };
        });
        var run = CommandRun.Of("info", copy);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output,
            Does.Match(
                @"\nSearch: start \w+, .*\blattice 9, .*\bpasses 2, .*\baverage true, .*\bsteps 80, .*\blearningRate 0\.0[46], ")
                .And.Match(@"\nSearch from the proposal: vae 1, adversarial \d+, (energy 0\.5, )?entropy \d+, smoothness 2000, ")
                .And.Match(@"\nSearch from the proposal: .*\blattice 9, .*\bsteps 15, .*\blearningRate 0\.01, "));
        Assert.That(run.Output, Does.Contain($"Search: start {(withProposer ? "proposer" : "identity")}, field lattice"));
        Assert.That(run.Output, withProposer ? Does.Not.Contain("without a proposer") : Does.Contain("of no effect without a proposer"));
    }

    [Test]
    public void Info_OfABundleThatNobodyTuned_InsistsOnIt()
    {
        using var folder = new TemporaryFolder();
        var copy = BundleCopy.Of(Repository.Bundle("shapes"), folder["bundle"], root => root.AsObject().Remove("acceptance"));
        Assert.That(CommandRun.Of("info", copy).Output,
            Does.Contain("minimumDecrease 0.5,").And.Contain("Not tuned: the manifest has no acceptance"));
        Assert.That(CommandRun.Of("info", Repository.Bundle("shapes")).Output, Does.Not.Contain("Not tuned"));
    }

    [Test]
    public void Info_OfABundleThatWasMeasured_ShowsWhatItReached()
    {
        using var folder = new TemporaryFolder();
        var copy = BundleCopy.Of(Repository.Bundle("shapes"), folder["bundle"], root =>
        {
            root["provenance"] = JsonNode.Parse("""
                { "reference": "agreement", "verdict": "It helps.", "validation": [ { "deformation": "twist", "images": 40,
                  "measure": "iou", "undeformed": 1, "alone": 0.51239, "canonicalised": 0.875 } ] }
                """);
        });
        Assert.That(CommandRun.Of("info", copy).Output,
            Does.Contain("Verdict: It helps.").And.Match(@"twist .* 40 .* iou .* 1\.0000 .* 0\.5124 .* 0\.8750")
                .And.Contain("On images held out, agreement with the network's own answers on undeformed images:"));
        Assert.That(CommandRun.Of("info", Repository.Bundle("shapes")).Output, Does.Not.Contain("held out"));
    }

    [Test]
    public void Info_OfAFile_ListsTensorsAndOpset()
    {
        var run = CommandRun.Of("info", Path.Combine(Repository.Bundle("shapes"), "vae.onnx"));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Opset ai.onnx").And.Contain("[N,1,128,128]").And.Contain("reconstruction"));
    }

    [Test]
    public void Info_OfBranchesAndOldOperators_SaysWhatTheCompilerDoes()
    {
        using var folder = new TemporaryFolder();
        OnnxGraph Branch(string name, string operation)
        {
            var branch = new OnnxGraph { Name = name };
            branch.AddNode(operation, ["x"], name);
            branch.Outputs.Add(new OnnxValueInfo(name, OnnxElementType.Float, null));
            return branch;
        }

        var model = new OnnxModel();
        model.OpsetImports[""] = 10;
        var graph = model.Graph;
        graph.Name = "old";
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, [3]));
        graph.Inputs.Add(new OnnxValueInfo("choice", OnnxElementType.Bool, []));
        graph.Inputs.Add(new OnnxValueInfo("at", OnnxElementType.Int64, [3]));
        graph.Nodes.Add(new OnnxNode("If", ["choice"], ["a"], OnnxAttribute.Of("then_branch", Branch("p", "Tanh")),
            OnnxAttribute.Of("else_branch", Branch("q", "Exp"))));
        graph.AddNode("Scatter", ["a", "at", "x"], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, [3]));
        model.Save(folder["old.onnx"]);

        var run = CommandRun.Of("info", folder["old.onnx"]);

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output,
            Does.Match("If +│ +1 │ by its bodies").And.Match("Scatter +│ +1 │ rewritten").And.Match("Tanh +│ +1 │ rule"));
        Assert.That(run.Output, Does.Contain("Every operator has a gradient rule."));
    }
}
