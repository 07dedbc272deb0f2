using System.Globalization;

namespace DiffeoNN.Onnx.Serving.Protocol;

/// <summary>Bytes that bodies of requests and answers hold at a time, all of a server's together: what senders have not sent whole counts,
/// too, and what they do not read, so that many of them cannot take the memory that each by itself may.</summary>
/// <param name="most">At least 1. One request alone is always let in; its own limit is <see cref="ProtocolLimits.Bytes"/>.</param>
internal sealed class BodyBudget(long most)
{
    private long _held;

    /// <summary>Bytes that are held.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>What a request holds; it holds nothing at first.</summary>
    public Share Open() => new(this);

    /// <summary>What one request holds, until it is disposed. For one thread at a time.</summary>
    internal sealed class Share(BodyBudget budget) : IDisposable
    {
        private long _bytes;

        /// <summary>Holds as many bytes, if it held fewer.</summary>
        /// <exception cref="ProtocolException">Others hold too many.</exception>
        public void Hold(long bytes)
        {
            var more = bytes - _bytes;
            if (more <= 0) return;
            var held = Interlocked.Add(ref budget._held, more);
            if (held > budget.Most && held > bytes)
            {
                Interlocked.Add(ref budget._held, -more);
                throw new ProtocolException(ErrorKind.Busy, string.Create(CultureInfo.InvariantCulture,
                    $"Requests of {(held - more) / 1e6:F0} MB are read or answered, of {budget.Most / 1e6:F0} MB that may; try again."));
            }

            _bytes = bytes;
        }

        /// <summary>Holds so many bytes more, whatever others hold: an answer that is there is sent, who comes next has to wait.</summary>
        public void Add(long bytes)
        {
            Interlocked.Add(ref budget._held, bytes);
            _bytes += bytes;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            Interlocked.Add(ref budget._held, -_bytes);
            _bytes = 0;
        }
    }

    private long Most => most;
}
