using System.Text;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Torch;

namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>libtorch runs what the gradient compiler differentiates, or a reason says why not;
/// and the list for people is the table.</summary>
[TestFixture]
public sealed class TorchOperatorTableTests
{
    private const string Command =
        "DIFFEONN_UPDATE_COVERAGE=1 dotnet test -c Release tests/DiffeoNN.Onnx.Tests --filter TorchOperatorTable";
    private const int Oldest = 16;
    private const int Newest = 26;

    private const string Random = "draws random numbers, which are others on every engine: there is nothing to compare";
    private const string Quantised = "computes with 8-bit integers and has no gradient; it is not written yet";

    private static readonly string Document = Path.Combine(Repository.Root, "src", "DiffeoNN.Onnx.Torch", "OPERATORS.md");

    /// <summary>Operators with a gradient rule that libtorch does not run, and why.</summary>
    private static readonly Dictionary<string, string> Missing = new(StringComparer.Ordinal)
    {
        ["Upsample"] = "left the operator set in version 10; the converter writes Resize",
        ["RandomNormal"] = Random,
        ["RandomNormalLike"] = Random,
        ["RandomUniform"] = Random,
        ["RandomUniformLike"] = Random,
        ["Bernoulli"] = Random,
        ["Multinomial"] = Random,
        ["NonMaxSuppression"] = "gives indices of boxes and has no gradient; it is not written yet",
        ["ConvInteger"] = Quantised,
        ["QLinearConv"] = Quantised,
        ["QLinearMatMul"] = Quantised,
    };

    [Test]
    public void Rules_HaveARowOrAReason()
    {
        var lacking = GradientRules.All.Select(rule => (rule.Domain, rule.OpType)).Distinct()
            .Where(rule => !Missing.ContainsKey(rule.OpType) && Find(rule.Domain, rule.OpType, Newest) is null).Select(rule => rule.OpType);
        Assert.That(lacking, Is.Empty);
    }

    [Test]
    public void Rules_InEveryVersionTheyHold_HaveARow()
    {
        // Where a rule has several forms from the oldest version on, so has the table.
        var lacking =
            from rule in GradientRules.All
            // Rules that stop hold for every version, also before the operator was there.
            where !rule.IsStop && !Missing.ContainsKey(rule.OpType)
            let since = Math.Max(Oldest, rule.SinceVersion)
            from problem in new[]
            {
                Find(rule.Domain, rule.OpType, since) is null ? $"{rule.OpType}-{since} has no row" : null,
                GradientRules.All.Any(
                    other => other.OpType == rule.OpType && other.Domain == rule.Domain && other.SinceVersion < rule.SinceVersion)
                    && rule.SinceVersion > Oldest && Find(rule.Domain, rule.OpType, since)?.SinceVersion != since
                    ? $"{rule.OpType}-{since} has no form of its own"
                    : null,
            }
            where problem is not null
            select problem;
        Assert.That(lacking, Is.Empty);
    }

    [Test]
    public void Reasons_AllNeeded() => Assert.That(
        Missing.Keys.Where(op => Find("", op, Newest) is not null || GradientRules.Find("", op, Newest) is null), Is.Empty);

    [Test]
    public void Rows_AreUnique() => Assert.That(
        TorchOperators.All.GroupBy(row => (row.Domain, row.OpType, row.SinceVersion)).Where(group => group.Count() > 1)
            .Select(group => group.Key),
        Is.Empty);

    [Test]
    public void Rows_BeginNoEarlierThanModelsAreBroughtTo() => Assert.That(
        TorchOperators.All.Where(row => row.SinceVersion is < Oldest or > Newest).Select(row => row.OpType), Is.Empty);

    [Test]
    public void Document_IsTheTable()
    {
        var made = Create();
        if (Environment.GetEnvironmentVariable("DIFFEONN_UPDATE_COVERAGE") == "1") File.WriteAllText(Document, made);
        var found = File.Exists(Document) ? File.ReadAllText(Document).ReplaceLineEndings("\n") : "";
        Assert.That(found, Is.EqualTo(made), $"'{Document}' is not what the table of operators says. Rewrite it: {Command}");
    }

    private static TorchOperator? Find(string domain, string op, int version) =>
        TorchOperators.Default.Find(new OnnxNode(op, [], []) { Domain = domain }, version);

    private static string Create()
    {
        var text = new StringBuilder();
        text.Append($"""
            # Operators that the torch engine runs

            Made from the table of operators, `TorchOperators.All`; a test compares the two. Rewrite it with

            ```sh
            {Command}
            ```

            **Form since** is the first version of the operator set with the form that a row computes; it holds until the next version
            listed, or the newest. Models older than operator set {Oldest} are rewritten for it first, and functions are written out.
            **Gradient** says whether the gradient compiler has a rule too, so that the two gradients can be compared: "rule", "stops" where
            the derivative is zero or the output no floating point value, "taken apart" where bodies are differentiated on their own, or
            "none".

            | Operator | Form since | Gradient |
            | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (var rows in TorchOperators.All.GroupBy(row => (row.Domain, row.OpType)).OrderBy(
            group => group.Key.OpType, StringComparer.Ordinal))
        {
            var gradient = GradientRules.Find(rows.Key.Domain, rows.Key.OpType, Newest) switch
            {
                { IsStop: true } => "stops",
                null => rows.Key.OpType is "If" or "Loop" or "Scan" ? "taken apart" : "none",
                _ => "rule",
            };
            text.Append($"| {(rows.Key.Domain.Length > 0 ? rows.Key.Domain + "." : "")}{rows.Key.OpType} | "
                + $"{string.Join(", ", rows.Select(row => row.SinceVersion).Order())} | {gradient} |\n");
        }

        text.Append("\nWith a gradient rule, but not run by libtorch:\n\n");
        foreach (var (op, reason) in Missing.OrderBy(pair => pair.Key, StringComparer.Ordinal)) text.Append($"- `{op}` {reason}.\n");
        return text.ToString();
    }
}
