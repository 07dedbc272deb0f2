using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation.Graphs;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Benchmarks;

/// <summary>The networks as a bundle of this library: composed, differentiated, and run by either engine.</summary>
internal static class OnnxSide
{
    /// <summary>Writes the bundle to a temporary folder and loads its energy.</summary>
    public static OnnxEnergy Load(ReferenceNetworks networks, SearchSpec scale, IEngine engine) =>
        Bundle(networks, scale, bundle => OnnxEnergy.FromBundle(bundle, engine));

    /// <summary>The same bundle's fields as graphs; the energy stays the caller's.</summary>
    public static GraphFields Fields(ReferenceNetworks networks, SearchSpec scale, OnnxRuntimeEngine engine, OnnxEnergy energy) =>
        new(engine, energy, Bundle(networks, scale, EnergyComposer.ComposeValues));

    private static T Bundle<T>(ReferenceNetworks networks, SearchSpec scale, Func<Bundle, T> use)
    {
        var folder = Directory.CreateTempSubdirectory("diffeonn-benchmark-");
        try
        {
            OnnxNetworks.Vae(networks).Save(Path.Combine(folder.FullName, "vae.onnx"));
            OnnxNetworks.Critic(networks).Save(Path.Combine(folder.FullName, "critic.onnx"));
            return use(new BundleBuilder(folder.FullName).Build(Manifest(networks.Size, scale)));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    // A bundle needs an inner model, which plays no part here: the critic stands in for it.
    private static BundleManifest Manifest(int size, SearchSpec scale) => new()
    {
        Name = "benchmark",
        Image = new ImageSpec { Channels = 1, Height = size, Width = size, Mean = [0.0], Std = [1.0] },
        Search = scale,
        Models = new BundleModels
        {
            Inner = new PredictorSpec
            {
                File = "critic.onnx", Input = "image", Output = new OutputSpec { Name = "score", Kind = OutputKind.Image },
            },
            Vae = new VaeSpec
            {
                File = "vae.onnx", Input = "image", Reconstruction = "reconstruction", Mean = "mu", LogVariance = "logvar",
            },
            Critic = new CriticSpec { File = "critic.onnx", Input = "image", Output = "score" },
        },
    };
}
