using System.Reflection;
using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>What libtorch throws ends as an exception, never the process: TorchSharp does not catch it in every call.</summary>
[TestFixture]
public sealed class TensorDerivativesTests
{
    /// <summary>Native functions of TorchSharp 0.107 that call libtorch without handlers, by their exception tables.</summary>
    private static readonly string[] Uncaught = ["THSAutograd_grad", "THSTensor_matmul", "THSTensor_cummax", "THSTensor_cummin"];

    /// <summary>These multiply matrices of the library's own making, whose shapes no model decides on.</summary>
    private static readonly string[] Trusted = ["LatticeUpsampling", "Siren"];

    [Test]
    public void Of_IsTheDerivative_AndLeavesNoTrace()
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.tensor(new[] { 1.0, 2, 3 }).requires_grad_();
        var unused = torch.ones(2, torch.float64).requires_grad_();
        var h = x.mul(x);
        var y = h.sin();
        x.grad = torch.ones(3, torch.float64);

        var found = TensorDerivatives.Of([y], [x, unused, h], [torch.tensor(new[] { 1.0, 10, 100 })]);

        double[] slopes = [Math.Cos(1), 10 * Math.Cos(4), 100 * Math.Cos(9)];
        Assert.That(found[0]!.data<double>().ToArray(), Is.EqualTo(slopes.Select((slope, i) => 2 * (i + 1) * slope)).Within(1e-12));
        Assert.That(found[1], Is.Null);
        Assert.That(found[2]!.data<double>().ToArray(), Is.EqualTo(slopes).Within(1e-12));
        Assert.That(x.grad, Is.Null);
    }

    [Test]
    public void Of_AnUpstreamGradientOfAnotherShape_Throws()
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.ones([1, 1, 4, 4]).requires_grad_();
        Assert.That(() => TensorDerivatives.Of([x.mul(x)], [x], [torch.ones([1, 1, 3, 3])]),
            Throws.TypeOf<GraphException>()
                .With.Message.EqualTo("An output is [1,1,4,4] and its upstream gradient [1,1,3,3]; expected one shape."));
    }

    [Test]
    public void Of_WhatLibtorchRefuses_Throws()
    {
        using var scope = torch.NewDisposeScope();
        var x = torch.ones(3).requires_grad_();
        var y = x.exp();
        _ = TensorDerivatives.Of(y, x, torch.ones(3));
        // What was recorded is freed by now.
        Assert.That(() => TensorDerivatives.Of(y, x, torch.ones(3)), Throws.TypeOf<GraphException>()
            .With.InnerException.TypeOf<ExternalException>().And.Message.StartsWith("libtorch cannot differentiate: "));
        Assert.That(() => TensorDerivatives.Of([torch.ones(3)], [x], [torch.ones(3)]), Throws.TypeOf<GraphException>());
    }

    private static IEnumerable<TestCaseData> Products()
    {
        yield return new(new long[] { 3, 4 }, new long[] { 4, 5 });
        yield return new(new long[] { 4 }, new long[] { 4 });
        yield return new(new long[] { 4 }, new long[] { 4, 5 });
        yield return new(new long[] { 3, 4 }, new long[] { 4 });
        yield return new(new long[] { 4 }, new long[] { 2, 4, 5 });
        yield return new(new long[] { 2, 3, 4 }, new long[] { 4 });
        yield return new(new long[] { 2, 3, 4 }, new long[] { 4, 5 });
        yield return new(new long[] { 3, 4 }, new long[] { 2, 4, 5 });
        yield return new(new long[] { 2, 1, 3, 4 }, new long[] { 6, 4, 5 });
        yield return new(new long[] { 2, 3, 0 }, new long[] { 0, 5 });
        yield return new(new long[] { 0, 3, 4 }, new long[] { 4, 5 });
        yield return new(new long[] { 0, 3, 4 }, new long[] { 1, 4, 5 });
    }

    [TestCaseSource(nameof(Products))]
    public void MatrixProduct_IsThatOfLibtorch(long[] left, long[] right)
    {
        using var scope = torch.NewDisposeScope();
        var (a, b) = (torch.randn(left, torch.float64), torch.randn(right, torch.float64));
        var (expected, found) = (a.matmul(b), a.MatrixProduct(b));
        Assert.That(found.shape, Is.EqualTo(expected.shape));
        if (expected.NumberOfElements > 0)
            Assert.That(found.data<double>().ToArray(), Is.EqualTo(expected.data<double>().ToArray()).Within(1e-12));
        Assert.That(a.to(torch.int32).MatrixProduct(b.to(torch.int32)).dtype, Is.EqualTo(torch.int32));
    }

    [TestCase(new long[] { 2, 3 }, new long[] { 2, 3 })]
    [TestCase(new long[] { 2, 2, 3 }, new long[] { 3, 3, 4 })]
    [TestCase(new long[] { 3 }, new long[] { 4 })]
    [TestCase(new long[] { }, new long[] { 4 })]
    public void MatrixProduct_OfShapesThatDoNotFit_Throws(long[] left, long[] right)
    {
        using var scope = torch.NewDisposeScope();
        Assert.That(
            () => torch.ones(left).MatrixProduct(torch.ones(right)), Throws.ArgumentException.With.Message.Contains("have no product"));
        Assert.That(
            () => torch.ones([2, 3], torch.float32).MatrixProduct(torch.ones([3, 2], torch.int64)), Throws.TypeOf<ExternalException>());
    }

    [Test]
    public void Library_CallsNothingThatLetsExceptionsPass()
    {
        var calls = Methods(typeof(torch).Assembly).ToDictionary(method => method, method => IlCalls.Of(method).ToHashSet());
        var unsafeOnes = calls.Keys.Where(method => Uncaught.Contains(method.Name)).ToHashSet();
        Assert.That(unsafeOnes.Select(method => method.Name), Is.EquivalentTo(Uncaught), "the search finds what it is made for");
        for (var before = 0; before != unsafeOnes.Count;)
        {
            before = unsafeOnes.Count;
            unsafeOnes.UnionWith(calls.Where(pair => pair.Value.Overlaps(unsafeOnes)).Select(pair => pair.Key));
        }

        string[] found =
        [
            .. Methods(typeof(OnnxRuntimeEngine).Assembly).Where(method => !Trusted.Contains(method.DeclaringType?.Name))
                .SelectMany(method => IlCalls.Of(method).Where(unsafeOnes.Contains)
                    .Select(call => $"{method.DeclaringType?.FullName}.{method.Name} calls {call.DeclaringType?.Name}.{call.Name}")),
        ];
        Assert.That(found, Is.Empty, "use TensorDerivatives and MatrixProduct instead");
    }

    private static IEnumerable<MethodBase> Methods(Assembly assembly)
    {
        const BindingFlags all =
            BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        return assembly.GetTypes().SelectMany(type => type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all)));
    }
}
