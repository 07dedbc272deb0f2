namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Folders of the checkout the tests run from.</summary>
internal static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A bundle of this repository.</summary>
    public static string Bundle(string name) => Path.Combine(Root, "models", name);

    /// <summary>Test material beside the checkout; ignores the test where it is absent.</summary>
    public static string Shared(string relative)
    {
        string path = Path.GetFullPath(Path.Combine(Root, "..", "shared", relative));
        if (!Path.Exists(path)) Assert.Ignore($"'../shared/{relative}' is not there; it is test material that does not belong to the repository.");
        return path;
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "DiffeoNN.Onnx.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException("The tests do not run from a checkout of the repository.");
    }
}
