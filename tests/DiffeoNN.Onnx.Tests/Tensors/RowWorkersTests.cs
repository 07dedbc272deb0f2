using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Tensors;
using DiffeoNN.Onnx.Tests.Execution;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Tensors;

public sealed class RowWorkersTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(7)]
    public void Each_GivesEveryPartItsOwnResult_UnderTheCallersGradientMode(int rows)
    {
        using var scope = torch.NewDisposeScope();
        using var workers = new RowWorkers(torch.CPU, rows);
        var parts = workers.Parts(rows);
        Assert.That(parts, Is.EqualTo(Enumerable.Range(0, rows).Select(row => (row, 1))));
        foreach (var mode in new[] { true, false })
        {
            using var gradients = torch.set_grad_enabled(mode);
            var found = workers.Each(rows, part =>
            {
                var leaf = torch.full([2], part, dtype: torch.float32).requires_grad_();
                return [leaf, leaf.add(leaf)];
            });
            for (var part = 0; part < rows; part++)
            {
                Assert.That(found[part][1].data<float>().ToArray(), Is.EqualTo(new[] { 2f * part, 2f * part }));
                Assert.That(found[part][1].requires_grad, Is.EqualTo(mode));
            }
        }
    }

    [Test]
    public void Each_LeavesNothingBehind_AndKeepsTheCallersThreads()
    {
        var cores = torch.get_num_threads();
        var before = LiveTensors.Settled();
        using (torch.NewDisposeScope())
        using (var workers = new RowWorkers(torch.CPU, 4))
        {
            _ = workers.Each(4, part => [torch.ones(3).mul(torch.tensor(part))]);
            Assert.That(() => workers.Each(4, part => part == 2 ? throw new InvalidOperationException("row 2") : [torch.ones(3)]),
                Throws.InvalidOperationException.With.Message.EqualTo("row 2"));
        }

        Assert.That(torch.get_num_threads(), Is.EqualTo(cores));
        var elsewhere = 0;
        var thread = new Thread(() => elsewhere = torch.get_num_threads());
        thread.Start();
        thread.Join();
        Assert.That(elsewhere, Is.EqualTo(cores), "a thread that comes later");
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    [Test]
    public void Parts_OnAGpu_AreOne()
    {
        using var workers = new RowWorkers(new torch.Device(DeviceType.CUDA, 0), 5);
        Assert.That(workers.Parts(5), Is.EqualTo(new[] { (0, 5) }));
    }
}
