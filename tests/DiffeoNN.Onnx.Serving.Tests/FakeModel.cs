using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A model that gives its label, when it is let.</summary>
internal sealed class FakeModel(string label) : IServedModel
{
    /// <summary>Requests end when this does.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>What a request ends with; null for an answer.</summary>
    public Exception? Fault { get; set; }

    /// <summary>What the warm-up does.</summary>
    public Func<Task> WarmUp { get; set; } = () => Task.CompletedTask;

    /// <summary>What trying it does.</summary>
    public Func<CancellationToken, Task> Check { get; set; } = _ => Task.CompletedTask;

    /// <summary>Whether it was disposed.</summary>
    public bool IsDisposed { get; private set; }

    /// <summary>Requests that have begun.</summary>
    public int Begun { get; private set; }

    public ModelMetadata Metadata { get; } = new(
        "fake", [new TensorMetadata("x", DataType.Fp32, [-1, 2])], [new TensorMetadata("label", DataType.Bytes, [1])]);

    public async ValueTask WarmUpAsync(CancellationToken cancellationToken = default) => await WarmUp();

    public async ValueTask CheckAsync(CancellationToken cancellationToken = default) => await Check(cancellationToken);

    public async ValueTask<InferenceResponse> InferAsync(InferenceRequest request, CancellationToken cancellationToken = default)
    {
        Begun++;
        await Gate.WaitAsync(cancellationToken);
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (Fault is not null) throw Fault;
        return new InferenceResponse { Outputs = [InferenceTensor.OfTexts("label", [1], [label])], Images = 3 };
    }

    public ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }

    /// <summary>The label of an answer.</summary>
    public static string LabelOf(InferenceResponse response) =>
        System.Text.Encoding.UTF8.GetString(response.Outputs[0].Strings[0].Span);
}
