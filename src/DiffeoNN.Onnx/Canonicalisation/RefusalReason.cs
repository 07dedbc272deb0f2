using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Canonicalisation;

/// <summary>Why an image was left as it is.</summary>
public enum RefusalReason
{
    /// <summary>Its energy is that of undeformed images (<see cref="SearchSpec.CanonicalBelow"/>).</summary>
    AlreadyCanonical,

    /// <summary>The energy did not fall, or by less than <see cref="SearchSpec.MinimumDecrease"/>.</summary>
    NotEnoughDecrease,

    /// <summary>The map or its inverse folds, and no repair helped.</summary>
    Folded,

    /// <summary>The inverse is less exact than <see cref="SearchSpec.InverseResidual"/>, and no repair helped.</summary>
    InverseResidual,

    /// <summary>The image, or every map tried, has an energy that is not finite.</summary>
    NonFinite,
}
