using static DiffeoNN.Onnx.Gradients.Tests.Rules.Operand;

namespace DiffeoNN.Onnx.Gradients.Tests.Rules;

/// <content>Fourier transforms.</content>
internal static partial class RuleCases
{
    private static IEnumerable<RuleCase> Spectra()
    {
        Operand Number(long value) => Fix(OnnxTensor.Scalar("", value));
        foreach (var inverse in new[] { I("inverse", 0), I("inverse", 1) })
        {
            foreach (var parts in new[] { 1, 2 })
            {
                yield return new("DFT", [17, 19, 20, 26], [Any(2, 5, parts)], inverse);
                yield return new("DFT", [17], [Any(2, 3, 4, parts)], inverse);
                yield return new("DFT", [17], [Any(2, 3, 4, parts)], inverse, I("axis", -2));
                yield return new("DFT", [20], [Any(2, 3, 4, parts)], inverse);
                yield return new("DFT", [20], [Any(3, 2, parts), Absent, Number(0)], inverse);
                yield return new("DFT", [20], [Any(2, 3, 4, parts), Absent, Number(-3)], inverse);
                // Cut to a length, or padded to it.
                foreach (var length in new[] { 3, 4, 7, 8 })
                    yield return new("DFT", [17, 20], [Any(2, 5, parts), Number(length)], inverse);
            }
        }

        foreach (var size in new[] { 1, 2, 5, 6 })
        {
            yield return new("DFT", [17, 20], [Any(2, size, 1)], I("onesided", 1));
            yield return new("DFT", [17, 20], [Any(2, 5, 1), Number(size + 2)], I("onesided", 1));
        }

        foreach (var length in new[] { 1, 2, 3, 4, 5, 6, 7, 8, 9 })
            yield return new("DFT", [17, 20], [Any(2, 4, 2), Number(length)], I("onesided", 1), I("inverse", 1));

        yield return new("DFT", [20], [Any(2, 4, 3, 1), Absent, Number(1)], I("onesided", 1));
        yield return new("DFT", [17, 20], [Any(2, 4, 2)], I("onesided", 1), I("inverse", 1));
        yield return new("DFT", [20], [Any(3, 4, 2), Absent, Number(0)], I("onesided", 1), I("inverse", 1));

        foreach (var onesided in new[] { I("onesided", 1), I("onesided", 0) })
        {
            yield return new("STFT", [17, 26], [Any(2, 9, 1), Number(2), Any(4)], onesided);
            yield return new("STFT", [17], [Any(2, 9, 1), Number(3), Absent, Number(5)], onesided);
            yield return new("STFT", [17], [Any(1, 9), Number(4), Any(3), Number(3)], onesided);
            yield return new("STFT", [17], [Any(2, 8, 2), Number(2), Any(4)], onesided);
        }

        yield return new("STFT", [17], [Any(2, 9, 1), Number(2), Floats([4], 0.2f, 1, 0.7f, 0.3f)]);
    }
}
