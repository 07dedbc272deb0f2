using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Architectures;

/// <summary>A variational autoencoder: <c>reconstruction</c> (N, C, H, W) in [0, 1], <c>mu</c> and <c>logvar</c> (N, L).</summary>
/// <remarks>In bundles the latent is the posterior's mean, so that the energy is a function; in training it is sampled by an input
/// <c>noise</c> (N, L). Each level halves the size, rounded down, and the decoder retraces the sizes.</remarks>
public sealed record VaeArchitecture : Architecture
{
    /// <summary>Budget for each pixel where none is given.</summary>
    public const double DefaultMultiplyAddsOfPixel = 3000;

    private const int LeastFeatures = 3;
    private const int MostLevels = 7;

    /// <summary>A network of the usual width.</summary>
    /// <param name="channels">Channels of the image, at least 1.</param>
    /// <param name="height">Rows of the image, at least <see cref="Architecture.LeastSide"/>.</param>
    /// <param name="width">Columns of the image, at least <see cref="Architecture.LeastSide"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small.</exception>
    public VaeArchitecture(int channels, int height, int width) : base(channels, height, width)
    {
        Widths = LevelWidths(16, height, width);
        Latent = Math.Clamp((int)Math.Round(Math.Sqrt((double)height * width) / 2), 12, 128);
    }

    /// <summary>Channels of the levels.</summary>
    public IReadOnlyList<int> Widths { get; init; }

    /// <summary>L: numbers of the latent, narrow so that deformed images are reconstructed badly.</summary>
    public int Latent { get; init; }

    /// <summary>The widest network that keeps to a budget.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="multiplyAdds">Most multiplications for one image, <see cref="DefaultMultiplyAddsOfPixel"/> times the pixels if null;
    /// the
    /// narrowest network may need more.</param>
    public static VaeArchitecture For(int channels, int height, int width, double? multiplyAdds = null) =>
        Widest(multiplyAdds ?? (DefaultMultiplyAddsOfPixel * height * width),
            w => new VaeArchitecture(channels, height, width) { Widths = LevelWidths(w, height, width) });

    /// <summary>The untrained network with its input <c>noise</c>, to be trained by <see cref="Fitting.VaeRecipe"/>.</summary>
    /// <param name="seed">Of its weights: those of <see cref="Architecture.Create"/>.</param>
    public OnnxModel CreateForTraining(ulong seed) => Write(seed, isSampled: true).Graph.Model;

    /// <summary>The network of a bundle with the weights of a trained one.</summary>
    /// <param name="trained">What came of <see cref="CreateForTraining"/>.</param>
    /// <exception cref="TrainingException">It is another network.</exception>
    public OnnxModel ForBundle(OnnxModel trained)
    {
        ArgumentNullException.ThrowIfNull(trained);
        var result = Create(0);
        foreach (var weight in Weights.Choose(result))
        {
            var own = result.Graph.Initializers[weight];
            if (!trained.Graph.Initializers.TryGetValue(weight, out var other) || !own.Dimensions.SequenceEqual(other.Dimensions))
                throw new TrainingException(
                    $"Network '{trained.Graph.Name}' has no weight '{weight}' of shape ({string.Join(", ", own.Dimensions)}); it is not of "
                    + $"this architecture. Give what {nameof(CreateForTraining)} made, trained.");
            result.Graph.AddInitializer(other);
        }

        return result;
    }

    private protected override LayerWriter Write(ulong? seed) => Write(seed, isSampled: false);

    private LayerWriter Write(ulong? seed, bool isSampled)
    {
        var w = new LayerWriter("vae", seed);
        var h = w.Image(Channels, Height, Width);
        var noise = isSampled ? w.Graph.Input("noise", "N", Latent) : null;
        var sizes = new Stack<Feature>();
        for (var level = 0; level < Widths.Count; level++)
        {
            sizes.Push(h);
            h = w.Silu(w.Normalise(w.Conv(h, $"encoder.{level}", Widths[level], 4, 2, hasBias: false), $"encoder.{level}.norm"));
        }

        var flat = w.Graph.Reshape(h.Name, 0, -1);
        var half = Math.Sqrt(0.5);
        var mu = w.Linear(flat, "mu", h.Size, Latent, half);
        var logvar = w.Linear(flat, "logvar", h.Size, Latent, 0.1);
        var z = noise is null ? mu : Sample(w.Graph, mu, logvar, noise);
        h = h with { Name = w.Graph.Reshape(w.Linear(z, "expand", Latent, h.Size, half), 0, h.Channels, h.Height, h.Width) };
        for (var level = Widths.Count - 1; level > 0; level--)
        {
            var target = sizes.Pop();
            h = w.Enlarge(h, $"decoder.{level}", target.Channels, target.Height, target.Width, hasBias: false);
            h = w.Silu(w.Normalise(h, $"decoder.{level}.norm"));
        }

        h = w.Enlarge(h, "decoder.0", Channels, Height, Width, half);
        w.Graph.Output("reconstruction", w.Graph.Op("Sigmoid", [h.Name]), "N", Channels, Height, Width);
        w.Graph.Output("mu", mu, "N", Latent);
        w.Graph.Output("logvar", logvar, "N", Latent);
        return w;
    }

    private static string Sample(GraphWriter w, string mu, string logvar, string noise) =>
        w.Add(mu, w.Mul(w.Op("Exp", [w.Mul(logvar, 0.5)]), noise));

    private static int[] LevelWidths(int width, int rows, int columns)
    {
        var levels = Enumerable.Range(1, MostLevels).TakeWhile(level => Math.Min(rows, columns) >> level >= LeastFeatures).Count();
        return [.. Enumerable.Range(0, Math.Max(1, levels)).Select(level => width * Math.Min(4, 1 << level))];
    }
}
