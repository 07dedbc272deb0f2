using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;
using TorchSharp;

namespace DiffeoNN.Onnx.Export;

/// <summary>Makes one ONNX file of a bundle: image in, answer out, the whole method in between, in operators of ai.onnx alone.</summary>
/// <remarks>
/// What <see cref="Inference.EquivariantModel"/> does by several networks and libtorch, as one graph that any runtime runs: the proposer's
/// passes and their composition, exponentials with as many squarings as each row asks for, warps, energies, certificates with their
/// repairs, acceptance row by row, the network on every map that counts (on the image itself where none does), the way back, the mean. With
/// steps, the search is a loop. Rows of a batch do not change each other's results.
/// </remarks>
public static class ModelExporter
{
    /// <summary>The input (N, C, H, W) of files that take tensors.</summary>
    public const string ImageInput = "image";

    /// <summary>The input (H, W, C) of files that take photos.</summary>
    public const string PhotoInput = ExportPhoto.Input;

    /// <summary>Name of an output.</summary>
    /// <param name="output">Which.</param>
    public static string NameOf(ExportOutput output) => output.ToString().ToLowerInvariant();

    /// <summary>Exports a bundle.</summary>
    /// <param name="bundle">The bundle.</param>
    /// <param name="options">What it becomes; defaults if null.</param>
    /// <returns>The model, to be saved.</returns>
    /// <exception cref="ExportException">The bundle, or what was asked for, cannot be exported; the message names what.</exception>
    /// <exception cref="BundleException">A network changed since the bundle was loaded, or is malformed; or there is no energy.</exception>
    /// <exception cref="SearchException">The bundle lacks what is asked for.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A setting is outside its range.</exception>
    /// <exception cref="NativeLibraryException">libtorch does not load.</exception>
    /// <exception cref="UnsupportedOperatorException">Steps are taken, and an energy network has no gradient.</exception>
    public static ExportedModel Export(Bundle bundle, ExportOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(bundle);
        options ??= new ExportOptions();
        if (options.Outputs.Count == 0)
            throw new ExportException("No output was asked for; choose at least one.");
        // Constants come of the same tensors that fields of tensors are made of.
        Runtime.LoadTorch();
        using var noGradient = torch.no_grad();
        var plan = bundle.Plan(options.Search);
        var networks = ExportNetworks.Load(bundle, plan, options.Opset);
        var writer = new GraphWriter("diffeonn", networks.Opset, "");
        var isPhoto = options.Input == ExportInput.Photo;
        if (isPhoto && bundle.Image.Channels is not (1 or 3))
            throw new ExportException(
                $"Bundle '{bundle.Name}' takes images of {bundle.Image.Channels} channels, and a photo becomes grey or RGB; export it for "
                + "tensors.");
        var photo = isPhoto ? new ExportPhoto(writer, bundle.Image) : null;
        var image = photo?.Image()
            ?? writer.Input(ImageInput, "N", bundle.Image.Channels, bundle.Image.Height, bundle.Image.Width);
        var graph = new ExportGraph(writer, bundle, plan, networks);
        var verdict = graph.Write(image);
        var answers = new ExportAnswers(writer, graph, bundle, networks.Inner, plan);
        string accepted;
        using (writer.Scope("acceptance"))
            accepted = answers.Accepted(verdict, image);
        var results = new ExportResults(writer, graph, bundle);
        foreach (var output in options.Outputs.Distinct())
        {
            using var scope = writer.Scope(NameOf(output));
            var value = output switch
            {
                ExportOutput.Answer => Answer(writer, answers, graph, photo, verdict, accepted, image),
                ExportOutput.Canonical => results.Canonical(verdict, image),
                ExportOutput.Displacement => results.Displacement(verdict, verdict.Maps.Forward, image),
                ExportOutput.Inverse => results.Displacement(verdict, verdict.Maps.Inverse, image),
                ExportOutput.Energy => results.Energy(verdict),
                ExportOutput.Naive => Naive(answers, photo, image),
                _ => accepted,
            };
            writer.Graph.AddNode("Identity", [value], NameOf(output));
            writer.Graph.Outputs.Add(ExportTexts.Output(output, bundle, graph, answers, isPhoto));
        }

        DeadCode.Remove(writer.Graph);
        SharedConstants.Apply(writer.Graph);
        ShortNames.Apply(writer.Model);
        ExportTexts.Write(writer.Model, bundle, plan, networks, options);
        return new ExportedModel(writer.Model, networks.Warnings);
    }

    private static string Answer(
        GraphWriter writer, ExportAnswers answers, ExportGraph graph, ExportPhoto? photo, ExportGraph.Verdict verdict, string accepted,
        string image)
    {
        var parts = answers.Write(verdict, accepted, image);
        var values = !answers.ArePlanes ? parts.Values
            : photo is null ? answers.CarriedBack(parts)
            : photo.CarriedBack(parts.Values, graph.Fields.Planar(parts.Inverse, 2));
        return answers.Mean(parts, values, image);
    }

    private static string Naive(ExportAnswers answers, ExportPhoto? photo, string image)
    {
        var values = answers.Naive(image);
        return answers.ArePlanes && photo is not null ? photo.CarriedBack(values, answers.Still(image)) : values;
    }
}
