namespace DiffeoNN.Onnx.Gradients.Tests;

/// <summary>The folder "shared" beside the checkout, which holds public models; not everyone has it.</summary>
internal static class SharedFolder
{
    /// <summary>Path of something in it; the test is ignored where it is absent.</summary>
    public static string Find(string relative)
    {
        var path = TryFind(relative);
        if (path is null)
            Assert.Ignore($"'../shared/{relative}' is not beside this checkout.");
        return path!;
    }

    public static string? TryFind(string relative)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "DiffeoNN.Onnx.sln")))
            folder = folder.Parent;
        if (folder?.Parent is null)
            return null;
        // The shared folder may lie beside a folder of checkouts too.
        foreach (var parent in new[] { folder.Parent, folder.Parent.Parent })
        {
            if (parent is not null && Path.Combine(parent.FullName, "shared", relative) is var path && Path.Exists(path))
                return path;
        }

        return null;
    }
}
