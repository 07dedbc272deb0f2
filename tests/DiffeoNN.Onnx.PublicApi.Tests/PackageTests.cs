using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Xml.Linq;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.PublicApi.Tests;

/// <summary>The packages: packed, installed into a fresh project from a folder, the first example of their READMEs run.</summary>
[TestFixture]
[NonParallelizable]
public sealed class PackageTests
{
    private const string Gradients = "DiffeoNN.Onnx.Gradients";
    private const string Library = "DiffeoNN.Onnx";
    private const string Torch = "DiffeoNN.Onnx.Torch";
    private const string Pictures = "DiffeoNN.Onnx.ImageSharp";

    [Test]
    public void Gradients_InAFreshProject_RunsItsReadmesExample()
    {
        using var project = new FreshProject(Gradients);
        Assert.That(project.HasSymbols(Gradients));
        Assert.That(Entries(project.Package(Gradients)), Is.SupersetOf(new[]
        {
            "README.md", "COVERAGE.md", "lib/net10.0/DiffeoNN.Onnx.Gradients.dll", "lib/net10.0/DiffeoNN.Onnx.Gradients.xml",
        }));
        Assert.That(Dependencies(project.Package(Gradients)).Keys, Is.EquivalentTo(new[] { "Google.Protobuf" }));

        File.WriteAllText(project["app.csproj"], $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <UseAppHost>false</UseAppHost>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{Gradients}" Version="{project.Version(Gradients)}" />
              </ItemGroup>
            </Project>
            """);
        File.WriteAllText(project["Program.cs"], Block(Gradients, "csharp"));
        File.Copy(Path.Combine(Repository.Bundle("shapes"), "critic.onnx"), project["critic.onnx"]);

        var output = project.Run();

        Assert.That(output, Does.Contain("in:  'score_grad'").And.Contain("out: 'image_grad' float32"));
        Assert.That(project["critic.gradient.onnx"], Does.Exist);
    }

    [Test]
    public void Library_InAFreshProjectWithTheNativesItsReadmeNames_RunsItsReadmesExample()
    {
        if (RuntimeInformation.RuntimeIdentifier != "linux-x64" || !IsRestored("Microsoft.ML.OnnxRuntime.Gpu.Linux"))
            Assert.Ignore("The README's project is for linux-x64 and ONNX Runtime with CUDA, which were not restored here.");
        using var project = new FreshProject(Gradients, Library);
        Assert.That(project.HasSymbols(Library));
        Assert.That(Entries(project.Package(Library)), Is.SupersetOf(new[]
        {
            "README.md", "lib/net10.0/DiffeoNN.Onnx.dll", "lib/net10.0/DiffeoNN.Onnx.xml", "buildTransitive/DiffeoNN.Onnx.targets",
        }));

        File.WriteAllText(project["app.csproj"], Block(Library, "xml"));
        File.WriteAllText(project["Program.cs"], Block(Library, "csharp"));
        Directory.CreateSymbolicLink(project["models"], Path.Combine(Repository.Root, "models"));
        ImageFile.WritePng(project["image.png"], ShapesGenerator.Generate(3, 0).Image);
        string output;
        try
        {
            output = project.Run();
        }
        finally
        {
            Directory.Delete(project["models"]);
        }

        Assert.That(output, Does.Match(@"^[1-9]\d* pixels of class 1\nenergy [\d.]+ -> [\d.]+\n$"));
        // One platform's natives, once: no folder of platforms, none of another system.
        var bin = project["bin/Debug/net10.0/linux-x64"];
        Assert.That(Path.Combine(bin, "libonnxruntime_providers_cuda.so"), Does.Exist);
        Assert.That(Path.Combine(bin, "runtimes"), Does.Not.Exist);
        Assert.That(Directory.GetFiles(bin).Where(file => Path.GetExtension(file) == ".dylib" || IsNativeOfWindows(file)), Is.Empty);
        var size = Directory.GetFiles(bin, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
        TestContext.Out.WriteLine($"The output takes {size / 1_000_000} MB.");
        Assert.That(size, Is.LessThan(1_000_000_000));
    }

    [Test]
    public void Library_InAProjectWithoutNatives_WarnsAndNamesTheirPackages()
    {
        using var project = new FreshProject(Gradients, Library);
        var document = XDocument.Parse(Block(Library, "xml"));
        document.Descendants("PackageReference").Where(element => element.Attribute("Include")!.Value != Library).Remove();
        document.Save(project["app.csproj"]);
        File.WriteAllText(project["Program.cs"], "Console.WriteLine();");

        var (code, output) = project.Build();

        Assert.That(code, Is.Not.Zero, output);
        Assert.That(output,
            Does.Contain("DIFFEONN001").And.Contain("Microsoft.ML.OnnxRuntime.Gpu.Linux").And.Contain("libtorch-cpu-linux-x64")
                .And.Contain("SkiaSharp.NativeAssets.Linux.NoDependencies"));
        document.Descendants("TargetFramework").Single().AddAfterSelf(new XElement("CheckDiffeoNNNatives", "false"));
        document.Save(project["app.csproj"]);
        (code, output) = project.Build();
        Assert.That(code, Is.Zero, output);
    }

    [Test]
    public void Library_NamesManagedPackagesOnly()
    {
        using var project = new FreshProject(Library, Torch, Pictures);
        var dependencies = Dependencies(project.Package(Library));
        var (torch, pictures) = (Dependencies(project.Package(Torch)), Dependencies(project.Package(Pictures)));
        string[] managed = ["Microsoft.ML.OnnxRuntime.Managed", "SkiaSharp", "TorchSharp"];

        Assert.That(dependencies.Keys, Is.SupersetOf(managed.Append(Gradients)));
        Assert.That(torch.Keys, Does.Contain(Library).And.None.EqualTo(Pictures));
        Assert.That(Entries(project.Package(Torch)), Is.SupersetOf(new[]
        {
            "README.md", "OPERATORS.md", "lib/net10.0/DiffeoNN.Onnx.Torch.dll", "lib/net10.0/DiffeoNN.Onnx.Torch.xml",
        }));
        Assert.That(pictures.Keys, Is.SupersetOf(new[] { Library, "SixLabors.ImageSharp" }));
        Assert.That(dependencies.Keys, Has.None.EqualTo("SixLabors.ImageSharp").And.None.EqualTo(Torch));
        Assert.That(dependencies.Keys.Concat(torch.Keys).Concat(pictures.Keys).Except(managed).Where(IsOfALibraryWithNatives), Is.Empty);
    }

    [Test]
    public void Readme_NamesTheVersionsThatAreTestedHere()
    {
        var tested = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(element => element.Attribute("Include")!.Value, element => element.Attribute("Version")!.Value);
        var readme = File.ReadAllText(Readme(Library));
        var named = XDocument.Parse(Block(Library, "xml")).Descendants("PackageReference")
            .Where(element => element.Attribute("Include")!.Value != Library).ToList();

        Assert.That(named, Has.Count.EqualTo(3));
        foreach (var element in named)
            Assert.That(element.Attribute("Version")!.Value, Is.EqualTo(tested[element.Attribute("Include")!.Value]), element.ToString());
        string[] runtimes = [.. tested.Keys.Where(name => name.StartsWith("Microsoft.ML.OnnxRuntime", StringComparison.Ordinal))];
        Assert.That(runtimes.Select(name => tested[name]).Distinct(), Has.Exactly(1).Items,
            "the managed interface and all natives are of one release");
        Assert.That(readme, Does.Contain($"| ONNX Runtime {tested[runtimes[0]]} | libtorch {tested["libtorch-cpu-linux-x64"]} |"));
        Assert.That(readme, Does.Contain($"| SkiaSharp {tested["SkiaSharp"]} |"));
    }

    /// <summary>The tests themselves run on natives of one platform: the same rules hold for the programs here.</summary>
    [Test]
    public void ThisBuild_HoldsNativesOfOnePlatform()
    {
        Assert.That(Path.Combine(AppContext.BaseDirectory, "runtimes"), Does.Not.Exist);
        string[] endings = OperatingSystem.IsWindows() ? [".so", ".dylib"] : OperatingSystem.IsMacOS() ? [".so"] : [".dylib"];
        var files = Directory.GetFiles(AppContext.BaseDirectory);
        Assert.That(files.Where(file => endings.Contains(Path.GetExtension(file))), Is.Empty);
        if (!OperatingSystem.IsWindows()) Assert.That(files.Where(IsNativeOfWindows), Is.Empty);
    }

    private static bool IsRestored(string package) =>
        Directory.Exists(Path.Combine(FreshProject.InstalledPackages, package.ToLowerInvariant()));

    private static bool IsNativeOfWindows(string file) =>
        Path.GetFileName(file) is "onnxruntime.dll" or "torch_cpu.dll" or "LibTorchSharp.dll" or "libSkiaSharp.dll";

    private static bool IsOfALibraryWithNatives(string package) =>
        new[] { "onnxruntime", "torch", "skia", "native" }.Any(part => package.Contains(part, StringComparison.OrdinalIgnoreCase));

    private static string Readme(string project) => Path.Combine(Repository.Root, "src", project, "README.md");

    /// <summary>The first block of a language in a package's README.</summary>
    private static string Block(string project, string language) =>
        File.ReadAllText(Readme(project)).Split($"```{language}\n")[1].Split("```")[0];

    private static List<string> Entries(string package)
    {
        using var archive = ZipFile.OpenRead(package);
        return [.. archive.Entries.Select(entry => entry.FullName)];
    }

    private static Dictionary<string, XElement> Dependencies(string package)
    {
        using var archive = ZipFile.OpenRead(package);
        using var stream = archive.Entries.Single(entry => entry.Name.EndsWith(".nuspec", StringComparison.Ordinal)).Open();
        var specification = XDocument.Load(stream);
        var space = specification.Root!.Name.Namespace;
        Assert.That(specification.Descendants(space + "license").Single().Value, Is.EqualTo("MIT"));
        Assert.That(specification.Descendants(space + "readme").Single().Value, Is.EqualTo("README.md"));
        return specification.Descendants(space + "dependency").ToDictionary(element => element.Attribute("id")!.Value);
    }
}
