using System.Globalization;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Inference;

/// <content>Images as the networks take them.</content>
public sealed partial class EquivariantModel
{
    /// <summary>An image as the networks take it.</summary>
    /// <param name="image">Of any size; grey and RGB are converted to what the bundle wants.</param>
    /// <exception cref="ImageException">It cannot be converted to the bundle's channels, is smaller than 2x2 pixels, or has values that
    /// are not in [0, 1].</exception>
    public ScaledImage Prepare(ImageBuffer image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var prepared = Prepared(image, _networks.Inner.Input);
        return Owned(prepared, image);
    }

    /// <summary>As <see cref="Prepare"/>, without a copy of an image that has the bundle's size and channels already: for what does not
    /// outlive the call, or does not change.</summary>
    internal ScaledImage PrepareShared(ImageBuffer image) => Prepared(image, _networks.Inner.Input);

    /// <summary>Reads an image as the networks take it, as <see cref="Prepare"/> makes it of the whole image, without the memory of
    /// that.</summary>
    /// <param name="path">The file.</param>
    /// <param name="orients">Whether the image is turned as its file says; otherwise it is taken as it is stored.</param>
    /// <exception cref="ImageException">It cannot be read, cannot be converted to the bundle's channels, or is smaller than 2x2
    /// pixels.</exception>
    public ScaledImage Read(string path, bool orients = false)
    {
        ArgumentNullException.ThrowIfNull(path);
        using var content = ImageFile.ReadContent(path);
        return Decode(content, $"'{path}'", orients);
    }

    /// <summary>The same of a file's content, which stays the caller's.</summary>
    /// <param name="file">All of it.</param>
    /// <param name="name">What errors call it, in quotes where it is a path.</param>
    /// <param name="orients">Whether the image is turned as its file says.</param>
    /// <exception cref="ImageException">As above.</exception>
    internal ScaledImage Decode(FileContent file, string name, bool orients = false)
    {
        var (spec, own) = (Bundle.Image, _networks.Inner.Input);
        var scaled = ImageFile.DecodeScaled(file, name, spec.Channels, spec.Height, spec.Width, orients);
        return own.HasOwnPixels
            ? scaled with { NetworkPixels = ImageFile.DecodeScaled(file, name, own.Channels, own.Height, own.Width, orients).Pixels }
            : scaled;
    }

    /// <summary>Refuses images that the bundle cannot take.</summary>
    /// <param name="image">What <see cref="ImageFile.Check"/> says of a file.</param>
    /// <exception cref="ImageException">It cannot be converted to the bundle's channels, or is smaller than 2x2 pixels.</exception>
    public void CheckFits(ImageFileInfo image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var spec = Bundle.Image;
        if (image.Height < 2 || image.Width < 2)
            throw new ImageException($"An image is {image.Width}x{image.Height} pixels; at least 2x2 are needed.");
        if (!ImageBuffer.CanBecome(image.Channels, spec.Channels))
        {
            throw new ImageException(
                $"An image has {image.Channels} channels, and bundle '{Bundle.Name}' takes {spec.Channels}; only "
                + "grey and RGB become each other.");
        }
    }

    // Rounding in what made the image is no other range.
    private static void RequireUnitRange(ImageBuffer image)
    {
        const float slack = 1e-3f;
        var bad = image.Data.IndexOfAnyExceptInRange(-slack, 1 + slack);
        if (bad < 0) return;
        int plane = image.Height * image.Width, row = bad % plane / image.Width, column = bad % image.Width;
        var value = image.Data[bad].ToString("G6", CultureInfo.InvariantCulture);
        throw new ImageException(
            $"An image holds the value {value} (channel {bad / plane}, row {row}, column {column}); pixel values are 0 to 1, whatever the "
            + "networks were trained on: divide bytes by 255, and let the manifest's mean and std do the rest.");
    }

    private torch.Tensor ToBatch(IReadOnlyList<ScaledImage> images)
    {
        var spec = Bundle.Image;
        var size = (spec.Channels, spec.Height, spec.Width);
        ImageBuffer[] pixels = [.. images.Select(image => image.Pixels)];
        if (pixels.FirstOrDefault(one => (one.Channels, one.Height, one.Width) != size) is { } other)
        {
            throw new ArgumentException(
                $"An image is {other.Channels}x{other.Height}x{other.Width}; "
                + $"bundle '{Bundle.Name}' takes {spec.Channels}x{spec.Height}x{spec.Width}. "
                + $"{nameof(Prepare)} makes such images.",
                nameof(images));
        }

        foreach (var one in pixels) RequireUnitRange(one);
        return ImageTensor.ToTensor(pixels).to(Device.Torch);
    }

    private ScaledImage Prepared(ImageBuffer image, InputFormat network)
    {
        CheckFits(new ImageFileInfo(image.Channels, image.Height, image.Width));
        RequireUnitRange(image);
        var spec = Bundle.Image;
        var pixels = ImageResampler.Fitted(image.WithChannels(spec.Channels), spec.Height, spec.Width);
        return new ScaledImage(pixels, image.Height, image.Width)
        {
            NetworkPixels = network.HasOwnPixels
                ? ImageResampler.Fitted(image.WithChannels(network.Channels), network.Height, network.Width)
                : null,
        };
    }

    /// <summary>An image whose pixels are its own: results keep them, and the caller may change what it gave.</summary>
    private static ScaledImage Owned(ScaledImage prepared, ImageBuffer image) => prepared with
    {
        Pixels = ReferenceEquals(prepared.Pixels, image) ? image.Clone() : prepared.Pixels,
        NetworkPixels = ReferenceEquals(prepared.NetworkPixels, image) ? image.Clone() : prepared.NetworkPixels,
    };

    /// <summary>Images as a network takes them that may have a size or channels of its own.</summary>
    private torch.Tensor ToNetworkBatch(IReadOnlyList<ScaledImage> images, InputFormat network)
    {
        var batch = ToBatch(images);
        if (!network.HasOwnPixels) return batch;
        var size = (network.Channels, network.Height, network.Width);
        var own = images.Select(image => image.NetworkPixels).OfType<ImageBuffer>().ToList();
        if (own.Count < images.Count || own.Exists(one => (one.Channels, one.Height, one.Width) != size))
            return new NetworkPixels(network, Bundle.Image).Of(batch);
        foreach (var one in own) RequireUnitRange(one);
        return ImageTensor.ToTensor(own).to(Device.Torch);
    }

    /// <summary>The canonical images of each pass as the network takes them: where it has a size or channels of its own, its image is
    /// carried through the map, and not the search's image resized once more.</summary>
    private IEnumerable<torch.Tensor> Canonical(IReadOnlyList<ScaledImage> images, PassResults passes)
    {
        if (!_networks.Inner.Input.HasOwnPixels) return passes.Canonical;
        var own = ToNetworkBatch(images, _networks.Inner.Input);
        return passes.Warped(own, Plan.FromIdentity.Padding);
    }
}
