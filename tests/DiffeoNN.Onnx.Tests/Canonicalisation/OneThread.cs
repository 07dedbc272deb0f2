using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>Toy images gain nothing from several threads, which spin against each other where the machine has other work.</summary>
[SetUpFixture]
public sealed class OneThread
{
    private int _threads;

    [OneTimeSetUp]
    public void UseOneThread()
    {
        _threads = torch.get_num_threads();
        torch.set_num_threads(1);
    }

    [OneTimeTearDown]
    public void Restore() => torch.set_num_threads(_threads);
}
