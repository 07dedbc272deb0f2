using NUnit.Framework;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>Folders of the checkout the tests run from, and of the test material beside it.</summary>
internal static class Repository
{
    private static readonly ThreadLocal<bool> Hidden = new();

    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A bundle of this repository.</summary>
    public static string Bundle(string name) => Path.Combine(Root, "models", name);

    /// <summary>Test material, which does not belong to the repository; ignores the test where it is absent.</summary>
    public static string Shared(string relative)
    {
        var path = TryShared(relative);
        if (path is null)
            Assert.Ignore($"'../shared/{relative}' is not beside this checkout; it is test material that does "
                + "not belong to the repository.");
        return path!;
    }

    /// <summary>Test material; null where it is absent. It may also lie beside a folder of checkouts.</summary>
    public static string? TryShared(string relative) => Hidden.Value ? null : new[] { "..", "../.." }
        .Select(up => Path.GetFullPath(Path.Combine(Root, up, "shared", relative)))
        .FirstOrDefault(Path.Exists);

    /// <summary>Hides the test material from this thread until it is disposed.</summary>
    public static IDisposable WithoutShared()
    {
        Hidden.Value = true;
        return new Unhide();
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "DiffeoNN.Onnx.sln"))) return folder.FullName;
        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} holds DiffeoNN.Onnx.sln.");
    }

    private sealed class Unhide : IDisposable
    {
        public void Dispose() => Hidden.Value = false;
    }
}
