using System.Reflection;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using DiffeoNN.Onnx.Tests.Execution;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Tensors;

/// <summary>Numbers handed to libtorch live until the call is over, and the library has no other way of handing them.</summary>
[TestFixture]
public sealed class TensorArithmeticTests
{
    [Test]
    public void Arithmetic_UnderConstantCollections_IsRight()
    {
        using var scope = torch.NewDisposeScope();
        var ones = torch.ones(256, 256);
        var stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop))
            {
                GC.Collect(0, GCCollectionMode.Forced, blocking: true);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            for (var i = 0; i < 3000; i++)
            {
                using var step = torch.NewDisposeScope();
                var sum = ones.Plus(ones).Times(0.5).Plus(3).AddInPlace(ones, -1).MultiplyInPlace(2);
                Assert.That(sum[7, 9].item<float>(), Is.EqualTo(6));
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            collector.Join();
        }
    }

    [Test]
    public void Library_HandsNumbersToLibtorchHereOnly()
    {
        // Members of TorchSharp that make a Scalar, themselves or through others, and leave it to its finaliser.
        var calls = Methods(typeof(torch).Assembly).ToDictionary(method => method, method => IlCalls.Of(method).ToHashSet());
        var makers = calls.Where(pair => pair.Key.DeclaringType != typeof(Scalar) && pair.Value.Any(MakesScalar))
            .Select(pair => pair.Key).ToHashSet();
        for (var before = 0; before != makers.Count;)
        {
            before = makers.Count;
            makers.UnionWith(calls.Where(pair => pair.Value.Overlaps(makers)).Select(pair => pair.Key));
        }

        Assert.That(makers.Select(method => method.Name), Has.Some.EqualTo("op_Addition"), "the search finds what it is made for");

        string[] found =
        [
            .. Methods(typeof(OnnxRuntimeEngine).Assembly)
                .Where(method => method.DeclaringType != typeof(TensorArithmetic))
                .SelectMany(method => IlCalls.Of(method)
                    .Where(call => makers.Contains(call) || MakesScalar(call))
                    .Select(call => $"{method.DeclaringType?.Name}.{method.Name} calls {call.DeclaringType?.Name}.{call.Name}")),
        ];
        Assert.That(found, Is.Empty, "use TensorArithmetic instead");
    }

    private static bool MakesScalar(MethodBase method) =>
        (method.DeclaringType == typeof(Scalar) && method.Name is "op_Implicit" or ".ctor")
        || (method.DeclaringType == typeof(ScalarExtensionMethods) && (method as MethodInfo)?.ReturnType == typeof(Scalar));

    private static IEnumerable<MethodBase> Methods(Assembly assembly)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static
            | BindingFlags.DeclaredOnly;
        return assembly.GetTypes().SelectMany(type => type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all)));
    }
}
