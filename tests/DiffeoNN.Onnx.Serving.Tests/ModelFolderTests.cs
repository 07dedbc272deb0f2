using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>What counts as a model in a folder.</summary>
public sealed class ModelFolderTests
{
    [Test]
    public void List_FindsBundlesFilesAndVersions()
    {
        using var folder = new TemporaryFolder();
        foreach (var file in (string[])
            [
                "plain.onnx", "notes.txt", ".hidden/model.onnx", "lost+found/model.onnx", ".Trash-0/1/model.onnx",
                "bundle/diffeonn.json", "bundle/inner.onnx", "bundle/2/inner.onnx",
                "old/1/diffeonn.json", "old/10/diffeonn.json", "old/9/net.onnx", "old/09/net.onnx", "old/draft/net.onnx",
                "one/net.onnx", "two/a.onnx", "two/b.onnx", "usual/a.onnx", "usual/model.onnx", "empty/readme", "twice.onnx",
                "twice/net.onnx",
            ])
        {
            Directory.CreateDirectory(Path.GetDirectoryName(folder[file])!);
            File.WriteAllText(folder[file], "");
        }

        var found = ModelFolder.List(folder.Path);

        Assert.That(found.Select(source =>
                $"{source.Name} {source.Version} {Path.GetRelativePath(folder.Path, source.Path)}{(source.IsBundle ? " bundle" : "")}"
                + (source.Problem is null ? "" : " !")),
            Is.EqualTo(new[]
            {
                "bundle 1 bundle bundle", "empty 1 empty !", "old 1 old/1 bundle", "old 9 old/9/net.onnx", "old 10 old/10 bundle",
                "one 1 one/net.onnx", "plain 1 plain.onnx", "twice 1 twice.onnx !", "two 1 two !", "usual 1 usual/model.onnx",
            }).Or.EqualTo(new[]
            {
                "bundle 1 bundle bundle", "empty 1 empty !", "old 1 old/1 bundle", "old 9 old/9/net.onnx", "old 10 old/10 bundle",
                "one 1 one/net.onnx", "plain 1 plain.onnx", "twice 1 twice/net.onnx !", "two 1 two !", "usual 1 usual/model.onnx",
            }));
        Assert.That(found.Select(source => source.Problem).OfType<string>(), Is.EqualTo(new[]
        {
            "The folder holds neither a bundle (diffeonn.json) nor an ONNX file.",
            "'twice' is both a file and a folder of the repository; keep one of them.",
            "The folder holds 2 ONNX files; expected one, or one that is called model.onnx.",
        }));
    }
}
