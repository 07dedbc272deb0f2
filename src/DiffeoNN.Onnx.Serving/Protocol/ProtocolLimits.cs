namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>How large requests may be; what is larger is refused before it takes memory.</summary>
public sealed record ProtocolLimits
{
    /// <summary>Bytes of a request, at least 1.</summary>
    public long Bytes { get; init; } = 64L << 20;

    /// <summary>Inputs of a request, and outputs that it asks for, at least 1.</summary>
    public int Tensors { get; init; } = 64;

    /// <summary>Elements of all inputs together, at least 1.</summary>
    public long Elements { get; init; } = 64L << 20;

    /// <summary>Pixels of an image that is sent as an encoded file, at least 1; told by its header, before it is decoded. Files with more
    /// than <see cref="Imaging.ImageFile.MaximumPixels"/> are refused in any case.</summary>
    public long Pixels { get; init; } = Imaging.ImageFile.MaximumPixels;

    /// <summary>Bytes of the outputs of a request that go by its images' sizes, at least 1; told before they are computed.</summary>
    public long AnswerBytes { get; init; } = 256_000_000;

    /// <summary>Dimensions of a tensor.</summary>
    public int Dimensions { get; init; } = 16;

    /// <summary>Parameters of a request, an input or an output.</summary>
    public int Parameters { get; init; } = 64;

    /// <summary>Characters of a name, an id, or a parameter's text.</summary>
    public int NameLength { get; init; } = 1024;

    /// <summary>The usual ones.</summary>
    internal static ProtocolLimits Default { get; } = new();

    /// <summary>Refuses a name that is empty or too long.</summary>
    /// <param name="name">As it was sent.</param>
    /// <param name="what">What messages call it.</param>
    internal string CheckName(string name, string what)
    {
        if (name.Length == 0) throw ProtocolException.Invalid($"{what} is empty.");
        return CheckText(name, what);
    }

    /// <summary>Refuses a text that is too long.</summary>
    internal string CheckText(string text, string what) => text.Length <= NameLength
        ? text
        : throw ProtocolException.TooLarge($"{what} has {text.Length} characters; {NameLength} are the most.");

    /// <summary>Refuses more of something than are allowed.</summary>
    internal static void CheckCount(int count, int most, string what)
    {
        if (count > most) throw ProtocolException.TooLarge($"The request has more than {most} {what}.");
    }
}
