using System.Text;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>Whatever is sent, it is a request or a refusal.</summary>
public sealed class MutatedBodyTests
{
    private static readonly string[] Pieces =
    [
        "{", "}", "[", "]", ",", ":", "\"", "null", "true", "-1", "1e999", "0.5", "18446744073709551616", "\\ud800", "\\u0000", "\u00ff",
        "\"data\"", "\"shape\"", "\"FP16\"", "\"BYTES\"", "\"binary_data_size\"", "[[[[", "9223372036854775807", "{\"name\":\"x\"}",
    ];

    private static readonly (byte[] Body, long? Length)[] Seeds =
    [
        Seed(Requests.One("FP32", "[2,3]", "[[1,2,3],[4,5,6]]"), null),
        Seed("{'id':'7','parameters':{'timeout':5,'accept':true},'inputs':[{'name':'a','shape':[2],'datatype':'BYTES',"
            + "'data':['ä','b']}],'outputs':[{'name':'y','parameters':{'binary_data':true}}]}", null),
        Seed("{'inputs':[{'name':'a','shape':[2],'datatype':'INT16','parameters':{'binary_data_size':4}},"
            + "{'name':'c','shape':[2],'datatype':'BYTES','parameters':{'binary_data_size':9}}]}",
            [1, 0, 2, 0, 1, 0, 0, 0, 65, 0, 0, 0, 0]),
    ];

    [Test]
    public void TwentyThousandMutatedBodies_AreRequestsOrRefusals()
    {
        const int seed = 5;
        var random = new Random(seed);
        var (read, refused) = (0, new Dictionary<ErrorKind, int>());
        var limits = new ProtocolLimits { Bytes = 4096, Elements = 8 };
        for (var i = 0; i < 20_000; i++)
        {
            var (body, length) = Mutated(random);
            try
            {
                var request = InferenceRequestReader.Read(body, length, limits);
                Assert.That(request.Inputs, Is.Not.Empty);
                read++;
            }
            catch (ProtocolException error)
            {
                Assert.That(error.Message, Is.Not.Empty.And.Not.Contain("Exception"));
                refused[error.Kind] = refused.GetValueOrDefault(error.Kind) + 1;
            }
            catch (Exception error) when (error is not AssertionException)
            {
                Assert.Fail($"Seed {seed}, body {i} ({Convert.ToHexString(body)}, length {length}): {error}");
            }
        }

        TestContext.Out.WriteLine($"{read} requests; {string.Join(", ", refused)}");
        Assert.That(read, Is.GreaterThan(500), "some mutations leave a request whole");
        Assert.That(refused.Keys, Is.SupersetOf(new[] { ErrorKind.Invalid, ErrorKind.TooLarge }).And.Not.Contain(ErrorKind.Internal));
    }

    [Test]
    public void MutatedRepositoryRequests_AreRequestsOrRefusals()
    {
        var random = new Random(6);
        var refused = 0;
        for (var i = 0; i < 2000; i++)
        {
            var body = Mutate(random, Requests.Json("{'parameters':{'unload_dependents':true,'version':'3'}}"));
            foreach (var read in (Action[])[() => ProtocolJson.ReadRepositoryRequest(body), () => ProtocolJson.ReadIndexRequest(body)])
            {
                try
                {
                    read();
                }
                catch (ProtocolException)
                {
                    refused++;
                }
            }
        }

        Assert.That(refused, Is.InRange(1900, 3999));
    }

    private static (byte[] Body, long? Length) Seed(string json, byte[]? binary)
    {
        var head = Requests.Json(json);
        return binary is null ? (head, null) : ([.. head, .. binary], head.Length);
    }

    private static (byte[] Body, long? Length) Mutated(Random random)
    {
        var (body, length) = Seeds[random.Next(Seeds.Length)];
        if (length is not null && random.Next(4) == 0) length += random.Next(-3, 4);
        if (length is null || random.Next(2) == 0) return (Mutate(random, body), length);
        // The JSON, with its length told as it then is.
        var head = Mutate(random, body[..(int)Math.Min(length.Value, body.Length)]);
        return ([.. head, .. body.AsSpan((int)Math.Min(length.Value, body.Length))], head.Length);
    }

    private static byte[] Mutate(Random random, byte[] body)
    {
        var bytes = new List<byte>(body);
        for (var times = random.Next(1, 4); times > 0 && bytes.Count > 0; times--)
        {
            var (place, piece) = (random.Next(bytes.Count), Encoding.UTF8.GetBytes(Pieces[random.Next(Pieces.Length)]));
            switch (random.Next(9))
            {
                case 0: bytes[place] = (byte)random.Next(256); break;
                case 1: bytes.RemoveAt(place); break;
                case 2: bytes.InsertRange(place, piece); break;
                case 3: bytes.RemoveRange(place, Math.Min(random.Next(1, 20), bytes.Count - place)); break;
                case 4: bytes.RemoveRange(place, bytes.Count - place); break;
                case 5: bytes.InsertRange(place, bytes.GetRange(place, Math.Min(random.Next(1, 60), bytes.Count - place))); break;
                default:
                    // Another digit leaves the JSON whole.
                    var digits = bytes.Index().Where(pair => char.IsAsciiDigit((char)pair.Item)).Select(pair => pair.Index).ToList();
                    if (digits.Count > 0) bytes[digits[random.Next(digits.Count)]] = (byte)('0' + random.Next(10));
                    break;
            }
        }

        return [.. bytes];
    }
}
