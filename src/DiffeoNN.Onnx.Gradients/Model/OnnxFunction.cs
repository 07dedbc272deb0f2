namespace DiffeoNN.Onnx.Gradients;

/// <summary>A model-local function: an operator defined by a body of nodes.</summary>
/// <param name="Domain">Its domain.</param>
/// <param name="Name">Its name, the operator type of the nodes that call it.</param>
/// <param name="Overload">Tells functions of one name apart; mostly empty.</param>
/// <param name="Inputs">Formal input names.</param>
/// <param name="Outputs">Formal output names.</param>
/// <param name="Nodes">The body.</param>
/// <param name="Defaults">Attributes with a default value.</param>
/// <param name="OpsetImports">Operator set versions of the body, by domain.</param>
public sealed record OnnxFunction(
    string Domain,
    string Name,
    string Overload,
    IReadOnlyList<string> Inputs,
    IReadOnlyList<string> Outputs,
    IReadOnlyList<OnnxNode> Nodes,
    IReadOnlyList<OnnxAttribute> Defaults,
    IReadOnlyDictionary<string, long> OpsetImports);
