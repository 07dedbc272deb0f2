using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Maps of a batch of velocities with their inverses and measures, repaired where they fail their certificate.</summary>
/// <remarks>A map that fails is built again with more squarings (2, then 4), then with 4 more and a smaller velocity (0.8, 0.64,
/// 0.51 and 0.41 of it): six tries. One that still fails is kept as it was and is for the caller to refuse.</remarks>
internal sealed class CertifiedMaps
{
    /// <summary>What is tried, in order.</summary>
    public static readonly IReadOnlyList<(int Squarings, double Scale)> Repairs =
    [
        (2, 1), (4, 1), (4, 0.8), (4, 0.64), (4, 0.512), (4, 0.4096),
    ];

    private readonly int[] _squarings;
    private readonly double[] _scales;
    private readonly FieldDiagnostics[] _diagnostics;

    /// <summary>Builds the maps; tensors join the caller's dispose scope.</summary>
    /// <param name="velocity">v, shape (N, 2, H, W); changed in place where a repair made it smaller.</param>
    /// <param name="squarings">K of each.</param>
    /// <param name="acceptance">The certificate.</param>
    public CertifiedMaps(torch.Tensor velocity, int[] squarings, Acceptance acceptance)
        : this(velocity, squarings, Exp(velocity, squarings), null, acceptance)
    {
    }

    /// <summary>Takes over maps that were built already; tensors join the caller's dispose scope.</summary>
    /// <param name="velocity">v, shape (N, 2, H, W); changed in place where a repair made it smaller.</param>
    /// <param name="squarings">K of each.</param>
    /// <param name="maps">u of exp(v) and of exp(-v), same shape; changed in place likewise.</param>
    /// <param name="diagnostics">Their measures; taken here if null.</param>
    /// <param name="acceptance">The certificate.</param>
    public CertifiedMaps(
        torch.Tensor velocity, int[] squarings, (torch.Tensor U, torch.Tensor Inverse) maps, FieldDiagnostics[]? diagnostics,
        Acceptance acceptance)
    {
        _squarings = [.. squarings];
        _scales = [.. Enumerable.Repeat(1.0, squarings.Length)];
        Velocity = velocity;
        (Displacement, Inverse) = maps;
        _diagnostics = diagnostics ?? [.. FieldDiagnostics.Measure(Displacement, Inverse)];
        List<long> failing =
            [.. Enumerable.Range(0, squarings.Length).Where(i => !acceptance.IsCertified(_diagnostics[i])).Select(i => (long)i)];
        foreach (var (more, scale) in Repairs)
        {
            if (failing.Count == 0)
                break;
            Repair(failing, squarings, more, scale, acceptance);
        }
    }

    /// <summary>v, shape (N, 2, H, W).</summary>
    public torch.Tensor Velocity { get; }

    /// <summary>u of exp(v).</summary>
    public torch.Tensor Displacement { get; }

    /// <summary>u of exp(-v).</summary>
    public torch.Tensor Inverse { get; }

    /// <summary>K of each.</summary>
    public IReadOnlyList<int> Squarings => _squarings;

    /// <summary>What each velocity was multiplied by: 1, or less after a repair.</summary>
    public IReadOnlyList<double> Scales => _scales;

    /// <summary>Measures of each.</summary>
    public IReadOnlyList<FieldDiagnostics> Diagnostics => _diagnostics;

    /// <summary>Maps that are not what the velocities given, with the squarings given, lead to.</summary>
    public IReadOnlyList<int> Repaired { get; private set; } = [];

    private void Repair(List<long> failing, int[] squarings, int more, double scale, Acceptance acceptance)
    {
        using var scope = torch.NewDisposeScope();
        var v = Velocity.index_select(0, Index(failing)).Times(scale);
        int[] own = [.. failing.Select(i => squarings[i] + more)];
        var (u, inverse) = Exp(v, own);
        var diagnostics = FieldDiagnostics.Measure(u, inverse);
        int[] sound = [.. Enumerable.Range(0, failing.Count).Where(row => acceptance.IsCertified(diagnostics[row]))];
        if (sound.Length == 0)
            return;
        var (from, to) = (Index(sound.Select(row => (long)row)), Index(sound.Select(row => failing[row])));
        Velocity.index_copy_(0, to, v.index_select(0, from));
        Displacement.index_copy_(0, to, u.index_select(0, from));
        Inverse.index_copy_(0, to, inverse.index_select(0, from));
        foreach (var row in sound)
            (_squarings[failing[row]], _scales[failing[row]], _diagnostics[failing[row]]) = (own[row], scale, diagnostics[row]);
        Repaired = [.. Repaired, .. sound.Select(row => (int)failing[row])];
        failing.RemoveAll(i => Repaired.Contains((int)i));
    }

    private static (torch.Tensor U, torch.Tensor Inverse) Exp(torch.Tensor v, int[] squarings)
    {
        using var opposite = -v;
        return (ScalingAndSquaring.Exp(v, squarings), ScalingAndSquaring.Exp(opposite, squarings));
    }

    private torch.Tensor Index(IEnumerable<long> rows) => torch.tensor(rows.ToArray(), device: Velocity.device);
}
