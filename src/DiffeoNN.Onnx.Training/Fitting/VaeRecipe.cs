using DiffeoNN.Onnx.Composition;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Fitting;

/// <summary>Trains a variational autoencoder: squared error plus beta times the KL term, both summed over an image.</summary>
public sealed class VaeRecipe : ITrainingData, IDisposable
{
    private readonly VaeRecipeOptions _options;
    private readonly TrainingImages _images;
    private readonly Objective _objective;
    private readonly string _noise;
    private readonly long _latent;

    /// <summary>Derives what is minimised.</summary>
    /// <param name="engine">What runs it.</param>
    /// <param name="vae">Of <see cref="Architectures.VaeArchitecture.CreateForTraining"/>: inputs are the image and the noise, outputs the
    /// reconstruction, mu and logvar. It stays the caller's, and is disposed after this.</param>
    /// <param name="images">Undeformed images.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="TrainingException">Network, images and options do not fit each other.</exception>
    public VaeRecipe(OnnxRuntimeEngine engine, TrainableNetwork vae, TrainingImages images, VaeRecipeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(vae);
        ArgumentNullException.ThrowIfNull(images);
        (_options, _images) = (options ?? new VaeRecipeOptions(), images);
        _options.Check();
        RecipeChecks.TakesImages(vae, images);
        if (vae.Inputs.Count != 2 || vae.Inputs[1].Shape is not { Count: 2 } shape || shape[1].Size is not { } latent
            || vae.Outputs.Count < 3)
            throw new TrainingException(
                $"Network '{vae.Name}' has the inputs {string.Join(", ", vae.Inputs)} and {vae.Outputs.Count} outputs; expected an image "
                + "and noise (N, L), and the outputs reconstruction, mu and logvar.");
        (_noise, _latent) = (vae.Inputs[1].Name, latent);

        var builder = new ObjectiveBuilder("vae", Math.Max(GraphWriter.LeastOpset, vae.Opset));
        var image = builder.Input("image", "N", images.Channels, images.Grid.Height, images.Grid.Width);
        var noise = builder.Input(_noise, "N", latent);
        var outputs = builder.Add(vae, new Dictionary<string, string> { [vae.Inputs[0].Name] = image, [_noise] = noise });
        var difference = builder.Sub(image, outputs[vae.Outputs[0].Name]);
        builder.Term("error", builder.Mean(builder.SumOfItems(builder.Mul(difference, difference))));
        builder.Term("kl", builder.KullbackLeibler(outputs[vae.Outputs[1].Name], outputs[vae.Outputs[2].Name]), _options.Beta);
        _objective = builder.Build(engine);
    }

    /// <summary>Training as the repository's bundles were.</summary>
    /// <param name="steps">Steps of the schedule.</param>
    /// <param name="seed">Of the batches.</param>
    public static TrainerOptions Training(int steps, ulong seed = 1) => new()
    {
        LearningRate = 2e-3, GradientNorm = 1000, Seed = seed,
        Schedule = LearningRateSchedule.Cosine(steps, warmUp: Math.Min(50, steps / 10)),
    };

    /// <inheritdoc/>
    public IReadOnlyList<TrainingBatch> Next(int step, SplitMix64 random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var x = _images.Batch(_images.Choose(step, _options.Batch, _options.Seed));
        return [new TrainingBatch(_objective, new Dictionary<string, torch.Tensor>
        {
            ["image"] = ImageVariation.Vary(x, _options.Sampling, random),
            [_noise] = ImageVariation.Noise([_options.Batch, _latent], random),
        })];
    }

    /// <summary>Terms on images of another set, by the posterior's mean: for validation.</summary>
    /// <param name="images">Images of the same size; all of them are used.</param>
    /// <exception cref="TrainingException">The images are of another size.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(TrainingImages images)
    {
        ArgumentNullException.ThrowIfNull(images);
        RecipeChecks.SameSize(images, _images);
        return RecipeChecks.Average(images.Count, _options.Batch, (chosen, _) => _objective.Evaluate(new Dictionary<string, torch.Tensor>
        {
            ["image"] = images.Batch(chosen), [_noise] = torch.zeros(chosen.Length, _latent),
        }).Terms);
    }

    /// <inheritdoc/>
    public void Dispose() => _objective.Dispose();
}
