using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Search;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>The documents: short enough, their links lead somewhere, and their tables are the program's.</summary>
[TestFixture]
public sealed class DocumentTests
{
    private const string Bundles = "src/DiffeoNN.Onnx/BUNDLES.md";

    [TestCaseSource(typeof(Documents), nameof(Documents.All))]
    public void Links_LeadToFilesAndHeadings(string document)
    {
        var folder = Path.GetDirectoryName(document)!;
        List<string> dead = [];
        foreach (var link in Documents.Links(document).Where(link => !link.Contains("://", StringComparison.Ordinal)))
        {
            var parts = link.Split('#');
            var target = parts[0].Length == 0 ? document
                : Path.GetRelativePath(Repository.Root, Path.GetFullPath(Path.Combine(Repository.Root, folder, parts[0])));
            if (!Path.Exists(Path.Combine(Repository.Root, target)) || (parts.Length > 1 && !Documents.Anchors(target).Contains(parts[1])))
                dead.Add(link);
        }

        var (used, defined) = Documents.References(document);
        Assert.That(dead, Is.Empty);
        Assert.That(used, Is.EquivalentTo(defined));
    }

    /// <summary>A package's page has nothing beside it.</summary>
    [TestCase("src/DiffeoNN.Onnx/README.md")]
    [TestCase("src/DiffeoNN.Onnx.Gradients/README.md")]
    [TestCase("src/DiffeoNN.Onnx.Hosting/README.md")]
    [TestCase("src/DiffeoNN.Onnx.ImageSharp/README.md")]
    [TestCase("src/DiffeoNN.Onnx.Torch/README.md")]
    [TestCase("src/DiffeoNN.Onnx.Client/README.md")]
    public void PackedReadmes_HaveNoRelativeLinks(string document) => Assert.That(Documents.Links(document), Is.All.Contains("://"));

    /// <summary>Outside the kinds' own folder only the files that the instructions name ask which kind an answer is of.</summary>
    [Test]
    public void Instructions_NameWhoTellsKindsOfAnswersApart()
    {
        var source = Path.Combine(Repository.Root, "src");
        var values = string.Join('|', Enum.GetNames<OutputKind>());
        string[] telling =
        [
            .. Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
                .Where(file => Path.GetRelativePath(source, file).Split(Path.DirectorySeparatorChar) is var parts
                    && !parts.Contains("obj") && !parts.Contains("bin") && !parts.Contains("Answers"))
                .Where(file => Regex.IsMatch(File.ReadAllText(file), $@"\bOutputKind\.({values})\b"))
                .Select(file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal),
        ];
        var row = Documents.Read("src/README.md").Split("- **A kind of answer**")[1].Split("- **An option**")[0];
        var named = Regex.Matches(row, "`([A-Z][A-Za-z]+)`").Select(match => match.Groups[1].Value).Distinct()
            .Where(name => Directory.EnumerateFiles(source, $"{name}.cs", SearchOption.AllDirectories)
                .All(file => Path.GetFileName(Path.GetDirectoryName(file)) != "Answers")).Order(StringComparer.Ordinal);
        Assert.That(named, Is.EqualTo(telling));
    }

    [Test]
    public void Readme_IsShort()
    {
        var lines = Documents.Read("README.md").TrimEnd('\n').Split('\n');

        Assert.That(lines, Has.Length.LessThanOrEqualTo(250));
        Assert.That(lines.Where(line => line.Length > 140), Is.Empty);
    }

    /// <summary>These are what the build server runs, too.</summary>
    [Test]
    public void Readme_BeginsWithTheTwoCommands() => Assert.That(
        Documents.Read("README.md").Split("\n```sh\n")[1].Split("```")[0],
        Is.EqualTo("dotnet run -c Release --project src/DiffeoNN.Onnx.Cli -- demo\ndotnet test -c Release\n"));

    /// <summary>Its figures are those of the results: clean, naive, diffeonn and augmented under strong deformations.</summary>
    [TestCase("lungs")]
    [TestCase("shapes")]
    [TestCase("genus")]
    public void Readme_HasTheFiguresOfTheResults(string bundle)
    {
        var told = Documents.Rows(Documents.Section("README.md", "## What it gains")).Single(row => row[0] == $"`{bundle}`")[2..];
        var results = Documents.Read("models/RESULTS.md").Split("\n## ")
            .Single(part => part.Split('\n')[0].EndsWith($"`{bundle}`", StringComparison.Ordinal));

        var measured = Documents.Rows(results).First(row => row[0] == "`tps-strong`" && row.Length > 6)[3..7];

        Assert.That(told, Is.EqualTo(measured.Select(cell => cell.Split(' ')[0])));
    }

    [Test]
    public void Readme_NamesAllCommands()
    {
        foreach (var document in new[] { "README.md", "src/DiffeoNN.Onnx.Cli/README.md" })
        {
            var table = Documents.Read(document).Split("| Command | Does |")[1].Split("\n\n")[0];
            var named = Documents.Rows(table).SelectMany(row => Documents.Code(row[0]));
            Assert.That(named, Is.EquivalentTo(Program().Subcommands.Select(command => command.Name)), document);
        }
    }

    [TestCase("run", "src/DiffeoNN.Onnx.Cli/RUN.md", "## Options")]
    [TestCase("evaluate", "src/DiffeoNN.Onnx.Cli/EVALUATE.md", "## Options")]
    [TestCase("tune", "src/DiffeoNN.Onnx.Cli/TUNE.md", "# `diffeonn tune`: choose a bundle's settings")]
    [TestCase("validate", "src/DiffeoNN.Onnx.Cli/VALIDATE.md", "## Options")]
    [TestCase("doctor", "src/DiffeoNN.Onnx.Cli/DOCTOR.md", "# `diffeonn doctor`: is something wrong here?")]
    [TestCase("gradient", "src/DiffeoNN.Onnx.Cli/GRADIENT.md", "# `diffeonn gradient`: the gradient of any model")]
    [TestCase("export", "src/DiffeoNN.Onnx.Cli/EXPORT.md", "## Options")]
    [TestCase("demo", "src/DiffeoNN.Onnx.Cli/README.md", "## Demo")]
    [TestCase("deform", "src/DiffeoNN.Onnx.Cli/README.md", "## Deform")]
    [TestCase("shapes", "src/DiffeoNN.Onnx.Cli/README.md", "## Shapes")]
    [TestCase("fit", "src/DiffeoNN.Onnx.Cli/FIT.md", "# `diffeonn fit`: from a network and images to a bundle")]
    [TestCase("serve", "src/DiffeoNN.Onnx.Cli/SERVE.md", "## Settings")]
    [TestCase("bundle init", "src/DiffeoNN.Onnx.Cli/BUNDLE.md", "# `diffeonn bundle init`: read a network, write its manifest")]
    public void OptionTables_AreTheProgramsOptions(string name, string document, string heading)
    {
        var command = name.Split(' ').Aggregate(
            (Command)Program(), (above, word) => above.Subcommands.Single(command => command.Name == word));
        var options = command.Options.SelectMany(option => option.Aliases.Append(option.Name));

        var told = Documents.Rows(Documents.Section(document, heading)).SelectMany(row => Documents.Code(row[0]))
            .Where(code => code.StartsWith('-')).Select(code => code.Split(' ')[0]);

        Assert.That(told, Is.EquivalentTo(options));
    }

    [Test]
    public void ValuesInOptionTables_AreThoseTheProgramTakes()
    {
        foreach (var (name, count) in new[] { ("run", 7), ("gradient", 2) })
        {
            var command = Program().Subcommands.Single(command => command.Name == name);
            var choices = Documents.Rows(Documents.Read($"src/DiffeoNN.Onnx.Cli/{name.ToUpperInvariant()}.md"))
                .SelectMany(row => Documents.Code(row[0])).Where(code => code.Contains("\\|", StringComparison.Ordinal)).ToList();
            Assert.That(choices, Has.Count.EqualTo(count));
            foreach (var parts in choices.Select(choice => choice.Split(' ')))
            {
                var option = command.Options.Single(option => option.Name == parts[0]);
                Assert.That(Errors(option, "neither"), Is.Not.Empty, parts[0]);
                foreach (var value in parts[1].Replace("[:N]", ":1").Split("\\|"))
                    Assert.That(Errors(option, value), Is.Empty, $"{parts[0]} {value}");
            }
        }

        static IEnumerable<string> Errors(Option option, string value) =>
            new RootCommand { option }.Parse([option.Name, value]).Errors.Select(error => error.Message);
    }

    [Test]
    public void ExitCodes_AreTheProgramsOwn() => Assert.That(
        Documents.Rows(Documents.Section("src/DiffeoNN.Onnx.Cli/README.md", "## Exit codes")).Select(row => row[0]),
        Is.EqualTo(Enum.GetValues<ExitCode>().Select(code => ((int)code).ToString(CultureInfo.InvariantCulture))));

    [Test]
    public void Refusals_AreThoseOfTheSearch() => Assert.That(
        Documents.Rows(Documents.Section("src/DiffeoNN.Onnx/Canonicalisation/SEARCH.md", "## Do no harm")).Select(row => row[0].Trim('`'))
            .Where(cell => !cell.Contains(' ', StringComparison.Ordinal)),
        Is.SupersetOf(Enum.GetNames<RefusalReason>().Select(JsonNamingPolicy.CamelCase.ConvertName)));

    [Test]
    public void Manifest_InTheReferenceIsTaken()
    {
        var json = Documents.Read(Bundles).Split("```json\n")[1].Split("```")[0];

        var manifest = BundleManifest.Parse(Encoding.UTF8.GetBytes(json.Replace("…", new string('0', 64))));

        Assert.That(manifest.Models.Critic!.Output, Is.EqualTo("score"));
    }

    [TestCase(typeof(BundleManifest), "## The manifest")]
    [TestCase(typeof(ImageSpec), "### `image`")]
    [TestCase(typeof(BundleModels), "### `models`")]
    [TestCase(typeof(ModelFile), "### `models`")]
    [TestCase(typeof(VaeSpec), "### `models`")]
    [TestCase(typeof(EnergyGraphSpec), "### `models`")]
    [TestCase(typeof(OutputSpec), "### Outputs")]
    [TestCase(typeof(Provenance), "### `provenance`")]
    [TestCase(typeof(ValidationFigure), "### `provenance`")]
    public void ManifestReference_NamesEveryField(Type record, string heading)
    {
        var fields = record.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is not null && property.GetCustomAttribute<JsonIgnoreAttribute>() is null)
            .Select(property => JsonNamingPolicy.CamelCase.ConvertName(property.Name)).ToList();
        Assert.That(fields, Is.Not.Empty);

        // Channels and sizes are named as the shape they make.
        var named = Documents.Code(Documents.Section(Bundles, heading))
            .SelectMany(code => code.Split(' ')).Select(code => code.Trim('(', ',', ')'));
        Assert.That(named, Is.SupersetOf(fields));
    }

    /// <summary>The reference's tables have the settings of the search in their order, each with its default.</summary>
    [TestCase(SearchSection.Energy)]
    [TestCase(SearchSection.Optimiser)]
    [TestCase(SearchSection.Acceptance)]
    public void ManifestReference_HasTheSettingsOfTheSearchAndTheirDefaults(SearchSection section)
    {
        var rows = Documents.Rows(Documents.Section(Bundles, $"### `{JsonNamingPolicy.CamelCase.ConvertName(section.ToString())}`"))
            .Where(row => row[0] != "`refinement`").ToList();
        var settings = SearchSpec.Settings.Where(setting => setting.Section == section).ToList();

        Assert.That(rows.Select(row => row[0]), Is.EqualTo(settings.Select(setting => $"`{setting.Name}`")));
        // What is left to whoever is asked next, or must be said, is told in words.
        Assert.That(rows.Select(row => row[1].Trim('`')), Is.EqualTo(settings.Select(setting =>
            setting.NeededBy is { } role ? $"needed with `{role}`".TrimEnd('`')
            : setting.Text(setting.Default) == "auto" ? "proposer` where there is one" : setting.Text(setting.Default))));
        Assert.That(rows.SelectMany(row => Documents.Code(row[2])), Is.SupersetOf(
            settings.Where(setting => setting.Words.Contains("auto") || setting.Name == "field")
                .SelectMany(setting => setting.Words).Where(word => word != "auto")));
    }

    [Test]
    public void ManifestReference_NamesWhatCanBeRefined() => Assert.That(
        Documents.Code(Documents.Section(Bundles, "### `optimiser`").Split("\n`refinement` has ")[1].Split(';')[0]),
        Is.EqualTo(SearchSpec.Settings.Where(setting => setting.IsRefinable).Select(setting => setting.Name)));

    [TestCase(typeof(OutputKind))]
    [TestCase(typeof(OutputActivation))]
    [TestCase(typeof(OutputLayout))]
    [TestCase(typeof(OutputCoordinates))]
    [TestCase(typeof(CoordinateOrder))]
    [TestCase(typeof(BoxFormat))]
    [TestCase(typeof(ImagePadding))]
    public void ManifestReference_NamesEveryChoice(Type choice) => Assert.That(
        Documents.Code(Documents.Read(Bundles)), Is.SupersetOf(Enum.GetNames(choice).Select(JsonNamingPolicy.CamelCase.ConvertName)));

    private static RootCommand Program() => CommandLine.Create(AnsiConsole.Console);
}
