using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Imaging;

/// <summary>Parts of a file one after the other, without copying them together; only reads.</summary>
internal sealed class SegmentStream(FileContent file, IReadOnlyList<Range> parts) : Stream
{
    private int _part;
    private int _at;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override int Read(Span<byte> buffer)
    {
        while (_part < parts.Count && _at == Length(_part)) (_part, _at) = (_part + 1, 0);
        if (_part == parts.Count) return 0;
        var count = Math.Min(buffer.Length, Length(_part) - _at);
        file.Span.Slice(parts[_part].Start.Value + _at, count).CopyTo(buffer);
        _at += count;
        return count;

        int Length(int part) => parts[part].End.Value - parts[part].Start.Value;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
