using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Tensors;
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
            return (output, lattice, Still(v, speeds), speeds);
        });
        var parts = _workers.Parts(speeds.Length);
        var fields = _clock.Measure(Stage.Exponential, () => _workers.Each(parts.Length, part =>
        {
            var (first, count) = parts[part];
            var own = Leaf(v.narrow(0, first, count));
            var exp = ScalingAndSquaring.Exp(own, [.. speeds.AsSpan(first, count).ToArray().Select(SquaringsOf)]);
            return [own, exp, Leaf(exp)];
        }));
        var images = _clock.Measure(Stage.Warp, () => _workers.Each(parts.Length, part =>
            [Warp.Apply(_images.narrow(0, parts[part].First, parts[part].Count), fields[part][2], _options.Padding)]));
        var smoothness = _clock.Measure(Stage.Regularisers, () => Smoothness(lattice));
        var folds = _clock.Measure(Stage.Regularisers, () => _workers.Each(parts.Length, part => [Orientation(fields[part][2])]));
        Part[] chain = [.. parts.Select((part, i) => new Part(
            part.First, part.Count, fields[i][0], fields[i][1], fields[i][2], images[i][0], folds[i][0]))];
        return new Iterate(output, lattice, chain, smoothness, speeds);
    }

    private void Update(Iterate iterate, torch.Tensor gradient)
    {
        var parts = iterate.Parts;
        var dU = _clock.Measure(Stage.Warp, () => _workers.Each(parts.Length, part =>
            [Backward(parts[part].Image, parts[part].Displacement, gradient.narrow(0, parts[part].First, parts[part].Count))]));
        if (parts.Any(part => part.Orientation.requires_grad))
        {
            _clock.Measure(Stage.Regularisers, () => _workers.Each(parts.Length, part =>
            {
                if (parts[part].Orientation.requires_grad)
                    dU[part][0].AddInPlace(Backward(parts[part].Orientation, parts[part].Displacement, _options.Orientation));
                return [];
            }));
        }

        var dV = _clock.Measure(Stage.Exponential, () => torch.cat([.. _workers.Each(parts.Length, part =>
            [Backward(parts[part].Exponential, parts[part].Velocity, dU[part][0])]).Select(part => part[0])], 0));
        var dLattice = _clock.Measure(Stage.Field, () => _upsampling is null ? dV : _upsampling.ApplyTransposed(dV));
        if (_options.Smoothness > 0)
        {
            dLattice = _clock.Measure(
                Stage.Regularisers, () => dLattice.Plus(Backward(iterate.Smoothness, iterate.Lattice, _options.Smoothness)));
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
        using var mode = torch.set_grad_enabled(_options.Orientation > 0);
        return Regularisers.Orientation(u);
    }

    private IterateEnergy[] Energies(Iterate iterate, EnergyEvaluation evaluation)
    {
        var table = Numbers(
            evaluation.Energy.view(-1, 1), evaluation.Terms, iterate.Smoothness.view(-1, 1), iterate.Orientation.view(-1, 1));
        return [.. table.Select((numbers, row) =>
        {
            var energies = _reading.Iterate(numbers.AsSpan()[..^2], numbers[^2], numbers[^1]);
            return HasNotDiverged(iterate.Speeds[row]) ? energies : energies with { Total = double.NaN };
        })];
    }

    /// <summary>All columns of each row, in one transfer.</summary>
    private static float[][] Numbers(params torch.Tensor[] columns)
    {
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var table = torch.cat(columns, 1);
        return [.. table.cpu().data<float>().ToArray().Chunk((int)table.size(1))];
    }

    private static torch.Tensor Leaf(torch.Tensor tensor) => tensor.detach().requires_grad_();

    private static torch.Tensor Backward(torch.Tensor output, torch.Tensor input, torch.Tensor gradient) =>
        TensorDerivatives.Of(output, input, gradient);

    private static torch.Tensor Backward(torch.Tensor output, torch.Tensor input, double weight) =>
        Backward(output, input, output.FilledLike(weight));

    /// <summary>One iterate of all rows: values, and the links between them.</summary>
    /// <param name="Output">Lattice with its graph to the parameters.</param>
    /// <param name="Lattice">The same values as a leaf.</param>
    /// <param name="Parts">What is worked on row by row.</param>
    /// <param name="Smoothness">One value a row, with its graph to the lattice.</param>
    /// <param name="Speeds">Largest |v| of each row in pixels as it came from the parameters; not finite if they were not.</param>
    private sealed record Iterate(
        torch.Tensor Output, torch.Tensor Lattice, Part[] Parts, torch.Tensor Smoothness, double[] Speeds) : IDisposable
    {
        /// <summary>The penalty on folds of all rows.</summary>
        public torch.Tensor Orientation => torch.cat([.. Parts.Select(part => part.Orientation)], 0);

        private IEnumerable<torch.Tensor> Tensors => Parts.SelectMany(part =>
            new[] { part.Velocity, part.Exponential, part.Displacement, part.Image, part.Orientation }).Append(Output).Append(Lattice)
            .Append(Smoothness);

        /// <summary>Takes its tensors out of their scope: an iterate lasts until it is disposed.</summary>
        public void Keep()
        {
            foreach (var tensor in Tensors)
                tensor.DetachFromDisposeScope();
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            foreach (var tensor in Tensors)
                tensor.Dispose();
        }
    }

    /// <summary>Some rows of an iterate.</summary>
    /// <param name="First">The first of them.</param>
    /// <param name="Count">How many.</param>
    /// <param name="Velocity">v at all pixels, a leaf.</param>
    /// <param name="Exponential">u with its graph to v.</param>
    /// <param name="Displacement">The same values as a leaf.</param>
    /// <param name="Image">y with its graph to u.</param>
    /// <param name="Orientation">One value a row, with its graph to u unless it is zero.</param>
    private sealed record Part(
        int First,
        int Count,
        torch.Tensor Velocity,
        torch.Tensor Exponential,
        torch.Tensor Displacement,
        torch.Tensor Image,
        torch.Tensor Orientation);
}
