using System.Collections;
using System.Reflection;
using NUnit.Framework;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>Cases are made in a clone with nothing beside it too: what a source throws, even to ignore, counts as a failure.</summary>
[TestFixture]
public sealed class CaseSourceTests
{
    private const BindingFlags Any = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.FlattenHierarchy;

    [Test]
    public void EverySource_MakesItsCases_WithoutTestMaterial()
    {
        using var absent = Repository.WithoutShared();
        var failures = new List<string>();
        foreach (var (type, name, arguments) in Sources())
        {
            try
            {
                foreach (var _ in (IEnumerable)Value(type, name, arguments)!) { }
            }
            catch (Exception e)
            {
                failures.Add($"{type.Name}.{name}: {(e.InnerException ?? e).Message}");
            }
        }

        Assert.That(failures, Is.Empty, "use Repository.TryShared in sources of cases, and return none where it is null");
    }

    private static IEnumerable<(Type Type, string Name, object?[]? Arguments)> Sources()
    {
        foreach (var type in typeof(CaseSourceTests).Assembly.GetTypes())
        {
            foreach (var source in type.GetCustomAttributes<TestFixtureSourceAttribute>().Where(source => source.SourceName is not null))
                yield return (source.SourceType ?? type, source.SourceName!, null);
            foreach (var method in type.GetMethods(Any | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            {
                foreach (var source in method.GetCustomAttributes<TestCaseSourceAttribute>().Where(source => source.SourceName is not null))
                    yield return (source.SourceType ?? type, source.SourceName!, source.MethodParams);
                foreach (var source in method.GetParameters().SelectMany(p => p.GetCustomAttributes<ValueSourceAttribute>()))
                    yield return (source.SourceType ?? type, source.SourceName!, null);
            }
        }
    }

    private static object? Value(Type type, string name, object?[]? arguments) => type.GetMember(name, Any).Single() switch
    {
        MethodInfo method => method.Invoke(null, arguments ?? []),
        PropertyInfo property => property.GetValue(null),
        FieldInfo field => field.GetValue(null),
        var other => throw new InvalidOperationException($"'{other}' is no source of cases."),
    };
}
