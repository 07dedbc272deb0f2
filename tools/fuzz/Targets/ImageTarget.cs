using DiffeoNN.Onnx.Fuzz.Mutations;
using DiffeoNN.Onnx.Fuzz.Seeds;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Fuzz.Targets;

/// <summary>Image files of all formats, read from a stream.</summary>
internal class ImageTarget : IFuzzTarget
{
    public IReadOnlyList<byte[]> Seeds { get; } = ImageSeeds.All();

    public byte[] Mutate(byte[] input, byte[] other, Random random) =>
        PngPieces.IsPng(input) ? PngPieces.Mutate(input, other, random) : ByteMutator.Mutate(input, other, random);

    public byte[]? Repair(byte[] input) => PngPieces.Repair(input);

    public virtual string Read(byte[] input)
    {
        using var stream = new MemoryStream(input);
        var image = ImageFile.Read(stream);
        if (image.Data.Length != image.Channels * image.Height * image.Width)
            throw new InvalidOperationException("The image's data is not of its size.");
        foreach (var value in image.Data)
            if (value is not (>= 0 and <= 1)) throw new InvalidOperationException($"The image holds {value}, outside [0, 1].");
        return $"{image.Channels} channels, {(input.Length > 1 ? input[0] : 0)}, size {Math.ILogB(image.Width)} {Math.ILogB(image.Height)}";
    }

    public void Dispose() => GC.SuppressFinalize(this);
}
