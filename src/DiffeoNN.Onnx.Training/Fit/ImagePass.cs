using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>The one time that all images of a fit are read before anything is trained: what cannot be used is found, and what can leaves a
/// digest.</summary>
/// <param name="channels">That images have to become.</param>
/// <param name="all">Images in all.</param>
/// <param name="progress">Told of every image.</param>
/// <param name="cancellationToken">Stops between two images.</param>
internal sealed class ImagePass(int channels, int all, Action<int, int>? progress, CancellationToken cancellationToken) : IDisposable
{
    private const int MostNamed = 3;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> _problems = [];
    private int _done;

    /// <summary>What is wrong with images that cannot be used, one line each.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Of all that was taken, in order.</summary>
    public string Digest => Convert.ToHexString(_hash.GetCurrentHash())[..32];

    /// <summary>Notes something that is wrong with the data.</summary>
    public void Add(string problem) => _problems.Add(problem);

    /// <summary>Reads an image; null where it cannot be used, which is noted.</summary>
    public EvaluationSample? Read(IEvaluationData data, int index)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var sample = data.Read(index);
            if (sample.Image.CanBecome(channels)) return sample;
            Add($"'{data.Name}' image '{sample.Name}' has {sample.Image.Channels} channels, and the network takes {channels}; only grey "
                + "and RGB become each other.");
        }
        catch (Exception e) when (e is ImageException or DataException)
        {
            Add(e.Message);
        }

        progress?.Invoke(++_done, all);
        return null;
    }

    /// <summary>Takes an image that was read into the digest.</summary>
    /// <param name="sample">As its file has it.</param>
    /// <param name="seen">What the fit sees of its pixels.</param>
    public void Take(EvaluationSample sample, ReadOnlySpan<byte> seen)
    {
        Span<byte> numbers = stackalloc byte[4 * sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(numbers, sample.Image.Channels);
        BinaryPrimitives.WriteInt32LittleEndian(numbers[4..], sample.Image.Height);
        BinaryPrimitives.WriteInt32LittleEndian(numbers[8..], sample.Image.Width);
        BinaryPrimitives.WriteInt32LittleEndian(numbers[12..], sample.Label ?? -1);
        _hash.AppendData(Encoding.UTF8.GetBytes(sample.Name + "\0"));
        _hash.AppendData(numbers);
        _hash.AppendData(seen);
        if (sample.Mask is { } mask) _hash.AppendData(mask.Labels);
        progress?.Invoke(++_done, all);
    }

    /// <summary>Refuses data of which something cannot be used.</summary>
    /// <exception cref="DataException">Something cannot; it is said how much, and what is wrong with the first.</exception>
    public void RefuseBad(string name)
    {
        if (Problems.Count == 0) return;
        var shown = string.Join(" ", Problems.Take(MostNamed));
        var more = Problems.Count > MostNamed ? $" And {Problems.Count - MostNamed} more." : "";
        throw new DataException($"{Problems.Count} of {all} images of '{name}' cannot be used: {shown}{more}")
        {
            HasBadImages = true,
        };
    }

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();
}
