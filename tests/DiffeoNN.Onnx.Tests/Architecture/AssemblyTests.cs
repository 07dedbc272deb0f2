using System.Reflection;
using System.Xml.Linq;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Torch;

namespace DiffeoNN.Onnx.Tests.Architecture;

/// <summary>The assemblies need each other in one direction only: each needs some of those that stand before it.</summary>
public sealed class AssemblyTests
{
    private const string Gradients = "DiffeoNN.Onnx.Gradients";
    private const string Library = "DiffeoNN.Onnx";
    private const string Torch = "DiffeoNN.Onnx.Torch";
    private const string Training = "DiffeoNN.Onnx.Training";
    private const string Serving = "DiffeoNN.Onnx.Serving";

    /// <summary>From the ground up: what each may name as its own need.</summary>
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        [Gradients] = [],
        [Library] = [Gradients],
        [Torch] = [Library],
        ["DiffeoNN.Onnx.ImageSharp"] = [Library],
        ["DiffeoNN.Onnx.Hosting"] = [Library],
        [Serving] = [Library],
        ["DiffeoNN.Onnx.Client"] = [],
        ["DiffeoNN.Onnx.Server"] = [Serving],
        [Training] = [Library],
        ["DiffeoNN.Onnx.Cli"] = [Library, Serving, Torch, Training],
    };

    [Test]
    public void Projects_NeedWhatStandsBeforeThem() => Assert.That(Violations(Allowed), Is.Empty);

    [Test]
    public void AnArrowTurnedRound_IsSeen()
    {
        var turned = new Dictionary<string, string[]>(Allowed) { [Library] = [Gradients, Torch], [Torch] = [] };
        Assert.That(Violations(turned), Is.EquivalentTo(new[] { "DiffeoNN.Onnx.Torch needs DiffeoNN.Onnx" }));
        Assert.That(Cycle(turned), Is.Null);
        Assert.That(Cycle(new Dictionary<string, string[]>(Allowed) { [Library] = [Torch] }), Does.Contain(Torch).And.Contain(Library));
    }

    [Test]
    public void Assemblies_DoNotNeedEachOther() =>
        Assert.That(Cycle(Projects().ToDictionary(project => project, References)), Is.Null);

    /// <summary>What the compiler wrote down: a project may name more than its code needs.</summary>
    [Test]
    public void CompiledAssemblies_NeedWhatTheTableAllows()
    {
        Assert.That(Ours(typeof(GradientCompiler).Assembly), Is.Empty);
        Assert.That(Ours(typeof(EquivariantModel).Assembly), Is.EquivalentTo(new[] { Gradients }));
        Assert.That(Ours(typeof(TorchEngine).Assembly), Is.EquivalentTo(new[] { Gradients, Library }));

        static string[] Ours(Assembly assembly) => [.. assembly.GetReferencedAssemblies().Select(needed => needed.Name!)
            .Where(name => name.StartsWith("DiffeoNN", StringComparison.Ordinal))];
    }

    [Test]
    public void Gradients_NeedNothingButProtobuf()
    {
        string[] needed = [.. typeof(GradientCompiler).Assembly.GetReferencedAssemblies().Select(assembly => assembly.Name!)
            .Where(name => !name.StartsWith("System", StringComparison.Ordinal))];
        Assert.That(needed, Is.EqualTo(new[] { "Google.Protobuf" }));
    }

    private static string[] Violations(Dictionary<string, string[]> allowed) =>
    [
        .. Projects().Where(project => !allowed.ContainsKey(project)).Select(project => $"{project} is not in the table"),
        .. Projects().SelectMany(project => References(project).Except(allowed.GetValueOrDefault(project, []))
            .Select(needed => $"{project} needs {needed}")),
    ];

    /// <summary>An assembly that needs itself by way of others; null if there is none.</summary>
    private static string? Cycle(Dictionary<string, string[]> arrows)
    {
        return arrows.Keys.Select(start => Way(start, start, [])).FirstOrDefault(way => way is not null);

        string? Way(string from, string to, HashSet<string> seen)
        {
            foreach (var next in arrows.GetValueOrDefault(from, []))
            {
                if (next == to) return $"{from} needs {to}";
                if (seen.Add(next) && Way(next, to, seen) is { } rest) return $"{from} needs {rest}";
            }

            return null;
        }
    }

    private static IEnumerable<string> Projects() =>
        Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories)
            .Select(file => Path.GetFileNameWithoutExtension(file));

    private static string[] References(string project) =>
    [
        .. XDocument.Load(Path.Combine(Repository.Root, "src", project, $"{project}.csproj")).Descendants("ProjectReference")
            .Select(element => Path.GetFileNameWithoutExtension(element.Attribute("Include")!.Value.Replace('\\', '/'))),
    ];
}
