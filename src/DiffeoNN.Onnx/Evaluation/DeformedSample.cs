using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>A sample and its deformed self.</summary>
/// <param name="Original">As it was read.</param>
/// <param name="Map">The deformation, on the image's own pixels.</param>
/// <param name="Image">The deformed image, zero outside.</param>
/// <param name="Mask">The deformed mask, class 0 outside; null for classifications.</param>
public sealed record DeformedSample(EvaluationSample Original, DeformationMap Map, ImageBuffer Image, LabelMap? Mask)
{
    /// <summary>Deforms label maps: two classes bilinearly, from 0.5 on, as <see cref="DeformedFolder"/> does; of more classes the one with the
    /// largest share.</summary>
    internal static LabelMap Deform(DeformationMap map, LabelMap mask, int classes)
    {
        if (classes == 2) return LabelMap.FromImage(map.ApplyToMask(mask.ToImage()));
        var shares = new ImageBuffer(classes, mask.Height, mask.Width);
        for (int i = 0; i < mask.Labels.Length; i++) shares.Plane(mask.Labels[i])[i] = 1;
        return LabelMap.FromProbabilities(map.Apply(shares));
    }
}
