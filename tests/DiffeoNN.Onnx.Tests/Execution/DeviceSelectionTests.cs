using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Tests.Execution;

[Platform("Linux")]
public sealed class DeviceSelectionTests
{
    private static readonly CudaProbe Complete = new()
    {
        Providers = () => ["CUDAExecutionProvider", "CPUExecutionProvider"],
        Find = name => $"/app/{name}",
        Needs = _ => ["libcublas.so.12", "libcudnn.so.9", "libonnxruntime_providers_shared.so", "libcuda.so.1", "libc.so.6"],
        CanLoad = _ => true,
        ProviderError = _ => null,
        TorchDevices = () => 2,
    };

    [Test]
    public void Cpu_IsTakenWithoutAsking()
    {
        var selection = DeviceSelection.Choose(
            Asked(ExecutionDevice.Cpu), Complete with { Providers = () => throw new AssertionException("asked") });
        Assert.That(selection, Is.EqualTo(new DeviceSelection(ExecutionDevice.Cpu, 0, "CPU.")));
    }

    [TestCase(ExecutionDevice.Auto)]
    [TestCase(ExecutionDevice.Cuda)]
    public void Cuda_WhereComplete_IsTaken(ExecutionDevice device)
    {
        var selection = DeviceSelection.Choose(Asked(device) with { DeviceIndex = 1 }, Complete);
        Assert.That(selection, Is.EqualTo(new DeviceSelection(ExecutionDevice.Cuda, 1, "CUDA device 1.") { TensorsOnGpu = true }));
    }

    [Test]
    public void Auto_WithoutCuda_TakesTheCpuAndSaysWhy()
    {
        var selection = DeviceSelection.Choose(Asked(ExecutionDevice.Auto), Complete with { CanLoad = name => name != "libcuda.so.1" });
        Assert.That(selection.Device, Is.EqualTo(ExecutionDevice.Cpu));
        Assert.That(selection.Reason, Is.EqualTo(
            "CPU, because CUDA does not work here: the NVIDIA driver is missing."));
    }

    [Test]
    public void Auto_WithoutDriverAndLibraries_TellsTheDriverFirst()
    {
        var probe = Complete with
        {
            CanLoad = name => !name.StartsWith("libcu", StringComparison.Ordinal),
            ProviderError = _ => "libcublas.so.12: cannot open",
        };
        Assert.That(DeviceSelection.Choose(Asked(ExecutionDevice.Auto), probe).Reason, Does.EndWith(": the NVIDIA driver is missing."));
    }

    [Test]
    public void Auto_WithoutLibraries_SaysSoInAFewWords()
    {
        var probe = Complete with { CanLoad = name => name == "libcuda.so.1", ProviderError = _ => "libcublas.so.12: cannot open" };
        Assert.That(
            DeviceSelection.Choose(Asked(ExecutionDevice.Auto), probe).Reason,
            Is.EqualTo("CPU, because CUDA does not work here: libraries of CUDA 13 or cuDNN 9 are missing."));
    }

    [Test]
    public void Cuda_WithoutGpuPackages_NamesTheBuildSwitch() =>
        Refused(Complete with { Providers = () => ["CPUExecutionProvider"] }, "ONNX Runtime offers only CPUExecutionProvider",
            "build for linux-x64 or win-x64 without -p:DiffeoNNGpu=false");

    [Test]
    public void Cuda_WithoutProviderLibrary_NamesFileAndPackage() =>
        Refused(Complete with { Find = _ => null }, "'libonnxruntime_providers_cuda.so' is not beside",
            "Microsoft.ML.OnnxRuntime.Gpu.Linux");

    [Test]
    public void Cuda_WithoutItsLibraries_ListsAllOfThem() => Refused(
        Complete with
        {
            CanLoad = name => !name.StartsWith("libcu", StringComparison.Ordinal),
            ProviderError = _ => "libcublas.so.12: cannot open",
        },
        "needs libcublas.so.12, libcudnn.so.9, which do not load", "'libcuda.so.1' does not load");

    [Test]
    public void Cuda_WithoutCuDnn_IsSeenBeforeAGraphNeedsIt() => Refused(
        Complete with { Needs = _ => ["libcudart.so.13"], CanLoad = name => name != "libcudnn.so.9" },
        "opens libcudnn.so.9, which does not load");

    [Test]
    public void Cuda_ThatOnnxRuntimeRefuses_GivesItsReason() =>
        Refused(Complete with { ProviderError = _ => "driver version is insufficient" },
            "ONNX Runtime refuses its CUDA provider: driver version is insufficient");

    [Test]
    public void Cuda_WithLibtorchForTheCpu_RunsGraphsThereAndKeepsTensorsHere()
    {
        var selection = DeviceSelection.Choose(Asked(ExecutionDevice.Cuda), Complete with { TorchDevices = () => null });
        Assert.Multiple(() =>
        {
            Assert.That((selection.Device, selection.TensorsOnGpu), Is.EqualTo((ExecutionDevice.Cuda, false)));
            Assert.That(selection.Torch.type, Is.EqualTo(TorchSharp.DeviceType.CPU));
            Assert.That(selection.Reason,
                Is.EqualTo("CUDA device 0 for graphs; tensors stay on the CPU, because libtorch was built without CUDA."));
        });
    }

    [Test]
    public void Cuda_ForLibtorchAlone_NamesTheVariable() => Assert.That(
        () => DeviceSelection.Choose(
            Asked(ExecutionDevice.Cuda) with { Engine = EngineKind.Torch }, Complete with { TorchDevices = () => null }),
        Throws.TypeOf<DeviceUnavailableException>().With.Message.Contains("libtorch was built without CUDA, set DIFFEONN_LIBTORCH"));

    [Test]
    public void Cuda_WithTooHighANumber_SaysHowManyThereAre()
    {
        var options = Asked(ExecutionDevice.Cuda) with { DeviceIndex = 2, Engine = EngineKind.Torch };
        Assert.That(() => DeviceSelection.Choose(options, Complete), Throws.TypeOf<DeviceUnavailableException>()
            .With.Message.Contains("libtorch sees 2 GPUs and number 2 (from 0) is asked for"));
    }

    [Test]
    public void Cuda_WithoutDriverAlone_DoesNotBlameOnnxRuntime()
    {
        var probe = Complete with { CanLoad = name => name != "libcuda.so.1", ProviderError = _ => "CUDA failure 35" };
        Assert.That(probe.Missing(0), Has.Count.EqualTo(1));
        Assert.That($"{probe.Missing(0)[0]}", Does.StartWith("the NVIDIA driver's 'libcuda.so.1' does not load, install the driver"));
    }

    [Test]
    public void Needs_AreReadFromTheLibraryItself() =>
        Assert.That(new CudaProbe().Needs(Path.Combine(AppContext.BaseDirectory, "libc10.so")), Does.Contain("libstdc++.so.6"));

    [Test]
    public void Probe_OfThisMachine_Answers()
    {
        var auto = DeviceSelection.Choose(Asked(ExecutionDevice.Auto));
        Assert.That(auto.Reason,
            Does.StartWith(auto.Device == ExecutionDevice.Cuda ? "CUDA device 0" : "CPU, because CUDA does not work here: "));
        if (auto.Device == ExecutionDevice.Cpu)
            Assert.That(() => DeviceSelection.Choose(Asked(ExecutionDevice.Cuda)),
                Throws.TypeOf<DeviceUnavailableException>().With.Message.StartsWith("Device 'cuda' is not available: "));
    }

    private static ExecutionOptions Asked(ExecutionDevice device) => new() { Device = device };

    private static void Refused(CudaProbe probe, params string[] parts)
    {
        var error = Assert.Throws<DeviceUnavailableException>(() => DeviceSelection.Choose(Asked(ExecutionDevice.Cuda), probe))!;
        Assert.That(error.Message, Does.EndWith("Ask for 'cpu' or 'auto' to run without it."));
        foreach (var part in parts) Assert.That(error.Message, Does.Contain(part));
    }
}
