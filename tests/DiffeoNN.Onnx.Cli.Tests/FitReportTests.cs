using System.Text.RegularExpressions;
using System.Xml.Linq;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Cli.Commands;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>The page of a fit that never was: well-formed, complete, and in need of nothing else.</summary>
[TestFixture]
public sealed class FitReportTests
{
    private static readonly XNamespace Html = "http://www.w3.org/1999/xhtml";

    [Test]
    public void Page_OfAFitThatHelps_HasVerdictFiguresAndTexts()
    {
        var page = Parse(Page(strong: 0.875, doubts: []));

        Assert.That(Verdict(page), Does.Contain("This bundle helps").And.Contain("75 % of the gap are closed"));
        var text = page.Root!.Value;
        foreach (var part in new[]
        {
            "0.5000", "0.8750 ± ", "75 %", "tps-strong (decides)", "none (undeformed)", "diffeonn run --model ", "learningRate", "Seed ",
            "kind of 'a<b&c'", "--kind", "proposer with answers, round 2", "The network cannot be differentiated.", "3 min 20 s",
        })
        {
            Assert.That(text, Does.Contain(part));
        }
    }

    [Test]
    public void Page_OfAFitThatDoesNotHelp_SaysSo() => Assert.That(
        Verdict(Parse(Page(strong: 0.5, doubts: []))), Does.Contain("This bundle does not help").And.Not.Contain("This bundle helps"));

    [Test]
    public void Page_OfAFitThatIsNotShownToHelp_SaysWhatToDo()
    {
        var page = Parse(Page(strong: 0.59, doubts: []));
        Assert.That(Verdict(page), Does.Contain("This bundle is not shown to help").And.Contain("40 images judged"));
        Assert.That(page.Root!.Value, Does.Contain("judged on the 40 that were held out of training").And.Contain(
            "To do: fit with more images, so that more than 40 are held out to judge by, and with a longer --time"));
    }

    [TestCase(40, "0.500 -> 0.875 ± 0.030", "40 images that settings were chosen on")]
    [TestCase(31, "0.500 -> 0.875", "31 images that settings were chosen on, too few to tell")]
    public void Trials_SayWhatTheyRestOn(int images, string strong, string basis)
    {
        var trial = new FitTrial(
            Bundle.Load(Repository.Bundle("shapes")).Manifest.Search, images, 0.9, 1, 1,
            new Dictionary<string, double> { ["tps-strong"] = 0.875 }, new Dictionary<string, double> { ["tps-strong"] = 0.5 })
        {
            Errors = new Dictionary<string, double> { ["none"] = 0, ["tps-strong"] = 0.03 },
        };
        Assert.That(FitLines.Describe(trial), Does.EndWith($", tps-strong {strong}"));
        Assert.That(FitLines.Basis(trial), Is.EqualTo(basis));
    }

    [Test]
    public void Page_OfADoubtfulNetwork_ClaimsNothing() => Assert.That(
        Verdict(Parse(Page(strong: 0.875, doubts: ["one class throughout"]))),
        Does.Contain("Nothing is claimed").And.Contain("one class throughout").And.Not.Contain("This bundle helps"));

    [Test]
    public void Page_NeedsNothingElse()
    {
        var text = Page(strong: 0.875, doubts: []);
        var page = Parse(text);
        Assert.That(page.Descendants(Html + "script"), Is.Empty);
        Assert.That(page.Descendants(Html + "link"), Is.Empty);
        Assert.That(Attributes(page, "src"), Is.Not.Empty.And.All.StartsWith("data:image/png;base64,"));
        Assert.That(Attributes(page, "href"), Is.Empty);
        Assert.That(Regex.Matches(text, @"url\(|@import|https?://").Select(match => match.Value), Is.EqualTo(new[] { "http://" }),
            "the namespace alone");
    }

    [Test]
    public void Page_CanBeReadAloud()
    {
        var page = Parse(Page(strong: 0.875, doubts: []));
        Assert.That(page.Descendants(Html + "img").Select(image => (string?)image.Attribute("alt")), Is.Not.Empty.And.All.Not.Empty);
        var drawings = page.Descendants(Html + "svg").ToList();
        Assert.That(drawings, Has.Count.EqualTo(3), "boxes and two terms; a term that is never finite has no chart");
        foreach (var drawing in drawings)
        {
            Assert.That(drawing.Elements(Html + "title").Single().Value, Is.Not.Empty);
            Assert.That(drawing.Elements(Html + "desc").Single().Value, Is.Not.Empty);
        }

        foreach (var table in page.Descendants(Html + "table"))
        {
            Assert.That(table.Element(Html + "caption")!.Value, Is.Not.Empty);
            var scopes = table.Descendants(Html + "th").Select(cell => (string?)cell.Attribute("scope"));
            Assert.That(scopes, Is.All.EqualTo("col").Or.EqualTo("row"));
        }

        string[] ids = [.. Attributes(page, "id")];
        Assert.That(ids, Is.Unique);
        Assert.That(Attributes(page, "aria-labelledby").SelectMany(value => value.Split(' ')), Is.SubsetOf(ids));
    }

    [TestCase(45, "45 s")]
    [TestCase(725, "12 min 05 s")]
    [TestCase(5400, "1 h 30 min")]
    public void Durations_AreInWords(int seconds, string words) =>
        Assert.That(FitReport.Duration(TimeSpan.FromSeconds(seconds)), Is.EqualTo(words));

    [TestCase("90s", 90)]
    [TestCase("20m", 1200)]
    [TestCase("1h30m", 5400)]
    [TestCase("0.5h", 1800)]
    [TestCase("20", null)]
    [TestCase("2s", null)]
    [TestCase("m", null)]
    [TestCase("-20m", null)]
    public void Times_AreRead(string text, double? seconds) => Assert.That(FitCommand.Duration(text)?.TotalSeconds, Is.EqualTo(seconds));

    [Test]
    public void Interruption_SaysWhatStands()
    {
        using var folder = new TemporaryFolder();
        Assert.That(
            FitDisplay.Interrupted(folder["new"]), Does.StartWith("Interrupted before a bundle was written").And.EndsWith("fit anew."));
        Directory.CreateDirectory(folder["new/.fit"]);
        File.WriteAllText(folder["new/.fit/record.json"], "{}");
        Assert.That(FitDisplay.Interrupted(folder["new"]), Does.EndWith("The same command with --resume goes on."));
        File.WriteAllText(folder["new/diffeonn.json"], "{}");
        Assert.That(FitDisplay.Interrupted(folder["new"]), Does.Contain("stands as it was written last").And.Contain("--resume"));
    }

    [TestCase(new double[] { 1, 10, 100 }, "_=#")]
    [TestCase(new double[] { 5, 5 }, "__")]
    [TestCase(new double[] { -1, 1 }, "_#")]
    public void Sparkline_RunsFromLeastToGreatest(double[] values, string drawn) =>
        Assert.That(FitTable.Sparkline(values, unicode: false), Has.Length.EqualTo(values.Length).And.EqualTo(drawn));

    private static XDocument Parse(string page) => XDocument.Parse(page);

    private static string Verdict(XDocument page) => page.Descendants(Html + "section")
        .Single(part => ((string?)part.Attribute("class"))?.StartsWith("verdict ", StringComparison.Ordinal) == true).Value;

    private static IEnumerable<string> Attributes(XDocument page, string name) =>
        page.Descendants().Attributes(name).Select(attribute => attribute.Value);

    private static string Page(double strong, string[] doubts)
    {
        FitFigure[] figures =
        [
            new("none", 40, 1, 1, 1, 0, 0.1), new("tps-strong", 40, 1, 0.5, strong, 0.05, 0.75), new("twist", 40, 1, 0.6, 0.7, 0.05, 0.5),
        ];
        var verdict = FitVerdict.Of(figures, "tps-strong", "accuracy", ofTruth: false, doubts);
        var bundle = Bundle.Load(Repository.Bundle("shapes"));
        FitCurvePoint[] curves =
        [
            .. from round in new[] { 1, 2 }
               from step in new[] { 10, 20, 30 }
               select new FitCurvePoint(FitStage.Task, round, step, (100 * round) + step, new Dictionary<string, double>
               {
                   ["task"] = 100.0 / step, ["image"] = 0.001 * step, ["loss"] = double.NaN,
               }),
        ];
        var trial = new FitTrial(
            bundle.Manifest.Search, 40, 0.9, 1, 1, new Dictionary<string, double> { ["tps-strong"] = strong },
            new Dictionary<string, double> { ["tps-strong"] = 0.5 });
        var result = new FitResult(
            bundle, verdict, [Evaluation("none", 0.9), Evaluation("tps-strong", 0.2)], curves, [trial], new FitPlan(),
            TimeSpan.FromSeconds(200), ["The network cannot be differentiated."])
        {
            HeldOut = new Images(), TrainingImages = 300,
        };
        var picture = new ImageBuffer(1, 8, 8);
        return FitPage.Of(new FitReport(
            result,
            [new Guess("kind of 'a<b&c'", "classification", "10 \"numbers\"", GuessOrigin.Guessed, "--kind")],
            [new Finding(FindingLevel.Warning, "output", "is undecided", "give --mean")])
        {
            Inner = "folder/net.onnx", Data = "images/", Time = TimeSpan.FromMinutes(20),
            Panels =
            [
                new FitPanel(
                    "Worst", "class 3",
                    [new FitPicture("undeformed", "class \u0001<3>", picture), new FitPicture("deformed", null, picture)]),
            ],
        });
    }

    private static EvaluationResult Evaluation(string family, double alone)
    {
        var samples = Enumerable.Range(0, 12).Select(i => new SampleResult(
            i, $"{i}", 0, Score(0.95), Score(alone + (0.001 * i)), Score(i == 0 ? double.NaN : 0.9), null, null!, null, null)).ToList();
        var metric = new MethodSummary([], new MetricSummary(1, 0, 1, 1, 1));
        var summary = new EvaluationSummary(
            "shapes", "images", null, null, family, 1, samples.Count, new MethodSummaries(metric, metric, metric, null), null, 0, null,
            null, null, 0.1)
        {
            RankTitle = "probability of the network's own class",
        };
        return new EvaluationResult(summary, samples, []);

        static AnswerScore Score(double value) => new([], value, value, "");
    }

    private sealed class Images : IEvaluationData
    {
        public string Name => "images";

        public string? Split => null;

        public string? Source => null;

        public int Count => 40;

        public EvaluationSample Read(int index) => throw new NotSupportedException();
    }
}
