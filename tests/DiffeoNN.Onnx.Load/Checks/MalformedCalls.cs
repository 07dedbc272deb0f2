using DiffeoNN.Onnx.Serving.Rpc.Wire;
using Google.Protobuf;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Calls over gRPC whose messages are damaged, or whole and full of nonsense: each has a status that says that the sender is
/// wrong.</summary>
internal static class MalformedCalls
{
    private const int Internal = 13;
    private const int Unknown = 2;

    private static readonly string[] Texts =
        ["", "x", "y", "image", "pixels", "plain", "model", "\u2028", new('n', 2000), "../model", "1", "-1"];

    private static readonly string[] Types = ["", "FP32", "FP16", "BF16", "BYTES", "BOOL", "INT64", "UINT8", "fp32", "FP64"];

    private static readonly long[] Sizes =
        [0, 1, 2, 4, -1, 65536, 1L << 26, 1L << 31, 1L << 32, 1L << 62, long.MaxValue, long.MinValue, 3037000500, 5];

    private static readonly string[] Names =
    [
        "steps", "seed", "start", "passes", "accept", "timeout", "on_timeout", "priority", "binary_data_output", "stepps", "",
        "shared_memory_region",
    ];

    public static async Task<IReadOnlyList<Row>> Run(Setting setting, RawCalls calls, int total)
    {
        var image = Images.Files(1)[0];
        var (next, good, wrong, broken, without) = (0, 0, 0, 0, 0);
        var said = new SortedDictionary<int, int>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(setting.Seed + worker + 1000);
            while (Interlocked.Increment(ref next) <= total)
            {
                var (body, isFrame) = Body(random, image);
                RawCalls.Answer answer;
                try
                {
                    answer = await calls.Send(body);
                }
                catch (HttpRequestException)
                {
                    Interlocked.Increment(ref without);
                    continue;
                }

                lock (said) said[answer.Status ?? -1] = said.GetValueOrDefault(answer.Status ?? -1) + 1;
                if (answer.Status is null) Interlocked.Increment(ref without);
                else if (answer.Status == 0) Interlocked.Increment(ref good);
                // Frames that are no frames never reach a message; gRPC itself calls that INTERNAL.
                else if (answer.Status == Internal && !isFrame) Interlocked.Increment(ref broken);
                else if (answer.Status is Internal or Unknown && Interlocked.Increment(ref wrong) <= 5)
                    Console.Error.WriteLine($"status {answer.Status}: {answer.Detail}: {Convert.ToHexString(body)}");
            }
        })));
        Console.Error.WriteLine($"gRPC statuses: {string.Join(", ", said.Select(pair => $"{pair.Key}: {pair.Value}"))}");
        return
        [
            Row.Of($"bad clients: INTERNAL or UNKNOWN of {total} malformed calls", wrong, "", most: 0),
            Row.Of("bad clients: calls without a status", without, "", most: 0),
            Row.Of("bad clients: calls that were right after all", good, ""),
            Row.Of("bad clients: calls whose frames were broken", broken, ""),
        ];
    }

    /// <summary>A call that is right.</summary>
    public static ModelInferRequest Plain(float[] values, bool isRaw)
    {
        var request = new ModelInferRequest { ModelName = Client.Plain, Id = "1" };
        var input = new ModelInferRequest.Types.InferInputTensor { Name = "x", Datatype = "FP32", Shape = { values.Length / 4, 4 } };
        request.Inputs.Add(input);
        if (isRaw) request.RawInputContents.Add(ByteString.CopyFrom(System.Runtime.InteropServices.MemoryMarshal.AsBytes(values.AsSpan())));
        else input.Contents = new InferTensorContents { Fp32Contents = { values } };
        return request;
    }

    /// <summary>A call about an image file that needs no search.</summary>
    public static ModelInferRequest Image(byte[] file, string output)
    {
        var request = new ModelInferRequest { ModelName = Client.Model };
        request.Inputs.Add(new ModelInferRequest.Types.InferInputTensor { Name = "image", Datatype = "BYTES", Shape = { 1 } });
        request.RawInputContents.Add(ByteString.CopyFrom([.. BitConverter.GetBytes(file.Length), .. file]));
        request.Outputs.Add(new ModelInferRequest.Types.InferRequestedOutputTensor { Name = output });
        request.Parameters["steps"] = new InferParameter { Int64Param = 0 };
        request.Parameters["start"] = new InferParameter { StringParam = "identity" };
        return request;
    }

    private static (byte[] Body, bool IsFrame) Body(Random random, byte[] image)
    {
        var request = random.Next(4) == 0 ? Image(image, "steps") : Plain([1, 2, 3, 4], random.Next(2) == 0);
        switch (random.Next(8))
        {
            case 0 or 1: return (RawCalls.Frame(Flipped(request.ToByteArray(), random)), true);
            case 2: return (RawCalls.Frame(Cut(request.ToByteArray(), random)), true);
            case 3: return (RawCalls.Frame(Image(BrokenImages.Next(random), "steps").ToByteArray()), true);
            case 4:
                Lengths(request, random);
                break;
            case 5:
                request.Parameters[Names[random.Next(Names.Length)]] = Parameter(random);
                break;
            case 6 when random.Next(4) == 0:
                var frame = RawCalls.Frame(request.ToByteArray());
                frame[random.Next(5)] ^= (byte)(1 << random.Next(8));
                return (random.Next(2) == 0 ? frame : frame[..random.Next(frame.Length)], false);
            default:
                Fields(request, random);
                break;
        }

        return (RawCalls.Frame(request.ToByteArray()), true);
    }

    private static byte[] Flipped(byte[] message, Random random)
    {
        for (var i = random.Next(1, 9); i > 0; i--) message[random.Next(message.Length)] ^= (byte)(1 << random.Next(8));
        return message;
    }

    private static byte[] Cut(byte[] message, Random random)
    {
        var (from, to) = (random.Next(message.Length), random.Next(message.Length));
        var noise = new byte[random.Next(12)];
        random.NextBytes(noise);
        return random.Next(3) switch
        {
            0 => message[..from],
            1 => [.. message[..Math.Min(from, to)], .. message[Math.Max(from, to)..]],
            _ => [.. message[..from], .. noise, .. message[from..]],
        };
    }

    private static void Fields(ModelInferRequest request, Random random)
    {
        var input = request.Inputs[0];
        for (var i = random.Next(1, 3); i > 0; i--)
        {
            switch (random.Next(8))
            {
                case 0: request.ModelName = Texts[random.Next(Texts.Length)]; break;
                case 1: request.ModelVersion = Texts[random.Next(Texts.Length)]; break;
                case 2: input.Name = Texts[random.Next(Texts.Length)]; break;
                case 3: input.Datatype = Types[random.Next(Types.Length)]; break;
                case 4:
                    request.Outputs.Add(
                        new ModelInferRequest.Types.InferRequestedOutputTensor { Name = Texts[random.Next(Texts.Length)] });
                    break;
                case 5: request.Inputs.Add(input.Clone()); break;
                case 6: input.Parameters["binary_data_size"] = Parameter(random); break;
                default:
                    input.Shape.Clear();
                    for (var n = random.Next(20); n > 0; n--) input.Shape.Add(Sizes[random.Next(random.Next(2) == 0 ? 4 : Sizes.Length)]);
                    break;
            }
        }
    }

    private static void Lengths(ModelInferRequest request, Random random)
    {
        if (request.RawInputContents.Count == 0)
        {
            for (var i = random.Next(1, 5); i > 0; i--) request.Inputs[0].Contents.Fp32Contents.Add(i);
            if (random.Next(3) == 0) request.Inputs[0].Contents.BytesContents.Add(ByteString.CopyFromUtf8("x"));
            return;
        }

        var bytes = request.RawInputContents[0].ToByteArray();
        // Of BYTES the first four are the length of the first element.
        if (random.Next(2) == 0) BitConverter.GetBytes((int)Sizes[random.Next(Sizes.Length)]).CopyTo(bytes, 0);
        else if (random.Next(2) == 0) bytes = bytes[..random.Next(bytes.Length)];
        else bytes = [.. bytes, .. bytes[..random.Next(bytes.Length)]];
        request.RawInputContents[0] = ByteString.CopyFrom(bytes);
        if (random.Next(4) == 0) request.RawInputContents.Add(ByteString.Empty);
    }

    private static InferParameter Parameter(Random random) => random.Next(6) switch
    {
        0 => new InferParameter { BoolParam = true },
        1 => new InferParameter { Int64Param = Sizes[random.Next(Sizes.Length)] },
        2 => new InferParameter { StringParam = Texts[random.Next(Texts.Length)] },
        3 => new InferParameter { DoubleParam = random.Next(3) switch { 0 => double.NaN, 1 => double.PositiveInfinity, _ => 1.5 } },
        4 => new InferParameter { Uint64Param = ulong.MaxValue - (ulong)random.Next(2) },
        _ => new InferParameter(),
    };
}
