using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using SkiaSharp;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>What large images take beside the networks, on the way that <c>run</c> goes: read row by row, mapped back in tiles, written as
/// PNG.</summary>
internal static class ImageMemory
{
    private const double MostBytesAPixel = 12;

    /// <summary>Runs and prints; 0 if no image takes more than 12 bytes a pixel beyond what a batch of small ones takes, whatever the
    /// batch, else 1.</summary>
    /// <param name="bundle">Folder of a bundle that segments.</param>
    public static int Run(string bundle)
    {
        var folder = Directory.CreateTempSubdirectory("diffeonn-memory-").FullName;
        try
        {
            using var model = EquivariantModel.Load(bundle);
            var small = Files(folder, "small", 8, 200, 150);
            for (var i = 0; i < 3; i++) Pass(model, small, folder);
            var rest = Peak(() => Pass(model, small, folder));
            Console.WriteLine($"\nbundle {model.Bundle.Name}: a batch of 8 small images takes {rest:f0} MB in all\n"
                + $"{"",-34}{"MB in all",10}{"bytes a pixel of one image",28}");
            var holds = true;
            foreach (var (name, files, pixels) in new[]
            {
                ("1 JPEG of 48 million pixels", Files(folder, "large", 1, 8000, 6000), 48e6),
                ("8 JPEGs of 12 million pixels", Files(folder, "middle", 8, 4000, 3000), 12e6),
            })
            {
                double peak = Peak(() => Pass(model, files, folder)), bytes = Math.Max(0, peak - rest) * 1e6 / pixels;
                holds &= bytes <= MostBytesAPixel;
                Console.WriteLine($"{name,-34}{peak,10:f0}{bytes,28:f1}");
            }

            Console.WriteLine(holds ? $"at most {MostBytesAPixel}" : $"MORE THAN {MostBytesAPixel}");
            return holds ? 0 : 1;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static void Pass(EquivariantModel model, string[] files, string folder)
    {
        var spec = model.Bundle.Image;
        foreach (var file in files) ImageFile.Check(file);
        ScaledImage[] images = [.. files.Select(file => ImageFile.ReadScaled(file, spec.Channels, spec.Height, spec.Width))];
        using var batch = model.Canonicalise(images);
        for (var i = 0; i < files.Length; i++)
        {
            var labels = batch.Answer(i).ToSummary().Labels!;
            ImageFile.WritePng(Path.Combine(folder, "answer.png"), labels.Height, labels.Width, Rows(labels));
        }
    }

    private static IEnumerable<ImageBuffer> Rows(LabelMap labels)
    {
        for (var row = 0; row < labels.Height; row++)
        {
            var line = new ImageBuffer(1, 1, labels.Width);
            for (var column = 0; column < labels.Width; column++) line.Data[column] = labels[row, column];
            yield return line;
        }
    }

    private static string[] Files(string folder, string name, int count, int width, int height)
    {
        string[] files = [.. Enumerable.Range(0, count).Select(i => Path.Combine(folder, $"{name}{i}.jpg"))];
        using (var bitmap = new SKBitmap(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque))
        {
            using (var canvas = new SKCanvas(bitmap))
            using (var paint = new SKPaint { Color = SKColors.OrangeRed })
            {
                canvas.Clear(SKColors.DarkSlateGray);
                canvas.DrawOval(width / 2f, height / 2f, width / 3f, height / 4f, paint);
            }

            using var stream = File.Create(files[0]);
            bitmap.Encode(stream, SKEncodedImageFormat.Jpeg, 90);
        }

        foreach (var file in files[1..]) File.Copy(files[0], file);
        return files;
    }

    /// <summary>The most that was resident while something ran, in MB.</summary>
    private static double Peak(Action action)
    {
        double highest = 0;
        using var stop = new CancellationTokenSource();
        var sampler = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                highest = Math.Max(highest, Measure.ResidentMegabytes());
                Thread.Sleep(2);
            }
        });
        sampler.Start();
        action();
        stop.Cancel();
        sampler.Join();
        return highest;
    }
}
