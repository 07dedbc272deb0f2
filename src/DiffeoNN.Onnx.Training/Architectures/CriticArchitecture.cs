namespace DiffeoNN.Onnx.Training.Architectures;

/// <summary>A critic: <c>score</c> (N), low on undeformed images.</summary>
/// <remarks>Convolutions of 5x5 on the reduced image, whose hidden layers all see the image too; the score is the mean over pixels. SiLU
/// keeps
/// the gradient, which is what a search descends, continuous.</remarks>
public sealed record CriticArchitecture : Architecture
{
    /// <summary>Budget where none is given.</summary>
    public const double DefaultMultiplyAdds = 3e7;

    private const int Kernel = 5;
    private const int LongestReduced = 32;

    /// <summary>A network of the usual width.</summary>
    /// <param name="channels">Channels of the image, at least 1.</param>
    /// <param name="height">Rows of the image, at least <see cref="Architecture.LeastSide"/>.</param>
    /// <param name="width">Columns of the image, at least <see cref="Architecture.LeastSide"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small.</exception>
    public CriticArchitecture(int channels, int height, int width) : base(channels, height, width)
    {
        Downsample = Math.Max(1, (Math.Max(height, width) + (LongestReduced / 2)) / LongestReduced);
    }

    /// <summary>Sides are divided by this first: the receptive field then covers most of the image.</summary>
    public int Downsample { get; init; }

    /// <summary>Channels of the hidden layers.</summary>
    public int Hidden { get; init; } = 16;

    /// <summary>Convolutions, at least two.</summary>
    public int Layers { get; init; } = 6;

    /// <summary>The widest network that keeps to a budget.</summary>
    /// <param name="channels">Channels of the image.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    /// <param name="multiplyAdds">Most multiplications for one image; the narrowest network may need more.</param>
    public static CriticArchitecture For(int channels, int height, int width, double multiplyAdds = DefaultMultiplyAdds) =>
        Widest(multiplyAdds, w => new CriticArchitecture(channels, height, width) { Hidden = w });

    private protected override LayerWriter Write(ulong? seed)
    {
        var w = new LayerWriter("critic", seed);
        var x = w.Reduce(w.Image(Channels, Height, Width), Downsample);
        var h = w.Silu(w.Conv(x, "layers.0", Hidden, Kernel));
        Feature Joined() => h with { Name = w.Graph.Concat(1, h.Name, x.Name), Channels = Hidden + Channels };
        for (var layer = 1; layer < Layers - 1; layer++)
            h = w.Silu(w.Conv(Joined(), $"layers.{layer}", Hidden, Kernel));
        var last = w.Conv(Joined(), $"layers.{Layers - 1}", 1, Kernel, gain: Math.Sqrt(0.5));
        w.Graph.Output("score", w.Graph.Reduce("ReduceMean", last.Name, false, 1, 2, 3), "N");
        return w;
    }
}
