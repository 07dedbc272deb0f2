using System.Net.Sockets;
using System.Text;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Clients that send nonsense, half a request, or a byte now and then.</summary>
internal static class BadClients
{
    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var files = Images.Files(4);
        await using var target = await Target.Start(setting.Bundle, setting.Threads);
        using var client = new Client(target.Http);
        var (total, next, failures, notJson) = (setting.Times(100_000), 0, 0, 0);
        var valid = Encoding.UTF8.GetBytes(
            """
            {"inputs":[{"name":"pixels","shape":[1,1,4,4],"datatype":"FP32","data":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]}],
             "outputs":[{"name":"steps"}]}
            """);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(setting.Seed + worker);
            while (Interlocked.Increment(ref next) <= total)
            {
                using var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"v2/models/{Client.Model}/infer", UriKind.Relative))
                {
                    Content = new ByteArrayContent(Mutated(valid, random)),
                };
                if (random.Next(4) == 0)
                    request.Content.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", $"{random.Next(-5, 300)}");
                using var response = await client.Send(request);
                if ((int)response.StatusCode >= 500) Interlocked.Increment(ref failures);
                else if (!response.IsSuccessStatusCode
                    && !(await response.Content.ReadAsStringAsync()).StartsWith("{\"error\":", StringComparison.Ordinal))
                    Interlocked.Increment(ref notJson);
            }
        })));
        // Slow ones hold their connections, and nobody else's.
        var slow = Enumerable.Range(0, 200).Select(_ => Slow(target.Http)).ToList();
        var answer = await client.Infer(files[0], ["steps"]);
        foreach (var socket in slow) socket.Dispose();
        return
        [
            Row.Of($"bad clients: 500s of {total} mutated bodies", failures, "", most: 0),
            Row.Of("bad clients: errors without JSON", notJson, "", most: 0),
            Row.Of("bad clients: status of a request beside 200 slow ones", answer.Status, "", most: 200),
        ];
    }

    private static byte[] Mutated(byte[] valid, Random random)
    {
        var bytes = valid.ToArray();
        for (var i = random.Next(1, 6); i > 0; i--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    private static TcpClient Slow(Uri server)
    {
        var socket = new TcpClient(server.Host, server.Port);
        socket.GetStream().Write("POST /v2/models/model/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{"u8);
        return socket;
    }
}
