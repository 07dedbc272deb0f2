namespace DiffeoNN.Onnx.Fields;

/// <summary>How a field on a coarse lattice is carried to all pixels of an image; the corners of both coincide.</summary>
public enum LatticeBasis
{
    /// <summary>Linear in x and in y: passes through the lattice's values, has kinks at its lines.</summary>
    Linear,

    /// <summary>Uniform cubic B-spline with the lattice's values as control points, continued linearly beyond the border: twice
    /// differentiable, slightly smoothed.</summary>
    CubicBSpline,
}
