using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Answers;

/// <summary>The answer of a network for one image; which members are set follows from <see cref="Kind"/>.</summary>
public sealed record ModelOutput
{
    /// <summary>What the answer means.</summary>
    public required OutputKind Kind { get; init; }

    /// <summary>What the manifest calls it; empty for an answer that no bundle gave.</summary>
    public string Name { get; init; } = "";

    /// <summary>Rows of the image that the answer is for.</summary>
    public required int Height { get; init; }

    /// <summary>Columns of the image that the answer is for.</summary>
    public required int Width { get; init; }

    /// <summary>Segmentation: probabilities of the classes (K planes); image: values. Null for the others.</summary>
    public ImageBuffer? Planes { get; init; }

    /// <summary>Segmentation: the most probable class of each pixel; with a single plane 1 where it reaches 0.5.
    /// Null for the others.</summary>
    public LabelMap? Labels { get; init; }

    /// <summary>Classification: scores after the activation, one a class. Null for the others.</summary>
    public float[]? Scores { get; init; }

    /// <summary>Regression: the numbers. Null for the others.</summary>
    public float[]? Numbers { get; init; }

    /// <summary>Points: column and row in pixels, 0 at the centre of the first, possibly fractional or outside the image. Null for the
    /// others.</summary>
    public IReadOnlyList<(double Column, double Row)>? Points { get; init; }

    /// <summary>Boxes, in the network's order, in pixels, 0 at the centre of the first. Null for the others.</summary>
    public IReadOnlyList<AnswerBox>? Boxes { get; init; }

    /// <summary>The classes' names; null where the manifest names none.</summary>
    public IReadOnlyList<string>? ClassNames { get; init; }

    /// <summary>How many of the numbers that the network gave for the image, on the map or maps used, are NaN or infinite; an answer is
    /// only to be trusted where there are none.</summary>
    public int NotFinite { get; init; }

    /// <summary>The answers of the network's further outputs for the same image, in the manifest's order.</summary>
    public IReadOnlyList<ModelOutput> Further { get; init; } = [];

    /// <summary>This answer and the further ones.</summary>
    public IEnumerable<ModelOutput> All => Further.Prepend(this);

    /// <summary>Whether all numbers are finite that the network gave for the image, further outputs included.</summary>
    public bool IsFinite => All.All(answer => answer.NotFinite == 0);

    /// <summary>Classification: index of the highest score; null for the others.</summary>
    public int? Class => Scores is { Length: > 0 } scores ? ClassScores.Best(scores) : null;

    /// <summary>A class by its name, or its number.</summary>
    /// <param name="label">The number.</param>
    public string NameOf(int label) => ClassNames is { } names && label >= 0 && label < names.Count ? names[label] : $"class {label}";

    /// <summary>What <c>results.jsonl</c> says of the answer; null for kinds of which it says nothing. Numbers that are not finite are
    /// null.</summary>
    public JsonObject? ToJson() => AnswerKinds.Of(Kind).Record(this);

    /// <summary>What is drawn of the answer.</summary>
    public AnswerSketch ToSketch() => AnswerKinds.Of(Kind).Sketch(this);

    /// <summary>The picture of an answer that has a value for every pixel; null for others. A segmentation: black and white for two
    /// classes, for more the class's index as grey level of 255. An image: its values.</summary>
    public ImageBuffer? ToPicture() => AnswerKinds.Of(Kind).Picture(this);
}
