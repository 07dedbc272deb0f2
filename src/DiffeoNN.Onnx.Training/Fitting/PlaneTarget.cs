using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Values for each pixel (N, K, h, w), moved by both maps, at the resolution that they have. What comes from outside the image
/// does not count, nor do places that are to be ignored.</summary>
internal sealed class PlaneTarget : TaskTarget
{
    private readonly InnerAnswer _answer;
    private readonly int _channels;
    private readonly IReadOnlyList<float> _deviations;
    private readonly PlaneCentres _centres;
    private readonly SamplingGrid _image;
    private readonly bool _isMasked;
    private readonly torch.Tensor[] _matrices = [];

    /// <param name="answer">What the values mean.</param>
    /// <param name="channels">K.</param>
    /// <param name="deviations">Of each of the K.</param>
    /// <param name="centres">Where their pixels lie.</param>
    /// <param name="image">The training images.</param>
    public PlaneTarget(
        InnerAnswer answer, int channels, IReadOnlyList<float> deviations, PlaneCentres centres, SamplingGrid image)
    {
        (_answer, _channels, _deviations, _centres, _image) = (answer, channels, deviations, centres, image);
        _isMasked = AnswerLoss.NeedsInside(answer);
        if (centres.AreThose)
            return;
        using var scope = torch.NewDisposeScope();
        _matrices =
        [
            torch.tensor(centres.Rows(image.Height)).view(centres.Height, image.Height).DetachFromDisposeScope(),
            torch.tensor(centres.Columns(image.Width)).view(image.Width, centres.Width).DetachFromDisposeScope(),
            torch.tensor(new[] { (float)centres.ScaleX, (float)centres.ScaleY }).view(1, 2, 1, 1).DetachFromDisposeScope(),
        ];
    }

    private int Planes => _channels + (_isMasked ? 1 : 0);

    /// <inheritdoc/>
    public override torch.Tensor Carry(torch.Tensor answers, torch.Tensor nodes)
    {
        // Where some places of the undeformed image do not count, that is said with the answers.
        if (_isMasked && answers.size(1) == _channels)
            answers = torch.cat([answers, torch.ones(answers.size(0), 1, answers.size(2), answers.size(3))], 1);
        return Maps.Warp(answers, Displacement(nodes), WarpPadding.Zeros).contiguous();
    }

    /// <inheritdoc/>
    public override string Difference(ObjectiveBuilder builder, ProposedMap map, string output)
    {
        var carried = builder.Input(Data, "N", Planes, _centres.Height, _centres.Width);
        var grid = new SamplingGrid(_centres.Height, _centres.Width);
        var target = map.WarpPlanes(carried, Planes, grid, _centres);
        string? inside = null;
        if (_isMasked)
        {
            var parts = builder.Writer.Split(target, 1, _channels, 1);
            (target, inside) = (parts[0], parts[1]);
        }

        return AnswerLoss.Write(builder, _answer, output, target, inside, [1, _channels, 1, 1], _deviations);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var matrix in _matrices)
            matrix.Dispose();
        base.Dispose();
    }

    private torch.Tensor Displacement(torch.Tensor nodes) => _matrices is [var rows, var columns, var scale]
        ? rows.matmul(Maps.Resample(nodes, _image.Height, _image.Width)).matmul(columns).mul(scale)
        : Maps.Resample(nodes, _centres.Height, _centres.Width);
}
