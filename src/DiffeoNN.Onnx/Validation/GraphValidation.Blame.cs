namespace DiffeoNN.Onnx.Validation;

/// <content>Blame.</content>
internal sealed partial class GraphValidation
{
    private List<BlameReport> FindBlames(List<SetState> states) => [];
}
