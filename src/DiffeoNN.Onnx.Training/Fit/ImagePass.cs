using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>The one time that all images of a fit are read before anything is trained: what cannot be used is found, and what can leaves a
/// digest.</summary>
/// <param name="channels">That images have to become.</param>
/// <param name="truth">What is to be true of them; null where that is not asked.</param>
/// <param name="all">Images in all.</param>
/// <param name="progress">Told of every image.</param>
/// <param name="cancellationToken">Stops between two images.</param>
internal sealed class ImagePass(
    int channels, FitTruth? truth, int all, Action<int, int>? progress, CancellationToken cancellationToken) : IDisposable
{
    private const int MostNamed = 3;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly IncrementalHash _truths = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly List<string> _problems = [];
    private int _done;

    /// <summary>What is wrong with images that cannot be used, one line each.</summary>
    public IReadOnlyList<string> Problems => _problems;

    /// <summary>Of all images that were taken, in order.</summary>
    public string Digest => Convert.ToHexString(_hash.GetCurrentHash())[..32];

    /// <summary>Of what is true of them; null where that is not asked.</summary>
    public string? TruthDigest => truth is null ? null : Convert.ToHexString(_truths.GetCurrentHash())[..32];

    /// <summary>Notes something that is wrong with the data.</summary>
    public void Add(string problem) => _problems.Add(problem);

    /// <summary>Reads an image; null where it cannot be used, which is noted.</summary>
    /// <param name="data">The data.</param>
    /// <param name="index">Which image of them.</param>
    /// <param name="isHeldOut">Whether answers are compared with its truth, which it needs then.</param>
    public EvaluationSample? Read(IEvaluationData data, int index, bool isHeldOut)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            var sample = truth is not null && !isHeldOut && data is IPartlyKnownData partly ? partly.ReadKnown(index) : data.Read(index);
            var problem = sample.Image.CanBecome(channels)
                ? truth?.Problem(sample, data.Name, isHeldOut)
                : $"'{data.Name}' image '{sample.Name}' has {sample.Image.Channels} channels, and the network takes {channels}; only grey "
                    + "and RGB become each other.";
            if (problem is null) return sample;
            Add(problem);
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
        Span<byte> size = stackalloc byte[3 * sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(size, sample.Image.Channels);
        BinaryPrimitives.WriteInt32LittleEndian(size[4..], sample.Image.Height);
        BinaryPrimitives.WriteInt32LittleEndian(size[8..], sample.Image.Width);
        _hash.AppendData(Encoding.UTF8.GetBytes(sample.Name + "\0"));
        _hash.AppendData(size);
        _hash.AppendData(seen);
        if (truth is not null) AppendTruth(sample);
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
    public void Dispose()
    {
        _hash.Dispose();
        _truths.Dispose();
    }

    private void AppendTruth(EvaluationSample sample)
    {
        if (sample.Mask is { } mask) Append('m', mask.Labels);
        if (sample.Label is { } label) Append('l', Bytes([label]));
        if (sample.Numbers is { } numbers) Append('n', Bytes([.. numbers]));
        if (sample.Points is { } points) Append('p', Bytes([.. points.SelectMany(point => new[] { point.Column, point.Row })]));
        if (sample.Boxes is { } boxes)
            Append('b', Bytes([.. boxes.SelectMany(box => new[] { box.Left, box.Top, box.Right, box.Bottom, box.Class ?? -1.0 })]));
        // An image ends, whatever it has.
        Append('.', []);

        void Append(char what, ReadOnlySpan<byte> bytes)
        {
            Span<byte> head = stackalloc byte[1 + sizeof(int)];
            head[0] = (byte)what;
            BinaryPrimitives.WriteInt32LittleEndian(head[1..], bytes.Length);
            _truths.AppendData(head);
            _truths.AppendData(bytes);
        }

        static ReadOnlySpan<byte> Bytes(double[] values) => MemoryMarshal.AsBytes(values.AsSpan());
    }
}
