using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Tests.Architecture;

/// <summary>The library is built in floors: a folder needs folders of its own floor and of those below,
/// and no two need each other.</summary>
public sealed class FloorTests
{
    private const string Root = "DiffeoNN.Onnx";

    /// <summary>From the ground up.</summary>
    private static readonly string[][] Floors =
    [
        ["Tensors", "Files", "RandomNumbers", "Native"],
        ["Fields", "Imaging"],
        ["Execution", "Search", "Deformations", "Metrics", "Shapes"],
        ["Answers"],
        ["Bundles", "Energies", "Composition"],
        ["Canonicalisation"],
        ["Inference", "Export"],
        ["Data", "Rendering"],
        ["Evaluation", "Tuning", "Validation", "Diagnostics"],
    ];

    /// <summary>The floors of a folder that has folders of its own, what lies in it directly on top.</summary>
    private static readonly string[][] ValidationFloors =
    [
        ["Comparing"],
        ["Sources", "Reports"],
        ["Differences"],
        ["Blame"],
        [FolderGraph.Top],
    ];

    private static readonly FolderGraph Graph = FolderGraph.Of(typeof(EquivariantModel).Assembly.Location, Root);

    private static readonly FolderGraph Validation =
        FolderGraph.Of(typeof(EquivariantModel).Assembly.Location, Root + ".Validation", hasTop: true);

    [Test]
    public void EveryFolder_HasAFloor() => Assert.That(Graph.Folders, Is.EquivalentTo(Floors.SelectMany(floor => floor)));

    [Test]
    public void Arrows_PointDown() => Assert.That(Upwards(Graph, Floors), Is.Empty);

    [Test]
    public void Folders_DoNotNeedEachOther() => Assert.That(Graph.Cycle(Graph.Folders), Is.Null);

    [Test]
    public void FoldersOfValidation_HaveFloorsWhoseArrowsPointDown()
    {
        Assert.That(Validation.Folders, Is.EquivalentTo(ValidationFloors.SelectMany(floor => floor)));
        Assert.That(Upwards(Validation, ValidationFloors), Is.Empty);
        Assert.That(Validation.Cycle(Validation.Folders), Is.Null);
    }

    [Test]
    public void AnArrowTurnedRound_IsSeen()
    {
        Assert.That(
            Upwards(Graph, Swapped(Floors, 0, 1)),
            Has.Some.Contains("Fields needs Tensors").And.Some.Contains("Imaging needs Files"));
        Assert.That(Upwards(Validation, Swapped(ValidationFloors, 2, 3)), Is.Not.Empty.And.All.Contains("Blame needs Differences"));
        Assert.That(Upwards(Validation, Swapped(ValidationFloors, 3, 4)), Is.Not.Empty.And.All.Contains(". needs Blame"));
    }

    [TestCase(Root)]
    [TestCase("DiffeoNN.Onnx.Torch")]
    [TestCase("DiffeoNN.Onnx.ImageSharp")]
    [TestCase("DiffeoNN.Onnx.Training")]
    [TestCase("DiffeoNN.Onnx.Serving")]
    [TestCase("DiffeoNN.Onnx.Server")]
    [TestCase("DiffeoNN.Onnx.Client")]
    [TestCase("DiffeoNN.Onnx.Cli")]
    public void Types_LieInTheFolderThatTheirNamespaceSays(string assembly)
    {
        var source = Path.Combine(Repository.Root, "src", assembly);
        string[] wrong =
        [
            .. Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
                .Select(file => (File: Path.GetRelativePath(source, file),
                    Line: File.ReadLines(file).FirstOrDefault(line => line.StartsWith("namespace ", StringComparison.Ordinal))))
                .Where(pair => pair.Line is not null && !pair.File.StartsWith("obj", StringComparison.Ordinal)
                    && !pair.File.StartsWith("bin", StringComparison.Ordinal))
                .Where(pair => pair.Line != $"namespace {string.Join('.', [assembly, .. pair.File.Split('/', '\\')[..^1]])};")
                .Select(pair => $"{pair.File}: {pair.Line}"),
        ];
        Assert.That(wrong, Is.Empty);
    }

    private static string[][] Swapped(string[][] floors, int a, int b)
    {
        var swapped = floors.ToArray();
        (swapped[a], swapped[b]) = (swapped[b], swapped[a]);
        return swapped;
    }

    private static string[] Upwards(FolderGraph graph, string[][] floors)
    {
        var floorOf = floors.SelectMany((floor, level) => floor.Select(folder => (folder, level))).ToDictionary(
            pair => pair.folder, pair => pair.level);
        return [.. graph.Arrows.Where(arrow => floorOf[arrow.Key.From] < floorOf[arrow.Key.To])
            .Select(arrow => $"{arrow.Key.From} needs {arrow.Key.To}: {arrow.Value}")];
    }
}
