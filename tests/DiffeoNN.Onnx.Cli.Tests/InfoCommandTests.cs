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
    }

    [Test]
    public void Info_OfAFile_ListsTensorsAndOpset()
    {
        var run = CommandRun.Of("info", Path.Combine(Repository.Bundle("shapes"), "vae.onnx"));
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Opset ai.onnx").And.Contain("[N,1,128,128]").And.Contain("reconstruction"));
    }
}
