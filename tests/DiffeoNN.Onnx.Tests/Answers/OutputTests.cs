using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Answers;

/// <summary>Numbers of images, several outputs of one network, several maps, and what is refused.</summary>
[TestFixture]
internal sealed class OutputTests
{
    [Test]
    public void Numbers_OfAnyShape_AreThoseOfTheCanonicalImage(
        [Values(1, 2, 4)] int rank, [Values("regression", "classification")] string kind)
    {
        var count = rank == 1 ? 1 : 3;
        using var bundle = new AnswerBundle(graph =>
        {
            var numbers = rank == 1 ? graph.Column : graph.Concat(graph.Column, graph.Row, graph.Constant([1, 1], 7));
            if (rank == 1) graph.Output("numbers", graph.Reshape(numbers, -1), OnnxElementType.Float, "N");
            else if (rank == 2) graph.Output("numbers", numbers, OnnxElementType.Float, "N", 3);
            else graph.Output("numbers", graph.Reshape(numbers, -1, 3, 1, 1), OnnxElementType.Float, "N", 3, 1, 1);
        }, KnownMap.Output("numbers", kind), KnownMap.Turn, KnownMap.Growth);

        var answer = KnownMap.Run(bundle);
        var graphs = KnownMap.Run(bundle, options => options with { Fields = FieldEngine.Onnx });

        var (column, row) = bundle.Back(KnownMap.Spot.Column, KnownMap.Spot.Row);
        var numbers = (kind == "regression" ? answer.Numbers : answer.Scores)!;
        Assert.That(numbers, Has.Length.EqualTo(count));
        Assert.That(numbers[0], Is.EqualTo(column).Within(0.1));
        if (count == 3) Assert.That((numbers[1], numbers[2]), Is.EqualTo(((float)row, 7f)).Using<(float, float)>((a, b) =>
            Math.Abs(a.Item1 - b.Item1) < 0.1 && a.Item2 == b.Item2));
        Assert.That((kind == "regression" ? graphs.Numbers : graphs.Scores)!, Is.EqualTo(numbers).Within(1e-3), "fields by graphs");
        if (kind == "regression") Assert.That(answer.ToJson()!["numbers"]!.AsArray(), Has.Count.EqualTo(count));
    }

    [Test]
    public void SeveralOutputs_AreEachAsAlone()
    {
        void Mask(AnswerGraph graph) => graph.Output("mask", graph.Times(graph.Plus(AnswerGraph.Image, -0.4), 30), OnnxElementType.Float,
            "N", 1, AnswerBundle.Height, AnswerBundle.Width);
        void Place(AnswerGraph graph) => graph.Output("/head/place", graph.Concat(graph.Column, graph.Row), OnnxElementType.Float, "N", 2);
        var mask = KnownMap.Output("mask", "segmentation", ("activation", "sigmoid"), ("classes", new JsonArray("ground", "spot")));
        var place = KnownMap.Output("/head/place", "points", ("as", "centre"), ("coordinates", "pixels"));
        using var one = new AnswerBundle(Mask, mask, KnownMap.Turn, KnownMap.Growth);
        using var other = new AnswerBundle(Place, place, KnownMap.Turn, KnownMap.Growth);
        using var both = new AnswerBundle(graph =>
        {
            Mask(graph);
            Place(graph);
        }, new JsonArray(mask.DeepClone(), place.DeepClone()), KnownMap.Turn, KnownMap.Growth);

        foreach (var fields in new[] { FieldEngine.Torch, FieldEngine.Onnx })
        {
            var found = KnownMap.Run(both, options => options with { Fields = fields });
            Assert.That(found.All.Select(answer => answer.Name), Is.EqualTo(new[] { "mask", "centre" }));
            Assert.That(found.Planes!.Data.ToArray(),
                Is.EqualTo(KnownMap.Run(one, options => options with { Fields = fields }).Planes!.Data.ToArray()).Within(2e-3));
            Assert.That(Near(found.Further[0].Points!, KnownMap.Run(other).Points!), "points");
            Assert.That(found.NameOf(1), Is.EqualTo("spot"));
        }

        Assert.That(KnownMap.Alone(both).Further[0].Points, Is.EqualTo(KnownMap.Alone(other).Points));
        var manifest = Bundle.Load(both.Path).Manifest;
        Assert.That(BundleManifest.Parse(System.Text.Encoding.UTF8.GetBytes(manifest.ToJson())).Models.Inner.Outputs,
            Has.Count.EqualTo(2), "several outputs survive being written");
        Assert.That(Bundle.Load(one.Path).Manifest.ToJson(), Does.Contain("\"output\": {").And.Not.Contain("\"outputs\""));
    }

    [Test]
    public void Boxes_OfSeveralMaps_AreAveragedOnlyWhereTheyAreAnchors()
    {
        using var scope = torch.NewDisposeScope();
        var grid = new SamplingGrid(9, 17);
        MappedAnswer[] answers = [.. new[] { 1, 3 }.Select(pixels =>
        {
            var u = torch.full([1, 2, 9, 17], pixels * (float)grid.PixelSize);
            var corners = torch.tensor([-0.5f, -0.25f, 0.5f, 0.25f]).view(1, 2, 2);
            return new MappedAnswer([corners, torch.tensor([pixels / 4f]).view(1, 1, 1)], u, -u);
        })];
        AnswerBox Box(bool? anchors) => new MappedOutput(
            new OutputSpec { Name = "boxes", Kind = OutputKind.Boxes, Scores = "scores", Anchors = anchors }, answers, grid, 9, 17)
            .ToOutput().Boxes!.Single();

        AnswerBox last = Box(null), mean = Box(true);

        Assert.That((last.Left, last.Top, last.Right, last.Bottom), Is.EqualTo((4.0 + 3, 2.0 + 3, 12.0 + 3, 6.0 + 3))
            .Using<(double, double, double, double)>(Near));
        Assert.That((mean.Left, mean.Top, mean.Right, mean.Bottom), Is.EqualTo((4.0 + 2, 2.0 + 2, 12.0 + 2, 6.0 + 2))
            .Using<(double, double, double, double)>(Near));
        Assert.That((last.Score, mean.Score), Is.EqualTo(((float?)0.75f, (float?)0.5f)));
    }

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return Case("points that are no pairs", "points", [], OnnxElementType.Float, ["N", 7],
            "has 7 numbers an image, no pairs; expected points (N,P,2) or (N,2P).");
        yield return Case("points of three coordinates", "points", [], OnnxElementType.Float, ["N", 5, 3],
            "has 3 in dimension 2; expected 2 coordinates, x and y.");
        yield return Case("points of integers", "points", [], OnnxElementType.Int64, ["N", 5, 2], "must be float32, float16 or float64.");
        yield return Case("boxes of rank 2", "boxes", [], OnnxElementType.Float, ["N", 4], "has 2 dimensions; expected boxes (N,B,4).");
        yield return Case("boxes of five numbers", "boxes", [], OnnxElementType.Float, ["N", 8, 5],
            "has 5 in dimension 2; expected 4 numbers a box.");
        yield return Case("class numbers without names", "segmentation", [], OnnxElementType.Int64, ["N", 48, 64],
            "holds class numbers; name the classes in the manifest, so that it is known how many there are.");
        yield return Case(
            "class numbers with an activation", "segmentation", [("activation", "softmax"), ("classes", new JsonArray("a", "b"))],
            OnnxElementType.Int64, ["N", 48, 64],
            "holds class numbers; expected no activation, since the manifest's softmax needs scores.");
        yield return Case("class numbers of two planes", "segmentation", [("classes", new JsonArray("a", "b"))], OnnxElementType.UInt8,
            ["N", 2, 48, 64], "holds class numbers in 4 dimensions; expected (N,H,W) or (N,1,H,W).");
        yield return Case("channels first where last is said", "segmentation", [("layout", "channelsLast")], OnnxElementType.Float,
            ["N", 2, 48, 64], "is 2 x 48 pixels (height x width); the manifest's image is 48 x 64, and it is no whole fraction of that; if "
            + "it covers the same image, say so by the output's field resolution.");
        yield return Case("another resolution than stated", "image", [("resolution", new JsonArray(24, 32))], OnnxElementType.Float,
            ["N", 2, 12, 16], "is 12 x 16 pixels (height x width); the manifest's resolution is 24 x 32.");
        yield return Case("number of classes, channels last", "segmentation", [("layout", "channelsLast"), ("classes", new JsonArray("a"))],
            OnnxElementType.Float, ["N", 48, 64, 3], "has 3 channels, and 1 class is named (a).");
        yield return Case("regression of maps", "regression", [], OnnxElementType.Float, ["N", 3, 5, 5],
            "has 4 dimensions of more than one pixel; expected a regression (N,K), (N) or (N,K,1,1).");
        yield return Case("text", "segmentation", [], OnnxElementType.String, ["N", 3, 48, 64],
            "must be float32, float16 or float64, or class numbers of int64, int32 or uint8.");

        static TestCaseData Case(
            string name, string kind, (string, JsonNode)[] fields, OnnxElementType type, OnnxDimension[] shape, string problem) =>
            new TestCaseData(kind, fields, type, shape, problem).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Refused))]
    public void Output_ThatIsNotWhatTheManifestSays_IsRefused(
        string kind, (string, JsonNode)[] fields, OnnxElementType type, OnnxDimension[] shape, string problem)
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("out", AnswerGraph.Image, type, shape), KnownMap.Output("out", kind, fields));
        var declared = new OnnxValueInfo("out", type, shape);
        Assert.That(() => Bundle.Load(bundle.Path), Throws.TypeOf<BundleException>().With.Message.EqualTo(
            $"Bundle 'answers', inner model 'inner.onnx': output {declared} {problem}"));
    }

    private static IEnumerable<TestCaseData> Malformed()
    {
        yield return Case("a field of another kind", KnownMap.Output("out", "points", ("layout", "channelsLast")),
            "field 'models.inner.output.layout' is \"channelsLast\"; expected no such field, since the output's kind is points.");
        yield return Case("an unknown coordinate", KnownMap.Output("out", "points", ("coordinates", "metres")),
            "field 'models.inner.output.coordinates' is \"metres\"; expected one of centred, pixels, edges, unit.");
        yield return Case("a name that is no file's", KnownMap.Output("out", "points", ("as", "a/b")),
            "field 'models.inner.output.as' is \"a/b\"; expected a name of letters, digits, '-' and '_'.");
        yield return Case("a resolution of one number", KnownMap.Output("out", "image", ("resolution", new JsonArray(4))),
            "field 'models.inner.output.resolution' is an array of 1; expected an array of 2, rows and columns.");
        yield return Case("two of one name", new JsonArray(KnownMap.Output("out", "points"), KnownMap.Output("Out", "image")),
            "field 'models.inner.outputs[1]' is an object; expected a field as with another name than 'Out', which is taken.");
        yield return Case("a name that a file has", new JsonArray(KnownMap.Output("out", "points"), KnownMap.Output("panel", "image")),
            "field 'models.inner.outputs[1]' is an object; expected a field as with another name than 'panel', which is taken.");
        yield return Case("a tensor's name for a file", new JsonArray(KnownMap.Output("/out", "points"), KnownMap.Output("x", "image")),
            "field 'models.inner.outputs[0]' is an object; expected a field as with a name for files, of letters, digits, '-' and '_', "
            + "which '/out' is not.");
        yield return Case(
            "no output", new JsonArray(), "field 'models.inner.outputs' is an array of 0; expected an array of one output or more.");

        static TestCaseData Case(string name, JsonNode outputs, string problem) =>
            new TestCaseData(outputs, problem).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Malformed))]
    public void Manifest_OfAnOutputThatMakesNoSense_IsRefused(JsonNode outputs, string problem)
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("out", AnswerGraph.Image, OnnxElementType.Float, "N", 1, 48, 64), outputs);
        Assert.That(() => Bundle.Load(bundle.Path), Throws.TypeOf<BundleException>().With.Message.EndsWith($"diffeonn.json: {problem}"));
    }

    [Test]
    public void EveryKind_HasItsPlaceInTheRegistry() => Assert.That(
        AnswerKinds.All.Select(kind => kind.Kind), Is.EquivalentTo(Enum.GetValues<OutputKind>()));

    /// <summary>What guesses a kind from a file that says nothing of it (Diagnostics/Reading) has to name what it guesses.</summary>
    [Test]
    public void NoOtherFile_TellsKindsApart()
    {
        var source = Path.Combine(Repository.Root, "src");
        string[] switching =
        [
            .. Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
                .Where(file => !Path.GetRelativePath(source, file).Split('/', '\\')
                    .Any(part => part is "obj" or "bin" or "Answers" or "Reading")
                    // What a proposer learns from each kind, and what a server calls its parts.
                    && Path.GetFileName(file) is not ("AnswerNodes.cs" or "BundleOutputs.cs"))
                .SelectMany(file => File.ReadLines(file).Where(line => line.Contains($"{nameof(OutputKind)}.", StringComparison.Ordinal))
                    .Select(line => $"{Path.GetFileName(file)}: {line.Trim()}")),
        ];
        Assert.That(switching, Is.Empty);
    }

    private static bool Near((double, double, double, double) a, (double, double, double, double) b) =>
        Math.Abs(a.Item1 - b.Item1) + Math.Abs(a.Item2 - b.Item2) + Math.Abs(a.Item3 - b.Item3) + Math.Abs(a.Item4 - b.Item4) < 1e-4;

    private static bool Near(IReadOnlyList<(double Column, double Row)> a, IReadOnlyList<(double Column, double Row)> b) =>
        a.Count == b.Count && a.Zip(b).All(pair =>
            Math.Abs(pair.First.Column - pair.Second.Column) + Math.Abs(pair.First.Row - pair.Second.Row) < 1e-2);
}
