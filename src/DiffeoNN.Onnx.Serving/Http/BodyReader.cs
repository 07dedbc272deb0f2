using System.Buffers;
using System.IO.Compression;
using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DiffeoNN.Onnx.Serving.Http;

/// <summary>Reads bodies of requests, plain or compressed, no more of them than the limits allow.</summary>
internal static class BodyReader
{
    /// <summary>The whole body, as it was before its sender compressed it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limits">Says how many bytes there may be, sent and decompressed.</param>
    /// <param name="share">Holds what is read.</param>
    /// <param name="cancellationToken">The sender is gone.</param>
    /// <exception cref="ProtocolException">It is larger, compressed by what is not known, or damaged, or others hold too much.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(
        HttpRequest request, ProtocolLimits limits, BodyBudget.Share share, CancellationToken cancellationToken)
    {
        // The web server's own limit would end the request without saying why, and break the connection before the answer is read.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
            feature.MaxRequestBodySize = null;
        var content = Decompressed(request);
        if (request.ContentLength > limits.Bytes) throw TooLarge(limits, $"{request.ContentLength} bytes");
        var body = new ArrayBufferWriter<byte>((int)Math.Clamp(request.ContentLength ?? 4096, 256, 1 << 20));
        try
        {
            while (true)
            {
                var space = body.GetMemory(4096);
                share.Hold(body.Capacity);
                var read = await content.ReadAsync(space, cancellationToken).ConfigureAwait(false);
                if (read == 0) return body.WrittenMemory;
                body.Advance(read);
                // Of what is compressed, no more is unpacked than may be sent.
                if (body.WrittenCount > limits.Bytes) throw TooLarge(limits, "more");
            }
        }
        catch (InvalidDataException error)
        {
            throw ProtocolException.Invalid(
                $"The body cannot be decompressed as its header Content-Encoding '{request.Headers.ContentEncoding}' says.", error);
        }
        finally
        {
            if (content != request.Body) await content.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static Stream Decompressed(HttpRequest request)
    {
        var encoding = request.Headers.ContentEncoding.ToString();
        return encoding.ToLowerInvariant() switch
        {
            "" or "identity" => request.Body,
            "gzip" or "x-gzip" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            // What HTTP calls deflate has the frame of zlib around it.
            "deflate" => new ZLibStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            _ => throw new ProtocolException(ErrorKind.Unsupported,
                $"The body is encoded by '{StrictJson.Short(encoding)}'; expected gzip, deflate, or none."),
        };
    }

    private static ProtocolException TooLarge(ProtocolLimits limits, string found) =>
        new(ErrorKind.TooLarge, $"The body has {found}; {limits.Bytes} bytes are the most that this server takes.");
}
