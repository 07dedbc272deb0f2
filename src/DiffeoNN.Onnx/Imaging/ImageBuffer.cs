namespace DiffeoNN.Onnx.Imaging;

/// <summary>An image as planes of floats: channel by channel, row by row, values in [0, 1] where they are to be run.</summary>
/// <remarks>Owns its memory and knows neither files nor tensors; <see cref="ImageFile"/> converts.</remarks>
public sealed class ImageBuffer
{
    private readonly float[] _data;

    /// <summary>Creates a black image.</summary>
    /// <param name="channels">At least 1; 1 is grey, 3 is red, green, blue.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    public ImageBuffer(int channels, int height, int width)
        : this(channels, height, width, null)
    {
    }

    /// <summary>Creates an image over existing values.</summary>
    /// <param name="channels">At least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <param name="width">Columns, at least 1.</param>
    /// <param name="data">Planes in order (channel, row, column), taken over, not copied; zeros if null.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is below 1.</exception>
    /// <exception cref="ArgumentException"><paramref name="data"/> has another length than the sizes ask for.</exception>
    public ImageBuffer(int channels, int height, int width, float[]? data)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(channels, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var count = (long)channels * height * width;
        if (data is not null && data.Length != count)
            throw new ArgumentException($"data has {data.Length} values; {channels} x {height} x {width} needs {count}.", nameof(data));
        Channels = channels;
        Height = height;
        Width = width;
        _data = data ?? new float[count];
    }

    /// <summary>Number of planes.</summary>
    public int Channels { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <summary>Columns.</summary>
    public int Width { get; }

    /// <summary>All values in order (channel, row, column); writes go through to the image.</summary>
    public Span<float> Data => _data;

    /// <summary>One value.</summary>
    /// <param name="channel">Plane, in [0, Channels).</param>
    /// <param name="row">Row from the top.</param>
    /// <param name="column">Column from the left.</param>
    public float this[int channel, int row, int column]
    {
        get => _data[(((channel * Height) + row) * Width) + column];
        set => _data[(((channel * Height) + row) * Width) + column] = value;
    }

    /// <summary>One plane, row by row; writes go through to the image.</summary>
    /// <param name="channel">In [0, Channels).</param>
    public Span<float> Plane(int channel)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)channel, (uint)Channels, nameof(channel));
        return _data.AsSpan(channel * Height * Width, Height * Width);
    }

    /// <summary>An independent copy.</summary>
    public ImageBuffer Clone() => new(Channels, Height, Width, (float[])_data.Clone());

    /// <summary>The image with another number of channels: RGB to grey by the luma of ITU-R BT.601, grey to RGB by repetition.</summary>
    /// <param name="channels">Wanted: the present number, 1 or 3.</param>
    /// <returns>This image itself if it has that many channels already.</returns>
    /// <exception cref="ArgumentException">There is no such conversion.</exception>
    public ImageBuffer WithChannels(int channels)
    {
        if (channels == Channels) return this;
        if (!CanBecome(channels))
            throw new ArgumentException(
                $"An image of {Channels} channels cannot become one of {channels}; 3 to 1 and 1 to 3 can.", nameof(channels));
        var result = new ImageBuffer(channels, Height, Width);
        if (Channels == 1 && channels == 3)
        {
            for (var c = 0; c < 3; c++) Data.CopyTo(result.Plane(c));
            return result;
        }

        Span<float> red = Plane(0), green = Plane(1), blue = Plane(2), luma = result.Data;
        // As differences, so that a grey picture keeps its values to the last bit: the weights do not quite add up to one in float.
        for (var i = 0; i < luma.Length; i++) luma[i] = blue[i] + (0.299f * (red[i] - blue[i])) + (0.587f * (green[i] - blue[i]));
        return result;
    }

    /// <summary>What red, green and blue have in grey.</summary>
    internal static ReadOnlySpan<float> Luma => [0.299f, 0.587f, 0.114f];

    /// <summary>Whether <see cref="WithChannels"/> has this conversion.</summary>
    internal bool CanBecome(int channels) => CanBecome(Channels, channels);

    /// <summary>As <see cref="CanBecome(int)"/>, of an image of so many channels.</summary>
    internal static bool CanBecome(int present, int wanted) => wanted == present || (present, wanted) is (1, 3) or (3, 1);
}
