using Mono.Cecil;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>A type that instrumented assemblies get: which mutant is on, and which were reached.</summary>
internal static class MutantSwitch
{
    /// <summary>Its namespace: the assembly's own, which is no folder.</summary>
    public const string Namespace = "DiffeoNN.Onnx";

    /// <summary>Its name.</summary>
    public const string Name = "MutantSwitch";

    /// <summary>The field that holds the number of the mutant that is on; -1 for none.</summary>
    public const string Active = "Active";

    /// <summary>The field with a byte a mutant: 1 where it was reached.</summary>
    public const string Reached = "Reached";

    /// <summary>Adds the type.</summary>
    /// <param name="module">Where to.</param>
    /// <returns><c>bool At(int mutant)</c>, and what to call with the number of mutants once it is known.</returns>
    public static (MethodReference At, Action<int> Complete) AddTo(ModuleDefinition module)
    {
        var system = module.TypeSystem;
        const TypeAttributes Attributes =
            TypeAttributes.Class | TypeAttributes.Abstract | TypeAttributes.Sealed | TypeAttributes.NotPublic;
        var type = new TypeDefinition(Namespace, Name, Attributes, system.Object);
        var active = new FieldDefinition(Active, FieldAttributes.Public | FieldAttributes.Static, system.Int32);
        var reached = new FieldDefinition(Reached, FieldAttributes.Public | FieldAttributes.Static, new ArrayType(system.Byte));
        type.Fields.Add(active);
        type.Fields.Add(reached);

        var at = new MethodDefinition("At", MethodAttributes.Public | MethodAttributes.Static, system.Boolean);
        at.Parameters.Add(new ParameterDefinition("mutant", ParameterAttributes.None, system.Int32));
        var code = at.Body.GetILProcessor();
        code.Emit(OpCodes.Ldsfld, reached);
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldc_I4_1);
        code.Emit(OpCodes.Stelem_I1);
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldsfld, active);
        code.Emit(OpCodes.Ceq);
        code.Emit(OpCodes.Ret);
        type.Methods.Add(at);
        module.Types.Add(type);
        return (at, count =>
        {
            const MethodAttributes Constructor = MethodAttributes.Private | MethodAttributes.Static | MethodAttributes.HideBySig
                | MethodAttributes.SpecialName | MethodAttributes.RTSpecialName;
            var start = new MethodDefinition(".cctor", Constructor, system.Void);
            var body = start.Body.GetILProcessor();
            body.Emit(OpCodes.Ldc_I4, count);
            body.Emit(OpCodes.Newarr, system.Byte);
            body.Emit(OpCodes.Stsfld, reached);
            body.Emit(OpCodes.Ldc_I4_M1);
            body.Emit(OpCodes.Stsfld, active);
            body.Emit(OpCodes.Ret);
            type.Methods.Add(start);
        });
    }
}
