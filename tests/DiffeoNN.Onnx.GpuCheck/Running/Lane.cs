using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Native;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.GpuCheck.Running;

/// <summary>A graph in a session of its own, whose inputs are bound once and stay where the graph reads them. For one thread.</summary>
/// <remarks>ONNX Runtime carries a value of the CPU's memory to the device when it is bound, so runs after that find their inputs
/// there.</remarks>
internal sealed class Lane : IDisposable
{
    private readonly OrtIoBinding _binding;
    private readonly Dictionary<string, OrtValue> _owned = [];
    private readonly RunOptions _run = new() { LogSeverityLevel = OrtEnvironment.LogLevel };
    private readonly Target _target;

    /// <param name="name">What messages call it.</param>
    /// <param name="model">The graph; not needed afterwards.</param>
    /// <param name="target">Where it runs.</param>
    /// <param name="configure">Last word on the session's options; null for none.</param>
    /// <param name="tf32">See <see cref="Target.Options"/>.</param>
    /// <exception cref="OnnxRuntimeException">ONNX Runtime does not load it.</exception>
    public Lane(string name, OnnxModel model, Target target, Action<SessionOptions>? configure = null, bool tf32 = false)
    {
        _target = target;
        using var options = target.Options(name, tf32);
        configure?.Invoke(options);
        Session = new InferenceSession(model.ToBytes(), options);
        _binding = Session.CreateIoBinding();
    }

    /// <summary>The session.</summary>
    public InferenceSession Session { get; }

    /// <summary>A lane with its inputs bound and its outputs left on the device.</summary>
    public static Lane Ready(string name, OnnxModel model, Target target, IEnumerable<OnnxTensor> inputs,
        Action<SessionOptions>? configure = null, bool tf32 = false)
    {
        var lane = new Lane(name, model, target, configure, tf32);
        try
        {
            foreach (var input in inputs) lane.Bind(input);
            lane.KeepOutputs();
            return lane;
        }
        catch
        {
            lane.Dispose();
            throw;
        }
    }

    /// <summary>Outputs of a graph, in the CPU's memory.</summary>
    public static Dictionary<string, OnnxTensor> Once(string name, OnnxModel model, Target target, IEnumerable<OnnxTensor> inputs)
    {
        using var lane = Ready(name, model, target, inputs);
        return lane.RunAndRead();
    }

    /// <summary>Does not let a run wait for the device at its end.</summary>
    public void DoNotWait() => _run.AddRunConfigEntry("disable_synchronize_execution_providers", "1");

    /// <summary>Binds a copy of a tensor.</summary>
    public void Bind(OnnxTensor tensor)
    {
        if (_owned.Remove(tensor.Name, out var old)) old.Dispose();
        var value = _owned[tensor.Name] = Drawn.ToValue(tensor);
        _binding.BindInput(tensor.Name, value);
    }

    /// <summary>Binds a value, which stays the caller's.</summary>
    public void Bind(string input, OrtValue value) => _binding.BindInput(input, value);

    /// <summary>Leaves all outputs on the device.</summary>
    public void KeepOutputs()
    {
        foreach (var output in Session.OutputNames) _binding.BindOutputToDevice(output, _target.Memory);
    }

    /// <summary>Runs, and hands over the single output where it lies on the device; later runs write into the same memory.</summary>
    /// <returns>The caller disposes it before the lane.</returns>
    public OrtValue RunInto()
    {
        KeepOutputs();
        Run();
        var output = _binding.GetOutputValues().Single();
        _binding.BindOutput(Session.OutputNames.Single(), output);
        return output;
    }

    /// <summary>Runs, and waits for the device.</summary>
    public void Run()
    {
        RunOnly();
        _binding.SynchronizeBoundOutputs();
    }

    /// <summary>Runs; whether the device is done at the end is up to ONNX Runtime (see <see cref="DoNotWait"/>).</summary>
    public void RunOnly() => Session.RunWithBinding(_run, _binding);

    /// <summary>Runs and brings all outputs to the CPU's memory.</summary>
    public Dictionary<string, OnnxTensor> RunAndRead()
    {
        foreach (var output in Session.OutputNames) _binding.BindOutputToDevice(output, OrtMemoryInfo.DefaultInstance);
        Run();
        using var values = _binding.GetOutputValues();
        var result = Session.OutputNames.Select((name, i) => Drawn.FromValue(name, values[i]))
            .ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        KeepOutputs();
        return result;
    }

    public void Dispose()
    {
        _binding.Dispose();
        foreach (var value in _owned.Values) value.Dispose();
        _run.Dispose();
        Session.Dispose();
    }
}
