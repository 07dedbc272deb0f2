using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Export;

/// <summary>What an exported file says of itself: texts for people, metadata for programs.</summary>
internal static class ExportTexts
{
    /// <summary>Metadata: the bundle's name.</summary>
    public const string BundleKey = "diffeonn.bundle";

    /// <summary>Metadata: SHA-256 of the bundle's manifest.</summary>
    public const string ManifestKey = "diffeonn.manifest.sha256";

    /// <summary>Metadata: what the caller said of the search, as JSON.</summary>
    public const string CallerKey = "diffeonn.caller";

    /// <summary>Metadata: what the file takes.</summary>
    public const string InputKey = "diffeonn.input";

    /// <summary>Metadata: names of the classes, one a line.</summary>
    public const string ClassesKey = "diffeonn.classes";

    /// <summary>An output with its shape and text.</summary>
    public static OnnxValueInfo Output(ExportOutput output, Bundle bundle, ExportGraph graph, ExportAnswers answers, bool isPhoto)
    {
        var image = bundle.Image;
        OnnxDimension batch = isPhoto ? 1 : "N";
        var classes = answers.Declared is { } declared ? OnnxDimension.Of(declared) : "K";
        var (type, shape, text) = output switch
        {
            ExportOutput.Answer => (OnnxElementType.Float, answers.ArePlanes
                ? isPhoto ? [batch, classes, "h", "w"] : [batch, classes, image.Height, image.Width]
                : new[] { batch, classes }, AnswerText(bundle, answers, isPhoto)),
            ExportOutput.Canonical => (OnnxElementType.Float, [batch, image.Channels, image.Height, image.Width],
                "The canonical image, the image itself where no map counts."),
            ExportOutput.Displacement => (OnnxElementType.Float, [batch, 2, image.Height, image.Width],
                "u, x first, in units of half the longest side: canonical(p) = image(p + u(p)); zero where no map counts."),
            ExportOutput.Inverse => (OnnxElementType.Float, [batch, 2, image.Height, image.Width],
                "The displacement of the inverse map, by which answers come back."),
            ExportOutput.Energy => (OnnxElementType.Float, [batch, 2],
                "Energy of the image as it is, and of what the last map that counts leads to; where none counts, of what the last one that "
                + "was found would lead to, and of the image itself where none was looked for."),
            ExportOutput.Naive => (OnnxElementType.Float, answers.ArePlanes
                ? isPhoto ? [batch, classes, "h", "w"] : [batch, classes, image.Height, image.Width]
                : new[] { batch, classes }, "The network's own answer, of the image as it is."),
            _ => (OnnxElementType.Bool, new OnnxDimension[] { batch, graph.MapsOfImage },
                "Which maps count, those of the proposer's passes in their order, then the search's; with none the image was left as it is "
                + "and the answer is the network's own."),
        };
        return new OnnxValueInfo(ModelExporter.NameOf(output), type, shape) { DocString = text };
    }

    /// <summary>Writes texts, metadata and versions.</summary>
    public static void Write(OnnxModel model, Bundle bundle, SearchPlan plan, ExportNetworks networks, ExportOptions options)
    {
        var isPhoto = options.Input == ExportInput.Photo;
        model.IrVersion = Math.Max(FormatOf(networks.Opset), model.IrVersion > 9 ? model.IrVersion : 0);
        model.ProducerVersion = Version;
        model.Graph.Name = bundle.Name;
        model.DocString =
            $"Bundle '{bundle.Name}' made equivariant to deformations: each image is carried to a canonical one by a map whose inverse "
            + $"carries the answer back. {bundle.Manifest.Description} {bundle.Manifest.Licence}".Trim();
        var input = model.Graph.Inputs[0];
        model.Graph.Inputs[0] = input with
        {
            DocString = isPhoto
                ? "One image of any size from 2x2 on: rows, columns, channels, of which there are 1 (grey), 3 (RGB) or 4 (RGB and alpha)."
                : "Images at the bundle's size, pixel values in [0, 1].",
        };
        var metadata = model.Metadata;
        metadata[BundleKey] = bundle.Name;
        metadata[ManifestKey] = ManifestHash(bundle);
        foreach (var (role, file) in bundle.Manifest.Models.Present())
        {
            if (role != BundleRole.Augmented && (role != BundleRole.Proposer || networks.Proposer is not null))
                metadata[$"diffeonn.network.{BundleValidator.Title(role)}.sha256"] = file.Sha256;
        }

        metadata["diffeonn.version"] = Version;
        metadata["diffeonn.settings"] = plan.ToJson().ToJsonString();
        metadata[CallerKey] = options.Search.ToJson(_ => true).ToJsonString();
        metadata[InputKey] = isPhoto ? "photo" : "tensor";
        metadata["diffeonn.output"] = bundle.Manifest.Models.Inner.Output.ToString();
        if (bundle.Manifest.Models.Inner.Output.Classes is { } classes)
            metadata[ClassesKey] = string.Join('\n', classes);
    }

    /// <summary>SHA-256 of a bundle's manifest.</summary>
    public static string ManifestHash(Bundle bundle) => Convert.ToHexStringLower(
        SHA256.HashData(File.ReadAllBytes(Path.Combine(bundle.Folder, BundleManifest.FileName))));

    private static string Version => typeof(ExportTexts).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()
        ?.InformationalVersion ?? "";

    // The version of the format that came with an operator set: what knows the one knows the other.
    private static long FormatOf(int opset) => opset switch { <= 18 => 8, <= 20 => 9, <= 22 => 10, 23 => 11, _ => 12 };

    private static string AnswerText(Bundle bundle, ExportAnswers answers, bool isPhoto)
    {
        var spec = bundle.Manifest.Models.Inner.Output;
        var text = new StringBuilder($"The answer, {spec.Kind.ToString().ToLowerInvariant()}");
        if (spec.Activation != OutputActivation.None)
            text.Append($" after {spec.Activation.ToString().ToLowerInvariant()}");
        text.Append(answers.ArePlanes ? isPhoto ? ", on the photo's pixels" : ", on the image's pixels" : ", of the whole image");
        if (spec.Classes is { } classes)
            text.Append($"; classes {string.Join(", ", classes)}");
        return text.Append('.').ToString();
    }
}
