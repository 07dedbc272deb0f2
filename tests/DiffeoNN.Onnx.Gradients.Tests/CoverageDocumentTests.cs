namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>The list of operators that users read is the table of rules that the compiler uses.</summary>
public sealed class CoverageDocumentTests
{
    public const string Command =
        "DIFFEONN_UPDATE_COVERAGE=1 dotnet test -c Release tests/DiffeoNN.Onnx.Gradients.Tests --filter CoverageDocument";

    private static readonly string File = Path.Combine(Repository.Root, "src", "DiffeoNN.Onnx.Gradients", "COVERAGE.md");

    [Test]
    public void Document_IsTheTableOfRules()
    {
        var made = CoverageDocument.Create();
        if (Environment.GetEnvironmentVariable("DIFFEONN_UPDATE_COVERAGE") == "1")
            System.IO.File.WriteAllText(File, made);
        var found = System.IO.File.Exists(File) ? System.IO.File.ReadAllText(File).ReplaceLineEndings("\n") : "";
        Assert.That(found, Is.EqualTo(made), $"'{File}' is not what the table of rules says. Rewrite it: {Command}");
    }

    [Test]
    public void Document_NamesEveryRule()
    {
        var text = CoverageDocument.Create();
        foreach (var rule in OperatorSet.Default.Rules)
        {
            Assert.That(text, rule.IsStop ? Does.Match($@"[ \n]{rule.OpType}[,.]")
                : Does.Contain($"| {(rule.Domain.Length > 0 ? rule.Domain + "." : "")}{rule.OpType} |"), rule.OpType);
        }
    }

    /// <summary>Without names the document would count inputs.</summary>
    [Test]
    public void Rules_WithInputsThatStop_HaveNamesForThem() => Assert.That(CoverageDocument.Create(), Does.Not.Contain("all but number"),
        "Add the names of the operator's inputs to its row.");
}
