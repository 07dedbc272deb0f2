using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Diagnostics.Wiring;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Whether a critic tells deformed images from undeformed ones, on images that it was not trained on.</summary>
/// <param name="Rises">Pairs in which the deformed image has the higher score, those of equal scores counting half.</param>
/// <param name="Count">Pairs of an undeformed image and the same deformed.</param>
internal sealed record CriticCheck(double Rises, int Count)
{
    // The same that a diagnosis of the bundle asks for.
    private const double Least = Pairs.Least;

    private const int FewestPairs = 64;
    private const int MostImages = 128;
    private const int Batch = 8;

    /// <summary>Whether it does better than chance.</summary>
    public bool Tells => Rises >= Least * Count;

    /// <summary>What is to be said where it does not.</summary>
    public string Refusal => FormattableString.Invariant(
        $"The critic does not tell deformed from undeformed images: it is higher on the deformed image in {Rises:0.#} of {Count} pairs ")
        + FormattableString.Invariant($"held out, and {100 * Least:0} % are the least. The bundle goes without it; more time trains it ")
        + "further.";

    /// <summary>Tries the critic of a bundle.</summary>
    /// <param name="bundle">Its folder.</param>
    /// <param name="images">Undeformed images held out; several maps are drawn for each where there are few.</param>
    /// <param name="options">Families and seed.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    public static CriticCheck Of(string bundle, IEvaluationData images, FitOptions options, CancellationToken cancellationToken)
    {
        using var model = EquivariantModel.Load(bundle, new EquivariantOptions { Execution = options.Execution, Seed = options.Seed });
        var manifest = model.Bundle.Manifest;
        using var critic = model.WithSettings(manifest with { Search = manifest.Search with { Vae = 0, Adversarial = 1 } });
        Deformation[] families = [.. options.Families.Select(Deformation.Create)];
        var count = Math.Min(images.Count, MostImages);
        var (rises, pairs) = (0.0, 0);
        for (var turn = 0; turn < families.Length || pairs < FewestPairs; turn++)
        {
            var seed = unchecked(options.Seed + 211 + (ulong)turn);
            foreach (var chunk in Enumerable.Range(0, count).Chunk(Batch))
            {
                cancellationToken.ThrowIfCancellationRequested();
                ImageBuffer[] still = [.. chunk.Select(i => images.Read(i).Image)];
                ImageBuffer[] moved = [.. still.Zip(chunk, (image, i) => families[turn % families.Length]
                    .Draw(new SamplingGrid(image.Height, image.Width), seed, i).Apply(image))];
                var scores = critic.Energies(still, cancellationToken).Zip(critic.Energies(moved, cancellationToken));
                rises += scores.Sum(pair => pair.Second > pair.First ? 1 : pair.Second == pair.First ? 0.5 : 0);
                pairs += chunk.Length;
            }
        }

        return new CriticCheck(rises, pairs);
    }
}
