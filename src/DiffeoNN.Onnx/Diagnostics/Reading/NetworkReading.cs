using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>What a bundle has to say of a network, read from its file and from a look at its outputs: size, channels, layout, type,
/// normalisation, names and kinds of answers. Guesses say why, and how to say otherwise.</summary>
/// <remarks>The bundle's image is the network's: its size and channels, pixel values of 0 to 1; what the network wants beyond that stands
/// in
/// its input.</remarks>
public sealed record NetworkReading
{
    /// <summary>Name of the network's file in a bundle.</summary>
    public const string FileName = "inner.onnx";

    private OnnxModel? _corrected;
    private IReadOnlyList<RoleReading> _roles = [];

    private NetworkReading()
    {
    }

    /// <summary>The file.</summary>
    public required string Path { get; init; }

    /// <summary>The images that a bundle of it works on.</summary>
    public required ImageSpec Image { get; init; }

    /// <summary>What the network takes.</summary>
    public required InputSpec Input { get; init; }

    /// <summary>What it answers, the output that is evaluated first.</summary>
    public required IReadOnlyList<OutputSpec> Outputs { get; init; }

    /// <summary>All that was read, in order.</summary>
    public required IReadOnlyList<Guess> Guesses { get; init; }

    /// <summary>What looks wrong: weights without any trace of training, outputs that are the same for all images, answers as undecided as
    /// by chance, numbers that are not finite. Empty where nothing does, or where there are no images to look at.</summary>
    public required IReadOnlyList<Finding> Findings { get; init; }

    /// <summary>Reads a network.</summary>
    /// <param name="path">The ONNX file; its external data, if any, lies beside it.</param>
    /// <param name="images">Images of the kind it was trained on, pixel values in [0, 1], of any size; eight or more say something, 16 are
    /// looked at. Null for none: what only values tell is not told then.</param>
    /// <param name="options">What is known already; nothing if null.</param>
    /// <param name="cancellationToken">Stops between two runs of the network.</param>
    /// <exception cref="BundleException">It cannot be wrapped: no file, several inputs, no images, no output that can be carried back; or
    /// what
    /// the options say does not fit it.</exception>
    /// <exception cref="GradientException">The file is no ONNX model.</exception>
    /// <exception cref="ImageException">An image cannot be brought to its channels.</exception>
    /// <exception cref="GraphException">It does not load or run.</exception>
    public static NetworkReading Of(
        string path,
        IReadOnlyList<ImageBuffer>? images = null,
        ReadingOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path)) throw new BundleException($"Model '{path}' does not exist; expected an ONNX file.");
        if (images is { Count: 0 }) images = null;
        options ??= new ReadingOptions();
        var name = System.IO.Path.GetFileName(path);
        var original = OnnxModel.Load(path);
        var model = PosteriorMean.Apply(original).Model;
        var trace = new GraphTrace(model);
        var guesses = new List<Guess>();
        var format = InputReading.Read(model, trace, images, options, name, guesses);
        using var trial = Load(WithFreeOutputs(model, format), trace, format, images, options, name);
        var known = NormalisationChoice.Known(options, format, trace.FromInput(format.Name));
        var first = known?.Normalisation ?? Normalisation.Pixels(format.Channels);
        var samples = Run(trial, first, false, cancellationToken);
        var answers = new AnswerChoice(model, trace, format, samples, trial);
        var outputs = answers.Choose(options, name);
        var isUntrained = images is not null && IsUntrained(original, trial, outputs[0].Spec, format.Channels, cancellationToken);
        var (normalisation, said) = known ?? (images is null
            ? NormalisationChoice.Untried(format)
            : NormalisationChoice.Tried(trial, outputs[0].Spec, format, trace, isUntrained, cancellationToken));
        guesses.Add(said);
        if (!normalisation.IsSame(first))
        {
            // Activation and coordinates show in values, which are others now.
            samples = Run(trial, normalisation, false, cancellationToken);
            answers = new AnswerChoice(model, trace, format, samples, trial);
            outputs = answers.Choose(options with { Outputs = [.. outputs.Select(output => output.Spec.Name)] }, name);
        }

        guesses.AddRange(answers.Describe(outputs, options));
        var corrected = Corrected(original, format, trial.Count, samples, guesses);
        return new NetworkReading
        {
            Path = path,
            Image = Plain(format),
            Input = InputOf(format, normalisation),
            Outputs = [.. outputs.Select(output => output.Spec)],
            Guesses = guesses,
            Findings = images is null ? [] : Usefulness.Of(
                outputs[0].Spec, samples, Run(trial, normalisation, true, cancellationToken), isUntrained, name),
            _corrected = corrected,
        };
    }

    /// <summary>The same with a network of another role beside it, which takes the same images in pixel values of 0 to 1.</summary>
    /// <param name="role">A VAE, whose outputs are told by their names (reconstruction, mu, logvar), or a critic, an energy or a proposer
    /// of
    /// one output each.</param>
    /// <param name="path">Its ONNX file.</param>
    /// <exception cref="BundleException">It has not the tensors that its role needs.</exception>
    /// <exception cref="GradientException">The file is no ONNX model.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The role is another one.</exception>
    public NetworkReading With(BundleRole role, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return this with { _roles = [.. _roles.Where(other => other.Role != role), RoleReading.Of(role, path, Image)] };
    }

    /// <summary>A manifest of a bundle of all that was read, without hashes; weights of energies are 1.</summary>
    /// <param name="name">The bundle's name.</param>
    public BundleManifest ToManifest(string name) => new()
    {
        Name = name,
        Image = Image,
        Models = new BundleModels
        {
            Inner = new PredictorSpec { File = FileName, Input = Input, Output = Outputs[0], Further = [.. Outputs.Skip(1)] },
            Vae = Role<VaeSpec>(),
            Critic = Role<CriticSpec>(),
            Energy = Role<EnergyGraphSpec>(),
            Proposer = Role<ProposerSpec>(),
        },
        Search = Weights(),
    };

    /// <summary>Copies the networks into a folder and writes the manifest of a bundle of them, with their hashes. With the network alone
    /// nothing can be canonicalised until it has an energy.</summary>
    /// <param name="folder">Made if it does not exist.</param>
    /// <param name="name">The bundle's name; the folder's if null.</param>
    /// <exception cref="BundleException">The bundle would be refused.</exception>
    /// <exception cref="Files.OutputException">A file cannot be written.</exception>
    public Bundle Write(string folder, string? name = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        name ??= System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder)));
        return AddTo(new BundleBuilder(folder)).Build(ToManifest(name.Length > 0 ? name : "bundle"));
    }

    /// <summary>Copies the networks into a bundle that is being made, the one that is wrapped as <see cref="FileName"/>; what its file
    /// says of
    /// the batch is put right where it is wrong.</summary>
    /// <param name="builder">The bundle.</param>
    /// <returns>The builder.</returns>
    public BundleBuilder AddTo(BundleBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        _ = _corrected is null ? builder.Add(Path, FileName) : builder.Add(_corrected, FileName);
        foreach (var role in _roles) builder.Add(role.Path, role.FileName);
        return builder;
    }

    private SearchSpec Weights()
    {
        var weights = new SearchSpec();
        if (Role<VaeSpec>() is not null) weights = weights with { Vae = 1, Beta = 1 };
        if (Role<CriticSpec>() is not null) weights = weights with { Adversarial = 1 };
        return Role<EnergyGraphSpec>() is not null ? weights with { Energy = 1 } : weights;
    }

    private T? Role<T>()
        where T : ModelFile => _roles.Select(role => role.Spec).OfType<T>().FirstOrDefault();

    /// <summary>Whether weights tell that they were never trained. Where they are too few for that, answers that are sure though inputs are
    /// small tell that they were.</summary>
    private static bool IsUntrained(
        OnnxModel model, NetworkTrial trial, OutputSpec spec, int channels, CancellationToken cancellationToken)
    {
        const double undecided = 0.5;
        var traces = WeightTraces.Of(model);
        if (!traces.AreUntrained || !traces.AreFew) return traces.AreUntrained;
        var small = Run(trial, Normalisation.Pixels(channels), false, cancellationToken)[spec.Name];
        return !(AnswerQuality.Of(spec, small, null) is { IsFinite: true, IsConstant: false, Entropy: < undecided });
    }

    private static IReadOnlyDictionary<string, OutputSample> Run(
        NetworkTrial trial, Normalisation normalisation, bool isChanged, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return trial.Run(normalisation, isChanged, cancellationToken);
    }

    /// <summary>The network with what normalisation and class numbers are judged by as further outputs, where it loads so.</summary>
    private static NetworkTrial Load(
        OnnxModel model, GraphTrace trace, InputFormat format, IReadOnlyList<ImageBuffer>? images, ReadingOptions options, string name)
    {
        var execution = options.Execution ?? new ExecutionOptions { Device = ExecutionDevice.Cpu };
        string[] more =
        [
            .. trace.Statistics().Select(layer => layer.Value),
            .. model.Graph.Outputs.Select(output => trace.ArgumentOfMaximum(output.Name)).OfType<string>(),
        ];
        string[] added = [.. more.Distinct().Where(value => model.Graph.Outputs.TrueForAll(output => output.Name != value))];
        if (added.Length > 0 && format.Type is OnnxElementType.Float or OnnxElementType.UInt8)
        {
            var watched = model.Copy();
            foreach (var value in added) watched.Graph.Outputs.Add(new OnnxValueInfo(value, OnnxElementType.Float, null));
            try
            {
                return NetworkTrial.Load(watched, format, images, execution, name);
            }
            catch (GraphException)
            {
                // Of another type, most likely; the network itself may still be fine.
            }
        }

        return NetworkTrial.Load(model, format, images, execution, name);
    }

    /// <summary>The network without sizes of the batch that outputs are said to have though the input's is free: whether they have, runs
    /// show.</summary>
    private static OnnxModel WithFreeOutputs(OnnxModel model, InputFormat format)
    {
        if (format.DeclaredBatch is not null || model.Graph.Outputs.TrueForAll(output => output.Shape is not [{ Size: not null }, ..]))
            return model;
        var copy = model.Copy();
        // What the exporter says of values inside has the same size, most likely.
        copy.Graph.ValueInfos.Clear();
        var outputs = copy.Graph.Outputs;
        for (var i = 0; i < outputs.Count; i++)
        {
            if (outputs[i].Shape is [{ Size: not null }, ..] and { } shape)
                outputs[i] = outputs[i] with { Shape = [OnnxDimension.Unknown, .. shape.Skip(1)] };
        }

        return copy;
    }

    private static ImageSpec Plain(InputFormat format) => new()
    {
        Channels = format.Channels,
        Height = format.Height,
        Width = format.Width,
        Mean = [.. Enumerable.Repeat(0.0, format.Channels)],
        Std = [.. Enumerable.Repeat(1.0, format.Channels)],
    };

    private static InputSpec InputOf(InputFormat format, Normalisation normalisation)
    {
        var usual = format.Type == OnnxElementType.UInt8 ? 255 : 1;
        return new InputSpec
        {
            Name = format.Name,
            Layout = format.Layout,
            Range = normalisation.Range == usual ? null : normalisation.Range,
            Mean = normalisation.IsPlain ? null : normalisation.Mean,
            Std = normalisation.IsPlain ? null : normalisation.Std,
        };
    }

    /// <summary>The network with outputs of a free batch, where the file says one of a fixed size though it is not; null where nothing is
    /// wrong.</summary>
    private static OnnxModel? Corrected(
        OnnxModel model, InputFormat format, int images, IReadOnlyDictionary<string, OutputSample> samples, List<Guess> guesses)
    {
        if (format.DeclaredBatch is not null) return null;
        var wrong = model.Graph.Outputs.Where(output => output.Shape is [{ Size: not null }, ..]
            && samples.TryGetValue(output.Name, out var sample) && sample.Count == images).ToList();
        if (wrong.Count == 0) return null;
        var copy = model.Copy();
        copy.Graph.ValueInfos.Clear();
        foreach (var output in wrong)
        {
            var place = copy.Graph.Outputs.FindIndex(value => value.Name == output.Name);
            copy.Graph.Outputs[place] = output with { Shape = ["N", .. output.Shape!.Skip(1)] };
            guesses.Add(new($"batch of '{output.Name}'", "free",
                $"the file says {output.Shape![0]}, but it gives an answer for every image; "
                + "put right in the bundle's copy", GuessOrigin.File));
        }

        return copy;
    }
}
