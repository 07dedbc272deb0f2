using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Training.Architectures;

namespace DiffeoNN.Onnx.Training.Fit;

/// <summary>Makes a bundle of a trained network and undeformed images: trains its energies and its proposer, chooses its settings and
/// judges it on images held out, within a given time.</summary>
/// <remarks>
/// First the autoencoder and a proposer that learns from images and maps alone; a bundle of them is written. Then the proposer learns from
/// the network's own answers, in rounds, after each of which settings are chosen anew and a better bundle replaces the one before; and the
/// critic joins it. What is needed to go on after an interruption lies in a folder <c>.fit</c> inside the bundle until the fit is done.
/// </remarks>
public sealed class BundleFitter
{
    /// <summary>Prepares a fit.</summary>
    /// <param name="reading">What was read of the network.</param>
    /// <param name="options">Defaults if null.</param>
    /// <exception cref="TrainingException">An option makes no sense.</exception>
    public BundleFitter(NetworkReading reading, FitOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reading);
        (Reading, Options) = (reading, options ?? new FitOptions());
        Options.Check();
        Image = ImageOf(reading.Image, Options);
    }

    /// <summary>The images that the bundle will work on.</summary>
    public ImageSpec Image { get; }

    /// <summary>What was read of the network.</summary>
    internal NetworkReading Reading { get; }

    /// <summary>How it is fitted.</summary>
    internal FitOptions Options { get; }

    /// <summary>Fits.</summary>
    /// <param name="folder">Of the bundle; made if it does not exist. Nothing in it changes before all images were read and found to
    /// do.</param>
    /// <param name="images">Undeformed images. Some may lack a truth, for which the network's own answer stands then.</param>
    /// <param name="validation">Others to hold out, no test images; null to hold out some of <paramref name="images"/>.</param>
    /// <param name="hasTruth">Whether to learn from the truth of images, and to compare answers with it, which images held out need to have
    /// then; else no truth is looked at, and answers are compared with the network's own on undeformed images.</param>
    /// <param name="resume">Whether to go on with a fit that was interrupted.</param>
    /// <param name="progress">Told of what happens, on the calling thread.</param>
    /// <param name="cancellationToken">Ends the fit. The bundle written last stays, and the fit can be resumed.</param>
    /// <exception cref="DataException">The images do not do, or some cannot be read.</exception>
    /// <exception cref="TrainingException">There is nothing to resume, or it is another fit; the folder holds what is not to be
    /// overwritten; another fit has it.</exception>
    /// <exception cref="BundleException">The bundle would be refused.</exception>
    /// <exception cref="Files.OutputException">A file cannot be written.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public FitResult Run(
        string folder, IEvaluationData images, IEvaluationData? validation = null, bool hasTruth = false, bool resume = false,
        IProgress<FitProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(images);
        if (Tuning.Tuner.IsTestSplit(images.Split) || Tuning.Tuner.IsTestSplit(validation?.Split))
            throw new DataException("A split called 'test' is neither trained nor chosen on; give another one.");
        var identity = FitIdentity.Of(this, images, validation, hasTruth);
        using var work = resume ? FitFolder.Open(folder, identity) : FitFolder.Create(folder, identity, Options.Overwrites);
        var session = new FitSession(this, work, folder, hasTruth, progress, cancellationToken);
        return session.Run(images, validation);
    }

    /// <summary>Whether a folder holds a fit that was interrupted and can be resumed.</summary>
    /// <param name="folder">Of the bundle.</param>
    public static bool CanResume(string folder) => FitFolder.Exists(folder);

    /// <summary>What a folder holds that a bundle is to be written to.</summary>
    /// <param name="folder">Of the bundle; need not exist.</param>
    public static FitFolderState StateOf(string folder) => FitFolder.StateOf(folder);

    private static ImageSpec ImageOf(ImageSpec own, FitOptions options)
    {
        var longest = Math.Max(own.Height, own.Width);
        var wanted = options.LongestSide ?? Math.Min(longest, FitOptions.LongestUsual);
        int Side(int side) => Math.Max(Architecture.LeastSide, (int)Math.Round((double)side * wanted / longest));
        var padding = options.Sampling.Padding == WarpPadding.Border ? ImagePadding.Border : ImagePadding.Zeros;
        own = own with { Padding = padding };
        return wanted == longest ? own : own with { Height = Side(own.Height), Width = Side(own.Width) };
    }
}
