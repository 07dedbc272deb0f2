using TorchSharp;

namespace DiffeoNN.Onnx.Fields;

/// <summary>Velocities at the nodes of a lattice are themselves the parameters: the cheap alternative to a <see cref="Siren"/>.</summary>
internal sealed class ControlLattice : VelocityParameterisation
{
    /// <summary>A lattice of zeros for each image of a batch.</summary>
    public ControlLattice(int images, int height, int width, torch.Device device) =>
        Own([torch.zeros(images, 2, height, width, device: device)]);

    /// <inheritdoc/>
    public override torch.Tensor Evaluate() => Parameters[0].alias();
}
