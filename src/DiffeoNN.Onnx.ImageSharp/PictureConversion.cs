using System.Numerics;
using DiffeoNN.Onnx.Imaging;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.PixelFormats;

namespace DiffeoNN.Onnx.ImageSharp;

/// <summary>Converts between ImageSharp's pictures and <see cref="ImageBuffer"/>, in memory.</summary>
/// <remarks>
/// Pixel formats are <see cref="L8"/>, <see cref="L16"/>, <see cref="Rgb24"/>, <see cref="Rgba32"/> and <see cref="RgbaVector"/>.
/// Values are the stored ones divided by the largest of the format, exactly as <see cref="ImageFile.Read(string)"/> gives them for the same
/// pixels: colour profiles and EXIF orientation are not applied.
/// </remarks>
public static class PictureConversion
{
    private const string Formats = "L8, L16, Rgb24, Rgba32 and RgbaVector";

    /// <summary>The first frame of a picture as planes.</summary>
    /// <param name="picture">In one of the formats; it stays the caller's.</param>
    /// <returns>One plane for L8 and L16, three (red, green, blue) for the others, in [0, 1]; transparency is composited over
    /// black.</returns>
    /// <exception cref="ImageException">The picture has another pixel format or more than <see cref="ImageFile.MaximumPixels"/> pixels,
    /// or a value of an <see cref="RgbaVector"/> is outside [0, 1].</exception>
    public static ImageBuffer ToBuffer(this Image picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        if ((long)picture.Width * picture.Height > ImageFile.MaximumPixels)
            throw new ImageException($"A picture is {picture.Width}x{picture.Height} pixels; at most {ImageFile.MaximumPixels} are taken.");
        return picture switch
        {
            Image<L8> grey => Planes(grey, 1),
            Image<L16> grey => Planes(grey, 1),
            Image<Rgb24> colour => Planes(colour, 3),
            Image<Rgba32> colour => Planes(colour, 3),
            Image<RgbaVector> colour => Planes(colour, 3),
            _ => throw new ImageException(
                $"A picture has pixels of {Name(picture)}; {Formats} are taken, and CloneAs<Rgb24>() makes one of them."),
        };
    }

    /// <summary>Planes as a picture.</summary>
    /// <typeparam name="TPixel">One of the formats.</typeparam>
    /// <param name="image">One plane or three, nominally in [0, 1]; three become grey by the luma of ITU-R BT.601.</param>
    /// <returns>Opaque. Values are clamped to [0, 1] and rounded to the nearest level, and not a number becomes black;
    /// <see cref="RgbaVector"/> takes them as they are. The caller disposes it.</returns>
    /// <exception cref="ImageException">The image has another number of planes.</exception>
    /// <exception cref="NotSupportedException"><typeparamref name="TPixel"/> is none of the formats.</exception>
    public static Image<TPixel> ToPicture<TPixel>(this ImageBuffer image)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image.Channels is not (1 or 3))
        {
            throw new ImageException(
                $"An image has {image.Channels} planes; a picture is made of 1 (grey) or 3 (red, green, blue). Take a plane of it first.");
        }

        object picture = typeof(TPixel) switch
        {
            var type when type == typeof(L8) => Picture(image, 1, value => new L8(Level8(value.X))),
            var type when type == typeof(L16) => Picture(image, 1, value => new L16(Level16(value.X))),
            var type when type == typeof(Rgb24) => Picture(image, 3, Rgb),
            var type when type == typeof(Rgba32) => Picture(image, 3, value => new Rgba32(Rgb(value).R, Rgb(value).G, Rgb(value).B, 255)),
            var type when type == typeof(RgbaVector) => Picture(image, 3, value => new RgbaVector(value.X, value.Y, value.Z, 1)),
            var type => throw new NotSupportedException($"Pictures of {type.Name} are not made; {Formats} are."),
        };
        return (Image<TPixel>)picture;
    }

    /// <summary>A mask as a grey picture: black and white for two classes, for more the class's index.</summary>
    /// <param name="labels">The class of every pixel.</param>
    /// <param name="classes">Number of classes, in [2, 256].</param>
    /// <returns>The caller disposes it.</returns>
    /// <exception cref="ArgumentException">A label is no class.</exception>
    public static Image<L8> ToPicture(this LabelMap labels, int classes = 2)
    {
        ArgumentNullException.ThrowIfNull(labels);
        var image = labels.ToImage(classes); // Refuses labels that are no class.
        return classes == 2 ? image.ToPicture<L8>() : labels.ToImage(256).ToPicture<L8>();
    }

    private static ImageBuffer Planes<TPixel>(Image<TPixel> picture, int channels)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var image = new ImageBuffer(channels, picture.Height, picture.Width);
        var canLeaveTheRange = typeof(TPixel) == typeof(RgbaVector);
        picture.ProcessPixelRows(rows =>
        {
            var plane = rows.Height * rows.Width;
            var data = image.Data;
            for (var y = 0; y < rows.Height; y++)
            {
                var row = rows.GetRowSpan(y);
                for (var x = 0; x < row.Length; x++)
                {
                    var value = row[x].ToScaledVector4();
                    if (canLeaveTheRange && !IsInRange(value))
                    {
                        throw new ImageException(
                            $"Pixel ({x}, {y}) of a picture is {value}; expected numbers in [0, 1]. Divide by the largest value first.");
                    }

                    var at = (y * row.Length) + x;
                    data[at] = value.X * value.W;
                    if (channels == 1) continue;
                    data[plane + at] = value.Y * value.W;
                    data[(2 * plane) + at] = value.Z * value.W;
                }
            }
        });
        return image;
    }

    private static Image<TPixel> Picture<TPixel>(ImageBuffer image, int channels, Func<Vector3, TPixel> pixel)
        where TPixel : unmanaged, IPixel<TPixel>
    {
        var source = image.WithChannels(channels);
        var picture = new Image<TPixel>(source.Width, source.Height);
        picture.ProcessPixelRows(rows =>
        {
            ReadOnlySpan<float> first = source.Plane(0), second = source.Plane((channels - 1) / 2), third = source.Plane(channels - 1);
            for (var y = 0; y < rows.Height; y++)
            {
                var row = rows.GetRowSpan(y);
                var at = y * row.Length;
                for (var x = 0; x < row.Length; x++, at++) row[x] = pixel(new Vector3(first[at], second[at], third[at]));
            }
        });
        return picture;
    }

    // False where a component is not a number, too.
    private static bool IsInRange(Vector4 value) =>
        Vector4.Min(value, Vector4.Zero) == Vector4.Zero && Vector4.Max(value, Vector4.One) == Vector4.One;

    private static Rgb24 Rgb(Vector3 value) => new(Level8(value.X), Level8(value.Y), Level8(value.Z));

    private static byte Level8(float value) => (byte)Level(value, byte.MaxValue);

    private static ushort Level16(float value) => (ushort)Level(value, ushort.MaxValue);

    private static float Level(float value, float largest) => value >= 1 ? largest : value > 0 ? (value * largest) + 0.5f : 0;

    private static string Name(Image picture) =>
        picture.GetType().GenericTypeArguments is [var pixel] ? pixel.Name : picture.GetType().Name;
}
