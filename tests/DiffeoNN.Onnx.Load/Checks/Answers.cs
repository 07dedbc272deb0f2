using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Load.Checks;

/// <summary>Many clients with mixed settings: each answer is the library's for that image, and none is lost.</summary>
internal static class Answers
{
    private static readonly string[] Outputs = ["mask", "steps", "accepted", "energy_after"];

    public static async Task<IReadOnlyList<Row>> Run(Setting setting)
    {
        var files = Images.Files(50);
        var expected = Expected(setting, files);
        await using var target = await Target.Start(setting.Bundle, setting.Threads);
        using var client = new Client(target.Http);
        var (total, next, wrong, lost) = (setting.Times(2000), 0, 0, 0);
        await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Task.Run(async () =>
        {
            int i;
            while ((i = Interlocked.Increment(ref next) - 1) < total)
            {
                var (image, asked) = (i % files.Length, i % Images.Mixed.Length);
                var answer = await client.Infer(files[image], Outputs, Images.Mixed[asked]);
                if (answer.Status != 200) Interlocked.Increment(ref lost);
                else if (!Same(answer.Outputs, expected[(image, asked)])) Interlocked.Increment(ref wrong);
            }
        })));
        return
        [
            Row.Of($"answers: wrong of {total}, 64 clients, mixed settings", wrong, "", most: 0),
            Row.Of("answers: lost", lost, "", most: 0),
        ];
    }

    private static bool Same(IReadOnlyDictionary<string, byte[]> found, IReadOnlyDictionary<string, byte[]> expected) =>
        expected.All(pair => found[pair.Key].AsSpan().SequenceEqual(pair.Value));

    private static Dictionary<(int, int), Dictionary<string, byte[]>> Expected(Setting setting, byte[][] files)
    {
        var all = new Dictionary<(int, int), Dictionary<string, byte[]>>();
        for (var asked = 0; asked < Images.Mixed.Length; asked++)
        {
            EquivariantOptions options = new()
            {
                Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = setting.Threads },
            };
            foreach (var (name, value) in Images.Mixed[asked])
            {
                var known = SearchSpec.Settings.First(one => one.Name == name);
                options = (EquivariantOptions)options.With(known, known.Parse($"{value}")!);
            }

            using var model = EquivariantModel.Load(setting.Bundle, options);
            // Of each image only some settings are asked for.
            for (var image = 0; image < files.Length; image++)
            {
                if (image % Images.Mixed.Length != asked) continue;
                using var result = model.Run([ImageFile.Read(new MemoryStream(files[image]))]);
                var (one, search) = (result.Images[0], result.Images[0].Canonicalisation);
                all.Add((image, asked), new Dictionary<string, byte[]>
                {
                    ["mask"] = one.Output.Labels!.Labels.ToArray(),
                    ["steps"] = BitConverter.GetBytes(search.Steps),
                    ["accepted"] = [search.Accepted ? (byte)1 : (byte)0],
                    ["energy_after"] = BitConverter.GetBytes((double)search.CanonicalEnergy),
                });
            }
        }

        return all;
    }
}
