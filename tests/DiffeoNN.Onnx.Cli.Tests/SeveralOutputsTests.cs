using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>What <c>run</c> writes of a network with several outputs, and of boxes.</summary>
[TestFixture]
public sealed class SeveralOutputsTests
{
    private const int Height = AnswerBundle.Height, Width = AnswerBundle.Width;

    [TestCase(false)]
    [TestCase(true)]
    public void Run_OfAnswersThatAreNotFinite_SaysSo(bool isPicture)
    {
        using var bundle = new AnswerBundle(graph =>
        {
            // Of dark pixels the root is no number.
            var root = graph.Op("Sqrt", graph.Plus(AnswerGraph.Image, -0.4));
            OnnxDimension[] shape = isPicture ? ["N", 1, Height, Width] : ["N", 1];
            var found = isPicture ? root : graph.Op("Flatten", graph.Op("GlobalAveragePool", root));
            graph.Output("found", found, OnnxElementType.Float, shape);
        }, new JsonArray(Output("found", isPicture ? "image" : "regression")));
        using var folder = Images();

        var run = CommandRun.Of(
            "run", "--model", bundle.Path, "--input", folder["in"], "--output", folder["out"], "--device", "cpu", "--naive");

        Assert.That(run.Code, Is.EqualTo(ExitCode.NonFinite), run.Output + run.Error);
        Assert.That(run.Output, Does.Contain("The network's answer holds numbers that are not finite for 1 of 1 images; see notFinite in"));
        using var record = JsonDocument.Parse(File.ReadAllText(folder["out/results.jsonl"]));
        Assert.That(record.RootElement.GetProperty("notFinite").GetInt32(), Is.GreaterThan(0));
        Assert.That(record.RootElement.GetProperty("naiveNotFinite").GetInt32(), Is.GreaterThan(0));
    }

    [Test]
    public void Run_NamesFilesAndRecordsByTheOutputs()
    {
        using var bundle = new AnswerBundle(graph =>
        {
            graph.Output("logits", graph.Times(graph.Plus(AnswerGraph.Image, -0.4), 30), OnnxElementType.Float, "N", 1, Height, Width);
            graph.Output("boxes", Box(graph), OnnxElementType.Float, "N", 1, 4);
            graph.Output("scores", graph.Constant([1, 1], 0.75f), OnnxElementType.Float, "N", 1);
            graph.Output("/age", graph.Constant([1, 1], 41.5f), OnnxElementType.Float, "N", 1);
        }, new JsonArray(
            Output("logits", "segmentation", ("as", "mask"), ("activation", "sigmoid")),
            Output("boxes", "boxes", ("coordinates", "pixels"), ("scores", "scores")),
            Output("/age", "regression", ("as", "age"))));
        using var folder = Images();

        var run = CommandRun.Of(
            "run", "--model", bundle.Path, "--input", folder["in"], "--output", folder["out"], "--device", "cpu", "--naive", "--values");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        string[] written =
            [.. Directory.EnumerateFiles(folder["out"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal)];
        Assert.That(written, Is.EqualTo(new[]
        {
            "results.jsonl", "spot.boxes.naive.png", "spot.boxes.png", "spot.canonical.png", "spot.fields.npz", "spot.mask.naive.png",
            "spot.mask.png", "spot.panel.png", "spot.values.npz",
        }));
        using var record = JsonDocument.Parse(File.ReadAllText(folder["out/results.jsonl"]));
        Assert.That(record.RootElement.TryGetProperty("answer", out _), Is.False);
        Assert.That(record.RootElement.TryGetProperty("notFinite", out _), Is.False);
        var info = CommandRun.Of("info", bundle.Path).Output;
        Assert.That(info, Does.Contain("\nAnswer: segmentation 'logits' as mask, activation sigmoid\n"));
        Assert.That(info, Does.Contain(
            "\nAnswer: boxes 'boxes', coordinates pixels, order xy, format xyxy, scores 'scores', activation none\n"));
        var outputs = record.RootElement.GetProperty("outputs");
        Assert.That(outputs.EnumerateObject().Select(output => output.Name), Is.EqualTo(new[] { "mask", "boxes", "age" }));
        Assert.That(outputs.GetProperty("mask").GetProperty("pixels").GetProperty("1").GetInt32(), Is.GreaterThan(10));
        Assert.That(outputs.GetProperty("age").GetProperty("numbers")[0].GetDouble(), Is.EqualTo(41.5));
        Assert.That(outputs.GetProperty("boxes").GetProperty("boxes")[0].GetArrayLength(), Is.EqualTo(4));
        Assert.That(record.RootElement.GetProperty("naive").GetProperty("age").GetProperty("numbers")[0].GetDouble(), Is.EqualTo(41.5));
        Assert.That(record.RootElement.GetProperty("files").GetProperty("mask.naive").GetString(), Is.EqualTo("spot.mask.naive.png"));
        using var archive = ZipFile.OpenRead(folder["out/spot.values.npz"]);
        Assert.That(archive.Entries.Select(entry => entry.Name), Is.EqualTo(new[]
        {
            "mask_probabilities.npy", "boxes_boxes.npy", "boxes_scores.npy", "age_numbers.npy", "naive_mask_probabilities.npy",
            "naive_boxes_boxes.npy", "naive_boxes_scores.npy", "naive_age_numbers.npy",
        }));
        var (height, width) = ImageFile.Read(folder["out/spot.mask.png"]) is var mask ? (mask.Height, mask.Width) : default;
        Assert.That((height, width), Is.EqualTo((Height, Width)));
    }

    [Test]
    public void Run_OfBoxesAlone_DrawsThemOverTheInput()
    {
        using var bundle = new AnswerBundle(
            graph => graph.Output("boxes", Box(graph), OnnxElementType.Float, "N", 1, 4),
            Output("boxes", "boxes", ("coordinates", "pixels")));
        using var folder = Images();

        var run = CommandRun.Of("run", "--model", bundle.Path, "--input", folder["in"], "--output", folder["out"], "--device", "cpu");

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        using var record = JsonDocument.Parse(File.ReadAllText(folder["out/results.jsonl"]));
        Assert.That(record.RootElement.GetProperty("answer").GetProperty("boxes").GetArrayLength(), Is.EqualTo(1));
        Assert.That(record.RootElement.GetProperty("answer").TryGetProperty("scores", out _), Is.False);
        var drawn = ImageFile.Read(folder["out/spot.output.png"]);
        Assert.That(drawn.Channels, Is.EqualTo(3));
        var coloured = Enumerable.Range(0, drawn.Height * drawn.Width).Count(i => drawn.Plane(0)[i] > drawn.Plane(2)[i] + 0.2f);
        Assert.That(coloured, Is.GreaterThan(20), "a frame in colour over a grey image");
    }

    private static string Box(AnswerGraph graph) => graph.Reshape(
        graph.Concat(
            graph.Plus(graph.Column, -9), graph.Plus(graph.Row, -8), graph.Plus(graph.Column, 9), graph.Plus(graph.Row, 8)), -1, 1, 4);

    private static JsonObject Output(string name, string kind, params (string Name, JsonNode Value)[] fields)
    {
        var output = new JsonObject { ["name"] = name, ["kind"] = kind };
        foreach (var (field, value) in fields) output[field] = value;
        return output;
    }

    private static TemporaryFolder Images()
    {
        var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["in"]);
        var image = new ImageBuffer(1, Height, Width);
        for (var row = 0; row < Height; row++)
            for (var column = 0; column < Width; column++)
                image[0, row, column] = (float)Math.Exp(-(((column - 38) * (column - 38)) + ((row - 20) * (row - 20))) / 20.0);
        ImageFile.WritePng(folder["in/spot.png"], image);
        return folder;
    }
}
