using System.CommandLine;
using System.Globalization;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>diffeonn info</c>: what a bundle or model holds, and whether its gradients can be derived.</summary>
internal static class InfoCommand
{
    /// <summary>Creates the command.</summary>
    public static Command Create(IAnsiConsole console)
    {
        var path = new Argument<string>("path") { Description = "A bundle's folder or an ONNX file." };
        var command = new Command("info", "Show what a bundle or model holds: tensors, operators, opset, gradient rules.") { path };
        command.SetAction(parse =>
        {
            var given = parse.GetValue(path)!;
            if (Directory.Exists(given)) PrintBundle(console, Bundle.Load(given));
            else if (File.Exists(given)) PrintModel(console, Path.GetFileName(given), OnnxModel.Load(given));
            else throw new BundleException($"'{given}' does not exist; expected a bundle's folder or an ONNX file.");
            return (int)ExitCode.Success;
        });
        return command;
    }

    private static void PrintBundle(IAnsiConsole console, Bundle bundle)
    {
        var (manifest, image) = (bundle.Manifest, bundle.Image);
        console.MarkupLineInterpolated($"[bold]{manifest.Name}[/] {manifest.Description}");
        console.WriteLine($"Images: {image.Channels} x {image.Height} x {image.Width}, mean {string.Join(", ", image.Mean)}, std "
            + $"{string.Join(", ", image.Std)}, padding {image.Padding.ToString().ToLowerInvariant()}");
        foreach (var output in manifest.Models.Inner.Outputs)
        {
            console.WriteLine($"Answer: {output}");
        }

        if (manifest.Models.HasEnergy) PrintSearch(console, bundle);
        else console.WriteLine("Energy: none yet, and nothing is canonicalised without.");
        if (manifest.Models.Energy?.Gradient is { } gradient)
            console.WriteLine($"Gradient of the energy: {gradient.File}, the bundle's own");
        if (manifest.Licence is { } licence) console.WriteLine($"Licence: {licence}");
        if (manifest.Provenance?.TrainedOn is { } data) console.WriteLine($"Trained on: {data}");
        PrintValidation(console, manifest.Provenance);
        foreach (var (role, file) in manifest.Models.Present())
        {
            console.WriteLine();
            PrintModel(
                console, $"{role.ToString().ToLowerInvariant()}: {file.File}", OnnxModel.Load(bundle.PathOf(role)), bundle.InputOf(role));
        }
    }

    private static void PrintValidation(IAnsiConsole console, Provenance? provenance)
    {
        if (provenance?.Verdict is { } verdict) console.WriteLine($"Verdict: {verdict}");
        if (provenance?.Validation is not { Count: > 0 } figures) return;
        console.WriteLine("On images held out" + provenance.Reference switch
        {
            AnswerReference.Agreement => $", {EvaluationData.Agreement}:",
            AnswerReference.Truth => ", compared with the truth:",
            _ => ":",
        });
        var table = new Table().Border(TableBorder.Rounded).AddColumn("deformation");
        foreach (var column in (string[])["images", "measure", "undeformed", "alone", "canonicalised"])
            table.AddColumn(new TableColumn(column).RightAligned());
        foreach (var figure in figures)
        {
            table.AddRow(
                new Text(figure.Deformation), new Text(figure.Images.ToString(CultureInfo.InvariantCulture)), new Text(figure.Measure),
                Number(figure.Undeformed), Number(figure.Alone), Number(figure.Canonicalised));
        }

        console.Write(table);

        static Text Number(double value) => new(value.ToString("F4", CultureInfo.InvariantCulture));
    }

    /// <summary>The settings that searches have by default, by their words.</summary>
    private static void PrintSearch(IAnsiConsole console, Bundle bundle)
    {
        var plan = bundle.Plan();
        HashSet<string> roles = [.. bundle.Roles.Select(role => role.ToString().ToLowerInvariant())];
        bool IsOfUse(SearchSetting setting) => setting.NeededBy is not { } role || roles.Contains(role);
        console.WriteLine("Energy weights: "
            + plan.FromIdentity.Text(setting => setting.Section == SearchSection.Energy && IsOfUse(setting)));
        console.WriteLine($"Search: {plan.FromIdentity.Text(setting => setting.Section == SearchSection.Optimiser)}");
        if (bundle.Manifest.Search.Refinement is not null)
        {
            console.WriteLine($"Search from the proposal: {plan.FromProposal.Text(setting => setting.IsRefinable && IsOfUse(setting))}"
                + (bundle.Has(BundleRole.Proposer) ? "" : " (of no effect without a proposer)"));
        }

        console.WriteLine($"Acceptance: {plan.FromIdentity.Text(setting => setting.Section == SearchSection.Acceptance)}");
        if (!bundle.Manifest.Search.SaysWhenAMapHelps) console.WriteLine(DeviceLine.Untuned);
    }

    private static void PrintModel(IAnsiConsole console, string title, OnnxModel model, InputFormat? takes = null)
    {
        var graph = model.Graph;
        console.MarkupLineInterpolated($"[bold]{title}[/]");
        if (takes is not null) console.WriteLine($"Takes {takes}");
        if (takes?.BatchWarning is { } warning) console.MarkupLineInterpolated($"[yellow]Warning:[/] it {warning}.");
        console.WriteLine("Opset "
            + $"{string.Join(", ", model.OpsetImports.Select(pair => $"{(pair.Key.Length == 0 ? "ai.onnx" : pair.Key)} {pair.Value}"))}, "
            + $"IR {model.IrVersion}, {graph.Nodes.Count} nodes, {graph.Initializers.Count} initialisers");
        if (model.DocString.Length > 0) console.WriteLine(OneLine(model.DocString));
        foreach (var (key, value) in model.Metadata) console.WriteLine($"{key}: {OneLine(value)}");
        var tensors = new Table().Border(TableBorder.Rounded).AddColumns("tensor", "name", "type", "shape");
        foreach (var value in graph.Inputs.Where(value => !graph.Initializers.ContainsKey(value.Name))) AddTensor("input", value);
        foreach (var value in graph.Outputs) AddTensor("output", value);
        console.Write(tensors);
        foreach (var value in graph.Inputs.Concat(graph.Outputs).Where(value => value.DocString.Length > 0))
            console.WriteLine($"{value.Name}: {OneLine(value.DocString)}");
        PrintOperators(console, model);

        void AddTensor(string kind, OnnxValueInfo value) => tensors.AddRow(
            new Text(kind), new Text(value.Name), new Text(value.ElementType.ToString().ToLowerInvariant()),
            new Text(value.Shape is { } shape ? $"[{string.Join(",", shape)}]" : "?"));
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(", ").Trim();

    private static void PrintOperators(IAnsiConsole console, OnnxModel model)
    {
        var table = new Table().Border(TableBorder.Rounded)
            .AddColumn("operator").AddColumn(new TableColumn("nodes").RightAligned()).AddColumn("gradient");
        var functions = model.Functions.Select(function => (function.Domain, function.Name)).ToHashSet();
        var converted = new Lazy<HashSet<(string, string)>>(() => Operators(Converted(model)));
        var missing = 0;
        var areForeign = false;
        foreach (var group in Nodes(model.Graph).GroupBy(node => (node.Domain, node.OpType)).OrderBy(
            group => group.Key.OpType, StringComparer.Ordinal))
        {
            var (domain, opType) = group.Key;
            var rule = GradientCompiler.FindRule(domain, opType, Math.Max(GradientCompiler.MinimumOpset, model.Opset));
            var isFunction = functions.Contains((domain, opType));
            var isControlFlow = domain.Length == 0 && opType is "If" or "Loop" or "Scan";
            var isRewritten = rule is null && !isFunction && !isControlFlow && !converted.Value.Contains((domain, opType));
            if (rule is null && !isFunction && !isControlFlow && !isRewritten)
            {
                missing++;
                areForeign |= domain.Length > 0;
            }

            table.AddRow(
                new Text(domain.Length == 0 ? opType : $"{domain}.{opType}"), new Text($"{group.Count()}"),
                isFunction ? new Markup("[green]inlined function[/]")
                : isControlFlow ? new Markup("[green]by its bodies[/]")
                : isRewritten ? new Markup("[green]rewritten[/]")
                : rule is null ? new Markup("[red]no rule[/]")
                : rule.IsStop ? new Markup("[grey]stops here[/]")
                : new Markup("[green]rule[/]"));
        }

        console.Write(table);
        console.WriteLine(missing switch
        {
            0 => "Every operator has a gradient rule.",
            1 => "1 operator has no gradient rule; a gradient through it is refused.",
            _ => $"{missing} operators have no gradient rule; a gradient through them is refused.",
        });
        if (areForeign) console.WriteLine("A program can give rules for operators of other domains: GradientOptions.Operators.");
    }

    private static HashSet<(string, string)> Operators(OnnxModel model) =>
        [.. Nodes(model.Graph).Select(node => (node.Domain, node.OpType))];

    /// <summary>All nodes, those in bodies of control flow included.</summary>
    private static IEnumerable<OnnxNode> Nodes(OnnxGraph graph) =>
        graph.Nodes.Concat(
            graph.Nodes.SelectMany(node => node.Attributes.Values).SelectMany(attribute => attribute.Graphs).SelectMany(Nodes));

    /// <summary>The model as the compiler sees it, without operators of old versions that newer ones replace;
    /// itself where that fails.</summary>
    private static OnnxModel Converted(OnnxModel model)
    {
        try
        {
            return OpsetConverter.Convert(model, Math.Max(GradientCompiler.MinimumOpset, model.Opset));
        }
        catch (GradientException)
        {
            return model;
        }
    }
}
