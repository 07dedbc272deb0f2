namespace DiffeoNN.Onnx.Mutation;

/// <summary>One change of one instruction.</summary>
/// <param name="Id">Its number in the instrumented assembly; depends on what else is mutated there.</param>
/// <param name="Folder">Folder of the library.</param>
/// <param name="File">Source file below the library's folder.</param>
/// <param name="Line">Line, from 1.</param>
/// <param name="Column">Column of the statement, from 1.</param>
/// <param name="Type">Outermost type.</param>
/// <param name="Member">Method that holds the instruction.</param>
/// <param name="Change">What is changed.</param>
/// <param name="IsStatic">Whether it runs once a process, while a type is initialised.</param>
/// <param name="Offset">Place of the instruction in the compiled method.</param>
internal sealed record Mutant(
    int Id, string Folder, string File, int Line, int Column, string Type, string Member, string Change, bool IsStatic, int Offset)
{
    /// <summary>The same from run to run, as long as the source stays.</summary>
    public string Key => $"{File}:{Line}:{Column}:{Member}:{Offset}:{Change}";

    /// <inheritdoc/>
    public override string ToString() => $"{File}:{Line} {Member}: {Change}";
}
