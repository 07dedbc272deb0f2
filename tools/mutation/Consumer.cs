using Mono.Cecil;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>What takes a value from the stack.</summary>
/// <param name="Instruction">The instruction.</param>
/// <param name="Type">The type it takes the value as; null where that is not known.</param>
internal sealed record Consumer(Instruction Instruction, TypeReference? Type)
{
    /// <summary>Follows straight code from an instruction that pushes a value; null where it branches first.</summary>
    public static Consumer? Of(Instruction push, MethodDefinition method)
    {
        var above = 0;
        for (var at = push.Next; at is not null; at = at.Next)
        {
            var pops = Pops(at, method);
            if (pops > above)
                return new Consumer(at, TypeOf(at, above, method));
            above += Pushes(at) - pops;
            if (at.OpCode.FlowControl is FlowControl.Branch or FlowControl.Cond_Branch or FlowControl.Return or FlowControl.Throw)
                return null;
        }

        return null;
    }

    /// <summary>Values that an instruction takes.</summary>
    public static int Pops(Instruction instruction, MethodDefinition method) => instruction.OpCode.StackBehaviourPop switch
    {
        StackBehaviour.Pop0 => 0,
        StackBehaviour.Pop1 or StackBehaviour.Popi or StackBehaviour.Popref => 1,
        StackBehaviour.Pop1_pop1 or StackBehaviour.Popi_pop1 or StackBehaviour.Popi_popi or StackBehaviour.Popi_popi8
            or StackBehaviour.Popi_popr4 or StackBehaviour.Popi_popr8 or StackBehaviour.Popref_pop1 or StackBehaviour.Popref_popi => 2,
        StackBehaviour.Popi_popi_popi or StackBehaviour.Popref_popi_popi or StackBehaviour.Popref_popi_popi8
            or StackBehaviour.Popref_popi_popr4 or StackBehaviour.Popref_popi_popr8 or StackBehaviour.Popref_popi_popref => 3,
        StackBehaviour.Varpop when instruction.Operand is MethodReference called =>
            called.Parameters.Count + (called.HasThis && instruction.OpCode.Code != Code.Newobj ? 1 : 0),
        StackBehaviour.Varpop when instruction.OpCode.Code == Code.Ret => method.ReturnType.MetadataType == MetadataType.Void ? 0 : 1,
        _ => 0,
    };

    private static int Pushes(Instruction instruction) => instruction.OpCode.StackBehaviourPush switch
    {
        StackBehaviour.Push0 => 0,
        StackBehaviour.Push1_push1 => 2,
        StackBehaviour.Varpush => instruction.Operand is MethodReference { ReturnType.MetadataType: MetadataType.Void } ? 0 : 1,
        _ => 1,
    };

    private static TypeReference? TypeOf(Instruction at, int above, MethodDefinition method) => at.Operand switch
    {
        MethodReference called => called.Parameters.Count - 1 - above is >= 0 and var index ? called.Parameters[index].ParameterType : null,
        FieldReference field => field.FieldType,
        VariableDefinition local => local.VariableType,
        TypeReference type when at.OpCode.Code == Code.Box => type,
        _ => at.OpCode.Code == Code.Ret ? method.ReturnType : null,
    };
}
