using System.Diagnostics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Clients that send nonsense, half a request, or a byte now and then.</summary>
internal static class BadClients
{
    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var file = Images.Files(1)[0];
        await using var target = await Target.Start(setting.Bundle, setting.Threads);
        using var client = new Client(target.Http);
        using var calls = new RawCalls(target.Rpc);
        var before = await Right(client, calls, file);
        var (total, start) = (setting.Times(100_000), Stopwatch.GetTimestamp());
        var rows = new List<Row>(await MalformedBodies.Run(setting, client, total - (total / 2)));
        rows.Add(Row.Of("bad clients: time of these", Stopwatch.GetElapsedTime(start).TotalSeconds, "s"));
        start = Stopwatch.GetTimestamp();
        rows.AddRange(await MalformedCalls.Run(setting, calls, total / 2));
        rows.Add(Row.Of("bad clients: time of these", Stopwatch.GetElapsedTime(start).TotalSeconds, "s"));
        var after = await Right(client, calls, file);
        rows.Add(Row.Of("bad clients: next answers that are wrong", Wrong(before, after), "", most: 0));
        // Slow ones hold their connections, and nobody else's.
        var slow = Enumerable.Range(0, 200).Select(_ => Slow(target.Http)).ToList();
        var answer = await client.Infer(file, ["steps"]);
        foreach (var socket in slow) socket.Dispose();
        rows.Add(Row.Of("bad clients: status of a request beside 200 slow ones", answer.Status, "", most: 200));
        return rows;
    }

    /// <summary>What the server says to those who ask rightly, over both protocols.</summary>
    private static async Task<byte[][]> Right(Client client, RawCalls calls, byte[] file)
    {
        var mask = await client.Infer(file, ["mask"], Images.Mixed[1]);
        var plain = await calls.Send(RawCalls.Frame(MalformedCalls.Plain([1, 2, 3, float.MaxValue], isRaw: true).ToByteArray()));
        var image = await calls.Send(RawCalls.Frame(MalformedCalls.Image(file, "mask").ToByteArray()));
        return [mask.Outputs["mask"], Output(plain), Output(image)];

        static byte[] Output(RawCalls.Answer answer) => answer.Status == 0
            ? ModelInferResponse.Parser.ParseFrom(answer.Message).RawOutputContents[0].ToByteArray()
            : [];
    }

    private static int Wrong(byte[][] before, byte[][] after) =>
        before.Zip(after).Count(pair => pair.First.Length == 0 || !pair.First.AsSpan().SequenceEqual(pair.Second))
        + (MemoryMarshal.Cast<byte, float>(after[1]).SequenceEqual([1, 2, 3, float.MaxValue]) ? 0 : 1);

    private static TcpClient Slow(Uri server)
    {
        var socket = new TcpClient(server.Host, server.Port);
        socket.GetStream().Write("POST /v2/models/model/infer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n{"u8);
        return socket;
    }
}
