using System.Diagnostics;
using System.IO.Compression;
using System.Security;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>The gradient compiler's package: packed, installed into a fresh project from a folder, its README's first example run.</summary>
[TestFixture]
[NonParallelizable]
public sealed class PackageTests
{
#if DEBUG
    private const string Configuration = "Debug";
#else
    private const string Configuration = "Release";
#endif

    private static readonly string ProjectFolder = Path.Combine(Repository.Root, "src", "DiffeoNN.Onnx.Gradients");

    [Test]
    public void Package_InAFreshProject_RunsItsReadmesExample()
    {
        using var folder = new TemporaryFolder();
        Dotnet(ProjectFolder, "pack", "--no-build", "--no-restore", "-c", Configuration, "-o", folder["feed"]);
        string package = Directory.GetFiles(folder["feed"], "*.nupkg").Single();
        Assert.That(Directory.GetFiles(folder["feed"], "*.snupkg"), Has.Length.EqualTo(1));
        AssertContents(package);

        Directory.CreateDirectory(folder["app"]);
        File.WriteAllText(folder["app/nuget.config"], $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{folder["feed"]}" /><add key="installed" value="{SecurityElement.Escape(InstalledPackages())}" /></packageSources>
            </configuration>
            """);
        string version = Path.GetFileNameWithoutExtension(package)["DiffeoNN.Onnx.Gradients.".Length..];
        File.WriteAllText(folder["app/app.csproj"], $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <UseAppHost>false</UseAppHost>
                <RestorePackagesPath>{folder["packages"]}</RestorePackagesPath>
                <NuGetAudit>false</NuGetAudit>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="DiffeoNN.Onnx.Gradients" Version="{version}" />
              </ItemGroup>
            </Project>
            """);
        string readme = File.ReadAllText(Path.Combine(ProjectFolder, "README.md"));
        File.WriteAllText(folder["app/Program.cs"], readme.Split("```csharp")[1].Split("```")[0]);
        File.Copy(Path.Combine(Repository.Root, "models", "shapes", "critic.onnx"), folder["app/critic.onnx"]);

        string output = Dotnet(folder["app"], "run");

        Assert.That(output, Does.Contain("in:  'score_grad'").And.Contain("out: 'image_grad' float32"));
        Assert.That(folder["app/critic.gradient.onnx"], Does.Exist);
    }

    private static void AssertContents(string package)
    {
        using var archive = ZipFile.OpenRead(package);
        Assert.That(archive.Entries.Select(entry => entry.FullName), Is.SupersetOf(new[]
        {
            "README.md", "COVERAGE.md", "lib/net10.0/DiffeoNN.Onnx.Gradients.dll", "lib/net10.0/DiffeoNN.Onnx.Gradients.xml",
        }));
        using var reader = new StreamReader(archive.GetEntry("DiffeoNN.Onnx.Gradients.nuspec")!.Open());
        string specification = reader.ReadToEnd();
        Assert.That(specification, Does.Contain("<license type=\"expression\">MIT</license>").And.Contain("<readme>README.md</readme>").And.Contain("Google.Protobuf"));
        Assert.That(specification, Does.Not.Contain("OnnxRuntime\"").And.Not.Contain("TorchSharp"));
    }

    /// <summary>The folder of installed packages, which is laid out as a source of packages: nothing has to be downloaded.</summary>
    private static string InstalledPackages() => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static string Dotnet(string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // What the test's own build has set would decide for this one; and no server must stay behind.
        foreach (string name in start.Environment.Keys.Where(key => key.StartsWith("MSBUILD", StringComparison.OrdinalIgnoreCase)).ToList())
            start.Environment.Remove(name);
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        start.Environment["UseSharedCompilation"] = "false";
        start.Environment["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1";
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        if (!process.WaitForExit(TimeSpan.FromMinutes(5))) process.Kill(entireProcessTree: true);
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"dotnet {string.Join(' ', arguments)}: {output}{error.Result}");
        return output;
    }
}
