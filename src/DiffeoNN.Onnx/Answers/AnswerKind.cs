using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Everything that is particular to a kind of answer: how the manifest describes it, how it is read from the network's tensors,
/// carried back, averaged, compared, scored, recorded and drawn.</summary>
/// <remarks>Who works with answers asks <see cref="AnswerKinds"/>; no one else tells kinds apart. An instance has no state.</remarks>
internal abstract class AnswerKind
{
    /// <summary>Its place in the public vocabulary.</summary>
    public abstract OutputKind Kind { get; }

    /// <summary>As the manifest names it.</summary>
    public string Name => Kind.ToString().ToLowerInvariant();

    // Described.

    /// <summary>Members of <see cref="OutputSpec"/> that the kind takes beside name and kind, as the manifest names them.</summary>
    public abstract IReadOnlyList<string> Fields { get; }

    /// <summary>Names of the tensors that are read.</summary>
    public virtual IEnumerable<string> Tensors(OutputSpec spec) => [spec.Name];

    /// <summary>What is wrong with a tensor, to follow its name; null if nothing is. Free dimensions fit anything.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="found">As the file declares it, or as a run gave it.</param>
    /// <param name="spec">What the manifest says.</param>
    /// <param name="image">The image that the network sees.</param>
    public abstract string? Problem(string tensor, TensorForm found, OutputSpec spec, SamplingGrid image);

    // Read, carried back, averaged.

    /// <summary>Arranges tensors that <see cref="Problem"/> has passed as the other members take them, before any activation.</summary>
    /// <param name="tensors">By name, the batch first.</param>
    /// <param name="spec">What the manifest says.</param>
    /// <param name="grids">Of the network and of the maps.</param>
    /// <returns>The parts of the answer, each with the batch first, float32; in the caller's scope.</returns>
    /// <exception cref="Execution.GraphException">Values are none that the kind knows.</exception>
    public abstract torch.Tensor[] Arrange(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids);

    /// <summary><see cref="Arrange"/>, then the activation.</summary>
    public virtual torch.Tensor[] Read(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids) =>
        Arrange(tensors, spec, grids);

    /// <summary>Planes of the answer that lie on the image; 0 for a kind that has none.</summary>
    public virtual int Channels(MappedAnswer answer) => 0;

    /// <summary>The answer of planes that lie on the image already.</summary>
    public virtual ModelOutput OfPlanes(ImageBuffer planes, OutputSpec spec) => throw None("planes");

    /// <summary>The answer without planes.</summary>
    public virtual ModelOutput SummaryOf(MappedOutput answer) => throw None("planes");

    /// <summary>The answer that has no planes, carried back by each of several maps, and averaged.</summary>
    /// <param name="answers">At least one, the last of them of the map that stands for the image.</param>
    /// <param name="spec">What the manifest says.</param>
    /// <param name="canonical">The bundle's grid.</param>
    /// <param name="height">Rows of the image.</param>
    /// <param name="width">Columns of the image.</param>
    public virtual ModelOutput CarryBack(
        IReadOnlyList<MappedAnswer> answers, OutputSpec spec, SamplingGrid canonical, int height, int width) => throw None("numbers");

    /// <summary>What of this kind can be carried back where fields are graphs, without leaving the device.</summary>
    public virtual DeviceForm OnDevice => DeviceForm.None;

    /// <summary>The answer of numbers of the whole image that were averaged on the device.</summary>
    public virtual ModelOutput OfNumbers(float[] numbers, OutputSpec spec, int height, int width) => throw None("numbers");

    /// <summary>The class of each pixel (N, H, W) or image (N), int64, in the caller's scope; null for a kind that has no such
    /// classes.</summary>
    /// <param name="parts">What <see cref="Arrange"/> gave.</param>
    /// <param name="spec">Says where a single score begins to mean class 1.</param>
    public virtual torch.Tensor? Classes(torch.Tensor[] parts, OutputSpec spec) => null;

    /// <summary>Writes how undecided answers are, in nats: the entropy of each pixel, or image.</summary>
    /// <param name="graph">Gets the nodes.</param>
    /// <param name="output">The network's output in it, float32, before any activation.</param>
    /// <param name="channels">How many scores it has; null where the file does not say.</param>
    /// <param name="spec">What the manifest says.</param>
    /// <returns>(N, ...); null for a kind whose answers are no probabilities.</returns>
    public virtual string? WriteEntropy(OnnxGraph graph, string output, long? channels, OutputSpec spec) => null;

    /// <summary>Number of classes of answers as they are arranged, as the truth has to have them; for numbers and points how many there
    /// are.</summary>
    /// <param name="parts">What <see cref="Arrange"/> gave.</param>
    /// <param name="spec">Names classes, perhaps.</param>
    public virtual int ClassesOf(torch.Tensor[] parts, OutputSpec spec) =>
        HasClasses ? Math.Max(2, (int)parts[0].size(1)) : (int)parts[0].size(1);

    /// <summary>Whether answers are classes of pixels or images.</summary>
    public virtual bool HasClasses => false;

    // Compared, scored.

    /// <summary>How two answers for one image differ.</summary>
    public virtual AnswerDifference Differ(ModelOutput first, ModelOutput second) => new(null, null);

    /// <summary>The numbers of an answer, to be compared one by one; null where it has none.</summary>
    public abstract float[]? Values(ModelOutput answer);

    /// <summary>What answers are compared with; <see cref="TruthForm.None"/> for a kind whose truth no data holds.</summary>
    public virtual TruthForm Truth => TruthForm.None;

    /// <summary>An answer taken for the truth about its image, so that the same answer has a perfect score.</summary>
    /// <param name="answer">With its planes, if it has any.</param>
    public abstract Truth TruthOf(ModelOutput answer);

    /// <summary>Number of classes of an answer, as the truth has to have them.</summary>
    public virtual int ClassesOf(ModelOutput answer) => 0;

    /// <summary>Compares an answer with the truth.</summary>
    /// <param name="answer">At the size of the truth.</param>
    /// <param name="truth">Holds what <see cref="Truth"/> asks for, or what <see cref="TruthOf"/> gave.</param>
    /// <param name="classes">Number of classes.</param>
    public abstract AnswerScore Score(ModelOutput answer, Truth truth, int classes);

    /// <summary>Which of the values of a score are summarised over the images, in order.</summary>
    public abstract IReadOnlyList<string> Summarised { get; }

    /// <summary>Columns of the table over all images, the metric first.</summary>
    public abstract IReadOnlyList<ScoreColumn> Columns { get; }

    /// <summary>What <see cref="AnswerScore.Rank"/> is, for an axis.</summary>
    public abstract string RankTitle { get; }

    /// <summary>As <see cref="RankTitle"/>, where the truth is what <see cref="TruthOf"/> gave.</summary>
    public virtual string AgreementTitle => RankTitle;

    /// <summary>One line about an image: the scores of the canonicalised network, the network alone, and that on the undeformed
    /// image.</summary>
    public abstract string Heading(Truth truth, ModelOutput answer, AnswerScore found, AnswerScore alone, AnswerScore undeformed);

    /// <summary>How far f(g·x) is from g·f(x).</summary>
    /// <param name="deformed">f(g·x).</param>
    /// <param name="undeformed">f(x).</param>
    /// <param name="map">g.</param>
    public abstract double Disagreement(ModelOutput deformed, ModelOutput undeformed, DeformationMap map);

    // Recorded, drawn.

    /// <summary>What <c>results.jsonl</c> says; null for nothing.</summary>
    /// <param name="answer">Planes may be missing.</param>
    public abstract JsonObject? Record(ModelOutput answer);

    /// <summary>Counts answers of several images, to be told in words; null for a kind whose answers are to be looked at.</summary>
    public virtual KindTally? Tally() => null;

    /// <summary>The answer as arrays.</summary>
    public abstract IEnumerable<AnswerArray> Arrays(MappedOutput answer);

    /// <summary>What is drawn.</summary>
    /// <param name="answer">Planes may be missing, if <see cref="PictureRows"/> draws them.</param>
    public abstract AnswerSketch Sketch(ModelOutput answer);

    /// <summary>A picture with a pixel for each of the image, exactly; null for a kind that has none.</summary>
    public virtual ImageBuffer? Picture(ModelOutput answer) => null;

    /// <summary>Rows of the picture of an answer, of one channel or three, from the top; null for a kind that has none.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="summary">The same without planes.</param>
    public virtual IEnumerable<ImageBuffer>? PictureRows(MappedOutput answer, ModelOutput summary) => null;

    /// <summary>Whether panels show <see cref="PictureRows"/> instead of marks over the image.</summary>
    public virtual bool IsPicture => false;

    /// <summary>Names of regions by their number, for a legend; null for none.</summary>
    public virtual IReadOnlyList<string>? Legend(MappedOutput answer) => null;

    private InvalidOperationException None(string what) => new($"An answer of kind {Kind} has no {what}.");
}
