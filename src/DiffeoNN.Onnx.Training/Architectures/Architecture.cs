using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Training.Architectures;

/// <summary>A network of a bundle that is described by a few numbers: any channels, height and width.</summary>
/// <remarks>Convolutions with group normalisation and SiLU, which train as they infer, one image at a time.</remarks>
public abstract record Architecture
{
    /// <summary>Least side of an image.</summary>
    public const int LeastSide = 8;

    /// <summary>An architecture for images of one size.</summary>
    /// <param name="channels">Channels of the image, at least 1.</param>
    /// <param name="height">Rows of the image, at least <see cref="LeastSide"/>.</param>
    /// <param name="width">Columns of the image, at least <see cref="LeastSide"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small.</exception>
    private protected Architecture(int channels, int height, int width)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, LeastSide);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, LeastSide);
        (Channels, Height, Width) = (channels, height, width);
    }

    /// <summary>The weights of these networks, for <see cref="TrainableNetwork"/>: not the constants beside them.</summary>
    public static WeightSelection Weights { get; } = WeightSelection.Matching("*.weight", "*.bias");

    /// <summary>Channels of the image.</summary>
    public int Channels { get; }

    /// <summary>Rows of the image.</summary>
    public int Height { get; }

    /// <summary>Columns of the image.</summary>
    public int Width { get; }

    /// <summary>Multiplications with weights for one image.</summary>
    public double MultiplyAdds => Write(null).MultiplyAdds;

    /// <summary>Numbers that are trained.</summary>
    public long Parameters => Write(null).Parameters;

    /// <summary>The untrained network, as bundles have it.</summary>
    /// <param name="seed">Of its weights, drawn as He et al., ICCV 2015.</param>
    /// <returns>Input <c>image</c> (N, C, H, W), N free.</returns>
    public OnnxModel Create(ulong seed) => Write(seed).Graph.Model;

    /// <summary>The network; counted only, without weights, where there is no seed.</summary>
    private protected abstract LayerWriter Write(ulong? seed);

    /// <summary>The widest of some architectures that keeps to a budget, the narrowest if none does.</summary>
    private protected static T Widest<T>(double multiplyAdds, Func<int, T> make)
        where T : Architecture
    {
        if (!(multiplyAdds > 0))
            throw new ArgumentOutOfRangeException(nameof(multiplyAdds), multiplyAdds, "A budget is a positive number.");
        int[] widths = [8, 12, 16, 24, 32, 48, 64, 96, 128];
        var best = make(widths[0]);
        foreach (var width in widths.Skip(1))
        {
            var next = make(width);
            if (next.MultiplyAdds > multiplyAdds)
                break;
            best = next;
        }

        return best;
    }
}
