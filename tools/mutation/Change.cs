using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>What takes an instruction's place.</summary>
/// <param name="Text">In words.</param>
/// <param name="Code">Instructions with the same effect on the stack.</param>
internal sealed record Change(string Text, params Instruction[] Code);
