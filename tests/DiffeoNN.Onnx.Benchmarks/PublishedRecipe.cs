using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>
/// The baseline: the method as it was published, in libtorch. Float64, one image, the sine network at every pixel, both flows every step
/// with seven squarings, energies and everything else by autograd.
/// </summary>
/// <remarks>Backward runs link by link, as in this library, so that each stage's share is known; the work is that of one pass.</remarks>
internal sealed class PublishedRecipe : IDisposable
{
    private static readonly SearchSpec Settings = PublishedSettings.Search;
    private readonly TorchNetworks _networks;
    private readonly torch.Tensor _image;
    private readonly torch.Tensor _coordinates;
    private readonly torch.Tensor[] _parameters;
    private readonly Adam _adam;
    private readonly SamplingGrid _grid;
    private readonly SearchSpec _scale;

    public PublishedRecipe(TorchNetworks networks, torch.Tensor image, SearchSpec scale)
    {
        (_networks, _scale) = (networks, scale);
        _grid = SamplingGrid.Of(image);
        using var scope = torch.NewDisposeScope();
        _image = image.to_type(torch.ScalarType.Float64).DetachFromDisposeScope();
        _coordinates = _grid.Positions(torch.ScalarType.Float64).view(2, -1).t().contiguous().DetachFromDisposeScope();
        using var siren = new Siren(1, 2, 2, _grid, seed: 1, torch.CPU);
        _parameters = [.. siren.Parameters.Select(parameter =>
            parameter.detach().squeeze(0).to_type(torch.ScalarType.Float64).requires_grad_().DetachFromDisposeScope())];
        _adam = new Adam(_parameters, Settings.LearningRate);
    }

    /// <summary>Times of all steps so far.</summary>
    public StageClock Clock { get; } = new();

    /// <summary>One step of the optimiser.</summary>
    /// <returns>The total energy before the update.</returns>
    public double Step()
    {
        using var scope = torch.NewDisposeScope();
        var velocity = Clock.Measure(Stage.Field, Velocity);
        var v = Leaf(velocity);
        var (displacement, u) = Clock.Measure(Stage.Exponential, () =>
        {
            var displacement = ScalingAndSquaring.Exp(v, Settings.Squarings);
            _ = ScalingAndSquaring.Exp(-v, Settings.Squarings);
            return (displacement, Leaf(displacement));
        });
        var (warped, y) = Clock.Measure(Stage.Warp, () =>
        {
            var warped = Warp.Apply(_image, u);
            return (warped, Leaf(warped));
        });
        var (energy, dY) = Clock.Measure(Stage.EnergyGradient, () =>
        {
            var energy = _networks.Vae(y, _scale.Beta).Times(_scale.Vae).Plus(_networks.Adversarial(y).Times(_scale.Adversarial));
            return (energy, Backward(energy, y, torch.ones_like(energy)));
        });
        var (smoothness, orientation, dU, dV) = Clock.Measure(Stage.Regularisers, () =>
        {
            var (smoothness, orientation) = (Regularisers.Smoothness(v), Regularisers.Orientation(u));
            return (smoothness, orientation,
                Backward(orientation, u, torch.ones_like(orientation)), Backward(smoothness, v, torch.ones_like(smoothness)));
        });
        dU = dU.Plus(Clock.Measure(Stage.Warp, () => Backward(warped, u, dY)));
        dV = dV.Plus(Clock.Measure(Stage.Exponential, () => Backward(displacement, v, dU)));
        var gradients = Clock.Measure(Stage.Field, () => torch.autograd.grad([velocity], _parameters, [dV]));
        Clock.Measure(Stage.Optimiser, () =>
        {
            _adam.Step(_parameters, [.. gradients]);
            return true;
        });
        return energy.Plus(smoothness).Plus(orientation).item<double>();
    }

    public void Dispose()
    {
        _image.Dispose();
        _coordinates.Dispose();
        _adam.Dispose();
        foreach (var parameter in _parameters)
            parameter.Dispose();
    }

    private static torch.Tensor Leaf(torch.Tensor tensor) => tensor.detach().requires_grad_();

    private static torch.Tensor Backward(torch.Tensor output, torch.Tensor input, torch.Tensor gradient) =>
        torch.autograd.grad([output], [input], [gradient])[0];

    // Rows are positions, as in a network of dense layers applied to a list of coordinates.
    private torch.Tensor Velocity()
    {
        torch.Tensor Dense(torch.Tensor x, int layer) =>
            torch.nn.functional.linear(x, _parameters[2 * layer], _parameters[(2 * layer) + 1].flatten());
        var h = Dense(_coordinates, 0).Times(1.5965).sin();
        h = h.Plus(Dense(h, 1).sin());
        h = h.Plus(Dense(h, 2).sin());
        return Dense(h, 3).Times(0.0036162).t().reshape(1, 2, _grid.Height, _grid.Width);
    }
}
