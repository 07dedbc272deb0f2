using System.Buffers.Binary;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace DiffeoNN.Onnx.Load;

/// <summary>A client of its own: image files in, binary tensors out.</summary>
internal sealed class Client(Uri server) : IDisposable
{
    public const string Model = "model";
    public const string Plain = "plain";

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 1024 })
    {
        BaseAddress = server, Timeout = TimeSpan.FromMinutes(5),
    };

    /// <summary>What came back: status, error if any, outputs as bytes by name.</summary>
    public sealed record Answer(int Status, string Error, double? RetryAfter, IReadOnlyDictionary<string, byte[]> Outputs);

    /// <summary>Asks for outputs of an image.</summary>
    public async Task<Answer> Infer(
        byte[] file, IReadOnlyList<string> outputs, IReadOnlyDictionary<string, object>? parameters = null,
        CancellationToken cancellationToken = default)
    {
        var header = JsonSerializer.SerializeToUtf8Bytes(new
        {
            parameters = parameters ?? new Dictionary<string, object>(),
            inputs = new[]
            {
                new
                {
                    name = "image", shape = new[] { 1 }, datatype = "BYTES",
                    parameters = new { binary_data_size = file.Length + 4 },
                },
            },
            outputs = outputs.Select(name => new { name, parameters = new { binary_data = true } }),
        });
        var body = new byte[header.Length + 4 + file.Length];
        header.CopyTo(body, 0);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(header.Length), file.Length);
        file.CopyTo(body, header.Length + 4);
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        content.Headers.Add("Inference-Header-Content-Length", header.Length.ToString(CultureInfo.InvariantCulture));
        using var response = await _http.PostAsync(new Uri($"v2/models/{Model}/infer", UriKind.Relative), content, cancellationToken);
        var bytes = await response.Content.ReadAsByteArrayAsync(cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            return new Answer(
                (int)response.StatusCode, Encoding.UTF8.GetString(bytes), response.Headers.RetryAfter?.Delta?.TotalSeconds,
                new Dictionary<string, byte[]>());
        }

        var length = int.Parse(response.Headers.GetValues("Inference-Header-Content-Length").Single(), CultureInfo.InvariantCulture);
        using var json = JsonDocument.Parse(bytes.AsMemory(0, length));
        var (found, at) = (new Dictionary<string, byte[]>(), length);
        foreach (var output in json.RootElement.GetProperty("outputs").EnumerateArray())
        {
            var size = output.GetProperty("parameters").GetProperty("binary_data_size").GetInt32();
            found.Add(output.GetProperty("name").GetString()!, bytes[at..(at + size)]);
            at += size;
        }

        if (json.RootElement.TryGetProperty("parameters", out var said) && said.TryGetProperty("best_at_deadline", out _))
            found.Add("best_at_deadline", []);
        return new Answer(200, "", null, found);
    }

    /// <summary>Loads the model anew.</summary>
    public async Task<int> Load() => (int)(await _http.PostAsync(
        new Uri($"v2/repository/models/{Model}/load", UriKind.Relative), new StringContent("{}"))).StatusCode;

    /// <summary>Any request.</summary>
    public Task<HttpResponseMessage> Send(HttpRequestMessage request) => _http.SendAsync(request);

    public void Dispose() => _http.Dispose();
}
