using System.Text.Json;
using System.Xml.Linq;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Validation.Comparing;
using DiffeoNN.Onnx.Validation.Reports;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>The three files a validation writes.</summary>
[TestFixture]
public sealed class ReportTests
{
    [Test]
    public void ToJson_OfEverything_FitsItsSchema([Values] bool passes)
    {
        using var document = JsonDocument.Parse(JsonReport.ToJson(Report(passes)));

        Assert.That(new SchemaCheck(JsonReport.SchemaText).Errors(document.RootElement), Is.Empty);
        Assert.That(document.RootElement.GetProperty("passed").GetBoolean(), Is.EqualTo(passes));
        Assert.That(document.RootElement.GetProperty("graphs")[0].GetProperty("comparisons")[0].GetProperty("tensor")
            .GetProperty("tolerance").GetProperty("relative").GetDouble(),
            Is.EqualTo(1e-4));
    }

    [Test]
    public void Schema_KeepsTheRulesOfItsDraft()
    {
        string text = JsonReport.SchemaText, broken = text.Replace("\"minimum\": 0", "\"minLength\": -1", StringComparison.Ordinal);

        Assert.That(SchemaCheck.ErrorsOfSchema(text), Is.Empty);
        Assert.That(broken, Is.Not.EqualTo(text));
        Assert.That(SchemaCheck.ErrorsOfSchema(broken), Is.Not.Empty);
    }

    [Test]
    public void Schema_OfAnotherDocument_RefusesIt()
    {
        var schema = new SchemaCheck(JsonReport.SchemaText);
        var json = JsonReport.ToJson(Report(passes: true));
        foreach (var (from, to) in new[] { ("\"schema\": 1", "\"schema\": 2"), ("\"kind\": \"bundle\"", "\"kind\": \"folder\""),
            ("\"nodes\": 3", "\"nodes\": -3"), ("\"finding\"", "\"findings\""), ("\"cores\"", "\"core\"") })
        {
            using var document = JsonDocument.Parse(json.Replace(from, to, StringComparison.Ordinal));
            Assert.That(schema.Errors(document.RootElement), Is.Not.Empty, to);
        }
    }

    [Test]
    public void ToXml_CountsWhatItHolds()
    {
        var root = XDocument.Parse(JUnitReport.ToXml(Report(passes: false))).Root!;

        Assert.That((int)root.Attribute("tests")!, Is.EqualTo(root.Descendants("testcase").Count()).And.GreaterThan(4));
        Assert.That((int)root.Attribute("failures")!, Is.EqualTo(root.Descendants("failure").Count()).And.EqualTo(3));
        Assert.That((int)root.Attribute("skipped")!, Is.EqualTo(root.Descendants("skipped").Count()).And.EqualTo(1));
        Assert.That(root.Descendants("failure").First().Attribute("message")!.Value, Does.Contain("worst at [1]: expected 2, found 3"));
        Assert.That(root.Descendants("failure").First().Value, Does.Contain("Conv '/a/Conv' is to blame"));
        Assert.That(XDocument.Parse(JUnitReport.ToXml(Report(passes: true))).Descendants("failure"), Is.Empty);
    }

    [Test]
    public void ToHtml_IsOnePageThatNeedsNothingElse()
    {
        var page = HtmlReport.ToHtml(Report(passes: false));

        Assert.That(page, Does.Not.Contain("<script").And.Not.Contain("src=").And.Not.Contain("href=").And.Not.Contain("url(")
            .And.Not.Contain("@import").And.Not.Contain("http"));
        Assert.That(page, Does.Contain("Disagreement in inner &lt;1&gt;, the whole job. Look at Conv &#39;/a/Conv&#39; first.")
            .And.Contain("<code>/a/Conv</code>").And.Contain("<svg"));
        Assert.That(page, Does.Not.Contain("<1>"), "names of tensors and graphs are text, not markup");
        Assert.That(HtmlReport.ToHtml(Report(passes: true)), Does.Contain("Everything that was compared agrees."));
    }

    private static ValidationReport Report(bool passes)
    {
        var right = TensorComparison.Of(Floats(1, 2), Floats(1, 2.00001f));
        var wrong = passes ? right : TensorComparison.Of(Floats(1, 2), Floats(1, 3));
        var shapes = TensorComparison.Of(Floats(1, 2), passes ? Floats(1, 2) : Floats(1));
        return new ValidationReport
        {
            Subject = "lungs", Path = "models/lungs", Kind = "bundle", Device = "CPU.", Cores = 2, Seed = 1,
            Sources = ValidationSources.All,
            Versions = new Dictionary<string, string> { ["ONNX Runtime"] = "1.2.3" },
            Graphs =
            [
                new GraphReport
                {
                    Name = "inner <1>", Nodes = 3, Inputs = "drawn", Assumptions = ["'x' has the shape [2]"],
                    Comparisons =
                    [
                        new SourceComparison(ComparedQuantity.Output, ValidationSources.Torch, ValidationSources.OnnxRuntimeBasic, wrong),
                        new SourceComparison(ComparedQuantity.Output, ValidationSources.OnnxRuntime, ValidationSources.OnnxRuntimeBasic,
                            shapes),
                        new SourceComparison(ComparedQuantity.Gradient, ValidationSources.Compiled, ValidationSources.Torch, right),
                    ],
                    Differences = [new DirectionalComparison(ValidationSources.Compiled, "x", 2, 1, 1e-4, 1e-3, true)],
                    Skipped = [new SkippedSource(ComparedQuantity.Gradient, ValidationSources.PyTorch, "no reference tensors", false)],
                    Blames =
                    [
                        new BlameReport
                        {
                            Quantity = ComparedQuantity.Output,
                            Source = ValidationSources.Torch,
                            Baseline = ValidationSources.OnnxRuntimeBasic,
                            Nodes = [new BlamedNode("/a/Conv", "Conv")], Value = "y", Difference = wrong, Confirmed = true,
                            Finding = "Conv '/a/Conv' is to blame.", Folder = "blame/1",
                        },
                    ],
                },
            ],
            Job = new JobReport { Baseline = "onnxruntime", Engine = "torch", Images = 4, Tensors = [right], MeanIou = passes ? 0.999 : 0.9,
                WorstIou = 0.9, Flips = 0.001 },
            Fields =
            [
                new JobReport { Name = "fields", Baseline = "fields torch", Engine = "fields onnx", Images = 4, Tensors = [right],
                    MeanIou = 1, WorstIou = 1 },
            ],
        };
    }

    private static OnnxTensor Floats(params float[] values) => OnnxTensor.Create<float>("y<1>", [values.Length], values);
}
