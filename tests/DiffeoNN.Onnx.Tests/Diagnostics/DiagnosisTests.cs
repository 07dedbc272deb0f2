using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using DiffeoNN.Onnx.Tests.Bundles;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>What the diagnosis finds, planted one by one.</summary>
[TestFixture]
public sealed class DiagnosisTests
{
    private static readonly ExecutionOptions Cpu = new() { Device = ExecutionDevice.Cpu };

    private static IEnumerable<TestCaseData> Faults()
    {
        yield return Fault("fixed batch", FindingLevel.Warning, "fixed first dimension of 3", "dynamic_axes", (_, graph) =>
            graph.Inputs[0] = graph.Inputs[0] with { Shape = [3, 1, 8, 8] });
        yield return Fault("batch whose images meet", FindingLevel.Warning,
            "3 images at a time, and that images do not change each other's results is not proven: CumSum (node 'z') may let images see",
            "dynamic_axes", (_, graph) =>
            {
                graph.AddNode("CumSum", ["y", graph.AddInitializer(OnnxTensor.Create<long>("axis", [], [0]))], "z");
                graph.Inputs[0] = graph.Inputs[0] with { Shape = [3, 1, 8, 8] };
                graph.Outputs[0] = graph.Outputs[0] with { Name = "z", Shape = [3, 2, 8, 8] };
            });
        yield return Fault("freed batch", FindingLevel.Note, "fixed first dimension of 3, which a bundle frees", "", (_, graph) =>
        {
            graph.Inputs[0] = graph.Inputs[0] with { Shape = [3, 1, 8, 8] };
            graph.Outputs[0] = graph.Outputs[0] with { Shape = [3, 2, 8, 8] };
        });
        yield return Fault("bytes", FindingLevel.Note, "takes bytes", "", (_, graph) => graph.Put(
            OnnxElementType.UInt8, ["N", 1, 8, 8],
            (written, raw) => written.AddNode("Cast", [raw], "real", OnnxAttribute.Of("to", (long)OnnxElementType.Float))));
        yield return Fault("random", FindingLevel.Warning, "draws random numbers: RandomNormalLike (node 'noise')",
            "model.eval()", (_, graph) =>
            {
                graph.AddNode("RandomNormalLike", ["y"], "noise");
                graph.AddNode("Add", ["y", "noise"], "z");
                graph.Outputs[0] = graph.Outputs[0] with { Name = "z" };
            });
        yield return Fault("Bernoulli", FindingLevel.Problem, "Bernoulli (node 'z')", "model.eval()", (_, graph) =>
        {
            graph.AddNode("Bernoulli", ["y"], "z");
            graph.Outputs[0] = graph.Outputs[0] with { Name = "z" };
        });
        yield return Fault("training", FindingLevel.Problem, "normalises by the statistics of the batch", "model.eval()", (_, graph) =>
            graph.Nodes.First(node => node.OpType == "BatchNormalization").With(OnnxAttribute.Of("training_mode", 1L)));
        yield return Fault("untrained", FindingLevel.Warning, "mean 0 and variance 1 throughout", "running statistics", (_, graph) =>
        {
            graph.AddInitializer(OnnxTensor.Create<float>("mean", [2], [0, 0]));
            graph.AddInitializer(OnnxTensor.Create<float>("variance", [2], [1, 1]));
        });
        yield return Fault("NaN", FindingLevel.Problem, "weight 'scale' [2] holds 1 values that are not finite", "checkpoint", (_, graph) =>
            graph.AddInitializer(OnnxTensor.Create<float>("scale", [2], [1, float.NaN])));
        yield return Fault("zero", FindingLevel.Warning, "weight 'w' [2,1,3,3] is all zero", "loaded", (_, graph) =>
            graph.AddInitializer(OnnxTensor.Create<float>("w", [2, 1, 3, 3], new float[18])));
        yield return Fault("no rule", FindingLevel.Warning, "DynamicQuantizeLinear", "--engine torch", (_, graph) =>
        {
            graph.Nodes.Add(new OnnxNode("DynamicQuantizeLinear", ["y"], ["q", "step", "zero"]));
            graph.AddNode("DequantizeLinear", ["q", "step", "zero"], "z");
            graph.Outputs[0] = graph.Outputs[0] with { Name = "z" };
        });
        yield return Fault("Microsoft's", FindingLevel.Note,
            "1 nodes of the operator set com.microsoft 1, which is no standard one: gradients know all of them", "", (model, graph) =>
            {
                model.OpsetImports["com.microsoft"] = 1;
                graph.Nodes.Add(new OnnxNode("QuickGelu", ["y"], ["z"]) { Domain = "com.microsoft" });
                graph.Outputs[0] = graph.Outputs[0] with { Name = "z" };
            });
        yield return Fault("unknown Microsoft's", FindingLevel.Warning,
            "which is no standard one; without a gradient rule: Rfft", "GradientOptions.Operators", (model, graph) =>
            {
                model.OpsetImports["com.microsoft"] = 1;
                graph.Nodes.Add(new OnnxNode("Rfft", ["y"], ["z"]) { Domain = "com.microsoft" });
                graph.Outputs[0] = graph.Outputs[0] with { Name = "z" };
            });
        yield return Fault("old opset", FindingLevel.Note, "operator set 13", "", (model, _) => model.OpsetImports[""] = 13);
        yield return Fault("newer opset", FindingLevel.Warning, "operator set 99 is newer", "opset_version=26",
            (model, _) => model.OpsetImports[""] = 99);
        yield return Fault("own normalisation", FindingLevel.Note, "normalises its input 'x' itself: Sub 0.485, Div 0.229",
            "normalised twice", (_, graph) =>
            {
                graph.AddInitializer(OnnxTensor.Create<float>("m", [1], [0.485f]));
                graph.AddInitializer(OnnxTensor.Create<float>("s", [1], [0.229f]));
                graph.Nodes[0].Inputs[0] = "normal";
                graph.AddNode("Sub", ["x", "m"], "centred");
                graph.AddNode("Div", ["centred", "s"], "normal");
            });
        yield return Fault("unread", FindingLevel.Warning, "input 'size' int64 [1] is not read", "constant", (_, graph) =>
            graph.Inputs.Add(new OnnxValueInfo("size", OnnxElementType.Int64, [1])));

        static TestCaseData Fault(string name, FindingLevel level, string text, string advice, Action<OnnxModel, OnnxGraph> plant) =>
            new TestCaseData(level, text, advice, plant).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Faults))]
    public void Model_WithAFault_IsToldWhatAndWhatToDo(FindingLevel level, string text, string advice, object plant)
    {
        using var folder = new TemporaryFolder();
        var model = Healthy();
        ((Action<OnnxModel, OnnxGraph>)plant)(model, model.Graph);
        model.Save(folder["model.onnx"]);
        var findings = ModelDiagnosis.Run(folder["model.onnx"], Cpu);
        Assert.That(findings.Where(finding => finding.Level == level && finding.Text.Contains(text, StringComparison.Ordinal)
            && finding.Advice.Contains(advice, StringComparison.Ordinal)), Is.Not.Empty, string.Join(Environment.NewLine, findings));
    }

    [Test]
    public void Model_WithoutFault_HasNeitherProblemNorWarning()
    {
        using var folder = new TemporaryFolder();
        Healthy().Save(folder["model.onnx"]);
        Assert.That(ModelDiagnosis.Run(folder["model.onnx"], Cpu).Where(finding => finding.Level >= FindingLevel.Warning), Is.Empty);
    }

    [Test]
    public void Model_WithoutItsDataFile_IsToldToCopyItAlong()
    {
        using var folder = new TemporaryFolder();
        Healthy().SaveWithExternalData(folder["model.onnx"], 1);
        File.Delete(Directory.GetFiles(folder.Path).Single(file => !file.EndsWith("model.onnx", StringComparison.Ordinal)));
        var finding = ModelDiagnosis.Run(folder["model.onnx"], Cpu).Single();
        Assert.That(finding.Level, Is.EqualTo(FindingLevel.Problem));
        Assert.That(finding.Advice, Does.Contain("together with the data files"));
    }

    [TestCase("shapes")]
    [TestCase("lungs")]
    [TestCase("genus")]
    public void Bundle_OfThisRepository_HasNoProblem(string name)
    {
        var findings = ModelDiagnosis.Run(Repository.Bundle(name), Cpu);
        Assert.That(findings.Where(finding => finding.Level >= FindingLevel.Warning), Is.Empty);
        Assert.That(findings.Count(finding => finding.Text.Contains("its gradient compiles", StringComparison.Ordinal)),
            Is.GreaterThanOrEqualTo(3));
    }

    [Test]
    public void Finding_ThatIsNoGood_SaysWhatToDo()
    {
        var missing = new CudaProbe { CanLoad = _ => false };
        foreach (var device in new[] { ExecutionDevice.Auto, ExecutionDevice.Cuda })
        {
            var findings = MachineDiagnosis.Run(new ExecutionOptions { Device = device, Threads = 1000 }, missing);
            Assert.That(findings.Where(finding => finding.Level >= FindingLevel.Warning && finding.Advice.Length == 0), Is.Empty);
            Assert.That(findings.Where(finding => finding.Level == FindingLevel.Warning && finding.Subject == "cores"), Is.Not.Empty,
                "1000 threads");
            Assert.That(findings.Any(finding => finding.Level == FindingLevel.Problem), Is.EqualTo(device == ExecutionDevice.Cuda));
            Assert.That(
                findings.Where(finding => finding.Text.Contains("libcuda", StringComparison.Ordinal)).Select(finding => finding.Advice),
                Has.Some.StartWith("install the driver (in a container"));
        }
    }

    [Test]
    public void CudaLibraries_ThatLoadAreToldOneByOne_ThoseMissingTogether()
    {
        var probe = new CudaProbe
        {
            Find = name => $"/there/{name}",
            Needs = _ => ["libcublas.so.13", "libcuda.so.1", "libcudart.so.13", "libc.so.6"],
            CanLoad = name => name == "libcudart.so.13",
            Where = name => $"/cuda/{name}.48",
        };
        var found = CudaLibraries.Look(probe, FindingLevel.Problem).ToDictionary(finding => finding.Subject);
        Assert.That(found.Keys, Is.EqualTo(new[] { "libcudart.so.13", "CUDA libraries" }));
        Assert.That(found["libcudart.so.13"], Is.EqualTo(new Finding(FindingLevel.Good, "libcudart.so.13", "/cuda/libcudart.so.13.48")));
        Assert.That(
            (found["CUDA libraries"].Level, found["CUDA libraries"].Text),
            Is.EqualTo((FindingLevel.Problem, "do not load: libcublas.so.13, libcudnn.so.9")));
        Assert.That(found["CUDA libraries"].Advice, Does.Contain("cuDNN 9"));
        Assert.That(CudaLibraries.Look(probe with { Find = _ => null }, FindingLevel.Problem), Is.Empty, "a build without GPU packages");
    }

    [Test]
    public void MissingCudaLibraries_AreToldOnce()
    {
        var probe = new CudaProbe
        {
            Find = name => name == CudaProbe.Provider ? $"/there/{name}" : null,
            Needs = _ => ["libcublas.so.13", "libcuda.so.1", "libcudart.so.13", "libc.so.6"],
            CanLoad = name => name == "libc.so.6",
            Providers = () => ["CUDAExecutionProvider"],
            ProviderError = _ => "libcublas.so.13: cannot open shared object file",
        };
        var cuda = new ExecutionOptions { Device = ExecutionDevice.Cuda };
        var findings = MachineDiagnosis.Run(cuda, probe);
        var naming = findings.Where(finding => finding.Text.Contains("libcublas.so.13", StringComparison.Ordinal)).ToList();
        Assert.That(naming, Has.Count.EqualTo(1), string.Join("\n", findings));
        Assert.That(naming[0].Subject, Is.EqualTo("CUDA libraries"));
        Assert.That(
            findings.Count(finding => finding.Text.Contains("libcuda.so.1' does not load", StringComparison.Ordinal)), Is.EqualTo(1));

        var unknown = MachineDiagnosis.Run(cuda, probe with { Needs = _ => ["libodd.so.1"], CanLoad = name => name == "libcudnn.so.9" });
        Assert.That(unknown.Where(finding => finding.Text.Contains("libodd.so.1", StringComparison.Ordinal))
                .Select(finding => finding.Subject),
            Is.EqualTo(new[] { "CUDA" }), "what is none of CUDA's own libraries");
    }

    [TestCase("libcudart.so.12", "libcudart.so.12", FindingLevel.Good)]
    [TestCase("libcudart.so.12", "libcudart.so.13", FindingLevel.Problem)]
    [TestCase("libcudnn.so.9", "libcudart.so.12", FindingLevel.Note)]
    public void CudaMajors_OfBothEngines_AreCompared(string runtime, string torch, FindingLevel level)
    {
        var probe = new CudaProbe
        {
            Find = name => $"/there/{name}",
            Needs = path => path.Contains("providers_cuda", StringComparison.Ordinal) ? [runtime, "libc.so.6"] : [torch, "libm.so.6"],
        };
        Assert.That(CudaMajors.Compare(probe).Level, Is.EqualTo(level));
    }

    [Test]
    public void SelfTest_OnTheCpu_FindsBothEnginesAgree()
    {
        var findings = SelfTest.Run(Cpu with { Threads = 1 }, TimeSpan.FromMilliseconds(50));
        Assert.That(findings.Where(finding => finding.Level != FindingLevel.Good), Is.Empty);
        Assert.That(findings, Has.Count.EqualTo(5));
    }

    /// <summary>A convolution, a normalisation with statistics of its own, an activation.</summary>
    private static OnnxModel Healthy()
    {
        var model = new OnnxModel { ProducerName = "test" };
        model.OpsetImports[""] = 17;
        var graph = model.Graph;
        graph.Inputs.Add(new OnnxValueInfo("x", OnnxElementType.Float, ["N", 1, 8, 8]));
        graph.AddInitializer(OnnxTensor.Create<float>("w", [2, 1, 3, 3], [.. Enumerable.Range(1, 18).Select(i => 0.1f * i)]));
        foreach (var (name, a, b) in new[] { ("scale", 1f, 2f), ("bias", 0.5f, 0f), ("mean", 0.3f, -0.1f), ("variance", 0.9f, 1.3f) })
            graph.AddInitializer(OnnxTensor.Create<float>(name, [2], [a, b]));
        graph.AddNode("Conv", ["x", "w"], "h", OnnxAttribute.Of("pads", [1L, 1L, 1L, 1L]));
        graph.AddNode("BatchNormalization", ["h", "scale", "bias", "mean", "variance"], "n");
        graph.AddNode("Tanh", ["n"], "y");
        graph.Outputs.Add(new OnnxValueInfo("y", OnnxElementType.Float, ["N", 2, 8, 8]));
        return model;
    }
}
