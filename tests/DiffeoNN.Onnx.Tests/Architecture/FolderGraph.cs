using Mono.Cecil;
using Mono.Cecil.Cil;

namespace DiffeoNN.Onnx.Tests.Architecture;

/// <summary>Which folders of an assembly need which, read from its code:
/// the first part of a namespace below the root is the folder.</summary>
internal sealed class FolderGraph
{
    /// <summary>The folder of the types that lie in the root itself.</summary>
    public const string Top = ".";

    private readonly Dictionary<(string From, string To), string> _arrows = [];

    private FolderGraph()
    {
    }

    /// <summary>The arrows, each with a place where it is needed.</summary>
    public IReadOnlyDictionary<(string From, string To), string> Arrows => _arrows;

    /// <summary>All folders that hold types.</summary>
    public required IReadOnlyList<string> Folders { get; init; }

    /// <summary>Reads an assembly.</summary>
    /// <param name="path">The file.</param>
    /// <param name="root">The namespace whose parts are folders.</param>
    /// <param name="hasTop">Whether what lies in the root itself is the folder <see cref="Top"/>; otherwise it is left out.</param>
    public static FolderGraph Of(string path, string root, bool hasTop = false)
    {
        using var module = ModuleDefinition.ReadModule(path);
        var types = module.GetTypes().Where(type => FolderOf(type, root, hasTop) is not null).ToList();
        var graph = new FolderGraph
        {
            Folders = [.. types.Select(type => FolderOf(type, root, hasTop)!).Distinct().Order(StringComparer.Ordinal)],
        };
        foreach (var type in types)
        {
            var from = FolderOf(type, root, hasTop)!;
            foreach (var (needed, place) in Needs(type))
            {
                foreach (var part in Parts(needed))
                {
                    if (part.Scope == module && FolderOf(part, root, hasTop) is { } to && to != from)
                        graph._arrows.TryAdd((from, to), $"{place} needs {part.FullName}");
                }
            }
        }

        return graph;
    }

    /// <summary>A way from a folder back to itself, along arrows of some folders; null if there is none.</summary>
    public IReadOnlyList<string>? Cycle(IReadOnlyCollection<string> among)
    {
        var (done, way) = (new HashSet<string>(), new List<string>());
        return among.Select(Search).FirstOrDefault(cycle => cycle is not null);

        List<string>? Search(string folder)
        {
            var index = way.IndexOf(folder);
            if (index >= 0) return [.. way[index..], folder];
            if (!done.Add(folder)) return null;
            way.Add(folder);
            var found = among.Where(next => _arrows.ContainsKey((folder, next))).Select(Search).FirstOrDefault(cycle => cycle is not null);
            way.RemoveAt(way.Count - 1);
            return found;
        }
    }

    private static string? FolderOf(TypeReference type, string root, bool hasTop)
    {
        while (type.DeclaringType is not null) type = type.DeclaringType;
        return type.Namespace == root && hasTop ? Top
            : type.Namespace.StartsWith(root + ".", StringComparison.Ordinal) ? type.Namespace[(root.Length + 1)..].Split('.')[0] : null;
    }

    private static IEnumerable<(TypeReference Type, string Place)> Needs(TypeDefinition type)
    {
        foreach (var used in type.Interfaces.Select(one => one.InterfaceType).Append(type.BaseType)
            .Concat(type.Fields.Select(field => field.FieldType)))
            if (used is not null) yield return (used, type.FullName);
        foreach (var method in type.Methods)
        {
            foreach (var used in method.Parameters.Select(parameter => parameter.ParameterType).Append(method.ReturnType))
                yield return (used, method.FullName);
            if (!method.HasBody) continue;
            foreach (var local in method.Body.Variables) yield return (local.VariableType, method.FullName);
            foreach (var used in method.Body.Instructions.SelectMany(Operands)) yield return (used, method.FullName);
        }
    }

    private static IEnumerable<TypeReference> Operands(Instruction instruction) => instruction.Operand switch
    {
        TypeReference type => [type],
        FieldReference field => [field.DeclaringType, field.FieldType],
        MethodReference method =>
        [
            method.DeclaringType, method.ReturnType, .. method.Parameters.Select(parameter => parameter.ParameterType),
            .. method is GenericInstanceMethod generic ? generic.GenericArguments : [],
        ],
        _ => [],
    };

    /// <summary>A type without what wraps it, and its arguments.</summary>
    private static IEnumerable<TypeReference> Parts(TypeReference type) => type switch
    {
        GenericInstanceType generic => generic.GenericArguments.SelectMany(Parts).Append(generic.ElementType),
        FunctionPointerType pointer =>
            pointer.Parameters.Select(parameter => parameter.ParameterType).Append(pointer.ReturnType).SelectMany(Parts),
        TypeSpecification wrapped => Parts(wrapped.ElementType),
        GenericParameter => [],
        _ => [type],
    };
}
