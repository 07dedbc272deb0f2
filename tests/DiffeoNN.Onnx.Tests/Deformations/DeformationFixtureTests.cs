using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;

namespace DiffeoNN.Onnx.Tests.Deformations;

/// <summary>Maps written by the Python generator; see Fixtures/make_maps.py for the order.</summary>
public sealed class DeformationFixtureTests
{
    private static readonly string[] Presets = ["tps", "tps-strong", "svf", "twist"];
    private static readonly (int Height, int Width)[] Sizes = [(16, 12), (9, 9)];

    [Test]
    public void Draw_MatchesPythonGenerator([Values(0, 1, 2, 3)] int preset, [Values(0, 1)] int size, [Values(0, 1, 2, 3, 4)] int seed)
    {
        var expected = Expected(preset, size, seed);
        var grid = new SamplingGrid(Sizes[size].Height, Sizes[size].Width);
        var map = Deformation.Create(Presets[preset]).Draw(grid, (ulong)seed, seed);
        Assert.That(map.U.Length, Is.EqualTo(expected.Length));
        double worst = 0;
        for (var i = 0; i < expected.Length; i++) worst = Math.Max(worst, Math.Abs(map.U[i] - expected[i]));
        Assert.That(worst, Is.LessThan(1e-9), $"{Presets[preset]} seed {seed} on {Sizes[size]}");
    }

    private static ReadOnlySpan<double> Expected(int preset, int size, int seed)
    {
        var file = Path.Combine(AppContext.BaseDirectory, "Deformations", "Fixtures", "maps.bin");
        var all = MemoryMarshal.Cast<byte, double>(File.ReadAllBytes(file));
        int[] counts = [.. Sizes.Select(s => 2 * s.Height * s.Width)];
        var perPreset = 5 * counts.Sum();
        Assert.That(all.Length, Is.EqualTo(Presets.Length * perPreset));
        return all.Slice((preset * perPreset) + (size == 0 ? 0 : 5 * counts[0]) + (seed * counts[size]), counts[size]);
    }
}
