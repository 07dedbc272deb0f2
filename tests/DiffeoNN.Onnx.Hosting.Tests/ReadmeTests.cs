using System.Xml.Linq;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DiffeoNN.Onnx.Hosting.Tests;

/// <summary>The package's README: its example runs as it is printed, and the packages it names are those that are tested here.</summary>
[TestFixture]
[NonParallelizable]
public sealed class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(Repository.Root, "src", "DiffeoNN.Onnx.Hosting", "README.md"));

    [Test]
    public async Task Example_RunsAsItIsPrinted()
    {
        var (folder, previous) = (Directory.CreateTempSubdirectory("diffeonn-readme-").FullName, Directory.GetCurrentDirectory());
        Directory.SetCurrentDirectory(folder);
        try
        {
            Directory.CreateSymbolicLink("models", Path.Combine(Repository.Root, "models"));
            ImageFile.WritePng("image.png", new ImageBuffer(1, 128, 128));
            await Run([]);
        }
        finally
        {
            Directory.SetCurrentDirectory(previous);
            File.Delete(Path.Combine(folder, "models"));
            Directory.Delete(folder, recursive: true);
        }

        var source = File.ReadAllText(
            Path.Combine(Repository.Root, "tests", "DiffeoNN.Onnx.Hosting.Tests", "ReadmeTests.cs"));
        Assert.That(Plain(Readme), Does.Contain(Plain(source.Split("// <example>\n")[1].Split("// </example>")[0])));
    }

    [Test]
    public void Packages_HaveTheVersionsThatAreTestedHere()
    {
        var tested = XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion")
            .ToDictionary(element => element.Attribute("Include")!.Value, element => element.Attribute("Version")!.Value);
        var block = XDocument.Parse($"<a>{Readme.Split("```xml\n")[1].Split("```")[0]}</a>");
        var named = block.Descendants("PackageReference")
            .ToDictionary(element => element.Attribute("Include")!.Value, element => element.Attribute("Version")!.Value);
        Assert.That(named.Keys, Is.EqualTo(new[] { "DiffeoNN.Onnx.Hosting", "Microsoft.Extensions.Hosting" }));
        Assert.That(named["Microsoft.Extensions.Hosting"], Is.EqualTo(tested["Microsoft.Extensions.Hosting"]));
        Assert.That(named["DiffeoNN.Onnx.Hosting"],
            Is.EqualTo(typeof(DiffeoServices).Assembly.GetName().Version!.ToString(3)), "the version that packing gives");
    }

    private static async Task Run(string[] args)
    {
        // <example>
        var builder = Host.CreateApplicationBuilder(args);
        builder.Services.AddDiffeoNN("shapes", options => options.Bundle = "models/shapes");
        builder.Services.AddHealthChecks().AddDiffeoNN("shapes");
        using var host = builder.Build();
        await host.StartAsync();

        var model = host.Services.GetRequiredKeyedService<EquivariantModel>("shapes");
        using var result = await model.RunAsync([ImageFile.Read("image.png")]);
        Console.WriteLine($"{result.Images[0].Output.Labels!.Labels.Count((byte)1)} pixels of class 1");
        // </example>
        Assert.That(result.Images[0].Output.Labels!.Labels.Length, Is.EqualTo(128 * 128));
        await host.StopAsync();
    }

    private static string Plain(string text) =>
        string.Join('\n', text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries));
}
