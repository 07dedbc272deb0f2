using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Random maps of random strength, drawn from a fixed set and its mirror images; on few nodes, because maps are smooth.</summary>
internal sealed class MapPool : IDisposable
{
    private const int LongestSide = 33;
    private const int LeastSide = 9;
    private static readonly Lock Drawing = new();
    private static (string Key, WeakReference<float[]>? Values) _last = ("", null);
    private readonly float[] _values;
    private readonly DeformationSampling _sampling;
    private readonly torch.Tensor _maps;
    private readonly torch.Tensor _leftRight;
    private readonly torch.Tensor _upsideDown;
    private readonly bool _isSquare;

    /// <param name="sampling">Which maps.</param>
    /// <param name="image">The images' grid.</param>
    public MapPool(DeformationSampling sampling, SamplingGrid image)
    {
        _sampling = sampling;
        _isSquare = image.Height == image.Width;
        int Side(int side) => Math.Max(LeastSide, 1 + (int)Math.Round((LongestSide - 1.0) * (side - 1) / (image.LongestSide - 1)));
        var grid = new SamplingGrid(Side(image.Height), Side(image.Width));
        // Held, so that the recipe that comes next finds it.
        _values = Drawn(sampling, grid);
        Runtime.LoadTorch();
        using var scope = torch.NewDisposeScope();
        _maps = torch.tensor(_values).reshape(-1, 2, grid.Height, grid.Width).DetachFromDisposeScope();
        _leftRight = torch.tensor(new[] { -1f, 1 }).view(1, 2, 1, 1).DetachFromDisposeScope();
        _upsideDown = torch.tensor(new[] { 1f, -1 }).view(1, 2, 1, 1).DetachFromDisposeScope();
    }

    /// <summary>The maps: seconds to draw, so the last ones are kept for the recipes that follow.</summary>
    private static float[] Drawn(DeformationSampling sampling, SamplingGrid grid)
    {
        var key = $"{grid.Height}x{grid.Width} {sampling.Seed} "
            + string.Join(
                ',', sampling.Families.OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key}={pair.Value}"));
        lock (Drawing)
        {
            if (_last.Key == key && _last.Values!.TryGetTarget(out var known)) return known;
            var values = Draw(sampling, grid);
            _last = (key, new WeakReference<float[]>(values));
            return values;
        }
    }

    private static float[] Draw(DeformationSampling sampling, SamplingGrid grid)
    {
        var size = 2 * grid.Height * grid.Width;
        var values = new float[sampling.Families.Values.Sum() * size];
        var start = 0;
        foreach (var (family, i) in sampling.Families.Keys.Order(StringComparer.Ordinal).Select((family, i) => (family, i)))
        {
            var (deformation, first, seed) = (Deformation.Create(family), start, unchecked(sampling.Seed + (ulong)i));
            Parallel.For(0, sampling.Families[family], index =>
                Write(deformation.Draw(grid, seed, index), values.AsSpan((first + index) * size, size)));
            start += sampling.Families[family];
        }

        return values;
    }

    /// <summary>Maps of random strength, (count, 2, h, w), a share of them the identity; in the current dispose scope.</summary>
    public torch.Tensor Draw(int count, SplitMix64 random, bool withIdentity = true)
    {
        var chosen = Enumerable.Range(0, count).Select(_ => (long)(random.Next() % (ulong)_maps.size(0))).ToArray();
        var u = _maps.index_select(0, torch.tensor(chosen));
        if (_sampling.Mirrors)
        {
            u = Sometimes(u, u.flip(3).mul(_leftRight), random);
            u = Sometimes(u, u.flip(2).mul(_upsideDown), random);
            if (_isSquare)
                u = Sometimes(u, u.transpose(2, 3).flip(1), random);
        }

        var strength = Numbers(count, () =>
        {
            var isLeft = random.Uniform() < _sampling.Identity;
            var share = random.Uniform(_sampling.LowestStrength, _sampling.HighestStrength);
            return withIdentity && isLeft ? 0 : share;
        });
        return u.mul(strength);
    }

    /// <summary>A number for each of a batch, (count, 1, 1, 1).</summary>
    public static torch.Tensor Numbers(int count, Func<double> draw) =>
        torch.tensor(Enumerable.Range(0, count).Select(_ => (float)draw()).ToArray()).view(-1, 1, 1, 1);

    /// <inheritdoc/>
    public void Dispose()
    {
        _maps.Dispose();
        _leftRight.Dispose();
        _upsideDown.Dispose();
    }

    private static void Write(DeformationMap map, Span<float> values)
    {
        var plane = values.Length / 2;
        for (var i = 0; i < plane; i++)
        {
            values[i] = (float)(map.U[i] / map.Grid.HalfWidth);
            values[plane + i] = (float)(map.U[plane + i] / map.Grid.HalfHeight);
        }
    }

    private static torch.Tensor Sometimes(torch.Tensor u, torch.Tensor mirrored, SplitMix64 random) =>
        torch.where(Numbers((int)u.size(0), () => random.Uniform() < 0.5 ? 1 : 0).Above(0.5), mirrored, u);
}
