using System.Diagnostics;

namespace DiffeoNN.Onnx.Gradients.Tests.Robustness;

/// <summary>Damaged models give a gradient or a typed error that speaks of the model: never a crash, a hang, or much memory.</summary>
public sealed class MutationTests
{
    private const int Seed = 20260601;
    private const long MemoryLimit = 1L << 30;

    private static readonly TimeSpan TimeLimit = TimeSpan.FromSeconds(5);

    [Test]
    public void ThousandMutations_GiveAGradientOrATypedError() => Check(Seeds(published: 6), 1_000, Seed);

    [TestCase(Seed), Explicit("A minute or more.")]
    [TestCase(Seed + 100_000)]
    [TestCase(Seed + 200_000)]
    public void TenThousandMutations_GiveAGradientOrATypedError(int seed) => Check(Seeds(published: 60), 10_000, seed);

    [Test]
    public void SeedModels_Compile()
    {
        foreach (var (name, model) in SeedModels.All())
            Assert.That(() => GradientCompiler.Compile(OnnxModel.Parse(model.ToBytes())), Throws.Nothing, name);
    }

    private static List<(string Name, byte[] Bytes)> Seeds(int published)
    {
        var result = SeedModels.All().Select(s => (s.Name, s.Model.ToBytes())).ToList();
        var cases = Directory.GetDirectories(Repository.Shared("onnx-cases/node")).Order(StringComparer.Ordinal).ToList();
        for (var i = 0; i < published; i++)
        {
            var file = Path.Combine(cases[i * cases.Count / published], "model.onnx");
            result.Add((Path.GetFileName(cases[i * cases.Count / published]), File.ReadAllBytes(file)));
        }

        foreach (var name in new[] { "mnist_cntk", "mnist_conv_bn_torch2.0" })
            result.Add((name, File.ReadAllBytes(Repository.Shared($"onnx-models/{name}/model.onnx"))));
        return result;
    }

    private static void Check(List<(string Name, byte[] Bytes)> seeds, int count, int seed)
    {
        var failures = new List<string>();
        var outcomes = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var (current, started) = (-1, Stopwatch.StartNew());
        var worker = new Thread(() =>
        {
            for (var i = 0; i < count; i++)
            {
                (current, started) = (i, Stopwatch.StartNew());
                var (name, bytes) = Mutated(seeds, seed + i);
                var before = GC.GetAllocatedBytesForCurrentThread();
                var outcome = Try(bytes, out var error);
                var used = GC.GetAllocatedBytesForCurrentThread() - before;
                outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
                if (error is not null)
                    failures.Add($"{i} {name}: {error}");
                if (started.Elapsed > TimeLimit)
                    failures.Add($"{i} {name}: took {started.Elapsed}");
                if (used > MemoryLimit)
                    failures.Add($"{i} {name}: took {used >> 20} MB");
            }
        });
        worker.IsBackground = true;
        worker.Start();
        while (!worker.Join(TimeSpan.FromSeconds(1)))
        {
            if (started.Elapsed > 10 * TimeLimit)
                Assert.Fail($"Mutation {current} of seed {seed} ({Mutated(seeds, seed + current).Name}) hangs.");
        }

        TestContext.Out.WriteLine(
            $"{count} mutations: {string.Join(", ", outcomes.Select(o => $"{o.Value} {o.Key}"))}; {failures.Count} failures.");
        Assert.That(failures, Is.Empty, $"seed {seed}\n{string.Join('\n', failures.Take(60))}");
    }

    private static (string Name, byte[] Bytes) Mutated(List<(string Name, byte[] Bytes)> seeds, int index)
    {
        var random = new Random(index);
        var (name, bytes) = seeds[random.Next(seeds.Count)];
        return (name, random.Next(5) < 2
            ? Mutations.OfBytes(bytes, seeds[random.Next(seeds.Count)].Bytes, random)
            : Mutations.OfMessage(bytes, random));
    }

    /// <summary>What became of a model; an error where it is none that may be.</summary>
    private static string Try(byte[] bytes, out string? error)
    {
        error = null;
        try
        {
            var gradient = GradientCompiler.Compile(OnnxModel.Parse(bytes));
            try
            {
                OnnxModel.Parse(gradient.ToBytes());
            }
            catch (GradientException e)
            {
                error = $"the gradient's own model is malformed: {e.Message}";
            }

            return "gradients";
        }
        catch (GradientDefectException e)
        {
            var places = e.InnerException!.StackTrace?.Split('\n');
            error = $"{e.Message} {places?.FirstOrDefault(l => l.Contains("DiffeoNN", StringComparison.Ordinal))?.Trim()}";
            return "defects";
        }
        catch (UnsupportedOperatorException)
        {
            return "refused operators";
        }
        catch (OnnxModelException)
        {
            return "malformed models";
        }
#pragma warning disable CA1031 // Any other exception is what the test looks for.
        catch (Exception e)
#pragma warning restore CA1031
        {
            error = $"{e.GetType().Name}: {e.Message} {e.StackTrace?.Split('\n').FirstOrDefault()?.Trim()}";
            return "other errors";
        }
    }
}
