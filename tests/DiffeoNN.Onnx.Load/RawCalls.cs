using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace DiffeoNN.Onnx.Load;

/// <summary>gRPC by hand: whatever bytes are given go over HTTP/2 as a call.</summary>
internal sealed class RawCalls(Uri server) : IDisposable
{
    private readonly HttpClient _http = new(new SocketsHttpHandler { EnableMultipleHttp2Connections = true })
    {
        BaseAddress = server,
        DefaultRequestVersion = HttpVersion.Version20,
        DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        Timeout = TimeSpan.FromMinutes(2),
    };

    /// <summary>What came back.</summary>
    /// <param name="Status">gRPC's number; null where there is none.</param>
    /// <param name="Detail">What was said.</param>
    /// <param name="Message">The answer's bytes.</param>
    public sealed record Answer(int? Status, string Detail, byte[] Message);

    /// <summary>A message as it goes over the wire: not compressed, its length, itself.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> message)
    {
        var frame = new byte[5 + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame.AsSpan(5));
        return frame;
    }

    /// <summary>Calls.</summary>
    /// <param name="body">Frames, or what passes for them.</param>
    /// <param name="call">Which call of the protocol.</param>
    public async Task<Answer> Send(byte[] body, string call = "ModelInfer")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"/inference.GRPCInferenceService/{call}", UriKind.Relative))
        {
            Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Content = new ByteArrayContent(body),
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var response = await _http.SendAsync(request);
        var frame = await response.Content.ReadAsByteArrayAsync();
        string? Header(string name) =>
            response.TrailingHeaders.TryGetValues(name, out var values) || response.Headers.TryGetValues(name, out values)
                ? values.First() : null;
        var isTold = int.TryParse(Header("grpc-status"), NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        return new Answer(isTold ? number : null, Uri.UnescapeDataString(Header("grpc-message") ?? ""), frame.Length > 5 ? frame[5..] : []);
    }

    public void Dispose() => _http.Dispose();
}
