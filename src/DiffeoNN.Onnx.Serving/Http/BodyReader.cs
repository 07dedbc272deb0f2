using System.Buffers;
using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DiffeoNN.Onnx.Serving.Http;

/// <summary>Reads bodies of requests, no more of them than the limits allow.</summary>
internal static class BodyReader
{
    /// <summary>The whole body.</summary>
    /// <param name="request">The request.</param>
    /// <param name="limits">Says how many bytes there may be.</param>
    /// <param name="cancellationToken">The sender is gone.</param>
    /// <exception cref="ProtocolException">It is larger, or compressed.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(
        HttpRequest request, ProtocolLimits limits, CancellationToken cancellationToken)
    {
        if (request.Headers.ContentEncoding is [{ Length: > 0 } encoding, ..] && encoding != "identity")
            throw new ProtocolException(ErrorKind.Unsupported, $"The body is encoded by '{encoding}'; send it as it is.");
        // The web server's own limit would end the request without saying why, and break the connection before the answer is read.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } feature)
            feature.MaxRequestBodySize = null;
        if (request.ContentLength > limits.Bytes) throw TooLarge(limits, $"{request.ContentLength} bytes");
        var body = new ArrayBufferWriter<byte>((int)Math.Clamp(request.ContentLength ?? 4096, 256, 1 << 20));
        while (true)
        {
            var read = await request.Body.ReadAsync(body.GetMemory(4096), cancellationToken).ConfigureAwait(false);
            if (read == 0) return body.WrittenMemory;
            body.Advance(read);
            if (body.WrittenCount > limits.Bytes) throw TooLarge(limits, "more");
        }
    }

    private static ProtocolException TooLarge(ProtocolLimits limits, string found) =>
        new(ErrorKind.TooLarge, $"The body has {found}; {limits.Bytes} bytes are the most that this server takes.");
}
