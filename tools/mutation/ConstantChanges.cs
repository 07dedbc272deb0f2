using System.Globalization;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>Changed numbers, truth values and members of enums, where the source names them.</summary>
internal sealed class ConstantChanges
{
    private readonly Dictionary<double, HashSet<string>> _constants = [];

    /// <param name="module">Its constants are known by name.</param>
    public ConstantChanges(ModuleDefinition module)
    {
        foreach (var field in module.GetTypes().Where(type => !type.IsEnum).SelectMany(type => type.Fields))
        {
            if (!field.HasConstant || field.Constant is not (int or long or float or double))
                continue;
            var value = Convert.ToDouble(field.Constant, CultureInfo.InvariantCulture);
            if (!_constants.TryGetValue(value, out var names))
                _constants[value] = names = [];
            names.Add(field.Name);
        }
    }

    /// <summary>Changes of an instruction that loads a constant.</summary>
    public IEnumerable<Change> Of(Instruction at, MethodDefinition method, string text) => at.OpCode.Code switch
    {
        Code.Ldc_I4 => OfInteger(at, (int)at.Operand, method, text),
        Code.Ldc_I8 when Names(text, (long)at.Operand) =>
            [new Change($"{at.Operand} to {(long)at.Operand + 1}", Instruction.Create(OpCodes.Ldc_I8, (long)at.Operand + 1))],
        Code.Ldc_R4 when Names(text, (float)at.Operand) =>
            Others((float)at.Operand).Select(other =>
                new Change($"{at.Operand} to {(float)other}", Instruction.Create(OpCodes.Ldc_R4, (float)other))),
        Code.Ldc_R8 when Names(text, (double)at.Operand) =>
            Others((double)at.Operand).Select(other =>
                new Change($"{at.Operand} to {other}", Instruction.Create(OpCodes.Ldc_R8, other))),
        _ => [],
    };

    private static IEnumerable<double> Others(double value) => value == 0 ? [1] : [value * 2, value * 0.9];

    private IEnumerable<Change> OfInteger(Instruction at, int value, MethodDefinition method, string text)
    {
        var consumer = Consumer.Of(at, method);
        if (consumer is not null && IsWrittenByTheCompiler(at, consumer))
            return [];
        if (consumer?.Type is { MetadataType: MetadataType.Boolean })
        {
            var (word, other) = value == 0 ? ("false", "true") : ("true", "false");
            return text.Contains(word, StringComparison.Ordinal)
                ? [new Change($"{word} to {other}", Instruction.Create(OpCodes.Ldc_I4, 1 - value))]
                : [];
        }

        if (consumer?.Type is { MetadataType: MetadataType.Char })
            return [];
        if (consumer?.Type is { MetadataType: MetadataType.ValueType } type && type.Resolve() is { IsEnum: true } members)
            return OfEnum(members, value, text);
        return Names(text, value) ? [new Change($"{value} to {value + 1}", Instruction.Create(OpCodes.Ldc_I4, value + 1))] : [];
    }

    private static IEnumerable<Change> OfEnum(TypeDefinition type, int value, string text)
    {
        FieldDefinition[] members = [.. type.Fields.Where(field => field.HasConstant)];
        int[] values = [.. members.Select(field => Convert.ToInt32(field.Constant, CultureInfo.InvariantCulture))];
        var index = Array.IndexOf(values, value);
        if (index < 0 || members.Length < 2 || !text.Contains(members[index].Name, StringComparison.Ordinal))
            yield break;
        var other = (index + 1) % members.Length;
        yield return new Change($"{members[index].Name} to {members[other].Name}", Instruction.Create(OpCodes.Ldc_I4, values[other]));
    }

    private bool Names(string text, double value) =>
        SourceText.Names(text, value, _constants.TryGetValue(value, out var names) ? names : new HashSet<string>());

    /// <summary>Lengths and indices of arrays written out, parts of interpolated strings, states of iterators.</summary>
    private static bool IsWrittenByTheCompiler(Instruction at, Consumer consumer) => consumer.Instruction switch
    {
        { OpCode.Code: Code.Newarr, Next.OpCode.Code: Code.Dup } => true,
        { OpCode.Code: Code.Ldelema } or { OpCode.Name: ['s', 't', 'e', 'l', 'e', 'm', ..] } => at.Previous?.OpCode.Code == Code.Dup,
        { Operand: MethodReference called } => called.DeclaringType.Name.Contains("InterpolatedStringHandler", StringComparison.Ordinal)
            || called.DeclaringType.Name.Contains("PrivateImplementationDetails", StringComparison.Ordinal)
            || called.DeclaringType.Name == "CollectionsMarshal",
        { Operand: FieldReference field } => field.Name[0] == '<',
        _ => false,
    };
}
