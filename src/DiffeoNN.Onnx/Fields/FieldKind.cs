namespace DiffeoNN.Onnx.Fields;

/// <summary>How the velocity field is parameterised.</summary>
public enum FieldKind
{
    /// <summary>A small sine network of the coordinates, evaluated on a lattice: smooth by construction.</summary>
    Siren,

    /// <summary>Velocities at the nodes of a coarse lattice: cheap, smooth only as far as the lattice is coarse.</summary>
    Lattice,
}
