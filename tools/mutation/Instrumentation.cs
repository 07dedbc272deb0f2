using Mono.Cecil;
using Mono.Cecil.Cil;
using Mono.Cecil.Rocks;

namespace DiffeoNN.Onnx.Mutation;

/// <summary>Writes an assembly that holds all mutants, each behind a switch: one process tries many.</summary>
/// <param name="options">Which folders.</param>
/// <param name="source">Source files.</param>
internal sealed class Instrumentation(MutationOptions options, SourceText source)
{
    private readonly List<Mutant> _mutants = [];

    /// <summary>Reads an assembly and writes the changed one.</summary>
    /// <returns>Its mutants; the place in the list is the number.</returns>
    public IReadOnlyList<Mutant> Write(string from, string to)
    {
        using var resolver = new DefaultAssemblyResolver();
        resolver.AddSearchDirectory(Path.GetDirectoryName(from));
        resolver.AddSearchDirectory(Path.GetDirectoryName(typeof(object).Assembly.Location));
        using var module = ModuleDefinition.ReadModule(from, new ReaderParameters { ReadSymbols = true, AssemblyResolver = resolver });
        var changes = new Changes(module);
        var methods = module.GetTypes().Where(type => FolderOf(type) is not null).SelectMany(type => type.Methods).Where(IsWritten)
            .ToList();
        var (at, complete) = MutantSwitch.AddTo(module);
        foreach (var method in methods)
            Change(method, changes, at);
        complete(_mutants.Count);
        module.Write(to);
        return _mutants;
    }

    /// <summary>Not what compilers add: accessors, members of records; but lambdas and bodies of iterators.</summary>
    private static bool IsWritten(MethodDefinition method)
    {
        bool Generated(ICustomAttributeProvider of) =>
            of.CustomAttributes.Any(one => one.AttributeType.Name == "CompilerGeneratedAttribute");
        var isFunction = method.Name[0] == '<' && (method.Name.Contains(">b__", StringComparison.Ordinal)
            || method.Name.Contains(">g__", StringComparison.Ordinal));
        return method.HasBody && method.DebugInformation.HasSequencePoints
            && (isFunction || !Generated(method)) && (!Generated(method.DeclaringType) || isFunction || method.Name == "MoveNext");
    }

    private void Change(MethodDefinition method, Changes changes, MethodReference switchAt)
    {
        var points = method.DebugInformation.GetSequencePointMapping();
        var body = method.Body;
        body.SimplifyMacros();
        SequencePoint? point = null;
        List<(Instruction At, SequencePoint Point, Change Change, int Offset)> found = [];
        foreach (var instruction in body.Instructions)
        {
            if (points.TryGetValue(instruction, out var own))
                point = own;
            if (point is null || point.IsHidden)
                continue;
            foreach (var change in changes.Of(instruction, method, source.Of(point)))
                found.Add((instruction, point, change, instruction.Offset));
        }

        foreach (var group in found.GroupBy(one => one.At))
            Insert(body, group.Key, [.. group.Select(one => (Number(method, one.Point, one.Change, one.Offset), one.Change))], switchAt);
        body.OptimizeMacros();
    }

    private int Number(MethodDefinition method, SequencePoint point, Change change, int offset)
    {
        var outer = method.DeclaringType;
        while (outer.DeclaringType is not null) outer = outer.DeclaringType;
        var name = method.Name == "MoveNext" ? method.DeclaringType.Name : method.Name;
        _mutants.Add(new Mutant(_mutants.Count, FolderOf(method.DeclaringType)!, source.File(point), point.StartLine, point.StartColumn,
            outer.FullName, name, change.Text, name.Contains(".cctor", StringComparison.Ordinal), offset));
        return _mutants.Count - 1;
    }

    /// <summary>The instruction's object becomes the first of the new code: jumps to it, and borders of handlers, stay right.</summary>
    private static void Insert(MethodBody body, Instruction at, (int Number, Change Change)[] changes, MethodReference switchAt)
    {
        var code = body.GetILProcessor();
        var next = at.Next;
        var original = Instruction.Create(OpCodes.Nop);
        (original.OpCode, original.Operand) = (at.OpCode, at.Operand);
        List<Instruction> tests = [], mutated = [];
        foreach (var (number, change) in changes)
        {
            tests.AddRange([
                Instruction.Create(OpCodes.Ldc_I4, number), Instruction.Create(OpCodes.Call, switchAt),
                Instruction.Create(OpCodes.Brtrue, change.Code[0]),
            ]);
            mutated.AddRange([.. change.Code, Instruction.Create(OpCodes.Br, next)]);
        }

        (at.OpCode, at.Operand) = (tests[0].OpCode, tests[0].Operand);
        var last = at;
        foreach (var instruction in (Instruction[])[.. tests[1..], original, Instruction.Create(OpCodes.Br, next), .. mutated])
        {
            code.InsertAfter(last, instruction);
            last = instruction;
        }
    }

    private string? FolderOf(TypeDefinition type)
    {
        while (type.DeclaringType is not null) type = type.DeclaringType;
        return options.Folders.FirstOrDefault(folder => type.Namespace == $"{MutantSwitch.Namespace}.{folder}"
            || type.Namespace.StartsWith($"{MutantSwitch.Namespace}.{folder}.", StringComparison.Ordinal));
    }
}
