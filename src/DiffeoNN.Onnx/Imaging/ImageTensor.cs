using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Copies images to tensors and back.</summary>
public static class ImageTensor
{
    /// <summary>A batch of one.</summary>
    /// <param name="image">Copied.</param>
    /// <returns>Shape (1, C, H, W), float32, on the CPU; the caller disposes it.</returns>
    public static torch.Tensor ToTensor(ImageBuffer image) => ToTensor([image]);

    /// <summary>A batch of images of one size.</summary>
    /// <param name="images">At least one; copied.</param>
    /// <returns>Shape (N, C, H, W), float32, on the CPU; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">There is no image, or their sizes differ.</exception>
    public static torch.Tensor ToTensor(IReadOnlyList<ImageBuffer> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        Runtime.LoadTorch();
        if (images.Count == 0) throw new ArgumentException("There are no images; a batch needs at least one.", nameof(images));
        var first = images[0];
        foreach (var (image, i) in images.Select((image, i) => (image, i)))
        {
            if (image.Channels != first.Channels || image.Height != first.Height || image.Width != first.Width)
                throw new ArgumentException(
                    $"image {i} is {image.Channels}x{image.Height}x{image.Width}, image 0 {first.Channels}x{first.Height}x{first.Width}; "
                    + "resize them to one size.",
                    nameof(images));
        }

        return TensorMemory.Filled([images.Count, first.Channels, first.Height, first.Width], (i, memory) =>
        {
            unsafe
            {
                images[i].Data.CopyTo(new Span<float>((void*)memory, images[i].Data.Length));
            }
        });
    }

    /// <summary>Images of a batch.</summary>
    /// <param name="tensor">Shape (N, C, H, W), any floating type and device; copied.</param>
    /// <exception cref="ArgumentException">The tensor does not have four dimensions.</exception>
    public static ImageBuffer[] FromTensor(torch.Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.dim() != 4)
            throw new ArgumentException($"tensor has shape [{string.Join(",", tensor.shape)}]; images are (N, C, H, W).", nameof(tensor));
        using var scope = torch.NewDisposeScope();
        var values = tensor.detach().to(torch.float32).cpu().contiguous();
        int count = (int)tensor.size(0), channels = (int)tensor.size(1), height = (int)tensor.size(2), width = (int)tensor.size(3);
        var length = channels * height * width;
        var images = new ImageBuffer[count];
        for (var i = 0; i < count; i++)
        {
            var pixels = new float[length];
            TensorMemory.CopyTo(values, pixels, (long)i * length);
            images[i] = new ImageBuffer(channels, height, width, pixels);
        }

        return images;
    }
}
