using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Execution;

public sealed class OnnxRuntimeEngineTests
{
    [Test]
    public void Load_OfMissingFile_NamesIt() =>
        Assert.That(() => Graphs.Engine.Load("/nowhere/unet.onnx"),
            Throws.TypeOf<GraphException>().With.Message.EqualTo("Model '/nowhere/unet.onnx' does not exist; expected an ONNX file."));

    [Test]
    public void Load_OfNonsense_SaysSoInOneLine()
    {
        Assert.That(() => Graphs.Engine.Load([1, 2, 3, 4], "nonsense"),
            Throws.TypeOf<GraphException>().With.Message.StartsWith("Model 'nonsense' does not load: ").And.Message.Not.Contains("\n"));
        Assert.That(() => Graphs.Load("unknown"), Throws.TypeOf<GraphException>().With.Message.Contains("NoSuchOperator"));
    }

    [Test]
    public void Load_OfText_NamesTheInputAndItsType() =>
        Assert.That(() => Graphs.Load("text"),
            Throws.TypeOf<GraphException>()
                .With.Message.EqualTo("Input 'words' of model 'text.onnx' has elements of type String, which libtorch lacks."));

    [Test]
    public void Load_WithExternalData_FindsItBesideTheFileOrWhereToldTo()
    {
        var path = Graphs.Path("external.onnx");
        using var fromFile = Graphs.Engine.Load(path);
        using var fromBytes = Graphs.Engine.Load(File.ReadAllBytes(path), "external", Path.GetDirectoryName(path));
        Assert.That(LastOf(fromFile), Is.EqualTo(255));
        Assert.That(LastOf(fromBytes), Is.EqualTo(255));
    }

    [Test]
    public void Load_OfComposedModel_WorksInMemoryAndThroughAFolder([Values(long.MaxValue, 100)] long inMemoryLimit)
    {
        var folders = Directory.GetDirectories(Path.GetTempPath(), "diffeonn-*").ToHashSet();
        using var graph = Graphs.Engine.Load(OnnxModel.Load(Graphs.Path("external.onnx")), "composed", inMemoryLimit);

        Assert.That(graph.Name, Is.EqualTo("composed"));
        Assert.That(LastOf(graph), Is.EqualTo(255));
        Assert.That(Directory.GetDirectories(Path.GetTempPath(), "diffeonn-*").Where(folder => !folders.Contains(folder)), Is.Empty);
    }

    [Test]
    public void Engine_WithThreads_SetsBothPools()
    {
        var before = torch.get_num_threads();
        try
        {
            var engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = 1 });
            Assert.That(engine.Budget.Cores, Is.EqualTo(1));
            Assert.That(torch.get_num_threads(), Is.EqualTo(1));
        }
        finally
        {
            Runtime.Initialise(before);
        }
    }

    [Test]
    public void Budget_ByDefault_IsEveryCoreOfTheProcess()
    {
        Assert.That(new CoreBudget().Cores, Is.EqualTo(Environment.ProcessorCount));
        Assert.That(new CoreBudget(999).Cores, Is.EqualTo(Environment.ProcessorCount), "more would wait for each other");
        Assert.That(() => new CoreBudget(-1), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void ConfigureSession_ReachesEachGraphUnderItsName()
    {
        using var folder = new TemporaryFolder();
        List<string> names = [];
        var engine = new OnnxRuntimeEngine(new ExecutionOptions
        {
            Device = ExecutionDevice.Cpu,
            ConfigureSession = options =>
            {
                names.Add(options.LogId);
                options.ProfileOutputPathPrefix = Path.Combine(folder.Path, "profile");
                options.EnableProfiling = true;
            },
        });
        using (var graph = engine.Load(Graphs.Path("external.onnx"))) Assert.That(LastOf(graph), Is.EqualTo(255));
        Assert.That(names, Is.EqualTo(["external.onnx"]));
        Assert.That(Directory.GetFiles(folder.Path, "profile*.json"), Has.Length.EqualTo(1));
    }

    private static float LastOf(IGraph graph)
    {
        using var scope = torch.NewDisposeScope();
        return graph.Run(Graphs.Inputs(("x", torch.zeros(256))))["y"][255].item<float>();
    }
}
