namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>The sources stay readable side by side: no long lines, no long files.</summary>
public sealed class SourceTextTests
{
    private const int LongestLine = 140;
    private const int LongestFile = 400;

    /// <summary>Folders that builds, tools and users write; git ignores them.</summary>
    private static readonly string[] Written =
        ["bin", "obj", "artifacts", "TestResults", "__pycache__", "out", "data", "runs", "node_modules"];

    [Test]
    public void Lines_AreShortEnough()
    {
        List<string> found = [];
        foreach (var file in Sources())
        {
            var number = 0;
            foreach (var line in File.ReadLines(file))
            {
                number++;
                if (line.Length > LongestLine) found.Add($"{Name(file)}({number}): {line.Length} characters");
            }
        }

        Assert.That(found, Is.Empty, $"a line has at most {LongestLine} characters");
    }

    [Test]
    public void Files_AreShortEnough() => Assert.That(
        Sources().Select(file => (Name: Name(file), Lines: File.ReadLines(file).Count())).Where(file => file.Lines > LongestFile),
        Is.Empty, $"a file has at most {LongestFile} lines; a longer one usually holds two ideas");

    [Test]
    public void Sources_AreFound() => Assert.That(Sources().Select(Name), Is.SupersetOf(new[]
    {
        "src/DiffeoNN.Onnx/Inference/EquivariantModel.cs",
        "tests/DiffeoNN.Onnx.PublicApi.Tests/SourceTextTests.cs",
        "tools/public-api/update.py",
    }));

    private static IEnumerable<string> Sources() => Below(new DirectoryInfo(Repository.Root));

    private static IEnumerable<string> Below(DirectoryInfo folder)
    {
        foreach (var file in folder.EnumerateFiles().Where(file => file.Extension is ".cs" or ".py")) yield return file.FullName;
        foreach (var inner in folder.EnumerateDirectories().Where(IsOurs))
            foreach (var file in Below(inner)) yield return file;
    }

    private static bool IsOurs(DirectoryInfo folder) =>
        folder.Name[0] != '.' && folder.LinkTarget is null && !Written.Contains(folder.Name);

    private static string Name(string file) => Path.GetRelativePath(Repository.Root, file).Replace('\\', '/');
}
