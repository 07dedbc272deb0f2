using System.Text;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Bodies over HTTP that are damaged, or hold images that are: each is answered by JSON that says that the sender is wrong.
/// </summary>
internal static class MalformedBodies
{
    private static readonly string[] Encodings = ["gzip", "deflate", "br", "identity"];

    private static readonly byte[] Plain = Encoding.UTF8.GetBytes(
        """{"id":"1","inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[[0.5,1,2,3]]}],"outputs":[{"name":"y"}]}""");

    private static readonly byte[] Pixels = Encoding.UTF8.GetBytes(
        """
        {"inputs":[{"name":"pixels","shape":[1,1,4,4],"datatype":"FP32","data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}],
         "outputs":[{"name":"steps"}],"parameters":{"steps":0,"start":"identity"}}
        """);

    public static async Task<IReadOnlyList<Row>> Run(Setting setting, Client client, int total)
    {
        var (next, failures, notJson, good) = (0, 0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(setting.Seed + worker);
            while (Interlocked.Increment(ref next) <= total)
            {
                using var request = Request(random);
                using var response = await client.Send(request);
                var text = await response.Content.ReadAsStringAsync();
                if (response.IsSuccessStatusCode) Interlocked.Increment(ref good);
                // 501 is for what the protocol has and this server has not.
                else if ((int)response.StatusCode is >= 500 and not 501 && Interlocked.Increment(ref failures) <= 5)
                    Console.Error.WriteLine($"status {(int)response.StatusCode}: {text}");
                else if (!text.StartsWith("{\"error\":", StringComparison.Ordinal)) Interlocked.Increment(ref notJson);
            }
        })));
        return
        [
            Row.Of($"bad clients: 500s of {total} malformed bodies", failures, "", most: 0),
            Row.Of("bad clients: errors without JSON", notJson, "", most: 0),
            Row.Of("bad clients: bodies that were right after all", good, ""),
        ];
    }

    private static HttpRequestMessage Request(Random random)
    {
        if (random.Next(5) == 0) return Image(BrokenImages.Next(random));
        var isPlain = random.Next(4) > 0;
        var request = To(isPlain ? Client.Plain : Client.Model, Mutated(isPlain ? Plain : Pixels, random));
        var headers = request.Content!.Headers;
        if (random.Next(4) == 0) headers.TryAddWithoutValidation("Inference-Header-Content-Length", $"{random.Next(-5, 300)}");
        if (random.Next(20) == 0) headers.TryAddWithoutValidation("Content-Encoding", Encodings[random.Next(Encodings.Length)]);
        return request;
    }

    private static HttpRequestMessage Image(byte[] file)
    {
        var head = Encoding.UTF8.GetBytes(
            """{"outputs":[{"name":"steps"}],"parameters":{"steps":0,"start":"identity"},"inputs":[{"name":"image","shape":[1],"""
            + $$$""" "datatype":"BYTES","parameters":{"binary_data_size":{{{file.Length + 4}}}}}]}""");
        var request = To(Client.Model, [.. head, .. BitConverter.GetBytes(file.Length), .. file]);
        request.Content!.Headers.Add("Inference-Header-Content-Length", $"{head.Length}");
        return request;
    }

    private static HttpRequestMessage To(string model, byte[] body) =>
        new(HttpMethod.Post, new Uri($"v2/models/{model}/infer", UriKind.Relative)) { Content = new ByteArrayContent(body) };

    private static byte[] Mutated(byte[] valid, Random random)
    {
        var bytes = valid.ToArray();
        for (var i = random.Next(1, 6); i > 0; i--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }
}
