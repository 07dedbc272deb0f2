using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Tests.Architecture;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The folders' floors: the protocol knows no models, batches no requests, models know no transport, and transports do not know
/// each other.</summary>
public sealed class FloorTests
{
    private static readonly string[][] Floors = [["Protocol"], ["Options"], ["Scheduling"], ["Repository"], ["Http", "Rpc"], ["Server"]];

    private static readonly FolderGraph Graph =
        FolderGraph.Of(typeof(InferenceRequest).Assembly.Location, "DiffeoNN.Onnx.Serving");

    [Test]
    public void Arrows_PointDown()
    {
        Assert.That(Graph.Folders, Is.EquivalentTo(Floors.SelectMany(floor => floor)));
        Assert.That(Graph.Arrows.Keys, Is.EquivalentTo(new[]
        {
            ("Options", "Protocol"), ("Scheduling", "Protocol"), ("Scheduling", "Options"),
            ("Repository", "Protocol"), ("Repository", "Options"), ("Repository", "Scheduling"),
            ("Http", "Protocol"), ("Http", "Options"), ("Http", "Repository"),
            ("Server", "Protocol"), ("Server", "Options"), ("Server", "Repository"), ("Server", "Http"),
            ("Server", "Rpc"), ("Rpc", "Protocol"), ("Rpc", "Options"), ("Rpc", "Repository"),
        }));
    }

    [Test]
    public void TheLibrary_DoesNotNeedTheServer() => Assert.That(
        typeof(Inference.EquivariantModel).Assembly.GetReferencedAssemblies().Select(assembly => assembly.Name),
        Has.None.StartsWith("DiffeoNN.Onnx.Serving").And.None.StartsWith("Microsoft.AspNetCore").And.None.StartsWith("Grpc"));
}
