using DiffeoNN.Onnx.Execution;
using TorchSharp;
using static TorchSharp.torch;

namespace DiffeoNN.Onnx.Torch.Operators;

/// <summary>If, Loop and Scan: conditions and counts are read to the CPU, bodies run node by node.</summary>
internal static class ControlFlowOperators
{
    public static IReadOnlyList<TorchOperator> All { get; } =
    [
        new("If", 16, n => n.Run(n.Numbers(0)[0] != 0 ? "then_branch" : "else_branch")),
        new("Loop", 16, Loop),
        new("Scan", 16, Scan),
    ];

    private static IReadOnlyList<Tensor?> Loop(TorchNode n)
    {
        var most = n.Has(0) ? n.Integers(0)[0] : long.MaxValue;
        var goesOn = !n.Has(1) || n.Numbers(1)[0] != 0;
        Tensor[] state = [.. Enumerable.Range(2, n.Count - 2).Select(n.Input)];
        var scans = new List<List<Tensor>>();
        for (long i = 0; i < most && goesOn; i++)
        {
            var outputs = n.Run("body", [tensor(i), tensor(goesOn), .. state]);
            goesOn = outputs[0].to(ScalarType.Bool).cpu().item<bool>();
            state = [.. outputs.Skip(1).Take(state.Length)];
            Collect(scans, outputs.Skip(1 + state.Length));
        }

        return [.. state, .. Stack(n, scans, 1 + state.Length, _ => 0, _ => false)];
    }

    private static IReadOnlyList<Tensor?> Scan(TorchNode n)
    {
        var count = (int)n.Int("num_scan_inputs", 1);
        var first = n.Count - count;
        Tensor[] state = [.. Enumerable.Range(0, first).Select(n.Input)];
        Tensor[] read = [.. Enumerable.Range(first, count).Select(n.Input)];
        var (axes, directions) = (n.Ints("scan_input_axes"), n.Ints("scan_input_directions"));
        int[] along = [.. read.Select((input, i) => n.Axis(axes?[i] ?? 0, input.dim()))];
        var length = read.Length > 0 ? read[0].shape[along[0]] : 0;
        var scans = new List<List<Tensor>>();
        for (long i = 0; i < length; i++)
        {
            var step = i;
            var outputs = n.Run(
                "body", [.. state, .. read.Select((input, k) => input.select(along[k], directions?[k] == 1 ? length - 1 - step : step))]);
            state = [.. outputs.Take(first)];
            Collect(scans, outputs.Skip(first));
        }

        var (outputAxes, outputDirections) = (n.Ints("scan_output_axes"), n.Ints("scan_output_directions"));
        return [.. state, .. Stack(n, scans, first, k => outputAxes?[k] ?? 0, k => outputDirections?[k] == 1)];
    }

    private static void Collect(List<List<Tensor>> scans, IEnumerable<Tensor> outputs)
    {
        foreach (var (k, output) in outputs.Index())
        {
            if (scans.Count <= k) scans.Add([]);
            scans[k].Add(output);
        }
    }

    /// <summary>What each iteration made, along a new axis; a loop without iterations gives outputs of no rows,
    /// whose other sizes the body declares.</summary>
    private static IEnumerable<Tensor> Stack(
        TorchNode n, List<List<Tensor>> scans, int first, Func<int, long> axis, Func<int, bool> isReversed)
    {
        var declared = n.Node.Attributes["body"].Graph.Outputs.Skip(first).ToList();
        for (var k = 0; k < declared.Count; k++)
        {
            if (k >= scans.Count)
            {
                var type = TorchTensors.TypeOf(declared[k].ElementType)
                    ?? throw n.Refuse($"makes no rows for output {k}, whose type is not known");
                long[] shape = [0, .. declared[k].Shape?.Select(size => size.Size ?? 0) ?? []];
                yield return empty(shape, dtype: type, device: n.Device);
                continue;
            }

            var rows = isReversed(k) ? Enumerable.Reverse(scans[k]).ToList() : scans[k];
            yield return stack(rows, axis(k) < 0 ? axis(k) + rows[0].dim() + 1 : axis(k));
        }
    }
}
