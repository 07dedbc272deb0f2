using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Checks that recipes share.</summary>
internal static class RecipeChecks
{
    /// <summary>Refuses networks that take something else than the images.</summary>
    public static void TakesImages(TrainableNetwork network, TrainingImages images)
    {
        var input = network.Inputs[0];
        long?[] expected = [images.Channels, images.Grid.Height, images.Grid.Width];
        if (input.Shape is not { Count: 4 } shape || !shape.Skip(1).Select(d => (long?)d.Size).SequenceEqual(expected))
            throw new TrainingException(
                $"Network '{network.Name}' takes {input}; the images are {Size(images)}. Make the network for their size.");
    }

    /// <summary>Refuses images of another size than those that are trained on.</summary>
    public static void SameSize(TrainingImages images, TrainingImages expected)
    {
        if (images.Grid != expected.Grid || images.Channels != expected.Channels)
            throw new TrainingException($"The images to evaluate on are {Size(images)}; expected {Size(expected)}.");
    }

    /// <summary>Refuses a setting.</summary>
    public static void Expect(string name, double value, bool isValid, string expected)
    {
        if (!isValid)
            throw new TrainingException($"{name} is {value}; expected {expected}.");
    }

    /// <summary>Means over images of what is computed of batches; each in a dispose scope of its own.</summary>
    public static IReadOnlyDictionary<string, double> Average(
        int images, int batch, Func<int[], int, IEnumerable<KeyValuePair<string, double>>> compute)
    {
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (i, chosen) in Enumerable.Range(0, images).Chunk(batch).Index())
        {
            using var scope = torch.NewDisposeScope();
            foreach (var (name, number) in compute(chosen, i))
                sums[name] = sums.GetValueOrDefault(name) + (number * chosen.Length / images);
        }

        return sums;
    }

    /// <summary>Size of images as messages have it.</summary>
    public static string Size(TrainingImages images) => $"(N, {images.Channels}, {images.Grid.Height}, {images.Grid.Width})";
}
