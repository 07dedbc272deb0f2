using Mono.Cecil;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>The changes that an instruction allows: rules of README.md.</summary>
/// <param name="module">What is changed.</param>
internal sealed class Changes(ModuleDefinition module)
{
    private static readonly Dictionary<Code, (OpCode Other, string Sign, string Text)> Arithmetic = new()
    {
        [Code.Add] = (OpCodes.Sub, "+", "+ to -"), [Code.Sub] = (OpCodes.Add, "-", "- to +"), [Code.Mul] = (OpCodes.Div, "*", "* to /"),
        [Code.Div] = (OpCodes.Mul, "/", "/ to *"), [Code.Rem] = (OpCodes.Mul, "%", "% to *"),
    };

    private static readonly Dictionary<Code, (OpCode Opposite, OpCode? Boundary, string Text)> Branches = new()
    {
        [Code.Brtrue] = (OpCodes.Brfalse, null, ""), [Code.Brfalse] = (OpCodes.Brtrue, null, ""),
        [Code.Beq] = (OpCodes.Bne_Un, null, ""), [Code.Bne_Un] = (OpCodes.Beq, null, ""),
        [Code.Blt] = (OpCodes.Bge, OpCodes.Ble, "< to <="), [Code.Ble] = (OpCodes.Bgt, OpCodes.Blt, "<= to <"),
        [Code.Bgt] = (OpCodes.Ble, OpCodes.Bge, "> to >="), [Code.Bge] = (OpCodes.Blt, OpCodes.Bgt, ">= to >"),
        [Code.Blt_Un] = (OpCodes.Bge_Un, OpCodes.Ble_Un, "< to <="), [Code.Ble_Un] = (OpCodes.Bgt_Un, OpCodes.Blt_Un, "<= to <"),
        [Code.Bgt_Un] = (OpCodes.Ble_Un, OpCodes.Bge_Un, "> to >="), [Code.Bge_Un] = (OpCodes.Blt_Un, OpCodes.Bgt_Un, ">= to >"),
    };

    // A boundary moved: a < b is not (a > b) with equality on the other side.
    private static readonly Dictionary<Code, (OpCode Mirror, string Text)> Comparisons = new()
    {
        [Code.Clt] = (OpCodes.Cgt, "< to <="), [Code.Cgt] = (OpCodes.Clt, "> to >="),
        [Code.Clt_Un] = (OpCodes.Cgt_Un, "< to <="), [Code.Cgt_Un] = (OpCodes.Clt_Un, "> to >="),
    };

    private readonly CallChanges _calls = new(module);
    private readonly ConstantChanges _constants = new(module);

    /// <summary>The changes of one instruction.</summary>
    /// <param name="at">The instruction.</param>
    /// <param name="method">Its method.</param>
    /// <param name="text">The source of its statement.</param>
    public IEnumerable<Change> Of(Instruction at, MethodDefinition method, string text)
    {
        if (at.Previous?.OpCode.OpCodeType == OpCodeType.Prefix || text is "in" || IsLoopStep(text))
            return [];
        if (Branches.TryGetValue(at.OpCode.Code, out var branch))
            return IsDelegateCache(at) ? [] : OfBranch(at, branch);
        if (at.OpCode.Code == Code.Ceq)
            return IsPartOfComparison(at) ? [] : [new Change("condition negated", [Instruction.Create(OpCodes.Ceq), .. Not()])];
        if (Comparisons.TryGetValue(at.OpCode.Code, out var comparison))
            return OfComparison(at, comparison);
        // Texts of errors are no behaviour that tests need to know by heart.
        if (text.Contains("throw ", StringComparison.Ordinal) || text.Contains("Exception(", StringComparison.Ordinal))
            return [];
        if (Arithmetic.TryGetValue(at.OpCode.Code, out var arithmetic))
        {
            return text.Contains(arithmetic.Sign, StringComparison.Ordinal)
                ? [new Change(arithmetic.Text, Instruction.Create(arithmetic.Other))]
                : [];
        }

        return at.OpCode.Code switch
        {
            Code.Neg => [new Change("minus dropped", Instruction.Create(OpCodes.Nop))],
            Code.Call or Code.Callvirt => _calls.Of(at),
            Code.Stfld when !method.IsConstructor
                && at.Operand is FieldReference { Name: [not '<', ..], DeclaringType.Name: [not '<', ..] } field =>
                [new Change($"{field.Name} not assigned", Instruction.Create(OpCodes.Pop), Instruction.Create(OpCodes.Pop))],
            _ => _constants.Of(at, method, text),
        };
    }

    private static IEnumerable<Change> OfBranch(Instruction at, (OpCode Opposite, OpCode? Boundary, string Text) branch)
    {
        var target = (Instruction)at.Operand;
        yield return new Change("condition negated", Instruction.Create(branch.Opposite, target));
        // Compilers jump where a condition does not hold: the source reads the other way round.
        if (branch.Boundary is { } boundary)
            yield return new Change($"boundary (jump {branch.Text})", Instruction.Create(boundary, target));
    }

    private static IEnumerable<Change> OfComparison(Instruction at, (OpCode Mirror, string Text) comparison)
    {
        yield return new Change("condition negated", [Instruction.Create(at.OpCode), .. Not()]);
        if (at.Previous?.OpCode.Code != Code.Ldnull)
            yield return new Change($"boundary ({comparison.Text})", [Instruction.Create(comparison.Mirror), .. Not()]);
    }

    private static Instruction[] Not() => [Instruction.Create(OpCodes.Ldc_I4, 0), Instruction.Create(OpCodes.Ceq)];

    private static bool IsLoopStep(string text) =>
        text.EndsWith("++", StringComparison.Ordinal) && text[..^2].All(c => char.IsLetterOrDigit(c) || c == '_');

    /// <summary>Lambdas are kept in a field once they are made.</summary>
    private static bool IsDelegateCache(Instruction at) => at.Previous?.OpCode.Code == Code.Dup
        && at.Previous.Previous?.Operand is FieldReference { Name: ['<', ..] };

    /// <summary>a >= b is compiled as not (a &lt; b), whose negation is tried at the inner comparison.</summary>
    private static bool IsPartOfComparison(Instruction at) => at.Previous is { OpCode.Code: Code.Ldc_I4, Operand: 0 } zero
        && zero.Previous is { } before && (Comparisons.ContainsKey(before.OpCode.Code) || before.OpCode.Code == Code.Ceq);
}
