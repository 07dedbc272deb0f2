using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace DiffeoNN.Onnx.ImageSharp;

/// <summary>Runs models on ImageSharp's pictures, and turns their answers into pictures.</summary>
public static class PictureRuns
{
    /// <summary><see cref="EquivariantModel.Run"/> on pictures.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pictures">At least one, of any sizes, as <see cref="PictureConversion.ToBuffer"/> takes them.</param>
    /// <param name="progress">Told after each step.</param>
    /// <param name="cancellationToken">Ends the run within one step.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="ImageException">A picture cannot be converted, or not to the bundle's channels, or is smaller than 2x2
    /// pixels.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static EquivariantResult Run(
        this EquivariantModel model,
        IReadOnlyList<Image> pictures,
        IProgress<CanonicalisationProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.Run(Buffers(pictures), progress, cancellationToken);
    }

    /// <summary><see cref="EquivariantModel.RunNaive(IReadOnlyList{ImageBuffer}, CancellationToken)"/> on pictures.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pictures">At least one, of any sizes, as <see cref="PictureConversion.ToBuffer"/> takes them.</param>
    /// <param name="cancellationToken">Stops the run.</param>
    /// <returns>One answer a picture, at its size.</returns>
    /// <exception cref="ImageException">A picture cannot be converted, or not to the bundle's channels, or is smaller than 2x2
    /// pixels.</exception>
    public static IReadOnlyList<ModelOutput> RunNaive(
        this EquivariantModel model, IReadOnlyList<Image> pictures, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        return model.RunNaive(Buffers(pictures), cancellationToken);
    }

    /// <summary>An answer that has a value for every pixel, as a picture of the image's size.</summary>
    /// <typeparam name="TPixel">See <see cref="PictureConversion"/>; <see cref="L8"/> holds masks of any number of classes.</typeparam>
    /// <param name="output">A segmentation: black and white for two classes, for more the class's index as grey level of 255.
    /// An image of one plane or three: its values.</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="ImageException">The answer has no value for every pixel, or is an image of another number of planes.</exception>
    public static Image<TPixel> ToPicture<TPixel>(this ModelOutput output)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        ArgumentNullException.ThrowIfNull(output);
        return output.ToPicture() is { } picture
            ? picture.ToPicture<TPixel>()
            : throw new ImageException($"An answer of kind {output.Kind} has no value for every pixel; read its numbers.");
    }

    private static ImageBuffer[] Buffers(IReadOnlyList<Image> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        return [.. pictures.Select(PictureConversion.ToBuffer)];
    }
}
