using System.Diagnostics;
using System.Security;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>A folder outside the checkout with a feed of packages made here and a project that installs them, as a user's would.</summary>
/// <remarks>Other packages come from the folder of installed ones: nothing is downloaded.</remarks>
internal sealed class FreshProject : IDisposable
{
#if DEBUG
    private const string Configuration = "Debug";
#else
    private const string Configuration = "Release";
#endif

    /// <summary>The folder of installed packages, which is laid out as a source of packages.</summary>
    public static string InstalledPackages { get; } = Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private readonly TemporaryFolder _folder = new();

    /// <summary>Packs projects, which are built already, into the feed.</summary>
    /// <param name="projects">Names of folders below src/.</param>
    public FreshProject(params string[] projects)
    {
        Directory.CreateDirectory(_folder["app"]);
        foreach (var project in projects)
            Dotnet(
                Path.Combine(Repository.Root, "src", project), "pack", "--no-build", "--no-restore", "-c", Configuration, "-o",
                _folder["feed"]);
        File.WriteAllText(this["nuget.config"], $"""
            <configuration>
              <packageSources>
                <clear />
                <add key="feed" value="{_folder["feed"]}" />
                <add key="installed" value="{SecurityElement.Escape(InstalledPackages)}" />
              </packageSources>
              <fallbackPackageFolders>
                <clear />
                <add key="installed" value="{SecurityElement.Escape(InstalledPackages)}" />
              </fallbackPackageFolders>
            </configuration>
            """);
        // What is made here has a version that a folder of installed packages may hold too, from elsewhere.
        File.WriteAllText(this["Directory.Build.props"], $"""
            <Project>
              <PropertyGroup>
                <RestorePackagesPath>{SecurityElement.Escape(_folder["packages"])}</RestorePackagesPath>
                <NuGetAudit>false</NuGetAudit>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <MSBuildTreatWarningsAsErrors>true</MSBuildTreatWarningsAsErrors>
              </PropertyGroup>
            </Project>
            """);
    }

    /// <summary>Path of a file in the project's folder.</summary>
    public string this[string name] => _folder[Path.Combine("app", name)];

    /// <summary>The packages made, by name without version.</summary>
    public string Package(string name) =>
        Directory.GetFiles(_folder["feed"], $"{name}.*.nupkg").Single(file => char.IsDigit(Path.GetFileName(file)[name.Length + 1]));

    /// <summary>The symbols of a package.</summary>
    public bool HasSymbols(string name) => File.Exists(Path.ChangeExtension(Package(name), ".snupkg"));

    /// <summary>Version of a package made.</summary>
    public string Version(string name) => Path.GetFileNameWithoutExtension(Package(name))[(name.Length + 1)..];

    /// <summary>Builds and runs the project.</summary>
    /// <returns>What it wrote to standard output.</returns>
    public string Run() => Dotnet(_folder["app"], "run");

    /// <summary>Builds the project, whose warnings are errors.</summary>
    /// <returns>The exit code, and what was written to standard output.</returns>
    public (int Code, string Output) Build()
    {
        var (code, output, error) = Start(_folder["app"], "build");
        return (code, output + error);
    }

    public void Dispose() => _folder.Dispose();

    private static string Dotnet(string folder, params string[] arguments)
    {
        var (code, output, error) = Start(folder, arguments);
        Assert.That(code, Is.Zero, $"dotnet {string.Join(' ', arguments)}: {output}{error}");
        return output;
    }

    private static (int Code, string Output, string Error) Start(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // What the test's own build has set would decide for this one; and no server must stay behind.
        foreach (var name in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5))) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
