using Mono.Cecil;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>Calls dropped, and calls of a sister: arithmetic of tensors is made of calls.</summary>
/// <param name="module">Where calls are.</param>
internal sealed class CallChanges(ModuleDefinition module)
{
    private static readonly (string One, string Other)[] Sisters =
    [
        ("op_Addition", "op_Subtraction"), ("op_Multiply", "op_Division"), ("op_LessThan", "op_LessThanOrEqual"),
        ("op_GreaterThan", "op_GreaterThanOrEqual"), ("Min", "Max"), ("MinBy", "MaxBy"), ("Floor", "Ceiling"), ("Sin", "Cos"),
        ("First", "Last"), ("FirstOrDefault", "LastOrDefault"), ("Take", "Skip"), ("Any", "All"), ("OrderBy", "OrderByDescending"),
        ("ThenBy", "ThenByDescending"), ("amin", "amax"), ("min", "max"), ("sin", "cos"), ("floor", "ceil"), ("any", "all"),
        ("logical_or", "logical_and"), ("AddProductInPlace", "AddQuotientInPlace"),
    ];

    private static readonly Dictionary<string, string> SisterOf = Sisters
        .Concat(Sisters.Select(pair => (One: pair.Other, Other: pair.One))).ToDictionary(pair => pair.One, pair => pair.Other);

    /// <summary>What only shapes, places or owners feel, and what releases.</summary>
    private static readonly HashSet<string> Kept =
    [
        "Dispose", "AddRange", "SuppressFinalize", "KeepAlive", "EnsureLoaded", "ThrowIfNull", "SetCount", "MoveNext", "GetEnumerator",
        "<Clone>$",
        "alias", "contiguous", "cpu", "cuda", "to", "to_type", "detach", "clone", "requires_grad_", "view", "expand", "reshape", "flatten",
        "unsqueeze", "squeeze", "DetachFromDisposeScope", "MoveToOuterDisposeScope", "AsSpan", "Exit", "Enter", "ConfigureAwait",
    ];

    /// <summary>Changes of a call.</summary>
    public IEnumerable<Change> Of(Instruction at)
    {
        var called = (MethodReference)at.Operand;
        if (called.Name[0] == '.' || Kept.Contains(called.Name)
            || called.DeclaringType.Name.Contains("InterpolatedStringHandler", StringComparison.Ordinal)
            || called.DeclaringType.Name.Contains("PrivateImplementationDetails", StringComparison.Ordinal)
            || called.DeclaringType.FullName is "System.Runtime.CompilerServices.RuntimeHelpers" or "System.String"
                or "System.Text.StringBuilder" or "System.IO.Path")
            yield break;
        var taken = called.Parameters.Count + (called.HasThis ? 1 : 0);
        if (called.ReturnType.MetadataType == MetadataType.Void)
        {
            yield return new Change($"{called.Name} not called", [.. Pops(Math.Max(taken, 1), taken)]);
            yield break;
        }

        if (SisterOf.TryGetValue(called.Name, out var name) && Sister(called, name) is { } sister)
            yield return new Change($"{called.Name} to {name}", Instruction.Create(at.OpCode, sister));
        if (taken > 0 && ReturnsItsFirst(called))
            yield return new Change($"{called.Name} left out", [.. Pops(Math.Max(taken - 1, 1), taken - 1)]);
    }

    private static IEnumerable<Instruction> Pops(int length, int pops) =>
        Enumerable.Range(0, length).Select(i => Instruction.Create(i < pops ? OpCodes.Pop : OpCodes.Nop));

    /// <summary>Whether its first argument could stand for its result.</summary>
    private static bool ReturnsItsFirst(MethodReference called)
    {
        if (called.HasThis)
            return !called.DeclaringType.IsValueType && called.ReturnType.FullName == called.DeclaringType.FullName;
        return called.Parameters.Count > 0 && called.Parameters[0].ParameterType.FullName == called.ReturnType.FullName
            && !called.ReturnType.IsByReference;
    }

    private MethodReference? Sister(MethodReference called, string name)
    {
        var found = called.DeclaringType.Resolve()?.Methods.FirstOrDefault(method => method.Name == name
            && method.HasThis == called.HasThis && method.GenericParameters.Count == GenericsOf(called)
            && method.Parameters.Select(one => one.ParameterType.FullName)
                .SequenceEqual(called.GetElementMethod().Parameters.Select(one => Named(one.ParameterType, called)))
            && method.ReturnType.FullName == Named(called.GetElementMethod().ReturnType, called));
        if (found is null || called.DeclaringType is GenericInstanceType)
            return null;
        var imported = module.ImportReference(found);
        if (called is not GenericInstanceMethod generic)
            return imported;
        var instance = new GenericInstanceMethod(imported);
        foreach (var argument in generic.GenericArguments) instance.GenericArguments.Add(argument);
        return instance;
    }

    private static int GenericsOf(MethodReference called) => called.GetElementMethod().GenericParameters.Count;

    /// <summary>Parameters of generic methods are referred to by number (!!0), defined by name.</summary>
    private static string Named(TypeReference type, MethodReference called)
    {
        var name = type.FullName;
        if (called.GetElementMethod().Resolve() is { } definition)
        {
            for (var i = 0; i < definition.GenericParameters.Count; i++)
                name = name.Replace($"!!{i}", definition.GenericParameters[i].Name, StringComparison.Ordinal);
        }

        return name;
    }
}
