using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.GpuCheck.Running;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Metrics;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.GpuCheck.Checks;

/// <summary>Whole models on the device against those on the CPU, whichever computes the fields.</summary>
internal static class BundlesCheck
{
    private const double LeastIou = 0.999;
    private const int Batch = 8;

    /// <summary>Largest difference of displacements after a few steps, of the longest side.</summary>
    private const double FieldTolerance = 1e-4;

    private static readonly (string Name, bool FromIdentity, EquivariantOptions Options)[] Settings =
    [
        ("default", false, new()),
        ("10 steps", true, new() { Start = StartPoint.Identity, Steps = 10, Accept = AcceptanceRule.Always }),
    ];

    public static void Run(CheckOptions options, Report report)
    {
        var cpu = Target.Cpu(options);
        var target = Target.Of(options);
        foreach (var bundle in options.Bundles)
        {
            var data = options.Data(bundle);
            foreach (var (name, fromIdentity, settings) in Settings)
                report.Try($"{bundle} {name}", () =>
                    Compare($"{bundle} {name}", bundle, data, fromIdentity, settings, cpu, target, options, report));
        }
    }

    private static void Compare(
        string title, string bundle, string? data, bool fromIdentity, EquivariantOptions settings, Target cpu, Target target,
        CheckOptions options, Report report)
    {
        // libtorch on the CPU is what all others are held against.
        using var model = Models.Load(options, bundle, cpu, FieldEngine.Torch, settings);
        var images = CheckImages.Deformed(model, data, options.Images ?? 40, options.Seed);
        var expected = Answers(model, images, report);
        List<(Target Target, FieldEngine Fields)> others = [.. options.Fields.Select(fields => (target, fields))];
        if (options.Fields.Contains(FieldEngine.Onnx) && target.IsCuda) others.Insert(0, (cpu, FieldEngine.Onnx));
        foreach (var (where, fields) in others)
        {
            var name = $"{title}, {where.Name} {Models.Name(fields)}";
            report.Try(name, () =>
            {
                using var other = Models.Load(options, bundle, where, fields, settings);
                Report(name, expected, Answers(other, images, report), fromIdentity, report);
            });
        }
    }

    private static List<Answer> Answers(EquivariantModel model, ImageBuffer[] images, Report report)
    {
        List<Answer> answers = [];
        foreach (var batch in images.Chunk(Batch))
        {
            report.Time.Check();
            using var result = model.Run(batch, null, report.Time.Token);
            using var onCpu = result.Fields.Displacement.cpu();
            var displacement = onCpu.data<float>().ToArray();
            var length = displacement.Length / batch.Length;
            answers.AddRange(result.Images.Select((image, i) => new Answer(image, displacement[(i * length)..((i + 1) * length)])));
        }

        return answers;
    }

    private static void Report(string name, List<Answer> expected, List<Answer> found, bool fromIdentity, Report report)
    {
        List<(Answer Expected, Answer Found)> pairs = [.. expected.Zip(found)];
        if (expected[0].Image.Output.Labels is not null)
        {
            var ious = pairs.Select(pair => Iou(pair.Expected.Image.Output, pair.Found.Image.Output)).ToList();
            report.AtLeast($"{name}, IoU of masks", ious.Average(), LeastIou, note: $"{ious.Count} images, least {ious.Min():0.0000}");
        }
        else
        {
            report.AtMost(
                $"{name}, class flips", pairs.Count(pair => pair.Expected.Image.Output.Class != pair.Found.Image.Output.Class), 0,
                note: $"of {pairs.Count} images");
        }

        var disputed = pairs.Count(pair => pair.Expected.Search.Accepted != pair.Found.Search.Accepted);
        report.AtMost($"{name}, maps used by one only", disputed, 0);
        // The library's unit is half the longest side.
        var fields = pairs.Max(pair => Largest(pair.Expected.Displacement, pair.Found.Displacement)) / 2;
        if (fromIdentity) report.AtMost($"{name}, displacements", fields, FieldTolerance, "of a side");
        else report.Info($"{name}, displacements", fields, "of a side");
        report.Info($"{name}, canonical images",
            pairs.Max(pair => Largest(pair.Expected.Image.Canonical.Data, pair.Found.Image.Canonical.Data)));
        report.Info(
            $"{name}, energies", pairs.Max(pair => Relative(pair.Expected.Search.CanonicalEnergy, pair.Found.Search.CanonicalEnergy)));
    }

    private static double Relative(double expected, double found) => Math.Abs(expected - found) / Math.Max(1e-9, Math.Abs(expected));

    private static double Iou(ModelOutput expected, ModelOutput found) =>
        SegmentationScore.Of(found.Labels!, expected.Labels!, Math.Max(2, expected.Planes!.Channels)).Iou;

    private static double Largest(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        var worst = 0.0;
        for (var i = 0; i < expected.Length; i++) worst = Math.Max(worst, Math.Abs(expected[i] - (double)found[i]));
        return worst;
    }

    private sealed record Answer(EquivariantImage Image, float[] Displacement)
    {
        public ImageCanonicalisation Search => Image.Canonicalisation;
    }
}
