using DiffeoNN.Onnx.Fields;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Answers of numbers of the whole image, which no map changes: (N, K), (N, K, 1, 1), or (N) for one number.</summary>
internal abstract class NumberAnswers : AnswerKind
{
    /// <summary>The kind and its shapes, for messages.</summary>
    protected abstract string Expected { get; }

    /// <summary>What is wrong with how many numbers there are; null if nothing is.</summary>
    protected abstract string? CountProblem(long? count, OutputSpec spec);

    /// <inheritdoc/>
    public override DeviceForm OnDevice => DeviceForm.Numbers;

    /// <inheritdoc/>
    public override string? Problem(string tensor, TensorForm found, OutputSpec spec, SamplingGrid image)
    {
        if (found.NotReal is { } wrong) return wrong;
        var fits = found.Shape.Count is 1 or 2 || (found.Shape.Count == 4 && (IsFlat(1, 2) || IsFlat(2, 3)));
        if (!fits)
            return $"has {found.Shape.Count} dimensions{(found.Shape.Count == 4 ? " of more than one pixel" : "")}; expected {Expected}.";
        return CountProblem(found.Shape.Skip(1).Aggregate((long?)1, (product, size) => product * size), spec);

        bool IsFlat(int row, int column) => found.Is(row, 1) && found.Is(column, 1);
    }

    /// <inheritdoc/>
    public override torch.Tensor[] Arrange(IReadOnlyDictionary<string, torch.Tensor> tensors, OutputSpec spec, OutputGrids grids)
    {
        var values = tensors[spec.Name].to_type(torch.ScalarType.Float32);
        return [values.dim() == 2 ? values : values.reshape(values.size(0), -1)];
    }

    /// <inheritdoc/>
    public override ModelOutput CarryBack(
        IReadOnlyList<MappedAnswer> answers, OutputSpec spec, SamplingGrid canonical, int height, int width) =>
        OfNumbers(Places.Host(MappedAnswer.Mean(answers, answer => answer.Parts[0])), spec, height, width);
}
