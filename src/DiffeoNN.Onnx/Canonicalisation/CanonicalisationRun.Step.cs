using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <content>The chain of one step: parameters -> lattice -> v -> u -> y, and back link by link.</content>
/// <remarks>Each link starts from a leaf of its own: backward runs through one link at a time, and each is timed both ways.</remarks>
internal sealed partial class CanonicalisationRun
{
    private Iterate Forward()
    {
        var (output, lattice, v, speeds) = _clock.Measure(Stage.Field, () =>
        {
            var output = _field.Evaluate();
            var lattice = Leaf(output);
            using var noGradient = torch.no_grad();
            var v = Velocity(lattice, _starts);
            var speeds = ScalingAndSquaring.FastestSpeeds(v);
            return (output, lattice, Leaf(Still(v, speeds)), speeds);
        });
        var (exp, u) = _clock.Measure(Stage.Exponential, () =>
        {
            var exp = ScalingAndSquaring.Exp(v, [.. speeds.Select(SquaringsOf)]);
            return (exp, Leaf(exp));
        });
        var image = _clock.Measure(Stage.Warp, () => Warp.Apply(_images, u, _options.Padding));
        var (smoothness, orientation) = _clock.Measure(Stage.Regularisers, () => (Smoothness(lattice), Orientation(u)));
        return new Iterate(output, lattice, v, exp, u, image, smoothness, orientation, speeds);
    }

    private void Update(Iterate iterate, torch.Tensor gradient)
    {
        var dU = _clock.Measure(Stage.Warp, () => Backward(iterate.Image, iterate.Displacement, gradient));
        if (iterate.Orientation.requires_grad)
        {
            dU = _clock.Measure(
                Stage.Regularisers, () => dU.AddInPlace(Backward(iterate.Orientation, iterate.Displacement, _options.OrientationWeight)));
        }

        var dV = _clock.Measure(Stage.Exponential, () => Backward(iterate.Exponential, iterate.Velocity, dU));
        var dLattice = _clock.Measure(Stage.Field, () => _upsampling is null ? dV : _upsampling.ApplyTransposed(dV));
        if (_options.SmoothnessWeight > 0)
        {
            dLattice = _clock.Measure(
                Stage.Regularisers, () => dLattice.Plus(Backward(iterate.Smoothness, iterate.Lattice, _options.SmoothnessWeight)));
        }

        var gradients = _clock.Measure(
            Stage.Field, () => TensorDerivatives.Of([iterate.Output], _field.Parameters, [dLattice]));
        _clock.Measure(Stage.Optimiser, () =>
        {
            _adam.Step(_field.Parameters, [.. gradients.Select(gradient => gradient!)]);
            return true;
        });
    }

    private torch.Tensor Velocity(torch.Tensor lattice, torch.Tensor? starts)
    {
        var deviation = _upsampling is null ? lattice.alias() : _upsampling.Apply(lattice);
        return starts is null ? deviation : deviation.Plus(starts);
    }

    // Rows that diverged are judged by their speed; until they leave, the resampling kernel must not see their values: its backward
    // reads memory at positions that are no numbers.
    private static torch.Tensor Still(torch.Tensor v, double[] speeds)
    {
        if (speeds.All(HasNotDiverged))
            return v;
        var keep = torch.tensor(speeds.Select(HasNotDiverged).ToArray(), device: v.device).view(-1, 1, 1, 1);
        return torch.where(keep, v, torch.zeros_like(v));
    }

    // On the lattice itself: where it is finer than the field's features this is the value at all pixels, at a fraction of the cost.
    private torch.Tensor Smoothness(torch.Tensor lattice)
    {
        var (spacingX, spacingY) = _grid.LatticeSpacing((int)lattice.size(2), (int)lattice.size(3));
        return Regularisers.Smoothness(lattice, spacingX, spacingY);
    }

    // Almost all iterates cannot fold, which is seen from two differences; the term and its gradient are exactly zero then.
    private torch.Tensor Orientation(torch.Tensor u)
    {
        if (Regularisers.CannotFold(u))
            return torch.zeros(u.size(0), device: u.device);
        using var mode = torch.set_grad_enabled(_options.OrientationWeight > 0);
        return Regularisers.Orientation(u);
    }

    private IterateEnergy[] Energies(Iterate iterate, EnergyEvaluation evaluation)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        // One transfer for all numbers a step needs on the host.
        var table = torch.cat(
            [evaluation.Energy.view(-1, 1), evaluation.Terms, iterate.Smoothness.view(-1, 1), iterate.Orientation.view(-1, 1)], 1);
        var columns = (int)table.size(1);
        var values = table.cpu().data<float>().ToArray();
        return [.. Enumerable.Range(0, (int)table.size(0)).Select(row =>
        {
            var numbers = values.AsSpan(row * columns, columns);
            var energies = IterateEnergy.Of(numbers[..^2], numbers[^2], numbers[^1], _options);
            return HasNotDiverged(iterate.Speeds[row]) ? energies : energies with { Total = double.NaN };
        })];
    }

    private static torch.Tensor Leaf(torch.Tensor tensor) => tensor.detach().requires_grad_();

    private static torch.Tensor Backward(torch.Tensor output, torch.Tensor input, torch.Tensor gradient) =>
        TensorDerivatives.Of(output, input, gradient);

    private static torch.Tensor Backward(torch.Tensor output, torch.Tensor input, double weight) =>
        Backward(output, input, output.FilledLike(weight));

    /// <summary>One iterate of all rows: values, and the links between them.</summary>
    /// <param name="Output">Lattice with its graph to the parameters.</param>
    /// <param name="Lattice">The same values as a leaf.</param>
    /// <param name="Velocity">v at all pixels, a leaf.</param>
    /// <param name="Exponential">u with its graph to v.</param>
    /// <param name="Displacement">The same values as a leaf.</param>
    /// <param name="Image">y with its graph to u.</param>
    /// <param name="Smoothness">One value a row, with its graph to the lattice.</param>
    /// <param name="Orientation">One value a row, with its graph to u unless it is zero.</param>
    /// <param name="Speeds">Largest |v| of each row in pixels as it came from the parameters; not finite if they were not.</param>
    private sealed record Iterate(
        torch.Tensor Output,
        torch.Tensor Lattice,
        torch.Tensor Velocity,
        torch.Tensor Exponential,
        torch.Tensor Displacement,
        torch.Tensor Image,
        torch.Tensor Smoothness,
        torch.Tensor Orientation,
        double[] Speeds);
}
