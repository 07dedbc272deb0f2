using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.RandomNumbers;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>
/// A small sine network of the coordinates for each image of a batch: 2 -> 256 through sin(1.5965 ·), two residual blocks
/// h + sin(W h + b), 256 -> 2, times 0.0036162.
/// </summary>
/// <remarks>All layers start from U(±sqrt(6 / fan-in)), the same for all images, so an image's result does not depend on its place in the
/// batch. The output at the start is subtracted: optimisation begins exactly at the identity (or at the proposal), and a result
/// can be compared with it. Over three seeds that changed the energy after 100 steps by less than 1 %. The network of
/// each image is one slice of batched matrix products. Sitzmann et al., NeurIPS 2020.</remarks>
internal sealed class Siren : VelocityParameterisation
{
    /// <summary>What the first layer's output is multiplied by before its sine.</summary>
    public const double FirstFrequency = 1.5965;

    /// <summary>What the last layer's output is multiplied by.</summary>
    public const double OutputScale = 0.0036162;

    private const int Hidden = 256;

    private readonly int _height;
    private readonly int _width;
    private readonly torch.Tensor _coordinates;
    private readonly torch.Tensor _initial;

    /// <summary>The same network for each image of a batch.</summary>
    /// <param name="images">Size of the batch.</param>
    /// <param name="height">Rows of the lattice it is evaluated on.</param>
    /// <param name="width">Columns of that lattice.</param>
    /// <param name="grid">The image's grid; its corners are the lattice's.</param>
    /// <param name="seed">Of the initial weights.</param>
    /// <param name="device">Where parameters live.</param>
    public Siren(int images, int height, int width, SamplingGrid grid, ulong seed, torch.Device device)
    {
        (_height, _width) = (height, width);
        using var noGradient = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        _coordinates = Mesh(height, width, grid, device).DetachFromDisposeScope();
        var random = new SplitMix64(seed);
        torch.Tensor[] initial =
        [
            Layer(Hidden, 2), Layer(Hidden, 1, fanIn: 2),
            Layer(Hidden, Hidden), Layer(Hidden, 1, fanIn: Hidden),
            Layer(Hidden, Hidden), Layer(Hidden, 1, fanIn: Hidden),
            Layer(2, Hidden), Layer(2, 1, fanIn: Hidden),
        ];
        _initial = Forward(initial).DetachFromDisposeScope();
        Own([.. initial.Select(parameter => parameter.expand(images, -1, -1).clone())]);

        torch.Tensor Layer(int rows, int columns, int? fanIn = null)
        {
            var bound = Math.Sqrt(6.0 / (fanIn ?? columns));
            var values = new float[rows * columns];
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)random.Uniform(-bound, bound);
            return torch.tensor(values, [1, rows, columns], device: device);
        }
    }

    /// <summary>Where the network is evaluated, (2, h * w).</summary>
    public torch.Tensor Coordinates => _coordinates;

    /// <summary>Its output for the initial weights, (1, 2, h, w), which is subtracted.</summary>
    public torch.Tensor Start => _initial;

    /// <inheritdoc/>
    public override torch.Tensor Evaluate()
    {
        using var scope = torch.NewDisposeScope();
        return (Forward(Parameters) - _initial).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _coordinates.Dispose();
        _initial.Dispose();
        base.Dispose();
    }

    // Columns are positions: (N, 256, positions), so that the output is planar without a transposition.
    private torch.Tensor Forward(IReadOnlyList<torch.Tensor> p)
    {
        var images = p[0].size(0);
        var h = p[0].matmul(_coordinates).Plus(p[1]).MultiplyInPlace(FirstFrequency).sin();
        h = h.Plus(p[2].bmm(h).AddInPlace(p[3]).sin());
        h = h.Plus(p[4].bmm(h).AddInPlace(p[5]).sin());
        return p[6].bmm(h).AddInPlace(p[7]).MultiplyInPlace(OutputScale).view(images, 2, _height, _width);
    }

    // Symmetric about the centre, so that flipping the coordinates permutes the lattice's nodes.
    private static torch.Tensor Mesh(int height, int width, SamplingGrid grid, torch.Device device)
    {
        var (spacingX, spacingY) = grid.LatticeSpacing(height, width);
        var values = new float[2 * height * width];
        for (var row = 0; row < height; row++)
        {
            for (var column = 0; column < width; column++)
            {
                values[(row * width) + column] = (float)((column - ((width - 1) / 2.0)) * spacingX);
                values[(height * width) + (row * width) + column] = (float)((row - ((height - 1) / 2.0)) * spacingY);
            }
        }

        return torch.tensor(values, [2, height * width], device: device);
    }
}
