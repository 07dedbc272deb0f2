using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Evaluation;

/// <summary>Reads masks strictly.</summary>
/// <remarks>
/// With two classes a mask holds 0 and 255, and the nearer one counts, or, if nothing in it reaches 128, the classes 0 and 1 themselves.
/// With more classes a pixel's grey level of 255 is its class.
/// </remarks>
internal static class MaskLabels
{
    /// <summary>Classes of a mask's pixels.</summary>
    /// <param name="mask">One channel.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="path">Named by errors.</param>
    /// <exception cref="ImageException">A level stands for no class.</exception>
    public static LabelMap Read(ImageBuffer mask, int classes, string path)
    {
        byte[] levels = Array.ConvertAll(mask.Data.ToArray(), ImageFile.ToByte);
        byte highest = levels.Max();
        if (classes == 2 && highest >= 128)
        {
            for (int i = 0; i < levels.Length; i++) levels[i] = levels[i] >= 128 ? (byte)1 : (byte)0;
            highest = 1;
        }

        if (highest < classes) return new LabelMap(mask.Height, mask.Width, levels);
        throw new ImageException(
            $"'{path}' holds the label {highest}; expected 0 to {classes - 1}{(classes == 2 ? ", or 0 and 255" : "")}.");
    }
}
