using System.Reflection;
using System.Reflection.Emit;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>Which methods a method calls, read from its instructions.</summary>
internal static class IlCalls
{
    private static readonly Dictionary<int, OpCode> Codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => (int)(ushort)code.Value);

    public static IEnumerable<MethodBase> Of(MethodBase method)
    {
        var il = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var i = 0; i < il.Length;)
        {
            int value = il[i++];
            if (value == 0xFE) value = (value << 8) | il[i++];
            var code = Codes[value];
            if (code.OperandType is OperandType.InlineMethod or OperandType.InlineTok
                && Resolve(method, BitConverter.ToInt32(il, i)) is { } called)
                yield return called;
            i += code.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(il, i)),
                _ => 4,
            };
        }
    }

    private static MethodBase? Resolve(MethodBase caller, int token)
    {
        try
        {
            return caller.Module.ResolveMethod(
                token,
                caller.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null,
                caller.IsGenericMethod ? caller.GetGenericArguments() : null);
        }
        catch (ArgumentException)
        {
            return null; // a type or a field
        }
    }
}
