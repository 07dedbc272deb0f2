using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Checks a bundle's files against its manifest.</summary>
internal static class BundleValidator
{
    public const string GradientTitle = "energy.gradient";

    /// <summary>A role as the manifest names it.</summary>
    public static string Title(BundleRole role) => role.ToString().ToLowerInvariant();

    /// <exception cref="BundleException">Something is missing, malformed or inconsistent.</exception>
    public static void Check(Bundle bundle)
    {
        foreach (var (role, file) in bundle.Manifest.Models.Present())
        {
            Check(new ModelPlace(bundle, file, Title(role)));
            if (file is EnergyGraphSpec { Gradient: { } gradient })
            {
                Check(new ModelPlace(bundle, gradient, GradientTitle));
            }
        }

        foreach (var (relative, folder) in bundle.Manifest.References.Zip(bundle.ReferenceFolders))
        {
            if (!Directory.Exists(folder))
                throw new BundleException($"Bundle '{bundle.Name}': reference folder '{relative}' does not exist.");
        }
    }

    private static void Check(ModelPlace place)
    {
        var model = ModelReading.Read(place);
        WeightCheck.Check(place, model);
        _ = place.Guard(() => PosteriorMean.Apply(model));
        var tensors = new TensorCheck(place, model.Graph);
        var format = tensors.Input(isDifferentiated: place.File is VaeSpec or CriticSpec or EnergyGraphSpec);
        switch (place.File)
        {
            case PredictorSpec predictor:
                foreach (var output in predictor.Outputs) tensors.Answer(output);
                break;
            case VaeSpec vae:
                tensors.Images(tensors.Output(vae.Reconstruction));
                tensors.SameShape(tensors.Output(vae.Mean), tensors.Output(vae.LogVariance));
                break;
            case CriticSpec critic:
                tensors.Output(critic.Output);
                break;
            case EnergyGraphSpec energy:
                tensors.Output(energy.Output);
                if (energy.Gradient is not null) CheckPlain(place, format);
                break;
            case BackwardGraphSpec gradient:
                CheckPlain(place, format);
                tensors.Images(tensors.Output(gradient.Output));
                break;
            case ProposerSpec proposer:
                var velocity = tensors.Rank(tensors.Output(proposer.Output), 4, "a velocity lattice (N,2,h,w)");
                tensors.Size(velocity, 1, 2, "components, x and y");
                tensors.AtLeast(velocity, 2, 2);
                tensors.AtLeast(velocity, 3, 2);
                break;
        }
    }

    /// <summary>A gradient that comes with the bundle is by what the manifest's image says, and nothing leads on from there.</summary>
    private static void CheckPlain(ModelPlace place, InputFormat format)
    {
        if (format.IsOfImage(place.Bundle.Image) && format.Batch is null) return;
        throw place.Refuse(
            $"takes {format}; an energy with a gradient of its own, and that gradient, take float32, channels first, with a free batch, of "
            + "size, channels, mean and std of the manifest's image.");
    }
}
