using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Validation;

namespace DiffeoNN.Onnx.Cli.Web;

/// <summary>Writes a page that runs a bundle in the browser: files for any web server, none of which needs another place.</summary>
internal static class WebPage
{
    /// <summary>The page's files are in this assembly under this name.</summary>
    private const string Resources = "Web/";

    private const int Examples = 4;

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Writes the page.</summary>
    /// <param name="folder">Where; made where it is not there. Files of the same names are replaced.</param>
    /// <param name="bundle">The bundle.</param>
    /// <param name="options">How it is exported: for tensors; all outputs are.</param>
    /// <param name="runtime">ONNX Runtime's files for browsers.</param>
    /// <returns>What was exported.</returns>
    /// <exception cref="ExportException">The bundle cannot be exported, or has images that are neither grey nor RGB.</exception>
    /// <exception cref="OutputException">A file cannot be written, or the folder holds another page.</exception>
    public static ExportedModel Write(string folder, Bundle bundle, ExportOptions options, WebRuntime runtime)
    {
        if (bundle.Image.Channels is not (1 or 3))
            throw new ExportException(
                $"Bundle '{bundle.Name}' takes images of {bundle.Image.Channels} channels; a browser's are grey or RGB.");
        if (File.Exists(Path.Combine(folder, "index.html")) && !File.Exists(Path.Combine(folder, "model.json")))
        {
            throw new OutputException(
                $"'{folder}' has a page that is none of these (index.html without model.json); choose another folder.");
        }

        var exported = ModelExporter.Export(
            bundle, options with { Input = ExportInput.Tensor, Outputs = Enum.GetValues<ExportOutput>() });
        try
        {
            Directory.CreateDirectory(Path.Combine(folder, WebRuntime.Folder));
            Directory.CreateDirectory(Path.Combine(folder, "examples"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot make folder '{folder}': {e.Message}", e);
        }

        exported.Model.Save(Path.Combine(folder, "model.onnx"));
        var assembly = typeof(WebPage).Assembly;
        foreach (var name in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Resources, StringComparison.Ordinal)))
        {
            AtomicFile.Write(Path.Combine(folder, name[Resources.Length..]), target =>
            {
                using var source = assembly.GetManifestResourceStream(name)!;
                source.CopyTo(target);
            });
        }

        runtime.CopyTo(folder);
        var examples = new JsonArray();
        foreach (var (image, i) in ExportValidation.ReferenceImages(bundle).Take(Examples).Select((image, i) => (image, i + 1)))
        {
            ImageFile.WritePng(Path.Combine(folder, "examples", $"{i}.png"), image);
            examples.Add(new JsonObject { ["file"] = $"examples/{i}.png", ["name"] = $"example {i}" });
        }

        AtomicFile.WriteText(Path.Combine(folder, "model.json"), Description(bundle, options.Search, examples).ToJsonString(Indented));
        return exported;
    }

    private static JsonObject Description(Bundle bundle, SearchSpec search, JsonArray examples)
    {
        var (image, output, plan) = (bundle.Image, bundle.Manifest.Models.Inner.Output, bundle.Plan(search).FromIdentity);
        return new JsonObject
        {
            ["name"] = bundle.Name,
            ["description"] = bundle.Manifest.Description,
            ["licence"] = bundle.Manifest.Licence,
            ["image"] = new JsonObject
            {
                ["channels"] = image.Channels, ["height"] = image.Height, ["width"] = image.Width,
                ["padding"] = plan.Padding.ToString().ToLowerInvariant(),
            },
            ["output"] = new JsonObject
            {
                ["kind"] = output.Kind.ToString().ToLowerInvariant(),
                ["classes"] = output.Classes is { } classes ? new JsonArray([.. classes.Select(name => (JsonNode)name)]) : null,
            },
            ["canonicalBelow"] = plan.Accept == AcceptanceRule.Checked ? plan.CanonicalBelow : null,
            ["examples"] = examples,
        };
    }
}
