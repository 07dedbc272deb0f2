using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Turns the JSON of schema 1 into records, refusing all that is unknown, missing, of another type or out of range.</summary>
internal static class ManifestReader
{
    public static BundleManifest Read(ManifestNode root)
    {
        root.Object("schema", "name", "description", "licence", "image", "models", "energy", "optimiser", "acceptance",
            "references", "provenance");
        var schema = root.Required("schema");
        if (schema.Whole(1) != BundleManifest.CurrentSchema)
            throw schema.Refuse($"{BundleManifest.CurrentSchema}, the schema this version reads; update DiffeoNN.Onnx for a later one");
        var image = Image(root.Required("image"));
        var models = Models(root.Required("models"), image);
        return new BundleManifest
        {
            Name = root.Required("name").Name(),
            Description = root.Optional("description")?.Text(),
            Licence = root.Optional("licence")?.Text(),
            Image = image,
            Models = models,
            Search = ManifestSearch.Read(root, models),
            References = root.Optional("references")?.Items().ConvertAll(RelativePath) ?? [],
            Provenance = root.Optional("provenance") is { } provenance ? Provenance(provenance) : null,
        };
    }

    private static ImageSpec Image(ManifestNode node)
    {
        node.Object("channels", "height", "width", "mean", "std", "padding");
        var channels = node.Required("channels").Whole(1, 4096);
        return new ImageSpec
        {
            Channels = channels,
            Height = node.Required("height").Whole(2, 65536),
            Width = node.Required("width").Whole(2, 65536),
            Mean = PerChannel(node.Optional("mean"), channels, 0, item => item.Mean()),
            Std = PerChannel(node.Optional("std"), channels, 1, item => item.Deviation()),
            Padding = node.Optional("padding")?.Choice<ImagePadding>() ?? ImagePadding.Zeros,
        };
    }

    private static double[] PerChannel(ManifestNode? node, int channels, double absent, Func<ManifestNode, double> read)
    {
        if (node is null) return [.. Enumerable.Repeat(absent, channels)];
        var items = node.Items();
        if (items.Count != channels) throw node.Refuse($"an array of {channels}, one number a channel");
        return [.. items.Select(read)];
    }

    private static BundleModels Models(ManifestNode node, ImageSpec image)
    {
        node.Object("inner", "vae", "critic", "energy", "proposer", "augmented");
        return new BundleModels
        {
            Inner = Predictor(node.Required("inner"), image),
            Vae = node.Optional("vae") is { } vae ? Vae(vae, image) : null,
            Critic = node.Optional("critic") is { } critic ? Critic(critic, image) : null,
            Energy = node.Optional("energy") is { } energy ? EnergyGraph(energy, image) : null,
            Proposer = node.Optional("proposer") is { } proposer ? Proposer(proposer, image) : null,
            Augmented = node.Optional("augmented") is { } augmented ? Predictor(augmented, image) : null,
        };
    }

    private static PredictorSpec Predictor(ManifestNode node, ImageSpec image)
    {
        node.Object("file", "sha256", "input", "output", "outputs");
        var outputs = node.Optional("outputs") is { } several
            ? OutputReading.Several(several)
            : [OutputReading.One(node.Required("output"))];
        if (node.Optional("outputs") is not null && node.Optional("output") is { } also)
            throw also.Refuse("no such field beside outputs");
        return new PredictorSpec
        {
            File = RelativePath(node.Required("file")),
            Sha256 = Hash(node.Required("sha256")),
            Input = Input(node.Required("input"), image),
            Output = outputs[0],
            Further = outputs.Skip(1).ToList(),
        };
    }

    /// <summary>A name, or an object that says what differs from the manifest's image.</summary>
    private static InputSpec Input(ManifestNode node, ImageSpec image)
    {
        if (node.IsText) return node.Name();
        if (!node.IsObject) throw node.Refuse("the tensor's name, or an object with its name and what differs from image");
        node.Object("name", "layout", "channels", "height", "width", "range", "mean", "std");
        var channels = node.Optional("channels")?.Whole(1, 4096);
        return new InputSpec
        {
            Name = node.Required("name").Name(),
            Layout = node.Optional("layout")?.Choice<ChannelLayout>() ?? ChannelLayout.ChannelsFirst,
            Channels = channels,
            Height = node.Optional("height")?.Whole(2, 65536),
            Width = node.Optional("width")?.Whole(2, 65536),
            Range = node.Optional("range")?.Deviation(),
            Mean = node.Optional("mean") is { } mean ? PerChannel(mean, channels ?? image.Channels, 0, item => item.Mean()) : null,
            Std = node.Optional("std") is { } std ? PerChannel(std, channels ?? image.Channels, 1, item => item.Deviation()) : null,
        };
    }

    private static VaeSpec Vae(ManifestNode node, ImageSpec image)
    {
        node.Object("file", "sha256", "input", "reconstruction", "mean", "logVariance");
        return new VaeSpec
        {
            File = RelativePath(node.Required("file")),
            Sha256 = Hash(node.Required("sha256")),
            Input = Input(node.Required("input"), image),
            Reconstruction = node.Required("reconstruction").Name(),
            Mean = node.Required("mean").Name(),
            LogVariance = node.Required("logVariance").Name(),
        };
    }

    private static CriticSpec Critic(ManifestNode node, ImageSpec image)
    {
        node.Object("file", "sha256", "input", "output");
        return new CriticSpec
        {
            File = RelativePath(node.Required("file")),
            Sha256 = Hash(node.Required("sha256")),
            Input = Input(node.Required("input"), image),
            Output = node.Required("output").Name(),
        };
    }

    private static EnergyGraphSpec EnergyGraph(ManifestNode node, ImageSpec image)
    {
        node.Object("file", "sha256", "input", "output", "gradient");
        return new EnergyGraphSpec
        {
            File = RelativePath(node.Required("file")),
            Sha256 = Hash(node.Required("sha256")),
            Input = Input(node.Required("input"), image),
            Output = node.Required("output").Name(),
            Gradient = node.Optional("gradient") is { } gradient ? BackwardGraph(gradient) : null,
        };
    }

    private static BackwardGraphSpec BackwardGraph(ManifestNode node)
    {
        node.Object("file", "sha256", "input", "output");
        return new BackwardGraphSpec
        {
            File = RelativePath(node.Required("file")),
            Sha256 = Hash(node.Required("sha256")),
            Input = node.Required("input").Name(),
            Output = node.Required("output").Name(),
        };
    }

    private static ProposerSpec Proposer(ManifestNode node, ImageSpec image)
    {
        node.Object("file", "sha256", "input", "output");
        return new ProposerSpec
        {
            File = RelativePath(node.Required("file")),
            Sha256 = Hash(node.Required("sha256")),
            Input = Input(node.Required("input"), image),
            Output = node.Required("output").Name(),
        };
    }

    private static Provenance Provenance(ManifestNode node)
    {
        node.Object("trainedOn", "tool", "seed", "date", "validation", "reference", "verdict", "notes");
        return new Provenance
        {
            TrainedOn = node.Optional("trainedOn")?.Text(),
            Tool = node.Optional("tool")?.Text(),
            Seed = node.Optional("seed")?.Long(),
            Date = node.Optional("date")?.Text(),
            Validation = node.Optional("validation")?.Items().ConvertAll(ValidationFigure),
            Reference = node.Optional("reference")?.Choice<AnswerReference>(),
            Verdict = node.Optional("verdict")?.Text(),
            Notes = node.Optional("notes")?.Text(),
        };
    }

    private static ValidationFigure ValidationFigure(ManifestNode node)
    {
        node.Object("deformation", "images", "measure", "undeformed", "alone", "canonicalised");
        return new ValidationFigure(
            node.Required("deformation").Name(),
            node.Required("images").Whole(1),
            node.Required("measure").Name(),
            node.Required("undeformed").Number(),
            node.Required("alone").Number(),
            node.Required("canonicalised").Number());
    }

    private static string Hash(ManifestNode node)
    {
        var text = node.Text();
        return text.Length == 64 && text.All(char.IsAsciiHexDigit)
            ? text.ToLowerInvariant()
            : throw node.Refuse("a SHA-256 of 64 hexadecimal digits");
    }

    /// <summary>Only paths that stay inside the folder, on every platform alike.</summary>
    private static string RelativePath(ManifestNode node)
    {
        var path = node.Name();
        var leaves = path.Contains('\\') || path.Contains(':') || path.Contains('\0')
            || path.Split('/').Any(part => part is "" or "." or "..");
        return leaves ? throw node.Refuse("a path inside the bundle's folder, with forward slashes") : path;
    }
}
